//! Looking at elements.

use super::long::{LongHunt, LongRange, is_long};
use super::{at_least, place, span, symmetric};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::resp::reply::Reply;
use crate::value::list::{List, ListRef};
use crate::value::reply_item;
use std::ops::ControlFlow;

pub(super) fn llen(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let list = cx.keys.read::<List>(args.get(1))?;
    cx.out.int(list.map_or(0, ListRef::len) as i64);
    Ok(Outcome::Unchanged)
}

pub(super) fn lindex(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let Some(list) = cx.keys.read::<List>(args.get(1))? else {
        cx.out.null();
        return Ok(Outcome::Unchanged);
    };
    let place = place(args.int(2)?, list.len());
    if place.and_then(|place| list.get(place, |item| reply_item(cx.out, item))).is_none() {
        cx.out.null();
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn lrange(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let Some(list) = cx.keys.read::<List>(args.get(1))? else {
        cx.out.array(0);
        return Ok(Outcome::Unchanged);
    };
    let (from, n) = span(start, stop, list.len());
    cx.out.array(n);
    if n >= LONG {
        let lease = cx.keys.lease(args.get(1), false);
        return Ok(Outcome::Enter(Box::new(LongRange::new(lease, from, n))));
    }
    list.each(from, n, true, |item| reply_item(cx.out, item));
    Ok(Outcome::Unchanged)
}

pub(super) fn lpos(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let asked = Asked::parse(args)?;
    let Some(list) = cx.keys.read::<List>(args.get(1))? else {
        match asked.count {
            Some(_) => cx.out.array(0),
            None => cx.out.null(),
        }
        return Ok(Outcome::Unchanged);
    };
    let mut hunt = Hunt::new(&asked, list, args.get(2));
    if is_long(list) {
        let lease = cx.keys.lease(args.get(1), false);
        let body = Reply::new(cx.out.proto);
        return Ok(Outcome::Enter(Box::new(LongHunt { lease, hunt, body })));
    }
    let mut body = Reply::new(cx.out.proto);
    hunt.search(list, usize::MAX, |at| body.int(at as i64));
    hunt.answer(cx.out, &mut body);
    Ok(Outcome::Unchanged)
}

/// Which matches LPOS is asked for.
struct Asked {
    /// The first one wanted; from the tail when negative.
    rank: i64,
    /// How many; all when 0, the first alone when not given.
    count: Option<usize>,
    /// How many elements to compare; all when 0.
    max_len: usize,
}

impl Asked {
    fn parse(args: &mut Args<'_>) -> Result<Asked, Error> {
        let mut asked = Asked { rank: 1, count: None, max_len: 0 };
        args.seek(3);
        while args.remaining() > 0 {
            let last = args.remaining() == 1;
            if last {
                return Err(Error::Syntax);
            } else if args.accept("rank") {
                asked.rank = symmetric(args.word()?)?;
                if asked.rank == 0 {
                    return Err(Error::fixed(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the \
                         second ... or use negative to start from the end of the list",
                    ));
                }
            } else if args.accept("count") {
                asked.count = Some(at_least(args.word()?, 0, "ERR COUNT can't be negative")?);
            } else if args.accept("maxlen") {
                asked.max_len = at_least(args.word()?, 0, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(asked)
    }
}

/// A search on its way.
pub(super) struct Hunt {
    text: Vec<u8>,
    number: Option<i64>,
    forward: bool,
    /// Whether an array is asked for.
    several: bool,
    /// Matches to pass by.
    skip: u64,
    wanted: usize,
    hits: usize,
    /// Elements to compare, and those that were.
    compare: usize,
    seen: usize,
}

impl Hunt {
    fn new(asked: &Asked, list: ListRef<'_>, text: &[u8]) -> Hunt {
        let compare = if asked.max_len == 0 { usize::MAX } else { asked.max_len };
        Hunt {
            text: text.to_vec(),
            number: parse_i64(text),
            forward: asked.rank > 0,
            several: asked.count.is_some(),
            skip: asked.rank.unsigned_abs() - 1,
            wanted: match asked.count {
                None => 1,
                Some(0) => usize::MAX,
                Some(n) => n,
            },
            hits: 0,
            compare: compare.min(list.len()),
            seen: 0,
        }
    }

    /// Compares up to `most` elements more and calls `hit` with the index of each match that is
    /// wanted; true when the search is over.
    pub(super) fn search(
        &mut self,
        list: ListRef<'_>,
        most: usize,
        mut hit: impl FnMut(usize),
    ) -> bool {
        let Some(last) = list.len().checked_sub(1) else { return true };
        let most = most.min(self.compare - self.seen);
        let from = if self.forward { self.seen } else { last.saturating_sub(self.seen) };
        let _ = list.visit(from, most, self.forward, &mut |item| {
            let equal = match item {
                Item::Int(n) => self.number == Some(n),
                Item::Bytes(bytes) => bytes == self.text,
            };
            if equal && self.skip > 0 {
                self.skip -= 1;
            } else if equal {
                hit(if self.forward { self.seen } else { last - self.seen });
                self.hits += 1;
                if self.hits == self.wanted {
                    return ControlFlow::Break(());
                }
            }
            self.seen += 1;
            ControlFlow::Continue(())
        });
        self.hits == self.wanted || self.seen == self.compare
    }

    /// Answers with the indexes in `body`.
    pub(super) fn answer(&self, out: &mut Reply, body: &mut Reply) {
        if self.several {
            out.array(self.hits);
        } else if self.hits == 0 {
            out.null();
        }
        out.out().append(body.out());
    }
}
