//! Listpacks against a list of texts, and byte for byte against the format.

use super::*;
use crate::base::rng::Rng;

fn texts(packed: Packed<'_>) -> Vec<Vec<u8>> {
    packed.iter().map(|item| item.to_vec()).collect()
}

/// Texts at every border of an encoding, and their neighbours.
fn borders() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let edges = [0i64, 127, 128, 4095, 0x7FFF, 0x7F_FFFF, 0x7FFF_FFFF, i64::MAX];
    for edge in edges {
        for n in [edge.saturating_sub(1), edge, edge.saturating_add(1)] {
            all.push(n.to_string().into_bytes());
            all.push(n.wrapping_neg().to_string().into_bytes());
            all.push((-1 - n).to_string().into_bytes());
        }
    }
    for text in ["-0", "00", "+1", "1.0", " 1", "9223372036854775808", "-"] {
        all.push(text.as_bytes().to_vec());
    }
    for len in [0, 1, 62, 63, 64, 125, 126, 127, 4094, 4095, 4096, 16377, 16378, 16379, 20_000] {
        all.push(vec![b'x'; len]);
    }
    all
}

#[track_caller]
fn same(list: &Listpack, model: &[Vec<u8>]) {
    assert!(Packed::validate(list.as_packed().bytes()), "well formed");
    let packed = list.as_packed();
    assert_eq!(texts(packed), model);
    assert_eq!(packed.len(), model.len());
    assert_eq!(packed.is_empty(), model.is_empty());
    let mut back: Vec<Vec<u8>> = packed.iter().rev().map(|item| item.to_vec()).collect();
    back.reverse();
    assert_eq!(back, model);
}

fn bytes_of(text: &[u8]) -> Vec<u8> {
    let mut list = Listpack::new();
    list.push(text);
    let bytes = list.into_bytes();
    bytes[HEADER..bytes.len() - 1].to_vec()
}

#[test]
fn elements_have_the_bytes_of_the_format() {
    for (text, want) in [
        ("0", &[0x00, 1][..]),
        ("127", &[0x7F, 1]),
        ("128", &[0xC0, 0x80, 2]),
        ("-1", &[0xDF, 0xFF, 2]),
        ("4095", &[0xCF, 0xFF, 2]),
        ("-4096", &[0xD0, 0x00, 2]),
        ("4096", &[0xF1, 0x00, 0x10, 3]),
        ("-32768", &[0xF1, 0x00, 0x80, 3]),
        ("32768", &[0xF2, 0x00, 0x80, 0x00, 4]),
        ("-8388608", &[0xF2, 0x00, 0x00, 0x80, 4]),
        ("8388608", &[0xF3, 0x00, 0x00, 0x80, 0x00, 5]),
        ("-2147483648", &[0xF3, 0x00, 0x00, 0x00, 0x80, 5]),
        ("2147483648", &[0xF4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]),
        ("-9223372036854775808", &[0xF4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]),
        ("", &[0x80, 1]),
        ("ab", &[0x82, b'a', b'b', 3]),
        ("-0", &[0x82, b'-', b'0', 3]),
    ] {
        assert_eq!(bytes_of(text.as_bytes()), want, "{text}");
    }
    let long = |len: usize| bytes_of(&vec![b'x'; len]);
    assert_eq!((long(63)[0], &long(63)[64..]), (0xBF, &[64][..]));
    assert_eq!((&long(64)[..2], &long(64)[66..]), (&[0xE0, 64][..], &[66][..]));
    // 126 bytes and their head are 128: the length behind needs a second byte.
    assert_eq!(long(125)[127..], [127]);
    assert_eq!(long(126)[128..], [0x01, 0x80]);
    assert_eq!(long(4095)[..2], [0xEF, 0xFF]);
    assert_eq!(
        (&long(4096)[..5], &long(4096)[4101..]),
        (&[0xF0, 0, 16, 0, 0][..], &[32, 0x85][..])
    );
    // 16383, the largest number of two times seven bits, already has three bytes.
    assert_eq!(long(16377)[16382..], [0x7F, 0xFE]);
    assert_eq!(long(16378)[16383..], [0x00, 0xFF, 0xFF]);
}

#[test]
fn headers_tell_bytes_and_count() {
    let mut list = Listpack::new();
    assert_eq!(list.as_packed().bytes(), [7, 0, 0, 0, 0, 0, 0xFF]);
    assert_eq!((list.byte_len(), list.heap_bytes(), list.as_packed().len()), (7, 0, 0));
    list.push(b"a");
    list.push_int(7);
    assert_eq!(list.0, [12, 0, 0, 0, 2, 0, 0x81, b'a', 2, 7, 1, 0xFF]);
    assert_eq!(element_size(b"a") + element_size(b"7") + 7, list.byte_len());
}

#[test]
fn every_border_survives_in_every_place() {
    let all = borders();
    let (mut forward, mut backward) = (Listpack::new(), Listpack::new());
    for text in &all {
        forward.push(text);
        backward.prepend(text);
        let mut one = Listpack::new();
        one.push(b"before");
        one.push(b"after");
        let mut at = one.as_packed().first().expect("two elements");
        at = one.insert_after(at, text);
        let item = one.as_packed().get(at);
        assert!(item.eq_text(text) && item.len() == text.len());
        assert_eq!(item.as_int(), parse_i64(text));
        for other in &all {
            at = one.replace(at, other);
            same(&one, &[b"before".to_vec(), other.clone(), b"after".to_vec()]);
        }
    }
    same(&forward, &all);
    let packed = forward.as_packed();
    for (i, text) in all.iter().enumerate() {
        let at = packed.seek(i as i64).expect("in range");
        assert_eq!(Some(at), packed.seek(i as i64 - all.len() as i64));
        assert!(packed.get(at).eq_text(text));
        let first = all.iter().position(|t| t == text).expect("it is there");
        assert_eq!(packed.find(text, 0, packed.first()), packed.seek(first as i64));
    }
    assert_eq!((packed.seek(all.len() as i64), packed.seek(-1 - all.len() as i64)), (None, None));
    let reversed: Vec<_> = all.into_iter().rev().collect();
    same(&backward, &reversed);
}

