//! Strings that are numbers.

use crate::base::double::LongDouble;
use crate::base::error::Error;
use crate::commands::expire::rewritten;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::{NewStr, Ttl};
use crate::value::string::{Str, StrRef};

pub(super) fn incr(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    add(cx, args, 1)
}

pub(super) fn decr(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    add(cx, args, -1)
}

pub(super) fn incrby(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let by = args.int(2)?;
    add(cx, args, by)
}

pub(super) fn decrby(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let by = args.int(2)?;
    // The one number that has no negative is refused by itself, whatever the key holds.
    let by = by.checked_neg().ok_or(Error::fixed("ERR decrement would overflow"))?;
    add(cx, args, by)
}

fn add(cx: &mut DataCx<'_>, args: &Args<'_>, by: i64) -> CmdResult {
    let key = args.get(1);
    let value = match cx.keys.for_write::<Str>(key)? {
        Some(text) => text.as_int().ok_or(Error::NotInteger)?,
        None => 0,
    };
    let sum =
        value.checked_add(by).ok_or(Error::fixed("ERR increment or decrement would overflow"))?;
    cx.keys.set_string(key, NewStr::Int(sum), Ttl::Keep);
    cx.keys.touch(key, Event::new(class::STRING, "incrby"));
    cx.out.int(sum);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

pub(super) fn incrbyfloat(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    let value = match cx.keys.for_write::<Str>(key)? {
        Some(StrRef::Int(n)) => LongDouble::from_i64(n),
        Some(text) => text.with_bytes(LongDouble::parse).ok_or(Error::NotFloat)?,
        None => LongDouble::from_i64(0),
    };
    let by = LongDouble::parse(args.get(2)).ok_or(Error::NotFloat)?;
    let sum = value.add(by);
    if !sum.is_finite() {
        return Err(Error::fixed("ERR increment would produce NaN or Infinity"));
    }
    let text = sum.format_human();
    cx.keys.set_string(key, NewStr::Text(text.as_bytes()), Ttl::Keep);
    cx.keys.touch(key, Event::new(class::STRING, "incrbyfloat"));
    cx.out.bulk(text.as_bytes());
    // The sum itself goes to the stream: another machine's arithmetic might round differently.
    Ok(rewritten(&mut cx.keys, &[b"SET", key, text.as_bytes(), b"KEEPTTL"]))
}
