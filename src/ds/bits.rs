//! Strings of bits: counting ones, finding the first bit of a kind. The first bit of a byte is its
//! highest.
//!
//! Counting is one plain loop over words, compiled several times: for what every processor of the
//! kind has, with the instruction that counts the ones of a word, and with vectors. Which one runs
//! is decided when the server runs.
#![allow(unsafe_code)]

use std::ops::Range;

/// How many ones there are.
pub fn count_ones(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if bytes.len() >= VECTORS_FROM && std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was just asked whether it has these instructions.
            return unsafe { count_by_vectors(bytes) };
        }
        if std::arch::is_x86_feature_detected!("popcnt") {
            // SAFETY: as above.
            return unsafe { count_by_words(bytes) };
        }
    }
    count_plainly(bytes)
}

/// Shorter strings are not worth the start of the vector loop, bytes.
#[cfg(target_arch = "x86_64")]
const VECTORS_FROM: usize = 512;

/// # Safety
/// The processor has AVX2 and POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
unsafe fn count_by_vectors(bytes: &[u8]) -> u64 {
    count_plainly(bytes)
}

/// # Safety
/// The processor has POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
unsafe fn count_by_words(bytes: &[u8]) -> u64 {
    count_plainly(bytes)
}

/// Eight bytes as a word; in which order does not matter here.
#[inline(always)]
fn word(chunk: &[u8]) -> u64 {
    u64::from_le_bytes(chunk.try_into().expect("chunks are of eight bytes"))
}

#[inline(always)]
fn count_plainly(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let tail = words.remainder();
    let whole: u64 = words.map(|chunk| u64::from(word(chunk).count_ones())).sum();
    whole + tail.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// The bits of the byte at `at` that lie within `range`, as a mask.
fn mask_at(at: u64, range: &Range<u64>) -> u8 {
    let first = range.start.max(at * 8) - at * 8;
    let end = range.end.min(at * 8 + 8) - at * 8;
    (0xff_u16 >> first) as u8 & (0xff00_u16 >> end) as u8
}

/// How many ones there are in a range of bits, which lies within the bytes.
pub fn count_ones_in(bytes: &[u8], range: Range<u64>) -> u64 {
    if range.is_empty() {
        return 0;
    }
    let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
    let edge = |at: usize| u64::from((bytes[at] & mask_at(at as u64, &range)).count_ones());
    if first == last {
        return edge(first);
    }
    edge(first) + count_ones(&bytes[first + 1..last]) + edge(last)
}

/// The place of the first bit in a range of bits, which lies within the bytes, that is as `bit`.
pub fn first_bit(bytes: &[u8], bit: bool, range: Range<u64>) -> Option<u64> {
    if range.is_empty() {
        return None;
    }
    // Turned round for a zero, so that a one is looked for in any case.
    let flip = if bit { 0 } else { 0xff };
    let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
    let in_edge = |at: usize| {
        let byte = (bytes[at] ^ flip) & mask_at(at as u64, &range);
        (byte != 0).then(|| at as u64 * 8 + u64::from(byte.leading_zeros()))
    };
    if let Some(found) = in_edge(first) {
        return Some(found);
    }
    if first == last {
        return None;
    }
    let middle = &bytes[first + 1..last];
    if let Some(at) = first_other_than(middle, flip) {
        let bits = (middle[at] ^ flip).leading_zeros();
        return Some((first + 1 + at) as u64 * 8 + u64::from(bits));
    }
    in_edge(last)
}

/// The place of the first byte that is not `byte`.
fn first_other_than(bytes: &[u8], byte: u8) -> Option<usize> {
    let same = u64::from_le_bytes([byte; 8]);
    let skipped = bytes.chunks_exact(8).take_while(|chunk| word(chunk) == same).count() * 8;
    bytes[skipped..].iter().position(|b| *b != byte).map(|at| skipped + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn bit_at(bytes: &[u8], i: u64) -> bool {
        bytes[(i / 8) as usize] >> (7 - i % 8) & 1 == 1
    }

    fn sample(rng: &mut Rng, len: usize) -> Vec<u8> {
        let kind = rng.below(3);
        let byte = |rng: &mut Rng| match kind {
            0 => rng.next_u64() as u8,
            1 => {
                if rng.below(50) == 0 {
                    rng.next_u64() as u8
                } else {
                    0
                }
            }
            _ => {
                if rng.below(50) == 0 {
                    rng.next_u64() as u8
                } else {
                    0xff
                }
            }
        };
        (0..len).map(|_| byte(rng)).collect()
    }

    #[test]
    fn every_way_of_counting_is_the_naive_one() {
        let mut rng = Rng::seeded(1);
        for len in (0..80).chain([511, 512, 513, 1000, 4099]) {
            let bytes = sample(&mut rng, len);
            let naive: u64 = (0..8 * len as u64).map(|i| u64::from(bit_at(&bytes, i))).sum();
            assert_eq!(count_ones(&bytes), naive);
            assert_eq!(count_plainly(&bytes), naive);
            #[cfg(target_arch = "x86_64")]
            {
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor was just asked.
                    assert_eq!(unsafe { count_by_vectors(&bytes) }, naive);
                }
                if std::arch::is_x86_feature_detected!("popcnt") {
                    // SAFETY: the processor was just asked.
                    assert_eq!(unsafe { count_by_words(&bytes) }, naive);
                }
            }
        }
    }

    #[test]
    fn ranges_of_bits_are_the_naive_ones() {
        let mut rng = Rng::seeded(2);
        for _ in 0..3_000 {
            let len = 1 + rng.below(40) as usize;
            let bytes = sample(&mut rng, len);
            let all = 8 * bytes.len() as u64;
            let (a, b) = (rng.below(all + 1), rng.below(all + 1));
            let range = a.min(b)..a.max(b);
            let ones = range.clone().filter(|i| bit_at(&bytes, *i)).count() as u64;
            assert_eq!(count_ones_in(&bytes, range.clone()), ones);
            for bit in [false, true] {
                let first = range.clone().find(|i| bit_at(&bytes, *i) == bit);
                assert_eq!(first_bit(&bytes, bit, range.clone()), first, "{bytes:?} {range:?}");
            }
        }
    }
}
