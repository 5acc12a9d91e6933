//! SLOWLOG: the commands that took longest to run, with what they were asked and by whom.
//!
//! What a command waits for its turn, or for a key, does not count. Brief commands share a reading
//! of the clock (`calls.rs`) unless the threshold is so low that one of them could pass it.

use super::Engine;
use super::args::Args;
use super::client::ClientId;
use super::monitor::REDACTED;
use super::spec::{Spec, flag};
use bytes::Bytes;
use std::collections::VecDeque;

/// Arguments an entry keeps; the last of them tells how many more there were.
const ARGS_MAX: usize = 32;
/// Bytes of an argument that an entry keeps.
const ARG_MAX: usize = 128;
/// Under a threshold of so many microseconds every command is timed alone.
const ALONE_BELOW_US: i64 = 1000;

/// One slow command.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Counted from 0 since the start.
    pub id: u64,
    /// Seconds since 1970.
    pub time: i64,
    /// What it took, microseconds.
    pub micros: u64,
    /// What was asked, shortened, without secrets.
    pub args: Vec<Bytes>,
    /// Address of the client.
    pub addr: String,
    /// Name of the client.
    pub name: Bytes,
}

/// The log, the newest entry first.
#[derive(Debug)]
pub struct Slowlog {
    entries: VecDeque<Entry>,
    next_id: u64,
    threshold_ns: u64,
    max_len: usize,
}

impl Default for Slowlog {
    fn default() -> Self {
        Slowlog { entries: VecDeque::new(), next_id: 0, threshold_ns: u64::MAX, max_len: 0 }
    }
}

impl Slowlog {
    /// Takes over what the configuration says; true when every command is to be timed alone.
    pub fn configure(&mut self, slower_than_us: i64, max_len: u64) -> bool {
        let micros = u64::try_from(slower_than_us).ok();
        self.threshold_ns = micros.map_or(u64::MAX, |us| us.saturating_mul(1000));
        self.max_len = usize::try_from(max_len).unwrap_or(usize::MAX);
        (0..ALONE_BELOW_US).contains(&slower_than_us)
    }

    /// The entries, the newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets all entries; ids go on.
    pub fn reset(&mut self) {
        self.entries.clear();
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        let of = |e: &Entry| {
            let args: usize = e.args.iter().map(|arg| size_of::<Bytes>() + arg.len()).sum();
            size_of::<Entry>() + args + e.addr.len()
        };
        self.entries.iter().map(of).sum()
    }
}

impl Engine {
    /// The log of slow commands.
    pub fn slowlog(&mut self) -> &mut Slowlog {
        &mut self.slowlog
    }

    /// A command took so long to run.
    #[inline]
    pub(super) fn note_slow(
        &mut self,
        spec: &Spec,
        by: Option<ClientId>,
        args: &Args<'_>,
        took_ns: u64,
    ) {
        if took_ns >= self.slowlog.threshold_ns && !spec.has(flag::SKIP_SLOWLOG) {
            self.log_slow(spec, by, args, took_ns);
        }
    }

    #[cold]
    fn log_slow(&mut self, spec: &Spec, by: Option<ClientId>, args: &Args<'_>, took_ns: u64) {
        let client = by.and_then(|id| self.client(id));
        let addr = client.map_or_else(String::new, |client| client.peer.addr.clone());
        let name = client.map_or_else(Bytes::new, |client| client.name.clone());
        let log = &mut self.slowlog;
        log.entries.push_front(Entry {
            id: log.next_id,
            time: self.now_ms / 1000,
            micros: took_ns / 1000,
            args: shortened(spec, args),
            addr,
            name,
        });
        log.next_id += 1;
        log.entries.truncate(log.max_len);
    }
}

fn shortened(spec: &Spec, args: &Args<'_>) -> Vec<Bytes> {
    let kept = args.len().min(ARGS_MAX);
    let mut words: Vec<Bytes> = (0..kept).map(|i| word(spec, args, i)).collect();
    if args.len() > ARGS_MAX {
        let more = args.len() - ARGS_MAX + 1;
        words[ARGS_MAX - 1] = Bytes::from(format!("... ({more} more arguments)"));
    }
    words
}

fn word(spec: &Spec, args: &Args<'_>, i: usize) -> Bytes {
    if spec.secrets.is_some_and(|is_secret| is_secret(args, i)) {
        return Bytes::from_static(REDACTED);
    }
    let word = args.get(i);
    if word.len() <= ARG_MAX {
        return Bytes::copy_from_slice(word);
    }
    let mut text = word[..ARG_MAX].to_vec();
    text.extend_from_slice(format!("... ({} more bytes)", word.len() - ARG_MAX).as_bytes());
    Bytes::from(text)
}
