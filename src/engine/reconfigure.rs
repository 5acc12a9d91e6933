//! CONFIG SET: values, and what must follow for them to hold. All of it or nothing.

use super::Engine;
use super::config::apply::{Effect, effect, failed};
use super::config::{Config, Setter};
use crate::base::error::Error;
use crate::sys::error_text;
use std::path::Path;

/// Descriptors the server needs beside those of its clients.
const RESERVED_FILES: u64 = 32;

/// Which parameter could not be made to hold, and why.
type Refused = (&'static str, String);

/// Whether a parameter says where the data come from that are being loaded.
fn is_held_while_loading(name: &[u8]) -> bool {
    [&b"appendonly"[..], b"dir"].iter().any(|held| name.eq_ignore_ascii_case(held))
}

impl Engine {
    /// Sets all pairs or none, with the rights of `setter`.
    pub fn reconfigure(&mut self, pairs: &[(&[u8], &[u8])], setter: Setter) -> Result<(), Error> {
        if self.is_loading() && pairs.iter().any(|(name, _)| is_held_while_loading(name)) {
            return Err(Error::Loading);
        }
        let before = self.config.clone();
        let changed = self.config.set_by(pairs, setter)?;
        if let Err((name, reason)) = self.make_hold(&before, &changed) {
            self.config = before;
            return Err(failed(name, &reason));
        }
        self.configured();
        self.apply_output_limits();
        if changed.contains(&"loglevel") {
            crate::log::set_level(self.config.loglevel.name());
        }
        if changed.contains(&"proc-title-template") {
            self.show_title();
        }
        if changed.iter().any(|name| ["crash-log-enabled", "use-exit-on-panic"].contains(name)) {
            let config = &self.config;
            crate::sys::crash::configure(config.crash_log_enabled, config.use_exit_on_panic);
        }
        Ok(())
    }

    /// Does what changed values ask of the process; undoes it when one of them fails. What costs
    /// most to undo comes last.
    fn make_hold(&mut self, before: &Config, changed: &[&'static str]) -> Result<(), Refused> {
        let wants = |what: Effect| changed.iter().copied().find(|name| effect(name) == what);
        if wants(Effect::Directory).is_some() {
            let moved = self.env.process.change_directory(Path::new(&self.config.dir));
            let dir = moved.map_err(|error| ("dir", error_text(&error)))?;
            self.config.dir = dir.display().to_string();
        }
        let result = self.make_room(before).and_then(|()| match wants(Effect::Listen) {
            Some(name) => self.listen(name),
            None => Ok(()),
        });
        let result = result.and_then(|()| match wants(Effect::AppendOnly) {
            Some(name) => self.switch_log(name),
            None => Ok(()),
        });
        if wants(Effect::Appendfsync).is_some() {
            self.log_is_moot();
        }
        if result.is_err() && self.config.dir != before.dir {
            // It was the working directory a moment ago.
            let _ = self.env.process.change_directory(Path::new(&before.dir));
        }
        result
    }

    fn make_room(&mut self, before: &Config) -> Result<(), Refused> {
        if self.config.maxclients <= before.maxclients {
            return Ok(());
        }
        let wanted = u64::from(self.config.maxclients) + RESERVED_FILES;
        let allowed = self.env.process.allow_open_files(wanted);
        if allowed >= wanted {
            return Ok(());
        }
        let fitting = allowed.saturating_sub(RESERVED_FILES);
        Err((
            "maxclients",
            format!(
                "The operating system is not able to handle the specified number of clients, try \
                 with {fitting}"
            ),
        ))
    }

    fn listen(&mut self, name: &'static str) -> Result<(), Refused> {
        let config = &self.config;
        if self.env.ports.listen_on(&config.bind, config.port, config.tcp_backlog) {
            return Ok(());
        }
        Err(match name {
            "port" => ("port", "Unable to listen on this port. Check server logs.".to_owned()),
            name => (name, "Failed to bind to specified addresses.".to_owned()),
        })
    }

    fn switch_log(&mut self, name: &'static str) -> Result<(), Refused> {
        if !self.config.appendonly {
            self.stop_log();
        } else if !self.start_log() {
            return Err((name, "Unable to turn on AOF. Check server logs.".to_owned()));
        }
        Ok(())
    }

    /// Writes the values in force into the configuration file, those that have their default only
    /// when `all` says so; the error says why not.
    pub fn rewrite_config(&mut self, all: bool) -> Result<(), String> {
        let Some(path) = self.config_file.clone() else {
            return Err("The server is running without a config file".to_owned());
        };
        let old = self.env.disk.read(&path).unwrap_or_default();
        let old = String::from_utf8_lossy(&old);
        let text = if all { self.config.rewrite_all(&old) } else { self.config.rewrite(&old) };
        self.env.disk.replace(&path, text.as_bytes()).map_err(|error| error_text(&error))
    }

    /// Sets the counters of INFO back.
    pub fn reset_stats(&mut self) {
        self.stats = super::stats::Stats::default();
        self.calls.reset();
        self.cycle.reset(self.now_us);
        self.keyspace.counters = crate::keyspace::Counters::default();
    }
}
