//! What look-ups return: borrowed entries, and entries that may be changed in place.
//!
//! An entry that is being changed is hidden from the table (its tag is 0) until the handle puts it
//! back, so that a handle which is forgotten leaks an entry and never leaves a stale pointer.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::segment::{BITS_AT, Bucket, Hits, tag_of};
use super::{Dict, Thin, entry, to_slot};

/// Where a slot is, until the table changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub(super) segment: usize,
    pub(super) bucket: usize,
    pub(super) index: usize,
}

/// A borrowed entry.
pub struct Ref<'a, E: Thin> {
    entry: ManuallyDrop<E>,
    table: PhantomData<&'a Dict<E>>,
}

impl<E: Thin> Ref<'_, E> {
    #[inline(always)]
    pub(super) fn new(entry: ManuallyDrop<E>) -> Self {
        Ref { entry, table: PhantomData }
    }
}

impl<E: Thin> Deref for Ref<'_, E> {
    type Target = E;

    #[inline(always)]
    fn deref(&self) -> &E {
        &self.entry
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The slot holds the entry.
    Stored,
    /// The entry may have another pointer now; its slot is hidden.
    Lent,
    /// There is no entry any more; its slot is hidden.
    Gone,
}

/// An entry that may be changed, reallocated or removed, but must keep its key.
pub struct SlotMut<'a, E: Thin> {
    dict: &'a mut Dict<E>,
    place: Place,
    hash: u64,
    state: State,
    /// The bucket at `place`, which stays where it is as long as `dict` is lent.
    bucket: NonNull<Bucket>,
    entry: ManuallyDrop<E>,
}

impl<'a, E: Thin> SlotMut<'a, E> {
    #[inline(always)]
    pub(super) fn new(
        dict: &'a mut Dict<E>,
        place: Place,
        hash: u64,
        entry: ManuallyDrop<E>,
    ) -> Self {
        let bucket = NonNull::from(dict.segments[place.segment].bucket_mut(place.bucket));
        SlotMut::in_bucket(dict, (place, hash), bucket, entry)
    }

    /// The same where the bucket is known.
    #[inline(always)]
    pub(super) fn in_bucket(
        dict: &'a mut Dict<E>,
        (place, hash): (Place, u64),
        bucket: NonNull<Bucket>,
        entry: ManuallyDrop<E>,
    ) -> Self {
        SlotMut { dict, place, hash, state: State::Stored, bucket, entry }
    }

    /// Replaces the entry by what `f` makes of it, under the same key. Should `f` panic, the entry
    /// is out of the table.
    pub fn replace_with(&mut self, f: impl FnOnce(E) -> E) {
        self.hide();
        assert!(self.state != State::Gone, "the entry was lost in a panic");
        self.state = State::Gone;
        // SAFETY: in state Gone nobody uses the field again until it is refilled.
        let old = unsafe { ManuallyDrop::take(&mut self.entry) };
        self.entry = ManuallyDrop::new(f(old));
        self.state = State::Lent;
    }

    /// Takes the entry out of the table.
    pub fn remove(mut self) -> E {
        assert!(self.state != State::Gone, "the entry was lost in a panic");
        self.state = State::Gone;
        // SAFETY: in state Gone nobody uses the field again; dropping `self` clears the slot.
        let entry = unsafe { ManuallyDrop::take(&mut self.entry) };
        drop(self);
        entry
    }

    /// Where the entry stands in hash order.
    #[inline]
    pub fn position(&self) -> u64 {
        self.dict.position_of(self.hash)
    }

    /// The hash of its key.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    #[inline(always)]
    fn bucket(&mut self) -> &mut Bucket {
        // SAFETY: the table is lent to this handle, which changes nothing but this slot until it
        // ends; so the bucket is where it was, and nobody else has a reference to it.
        unsafe { self.bucket.as_mut() }
    }

    #[inline(always)]
    fn hide(&mut self) {
        if self.state == State::Stored {
            let index = self.place.index;
            let bucket = self.bucket();
            let slot = bucket.slot(index);
            bucket.set(index, 0, slot);
            self.state = State::Lent;
        }
    }
}

impl<E: Thin> Deref for SlotMut<'_, E> {
    type Target = E;

    #[inline(always)]
    fn deref(&self) -> &E {
        assert!(self.state != State::Gone, "the entry was lost in a panic");
        &self.entry
    }
}

impl<E: Thin> DerefMut for SlotMut<'_, E> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut E {
        assert!(self.state != State::Gone, "the entry was lost in a panic");
        self.hide();
        &mut self.entry
    }
}

impl<E: Thin> Drop for SlotMut<'_, E> {
    #[inline(always)]
    fn drop(&mut self) {
        match self.state {
            State::Stored => {}
            State::Lent => {
                // SAFETY: this is the last use of the field.
                let entry = unsafe { ManuallyDrop::take(&mut self.entry) };
                let (index, tag) = (self.place.index, tag_of(self.hash));
                let bucket = self.bucket();
                let bits = bucket.slot(index) >> BITS_AT;
                bucket.set(index, tag, to_slot(entry, bits));
            }
            State::Gone => self.dict.clear(self.place),
        }
    }
}

/// Lends one slot of a bucket to a closure and writes the pointer back, also when it panics.
pub(super) struct WriteBack<'a, E: Thin> {
    bucket: &'a mut Bucket,
    index: usize,
    entry: ManuallyDrop<E>,
}

impl<'a, E: Thin> WriteBack<'a, E> {
    pub(super) fn new(bucket: &'a mut Bucket, index: usize) -> Self {
        let entry = entry(bucket.slot(index));
        WriteBack { bucket, index, entry }
    }

    pub(super) fn run(mut self, f: &mut impl FnMut(&mut E)) {
        f(&mut self.entry);
    }
}

impl<E: Thin> Drop for WriteBack<'_, E> {
    fn drop(&mut self) {
        // SAFETY: this is the last use of the field.
        let entry = unsafe { ManuallyDrop::take(&mut self.entry) };
        let (tag, bits) = (self.bucket.tag(self.index), self.bucket.slot(self.index) >> BITS_AT);
        self.bucket.set(self.index, tag, to_slot(entry, bits));
    }
}

/// Iterator over all entries.
pub struct Iter<'a, E: Thin> {
    dict: &'a Dict<E>,
    segment: usize,
    bucket: usize,
    hits: Hits,
    left: usize,
}

impl<'a, E: Thin> Iter<'a, E> {
    pub(super) fn new(dict: &'a Dict<E>) -> Self {
        let hits = dict.segments[0].bucket(0).occupied();
        Iter { dict, segment: 0, bucket: 0, hits, left: dict.len() }
    }
}

impl<'a, E: Thin> Iterator for Iter<'a, E> {
    type Item = Ref<'a, E>;

    fn next(&mut self) -> Option<Ref<'a, E>> {
        loop {
            let segment = self.dict.segments.get(self.segment)?;
            if let Some(index) = self.hits.next() {
                self.left = self.left.saturating_sub(1);
                return Some(Ref::new(entry(segment.bucket(self.bucket).slot(index))));
            }
            self.bucket += 1;
            if self.bucket == segment.len() {
                self.segment += 1;
                self.bucket = 0;
            }
            let segment = self.dict.segments.get(self.segment)?;
            self.hits = segment.bucket(self.bucket).occupied();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
