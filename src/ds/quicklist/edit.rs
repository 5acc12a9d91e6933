//! Changes to a quicklist: where an element goes, how nodes split and meet, what is compressed.

use super::node::{self, Body, Node};
use super::{End, OVERHEAD, Quicklist};
use crate::alloc::size_class;
use crate::ds::listpack::{Item, Listpack};

/// Full nodes in a list for which the room that a new one does not use yet is little.
const LONG_FROM: usize = 8;
/// Bytes of a listpack without elements.
const EMPTY_PACK: usize = 7;
/// Bytes of a listpack with one element, its text not counted, at most.
const LEAST_PACK: usize = EMPTY_PACK + OVERHEAD + 2;

impl Quicklist {
    /// Adds an element at an end.
    #[inline]
    pub fn push(&mut self, end: End, text: &[u8]) {
        if self.capture.is_some() && !self.nodes.is_empty() {
            self.before_change(if end == End::Head { 0 } else { self.nodes.len() - 1 });
        }
        let outer = match end {
            End::Head => self.nodes.front_mut(),
            End::Tail => self.nodes.back_mut(),
        };
        if let Some(Node { body: Body::Packed(pack), count, .. }) = outer {
            let bytes = pack.byte_len() + text.len() + OVERHEAD;
            if !self.fill.exceeded(bytes, *count as usize + 1) {
                let before = pack.heap_bytes();
                match end {
                    End::Head => pack.push_front_to(text, *count as usize),
                    End::Tail => pack.push_back_to(text, *count as usize),
                }
                self.heap = self.heap - before + pack.heap_bytes();
                *count += 1;
                self.count += 1;
                return;
            }
        }
        let at = if end == End::Head { 0 } else { self.nodes.len() };
        let node = self.outer(end, text);
        self.add_node(at, node);
    }

    /// A node for a new element at an end. In a long list it has from the start the room it will
    /// need, so that it does not grow through all sizes.
    #[cold]
    fn outer(&mut self, end: End, text: &[u8]) -> Node {
        let full = match end {
            End::Head => self.nodes.front_mut(),
            End::Tail => self.nodes.back_mut(),
        };
        if let Some(Node { body: Body::Packed(pack), .. }) = full {
            let before = pack.heap_bytes();
            if size_class(pack.byte_len()) < before {
                pack.fit();
                self.heap = self.heap - before + pack.heap_bytes();
            }
        }
        match self.fill.all_bytes() {
            Some(room) if self.heap / LONG_FROM >= room && text.len() + LEAST_PACK <= room => {
                Node::roomy(text, room, end == End::Head)
            }
            _ => self.single(text),
        }
    }

    /// Takes the element at an end out, after `f` has seen it.
    #[inline]
    pub fn pop<R>(&mut self, end: End, f: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let at = if end == End::Head { 0 } else { self.nodes.len().checked_sub(1)? };
        if !self.nodes.is_empty() {
            self.before_change(at);
        }
        let node = self.nodes.get_mut(at)?;
        let result = match &mut node.body {
            Body::Packed(pack) => {
                let packed = pack.as_packed();
                let pos = if end == End::Head { packed.first() } else { packed.last() };
                let pos = pos.expect("no node is empty");
                let result = f(packed.get(pos));
                if node.count > 1 {
                    let before = pack.heap_bytes();
                    match end {
                        End::Head => pack.pop_front(),
                        End::Tail => pack.pop_back(),
                    }
                    self.heap = self.heap - before + pack.heap_bytes();
                    node.count -= 1;
                    self.count -= 1;
                    return Some(result);
                }
                result
            }
            Body::Plain(text) => f(Item::Bytes(text)),
            Body::Squeezed { .. } => unreachable!("outer nodes are not compressed"),
        };
        self.drop_nodes(at, at + 1);
        Some(result)
    }

    /// Puts an element in front of the one at `index`, or behind the last one.
    pub fn insert(&mut self, index: usize, text: &[u8]) {
        if index == 0 {
            return self.push(End::Head, text);
        }
        if index >= self.count {
            return self.push(End::Tail, text);
        }
        let (at, offset) = self.locate(index);
        if self.has_room(at, text.len()) {
            self.insert_into(at, offset, text);
        } else if offset > 0 {
            self.split(at, offset);
            self.insert_between(at, text);
            self.meet(at);
        } else if self.has_room(at - 1, text.len()) {
            self.insert_into(at - 1, self.nodes[at - 1].len(), text);
        } else {
            self.add_node(at, self.single(text));
        }
    }

