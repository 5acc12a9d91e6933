//! Snapshots in seeded worlds: whatever clients, deadlines, eviction and scripts do while a save
//! goes on, in slices and with a disk that is late, the file holds the data set of the moment at
//! which the save began. The same for the base of a log that is rewritten.
//!
//! `REDSTART_SIM_SEED` names the first seed, `REDSTART_SIM_SEEDS` how many there are.

// The seed comes from the environment.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::base::rng::Rng;
use redstart::engine::client::ClientId;
use redstart::env::sim::{JobMode, Sim};
use support::contents::Session;
use support::frames::encode;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

type Words = Vec<String>;

fn words(text: &str) -> Words {
    text.split(' ').map(str::to_owned).collect()
}

/// A command on one key of its kind: collections grow to some hundred elements, and shrink.
fn on_one_key(rng: &mut Rng) -> Words {
    // The first ones are large.
    let n = if rng.below(3) > 0 { 0 } else { rng.below(4) };
    let (a, b) = (rng.below(600), rng.below(600));
    let text = "x".repeat(rng.below(90) as usize);
    words(&match rng.below(44) {
        0 | 1 => format!("SET s{n}{a} {b}{text}"),
        2 => format!("APPEND s{n} {a}{text}"),
        3 => format!("INCR i{n}"),
        4 => format!("SET t{n}{a} v PX {}", 1 + rng.below(400)),
        5..=8 => format!("HSET h{n} f{a} {b}{text} f{b} {a}"),
        9 => format!("HDEL h{n} f{a} f{b}"),
        10..=12 => format!("SADD m{n} {a} e{b} {b}"),
        13 => format!("SREM m{n} {a} e{b}"),
        14 => format!("SPOP m{n} {}", rng.below(if a == 0 { 400 } else { 3 })),
        15..=18 => format!("ZADD z{n} {b} m{a} {a} m{b}"),
        19 => format!("ZINCRBY z{n} {b}.5 m{a}"),
        20 => format!("ZREM z{n} m{a}"),
        21 => format!("ZREMRANGEBYRANK z{n} {a} {}", a + rng.below(40)),
        22..=24 => format!("RPUSH l{n} {a}{text} {b}"),
        25 | 26 => format!("LPUSH l{n} {a} {b}{text}"),
        27 => format!("LSET l{n} {a} new{b}"),
        28 => format!("LREM l{n} 0 {b}"),
        29 => format!("LTRIM l{n} {} -2", rng.below(4)),
        30 => format!("LINSERT l{n} BEFORE {b} inserted"),
        31 => format!("RPOP l{n} {}", 1 + rng.below(5)),
        32..=35 => format!("XADD x{n} * f {a}{text}"),
        36 => format!("XTRIM x{n} MAXLEN {a}"),
        37 => format!("XGROUP CREATE x{n} g{a} 0 MKSTREAM"),
        38 => format!("XREADGROUP GROUP g{a} c COUNT 3 STREAMS x{n} >"),
        39 => format!("LMOVE l{n} l{} LEFT RIGHT", rng.below(4)),
        40 => format!("ZPOPMIN z{n} {}", rng.below(5)),
        41 => format!("SETRANGE s{n} {a} {text}."),
        42 => format!("SMOVE m{n} m{} {a}", rng.below(4)),
        _ => format!("HINCRBY h{n} n{} 3", rng.below(9)),
    })
}

/// A command on several keys, on whole databases, or of several commands.
fn on_many_keys(rng: &mut Rng) -> Words {
    let kinds = ["h", "m", "z", "l", "x", "s"];
    let kind = kinds[rng.below(6) as usize];
    let (from, to) = (format!("{kind}{}", rng.below(4)), format!("{kind}{}", rng.below(5)));
    words(&match rng.below(40) {
        0..=4 => format!("COPY {from} {to} DB {} REPLACE", rng.below(3)),
        5..=8 => format!("RENAME {from} {to}"),
        9 | 10 => format!("MOVE {from} {}", rng.below(3)),
        11 => format!("SWAPDB 0 {}", 1 + rng.below(2)),
        12 => "FLUSHDB".to_owned(),
        13 => if rng.below(4) == 0 { "FLUSHALL" } else { "DBSIZE" }.to_owned(),
        14..=16 => format!("DEL {from}"),
        17..=19 => format!("PEXPIRE {from} {}", 1 + rng.below(300)),
        20 => format!("PERSIST {from}"),
        21..=25 => "KEYS *".to_owned(),
        26 => format!("SUNIONSTORE m{} m0 m1 m2", rng.below(4)),
        27 => format!("ZUNIONSTORE z{} 2 z0 z1", rng.below(4)),
        28 => format!("SORT l{} STORE l{} ALPHA", rng.below(4), rng.below(4)),
        29 => format!("SELECT {}", rng.below(3)),
        30 => format!("SMEMBERS m{}", rng.below(4)),
        31 => format!("ZRANGESTORE z{} z{} 0 20", rng.below(4), rng.below(4)),
        32..=35 => {
            let n = rng.below(4);
            let script = "for i=1,ARGV[1] do redis.call('HSET',KEYS[1],'s'..i,i) \
                          redis.call('RPUSH',KEYS[2],i) redis.call('ZADD',KEYS[3],i,'s'..i) end";
            let mut call = vec!["EVAL".to_owned(), script.to_owned()];
            call.extend(words(&format!("3 h{n} l{n} z{n} {}", 20 + rng.below(60))));
            return call;
        }
        _ => return on_one_key(rng),
    })
}

