//! Types and their encodings. Nothing here knows a key, a client or a reply's protocol version.

pub mod limits;
pub mod string;

use crate::ds::listpack::Item;
use crate::resp::reply::Reply;
use string::BigStr;

/// A value too large or too structured to live inside its entry.
#[derive(Debug)]
pub enum Value {
    /// A string.
    Str(BigStr),
}

impl Value {
    /// The type's name, as `TYPE` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Str(_) => "string",
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::Str(_) => "raw",
        }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Value {
        match self {
            Value::Str(s) => Value::Str(s.duplicate()),
        }
    }

    /// Bytes held, the box included.
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Value>()
            + match self {
                Value::Str(s) => s.heap_bytes(),
            }
    }
}

/// Writes an element of a listpack as a bulk string.
#[inline]
pub fn reply_item(out: &mut Reply, item: Item<'_>) {
    match item {
        Item::Int(n) => out.bulk_int(n),
        Item::Bytes(bytes) => out.bulk(bytes),
    }
}
