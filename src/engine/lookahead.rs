//! Look-ahead: hash the first keys of the next requests of all ready clients and bring buckets and
//! entries into the cache, so that a pipeline's cache misses overlap. Where the key leads to a
//! large collection, the same is done for the member that the request names.
//!
//! Nothing is read between a plan and its end: what was seen at an address is there still when the
//! request that begins at this address has its turn. So the hash of its key is known by then, and
//! most requests need no second parsing; what is found elsewhere is treated as if unplanned.

use super::Engine;
use super::client::ClientId;
use crate::ds::dict::{Dict, Fetch};
use crate::keyspace::db::Db;
use crate::keyspace::entry::{Entry, View, view_in};
use crate::keyspace::keys::Hint;
use crate::resp::request::{Ahead, InBuf, Span};
use crate::value::Value;
use smallvec::SmallVec;

/// Requests planned together; more would push each other out of the first-level cache.
const PLAN_MAX: usize = 64;

/// The requests ahead, in the order they will run.
#[derive(Default)]
pub struct Plan {
    items: Vec<Item>,
    /// Whose they are, in the same order.
    parts: Vec<Part>,
    next: usize,
}

/// A request in the plan.
#[derive(Clone, Copy, Default)]
pub struct Item {
    /// The address by which it is known again: where it begins, in a log that of its first key.
    address: usize,
    /// What was seen of it; nothing in a log.
    pub seen: Ahead,
    /// The hash of its first key, if it has one.
    pub hint: Hint,
}

/// A client's requests, up to the item before `end`.
#[derive(Clone, Copy)]
struct Part {
    client: ClientId,
    db: usize,
    end: usize,
}

impl Plan {
    /// The next request in the plan, if it is the one at this address.
    #[inline]
    pub fn take(&mut self, address: usize) -> Option<Item> {
        let item = self.items.get(self.next).filter(|item| item.address == address)?;
        self.next += 1;
        Some(*item)
    }

    /// Whether requests are planned that have not come up.
    #[inline]
    pub fn pending(&self) -> bool {
        self.next < self.items.len()
    }

    /// Adds the next requests of a client, and asks for the buckets of their keys.
    fn add(&mut self, client: ClientId, inbuf: &InBuf, room: usize, (db, keys): (usize, &Db)) {
        for (bytes, seen) in inbuf.lookahead().take(room) {
            if begins_txn(seen.args[0].of(bytes)) {
                break;
            }
            let hint = match seen.argc {
                0..=1 => Hint::default(),
                _ => sought(&keys.dict, first_key(&seen, bytes)),
            };
            self.items.push(Item { address: bytes.as_ptr().addr(), seen, hint });
        }
        self.parts.push(Part { client, db, end: self.items.len() });
    }

    /// Each client, its database and its requests.
    fn parts(&self) -> impl Iterator<Item = (ClientId, usize, &[Item])> {
        let starts = std::iter::once(0).chain(self.parts.iter().map(|part| part.end));
        let parts = starts.zip(&self.parts);
        parts.map(|(start, part)| (part.client, part.db, &self.items[start..part.end]))
    }

    fn clear(&mut self) {
        self.items.clear();
        self.parts.clear();
        self.next = 0;
    }
}

/// Asks for the bucket of a key, and keeps its hash.
#[inline]
fn sought(dict: &Dict<Entry>, key: &[u8]) -> Hint {
    let hash = dict.hash(key);
    dict.prefetch_bucket(hash);
    Hint::of(key, hash)
}

/// Asks for what the keys of these requests lead to.
#[inline]
fn fetch_entries(dict: &Dict<Entry>, items: &[Item]) {
    items.iter().for_each(|item| dict.prefetch_entry(item.hint.hash()));
}

/// What follows MULTI is kept, and planned by EXEC.
#[inline]
fn begins_txn(name: &[u8]) -> bool {
    name.len() == 5 && name.eq_ignore_ascii_case(b"multi")
}

