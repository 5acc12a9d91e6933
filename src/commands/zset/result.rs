//! Results that are built aside and then answered with or stored.

use std::cmp::Ordering;

use super::DEL;
use crate::ds::listpack::Item;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::effects::{Event, class};
use crate::value::limits::Limits;
use crate::value::zset::ZSet;

/// Members with scores: their texts one behind the other, and where each lies.
#[derive(Default)]
pub(crate) struct Gathered {
    text: Vec<u8>,
    members: Vec<Member>,
}

#[derive(Clone, Copy)]
struct Member {
    start: usize,
    len: usize,
    score: f64,
}

impl Member {
    fn text<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.start..self.start + self.len]
    }
}

impl Gathered {
    /// Adds a member.
    #[inline]
    pub(crate) fn push(&mut self, member: Item<'_>, score: f64) {
        member.with_text(|member| {
            self.members.push(Member { start: self.text.len(), len: member.len(), score });
            self.text.extend_from_slice(member);
        });
    }

    /// Number of members.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The members with their scores.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> + Clone {
        self.members.iter().map(|member| (member.text(&self.text), member.score))
    }

    /// Joins members that came more than once: their scores are put together in the order in which
    /// they came.
    pub(crate) fn join(&mut self, mut put_together: impl FnMut(f64, f64) -> f64) {
        let text = &self.text;
        self.members.sort_by(|a, b| a.text(text).cmp(b.text(text)));
        self.members.dedup_by(|later, first| {
            let same = later.text(text) == first.text(text);
            if same {
                first.score = put_together(first.score, later.score);
            }
            same
        });
    }

    /// Puts members, which differ, in the order of a sorted set.
    pub(crate) fn sort(&mut self) {
        let text = &self.text;
        self.members.sort_unstable_by(|a, b| {
            let by_score = a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal);
            by_score.then_with(|| a.text(text).cmp(b.text(text)))
        });
    }

    /// The sorted set of these members, which are in order.
    pub(crate) fn into_zset(self, limits: &Limits) -> ZSet {
        ZSet::from_sorted(self.iter(), limits)
    }
}

/// Stores a result under `key` and answers with its size; an empty one deletes the key.
pub(crate) fn store(
    cx: &mut DataCx<'_>,
    key: &[u8],
    result: ZSet,
    event: &'static str,
    changes: u64,
) -> CmdResult {
    let len = result.len();
    cx.out.int(len as i64);
    if len == 0 {
        if !cx.keys.delete(key) {
            return Ok(Outcome::Unchanged);
        }
        cx.keys.touch(key, DEL);
        return Ok(Outcome::Changed(Propagate::Verbatim));
    }
    cx.keys.store(key, result);
    cx.keys.touch_n(key, Event::new(class::ZSET, event), changes);
    Ok(Outcome::Changed(Propagate::Verbatim))
}
