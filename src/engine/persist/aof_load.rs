//! The append-only file at the start: found, brought into the present form, replayed, continued.
//!
//! Replay runs each command through the engine as it came, with the origin `AofLoad`. No key
//! expires meanwhile: the log says itself what was deleted, and when. Invariant: what is cut off a
//! damaged end is kept beside the file, and a start that would lose anything else does not happen.

use super::super::Engine;
use super::aof::State;
use super::load::{Snapshot, SnapshotLoad, Taking};
use super::loading::{Slice, Source, fill};
use super::manifest::{Kind, Manifest, Part};
use crate::engine::args::Args;
use crate::engine::exec::NotReplayed;
use crate::engine::session::{Origin, Session};
use crate::keyspace::{Counters, ExpiryPolicy};
use crate::resp::argv::RawArgs;
use crate::resp::log::{LogError, LogReader, Record};
use crate::resp::reply::{Proto, Reply};
use crate::sys::error_text;
use std::io::{self, Read};
use std::path::Path;

/// What a file in RDB form begins with.
const RDB_MAGIC: &[u8] = b"REDIS";

/// A file in which something is wrong.
struct Damage {
    /// Up to here it makes sense.
    sound: u64,
    /// It ends too early, which a crash explains.
    cut_short: bool,
    /// What is wrong.
    what: String,
}

/// The log while it is replayed.
pub(super) struct LogLoad {
    /// Bytes of all files.
    pub(super) total: u64,
    /// A log of the old form was taken over.
    pub(super) upgraded: bool,
    /// Its files, and which one is read.
    parts: Vec<(Kind, Part)>,
    at: usize,
    reading: Option<PartLoad>,
    /// Bytes of the files that have been read.
    passed: u64,
    /// Where the file that is read has come to.
    position: u64,
    /// The counters that reads and writes of clients count in, which are not these.
    counters: Counters,
}

/// A file while it is read.
struct PartLoad {
    began_us: u64,
    /// The snapshot at its begin, until that is read.
    preamble: Option<SnapshotLoad<Source>>,
    commands: Commands,
}

/// Commands that are replayed.
struct Commands {
    reader: LogReader<Source>,
    session: Session,
    /// Nothing of a transaction counts before its EXEC: up to here the file makes sense.
    sound: u64,
    /// What commands answer, which nobody reads.
    out: Reply,
}

impl Commands {
    fn new(source: Source, offset: u64) -> Commands {
        let mut out = Reply::new(Proto::V2);
        out.set_silent(true);
        Commands {
            reader: LogReader::new(source, offset),
            session: Session::new(Origin::AofLoad, true),
            sound: offset,
            out,
        }
    }
}

impl PartLoad {
    /// Bytes of the file read so far.
    fn position(&self) -> u64 {
        self.preamble.as_ref().map_or(self.commands.reader.offset(), SnapshotLoad::position)
    }
}

impl LogLoad {
    /// Bytes read so far.
    pub(super) fn done(&self) -> u64 {
        self.passed + self.position
    }

    /// What the snapshot that is being read has brought so far.
    pub(super) fn preamble(&self) -> Option<&Snapshot> {
        Some(self.reading.as_ref()?.preamble.as_ref()?.so_far())
    }
}

impl Engine {
    /// Finds the log of the last run; `None` when there is none.
    pub(super) fn open_log_load(&mut self) -> Result<Option<LogLoad>, String> {
        self.read_manifest()?;
        let upgraded = self.take_over_old_log()?;
        if self.aof.manifest.is_empty() {
            return Ok(None);
        }
        let mut load = self.log_load();
        load.upgraded = upgraded;
        Ok(Some(load))
    }

