//! Reading fields: one, some, all, and all in steps.

use super::Form;
use super::long::Listing;
use crate::commands::scan::{Found, ScanSource, parse_cursor, scan_options};
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::keyspace::keys::Keys;
use crate::keyspace::lease::Lease;
use crate::resp::reply::Reply;
use crate::value::hash::{Hash, HashRef};
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
    all(cx, args.get(1), Form::Both, Reply::map)
}

pub(super) fn hkeys(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    all(cx, args.get(1), Form::Names, Reply::array)
}

pub(super) fn hvals(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    all(cx, args.get(1), Form::Values, Reply::array)
}

#[inline]
fn all(
    cx: &mut DataCx<'_>,
    key: &[u8],
    form: Form,
    begin: impl FnOnce(&mut Reply, usize),
) -> CmdResult {
    let Some(hash) = cx.keys.read::<Hash>(key)? else {
        begin(cx.out, 0);
        return Ok(Outcome::Unchanged);
    };
    let fields = hash.len();
    begin(cx.out, fields);
    if fields < LONG || matches!(hash, HashRef::Packed(_)) {
        hash.iter().for_each(|field| form.add(cx.out, field));
        return Ok(Outcome::Unchanged);
    }
    let listing = Listing::new(cx.keys.lease(key, false), form, fields, fields);
    Ok(Outcome::Enter(Box::new(listing)))
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
    let options = scan_options(args, 3, false)?;
    if options.is_long() && hash.len() >= LONG && matches!(hash, HashRef::Table(_)) {
        let leased = Leased(cx.keys.lease(args.get(1), false));
        return Ok(options.run_long(cursor, leased));
    }
    options.run(cx.out, cursor, |cursor, found| scan_step(hash, cursor, found));
    Ok(Outcome::Unchanged)
}

fn scan_step(hash: HashRef<'_>, cursor: u64, found: &mut Found<'_>) -> u64 {
    hash.scan(cursor, &mut |name, value| {
        if name.with_text(|name| found.offer(name)) {
            value.with_text(|value| found.push(value));
        }
    })
}

/// The hash of a scan that takes long.
struct Leased(Lease);

impl ScanSource for Leased {
    fn step(&mut self, keys: &mut Keys<'_>, cursor: u64, found: &mut Found<'_>) -> u64 {
        let hash = keys.leased::<Hash>(self.0).expect("it was there when it was leased");
        scan_step(hash, cursor, found)
    }

    fn lease(&self) -> Option<Lease> {
        Some(self.0)
    }
}
