//! ZREM and the removal of ranges.

use std::ops::Range;

use super::DEL;
use super::cut::{Cut, Told};
use super::range::{Bounds, rank_bounds};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::keyspace::effects::{Event, class};
use crate::value::zset::{LexRange, ScoreRange, ZSet, ZSetRef};

/// Books a removal and answers with its size.
fn removed(
    cx: &mut DataCx<'_>,
    key: &[u8],
    event: &'static str,
    count: usize,
    emptied: bool,
) -> CmdResult {
    cx.out.int(count as i64);
    if count == 0 {
        return Ok(Outcome::Unchanged);
    }
    cx.keys.touch_n(key, Event::new(class::ZSET, event), count as u64);
    if emptied {
        cx.keys.announce(key, DEL);
    }
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn zrem(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    let (mut count, mut emptied) = (0, false);
    if let Some(mut set) = cx.keys.edit::<ZSet>(key)? {
        for i in 2..args.len() {
            count += usize::from(set.remove(args.get(i)).is_some());
        }
        emptied = set.is_empty();
    }
    removed(cx, key, "zrem", count, emptied)
}

pub(super) fn zremrangebyrank(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let bounds = rank_bounds(args, 2, 3)?;
    remove_range(cx, args.get(1), "zremrangebyrank", |set| bounds.of(set, false))
}

pub(super) fn zremrangebyscore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let bounds = Bounds::Score(ScoreRange::parse(args.get(2), args.get(3))?);
    remove_range(cx, args.get(1), "zremrangebyscore", |set| bounds.of(set, false))
}

pub(super) fn zremrangebylex(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let bounds = Bounds::Lex(LexRange::parse(args.get(2), args.get(3))?);
    remove_range(cx, args.get(1), "zremrangebylex", |set| bounds.of(set, false))
}

fn remove_range(
    cx: &mut DataCx<'_>,
    key: &[u8],
    event: &'static str,
    ranks: impl FnOnce(ZSetRef<'_>) -> Range<usize>,
) -> Result<Outcome, Error> {
    let Some(set) = cx.keys.for_write::<ZSet>(key)? else {
        return removed(cx, key, event, 0, false);
    };
    let (ranks, len) = (ranks(set), set.len());
    let count = ranks.len();
    if count >= LONG && count < len && matches!(set, ZSetRef::Ranked(_)) {
        let lease = cx.keys.lease(key, true);
        let told = Told { event: Event::new(class::ZSET, event), rewritten: None };
        return Ok(Outcome::Enter(Box::new(Cut::new(lease, key, ranks, None, told))));
    }
    if count == len {
        // A key that goes as a whole is freed off the loop.
        cx.keys.delete(key);
    } else if count > 0 {
        if let Some(mut set) = cx.keys.edit::<ZSet>(key)? {
            set.remove_ranks(ranks);
        }
    }
    removed(cx, key, event, count, count == len)
}
