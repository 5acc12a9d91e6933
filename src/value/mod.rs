//! Types and their encodings. Nothing here knows a key, a client or a reply's protocol version.

pub mod capture;
pub mod copying;
pub mod hash;
pub mod limits;
pub mod list;
pub mod set;
pub mod stream;
pub mod string;
pub mod zset;

use crate::alloc::size_class;
use crate::ds::dict::{Fetch, fetch_all};
use crate::ds::listpack::Item;
use crate::resp::reply::Reply;
use hash::Hash;
use list::List;
use set::Set;
use stream::Stream;
use string::BigStr;
use zset::ZSet;

/// A value too large or too structured to live inside its entry.
#[derive(Debug)]
pub enum Value {
    /// A string.
    Str(BigStr),
    /// A list.
    List(List),
    /// A hash.
    Hash(Hash),
    /// A set.
    Set(Set),
    /// A stream.
    Stream(Box<Stream>),
    /// A sorted set.
    ZSet(ZSet),
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

    /// Whether the change that was just made may serve a blocked command, as new entries of a
    /// stream do; asked once after each edit. Appearance and end of a key always may.
    fn serves(&mut self) -> bool {
        false
    }
}

impl Value {
    /// Asks for the cache lines that a search for a member with this hash touches, if this is a
    /// large collection with a table of members, or those of a stream's end; false otherwise.
    #[inline]
    pub fn fetch(&self, hash: u64, what: Fetch) -> bool {
        match (self, what) {
            (Value::Stream(stream), Fetch::Bucket) => fetch_all(&**stream),
            (Value::Stream(stream), Fetch::Entry) => stream.log.fetch(),
            _ => return self.fetch_member(hash, what),
        }
        true
    }

    #[inline]
    fn fetch_member(&self, hash: u64, what: Fetch) -> bool {
        match self {
            Value::Set(Set::Table(table)) => table.fetch(hash, what),
            Value::Hash(Hash::Table(table)) => table.fetch(hash, what),
            Value::ZSet(ZSet::Ranked(ranked)) => ranked.fetch(hash, what),
            _ => return false,
        }
        true
    }

    /// The type's name, as `TYPE` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Str(_) => "string",
            Value::List(_) => "list",
            Value::Hash(_) => "hash",
            Value::Set(_) => "set",
            Value::Stream(_) => "stream",
            Value::ZSet(_) => "zset",
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::Str(_) => "raw",
            Value::List(list) => list.encoding(),
            Value::Hash(hash) => hash.encoding(),
            Value::Set(set) => set.as_ref().encoding(),
            Value::Stream(_) => "stream",
            Value::ZSet(set) => set.encoding(),
        }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Value {
        match self {
            Value::Str(s) => Value::Str(s.duplicate()),
            Value::List(list) => Value::List(list.duplicate()),
            Value::Hash(hash) => Value::Hash(hash.duplicate()),
            Value::Set(set) => Value::Set(set.duplicate()),
            Value::Stream(s) => Value::Stream(Box::new(s.duplicate())),
            Value::ZSet(set) => Value::ZSet(set.duplicate()),
        }
    }

    /// Bytes held, the box included.
    pub fn bytes(&self) -> usize {
        const BOX: usize = size_class(size_of::<Value>());
        BOX + match self {
            Value::Str(s) => s.heap_bytes(),
            Value::List(list) => list.heap_bytes(),
            Value::Hash(hash) => hash.heap_bytes(),
            Value::Set(set) => set.heap_bytes(),
            Value::Stream(s) => s.bytes(),
            Value::ZSet(set) => set.heap_bytes(),
        }
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        match self {
            Value::Str(_) => {}
            Value::List(list) => list.check(),
            Value::Hash(hash) => hash.check(),
            Value::Set(set) => set.check(),
            Value::Stream(stream) => stream.check(),
            Value::ZSet(set) => set.check(),
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
