//! `Keys`: the selected database behind its lookup policy.
//!
//! What a lookup does, here and nowhere else: an expired key is deleted (with its event and its
//! DEL) or hidden; a read counts as hit or miss, and a miss may be announced; the access stamp is
//! renewed; a walk is handed what is about to go. `touch` is the single call for the change
//! counter, WATCH, notifications and tracking.

use super::access::{AccessPolicy, idle_ms};
use super::db::Db;
use super::effects::{Event, class};
use super::entry::{Entry, New, SHORT_MAX, View, view_of};
use super::{ExpiryPolicy, Keyspace};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::ds::dict::{Ref, Thin};
use crate::resp::request::Argv;
use crate::value::Value;
use crate::value::string::{BigStr, EMBSTR_MAX, SHARED_MIN, Str, StrRef};
use bytes::Bytes;

/// A value type as handlers name it.
pub trait ValueType {
    /// How a value of the type is borrowed. Small values live inside their entry, so there is no
    /// `&Self` to lend.
    type Ref<'a>;
    /// The value, when it is of this type.
    fn view(view: View<'_>) -> Result<Self::Ref<'_>, Error>;
}

impl ValueType for Str {
    type Ref<'a> = StrRef<'a>;

    #[inline]
    fn view(view: View<'_>) -> Result<StrRef<'_>, Error> {
        match view {
            View::Int(n) => Ok(StrRef::Int(n)),
            View::Short(bytes, _) => Ok(StrRef::Bytes(bytes)),
            View::Boxed(value) => value.as_string(),
        }
    }
}

/// A string to be stored.
pub enum NewStr<'v> {
    /// These bytes, in the encoding Redis would choose.
    Bytes(&'v [u8]),
    /// These bytes as text, also when they read as an integer.
    Text(&'v [u8]),
    /// An integer.
    Int(i64),
    /// A large buffer, adopted as it is.
    Taken(Bytes),
    /// Bytes that keep the encoding `raw`.
    Raw(Vec<u8>),
}

/// What becomes of the deadline of an overwritten key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// It goes.
    Clear,
    /// It stays.
    Keep,
    /// It becomes this one, milliseconds since 1970.
    At(i64),
}

/// Hashes computed ahead of their use, by the address of the key they belong to: one for the first
/// argument of the running command, and those of a command with many keys. Only ever a hint: the
/// argument buffers do not move while a command runs, and all are dropped after it.
#[derive(Default)]
pub struct Hints {
    first: (usize, usize, u64),
    list: Vec<(usize, usize, u64)>,
    next: usize,
}

impl Hints {
    /// Forgets all.
    #[inline]
    pub fn clear(&mut self) {
        self.first = (0, 0, 0);
        self.list.clear();
        self.next = 0;
    }

    /// Remembers the hash of the running command's first argument, if it was computed.
    #[inline]
    pub fn expect_first(&mut self, key: &[u8], hash: Option<u64>) {
        self.first = hash.map_or((0, 0, 0), |hash| (key.as_ptr().addr(), key.len(), hash));
    }

    #[inline]
    fn find(&mut self, key: &[u8]) -> Option<u64> {
        let (addr, len) = (key.as_ptr().addr(), key.len());
        if (self.first.0, self.first.1) == (addr, len) {
            return Some(self.first.2);
        }
        let known = self.list.get(self.next)?;
        if (known.0, known.1) != (addr, len) {
            return None;
        }
        self.next += 1;
        Some(known.2)
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

    /// Deletes the key if it is past its deadline; true when it is to be treated as absent.
    #[inline]
    fn gone(&mut self, hash: u64, key: &[u8]) -> bool {
        !self.db().deadlines.is_empty() && self.gone_slow(self.db, hash, key)
    }

    #[cold]
    fn gone_slow(&mut self, db: usize, hash: u64, key: &[u8]) -> bool {
        let expired =
            self.space.dbs[db].peek(hash, key).is_some_and(|entry| entry.expired(self.now));
        if expired && self.space.expiry == ExpiryPolicy::Delete {
            self.space.expire_key(db, hash, key);
        }
        expired
    }

    /// Looks a key up for reading: counts, stamps, announces a miss.
    #[inline]
    fn find_read(&mut self, key: &[u8]) -> Option<Ref<'_, Entry>> {
        let hash = self.hash(key);
        let absent = self.gone(hash, key);
        let space = &mut *self.space;
        let found = if absent { None } else { space.dbs[self.db].dict.find(hash, key) };
        match &found {
            Some(entry) => {
                space.counters.hits += 1;
                if self.stamp {
                    let stamp = space.access.accessed(entry.access(), self.now, &mut space.rng);
                    entry.set_access(stamp);
                }
            }
            None => {
                space.counters.misses += 1;
                space.effects.notify(self.db, key, Event::new(class::KEY_MISS, "keymiss"));
            }
        }
        found
    }

    /// Looks a key up before a write, or without any effect on counters and stamps.
    #[inline]
    fn find_quiet(&mut self, key: &[u8]) -> Option<Ref<'_, Entry>> {
        let hash = self.hash(key);
        if self.gone(hash, key) {
            return None;
        }
        self.space.dbs[self.db].dict.find(hash, key)
    }

