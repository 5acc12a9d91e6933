//! SPOP of many members that leaves many: in slices. Nobody sees the set before it is done, which
//! is leased exclusively.

use super::random::{Calls, SPOP};
use crate::base::error::Error;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
use crate::resp::reply::Reply;
use crate::value::set::{Set, keeps_place};
use crate::value::{Collection, reply_item};

/// Members that are taken out on their way. The start of the answer is written.
pub(super) struct Pop {
    lease: Lease,
    key: Vec<u8>,
    count: usize,
    /// How many are still to be taken out.
    left: usize,
    /// Where those that stay are fewer, they are moved here first.
    kept: Option<Set>,
    /// What is left when those that stay are gone, and how far it is answered with.
    gone: Option<Set>,
    cursor: u64,
    calls: Option<Calls>,
}

impl Pop {
    pub(super) fn new(lease: Lease, key: &[u8], count: usize, note: bool) -> Pop {
        Pop {
            lease,
            key: key.to_vec(),
            count,
            left: count,
            kept: None,
            gone: None,
            cursor: 0,
            calls: note.then(|| Calls::new(key)),
        }
    }

    /// Takes members out one by one, each for itself; true when that is over.
    fn take(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<bool, Error> {
        let DataCx { keys, out, rng, limits, .. } = cx;
        let mut set = keys.edit::<Set>(&self.key)?.expect("it is held");
        if self.left == self.count && !keeps_place(set.len(), self.count) {
            self.left = set.len() - self.count;
            self.kept = Some(set.like_small());
        }
        let calls = &mut self.calls;
        while self.left > 0 {
            match &mut self.kept {
                Some(kept) => set.pop_one(rng, &mut |text| {
                    kept.insert(text, limits);
                }),
                None => set.pop_one(rng, &mut |text| say(out, calls, text)),
            }
            self.left -= 1;
            if !budget.more() {
                return Ok(self.left == 0 && self.kept.is_none());
            }
        }
        drop(set);
        if let Some(kept) = self.kept.take() {
            keys.before_exchange(&self.key);
            let mut set = keys.edit::<Set>(&self.key)?.expect("it is held");
            self.gone = Some(std::mem::replace(&mut *set, kept));
        }
        Ok(true)
    }
}

fn say(out: &mut Reply, calls: &mut Option<Calls>, text: &[u8]) {
    out.bulk(text);
    if let Some(calls) = calls {
        calls.push(text);
    }
}

impl Work for Pop {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        if self.gone.is_none() && !self.take(cx, budget)? {
            return Ok(Progress::Pending);
        }
        while let Some(gone) = &self.gone {
            self.cursor = gone.as_ref().scan(self.cursor, &mut |item| {
                reply_item(cx.out, item);
                if let Some(calls) = &mut self.calls {
                    item.with_text(|text| calls.push(text));
                }
            });
            if self.cursor == 0 {
                break;
            }
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        cx.keys.touch_n(&self.key, SPOP, self.count as u64);
        for argv in self.calls.take().into_iter().flat_map(|calls| calls.calls) {
            cx.keys.also(argv);
        }
        Ok(Progress::Done(Outcome::Changed(Propagate::Nothing)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
        if let Some(gone) = self.gone.take() {
            space.free_value(gone.into_value());
        }
    }
}
