//! From registers to a number: the improved raw estimator of Otmar Ertl ("New cardinality
//! estimation algorithms for HyperLogLog sketches", 2017), which needs no tables of corrections.

use super::{REGISTERS, RUN_BITS};

/// One over twice the natural logarithm of two.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate, from how many registers hold each value.
pub fn from_histogram(histogram: &[u32; 64]) -> u64 {
    let all = REGISTERS as f64;
    let full = f64::from(histogram[RUN_BITS as usize + 1]);
    let mut sum = all * tau((all - full) / all);
    for &registers in histogram[1..=RUN_BITS as usize].iter().rev() {
        sum = (sum + f64::from(registers)) * 0.5;
    }
    sum += all * sigma(f64::from(histogram[0]) / all);
    (ALPHA * all * all / sum).round() as u64
}

/// What the registers that were never hit contribute.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if before == sum {
            return sum;
        }
    }
}

/// What the registers that cannot rise any more contribute.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if before == sum {
            return sum / 3.0;
        }
    }
}
