//! The append-only file under power cuts, full disks and slow syncs, in simulated worlds. A seed
//! decides everything; `REDSTART_SIM_SEED` names the first one, and a failure prints its own.
//!
//! Clients push numbers in rising order, some within transactions. After a power cut a new server
//! starts on what the disk has kept: it must hold a prefix of what was pushed, transactions whole,
//! and of that at least what the policy promises.

// The seed comes from the environment.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::base::rng::Rng;
use redstart::env::sim::{JobMode, Sim};
use serde_json::json;
use support::contents::Session;
use support::frames::encode;

fn first_seed() -> u64 {
    std::env::var("REDSTART_SIM_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// One life of a server between two power cuts.
struct Life {
    session: Session,
    /// Numbers pushed, acknowledged or not.
    pushed: u64,
    /// Microseconds at which each acknowledged number was, by the number.
    acknowledged: Vec<(u64, u64)>,
}

impl Life {
    fn begin(sim: &Sim, options: &[&str]) -> Life {
        let options = [&["--appendonly", "yes"], options].concat();
        let mut session = Session::in_world(&options, sim);
        session.engine().load_at_start().unwrap_or_else(|why| panic!("it starts: {why}"));
        session.engine().check();
        let (pushed, acknowledged) = (session.ask_len(), Vec::new());
        Life { session, pushed, acknowledged }
    }

    /// Sends one request, and takes in what has come meanwhile.
    fn push(&mut self, rng: &mut Rng, now_us: u64) {
        let mut text = Vec::new();
        let mut next = || {
            self.pushed += 1;
            encode(&["RPUSH", "log", &self.pushed.to_string()])
        };
        match rng.below(4) {
            0 => {
                text.extend(encode(&["MULTI"]));
                text.extend(next());
                text.extend(next());
                text.extend(encode(&["EXEC"]));
            }
            _ => text.extend(next()),
        }
        let id = self.session.id;
        self.session.inner.feed(id, &text);
        self.listen(now_us);
    }

    /// The greatest number among the replies is the length of the list at the last of them.
    fn listen(&mut self, now_us: u64) {
        let id = self.session.id;
        let text = self.session.inner.take_output(id);
        let text = String::from_utf8_lossy(&text).into_owned();
        let lengths = text.lines().filter_map(|line| line.strip_prefix(':'));
        for length in lengths {
            self.acknowledged.push((now_us, length.parse().expect("a length")));
        }
    }

    /// Asserts that this life goes on where the one before could have ended.
    fn check(&mut self, before: &Life, must: u64, seed: u64) {
        let length = self.session.ask_len();
        assert!(length >= must, "seed {seed}: {length} of {must} promised are left");
        assert!(length <= before.pushed, "seed {seed}: more than was pushed");
        let items = self.session.ask(&["LRANGE", "log", "0", "-1"]);
        let wanted: Vec<String> = (1..=length).map(|n| n.to_string()).collect();
        assert_eq!(items, json!(wanted), "seed {seed}: a prefix");
    }
}

trait Length {
    fn ask_len(&mut self) -> u64;
}

impl Length for Session {
    fn ask_len(&mut self) -> u64 {
        self.ask(&["LLEN", "log"]).as_u64().expect("a length")
    }
}

const TEN_MS: u64 = 10_000;

#[test]
fn under_always_every_acknowledged_write_survives() {
    for seed in first_seed()..first_seed() + 60 {
        let sim = Sim::new(seed);
        let mut rng = Rng::seeded(seed);
        let options = ["--appendfsync", "always"];
        let mut life = Life::begin(&sim, &options);
        let mut promised = 0;
        for _ in 0..4 {
            sim.set_job_mode(JobMode::Held);
            for _ in 0..rng.below(60) + 5 {
                match rng.below(20) {
                    0 => life.session.send(&["BGREWRITEAOF"]),
                    1..=12 => life.push(&mut rng, 0),
                    _ => {
                        if let Some(done) = sim.finish_one() {
                            life.session.engine().job_done(done);
                        }
                    }
                }
                sim.advance_us(TEN_MS);
                life.session.inner.settle();
                life.listen(0);
            }
            promised = life.acknowledged.iter().map(|(_, n)| *n).fold(promised, u64::max);
            sim.set_job_mode(JobMode::Prompt);
            sim.cut_power();
            let mut next = Life::begin(&sim, &options);
            next.check(&life, promised, seed);
            promised = next.session.ask_len();
            life = next;
        }
    }
}

/// One run of a seed, with the power failing instead of the change to the disk number `at`; true
/// when it came so far.
fn fails_at(seed: u64, at: u64, policy: &str) -> bool {
    let sim = Sim::new(seed);
    let mut rng = Rng::seeded(seed);
    let options = ["--appendfsync", policy, "--aof-timestamp-enabled", "yes"];
    let mut life = Life::begin(&sim, &options);
    sim.fail_power_after(at);
    let (mut now_us, mut promised) = (0, 0);
    for step in 0..60 {
        if step % 20 == 10 {
            life.session.ask(&["BGREWRITEAOF"]);
        }
        life.push(&mut rng, now_us);
        life.session.inner.advance_us(100_000);
        now_us += 100_000;
        life.listen(now_us);
        if sim.has_power_failed() {
            break;
        }
        let grace_us = if policy == "always" { 0 } else { 1_150_000 };
        let old = life.acknowledged.iter().filter(|(said, _)| said + grace_us <= now_us);
        promised = old.map(|(_, n)| *n).fold(promised, u64::max);
    }
    let failed = sim.has_power_failed();
    sim.cut_power();
    let mut next = Life::begin(&sim, &options);
    next.check(&life, promised, seed);
    failed
}

#[test]
fn the_power_may_fail_at_any_change_to_the_disk() {
    for (policy, seed) in [("always", 1), ("always", 2), ("everysec", 1), ("everysec", 2)] {
        let mut at = 0;
        while fails_at(first_seed() + seed * 1000 + at, at, policy) {
            at += 1;
        }
        assert!(at > 60, "{policy}: only {at} changes to the disk");
    }
}

#[test]
fn under_slow_syncs_what_is_left_is_a_prefix() {
    for seed in first_seed()..first_seed() + 60 {
        let policy = if seed % 2 == 0 { "everysec" } else { "no" };
        let options = ["--appendfsync", policy];
        let sim = Sim::new(seed);
        let mut rng = Rng::seeded(seed);
        let mut life = Life::begin(&sim, &options);
        for _ in 0..4 {
            sim.set_job_mode(JobMode::Held);
            for _ in 0..rng.below(40) + 5 {
                match rng.below(20) {
                    0..=1 => life.session.send(&["BGREWRITEAOF"]),
                    2..=16 => life.push(&mut rng, 0),
                    _ => {
                        if let Some(done) = sim.finish_one() {
                            life.session.engine().job_done(done);
                        }
                    }
                }
                sim.advance_us(TEN_MS);
                life.session.inner.settle();
                life.listen(0);
            }
            sim.set_job_mode(JobMode::Prompt);
            sim.cut_power();
            let mut next = Life::begin(&sim, &options);
            next.check(&life, 0, seed);
            life = next;
        }
    }
}

#[test]
fn under_always_no_answer_overtakes_its_sync() {
    let sim = Sim::new(1);
    let mut life = Life::begin(&sim, &["--appendfsync", "always"]);
    sim.set_job_mode(JobMode::Held);
    let (writer, reader) = (life.session.id, life.session.inner.connect());
    let inner = &mut life.session.inner;
    inner.feed(writer, &encode(&["SET", "a", "1"]));
    assert_eq!(inner.take_output(writer), b"");
    inner.feed(reader, &encode(&["GET", "a"]));
    assert_eq!(inner.take_output(reader), b"", "a reader might tell of it");
    inner.feed(writer, &encode(&["SET", "b", "1"]));
    assert_eq!(sim.pending_jobs(), 1, "the second sync waits for the first");
    let done = sim.finish_one().expect("a sync is under way");
    inner.engine.job_done(done);
    inner.settle();
    assert_eq!(inner.take_output(writer), b"+OK\r\n", "the first of two");
    assert_eq!(inner.take_output(reader), b"$1\r\n1\r\n");
    let done = sim.finish_one().expect("the next sync is under way");
    inner.engine.job_done(done);
    inner.settle();
    assert_eq!(inner.take_output(writer), b"+OK\r\n");
}

#[test]
fn under_everysec_no_more_than_a_second_is_lost() {
    for seed in first_seed()..first_seed() + 60 {
        let sim = Sim::new(seed);
        let mut rng = Rng::seeded(seed);
        let mut life = Life::begin(&sim, &[]);
        let mut now_us = 0;
        for _ in 0..3 {
            for _ in 0..rng.below(200) + 50 {
                if rng.below(40) == 0 {
                    life.session.ask(&["BGREWRITEAOF"]);
                }
                if rng.below(3) > 0 {
                    life.push(&mut rng, now_us);
                }
                let us = rng.below(30) * 1000;
                now_us += us;
                life.session.inner.advance_us(us);
            }
            let old = life.acknowledged.iter().filter(|(at, _)| at + 1_050_000 < now_us);
            let promised = old.map(|(_, n)| *n).max().unwrap_or(0);
            sim.cut_power();
            let mut next = Life::begin(&sim, &[]);
            next.check(&life, promised, seed);
            life = next;
        }
    }
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let sim = Sim::new(1);
    let mut life = Life::begin(&sim, &[]);
    life.session.ask(&["SET", "a", "1"]);
    sim.set_disk_room(Some(10));
    assert_eq!(life.session.ask(&["INCR", "a"]), 2, "the first one does not know yet");
    let refused = "MISCONF Errors writing to the AOF file: No space left on device";
    assert_eq!(life.session.ask(&["INCR", "a"]), refused);
    assert_eq!(life.session.ask(&["PING"]), refused);
    assert_eq!(life.session.ask(&["GET", "a"]), "2", "reads go on");
    let info = life.session.ask(&["INFO", "persistence"]);
    assert!(info.as_str().is_some_and(|text| text.contains("aof_last_write_status:err")));
    sim.set_disk_room(None);
    life.session.inner.advance_us(200_000);
    assert_eq!(life.session.ask(&["INCR", "a"]), 3);
    let info = life.session.ask(&["INFO", "persistence"]);
    assert!(info.as_str().is_some_and(|text| text.contains("aof_last_write_status:ok")));
    let mut next = Life::begin(&sim, &[]);
    assert_eq!(next.session.ask(&["GET", "a"]), "3");
}

#[test]
fn under_always_a_full_disk_is_the_end() {
    let sim = Sim::new(1);
    let mut life = Life::begin(&sim, &["--appendfsync", "always"]);
    life.session.ask(&["SET", "a", "1"]);
    sim.set_disk_room(Some(10));
    let id = life.session.id;
    life.session.inner.feed(id, &encode(&["INCR", "a"]));
    assert_eq!(life.session.inner.exit_code, Some(1));
    assert_eq!(life.session.inner.take_output(id), b"", "nobody is told of what is lost");
}

#[test]
fn a_rewrite_that_fails_loses_nothing_and_is_tried_again() {
    let sim = Sim::new(1);
    let mut life = Life::begin(&sim, &[]);
    life.session.ask(&["DEBUG", "POPULATE", "10"]);
    life.session.ask(&["SET", "a", "1"]);
    sim.set_job_mode(JobMode::Held);
    life.session.send(&["BGREWRITEAOF"]);
    life.session.inner.pass();
    sim.set_disk_fault(Some(std::io::ErrorKind::Other));
    while let Some(done) = sim.finish_one() {
        life.session.engine().job_done(done);
    }
    sim.set_disk_fault(None);
    assert!(!life.session.engine().aof.rewriting.is_running());
    assert!(!life.session.engine().aof.rewriting.is_well());
    sim.set_job_mode(JobMode::Prompt);
    // A sync of the log failed too: only a rewrite ends the refusal.
    life.session.inner.advance_us(200_000);
    assert!(life.session.engine().aof.rewriting.is_well(), "it was made anew");
    let id = life.session.id;
    let begun = b"+Background append only file rewriting started\r\n";
    assert_eq!(life.session.inner.take_output(id), begun);
    assert_eq!(life.session.ask(&["INCR", "a"]), 2);
    let digest = life.session.engine().keyspace.digest();
    let mut next = Life::begin(&sim, &[]);
    assert_eq!(next.session.engine().keyspace.digest(), digest);
}

#[test]
fn a_log_is_begun_and_ended_while_the_server_runs() {
    let sim = Sim::new(1);
    let mut session = Session::in_world(&[], &sim);
    session.ask(&["SET", "a", "1"]);
    let why = session.ask(&["WAITAOF", "1", "0", "0"]);
    assert!(why.as_str().is_some_and(|text| text.contains("appendonly is disabled")));
    assert_eq!(session.ask(&["CONFIG", "SET", "appendonly", "yes"]), "OK");
    session.inner.settle();
    session.ask(&["INCR", "a"]);
    let digest = session.engine().keyspace.digest();
    let mut next = Life::begin(&sim, &[]);
    assert_eq!(next.session.engine().keyspace.digest(), digest);
    assert_eq!(next.session.ask(&["CONFIG", "SET", "appendonly", "no"]), "OK");
    next.session.ask(&["INCR", "a"]);
    let mut last = Life::begin(&sim, &[]);
    assert_eq!(last.session.engine().keyspace.digest(), digest, "nothing was logged any more");
    sim.set_disk_fault(Some(std::io::ErrorKind::PermissionDenied));
    let mut session = Session::in_world(&[], &sim);
    let why = session.ask(&["CONFIG", "SET", "appendonly", "yes"]);
    assert!(why.as_str().is_some_and(|text| text.contains("Unable to turn on AOF")), "{why}");
    assert_eq!(session.ask(&["CONFIG", "GET", "appendonly"]), json!(["appendonly", "no"]));
    sim.set_disk_fault(None);
    assert_eq!(last.session.ask(&["DEBUG", "LOADAOF"]), "OK");
    assert_eq!(last.session.engine().keyspace.digest(), digest);
    // A rewrite without a log takes the place of the one that is there.
    let mut off = Session::in_world(&[], &sim);
    off.ask(&["SET", "b", "1"]);
    off.ask(&["BGREWRITEAOF"]);
    off.inner.settle();
    let digest = off.engine().keyspace.digest();
    assert_eq!(Life::begin(&sim, &[]).session.engine().keyspace.digest(), digest);
}

#[test]
fn a_rewrite_waits_for_the_end_of_a_save() {
    for words in [&["BGREWRITEAOF"][..], &["CONFIG", "SET", "appendonly", "yes"]] {
        let sim = Sim::new(1);
        let mut session = Session::in_world(&[], &sim);
        session.ask(&["SET", "a", "1"]);
        sim.set_job_mode(JobMode::Held);
        session.ask(&["BGSAVE"]);
        let reply = session.ask(words);
        let begun = ["Background append only file rewriting scheduled", "OK"];
        assert!(begun.iter().any(|text| reply == *text), "{reply}");
        session.inner.advance_us(500_000);
        assert!(session.engine().persist.is_saving());
        assert!(!session.engine().aof.rewriting.is_running(), "one image at a time");
        session.ask(&["INCR", "a"]);
        sim.set_job_mode(JobMode::Prompt);
        while let Some(done) = sim.finish_one() {
            session.engine().job_done(done);
            session.inner.settle();
        }
        session.inner.advance_us(500_000);
        assert_eq!(session.engine().aof.rewriting.count, 1);
        let digest = session.engine().keyspace.digest();
        assert_eq!(Life::begin(&sim, &[]).session.engine().keyspace.digest(), digest);
    }
}

/// What is handed over to a save is bounded: writers wait, and a disk that stands still ends it.
#[test]
fn writers_wait_while_too_much_waits_for_the_disk() {
    for recovers in [true, false] {
        let sim = Sim::new(1);
        let mut session = Session::in_world(&["--rdbcompression", "no"], &sim);
        session.ask(&["DEBUG", "POPULATE", "5000", "key", "1000"]);
        session.engine().persist.backlog.bytes_max = 1 << 20;
        sim.set_job_mode(JobMode::Held);
        session.ask(&["BGSAVE"]);
        assert_eq!(sim.pending_jobs(), 1, "a piece is on its way");
        let (writer, mut written) = (session.inner.connect(), 0);
        for n in 0..5000 {
            let key = format!("key:{n}");
            session.inner.feed(writer, &encode(&["SET", &key, "new"]));
            session.inner.advance_us(1000);
            if session.inner.take_output(writer).is_empty() {
                break;
            }
            written += 1;
        }
        assert!((500..4500).contains(&written), "{written} were overwritten");
        assert_eq!(session.ask(&["GET", "key:0"]), "new", "others are served");
        let info = session.ask(&["INFO", "clients"]);
        assert!(info.as_str().is_some_and(|text| text.contains("blocked_clients:1")), "{info}");
        if recovers {
            sim.set_job_mode(JobMode::Prompt);
            while let Some(done) = sim.finish_one() {
                session.engine().job_done(done);
                session.inner.settle();
            }
        }
        session.inner.advance_us(11_000_000);
        assert_eq!(session.inner.take_output(writer), b"+OK\r\n", "it goes on");
        assert_eq!(session.engine().persist.failed, !recovers);
        assert!(!session.engine().persist.is_saving());
        session.engine().check();
    }
}

#[test]
fn waitaof_waits_for_the_own_writes() {
    let sim = Sim::new(1);
    let mut life = Life::begin(&sim, &[]);
    sim.set_job_mode(JobMode::Held);
    assert_eq!(life.session.ask(&["WAITAOF", "1", "0", "0"]), json!([1, 0]), "it wrote nothing");
    life.session.ask(&["SET", "a", "1"]);
    let id = life.session.id;
    let inner = &mut life.session.inner;
    inner.feed(id, &encode(&["WAITAOF", "1", "0", "0"]));
    inner.advance_us(1_100_000);
    assert_eq!(inner.take_output(id), b"", "the sync is under way");
    let done = sim.finish_one().expect("a sync");
    inner.engine.job_done(done);
    inner.settle();
    assert_eq!(inner.take_output(id), b"*2\r\n:1\r\n:0\r\n");
    inner.feed(id, &encode(&["INCR", "a"]));
    inner.feed(id, &encode(&["WAITAOF", "1", "0", "50"]));
    inner.advance_us(60_000);
    assert_eq!(inner.take_output(id), b":2\r\n*2\r\n:0\r\n:0\r\n", "its patience ended");
}

#[test]
fn a_write_waits_two_seconds_for_a_slow_sync_and_is_counted() {
    let sim = Sim::new(1);
    let mut life = Life::begin(&sim, &[]);
    sim.set_job_mode(JobMode::Held);
    life.session.ask(&["SET", "a", "1"]);
    life.session.inner.advance_us(1_100_000);
    assert_eq!(sim.pending_jobs(), 1, "a sync is under way, and does not end");
    life.session.ask(&["SET", "a", "2"]);
    let buffered = |life: &mut Life| life.session.engine().aof.buffer_len() > 0;
    assert!(buffered(&mut life), "the write waits");
    life.session.inner.advance_us(1_900_000);
    assert!(buffered(&mut life));
    life.session.inner.advance_us(200_000);
    assert!(!buffered(&mut life), "it has waited long enough");
    assert_eq!(life.session.engine().aof.delayed, 1);
}

#[test]
fn a_log_that_has_doubled_is_rewritten() {
    let sim = Sim::new(1);
    let mut life = Life::begin(&sim, &["--auto-aof-rewrite-min-size", "1000"]);
    for _ in 0..200 {
        life.session.ask(&["SET", "a", "1"]);
        life.session.inner.advance_us(10_000);
    }
    let info = life.session.ask(&["INFO", "persistence"]);
    let info = info.as_str().expect("text");
    assert!(!info.contains("aof_rewrites:0"), "{info}");
    assert!(life.session.engine().aof.size() < 2500);
}
