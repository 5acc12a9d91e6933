//! DUMP and RESTORE: one value as bytes, with a version and a checksum.
//!
//! The bytes are those of the RDB format, so that a value can go from any server of that family
//! to any other. RESTORE looks at every element before it believes it. Large values go in slices.

use super::expire::propagating;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::budget::Budget;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::engine::work::{LONG, Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Boxed;
use crate::keyspace::lease::Lease;
use crate::rdb::paced::{Dumping, Fault, Restoring};
use crate::rdb::{self, Hint, payload};
use crate::resp::request::Argv;
use crate::value::Value;
use bytes::Bytes;

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
    let key = args.get(1);
    let options = cx.keys.space().saving;
    let there = cx.keys.entry_quiet(key).is_some();
    let value = cx.keys.again::<Boxed>(key).filter(|_| there);
    if let Some(dumping) = value.and_then(|value| Dumping::of(value, LONG, options)) {
        // This is the read that is counted.
        cx.keys.entry(key);
        let lease = cx.keys.lease(key, false);
        return Ok(Outcome::Enter(Box::new(LongDump { lease, dumping: Some(dumping) })));
    }
    match cx.keys.dump(key) {
        Some(payload) => cx.out.bulk_shared(Bytes::from(payload)),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

/// A payload on its way out.
struct LongDump {
    lease: Lease,
    dumping: Option<Dumping>,
}

impl Work for LongDump {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let value = cx.keys.leased::<Boxed>(self.lease).expect("it was there when it was leased");
        if let Some(dumping) = &mut self.dumping {
            while !dumping.step(value) {
                if !budget.more() {
                    return Ok(Progress::Pending);
                }
            }
        }
        if let Some(dumping) = self.dumping.take() {
            cx.out.bulk_shared(Bytes::from(dumping.finish()));
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
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
        return Err(BUSY_KEY);
    }
    let ttl = parse_i64(args.get(2)).ok_or(Error::NotInteger)?;
    if ttl < 0 {
        return Err(Error::fixed("ERR Invalid TTL value, must be >= 0"));
    }
    let deadline = match ttl {
        0 => None,
        at if options.absolute => Some(at),
        ttl => Some(ttl.saturating_add(cx.now)),
    };
    let told = match deadline {
        Some(at) if !options.absolute && propagating(&mut cx.keys) => Some(with_time(args, at)),
        _ => None,
    };
    let target =
        Target { key: key.to_vec(), replace: options.replace, deadline, hint: options.hint };
    if args.get(3).len() >= LONG_PAYLOAD {
        let told = told.unwrap_or_else(|| args.to_argv());
        let restoring = Restoring::new(args.take(3), cx.limits);
        return Ok(Outcome::Enter(Box::new(LongRestore { target, told, restoring })));
    }
    let payload = args.get(3);
    if !payload::is_whole(payload) {
        return Err(NOT_WHOLE);
    }
    let value = payload::restore(payload, cx.limits).map_err(damaged)?;
    Ok(target.put(cx, value, told))
}

/// Payloads of at least this many bytes are read in slices.
const LONG_PAYLOAD: usize = 64 * 1024;

const BUSY_KEY: Error = Error::fixed("BUSYKEY Target key name already exists.");
const NOT_WHOLE: Error = Error::fixed("ERR DUMP payload version or checksum are wrong");

fn damaged(error: rdb::Error) -> Error {
    tracing::warn!("RESTORE of a damaged payload: {error}");
    Error::fixed("ERR Bad data format")
}

/// The key to be made.
struct Target {
    key: Vec<u8>,
    replace: bool,
    deadline: Option<i64>,
    hint: Option<Hint>,
}

impl Target {
    /// Makes it. `told` is what the stream is told if that is not the call itself.
    fn put(&self, cx: &mut DataCx<'_>, value: Value, told: Option<Argv>) -> Outcome {
        let key = &self.key;
        let deleted = self.replace && cx.keys.delete(key);
        cx.out.ok();
        if self.deadline.is_some_and(|at| at <= cx.now) {
            cx.keys.space().free_value(value);
            if !deleted {
                return Outcome::Unchanged;
            }
            cx.keys.touch(key, Event::new(class::GENERIC, "del"));
            return Outcome::Changed(Propagate::As(Argv::from_slices(&[b"DEL", key])));
        }
        cx.keys.create(key, value, self.deadline, self.hint);
        cx.keys.touch(key, Event::new(class::GENERIC, "restore"));
        Outcome::Changed(told.map_or(Propagate::Verbatim, Propagate::As))
    }
}

/// A payload on its way in.
struct LongRestore {
    target: Target,
    told: Argv,
    restoring: Restoring,
}

impl Work for LongRestore {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        loop {
            match self.restoring.step() {
                None if budget.more() => {}
                None => return Ok(Progress::Pending),
                Some(Err(Fault::NotWhole)) => return Err(NOT_WHOLE),
                Some(Err(Fault::Damaged(error))) => return Err(damaged(error)),
                // Somebody may have taken the name meanwhile.
                Some(Ok(value))
                    if !self.target.replace && cx.keys.exists_for_write(&self.target.key) =>
                {
                    cx.keys.space().free_value(value);
                    return Err(BUSY_KEY);
                }
                Some(Ok(value)) => {
                    let told = std::mem::take(&mut self.told);
                    return Ok(Progress::Done(self.target.put(cx, value, Some(told))));
                }
            }
        }
    }

    fn changes(&self) -> bool {
        true
    }

    /// There was nothing to lease.
    fn end(&mut self, _: &mut Keyspace) {}
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
