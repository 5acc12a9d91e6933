//! Unions, intersections and differences of sorted sets and sets, answered, counted or stored.
//!
//! All keys are read first, which settles expiry, types and counters; then all are borrowed
//! together. Members of a set count with a score of 1.

use super::long::{Goal, Input, Operation};
use super::{Gathered, Listing, store};
use crate::base::double::parse_f64;
use crate::base::error::Error;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::keyspace::keys::Keys;
use crate::value::set::{Set, SetRef};
use crate::value::zset::{ZSet, ZSetRef};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Union,
    Inter,
    Diff,
}

/// What may be an input.
#[derive(Clone, Copy)]
pub(super) enum Members<'a> {
    ZSet(ZSetRef<'a>),
    Set(SetRef<'a>),
    Missing,
}

impl<'a> Members<'a> {
    fn len(self) -> usize {
        match self {
            Members::ZSet(set) => set.len(),
            Members::Set(set) => set.len(),
            Members::Missing => 0,
        }
    }

    pub(super) fn score(self, member: Item<'_>) -> Option<f64> {
        match self {
            Members::ZSet(set) => member.with_text(|member| set.score(member)),
            Members::Set(set) => set.contains_item(member).then_some(1.0),
            Members::Missing => None,
        }
    }

    /// Shows all members, as long as `f` wants more.
    fn each(self, mut f: impl FnMut(Item<'a>, f64) -> bool) {
        match self {
            Members::ZSet(set) => drop(set.iter().all(|(member, score)| f(member, score))),
            Members::Set(set) => drop(set.iter().all(|member| f(member, 1.0))),
            Members::Missing => {}
        }
    }
}

/// An input with its weight.
type Source<'a> = (Members<'a>, f64);

/// A score times a weight. Nothing of infinity is 0.
pub(super) fn weigh(score: f64, weight: f64) -> f64 {
    let score = score * weight;
    if score.is_nan() { 0.0 } else { score }
}

#[derive(Clone, Copy)]
pub(super) enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn parse(word: &[u8]) -> Result<Aggregate, Error> {
        match word {
            word if word.eq_ignore_ascii_case(b"sum") => Ok(Aggregate::Sum),
            word if word.eq_ignore_ascii_case(b"min") => Ok(Aggregate::Min),
            word if word.eq_ignore_ascii_case(b"max") => Ok(Aggregate::Max),
            _ => Err(Error::Syntax),
        }
    }

    /// Puts two scores together. Opposite infinities add up to 0.
    pub(super) fn put_together(self, a: f64, b: f64) -> f64 {
        match self {
            Aggregate::Sum if (a + b).is_nan() => 0.0,
            Aggregate::Sum => a + b,
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }

    /// Puts a member's scores in several sources together, beginning with one; `None` when one of
    /// them does not have it.
    pub(super) fn over<'s>(
        self,
        member: Item<'_>,
        first: f64,
        mut others: impl Iterator<Item = Source<'s>>,
    ) -> Option<f64> {
        others.try_fold(first, |sum, (members, weight)| {
            Some(self.put_together(sum, members.score(member)? * weight))
        })
    }
}

/// What a command's name fixes.
#[derive(Clone, Copy)]
struct Form {
    op: Op,
    name: &'static str,
    /// Place of the number of keys.
    numkeys: usize,
    stores: bool,
    counts: bool,
}

/// What a call asks for beyond its keys.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    scores: bool,
    /// 0 is none.
    limit: usize,
}

impl Form {
    /// How many keys there are.
    fn keys(self, args: &Args<'_>) -> Result<usize, Error> {
        let count = args.int(self.numkeys)?;
        if count < 1 {
            let name = self.name;
            return Err(Error::err(format!("at least 1 input key is needed for '{name}' command")));
        }
        let most = args.len() - self.numkeys - 1;
        usize::try_from(count).ok().filter(|count| *count <= most).ok_or(Error::Syntax)
    }

