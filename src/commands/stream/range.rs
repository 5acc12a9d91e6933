//! XLEN, XRANGE, XREVRANGE. A range that may be long is made in slices, with the stream leased
//! meanwhile.

use super::{end_at, reply_entries, reply_entry, start_at};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::budget::Budget;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::{LONG, Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
use crate::resp::reply::Reply;
use crate::value::stream::{Log, Stream, StreamId};

/// XLEN
pub(super) fn xlen(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let stream = cx.keys.read::<Stream>(args.get(1))?;
    cx.out.int(stream.map_or(0, |stream| stream.log.len()) as i64);
    Ok(Outcome::Unchanged)
}

/// XRANGE
pub(super) fn xrange(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    range(cx, args, false)
}

/// XREVRANGE
pub(super) fn xrevrange(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    range(cx, args, true)
}

fn range(cx: &mut DataCx<'_>, args: &mut Args<'_>, backwards: bool) -> CmdResult {
    let (start_place, end_place) = if backwards { (3, 2) } else { (2, 3) };
    let (start, end) = (start_at(args, start_place)?, end_at(args, end_place)?);
    let count = count(args)?;
    let DataCx { keys, out, .. } = cx;
    let key = args.get(1);
    let Some(stream) = keys.read::<Stream>(key)? else {
        out.array(0);
        return Ok(Outcome::Unchanged);
    };
    if count == Some(0) {
        out.null_array();
    } else if stream.log.len().min(count.unwrap_or(u64::MAX)) >= LONG as u64 {
        let lease = keys.lease(key, false);
        let count = Count { at: None, sum: 0, max: count.unwrap_or(u64::MAX) };
        let phase = Phase::Counting(count);
        return Ok(Outcome::Enter(Box::new(Listing { lease, start, end, backwards, phase })));
    } else if backwards {
        reply_entries(out, stream.log.range_back(start, end), count);
    } else {
        reply_entries(out, stream.log.range(start, end), count);
    }
    Ok(Outcome::Unchanged)
}

/// `COUNT n`, any number of times, the last one counting; a negative one is none at all.
fn count(args: &mut Args<'_>) -> Result<Option<u64>, Error> {
    let mut count = None;
    args.seek(4);
    while args.remaining() > 0 {
        if !args.accept("count") {
            return Err(Error::Syntax);
        }
        count = Some(args.next_int()?.max(0) as u64);
    }
    Ok(count)
}

/// Entries between two ids, of which there may be many. They are counted first, since the reply
/// begins with their number.
struct Listing {
    lease: Lease,
    start: StreamId,
    end: StreamId,
    backwards: bool,
    phase: Phase,
}

enum Phase {
    Counting(Count),
    /// So many are still to be shown, from `start` on or back from `end`.
    Showing(u64),
}

#[derive(Clone, Copy)]
struct Count {
    /// The node to go on with.
    at: Option<StreamId>,
    sum: u64,
    /// More are not wanted.
    max: u64,
}

impl Listing {
    /// Counts on; true when all are counted and the reply is begun.
    fn count(&mut self, log: &Log, out: &mut Reply, budget: &mut Budget<'_>) -> bool {
        let Phase::Counting(Count { at, sum, max }) = self.phase else { return true };
        let range = (self.start, self.end);
        let (more, at) = log.count_between(range, at, &mut || budget.more());
        let sum = sum + more;
        if at.is_some() && sum < max {
            self.phase = Phase::Counting(Count { at, sum, max });
            return false;
        }
        let count = sum.min(max);
        out.array(count as usize);
        self.phase = Phase::Showing(count);
        true
    }

    /// Shows entries; true when that was all.
    fn show(&mut self, log: &Log, out: &mut Reply, budget: &mut Budget<'_>) -> bool {
        let Phase::Showing(left) = &mut self.phase else { return false };
        let mut forwards = log.range(self.start, self.end);
        let mut backwards = log.range_back(self.start, self.end);
        while *left > 0 && !out.overflowed() {
            let next = if self.backwards { backwards.next() } else { forwards.next() };
            let entry = next.expect("the entries were counted");
            reply_entry(out, &entry);
            *left -= 1;
            if self.backwards {
                self.end = entry.id.prev().unwrap_or(StreamId::MIN);
            } else {
                self.start = entry.id.next().unwrap_or(StreamId::MAX);
            }
            if *left > 0 && !budget.more() {
                return false;
            }
        }
        true
    }
}

impl Work for Listing {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let DataCx { keys, out, .. } = cx;
        let stream = keys.leased::<Stream>(self.lease).expect("it was there when it was leased");
        let log = &stream.log;
        if self.count(log, out, budget) && self.show(log, out, budget) {
            return Ok(Progress::Done(Outcome::Unchanged));
        }
        Ok(Progress::Pending)
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}
