//! A large set of members ordered by score, then by their bytes, with ranks.
//!
//! ```text
//! table   hash of a member ─▶ score | bytes        one allocation, owned by the table
//! tree    inner nodes with counts ─▶ leaves: score, link ─▶ the same allocation
//! ```
//!
//! The table answers what the score of a member is; the tree answers everything about order in
//! O(log n), also which rank an entry has and which entry a rank. Both hold the same members: each
//! change goes to both here. Scores are never NaN.

mod capture;
mod member;
mod node;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::VecDeque;
use std::ops::Range;

use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::ds::dict::{Dict, Fetch};
use member::{Link, Member};
use node::{Key, Leaf};
use tree::Tree;

/// How far ahead of their use members are fetched.
const AHEAD: usize = 8;

/// A set of members ordered by score.
pub struct Ranked {
    seed: Seed,
    table: Dict<Member>,
    tree: Tree,
    /// Bytes of the members' allocations.
    held: usize,
    /// What is still to be told of an earlier moment.
    capture: Option<Box<capture::Capture>>,
}

impl Ranked {
    /// An empty set.
    pub fn new(seed: Seed) -> Ranked {
        Ranked { seed, table: Dict::new(seed), tree: Tree::new(), held: 0, capture: None }
    }

    /// A set of members that come in order and without repetition.
    pub fn from_sorted<'m>(seed: Seed, pairs: impl Iterator<Item = (&'m [u8], f64)>) -> Ranked {
        let mut set = Ranked::new(seed);
        let (table, held) = (&mut set.table, &mut set.held);
        // Members wait a little, while their buckets are fetched.
        let mut waiting: VecDeque<(u64, Member)> = VecDeque::with_capacity(AHEAD + 1);
        set.tree = Tree::from_sorted(pairs.map(|(bytes, score)| {
            assert!(!score.is_nan(), "scores can be ordered");
            let member = Member::new(bytes, score);
            let link = member.link();
            *held += member.size();
            let hash = table.hash(bytes);
            table.prefetch_bucket(hash);
            waiting.push_back((hash, member));
            if waiting.len() > AHEAD {
                let (hash, member) = waiting.pop_front().expect("there are several");
                table.insert(hash, member);
            }
            Key { score, link }
        }));
        for (hash, member) in waiting {
            table.insert(hash, member);
        }
        set
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held, this struct included; a running sum.
    pub fn bytes(&self) -> usize {
        size_of::<Ranked>() - size_of::<Dict<Member>>()
            + self.table.bytes()
            + self.tree.bytes()
            + self.held
    }

    /// Asks for the cache lines that a search for a member with this hash touches.
    #[inline]
    pub fn fetch(&self, hash: u64, what: Fetch) {
        self.table.fetch(hash, what);
    }

    /// The score of a member.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        let found = self.table.find(self.table.hash(member), member)?;
        Some(found.link().score())
    }

    /// Shows `decide` the score of a member, if it is there, and gives it the score that comes
    /// back, if any.
    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        let hash = self.table.hash(member);
        let Some(found) = self.table.find(hash, member) else {
            if let Some(score) = decide(None) {
                self.add(hash, member, score);
            }
            return;
        };
        let link = found.link();
        let old = Key { score: link.score(), link };
        match decide(Some(old.score)) {
            Some(score) if score != old.score => {
                self.before_change(hash);
                self.rescore(&old, score);
            }
            _ => {}
        }
    }

    fn add(&mut self, hash: u64, bytes: &[u8], score: f64) {
        assert!(!score.is_nan(), "scores can be ordered");
        self.before_change(hash);
        let member = Member::new(bytes, score);
        let link = member.link();
        self.held += member.size();
        self.table.insert(hash, member);
        self.tree.insert(Key { score, link });
    }

    fn rescore(&mut self, old: &Key, score: f64) {
        assert!(!score.is_nan(), "scores can be ordered");
        let new = Key { score, link: old.link };
        self.tree.prefetch(&new);
        if !self.tree.rescore(old, score) {
            self.tree.remove(old);
            self.tree.insert(new);
        }
        old.link.set_score(score);
    }

    /// Puts a member in or moves it; true when it is new.
    pub fn insert(&mut self, member: &[u8], score: f64) -> bool {
        let before = self.len();
        self.update(member, |_| Some(score));
        self.len() > before
    }

    /// Takes a member out and gives its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = self.table.hash(member);
        self.before_change(hash);
        let slot = self.table.find_mut(hash, member)?;
        let link = slot.link();
        let score = link.score();
        self.tree.remove(&Key { score, link });
        self.held -= slot.size();
        drop(slot.remove());
        Some(score)
    }

    /// The rank of a member, from 0, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let found = self.table.find(self.table.hash(member), member)?;
        let link = found.link();
        let score = link.score();
        Some((self.tree.rank(&Key { score, link }), score))
    }

    /// The member at a rank.
    pub fn nth(&self, rank: usize) -> Option<(&[u8], f64)> {
        (rank < self.len()).then(|| {
            let (leaf, at) = self.tree.leaf_at(rank);
            (leaf.links()[at].bytes(), leaf.scores()[at])
        })
    }

    /// How many of the first members `before` holds for. It must hold up to some member and for
    /// none behind it.
    pub fn count_where(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        self.tree.count_where(|score, link| before(score, link.bytes()))
    }

    /// `count_where` by the score alone, which reads no member.
    pub fn count_scores(&self, before: impl Fn(f64) -> bool) -> usize {
        self.tree.count_where(|score, _| before(score))
    }

    /// The members of a range of ranks, from either end.
    pub fn range(&self, ranks: Range<usize>) -> Walk<'_> {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        Walk { set: self, start, end, front: None, back: None }
    }

    /// All members in order.
    pub fn iter(&self) -> Walk<'_> {
        self.range(0..self.len())
    }

    /// Takes a range of ranks out.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        self.before_removal(&ranks);
        let mut links = Vec::with_capacity(ranks.len());
        self.tree.cut(ranks.start, ranks.end, &mut links);
        if self.tree.len() == 0 {
            self.held = 0;
            drop(self.table.take_all());
            return;
        }
        // First the members are fetched, then their buckets, then they are taken out.
        links.iter().take(AHEAD).for_each(Link::prefetch);
        let mut hashes = Vec::with_capacity(AHEAD);
        for (i, chunk) in links.chunks(AHEAD).enumerate() {
            hashes.clear();
            for (j, link) in chunk.iter().enumerate() {
                if let Some(soon) = links.get((i + 1) * AHEAD + j) {
                    soon.prefetch();
                }
                let hash = self.table.hash(link.bytes());
                self.table.prefetch_bucket(hash);
                hashes.push(hash);
            }
            for (link, hash) in chunk.iter().zip(&hashes) {
                let member = self.table.remove(*hash, link.bytes());
                self.held -= member.as_ref().map_or(0, Member::size);
                debug_assert!(member.is_some(), "a member of the tree is in the table");
            }
        }
    }

    /// A member, each with the same probability.
    pub fn random(&self, rng: &mut Rng) -> Option<(&[u8], f64)> {
        if self.is_empty() {
            return None;
        }
        self.nth(rng.below(self.len() as u64) as usize)
    }

    /// One step over the members in the order of their hashes, from `cursor`; returns the next
    /// cursor, 0 at the end. What is there all the time is shown exactly once.
    pub fn scan(&self, cursor: u64, f: &mut impl FnMut(&[u8], f64)) -> u64 {
        self.table.scan(cursor, &mut |member| {
            let link = member.link();
            f(link.bytes(), link.score());
        })
    }

    /// An empty one with the same seed.
    pub fn like(&self) -> Ranked {
        Ranked::new(self.seed)
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Ranked {
        Ranked::from_sorted(self.seed, self.iter())
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        self.tree.check();
        self.table.check();
        assert_eq!(self.table.len(), self.tree.len());
        let mut held = 0;
        for member in self.table.iter() {
            held += member.size();
            let link = member.link();
            assert!(!link.score().is_nan());
            let rank = self.tree.rank(&Key { score: link.score(), link });
            let (leaf, at) = self.tree.leaf_at(rank);
            assert!(leaf.links()[at] == link, "table and tree hold the same members");
        }
        assert_eq!(held, self.held);
    }
}

