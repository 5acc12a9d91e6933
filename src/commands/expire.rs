//! Deadlines: the EXPIRE and TTL families, and the arithmetic that SET and GETEX share with them.
//!
//! Whatever the call said, the stream gets absolute times: replaying it later must not move a
//! deadline. A deadline in the past is a deletion and is written as one.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::ExpiryPolicy;
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;
use crate::resp::request::Argv;

const UPDATED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().update()];
const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];
const WRITE: u32 = flag::WRITE | flag::FAST;
const READ: u32 = flag::READONLY | flag::FAST;

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    Spec::data("expire", -3, expire)
        .flags(WRITE)
        .acl(cat::KEYSPACE)
        .keys(UPDATED_KEY)
        .since("1.0.0")
        .summary("Lets a key live for some seconds more."),
    Spec::data("pexpire", -3, pexpire)
        .flags(WRITE)
        .acl(cat::KEYSPACE)
        .keys(UPDATED_KEY)
        .since("2.6.0")
        .summary("Lets a key live for some milliseconds more."),
    Spec::data("expireat", -3, expireat)
        .flags(WRITE)
        .acl(cat::KEYSPACE)
        .keys(UPDATED_KEY)
        .since("1.2.0")
        .summary("Lets a key live until a Unix time in seconds."),
    Spec::data("pexpireat", -3, pexpireat)
        .flags(WRITE)
        .acl(cat::KEYSPACE)
        .keys(UPDATED_KEY)
        .since("2.6.0")
        .summary("Lets a key live until a Unix time in milliseconds."),
    Spec::data("persist", 2, persist)
        .flags(WRITE)
        .acl(cat::KEYSPACE)
        .keys(UPDATED_KEY)
        .since("2.2.0")
        .summary("Takes a key's deadline away."),
    Spec::data("ttl", 2, ttl)
        .flags(READ)
        .acl(cat::KEYSPACE)
        .keys(READ_KEY)
        .since("1.0.0")
        .summary("Tells how many seconds a key has left."),
    Spec::data("pttl", 2, pttl)
        .flags(READ)
        .acl(cat::KEYSPACE)
        .keys(READ_KEY)
        .since("2.6.0")
        .summary("Tells how many milliseconds a key has left."),
    Spec::data("expiretime", 2, expiretime)
        .flags(READ)
        .acl(cat::KEYSPACE)
        .keys(READ_KEY)
        .since("7.0.0")
        .summary("Tells a key's deadline as a Unix time in seconds."),
    Spec::data("pexpiretime", 2, pexpiretime)
        .flags(READ)
        .acl(cat::KEYSPACE)
        .keys(READ_KEY)
        .since("7.0.0")
        .summary("Tells a key's deadline as a Unix time in milliseconds."),
];

/// A key got a deadline.
pub(super) const EXPIRE: Event = Event::new(class::GENERIC, "expire");
/// A key lost its deadline.
pub(super) const PERSIST: Event = Event::new(class::GENERIC, "persist");
/// A key was deleted.
pub(super) const DEL: Event = Event::new(class::GENERIC, "del");

/// How a command words a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wording {
    /// Milliseconds in one unit.
    scale: i64,
    /// Counted from now, not from 1970.
    relative: bool,
}

impl Wording {
    /// `EX`: seconds from now.
    pub(super) const EX: Wording = Wording { scale: 1000, relative: true };
    /// `PX`: milliseconds from now.
    pub(super) const PX: Wording = Wording { scale: 1, relative: true };
    /// `EXAT`: seconds since 1970.
    pub(super) const EXAT: Wording = Wording { scale: 1000, relative: false };
    /// `PXAT`: milliseconds since 1970.
    pub(super) const PXAT: Wording = Wording { scale: 1, relative: false };

