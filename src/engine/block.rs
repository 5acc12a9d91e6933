//! Blocked clients: a command that found nothing waits for its keys and runs again when one of
//! them may serve it, in the order of arrival.
//!
//! Waking means running the same command again as a unit of its own; place in line and first
//! deadline stay. A client is registered under each of its keys; the keyspace knows which keys are
//! awaited and reports them (`Effect::Ready`).

use super::Engine;
use super::args::Args;
use super::client::{ClientId, ReplyMode};
use super::cx::Called;
use super::spec::Spec;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::resp::reply::Reply;
use crate::resp::request::Argv;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What kind of value a command waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// A list.
    List,
    /// A list whose element is to move elsewhere: where waiting is not allowed the answer is no
    /// element, not the empty-handed array of a timeout.
    Move,
    /// A sorted set.
    ZSet,
    /// A stream.
    Stream,
    /// The log on the disk.
    Log,
    /// A consumer group: that it went, or its key did, is an answer too.
    Group,
}

/// How long a command is ready to wait; `None` is for ever.
pub type Patience = Option<u64>;

/// What a handler hands back to wait.
pub struct Block {
    /// The keys it waits for, in the order of its arguments.
    pub keys: Vec<Bytes>,
    /// What it hopes to find there.
    pub waits: Waits,
    /// Milliseconds from now, as [`patience_seconds`] or [`patience_millis`] read them.
    pub patience: Patience,
    /// Answers when time runs out, or at once where waiting is not allowed.
    pub on_timeout: fn(&mut Reply),
    /// The command to run when woken, when it is not the call itself.
    pub rerun_as: Option<Argv>,
}

impl Block {
    /// Answers where waiting is not allowed, as in a transaction.
    pub(super) fn refuse(&self, out: &mut Reply) {
        match self.waits {
            Waits::Move => out.null(),
            _ => (self.on_timeout)(out),
        }
    }
}

/// A timeout in seconds, fractions allowed: milliseconds, `None` for ever.
pub fn patience_seconds(word: &[u8]) -> Result<Patience, Error> {
    const NOT_A_FLOAT: Error = Error::fixed("ERR timeout is not a float or out of range");
    let seconds = crate::base::double::parse_f64(word).ok_or(NOT_A_FLOAT)?;
    let millis = (seconds * 1000.0).ceil();
    if millis >= i64::MAX as f64 {
        return Err(OUT_OF_RANGE);
    }
    patience(millis as i64)
}

/// A timeout in milliseconds: `None` for ever.
pub fn patience_millis(word: &[u8]) -> Result<Patience, Error> {
    const NOT_AN_INTEGER: Error = Error::fixed("ERR timeout is not an integer or out of range");
    patience(parse_i64(word).ok_or(NOT_AN_INTEGER)?)
}

const UNBLOCKED: Error = Error::fixed("UNBLOCKED client unblocked via CLIENT UNBLOCK");
const OUT_OF_RANGE: Error = Error::fixed("ERR timeout is out of range");

fn patience(millis: i64) -> Result<Patience, Error> {
    /// So that a deadline in milliseconds since 1970 fits 64 bits.
    const MILLIS_MAX: i64 = i64::MAX - (1 << 42);
    match millis {
        i64::MIN..=-1 => Err(Error::fixed("ERR timeout is negative")),
        0 => Ok(None),
        1..=MILLIS_MAX => Ok(Some(millis as u64)),
        _ => Err(OUT_OF_RANGE),
    }
}

/// What a blocked client waits with.
pub struct Blocked {
    db: usize,
    keys: Vec<Bytes>,
    waits: Waits,
    deadline_us: Option<u64>,
    on_timeout: fn(&mut Reply),
    spec: &'static Spec,
    argv: Argv,
    arrival: u64,
    since_us: u64,
}

/// Why a client stops waiting without having been served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unblock {
    /// As if its time had run out.
    Timeout,
    /// With an error.
    Error,
}

