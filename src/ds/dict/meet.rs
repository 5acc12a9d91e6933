//! Looking the entries of one table up in another one that has the same seed. A slot tells enough
//! of its entry's hash for that, mostly, so that no key is read to be hashed once more.

use std::slice;

use super::handle::Ref;
use super::segment::{BITS_AT, Bucket, Hits, Segment, matching, splat};
use super::{Dict, Thin, entry};

/// Bits of a hash that a slot has besides those that its segment's prefix tells.
const STORED: u32 = 64 - BITS_AT;

/// What a slot tells of its entry's hash.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// The hash; between the known bits at its top and the tag at its bottom there are zeros.
    hash: u64,
    /// How many bits at the top are known.
    known: u32,
    tag: u8,
}

/// Entries in no useful order, each with what its slot tells of its hash.
pub struct Traced<'a, E: Thin> {
    segments: slice::Iter<'a, Segment>,
    segment: &'a Segment,
    at: usize,
    bucket: &'a Bucket,
    hits: Hits,
    dict: &'a Dict<E>,
}

impl<'a, E: Thin> Iterator for Traced<'a, E> {
    type Item = (Ref<'a, E>, Trace);

    #[inline]
    fn next(&mut self) -> Option<(Ref<'a, E>, Trace)> {
        loop {
            if let Some(index) = self.hits.next() {
                let slot = self.bucket.slot(index);
                let trace = Trace::of(self.segment, slot >> BITS_AT, self.bucket.tag(index));
                return Some((Ref::new(entry(slot)), trace));
            }
            self.at += 1;
            if self.at == self.segment.len() {
                self.segment = self.segments.next()?;
                self.at = 0;
            }
            self.bucket = self.segment.bucket(self.at);
            self.hits = self.bucket.occupied();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.dict.len()))
    }
}

impl Trace {
    #[inline(always)]
    fn of(segment: &Segment, bits: u64, tag: u8) -> Trace {
        let depth = u32::from(segment.depth);
        // In two steps, since a shift by all 64 bits (no prefix) would overflow.
        let prefix = u64::from(segment.prefix) << (63 - depth) << 1;
        Trace { hash: prefix | bits << BITS_AT >> depth, known: depth + STORED, tag }
    }
}

impl<E: Thin> Dict<E> {
    /// All entries.
    pub fn iter_traced(&self) -> Traced<'_, E> {
        let mut segments = self.segments.iter();
        let segment = segments.next().expect("a table has a segment");
        let bucket = segment.bucket(0);
        Traced { segments, segment, at: 0, bucket, hits: bucket.occupied(), dict: self }
    }

    /// Whether there is an entry that `is` accepts, whose slot in another table told this of its
    /// hash. `None` when this table goes by more of the hash than is known.
    #[inline]
    pub fn holds(&self, trace: Trace, is: impl Fn(&E) -> bool) -> Option<bool> {
        // Whatever the unknown bits are, they lead to the same segment unless it goes by them.
        let segment = self.segment_of(trace.hash);
        if u32::from(segment.depth) + STORED > trace.known {
            return None;
        }
        let bits = segment.bits_of(trace.hash);
        let pattern = splat(trace.tag);
        let mut at = segment.home(bits);
        for _ in 0..segment.len() {
            let bucket = segment.bucket(at);
            let word = bucket.word();
            for index in Hits(matching(word, pattern)) {
                let slot = bucket.slot(index);
                if slot >> BITS_AT == bits && is(&entry::<E>(slot)) {
                    return Some(true);
                }
            }
            if bucket.overflow() == 0 {
                break;
            }
            at = segment.after(at);
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use crate::base::hash::Seed;
    use crate::base::rng::Rng;
    use crate::ds::dict::Dict;
    use crate::ds::member::Member;

    #[test]
    fn finds_what_a_search_by_key_finds() {
        let seed = Seed { k0: 8, k1: 9 };
        let mut rng = Rng::seeded(12);
        for (some, many) in [(0, 9), (5, 5), (1000, 1000), (300, 5000), (20_000, 700), (9, 0)] {
            let [one, other] = [some, many].map(|entries| {
                let mut dict = Dict::new(seed);
                for _ in 0..entries {
                    let text = rng.below(some + many).to_string();
                    let hash = dict.hash(text.as_bytes());
                    let make = || Member::new(text.as_bytes());
                    dict.find_or_insert_with(hash, text.as_bytes(), make);
                }
                dict
            });
            let (mut seen, mut told) = (0, 0);
            for (member, trace) in one.iter_traced() {
                seen += 1;
                let text = member.item().to_vec();
                let found = other.find(other.hash(&text), &text).is_some();
                if let Some(held) = other.holds(trace, |own| own.item() == member.item()) {
                    assert_eq!(held, found, "{text:?}");
                    told += 1;
                }
                assert_eq!(one.holds(trace, |own| own.item() == member.item()), Some(true));
                assert_eq!(one.holds(trace, |_| false), Some(false));
            }
            assert_eq!(seen, one.len());
            let deeper = other.shape().segments > one.shape().segments;
            assert!(deeper || told == seen, "{some} in {many}: {told} of {seen}");
        }
    }
}
