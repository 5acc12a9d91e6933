//! What asks about single members, counts or walks: ZCARD, ZSCORE, ZRANK, ZCOUNT, ZSCAN.

use crate::base::error::Error;
use crate::commands::scan::{Found, ScanSource, parse_cursor, scan_options};
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::keyspace::keys::Keys;
use crate::keyspace::lease::Lease;
use crate::value::zset::{LexRange, ScoreRange, ZSet, ZSetRef};

pub(super) fn zcard(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    cx.out.int(set.map_or(0, |set| set.len()) as i64);
    Ok(Outcome::Unchanged)
}

pub(super) fn zscore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    match set.and_then(|set| set.score(args.get(2))) {
        Some(score) => cx.out.double(score),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn zmscore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    cx.out.array(args.len() - 2);
    for i in 2..args.len() {
        match set.and_then(|set| set.score(args.get(i))) {
            Some(score) => cx.out.double(score),
            None => cx.out.null(),
        }
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn zrank(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    rank(cx, args, "zrank", false)
}

pub(super) fn zrevrank(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    rank(cx, args, "zrevrank", true)
}

fn rank(cx: &mut DataCx<'_>, args: &Args<'_>, name: &str, reverse: bool) -> CmdResult {
    if args.len() > 4 {
        return Err(Error::WrongArity(name.to_owned()));
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "withscore") {
        return Err(Error::Syntax);
    }
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    let found = set.and_then(|set| {
        let (rank, score) = set.rank(args.get(2))?;
        Some((if reverse { set.len() - 1 - rank } else { rank }, score))
    });
    match found {
        None if with_score => cx.out.null_array(),
        None => cx.out.null(),
        Some((rank, score)) => {
            if with_score {
                cx.out.array(2);
            }
            cx.out.int(rank as i64);
            if with_score {
                cx.out.double(score);
            }
        }
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn zcount(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let range = ScoreRange::parse(args.get(2), args.get(3))?;
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    cx.out.int(set.map_or(0, |set| set.ranks_by_score(&range).len()) as i64);
    Ok(Outcome::Unchanged)
}

pub(super) fn zlexcount(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let range = LexRange::parse(args.get(2), args.get(3))?;
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    cx.out.int(set.map_or(0, |set| set.ranks_by_lex(&range, false).len()) as i64);
    Ok(Outcome::Unchanged)
}

/// The options are looked at last: a missing key answers before they can be wrong.
pub(super) fn zscan(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let cursor = parse_cursor(args.get(2))?;
    let Some(set) = cx.keys.read::<ZSet>(args.get(1))? else {
        cx.out.raw(b"*2\r\n$1\r\n0\r\n*0\r\n");
        return Ok(Outcome::Unchanged);
    };
    let options = scan_options(args, 3, false)?;
    if options.is_long() && set.len() >= LONG && matches!(set, ZSetRef::Ranked(_)) {
        let leased = Leased(cx.keys.lease(args.get(1), false));
        return Ok(options.run_long(cursor, leased));
    }
    options.run(cx.out, cursor, |cursor, found| scan_step(set, cursor, found));
    Ok(Outcome::Unchanged)
}

fn scan_step(set: ZSetRef<'_>, cursor: u64, found: &mut Found<'_>) -> u64 {
    set.scan(cursor, &mut |member, score| {
        if found.offer(member) {
            found.push(score);
        }
    })
}

/// The sorted set of a scan that takes long.
struct Leased(Lease);

impl ScanSource for Leased {
    fn step(&mut self, keys: &mut Keys<'_>, cursor: u64, found: &mut Found<'_>) -> u64 {
        let set = keys.leased::<ZSet>(self.0).expect("it was there when it was leased");
        scan_step(set, cursor, found)
    }

    fn lease(&self) -> Option<Lease> {
        Some(self.0)
    }
}
