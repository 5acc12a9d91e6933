//! Intersections, unions and differences, answered, counted or stored.
//!
//! All keys are read first, which settles expiry, types and counters; then all are borrowed
//! together. What would take long is handed on as an [`Operation`].

use super::DEL;
use super::long::{Goal, Operation, Pass};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;
use crate::value::reply_item;
use crate::value::set::{self, Diff, Set, SetRef};
use std::ops::Range;

/// The sets under the keys at these places, missing ones as `None`.
fn sources<'k>(
    keys: &'k mut Keys<'_>,
    args: &Args<'_>,
    places: Range<usize>,
) -> Result<Vec<Option<SetRef<'k>>>, Error> {
    for i in places.clone() {
        keys.read::<Set>(args.get(i))?;
    }
    let keys = &*keys;
    Ok(places.map(|i| keys.again::<Set>(args.get(i))).collect())
}

fn members(set: &Option<SetRef<'_>>) -> usize {
    set.map_or(0, SetRef::len)
}

/// An operation in slices over the sets under the keys at these places, which exist.
fn in_slices(
    cx: &mut DataCx<'_>,
    args: &Args<'_>,
    places: impl Iterator<Item = usize>,
    passes: Vec<Pass>,
    goal: Goal,
    like: Set,
) -> CmdResult {
    let leases = places.map(|i| cx.keys.lease(args.get(i), false)).collect();
    // A result that is stored depends on missing keys, too: they must not come to be.
    let named = if matches!(goal, Goal::Store(..)) { 2..args.len() } else { 0..0 };
    let held = named.map(|i| cx.keys.hold(args.get(i))).collect();
    let work = Operation::new((leases, held), passes, goal, like, cx.out);
    Ok(Outcome::Enter(Box::new(work)))
}

