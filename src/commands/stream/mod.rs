//! Streams: the specs of the family, and what its files share.

mod add;
mod claim;
mod deliver;
mod group;
mod info;
mod long;
mod pending;
mod range;
mod read;

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::keyspec::{Find, KeySpec};
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::Argv;
use crate::value::reply_item;
use crate::value::stream::node::Entry;
use crate::value::stream::{Group, Pending, Stream, StreamId};

const READ: u32 = flag::READONLY;
const WRITE: u32 = flag::WRITE;
const GROW: u32 = flag::WRITE | flag::DENYOOM;
const FAST: u32 = flag::FAST;
const WAIT: u32 = flag::BLOCKING | flag::MOVABLEKEYS;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];
const CHANGED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().update()];
const SHRUNK_KEY: &[KeySpec] = &[KeySpec::at(1).rw().delete()];
const SUB_READ_KEY: &[KeySpec] = &[KeySpec::at(2).ro().access()];
const SUB_GROWN_KEY: &[KeySpec] = &[KeySpec::at(2).rw().insert()];
const SUB_SHRUNK_KEY: &[KeySpec] = &[KeySpec::at(2).rw().delete()];
const SUB_CHANGED_KEY: &[KeySpec] = &[KeySpec::at(2).rw().update()];

/// The keys stand in the first half of what follows the word STREAMS.
const fn after_streams(from: i32) -> KeySpec {
    KeySpec::keyword("STREAMS", from, Find::Range { last: -1, step: 1, limit: 2 }).ro().access()
}

