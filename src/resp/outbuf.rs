//! Bytes that wait for a socket, as a list of chunks: of our own, or shared with a value.
//!
//! Invariants: the stream is the chunks in order, then `tail`, less the first `head` bytes; no
//! chunk is empty; `head` lies inside the first chunk (the tail, if there is no other); a chunk of
//! our own grows to 64 KB and stops, unless one piece is larger. So no write moves more than that,
//! however long the stream.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::IoSlice;

/// What the tail starts with, and what an emptied buffer keeps at most.
const TAIL_MIN: usize = 512;
const TAIL_KEEP: usize = 16 * 1024;
/// A chunk of our own stops growing here.
pub(super) const CHUNK_MAX: usize = 64 * 1024;
/// A shared string shorter than this is copied: a slice of its own costs the socket more.
pub(super) const SHARE_MIN: usize = 16 * 1024;

/// How the bytes of a buffer are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks {
    /// Chunks that are not written to any more.
    pub whole: usize,
    /// The memory they take, bytes.
    pub whole_bytes: usize,
    /// Bytes in the chunk that is being filled.
    pub tail: usize,
    /// What it could hold without growing, bytes.
    pub tail_room: usize,
}

enum Chunk {
    Own(Vec<u8>),
    Shared(Bytes),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Own(bytes) => bytes,
            Chunk::Shared(bytes) => bytes,
        }
    }

    fn capacity(&self) -> usize {
        match self {
            Chunk::Own(bytes) => bytes.capacity(),
            Chunk::Shared(bytes) => bytes.len(),
        }
    }
}

/// Bytes on their way to a socket.
#[derive(Default)]
pub struct OutBuf {
    chunks: VecDeque<Chunk>,
    tail: Vec<u8>,
    /// Bytes in `chunks`, the consumed ones of the first included.
    sealed: usize,
    /// Bytes of the first chunk that are consumed.
    head: usize,
    /// Chunks consumed since the beginning, so that a `Slot` can name one for good.
    base: u64,
}

impl OutBuf {
    /// An empty buffer that owns no memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes not consumed yet.
    #[inline]
    pub fn len(&self) -> usize {
        self.sealed + self.tail.len() - self.head
    }

