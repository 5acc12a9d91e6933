//! A long list: a double-ended queue of nodes, each a listpack of bounded size.
//!
//! ```text
//!   head                                                                  tail
//!   [ listpack ] [ listpack ] [ lzf(listpack) ] … [ one large element ] [ listpack ]
//!    '--- depth nodes ---'     '---- inner nodes may be compressed ----'
//! ```
//!
//! Invariants: no node is empty; the outer `depth` nodes at each end are not compressed, so that
//! both ends are reached at once, and inner ones are unless it did not pay; `count` and `heap` are
//! the sums over the nodes. No edit makes a node of several elements pass the limit, but a file may
//! bring some that do.

mod capture;
mod edit;
mod node;
mod part;
#[cfg(test)]
mod tests;

use crate::ds::listpack::{Item, Listpack, Packed};
use node::{Body, Node};
pub use node::{remove_matching, walk_packed};
pub use part::Pruned;
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Bytes of a node that is limited by its number of elements.
const SAFE_BYTES: usize = 8192;
/// What an element's header and length may add, as it is estimated before an element is added.
const OVERHEAD: usize = 8;
/// A listpack can count its bytes a little farther, but not by much.
const PLAIN_FROM: usize = 1 << 30;

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first element's.
    Head,
    /// The last element's.
    Tail,
}

/// How large a node may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// `usize::MAX` when the number of elements is limited.
    bytes: usize,
    /// `usize::MAX` when the bytes are limited.
    count: usize,
    /// From this size on an element is a node of its own that is no listpack.
    plain_from: usize,
}

impl Fill {
    /// From the setting: -1 to -5 are 4 KB to 64 KB, positive numbers count elements.
    pub fn of(setting: i64) -> Fill {
        if setting < 0 {
            let step = (-setting).clamp(1, 5) as u32 - 1;
            Fill { bytes: 4096 << step, count: usize::MAX, plain_from: PLAIN_FROM }
        } else {
            Fill { bytes: usize::MAX, count: setting.max(1) as usize, plain_from: PLAIN_FROM }
        }
    }

    /// The same with another size from which on elements are plain, at most a gigabyte.
    pub fn plain_from(self, bytes: usize) -> Fill {
        Fill { plain_from: bytes.min(PLAIN_FROM), ..self }
    }

    /// Whether a node of this size is too large.
    #[inline]
    pub fn exceeded(self, bytes: usize, count: usize) -> bool {
        bytes > self.byte_limit() || count > self.count
    }

    /// Whether a node of this size would do as a list of one node.
    pub fn fits(self, bytes: usize, count: usize) -> bool {
        bytes <= self.bytes && count <= self.count
    }

    /// The same for half the limit: shrinking leaves room before it grows back.
    pub fn fits_half(self, bytes: usize, count: usize) -> bool {
        bytes <= self.bytes / 2 && count <= self.count / 2
    }

    #[inline]
    fn is_plain(self, len: usize) -> bool {
        len >= self.plain_from
    }

    /// The bytes a node is filled up to, unless its number of elements is limited.
    fn all_bytes(self) -> Option<usize> {
        (self.bytes != usize::MAX).then_some(self.bytes)
    }

    #[inline]
    fn byte_limit(self) -> usize {
        if self.bytes == usize::MAX { SAFE_BYTES } else { self.bytes }
    }
}

