//! BGSAVE and save points: the data set as of one moment into a file, while commands go on.
//!
//! The keyspace makes the image in slices; a job writes it, piece by piece, so that the loop never
//! waits for the disk.

use super::outgoing::{Outgoing, Stage};
use super::save::{SYNC_EVERY, directory_of};
use crate::base::error::Error;
use crate::engine::Engine;
use crate::engine::budget::{Budget, SLICE_US};
use crate::env::Job;
use crate::keyspace::image::Form;
use crate::rdb::Start;
use crate::sys;
use std::io;
use std::path::PathBuf;

/// How long an image waits for a moment at which no value is between two states, microseconds.
const PATIENCE_US: u64 = 1_000_000;
/// After a save in the background failed, the next one waits so long, seconds.
const RETRY_AFTER_S: i64 = 5;

/// A save in the background.
pub(super) struct Background {
    temporary: PathBuf,
    name: PathBuf,
    /// The file, once it was created.
    pub(super) file: Option<Outgoing>,
    /// The counter of changes when it began.
    changes: u64,
    began_s: i64,
    /// Not before this, monotonic microseconds: a delay after each key, for tests.
    rest_until_us: u64,
}

impl Background {
    fn is_writing(&self) -> bool {
        self.file.as_ref().is_some_and(Outgoing::is_busy)
    }
}

impl Engine {
    /// BGSAVE: what is there now is saved, in slices from now on.
    pub fn save_soon(&mut self) -> Result<(), Error> {
        if self.persist.is_saving() {
            return Err(Error::err("Background save already in progress"));
        }
        if self.aof.rewriting.is_running() {
            return Err(Error::err(
                "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE \
                 SCHEDULE in order to schedule a BGSAVE whenever possible.",
            ));
        }
        self.persist.scheduled = false;
        self.finish_exclusive();
        self.persist.saves += 1;
        self.persist.last_try_s = self.now_ms / 1000;
        let aux = self.snapshot_aux(false);
        let start = Start { aux: &aux, functions: &self.library_texts() };
        let form = Form::rdb(self.keyspace.saving, &start);
        if !self.keyspace.start_image(form, self.hint_kind(), self.now_ms) {
            // Seldom: then everybody waits.
            return self.save_snapshot().map_err(|_| Error::fixed("ERR"));
        }
        tracing::info!("Background saving started by pid {}", sys::pid());
        self.persist.background = Some(Background {
            temporary: PathBuf::from(format!("temp-bg-{}.rdb", sys::pid())),
            name: PathBuf::from(&self.config.dbfilename),
            file: None,
            changes: self.keyspace.effects.dirty,
            began_s: self.persist.last_try_s,
            rest_until_us: 0,
        });
        Ok(())
    }

    /// The same from the end of the running transaction on, of which a snapshot has all or nothing.
    pub fn save_later(&mut self) -> Result<(), Error> {
        if self.persist.is_saving() {
            return Err(Error::err("Background save already in progress"));
        }
        self.persist.scheduled = true;
        Ok(())
    }

    /// Goes on with a save in the background, and begins one when a save point is reached.
    pub(in crate::engine) fn save_in_background(&mut self) {
        if self.is_loading() {
            return;
        }
        // What a script has done so far is no state of its own.
        let between_units = !self.scripts.suspended();
        if between_units && std::mem::take(&mut self.keyspace.flushed) {
            self.save_emptiness();
        }
        if let Some(background) = self.persist.background.take() {
            if background.is_writing() || self.now_us < background.rest_until_us {
                self.persist.background = Some(background);
                return;
            }
            let temporary = background.temporary.clone();
            if let Err(error) = self.save_slice(background) {
                self.background_failed(&temporary, &sys::error_text(&error));
            }
        } else if self.aof.rewriting.is_running() || !between_units {
            // Two images at a time would double what is in memory.
        } else if !self.image_may_begin() {
            // Soon.
        } else if std::mem::take(&mut self.persist.scheduled) {
            self.persist.failed |= self.save_soon().is_err();
        } else if let Some((seconds, changes)) = self.save_point() {
            tracing::info!("{changes} changes in {seconds} seconds. Saving...");
            self.persist.failed |= self.save_soon().is_err();
        }
    }

    /// Whether no value is between two states. An image waits for long work that changes one slice
    /// by slice, but not for ever: after a while whoever begins it brings that to its end.
    pub(super) fn image_may_begin(&mut self) -> bool {
        if !self.keyspace.leases.any_exclusive() {
            self.persist.waits_since_us = None;
            return true;
        }
        let since_us = *self.persist.waits_since_us.get_or_insert(self.now_us);
        self.now_us - since_us >= PATIENCE_US
    }

