//! ZRANDMEMBER: one member, several that differ, or several picks that may repeat.

use std::collections::BTreeSet;

use super::Listing;
use super::long::{Picks, Share, Walk};
use crate::base::error::Error;
use crate::base::rng::Rng;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::value::reply_item;
use crate::value::zset::{Scored, ZSet, ZSetRef};

/// Beyond a third of the members it is cheaper to walk over all than to try again after each
/// member that came before.
const WALK_FROM: usize = 3;

const OUT_OF_RANGE: Error = Error::fixed("ERR value is out of range");

/// Picks that may repeat, at most: no client could read a longer array, and the server would not
/// come to its end.
const PICKS_MAX: u64 = i32::MAX as u64;

pub(super) fn zrandmember(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() == 2 {
        match cx.keys.read::<ZSet>(args.get(1))? {
            Some(set) => reply_item(cx.out, set.random(cx.rng).0),
            None => cx.out.null(),
        }
        return Ok(Outcome::Unchanged);
    }
    let (count, scores) = count_and_form(args)?;
    let Some(set) = cx.keys.read::<ZSet>(args.get(1))? else {
        cx.out.array(0);
        return Ok(Outcome::Unchanged);
    };
    let (picks, len) = (count.unsigned_abs(), set.len());
    let mut list = Listing { out: cx.out, scores };
    if count < 0 || picks == 1 {
        if picks > PICKS_MAX {
            return Err(OUT_OF_RANGE);
        }
        let picks = picks as usize;
        list.begin(picks);
        if picks >= LONG {
            let lease = cx.keys.lease(args.get(1), false);
            return Ok(Outcome::Enter(Box::new(Picks { lease, left: picks, scores })));
        }
        repeated(set, picks, cx.rng, &mut list);
        return Ok(Outcome::Unchanged);
    }
    let picks = picks.min(len as u64) as usize;
    list.begin(picks);
    if picks >= LONG && matches!(set, ZSetRef::Ranked(_)) {
        let (share, lease) = (Share::new(picks, len), cx.keys.lease(args.get(1), false));
        // Redis gives all of them from the highest on.
        let walk = Walk { lease, ranks: 0..len, reverse: true, scores, share };
        return Ok(Outcome::Enter(Box::new(walk)));
    }
    different(set, picks, cx.rng, &mut list);
    Ok(Outcome::Unchanged)
}

/// How many members (negative: repetitions allowed), and whether their scores follow them.
fn count_and_form(args: &Args<'_>) -> Result<(i64, bool), Error> {
    let count = args.int(2)?;
    if count == i64::MIN {
        return Err(Error::fixed(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    let scores = args.len() > 3;
    if args.len() > 4 || scores && !args.is(3, "withscores") {
        return Err(Error::Syntax);
    }
    if scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(OUT_OF_RANGE);
    }
    Ok((count, scores))
}

/// Picks that know nothing of each other.
pub(super) fn repeated(set: ZSetRef<'_>, picks: usize, rng: &mut Rng, list: &mut Listing<'_>) {
    // In a listpack each pick would walk; many picks share one walk.
    let members: Vec<Scored<'_>> = match set {
        ZSetRef::Packed(_) if picks > 1 => set.iter().collect(),
        _ => Vec::new(),
    };
    for _ in 0..picks {
        // What is past the limit of the client's output is not picked in vain.
        if list.out.overflowed() {
            return;
        }
        let (member, score) = match members.len() as u64 {
            0 => set.random(rng),
            len => members[rng.below(len) as usize],
        };
        list.add(member, score);
    }
}

/// So many different members, or all of them; every choice is as likely as any other.
fn different(set: ZSetRef<'_>, picks: usize, rng: &mut Rng, list: &mut Listing<'_>) {
    let len = set.len();
    if picks == len {
        // Redis gives all of them from the highest on.
        return set.range(0..len, true).for_each(|(member, score)| list.add(member, score));
    }
    if matches!(set, ZSetRef::Packed(_)) || picks.saturating_mul(WALK_FROM) > len {
        let mut share = Share::new(picks, len);
        for (member, score) in set.iter() {
            if share.takes(rng) {
                list.add(member, score);
            }
        }
        return;
    }
    let mut taken = BTreeSet::new();
    while taken.len() < picks {
        let rank = rng.below(len as u64) as usize;
        if taken.insert(rank) {
            let (member, score) = set.nth(rank).expect("the rank is below the length");
            list.add(member, score);
        }
    }
}
