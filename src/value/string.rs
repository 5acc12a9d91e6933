//! Strings: integers and short ones live in their entry, longer ones are boxed.
//!
//! Encoding names follow Redis: `int` for what reads as a 64-bit integer, `embstr` up to 44 bytes,
//! `raw` beyond, and for whatever was changed in place.

use super::Value;
use crate::alloc::size_class;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::resp::reply::Reply;
use bytes::Bytes;

/// What counts the owners of shared bytes, on the heap.
const SHARED_PART: usize = size_class(24);

/// Longest string that is called `embstr`.
pub const EMBSTR_MAX: usize = 44;

/// From this size on a string is one shared buffer: adopted from the request, lent to replies.
pub const SHARED_MIN: usize = 32 * 1024;

/// From this size on one that was changed in place is shared, too, once a reply asks for it.
pub const LENT_MIN: usize = 1 << 20;

/// A string outside its entry.
#[derive(Debug)]
pub enum BigStr {
    /// Being changed, or not worth sharing.
    Owned(Vec<u8>),
    /// Immutable; replies and snapshots may hold it too.
    Shared(Bytes),
}

impl Default for BigStr {
    fn default() -> Self {
        BigStr::Owned(Vec::new())
    }
}

impl BigStr {
    /// The same bytes again; a shared buffer is shared once more.
    pub fn duplicate(&self) -> BigStr {
        match self {
            BigStr::Owned(v) => BigStr::Owned(v.clone()),
            BigStr::Shared(b) => BigStr::Shared(b.clone()),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            BigStr::Owned(v) => v,
            BigStr::Shared(b) => b,
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            BigStr::Owned(v) => size_class(v.capacity()),
            BigStr::Shared(b) => size_class(b.len()) + SHARED_PART,
        }
    }

    /// The bytes as a vector to change; copied only when somebody else holds them too.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            BigStr::Owned(v) => v,
            BigStr::Shared(b) => Vec::from(b),
        }
    }
}

/// The type marker of strings.
pub struct Str;

/// A string, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum StrRef<'a> {
    /// It is stored as an integer.
    Int(i64),
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its bytes in a buffer that a reply may share.
    Shared(&'a Bytes),
}

impl<'a> StrRef<'a> {
    /// Length of the text, bytes.
    pub fn len(&self) -> usize {
        match self {
            StrRef::Int(n) => itoa::Buffer::new().format(*n).len(),
            StrRef::Bytes(b) => b.len(),
            StrRef::Shared(b) => b.len(),
        }
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `f` over the text.
    pub fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            StrRef::Int(n) => f(itoa::Buffer::new().format(*n).as_bytes()),
            StrRef::Bytes(b) => f(b),
            StrRef::Shared(b) => f(b),
        }
    }

    /// The integer the text reads as.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            StrRef::Int(n) => Some(*n),
            StrRef::Bytes(b) => parse_i64(b),
            StrRef::Shared(_) => None,
        }
    }

    /// Writes it as a bulk string; a shared buffer is lent, not copied.
    #[inline]
    pub fn reply(self, out: &mut Reply) {
        match self {
            StrRef::Int(n) => out.bulk_int(n),
            StrRef::Bytes(b) => out.bulk(b),
            StrRef::Shared(b) => out.bulk_shared(b.clone()),
        }
    }
}

impl Value {
    /// The string it is.
    pub fn as_string(&self) -> Result<StrRef<'_>, Error> {
        match self {
            Value::Str(BigStr::Owned(v)) => Ok(StrRef::Bytes(v)),
            Value::Str(BigStr::Shared(b)) => Ok(StrRef::Shared(b)),
            _ => Err(Error::WrongType),
        }
    }
}
