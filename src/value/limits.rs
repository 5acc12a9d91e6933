//! Thresholds at which values change their encoding, taken from the configuration.

/// Conversion thresholds and size limits a handler needs.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest string a client may build (`proto-max-bulk-len`), bytes.
    pub max_string_len: u64,
    /// Bytes at which a stream begins a new node; 0 for no such limit.
    pub stream_node_max_bytes: usize,
    /// Entries at which a stream begins a new node; 0 for no such limit.
    pub stream_node_max_entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_string_len: 512 << 20,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
        }
    }
}
