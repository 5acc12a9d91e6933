//! Asking for what a search will touch before it is begun, so that cache misses overlap.

use super::segment::{BITS_AT, Hits, matching, splat, tag_of};
use super::{Dict, Thin};

/// What a search touches, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// The bucket where it begins.
    Bucket,
    /// The entry that it most likely finds there.
    Entry,
}

#[inline(always)]
pub(in crate::ds) fn prefetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch does not access memory in any way the program can observe.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, readonly));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

/// Asks for all cache lines of a thing, or of a row of things.
#[inline(always)]
pub fn fetch_all<T: ?Sized>(thing: &T) {
    const LINE: usize = 64;
    let start = std::ptr::from_ref(thing).cast::<u8>();
    let size = size_of_val(thing);
    for at in (0..size).step_by(LINE).chain(size.checked_sub(1)) {
        prefetch(start.wrapping_add(at));
    }
}

#[inline(always)]
pub(super) fn prefetch_slot(slot: u64) {
    let address = slot & ((1 << BITS_AT) - 1);
    prefetch(std::ptr::without_provenance::<u8>(address as usize));
}

impl<E: Thin> Dict<E> {
    /// Asks for the cache line where a search for this hash begins.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        let segment = self.segment_of(hash);
        prefetch(segment.address(segment.home(segment.bits_of(hash))));
    }

    /// Asks for the entries that a search for this hash will look at; worth its while some time
    /// after `prefetch_bucket`.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let segment = self.segment_of(hash);
        let bits = segment.bits_of(hash);
        // SAFETY: a home is in bounds.
        let bucket = unsafe { segment.bucket_unchecked(segment.home(bits)) };
        for index in Hits(matching(bucket.word(), splat(tag_of(hash)))) {
            // SAFETY: indexes of a match are below SLOTS.
            let slot = unsafe { bucket.slot_unchecked(index) };
            if slot >> BITS_AT == bits {
                prefetch_slot(slot);
                return;
            }
        }
        if bucket.overflow() > 0 {
            prefetch(segment.address(segment.after(segment.home(bits))));
        }
    }

    /// `prefetch_bucket` or `prefetch_entry`.
    #[inline]
    pub fn fetch(&self, hash: u64, what: Fetch) {
        match what {
            Fetch::Bucket => self.prefetch_bucket(hash),
            Fetch::Entry => self.prefetch_entry(hash),
        }
    }
}
