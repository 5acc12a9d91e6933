//! A file into a fresh keyspace, which takes the place of the live one when it is whole.

use super::loading::{Slice, fill};
use crate::base::rng::Rng;
use crate::engine::Engine;
use crate::engine::script::library::Policy;
use crate::keyspace::Keyspace;
use crate::rdb::{self, Loader, Part, Reason};
use crate::value::limits::Limits;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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
    /// What the writer said the data took in its memory, bytes.
    pub used_mem: u64,
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

/// What is to be done with the keys of a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taking {
    /// Keys that are past their deadline are taken over too: what follows the file will delete
    /// them.
    pub keeps_expired: bool,
    /// Of a key that is there twice the last one counts; otherwise it is a fault.
    pub last_wins: bool,
}

/// A file that is being loaded, part by part.
pub struct SnapshotLoad<R> {
    from: Loader<R>,
    into: Snapshot,
    db: usize,
    now: i64,
    taking: Taking,
}

impl<R: Read> SnapshotLoad<R> {
    /// Begins to load into this empty keyspace.
    pub fn begin(
        source: R,
        keyspace: Keyspace,
        now: i64,
        taking: Taking,
    ) -> Result<SnapshotLoad<R>, rdb::Error> {
        let from = Loader::new(source, keyspace.saving.checksum)?;
        let into = Snapshot {
            keyspace,
            libraries: Vec::new(),
            loaded: 0,
            expired: 0,
            empty: 0,
            used_mem: 0,
        };
        Ok(SnapshotLoad { from, into, db: 0, now, taking })
    }

    /// Takes in one part.
    pub fn step(&mut self, limits: &Limits) -> Result<Taken, rdb::Error> {
        let part = self.from.step(limits)?;
        self.take(part)
    }

    fn damaged(&self, what: &'static str) -> rdb::Error {
        rdb::Error { offset: self.from.position(), reason: Reason::Damaged(what) }
    }

    fn take(&mut self, part: Part) -> Result<Taken, rdb::Error> {
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
            Part::Elements => return Ok(Taken::Elements),
            Part::Function(library) => self.into.libraries.push(library),
            Part::ModuleAux(name) => {
                tracing::warn!("Data of the module type '{name}' was passed over");
            }
            Part::EmptyRecord(key) => {
                self.into.empty += 1;
                let key = String::from_utf8_lossy(&key).into_owned();
                tracing::info!("rdbLoadObject skipping empty key: {key}");
                return Ok(Taken::Key);
            }
            Part::Record(record) => {
                let late = record.deadline.is_some_and(|at| at < self.now);
                if late && !self.taking.keeps_expired {
                    self.into.expired += 1;
                } else if self.put(record) {
                    self.into.loaded += 1;
                } else {
                    return Err(self.damaged("A key is there twice"));
                }
                return Ok(Taken::Key);
            }
            Part::End { unchecked } => {
                if unchecked && self.into.keyspace.saving.checksum {
                    tracing::info!(
                        "RDB file was saved with checksum disabled: no check performed."
                    );
                }
                return Ok(Taken::End);
            }
        }
        Ok(Taken::Other)
    }

    /// Adds a key; false when it is there already and must not be.
    fn put(&mut self, record: rdb::Loaded) -> bool {
        let space = &mut self.into.keyspace;
        if self.taking.last_wins {
            space.unload_key(self.db, &record.key);
        }
        space.load_key(self.db, record, self.now)
    }

    /// Something about the file, for the log.
    fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        match name {
            b"redis-ver" => tracing::info!("Loading RDB produced by version {text}"),
            b"ctime" => {
                let age = self.now / 1000 - text.parse().unwrap_or(self.now / 1000);
                tracing::info!("RDB age {} seconds", age.max(0));
            }
            b"used-mem" => {
                let used: f64 = text.parse().unwrap_or(0.0);
                self.into.used_mem = used as u64;
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

    /// What was loaded so far.
    pub fn so_far(&self) -> &Snapshot {
        &self.into
    }

    /// What was loaded, and whatever follows the file.
    pub fn finish(self) -> (Snapshot, (Vec<u8>, R)) {
        let Snapshot { loaded, expired, empty, .. } = &self.into;
        tracing::info!("Done loading RDB, keys loaded: {loaded}, keys expired: {expired}.");
        if *empty > 0 {
            tracing::info!("Done loading RDB, empty keys skipped: {empty}.");
        }
        (self.into, self.from.into_rest())
    }
}

/// What a step took in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A key.
    Key,
    /// Some elements of one.
    Elements,
    /// Anything else.
    Other,
    /// The end: there is nothing more.
    End,
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

    /// Begins to load a file; the live data set stays as it is.
    pub(super) fn open_snapshot(
        &mut self,
        name: &Path,
        taking: Taking,
    ) -> Result<SnapshotLoad<Box<dyn Read + Send>>, Failure> {
        let file = self.env.disk.open_file(name).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::Missing,
            _ => Failure::Closed(error),
        })?;
        let fresh = self.fresh_keyspace();
        let now = self.env.clock.wall_us() / 1000;
        SnapshotLoad::begin(file, fresh, now, taking).map_err(damaged)
    }

    /// DEBUG RELOAD: loads the snapshot while everybody waits. It takes the place of the live
    /// data set, or joins it without `flush`; with `merge` keys that come twice are the later
    /// ones. After a failure the live data set is as it was, but keys that have joined it stay
    /// when a library cannot.
    pub fn reload_snapshot(&mut self, flush: bool, merge: bool) -> Result<(), Failure> {
        let name = PathBuf::from(&self.config.dbfilename);
        let taking = Taking { last_wins: merge, ..Taking::default() };
        let mut load = self.open_snapshot(&name, taking)?;
        let mut slice = Slice::endless(self.config.key_load_delay);
        while !fill(&mut load, self, &mut slice).map_err(damaged)? {}
        let snapshot = load.finish().0;
        if flush {
            return self.adopt(snapshot).map_err(Failure::Damaged);
        }
        self.keyspace.absorb(snapshot.keyspace, merge).map_err(|name| {
            let name = String::from_utf8_lossy(&name).into_owned();
            tracing::warn!("RDB has duplicated key '{name}'");
            Failure::Damaged("a key is there already".to_owned())
        })?;
        let policy = if merge { Policy::Replace } else { Policy::Append };
        let joined = self.join_libraries(snapshot.libraries, policy);
        joined.map_err(|text| Failure::Damaged(failed_library(&text)))
    }

    /// Puts what was loaded in the place of the live data set, which stays as it is when a library
    /// in the file cannot be loaded: the error says which.
    pub fn adopt(&mut self, snapshot: Snapshot) -> Result<(), String> {
        self.replace_libraries(snapshot.libraries).map_err(|text| failed_library(&text))?;
        self.persist.keys_loaded = snapshot.loaded;
        self.persist.keys_expired = snapshot.expired;
        self.keyspace.replace_all(snapshot.keyspace);
        Ok(())
    }
}

/// The failure that a fault of the file is, told in the log.
pub(super) fn damaged(error: rdb::Error) -> Failure {
    tracing::warn!("Internal error in RDB reading {error}");
    Failure::Damaged(error.to_string())
}

/// What is wrong with a library of the file, told in the log.
fn failed_library(text: &[u8]) -> String {
    let text = format!("Failed loading library, {}", String::from_utf8_lossy(text));
    tracing::warn!("{text}");
    text
}
