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
