//! The loop seen from inside: how many passes, how long they were busy, and rates over the last
//! moments as Redis samples them: sixteen samples of a tenth of a second.
//!
//! Nothing wakes the loop for a sample. A pass that comes late fills in what it slept through:
//! what happened since the last sample happened before the loop went to sleep.

use super::Engine;

/// Time one sample covers, microseconds.
pub(super) const SAMPLE_US: u64 = 100_000;
const SAMPLES: usize = 16;

/// What is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Commands a second.
    Commands,
    /// Bytes read a second.
    Input,
    /// Bytes written a second.
    Output,
    /// Passes a second.
    Cycles,
    /// Microseconds a pass.
    CycleUs,
}

const RATES: usize = 5;

/// Counters of the loop.
#[derive(Debug, Default)]
pub struct Cycle {
    /// Passes of the loop.
    pub cycles: u64,
    /// Microseconds between waking and sleeping, all passes together.
    pub busy_us: u64,
    /// The part of it that went into commands.
    pub commands_us: u64,
    /// The part of it that went into work by itself.
    pub cron_us: u64,
    /// The longest pass, microseconds.
    pub longest_us: u64,
    /// Most commands in one pass.
    pub most_commands: u64,
    woke: Option<(u64, u64)>,
    samples: Samples,
}

#[derive(Debug, Default)]
struct Samples {
    since_us: u64,
    readings: [u64; RATES],
    rings: [[u64; SAMPLES]; RATES],
    next: usize,
}

impl Samples {
    /// Takes the samples that are due at `now_us`.
    fn take(&mut self, now_us: u64, readings: [u64; RATES]) {
        let elapsed = now_us.saturating_sub(self.since_us);
        if elapsed < SAMPLE_US {
            return;
        }
        let slept = (elapsed / SAMPLE_US - 1).min(SAMPLES as u64);
        let covered = if slept == 0 { elapsed } else { SAMPLE_US };
        let mut grown = [0; RATES];
        for (rate, reading) in readings.iter().enumerate() {
            grown[rate] = reading.saturating_sub(self.readings[rate]);
        }
        let cycles = grown[Rate::Cycles as usize];
        for (rate, ring) in self.rings.iter_mut().enumerate() {
            let per_second = (u128::from(grown[rate]) * 1_000_000 / u128::from(covered)) as u64;
            let sample = match cycles {
                _ if rate != Rate::CycleUs as usize => per_second,
                0 => 0,
                cycles => grown[rate] / cycles,
            };
            ring[self.next] = sample;
            for at in 1..=slept as usize {
                ring[(self.next + at) % SAMPLES] = 0;
            }
        }
        self.next = (self.next + 1 + slept as usize) % SAMPLES;
        self.readings = readings;
        self.since_us = now_us;
    }
}

impl Cycle {
    /// The mean of the last samples.
    pub fn rate(&self, rate: Rate) -> u64 {
        self.samples.rings[rate as usize].iter().sum::<u64>() / SAMPLES as u64
    }

    /// Begins to count anew, as CONFIG RESETSTAT asks.
    pub fn reset(&mut self, now_us: u64) {
        *self = Cycle { woke: self.woke, ..Cycle::default() };
        self.samples.since_us = now_us;
    }
}

impl Engine {
    /// The loop woke up.
    pub fn wakes(&mut self) {
        self.cycle.woke = Some((self.env.clock.mono_us(), self.stats.commands));
    }

    /// The loop is about to sleep.
    pub fn sleeps(&mut self) {
        let Some((woke_us, commands)) = self.cycle.woke.take() else { return };
        let busy_us = self.env.clock.mono_us().saturating_sub(woke_us);
        let cycle = &mut self.cycle;
        cycle.cycles += 1;
        cycle.busy_us += busy_us;
        cycle.longest_us = cycle.longest_us.max(busy_us);
        cycle.most_commands = cycle.most_commands.max(self.stats.commands.saturating_sub(commands));
    }

    /// Figures for a report. Who reads the allocator's own makes it keep books of a hundred
    /// kilobytes, which is a lot beside a small data set, so it is done when somebody asks.
    pub(super) fn sample_for_report(&mut self) {
        self.sample();
        if self.gauges.are_old(self.now_us) {
            self.gauges.refresh(self.now_us, self.env.memory.as_ref());
        }
    }

    /// Samples rates and the peak of memory when it is time.
    pub(super) fn sample(&mut self) {
        if self.now_us.saturating_sub(self.cycle.samples.since_us) < SAMPLE_US {
            return;
        }
        let readings = [
            self.stats.commands,
            self.stats.net_input,
            self.stats.net_output,
            self.cycle.cycles,
            self.cycle.busy_us,
        ];
        self.cycle.samples.take(self.now_us, readings);
        if self.memory.container.is_some() {
            self.gauges.refresh(self.now_us, self.env.memory.as_ref());
            self.keep_clear_of_the_container();
        } else {
            self.gauges.note_peak(self.env.memory.used());
        }
        self.purge_aside();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(commands: u64) -> [u64; RATES] {
        [commands, 0, 0, 0, 0]
    }

    #[test]
    fn a_steady_rate_is_found_after_all_samples() {
        let mut cycle = Cycle::default();
        for n in 1..=16 {
            cycle.samples.take(n * SAMPLE_US, reading(n * 50));
        }
        assert_eq!(cycle.rate(Rate::Commands), 500);
    }

    #[test]
    fn sleep_counts_as_silence() {
        let mut cycle = Cycle::default();
        for n in 1..=16 {
            cycle.samples.take(n * SAMPLE_US, reading(n * 50));
        }
        // Eight tenths of a second without a pass: seven samples of nothing.
        cycle.samples.take(24 * SAMPLE_US, reading(16 * 50 + 50));
        assert_eq!(cycle.rate(Rate::Commands), 500 * 9 / 16);
        cycle.samples.take(400 * SAMPLE_US, reading(16 * 50 + 50));
        assert_eq!(cycle.rate(Rate::Commands), 0);
    }

    #[test]
    fn a_pass_has_a_mean_length() {
        let mut samples = Samples::default();
        samples.take(SAMPLE_US, [0, 0, 0, 10, 700]);
        assert_eq!(samples.rings[Rate::CycleUs as usize][0], 70);
        assert_eq!(samples.rings[Rate::Cycles as usize][0], 100);
    }
}
