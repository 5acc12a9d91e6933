//! Rewrites of the append-only file: a new base of what the data is now, while what comes later
//! goes to a new file of changes.
//!
//! ```text
//!  begin    new incr file, named in the manifest; walks over all databases at this moment
//!  slices   images go to a temporary file; who changes a key first hands its image over
//!           jobs write and sync it
//!  end      the temporary file is renamed and named as the base; the rest is history
//! ```
//!
//! Invariant: at each step the files that the manifest on the disk names make up the data. A
//! rewrite that fails leaves one more file of changes behind, and nothing else.

use super::super::Engine;
use super::super::budget::{Budget, SLICE_US};
use super::aof::{State, annotation};
use super::manifest::Part;
use super::outgoing::{Outgoing, Stage};
use crate::base::error::Error;
use crate::keyspace::image::Form;
use crate::rdb::Start;
use crate::sys::error_text;
use std::io;
use std::path::PathBuf;

/// The name of a base that is being written.
const TEMP_BASE: &str = "temp-rewriteaof-bg.aof";
/// A sync is asked for each time so many bytes were written (`aof-rewrite-incremental-fsync`).
const SYNC_EVERY: u64 = 4 << 20;
/// Between two looks at the growth of the log, microseconds.
const LOOK_EVERY_US: u64 = 100_000;
/// So many failures in a row do not slow rewrites down.
const FAILURES_FREE: u32 = 3;
/// How long files stay that a rewrite made superfluous, microseconds: a copy of the directory that
/// is being taken may have been told of them by the manifest of before. Not long: whoever watches
/// the disk wants to see it shrink, and a manifest is made good from what is there anyway.
const HISTORY_STAYS_US: u64 = 5_000_000;
/// The longest wait after failures, minutes.
const WAIT_MAX_MINUTES: u64 = 60;

/// The rewrite under way, and the outcome of earlier ones.
#[derive(Default)]
pub struct Rewriting {
    running: Option<Running>,
    scheduled: bool,
    look_us: u64,
    not_before_us: u64,
    /// Until when history stays.
    history_until_us: u64,
    /// Rewrites begun.
    pub count: u64,
    /// How many failed since one succeeded.
    pub failures: u32,
    /// How long the last one took, seconds.
    pub last_seconds: Option<u64>,
}

struct Running {
    file: Outgoing,
    rdb: bool,
    began_us: u64,
}

impl Rewriting {
    /// Whether one is under way.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn writes(&self, id: u64) -> bool {
        self.running.as_ref().is_some_and(|running| running.file.id() == id)
    }

    /// Whether one is to begin as soon as it may.
    pub fn is_scheduled(&self) -> bool {
        self.scheduled
    }

    /// When the one under way began, monotonic microseconds.
    pub fn began_us(&self) -> Option<u64> {
        self.running.as_ref().map(|running| running.began_us)
    }

    /// Whether the last one succeeded.
    pub fn is_well(&self) -> bool {
        self.failures == 0
    }

    pub(super) fn schedule(&mut self) {
        self.scheduled = true;
    }
}

impl Engine {
    /// The directory of the log.
    pub(super) fn log_dir(&self) -> PathBuf {
        PathBuf::from(&self.config.appenddirname)
    }

    /// BGREWRITEAOF: at once, or as soon as the snapshot under way is there; true when it began.
    pub fn rewrite_log(&mut self) -> Result<bool, Error> {
        if self.aof.rewriting.is_running() {
            return Err(Error::err("Background append only file rewriting already in progress"));
        }
        if self.persist.is_saving() {
            self.aof.rewriting.scheduled = true;
            return Ok(false);
        }
        // Who asks does not wait for failures to be forgotten.
        self.aof.rewriting.not_before_us = 0;
        if !self.keyspace.effects.is_empty() {
            // The running transaction has changed what it has not logged yet: the base would hold
            // it, and the log behind it once more.
            self.aof.rewriting.scheduled = true;
            self.aof.rewriting.look_us = 0;
            return Ok(true);
        }
        match self.begin_rewrite() {
            Ok(()) => Ok(true),
            Err(()) => Err(Error::err(
                "Can't execute an AOF background rewriting. Please check the server logs for more \
                 information.",
            )),
        }
    }

