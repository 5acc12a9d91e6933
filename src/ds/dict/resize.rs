//! Growing and shrinking: one segment at a time, and the directory when a segment needs it.

use std::mem::replace;

use super::segment::{BITS_AT, SLOTS, SPLIT_BUCKETS, Segment, tag_of};
use super::{Dict, MAX_DEPTH, Place, Thin, prefetch_slot};

/// Neighbours with fewer entries than this merge: half of what a segment holds before it splits.
const MERGE_BELOW: u32 = (SPLIT_BUCKETS * SLOTS / 2) as u32;
/// How far ahead of the hashing of keys their entries are fetched.
const AHEAD: usize = 16;
/// Places in the directory for each segment, at most: with hashes that spread there are about two,
/// with others the segments grow instead.
const MOST_PLACES: usize = 64;

/// Entries of a segment that is made before they come: as many as most hold after a split.
const AHEAD_ENTRIES: usize = SPLIT_BUCKETS * SLOTS * 3 / 4;

impl<E: Thin> Dict<E> {
    /// Gives an empty table the segments that so many entries will need; another one is left as
    /// it is.
    pub fn reserve(&mut self, entries: usize) {
        if self.len > 0 || self.segments.len() > 1 || entries <= AHEAD_ENTRIES {
            return;
        }
        let depth = (entries.div_ceil(AHEAD_ENTRIES).next_power_of_two().ilog2()).min(MAX_DEPTH);
        let each = entries >> depth;
        let count = 1usize << depth;
        let make = |prefix| Segment::for_entries(prefix as u32, depth as u8, each + each / 32);
        self.segments = (0..count).map(make).collect();
        self.directory = (0..count as u32).collect();
        self.shift = 63 - depth;
        self.deepest = count;
        self.heap = self.segments.iter().map(Segment::heap_bytes).sum();
        let widest = self.segments.iter().map(Segment::len).max();
        self.widest = self.widest.max(widest.unwrap_or(0));
    }

    /// Makes the segment bigger or splits it. There may still be no room, if a split left all
    /// entries on one side.
    #[cold]
    #[inline(never)]
    pub(super) fn make_room(&mut self, number: usize) {
        let segment = &self.segments[number];
        let depth = u32::from(segment.depth);
        let may_split = depth < MAX_DEPTH
            && (depth < self.depth() || self.directory.len() < MOST_PLACES * self.segments.len());
        if segment.len() >= SPLIT_BUCKETS && may_split {
            self.split(number);
            return;
        }
        let before = segment.heap_bytes();
        let segment = &mut self.segments[number];
        segment.grow();
        self.heap = self.heap + segment.heap_bytes() - before;
        self.widest = self.widest.max(segment.len());
    }

    /// Clears a slot whose entry was taken, and shrinks what became too big.
    #[inline(never)]
    pub(super) fn clear(&mut self, place: Place) {
        let segment = &mut self.segments[place.segment()];
        segment.erase(place.bucket(), place.index());
        self.len -= 1;
        if segment.is_roomy() {
            self.shrink(place.segment());
        }
    }

    #[cold]
    #[inline(never)]
    fn shrink(&mut self, mut number: usize) {
        let mut merged = false;
        while let Some(buddy) = self.poor_buddy(number) {
            number = self.merge(number, buddy);
            merged = true;
        }
        if !merged {
            let segment = &mut self.segments[number];
            let before = segment.heap_bytes();
            segment.shrink();
            self.heap = self.heap + segment.heap_bytes() - before;
        }
        while self.deepest == 0 {
            self.halve_directory();
        }
        if self.segments.capacity() > 4 * self.segments.len() {
            self.segments.shrink_to(2 * self.segments.len());
        }
    }

