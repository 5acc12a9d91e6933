//! Reading fields: one, some, all, and all in steps.

use crate::commands::scan::{parse_cursor, scan_options};
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::value::hash::Hash;
use crate::value::reply_item;

pub(super) fn hget(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let hash = cx.keys.read::<Hash>(args.get(1))?;
    match hash.and_then(|hash| hash.get(args.get(2))) {
        Some(value) => reply_item(cx.out, value),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn hmget(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let hash = cx.keys.read::<Hash>(args.get(1))?;
    cx.out.array(args.len() - 2);
    for field in args.iter().skip(2) {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => reply_item(cx.out, value),
            None => cx.out.null(),
        }
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn hgetall(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    match cx.keys.read::<Hash>(args.get(1))? {
        Some(hash) => {
            cx.out.map(hash.len());
            for (field, value) in hash.iter() {
                reply_item(cx.out, field);
                reply_item(cx.out, value);
            }
        }
        None => cx.out.map(0),
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn hkeys(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    match cx.keys.read::<Hash>(args.get(1))? {
        Some(hash) => {
            cx.out.array(hash.len());
            hash.iter().for_each(|(field, _)| reply_item(cx.out, field));
        }
        None => cx.out.array(0),
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn hvals(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    match cx.keys.read::<Hash>(args.get(1))? {
        Some(hash) => {
            cx.out.array(hash.len());
            hash.iter().for_each(|(_, value)| reply_item(cx.out, value));
        }
        None => cx.out.array(0),
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn hlen(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let hash = cx.keys.read::<Hash>(args.get(1))?;
    cx.out.int(hash.map_or(0, |hash| hash.len() as i64));
    Ok(Outcome::Unchanged)
}

pub(super) fn hstrlen(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let hash = cx.keys.read::<Hash>(args.get(1))?;
    let value = hash.and_then(|hash| hash.get(args.get(2)));
    cx.out.int(value.map_or(0, |value| value.len() as i64));
    Ok(Outcome::Unchanged)
}

pub(super) fn hexists(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let hash = cx.keys.read::<Hash>(args.get(1))?;
    let there = hash.is_some_and(|hash| hash.get(args.get(2)).is_some());
    cx.out.int(i64::from(there));
    Ok(Outcome::Unchanged)
}

/// The options are looked at last: a missing key answers before they can be wrong.
pub(super) fn hscan(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let cursor = parse_cursor(args.get(2))?;
    let Some(hash) = cx.keys.read::<Hash>(args.get(1))? else {
        cx.out.raw(b"*2\r\n$1\r\n0\r\n*0\r\n");
        return Ok(Outcome::Unchanged);
    };
    scan_options(args, 3, false)?.run(cx.out, cursor, |cursor, found| {
        hash.scan(cursor, &mut |field, value| {
            if field.with_text(|field| found.offer(field)) {
                value.with_text(|value| found.push(value));
            }
        })
    });
    Ok(Outcome::Unchanged)
}
