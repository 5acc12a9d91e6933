//! OBJECT: what the server knows about a value beside its content.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::keys::EntryRef;
use crate::value::string::{Str, StrRef};

const KEY: &[KeySpec] = &[KeySpec::at(2).ro()];

const SUBCOMMANDS: &[Spec] = &[
    Spec::data("encoding", 3, encoding)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE)
        .keys(KEY)
        .since("2.2.3")
        .summary("Names the encoding in which a value is held."),
    Spec::data("freq", 3, freq)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE)
        .keys(KEY)
        .since("4.0.0")
        .summary("Tells the logarithmic counter of a key's accesses."),
    Spec::data("help", 2, help)
        .flags(flag::LOADING | flag::STALE)
        .acl(cat::KEYSPACE)
        .since("6.2.0")
        .summary("Lists the subcommands."),
    Spec::data("idletime", 3, idletime)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE)
        .keys(KEY)
        .since("2.2.3")
        .summary("Tells how many seconds ago a key was last used."),
    Spec::data("refcount", 3, refcount)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE)
        .keys(KEY)
        .since("2.2.3")
        .summary("Tells how many owners a value has."),
];

/// The commands of this family.
pub const SPECS: &[Spec] = &[Spec::container("object", SUBCOMMANDS)
    .since("2.2.3")
    .summary("Groups the commands that look into values.")];

/// Integers below this many are held once for all keys in Redis, and clients can see it.
const SHARED_INTEGERS: i64 = 10_000;

/// The reference count that stands for "shared by everybody".
const SHARED: i64 = i32::MAX as i64;

fn encoding(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    match cx.keys.entry_quiet(args.get(2)) {
        Some(entry) => cx.out.bulk(entry.encoding().as_bytes()),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

fn refcount(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(2);
    if cx.keys.entry_quiet(key).is_none() {
        cx.out.null();
        return Ok(Outcome::Unchanged);
    }
    let shared = cx.limits.shared_integers
        && matches!(
            cx.keys.for_write::<Str>(key),
            Ok(Some(StrRef::Int(n))) if (0..SHARED_INTEGERS).contains(&n)
        );
    cx.out.int(if shared { SHARED } else { 1 });
    Ok(Outcome::Unchanged)
}

fn freq(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NOT_COUNTED: Error = Error::fixed(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
         that when switching between policies at runtime LRU and LFU data will take some time to \
         adjust.",
    );
    let now = cx.now;
    stamp(cx, args, |entry| {
        if entry.counts_accesses() { Ok(i64::from(entry.freq(now))) } else { Err(NOT_COUNTED) }
    })
}

fn idletime(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NOT_DATED: Error = Error::fixed(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
         switching between policies at runtime LRU and LFU data will take some time to adjust.",
    );
    let now = cx.now;
    stamp(cx, args, |entry| {
        if entry.counts_accesses() { Err(NOT_DATED) } else { Ok(entry.idle_ms(now) / 1000) }
    })
}

/// Answers by what `f` reads from the entry's access stamp.
fn stamp(
    cx: &mut DataCx<'_>,
    args: &Args<'_>,
    f: impl FnOnce(&EntryRef<'_>) -> Result<i64, Error>,
) -> CmdResult {
    match cx.keys.entry_quiet(args.get(2)) {
        Some(entry) => cx.out.int(f(&entry)?),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

fn help(cx: &mut DataCx<'_>, _: &mut Args<'_>) -> CmdResult {
    const LINES: &[&str] = &[
        "ENCODING <key>",
        "    The encoding in which the value of <key> is held.",
        "FREQ <key>",
        "    The logarithmic counter of accesses to <key>. Needs an LFU maxmemory policy.",
        "IDLETIME <key>",
        "    Seconds since <key> was last used. Needs a policy other than LFU.",
        "REFCOUNT <key>",
        "    How many owners the value of <key> has.",
    ];
    super::help(cx.out, "OBJECT", LINES);
    Ok(Outcome::Unchanged)
}
