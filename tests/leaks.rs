//! Clients come and go in every state a client can be in, by every way there is to go. Nothing of
//! them stays: the registers are empty, memory is what it was, and what was meant for one who went
//! never reaches one who came later.
//!
//! The allocator counts for the whole process, so this file has one test and runs it alone.
//! `REDSTART_LEAK_CLIENTS` sets how many come, `REDSTART_LEAK_SEED` who does what.

// Seed and length come from the environment.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::alloc;
use redstart::base::rng::Rng;
use redstart::engine::Engine;
use redstart::engine::client::{ClientId, CloseWish, Peer};
use redstart::engine::pubsub::Kind;
use redstart::env::sim::Sim;
use support::frames::{encode, show};
use support::local::{config, table, take_all};

const CLIENTS: u64 = 100_000;
/// Clients that are there at the same time.
const BATCH: usize = 100;
/// What the allocator may hand out more at the end than after the first batches, bytes: tables
/// that were sized by chance.
const SLACK: usize = 32 * 1024;

/// What a client does before it goes. `{n}` is its own number, `{id}` another one's id.
const STATES: &[&[&str]] = &[
    &[],
    &["MULTI", "SET kept {n}", "GET kept"],
    &["WATCH w1 w2 w{n}"],
    &["WATCH w1", "MULTI", "INCR n"],
    &["MULTI", "BLPOP q1 0", "SUBSCRIBE shared", "EXEC"],
    &["SUBSCRIBE shared own:{n}", "UNSUBSCRIBE own:{n}"],
    &["SUBSCRIBE own:{n} shared own:x{n}"],
    &["PSUBSCRIBE sh* own:*", "PUNSUBSCRIBE own:*"],
    &["SSUBSCRIBE shared own:{n}"],
    &["HELLO 3", "SUBSCRIBE shared", "PSUBSCRIBE s*", "SSUBSCRIBE shared", "GET t1"],
    &["HELLO 3", "CLIENT TRACKING ON", "GET t1", "MGET t2 t{n}"],
    &["HELLO 3", "CLIENT TRACKING ON BCAST PREFIX t PREFIX x"],
    &["CLIENT TRACKING ON REDIRECT {id}", "GET t1"],
    &["CLIENT TRACKING ON BCAST REDIRECT {id}"],
    &["HELLO 3", "CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES"],
    &["MONITOR"],
    &["MONITOR", "SUBSCRIBE shared"],
    &["BLPOP q1 q2 0"],
    &["BLPOP q1 100", "GET behind"],
    &["XREAD BLOCK 0 STREAMS st st{n} $ $"],
    &["BLMOVE q1 q2 LEFT RIGHT 0"],
    &["CLIENT REPLY OFF", "GET t1"],
    &["CLIENT REPLY SKIP"],
    &["CLIENT REPLY SKIP", "BLPOP q2 0"],
    &["SET paused {n}", "GET paused"],
    &["MULTI", "SET paused {n}", "EXEC"],
    &["GET large", "GET large", "GET large"],
    &["CLIENT SETNAME somebody", "CLIENT NO-EVICT ON", "CLIENT NO-TOUCH ON", "SELECT 3"],
    &["SMEMBERS members", "SUNIONSTORE copy members", "KEYS *"],
    &["HELLO 3", "SUBSCRIBE shared", "CLIENT TRACKING ON", "GET t1", "WATCH w1", "BLPOP q1 9"],
    &["EVAL return(redis.call('GET','t1')) 0", "NOSUCH", "CLIENT TRACKING ON"],
];

struct World {
    engine: Engine,
    sim: Sim,
    rng: Rng,
    admin: ClientId,
}

impl World {
    fn new(seed: u64) -> World {
        let sim = Sim::new(seed);
        let options = ["--notify-keyspace-events", "KEA", "--maxmemory-clients", "1g"];
        let mut engine = Engine::new(config(&options), sim.env(), table());
        let admin = engine.connect(peer());
        let mut world = World { engine, sim, rng: Rng::seeded(seed), admin };
        for i in 0..200 {
            world.command(&format!("SADD members member:{i}"));
        }
        world.command(&format!("SET large {}", "v".repeat(20_000)));
        world
    }

