//! The bytes of both protocols, chunking, marks, open aggregates, limits.

use super::*;
use std::io::IoSlice;

fn written(proto: Proto, write: impl Fn(&mut Reply)) -> String {
    let mut reply = Reply::new(proto);
    write(&mut reply);
    String::from_utf8(reply.out().to_vec()).expect("text")
}

fn check(write: impl Fn(&mut Reply), v2: &str, v3: &str) {
    assert_eq!(written(Proto::V2, &write), v2);
    assert_eq!(written(Proto::V3, &write), v3);
}

fn both(write: impl Fn(&mut Reply), text: &str) {
    check(write, text, text);
}

#[test]
fn forms() {
    both(|r| r.ok(), "+OK\r\n");
    both(|r| r.simple(b"PONG"), "+PONG\r\n");
    both(|r| r.simple(b"a\r\nb"), "+a  b\r\n");
    both(|r| r.error("ERR a\nb"), "-ERR a b\r\n");
    both(|r| r.int(7), ":7\r\n");
    both(|r| r.int(-1), ":-1\r\n");
    both(|r| r.int(i64::MIN), ":-9223372036854775808\r\n");
    both(|r| r.bulk(b""), "$0\r\n\r\n");
    both(|r| r.bulk(b"123456789"), "$9\r\n123456789\r\n");
    both(|r| r.bulk(b"1234567890"), "$10\r\n1234567890\r\n");
    both(|r| r.bulk(&[b'a'; 99]), &format!("$99\r\n{}\r\n", "a".repeat(99)));
    both(|r| r.bulk(&[b'a'; 100]), &format!("$100\r\n{}\r\n", "a".repeat(100)));
    both(|r| r.bulk_int(-42), "$3\r\n-42\r\n");
    check(|r| r.null(), "$-1\r\n", "_\r\n");
    check(|r| r.null_array(), "*-1\r\n", "_\r\n");
    both(|r| r.array(12), "*12\r\n");
    check(|r| r.map(6), "*12\r\n", "%6\r\n");
    check(|r| r.set(2), "*2\r\n", "~2\r\n");
    check(|r| r.push(3), "*3\r\n", ">3\r\n");
    check(|r| assert_eq!(r.attribute(1), r.proto == Proto::V3), "", "|1\r\n");
    check(|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    check(|r| r.double(f64::INFINITY), "$3\r\ninf\r\n", ",inf\r\n");
    check(|r| r.bool(true), ":1\r\n", "#t\r\n");
    check(|r| r.bool(false), ":0\r\n", "#f\r\n");
    check(|r| r.big_number(b"123"), "$3\r\n123\r\n", "(123\r\n");
    check(|r| r.verbatim(*b"txt", b"abc"), "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n");
    both(|r| r.raw(b"anything"), "anything");
}

/// The stream as a socket would take it, `step` bytes at a time.
#[test]
fn bulk_strings_of_every_length() {
    let mut reply = Reply::new(Proto::V2);
    let mut want = String::new();
    for len in 0..130_u8 {
        let text: String = (0..len).map(|at| char::from(b' ' + at % 90)).collect();
        reply.bulk(text.as_bytes());
        want += &format!("${len}\r\n{text}\r\n");
    }
    assert_eq!(String::from_utf8(reply.out().to_vec()).expect("text"), want);
}

fn drained(out: &mut OutBuf, step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while !out.is_empty() {
        let mut slices = [IoSlice::new(&[]); 4];
        let count = out.slices(&mut slices);
        assert!(count > 0, "what is not empty has a slice");
        let mut taken = 0;
        for slice in &slices[..count] {
            let part = slice.len().min(step - taken);
            all.extend_from_slice(&slice[..part]);
            taken += part;
        }
        out.consume(taken);
    }
    all
}

#[test]
fn any_mix_of_writes_and_reads_keeps_the_stream() {
    let shared = Bytes::from(vec![b's'; 40_000]);
    for step in [1000, 4096, 70_000, 1 << 20] {
        let mut reply = Reply::new(Proto::V2);
        let mut expect = Vec::new();
        for round in 0..300 {
            let small = vec![b'a' + (round % 26) as u8; round * 7];
            reply.bulk(&small);
            expect.extend_from_slice(format!("${}\r\n", small.len()).as_bytes());
            expect.extend_from_slice(&small);
            expect.extend_from_slice(b"\r\n");
            if round % 50 == 3 {
                reply.bulk_shared(shared.clone());
                expect.extend_from_slice(b"$40000\r\n");
                expect.extend_from_slice(&shared);
                expect.extend_from_slice(b"\r\n");
            }
            if round == 77 {
                reply.bulk(&[b'L'; 200_000]);
                expect.extend_from_slice(b"$200000\r\n");
                expect.extend_from_slice(&[b'L'; 200_000]);
                expect.extend_from_slice(b"\r\n");
            }
        }
        assert_eq!(reply.len(), expect.len());
        assert!(reply.out().to_vec() == expect);
        assert!(drained(reply.out(), step) == expect);
        assert!(reply.out().capacity_bytes() <= 20_000, "an emptied buffer is small");
        reply.out().shrink_if_idle();
        assert_eq!(reply.out().capacity_bytes(), 0);
    }
}

#[test]
fn shared_strings_are_not_copied() {
    let value = Bytes::from(vec![b'x'; 100_000]);
    let mut reply = Reply::new(Proto::V2);
    reply.bulk_shared(value.clone());
    let mut slices = [IoSlice::new(&[]); 8];
    let count = reply.out().slices(&mut slices);
    assert_eq!(count, 3);
    assert_eq!(slices[1].as_ptr(), value.as_ptr());
}

#[test]
fn marks() {
    for before in [0, 10, 600, 70_000] {
        for after in [0, 5, 600, 20_000, 300_000] {
            let mut reply = Reply::new(Proto::V2);
            reply.raw(&vec![b'b'; before]);
            let mark = reply.mark();
            reply.raw(&vec![b'a'; after]);
            reply.bulk_shared(Bytes::from(vec![b's'; 20_000]));
            reply.int(5);
            reply.truncate(mark);
            assert_eq!(reply.len(), before);
            reply.raw(b"!");
            assert!(reply.out().to_vec() == [vec![b'b'; before], b"!".to_vec()].concat());
        }
    }
    // Bytes already sent do not count.
    let mut reply = Reply::new(Proto::V2);
    reply.raw(b"0123456789");
    reply.out().consume(4);
    let mark = reply.mark();
    reply.raw(b"abc");
    reply.truncate(mark);
    assert_eq!(reply.out().to_vec(), b"456789");
    // Into the middle of a shared string.
    let mut out = OutBuf::new();
    out.push_shared(Bytes::from(vec![b's'; 20_000]));
    out.truncate(10_000);
    assert_eq!(out.to_vec(), vec![b's'; 10_000]);
}

#[test]
fn open_aggregates() {
    check(
        |r| {
            r.int(1);
            let outer = r.open_array();
            let inner = r.open_map();
            r.bulk(b"k");
            r.int(2);
            r.close(inner, 1);
            let empty = r.open_set();
            r.close(empty, 0);
            r.close(outer, 2);
            r.int(3);
        },
        ":1\r\n*2\r\n*2\r\n$1\r\nk\r\n:2\r\n*0\r\n:3\r\n",
        ":1\r\n*2\r\n%1\r\n$1\r\nk\r\n:2\r\n~0\r\n:3\r\n",
    );
}

#[test]
fn open_aggregates_over_chunks() {
    for before in [0, 3, 500, 16_380, 65_530] {
        for item in [1, 30_000, 100_000] {
            let mut reply = Reply::new(Proto::V2);
            let mut plain = Reply::new(Proto::V2);
            for known in [false, true] {
                let r = if known { &mut plain } else { &mut reply };
                r.raw(&vec![b'.'; before]);
                let outer = (!known).then(|| r.open_array());
                if known {
                    r.array(3);
                }
                for _ in 0..3 {
                    let inner = (!known).then(|| r.open_array());
                    if known {
                        r.array(2);
                    }
                    r.bulk(&vec![b'x'; item]);
                    r.bulk_shared(Bytes::from(vec![b'y'; item]));
                    if let Some(inner) = inner {
                        r.close(inner, 2);
                    }
                }
                if let Some(outer) = outer {
                    r.close(outer, 3);
                }
            }
            assert!(reply.out().to_vec() == plain.out().to_vec(), "{before} {item}");
            assert_eq!(reply.len(), plain.len());
        }
    }
}

#[test]
fn limit_and_silence() {
    let mut reply = Reply::new(Proto::V2);
    reply.set_limit(Some(1000));
    (0..50).for_each(|_| reply.bulk(b"0123456789"));
    assert!(!reply.overflowed());
    (0..50).for_each(|_| reply.bulk(b"0123456789"));
    assert!(reply.overflowed());
    assert!(reply.len() < 1020);
    let mut reply = Reply::new(Proto::V2);
    reply.set_limit(Some(1000));
    reply.bulk_shared(Bytes::from(vec![0; 1 << 20]));
    assert!(reply.overflowed() && reply.is_empty());

    let mut reply = Reply::new(Proto::V2);
    reply.set_silent(true);
    let slot = reply.open_array();
    reply.int(1);
    reply.error("ERR x");
    reply.close(slot, 1);
    assert!(reply.is_empty());
    reply.set_silent(false);
    reply.ok();
    assert_eq!(reply.out().to_vec(), b"+OK\r\n");
}

#[test]
fn appending() {
    for first in [0, 100, 100_000] {
        for second in [0, 100, 16_000, 100_000] {
            for sent in [0, 50] {
                let mut into = OutBuf::new();
                into.push_bytes(&vec![b'1'; first]);
                let mut from = OutBuf::new();
                from.push_bytes(&vec![b'2'; second]);
                from.push_shared(Bytes::from(vec![b'3'; second]));
                from.consume(sent.min(second));
                let expect = [into.to_vec(), from.to_vec(), b"end".to_vec()].concat();
                into.append(&mut from);
                assert!(from.is_empty() && from.to_vec().is_empty());
                into.push_bytes(b"end");
                from.push_bytes(b"more");
                assert!(into.to_vec() == expect, "{first} {second} {sent}");
                assert_eq!(into.len(), expect.len());
                assert_eq!(from.to_vec(), b"more");
            }
        }
    }
}
