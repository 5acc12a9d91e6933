//! Clients that meddle with each other: transactions, WATCH, channels, notifications, tracking,
//! waiting and hanging up, everything from one seed. The model says what each must read; one byte
//! that is lost, doubled or out of its order is found.

use std::collections::BTreeSet;

use redstart::base::rng::Rng;
use redstart::engine::Engine;
use redstart::engine::client::{ClientId, Peer};
use redstart::env::Clock;
use redstart::env::sim::Sim;

use super::crowd_model::{Call, Model};
use crate::support::frames::{encode, frame_end, show};
use crate::support::local::{config, table, take_all};

const CLIENTS: usize = 8;

/// One who talks to the server, on one connection after the other.
struct Guest {
    id: ClientId,
    /// What it has sent of its next request, and the rest.
    unsent: Vec<u8>,
    half_sent: Option<Call>,
    unread: Vec<u8>,
}

/// The server, its guests and its model.
pub struct Crowd {
    engine: Engine,
    sim: Sim,
    rng: Rng,
    model: Model,
    guests: Vec<Guest>,
    /// So that no two messages are alike.
    counter: i64,
    /// What happened, the latest last: shown when something is wrong.
    history: Vec<String>,
    /// What was read and found right.
    pub frames: u64,
}

impl Crowd {
    pub fn new(seed: u64) -> Crowd {
        let sim = Sim::new(seed);
        let options = ["--notify-keyspace-events", "KEA"];
        let engine = Engine::new(config(&options), sim.env(), table());
        let mut crowd = Crowd {
            engine,
            sim,
            rng: Rng::seeded(seed),
            model: Model::default(),
            guests: Vec::new(),
            counter: 0,
            history: Vec::new(),
            frames: 0,
        };
        for at in 0..CLIENTS {
            let guest = crowd.enter(at);
            crowd.guests.push(guest);
        }
        crowd
    }

