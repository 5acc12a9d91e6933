//! Looking at elements.

use super::long::LongRange;
use super::{at_least, place, span, symmetric};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
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
    if asked.count.is_some() {
        let slot = cx.out.open_array();
        let mut found = 0;
        asked.search(list, args.get(2), |at| {
            cx.out.int(at as i64);
            found += 1;
        });
        cx.out.close(slot, found);
        return Ok(Outcome::Unchanged);
    }
    let mut found = None;
    asked.search(list, args.get(2), |at| found = Some(at));
    match found {
        Some(at) => cx.out.int(at as i64),
        None => cx.out.null(),
    }
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

    /// Calls `hit` with the index of each match that is wanted.
    fn search(&self, list: ListRef<'_>, text: &[u8], mut hit: impl FnMut(usize)) {
        let Some(last) = list.len().checked_sub(1) else { return };
        let forward = self.rank > 0;
        let mut skip = self.rank.unsigned_abs() - 1;
        let wanted = match self.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(n) => n,
        };
        let compare = if self.max_len == 0 { usize::MAX } else { self.max_len };
        let number = parse_i64(text);
        let (mut seen, mut hits) = (0, 0);
        let _ = list.visit(if forward { 0 } else { last }, compare, forward, &mut |item| {
            let equal = match item {
                Item::Int(n) => number == Some(n),
                Item::Bytes(bytes) => bytes == text,
            };
            if equal && skip > 0 {
                skip -= 1;
            } else if equal {
                hit(if forward { seen } else { last - seen });
                hits += 1;
                if hits == wanted {
                    return ControlFlow::Break(());
                }
            }
            seen += 1;
            ControlFlow::Continue(())
        });
    }
}
