//! XINFO: a look into a stream, its groups and their consumers.

use super::{bad_subcommand, no_group_of_key, reply_entries, reply_entry, reply_id};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::resp::reply::Reply;
use crate::value::stream::{Consumer, Group, Log, Stream, StreamId};

/// Entries that XINFO STREAM FULL shows when the client does not say.
const SHOWN: u64 = 10;

/// XINFO STREAM
pub(super) fn stream(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    let stream = keys.read::<Stream>(args.get(2))?.ok_or(Error::NoSuchKey)?;
    match shown(args)? {
        None => brief(out, stream),
        Some(count) => full(out, stream, Some(count).filter(|count| *count > 0)),
    }
    Ok(Outcome::Unchanged)
}

/// How many entries the form FULL shows, 0 for all; `None` for the brief form.
fn shown(args: &Args<'_>) -> Result<Option<u64>, Error> {
    match args.len() {
        3 => return Ok(None),
        4 if args.is(3, "full") => return Ok(Some(SHOWN)),
        6 if args.is(3, "full") && args.is(4, "count") => {}
        _ => return Err(bad_subcommand(args, "XINFO")),
    }
    Ok(Some(u64::try_from(args.int(5)?).unwrap_or(SHOWN)))
}

/// What both forms begin with.
fn head(out: &mut Reply, log: &Log) {
    out.bulk(b"length");
    out.int(log.len() as i64);
    out.bulk(b"radix-tree-keys");
    out.int(log.node_count() as i64);
    // There is no radix tree here; this is what one with no prefix in common would have.
    out.bulk(b"radix-tree-nodes");
    out.int(log.node_count() as i64 + 1);
    out.bulk(b"last-generated-id");
    reply_id(out, log.last_id);
    out.bulk(b"max-deleted-entry-id");
    reply_id(out, log.max_deleted_id);
    out.bulk(b"entries-added");
    out.int(log.entries_added as i64);
    out.bulk(b"recorded-first-entry-id");
    reply_id(out, log.first_id());
}

fn brief(out: &mut Reply, stream: &Stream) {
    let log = &stream.log;
    out.map(10);
    head(out, log);
    out.bulk(b"groups");
    out.int(stream.groups.len() as i64);
    let first = log.range(StreamId::MIN, StreamId::MAX).next();
    let last = log.range_back(StreamId::MIN, StreamId::MAX).next();
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        out.bulk(name.as_bytes());
        match entry {
            Some(entry) => reply_entry(out, &entry),
            None => out.null(),
        }
    }
}

fn full(out: &mut Reply, stream: &Stream, count: Option<u64>) {
    let log = &stream.log;
    out.map(9);
    head(out, log);
    out.bulk(b"entries");
    reply_entries(out, log.range(StreamId::MIN, StreamId::MAX), count);
    out.bulk(b"groups");
    out.array(stream.groups.len());
    for (name, group) in stream.groups.iter() {
        out.map(7);
        out.bulk(b"name");
        out.bulk(name);
        progress(out, log, group);
        out.bulk(b"pel-count");
        out.int(group.pending().len() as i64);
        out.bulk(b"pending");
        let most = count.map_or(usize::MAX, |count| count as usize);
        out.array(group.pending().len().min(most));
        for (id, pending) in group.pending().iter().take(most) {
            out.array(4);
            reply_id(out, *id);
            out.bulk(group.consumer(pending.consumer).name());
            out.int(pending.time);
            out.int(pending.count as i64);
        }
        out.bulk(b"consumers");
        out.array(group.consumer_count());
        for consumer in group.consumers() {
            full_consumer(out, group, consumer, most);
        }
    }
}

fn full_consumer(out: &mut Reply, group: &Group, consumer: &Consumer, most: usize) {
    out.map(5);
    out.bulk(b"name");
    out.bulk(consumer.name());
    out.bulk(b"seen-time");
    out.int(consumer.seen);
    out.bulk(b"active-time");
    out.int(consumer.active.unwrap_or(-1));
    out.bulk(b"pel-count");
    out.int(consumer.pending().len() as i64);
    out.bulk(b"pending");
    out.array(consumer.pending().len().min(most));
    for id in consumer.pending().iter().take(most) {
        let pending = &group.pending()[id];
        out.array(3);
        reply_id(out, *id);
        out.int(pending.time);
        out.int(pending.count as i64);
    }
}

/// How far a group has come.
fn progress(out: &mut Reply, log: &Log, group: &Group) {
    out.bulk(b"last-delivered-id");
    reply_id(out, group.last_id);
    out.bulk(b"entries-read");
    int_or_null(out, group.entries_read.map(|count| count as i64));
    out.bulk(b"lag");
    int_or_null(out, log.lag(group));
}

fn int_or_null(out: &mut Reply, n: Option<i64>) {
    match n {
        Some(n) => out.int(n),
        None => out.null(),
    }
}

/// XINFO GROUPS
pub(super) fn groups(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    let stream = keys.read::<Stream>(args.get(2))?.ok_or(Error::NoSuchKey)?;
    out.array(stream.groups.len());
    for (name, group) in stream.groups.iter() {
        out.map(6);
        out.bulk(b"name");
        out.bulk(name);
        out.bulk(b"consumers");
        out.int(group.consumer_count() as i64);
        out.bulk(b"pending");
        out.int(group.pending().len() as i64);
        progress(out, &stream.log, group);
    }
    Ok(Outcome::Unchanged)
}

/// XINFO CONSUMERS
pub(super) fn consumers(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, now, .. } = cx;
    let stream = keys.read::<Stream>(args.get(2))?.ok_or(Error::NoSuchKey)?;
    let Some(group) = stream.groups.get(args.get(3)) else {
        return Err(no_group_of_key(args.get(2), args.get(3)));
    };
    out.array(group.consumer_count());
    for consumer in group.consumers() {
        out.map(4);
        out.bulk(b"name");
        out.bulk(consumer.name());
        out.bulk(b"pending");
        out.int(consumer.pending().len() as i64);
        out.bulk(b"idle");
        out.int(now.saturating_sub(consumer.seen).max(0));
        out.bulk(b"inactive");
        out.int(consumer.active.map_or(-1, |active| now.saturating_sub(active)));
    }
    Ok(Outcome::Unchanged)
}

/// XINFO HELP
pub(super) fn help(cx: &mut DataCx<'_>, _: &mut Args<'_>) -> CmdResult {
    const LINES: &[&str] = &[
        "CONSUMERS <key> <groupname>",
        "    The consumers of a group.",
        "GROUPS <key>",
        "    The groups of a stream.",
        "STREAM <key> [FULL [COUNT <count>]]",
        "    The counters of a stream; with FULL its first entries and all groups too.",
    ];
    crate::commands::help(cx.out, "XINFO", LINES);
    Ok(Outcome::Unchanged)
}
