//! The data set into a file: the whole of it at once, under a name of its own until it is there.

use crate::base::error::Error;
use crate::engine::Engine;
use crate::engine::config::REDIS_VERSION;
use crate::engine::config::types::MaxmemoryPolicy;
use crate::env::NewFile;
use crate::keyspace::entry::Entry;
use crate::keyspace::saved::{HintKind, record_of};
use crate::rdb::{Options, Saver, Start};
use crate::sys;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A file is synced each time so many bytes were written (`rdb-save-incremental-fsync`).
pub(super) const SYNC_EVERY: u64 = 4 << 20;

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
        // A value that long work is changing is not one to be saved.
        self.finish_exclusive();
        let name = PathBuf::from(&self.config.dbfilename);
        let saved = self.save_to(&name, self.keyspace.saving, false);
        match &saved {
            Ok(()) => {
                tracing::info!("DB saved on disk");
                self.snapshot_saved(self.keyspace.effects.dirty);
            }
            Err(error) => {
                let why = sys::error_text(error);
                tracing::warn!("Write error while saving DB to the disk: {why}");
            }
        }
        saved
    }

    /// A snapshot with so many changes is in its place.
    pub(super) fn snapshot_saved(&mut self, changes: u64) {
        self.persist.last_save_s = self.env.clock.wall_us() / 1_000_000;
        self.persist.saved_changes = changes;
        self.persist.failed = false;
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
        self.env.disk.sync_dir(directory_of(name))
    }

    /// What a file tells about itself.
    pub(super) fn snapshot_aux(&self, aof_base: bool) -> [(&'static str, String); 5] {
        [
            ("redis-ver", REDIS_VERSION.to_owned()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", (self.env.clock.wall_us() / 1_000_000).to_string()),
            ("used-mem", self.env.memory.used().to_string()),
            ("aof-base", u8::from(aof_base).to_string()),
        ]
    }

    fn write_snapshot(&mut self, name: &Path, options: Options, aof_base: bool) -> io::Result<()> {
        let file = self.env.disk.create_file(name)?;
        let aux = self.snapshot_aux(aof_base);
        let start = Start { aux: &aux, functions: &self.library_texts() };
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
        let sizes = (db.dict.len() as u64, db.deadlines.len() as u64);
        saver.database(number as u64, Some(sizes))?;
        let (hints, now) = (self.hint_kind(), self.now_ms());
        let (mut cursor, mut synced) = (0, saver.position());
        loop {
            let mut outcome = ControlFlow::Continue(());
            cursor = db.dict.scan(cursor, &mut |entry: &Entry| {
                if outcome.is_continue() {
                    let record = record_of(entry, &self.keyspace.access, hints, now);
                    let saved = saver.record(&record);
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
}

/// The directory a file lies in.
pub(super) fn directory_of(name: &Path) -> &Path {
    let dir = name.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}

/// Waits after a key, for tests: so many microseconds, or, below 0, one after so many keys.
pub(super) fn delay(setting: i32) {
    if let Ok(us @ 1..) = u64::try_from(setting) {
        sys::sleep_us(us);
    }
}