    /// The option with this name.
    pub(super) fn named(word: &[u8]) -> Option<Wording> {
        const NAMES: [(&[u8], Wording); 4] = [
            (b"ex", Wording::EX),
            (b"px", Wording::PX),
            (b"exat", Wording::EXAT),
            (b"pxat", Wording::PXAT),
        ];
        let found = NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        found.map(|(_, wording)| *wording)
    }

    fn base(self, now: i64) -> i64 {
        if self.relative { now } else { 0 }
    }

    /// The deadline meant by `value`; zero, the past before 1970 and overflow are refused.
    pub(super) fn positive(self, value: i64, now: i64, command: &str) -> Result<i64, Error> {
        let at = value.checked_mul(self.scale).filter(|_| value > 0);
        let at = at.and_then(|ms| ms.checked_add(self.base(now)));
        at.ok_or_else(|| Error::invalid_expire(command))
    }

    /// The deadline meant by `value`, which may be negative.
    fn any(self, value: i64, now: i64, command: &str) -> Result<i64, Error> {
        let at = value.checked_mul(self.scale).and_then(|ms| ms.checked_add(self.base(now)));
        at.ok_or_else(|| Error::invalid_expire(command))
    }
}

/// Whether a deadline has passed already, so that setting it means deleting. Where expired keys
/// are only hidden, somebody else decides on deletions and the deadline is set as told.
pub(super) fn overdue(keys: &mut Keys<'_>, at: i64) -> bool {
    at <= keys.now && keys.space().expiry == ExpiryPolicy::Delete
}

/// Whether anybody reads the propagation stream; if not, rewriting a call is wasted work.
#[inline]
pub(super) fn propagating(keys: &mut Keys<'_>) -> bool {
    keys.space().effects.interest.propagate
}

/// A change that goes to the stream as other words than it came in.
pub(super) fn rewritten(keys: &mut Keys<'_>, words: &[&[u8]]) -> Outcome {
    Outcome::Changed(if propagating(keys) {
        Propagate::As(Argv::from_slices(words))
    } else {
        Propagate::Nothing
    })
}

/// Deletes a key whose new deadline has passed.
pub(super) fn delete_overdue(keys: &mut Keys<'_>, key: &[u8]) -> Outcome {
    keys.delete(key);
    keys.touch(key, DEL);
    rewritten(keys, &[b"DEL", key])
}

