//! Intersections, unions and differences, answered, counted or stored.
//!
//! All keys are read first, which settles expiry, types and counters; then all are borrowed
//! together.

use super::DEL;
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;
use crate::value::reply_item;
use crate::value::set::{self, Set, SetRef};
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

pub(super) fn sinter(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    let sets = sources(keys, args, 1..args.len())?;
    let Some(common) = set::intersect(&sets) else {
        out.set(0);
        return Ok(Outcome::Unchanged);
    };
    let mut count = 0;
    let slot = out.open_set();
    for member in common.iter() {
        reply_item(out, member);
        count += 1;
    }
    out.close(slot, count);
    Ok(Outcome::Unchanged)
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
    let sets = sources(&mut cx.keys, args, 2..2 + numkeys)?;
    let count = set::intersect(&sets).map_or(0, |common| common.count(limit));
    cx.out.int(count as i64);
    Ok(Outcome::Unchanged)
}

pub(super) fn sinterstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let sets = sources(&mut cx.keys, args, 2..args.len())?;
    let result = set::intersect(&sets)
        .map_or_else(Set::default, |common| set::store_intersection(&common, cx.limits));
    store(cx, args.get(1), result, "sinterstore")
}

pub(super) fn sunion(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, limits, .. } = cx;
    let sets = sources(keys, args, 1..args.len())?;
    // One set is its own union.
    let made = if sets.len() > 1 { Some(set::union(&sets, limits)) } else { None };
    let result = made.as_ref().map(Set::as_ref).or(sets[0]);
    out.set(result.map_or(0, SetRef::len));
    result.iter().flat_map(|set| set.iter()).for_each(|member| reply_item(out, member));
    Ok(Outcome::Unchanged)
}

pub(super) fn sunionstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let sets = sources(&mut cx.keys, args, 2..args.len())?;
    let result = set::union(&sets, cx.limits);
    store(cx, args.get(1), result, "sunionstore")
}

/// Whether the key at `first` stands once more behind it.
fn first_again(args: &Args<'_>, first: usize) -> bool {
    args.iter().skip(first + 1).any(|key| key == args.get(first))
}

pub(super) fn sdiff(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let again = first_again(args, 1);
    let DataCx { keys, out, limits, .. } = cx;
    let sets = sources(keys, args, 1..args.len())?;
    let mut count = 0;
    let slot = out.open_set();
    set::difference(&sets, again).show(limits, &mut |member| {
        reply_item(out, member);
        count += 1;
    });
    out.close(slot, count);
    Ok(Outcome::Unchanged)
}

pub(super) fn sdiffstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let again = first_again(args, 2);
    let sets = sources(&mut cx.keys, args, 2..args.len())?;
    let result = set::difference(&sets, again).store(cx.limits);
    store(cx, args.get(1), result, "sdiffstore")
}

/// Keeps a result under `key`; an empty one deletes it.
fn store(cx: &mut DataCx<'_>, key: &[u8], result: Set, event: &'static str) -> CmdResult {
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