    /// Begins to replay all files of the manifest into the live keyspace, which is empty. No key
    /// expires meanwhile, nobody is told anything, and nothing counts.
    fn log_load(&mut self) -> LogLoad {
        let manifest = &self.aof.manifest;
        let parts: Vec<(Kind, Part)> = manifest
            .parts()
            .map(|part| {
                let base = manifest.base.as_ref() == Some(part);
                (if base { Kind::Base } else { Kind::Incr }, part.clone())
            })
            .collect();
        let dir = self.log_dir();
        let size = |part: &Part| self.env.disk.size(&dir.join(&part.name)).unwrap_or(0);
        let total = parts.iter().map(|(_, part)| size(part)).sum();
        self.refresh_clock();
        self.replay_rules();
        LogLoad {
            total,
            upgraded: false,
            parts,
            at: 0,
            reading: None,
            passed: 0,
            position: 0,
            counters: self.keyspace.counters,
        }
    }

    /// What a keyspace goes by while a log is replayed into it.
    fn replay_rules(&mut self) {
        self.keyspace.access.fixed_ms = Some(self.now_ms);
        self.keyspace.expiry = ExpiryPolicy::Hide;
        self.keyspace.effects.interest = Default::default();
    }

    /// The rules that hold otherwise.
    fn end_replay_rules(&mut self, counters: Counters) {
        self.refresh_clock();
        self.keyspace.access.fixed_ms = None;
        let hide = self.pausing.is_on();
        self.keyspace.expiry = if hide { ExpiryPolicy::Hide } else { ExpiryPolicy::Delete };
        self.keyspace.counters = counters;
        self.configured();
        self.stream_wanted();
        self.note_interest();
    }

    /// Goes on as far as the slice allows; true at the end.
    pub(super) fn replay_slice(
        &mut self,
        load: &mut LogLoad,
        slice: &mut Slice,
    ) -> Result<bool, String> {
        // A client may have changed the configuration since the last slice.
        self.replay_rules();
        let outcome = self.replay_parts(load, slice);
        if !matches!(outcome, Ok(false)) {
            self.end_replay_rules(load.counters);
        }
        outcome
    }

    fn replay_parts(&mut self, load: &mut LogLoad, slice: &mut Slice) -> Result<bool, String> {
        while let Some((kind, part)) = load.parts.get(load.at) {
            let mut reading = match load.reading.take() {
                Some(reading) => reading,
                None => self.open_part(part)?,
            };
            let outcome = self.replay_part(&mut reading, load.passed, slice);
            load.position = reading.position();
            match outcome {
                Ok(true) => {}
                Ok(false) => {
                    load.reading = Some(reading);
                    return Ok(false);
                }
                Err(damage) => self.cut_short(part, &load.parts[load.at + 1..], &damage)?,
            }
            let took = (self.env.clock.mono_us() - reading.began_us) as f64 / 1e6;
            let form = if *kind == Kind::Base { "base" } else { "incr" };
            tracing::info!("DB loaded from {form} file {}: {took:.3} seconds", part.name);
            load.passed += load.position;
            (load.position, load.at) = (0, load.at + 1);
        }
        Ok(true)
    }

    fn manifest_name(&self) -> String {
        format!("{}.manifest", self.config.appendfilename)
    }

