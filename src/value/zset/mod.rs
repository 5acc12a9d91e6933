//! Sorted sets: a listpack of members and scores in order while small, a ranked set beyond.
//!
//! A listpack becomes a ranked set when it would have too many members, or one that is too long
//! (`zset-max-listpack-entries`, `zset-max-listpack-value`); a ranked set never goes back, except
//! where a command builds its result anew. A small listpack lives inside its entry, so readers
//! work on a [`ZSetRef`], which does not care where the bytes are.
//!
//! Everything about order goes through ranks: `range.rs` turns bounds of score or text into them.
//!
//! Invariant: members are unique, in order of score, then of their bytes; no score is NaN.

mod range;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::limits::Limits;
use super::{Collection, PackedKind, Value};
use crate::base::double::{DoubleText, format_f64, parse_f64};
use crate::base::rng::Rng;
use crate::ds::listpack::{self, Item, Listpack, Packed, Pos};
use crate::ds::ranked::{Ranked, Walk};
pub use range::{LexEdge, LexRange, ScoreEdge, ScoreRange};

/// A sorted set outside its entry, or taken out of it to be changed.
#[derive(Debug)]
pub enum ZSet {
    /// Members and scores in turn, in order.
    Packed(Listpack),
    /// Many members, or long ones.
    Ranked(Box<Ranked>),
}

/// A sorted set to be read, wherever it is.
#[derive(Clone, Copy)]
pub enum ZSetRef<'a> {
    /// Members and scores in turn, in order.
    Packed(Packed<'a>),
    /// Many members, or long ones.
    Ranked(&'a Ranked),
}

/// A member and its score.
pub type Scored<'a> = (Item<'a>, f64);

/// The text of a score in a listpack. A zero has no sign there.
#[inline]
fn stored_text(score: f64) -> DoubleText {
    format_f64(if score == 0.0 { 0.0 } else { score })
}

/// The score that a listpack holds. What is no number, which only a damaged file can bring, is 0.
#[inline]
fn stored_score(item: Item<'_>) -> f64 {
    match item {
        Item::Int(n) => n as f64,
        Item::Bytes(text) => parse_f64(text).unwrap_or(0.0),
    }
}

/// Whether what a listpack holds comes behind this text.
#[inline]
fn is_behind(item: Item<'_>, text: &[u8]) -> bool {
    item.with_text(|held| held > text)
}

/// The place of a member and of its score.
#[inline]
fn find(packed: Packed<'_>, member: &[u8]) -> Option<(Pos, Pos)> {
    let at = packed.find(member, 1, packed.first())?;
    Some((at, packed.next(at).expect("a score follows each member")))
}

/// The place of the first member that comes behind a score and a text.
fn place_behind(packed: Packed<'_>, score: f64, member: &[u8]) -> Option<Pos> {
    let mut next = packed.first();
    while let Some(at) = next {
        let held = packed.next(at).expect("a score follows each member");
        let other = stored_score(packed.get(held));
        if other > score || (other == score && is_behind(packed.get(at), member)) {
            return Some(at);
        }
        next = packed.next(held);
    }
    None
}

/// Puts a member that is absent in its place.
fn insert_packed(list: &mut Listpack, member: &[u8], score: f64) {
    let text = stored_text(score);
    match place_behind(list.as_packed(), score, member) {
        Some(at) => {
            list.insert_before(at, member);
            list.insert_after(at, &text);
        }
        None => {
            list.push(member);
            list.push(&text);
        }
    }
}

impl Default for ZSet {
    fn default() -> Self {
        ZSet::Packed(Listpack::new())
    }
}

