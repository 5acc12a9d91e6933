//! One segment of the table: cache-line buckets in order, whose entries share a prefix of the hash.
//!
//! ```text
//! bucket, 64 bytes   tag0 .. tag6   overflow   slot0 .. slot6
//!                    1 byte each    1 byte     48 bits of pointer | 16 bits of hash
//! ```
//!
//! A tag of 0 marks an empty slot. `overflow` counts the entries that found this bucket full and
//! went on to the next one; a search stops at a bucket where it is 0. It saturates at 255 and then
//! stays there until the segment is rebuilt. The home bucket of an entry follows from its 16 stored
//! bits and the number of buckets alone, so that resizing never reads a key.
//!
//! ```text
//! up to 8 buckets    segment -> buckets
//! more               segment -> list -> block of 8 buckets, block of 8 buckets, ...
//! ```
//!
//! A segment grows by blocks and keeps those it has: what all segments of a table gave back as they
//! grew to the next size, at about the same time since hashes spread evenly, would be as much
//! memory as the table itself.
//!
//! This file knows bits only. What the pointers mean, and who owns them, is the parent's business.

use crate::alloc::size_class;
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Slots in a bucket.
pub(super) const SLOTS: usize = 7;
/// Buckets in a block: a power of two, since every search divides by it. The allocator has a class
/// for each number of buckets up to this one.
const BLOCK: usize = 8;
/// Segments from here on have whole blocks only.
const WHOLE_BLOCKS: usize = 5 * BLOCK;
/// Buckets at which a segment splits rather than grows.
pub(super) const SPLIT_BUCKETS: usize = 16 * BLOCK;
/// Where the 16 hash bits start in a slot.
pub(super) const BITS_AT: u32 = 48;
/// Values that the 16 stored bits can take.
pub(super) const RANGE: u64 = 1 << 16;
/// More buckets than this would make neighbouring values of the stored bits skip buckets.
const MOST_BUCKETS: usize = 1 << 15;
/// Overflow counts stick here.
const STUCK: u8 = u8::MAX;
const LOW: u64 = 0x0101_0101_0101_0101;
const TAG_HIGH_BITS: u64 = 0x0080_8080_8080_8080;

/// Seven slots, their tags, and the overflow count as the eighth tag byte.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    meta: [u8; 8],
    slots: [u64; SLOTS],
}

/// What segments without an allocation point to: searches need no special case, and nobody writes
/// here because such a segment has no room.
static EMPTY: Bucket = Bucket { meta: [0; 8], slots: [0; SLOTS] };

impl Bucket {
    /// The tags (lowest seven bytes) and the overflow count (top byte).
    #[inline(always)]
    pub(super) fn word(&self) -> u64 {
        u64::from_le_bytes(self.meta)
    }

    /// Tag of a slot; 0 when it is empty.
    #[inline(always)]
    pub(super) fn tag(&self, index: usize) -> u8 {
        debug_assert!(index < SLOTS);
        self.meta[index]
    }

    /// Pointer and hash bits of a slot.
    #[inline(always)]
    pub(super) fn slot(&self, index: usize) -> u64 {
        self.slots[index]
    }

    /// The same without a bounds check.
    ///
    /// # Safety
    /// `index < SLOTS`.
    #[inline(always)]
    pub(super) unsafe fn slot_unchecked(&self, index: usize) -> u64 {
        debug_assert!(index < SLOTS);
        // SAFETY: the caller promises the bound.
        unsafe { *self.slots.get_unchecked(index) }
    }

    /// Writes tag and slot; a tag of 0 makes the slot invisible.
    #[inline(always)]
    pub(super) fn set(&mut self, index: usize, tag: u8, slot: u64) {
        debug_assert!(index < SLOTS);
        self.meta[index] = tag;
        self.slots[index] = slot;
    }

    /// How many entries went past this bucket.
    pub(super) fn overflow(&self) -> u8 {
        self.meta[SLOTS]
    }

    /// Indexes of the occupied slots, as set bits at the tops of their bytes.
    #[inline(always)]
    pub(super) fn occupied(&self) -> Hits {
        Hits(!matching(self.word(), 0) & TAG_HIGH_BITS)
    }
}

/// Bit 7 of each of the seven tag bytes equal to the byte repeated in `pattern`. Exact: the shorter
/// well-known form also reports neighbours of a hit, and an empty slot must never look occupied.
#[inline(always)]
pub(super) fn matching(word: u64, pattern: u64) -> u64 {
    const SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let x = word ^ pattern;
    !(((x & SEVEN) + SEVEN) | x) & TAG_HIGH_BITS
}

/// A tag in each byte.
#[inline(always)]
pub(super) fn splat(tag: u8) -> u64 {
    u64::from(tag) * LOW
}

