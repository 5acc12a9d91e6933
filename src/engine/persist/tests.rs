//! Saving and loading in a simulated world.

use crate::engine::config::Config;
use crate::engine::{Engine, Signal, tests_table};
use crate::env::sim::{JobMode, Sim};
use crate::keyspace::effects::Event;
use crate::keyspace::keys::{NewStr, Ttl};
use std::io::ErrorKind;

fn engine(sim: &Sim, save: &[(u64, u64)]) -> Engine {
    let config = Config { save: save.to_vec(), ..Config::default() };
    Engine::new(config, sim.env(), tests_table())
}

fn set(engine: &mut Engine, db: usize, key: &[u8], deadline: Option<i64>) {
    let now = engine.now_ms();
    let mut keys = engine.keyspace.keys(db, now, true);
    keys.set_string(key, NewStr::Bytes(b"value"), deadline.map_or(Ttl::Clear, Ttl::At));
    keys.touch(key, Event::silent());
}

/// Until no save is under way in the background.
fn to_the_end(sim: &Sim, engine: &mut Engine) {
    while engine.persist.is_saving() {
        engine.tick();
        while let Some(done) = sim.take_finished() {
            engine.job_done(done);
        }
    }
}

#[test]
fn what_was_saved_comes_back() {
    let sim = Sim::new(1);
    let mut first = engine(&sim, &[]);
    let now = first.now_ms();
    set(&mut first, 0, b"a", None);
    set(&mut first, 3, b"late", Some(now + 1000));
    set(&mut first, 3, b"later", Some(now + 10_000));
    let code = "#!lua name=kept\nredis.register_function('f', function() return 1 end)";
    first.load_library(code.into(), false).expect("a sound library");
    assert_eq!(first.unsaved_changes(), 3);
    first.save_now().expect("the disk is healthy");
    assert_eq!(first.unsaved_changes(), 0);
    let mut second = engine(&sim, &[]);
    second.load_at_start().expect("the file is sound");
    assert_eq!(second.keyspace.digest(), first.keyspace.digest());
    assert_eq!((second.persist.keys_loaded, second.persist.keys_expired), (3, 0));
    assert_eq!(second.library_texts(), first.library_texts());
    assert_eq!(second.unsaved_changes(), 0);
    second.check();
    sim.advance_ms(5000);
    let mut third = engine(&sim, &[]);
    third.load_at_start().expect("the file is sound");
    assert_eq!((third.persist.keys_loaded, third.persist.keys_expired), (2, 1));
    third.check();
}

#[test]
fn a_file_whose_library_cannot_be_loaded_is_refused() {
    let sim = Sim::new(1);
    let mut first = engine(&sim, &[]);
    (first.keyspace.saving.compress, first.keyspace.saving.checksum) = (false, false);
    let code = "#!lua name=kept\nredis.register_function('f', function() return 1 end)";
    first.load_library(code.into(), false).expect("a sound library");
    set(&mut first, 0, b"a", None);
    first.save_now().expect("the disk is healthy");
    let sound = sim.file("dump.rdb").expect("it was saved");
    let at = sound.windows(8).position(|part| part == b"register").expect("as it is");
    let mut broken = sound.clone();
    broken[at] = b'R';
    sim.put_file("dump.rdb", broken);
    let mut second = engine(&sim, &[]);
    let other = "#!lua name=other\nredis.register_function('g', function() return 1 end)";
    second.load_library(other.into(), false).expect("a sound library");
    let why = second.load_at_start().expect_err("half a data set is none");
    assert_eq!(why, "Terminating server after rdb file reading failure.");
    assert_eq!((second.keyspace.dbs[0].dict.len(), second.library_texts().len()), (0, 1));
    sim.put_file("dump.rdb", sound);
    second.load_at_start().expect("the file is sound");
    assert_eq!(second.library_texts(), [code.as_bytes()]);
}

