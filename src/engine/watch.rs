//! WATCH: who is to fail its EXEC when which key changes.

use super::Engine;
use super::client::ClientId;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Watchers by database and key; each client also knows its own keys.
#[derive(Default)]
pub struct Watchers {
    by_key: BTreeMap<(usize, Bytes), Vec<ClientId>>,
}

/// A key a client watches.
#[derive(Debug, Clone)]
pub struct Watched {
    db: usize,
    key: Bytes,
    /// It was past its deadline already when the client began: its deletion is no change.
    expired: bool,
}

impl Engine {
    /// The client's next EXEC fails when this key changes before it.
    pub fn watch(&mut self, id: ClientId, db: usize, key: &[u8]) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.watched.iter().any(|w| w.db == db && w.key == key) {
            return;
        }
        let key = Bytes::copy_from_slice(key);
        let expired = self.keyspace.is_overdue(db, &key, self.now_ms);
        client.watched.push(Watched { db, key: key.clone(), expired });
        self.keyspace.watched.add(db, &key);
        self.watchers.by_key.entry((db, key)).or_default().push(id);
        self.note_interest();
    }

    /// The client watches nothing any more.
    pub fn unwatch(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.watch_failed = false;
        for Watched { db, key, .. } in std::mem::take(&mut client.watched) {
            self.keyspace.watched.remove(db, &key);
            let place = (db, key);
            if let Some(list) = self.watchers.by_key.get_mut(&place) {
                list.retain(|other| *other != id);
                if list.is_empty() {
                    self.watchers.by_key.remove(&place);
                }
            }
        }
        self.note_interest();
    }

    /// A key changed: the EXEC of whoever watches it will fail.
    pub(super) fn watched_key_changed(&mut self, db: usize, key: &Bytes) {
        let Some(list) = self.watchers.by_key.get(&(db, key.clone())) else { return };
        let gone = self.keyspace.type_of(db, key, i64::MIN).is_none();
        for id in list {
            let Some(client) = self.clients.get_mut(id) else { continue };
            let watched = client.watched.iter_mut().find(|w| w.db == db && w.key == *key);
            match watched {
                Some(watched) if watched.expired && gone => watched.expired = false,
                _ => client.watch_failed = true,
            }
        }
    }

    /// The database of a watched key was emptied or swapped. What was past its deadline and is
    /// gone, or is past it still, has not changed.
    pub(super) fn watched_key_swept(&mut self, db: usize, key: &Bytes, existed: bool) {
        let Some(list) = self.watchers.by_key.get(&(db, key.clone())) else { return };
        let gone = self.keyspace.type_of(db, key, i64::MIN).is_none();
        let overdue = self.keyspace.is_overdue(db, key, self.now_ms);
        for id in list {
            let Some(client) = self.clients.get_mut(id) else { continue };
            let watched = client.watched.iter_mut().find(|w| w.db == db && w.key == *key);
            match watched {
                Some(watched) if watched.expired && (gone || overdue) => watched.expired = overdue,
                Some(watched) if !watched.expired && !existed && overdue => watched.expired = true,
                _ => client.watch_failed = true,
            }
        }
    }

    /// Whether the client's EXEC must fail: a watched key changed, or its time has come since.
    pub fn watch_broken(&self, id: ClientId) -> bool {
        let Some(client) = self.clients.get(&id) else { return false };
        let overdue =
            |w: &Watched| !w.expired && self.keyspace.is_overdue(w.db, &w.key, self.now_ms);
        client.watch_failed || client.watched.iter().any(overdue)
    }

    /// The log records every changed key only while somebody wants to know.
    pub(super) fn note_interest(&mut self) {
        self.keyspace.effects.interest.changes =
            !self.watchers.by_key.is_empty() || self.trackers.clients() > 0;
    }

    /// Clients that watch a key, and the keys they watch.
    pub fn watching(&self) -> (usize, usize) {
        let clients = self.clients.values().filter(|c| !c.watched.is_empty()).count();
        (clients, self.watchers.by_key.len())
    }
}
