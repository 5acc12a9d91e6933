//! The databases, and the only doors to them: `Keys` for commands, `Keyspace` for whole-database
//! work. Nothing here names a client, a socket or a reply.

pub mod access;
pub mod as_commands;
pub mod db;
pub mod digest;
pub mod effects;
pub mod entry;
pub mod evict;
pub mod expire;
pub mod image;
mod image_long;
#[cfg(test)]
mod image_long_tests;
#[cfg(test)]
mod image_tests;
pub mod keys;
pub mod lease;
pub mod mix_digest;
pub mod register;
pub mod saved;
pub mod walk;

use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::env::Garbage;
use crate::value::Value;
use access::AccessPolicy;
use db::Db;
use effects::{Effects, Event, class};
use register::Register;
use walk::{Names, Walks};

/// What happens to a key that is past its deadline when somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExpiryPolicy {
    /// It is deleted, with its event and its DEL in the stream.
    #[default]
    Delete,
    /// It is hidden but stays.
    Hide,
}

/// Counters of the keyspace, as INFO stats shows them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counters {
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Keys deleted because their time had come.
    pub expired: u64,
    /// Keys deleted because memory was short.
    pub evicted: u64,
}

/// All databases.
pub struct Keyspace {
    /// The databases by number.
    pub dbs: Vec<Db>,
    /// What changed.
    pub effects: Effects,
    /// Hits, misses, expired.
    pub counters: Counters,
    /// Walks under way.
    pub walks: Walks,
    /// How accesses are stamped.
    pub access: AccessPolicy,
    /// How values are written.
    pub saving: crate::rdb::Options,
    /// What happens to expired keys.
    pub expiry: ExpiryPolicy,
    /// What long work holds on to.
    pub leases: lease::Leases,
    /// Keys that blocked clients wait for.
    pub waiting: Register,
    /// Keys under WATCH.
    pub watched: Register,
    /// Which key goes when memory is short.
    pub eviction: evict::Eviction,
    /// Everything was emptied on purpose: no snapshot is to bring it back.
    pub flushed: bool,
    /// Collections of so many bytes are saved in pieces.
    pub long_from: usize,
    scratch: Vec<u8>,
    garbage: Vec<Box<dyn Garbage>>,
    garbage_bytes: usize,
    hints: keys::Hints,
    next_table: u64,
    restamp: Option<(usize, u64, u8)>,
    rng: Rng,
}

/// A time at which no key is past its deadline, far enough from the end of numbers to count with.
pub const BEFORE_ALL_DEADLINES: i64 = i64::MIN / 2;

/// Values of at least this many bytes are freed off the loop.
const FREE_ELSEWHERE: usize = 16 * 1024;

/// What some work needed and needs no more; to whoever counts values it is none.
struct Buffer<T>(Vec<T>);

impl<T: Send> Garbage for Buffer<T> {
    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<T>()
    }

    fn objects(&self) -> usize {
        0
    }
}

impl Keyspace {
    /// `databases` empty ones whose tables are hashed with `seed`.
    pub fn new(databases: usize, seed: Seed, rng: Rng) -> Keyspace {
        let dbs = (0..databases).map(|i| Db::new(i as u64, seed)).collect();
        Keyspace {
            dbs,
            effects: Effects::default(),
            counters: Counters::default(),
            walks: Walks::default(),
            access: AccessPolicy::default(),
            saving: crate::rdb::Options::default(),
            expiry: ExpiryPolicy::default(),
            leases: lease::Leases::default(),
            waiting: Register::default(),
            watched: Register::default(),
            eviction: evict::Eviction::default(),
            flushed: false,
            long_from: image::LONG_FROM,
            scratch: Vec::new(),
            garbage: Vec::new(),
            garbage_bytes: 0,
            hints: keys::Hints::default(),
            next_table: databases as u64,
            restamp: None,
            rng,
        }
    }

