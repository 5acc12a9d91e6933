//! HyperLogLog: strings that tell how many different elements were added to them. Many of them are
//! merged in slices.

use crate::base::error::Error;
use crate::ds::hll::{self, Corrupt, Registers};
use crate::engine::args::Args;
use crate::engine::budget::Budget;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::{Keys, NewStr, Patched, Ttl};
use crate::keyspace::lease::Lease;
use crate::value::string::{Str, StrRef};

const GROW: u32 = flag::WRITE | flag::DENYOOM;

const fn hyperloglog(spec: Spec) -> Spec {
    spec.acl(cat::HYPERLOGLOG).group("hyperloglog")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    hyperloglog(Spec::data("pfadd", -2, pfadd).flags(GROW | flag::FAST))
        .keys(&[KeySpec::at(1).rw().insert()])
        .since("2.8.9")
        .summary("Adds elements to a HyperLogLog, which is made if there is none."),
    hyperloglog(Spec::data("pfcount", -2, pfcount).flags(flag::READONLY | flag::MAY_REPLICATE))
        .keys(&[KeySpec::range(1, -1, 1).rw().access()])
        .since("2.8.9")
        .summary("Estimates how many different elements were added to some HyperLogLogs."),
    hyperloglog(Spec::data("pfmerge", -2, pfmerge).flags(GROW))
        .keys(&[KeySpec::at(1).rw().access().insert(), KeySpec::range(2, -1, 1).ro().access()])
        .since("2.8.9")
        .summary("Merges HyperLogLogs into one."),
    hyperloglog(Spec::data("pfdebug", 3, pfdebug).flags(GROW | flag::ADMIN))
        .keys(&[KeySpec::at(2).rw().access()])
        .since("2.8.9")
        .summary("Shows and changes the inner form of a HyperLogLog."),
    hyperloglog(Spec::data("pfselftest", 1, pfselftest).flags(flag::ADMIN))
        .since("2.8.9")
        .summary("Tests the registers and the estimate of HyperLogLogs."),
];

