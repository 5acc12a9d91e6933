//! Moving an element from one list to another, or round in one.

use super::blocking::wait;
use super::{End, booked, end_named, popped, pushed};
use crate::base::error::Error;
use crate::commands::expire::rewritten;
use crate::engine::args::Args;
use crate::engine::block::{Waits, patience_seconds};
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::value::list::List;

pub(super) fn lmove(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (from, to) = (end_named(args.get(3))?, end_named(args.get(4))?);
    now(cx, args, from, to)
}

pub(super) fn rpoplpush(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    now(cx, args, End::Tail, End::Head)
}

fn now(cx: &mut DataCx<'_>, args: &Args<'_>, from: End, to: End) -> CmdResult {
    if move_one(cx, args, from, to)? {
        return Ok(Outcome::Changed(Propagate::Verbatim));
    }
    cx.out.null();
    Ok(Outcome::Unchanged)
}

pub(super) fn blmove(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (from, to) = (end_named(args.get(3))?, end_named(args.get(4))?);
    let patience = patience_seconds(args.get(5))?;
    if !move_one(cx, args, from, to)? {
        return Ok(wait(std::iter::once(args.get(1)), Waits::Move, patience));
    }
    let words = [b"LMOVE", args.get(1), args.get(2), args.get(3), args.get(4)];
    Ok(rewritten(&mut cx.keys, &words))
}

pub(super) fn brpoplpush(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let patience = patience_seconds(args.get(3))?;
    if !move_one(cx, args, End::Tail, End::Head)? {
        return Ok(wait(std::iter::once(args.get(1)), Waits::Move, patience));
    }
    Ok(rewritten(&mut cx.keys, &[b"RPOPLPUSH", args.get(1), args.get(2)]))
}

/// Moves an element and answers with it; false when there is no list to take it from.
fn move_one(cx: &mut DataCx<'_>, args: &Args<'_>, from: End, to: End) -> Result<bool, Error> {
    let (source, target) = (args.get(1), args.get(2));
    if cx.keys.for_write::<List>(source)?.is_none() {
        return Ok(false);
    }
    // The target's type is looked at before anything is taken.
    cx.keys.for_write::<List>(target)?;
    let mut list = cx.keys.edit::<List>(source)?.expect("it was there a moment ago");
    let text = list.pop(from, |item| item.to_vec()).expect("no list is empty");
    let same = source == target;
    if same {
        list.expect(1, text.len(), cx.limits);
        list.push(to, &text);
    }
    let emptied = list.is_empty();
    list.shrink(cx.limits);
    drop(list);
    if !same {
        let mut list = cx.keys.edit_or_new::<List>(target)?;
        list.expect(1, text.len(), cx.limits);
        list.push(to, &text);
    }
    cx.out.bulk(&text);
    // One change, told as two events, that of the arrival first.
    cx.keys.touch_n(target, pushed(to), 0);
    booked(&mut cx.keys, source, popped(from), 1, emptied);
    Ok(true)
}
