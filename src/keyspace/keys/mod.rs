//! `Keys`: the selected database behind its lookup policy.
//!
//! What a lookup does, here and nowhere else: an expired key is deleted (with its event and its
//! DEL) or hidden; a read counts as hit or miss, and a miss may be announced; the access stamp is
//! renewed; a walk is handed what is about to go. `touch` is the single call for the change
//! counter, WATCH, notifications and tracking.

mod edit;
mod foreign;
mod hashes;
mod hints;
mod lists;
mod look;
mod sets;
mod streams;
mod strings;
mod zsets;

use super::db::Db;
use super::effects::{Event, class};
use super::entry::{Entry, New, View, view_of};
use super::{ExpiryPolicy, Keyspace};
use crate::base::error::Error;
use crate::ds::dict::{Place, Ref};
use crate::resp::request::Argv;
use crate::value::Value;
pub use edit::Edit;
pub use hints::{Hint, Hints};
pub use look::{Boxed, EntryRef};
pub use strings::{NewStr, Patched, Ttl, make_room};

/// A value type as handlers name it.
pub trait ValueType {
    /// How a value of the type is borrowed. Small values live inside their entry, so there is no
    /// `&Self` to lend.
    type Ref<'a>;
    /// The value, when it is of this type.
    fn view(view: View<'_>) -> Result<Self::Ref<'_>, Error>;
}

/// What a search for a key came to.
enum Seen {
    /// It is here.
    Live(Place),
    /// It is past its deadline, but not to be deleted now: to be treated as absent, though what is
    /// written under its name takes its place.
    Hidden,
    /// There is no such key.
    Absent,
}

impl Seen {
    /// Where the key is, if it counts as there.
    #[inline]
    fn place(&self) -> Option<Place> {
        match self {
            Seen::Live(place) => Some(*place),
            Seen::Hidden | Seen::Absent => None,
        }
    }
}

/// The selected database, with the unit's frozen time.
pub struct Keys<'a> {
    space: &'a mut Keyspace,
    db: usize,
    stamp: bool,
    /// Wall time of the unit, milliseconds since 1970.
    pub now: i64,
}

impl Keyspace {
    /// The door to database `db`. `stamp` is off for clients in NO-TOUCH mode.
    pub fn keys(&mut self, db: usize, now: i64, stamp: bool) -> Keys<'_> {
        Keys { space: self, db, stamp, now }
    }

    /// The list of hashes computed ahead.
    pub fn hints(&mut self) -> &mut Hints {
        &mut self.hints
    }
}

impl<'a> Keys<'a> {
    #[inline]
    fn hash(&mut self, key: &[u8]) -> u64 {
        match self.space.hints.find(key) {
            Some(hash) => hash,
            None => self.space.dbs[self.db].dict.hash(key),
        }
    }

    #[inline]
    fn db(&self) -> &Db {
        &self.space.dbs[self.db]
    }

    /// Looks for a key of database `db`, which is deleted or hidden when it is past its deadline.
    #[inline]
    fn see_in(&mut self, db: usize, hash: u64, key: &[u8]) -> Seen {
        let Some((place, entry)) = self.space.dbs[db].dict.find_place(hash, key) else {
            return Seen::Absent;
        };
        if entry.expired(self.now) { self.see_expired(db, hash, key) } else { Seen::Live(place) }
    }

    #[cold]
    fn see_expired(&mut self, db: usize, hash: u64, key: &[u8]) -> Seen {
        // What work still holds is as good as gone, but goes when that is done.
        if self.space.expiry != ExpiryPolicy::Delete || self.space.is_held(db, key) {
            return Seen::Hidden;
        }
        self.space.expire_key(db, hash, key);
        Seen::Absent
    }

    /// `see_in` the selected database.
    #[inline]
    fn see(&mut self, hash: u64, key: &[u8]) -> Seen {
        self.see_in(self.db, hash, key)
    }

    /// Where the key is; `None` when it is absent or to be treated so.
    #[inline]
    fn live(&mut self, hash: u64, key: &[u8]) -> Option<Place> {
        self.see(hash, key).place()
    }