#[test]
fn a_start_without_a_file_is_empty_and_one_with_a_bad_file_is_none() {
    let sim = Sim::new(1);
    engine(&sim, &[]).load_at_start().expect("no file is no fault");
    for bytes in [&b""[..], b"REDIS0012", b"REDIS0011\xFA\x01a"] {
        sim.put_file("dump.rdb", bytes);
        engine(&sim, &[]).load_at_start().expect_err("it is cut off or unknown");
    }
}

#[test]
fn a_file_with_a_key_twice_or_an_unknown_database_is_refused() {
    use crate::rdb::{Options, Record, Saver, Source, Start};
    let sim = Sim::new(1);
    let file = |database: u64, keys: &[&[u8]]| {
        let saver = Saver::new(Vec::new(), Options::default(), &Start::default());
        let mut saver = saver.expect("a vector takes everything");
        saver.database(database, None).expect("a vector takes everything");
        for key in keys {
            let record = Record { key, deadline: None, hint: None, value: Source::Int(1) };
            saver.record(&record).expect("a vector takes everything");
        }
        saver.finish().expect("a vector takes everything")
    };
    sim.put_file("dump.rdb", file(15, &[b"a", b"b"]));
    engine(&sim, &[]).load_at_start().expect("it is sound");
    for bytes in [file(16, &[b"a"]), file(0, &[b"a", b"a"])] {
        sim.put_file("dump.rdb", bytes);
        engine(&sim, &[]).load_at_start().expect_err("it is not");
    }
}

#[test]
fn a_failing_disk_leaves_the_old_file_and_stops_writes() {
    let sim = Sim::new(1);
    let mut engine = engine(&sim, &[(60, 1)]);
    set(&mut engine, 0, b"a", None);
    engine.save_now().expect("the disk is healthy");
    let old = sim.file("dump.rdb").expect("it is there");
    set(&mut engine, 0, b"b", None);
    sim.set_disk_fault(Some(ErrorKind::StorageFull));
    assert!(engine.save_now().is_err());
    assert!(!engine.refuses_writes(), "only saves in the background count");
    engine.save_soon().expect("none is under way");
    to_the_end(&sim, &mut engine);
    assert!(engine.refuses_writes());
    assert_eq!(sim.file("dump.rdb"), Some(old));
    assert!(!engine.shut_down(0), "what would be lost is a reason to stay");
    sim.set_disk_fault(None);
    engine.save_soon().expect("none is under way");
    to_the_end(&sim, &mut engine);
    assert!(!engine.refuses_writes());
    assert_eq!(engine.unsaved_changes(), 0);
}

#[test]
fn the_power_may_fail_at_any_change_to_the_disk_of_a_save() {
    let (mut old_ones, mut new_ones) = (0, 0);
    for at in 0.. {
        let sim = Sim::new(at);
        let mut first = engine(&sim, &[]);
        set(&mut first, 0, b"a", None);
        first.save_now().expect("the disk is healthy");
        let old = first.keyspace.digest();
        set(&mut first, 1, b"b", None);
        let new = first.keyspace.digest();
        sim.fail_power_after(at);
        first.save_soon().expect("none is under way");
        to_the_end(&sim, &mut first);
        let over = !sim.has_power_failed();
        sim.cut_power();
        let mut second = engine(&sim, &[]);
        second.load_at_start().expect("a file under its name is whole");
        let digest = second.keyspace.digest();
        assert!(digest == new || digest == old && !over, "power failed at {at}");
        if digest == new {
            new_ones += 1
        } else {
            old_ones += 1
        }
        if over {
            break;
        }
    }
    assert!(old_ones > 2 && new_ones > 0, "{old_ones} old, {new_ones} new");
}

