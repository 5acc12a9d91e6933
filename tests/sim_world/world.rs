//! What happens: one random thing a step, everything from one seed.
//!
//! Peers use keys of their own, so what each must read does not depend on how the engine shares
//! its time between them; only a peer's own order and the clock matter.

use std::io::IoSlice;

use redstart::base::rng::Rng;
use redstart::engine::Engine;
use redstart::engine::client::{CloseWish, Peer as Address};
use redstart::env::Clock;
use redstart::env::sim::{JobMode, Sim};

use super::peer::Peer;
use crate::support::local::{config, table};

const PEERS: usize = 5;
/// More rounds than this without rest is a loop that spins.
const MAX_ROUNDS: usize = 100_000;

pub struct World {
    engine: Engine,
    sim: Sim,
    rng: Rng,
    peers: Vec<Peer>,
    transcript: Vec<u8>,
}

fn connect(engine: &mut Engine) -> redstart::engine::client::ClientId {
    engine.connect(Address { addr: "127.0.0.1:1".into(), loopback: true, ..Address::default() })
}

impl World {
    pub fn new(seed: u64) -> World {
        let sim = Sim::new(seed);
        sim.set_job_mode(JobMode::Held);
        let mut engine = Engine::new(config(&[]), sim.env(), table());
        let peers = (0..PEERS).map(|i| Peer::new(connect(&mut engine), format!("p{i}:"))).collect();
        let rng = Rng::seeded(seed);
        World { engine, sim, rng, peers, transcript: Vec::new() }
    }

    pub fn step(&mut self) {
        let who = self.rng.below(PEERS as u64) as usize;
        match self.rng.below(100) {
            0..=34 => {
                for _ in 0..=self.rng.below(4) {
                    self.ask(who);
                }
            }
            35..=59 => self.deliver(who),
            60..=74 => self.run(),
            75..=84 => self.read(who),
            85..=93 => self.pass_time(),
            94..=96 => self.end_a_job(),
            97 => self.hang_up(who),
            98 => self.half_close(who),
            _ => self.step_wall_clock(),
        }
    }

    /// Every structure holds its invariants, and every key in the deadline index exists.
    pub fn check(&self) {
        self.engine.check();
    }

    fn ask(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        if !peer.half_closed {
            let request = peer.model.request(&mut self.rng);
            peer.ask(request);
        }
    }

    /// Hands some of a peer's bytes to the engine, which may or may not get to run them.
    fn deliver(&mut self, who: usize) {
        let most = match self.rng.below(4) {
            0 => 1 + self.rng.below(3),
            1 => 1 + self.rng.below(40),
            _ => 1 << 20,
        };
        let peer = &mut self.peers[who];
        let bytes = peer.take(most as usize);
        let mut left = bytes.as_slice();
        while !left.is_empty() {
            let buffer = self.engine.buffer(peer.id).expect("the client is connected");
            let space = buffer.space();
            let n = space.len().min(left.len());
            space[..n].copy_from_slice(&left[..n]);
            self.engine.arrived(peer.id, n);
            left = &left[n..];
        }
    }

    /// Runs the engine until it rests, and the models with it.
    fn run(&mut self) {
        for round in 0.. {
            assert!(round < MAX_ROUNDS, "the engine does not come to rest");
            self.engine.run_ready();
            if self.engine.tick() != Some(0) && !self.engine.has_ready() {
                break;
            }
        }
        let now_ms = self.sim.wall_us() / 1000;
        self.peers.iter_mut().for_each(|peer| peer.ran(now_ms));
    }

    /// A peer reads some of what is there.
    fn read(&mut self, who: usize) {
        let most = if self.rng.below(2) == 0 { self.rng.below(50) as usize } else { usize::MAX };
        let peer = &mut self.peers[who];
        let Some(output) = self.engine.output(peer.id) else { return };
        let mut slices = [IoSlice::new(&[]); 8];
        let count = output.slices(&mut slices);
        let mut bytes: Vec<u8> = slices[..count].iter().flat_map(|s| s.iter().copied()).collect();
        bytes.truncate(most);
        output.consume(bytes.len());
        self.engine.written(peer.id, bytes.len());
        self.transcript.extend_from_slice(&bytes);
        peer.read(&bytes);
    }

    /// Time passes only between two rests: what had arrived was run before.
    fn pass_time(&mut self) {
        self.run();
        let us = [1, 999, 1000, 5000, 100_000, 3_000_000][self.rng.below(6) as usize];
        self.sim.advance_us(us);
        self.engine.tick();
    }

    /// The administrator sets the wall clock; time-outs must not care, deadlines must.
    fn step_wall_clock(&mut self) {
        self.run();
        let by = self.rng.below(20_000_000) as i64 - 10_000_000;
        self.sim.set_wall_us(self.sim.wall_us() + by);
        self.engine.tick();
    }

    fn end_a_job(&mut self) {
        if let Some(done) = self.sim.finish_one() {
            self.engine.job_done(done);
        }
    }

    /// The connection is cut: what was not run is lost, and so is what was not read.
    fn hang_up(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        self.engine.gone(peer.id);
        peer.reconnect(connect(&mut self.engine));
    }

    /// The peer sends FIN behind its last byte: every request is still run and answered.
    fn half_close(&mut self, who: usize) {
        while !self.peers[who].unsent.is_empty() {
            self.deliver(who);
        }
        let id = self.peers[who].id;
        self.peers[who].half_closed = true;
        self.engine.read_closed(id);
        self.run();
        assert_eq!(self.engine.close_wish(id), CloseWish::AfterReply);
        self.read_all(who);
        assert!(self.peers[who].is_content(), "the last replies are missing");
        self.hang_up(who);
    }

    fn read_all(&mut self, who: usize) {
        while self.engine.output(self.peers[who].id).is_some_and(|output| !output.is_empty()) {
            self.read(who);
        }
    }

    /// Everything is sent, run and read; then the keys run out and nothing is left over.
    pub fn end(&mut self) {
        for who in 0..PEERS {
            while !self.peers[who].unsent.is_empty() {
                self.deliver(who);
            }
        }
        self.run();
        for who in 0..PEERS {
            self.read_all(who);
            assert!(self.peers[who].is_content(), "replies are missing");
        }
        while let Some(done) = self.sim.finish_one() {
            self.engine.job_done(done);
        }
        self.check();
    }

    pub fn into_transcript(self) -> Vec<u8> {
        self.transcript
    }
}