    /// Looks a key up for reading: counts, stamps, announces a miss.
    #[inline]
    fn find_read(&mut self, key: &[u8], stamp: bool) -> Option<Ref<'_, Entry>> {
        let hash = self.hash(key);
        let place = self.live(hash, key);
        let space = &mut *self.space;
        let found = place.map(|place| space.dbs[self.db].dict.at(place));
        match &found {
            Some(entry) => {
                space.counters.hits += 1;
                if stamp {
                    let stamp = space.access.accessed(entry.access(), self.now, &mut space.rng);
                    entry.set_access(stamp);
                }
            }
            None => {
                space.counters.misses += 1;
                space.effects.announce(self.db, key, Event::new(class::KEY_MISS, "keymiss"));
            }
        }
        found
    }

    /// Looks a key up before a write: stamped, but neither hit nor miss.
    #[inline]
    fn find_write(&mut self, key: &[u8]) -> Option<Ref<'_, Entry>> {
        let hash = self.hash(key);
        let place = self.live(hash, key);
        let space = &mut *self.space;
        let found = place.map(|place| space.dbs[self.db].dict.at(place));
        if let (Some(entry), true) = (&found, self.stamp) {
            let stamp = space.access.accessed(entry.access(), self.now, &mut space.rng);
            entry.set_access(stamp);
        }
        found
    }

    /// Looks a key up without any effect on counters and stamps.
    #[inline]
    fn find_quiet(&mut self, key: &[u8]) -> Option<Ref<'_, Entry>> {
        let hash = self.hash(key);
        let place = self.live(hash, key)?;
        Some(self.db().dict.at(place))
    }

    /// Reads a value of type `T`; an error when the key holds another type.
    #[inline]
    pub fn read<T: ValueType>(&mut self, key: &[u8]) -> Result<Option<T::Ref<'_>>, Error> {
        match self.find_read(key, self.stamp) {
            Some(entry) => T::view(view_of(&entry)).map(Some),
            None => Ok(None),
        }
    }

    /// Another look at a key that the running command has read: without any effect, so that
    /// several values can be borrowed together. `None` also when it holds another type.
    #[inline]
    pub fn again<T: ValueType>(&self, key: &[u8]) -> Option<T::Ref<'_>> {
        let entry = self.db().peek(self.db().dict.hash(key), key)?;
        if entry.expired(self.now) {
            return None;
        }
        T::view(view_of(&entry)).ok()
    }

    /// The value of type `T` that a write is going to change; not counted as a read.
    #[inline]
    pub fn for_write<T: ValueType>(&mut self, key: &[u8]) -> Result<Option<T::Ref<'_>>, Error> {
        match self.find_write(key) {
            Some(entry) => T::view(view_of(&entry)).map(Some),
            None => Ok(None),
        }
    }

    /// A key of any type, counted as a read but not stamped: asking about a key is no use of it.
    pub fn ask(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let access = self.space.access;
        self.find_read(key, false).map(|entry| EntryRef::new(view_of(&entry), &entry, access))
    }

    /// A key of any type, as a read: counted and stamped.
    pub fn entry(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let access = self.space.access;
        self.find_read(key, self.stamp).map(|entry| EntryRef::new(view_of(&entry), &entry, access))
    }

    /// A key of any type, without counting or stamping.
    pub fn entry_quiet(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let access = self.space.access;
        self.find_quiet(key).map(|entry| EntryRef::new(view_of(&entry), &entry, access))
    }

    /// The deadline of a key, without counting or stamping; the outer `None` when there is no key.
    pub fn deadline_of(&mut self, key: &[u8]) -> Option<Option<i64>> {
        self.find_quiet(key).map(|entry| entry.deadline())
    }

    /// Whether the key exists, before a write.
    pub fn exists_for_write(&mut self, key: &[u8]) -> bool {
        self.find_quiet(key).is_some()
    }

    /// Whether a key exists in another database.
    pub fn exists_in(&mut self, db: usize, key: &[u8]) -> bool {
        let hash = self.space.dbs[db].dict.hash(key);
        matches!(self.see_in(db, hash, key), Seen::Live(_))
    }

    /// Hashes the keys of a command that has several and brings their buckets and entries into
    /// the cache, so that the misses overlap.
    pub fn prepare<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>) {
        let Keyspace { dbs, hints, .. } = &mut *self.space;
        let dict = &dbs[self.db].dict;
        hints.clear();
        for key in keys {
            let hash = dict.hash(key);
            dict.prefetch_bucket(hash);
            hints.expect_next(key, hash);
        }
        for hash in hints.expected() {
            dict.prefetch_entry(hash);
        }
    }

    /// Deletes a key; false when there was none.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        self.live(hash, key).is_some() && self.space.remove(self.db, hash, key)
    }

    /// Sets the deadline of a key; false when there is none.
    pub fn set_deadline(&mut self, key: &[u8], at_ms: i64) -> bool {
        let hash = self.hash(key);
        let Some(place) = self.live(hash, key) else { return false };
        self.space.before_change(self.db, hash, key);
        let change = |entry: Entry| entry.with_deadline(Some(at_ms));
        self.space.dbs[self.db].change_at(place, hash, change);
        true
    }

    /// Takes the deadline from a key; true when it had one.
    pub fn clear_deadline(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        let Some(place) = self.live(hash, key) else { return false };
        if self.db().dict.at(place).deadline().is_none() {
            return false;
        }
        self.space.before_change(self.db, hash, key);
        self.space.dbs[self.db].change_at(place, hash, |entry| entry.with_deadline(None));
        true
    }

    /// Another collection is about to take the place of the one at `key` in an edit: what an image
    /// still has to tell of that is written now.
    pub fn before_exchange(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        self.space.before_change(self.db, hash, key);
        self.space.finish_long(self.db, key);
    }

    /// Gives the value and deadline of `from`, which exists, to the key `to`, whatever it held.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        self.relocate(from, self.db, to);
    }

    /// Moves a key to the same name in another database; false when it exists there.
    pub fn move_to_db(&mut self, key: &[u8], to_db: usize) -> bool {
        if self.exists_in(to_db, key) {
            return false;
        }
        self.relocate(key, to_db, key);
        true
    }

    fn relocate(&mut self, from: &[u8], to_db: usize, to: &[u8]) {
        let hash = self.hash(from);
        let space = &mut *self.space;
        space.before_removal(self.db, hash, from);
        let source = &mut space.dbs[self.db];
        let table = source.table;
        let Some(entry) = source.take(hash, from) else { return };
        space.ready(self.db, from);
        let epoch = space.walks.epoch;
        self.replace(to_db, entry.renamed(to, epoch));
        self.space.long_moved((table, from), to_db, to);
    }

    /// Gives a copy of the value and deadline of `from`, which exists, to `to` in another database
    /// or this one.
    pub fn copy(&mut self, from: &[u8], to_db: usize, to: &[u8]) {
        let stamp = self.space.access.born(self.now);
        let epoch = self.space.walks.epoch;
        let Some(entry) = self.find_quiet(from) else { return };
        let copy = entry.duplicate(to, epoch, stamp);
        self.replace(to_db, copy);
    }

    /// Gives a copy that was made aside to `to` in another database or this one.
    pub fn put_copy(&mut self, db: usize, to: &[u8], value: Value, deadline: Option<i64>) {
        let (stamp, epoch) = (self.space.access.born(self.now), self.space.walks.epoch);
        self.replace(db, Entry::new(to, New::Boxed(Box::new(value)), deadline, epoch, stamp));
    }

    /// Deletes what has the key of `entry`, then puts it there: a new key as far as walks care.
    fn replace(&mut self, db: usize, entry: Entry) {
        let hash = self.space.dbs[db].dict.hash(entry.key());
        self.space.remove(db, hash, entry.key());
        self.space.place(db, hash, entry);
    }

    /// Number of the selected database.
    pub fn db_index(&self) -> usize {
        self.db
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.space.dbs.len()
    }

    /// A key of the selected database changed.
    #[inline]
    pub fn touch(&mut self, key: &[u8], event: Event) {
        self.space.effects.touched(self.db, key, event);
    }

    /// A key of the selected database went through `n` changes that are told as one event.
    #[inline]
    pub fn touch_n(&mut self, key: &[u8], event: Event, n: u64) {
        self.space.effects.touched_n(self.db, key, event, n);
    }

    /// An event that is told without counting as a change, such as the `del` that follows the
    /// removal of the last element.
    pub fn announce(&mut self, key: &[u8], event: Event) {
        self.space.effects.announce(self.db, key, event);
    }

    /// A key of database `db` went through `n` changes; 0 when they were counted elsewhere.
    pub fn touch_in(&mut self, db: usize, key: &[u8], event: Event, n: u64) {
        self.space.effects.touched_n(db, key, event, n);
    }

    /// A further command for the propagation stream.
    pub fn also(&mut self, argv: Argv) {
        self.space.effects.propagate(self.db, || argv);
    }

    /// Keys in the selected database, those past their deadline but not yet deleted included.
    pub fn len(&self) -> usize {
        self.db().dict.len()
    }

    /// Whether the selected database is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole keyspace, for work on databases rather than keys.
    pub fn space(&mut self) -> &mut Keyspace {
        self.space
    }

    /// The whole keyspace, to look at.
    pub(in crate::keyspace) fn keyspace(&self) -> &Keyspace {
        self.space
    }

    /// A key picked uniformly; expired ones it meets are deleted.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        const TRIES_AMONG_HIDDEN: usize = 100;
        for _ in 0..TRIES_AMONG_HIDDEN {
            let Keyspace { dbs, rng, .. } = &mut *self.space;
            let entry = dbs[self.db].dict.random(rng)?;
            let key = entry.key().to_vec();
            if !entry.expired(self.now) {
                return Some(key);
            }
            let hash = self.db().dict.hash(&key);
            self.see_expired(self.db, hash, &key);
        }
        None
    }

    /// One step of a scan from `cursor`; returns the next cursor, 0 at the end. Expired keys are
    /// deleted, not shown.
    pub fn scan(&mut self, cursor: u64, f: &mut dyn FnMut(&[u8], EntryRef<'_>)) -> u64 {
        let mut dead = Vec::new();
        let (now, access) = (self.now, self.space.access);
        let next = self.db().dict.scan(cursor, &mut |entry: &Entry| {
            if entry.expired(now) {
                dead.push(entry.key().to_vec());
            } else {
                f(entry.key(), EntryRef::new(entry.view(), entry, access));
            }
        });
        for key in dead {
            let hash = self.db().dict.hash(&key);
            self.see_expired(self.db, hash, &key);
        }
        next
    }
}