    /// Exchanges two databases; walks go on with their tables.
    pub fn swap_db(&mut self, a: usize, b: usize) {
        self.touch_watched(a, Some(b));
        self.touch_watched(b, Some(a));
        self.dbs.swap(a, b);
        self.effects.dirty += 1;
        self.all_ready(a);
        self.all_ready(b);
    }

    /// Empties one database; returns how many keys it had.
    pub fn flush_db(&mut self, db: usize) -> usize {
        let keys = self.dbs[db].dict.len();
        if keys == 0 {
            return 0;
        }
        self.touch_watched(db, None);
        self.next_table += 1;
        self.keep_longs_of(db);
        self.hand_over_table(db);
        let (table, contents) = self.dbs[db].take_all(self.next_table);
        if let Some(contents) = self.walks.adopt(table, contents) {
            self.waste(Box::new(contents));
        }
        self.effects.dirty += keys as u64;
        self.all_ready(db);
        keys
    }

    /// Empties all databases; returns how many keys there were.
    pub fn flush_all(&mut self) -> usize {
        self.flushed = true;
        (0..self.dbs.len()).map(|db| self.flush_db(db)).sum()
    }

    /// Puts the databases of another keyspace in the place of all there are, which are emptied like
    /// by FLUSHALL; it is no change as far as the counter goes.
    pub fn replace_all(&mut self, fresh: Keyspace) {
        let dirty = self.effects.dirty;
        for (number, mut db) in fresh.dbs.into_iter().enumerate() {
            self.flush_db(number);
            self.next_table += 1;
            db.table = self.next_table;
            self.dbs[number] = db;
            self.all_ready(number);
        }
        self.effects.dirty = dirty;
    }

    /// What waits to be freed off the loop.
    pub fn take_garbage(&mut self) -> Vec<Box<dyn Garbage>> {
        self.garbage_bytes = 0;
        std::mem::take(&mut self.garbage)
    }

    /// Bytes of it.
    #[inline]
    pub fn garbage_bytes(&self) -> usize {
        self.garbage_bytes
    }

    /// Has this freed off the loop, together with the values that are.
    pub fn waste(&mut self, garbage: Box<dyn Garbage>) {
        self.garbage_bytes += garbage.bytes();
        self.garbage.push(garbage);
    }

