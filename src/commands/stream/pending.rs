//! XACK and XPENDING: what was delivered and not acknowledged yet.

use super::{end_at, group_of, ids_from, no_group, reply_id, start_at};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::resp::reply::Reply;
use crate::value::stream::{Group, Stream, StreamId};

/// XACK
pub(super) fn xack(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, .. } = cx;
    if group_of(keys, args)?.is_none() {
        out.int(0);
        return Ok(Outcome::Unchanged);
    }
    let ids = ids_from(args, 3)?;
    let mut stream = keys.edit::<Stream>(args.get(1))?;
    let group = stream.as_mut().and_then(|stream| stream.groups.edit(args.get(2)));
    let released =
        group.map_or(0, |mut group| ids.iter().filter(|id| group.release(**id).is_some()).count());
    drop(stream);
    out.int(released as i64);
    if released == 0 {
        return Ok(Outcome::Unchanged);
    }
    keys.space().effects.dirty += released as u64;
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// The long form of XPENDING.
struct Query {
    start: StreamId,
    end: StreamId,
    count: u64,
    min_idle: i64,
    /// Where the consumer's name stands.
    consumer: Option<usize>,
}

fn query(args: &Args<'_>) -> Result<Option<Query>, Error> {
    if args.len() == 3 {
        return Ok(None);
    }
    if !(6..=9).contains(&args.len()) {
        return Err(Error::Syntax);
    }
    let (mut at, mut min_idle) = (3, 0);
    if args.is(3, "idle") {
        min_idle = args.int(4)?;
        at = 5;
        if args.len() < 8 {
            return Err(Error::Syntax);
        }
    }
    let count = args.int(at + 2)?.max(0) as u64;
    let (start, end) = (start_at(args, at)?, end_at(args, at + 1)?);
    let consumer = (at + 3 < args.len()).then_some(at + 3);
    Ok(Some(Query { start, end, count, min_idle, consumer }))
}

/// XPENDING
pub(super) fn xpending(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let query = query(args)?;
    let DataCx { keys, out, now, .. } = cx;
    let Some(group) = group_of(keys, args)? else {
        return Err(no_group(args.get(1), args.get(2)));
    };
    match query {
        None => summary(out, group),
        Some(query) => match query.consumer.map(|at| group.find(args.get(at))) {
            None => {
                let entries = group.pending().range(ordered(&query)).map(|(id, _)| *id);
                listing(out, group, entries, &query, *now);
            }
            // Nothing is pending with a consumer that does not exist.
            Some(None) => out.array(0),
            Some(Some(consumer)) => {
                let mine = group.consumer(consumer).pending();
                listing(out, group, mine.range(ordered(&query)).copied(), &query, *now);
            }
        },
    }
    Ok(Outcome::Unchanged)
}

/// The range asked for; an empty one when its ends are the wrong way round.
fn ordered(query: &Query) -> impl std::ops::RangeBounds<StreamId> {
    use std::ops::Bound::{Excluded, Included};
    if query.start <= query.end {
        (Included(query.start), Included(query.end))
    } else {
        (Included(query.end), Excluded(query.end))
    }
}

fn summary(out: &mut Reply, group: &Group) {
    out.array(4);
    out.int(group.pending().len() as i64);
    let (first, last) = (group.pending().first_key_value(), group.pending().last_key_value());
    let (Some((first, _)), Some((last, _))) = (first, last) else {
        out.null();
        out.null();
        out.null_array();
        return;
    };
    reply_id(out, *first);
    reply_id(out, *last);
    let busy = || group.consumers().filter(|consumer| !consumer.pending().is_empty());
    out.array(busy().count());
    for consumer in busy() {
        out.array(2);
        out.bulk(consumer.name());
        out.bulk_int(consumer.pending().len() as i64);
    }
}

fn listing(
    out: &mut Reply,
    group: &Group,
    entries: impl Iterator<Item = StreamId>,
    query: &Query,
    now: i64,
) {
    let slot = out.open_array();
    let mut count = 0;
    for id in entries {
        if count == query.count {
            break;
        }
        let pending = &group.pending()[&id];
        let idle = now.saturating_sub(pending.time);
        if query.min_idle != 0 && idle < query.min_idle {
            continue;
        }
        out.array(4);
        reply_id(out, id);
        out.bulk(group.consumer(pending.consumer).name());
        out.int(idle.max(0));
        out.int(pending.count as i64);
        count += 1;
    }
    out.close(slot, count as usize);
}
