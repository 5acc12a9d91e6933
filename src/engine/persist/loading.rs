//! Loading in slices: the loop goes on meanwhile, and `gate` refuses what needs the data.
//!
//! At the start the data come from the log, if there is to be one, or else from the snapshot. A
//! slice ends by the clock, by the number of keys, or after `loading-process-events-interval-bytes`
//! of the file. Invariant: while something is being loaded nothing expires, is evicted, saved or
//! told to anybody; a start that cannot load its data ends the process and never serves.

use super::aof_load::LogLoad;
use super::load::{Failure, Snapshot, SnapshotLoad, Taken, Taking, damaged};
use crate::engine::{Engine, NetRequest};
use crate::env::Clock;
use crate::sys;
use std::io::Read;
use std::path::PathBuf;

/// How long a slice may take, microseconds: long enough that looking at the clients in between
/// costs little, short enough that they hardly wait.
const SLICE_US: u64 = 1500;
/// The same for one that answers wait for.
const SHORT_US: u64 = 500;
/// Keys, commands and lots of elements of a slice at most, which ends it where time stands still.
const KEYS_MAX: u32 = 16_384;
/// The same between two looks at the clock.
const LOOK_EVERY: u32 = 32;
/// Delays of less than this are saved up, microseconds.
const REST_MIN_US: i64 = 1000;
/// The process ends with this code when the data cannot be loaded.
const FAILED: i32 = 1;

/// Where bytes come from.
pub(super) type Source = Box<dyn Read + Send>;

/// A data set that is being loaded.
pub struct Loading {
    /// Where it comes from.
    pub(super) reading: Reading,
    /// When that began: seconds since 1970.
    pub(super) began_s: i64,
    began_us: u64,
    /// Bytes of all files.
    pub(super) total: u64,
    /// Nothing goes on before this time, monotonic microseconds.
    rest_until_us: u64,
    /// Delays that were asked for and not made yet, microseconds; below 0 the last was too long.
    owed_us: i64,
    /// It cannot be done; what is left is to end the process.
    failed: bool,
}

/// What is read.
pub(super) enum Reading {
    /// A snapshot, into a fresh keyspace.
    Snapshot(Box<SnapshotLoad<Source>>),
    /// The log, into the live keyspace.
    Log(Box<LogLoad>),
}

/// What INFO tells of it.
pub struct Progress {
    /// When it began, seconds since 1970.
    pub began_s: i64,
    /// Bytes to be read.
    pub total: u64,
    /// Bytes read so far.
    pub done: u64,
    /// What the writer said the data took in its memory, bytes.
    pub used_mem: u64,
    /// Keys taken over from snapshots so far, and keys that were past their deadline.
    pub keys: (u64, u64),
}

/// How far a slice may go.
pub(super) struct Slice {
    until_us: u64,
    until_byte: u64,
    keys: u32,
    delay_us: i64,
    owed_us: i64,
}

impl Slice {
    /// One without an end, for loading that everybody waits for, the delays included.
    pub(super) fn endless(key_load_delay: i32) -> Slice {
        let delay_us = i64::from(key_load_delay.max(0));
        Slice { until_us: u64::MAX, until_byte: u64::MAX, keys: 0, delay_us, owed_us: 0 }
    }

    /// Makes or notes the delay after a key or a command.
    #[inline]
    pub(super) fn delay(&mut self) {
        if self.delay_us == 0 {
            return;
        }
        match self.until_us {
            u64::MAX => sys::sleep_us(self.delay_us as u64),
            _ => self.owed_us += self.delay_us,
        }
    }

    /// Something was taken in; whether more may be. `at` is the place in the file.
    #[inline]
    pub(super) fn more(&mut self, clock: &dyn Clock, at: u64) -> bool {
        self.keys += 1;
        if self.until_us == u64::MAX {
            return true;
        }
        let stops = self.keys >= KEYS_MAX || at >= self.until_byte || self.owed_us >= REST_MIN_US;
        !stops && (!self.keys.is_multiple_of(LOOK_EVERY) || clock.mono_us() < self.until_us)
    }
}

