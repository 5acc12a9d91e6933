//! Random members: with repetition, without, and taken out.
//!
//! Every draw is uniform, whatever the encoding and however much was deleted before.

use super::{Set, SetRef};
use crate::base::rng::Rng;
use crate::ds::intset::Intset;
use crate::ds::listpack::{Item, Listpack};
use crate::value::limits::Limits;
use std::collections::BTreeSet;

/// From this many draws on a listpack is laid out first instead of walked for each.
const LAY_OUT_FROM: u64 = 4;

/// When fewer than one in so many members stay, those are picked and not the ones that go.
const KEEP_RATIO: usize = 5;

/// When more than one in so many members are wanted, the whole set is walked once.
const WALK_RATIO: usize = 3;

impl<'a> SetRef<'a> {
    /// A member, each equally likely; none in an empty set.
    pub fn random(self, rng: &mut Rng) -> Option<Item<'a>> {
        match self {
            SetRef::Ints(set) => set.random(rng).map(Item::Int),
            SetRef::Packed(pack) if pack.is_empty() => None,
            SetRef::Packed(pack) => {
                let place = rng.below(pack.len() as u64) as i64;
                pack.seek(place).map(|pos| pack.get(pos))
            }
            SetRef::Table(table) => table.random(rng),
        }
    }

    /// `n` independent draws from a set that has members.
    pub fn draw(self, n: u64, rng: &mut Rng, f: &mut impl FnMut(Item<'a>)) {
        match self {
            SetRef::Packed(pack) if n >= LAY_OUT_FROM => {
                let items: Vec<Item<'a>> = pack.iter().collect();
                let mut pick = || items[rng.below(items.len() as u64) as usize];
                (0..n).for_each(|_| f(pick()));
            }
            _ => (0..n).for_each(|_| self.random(rng).into_iter().for_each(&mut *f)),
        }
    }

    /// `n` different members, no more than there are, each choice of `n` equally likely.
    pub fn sample(self, n: usize, rng: &mut Rng, f: &mut impl FnMut(Item<'a>)) {
        let SetRef::Table(table) = self else {
            return choose(self.iter(), self.len(), n, rng, f);
        };
        if n.saturating_mul(WALK_RATIO) > table.len() {
            return choose(self.iter(), table.len(), n, rng, f);
        }
        // Members do not move, so their addresses tell them apart; integers have none.
        let mut seen = BTreeSet::new();
        while seen.len() < n {
            let Some(item) = table.random(rng) else { return };
            let unseen = match item {
                Item::Int(value) => seen.insert((true, value as u64)),
                Item::Bytes(text) => seen.insert((false, text.as_ptr().addr() as u64)),
            };
            if unseen {
                f(item);
            }
        }
    }
}

/// A part of a whole that is walked over once: each thing is taken with the share of what is still
/// wanted in what is still to come, which makes every choice of so many equally likely.
pub struct Share {
    wanted: u64,
    left: u64,
}

impl Share {
    /// So many of `of` things.
    pub fn new(wanted: usize, of: usize) -> Share {
        Share { wanted: wanted as u64, left: of as u64 }
    }

    /// Whether the next one is taken.
    #[inline]
    pub fn takes(&mut self, rng: &mut Rng) -> bool {
        let taken = self.wanted >= self.left || rng.below(self.left) < self.wanted;
        self.wanted -= u64::from(taken);
        self.left -= 1;
        taken
    }
}

/// Shows `n` of `len` items.
fn choose<'a>(
    items: impl Iterator<Item = Item<'a>>,
    len: usize,
    n: usize,
    rng: &mut Rng,
    f: &mut impl FnMut(Item<'a>),
) {
    let mut share = Share::new(n, len);
    items.filter(|_| share.takes(rng)).for_each(f);
}

/// Whether a set of `len` members of which `n` are taken out stays where it is, rather than that
/// those that stay move to a new one.
pub fn keeps_place(len: usize, n: usize) -> bool {
    len.saturating_sub(n).saturating_mul(KEEP_RATIO) > n
}

impl Set {
    /// Takes out `n` members, fewer than there are, each choice equally likely, and shows them.
    ///
    /// Where few stay behind they move to a new set, which is small again if they are few: Redis
    /// does so, and `OBJECT ENCODING` tells.
    pub fn pop(&mut self, n: usize, rng: &mut Rng, limits: &Limits, f: &mut impl FnMut(&[u8])) {
        let stay = self.len().saturating_sub(n);
        match self {
            Set::Packed(pack) => {
                let rest = split_packed(pack, n, rng, f);
                *pack = rest;
            }
            _ if keeps_place(self.len(), n) => {
                for _ in 0..n {
                    self.pop_one(rng, f);
                }
            }
            _ => {
                let mut kept = self.like_small();
                for _ in 0..stay {
                    self.pop_one(rng, &mut |text| {
                        kept.insert(text, limits);
                    });
                }
                let gone = std::mem::replace(self, kept);
                gone.as_ref().iter().for_each(|item| item.with_text(&mut *f));
            }
        }
    }

    /// An empty set in the smallest encoding that members of this one may have.
    pub fn like_small(&self) -> Set {
        match self {
            Set::Ints(_) => Set::Ints(Intset::new()),
            _ => Set::Packed(Listpack::new()),
        }
    }

    /// Takes out one member and shows it.
    pub fn pop_one(&mut self, rng: &mut Rng, f: &mut impl FnMut(&[u8])) {
        let Some(item) = self.as_ref().random(rng) else { return };
        let text = item.to_vec();
        self.remove(&text);
        f(&text);
    }
}

/// Shows `n` elements and returns the others.
fn split_packed(pack: &Listpack, n: usize, rng: &mut Rng, f: &mut impl FnMut(&[u8])) -> Listpack {
    let packed = pack.as_packed();
    let mut rest = Listpack::new();
    let mut share = Share::new(n, packed.len());
    for item in packed.iter() {
        if share.takes(rng) {
            item.with_text(&mut *f);
        } else {
            match item {
                Item::Int(value) => rest.push_int(value),
                Item::Bytes(text) => rest.push(text),
            }
        }
    }
    rest
}
