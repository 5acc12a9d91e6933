//! Types and their encodings. Nothing here knows a key, a client or a reply's protocol version.

pub mod limits;
pub mod string;

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
