//! HyperLogLog against plain registers, known bytes and damaged ones.

use super::*;
use crate::base::rng::Rng;

const MAX: usize = 3000;

fn add(bytes: &mut Vec<u8>, text: &[u8]) -> bool {
    let (index, value) = place_of(text);
    raise(bytes, index, value, MAX).expect("it is sound")
}

#[test]
fn known_bytes_of_a_sparse_one() {
    let mut bytes = empty();
    assert_eq!(bytes, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    assert_eq!(cached(&bytes), Some(0));
    assert!(add(&mut bytes, b"a"));
    // As in the transcripts of the real server: XZERO 12711, VAL 2, XZERO 3672.
    assert_eq!(describe(&bytes), Some(Ok("Z:12711 v:2,1 Z:3672".to_string())));
    assert!(!add(&mut bytes, b"a"));
    set_stale(&mut bytes);
    assert_eq!((cached(&bytes), count(&bytes)), (None, Ok(1)));
    set_cached(&mut bytes, 1);
    assert_eq!(cached(&bytes), Some(1));
    let mut bytes = empty();
    for text in [b"a", b"b", b"c"] {
        add(&mut bytes, text);
    }
    let words = "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603";
    assert_eq!(describe(&bytes), Some(Ok(words.to_string())));
    assert!(looks_right(&bytes) && !looks_right(&bytes[..15]) && !looks_right(b"HYLX"));
}

#[test]
fn both_forms_hold_the_same_registers() {
    let mut rng = Rng::seeded(4);
    for round in 0..12 {
        let (mut sparse, mut dense) = (empty(), empty());
        to_dense(&mut dense).unwrap();
        let mut plain = [0u8; REGISTERS];
        // Few neighbours and low values, so that runs form and split.
        let span = [40, 300, 16_384][round % 3];
        for _ in 0..700 {
            let (index, value) = (rng.below(span) as usize, 1 + rng.below(4) as u8);
            let rises = plain[index] < value;
            plain[index] = plain[index].max(value);
            assert_eq!(raise(&mut sparse, index, value, MAX), Ok(rises));
            assert_eq!(raise(&mut dense, index, value, MAX), Ok(rises));
        }
        for bytes in [&sparse, &dense] {
            let mut registers = [0; REGISTERS];
            merge_into(&mut registers, bytes).unwrap();
            assert!(registers == plain);
            assert_eq!(count(bytes), Ok(estimate(&plain)));
        }
        assert!(!is_dense(&sparse) && sparse.len() <= MAX);
        assert!(to_dense(&mut sparse).unwrap());
        assert!(sparse == dense && dense.len() == DENSE_LEN);
    }
}

#[test]
fn a_long_or_high_one_becomes_dense() {
    let mut bytes = empty();
    assert_eq!(raise(&mut bytes, 5, 32, MAX), Ok(true));
    assert!(!is_dense(&bytes));
    assert_eq!(raise(&mut bytes, 5, 33, MAX), Ok(true));
    assert!(is_dense(&bytes));
    let mut bytes = empty();
    let mut n = 0;
    while !is_dense(&bytes) {
        assert!(bytes.len() <= 100);
        let (index, value) = place_of(format!("text {n}").as_bytes());
        raise(&mut bytes, index, value, 100).unwrap();
        n += 1;
    }
    assert_eq!((count(&bytes).unwrap(), n > 20), (n, true));
}

#[test]
fn estimates_are_close() {
    let mut bytes = empty();
    let mut next = 100u64;
    for n in 1..=60_000u64 {
        add(&mut bytes, format!("element number {n}").as_bytes());
        if n == next {
            let off = count(&bytes).unwrap() as f64 / n as f64 - 1.0;
            assert!(off.abs() < 0.03, "{off} at {n}");
            next *= 3;
        }
    }
    let mut full = [51u8; REGISTERS];
    assert!(estimate(&full) > 1 << 50);
    full.fill(0);
    assert_eq!(estimate(&full), 0);
}

#[test]
fn damage_is_noticed_and_survived() {
    let mut sound = empty();
    for n in 0..200 {
        add(&mut sound, format!("{n}").as_bytes());
    }
    let mut rng = Rng::seeded(8);
    for _ in 0..3_000 {
        let mut bytes = sound.clone();
        let len = HEADER + rng.below((bytes.len() - HEADER) as u64) as usize;
        if rng.below(2) == 0 {
            bytes.truncate(len);
            assert_eq!(count(&bytes), Err(Corrupt));
        } else {
            bytes[len] ^= 1 << rng.below(8);
        }
        let mut registers = [0; REGISTERS];
        let merged = merge_into(&mut registers, &bytes);
        assert_eq!(merged.is_ok(), to_dense(&mut bytes.clone()).is_ok());
        let (index, value) = (rng.below(REGISTERS as u64) as usize, 1 + rng.below(40) as u8);
        // An error or not, but no panic.
        let _ = raise(&mut bytes, index, value, MAX);
        let _ = describe(&bytes);
    }
}
