//! Large collections in images: whatever becomes of them while they are written piece by piece,
//! the image holds what they were.

use super::Keyspace;
use super::image::Form;
use super::image_tests::{NOW, limits, loaded, space};
use super::keys::Keys;
use super::lease::Lease;
use super::saved::HintKind;
use crate::base::rng::Rng;
use crate::ds::quicklist::End;
use crate::rdb::{Options, Start};
use crate::value::hash::Hash;
use crate::value::list::List;
use crate::value::set::Set;
use crate::value::stream::log::Wanted;
use crate::value::stream::trim::{Strategy, Trim};
use crate::value::stream::{Stream, StreamId};
use crate::value::zset::ZSet;

const KINDS: u64 = 5;
const FOUND: &str = "one kind of value a name";

fn name(rng: &mut Rng, kind: u64) -> Vec<u8> {
    format!("{kind}:{}", rng.below(3)).into_bytes()
}

/// One change inside a collection, or of a good part of one.
fn edit(keys: &mut Keys<'_>, rng: &mut Rng, kind: u64, key: &[u8]) {
    let limits = limits();
    let text = rng.below(2000).to_string().into_bytes();
    let adds = rng.below(5) < 3;
    let (much, at) = (rng.below(60) == 0, rng.below(1000) as usize);
    match kind {
        0 => {
            let mut hash = keys.edit_or_new::<Hash>(key).expect(FOUND);
            if adds {
                hash.set(&text, &[b'v'; 30][..rng.below(30) as usize], &limits);
            } else {
                hash.remove(&text);
            }
        }
        1 => {
            if much {
                keys.before_exchange(key);
            }
            let mut set = keys.edit_or_new::<Set>(key).expect(FOUND);
            match adds {
                _ if much && !set.is_empty() => {
                    let n = set.len() - 1;
                    set.pop(n, rng, &limits, &mut |_| ());
                }
                true => drop(set.insert(&text, &limits)),
                false => drop(set.remove(&text)),
            }
        }
        2 => {
            let mut set = keys.edit_or_new::<ZSet>(key).expect(FOUND);
            let len = set.len();
            match adds {
                _ if much && len > 0 => set.remove_ranks(at % len..(at % len + 200).min(len)),
                true => set.insert(&text, rng.below(50) as f64 / 4.0 - 3.0, &limits),
                false => drop(set.remove(&text)),
            }
        }
        3 => edit_list(keys, rng, key, &text, much),
        _ => edit_stream(keys, rng, key, &text, much),
    }
}

fn edit_list(keys: &mut Keys<'_>, rng: &mut Rng, key: &[u8], text: &[u8], much: bool) {
    let limits = limits();
    let mut list = keys.edit_or_new::<List>(key).expect(FOUND);
    list.expect(1, text.len(), &limits);
    let (len, end) = (list.len(), if rng.below(2) == 0 { End::Head } else { End::Tail });
    let at = rng.below(len as u64 + 1) as usize;
    match rng.below(10) {
        _ if much && rng.below(2) == 0 => drop(list.detach(end, at)),
        0 if much => list.remove_range(at, 100),
        1 => drop(list.set(at, text)),
        2 => drop(list.pop(end, |_| ())),
        3 => list.insert(at, text),
        4 => drop(list.remove_matching(text, end, 1 + at)),
        5 => list.remove_range(at, 2),
        _ => list.push(end, text),
    }
    list.shrink(&limits);
}

fn edit_stream(keys: &mut Keys<'_>, rng: &mut Rng, key: &[u8], text: &[u8], much: bool) {
    let limits = limits();
    let mut stream = keys.edit_or_new::<Box<Stream>>(key).expect(FOUND);
    stream.make();
    let log = &mut stream.log;
    match rng.below(10) {
        _ if much => {
            let strategy = Strategy::MaxLen(rng.below(log.len() + 1));
            let trim = Trim { strategy, approximate: false, limit: None };
            log.trim(&trim, &mut Default::default());
        }
        0 => {
            let id = StreamId { ms: rng.below(log.last_id.ms + 1), seq: 0 };
            log.delete(&[id]);
        }
        // As XSETID may do it, ids come again.
        1 if log.is_empty() => log.last_id = StreamId::MIN,
        _ => {
            let wanted = Wanted::Id(StreamId { ms: log.last_id.ms + 1, seq: 0 });
            let id = log.id_for(wanted, NOW).expect("it is above the last");
            log.append(id, 1, |_| text, &limits).expect("it is small");
            stream.groups.create(b"group", id, None);
        }
    }
}