impl std::fmt::Debug for Ranked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ranked").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The members of a range of ranks, leaf by leaf.
pub struct Walk<'a> {
    set: &'a Ranked,
    start: usize,
    end: usize,
    /// The leaf under the start, and the place of the start in it.
    front: Option<(&'a Leaf, usize)>,
    /// The leaf under the end, and the place behind the end in it.
    back: Option<(&'a Leaf, usize)>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        let (leaf, at) = match self.front {
            Some((leaf, at)) if at < leaf.len() => (leaf, at),
            _ => {
                let (leaf, at) = self.set.tree.leaf_at(self.start);
                let soon = &leaf.links()[at..];
                soon.iter().take(AHEAD.min(self.end - self.start)).for_each(Link::prefetch);
                (leaf, at)
            }
        };
        if at + AHEAD < leaf.len() && self.start + AHEAD < self.end {
            leaf.links()[at + AHEAD].prefetch();
        }
        self.start += 1;
        self.front = Some((leaf, at + 1));
        Some((leaf.links()[at].bytes(), leaf.scores()[at]))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.start, Some(self.end - self.start))
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.start += n.min(self.end - self.start);
        self.front = None;
        self.next()
    }
}

impl DoubleEndedIterator for Walk<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        self.end -= 1;
        let (leaf, behind) = match self.back {
            Some((leaf, behind)) if behind > 0 => (leaf, behind),
            _ => {
                let (leaf, at) = self.set.tree.leaf_at(self.end);
                let soon = leaf.links()[..=at].iter().rev();
                soon.take(AHEAD.min(self.end - self.start)).for_each(Link::prefetch);
                (leaf, at + 1)
            }
        };
        if behind > AHEAD && self.end - self.start >= AHEAD {
            leaf.links()[behind - 1 - AHEAD].prefetch();
        }
        self.back = Some((leaf, behind - 1));
        Some((leaf.links()[behind - 1].bytes(), leaf.scores()[behind - 1]))
    }

    fn nth_back(&mut self, n: usize) -> Option<Self::Item> {
        self.end -= n.min(self.end - self.start);
        self.back = None;
        self.next_back()
    }
}

impl ExactSizeIterator for Walk<'_> {}
