//! Nodes of the tree: leaves with scores and links, inner nodes with counts.
//!
//! ```text
//! Inner   first score and link of each kid | entries below each kid | kids
//! Leaf    scores | links
//! ```
//!
//! Scores stand in arrays of their own: a search reads a few cache lines of numbers and touches a
//! member only where scores are equal. Those lines are fetched all at once when the way down
//! reaches a node, since each probe of the search waits for the one before it. Both kinds of node
//! are as large as a size class of the allocator.

use super::member::Link;
use crate::ds::dict::prefetch;

/// Entries of a leaf: 1 KB with its length.
pub(super) const LEAF: usize = 63;
/// Kids of an inner node: 2 KB with their number.
pub(super) const FAN: usize = 50;
/// A neighbour with less room than this is not worth moving entries to.
const ROOM_WORTH: usize = 8;

/// A place in the order: by score, then by the member's bytes.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) score: f64,
    pub(super) link: Link,
}

impl Key {
    pub(super) fn is_before(&self, other: &Key) -> bool {
        self.score < other.score
            || (self.score == other.score && self.link.bytes() < other.link.bytes())
    }
}

#[repr(C, align(64))]
pub(super) struct Leaf {
    len: u64,
    scores: [f64; LEAF],
    links: [Link; LEAF],
}

#[repr(C, align(64))]
pub(super) struct Inner {
    len: u64,
    scores: [f64; FAN],
    counts: [u64; FAN],
    links: [Link; FAN],
    kids: [Node; FAN],
}

pub(super) enum Node {
    /// A place without a kid.
    Vacant,
    Leaf(Box<Leaf>),
    Inner(Box<Inner>),
}

/// How many of the entries stand before `key`, or, with `equal`, are `key`.
#[inline]
fn count_to(scores: &[f64], links: &[Link], key: &Key, equal: bool) -> usize {
    let low = scores.partition_point(|score| *score < key.score);
    if low == scores.len() || scores[low] != key.score {
        return low;
    }
    let ties = scores[low..].partition_point(|score| *score == key.score);
    let bytes = key.link.bytes();
    // The very member need not be read to see that it is equal.
    let before = |link: &Link| if *link == key.link { equal } else { link.bytes() < bytes };
    low + links[low..low + ties].partition_point(before)
}

/// Asks for the cache lines of a node that hold its length and its scores.
#[inline]
fn prefetch_scores<T>(node: &T, scores: usize) {
    let start = std::ptr::from_ref(node).cast::<u8>();
    for line in (0..8 + scores * size_of::<f64>()).step_by(64) {
        prefetch(start.wrapping_add(line));
    }
}

/// Makes room at `at` among the first `len` and fills it.
fn insert_at<T: Copy>(all: &mut [T], len: usize, at: usize, value: T) {
    all.copy_within(at..len, at + 1);
    all[at] = value;
}

/// Evens out two neighbours' arrays so that the left has `want`.
fn level<T: Copy>(left: (&mut [T], usize), right: (&mut [T], usize), want: usize) {
    let ((left, left_len), (right, right_len)) = (left, right);
    if want > left_len {
        let moved = want - left_len;
        left[left_len..want].copy_from_slice(&right[..moved]);
        right.copy_within(moved..right_len, 0);
    } else {
        let moved = left_len - want;
        right.copy_within(..right_len, moved);
        right[..moved].copy_from_slice(&left[want..left_len]);
    }
}

