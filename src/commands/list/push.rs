//! Adding elements: at the ends, and next to another one.

use super::long::{Insertion, is_long};
use super::{End, event, pushed};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::value::list::List;
use std::ops::ControlFlow;

pub(super) fn lpush(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    push(cx, args, End::Head)
}

pub(super) fn rpush(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    push(cx, args, End::Tail)
}

pub(super) fn lpushx(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    push_existing(cx, args, End::Head)
}

pub(super) fn rpushx(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    push_existing(cx, args, End::Tail)
}

fn push_existing(cx: &mut DataCx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    if cx.keys.for_write::<List>(args.get(1))?.is_none() {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    }
    push(cx, args, end)
}

#[inline]
fn push(cx: &mut DataCx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let key = args.get(1);
    let mut edit = cx.keys.edit_or_new::<List>(key)?;
    let list = &mut *edit;
    let bytes = (2..args.len()).map(|i| args.get(i).len()).sum();
    list.expect(args.len() - 2, bytes, cx.limits);
    for i in 2..args.len() {
        list.push(end, args.get(i));
    }
    cx.out.int(list.len() as i64);
    drop(edit);
    cx.keys.touch_n(key, pushed(end), (args.len() - 2) as u64);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn linsert(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let behind = args.is(2, "after");
    if !behind && !args.is(2, "before") {
        return Err(Error::Syntax);
    }
    let (key, pivot, text) = (args.get(1), args.get(3), args.get(4));
    if cx.keys.again::<List>(key).is_some_and(is_long) {
        cx.keys.for_write::<List>(key)?;
        let lease = cx.keys.hold(key);
        let work = Insertion::new(lease, key, pivot, text, behind);
        return Ok(Outcome::Enter(Box::new(work)));
    }
    let Some(mut list) = cx.keys.edit::<List>(key)? else {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    };
    // As in Redis the list is made ready before it is known whether there is a pivot.
    list.expect(1, text.len(), cx.limits);
    let (mut index, mut found) = (0, false);
    let _ = list.as_ref().visit(0, usize::MAX, true, &mut |item| {
        found = item.eq_text(pivot);
        if found {
            return ControlFlow::Break(());
        }
        index += 1;
        ControlFlow::Continue(())
    });
    if !found {
        cx.out.int(-1);
        return Ok(Outcome::Unchanged);
    }
    list.insert(index + usize::from(behind), text);
    cx.out.int(list.len() as i64);
    drop(list);
    cx.keys.touch(key, event("linsert"));
    Ok(Outcome::Changed(Propagate::Verbatim))
}
