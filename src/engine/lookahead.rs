//! Look-ahead: hash the first keys of the next requests of all ready clients and bring buckets and
//! entries into the cache, so that a pipeline's cache misses overlap.
//!
//! Never more than a hint. Each request is parsed in earnest at its turn; a planned hash is used
//! only when the request's first argument lies at the planned address, and the plan is dropped at
//! the end of the pass.

use super::Engine;
use super::client::ClientId;
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
    addr: usize,
    len: usize,
    hash: u64,
    db: usize,
}

impl Plan {
    /// The hash of the next request's first argument, when it is the one that was planned.
    #[inline]
    pub fn next_hash(&mut self, first_argument: &[u8]) -> Option<u64> {
        let item = self.items.get(self.next)?;
        if item.addr == first_argument.as_ptr().addr() && item.len == first_argument.len() {
            self.next += 1;
            return Some(item.hash);
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

impl Engine {
    /// Plans for commands of a log, whose first arguments these are.
    pub(super) fn plan_keys<'a>(&mut self, db: usize, keys: impl Iterator<Item = &'a [u8]>) {
        self.ahead.clear();
        let dict = &self.keyspace.dbs[db].dict;
        for key in keys {
            let hash = dict.hash(key);
            dict.prefetch_bucket(hash);
            self.ahead.items.push(Item { addr: key.as_ptr().addr(), len: key.len(), hash, db });
        }
        self.ahead.items.iter().for_each(|item| dict.prefetch_entry(item.hash));
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
                self.keyspace.dbs[item.db].dict.prefetch_entry(item.hash);
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
        client.inbuf.lookahead(room, &mut self.ahead.ahead);
        let bytes = client.inbuf.peek_bytes();
        for ahead in &self.ahead.ahead {
            if ahead.argc < 2 {
                continue;
            }
            let key = ahead.args[0].of(bytes);
            let hash = dict.hash(key);
            dict.prefetch_bucket(hash);
            self.ahead.items.push(Item { addr: key.as_ptr().addr(), len: key.len(), hash, db });
        }
    }

    /// Plans the next requests of the client that is running, when its plan has run out.
    pub(super) fn plan_more(&mut self, inbuf: &crate::resp::request::InBuf, db: usize) {
        self.ahead.clear();
        self.ahead.ahead.clear();
        inbuf.lookahead(PLAN_MAX, &mut self.ahead.ahead);
        if self.ahead.ahead.len() < 2 {
            return;
        }
        let dict = &self.keyspace.dbs[db].dict;
        let bytes = inbuf.peek_bytes();
        for ahead in self.ahead.ahead.iter().filter(|ahead| ahead.argc > 1) {
            let key = ahead.args[0].of(bytes);
            let hash = dict.hash(key);
            dict.prefetch_bucket(hash);
            self.ahead.items.push(Item { addr: key.as_ptr().addr(), len: key.len(), hash, db });
        }
        for item in &self.ahead.items {
            dict.prefetch_entry(item.hash);
        }
    }
}
