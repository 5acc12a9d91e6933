//! One element of a listpack: how it is written and read.
//!
//! ```text
//!  0vvvvvvv                       integer 0 to 127
//!  10llllll  text                 text of up to 63 bytes
//!  110vvvvv  v                    integer of 13 bits, signed, high bits first
//!  1110llll  l  text              text of up to 4095 bytes, high bits first
//!  F0  l l l l  text              any longer text
//!  F1 / F2 / F3 / F4  v...        signed integer of 16 / 24 / 32 / 64 bits
//! ```
//!
//! Lengths and numbers are little-endian where nothing else is said. Behind each element stands
//! its length once more, for walking backwards: seven bits a byte, high ones first, and the bit 128
//! in each byte but the first tells that another one stands before it.

use super::Item;
use crate::base::num::parse_i64;

/// The byte after the last element.
pub(super) const END: u8 = 0xFF;

const TEXT6: u8 = 0x80;
/// The longest text whose length fits beside its mark.
const SHORT_MAX: usize = 63;
const INT13: u8 = 0xC0;
const TEXT12: u8 = 0xE0;
const TEXT32: u8 = 0xF0;
const INT16: u8 = 0xF1;
const INT24: u8 = 0xF2;
const INT32: u8 = 0xF3;
const INT64: u8 = 0xF4;

/// An element ready to be written.
pub(super) struct Encoded<'a> {
    head: [u8; 9],
    head_len: usize,
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Text, which is kept as a number when it reads as one.
    #[inline]
    pub(super) fn text(text: &'a [u8]) -> Self {
        match parse_i64(text) {
            Some(n) => Encoded::int(n),
            None => Encoded::bytes(text),
        }
    }

    /// The byte in front of a short text that is no number; the length behind it is one more than
    /// its own.
    #[inline]
    pub(super) fn head_of_short(text: &[u8]) -> Option<u8> {
        (text.len() <= SHORT_MAX && parse_i64(text).is_none()).then_some(TEXT6 | text.len() as u8)
    }

    #[inline]
    fn bytes(text: &'a [u8]) -> Self {
        let mut head = [0; 9];
        let head_len = match text.len() {
            len @ 0..=SHORT_MAX => {
                head[0] = TEXT6 | len as u8;
                1
            }
            len @ 64..=4095 => {
                head[..2].copy_from_slice(&[TEXT12 | (len >> 8) as u8, len as u8]);
                2
            }
            len => {
                let len = u32::try_from(len).expect("callers keep a listpack below 4 GB");
                head[0] = TEXT32;
                head[1..5].copy_from_slice(&len.to_le_bytes());
                5
            }
        };
        Encoded { head, head_len, text }
    }

    /// A number.
    pub(super) fn int(n: i64) -> Encoded<'static> {
        let mut head = [0; 9];
        let (kind, width) = match n {
            0..=127 => (n as u8, 0),
            -4096..=4095 => {
                // Thirteen bits of two's complement, five of them beside the mark.
                let bits = n as u16 & 0x1FFF;
                head[1] = bits as u8;
                (INT13 | (bits >> 8) as u8, 1)
            }
            -0x8000..=0x7FFF => (INT16, 2),
            -0x80_0000..=0x7F_FFFF => (INT24, 3),
            -0x8000_0000..=0x7FFF_FFFF => (INT32, 4),
            _ => (INT64, 8),
        };
        head[0] = kind;
        if kind >= INT16 {
            head[1..=width].copy_from_slice(&n.to_le_bytes()[..width]);
        }
        Encoded { head, head_len: width + 1, text: &[] }
    }

    fn len(&self) -> usize {
        self.head_len + self.text.len()
    }

    /// Bytes it takes, the length behind it included.
    #[inline]
    pub(super) fn total(&self) -> usize {
        self.len() + length_width(self.len())
    }

    /// Writes it at the end of `out`.
    #[inline]
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        let len = self.len();
        out.extend_from_slice(&self.head[..self.head_len]);
        out.extend_from_slice(self.text);
        if len < 128 {
            out.push(len as u8);
        } else {
            let at = out.len();
            out.resize(at + length_width(len), 0);
            write_length(&mut out[at..], len);
        }
    }

    /// Fills `out`, which has the right size.
    #[inline]
    pub(super) fn write(&self, out: &mut [u8]) {
        let len = self.len();
        out[..self.head_len].copy_from_slice(&self.head[..self.head_len]);
        out[self.head_len..len].copy_from_slice(self.text);
        write_length(&mut out[len..], len);
    }
}

/// Bytes of the length behind an element of `len` bytes. The largest number of each width is
/// written one byte wider: so does Redis, and readers derive the width from the number.
#[inline]
pub(super) fn length_width(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..=0x3FFE => 2,
        0x3FFF..=0x1F_FFFE => 3,
        0x1F_FFFF..=0xFFF_FFFE => 4,
        _ => 5,
    }
}

#[inline]
fn write_length(out: &mut [u8], len: usize) {
    let mut rest = len;
    for byte in out.iter_mut().rev() {
        *byte = 0x80 | (rest & 0x7F) as u8;
        rest >>= 7;
    }
    out[0] &= 0x7F;
}

/// The length that ends `bytes`.
#[inline]
pub(super) fn read_length(bytes: &[u8]) -> Option<usize> {
    let mut len = 0;
    for (i, byte) in bytes.iter().rev().take(5).enumerate() {
        len |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(len);
        }
    }
    None
}

/// The element that `bytes` begin with and its length without the one behind it; `None` when
/// they are too short or begin with no element.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let first = *bytes.first()?;
    match first {
        0..TEXT6 => Some((Item::Int(i64::from(first)), 1)),
        TEXT6..INT13 => read_text(bytes, 1, usize::from(first & 0x3F)),
        INT13..TEXT12 => {
            let bits = u16::from(first & 0x1F) << 8 | u16::from(*bytes.get(1)?);
            // Up to the top and back, which copies the sign into the upper bits.
            Some((Item::Int(i64::from((bits << 3) as i16 >> 3)), 2))
        }
        TEXT12..TEXT32 => {
            let len = usize::from(first & 0x0F) << 8 | usize::from(*bytes.get(1)?);
            read_text(bytes, 2, len)
        }
        TEXT32 => {
            let len = bytes.get(1..5)?.first_chunk::<4>()?;
            read_text(bytes, 5, u32::from_le_bytes(*len) as usize)
        }
        INT16 => read_int::<2>(bytes),
        INT24 => read_int::<3>(bytes),
        INT32 => read_int::<4>(bytes),
        INT64 => read_int::<8>(bytes),
        _ => None,
    }
}

#[inline]
fn read_text(bytes: &[u8], head: usize, len: usize) -> Option<(Item<'_>, usize)> {
    let text = bytes.get(head..head.checked_add(len)?)?;
    Some((Item::Bytes(text), head + len))
}

#[inline]
fn read_int<const WIDTH: usize>(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let number = bytes.get(1..=WIDTH)?;
    let mut word = [0; 8];
    word[8 - WIDTH..].copy_from_slice(number);
    // The number stands in the upper bytes: shifting it down copies its sign.
    Some((Item::Int(i64::from_le_bytes(word) >> (64 - 8 * WIDTH)), 1 + WIDTH))
}
