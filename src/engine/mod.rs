//! The server without I/O: bytes in, bytes out, and a clock somebody else moves.
//!
//! `net`, tests and the simulation drive the same object. What it wants of the network leaves as
//! `NetRequest` values. It names no handler: `main` hands it the command table.

pub mod args;
pub mod block;
pub mod budget;
pub mod calls;
pub mod client;
pub mod client_room;
pub mod config;
pub mod cron;
pub mod cx;
pub mod cycle;
pub mod drain;
pub mod exec;
pub mod families;
pub mod gate;
pub mod gauges;
pub mod info;
pub mod key_search;
pub mod keyspec;
pub mod kill;
pub mod limits;
pub mod lookahead;
pub mod memory;
pub mod migrate;
pub mod monitor;
mod obstacle;
pub mod pause;
pub mod persist;
pub mod pubsub;
pub mod reconfigure;
pub mod script;
pub mod session;
pub mod shutdown;
pub mod slowlog;
pub mod spec;
pub mod stats;
pub mod table;
pub mod title;
pub mod tracking;
pub mod transaction;
pub mod watch;
pub mod work;

use crate::base::error::Error;
use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::env::{Done, Env};
use crate::keyspace::Keyspace;
use crate::resp::outbuf::OutBuf;
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::InBuf;
use crate::value::limits::Limits;
use client::{Client, ClientId, Clients, CloseWish, Peer};
use config::Config;
use pubsub::PubSub;
use stats::Stats;
use std::collections::VecDeque;
use table::Table;

/// What the engine wants of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetRequest {
    /// The data set is there: tell those who wait for it that clients are served.
    Ready,
    /// End the process with this exit code once the output has left.
    Shutdown {
        /// The process's exit code.
        exit_code: i32,
    },
}

/// A signal that reached the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM
    Term,
    /// SIGINT
    Int,
}

/// Unparsed bytes of a client that waits for its turn from which on it is not read, bytes.
const BACKLOG_MAX: usize = 64 * 1024;

/// The server.
pub struct Engine {
    /// The configuration in force.
    pub config: Config,
    /// The program's name as it was started, for the process title.
    pub program: String,
    /// Absolute path of the configuration file, when one was given.
    pub config_file: Option<std::path::PathBuf>,
    /// The world.
    pub env: Env,
    /// The data.
    pub keyspace: Keyspace,
    /// Counters.
    pub stats: Stats,
    /// How often each command ran and how long it took.
    pub calls: calls::Calls,
    /// Passes of the loop, and rates.
    pub cycle: cycle::Cycle,
    /// Readings of memory.
    pub gauges: gauges::Gauges,
    /// The limit of memory, and how it is kept.
    pub memory: memory::MemoryLimit,
    /// Random numbers for commands.
    pub rng: Rng,
    /// Thresholds for handlers, from the configuration.
    pub limits: Limits,
    /// Identity of this run: 40 hexadecimal digits.
    pub run_id: String,
    /// Monotonic microseconds of the start.
    pub started_us: u64,
    /// Whether DEBUG stopped the deletion of keys that nobody looks at.
    pub cron_paused: bool,
    /// Whether DEBUG stopped all periodic work.
    pub rounds_paused: bool,
    /// Whether DEBUG keeps the buffers of idle clients.
    pub buffers_kept: bool,
    /// Milliseconds after which the peak of a reply buffer is forgotten; `None` for never.
    pub peak_reset_ms: Option<u64>,
    /// CLIENT PAUSE, and who waits for its end.
    pub pausing: pause::Pausing,
    /// What was saved and loaded.
    pub persist: persist::Persist,
    /// Wall time of the start, milliseconds since 1970.
    pub started_ms: i64,
    /// Identity of the history of the data: 40 hexadecimal digits.
    pub repl_id: String,
    /// Bytes of the propagation stream so far.
    pub repl_offset: u64,
    /// All commands.
    pub table: &'static Table,
    pub(crate) clients: Clients,
    pub(crate) pubsub: PubSub,
    pub(crate) scripts: script::Scripts,
    now_ms: i64,
    now_us: u64,
    next_id: u64,
    ready: VecDeque<ClientId>,
    dirty: Vec<ClientId>,
    works: VecDeque<work::Suspended>,
    waiting: obstacle::Waiting,
    blocking: block::Blocking,
    watchers: watch::Watchers,
    /// Room for the next transaction.
    spare_txn: Option<Box<session::Txn>>,
    monitors: Vec<ClientId>,
    slowlog: slowlog::Slowlog,
    trackers: tracking::Trackers,
    deferred: Vec<(ClientId, Reply)>,
    /// The client whose command runs, and the protocol it spoke before.
    running: Option<(ClientId, Proto)>,
    /// The same of the client whose turn it is: others may be served in the middle of it.
    turn_of: Option<(ClientId, Proto)>,
    requests: Vec<NetRequest>,
    ahead: lookahead::Plan,
    freeing: usize,
    freeing_objects: usize,
    refused: usize,
    /// A signal that waits for the end of a script.
    asked_to_end: Option<Signal>,
    cron: cron::Cron,
    /// The append-only file.
    pub aof: persist::aof::Aof,
    loading: Option<Box<persist::Loading>>,
    flights: migrate::Flights,
    tap: Option<Vec<u8>>,
    stream_db: Option<usize>,
}