    /// Splits a segment by the next bit of the hash, which has to come from the keys.
    fn split(&mut self, number: usize) {
        let segment = &self.segments[number];
        let (prefix, depth) = (segment.prefix, segment.depth);
        let mut slots = Vec::with_capacity(segment.count as usize);
        for bucket in segment.buckets() {
            slots.extend(bucket.occupied().map(|index| bucket.slot(index)));
        }
        slots.iter().take(AHEAD).for_each(|&slot| prefetch_slot(slot));
        let mut right = 0;
        let mut hashes = Vec::with_capacity(slots.len());
        for (i, &slot) in slots.iter().enumerate() {
            if let Some(&soon) = slots.get(i + AHEAD) {
                prefetch_slot(soon);
            }
            let hash = self.hash_of(slot);
            right += (hash << depth >> 63) as usize;
            hashes.push(hash);
        }

        let sizes = [slots.len() - right, right];
        let mut halves = [0, 1].map(|side: u32| {
            Segment::for_entries(prefix << 1 | side, depth + 1, sizes[side as usize])
        });
        for (&slot, &hash) in slots.iter().zip(&hashes) {
            let half = &mut halves[(hash << depth >> 63) as usize];
            let pointer = slot & ((1 << BITS_AT) - 1);
            half.put(tag_of(hash), pointer | half.bits_of(hash) << BITS_AT);
        }

        if u32::from(depth) == self.depth() {
            self.double_directory();
        }
        self.deepest += 2 * usize::from(u32::from(depth) + 1 == self.depth());
        self.heap += halves.iter().map(Segment::heap_bytes).sum::<usize>();
        let [left, right] = halves;
        self.widest = self.widest.max(left.len()).max(right.len());
        self.heap -= replace(&mut self.segments[number], left).heap_bytes();
        self.segments.push(right);
        self.point_at(self.segments.len() - 1);
    }

    /// The segment that differs in the last bit of the prefix only, if both together hold little.
    fn poor_buddy(&self, number: usize) -> Option<usize> {
        let segment = &self.segments[number];
        if segment.depth == 0 {
            return None;
        }
        let place = (segment.prefix as usize ^ 1) << (self.depth() - u32::from(segment.depth));
        let buddy = self.directory[place] as usize;
        let other = &self.segments[buddy];
        let poor = segment.count + other.count < MERGE_BELOW;
        (other.depth == segment.depth && poor).then_some(buddy)
    }

    /// Joins two buddies into one segment and returns its number. Needs no keys: a bit of the
    /// prefix becomes the top one of the stored bits, and the lowest one is lost.
    fn merge(&mut self, one: usize, other: usize) -> usize {
        let (stays, goes) = (one.min(other), one.max(other));
        let depth = self.segments[stays].depth;
        let both = [&self.segments[stays], &self.segments[goes]];
        let count = both.iter().map(|segment| segment.count as usize).sum();
        let mut whole = Segment::for_entries(both[0].prefix >> 1, depth - 1, count);
        for half in both {
            let top = u64::from(half.prefix & 1) << 15;
            half.copy_into(&mut whole, |bits| top | bits >> 1);
        }

        self.deepest -= 2 * usize::from(u32::from(depth) == self.depth());
        self.heap += whole.heap_bytes();
        self.heap -= replace(&mut self.segments[stays], whole).heap_bytes();
        self.heap -= self.segments.swap_remove(goes).heap_bytes();
        self.point_at(stays);
        if goes < self.segments.len() {
            self.point_at(goes);
        }
        stays
    }

    /// Writes a segment's number to all its places in the directory.
    fn point_at(&mut self, number: usize) {
        let first = self.first_place(&self.segments[number]);
        let width = self.directory.len() >> self.segments[number].depth;
        self.directory[first..first + width].fill(number as u32);
    }

    fn double_directory(&mut self) {
        self.directory = self.directory.iter().flat_map(|&number| [number; 2]).collect();
        self.shift -= 1;
        self.deepest = 0;
    }

    fn halve_directory(&mut self) {
        self.directory = self.directory.iter().copied().step_by(2).collect();
        self.shift += 1;
        let depth = self.depth();
        self.deepest =
            self.segments.iter().filter(|segment| u32::from(segment.depth) == depth).count();
    }
}
