//! What a ranked set held at one moment, told in steps from the highest member down while the set
//! goes on changing.
//!
//! *Told* are all places from `passed` on upwards, and members whose position in the table is
//! among the early ones: who is about to change a member has it kept first. A member that is
//! early is skipped wherever the walk meets it, since it may have moved there.

use super::Ranked;
use crate::ds::capture::{Early, Kept, at_position};
use std::ops::Range;

/// Members that are told in one step.
const AT_ONCE: usize = 64;

/// The telling of a set.
#[derive(Debug, Default)]
pub(super) struct Capture {
    passed: Option<(f64, Vec<u8>)>,
    finished: bool,
    early: Early,
    kept: Kept,
}

impl Capture {
    fn has_passed(&self, score: f64, bytes: &[u8]) -> bool {
        let passed = |(at, member): &(f64, Vec<u8>)| (score, bytes) >= (*at, member.as_slice());
        self.passed.as_ref().is_some_and(passed)
    }
}

impl Ranked {
    /// From now on the set remembers what it holds at this moment, until it was told.
    pub fn begin_capture(&mut self) {
        self.capture = Some(Box::default());
    }

    /// Whether something of an earlier moment is still to be told.
    pub fn is_captured(&self) -> bool {
        self.capture.is_some()
    }

    /// Forgets the moment.
    pub fn end_capture(&mut self) {
        self.capture = None;
    }

    /// Bytes of what is kept for it.
    pub fn kept_bytes(&self) -> usize {
        self.capture.as_ref().map_or(0, |capture| capture.kept.bytes())
    }

    /// The member with this hash is about to come, to go or to move.
    #[inline]
    pub(super) fn before_change(&mut self, hash: u64) {
        if self.capture.is_some() {
            self.keep(hash);
        }
    }

    /// The members of these ranks are about to go.
    pub(super) fn before_removal(&mut self, ranks: &Range<usize>) {
        if self.capture.is_none() {
            return;
        }
        let members = self.range(ranks.clone()).map(|(member, _)| self.table.hash(member));
        let hashes: Vec<u64> = members.collect();
        hashes.into_iter().for_each(|hash| self.keep(hash));
    }

    #[cold]
    fn keep(&mut self, hash: u64) {
        let Some(mut capture) = self.capture.take() else { return };
        let position = self.table.position_of(hash);
        if !capture.finished && capture.early.note(position) {
            at_position(&self.table, position, &mut |member| {
                let link = member.link();
                if !capture.has_passed(link.score(), link.bytes()) {
                    capture.kept.push(link.bytes());
                    capture.kept.push(&link.score().to_le_bytes());
                }
            });
        }
        self.capture = Some(capture);
    }

    /// Tells some members more of the moment; true when that was all.
    pub fn tell(&mut self, f: &mut dyn FnMut(&[u8], f64)) -> bool {
        let Some(mut capture) = self.capture.take() else { return true };
        let kept = std::mem::take(&mut capture.kept);
        let mut texts = kept.iter();
        while let (Some(member), Some(score)) = (texts.next(), texts.next()) {
            f(member, f64::from_le_bytes(score.try_into().expect("eight bytes were kept")));
        }
        if !capture.finished {
            let end = match &capture.passed {
                Some((at, passed)) => self.count_where(|s, m| (s, m) < (*at, passed.as_slice())),
                None => self.len(),
            };
            let start = end.saturating_sub(AT_ONCE);
            let mut last = None;
            for (member, score) in self.range(start..end).rev() {
                if !capture.early.has(&self.table, member) {
                    f(member, score);
                }
                last = Some((score, member));
            }
            capture.passed = last.map(|(score, member)| (score, member.to_vec()));
            capture.finished = start == 0;
        }
        let finished = capture.finished;
        self.capture = Some(capture);
        finished
    }
}