    /// Whether there is nothing to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).extend_from_slice(bytes);
    }

    /// Appends `bytes` without a copy, unless they are short.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_MIN {
            return self.push_bytes(&bytes);
        }
        self.seal();
        self.sealed += bytes.len();
        self.chunks.push_back(Chunk::Shared(bytes));
    }

    /// All that waits, when it lies in one piece.
    #[inline]
    pub fn single(&self) -> Option<&[u8]> {
        self.chunks.is_empty().then(|| &self.tail[self.head..])
    }

    /// Fills `slices` from the front and says how many it filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut head = self.head;
        let mut count = 0;
        let chunks = self.chunks.iter().map(Chunk::bytes).chain([&self.tail[..]]);
        for (slice, bytes) in slices.iter_mut().zip(chunks) {
            let bytes = &bytes[head..];
            head = 0;
            if !bytes.is_empty() {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
        }
        count
    }

    /// Drops the first `count` bytes: they are on their way.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "only bytes that are there can be sent");
        self.head += count;
        while let Some(first) = self.chunks.front() {
            let len = first.bytes().len();
            if self.head < len {
                return;
            }
            self.head -= len;
            self.sealed -= len;
            self.base += 1;
            self.chunks.pop_front();
        }
        self.reset_if_empty();
    }

    /// Moves all of `other` to the end of this; nothing large is copied.
    pub fn append(&mut self, other: &mut OutBuf) {
        if other.len() < SHARE_MIN {
            let need = other.len();
            let tail = self.room(need);
            let mut head = std::mem::take(&mut other.head);
            for chunk in other.chunks.drain(..) {
                tail.extend_from_slice(&chunk.bytes()[head..]);
                head = 0;
            }
            tail.extend_from_slice(&other.tail[head..]);
            other.tail.clear();
            other.sealed = 0;
            return other.reset_if_empty();
        }
        self.seal();
        let mut taken = std::mem::take(other);
        if taken.head > 0 {
            match taken.chunks.front_mut() {
                Some(Chunk::Own(bytes)) => drop(bytes.drain(..taken.head)),
                Some(Chunk::Shared(bytes)) => bytes.advance(taken.head),
                None => drop(taken.tail.drain(..taken.head)),
            }
            taken.sealed = taken.sealed.saturating_sub(taken.head);
        }
        self.sealed += taken.sealed;
        self.chunks.append(&mut taken.chunks);
        self.tail = taken.tail;
    }

    /// A copy of everything.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len() + self.head);
        self.chunks.iter().for_each(|chunk| all.extend_from_slice(chunk.bytes()));
        all.extend_from_slice(&self.tail);
        all.drain(..self.head);
        all
    }

    /// Everything in one piece.
    pub fn into_bytes(self) -> Bytes {
        match self.single() {
            Some(_) if self.head == 0 => Bytes::from(self.tail),
            _ => Bytes::from(self.to_vec()),
        }
    }

    /// Bytes of memory held, shared strings included.
    pub fn capacity_bytes(&self) -> usize {
        self.tail.capacity()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.chunks.iter().map(Chunk::capacity).sum::<usize>()
    }

    /// Bytes in the chunk that is being filled, those consumed included.
    #[inline]
    pub fn tail_len(&self) -> usize {
        self.tail.len()
    }

    /// How what waits is laid out.
    pub fn chunk_sizes(&self) -> Chunks {
        Chunks {
            whole: self.chunks.len(),
            whole_bytes: self.chunks.capacity() * size_of::<Chunk>()
                + self.chunks.iter().map(Chunk::capacity).sum::<usize>(),
            tail: if self.chunks.is_empty() { self.len() } else { self.tail.len() },
            tail_room: self.tail.capacity(),
        }
    }

    /// Gives all memory back if there is nothing to send; true when there was any.
    pub fn shrink_if_idle(&mut self) -> bool {
        let shrinks = self.is_empty() && self.tail.capacity() > 0;
        if shrinks {
            self.tail = Vec::new();
            self.chunks = VecDeque::new();
        }
        shrinks
    }

    /// Drops bytes from the end until `len` are left.
    pub(super) fn truncate(&mut self, len: usize) {
        loop {
            let excess = self.len().saturating_sub(len);
            if excess <= self.tail.len() {
                self.tail.truncate(self.tail.len() - excess);
                break;
            }
            // The tail goes whole; what is left of the chunk before it takes its place.
            let past = excess - self.tail.len();
            self.tail.clear();
            match self.chunks.pop_back().expect("more bytes than the tail holds") {
                Chunk::Own(bytes) => {
                    self.sealed -= bytes.len();
                    self.tail = bytes;
                }
                Chunk::Shared(mut bytes) => {
                    let keep = bytes.len().saturating_sub(past);
                    self.sealed -= bytes.len() - keep;
                    if keep > 0 {
                        bytes.truncate(keep);
                        self.chunks.push_back(Chunk::Shared(bytes));
                    }
                }
            }
        }
        self.reset_if_empty();
    }

    /// The tail, if it has room for `need` more bytes.
    #[inline]
    pub(super) fn spare(&mut self, need: usize) -> Option<&mut Vec<u8>> {
        let fits = self.tail.capacity() - self.tail.len() >= need;
        if fits { Some(&mut self.tail) } else { None }
    }

    /// The tail, with room for `need` more bytes.
    #[inline]
    pub(super) fn room(&mut self, need: usize) -> &mut Vec<u8> {
        if self.tail.capacity() - self.tail.len() < need {
            self.make_room(need);
        }
        &mut self.tail
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, need: usize) {
        let capacity = self.tail.capacity();
        let want = self.tail.len() + need;
        if want <= TAIL_KEEP {
            // Small: one allocation that doubles, copied as it grows.
            let size = want.next_power_of_two().max(TAIL_MIN);
            self.tail.reserve_exact(size - self.tail.len());
            return;
        }
        // Past that a new chunk begins, and what is written stays where it is.
        self.seal();
        if self.tail.capacity() < need {
            let size = (2 * capacity).clamp(TAIL_KEEP, CHUNK_MAX).max(need);
            self.tail = Vec::with_capacity(size);
        }
    }

    /// Ends the tail: later bytes go to another chunk.
    fn seal(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        self.sealed += self.tail.len();
        let sparse = self.tail.len() < self.tail.capacity() / 4;
        let bytes = if sparse {
            let copy = self.tail.as_slice().to_vec();
            self.tail.clear();
            copy
        } else {
            std::mem::take(&mut self.tail)
        };
        self.chunks.push_back(Chunk::Own(bytes));
    }

    fn reset_if_empty(&mut self) {
        if self.is_empty() {
            self.chunks.clear();
            self.sealed = 0;
            self.head = 0;
            self.tail.clear();
            if self.tail.capacity() > TAIL_KEEP {
                self.tail = Vec::with_capacity(TAIL_KEEP);
            }
        }
    }

    /// The place where the next byte will be written.
    pub(super) fn place(&self) -> (u64, usize) {
        (self.base + self.chunks.len() as u64, self.tail.len())
    }

    /// Puts a short `header` at `place`. Places before it stay valid.
    pub(super) fn insert(&mut self, (chunk, offset): (u64, usize), header: &[u8]) {
        debug_assert!(chunk >= self.base, "an open aggregate is not sent");
        let index = chunk.saturating_sub(self.base) as usize;
        if index < self.chunks.len() {
            self.sealed += header.len();
            match &mut self.chunks[index] {
                Chunk::Own(bytes) if offset > 0 => {
                    let offset = offset.min(bytes.len());
                    bytes.splice(offset..offset, header.iter().copied());
                }
                _ => self.chunks.insert(index, Chunk::Own(header.to_vec())),
            }
        } else if offset == 0 && self.tail.len() > CHUNK_MAX {
            self.sealed += header.len();
            self.chunks.push_back(Chunk::Own(header.to_vec()));
        } else {
            let old = self.tail.len();
            self.tail.extend_from_slice(header);
            self.tail.copy_within(offset..old, offset + header.len());
            self.tail[offset..offset + header.len()].copy_from_slice(header);
        }
    }
}