    /// Begins a rewrite; errors are in the log.
    fn begin_rewrite(&mut self) -> Result<(), ()> {
        self.aof.rewriting.scheduled = false;
        // What changes a value slice by slice has not said so yet.
        self.finish_exclusive();
        match self.try_begin_rewrite() {
            Ok(()) => {
                self.aof.rewriting.count += 1;
                tracing::info!("Background append only file rewriting started");
                self.step_rewrite();
                Ok(())
            }
            Err(error) => {
                tracing::warn!("Can't rewrite the append only file: {}", error_text(&error));
                self.drop_rewrite();
                self.note_failure();
                Err(())
            }
        }
    }

    fn try_begin_rewrite(&mut self) -> io::Result<()> {
        let dir = self.log_dir();
        self.env.disk.make_dir(&dir)?;
        let file = self.outgoing(&dir.join(TEMP_BASE))?;
        if self.aof.state == State::Off {
            // Another server may have left its log here.
            self.read_manifest().map_err(io::Error::other)?;
        } else {
            self.turn_over()?;
        }
        let rdb = self.config.aof_use_rdb_preamble;
        let form = if rdb { self.rdb_form() } else { self.command_form() };
        let (hints, now) = (self.hint_kind(), self.now_ms);
        let began_us = self.now_us;
        let in_slices = self.keyspace.may_start_image();
        self.aof.rewriting.running = Some(Running { file, rdb, began_us });
        if in_slices {
            self.keyspace.start_image(form, hints, now);
        } else {
            // Seldom: then everybody waits.
            let bytes = self.keyspace.whole_image(form, hints, now);
            self.add_to_base(bytes, true);
        }
        Ok(())
    }

    fn rdb_form(&self) -> Form {
        let aux = self.snapshot_aux(true);
        let start = Start { aux: &aux, functions: &self.library_texts() };
        Form::rdb(self.keyspace.saving, &start)
    }

    /// A base without a key.
    pub(super) fn empty_base(&self, rdb: bool) -> Vec<u8> {
        match rdb {
            true => self.keyspace.whole_image(self.rdb_form(), self.hint_kind(), self.now_ms),
            false => Vec::new(),
        }
    }

    fn command_form(&self) -> Form {
        let mut begin = match self.config.aof_timestamp_enabled {
            true => annotation(self.now_ms / 1000),
            false => Vec::new(),
        };
        for library in &self.library_texts() {
            crate::keyspace::as_commands::command(&mut begin, &[b"FUNCTION", b"LOAD", library]);
        }
        Form::Commands(begin)
    }

    /// From now on changes go to a new file. All that came before is written.
    fn turn_over(&mut self) -> io::Result<()> {
        self.flush_log(true);
        if !self.aof.buffer.is_empty() {
            return Err(io::Error::other("the log cannot be written"));
        }
        let dir = self.log_dir();
        if self.aof.state == State::Waiting {
            let file = self.env.disk.open(&dir.join(self.temp_incr()), true)?;
            self.aof.continue_in(file, 0);
            self.stream_wanted();
            return Ok(());
        }
        let mut manifest = self.aof.manifest.clone();
        let part = manifest.next_incr(&self.config.appendfilename);
        manifest.rewriting = true;
        let file = self.env.disk.open(&dir.join(&part.name), true)?;
        let before = std::mem::replace(&mut self.aof.manifest, manifest);
        if let Err(error) = self.write_manifest() {
            self.aof.manifest = before;
            return Err(error);
        }
        // Nothing is written to the new file before all of the old one lasts: a power cut may take
        // the end of the last file that holds anything, never something from the middle.
        self.aof.turning = true;
        self.sync_log();
        self.aof.continue_in(file, 0);
        Ok(())
    }

    pub(super) fn temp_incr(&self) -> String {
        format!("temp-{}.incr.aof", self.config.appendfilename)
    }

    /// Puts the manifest on the disk.
    pub(super) fn write_manifest(&mut self) -> io::Result<()> {
        let dir = self.log_dir();
        let name = format!("{}.manifest", self.config.appendfilename);
        let temp = dir.join(format!("temp-{name}"));
        // What it names must be there before it is.
        self.env.disk.sync_dir(&dir)?;
        self.env.disk.write(&temp, &self.aof.manifest.text())?;
        self.env.disk.rename(&temp, &dir.join(name))?;
        self.env.disk.sync_dir(&dir)
    }

