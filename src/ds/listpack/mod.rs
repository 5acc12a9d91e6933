//! Listpack: a list of short texts and numbers in one run of bytes, byte for byte as Redis has it.
//!
//! ```text
//!  0          4        6
//!  +----------+--------+---------+---------+-   -+----+
//!  | bytes    | count  | element | element | ... | FF |
//!  | u32 LE   | u16 LE |         |         |     |    |
//!  +----------+--------+---------+---------+-   -+----+
//! ```
//!
//! `bytes` is the size of the whole; a count of 65535 means that one has to count. `encode.rs` has
//! the elements. A text that reads as an integer is kept as one and reads the same.
//!
//! Invariant: the bytes inside [`Packed`] and [`Listpack`] are well formed. What comes from a file
//! is shown to [`Packed::validate`] first; bytes that are not well formed make reading panic, never
//! read out of bounds.

mod append;
mod encode;
mod ends;
#[cfg(test)]
mod tests;

pub use append::Appender;
pub use ends::TwoEnded;

use crate::alloc::size_class;
use crate::base::num::parse_i64;
use encode::{END, Encoded, length_width, read, read_length};

const HEADER: usize = 6;
/// The count that says nothing.
const MANY: u16 = u16::MAX;
/// A listpack without elements.
const EMPTY: [u8; HEADER + 1] = [HEADER as u8 + 1, 0, 0, 0, 0, 0, END];
/// Bytes above which a listpack is not to grow; far below what its header can tell.
const SAFE_MAX: usize = 1 << 30;
/// Buffers up to this size are not given back when their content shrinks, bytes.
const KEPT: usize = 1024;

const SOUND: &str = "a listpack is well formed";

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// It is kept as a number.
    Int(i64),
    /// Its text.
    Bytes(&'a [u8]),
}

impl Item<'_> {
    /// Length of the text, bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.with_text(<[u8]>::len)
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Item::Bytes([]))
    }

    /// Runs `f` over the text.
    #[inline]
    pub fn with_text<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Item::Int(n) => f(itoa::Buffer::new().format(*n).as_bytes()),
            Item::Bytes(bytes) => f(bytes),
        }
    }

    /// The text, copied.
    pub fn to_vec(&self) -> Vec<u8> {
        self.with_text(<[u8]>::to_vec)
    }

    /// Whether this is its text.
    #[inline]
    pub fn eq_text(&self, text: &[u8]) -> bool {
        match self {
            Item::Int(n) => parse_i64(text) == Some(*n),
            Item::Bytes(bytes) => *bytes == text,
        }
    }

    /// The number the text reads as.
    #[inline]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Item::Int(n) => Some(*n),
            Item::Bytes(bytes) => parse_i64(bytes),
        }
    }
}

/// Where an element begins. Any change before it makes it meaningless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos(u32);

impl Pos {
    #[inline]
    fn at(self) -> usize {
        self.0 as usize
    }
}

