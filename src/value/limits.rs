//! Thresholds at which values change their encoding, taken from the configuration.

/// Conversion thresholds and size limits a handler needs.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest string a client may build (`proto-max-bulk-len`), bytes.
    pub max_string_len: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_string_len: 512 << 20 }
    }
}
