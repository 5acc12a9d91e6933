//! The append-only file while it grows: the propagation stream goes into a buffer, the buffer into
//! the newest file before the replies of the pass leave, and from there to the disk by jobs.
//!
//! ```text
//!  appended ≥ written ≥ synced      bytes of the log ever, in this run, that came so far
//! ```
//!
//! Under `always` a byte of output is stamped with `appended` when the network first asks about it
//! and leaves once `synced` has come that far; writes and syncs go in turns, so that a sync serves
//! everybody who came during the one before. Under `everysec` a write waits for a running sync for
//! two seconds at most. Invariant: what a failed sync may have lost is never trusted again; only a
//! rewrite ends the refusal of writes that follows.

use super::super::Engine;
use super::super::client::ClientId;
use super::aof_rewrite::Rewriting;
use super::manifest::Manifest;
use crate::base::error::Error;
use crate::engine::NetRequest;
use crate::engine::config::types::Appendfsync;
use crate::env::{Appender, Job};
use crate::resp::argv::encode;
use crate::sys::error_text;
use std::io;

/// Whether there is a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// There is none.
    #[default]
    Off,
    /// The first rewrite is under way; until it ends the log is worth nothing.
    Waiting,
    /// The log is the truth.
    On,
}

/// The log.
#[derive(Default)]
pub struct Aof {
    /// Whether there is one.
    pub state: State,
    /// Its files.
    pub manifest: Manifest,
    /// The rewrite under way and the outcome of earlier ones.
    pub rewriting: Rewriting,
    /// Writes that did not wait any longer for a sync.
    pub delayed: u64,
    /// DEBUG: microseconds to wait before each write.
    pub flush_sleep_us: u64,
    /// The newest file.
    pub(super) file: Option<Box<dyn Appender>>,
    /// Its length.
    pub(super) file_len: u64,
    /// Length of all other files that are to be loaded.
    pub(super) other_len: u64,
    /// Length of all files after the last rewrite.
    pub(super) base_len: u64,
    pub(super) buffer: Vec<u8>,
    /// The database that the newest file has selected.
    pub(super) db: Option<usize>,
    /// The second that was last noted in it.
    pub(super) noted: i64,
    pub(super) appended: u64,
    pub(super) written: u64,
    pub(super) synced: u64,
    /// Syncs under way.
    syncs: u32,
    /// The file before the newest is not synced yet.
    pub(super) turning: bool,
    last_sync_us: u64,
    postponed_us: Option<u64>,
    retry_us: u64,
    complained_us: Option<u64>,
    write_error: Option<String>,
    pub(super) sync_error: Option<String>,
    /// Clients whose output waits for a sync.
    held: Vec<ClientId>,
    /// Clients in WAITAOF.
    waiters: Vec<ClientId>,
    /// Something was synced, or does not have to be any more.
    moved: bool,
}

/// The buffer is written whatever is under way when it has so many bytes.
const BUFFER_MAX: usize = 64 << 20;
/// A buffer of more bytes is not kept.
const BUFFER_KEPT: usize = 256 << 10;
/// How long a write waits for a sync, microseconds.
const POSTPONED_MAX_US: u64 = 2_000_000;
/// Between two syncs under `everysec`, microseconds.
const SYNC_EVERY_US: u64 = 1_000_000;
/// Between two attempts to write to a disk that refuses, microseconds.
const RETRY_US: u64 = 100_000;
/// Between two complaints about it, microseconds.
const COMPLAIN_EVERY_US: u64 = 30_000_000;

impl Aof {
    /// Whether anything is logged.
    #[inline]
    pub fn is_logging(&self) -> bool {
        self.file.is_some()
    }

    /// Length of all files that are to be loaded.
    pub fn size(&self) -> u64 {
        self.other_len + self.file_len
    }

    /// The same right after the last rewrite.
    pub fn base_size(&self) -> u64 {
        self.base_len
    }

    /// Bytes that wait to be written.
    pub fn buffer_len(&self) -> usize {
        self.buffer.len()
    }

