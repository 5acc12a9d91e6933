//! One key with its value, deadline and access stamp in a single allocation.
//!
//! ```text
//!  byte 0      1      2..5     5       6..8    8..            then
//!  +-------+-------+--------+-------+-------+----------------+-----------+----------------------+
//!  | kind  | epoch | access | klen  | vlen  | deadline (i64) | long klen | key bytes | value    |
//!  | flags |       | 24 bit | u8    | u16   | if TIMED       | u32, LONG |           |          |
//!  +-------+-------+--------+-------+-------+----------------+-----------+----------------------+
//!
//!  with a deadline in this half of the century, and both lengths below 256 (CLOSE):
//!  | kind  | epoch | access | klen  | vlen  | deadline       |             key bytes | value    |
//!  | flags |       | 24 bit | u8    | u8    | 40 bit         |                                  |
//! ```
//!
//! The value is an integer (8 bytes), the bytes of a string of up to [`SHORT_MAX`] or of a small
//! collection of up to [`PACKED_MAX`], or a pointer to a boxed `Value`. The size of the allocation
//! follows from the header alone, rounded up to 8, so nothing else stores it. A million integers
//! under 16-byte keys fit jemalloc's 32-byte class.
//!
//! Epoch and access stamp change under a shared reference: the object is never `Sync`.
#![allow(unsafe_code)]

use crate::alloc::size_class;
use crate::ds::dict::{Ref, Thin};
use crate::value::{PackedKind, Value};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Longest string that lives inside the entry.
pub const SHORT_MAX: usize = 8192;

/// Largest packed collection that lives inside the entry, bytes: a change copies it out and back,
/// so it is kept to a few cache lines.
pub const PACKED_MAX: usize = 1024;

const HEADER: usize = 8;
const KIND: u8 = 0b0000_1111;
const INT: u8 = 0;
const EMBSTR: u8 = 1;
const RAW: u8 = 2;
const BOXED: u8 = 3;
/// The first of the packed kinds, which follow in the order of [`PackedKind`].
const PACKED: u8 = 4;
const TIMED: u8 = 0b0001_0000;
const LONG: u8 = 0b0010_0000;
/// TIMED, with a header of 12 bytes instead of 16: that decides whether many a session fits the
/// allocator's class of 128 bytes.
const CLOSE: u8 = 0b0100_0000;
const CLOSE_HEADER: usize = 12;
/// Where the deadlines of 40 bits begin: 2015, in milliseconds since 1970. They end in 2049.
const CLOSE_FROM: i64 = 1_420_070_400_000;
const CLOSE_BITS: u32 = 40;

/// What a new entry holds.
pub enum New<'v> {
    /// A string that reads as a 64-bit integer.
    Int(i64),
    /// A string of up to [`SHORT_MAX`] bytes; `raw` tells its encoding name.
    Short(&'v [u8], bool),
    /// A small collection of up to [`PACKED_MAX`] bytes.
    Packed(PackedKind, &'v [u8]),
    /// Any other value.
    Boxed(Box<Value>),
}

/// What an entry holds, borrowed.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// An integer.
    Int(i64),
    /// A short string and whether its encoding is `raw`.
    Short(&'a [u8], bool),
    /// A small collection.
    Packed(PackedKind, &'a [u8]),
    /// A boxed value.
    Boxed(&'a Value),
}

/// An owned entry.
pub struct Entry(NonNull<u8>);

// SAFETY: an entry owns its allocation and its boxed value alone, and `Value` is `Send`.
unsafe impl Send for Entry {}

// SAFETY: the pointer comes from the global allocator, so it fits 48 bits on the targets we build
// for; `from_raw` is the inverse of `into_raw`, and the key lives as long as the entry.
unsafe impl Thin for Entry {
    fn into_raw(self) -> NonNull<u8> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Entry(raw)
    }

    #[inline]
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.key())
    }
}

