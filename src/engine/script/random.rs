//! The random numbers of scripts: the 48-bit generator of POSIX with its fixed start, so that they
//! are the same on every machine.

/// The generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

const MULTIPLIER: u64 = 0x5DEE_CE66D;
const ADDEND: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;
/// The low bits that every seed gets.
const LOW: u64 = 0x330E;

impl Default for Random {
    fn default() -> Random {
        Random { state: 0x1234_ABCD_0000 | LOW }
    }
}

impl Random {
    /// Starts again from a seed.
    pub fn seed(&mut self, seed: i32) {
        self.state = (u64::from(seed as u32) << 16) | LOW;
    }

    /// The next number, from 0 up to 1, which it does not reach.
    pub fn fraction(&mut self) -> f64 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(ADDEND) & MASK;
        let bits = (self.state >> 17) as u32;
        f64::from(bits % i32::MAX as u32) / f64::from(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_known() {
        // lrand48 of a fresh process and after srand48(1), as POSIX defines them.
        let mut random = Random::default();
        let first = (random.fraction() * f64::from(i32::MAX)).round() as u32;
        assert_eq!(first, 851_401_618);
        random.seed(1);
        let seeded = (random.fraction() * f64::from(i32::MAX)).round() as u32;
        assert_eq!(seeded, 89_400_484);
    }
}
