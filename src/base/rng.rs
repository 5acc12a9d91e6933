//! Random numbers for sampling: xoshiro256**, seeded explicitly.
//!
//! Not for secrets. The same seed gives the same sequence on every machine, which is what lets a
//! failing simulated run be replayed.

/// A generator of 64-bit numbers.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator whose whole sequence is decided by `seed`. Any seed will do, zero too.
    pub fn seeded(seed: u64) -> Self {
        // The all-zero state would stay zero; splitmix64 never yields four zeros in a row.
        let mut counter = seed;
        let state = std::array::from_fn(|_| split_mix(&mut counter));
        Rng { state }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number in `0..bound`, each equally likely. `bound` must not be zero.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a range to draw from has at least one number");
        // The high half of a product spreads 64 bits over the range. The first
        // `2^64 mod bound` low halves belong to numbers hit once too often: draw again.
        let mut wide = u128::from(self.next_u64()) * u128::from(bound);
        if (wide as u64) < bound {
            let excess = bound.wrapping_neg() % bound;
            while (wide as u64) < excess {
                wide = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (wide >> 64) as u64
    }
}

fn split_mix(counter: &mut u64) -> u64 {
    *counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *counter;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sequences() {
        // First outputs published for these generators.
        let mut counter = 1_234_567;
        assert_eq!(split_mix(&mut counter), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut counter), 3_203_168_211_198_807_973);
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let drawn: Vec<u64> = (0..5).map(|_| rng.next_u64()).collect();
        assert_eq!(
            drawn,
            [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360]
        );
    }

    #[test]
    fn same_seed_same_sequence() {
        let (mut one, mut two, mut other) = (Rng::seeded(0), Rng::seeded(0), Rng::seeded(1));
        let first: Vec<u64> = (0..100).map(|_| one.next_u64()).collect();
        assert!(first.iter().all(|&number| number == two.next_u64()));
        assert!(first.iter().any(|&number| number != other.next_u64()));
    }

    #[test]
    fn below_is_uniform_and_in_range() {
        let mut rng = Rng::seeded(7);
        for bound in [1u64, 2, 3, 6, 10, 100] {
            let draws = 10_000 * bound;
            let mut seen = vec![0u64; bound as usize];
            for _ in 0..draws {
                seen[rng.below(bound) as usize] += 1;
            }
            for count in seen {
                assert!(count.abs_diff(10_000) < 600, "{count} of 10000 for bound {bound}");
            }
        }
        // Three quarters of the range: a biased draw would hit the lower third twice as often.
        let bound = 3u64 << 62;
        let low = (0..30_000).filter(|_| rng.below(bound) < 1 << 62).count();
        assert!(low.abs_diff(10_000) < 600, "{low}");
        assert!((0..100).all(|_| rng.below(u64::MAX) < u64::MAX));
    }
}
