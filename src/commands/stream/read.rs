//! XREAD and XREADGROUP: entries behind given ids, from several streams, with or without waiting.

use super::super::expire::propagating;
use super::long::{Listing, Several};
use super::{
    BAD_ID, Given, changed_beside, claim_argv, createconsumer_argv, event, name_stream, quoting,
    reply_entries, reply_entry, reply_id, setid_argv,
};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::block::{Block, Patience, Waits, patience_millis};
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::keyspace::keys::Keys;
use crate::resp::reply::{Proto, Reply, Slot};
use crate::resp::request::Argv;
use crate::value::stream::{ConsumerId, Group, Log, Pending, Stream, StreamId};
use bytes::Bytes;

/// The words of a call.
struct Call {
    /// The names of group and consumer, for XREADGROUP.
    group: Option<(Vec<u8>, Vec<u8>)>,
    /// How long it is ready to wait, when it is.
    block: Option<Patience>,
    count: Option<u64>,
    noack: bool,
    /// Where the first key stands, and how many there are; the ids follow.
    keys_at: usize,
    streams: usize,
}

/// XREAD
pub(super) fn xread(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let call = parse(args, false)?;
    let after = starts(&mut cx.keys, args, &call)?;
    let DataCx { keys, out, .. } = cx;
    let (mut news, mut long) = (Vec::new(), false);
    for (i, after) in after.iter().enumerate() {
        let key = args.get(call.keys_at + i);
        let Some(stream) = keys.read::<Stream>(key)? else { continue };
        let log = &stream.log;
        if !log.is_empty() && log.last_live_id() > *after {
            let start = after.next().unwrap_or(StreamId::MAX);
            news.push((key, start));
            long |= log.len().min(call.count.unwrap_or(u64::MAX)) >= LONG as u64;
        }
    }
    if news.is_empty() {
        return Ok(wait_or_answer(out, args, &call, &after));
    }
    match out.proto {
        Proto::V2 => out.array(news.len()),
        Proto::V3 => out.map(news.len()),
    }
    if long {
        let listing = |(key, start): (&[u8], StreamId)| {
            let range = (start, StreamId::MAX);
            let listing = Listing::new(keys.lease(key, false), range, false, call.count);
            (Bytes::copy_from_slice(key), listing)
        };
        let streams = news.into_iter().map(listing).collect();
        return Ok(Outcome::Enter(Box::new(Several::new(streams))));
    }
    for (key, start) in news {
        name_stream(out, key);
        if let Some(stream) = keys.for_write::<Stream>(key)? {
            reply_entries(out, stream.log.range(start, StreamId::MAX), call.count);
        }
    }
    Ok(Outcome::Unchanged)
}

/// XREADGROUP
pub(super) fn xreadgroup(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let mut call = parse(args, true)?;
    if call.group.is_none() {
        return Err(Error::fixed("ERR Missing GROUP option for XREADGROUP"));
    }
    let after = starts(&mut cx.keys, args, &call)?;
    let (group, consumer) = call.group.take().expect("just seen");
    let mut served = Served::default();
    for (i, after) in after.iter().enumerate() {
        let key = args.get(call.keys_at + i);
        if cx.keys.read::<Stream>(key)?.is_none() {
            continue;
        }
        let reader = Reader { key, group: &group, consumer: &consumer, call: &call };
        reader.read(cx, *after, &mut served)?;
    }
    if served.end(cx.out) {
        return Ok(Outcome::Changed(Propagate::Nothing));
    }
    call.group = Some((group, consumer));
    Ok(wait_or_answer(cx.out, args, &call, &after))
}

fn parse(args: &Args<'_>, of_group: bool) -> Result<Call, Error> {
    let mut call =
        Call { group: None, block: None, count: None, noack: false, keys_at: 0, streams: 0 };
    let mut i = 1;
    while i < args.len() {
        let more = args.len() - i - 1;
        if more >= 1 && args.is(i, "block") {
            call.block = Some(patience_millis(args.get(i + 1))?);
            i += 2;
        } else if more >= 1 && args.is(i, "count") {
            let count = u64::try_from(args.int(i + 1)?).unwrap_or(0);
            call.count = Some(count).filter(|count| *count > 0);
            i += 2;
        } else if more >= 1 && args.is(i, "streams") {
            if !more.is_multiple_of(2) {
                return Err(unbalanced(of_group));
            }
            (call.keys_at, call.streams) = (i + 1, more / 2);
            break;
        } else if more >= 2 && args.is(i, "group") {
            if !of_group {
                return Err(only_of_group("GROUP"));
            }
            call.group = Some((args.get(i + 1).to_vec(), args.get(i + 2).to_vec()));
            i += 3;
        } else if args.is(i, "noack") {
            if !of_group {
                return Err(only_of_group("NOACK"));
            }
            call.noack = true;
            i += 1;
        } else {
            return Err(Error::Syntax);
        }
    }
    if call.streams == 0 { Err(Error::Syntax) } else { Ok(call) }
}

