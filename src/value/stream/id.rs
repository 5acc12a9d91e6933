//! Entry ids: milliseconds and a sequence number, and the texts that commands take for them.

use std::fmt;

/// Longest text looked at; Redis has a buffer of that size.
const TEXT_MAX: usize = 127;

/// The id of an entry. The order is that of the entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since 1970, unless the client chose something else.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

/// What stands behind the milliseconds of a parsed id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seq {
    /// A number.
    Given(u64),
    /// Nothing.
    Missing,
    /// A star: the server is to choose.
    Auto,
}

impl StreamId {
    /// The least id, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The greatest id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// An id of these parts.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The id right behind; none behind the greatest.
    pub fn next(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (u64::MAX, u64::MAX) => None,
            (ms, u64::MAX) => Some(StreamId::new(ms + 1, 0)),
            (ms, seq) => Some(StreamId::new(ms, seq + 1)),
        }
    }

    /// The id right before; none before the least.
    pub fn prev(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (0, 0) => None,
            (ms, 0) => Some(StreamId::new(ms - 1, u64::MAX)),
            (ms, seq) => Some(StreamId::new(ms, seq - 1)),
        }
    }

    /// Reads `ms` or `ms-seq`; `missing` is the sequence number of the short form.
    pub fn parse(text: &[u8], missing: u64) -> Option<StreamId> {
        match parse_parts(text)? {
            (ms, Seq::Given(seq)) => Some(StreamId { ms, seq }),
            (ms, Seq::Missing) => Some(StreamId { ms, seq: missing }),
            (_, Seq::Auto) => None,
        }
    }

    /// Reads one end of a range: besides the forms of `parse`, `-` and `+` for the ends, and a
    /// parenthesis before an id that is not to be part of the range (then the flag is set).
    pub fn parse_bound(text: &[u8], missing: u64) -> Option<(StreamId, bool)> {
        match text {
            b"-" => Some((StreamId::MIN, false)),
            b"+" => Some((StreamId::MAX, false)),
            [b'(', id @ ..] if !id.is_empty() => Some((StreamId::parse(id, missing)?, true)),
            _ => Some((StreamId::parse(text, missing)?, false)),
        }
    }

    /// Runs `f` over the text `ms-seq`.
    #[inline]
    pub fn with_text<R>(self, f: impl FnOnce(&[u8]) -> R) -> R {
        let mut text = [0u8; 41];
        let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (ms, seq) = (ms.format(self.ms).as_bytes(), seq.format(self.seq).as_bytes());
        let len = ms.len() + 1 + seq.len();
        text[..ms.len()].copy_from_slice(ms);
        text[ms.len()] = b'-';
        text[ms.len() + 1..len].copy_from_slice(seq);
        f(&text[..len])
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Reads the milliseconds of an id and what stands behind them.
pub fn parse_parts(text: &[u8]) -> Option<(u64, Seq)> {
    if text.len() > TEXT_MAX {
        return None;
    }
    // To Redis the text ends at a NUL byte.
    let text = memchr::memchr(0, text).map_or(text, |end| &text[..end]);
    match memchr::memchr(b'-', text) {
        None => Some((number(text)?, Seq::Missing)),
        Some(dash) => {
            let (ms, seq) = (&text[..dash], &text[dash + 1..]);
            let seq = if seq == b"*" { Seq::Auto } else { Seq::Given(number_or_less(seq)?) };
            Some((number(ms)?, seq))
        }
    }
}

/// An unsigned number as `strtoull` reads one: spaces and a sign may stand before it, and zeros.
fn number(text: &[u8]) -> Option<u64> {
    let start = text.iter().position(|b| !matches!(b, b' ' | 9..=13))?;
    let digits = text[start..].strip_prefix(b"+").unwrap_or(&text[start..]);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The same where a minus may stand too: a number below zero comes out as its complement, unless
/// it is spelt as a 64-bit number prints, which is refused. So does Redis.
fn number_or_less(text: &[u8]) -> Option<u64> {
    let start = text.iter().position(|b| !matches!(b, b' ' | 9..=13)).unwrap_or(0);
    let Some(digits) = text[start..].strip_prefix(b"-") else { return number(text) };
    if crate::base::num::parse_i64(text).is_some() || !digits.first()?.is_ascii_digit() {
        return None;
    }
    number(digits).map(u64::wrapping_neg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<(u64, u64)> {
        StreamId::parse(text.as_bytes(), 7).map(|id| (id.ms, id.seq))
    }

    #[test]
    fn reads_what_strtoull_reads() {
        assert_eq!(id("5-3"), Some((5, 3)));
        assert_eq!(id("5"), Some((5, 7)));
        assert_eq!(id("1-+1"), Some((1, 1)));
        assert_eq!(id(" 5- 6"), Some((5, 6)));
        assert_eq!(id("00-007"), Some((0, 7)));
        assert_eq!(id("5\0rest"), Some((5, 7)));
        assert_eq!(id("1--01"), Some((1, u64::MAX)));
        assert_eq!(id("18446744073709551615-18446744073709551615"), Some((u64::MAX, u64::MAX)));
        for bad in ["", "-", "+", "1-", "-1", "1--1", "a", "1-a", "1-2-3", "5 ", "1-*", "0x10"] {
            assert_eq!(id(bad), None, "{bad:?}");
        }
        assert_eq!(id("18446744073709551616"), None);
        assert_eq!(id(&"0".repeat(128)), None);
        assert_eq!(id(&"0".repeat(127)), Some((0, 7)));
    }

    #[test]
    fn bounds() {
        let bound = |text: &str| StreamId::parse_bound(text.as_bytes(), 0);
        assert_eq!(bound("-"), Some((StreamId::MIN, false)));
        assert_eq!(bound("+"), Some((StreamId::MAX, false)));
        assert_eq!(bound("(5-1"), Some((StreamId::new(5, 1), true)));
        assert_eq!(bound("5"), Some((StreamId::new(5, 0), false)));
        for bad in ["(", "(-", "(+", "((1"] {
            assert_eq!(bound(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn neighbours() {
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.prev(), None);
        for id in [StreamId::MIN, StreamId::new(3, u64::MAX), StreamId::new(3, 4)] {
            let next = id.next().expect("not the greatest");
            assert!(next > id);
            assert_eq!(next.prev(), Some(id));
        }
    }

    #[test]
    fn text_is_what_display_prints() {
        for id in [StreamId::MIN, StreamId::new(15, 2), StreamId::MAX] {
            assert_eq!(id.with_text(<[u8]>::to_vec), id.to_string().as_bytes());
        }
    }
}