    /// What they take in memory.
    pub fn buffer_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether a sync is under way.
    pub fn is_syncing(&self) -> bool {
        self.syncs > 0
    }

    /// Whether the last write, and the last sync, succeeded.
    pub fn is_sound(&self) -> bool {
        self.write_error.is_none() && self.sync_error.is_none()
    }

    /// The log as far as it is sure to survive.
    pub fn synced(&self) -> u64 {
        if self.state == State::On { self.synced } else { 0 }
    }

    /// Bytes ever logged in this run.
    pub(crate) fn end(&self) -> u64 {
        self.appended
    }

    /// Appends one command in the form of a request.
    pub(crate) fn feed(&mut self, command: &[u8]) {
        self.buffer.extend_from_slice(command);
        self.appended += command.len() as u64;
    }

    /// Makes sure that the log has selected this database.
    pub(crate) fn select(&mut self, db: usize) {
        if self.db != Some(db) {
            self.db = Some(db);
            let mut command = Vec::new();
            encode([b"SELECT", db.to_string().as_bytes()].into_iter(), &mut command);
            self.feed(&command);
        }
    }

    /// Notes the time, once a second.
    pub(crate) fn note_time(&mut self, now_ms: i64) {
        let now = now_ms / 1000;
        if now > self.noted {
            self.noted = now;
            let note = annotation(now);
            self.buffer.extend_from_slice(&note);
            self.appended += note.len() as u64;
        }
    }

    /// What follows goes to this file, which is empty.
    pub(super) fn continue_in(&mut self, file: Box<dyn Appender>, len: u64) {
        self.other_len += self.file_len;
        self.file = Some(file);
        self.file_len = len;
        (self.db, self.noted) = (None, 0);
    }

    /// A client waits for the log to be synced.
    pub(in crate::engine) fn remember_waiter(&mut self, id: ClientId) {
        self.waiters.push(id);
    }
}

/// The line that tells the time, in seconds since 1970.
pub(super) fn annotation(seconds: i64) -> Vec<u8> {
    format!("#TS:{seconds}\r\n").into_bytes()
}

impl Engine {
    /// What is logged when: called once in a pass, before output leaves. Gives the microseconds
    /// until it has to be called again.
    pub(in crate::engine) fn tick_log(&mut self) -> Option<u64> {
        self.flush_log(false);
        if std::mem::take(&mut self.aof.moved) {
            self.release_output();
            self.serve_log_waiters();
        }
        let (rewrite, history) = (self.tick_rewrite(), self.tick_history());
        let aof = &self.aof;
        let now = self.now_us;
        let mut due = Vec::new();
        if !aof.buffer.is_empty() && aof.file.is_some() {
            due.push(match (aof.write_error.is_some(), aof.postponed_us) {
                (true, _) => aof.retry_us,
                (false, Some(since)) => since + POSTPONED_MAX_US,
                (false, None) => now + RETRY_US,
            });
        }
        let everysec = self.config.appendfsync == Appendfsync::Everysec;
        let unsynced = aof.syncs == 0 && aof.synced < aof.written && aof.sync_error.is_none();
        if everysec && unsynced && !self.sync_is_put_off() {
            due.push(aof.last_sync_us + SYNC_EVERY_US);
        }
        let due = due.into_iter().min().map(|at| at.saturating_sub(now).max(1));
        [due, rewrite, history].into_iter().flatten().min()
    }

    /// Writes the buffer and syncs the file, as far as it is time to; `force` waits for nothing.
    pub(super) fn flush_log(&mut self, force: bool) {
        if self.aof.file.is_none() {
            return;
        }
        if !self.aof.buffer.is_empty() && (force || self.may_write_log()) && !self.write_log() {
            return;
        }
        let aof = &self.aof;
        // After a failed sync another one proves nothing.
        let unsynced = aof.synced < aof.written && aof.syncs == 0 && aof.sync_error.is_none();
        let due = match self.config.appendfsync {
            Appendfsync::Always => true,
            Appendfsync::Everysec => {
                self.now_us >= aof.last_sync_us + SYNC_EVERY_US && !self.sync_is_put_off()
            }
            Appendfsync::No => false,
        };
        if unsynced && due {
            self.sync_log();
        }
    }

