//! Leases: long work over a large value takes many slices, and the value must stay as it was when
//! the work began.
//!
//! A lease keeps nobody from reading. Whoever is about to change a leased value in place has the
//! work finished first (the engine sees to that before a command starts); whoever deletes,
//! overwrites or flushes it hands it over: the entry moves into the lease, and the key is free.
//! Leases follow tables, so SWAPDB does not concern them.
//!
//! Work that writes takes effect when it ends, so nothing it depends on may change or go before:
//! whoever replays the calls in the order they ended would see something else. Its leases are
//! `held`, and such a key is finished with before it is deleted or expires. An exclusive lease is
//! that of work which changes its value slice by slice: nobody else may even look before it ends.

use super::Keyspace;
use super::entry::{Entry, view_in};
use super::keys::{Keys, ValueType};
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// What a command does to a key that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It reads it.
    Looks,
    /// It deletes or overwrites it: the value itself stays as it was.
    Replaces,
    /// It changes the value in place.
    Changes,
}

/// The right to a value as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(u64);

struct Held {
    table: u64,
    hash: u64,
    key: Box<[u8]>,
    /// It may not go before the work ends.
    stays: bool,
    exclusive: bool,
    users: Vec<u64>,
    /// The entry, once it was handed over; the key then leads elsewhere.
    entry: Option<Entry>,
}

/// All leases. A value has the number of the lease that was the first on it.
#[derive(Default)]
pub struct Leases {
    held: BTreeMap<u64, Held>,
    /// What is still under its key, by table and hash: few have the same.
    attached: BTreeSet<(u64, u64, u64)>,
    /// The value that each lease is on.
    users: BTreeMap<u64, u64>,
    last: u64,
    /// The last one that `taken` told of.
    told: u64,
}

impl Leases {
    /// Whether there is none: the common case, and all that most commands look at.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether there is work that changes its value slice by slice.
    pub fn any_exclusive(&self) -> bool {
        self.exclusive().next().is_some()
    }

    /// The leases under which a value is changed slice by slice, and those that share its key.
    pub fn exclusive(&self) -> impl Iterator<Item = u64> {
        let held = self.held.values().filter(|held| held.exclusive);
        held.flat_map(|held| held.users.iter().copied())
    }

    /// The leases that were taken since the last call.
    pub fn taken(&mut self) -> RangeInclusive<u64> {
        let first = self.told + 1;
        self.told = self.last;
        first..=self.last
    }

    /// Whether long work holds on to this key's value.
    #[inline]
    pub(super) fn holds(&self, table: u64, hash: u64, key: &[u8]) -> bool {
        !self.held.is_empty() && self.find(table, hash, key).is_some()
    }

    /// The number of the value under this key, if it is leased.
    fn find(&self, table: u64, hash: u64, key: &[u8]) -> Option<u64> {
        let mut same = self.attached.range((table, hash, 0)..=(table, hash, u64::MAX));
        same.find(|(.., number)| *self.held[number].key == *key).map(|(.., number)| *number)
    }

    /// The value that was under this key and is still to be told of by an image.
    pub(super) fn captured(&mut self, table: u64, key: &[u8]) -> Option<&mut Value> {
        let held = self.held.values_mut().filter(|h| h.table == table && *h.key == *key);
        let mut values = held.filter_map(|h| h.entry.as_mut()?.boxed_mut());
        values.find(|value| value.is_captured())
    }

    fn of(&self, lease: Lease) -> Option<&Held> {
        self.held.get(self.users.get(&lease.0)?)
    }
}

impl Keyspace {
    /// The leases that a command which names this key must wait for: always exclusive ones,
    /// otherwise as it touches the key.
    pub fn in_the_way(&self, db: usize, key: &[u8], touch: Touch) -> &[u64] {
        let db = &self.dbs[db];
        let Some(number) = self.leases.find(db.table, db.dict.hash(key), key) else { return &[] };
        let held = &self.leases.held[&number];
        let forbids = match touch {
            Touch::Looks => held.exclusive,
            Touch::Replaces => held.stays,
            Touch::Changes => true,
        };
        if forbids { &held.users } else { &[] }
    }

