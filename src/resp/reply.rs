//! Replies in the client's protocol: the only place that knows RESP2 from RESP3.
//!
//! Invariant: what is written is whole protocol, whatever the texts contain; an aggregate opened
//! without a length gets its header in place when it is closed.

use super::outbuf::{CHUNK_MAX, SHARE_MIN};
pub use super::outbuf::{Chunks, OutBuf};
use crate::base::double;
use bytes::Bytes;

/// The longest header: a type byte, 20 digits, CR LF.
const HEADER_MAX: usize = 23;

/// The protocol a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// RESP2.
    V2,
    /// RESP3.
    V3,
}

/// A place in a reply to return to. Valid while nothing before it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// An aggregate whose length is not known yet. Close the one opened last first.
#[derive(Debug)]
#[must_use = "an aggregate that is not closed has no header"]
pub struct Slot {
    place: (u64, usize),
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Array,
    Map,
    Set,
}

/// A whole message, encoded once and sent to many.
pub struct Encoded(Bytes);

/// Writes replies in the client's protocol.
pub struct Reply {
    /// The protocol in force.
    pub proto: Proto,
    /// Whether writes have no effect: silenced or overflowed.
    dropping: bool,
    silent: bool,
    overflowed: bool,
    limit: usize,
    out: OutBuf,
}

impl Reply {
    /// An empty reply.
    pub fn new(proto: Proto) -> Self {
        Reply {
            proto,
            dropping: false,
            silent: false,
            overflowed: false,
            limit: usize::MAX,
            out: OutBuf::new(),
        }
    }

    /// The bytes written so far.
    #[inline]
    pub fn out(&mut self) -> &mut OutBuf {
        &mut self.out
    }

    /// How many bytes wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Bytes of memory held.
    pub fn capacity_bytes(&self) -> usize {
        self.out.capacity_bytes()
    }

    /// Bytes in the chunk that is being filled.
    #[inline]
    pub fn tail_len(&self) -> usize {
        self.out.tail_len()
    }

    /// Bytes and number of whole chunks that wait, and bytes and room of the one being filled.
    pub fn chunks(&self) -> Chunks {
        self.out.chunk_sizes()
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Where the reply is now.
    pub fn mark(&self) -> Mark {
        Mark(self.out.len())
    }

    /// Drops everything written since `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.out.truncate(mark.0);
    }

