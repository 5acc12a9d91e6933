//! Sorted integers packed into bytes, in the form Redis keeps small sets of integers.
//!
//! ```text
//!  +----------+----------+-----------------------------------+
//!  | width    | count    | count integers, each width bytes, |
//!  | u32      | u32      | ascending, no two alike           |
//!  +----------+----------+-----------------------------------+
//! ```
//!
//! Everything is little-endian. The width is 2, 4 or 8: what the widest integer ever put in needs,
//! so it grows and never shrinks. The bytes go to files and come from them as they are; `validate`
//! is for those that come from outside, everything else trusts them.

use crate::alloc::size_class;
use crate::base::rng::Rng;

const HEADER: usize = 8;

/// A borrowed set of integers.
#[derive(Clone, Copy, Debug)]
pub struct IntsetRef<'a>(&'a [u8]);

/// An owned set of integers. An empty one may have no bytes yet: then it has no buffer either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intset(Vec<u8>);

const EMPTY: [u8; HEADER] = [2, 0, 0, 0, 0, 0, 0, 0];

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes[at..].first_chunk().expect("a set of integers has its header");
    u32::from_le_bytes(*word)
}

/// The integer of `width` bytes at the start of `bytes`.
#[inline]
fn read(bytes: &[u8], width: usize) -> i64 {
    const WHOLE: &str = "an integer lies within its set";
    match width {
        2 => i64::from(i16::from_le_bytes(*bytes.first_chunk().expect(WHOLE))),
        4 => i64::from(i32::from_le_bytes(*bytes.first_chunk().expect(WHOLE))),
        _ => i64::from_le_bytes(*bytes.first_chunk().expect(WHOLE)),
    }
}

/// Writes `value` over `target`, which is as long as the width.
fn write(target: &mut [u8], value: i64) {
    let len = target.len();
    target.copy_from_slice(&value.to_le_bytes()[..len]);
}

/// Bytes that `value` needs.
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

