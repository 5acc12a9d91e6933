//! A value out of bytes that nobody trusts, in the encoding that the limits in force ask for.
//!
//! Whatever is adopted as it is (listpacks, intsets) has been looked at element by element before:
//! its layout, that nothing is there twice, that it is in order, and that a text which reads as an
//! integer is held as one, on which searches rely.

use super::load_growing::{Begun, Growing, MEMBER_TWICE};
use super::load_legacy::{ziplist, zipmap};
use super::{Error, Reader, Reason, kind};
use crate::base::double::parse_f64;
use crate::base::num::parse_i64;
use crate::ds::intset::{Intset, IntsetRef};
use crate::ds::listpack::{Item, Listpack, Packed};
use crate::ds::quicklist::Quicklist;
use crate::value::Value;
use crate::value::hash::Hash;
use crate::value::limits::Limits;
use crate::value::list::List;
use crate::value::set::Set;
use crate::value::string::BigStr;
use crate::value::zset::{ZSet, ZSetRef};
use bytes::Bytes;
use std::io::Read;

pub(super) type In<'a, R> = &'a mut Reader<R>;

/// Begins to read a value of this kind: small ones and packed ones come whole. A value without
/// elements is the error [`Reason::Empty`], and read to its end.
pub(super) fn begin_value<R: Read>(
    from: In<'_, R>,
    kind: u8,
    limits: &Limits,
) -> Result<Begun, Error> {
    let whole = match kind {
        kind::STRING => load_string(from),
        kind::LIST_ZIPLIST => load_ziplist_list(from, limits),
        kind::SET_INTSET => load_intset(from, limits),
        kind::SET_LISTPACK => load_packed_set(from, limits),
        kind::HASH_ZIPMAP => load_zipmap(from, limits),
        kind::HASH_ZIPLIST | kind::HASH_LISTPACK => {
            let list = load_pairs(from, kind == kind::HASH_ZIPLIST)?;
            refuse_twice(from, &list, 2, "Duplicate hash fields detected")?;
            let mut hash = Hash::Packed(list);
            hash.settle(limits);
            Ok(Value::Hash(hash))
        }
        kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => {
            let list = load_pairs(from, kind == kind::ZSET_ZIPLIST)?;
            packed_zset(from, list, limits)
        }
        kind::MODULE => {
            let id = from.length()?;
            Err(from.error(Reason::Module(super::load_file::module_name(id))))
        }
        kind::MODULE_OLD => Err(from.error(Reason::Module("of an old format".to_owned()))),
        kind => {
            return Growing::begin(from, kind, limits).map(|value| Begun::Part(Box::new(value)));
        }
    };
    whole.map(Begun::Whole)
}

/// Reads a value of this kind to its end.
pub fn load_value<R: Read>(from: In<'_, R>, kind: u8, limits: &Limits) -> Result<Value, Error> {
    match begin_value(from, kind, limits)? {
        Begun::Whole(value) => Ok(value),
        Begun::Part(mut value) => loop {
            if let Some(value) = value.grow(from, limits, usize::MAX)? {
                return Ok(value);
            }
        },
    }
}

/// From this size on a string is kept in a buffer that replies can share.
fn load_string<R: Read>(from: In<'_, R>) -> Result<Value, Error> {
    let text = from.string()?;
    let shared = text.len() >= crate::value::string::SHARED_MIN;
    Ok(Value::Str(if shared { BigStr::Shared(Bytes::from(text)) } else { BigStr::Owned(text) }))
}

/// A listpack that passed its examination. Texts that read as integers become integers: whoever
/// wrote them otherwise was no Redis, but meant no harm.
fn sound_listpack<R: Read>(from: In<'_, R>, bytes: Vec<u8>) -> Result<Listpack, Error> {
    if !Packed::validate(&bytes) {
        return Err(from.damaged("Listpack integrity check failed."));
    }
    let packed = Packed::new(&bytes);
    let usual = |item: Item<'_>| !matches!(item, Item::Bytes(b) if parse_i64(b).is_some());
    if packed.iter().all(usual) {
        return Ok(Listpack::from_trusted(bytes));
    }
    let mut again = Listpack::new();
    packed.iter().for_each(|item| item.with_text(|text| again.push(text)));
    Ok(again)
}

/// The listpack of an element's worth of bytes, or the one that a ziplist becomes.
pub(super) fn load_packed<R: Read>(from: In<'_, R>, old: bool) -> Result<Listpack, Error> {
    let bytes = from.string()?;
    if !old {
        return sound_listpack(from, bytes);
    }
    ziplist(&bytes).ok_or_else(|| from.damaged("Ziplist integrity check failed."))
}

