//! The table against naive models, its promises to walkers, and its memory.
// The naive twin is an ordinary map.
#![allow(clippy::disallowed_methods)]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

thread_local! {
    /// Items alive on this thread; each test has a thread of its own.
    static ALIVE: Cell<isize> = const { Cell::new(0) };
}

fn alive() -> isize {
    ALIVE.with(Cell::get)
}

/// One allocation: length of the key, a number, the key.
struct Item(NonNull<u8>);

impl Item {
    fn key(&self) -> &[u8] {
        // SAFETY: `new` wrote length and key.
        unsafe {
            let len = self.0.cast::<u64>().read() as usize;
            std::slice::from_raw_parts(self.0.as_ptr().add(16), len)
        }
    }

    fn new(key: &[u8], value: u64) -> Item {
        // SAFETY: not empty; written within its bounds.
        let p = unsafe {
            let p = alloc(Item::layout(key.len()));
            p.cast::<u64>().write(key.len() as u64);
            p.cast::<u64>().add(1).write(value);
            p.add(16).copy_from_nonoverlapping(key.as_ptr(), key.len());
            p
        };
        ALIVE.with(|alive| alive.set(alive.get() + 1));
        Item(NonNull::new(p).expect("memory"))
    }

    fn layout(key_len: usize) -> Layout {
        Layout::from_size_align(16 + key_len, 8).expect("small")
    }

    fn value(&self) -> u64 {
        // SAFETY: `new` wrote it.
        unsafe { self.0.cast::<u64>().add(1).read() }
    }

    fn set_value(&mut self, value: u64) {
        // SAFETY: as above.
        unsafe { self.0.cast::<u64>().add(1).write(value) }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        ALIVE.with(|alive| alive.set(alive.get() - 1));
        let layout = Item::layout(self.key().len());
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.0.as_ptr(), layout) }
    }
}

// SAFETY: an item is its pointer; its key never changes.
unsafe impl Thin for Item {
    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0
    }

    unsafe fn from_raw(p: NonNull<u8>) -> Item {
        Item(p)
    }

    #[inline]
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.key())
    }
}

fn new_dict() -> Dict<Item> {
    Dict::new(Seed { k0: 3, k1: 5 })
}

