//! Requests seen ahead of their turn, as far as they are plain: whole, in the form of an array, and
//! without large arguments.

use super::argv::{BIG_ARG, Span};

/// A complete request seen ahead of its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The number of arguments, the command name included.
    pub argc: u32,
    /// Its length, bytes.
    pub len: u32,
    /// The first arguments, counted from where the request begins: the name and three more. One
    /// that is absent has length 0.
    pub args: [Span; Ahead::KEPT],
}

impl Ahead {
    /// Arguments that are kept, the name included; of a longer request the others are not known.
    pub const KEPT: usize = 4;
}

/// Complete requests that have not been handed out, each with the bytes from its beginning on.
/// Ends at the first thing that is incomplete, inline, large or odd: it is only a hint.
pub struct Lookahead<'a> {
    rest: &'a [u8],
}

impl<'a> Lookahead<'a> {
    /// What is ahead in these bytes, of which a request begins with the first.
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        // Offsets within a request have 32 bits.
        Lookahead { rest: if bytes.len() < u32::MAX as usize { bytes } else { &[] } }
    }
}

impl<'a> Iterator for Lookahead<'a> {
    type Item = (&'a [u8], Ahead);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let here = self.rest;
        let ahead = look(here)?;
        self.rest = &here[ahead.len as usize..];
        Some((here, ahead))
    }
}

/// The whole request at the beginning of `data`.
#[inline]
fn look(data: &[u8]) -> Option<Ahead> {
    let (argc, mut rest) = quick_line(data, b'*')?;
    if argc == 0 || argc > i32::MAX as usize {
        return None;
    }
    let mut args = [Span::default(); Ahead::KEPT];
    for index in 0..argc {
        let (len, text) = quick_line(rest, b'$')?;
        if len >= BIG_ARG {
            return None;
        }
        rest = text.get(len + 2..)?;
        if let Some(arg) = args.get_mut(index) {
            *arg = Span { start: (data.len() - text.len()) as u32, len: len as u32 };
        }
    }
    Some(Ahead { argc: argc as u32, len: (data.len() - rest.len()) as u32, args })
}

/// Reads `<tag><digits>\r` and the byte after it at the beginning of `data`: the number and what
/// follows. `None` for whatever is not plain, or not all there.
#[inline(always)]
pub(super) fn quick_line(data: &[u8], tag: u8) -> Option<(usize, &[u8])> {
    let word = u32::from_le_bytes(*data.first_chunk()?);
    // Of the line `<tag>0` only the difference of the digit is left; it comes to the low end.
    let digit = (word ^ u32::from_le_bytes([tag, b'0', b'\r', b'\n'])).rotate_right(8);
    if digit <= 9 {
        return Some((digit as usize, &data[4..]));
    }
    let digits = (word ^ u32::from_le_bytes([tag, b'0', b'0', b'\r'])).rotate_right(8);
    let (tens, ones) = (digits & 0xff, digits >> 8);
    if ones <= 9 && (1..=9).contains(&tens) {
        return Some(((tens * 10 + ones) as usize, data.get(5..)?));
    }
    if word as u8 == tag { digits_line(&data[1..]) } else { None }
}

/// The same for up to nine digits at the beginning of `data`. Kept out of line so that the loops
/// around the common case stay small.
#[inline(never)]
fn digits_line(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (seen, &byte) in data.iter().take(10).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let plain = byte == b'\r' && seen > 0;
            return if plain { Some((value, data.get(seen + 2..)?)) } else { None };
        }
        // No leading zero: `0` stands alone.
        if seen == 1 && value == 0 {
            return None;
        }
        value = value * 10 + usize::from(digit);
    }
    None
}