impl Engine {
    /// Whether the data set is being loaded.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// Begins to load what the last run left, if there is anything; goes on by itself. The error
    /// is what to say before the process ends.
    pub fn begin_loading(&mut self) -> Result<(), String> {
        // The log is the truth, whatever a snapshot says.
        let reading = match self.config.appendonly {
            true => self.open_log_load()?.map(|load| Reading::Log(Box::new(load))),
            false => self.open_dump()?.map(|load| Reading::Snapshot(Box::new(load))),
        };
        match reading {
            Some(reading) => {
                self.loading = Some(self.begun(reading));
                Ok(())
            }
            None => self.loaded(),
        }
    }

    /// Loads what the last run left while everybody waits.
    pub fn load_at_start(&mut self) -> Result<(), String> {
        self.begin_loading()?;
        while let Some(mut loading) = self.loading.take() {
            let mut slice = Slice::endless(self.config.key_load_delay);
            if self.load_slice(&mut loading, &mut slice)? {
                self.finish_loading(*loading)?;
            } else {
                self.loading = Some(loading);
            }
        }
        Ok(())
    }

    pub(super) fn begun(&self, reading: Reading) -> Box<Loading> {
        let total = match &reading {
            Reading::Snapshot(_) => {
                self.env.disk.size(&PathBuf::from(&self.config.dbfilename)).unwrap_or(0)
            }
            Reading::Log(load) => load.total,
        };
        Box::new(Loading {
            reading,
            began_s: self.env.clock.wall_us() / 1_000_000,
            began_us: self.env.clock.mono_us(),
            total,
            rest_until_us: 0,
            owed_us: 0,
            failed: false,
        })
    }

    fn open_dump(&mut self) -> Result<Option<SnapshotLoad<Source>>, String> {
        let name = PathBuf::from(&self.config.dbfilename);
        match self.open_snapshot(&name, Taking::default()) {
            Ok(load) => Ok(Some(load)),
            Err(Failure::Missing) => Ok(None),
            Err(Failure::Closed(error)) => Err(format!(
                "Fatal error: can't open the RDB file {} for reading: {}",
                name.display(),
                sys::error_text(&error)
            )),
            Err(Failure::Damaged(_)) => Err(unreadable()),
        }
    }

    /// Goes on with what is being loaded, for one slice; a short one when clients were answered in
    /// this pass, as what they are told leaves behind it.
    pub(in crate::engine) fn load_on(&mut self, answered: bool) {
        if !self.loading_may_go_on() {
            return;
        }
        let Some(mut loading) = self.loading.take() else { return };
        if loading.rest_until_us > 0 {
            let late_us = self.now_us.saturating_sub(loading.rest_until_us);
            loading.owed_us -= (late_us as i64).min(10 * REST_MIN_US);
            loading.rest_until_us = 0;
        }
        let mut slice = Slice {
            until_us: self.env.clock.mono_us() + if answered { SHORT_US } else { SLICE_US },
            until_byte: loading.done() + self.config.loading_process_events_interval_bytes,
            keys: 0,
            delay_us: i64::from(self.config.key_load_delay.max(0)),
            owed_us: loading.owed_us,
        };
        let outcome = self.load_slice(&mut loading, &mut slice);
        loading.owed_us = slice.owed_us;
        let outcome = match outcome {
            Ok(false) => {
                if loading.owed_us >= REST_MIN_US {
                    loading.rest_until_us = self.env.clock.mono_us() + loading.owed_us as u64;
                    loading.owed_us = 0;
                }
                self.loading = Some(loading);
                return;
            }
            Ok(true) => self.finish_loading(*loading),
            Err(why) => {
                // Nobody is served from now on.
                loading.failed = true;
                self.loading = Some(loading);
                Err(why)
            }
        };
        if let Err(why) = outcome {
            tracing::warn!("{why}");
            self.request(NetRequest::Shutdown { exit_code: FAILED });
        }
    }