fn unbalanced(of_group: bool) -> Error {
    let (name, id) = if of_group { ("xreadgroup", '>') } else { ("xread", '$') };
    Error::err(format!(
        "Unbalanced '{name}' list of streams: for each stream key an ID or '{id}' must be \
         specified."
    ))
}

fn only_of_group(option: &str) -> Error {
    Error::err(format!(
        "The {option} option is only supported by XREADGROUP. You called XREAD instead."
    ))
}

/// The ids behind which to read, one a stream. The greatest id stands for `>`.
fn starts(keys: &mut Keys<'_>, args: &Args<'_>, call: &Call) -> Result<Vec<StreamId>, Error> {
    const NO_LAST: Error = Error::fixed(
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of \
         this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID \
         would just return an empty result set.",
    );
    const NO_NEW: Error = Error::fixed(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
         <consumer> option.",
    );
    let mut ids = Vec::with_capacity(call.streams);
    for i in call.keys_at..call.keys_at + call.streams {
        let stream = keys.read::<Stream>(args.get(i))?;
        let known = |group: &[u8]| stream.is_some_and(|stream| stream.groups.get(group).is_some());
        if let Some((group, _)) = call.group.as_ref().filter(|(group, _)| !known(group)) {
            const TEXTS: &[&str] = &[
                "NOGROUP No such key '",
                "' or consumer group '",
                "' in XREADGROUP with GROUP option",
            ];
            return Err(quoting(TEXTS, &[args.get(i), group]));
        }
        ids.push(match (args.get(i + call.streams), &call.group) {
            (b"$", Some(_)) => return Err(NO_LAST),
            (b"$", None) => stream.map_or(StreamId::MIN, |stream| stream.log.last_id),
            (b">", Some(_)) => StreamId::MAX,
            (b">", None) => return Err(NO_NEW),
            (text, _) => StreamId::parse(text, 0).ok_or(BAD_ID)?,
        });
    }
    Ok(ids)
}

/// Nothing was found: the client waits when it said so.
fn wait_or_answer(out: &mut Reply, args: &Args<'_>, call: &Call, after: &[StreamId]) -> Outcome {
    let Some(patience) = call.block else {
        out.null_array();
        // What a group's reader changed on the way is told already.
        return match call.group {
            Some(_) => Outcome::Changed(Propagate::Nothing),
            None => Outcome::Unchanged,
        };
    };
    let keys = (call.keys_at..call.keys_at + call.streams).map(|i| args.get(i));
    Outcome::Block(Block {
        keys: keys.map(Bytes::copy_from_slice).collect(),
        waits: if call.group.is_some() { Waits::Group } else { Waits::Stream },
        patience,
        on_timeout: Reply::null_array,
        rerun_as: with_ids(args, call, after),
    })
}

/// The call with `$` spelt out, so that it means the same when it runs again.
fn with_ids(args: &Args<'_>, call: &Call, after: &[StreamId]) -> Option<Argv> {
    let first = call.keys_at + call.streams;
    if (first..args.len()).all(|i| args.get(i) != b"$") {
        return None;
    }
    let mut argv = Argv::new();
    for (i, word) in args.iter().enumerate() {
        if i >= first && word == b"$" {
            after[i - first].with_text(|id| argv.push(id));
        } else {
            argv.push(word);
        }
    }
    Some(argv)
}

/// The streams that had something, as they are written.
#[derive(Default)]
struct Served {
    slot: Option<Slot>,
    count: usize,
}

impl Served {
    /// Names a stream; its entries follow.
    fn begin(&mut self, out: &mut Reply, key: &[u8]) {
        if self.slot.is_none() {
            let map = out.proto == Proto::V3;
            self.slot = Some(if map { out.open_map() } else { out.open_array() });
        }
        self.count += 1;
        name_stream(out, key);
    }