impl Leaf {
    pub(super) fn new() -> Box<Leaf> {
        Box::new(Leaf { len: 0, scores: [0.0; LEAF], links: [Link::VACANT; LEAF] })
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn scores(&self) -> &[f64] {
        &self.scores[..self.len()]
    }

    #[inline]
    pub(super) fn links(&self) -> &[Link] {
        &self.links[..self.len()]
    }

    #[inline]
    pub(super) fn key(&self, at: usize) -> Key {
        Key { score: self.scores()[at], link: self.links()[at] }
    }

    /// How many entries stand before `key`.
    pub(super) fn before(&self, key: &Key) -> usize {
        count_to(self.scores(), self.links(), key, false)
    }

    /// The place of an entry that is here.
    #[inline]
    pub(super) fn place_of(&self, key: &Key) -> usize {
        let (scores, links) = (self.scores(), self.links());
        let low = scores.partition_point(|score| *score < key.score);
        if low + 1 == scores.len() || scores[low + 1] != key.score {
            // No other entry has the score, so the links need not be read.
            return low;
        }
        low + count_to(&scores[low..], &links[low..], key, false)
    }

    pub(super) fn insert(&mut self, key: Key) {
        let (len, at) = (self.len(), self.before(&key));
        insert_at(&mut self.scores, len, at, key.score);
        insert_at(&mut self.links, len, at, key.link);
        self.len += 1;
    }

    pub(super) fn push(&mut self, key: Key) {
        self.scores[self.len()] = key.score;
        self.links[self.len()] = key.link;
        self.len += 1;
    }

    /// Takes the entries of a range out.
    pub(super) fn cut(&mut self, from: usize, to: usize) {
        let len = self.len();
        self.scores.copy_within(to..len, from);
        self.links.copy_within(to..len, from);
        self.len -= (to - from) as u64;
    }

    /// Changes the score of an entry that keeps its place.
    pub(super) fn set_score(&mut self, at: usize, score: f64) {
        self.scores[at] = score;
    }

    fn level(&mut self, right: &mut Leaf, want: usize) {
        let (mine, theirs) = (self.len(), right.len());
        level((&mut self.scores, mine), (&mut right.scores, theirs), want);
        level((&mut self.links, mine), (&mut right.links, theirs), want);
        self.len = want as u64;
        right.len = (mine + theirs - want) as u64;
    }
}

impl Inner {
    /// A node without kids.
    pub(super) fn new() -> Box<Inner> {
        Box::new(Inner {
            len: 0,
            scores: [0.0; FAN],
            links: [Link::VACANT; FAN],
            counts: [0; FAN],
            kids: [const { Node::Vacant }; FAN],
        })
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Entries below this node.
    pub(super) fn count(&self) -> usize {
        self.counts[..self.len()].iter().sum::<u64>() as usize
    }

    pub(super) fn kids(&self) -> &[Node] {
        &self.kids[..self.len()]
    }

    /// A kid, which is about to be searched.
    #[inline]
    pub(super) fn kid(&self, i: usize) -> &Node {
        let kid = &self.kids[..self.len()][i];
        kid.prefetch();
        kid
    }

    #[inline]
    pub(super) fn kid_mut(&mut self, i: usize) -> &mut Node {
        let len = self.len();
        &mut self.kids[..len][i]
    }

    /// Entries below the first `n` kids.
    #[inline]
    pub(super) fn count_before(&self, n: usize) -> usize {
        self.counts[..n].iter().sum::<u64>() as usize
    }

    #[inline]
    pub(super) fn count_of(&self, i: usize) -> usize {
        self.counts[i] as usize
    }

    pub(super) fn add_count(&mut self, i: usize, more: i64) {
        self.counts[i] = self.counts[i].wrapping_add_signed(more);
    }

    /// The first entry below kid `i`.
    #[inline]
    pub(super) fn first_of(&self, i: usize) -> Key {
        Key { score: self.scores[..self.len()][i], link: self.links[..self.len()][i] }
    }

    pub(super) fn set_first_of(&mut self, i: usize, key: Key) {
        self.scores[i] = key.score;
        self.links[i] = key.link;
    }

    /// The kid that has `key`, or would have it.
    #[inline]
    pub(super) fn kid_with(&self, key: &Key) -> usize {
        let len = self.len();
        count_to(&self.scores[..len], &self.links[..len], key, true).saturating_sub(1)
    }

    /// The last kid whose first entry satisfies `before`, which holds up to some entry.
    #[inline]
    pub(super) fn kid_where(&self, before: &mut impl FnMut(f64, &Link) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if before(self.scores[middle], &self.links[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }

    /// The kid below which the entry at `rank` is, and its rank there.
    #[inline]
    pub(super) fn kid_at(&self, mut rank: usize) -> (usize, usize) {
        for (i, count) in self.counts[..self.len()].iter().enumerate() {
            let count = *count as usize;
            if rank < count {
                return (i, rank);
            }
            rank -= count;
        }
        unreachable!("the rank is below the count")
    }

    pub(super) fn push(&mut self, kid: Node) {
        let at = self.len();
        self.insert(at, kid);
    }

    fn insert(&mut self, at: usize, kid: Node) {
        let (len, first, count) = (self.len(), kid.first(), kid.count() as u64);
        insert_at(&mut self.scores, len, at, first.score);
        insert_at(&mut self.links, len, at, first.link);
        insert_at(&mut self.counts, len, at, count);
        self.kids[at..=len].rotate_right(1);
        self.kids[at] = kid;
        self.len += 1;
    }

    /// Takes a range of kids out and drops them.
    pub(super) fn cut_kids(&mut self, from: usize, to: usize) {
        let len = self.len();
        self.scores.copy_within(to..len, from);
        self.links.copy_within(to..len, from);
        self.counts.copy_within(to..len, from);
        self.kids[from..to].fill_with(|| Node::Vacant);
        self.kids[from..len].rotate_left(to - from);
        self.len -= (to - from) as u64;
    }

    /// Reads first entry and count of a kid again.
    pub(super) fn refresh(&mut self, i: usize) {
        let (first, count) = (self.kids[i].first(), self.kids[i].count() as u64);
        self.set_first_of(i, first);
        self.counts[i] = count;
    }

    fn level(&mut self, right: &mut Inner, want: usize) {
        let (mine, theirs) = (self.len(), right.len());
        level((&mut self.scores, mine), (&mut right.scores, theirs), want);
        level((&mut self.links, mine), (&mut right.links, theirs), want);
        level((&mut self.counts, mine), (&mut right.counts, theirs), want);
        if want > mine {
            let moved = want - mine;
            self.kids[mine..want].swap_with_slice(&mut right.kids[..moved]);
            right.kids[..theirs].rotate_left(moved);
        } else {
            let moved = mine - want;
            right.kids[..theirs + moved].rotate_right(moved);
            right.kids[..moved].swap_with_slice(&mut self.kids[want..mine]);
        }
        self.len = want as u64;
        right.len = (mine + theirs - want) as u64;
    }

    /// Evens out kids `i` and `i + 1` so that the first has `want`.
    fn level_kids(&mut self, i: usize, want: usize) {
        let (left, right) = self.kids.split_at_mut(i + 1);
        match (&mut left[i], &mut right[0]) {
            (Node::Leaf(left), Node::Leaf(right)) => left.level(right, want),
            (Node::Inner(left), Node::Inner(right)) => left.level(right, want),
            _ => unreachable!("kids of a node are of one kind"),
        }
        if want > 0 {
            self.refresh(i);
        }
        if self.kids[i + 1].len() > 0 {
            self.refresh(i + 1);
        }
    }

    /// Makes room in kid `i`, which is full: a neighbour takes some, or it splits. `last` tells
    /// that what comes goes to its end, and is likely to go on so. Tells what was added.
    pub(super) fn make_room(&mut self, i: usize, last: bool) -> Added {
        let cap = self.kids[i].capacity();
        let room = |at: usize| cap - self.kids[at].len();
        if i > 0 && room(i - 1) >= ROOM_WORTH {
            let want = cap - room(i - 1) / 2;
            self.level_kids(i - 1, want);
            return Added::Nothing;
        }
        if i + 1 < self.len() && room(i + 1) >= ROOM_WORTH {
            let want = cap - room(i + 1) / 2;
            self.level_kids(i, want);
            return Added::Nothing;
        }
        // No inner node may have a single kid.
        let least = if matches!(self.kids[i], Node::Inner(_)) { 2 } else { 1 };
        let keep = if last && i + 1 == self.len() { cap - least } else { cap / 2 };
        let added = self.kids[i].split_off(keep);
        self.refresh(i);
        let kind = added.kind();
        self.insert(i + 1, added);
        kind
    }

    /// Gives kid `i`, which is poor, some of a neighbour's, or merges the two. Tells what was
    /// removed.
    pub(super) fn enrich(&mut self, i: usize) -> Added {
        let i = if i + 1 < self.len() { i } else { i - 1 };
        let both = self.kids[i].len() + self.kids[i + 1].len();
        if both > self.kids[i].capacity() * 3 / 4 {
            self.level_kids(i, both / 2);
            return Added::Nothing;
        }
        self.level_kids(i, both);
        let kind = self.kids[i].kind();
        self.cut_kids(i + 1, i + 2);
        kind
    }
}

/// What a change of structure added or removed one of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    Nothing,
    Leaf,
    Inner,
}

impl Node {
    fn kind(&self) -> Added {
        match self {
            Node::Vacant => Added::Nothing,
            Node::Leaf(_) => Added::Leaf,
            Node::Inner(_) => Added::Inner,
        }
    }

    /// Entries of a leaf, kids of an inner node.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Node::Vacant => 0,
            Node::Leaf(leaf) => leaf.len(),
            Node::Inner(inner) => inner.len(),
        }
    }

