//! Lists: the specs of the family, and what its files share.

mod blocking;
mod edit;
mod long;
mod moves;
mod pop;
mod push;
mod read;

use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::ds::quicklist::End;
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;
use crate::resp::reply::Reply;
use crate::value::list::ListRef;
use crate::value::reply_item;

const READ: u32 = flag::READONLY;
const WRITE: u32 = flag::WRITE;
const GROW: u32 = flag::WRITE | flag::DENYOOM;
const FAST: u32 = flag::FAST;
const BLOCKING: u32 = flag::BLOCKING;
const MOVABLE: u32 = flag::MOVABLEKEYS;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];
const PUSHED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().insert()];
const CUT_KEY: &[KeySpec] = &[KeySpec::at(1).rw().delete()];
const POPPED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().access().delete()];
const AWAITED_KEYS: &[KeySpec] = &[KeySpec::range(1, -2, 1).rw().access().delete()];
const MOVED_KEYS: &[KeySpec] =
    &[KeySpec::at(1).rw().access().delete(), KeySpec::at(2).rw().insert()];

const fn list(spec: Spec) -> Spec {
    spec.acl(cat::LIST).group("list")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    list(Spec::data("lpush", -3, push::lpush).flags(GROW | FAST))
        .keys(PUSHED_KEY)
        .since("1.0.0")
        .summary("Adds elements at the head of a list, the last one ending up first."),
    list(Spec::data("rpush", -3, push::rpush).flags(GROW | FAST))
        .keys(PUSHED_KEY)
        .since("1.0.0")
        .summary("Adds elements at the tail of a list."),
    list(Spec::data("lpushx", -3, push::lpushx).flags(GROW | FAST))
        .keys(PUSHED_KEY)
        .since("2.2.0")
        .summary("Adds elements at the head of a list that exists."),
    list(Spec::data("rpushx", -3, push::rpushx).flags(GROW | FAST))
        .keys(PUSHED_KEY)
        .since("2.2.0")
        .summary("Adds elements at the tail of a list that exists."),
    list(Spec::data("linsert", 5, push::linsert).flags(GROW))
        .keys(PUSHED_KEY)
        .since("2.2.0")
        .summary("Puts an element before or behind another one."),
    list(Spec::data("lpop", -2, pop::lpop).flags(WRITE | FAST))
        .keys(POPPED_KEY)
        .since("1.0.0")
        .summary("Takes elements off the head of a list."),
    list(Spec::data("rpop", -2, pop::rpop).flags(WRITE | FAST))
        .keys(POPPED_KEY)
        .since("1.0.0")
        .summary("Takes elements off the tail of a list."),
    list(Spec::data("lmpop", -4, pop::lmpop).flags(WRITE | MOVABLE))
        .keys(&[KeySpec::counted(1).rw().access().delete()])
        .since("7.0.0")
        .summary("Takes elements off an end of the first list that has some."),
    list(Spec::data("llen", 2, read::llen).flags(READ | FAST))
        .keys(&[KeySpec::at(1).ro()])
        .since("1.0.0")
        .summary("Counts the elements of a list."),
    list(Spec::data("lindex", 3, read::lindex).flags(READ))
        .keys(READ_KEY)
        .since("1.0.0")
        .summary("Gives the element at an index."),
    list(Spec::data("lrange", 4, read::lrange).flags(READ))
        .keys(READ_KEY)
        .since("1.0.0")
        .summary("Gives the elements from one index to another."),
    list(Spec::data("lpos", -3, read::lpos).flags(READ))
        .keys(READ_KEY)
        .since("6.0.6")
        .summary("Tells where in a list an element is."),
    list(Spec::data("lset", 4, edit::lset).flags(GROW))
        .keys(&[KeySpec::at(1).rw().update()])
        .since("1.0.0")
        .summary("Replaces the element at an index."),
    list(Spec::data("lrem", 4, edit::lrem).flags(WRITE))
        .keys(CUT_KEY)
        .since("1.0.0")
        .summary("Takes the elements with a text out of a list."),
    list(Spec::data("ltrim", 4, edit::ltrim).flags(WRITE))
        .keys(CUT_KEY)
        .since("1.0.0")
        .summary("Keeps the elements from one index to another and drops the rest."),
    list(Spec::data("lmove", 5, moves::lmove).flags(GROW))
        .keys(MOVED_KEYS)
        .since("6.2.0")
        .summary("Moves an element from an end of a list to an end of another."),
    list(Spec::data("rpoplpush", 3, moves::rpoplpush).flags(GROW))
        .keys(MOVED_KEYS)
        .since("1.2.0")
        .summary("Moves the last element of a list to the head of another."),
    list(Spec::data("blmove", 6, moves::blmove).flags(GROW | BLOCKING))
        .keys(MOVED_KEYS)
        .since("6.2.0")
        .summary("Moves an element between ends of lists, and waits for it if need be."),
    list(Spec::data("brpoplpush", 4, moves::brpoplpush).flags(GROW | BLOCKING))
        .keys(MOVED_KEYS)
        .since("2.2.0")
        .summary("Moves the last element of a list to the head of another, or waits for it."),
    list(Spec::data("blpop", -3, blocking::blpop).flags(WRITE | BLOCKING))
        .keys(AWAITED_KEYS)
        .since("2.0.0")
        .summary("Takes the first element of the first list that has one, or waits for it."),
    list(Spec::data("brpop", -3, blocking::brpop).flags(WRITE | BLOCKING))
        .keys(AWAITED_KEYS)
        .since("2.0.0")
        .summary("Takes the last element of the first list that has one, or waits for it."),
    list(Spec::data("blmpop", -5, blocking::blmpop).flags(WRITE | BLOCKING | MOVABLE))
        .keys(&[KeySpec::counted(2).rw().access().delete()])
        .since("7.0.0")
        .summary("Takes elements off an end of the first list that has some, or waits for them."),
];

