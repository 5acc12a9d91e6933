//! What is due next: an ordered multiset of (deadline, half of a key's hash).
//!
//! Items lie in leaves of up to 128 under a tree, 8 bytes each: a leaf holds its earliest deadline
//! and for each item the distance from it. Only a leaf that spans more than 49 days takes 12 bytes
//! an item. A leaf's key in the tree is a lower bound of its items, and equal items never lie in
//! two leaves; so an item belongs to the last leaf whose key is not above it.
//!
//! A few items may rest: they count, can be removed and evicted as all others, but nobody is told
//! of them as due before a time of their own. They stand in a list beside the tree until then.
//!
//! ```text
//! tree:   (deadline, hash) -> leaf         leaf:  base, [(deadline - base, hash), ..] sorted
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use crate::base::rng::Rng;
use crate::ds::dict::fetch_all;

/// Items in a leaf, unless all of them are equal.
const LEAF_MAX: usize = 128;
/// A leaf with fewer looks for a neighbour to join.
const LEAF_POOR: usize = 32;
/// Neighbours that join must not hold more together.
const JOINED_MAX: usize = 96;
/// Memory of the tree for each leaf: key, leaf and a node's own part, in nodes two thirds full.
const TREE_BYTES_A_LEAF: usize = 80;
/// Items that may rest at a time: a search through them is short.
const RESTING_MAX: usize = 256;
/// The lowest item, a lower bound of any leaf.
const LOWEST: Item = (i64::MIN, 0);

type Item = (i64, u32);

/// A deadline in 8 bytes of 4-byte alignment, so that an item with hash takes 12.
#[derive(Clone, Copy, Debug)]
struct Wide {
    high: i32,
    low: u32,
    hash: u32,
}

impl Wide {
    fn new((at_ms, hash): Item) -> Wide {
        Wide { high: (at_ms >> 32) as i32, low: at_ms as u32, hash }
    }

    fn item(self) -> Item {
        (i64::from(self.high) << 32 | i64::from(self.low), self.hash)
    }
}

#[derive(Debug)]
enum Leaf {
    /// Distance from the base in ms, and hash.
    Narrow { base: i64, items: Vec<(u32, u32)> },
    /// Deadlines too far apart for that.
    Wide { items: Vec<Wide> },
}

/// Deadlines of keys by time. An item is a deadline in ms and the top 32 bits of the key's hash;
/// the same item may be in it several times.
#[derive(Debug, Default)]
pub struct Deadlines {
    leaves: BTreeMap<Item, Leaf>,
    /// Items that rest, and until when, ms; in the order they came.
    resting: VecDeque<(i64, Item)>,
    len: usize,
    /// Memory of the leaves' items.
    item_bytes: usize,
}

/// Capacity for so many items: steps that match the allocator's size classes, none of which
/// leaves much room.
fn capacity_for(len: usize) -> usize {
    match len {
        0..=2 => len,
        3..=16 => len.next_multiple_of(2),
        17..=32 => len.next_multiple_of(4),
        33..=64 => len.next_multiple_of(8),
        _ => len.next_multiple_of(16),
    }
}

fn reserve_one<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact(capacity_for(items.len() + 1) - items.len());
    }
}

/// Gives memory back once two steps of capacity are unused.
fn give_back<T>(items: &mut Vec<T>) {
    let enough = capacity_for(items.len() + 1);
    if items.capacity() > capacity_for(enough + 1) {
        items.shrink_to(enough);
    }
}

impl Leaf {
    /// A leaf of sorted items, in the narrower form that fits, with no room to spare.
    fn new(items: &[Item]) -> Leaf {
        let (first, last) = (items[0].0, items[items.len() - 1].0);
        if Leaf::distance(first, last).is_some() {
            let near = |&(at_ms, hash): &Item| (at_ms.wrapping_sub(first) as u32, hash);
            Leaf::Narrow { base: first, items: items.iter().map(near).collect() }
        } else {
            Leaf::Wide { items: items.iter().copied().map(Wide::new).collect() }
        }
    }

    fn distance(base: i64, at_ms: i64) -> Option<u32> {
        if at_ms < base {
            return None;
        }
        u32::try_from(at_ms.wrapping_sub(base) as u64).ok()
    }

    fn len(&self) -> usize {
        match self {
            Leaf::Narrow { items, .. } => items.len(),
            Leaf::Wide { items } => items.len(),
        }
    }

