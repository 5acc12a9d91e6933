//! The order of a ranked set: a B+-tree whose inner nodes count the entries below each kid.
//!
//! Entries are sorted by score, then by the member's bytes. All leaves are at one depth; no node is
//! empty, and an inner node that is not the root has two kids at least. Ways down change what they
//! pass: a full node is relieved before an insertion enters it, a poor one enriched before a
//! removal does, so there is no way back up.

use super::member::Link;
use super::node::{Added, FAN, Inner, Key, LEAF, Leaf, Node};

/// What bulk building puts into a node: nearly full, so that the next insertions do not split all.
const FILL_LEAF: usize = LEAF - 3;
const FILL_INNER: usize = FAN - 2;

pub(super) struct Tree {
    root: Node,
    len: usize,
    leaves: usize,
    inners: usize,
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree { root: Node::Leaf(Leaf::new()), len: 0, leaves: 1, inners: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the nodes.
    pub(super) fn bytes(&self) -> usize {
        self.leaves * size_of::<Leaf>() + self.inners * size_of::<Inner>()
    }

    fn book(&mut self, added: Added, n: isize) {
        match added {
            Added::Nothing => {}
            Added::Leaf => self.leaves = self.leaves.wrapping_add_signed(n),
            Added::Inner => self.inners = self.inners.wrapping_add_signed(n),
        }
    }

    /// Puts an entry in.
    pub(super) fn insert(&mut self, key: Key) {
        if self.root.is_full() {
            let mut root = Inner::new();
            root.push(std::mem::replace(&mut self.root, Node::Vacant));
            self.root = Node::Inner(root);
            self.inners += 1;
        }
        self.len += 1;
        let mut added = [Added::Nothing; MAX_DEPTH];
        let mut depth = 0;
        let mut node = &mut self.root;
        loop {
            match node {
                Node::Vacant => unreachable!("kids are looked at below the length"),
                Node::Leaf(leaf) => {
                    leaf.insert(key);
                    break;
                }
                Node::Inner(inner) => {
                    let mut i = inner.kid_with(&key);
                    if inner.kid(i).is_full() {
                        let last = i + 1 == inner.len() && goes_last(inner.kid(i), &key);
                        added[depth] = inner.make_room(i, last);
                        i = inner.kid_with(&key);
                    }
                    inner.add_count(i, 1);
                    if i == 0 && key.is_before(&inner.first_of(0)) {
                        inner.set_first_of(0, key);
                    }
                    depth += 1;
                    node = inner.kid_mut(i);
                }
            }
        }
        for kind in added {
            self.book(kind, 1);
        }
    }

    /// Takes out an entry that is there.
    pub(super) fn remove(&mut self, key: &Key) {
        let mut gone = Gone::default();
        remove(&mut self.root, key, &mut gone);
        self.len -= 1;
        self.account(&gone);
        self.collapse();
    }

    fn account(&mut self, gone: &Gone) {
        self.leaves -= gone.leaves;
        self.inners -= gone.inners;
    }

    fn collapse(&mut self) {
        while let Node::Inner(inner) = &mut self.root {
            match inner.len() {
                0 => self.root = Node::Leaf(Leaf::new()),
                1 => self.root = std::mem::replace(inner.kid_mut(0), Node::Vacant),
                _ => break,
            }
            self.inners -= 1;
            self.leaves += usize::from(self.len == 0);
        }
    }

    /// Changes the score of an entry if it can keep its place; false when it cannot.
    pub(super) fn rescore(&mut self, key: &Key, score: f64) -> bool {
        let new = Key { score, link: key.link };
        rescore(&mut self.root, key, &new, true, None)
    }

    /// Asks for the leaf where `key` is, or would be.
    pub(super) fn prefetch(&self, key: &Key) {
        let mut node = &self.root;
        while let Node::Inner(inner) = node {
            node = inner.kid(inner.kid_with(key));
        }
    }

    /// Entries before `key`, which is there.
    pub(super) fn rank(&self, key: &Key) -> usize {
        let mut rank = 0;
        let mut node = &self.root;
        loop {
            match node {
                Node::Vacant => return rank,
                Node::Leaf(leaf) => return rank + leaf.place_of(key),
                Node::Inner(inner) => {
                    let i = inner.kid_with(key);
                    rank += inner.count_before(i);
                    node = inner.kid(i);
                }
            }
        }
    }

    /// How many entries satisfy `before`, which holds for the first ones up to some entry.
    pub(super) fn count_where(&self, mut before: impl FnMut(f64, &Link) -> bool) -> usize {
        let mut rank = 0;
        let mut node = &self.root;
        loop {
            match node {
                Node::Vacant => return rank,
                Node::Leaf(leaf) => {
                    let (mut low, mut high) = (0, leaf.len());
                    while low < high {
                        let middle = (low + high) / 2;
                        if before(leaf.scores()[middle], &leaf.links()[middle]) {
                            low = middle + 1;
                        } else {
                            high = middle;
                        }
                    }
                    return rank + low;
                }
                Node::Inner(inner) => {
                    let i = inner.kid_where(&mut before);
                    rank += inner.count_before(i);
                    node = inner.kid(i);
                }
            }
        }
    }

    /// The leaf that holds the entry at `rank`, which is below the length, and its place there.
    pub(super) fn leaf_at(&self, mut rank: usize) -> (&Leaf, usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Vacant => unreachable!("kids are looked at below the length"),
                Node::Leaf(leaf) => return (leaf, rank),
                Node::Inner(inner) => {
                    let (i, rest) = inner.kid_at(rank);
                    (node, rank) = (inner.kid(i), rest);
                }
            }
        }
    }

    /// Takes a range of ranks out, whole subtrees at once, and puts the links into `out`.
    pub(super) fn cut(&mut self, from: usize, to: usize, out: &mut Vec<Link>) {
        debug_assert!(from <= to && to <= self.len);
        if from == to {
            return;
        }
        let mut gone = Gone::default();
        cut(&mut self.root, from, to, out, &mut gone);
        self.len -= to - from;
        self.account(&gone);
        self.collapse();
        // The nodes at both edges of the gap may be left with little.
        for rank in [from.saturating_sub(1), from] {
            if rank < self.len {
                let mut gone = Gone::default();
                if let Node::Inner(inner) = &mut self.root {
                    mend(inner, rank, &mut gone);
                }
                self.account(&gone);
                self.collapse();
            }
        }
    }

    /// A tree of entries that come in order.
    pub(super) fn from_sorted(keys: impl Iterator<Item = Key>) -> Tree {
        let mut tree = Tree::new();
        let mut nodes = Vec::new();
        let mut leaf = Leaf::new();
        for key in keys {
            if leaf.len() == FILL_LEAF {
                nodes.push(Node::Leaf(std::mem::replace(&mut leaf, Leaf::new())));
            }
            leaf.push(key);
            tree.len += 1;
        }
        nodes.push(Node::Leaf(leaf));
        tree.leaves = nodes.len();
        while nodes.len() > 1 {
            let groups = nodes.len().div_ceil(FILL_INNER);
            let (each, more) = (nodes.len() / groups, nodes.len() % groups);
            let mut below = nodes.into_iter();
            nodes = Vec::with_capacity(groups);
            for group in 0..groups {
                let mut inner = Inner::new();
                for kid in below.by_ref().take(each + usize::from(group < more)) {
                    inner.push(kid);
                }
                nodes.push(Node::Inner(inner));
            }
            tree.inners += groups;
        }
        tree.root = nodes.pop().expect("there is one leaf at least");
        tree
    }

    /// Asserts every invariant.
    pub(super) fn check(&self) {
        let mut seen = Seen { leaves: 0, inners: 0, len: 0, last: None, depth: None };
        if self.len > 0 {
            walk(&self.root, 0, &mut seen);
        } else {
            assert!(matches!(&self.root, Node::Leaf(leaf) if leaf.len() == 0));
            seen.leaves = 1;
        }
        assert_eq!((seen.len, seen.leaves, seen.inners), (self.len, self.leaves, self.inners));
        if let Node::Inner(root) = &self.root {
            assert!(root.len() > 1, "a root with one kid");
        }
    }
}

