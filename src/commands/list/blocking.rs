//! Taking elements off the ends, with the patience to wait for them.

use super::pop::Multi;
use super::{End, booked, popped};
use crate::base::error::Error;
use crate::commands::expire::rewritten;
use crate::engine::args::Args;
use crate::engine::block::{Block, Patience, Waits, patience_seconds};
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::resp::reply::Reply;
use crate::value::list::List;
use crate::value::reply_item;
use bytes::Bytes;

pub(super) fn blpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    pop_or_wait(cx, args, End::Head)
}

pub(super) fn brpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    pop_or_wait(cx, args, End::Tail)
}

fn pop_or_wait(cx: &mut DataCx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let last = args.len() - 1;
    let patience = patience_seconds(args.get(last))?;
    for i in 1..last {
        if let Some(outcome) = pop_one(cx, args.get(i), end)? {
            return Ok(outcome);
        }
    }
    Ok(wait((1..last).map(|i| args.get(i)), Waits::List, patience))
}

/// Takes an element off a list and answers with key and element; `None` when there is no list.
fn pop_one(cx: &mut DataCx<'_>, key: &[u8], end: End) -> Result<Option<Outcome>, Error> {
    let Some(mut list) = cx.keys.edit::<List>(key)? else { return Ok(None) };
    cx.out.array(2);
    cx.out.bulk(key);
    list.pop(end, |item| reply_item(cx.out, item));
    let emptied = list.is_empty();
    list.shrink(cx.limits);
    drop(list);
    booked(&mut cx.keys, key, popped(end), 1, emptied);
    // Whoever replays this must not wait.
    let name: &[u8] = if end == End::Head { b"LPOP" } else { b"RPOP" };
    Ok(Some(rewritten(&mut cx.keys, &[name, key])))
}

pub(super) fn blmpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let call = Multi::parse(args, 2)?;
    let patience = patience_seconds(args.get(1))?;
    match call.run(cx, args)? {
        Some(outcome) => Ok(outcome),
        None => Ok(wait(call.keys.map(|i| args.get(i)), Waits::List, patience)),
    }
}

/// Waits for a list at one of the keys.
pub(super) fn wait<'k>(
    keys: impl Iterator<Item = &'k [u8]>,
    waits: Waits,
    patience: Patience,
) -> Outcome {
    Outcome::Block(Block {
        keys: keys.map(Bytes::copy_from_slice).collect(),
        waits,
        patience,
        on_timeout: Reply::null_array,
        rerun_as: None,
    })
}
