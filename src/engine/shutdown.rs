//! The end of the process.

use super::config::types::shutdown::{FORCE, NOSAVE, SAVE};
use super::persist::aof::State;
use super::{Engine, NetRequest, Signal};

impl Engine {
    /// A signal asked the process to end.
    pub fn signal(&mut self, signal: Signal) {
        let (name, how) = match signal {
            Signal::Term => ("SIGTERM", self.config.shutdown_on_sigterm),
            Signal::Int => ("SIGINT", self.config.shutdown_on_sigint),
        };
        tracing::warn!(target: "signal-handler", "Received {name} scheduling shutdown...");
        if !self.shut_down(how) {
            tracing::warn!(
                "{name} received but errors trying to shut down the server, check the logs for \
                 more information"
            );
        }
    }

    /// Ends the server, `how` as bits: the data set is saved if there are save points or the call
    /// says so, then the network sends what is left and goes. False when the data set cannot be
    /// saved and that is no reason to lose it.
    pub fn shut_down(&mut self, how: u32) -> bool {
        self.finish_writes();
        tracing::warn!("User requested shutdown...");
        if self.aof.state == State::Waiting && how & FORCE == 0 {
            tracing::warn!("Writing initial AOF. Can't exit.");
            return false;
        }
        self.finish_writes();
        self.settle_log();
        self.drop_rewrite();
        self.abandon_background();
        let saves = !self.config.save.is_empty() && how & NOSAVE == 0 || how & SAVE != 0;
        // Half a data set must not take the place of the whole one.
        let saves = saves && !self.is_loading();
        if saves {
            tracing::info!("Saving the final RDB snapshot before exiting.");
            if self.save_snapshot().is_err() && how & FORCE == 0 {
                tracing::warn!("Error trying to save the DB, can't exit.");
                return false;
            }
        }
        crate::sys::supervise::stopping();
        tracing::warn!("Redis is now ready to exit, bye bye...");
        self.requests.push(NetRequest::Shutdown { exit_code: 0 });
        true
    }
}
