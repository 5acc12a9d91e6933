//! XLEN, XRANGE, XREVRANGE.

use super::long::Listing;
use super::{end_at, reply_entries, start_at};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::value::stream::Stream;

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
        let listing = Listing::new(keys.lease(key, false), (start, end), backwards, count);
        return Ok(Outcome::Enter(Box::new(listing)));
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
