//! One database: its table and its deadline index, changed together or not at all.
//!
//! Invariant: the index holds exactly one item for each entry with a deadline. Nothing here has
//! side effects on counters, events or access stamps; that is `keys.rs`.

use super::entry::{Entry, View};
use crate::base::hash::Seed;
use crate::ds::deadlines::Deadlines;
use crate::ds::dict::{Dict, Place, Ref};
use crate::env::Garbage;

/// One database.
pub struct Db {
    /// Identity of the table, which SWAPDB moves and FLUSH replaces; walks follow it.
    pub table: u64,
    /// The entries.
    pub dict: Dict<Entry>,
    /// When they are due.
    pub deadlines: Deadlines,
    /// Bytes of all entries.
    pub bytes: usize,
    deadline_sum: i128,
}

/// The bits of a hash that the deadline index keeps.
#[inline]
fn top(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Db {
    /// An empty database.
    pub fn new(table: u64, seed: Seed) -> Db {
        Db { table, dict: Dict::new(seed), deadlines: Deadlines::new(), bytes: 0, deadline_sum: 0 }
    }

    /// Bytes of the table and the index, which are not the data itself.
    pub fn overhead(&self) -> usize {
        self.dict.bytes() + self.deadlines.bytes()
    }

    /// Looks without any effect.
    #[inline]
    pub fn peek(&self, hash: u64, key: &[u8]) -> Option<Ref<'_, Entry>> {
        self.dict.find(hash, key)
    }

    /// Adds an entry whose key is absent.
    pub fn insert(&mut self, hash: u64, entry: Entry) {
        self.bytes += entry.bytes();
        if let Some(at) = entry.deadline() {
            self.index(at, hash);
        }
        self.dict.insert(hash, entry);
    }

    /// Takes an entry out.
    pub fn take(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let entry = self.dict.remove(hash, key)?;
        self.bytes -= entry.bytes();
        if let Some(at) = entry.deadline() {
            self.unindex(at, hash);
        }
        Some(entry)
    }

    /// Adds an entry, or puts it in the place of the one with its key, which is returned.
    pub fn put(&mut self, hash: u64, entry: Entry) -> Option<Entry> {
        let Some(mut slot) = self.dict.find_mut(hash, entry.key()) else {
            self.insert(hash, entry);
            return None;
        };
        let (bytes, was) = (slot.bytes(), slot.deadline());
        let (added, is) = (entry.bytes(), entry.deadline());
        let mut old = None;
        slot.replace_with(|entry_before| {
            old = Some(entry_before);
            entry
        });
        drop(slot);
        self.bytes = self.bytes + added - bytes;
        self.reindex(hash, was, is);
        old
    }

    /// Changes an entry through `f`, which may replace it; books bytes and deadline. False when
    /// the key is absent.
    pub fn change(&mut self, hash: u64, key: &[u8], f: impl FnOnce(Entry) -> Entry) -> bool {
        let Some((place, _)) = self.dict.find_place(hash, key) else { return false };
        self.change_at(place, hash, f);
        true
    }

    /// `change` of the entry that was just found here.
    pub fn change_at(&mut self, place: Place, hash: u64, f: impl FnOnce(Entry) -> Entry) {
        let mut slot = self.dict.at_mut(place, hash);
        let (bytes, was) = (slot.bytes(), slot.deadline());
        slot.replace_with(f);
        let (after, is) = (slot.bytes(), slot.deadline());
        drop(slot);
        self.bytes = self.bytes + after - bytes;
        self.reindex(hash, was, is);
    }

    fn reindex(&mut self, hash: u64, was: Option<i64>, is: Option<i64>) {
        if was != is {
            if let Some(at) = was {
                self.unindex(at, hash);
            }
            if let Some(at) = is {
                self.index(at, hash);
            }
        }
    }

    fn index(&mut self, at: i64, hash: u64) {
        self.deadlines.insert(at, top(hash));
        self.deadline_sum += i128::from(at);
    }

    fn unindex(&mut self, at: i64, hash: u64) {
        let known = self.deadlines.remove(at, top(hash));
        debug_assert!(known, "a deadline was not in the index");
        self.deadline_sum -= i128::from(at);
    }

    /// Leaves the key with this hash and deadline, which has passed, to those who ask for it:
    /// nobody else deletes it before `until`.
    pub fn rest(&mut self, at: i64, hash: u64, until: i64) {
        self.deadlines.rest(at, top(hash), until);
    }

    /// The key that is due first, when its deadline has passed and it does not rest.
    pub fn first_due(&mut self, now: i64) -> Option<(u64, Vec<u8>)> {
        self.deadlines.wake(now);
        let (at, bits) = self.deadlines.first().filter(|(at, _)| *at < now)?;
        let found = self.dict.find_position(bits, &mut |e: &Entry| e.deadline() == Some(at));
        let key = found.expect("every deadline belongs to an entry").key().to_vec();
        Some((self.dict.hash(&key), key))
    }

    /// The key that is due first of those that are not `held`.
    pub fn due_but(&self, now: i64, held: &dyn Fn(&[u8]) -> bool) -> Option<(u64, Vec<u8>)> {
        let due = self.deadlines.iter().take_while(|(at, _)| *at < now);
        due.filter_map(|(at, bits)| {
            let mut free = |e: &Entry| e.deadline() == Some(at) && !held(e.key());
            self.dict.find_position(bits, &mut free)
        })
        .next()
        .map(|entry| (self.dict.hash(entry.key()), entry.key().to_vec()))
    }

    /// Mean of the remaining times of all keys with a deadline, milliseconds.
    pub fn average_ttl(&self, now: i64) -> i64 {
        let n = self.deadlines.len() as i128;
        if n == 0 { 0 } else { ((self.deadline_sum / n) as i64 - now).max(0) }
    }

    /// Takes all content out and leaves the database empty under a new table identity.
    pub fn take_all(&mut self, table: u64) -> (u64, Contents) {
        let contents = Contents {
            dict: self.dict.take_all(),
            deadlines: self.deadlines.take_all(),
            bytes: std::mem::take(&mut self.bytes),
        };
        self.deadline_sum = 0;
        (std::mem::replace(&mut self.table, table), contents)
    }

    /// Asserts the invariants; walks everything.
    pub fn check(&self) {
        self.dict.check();
        self.deadlines.check();
        let (mut timed, mut bytes, mut cursor) = (0, 0, 0);
        loop {
            cursor = self.dict.scan(cursor, &mut |e: &Entry| {
                bytes += e.bytes();
                if let View::Boxed(value) = e.view() {
                    value.check();
                }
                timed += usize::from(e.deadline().is_some());
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(timed, self.deadlines.len(), "one index item for each deadline");
        assert_eq!(bytes, self.bytes, "booked bytes");
        for (at, bits) in self.deadlines.iter() {
            let hit = self.dict.find_position(bits, &mut |e: &Entry| e.deadline() == Some(at));
            assert!(hit.is_some(), "an index item without its entry");
        }
    }
}

/// What a database held, on its way to a walk or to be freed.
pub struct Contents {
    /// The entries.
    pub dict: Dict<Entry>,
    /// Their deadlines.
    pub deadlines: Deadlines,
    bytes: usize,
}

impl Garbage for Contents {
    fn bytes(&self) -> usize {
        self.bytes + self.dict.bytes() + self.deadlines.bytes()
    }

    fn objects(&self) -> usize {
        self.dict.len()
    }
}

impl Garbage for Entry {
    fn bytes(&self) -> usize {
        Entry::bytes(self)
    }
}