    /// Goes on as far as the slice allows; true at the end.
    pub(super) fn load_slice(
        &mut self,
        loading: &mut Loading,
        slice: &mut Slice,
    ) -> Result<bool, String> {
        match &mut loading.reading {
            Reading::Log(load) => self.replay_slice(load, slice),
            Reading::Snapshot(load) => fill(load, self, slice).map_err(|error| {
                damaged(error);
                unreadable()
            }),
        }
    }

    /// Takes over what was loaded.
    fn finish_loading(&mut self, loading: Loading) -> Result<(), String> {
        let took = (self.env.clock.mono_us() - loading.began_us) as f64 / 1e6;
        match loading.reading {
            Reading::Snapshot(load) => {
                let snapshot = load.finish().0;
                self.adopt(snapshot).map_err(|_| unreadable())?;
                tracing::info!("DB loaded from disk: {took:.3} seconds");
            }
            Reading::Log(load) => {
                tracing::info!("DB loaded from append only file: {took:.3} seconds");
                self.keyspace.effects.dirty = 0;
                if load.upgraded {
                    tracing::info!("The old append only file is part of the new directory now");
                }
            }
        }
        self.loaded()
    }

    /// The data are there, as far as there are any: the log is opened, and clients are served.
    fn loaded(&mut self) -> Result<(), String> {
        if self.config.appendonly {
            self.open_log()?;
        }
        self.refresh_clock();
        self.request(NetRequest::Ready);
        Ok(())
    }

    /// Whether loading waits for nothing.
    pub(in crate::engine) fn loading_may_go_on(&self) -> bool {
        let goes_on = |load: &Loading| !load.failed && load.rest_until_us <= self.now_us;
        self.loading.as_deref().is_some_and(goes_on)
    }

    /// Microseconds until loading goes on by itself.
    pub(in crate::engine) fn next_load_us(&self) -> Option<u64> {
        let loading = self.loading.as_deref().filter(|load| !load.failed)?;
        Some(loading.rest_until_us.saturating_sub(self.now_us))
    }

    /// How far loading has come, while it is under way.
    pub fn load_progress(&self) -> Option<Progress> {
        let loading = self.loading.as_deref()?;
        let snapshot = match &loading.reading {
            Reading::Snapshot(load) => Some(load.so_far()),
            Reading::Log(load) => load.preamble(),
        };
        let (loaded, expired, used_mem) = snapshot.map_or_else(
            || (self.persist.keys_loaded, self.persist.keys_expired, 0),
            |Snapshot { loaded, expired, used_mem, .. }| (*loaded, *expired, *used_mem),
        );
        Some(Progress {
            began_s: loading.began_s,
            total: loading.total,
            done: loading.done(),
            used_mem,
            keys: (loaded, expired),
        })
    }
}

impl Loading {
    /// Bytes read so far.
    fn done(&self) -> u64 {
        match &self.reading {
            Reading::Snapshot(load) => load.position(),
            Reading::Log(load) => load.done(),
        }
    }
}

/// Fills a fresh keyspace as far as the slice allows; true at the end.
pub(super) fn fill<R: Read>(
    load: &mut SnapshotLoad<R>,
    engine: &Engine,
    slice: &mut Slice,
) -> Result<bool, crate::rdb::Error> {
    loop {
        match load.step(&engine.limits)? {
            Taken::End => return Ok(true),
            Taken::Other | Taken::Sizes(_) => {}
            Taken::Key => {
                slice.delay();
                if !slice.more(engine.env.clock.as_ref(), load.position()) {
                    return Ok(false);
                }
            }
            Taken::Elements => {
                if !slice.more(engine.env.clock.as_ref(), load.position()) {
                    return Ok(false);
                }
            }
        }
    }
}

fn unreadable() -> String {
    "Terminating server after rdb file reading failure.".to_owned()
}