    /// How many bytes may wait. The write that passes it is the last one with an effect.
    pub fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit.unwrap_or(usize::MAX);
    }

    /// Whether the limit was passed and bytes were, or will be, lost.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Drops all writes until it is set back.
    pub fn set_silent(&mut self, silent: bool) {
        self.silent = silent;
        self.dropping = silent || self.overflowed;
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A status line. Line ends inside are written as spaces.
    pub fn simple(&mut self, text: &[u8]) {
        self.line(b'+', text);
    }

    /// An error line, code first. Line ends inside are written as spaces.
    pub fn error(&mut self, text: &str) {
        self.line(b'-', text.as_bytes());
    }

    /// The same for a text that need not be UTF-8.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.line(b'-', text);
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if self.dropping {
            return;
        }
        let tail = self.out.room(HEADER_MAX);
        if (0..10).contains(&value) {
            tail.extend_from_slice(&[b':', b'0' + value as u8, b'\r', b'\n']);
        } else {
            tail.push(b':');
            tail.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            tail.extend_from_slice(b"\r\n");
        }
        self.settle();
    }

    /// A string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        match self.out.spare(SHORT_SLOT) {
            Some(tail) if bytes.len() <= SHORT_MAX && !self.dropping => {
                put_short(tail, bytes);
                self.settle();
            }
            _ => self.bulk_anyhow(bytes),
        }
    }

    /// A string of any length, to a tail of any size.
    #[inline(never)]
    fn bulk_anyhow(&mut self, bytes: &[u8]) {
        if self.dropping || (bytes.len() >= CHUNK_MAX && !self.fits(bytes.len())) {
            return;
        }
        let tail = self.out.room(bytes.len() + HEADER_MAX + 2);
        put_header(tail, b'$', bytes.len());
        tail.extend_from_slice(bytes);
        tail.extend_from_slice(b"\r\n");
        self.settle();
    }

    /// A string that is not copied, unless it is short.
    pub fn bulk_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_MIN {
            return self.bulk(&bytes);
        }
        if self.dropping || !self.fits(bytes.len()) {
            return;
        }
        put_header(self.out.room(HEADER_MAX), b'$', bytes.len());
        self.out.push_shared(bytes);
        self.out.push_bytes(b"\r\n");
        self.settle();
    }

    /// An integer as a string.
    #[inline]
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        self.raw(if self.v3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// No array.
    pub fn null_array(&mut self) {
        self.raw(if self.v3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The start of an array: `len` items follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// The start of a map: `pairs` keys, each with its value, follow.
    pub fn map(&mut self, pairs: usize) {
        if self.v3() { self.header(b'%', pairs) } else { self.header(b'*', 2 * pairs) }
    }

    /// The start of a set: `len` items follow.
    pub fn set(&mut self, len: usize) {
        self.header(if self.v3() { b'~' } else { b'*' }, len);
    }

    /// The start of a message out of turn: `len` items follow.
    pub fn push(&mut self, len: usize) {
        self.header(if self.v3() { b'>' } else { b'*' }, len);
    }

    /// The start of attributes of the next item: `pairs` keys, each with its value, follow.
    /// RESP2 has no such thing: then nothing is written and the caller leaves them out (false).
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.v3() {
            self.header(b'|', pairs);
        }
        self.v3()
    }

    /// A floating point number.
    pub fn double(&mut self, value: f64) {
        self.double_text(double::format_f64(value).as_ref());
    }

    /// A floating point number that is text already.
    pub fn double_text(&mut self, text: &[u8]) {
        if self.v3() { self.line(b',', text) } else { self.bulk(text) }
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        self.raw(match (self.proto, value) {
            (Proto::V3, true) => b"#t\r\n",
            (Proto::V3, false) => b"#f\r\n",
            (Proto::V2, true) => b":1\r\n",
            (Proto::V2, false) => b":0\r\n",
        });
    }

    /// An integer of any length, in decimal digits.
    pub fn big_number(&mut self, digits: &[u8]) {
        if self.v3() { self.line(b'(', digits) } else { self.bulk(digits) }
    }

    /// A text with a three-letter kind, `txt` or `mkd`.
    pub fn verbatim(&mut self, ext: [u8; 3], text: &[u8]) {
        if !self.v3() {
            return self.bulk(text);
        }
        if self.dropping || !self.fits(text.len()) {
            return;
        }
        let tail = self.out.room(text.len() + HEADER_MAX + 6);
        put_header(tail, b'=', text.len() + 4);
        tail.extend_from_slice(&ext);
        tail.push(b':');
        tail.extend_from_slice(text);
        tail.extend_from_slice(b"\r\n");
        self.settle();
    }

    /// Starts an array whose length `close` will tell.
    pub fn open_array(&mut self) -> Slot {
        Slot { place: self.out.place(), shape: Shape::Array }
    }

    /// Starts a map whose number of pairs `close` will tell.
    pub fn open_map(&mut self) -> Slot {
        Slot { place: self.out.place(), shape: Shape::Map }
    }

    /// Starts a set whose length `close` will tell.
    pub fn open_set(&mut self) -> Slot {
        Slot { place: self.out.place(), shape: Shape::Set }
    }

    /// Ends what `slot` began: it has `len` items, or pairs if it is a map.
    pub fn close(&mut self, slot: Slot, len: usize) {
        if self.dropping {
            return;
        }
        let (tag, len) = match (slot.shape, self.proto) {
            (Shape::Map, Proto::V3) => (b'%', len),
            (Shape::Map, Proto::V2) => (b'*', 2 * len),
            (Shape::Set, Proto::V3) => (b'~', len),
            (Shape::Array, _) | (Shape::Set, Proto::V2) => (b'*', len),
        };
        let mut header = Vec::with_capacity(HEADER_MAX);
        put_header(&mut header, tag, len);
        self.out.insert(slot.place, &header);
        self.settle();
    }

    /// Bytes that are protocol already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if !self.dropping {
            self.out.push_bytes(bytes);
            self.settle();
        }
    }

    /// Writes what is no answer, and so comes through although answers are silenced.
    pub fn out_of_turn(&mut self, write: impl FnOnce(&mut Reply)) {
        let silent = self.silent;
        self.set_silent(false);
        write(self);
        self.set_silent(silent);
    }

    /// A whole message that is no answer, encoded in this protocol; a long one is not copied.
    pub fn message(&mut self, encoded: &Encoded) {
        let Encoded(bytes) = encoded;
        if self.overflowed || !self.fits(bytes.len()) {
            return;
        }
        if bytes.len() < SHARE_MIN {
            self.out.push_bytes(bytes);
        } else {
            self.out.push_shared(bytes.clone());
        }
        self.settle();
    }

    /// What was written, to be sent to many.
    pub fn into_encoded(self) -> Encoded {
        Encoded(self.out.into_bytes())
    }

    #[inline]
    fn v3(&self) -> bool {
        self.proto == Proto::V3
    }

    #[inline]
    fn header(&mut self, tag: u8, len: usize) {
        if !self.dropping {
            put_header(self.out.room(HEADER_MAX), tag, len);
            self.settle();
        }
    }

    fn line(&mut self, tag: u8, text: &[u8]) {
        if self.dropping {
            return;
        }
        let tail = self.out.room(text.len() + 3);
        tail.push(tag);
        // Most lines are short: looking at all bytes beats a search, which would first have to ask
        // what the processor can do.
        if !text.iter().fold(false, |found, byte| found | matches!(byte, b'\r' | b'\n')) {
            tail.extend_from_slice(text);
        } else {
            tail.extend(text.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
        }
        tail.extend_from_slice(b"\r\n");
        self.settle();
    }

    /// Looks at the limit after a write.
    #[inline]
    fn settle(&mut self) {
        if self.out.len() > self.limit {
            self.overflow();
        }
    }

    /// Whether `len` more bytes are within the limit; if not, the reply is over. Asked only
    /// before large writes: they would cost memory the limit is there to protect.
    fn fits(&mut self, len: usize) -> bool {
        let fits = self.out.len().saturating_add(len) <= self.limit;
        if !fits {
            self.overflow();
        }
        fits
    }

    #[cold]
    fn overflow(&mut self) {
        self.overflowed = true;
        self.dropping = true;
    }
}

