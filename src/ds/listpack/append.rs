//! Adding several elements at the end at once, and reading on from a place: what a log kept in a
//! listpack does all the time.

use super::encode::{END, Encoded};
use super::{HEADER, Iter, Listpack, Pos};
use crate::alloc::size_class;
use crate::ds::dict::prefetch;

/// Writes elements behind the last one. The header is brought up to date when it ends.
pub struct Appender<'a> {
    bytes: &'a mut Vec<u8>,
    added: usize,
}

/// Bytes of a cache line.
pub(super) const LINE: usize = 64;

/// Asks for the cache lines where these bytes end and where some more go.
#[inline]
pub(super) fn prefetch_behind(bytes: &[u8]) {
    let end = bytes.as_ptr().wrapping_add(bytes.len());
    prefetch(end);
    prefetch(end.wrapping_add(LINE - 1));
}

impl Listpack {
    /// Asks for the cache lines that adding an element at the end touches.
    #[inline]
    pub fn fetch(&self) {
        prefetch(self.0.as_ptr());
        prefetch_behind(&self.0);
    }

    /// Room for a content of so many bytes in all.
    pub fn reserve_total(&mut self, bytes: usize) {
        if bytes > self.0.capacity() {
            self.0.reserve_exact(size_class(bytes) - self.0.len());
        }
    }

    /// Gives back what the content does not need.
    pub fn shrink(&mut self) {
        self.0.shrink_to(size_class(self.0.len()));
    }

    /// Begins to add elements. Reserve first what they will take.
    #[inline]
    pub fn appender(&mut self) -> Appender<'_> {
        match self.0.pop() {
            // An empty one need not have a buffer.
            None => self.0.extend_from_slice(&[0; HEADER]),
            Some(end) => debug_assert!(end == END, "a listpack ends in its mark"),
        }
        Appender { bytes: &mut self.0, added: 0 }
    }
}

impl Appender<'_> {
    /// Adds a text.
    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        self.added += 1;
        match Encoded::head_of_short(text) {
            Some(head) => {
                self.bytes.push(head);
                self.bytes.extend_from_slice(text);
                self.bytes.push(text.len() as u8 + 1);
            }
            None => Encoded::text(text).append(self.bytes),
        }
    }

    /// Adds a number.
    #[inline]
    pub fn int(&mut self, n: i64) {
        self.added += 1;
        if (0..=127).contains(&n) {
            // By far the most frequent ones: flags, small differences, lengths.
            return self.bytes.extend_from_slice(&[n as u8, 1]);
        }
        Encoded::int(n).append(self.bytes);
    }
}

impl Drop for Appender<'_> {
    #[inline]
    fn drop(&mut self) {
        self.bytes.push(END);
        let total = u32::try_from(self.bytes.len()).expect("callers keep a listpack below 4 GB");
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        let count = u16::from_le_bytes([self.bytes[4], self.bytes[5]]);
        let count = count.saturating_add(self.added.min(usize::from(u16::MAX)) as u16);
        self.bytes[4..6].copy_from_slice(&count.to_le_bytes());
    }
}

impl Iter<'_> {
    /// The next element, when it is a number or reads as one.
    #[inline(always)]
    pub fn next_int(&mut self) -> Option<i64> {
        if let (Some(&small @ 0..=127), true) =
            (self.packed.0.get(self.front), self.front < self.back)
        {
            self.front += 2;
            return Some(i64::from(small));
        }
        self.next()?.as_int()
    }

    /// Where the next element from the front is, if there is one.
    #[inline]
    pub fn pos(&self) -> Option<Pos> {
        (self.front < self.back).then_some(Pos(self.front as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Packed;
    use super::*;

    #[test]
    fn gives_the_bytes_that_pushing_gives() {
        let long = vec![b'x'; 5000];
        let texts: [&[u8]; 7] = [b"", b"abc", b"12", b"-5", b"123456789012", &long[..64], &long];
        let (mut pushed, mut appended) = (Listpack::new(), Listpack::new());
        for n in [0, 127, 128, -1, 4096, i64::MAX] {
            pushed.push_int(n);
            for text in texts {
                pushed.push(text);
            }
            let mut appender = appended.appender();
            appender.int(n);
            for text in texts {
                appender.text(text);
            }
        }
        assert!(Packed::validate(appended.as_packed().bytes()));
        assert_eq!(pushed.as_packed().bytes(), appended.as_packed().bytes());
    }

    #[test]
    fn counts_up_to_where_the_header_can_tell() {
        let mut list = Listpack::new();
        for _ in 0..70 {
            let mut appender = list.appender();
            for n in 0..1000 {
                appender.int(n);
            }
        }
        assert!(Packed::validate(list.as_packed().bytes()));
        assert_eq!(list.as_packed().len(), 70_000);
    }

    #[test]
    fn numbers_are_read_whatever_their_size() {
        let mut list = Listpack::new();
        let numbers = [0, 127, 128, -1, 5000, i64::MIN, 3];
        numbers.iter().for_each(|n| list.push_int(*n));
        list.push(b"x");
        let mut iter = list.as_packed().iter();
        numbers.iter().for_each(|n| assert_eq!(iter.next_int(), Some(*n)));
        assert_eq!((iter.next_int(), iter.next_int()), (None, None));
    }

    #[test]
    fn an_iterator_tells_where_it_is() {
        let mut list = Listpack::new();
        list.push(b"a");
        list.push(b"b");
        let mut iter = list.as_packed().iter();
        iter.next();
        let pos = iter.pos().expect("one is left");
        assert!(list.as_packed().get(pos).eq_text(b"b"));
        iter.next();
        assert_eq!(iter.pos(), None);
    }
}
