//! What a list held at one moment, told node by node from the head while the list goes on changing.
//!
//! ```text
//!  nodes    A    b    x    D    E          b is what became of B, x came later, C went
//!  slots    -    -    -    3    4          the place at that moment; `-`: told, kept or later
//!  kept               1: B  2: C
//! ```
//!
//! Invariant: there is a slot for each node; what was not told is a slot's or kept, never both.

use super::node::Node;
use super::{NodeRef, Quicklist};
use std::collections::{BTreeMap, VecDeque};

/// The slot of a node of which nothing is to be told any more.
const DONE: u32 = u32::MAX;

/// The telling of a list.
#[derive(Debug)]
pub(super) struct Capture {
    slots: VecDeque<u32>,
    kept: BTreeMap<u32, Node>,
    /// The place that is told next, and how many there are.
    next: u32,
    total: u32,
    /// No node before this one has a slot that counts.
    from: usize,
}

impl Capture {
    /// Takes the place of a node that is about to change or go, if it was not told.
    fn claim(&mut self, at: usize) -> Option<u32> {
        let place = std::mem::replace(&mut self.slots[at], DONE);
        (place != DONE).then_some(place)
    }

    /// The node at `at` is about to change.
    pub(super) fn before_change(&mut self, at: usize, node: &Node) {
        if let Some(place) = self.claim(at) {
            self.kept.insert(place, node.clone());
        }
    }

    /// A node came to be at `at`.
    pub(super) fn added(&mut self, at: usize) {
        self.slots.insert(at, DONE);
        self.from += usize::from(at <= self.from);
    }

    /// The nodes from `from` on went.
    pub(super) fn removed(&mut self, from: usize, nodes: impl Iterator<Item = Node>) {
        let mut to = from;
        for node in nodes {
            if let Some(place) = self.claim(to) {
                self.kept.insert(place, node);
            }
            to += 1;
        }
        self.forget(from, to);
    }

    /// The slots of nodes that went, and of which all was kept, go too.
    pub(super) fn forget(&mut self, from: usize, to: usize) {
        self.slots.drain(from..to);
        self.from = if self.from >= to { self.from - (to - from) } else { self.from.min(from) };
    }

    pub(super) fn check(&self, nodes: usize) {
        assert_eq!(self.slots.len(), nodes, "a slot for each node");
        let places = self.slots.iter().copied().filter(|place| *place != DONE);
        let mut left: Vec<u32> = places.chain(self.kept.keys().copied()).collect();
        left.sort_unstable();
        assert!(left.into_iter().eq(self.next..self.total), "each place is left once");
        assert!(self.slots.iter().take(self.from).all(|place| *place == DONE));
    }
}

impl Quicklist {
    /// From now on the list remembers what it holds at this moment, until it was told.
    pub fn begin_capture(&mut self) {
        let total = u32::try_from(self.nodes.len()).expect("fewer nodes than four billion");
        let (slots, kept) = ((0..total).collect(), BTreeMap::new());
        self.capture = Some(Box::new(Capture { slots, kept, next: 0, total, from: 0 }));
    }

    /// Whether something of an earlier moment is still to be told.
    pub fn is_captured(&self) -> bool {
        self.capture.is_some()
    }

    /// Forgets the moment.
    pub fn end_capture(&mut self) {
        self.capture = None;
    }

    /// Bytes of what is kept for it.
    pub fn kept_bytes(&self) -> usize {
        let kept = |capture: &Capture| capture.kept.values().map(Node::heap_bytes).sum();
        self.capture.as_deref().map_or(0, kept)
    }

    /// Tells one node more of the moment; true when that was all.
    pub fn tell(&mut self, f: &mut dyn FnMut(NodeRef<'_>)) -> bool {
        let Some(capture) = &mut self.capture else { return true };
        if capture.next == capture.total {
            return true;
        }
        if let Some(node) = capture.kept.remove(&capture.next) {
            f(node.as_ref());
        } else {
            while capture.slots[capture.from] != capture.next {
                capture.from += 1;
            }
            capture.slots[capture.from] = DONE;
            f(self.nodes[capture.from].as_ref());
        }
        capture.next += 1;
        capture.next == capture.total
    }

    /// The node at `at` is about to change.
    #[inline]
    pub(super) fn before_change(&mut self, at: usize) {
        if let Some(capture) = &mut self.capture {
            capture.before_change(at, &self.nodes[at]);
        }
    }
}