impl Engine {
    /// An empty server in this world.
    pub fn new(config: Config, mut env: Env, table: &'static Table) -> Engine {
        let mut random = [0u8; 72];
        env.entropy.fill(&mut random);
        let word = |at: usize| u64::from_le_bytes(random[at..at + 8].try_into().expect("8 bytes"));
        let seed = Seed { k0: word(0), k1: word(8) };
        let (run_id, repl_id) = (hex(&random[32..52]), hex(&random[52..]));
        let keyspace = Keyspace::new(config.databases, seed, Rng::seeded(word(16)));
        let (now_ms, now_us) = (env.clock.wall_us() / 1000, env.clock.mono_us());
        let mut engine = Engine {
            config,
            program: String::new(),
            config_file: None,
            keyspace,
            stats: Stats::default(),
            calls: calls::Calls::new(table.count()),
            cycle: cycle::Cycle::default(),
            gauges: gauges::Gauges::default(),
            memory: memory::MemoryLimit::new(env.memory.container_limit()),
            rounds_paused: false,
            buffers_kept: false,
            peak_reset_ms: cron::PEAK_RESET_MS,
            pausing: pause::Pausing::default(),
            persist: persist::Persist::new(now_ms / 1000),
            started_ms: now_ms,
            repl_id,
            rng: Rng::seeded(word(24)),
            limits: Limits { seed, ..Limits::default() },
            run_id,
            started_us: now_us,
            cron_paused: false,
            repl_offset: 0,
            table,
            clients: Clients::default(),
            pubsub: PubSub::new(seed),
            scripts: script::Scripts::default(),
            now_ms,
            now_us,
            next_id: 0,
            ready: VecDeque::new(),
            dirty: Vec::new(),
            works: VecDeque::new(),
            waiting: obstacle::Waiting::default(),
            blocking: block::Blocking::default(),
            watchers: watch::Watchers::default(),
            spare_txn: None,
            monitors: Vec::new(),
            slowlog: slowlog::Slowlog::default(),
            trackers: tracking::Trackers::default(),
            deferred: Vec::new(),
            running: None,
            turn_of: None,
            requests: Vec::new(),
            ahead: lookahead::Plan::default(),
            freeing: 0,
            freeing_objects: 0,
            refused: 0,
            asked_to_end: None,
            cron: cron::Cron::default(),
            aof: persist::aof::Aof::default(),
            loading: None,
            flights: migrate::Flights::default(),
            tap: None,
            stream_db: None,
            env,
        };
        engine.configured();
        engine.cycle.reset(now_us);
        engine.gauges.startup = engine.env.memory.used();
        engine
    }

    /// Takes over what the configuration says to parts that keep a copy of it.
    pub fn configured(&mut self) {
        let config = &self.config;
        if self.calls.tracking && !config.latency_tracking {
            self.calls.forget_latencies();
        }
        self.calls.tracking = config.latency_tracking;
        let (slower_than, max_len) = (config.slowlog_log_slower_than, config.slowlog_max_len);
        self.calls.alone = self.slowlog.configure(slower_than, max_len);
        self.limits.max_string_len = config.proto_max_bulk_len;
        self.limits.hash_max_listpack_entries = config.hash_max_listpack_entries as usize;
        self.limits.hash_max_listpack_value = config.hash_max_listpack_value as usize;
        self.limits.list_max_listpack_size = i64::from(config.list_max_listpack_size);
        self.limits.list_compress_depth = config.list_compress_depth as usize;
        self.limits.zset_max_listpack_entries = config.zset_max_listpack_entries as usize;
        self.limits.zset_max_listpack_value = config.zset_max_listpack_value as usize;
        self.limits.set_max_intset_entries = config.set_max_intset_entries as usize;
        self.limits.set_max_listpack_entries = config.set_max_listpack_entries as usize;
        self.limits.set_max_listpack_value = config.set_max_listpack_value as usize;
        self.limits.hll_sparse_max_bytes = config.hll_sparse_max_bytes as usize;
        self.limits.stream_node_max_bytes = config.stream_node_max_bytes as usize;
        self.limits.stream_node_max_entries = config.stream_node_max_entries;
        let access = &mut self.keyspace.access;
        access.lfu = matches!(
            config.maxmemory_policy,
            config::MaxmemoryPolicy::AllkeysLfu | config::MaxmemoryPolicy::VolatileLfu
        );
        access.log_factor = config.lfu_log_factor;
        access.decay_minutes = config.lfu_decay_time;
        self.keyspace.saving.compress = config.rdbcompression;
        self.keyspace.saving.checksum = config.rdbchecksum;
        self.keyspace.saving.version = config.rdb_write_version as u16;
        self.keyspace.effects.interest.notify = notify_interest(config.notify_keyspace_events);
        self.configure_memory();
        self.configure_client_room();
    }