    /// Drops a buffer, off the loop when it is large: the pages of a huge one are given back at
    /// once, which takes milliseconds.
    pub fn waste_buffer<T: Send + 'static>(&mut self, buffer: Vec<T>) {
        let buffer = Buffer(buffer);
        if buffer.bytes() >= FREE_ELSEWHERE {
            self.waste(Box::new(buffer));
        }
    }

    /// Bytes of all databases with their tables and indexes.
    pub fn bytes(&self) -> usize {
        self.dbs.iter().map(|db| db.bytes + db.overhead()).sum()
    }

    /// Whether anything waits to be freed.
    #[inline]
    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }

    /// Puts an entry into a database, over whatever has its key.
    fn place(&mut self, db: usize, hash: u64, entry: entry::Entry) {
        self.before_overwrite(db, hash, &entry);
        self.settle(db, hash, entry, Db::put);
    }

    /// `place` of an entry whose key is known to be absent.
    fn place_new(&mut self, db: usize, hash: u64, entry: entry::Entry) {
        self.settle(db, hash, entry, |target, hash, entry| {
            target.insert(hash, entry);
            None
        });
    }

    #[inline]
    fn settle(
        &mut self,
        db: usize,
        hash: u64,
        entry: entry::Entry,
        put: impl FnOnce(&mut Db, u64, entry::Entry) -> Option<entry::Entry>,
    ) {
        let announce = self.effects.interest.notify & class::NEW != 0;
        let awaited = !self.waiting.is_empty();
        let name = if announce || awaited { entry.key().to_vec() } else { Vec::new() };
        match put(&mut self.dbs[db], hash, entry) {
            Some(old) => self.discard(db, old),
            None if announce => self.effects.announce(db, &name, Event::new(class::NEW, "new")),
            None => {}
        }
        if awaited {
            self.ready(db, &name);
        }
    }

    /// The type's name of what a key holds, looked at without any effect.
    pub fn type_of(&self, db: usize, key: &[u8], now: i64) -> Option<&'static str> {
        let hash = self.dbs[db].dict.hash(key);
        let entry = self.dbs[db].peek(hash, key)?;
        (!entry.expired(now)).then(|| entry.type_name())
    }

    /// Whether a key is there but past its deadline.
    pub fn is_overdue(&self, db: usize, key: &[u8], now: i64) -> bool {
        let hash = self.dbs[db].dict.hash(key);
        self.dbs[db].peek(hash, key).is_some_and(|entry| entry.expired(now))
    }

    /// An entry left database `db`.
    fn discard(&mut self, db: usize, entry: entry::Entry) {
        let table = self.dbs[db].table;
        if self.leases.is_empty() {
            return self.discard_from(table, entry, false);
        }
        let hash = self.dbs[db].dict.hash(entry.key());
        if self.leases.holds(table, hash, entry.key()) {
            self.long_leased(table, entry.key());
        }
        if let Some(entry) = self.hand_over(db, entry) {
            self.discard_from(table, entry, false);
        }
    }

    /// An entry left a table, or a lease on what was there.
    fn discard_from(&mut self, table: u64, entry: entry::Entry, leased: bool) {
        let left = match self.walks.image.is_some() {
            true => self.keep_long(table, entry, leased),
            false => Some(entry),
        };
        if let Some(entry) = left {
            self.free(entry);
        }
    }

    /// Frees an entry, off the loop when it is large.
    fn free(&mut self, entry: entry::Entry) {
        if entry.bytes() >= FREE_ELSEWHERE {
            self.waste(Box::new(entry));
        }
    }

    /// Frees a value that never was, or no longer is, under a key; off the loop when it is large.
    pub fn free_value(&mut self, value: Value) {
        self.free(entry::Entry::new(b"", entry::New::Boxed(Box::new(value)), None, 0, 0));
    }

    /// Goes on with a walk until `more` says stop.
    pub fn step_walk(&mut self, id: u64, more: &mut dyn FnMut() -> bool) -> (Names, bool) {
        let dbs = &self.dbs;
        self.walks.step(id, |table| dbs.iter().find(|d| d.table == table).map(|d| &d.dict), more)
    }

    /// Starts a walk over one database that collects the names matching `pattern`.
    pub fn start_walk(&mut self, db: usize, pattern: Vec<u8>, now: i64) -> u64 {
        self.walks.start(self.dbs[db].table, pattern, now)
    }

    /// Ends a walk, finished or not.
    pub fn end_walk(&mut self, id: u64) {
        for contents in self.walks.end(id) {
            self.waste(Box::new(contents));
        }
    }

    /// Stamps entries with the present epoch when the byte would otherwise come round; a few
    /// buckets at a time. True while there is more to do.
    pub fn restamp(&mut self, more: &mut dyn FnMut() -> bool) -> bool {
        if self.restamp.is_none() {
            if !self.walks.wants_restamp() {
                return false;
            }
            self.restamp = Some((0, 0, self.walks.epoch));
        }
        if !self.walks.is_empty() {
            return false;
        }
        while let Some((db, cursor, epoch)) = self.restamp {
            if db == self.dbs.len() {
                self.walks.restamped(epoch);
                self.restamp = None;
                break;
            }
            let next = self.dbs[db].dict.scan(cursor, &mut |e: &entry::Entry| e.set_epoch(epoch));
            self.restamp = Some(if next == 0 { (db + 1, 0, epoch) } else { (db, next, epoch) });
            if !more() {
                return true;
            }
        }
        false
    }

    /// Asserts the invariants of everything; for tests and simulation.
    pub fn check(&self) {
        for db in &self.dbs {
            db.check();
        }
    }
}

#[cfg(test)]
mod tests;