/// Inner nodes on a way down: with two kids each, a tree this deep holds more than memory does.
const MAX_DEPTH: usize = 48;

/// Nodes that were removed.
#[derive(Default)]
struct Gone {
    leaves: usize,
    inners: usize,
}

impl Gone {
    fn book(&mut self, removed: Added) {
        self.leaves += usize::from(removed == Added::Leaf);
        self.inners += usize::from(removed == Added::Inner);
    }

    fn book_all(&mut self, node: &Node, out: &mut Vec<Link>) {
        match node {
            Node::Vacant => {}
            Node::Leaf(leaf) => {
                out.extend_from_slice(leaf.links());
                self.leaves += 1;
            }
            Node::Inner(inner) => {
                inner.kids().iter().for_each(|kid| self.book_all(kid, out));
                self.inners += 1;
            }
        }
    }
}

/// Whether `key` comes behind the last entry, or below the last kid, of a node.
fn goes_last(node: &Node, key: &Key) -> bool {
    match node {
        Node::Vacant => false,
        Node::Leaf(leaf) => leaf.key(leaf.len() - 1).is_before(key),
        Node::Inner(inner) => inner.first_of(inner.len() - 1).is_before(key),
    }
}

/// Takes `key` out of a node and tells what is first then.
fn remove(node: &mut Node, key: &Key, gone: &mut Gone) -> Option<Key> {
    match node {
        Node::Vacant => None,
        Node::Leaf(leaf) => {
            let at = leaf.place_of(key);
            assert!(leaf.links()[at] == key.link, "the entry is in the tree");
            leaf.cut(at, at + 1);
            (leaf.len() > 0).then(|| leaf.key(0))
        }
        Node::Inner(inner) => {
            let mut i = inner.kid_with(key);
            if inner.kid(i).is_poor() && inner.len() > 1 {
                gone.book(inner.enrich(i));
                i = inner.kid_with(key);
            }
            inner.add_count(i, -1);
            match remove(inner.kid_mut(i), key, gone) {
                Some(first) => inner.set_first_of(i, first),
                None => unreachable!("a poor node was enriched before"),
            }
            Some(inner.first_of(0))
        }
    }
}

