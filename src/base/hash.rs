//! The keyed hash of all tables: SipHash with one round a word and three at the end.
//!
//! The key is drawn at start, so a client cannot choose keys that collide. The function itself is
//! the standard one, byte for byte, whatever the machine's byte order.

/// A secret that decides the hash of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// The first eight bytes of the secret.
    pub k0: u64,
    /// The last eight bytes of the secret.
    pub k1: u64,
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    #[inline(always)]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }

    #[inline(always)]
    fn absorb(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.v0 ^= word;
    }
}

/// SipHash-1-3 of `bytes` under `seed`.
#[inline]
pub fn sip13(seed: &Seed, bytes: &[u8]) -> u64 {
    let mut state = State {
        v0: seed.k0 ^ 0x736f_6d65_7073_6575,
        v1: seed.k1 ^ 0x646f_7261_6e64_6f6d,
        v2: seed.k0 ^ 0x6c79_6765_6e65_7261,
        v3: seed.k1 ^ 0x7465_6462_7974_6573,
    };
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        state.absorb(u64::from_le_bytes(*word));
        rest = after;
    }
    state.absorb(((bytes.len() as u64) << 56) | tail_word(bytes, rest));
    state.v2 ^= 0xff;
    state.round();
    state.round();
    state.round();
    state.v0 ^ state.v1 ^ state.v2 ^ state.v3
}

/// The last zero to seven bytes as the low end of a word: `tail` is what is left of `bytes` behind
/// its whole words. After at least one of those the last eight bytes are read at once and shifted,
/// which needs no loop and no copy of odd length.
#[inline(always)]
pub fn tail_word(bytes: &[u8], tail: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        // In two steps, since a shift by all 64 bits (no tail) would overflow.
        let unwanted = 8 * (7 - tail.len() as u32);
        return (u64::from_le_bytes(*last) >> 8) >> unwanted;
    }
    match *tail {
        [a, b, c, d, ref rest @ ..] => {
            let low = u64::from(u32::from_le_bytes([a, b, c, d]));
            rest.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)) << 32 | low
        }
        ref few => few.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, a byte at a time.
    fn plain(seed: &Seed, bytes: &[u8]) -> u64 {
        let mut state = State {
            v0: seed.k0 ^ 0x736f_6d65_7073_6575,
            v1: seed.k1 ^ 0x646f_7261_6e64_6f6d,
            v2: seed.k0 ^ 0x6c79_6765_6e65_7261,
            v3: seed.k1 ^ 0x7465_6462_7974_6573,
        };
        let mut padded = bytes.to_vec();
        while padded.len() % 8 != 7 {
            padded.push(0);
        }
        padded.push(bytes.len() as u8);
        for word in padded.chunks(8) {
            state.absorb(u64::from_le_bytes(word.try_into().unwrap()));
        }
        state.v2 ^= 0xff;
        (0..3).for_each(|_| state.round());
        state.v0 ^ state.v1 ^ state.v2 ^ state.v3
    }

    #[test]
    fn known_values_under_key_zero() {
        // The standard library's default hasher gives these, being this function with a zero key.
        let bytes: Vec<u8> = (0..63).collect();
        for (len, expected) in [
            (0, 0xd1fb_a762_150c_532c),
            (1, 0x68a9_1412_8e01_e473),
            (7, 0x2f09_8ab0_c751_325a),
            (8, 0xead4_11e6_7ebe_2eea),
            (15, 0xf30e_b725_bb91_c9ea),
            (16, 0x8972_1884_33a5_c5b7),
            (63, 0x385d_3e39_e5f3_7359),
        ] {
            assert_eq!(sip13(&Seed { k0: 0, k1: 0 }, &bytes[..len]), expected, "length {len}");
        }
    }

    #[test]
    fn equals_the_definition_under_any_key() {
        let bytes: Vec<u8> = (0..300u32).map(|n| (n * 31 + 200) as u8).collect();
        for (k0, k1) in [(1, 0), (0, 1), (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908), (!0, !0)] {
            let seed = Seed { k0, k1 };
            for len in 0..bytes.len() {
                assert_eq!(sip13(&seed, &bytes[..len]), plain(&seed, &bytes[..len]));
            }
        }
    }
}
