//! A byte string, as small as it can be: what large sets keep in their table.
//!
//! ```text
//!  an integer        no allocation: | the number, 47 bits | 1 |  in the place of the pointer
//!  up to 254 bytes   | length u8 | bytes |
//!  longer            | 255       | length u64, not aligned | bytes |
//! ```
//!
//! The text of an integer below 2^46 is not kept, since the number has no other. The length of any
//! other text stands in the object and not beside the pointer, because a table's slot has room for
//! the pointer alone. With one byte of header, 7 bytes of text fit the allocator's smallest class
//! of 8, and 15 the next.
#![allow(unsafe_code)]

use super::dict::{Ref, Thin};
use super::listpack::Item;
use crate::alloc::size_class;
use crate::base::num::parse_i64;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, without_provenance_mut};

/// Lengths from here on do not fit the first byte.
const LONG: usize = 255;
const LONG_HEADER: usize = 9;
/// Marks what is no pointer; allocations begin at even addresses.
const INT: usize = 1;
/// Bits that a table has for a member.
const BITS: u32 = 48;

/// An owned byte string.
pub struct Member(NonNull<u8>);

// SAFETY: a member owns its allocation, if it has one, alone.
unsafe impl Send for Member {}

// SAFETY: a pointer comes from the global allocator, so it fits 48 bits on the targets we build
// for, and so does what `inline` makes; `from_raw` is the inverse of `into_raw`; the text never
// changes.
unsafe impl Thin for Member {
    fn into_raw(self) -> NonNull<u8> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Member(raw)
    }

    #[inline]
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.item().with_text(f)
    }
}

/// The number whose text this is, if it is small enough to do without an allocation.
#[inline]
fn inline(text: &[u8]) -> Option<i64> {
    parse_i64(text).filter(|n| n.unsigned_abs() < 1 << (BITS - 2))
}

/// The size of the allocation for this many bytes.
#[inline]
fn size_for(len: usize) -> usize {
    len + if len < LONG { 1 } else { LONG_HEADER }
}

fn layout_for(len: usize) -> Layout {
    Layout::from_size_align(size_for(len), 2).expect("a string in memory is not that long")
}

impl Member {
    /// A copy of `text`.
    pub fn new(text: &[u8]) -> Member {
        if let Some(n) = inline(text) {
            let word = (n << 1) as usize & ((1 << BITS) - 1) | INT;
            return Member(NonNull::new(without_provenance_mut(word)).expect("it has a mark"));
        }
        let layout = layout_for(text.len());
        // SAFETY: the size is at least that of the header.
        let raw = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(raw) else { handle_alloc_error(layout) };
        // SAFETY: the allocation has room for the header and the bytes, in this order.
        unsafe {
            let p = start.as_ptr();
            let at = if text.len() < LONG {
                p.write(text.len() as u8);
                p.add(1)
            } else {
                p.write(LONG as u8);
                p.add(1).cast::<u64>().write_unaligned(text.len() as u64);
                p.add(LONG_HEADER)
            };
            at.copy_from_nonoverlapping(text.as_ptr(), text.len());
        }
        Member(start)
    }

    /// The number, where there is no allocation.
    #[inline]
    fn int(&self) -> Option<i64> {
        let word = self.0.as_ptr().addr();
        // The sign comes back with the bits that the table's slot has no room for.
        (word & INT != 0).then_some(((word as i64) << (64 - BITS)) >> (64 - BITS + 1))
    }

    /// The bytes, where there is an allocation.
    #[inline]
    fn bytes(&self) -> &[u8] {
        let p = self.0.as_ptr();
        // SAFETY: `new` wrote this header, and the bytes behind it; callers have asked `int`.
        unsafe {
            let short = p.read() as usize;
            if short < LONG {
                return std::slice::from_raw_parts(p.add(1), short);
            }
            let len = p.add(1).cast::<u64>().read_unaligned() as usize;
            std::slice::from_raw_parts(p.add(LONG_HEADER), len)
        }
    }

    /// The text, or the number it reads as.
    #[inline]
    pub fn item(&self) -> Item<'_> {
        match self.int() {
            Some(n) => Item::Int(n),
            None => Item::Bytes(self.bytes()),
        }
    }

    /// Bytes of memory that a member with this text takes beside its slot, as the allocator rounds
    /// them.
    #[inline]
    pub fn footprint(text: &[u8]) -> usize {
        if inline(text).is_some() { 0 } else { size_class(size_for(text.len())) }
    }
}

