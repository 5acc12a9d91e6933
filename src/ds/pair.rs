//! Two byte strings, a key and a value, in one allocation: the entry of a table of fields.
//!
//! ```text
//!  +----------+-----------+------------+-------------+-------+
//!  | key len  | key bytes | value len  | value bytes | spare |
//!  +----------+-----------+------------+-------------+-------+
//! ```
//!
//! A length is one byte below 255; 255 says that eight bytes follow with the length. The size of
//! the allocation is the allocator's own class for what the lengths add up to, so it is stored
//! nowhere, and a value may be overwritten in place as long as the class stays the same. A field
//! of 12 bytes with a value of 10 takes 32.
#![allow(unsafe_code)]

use super::dict::{Ref, Thin};
use crate::alloc::size_class;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// The length byte of what is too long for one.
const LONG: u8 = u8::MAX;

/// An owned pair.
pub struct Pair(NonNull<u8>);

// SAFETY: a pair owns its allocation alone.
unsafe impl Send for Pair {}

// SAFETY: the pointer comes from the global allocator, so it fits 48 bits on the targets we build
// for; `from_raw` is the inverse of `into_raw`, and the key stays what it was given.
unsafe impl Thin for Pair {
    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    #[inline]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Pair(raw)
    }

    #[inline]
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.key())
    }
}

impl Pair {
    /// The bytes it is found by.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let (start, len) = self.span(0);
        // SAFETY: `new` wrote `len` bytes at `start`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(start), len) }
    }

    /// A pair of copies.
    pub fn new(key: &[u8], value: &[u8]) -> Pair {
        let at = width(key.len()) + key.len();
        let layout = layout_of(at + width(value.len()) + value.len());
        // SAFETY: the size is at least that of two lengths.
        let raw = unsafe { alloc(layout) };
        let Some(raw) = NonNull::new(raw) else { handle_alloc_error(layout) };
        let mut pair = Pair(raw);
        // SAFETY: the allocation has room for the key at its start and for the value behind it.
        unsafe {
            pair.write(0, key);
            pair.write(at, value);
        }
        pair
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        let (start, len) = self.span(self.value_at());
        // SAFETY: `new` or `set_value` wrote `len` bytes at `start`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(start), len) }
    }

    /// Gives it another value, in place when the room is the same.
    #[inline]
    pub fn set_value(&mut self, value: &[u8]) {
        let at = self.value_at();
        if layout_of(at + width(value.len()) + value.len()).size() == self.bytes() {
            // SAFETY: the allocation has the size that key and value need; `value` is no part of
            // it, which is borrowed mutably here.
            unsafe { self.write(at, value) };
        } else {
            *self = Pair::new(self.key(), value);
        }
    }

    /// Bytes of the allocation.
    #[inline]
    pub fn bytes(&self) -> usize {
        let (start, len) = self.span(self.value_at());
        layout_of(start + len).size()
    }

    /// Writes a length and what it tells at an offset.
    ///
    /// # Safety
    /// The allocation has room for both there, and `text` lies outside of it.
    #[inline]
    unsafe fn write(&mut self, at: usize, text: &[u8]) {
        // SAFETY: the caller vouches for the room.
        unsafe {
            let p = self.0.as_ptr().add(at);
            if text.len() < usize::from(LONG) {
                p.write(text.len() as u8);
            } else {
                p.write(LONG);
                p.add(1).cast::<u64>().write_unaligned(text.len() as u64);
            }
            p.add(width(text.len())).copy_from_nonoverlapping(text.as_ptr(), text.len());
        }
    }

    /// Offset and length of the text whose length stands at an offset.
    #[inline]
    fn span(&self, at: usize) -> (usize, usize) {
        // SAFETY: callers pass the offsets at which `new` wrote lengths.
        unsafe {
            let p = self.0.as_ptr().add(at);
            match p.read() {
                LONG => (at + 9, p.add(1).cast::<u64>().read_unaligned() as usize),
                len => (at + 1, usize::from(len)),
            }
        }
    }

    #[inline]
    fn value_at(&self) -> usize {
        let (start, len) = self.span(0);
        start + len
    }
}

/// Bytes of a length.
#[inline]
fn width(len: usize) -> usize {
    if len < usize::from(LONG) { 1 } else { 9 }
}

#[inline]
fn layout_of(size: usize) -> Layout {
    Layout::from_size_align(size_class(size), 1).expect("two texts that are in memory")
}

/// Key and value behind a table reference, for as long as the table is borrowed.
#[inline]
pub fn parts_of<'a>(pair: &Ref<'a, Pair>) -> (&'a [u8], &'a [u8]) {
    let parts: (&[u8], &[u8]) = (pair.key(), pair.value());
    // SAFETY: both point into the allocation the table owns, which lives unchanged for 'a, not
    // into the reference that was passed.
    unsafe { std::mem::transmute::<(&[u8], &[u8]), (&'a [u8], &'a [u8])>(parts) }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let layout = Layout::from_size_align(self.bytes(), 1).expect("it was allocated so");
        // SAFETY: allocated by `new` with the same size, which the lengths determine.
        unsafe { dealloc(self.0.as_ptr(), layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Seed;
    use crate::base::rng::Rng;
    use crate::ds::dict::Dict;

    /// What a pair is: two strings.
    struct Twin(Vec<u8>, Vec<u8>);

    fn text(rng: &mut Rng) -> Vec<u8> {
        const LENGTHS: [u64; 12] = [0, 1, 5, 6, 7, 14, 22, 30, 253, 254, 255, 256];
        let len = match rng.below(3) {
            0 => LENGTHS[rng.below(12) as usize],
            1 => rng.below(40),
            _ => rng.below(3000),
        };
        (0..len).map(|_| rng.next_u64() as u8).collect()
    }

    #[test]
    fn holds_what_two_strings_hold() {
        let mut rng = Rng::seeded(5);
        for _ in 0..300 {
            let mut twin = Twin(text(&mut rng), text(&mut rng));
            let mut pair = Pair::new(&twin.0, &twin.1);
            for _ in 0..10 {
                assert_eq!((pair.key(), pair.value()), (&twin.0[..], &twin.1[..]));
                let (k, v) = (twin.0.len(), twin.1.len());
                assert_eq!(pair.bytes(), size_class(width(k) + k + width(v) + v));
                twin.1 = text(&mut rng);
                pair.set_value(&twin.1);
            }
            // SAFETY: the pointer comes from `into_raw` and is made an owner once.
            let back = unsafe { Pair::from_raw(pair.into_raw()) };
            assert_eq!((back.key(), back.value()), (&twin.0[..], &twin.1[..]));
        }
    }

    #[test]
    fn a_short_field_and_value_take_32_bytes() {
        let mut pair = Pair::new(&[b'f'; 12], &[b'v'; 10]);
        assert_eq!(pair.bytes(), 32);
        let address = pair.0;
        pair.set_value(&[b'w'; 18]);
        assert_eq!((pair.0, pair.bytes()), (address, 32));
        pair.set_value(&[b'w'; 19]);
        assert_eq!((pair.key(), pair.value().len(), pair.bytes()), (&[b'f'; 12][..], 19, 48));
    }

    #[test]
    fn parts_outlive_the_reference_to_the_entry() {
        let mut dict = Dict::new(Seed { k0: 1, k1: 2 });
        let hash = dict.hash(b"field");
        dict.insert(hash, Pair::new(b"field", b"value"));
        let parts = dict.find(hash, b"field").map(|found| parts_of(&found));
        assert_eq!(parts, Some((&b"field"[..], &b"value"[..])));
    }
}
