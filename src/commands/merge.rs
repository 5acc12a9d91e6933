//! Sorting in steps: the runs are sorted by whoever has the elements, then merged some at a time.
//!
//! Sorting a run takes as long as many other steps, so it counts as such.

use crate::engine::budget::Budget;
use crate::keyspace::Keyspace;
use std::cmp::Ordering;
use std::ops::Range;

/// Elements of a run that is sorted at once.
pub(super) const RUN: usize = 1024;
/// Elements that are merged in one step.
const STEP: usize = 512;
/// Steps that the sorting of a run counts for: a text is compared in up to a hundred nanoseconds,
/// ten times for each element.
const RUN_STEPS: usize = 16;

/// `budget.more()` after a run was sorted.
pub(super) fn more_after_run(budget: &mut Budget<'_>) -> bool {
    (0..RUN_STEPS).all(|_| budget.more())
}

/// Merging sorted runs of a width, pair by pair, into runs of twice the width, until there is one.
/// What is equal stays in its order.
pub(super) struct Merge<T> {
    width: usize,
    /// What is merged so far in this pass.
    merged: Vec<T>,
    left: Range<usize>,
    right: Range<usize>,
}

impl<T: Copy + Send + 'static> Merge<T> {
    /// For a vector of `len` elements that is sorted in runs of `width`.
    pub(super) fn new(width: usize, len: usize) -> Merge<T> {
        let mut merge = Merge { width, merged: Vec::with_capacity(len), left: 0..0, right: 0..0 };
        merge.next_pair(len);
        merge
    }

    /// Lets go of the second buffer, beside the loop when it is large.
    pub(super) fn end(self, space: &mut Keyspace) {
        space.waste_buffer(self.merged);
    }

    fn next_pair(&mut self, len: usize) {
        let start = self.merged.len();
        let middle = (start + self.width).min(len);
        self.left = start..middle;
        self.right = middle..(middle + self.width).min(len);
    }

    /// Merges some elements; true when all are in order.
    pub(super) fn step(
        &mut self,
        elements: &mut Vec<T>,
        compare: &mut impl FnMut(&T, &T) -> Ordering,
    ) -> bool {
        let len = elements.len();
        if self.width >= len {
            return true;
        }
        for _ in 0..STEP {
            let from_left = match (self.left.is_empty(), self.right.is_empty()) {
                (true, true) => break,
                (true, false) => false,
                (false, true) => true,
                (false, false) => {
                    compare(&elements[self.right.start], &elements[self.left.start]).is_ge()
                }
            };
            let run = if from_left { &mut self.left } else { &mut self.right };
            let next = run.next().expect("it is not empty");
            self.merged.push(elements[next]);
        }
        if self.left.is_empty() && self.right.is_empty() {
            if self.merged.len() == len {
                std::mem::swap(elements, &mut self.merged);
                self.merged.clear();
                self.width *= 2;
            }
            self.next_pair(len);
        }
        self.width >= len
    }
}