/// A deadline in five bytes, if it lies where they reach.
#[inline]
fn close(at: i64) -> Option<[u8; 5]> {
    let since = at.checked_sub(CLOSE_FROM).filter(|since| (0..1 << CLOSE_BITS).contains(since))?;
    since.to_le_bytes().first_chunk().copied()
}

impl Entry {
    /// The bytes it is found by.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let (start, len) = self.key_span();
        // SAFETY: `new` wrote `len` key bytes at `start` inside the allocation.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(start), len) }
    }

    /// Builds an entry. `deadline` is in milliseconds since 1970.
    pub fn new(key: &[u8], value: New<'_>, deadline: Option<i64>, epoch: u8, access: u32) -> Entry {
        let (kind, vlen, stored) = match &value {
            New::Int(_) => (INT, 8, 8),
            New::Short(bytes, raw) => {
                assert!(bytes.len() <= SHORT_MAX);
                (if *raw { RAW } else { EMBSTR }, bytes.len(), bytes.len())
            }
            New::Packed(kind, bytes) => {
                assert!(bytes.len() <= PACKED_MAX);
                (PACKED + *kind as u8, bytes.len(), bytes.len())
            }
            New::Boxed(_) => (BOXED, 8, 8),
        };
        let mut flags = kind;
        let mut start = HEADER;
        let near = deadline.is_some_and(|at| close(at).is_some());
        if near && key.len().max(vlen) <= u8::MAX as usize {
            flags |= TIMED | CLOSE;
            start = CLOSE_HEADER;
        } else if deadline.is_some() {
            flags |= TIMED;
            start += 8;
        }
        if key.len() > u8::MAX as usize {
            flags |= LONG;
            start += 4;
        }
        let entry = Entry::allocate(start + key.len() + stored);
        // SAFETY: the allocation has room for header, deadline, long length, key and value, in
        // this order; `layout` computes the same sum from the header written here.
        unsafe {
            let p = entry.0.as_ptr();
            p.write(flags);
            p.add(1).write(epoch);
            p.add(5).write(key.len().min(u8::MAX as usize) as u8);
            if flags & CLOSE != 0 {
                p.add(6).write(vlen as u8);
            } else {
                p.add(6).cast::<u16>().write_unaligned(vlen as u16);
            }
            if flags & LONG != 0 {
                p.add(start - 4).cast::<u32>().write_unaligned(key.len() as u32);
            }
            p.add(start).copy_from_nonoverlapping(key.as_ptr(), key.len());
            let at = p.add(start + key.len());
            match value {
                New::Int(n) => at.cast::<i64>().write_unaligned(n),
                New::Short(bytes, _) | New::Packed(_, bytes) => {
                    at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                }
                New::Boxed(v) => at.cast::<*mut Value>().write_unaligned(Box::into_raw(v)),
            }
        }
        entry.set_access(access);
        if let Some(at) = deadline {
            let kept = entry.keep_deadline(at);
            debug_assert!(kept, "the header was chosen for it");
        }
        entry
    }

    /// Writes a deadline where there is one; false when it has no room for this one.
    fn keep_deadline(&self, at: i64) -> bool {
        let p = self.0.as_ptr();
        match (self.flags() & CLOSE != 0, close(at)) {
            // SAFETY: CLOSE entries have five bytes there; nobody reads them meanwhile.
            (true, Some(bytes)) => unsafe { p.add(7).cast::<[u8; 5]>().write(bytes) },
            (true, None) => return false,
            // SAFETY: other TIMED entries carry the deadline behind the header.
            (false, _) => unsafe { p.add(HEADER).cast::<i64>().write_unaligned(at) },
        }
        true
    }

    fn allocate(len: usize) -> Entry {
        let layout = Layout::from_size_align(len.next_multiple_of(8), 8).expect("bounded length");
        // SAFETY: the size is at least the header's.
        let raw = unsafe { alloc(layout) };
        match NonNull::new(raw) {
            Some(raw) => Entry(raw),
            None => handle_alloc_error(layout),
        }
    }

    #[inline]
    fn byte(&self, at: usize) -> u8 {
        // SAFETY: callers pass offsets inside the header.
        unsafe { self.0.as_ptr().add(at).read() }
    }

    #[inline]
    fn flags(&self) -> u8 {
        self.byte(0)
    }

    #[inline]
    fn vlen(&self) -> usize {
        if self.flags() & CLOSE != 0 {
            return self.byte(6) as usize;
        }
        // SAFETY: inside the header.
        unsafe { self.0.as_ptr().add(6).cast::<u16>().read_unaligned() as usize }
    }

    #[inline]
    fn key_span(&self) -> (usize, usize) {
        let flags = self.flags();
        let mut start = match flags & (TIMED | CLOSE) {
            0 => HEADER,
            TIMED => HEADER + 8,
            _ => CLOSE_HEADER,
        };
        let mut len = self.byte(5) as usize;
        if flags & LONG != 0 {
            // SAFETY: LONG entries carry the length right before the key.
            len = unsafe { self.0.as_ptr().add(start).cast::<u32>().read_unaligned() } as usize;
            start += 4;
        }
        (start, len)
    }

    #[inline]
    fn value_at(&self) -> *mut u8 {
        let (start, len) = self.key_span();
        // SAFETY: the value starts behind the key, inside the allocation.
        unsafe { self.0.as_ptr().add(start + len) }
    }

    fn size(&self) -> usize {
        let (start, len) = self.key_span();
        (start + len + self.vlen()).next_multiple_of(8)
    }

    /// Milliseconds since 1970 at which the key is due.
    #[inline]
    pub fn deadline(&self) -> Option<i64> {
        if self.flags() & TIMED == 0 {
            return None;
        }
        if self.flags() & CLOSE != 0 {
            // SAFETY: CLOSE entries have five bytes there.
            let [a, b, c, d, e] = unsafe { self.0.as_ptr().add(7).cast::<[u8; 5]>().read() };
            return Some(CLOSE_FROM + i64::from_le_bytes([a, b, c, d, e, 0, 0, 0]));
        }
        // SAFETY: other TIMED entries carry the deadline behind the header.
        Some(unsafe { self.0.as_ptr().add(HEADER).cast::<i64>().read_unaligned() })
    }

    /// Whether the key is past its deadline: as in Redis, only once `now` is beyond it.
    #[inline]
    pub fn expired(&self, now: i64) -> bool {
        self.deadline().is_some_and(|at| now > at)
    }

    /// The walk epoch the entry was born or imaged in.
    pub fn epoch(&self) -> u8 {
        self.byte(1)
    }

    /// Sets the walk epoch.
    pub fn set_epoch(&self, epoch: u8) {
        // SAFETY: inside the header; entries are not `Sync`, so nobody reads it meanwhile.
        unsafe { self.0.as_ptr().add(1).write(epoch) }
    }

    /// The 24-bit access stamp.
    #[inline]
    pub fn access(&self) -> u32 {
        u32::from(self.byte(2)) | u32::from(self.byte(3)) << 8 | u32::from(self.byte(4)) << 16
    }

    /// Sets the 24-bit access stamp.
    #[inline]
    pub fn set_access(&self, stamp: u32) {
        let b = stamp.to_le_bytes();
        // SAFETY: inside the header; entries are not `Sync`, so nobody reads it meanwhile.
        unsafe { self.0.as_ptr().add(2).cast::<[u8; 3]>().write([b[0], b[1], b[2]]) }
    }

    /// The value, borrowed from the entry.
    #[inline]
    pub fn view(&self) -> View<'_> {
        let at = self.value_at();
        // SAFETY: `new` wrote a value of this kind there.
        unsafe {
            match self.flags() & KIND {
                INT => View::Int(at.cast::<i64>().read_unaligned()),
                BOXED => View::Boxed(&*at.cast::<*mut Value>().read_unaligned()),
                kind @ (EMBSTR | RAW) => {
                    View::Short(std::slice::from_raw_parts(at, self.vlen()), kind == RAW)
                }
                kind => View::Packed(
                    PackedKind::ALL[(kind - PACKED) as usize],
                    std::slice::from_raw_parts(at, self.vlen()),
                ),
            }
        }
    }

    /// The type's name, as `TYPE` prints it.
    pub fn type_name(&self) -> &'static str {
        match self.view() {
            View::Int(_) | View::Short(..) => "string",
            View::Packed(kind, _) => kind.type_name(),
            View::Boxed(value) => value.type_name(),
        }
    }

    /// The boxed value, for changing it in place.
    pub fn boxed_mut(&mut self) -> Option<&mut Value> {
        if self.flags() & KIND != BOXED {
            return None;
        }
        // SAFETY: the entry owns the box alone, and is borrowed mutably.
        Some(unsafe { &mut *self.value_at().cast::<*mut Value>().read_unaligned() })
    }

    /// Where the boxed value is, for whoever has the keyspace for himself: as long as the entry is
    /// not touched, it is the only way to it.
    pub fn boxed_at(&self) -> Option<NonNull<Value>> {
        if self.flags() & KIND != BOXED {
            return None;
        }
        // SAFETY: an entry of this kind has the pointer of a box there.
        NonNull::new(unsafe { self.value_at().cast::<*mut Value>().read_unaligned() })
    }

    /// The bytes of a short string, for changing them in place; its encoding is `raw` from then on.
    pub fn short_mut(&mut self) -> Option<&mut [u8]> {
        let kind = self.flags() & KIND;
        if kind != EMBSTR && kind != RAW {
            return None;
        }
        // SAFETY: `new` wrote so many bytes of value there; the entry is borrowed mutably, and the
        // two kinds have the same layout.
        unsafe {
            self.0.as_ptr().write(self.flags() & !KIND | RAW);
            Some(std::slice::from_raw_parts_mut(self.value_at(), self.vlen()))
        }
    }

    /// Overwrites an integer by another without moving; false when the entry holds no integer.
    #[inline]
    pub fn overwrite_int(&mut self, n: i64) -> bool {
        if self.flags() & KIND != INT {
            return false;
        }
        // SAFETY: an INT entry has 8 bytes there.
        unsafe { self.value_at().cast::<i64>().write_unaligned(n) };
        true
    }

    /// Overwrites a short string by one that needs an allocation of the same size; false when it
    /// does not fit.
    #[inline]
    pub fn overwrite_short(&mut self, bytes: &[u8], raw: bool) -> bool {
        let kind = self.flags() & KIND;
        if kind != EMBSTR && kind != RAW || bytes.len() > SHORT_MAX {
            return false;
        }
        self.overwrite_bytes(bytes, if raw { RAW } else { EMBSTR })
    }

    /// Overwrites a packed collection by one that needs an allocation of the same size; false when
    /// it does not fit.
    #[inline]
    pub fn overwrite_packed(&mut self, kind: PackedKind, bytes: &[u8]) -> bool {
        if self.flags() & KIND < PACKED || bytes.len() > PACKED_MAX {
            return false;
        }
        self.overwrite_bytes(bytes, PACKED + kind as u8)
    }

    #[inline]
    fn overwrite_bytes(&mut self, bytes: &[u8], kind: u8) -> bool {
        let (start, len) = self.key_span();
        let close = self.flags() & CLOSE != 0;
        if (start + len + bytes.len()).next_multiple_of(8) != self.size()
            || close && bytes.len() > u8::MAX as usize
        {
            return false;
        }
        // SAFETY: the allocation has room, as just computed; the layout stays the same.
        unsafe {
            let p = self.0.as_ptr();
            p.write(self.flags() & !KIND | kind);
            if close {
                p.add(6).write(bytes.len() as u8);
            } else {
                p.add(6).cast::<u16>().write_unaligned(bytes.len() as u16);
            }
            p.add(start + len).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        true
    }

    /// The same entry with another deadline, or none; moves it when the room changes.
    pub fn with_deadline(mut self, deadline: Option<i64>) -> Entry {
        if deadline.is_some_and(|at| self.flags() & TIMED != 0 && self.keep_deadline(at)) {
            return self;
        }
        if deadline.is_none() && self.flags() & TIMED == 0 {
            return self;
        }
        let boxed = self.take_boxed();
        self.rebuilt(boxed, self.key(), deadline, self.epoch(), self.access())
    }

    /// The same key, deadline and stamp with another value.
    pub fn with_value(self, value: New<'_>) -> Entry {
        Entry::new(self.key(), value, self.deadline(), self.epoch(), self.access())
    }

    /// The same value, deadline and stamp under another key, born in `epoch`.
    pub fn renamed(mut self, key: &[u8], epoch: u8) -> Entry {
        let boxed = self.take_boxed();
        self.rebuilt(boxed, key, self.deadline(), epoch, self.access())
    }

    /// A copy of value and deadline under another key.
    pub fn duplicate(&self, key: &[u8], epoch: u8, access: u32) -> Entry {
        let boxed = match self.view() {
            View::Boxed(value) => Some(Box::new(value.duplicate())),
            _ => None,
        };
        self.rebuilt(boxed, key, self.deadline(), epoch, access)
    }

    fn rebuilt(
        &self,
        boxed: Option<Box<Value>>,
        key: &[u8],
        deadline: Option<i64>,
        epoch: u8,
        access: u32,
    ) -> Entry {
        let value = match (boxed, self.view()) {
            (Some(value), _) => New::Boxed(value),
            (None, View::Int(n)) => New::Int(n),
            (None, View::Short(bytes, raw)) => New::Short(bytes, raw),
            (None, View::Packed(kind, bytes)) => New::Packed(kind, bytes),
            (None, View::Boxed(_)) => unreachable!("a boxed value is always passed in"),
        };
        Entry::new(key, value, deadline, epoch, access)
    }

    /// Takes the boxed value out and leaves an integer, so that dropping the rest frees no value.
    pub fn take_boxed(&mut self) -> Option<Box<Value>> {
        if self.flags() & KIND != BOXED {
            return None;
        }
        let at = self.value_at().cast::<*mut Value>();
        // SAFETY: the pointer came from `Box::into_raw`; the kind changes to INT, which has the
        // same 8 bytes and owns nothing, so the box is taken once.
        unsafe {
            let value = Box::from_raw(at.read_unaligned());
            self.0.as_ptr().write(self.flags() & !KIND | INT);
            Some(value)
        }
    }

    /// Bytes this key takes: the allocation, as the allocator rounds it, and what its value holds.
    #[inline]
    pub fn bytes(&self) -> usize {
        size_class(self.size()) + self.boxed_bytes()
    }

    /// Bytes of the boxed value, when it has one.
    pub fn boxed_bytes(&self) -> usize {
        match self.view() {
            View::Boxed(value) => value.bytes(),
            _ => 0,
        }
    }
}

/// The value behind a table reference, for as long as the table is borrowed.
#[inline]
pub fn view_of<'a>(entry: &Ref<'a, Entry>) -> View<'a> {
    let view: View<'_> = entry.view();
    // SAFETY: the view points into the heap object the table owns, which lives unchanged for 'a,
    // not into the reference that was passed.
    unsafe { std::mem::transmute::<View<'_>, View<'a>>(view) }
}

/// The same for a reference that was just looked up and is not kept.
#[inline]
pub fn view_in(entry: Ref<'_, Entry>) -> View<'_> {
    view_of(&entry)
}

impl Drop for Entry {
    fn drop(&mut self) {
        drop(self.take_boxed());
        let layout = Layout::from_size_align(self.size(), 8).expect("it was allocated so");
        // SAFETY: allocated by `allocate` with the same size, which the header determines.
        unsafe { dealloc(self.0.as_ptr(), layout) }
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