    /// Goes on with a rewrite, or begins one that is due; gives the microseconds until it has to be
    /// called again.
    pub(super) fn tick_rewrite(&mut self) -> Option<u64> {
        if self.aof.rewriting.is_running() {
            self.step_rewrite();
            let more = |running: &Running| !running.file.is_complete() && !running.file.is_busy();
            return self.aof.rewriting.running.as_ref().is_some_and(more).then_some(0);
        }
        if self.aof.state == State::Off && !self.aof.rewriting.scheduled {
            return None;
        }
        if self.persist.is_saving() {
            // Two images at a time would double what is in memory; the end of the save is felt.
            return None;
        }
        if self.now_us < self.aof.rewriting.look_us {
            return Some(self.aof.rewriting.look_us - self.now_us);
        }
        self.aof.rewriting.look_us = self.now_us + LOOK_EVERY_US;
        let wanted = self.aof.rewriting.scheduled || self.has_grown();
        if !wanted {
            // The log grows only when something happens.
            return None;
        }
        if !self.image_may_begin() {
            self.aof.rewriting.look_us = self.now_us;
            return Some(0);
        }
        if self.now_us >= self.aof.rewriting.not_before_us {
            // A failure is in the log, and leads to another attempt.
            let _ = self.begin_rewrite();
            return Some(0);
        }
        Some(self.aof.rewriting.not_before_us - self.now_us)
    }

    fn has_grown(&self) -> bool {
        let percent = u64::from(self.config.auto_aof_rewrite_percentage);
        let size = self.aof.size();
        let sound = self.aof.state == State::On && percent > 0;
        if !sound || size <= self.config.auto_aof_rewrite_min_size {
            return false;
        }
        let base = self.aof.base_len.max(1);
        let growth = (u128::from(size) * 100 / u128::from(base)).saturating_sub(100);
        if growth >= u128::from(percent) {
            tracing::info!("Starting automatic rewriting of AOF on {growth}% growth");
            return true;
        }
        false
    }

    /// One slice of the walk, and what it found on its way to the file.
    fn step_rewrite(&mut self) {
        let Some(running) = &self.aof.rewriting.running else { return };
        if running.file.is_busy() || running.file.is_complete() {
            return;
        }
        let mut budget = Budget::slice(self.env.clock.as_ref(), self.now_ms, SLICE_US);
        let (bytes, done) = self.keyspace.step_image(&mut || budget.more());
        self.add_to_base(bytes, done);
    }

    fn add_to_base(&mut self, bytes: Vec<u8>, last: bool) {
        let Some(running) = &mut self.aof.rewriting.running else { return };
        let sync_every = self.config.aof_rewrite_incremental_fsync.then_some(SYNC_EVERY);
        running.file.add(bytes, last, sync_every, self.env.jobs.as_mut());
    }

    /// A job has written a piece of the base.
    pub(super) fn base_written(&mut self, fault: Option<String>) {
        let Some(running) = &mut self.aof.rewriting.running else { return };
        let whole = matches!(running.file.written(), Stage::Whole);
        if let Some(why) = fault {
            self.fail_rewrite(&why);
        } else if whole {
            if let Err(error) = self.finish_rewrite() {
                self.fail_rewrite(&error_text(&error));
            }
        }
    }

    /// The base is whole and on the disk: it takes its place.
    fn finish_rewrite(&mut self) -> io::Result<()> {
        let Some(running) = &self.aof.rewriting.running else { return Ok(()) };
        let (rdb, len, began_us) = (running.rdb, running.file.len(), running.began_us);
        let dir = self.log_dir();
        let filename = self.config.appendfilename.clone();
        let mut manifest = self.aof.manifest.clone();
        // Of all history only the last one is of any use to a copy.
        let stale = match self.config.aof_disable_auto_gc {
            true => Vec::new(),
            false => std::mem::take(&mut manifest.history),
        };
        manifest.rewriting = false;
        let base = manifest.next_base(&filename, rdb);
        self.env.disk.rename(&dir.join(TEMP_BASE), &dir.join(&base.name))?;
        let first = self.aof.state == State::Waiting;
        if first {
            let incr = manifest.next_incr(&filename);
            self.env.disk.rename(&dir.join(self.temp_incr()), &dir.join(&incr.name))?;
        }
        manifest.retire_incr(usize::from(self.aof.state != State::Off));
        let before = std::mem::replace(&mut self.aof.manifest, manifest);
        if let Err(error) = self.write_manifest() {
            self.aof.manifest = before;
            return Err(error);
        }
        self.aof.other_len = len;
        self.aof.base_len = self.aof.size();
        self.aof.rewriting.running = None;
        self.aof.rewriting.failures = 0;
        self.aof.rewriting.not_before_us = 0;
        self.aof.rewriting.last_seconds = Some((self.now_us - began_us) / 1_000_000);
        if first {
            self.aof.state = State::On;
        }
        if first || self.aof.sync_error.take().is_some() {
            self.sync_log();
        }
        self.remove_parts(stale);
        self.aof.rewriting.history_until_us = self.now_us + HISTORY_STAYS_US;
        tracing::info!("Background AOF rewrite finished successfully");
        Ok(())
    }

