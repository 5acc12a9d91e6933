//! Thresholds at which values change their encoding, taken from the configuration.

use crate::base::hash::Seed;

/// Conversion thresholds and size limits a handler needs.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest string a client may build (`proto-max-bulk-len`), bytes.
    pub max_string_len: u64,
    /// Most members of an intset (`set-max-intset-entries`).
    pub set_max_intset_entries: usize,
    /// Most members of a set that is a listpack (`set-max-listpack-entries`).
    pub set_max_listpack_entries: usize,
    /// Longest member of such a set (`set-max-listpack-value`), bytes.
    pub set_max_listpack_value: usize,
    /// Longest HyperLogLog in sparse form (`hll-sparse-max-bytes`), header and all, bytes.
    pub hll_sparse_max_bytes: usize,
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
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            hll_sparse_max_bytes: 3000,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            seed: Seed { k0: 0, k1: 0 },
        }
    }
}
