//! The RDB format: values as bytes and back. Bytes in, bytes out: nothing here knows a database, a
//! client or a file.
//!
//! ```text
//!  file      "REDIS0011"  aux...  functions...  (database  sizes  records...)...  end  checksum
//!  record    [deadline]  [hint]  kind  key  value
//!  payload   kind  value  version  checksum                     what DUMP gives and RESTORE takes
//! ```
//!
//! | file             | holds                                                        |
//! |------------------|--------------------------------------------------------------|
//! | `writer.rs`      | numbers, lengths and strings into bytes, and the checksum     |
//! | `save_value.rs`  | a value of any type and encoding                              |
//! | `save_file.rs`   | a whole file, record by record                                |
//! | `reader.rs`      | the same numbers and strings out of bytes that nobody trusts  |
//! | `load_value.rs`  | a value, looked at until it can be trusted                    |
//! | `load_growing.rs` | large values, so many elements at a call                     |
//! | `load_stream.rs` | streams                                                       |
//! | `load_legacy.rs` | ziplists and zipmaps of old versions                          |
//! | `load_file.rs`   | a whole file, one part at a call                              |
//! | `payload.rs`     | one value with version and checksum                           |
//! | `paced.rs`       | the same for large values, a part at a time                   |
//! | `check.rs`       | what `redis-check-rdb` says about a file                      |
//!
//! The layout, byte by byte, is in `docs/formats/rdb.md`.
//!
//! Invariants: reading allocates nothing ahead of the bytes that fill it; what `load_value` gives
//! passes `Value::check`.

pub mod check;
mod error;
mod load_file;
mod load_growing;
mod load_legacy;
mod load_stream;
mod load_value;
pub mod paced;
pub mod payload;
mod reader;
mod save_file;
mod save_value;
mod writer;

use crate::value::{PackedKind, Value};
pub use error::{Error, Reason};
pub use load_file::{Loader, Part};
pub use load_value::load_value;
pub use reader::Reader;
pub use save_file::{Saver, Start, save_properties};
pub use save_value::{begin_value, end_value, save_piece, save_value};
pub use writer::{Options, Writer};

/// The newest version that is read, and the one that is written.
pub const VERSION: u16 = 11;

/// The byte before a value: its type and encoding.
pub(crate) mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_BINARY: u8 = 5;
    pub const MODULE_OLD: u8 = 6;
    pub const MODULE: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_ZIPLISTS: u8 = 14;
    pub const STREAM_1: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_LISTPACKS: u8 = 18;
    pub const STREAM_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_3: u8 = 21;
}

/// The bytes between records that are no kind of value.
pub(crate) mod opcode {
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION: u8 = 245;
    pub const FUNCTION_OLD: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQ: u8 = 249;
    pub const AUX: u8 = 250;
    pub const SIZES: u8 = 251;
    pub const DEADLINE_MS: u8 = 252;
    pub const DEADLINE: u8 = 253;
    pub const DATABASE: u8 = 254;
    pub const END: u8 = 255;
}

/// A value to be saved, wherever it is.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A string that is an integer.
    Int(i64),
    /// A string.
    Text(&'a [u8]),
    /// A small collection.
    Packed(PackedKind, &'a [u8]),
    /// Any value.
    Boxed(&'a Value),
}

/// How recently or how often a key was used, as far as the file keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Seconds since its last use.
    IdleSeconds(u64),
    /// Its logarithmic counter of uses.
    Frequency(u8),
}

/// A key to be saved.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its name.
    pub key: &'a [u8],
    /// When it ends, milliseconds since 1970.
    pub deadline: Option<i64>,
    /// How it was used.
    pub hint: Option<Hint>,
    /// What it holds.
    pub value: Source<'a>,
}

/// A key that was read. A string is a [`Value::Str`] whatever its size.
#[derive(Debug)]
pub struct Loaded {
    /// Its name.
    pub key: Vec<u8>,
    /// When it ends, milliseconds since 1970.
    pub deadline: Option<i64>,
    /// How it was used.
    pub hint: Option<Hint>,
    /// What it holds.
    pub value: Value,
}
