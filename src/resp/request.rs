//! Requests out of a byte stream: multibulk and inline, with the limits and errors of Redis 7.2.
//!
//! ```text
//!   buf   |consumed| current request so far  | not parsed yet | room for the next read |
//!         0        start                     pos              filled          buf.len()
//! ```
//!
//! Invariants: `start <= pos <= filled <= buf.len()`; every byte of `buf` is initialised, so a
//! read needs no zeroing; spans count from `start`, so moving the bytes down changes no span; a
//! request is never handed out before its last byte has come. How the stream was cut into reads
//! changes nothing about the requests found in it.

use super::ahead::quick_line;
pub use super::ahead::{Ahead, Lookahead};
pub use super::argv::{Argv, BIG_ARG, RawArgs, Span};
pub use super::limits::{Limits, ProtocolError};
use super::partial::Partial;
use crate::base::{num, units};
use bytes::Bytes;
use std::io::IoSliceMut;

/// The least room offered to a read.
const READ_MIN: usize = 16 * 1024;
/// The longest inline request or length line.
const LINE_MAX: usize = 64 * 1024;
/// A buffer beyond this is given back as soon as it is empty.
const KEEP_MAX: usize = 1024 * 1024;
/// A span list beyond this is given back after the request.
const KEEP_SPANS: usize = 4096;
/// What a client may send before it has authenticated.
const UNAUTH_ARGS: usize = 10;
const UNAUTH_BULK: u64 = 16 * 1024;

/// What `parse` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// A request is ready: see `raw_args`.
    Request,
    /// The stream is beyond repair. Asking again gives the same answer.
    Error(ProtocolError),
}

/// How a run of plain arguments ended.
enum Run {
    /// The request is complete.
    Whole,
    /// In the middle of an argument whose length is known.
    Short,
    /// In front of something that is not plain, or not there.
    Odd,
}

/// The bytes of one connection and the request at their front.
pub struct InBuf {
    buf: Vec<u8>,
    start: usize,
    pos: usize,
    filled: usize,
    spans: Vec<Span>,
    big: Vec<Bytes>,
    /// Arguments of the current request that have not come; 0 between requests.
    missing: u32,
    /// Whether the current request is complete and handed out.
    ready: bool,
    /// A large argument is complete but the two bytes after it have not been passed.
    trailer: bool,
    /// The length of the small argument at `pos`, once its length line has been read.
    bulk: Option<u32>,
    partial: Option<Box<Partial>>,
}

impl Default for InBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl InBuf {
    /// An empty buffer that owns no memory.
    pub const fn new() -> Self {
        InBuf {
            buf: Vec::new(),
            start: 0,
            pos: 0,
            filled: 0,
            spans: Vec::new(),
            big: Vec::new(),
            missing: 0,
            ready: false,
            trailer: false,
            bulk: None,
            partial: None,
        }
    }

    /// Where the next read goes: the rest of a large argument, or at least 16 KB.
    pub fn space(&mut self) -> &mut [u8] {
        if self.partial.as_ref().is_some_and(|partial| partial.is_short()) {
            return self.partial.as_mut().expect("checked above").room();
        }
        self.make_room();
        &mut self.buf[self.filled..]
    }

    /// The same for a vectored read: when the first part is the last of a large argument, the
    /// second takes what follows it, which saves a read for its line end.
    pub fn spaces(&mut self) -> [IoSliceMut<'_>; 2] {
        self.make_room();
        let rest = &mut self.buf[self.filled..];
        match &mut self.partial {
            Some(partial) if partial.is_short() => {
                partial.room();
                let rest = if partial.is_last() { rest } else { &mut [] };
                [IoSliceMut::new(partial.room()), IoSliceMut::new(rest)]
            }
            _ => [IoSliceMut::new(rest), IoSliceMut::new(&mut [])],
        }
    }

