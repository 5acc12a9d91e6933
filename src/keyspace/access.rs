//! The 24-bit access stamp: seconds for LRU, or minutes and a logarithmic counter for LFU, as
//! Redis keeps them, so that OBJECT IDLETIME and FREQ and the RDB hints mean the same.

use crate::base::rng::Rng;

/// A new key's LFU counter: high enough not to be evicted before it was used at all.
pub const LFU_INIT: u8 = 5;

const LRU_MASK: u32 = (1 << 24) - 1;

/// How accesses are stamped.
#[derive(Debug, Clone, Copy)]
pub struct AccessPolicy {
    /// Whether the stamp is an LFU counter.
    pub lfu: bool,
    /// `lfu-log-factor`.
    pub log_factor: u32,
    /// `lfu-decay-time`, minutes a point.
    pub decay_minutes: u32,
    /// The time that counts, where commands run as of another one: while a log is replayed.
    pub fixed_ms: Option<i64>,
}

impl Default for AccessPolicy {
    fn default() -> Self {
        AccessPolicy { lfu: false, log_factor: 10, decay_minutes: 1, fixed_ms: None }
    }
}

/// The LRU clock: seconds, 24 bits.
#[inline]
pub fn lru_clock(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32 & LRU_MASK
}

fn minutes(now_ms: i64) -> u32 {
    (now_ms / 60_000) as u32 & 0xFFFF
}

impl AccessPolicy {
    /// The stamp of a key that is created now.
    #[inline]
    pub fn born(&self, now_ms: i64) -> u32 {
        let now_ms = self.fixed_ms.unwrap_or(now_ms);
        if self.lfu { minutes(now_ms) << 8 | u32::from(LFU_INIT) } else { lru_clock(now_ms) }
    }

    /// The stamp after one more access.
    #[inline]
    pub fn accessed(&self, stamp: u32, now_ms: i64, rng: &mut Rng) -> u32 {
        let now_ms = self.fixed_ms.unwrap_or(now_ms);
        if self.lfu { self.counted(stamp, now_ms, rng) } else { lru_clock(now_ms) }
    }

    #[inline(never)]
    fn counted(&self, stamp: u32, now_ms: i64, rng: &mut Rng) -> u32 {
        let counter = self.bump(self.decayed(stamp, now_ms), rng);
        minutes(now_ms) << 8 | u32::from(counter)
    }

    /// The LFU counter after the time that passed without access.
    pub fn decayed(&self, stamp: u32, now_ms: i64) -> u8 {
        let counter = (stamp & 0xFF) as u8;
        if self.decay_minutes == 0 {
            return counter;
        }
        let passed = minutes(now_ms).wrapping_sub(stamp >> 8) & 0xFFFF;
        let points = passed / self.decay_minutes;
        counter.saturating_sub(points.min(255) as u8)
    }

    /// One access more, with the probability 1 / (counter * factor + 1).
    fn bump(&self, counter: u8, rng: &mut Rng) -> u8 {
        if counter == u8::MAX {
            return counter;
        }
        let base = u64::from(counter.saturating_sub(LFU_INIT));
        let odds = base * u64::from(self.log_factor) + 1;
        if rng.below(odds) == 0 { counter + 1 } else { counter }
    }
}

/// Milliseconds since the LRU stamp, across the wrap of its clock.
pub fn idle_ms(stamp: u32, now_ms: i64) -> i64 {
    i64::from(lru_clock(now_ms).wrapping_sub(stamp) & LRU_MASK) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean counter after so many accesses at one time.
    fn counter_after(hits: usize, log_factor: u32) -> f64 {
        const KEYS: usize = 40;
        let policy = AccessPolicy { lfu: true, log_factor, ..Default::default() };
        let mut rng = Rng::seeded(7);
        let mut sum = 0;
        for _ in 0..KEYS {
            let mut stamp = policy.born(0);
            for _ in 0..hits {
                stamp = policy.accessed(stamp, 0, &mut rng);
            }
            sum += usize::from(policy.decayed(stamp, 0));
        }
        sum as f64 / KEYS as f64
    }

    /// A counter of `c` needs (c - 5) * factor + 1 accesses on average to rise, so after n of them
    /// it stands where the sum of these reaches n.
    fn by_formula(hits: usize, log_factor: u32) -> f64 {
        let (mut counter, mut left) = (f64::from(LFU_INIT), hits as f64);
        while counter < 255.0 {
            let step = (counter - f64::from(LFU_INIT)) * f64::from(log_factor) + 1.0;
            if left < step {
                return counter + left / step;
            }
            left -= step;
            counter += 1.0;
        }
        counter
    }

    #[test]
    fn counters_follow_the_formula() {
        for log_factor in [0, 1, 10, 100] {
            for hits in [1, 10, 100, 1000, 20_000] {
                let (ours, formula) =
                    (counter_after(hits, log_factor), by_formula(hits, log_factor));
                let off = (ours - formula).abs();
                assert!(off < 0.6 + formula * 0.03, "{log_factor} {hits}: {ours}, not {formula}");
            }
        }
    }

    #[test]
    fn idle_time_survives_the_wrap() {
        let born = lru_clock(((1i64 << 24) - 2) * 1000);
        assert_eq!(idle_ms(born, ((1i64 << 24) + 3) * 1000), 5000);
    }

    #[test]
    fn counters_rise_slowly_and_decay() {
        let policy = AccessPolicy { lfu: true, ..Default::default() };
        let mut rng = Rng::seeded(1);
        let mut stamp = policy.born(0);
        for _ in 0..1000 {
            stamp = policy.accessed(stamp, 0, &mut rng);
        }
        let counter = policy.decayed(stamp, 0);
        assert!((10..40).contains(&counter), "{counter}");
        assert_eq!(policy.decayed(stamp, 3 * 60_000), counter - 3);
        assert_eq!(policy.decayed(stamp, 60_000 * 1000), 0);
    }
}
