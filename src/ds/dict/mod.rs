//! Hash table in hash order: nothing bigger than one segment is ever moved.
//!
//! ```text
//! hash, 64 bits    prefix (0 to 28 bits) | 16 stored bits | ... | tag, 8 bits
//!                  directory -> segment  | home bucket          | which slots to look at
//! ```
//!
//! The top bits of a hash lead through the directory to a segment of at most 128 buckets. In the
//! segment the next 16 bits, scaled to the number of buckets, give the home bucket; so order by
//! hash is the same whatever the sizes, and a cursor that is a place in hash order keeps its
//! promise across any growth and shrink: a scan sees everything that stays, and nothing twice.
//! A segment grows from the 16 stored bits without reading keys; a full one splits in two, two
//! poor neighbours merge. Grown, the table is about 85 % full at every size.
//!
//! `segment.rs` holds the buckets, `resize.rs` decides when to grow and shrink, `sample.rs` shows
//! entries of random places, `handle.rs` has what look-ups return. Positions and cursors are the
//! top 48 bits of a hash, which a number in any client language can carry.
#![allow(unsafe_code)]

mod fetch;
mod handle;
mod meet;
pub mod owned;
mod resize;
mod sample;
mod segment;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use crate::base::hash::{Seed, sip13};
use crate::base::rng::Rng;
pub(super) use fetch::prefetch;
use fetch::prefetch_slot;
pub use fetch::{Fetch, fetch_all};
use handle::WriteBack;
pub use handle::{Iter, Place, Ref, SlotMut};
pub use meet::{Trace, Traced};
use segment::{BITS_AT, Hits, RANGE, SLOTS, SPLIT_BUCKETS, Segment, matching, splat, tag_of};

/// Bits of a position.
const POSITION_BITS: u32 = 48;
/// Longest prefix: the stored bits of a hash must lie within its position.
const MAX_DEPTH: u32 = 28;
/// Tries of `random` before it counts its way to the entry.
const RANDOM_TRIES: usize = 512;

/// An owner of one allocation that starts with, or leads to, its key; or a key that is so short
/// that it is written in the place of the pointer.
///
/// # Safety
/// - `into_raw` and `from_raw` are inverse, free of effects, and do not panic; the pointer fits in
///   48 bits and stays valid until the object is dropped. What is no pointer is fetched into the
///   cache at times, but never read.
/// - The object is nothing but the pointer: copies made by `from_raw` (never dropped) read the same
///   state, and nothing that takes `&self` changes the pointer.
/// - `with_key` gives the same bytes as long as the object is in a table.
pub unsafe trait Thin: Sized {
    /// Gives up ownership.
    fn into_raw(self) -> NonNull<u8>;
    /// Takes ownership back.
    ///
    /// # Safety
    /// `p` comes from `into_raw`, and of all objects made from it at most one is used as owner.
    unsafe fn from_raw(p: NonNull<u8>) -> Self;
    /// Runs `f` over the bytes that are hashed and compared.
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R;
}

/// What the table is made of, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Entries.
    pub entries: usize,
    /// Slots for entries.
    pub slots: usize,
    /// Segments.
    pub segments: usize,
    /// Places in the directory.
    pub directory: usize,
    /// Entries outside of their home bucket.
    pub displaced: usize,
    /// Buckets from the home to the entry that is farthest from it.
    pub longest_probe: usize,
}

/// A table of `E` by key. Keys are unique because `insert` is only called for absent ones.
pub struct Dict<E: Thin> {
    seed: Seed,
    /// Segment number by the top bits of the hash; its length is a power of two.
    directory: Vec<u32>,
    /// 63 minus the number of those bits.
    shift: u32,
    segments: Vec<Segment>,
    len: usize,
    /// Bytes that the segments have on the heap.
    heap: usize,
    /// Segments whose prefix is as long as the directory's bits.
    deepest: usize,
    /// Buckets of the largest segment there has been, if above the usual bound.
    widest: usize,
    owns: PhantomData<E>,
}

// SAFETY: the table owns its buckets and its entries alone.
unsafe impl<E: Thin + Send> Send for Dict<E> {}

