//! Whole values in and out: GET, SET and the commands that are forms of them.

use super::range::lend;
use super::{SET, as_set, rebuilt, store, verbatim};
use crate::base::error::Error;
use crate::commands::expire::{DEL, EXPIRE, PERSIST, Wording, delete_overdue, overdue, rewritten};
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::keyspace::keys::Ttl;
use crate::value::string::{LENT_MIN, Str, StrRef};

pub(super) fn get(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    give(cx, args)?;
    Ok(Outcome::Unchanged)
}

/// Replies with the string at argument 1; whether there was one.
#[inline(always)]
fn give(cx: &mut DataCx<'_>, args: &Args<'_>) -> Result<bool, Error> {
    match cx.keys.read::<Str>(args.get(1))? {
        Some(StrRef::Bytes(bytes)) if bytes.len() >= LENT_MIN => {
            lend(cx, args.get(1), ..);
            Ok(true)
        }
        Some(value) => {
            value.reply(cx.out);
            Ok(true)
        }
        None => {
            cx.out.null();
            Ok(false)
        }
    }
}

pub(super) fn set(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() > 3 {
        return set_with_options(cx, args);
    }
    let taken = store(&mut cx.keys, args, 1, 2, Ttl::Clear);
    cx.keys.touch(args.get(1), SET);
    cx.out.ok();
    Ok(Outcome::Changed(verbatim(&mut cx.keys, args, taken.as_slice())))
}

/// Whether a key must or must not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Absent,
    Present,
}

/// The options of SET and GETEX.
struct Options {
    needs: Needs,
    get: bool,
    keep_ttl: bool,
    persist: bool,
    /// The wording of a deadline, and the argument that holds it.
    expiry: Option<(Wording, usize)>,
}

impl Options {
    /// Reads them from argument `first` on. Repeating one is fine, and the last value counts;
    /// what contradicts an earlier one is a syntax error, wherever it stands.
    fn parse(args: &Args<'_>, first: usize, set: bool) -> Result<Options, Error> {
        let mut o = Options {
            needs: Needs::Nothing,
            get: false,
            keep_ttl: false,
            persist: false,
            expiry: None,
        };
        let mut i = first;
        while i < args.len() {
            if set && args.is(i, "nx") && o.needs != Needs::Present {
                o.needs = Needs::Absent;
            } else if set && args.is(i, "xx") && o.needs != Needs::Absent {
                o.needs = Needs::Present;
            } else if set && args.is(i, "get") {
                o.get = true;
            } else if set && args.is(i, "keepttl") && o.expiry.is_none() {
                o.keep_ttl = true;
            } else if !set && args.is(i, "persist") && o.expiry.is_none() {
                o.persist = true;
            } else {
                let wording = Wording::named(args.get(i)).ok_or(Error::Syntax)?;
                let agrees = o.expiry.is_none_or(|(other, _)| other == wording);
                if o.keep_ttl || o.persist || !agrees || i + 1 == args.len() {
                    return Err(Error::Syntax);
                }
                i += 1;
                o.expiry = Some((wording, i));
            }
            i += 1;
        }
        Ok(o)
    }

    fn deadline(&self, args: &Args<'_>, now: i64, command: &str) -> Result<Option<i64>, Error> {
        match self.expiry {
            Some((wording, i)) => wording.positive(args.int(i)?, now, command).map(Some),
            None => Ok(None),
        }
    }
}

#[inline(never)]
fn set_with_options(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let o = Options::parse(args, 3, true)?;
    let deadline = o.deadline(args, cx.now, "set")?;
    if o.get {
        give(cx, args)?;
    }
    let refused = match o.needs {
        Needs::Nothing => false,
        Needs::Absent => cx.keys.exists_for_write(args.get(1)),
        Needs::Present => !cx.keys.exists_for_write(args.get(1)),
    };
    if refused {
        if !o.get {
            cx.out.null();
        }
        return Ok(Outcome::Unchanged);
    }
    if !o.get {
        cx.out.ok();
    }
    if let Some(at) = deadline {
        let absolute = o.expiry.is_some_and(|(wording, _)| wording == Wording::PXAT);
        return Ok(set_until(cx, args, 2, at, absolute));
    }
    let ttl = if o.keep_ttl { Ttl::Keep } else { Ttl::Clear };
    let taken = store(&mut cx.keys, args, 1, 2, ttl);
    cx.keys.touch(args.get(1), SET);
    let propagate = if o.get {
        // Nobody reads the answer when the stream is replayed.
        let keep = |i: usize| i < 3 || !args.is(i, "get");
        rebuilt(&mut cx.keys, args, taken.as_slice(), keep)
    } else {
        verbatim(&mut cx.keys, args, taken.as_slice())
    };
    Ok(Outcome::Changed(propagate))
}