/// When a new deadline replaces the old one.
#[derive(Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(args: &Args<'_>) -> Result<Condition, Error> {
        let mut c = Condition::default();
        for i in 3..args.len() {
            match args.get(i) {
                word if word.eq_ignore_ascii_case(b"nx") => c.nx = true,
                word if word.eq_ignore_ascii_case(b"xx") => c.xx = true,
                word if word.eq_ignore_ascii_case(b"gt") => c.gt = true,
                word if word.eq_ignore_ascii_case(b"lt") => c.lt = true,
                word => {
                    let shown = String::from_utf8_lossy(word);
                    return Err(Error::err(format!("Unsupported option {shown}")));
                }
            }
        }
        if c.nx && (c.xx || c.gt || c.lt) {
            return Err(Error::fixed(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if c.gt && c.lt {
            return Err(Error::fixed("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(c)
    }

    /// A key without a deadline counts as living for ever.
    fn allows(&self, current: Option<i64>, at: i64) -> bool {
        match current {
            None => !self.xx && !self.gt,
            Some(was) => {
                let refused = self.nx || (self.gt && at <= was) || (self.lt && at >= was);
                !refused
            }
        }
    }
}

fn expire(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    set_deadline(cx, args, Wording::EX, "expire")
}

fn pexpire(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    set_deadline(cx, args, Wording::PX, "pexpire")
}

fn expireat(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    set_deadline(cx, args, Wording::EXAT, "expireat")
}

fn pexpireat(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    set_deadline(cx, args, Wording::PXAT, "pexpireat")
}

fn set_deadline(
    cx: &mut DataCx<'_>,
    args: &Args<'_>,
    wording: Wording,
    command: &str,
) -> CmdResult {
    let condition = Condition::parse(args)?;
    let at = wording.any(args.int(2)?, cx.now, command)?;
    let key = args.get(1);
    let current = cx.keys.deadline_of(key);
    if !current.is_some_and(|was| condition.allows(was, at)) {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    }
    cx.out.int(1);
    if overdue(&mut cx.keys, at) {
        return Ok(delete_overdue(&mut cx.keys, key));
    }
    cx.keys.set_deadline(key, at);
    cx.keys.touch(key, EXPIRE);
    if wording == Wording::PXAT {
        return Ok(Outcome::Changed(Propagate::Verbatim));
    }
    if !propagating(&mut cx.keys) {
        return Ok(Outcome::Changed(Propagate::Nothing));
    }
    // The options stay: they held here, so they hold wherever the stream is replayed.
    let mut argv = Argv::from_slices(&[b"PEXPIREAT", key]);
    argv.push(itoa::Buffer::new().format(at).as_bytes());
    for i in 3..args.len() {
        argv.push(args.get(i));
    }
    Ok(Outcome::Changed(Propagate::As(argv)))
}

fn persist(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    let had_one = cx.keys.clear_deadline(key);
    cx.out.int(i64::from(had_one));
    if !had_one {
        return Ok(Outcome::Unchanged);
    }
    cx.keys.touch(key, PERSIST);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

fn ttl(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let now = cx.now;
    tell(cx, args, |at| to_seconds(left(at, now)))
}

fn pttl(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let now = cx.now;
    tell(cx, args, |at| left(at, now))
}

fn expiretime(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    tell(cx, args, to_seconds)
}

fn pexpiretime(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    tell(cx, args, |at| at)
}

fn tell(cx: &mut DataCx<'_>, args: &Args<'_>, f: impl FnOnce(i64) -> i64) -> CmdResult {
    let answer = match cx.keys.ask(args.get(1)).map(|entry| entry.deadline()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => f(at),
    };
    cx.out.int(answer);
    Ok(Outcome::Unchanged)
}

fn left(at: i64, now: i64) -> i64 {
    at.saturating_sub(now).max(0)
}

/// To the nearest second, halves up.
fn to_seconds(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_do_not_fit_are_refused() {
        assert_eq!(Wording::EX.positive(10, 5, "set"), Ok(10_005));
        assert_eq!(Wording::EXAT.positive(10, 5, "set"), Ok(10_000));
        assert_eq!(Wording::PXAT.positive(i64::MAX, 5, "set"), Ok(i64::MAX));
        for (wording, value) in [
            (Wording::EX, 0),
            (Wording::EX, -1),
            (Wording::EX, i64::MAX / 1000 + 1),
            (Wording::EXAT, i64::MAX / 1000 + 1),
            (Wording::PX, i64::MAX),
            (Wording::PXAT, 0),
        ] {
            assert_eq!(wording.positive(value, 5, "set"), Err(Error::invalid_expire("set")));
        }
        assert_eq!(Wording::PX.any(i64::MIN, 5, "pexpire"), Ok(i64::MIN + 5));
        assert!(Wording::EX.any(i64::MIN / 1000 - 1, 5, "expire").is_err());
    }

    #[test]
    fn conditions_compare_with_for_ever() {
        let gt = Condition { gt: true, ..Condition::default() };
        let lt = Condition { lt: true, ..Condition::default() };
        assert!(!gt.allows(None, 10) && gt.allows(Some(9), 10) && !gt.allows(Some(10), 10));
        assert!(lt.allows(None, 10) && lt.allows(Some(11), 10) && !lt.allows(Some(10), 10));
    }

    #[test]
    fn seconds_are_rounded_to_the_nearest() {
        assert_eq!(to_seconds(9_999_999_999_499), 9_999_999_999);
        assert_eq!(to_seconds(9_999_999_999_500), 10_000_000_000);
        assert_eq!(left(5, 10), 0);
    }
}