    /// Reads a value of type `T`; an error when the key holds another type.
    #[inline]
    pub fn read<T: ValueType>(&mut self, key: &[u8]) -> Result<Option<T::Ref<'_>>, Error> {
        match self.find_read(key) {
            Some(entry) => T::view(view_of(&entry)).map(Some),
            None => Ok(None),
        }
    }

    /// The value of type `T` that a write is going to change; not counted as a read.
    #[inline]
    pub fn for_write<T: ValueType>(&mut self, key: &[u8]) -> Result<Option<T::Ref<'_>>, Error> {
        match self.find_quiet(key) {
            Some(entry) => T::view(view_of(&entry)).map(Some),
            None => Ok(None),
        }
    }

    /// A key of any type, as a read: counted and stamped.
    pub fn entry(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let access = self.space.access;
        self.find_read(key).map(|entry| EntryRef::new(view_of(&entry), &entry, access))
    }

    /// A key of any type, without counting or stamping.
    pub fn entry_quiet(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let access = self.space.access;
        self.find_quiet(key).map(|entry| EntryRef::new(view_of(&entry), &entry, access))
    }

    /// Whether the key exists, before a write.
    pub fn exists_for_write(&mut self, key: &[u8]) -> bool {
        self.find_quiet(key).is_some()
    }

    /// Whether a key exists in another database.
    pub fn exists_in(&mut self, db: usize, key: &[u8]) -> bool {
        let hash = self.space.dbs[db].dict.hash(key);
        !self.gone_slow(db, hash, key) && self.space.dbs[db].peek(hash, key).is_some()
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
            hints.list.push((key.as_ptr().addr(), key.len(), hash));
        }
        for (_, _, hash) in &hints.list {
            dict.prefetch_entry(*hash);
        }
    }

    /// Creates or overwrites a key, whatever it held, by a string.
    pub fn set_string(&mut self, key: &[u8], value: NewStr<'_>, ttl: Ttl) {
        let hash = self.hash(key);
        self.gone(hash, key);
        if self.overwrite_in_place(hash, key, &value, ttl) {
            return;
        }
        let space = &mut *self.space;
        let stamp = space.access.born(self.now);
        let target = &mut space.dbs[self.db];
        let (deadline, epoch) = match target.peek(hash, key) {
            Some(old) => (old.deadline(), old.epoch()),
            None => (None, space.walks.epoch),
        };
        let deadline = match ttl {
            Ttl::Clear => None,
            Ttl::Keep => deadline,
            Ttl::At(at) => Some(at),
        };
        let new = match value {
            NewStr::Int(n) => New::Int(n),
            NewStr::Bytes(b) => match parse_i64(b) {
                Some(n) => New::Int(n),
                None => text(b),
            },
            NewStr::Text(b) => text(b),
            NewStr::Taken(b) if b.len() >= SHARED_MIN => boxed(BigStr::Shared(b)),
            NewStr::Taken(b) => boxed(BigStr::Owned(b.to_vec())),
            NewStr::Raw(v) => boxed(BigStr::Owned(v)),
        };
        let entry = Entry::new(key, new, deadline, epoch, stamp);
        self.place(self.db, hash, entry);
    }

    /// Puts an entry into a database, over whatever has its key.
    fn place(&mut self, db: usize, hash: u64, entry: Entry) {
        let space = &mut *self.space;
        let announce = space.effects.interest.notify & class::NEW != 0;
        let name = if announce { entry.key().to_vec() } else { Vec::new() };
        match space.dbs[db].put(hash, entry) {
            Some(old) => space.discard(old),
            None if announce => {
                space.effects.notify(db, &name, Event::new(class::NEW, "new"));
            }
            None => {}
        }
    }

    /// The common case of SET on a key of the same kind and size: no allocation, one lookup.
    #[inline]
    fn overwrite_in_place(&mut self, hash: u64, key: &[u8], v: &NewStr<'_>, ttl: Ttl) -> bool {
        let space = &mut *self.space;
        let Some(mut slot) = space.dbs[self.db].dict.find_mut(hash, key) else { return false };
        let fits = match (ttl, slot.deadline()) {
            (Ttl::Clear, None) | (Ttl::Keep, _) => true,
            (Ttl::At(at), Some(was)) => at == was,
            _ => false,
        };
        if !fits {
            return false;
        }
        let done = match v {
            NewStr::Int(n) => slot.overwrite_int(*n),
            NewStr::Bytes(b) => match parse_i64(b) {
                Some(n) => slot.overwrite_int(n),
                None => slot.overwrite_short(b, b.len() > EMBSTR_MAX),
            },
            NewStr::Text(b) => slot.overwrite_short(b, b.len() > EMBSTR_MAX),
            NewStr::Taken(_) | NewStr::Raw(_) => false,
        };
        if done {
            slot.set_access(space.access.born(self.now));
        }
        done
    }

    /// Changes the bytes of a string, which starts empty when the key is missing. The caller made
    /// sure that it holds a string.
    pub fn edit_string<R>(&mut self, key: &[u8], f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let hash = self.hash(key);
        self.gone(hash, key);
        if self.space.dbs[self.db].peek(hash, key).is_none() {
            let mut bytes = Vec::new();
            let result = f(&mut bytes);
            self.set_string(key, NewStr::Raw(bytes), Ttl::Clear);
            return result;
        }
        let mut result = None;
        self.space.dbs[self.db].change(hash, key, |mut entry| {
            let mut bytes = match entry.boxed_mut() {
                Some(Value::Str(s)) => std::mem::take(s).into_vec(),
                None => Str::view(entry.view())
                    .map_or_else(|_| Vec::new(), |s| s.with_bytes(<[u8]>::to_vec)),
            };
            result = Some(f(&mut bytes));
            let bytes = BigStr::Owned(bytes);
            if let Some(Value::Str(s)) = entry.boxed_mut() {
                *s = bytes;
                return entry;
            }
            let raw = New::Boxed(Box::new(Value::Str(bytes)));
            Entry::new(entry.key(), raw, entry.deadline(), entry.epoch(), entry.access())
        });
        result.expect("the key was just seen")
    }

    /// Deletes a key; false when there was none.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        !self.gone(hash, key) && self.space.remove(self.db, hash, key)
    }

    /// Sets the deadline of a key; false when there is none.
    pub fn set_deadline(&mut self, key: &[u8], at_ms: i64) -> bool {
        let hash = self.hash(key);
        let change = |entry: Entry| entry.with_deadline(Some(at_ms));
        !self.gone(hash, key) && self.space.dbs[self.db].change(hash, key, change)
    }

    /// Takes the deadline from a key; true when it had one.
    pub fn clear_deadline(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        if self.gone(hash, key) {
            return false;
        }
        let db = &mut self.space.dbs[self.db];
        let timed = db.peek(hash, key).is_some_and(|entry| entry.deadline().is_some());
        timed && db.change(hash, key, |entry| entry.with_deadline(None))
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
        let source = &mut space.dbs[self.db];
        if let Some(entry) = source.peek(hash, from) {
            let position = source.dict.position_of(hash);
            space.walks.before_removal(source.table, position, &entry);
        }
        let Some(entry) = source.take(hash, from) else { return };
        let epoch = space.walks.epoch;
        self.replace(to_db, entry.renamed(to, epoch));
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

    /// Deletes what has the key of `entry`, then puts it there: a new key as far as walks care.
    fn replace(&mut self, db: usize, entry: Entry) {
        let hash = self.space.dbs[db].dict.hash(entry.key());
        self.space.remove(db, hash, entry.key());
        self.place(db, hash, entry);
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

    /// A key of database `db` changed.
    pub fn touch_in(&mut self, db: usize, key: &[u8], event: Event) {
        self.space.effects.touched(db, key, event);
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
            if !self.gone_slow(self.db, hash, &key) || self.space.expiry == ExpiryPolicy::Hide {
                continue;
            }
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
            self.gone_slow(self.db, hash, &key);
        }
        next
    }
}

