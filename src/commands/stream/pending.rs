//! XACK and XPENDING: what was delivered and not acknowledged yet.

use super::{end_at, group_of, ids_from, no_group, reply_id, start_at};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::budget::Budget;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::{LONG, Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
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
    let mut stream = keys.edit::<Box<Stream>>(args.get(1))?;
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
    /// So many entries are wanted, and so many were shown.
    count: u64,
    shown: u64,
    min_idle: i64,
    consumer: Option<Vec<u8>>,
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
    let consumer = (at + 3 < args.len()).then(|| args.get(at + 3).to_vec());
    Ok(Some(Query { start, end, count, shown: 0, min_idle, consumer }))
}

/// XPENDING
pub(super) fn xpending(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let query = query(args)?;
    let DataCx { keys, out, now, .. } = cx;
    let Some(group) = group_of(keys, args)? else {
        return Err(no_group(args.get(1), args.get(2)));
    };
    let Some(mut query) = query else {
        summary(out, group);
        return Ok(Outcome::Unchanged);
    };
    let looks_at_many = query.count >= LONG as u64 || query.min_idle != 0;
    if looks_at_many && group.pending().len() >= LONG {
        let lease = keys.lease(args.get(1), false);
        let (group, body) = (args.get(2).to_vec(), Reply::new(out.proto));
        return Ok(Outcome::Enter(Box::new(LongQuery { lease, group, query, body })));
    }
    let slot = out.open_array();
    query.show(out, group, *now, &mut || true);
    out.close(slot, query.shown as usize);
    Ok(Outcome::Unchanged)
}

impl Query {
    /// Shows entries until `more` says stop; true when that was all.
    fn show(
        &mut self,
        out: &mut Reply,
        group: &Group,
        now: i64,
        more: &mut dyn FnMut() -> bool,
    ) -> bool {
        if self.start > self.end {
            return true;
        }
        let range = self.start..=self.end;
        match self.consumer.as_ref().map(|name| group.find(name)) {
            None => {
                let mut entries = group.pending().range(range).map(|(id, _)| *id);
                self.show_each(out, group, now, &mut entries, more)
            }
            // Nothing is pending with a consumer that does not exist.
            Some(None) => true,
            Some(Some(consumer)) => {
                let mut mine = group.consumer(consumer).pending().range(range).copied();
                self.show_each(out, group, now, &mut mine, more)
            }
        }
    }

    fn show_each(
        &mut self,
        out: &mut Reply,
        group: &Group,
        now: i64,
        entries: &mut dyn Iterator<Item = StreamId>,
        more: &mut dyn FnMut() -> bool,
    ) -> bool {
        while self.shown < self.count {
            let Some(id) = entries.next() else { return true };
            let pending = &group.pending()[&id];
            let idle = now.saturating_sub(pending.time);
            if self.min_idle == 0 || idle >= self.min_idle {
                out.array(4);
                reply_id(out, id);
                out.bulk(group.consumer(pending.consumer).name());
                out.int(idle.max(0));
                out.int(pending.count as i64);
                self.shown += 1;
            }
            let Some(next) = id.next() else { return true };
            self.start = next;
            if !more() {
                return false;
            }
        }
        true
    }
}

/// A query over many entries on its way.
struct LongQuery {
    lease: Lease,
    group: Vec<u8>,
    query: Query,
    body: Reply,
}

impl Work for LongQuery {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let LongQuery { lease, group, query, body } = self;
        let stream = cx.keys.leased::<Stream>(*lease).expect("it was there when it was leased");
        let group = stream.groups.get(group).expect("nobody changes a leased stream");
        if !query.show(body, group, cx.now, &mut || budget.more()) {
            return Ok(Progress::Pending);
        }
        cx.out.array(query.shown as usize);
        cx.out.out().append(body.out());
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
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
