//! Which key goes when memory is short.
//!
//! Looking at every key would be dear, so a few are looked at each time: whole buckets of the
//! table from a random place in hash order, which is a fair sample because hashes are random, and
//! cheap because neighbours share cache lines. The entries themselves lie anywhere in memory; so
//! the places are drawn two evictions ahead, and what is there is fetched into the cache while the
//! commands in between run; so are the candidates that are likely to go next. The best candidates
//! seen so far stay in a pool between calls, ordered by how well they could be spared; so the
//! sample grows with every call. Of those that could be spared equally well the largest goes:
//! fewer keys are lost for the same room. A candidate is judged anew when its turn comes: one that
//! was used meanwhile is not taken.
//!
//! | policy             | candidates are found                                               |
//! |--------------------|--------------------------------------------------------------------|
//! | `allkeys-*`        | in the table                                                       |
//! | `volatile-*`       | in the table while one key in eight has a deadline, or else in the |
//! |                    | deadline index, one from each of some leaves in turn               |
//! | `volatile-ttl`     | at the front of the deadline index: exactly the one that is next   |
//! | `*-random`         | as above, but one slot at a time, and the first one goes            |

use super::access::{AccessPolicy, idle_ms};
use super::db::Db;
use super::effects::{Event, class};
use super::entry::Entry;
use super::lease::Leases;
use super::{ExpiryPolicy, Keyspace};
use crate::base::rng::Rng;
use crate::ds::dict::Fetch;
use crate::resp::request::Argv;

/// Candidates that are remembered.
const POOL_MAX: usize = 16;
/// Buckets looked at for one sample before it is left at what was found.
const BUCKETS_MAX: usize = 64;
/// Samples drawn before they are looked at: one whose buckets are on their way into the cache, one
/// whose entries are.
const AHEAD: usize = 2;
/// Room for a name that is kept for the next one, bytes.
const NAME_KEPT: usize = 1024;
/// Bits of a score that hold the size of the entry.
const SIZE_BITS: u32 = 24;
/// Keys with a deadline are looked for in the table when at least one in so many has one.
const DENSE: usize = 8;

/// By what a key is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measure {
    /// How long it was not used.
    #[default]
    Idle,
    /// How seldom it was used.
    Uses,
    /// By chance.
    Chance,
    /// How soon it would expire.
    Due,
}

/// How a victim is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choice {
    /// By what.
    pub measure: Measure,
    /// Only among keys with a deadline.
    pub volatile: bool,
    /// Keys looked at for each victim, at least.
    pub samples: usize,
}

/// A key that could be spared.
#[derive(Debug)]
struct Candidate {
    score: u64,
    table: u64,
    hash: u64,
    key: Vec<u8>,
}

/// The choice in force and the candidates.
#[derive(Debug, Default)]
pub struct Eviction {
    choice: Choice,
    /// Ordered by score; the last one goes first.
    pool: Vec<Candidate>,
    /// Room for the name of a candidate.
    spare: Vec<u8>,
    /// Positions that will be sampled, the next one first.
    ahead: [u64; AHEAD],
    /// Where the deadline index was looked at last.
    leaf: Option<(i64, u32)>,
    /// The database a random victim came from.
    last_db: usize,
}

impl Eviction {
    /// From now on victims are chosen like this. What was remembered under another measure means
    /// nothing.
    pub fn choose(&mut self, choice: Choice) {
        if self.choice != choice {
            self.choice = choice;
            self.pool.clear();
        }
    }

    fn offer(&mut self, score: u64, db: &Db, key: &[u8]) {
        let full = self.pool.len() == POOL_MAX;
        if full && self.pool[0].score >= score {
            return;
        }
        let (table, hash) = (db.table, db.dict.hash(key));
        if self.pool.iter().any(|one| one.hash == hash && one.table == table && one.key == key) {
            return;
        }
        let mut place = self.pool.partition_point(|known| known.score < score);
        let mut name = std::mem::take(&mut self.spare);
        if full {
            name = self.pool.remove(0).key;
            place -= 1;
        }
        name.clear();
        name.extend_from_slice(key);
        self.pool.insert(place, Candidate { score, table, hash, key: name });
    }

