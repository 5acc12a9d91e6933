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
    /// Elements (positive) or size class (-1 to -5) of a list's node (`list-max-listpack-size`).
    pub list_max_listpack_size: i64,
    /// Nodes at each end of a list that are not compressed (`list-compress-depth`).
    pub list_compress_depth: usize,
    /// Elements of this size are never part of a listpack, bytes.
    pub list_plain_from: usize,
    /// Members a sorted set may have as a listpack (`zset-max-listpack-entries`).
    pub zset_max_listpack_entries: usize,
    /// Longest member of such a sorted set (`zset-max-listpack-value`), bytes.
    pub zset_max_listpack_value: usize,
    /// The secret of all tables.
    pub seed: Seed,
    /// Bytes at which a stream begins a new node; 0 for no such limit.
    pub stream_node_max_bytes: usize,
    /// Entries at which a stream begins a new node; 0 for no such limit.
    pub stream_node_max_entries: u64,
    /// Whether Redis would hold small integers once for all keys: not where each key needs an
    /// access stamp of its own to be evicted by.
    pub shared_integers: bool,
}

impl Limits {
    /// What they are where nothing is configured.
    pub const DEFAULT: Limits = Limits {
        max_string_len: 512 << 20,
        set_max_intset_entries: 512,
        set_max_listpack_entries: 128,
        set_max_listpack_value: 64,
        hll_sparse_max_bytes: 3000,
        hash_max_listpack_entries: 512,
        hash_max_listpack_value: 64,
        list_max_listpack_size: -2,
        list_compress_depth: 0,
        list_plain_from: 1 << 30,
        zset_max_listpack_entries: 128,
        zset_max_listpack_value: 64,
        seed: Seed { k0: 0, k1: 0 },
        stream_node_max_bytes: 4096,
        stream_node_max_entries: 100,
        shared_integers: true,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}