    fn options(self, args: &Args<'_>, keys: usize) -> Result<Options, Error> {
        const NOT_A_FLOAT: Error = Error::fixed("ERR weight value is not a float");
        const NEGATIVE: Error = Error::fixed("ERR LIMIT can't be negative");
        let aggregates = self.op != Op::Diff && !self.counts;
        let mut options =
            Options { weights: Vec::new(), aggregate: Aggregate::Sum, scores: false, limit: 0 };
        let mut i = self.numkeys + 1 + keys;
        while i < args.len() {
            let behind = args.len() - i - 1;
            if aggregates && behind >= keys && args.is(i, "weights") {
                let weight = |i: usize| parse_f64(args.get(i)).ok_or(NOT_A_FLOAT);
                options.weights = (i + 1..=i + keys).map(weight).collect::<Result<_, _>>()?;
                i += keys;
            } else if aggregates && behind >= 1 && args.is(i, "aggregate") {
                options.aggregate = Aggregate::parse(args.get(i + 1))?;
                i += 1;
            } else if !self.stores && !self.counts && args.is(i, "withscores") {
                options.scores = true;
            } else if self.counts && behind >= 1 && args.is(i, "limit") {
                let limit = args.int(i + 1).map_err(|_| NEGATIVE)?;
                options.limit = usize::try_from(limit).map_err(|_| NEGATIVE)?;
                i += 1;
            } else {
                return Err(Error::Syntax);
            }
            i += 1;
        }
        Ok(options)
    }

    /// Reads the call, looks at all its keys and does what is asked.
    fn run(self, cx: &mut DataCx<'_>, args: &Args<'_>) -> CmdResult {
        let count = self.keys(args)?;
        let first = self.numkeys + 1;
        for i in first..first + count {
            look(&mut cx.keys, args.get(i))?;
        }
        let options = self.options(args, count)?;
        let weights = options.weights.iter().copied().chain(std::iter::repeat(1.0));
        let mut inputs: Vec<(usize, f64)> = (first..first + count).zip(weights).collect();
        let size = |i: usize| members(&cx.keys, args.get(i)).len();
        if self.op != Op::Diff {
            // As Redis does, which shows in how sums are rounded.
            inputs.sort_by_key(|(i, _)| size(*i));
        }
        let steps = match self.op {
            Op::Union => inputs.iter().map(|(i, _)| size(*i)).sum(),
            Op::Inter | Op::Diff => size(inputs[0].0),
        };
        let goal = match (self.stores, self.counts) {
            (true, _) => Goal::Store(args.get(1).to_vec(), self.name),
            (_, true) => Goal::Count(options.limit),
            _ => Goal::Answer(options.scores),
        };
        let aggregate = options.aggregate;
        if steps >= LONG {
            // A result that is stored depends on missing keys, too: they must not come to be.
            let lease = |i: usize| (self.stores || size(i) > 0).then_some(i);
            let places: Vec<(Option<usize>, f64)> =
                inputs.iter().map(|(i, weight)| (lease(*i), *weight)).collect();
            let lease = |(place, weight): (Option<usize>, f64)| {
                let lease = place.map(|i| match self.stores {
                    true => cx.keys.hold(args.get(i)),
                    false => cx.keys.lease(args.get(i), false),
                });
                Input { lease, weight }
            };
            let inputs = places.into_iter().map(lease).collect();
            let work = Operation::new(self.op, aggregate, inputs, goal);
            return Ok(Outcome::Enter(Box::new(work)));
        }
        let keys = &cx.keys;
        let sources: Vec<Source<'_>> =
            inputs.into_iter().map(|(i, weight)| (members(keys, args.get(i)), weight)).collect();
        let (result, count) = self.at_once(&sources, aggregate, &goal);
        match goal {
            Goal::Count(_) => cx.out.int(count as i64),
            Goal::Store(key, event) => {
                return store(cx, &key, result.into_zset(cx.limits), event, 1);
            }
            Goal::Answer(scores) => {
                let mut list = Listing { out: cx.out, scores };
                list.begin(result.len());
                result.iter().for_each(|(member, score)| list.add(Item::Bytes(member), score));
            }
        }
        Ok(Outcome::Unchanged)
    }

