//! A member of a ranked set: one allocation that holds its score and its bytes.
//!
//! ```text
//! 0        8     9                      9 + length
//! +--------+-----+----------------------+
//! | score  | len | bytes                |      up to 254 bytes
//! +--------+-----+--------+-------------+
//! | score  | 255 | length | bytes       |      longer
//! +--------+-----+--------+-------------+
//! 0        8     9        17
//! ```
//!
//! The table owns the object; the tree holds a copy of its address, a [`Link`]. The score changes
//! under a shared reference, so neither is ever `Sync`.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use crate::ds::dict::{Thin, prefetch};

const LEN_AT: usize = 8;
const LONG: u8 = u8::MAX;

/// An owned member.
pub(super) struct Member(NonNull<u8>);

/// The address of a member that the table of the same ranked set owns. Made by `Member::link` and
/// kept in the tree of that set only, from which it is taken before the member goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(NonNull<u8>);

// SAFETY: a member owns its allocation alone.
unsafe impl Send for Member {}
// SAFETY: a link moves only together with the set that owns its member.
unsafe impl Send for Link {}

// SAFETY: the pointer comes from the global allocator, so it fits 48 bits on the targets we build
// for; `from_raw` is the inverse of `into_raw`, and the bytes never change.
unsafe impl Thin for Member {
    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    unsafe fn from_raw(p: NonNull<u8>) -> Member {
        Member(p)
    }

    #[inline]
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.key())
    }
}

impl Member {
    /// The bytes it is found by.
    #[inline]
    pub fn key(&self) -> &[u8] {
        // SAFETY: the object is alive as long as `self`.
        unsafe { bytes_at(self.0) }
    }

    /// Makes a member.
    pub(super) fn new(bytes: &[u8], score: f64) -> Member {
        let layout = layout(bytes.len());
        // SAFETY: the size is not 0.
        let Some(p) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        // SAFETY: the layout has room for score, length and bytes, in this order.
        unsafe {
            p.cast::<f64>().write(score);
            let start = if bytes.len() < LONG as usize {
                p.add(LEN_AT).write(bytes.len() as u8);
                LEN_AT + 1
            } else {
                p.add(LEN_AT).write(LONG);
                p.add(LEN_AT + 1).cast::<u64>().write_unaligned(bytes.len() as u64);
                LEN_AT + 9
            };
            p.add(start).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
        Member(p)
    }

    /// Its address, for the tree.
    #[inline]
    pub(super) fn link(&self) -> Link {
        Link(self.0)
    }

    /// Bytes allocated.
    pub(super) fn size(&self) -> usize {
        layout(self.key().len()).size()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let layout = layout(self.key().len());
        // SAFETY: allocated by `new` with this layout.
        unsafe { dealloc(self.0.as_ptr(), layout) }
    }
}

impl Link {
    /// Fills places that hold no member; never looked at.
    pub(super) const VACANT: Link = Link(NonNull::dangling());

    /// The member's bytes.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the member is alive: its set is borrowed, or owned by the caller's caller.
        unsafe { bytes_at(self.0) }
    }

    /// The member's score.
    #[inline]
    pub(super) fn score(&self) -> f64 {
        // SAFETY: as above.
        unsafe { self.0.cast::<f64>().read() }
    }

    /// Changes the score in the member. The caller changes the tree as well.
    #[inline]
    pub(super) fn set_score(&self, score: f64) {
        // SAFETY: as above; nobody holds a reference to the score, and the set is not `Sync`.
        unsafe { self.0.cast::<f64>().write(score) }
    }

    /// Asks for the member's cache line.
    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch(self.0.as_ptr());
    }
}

/// The bytes of a member.
///
/// # Safety
/// `p` is the address of a member that stays alive for `'a`.
#[inline]
unsafe fn bytes_at<'a>(p: NonNull<u8>) -> &'a [u8] {
    // SAFETY: `Member::new` wrote length and bytes there.
    unsafe {
        let short = p.add(LEN_AT).read();
        if short < LONG {
            return NonNull::slice_from_raw_parts(p.add(LEN_AT + 1), short as usize).as_ref();
        }
        let len = p.add(LEN_AT + 1).cast::<u64>().read_unaligned() as usize;
        NonNull::slice_from_raw_parts(p.add(LEN_AT + 9), len).as_ref()
    }
}

fn layout(len: usize) -> Layout {
    let head = if len < LONG as usize { LEN_AT + 1 } else { LEN_AT + 9 };
    let size = (head + len).next_multiple_of(8);
    Layout::from_size_align(size, 8).expect("a slice in memory has a length that fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_it_was_given() {
        for len in [0usize, 1, 15, 254, 255, 256, 70_000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let member = Member::new(&bytes, -1.5);
            assert_eq!((member.key(), member.link().bytes()), (&bytes[..], &bytes[..]));
            assert_eq!(member.link().score(), -1.5);
            member.link().set_score(7.0);
            assert_eq!((member.link().score(), member.key()), (7.0, &bytes[..]));
            assert!((len + 9..len + 25).contains(&member.size()));
        }
    }

    #[test]
    fn fifteen_bytes_fit_24() {
        assert_eq!(Member::new(&[b'm'; 15], 0.0).size(), 24);
    }
}
