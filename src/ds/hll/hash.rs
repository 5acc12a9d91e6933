//! MurmurHash64A with the seed Redis uses: the bytes of a HyperLogLog depend on it, so it can be
//! no other. Clients may look for collisions; they would only spoil their own count.

const SEED: u64 = 0xadc8_3b19;
const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;

fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(FACTOR);
    (word ^ word >> 47).wrapping_mul(FACTOR)
}

/// The hash of a text.
pub fn murmur64a(text: &[u8]) -> u64 {
    let words = text.chunks_exact(8);
    let tail = words.remainder();
    let mut hash = SEED ^ (text.len() as u64).wrapping_mul(FACTOR);
    for word in words {
        let word = u64::from_le_bytes(word.try_into().expect("chunks are of eight bytes"));
        hash = (hash ^ mix(word)).wrapping_mul(FACTOR);
    }
    if !tail.is_empty() {
        let rest = tail.iter().rev().fold(0, |rest, byte| rest << 8 | u64::from(*byte));
        hash = (hash ^ rest).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(FACTOR);
    hash ^ hash >> 47
}
