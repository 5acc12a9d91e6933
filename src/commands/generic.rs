//! Commands on keys of any type and on whole databases.

use super::expire::DEL;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;

const REMOVED_KEYS: &[KeySpec] = &[KeySpec::range(1, -1, 1).rm().delete()];
const ASKED_KEYS: &[KeySpec] = &[KeySpec::range(1, -1, 1).ro()];

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    Spec::data("copy", -3, super::copy::copy)
        .flags(flag::WRITE | flag::DENYOOM)
        .acl(cat::KEYSPACE)
        .keys(&[KeySpec::at(1).ro().access(), KeySpec::at(2).ow().update()])
        .since("6.2.0")
        .summary("Gives a copy of a key's value and deadline to another key."),
    Spec::data("del", -2, del)
        .flags(flag::WRITE)
        .acl(cat::KEYSPACE)
        .keys(REMOVED_KEYS)
        .since("1.0.0")
        .summary("Deletes keys."),
    Spec::data("unlink", -2, del)
        .flags(flag::WRITE | flag::FAST)
        .acl(cat::KEYSPACE)
        .keys(REMOVED_KEYS)
        .since("4.0.0")
        .summary("Deletes keys and frees their values in the background."),
    Spec::data("exists", -2, exists)
        .flags(flag::READONLY | flag::FAST)
        .acl(cat::KEYSPACE)
        .keys(ASKED_KEYS)
        .since("1.0.0")
        .summary("Counts which of the keys exist; a key named twice counts twice."),
    Spec::data("touch", -2, touch)
        .flags(flag::READONLY | flag::FAST)
        .acl(cat::KEYSPACE)
        .keys(ASKED_KEYS)
        .since("3.2.1")
        .summary("Marks keys as used now and counts those that exist."),
    Spec::data("type", 2, type_of)
        .flags(flag::READONLY | flag::FAST)
        .acl(cat::KEYSPACE)
        .keys(&[KeySpec::at(1).ro()])
        .since("1.0.0")
        .summary("Names the type of a key's value."),
    Spec::data("move", 3, move_key)
        .flags(flag::WRITE | flag::FAST)
        .acl(cat::KEYSPACE)
        .keys(&[KeySpec::at(1).rw().access().update()])
        .since("1.0.0")
        .summary("Moves a key to another database."),
    Spec::data("rename", 3, rename)
        .flags(flag::WRITE)
        .acl(cat::KEYSPACE)
        .keys(&[KeySpec::at(1).rw().access().delete(), KeySpec::at(2).ow().update()])
        .since("1.0.0")
        .summary("Renames a key over whatever has the new name."),
    Spec::data("renamenx", 3, renamenx)
        .flags(flag::WRITE | flag::FAST)
        .acl(cat::KEYSPACE)
        .keys(&[KeySpec::at(1).rw().access().delete(), KeySpec::at(2).ow().insert()])
        .since("1.0.0")
        .summary("Renames a key unless the new name is taken."),
    Spec::data("randomkey", 1, randomkey)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE)
        .since("1.0.0")
        .summary("Names a key picked at random."),
    Spec::data("dbsize", 1, dbsize)
        .flags(flag::READONLY | flag::FAST)
        .acl(cat::KEYSPACE)
        .since("1.0.0")
        .group("server")
        .summary("Counts the keys of the selected database."),
    Spec::data("flushdb", -1, flushdb)
        .flags(flag::WRITE)
        .acl(cat::KEYSPACE | cat::DANGEROUS)
        .since("1.0.0")
        .group("server")
        .summary("Deletes all keys of the selected database."),
    Spec::data("flushall", -1, flushall)
        .flags(flag::WRITE)
        .acl(cat::KEYSPACE | cat::DANGEROUS)
        .since("1.0.0")
        .group("server")
        .summary("Deletes all keys of all databases."),
    Spec::data("swapdb", 3, swapdb)
        .flags(flag::WRITE | flag::FAST)
        .acl(cat::KEYSPACE | cat::DANGEROUS)
        .since("4.0.0")
        .group("server")
        .summary("Exchanges the contents of two databases."),
];

pub(super) const SAME_OBJECT: Error =
    Error::fixed("ERR source and destination objects are the same");

pub(super) const fn generic(name: &'static str) -> Event {
    Event::new(class::GENERIC, name)
}

/// UNLINK as well: large values are always freed off the loop.
fn del(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    prepare_rest(&mut cx.keys, args);
    let mut deleted = 0;
    for key in args.iter().skip(1) {
        if cx.keys.delete(key) {
            cx.keys.touch(key, DEL);
            deleted += 1;
        }
    }
    cx.out.int(deleted);
    Ok(changed_if(deleted > 0))
}

fn exists(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    prepare_rest(&mut cx.keys, args);
    let mut found = 0;
    for key in args.iter().skip(1) {
        found += i64::from(cx.keys.ask(key).is_some());
    }
    cx.out.int(found);
    Ok(Outcome::Unchanged)
}

