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
            SetRef::Table(table) => table.random(rng).map(Item::Bytes),
        }
    }

    /// `n` independent draws from a set that has members; stops when `f` answers false.
    pub fn draw(self, n: u64, rng: &mut Rng, f: &mut impl FnMut(Item<'a>) -> bool) {
        if let SetRef::Packed(pack) = self
            && n >= LAY_OUT_FROM
        {
            let items: Vec<Item<'a>> = pack.iter().collect();
            let mut pick = || items[rng.below(items.len() as u64) as usize];
            (0..n).all(|_| f(pick()));
            return;
        }
        (0..n).all(|_| self.random(rng).is_some_and(&mut *f));
    }

    /// `n` different members, fewer than there are, each choice of `n` equally likely.
    pub fn sample(self, n: usize, rng: &mut Rng, f: &mut impl FnMut(Item<'a>)) {
        let SetRef::Table(table) = self else {
            return choose(self.iter(), self.len(), n, rng, f);
        };
        if n.saturating_mul(WALK_RATIO) > table.len() {
            return choose(self.iter(), table.len(), n, rng, f);
        }
        // Members do not move, so their addresses tell them apart.
        let mut seen = BTreeSet::new();
        while seen.len() < n {
            let Some(text) = table.random(rng) else { return };
            if seen.insert(text.as_ptr().addr()) {
                f(Item::Bytes(text));
            }
        }
    }
}

/// Walks over `len` items and takes `n` of them: each with the share that is still wanted, which
/// makes every choice equally likely.
fn choose<'a>(
    items: impl Iterator<Item = Item<'a>>,
    len: usize,
    n: usize,
    rng: &mut Rng,
    f: &mut impl FnMut(Item<'a>),
) {
    let mut wanted = n as u64;
    for (item, left) in items.zip((1..=len as u64).rev()) {
        if wanted == 0 {
            return;
        }
        if rng.below(left) < wanted {
            wanted -= 1;
            f(item);
        }
    }
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
            _ if stay.saturating_mul(KEEP_RATIO) > n => {
                for _ in 0..n {
                    self.pop_one(rng, f);
                }
            }
            _ => {
                let mut kept = match self {
                    Set::Ints(_) => Set::Ints(Intset::new()),
                    _ => Set::Packed(Listpack::new()),
                };
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
    let (mut wanted, mut left) = (n as u64, packed.len() as u64);
    for item in packed.iter() {
        if rng.below(left) < wanted {
            wanted -= 1;
            item.with_text(&mut *f);
        } else {
            match item {
                Item::Int(value) => rest.push_int(value),
                Item::Bytes(text) => rest.push(text),
            }
        }
        left -= 1;
    }
    rest
}
