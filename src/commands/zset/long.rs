//! Work over large sorted sets in slices: what reads holds leases, what stores builds aside.

use std::ops::Range;

use super::algebra::{Aggregate, Members, Op, weigh};
use super::{Listing, store};
use crate::base::error::Error;
use crate::base::rng::Rng;
use crate::ds::listpack::Item;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::keys::Keys;
use crate::keyspace::lease::Lease;
use crate::resp::reply::Reply;
use crate::value::Collection;
use crate::value::limits::Limits;
use crate::value::set::Set;
use crate::value::zset::{ZSet, ZSetRef};

/// Members that are listed between two looks at the budget.
const AT_ONCE: usize = 64;
/// Members that are looked up or put into a result between two looks at it.
const AT_ONCE_LOOKED_UP: usize = 16;

fn leased<'k>(keys: &'k Keys<'_>, lease: Lease) -> ZSetRef<'k> {
    keys.leased::<ZSet>(lease).expect("it was there when it was leased")
}

/// A selection in which every set of `wanted` members is as likely as any other: each member is
/// taken with the share of what is still wanted in what is still to come.
pub(super) struct Share {
    wanted: u64,
    left: u64,
}

impl Share {
    pub(super) fn new(wanted: usize, of: usize) -> Share {
        Share { wanted: wanted as u64, left: of as u64 }
    }

    /// Whether the next member is taken.
    pub(super) fn takes(&mut self, rng: &mut Rng) -> bool {
        let takes = self.wanted == self.left || rng.below(self.left) < self.wanted;
        self.wanted -= u64::from(takes);
        self.left -= 1;
        takes
    }
}

/// Takes the next `most` ranks from a range, at its end when `reverse`.
fn next_ranks(ranks: &mut Range<usize>, most: usize, reverse: bool) -> Range<usize> {
    let taken = ranks.len().min(most);
    if reverse {
        ranks.end -= taken;
        ranks.end..ranks.end + taken
    } else {
        ranks.start += taken;
        ranks.start - taken..ranks.start
    }
}

/// The members of a range of ranks, or a share of them. The start of the array is written.
pub(super) struct Walk {
    pub(super) lease: Lease,
    pub(super) ranks: Range<usize>,
    pub(super) reverse: bool,
    pub(super) scores: bool,
    pub(super) share: Share,
}

impl Work for Walk {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let DataCx { keys, out, rng, .. } = cx;
        let set = leased(keys, self.lease);
        let mut list = Listing { out, scores: self.scores };
        // What is past the limit of the client's output is not listed in vain.
        while !self.ranks.is_empty() && !list.out.overflowed() {
            let ranks = next_ranks(&mut self.ranks, AT_ONCE, self.reverse);
            for (member, score) in set.range(ranks, self.reverse) {
                if self.share.takes(rng) {
                    list.add(member, score);
                }
            }
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}

/// Many picks that know nothing of each other. The start of the array is written.
pub(super) struct Picks {
    pub(super) lease: Lease,
    pub(super) left: usize,
    pub(super) scores: bool,
}

impl Work for Picks {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let DataCx { keys, out, rng, .. } = cx;
        let set = leased(keys, self.lease);
        let mut list = Listing { out, scores: self.scores };
        while self.left > 0 && !list.out.overflowed() {
            let now = self.left.min(AT_ONCE);
            super::random::repeated(set, now, rng, &mut list);
            self.left -= now;
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}

/// What an operation is for.
pub(super) enum Goal {
    /// The members are the answer, with their scores or without.
    Answer(bool),
    /// Their number is, counted no further than this unless it is 0.
    Count(usize),
    /// They are kept under a key, with this event.
    Store(Vec<u8>, &'static str),
}

/// An input of an operation; nothing is leased where there is no key.
#[derive(Clone, Copy)]
pub(super) struct Input {
    pub(super) lease: Option<Lease>,
    pub(super) weight: f64,
}

impl Input {
    fn members<'k>(&self, keys: &'k Keys<'_>) -> Members<'k> {
        let Some(lease) = self.lease else { return Members::Missing };
        match keys.leased::<ZSet>(lease) {
            Some(set) => Members::ZSet(set),
            None => keys.leased::<Set>(lease).map_or(Members::Missing, Members::Set),
        }
    }
}

/// A union, an intersection, a difference or the copy of a range.
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) aggregate: Aggregate,
    pub(super) inputs: Vec<Input>,
    pub(super) goal: Goal,
    made: Made,
    /// The input that is walked over, and how far: a rank or a cursor.
    at: usize,
    place: u64,
    /// The rank at which the walk over the first input ends.
    end: usize,
    /// Once the result is there: the ranks that are not answered yet.
    unsaid: Option<Range<usize>>,
}

/// What an operation has made so far.
#[derive(Default)]
struct Made {
    result: ZSet,
    count: usize,
}

impl Operation {
    pub(super) fn new(op: Op, aggregate: Aggregate, inputs: Vec<Input>, goal: Goal) -> Operation {
        let (made, unsaid) = (Made::default(), None);
        Operation { op, aggregate, inputs, goal, made, at: 0, place: 0, end: usize::MAX, unsaid }
    }