    /// Ends the reply; false when there is none.
    fn end(self, out: &mut Reply) -> bool {
        let Some(slot) = self.slot else { return false };
        out.close(slot, self.count);
        true
    }
}

/// A consumer that reads one stream.
struct Reader<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    call: &'a Call,
}

/// What a reading is told to the propagation stream by.
#[derive(Default)]
struct Deliveries {
    /// Somebody listens.
    wanted: bool,
    given: Vec<Given>,
    /// The group has come further: to this id, with this count.
    moved: Option<(StreamId, Option<u64>)>,
}

impl Reader<'_> {
    /// Serves the consumer from one stream; it comes to be on the way.
    fn read(&self, cx: &mut DataCx<'_>, after: StreamId, served: &mut Served) -> Result<(), Error> {
        let DataCx { keys, out, now, .. } = cx;
        let told_to = propagating(keys);
        let Some(mut stream) = keys.edit::<Stream>(self.key)? else { return Ok(()) };
        let Stream { log, groups, .. } = &mut *stream;
        let Some(mut group) = groups.edit(self.group) else { return Ok(()) };
        let known = group.find(self.consumer);
        let consumer = known.unwrap_or_else(|| group.create(self.consumer, *now));
        group.consumer_mut(consumer).seen = *now;
        let mut told = Deliveries { wanted: told_to, ..Deliveries::default() };
        let history = after != StreamId::MAX;
        let news = !history && !log.is_empty() && log.last_live_id() > group.last_id;
        if history || news {
            served.begin(out, self.key);
        }
        if history {
            self.history(out, log, &mut group, consumer, (after, *now));
        } else if news {
            self.deliver(out, log, &mut group, (consumer, *now), &mut told);
        }
        drop(group);
        drop(stream);
        if known.is_none() {
            changed_beside(keys, self.key, event("xgroup-createconsumer"), 1);
        }
        keys.space().effects.dirty += u64::from(history || news);
        if told_to {
            self.propagate(keys, &told, known.is_none());
        }
        Ok(())
    }

    /// What the consumer has already and did not acknowledge. Entries that were deleted meanwhile
    /// come without fields.
    fn history(
        &self,
        out: &mut Reply,
        log: &Log,
        group: &mut Group,
        consumer: ConsumerId,
        (after, now): (StreamId, i64),
    ) {
        let most = self.call.count.map_or(usize::MAX, |count| count as usize);
        let start = after.next().unwrap_or(StreamId::MAX);
        let pending = group.consumer(consumer).pending();
        let ids: Vec<StreamId> = pending.range(start..).take(most).copied().collect();
        out.array(ids.len());
        for id in ids {
            match log.get(id) {
                Some(entry) => {
                    reply_entry(out, &entry);
                    group.delivered_again(id, now);
                }
                None => {
                    out.array(2);
                    reply_id(out, id);
                    out.null_array();
                }
            }
        }
    }

    /// Entries that nobody of the group was given yet.
    fn deliver(
        &self,
        out: &mut Reply,
        log: &Log,
        group: &mut Group,
        (consumer, now): (ConsumerId, i64),
        told: &mut Deliveries,
    ) {
        let most = self.call.count.map_or(usize::MAX, |count| count as usize);
        let start = group.last_id.next().unwrap_or(StreamId::MAX);
        let slot = out.open_array();
        let mut count = 0;
        for entry in log.range(start, StreamId::MAX).take(most) {
            let id = entry.id;
            group.entries_read = log.count_after_reading(group.entries_read, id);
            group.last_id = id;
            reply_entry(out, &entry);
            if !self.call.noack {
                let pending = Pending { consumer, time: now, count: 1 };
                group.assign(id, pending);
                if told.wanted {
                    told.given.push(Given::of(group, id, pending));
                }
                group.consumer_mut(consumer).active = Some(now);
            }
            count += 1;
        }
        out.close(slot, count);
        told.moved = (count > 0).then_some((group.last_id, group.entries_read));
    }

    /// The deliveries as XCLAIM, and how far the group has come. A consumer that was given nothing
    /// is told of by itself.
    fn propagate(&self, keys: &mut Keys<'_>, told: &Deliveries, new: bool) {
        if new && told.given.is_empty() {
            keys.also(createconsumer_argv(self.key, self.group, self.consumer));
        }
        for given in &told.given {
            keys.also(claim_argv(self.key, self.group, given));
        }
        if let Some((last_id, entries_read)) = told.moved {
            keys.also(setid_argv(self.key, self.group, last_id, entries_read));
        }
    }
}