fn key(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

fn add(dict: &mut Dict<Item>, n: u64) {
    let hash = dict.hash(&key(n));
    dict.insert(hash, Item::new(&key(n), n));
}

fn take(dict: &mut Dict<Item>, n: u64) -> Option<u64> {
    let hash = dict.hash(&key(n));
    dict.remove(hash, &key(n)).map(|item| item.value())
}

fn get(dict: &Dict<Item>, n: u64) -> Option<u64> {
    dict.find(dict.hash(&key(n)), &key(n)).map(|item| item.value())
}

fn number(item: &Item) -> u64 {
    u64::from_be_bytes(item.key().try_into().expect("8 bytes"))
}

/// One random step on both sides.
fn step(
    rng: &mut Rng,
    dict: &mut Dict<Item>,
    model: &mut HashMap<u64, u64>,
    keys: u64,
    add_of_10: u64,
) {
    let n = rng.below(keys);
    assert_eq!(get(dict, n), model.get(&n).copied());
    let hash = dict.hash(&key(n));
    if rng.below(10) >= add_of_10 {
        assert_eq!(take(dict, n), model.remove(&n));
        return;
    }
    let value = rng.next_u64();
    model.insert(n, value);
    let (mut slot, is_new) = dict.find_or_insert_with(hash, &key(n), || Item::new(&key(n), value));
    assert_eq!(slot.position(), hash >> 16);
    match value % 2 {
        _ if is_new => assert_eq!(slot.value(), value),
        0 => slot.set_value(value),
        _ => slot.replace_with(|old| Item::new(old.key(), value)),
    }
}

#[test]
fn behaves_like_a_map() {
    let mut rng = Rng::seeded(1);
    for keys in [3, 20, 300, 6_000] {
        let mut dict = new_dict();
        let mut model = HashMap::new();
        for phase in 0..6 {
            for i in 0..keys * 3 {
                step(&mut rng, &mut dict, &mut model, keys, if phase % 2 == 0 { 8 } else { 2 });
                if i % (keys / 2) == 0 && i % 5 == 0 {
                    dict.check();
                }
            }
            dict.check();
            assert_eq!((dict.len(), alive()), (model.len(), model.len() as isize));
            let seen: HashMap<u64, u64> =
                dict.iter().map(|item| (number(&item), item.value())).collect();
            assert_eq!(seen, model);
        }
        drop(dict);
        assert_eq!(alive(), 0);
    }
}

#[test]
fn grows_and_shrinks_to_nothing() {
    let mut dict = new_dict();
    let empty = dict.bytes();
    for n in 0..40_000 {
        add(&mut dict, n);
    }
    dict.check();
    let full = dict.shape();
    assert!(full.segments > 40 && full.directory >= full.segments);
    assert!(dict.bytes() < 13 * 40_000, "{}", dict.bytes());
    for n in 0..39_900 {
        assert_eq!(take(&mut dict, n), Some(n));
        if n % 1_000 == 0 {
            dict.check();
            let fair = 18 * dict.len() + 16_000;
            assert!(dict.bytes() < fair, "{} bytes for {}", dict.bytes(), dict.len());
        }
    }
    for n in 39_900..40_000 {
        assert_eq!(take(&mut dict, n), Some(n));
        dict.check();
    }
    assert_eq!((dict.segments(), dict.shape().directory, dict.shape().slots), (1, 1, 0));
    assert!(dict.bytes() < empty + 512);
    assert!(get(&dict, 1).is_none() && take(&mut dict, 1).is_none());
}

#[test]
fn empty_table_answers() {
    let mut dict = new_dict();
    dict.check();
    assert!(dict.is_empty() && dict.random(&mut Rng::seeded(1)).is_none());
    assert!(dict.iter().next().is_none());
    assert_eq!(dict.scan(0, &mut |_| panic!("nothing there")), 0);
    assert_eq!(dict.scan_mut(99, &mut |_| panic!("nothing there")), 0);
    assert!(dict.find_position(7, &mut |_| true).is_none());
    dict.prefetch_bucket(u64::MAX);
    dict.prefetch_entry(u64::MAX);
}

#[test]
fn hashes_that_do_not_spread_are_survived() {
    // As from an attacker who knows the seed: only a few bits differ. No check(), the hashes are
    // not those of the keys; splitting goes by the keys' own hashes, so it must not come to that.
    let mut dict = new_dict();
    for n in 0..700 {
        dict.insert(n % 5, Item::new(&key(n), n));
    }
    for n in 0..700 {
        assert_eq!(dict.find(n % 5, &key(n)).map(|item| item.value()), Some(n));
    }
    for n in 0..700 {
        assert!(dict.remove(n % 5, &key(n)).is_some());
    }
    assert_eq!((dict.len(), alive()), (0, 0));
}

/// Scans to the end while `between` does something to the table after each step.
fn scan_all(dict: &mut Dict<Item>, mut between: impl FnMut(&mut Dict<Item>, u64)) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut cursor = 0;
    loop {
        let next = dict.scan(cursor, &mut |item| {
            let position = dict.position_of(dict.hash(item.key()));
            assert!(position >= cursor, "visited before");
            seen.push(number(item));
        });
        for &n in &seen[seen.len().saturating_sub(8)..] {
            let position = dict.position_of(dict.hash(&key(n)));
            assert!(next == 0 || position < next, "not yet to be visited");
        }
        assert!(next == 0 || next > cursor);
        cursor = next;
        if cursor == 0 {
            return seen;
        }
        between(dict, cursor);
    }
}

/// Every number below `stays` is seen, and nothing twice.
fn assert_promise(seen: &[u64], stays: u64) {
    let set: HashSet<u64> = seen.iter().copied().collect();
    assert_eq!(set.len(), seen.len(), "seen twice");
    assert!((0..stays).all(|n| set.contains(&n)), "missed");
}

#[test]
fn scan_sees_all_once_while_the_table_grows() {
    for stays in [1, 7, 100, 3_000] {
        let mut dict = new_dict();
        (0..stays).for_each(|n| add(&mut dict, n));
        let mut next = stays;
        let seen = scan_all(&mut dict, |dict, _| {
            for _ in 0..20 {
                if next < stays * 30 {
                    add(dict, next);
                    next += 1;
                }
            }
        });
        dict.check();
        assert_promise(&seen, stays);
    }
}

#[test]
fn scan_sees_all_once_while_the_table_shrinks() {
    for stays in [1, 7, 100, 3_000] {
        let mut dict = new_dict();
        let mut end = stays * 30;
        (0..end).for_each(|n| add(&mut dict, n));
        let seen = scan_all(&mut dict, |dict, _| {
            for _ in 0..60 {
                if end > stays {
                    end -= 1;
                    take(dict, end);
                }
            }
        });
        dict.check();
        assert_promise(&seen, stays);
    }
}

