//! Long work as frames: a command that would take too long hands one back instead of running, and
//! the engine steps it in slices between other clients' requests.

use super::budget::Budget;
use crate::keyspace::Keyspace;
use crate::resp::reply::Reply;

/// Work that goes on in slices.
pub enum Frame {
    /// A walk over a database that answers with the names it collects.
    Keys(KeysWalk),
}

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The frame is done and its reply complete.
    Done,
    /// It wants another slice.
    Pending,
}

/// KEYS: names as of the moment the walk started.
pub struct KeysWalk {
    db: usize,
    pattern: Vec<u8>,
    walk: Option<u64>,
    count: usize,
    body: Reply,
}

impl Frame {
    /// KEYS `pattern` over database `db`.
    pub fn keys_walk(db: usize, pattern: Vec<u8>) -> Frame {
        let body = Reply::new(crate::resp::reply::Proto::V2);
        Frame::Keys(KeysWalk { db, pattern, walk: None, count: 0, body })
    }

    /// Goes on within the budget.
    pub fn step(&mut self, keyspace: &mut Keyspace, out: &mut Reply, budget: &mut Budget) -> Step {
        match self {
            Frame::Keys(keys) => keys.step(keyspace, out, budget),
        }
    }

    /// Its client has gone: lets go of everything.
    pub fn cancel(self, keyspace: &mut Keyspace) {
        match self {
            Frame::Keys(keys) => {
                if let Some(walk) = keys.walk {
                    keyspace.end_walk(walk);
                }
            }
        }
    }
}

impl KeysWalk {
    fn step(&mut self, keyspace: &mut Keyspace, out: &mut Reply, budget: &mut Budget) -> Step {
        let walk = match self.walk {
            Some(walk) => walk,
            None => {
                let pattern = std::mem::take(&mut self.pattern);
                let walk = keyspace.start_walk(self.db, pattern, budget.now_ms());
                *self.walk.insert(walk)
            }
        };
        let (names, done) = keyspace.step_walk(walk, &mut || budget.more());
        for name in names.iter() {
            self.body.bulk(name);
        }
        self.count += names.len();
        if !done {
            return Step::Pending;
        }
        keyspace.end_walk(walk);
        out.array(self.count);
        out.out().append(self.body.out());
        Step::Done
    }
}