    /// Deletes history that has stayed long enough; gives the microseconds until there is some.
    pub(super) fn tick_history(&mut self) -> Option<u64> {
        if self.aof.manifest.history.is_empty() || self.config.aof_disable_auto_gc {
            return None;
        }
        let left = self.aof.rewriting.history_until_us.saturating_sub(self.now_us);
        if left == 0 {
            self.delete_history();
            return None;
        }
        Some(left)
    }

    fn remove_parts(&mut self, parts: Vec<Part>) {
        let dir = self.log_dir();
        for Part { name, .. } in parts {
            // One that is gone already is what was wanted.
            self.remove_quietly(&dir.join(&name));
            tracing::info!("Removed the history file {name}");
        }
    }

    /// Deletes what the log does not need any more.
    pub(super) fn delete_history(&mut self) {
        if self.config.aof_disable_auto_gc || self.aof.manifest.history.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.aof.manifest.history);
        self.remove_parts(parts);
        if let Err(error) = self.write_manifest() {
            tracing::warn!("Can't update the AOF manifest: {}", error_text(&error));
        }
    }

    pub(super) fn fail_rewrite(&mut self, why: &str) {
        tracing::warn!("Background AOF rewrite terminated with error: {why}");
        self.drop_rewrite();
        self.note_failure();
    }

    fn note_failure(&mut self) {
        let rewriting = &mut self.aof.rewriting;
        rewriting.failures += 1;
        if rewriting.failures >= FAILURES_FREE {
            let minutes = 1u64.checked_shl(rewriting.failures - FAILURES_FREE);
            let minutes = minutes.unwrap_or(WAIT_MAX_MINUTES).clamp(1, WAIT_MAX_MINUTES);
            rewriting.not_before_us = self.now_us + minutes * 60_000_000;
            tracing::warn!("Background AOF rewrite is tried again in {minutes} minutes");
        }
        if self.aof.state == State::Waiting {
            self.forget_first_log();
            self.aof.rewriting.scheduled = true;
        } else if self.aof.sync_error.is_some() {
            self.aof.rewriting.scheduled = true;
        }
    }

    /// Ends a rewrite that leads nowhere.
    pub(in crate::engine) fn drop_rewrite(&mut self) {
        if let Some(running) = self.aof.rewriting.running.take() {
            if !running.file.is_complete() {
                self.keyspace.end_image();
            }
            self.remove_quietly(&self.log_dir().join(TEMP_BASE));
        }
    }

    /// What a first rewrite that failed left behind.
    fn forget_first_log(&mut self) {
        self.aof.file = None;
        self.aof.buffer.clear();
        self.aof.written = self.aof.appended;
        self.stream_wanted();
        self.remove_quietly(&self.log_dir().join(self.temp_incr()));
    }

    /// CONFIG SET appendonly yes: the first rewrite begins. False when it cannot.
    pub(in crate::engine) fn start_log(&mut self) -> bool {
        self.drop_rewrite();
        self.aof.state = State::Waiting;
        let known = self.read_manifest();
        if let Err(why) = &known {
            tracing::warn!("{why}");
        }
        if known.is_ok() && self.persist.is_saving() {
            tracing::info!(
                "AOF was enabled but there is already another background operation. An AOF \
                 background was scheduled to start when possible."
            );
            self.aof.rewriting.scheduled = true;
            return true;
        }
        if known.is_err() || self.begin_rewrite().is_err() {
            self.forget_first_log();
            self.aof.state = State::Off;
            self.aof.rewriting.scheduled = false;
            tracing::warn!(
                "Redis needs to enable the AOF but can't trigger a background AOF rewrite \
                 operation. Check the above logs for more info about the error."
            );
            return false;
        }
        true
    }

    /// CONFIG SET appendonly no.
    pub(in crate::engine) fn stop_log(&mut self) {
        if self.aof.state == State::On {
            self.settle_log();
        }
        self.drop_rewrite();
        let first = self.aof.state == State::Waiting;
        self.aof.state = State::Off;
        self.aof.rewriting.scheduled = false;
        self.aof.sync_error = None;
        if first {
            self.forget_first_log();
        }
        self.aof.file = None;
        self.aof.buffer.clear();
        self.log_is_moot();
        self.stream_wanted();
    }
}
