//! A histogram of durations with a bounded relative error, after the idea of HDR histograms.
//!
//! Values below 256 have a counter each; above, every doubling has 128, so that a value is known
//! to two decimal digits. Invariant: the counters sum up to `total`; the vector reaches no further
//! than the largest value so far needs.

/// Values with a counter of their own; half as many counters for each doubling above.
const EXACT: u64 = 256;
const HALF: usize = 128;
/// Larger values are counted as this one: a second in nanoseconds.
pub const VALUE_MAX: u64 = 1_000_000_000;

/// Counters by size of value.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

/// The counter for a value.
#[inline]
fn slot(value: u64) -> usize {
    let shift = (u64::BITS - (value | (EXACT - 1)).leading_zeros() - 8) as usize;
    shift * HALF + (value >> shift) as usize
}

/// The largest value that shares a counter.
fn top_of(slot: usize) -> u64 {
    if slot < 2 * HALF {
        return slot as u64;
    }
    let shift = slot / HALF - 1;
    let base = (slot - shift * HALF) as u64;
    ((base + 1) << shift) - 1
}

impl Histogram {
    /// Counts a value `times` times; 0 counts as 1, since no duration is nothing.
    #[inline]
    pub fn record(&mut self, value: u64, times: u64) {
        let slot = slot(value.clamp(1, VALUE_MAX));
        if slot >= self.counts.len() {
            self.grow(slot);
        }
        self.counts[slot] += times;
        self.total += times;
    }

    #[cold]
    fn grow(&mut self, slot: usize) {
        // Whole doublings, so that a busy command grows a handful of times.
        let len = (slot / HALF + 1) * HALF;
        self.counts.reserve_exact(len - self.counts.len());
        self.counts.resize(len, 0);
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The smallest value that at least `percent` of all values do not exceed, rounded up to the
    /// largest that shares its counter.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = (percent.min(100.0) / 100.0 * self.total as f64 + 0.5) as u64;
        let wanted = wanted.max(1);
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return top_of(slot);
            }
        }
        0
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * size_of::<u64>()
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        assert_eq!(self.counts.iter().sum::<u64>(), self.total);
        assert!(self.counts.len() <= slot(VALUE_MAX) + HALF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn a_value_lies_in_its_slot() {
        let mut last = 0;
        for value in (1..5000).chain((5000..2_000_000).step_by(997)).chain([VALUE_MAX]) {
            let at = slot(value);
            assert!(at >= last, "slots are in order at {value}");
            last = at;
            let top = top_of(at);
            assert!(value <= top && (top - value) * 128 <= value, "{value} in {at} to {top}");
            assert_eq!(slot(top), at);
            assert_eq!(slot(top + 1), at + 1);
        }
    }

    #[test]
    fn recorded_bounds_are_those_of_redis() {
        // Pairs of a duration and the bound Redis 7.2 shows for it, in nanoseconds.
        for (value, bound) in
            [(1, 1), (1000, 1003), (2000, 2007), (12_000, 12_031), (229_000, 229_375)]
        {
            let mut h = Histogram::default();
            h.record(value, 1);
            assert_eq!(h.percentile(50.0), bound);
        }
    }

    #[test]
    fn percentiles_agree_with_a_sorted_list() {
        let mut rng = Rng::seeded(7);
        let mut h = Histogram::default();
        let mut all = Vec::new();
        for _ in 0..3000 {
            let bits = 1 + rng.below(29);
            let value = 1 + rng.below(1 << bits);
            h.record(value, 1);
            all.push(value.min(VALUE_MAX));
        }
        h.check();
        all.sort_unstable();
        for percent in [0.0, 1.0, 50.0, 99.0, 99.9, 100.0] {
            let nth = ((percent / 100.0 * 3000.0 + 0.5) as usize).clamp(1, 3000);
            assert_eq!(h.percentile(percent), top_of(slot(all[nth - 1])), "{percent}");
        }
    }

    #[test]
    fn times_counts_as_often() {
        let mut h = Histogram::default();
        h.record(10, 99);
        h.record(5000, 1);
        assert_eq!((h.total(), h.percentile(50.0), h.percentile(99.0)), (100, 10, 10));
        assert_eq!(h.percentile(100.0), 5023);
        h.check();
    }
}
