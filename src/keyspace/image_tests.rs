//! Images against the digest of the moment they were begun at, whatever happens meanwhile.

use super::Keyspace;
use super::image::Form;
use super::saved::HintKind;
use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::ds::quicklist::End;
use crate::keyspace::keys::{NewStr, Ttl};
use crate::rdb::{Loader, Options, Part, Start};
use crate::value::hash::Hash;
use crate::value::limits::Limits;
use crate::value::list::List;
use crate::value::zset::ZSet;

pub(super) const NOW: i64 = 1_000_000;
const DBS: usize = 3;
const KEYS: u64 = 400;

/// Everything becomes large soon.
pub(super) fn limits() -> Limits {
    Limits {
        hash_max_listpack_entries: 4,
        set_max_listpack_entries: 4,
        zset_max_listpack_entries: 4,
        list_max_listpack_size: 3,
        stream_node_max_entries: 3,
        ..Limits::default()
    }
}

pub(super) fn space() -> Keyspace {
    Keyspace::new(DBS, Seed { k0: 3, k1: 4 }, Rng::seeded(1))
}

/// One change of a random kind to a random key.
fn change(space: &mut Keyspace, rng: &mut Rng) {
    let limits = limits();
    let db = rng.below(DBS as u64) as usize;
    let kind = rng.below(8);
    let name = |rng: &mut Rng| format!("{kind}:{}", rng.below(KEYS)).into_bytes();
    let (key, other) = (name(rng), name(rng));
    let text = vec![b'a' + rng.below(26) as u8; rng.below(60) as usize];
    match rng.below(2000) {
        0 => drop(space.flush_db(db)),
        1 => space.swap_db(0, 1 + rng.below(2) as usize),
        _ => {}
    }
    let mut keys = space.keys(db, NOW, true);
    match rng.below(20) {
        0 | 1 => drop(keys.delete(&key)),
        2 => drop(keys.set_deadline(&key, NOW + 1000 + rng.below(1000) as i64)),
        3 => drop(keys.clear_deadline(&key)),
        4 if keys.exists_for_write(&key) && key != other => keys.rename(&key, &other),
        5 if keys.exists_for_write(&key) => keys.copy(&key, (db + 1) % DBS, &other),
        6 if keys.exists_for_write(&key) => drop(keys.move_to_db(&key, (db + 1) % DBS)),
        _ => match kind {
            0 => keys.set_string(&key, NewStr::Bytes(&text), Ttl::Keep),
            1 => keys.set_string(&key, NewStr::Int(rng.below(9) as i64), Ttl::Clear),
            2 => keys.patch_string(&key, 70, |bytes| bytes[7] = bytes[7].wrapping_add(1)),
            3 => keys.edit_string(&key, |bytes| bytes.extend_from_slice(b"more")),
            4 => {
                let list = keys.edit_or_new::<List>(&key);
                list.expect("one kind of value a name").push(End::Head, &text);
            }
            5 => {
                let hash = keys.edit_or_new::<Hash>(&key);
                hash.expect("one kind of value a name").set(&text, b"v", &limits);
            }
            6 => {
                let set = keys.edit_or_new::<ZSet>(&key);
                let score = rng.below(100) as f64;
                set.expect("one kind of value a name").insert(&text, score, &limits);
            }
            _ => {
                let mut list = List::default();
                list.push(End::Tail, &text);
                keys.store(&key, list);
            }
        },
    }
}

pub(super) fn loaded(bytes: &[u8]) -> Keyspace {
    let mut space = space();
    let mut loader = Loader::new(bytes, true).expect("an image is a file");
    let mut db = 0;
    loop {
        match loader.step(&Limits::default()).expect("an image is a file") {
            Part::Database(number) => db = number as usize,
            Part::Record(record) => {
                let key = String::from_utf8_lossy(&record.key).into_owned();
                assert!(space.load_key(db, record, NOW), "{key} is there twice");
            }
            Part::End { .. } => return space,
            _ => {}
        }
    }
}

#[test]
fn an_image_is_of_the_moment_it_was_begun_at() {
    let mut handed_over = 0;
    for seed in 0..5 {
        let mut rng = Rng::seeded(seed);
        let mut space = space();
        for _ in 0..1500 {
            change(&mut space, &mut rng);
        }
        let before = space.digest();
        let start = Start::default();
        assert!(space.start_image(Form::rdb(Options::default(), &start), HintKind::Idle, NOW));
        let mut bytes = Vec::new();
        loop {
            let (more, done) = space.step_image(&mut || false);
            bytes.extend_from_slice(&more);
            if done {
                break;
            }
            let (visited, _) = space.image_progress().expect("it is under way");
            for _ in 0..rng.below(12) {
                change(&mut space, &mut rng);
            }
            handed_over += space.image_progress().expect("it is under way").0 - visited;
        }
        space.check();
        assert!(space.walks.is_empty() && space.image_progress().is_none());
        assert_eq!(loaded(&bytes).digest(), before, "seed {seed}");
        assert_ne!(space.digest(), before, "seed {seed}");
    }
    assert!(handed_over > 200, "only {handed_over} were handed over");
}

#[test]
fn names_are_collected_as_before_while_an_image_is_made() {
    let mut rng = Rng::seeded(5);
    let mut space = space();
    for n in 0..2000 {
        let key = format!("0:{n}");
        space.keys(0, NOW, true).set_string(key.as_bytes(), NewStr::Int(n), Ttl::Clear);
    }
    let form = Form::rdb(Options::default(), &Start::default());
    assert!(space.start_image(form, HintKind::None, NOW));
    let walk = space.start_walk(0, b"*".to_vec(), NOW);
    let mut names = Vec::new();
    loop {
        let (found, done) = space.step_walk(walk, &mut || false);
        names.extend(found.iter().map(<[u8]>::to_vec));
        if done {
            break;
        }
        for _ in 0..20 {
            let key = format!("0:{}", rng.below(2000));
            space.keys(0, NOW, true).set_string(key.as_bytes(), NewStr::Int(-1), Ttl::Clear);
        }
        space.step_image(&mut || false);
    }
    space.end_walk(walk);
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!((names.len(), all), (2000, 2000), "each name once");
    space.end_image();
    assert!(space.walks.is_empty());
}