#[test]
fn scan_sees_all_once_in_a_storm() {
    let mut rng = Rng::seeded(4);
    let stays = 2_000;
    for _ in 0..4 {
        let mut dict = new_dict();
        (0..stays).for_each(|n| add(&mut dict, n));
        let mut present: Vec<u64> = Vec::new();
        let (mut next, mut growing) = (stays, true);
        let seen = scan_all(&mut dict, |dict, _| {
            for _ in 0..rng.below(400) {
                if growing {
                    add(dict, next);
                    present.push(next);
                    next += 1;
                } else if !present.is_empty() {
                    let pick = rng.below(present.len() as u64) as usize;
                    let gone = present.swap_remove(pick);
                    assert_eq!(take(dict, gone), Some(gone));
                }
            }
            growing = match present.len() {
                0 => true,
                n if n > 40_000 => false,
                _ => growing,
            };
        });
        dict.check();
        assert_promise(&seen, stays);
    }
}

#[test]
fn scan_resumes_exactly_after_merges() {
    // A cursor taken in a big table, used in the small one that is left of it.
    let mut dict = new_dict();
    (0..60_000).for_each(|n| add(&mut dict, n));
    let mut cursors = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = dict.scan(cursor, &mut |_| {});
        if cursor == 0 {
            break;
        }
        cursors.push(cursor);
    }
    (50..60_000).for_each(|n| assert!(take(&mut dict, n).is_some()));
    for cursor in cursors {
        let mut seen = Vec::new();
        let mut next = cursor;
        loop {
            next = dict.scan(next, &mut |item| seen.push(number(item)));
            if next == 0 {
                break;
            }
        }
        seen.sort_unstable();
        let ahead = |n: &u64| dict.position_of(dict.hash(&key(*n))) >= cursor;
        assert!(seen.into_iter().eq((0..50).filter(ahead)));
    }
}

#[test]
fn scan_takes_any_cursor() {
    let mut dict = new_dict();
    (0..5_000).for_each(|n| add(&mut dict, n));
    let mut rng = Rng::seeded(9);
    for _ in 0..2_000 {
        let cursor = rng.next_u64() >> rng.below(64);
        let next = dict.scan(cursor, &mut |_| {});
        assert!(next == 0 || next > cursor);
    }
    assert_eq!(dict.scan(u64::MAX, &mut |_| panic!("beyond the end")), 0);
}

#[test]
fn scan_mut_may_reallocate() {
    let mut dict = new_dict();
    (0..3_000).for_each(|n| add(&mut dict, n));
    let mut cursor = 0;
    loop {
        cursor = dict.scan_mut(cursor, &mut |item| {
            *item = Item::new(item.key(), item.value() + 1);
        });
        if cursor == 0 {
            break;
        }
    }
    dict.check();
    assert!((0..3_000).all(|n| get(&dict, n) == Some(n + 1)));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        dict.scan_mut(0, &mut |item| {
            *item = Item::new(item.key(), 0);
            panic!("on purpose");
        });
    }));
    assert!(caught.is_err());
    dict.check();
    assert_eq!((dict.len(), alive()), (3_000, 3_000));
}

#[test]
fn positions_are_found_by_half_a_hash() {
    let mut dict = new_dict();
    (0..20_000).for_each(|n| add(&mut dict, n));
    for n in (0..20_000).step_by(7) {
        let half = (dict.hash(&key(n)) >> 32) as u32;
        let mut shown = 0;
        let found = dict.find_position(half, &mut |item| {
            shown += 1;
            number(item) == n
        });
        assert_eq!(found.map(|item| item.value()), Some(n));
        assert!(shown < 4);
        let slot = dict.find_position_mut(half, &mut |item| number(item) == n);
        assert_eq!(slot.expect("just seen").remove().value(), n);
    }
    dict.check();
}

#[test]
fn handles_survive_panics_and_neglect() {
    let mut dict = new_dict();
    (0..1_000).for_each(|n| add(&mut dict, n));
    let hash = dict.hash(&key(5));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut slot = dict.find_mut(hash, &key(5)).expect("present");
        slot.replace_with(|_| panic!("on purpose"));
    }));
    assert!(caught.is_err());
    assert_eq!((get(&dict, 5), dict.len(), alive()), (None, 999, 999));
    dict.check();

    let mut slot = dict.find_mut(dict.hash(&key(6)), &key(6)).expect("present");
    *slot = Item::new(&key(6), 66);
    drop(slot);
    assert_eq!(get(&dict, 6), Some(66));

    // A forgotten handle hides its entry for good; everything else goes on.
    let mut slot = dict.find_mut(dict.hash(&key(7)), &key(7)).expect("present");
    *slot = Item::new(&key(7), 77);
    std::mem::forget(slot);
    assert_eq!(get(&dict, 7), None);
    drop(dict);
    assert_eq!(alive(), 1);
}