/// The member behind a table reference, for as long as the table is borrowed.
#[inline]
pub fn item_of<'a>(member: &Ref<'a, Member>) -> Item<'a> {
    match member.item() {
        Item::Int(n) => Item::Int(n),
        // SAFETY: the bytes are in the heap object the table owns, which lives unchanged for 'a,
        // not in the reference that was passed.
        Item::Bytes(bytes) => {
            Item::Bytes(unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) })
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if self.int().is_some() {
            return;
        }
        let layout = layout_for(self.bytes().len());
        // SAFETY: allocated by `new` with the same layout, which the length determines.
        unsafe { dealloc(self.0.as_ptr(), layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dict::Dict;
    use super::*;
    use crate::base::hash::Seed;
    use crate::base::rng::Rng;
    use std::collections::BTreeSet;

    #[test]
    fn equals_a_plain_vector() {
        let mut rng = Rng::seeded(5);
        for len in (0..600).chain([4096, 70_000]) {
            let plain: Vec<u8> = (0..len).map(|_| rng.next_u64() as u8).collect();
            let member = Member::new(&plain);
            assert_eq!(member.item().to_vec(), plain);
            let raw = member.into_raw();
            // SAFETY: the pointer was just given up.
            let member = unsafe { Member::from_raw(raw) };
            assert!(member.with_key(|key| key == plain));
        }
    }

    #[test]
    fn integers_need_no_allocation() {
        let edge = 1i64 << 46;
        let mut table = Dict::new(Seed { k0: 5, k1: 6 });
        let mut texts: Vec<String> = Vec::new();
        for n in [0, 1, 7, 255, 1 << 31, edge - 1, edge, edge + 1, 1 << 47, 1 << 48, i64::MAX] {
            for n in [n, -n] {
                let (text, inside) = (n.to_string(), n.abs() < edge);
                let member = Member::new(text.as_bytes());
                assert_eq!(matches!(member.item(), Item::Int(m) if m == n), inside, "{n}");
                assert_eq!(Member::footprint(text.as_bytes()) == 0, inside, "{n}");
                assert_eq!(member.item().to_vec(), text.as_bytes());
                if n != 0 || texts.is_empty() {
                    table.insert(table.hash(text.as_bytes()), member);
                    texts.push(text);
                }
            }
        }
        for text in ["-0", "007", "+7", " 7", "7 ", "", "9223372036854775808"] {
            assert!(matches!(Member::new(text.as_bytes()).item(), Item::Bytes(_)), "{text}");
            assert!(table.find(table.hash(text.as_bytes()), text.as_bytes()).is_none());
        }
        table.check();
        let mut held: Vec<_> = table.iter().map(|m| item_of(&m).to_vec()).collect();
        held.sort();
        texts.sort();
        assert!(held.iter().eq(texts.iter().map(String::as_bytes)));
        for text in texts {
            assert!(table.remove(table.hash(text.as_bytes()), text.as_bytes()).is_some());
        }
        assert!(table.is_empty());
    }

    #[test]
    fn small_members_take_small_allocations() {
        let sizes = [(0, 8), (7, 8), (8, 16), (15, 16), (16, 32), (254, 256), (255, 320)];
        for (len, size) in sizes {
            assert_eq!(Member::footprint(&vec![b'm'; len]), size, "{len} bytes");
        }
        let entries = 20_000;
        let mut table = Dict::new(Seed { k0: 1, k1: 2 });
        for i in 0..entries {
            let text = format!("member:{i}");
            table.insert(table.hash(text.as_bytes()), Member::new(text.as_bytes()));
        }
        let each: usize = table.iter().map(|m| Member::footprint(m.bytes())).sum();
        assert!((table.bytes() + each) / entries <= 27, "{}", table.bytes() + each);
    }

    #[test]
    fn a_table_of_members_is_a_set() {
        let mut rng = Rng::seeded(6);
        let mut table = Dict::new(Seed { k0: 3, k1: 4 });
        let mut model: BTreeSet<Vec<u8>> = BTreeSet::new();
        for _ in 0..6_000 {
            let text = match rng.below(2) {
                0 => vec![b'm'; rng.below(300) as usize],
                _ => (rng.below(600) as i64 - 300).to_string().into_bytes(),
            };
            let hash = table.hash(&text);
            if rng.below(2) == 0 {
                let (_, new) = table.find_or_insert_with(hash, &text, || Member::new(&text));
                assert_eq!(new, model.insert(text));
            } else {
                assert_eq!(table.remove(hash, &text).is_some(), model.remove(&text));
            }
        }
        table.check();
        let held: BTreeSet<Vec<u8>> = table.iter().map(|m| item_of(&m).to_vec()).collect();
        assert_eq!(held, model);
    }
}
