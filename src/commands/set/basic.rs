//! Members put in, taken out, asked for and walked over.

use super::DEL;
use super::long::{Listing, Scanned};
use crate::commands::scan::{parse_cursor, scan_options};
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::keyspace::effects::{Event, class};
use crate::value::reply_item;
use crate::value::set::Set;

const SADD: Event = Event::new(class::SET, "sadd");
const SREM: Event = Event::new(class::SET, "srem");

pub(super) fn sadd(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, limits, .. } = cx;
    let (key, given) = (args.get(1), args.len() - 2);
    let mut set = keys.edit_or_new::<Set>(key)?;
    if set.is_new() {
        set.begin(args.get(2), given, limits);
    } else {
        set.expect(given, limits);
    }
    let added = args.iter().skip(2).filter(|text| set.insert(text, limits)).count();
    drop(set);
    cx.out.int(added as i64);
    if added == 0 {
        return Ok(Outcome::Unchanged);
    }
    cx.keys.touch_n(key, SADD, added as u64);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn srem(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    let Some(mut set) = cx.keys.edit::<Set>(key)? else {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    };
    let removed = args.iter().skip(2).filter(|text| set.remove(text)).count();
    let emptied = set.is_empty();
    drop(set);
    cx.out.int(removed as i64);
    if removed == 0 {
        return Ok(Outcome::Unchanged);
    }
    cx.keys.touch_n(key, SREM, removed as u64);
    if emptied {
        cx.keys.announce(key, DEL);
    }
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn sismember(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<Set>(args.get(1))?;
    cx.out.int(i64::from(set.is_some_and(|set| set.contains(args.get(2)))));
    Ok(Outcome::Unchanged)
}

pub(super) fn smismember(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<Set>(args.get(1))?;
    cx.out.array(args.len() - 2);
    for text in args.iter().skip(2) {
        cx.out.int(i64::from(set.is_some_and(|set| set.contains(text))));
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn scard(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<Set>(args.get(1))?;
    cx.out.int(set.map_or(0, |set| set.len() as i64));
    Ok(Outcome::Unchanged)
}

pub(super) fn smembers(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let Some(set) = cx.keys.read::<Set>(args.get(1))? else {
        cx.out.set(0);
        return Ok(Outcome::Unchanged);
    };
    let len = set.len();
    cx.out.set(len);
    if len >= LONG {
        let lease = cx.keys.lease(args.get(1), false);
        return Ok(Outcome::Enter(Box::new(Listing::new(lease, len, len))));
    }
    set.iter().for_each(|member| reply_item(cx.out, member));
    Ok(Outcome::Unchanged)
}

/// A missing source is looked at before the type of the target, and a member that is not there
/// after it.
pub(super) fn smove(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (from, to, member) = (args.get(1), args.get(2), args.get(3));
    if !cx.keys.exists_for_write(from) {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    }
    cx.keys.for_write::<Set>(from)?;
    cx.keys.for_write::<Set>(to)?;
    let there = cx.keys.again::<Set>(from).is_some_and(|set| set.contains(member));
    cx.out.int(i64::from(there));
    if from == to || !there {
        return Ok(Outcome::Unchanged);
    }
    let mut emptied = false;
    if let Some(mut source) = cx.keys.edit::<Set>(from)? {
        source.remove(member);
        emptied = source.is_empty();
    }
    cx.keys.touch(from, SREM);
    if emptied {
        cx.keys.announce(from, DEL);
    }
    let mut target = cx.keys.edit_or_new::<Set>(to)?;
    if target.is_new() {
        target.begin(member, 1, cx.limits);
    }
    let added = target.insert(member, cx.limits);
    drop(target);
    if added {
        cx.keys.touch(to, SADD);
    }
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// The options are looked at last: a missing key answers before they can be wrong.
pub(super) fn sscan(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let cursor = parse_cursor(args.get(2))?;
    let Some(set) = cx.keys.read::<Set>(args.get(1))? else {
        cx.out.raw(b"*2\r\n$1\r\n0\r\n*0\r\n");
        return Ok(Outcome::Unchanged);
    };
    let options = scan_options(args, 3, false)?;
    if options.is_long() && set.len() >= LONG {
        let leased = Scanned(cx.keys.lease(args.get(1), false));
        return Ok(options.run_long(cursor, leased));
    }
    options.run(cx.out, cursor, |cursor, found| {
        set.scan(cursor, &mut |member| {
            member.with_text(|text| found.offer(text));
        })
    });
    Ok(Outcome::Unchanged)
}
