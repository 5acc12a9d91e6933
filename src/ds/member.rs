//! A byte string in one allocation, as small as it can be: what large sets keep in their table.
//!
//! ```text
//!  up to 254 bytes   | length u8 | bytes |
//!  longer            | 255       | length u64, not aligned | bytes |
//! ```
//!
//! The length stands in the object and not beside the pointer, because a table's slot has room for
//! the pointer alone. With one byte of header, 7 bytes of text fit the allocator's smallest class
//! of 8, and 15 the next.
#![allow(unsafe_code)]

use super::dict::{Ref, Thin};
use crate::alloc::size_class;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Lengths from here on do not fit the first byte.
const LONG: usize = 255;
const LONG_HEADER: usize = 9;

/// An owned byte string.
pub struct Member(NonNull<u8>);

// SAFETY: a member owns its allocation alone.
unsafe impl Send for Member {}

// SAFETY: the pointer comes from the global allocator, so it fits 48 bits on the targets we build
// for; `from_raw` is the inverse of `into_raw`; the bytes never change.
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
    fn key(&self) -> &[u8] {
        self.bytes()
    }
}

/// The size of the allocation for this many bytes.
#[inline]
fn size_for(len: usize) -> usize {
    len + if len < LONG { 1 } else { LONG_HEADER }
}

fn layout_for(len: usize) -> Layout {
    Layout::from_size_align(size_for(len), 1).expect("a string in memory is not that long")
}

impl Member {
    /// A copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Member {
        let layout = layout_for(bytes.len());
        // SAFETY: the size is at least that of the header.
        let raw = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(raw) else { handle_alloc_error(layout) };
        // SAFETY: the allocation has room for the header and the bytes, in this order.
        unsafe {
            let p = start.as_ptr();
            let at = if bytes.len() < LONG {
                p.write(bytes.len() as u8);
                p.add(1)
            } else {
                p.write(LONG as u8);
                p.add(1).cast::<u64>().write_unaligned(bytes.len() as u64);
                p.add(LONG_HEADER)
            };
            at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        Member(start)
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let p = self.0.as_ptr();
        // SAFETY: `new` wrote this header, and the bytes behind it.
        unsafe {
            let short = p.read() as usize;
            if short < LONG {
                return std::slice::from_raw_parts(p.add(1), short);
            }
            let len = p.add(1).cast::<u64>().read_unaligned() as usize;
            std::slice::from_raw_parts(p.add(LONG_HEADER), len)
        }
    }

    /// Bytes of memory that a member of `len` bytes takes, as the allocator rounds them.
    #[inline]
    pub fn footprint(len: usize) -> usize {
        size_class(size_for(len))
    }
}

/// The bytes behind a table reference, for as long as the table is borrowed.
#[inline]
pub fn bytes_of<'a>(member: &Ref<'a, Member>) -> &'a [u8] {
    let bytes: &[u8] = member.bytes();
    // SAFETY: the bytes are in the heap object the table owns, which lives unchanged for 'a, not
    // in the reference that was passed.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) }
}

impl Drop for Member {
    fn drop(&mut self) {
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
            assert_eq!(member.bytes(), plain);
            let raw = member.into_raw();
            // SAFETY: the pointer was just given up.
            let member = unsafe { Member::from_raw(raw) };
            assert_eq!(member.key(), plain);
        }
    }

    #[test]
    fn small_members_take_small_allocations() {
        assert_eq!((Member::footprint(0), Member::footprint(7)), (8, 8));
        assert_eq!((Member::footprint(8), Member::footprint(15)), (16, 16));
        assert_eq!((Member::footprint(16), Member::footprint(254)), (32, 256));
        assert_eq!(Member::footprint(255), 320);
        let entries = 20_000;
        let mut table = Dict::new(Seed { k0: 1, k1: 2 });
        for i in 0..entries {
            let text = format!("member:{i}");
            table.insert(table.hash(text.as_bytes()), Member::new(text.as_bytes()));
        }
        let each: usize = table.iter().map(|m| Member::footprint(m.bytes().len())).sum();
        assert!((table.bytes() + each) / entries <= 29, "{}", table.bytes() + each);
    }

    #[test]
    fn a_table_of_members_is_a_set() {
        let mut rng = Rng::seeded(6);
        let mut table = Dict::new(Seed { k0: 3, k1: 4 });
        let mut model: BTreeSet<Vec<u8>> = BTreeSet::new();
        for _ in 0..6_000 {
            let text = vec![b'm'; rng.below(300) as usize];
            let hash = table.hash(&text);
            if rng.below(2) == 0 {
                let (_, new) = table.find_or_insert_with(hash, &text, || Member::new(&text));
                assert_eq!(new, model.insert(text));
            } else {
                assert_eq!(table.remove(hash, &text).is_some(), model.remove(&text));
            }
        }
        table.check();
        let held: BTreeSet<&[u8]> = table.iter().map(|m| bytes_of(&m)).collect();
        assert!(held.into_iter().eq(model.iter().map(Vec::as_slice)));
    }
}
