//! BZPOPMIN, BZPOPMAX and BZMPOP: take at once, or wait for one of the keys.

use std::ops::Range;

use super::pop::{Asked, End, Shape, first_filled, pop};
use crate::commands::expire::rewritten;
use crate::engine::args::Args;
use crate::engine::block::{Block, Patience, Waits, patience_seconds};
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use bytes::Bytes;

pub(super) fn bzpopmin(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    bzpop(cx, args, End::Min)
}

pub(super) fn bzpopmax(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    bzpop(cx, args, End::Max)
}

fn bzpop(cx: &mut DataCx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let last = args.len() - 1;
    let patience = patience_seconds(args.get(last))?;
    let Some(at) = first_filled(cx, args, 1..last)? else {
        return Ok(wait(args, 1..last, patience));
    };
    let key = args.get(at);
    pop(cx, key, end, 1, Shape::KeyFlat)?;
    Ok(rewritten(&mut cx.keys, &[end.command(), key]))
}

pub(super) fn bzmpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let asked = Asked::parse(args, 2)?;
    let patience = patience_seconds(args.get(1))?;
    let Some(at) = first_filled(cx, args, asked.keys.clone())? else {
        return Ok(wait(args, asked.keys, patience));
    };
    asked.take(cx, args.get(at))
}

fn wait(args: &Args<'_>, keys: Range<usize>, patience: Patience) -> Outcome {
    Outcome::Block(Block {
        keys: keys.map(|i| Bytes::copy_from_slice(args.get(i))).collect(),
        waits: Waits::ZSet,
        patience,
        on_timeout: |out| out.null_array(),
        rerun_as: None,
    })
}