#[test]
fn find_passes_over_values() {
    let mut list = Listpack::new();
    for text in ["k", "v", "v", "k", "5", "6"] {
        list.push(text.as_bytes());
    }
    let packed = list.as_packed();
    let find = |text: &str, skip| packed.find(text.as_bytes(), skip, packed.first());
    assert_eq!(find("v", 1), packed.seek(2));
    assert_eq!(find("v", 0), packed.seek(1));
    assert_eq!(find("5", 1), packed.seek(4));
    assert_eq!(find("6", 1), None);
    assert_eq!(find("05", 1), None);
    assert_eq!(packed.find(b"k", 0, packed.seek(1)), packed.seek(3));
    assert_eq!(Listpack::new().as_packed().find(b"k", 0, None), None);
}

#[test]
fn random_edits_equal_those_of_a_vector() {
    let pool = borders();
    let mut rng = Rng::seeded(11);
    for _ in 0..30 {
        let (mut list, mut model) = (Listpack::new(), Vec::<Vec<u8>>::new());
        for _ in 0..60 {
            let text = &pool[rng.below(pool.len() as u64) as usize];
            let at = rng.below(model.len().max(1) as u64) as usize;
            let pos = list.as_packed().seek(at as i64);
            match (rng.below(8), pos) {
                (0, Some(pos)) => {
                    let next = list.remove(pos);
                    model.remove(at);
                    assert_eq!(next, list.as_packed().seek(at as i64));
                }
                (1, Some(pos)) => {
                    let n = rng.below(4) as usize;
                    list.remove_range(pos, n);
                    model.drain(at..(at + n).min(model.len()));
                }
                (2, Some(pos)) => {
                    list.insert_before(pos, text);
                    model.insert(at, text.clone());
                }
                (3, Some(pos)) => {
                    list.insert_after(pos, text);
                    model.insert(at + 1, text.clone());
                }
                (4, Some(pos)) => {
                    list.replace(pos, text);
                    model[at] = text.clone();
                }
                (5, Some(pos)) => {
                    list.replace_int(pos, -129);
                    model[at] = b"-129".to_vec();
                }
                (6, _) => {
                    list.prepend(text);
                    model.insert(0, text.clone());
                }
                _ => {
                    list.push(text);
                    model.push(text.clone());
                }
            }
            same(&list, &model);
        }
    }
}

#[test]
fn beyond_65534_elements_are_counted_by_walking() {
    let mut list = Listpack::new();
    let mut last = 0;
    while last < 65535 {
        assert_ne!(count_of(list.as_packed().0), MANY);
        list.push(b"1");
        last += 1;
    }
    assert_eq!((count_of(&list.0), list.as_packed().len()), (MANY, 65535));
    list.push(b"2");
    assert!(Packed::validate(&list.0));
    assert_eq!(list.as_packed().len(), 65536);
    assert_eq!(list.as_packed().seek(65535), list.as_packed().last());
    assert_eq!(list.as_packed().seek(-65536), list.as_packed().first());
    assert_eq!(list.as_packed().seek(65536), None);
    let first = list.as_packed().first().expect("many elements");
    list.remove_range(first, 10);
    assert_eq!(list.as_packed().len(), 65526);
    list.remove_range(first, usize::MAX);
    assert_eq!(list.0, EMPTY);
    assert!(list.heap_bytes() <= KEPT, "the buffer was given back");
}

#[test]
fn buffers_have_the_size_the_allocator_gives() {
    let mut list = Listpack::new();
    for n in 0..3000 {
        list.push(format!("element {n}").as_bytes());
        assert!(list.heap_bytes() <= size_class(list.byte_len()));
    }
    let mut borrowed = Listpack::growing_in(Vec::with_capacity(5000));
    assert!(borrowed.as_packed().is_empty());
    borrowed.push(b"x");
    assert_eq!((borrowed.heap_bytes(), borrowed.as_packed().len()), (5000, 1));
    borrowed.fit();
    assert_eq!((borrowed.heap_bytes(), borrowed.as_packed().len()), (16, 1));
    assert!(list.may_grow(1000) && !list.may_grow(SAFE_MAX));
}

#[test]
fn damaged_bytes_are_told_from_sound_ones_without_panic() {
    let mut list = Listpack::new();
    for text in borders().iter().filter(|text| text.len() < 200) {
        list.push(text);
    }
    let sound = list.into_bytes();
    assert!(Packed::validate(&sound));
    for end in 0..sound.len() {
        assert!(!Packed::validate(&sound[..end]));
    }
    let mut rng = Rng::seeded(12);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut bytes = sound.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.next_u64() as u8;
        }
        if Packed::validate(&bytes) {
            // Whatever passes can be read in both directions.
            let packed = Packed::new(&bytes);
            assert_eq!(packed.iter().count(), packed.iter().rev().count());
        } else {
            refused += 1;
        }
    }
    assert!(refused > 5000);
    for bytes in [&[7, 0, 0, 0, 1, 0, 0xFF][..], &[8, 0, 0, 0, 0, 0, 0xFF, 0xFF], &[0xFF; 7]] {
        assert!(!Packed::validate(bytes));
    }
    // A text of 4 GB in a few bytes.
    let huge = [14, 0, 0, 0, 1, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 6, 0xFF];
    assert!(!Packed::validate(&huge));
}