    /// `count` bytes were read into what `space` or `spaces` offered.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        let mut rest = count;
        if let Some(partial) = &mut self.partial {
            rest -= partial.advance(rest);
        }
        assert!(rest <= self.buf.len() - self.filled, "a read is never longer than its room");
        self.filled += rest;
    }

    /// Bytes that have come and are not parsed.
    #[inline]
    pub fn len(&self) -> usize {
        let partial = self.partial.as_ref().map_or(0, |partial| partial.len());
        self.filled - self.pos + partial
    }

    /// Whether all that has come is parsed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pos == self.filled && self.len() == 0
    }

    /// Bytes of memory held.
    pub fn capacity_bytes(&self) -> usize {
        self.buf.capacity()
            + self.partial.as_ref().map_or(0, |partial| partial.capacity_bytes())
            + self.spans.capacity() * size_of::<Span>()
            + self.big.capacity() * size_of::<Bytes>()
            + self.big.iter().map(Bytes::len).sum::<usize>()
    }

    /// Gives memory back: all of it between requests, most of an oversized buffer otherwise.
    pub fn shrink_if_idle(&mut self) {
        if self.ready {
            return;
        }
        if self.missing == 0 && self.start == self.filled {
            *self = Self::new();
        } else if self.buf.len() > 4 * (self.filled - self.start).max(READ_MIN) {
            self.reallocate(0);
        }
    }

    /// Copies `bytes` in, as reads would bring them.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.space();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.advance(count);
            bytes = &bytes[count..];
        }
    }

    fn make_room(&mut self) {
        if self.buf.len() - self.filled >= READ_MIN {
            return;
        }
        let used = self.filled - self.start;
        // Moving down what is left pays only if at least as much was consumed: otherwise a long
        // backlog would be moved again and again.
        if self.start >= used && self.buf.len() - used >= READ_MIN {
            self.buf.copy_within(self.start..self.filled, 0);
            self.rebase();
        } else {
            self.reallocate(self.buf.len());
        }
    }

    /// Moves the bytes from `start` on to a fresh buffer that has room, and at least twice the
    /// size of `old_size`.
    fn reallocate(&mut self, old_size: usize) {
        let used = self.filled - self.start;
        let size = (used + READ_MIN).max(old_size.saturating_mul(2)).next_multiple_of(READ_MIN);
        // Fresh zeroed memory comes from the system for free more often than `resize` does.
        let mut fresh = vec![0; size];
        fresh[..used].copy_from_slice(&self.buf[self.start..self.filled]);
        self.buf = fresh;
        self.rebase();
    }

    fn rebase(&mut self) {
        self.pos -= self.start;
        self.filled -= self.start;
        self.start = 0;
    }

    /// Looks for the next request. Empty requests are passed over. A request handed out before
    /// is finished by this.
    pub fn parse(&mut self, limits: &Limits) -> Parsed {
        if self.ready {
            self.finish_request();
        }
        if self.len() > limits.max_query {
            return Parsed::Error(ProtocolError::QueryTooBig);
        }
        while self.missing == 0 {
            let step = match self.buf[self.pos..self.filled].first() {
                None => return Parsed::Incomplete,
                Some(b'*') => self.parse_count(limits),
                Some(_) => self.parse_inline(),
            };
            match step {
                Ok(true) if self.ready => return Parsed::Request,
                Ok(true) => {}
                Ok(false) => return Parsed::Incomplete,
                Err(error) => return Parsed::Error(error),
            }
        }
        match self.parse_args(limits) {
            Ok(true) => Parsed::Request,
            Ok(false) => Parsed::Incomplete,
            Err(error) => Parsed::Error(error),
        }
    }

    /// Reads the line `*<count>`. True when it was there; the count may have been 0.
    #[inline]
    fn parse_count(&mut self, limits: &Limits) -> Result<bool, ProtocolError> {
        let data = &self.buf[..self.filled];
        let (count, next) = match quick_line(&data[self.pos..], b'*') {
            Some((count, rest)) => (count, data.len() - rest.len()),
            None => match line(data, self.pos, ProtocolError::MultibulkLineTooBig)? {
                None => return Ok(false),
                Some((text, next)) => match num::parse_i64(&text[1..]) {
                    Some(count) if count <= i64::from(i32::MAX) => (count.max(0) as usize, next),
                    _ => return Err(ProtocolError::MultibulkLength),
                },
            },
        };
        if count > UNAUTH_ARGS && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulk);
        }
        self.pos = next;
        self.missing = count as u32;
        if count == 0 {
            self.finish_request();
        }
        Ok(true)
    }

    /// Reads the missing arguments. True when the request is complete.
    fn parse_args(&mut self, limits: &Limits) -> Result<bool, ProtocolError> {
        if self.filled - self.start >= u32::MAX as usize {
            return Err(ProtocolError::QueryTooBig);
        }
        let mut small_max = limits.max_bulk_len.min(BIG_ARG as u64 - 1);
        if !limits.authenticated {
            small_max = small_max.min(UNAUTH_BULK);
        }
        loop {
            if (self.trailer || self.partial.is_some()) && !self.finish_big() {
                return Ok(false);
            }
            match self.parse_small(small_max as usize) {
                Run::Whole => return Ok(true),
                Run::Short => return Ok(false),
                Run::Odd if self.parse_odd_bulk(limits)? => {}
                Run::Odd => return Ok(false),
            }
        }
    }

    /// Reads arguments for as long as they are plain and no longer than `small_max`.
    #[inline]
    fn parse_small(&mut self, small_max: usize) -> Run {
        let data = &self.buf[..self.filled];
        let mut pos = self.pos;
        while self.missing > 0 {
            let (len, at) = match self.bulk.take() {
                Some(len) => (len as usize, pos),
                None => match quick_line(&data[pos..], b'$') {
                    Some((len, rest)) if len <= small_max => (len, data.len() - rest.len()),
                    _ => {
                        self.pos = pos;
                        return Run::Odd;
                    }
                },
            };
            // What the two bytes after an argument are has never mattered.
            let next = at + len + 2;
            if next > data.len() {
                self.bulk = Some(len as u32);
                self.pos = at;
                return Run::Short;
            }
            self.spans.push(Span { start: (at - self.start) as u32, len: len as u32 });
            pos = next;
            self.missing -= 1;
        }
        self.pos = pos;
        self.ready = true;
        Run::Whole
    }

    /// The argument at `pos` is large, wrong or not there yet. True when its length line was read.
    #[cold]
    #[inline(never)]
    fn parse_odd_bulk(&mut self, limits: &Limits) -> Result<bool, ProtocolError> {
        let data = &self.buf[..self.filled];
        let Some((text, at)) = line(data, self.pos, ProtocolError::BulkLineTooBig)? else {
            return Ok(false);
        };
        if data[self.pos] != b'$' {
            return Err(ProtocolError::ExpectedDollar(data[self.pos]));
        }
        let len = num::parse_i64(&text[1..]).and_then(|len| u64::try_from(len).ok());
        let Some(len) = len.filter(|&len| len <= limits.max_bulk_len) else {
            return Err(ProtocolError::BulkLength);
        };
        if len > UNAUTH_BULK && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulk);
        }
        let len = usize::try_from(len).map_err(|_| ProtocolError::BulkLength)?;
        self.pos = at;
        if len < BIG_ARG {
            // Nothing but the form of the line was unusual.
            self.bulk = Some(len as u32);
        } else {
            self.start_big(len);
        }
        Ok(true)
    }

    /// Opens a buffer for the large argument at `pos` and moves what has come of it there.
    fn start_big(&mut self, want: usize) {
        let have = want.min(self.filled - self.pos);
        let partial = Partial::new(want, &self.buf[self.pos..self.pos + have]);
        if self.pos + have == self.filled {
            self.filled = self.pos;
        } else {
            self.pos += have;
        }
        self.partial = Some(Box::new(partial));
    }

    /// Files a large argument whose bytes are all here. False when some are not.
    fn finish_big(&mut self) -> bool {
        if self.partial.as_ref().is_some_and(|partial| partial.is_short()) {
            return false;
        }
        if let Some(partial) = self.partial.take() {
            self.spans.push(Span::big(self.big.len()));
            self.big.push(partial.finish());
            self.trailer = true;
        }
        if self.filled - self.pos < 2 {
            return false;
        }
        self.pos += 2;
        self.trailer = false;
        self.missing -= 1;
        true
    }

    /// Reads one line as a request of words. True when the line was complete; it may have been
    /// empty. A NUL is a byte like any other here: Redis would wait for a line end it cannot see.
    #[cold]
    #[inline(never)]
    fn parse_inline(&mut self) -> Result<bool, ProtocolError> {
        let data = &self.buf[self.pos..self.filled];
        let Some(end) = memchr::memchr(b'\n', &data[..data.len().min(LINE_MAX + 1)]) else {
            let too_big = data.len() > LINE_MAX;
            return if too_big { Err(ProtocolError::InlineTooBig) } else { Ok(false) };
        };
        let text = data[..end].strip_suffix(b"\r").unwrap_or(&data[..end]);
        let words = units::split_args(text).ok_or(ProtocolError::UnbalancedQuotes)?;
        // A word is never longer than it was written, so the line itself can hold them all.
        let mut at = self.pos;
        for word in &words {
            self.buf[at..at + word.len()].copy_from_slice(word);
            let start = (at - self.start) as u32;
            self.spans.push(Span { start, len: word.len() as u32 });
            at += word.len();
        }
        self.pos += end + 1;
        debug_assert!(at <= self.pos, "decoded words fit their line");
        if words.is_empty() {
            self.finish_request();
        } else {
            self.ready = true;
        }
        Ok(true)
    }

    /// The arguments of the request that `parse` found; none if there is no such request.
    #[inline]
    pub fn raw_args(&mut self) -> RawArgs<'_> {
        let spans = if self.ready { &self.spans[..] } else { &[] };
        RawArgs { bytes: &self.buf[self.start..self.filled], spans, big: &mut self.big }
    }

    /// Address of the next request to be handed out, by which it is known again.
    #[inline]
    pub fn next_address(&self) -> usize {
        self.buf.as_ptr().addr() + self.next_at()
    }

    /// Where it begins, be it that some of it is parsed already.
    #[inline]
    fn next_at(&self) -> usize {
        if self.ready { self.pos } else { self.start }
    }

    /// The arguments of the next request, which `lookahead` has seen and which nobody has parsed
    /// since; `skip_seen` drops it. `None` when it has to be parsed in earnest, or when nothing was
    /// seen, as the default says.
    #[inline]
    pub fn seen_args<'a>(&'a self, seen: &'a Ahead, limits: &Limits) -> Option<RawArgs<'a>> {
        // Between requests, and nothing that a limit could be about.
        let plain = !self.ready && self.missing == 0 && limits.authenticated;
        let waiting = self.filled - self.pos;
        let small = limits.max_bulk_len >= BIG_ARG as u64 && waiting <= limits.max_query;
        if !plain || !small || seen.argc == 0 {
            return None;
        }
        let spans = seen.args.get(..seen.argc as usize)?;
        let bytes = &self.buf[self.start..self.start + seen.len as usize];
        Some(RawArgs { bytes, spans, big: &mut [] })
    }

    /// Drops a request that was seen ahead, without having parsed it.
    #[inline]
    pub fn skip_seen(&mut self, seen: &Ahead) {
        debug_assert!(!self.ready && self.missing == 0, "what is parsed is finished instead");
        self.pos += seen.len as usize;
        self.pass();
    }

    /// Whether `parse` found a request that was not dropped yet.
    #[inline]
    pub fn has_request(&self) -> bool {
        self.ready
    }

    /// Drops the request that `parse` found.
    #[inline]
    pub fn finish_request(&mut self) {
        debug_assert!(self.missing == 0, "a request half read cannot be dropped");
        self.ready = false;
        self.spans.clear();
        if !self.big.is_empty() {
            self.big.clear();
        }
        if self.spans.capacity() > KEEP_SPANS {
            self.spans = Vec::new();
        }
        self.pass();
    }

    /// The next request begins at `pos`.
    #[inline]
    fn pass(&mut self) {
        self.start = self.pos;
        if self.start == self.filled {
            self.start = 0;
            self.pos = 0;
            self.filled = 0;
            if self.buf.len() > KEEP_MAX {
                self.buf = Vec::new();
            }
        }
    }

    /// What waits behind the requests that were handed out, as far as it is plain.
    #[inline]
    pub fn lookahead(&self) -> Lookahead<'_> {
        let odd = !self.big.is_empty() || self.partial.is_some();
        Lookahead::new(if odd { &[] } else { &self.buf[self.next_at()..self.filled] })
    }

    /// What has come, from an address on that was once `next_address` and was not passed since.
    #[inline]
    pub fn bytes_at(&self, address: usize) -> &[u8] {
        let at = address - self.buf.as_ptr().addr();
        &self.buf[at..self.filled]
    }
}

/// The line at `at` up to its CR, and where the next thing starts. `Ok(None)` if it is not whole;
/// `too_big` if it is longer than a line may be.
fn line(
    data: &[u8],
    at: usize,
    too_big: ProtocolError,
) -> Result<Option<(&[u8], usize)>, ProtocolError> {
    let rest = &data[at..];
    match memchr::memchr(b'\r', &rest[..rest.len().min(LINE_MAX + 1)]) {
        Some(end) if end + 2 <= rest.len() => Ok(Some((&rest[..end.max(1)], at + end + 2))),
        Some(_) => Ok(None),
        None if rest.len() > LINE_MAX => Err(too_big),
        None => Ok(None),
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
