//! HRANDFIELD: one field, several that differ, or several picks that may repeat.

use crate::base::error::Error;
use crate::base::rng::Rng;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::resp::reply::{Proto, Reply};
use crate::value::hash::{Field, Hash, HashRef};
use crate::value::reply_item;
use std::collections::BTreeSet;

/// Beyond a third of the fields it is cheaper to walk over all than to try again after each field
/// that came before.
const WALK_FROM: usize = 3;

pub(super) fn hrandfield(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() == 2 {
        match cx.keys.read::<Hash>(args.get(1))?.and_then(|hash| hash.random(cx.rng)) {
            Some((field, _)) => reply_item(cx.out, field),
            None => cx.out.null(),
        }
        return Ok(Outcome::Unchanged);
    }
    let (count, values) = count_and_form(args)?;
    let Some(hash) = cx.keys.read::<Hash>(args.get(1))? else {
        cx.out.array(0);
        return Ok(Outcome::Unchanged);
    };
    let picks = count.unsigned_abs() as usize;
    let mut list = List { out: cx.out, values };
    if count < 0 || picks == 1 {
        list.begin(picks);
        repeated(hash, picks, cx.rng, &mut list);
    } else {
        list.begin(picks.min(hash.len()));
        different(hash, picks, cx.rng, &mut list);
    }
    Ok(Outcome::Unchanged)
}

/// How many fields (negative: repetitions allowed), and whether their values follow them.
fn count_and_form(args: &Args<'_>) -> Result<(i64, bool), Error> {
    let count = args.int(2)?;
    if count == i64::MIN {
        return Err(Error::fixed(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    let values = args.len() > 3;
    if args.len() > 4 || values && !args.is(3, "withvalues") {
        return Err(Error::Syntax);
    }
    if values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::fixed("ERR value is out of range"));
    }
    Ok((count, values))
}

/// The reply: fields, or fields and values in the form of the protocol.
struct List<'a> {
    out: &'a mut Reply,
    values: bool,
}

impl List<'_> {
    fn begin(&mut self, fields: usize) {
        let flat = self.values && self.out.proto == Proto::V2;
        self.out.array(if flat { 2 * fields } else { fields });
    }

    fn add(&mut self, (field, value): Field<'_>) {
        if self.values && self.out.proto == Proto::V3 {
            self.out.array(2);
        }
        reply_item(self.out, field);
        if self.values {
            reply_item(self.out, value);
        }
    }
}

/// Picks that know nothing of each other.
fn repeated(hash: HashRef<'_>, picks: usize, rng: &mut Rng, list: &mut List<'_>) {
    // In a listpack each pick would walk; many picks share one walk.
    let fields: Vec<Field<'_>> = match hash {
        HashRef::Packed(_) if picks > 1 => hash.iter().collect(),
        _ => Vec::new(),
    };
    for _ in 0..picks {
        // What is past the limit of the client's output is not picked in vain.
        if list.out.overflowed() {
            return;
        }
        let picked = match fields.len() as u64 {
            0 => hash.random(rng),
            len => Some(fields[rng.below(len) as usize]),
        };
        if let Some(field) = picked {
            list.add(field);
        }
    }
}

/// So many different fields, or all of them; every set of fields is as likely as any other.
fn different(hash: HashRef<'_>, picks: usize, rng: &mut Rng, list: &mut List<'_>) {
    let len = hash.len();
    if picks >= len {
        return hash.iter().for_each(|field| list.add(field));
    }
    if matches!(hash, HashRef::Packed(_)) || picks.saturating_mul(WALK_FROM) > len {
        // Each field is taken with the share of what is still wanted in what is still to come.
        let (mut wanted, mut left) = (picks as u64, len as u64);
        for field in hash.iter() {
            if rng.below(left) < wanted {
                list.add(field);
                wanted -= 1;
            }
            left -= 1;
        }
        return;
    }
    let mut taken: BTreeSet<&[u8]> = BTreeSet::new();
    while taken.len() < picks {
        let Some((Item::Bytes(name), value)) = hash.random(rng) else { return };
        if taken.insert(name) {
            list.add((Item::Bytes(name), value));
        }
    }
}
