//! DUMP and RESTORE: one value as bytes, with a version and a checksum.
//!
//! The bytes are those of the RDB format, so that a value can go from any server of that family
//! to any other. RESTORE looks at every element before it believes it.

use super::expire::propagating;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::rdb::{Hint, payload};
use crate::resp::request::Argv;

const RESTORED_KEY: &[KeySpec] = &[KeySpec::at(1).ow().update()];

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    Spec::data("dump", 2, dump)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE)
        .keys(&[KeySpec::at(1).ro().access()])
        .since("2.6.0")
        .summary("Gives a value in the form RESTORE takes."),
    Spec::data("restore", -4, restore)
        .flags(flag::WRITE | flag::DENYOOM)
        .acl(cat::KEYSPACE | cat::DANGEROUS)
        .keys(RESTORED_KEY)
        .since("2.6.0")
        .summary("Makes a key from the form DUMP gives."),
    Spec::data("restore-asking", -4, restore)
        .flags(flag::WRITE | flag::DENYOOM | flag::ASKING)
        .acl(cat::KEYSPACE | cat::DANGEROUS)
        .keys(RESTORED_KEY)
        .group("server")
        .since("3.0.0")
        .summary("Makes a key from the form DUMP gives, while a cluster moves its slot."),
];

fn dump(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    match cx.keys.dump(args.get(1)) {
        Some(payload) => cx.out.bulk(&payload),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

#[derive(Default)]
struct Options {
    replace: bool,
    /// The deadline is a time, not a duration.
    absolute: bool,
    hint: Option<Hint>,
}

fn options(args: &mut Args<'_>) -> Result<Options, Error> {
    let mut options = Options::default();
    args.seek(4);
    while args.remaining() > 0 {
        let more = args.remaining() > 1;
        if args.accept("replace") {
            options.replace = true;
        } else if args.accept("absttl") {
            options.absolute = true;
        } else if more && !is_frequency(options.hint) && args.accept("idletime") {
            let idle = u64::try_from(args.next_int()?);
            let idle =
                idle.map_err(|_| Error::fixed("ERR Invalid IDLETIME value, must be >= 0"))?;
            options.hint = Some(Hint::IdleSeconds(idle));
        } else if more && !is_idle(options.hint) && args.accept("freq") {
            let frequency = u8::try_from(args.next_int()?);
            let frequency = frequency
                .map_err(|_| Error::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
            options.hint = Some(Hint::Frequency(frequency));
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(options)
}

fn is_frequency(hint: Option<Hint>) -> bool {
    matches!(hint, Some(Hint::Frequency(_)))
}

fn is_idle(hint: Option<Hint>) -> bool {
    matches!(hint, Some(Hint::IdleSeconds(_)))
}

fn restore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let options = options(args)?;
    let key = args.get(1);
    if !options.replace && cx.keys.exists_for_write(key) {
        return Err(Error::fixed("BUSYKEY Target key name already exists."));
    }
    let ttl = parse_i64(args.get(2)).ok_or(Error::NotInteger)?;
    if ttl < 0 {
        return Err(Error::fixed("ERR Invalid TTL value, must be >= 0"));
    }
    let payload = args.get(3);
    if !payload::is_whole(payload) {
        return Err(Error::fixed("ERR DUMP payload version or checksum are wrong"));
    }
    let value = payload::restore(payload, cx.limits).map_err(|error| {
        tracing::warn!("RESTORE of a damaged payload: {error}");
        Error::fixed("ERR Bad data format")
    })?;
    let deleted = options.replace && cx.keys.delete(key);
    let deadline = match ttl {
        0 => None,
        at if options.absolute => Some(at),
        ttl => Some(ttl.saturating_add(cx.now)),
    };
    cx.out.ok();
    if deadline.is_some_and(|at| at <= cx.now) {
        cx.keys.space().free_value(value);
        if !deleted {
            return Ok(Outcome::Unchanged);
        }
        cx.keys.touch(key, Event::new(class::GENERIC, "del"));
        return Ok(Outcome::Changed(Propagate::As(Argv::from_slices(&[b"DEL", key]))));
    }
    cx.keys.create(key, value, deadline, options.hint);
    cx.keys.touch(key, Event::new(class::GENERIC, "restore"));
    match deadline {
        Some(at) if !options.absolute && propagating(&mut cx.keys) => {
            Ok(Outcome::Changed(Propagate::As(with_time(args, at))))
        }
        _ => Ok(Outcome::Changed(Propagate::Verbatim)),
    }
}

/// The call with a time in the place of the duration.
fn with_time(args: &Args<'_>, at: i64) -> Argv {
    let mut text = itoa::Buffer::new();
    let mut argv = Argv::new();
    for (i, word) in args.iter().enumerate() {
        argv.push(if i == 2 { text.format(at).as_bytes() } else { word });
    }
    argv.push(b"ABSTTL");
    argv
}