    fn sync_is_put_off(&self) -> bool {
        let writing = self.aof.rewriting.is_running() || self.persist.is_saving();
        self.config.no_appendfsync_on_rewrite && writing
    }

    fn may_write_log(&mut self) -> bool {
        let aof = &mut self.aof;
        if aof.write_error.is_some() && self.now_us < aof.retry_us {
            return false;
        }
        if aof.syncs == 0 || aof.buffer.len() >= BUFFER_MAX {
            return true;
        }
        match self.config.appendfsync {
            Appendfsync::No if !aof.turning => true,
            Appendfsync::Always => false,
            Appendfsync::No | Appendfsync::Everysec => {
                let since = *aof.postponed_us.get_or_insert(self.now_us);
                if self.now_us - since < POSTPONED_MAX_US {
                    return false;
                }
                aof.delayed += 1;
                tracing::info!(
                    "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF \
                     buffer without waiting for fsync to complete, this may slow down Redis."
                );
                true
            }
        }
    }

    /// Writes the whole buffer; false when the disk refused.
    fn write_log(&mut self) -> bool {
        if self.aof.flush_sleep_us > 0 {
            crate::sys::sleep_us(self.aof.flush_sleep_us);
        }
        let aof = &mut self.aof;
        aof.postponed_us = None;
        let Some(file) = &mut aof.file else { return false };
        let mut done = 0;
        let failed = loop {
            if done == aof.buffer.len() {
                break None;
            }
            match file.write(&aof.buffer[done..]) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) => break Some(error),
            }
        };
        if let Some(error) = failed {
            // Half a command at the end would be taken for the trace of a crash.
            if done > 0 && file.cut(aof.file_len).is_err() {
                aof.file_len += done as u64;
                aof.buffer.drain(..done);
                aof.written += done as u64;
            }
            self.write_refused(&error);
            return false;
        }
        aof.file_len += done as u64;
        aof.written = aof.appended;
        aof.buffer.clear();
        if aof.buffer.capacity() > BUFFER_KEPT {
            aof.buffer = Vec::new();
        }
        if aof.write_error.take().is_some() {
            aof.complained_us = None;
            tracing::warn!("AOF write error looks solved. The server can write again.");
        }
        true
    }

    fn write_refused(&mut self, error: &io::Error) {
        let text = error_text(error);
        if self.config.appendfsync == Appendfsync::Always && self.aof.state == State::On {
            self.log_is_lost(&format!(
                "Can't recover from AOF write error when the AOF fsync policy is 'always': \
                 {text}. Exiting..."
            ));
        }
        let now = self.now_us;
        let aof = &mut self.aof;
        aof.retry_us = now + RETRY_US;
        if aof.complained_us.is_none_or(|at| now - at >= COMPLAIN_EVERY_US) {
            aof.complained_us = Some(now);
            tracing::warn!("Error writing to the AOF file: {text}");
        }
        aof.write_error = Some(text);
    }

    /// Nothing that was not synced may be trusted, and nobody may be told of it: the end.
    fn log_is_lost(&mut self, why: &str) {
        tracing::warn!("{why}");
        self.request(NetRequest::Shutdown { exit_code: 1 });
    }

    /// Hands the file to a job that syncs it.
    pub(super) fn sync_log(&mut self) {
        let aof = &mut self.aof;
        let Some(file) = &aof.file else { return };
        aof.last_sync_us = self.now_us;
        match file.syncer() {
            Ok(file) => {
                aof.syncs += 1;
                self.env.jobs.submit(Job::Sync { file, upto: aof.written });
            }
            Err(error) => self.sync_refused(&error_text(&error)),
        }
    }

    /// A sync of the log ended.
    pub(in crate::engine) fn log_synced(&mut self, upto: u64, error: Option<i32>) {
        self.aof.syncs = self.aof.syncs.saturating_sub(1);
        self.aof.turning &= self.aof.syncs > 0;
        self.aof.moved = true;
        match error {
            None if self.aof.sync_error.is_none() => {
                self.aof.synced = self.aof.synced.max(upto);
            }
            None => {}
            Some(number) => {
                let text = error_text(&io::Error::from_raw_os_error(number));
                self.sync_refused(&text);
            }
        }
    }

    fn sync_refused(&mut self, text: &str) {
        if self.aof.file.is_none() {
            return;
        }
        if self.config.appendfsync == Appendfsync::Always && self.aof.state == State::On {
            self.log_is_lost(&format!(
                "Can't persist AOF for fsync error when the AOF fsync policy is 'always': {text}. \
                 Exiting..."
            ));
        }
        tracing::warn!("Fail to fsync the AOF file: {text}");
        self.aof.sync_error = Some(text.to_owned());
        self.aof.rewriting.schedule();
    }

    /// Why writes are refused, if they are.
    pub fn log_refusal(&self) -> Option<Error> {
        let aof = &self.aof;
        if aof.state == State::Off {
            return None;
        }
        let text = aof.write_error.as_ref().or(aof.sync_error.as_ref())?;
        Some(Error::Other(format!("MISCONF Errors writing to the AOF file: {text}").into()))
    }

    /// How many bytes of a client's output may leave: all, unless they may tell of a write that
    /// is not synced. Who has to wait is marked anew when that changes.
    pub fn may_leave(&mut self, id: ClientId) -> usize {
        let aof = &mut self.aof;
        if aof.state != State::On || self.config.appendfsync != Appendfsync::Always {
            return usize::MAX;
        }
        let Some(client) = self.clients.get_mut(&id) else { return usize::MAX };
        let Some(live) = &client.live else { return usize::MAX };
        let len = live.out.len();
        let free = client.stamps.may_leave(len, aof.appended, aof.synced);
        if free < len && !client.stamps.listed {
            client.stamps.listed = true;
            aof.held.push(id);
        }
        free
    }

    /// Lets the network ask again about the output that had to wait.
    fn release_output(&mut self) {
        for id in std::mem::take(&mut self.aof.held) {
            if let Some(client) = self.clients.get_mut(&id) {
                client.stamps.listed = false;
                self.mark_dirty(id);
            }
        }
    }

    /// Nothing has to wait for a sync any more.
    pub(in crate::engine) fn log_is_moot(&mut self) {
        self.aof.moved = true;
    }

    /// Whether a client's own writes are on this server's disk.
    pub fn writes_are_safe(&self, id: ClientId) -> bool {
        let mark = self.clients.get(&id).map_or(0, |client| client.log_mark);
        mark <= self.aof.synced()
    }

    fn serve_log_waiters(&mut self) {
        for id in std::mem::take(&mut self.aof.waiters) {
            let waits = self.clients.get(&id).and_then(|client| client.blocked.as_ref());
            if !waits.is_some_and(|blocked| blocked.waits_for_log()) {
                continue;
            }
            if self.writes_are_safe(id) {
                self.run_again(id);
            }
            let waits = self.clients.get(&id).and_then(|client| client.blocked.as_ref());
            if waits.is_some_and(|blocked| blocked.waits_for_log()) {
                self.aof.waiters.push(id);
            }
        }
    }

    /// Whether anybody takes the propagation stream.
    pub(in crate::engine) fn stream_wanted(&mut self) {
        let wanted = self.tap.is_some() || self.aof.is_logging();
        self.keyspace.effects.interest.propagate = wanted;
    }

    /// Writes and syncs all of the log on the spot: the server ends, or the log does.
    pub(in crate::engine) fn settle_log(&mut self) {
        if self.aof.file.is_none() {
            return;
        }
        tracing::info!("Calling fsync() on the AOF file.");
        self.flush_log(true);
        let Some(file) = &self.aof.file else { return };
        match file.syncer().and_then(|mut file| file.sync()) {
            Ok(()) if self.aof.sync_error.is_none() && self.aof.buffer.is_empty() => {
                self.aof.synced = self.aof.written;
            }
            Ok(()) => {}
            Err(error) => self.sync_refused(&error_text(&error)),
        }
        self.aof.moved = true;
        self.release_output();
    }
}