    /// Whether a key is held by work that is not done: it may not expire now.
    pub(super) fn is_held(&self, db: usize, key: &[u8]) -> bool {
        !self.leases.is_empty() && !self.in_the_way(db, key, Touch::Replaces).is_empty()
    }

    /// An entry left its table: to the lease on it, or back to be discarded.
    pub(super) fn hand_over(&mut self, db: usize, entry: Entry) -> Option<Entry> {
        let (table, hash) = (self.dbs[db].table, self.dbs[db].dict.hash(entry.key()));
        let leases = &mut self.leases;
        let Some(number) = leases.find(table, hash, entry.key()) else { return Some(entry) };
        leases.attached.remove(&(table, hash, number));
        if let Some(held) = leases.held.get_mut(&number) {
            held.entry = Some(entry);
        }
        None
    }

    /// A whole table is about to go: takes what is leased out of it.
    pub(super) fn hand_over_table(&mut self, db: usize) {
        let table = self.dbs[db].table;
        let all = (table, 0, 0)..=(table, u64::MAX, u64::MAX);
        let attached: Vec<_> = self.leases.attached.range(all).copied().collect();
        for place in attached {
            self.leases.attached.remove(&place);
            if let Some(held) = self.leases.held.get_mut(&place.2) {
                held.entry = self.dbs[db].take(held.hash, &held.key);
            }
        }
    }

    /// Gives a lease back.
    pub fn release(&mut self, lease: Lease) {
        let leases = &mut self.leases;
        let Some(number) = leases.users.remove(&lease.0) else { return };
        let Some(held) = leases.held.get_mut(&number) else { return };
        held.users.retain(|user| *user != lease.0);
        if !held.users.is_empty() {
            return;
        }
        let Some(held) = leases.held.remove(&number) else { return };
        leases.attached.remove(&(held.table, held.hash, number));
        if let Some(entry) = held.entry {
            self.discard_from(held.table, entry, true);
        }
    }
}

impl Keys<'_> {
    /// Leases the value of a key that exists, to read it. An exclusive lease is one to change it.
    pub fn lease(&mut self, key: &[u8], exclusive: bool) -> Lease {
        self.take_lease(key, exclusive, exclusive)
    }

    /// Leases the value of a key for work that writes when it has read it all: until then others
    /// may read it. A key that does not exist stays so.
    pub fn hold(&mut self, key: &[u8]) -> Lease {
        self.take_lease(key, true, false)
    }

    fn take_lease(&mut self, key: &[u8], stays: bool, exclusive: bool) -> Lease {
        let (db, space) = (self.db_index(), self.space());
        let (table, hash) = (space.dbs[db].table, space.dbs[db].dict.hash(key));
        let leases = &mut space.leases;
        leases.last += 1;
        let id = leases.last;
        let number = leases.find(table, hash, key).unwrap_or(id);
        if number == id {
            leases.attached.insert((table, hash, id));
        }
        leases.users.insert(id, number);
        let held = leases.held.entry(number).or_insert_with(|| Held {
            table,
            hash,
            key: key.into(),
            stays: false,
            exclusive: false,
            users: Vec::new(),
            entry: None,
        });
        held.stays |= stays;
        held.exclusive |= exclusive;
        held.users.push(id);
        Lease(id)
    }

    /// The value under a lease, without any effect on counters and stamps. `None` when the key
    /// did not exist when the lease was taken, or holds another type.
    pub fn leased<T: ValueType>(&self, lease: Lease) -> Option<T::Ref<'_>> {
        let space = self.keyspace();
        let held = space.leases.of(lease)?;
        match &held.entry {
            Some(entry) => T::view(entry.view()).ok(),
            None => {
                let db = space.dbs.iter().find(|db| db.table == held.table)?;
                T::view(view_in(db.peek(held.hash, &held.key)?)).ok()
            }
        }
    }

    /// Gives a lease back.
    pub fn release(&mut self, lease: Lease) {
        self.space().release(lease);
    }
}