/// A borrowed listpack.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    /// A look at bytes that are known to be a listpack.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Packed(bytes)
    }

    /// Whether bytes from outside are a listpack, each element and length looked at.
    pub fn validate(bytes: &[u8]) -> bool {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return false };
        let [b0, b1, b2, b3, c0, c1] = *header;
        let Some((&END, elements)) = rest.split_last() else { return false };
        if u32::from_le_bytes([b0, b1, b2, b3]) as usize != bytes.len() {
            return false;
        }
        let (mut at, mut count) = (0, 0);
        while at < elements.len() {
            let Some((_, len)) = read(&elements[at..]) else { return false };
            let end = at + len + length_width(len);
            if elements.get(at..end).and_then(read_length) != Some(len) {
                return false;
            }
            at = end;
            count += 1;
        }
        let told = u16::from_le_bytes([c0, c1]);
        told == MANY || usize::from(told) == count
    }

    /// The whole, header and end included.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Number of elements; walks over all of them where the header cannot tell.
    #[inline]
    pub fn len(self) -> usize {
        match count_of(self.0) {
            MANY => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.len() == HEADER + 1
    }

    /// The first element.
    #[inline]
    pub fn first(self) -> Option<Pos> {
        self.here(HEADER)
    }

    /// The last element.
    #[inline]
    pub fn last(self) -> Option<Pos> {
        self.before(self.end())
    }

    /// The element behind.
    #[inline]
    pub fn next(self, pos: Pos) -> Option<Pos> {
        self.here(self.element(pos.at()).1)
    }

    /// The element before.
    #[inline]
    pub fn prev(self, pos: Pos) -> Option<Pos> {
        self.before(pos.at())
    }

    /// The element with this index; negative ones count from the end, the last being -1.
    pub fn seek(self, index: i64) -> Option<Pos> {
        let count = count_of(self.0);
        let mut index = index;
        if count != MANY {
            let len = i64::from(count);
            if index >= len || index < -len {
                return None;
            }
            // From the nearer end.
            if index >= 0 && index > len / 2 {
                index -= len;
            } else if index < -(len / 2) {
                index += len;
            }
        }
        if index >= 0 {
            (0..index).try_fold(self.first()?, |pos, _| self.next(pos))
        } else {
            (0..-(index + 1)).try_fold(self.last()?, |pos, _| self.prev(pos))
        }
    }

    /// The element there.
    #[inline]
    pub fn get(self, pos: Pos) -> Item<'a> {
        self.element(pos.at()).0
    }

    /// All elements, from either end.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        Iter { packed: self, front: HEADER, back: self.end() }
    }

    /// The elements from a place on.
    #[inline]
    pub fn iter_from(self, pos: Pos) -> Iter<'a> {
        Iter { packed: self, front: pos.at(), back: self.end() }
    }

    /// The first element from `from` on with this text. After each one looked at, `skip` others
    /// are passed over: with 1 the keys of a list of pairs are searched and not their values.
    #[inline]
    pub fn find(self, text: &[u8], skip: usize, from: Option<Pos>) -> Option<Pos> {
        let number = parse_i64(text);
        let mut at = from?.at();
        loop {
            let (item, mut next) = self.element(at);
            let hit = match item {
                // Names that are compared often begin alike: their ends tell sooner.
                Item::Bytes(bytes) => {
                    bytes.len() == text.len() && bytes.last() == text.last() && bytes == text
                }
                Item::Int(n) => number == Some(n),
            };
            if hit {
                return Some(Pos(at as u32));
            }
            for _ in 0..skip {
                next = self.element(self.here(next)?.at()).1;
            }
            at = self.here(next)?.at();
        }
    }

    /// The element at an offset and the offset behind it.
    #[inline(always)]
    fn element(self, at: usize) -> (Item<'a>, usize) {
        let (item, len) = read(&self.0[at..]).expect(SOUND);
        (item, at + len + length_width(len))
    }

    #[inline(always)]
    fn end(self) -> usize {
        self.0.len() - 1
    }

    /// The element that begins at an offset, unless it is the end.
    #[inline(always)]
    fn here(self, at: usize) -> Option<Pos> {
        (at < self.end()).then_some(Pos(at as u32))
    }

    /// The element that ends at an offset.
    #[inline]
    fn before(self, at: usize) -> Option<Pos> {
        if at == HEADER {
            return None;
        }
        let len = read_length(&self.0[HEADER..at]).expect(SOUND);
        let start = at.checked_sub(len + length_width(len)).expect(SOUND);
        Some(Pos(start as u32))
    }
}

#[inline]
fn count_of(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[4], bytes[5]])
}

/// A count as the header tells it.
#[inline]
fn count_in_header(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(MANY)
}

/// The elements of a listpack.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    packed: Packed<'a>,
    front: usize,
    back: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (item, next) = self.packed.element(self.front);
        self.front = next;
        Some(item)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let pos = self.packed.before(self.back)?;
        self.back = pos.at();
        Some(self.packed.get(pos))
    }
}

/// An owned listpack. Its buffer grows to what the content needs and no further. One that never
/// held anything has no buffer, so that a place holder costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Listpack(Vec<u8>);

impl Listpack {
    /// An empty one.
    #[inline]
    pub fn new() -> Listpack {
        Listpack(Vec::new())
    }

    /// An empty one that has a buffer already, whatever that held.
    #[inline]
    pub fn growing_in(mut buffer: Vec<u8>) -> Listpack {
        buffer.clear();
        Listpack(buffer)
    }

    /// Adopts bytes that are known to be a listpack.
    #[inline]
    pub fn from_trusted(bytes: Vec<u8>) -> Listpack {
        Listpack(bytes)
    }

