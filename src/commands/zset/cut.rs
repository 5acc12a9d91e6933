//! Taking many members out of a sorted set in slices. Nobody sees the set before that is done: it
//! is leased exclusively.

use std::ops::Range;

use super::DEL;
use super::pop::{End, Shape, say};
use crate::base::error::Error;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::effects::Event;
use crate::keyspace::lease::Lease;
use crate::resp::request::Argv;
use crate::value::zset::ZSet;

/// Members that are taken out between two looks at the budget.
const AT_ONCE: usize = 16;

/// Who is told what when it is done.
pub(super) struct Told {
    pub(super) event: Event,
    /// The call for the stream, unless it is the one that came.
    pub(super) rewritten: Option<Argv>,
}

/// Members that are taken out. Some are left at the end: a key that goes as a whole is deleted.
pub(super) struct Cut {
    lease: Lease,
    key: Vec<u8>,
    /// The ranks that are still to go.
    ranks: Range<usize>,
    count: usize,
    /// The end they are taken from and the form of the answer, when they are the answer. The start
    /// of the array is written.
    popped: Option<(End, Shape)>,
    told: Told,
}

impl Cut {
    pub(super) fn new(
        lease: Lease,
        key: &[u8],
        ranks: Range<usize>,
        popped: Option<(End, Shape)>,
        told: Told,
    ) -> Cut {
        Cut { lease, key: key.to_vec(), count: ranks.len(), ranks, popped, told }
    }
}

impl Work for Cut {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let DataCx { keys, out, .. } = cx;
        if let Some(mut set) = keys.edit::<ZSet>(&self.key)? {
            while !self.ranks.is_empty() {
                let n = self.ranks.len().min(AT_ONCE);
                // The upper ranks stay what they are when those below them go, and others do not.
                let from_below = matches!(self.popped, Some((End::Min, _)));
                let part = match from_below {
                    true => self.ranks.start..self.ranks.start + n,
                    false => self.ranks.end - n..self.ranks.end,
                };
                if let Some((end, shape)) = self.popped {
                    say(out, set.as_ref().range(part.clone(), end == End::Max), shape);
                }
                set.remove_ranks(part);
                self.ranks.end -= n;
                if !budget.more() {
                    return Ok(Progress::Pending);
                }
            }
        }
        if self.popped.is_none() {
            cx.out.int(self.count as i64);
        }
        cx.keys.touch_n(&self.key, self.told.event, self.count as u64);
        let call = match self.told.rewritten.take() {
            Some(argv) => Propagate::As(argv),
            None => Propagate::Verbatim,
        };
        Ok(Progress::Done(Outcome::Changed(call)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}

/// All members, which were taken out at once: the key is gone, the answer is left to be written.
/// The start of the array is.
pub(super) struct Farewell {
    lease: Lease,
    left: Range<usize>,
    end: End,
    shape: Shape,
}

impl Farewell {
    /// Deletes the key, of which it keeps what it held.
    pub(super) fn begin(
        cx: &mut DataCx<'_>,
        key: &[u8],
        len: usize,
        (end, shape): (End, Shape),
        told: Told,
    ) -> Outcome {
        let lease = cx.keys.lease(key, false);
        cx.keys.delete(key);
        cx.keys.touch_n(key, told.event, len as u64);
        cx.keys.announce(key, DEL);
        if let Some(argv) = told.rewritten {
            cx.keys.also(argv);
        }
        Outcome::Enter(Box::new(Farewell { lease, left: 0..len, end, shape }))
    }
}

impl Work for Farewell {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let DataCx { keys, out, .. } = cx;
        let set = keys.leased::<ZSet>(self.lease).expect("it was there when it was leased");
        while !self.left.is_empty() && !out.overflowed() {
            let n = self.left.len().min(AT_ONCE);
            let part = match self.end {
                End::Min => self.left.start..self.left.start + n,
                End::Max => self.left.end - n..self.left.end,
            };
            match self.end {
                End::Min => self.left.start += n,
                End::Max => self.left.end -= n,
            }
            say(out, set.range(part, self.end == End::Max), self.shape);
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    /// What there was to change is changed.
    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}
