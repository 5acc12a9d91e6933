//! Walks, expiry and the door, against naive twins.

use super::effects::Event;
use super::keys::{NewStr, Ttl};
use super::*;
use crate::value::string::Str;
use std::collections::{BTreeMap, BTreeSet};

fn space(seed: u64) -> Keyspace {
    Keyspace::new(2, Seed { k0: seed, k1: 7 }, Rng::seeded(seed))
}

fn set(space: &mut Keyspace, key: &[u8], ttl: Ttl) {
    space.keys(0, 0, true).set_string(key, NewStr::Bytes(b"value"), ttl);
}

/// A walk in slices sees exactly the keys that were there when it started, whatever is deleted,
/// renamed, added or flushed meanwhile.
#[test]
fn a_walk_sees_one_moment() {
    for seed in 0..40 {
        let mut rng = Rng::seeded(seed);
        let mut space = space(seed);
        let mut live = BTreeSet::new();
        for _ in 0..rng.below(4000) {
            let key = format!("k{}", rng.below(5000)).into_bytes();
            set(&mut space, &key, Ttl::Clear);
            live.insert(key);
        }
        let expected = live.clone();
        let walk = space.start_walk(0, b"*".to_vec(), 0);
        let mut seen = Vec::new();
        loop {
            let mut left = rng.below(20);
            let mut more = || {
                left = left.saturating_sub(1);
                left > 0
            };
            let (names, done) = space.step_walk(walk, &mut more);
            seen.extend(names.iter().map(<[u8]>::to_vec));
            if done {
                break;
            }
            disturb(&mut space, &mut rng);
        }
        space.end_walk(walk);
        let once: BTreeSet<Vec<u8>> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "seed {seed}: a name came twice");
        assert!(once == expected, "seed {seed}: the walk saw another moment");
        space.check();
    }
}

fn disturb(space: &mut Keyspace, rng: &mut Rng) {
    for _ in 0..rng.below(30) {
        let key = format!("k{}", rng.below(6000)).into_bytes();
        let other = format!("k{}", rng.below(6000)).into_bytes();
        let mut keys = space.keys(0, 0, true);
        match rng.below(5) {
            0 => keys.set_string(&key, NewStr::Int(1), Ttl::Clear),
            1 | 2 => drop(keys.delete(&key)),
            3 => {
                if keys.exists_for_write(&key) && key != other {
                    keys.rename(&key, &other);
                }
            }
            _ => keys.edit_string(&key, |bytes| bytes.push(b'x')),
        }
    }
    match rng.below(200) {
        0 => drop(space.flush_db(0)),
        1 => space.swap_db(0, 1),
        _ => {}
    }
}

/// Epochs may not lie when the byte comes round: many walks that outlive a slice, over entries
/// that are never touched.
#[test]
fn epochs_survive_their_wrap() {
    let mut space = space(3);
    for i in 0..2000 {
        set(&mut space, format!("k{i}").as_bytes(), Ttl::Clear);
    }
    for round in 0..600 {
        let walk = space.start_walk(0, b"*".to_vec(), 0);
        let mut count = 0;
        loop {
            let (names, done) = space.step_walk(walk, &mut || false);
            count += names.len();
            if done {
                break;
            }
        }
        space.end_walk(walk);
        assert_eq!(count, 2000, "round {round}");
        if round % 50 == 49 {
            while space.restamp(&mut || true) {}
        }
    }
}

/// A flushed table lives on for the walk that follows it and is freed with it.
#[test]
fn flush_hands_the_table_to_the_walk() {
    let mut space = space(4);
    for i in 0..1000 {
        set(&mut space, format!("k{i}").as_bytes(), Ttl::Clear);
    }
    let walk = space.start_walk(0, b"k1*".to_vec(), 0);
    let (first, done) = space.step_walk(walk, &mut || false);
    assert!(!done);
    assert_eq!(space.flush_all(), 1000);
    assert!(!space.has_garbage(), "the walk still needs it");
    set(&mut space, b"k1new", Ttl::Clear);
    let (rest, done) = space.step_walk(walk, &mut || true);
    assert!(done);
    assert_eq!(first.len() + rest.len(), 111, "k1, k10..k19, k100..k199");
    space.end_walk(walk);
    assert_eq!(space.take_garbage().len(), 1);
}

