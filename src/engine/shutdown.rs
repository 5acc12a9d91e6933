//! The end of the process.

use super::config::types::shutdown::{FORCE, NOSAVE, SAVE};
use super::persist::aof::State;
use super::{Engine, NetRequest, Signal};

impl Engine {
    /// A signal asked the process to end. In the middle of a script that waits for its end: half
    /// of what it does must not be saved.
    pub fn signal(&mut self, signal: Signal) {
        let name = name_of(signal);
        tracing::warn!(target: "signal-handler", "Received {name} scheduling shutdown...");
        self.asked_to_end = Some(signal);
        self.end_as_asked();
    }

    /// Ends the server if a signal asked for it, unless a script is in the middle of something.
    pub(super) fn end_as_asked(&mut self) {
        if self.scripts.suspended() {
            return;
        }
        let Some(signal) = self.asked_to_end.take() else { return };
        let name = name_of(signal);
        let how = match signal {
            Signal::Term => self.config.shutdown_on_sigterm,
            Signal::Int => self.config.shutdown_on_sigint,
        };
        if !self.shut_down(how) {
            tracing::warn!(
                "{name} received but errors trying to shut down the server, check the logs for \
                 more information"
            );
        }
    }

    /// Forgets what a signal asked for, if that has not begun; false when there is nothing.
    pub fn stay_after_all(&mut self) -> bool {
        self.asked_to_end.take().is_some()
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

fn name_of(signal: Signal) -> &'static str {
    match signal {
        Signal::Term => "SIGTERM",
        Signal::Int => "SIGINT",
    }
}