const DEL: Event = Event::new(class::GENERIC, "del");

const fn event(name: &'static str) -> Event {
    Event::new(class::LIST, name)
}

fn pushed(end: End) -> Event {
    event(if end == End::Head { "lpush" } else { "rpush" })
}

fn popped(end: End) -> Event {
    event(if end == End::Head { "lpop" } else { "rpop" })
}

/// Books `n` elements that went, and their key with them when they were the last.
#[inline]
fn booked(keys: &mut Keys<'_>, key: &[u8], event: Event, n: usize, emptied: bool) {
    keys.touch_n(key, event, n as u64);
    if emptied {
        keys.announce(key, DEL);
    }
}

/// LEFT or RIGHT.
fn end_named(word: &[u8]) -> Result<End, Error> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Head)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Tail)
    } else {
        Err(Error::Syntax)
    }
}

/// A number that must be at least `least`; one error for whatever it is instead.
fn at_least(word: &[u8], least: i64, error: &'static str) -> Result<usize, Error> {
    match parse_i64(word) {
        Some(n) if n >= least => Ok(n as usize),
        _ => Err(Error::fixed(error)),
    }
}

/// A number whose sign may be turned round.
fn symmetric(word: &[u8]) -> Result<i64, Error> {
    match parse_i64(word).ok_or(Error::NotInteger)? {
        i64::MIN => Err(Error::fixed(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        )),
        n => Ok(n),
    }
}

/// An index, which counts from the end when negative, as a place in a list of `len`.
fn place(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|place| *place < len)
}

/// The elements from `start` to `stop`, both included: the first and their number.
fn span(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let len = len as i64;
    let from_end = |index: i64| if index < 0 { index + len } else { index };
    let start = from_end(start).max(0);
    let stop = from_end(stop).min(len - 1);
    if start > stop { (0, 0) } else { (start as usize, (stop - start + 1) as usize) }
}

/// Answers with the `n` outer elements of a list, from its end inwards.
fn reply_outer(out: &mut Reply, list: ListRef<'_>, end: End, n: usize) {
    out.array(n);
    let from = if end == End::Head { 0 } else { list.len() - 1 };
    list.each(from, n, end == End::Head, |item| reply_item(out, item));
}

#[cfg(test)]
mod tests;
