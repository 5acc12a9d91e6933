//! Intersection, union and difference.
//!
//! Sources come as borrowed sets; a missing key is `None`. Results that are stored take the
//! encoding that Redis arrives at, which depends on the way they are computed.

use super::{Set, SetRef};
use crate::ds::intset::Intset;
use crate::ds::listpack::{Item, Listpack};
use crate::value::limits::Limits;

/// What an intersection still needs to know of its sources: the smallest first.
pub struct Inter<'a> {
    smallest: SetRef<'a>,
    others: Vec<SetRef<'a>>,
}

/// Orders the sources of an intersection; none when one of them is missing.
pub fn intersect<'a>(sets: &[Option<SetRef<'a>>]) -> Option<Inter<'a>> {
    let mut all: Vec<SetRef<'a>> = sets.iter().copied().collect::<Option<_>>()?;
    all.sort_by_key(|set| set.len());
    let others = all.split_off(1);
    Some(Inter { smallest: all[0], others })
}

impl<'a> Inter<'a> {
    /// The source that is walked over.
    pub fn smallest(&self) -> SetRef<'a> {
        self.smallest
    }

    /// The members that are in all sources, in the order of the smallest one.
    pub fn iter(&self) -> impl Iterator<Item = Item<'a>> {
        let mut members = self.smallest.iter();
        std::iter::from_fn(move || members.next_in(true, &self.others))
    }

    /// How many of them there are; counting stops at `limit` unless that is 0.
    pub fn count(&self, limit: u64) -> u64 {
        let limit =
            if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
        self.iter().take(limit).count() as u64
    }
}

/// An empty set in the encoding in which an intersection begins to be collected.
pub fn empty_intersection(smallest: SetRef<'_>) -> Set {
    match smallest {
        SetRef::Ints(_) => Set::Ints(Intset::new()),
        _ => Set::Packed(Listpack::new()),
    }
}

/// The intersection as a set of its own.
pub fn store_intersection(inter: &Inter<'_>, limits: &Limits) -> Set {
    let mut result = empty_intersection(inter.smallest);
    let mut only_ints = true;
    for item in inter.iter() {
        only_ints = only_ints && item.as_int().is_some();
        result.insert_item(item, limits);
    }
    if only_ints {
        result.settle_ints(limits);
    }
    result
}

/// The union as a set of its own.
pub fn union(sets: &[Option<SetRef<'_>>], limits: &Limits) -> Set {
    let mut result = Set::default();
    for item in sets.iter().flatten().flat_map(|set| set.iter()) {
        result.insert_item(item, limits);
    }
    result
}

/// How a difference is computed.
pub enum Diff<'a> {
    /// Nothing is left, whatever the sets hold.
    Empty,
    /// Each member of the first set is looked up in the others.
    LookUp(SetRef<'a>, Vec<SetRef<'a>>),
    /// The members of the others are taken out of a copy of the first.
    TakeOut(SetRef<'a>, Vec<SetRef<'a>>),
}

/// Chooses how to subtract all other sets from the first. `first_again` tells that the first set
/// is among the others.
pub fn difference<'a>(sets: &[Option<SetRef<'a>>], first_again: bool) -> Diff<'a> {
    let Some(Some(first)) = sets.first().copied() else { return Diff::Empty };
    if first_again {
        return Diff::Empty;
    }
    let mut others: Vec<SetRef<'a>> = sets[1..].iter().copied().flatten().collect();
    // Looking up stops at the first hit and allocates nothing for what is dropped, so it wins
    // unless it would take more than twice the steps.
    let look_ups = first.len() * (1 + others.len()) / 2;
    let walked = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if look_ups > walked {
        return Diff::TakeOut(first, others);
    }
    // What is to be dropped is most likely found in the largest.
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    Diff::LookUp(first, others)
}

impl Diff<'_> {
    /// How many members are walked over.
    pub fn work(&self) -> usize {
        match self {
            Diff::Empty => 0,
            Diff::LookUp(first, _) => first.len(),
            Diff::TakeOut(first, others) => {
                first.len() + others.iter().map(|set| set.len()).sum::<usize>()
            }
        }
    }

    /// The difference as a set of its own.
    pub fn store(&self, limits: &Limits) -> Set {
        match self {
            Diff::Empty => Set::default(),
            Diff::LookUp(first, others) => {
                let mut result = Set::default();
                for item in look_up(*first, others) {
                    result.insert_item(item, limits);
                }
                result
            }
            Diff::TakeOut(first, others) => {
                let mut result = Set::of_members(*first, limits);
                for set in others {
                    if result.is_empty() {
                        break;
                    }
                    for item in set.iter() {
                        item.with_text(|text| result.remove(text));
                    }
                }
                result
            }
        }
    }

    /// The difference, shown member by member.
    pub fn show(&self, limits: &Limits, f: &mut impl FnMut(Item<'_>)) {
        match self {
            Diff::Empty => {}
            Diff::LookUp(first, others) => look_up(*first, others).for_each(f),
            Diff::TakeOut(..) => self.store(limits).as_ref().iter().for_each(f),
        }
    }
}

fn look_up<'a>(first: SetRef<'a>, others: &[SetRef<'a>]) -> impl Iterator<Item = Item<'a>> {
    let mut members = first.iter();
    std::iter::from_fn(move || members.next_in(false, others))
}