    /// Reads the manifest, if there is one.
    pub(super) fn read_manifest(&mut self) -> Result<(), String> {
        let path = self.log_dir().join(self.manifest_name());
        let text = match self.env.disk.read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.aof.manifest = Manifest::default();
                return Ok(());
            }
            Err(error) => {
                let (path, why) = (path.display(), error_text(&error));
                return Err(format!(
                    "Fatal error: can't open the AOF manifest file {path} for reading: {why}"
                ));
            }
        };
        self.aof.manifest = Manifest::parse(&text).map_err(|fault| {
            format!(
                "*** FATAL AOF MANIFEST FILE ERROR *** Reading the manifest file, at line {}: \
                 '{}': {}",
                fault.line, fault.text, fault.reason
            )
        })?;
        let (dir, disk) = (self.log_dir(), &self.env.disk);
        if self.aof.manifest.heal(|part| disk.exists(&dir.join(&part.name))) {
            tracing::warn!(
                "Files that the AOF manifest names are not there: this is a copy that was taken \
                 while a rewrite went on. The files of before make up the data."
            );
            self.write_manifest().map_err(|error| {
                format!("Fatal error: can't write the AOF manifest file: {}", error_text(&error))
            })?;
        }
        Ok(())
    }

    /// A log of the time before manifests is one file in the working directory: it becomes the
    /// base. The manifest comes first, so that a crash in between is made good by the next start.
    fn take_over_old_log(&mut self) -> Result<bool, String> {
        let name = self.config.appendfilename.clone();
        let dir = self.log_dir();
        let manifest = &self.aof.manifest;
        let only = manifest.base.as_ref().is_some_and(|base| base.name == name)
            && manifest.incr.is_empty()
            && manifest.history.is_empty();
        let old = Path::new(&name);
        let wanted = manifest.is_empty() || only && !self.env.disk.exists(&dir.join(&name));
        if !wanted || !self.env.disk.exists(old) || old == dir {
            return Ok(false);
        }
        tracing::info!("An append only file of the old form is there: {name}");
        let fatal = |error: io::Error| {
            let why = error_text(&error);
            format!("Fatal error: can't move the old append only file {name}: {why}")
        };
        self.env.disk.make_dir(&dir).map_err(fatal)?;
        self.aof.manifest = Manifest::of_old_file(&name);
        self.write_manifest().map_err(fatal)?;
        self.env.disk.rename(old, &dir.join(&name)).map_err(fatal)?;
        self.env.disk.sync_dir(&dir).map_err(fatal)?;
        Ok(true)
    }

    fn open_part(&mut self, part: &Part) -> Result<PartLoad, String> {
        let path = self.log_dir().join(&part.name);
        let closed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("The AOF file {} of the manifest doesn't exist", part.name)
            }
            _ => format!(
                "Fatal error: can't open the append log file {} for reading: {}",
                part.name,
                error_text(&error)
            ),
        };
        let mut file = self.env.disk.open_file(&path).map_err(closed)?;
        let mut begin = Vec::new();
        file.by_ref().take(RDB_MAGIC.len() as u64).read_to_end(&mut begin).map_err(closed)?;
        let rdb = begin == RDB_MAGIC;
        let whole: Source = Box::new(io::Cursor::new(begin).chain(file));
        let began_us = self.env.clock.mono_us();
        if !rdb {
            let commands = Commands::new(whole, 0);
            return Ok(PartLoad { began_us, preamble: None, commands });
        }
        tracing::info!("Reading RDB base file on AOF loading...");
        let taking = Taking { keeps_expired: true, ..Taking::default() };
        let fresh = self.fresh_keyspace();
        let whole = (whole, self.env.disk.size(&path).unwrap_or(0));
        let preamble = SnapshotLoad::begin(whole, fresh, self.now_ms, taking)
            .map_err(|error| self.bad_format(part, &damage(error.offset, error.to_string())))?;
        // The commands begin where the snapshot ends.
        let commands = Commands::new(Box::new(io::empty()), 0);
        Ok(PartLoad { began_us, preamble: Some(preamble), commands })
    }

    fn bad_format(&self, part: &Part, damage: &Damage) -> String {
        format!(
            "Bad file format reading the append only file {} at offset {}: {}. Make a backup \
             of your AOF file, then use ./redis-check-aof --fix {}",
            part.name,
            damage.sound,
            damage.what,
            self.log_dir().join(self.manifest_name()).display()
        )
    }

    /// A file ends too early, or makes no sense at all: then the start ends here.
    fn cut_short(
        &mut self,
        part: &Part,
        later: &[(Kind, Part)],
        damage: &Damage,
    ) -> Result<(), String> {
        if !damage.cut_short {
            return Err(self.bad_format(part, damage));
        }
        let manifest = self.log_dir().join(self.manifest_name());
        // A file is begun before the one before it is known to last, but nothing is written to it.
        let dir = self.log_dir();
        let empty = |later: &Part| self.env.disk.size(&dir.join(&later.name)).is_ok_and(|n| n == 0);
        if !later.iter().all(|(_, later)| empty(later)) {
            return Err(format!(
                "Fatal error: the truncated file {} is not the last file. It ends at offset {}; \
                 see ./redis-check-aof {}",
                part.name,
                damage.sound,
                manifest.display()
            ));
        }
        if !self.config.aof_load_truncated {
            return Err(format!(
                "Unexpected end of file reading the append only file {} at offset {}. You can: 1) \
                 Make a backup of your AOF file, then use ./redis-check-aof --fix {}. 2) \
                 Alternatively you can set the 'aof-load-truncated' configuration option to yes \
                 and restart the server.",
                part.name,
                damage.sound,
                manifest.display()
            ));
        }
        tracing::warn!("!!! Warning: short read while loading the AOF file {}!!!", part.name);
        self.cut_off(&self.log_dir().join(&part.name), part, damage.sound)?;
        tracing::warn!("AOF {} loaded anyway because aof-load-truncated is enabled", part.name);
        Ok(())
    }

    /// Cuts a file off where it stops making sense; what was there is kept beside it.
    fn cut_off(&mut self, path: &Path, part: &Part, at: u64) -> Result<(), String> {
        let fatal = |error: io::Error| {
            format!("Error truncating the AOF file {}: {}", part.name, error_text(&error))
        };
        let mut tail = Vec::new();
        let mut file = self.env.disk.open_file(path).map_err(fatal)?;
        io::copy(&mut file.by_ref().take(at), &mut io::sink()).map_err(fatal)?;
        file.read_to_end(&mut tail).map_err(fatal)?;
        let beside = path.with_file_name(format!("{}.cut-at-{at}", part.name));
        self.env.disk.write(&beside, &tail).map_err(fatal)?;
        tracing::warn!(
            "Truncating the AOF {} at offset {at}; the {} bytes behind it are in {}",
            part.name,
            tail.len(),
            beside.display()
        );
        let mut file = self.env.disk.open(path, false).map_err(fatal)?;
        file.cut(at).map_err(fatal)?;
        file.syncer().and_then(|mut file| file.sync()).map_err(fatal)
    }

    /// Goes on with one file; true at its end. `passed` bytes of other files came before it.
    fn replay_part(
        &mut self,
        part: &mut PartLoad,
        passed: u64,
        slice: &mut Slice,
    ) -> Result<bool, Damage> {
        if let Some(mut load) = part.preamble.take() {
            let fault = |error: crate::rdb::Error| damage(error.offset, error.to_string());
            if !fill(&mut load, self, slice).map_err(fault)? {
                part.preamble = Some(load);
                return Ok(false);
            }
            let offset = load.position();
            let (snapshot, (begin, rest)) = load.finish();
            self.adopt(snapshot).map_err(|text| damage(offset, text))?;
            self.replay_rules();
            part.commands = Commands::new(Box::new(io::Cursor::new(begin).chain(rest)), offset);
        }
        // Addresses of keys are hints no longer once something else has run.
        self.forget_plan();
        let outcome = self.replay_commands(&mut part.commands, passed, slice);
        self.forget_plan();
        outcome
    }

    /// Runs commands as far as the slice allows; true at the end of the file.
    fn replay_commands(
        &mut self,
        commands: &mut Commands,
        passed: u64,
        slice: &mut Slice,
    ) -> Result<bool, Damage> {
        let Commands { reader, session, sound, out } = commands;
        let cut = |sound: u64, what: &str| Damage { sound, cut_short: true, what: what.to_owned() };
        loop {
            let at = reader.offset();
            let unreadable = |error: LogError| match error {
                LogError::Truncated => cut(*sound, "it ends within a command"),
                LogError::Corrupt(what) => damage(at, what.to_owned()),
                LogError::Io(error) => damage(*sound, error_text(&error)),
            };
            if !self.plan_is_pending() {
                self.plan_keys(session.db, reader.keys_ahead().map_err(unreadable)?);
            }
            let record = reader.next_record().map_err(unreadable)?;
            let replayed = match record {
                Some(Record::Command(raw)) => self.replay_command(session, out, raw),
                Some(Record::Note(_)) => Ok(()),
                None if session.txn.is_none() => return Ok(true),
                None => return Err(cut(*sound, "it ends within a transaction")),
            };
            if let Err(what) = replayed {
                let what = format!("{what} (before offset {})", reader.offset());
                return Err(damage(*sound, what));
            }
            if session.txn.is_none() {
                *sound = reader.offset();
            }
            slice.delay();
            if !slice.more(self.env.clock.as_ref(), passed + reader.offset()) {
                return Ok(false);
            }
        }
    }

    /// Runs one command. What it answers is of no use: it was run once, and what it did is what
    /// counts. But what cannot even be a command was never run, and that is the error.
    fn replay_command(
        &mut self,
        session: &mut Session,
        out: &mut Reply,
        raw: RawArgs<'_>,
    ) -> Result<(), String> {
        match self.replay(session, out, &mut Args::new(raw)) {
            Ok(()) => {}
            Err(NotReplayed::NoCommand(error)) => {
                return Err(error.text().into_owned());
            }
            Err(NotReplayed::Failed(error)) => tracing::warn!(
                "== CRITICAL == A command of the append only file failed when it was replayed: \
                 '{}'",
                error.text()
            ),
        }
        Ok(())
    }

    /// Opens the newest file, or makes the first ones.
    pub(super) fn open_log(&mut self) -> Result<(), String> {
        let opened = self.try_open_log();
        opened.map_err(|error| format!("Can't open the append-only file: {}", error_text(&error)))
    }

    fn try_open_log(&mut self) -> io::Result<()> {
        let dir = self.log_dir();
        self.env.disk.make_dir(&dir)?;
        let filename = self.config.appendfilename.clone();
        let before = self.aof.manifest.clone();
        if before.is_empty() {
            let rdb = self.config.aof_use_rdb_preamble;
            let part = self.aof.manifest.next_base(&filename, rdb);
            tracing::info!("Creating AOF base file {} on server start", part.name);
            let empty = self.empty_base(rdb);
            self.env.disk.write(&dir.join(&part.name), &empty)?;
        }
        if self.aof.manifest.incr.is_empty() {
            let part = self.aof.manifest.next_incr(&filename);
            tracing::info!("Creating AOF incr file {} on server start", part.name);
            self.env.disk.write(&dir.join(&part.name), b"")?;
        }
        if self.aof.manifest != before {
            self.write_manifest()?;
        }
        let mut other_len = 0;
        let parts: Vec<Part> = self.aof.manifest.parts().cloned().collect();
        let (last, others) = parts.split_last().expect("a file of changes is there");
        for part in others {
            other_len += self.env.disk.size(&dir.join(&part.name))?;
        }
        let path = dir.join(&last.name);
        let len = self.env.disk.size(&path)?;
        let file = self.env.disk.open(&path, false)?;
        // What the last run left may not be on the disk yet.
        file.syncer()?.sync()?;
        self.aof.continue_in(file, len);
        self.aof.other_len = other_len;
        self.aof.base_len = self.aof.size();
        self.aof.state = State::On;
        self.stream_wanted();
        self.delete_history();
        Ok(())
    }

    /// DEBUG LOADAOF: everything is thrown away and made anew from the log.
    pub fn reload_log(&mut self) -> Result<(), String> {
        self.finish_works();
        self.flush_log(true);
        self.keyspace.flush_all();
        let mut load = self.log_load();
        let loaded = self.replay_slice(&mut load, &mut Slice::endless(self.config.key_load_delay));
        // The file that grows was left as it was.
        self.aof.db = None;
        loaded.map(|_| ())
    }
}

fn damage(sound: u64, what: String) -> Damage {
    Damage { sound, cut_short: false, what }
}
