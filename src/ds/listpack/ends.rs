//! A listpack with free room at both of its ends: elements come and go there without moving the
//! others.
//!
//! ```text
//!  0            front                                  len       capacity
//!  +------------+--------+---------+-   -+---------+----+----------+
//!  | free       | header | element | ... | element | FF | free     |
//!  +------------+--------+---------+-   -+---------+----+----------+
//! ```
//!
//! The header is written anew in front of whatever is the first element. Invariant: the bytes from
//! `front` on are a listpack; without room in front, `list` as a whole is one.

use super::append::{LINE, prefetch_behind};
use super::encode::{END, Encoded};
use super::{EMPTY, HEADER, KEPT, Listpack, MANY, Packed, count_in_header, count_of};
use crate::alloc::size_class;
use crate::ds::dict::prefetch;

/// A listpack for work at its ends.
#[derive(Clone, Debug, Default)]
pub struct TwoEnded {
    list: Listpack,
    front: u32,
}

impl From<Listpack> for TwoEnded {
    #[inline]
    fn from(list: Listpack) -> TwoEnded {
        TwoEnded { list, front: 0 }
    }
}

impl TwoEnded {
    /// One element, in a buffer with room for a content of `capacity` bytes that is all at the end
    /// of the element, or all in front of it.
    pub fn roomy(text: &[u8], capacity: usize, at_front: bool) -> TwoEnded {
        let mut list = Listpack(Vec::with_capacity(size_class(capacity)));
        list.push(text);
        let mut ends = TwoEnded::from(list);
        if at_front {
            ends.move_to(ends.list.0.capacity() - ends.byte_len());
        }
        ends
    }

    /// The listpack, for any other work.
    #[inline]
    pub fn settled(&mut self) -> &mut Listpack {
        if self.front > 0 {
            self.move_to(0);
        }
        &mut self.list
    }

    /// The listpack alone.
    #[inline]
    pub fn into_listpack(mut self) -> Listpack {
        self.settled();
        self.list
    }

