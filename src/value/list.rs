//! Lists: a listpack while small, a quicklist beyond.
//!
//! A listpack that would pass the limit of a node (`list-max-listpack-size`) becomes a quicklist; a
//! quicklist goes back when what is left of it is one node of at most half the limit. Callers say
//! what they are going to add (`expect`) and, after they took elements out, `shrink`.

use crate::ds::listpack::{Item, Listpack, Packed, TwoEnded};
use crate::ds::quicklist::{self, End, Fill, Quicklist};
use crate::value::limits::Limits;
use crate::value::{Collection, PackedKind, Value};
use std::ops::ControlFlow;

/// The bytes of a listpack without elements.
const EMPTY: &[u8] = &[7, 0, 0, 0, 0, 0, 0xFF];

/// A list outside its entry, or taken out of it to be changed.
#[derive(Debug, Default)]
pub enum List {
    /// No elements and no buffer yet: what is left in the place of a list that is being changed.
    #[default]
    Nothing,
    /// A few elements.
    Packed(TwoEnded),
    /// Many, or large ones.
    Quick(Box<Quicklist>),
}

impl Limits {
    /// How large a node of a list may get.
    pub fn list_fill(&self) -> Fill {
        Fill::of(self.list_max_listpack_size).plain_from(self.list_plain_from)
    }
}

impl List {
    /// An empty list that is built to become a long one; `settle` ends the building.
    pub fn long(limits: &Limits) -> List {
        let list = Quicklist::new(limits.list_fill(), limits.list_compress_depth);
        List::Quick(Box::new(list))
    }

    /// The same, borrowed.
    #[inline]
    pub fn as_ref(&self) -> ListRef<'_> {
        match self {
            List::Nothing => ListRef::Packed(Packed::new(EMPTY)),
            List::Packed(pack) => ListRef::Packed(pack.as_packed()),
            List::Quick(list) => ListRef::Quick(list),
        }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            List::Quick(list) => list.len(),
            _ => self.as_ref().len(),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Converts ahead of a call that adds `count` elements with `bytes` of text.
    #[inline]
    pub fn expect(&mut self, count: usize, bytes: usize, limits: &Limits) {
        if !matches!(self, List::Quick(_)) {
            self.expect_packed(count, bytes, limits);
        }
    }

    fn expect_packed(&mut self, count: usize, bytes: usize, limits: &Limits) {
        let (now, len) = match self {
            List::Nothing => (EMPTY.len(), 0),
            List::Packed(pack) => (pack.byte_len(), pack.as_packed().len()),
            List::Quick(_) => return,
        };
        let fill = limits.list_fill();
        if fill.exceeded(now.saturating_add(bytes), len + count) {
            let mut list = Quicklist::new(fill, limits.list_compress_depth);
            if let List::Packed(mut pack) = std::mem::take(self) {
                // The buffer may be a borrowed one.
                pack.fit();
                list.append_packed(pack.into_listpack());
            }
            *self = List::Quick(Box::new(list));
        }
    }

    /// Goes back to a listpack when that leaves room to grow; after elements were taken out.
    #[inline]
    pub fn shrink(&mut self, limits: &Limits) {
        self.convert_if(|packed| limits.list_fill().fits_half(packed.bytes().len(), packed.len()));
    }

    /// Goes back to a listpack when that is large enough; after a list was built.
    pub fn settle(&mut self, limits: &Limits) {
        self.convert_if(|packed| limits.list_fill().fits(packed.bytes().len(), packed.len()));
    }