    fn send(&mut self, id: ClientId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(buffer) = self.engine.buffer(id) else { return };
            let space = buffer.space();
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            self.engine.arrived(id, n);
            bytes = &bytes[n..];
        }
    }

    /// Runs until nothing is left to do; closes whom the engine wants closed.
    fn settle(&mut self) {
        let mut dirty = Vec::new();
        loop {
            while let Some(done) = self.sim.take_finished() {
                self.engine.job_done(done);
            }
            self.engine.run_ready();
            let next = self.engine.tick();
            self.engine.take_dirty(&mut dirty);
            for id in dirty.drain(..) {
                let unread = self.engine.output(id).is_some_and(|output| !output.is_empty());
                match self.engine.close_wish(id) {
                    CloseWish::No => {}
                    CloseWish::AfterReply if unread => {}
                    CloseWish::AfterReply | CloseWish::Now => self.engine.gone(id),
                }
            }
            if next != Some(0) && !self.engine.has_ready() && !self.sim.has_finished() {
                return;
            }
        }
    }

    /// What was said to a client since the last time.
    fn heard(&mut self, id: ClientId) -> Vec<u8> {
        take_all(&mut self.engine, id)
    }

    /// A command of the one who stays.
    fn command(&mut self, line: &str) {
        self.send(self.admin, &request(line));
        self.settle();
        let said = self.heard(self.admin);
        assert_ne!(said.first(), Some(&b'-'), "{line}: {}", show(&said));
    }

    /// Some clients come, get into their states and go.
    fn batch(&mut self, first: u64) {
        let ids: Vec<ClientId> = (0..BATCH).map(|_| self.engine.connect(peer())).collect();
        self.mean_the_others();
        for id in &ids {
            let said = self.heard(*id);
            assert!(said.is_empty(), "{id:?} was told {}", show(&said));
            self.send(*id, b"PING\r\n");
        }
        self.settle();
        for id in &ids {
            assert_eq!(self.heard(*id), b"+PONG\r\n");
        }
        self.command("CLIENT PAUSE 1000000 WRITE");
        for (at, id) in ids.iter().enumerate() {
            let other = ids[self.rng.below(BATCH as u64) as usize];
            let state = STATES[(first as usize + at) % STATES.len()];
            for line in state {
                let line = line.replace("{n}", &(first + at as u64).to_string());
                self.send(*id, &request(&line.replace("{id}", &other.0.to_string())));
            }
            if self.rng.below(8) == 0 {
                self.send(*id, b"*3\r\n$3\r\nSET\r\n$1");
            }
            if self.rng.below(10) == 0 {
                self.settle();
            }
        }
        self.settle();
        if self.rng.below(2) == 0 {
            self.command("CLIENT UNPAUSE");
            self.command("SET t1 changed");
            self.command("PUBLISH shared text");
        }
        for id in ids {
            self.leave(id);
        }
        self.settle();
        self.command("CLIENT UNPAUSE");
        assert_eq!(self.engine.connected(), 1, "only the one who stays is there");
        self.nothing_is_left();
    }

    /// One client goes: the socket breaks, the peer says it has sent all, it is killed, or it takes
    /// its leave.
    fn leave(&mut self, id: ClientId) {
        match self.rng.below(6) {
            0 => {
                self.engine.read_closed(id);
                self.settle();
            }
            1 => self.command_any(&format!("CLIENT KILL ID {}", id.0)),
            2 => self.send(id, b"RESET\r\n"),
            3 => self.send(id, b"QUIT\r\n"),
            _ => {}
        }
        if self.rng.below(8) == 0 {
            self.settle();
        }
        self.engine.gone(id);
    }

    /// The same as `command`, whatever the answer: who is to be killed may have gone.
    fn command_any(&mut self, line: &str) {
        self.send(self.admin, &request(line));
        self.settle();
        self.heard(self.admin);
    }

    /// Whatever the clients of the batch before have asked to hear of.
    fn mean_the_others(&mut self) {
        let lines = [
            "PUBLISH shared text",
            "PUBLISH own:x1 text",
            "SPUBLISH shared text",
            "SET t1 changed",
            "MSET w1 1 w2 2 t2 2",
            "RPUSH q1 a b",
            "XADD st * field value",
            "DEL q1 q2 st paused kept copy n w1 w2 t2",
        ];
        for line in lines {
            self.command(line);
        }
        if self.rng.below(20) == 0 {
            self.command("SWAPDB 0 1");
            self.command("SWAPDB 0 1");
            self.command("FLUSHDB");
        }
        self.sim.advance_us(1_000 + self.rng.below(200_000));
        self.settle();
    }

    /// The registers know nobody.
    fn nothing_is_left(&self) {
        let engine = &self.engine;
        let pubsub = engine.pubsub();
        assert_eq!(pubsub.clients(), 0);
        assert!(Kind::ALL.iter().all(|kind| pubsub.count(*kind) == 0));
        let trackers = engine.trackers();
        let tracked = [trackers.clients(), trackers.keys(), trackers.items(), trackers.prefixes()];
        assert_eq!(tracked, [0; 4]);
        assert_eq!(engine.watching(), (0, 0));
        assert_eq!(engine.blocked_clients(), (0, 0));
        assert_eq!((engine.keyspace.watched.len(), engine.keyspace.waiting.len()), (0, 0));
        assert_eq!(engine.pausing.held(), 0);
        assert!(!engine.has_monitors());
        engine.check();
    }
}

fn peer() -> Peer {
    Peer { addr: "127.0.0.1:50000".into(), loopback: true, ..Peer::default() }
}

fn request(line: &str) -> Vec<u8> {
    encode(&line.split(' ').collect::<Vec<_>>())
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn nobody_leaves_anything_behind() {
    let clients = setting("REDSTART_LEAK_CLIENTS", CLIENTS);
    let seed = setting("REDSTART_LEAK_SEED", 1);
    println!("REDSTART_LEAK_CLIENTS={clients} REDSTART_LEAK_SEED={seed}");
    let mut world = World::new(seed);
    let mut before = usize::MAX;
    for (round, first) in (0..clients).step_by(BATCH).enumerate() {
        world.batch(first);
        // The first batches size what is kept for good: tables, statistics, buffers of the admin.
        if round == 20 {
            world.command("FLUSHDB");
            world.command("SLOWLOG RESET");
            before = alloc::used();
        }
    }
    world.command("FLUSHDB");
    world.command("SLOWLOG RESET");
    let after = alloc::used();
    println!("{before} bytes at the beginning, {after} at the end");
    assert!(after < before.saturating_add(SLACK), "{} bytes more", after.saturating_sub(before));
}
