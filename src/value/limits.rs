//! Thresholds at which values change their encoding, taken from the configuration.

use crate::base::hash::Seed;

/// Conversion thresholds and size limits a handler needs.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest string a client may build (`proto-max-bulk-len`), bytes.
    pub max_string_len: u64,
    /// Fields a hash may have as a listpack (`hash-max-listpack-entries`).
    pub hash_max_listpack_entries: usize,
    /// Longest field or value of such a hash (`hash-max-listpack-value`), bytes.
    pub hash_max_listpack_value: usize,
    /// The secret of all tables.
    pub seed: Seed,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_string_len: 512 << 20,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            seed: Seed { k0: 0, k1: 0 },
        }
    }
}