/// Makes the object that a slot points to. The caller must not drop it as long as the slot stays.
#[inline(always)]
fn entry<E: Thin>(slot: u64) -> ManuallyDrop<E> {
    let address = (slot & ((1 << BITS_AT) - 1)) as usize;
    let pointer = std::ptr::with_exposed_provenance_mut(address);
    // SAFETY: every occupied slot holds a pointer that `to_slot` got from `into_raw`, so it is not
    // null, and the table is its owner; this copy is never dropped while the slot holds it.
    ManuallyDrop::new(unsafe { E::from_raw(NonNull::new_unchecked(pointer)) })
}

/// Slot word of an object and its stored bits.
#[inline(always)]
fn to_slot<E: Thin>(e: E, bits: u64) -> u64 {
    let address = e.into_raw().as_ptr().expose_provenance() as u64;
    assert!(address >> BITS_AT == 0, "pointers have 48 bits");
    address | bits << BITS_AT
}

/// Whether two keys are the same. Most are so short that a call to compare them would take longer
/// than the comparison: the first and the last eight bytes are all of them.
#[inline(always)]
fn same(own: &[u8], key: &[u8]) -> bool {
    let ends = |key: &[u8]| Some((*key.first_chunk::<8>()?, *key.last_chunk::<8>()?));
    match (ends(own), ends(key)) {
        _ if own.len() != key.len() => false,
        (Some(own_ends), Some(key_ends)) if own.len() <= 16 => own_ends == key_ends,
        _ => own == key,
    }
}

impl<E: Thin> Dict<E> {
    /// An empty table. All tables of a process share one secret seed.
    pub fn new(seed: Seed) -> Dict<E> {
        Dict {
            seed,
            directory: vec![0],
            shift: 63,
            segments: vec![Segment::vacant(0, 0)],
            len: 0,
            heap: 0,
            deepest: 1,
            widest: SPLIT_BUCKETS,
            owns: PhantomData,
        }
    }

    /// The secret of its hashes.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Hash of a key, as the other functions want it.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        sip13(&self.seed, key)
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where a hash stands in hash order, in the unit of a cursor: a scan that has returned
    /// `cursor` (not 0) has visited exactly the positions below it.
    #[inline]
    pub fn position_of(&self, hash: u64) -> u64 {
        hash >> (64 - POSITION_BITS)
    }

