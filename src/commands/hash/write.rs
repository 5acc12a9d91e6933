//! Changing fields: setting, deleting, counting.

use crate::base::double::LongDouble;
use crate::base::error::Error;
use crate::commands::expire::rewritten;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::effects::{Event, class};
use crate::value::Collection;
use crate::value::hash::Hash;

const HSET: Event = Event::new(class::HASH, "hset");

pub(super) fn hset(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let new = set_all(cx, args, "hset")?;
    cx.out.int(new);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn hmset(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    set_all(cx, args, "hmset")?;
    cx.out.ok();
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// Sets the fields of the call; returns how many are new.
#[inline]
fn set_all(cx: &mut DataCx<'_>, args: &Args<'_>, name: &str) -> Result<i64, Error> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::WrongArity(name.to_owned()));
    }
    let key = args.get(1);
    let mut hash = cx.keys.edit_or_new::<Hash>(key)?;
    hash.expect((2..args.len()).map(|i| args.get(i)), cx.limits);
    let mut new = 0;
    for i in (2..args.len()).step_by(2) {
        new += i64::from(hash.set(args.get(i), args.get(i + 1), cx.limits));
    }
    drop(hash);
    // As in Redis, each pair counts as a change, and all of them are one event.
    cx.keys.touch_n(key, HSET, (args.len() / 2 - 1) as u64);
    Ok(new)
}

pub(super) fn hsetnx(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (key, field) = (args.get(1), args.get(2));
    if cx.keys.for_write::<Hash>(key)?.is_some_and(|hash| hash.get(field).is_some()) {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    }
    set_one(cx, key, field, args.get(3))?;
    cx.keys.touch(key, HSET);
    cx.out.int(1);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

fn set_one(cx: &mut DataCx<'_>, key: &[u8], field: &[u8], value: &[u8]) -> Result<(), Error> {
    let mut hash = cx.keys.edit_or_new::<Hash>(key)?;
    hash.expect([field, value].into_iter(), cx.limits);
    hash.set(field, value, cx.limits);
    Ok(())
}

pub(super) fn hdel(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    let Some(mut hash) = cx.keys.edit::<Hash>(key)? else {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    };
    let mut gone = 0;
    for field in args.iter().skip(2) {
        gone += u64::from(hash.remove(field));
    }
    let emptied = hash.is_empty();
    drop(hash);
    cx.out.int(gone as i64);
    if gone == 0 {
        return Ok(Outcome::Unchanged);
    }
    cx.keys.touch_n(key, Event::new(class::HASH, "hdel"), gone);
    if emptied {
        cx.keys.announce(key, Event::new(class::GENERIC, "del"));
    }
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn hincrby(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let by = args.int(3)?;
    let (key, field) = (args.get(1), args.get(2));
    let hash = cx.keys.for_write::<Hash>(key)?;
    let value = match hash.and_then(|hash| hash.get(field)) {
        Some(value) => value.as_int().ok_or(Error::fixed("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum =
        value.checked_add(by).ok_or(Error::fixed("ERR increment or decrement would overflow"))?;
    set_one(cx, key, field, itoa::Buffer::new().format(sum).as_bytes())?;
    cx.keys.touch(key, Event::new(class::HASH, "hincrby"));
    cx.out.int(sum);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn hincrbyfloat(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let by = LongDouble::parse(args.get(3)).ok_or(Error::NotFloat)?;
    if !by.is_finite() {
        return Err(Error::fixed("ERR value is NaN or Infinity"));
    }
    let (key, field) = (args.get(1), args.get(2));
    let hash = cx.keys.for_write::<Hash>(key)?;
    let value = match hash.and_then(|hash| hash.get(field)) {
        Some(Item::Int(n)) => LongDouble::from_i64(n),
        Some(Item::Bytes(text)) => {
            LongDouble::parse(text).ok_or(Error::fixed("ERR hash value is not a float"))?
        }
        None => LongDouble::from_i64(0),
    };
    let sum = value.add(by);
    if !sum.is_finite() {
        return Err(Error::fixed("ERR increment would produce NaN or Infinity"));
    }
    let text = sum.format_human();
    set_one(cx, key, field, text.as_bytes())?;
    cx.keys.touch(key, Event::new(class::HASH, "hincrbyfloat"));
    cx.out.bulk(text.as_bytes());
    // The sum itself goes to the stream: another machine's arithmetic might round differently.
    Ok(rewritten(&mut cx.keys, &[b"HSET", key, field, text.as_bytes()]))
}
