//! Tests of the choice of victims: fairness, order, and hit rates against a model of Redis.

use super::*;
use crate::base::hash::Seed;
use crate::keyspace::access::LFU_INIT;
use crate::keyspace::entry::New;

const REQUESTS: usize = 40_000;
const START_MS: i64 = 1_700_000_000_000;

fn space(choice: Choice) -> Keyspace {
    let mut space = Keyspace::new(2, Seed { k0: 1, k1: 2 }, Rng::seeded(7));
    space.access.lfu = choice.measure == Measure::Uses;
    space.eviction.choose(choice);
    space
}

fn choice(measure: Measure, volatile: bool) -> Choice {
    Choice { measure, volatile, samples: 5 }
}

fn put(space: &mut Keyspace, db: usize, key: &str, deadline: Option<i64>, now: i64) {
    let hash = space.dbs[db].dict.hash(key.as_bytes());
    let stamp = space.access.born(now);
    space.dbs[db].insert(hash, Entry::new(key.as_bytes(), New::Int(1), deadline, 0, stamp));
}

/// What goes, in order.
fn evicted(space: &mut Keyspace, count: usize, now: i64) -> Vec<String> {
    space.effects.interest.notify = class::EVICTED;
    let mut names = Vec::new();
    for _ in 0..count {
        assert!(space.evict_next(now), "something is left");
        for effect in space.effects.take() {
            if let crate::keyspace::effects::Effect::Touched { key, .. } = effect {
                names.push(String::from_utf8_lossy(&key).into_owned());
            }
        }
    }
    space.check();
    names
}

#[test]
fn every_policy_takes_all_it_may_and_nothing_else() {
    for measure in [Measure::Idle, Measure::Uses, Measure::Chance, Measure::Due] {
        for volatile in [false, true] {
            if measure == Measure::Due && !volatile {
                continue;
            }
            // Few keys with a deadline among many, and the other way round.
            for (kept, timed) in [(2000, 20), (20, 300)] {
                let mut space = space(choice(measure, volatile));
                for i in 0..kept {
                    put(&mut space, i % 2, &format!("kept{i}"), None, START_MS);
                }
                for i in 0..timed {
                    let at = START_MS + 1_000_000 + i as i64;
                    put(&mut space, i % 2, &format!("timed{i}"), Some(at), START_MS);
                }
                let mut gone = 0;
                while space.evict_next(START_MS) {
                    gone += 1;
                }
                let expected = if volatile { timed } else { kept + timed };
                assert_eq!(gone, expected, "{measure:?} {volatile} {kept} {timed}");
                assert_eq!(space.counters.evicted, expected as u64);
                space.check();
            }
        }
    }
}

#[test]
fn the_next_to_expire_goes_first_across_databases() {
    let mut space = space(choice(Measure::Due, true));
    for (i, at) in [50, 10, 40, 20, 30].into_iter().enumerate() {
        put(&mut space, i % 2, &format!("k{at}"), Some(START_MS + at), START_MS);
    }
    assert_eq!(evicted(&mut space, 5, START_MS), ["k10", "k20", "k30", "k40", "k50"]);
}

#[test]
fn of_few_keys_the_oldest_goes_first() {
    let mut space = space(choice(Measure::Idle, false));
    for i in 0..5 {
        put(&mut space, 0, &format!("k{i}"), None, START_MS + i * 10_000);
    }
    let now = START_MS + 100_000;
    // Used again after it was noticed: the others go before it.
    assert_eq!(evicted(&mut space, 1, now), ["k0"]);
    assert!(space.keys(0, now, true).entry(b"k1").is_some());
    assert_eq!(evicted(&mut space, 4, now), ["k2", "k3", "k4", "k1"]);
}

#[test]
fn what_was_noticed_is_remembered() {
    let mut space = space(choice(Measure::Idle, false));
    for i in 0..5000 {
        put(&mut space, 0, &format!("k{i}"), None, START_MS + i * 1000);
    }
    let now = START_MS + 10_000_000;
    let mut best_known = 0;
    for _ in 0..200 {
        let name = evicted(&mut space, 1, now).remove(0);
        let idle = 10_000 - name[1..].parse::<u64>().expect("a number");
        assert!(idle >= best_known, "{name} went before one that was idle for {best_known} s");
        let pool = &space.eviction.pool;
        assert!(pool.len() > 2 && pool.is_sorted_by_key(|known| known.score));
        best_known = pool[pool.len() - 1].score >> SIZE_BITS;
    }
}

#[test]
fn among_equals_the_largest_goes() {
    for measure in [Measure::Idle, Measure::Uses] {
        let mut space = space(choice(measure, false));
        for len in [10, 500, 40, 3000] {
            let (key, value) = (format!("k{len}"), vec![b'v'; len]);
            let hash = space.dbs[0].dict.hash(key.as_bytes());
            let (value, stamp) = (New::Short(&value, true), space.access.born(START_MS));
            space.dbs[0].insert(hash, Entry::new(key.as_bytes(), value, None, 0, stamp));
        }
        let now = START_MS + 5000;
        assert_eq!(evicted(&mut space, 4, now), ["k3000", "k500", "k40", "k10"]);
    }
}