fn touch(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    prepare_rest(&mut cx.keys, args);
    let mut found = 0;
    for key in args.iter().skip(1) {
        found += i64::from(cx.keys.entry(key).is_some());
    }
    cx.out.int(found);
    Ok(Outcome::Unchanged)
}

fn type_of(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let name = cx.keys.ask(args.get(1)).map(|entry| entry.type_name());
    cx.out.simple(name.unwrap_or("none").as_bytes());
    Ok(Outcome::Unchanged)
}

fn rename(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if rename_to(cx, args, true)? {
        cx.out.ok();
        let same = args.get(1) == args.get(2);
        return Ok(changed_if(!same));
    }
    Ok(Outcome::Unchanged)
}

fn renamenx(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let renamed = rename_to(cx, args, false)?;
    cx.out.int(i64::from(renamed));
    Ok(changed_if(renamed))
}

/// Whether the key has the new name now.
fn rename_to(cx: &mut DataCx<'_>, args: &Args<'_>, overwrite: bool) -> Result<bool, Error> {
    let (from, to) = (args.get(1), args.get(2));
    if !cx.keys.exists_for_write(from) {
        return Err(Error::NoSuchKey);
    }
    if from == to {
        return Ok(overwrite);
    }
    if cx.keys.exists_for_write(to) && !overwrite {
        return Ok(false);
    }
    cx.keys.rename(from, to);
    let db = cx.keys.db_index();
    touch_both(&mut cx.keys, (from, generic("rename_from")), (db, to, generic("rename_to")));
    Ok(true)
}

fn move_key(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let to_db = database(args.get(2), &cx.keys)?;
    if to_db == cx.keys.db_index() {
        return Err(SAME_OBJECT);
    }
    let key = args.get(1);
    let moved = cx.keys.exists_for_write(key) && cx.keys.move_to_db(key, to_db);
    if moved {
        touch_both(&mut cx.keys, (key, generic("move_from")), (to_db, key, generic("move_to")));
    }
    cx.out.int(i64::from(moved));
    Ok(changed_if(moved))
}

/// One change that shows at two keys; the counter of changes grows by one.
fn touch_both(keys: &mut Keys<'_>, from: (&[u8], Event), to: (usize, &[u8], Event)) {
    keys.touch(from.0, from.1);
    keys.touch_in(to.0, to.1, to.2, 0);
}

fn randomkey(cx: &mut DataCx<'_>, _: &mut Args<'_>) -> CmdResult {
    match cx.keys.random_key() {
        Some(key) => cx.out.bulk(&key),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

fn dbsize(cx: &mut DataCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.int(cx.keys.len() as i64);
    Ok(Outcome::Unchanged)
}

fn flushdb(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    check_flush_options(args)?;
    let db = cx.keys.db_index();
    cx.keys.space().flush_db(db);
    cx.keys.space().effects.emptied();
    cx.out.ok();
    // Written even when the database was empty: a replica's need not be.
    Ok(Outcome::Changed(Propagate::Verbatim))
}

fn flushall(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    check_flush_options(args)?;
    cx.keys.space().flush_all();
    cx.keys.space().effects.emptied();
    cx.out.ok();
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// SYNC and ASYNC are accepted and mean the same: the contents are always freed off the loop.
fn check_flush_options(args: &Args<'_>) -> Result<(), Error> {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "sync") || args.is(1, "async") => Ok(()),
        _ => Err(Error::Syntax),
    }
}

fn swapdb(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let first = int32(args.get(1), || Error::fixed("ERR invalid first DB index"))?;
    let second = int32(args.get(2), || Error::fixed("ERR invalid second DB index"))?;
    let (a, b) = (in_range(first, &cx.keys)?, in_range(second, &cx.keys)?);
    cx.keys.space().swap_db(a, b);
    cx.out.ok();
    Ok(Outcome::Changed(Propagate::Verbatim))
}

fn prepare_rest(keys: &mut Keys<'_>, args: &Args<'_>) {
    if args.len() > 2 {
        keys.prepare(args.iter().skip(1));
    }
}

pub(super) fn changed_if(changed: bool) -> Outcome {
    if changed { Outcome::Changed(Propagate::Verbatim) } else { Outcome::Unchanged }
}

/// A database number; Redis reads it as a 32-bit integer and says so.
pub(super) fn database(word: &[u8], keys: &Keys<'_>) -> Result<usize, Error> {
    let number = parse_i64(word).ok_or(Error::NotInteger)?;
    let number = i32::try_from(number).map_err(|_| {
        Error::fixed("ERR value is out of range, value must between -2147483648 and 2147483647")
    })?;
    in_range(number, keys)
}

fn int32(word: &[u8], error: impl Fn() -> Error) -> Result<i32, Error> {
    parse_i64(word).and_then(|n| i32::try_from(n).ok()).ok_or_else(error)
}

fn in_range(number: i32, keys: &Keys<'_>) -> Result<usize, Error> {
    let number = usize::try_from(number).ok().filter(|n| *n < keys.databases());
    number.ok_or(Error::DbIndex)
}
