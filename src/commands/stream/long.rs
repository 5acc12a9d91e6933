//! Long answers made of entries, in slices: the streams are leased meanwhile, so that all of them
//! are shown as they were when the command came.

use super::{name_stream, reply_entry};
use crate::base::error::Error;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
use crate::resp::reply::Reply;
use crate::value::stream::{Log, Stream, StreamId};
use bytes::Bytes;

/// Entries between two ids, of which there may be many. They are counted first, since the reply
/// begins with their number.
pub(super) struct Listing {
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
    /// The live entries between two ids, `max` of them at most.
    pub(super) fn new(
        lease: Lease,
        (start, end): (StreamId, StreamId),
        backwards: bool,
        max: Option<u64>,
    ) -> Listing {
        let count = Count { at: None, sum: 0, max: max.unwrap_or(u64::MAX) };
        Listing { lease, start, end, backwards, phase: Phase::Counting(count) }
    }

    /// Goes on; true when that was all.
    fn go_on(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> bool {
        let DataCx { keys, out, .. } = cx;
        let stream = keys.leased::<Stream>(self.lease).expect("it was there when it was leased");
        self.count(&stream.log, out, budget) && self.show(&stream.log, out, budget)
    }

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
        if self.go_on(cx, budget) {
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

/// The entries of several streams, each behind its name.
pub(super) struct Several {
    streams: Vec<(Bytes, Listing)>,
    /// The one being shown, and whether its name is.
    at: usize,
    named: bool,
}

impl Several {
    /// In this order; the start of the reply is written.
    pub(super) fn new(streams: Vec<(Bytes, Listing)>) -> Several {
        Several { streams, at: 0, named: false }
    }
}

impl Work for Several {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        while let Some((key, listing)) = self.streams.get_mut(self.at) {
            if !std::mem::replace(&mut self.named, true) {
                name_stream(cx.out, key);
            }
            if !listing.go_on(cx, budget) {
                return Ok(Progress::Pending);
            }
            (self.at, self.named) = (self.at + 1, false);
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        for (_, listing) in &self.streams {
            space.release(listing.lease);
        }
    }
}