#[test]
fn what_was_flushed_does_not_come_back() {
    let sim = Sim::new(1);
    let mut engine = engine(&sim, &[(3600, 1)]);
    set(&mut engine, 0, b"a", None);
    engine.save_now().expect("the disk is healthy");
    set(&mut engine, 0, b"b", None);
    // A job of the save that is given up ends late.
    sim.set_job_mode(JobMode::Held);
    engine.save_soon().expect("none is under way");
    engine.tick();
    assert_eq!(sim.pending_jobs(), 1);
    engine.keyspace.flush_all();
    engine.tick();
    assert!(!engine.persist.is_saving());
    assert_eq!(engine.unsaved_changes(), 0);
    set(&mut engine, 0, b"c", None);
    engine.save_soon().expect("none is under way");
    sim.set_disk_fault(Some(ErrorKind::StorageFull));
    while let Some(done) = sim.finish_one() {
        engine.job_done(done);
    }
    sim.set_disk_fault(None);
    sim.set_job_mode(JobMode::Prompt);
    to_the_end(&sim, &mut engine);
    assert!(!engine.refuses_writes(), "the fault was not its own");
    let mut again = Engine::new(engine.config.clone(), sim.env(), tests_table());
    again.load_at_start().expect("the file is sound");
    assert_eq!(again.keyspace.digest(), engine.keyspace.digest());
    assert_eq!(again.persist.keys_loaded, 1);
}

#[test]
fn hints_of_use_are_saved_under_a_policy_that_wants_them() {
    use crate::engine::config::types::MaxmemoryPolicy::{AllkeysLfu, AllkeysLru, Noeviction};
    for (policy, kept) in [(Noeviction, false), (AllkeysLru, true), (AllkeysLfu, true)] {
        let sim = Sim::new(1);
        let mut first = engine(&sim, &[]);
        first.config.maxmemory_policy = policy;
        first.configured();
        set(&mut first, 0, b"k", None);
        let stamp = |engine: &mut Engine| {
            let (now, lfu) = (engine.now_ms(), engine.keyspace.access.lfu);
            let mut keys = engine.keyspace.keys(0, now, false);
            let entry = keys.entry_quiet(b"k").expect("it is there");
            if lfu { i64::from(entry.freq(now)) } else { entry.idle_ms(now) / 1000 }
        };
        for _ in 0..200 {
            let now = first.now_ms();
            assert!(first.keyspace.keys(0, now, true).entry(b"k").is_some());
        }
        sim.advance_ms(50_000);
        first.tick();
        let was = stamp(&mut first);
        first.save_now().expect("the disk is healthy");
        let mut second = engine(&sim, &[]);
        second.config.maxmemory_policy = policy;
        second.configured();
        second.load_at_start().expect("the file is sound");
        assert_eq!(stamp(&mut second) == was && was > 5, kept, "{policy:?}");
    }
}

#[test]
fn a_save_point_needs_changes_and_time() {
    let sim = Sim::new(1);
    let mut engine = engine(&sim, &[(100, 2), (1000, 1)]);
    set(&mut engine, 0, b"a", None);
    let left_us = engine.tick().expect("the second point is ahead");
    assert!(left_us > 900_000_000 && left_us <= 1_001_000_000, "{left_us}");
    sim.advance_ms(150_000);
    engine.tick();
    assert_eq!(sim.file("dump.rdb"), None, "one change alone waits");
    set(&mut engine, 0, b"b", None);
    engine.tick();
    to_the_end(&sim, &mut engine);
    assert!(sim.file("dump.rdb").is_some());
    assert_eq!(engine.persist.saves, 1);
    assert_eq!(engine.unsaved_changes(), 0);
    assert_eq!(engine.tick(), None, "nothing is left to do");
}

#[test]
fn the_end_saves_when_there_are_save_points() {
    for (save, how, saved) in
        [(&[(1, 1)][..], 0, true), (&[], 0, false), (&[], 1, true), (&[(1, 1)], 2, false)]
    {
        let sim = Sim::new(1);
        let mut engine = engine(&sim, save);
        set(&mut engine, 0, b"a", None);
        engine.config.shutdown_on_sigterm = how;
        engine.signal(Signal::Term);
        assert_eq!(engine.requests().len(), 1);
        assert_eq!(sim.file("dump.rdb").is_some(), saved, "{save:?} {how}");
    }
}