/// The tag of a hash: its low bits, which neither prefix nor stored bits use, but never 0.
#[inline(always)]
pub(super) fn tag_of(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// Iterates over slot indexes in a mask of `matching`.
#[derive(Clone, Copy)]
pub(super) struct Hits(pub(super) u64);

impl Iterator for Hits {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let index = (self.0.trailing_zeros() >> 3) as usize;
        self.0 &= self.0 - 1;
        Some(index)
    }
}

/// A run of up to `BLOCK` buckets.
type Block = NonNull<Bucket>;

/// Buckets, and which part of the hash order they hold.
pub(super) struct Segment {
    /// The only block, or the list of the blocks if there are more than `BLOCK` buckets.
    place: NonNull<u8>,
    /// The top `depth` bits that all its hashes share.
    pub(super) prefix: u32,
    /// Entries.
    pub(super) count: u32,
    /// Entries at which it must grow; 0 while it has no allocation.
    limit: u32,
    n: u16,
    pub(super) depth: u8,
}

impl Segment {
    /// A segment without an allocation and without room.
    pub(super) fn vacant(prefix: u32, depth: u8) -> Segment {
        Segment { place: NonNull::from(&EMPTY).cast(), prefix, count: 0, limit: 0, n: 1, depth }
    }

    /// A segment with room for so many entries and a few more.
    pub(super) fn for_entries(prefix: u32, depth: u8, entries: usize) -> Segment {
        let mut segment = Segment::vacant(prefix, depth);
        if entries > 0 {
            segment.lay_out(size_for(entries + entries / 32));
        }
        segment
    }

