//! Counters of the server, as INFO stats shows them.

use crate::base::error::Error;
use std::collections::BTreeMap;

/// Counters since the start or the last CONFIG RESETSTAT.
#[derive(Debug, Default, Clone)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections turned away at `maxclients`.
    pub rejected: u64,
    /// Commands run.
    pub commands: u64,
    /// Bytes read from clients.
    pub net_input: u64,
    /// Bytes written to clients.
    pub net_output: u64,
    /// Reads from sockets.
    pub reads: u64,
    /// Writes to sockets.
    pub writes: u64,
    /// Buffers of idle clients given back.
    pub buffer_shrinks: u64,
    /// Clients cut off for what they sent and did not end.
    pub query_limit_hits: u64,
    /// Times the deletion of due keys had to stop before all were gone.
    pub expiry_cut_short: u64,
    /// Microseconds spent on deleting due keys.
    pub expiry_us: u64,
    /// Microseconds for which more memory was used than may be.
    pub eviction_exceeded_us: u64,
    /// Clients closed because all together took too much memory.
    pub evicted_clients: u64,
    /// Failed attempts to authenticate.
    pub auth_denied: u64,
    /// Error replies.
    pub errors: u64,
    /// Error replies by code.
    pub error_codes: BTreeMap<String, u64>,
    /// Times a client was cut off for its unread output.
    pub output_limit_hits: u64,
    /// Objects freed off the loop.
    pub lazyfreed: u64,
}

/// More codes than this are a script's doing and are not told apart.
const ERROR_CODES_MAX: usize = 128;

impl Stats {
    /// Counts an error reply.
    pub fn error(&mut self, error: &Error) {
        self.errors += 1;
        let code = error.code();
        if self.error_codes.len() < ERROR_CODES_MAX || self.error_codes.contains_key(&code) {
            *self.error_codes.entry(code).or_default() += 1;
        }
    }
}
