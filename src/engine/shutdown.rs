//! The end of the process, and what follows a change of the configuration.

use super::config::apply::{Effect, effect};
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

    /// Parameters changed: the parts that keep a copy take it over.
    pub fn reconfigured(&mut self, changed: &[&'static str]) {
        self.configured();
        if changed.iter().any(|name| effect(name) == Effect::Listen) {
            self.requests.push(NetRequest::Rebind);
        }
        if changed.contains(&"loglevel") {
            crate::log::set_level(self.config.loglevel.name());
        }
        if changed.contains(&"proc-title-template") {
            self.show_title();
        }
        let config = &self.config;
        if changed.iter().any(|name| ["crash-log-enabled", "use-exit-on-panic"].contains(name)) {
            crate::sys::crash::configure(config.crash_log_enabled, config.use_exit_on_panic);
        }
    }
}
