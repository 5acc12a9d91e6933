//! The bound on what waits in memory for a snapshot's file: what is changed is handed over at
//! memory's speed, and written at the disk's.
//!
//! Above the bound commands that write wait, as during CLIENT PAUSE WRITE, until the disk has taken
//! half of it; transactions and scripts do not. A disk that does not take it in time ends the
//! snapshot: one that fails is better than clients that stand still.

use crate::engine::Engine;

/// Bytes that may wait.
const BYTES_MAX: usize = 64 << 20;
/// How long writers wait at a stretch, microseconds.
const PATIENCE_US: u64 = 10_000_000;
/// Between two looks at it, microseconds.
const LOOK_EVERY_US: u64 = 5_000;

/// Whether writers wait, and since when.
pub struct Backlog {
    /// Bytes that may wait.
    pub bytes_max: usize,
    look_us: u64,
    since_us: Option<u64>,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog { bytes_max: BYTES_MAX, look_us: 0, since_us: None }
    }
}

impl Engine {
    /// Lets writers wait while too much waits for the disk; gives the microseconds until it has to
    /// be called again.
    pub(in crate::engine) fn watch_backlog(&mut self) -> Option<u64> {
        if self.keyspace.image_progress().is_none() {
            self.let_writers_go();
            return None;
        }
        if self.now_us < self.persist.backlog.look_us {
            return self.persist.backlog.since_us.map(|_| LOOK_EVERY_US);
        }
        self.persist.backlog.look_us = self.now_us + LOOK_EVERY_US;
        let (bytes, most) = (self.keyspace.image_backlog(), self.persist.backlog.bytes_max);
        match self.persist.backlog.since_us {
            None if bytes > most => {
                tracing::warn!("{bytes} bytes wait for the disk: commands that write wait, too");
                self.persist.backlog.since_us = Some(self.now_us);
                self.pausing.set_brimming(true);
            }
            Some(_) if bytes <= most / 2 => self.let_writers_go(),
            Some(since) if self.now_us - since >= PATIENCE_US => {
                self.give_up_image("The disk does not take what is to be saved in time");
                self.let_writers_go();
            }
            _ => {}
        }
        self.persist.backlog.since_us.map(|_| LOOK_EVERY_US)
    }

    fn let_writers_go(&mut self) {
        if self.persist.backlog.since_us.take().is_some() {
            self.pausing.set_brimming(false);
            self.release_held();
        }
    }

    fn give_up_image(&mut self, why: &str) {
        if self.persist.is_saving() {
            self.fail_background(why);
        } else {
            self.fail_rewrite(why);
        }
    }
}
