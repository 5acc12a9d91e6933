//! Ranges by rank, score and text, in both directions, answered or stored.

use std::ops::Range;

use super::long::{Goal, Operation, Share, Walk};
use super::{Gathered, Listing, store};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::value::zset::{LexRange, ScoreRange, ZSet, ZSetRef};

/// What the two ends of a range are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// Both ends of a range.
pub(super) enum Bounds<'a> {
    /// First and last rank; negative ones count from the end.
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

/// The ranks at places `from` and `to`.
pub(super) fn rank_bounds<'a>(
    args: &Args<'_>,
    from: usize,
    to: usize,
) -> Result<Bounds<'a>, Error> {
    Ok(Bounds::Rank(args.int(from)?, args.int(to)?))
}

impl Bounds<'_> {
    /// The ranks between the bounds, counted from the front in either direction.
    pub(super) fn of(&self, set: ZSetRef<'_>, reverse: bool) -> Range<usize> {
        match self {
            Bounds::Score(range) => set.ranks_by_score(range),
            Bounds::Lex(range) => set.ranks_by_lex(range, reverse),
            Bounds::Rank(first, last) => {
                let len = set.len() as i64;
                let from_front = |rank: i64| if rank < 0 { rank.saturating_add(len) } else { rank };
                let first = from_front(*first).max(0);
                let last = from_front(*last).min(len - 1);
                if first > last {
                    return 0..0;
                }
                let (first, end) = (first as usize, last as usize + 1);
                let len = len as usize;
                if reverse { len - end..len - first } else { first..end }
            }
        }
    }
}

/// What a call asks for.
struct Asked<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    scores: bool,
    offset: i64,
    limit: i64,
}

impl Asked<'_> {
    /// The ranks that are left after LIMIT.
    fn ranks(&self, set: ZSetRef<'_>) -> Range<usize> {
        let Range { start, end } = self.bounds.of(set, self.reverse);
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        let left = (end - start).saturating_sub(offset);
        let taken = usize::try_from(self.limit).map_or(left, |limit| limit.min(left));
        if taken == 0 {
            return 0..0;
        }
        if self.reverse {
            end - offset - taken..end - offset
        } else {
            start + offset..start + offset + taken
        }
    }
}

/// What the name of a command fixes, and what its options may still choose.
#[derive(Clone, Copy)]
struct Form {
    by: Option<By>,
    reverse: Option<bool>,
    /// Place of the key that is read.
    key: usize,
    stores: bool,
}

impl Form {
    fn parse<'a>(self, args: &'a Args<'_>) -> Result<Asked<'a>, Error> {
        let (mut by, mut reverse) = (self.by, self.reverse);
        let (mut scores, mut offset, mut limit) = (false, 0, -1);
        let mut i = self.key + 3;
        while i < args.len() {
            if !self.stores && args.is(i, "withscores") {
                scores = true;
            } else if args.is(i, "limit") && i + 2 < args.len() {
                (offset, limit) = (args.int(i + 1)?, args.int(i + 2)?);
                i += 2;
            } else if reverse.is_none() && args.is(i, "rev") {
                reverse = Some(true);
            } else if by.is_none() && args.is(i, "bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(i, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(Error::Syntax);
            }
            i += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(Error::fixed(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if scores && by == By::Lex {
            return Err(Error::fixed(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        if by == By::Rank {
            // A limit of -1 is no limit, so the offset beside it goes unnoticed.
            offset = 0;
        }
        let (mut min, mut max) = (self.key + 1, self.key + 2);
        if reverse && by != By::Rank {
            (min, max) = (max, min);
        }
        let bounds = match by {
            By::Rank => rank_bounds(args, min, max)?,
            By::Score => Bounds::Score(ScoreRange::parse(args.get(min), args.get(max))?),
            By::Lex => Bounds::Lex(LexRange::parse(args.get(min), args.get(max))?),
        };
        Ok(Asked { bounds, reverse, scores, offset, limit })
    }

    fn answer(self, cx: &mut DataCx<'_>, args: &Args<'_>) -> CmdResult {
        let asked = self.parse(args)?;
        let Some(set) = cx.keys.read::<ZSet>(args.get(self.key))? else {
            cx.out.array(0);
            return Ok(Outcome::Unchanged);
        };
        let ranks = asked.ranks(set);
        let mut list = Listing { out: cx.out, scores: asked.scores };
        list.begin(ranks.len());
        if ranks.len() >= LONG && matches!(set, ZSetRef::Ranked(_)) {
            let share = Share::new(ranks.len(), ranks.len());
            let lease = cx.keys.lease(args.get(self.key), false);
            let Asked { reverse, scores, .. } = asked;
            return Ok(Outcome::Enter(Box::new(Walk { lease, ranks, reverse, scores, share })));
        }
        for (member, score) in set.range(ranks, asked.reverse) {
            list.add(member, score);
        }
        Ok(Outcome::Unchanged)
    }
}

const fn form(by: Option<By>, reverse: Option<bool>) -> Form {
    Form { by, reverse, key: 1, stores: false }
}

pub(super) fn zrange(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(None, None).answer(cx, args)
}

pub(super) fn zrevrange(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Some(By::Rank), Some(true)).answer(cx, args)
}

pub(super) fn zrangebyscore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Some(By::Score), Some(false)).answer(cx, args)
}

pub(super) fn zrevrangebyscore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Some(By::Score), Some(true)).answer(cx, args)
}

pub(super) fn zrangebylex(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Some(By::Lex), Some(false)).answer(cx, args)
}

pub(super) fn zrevrangebylex(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Some(By::Lex), Some(true)).answer(cx, args)
}

pub(super) fn zrangestore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let asked = Form { by: None, reverse: None, key: 2, stores: true }.parse(args)?;
    const EVENT: &str = "zrangestore";
    let mut result = Gathered::default();
    if let Some(set) = cx.keys.read::<ZSet>(args.get(2))? {
        // In the order of the set, whatever the direction they were counted in.
        let ranks = asked.ranks(set);
        if ranks.len() >= LONG && matches!(set, ZSetRef::Ranked(_)) {
            let lease = cx.keys.hold(args.get(2));
            let goal = Goal::Store(args.get(1).to_vec(), EVENT);
            return Ok(Outcome::Enter(Box::new(Operation::of_range(lease, ranks, goal))));
        }
        for (member, score) in set.range(ranks, false) {
            result.push(member, score);
        }
    }
    store(cx, args.get(1), result.into_zset(cx.limits), EVENT, 1)
}
