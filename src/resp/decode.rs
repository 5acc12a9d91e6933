//! Replies read back: for drivers, tests and whatever plays the client's part.
//!
//! Both protocols are accepted at once. Nesting is limited and kept on a stack of our own; a
//! length that a peer declares reserves nothing, so memory follows the bytes that have come.

use crate::base::{double, num};

/// How deep aggregates may nest.
pub const DEPTH_MAX: usize = 1000;

/// One reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// `+`: a status.
    Simple(Vec<u8>),
    /// `-` or `!`: an error, code first.
    Error(Vec<u8>),
    /// `:`: an integer.
    Int(i64),
    /// `$`: a string; `None` is RESP2's null.
    Bulk(Option<Vec<u8>>),
    /// `*`: an array; `None` is RESP2's null array.
    Array(Option<Vec<Frame>>),
    /// `_`: RESP3's null.
    Null,
    /// `,`: a floating point number.
    Double {
        /// What it stands for.
        value: f64,
        /// How it was written.
        text: Vec<u8>,
    },
    /// `#`: a truth value.
    Bool(bool),
    /// `(`: an integer of any length, as text.
    BigNumber(Vec<u8>),
    /// `=`: a text and its three-letter kind.
    Verbatim {
        /// `txt`, `mkd` or another kind.
        ext: [u8; 3],
        /// The text itself.
        text: Vec<u8>,
    },
    /// `%`: pairs in the order they came.
    Map(Vec<(Frame, Frame)>),
    /// `~`: a set in the order it came.
    Set(Vec<Frame>),
    /// `>`: a message out of turn.
    Push(Vec<Frame>),
    /// `|`: attributes, and the frame they belong to.
    Attribute(Vec<(Frame, Frame)>, Box<Frame>),
}

/// Why bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No type starts with this byte.
    UnknownType(u8),
    /// A length that is not one.
    BadLength,
    /// A value that its type does not allow.
    BadValue,
    /// Nested deeper than `DEPTH_MAX`.
    TooDeep,
}

/// An aggregate whose items are still being read.
struct Open {
    tag: u8,
    left: usize,
    items: Vec<Frame>,
}

enum Step {
    Whole(Frame),
    Open(Open),
}

/// Reads the frame at the start of `data` and says how many bytes it took; `Ok(None)` if its end
/// has not come.
pub fn decode(data: &[u8]) -> Result<Option<(Frame, usize)>, DecodeError> {
    let mut stack: Vec<Open> = Vec::new();
    let mut at = 0;
    loop {
        let Some((step, next)) = one(data, at)? else { return Ok(None) };
        at = next;
        let mut frame = match step {
            Step::Open(open) if stack.len() < DEPTH_MAX => {
                stack.push(open);
                continue;
            }
            Step::Open(_) => return Err(DecodeError::TooDeep),
            Step::Whole(frame) => frame,
        };
        // The frame may complete the aggregate around it, and that one its own.
        loop {
            let Some(open) = stack.last_mut() else { return Ok(Some((frame, at))) };
            open.items.push(frame);
            open.left -= 1;
            if open.left > 0 {
                break;
            }
            let open = stack.pop().expect("just looked at");
            frame = finish(open.tag, open.items);
        }
    }
}

/// Reads a scalar, or the header of an aggregate.
fn one(data: &[u8], at: usize) -> Result<Option<(Step, usize)>, DecodeError> {
    let Some(&tag) = data.get(at) else { return Ok(None) };
    if !b"+-:$*_,#(=%~>|!".contains(&tag) {
        return Err(DecodeError::UnknownType(tag));
    }
    let Some(end) = memchr::memchr(b'\n', &data[at..]) else { return Ok(None) };
    let next = at + end + 1;
    let text = data[at + 1..next].strip_suffix(b"\r\n").ok_or(DecodeError::BadValue)?;
    let frame = match tag {
        b'$' | b'=' | b'!' => {
            let Some(len) = length(tag, text)? else {
                return Ok(Some((Step::Whole(Frame::Bulk(None)), next)));
            };
            let Some(end) = next.checked_add(len).and_then(|end| end.checked_add(2)) else {
                return Err(DecodeError::BadLength);
            };
            let Some(body) = data.get(next..end) else { return Ok(None) };
            let body = body.strip_suffix(b"\r\n").ok_or(DecodeError::BadValue)?;
            return Ok(Some((Step::Whole(blob(tag, body)?), end)));
        }
        b'*' | b'%' | b'~' | b'>' | b'|' => {
            let Some(len) = length(tag, text)? else {
                return Ok(Some((Step::Whole(Frame::Array(None)), next)));
            };
            let left = match tag {
                b'%' => 2 * len,
                b'|' => 2 * len + 1,
                _ => len,
            };
            if left > 0 {
                return Ok(Some((Step::Open(Open { tag, left, items: Vec::new() }), next)));
            }
            finish(tag, Vec::new())
        }
        _ => scalar(tag, text)?,
    };
    Ok(Some((Step::Whole(frame), next)))
}

/// The length in a header; `None` for the null forms of RESP2.
fn length(tag: u8, text: &[u8]) -> Result<Option<usize>, DecodeError> {
    match num::parse_i64(text) {
        Some(-1) if matches!(tag, b'$' | b'*') => Ok(None),
        Some(len) if (0..=i64::from(u32::MAX)).contains(&len) => Ok(Some(len as usize)),
        _ => Err(DecodeError::BadLength),
    }
}

fn blob(tag: u8, body: &[u8]) -> Result<Frame, DecodeError> {
    Ok(match tag {
        b'$' => Frame::Bulk(Some(body.to_vec())),
        b'!' => Frame::Error(body.to_vec()),
        _ => {
            let (ext, rest) = body.split_first_chunk::<3>().ok_or(DecodeError::BadValue)?;
            let text = rest.strip_prefix(b":").ok_or(DecodeError::BadValue)?;
            Frame::Verbatim { ext: *ext, text: text.to_vec() }
        }
    })
}

fn scalar(tag: u8, text: &[u8]) -> Result<Frame, DecodeError> {
    Ok(match (tag, text) {
        (b'+', _) => Frame::Simple(text.to_vec()),
        (b'-', _) => Frame::Error(text.to_vec()),
        (b'(', _) => Frame::BigNumber(text.to_vec()),
        (b'_', b"") => Frame::Null,
        (b'#', b"t") => Frame::Bool(true),
        (b'#', b"f") => Frame::Bool(false),
        (b':', _) => Frame::Int(num::parse_i64(text).ok_or(DecodeError::BadValue)?),
        (b',', _) => {
            let value = match text {
                b"nan" | b"-nan" => f64::NAN,
                _ => double::parse_f64(text).ok_or(DecodeError::BadValue)?,
            };
            Frame::Double { value, text: text.to_vec() }
        }
        _ => return Err(DecodeError::BadValue),
    })
}

/// An aggregate from its items.
fn finish(tag: u8, mut items: Vec<Frame>) -> Frame {
    match tag {
        b'%' => Frame::Map(pairs(items)),
        b'~' => Frame::Set(items),
        b'>' => Frame::Push(items),
        b'|' => {
            let subject = items.pop().expect("the annotated frame comes last");
            Frame::Attribute(pairs(items), Box::new(subject))
        }
        _ => Frame::Array(Some(items)),
    }
}

fn pairs(items: Vec<Frame>) -> Vec<(Frame, Frame)> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
