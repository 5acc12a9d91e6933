//! What can be wrong with bytes that are read.

use std::fmt;
use std::io;

/// Why reading ended, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Bytes read until then.
    pub offset: u64,
    /// What was wrong.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The bytes end in the middle of something.
    Short,
    /// The device failed.
    Io(io::ErrorKind),
    /// It does not begin like a file of this format.
    Signature,
    /// The version is not known.
    Version(i64),
    /// The checksum at the end is another one than that of the bytes.
    Checksum {
        /// What stands in the file.
        stored: u64,
        /// What the bytes add up to.
        found: u64,
    },
    /// A value has no elements, which no key has; everything of it was read.
    Empty,
    /// A byte that is neither a kind of value nor anything else that may stand there.
    Kind(u8),
    /// A value that belongs to a module, by the name of its type.
    Module(String),
    /// Something is not laid out as it has to be.
    Damaged(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Short => f.write_str("Unexpected EOF reading RDB file"),
            Reason::Io(kind) => write!(f, "Can't read the RDB file: {kind}"),
            Reason::Signature => f.write_str("Wrong signature trying to load DB from file"),
            Reason::Version(version) => write!(f, "Can't handle RDB format version {version}"),
            Reason::Checksum { stored, found } => write!(
                f,
                "Wrong RDB checksum expected: ({found:x}) but got ({stored:x}). Aborting now."
            ),
            Reason::Empty => f.write_str("A key without elements"),
            Reason::Kind(kind) => write!(f, "Unknown RDB encoding type {kind}"),
            Reason::Module(name) => write!(
                f,
                "The RDB file contains module data I can't load: no matching module type '{name}'"
            ),
            Reason::Damaged(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}: {}", self.offset, self.reason)
    }
}

impl std::error::Error for Error {}