    /// Puts an element in the place of the one at `index`, which exists.
    pub fn set(&mut self, index: usize, text: &[u8]) {
        let (at, offset) = self.locate(index);
        let node = &self.nodes[at];
        if self.fill.is_plain(text.len()) || node.is_plain() {
            if node.len() > 1 {
                self.cut(at, offset, 1);
                return self.insert(index, text);
            }
            let single = self.single(text);
            self.change(at, |node| *node = single);
            return;
        }
        // It may stay where it is as long as the node keeps its limit; the old element's size is
        // not worth looking up.
        let bytes = node.raw_bytes() + text.len() + OVERHEAD;
        if node.len() > 1 && self.fill.exceeded(bytes, node.len()) {
            self.cut(at, offset, 1);
            return self.insert(index, text);
        }
        self.change(at, |node| {
            if let Some(pack) = node.open() {
                let pos = pack.as_packed().seek(offset as i64).expect("it is in this node");
                pack.replace(pos, text);
            }
        });
    }

    /// Takes `n` elements out, or as many as there are, beginning at index `start`. Nodes that go
    /// as a whole are not looked into.
    pub fn remove_range(&mut self, start: usize, n: usize) {
        if start >= self.count || n == 0 {
            return;
        }
        let mut left = n.min(self.count - start);
        let (mut at, offset) = self.locate(start);
        if offset > 0 {
            let here = left.min(self.nodes[at].len() - offset);
            self.cut(at, offset, here);
            left -= here;
            at += 1;
        }
        let mut end = at;
        while end < self.nodes.len() && self.nodes[end].len() <= left && left > 0 {
            left -= self.nodes[end].len();
            end += 1;
        }
        self.drop_nodes(at, end);
        if left > 0 {
            self.cut(at, 0, left);
        }
    }

    /// Takes up to `limit` elements with this text out, the first or the last ones.
    pub fn remove_matching(&mut self, text: &[u8], from: End, limit: usize) -> usize {
        let forward = from == End::Head;
        let (mut removed, nodes) = (0, self.nodes.len());
        let mut emptied = 0;
        for i in 0..nodes {
            if removed == limit {
                break;
            }
            let at = if forward { i } else { nodes - 1 - i };
            if !self.holds(at, text) {
                continue;
            }
            let gone = self.change(at, |node| node.remove_matching(text, forward, limit - removed));
            removed += gone;
            self.count -= gone;
            emptied += usize::from(self.nodes[at].count == 0);
        }
        if emptied > 0 {
            // Once at the end: taking nodes out one by one would move the others every time.
            let gone: usize =
                self.nodes.iter().filter(|n| n.count == 0).map(Node::heap_bytes).sum();
            self.heap -= gone;
            self.drop_empty_nodes();
            self.settle(emptied);
        }
        removed
    }

