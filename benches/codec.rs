//! The wire codec alone: no engine, no socket. One iteration is a pipeline of 64 requests or 64
//! replies, so divide by 64 for the cost of one.

// The macro of the harness makes public items without docs.
#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use redstart::resp::reply::{Proto, Reply};
use redstart::resp::request::{InBuf, Limits, Parsed};
use std::hint::black_box;

const PIPELINE: usize = 64;

/// `SET key:<12 digits> <value>` 64 times over.
fn sets(value_len: usize) -> Vec<u8> {
    let value = "v".repeat(value_len);
    let mut bytes = Vec::new();
    for number in 0..PIPELINE {
        let request =
            format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{number:012}\r\n${value_len}\r\n{value}\r\n");
        bytes.extend_from_slice(request.as_bytes());
    }
    bytes
}

fn parse(c: &mut Criterion) {
    let limits = Limits::default();
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    for value_len in [3, 64, 1024] {
        let bytes = sets(value_len);
        let mut inbuf = InBuf::new();
        group.bench_function(format!("64 SET of {value_len} B"), |b| {
            b.iter(|| {
                inbuf.feed(&bytes);
                let mut found = 0;
                while inbuf.parse(&limits) == Parsed::Request {
                    found += black_box(inbuf.raw_args()).len();
                    inbuf.finish_request();
                }
                assert_eq!(found, 3 * PIPELINE);
            });
        });
    }
    group.finish();
}

fn lookahead(c: &mut Criterion) {
    let mut group = c.benchmark_group("lookahead");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    for value_len in [3, 64, 1024] {
        let mut inbuf = InBuf::new();
        inbuf.feed(&sets(value_len));
        group.bench_function(format!("64 SET of {value_len} B"), |b| {
            b.iter(|| assert_eq!(inbuf.lookahead().map(black_box).count(), PIPELINE));
        });
    }
    group.finish();
}

fn reply(c: &mut Criterion) {
    let mut group = c.benchmark_group("reply");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    for value_len in [3, 64, 1024] {
        let value = vec![b'v'; value_len];
        let mut reply = Reply::new(Proto::V2);
        group.bench_function(format!("64 bulks of {value_len} B"), |b| {
            b.iter(|| {
                for _ in 0..PIPELINE {
                    reply.bulk(black_box(&value));
                }
                let len = reply.len();
                reply.out().consume(len);
            });
        });
    }
    group.bench_function("64 integers", |b| {
        b.iter_batched_ref(
            || Reply::new(Proto::V2),
            |reply| (0..PIPELINE as i64).for_each(|number| reply.int(black_box(number * 37))),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, parse, lookahead, reply);
criterion_main!(benches);
