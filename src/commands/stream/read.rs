//! XREAD and XREADGROUP: entries behind given ids, from several streams, with or without waiting.

use super::deliver::{Place, Reader};
use super::long::{Listing, Several};
use super::{BAD_ID, name_stream, quoting, reply_entries};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::block::{Block, Patience, Waits, patience_millis};
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::keyspace::keys::Keys;
use crate::resp::reply::{Proto, Reply, Slot};
use crate::resp::request::Argv;
use crate::value::stream::{Stream, StreamId};
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
        let reader = Reader { key, group: &group, consumer: &consumer, noack: call.noack };
        let place = Place::new(*after, call.count);
        if call.streams == 1 {
            if let Some(work) = reader.at_length(cx, place)? {
                return Ok(work);
            }
        }
        reader.read(cx, place, &mut served)?;
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
pub(super) struct Served {
    slot: Option<Slot>,
    count: usize,
}

impl Served {
    /// Names a stream; its entries follow.
    pub(super) fn begin(&mut self, out: &mut Reply, key: &[u8]) {
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
