//! Speed of the plain structures: the table with and without look-ahead, the deadline index, the
//! ranked set.
// The macro that joins the benchmarks makes a public function.
#![allow(missing_docs)]

use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use redstart::base::hash::Seed;
use redstart::base::rng::Rng;
use redstart::ds::deadlines::Deadlines;
use redstart::ds::dict::{Dict, Thin};
use redstart::ds::ranked::Ranked;

const KEYS: u64 = 1_000_000;
const AHEAD: usize = 32;

/// A key of 16 bytes in an allocation of its own.
struct Item(NonNull<[u8; 16]>);

impl Item {
    #[inline]
    fn key(&self) -> &[u8] {
        // SAFETY: the box lives as long as the item.
        #[allow(unsafe_code)]
        unsafe {
            self.0.as_ref()
        }
    }

    fn new(key: [u8; 16]) -> Item {
        Item(NonNull::from(Box::leak(Box::new(key))))
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        // SAFETY: it came from a box, and this is its only owner.
        #[allow(unsafe_code)]
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: an item is its pointer, and its key never changes.
#[allow(unsafe_code)]
unsafe impl Thin for Item {
    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0.cast()
    }

    unsafe fn from_raw(p: NonNull<u8>) -> Item {
        Item(p.cast())
    }

    #[inline]
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.key())
    }
}

fn key(n: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = n;
    for digit in key[4..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn filled(keys: u64) -> Dict<Item> {
    let mut dict = Dict::new(Seed { k0: 1, k1: 2 });
    for n in 0..keys {
        let key = key(n);
        dict.insert(dict.hash(&key), Item::new(key));
    }
    dict
}

fn table(c: &mut Criterion) {
    let dict = filled(KEYS);
    let mut rng = Rng::seeded(1);
    let wanted: Vec<[u8; 16]> = (0..1 << 16).map(|_| key(rng.below(KEYS))).collect();
    let absent: Vec<[u8; 16]> = (0..1 << 16).map(|_| key(KEYS + rng.below(KEYS))).collect();
    let mut group = c.benchmark_group("dict");
    group.sample_size(20);
    group.throughput(Throughput::Elements(wanted.len() as u64));
    let find = |keys: &[[u8; 16]]| {
        keys.iter().filter(|key| dict.find(dict.hash(&key[..]), &key[..]).is_some()).count()
    };
    group.bench_function("find hit", |b| b.iter(|| find(black_box(&wanted))));
    group.bench_function("find miss", |b| b.iter(|| find(black_box(&absent))));
    group.bench_function("find with look-ahead", |b| {
        b.iter(|| find_ahead(&dict, black_box(&wanted)));
    });
    group.throughput(Throughput::Elements(KEYS));
    group.bench_function("scan", |b| {
        b.iter(|| {
            let (mut cursor, mut bytes) = (0, 0);
            loop {
                cursor = dict.scan(cursor, &mut |item| bytes += item.key().len());
                if cursor == 0 {
                    return bytes;
                }
            }
        });
    });
    group.sample_size(10);
    group.bench_function("insert", |b| {
        b.iter_batched(|| (), |()| filled(KEYS), BatchSize::PerIteration);
    });
    group.finish();
}

/// Hashes and fetches a batch before it looks any of it up, as the server does with a pipeline.
fn find_ahead(dict: &Dict<Item>, keys: &[[u8; 16]]) -> usize {
    let mut found = 0;
    let mut hashes = [0; AHEAD];
    for batch in keys.chunks(AHEAD) {
        for (hash, key) in hashes.iter_mut().zip(batch) {
            *hash = dict.hash(key);
            dict.prefetch_bucket(*hash);
        }
        hashes[..batch.len()].iter().for_each(|&hash| dict.prefetch_entry(hash));
        let hits = hashes.iter().zip(batch).filter(|&(&hash, key)| dict.find(hash, key).is_some());
        found += hits.count();
    }
    found
}

fn deadlines(c: &mut Criterion) {
    let mut rng = Rng::seeded(2);
    let mut all = Deadlines::new();
    for _ in 0..KEYS {
        all.insert(rng.below(86_400_000) as i64, rng.next_u64() as u32);
    }
    let mut group = c.benchmark_group("deadlines");
    group.bench_function("insert and remove", |b| {
        b.iter(|| {
            let item = (rng.below(86_400_000) as i64, rng.next_u64() as u32);
            all.insert(item.0, item.1);
            all.remove(item.0, item.1)
        });
    });
    let mut now_ms = 86_400_000;
    group.bench_function("append and pop", |b| {
        b.iter(|| {
            now_ms += 1;
            all.insert(now_ms, 7);
            all.pop_due(now_ms)
        });
    });
    group.finish();
}

fn ranked(c: &mut Criterion) {
    let mut rng = Rng::seeded(3);
    let mut set = Ranked::new(Seed { k0: 1, k1: 2 });
    for n in 0..KEYS {
        set.insert(&key(n), rng.below(KEYS) as f64);
    }
    let mut group = c.benchmark_group("ranked");
    group.bench_function("move", |b| {
        b.iter(|| set.insert(&key(rng.below(KEYS)), rng.below(KEYS) as f64));
    });
    group.bench_function("rank", |b| b.iter(|| set.rank(&key(rng.below(KEYS)))));
    group.bench_function("ten from a score on", |b| {
        b.iter(|| {
            let from = rng.below(KEYS) as f64;
            let first = set.count_scores(|score| score < from);
            set.range(first..first + 10).map(|(member, _)| member.len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, table, deadlines, ranked);
criterion_main!(benches);
