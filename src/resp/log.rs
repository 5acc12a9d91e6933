//! Reader of an append-only file: commands one after the other in the form of requests, and lines
//! that begin with `#`, which annotate.
//!
//! ```text
//! #TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n…
//! ```
//!
//! Invariant: it holds no more than one record and what was read ahead of it; a length that the
//! file claims is never believed before its bytes are there.

use super::argv::Argv;
use std::io::{self, Read};

/// One record.
#[derive(Debug)]
pub enum Record {
    /// A command with at least one word.
    Command(Argv),
    /// An annotation, without its `#` and line end.
    Note(Vec<u8>),
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
    buffer: Vec<u8>,
    at: usize,
    offset: u64,
    ended: bool,
}

/// Bytes read at a time at least.
const READ_MIN: usize = 256 * 1024;
/// Digits of a count or length at most.
const DIGITS_MAX: usize = 19;
/// Bytes of an annotation at most.
const NOTE_MAX: usize = 1024;

/// What the bytes at hand are.
enum Step<T> {
    Done(T, usize),
    More,
}

type Parsed<T> = Result<Step<T>, &'static str>;

impl<R: Read> LogReader<R> {
    /// Reads from here; `offset` is where that is in the file.
    pub fn new(from: R, offset: u64) -> LogReader<R> {
        LogReader { from, buffer: Vec::new(), at: 0, offset, ended: false }
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record>, LogError> {
        loop {
            let bytes = &self.buffer[self.at..];
            if bytes.is_empty() && self.ended {
                return Ok(None);
            }
            match record(bytes).map_err(LogError::Corrupt)? {
                Step::Done(record, len) => {
                    self.at += len;
                    self.offset += len as u64;
                    return Ok(Some(record));
                }
                Step::More if self.ended => return Err(LogError::Truncated),
                Step::More => self.fill().map_err(LogError::Io)?,
            }
        }
    }

    /// Reads on: as much again as waits already, so that a long record is not parsed from its
    /// start too often.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let more = self.buffer.len().max(READ_MIN) as u64;
        let read = self.from.by_ref().take(more).read_to_end(&mut self.buffer)?;
        self.ended = (read as u64) < more;
        Ok(())
    }
}

fn record(bytes: &[u8]) -> Parsed<Record> {
    match bytes.first() {
        None => Ok(Step::More),
        Some(b'#') => note(bytes),
        Some(b'*') => command(bytes),
        Some(_) => Err("expected '*' or '#'"),
    }
}

fn note(bytes: &[u8]) -> Parsed<Record> {
    let window = &bytes[..bytes.len().min(NOTE_MAX)];
    match window.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Step::Done(Record::Note(bytes[1..end].trim_ascii_end().to_vec()), end + 1)),
        None if window.len() == NOTE_MAX => Err("an annotation without an end"),
        None => Ok(Step::More),
    }
}

fn command(bytes: &[u8]) -> Parsed<Record> {
    let (words, mut at) = match number(bytes, b'*')? {
        Step::Done(words, len) => (words, len),
        Step::More => return Ok(Step::More),
    };
    if words == 0 {
        return Err("a command without words");
    }
    // Looked through first: a record that is not complete costs no copy.
    let mut spans = Vec::new();
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
        spans.push(start..end);
        at = end + 2;
    }
    let mut argv = Argv::new();
    spans.into_iter().for_each(|span| argv.push(&bytes[span]));
    Ok(Step::Done(Record::Command(argv), at))
}

/// A line that holds `mark` and a number without a sign.
fn number(bytes: &[u8], mark: u8) -> Parsed<u64> {
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
                    seen.push(format!("#{}", String::from_utf8_lossy(&note)));
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
}
