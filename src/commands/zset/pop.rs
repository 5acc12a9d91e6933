//! ZPOPMIN, ZPOPMAX and ZMPOP, and what their blocking forms share with them.

use super::cut::{Cut, Farewell, Told};
use super::{DEL, Listing};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::commands::expire::rewritten;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::keyspace::effects::{Event, class};
use crate::resp::reply::Reply;
use crate::resp::request::Argv;
use crate::value::zset::{Pairs, ZSet, ZSetRef};

/// The end members are taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Min,
    Max,
}

impl End {
    /// The command that takes from this end, as the stream names it.
    pub(super) fn command(self) -> &'static [u8] {
        if self == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" }
    }

    /// The ranks of `taken` members at this end of `len`.
    fn ranks(self, taken: usize, len: usize) -> std::ops::Range<usize> {
        if self == End::Min { 0..taken } else { len - taken..len }
    }

    fn event(self) -> Event {
        Event::new(class::ZSET, if self == End::Min { "zpopmin" } else { "zpopmax" })
    }
}

/// How what was taken is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Members and scores in one list.
    Flat,
    /// The same, pairs in RESP3.
    Listed,
    /// The key, a member and its score in one list.
    KeyFlat,
    /// The key, then a list of pairs.
    KeyPairs,
}

/// Takes up to `count` members from the sorted set at `key`, which is there, and answers with
/// them; tells how many there were.
pub(super) fn pop(
    cx: &mut DataCx<'_>,
    key: &[u8],
    end: End,
    count: usize,
    shape: Shape,
) -> Result<usize, Error> {
    let Some(mut set) = cx.keys.edit::<ZSet>(key)? else { return Ok(0) };
    let len = set.len();
    let taken = count.min(len);
    let ranks = end.ranks(taken, len);
    begin(cx.out, key, taken, shape);
    say(cx.out, set.as_ref().range(ranks.clone(), end == End::Max), shape);
    set.remove_ranks(ranks);
    let emptied = set.is_empty();
    drop(set);
    cx.keys.touch_n(key, end.event(), taken as u64);
    if emptied {
        cx.keys.announce(key, DEL);
    }
    Ok(taken)
}

/// `pop` of so many members that it is done in slices; nothing when they are not so many. `call`
/// is what the stream is told, given their number.
fn pop_many(
    cx: &mut DataCx<'_>,
    key: &[u8],
    (end, count): (End, usize),
    shape: Shape,
    call: impl FnOnce(usize) -> Argv,
) -> Option<Outcome> {
    let len = match cx.keys.again::<ZSet>(key)? {
        ZSetRef::Ranked(set) => set.len(),
        ZSetRef::Packed(_) => return None,
    };
    let taken = count.min(len);
    if taken < LONG {
        return None;
    }
    begin(cx.out, key, taken, shape);
    let told = Told { event: end.event(), rewritten: Some(call(taken)) };
    let popped = (end, shape);
    if taken == len {
        return Some(Farewell::begin(cx, key, len, popped, told));
    }
    let lease = cx.keys.lease(key, true);
    let cut = Cut::new(lease, key, end.ranks(taken, len), Some(popped), told);
    Some(Outcome::Enter(Box::new(cut)))
}

/// Answers with what comes before the members.
fn begin(out: &mut Reply, key: &[u8], taken: usize, shape: Shape) {
    match shape {
        Shape::Flat => out.array(2 * taken),
        Shape::Listed => Listing { out, scores: true }.begin(taken),
        Shape::KeyFlat => {
            out.array(2 * taken + 1);
            out.bulk(key);
        }
        Shape::KeyPairs => {
            out.array(2);
            out.bulk(key);
            out.array(taken);
        }
    }
}

/// Answers with members.
pub(super) fn say(out: &mut Reply, members: Pairs<'_>, shape: Shape) {
    let mut list = Listing { out, scores: true };
    for (member, score) in members {
        match shape {
            Shape::Listed => list.add(member, score),
            _ => {
                if shape == Shape::KeyPairs {
                    list.out.array(2);
                }
                crate::value::reply_item(list.out, member);
                list.out.double(score);
            }
        }
    }
}

