//! Arguments of one request: borrowed from the read buffer (`RawArgs`) or kept (`Argv`).
//!
//! Invariant: a span with `start == BIG` names an element of `big`; every other span lies inside
//! `bytes`. Small arguments live side by side in one buffer, a large one is a shared `Bytes` that
//! a handler may take over without copying it.

use bytes::Bytes;
use std::fmt;
use std::ops::Range;

/// The `start` of a span whose argument lives in `big`.
const BIG: u32 = u32::MAX;

/// An argument this long is kept as a `Bytes` of its own.
pub const BIG_ARG: usize = 32 * 1024;

/// How many bytes beside the arguments may be copied along with them.
const STRETCH_SLACK: usize = 64;

/// Where one argument lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of its first byte; `u32::MAX` says that `len` is an index into `big`.
    pub start: u32,
    /// Its length in bytes, or its index in `big`.
    pub len: u32,
}

impl Span {
    /// The span of the large argument number `index`.
    #[inline]
    pub fn big(index: usize) -> Self {
        Span { start: BIG, len: index as u32 }
    }

    /// Whether the argument lives outside the common buffer.
    #[inline]
    pub fn is_big(self) -> bool {
        self.start == BIG
    }

    /// The bytes it covers in `bytes`; for spans of small arguments only.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &bytes[start..start + self.len as usize]
    }
}

/// The arguments of one request, command name first, borrowed from where they were read to.
pub struct RawArgs<'a> {
    /// What the spans of small arguments point into.
    pub bytes: &'a [u8],
    /// One span an argument.
    pub spans: &'a [Span],
    /// The large arguments.
    pub big: &'a mut [Bytes],
}

impl RawArgs<'_> {
    /// How many arguments there are, the command name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no argument at all, which no parsed request has.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `index`. Panics beyond `len()`, as a slice does.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        resolve(self.bytes, self.big, self.spans[index])
    }

    /// Argument `index` to keep: a large one is shared, a small one is copied.
    pub fn take(&mut self, index: usize) -> Bytes {
        let span = self.spans[index];
        if span.is_big() {
            self.big[span.len as usize].clone()
        } else {
            Bytes::copy_from_slice(span.of(self.bytes))
        }
    }

    /// All arguments in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.spans.iter().map(|&span| resolve(self.bytes, self.big, span))
    }

    /// The request as it came, if that is what `encode` would write: most clients send no other
    /// form.
    pub fn as_sent(&self) -> Option<&[u8]> {
        let mut at = behind_number(self.bytes, 0, b'*', self.spans.len())?;
        for span in self.spans {
            at = behind_number(self.bytes, at, b'$', span.len as usize)?;
            if span.start as usize != at {
                return None;
            }
            at += span.len as usize;
            if *self.bytes.get(at..)?.first_chunk()? != *b"\r\n" {
                return None;
            }
            at += 2;
        }
        self.bytes.get(..at)
    }

    /// The stretch of `bytes` that holds all small arguments, if that is no waste: in a request
    /// they stand in a row with a few bytes of protocol between them.
    fn stretch(&self) -> Option<(u32, &[u8])> {
        if !self.big.is_empty() {
            return None;
        }
        let (mut start, mut end, mut sum) = (u32::MAX, 0, 0);
        for span in self.spans {
            start = start.min(span.start);
            end = end.max(span.start + span.len);
            sum += span.len as usize;
        }
        let stretch = self.bytes.get(start as usize..end as usize)?;
        (stretch.len() <= 2 * sum + STRETCH_SLACK).then_some((start, stretch))
    }

    /// The same arguments for a shorter while.
    #[inline]
    pub fn reborrow(&mut self) -> RawArgs<'_> {
        RawArgs { bytes: self.bytes, spans: self.spans, big: self.big }
    }
}

impl fmt::Debug for RawArgs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_list(self.iter(), f)
    }
}

#[inline]
fn resolve<'a>(bytes: &'a [u8], big: &'a [Bytes], span: Span) -> &'a [u8] {
    if span.is_big() { &big[span.len as usize] } else { span.of(bytes) }
}

fn debug_list<'a>(
    items: impl Iterator<Item = &'a [u8]>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.debug_list().entries(items.map(String::from_utf8_lossy)).finish()
}

