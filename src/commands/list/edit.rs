//! Replacing elements and dropping them anywhere in a list.

use super::long::{Removal, is_long};
use super::{End, booked, event, place, span, symmetric};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::value::Collection;
use crate::value::list::List;

pub(super) fn lset(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (key, text) = (args.get(1), args.get(3));
    let mut list = cx.keys.edit::<List>(key)?.ok_or(Error::NoSuchKey)?;
    let index = args.int(2)?;
    // As in Redis, also when the index turns out to be none.
    list.expect(1, text.len(), cx.limits);
    // Redis looks at 32 bits of this index, unlike those of LINDEX.
    let place = place(i64::from(index as i32), list.len()).ok_or(Error::IndexOutOfRange)?;
    list.set(place, text);
    list.shrink(cx.limits);
    drop(list);
    cx.out.ok();
    cx.keys.touch(key, event("lset"));
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn lrem(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let count = symmetric(args.get(2))?;
    let (key, text) = (args.get(1), args.get(3));
    let from = if count < 0 { End::Tail } else { End::Head };
    let limit = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    if cx.keys.again::<List>(key).is_some_and(is_long) {
        cx.keys.for_write::<List>(key)?;
        let lease = cx.keys.hold(key);
        return Ok(Outcome::Enter(Box::new(Removal::new(lease, key, text, from, limit))));
    }
    let Some(mut list) = cx.keys.edit::<List>(key)? else {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    };
    let removed = list.remove_matching(text, from, limit);
    cx.out.int(removed as i64);
    if removed == 0 {
        return Ok(Outcome::Unchanged);
    }
    let emptied = list.is_empty();
    list.shrink(cx.limits);
    drop(list);
    booked(&mut cx.keys, key, event("lrem"), removed, emptied);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn ltrim(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let key = args.get(1);
    let Some(mut list) = cx.keys.edit::<List>(key)? else {
        cx.out.ok();
        return Ok(Outcome::Unchanged);
    };
    let len = list.len();
    let (from, kept) = span(start, stop, len);
    let (behind, many) = (len - from - kept, len - kept >= LONG);
    let mut parts = [List::default(), List::default()];
    if many {
        parts = [list.detach(End::Tail, behind), list.detach(End::Head, from)];
    } else {
        list.remove_range(from + kept, len);
        list.remove_range(0, from);
    }
    let emptied = list.is_empty();
    list.shrink(cx.limits);
    drop(list);
    if many {
        for part in parts {
            cx.keys.space().free_value(part.into_value());
        }
    }
    cx.out.ok();
    // The event and WATCH see a call that drops nothing, the stream does not.
    booked(&mut cx.keys, key, event("ltrim"), len - kept, emptied);
    let changed = len > kept;
    Ok(Outcome::Changed(if changed { Propagate::Verbatim } else { Propagate::Nothing }))
}