impl ZSet {
    /// The encoding Redis chooses for a result of members that come in order and without
    /// repetition.
    pub fn from_sorted<'m, I>(pairs: I, limits: &Limits) -> ZSet
    where
        I: Iterator<Item = (&'m [u8], f64)> + Clone,
    {
        let (mut count, mut longest, mut sum) = (0, 0, 0);
        for (member, _) in pairs.clone() {
            count += 1;
            longest = longest.max(member.len());
            sum += member.len();
        }
        let mut list = Listpack::new();
        let small = count <= limits.zset_max_listpack_entries
            && longest <= limits.zset_max_listpack_value
            && list.may_grow(sum);
        if !small {
            return ZSet::Ranked(Box::new(Ranked::from_sorted(limits.seed, pairs)));
        }
        for (member, score) in pairs {
            list.push(member);
            list.push(&stored_text(score));
        }
        ZSet::Packed(list)
    }

    /// The same, borrowed.
    #[inline]
    pub fn as_ref(&self) -> ZSetRef<'_> {
        match self {
            ZSet::Packed(list) => ZSetRef::Packed(list.as_packed()),
            ZSet::Ranked(set) => ZSetRef::Ranked(set),
        }
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Converts ahead of a call that brings so many members, where that is too many for a
    /// listpack. As in Redis, members that come twice, or are there already, count as new ones.
    #[inline]
    pub fn expect(&mut self, more: usize, limits: &Limits) {
        if more > limits.zset_max_listpack_entries && matches!(self, ZSet::Packed(_)) {
            self.in_ranks(limits);
        }
    }

    /// Becomes a listpack if it is small enough for one; for what came from a file.
    pub fn settle(&mut self, limits: &Limits) {
        let ZSet::Ranked(set) = self else { return };
        if set.len() > limits.zset_max_listpack_entries {
            return;
        }
        let pairs: Vec<(&[u8], f64)> = set.iter().collect();
        let again = ZSet::from_sorted(pairs.into_iter(), limits);
        if matches!(again, ZSet::Packed(_)) {
            *self = again;
        }
    }

    /// Shows `decide` the score of a member, if it is there, and gives it the score that comes
    /// back, if any.
    #[inline]
    pub fn update(
        &mut self,
        member: &[u8],
        limits: &Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        let list = match self {
            ZSet::Ranked(set) => return set.update(member, decide),
            ZSet::Packed(list) => list,
        };
        let packed = list.as_packed();
        if let Some((at, held)) = find(packed, member) {
            let old = stored_score(packed.get(held));
            if let Some(score) = decide(Some(old)).filter(|score| *score != old) {
                list.remove_range(at, 2);
                insert_packed(list, member, score);
            }
            return;
        }
        let Some(score) = decide(None) else { return };
        let fits = packed.len() / 2 < limits.zset_max_listpack_entries
            && member.len() <= limits.zset_max_listpack_value
            && list.may_grow(member.len());
        if fits {
            return insert_packed(list, member, score);
        }
        self.in_ranks(limits).insert(member, score);
    }

    /// Puts a member in or moves it.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) {
        self.update(member, limits, |_| Some(score));
    }

