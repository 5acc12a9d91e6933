//! Numbers, lengths and strings out of bytes that nobody trusts.
//!
//! Invariant: what is allocated for a string is at most a little ahead of the bytes that came.

use super::{Error, Reason};
use crate::ds::lzf;
use std::io::{self, Read};
use std::ops::Range;

/// Bytes are fetched, and summed up, in pieces of this size.
const PIECE: usize = 64 * 1024;

/// Reads the parts of a file or a payload.
pub struct Reader<R> {
    source: R,
    piece: Box<[u8]>,
    at: usize,
    end: usize,
    /// Bytes of earlier pieces.
    passed: u64,
    /// From where on the piece is not part of `crc` yet.
    summed: usize,
    crc: u64,
    /// Texts that do not lie in the piece as they are.
    aside: [Vec<u8>; 2],
}

/// What stands where a length is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// A length.
    Plain(u64),
    /// The form of a string that has no plain length.
    Form(u8),
}

impl<'a> Reader<&'a [u8]> {
    /// One for bytes that are all there.
    pub fn of(bytes: &'a [u8]) -> Reader<&'a [u8]> {
        Reader::in_pieces(bytes, bytes.len().clamp(1, PIECE))
    }
}

impl<R: Read> Reader<R> {
    /// One that fetches its bytes from `source`.
    pub fn new(source: R) -> Reader<R> {
        Reader::in_pieces(source, PIECE)
    }

    fn in_pieces(source: R, size: usize) -> Reader<R> {
        let piece = vec![0; size].into_boxed_slice();
        let aside = [Vec::new(), Vec::new()];
        Reader { source, piece, at: 0, end: 0, passed: 0, summed: 0, crc: 0, aside }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.passed + self.at as u64
    }

    /// An error here.
    pub fn error(&self, reason: Reason) -> Error {
        Error { offset: self.position(), reason }
    }

    /// The error that something is not laid out as it has to be.
    pub(super) fn damaged(&self, what: &'static str) -> Error {
        self.error(Reason::Damaged(what))
    }

    /// What has been fetched and not read, and the source behind it: whatever follows the part of
    /// another format that was read so far.
    pub fn into_rest(self) -> (Vec<u8>, R) {
        (self.piece[self.at..self.end].to_vec(), self.source)
    }

    /// The checksum of all bytes read so far.
    pub fn checksum(&mut self) -> u64 {
        self.crc = crc64::crc64(self.crc, &self.piece[self.summed..self.at]);
        self.summed = self.at;
        self.crc
    }

    /// Makes at least one byte available.
    fn fetch(&mut self) -> Result<(), Error> {
        if self.at < self.end {
            return Ok(());
        }
        self.checksum();
        self.passed += self.at as u64;
        (self.at, self.end, self.summed) = (0, 0, 0);
        loop {
            match self.source.read(&mut self.piece) {
                Ok(0) => return Err(self.error(Reason::Short)),
                Ok(n) => {
                    self.end = n;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(Reason::Io(error.kind()))),
            }
        }
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Error> {
        self.fetch()?;
        let byte = self.piece[self.at];
        self.at += 1;
        Ok(byte)
    }

    /// As many bytes as there is room for.
    pub fn fill(&mut self, mut room: &mut [u8]) -> Result<(), Error> {
        while !room.is_empty() {
            self.fetch()?;
            let n = room.len().min(self.end - self.at);
            let (now, later) = room.split_at_mut(n);
            now.copy_from_slice(&self.piece[self.at..self.at + n]);
            self.at += n;
            room = later;
        }
        Ok(())
    }

    /// So many bytes, as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: u64) -> Result<Vec<u8>, Error> {
        let mut left = usize::try_from(len).map_err(|_| self.error(Reason::Short))?;
        let mut bytes = Vec::with_capacity(left.min(PIECE));
        while left > 0 {
            self.fetch()?;
            let n = left.min(self.end - self.at);
            if bytes.capacity() - bytes.len() < n {
                // Twice what has come, but never beyond what was told.
                bytes.reserve_exact(left.min(bytes.len().max(n)));
            }
            bytes.extend_from_slice(&self.piece[self.at..self.at + n]);
            self.at += n;
            left -= n;
        }
        Ok(bytes)
    }

    pub(super) fn length_or_form(&mut self) -> Result<Length, Error> {
        let first = self.byte()?;
        let low = u64::from(first & 0x3F);
        Ok(match (first >> 6, first) {
            (0, _) => Length::Plain(low),
            (1, _) => Length::Plain(low << 8 | u64::from(self.byte()?)),
            (_, 0x80) => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
            (_, 0x81) => Length::Plain(u64::from_be_bytes(self.array()?)),
            (3, _) => Length::Form(first & 0x3F),
            _ => return Err(self.damaged("Unknown length encoding in rdbLoadLen()")),
        })
    }

    /// A length, or any number without a sign.
    pub fn length(&mut self) -> Result<u64, Error> {
        match self.length_or_form()? {
            Length::Plain(n) => Ok(n),
            Length::Form(_) => Err(self.damaged("A string where a length has to be")),
        }
    }