const fn stream(spec: Spec) -> Spec {
    spec.acl(cat::STREAM).group("stream")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    stream(Spec::data("xadd", -5, add::xadd).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("5.0.0")
        .summary("Adds an entry at the end of a stream."),
    stream(Spec::data("xtrim", -4, add::xtrim).flags(WRITE))
        .keys(SHRUNK_KEY)
        .since("5.0.0")
        .summary("Removes the oldest entries of a stream, by number or by id."),
    stream(Spec::data("xdel", -3, add::xdel).flags(WRITE | FAST))
        .keys(SHRUNK_KEY)
        .since("5.0.0")
        .summary("Deletes entries of a stream and tells how many were there."),
    stream(Spec::data("xsetid", -3, add::xsetid).flags(GROW | FAST))
        .keys(CHANGED_KEY)
        .since("5.0.0")
        .summary("Sets the last id of a stream; made for restoring one."),
    stream(Spec::data("xlen", 2, range::xlen).flags(READ | FAST))
        .keys(&[KeySpec::at(1).ro()])
        .since("5.0.0")
        .summary("Tells how many entries a stream has."),
    stream(Spec::data("xrange", -4, range::xrange).flags(READ))
        .keys(READ_KEY)
        .since("5.0.0")
        .summary("Gives the entries between two ids."),
    stream(Spec::data("xrevrange", -4, range::xrevrange).flags(READ))
        .keys(READ_KEY)
        .since("5.0.0")
        .summary("Gives the entries between two ids, the last one first."),
    stream(Spec::data("xread", -4, read::xread).flags(READ | WAIT))
        .keys(&[after_streams(1)])
        .since("5.0.0")
        .summary("Gives the entries of streams behind given ids, and may wait for them."),
    stream(Spec::data("xreadgroup", -7, read::xreadgroup).flags(WRITE | WAIT))
        .keys(&[after_streams(4)])
        .since("5.0.0")
        .summary("Gives entries to a consumer of a group, new ones or those it has already."),
    stream(Spec::data("xack", -4, pending::xack).flags(WRITE | FAST))
        .keys(CHANGED_KEY)
        .since("5.0.0")
        .summary("Acknowledges entries, which are no longer pending then."),
    stream(Spec::data("xpending", -3, pending::xpending).flags(READ))
        .keys(READ_KEY)
        .since("5.0.0")
        .summary("Tells which entries of a group are pending, and with whom."),
    stream(Spec::data("xclaim", -6, claim::xclaim).flags(WRITE | FAST))
        .keys(CHANGED_KEY)
        .since("5.0.0")
        .summary("Gives pending entries to another consumer."),
    stream(Spec::data("xautoclaim", -6, claim::xautoclaim).flags(WRITE | FAST))
        .keys(SHRUNK_KEY)
        .since("6.2.0")
        .summary("Gives the entries that are pending for long to another consumer."),
    Spec::container("xgroup", GROUP)
        .since("5.0.0")
        .group("stream")
        .summary("Groups the commands that make, change and remove consumer groups."),
    Spec::container("xinfo", INFO)
        .since("5.0.0")
        .group("stream")
        .summary("Groups the commands that look into streams."),
];

const GROUP: &[Spec] = &[
    stream(Spec::data("create", -5, group::create).flags(GROW))
        .keys(SUB_GROWN_KEY)
        .since("5.0.0")
        .summary("Makes a consumer group."),
    stream(Spec::data("createconsumer", 5, group::createconsumer).flags(GROW))
        .keys(SUB_GROWN_KEY)
        .since("6.2.0")
        .summary("Makes a consumer in a group."),
    stream(Spec::data("delconsumer", 5, group::delconsumer).flags(WRITE))
        .keys(SUB_SHRUNK_KEY)
        .since("5.0.0")
        .summary("Removes a consumer and what is pending with it."),
    stream(Spec::data("destroy", 4, group::destroy).flags(WRITE))
        .keys(SUB_SHRUNK_KEY)
        .since("5.0.0")
        .summary("Removes a consumer group."),
    stream(Spec::data("help", 2, group::help).flags(flag::LOADING | flag::STALE))
        .since("5.0.0")
        .summary("Lists the subcommands."),
    stream(Spec::data("setid", -5, group::setid).flags(WRITE))
        .keys(SUB_CHANGED_KEY)
        .since("5.0.0")
        .summary("Sets the id up to which a group has read."),
];

const INFO: &[Spec] = &[
    stream(Spec::data("consumers", 4, info::consumers).flags(READ))
        .keys(SUB_READ_KEY)
        .since("5.0.0")
        .summary("Tells about the consumers of a group."),
    stream(Spec::data("groups", 3, info::groups).flags(READ))
        .keys(SUB_READ_KEY)
        .since("5.0.0")
        .summary("Tells about the groups of a stream."),
    stream(Spec::data("help", 2, info::help).flags(flag::LOADING | flag::STALE))
        .since("5.0.0")
        .summary("Lists the subcommands."),
    stream(Spec::data("stream", -3, info::stream).flags(READ))
        .keys(SUB_READ_KEY)
        .since("5.0.0")
        .summary("Tells about a stream, briefly or in full."),
];

const BAD_ID: Error = Error::fixed("ERR Invalid stream ID specified as stream command argument");

/// A stream event.
const fn event(name: &'static str) -> Event {
    Event::new(class::STREAM, name)
}

/// A change of groups or counters: it counts and may have an event, but to Redis the key's value
/// is the same, so that neither WATCH nor tracking hears of it.
fn changed_beside(keys: &mut Keys<'_>, key: &[u8], event: Event, n: u64) {
    keys.space().effects.dirty += n;
    keys.announce(key, event);
}

/// The id at place `i`; without its second part it means 0 there.
fn id_at(args: &Args<'_>, i: usize) -> Result<StreamId, Error> {
    StreamId::parse(args.get(i), 0).ok_or(BAD_ID)
}

/// The ids from place `from` to the end.
fn ids_from(args: &Args<'_>, from: usize) -> Result<Vec<StreamId>, Error> {
    (from..args.len()).map(|i| id_at(args, i)).collect()
}

/// The begin of a range at place `i`.
fn start_at(args: &Args<'_>, i: usize) -> Result<StreamId, Error> {
    match StreamId::parse_bound(args.get(i), 0).ok_or(BAD_ID)? {
        (id, false) => Ok(id),
        (id, true) => id.next().ok_or(Error::fixed("ERR invalid start ID for the interval")),
    }
}

/// The end of a range at place `i`.
fn end_at(args: &Args<'_>, i: usize) -> Result<StreamId, Error> {
    match StreamId::parse_bound(args.get(i), u64::MAX).ok_or(BAD_ID)? {
        (id, false) => Ok(id),
        (id, true) => id.prev().ok_or(Error::fixed("ERR invalid end ID for the interval")),
    }
}

fn reply_id(out: &mut Reply, id: StreamId) {
    id.with_text(|text| out.bulk(text));
}

/// The name of a stream; its entries follow. RESP3 has both as key and value of a map.
fn name_stream(out: &mut Reply, key: &[u8]) {
    if out.proto == Proto::V2 {
        out.array(2);
    }
    out.bulk(key);
}

/// An entry: its id and its fields.
fn reply_entry(out: &mut Reply, entry: &Entry<'_>) {
    out.array(2);
    reply_id(out, entry.id);
    out.array(2 * entry.len());
    for (name, value) in entry.fields() {
        reply_item(out, name);
        reply_item(out, value);
    }
}

/// Entries, `max` of them at most; tells how many.
fn reply_entries<'a>(
    out: &mut Reply,
    entries: impl Iterator<Item = Entry<'a>>,
    max: Option<u64>,
) -> usize {
    let slot = out.open_array();
    let max = max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    let mut count = 0;
    for entry in entries.take(max) {
        reply_entry(out, &entry);
        count += 1;
    }
    out.close(slot, count);
    count
}