/// One change of a random kind; leases come and go.
fn change(space: &mut Keyspace, rng: &mut Rng, leases: &mut Vec<Lease>) {
    let db = rng.below(2) as usize;
    let kind = rng.below(KINDS);
    let (key, other) = (name(rng, kind), name(rng, kind));
    match rng.below(3000) {
        0 => drop(space.flush_db(db)),
        1 => space.swap_db(0, 1),
        2..30 => leases.push(space.keys(db, NOW, true).lease(&key, false)),
        _ => {}
    }
    if rng.below(100) == 0 {
        leases.pop().into_iter().for_each(|lease| space.release(lease));
    }
    let mut keys = space.keys(db, NOW, true);
    match rng.below(400) {
        0 => drop(keys.delete(&key)),
        1 if keys.exists_for_write(&key) && key != other => keys.rename(&key, &other),
        2 if keys.exists_for_write(&key) => drop(keys.move_to_db(&key, 1 - db)),
        3 if keys.exists_for_write(&key) => keys.copy(&key, 1 - db, &other),
        4 => drop(keys.set_deadline(&key, NOW + rng.below(1000) as i64)),
        5 if kind == 3 => {
            let mut list = List::long(&limits());
            list.push(End::Tail, b"new");
            keys.store(&key, list);
        }
        _ if space.leases.is_empty() => {
            edit(&mut space.keys(db, NOW, true), rng, kind, &key);
        }
        _ => {}
    }
}

#[test]
fn large_values_are_saved_as_they_were() {
    let (mut under_way, mut taken) = (0, 0);
    for seed in 0..24 {
        let mut rng = Rng::seeded(seed);
        let mut space = space();
        space.long_from = if seed % 4 == 0 { 5000 } else { 0 };
        let mut leases = Vec::new();
        for _ in 0..9000 {
            change(&mut space, &mut rng, &mut leases);
        }
        leases.drain(..).for_each(|lease| space.release(lease));
        let before = space.digest();
        let form = Form::rdb(Options::default(), &Start::default());
        assert!(space.start_image(form, HintKind::None, NOW));
        let (mut bytes, pace) = (Vec::new(), 1 + rng.below(30));
        loop {
            let mut steps = rng.below(6);
            let (more, done) = space.step_image(&mut || {
                steps = steps.saturating_sub(1);
                steps > 0
            });
            bytes.extend_from_slice(&more);
            if done {
                break;
            }
            under_way += u32::from(space.has_longs());
            for _ in 0..rng.below(pace) {
                change(&mut space, &mut rng, &mut leases);
            }
            if rng.below(10) == 0 {
                space.check();
            }
        }
        taken += bytes.len();
        leases.drain(..).for_each(|lease| space.release(lease));
        assert!(space.walks.is_empty() && !space.has_longs());
        assert_eq!(loaded(&bytes).digest(), before, "seed {seed}");
    }
    assert!(under_way > 600 && taken > 50_000, "{under_way} slices, {taken} bytes");
}

#[test]
fn a_large_value_that_is_given_up_is_as_any_other() {
    let mut rng = Rng::seeded(7);
    let mut space = space();
    space.long_from = 0;
    let mut leases = Vec::new();
    for round in 0..30 {
        for _ in 0..300 {
            change(&mut space, &mut rng, &mut leases);
        }
        leases.drain(..).for_each(|lease| space.release(lease));
        let form = Form::rdb(Options::default(), &Start::default());
        assert!(space.start_image(form, HintKind::None, NOW));
        for _ in 0..round {
            space.step_image(&mut || false);
            change(&mut space, &mut rng, &mut leases);
        }
        space.end_image();
        leases.drain(..).for_each(|lease| space.release(lease));
        space.check();
        let whole = space.whole_image(
            Form::rdb(Options::default(), &Start::default()),
            HintKind::None,
            NOW,
        );
        assert_eq!(loaded(&whole).digest(), space.digest());
        while space.restamp(&mut || true) {}
    }
}

/// Who overwrites other keys while a large value is written does not make much wait behind it.
#[test]
fn what_waits_behind_a_large_value_is_bounded() {
    let mut space = space();
    let limits = limits();
    let mut keys = space.keys(0, NOW, true);
    let mut set = keys.edit_or_new::<Set>(b"large").expect(FOUND);
    for n in 0..100_000 {
        set.insert(format!("member {n}").as_bytes(), &limits);
    }
    drop(set);
    let value = [b'v'; 100];
    for n in 0..50_000 {
        let key = format!("key {n}");
        let new = super::keys::NewStr::Bytes(&value);
        space.keys(0, NOW, true).set_string(key.as_bytes(), new, super::keys::Ttl::Clear);
    }
    let form = Form::rdb(Options { compress: false, ..Options::default() }, &Start::default());
    assert!(space.start_image(form, HintKind::None, NOW));
    let mut keys = space.keys(0, NOW, true);
    let edited = keys.edit::<Set>(b"large").expect(FOUND);
    edited.expect("it is there").insert(b"one more", &limits);
    let (mut most, mut bytes) = (0, Vec::new());
    for n in 0..50_000 {
        let key = format!("key {n}");
        let new = super::keys::NewStr::Bytes(b"new");
        space.keys(0, NOW, true).set_string(key.as_bytes(), new, super::keys::Ttl::Clear);
        if n == 0 {
            bytes.extend_from_slice(&space.step_image(&mut || false).0);
            assert!(space.has_longs(), "it has begun");
        }
        let waits = space.walks.image.as_ref().map_or(0, |image| image.later_bytes());
        most = most.max(waits);
    }
    assert!(most > 200_000 && most < 1_500_000, "{most} bytes waited");
    loop {
        let (more, done) = space.step_image(&mut || true);
        bytes.extend_from_slice(&more);
        if done {
            break;
        }
    }
    let again = loaded(&bytes);
    assert_eq!(again.dbs[0].dict.len(), 50_001);
}
