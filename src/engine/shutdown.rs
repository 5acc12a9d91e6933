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
        crate::sys::supervise::stopping();
        tracing::warn!("Redis is now ready to exit, bye bye...");
        self.requests.push(NetRequest::Shutdown { exit_code: 0 });
    }
}
