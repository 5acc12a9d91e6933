//! ZADD with its conditions, and ZINCRBY.

use super::score_at;
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;
use crate::value::limits::Limits;
use crate::value::zset::ZSet;

/// The conditions of a ZADD, and what it answers with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rules {
    /// Only new members.
    pub(crate) nx: bool,
    /// Only members that are there.
    pub(crate) xx: bool,
    gt: bool,
    lt: bool,
    incr: bool,
    /// Changed members count as well as new ones.
    pub(crate) ch: bool,
}

/// What became of the members of a call.
#[derive(Clone, Copy, Default)]
pub(crate) struct Done {
    added: u64,
    updated: u64,
    /// The score of the last member, unless a condition kept it from being considered.
    score: Option<f64>,
}

enum Fate {
    /// A condition was not met.
    Passed,
    Added(f64),
    /// It has this score; the flag tells whether it had another.
    Scored(f64, bool),
    NotANumber,
}

const NOT_A_NUMBER: Error = Error::fixed("ERR resulting score is not a number (NaN)");

pub(super) fn zadd(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    zadd_as(cx, args, Rules::default())
}

pub(super) fn zincrby(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    zadd_as(cx, args, Rules { incr: true, ..Rules::default() })
}

fn zadd_as(cx: &mut DataCx<'_>, args: &mut Args<'_>, mut rules: Rules) -> CmdResult {
    let first = rules.parse(args)?;
    let scores = scores(args, first)?;
    let pairs = scores.iter().enumerate();
    let pairs = pairs.map(|(i, score)| (*score, args.get(first + 2 * i + 1)));
    let done = add_pairs(&mut cx.keys, cx.limits, args.get(1), pairs, rules)?;
    match (rules.incr, done.score) {
        (true, Some(score)) => cx.out.double(score),
        (true, None) => cx.out.null(),
        (false, _) => cx.out.int(done.count(rules)),
    }
    Ok(if done.changed() { Outcome::Changed(Propagate::Verbatim) } else { Outcome::Unchanged })
}

impl Done {
    /// What ZADD answers with.
    pub(crate) fn count(&self, rules: Rules) -> i64 {
        (self.added + if rules.ch { self.updated } else { 0 }) as i64
    }

    pub(crate) fn changed(&self) -> bool {
        self.added + self.updated > 0
    }
}

impl Rules {
    /// Reads the options; tells where scores and members begin.
    fn parse(&mut self, args: &Args<'_>) -> Result<usize, Error> {
        let mut i = 2;
        while i < args.len() {
            let flag = match args.get(i) {
                word if word.eq_ignore_ascii_case(b"nx") => &mut self.nx,
                word if word.eq_ignore_ascii_case(b"xx") => &mut self.xx,
                word if word.eq_ignore_ascii_case(b"ch") => &mut self.ch,
                word if word.eq_ignore_ascii_case(b"incr") => &mut self.incr,
                word if word.eq_ignore_ascii_case(b"gt") => &mut self.gt,
                word if word.eq_ignore_ascii_case(b"lt") => &mut self.lt,
                _ => break,
            };
            *flag = true;
            i += 1;
        }
        let words = args.len() - i;
        if words == 0 || !words.is_multiple_of(2) {
            return Err(Error::Syntax);
        }
        if self.nx && self.xx {
            return Err(Error::fixed("ERR XX and NX options at the same time are not compatible"));
        }
        if (self.gt || self.lt) && self.nx || self.gt && self.lt {
            return Err(Error::fixed(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.incr && words > 2 {
            return Err(Error::fixed("ERR INCR option supports a single increment-element pair"));
        }
        Ok(i)
    }

    /// Applies one pair.
    fn apply(self, set: &mut ZSet, member: &[u8], score: f64, limits: &Limits) -> Fate {
        let mut fate = Fate::Passed;
        set.update(member, limits, |old| {
            let Some(old) = old else {
                if self.xx {
                    return None;
                }
                fate = Fate::Added(score);
                return Some(score);
            };
            if self.nx {
                return None;
            }
            let new = if self.incr { old + score } else { score };
            if new.is_nan() {
                fate = Fate::NotANumber;
                return None;
            }
            if self.gt && new <= old || self.lt && new >= old {
                return None;
            }
            fate = Fate::Scored(new, new != old);
            Some(new)
        });
        fate
    }
}

/// All scores are read before anything is changed. One needs no room of its own.
enum Scores {
    One([f64; 1]),
    Many(Vec<f64>),
}

impl std::ops::Deref for Scores {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        match self {
            Scores::One(score) => score,
            Scores::Many(scores) => scores,
        }
    }
}

fn scores(args: &Args<'_>, first: usize) -> Result<Scores, Error> {
    if args.len() == first + 2 {
        return Ok(Scores::One([score_at(args, first)?]));
    }
    let places = (first..args.len()).step_by(2);
    Ok(Scores::Many(places.map(|i| score_at(args, i)).collect::<Result<_, _>>()?))
}

/// Gives members their scores, as far as the rules allow, and tells the world.
pub(crate) fn add_pairs<'w>(
    keys: &mut Keys<'_>,
    limits: &Limits,
    key: &[u8],
    pairs: impl ExactSizeIterator<Item = (f64, &'w [u8])>,
    rules: Rules,
) -> Result<Done, Error> {
    let done = apply_all(keys, limits, key, pairs, rules)?;
    if done.changed() {
        let name = if rules.incr { "zincr" } else { "zadd" };
        keys.touch_n(key, Event::new(class::ZSET, name), done.added + done.updated);
    }
    Ok(done)
}

fn apply_all<'w>(
    keys: &mut Keys<'_>,
    limits: &Limits,
    key: &[u8],
    pairs: impl ExactSizeIterator<Item = (f64, &'w [u8])>,
    rules: Rules,
) -> Result<Done, Error> {
    let mut done = Done::default();
    let set = if rules.xx { keys.edit::<ZSet>(key)? } else { Some(keys.edit_or_new(key)?) };
    let Some(mut set) = set else { return Ok(done) };
    set.expect(pairs.len(), limits);
    for (score, member) in pairs {
        done.score = match rules.apply(&mut set, member, score, limits) {
            Fate::Passed => None,
            Fate::NotANumber => return Err(NOT_A_NUMBER),
            Fate::Added(score) => {
                done.added += 1;
                Some(score)
            }
            Fate::Scored(score, changed) => {
                done.updated += u64::from(changed);
                Some(score)
            }
        };
    }
    Ok(done)
}
