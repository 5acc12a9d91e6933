//! Types and their encodings. Nothing here knows a key, a client or a reply's protocol version.

pub mod hash;
pub mod limits;
pub mod set;
pub mod string;

use crate::ds::listpack::Item;
use crate::resp::reply::Reply;
use hash::Hash;
use set::Set;
use string::BigStr;

/// A value too large or too structured to live inside its entry.
#[derive(Debug)]
pub enum Value {
    /// A string.
    Str(BigStr),
    /// A hash.
    Hash(Hash),
    /// A set.
    Set(Set),
}

/// The encodings of small collections, whose bytes may live inside their entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PackedKind {
    /// A hash: field, value, field, value.
    HashListpack,
    /// A set of members.
    SetListpack,
    /// A set of sorted integers.
    SetIntset,
    /// A sorted set: member, score, member, score.
    ZSetListpack,
    /// A list.
    ListListpack,
}

impl PackedKind {
    /// All of them, each at the place its discriminant names.
    pub const ALL: [PackedKind; 5] = [
        PackedKind::HashListpack,
        PackedKind::SetListpack,
        PackedKind::SetIntset,
        PackedKind::ZSetListpack,
        PackedKind::ListListpack,
    ];

    /// The type's name, as `TYPE` prints it.
    pub fn type_name(self) -> &'static str {
        match self {
            PackedKind::HashListpack => "hash",
            PackedKind::SetListpack | PackedKind::SetIntset => "set",
            PackedKind::ZSetListpack => "zset",
            PackedKind::ListListpack => "list",
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(self) -> &'static str {
        if self == PackedKind::SetIntset { "intset" } else { "listpack" }
    }
}

/// A collection type as the keyspace handles it: taken out of its entry to be edited, put back as
/// packed bytes or as a boxed value.
pub trait Collection: Default + Sized {
    /// An empty one, which may take this empty buffer to grow in.
    fn growing_in(_buffer: &mut Vec<u8>) -> Self {
        Self::default()
    }

    /// The collection in a boxed value; `None` when that is of another type.
    fn of(value: &mut Value) -> Option<&mut Self>;

    /// It as a value of its own.
    fn into_value(self) -> Value;

    /// The collection that these trusted bytes encode; the bytes back when they are of another
    /// type.
    fn of_packed(kind: PackedKind, bytes: Vec<u8>) -> Result<Self, Vec<u8>>;

    /// Its bytes, while its encoding is a packed one.
    fn as_packed(&self) -> Option<(PackedKind, &[u8])>;

    /// The buffer of a packed one, to be used again; an empty one otherwise.
    fn into_packed_bytes(self) -> Vec<u8>;

    /// Whether its key is to go.
    fn is_empty(&self) -> bool;

    /// Whether a change of an existing one may serve a blocked command, as new entries of a stream
    /// do. Its appearance and its end always may.
    const SERVES: bool = false;
}

impl Value {
    /// The type's name, as `TYPE` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Str(_) => "string",
            Value::Hash(_) => "hash",
            Value::Set(_) => "set",
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::Str(_) => "raw",
            Value::Hash(hash) => hash.encoding(),
            Value::Set(set) => set.as_ref().encoding(),
        }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Value {
        match self {
            Value::Str(s) => Value::Str(s.duplicate()),
            Value::Hash(hash) => Value::Hash(hash.duplicate()),
            Value::Set(set) => Value::Set(set.duplicate()),
        }
    }

    /// Bytes held, the box included.
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Value>()
            + match self {
                Value::Str(s) => s.heap_bytes(),
                Value::Hash(hash) => hash.heap_bytes(),
                Value::Set(set) => set.heap_bytes(),
            }
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        match self {
            Value::Str(_) => {}
            Value::Hash(hash) => hash.check(),
            Value::Set(set) => set.check(),
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