/// Writes words in the form of a request.
pub fn encode<'w>(words: impl ExactSizeIterator<Item = &'w [u8]>, out: &mut Vec<u8>) {
    encode_number(b'*', words.len(), out);
    for word in words {
        out.reserve(word.len() + 16);
        encode_number(b'$', word.len(), out);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

#[inline]
fn encode_number(mark: u8, n: usize, out: &mut Vec<u8>) {
    let digit = |n: usize| b'0' + n as u8;
    match n {
        0..10 => out.extend_from_slice(&[mark, digit(n), b'\r', b'\n']),
        10..100 => out.extend_from_slice(&[mark, digit(n / 10), digit(n % 10), b'\r', b'\n']),
        _ => {
            out.push(mark);
            out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Where the line ends that `encode_number` would write, if it stands at `at`.
#[inline(always)]
fn behind_number(bytes: &[u8], at: usize, mark: u8, n: usize) -> Option<usize> {
    let digit = |n: usize| b'0' + n as u8;
    let rest = bytes.get(at..)?;
    match n {
        0..10 => (*rest.first_chunk()? == [mark, digit(n), b'\r', b'\n']).then_some(at + 4),
        10..100 => {
            let line = [mark, digit(n / 10), digit(n % 10), b'\r', b'\n'];
            (*rest.first_chunk()? == line).then_some(at + 5)
        }
        _ => behind_long_number(bytes, at, mark, n),
    }
}

#[inline(never)]
fn behind_long_number(bytes: &[u8], at: usize, mark: u8, n: usize) -> Option<usize> {
    let mut text = itoa::Buffer::new();
    let rest = bytes[at..].strip_prefix(&[mark])?.strip_prefix(text.format(n).as_bytes())?;
    Some(bytes.len() - rest.strip_prefix(b"\r\n")?.len())
}

/// Arguments that outlive their read buffer: queued by MULTI, parked by a blocking command.
#[derive(Clone, Default)]
pub struct Argv {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    big: Vec<Bytes>,
}

impl Argv {
    /// No arguments yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops the arguments and keeps the room for others.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.big.clear();
    }

    /// A copy of `arguments`.
    pub fn from_slices(arguments: &[&[u8]]) -> Self {
        let mut argv = Self::default();
        argv.bytes.reserve_exact(small_bytes(arguments.iter().map(|a| a.len())));
        argv.spans.reserve_exact(arguments.len());
        arguments.iter().for_each(|argument| argv.push(argument));
        argv
    }

    /// Appends a copy of `argument`.
    pub fn push(&mut self, argument: &[u8]) {
        // Offsets are 32 bits wide; what would lie past them gets a buffer of its own as well.
        if argument.len() >= BIG_ARG || self.bytes.len() + argument.len() >= BIG as usize {
            return self.push_big(Bytes::copy_from_slice(argument));
        }
        self.spans.push(Span { start: self.bytes.len() as u32, len: argument.len() as u32 });
        self.bytes.extend_from_slice(argument);
    }

    /// Appends copies of `arguments`; large ones are shared.
    pub fn append(&mut self, arguments: &RawArgs<'_>) {
        if let Some((start, stretch)) = arguments.stretch() {
            if self.bytes.len() + stretch.len() < BIG as usize {
                let base = self.bytes.len() as u32;
                self.bytes.extend_from_slice(stretch);
                let moved = |span: &Span| Span { start: span.start - start + base, ..*span };
                return self.spans.extend(arguments.spans.iter().map(moved));
            }
        }
        for &span in arguments.spans {
            if span.is_big() {
                self.push_big(arguments.big[span.len as usize].clone());
            } else {
                self.push(span.of(arguments.bytes));
            }
        }
    }

    /// Appends `argument`; a large one is not copied.
    pub fn push_bytes(&mut self, argument: Bytes) {
        if argument.len() >= BIG_ARG {
            self.push_big(argument);
        } else {
            self.push(&argument);
        }
    }

    fn push_big(&mut self, argument: Bytes) {
        self.spans.push(Span::big(self.big.len()));
        self.big.push(argument);
    }

    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `index`. Panics beyond `len()`, as a slice does.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        resolve(&self.bytes, &self.big, self.spans[index])
    }

    /// The arguments in the form that commands run with. `take` on it empties a large argument
    /// here too: clone first if the arguments must run twice.
    pub fn raw(&mut self) -> RawArgs<'_> {
        RawArgs { bytes: &self.bytes, spans: &self.spans, big: &mut self.big }
    }

    /// Some of the arguments, in the same form.
    pub fn part(&mut self, which: Range<usize>) -> RawArgs<'_> {
        RawArgs { bytes: &self.bytes, spans: &self.spans[which], big: &mut self.big }
    }

    /// All arguments in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.spans.iter().map(|&span| resolve(&self.bytes, &self.big, span))
    }

    /// Bytes of memory behind this value, large arguments included.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.big.capacity() * size_of::<Bytes>()
            + self.big.iter().map(Bytes::len).sum::<usize>()
    }
}

