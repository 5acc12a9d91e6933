//! Registers of keys that somebody outside the keyspace has an eye on: those that blocked clients
//! wait for, and those under WATCH. The keyspace only knows that there is somebody; who, and what
//! for, is the engine's business.

use super::Keyspace;
use bytes::Bytes;
use std::collections::BTreeMap;

/// How many have an eye on which key of which database.
#[derive(Debug, Default)]
pub struct Register {
    keys: BTreeMap<(usize, Bytes), usize>,
}

impl Register {
    /// One more for the key.
    pub fn add(&mut self, db: usize, key: &Bytes) {
        *self.keys.entry((db, key.clone())).or_default() += 1;
    }

    /// One fewer for the key.
    pub fn remove(&mut self, db: usize, key: &Bytes) {
        let place = (db, key.clone());
        if let Some(n) = self.keys.get_mut(&place) {
            *n -= 1;
            if *n == 0 {
                self.keys.remove(&place);
            }
        }
    }

    /// Whether there is nobody.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Keys in the register, all databases taken together.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    fn find(&self, db: usize, key: &[u8]) -> Option<&Bytes> {
        let place = (db, Bytes::copy_from_slice(key));
        self.keys.get_key_value(&place).map(|((_, known), _)| known)
    }

    fn in_database(&self, db: usize) -> impl Iterator<Item = &Bytes> {
        let from = self.keys.range((db, Bytes::new())..);
        from.take_while(move |((d, _), _)| *d == db).map(|((_, key), _)| key)
    }
}

impl Keyspace {
    /// The key came, changed or went: whoever waits for it is to look again.
    #[inline]
    pub(super) fn ready(&mut self, db: usize, key: &[u8]) {
        if !self.waiting.is_empty() {
            self.ready_slow(db, key);
        }
    }

    #[cold]
    fn ready_slow(&mut self, db: usize, key: &[u8]) {
        if let Some(key) = self.waiting.find(db, key) {
            self.effects.ready(db, key.clone());
        }
    }

    /// A whole database is about to be replaced by another one, or by nothing: the keys under
    /// WATCH that exist on either side change.
    pub(super) fn touch_watched(&mut self, db: usize, replaced_by: Option<usize>) {
        let Keyspace { watched, dbs, effects, .. } = self;
        for key in watched.in_database(db) {
            let exists = |db: usize| dbs[db].peek(dbs[db].dict.hash(key), key).is_some();
            let existed = exists(db);
            if existed || replaced_by.is_some_and(exists) {
                effects.swept(db, key.clone(), existed);
            }
        }
    }

    /// A whole database was replaced: whoever waits for one of its keys is to look again.
    pub(super) fn all_ready(&mut self, db: usize) {
        let Keyspace { waiting, effects, .. } = self;
        for key in waiting.in_database(db) {
            effects.ready(db, key.clone());
        }
    }
}
