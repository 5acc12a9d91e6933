//! HRANDFIELD: one field, several that differ, or several picks that may repeat.

use super::Form;
use super::long::{Listing, Picks, Sample};
use crate::base::error::Error;
use crate::base::rng::Rng;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::resp::reply::Reply;
use crate::value::hash::{Field, Hash, HashRef};
use crate::value::reply_item;
use std::collections::BTreeSet;

/// Beyond a third of the fields it is cheaper to walk over all than to try again after each field
/// that came before.
const WALK_FROM: usize = 3;

const OUT_OF_RANGE: Error = Error::fixed("ERR value is out of range");

/// Picks that may repeat, at most: no client could read a longer array, and the server would not
/// come to its end.
const PICKS_MAX: u64 = i32::MAX as u64;

pub(super) fn hrandfield(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let key = args.get(1);
    if args.len() == 2 {
        match cx.keys.read::<Hash>(key)?.and_then(|hash| hash.random(cx.rng)) {
            Some((name, _)) => reply_item(cx.out, name),
            None => cx.out.null(),
        }
        return Ok(Outcome::Unchanged);
    }
    let (count, values) = count_and_form(args)?;
    let form = if values { Form::with_values(cx.out.proto) } else { Form::Names };
    let Some(hash) = cx.keys.read::<Hash>(key)? else {
        cx.out.array(0);
        return Ok(Outcome::Unchanged);
    };
    let (picks, fields) = (count.unsigned_abs(), hash.len());
    if count < 0 || picks == 1 {
        if picks > PICKS_MAX {
            return Err(OUT_OF_RANGE);
        }
        let picks = picks as usize;
        form.begin(cx.out, picks);
        if picks >= LONG {
            return Ok(Outcome::Enter(Box::new(Picks::new(
                cx.keys.lease(key, false),
                form,
                picks,
            ))));
        }
        repeated(hash, picks, cx.rng, form, cx.out);
    } else {
        let picks = picks.min(fields as u64) as usize;
        form.begin(cx.out, picks);
        if picks >= LONG && matches!(hash, HashRef::Table(_)) {
            let listing = Listing::new(cx.keys.lease(key, false), form, picks, fields);
            return Ok(Outcome::Enter(Box::new(listing)));
        }
        different(hash, picks, cx.rng, form, cx.out);
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
        return Err(OUT_OF_RANGE);
    }
    Ok((count, values))
}

/// Picks that know nothing of each other.
fn repeated(hash: HashRef<'_>, picks: usize, rng: &mut Rng, form: Form, out: &mut Reply) {
    // In a listpack each pick would walk; many picks share one walk.
    let fields: Vec<Field<'_>> = match hash {
        HashRef::Packed(_) if picks > 1 => hash.iter().collect(),
        _ => Vec::new(),
    };
    for _ in 0..picks {
        let picked = match fields.len() as u64 {
            0 => hash.random(rng),
            len => Some(fields[rng.below(len) as usize]),
        };
        form.add(out, picked.expect("a hash that exists has fields"));
    }
}

/// So many different fields; every set of fields is as likely as any other.
fn different(hash: HashRef<'_>, picks: usize, rng: &mut Rng, form: Form, out: &mut Reply) {
    let fields = hash.len();
    if matches!(hash, HashRef::Packed(_)) || picks.saturating_mul(WALK_FROM) > fields {
        let mut sample = Sample::new(picks, fields);
        for field in hash.iter() {
            if sample.takes(rng) {
                form.add(out, field);
            }
        }
        return;
    }
    let mut taken: BTreeSet<&[u8]> = BTreeSet::new();
    while taken.len() < picks {
        let Some((Item::Bytes(name), value)) = hash.random(rng) else { return };
        if taken.insert(name) {
            form.add(out, (Item::Bytes(name), value));
        }
    }
}