    /// A new connection; every other one speaks RESP3.
    fn enter(&mut self, at: usize) -> Guest {
        let id = self.engine.connect(Peer { loopback: true, ..Peer::default() });
        self.model.connect(id.0);
        let mut guest = Guest { id, unsent: Vec::new(), half_sent: None, unread: Vec::new() };
        if at % 2 == 1 {
            self.put(id, b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
            self.settle();
            self.model.speaks_resp3(id.0);
            guest.unread = self.take(id);
            let hello = frame_end(&guest.unread).expect("it is RESP").expect("it is whole");
            guest.unread.drain(..hello);
        }
        guest
    }

    /// One thing happens.
    pub fn step(&mut self) {
        match self.rng.below(20) {
            0 => self.hang_up(),
            1 | 2 => self.pass_time(),
            _ => self.talk(),
        }
        self.engine.check();
        for at in 0..CLIENTS {
            if self.rng.below(3) == 0 {
                self.read(at);
            }
        }
    }

    /// Everybody has read everything.
    pub fn end(&mut self) {
        for at in 0..CLIENTS {
            self.read(at);
            let guest = &self.guests[at];
            let left = &self.model.clients[&guest.id.0].expected;
            assert!(guest.unread.is_empty() && left.is_empty(), "{} is owed {left:?}", guest.id.0);
        }
    }

    fn hang_up(&mut self) {
        let at = self.rng.below(CLIENTS as u64) as usize;
        let id = self.guests[at].id;
        self.history.push(format!("{} goes", id.0));
        self.read(at);
        self.engine.gone(id);
        self.model.gone(id.0);
        self.guests[at] = self.enter(at);
    }

    fn pass_time(&mut self) {
        self.sim.advance_us([500, 1_000, 20_000, 300_000][self.rng.below(4) as usize]);
        self.settle();
        self.history.push("time passes".into());
        self.model.expire(self.sim.wall_us() / 1000);
    }

    /// Some send requests, which arrive together and run in one pass.
    fn talk(&mut self) {
        // Who waits says nothing: it would be heard in a later pass.
        let clients = &self.model.clients;
        let mut quiet: BTreeSet<usize> =
            (0..CLIENTS).filter(|at| !clients[&self.guests[*at].id.0].is_free()).collect();
        for _ in 0..=self.rng.below(3) {
            let at = self.rng.below(CLIENTS as u64) as usize;
            if quiet.insert(at) {
                self.speak(at);
            }
        }
        self.settle();
        self.model.end_of_pass();
    }

    /// One client's requests. The model runs them at once: the engine takes those who sent in the
    /// order in which they did, and nobody sends to one who waits.
    fn speak(&mut self, at: usize) {
        let id = self.guests[at].id;
        let mut bytes = std::mem::take(&mut self.guests[at].unsent);
        let mut calls: Vec<Call> = self.guests[at].half_sent.take().into_iter().collect();
        for _ in 0..=self.rng.below(3) {
            if calls.last().is_some_and(|call| call[0] == "BLPOP") {
                break;
            }
            let call = self.call();
            bytes.extend(encode(&call));
            calls.push(call);
        }
        // The end of the last request may come later.
        let last = calls.pop().expect("there is one");
        let cut = 1 + self.rng.below(12) as usize;
        if self.rng.below(6) == 0 && cut < bytes.len() {
            self.guests[at].unsent = bytes.split_off(bytes.len() - cut);
            self.guests[at].half_sent = Some(last);
        } else {
            calls.push(last);
        }
        self.put(id, &bytes);
        // What the engine is about to do, in the same order.
        for call in &calls {
            self.history.push(format!("{}: {}", id.0, call.join(" ")));
            self.model.request(id.0, call, self.sim.wall_us() / 1000);
        }
    }

    fn put(&mut self, id: ClientId, bytes: &[u8]) {
        let space = self.engine.buffer(id).expect("it is connected").space();
        space[..bytes.len()].copy_from_slice(bytes);
        self.engine.arrived(id, bytes.len());
    }

    fn settle(&mut self) {
        loop {
            self.engine.run_ready();
            if self.engine.tick() != Some(0) && !self.engine.has_ready() {
                return;
            }
        }
    }

    fn call(&mut self) -> Call {
        self.counter += 1;
        let n = self.counter;
        let mut one_of =
            |words: &[&str]| words[self.rng.below(words.len() as u64) as usize].to_owned();
        let (key, other) = (one_of(&["k0", "k1", "k2"]), one_of(&["l0", "l1"]));
        let (channel, pattern) = (one_of(&["c0", "c1"]), one_of(&["c*", "__keyevent@0__:*", "x*"]));
        let tracking = one_of(&["ON", "ON", "ON NOLOOP", "ON BCAST", "ON BCAST NOLOOP", "OFF"]);
        let span = 1 + self.rng.below(1000);
        let line = match self.rng.below(40) {
            0..=2 => format!("SET {key} {n}"),
            // One key alone, so that no two are due at the same time.
            3 => format!("SET k0 {n} PX {span}"),
            4..=6 => format!("GET {key}"),
            7 | 8 => format!("INCR {key}"),
            9 => format!("DEL {key}"),
            10 => format!("DEL {other}"),
            11 | 12 => format!("RPUSH {other} a{n} b{n}"),
            13 => format!("RPUSH {other} c{n}"),
            14 => format!("LPOP {other}"),
            15 => "BLPOP l0 l1 0".into(),
            16 => format!("BLPOP {other} 0"),
            17..=19 => "MULTI".into(),
            20..=23 => "EXEC".into(),
            24 => "DISCARD".into(),
            25 => format!("WATCH {key}"),
            26 => format!("WATCH {other}"),
            27 => "UNWATCH".into(),
            28 => format!("SUBSCRIBE {channel}"),
            29 => format!("UNSUBSCRIBE {channel}"),
            30 => format!("PSUBSCRIBE {pattern}"),
            31 => format!("PUNSUBSCRIBE {pattern}"),
            32 => format!("SSUBSCRIBE {channel}"),
            33 => format!("SUNSUBSCRIBE {channel}"),
            34 | 35 => format!("PUBLISH {channel} m{n}"),
            36 => format!("SPUBLISH {channel} s{n}"),
            37 | 38 => format!("CLIENT TRACKING {tracking}"),
            _ if self.rng.below(3) == 0 => "RESET".into(),
            _ => "PING".into(),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// Takes what a client was told.
    fn take(&mut self, id: ClientId) -> Vec<u8> {
        take_all(&mut self.engine, id)
    }

    /// A client reads, and compares frame by frame.
    fn read(&mut self, at: usize) {
        let id = self.guests[at].id;
        let bytes = self.take(id);
        let unread = &mut self.guests[at].unread;
        unread.extend(bytes);
        let expected = &mut self.model.clients.get_mut(&id.0).expect("it is connected").expected;
        while let Some(len) = frame_end(unread).expect("it is RESP") {
            let frame: Vec<u8> = unread.drain(..len).collect();
            let want = expected.pop_front();
            if want.as_ref() != Some(&frame) {
                let from = self.history.len().saturating_sub(60);
                panic!(
                    "{}\n{} was to be told {}\n  but was told {}",
                    self.history[from..].join("\n"),
                    id.0,
                    want.map_or("nothing".into(), |want| show(&want)),
                    show(&frame)
                );
            }
            self.frames += 1;
        }
    }
}
