//! SPOP and SRANDMEMBER.
//!
//! What SPOP took is random, so the stream is told the outcome: SREM of the members, or DEL when
//! all of them went.

use super::DEL;
use super::long::{Draws, Listing};
use super::pop::Pop;
use crate::base::error::Error;
use crate::commands::expire::{propagating, rewritten};
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::LONG;
use crate::keyspace::effects::{Event, class};
use crate::resp::request::Argv;
use crate::value::reply_item;
use crate::value::set::{Set, keeps_place};

pub(super) const SPOP: Event = Event::new(class::SET, "spop");

/// Members named by one SREM in the stream.
const BATCH: usize = 1024;

/// Most repetitions one call may ask for: no client could read a longer array, and Redis goes on
/// for years when told to.
const DRAWS_MAX: u64 = i32::MAX as u64;

pub(super) fn spop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    match args.len() {
        2 => spop_one(cx, args),
        3 => spop_count(cx, args),
        _ => Err(Error::Syntax),
    }
}

fn spop_one(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    let Some(mut set) = cx.keys.edit::<Set>(key)? else {
        cx.out.null();
        return Ok(Outcome::Unchanged);
    };
    let mut member = Vec::new();
    set.pop_one(cx.rng, &mut |text| member.extend_from_slice(text));
    let emptied = set.is_empty();
    drop(set);
    cx.out.bulk(&member);
    cx.keys.touch(key, SPOP);
    if emptied {
        cx.keys.announce(key, DEL);
    }
    Ok(rewritten(&mut cx.keys, &[b"SREM", key, &member]))
}

fn spop_count(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NEGATIVE: Error = Error::fixed("ERR value is out of range, must be positive");
    let count = u64::try_from(args.int(2).map_err(|_| NEGATIVE)?).map_err(|_| NEGATIVE)?;
    let key = args.get(1);
    let len = cx.keys.for_write::<Set>(key)?.map_or(0, |set| set.len());
    if len == 0 || count == 0 {
        cx.out.set(0);
        return Ok(Outcome::Unchanged);
    }
    if count >= len as u64 {
        return spop_all(cx, key, len);
    }
    let count = count as usize;
    let note = propagating(&mut cx.keys);
    if count >= LONG {
        let lease = cx.keys.lease(key, true);
        cx.out.set(count);
        return Ok(Outcome::Enter(Box::new(Pop::new(lease, key, count, note))));
    }
    if !keeps_place(len, count) {
        cx.keys.before_exchange(key);
    }
    let mut calls = Calls::new(key);
    let DataCx { keys, out, rng, limits, .. } = cx;
    out.set(count);
    if let Some(mut set) = keys.edit::<Set>(key)? {
        set.pop(count, rng, limits, &mut |text| {
            out.bulk(text);
            if note {
                calls.push(text);
            }
        });
    }
    keys.touch_n(key, SPOP, count as u64);
    for argv in calls.calls {
        keys.also(argv);
    }
    Ok(Outcome::Changed(Propagate::Nothing))
}

/// SREM calls that name members, [`BATCH`] each.
pub(super) struct Calls {
    key: Vec<u8>,
    pub(super) calls: Vec<Argv>,
    last: usize,
}

impl Calls {
    pub(super) fn new(key: &[u8]) -> Calls {
        Calls { key: key.to_vec(), calls: Vec::new(), last: 0 }
    }

    pub(super) fn push(&mut self, member: &[u8]) {
        if self.calls.is_empty() || self.last == BATCH {
            self.calls.push(Argv::from_slices(&[b"SREM", &self.key]));
            self.last = 0;
        }
        if let Some(call) = self.calls.last_mut() {
            call.push(member);
            self.last += 1;
        }
    }
}

/// The key goes at once; what it held is handed to the answer, which may take several slices.
fn spop_all(cx: &mut DataCx<'_>, key: &[u8], len: usize) -> CmdResult {
    cx.out.set(len);
    let lease = (len >= LONG).then(|| cx.keys.lease(key, false));
    if let (None, Some(set)) = (lease, cx.keys.again::<Set>(key)) {
        set.iter().for_each(|member| reply_item(cx.out, member));
    }
    cx.keys.delete(key);
    cx.keys.touch_n(key, SPOP, len as u64);
    cx.keys.announce(key, DEL);
    let Some(lease) = lease else { return Ok(rewritten(&mut cx.keys, &[b"DEL", key])) };
    if propagating(&mut cx.keys) {
        cx.keys.also(Argv::from_slices(&[b"DEL", key]));
    }
    Ok(Outcome::Enter(Box::new(Listing::new(lease, len, len))))
}

pub(super) fn srandmember(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    if args.len() == 2 {
        match cx.keys.read::<Set>(args.get(1))?.and_then(|set| set.random(cx.rng)) {
            Some(member) => reply_item(cx.out, member),
            None => cx.out.null(),
        }
        return Ok(Outcome::Unchanged);
    }
    let count = args.int(2)?;
    if count == i64::MIN {
        return Err(Error::fixed(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    let key = args.get(1);
    let Some(set) = cx.keys.read::<Set>(key)? else {
        cx.out.array(0);
        return Ok(Outcome::Unchanged);
    };
    let (n, len) = (count.unsigned_abs(), set.len());
    if count < 0 || n == 1 {
        if n > DRAWS_MAX {
            return Err(Error::fixed("ERR value is out of range"));
        }
        cx.out.array(n as usize);
        if n >= LONG as u64 {
            let lease = cx.keys.lease(key, false);
            return Ok(Outcome::Enter(Box::new(Draws::new(lease, n))));
        }
        set.draw(n, cx.rng, &mut |member| reply_item(cx.out, member));
        return Ok(Outcome::Unchanged);
    }
    let n = n.min(len as u64) as usize;
    cx.out.array(n);
    if n >= LONG {
        let lease = cx.keys.lease(key, false);
        return Ok(Outcome::Enter(Box::new(Listing::new(lease, n, len))));
    }
    set.sample(n, cx.rng, &mut |member| reply_item(cx.out, member));
    Ok(Outcome::Unchanged)
}