    /// Takes a member out and gives its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self {
            ZSet::Ranked(set) => set.remove(member),
            ZSet::Packed(list) => {
                let packed = list.as_packed();
                let (at, held) = find(packed, member)?;
                let score = stored_score(packed.get(held));
                list.remove_range(at, 2);
                Some(score)
            }
        }
    }

    /// Takes a range of ranks out.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        match self {
            ZSet::Ranked(set) => set.remove_range(ranks),
            ZSet::Packed(list) => {
                if let Some(at) = list.as_packed().seek(2 * ranks.start as i64) {
                    list.remove_range(at, 2 * ranks.len());
                }
            }
        }
    }

    /// Converts and gives what it is then.
    fn in_ranks(&mut self, limits: &Limits) -> &mut Ranked {
        if let ZSet::Packed(list) = self {
            let mut set = Ranked::new(limits.seed);
            for (member, score) in ZSetRef::Packed(list.as_packed()).iter() {
                member.with_text(|member| set.insert(member, score));
            }
            *self = ZSet::Ranked(Box::new(set));
        }
        match self {
            ZSet::Ranked(set) => set,
            ZSet::Packed(_) => unreachable!("just converted"),
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        match self {
            ZSet::Packed(_) => "listpack",
            ZSet::Ranked(_) => "skiplist",
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            ZSet::Packed(list) => list.heap_bytes(),
            ZSet::Ranked(set) => set.bytes(),
        }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> ZSet {
        match self {
            ZSet::Packed(list) => ZSet::Packed(list.clone()),
            ZSet::Ranked(set) => ZSet::Ranked(Box::new(set.duplicate())),
        }
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        let list = match self {
            ZSet::Ranked(set) => return set.check(),
            ZSet::Packed(list) => list.as_packed(),
        };
        assert!(Packed::validate(list.bytes()), "well formed");
        assert!(list.len() % 2 == 0, "each member has a score");
        let mut last: Option<(f64, Vec<u8>)> = None;
        for (member, score) in self.as_ref().iter() {
            let this = (score, member.to_vec());
            assert!(last.is_none_or(|last| last < this), "in order, without repetition");
            last = Some(this);
        }
    }
}

impl Collection for ZSet {
    fn of(value: &mut Value) -> Option<&mut Self> {
        match value {
            Value::ZSet(set) => Some(set),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::ZSet(self)
    }

    fn of_packed(kind: PackedKind, bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        match kind {
            PackedKind::ZSetListpack => Ok(ZSet::Packed(Listpack::from_trusted(bytes))),
            _ => Err(bytes),
        }
    }

    fn as_packed(&self) -> Option<(PackedKind, &[u8])> {
        match self {
            ZSet::Packed(list) => Some((PackedKind::ZSetListpack, list.as_packed().bytes())),
            ZSet::Ranked(_) => None,
        }
    }

    fn into_packed_bytes(self) -> Vec<u8> {
        match self {
            ZSet::Packed(list) => list.into_bytes(),
            ZSet::Ranked(_) => Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }
}

impl<'a> ZSetRef<'a> {
    /// Number of members.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ZSetRef::Packed(packed) => packed.len() / 2,
            ZSetRef::Ranked(set) => set.len(),
        }
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(self) -> bool {
        match self {
            ZSetRef::Packed(packed) => packed.is_empty(),
            ZSetRef::Ranked(set) => set.is_empty(),
        }
    }

    /// The score of a member.
    #[inline]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            ZSetRef::Packed(packed) => {
                find(packed, member).map(|(_, held)| stored_score(packed.get(held)))
            }
            ZSetRef::Ranked(set) => set.score(member),
        }
    }

    /// The rank of a member, from 0, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            ZSetRef::Ranked(set) => set.rank(member),
            ZSetRef::Packed(_) => {
                let mut pairs = self.iter();
                let rank = pairs.by_ref().position(|(held, _)| held.eq_text(member))?;
                self.nth(rank).map(|(_, score)| (rank, score))
            }
        }
    }

    /// The member at a rank.
    pub fn nth(self, rank: usize) -> Option<Scored<'a>> {
        match self {
            ZSetRef::Packed(packed) => {
                let at = packed.seek(i64::try_from(rank).ok()?.checked_mul(2)?)?;
                let held = packed.next(at).expect("a score follows each member");
                Some((packed.get(at), stored_score(packed.get(held))))
            }
            ZSetRef::Ranked(set) => {
                set.nth(rank).map(|(member, score)| (Item::Bytes(member), score))
            }
        }
    }

    /// A member, each with the same probability. There must be one.
    pub fn random(self, rng: &mut Rng) -> Scored<'a> {
        let rank = rng.below(self.len() as u64) as usize;
        self.nth(rank).expect("the rank is below the number of members")
    }

    /// The members of a range of ranks, from the first one on or, with `reverse`, from the last.
    pub fn range(self, ranks: Range<usize>, reverse: bool) -> Pairs<'a> {
        match self {
            ZSetRef::Ranked(set) if reverse => Pairs::WalkDown(set.range(ranks).rev()),
            ZSetRef::Ranked(set) => Pairs::WalkUp(set.range(ranks)),
            ZSetRef::Packed(packed) => {
                let end = ranks.end.min(packed.len() / 2);
                let left = end.saturating_sub(ranks.start);
                if reverse {
                    let mut items = packed.iter().rev();
                    let skip = packed.len() - 2 * end;
                    items.by_ref().take(skip).for_each(drop);
                    return Pairs::Down(items, left);
                }
                let first = packed.seek(2 * ranks.start.min(end) as i64);
                match first {
                    Some(at) => Pairs::Up(packed.iter_from(at), left),
                    None => Pairs::Up(packed.iter(), 0),
                }
            }
        }
    }

    /// All members in order.
    #[inline]
    pub fn iter(self) -> Pairs<'a> {
        match self {
            ZSetRef::Packed(packed) => Pairs::Up(packed.iter(), usize::MAX),
            ZSetRef::Ranked(set) => Pairs::WalkUp(set.iter()),
        }
    }

    /// One step over all members from `cursor`; returns the next cursor, 0 at the end. A listpack
    /// is shown whole. `f` is given the text of the score as Redis shows it here: from a ranked
    /// set with 17 digits, though it prints fewer elsewhere.
    pub fn scan(self, cursor: u64, f: &mut impl FnMut(&[u8], &[u8])) -> u64 {
        match self {
            ZSetRef::Packed(_) => {
                for (member, score) in self.iter() {
                    member.with_text(|member| f(member, &stored_text(score)));
                }
                0
            }
            ZSetRef::Ranked(set) => set.scan(cursor, &mut |member, score| {
                f(member, crate::base::double::format_17(score).as_bytes());
            }),
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(self) -> &'static str {
        match self {
            ZSetRef::Packed(_) => "listpack",
            ZSetRef::Ranked(_) => "skiplist",
        }
    }
}

/// Members with their scores, one after the other.
pub enum Pairs<'a> {
    /// So many pairs of a listpack.
    Up(listpack::Iter<'a>, usize),
    /// So many pairs of a listpack, backwards.
    Down(std::iter::Rev<listpack::Iter<'a>>, usize),
    /// Of a ranked set.
    WalkUp(Walk<'a>),
    /// Of a ranked set, backwards.
    WalkDown(std::iter::Rev<Walk<'a>>),
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Scored<'a>;

    #[inline]
    fn next(&mut self) -> Option<Scored<'a>> {
        match self {
            Pairs::WalkUp(walk) => walk.next().map(|(member, score)| (Item::Bytes(member), score)),
            Pairs::WalkDown(walk) => {
                walk.next().map(|(member, score)| (Item::Bytes(member), score))
            }
            Pairs::Up(_, 0) | Pairs::Down(_, 0) => None,
            Pairs::Up(items, left) => {
                *left -= 1;
                let member = items.next()?;
                Some((member, stored_score(items.next()?)))
            }
            Pairs::Down(items, left) => {
                *left -= 1;
                let score = stored_score(items.next()?);
                Some((items.next()?, score))
            }
        }
    }
}