/// A save under way, and what its file must hold.
struct Cut {
    digest: [u8; 32],
    log: bool,
}

/// What has come to be in a world.
#[derive(Default)]
struct Told {
    /// Cuts whose file was compared.
    compared: u64,
    /// Passes in which an image was under way.
    passes: u64,
    abandoned: u64,
}

struct World {
    session: Session,
    sim: Sim,
    rng: Rng,
    clients: Vec<ClientId>,
    cut: Option<Cut>,
    begun: u64,
    told: Told,
}

impl World {
    fn new(seed: u64) -> World {
        let sim = Sim::new(seed);
        let mut options = vec!["--hash-max-listpack-entries", "8", "--set-max-intset-entries", "9"];
        options.extend(["--set-max-listpack-entries", "8", "--zset-max-listpack-entries", "8"]);
        options.extend(["--list-max-listpack-size", "5", "--stream-node-max-entries", "4"]);
        if seed % 3 == 1 {
            options.extend(["--maxmemory", "300000", "--maxmemory-policy", "allkeys-random"]);
        }
        if seed % 2 == 1 {
            options.extend(["--list-compress-depth", "1"]);
        }
        if seed % 4 >= 2 {
            options.extend(["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"]);
            options.extend(["--aof-use-rdb-preamble", if seed % 4 == 2 { "yes" } else { "no" }]);
        }
        let mut session = Session::in_world(&options, &sim);
        session.engine().load_at_start().expect("there is nothing");
        session.engine().keyspace.long_from = if seed.is_multiple_of(5) { 64 * 1024 } else { 400 };
        let clients = (0..4).map(|_| session.inner.connect()).collect();
        sim.set_job_mode(JobMode::Held);
        let (rng, cut) = (Rng::seeded(seed), None);
        World { session, sim, rng, clients, cut, begun: 0, told: Told::default() }
    }

    fn is_busy(&mut self) -> bool {
        let engine = self.session.engine();
        engine.persist.is_saving() || engine.aof.rewriting.is_running()
    }

    /// Makes the first key of each kind large, if it is not.
    fn fill(&mut self) {
        let client = self.clients[0];
        for n in 0..600 {
            let id = format!("{}-1", 1_800_000_000_000_u64 + n);
            let n = n.to_string();
            let calls: [&[&str]; 5] = [
                &["HSET", "h0", &format!("f{n}"), &n],
                &["SADD", "m0", &n, &format!("e{n}")],
                &["ZADD", "z0", &n, &format!("m{n}")],
                &["RPUSH", "l0", &n],
                &["XADD", "x0", &id, "f", &n],
            ];
            calls.iter().for_each(|call| self.session.inner.feed(client, &encode(call)));
        }
        self.session.inner.take_output(client);
    }

    /// Commands of some clients in one pass.
    fn disturb(&mut self) {
        for client in self.clients.clone() {
            let call = match self.rng.below(8) {
                0 => on_many_keys(&mut self.rng),
                1 => continue,
                _ => on_one_key(&mut self.rng),
            };
            if call[0] == "FLUSHALL" && self.session.engine().persist.is_saving() {
                // What was being saved is given up.
                self.cut = None;
                self.told.abandoned += 1;
            }
            let call: Vec<&str> = call.iter().map(String::as_str).collect();
            let mut text = encode(&call);
            if self.rng.below(12) == 0 && call[0] != "SELECT" {
                text = [encode(&["MULTI"]), text.clone(), text, encode(&["EXEC"])].concat();
            }
            self.session.inner.put(client, &text);
        }
        self.session.inner.pass();
        for client in self.clients.clone() {
            self.session.inner.take_output(client);
        }
    }

