//! Deletion of keys whose time has come, in order of their deadlines and in slices.
//!
//! Each deletion is a unit of its own: its DEL and its event are never wrapped together with
//! anything else.

use super::effects::{Event, class};
use super::{ExpiryPolicy, Keyspace};
use crate::resp::request::Argv;

impl Keyspace {
    /// Deletes the key that is due first in database `db`, if one is due. What long work holds
    /// stays until that is done.
    pub fn expire_next(&mut self, db: usize, now: i64) -> bool {
        if self.expiry != ExpiryPolicy::Delete {
            return false;
        }
        let mut due = self.dbs[db].first_due(now);
        if due.as_ref().is_some_and(|(_, key)| self.is_held(db, key)) {
            due = self.dbs[db].due_but(now, &|key| self.is_held(db, key));
        }
        let Some((hash, key)) = due else { return false };
        self.expire_key(db, hash, &key);
        true
    }

    /// Deletes one expired key and says so.
    pub(super) fn expire_key(&mut self, db: usize, hash: u64, key: &[u8]) {
        self.remove(db, hash, key);
        self.counters.expired += 1;
        self.effects.propagate_alone(db, || Argv::from_slices(&[b"DEL", key]));
        self.effects.touched(db, key, Event::new(class::EXPIRED, "expired"));
    }

    /// When the next key of all databases is due, when that leads to a deletion at all.
    pub fn next_deadline(&self) -> Option<i64> {
        if self.expiry != ExpiryPolicy::Delete {
            return None;
        }
        // Asked in every pass of the loop, and most databases are empty.
        let timed = self.dbs.iter().filter(|db| !db.deadlines.is_empty());
        timed.filter_map(|db| db.deadlines.next_ms()).min()
    }

    /// Removes a key, handing it to walks first; large values are freed off the loop.
    pub(super) fn remove(&mut self, db: usize, hash: u64, key: &[u8]) -> bool {
        self.before_removal(db, hash, key);
        match self.dbs[db].take(hash, key) {
            Some(entry) => {
                self.discard(db, entry);
                self.ready(db, key);
                true
            }
            None => false,
        }
    }
}