    /// Begins a new history of the data.
    pub fn change_repl_id(&mut self) {
        let mut random = [0u8; 20];
        self.env.entropy.fill(&mut random);
        self.repl_id = hex(&random);
    }

    /// A client connected. One that may not is answered with the reason and closed.
    pub fn connect(&mut self, peer: Peer) -> ClientId {
        self.next_id += 1;
        let id = ClientId(self.next_id);
        self.refresh_clock();
        // Whoever finds no place was never a client.
        let full = self.connected() >= self.config.maxclients as usize;
        self.stats.connections += u64::from(!full);
        let refusal = self.refusal(&peer);
        let authenticated = self.config.requirepass.is_empty();
        let mut client = Client::new(id, peer, self.now_us, authenticated);
        if let Some(live) = &mut client.live {
            limits::apply(&self.config.client_output_buffer_limit, 0, &mut live.out);
            if let Some(error) = &refusal {
                live.out.error(&error.text());
                client.close = CloseWish::AfterReply;
                client.refused = true;
                self.refused += 1;
            }
        }
        self.clients.insert(Box::new(client));
        if refusal.is_some() {
            self.stats.rejected += 1;
            self.mark_dirty(id);
        }
        id
    }

    /// Whether there is no place for another client.
    pub fn is_full(&self) -> bool {
        self.connected() >= self.config.maxclients as usize
    }

    fn refusal(&self, peer: &Peer) -> Option<Error> {
        if self.is_full() {
            return Some(Error::err("max number of clients reached"));
        }
        let open = self.config.protected_mode && self.config.requirepass.is_empty();
        (open && !peer.loopback && !peer.unix).then_some(Error::fixed(
            "DENIED Redis is running in protected mode because protected mode is enabled and no \
             password is set for the default user. Only clients of the same machine are accepted. \
             To accept others, set a password (requirepass), or turn the mode off (CONFIG SET \
             protected-mode no) where the network is trusted.",
        ))
    }

    /// Clients that were let in and are still there.
    pub fn connected(&self) -> usize {
        self.clients.len() - self.refused
    }

    /// Where the next bytes of a client go.
    pub fn buffer(&mut self, id: ClientId) -> Option<&mut InBuf> {
        self.clients.get_mut(&id).map(|client| &mut client.inbuf)
    }

    /// `n` bytes came into the client's buffer.
    pub fn arrived(&mut self, id: ClientId, n: usize) {
        let now = self.now_us;
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.inbuf.advance(n);
        client.active_us = now;
        self.stats.net_input += n as u64;
        self.stats.reads += 1;
        if client.may_queue() {
            client.queued = true;
            self.ready.push_back(id);
        }
    }

    /// The peer will send nothing more: what came is run and answered, then the client is closed.
    pub fn read_closed(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.read_closed = true;
        if client.blocked.is_some() || client.postponed {
            // Nobody is left to answer to; what it would take stays for others.
            client.close = CloseWish::Now;
            self.mark_dirty(id);
            return;
        }
        self.make_ready(id);
    }