/// Gives the entry `old` the score of `new` if that keeps it between its neighbours. `lowest`
/// tells that nothing comes before this node, `above` is the first entry behind it.
fn rescore(node: &mut Node, old: &Key, new: &Key, lowest: bool, above: Option<Key>) -> bool {
    match node {
        Node::Vacant => false,
        Node::Leaf(leaf) => {
            let at = leaf.place_of(old);
            assert!(leaf.links()[at] == old.link, "the entry is in the tree");
            let fits_below = match at {
                0 => lowest || old.score <= new.score,
                _ => leaf.key(at - 1).is_before(new),
            };
            let next = if at + 1 < leaf.len() { Some(leaf.key(at + 1)) } else { above };
            let fits = fits_below && next.is_none_or(|next| new.is_before(&next));
            if fits {
                leaf.set_score(at, new.score);
            }
            fits
        }
        Node::Inner(inner) => {
            let i = inner.kid_with(old);
            let above = if i + 1 < inner.len() { Some(inner.first_of(i + 1)) } else { above };
            let fits = rescore(inner.kid_mut(i), old, new, lowest && i == 0, above);
            if fits && inner.first_of(i).link == old.link {
                inner.set_first_of(i, *new);
            }
            fits
        }
    }
}

/// Takes ranks `from..to` out of a node that keeps some entries, or is the root.
fn cut(node: &mut Node, from: usize, to: usize, out: &mut Vec<Link>, gone: &mut Gone) {
    match node {
        Node::Vacant => {}
        Node::Leaf(leaf) => {
            out.extend_from_slice(&leaf.links()[from..to]);
            leaf.cut(from, to);
        }
        Node::Inner(inner) => {
            let (mut start, mut i) = (0, 0);
            let mut whole: Option<(usize, usize)> = None;
            while i < inner.len() && start < to {
                let end = start + inner.count_of(i);
                if from <= start && end <= to {
                    gone.book_all(inner.kid(i), out);
                    whole = Some((whole.map_or(i, |(first, _)| first), i + 1));
                } else if from < end {
                    let (low, high) = (from.max(start) - start, to.min(end) - start);
                    cut(inner.kid_mut(i), low, high, out, gone);
                    inner.refresh(i);
                }
                start = end;
                i += 1;
            }
            if let Some((first, end)) = whole {
                inner.cut_kids(first, end);
            }
        }
    }
}

/// Enriches the poor nodes on the way to `rank`.
fn mend(inner: &mut Inner, rank: usize, gone: &mut Gone) {
    let (mut i, mut rest) = inner.kid_at(rank);
    while inner.kid(i).is_poor() && inner.len() > 1 {
        gone.book(inner.enrich(i));
        (i, rest) = inner.kid_at(rank);
    }
    if let Node::Inner(kid) = inner.kid_mut(i) {
        mend(kid, rest, gone);
    }
}

/// What `check` has met so far.
struct Seen {
    leaves: usize,
    inners: usize,
    len: usize,
    last: Option<Key>,
    depth: Option<usize>,
}

fn walk(node: &Node, depth: usize, seen: &mut Seen) {
    match node {
        Node::Vacant => panic!("a vacant place among the kids"),
        Node::Leaf(leaf) => {
            assert!(leaf.len() > 0, "an empty leaf");
            assert_eq!(*seen.depth.get_or_insert(depth), depth, "leaves at different depths");
            for at in 0..leaf.len() {
                let key = leaf.key(at);
                assert_eq!(key.score, key.link.score(), "scores of tree and member differ");
                assert!(seen.last.is_none_or(|last| last.is_before(&key)), "out of order");
                seen.last = Some(key);
            }
            seen.len += leaf.len();
            seen.leaves += 1;
        }
        Node::Inner(inner) => {
            assert!(depth == 0 || inner.len() > 1, "an inner node with one kid");
            for (i, kid) in inner.kids().iter().enumerate() {
                let before = seen.len;
                walk(kid, depth + 1, seen);
                assert_eq!(seen.len - before, inner.count_of(i), "count below a kid");
                let (first, known) = (kid.first(), inner.first_of(i));
                assert!(first.link == known.link && first.score == known.score, "first of a kid");
            }
            seen.inners += 1;
        }
    }
}
