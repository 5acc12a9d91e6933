//! A search among many places in slices: they are looked at, sorted in runs, merged, and answered
//! or stored, some at a time.

use super::super::zset::store;
use super::search::{Asked, Scope};
use crate::base::error::Error;
use crate::commands::merge::{Merge, RUN, more_after_run};
use crate::ds::listpack::Item;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
use crate::value::Collection;
use crate::value::zset::ZSet;

/// Places of one step.
const STEP: usize = 16;
/// Bytes of a member, usually.
const USUAL_TEXT: usize = 16;

/// A result; its member lies among the texts.
#[derive(Clone, Copy)]
struct Hit {
    start: usize,
    len: usize,
    score: f64,
    meters: f64,
}

/// What comes next.
enum Stage {
    Look,
    /// Sorting runs, from this result on.
    Sort(usize),
    Merge(Merge<Hit>),
    /// Answering or storing, from this result on.
    Tell(usize),
}

/// A search on its way.
pub(super) struct LongSearch {
    lease: Lease,
    asked: Asked,
    scope: Scope,
    /// The key for the result, and the event.
    target: Option<(Vec<u8>, &'static str)>,
    texts: Vec<u8>,
    hits: Vec<Hit>,
    stage: Stage,
    result: ZSet,
}

impl LongSearch {
    pub(super) fn new(
        lease: Lease,
        asked: Asked,
        scope: Scope,
        target: Option<(Vec<u8>, &'static str)>,
    ) -> LongSearch {
        // Buffers that grow are copied, and for that no slice is short enough.
        let size = scope.size().min(asked.most());
        LongSearch {
            lease,
            asked,
            scope,
            target,
            texts: Vec::with_capacity(size.saturating_mul(USUAL_TEXT)),
            hits: Vec::with_capacity(size),
            stage: Stage::Look,
            result: ZSet::default(),
        }
    }

    /// Looks at some members; true at the end.
    fn look(&mut self, cx: &DataCx<'_>) -> bool {
        let set = cx.keys.leased::<ZSet>(self.lease).expect("it was there when it was leased");
        let Some(ranks) = self.scope.ranks.last_mut() else { return true };
        let part = ranks.start..(ranks.start + STEP).min(ranks.end);
        ranks.start = part.end;
        let over = ranks.start == ranks.end;
        for (member, score) in set.range(part, false) {
            if self.hits.len() >= self.asked.most() {
                return true;
            }
            let Some(meters) = self.scope.reach(score) else { continue };
            member.with_text(|text| {
                let (start, len) = (self.texts.len(), text.len());
                self.texts.extend_from_slice(text);
                self.hits.push(Hit { start, len, score, meters });
            });
        }
        if over {
            self.scope.ranks.pop();
        }
        self.scope.ranks.is_empty()
    }

    /// One step; the outcome after the last.
    fn advance(&mut self, cx: &mut DataCx<'_>) -> Result<Option<Outcome>, Error> {
        let len = self.hits.len();
        let order = self.asked.order();
        match (&mut self.stage, order) {
            (Stage::Look, order) => {
                if self.look(cx) {
                    self.stage = if order.is_some() { Stage::Sort(0) } else { Stage::Tell(0) };
                }
            }
            (Stage::Sort(at), Some(order)) => {
                let part = *at..(*at + RUN).min(len);
                *at = part.end;
                self.hits[part].sort_by(|a, b| order(&a.meters, &b.meters));
                if *at == len {
                    self.stage = Stage::Merge(Merge::new(RUN, len));
                }
            }
            (Stage::Merge(merge), Some(order)) => {
                if merge.step(&mut self.hits, &mut |a, b| order(&a.meters, &b.meters)) {
                    if let Stage::Merge(merge) = std::mem::replace(&mut self.stage, Stage::Tell(0))
                    {
                        merge.end(cx.keys.space());
                    }
                }
            }
            (Stage::Tell(_), _) => return self.tell(cx),
            (_, None) => unreachable!("what has no order is not sorted"),
        }
        Ok(None)
    }

    fn tell(&mut self, cx: &mut DataCx<'_>) -> Result<Option<Outcome>, Error> {
        let Stage::Tell(at) = &mut self.stage else { return Ok(None) };
        let (wanted, stores) = (self.asked.wanted(self.hits.len()), self.target.is_some());
        if *at == 0 && !stores {
            cx.out.array(wanted);
        }
        let part = *at..(*at + STEP).min(wanted);
        *at = part.end;
        let over = *at == wanted;
        for hit in &self.hits[part] {
            let text = &self.texts[hit.start..hit.start + hit.len];
            if stores {
                let score = self.asked.stored_score(hit.score, hit.meters);
                // Cells that meet round the globe show a member twice.
                self.result.update(text, cx.limits, |first| Some(first.unwrap_or(score)));
            } else {
                self.asked.say(cx.out, Item::Bytes(text), hit.score, hit.meters);
            }
        }
        if !stores && (over || cx.out.overflowed()) {
            return Ok(Some(Outcome::Unchanged));
        }
        match self.target.take_if(|_| over) {
            Some((key, event)) => {
                let result = std::mem::take(&mut self.result);
                let changes = result.len() as u64;
                store(cx, &key, result, event, changes).map(Some)
            }
            None => Ok(None),
        }
    }
}

impl Work for LongSearch {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        loop {
            let sorts = matches!(self.stage, Stage::Sort(_));
            if let Some(outcome) = self.advance(cx)? {
                return Ok(Progress::Done(outcome));
            }
            if !(if sorts { more_after_run(budget) } else { budget.more() }) {
                return Ok(Progress::Pending);
            }
        }
    }

    fn changes(&self) -> bool {
        self.asked.stores()
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
        space.free_value(std::mem::take(&mut self.result).into_value());
        space.waste_buffer(std::mem::take(&mut self.texts));
        space.waste_buffer(std::mem::take(&mut self.hits));
        if let Stage::Merge(merge) = std::mem::replace(&mut self.stage, Stage::Tell(0)) {
            merge.end(space);
        }
    }
}