    /// Begins a save or a rewrite at a moment at which nothing else happens.
    fn begin(&mut self) {
        self.sim.set_haste_us(0);
        let log = self.session.engine().aof.is_logging() && self.rng.below(2) == 0;
        let client = self.clients[0];
        while self.session.inner.pass() {}
        while let Some(done) = self.sim.finish_one() {
            self.session.engine().job_done(done);
            while self.session.inner.pass() {}
        }
        self.session.inner.take_output(client);
        let request: Vec<u8> = match (log, self.rng.below(3)) {
            (true, _) => encode(&["BGREWRITEAOF"]),
            (false, 0) => {
                let parts: [&[&str]; 5] =
                    [&["MULTI"], &["SET", "a", "1"], &["BGSAVE"], &["SET", "b", "2"], &["EXEC"]];
                parts.iter().flat_map(|part| encode(part)).collect()
            }
            (false, _) => encode(&["BGSAVE"]),
        };
        // Time may pass, so that the first slice is a short one, but nothing else may happen.
        let expiry = |world: &mut World, on: &str| {
            world.session.inner.feed(client, &encode(&["DEBUG", "SET-ACTIVE-EXPIRE", on]));
            world.session.inner.take_output(client);
        };
        expiry(self, "0");
        self.sim.set_haste_us(600);
        self.session.inner.put(client, &request);
        self.session.inner.pass();
        self.sim.set_haste_us(0);
        let replies = self.session.inner.take_output(client);
        let replies = String::from_utf8_lossy(&replies).into_owned();
        if replies.contains("-OOM") {
            // There is nothing that may go.
            return expiry(self, "1");
        }
        assert!(replies.contains("started") || replies.contains("scheduled"), "{replies}");
        assert!(self.is_busy(), "it has begun");
        self.begun += 1;
        self.cut = Some(Cut { digest: self.session.engine().keyspace.digest(), log });
        self.sim.set_haste_us(600);
        self.session.inner.put(client, &encode(&["DEBUG", "SET-ACTIVE-EXPIRE", "1"]));
        self.session.inner.pass();
        self.session.inner.take_output(client);
        self.session.inner.put(client, &encode(&["BGSAVE"]));
        self.session.inner.pass();
        let refused = self.session.inner.take_output(client);
        assert!(refused.starts_with(b"-ERR "), "one at a time");
    }

    fn finish_some_jobs(&mut self) {
        for _ in 0..self.rng.below(3) {
            if let Some(done) = self.sim.finish_one() {
                self.session.engine().job_done(done);
            }
        }
    }

    /// What was saved, when a save has come to its end.
    fn compare(&mut self, seed: u64) {
        let Some(cut) = self.cut.take_if(|_| true) else { return };
        if self.is_busy() {
            self.cut = Some(cut);
            return;
        }
        let mut loaded = if cut.log { self.base() } else { self.snapshot() };
        let digest = loaded.engine().keyspace.digest();
        assert!(digest == cut.digest, "seed {seed}: save {} differs from its moment", self.begun);
        self.told.compared += 1;
    }

    fn snapshot(&self) -> Session {
        Session::of_file(&self.sim.file("dump.rdb").expect("it was saved"))
    }

    /// The newest base without what came later.
    fn base(&self) -> Session {
        let manifest = self.sim.file("appendonlydir/appendonly.aof.manifest").expect("a log");
        let manifest = String::from_utf8(manifest).expect("plain names");
        let line = manifest.lines().find(|line| line.ends_with("type b")).expect("a base");
        let name = format!("appendonlydir/{}", line.split(' ').nth(1).expect("a name"));
        let base = self.sim.file(&name).expect("it is there");
        let line = format!("{line}\n");
        Session::of_log(
            &[],
            &[("appendonlydir/appendonly.aof.manifest", line.as_bytes()), (&name, &base)],
        )
    }
}

fn live(seed: u64) -> Told {
    println!("REDSTART_SIM_SEED={seed} REDSTART_SIM_SEEDS=1");
    let mut world = World::new(seed);
    for _ in 0..100 {
        world.disturb();
    }
    for _ in 0..5 {
        world.fill();
        world.begin();
        // Slices of a few steps, between which time passes.
        let haste_us = [1, 50, 600, 600][world.rng.below(4) as usize];
        let mut passes = 0;
        while world.is_busy() {
            world.sim.set_haste_us(haste_us);
            let pace = if passes < 60 { 4 } else { 1 };
            if world.rng.below(4) < pace {
                world.disturb();
            } else {
                world.session.inner.pass();
            }
            if passes > 60 || world.rng.below(4) == 0 {
                world.finish_some_jobs();
            }
            passes += 1;
            let under_way = world.session.engine().keyspace.image_progress().is_some();
            world.told.passes += u64::from(under_way);
            assert!(passes < 100_000, "seed {seed}: a save does not end");
        }
        world.sim.set_haste_us(0);
        world.compare(seed);
        while world.session.inner.pass() {}
        world.session.engine().check();
        for _ in 0..100 {
            world.disturb();
        }
    }
    world.told
}

#[test]
fn a_file_holds_the_moment_at_which_its_save_began() {
    let first = setting("REDSTART_SIM_SEED", 1);
    let seeds = setting("REDSTART_SIM_SEEDS", 8);
    let told: Vec<Told> = (first..first + seeds).map(live).collect();
    let sum = |of: fn(&Told) -> u64| told.iter().map(of).sum::<u64>();
    let (compared, passes) = (sum(|t| t.compared), sum(|t| t.passes));
    println!("{compared} compared, {passes} passes, {} given up", sum(|t| t.abandoned));
    assert!(compared >= seeds * 2, "{compared} compared of {seeds} worlds");
    assert!(passes >= seeds * 50, "{passes} passes while an image was made");
}
