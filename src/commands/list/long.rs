//! LRANGE of many elements, some at a time. The list is leased meanwhile.

use crate::base::error::Error;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
use crate::value::list::List;
use crate::value::reply_item;

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