    /// Number of buckets, at least 1.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        usize::from(self.n)
    }

    /// Buckets that are really allocated.
    pub(super) fn allocated(&self) -> usize {
        if self.limit == 0 { 0 } else { self.len() }
    }

    /// Whether an entry can be put in.
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.count < self.limit
    }

    /// The 16 bits of a hash that follow the prefix.
    #[inline(always)]
    pub(super) fn bits_of(&self, hash: u64) -> u64 {
        (hash << (self.depth & 63)) >> BITS_AT
    }

    /// Home bucket of 16 stored bits.
    #[inline(always)]
    pub(super) fn home(&self, bits: u64) -> usize {
        debug_assert!(bits < RANGE);
        ((bits * u64::from(self.n)) >> 16) as usize
    }

    /// The lowest stored bits whose home is this bucket or a later one.
    pub(super) fn first_bits(&self, bucket: usize) -> u64 {
        (bucket as u64 * RANGE).div_ceil(u64::from(self.n))
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let list = if self.len() > BLOCK { size_class(list_layout(self.len()).size()) } else { 0 };
        self.allocated() * size_of::<Bucket>() + list
    }

    /// Address of a bucket, for prefetching and for the search loop.
    #[inline(always)]
    pub(super) fn address(&self, bucket: usize) -> *const Bucket {
        debug_assert!(bucket < self.len());
        if self.len() <= BLOCK {
            // A wrapping offset is as fast and needs no promise; it stays inside all the same.
            return self.place.as_ptr().cast::<Bucket>().wrapping_add(bucket);
        }
        let list = self.place.as_ptr().cast::<Block>();
        // SAFETY: with more than a block `place` is a list with a block for each `BLOCK` buckets,
        // begun ones included, and the bucket is one of them.
        let block = unsafe { *list.add(bucket / BLOCK) };
        block.as_ptr().wrapping_add(bucket % BLOCK)
    }

    /// A bucket without a bounds check.
    ///
    /// # Safety
    /// `bucket < self.len()`.
    #[inline(always)]
    pub(super) unsafe fn bucket_unchecked(&self, bucket: usize) -> &Bucket {
        // SAFETY: the blocks hold `len` initialised buckets (one shared empty one when nothing
        // is allocated), they are written through `&mut self` only, and the index is in bounds.
        unsafe { &*self.address(bucket) }
    }

    /// One of its buckets.
    #[inline(always)]
    pub(super) fn bucket(&self, bucket: usize) -> &Bucket {
        assert!(bucket < self.len(), "a bucket of this segment");
        // SAFETY: just checked.
        unsafe { self.bucket_unchecked(bucket) }
    }

    /// One of its buckets to write to; there is none while nothing is allocated.
    #[inline(always)]
    pub(super) fn bucket_mut(&mut self, bucket: usize) -> &mut Bucket {
        assert!(bucket < self.allocated(), "a bucket of this segment's own");
        // SAFETY: `allocated` excludes the shared empty bucket; what remains is owned by this
        // segment alone and borrowed mutably through it.
        unsafe { &mut *self.address(bucket).cast_mut() }
    }

    /// All buckets.
    pub(super) fn buckets(&self) -> impl ExactSizeIterator<Item = &Bucket> {
        (0..self.len()).map(|at| self.bucket(at))
    }

    /// The bucket after this one, round the end.
    #[inline(always)]
    pub(super) fn after(&self, bucket: usize) -> usize {
        if bucket + 1 == self.len() { 0 } else { bucket + 1 }
    }

    /// The buckets where entries of this home can be.
    pub(super) fn chain(&self, home: usize) -> Chain<'_> {
        Chain { segment: self, next: Some(home), left: self.len() }
    }

    /// Stores an entry and tells where. There must be an empty slot.
    #[inline]
    pub(super) fn put(&mut self, tag: u8, slot: u64) -> (usize, usize) {
        debug_assert!(tag != 0 && (self.count as usize) < self.allocated() * SLOTS);
        self.count += 1;
        let mut at = self.home(slot >> BITS_AT);
        loop {
            let bucket = self.bucket_mut(at);
            if let Some(index) = Hits(matching(bucket.word(), 0)).next() {
                bucket.set(index, tag, slot);
                return (at, index);
            }
            bucket.meta[SLOTS] = bucket.meta[SLOTS].saturating_add(1);
            at = self.after(at);
        }
    }

    /// Empties a slot (whose tag may be hidden already) and takes back the overflow counts that
    /// its entry caused.
    pub(super) fn erase(&mut self, bucket: usize, index: usize) {
        let mut at = self.home(self.bucket(bucket).slot(index) >> BITS_AT);
        self.count -= 1;
        while at != bucket {
            let overflow = &mut self.bucket_mut(at).meta[SLOTS];
            if *overflow != STUCK {
                *overflow -= 1;
            }
            at = self.after(at);
        }
        self.bucket_mut(bucket).set(index, 0, 0);
    }

    /// Copies every entry into another segment with its stored bits put through `f`.
    pub(super) fn copy_into(&self, other: &mut Segment, f: impl Fn(u64) -> u64) {
        for bucket in self.buckets() {
            for index in bucket.occupied() {
                let slot = bucket.slot(index);
                let pointer = slot & ((1 << BITS_AT) - 1);
                other.put(bucket.tag(index), pointer | f(slot >> BITS_AT) << BITS_AT);
            }
        }
    }

    /// Takes the next size up.
    pub(super) fn grow(&mut self) {
        let n = if self.limit == 0 { 1 } else { size_above(self.len()) };
        assert!(n <= MOST_BUCKETS, "hashes do not spread");
        self.rebuild(n);
    }

    /// Whether it holds so little that a smaller size would do with room to spare.
    #[inline]
    pub(super) fn is_roomy(&self) -> bool {
        let n = self.len();
        let below = if n == 1 { 0 } else { limit(size_below(n)) };
        // The spare room keeps an alternation of insert and remove from resizing each time.
        self.count as usize + below / 16 + 1 < below || (self.count == 0 && self.limit > 0)
    }

    /// Takes the size that fits the entries.
    pub(super) fn shrink(&mut self) {
        if self.count == 0 {
            *self = Segment::vacant(self.prefix, self.depth);
        } else {
            let count = self.count as usize;
            self.rebuild(size_for(count + count / 32).min(self.len()));
        }
    }

    fn rebuild(&mut self, n: usize) {
        let before = self.count;
        let old: Vec<Bucket> = self.buckets().copied().collect();
        self.lay_out(n);
        self.count = 0;
        for bucket in &old {
            for index in bucket.occupied() {
                self.put(bucket.tag(index), bucket.slot(index));
            }
        }
        debug_assert_eq!(self.count, before);
    }

    /// Gives it so many buckets, all empty; blocks that are whole are kept.
    fn lay_out(&mut self, n: usize) {
        debug_assert!(n > 0 && n <= MOST_BUCKETS);
        let mut spare = self.take_blocks();
        let mut block = |buckets: usize| match spare.pop() {
            Some(block) if buckets == BLOCK => {
                // SAFETY: a spare block has `BLOCK` buckets, for which all zeros is valid.
                unsafe { block.write_bytes(0, BLOCK) };
                block
            }
            other => {
                spare.extend(other);
                allocate(block_layout(buckets), true).cast()
            }
        };
        self.place = if n <= BLOCK {
            block(n).cast()
        } else {
            let list = allocate(list_layout(n), false);
            for i in 0..n.div_ceil(BLOCK) {
                // SAFETY: the layout has room for so many blocks.
                unsafe { list.cast::<Block>().add(i).write(block(BLOCK.min(n - i * BLOCK))) };
            }
            list
        };
        // SAFETY: what is left over was allocated with this layout and belongs to nobody.
        spare.into_iter().for_each(|b| unsafe { dealloc(b.as_ptr().cast(), block_layout(BLOCK)) });
        self.n = n as u16;
        self.limit = limit(n) as u32;
    }

    /// Gives up all buckets: blocks that are not whole are freed, the others are the caller's.
    fn take_blocks(&mut self) -> Vec<Block> {
        let (n, place) = (self.allocated(), self.place);
        (self.place, self.n, self.limit) = (NonNull::from(&EMPTY).cast(), 1, 0);
        let mut whole = Vec::with_capacity(n / BLOCK);
        for i in 0..n.div_ceil(BLOCK) {
            let buckets = BLOCK.min(n - i * BLOCK);
            let block = match n <= BLOCK {
                true => place.cast(),
                // SAFETY: the list has a block for each `BLOCK` buckets, begun ones included.
                false => unsafe { place.cast::<Block>().add(i).read() },
            };
            if buckets == BLOCK {
                whole.push(block);
            } else {
                // SAFETY: `lay_out` allocated it with this layout, and nothing points to it now.
                unsafe { dealloc(block.as_ptr().cast(), block_layout(buckets)) };
            }
        }
        if n > BLOCK {
            // SAFETY: `lay_out` allocated the list with this layout, and nothing points to it now.
            unsafe { dealloc(place.as_ptr(), list_layout(n)) };
        }
        whole
    }

    /// Asserts that counts, overflow counts and size are right; `expect` gives the tag and the
    /// stored bits that each pointer must have.
    pub(super) fn check(&self, mut expect: impl FnMut(u64) -> (u8, u64)) {
        let n = self.len();
        assert_eq!(fit(n), n, "not a size");
        assert!(self.count <= self.limit);
        let mut count = 0;
        let mut passed = vec![0usize; n];
        for (at, bucket) in self.buckets().enumerate() {
            for index in bucket.occupied() {
                let slot = bucket.slot(index);
                let (tag, bits) = expect(slot & ((1 << BITS_AT) - 1));
                assert_eq!((tag, bits), (bucket.tag(index), slot >> BITS_AT));
                let mut on_the_way = self.home(bits);
                while on_the_way != at {
                    passed[on_the_way] += 1;
                    on_the_way = self.after(on_the_way);
                }
                count += 1;
            }
        }
        assert_eq!(count, self.count, "entries");
        for (bucket, passed) in self.buckets().zip(passed) {
            let overflow = bucket.overflow();
            assert!(overflow == STUCK || usize::from(overflow) == passed, "overflow count");
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        for block in self.take_blocks() {
            // SAFETY: whole blocks were allocated with this layout, and nothing points to them now.
            unsafe { dealloc(block.as_ptr().cast(), block_layout(BLOCK)) }
        }
    }
}