/// The lines in front of the keys, and the deadlines.
#[derive(Default)]
pub struct Blocking {
    lines: BTreeMap<(usize, Bytes), BTreeMap<u64, ClientId>>,
    deadlines: BTreeSet<(u64, ClientId)>,
    ready: Vec<(usize, Bytes)>,
    arrivals: u64,
    clients: usize,
}

impl Blocking {
    /// Blocked clients.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// Blocked clients whose patience ends.
    pub fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// Keys at which somebody waits who wants to hear that they are gone, too.
    pub fn group_keys(&self, clients: &super::client::Clients) -> usize {
        let group = |id: &ClientId| {
            let blocked = clients.get(id).and_then(|client| client.blocked.as_ref());
            blocked.is_some_and(|blocked| blocked.waits == Waits::Group)
        };
        self.lines.values().filter(|line| line.values().any(group)).count()
    }

    /// Monotonic microseconds at which the first of them has waited long enough.
    pub fn first_deadline_us(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Whether a key may serve somebody.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Remembers that a key may serve somebody.
    pub fn mark_ready(&mut self, db: usize, key: Bytes) {
        if !self.ready.iter().any(|(d, k)| *d == db && *k == key) {
            self.ready.push((db, key));
        }
    }
}

impl Engine {
    /// Parks a client until one of its keys may serve it.
    pub(super) fn block(
        &mut self,
        id: ClientId,
        db: usize,
        spec: &'static Spec,
        call: (Block, Argv),
    ) {
        let (block, argv) = call;
        self.blocking.arrivals += 1;
        let mut keys = Vec::with_capacity(block.keys.len());
        for key in block.keys {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let blocked = Blocked {
            db,
            keys,
            waits: block.waits,
            deadline_us: block
                .patience
                .map(|ms| self.now_us.saturating_add(ms.saturating_mul(1000))),
            on_timeout: block.on_timeout,
            spec,
            argv: block.rerun_as.unwrap_or(argv),
            arrival: self.blocking.arrivals,
            since_us: self.now_us,
        };
        let Some(client) = self.clients.get_mut(&id) else { return };
        for key in &blocked.keys {
            let line = self.blocking.lines.entry((db, key.clone())).or_default();
            line.insert(blocked.arrival, id);
            self.keyspace.waiting.add(db, key);
        }
        if let Some(at) = blocked.deadline_us {
            self.blocking.deadlines.insert((at, id));
        }
        self.blocking.clients += 1;
        if blocked.waits == Waits::Log {
            self.aof.remember_waiter(id);
        }
        client.parked = true;
        client.blocked = Some(Box::new(blocked));
    }

    /// Takes a client out of all lines.
    pub(super) fn leave_lines(&mut self, id: ClientId, blocked: &Blocked) {
        for key in &blocked.keys {
            let place = (blocked.db, key.clone());
            if let Some(line) = self.blocking.lines.get_mut(&place) {
                line.remove(&blocked.arrival);
                if line.is_empty() {
                    self.blocking.lines.remove(&place);
                }
            }
            self.keyspace.waiting.remove(blocked.db, key);
        }
        if let Some(at) = blocked.deadline_us {
            self.blocking.deadlines.remove(&(at, id));
        }
        self.blocking.clients -= 1;
    }

    /// Serves clients whose keys became ready, and those that are ready by their doing, until
    /// nobody is.
    pub(super) fn serve_ready(&mut self) {
        while !self.blocking.ready.is_empty() {
            for (db, key) in std::mem::take(&mut self.blocking.ready) {
                self.serve_line(db, key);
            }
        }
    }

    fn serve_line(&mut self, db: usize, key: Bytes) {
        let Some(line) = self.blocking.lines.get(&(db, key.clone())) else { return };
        // Whoever comes into the line from now on has looked already.
        let ids: Vec<ClientId> = line.values().copied().collect();
        for id in ids {
            let waits = self.clients.get(&id).and_then(|c| c.blocked.as_ref()).map(|b| b.waits);
            let found = self.keyspace.type_of(db, &key, self.now_ms);
            let suits = match (waits, found) {
                (None | Some(Waits::Log), _) => false,
                (Some(Waits::Group), _) => true,
                (Some(Waits::List | Waits::Move), found) => found == Some("list"),
                (Some(Waits::ZSet), found) => found == Some("zset"),
                (Some(Waits::Stream), found) => found == Some("stream"),
            };
            if suits {
                self.run_again(id);
            }
        }
    }

    /// Runs a blocked client's command again; it stays in its place when that finds nothing.
    pub(super) fn run_again(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (Some(mut blocked), Some(mut live)) = (client.blocked.take(), client.live.take())
        else {
            return;
        };
        self.running = Some((id, live.out.proto));
        let mark = live.out.mark();
        let mut args = Args::new(blocked.argv.raw());
        // It keeps its place in line rather than waiting once more.
        self.settle_leases(blocked.spec, &live.session, &args);
        let called = self.timed_call(blocked.spec, &mut live.session, &mut live.out, &mut args);
        let still = match called {
            Ok(Called::Blocked(_)) => true,
            Ok(Called::Done) => false,
            Err(error) => {
                live.out.truncate(mark);
                self.write_error(&error, &mut live.out);
                false
            }
        };
        self.unit_end();
        self.tell_own_invalid();
        self.append_deferred(id, &mut live.out);
        self.running = None;
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.live = Some(live);
        // It may have been served with so much that the answer goes on in slices.
        let answering = client.replying;
        if still {
            client.blocked = Some(blocked);
        } else {
            self.leave_lines(id, &blocked);
        }
        if !still && !answering {
            self.unpark(id);
        }
    }

    /// A parked client goes on with what it has sent meanwhile.
    pub(super) fn unpark(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.parked = false;
            if client.reply_mode == ReplyMode::Skipping && !client.postponed {
                client.reply_mode = ReplyMode::On;
                if let Some(live) = &mut client.live {
                    live.out.set_silent(false);
                }
            }
        }
        self.watch_output(id);
        self.mark_dirty(id);
        self.make_ready(id);
    }