    /// A time in milliseconds.
    pub fn millis(&mut self) -> Result<i64, Error> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A string, whatever its form.
    pub fn string(&mut self) -> Result<Vec<u8>, Error> {
        let integer = |n: i64| itoa::Buffer::new().format(n).as_bytes().to_vec();
        match self.length_or_form()? {
            Length::Plain(len) => self.bytes(len),
            Length::Form(0) => Ok(integer(i64::from(self.byte()? as i8))),
            Length::Form(1) => Ok(integer(i64::from(i16::from_le_bytes(self.array()?)))),
            Length::Form(2) => Ok(integer(i64::from(i32::from_le_bytes(self.array()?)))),
            Length::Form(3) => self.compressed(),
            Length::Form(_) => Err(self.damaged("Unknown RDB string encoding type")),
        }
    }

    /// The string at place `at` of the piece and where it ends, if it is plain and all there.
    #[inline]
    fn at_hand(&self, at: usize) -> Option<(Range<usize>, usize)> {
        let bytes = &self.piece[at..self.end];
        let (len, head) = match *bytes {
            [first @ 0..0x40, ..] => (usize::from(first), 1),
            [first @ 0x40..0x80, low, ..] => (usize::from(first & 0x3F) << 8 | usize::from(low), 2),
            _ => return None,
        };
        let text = at + head..at + head + len;
        (text.end <= self.end).then_some((text.clone(), text.end))
    }

    /// A string, whatever its form, as it lies here until something else is read.
    #[inline]
    pub fn text(&mut self) -> Result<&[u8], Error> {
        if let Some((text, end)) = self.at_hand(self.at) {
            self.at = end;
            return Ok(&self.piece[text]);
        }
        self.aside[0] = self.string()?;
        Ok(&self.aside[0])
    }

    /// Two strings.
    #[inline]
    pub fn two_texts(&mut self) -> Result<(&[u8], &[u8]), Error> {
        if let Some((one, end)) = self.at_hand(self.at) {
            if let Some((other, end)) = self.at_hand(end) {
                self.at = end;
                return Ok((&self.piece[one], &self.piece[other]));
            }
        }
        self.aside[0] = self.string()?;
        self.aside[1] = self.string()?;
        Ok((&self.aside[0], &self.aside[1]))
    }

    /// A string and what `then` reads behind it.
    pub fn text_and<T>(
        &mut self,
        then: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<(&[u8], T), Error> {
        /// No number is longer.
        const BEHIND: usize = 256;
        if let Some((text, end)) = self.at_hand(self.at).filter(|(_, at)| at + BEHIND < self.end) {
            // What comes behind lies in the piece too, so the text stays where it is.
            self.at = end;
            let value = then(self)?;
            return Ok((&self.piece[text], value));
        }
        let text = self.string()?;
        let value = then(self)?;
        self.aside[0] = text;
        Ok((&self.aside[0], value))
    }

    fn compressed(&mut self) -> Result<Vec<u8>, Error> {
        let (packed, len) = (self.length()?, self.length()?);
        let lzf = self.bytes(packed)?;
        let text = usize::try_from(len).ok().and_then(|len| lzf::decompress(&lzf, len));
        text.ok_or_else(|| self.damaged("Invalid LZF compressed string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strings of all forms of length, a number behind each.
    fn sample() -> (Vec<u8>, Vec<(Vec<u8>, u64)>) {
        let (mut bytes, mut told) = (Vec::new(), Vec::new());
        for len in (0..200).chain([300, 1000, 20_000]) {
            let text: Vec<u8> = (0..len).map(|n| (n * 7 + len) as u8).collect();
            match len {
                0..0x40 => bytes.push(len as u8),
                0x40..0x4000 => bytes.extend([0x40 | (len >> 8) as u8, len as u8]),
                _ => {
                    bytes.push(0x80);
                    bytes.extend((len as u32).to_be_bytes());
                }
            }
            bytes.extend_from_slice(&text);
            bytes.extend((len as u64).to_le_bytes());
            told.push((text, len as u64));
        }
        // Integers have forms of their own.
        bytes.extend([0xC0, 0xFF]);
        bytes.extend(1u64.to_le_bytes());
        told.push((b"-1".to_vec(), 1));
        (bytes, told)
    }

    #[test]
    fn a_text_is_the_same_wherever_it_lies() {
        let (bytes, told) = sample();
        for size in [1, 2, 7, 64, 300, 4096, bytes.len()] {
            let mut reader = Reader::in_pieces(&bytes[..], size);
            for (text, number) in &told {
                let (seen, behind) = reader
                    .text_and(|from| Ok(u64::from_le_bytes(from.array()?)))
                    .expect("it is all there");
                assert_eq!((seen, behind), (&text[..], *number), "pieces of {size}");
            }
            assert!(reader.text().is_err(), "there is nothing more");
            assert_eq!(reader.checksum(), crc64::crc64(0, &bytes));
        }
    }

    #[test]
    fn two_texts_are_told_apart_wherever_they_lie() {
        let bytes = b"\x03abc\x00\x02de\x01f\xC0\x07\x02gh";
        for size in 1..=bytes.len() {
            let mut reader = Reader::in_pieces(&bytes[..], size);
            assert_eq!(reader.two_texts().ok(), Some((&b"abc"[..], &b""[..])));
            assert_eq!(reader.two_texts().ok(), Some((&b"de"[..], &b"f"[..])));
            assert_eq!(reader.two_texts().ok(), Some((&b"7"[..], &b"gh"[..])));
            assert_eq!(reader.position(), bytes.len() as u64);
        }
    }

    #[test]
    fn a_text_that_is_cut_off_is_short() {
        let bytes = b"\x05abc";
        let mut reader = Reader::of(&bytes[..]);
        assert!(matches!(reader.text(), Err(Error { reason: Reason::Short, .. })));
    }
}
