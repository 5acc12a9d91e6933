//! One node of a quicklist: a listpack, the same compressed, or one element too large for either.
//!
//! Invariant: a compressed body is what `squeeze` made of a listpack of `raw_len` bytes; a plain
//! body is one element.

use super::NodeRef;
use crate::ds::listpack::{Item, Listpack, Packed, TwoEnded};
use crate::ds::lzf;
use std::ops::ControlFlow;

/// Shorter listpacks are not compressed, bytes.
const SQUEEZE_MIN: usize = 48;
/// Compression that saves less is not kept, bytes.
const SAVING_MIN: usize = 8;

const SOUND: &str = "a compressed node holds what was compressed";

#[derive(Clone, Debug)]
pub(super) enum Body {
    Packed(TwoEnded),
    Plain(Box<[u8]>),
    Squeezed { lzf: Box<[u8]>, raw_len: u32 },
}

/// A run of elements.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) body: Body,
    pub(super) count: u32,
    /// Compressing it as it is did not pay.
    stubborn: bool,
}

impl Node {
    pub(super) fn packed(pack: Listpack) -> Node {
        let count = u32::try_from(pack.as_packed().len()).expect("a listpack is below 4 GB");
        Node { body: Body::Packed(pack.into()), count, stubborn: false }
    }

    pub(super) fn roomy(text: &[u8], bytes: usize, at_front: bool) -> Node {
        let pack = TwoEnded::roomy(text, bytes, at_front);
        Node { body: Body::Packed(pack), count: 1, stubborn: false }
    }

    pub(super) fn plain(text: Box<[u8]>) -> Node {
        Node { body: Body::Plain(text), count: 1, stubborn: false }
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// The node as it is stored.
    pub(super) fn as_ref(&self) -> NodeRef<'_> {
        match &self.body {
            Body::Packed(pack) => NodeRef::Packed(pack.as_packed().bytes()),
            Body::Plain(text) => NodeRef::Plain(text),
            Body::Squeezed { lzf, .. } => NodeRef::Squeezed { lzf, len: self.raw_bytes() },
        }
    }

    /// Bytes of the elements, uncompressed.
    pub(super) fn raw_bytes(&self) -> usize {
        match &self.body {
            Body::Packed(pack) => pack.byte_len(),
            Body::Plain(text) => text.len(),
            Body::Squeezed { raw_len, .. } => *raw_len as usize,
        }
    }

    /// Bytes on the heap.
    #[inline]
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.body {
            Body::Packed(pack) => pack.heap_bytes(),
            Body::Plain(text) | Body::Squeezed { lzf: text, .. } => text.len(),
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.body, Body::Plain(_))
    }

    pub(super) fn is_squeezed(&self) -> bool {
        matches!(self.body, Body::Squeezed { .. })
    }

    /// The elements from `skip` on, at most `n` of them, towards the end or from the end; both
    /// are counted in that direction.
    #[inline]
    pub(super) fn walk(
        &self,
        skip: usize,
        n: usize,
        forward: bool,
        f: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match &self.body {
            Body::Packed(pack) => walk_packed(pack.as_packed(), skip, n, forward, f),
            Body::Plain(text) if skip == 0 && n > 0 => f(Item::Bytes(text)),
            Body::Plain(_) => ControlFlow::Continue(()),
            Body::Squeezed { lzf, raw_len } => {
                let raw = unsqueezed(lzf, *raw_len as usize);
                walk_packed(Packed::new(&raw), skip, n, forward, f)
            }
        }
    }

    /// The listpack to be changed, decompressed; none when the node is plain.
    pub(super) fn open(&mut self) -> Option<&mut Listpack> {
        if let Body::Squeezed { lzf, raw_len } = &self.body {
            let pack = Listpack::from_trusted(unsqueezed(lzf, *raw_len as usize));
            self.body = Body::Packed(pack.into());
        }
        self.stubborn = false;
        match &mut self.body {
            Body::Packed(pack) => Some(pack.settled()),
            _ => None,
        }
    }

    /// Takes up to `limit` elements with this text out of a node that holds some; an element that
    /// is a node of its own only counts as gone.
    pub(super) fn remove_matching(&mut self, text: &[u8], forward: bool, limit: usize) -> usize {
        let gone = match self.open() {
            Some(pack) => remove_matching(pack, text, forward, limit),
            None => 1,
        };
        self.count -= gone as u32;
        gone
    }

    /// Compresses it if that pays.
    pub(super) fn squeeze(&mut self) {
        let Body::Packed(pack) = &self.body else { return };
        let len = pack.byte_len();
        if self.stubborn || len < SQUEEZE_MIN {
            return;
        }
        match lzf::compress(pack.as_packed().bytes(), len - SAVING_MIN) {
            Some(lzf) => {
                let raw_len = u32::try_from(len).expect("a listpack is below 4 GB");
                self.body = Body::Squeezed { lzf: lzf.into_boxed_slice(), raw_len };
            }
            None => self.stubborn = true,
        }
    }

    /// Whether compressing it was tried, or is not worth trying.
    pub(super) fn is_settled(&self) -> bool {
        match &self.body {
            Body::Packed(pack) => self.stubborn || pack.byte_len() < SQUEEZE_MIN,
            _ => true,
        }
    }
}