    /// The copy of a range of ranks.
    pub(super) fn of_range(lease: Lease, ranks: Range<usize>, goal: Goal) -> Operation {
        let inputs = vec![Input { lease: Some(lease), weight: 1.0 }];
        let mut copy = Operation::new(Op::Union, Aggregate::Sum, inputs, goal);
        (copy.place, copy.end) = (ranks.start as u64, ranks.end);
        copy
    }

    /// Whether all inputs that are walked over have been.
    fn is_made(&self) -> bool {
        let walked = if self.op == Op::Union { self.inputs.len() } else { 1 };
        let enough =
            matches!(self.goal, Goal::Count(limit) if limit > 0 && self.made.count >= limit);
        enough || self.at >= walked
    }

    /// Takes some members of an input into the result.
    fn stride(&mut self, keys: &Keys<'_>, limits: &Limits) {
        let (op, aggregate) = (self.op, self.aggregate);
        let weight = self.inputs[self.at].weight;
        let (made, goal) = (&mut self.made, &self.goal);
        let others: Vec<(Members<'_>, f64)> = match op {
            Op::Union => Vec::new(),
            _ => self.inputs[1..].iter().map(|i| (i.members(keys), i.weight)).collect(),
        };
        let mut take = |member: Item<'_>, score: f64| {
            let score = match op {
                Op::Union => weigh(score, weight),
                Op::Inter => {
                    match aggregate.over(member, weigh(score, weight), others.iter().copied()) {
                        Some(score) => score,
                        None => return,
                    }
                }
                Op::Diff if others.iter().any(|(o, _)| o.score(member).is_some()) => return,
                Op::Diff => score,
            };
            made.take(member, score, goal, aggregate, limits);
        };
        let done = match self.inputs[self.at].members(keys) {
            Members::Missing => true,
            Members::Set(set) => {
                self.place = set.scan(self.place, &mut |member| take(member, 1.0));
                self.place == 0
            }
            Members::ZSet(set) => {
                let mut left = self.place as usize..self.end.min(set.len());
                let ranks = next_ranks(&mut left, AT_ONCE_LOOKED_UP, false);
                set.range(ranks, false).for_each(|(member, score)| take(member, score));
                self.place = left.start as u64;
                left.is_empty()
            }
        };
        if done {
            (self.at, self.place) = (self.at + 1, 0);
        }
    }

    /// Answers with some members of the result; true at the end.
    fn say(&mut self, out: &mut Reply, scores: bool) -> bool {
        let set = self.made.result.as_ref();
        let mut list = Listing { out, scores };
        let unsaid = self.unsaid.get_or_insert_with(|| {
            list.begin(set.len());
            0..set.len()
        });
        let ranks = next_ranks(unsaid, AT_ONCE, false);
        set.range(ranks, false).for_each(|(member, score)| list.add(member, score));
        unsaid.start == unsaid.end || list.out.overflowed()
    }
}

impl Made {
    fn take(
        &mut self,
        member: Item<'_>,
        score: f64,
        goal: &Goal,
        aggregate: Aggregate,
        limits: &Limits,
    ) {
        self.count += 1;
        if let Goal::Count(_) = goal {
            return;
        }
        member.with_text(|member| {
            self.result.update(member, limits, |old| {
                Some(old.map_or(score, |old| aggregate.put_together(old, score)))
            });
        });
    }
}

impl Work for Operation {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        if let Goal::Answer(_) = self.goal {
            // A listpack would not keep the sign of a zero.
            self.made.result.expect(usize::MAX, cx.limits);
        }
        while !self.is_made() {
            self.stride(&cx.keys, cx.limits);
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        match &self.goal {
            Goal::Count(0) => cx.out.int(self.made.count as i64),
            // A step may find more than are wanted.
            Goal::Count(limit) => cx.out.int(self.made.count.min(*limit) as i64),
            Goal::Store(key, event) => {
                let result = std::mem::take(&mut self.made.result);
                return store(cx, key, result, event, 1).map(Progress::Done);
            }
            Goal::Answer(scores) => {
                let scores = *scores;
                while !self.say(cx.out, scores) {
                    if !budget.more() {
                        return Ok(Progress::Pending);
                    }
                }
            }
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        matches!(self.goal, Goal::Store(..))
    }

    fn end(&mut self, space: &mut Keyspace) {
        for input in std::mem::take(&mut self.inputs) {
            if let Some(lease) = input.lease {
                space.release(lease);
            }
        }
        space.free_value(std::mem::take(&mut self.made.result).into_value());
    }
}