    /// The result, in order, and the number of its members; only the number when that is asked.
    fn at_once(
        self,
        sources: &[Source<'_>],
        aggregate: Aggregate,
        goal: &Goal,
    ) -> (Gathered, usize) {
        let mut result = Gathered::default();
        let mut count = 0;
        match (self.op, goal) {
            (Op::Union, _) => result = union(sources, aggregate),
            (Op::Diff, _) => result = difference(sources),
            (Op::Inter, Goal::Count(limit)) => intersect(sources, aggregate, |_, _| {
                count += 1;
                count != *limit
            }),
            (Op::Inter, _) => intersect(sources, aggregate, |member, score| {
                result.push(member, score);
                true
            }),
        }
        result.sort();
        (result, count)
    }
}

/// Looks at an input as a read: what it holds must be of one of the two types.
fn look(keys: &mut Keys<'_>, key: &[u8]) -> Result<(), Error> {
    match keys.entry(key).map(|entry| entry.type_name()) {
        None | Some("zset" | "set") => Ok(()),
        Some(_) => Err(Error::WrongType),
    }
}

fn members<'k>(keys: &'k Keys<'_>, key: &[u8]) -> Members<'k> {
    if let Some(set) = keys.again::<ZSet>(key) {
        return Members::ZSet(set);
    }
    keys.again::<Set>(key).map_or(Members::Missing, Members::Set)
}

fn union(sources: &[Source<'_>], aggregate: Aggregate) -> Gathered {
    let mut result = Gathered::default();
    for (members, weight) in sources {
        members.each(|member, score| {
            result.push(member, weigh(score, *weight));
            true
        });
    }
    result.join(|a, b| aggregate.put_together(a, b));
    result
}

/// Shows the members that all sources have to `found`, as long as that wants more.
fn intersect(
    sources: &[Source<'_>],
    aggregate: Aggregate,
    mut found: impl FnMut(Item<'_>, f64) -> bool,
) {
    let Some(((smallest, weight), others)) = sources.split_first() else { return };
    smallest.each(|member, score| {
        match aggregate.over(member, weigh(score, *weight), others.iter().copied()) {
            Some(score) => found(member, score),
            None => true,
        }
    });
}

fn difference(sources: &[Source<'_>]) -> Gathered {
    let mut result = Gathered::default();
    let Some(((first, _), others)) = sources.split_first() else { return result };
    first.each(|member, score| {
        if others.iter().all(|(other, _)| other.score(member).is_none()) {
            result.push(member, score);
        }
        true
    });
    result
}

const fn form(op: Op, name: &'static str) -> Form {
    Form { op, name, numkeys: 1, stores: false, counts: false }
}

const fn storing(op: Op, name: &'static str) -> Form {
    Form { op, name, numkeys: 2, stores: true, counts: false }
}

pub(super) fn zunion(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Op::Union, "zunion").run(cx, args)
}

pub(super) fn zinter(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Op::Inter, "zinter").run(cx, args)
}

pub(super) fn zdiff(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Op::Diff, "zdiff").run(cx, args)
}

pub(super) fn zunionstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    storing(Op::Union, "zunionstore").run(cx, args)
}

pub(super) fn zinterstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    storing(Op::Inter, "zinterstore").run(cx, args)
}

pub(super) fn zdiffstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    storing(Op::Diff, "zdiffstore").run(cx, args)
}

pub(super) fn zintercard(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    Form { op: Op::Inter, name: "zintercard", numkeys: 1, stores: false, counts: true }
        .run(cx, args)
}