    #[inline]
    fn capacity(&self) -> usize {
        if matches!(self, Node::Inner(_)) { FAN } else { LEAF }
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// Asks for what a search in it will read.
    #[inline]
    pub(super) fn prefetch(&self) {
        match self {
            Node::Vacant => {}
            Node::Leaf(leaf) => prefetch_scores(&**leaf, LEAF),
            Node::Inner(inner) => prefetch_scores(&**inner, FAN),
        }
    }

    /// Whether it holds so little that it should share with a neighbour.
    #[inline]
    pub(super) fn is_poor(&self) -> bool {
        self.len() <= self.capacity() / 3
    }

    /// Entries in it and below.
    pub(super) fn count(&self) -> usize {
        match self {
            Node::Vacant => 0,
            Node::Leaf(leaf) => leaf.len(),
            Node::Inner(inner) => inner.count(),
        }
    }

    /// The first entry in it or below. There must be one.
    pub(super) fn first(&self) -> Key {
        match self {
            Node::Vacant => unreachable!("a vacant place has no entries"),
            Node::Leaf(leaf) => leaf.key(0),
            Node::Inner(inner) => inner.first_of(0),
        }
    }

    /// Moves all behind the first `keep` to a new node.
    fn split_off(&mut self, keep: usize) -> Node {
        match self {
            Node::Vacant => unreachable!("a vacant place is never full"),
            Node::Leaf(leaf) => {
                let mut right = Leaf::new();
                leaf.level(&mut right, keep);
                Node::Leaf(right)
            }
            Node::Inner(inner) => {
                let mut right = Inner::new();
                inner.level(&mut right, keep);
                Node::Inner(right)
            }
        }
    }
}
