//! Numbers, lengths and strings into bytes.
//!
//! ```text
//!  00llllll                      length below 64
//!  01llllll l                    length below 16384, high bits first
//!  10000000 l l l l              length of 32 bits, high bytes first
//!  10000001 l l l l l l l l      length of 64 bits, high bytes first
//!  11000000 n                    a string that is an integer of 8 bits
//!  11000001 n n                  of 16 bits, low byte first
//!  11000010 n n n n              of 32 bits, low byte first
//!  11000011 length length bytes  a string compressed by LZF: lengths compressed and plain
//! ```

use super::VERSION;
use crate::base::num::parse_i64;
use crate::ds::lzf;
use std::io::{self, Write};

/// Shorter strings are not compressed, bytes.
const COMPRESS_MIN: usize = 21;
/// Compression that saves less is not kept, bytes.
const SAVING_MIN: usize = 4;
/// Longest text of an integer of 32 bits.
const INT_TEXT_MAX: usize = 11;
/// Bytes are handed on, and summed up, in pieces of about this size.
const PIECE: usize = 64 * 1024;

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The version: 11, or 10, which servers of version 7.0 read too.
    pub version: u16,
    /// Whether strings are compressed where that saves anything (`rdbcompression`).
    pub compress: bool,
    /// Whether a file ends in a checksum (`rdbchecksum`).
    pub checksum: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { version: VERSION, compress: true, checksum: true }
    }
}

/// Writes the parts of a file or a payload.
pub struct Writer<W> {
    out: W,
    options: Options,
    piece: Vec<u8>,
    /// Room for a string that is being compressed.
    squeezed: Vec<u8>,
    /// Bytes handed on.
    passed: u64,
    /// None where nobody asks for the checksum.
    crc: Option<u64>,
}

impl<W: Write> Writer<W> {
    /// One that hands its bytes on to `out`.
    pub fn new(out: W, options: Options) -> Writer<W> {
        let (piece, squeezed) = (Vec::new(), Vec::new());
        Writer { out, options, piece, squeezed, passed: 0, crc: Some(0) }
    }

    /// One that does not sum up what it writes.
    pub fn unsummed(out: W, options: Options) -> Writer<W> {
        Writer { crc: None, ..Writer::new(out, options) }
    }

    /// How it writes.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.passed + self.piece.len() as u64
    }

    /// What is written to.
    pub fn target(&mut self) -> &mut W {
        &mut self.out
    }

    /// These bytes.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.pass_on()?;
        }
        Ok(())
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) -> io::Result<()> {
        self.raw(&[byte])
    }

    /// A length, or any number without a sign.
    pub fn length(&mut self, n: u64) -> io::Result<()> {
        match n {
            0..64 => self.byte(n as u8),
            64..0x4000 => self.raw(&[0x40 | (n >> 8) as u8, n as u8]),
            0x4000..=0xFFFF_FFFF => {
                self.byte(0x80)?;
                self.raw(&(n as u32).to_be_bytes())
            }
            _ => {
                self.byte(0x81)?;
                self.raw(&n.to_be_bytes())
            }
        }
    }

    /// A time in milliseconds.
    pub fn millis(&mut self, at: i64) -> io::Result<()> {
        self.raw(&at.to_le_bytes())
    }

    /// A string in its shortest form.
    pub fn string(&mut self, text: &[u8]) -> io::Result<()> {
        if text.len() <= INT_TEXT_MAX {
            if let Some(n) = parse_i64(text).and_then(|n| i32::try_from(n).ok()) {
                return self.integer(n);
            }
        }
        if self.options.compress && text.len() >= COMPRESS_MIN {
            let mut lzf = std::mem::take(&mut self.squeezed);
            let pays = lzf::compress_into(text, text.len() - SAVING_MIN, &mut lzf);
            let written = if pays { self.compressed(&lzf, text.len()) } else { Ok(()) };
            self.keep_room(lzf);
            if pays {
                return written;
            }
        }
        self.length(text.len() as u64)?;
        self.raw(text)
    }

    fn keep_room(&mut self, room: Vec<u8>) {
        if room.capacity() <= PIECE {
            self.squeezed = room;
        }
    }

    fn integer(&mut self, n: i32) -> io::Result<()> {
        if let Ok(n) = i8::try_from(n) {
            return self.raw(&[0xC0, n as u8]);
        }
        if let Ok(n) = i16::try_from(n) {
            self.byte(0xC1)?;
            return self.raw(&n.to_le_bytes());
        }
        self.byte(0xC2)?;
        self.raw(&n.to_le_bytes())
    }

    /// A string of `len` bytes that LZF has compressed already.
    pub fn compressed(&mut self, lzf: &[u8], len: usize) -> io::Result<()> {
        self.byte(0xC3)?;
        self.length(lzf.len() as u64)?;
        self.length(len as u64)?;
        self.raw(lzf)
    }

    /// Hands on what has gathered, and gives the checksum of all bytes so far, 0 where they are
    /// not summed up.
    pub fn checksum(&mut self) -> io::Result<u64> {
        self.pass_on()?;
        Ok(self.crc.unwrap_or(0))
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.crc = self.crc.map(|crc| crc64::crc64(crc, &self.piece));
        self.out.write_all(&self.piece)?;
        self.passed += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }

    /// Hands on what has gathered, and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.pass_on()?;
        Ok(self.out)
    }
}