#[test]
fn take_all_moves_everything() {
    let mut dict = new_dict();
    (0..5_000).for_each(|n| add(&mut dict, n));
    let all = dict.take_all();
    dict.check();
    all.check();
    assert_eq!((dict.len(), all.len()), (0, 5_000));
    add(&mut dict, 1);
    assert_eq!((get(&dict, 1), get(&all, 1)), (Some(1), Some(1)));
    drop((dict, all));
    assert_eq!(alive(), 0);
}

/// Chi-square of picks over `dict`, in standard deviations from its mean.
fn unevenness(dict: &Dict<Item>, picks_each: usize) -> f64 {
    let mut rng = Rng::seeded(77);
    let mut counts: HashMap<u64, usize> = dict.iter().map(|item| (number(&item), 0)).collect();
    for _ in 0..picks_each * dict.len() {
        let n = number(&dict.random(&mut rng).expect("not empty"));
        *counts.get_mut(&n).expect("present") += 1;
    }
    let mean = picks_each as f64;
    let chi: f64 = counts.values().map(|&c| (c as f64 - mean).powi(2) / mean).sum();
    let freedom = (dict.len() - 1).max(1) as f64;
    (chi - freedom) / (2.0 * freedom).sqrt()
}

#[test]
fn random_is_uniform() {
    let mut dict = new_dict();
    let mut last = 0;
    for size in [2, 9, 100, 1_000, 9_000] {
        (last..size).for_each(|n| add(&mut dict, n));
        last = size;
        let sigma = unevenness(&dict, 50);
        assert!(sigma.abs() < 4.5, "{size}: {sigma}");
    }
    // Mass deletion, evenly and then from one part of the hash order only.
    (0..9_000).filter(|n| n % 4 != 0).for_each(|n| assert!(take(&mut dict, n).is_some()));
    assert!(unevenness(&dict, 50).abs() < 4.5);
    for n in (0..9_000).step_by(4) {
        if dict.hash(&key(n)) >> 63 == 0 {
            take(&mut dict, n);
        }
    }
    dict.check();
    let sigma = unevenness(&dict, 50);
    assert!(sigma.abs() < 4.5, "lopsided: {sigma}");
    let all: Vec<u64> = dict.iter().map(|item| number(&item)).collect();
    all[3..].iter().for_each(|&n| assert!(take(&mut dict, n).is_some()));
    assert!(unevenness(&dict, 500).abs() < 4.5);
}

#[test]
fn samples_show_everything_by_and_by_and_nothing_twice() {
    let mut dict = new_dict();
    assert_eq!(dict.sample(u64::MAX >> 16, (5, 64), &mut |_| panic!("nothing there")), 0);
    let mut rng = Rng::seeded(5);
    let mut last = 0;
    for size in [1, 7, 100, 5_000] {
        (last..size).for_each(|n| add(&mut dict, n));
        last = size;
        let mut counts: HashMap<u64, u64> = dict.iter().map(|item| (number(&item), 0)).collect();
        for _ in 0..20 * size {
            let place = rng.next_u64() >> 16;
            dict.prefetch_sample(place);
            dict.prefetch_sampled(place);
            let mut shown = Vec::new();
            let seen = dict.sample(place, (5, 64), &mut |item| {
                shown.push(number(item));
                true
            });
            assert!(seen == shown.len() && seen >= 5.min(size as usize) && seen < 5 + SLOTS);
            shown.iter().for_each(|n| *counts.get_mut(n).expect("present") += 1);
            shown.sort_unstable();
            shown.dedup();
            assert_eq!(shown.len(), seen, "twice in one sample");
        }
        let mean = counts.values().sum::<u64>() / size;
        let fair = |n: &&u64| (mean / 4..=mean * 4).contains(n);
        assert_eq!(counts.values().filter(fair).count(), size as usize, "{size}: {mean} each");
    }
    // What is refused does not count, and the search has an end.
    let mut shown = 0;
    let refuse = &mut |_: &Item| {
        shown += 1;
        false
    };
    assert_eq!(dict.sample(0, (5, 3), refuse), 0);
    assert!((1..=3 * SLOTS).contains(&shown));
}

fn bytes_a_key(sizes: &[u64], most: f64) {
    let mut dict = new_dict();
    let mut last = 0;
    for &size in sizes {
        (last..size).for_each(|n| add(&mut dict, n));
        last = size;
        let each = dict.bytes() as f64 / size as f64;
        println!("{size}: {each:.2} bytes a key, {:?}", dict.shape());
        assert!(each < most, "{size}: {each}");
    }
}

#[test]
fn a_key_takes_little_memory() {
    bytes_a_key(&[30_000, 40_000, 50_000], 12.5);
}

#[test]
#[ignore = "takes long in a debug build"]
fn a_key_takes_little_memory_at_every_size() {
    bytes_a_key(&[50_000, 100_000, 500_000, 1_000_000, 1_300_000, 1_700_000, 2_000_000], 12.0);
}
