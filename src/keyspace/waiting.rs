//! Keys that blocked clients wait for. The keyspace only knows that somebody waits; who, and what
//! for, is the engine's business.

use super::Keyspace;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The register: how many wait for which key of which database.
#[derive(Debug, Default)]
pub struct Waiting {
    keys: BTreeMap<(usize, Bytes), usize>,
}

impl Waiting {
    /// One more waits for the key.
    pub fn add(&mut self, db: usize, key: &Bytes) {
        *self.keys.entry((db, key.clone())).or_default() += 1;
    }

    /// One fewer waits for the key.
    pub fn remove(&mut self, db: usize, key: &Bytes) {
        let place = (db, key.clone());
        if let Some(n) = self.keys.get_mut(&place) {
            *n -= 1;
            if *n == 0 {
                self.keys.remove(&place);
            }
        }
    }

    /// Whether nobody waits for anything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Keys somebody waits for, databases taken together.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    fn find(&self, db: usize, key: &[u8]) -> Option<&Bytes> {
        let place = (db, Bytes::copy_from_slice(key));
        self.keys.get_key_value(&place).map(|((_, known), _)| known)
    }

    fn in_database(&self, db: usize) -> impl Iterator<Item = &Bytes> {
        self.keys
            .range((db, Bytes::new())..)
            .take_while(move |((d, _), _)| *d == db)
            .map(|(k, _)| &k.1)
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

    /// A whole database changed.
    pub(super) fn all_ready(&mut self, db: usize) {
        for key in self.waiting.in_database(db) {
            self.effects.ready(db, key.clone());
        }
    }
}