    fn make_ready(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            if client.may_queue() {
                client.queued = true;
                self.ready.push_back(id);
            }
        }
    }

    /// Whether there is work that does not wait for time or the network.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
            || !self.works.is_empty()
            || self.keyspace.has_garbage()
            || self.scripts.suspended()
            || self.loading_may_go_on()
            || self.flights.any_over()
    }

    /// A client's output.
    pub fn output(&mut self, id: ClientId) -> Option<&mut OutBuf> {
        self.clients.get_mut(&id)?.live.as_mut().map(|live| live.out.out())
    }

    /// `n` bytes of a client's output left.
    pub fn written(&mut self, id: ClientId, n: usize) {
        self.stats.net_output += n as u64;
        self.stats.writes += 1;
        let now = self.now_us;
        if let Some(client) = self.clients.get_mut(&id) {
            client.active_us = now;
            client.stamps.sent(n);
        }
    }

    /// Clients with new output or a wish to be closed, each once.
    pub fn take_dirty(&mut self, into: &mut Vec<ClientId>) {
        for id in &self.dirty {
            if let Some(client) = self.clients.get_mut(id) {
                client.dirty = false;
            }
        }
        into.append(&mut self.dirty);
    }

    pub(crate) fn mark_dirty(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            if !client.dirty {
                client.dirty = true;
                self.dirty.push(id);
            }
        }
    }

    /// Whether the network should close a client; one it does not know: at once.
    pub fn close_wish(&self, id: ClientId) -> CloseWish {
        self.clients.get(&id).map_or(CloseWish::Now, |client| client.close)
    }

    /// Whether the client is not to be read from for now.
    pub fn reading_paused(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_some_and(|c| {
            // Whoever sends faster than it is served waits in its socket, not in our memory.
            let waits = c.queued || c.blocked.is_some();
            let behind = waits && c.inbuf.len() >= BACKLOG_MAX;
            // A blocked client is still read, or its end would not be noticed.
            c.parked && c.blocked.is_none() || c.close != CloseWish::No || behind
        })
    }

    /// The network closed a client.
    pub fn gone(&mut self, id: ClientId) {
        self.unsubscribe_all(id);
        self.forget_blocked(id);
        self.forget_postponed(id);
        self.forget_waiting(id);
        self.unwatch(id);
        self.stop_monitoring(id);
        self.stop_tracking(id);
        self.deferred.retain(|(to, _)| *to != id);
        if let Some(client) = self.clients.remove(&id) {
            self.refused -= usize::from(client.refused);
            self.forget_client(client.counted_bytes);
        }
        self.abandon_works(id);
    }

    /// A job off the loop ended.
    pub fn job_done(&mut self, done: Done) {
        let (bytes, objects) = match done {
            Done::Freed { bytes, objects } => (bytes, objects),
            // A command may be running, so it is looked at later.
            Done::Delivered { id } => return self.flights.note_over(id),
            Done::Written { id, error } => return self.piece_written(id, error),
            Done::Synced { upto, error } => return self.log_synced(upto, error),
        };
        self.freeing_objects = self.freeing_objects.saturating_sub(objects);
        self.freeing = self.freeing.saturating_sub(bytes);
        self.stats.lazyfreed += objects as u64;
    }

    /// What the engine wants of the network.
    pub fn requests(&mut self) -> Vec<NetRequest> {
        std::mem::take(&mut self.requests)
    }

    /// Asks the network for something.
    pub fn request(&mut self, request: NetRequest) {
        self.requests.push(request);
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A client by its id.
    pub fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id)
    }

    /// A client by its id, to be changed.
    pub fn client_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.get_mut(&id)
    }

    /// Wall time of the running unit, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Monotonic time of the running unit, microseconds.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Reads both clocks; gives monotonic nanoseconds.
    fn refresh_clock(&mut self) -> u64 {
        self.now_ms = self.env.clock.wall_us() / 1000;
        let now_ns = self.env.clock.mono_ns();
        self.now_us = now_ns / 1000;
        now_ns
    }

    /// From now on keeps the propagation stream for `take_stream`: a log without a disk.
    pub fn keep_stream(&mut self) {
        self.tap = Some(Vec::new());
        self.stream_wanted();
    }

    /// The propagation stream since the last call.
    pub fn take_stream(&mut self) -> Vec<u8> {
        self.tap.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Asserts the invariants of everything; for tests and simulation.
    pub fn check(&self) {
        self.keyspace.check();
        self.pubsub.check(&self.clients);
        for client in self.clients.values() {
            assert!(client.live.is_some(), "{:?} is between commands", client.id);
        }
    }
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("below 16");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The classes that are worth logging: none unless a channel kind is chosen too.
fn notify_interest(flags: u32) -> u32 {
    use crate::keyspace::effects::class::{KEYEVENT, KEYSPACE};
    if flags & (KEYSPACE | KEYEVENT) == 0 { 0 } else { flags & !(KEYSPACE | KEYEVENT) }
}

/// A table without commands: what the engine does by itself needs none.
#[cfg(test)]
pub(crate) fn tests_table() -> &'static Table {
    static EMPTY: Table = Table::new(&[], 0);
    &EMPTY
}