    #[inline]
    fn convert_if(&mut self, fits: impl FnOnce(Packed<'_>) -> bool) {
        let List::Quick(list) = self else { return };
        // What is still to be told of an earlier moment would be lost.
        if list.is_captured() {
            return;
        }
        if list.only_packed().is_some_and(fits) {
            if let List::Quick(list) = std::mem::take(self) {
                *self = List::Packed(list.into_only_packed().into());
            }
        }
    }

    #[inline]
    fn packed(&mut self) -> Result<&mut TwoEnded, &mut Quicklist> {
        if let List::Nothing = self {
            *self = List::Packed(TwoEnded::default());
        }
        match self {
            List::Packed(pack) => Ok(pack),
            List::Quick(list) => Err(list),
            List::Nothing => unreachable!("it has become a listpack"),
        }
    }

    /// Adds an element at an end.
    #[inline]
    pub fn push(&mut self, end: End, text: &[u8]) {
        match self {
            List::Quick(list) => list.push(end, text),
            _ => self.push_packed(end, text),
        }
    }

    fn push_packed(&mut self, end: End, text: &[u8]) {
        match (self.packed(), end) {
            (Ok(pack), End::Head) => pack.push_front(text),
            (Ok(pack), End::Tail) => pack.push_back(text),
            (Err(list), end) => list.push(end, text),
        }
    }

    /// Takes the element at an end out, after `f` has seen it.
    #[inline]
    pub fn pop<R>(&mut self, end: End, f: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        match self {
            List::Nothing => None,
            List::Packed(pack) => {
                let packed = pack.as_packed();
                let pos = if end == End::Head { packed.first() } else { packed.last() }?;
                let result = f(packed.get(pos));
                match end {
                    End::Head => pack.pop_front(),
                    End::Tail => pack.pop_back(),
                }
                Some(result)
            }
            List::Quick(list) => list.pop(end, f),
        }
    }

    /// Puts an element in front of the one at `index`, or behind the last one.
    pub fn insert(&mut self, index: usize, text: &[u8]) {
        match self.packed() {
            Ok(pack) => match pack.as_packed().seek(index as i64) {
                Some(pos) => pack.settled().insert_before(pos, text),
                None => pack.push_back(text),
            },
            Err(list) => list.insert(index, text),
        }
    }

    /// Puts an element in the place of the one at `index`; false when there is none.
    pub fn set(&mut self, index: usize, text: &[u8]) -> bool {
        if index >= self.len() {
            return false;
        }
        match self.packed() {
            Ok(pack) => {
                let pos = pack.as_packed().seek(index as i64).expect("it is below the length");
                pack.settled().replace(pos, text);
            }
            Err(list) => list.set(index, text),
        }
        true
    }

    /// Takes `n` elements out, or as many as there are, beginning at index `start`.
    pub fn remove_range(&mut self, start: usize, n: usize) {
        match self {
            List::Nothing => {}
            List::Packed(pack) => {
                if let Some(pos) = pack.as_packed().seek(start as i64) {
                    pack.settled().remove_range(pos, n);
                }
            }
            List::Quick(list) => list.remove_range(start, n),
        }
    }

    /// Takes up to `n` elements off an end.
    pub fn remove_at(&mut self, end: End, n: usize) {
        let start = if end == End::Head { 0 } else { self.len().saturating_sub(n) };
        self.remove_range(start, n);
    }

    /// Takes up to `n` elements off an end, as a list of their own.
    pub fn detach(&mut self, end: End, n: usize) -> List {
        match self {
            List::Quick(list) => List::Quick(Box::new(list.detach(end, n))),
            List::Nothing | List::Packed(_) => {
                let mut part = List::default();
                for _ in 0..n {
                    let inwards = if end == End::Head { End::Tail } else { End::Head };
                    self.pop(end, |item| item.with_text(|text| part.push(inwards, text)));
                }
                part
            }
        }
    }

    /// Takes up to `limit` elements with this text out, the first or the last ones.
    pub fn remove_matching(&mut self, text: &[u8], from: End, limit: usize) -> usize {
        match self {
            List::Nothing => 0,
            List::Packed(pack) => {
                quicklist::remove_matching(pack.settled(), text, from == End::Head, limit)
            }
            List::Quick(list) => list.remove_matching(text, from, limit),
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        self.as_ref().encoding()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            List::Nothing => 0,
            List::Packed(pack) => pack.heap_bytes(),
            List::Quick(list) => list.bytes(),
        }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> List {
        match self {
            List::Nothing => List::Nothing,
            List::Packed(pack) => List::Packed(pack.clone()),
            List::Quick(list) => List::Quick(Box::new(list.duplicate())),
        }
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        match self {
            List::Nothing => {}
            List::Packed(pack) => {
                assert!(Packed::validate(pack.as_packed().bytes()), "well formed");
            }
            List::Quick(list) => list.check(),
        }
    }
}

impl Collection for List {
    fn of(value: &mut Value) -> Option<&mut Self> {
        match value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    fn into_value(mut self) -> Value {
        if let List::Packed(pack) = &mut self {
            // The buffer may be a borrowed one.
            pack.fit();
        }
        Value::List(self)
    }

    fn of_packed(kind: PackedKind, bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        match kind {
            PackedKind::ListListpack => Ok(List::Packed(Listpack::from_trusted(bytes).into())),
            _ => Err(bytes),
        }
    }

    fn as_packed(&self) -> Option<(PackedKind, &[u8])> {
        match self {
            List::Nothing => Some((PackedKind::ListListpack, EMPTY)),
            List::Packed(pack) => Some((PackedKind::ListListpack, pack.as_packed().bytes())),
            List::Quick(_) => None,
        }
    }

    fn into_packed_bytes(self) -> Vec<u8> {
        match self {
            List::Packed(pack) => pack.into_listpack().into_bytes(),
            List::Nothing | List::Quick(_) => Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }
}

/// A list to be read, wherever it is.
#[derive(Clone, Copy)]
pub enum ListRef<'a> {
    /// A few elements.
    Packed(Packed<'a>),
    /// Many, or large ones.
    Quick(&'a Quicklist),
}

impl ListRef<'_> {
    /// Number of elements.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ListRef::Packed(packed) => packed.len(),
            ListRef::Quick(list) => list.len(),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(self) -> bool {
        match self {
            ListRef::Packed(packed) => packed.is_empty(),
            ListRef::Quick(list) => list.is_empty(),
        }
    }

    /// Shows up to `n` elements, beginning with the one at `from` and going on towards the tail,
    /// or towards the head.
    #[inline]
    pub fn visit(
        self,
        from: usize,
        n: usize,
        forward: bool,
        f: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            ListRef::Packed(packed) if forward => quicklist::walk_packed(packed, from, n, true, f),
            ListRef::Packed(packed) => match packed.len().checked_sub(from + 1) {
                Some(skip) => quicklist::walk_packed(packed, skip, n, false, f),
                None => ControlFlow::Continue(()),
            },
            ListRef::Quick(list) => list.visit(from, n, forward, f),
        }
    }

    /// Shows up to `n` elements like `visit`, without a way to stop.
    #[inline]
    pub fn each(self, from: usize, n: usize, forward: bool, mut f: impl FnMut(Item<'_>)) {
        let _ = self.visit(from, n, forward, &mut |item| {
            f(item);
            ControlFlow::Continue(())
        });
    }

    /// Runs `f` over the element at an index.
    pub fn get<R>(self, index: usize, f: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        match self {
            ListRef::Packed(packed) => packed.seek(index as i64).map(|pos| f(packed.get(pos))),
            ListRef::Quick(list) => list.get(index, f),
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(self) -> &'static str {
        match self {
            ListRef::Packed(_) => "listpack",
            ListRef::Quick(_) => "quicklist",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(size: i64) -> Limits {
        Limits { list_max_listpack_size: size, ..Limits::default() }
    }

    fn texts(list: &List) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        list.as_ref().each(0, usize::MAX, true, |item| all.push(item.to_vec()));
        all
    }

    fn push(list: &mut List, text: &[u8], limits: &Limits) {
        list.expect(1, text.len(), limits);
        list.push(End::Tail, text);
    }

    #[test]
    fn outgrows_its_listpack_and_comes_back_at_half() {
        let limits = limits(10);
        let mut list = List::default();
        assert_eq!((list.len(), list.encoding()), (0, "listpack"));
        for i in 0..10 {
            push(&mut list, i.to_string().as_bytes(), &limits);
        }
        assert_eq!(list.encoding(), "listpack");
        push(&mut list, b"10", &limits);
        assert_eq!(list.encoding(), "quicklist");
        for left in (0..11).rev() {
            assert!(list.pop(End::Tail, |_| ()).is_some());
            list.shrink(&limits);
            let want = if left > 5 { "quicklist" } else { "listpack" };
            assert_eq!(list.encoding(), want, "{left} left");
        }
        assert!(list.is_empty() && list.pop(End::Head, |_| ()).is_none());
    }

    #[test]
    fn bytes_decide_as_well() {
        let limits = limits(-1);
        let mut list = List::default();
        push(&mut list, &[b'x'; 4089], &limits);
        assert_eq!(list.encoding(), "listpack");
        push(&mut list, b"", &limits);
        assert_eq!(list.encoding(), "quicklist");
        let mut long = List::long(&limits);
        long.push(End::Tail, b"a");
        assert_eq!(long.encoding(), "quicklist");
        long.settle(&limits);
        assert_eq!((long.encoding(), texts(&long)), ("listpack", vec![b"a".to_vec()]));
    }

    #[test]
    fn both_encodings_edit_alike() {
        let (small, large) = (limits(1), limits(-2));
        let mut lists = [List::long(&small), List::default()];
        for list in &mut lists {
            for i in 0..20 {
                list.push(End::Tail, (i % 5).to_string().as_bytes());
            }
            list.insert(3, b"new");
            list.insert(99, b"last");
            assert!(list.set(0, b"first") && !list.set(22, b"x"));
            list.remove_range(5, 4);
            list.remove_at(End::Tail, 2);
            assert_eq!(list.remove_matching(b"2", End::Tail, 2), 2);
            list.push(End::Head, b"-1");
            list.check();
            assert_eq!(list.as_ref().get(1, |item| item.to_vec()), Some(b"first".to_vec()));
            let mut back = Vec::new();
            list.as_ref().each(1, 9, false, |item| back.push(item.to_vec()));
            assert_eq!(back, [b"first".to_vec(), b"-1".to_vec()]);
            list.as_ref().each(99, 9, false, |_| panic!("there is no such element"));
        }
        assert_eq!(texts(&lists[0]), texts(&lists[1]));
        assert_eq!(lists[0].encoding(), "quicklist");
        lists[1].shrink(&large);
        assert_eq!(texts(&lists[0].duplicate()), texts(&lists[1].duplicate()));
    }

    #[test]
    fn variants_stay_small() {
        assert!(size_of::<List>() <= 32);
    }
}
