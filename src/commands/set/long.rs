//! Work over large sets, done in slices: what is read is leased meanwhile, so that all slices see
//! it as it was when the command came; what is stored appears when all is done.

use super::algebra;
use crate::base::error::Error;
use crate::commands::scan::{Found, ScanSource};
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
use crate::value::reply_item;
use crate::value::set::{Set, SetRef, Share};

/// Steps of a scan between two questions whether there is time left.
const STRIDE: usize = 8;

fn leased<'k>(keys: &'k Keys<'_>, lease: Lease) -> SetRef<'k> {
    keys.leased::<Set>(lease).expect("it was there when it was leased")
}

/// All members of a table, or some that differ. The start of the answer is written.
pub(super) struct Listing {
    lease: Lease,
    cursor: u64,
    share: Share,
}

impl Listing {
    pub(super) fn new(lease: Lease, wanted: usize, of: usize) -> Listing {
        Listing { lease, cursor: 0, share: Share::new(wanted, of) }
    }
}

impl Work for Listing {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let set = leased(&cx.keys, self.lease);
        loop {
            self.cursor = set.scan(self.cursor, &mut |member| {
                if self.share.takes(cx.rng) {
                    reply_item(cx.out, member);
                }
            });
            // What is past the limit of the client's output is not listed in vain.
            if self.cursor == 0 || cx.out.overflowed() {
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

/// Many draws that know nothing of each other. The start of the array is written.
pub(super) struct Draws {
    lease: Lease,
    left: u64,
}

impl Draws {
    pub(super) fn new(lease: Lease, draws: u64) -> Draws {
        Draws { lease, left: draws }
    }
}

impl Work for Draws {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        const AT_ONCE: u64 = 64;
        let set = leased(&cx.keys, self.lease);
        while self.left > 0 && !cx.out.overflowed() {
            let now = self.left.min(AT_ONCE);
            set.draw(now, cx.rng, &mut |member| reply_item(cx.out, member));
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

/// The set of an SSCAN that takes long.
pub(super) struct Scanned(pub(super) Lease);

impl ScanSource for Scanned {
    fn step(&mut self, keys: &mut Keys<'_>, cursor: u64, found: &mut Found<'_>) -> u64 {
        leased(keys, self.0).scan(cursor, &mut |member| {
            member.with_text(|text| found.offer(text));
        })
    }

    fn lease(&self) -> Option<Lease> {
        Some(self.0)
    }
}

/// What an operation is for.
pub(super) enum Goal {
    /// The members are the answer.
    Answer,
    /// Their number is, counted no further than this unless it is 0.
    Count(u64),
    /// They are kept under a key, with this event.
    Store(Vec<u8>, &'static str),
}

/// One pass over a source, or over the result.
#[derive(Clone, Copy)]
pub(super) enum Pass {
    /// Keeps what is in the first source and in all others.
    Meet,
    /// Keeps what is in the first source and in no other.
    Miss,
    /// Puts a source into the result.
    Join(usize),
    /// Takes a source out of the result.
    Remove(usize),
    /// Answers with the result.
    Show,
}

/// An intersection, union or difference on its way.
pub(super) struct Operation {
    sources: Vec<Lease>,
    /// All that the result depends on, when it is to be stored.
    held: Vec<Lease>,
    passes: Vec<Pass>,
    at: usize,
    cursor: u64,
    kept: Kept,
}

/// What has been found so far.
struct Kept {
    goal: Goal,
    count: u64,
    only_ints: bool,
    result: Set,
    body: Reply,
}

impl Operation {
    /// Over these sources; `like` is an empty set in the encoding the result starts with.
    pub(super) fn new(
        (sources, held): (Vec<Lease>, Vec<Lease>),
        mut passes: Vec<Pass>,
        goal: Goal,
        like: Set,
        out: &Reply,
    ) -> Operation {
        let collects = matches!(passes.first(), Some(Pass::Join(_)));
        if collects && matches!(goal, Goal::Answer) {
            passes.push(Pass::Show);
        }
        let body = Reply::new(out.proto);
        let kept = Kept { goal, count: 0, only_ints: true, result: like, body };
        Operation { sources, held, passes, at: 0, cursor: 0, kept }
    }

    /// Takes some steps of a pass; returns where to go on, 0 at its end.
    fn stride(&mut self, pass: Pass, keys: &Keys<'_>, limits: &Limits) -> u64 {
        let (mut cursor, kept) = (self.cursor, &mut self.kept);
        let source = |i: usize| leased(keys, self.sources[i]);
        let others: Vec<SetRef<'_>> = match pass {
            Pass::Meet | Pass::Miss => (1..self.sources.len()).map(source).collect(),
            _ => Vec::new(),
        };
        for _ in 0..STRIDE {
            cursor = match pass {
                Pass::Meet => source(0).scan(cursor, &mut |member| {
                    if others.iter().all(|set| set.contains_item(member)) {
                        kept.keep(member, limits);
                    }
                }),
                Pass::Miss => source(0).scan(cursor, &mut |member| {
                    if !others.iter().any(|set| set.contains_item(member)) {
                        kept.keep(member, limits);
                    }
                }),
                Pass::Join(i) => source(i).scan(cursor, &mut |member| {
                    kept.result.insert_item(member, limits);
                }),
                Pass::Remove(i) => source(i).scan(cursor, &mut |member| {
                    member.with_text(|text| kept.result.remove(text));
                }),
                Pass::Show => {
                    let Kept { result, body, count, .. } = &mut *kept;
                    result.as_ref().scan(cursor, &mut |member| {
                        reply_item(body, member);
                        *count += 1;
                    })
                }
            };
            if cursor == 0 || kept.is_enough() {
                return 0;
            }
        }
        cursor
    }
}

impl Kept {
    fn keep(&mut self, member: Item<'_>, limits: &Limits) {
        match &self.goal {
            Goal::Answer => {
                reply_item(&mut self.body, member);
                self.count += 1;
            }
            Goal::Count(_) => self.count += 1,
            Goal::Store(..) => {
                self.only_ints = self.only_ints && member.as_int().is_some();
                self.result.insert_item(member, limits);
            }
        }
    }

    fn is_enough(&self) -> bool {
        matches!(self.goal, Goal::Count(limit) if limit > 0 && self.count >= limit)
    }
}

impl Work for Operation {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        while let Some(&pass) = self.passes.get(self.at) {
            self.cursor = self.stride(pass, &cx.keys, cx.limits);
            if self.cursor == 0 {
                self.at += 1;
            }
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        let kept = &mut self.kept;
        match &kept.goal {
            Goal::Answer => {
                cx.out.set(kept.count as usize);
                cx.out.out().append(kept.body.out());
            }
            Goal::Count(0) => cx.out.int(kept.count as i64),
            Goal::Count(limit) => cx.out.int(kept.count.min(*limit) as i64),
            Goal::Store(key, event) => {
                let mut result = std::mem::take(&mut kept.result);
                if kept.only_ints && matches!(self.passes.first(), Some(Pass::Meet)) {
                    result.settle_ints(cx.limits);
                }
                return algebra::store(cx, key, result, event).map(Progress::Done);
            }
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        matches!(self.kept.goal, Goal::Store(..))
    }

    fn end(&mut self, space: &mut Keyspace) {
        let sources = std::mem::take(&mut self.sources);
        for lease in sources.into_iter().chain(std::mem::take(&mut self.held)) {
            space.release(lease);
        }
        space.free_value(std::mem::take(&mut self.kept.result).into_value());
    }
}