/// A node as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRef<'a> {
    /// A listpack's bytes.
    Packed(&'a [u8]),
    /// One element.
    Plain(&'a [u8]),
    /// A listpack, compressed.
    Squeezed {
        /// The compressed bytes.
        lzf: &'a [u8],
        /// Length of the listpack.
        len: usize,
    },
}

impl NodeRef<'_> {
    /// Shows its elements.
    pub fn each(self, f: &mut dyn FnMut(Item<'_>)) {
        match self {
            NodeRef::Packed(bytes) => Packed::new(bytes).iter().for_each(f),
            NodeRef::Plain(text) => f(Item::Bytes(text)),
            NodeRef::Squeezed { lzf, len } => {
                Packed::new(&node::unsqueezed(lzf, len)).iter().for_each(f);
            }
        }
    }
}

/// A list of nodes.
#[derive(Debug)]
pub struct Quicklist {
    nodes: VecDeque<Node>,
    count: usize,
    /// Bytes of all nodes' bodies.
    heap: usize,
    fill: Fill,
    /// Nodes at each end that stay uncompressed; 0 when none is ever compressed.
    depth: usize,
    /// What is still to be told of an earlier moment.
    capture: Option<Box<capture::Capture>>,
}

impl Quicklist {
    /// An empty one.
    pub fn new(fill: Fill, depth: usize) -> Quicklist {
        Quicklist { nodes: VecDeque::new(), count: 0, heap: 0, fill, depth, capture: None }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let table = self.nodes.capacity() * std::mem::size_of::<Node>();
        std::mem::size_of::<Quicklist>() + table + self.heap
    }

    /// The nodes, for whoever writes them to a file.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeRef<'_>> {
        self.nodes.iter().map(Node::as_ref)
    }

    /// Adds a listpack as a node behind the others, as a file has it; an empty one is dropped.
    pub fn append_packed(&mut self, pack: Listpack) {
        if !pack.as_packed().is_empty() {
            self.add_node(self.nodes.len(), Node::packed(pack));
        }
    }

    /// Adds an element that is a node of its own behind the others.
    pub fn append_plain(&mut self, text: Vec<u8>) {
        self.add_node(self.nodes.len(), Node::plain(text.into_boxed_slice()));
    }

    /// The only node, when there is just one and it is a listpack.
    pub fn only_packed(&self) -> Option<Packed<'_>> {
        match self.nodes.front() {
            Some(Node { body: Body::Packed(pack), .. }) if self.nodes.len() == 1 => {
                Some(pack.as_packed())
            }
            _ => None,
        }
    }

    /// Gives the only node away; the caller has seen that there is one.
    pub fn into_only_packed(mut self) -> Listpack {
        match self.nodes.pop_front().map(|node| node.body) {
            Some(Body::Packed(pack)) => pack.into_listpack(),
            _ => unreachable!("the caller has asked `only_packed`"),
        }
    }

    /// An empty one with the same settings.
    pub fn like(&self) -> Quicklist {
        Quicklist::new(self.fill, self.depth)
    }

    /// Adds a copy of another list's node `at` behind the others, as it is; gives the place of the
    /// next one, 0 at the end.
    pub fn append_copy(&mut self, source: &Quicklist, at: usize) -> usize {
        let node = source.nodes[at].clone();
        self.count += node.len();
        self.heap += node.heap_bytes();
        self.nodes.push_back(node);
        if at + 1 < source.nodes.len() { at + 1 } else { 0 }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Quicklist {
        let nodes: VecDeque<Node> = self.nodes.iter().cloned().collect();
        let heap = nodes.iter().map(Node::heap_bytes).sum();
        Quicklist { nodes, heap, capture: None, ..*self }
    }

    /// Shows up to `n` elements, beginning with the one at `from` and going on towards the tail,
    /// or towards the head.
    #[inline]
    pub fn visit(
        &self,
        from: usize,
        n: usize,
        forward: bool,
        f: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if from >= self.count {
            return ControlFlow::Continue(());
        }
        let (mut at, offset) = self.locate(from);
        let mut skip = if forward { offset } else { self.nodes[at].len() - 1 - offset };
        let mut left = n;
        while left > 0 {
            let node = &self.nodes[at];
            let here = left.min(node.len() - skip);
            node.walk(skip, here, forward, f)?;
            left -= here;
            skip = 0;
            at = if forward { at + 1 } else { at.wrapping_sub(1) };
            if at >= self.nodes.len() {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    /// Runs `f` over the element at an index.
    pub fn get<R>(&self, index: usize, f: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let (mut f, mut result) = (Some(f), None);
        let _ = self.visit(index, 1, true, &mut |item| {
            result = f.take().map(|f| f(item));
            ControlFlow::Break(())
        });
        result
    }

    /// The node that holds the element at `index`, which exists, and its place there.
    fn locate(&self, index: usize) -> (usize, usize) {
        if index < self.count / 2 {
            let mut left = index;
            for (i, node) in self.nodes.iter().enumerate() {
                if left < node.len() {
                    return (i, left);
                }
                left -= node.len();
            }
        } else {
            let mut from_end = self.count - 1 - index;
            for (i, node) in self.nodes.iter().enumerate().rev() {
                if from_end < node.len() {
                    return (i, node.len() - 1 - from_end);
                }
                from_end -= node.len();
            }
        }
        unreachable!("the index is below the sum of the nodes' counts")
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        let (mut count, mut heap) = (0, 0);
        for (i, node) in self.nodes.iter().enumerate() {
            assert!(node.count > 0, "an empty node");
            let mut seen = 0;
            let walked = node.walk(0, usize::MAX, true, &mut |_| {
                seen += 1;
                ControlFlow::Continue(())
            });
            assert!(walked.is_continue());
            assert_eq!(seen, node.len());
            if let Body::Packed(pack) = &node.body {
                assert!(Packed::validate(pack.as_packed().bytes()));
            }
            let inner = self.is_inner(i);
            assert!(inner || !node.is_squeezed(), "an outer node is compressed");
            assert!(!inner || node.is_settled(), "an inner node could be compressed");
            count += node.len();
            heap += node.heap_bytes();
        }
        assert_eq!((count, heap), (self.count, self.heap));
        if let Some(capture) = &self.capture {
            capture.check(self.nodes.len());
        }
    }
}
