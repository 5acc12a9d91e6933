//! The append-only file at the start: found, brought into the present form, replayed, continued.
//!
//! Replay runs each command through the engine as it came, with the origin `AofLoad`. No key
//! expires meanwhile: the log says itself what was deleted, and when. Invariant: what is cut off a
//! damaged end is kept beside the file, and a start that would lose anything else does not happen.

use super::super::Engine;
use super::aof::State;
use super::load::Loading;
use super::manifest::{Kind, Manifest, Part};
use crate::engine::session::{Origin, Session};
use crate::keyspace::ExpiryPolicy;
use crate::resp::argv::Argv;
use crate::resp::log::{LogError, LogReader, Record};
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

/// Bytes that were read ahead, and the rest of their file.
type Rest = io::Chain<io::Cursor<Vec<u8>>, Box<dyn Read + Send>>;

impl Engine {
    /// Loads the log of the last run and goes on with it; the error is what to say before the
    /// process ends.
    pub(super) fn load_log_at_start(&mut self) -> Result<(), String> {
        let began_us = self.env.clock.mono_us();
        self.read_manifest()?;
        let upgraded = self.take_over_old_log()?;
        if !self.aof.manifest.is_empty() {
            self.load_log()?;
            let took = (self.env.clock.mono_us() - began_us) as f64 / 1e6;
            tracing::info!("DB loaded from append only file: {took:.3} seconds");
            self.keyspace.effects.dirty = 0;
            self.reset_stats();
        }
        if upgraded {
            tracing::info!("The old append only file is part of the new directory now");
        }
        self.open_log()
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
                let why = error_text(&error);
                return Err(format!("Fatal error: can't open the AOF manifest file: {why}"));
            }
        };
        self.aof.manifest = Manifest::parse(&text).map_err(|fault| {
            format!(
                "*** FATAL AOF MANIFEST FILE ERROR *** Reading the manifest file, at line {}: \
                 '{}': {}",
                fault.line, fault.text, fault.reason
            )
        })?;
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

    /// Replays all files of the manifest into the live keyspace, which is empty.
    pub(super) fn load_log(&mut self) -> Result<(), String> {
        let parts: Vec<(Kind, Part)> = self
            .aof
            .manifest
            .parts()
            .map(|part| {
                let base = self.aof.manifest.base.as_ref() == Some(part);
                (if base { Kind::Base } else { Kind::Incr }, part.clone())
            })
            .collect();
        self.set_replaying(true);
        let mut outcome = Ok(());
        for (n, (kind, part)) in parts.iter().enumerate() {
            let began_us = self.env.clock.mono_us();
            outcome = self.load_part(part, &parts[n + 1..]);
            if outcome.is_err() {
                break;
            }
            let took = (self.env.clock.mono_us() - began_us) as f64 / 1e6;
            let form = if *kind == Kind::Base { "base" } else { "incr" };
            tracing::info!("DB loaded from {form} file {}: {took:.3} seconds", part.name);
        }
        self.set_replaying(false);
        outcome
    }

    /// While the log is replayed no key expires, nobody is told anything, and nothing counts.
    fn set_replaying(&mut self, on: bool) {
        self.refresh_clock();
        self.keyspace.access.fixed_ms = on.then_some(self.now_ms);
        let hide = on || self.pausing.is_on();
        self.keyspace.expiry = if hide { ExpiryPolicy::Hide } else { ExpiryPolicy::Delete };
        if on {
            self.keyspace.effects.interest = Default::default();
            return;
        }
        self.configured();
        self.stream_wanted();
    }

    fn load_part(&mut self, part: &Part, later: &[(Kind, Part)]) -> Result<(), String> {
        let path = self.log_dir().join(&part.name);
        let file = self.env.disk.open_file(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("The AOF file {} of the manifest doesn't exist", part.name)
            }
            _ => format!(
                "Fatal error: can't open the append log file {} for reading: {}",
                part.name,
                error_text(&error)
            ),
        })?;
        let damage = match self.replay_file(file) {
            Ok(()) => return Ok(()),
            Err(damage) => damage,
        };
        let manifest = self.log_dir().join(self.manifest_name());
        if !damage.cut_short {
            return Err(format!(
                "Bad file format reading the append only file {} at offset {}: {}. Make a backup \
                 of your AOF file, then use ./redis-check-aof --fix {}",
                part.name,
                damage.sound,
                damage.what,
                manifest.display()
            ));
        }
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
        self.cut_off(&path, part, damage.sound)?;
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

    /// Replays one file.
    fn replay_file(&mut self, mut file: Box<dyn Read + Send>) -> Result<(), Damage> {
        let unreadable = |error: io::Error| damage(0, error_text(&error));
        let mut begin = Vec::new();
        file.by_ref().take(RDB_MAGIC.len() as u64).read_to_end(&mut begin).map_err(unreadable)?;
        let rdb = begin == RDB_MAGIC;
        let whole: Rest = io::Cursor::new(begin).chain(file);
        if !rdb {
            return self.replay_commands(LogReader::new(whole, 0));
        }
        let (begin, offset, rest) = self.load_preamble(whole)?;
        self.replay_commands(LogReader::new(io::Cursor::new(begin).chain(rest), offset))
    }

    /// Loads the snapshot at the begin of a file; gives what follows, and where.
    fn load_preamble(&mut self, file: Rest) -> Result<(Vec<u8>, u64, Rest), Damage> {
        tracing::info!("Reading RDB base file on AOF loading...");
        let fault = |error: crate::rdb::Error| damage(error.offset, error.to_string());
        let fresh = self.fresh_keyspace();
        let mut loading = Loading::begin(file, fresh, self.now_ms, true).map_err(fault)?;
        while !loading.step(&self.limits, &mut || true).map_err(fault)? {}
        let offset = loading.position();
        let (snapshot, (begin, rest)) = loading.finish();
        self.adopt(snapshot).map_err(|text| damage(offset, text))?;
        self.set_replaying_again();
        Ok((begin, offset, rest))
    }

    /// A keyspace that was put in place goes by the rules of replay too.
    fn set_replaying_again(&mut self) {
        self.keyspace.access.fixed_ms = Some(self.now_ms);
        self.keyspace.expiry = ExpiryPolicy::Hide;
        self.keyspace.effects.interest = Default::default();
    }

    fn replay_commands(&mut self, mut reader: LogReader<impl Read>) -> Result<(), Damage> {
        let mut session = Session::new(Origin::AofLoad, true);
        // Nothing of a transaction counts before its EXEC.
        let mut sound = reader.offset();
        loop {
            match reader.next_record() {
                Ok(Some(Record::Command(mut argv))) => {
                    self.replay_command(&mut session, &mut argv, reader.offset(), sound)?;
                }
                Ok(Some(Record::Note(_))) => {}
                Ok(None) if session.txn.is_none() => return Ok(()),
                Ok(None) => {
                    let what = "it ends within a transaction".to_owned();
                    return Err(Damage { sound, cut_short: true, what });
                }
                Err(LogError::Truncated) => {
                    let what = "it ends within a command".to_owned();
                    return Err(Damage { sound, cut_short: true, what });
                }
                Err(LogError::Corrupt(what)) => return Err(damage(reader.offset(), what.into())),
                Err(LogError::Io(error)) => return Err(damage(sound, error_text(&error))),
            }
            if session.txn.is_none() {
                sound = reader.offset();
            }
        }
    }

    fn replay_command(
        &mut self,
        session: &mut Session,
        argv: &mut Argv,
        end: u64,
        sound: u64,
    ) -> Result<(), Damage> {
        // What a command answers is of no use: it was run once, and what it did is what counts. But
        // what cannot even be a command was never run.
        let reply = self.replay(session, argv);
        let nonsense = [&b"-ERR unknown "[..], b"-ERR wrong number of arguments "];
        if nonsense.iter().any(|begin| reply.starts_with(begin)) {
            let reply = String::from_utf8_lossy(&reply[1..]);
            let what = format!("{} (before offset {end})", reply.trim_end());
            return Err(damage(sound, what));
        }
        if reply.first() == Some(&b'-') {
            let (reply, name) =
                (String::from_utf8_lossy(&reply[1..]), String::from_utf8_lossy(argv.get(0)));
            tracing::warn!(
                "== CRITICAL == A command of the append only file failed when it was replayed: \
                 '{}' after processing the command '{name}', before offset {end}",
                reply.trim_end()
            );
        }
        Ok(())
    }

    /// Opens the newest file, or makes the first ones.
    fn open_log(&mut self) -> Result<(), String> {
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
        let loaded = self.load_log();
        // The file that grows was left as it was.
        self.aof.db = None;
        loaded
    }
}

fn damage(sound: u64, what: String) -> Damage {
    Damage { sound, cut_short: false, what }
}