#[test]
fn chance_is_fair() {
    const KEYS: usize = 200;
    const ROUNDS: usize = 4000;
    let mut space = space(choice(Measure::Chance, false));
    for i in 0..KEYS {
        put(&mut space, 0, &i.to_string(), None, START_MS);
    }
    let mut hits = [0usize; KEYS];
    for _ in 0..ROUNDS {
        let key = evicted(&mut space, 1, START_MS).remove(0);
        hits[key.parse::<usize>().expect("a number")] += 1;
        put(&mut space, 0, &key, None, START_MS);
    }
    let mean = ROUNDS / KEYS;
    assert!(hits.iter().all(|n| (1..mean * 6).contains(n)), "{hits:?}");
}

#[test]
fn what_is_leased_is_left_alone() {
    let mut space = space(choice(Measure::Chance, false));
    put(&mut space, 0, "leased", None, START_MS);
    put(&mut space, 0, "free", None, START_MS);
    let lease = space.keys(0, START_MS, true).lease(b"leased", false);
    assert_eq!(evicted(&mut space, 1, START_MS), ["free"]);
    assert!(!space.evict_next(START_MS));
    space.release(lease);
    assert_eq!(evicted(&mut space, 1, START_MS), ["leased"]);
}

/// Ranks drawn with the frequency of natural texts: few are frequent, most are rare.
struct Zipf {
    sums: Vec<f64>,
    rng: Rng,
}

impl Zipf {
    fn new(ranks: usize, seed: u64) -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=ranks).map(|rank| (rank as f64).powf(-0.99));
        let sums = weights.map(|weight| {
            sum += weight;
            sum
        });
        Zipf { sums: sums.collect(), rng: Rng::seeded(seed) }
    }

    fn draw(&mut self) -> usize {
        let all = self.sums[self.sums.len() - 1];
        let at = (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * all;
        self.sums.partition_point(|sum| *sum <= at)
    }
}

/// Redis as it is described: five keys drawn at random, sixteen remembered with the score they had.
struct Model {
    access: AccessPolicy,
    stamps: Vec<Option<u32>>,
    present: Vec<usize>,
    /// Score, a lot for those of the same score, and key.
    pool: Vec<(u64, u64, usize)>,
    rng: Rng,
}

impl Model {
    fn score(&self, key: usize, now: i64) -> u64 {
        let stamp = self.stamps[key].expect("it is present");
        match self.access.lfu {
            true => 255 - u64::from(self.access.decayed(stamp, now)),
            false => idle_ms(stamp, now) as u64,
        }
    }

    /// True when the key was there; makes room for it otherwise.
    fn request(&mut self, key: usize, capacity: usize, now: i64) -> bool {
        if let Some(stamp) = self.stamps[key] {
            self.stamps[key] = Some(self.access.accessed(stamp, now, &mut self.rng));
            return true;
        }
        self.stamps[key] = Some(self.access.born(now));
        self.present.push(key);
        if self.present.len() > capacity {
            self.evict(now);
        }
        false
    }

    fn evict(&mut self, now: i64) {
        for _ in 0..5 {
            let at = self.rng.below(self.present.len() as u64) as usize;
            let key = self.present[at];
            if !self.pool.iter().any(|(.., known)| *known == key) {
                let lot = self.rng.next_u64();
                self.pool.push((self.score(key, now), lot, key));
            }
        }
        self.pool.sort_unstable();
        let surplus = self.pool.len().saturating_sub(POOL_MAX);
        self.pool.drain(..surplus);
        while let Some((.., key)) = self.pool.pop() {
            if self.stamps[key].take().is_some() {
                self.present.retain(|present| *present != key);
                return;
            }
        }
    }
}

/// Hits of ours and of the model in the same requests.
fn hits(measure: Measure, samples: usize) -> (usize, usize) {
    const KEYS: usize = 4000;
    const CAPACITY: usize = 400;
    const STEP_MS: i64 = 50;
    let mut ours = space(Choice { measure, volatile: false, samples });
    let mut model = Model {
        access: ours.access,
        stamps: vec![None; KEYS],
        present: Vec::new(),
        pool: Vec::new(),
        rng: Rng::seeded(3),
    };
    let (mut zipf, mut counts) = (Zipf::new(KEYS, 11), (0, 0));
    for n in 0..REQUESTS {
        let (key, now) = (zipf.draw(), START_MS + n as i64 * STEP_MS);
        counts.1 += usize::from(model.request(key, CAPACITY, now));
        let name = format!("key:{key}");
        if ours.keys(0, now, true).entry(name.as_bytes()).is_some() {
            counts.0 += 1;
        } else {
            put(&mut ours, 0, &name, None, now);
            if ours.dbs[0].dict.len() > CAPACITY {
                assert!(ours.evict_next(now));
            }
        }
    }
    counts
}

#[test]
fn hit_rates_are_not_below_those_of_redis() {
    for measure in [Measure::Idle, Measure::Uses] {
        let (ours, model) = hits(measure, 5);
        println!("{measure:?}: {ours} hits, the model has {model}");
        assert!(ours >= model, "{measure:?}: {ours} hits, the model has {model}");
    }
}

#[test]
fn a_new_key_is_not_the_first_to_go() {
    let mut space = space(choice(Measure::Uses, false));
    put(&mut space, 0, "used", None, START_MS);
    let now = START_MS + i64::from(LFU_INIT) * 60_000;
    put(&mut space, 0, "new", None, now);
    assert_eq!(evicted(&mut space, 1, now), ["used"]);
}
