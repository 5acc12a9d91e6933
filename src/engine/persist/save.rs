//! The data set into a file: the whole of it at once, under a name of its own until it is there.

use crate::base::error::Error;
use crate::engine::Engine;
use crate::engine::config::REDIS_VERSION;
use crate::engine::config::types::MaxmemoryPolicy;
use crate::env::NewFile;
use crate::keyspace::entry::Entry;
use crate::keyspace::saved::HintKind;
use crate::rdb::{Options, Saver, Start};
use crate::sys;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A file is synced each time so many bytes were written (`rdb-save-incremental-fsync`).
const SYNC_EVERY: u64 = 4 << 20;
/// After a save in the background failed, the next one waits so long, seconds.
const RETRY_AFTER_S: i64 = 5;

type File = Saver<Box<dyn NewFile>>;

impl Engine {
    /// What the configured policy wants to know about keys.
    pub(super) fn hint_kind(&self) -> HintKind {
        match self.config.maxmemory_policy {
            MaxmemoryPolicy::AllkeysLru | MaxmemoryPolicy::VolatileLru => HintKind::Idle,
            MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu => HintKind::Frequency,
            _ => HintKind::None,
        }
    }

    /// Saves the data set under the configured name.
    pub fn save_snapshot(&mut self) -> io::Result<()> {
        let name = PathBuf::from(&self.config.dbfilename);
        let saved = self.save_to(&name, self.keyspace.saving, false);
        match &saved {
            Ok(()) => {
                tracing::info!("DB saved on disk");
                self.persist.last_save_s = self.env.clock.wall_us() / 1_000_000;
                self.persist.saved_changes = self.keyspace.effects.dirty;
                self.persist.failed = false;
            }
            Err(error) => {
                let why = sys::error_text(error);
                tracing::warn!("Write error while saving DB to the disk: {why}");
            }
        }
        saved
    }

    /// Saves the data set under a name, in the place of what was there. `aof_base` tells that it is
    /// the begin of an append-only file.
    pub fn save_to(&mut self, name: &Path, options: Options, aof_base: bool) -> io::Result<()> {
        let temporary = name.with_file_name(format!("temp-{}.rdb", sys::pid()));
        let written = self
            .write_snapshot(&temporary, options, aof_base)
            .and_then(|()| self.env.disk.rename(&temporary, name));
        if let Err(error) = written {
            // It may not exist; the first error is the one that tells why.
            let _ = self.env.disk.remove(&temporary);
            return Err(error);
        }
        let dir = name.parent().filter(|dir| !dir.as_os_str().is_empty());
        self.env.disk.sync_dir(dir.unwrap_or(Path::new(".")))
    }

    fn write_snapshot(&mut self, name: &Path, options: Options, aof_base: bool) -> io::Result<()> {
        let file = self.env.disk.create_file(name)?;
        let aux = [
            ("redis-ver", REDIS_VERSION.to_owned()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", (self.env.clock.wall_us() / 1_000_000).to_string()),
            ("used-mem", self.env.memory.used().to_string()),
            ("aof-base", u8::from(aof_base).to_string()),
        ];
        let start = Start { aux: &aux, functions: &self.persist.libraries };
        let mut saver = Saver::new(file, options, &start)?;
        for number in 0..self.keyspace.dbs.len() {
            self.write_database(&mut saver, number)?;
        }
        saver.finish()?.sync()
    }

    fn write_database(&self, saver: &mut File, number: usize) -> io::Result<()> {
        let db = &self.keyspace.dbs[number];
        if db.dict.is_empty() {
            return Ok(());
        }
        saver.database(number as u64, db.dict.len() as u64, db.deadlines.len() as u64)?;
        let (hints, now) = (self.hint_kind(), self.now_ms());
        let (mut cursor, mut synced) = (0, saver.position());
        loop {
            let mut outcome = ControlFlow::Continue(());
            cursor = db.dict.scan(cursor, &mut |entry: &Entry| {
                if outcome.is_continue() {
                    let saved = self.keyspace.with_record(entry, hints, now, |r| saver.record(r));
                    outcome = saved.map_or_else(ControlFlow::Break, ControlFlow::Continue);
                    delay(self.config.rdb_key_save_delay);
                }
            });
            if let ControlFlow::Break(error) = outcome {
                return Err(error);
            }
            if self.config.rdb_save_incremental_fsync && saver.position() - synced >= SYNC_EVERY {
                synced = saver.position();
                saver.target().sync()?;
            }
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// SAVE: everybody waits.
    pub fn save_now(&mut self) -> Result<(), Error> {
        if self.persist.is_saving() {
            return Err(Error::err("Background save already in progress"));
        }
        self.persist.saves += 1;
        self.save_snapshot().map_err(|_| Error::fixed("ERR"))
    }

    /// BGSAVE: the save begins when the loop comes round.
    pub fn save_soon(&mut self) -> Result<(), Error> {
        if self.persist.is_saving() {
            return Err(Error::err("Background save already in progress"));
        }
        self.persist.due = true;
        self.persist.saves += 1;
        self.persist.last_try_s = self.now_ms() / 1000;
        tracing::info!("Background saving started by pid {}", sys::pid());
        Ok(())
    }

    /// Goes on with a save in the background, and begins one when a save point is reached.
    pub(in crate::engine) fn save_in_background(&mut self) {
        if self.persist.due {
            let began_s = self.persist.last_try_s;
            let saved = self.save_snapshot();
            self.persist.due = false;
            self.persist.last_took_s = self.env.clock.wall_us() / 1_000_000 - began_s;
            self.persist.failed = saved.is_err();
            match saved {
                Ok(()) => tracing::info!("Background saving terminated with success"),
                Err(_) => tracing::warn!("Background saving error"),
            }
        } else if let Some((seconds, changes)) = self.save_point() {
            tracing::info!("{changes} changes in {seconds} seconds. Saving...");
            // It cannot be refused: none is under way.
            let _ = self.save_soon();
        }
    }

    /// The save point that is reached.
    fn save_point(&self) -> Option<(u64, u64)> {
        let due = |at_us: &u64| *at_us == 0;
        let points = self.config.save.iter().copied();
        points.into_iter().find(|point| self.point_due_us(*point).as_ref().is_some_and(due))
    }

    /// Microseconds until a save point is reached if nothing more changes.
    fn point_due_us(&self, (seconds, changes): (u64, u64)) -> Option<u64> {
        if self.unsaved_changes() < changes.max(1) {
            return None;
        }
        let mut at_s = self.persist.last_save_s + i64::try_from(seconds).ok()? + 1;
        if self.persist.failed {
            at_s = at_s.max(self.persist.last_try_s + RETRY_AFTER_S + 1);
        }
        let left_ms = at_s.saturating_mul(1000).saturating_sub(self.now_ms()).max(0);
        Some(left_ms as u64 * 1000)
    }

    /// Microseconds until there is something to do in the background.
    pub(in crate::engine) fn next_save_us(&self) -> Option<u64> {
        if self.persist.due {
            return Some(0);
        }
        if self.keyspace.effects.dirty == self.persist.saved_changes {
            return None;
        }
        self.config.save.iter().filter_map(|point| self.point_due_us(*point)).min()
    }
}

/// Waits after a key, for tests: so many microseconds, or, below 0, one after so many keys.
pub(super) fn delay(setting: i32) {
    if let Ok(us @ 1..) = u64::try_from(setting) {
        sys::sleep_us(us);
    }
}
