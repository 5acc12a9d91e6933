//! What a client may send, and what it is told when it sends something else.
//!
//! The texts are those of Redis 7.2; none of them depends on how the bytes were cut into reads.

use super::reply::Reply;
use std::borrow::Cow;

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`.
    pub max_bulk_len: u64,
    /// `client-query-buffer-limit`: bytes that have come and are not parsed.
    pub max_query: usize,
    /// Whether the client may run commands; if not, requests must be short.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_bulk_len: 512 << 20, max_query: 1 << 30, authenticated: true }
    }
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The line with the number of arguments does not end.
    MultibulkLineTooBig,
    /// The number of arguments is not one, or too large.
    MultibulkLength,
    /// More arguments than a client may send that has not authenticated.
    UnauthenticatedMultibulk,
    /// The line with the length of an argument does not end.
    BulkLineTooBig,
    /// An argument does not start with `$` but with this.
    ExpectedDollar(u8),
    /// The length of an argument is not one, or too large.
    BulkLength,
    /// A longer argument than a client may send that has not authenticated.
    UnauthenticatedBulk,
    /// An inline request does not end.
    InlineTooBig,
    /// An inline request with a quote that is not closed.
    UnbalancedQuotes,
    /// More unparsed bytes than the limit: the connection closes without an answer.
    QueryTooBig,
}

impl ProtocolError {
    /// The text of the error, without its code.
    pub fn text(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            ProtocolError::MultibulkLineTooBig => "Protocol error: too big mbulk count string",
            ProtocolError::MultibulkLength => "Protocol error: invalid multibulk length",
            ProtocolError::UnauthenticatedMultibulk => {
                "Protocol error: unauthenticated multibulk length"
            }
            ProtocolError::BulkLineTooBig => "Protocol error: too big bulk count string",
            ProtocolError::ExpectedDollar(got) => {
                let got = [*got];
                let got = String::from_utf8_lossy(&got);
                return Cow::Owned(format!("Protocol error: expected '$', got '{got}'"));
            }
            ProtocolError::BulkLength => "Protocol error: invalid bulk length",
            ProtocolError::UnauthenticatedBulk => "Protocol error: unauthenticated bulk length",
            ProtocolError::InlineTooBig => "Protocol error: too big inline request",
            ProtocolError::UnbalancedQuotes => "Protocol error: unbalanced quotes in request",
            ProtocolError::QueryTooBig => "query buffer limit reached",
        })
    }

    /// Whether the connection closes without a word.
    pub fn is_silent(&self) -> bool {
        matches!(self, ProtocolError::QueryTooBig)
    }

    /// Answers with this error, unless it is a silent one. The byte in `expected '$'` is sent
    /// as it came, which `text` cannot promise.
    pub fn write(&self, reply: &mut Reply) {
        match self {
            ProtocolError::QueryTooBig => {}
            ProtocolError::ExpectedDollar(got) => {
                let mut line = b"ERR Protocol error: expected '$', got '".to_vec();
                line.extend_from_slice(&[*got, b'\'']);
                reply.error_bytes(&line);
            }
            _ => reply.error(&format!("ERR {}", self.text())),
        }
    }
}
