//! A large argument on its way in.
//!
//! A length is only a claim, so memory is taken for what has come: piece by piece, and for the
//! whole once half of it is there. From then on the pieces are put together at the pace at which
//! more comes, so that no argument, however long, is ever copied in one go. One of a single piece
//! is not copied at all.

use bytes::Bytes;
use std::collections::VecDeque;

/// How far memory may run ahead of the bytes that have come, while these are few.
const PIECE: usize = 1024 * 1024;
/// Bytes that are put together for each one that comes: the first half, and the second meanwhile.
const PACE: usize = 3;

/// A large argument of which bytes are missing.
pub(super) struct Partial {
    want: usize,
    come: usize,
    /// The piece that is being filled, all of it initialised, and how far it is.
    piece: Vec<u8>,
    filled: usize,
    /// Full pieces that are not, or in part, put together.
    full: VecDeque<Vec<u8>>,
    /// So much of the first one is.
    joined: usize,
    whole: Vec<u8>,
}

impl Partial {
    /// One of `want` bytes, which begins like this.
    pub(super) fn new(want: usize, begin: &[u8]) -> Partial {
        let mut piece = vec![0; want.min(begin.len() + PIECE)];
        piece[..begin.len()].copy_from_slice(begin);
        let (full, whole) = (VecDeque::new(), Vec::new());
        let (come, filled) = (begin.len(), begin.len());
        Partial { want, come, piece, filled, full, joined: 0, whole }
    }

    /// Bytes that have come.
    pub(super) fn len(&self) -> usize {
        self.come
    }

    /// Whether bytes are missing.
    pub(super) fn is_short(&self) -> bool {
        self.come < self.want
    }

    /// Whether the room that is there takes all that is missing.
    pub(super) fn is_last(&self) -> bool {
        self.want - self.come <= self.piece.len() - self.filled
    }

    /// Bytes of memory held.
    pub(super) fn capacity_bytes(&self) -> usize {
        let full: usize = self.full.iter().map(Vec::capacity).sum();
        self.piece.capacity() + full + self.whole.capacity()
    }

    /// Room for what comes next.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.filled == self.piece.len() && self.is_short() {
            let next = vec![0; PIECE.min(self.want - self.come)];
            self.full.push_back(std::mem::replace(&mut self.piece, next));
            self.filled = 0;
        }
        &mut self.piece[self.filled..]
    }

    /// Of `count` bytes that came, those that belong here went into the room; tells how many.
    pub(super) fn advance(&mut self, count: usize) -> usize {
        let into = count.min(self.piece.len() - self.filled);
        self.filled += into;
        self.come += into;
        if self.come >= self.want / 2 && !self.full.is_empty() {
            self.join(into * PACE);
        }
        into
    }

    /// Puts so many bytes of full pieces together.
    fn join(&mut self, mut most: usize) {
        if self.whole.capacity() == 0 {
            self.whole.reserve_exact(self.want);
        }
        while let Some(piece) = self.full.front().filter(|_| most > 0) {
            let part = &piece[self.joined..];
            let part = &part[..part.len().min(most)];
            self.whole.extend_from_slice(part);
            self.joined += part.len();
            most -= part.len();
            if self.joined == piece.len() {
                self.full.pop_front();
                self.joined = 0;
            }
        }
    }

    /// The argument, all of which has come.
    pub(super) fn finish(mut self) -> Bytes {
        if self.full.is_empty() && self.whole.is_empty() {
            return Bytes::from(self.piece);
        }
        self.join(usize::MAX);
        self.whole.extend_from_slice(&self.piece[..self.filled]);
        Bytes::from(self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_as_it_went_in() {
        for (want, begin) in [(40_000, 100), (PIECE + 5, 16_000), (5_000_003, 0), (9_000_000, 77)] {
            for step in [1000, 65_536, 3_000_000] {
                let text: Vec<u8> = (0..want).map(|i| (i * 31 % 251) as u8).collect();
                let mut partial = Partial::new(want, &text[..begin]);
                let mut at = begin;
                while partial.is_short() {
                    assert_eq!(partial.len(), at);
                    let room = partial.room();
                    let n = room.len().min(step).min(want - at);
                    room[..n].copy_from_slice(&text[at..at + n]);
                    assert_eq!(partial.advance(n), n);
                    at += n;
                    assert!(partial.capacity_bytes() <= 3 * at + 2 * PIECE, "{at} of {want}");
                }
                assert!(partial.full.len() < 4, "little is left to be put together");
                let whole = partial.finish();
                assert!(whole == text, "{want} bytes from {begin} on by {step}");
            }
        }
    }

    #[test]
    fn a_claim_takes_no_memory() {
        let partial = Partial::new(512 << 20, b"abc");
        assert!(partial.capacity_bytes() < 2 * PIECE);
    }
}
