//! A file into a fresh keyspace, which takes the place of the live one when it is whole.

use super::save::delay;
use crate::base::rng::Rng;
use crate::engine::Engine;
use crate::keyspace::Keyspace;
use crate::rdb::{self, Loader, Part, Reason};
use crate::sys;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Parts of a file between two looks at the clock.
const PARTS: usize = 64;

/// What came out of a file.
pub struct Snapshot {
    /// The data.
    pub keyspace: Keyspace,
    /// Libraries of functions, as their source.
    pub libraries: Vec<Vec<u8>>,
    /// Keys taken over.
    pub loaded: u64,
    /// Keys left out since they were past their deadline.
    pub expired: u64,
    /// Keys left out since they held nothing.
    pub empty: u64,
}

/// Why a file could not be loaded.
#[derive(Debug)]
pub enum Failure {
    /// There is none of this name.
    Missing,
    /// It cannot be opened.
    Closed(io::Error),
    /// It is not what it should be.
    Damaged(String),
}

/// A file that is being loaded, part by part.
pub struct Loading<R> {
    from: Loader<R>,
    into: Snapshot,
    db: usize,
    now: i64,
    /// Keys that are past their deadline are taken over too: what follows the file will delete
    /// them.
    keeps_expired: bool,
    finished: bool,
}

impl<R: Read> Loading<R> {
    /// Begins to load into this empty keyspace.
    pub fn begin(
        source: R,
        keyspace: Keyspace,
        now: i64,
        keeps_expired: bool,
    ) -> Result<Loading<R>, rdb::Error> {
        let from = Loader::new(source, keyspace.saving.checksum)?;
        let into = Snapshot { keyspace, libraries: Vec::new(), loaded: 0, expired: 0, empty: 0 };
        Ok(Loading { from, into, db: 0, now, keeps_expired, finished: false })
    }

    /// Takes in parts until `more` says stop; true at the end.
    pub fn step(
        &mut self,
        limits: &crate::value::limits::Limits,
        more: &mut dyn FnMut() -> bool,
    ) -> Result<bool, rdb::Error> {
        while !self.finished {
            let part = self.from.step(limits)?;
            self.take(part)?;
            if !more() {
                break;
            }
        }
        Ok(self.finished)
    }

    fn damaged(&self, what: &'static str) -> rdb::Error {
        rdb::Error { offset: self.from.position(), reason: Reason::Damaged(what) }
    }

    fn take(&mut self, part: Part) -> Result<(), rdb::Error> {
        match part {
            Part::Aux(name, value) => self.note(&name, &value),
            Part::Database(number) => {
                let known = usize::try_from(number).ok();
                let known = known.filter(|number| *number < self.into.keyspace.dbs.len());
                self.db = known.ok_or_else(|| {
                    self.damaged("The file has more databases than are configured")
                })?;
            }
            // Hints of sizes are not believed, and tables grow by themselves.
            Part::Sizes { .. } => {}
            Part::Function(library) => self.into.libraries.push(library),
            Part::ModuleAux(name) => {
                tracing::warn!("Data of the module type '{name}' was passed over");
            }
            Part::EmptyRecord(key) => {
                self.into.empty += 1;
                let key = String::from_utf8_lossy(&key).into_owned();
                tracing::info!("rdbLoadObject skipping empty key: {key}");
            }
            Part::Record(record) => {
                let late = record.deadline.is_some_and(|at| at < self.now);
                if late && !self.keeps_expired {
                    self.into.expired += 1;
                } else if self.into.keyspace.load_key(self.db, record, self.now) {
                    self.into.loaded += 1;
                } else {
                    return Err(self.damaged("A key is there twice"));
                }
            }
            Part::End { unchecked } => {
                self.finished = true;
                if unchecked && self.into.keyspace.saving.checksum {
                    tracing::info!(
                        "RDB file was saved with checksum disabled: no check performed."
                    );
                }
            }
        }
        Ok(())
    }

