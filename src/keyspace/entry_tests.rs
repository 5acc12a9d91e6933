//! Tests of the entries: what they hold, in how many bytes, under each header.

use super::*;
use crate::value::string::BigStr;

fn short(e: &Entry) -> Vec<u8> {
    match e.view() {
        View::Short(b, _) => b.to_vec(),
        _ => panic!("not a short string"),
    }
}

#[test]
fn holds_what_it_was_given() {
    for klen in [0usize, 1, 16, 255, 256, 70_000] {
        for deadline in [None, Some(1_700_000_000_123)] {
            let key = vec![b'k'; klen];
            let e = Entry::new(&key, New::Short(b"value", false), deadline, 7, 0xABCDEF);
            assert_eq!(e.key(), &key[..]);
            assert_eq!(e.deadline(), deadline);
            assert_eq!((e.epoch(), e.access()), (7, 0xABCDEF));
            assert_eq!(short(&e), b"value");
            let e = e.with_deadline(Some(5)).with_deadline(Some(6)).with_deadline(None);
            assert_eq!((e.deadline(), e.key().len()), (None, klen));
            assert_eq!(short(&e), b"value");
        }
    }
}

#[test]
fn deadlines_of_all_times_are_kept_exactly() {
    let end = CLOSE_FROM + (1 << CLOSE_BITS);
    let times = [
        (i64::MIN, 8 + 8),
        (-1, 8 + 8),
        (CLOSE_FROM - 1, 8 + 8),
        (CLOSE_FROM, 12),
        (1_700_000_000_123, 12),
        (end - 1, 12),
        (end, 8 + 8),
        (i64::MAX, 8 + 8),
    ];
    for (klen, vlen) in [(40, 76), (255, 255), (255, 256), (256, 0), (3, 4096)] {
        let (key, value) = (vec![b'k'; klen], vec![b'v'; vlen]);
        for (at, header) in times {
            let small = klen.max(vlen) < 256;
            let long = if klen > 255 { 4 } else { 0 };
            let header = if small { header } else { 16 } + long;
            let mut e = Entry::new(&key, New::Short(&value, false), Some(at), 3, 9);
            assert_eq!((e.deadline(), e.key(), short(&e)), (Some(at), &key[..], value.clone()));
            assert_eq!(e.size(), (header + klen + vlen).next_multiple_of(8));
            for (other, _) in times {
                e = e.with_deadline(Some(other));
                assert_eq!((e.deadline(), e.key()), (Some(other), &key[..]));
                assert_eq!((short(&e), e.epoch(), e.access()), (value.clone(), 3, 9));
            }
        }
    }
    let session = Entry::new(&[b'k'; 40], New::Short(&[b'v'; 76], true), Some(end - 1), 0, 0);
    assert_eq!(session.bytes(), 128);
}

#[test]
fn values_change_their_length_under_each_header() {
    for at in [None, Some(5), Some(CLOSE_FROM + 5)] {
        let mut e = Entry::new(b"key", New::Short(&[b'v'; 250], false), at, 0, 0);
        for len in 240..260 {
            let text = vec![b'w'; len];
            let fits = e.overwrite_short(&text, false);
            assert_eq!(fits && short(&e) == text, fits);
            assert!(!fits || (e.deadline(), e.key()) == (at, &b"key"[..]));
            let close = at.is_some_and(|at| at > 5);
            assert!(!fits || !close || len < 256, "{len} has no room in a byte");
        }
    }
}

#[test]
fn integer_of_16_byte_key_fits_32_bytes() {
    let e = Entry::new(&[b'k'; 16], New::Int(-1), None, 0, 0);
    assert_eq!(e.bytes(), 32);
}

#[test]
fn overwrites_only_in_the_same_room() {
    let mut e = Entry::new(b"k", New::Short(b"12345", false), None, 0, 0);
    assert!(e.overwrite_short(b"1234567", true));
    assert_eq!(short(&e), b"1234567");
    assert!(!e.overwrite_short(b"12345678", true));
    assert!(!e.overwrite_int(3));
    let mut e = Entry::new(b"k", New::Int(1), None, 0, 0);
    assert!(e.overwrite_int(2) && !e.overwrite_short(b"x", false));
}

#[test]
fn short_strings_change_in_place() {
    let mut e = Entry::new(b"k", New::Short(b"abc", false), Some(5), 0, 0);
    e.short_mut().expect("a string")[1] = b'X';
    assert!(matches!(e.view(), View::Short(b"aXc", true)));
    assert_eq!((e.key(), e.deadline()), (&b"k"[..], Some(5)));
    assert!(Entry::new(b"k", New::Int(1), None, 0, 0).short_mut().is_none());
}

#[test]
fn boxed_values_move_and_are_freed_once() {
    let value = || Box::new(Value::Str(BigStr::Owned(vec![1; 100_000])));
    let e = Entry::new(b"big", New::Boxed(value()), None, 0, 0).with_deadline(Some(9));
    assert!(e.bytes() > 100_000);
    let mut e = e.with_deadline(None);
    assert!(e.take_boxed().is_some() && e.take_boxed().is_none());
}