/// Iterator of `Segment::chain`.
pub(super) struct Chain<'a> {
    segment: &'a Segment,
    next: Option<usize>,
    left: usize,
}

impl Iterator for Chain<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let at = self.next?;
        self.left -= 1;
        let ends = self.left == 0 || self.segment.bucket(at).overflow() == 0;
        self.next = (!ends).then(|| self.segment.after(at));
        Some(at)
    }
}

fn block_layout(buckets: usize) -> Layout {
    Layout::array::<Bucket>(buckets).expect("a block is small")
}

/// The list of the blocks of a segment with whole blocks has room for all until it splits.
fn list_layout(n: usize) -> Layout {
    let blocks = n.div_ceil(BLOCK);
    let room = if n < WHOLE_BLOCKS { blocks } else { blocks.max(SPLIT_BUCKETS / BLOCK) };
    Layout::array::<Block>(room).expect("a list is small")
}

fn allocate(layout: Layout, zeroed: bool) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: neither blocks nor lists are empty.
    let raw = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
    NonNull::new(raw).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Entries that so many buckets may hold: about 93 %.
fn limit(n: usize) -> usize {
    if n == 1 { SLOTS } else { n * SLOTS * 15 / 16 }
}

/// The smallest size a segment may have that is not below `n`.
fn fit(n: usize) -> usize {
    if n >= WHOLE_BLOCKS { n.next_multiple_of(BLOCK) } else { n }
}

/// An eighth more while it is small, then a block or two: each entry is moved about five times as a
/// segment doubles.
fn size_above(n: usize) -> usize {
    let more = if n < WHOLE_BLOCKS { n / 8 } else { n / 6 };
    fit(n + more.max(1))
}

/// The size to shrink to from one that is not the smallest: about an eighth less.
fn size_below(n: usize) -> usize {
    let n = n - (n / 8).max(1);
    if n >= WHOLE_BLOCKS { n / BLOCK * BLOCK } else { n }
}

/// The smallest size that may hold so many entries.
fn size_for(entries: usize) -> usize {
    let mut n = fit((entries * 16 / (15 * SLOTS)).max(1));
    while limit(n) < entries {
        n = fit(n + 1);
    }
    n
}
