//! Reader of an append-only file: commands one after the other in the form of requests, and lines
//! that begin with `#`, which annotate.
//!
//! ```text
//! #TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n…
//! ```
//!
//! Records are parsed in batches, so that whoever runs them can look at what comes next. Invariant:
//! it holds no more than one record and what was read ahead of it; a length that the file claims is
//! never believed before its bytes are there.

use super::argv::{BIG_ARG, RawArgs, Span};
use bytes::Bytes;
use std::io::{self, Read};

/// One record, as it lies in the reader.
#[derive(Debug)]
pub enum Record<'a> {
    /// A command with at least one word.
    Command(RawArgs<'a>),
    /// An annotation, without its `#` and line end.
    Note(&'a [u8]),
}

/// Why there is no further record.
#[derive(Debug)]
pub enum LogError {
    /// The file ends in the middle of one.
    Truncated,
    /// What follows is no record; in what way.
    Corrupt(&'static str),
    /// The file cannot be read.
    Io(io::Error),
}

/// A reader and how far it has come.
pub struct LogReader<R> {
    from: R,
    buffer: Box<[u8]>,
    /// What was read and not handed out yet lies from here...
    at: usize,
    /// ...to here.
    end: usize,
    offset: u64,
    ended: bool,
    /// Records that begin at `at`, one behind the other.
    batch: Vec<Parsed>,
    next: usize,
    /// Words of the batch.
    spans: Vec<Span>,
    /// The large ones.
    big: Vec<Bytes>,
}

/// A record of the batch.
struct Parsed {
    /// Bytes it takes.
    len: usize,
    /// Where its words begin in `spans`; none for an annotation.
    words: usize,
}

/// Bytes of the buffer at first.
const READ_MIN: usize = 512 * 1024;
/// Records parsed at a time; their keys must not push each other out of the cache.
const BATCH: usize = 64;
/// Digits of a count or length at most.
const DIGITS_MAX: usize = 19;
/// Bytes of an annotation at most.
const NOTE_MAX: usize = 1024;

/// What the bytes at hand are.
enum Step<T> {
    Done(T, usize),
    More,
}

type Found<T> = Result<Step<T>, &'static str>;

impl<R: Read> LogReader<R> {
    /// Reads from here; `offset` is where that is in the file.
    pub fn new(from: R, offset: u64) -> LogReader<R> {
        LogReader {
            from,
            buffer: Box::default(),
            at: 0,
            end: 0,
            offset,
            ended: false,
            batch: Vec::new(),
            next: 0,
            spans: Vec::new(),
            big: Vec::new(),
        }
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Makes sure that the next record has been parsed; false at the end.
    fn prepare(&mut self) -> Result<bool, LogError> {
        while self.next == self.batch.len() {
            if self.at == self.end && self.ended {
                return Ok(false);
            }
            match self.parse_batch() {
                Err(what) => return Err(LogError::Corrupt(what)),
                Ok(()) if !self.batch.is_empty() => {}
                Ok(()) if self.ended => return Err(LogError::Truncated),
                Ok(()) => self.fill().map_err(LogError::Io)?,
            }
        }
        Ok(true)
    }

    /// The first word behind the name of each command that has been parsed and not handed out, if
    /// there is a word. Empty in the middle of a batch.
    pub fn keys_ahead(&mut self) -> Result<impl Iterator<Item = &[u8]>, LogError> {
        let begins = self.next == self.batch.len();
        self.prepare()?;
        let LogReader { batch, spans, buffer, at, next, .. } = &*self;
        let ahead = if begins { &batch[*next..] } else { &[] };
        let (mut at, mut first) = (*at, 0);
        Ok(ahead.iter().filter_map(move |parsed| {
            let record = &buffer[at..];
            let key = spans.get(first + 1).filter(|_| parsed.words > first + 1);
            (at, first) = (at + parsed.len, parsed.words);
            key.filter(|key| !key.is_big()).map(|key| key.of(record))
        }))
    }

    /// The next record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, LogError> {
        if !self.prepare()? {
            return Ok(None);
        }
        let first = self.next.checked_sub(1).map_or(0, |before| self.batch[before].words);
        let Parsed { len, words } = self.batch[self.next];
        let record = &self.buffer[self.at..self.at + len];
        self.next += 1;
        self.at += len;
        self.offset += len as u64;
        if first == words {
            return Ok(Some(Record::Note(record[1..].trim_ascii_end())));
        }
        let spans = &self.spans[first..words];
        Ok(Some(Record::Command(RawArgs { bytes: record, spans, big: &mut self.big })))
    }

    /// Parses what is at hand, up to what is wrong or not all there.
    fn parse_batch(&mut self) -> Result<(), &'static str> {
        self.batch.clear();
        self.spans.clear();
        self.big.clear();
        self.next = 0;
        let mut bytes = &self.buffer[self.at..self.end];
        while self.batch.len() < BATCH && !bytes.is_empty() {
            let before = self.spans.len();
            match record(bytes, &mut self.spans, &mut self.big) {
                Ok(Step::Done((), len)) => {
                    self.batch.push(Parsed { len, words: self.spans.len() });
                    bytes = &bytes[len..];
                }
                Ok(Step::More) => {
                    self.spans.truncate(before);
                    return Ok(());
                }
                // It is told when it is its turn.
                Err(what) if self.batch.is_empty() => return Err(what),
                Err(_) => {
                    self.spans.truncate(before);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads on. A record that fills the buffer gets one of twice the size, so that a long one is
    /// not parsed from its start too often.
    fn fill(&mut self) -> io::Result<()> {
        let held = self.end - self.at;
        if held == self.buffer.len() {
            let mut larger = vec![0; (2 * held).max(READ_MIN)].into_boxed_slice();
            larger[..held].copy_from_slice(&self.buffer[self.at..self.end]);
            self.buffer = larger;
        } else {
            self.buffer.copy_within(self.at..self.end, 0);
        }
        (self.at, self.end) = (0, held);
        // All of it, or a long record would be looked at after each small piece.
        while self.end < self.buffer.len() && !self.ended {
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Looks at the record at the front and adds its words; tells its length.
fn record(bytes: &[u8], spans: &mut Vec<Span>, big: &mut Vec<Bytes>) -> Found<()> {
    match bytes.first() {
        None => Ok(Step::More),
        Some(b'#') => note(bytes),
        Some(b'*') => command(bytes, spans, big),
        Some(_) => Err("expected '*' or '#'"),
    }
}

fn note(bytes: &[u8]) -> Found<()> {
    let window = &bytes[..bytes.len().min(NOTE_MAX)];
    match window.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Step::Done((), end + 1)),
        None if window.len() == NOTE_MAX => Err("an annotation without an end"),
        None => Ok(Step::More),
    }
}

fn command(bytes: &[u8], spans: &mut Vec<Span>, big: &mut Vec<Bytes>) -> Found<()> {
    let (words, mut at) = match number(bytes, b'*')? {
        Step::Done(words, len) => (words, len),
        Step::More => return Ok(Step::More),
    };
    if words == 0 {
        return Err("a command without words");
    }
    let large = spans.len();
    let mut any_large = false;
    for _ in 0..words {
        let (len, head) = match number(&bytes[at..], b'$')? {
            Step::Done(len, head) => (len, head),
            Step::More => return Ok(Step::More),
        };
        let start = at + head;
        let left = bytes.len() - start;
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= left) else {
            return Ok(Step::More);
        };
        let end = start + len;
        if bytes.len() - end < 2 {
            return Ok(Step::More);
        }
        if &bytes[end..end + 2] != b"\r\n" {
            return Err("a word without a line end behind it");
        }
        any_large |= len >= BIG_ARG || end >= u32::MAX as usize;
        spans.push(Span { start: start as u32, len: len as u32 });
        at = end + 2;
    }
    if any_large {
        share_large(bytes, &mut spans[large..], big);
    }
    Ok(Step::Done((), at))
}

/// Copies the large words of a command, which is all there, into buffers that can be shared.
#[cold]
fn share_large(bytes: &[u8], spans: &mut [Span], big: &mut Vec<Bytes>) {
    let mut at = line(bytes);
    for span in spans {
        let head = line(&bytes[at..]);
        let digits = &bytes[at + 1..at + head - 2];
        let len = digits.iter().fold(0, |n, b| n * 10 + usize::from(b - b'0'));
        let (start, end) = (at + head, at + head + len);
        if len >= BIG_ARG || end >= u32::MAX as usize {
            *span = Span::big(big.len());
            big.push(Bytes::copy_from_slice(&bytes[start..end]));
        }
        at = end + 2;
    }
}

/// Bytes of the line at the front, which ends.
fn line(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
}

/// A line that holds `mark` and a number without a sign.
fn number(bytes: &[u8], mark: u8) -> Found<u64> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(Step::More) };
    if *first != mark {
        return Err(if mark == b'*' { "expected '*'" } else { "expected '$'" });
    }
    let digits = rest.iter().take(DIGITS_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
    if digits > DIGITS_MAX {
        return Err("a number that is too large");
    }
    match &rest[digits..] {
        [] | [b'\r'] => Ok(Step::More),
        [b'\r', b'\n', ..] if digits > 0 => {
            let value = rest[..digits].iter().fold(0, |n, b| n * 10 + u64::from(b - b'0'));
            Ok(Step::Done(value, 1 + digits + 2))
        }
        _ => Err("expected a number and a line end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"#TS:5\r\n*2\r\n$3\r\nGET\r\n$2\r\na\n\r\n*1\r\n$0\r\n\r\n";

    /// Hands out a byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(into.len()).min(1);
            into[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn read(bytes: &[u8]) -> (Vec<String>, u64, Result<(), LogError>) {
        let mut reader = LogReader::new(Drip(bytes), 0);
        let mut seen = Vec::new();
        loop {
            match reader.next_record() {
                Ok(Some(Record::Command(argv))) => {
                    let words = argv.iter().map(|w| String::from_utf8_lossy(w).into_owned());
                    seen.push(words.collect::<Vec<_>>().join(" "));
                }
                Ok(Some(Record::Note(note))) => {
                    seen.push(format!("#{}", String::from_utf8_lossy(note)));
                }
                Ok(None) => return (seen, reader.offset(), Ok(())),
                Err(error) => return (seen, reader.offset(), Err(error)),
            }
        }
    }

    #[test]
    fn commands_and_notes_come_in_order() {
        let (seen, offset, end) = read(LOG);
        assert!(end.is_ok());
        assert_eq!(seen, ["#TS:5", "GET a\n", ""]);
        assert_eq!(offset, LOG.len() as u64);
    }

    #[test]
    fn every_cut_is_seen_as_one() {
        let borders = [0, 7, 28, LOG.len()];
        for cut in 0..LOG.len() {
            let (_, offset, end) = read(&LOG[..cut]);
            match borders.contains(&cut) {
                true => assert!(end.is_ok(), "cut at {cut}"),
                false => assert!(matches!(end, Err(LogError::Truncated)), "cut at {cut}"),
            }
            assert_eq!(offset, *borders.iter().rfind(|b| **b <= cut).expect("0") as u64);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bytes in [
            &b"GET a\r\n"[..],
            b"*0\r\n",
            b"*-1\r\n",
            b"*x\r\n",
            b"*1\r\n+OK\r\n",
            b"*1\r\n$1\r\nabc\r\n",
            b"*99999999999999999999\r\n",
            b"*\r\n",
        ] {
            let (_, offset, end) = read(bytes);
            assert!(matches!(end, Err(LogError::Corrupt(_))), "{bytes:?}");
            assert_eq!(offset, 0);
        }
        assert!(matches!(read(b"*9\r\n$999999999999\r\nab").2, Err(LogError::Truncated)));
    }

    #[test]
    fn batches_and_large_words_make_no_difference() {
        use super::super::argv::{Argv, BIG_ARG};
        let words = |n: usize| -> Vec<Vec<u8>> {
            let long = if n % 70 == 3 { BIG_ARG + n } else { n };
            vec![b"SET".to_vec(), format!("key:{n}").into_bytes(), vec![b'x'; long]]
        };
        let mut bytes = Vec::new();
        for n in 0..300 {
            bytes.extend_from_slice(b"*3\r\n");
            for word in words(n) {
                bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                bytes.extend_from_slice(&word);
                bytes.extend_from_slice(b"\r\n");
            }
            if n % 50 == 0 {
                bytes.extend_from_slice(b"#TS:1\r\n");
            }
        }
        let mut reader = LogReader::new(&bytes[..], 0);
        let (mut n, mut ahead) = (0, std::collections::VecDeque::new());
        loop {
            let keys = reader.keys_ahead().expect("it is sound");
            ahead.extend(keys.map(<[u8]>::to_vec));
            match reader.next_record().expect("it is sound") {
                Some(Record::Command(raw)) => {
                    assert_eq!(Some(raw.get(1).to_vec()), ahead.pop_front(), "keys come in order");
                    assert_eq!(raw.spans[2].is_big(), raw.get(2).len() >= BIG_ARG);
                    let argv = Argv::from(raw);
                    assert!(argv.iter().eq(words(n).iter().map(Vec::as_slice)), "{n}");
                    n += 1;
                }
                Some(Record::Note(note)) => assert_eq!(note, b"TS:1"),
                None => break,
            }
        }
        assert_eq!((n, ahead.len()), (300, 0));
        assert_eq!(reader.offset(), bytes.len() as u64);
    }
}