    /// A name that is not needed any more: its room is used again.
    fn keep_room(&mut self, name: Vec<u8>) {
        if name.capacity() <= NAME_KEPT {
            self.spare = name;
        }
    }
}

/// How well a key can be spared, and by its size among equals.
fn score(measure: Measure, access: &AccessPolicy, entry: &Entry, now: i64) -> u64 {
    let spared = match measure {
        Measure::Idle => idle_ms(entry.access(), now) as u64 / 1000,
        Measure::Uses => 255 - u64::from(access.decayed(entry.access(), now)),
        Measure::Chance | Measure::Due => 0,
    };
    spared << SIZE_BITS | (entry.bytes() as u64).min((1 << SIZE_BITS) - 1)
}

/// A place in hash order.
fn position(rng: &mut Rng) -> u64 {
    rng.next_u64() >> 16
}

/// Shows `f` keys of a database, those in the table from `place` on, until it has accepted
/// `wanted` of them, if so many are found soon, or else a few.
fn sample(
    db: &Db,
    (volatile, wanted, place): (bool, usize, u64),
    leaf: &mut Option<(i64, u32)>,
    rng: &mut Rng,
    f: &mut impl FnMut(&Entry) -> bool,
) {
    if is_dense(db, volatile) {
        let mut timed = |entry: &Entry| (!volatile || entry.deadline().is_some()) && f(entry);
        if db.dict.sample(place, (wanted, BUCKETS_MAX), &mut timed) > 0 {
            return;
        }
    }
    if !volatile {
        // A table that is nearly empty.
        if let Some(entry) = db.dict.random(rng) {
            f(&entry);
        }
        return;
    }
    let mut seen = 0;
    for _ in 0..BUCKETS_MAX.min(db.deadlines.len()) {
        let Some((place, (at, bits))) = db.deadlines.pick_after(*leaf, rng) else { return };
        *leaf = Some(place);
        let due = db.dict.find_position(bits, &mut |e: &Entry| e.deadline() == Some(at));
        seen += usize::from(due.is_some_and(|entry| f(&entry)));
        if seen >= wanted {
            return;
        }
    }
}

/// Whether long work holds on to what a key holds.
fn is_leased(leases: &Leases, db: &Db, key: &[u8]) -> bool {
    !leases.is_empty() && leases.holds(db.table, db.dict.hash(key), key)
}

/// Whether candidates are found in the table without a long search.
fn is_dense(db: &Db, volatile: bool) -> bool {
    !volatile || db.deadlines.len() * DENSE >= db.dict.len()
}

impl Keyspace {
    /// Deletes the key that can be spared best, with its event and its DEL; false when there is
    /// none to choose.
    pub fn evict_next(&mut self, now: i64) -> bool {
        if self.expiry != ExpiryPolicy::Delete {
            return false;
        }
        let Some((db, hash, key)) = self.victim(now) else { return false };
        self.remove(db, hash, &key);
        self.counters.evicted += 1;
        self.effects.propagate_alone(db, || Argv::from_slices(&[b"DEL", &key]));
        self.effects.touched_n(db, &key, Event::new(class::EVICTED, "evicted"), 0);
        self.eviction.keep_room(key);
        true
    }

    /// The database, the hash and the key.
    fn victim(&mut self, now: i64) -> Option<(usize, u64, Vec<u8>)> {
        let found = match self.eviction.choice.measure {
            Measure::Due => self.next_due(),
            Measure::Chance => self.random_victim(),
            Measure::Idle | Measure::Uses => {
                self.fill_pool(now);
                return self.best_of_pool(now);
            }
        };
        found.map(|(db, key)| (db, self.dbs[db].dict.hash(&key), key))
    }

    /// The key with the earliest deadline of all.
    fn next_due(&self) -> Option<(usize, Vec<u8>)> {
        let first_free = |db: &Db| {
            db.deadlines.iter().find_map(|(at, bits)| {
                let found = db.dict.find_position(bits, &mut |e: &Entry| e.deadline() == Some(at));
                let found = found.filter(|entry| !is_leased(&self.leases, db, entry.key()));
                found.map(|entry| (at, entry.key().to_vec()))
            })
        };
        let each = self.dbs.iter().enumerate();
        let firsts = each.filter_map(|(n, db)| first_free(db).map(|(at, key)| (at, n, key)));
        firsts.min_by_key(|(at, ..)| *at).map(|(_, n, key)| (n, key))
    }

