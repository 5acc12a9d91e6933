//! How a stream is to be trimmed.

use super::id::StreamId;

/// What is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The last so many entries.
    MaxLen(u64),
    /// The entries from this id on.
    MinId(StreamId),
}

/// One trimming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What is to stay.
    pub strategy: Strategy,
    /// Only whole nodes go.
    pub approximate: bool,
    /// Most entries that may go.
    pub limit: Option<u64>,
}