pub(super) fn zpopmin(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    zpop(cx, args, End::Min)
}

pub(super) fn zpopmax(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    zpop(cx, args, End::Max)
}

fn zpop(cx: &mut DataCx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    let (mut count, mut shape) = (1, Shape::Flat);
    if args.len() == 3 {
        const NEGATIVE: Error = Error::fixed("ERR value is out of range, must be positive");
        let given = args.int(2).map_err(|_| NEGATIVE)?;
        count = usize::try_from(given).map_err(|_| NEGATIVE)?;
        shape = Shape::Listed;
    }
    let found = cx.keys.for_write::<ZSet>(args.get(1))?.is_some();
    if !found || count == 0 {
        cx.out.array(0);
        return Ok(Outcome::Unchanged);
    }
    if let Some(outcome) = pop_many(cx, args.get(1), (end, count), shape, |_| args.to_argv()) {
        return Ok(outcome);
    }
    pop(cx, args.get(1), end, count, shape)?;
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// What ZMPOP and BZMPOP are asked for: keys from a place on, an end and a count.
pub(super) struct Asked {
    pub(super) keys: std::ops::Range<usize>,
    pub(super) end: End,
    pub(super) count: usize,
}

impl Asked {
    /// Takes members off a sorted set that is there. Whoever replays this neither searches nor
    /// waits.
    pub(super) fn take(&self, cx: &mut DataCx<'_>, key: &[u8]) -> CmdResult {
        let call = |taken: usize| {
            let taken = taken.to_string();
            Argv::from_slices(&[self.end.command(), key, taken.as_bytes()])
        };
        let wanted = (self.end, self.count);
        if let Some(outcome) = pop_many(cx, key, wanted, Shape::KeyPairs, call) {
            return Ok(outcome);
        }
        let taken = pop(cx, key, self.end, self.count, Shape::KeyPairs)?;
        let taken = taken.to_string();
        Ok(rewritten(&mut cx.keys, &[self.end.command(), key, taken.as_bytes()]))
    }

    /// Reads the words from the number of keys on.
    pub(super) fn parse(args: &Args<'_>, numkeys: usize) -> Result<Asked, Error> {
        let keys = above_zero(args.get(numkeys))
            .ok_or(Error::fixed("ERR numkeys should be greater than 0"))?;
        let first = numkeys + 1;
        let end_at = first.saturating_add(keys);
        if end_at >= args.len() {
            return Err(Error::Syntax);
        }
        let end = match args.get(end_at) {
            word if word.eq_ignore_ascii_case(b"min") => End::Min,
            word if word.eq_ignore_ascii_case(b"max") => End::Max,
            _ => return Err(Error::Syntax),
        };
        let mut count = None;
        let mut i = end_at + 1;
        while i < args.len() {
            if count.is_some() || !args.is(i, "count") || i + 1 == args.len() {
                return Err(Error::Syntax);
            }
            count = Some(
                above_zero(args.get(i + 1))
                    .ok_or(Error::fixed("ERR count should be greater than 0"))?,
            );
            i += 2;
        }
        Ok(Asked { keys: first..end_at, end, count: count.unwrap_or(1) })
    }
}

fn above_zero(word: &[u8]) -> Option<usize> {
    parse_i64(word).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0)
}

/// The place of the first of several keys that has members.
pub(super) fn first_filled(
    cx: &mut DataCx<'_>,
    args: &Args<'_>,
    keys: std::ops::Range<usize>,
) -> Result<Option<usize>, Error> {
    for i in keys {
        if cx.keys.for_write::<ZSet>(args.get(i))?.is_some() {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

pub(super) fn zmpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let asked = Asked::parse(args, 1)?;
    match first_filled(cx, args, asked.keys.clone())? {
        Some(at) => asked.take(cx, args.get(at)),
        None => {
            cx.out.null_array();
            Ok(Outcome::Unchanged)
        }
    }
}
