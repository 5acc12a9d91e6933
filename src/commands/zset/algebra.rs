//! Unions, intersections and differences of sorted sets and sets, answered, counted or stored.
//!
//! All keys are read first, which settles expiry, types and counters; then all are borrowed
//! together. Members of a set count with a score of 1.

use super::{Gathered, Listing, store};
use crate::base::double::parse_f64;
use crate::base::error::Error;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::keyspace::keys::Keys;
use crate::value::set::{Set, SetRef};
use crate::value::zset::{ZSet, ZSetRef};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Union,
    Inter,
    Diff,
}

/// What may be an input.
#[derive(Clone, Copy)]
enum Members<'a> {
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

    fn score(self, member: Item<'_>) -> Option<f64> {
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
#[derive(Clone, Copy)]
struct Source<'a> {
    members: Members<'a>,
    weight: f64,
}

impl Source<'_> {
    fn weighed(&self, score: f64) -> f64 {
        let score = score * self.weight;
        if score.is_nan() { 0.0 } else { score }
    }
}

#[derive(Clone, Copy)]
enum Aggregate {
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
    fn put_together(self, a: f64, b: f64) -> f64 {
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

    /// Reads the call and shows what its keys hold to `f`, in the order of the arguments or, where
    /// that makes no difference but to rounding, the smallest first, as Redis adds them up.
    fn run<R>(
        self,
        keys: &mut Keys<'_>,
        args: &Args<'_>,
        f: impl FnOnce(&[Source<'_>], &Options) -> R,
    ) -> Result<(R, Options), Error> {
        let count = self.keys(args)?;
        let first = self.numkeys + 1;
        for i in first..first + count {
            look(keys, args.get(i))?;
        }
        let options = self.options(args, count)?;
        let keys = &*keys;
        let weights = options.weights.iter().copied().chain(std::iter::repeat(1.0));
        let mut sources: Vec<Source<'_>> = (first..first + count)
            .zip(weights)
            .map(|(i, weight)| Source { members: members(keys, args.get(i)), weight })
            .collect();
        if self.op != Op::Diff {
            sources.sort_by_key(|source| source.members.len());
        }
        Ok((f(&sources, &options), options))
    }

    fn gather(self, keys: &mut Keys<'_>, args: &Args<'_>) -> Result<(Gathered, Options), Error> {
        self.run(keys, args, |sources, options| {
            let mut result = match self.op {
                Op::Union => union(sources, options.aggregate),
                Op::Inter => {
                    let mut result = Gathered::default();
                    intersect(sources, options.aggregate, |member, score| {
                        result.push(member, score);
                        true
                    });
                    result
                }
                Op::Diff => difference(sources),
            };
            result.sort();
            result
        })
    }

    fn answer(self, cx: &mut DataCx<'_>, args: &Args<'_>) -> CmdResult {
        let (result, options) = self.gather(&mut cx.keys, args)?;
        let mut list = Listing { out: cx.out, scores: options.scores };
        list.begin(result.len());
        for (member, score) in result.iter() {
            list.add(Item::Bytes(member), score);
        }
        Ok(Outcome::Unchanged)
    }

    fn store(self, cx: &mut DataCx<'_>, args: &Args<'_>) -> CmdResult {
        let (result, _) = self.gather(&mut cx.keys, args)?;
        store(cx, args.get(1), result, self.name, 1)
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
    for source in sources {
        source.members.each(|member, score| {
            result.push(member, source.weighed(score));
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
    let Some((smallest, others)) = sources.split_first() else { return };
    smallest.members.each(|member, score| {
        let mut sum = smallest.weighed(score);
        for other in others {
            let Some(score) = other.members.score(member) else { return true };
            sum = aggregate.put_together(sum, score * other.weight);
        }
        found(member, sum)
    });
}

fn difference(sources: &[Source<'_>]) -> Gathered {
    let mut result = Gathered::default();
    let Some((first, others)) = sources.split_first() else { return result };
    first.members.each(|member, score| {
        if others.iter().all(|other| other.members.score(member).is_none()) {
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
    form(Op::Union, "zunion").answer(cx, args)
}

pub(super) fn zinter(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Op::Inter, "zinter").answer(cx, args)
}

pub(super) fn zdiff(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Op::Diff, "zdiff").answer(cx, args)
}

pub(super) fn zunionstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    storing(Op::Union, "zunionstore").store(cx, args)
}

pub(super) fn zinterstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    storing(Op::Inter, "zinterstore").store(cx, args)
}

pub(super) fn zdiffstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    storing(Op::Diff, "zdiffstore").store(cx, args)
}

pub(super) fn zintercard(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let form = Form { op: Op::Inter, name: "zintercard", numkeys: 1, stores: false, counts: true };
    let (count, _) = form.run(&mut cx.keys, args, |sources, options| {
        let mut count = 0;
        intersect(sources, Aggregate::Sum, |_, _| {
            count += 1;
            count != options.limit
        });
        count
    })?;
    cx.out.int(count as i64);
    Ok(Outcome::Unchanged)
}
