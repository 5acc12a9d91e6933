//! Several strings in one call. Keys are hashed and prefetched together, so that the cache misses
//! of a large call overlap.

use super::{SET, store, verbatim};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::keyspace::keys::Ttl;
use crate::value::string::Str;

pub(super) fn mget(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.keys.prepare(args.iter().skip(1));
    cx.out.array(args.len() - 1);
    for key in args.iter().skip(1) {
        // A key of another type is no error here: it has no string to give.
        match cx.keys.read::<Str>(key) {
            Ok(Some(value)) => value.reply(cx.out),
            Ok(None) | Err(_) => cx.out.null(),
        }
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn mset(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    prepare(cx, args, "mset")?;
    cx.out.ok();
    Ok(set_all(cx, args))
}

pub(super) fn msetnx(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    prepare(cx, args, "msetnx")?;
    for key in args.iter().skip(1).step_by(2) {
        if cx.keys.exists_for_write(key) {
            cx.out.int(0);
            return Ok(Outcome::Unchanged);
        }
    }
    cx.out.int(1);
    Ok(set_all(cx, args))
}

fn prepare(cx: &mut DataCx<'_>, args: &Args<'_>, command: &str) -> Result<(), Error> {
    if args.len().is_multiple_of(2) {
        return Err(Error::WrongArity(command.to_owned()));
    }
    cx.keys.prepare(args.iter().skip(1).step_by(2));
    Ok(())
}

fn set_all(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> Outcome {
    let mut taken = Vec::new();
    for key in (1..args.len()).step_by(2) {
        taken.extend(store(&mut cx.keys, args, key, key + 1, Ttl::Clear));
        cx.keys.touch(args.get(key), SET);
    }
    Outcome::Changed(verbatim(&mut cx.keys, args, &taken))
}