/// The listpack of `len` bytes that was compressed.
pub(super) fn unsqueezed(lzf: &[u8], len: usize) -> Vec<u8> {
    lzf::decompress(lzf, len).expect(SOUND)
}

/// Shows the elements of a listpack from `skip` on, at most `n` of them, towards the end or from
/// the end; both are counted in that direction.
#[inline]
pub fn walk_packed(
    pack: Packed<'_>,
    skip: usize,
    n: usize,
    forward: bool,
    f: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if forward {
        let Some(first) = pack.seek(skip as i64) else { return ControlFlow::Continue(()) };
        pack.iter_from(first).take(n).try_for_each(f)
    } else {
        let mut at = pack.seek(-1 - skip as i64);
        for _ in 0..n {
            let Some(pos) = at else { break };
            f(pack.get(pos))?;
            at = pack.prev(pos);
        }
        ControlFlow::Continue(())
    }
}

/// Takes up to `limit` elements with this text out, from the front or from the back.
pub fn remove_matching(pack: &mut Listpack, text: &[u8], forward: bool, limit: usize) -> usize {
    /// With more hits the rest is written anew: taking out one by one would move it every time.
    const ONE_BY_ONE_MAX: usize = 8;
    let packed = pack.as_packed();
    let mut hits = Vec::new();
    if forward {
        let mut at = packed.find(text, 0, packed.first());
        while let Some(pos) = at.filter(|_| hits.len() < limit) {
            hits.push(pos);
            at = packed.next(pos).and_then(|next| packed.find(text, 0, Some(next)));
        }
    } else {
        let mut at = packed.last();
        while let Some(pos) = at.filter(|_| hits.len() < limit) {
            if packed.get(pos).eq_text(text) {
                hits.push(pos);
            }
            at = packed.prev(pos);
        }
        hits.reverse();
    }
    if hits.len() <= ONE_BY_ONE_MAX {
        for pos in hits.iter().rev() {
            pack.remove(*pos);
        }
        return hits.len();
    }
    let mut kept = Listpack::new();
    let (mut at, mut gone) = (packed.first(), hits.iter().peekable());
    while let Some(pos) = at {
        if gone.next_if_eq(&&pos).is_none() {
            append(&mut kept, packed.get(pos));
        }
        at = packed.next(pos);
    }
    let removed = hits.len();
    *pack = kept;
    removed
}

/// Adds an element of another listpack at the end.
#[inline]
pub(super) fn append(pack: &mut Listpack, item: Item<'_>) {
    match item {
        Item::Int(n) => pack.push_int(n),
        Item::Bytes(text) => pack.push(text),
    }
}