impl Engine {
    /// Plans for commands of a log, whose first arguments these are.
    pub(super) fn plan_keys<'a>(&mut self, db: usize, keys: impl Iterator<Item = &'a [u8]>) {
        self.ahead.clear();
        let dict = &self.keyspace.dbs[db].dict;
        let item = |key: &[u8]| {
            let address = key.as_ptr().addr();
            Item { address, seen: Ahead::default(), hint: sought(dict, key) }
        };
        self.ahead.items.extend(keys.map(item));
        fetch_entries(dict, &self.ahead.items);
    }

    /// Whether keys are planned that have not come up.
    pub(super) fn plan_is_pending(&self) -> bool {
        self.ahead.pending()
    }

    /// Drops the plan: its addresses hold something else from now on.
    pub(super) fn forget_plan(&mut self) {
        self.ahead.clear();
    }

    /// Plans for the first clients in line, as many as fit; returns how many clients that is.
    pub(super) fn plan_ahead(&mut self) -> usize {
        self.ahead.clear();
        let mut clients = 0;
        for at in 0..self.ready.len() {
            let id = self.ready[at];
            self.plan_client(id, PLAN_MAX - self.ahead.items.len());
            clients += 1;
            if self.ahead.items.len() >= PLAN_MAX {
                break;
            }
        }
        // One alone is searched for as soon as it could be fetched.
        if self.ahead.items.len() > 1 {
            for (_, db, items) in self.ahead.parts() {
                fetch_entries(&self.keyspace.dbs[db].dict, items);
            }
            for (id, db, items) in self.ahead.parts() {
                match self.clients.get(&id) {
                    Some(client) if items.len() > 1 => {
                        self.fetch_members(db, items, &client.inbuf);
                    }
                    _ => {}
                }
            }
        }
        clients
    }

    /// Plans the next requests of one client.
    fn plan_client(&mut self, id: ClientId, room: usize) {
        let Some(client) = self.clients.get(&id) else { return };
        let Some(live) = &client.live else { return };
        let db = live.session.db;
        if live.session.txn.is_none() {
            self.ahead.add(id, &client.inbuf, room, (db, &self.keyspace.dbs[db]));
        }
    }

    /// Plans the next requests of the client that is running, when its plan has run out.
    pub(super) fn plan_more(&mut self, id: ClientId, inbuf: &InBuf, db: usize) {
        self.ahead.clear();
        self.ahead.add(id, inbuf, PLAN_MAX, (db, &self.keyspace.dbs[db]));
        if self.ahead.items.len() > 1 {
            fetch_entries(&self.keyspace.dbs[db].dict, &self.ahead.items);
            self.fetch_members(db, &self.ahead.items, inbuf);
        }
    }

    /// Fetches what one client's requests will look up in large collections. A client's requests
    /// are mostly of a kind, so the first one tells whether the others are worth a look.
    fn fetch_members(&self, db: usize, items: &[Item], inbuf: &InBuf) {
        let dict = &self.keyspace.dbs[db].dict;
        let mut found: SmallVec<[(&Value, u64); PLAN_MAX]> = SmallVec::new();
        for Item { address, seen, hint } in items {
            let entry = match seen.argc {
                0..=2 => None,
                _ => {
                    let key = seen.args[1].of(inbuf.bytes_at(*address));
                    dict.find(hint.hash(), key).map(view_in)
                }
            };
            if let Some(View::Boxed(value)) = entry {
                let member = member_of(value, seen).of(inbuf.bytes_at(*address));
                let hash = dict.hash(member);
                if value.fetch(hash, Fetch::Bucket) {
                    found.push((value, hash));
                }
            }
            if found.is_empty() {
                return;
            }
        }
        for (value, hash) in found {
            value.fetch(hash, Fetch::Entry);
        }
    }
}

/// Where a request names a member, as most commands do: behind the key, in a sorted set behind the
/// score if there is one.
fn member_of(value: &Value, seen: &Ahead) -> Span {
    let behind_score = matches!(value, Value::ZSet(_)) && seen.argc > 3;
    seen.args[if behind_score { 3 } else { 2 }]
}

/// What is most likely the first key of a request that has arguments: the first of them, or what
/// follows the number of keys of a script.
#[inline]
fn first_key<'a>(seen: &Ahead, bytes: &'a [u8]) -> &'a [u8] {
    let script = seen.argc > 3 && is_script(seen.args[0].of(bytes));
    seen.args[if script { 3 } else { 1 }].of(bytes)
}

/// Whether this is EVAL, FCALL or a variant of them, as far as four letters tell.
fn is_script(name: &[u8]) -> bool {
    name.get(..4).is_some_and(|start| {
        start.eq_ignore_ascii_case(b"eval") || start.eq_ignore_ascii_case(b"fcal")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_scripts_are_behind_their_number() {
        for (request, key) in [
            ("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "k"),
            ("*4\r\n$7\r\nevalsha\r\n$1\r\ns\r\n$1\r\n1\r\n$2\r\nkk\r\n", "kk"),
            ("*4\r\n$5\r\nFCALL\r\n$1\r\nf\r\n$1\r\n1\r\n$2\r\nkk\r\n", "kk"),
            ("*3\r\n$4\r\nEVAL\r\n$1\r\ns\r\n$1\r\n0\r\n", "s"),
            ("*4\r\n$3\r\nEVA\r\n$1\r\ns\r\n$1\r\n1\r\n$2\r\nkk\r\n", "s"),
            ("*2\r\n$0\r\n\r\n$1\r\nx\r\n", "x"),
        ] {
            let mut inbuf = InBuf::new();
            inbuf.feed(request.as_bytes());
            let (bytes, seen) = inbuf.lookahead().next().expect("a request is there");
            assert_eq!(first_key(&seen, bytes), key.as_bytes(), "{request}");
        }
    }
}