    /// Some key of the databases in turn.
    fn random_victim(&mut self) -> Option<(usize, Vec<u8>)> {
        let Keyspace { dbs, eviction, leases, rng, .. } = self;
        let volatile = eviction.choice.volatile;
        for _ in 0..dbs.len() {
            eviction.last_db = (eviction.last_db + 1) % dbs.len();
            let db = &dbs[eviction.last_db];
            let absent = if volatile { db.deadlines.is_empty() } else { db.dict.is_empty() };
            if absent {
                continue;
            }
            let fits = |entry: &Entry| {
                (!volatile || entry.deadline().is_some()) && !is_leased(leases, db, entry.key())
            };
            let tries = if is_dense(db, volatile) { BUCKETS_MAX } else { 0 };
            let mut draws = (0..tries).filter_map(|_| db.dict.random(rng));
            let mut picked = draws.find(|entry| fits(entry)).map(|entry| entry.key().to_vec());
            if picked.is_none() {
                let place = position(rng);
                sample(db, (volatile, 1, place), &mut eviction.leaf, rng, &mut |entry| {
                    let fits = picked.is_none() && fits(entry);
                    if fits {
                        picked = Some(entry.key().to_vec());
                    }
                    fits
                });
            }
            if let Some(key) = picked {
                return Some((eviction.last_db, key));
            }
        }
        None
    }

    /// Looks at some keys of each database.
    fn fill_pool(&mut self, now: i64) {
        let Keyspace { dbs, eviction, leases, rng, access, .. } = self;
        let Choice { measure, volatile, samples } = eviction.choice;
        let [place, soon] = eviction.ahead;
        eviction.ahead = [soon, position(rng)];
        for db in dbs.iter() {
            let absent = if volatile { db.deadlines.is_empty() } else { db.dict.is_empty() };
            if absent {
                continue;
            }
            if is_dense(db, volatile) {
                db.dict.prefetch_sampled(soon);
                db.dict.prefetch_sample(eviction.ahead[1]);
            }
            let mut leaf = eviction.leaf;
            sample(db, (volatile, samples, place), &mut leaf, rng, &mut |entry| {
                let free = !is_leased(leases, db, entry.key());
                if free {
                    eviction.offer(score(measure, access, entry, now), db, entry.key());
                }
                free
            });
            eviction.leaf = leaf;
        }
    }

    /// Takes the best candidate that is still there and still what it was.
    fn best_of_pool(&mut self, now: i64) -> Option<(usize, u64, Vec<u8>)> {
        let Choice { measure, volatile, .. } = self.eviction.choice;
        while let Some(best) = self.eviction.pool.pop() {
            let Some(n) = self.dbs.iter().position(|db| db.table == best.table) else { continue };
            let (db, hash) = (&self.dbs[n], best.hash);
            let Some(entry) = db.peek(hash, &best.key) else { continue };
            let fits = !volatile || entry.deadline().is_some();
            if !fits || is_leased(&self.leases, db, &best.key) {
                continue;
            }
            let is = score(measure, &self.access, &entry, now);
            let next = self.eviction.pool.last().map_or(0, |next| next.score);
            if is < best.score && is < next {
                // It was used since: others can be spared better.
                self.eviction.offer(is, db, &best.key);
                continue;
            }
            self.fetch_next();
            return Some((n, hash, best.key));
        }
        None
    }

    /// Asks for the entry that most likely goes next, and for the bucket of the one after it.
    fn fetch_next(&self) {
        for (next, what) in self.eviction.pool.iter().rev().zip([Fetch::Entry, Fetch::Bucket]) {
            if let Some(db) = self.dbs.iter().find(|db| db.table == next.table) {
                db.dict.fetch(next.hash, what);
            }
        }
    }
}

#[cfg(test)]
#[path = "evict_tests.rs"]
mod tests;
