//! Entries from a random place, and the way to have them in the cache before they are looked at.

use super::segment::Segment;
use super::{Dict, POSITION_BITS, Thin, entry, prefetch, prefetch_slot};

impl<E: Thin> Dict<E> {
    /// Shows `f` the entries of whole buckets from a random position on until it has accepted
    /// `wanted`, at most `buckets` buckets; tells how many were accepted. Every slot of a segment
    /// has the same chance. Never part of a bucket: its slots fill from the front, so a part of it
    /// would be the young.
    pub fn sample(
        &self,
        position: u64,
        (wanted, buckets): (usize, usize),
        f: &mut impl FnMut(&E) -> bool,
    ) -> usize {
        let (segment, mut at) = self.sampled_from(position);
        let mut seen = 0;
        for _ in 0..buckets.min(segment.len()) {
            let bucket = segment.bucket(at);
            for index in bucket.occupied() {
                seen += usize::from(f(&entry(bucket.slot(index))));
            }
            if seen >= wanted {
                break;
            }
            at = segment.after(at);
        }
        seen
    }

    /// Asks for the buckets that `sample` begins with.
    pub fn prefetch_sample(&self, position: u64) {
        let (segment, at) = self.sampled_from(position);
        prefetch(segment.address(at));
        prefetch(segment.address(segment.after(at)));
    }

    /// Asks for the entries in them; worth its while some time after `prefetch_sample`.
    pub fn prefetch_sampled(&self, position: u64) {
        let (segment, at) = self.sampled_from(position);
        for at in [at, segment.after(at)] {
            let bucket = segment.bucket(at);
            bucket.occupied().for_each(|index| prefetch_slot(bucket.slot(index)));
        }
    }

    fn sampled_from(&self, position: u64) -> (&Segment, usize) {
        let hash = position << (64 - POSITION_BITS);
        let segment = self.segment_of(hash);
        (segment, segment.home(segment.bits_of(hash)))
    }
}
