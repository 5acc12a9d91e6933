//! LRANGE of many elements, some at a time. The list is leased meanwhile.

use super::read::Hunt;
use super::{booked, event};
use crate::base::error::Error;
use crate::ds::quicklist::{End, Pruned};
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::work::{LONG, Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::keys::Keys;
use crate::keyspace::lease::Lease;
use crate::resp::reply::Reply;
use crate::value::list::{List, ListRef};
use crate::value::{Collection, reply_item};
use std::ops::ControlFlow;

/// Elements of one step.
const STEP: usize = 512;

/// A range on its way. The start of the array is written.
pub(super) struct LongRange {
    lease: Lease,
    from: usize,
    left: usize,
}

impl LongRange {
    pub(super) fn new(lease: Lease, from: usize, n: usize) -> LongRange {
        LongRange { lease, from, left: n }
    }
}

impl Work for LongRange {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let DataCx { keys, out, .. } = cx;
        let list = keys.leased::<List>(self.lease).expect("it was there when it was leased");
        loop {
            let n = self.left.min(STEP);
            list.each(self.from, n, true, |item| reply_item(out, item));
            self.from += n;
            self.left -= n;
            // What is past the limit of the client's output is not read in vain.
            if self.left == 0 || out.overflowed() {
                return Ok(Progress::Done(Outcome::Unchanged));
            }
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}

/// Whether a list is worth to be searched in slices.
pub(super) fn is_long(list: ListRef<'_>) -> bool {
    matches!(list, ListRef::Quick(_)) && list.len() >= LONG
}

fn leased<'k>(keys: &'k Keys<'_>, lease: Lease) -> ListRef<'k> {
    keys.leased::<List>(lease).expect("it was there when it was leased")
}

/// An LPOS on its way.
pub(super) struct LongHunt {
    pub(super) lease: Lease,
    pub(super) hunt: Hunt,
    pub(super) body: Reply,
}

impl Work for LongHunt {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let list = leased(&cx.keys, self.lease);
        while !self.hunt.search(list, STEP, |at| self.body.int(at as i64)) {
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        self.hunt.answer(cx.out, &mut self.body);
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}

/// Elements that are no longer in their list, to be answered with from its end inwards. The start
/// of the array is written.
pub(super) struct Handout {
    list: List,
    end: End,
    done: usize,
}

impl Handout {
    pub(super) fn new(list: List, end: End) -> Handout {
        Handout { list, end, done: 0 }
    }
}

impl Work for Handout {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let (list, forward) = (self.list.as_ref(), self.end == End::Head);
        while self.done < list.len() && !cx.out.overflowed() {
            let from = if forward { self.done } else { list.len() - 1 - self.done };
            list.each(from, STEP, forward, |item| reply_item(cx.out, item));
            self.done = (self.done + STEP).min(list.len());
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
        space.free_value(std::mem::take(&mut self.list).into_value());
    }
}

/// An LREM on its way: the nodes are made anew aside and put in place together.
pub(super) struct Removal {
    lease: Lease,
    key: Vec<u8>,
    text: Vec<u8>,
    from: End,
    limit: usize,
    pruned: Pruned,
}

impl Removal {
    pub(super) fn new(lease: Lease, key: &[u8], text: &[u8], from: End, limit: usize) -> Removal {
        let (key, text) = (key.to_vec(), text.to_vec());
        Removal { lease, key, text, from, limit, pruned: Pruned::default() }
    }
}

impl Work for Removal {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        if let ListRef::Quick(list) = leased(&cx.keys, self.lease) {
            while !list.prune(&mut self.pruned, &self.text, self.from, self.limit) {
                if !budget.more() {
                    return Ok(Progress::Pending);
                }
            }
        }
        let pruned = std::mem::take(&mut self.pruned);
        let removed = pruned.removed;
        cx.out.int(removed as i64);
        if removed == 0 {
            return Ok(Progress::Done(Outcome::Unchanged));
        }
        let mut list = cx.keys.edit::<List>(&self.key)?.expect("it is held");
        let old = match &mut *list {
            List::Quick(list) => List::Quick(Box::new(list.adopt(pruned))),
            List::Nothing | List::Packed(_) => unreachable!("it is held as it was"),
        };
        let emptied = list.is_empty();
        list.shrink(cx.limits);
        drop(list);
        cx.keys.space().free_value(old.into_value());
        booked(&mut cx.keys, &self.key, event("lrem"), removed, emptied);
        Ok(Progress::Done(Outcome::Changed(Propagate::Verbatim)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}

/// An LINSERT on its way to its pivot.
pub(super) struct Insertion {
    lease: Lease,
    key: Vec<u8>,
    pivot: Vec<u8>,
    text: Vec<u8>,
    behind: bool,
    index: usize,
}

impl Insertion {
    pub(super) fn new(
        lease: Lease,
        key: &[u8],
        pivot: &[u8],
        text: &[u8],
        behind: bool,
    ) -> Insertion {
        let (key, pivot, text) = (key.to_vec(), pivot.to_vec(), text.to_vec());
        Insertion { lease, key, pivot, text, behind, index: 0 }
    }

    /// Whether the pivot is among the next elements.
    fn search(&mut self, list: ListRef<'_>) -> bool {
        let (pivot, index) = (&self.pivot, &mut self.index);
        list.visit(*index, STEP, true, &mut |item| {
            if item.eq_text(pivot) {
                return ControlFlow::Break(());
            }
            *index += 1;
            ControlFlow::Continue(())
        })
        .is_break()
    }
}

impl Work for Insertion {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let list = leased(&cx.keys, self.lease);
        while !self.search(list) {
            if self.index == list.len() {
                cx.out.int(-1);
                return Ok(Progress::Done(Outcome::Unchanged));
            }
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        if let Some(mut list) = cx.keys.edit::<List>(&self.key)? {
            list.insert(self.index + usize::from(self.behind), &self.text);
            cx.out.int(list.len() as i64);
        }
        cx.keys.touch(&self.key, event("linsert"));
        Ok(Progress::Done(Outcome::Changed(Propagate::Verbatim)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}
