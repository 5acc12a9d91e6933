//! Look-ahead: hash the first keys of the next requests of all ready clients and bring buckets and
//! entries into the cache, so that a pipeline's cache misses overlap.
//!
//! Never more than a hint. Each request is parsed in earnest at its turn; a planned hash is used
//! only for a key that lies at the planned address, and the plan is dropped at the end of the pass.

use super::Engine;
use super::client::ClientId;
use crate::keyspace::keys::Hint;
use crate::resp::request::Ahead;

/// Requests planned together; more would push each other out of the first-level cache.
const PLAN_MAX: usize = 64;

/// The requests ahead, in the order they will run.
#[derive(Default)]
pub struct Plan {
    ahead: Vec<Ahead>,
    items: Vec<Item>,
    next: usize,
}

#[derive(Clone, Copy)]
struct Item {
    /// Where the request's first argument lies.
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

    /// Whether requests are planned that have not come up.
    #[inline]
    pub fn pending(&self) -> bool {
        self.next < self.items.len()
    }

    fn clear(&mut self) {
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
        }
        clients
    }

    /// Plans the next requests of one client.
    pub(super) fn plan_client(&mut self, id: ClientId, room: usize) {
        let Some(client) = self.clients.get(&id) else { return };
        let Some(live) = &client.live else { return };
        let db = live.session.db;
        let dict = &self.keyspace.dbs[db].dict;
        self.ahead.ahead.clear();
        if live.session.txn.is_none() {
            client.inbuf.lookahead(room, begins_txn, &mut self.ahead.ahead);
        }
        let bytes = client.inbuf.peek_bytes();
        for ahead in &self.ahead.ahead {
            if ahead.argc < 2 {
                continue;
            }
            let key = first_key(ahead, bytes);
            let hash = dict.hash(key);
            dict.prefetch_bucket(hash);
            let first = ahead.args[0].of(bytes).as_ptr().addr();
            self.ahead.items.push(Item { first, hint: Hint::of(key, hash), db });
        }
    }

    /// Plans the next requests of the client that is running, when its plan has run out.
    pub(super) fn plan_more(&mut self, inbuf: &crate::resp::request::InBuf, db: usize) {
        self.ahead.clear();
        self.ahead.ahead.clear();
        inbuf.lookahead(PLAN_MAX, begins_txn, &mut self.ahead.ahead);
        if self.ahead.ahead.len() < 2 {
            return;
        }
        let dict = &self.keyspace.dbs[db].dict;
        let bytes = inbuf.peek_bytes();
        for ahead in self.ahead.ahead.iter().filter(|ahead| ahead.argc > 1) {
            let key = first_key(ahead, bytes);
            let hash = dict.hash(key);
            dict.prefetch_bucket(hash);
            let first = ahead.args[0].of(bytes).as_ptr().addr();
            self.ahead.items.push(Item { first, hint: Hint::of(key, hash), db });
        }
        for item in &self.ahead.items {
            dict.prefetch_entry(item.hint.hash());
        }
    }
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
    use crate::resp::request::InBuf;

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