    /// The same, borrowed.
    #[inline]
    pub fn as_packed(&self) -> Packed<'_> {
        let bytes = &self.list.0;
        Packed(if bytes.is_empty() { &EMPTY } else { &bytes[self.front as usize..] })
    }

    /// Bytes of the content, header and end included.
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.as_packed().0.len()
    }

    /// Bytes of the buffer.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.list.heap_bytes()
    }

    /// Adds an element at the end.
    #[inline]
    pub fn push_back(&mut self, text: &[u8]) {
        self.push_back_to(text, usize::from(self.count()));
    }

    /// Adds an element at the beginning.
    #[inline]
    pub fn push_front(&mut self, text: &[u8]) {
        self.push_front_to(text, usize::from(self.count()));
    }

    /// `push_back` for whoever knows the number of elements: where many lists grow, nothing of this
    /// one may be in the cache, and what is not read is not waited for.
    #[inline]
    pub fn push_back_to(&mut self, text: &[u8], count: usize) {
        let new = Encoded::text(text);
        self.begin();
        let total = self.byte_len() + new.total();
        if self.front as usize + total > self.list.0.capacity() {
            self.make_room(total, false);
        }
        self.list.0.pop();
        new.append(&mut self.list.0);
        self.list.0.push(END);
        self.set_header(total, count_in_header(count + 1));
        prefetch_behind(&self.list.0);
    }

    /// `push_front` for whoever knows the number of elements.
    #[inline]
    pub fn push_front_to(&mut self, text: &[u8], count: usize) {
        let new = Encoded::text(text);
        self.begin();
        let (size, total) = (new.total(), self.byte_len() + new.total());
        if (self.front as usize) < size {
            self.make_room(total, true);
        }
        self.front -= size as u32;
        let at = self.front as usize + HEADER;
        new.write(&mut self.list.0[at..at + size]);
        self.set_header(total, count_in_header(count + 1));
        // The next one goes there.
        prefetch(self.list.0.as_ptr().wrapping_add(self.front as usize).wrapping_sub(LINE));
    }

    /// Takes the first element out.
    #[inline]
    pub fn pop_front(&mut self) {
        let packed = self.as_packed();
        let Some(first) = packed.first() else { return };
        let size = packed.element(first.at()).1 - HEADER;
        let total = packed.0.len() - size;
        let count = self.count_without_one(total);
        self.front += size as u32;
        self.set_header(total, count);
        self.give_back();
    }

    /// Takes the last element out.
    #[inline]
    pub fn pop_back(&mut self) {
        let packed = self.as_packed();
        let Some(last) = packed.last() else { return };
        let total = last.at() + 1;
        let count = self.count_without_one(total);
        let bytes = &mut self.list.0;
        bytes.truncate(self.front as usize + total);
        *bytes.last_mut().expect("it has a header") = END;
        self.set_header(total, count);
        self.give_back();
    }

    /// Gives back what the content does not need.
    pub fn fit(&mut self) {
        self.settled().fit();
    }

    #[inline]
    fn begin(&mut self) {
        if self.list.0.is_empty() {
            self.list.reserve(EMPTY.len());
            self.list.0.extend_from_slice(&EMPTY);
        }
    }

    #[inline]
    fn count(&self) -> u16 {
        count_of(self.as_packed().0)
    }

    /// As Redis has it: a count that says nothing goes on doing so until nothing is left.
    #[inline]
    fn count_without_one(&self, total: usize) -> u16 {
        match self.count() {
            _ if total == EMPTY.len() => 0,
            MANY => MANY,
            count => count - 1,
        }
    }

    #[inline]
    fn set_header(&mut self, total: usize, count: u16) {
        let total = u32::try_from(total).expect("callers keep a listpack below 4 GB");
        let header = &mut self.list.0[self.front as usize..][..HEADER];
        header[..4].copy_from_slice(&total.to_le_bytes());
        header[4..].copy_from_slice(&count.to_le_bytes());
    }

    /// Room for a content of `total` bytes, so that what is new fits at the wanted end. All of a
    /// larger buffer's room goes there. What the other end of this buffer has free is shared, so
    /// that pushes at both ends in turn do not move everything each time; no more than a part of
    /// the content's own size, as the buffer may be one that was made for something larger.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, total: usize, at_front: bool) {
        let len = self.byte_len();
        let cap = self.list.0.capacity();
        if total > cap {
            let cap = size_class(total);
            if !at_front {
                self.settled().reserve(total);
                return;
            }
            let mut bytes = Vec::with_capacity(cap);
            bytes.resize(cap - len, 0);
            bytes.extend_from_slice(self.as_packed().0);
            (self.list.0, self.front) = (bytes, (cap - len) as u32);
            return;
        }
        let share = ((cap - total) / 2).min(total / 4);
        self.move_to(if at_front { total - len + share } else { share });
    }

    /// Moves the content within the buffer, which has room for it there.
    fn move_to(&mut self, front: usize) {
        let (from, len) = (self.front as usize, self.byte_len());
        let bytes = &mut self.list.0;
        if front + len > bytes.len() {
            bytes.resize(front + len, 0);
        }
        bytes.copy_within(from..from + len, front);
        bytes.truncate(front + len);
        self.front = front as u32;
    }

    #[inline]
    fn give_back(&mut self) {
        let cap = self.list.0.capacity();
        if cap > KEPT && self.byte_len() < cap / 2 {
            self.fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    /// The same elements and the same bytes as a listpack that is edited in the plain way.
    #[test]
    fn works_like_a_listpack() {
        for seed in 0..6 {
            let mut rng = Rng::seeded(seed);
            let buffer = Vec::with_capacity(if seed % 2 == 0 { 0 } else { 3000 });
            let mut ends = TwoEnded::from(Listpack::growing_in(buffer));
            let mut plain = Listpack::new();
            for round in 0..2000 {
                let text = vec![b'a' + (round % 26) as u8; rng.below(200) as usize];
                // Growing, then shrinking, at one end more than at the other.
                let grows = rng.below(100) < if round < 1000 { 70 } else { 30 };
                match (grows, rng.below(10) < 2 * seed) {
                    (true, true) => (ends.push_front(&text), plain.prepend(&text)),
                    (true, false) => (ends.push_back(&text), plain.push(&text)),
                    (false, at_front) => {
                        let packed = plain.as_packed();
                        let pos = if at_front { packed.first() } else { packed.last() };
                        pos.map(|pos| plain.remove(pos));
                        (if at_front { ends.pop_front() } else { ends.pop_back() }, ())
                    }
                };
                if rng.below(50) == 0 {
                    ends.settled();
                }
                assert_eq!(ends.as_packed().bytes(), plain.as_packed().bytes());
                let len = ends.byte_len();
                assert!(seed % 2 == 1 || ends.heap_bytes() <= (2 * size_class(len)).max(KEPT));
            }
            assert!(Packed::validate(ends.as_packed().bytes()));
            assert_eq!(ends.into_listpack().as_packed().bytes(), plain.as_packed().bytes());
        }
    }

    #[test]
    fn what_was_made_roomy_does_not_move() {
        for at_front in [true, false] {
            let mut ends = TwoEnded::roomy(b"first", 4096, at_front);
            let buffer = ends.as_packed().0.as_ptr_range();
            let fixed = |ends: &TwoEnded| {
                let now = ends.as_packed().0.as_ptr_range();
                if at_front { now.end == buffer.end } else { now.start == buffer.start }
            };
            while ends.byte_len() + 35 <= 4096 {
                if at_front {
                    ends.push_front(&[b'x'; 32])
                } else {
                    ends.push_back(&[b'x'; 32])
                }
                assert!(fixed(&ends) && ends.heap_bytes() == 4096);
            }
            assert!(Packed::validate(ends.as_packed().bytes()));
            assert_eq!(ends.as_packed().len(), 1 + (4096 - 7 - 7) / 34);
        }
    }

    #[test]
    fn moves_only_now_and_then() {
        for at_front in [true, false] {
            let (mut ends, mut moves, mut at) = (TwoEnded::default(), 0, 0);
            for _ in 0..200 {
                if at_front {
                    ends.push_front(&[b'x'; 32])
                } else {
                    ends.push_back(&[b'x'; 32])
                }
                let packed = ends.as_packed();
                let pos = if at_front { packed.last() } else { packed.first() };
                let now = packed.0.as_ptr().addr() + pos.expect("not empty").at();
                moves += usize::from(now != at);
                at = now;
            }
            assert!(moves < 40, "{moves}");
        }
    }

    #[test]
    fn counts_up_to_where_the_header_can_tell() {
        let mut ends = TwoEnded::default();
        for _ in 0..70_000 {
            ends.push_front(b"1");
        }
        assert_eq!(ends.as_packed().len(), 70_000);
        for left in (0..70_000).rev() {
            if left % 2 == 0 {
                ends.pop_front()
            } else {
                ends.pop_back()
            }
            if left % 5000 == 0 {
                assert_eq!(ends.as_packed().len(), left);
            }
        }
        assert_eq!(ends.as_packed().bytes(), EMPTY);
    }
}