    /// The entry with this key.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Ref<'_, E>> {
        let (_, entry) = self.locate(hash, key)?;
        Some(Ref::new(entry))
    }

    /// The entry with this key, and where it is: whoever looks at an entry first and changes it
    /// later has one search to do.
    #[inline]
    pub fn find_place(&self, hash: u64, key: &[u8]) -> Option<(Place, Ref<'_, E>)> {
        let (place, entry) = self.locate(hash, key)?;
        Some((place, Ref::new(entry)))
    }

    /// The entry that was found here; the table did not change since.
    #[inline(always)]
    pub fn at(&self, place: Place) -> Ref<'_, E> {
        Ref::new(self.segments[place.segment()].bucket(place.bucket()).held(place.index()))
    }

    /// The entry with this hash that was found here, to change or remove; the table did not change
    /// since.
    #[inline(always)]
    pub fn at_mut(&mut self, place: Place, hash: u64) -> SlotMut<'_, E> {
        SlotMut::at(self, place, hash)
    }

    /// The entry with this key, to change or remove.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<SlotMut<'_, E>> {
        let (place, entry) = self.locate(hash, key)?;
        Some(SlotMut::new(self, place, hash, entry))
    }

    /// Puts in an entry whose key is absent, which the caller has made sure of.
    #[inline]
    pub fn insert(&mut self, hash: u64, e: E) -> SlotMut<'_, E> {
        let mut number = self.segment_number(hash);
        while !self.segments[number].has_room() {
            self.make_room(number);
            number = self.segment_number(hash);
        }
        let segment = &mut self.segments[number];
        let slot = to_slot(e, segment.bits_of(hash));
        let (bucket, index) = segment.put(tag_of(hash), slot);
        self.len += 1;
        SlotMut::new(self, Place::new(number, bucket, index), hash, entry(slot))
    }

    /// The entry with this key, made and put in if it is absent; tells whether it was.
    #[inline]
    pub fn find_or_insert_with(
        &mut self,
        hash: u64,
        key: &[u8],
        make: impl FnOnce() -> E,
    ) -> (SlotMut<'_, E>, bool) {
        match self.locate(hash, key) {
            Some((place, entry)) => (SlotMut::new(self, place, hash, entry), false),
            None => (self.insert(hash, make()), true),
        }
    }

    /// Takes the entry with this key out.
    #[inline]
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<E> {
        self.find_mut(hash, key).map(SlotMut::remove)
    }

    /// Visits the entries from `cursor` to the end of the home bucket it falls into, and returns
    /// the cursor to go on with, 0 at the end. Starting from 0 and going on until 0 visits every
    /// entry that is present all the time exactly once, whatever is inserted, removed or resized in
    /// between. A cursor that no scan returned is taken as a position all the same.
    pub fn scan(&self, cursor: u64, f: &mut impl FnMut(&E)) -> u64 {
        let Some(range) = self.range_from(cursor) else { return 0 };
        let segment = &self.segments[range.segment];
        for at in segment.chain(range.home) {
            let bucket = segment.bucket(at);
            for index in bucket.occupied() {
                let slot = bucket.slot(index);
                if self.is_in_range(&range, slot) {
                    f(&entry(slot));
                }
            }
        }
        range.next
    }

    /// `scan` with leave to change the entries, and even to reallocate them.
    pub fn scan_mut(&mut self, cursor: u64, f: &mut impl FnMut(&mut E)) -> u64 {
        let Some(range) = self.range_from(cursor) else { return 0 };
        let mut at = range.home;
        for _ in 0..self.segments[range.segment].len() {
            for index in self.segments[range.segment].bucket(at).occupied() {
                let slot = self.segments[range.segment].bucket(at).slot(index);
                if self.is_in_range(&range, slot) {
                    let bucket = self.segments[range.segment].bucket_mut(at);
                    WriteBack::new(bucket, index).run(f);
                }
            }
            let segment = &self.segments[range.segment];
            if segment.bucket(at).overflow() == 0 {
                break;
            }
            at = segment.after(at);
        }
        range.next
    }

    /// Looks for an entry by the top half of its hash, for callers who keep no more than that.
    /// `pred` may be shown entries with another hash and decides.
    pub fn find_position(
        &self,
        hash_top32: u32,
        pred: &mut impl FnMut(&E) -> bool,
    ) -> Option<Ref<'_, E>> {
        let (_, entry) = self.locate_position(hash_top32, pred)?;
        Some(Ref::new(entry))
    }

    /// `find_position`, to change or remove the entry.
    pub fn find_position_mut(
        &mut self,
        hash_top32: u32,
        pred: &mut impl FnMut(&E) -> bool,
    ) -> Option<SlotMut<'_, E>> {
        let (place, entry) = self.locate_position(hash_top32, pred)?;
        let hash = entry.with_key(|key| self.hash(key));
        Some(SlotMut::new(self, place, hash, entry))
    }

    /// An entry, each with the same probability.
    pub fn random(&self, rng: &mut Rng) -> Option<Ref<'_, E>> {
        if self.len == 0 {
            return None;
        }
        // Rejection: each slot of each segment has the same chance in a try, because a segment
        // counts only at its first place in the directory, and a bucket number it lacks is a miss.
        let lone = self.segments.len() == 1;
        let widest = if lone { self.segments[0].len() } else { self.widest };
        for _ in 0..RANDOM_TRIES {
            let place = rng.below(self.directory.len() as u64) as usize;
            let segment = &self.segments[self.directory[place] as usize];
            let bucket = rng.below((widest * SLOTS) as u64) as usize;
            let (bucket, index) = (bucket / SLOTS, bucket % SLOTS);
            if bucket >= segment.len() || self.first_place(segment) != place {
                continue;
            }
            let bucket = segment.bucket(bucket);
            if bucket.tag(index) != 0 {
                return Some(Ref::new(entry(bucket.slot(index))));
            }
        }
        self.nth(rng.below(self.len as u64) as usize)
    }

    /// All entries, in no useful order.
    pub fn iter(&self) -> Iter<'_, E> {
        Iter::new(self)
    }

    /// Moves everything to a table of its own; this one is empty then.
    pub fn take_all(&mut self) -> Dict<E> {
        let empty = Dict::new(self.seed);
        std::mem::replace(self, empty)
    }

    /// Memory of the table itself, entries not included.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.heap
            + self.directory.capacity() * size_of::<u32>()
            + self.segments.capacity() * size_of::<Segment>()
    }

    /// Number of segments.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Counters for reports; walks the whole table.
    pub fn shape(&self) -> Shape {
        let (mut slots, mut displaced, mut longest_probe) = (0, 0, 0);
        for segment in &self.segments {
            slots += segment.allocated() * SLOTS;
            for (at, bucket) in segment.buckets().enumerate() {
                for index in bucket.occupied() {
                    let home = segment.home(bucket.slot(index) >> BITS_AT);
                    let probe = (at + segment.len() - home) % segment.len();
                    displaced += usize::from(probe > 0);
                    longest_probe = longest_probe.max(probe);
                }
            }
        }
        Shape {
            entries: self.len,
            slots,
            segments: self.segments.len(),
            directory: self.directory.len(),
            displaced,
            longest_probe,
        }
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        assert_eq!(self.directory.len(), 1 << self.depth());
        let (mut len, mut heap, mut deepest, mut places) = (0, 0, 0, 0);
        for (number, segment) in self.segments.iter().enumerate() {
            assert!(u32::from(segment.depth) <= self.depth() && segment.len() <= self.widest);
            let first = self.first_place(segment);
            let width = self.directory.len() >> segment.depth;
            let all = &self.directory[first..first + width];
            assert!(all.iter().all(|&there| there as usize == number), "directory");
            segment.check(|pointer| {
                let hash = self.hash_of(pointer);
                assert_eq!(self.segment_number(hash), number, "in the wrong segment");
                (tag_of(hash), segment.bits_of(hash))
            });
            len += segment.count as usize;
            heap += segment.heap_bytes();
            deepest += usize::from(u32::from(segment.depth) == self.depth());
            places += width;
        }
        assert_eq!((len, heap, deepest), (self.len, self.heap, self.deepest));
        assert_eq!(places, self.directory.len());
    }

    /// The hash of the entry in a slot.
    #[inline(always)]
    fn hash_of(&self, slot: u64) -> u64 {
        entry::<E>(slot).with_key(|key| self.hash(key))
    }

    #[inline(always)]
    fn depth(&self) -> u32 {
        63 - self.shift
    }

    #[inline(always)]
    fn segment_number(&self, hash: u64) -> usize {
        let place = ((hash >> 1) >> (self.shift & 63)) as usize;
        debug_assert!(place < self.directory.len());
        // SAFETY: 63 - shift is the number of bits that index the directory.
        unsafe { *self.directory.get_unchecked(place) as usize }
    }

    #[inline(always)]
    fn segment_of(&self, hash: u64) -> &Segment {
        let number = self.segment_number(hash);
        debug_assert!(number < self.segments.len());
        // SAFETY: the directory holds numbers of existing segments only.
        unsafe { self.segments.get_unchecked(number) }
    }

    /// First of the places in the directory that lead to a segment.
    fn first_place(&self, segment: &Segment) -> usize {
        (segment.prefix as usize) << (self.depth() - u32::from(segment.depth))
    }

    #[inline(always)]
    fn locate(&self, hash: u64, key: &[u8]) -> Option<(Place, ManuallyDrop<E>)> {
        let number = self.segment_number(hash);
        let segment = self.segment_of(hash);
        let bits = segment.bits_of(hash);
        let pattern = splat(tag_of(hash));
        let mut at = segment.home(bits);
        for _ in 0..segment.len() {
            // SAFETY: a home and what comes after it, round the end, is in bounds.
            let bucket = unsafe { segment.bucket_unchecked(at) };
            let word = bucket.word();
            for index in Hits(matching(word, pattern)) {
                // SAFETY: indexes of a match are below SLOTS.
                let slot = unsafe { bucket.slot_unchecked(index) };
                if slot >> BITS_AT == bits {
                    let candidate = entry::<E>(slot);
                    if candidate.with_key(|own| same(own, key)) {
                        return Some((Place::new(number, at, index), candidate));
                    }
                }
            }
            if word >> 56 == 0 {
                return None;
            }
            at = segment.after(at);
        }
        None
    }

    fn locate_position(
        &self,
        hash_top32: u32,
        pred: &mut impl FnMut(&E) -> bool,
    ) -> Option<(Place, ManuallyDrop<E>)> {
        // With a long prefix the 32 bits do not determine all stored bits, but a range of them.
        let lowest = u64::from(hash_top32) << 32;
        let number = self.segment_number(lowest);
        let segment = &self.segments[number];
        let bits = segment.bits_of(lowest)..=segment.bits_of(lowest | u64::from(u32::MAX));
        for home in segment.home(*bits.start())..=segment.home(*bits.end()) {
            for at in segment.chain(home) {
                let bucket = segment.bucket(at);
                for index in bucket.occupied() {
                    let slot = bucket.slot(index);
                    let stored = slot >> BITS_AT;
                    if !bits.contains(&stored) || segment.home(stored) != home {
                        continue;
                    }
                    let candidate = entry::<E>(slot);
                    if pred(&candidate) {
                        return Some((Place::new(number, at, index), candidate));
                    }
                }
            }
        }
        None
    }

    /// What `scan` visits from a cursor on.
    fn range_from(&self, cursor: u64) -> Option<Range> {
        if cursor >> POSITION_BITS != 0 {
            return None;
        }
        let hash = cursor << (64 - POSITION_BITS);
        let number = self.segment_number(hash);
        let segment = &self.segments[number];
        let depth = u32::from(segment.depth);
        let bits = segment.bits_of(hash);
        let home = segment.home(bits);
        let ends = segment.first_bits(home + 1);
        let (prefix, ends) = match u64::from(segment.prefix) {
            prefix if ends == RANGE => (prefix + 1, 0),
            prefix => (prefix, ends),
        };
        let next = prefix << (POSITION_BITS - depth) | ends << (POSITION_BITS - 16 - depth);
        Some(Range {
            segment: number,
            home,
            bits,
            // Segments that merged since have coarser stored bits than the cursor.
            finer: ((hash << depth) << 16 != 0).then_some(cursor),
            next: next & ((1 << POSITION_BITS) - 1),
        })
    }

    fn is_in_range(&self, range: &Range, slot: u64) -> bool {
        let bits = slot >> BITS_AT;
        if bits < range.bits || self.segments[range.segment].home(bits) != range.home {
            return false;
        }
        match range.finer {
            Some(cursor) if bits == range.bits => self.position_of(self.hash_of(slot)) >= cursor,
            _ => true,
        }
    }

    fn nth(&self, mut n: usize) -> Option<Ref<'_, E>> {
        for segment in &self.segments {
            if n >= segment.count as usize {
                n -= segment.count as usize;
                continue;
            }
            for bucket in segment.buckets() {
                for index in bucket.occupied() {
                    if n == 0 {
                        return Some(Ref::new(entry(bucket.slot(index))));
                    }
                    n -= 1;
                }
            }
        }
        None
    }
}

/// The part of a home bucket that one step of a scan visits.
struct Range {
    segment: usize,
    home: usize,
    /// The lowest stored bits that count.
    bits: u64,
    /// The cursor, where entries with exactly these stored bits may lie on either side of it.
    finer: Option<u64>,
    next: u64,
}

impl<E: Thin> Drop for Dict<E> {
    fn drop(&mut self) {
        // Segments free their buckets themselves. Should the drop of an entry panic, the others
        // leak: they are out of reach then, since no segment drops what its slots point to.
        for segment in &self.segments {
            for (at, bucket) in segment.buckets().enumerate() {
                if at + 2 < segment.len() {
                    let soon = segment.bucket(at + 2);
                    soon.occupied().for_each(|index| prefetch_slot(soon.slot(index)));
                }
                for index in bucket.occupied() {
                    drop(ManuallyDrop::into_inner(entry::<E>(bucket.slot(index))));
                }
            }
        }
    }
}