impl<'a> IntsetRef<'a> {
    /// Takes trusted bytes as a set.
    pub fn new(bytes: &'a [u8]) -> Self {
        IntsetRef(bytes)
    }

    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// How many integers there are.
    #[inline]
    pub fn len(self) -> usize {
        word(self.0, 4) as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn width(self) -> usize {
        word(self.0, 0) as usize
    }

    /// The integer at place `i` in ascending order. Panics beyond the end.
    #[inline]
    pub fn get(self, i: usize) -> i64 {
        let width = self.width();
        read(&self.0[HEADER + i * width..], width)
    }

    /// Whether `value` is in the set.
    pub fn contains(self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// The place of `value`, or the one it would have.
    fn search(self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        // A new maximum is the usual case when ids are handed out in order.
        if high > 0 && self.get(high - 1) < value {
            return Err(high);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle).cmp(&value) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// The integers in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + 'a {
        let width = self.width();
        self.0[HEADER..].chunks_exact(width).map(move |chunk| read(chunk, width))
    }

    /// An integer, each equally likely.
    pub fn random(self, rng: &mut Rng) -> Option<i64> {
        let len = self.len() as u64;
        (len > 0).then(|| self.get(rng.below(len) as usize))
    }

    /// Whether untrusted bytes are a well-formed set. An empty one is not: Redis keeps none.
    pub fn validate(bytes: &[u8]) -> bool {
        if bytes.len() < HEADER {
            return false;
        }
        let (width, len) = (word(bytes, 0) as usize, word(bytes, 4) as usize);
        if !matches!(width, 2 | 4 | 8)
            || len == 0
            || len.checked_mul(width) != Some(bytes.len() - HEADER)
        {
            return false;
        }
        IntsetRef(bytes).iter().is_sorted_by(|one, next| one < next)
    }
}

impl Intset {
    /// An empty set.
    pub fn new() -> Self {
        Intset(Vec::new())
    }

    /// An empty set that has a buffer already, whatever that held.
    pub fn growing_in(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Intset(buffer)
    }

    /// Gives back what a borrowed buffer has too much.
    pub fn fit(&mut self) {
        self.0.shrink_to(size_class(self.0.len()));
    }

    /// Takes over the bytes of a set.
    pub fn from_trusted(bytes: Vec<u8>) -> Self {
        Intset(bytes)
    }

    /// Gives up the bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The set, borrowed.
    #[inline]
    pub fn as_ref(&self) -> IntsetRef<'_> {
        IntsetRef(if self.0.is_empty() { &EMPTY } else { &self.0 })
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }

    /// Adds `value`; false when it is there.
    pub fn insert(&mut self, value: i64) -> bool {
        let width = self.as_ref().width();
        if width_of(value) > width {
            self.widen(value);
            return true;
        }
        let Err(place) = self.as_ref().search(value) else { return false };
        if self.0.is_empty() {
            self.0.extend_from_slice(&EMPTY);
        }
        let at = HEADER + place * width;
        self.reserve(width);
        let end = self.0.len();
        self.0.resize(end + width, 0);
        self.0.copy_within(at..end, at + width);
        write(&mut self.0[at..at + width], value);
        self.set_len(self.as_ref().len() + 1);
        true
    }

    /// Takes `value` out; false when it is not there.
    pub fn remove(&mut self, value: i64) -> bool {
        match self.as_ref().search(value) {
            Ok(place) => {
                self.remove_at(place);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes out the integer at place `i`. Panics beyond the end.
    pub fn remove_at(&mut self, i: usize) {
        let width = self.as_ref().width();
        let at = HEADER + i * width;
        self.0.drain(at..at + width);
        self.set_len(self.as_ref().len() - 1);
    }

    /// Adds a value that is wider than all others, hence the least or the greatest.
    fn widen(&mut self, value: i64) {
        let (old, width) = (self.as_ref(), width_of(value));
        let len = old.len();
        let mut bytes = Vec::with_capacity(HEADER + (len + 1) * width);
        bytes.extend_from_slice(&(width as u32).to_le_bytes());
        bytes.extend_from_slice(&(len as u32 + 1).to_le_bytes());
        let mut push = |value: i64| bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        if value < 0 {
            push(value);
        }
        old.iter().for_each(&mut push);
        if value > 0 {
            push(value);
        }
        self.0 = bytes;
    }

    /// Grows by an eighth rather than by half: the sets are small and there are many of them.
    fn reserve(&mut self, more: usize) {
        if self.0.capacity() - self.0.len() < more {
            let target = self.0.len() + more.max(self.0.len() / 8);
            self.0.reserve_exact(size_class(target) - self.0.len());
        }
    }

    fn set_len(&mut self, len: usize) {
        self.0[4..HEADER].copy_from_slice(&(len as u32).to_le_bytes());
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        let bytes = self.as_ref().bytes();
        let empty = self.as_ref().is_empty() && bytes.len() == HEADER;
        assert!(empty || IntsetRef::validate(bytes), "a malformed set of integers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn set_of(values: &[i64]) -> Intset {
        let mut set = Intset::new();
        for &value in values {
            set.insert(value);
        }
        set
    }

    #[test]
    fn bytes_are_those_of_redis() {
        assert_eq!(set_of(&[]).as_ref().bytes(), [2, 0, 0, 0, 0, 0, 0, 0]);
        let small = [2, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 1, 0, 0x2c, 1];
        assert_eq!(set_of(&[300, 1, -1]).into_bytes(), small);
        let wider = [4, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x00, 0x80, 0, 0];
        assert_eq!(set_of(&[-1, 32768]).into_bytes(), wider);
        let widest = set_of(&[7, i64::MIN]).into_bytes();
        assert_eq!(
            widest,
            [8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 7, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn behaves_as_an_ordered_set() {
        let mut rng = Rng::seeded(11);
        for bits in [4, 15, 16, 17, 31, 32, 33, 63, 64] {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for step in 0..400 {
                let value = (rng.next_u64() as i64) >> (64 - bits);
                if step % 3 == 2 {
                    let pick = model.iter().copied().nth(step % model.len().max(1));
                    let value = pick.unwrap_or(value);
                    assert_eq!(set.remove(value), model.remove(&value));
                } else {
                    assert_eq!(set.insert(value), model.insert(value));
                }
                set.check();
                assert_eq!(set.as_ref().len(), model.len());
                assert_eq!(set.as_ref().contains(value), model.contains(&value));
            }
            assert!(set.as_ref().iter().eq(model.iter().copied()));
            assert!(set.as_ref().iter().all(|value| set.as_ref().contains(value)));
        }
    }

    #[test]
    fn limits_of_each_width_are_kept() {
        let edges = [i16::MIN.into(), i16::MAX.into(), i32::MIN.into(), i32::MAX.into()];
        let mut all: Vec<i64> = vec![i64::MIN, i64::MAX, 0];
        all.extend(edges.iter().flat_map(|edge: &i64| [edge - 1, *edge, edge + 1]));
        let set = set_of(&all);
        all.sort_unstable();
        assert!(set.as_ref().iter().eq(all.iter().copied()));
        set.check();
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let good = set_of(&[1, 2, 70_000]).into_bytes();
        assert!(IntsetRef::validate(&good));
        for len in 0..good.len() {
            assert!(!IntsetRef::validate(&good[..len]), "cut at {len}");
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            IntsetRef::validate(&bytes)
        };
        assert!(!with(0, 3) && !with(0, 8) && !with(1, 1), "width");
        assert!(!with(4, 2) && !with(4, 4) && !with(7, 0xff), "count");
        assert!(!with(8, 2) && !with(8, 9), "order");
        assert!(!IntsetRef::validate(Intset::new().as_ref().bytes()), "empty");
    }

    #[test]
    fn random_draws_each_equally() {
        let set = set_of(&[-5, 0, 9, 70_000]);
        let mut rng = Rng::seeded(3);
        let mut seen = [0u32; 4];
        for _ in 0..40_000 {
            let value = set.as_ref().random(&mut rng).unwrap();
            seen[set.as_ref().iter().position(|v| v == value).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| n.abs_diff(10_000) < 500), "{seen:?}");
        assert!(Intset::new().as_ref().random(&mut rng).is_none());
    }
}