    fn get(&self, index: usize) -> Item {
        match self {
            Leaf::Narrow { base, items } => {
                (base.wrapping_add(i64::from(items[index].0)), items[index].1)
            }
            Leaf::Wide { items } => items[index].item(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Leaf::Narrow { items, .. } => items.capacity() * size_of::<(u32, u32)>(),
            Leaf::Wide { items } => items.capacity() * size_of::<Wide>(),
        }
    }

    /// Asks for all items at once. A search waits for four lines of memory one after the other, and
    /// moving what is behind an item that is removed for as many more.
    fn fetch(&self) {
        match self {
            Leaf::Narrow { items, .. } => fetch_all(items.as_slice()),
            Leaf::Wide { items } => fetch_all(items.as_slice()),
        }
    }

    /// Index of the first item that is not below this one.
    fn place_of(&self, item: Item) -> usize {
        match self {
            Leaf::Narrow { base, items } => match Leaf::distance(*base, item.0) {
                Some(near) => items.partition_point(|&there| there < (near, item.1)),
                None if item.0 < *base => 0,
                None => items.len(),
            },
            Leaf::Wide { items } => items.partition_point(|there| there.item() < item),
        }
    }

    fn to_items(&self) -> Vec<Item> {
        (0..self.len()).map(|index| self.get(index)).collect()
    }

    fn insert(&mut self, index: usize, item: Item) {
        match self {
            Leaf::Narrow { base, items } => {
                if let Some(near) = Leaf::distance(*base, item.0) {
                    reserve_one(items);
                    items.insert(index, (near, item.1));
                } else {
                    // Another base or the wide form.
                    let mut all = self.to_items();
                    all.insert(index, item);
                    *self = Leaf::new(&all);
                }
            }
            Leaf::Wide { items } => {
                reserve_one(items);
                items.insert(index, Wide::new(item));
            }
        }
    }

    fn remove(&mut self, index: usize) {
        match self {
            Leaf::Narrow { items, .. } => {
                items.remove(index);
                give_back(items);
            }
            Leaf::Wide { items } => {
                items.remove(index);
                give_back(items);
            }
        }
    }

    /// Takes off the part from about `at` on and returns it; `None` if all items are equal.
    fn split(&mut self, at: usize) -> Option<(Item, Leaf)> {
        let items = self.to_items();
        // Equal items stay together: the boundary moves to where neighbours differ.
        let differs = |&at: &usize| items[at - 1] != items[at];
        let at = (at..items.len()).find(differs).or_else(|| (1..at).rev().find(differs))?;
        *self = Leaf::new(&items[..at]);
        Some((items[at], Leaf::new(&items[at..])))
    }
}

impl Deadlines {
    /// An empty index.
    pub fn new() -> Deadlines {
        Deadlines::default()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory of the index; the part of the tree is an estimate.
    pub fn bytes(&self) -> usize {
        let resting = self.resting.capacity() * size_of::<(i64, Item)>();
        size_of::<Self>() + self.item_bytes + self.leaves.len() * TREE_BYTES_A_LEAF + resting
    }

    /// Adds an item.
    pub fn insert(&mut self, at_ms: i64, hash_top32: u32) {
        let item = (at_ms, hash_top32);
        self.len += 1;
        let Some((_, leaf)) = self.leaves.range_mut(..=item).next_back() else {
            self.insert_lowest(item);
            return;
        };
        let (index, len) = (leaf.place_of(item), leaf.len());
        if len < LEAF_MAX {
            self.item_bytes -= leaf.bytes();
            leaf.insert(index, item);
            self.item_bytes += leaf.bytes();
        } else {
            self.insert_into_full(item, index);
        }
    }

    /// Removes one such item; false if there is none.
    pub fn remove(&mut self, at_ms: i64, hash_top32: u32) -> bool {
        let item = (at_ms, hash_top32);
        self.remove_from_tree(item) || self.remove_resting(item)
    }

    /// Lets one such item rest until `until_ms`, unless enough of them do.
    pub fn rest(&mut self, at_ms: i64, hash_top32: u32, until_ms: i64) {
        let item = (at_ms, hash_top32);
        if self.resting.len() < RESTING_MAX && self.remove_from_tree(item) {
            self.resting.push_back((until_ms, item));
            self.len += 1;
        }
    }

    /// Ends the rest of the items whose time has come.
    #[inline]
    pub fn wake(&mut self, now_ms: i64) {
        while let Some(&(until_ms, item)) = self.resting.front() {
            if until_ms >= now_ms {
                return;
            }
            self.resting.pop_front();
            self.len -= 1;
            self.insert(item.0, item.1);
        }
    }

    /// When the first item is due, or its rest ends.
    pub fn next_ms(&self) -> Option<i64> {
        let woken_ms = self.resting.front().map(|(until_ms, _)| *until_ms);
        self.first().map(|(at_ms, _)| at_ms).into_iter().chain(woken_ms).min()
    }

    fn remove_resting(&mut self, item: Item) -> bool {
        let place = self.resting.iter().position(|(_, resting)| *resting == item);
        self.len -= usize::from(place.is_some());
        place.is_some_and(|place| self.resting.remove(place).is_some())
    }

    fn remove_from_tree(&mut self, item: Item) -> bool {
        let Some((&key, leaf)) = self.leaves.range_mut(..=item).next_back() else { return false };
        leaf.fetch();
        let index = leaf.place_of(item);
        if index == leaf.len() || leaf.get(index) != item {
            return false;
        }
        self.item_bytes -= leaf.bytes();
        leaf.remove(index);
        self.item_bytes += leaf.bytes();
        let left = leaf.len();
        self.removed_from(key, left);
        true
    }

    /// The earliest item of those that do not rest.
    pub fn first(&self) -> Option<(i64, u32)> {
        self.leaves.first_key_value().map(|(_, leaf)| leaf.get(0))
    }

    /// An item that does not rest, drawn from the leaf behind the place `after` or from the first
    /// one, and the leaf's place to go on from: in so many calls as there are leaves each of them
    /// comes up once.
    pub fn pick_after(
        &self,
        after: Option<(i64, u32)>,
        rng: &mut Rng,
    ) -> Option<((i64, u32), (i64, u32))> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.leaves.range((from, Bound::Unbounded)).next();
        let (place, leaf) = next.or_else(|| self.leaves.first_key_value())?;
        Some((*place, leaf.get(rng.below(leaf.len() as u64) as usize)))
    }