fn text(bytes: &[u8]) -> New<'_> {
    match bytes.len() {
        0..=SHORT_MAX => New::Short(bytes, bytes.len() > EMBSTR_MAX),
        _ => boxed(BigStr::Owned(bytes.to_vec())),
    }
}

fn boxed<'v>(value: BigStr) -> New<'v> {
    New::Boxed(Box::new(Value::Str(value)))
}

/// A look at one key, whatever its type.
pub struct EntryRef<'a> {
    view: View<'a>,
    deadline: Option<i64>,
    stamp: u32,
    bytes: usize,
    access: AccessPolicy,
}

impl<'a> EntryRef<'a> {
    fn new(view: View<'a>, entry: &Entry, access: AccessPolicy) -> EntryRef<'a> {
        let (deadline, stamp, bytes) = (entry.deadline(), entry.access(), entry.bytes());
        EntryRef { view, deadline, stamp, bytes, access }
    }

    /// The type's name, as `TYPE` prints it.
    pub fn type_name(&self) -> &'static str {
        match self.view {
            View::Boxed(value) => value.type_name(),
            View::Int(_) | View::Short(..) => "string",
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        match self.view {
            View::Int(_) => "int",
            View::Short(_, false) => "embstr",
            View::Short(_, true) => "raw",
            View::Boxed(value) => value.encoding(),
        }
    }

    /// Milliseconds since 1970 at which the key is due.
    pub fn deadline(&self) -> Option<i64> {
        self.deadline
    }

    /// Milliseconds since the last access, in steps of the LRU clock.
    pub fn idle_ms(&self, now: i64) -> i64 {
        idle_ms(self.stamp, now)
    }

    /// The LFU counter.
    pub fn freq(&self, now: i64) -> u8 {
        self.access.decayed(self.stamp, now)
    }

    /// Whether accesses are counted (LFU) rather than dated (LRU).
    pub fn counts_accesses(&self) -> bool {
        self.access.lfu
    }

    /// Bytes of the entry and its value.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