    /// Ends a client's waiting; false when it does not wait.
    pub fn unblock(&mut self, id: ClientId, how: Unblock) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        let Some(blocked) = client.blocked.take() else { return false };
        if let Some(live) = &mut client.live {
            match how {
                Unblock::Timeout => (blocked.on_timeout)(&mut live.out),
                Unblock::Error => {
                    self.stats.error(&UNBLOCKED);
                    live.out.error(&UNBLOCKED.text());
                }
            }
        }
        self.gave_up(blocked.spec, how == Unblock::Error);
        self.leave_lines(id, &blocked);
        self.unpark(id);
        true
    }

    /// Answers those who have waited long enough.
    pub(super) fn time_out_blocked(&mut self) {
        while let Some((at, id)) = self.blocking.deadlines.first().copied() {
            if at > self.now_us {
                return;
            }
            if !self.unblock(id, Unblock::Timeout) {
                self.blocking.deadlines.remove(&(at, id));
            }
        }
    }

    /// A client that waits has gone.
    pub(super) fn forget_blocked(&mut self, id: ClientId) {
        let blocked = self.clients.get_mut(&id).and_then(|client| client.blocked.take());
        if let Some(blocked) = blocked {
            self.leave_lines(id, &blocked);
        }
    }

    /// Blocked clients, and the keys they wait for.
    pub fn blocked_clients(&self) -> (usize, usize) {
        (self.blocking.clients(), self.blocking.lines.len())
    }
}

impl Blocked {
    /// Whether it is the log that it waits for.
    pub(super) fn waits_for_log(&self) -> bool {
        self.waits == Waits::Log
    }

    /// Monotonic microseconds since when it waits.
    pub fn since_us(&self) -> u64 {
        self.since_us
    }

    /// Bytes of the call it waits with.
    pub fn argv_bytes(&self) -> usize {
        self.argv.iter().map(<[u8]>::len).sum()
    }

    /// The command it waits with.
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }
}
