//! Figures of memory that are too dear to read for every INFO: kept for a tenth of a second, as
//! Redis does.

use super::cycle::SAMPLE_US;
use crate::env::{AllocatorPages, Memory};

/// The last readings.
#[derive(Debug, Default, Clone, Copy)]
pub struct Gauges {
    /// The most memory that was ever in use when somebody looked, bytes.
    pub peak: usize,
    /// Memory in use when the server was ready, bytes.
    pub startup: usize,
    /// When the next two were read, in microseconds of the engine's clock.
    read_us: Option<u64>,
    /// Physical memory, bytes.
    pub rss: usize,
    /// What the allocator took from the system for it.
    pub pages: AllocatorPages,
    /// Memory of all clients as of the last round over them, bytes.
    pub clients: usize,
    /// Largest input buffers of the last eight seconds, bytes.
    pub input_peaks: [usize; 8],
    /// Largest output buffers of the last eight seconds, bytes.
    pub output_peaks: [usize; 8],
}

impl Gauges {
    /// Whether they are to be read anew.
    pub fn are_old(&self, now_us: u64) -> bool {
        self.read_us.is_none_or(|read_us| now_us.saturating_sub(read_us) >= SAMPLE_US)
    }

    /// Reads everything anew.
    pub fn refresh(&mut self, now_us: u64, memory: &dyn Memory) {
        self.read_us = Some(now_us);
        self.rss = memory.rss();
        self.pages = memory.pages();
        self.note_peak(memory.used());
    }

    /// So much is in use at the moment.
    #[inline]
    pub fn note_peak(&mut self, used: usize) {
        self.peak = self.peak.max(used);
    }
}
