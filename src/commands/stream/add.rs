//! XADD, XTRIM, XDEL, XSETID: what changes the entries of a stream.

use super::super::expire::propagating;
use super::{BAD_ID, changed_beside, event, id_at, ids_from, reply_id};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::cx::{Caller, CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::keys::Keys;
use crate::resp::request::Argv;
use crate::value::Value;
use crate::value::limits::Limits;
use crate::value::stream::id::parse_parts;
use crate::value::stream::log::{Refused, Wanted};
use crate::value::stream::trim::{Strategy, Trim};
use crate::value::stream::{Groups, Log, Stream, StreamId};

/// Nodes that an approximate trimming removes at most, when the client does not say.
const NODES_AT_ONCE: u64 = 100;
/// The same in entries, where nodes may hold any number of them.
const ENTRIES_AT_ONCE: u64 = 10_000;
const ENTRIES_AT_ONCE_MAX: u64 = 1_000_000;

/// The options of XADD and XTRIM.
struct Options {
    trim: Option<Trim>,
    /// Where what is to stay stands.
    trim_at: usize,
    /// Where the word LIMIT stands.
    limit_at: Option<usize>,
    make: bool,
    /// The id of XADD and where it stands.
    id: Option<(Wanted, usize)>,
}

/// What was said about trimming, word by word.
#[derive(Default)]
struct Said {
    strategy: Option<Strategy>,
    at: usize,
    approximate: bool,
    limit: Option<u64>,
    limit_at: Option<usize>,
}

impl Said {
    /// Reads the words behind MAXLEN or MINID at `i`; returns the place of the last one.
    fn strategy(&mut self, args: &Args<'_>, i: usize) -> Result<usize, Error> {
        if self.strategy.is_some() {
            return Err(Error::fixed(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let more = args.len() - 1 - i;
        let next = args.get(i + 1);
        self.approximate = more >= 2 && next == b"~";
        let at = if more >= 2 && matches!(next, b"~" | b"=") { i + 2 } else { i + 1 };
        self.strategy = Some(if args.is(i, "maxlen") {
            let max = u64::try_from(args.int(at)?);
            Strategy::MaxLen(
                max.map_err(|_| Error::fixed("ERR The MAXLEN argument must be >= 0."))?,
            )
        } else {
            Strategy::MinId(id_at(args, at)?)
        });
        self.at = at;
        Ok(at)
    }

    fn limit(&mut self, args: &Args<'_>, i: usize) -> Result<usize, Error> {
        let limit = u64::try_from(args.int(i + 1)?);
        self.limit = Some(limit.map_err(|_| Error::fixed("ERR The LIMIT argument must be >= 0."))?);
        self.limit_at = Some(i);
        Ok(i + 1)
    }

    fn trim(&self, xadd: bool, cx: (&Limits, bool)) -> Result<Option<Trim>, Error> {
        let (limits, obeys) = cx;
        const ALONE: Error = Error::fixed(
            "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        );
        const NOTHING: Error =
            Error::fixed("ERR syntax error, XTRIM must be called with a trimming strategy");
        const EXACT: Error =
            Error::fixed("ERR syntax error, LIMIT cannot be used without the special ~ option");
        if self.strategy.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(ALONE);
        }
        if self.strategy.is_none() && !xadd {
            return Err(NOTHING);
        }
        if self.limit.is_some() && !self.approximate && !obeys {
            return Err(EXACT);
        }
        let limit = match self.limit {
            // What was trimmed the first time is trimmed again, whatever the bound was.
            _ if obeys => None,
            Some(limit) => Some(limit).filter(|limit| *limit > 0),
            None => self.approximate.then(|| usual_limit(limits)),
        };
        let approximate = self.approximate;
        Ok(self.strategy.map(|strategy| Trim { strategy, approximate, limit }))
    }
}

fn usual_limit(limits: &Limits) -> u64 {
    match limits.stream_node_max_entries.saturating_mul(NODES_AT_ONCE) {
        0 => ENTRIES_AT_ONCE,
        limit => limit.min(ENTRIES_AT_ONCE_MAX),
    }
}

#[inline]
fn options(args: &Args<'_>, xadd: bool, cx: (&Limits, bool)) -> Result<Options, Error> {
    if xadd && args.get(2) == b"*" {
        // As most calls are.
        let id = Some((Wanted::Auto, 2));
        return Ok(Options { trim: None, trim_at: 0, limit_at: None, make: true, id });
    }
    parse_options(args, xadd, cx)
}

fn parse_options(args: &Args<'_>, xadd: bool, cx: (&Limits, bool)) -> Result<Options, Error> {
    let mut said = Said::default();
    let (mut make, mut id, mut i) = (true, None, 2);
    while i < args.len() {
        let more = i + 1 < args.len();
        if xadd && args.get(i) == b"*" {
            id = Some((Wanted::Auto, i));
            break;
        } else if more && (args.is(i, "maxlen") || args.is(i, "minid")) {
            i = said.strategy(args, i)?;
        } else if more && args.is(i, "limit") {
            i = said.limit(args, i)?;
        } else if xadd && args.is(i, "nomkstream") {
            make = false;
        } else if xadd {
            let (ms, seq) = parse_parts(args.get(i)).ok_or(BAD_ID)?;
            id = Some((Wanted::of(ms, seq), i));
            break;
        } else {
            return Err(Error::Syntax);
        }
        i += 1;
    }
    let trim = said.trim(xadd, cx)?;
    Ok(Options { trim, trim_at: said.at, limit_at: said.limit_at, make, id })
}

/// XADD
pub(super) fn xadd(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, limits, now, caller, .. } = cx;
    let options = options(args, true, (limits, *caller == Caller::Log))?;
    let words = options.id.map_or(0, |(_, at)| args.len() - at - 1);
    let Some((wanted, id_at)) = options.id.filter(|_| words >= 2 && words % 2 == 0) else {
        return Err(Error::WrongArity("xadd".to_owned()));
    };
    if wanted == Wanted::Id(StreamId::MIN) {
        return Err(Error::fixed("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let key = args.get(1);
    let mut edit = keys.edit_or_new::<Box<Stream>>(key)?;
    if !options.make && edit.is_new() {
        drop(edit);
        out.null();
        return Ok(Outcome::Unchanged);
    }
    let stream = &mut *edit;
    let id = add(&mut stream.log, wanted, *now, words / 2, |i| args.get(id_at + 1 + i), limits)?;
    stream.make();
    stream.wake();
    let cut = options.trim.map(|trim| {
        let mut gone = Log::default();
        (stream.log.trim(&trim, &mut gone) > 0, gone)
    });
    let kept = options.trim.filter(|trim| trim.approximate).map(|t| kept(&stream.log, &t));
    drop(edit);
    reply_id(out, id);
    keys.touch(key, event("xadd"));
    if let Some((trimmed, gone)) = cut {
        discard(keys, gone);
        if trimmed {
            keys.announce(key, event("xtrim"));
        }
    }
    let explicit = (!matches!(wanted, Wanted::Id(_))).then_some((id_at, id));
    Ok(Outcome::Changed(said_exactly(keys, args, &options, kept, explicit)))
}

fn add<'w>(
    log: &mut Log,
    wanted: Wanted,
    now: i64,
    fields: usize,
    word: impl Fn(usize) -> &'w [u8] + Copy,
    limits: &Limits,
) -> Result<StreamId, Error> {
    const SMALL: Error = Error::fixed(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    );
    if log.last_id == StreamId::MAX {
        return Err(Error::fixed(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let id = log.id_for(wanted, now);
    match id.and_then(|id| log.append(id, fields, word, limits).map(|()| id)) {
        Ok(id) => Ok(id),
        Err(Refused::SmallId) => Err(SMALL),
        Err(Refused::TooLarge) => Err(Error::fixed("ERR Elements are too large to be stored")),
    }
}

/// What an approximate trimming left, in the words of an exact one.
fn kept(log: &Log, trim: &Trim) -> Vec<u8> {
    match trim.strategy {
        Strategy::MaxLen(_) => itoa::Buffer::new().format(log.len()).as_bytes().to_vec(),
        Strategy::MinId(_) => {
            log.first_stored_id().unwrap_or(StreamId::MAX).with_text(<[u8]>::to_vec)
        }
    }
}

/// The call for the propagation stream: an id the server chose and what a trimming left are spelt
/// out. The limit has done its work and goes.
fn said_exactly(
    keys: &mut Keys<'_>,
    args: &Args<'_>,
    options: &Options,
    kept: Option<Vec<u8>>,
    explicit: Option<(usize, StreamId)>,
) -> Propagate {
    if !propagating(keys) {
        return Propagate::Nothing;
    }
    if kept.is_none() && explicit.is_none() {
        return Propagate::Verbatim;
    }
    let mut argv = Argv::new();
    for (i, word) in args.iter().enumerate() {
        match (&kept, explicit) {
            (Some(_), _) if i + 1 == options.trim_at => argv.push(b"="),
            (Some(kept), _) if i == options.trim_at => argv.push(kept),
            (Some(_), _) if options.limit_at.is_some_and(|at| i == at || i == at + 1) => {}
            (_, Some((at, id))) if i == at => id.with_text(|id| argv.push(id)),
            _ => argv.push(word),
        }
    }
    Propagate::As(argv)
}

/// Frees nodes that were cut off, beside the loop when they are many.
fn discard(keys: &mut Keys<'_>, log: Log) {
    if log.node_count() > 0 {
        let remains = Stream::remains(log, Groups::default());
        keys.space().free_value(Value::Stream(Box::new(remains)));
    }
}

/// XTRIM
pub(super) fn xtrim(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, limits, caller, .. } = cx;
    let options = options(args, false, (limits, *caller == Caller::Log))?;
    let trim = options.trim.ok_or(Error::Syntax)?;
    let key = args.get(1);
    let Some(mut stream) = keys.edit::<Box<Stream>>(key)? else {
        out.int(0);
        return Ok(Outcome::Unchanged);
    };
    let mut gone = Log::default();
    let removed = stream.log.trim(&trim, &mut gone);
    let kept = trim.approximate.then(|| kept(&stream.log, &trim));
    drop(stream);
    discard(keys, gone);
    out.int(removed as i64);
    if removed == 0 {
        return Ok(Outcome::Unchanged);
    }
    keys.touch_n(key, event("xtrim"), removed);
    Ok(Outcome::Changed(said_exactly(keys, args, &options, kept, None)))
}

/// XDEL
pub(super) fn xdel(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    let key = args.get(1);
    // A missing key is answered before the ids are looked at.
    let Some(mut stream) = keys.edit::<Box<Stream>>(key)? else {
        out.int(0);
        return Ok(Outcome::Unchanged);
    };
    let deleted = stream.log.delete(&ids_from(args, 2)?);
    drop(stream);
    out.int(deleted as i64);
    if deleted == 0 {
        return Ok(Outcome::Unchanged);
    }
    keys.touch_n(key, event("xdel"), deleted);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// What XSETID is to set.
struct Counters {
    last_id: StreamId,
    entries_added: Option<u64>,
    max_deleted_id: StreamId,
}

fn counters(args: &Args<'_>) -> Result<Counters, Error> {
    let last_id = id_at(args, 2)?;
    let mut counters = Counters { last_id, entries_added: None, max_deleted_id: StreamId::MIN };
    let mut i = 3;
    while i < args.len() {
        if i + 1 == args.len() {
            return Err(Error::Syntax);
        }
        if args.is(i, "entriesadded") {
            let added = parse_i64(args.get(i + 1)).ok_or(Error::NotInteger)?;
            let added = u64::try_from(added);
            counters.entries_added =
                Some(added.map_err(|_| Error::fixed("ERR entries_added must be positive"))?);
        } else if args.is(i, "maxdeletedid") {
            counters.max_deleted_id = id_at(args, i + 1)?;
            if last_id < counters.max_deleted_id {
                return Err(Error::fixed(
                    "ERR The ID specified in XSETID is smaller than the provided \
                     max_deleted_entry_id",
                ));
            }
        } else {
            return Err(Error::Syntax);
        }
        i += 2;
    }
    Ok(counters)
}

/// XSETID
pub(super) fn xsetid(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    let Counters { last_id, entries_added, max_deleted_id } = counters(args)?;
    let key = args.get(1);
    let mut stream = keys.edit::<Box<Stream>>(key)?.ok_or(Error::NoSuchKey)?;
    let log = &mut stream.log;
    if last_id < log.max_deleted_id {
        return Err(Error::fixed(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    if !log.is_empty() {
        if last_id < log.last_live_id() {
            return Err(Error::fixed(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if entries_added.is_some_and(|added| added < log.len()) {
            return Err(Error::fixed(
                "ERR The entries_added specified in XSETID is smaller than the target stream \
                 length",
            ));
        }
    }
    log.last_id = last_id;
    log.entries_added = entries_added.unwrap_or(log.entries_added);
    if max_deleted_id != StreamId::MIN {
        log.max_deleted_id = max_deleted_id;
    }
    drop(stream);
    out.ok();
    changed_beside(keys, key, event("xsetid"), 1);
    Ok(Outcome::Changed(Propagate::Verbatim))
}