    /// Something about the file, for the log.
    fn note(&self, name: &[u8], value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        match name {
            b"redis-ver" => tracing::info!("Loading RDB produced by version {text}"),
            b"ctime" => {
                let age = self.now / 1000 - text.parse().unwrap_or(self.now / 1000);
                tracing::info!("RDB age {} seconds", age.max(0));
            }
            b"used-mem" => {
                let used: f64 = text.parse().unwrap_or(0.0);
                tracing::info!("RDB memory usage when created {:.2} Mb", used / 1048576.0);
            }
            b"aof-base" if value == b"1" => tracing::info!("RDB is base AOF"),
            _ => {}
        }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.from.position()
    }

    /// What was loaded, and whatever follows the file.
    pub fn finish(self) -> (Snapshot, (Vec<u8>, R)) {
        (self.into, self.from.into_rest())
    }
}

impl Engine {
    /// An empty keyspace like the live one, to be filled.
    pub fn fresh_keyspace(&mut self) -> Keyspace {
        let rng = Rng::seeded(self.rng.next_u64());
        let mut fresh = Keyspace::new(self.keyspace.dbs.len(), self.limits.seed, rng);
        (fresh.saving, fresh.access) = (self.keyspace.saving, self.keyspace.access);
        // Walks over what is loaded here go by the live count.
        fresh.walks.epoch = self.keyspace.walks.epoch;
        fresh
    }

    /// Loads a file; the live data set stays as it is.
    pub fn load_snapshot(&mut self, name: &Path) -> Result<Snapshot, Failure> {
        let file = self.env.disk.open_file(name).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::Missing,
            _ => Failure::Closed(error),
        })?;
        let fresh = self.fresh_keyspace();
        let now = self.env.clock.wall_us() / 1000;
        let damaged = |error: rdb::Error| {
            tracing::warn!("Internal error in RDB reading {error}");
            Failure::Damaged(error.to_string())
        };
        let mut loading = Loading::begin(file, fresh, now, false).map_err(damaged)?;
        let key_delay = self.config.key_load_delay;
        let mut parts = 0;
        let mut more = || {
            parts += 1;
            delay(key_delay);
            parts % PARTS != 0
        };
        while !loading.step(&self.limits, &mut more).map_err(damaged)? {}
        let snapshot = loading.finish().0;
        let Snapshot { loaded, expired, empty, .. } = &snapshot;
        tracing::info!("Done loading RDB, keys loaded: {loaded}, keys expired: {expired}.");
        if *empty > 0 {
            tracing::info!("Done loading RDB, empty keys skipped: {empty}.");
        }
        Ok(snapshot)
    }

    /// Puts what was loaded in the place of the live data set, which stays as it is when a library
    /// in the file cannot be loaded: the error says which.
    pub fn adopt(&mut self, snapshot: Snapshot) -> Result<(), String> {
        if let Err(text) = self.replace_libraries(snapshot.libraries) {
            let text = format!("Failed loading library, {}", String::from_utf8_lossy(&text));
            tracing::warn!("{text}");
            return Err(text);
        }
        self.persist.keys_loaded = snapshot.loaded;
        self.persist.keys_expired = snapshot.expired;
        self.keyspace.replace_all(snapshot.keyspace);
        Ok(())
    }

    /// Loads the snapshot of the last run, if there is one; the error is what to say before the
    /// process ends.
    pub fn load_at_start(&mut self) -> Result<(), String> {
        if self.config.appendonly {
            // The log is the truth, whatever a snapshot says.
            return self.load_log_at_start();
        }
        let began_us = self.env.clock.mono_us();
        let name = PathBuf::from(&self.config.dbfilename);
        let loaded = self.load_snapshot(&name);
        let adopted = loaded.and_then(|all| self.adopt(all).map_err(Failure::Damaged));
        match adopted {
            Ok(()) => {
                let took = (self.env.clock.mono_us() - began_us) as f64 / 1e6;
                tracing::info!("DB loaded from disk: {took:.3} seconds");
                self.refresh_clock();
                Ok(())
            }
            Err(Failure::Missing) => Ok(()),
            Err(Failure::Closed(error)) => Err(format!(
                "Fatal error: can't open the RDB file {} for reading: {}",
                name.display(),
                sys::error_text(&error)
            )),
            Err(Failure::Damaged(_)) => {
                Err("Terminating server after rdb file reading failure.".to_owned())
            }
        }
    }
}
