//! MurmurHash64A with the seed Redis uses: the bytes of a HyperLogLog depend on it, so it can be
//! no other. Clients may look for collisions; they would only spoil their own count.

use crate::base::hash::tail_word;

const SEED: u64 = 0xadc8_3b19;
const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;

fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(FACTOR);
    (word ^ word >> 47).wrapping_mul(FACTOR)
}

/// The hash of a text.
#[inline]
pub fn murmur64a(text: &[u8]) -> u64 {
    let mut hash = SEED ^ (text.len() as u64).wrapping_mul(FACTOR);
    let mut rest = text;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        hash = (hash ^ mix(u64::from_le_bytes(*word))).wrapping_mul(FACTOR);
        rest = after;
    }
    if !rest.is_empty() {
        hash = (hash ^ tail_word(text, rest)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(FACTOR);
    hash ^ hash >> 47
}
