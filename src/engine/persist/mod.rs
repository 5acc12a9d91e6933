//! What outlives the process: snapshots, and how they are loaded.
//!
//! | file        | holds                                                                  |
//! |-------------|------------------------------------------------------------------------|
//! | `mod.rs`    | what INFO and LASTSAVE tell                                            |
//! | `save.rs`   | the data set into a file while everybody waits: SAVE, the last save    |
//! | `slices.rs` | the same while commands go on: BGSAVE, save points                     |
//! | `outgoing.rs` | a file that jobs write, piece by piece                               |
//! | `backlog.rs` | writers wait while too much waits for the disk                        |
//! | `load.rs`   | a file into a fresh keyspace                                           |
//! | `loading.rs` | the same, and the log, in slices while the loop goes on: the start    |
//! | `aof.rs`    | the append-only file: what is written and synced when                  |
//! | `stamps.rs` | output that waits until the log is synced                              |
//! | `manifest.rs` | which files make up the log                                          |
//! | `aof_load.rs` | the log replayed                                                     |
//! | `aof_rewrite.rs` | a new base for the log                                            |
//!
//! Invariant: a file under the name of the snapshot is whole. It is written under another name,
//! synced, and renamed.

pub mod aof;
mod aof_load;
mod aof_rewrite;
pub mod backlog;
mod load;
mod loading;
pub mod manifest;
mod outgoing;
mod save;
mod slices;
pub mod stamps;
#[cfg(test)]
mod tests;

pub use loading::{Loading, Progress};

use super::Engine;
use crate::base::error::Error;
use crate::env::Job;
use crate::sys::error_text;
use outgoing::Outgoing;
use std::io;
use std::path::Path;

/// Why writes are refused after a save failed.
const SAVE_FAILED: &str = concat!(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to ",
    "disk. Commands that may modify the data set are disabled, because this instance is ",
    "configured to report errors during writes if RDB snapshotting fails ",
    "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB ",
    "error.",
);

/// What was saved and loaded.
pub struct Persist {
    /// When the data set was last saved, or the server started; seconds since 1970.
    pub last_save_s: i64,
    /// Whether the last save failed.
    pub failed: bool,
    /// A save begins when the rewrite of the log, or the running transaction, is over.
    pub scheduled: bool,
    /// Saves begun since the start.
    pub saves: u64,
    /// How long the last save in the background took, seconds; -1 when there was none.
    pub last_took_s: i64,
    /// Keys that were loaded.
    pub keys_loaded: u64,
    /// Keys that were past their deadline when they were loaded, and left out.
    pub keys_expired: u64,
    /// The counter of changes when the data set was last saved.
    saved_changes: u64,
    /// Files that were made off the loop, counted, for their names among jobs.
    outgoing: u64,
    /// A save in the background.
    background: Option<slices::Background>,
    /// What waits for the disk.
    pub backlog: backlog::Backlog,
    /// When a save in the background was last begun, seconds since 1970.
    last_try_s: i64,
    /// Since when an image waits to be begun, monotonic microseconds.
    waits_since_us: Option<u64>,
}

impl Persist {
    /// Nothing saved, nothing loaded, at the start.
    pub fn new(now_s: i64) -> Persist {
        Persist {
            last_save_s: now_s,
            failed: false,
            scheduled: false,
            saves: 0,
            last_took_s: -1,
            keys_loaded: 0,
            keys_expired: 0,
            saved_changes: 0,
            outgoing: 0,
            background: None,
            backlog: backlog::Backlog::default(),
            last_try_s: 0,
            waits_since_us: None,
        }
    }

    fn writes(&self, id: u64) -> bool {
        let file = self.background.as_ref().and_then(|background| background.file.as_ref());
        file.is_some_and(|file| file.id() == id)
    }

    /// Whether a save in the background is under way.
    pub fn is_saving(&self) -> bool {
        self.background.is_some()
    }
}

impl Engine {
    /// Begins a file that jobs write.
    fn outgoing(&mut self, path: &Path) -> io::Result<Outgoing> {
        let file = self.env.disk.create_file(path)?;
        self.persist.outgoing += 1;
        Ok(Outgoing::new(self.persist.outgoing, file))
    }

    /// Removes a file that may be large, or may not exist.
    fn remove_quietly(&mut self, path: &Path) {
        if let Ok(Some(garbage)) = self.env.disk.remove_lightly(path) {
            self.env.jobs.submit(Job::Free(garbage));
        }
    }

    /// A job has written a piece of a file, which may have been given up meanwhile.
    pub(in crate::engine) fn piece_written(&mut self, id: u64, error: Option<i32>) {
        let fault = error.map(|number| error_text(&io::Error::from_raw_os_error(number)));
        if self.persist.writes(id) {
            self.snapshot_written(fault);
        } else if self.aof.rewriting.writes(id) {
            self.base_written(fault);
        }
    }

    /// Changes that are not saved.
    pub fn unsaved_changes(&self) -> u64 {
        self.keyspace.effects.dirty.saturating_sub(self.persist.saved_changes)
    }

    /// Whether writes are refused since the last save failed.
    #[inline]
    pub fn refuses_writes(&self) -> bool {
        self.persist.failed
            && self.config.stop_writes_on_bgsave_error
            && !self.config.save.is_empty()
    }

    /// Why writes are refused, if they are; a failed save is told of first.
    pub fn write_refusal(&self) -> Option<Error> {
        if self.refuses_writes() { Some(Error::fixed(SAVE_FAILED)) } else { self.log_refusal() }
    }
}
