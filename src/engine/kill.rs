//! Ending connections from inside: CLIENT KILL.

use super::Engine;
use super::client::ClientId;

impl Engine {
    /// Ends a connection at once, what it was to be told included. Not for the running client,
    /// which is closed after its reply.
    pub fn kill(&mut self, id: ClientId) {
        if self.clients.get(&id).is_some() {
            self.gone(id);
            // The network asks about it and learns that nobody knows it any more.
            self.dirty.push(id);
        }
    }
}
