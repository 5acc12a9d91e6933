//! Taking elements off the ends.

use super::long::Handout;
use super::{End, at_least, booked, end_named, popped, reply_outer};
use crate::base::error::Error;
use crate::commands::expire::rewritten;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::{LONG, Work};
use crate::resp::reply::Reply;
use crate::resp::request::Argv;
use crate::value::list::List;
use crate::value::reply_item;

pub(super) fn lpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    pop(cx, args, End::Head, "lpop")
}

pub(super) fn rpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    pop(cx, args, End::Tail, "rpop")
}

#[inline]
fn pop(cx: &mut DataCx<'_>, args: &Args<'_>, end: End, name: &str) -> CmdResult {
    let count = match args.len() {
        2 => None,
        3 => Some(at_least(args.get(2), 0, "ERR value is out of range, must be positive")?),
        _ => return Err(Error::WrongArity(name.to_owned())),
    };
    let key = args.get(1);
    let Some(mut edit) = cx.keys.edit::<List>(key)? else {
        match count {
            Some(_) => cx.out.null_array(),
            None => cx.out.null(),
        }
        return Ok(Outcome::Unchanged);
    };
    let list = &mut *edit;
    let n = count.map_or(1, |n| n.min(list.len()));
    let mut handed = None;
    match count {
        None => {
            list.pop(end, |item| reply_item(cx.out, item));
        }
        Some(0) => {
            cx.out.array(0);
            return Ok(Outcome::Unchanged);
        }
        Some(_) if n >= LONG => handed = Some(take_many(cx.out, list, end, n)),
        Some(_) => {
            reply_outer(cx.out, list.as_ref(), end, n);
            list.remove_at(end, n);
        }
    }
    let emptied = list.is_empty();
    list.shrink(cx.limits);
    drop(edit);
    booked(&mut cx.keys, key, popped(end), n, emptied);
    if let Some(work) = handed {
        // All but the answer is done.
        cx.keys.also(args.to_argv());
        return Ok(Outcome::Enter(work));
    }
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// Takes many elements off an end at once; the work answers with them.
#[cold]
fn take_many(out: &mut Reply, list: &mut List, end: End, n: usize) -> Box<dyn Work> {
    out.array(n);
    Box::new(Handout::new(list.detach(end, n), end))
}

pub(super) fn lmpop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let call = Multi::parse(args, 1)?;
    match call.run(cx, args)? {
        Some(outcome) => Ok(outcome),
        None => {
            cx.out.null_array();
            Ok(Outcome::Unchanged)
        }
    }
}

/// What LMPOP and BLMPOP are asked for.
pub(super) struct Multi {
    /// Places of the keys.
    pub(super) keys: std::ops::Range<usize>,
    end: End,
    count: usize,
}

impl Multi {
    /// Reads `numkeys key … LEFT|RIGHT [COUNT n]` from place `at` on.
    pub(super) fn parse(args: &mut Args<'_>, at: usize) -> Result<Multi, Error> {
        let numkeys = at_least(args.get(at), 1, "ERR numkeys should be greater than 0")?;
        let behind = numkeys.checked_add(at + 1).filter(|behind| *behind < args.len());
        let keys = at + 1..behind.ok_or(Error::Syntax)?;
        args.seek(keys.end);
        let end = end_named(args.word()?)?;
        let mut count = None;
        while args.remaining() > 0 {
            if count.is_some() || !args.accept("count") {
                return Err(Error::Syntax);
            }
            count = Some(at_least(args.word()?, 1, "ERR count should be greater than 0")?);
        }
        Ok(Multi { keys, end, count: count.unwrap_or(1) })
    }

    /// Takes elements off the first list that exists; `None` when no key does. Many are answered
    /// in slices.
    pub(super) fn run(
        &self,
        cx: &mut DataCx<'_>,
        args: &Args<'_>,
    ) -> Result<Option<Outcome>, Error> {
        for i in self.keys.clone() {
            let key = args.get(i);
            let Some(mut list) = cx.keys.edit::<List>(key)? else { continue };
            let n = self.count.min(list.len());
            cx.out.array(2);
            cx.out.bulk(key);
            let mut handed = None;
            if n >= LONG {
                handed = Some(take_many(cx.out, &mut list, self.end, n));
            } else {
                reply_outer(cx.out, list.as_ref(), self.end, n);
                list.remove_at(self.end, n);
            }
            let emptied = list.is_empty();
            list.shrink(cx.limits);
            drop(list);
            booked(&mut cx.keys, key, popped(self.end), n, emptied);
            let name: &[u8] = if self.end == End::Head { b"LPOP" } else { b"RPOP" };
            let n = n.to_string();
            if let Some(work) = handed {
                cx.keys.also(Argv::from_slices(&[name, key, n.as_bytes()]));
                return Ok(Some(Outcome::Enter(work)));
            }
            return Ok(Some(rewritten(&mut cx.keys, &[name, key, n.as_bytes()])));
        }
        Ok(None)
    }
}