/// Random operations with deadlines, against a map.
#[test]
fn deadlines_agree_with_a_map() {
    let mut rng = Rng::seeded(9);
    let mut space = space(9);
    let mut model: BTreeMap<Vec<u8>, Option<i64>> = BTreeMap::new();
    let mut now = 1_000;
    for step in 0..30_000 {
        let key = format!("k{}", rng.below(300)).into_bytes();
        now += rng.below(3) as i64;
        model.retain(|_, at| at.is_none_or(|at| now <= at));
        let mut keys = space.keys(0, now, true);
        match rng.below(7) {
            0 | 1 => {
                let at = now + rng.below(500) as i64;
                keys.set_string(&key, NewStr::Bytes(b"v"), Ttl::At(at));
                model.insert(key, Some(at));
            }
            2 => {
                keys.set_string(&key, NewStr::Bytes(&key), Ttl::Clear);
                model.insert(key, None);
            }
            3 => {
                keys.set_string(&key, NewStr::Int(step), Ttl::Keep);
                model.entry(key).or_insert(None);
            }
            4 => assert_eq!(keys.delete(&key), model.remove(&key).is_some()),
            5 => {
                let had = model.get(&key).is_some_and(Option::is_some);
                assert_eq!(keys.clear_deadline(&key), had);
                model.entry(key).and_modify(|at| *at = None);
            }
            _ => {
                let at = now + rng.below(200) as i64;
                assert_eq!(keys.set_deadline(&key, at), model.contains_key(&key));
                model.entry(key).and_modify(|was| *was = Some(at));
            }
        }
        if step % 500 == 0 {
            while space.expire_next(0, now) {}
            space.check();
            assert_eq!(space.dbs[0].dict.len(), model.len(), "step {step}");
            let first = model.values().flatten().min().copied();
            assert_eq!(space.next_deadline(), first, "step {step}");
        }
    }
}

/// Deletion comes in the order of deadlines, one millisecond after each, and says so.
#[test]
fn expires_in_order_and_announces() {
    let mut space = space(5);
    space.effects.interest.notify = effects::class::EXPIRED;
    for (key, at) in [("c", 30), ("a", 10), ("b", 20)] {
        set(&mut space, key.as_bytes(), Ttl::At(at));
    }
    assert!(!space.expire_next(0, 10), "at its deadline a key still lives");
    assert!(space.expire_next(0, 11));
    assert!(!space.expire_next(0, 11));
    assert!(space.expire_next(0, 99) && space.expire_next(0, 99) && !space.expire_next(0, 99));
    let names: Vec<Vec<u8>> = space
        .effects
        .take()
        .into_iter()
        .filter_map(|effect| match effect {
            effects::Effect::Touched { key, event, .. } => {
                assert_eq!(event, Event::new(effects::class::EXPIRED, "expired"));
                Some(key.to_vec())
            }
            _ => None,
        })
        .collect();
    assert_eq!(names, [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]);
    assert_eq!(space.counters.expired, 3);
}

/// A key whose deadline had long passed when it was written stays for a moment unless somebody
/// asks for it; nothing else waits for that.
#[test]
fn a_late_key_rests_alone() {
    let mut space = space(7);
    for key in ["late", "asked", "over"] {
        space.keys(0, 10_000, true).set_string(key.as_bytes(), NewStr::Int(1), Ttl::At(1));
    }
    set(&mut space, b"soon", Ttl::At(10_010));
    space.check();
    assert_eq!(space.dbs[0].deadlines.len(), 4);
    assert!(!space.expire_next(0, 10_010));
    assert_eq!(space.next_deadline(), Some(10_010));
    assert!(space.expire_next(0, 10_011) && !space.expire_next(0, 10_011));
    assert_eq!((space.dbs[0].dict.len(), space.next_deadline()), (3, Some(10_025)));
    let mut keys = space.keys(0, 10_011, true);
    assert!(keys.read::<Str>(b"asked").is_ok_and(|found| found.is_none()));
    keys.set_string(b"over", NewStr::Int(2), Ttl::Clear);
    assert_eq!((space.dbs[0].dict.len(), space.counters.expired), (2, 3));
    space.check();
    assert!(!space.expire_next(0, 10_025));
    assert!(space.expire_next(0, 10_026) && !space.expire_next(0, 10_026));
    assert_eq!((space.dbs[0].dict.len(), space.next_deadline()), (1, None));
    space.check();
}

/// Reads count and stamp, quiet lookups do neither.
#[test]
fn only_reads_count() {
    let mut space = space(6);
    set(&mut space, b"k", Ttl::Clear);
    let mut keys = space.keys(0, 5_000, true);
    assert_eq!(keys.entry_quiet(b"k").map(|e| e.idle_ms(5_000)), Some(5_000));
    assert!(keys.read::<Str>(b"k").is_ok_and(|v| v.is_some()));
    assert!(keys.read::<Str>(b"none").is_ok_and(|v| v.is_none()));
    assert_eq!(keys.entry_quiet(b"k").map(|e| e.idle_ms(5_000)), Some(0));
    assert_eq!((space.counters.hits, space.counters.misses), (1, 1));
}
