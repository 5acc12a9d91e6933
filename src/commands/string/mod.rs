//! Strings: the specs of the family, and what its files share.

mod counter;
mod get_set;
mod lcs;
mod multi;
mod range;

use super::expire::propagating;
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::Propagate;
use crate::engine::key_search;
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::{Keys, NewStr, Ttl};
use crate::resp::request::Argv;
use crate::value::limits::Limits;
use bytes::Bytes;

const STRING: u32 = cat::STRING;
const READ: u32 = flag::READONLY;
const GROW: u32 = flag::WRITE | flag::DENYOOM;
const FAST: u32 = flag::FAST;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];
const CHANGED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().access().update()];
const OVERWRITTEN_KEY: &[KeySpec] = &[KeySpec::at(1).ow().update()];

const fn string(spec: Spec) -> Spec {
    spec.acl(STRING).group("string")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    string(Spec::data("get", 2, get_set::get).flags(READ | FAST))
        .keys(READ_KEY)
        .since("1.0.0")
        .summary("Gives the value of a string."),
    string(Spec::data("set", -3, get_set::set).flags(GROW))
        .keys(&[KeySpec::at(1).rw().access().update().variable()])
        .finder(key_search::set)
        .since("1.0.0")
        .summary("Makes a key hold a string, whatever it held before."),
    string(Spec::data("setnx", 3, get_set::setnx).flags(GROW | FAST))
        .keys(&[KeySpec::at(1).ow().insert()])
        .since("1.0.0")
        .summary("Makes a key hold a string unless the key exists."),
    string(Spec::data("setex", 4, get_set::setex).flags(GROW))
        .keys(OVERWRITTEN_KEY)
        .since("2.0.0")
        .summary("Makes a key hold a string for some seconds."),
    string(Spec::data("psetex", 4, get_set::psetex).flags(GROW))
        .keys(OVERWRITTEN_KEY)
        .since("2.6.0")
        .summary("Makes a key hold a string for some milliseconds."),
    string(Spec::data("getset", 3, get_set::getset).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("1.0.0")
        .summary("Replaces a string and gives what it was."),
    string(Spec::data("getdel", 2, get_set::getdel).flags(flag::WRITE | FAST))
        .keys(&[KeySpec::at(1).rw().access().delete()])
        .since("6.2.0")
        .summary("Gives the value of a string and deletes the key."),
    string(Spec::data("getex", -2, get_set::getex).flags(flag::WRITE | FAST))
        .keys(CHANGED_KEY)
        .since("6.2.0")
        .summary("Gives the value of a string and changes its deadline."),
    string(Spec::data("incr", 2, counter::incr).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("1.0.0")
        .summary("Adds one to an integer."),
    string(Spec::data("decr", 2, counter::decr).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("1.0.0")
        .summary("Takes one from an integer."),
    string(Spec::data("incrby", 3, counter::incrby).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("1.0.0")
        .summary("Adds a number to an integer."),
    string(Spec::data("decrby", 3, counter::decrby).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("1.0.0")
        .summary("Takes a number from an integer."),
    string(Spec::data("incrbyfloat", 3, counter::incrbyfloat).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("2.6.0")
        .summary("Adds a floating point number to a number."),
    string(Spec::data("append", 3, range::append).flags(GROW | FAST))
        .keys(&[KeySpec::at(1).rw().insert()])
        .since("2.0.0")
        .summary("Adds text at the end of a string."),
    string(Spec::data("strlen", 2, range::strlen).flags(READ | FAST))
        .keys(&[KeySpec::at(1).ro()])
        .since("2.2.0")
        .summary("Tells the length of a string in bytes."),
    string(Spec::data("getrange", 4, range::getrange).flags(READ))
        .keys(READ_KEY)
        .since("2.4.0")
        .summary("Gives a part of a string."),
    string(Spec::data("substr", 4, range::getrange).flags(READ))
        .keys(READ_KEY)
        .since("1.0.0")
        .summary("Gives a part of a string; the old name of GETRANGE."),
    string(Spec::data("setrange", 4, range::setrange).flags(GROW))
        .keys(&[KeySpec::at(1).rw().update()])
        .since("2.2.0")
        .summary("Overwrites a part of a string, growing it as needed."),
    string(Spec::data("mget", -2, multi::mget).flags(READ | FAST))
        .keys(&[KeySpec::range(1, -1, 1).ro().access()])
        .since("1.0.0")
        .summary("Gives the values of several strings."),
    string(Spec::data("mset", -3, multi::mset).flags(GROW))
        .keys(&[KeySpec::range(1, -1, 2).ow().update()])
        .since("1.0.1")
        .summary("Makes several keys hold strings, all at once."),
    string(Spec::data("msetnx", -3, multi::msetnx).flags(GROW))
        .keys(&[KeySpec::range(1, -1, 2).ow().insert()])
        .since("1.0.1")
        .summary("Makes several keys hold strings unless one of them exists."),
    string(Spec::data("lcs", -3, lcs::lcs).flags(READ))
        .keys(&[KeySpec::range(1, 1, 1).ro().access()])
        .since("7.0.0")
        .summary("Finds the longest common subsequence of two strings."),
];

/// A string was set as a whole.
const SET: Event = Event::new(class::STRING, "set");

/// A large argument that became a value: its place, and the value once more. In the call it reads
/// as empty from then on.
type Taken = (usize, Bytes);

/// Stores argument `value` under the key at argument `key`; a large one is adopted, not copied.
#[inline(always)]
fn store(
    keys: &mut Keys<'_>,
    args: &mut Args<'_>,
    key: usize,
    value: usize,
    ttl: Ttl,
) -> Option<Taken> {
    if !args.is_large(value) {
        keys.set_string(args.get(key), NewStr::Bytes(args.get(value)), ttl);
        return None;
    }
    let taken = args.take(value);
    keys.set_string(args.get(key), NewStr::Taken(taken.clone()), ttl);
    Some((value, taken))
}

/// The call for the stream, with what was taken out of it in place.
#[inline]
fn verbatim(keys: &mut Keys<'_>, args: &Args<'_>, taken: &[Taken]) -> Propagate {
    if taken.is_empty() {
        return Propagate::Verbatim;
    }
    rebuilt(keys, args, taken, |_| true)
}

/// The words of the call for which `keep` holds.
fn rebuilt(
    keys: &mut Keys<'_>,
    args: &Args<'_>,
    taken: &[Taken],
    keep: impl Fn(usize) -> bool,
) -> Propagate {
    if !propagating(keys) {
        return Propagate::Nothing;
    }
    let mut argv = Argv::new();
    for i in (0..args.len()).filter(|i| keep(*i)) {
        push(&mut argv, args, i, taken);
    }
    Propagate::As(argv)
}

/// `SET key value …` for the stream.
fn as_set(
    keys: &mut Keys<'_>,
    args: &Args<'_>,
    value: usize,
    taken: &[Taken],
    options: &[&[u8]],
) -> Propagate {
    if !propagating(keys) {
        return Propagate::Nothing;
    }
    let mut argv = Argv::from_slices(&[b"SET", args.get(1)]);
    push(&mut argv, args, value, taken);
    for option in options {
        argv.push(option);
    }
    Propagate::As(argv)
}

fn push(argv: &mut Argv, args: &Args<'_>, i: usize, taken: &[Taken]) {
    match taken.iter().find(|(at, _)| *at == i) {
        Some((_, bytes)) => argv.push_bytes(bytes.clone()),
        None => argv.push(args.get(i)),
    }
}

/// Refuses a string that would grow past `proto-max-bulk-len`.
fn check_length(limits: &Limits, len: usize, more: usize) -> Result<(), Error> {
    let total = (len as u64).checked_add(more as u64);
    if total.is_some_and(|total| total <= limits.max_string_len) {
        return Ok(());
    }
    Err(Error::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)"))
}

#[cfg(test)]
mod tests;
