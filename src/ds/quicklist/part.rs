//! Parts of a quicklist: taken off whole, or made anew beside it and put in place at once.

use super::node::Node;
use super::{End, Quicklist};
use crate::ds::listpack::Listpack;
use std::collections::VecDeque;

/// Nodes of a list as they are without some elements, made aside.
#[derive(Default)]
pub struct Pruned {
    /// Nodes that were looked at, from the end where the search began.
    seen: usize,
    nodes: Vec<(usize, Node)>,
    /// Elements that the list will not have any more.
    pub removed: usize,
}

impl Quicklist {
    /// Takes up to `n` elements off an end, as a list of their own. Nodes that go as a whole are
    /// not looked into.
    pub fn detach(&mut self, end: End, n: usize) -> Quicklist {
        let n = n.min(self.count);
        let first_right = if end == End::Head { n } else { self.count - n };
        let at = self.boundary(first_right);
        let (from, to) = if end == End::Head { (0, at) } else { (at, self.nodes.len()) };
        if let Some(capture) = &mut self.capture {
            (from..to).for_each(|at| capture.before_change(at, &self.nodes[at]));
            capture.forget(from, to);
        }
        let right = self.nodes.split_off(at);
        let nodes = match end {
            End::Head => std::mem::replace(&mut self.nodes, right),
            End::Tail => right,
        };
        if self.nodes.capacity() > 64 && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
        let mut part = self.of_nodes(nodes);
        self.count -= part.count;
        self.heap -= part.heap;
        self.settle(part.nodes.len());
        part.settle(part.depth);
        part
    }

    /// The node that begins with the element at `index`; one is cut in two for it if need be.
    fn boundary(&mut self, index: usize) -> usize {
        if index >= self.count {
            return self.nodes.len();
        }
        match self.locate(index) {
            (at, 0) => at,
            (at, offset) => {
                self.split(at, offset);
                at + 1
            }
        }
    }

    fn of_nodes(&self, nodes: VecDeque<Node>) -> Quicklist {
        let count = nodes.iter().map(Node::len).sum();
        let heap = nodes.iter().map(Node::heap_bytes).sum();
        Quicklist { nodes, count, heap, capture: None, ..*self }
    }

    /// Looks for a text in one node more and makes it anew without that; true when there is no
    /// more to do. Up to `limit` elements are to go, the first or the last ones.
    pub fn prune(&self, pruned: &mut Pruned, text: &[u8], from: End, limit: usize) -> bool {
        let (nodes, forward) = (self.nodes.len(), from == End::Head);
        let over = |pruned: &Pruned| pruned.seen == nodes || pruned.removed == limit;
        if over(pruned) {
            return true;
        }
        let at = if forward { pruned.seen } else { nodes - 1 - pruned.seen };
        pruned.seen += 1;
        if self.holds(at, text) {
            let (node, removed) = self.without(at, text, forward, limit - pruned.removed);
            pruned.nodes.push((at, node));
            pruned.removed += removed;
        }
        over(pruned)
    }

    fn without(&self, at: usize, text: &[u8], forward: bool, limit: usize) -> (Node, usize) {
        let node = &self.nodes[at];
        if node.is_plain() {
            return (Node::packed(Listpack::new()), 1);
        }
        let mut node = node.clone();
        let removed = node.remove_matching(text, forward, limit);
        if self.is_inner(at) {
            node.squeeze();
        }
        (node, removed)
    }

    /// Puts nodes in the place of those they were made from; gives these back. The list must be
    /// as it was.
    pub fn adopt(&mut self, pruned: Pruned) -> Quicklist {
        let mut emptied = 0;
        pruned.nodes.iter().for_each(|(at, _)| self.before_change(*at));
        let old: VecDeque<Node> = pruned
            .nodes
            .into_iter()
            .map(|(at, node)| {
                emptied += usize::from(node.count == 0);
                std::mem::replace(&mut self.nodes[at], node)
            })
            .collect();
        if emptied > 0 {
            self.drop_empty_nodes();
        }
        self.count -= pruned.removed;
        self.heap = self.nodes.iter().map(Node::heap_bytes).sum();
        self.settle(emptied);
        self.of_nodes(old)
    }
}