    /// The buffer: the bytes, or nothing at all when there never was an element.
    #[inline]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The same, borrowed.
    #[inline]
    pub fn as_packed(&self) -> Packed<'_> {
        Packed(if self.0.is_empty() { &EMPTY } else { &self.0 })
    }

    /// Bytes of the content, header and end included.
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.as_packed().0.len()
    }

    /// Bytes of the buffer.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }

    /// Whether it may take so many further bytes.
    #[inline]
    pub fn may_grow(&self, more: usize) -> bool {
        self.byte_len().saturating_add(more) <= SAFE_MAX
    }

    /// Adds an element at the end.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        self.insert_at(self.byte_len() - 1, &Encoded::text(text));
    }

    /// Adds a number at the end.
    #[inline]
    pub fn push_int(&mut self, n: i64) {
        self.insert_at(self.byte_len() - 1, &Encoded::int(n));
    }

    /// Adds an element at the beginning.
    pub fn prepend(&mut self, text: &[u8]) {
        self.insert_at(HEADER, &Encoded::text(text));
    }

    /// Puts an element in the place of one, which comes behind it.
    pub fn insert_before(&mut self, pos: Pos, text: &[u8]) {
        self.insert_at(pos.at(), &Encoded::text(text));
    }

    /// Puts an element behind one; returns where it is.
    pub fn insert_after(&mut self, pos: Pos, text: &[u8]) -> Pos {
        let at = self.as_packed().element(pos.at()).1;
        self.insert_at(at, &Encoded::text(text));
        Pos(at as u32)
    }

    /// Puts an element in the place of one, which goes; returns where it is.
    #[inline]
    pub fn replace(&mut self, pos: Pos, text: &[u8]) -> Pos {
        self.replace_by(pos, &Encoded::text(text))
    }

    /// Puts a number in the place of an element, which goes; returns where it is.
    #[inline]
    pub fn replace_int(&mut self, pos: Pos, n: i64) -> Pos {
        // Counts that change all the time: both numbers are one byte.
        let byte = &mut self.0[pos.at()];
        if *byte <= 127 && (0..=127).contains(&n) {
            *byte = n as u8;
            return pos;
        }
        self.replace_by(pos, &Encoded::int(n))
    }

    #[inline]
    fn replace_by(&mut self, pos: Pos, new: &Encoded<'_>) -> Pos {
        let end = self.as_packed().element(pos.at()).1;
        self.splice(pos.at(), end - pos.at(), Some(new));
        pos
    }

    /// Takes an element out; returns where the next one is.
    pub fn remove(&mut self, pos: Pos) -> Option<Pos> {
        self.remove_range(pos, 1);
        self.as_packed().here(pos.at())
    }

    /// Takes `n` elements out, or as many as there are, beginning with the one at `pos`.
    pub fn remove_range(&mut self, pos: Pos, n: usize) {
        let packed = self.as_packed();
        let (mut end, mut gone) = (pos.at(), 0);
        while gone < n && end < packed.end() {
            end = packed.element(end).1;
            gone += 1;
        }
        let all = end == packed.end() && pos.at() == HEADER;
        let count = count_of(packed.0);
        self.splice(pos.at(), end - pos.at(), None);
        if all {
            self.set_count(0);
        } else if count != MANY {
            self.set_count(count - gone as u16);
        }
    }

    #[inline]
    fn insert_at(&mut self, at: usize, new: &Encoded<'_>) {
        self.splice(at, 0, Some(new));
        // The number that follows the last countable one is `MANY`.
        let count = count_of(&self.0);
        self.set_count(count.saturating_add(1));
    }

    #[inline]
    fn set_count(&mut self, count: u16) {
        self.0[4..HEADER].copy_from_slice(&count.to_le_bytes());
    }

    /// Replaces `old` bytes at an offset by an element, or by nothing.
    #[inline]
    fn splice(&mut self, at: usize, old: usize, new: Option<&Encoded<'_>>) {
        let len = self.byte_len();
        let more = new.map_or(0, Encoded::total);
        let target = len - old + more;
        let total = u32::try_from(target).expect("callers keep a listpack below 4 GB");
        if target > len {
            self.reserve(target);
            if self.0.is_empty() {
                self.0.extend_from_slice(&EMPTY);
            }
            self.0.resize(target, 0);
            self.0.copy_within(at + old..len, at + more);
        } else if target < len {
            self.0.copy_within(at + old..len, at + more);
            self.0.truncate(target);
            self.give_back();
        }
        if let Some(new) = new {
            new.write(&mut self.0[at..at + more]);
        }
        self.0[..4].copy_from_slice(&total.to_le_bytes());
    }

    /// Room for a content of so many bytes: what the allocator gives for it anyway.
    #[inline]
    fn reserve(&mut self, target: usize) {
        if target > self.0.capacity() {
            self.0.reserve_exact(size_class(target) - self.0.len());
        }
    }

    /// Gives back what a borrowed buffer has too much.
    pub fn fit(&mut self) {
        self.0.shrink_to(size_class(self.byte_len()));
    }

    #[inline]
    fn give_back(&mut self) {
        if self.0.capacity() > KEPT && self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to(size_class(self.0.len()));
        }
    }
}

/// Bytes a text takes as an element.
pub fn element_size(text: &[u8]) -> usize {
    Encoded::text(text).total()
}
