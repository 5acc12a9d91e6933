//! Look-ahead: hash the first keys of the next requests of all ready clients and bring buckets and
//! entries into the cache, so that a pipeline's cache misses overlap. Where the key leads to a
//! large collection, the same is done for the member that the request names.
//!
//! Nothing is read between a plan and its end: what was seen at an address is there still when the
//! request that begins at this address has its turn. So the hash of its key is known by then, and
//! most requests need no second parsing; what is found elsewhere is treated as if there was no plan.

use super::Engine;
use super::client::ClientId;
use crate::ds::dict::Fetch;
use crate::keyspace::db::Db;
use crate::keyspace::entry::{View, view_in};
use crate::keyspace::keys::Hint;
use crate::resp::request::{Ahead, InBuf, Span};
use crate::value::Value;
use smallvec::SmallVec;

/// Requests planned together; more would push each other out of the first-level cache.
const PLAN_MAX: usize = 64;

/// The requests ahead, in the order they will run.
#[derive(Default)]
pub struct Plan {
    /// What was seen ahead of the clients in the plan.
    ahead: Vec<Ahead>,
    items: Vec<Item>,
    next: usize,
}

#[derive(Clone, Copy)]
struct Item {
    client: ClientId,
    /// Its place in what was seen ahead.
    ahead: usize,
    /// Where the request begins.
    begin: usize,
    /// Where its first argument lies.
    first: usize,
    hint: Hint,
    db: usize,
}

impl Plan {
    /// The hash of the next request's first key, when the request is the one that was planned.
    #[inline]
    pub fn next_hint(&mut self, first_argument: &[u8]) -> Option<Hint> {
        let item = self.items.get(self.next)?;
        if item.first == first_argument.as_ptr().addr() {
            self.next += 1;
            return Some(item.hint);
        }
        None
    }

    /// What was seen of the request that begins at this address, if that is the next in the plan.
    #[inline]
    pub fn seen_at(&self, address: usize) -> Option<&Ahead> {
        let item = self.items.get(self.next)?;
        if item.begin == address { self.ahead.get(item.ahead) } else { None }
    }

    /// Whether requests are planned that have not come up.
    #[inline]
    pub fn pending(&self) -> bool {
        self.next < self.items.len()
    }

    /// Adds the next requests of a client, and asks for the buckets of their keys.
    fn add(&mut self, client: ClientId, inbuf: &InBuf, room: usize, (db, keys): (usize, &Db)) {
        let from = self.ahead.len();
        inbuf.lookahead(room, begins_txn, &mut self.ahead);
        let bytes = inbuf.peek_bytes();
        for (at, ahead) in self.ahead.iter().enumerate().skip(from) {
            if ahead.argc < 2 {
                continue;
            }
            let key = first_key(ahead, bytes);
            let hash = keys.dict.hash(key);
            keys.dict.prefetch_bucket(hash);
            let base = bytes.as_ptr().addr();
            let (begin, first) =
                (base + ahead.range.0 as usize, base + ahead.args[0].start as usize);
            let hint = Hint::of(key, hash);
            self.items.push(Item { client, ahead: at, begin, first, hint, db });
        }
    }

    fn clear(&mut self) {
        self.ahead.clear();
        self.items.clear();
        self.next = 0;
    }
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
        for key in keys {
            let hash = dict.hash(key);
            dict.prefetch_bucket(hash);
            let first = key.as_ptr().addr();
            // Nobody's: a log has no client, and nothing was seen ahead.
            let (client, hint) = (ClientId(0), Hint::of(key, hash));
            self.ahead.items.push(Item { client, ahead: 0, begin: 0, first, hint, db });
        }
        let items = self.ahead.items.iter();
        items.for_each(|item| dict.prefetch_entry(item.hint.hash()));
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
        if self.ahead.items.len() > 1 {
            for item in &self.ahead.items {
                self.keyspace.dbs[item.db].dict.prefetch_entry(item.hint.hash());
            }
            for group in self.ahead.items.chunk_by(|one, next| one.client == next.client) {
                match self.clients.get(&group[0].client) {
                    Some(client) if group.len() > 1 => {
                        self.fetch_members(group, client.inbuf.peek_bytes());
                    }
                    _ => {}
                }
            }
        }
        clients
    }

    /// Plans the next requests of one client.
    pub(super) fn plan_client(&mut self, id: ClientId, room: usize) {
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
        if self.ahead.items.len() < 2 {
            return;
        }
        for item in &self.ahead.items {
            self.keyspace.dbs[db].dict.prefetch_entry(item.hint.hash());
        }
        self.fetch_members(&self.ahead.items, inbuf.peek_bytes());
    }

    /// Fetches what one client's requests will look up in large collections. A client's requests
    /// are mostly of a kind, so the first one tells whether the others are worth a look.
    fn fetch_members(&self, items: &[Item], bytes: &[u8]) {
        let mut found: SmallVec<[(&Value, u64); PLAN_MAX]> = SmallVec::new();
        for item in items {
            let ahead = &self.ahead.ahead[item.ahead];
            let dict = &self.keyspace.dbs[item.db].dict;
            let entry = match ahead.argc {
                0..=2 => None,
                _ => dict.find(item.hint.hash(), ahead.args[0].of(bytes)).map(view_in),
            };
            if let Some(View::Boxed(value)) = entry {
                let hash = dict.hash(member_of(value, ahead).of(bytes));
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
fn member_of(value: &Value, ahead: &Ahead) -> Span {
    let behind_score = matches!(value, Value::ZSet(_)) && ahead.argc > 3;
    ahead.args[if behind_score { 2 } else { 1 }]
}

/// What is most likely the first key of a request that has arguments: the first of them, or what
/// follows the number of keys of a script.
#[inline]
fn first_key<'a>(ahead: &Ahead, bytes: &'a [u8]) -> &'a [u8] {
    let name = ahead.name.of(bytes);
    let script = ahead.argc > 3 && is_script(name);
    ahead.args[if script { 2 } else { 0 }].of(bytes)
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
            let mut ahead = Vec::new();
            inbuf.lookahead(1, |_| false, &mut ahead);
            assert_eq!(first_key(&ahead[0], inbuf.peek_bytes()), key.as_bytes(), "{request}");
        }
    }
}