    pub(super) fn holds(&self, at: usize, text: &[u8]) -> bool {
        let mut found = false;
        let _ = self.nodes[at].walk(0, usize::MAX, true, &mut |item| {
            found = item.eq_text(text);
            if found {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        });
        found
    }

    /// A node for one element.
    fn single(&self, text: &[u8]) -> Node {
        if self.fill.is_plain(text.len()) {
            return Node::plain(text.into());
        }
        let mut pack = Listpack::new();
        pack.push(text);
        Node::packed(pack)
    }

    fn has_room(&self, at: usize, len: usize) -> bool {
        let node = &self.nodes[at];
        let bytes = node.raw_bytes() + len + OVERHEAD;
        !node.is_plain() && !self.fill.exceeded(bytes, node.len() + 1)
    }

    fn insert_into(&mut self, at: usize, offset: usize, text: &[u8]) {
        self.change(at, |node| {
            let pack = node.open().expect("a plain node has no room");
            match pack.as_packed().seek(offset as i64) {
                Some(pos) => pack.insert_before(pos, text),
                None => pack.push(text),
            }
            node.count += 1;
        });
        self.count += 1;
    }

    /// Adds an element between two halves of a node that had no room for it.
    fn insert_between(&mut self, at: usize, text: &[u8]) {
        if self.has_room(at, text.len()) {
            self.insert_into(at, self.nodes[at].len(), text);
        } else if self.has_room(at + 1, text.len()) {
            self.insert_into(at + 1, 0, text);
        } else {
            self.add_node(at + 1, self.single(text));
        }
    }

    /// Makes two nodes of one; the second begins with the element at `offset`.
    pub(super) fn split(&mut self, at: usize, offset: usize) {
        let right = self.change(at, |node| {
            let pack = node.open().expect("a plain node has one element");
            let pos = pack.as_packed().seek(offset as i64).expect("it is in this node");
            let mut right = Listpack::new();
            for item in pack.as_packed().iter_from(pos) {
                node::append(&mut right, item);
            }
            pack.remove_range(pos, usize::MAX);
            node.count = offset as u32;
            right
        });
        let right = Node::packed(right);
        self.count -= right.len();
        self.add_node(at + 1, right);
    }

    /// Joins the node at `at` and its neighbours where two of them fit into one.
    fn meet(&mut self, at: usize) {
        for left in [at + 1, at, at.wrapping_sub(1)] {
            if left >= self.nodes.len() || left + 1 >= self.nodes.len() {
                continue;
            }
            let (a, b) = (&self.nodes[left], &self.nodes[left + 1]);
            let bytes = a.raw_bytes() + b.raw_bytes() - EMPTY_PACK;
            if a.is_plain() || b.is_plain() || self.fill.exceeded(bytes, a.len() + b.len()) {
                continue;
            }
            let mut right = self.nodes[left + 1].clone();
            self.drop_nodes(left + 1, left + 2);
            let count = right.count;
            let pack = right.open().expect("it is not plain");
            self.change(left, |node| {
                let target = node.open().expect("it is not plain");
                pack.as_packed().iter().for_each(|item| node::append(target, item));
                node.count += count;
            });
            self.count += count as usize;
        }
    }

    /// Takes some but not all elements out of a node, or all of them and the node with them.
    fn cut(&mut self, at: usize, offset: usize, n: usize) {
        if n == self.nodes[at].len() {
            return self.drop_nodes(at, at + 1);
        }
        self.change(at, |node| {
            let pack = node.open().expect("a plain node has one element");
            let pos = pack.as_packed().seek(offset as i64).expect("it is in this node");
            pack.remove_range(pos, n);
            node.count -= n as u32;
        });
        self.count -= n;
    }

    /// Changes a node, with its bytes and its compression looked after.
    fn change<R>(&mut self, at: usize, f: impl FnOnce(&mut Node) -> R) -> R {
        let inner = self.is_inner(at);
        self.before_change(at);
        let node = &mut self.nodes[at];
        let before = node.heap_bytes();
        let result = f(node);
        if inner {
            node.squeeze();
        }
        self.heap = self.heap - before + node.heap_bytes();
        result
    }

    pub(super) fn add_node(&mut self, at: usize, node: Node) {
        self.count += node.len();
        self.heap += node.heap_bytes();
        if self.nodes.len() == self.nodes.capacity() {
            // Doubling would leave as much unused.
            self.nodes.reserve_exact(self.nodes.len() / 8 + 4);
        }
        self.nodes.insert(at, node);
        if let Some(capture) = &mut self.capture {
            capture.added(at);
        }
        self.settle(1);
        if self.is_inner(at) {
            self.change(at, |_| ());
        }
    }

    fn drop_nodes(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        let Quicklist { nodes, count, heap, capture, .. } = self;
        let gone = nodes.drain(from..to).inspect(|node| {
            *count -= node.len();
            *heap -= node.heap_bytes();
        });
        match capture {
            Some(capture) => capture.removed(from, gone),
            None => gone.for_each(drop),
        }
        if self.nodes.capacity() > 64 && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
        self.settle(to - from);
    }

    /// Takes nodes out that have become empty; what they held was kept when they changed.
    pub(super) fn drop_empty_nodes(&mut self) {
        if let Some(capture) = &mut self.capture {
            for at in (0..self.nodes.len()).rev().filter(|at| self.nodes[*at].count == 0) {
                capture.forget(at, at + 1);
            }
        }
        self.nodes.retain(|node| node.count > 0);
    }

    pub(super) fn is_inner(&self, at: usize) -> bool {
        self.depth > 0 && at >= self.depth && at + self.depth < self.nodes.len()
    }

    /// After `changed` nodes came or went: those that are outer ones now are decompressed, those
    /// that became inner ones are compressed.
    pub(super) fn settle(&mut self, changed: usize) {
        let (depth, len) = (self.depth, self.nodes.len());
        if depth == 0 {
            return;
        }
        let last = depth.saturating_add(changed).min(len);
        for i in depth.saturating_sub(changed)..last {
            for at in [i, len - 1 - i] {
                let inner = self.is_inner(at);
                let node = &mut self.nodes[at];
                let before = node.heap_bytes();
                if inner {
                    node.squeeze();
                } else {
                    node.open();
                }
                self.heap = self.heap - before + node.heap_bytes();
            }
        }
    }
}