impl From<RawArgs<'_>> for Argv {
    /// Copies the small arguments and shares the large ones.
    fn from(raw: RawArgs<'_>) -> Self {
        let mut argv = Self::default();
        argv.append(&raw);
        argv
    }
}

/// What `push` will copy into the common buffer.
fn small_bytes(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.filter(|&len| len < BIG_ARG).sum()
}

impl PartialEq for Argv {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Argv {}

impl fmt::Debug for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_list(self.iter(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{InBuf, Limits, Parsed};
    use super::*;

    #[test]
    fn what_is_appended_is_what_was_said() {
        let big = vec![b'b'; BIG_ARG];
        let big_request = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$32768\r\n", &big[..], b"\r\n"].concat();
        let requests: [(&[u8], &[&[u8]]); 6] = [
            (b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", &[b"GET", b"key"]),
            (b"  ECHO   \"two words\"  'x'\r\n", &[b"ECHO", b"two words", b"x"]),
            (&big_request, &[b"SET", b"k", &big]),
            (b"*1\r\n$4\r\nPING\r\n", &[b"PING"]),
            (b"*3\r\n$1\r\na\r\n$0\r\n\r\n$2\r\n\r\n\r\n", &[b"a", b"", b"\r\n"]),
            (b"*2\r\n$0\r\n\r\n$0\r\n\r\n", &[b"", b""]),
        ];
        let (mut argv, mut ends, mut inbuf) = (Argv::new(), vec![0], InBuf::new());
        for (bytes, _) in &requests {
            inbuf.feed(bytes);
            assert_eq!(
                inbuf.parse(&Limits { max_bulk_len: 1 << 20, ..Limits::default() }),
                Parsed::Request
            );
            argv.append(&inbuf.raw_args());
            ends.push(argv.len());
            inbuf.finish_request();
        }
        let all: Vec<&[u8]> =
            requests.iter().flat_map(|(_, words)| words.iter().copied()).collect();
        assert!(argv.iter().eq(all.iter().copied()));
        for (at, (_, words)) in requests.iter().enumerate() {
            let part = argv.part(ends[at]..ends[at + 1]);
            assert!(part.iter().eq(words.iter().copied()), "request {at}");
        }
    }

    #[test]
    fn what_was_sent_is_what_would_be_written() {
        let long = [b"*2\r\n$3\r\nGET\r\n$123\r\n", &[b'k'; 123][..], b"\r\n"].concat();
        let many = [&b"*12\r\n"[..], &b"$1\r\nx\r\n".repeat(12)].concat();
        let big = [b"*2\r\n$3\r\nGET\r\n$32768\r\n", &[b'b'; BIG_ARG][..], b"\r\n"].concat();
        let requests: [(&[u8], bool); 9] = [
            (b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", true),
            (b"*2\r\n$3\r\nGET\r\n$12\r\nkey\0key\r\nkey\r\n", true),
            (b"*1\r\n$0\r\n\r\n", true),
            (&long, true),
            (&many, true),
            (&big, false),
            (b"GET key\r\n", false),
            (b"*2\r\n$3\r\nGET\r\n$3\r\nkey\n\n", false),
            (b"*2\r\n$3\r\nGET..$3\r\nkey\r\n", false),
        ];
        let mut inbuf = InBuf::new();
        for (bytes, same) in requests {
            inbuf.feed(b"*0\r\n\r\n");
            inbuf.feed(bytes);
            inbuf.feed(b"*1\r\n");
            let limits = Limits { max_bulk_len: 1 << 20, ..Limits::default() };
            assert_eq!(inbuf.parse(&limits), Parsed::Request);
            let raw = inbuf.raw_args();
            let mut written = Vec::new();
            encode(raw.iter(), &mut written);
            assert_eq!(raw.as_sent(), same.then_some(&written[..]), "{}", bytes.escape_ascii());
            let mut kept = Argv::from(raw);
            assert_eq!(kept.raw().as_sent(), None, "what is kept has lost its head");
            inbuf = InBuf::new();
        }
    }

    #[test]
    fn long_gaps_are_not_copied() {
        let bytes = vec![b'.'; 10_000];
        let spans = [Span { start: 9_000, len: 3 }, Span { start: 10, len: 2 }];
        let mut argv = Argv::new();
        argv.append(&RawArgs { bytes: &bytes, spans: &spans, big: &mut [] });
        assert!(argv.iter().eq([&b"..."[..], b".."]));
        assert!(argv.heap_bytes() < 200);
    }
}