/// Stores argument `value` until `at`; `as_is` when the call says so in these very words. A time
/// in the past is stored all the same: the next look finds the key expired.
fn set_until(
    cx: &mut DataCx<'_>,
    args: &mut Args<'_>,
    value: usize,
    at: i64,
    as_is: bool,
) -> Outcome {
    let taken = store(&mut cx.keys, args, 1, value, Ttl::At(at));
    let (key, taken) = (args.get(1), taken.as_slice());
    cx.keys.touch(key, SET);
    cx.keys.announce(key, EXPIRE);
    Outcome::Changed(if as_is {
        verbatim(&mut cx.keys, args, taken)
    } else {
        let mut text = itoa::Buffer::new();
        let options = [b"PXAT", text.format(at).as_bytes()];
        as_set(&mut cx.keys, args, value, taken, &options)
    })
}

pub(super) fn setnx(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if cx.keys.exists_for_write(args.get(1)) {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    }
    let taken = store(&mut cx.keys, args, 1, 2, Ttl::Clear);
    cx.keys.touch(args.get(1), SET);
    cx.out.int(1);
    Ok(Outcome::Changed(verbatim(&mut cx.keys, args, taken.as_slice())))
}

pub(super) fn setex(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    set_for(cx, args, Wording::EX, "setex")
}

pub(super) fn psetex(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    set_for(cx, args, Wording::PX, "psetex")
}

fn set_for(cx: &mut DataCx<'_>, args: &mut Args<'_>, wording: Wording, command: &str) -> CmdResult {
    let at = wording.positive(args.int(2)?, cx.now, command)?;
    cx.out.ok();
    Ok(set_until(cx, args, 3, at, false))
}

pub(super) fn getset(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    give(cx, args)?;
    let taken = store(&mut cx.keys, args, 1, 2, Ttl::Clear);
    cx.keys.touch(args.get(1), SET);
    let propagate = as_set(&mut cx.keys, args, 2, taken.as_slice(), &[]);
    Ok(Outcome::Changed(propagate))
}

pub(super) fn getdel(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if !give(cx, args)? {
        return Ok(Outcome::Unchanged);
    }
    let key = args.get(1);
    cx.keys.delete(key);
    cx.keys.touch(key, DEL);
    Ok(rewritten(&mut cx.keys, &[b"DEL", key]))
}

pub(super) fn getex(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let o = Options::parse(args, 2, false)?;
    let key = args.get(1);
    // A missing key is answered before a bad time is looked at, a bad time before the value.
    let Some(value) = cx.keys.read::<Str>(key)? else {
        cx.out.null();
        return Ok(Outcome::Unchanged);
    };
    let deadline = o.deadline(args, cx.now, "getex")?;
    value.reply(cx.out);
    if let Some(at) = deadline {
        if overdue(&mut cx.keys, at) {
            return Ok(delete_overdue(&mut cx.keys, key));
        }
        cx.keys.set_deadline(key, at);
        cx.keys.touch(key, EXPIRE);
        let mut text = itoa::Buffer::new();
        let words: [&[u8]; 3] = [b"PEXPIREAT", key, text.format(at).as_bytes()];
        return Ok(rewritten(&mut cx.keys, &words));
    }
    if o.persist && cx.keys.clear_deadline(key) {
        cx.keys.touch(key, PERSIST);
        return Ok(rewritten(&mut cx.keys, &[b"PERSIST", key]));
    }
    Ok(Outcome::Unchanged)
}