    /// Makes a slice of the image.
    fn save_slice(&mut self, mut background: Background) -> io::Result<()> {
        let mut file = match background.file.take() {
            Some(file) => file,
            None => self.outgoing(&background.temporary)?,
        };
        let keys = |engine: &Engine| engine.keyspace.image_progress().unwrap_or((0, 0));
        let (before, total) = keys(self);
        let delay_us = u64::try_from(self.config.rdb_key_save_delay).unwrap_or(0);
        let clock = self.env.clock.as_ref();
        let mut budget = Budget::slice(clock, self.now_ms, SLICE_US);
        let mut more = || delay_us == 0 && budget.more();
        let (bytes, complete) = self.keyspace.step_image(&mut more);
        let done = if complete { total } else { keys(self).0 };
        background.rest_until_us = self.now_us + delay_us * (done - before);
        let sync_every = self.config.rdb_save_incremental_fsync.then_some(SYNC_EVERY);
        file.add(bytes, complete, sync_every, self.env.jobs.as_mut());
        background.file = Some(file);
        self.persist.background = Some(background);
        Ok(())
    }

    /// A job has written a piece.
    pub(super) fn snapshot_written(&mut self, fault: Option<String>) {
        let Some(mut background) = self.persist.background.take() else { return };
        let stage = background.file.as_mut().map_or(Stage::Partial, Outgoing::written);
        let fault = match (fault, stage) {
            (None, Stage::Partial) => None,
            (None, Stage::Whole) => self.put_in_place(&mut background).err(),
            (None, Stage::Settled) => return self.background_saved(&background),
            (fault, _) => fault,
        };
        match fault {
            Some(why) => self.background_failed(&background.temporary, &why),
            None => self.persist.background = Some(background),
        }
    }

    /// The snapshot is whole and lasts: it takes the place of the one before.
    fn put_in_place(&mut self, background: &mut Background) -> Result<(), String> {
        let Background { temporary, name, file, .. } = background;
        let renamed = self.env.disk.rename_lightly(temporary, name);
        if let Some(garbage) = renamed.map_err(|error| sys::error_text(&error))? {
            self.env.jobs.submit(Job::Free(garbage));
        }
        if let Some(file) = file {
            file.settle(directory_of(name), self.env.jobs.as_mut());
        }
        Ok(())
    }

    fn background_saved(&mut self, background: &Background) {
        tracing::info!("DB saved on disk");
        tracing::info!("Background saving terminated with success");
        self.snapshot_saved(background.changes);
        self.persist.last_took_s = self.persist.last_save_s - background.began_s;
    }

    fn background_failed(&mut self, temporary: &std::path::Path, why: &str) {
        tracing::warn!("Write error while saving DB to the disk: {why}");
        tracing::warn!("Background saving error");
        self.persist.background = None;
        self.keyspace.end_image();
        self.remove_quietly(temporary);
        self.persist.last_took_s = self.now_ms / 1000 - self.persist.last_try_s;
        self.persist.failed = true;
    }

    /// Ends a save in the background as a failed one.
    pub(super) fn fail_background(&mut self, why: &str) {
        if let Some(background) = self.persist.background.take() {
            self.background_failed(&background.temporary, why);
        }
    }

    /// Gives a save in the background up; the file of an earlier one stays.
    pub(in crate::engine) fn abandon_background(&mut self) {
        let Some(background) = self.persist.background.take() else { return };
        tracing::warn!("A save in the background is under way: it is given up");
        self.keyspace.end_image();
        self.remove_quietly(&background.temporary);
    }

    /// After FLUSHALL the file of earlier contents would bring them back.
    fn save_emptiness(&mut self) {
        self.abandon_background();
        if !self.config.save.is_empty() {
            // A fault is in the log, and the next save point tries again.
            let _ = self.save_snapshot();
        }
    }

    /// The save point that is reached.
    fn save_point(&self) -> Option<(u64, u64)> {
        let mut points = self.config.save.iter().copied();
        points.find(|point| self.point_due_us(*point) == Some(0))
    }

    /// Microseconds until a save point is reached if nothing more changes.
    fn point_due_us(&self, (seconds, changes): (u64, u64)) -> Option<u64> {
        if self.unsaved_changes() < changes.max(1) {
            return None;
        }
        let mut at_s = self.persist.last_save_s.saturating_add_unsigned(seconds) + 1;
        if self.persist.failed {
            at_s = at_s.max(self.persist.last_try_s + RETRY_AFTER_S + 1);
        }
        let left_ms = at_s.saturating_mul(1000).saturating_sub(self.now_ms).max(0);
        Some(left_ms as u64 * 1000)
    }

    /// Microseconds until there is something to do in the background; `None` while nothing is to
    /// be done or a job's end will tell.
    pub(in crate::engine) fn next_save_us(&self) -> Option<u64> {
        if let Some(background) = &self.persist.background {
            let rest = background.rest_until_us.saturating_sub(self.now_us);
            return (!background.is_writing()).then_some(rest);
        }
        if self.aof.rewriting.is_running() || self.is_loading() {
            return None;
        }
        if self.persist.scheduled {
            return Some(0);
        }
        if self.keyspace.effects.dirty == self.persist.saved_changes {
            return None;
        }
        self.config.save.iter().filter_map(|point| self.point_due_us(*point)).min()
    }

    /// How long a save in the background has been under way, seconds.
    pub(in crate::engine) fn background_seconds(&self) -> Option<i64> {
        let background = self.persist.background.as_ref()?;
        Some(self.now_ms / 1000 - background.began_s)
    }
}
