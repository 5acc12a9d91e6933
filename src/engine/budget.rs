//! How long a slice of long work may take: a number of steps, and a stretch of time that is
//! looked at every few steps, since reading the clock costs more than a step.

use crate::env::Clock;

/// One slice.
pub struct Budget<'a> {
    clock: &'a dyn Clock,
    now_ms: i64,
    until_us: u64,
    steps: u32,
}

/// Steps between two looks at the clock.
const LOOK_EVERY: u32 = 16;

/// What a slice of background work may take, microseconds.
pub const SLICE_US: u64 = 500;

/// Steps of a slice when time stands still, as it does in a simulation.
const STEPS_MAX: u32 = 4096;

impl<'a> Budget<'a> {
    /// A slice of `us` microseconds from now on.
    pub fn slice(clock: &'a dyn Clock, now_ms: i64, us: u64) -> Budget<'a> {
        Budget { clock, now_ms, until_us: clock.mono_us() + us, steps: 0 }
    }

    /// A slice without an end, for work that may not be interrupted.
    pub fn endless(clock: &'a dyn Clock, now_ms: i64) -> Budget<'a> {
        Budget { clock, now_ms, until_us: u64::MAX, steps: 0 }
    }

    /// The unit's frozen wall time, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Whether one more step may be taken.
    #[inline]
    pub fn more(&mut self) -> bool {
        self.steps += 1;
        if self.until_us == u64::MAX {
            return true;
        }
        if self.steps >= STEPS_MAX {
            return false;
        }
        !self.steps.is_multiple_of(LOOK_EVERY) || self.clock.mono_us() < self.until_us
    }
}