/// Longest string that `put_short` writes, and the most it makes of one.
const SHORT_MAX: usize = 32;
const SHORT_SLOT: usize = SHORT_MAX + 7;

/// A short string with its header and its line ends. Everything is copied in pieces of a fixed
/// size, which are a few instructions each: a call to copy a few bytes takes longer than the copy.
#[inline]
fn put_short(out: &mut Vec<u8>, text: &[u8]) {
    let (at, len) = (out.len(), text.len());
    out.extend_from_slice(&[0; SHORT_SLOT]);
    let slot = out.last_chunk_mut::<SHORT_SLOT>().expect("it was just put there");
    slot[0] = b'$';
    let start = if len < 10 {
        slot[1..4].copy_from_slice(&[b'0' + len as u8, b'\r', b'\n']);
        4
    } else {
        let (tens, ones) = (len as u8 / 10, len as u8 % 10);
        slot[1..5].copy_from_slice(&[b'0' + tens, b'0' + ones, b'\r', b'\n']);
        5
    };
    copy_short(&mut slot[start..start + len], text);
    slot[start + len..start + len + 2].copy_from_slice(b"\r\n");
    out.truncate(at + start + len + 2);
}

/// Copies up to 32 bytes into as many: the first and the last ones, which may overlap.
#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    fn both_ends<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
        let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
            return false;
        };
        let behind = from.len() - N;
        to[..N].copy_from_slice(first);
        to[behind..].copy_from_slice(last);
        true
    }
    if both_ends::<16>(to, from) || both_ends::<8>(to, from) || both_ends::<4>(to, from) {
        return;
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// `<tag><len>` and the line end.
#[inline]
fn put_header(out: &mut Vec<u8>, tag: u8, len: usize) {
    if len < 10 {
        out.extend_from_slice(&[tag, b'0' + len as u8, b'\r', b'\n']);
    } else if len < 100 {
        let (tens, ones) = (len as u8 / 10, len as u8 % 10);
        out.extend_from_slice(&[tag, b'0' + tens, b'0' + ones, b'\r', b'\n']);
    } else {
        out.push(tag);
        out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
