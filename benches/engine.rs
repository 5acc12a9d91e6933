//! Commands per second of the engine alone: bytes in, bytes out, no sockets.

// The macros at the end write public items of their own.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redstart::engine::Engine;
use redstart::engine::client::{ClientId, Peer};
use redstart::engine::config::Config;
use redstart::env::sim::Sim;
use std::hint::black_box;

/// The words of the n-th request.
type Words<'a> = &'a dyn Fn(usize) -> Vec<String>;

const PIPELINE: usize = 64;
const KEYS: usize = 100_000;

fn engine() -> (Engine, ClientId) {
    let env = Sim::new(1).env();
    let mut engine = Engine::new(Config::default(), env, redstart::commands::table());
    let peer = Peer { loopback: true, ..Peer::default() };
    let id = engine.connect(peer);
    (engine, id)
}

fn run(engine: &mut Engine, id: ClientId, request: &[u8]) -> usize {
    let Some(inbuf) = engine.buffer(id) else { return 0 };
    inbuf.feed(request);
    engine.arrived(id, 0);
    engine.run_ready();
    let Some(out) = engine.output(id) else { return 0 };
    let len = out.len();
    out.consume(len);
    len
}

fn pipelines(parts: Words<'_>) -> Vec<Vec<u8>> {
    let one = |n: usize| {
        let words = parts(n * 7919 % KEYS);
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text += &format!("${}\r\n{word}\r\n", word.len());
        }
        text.into_bytes()
    };
    (0..KEYS / PIPELINE)
        .map(|batch| (0..PIPELINE).flat_map(|i| one(batch * PIPELINE + i)).collect())
        .collect()
}

fn bench(c: &mut Criterion) {
    let (mut engine, id) = engine();
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    let value = "x".repeat(32);
    let key = |n: usize| format!("key:{n:012}");
    let set = |n: usize| vec!["SET".to_owned(), key(n), value.clone()];
    let get = |n: usize| vec!["GET".to_owned(), key(n)];
    let incr = |n: usize| vec!["INCR".to_owned(), format!("cnt:{n}")];
    let cases: [(&str, Words<'_>); 3] = [("set", &set), ("get", &get), ("incr", &incr)];
    for (name, parts) in cases {
        let batches = pipelines(parts);
        let mut next = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                next = (next + 1) % batches.len();
                black_box(run(&mut engine, id, &batches[next]))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