    /// Removes and returns the earliest item if its deadline is not after `now_ms`.
    pub fn pop_due(&mut self, now_ms: i64) -> Option<(i64, u32)> {
        let mut entry = self.leaves.first_entry()?;
        let key = *entry.key();
        let leaf = entry.get_mut();
        let item = leaf.get(0);
        if item.0 > now_ms {
            return None;
        }
        self.item_bytes -= leaf.bytes();
        leaf.remove(0);
        self.item_bytes += leaf.bytes();
        let left = leaf.len();
        self.removed_from(key, left);
        Some(item)
    }

    /// All items: those that rest, then the others in order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        let resting = self.resting.iter().map(|(_, item)| *item);
        let others = self.leaves.values();
        resting.chain(others.flat_map(|leaf| (0..leaf.len()).map(|index| leaf.get(index))))
    }

    /// Moves everything to an index of its own; this one is empty then.
    pub fn take_all(&mut self) -> Deadlines {
        std::mem::take(self)
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        let (mut len, mut bytes) = (0, 0);
        let mut before: Option<Item> = None;
        for (&key, leaf) in &self.leaves {
            let items = leaf.to_items();
            assert!(!items.is_empty(), "empty leaf");
            assert!(items.is_sorted() && key <= items[0], "order in a leaf");
            assert!(before.is_none_or(|before| before < key), "order of leaves");
            assert!(items.len() <= LEAF_MAX || items[0] == items[items.len() - 1], "leaf size");
            before = items.last().copied();
            len += items.len();
            bytes += leaf.bytes();
        }
        assert!(self.resting.len() <= RESTING_MAX, "too many rest");
        assert_eq!((len + self.resting.len(), bytes), (self.len, self.item_bytes));
    }

    /// For an item below the first leaf's bound, or the first of all.
    #[cold]
    fn insert_lowest(&mut self, item: Item) {
        match self.leaves.pop_first() {
            // The bound goes all the way down, lest descending deadlines move it each time.
            Some((_, leaf)) => {
                self.leaves.insert(LOWEST, leaf);
                self.len -= 1;
                self.insert(item.0, item.1);
            }
            None => self.add_leaf(item, Leaf::new(&[item])),
        }
    }

    #[cold]
    fn insert_into_full(&mut self, item: Item, index: usize) {
        let (_, leaf) = self.leaves.range_mut(..=item).next_back().expect("the leaf is there");
        self.item_bytes -= leaf.bytes();
        // Deadlines mostly come in rising order, from a few usual lifetimes: what is added near
        // the end of a full leaf starts a new one, and the old one stays nearly full.
        let at = if index >= LEAF_MAX / 8 * 7 { index } else { LEAF_MAX / 2 };
        leaf.insert(index, item);
        let upper = leaf.split(at);
        self.item_bytes += leaf.bytes();
        if let Some((key, upper)) = upper {
            self.add_leaf(key, upper);
        }
    }

    fn add_leaf(&mut self, key: Item, leaf: Leaf) {
        self.item_bytes += leaf.bytes();
        self.leaves.insert(key, leaf);
    }

    /// Keeps leaves from becoming many and small; `left` is what the leaf still holds.
    fn removed_from(&mut self, key: Item, left: usize) {
        self.len -= 1;
        if left == 0 {
            let leaf = self.leaves.remove(&key).expect("just seen");
            self.item_bytes -= leaf.bytes();
        } else if left < LEAF_POOR && left.is_multiple_of(8) {
            self.join_poor(key);
        }
    }

    /// Joins a leaf with the one after it or else the one before it, if they fit together.
    #[cold]
    fn join_poor(&mut self, key: Item) {
        let leaf = &self.leaves[&key];
        let fits = |other: &Leaf| leaf.len() + other.len() <= JOINED_MAX;
        let after = self.leaves.range(key..).nth(1).filter(|(_, other)| fits(other));
        let before = || self.leaves.range(..key).next_back().filter(|(_, other)| fits(other));
        let (left, right) = match after {
            Some((&right, _)) => (key, right),
            None => match before() {
                Some((&left, _)) => (left, key),
                None => return,
            },
        };
        let upper = self.leaves.remove(&right).expect("just seen");
        let lower = self.leaves.get_mut(&left).expect("just seen");
        self.item_bytes -= upper.bytes() + lower.bytes();
        let mut items = lower.to_items();
        items.extend(upper.to_items());
        *lower = Leaf::new(&items);
        self.item_bytes += lower.bytes();
    }
}

#[cfg(test)]
#[path = "deadlines_tests.rs"]
mod tests;
