//! What a command runs as: database, rights, origin. A value that is passed in, never a global:
//! replay and scripts have a session and no client.

use super::client::ClientId;

/// Who a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A connected client.
    Client(ClientId),
    /// The append-only file, while it is loaded.
    AofLoad,
}

impl Origin {
    /// The client, when there is one.
    pub fn client(self) -> Option<ClientId> {
        match self {
            Origin::Client(id) => Some(id),
            Origin::AofLoad => None,
        }
    }
}

/// The state a command runs in; the protocol version lives in the reply.
#[derive(Debug, Clone)]
pub struct Session {
    /// Selected database.
    pub db: usize,
    /// Whether it may run commands.
    pub authenticated: bool,
    /// Who it is.
    pub origin: Origin,
}
