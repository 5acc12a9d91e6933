//! The end of the process.

use super::{Engine, NetRequest, Signal};

impl Engine {
    /// A signal asked the process to end.
    pub fn signal(&mut self, signal: Signal) {
        let name = match signal {
            Signal::Term => "SIGTERM",
            Signal::Int => "SIGINT",
        };
        tracing::warn!(target: "signal-handler", "Received {name} scheduling shutdown...");
        self.shut_down("User requested shutdown...");
    }

    /// Ends the server; the network sends what is left and goes.
    pub fn shut_down(&mut self, reason: &str) {
        tracing::warn!("{reason}");
        tracing::warn!("Redis is now ready to exit, bye bye...");
        self.requests.push(NetRequest::Shutdown { exit_code: 0 });
    }

    /// Channels somebody listens to, those that match when a pattern is given.
    pub fn listened_channels<'a>(
        &'a self,
        pattern: Option<&'a [u8]>,
    ) -> impl Iterator<Item = &'a bytes::Bytes> {
        self.pubsub.channels(pattern)
    }

    /// How many patterns are listened to.
    pub fn listened_patterns(&self) -> usize {
        self.pubsub.patterns()
    }

    /// How many clients listen to a channel by its name.
    pub fn listeners(&self, channel: &[u8]) -> usize {
        self.pubsub.count(channel)
    }
}