fn load_pairs<R: Read>(from: In<'_, R>, old: bool) -> Result<Listpack, Error> {
    let list = load_packed(from, old)?;
    match list.as_packed().len() {
        0 => Err(from.error(Reason::Empty)),
        n if n % 2 == 1 => Err(from.damaged("A listpack of pairs has an odd number of elements")),
        _ => Ok(list),
    }
}

/// Looks at every `step`th element: none may be there twice.
fn refuse_twice<R: Read>(
    from: In<'_, R>,
    list: &Listpack,
    step: usize,
    fault: &'static str,
) -> Result<(), Error> {
    let mut names: Vec<Vec<u8>> =
        list.as_packed().iter().step_by(step).map(|item| item.to_vec()).collect();
    names.sort_unstable();
    match names.is_sorted_by(|one, next| one < next) {
        true => Ok(()),
        false => Err(from.damaged(fault)),
    }
}

pub(super) fn finished_list<R: Read>(
    from: In<'_, R>,
    list: List,
    limits: &Limits,
) -> Result<Value, Error> {
    let mut list = list;
    if list.is_empty() {
        return Err(from.error(Reason::Empty));
    }
    list.settle(limits);
    Ok(Value::List(list))
}

fn load_ziplist_list<R: Read>(from: In<'_, R>, limits: &Limits) -> Result<Value, Error> {
    let mut list = Quicklist::new(limits.list_fill(), limits.list_compress_depth);
    list.append_packed(load_packed(from, true)?);
    finished_list(from, List::Quick(Box::new(list)), limits)
}

fn load_intset<R: Read>(from: In<'_, R>, limits: &Limits) -> Result<Value, Error> {
    let bytes = from.string()?;
    if !IntsetRef::validate(&bytes) {
        return Err(from.damaged("Intset integrity check failed."));
    }
    let mut set = Set::Ints(Intset::from_trusted(bytes));
    set.expect(set.len(), limits);
    Ok(Value::Set(set))
}

fn load_packed_set<R: Read>(from: In<'_, R>, limits: &Limits) -> Result<Value, Error> {
    let list = load_packed(from, false)?;
    if list.as_packed().is_empty() {
        return Err(from.error(Reason::Empty));
    }
    refuse_twice(from, &list, 1, "Duplicate set members detected")?;
    let mut set = Set::Packed(list);
    set.expect(set.len(), limits);
    Ok(Value::Set(set))
}

fn load_zipmap<R: Read>(from: In<'_, R>, limits: &Limits) -> Result<Value, Error> {
    let bytes = from.string()?;
    let pairs = zipmap(&bytes).ok_or_else(|| from.damaged("Zipmap integrity check failed."))?;
    if pairs.is_empty() {
        return Err(from.error(Reason::Empty));
    }
    let mut hash = Hash::default();
    for (field, value) in pairs {
        if !hash.set(field, value, limits) {
            return Err(from.damaged("Hash zipmap with dup elements, or big length (0)"));
        }
    }
    Ok(Value::Hash(hash))
}

fn packed_zset<R: Read>(from: In<'_, R>, list: Listpack, limits: &Limits) -> Result<Value, Error> {
    let number = |score: Item<'_>| match score {
        Item::Int(_) => true,
        Item::Bytes(text) => parse_f64(text).is_some(),
    };
    if !list.as_packed().iter().skip(1).step_by(2).all(number) {
        return Err(from.damaged("A score is no number"));
    }
    refuse_twice(from, &list, 2, MEMBER_TWICE)?;
    let mut pairs: Vec<(Vec<u8>, f64)> = ZSetRef::Packed(list.as_packed())
        .iter()
        .map(|(member, score)| (member.to_vec(), score))
        .collect();
    let behind = |one: &(Vec<u8>, f64), next: &(Vec<u8>, f64)| {
        one.1.partial_cmp(&next.1).map(|order| order.then_with(|| one.0.cmp(&next.0)))
    };
    let in_order = pairs.is_sorted_by(|one, next| behind(one, next).is_some_and(|o| o.is_lt()));
    let mut set = ZSet::Packed(list);
    if !in_order {
        // Nothing is missing, so it is sorted instead of refused.
        pairs.sort_by(|one, next| behind(one, next).expect("no score is NaN"));
        let pairs = pairs.iter().map(|(member, score)| (member.as_slice(), *score));
        set = ZSet::from_sorted(pairs, limits);
    }
    set.expect(set.len(), limits);
    Ok(Value::ZSet(set))
}