const NOT_ONE: Error = Error::fixed("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT: Error = Error::fixed("INVALIDOBJ Corrupted HLL object detected");
const PFADD: Event = Event::new(class::STRING, "pfadd");

impl From<Corrupt> for Error {
    fn from(_: Corrupt) -> Error {
        CORRUPT
    }
}

/// Runs `f` over the bytes if they have the form of a HyperLogLog.
fn checked<R>(value: StrRef<'_>, f: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
    if matches!(value, StrRef::Int(_)) {
        return Err(NOT_ONE);
    }
    value.with_bytes(|bytes| if hll::looks_right(bytes) { Ok(f(bytes)) } else { Err(NOT_ONE) })
}

fn pfadd(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    let raised = cx.keys.patch_held(key, hll::looks_dense, |bytes| raise_all_dense(bytes, args));
    let changes = match raised {
        Patched::Done(raised) => raised,
        Patched::Other | Patched::Absent => add_elsewhere(cx, args)?,
    };
    cx.out.int(i64::from(changes > 0));
    if changes == 0 {
        return Ok(Outcome::Unchanged);
    }
    cx.keys.touch_n(key, PFADD, changes);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// PFADD where there is no dense HyperLogLog; gives the number of changes. Apart from the frequent
/// case, whose code and frame stay small so.
#[inline(never)]
fn add_elsewhere(cx: &mut DataCx<'_>, args: &Args<'_>) -> Result<u64, Error> {
    let (key, max) = (args.get(1), cx.limits.hll_sparse_max_bytes);
    let add = |bytes: &mut Vec<u8>| raise_all(bytes, args, max);
    let Some(value) = cx.keys.for_write::<Str>(key)? else {
        let mut bytes = hll::empty();
        let raised = add(&mut bytes)?;
        hll::set_stale(&mut bytes);
        cx.keys.set_string(key, NewStr::Raw(bytes), Ttl::Clear);
        return Ok(1 + raised);
    };
    checked(value, |_| ())?;
    Ok(cx.keys.edit_string(key, add)?)
}

/// Adds the elements of a call; gives how many of them raised a register. What turns out to be
/// corrupt is left as it was.
fn raise_all(bytes: &mut Vec<u8>, args: &Args<'_>, max: usize) -> Result<u64, Corrupt> {
    let before = (args.len() > 3 && !hll::is_dense(bytes)).then(|| bytes.clone());
    let mut raised = 0;
    for i in 2..args.len() {
        let (index, value) = hll::place_of(args.get(i));
        match hll::raise(bytes, index, value, max) {
            Ok(changed) => raised += u64::from(changed),
            Err(Corrupt) => {
                if let Some(before) = before {
                    *bytes = before;
                }
                return Err(Corrupt);
            }
        }
    }
    if raised > 0 {
        hll::set_stale(bytes);
    }
    Ok(raised)
}

/// The same for a dense one, which neither grows nor is corrupt.
fn raise_all_dense(bytes: &mut [u8], args: &Args<'_>) -> u64 {
    let mut raised = 0;
    for i in 2..args.len() {
        let (index, value) = hll::place_of(args.get(i));
        raised += u64::from(hll::raise_dense(bytes, index, value));
    }
    if raised > 0 {
        hll::set_stale(bytes);
    }
    raised
}

fn pfcount(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() >= MANY_KEYS {
        return Ok(LongMerge::over(cx, args, None));
    }
    if args.len() > 2 {
        let merged = merged(&mut cx.keys, args)?;
        cx.out.int(hll::estimate(&merged.registers) as i64);
        return Ok(Outcome::Unchanged);
    }
    let key = args.get(1);
    let Some(value) = cx.keys.read::<Str>(key)? else {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    };
    let (cached, count) = checked(value, |bytes| {
        let cached = hll::cached(bytes);
        (cached, cached.map_or_else(|| hll::count(bytes), Ok))
    })?;
    let count = count?;
    cx.out.int(count as i64);
    if cached.is_some() {
        return Ok(Outcome::Unchanged);
    }
    // The estimate is kept in the string: a change, which the stream makes by counting as well.
    cx.keys.patch_string(key, 0, |bytes| hll::set_cached(bytes, count));
    cx.keys.touch(key, Event::silent());
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// The registers of some keys together.
struct Merged {
    registers: Box<Registers>,
    /// One of them is dense.
    dense: bool,
}

impl Merged {
    fn new() -> Merged {
        Merged { registers: Box::new([0; hll::REGISTERS]), dense: false }
    }

    fn add(&mut self, value: StrRef<'_>) -> Result<(), Error> {
        checked(value, |bytes| {
            self.dense |= hll::is_dense(bytes);
            hll::merge_into(&mut self.registers, bytes)
        })??;
        Ok(())
    }

    /// Puts them into what a key holds.
    fn put(&self, cx: &mut DataCx<'_>, key: &[u8]) -> CmdResult {
        let max = cx.limits.hll_sparse_max_bytes;
        let merge = |bytes: &mut Vec<u8>| {
            if self.dense {
                hll::to_dense(bytes)?;
            }
            let raised = self.registers.iter().enumerate().filter(|(_, value)| **value > 0);
            for (index, value) in raised {
                hll::raise(bytes, index, *value, max)?;
            }
            hll::set_stale(bytes);
            Ok::<(), Corrupt>(())
        };
        if cx.keys.exists_for_write(key) {
            cx.keys.edit_string(key, merge)?;
        } else {
            let mut bytes = hll::empty();
            merge(&mut bytes)?;
            cx.keys.set_string(key, NewStr::Raw(bytes), Ttl::Clear);
        }
        cx.keys.touch(key, PFADD);
        cx.out.ok();
        Ok(Outcome::Changed(Propagate::Verbatim))
    }
}

fn merged(keys: &mut Keys<'_>, args: &Args<'_>) -> Result<Merged, Error> {
    let mut merged = Merged::new();
    for key in args.iter().skip(1) {
        if let Some(value) = keys.read::<Str>(key)? {
            merged.add(value)?;
        }
    }
    Ok(merged)
}

fn pfmerge(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    if args.len() >= MANY_KEYS {
        return Ok(LongMerge::over(cx, args, Some(key.to_vec())));
    }
    merged(&mut cx.keys, args)?.put(cx, key)
}

/// From this many words on keys are merged in slices: a dense one takes some microseconds.
const MANY_KEYS: usize = 128;

/// A key to be merged.
enum Part {
    Leased(Lease),
    /// It holds something else, which is told when its turn comes.
    Wrong(Error),
}

/// PFCOUNT, or PFMERGE into a key, of many keys.
struct LongMerge {
    parts: Vec<Part>,
    at: usize,
    merged: Merged,
    into: Option<Vec<u8>>,
}

impl LongMerge {
    fn over(cx: &mut DataCx<'_>, args: &Args<'_>, into: Option<Vec<u8>>) -> Outcome {
        let mut parts = Vec::with_capacity(args.len() - 1);
        for key in args.iter().skip(1) {
            let there = match cx.keys.read::<Str>(key) {
                Ok(value) => value.is_some(),
                Err(error) => {
                    parts.push(Part::Wrong(error));
                    break;
                }
            };
            // What is to be stored depends on those that are missing, too.
            if into.is_some() {
                parts.push(Part::Leased(cx.keys.hold(key)));
            } else if there {
                parts.push(Part::Leased(cx.keys.lease(key, false)));
            }
        }
        Outcome::Enter(Box::new(LongMerge { parts, at: 0, merged: Merged::new(), into }))
    }
}

impl Work for LongMerge {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        while let Some(part) = self.parts.get(self.at) {
            self.at += 1;
            match part {
                Part::Wrong(error) => return Err(error.clone()),
                Part::Leased(lease) => {
                    if let Some(value) = cx.keys.leased::<Str>(*lease) {
                        self.merged.add(value)?;
                    }
                }
            }
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        match self.into.take() {
            Some(key) => self.merged.put(cx, &key).map(Progress::Done),
            None => {
                cx.out.int(hll::estimate(&self.merged.registers) as i64);
                Ok(Progress::Done(Outcome::Unchanged))
            }
        }
    }

    fn changes(&self) -> bool {
        self.into.is_some()
    }

    fn end(&mut self, space: &mut Keyspace) {
        for part in std::mem::take(&mut self.parts) {
            if let Part::Leased(lease) = part {
                space.release(lease);
            }
        }
    }
}

fn pfdebug(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(2);
    let Some(value) = cx.keys.for_write::<Str>(key)? else {
        return Err(Error::fixed("ERR The specified key does not exist"));
    };
    let (dense, runs) = checked(value, |bytes| (hll::is_dense(bytes), hll::describe(bytes)))?;
    if args.is(1, "getreg") {
        let mut registers = [0; hll::REGISTERS];
        checked(value, |bytes| hll::merge_into(&mut registers, bytes))??;
        cx.out.array(registers.len());
        registers.iter().for_each(|register| cx.out.int(i64::from(*register)));
        return if dense { Ok(Outcome::Unchanged) } else { become_dense(cx, key) };
    }
    if args.is(1, "decode") {
        let runs = runs.ok_or(Error::fixed("ERR HLL encoding is not sparse"))??;
        cx.out.bulk(runs.as_bytes());
    } else if args.is(1, "encoding") {
        cx.out.simple(if dense { b"dense" } else { b"sparse" });
    } else if args.is(1, "todense") {
        if !dense {
            let outcome = become_dense(cx, key)?;
            cx.out.int(1);
            return Ok(outcome);
        }
        cx.out.int(0);
    } else {
        let name = String::from_utf8_lossy(args.get(1)).into_owned();
        return Err(Error::err(format!("Unknown PFDEBUG subcommand '{name}'")));
    }
    Ok(Outcome::Unchanged)
}

fn become_dense(cx: &mut DataCx<'_>, key: &[u8]) -> CmdResult {
    cx.keys.edit_string(key, hll::to_dense)?;
    cx.keys.touch(key, Event::silent());
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// Sets every register in both forms, and counts up to ten thousand.
fn pfselftest(cx: &mut DataCx<'_>, _: &mut Args<'_>) -> CmdResult {
    const FAILED: Error = Error::fixed("ERR TESTFAILED a register or an estimate is wrong");
    let (mut sparse, mut dense) = (hll::empty(), hll::empty());
    hll::to_dense(&mut dense)?;
    let mut plain = [0; hll::REGISTERS];
    for n in 1..=10_000_u64 {
        let (index, value) =
            hll::place_of(itoa::Buffer::new().format(cx.rng.next_u64()).as_bytes());
        plain[index] = value.max(plain[index]);
        hll::raise(&mut sparse, index, value, cx.limits.hll_sparse_max_bytes)?;
        hll::raise(&mut dense, index, value, 0)?;
        if n.is_power_of_two() || n == 10_000 {
            let estimate = hll::estimate(&plain);
            let counts = (hll::count(&sparse), hll::count(&dense));
            // Five times the standard error, and one for small numbers.
            if counts != (Ok(estimate), Ok(estimate)) || estimate.abs_diff(n) > n / 20 + 1 {
                return Err(FAILED);
            }
        }
    }
    cx.out.ok();
    Ok(Outcome::Unchanged)
}