/// What SINTER, SINTERCARD and SINTERSTORE have in common.
fn intersection(
    cx: &mut DataCx<'_>,
    args: &Args<'_>,
    places: Range<usize>,
    goal: Goal,
) -> CmdResult {
    let DataCx { keys, out, limits, .. } = cx;
    let sets = sources(keys, args, places.clone())?;
    let Some(common) = set::intersect(&sets) else {
        return match goal {
            Goal::Answer => {
                out.set(0);
                Ok(Outcome::Unchanged)
            }
            Goal::Count(_) => {
                out.int(0);
                Ok(Outcome::Unchanged)
            }
            Goal::Store(key, event) => store(cx, &key, Set::default(), event),
        };
    };
    if common.smallest().len() >= LONG {
        let like = set::empty_intersection(common.smallest());
        let mut order: Vec<usize> = (0..sets.len()).collect();
        order.sort_by_key(|i| members(&sets[*i]));
        let order = order.into_iter().map(|i| places.start + i);
        return in_slices(cx, args, order, vec![Pass::Meet], goal, like);
    }
    match goal {
        Goal::Answer => {
            let mut count = 0;
            let slot = out.open_set();
            for member in common.iter() {
                reply_item(out, member);
                count += 1;
            }
            out.close(slot, count);
        }
        Goal::Count(limit) => out.int(common.count(limit) as i64),
        Goal::Store(key, event) => {
            let result = set::store_intersection(&common, limits);
            return store(cx, &key, result, event);
        }
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn sinter(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    intersection(cx, args, 1..args.len(), Goal::Answer)
}

pub(super) fn sinterstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let goal = Goal::Store(args.get(1).to_vec(), "sinterstore");
    intersection(cx, args, 2..args.len(), goal)
}

pub(super) fn sintercard(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NO_KEYS: Error = Error::fixed("ERR numkeys should be greater than 0");
    const NEGATIVE: Error = Error::fixed("ERR LIMIT can't be negative");
    let numkeys = args.int(1).ok().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let numkeys = numkeys.ok_or(NO_KEYS)?;
    if numkeys > args.len() - 2 {
        return Err(Error::fixed("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = 0;
    args.seek(2 + numkeys);
    while args.remaining() > 0 {
        if args.remaining() < 2 || !args.accept("limit") {
            return Err(Error::Syntax);
        }
        let value = args.next_int().map_err(|_| NEGATIVE)?;
        limit = u64::try_from(value).map_err(|_| NEGATIVE)?;
    }
    intersection(cx, args, 2..2 + numkeys, Goal::Count(limit))
}

fn union(cx: &mut DataCx<'_>, args: &Args<'_>, first: usize, goal: Goal) -> CmdResult {
    let places = first..args.len();
    let DataCx { keys, out, limits, .. } = cx;
    let sets = sources(keys, args, places.clone())?;
    if sets.iter().map(members).sum::<usize>() >= LONG {
        let there: Vec<bool> = sets.iter().map(Option::is_some).collect();
        let there = places.filter(|i| there[i - first]);
        let passes = (0..there.clone().count()).map(Pass::Join).collect();
        return in_slices(cx, args, there, passes, goal, Set::default());
    }
    // One set is its own union.
    let alone = sets.len() == 1 && matches!(goal, Goal::Answer);
    let made = if alone { Set::default() } else { set::union(&sets, limits) };
    if let Goal::Store(key, event) = goal {
        return store(cx, &key, made, event);
    }
    let result = if alone { sets[0].unwrap_or(made.as_ref()) } else { made.as_ref() };
    out.set(result.len());
    result.iter().for_each(|member| reply_item(out, member));
    Ok(Outcome::Unchanged)
}

pub(super) fn sunion(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    union(cx, args, 1, Goal::Answer)
}

pub(super) fn sunionstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    union(cx, args, 2, Goal::Store(args.get(1).to_vec(), "sunionstore"))
}

fn difference(cx: &mut DataCx<'_>, args: &Args<'_>, first: usize, goal: Goal) -> CmdResult {
    let places = first..args.len();
    let again = args.iter().skip(first + 1).any(|key| key == args.get(first));
    let DataCx { keys, out, limits, .. } = cx;
    let sets = sources(keys, args, places.clone())?;
    let diff = set::difference(&sets, again);
    if diff.work() >= LONG {
        let mut order: Vec<usize> = places.clone().filter(|i| sets[i - first].is_some()).collect();
        let passes = if let Diff::TakeOut(..) = diff {
            let remove = (1..order.len()).map(Pass::Remove);
            std::iter::once(Pass::Join(0)).chain(remove).collect()
        } else {
            order[1..].sort_by_key(|i| std::cmp::Reverse(members(&sets[i - first])));
            vec![Pass::Miss]
        };
        return in_slices(cx, args, order.into_iter(), passes, goal, Set::default());
    }
    if let Goal::Store(key, event) = goal {
        let result = diff.store(limits);
        return store(cx, &key, result, event);
    }
    let mut count = 0;
    let slot = out.open_set();
    diff.show(limits, &mut |member| {
        reply_item(out, member);
        count += 1;
    });
    out.close(slot, count);
    Ok(Outcome::Unchanged)
}

pub(super) fn sdiff(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    difference(cx, args, 1, Goal::Answer)
}

pub(super) fn sdiffstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    difference(cx, args, 2, Goal::Store(args.get(1).to_vec(), "sdiffstore"))
}

/// Keeps a result under `key`; an empty one deletes it.
pub(super) fn store(
    cx: &mut DataCx<'_>,
    key: &[u8],
    result: Set,
    event: &'static str,
) -> CmdResult {
    let len = result.len();
    cx.out.int(len as i64);
    let existed = cx.keys.store(key, result);
    if len > 0 {
        cx.keys.touch(key, Event::new(class::SET, event));
    } else if existed {
        cx.keys.touch(key, DEL);
    } else {
        return Ok(Outcome::Unchanged);
    }
    Ok(Outcome::Changed(Propagate::Verbatim))
}
