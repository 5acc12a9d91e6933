//! XGROUP: consumer groups come, go, and are moved.

use super::{BAD_ID, bad_subcommand, changed_beside, event, id_at, no_group_of_key};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::effects::Event;
use crate::keyspace::keys::{Edit, Keys};
use crate::value::Value;
use crate::value::stream::{Log, Stream, StreamId};

/// Words that may follow the id.
#[derive(Default)]
struct Options {
    make: bool,
    entries_read: Option<u64>,
}

fn options(args: &Args<'_>, create: bool) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut i = 5;
    while i < args.len() {
        if create && args.is(i, "mkstream") {
            options.make = true;
            i += 1;
        } else if args.is(i, "entriesread") && i + 1 < args.len() {
            options.entries_read = match args.int(i + 1)? {
                -1 => None,
                count => Some(u64::try_from(count).map_err(|_| {
                    Error::fixed("ERR value for ENTRIESREAD must be positive or -1")
                })?),
            };
            i += 2;
        } else {
            return Err(bad_subcommand(args, "XGROUP"));
        }
    }
    Ok(options)
}

/// The stream of an XGROUP call, which has to exist.
fn existing<'k>(keys: &'k mut Keys<'_>, key: &'k [u8]) -> Result<Edit<'k, Box<Stream>>, Error> {
    keys.edit::<Box<Stream>>(key)?.ok_or(Error::fixed(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to \
         use the MKSTREAM option to create an empty stream automatically.",
    ))
}

/// The same, and the group has to exist.
fn existing_group<'k>(
    keys: &'k mut Keys<'_>,
    key: &'k [u8],
    group: &[u8],
) -> Result<Edit<'k, Box<Stream>>, Error> {
    let stream = existing(keys, key)?;
    if stream.groups.get(group).is_none() {
        return Err(no_group_of_key(key, group));
    }
    Ok(stream)
}

/// XGROUP CREATE
pub(super) fn create(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const WORDS_MAX: usize = 8;
    let options = options(args, true)?;
    let DataCx { keys, out, .. } = cx;
    let (key, name) = (args.get(2), args.get(3));
    let mut stream =
        if options.make { keys.edit_or_new::<Box<Stream>>(key)? } else { existing(keys, key)? };
    if args.len() > WORDS_MAX {
        return Err(bad_subcommand(args, "XGROUP"));
    }
    let last_id = if args.get(4) == b"$" { stream.log.last_id } else { id_at(args, 4)? };
    if !stream.groups.create(name, last_id, options.entries_read) {
        return Err(Error::fixed("BUSYGROUP Consumer Group name already exists"));
    }
    let new = stream.is_new();
    stream.make();
    drop(stream);
    out.ok();
    if new {
        // The key came to be: that is a change of it, though not one that counts twice.
        keys.touch_n(key, Event::silent(), 0);
    }
    changed_beside(keys, key, event("xgroup-create"), 1);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// XGROUP SETID
pub(super) fn setid(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let options = options(args, false)?;
    let DataCx { keys, out, .. } = cx;
    let (key, name) = (args.get(2), args.get(3));
    let mut stream = existing_group(keys, key, name)?;
    if !matches!(args.len(), 5 | 7) {
        return Err(bad_subcommand(args, "XGROUP"));
    }
    let last_id = match args.get(4) {
        b"$" => stream.log.last_id,
        b"-" => StreamId::MIN,
        b"+" => StreamId::MAX,
        text => StreamId::parse(text, 0).ok_or(BAD_ID)?,
    };
    if let Some(mut group) = stream.groups.edit(name) {
        group.last_id = last_id;
        group.entries_read = options.entries_read;
    }
    drop(stream);
    out.ok();
    changed_beside(keys, key, event("xgroup-setid"), 1);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// XGROUP DESTROY
pub(super) fn destroy(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    let key = args.get(2);
    let mut stream = existing(keys, key)?;
    let destroyed = stream.groups.destroy(args.get(3));
    if destroyed.is_some() {
        stream.wake();
    }
    drop(stream);
    out.int(i64::from(destroyed.is_some()));
    let Some(groups) = destroyed else { return Ok(Outcome::Unchanged) };
    // It may have many entries pending.
    let remains = Stream::remains(Log::default(), groups);
    keys.space().free_value(Value::Stream(Box::new(remains)));
    changed_beside(keys, key, event("xgroup-destroy"), 1);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// XGROUP CREATECONSUMER
pub(super) fn createconsumer(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, now, .. } = cx;
    let (key, name, consumer) = (args.get(2), args.get(3), args.get(4));
    let mut stream = existing_group(keys, key, name)?;
    let created = stream.groups.edit(name).is_some_and(|mut group| {
        let new = group.find(consumer).is_none();
        if new {
            group.create(consumer, *now);
        }
        new
    });
    drop(stream);
    out.int(i64::from(created));
    if !created {
        return Ok(Outcome::Unchanged);
    }
    changed_beside(keys, key, event("xgroup-createconsumer"), 1);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// XGROUP DELCONSUMER
pub(super) fn delconsumer(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    let (key, name) = (args.get(2), args.get(3));
    let mut stream = existing_group(keys, key, name)?;
    let removed = stream.groups.edit(name).and_then(|mut group| group.remove(args.get(4)));
    drop(stream);
    out.int(removed.unwrap_or(0) as i64);
    if removed.is_none() {
        return Ok(Outcome::Unchanged);
    }
    changed_beside(keys, key, event("xgroup-delconsumer"), 1);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// XGROUP HELP
pub(super) fn help(cx: &mut DataCx<'_>, _: &mut Args<'_>) -> CmdResult {
    const LINES: &[&str] = &[
        "CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD entries_read]",
        "    Makes a group that has read up to <id>, or up to the last entry with $.",
        "    MKSTREAM: makes an empty stream when the key does not exist.",
        "    ENTRIESREAD: how many entries that were, from which the lag is told.",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Makes a consumer in a group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Removes a consumer and tells how many entries were pending with it.",
        "DESTROY <key> <groupname>",
        "    Removes a group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Sets up to which id a group has read.",
    ];
    crate::commands::help(cx.out, "XGROUP", LINES);
    Ok(Outcome::Unchanged)
}