/// An error text with clients' words in it: each of `words` follows one of `texts`.
fn quoting(texts: &[&str], words: &[&[u8]]) -> Error {
    let mut bytes = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        bytes.extend_from_slice(text.as_bytes());
        if let Some(word) = words.get(i) {
            // As a C string would be printed.
            bytes.extend_from_slice(word.split(|b| *b == 0).next().unwrap_or(word));
        }
    }
    Error::Quoting(bytes)
}

fn no_group(key: &[u8], group: &[u8]) -> Error {
    quoting(&["NOGROUP No such key '", "' or consumer group '", "'"], &[key, group])
}

fn no_group_of_key(key: &[u8], group: &[u8]) -> Error {
    quoting(&["NOGROUP No such consumer group '", "' for key name '", "'"], &[group, key])
}

/// A subcommand was called with words it does not know, or too many.
fn bad_subcommand(args: &Args<'_>, container: &str) -> Error {
    const HEAD: &str = "ERR unknown subcommand or wrong number of arguments for '";
    let sub = args.get(1);
    let tail = format!("'. Try {container} HELP.");
    quoting(&[HEAD, &tail], &[&sub[..sub.len().min(128)]])
}

/// The group that argument 2 names, of the stream at argument 1, read as Redis does it: the access
/// counts.
fn group_of<'k>(keys: &'k mut Keys<'_>, args: &Args<'_>) -> Result<Option<&'k Group>, Error> {
    let stream = keys.read::<Stream>(args.get(1))?;
    Ok(stream.and_then(|stream| stream.groups.get(args.get(2))))
}

/// The delivery of an entry for the propagation stream.
fn claim_argv(key: &[u8], group: &[u8], given: &Given) -> Argv {
    let mut argv = Argv::from_slices(&[b"XCLAIM", key, group, &given.consumer, b"0"]);
    given.id.with_text(|id| argv.push(id));
    argv.push(b"TIME");
    argv.push(itoa::Buffer::new().format(given.pending.time).as_bytes());
    argv.push(b"RETRYCOUNT");
    argv.push(itoa::Buffer::new().format(given.pending.count).as_bytes());
    for word in [&b"FORCE"[..], b"JUSTID", b"LASTID"] {
        argv.push(word);
    }
    given.last_id.with_text(|id| argv.push(id));
    argv
}

/// How far a group has read, for the propagation stream.
fn setid_argv(key: &[u8], group: &[u8], last_id: StreamId, entries_read: Option<u64>) -> Argv {
    let mut argv = Argv::from_slices(&[b"XGROUP", b"SETID", key, group]);
    last_id.with_text(|id| argv.push(id));
    argv.push(b"ENTRIESREAD");
    let count = entries_read.map_or(-1, |count| count as i64);
    argv.push(itoa::Buffer::new().format(count).as_bytes());
    argv
}

/// A consumer that came to be, for the propagation stream.
fn createconsumer_argv(key: &[u8], group: &[u8], consumer: &[u8]) -> Argv {
    Argv::from_slices(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer])
}

/// One delivery, as it is told to the propagation stream.
struct Given {
    id: StreamId,
    pending: Pending,
    consumer: Vec<u8>,
    last_id: StreamId,
}

impl Given {
    /// The delivery of a pending entry as it stands now.
    fn of(group: &Group, id: StreamId, pending: Pending) -> Given {
        let consumer = group.consumer(pending.consumer).name().to_vec();
        Given { id, pending, consumer, last_id: group.last_id }
    }
}

#[cfg(test)]
mod tests;
