//! MONITOR: every command as a line, to those who asked.

use super::Engine;
use super::args::Args;
use super::client::ClientId;
use super::session::{Origin, Session};
use super::spec::{Spec, flag};
use crate::base::units::quote;

/// What stands for an argument that may be a secret.
pub const REDACTED: &[u8] = b"(redacted)";

impl Engine {
    /// Sends the client a line for every command from now on; false when it gets them already.
    pub fn monitor(&mut self, id: ClientId) -> bool {
        let known = self.monitors.contains(&id);
        if !known {
            self.monitors.push(id);
        }
        !known
    }

    /// Sends the client no more lines.
    pub fn stop_monitoring(&mut self, id: ClientId) {
        if !self.monitors.is_empty() {
            self.monitors.retain(|other| *other != id);
        }
    }

    /// Whether the client gets the lines.
    #[inline]
    pub fn is_monitor(&self, id: ClientId) -> bool {
        !self.monitors.is_empty() && self.monitors.contains(&id)
    }

    /// Tells who listens of a command that ran. Those of administrators are too delicate.
    #[inline]
    pub(super) fn show_to_monitors(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        if !self.monitors.is_empty() {
            self.show_unless_delicate(spec, session, args);
        }
    }

    #[cold]
    fn show_unless_delicate(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        if spec.flags & (flag::SKIP_MONITOR | flag::ADMIN) == 0 {
            self.show(spec, session, args);
        }
    }

    /// Shows a call of a script before its commands are shown.
    pub(super) fn show_script_to_monitors(
        &mut self,
        spec: &Spec,
        session: &Session,
        args: &Args<'_>,
    ) {
        self.show(spec, session, args);
    }

    /// Whether anybody gets the lines.
    #[inline]
    pub fn has_monitors(&self) -> bool {
        !self.monitors.is_empty()
    }

    #[cold]
    fn show(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        let us = self.env.clock.wall_us();
        let from = self.caller_of(session);
        let mut line = format!("{}.{:06} [{} {from}]", us / 1_000_000, us % 1_000_000, session.db);
        for i in 0..args.len() {
            let secret = spec.secrets.is_some_and(|is_secret| is_secret(args, i));
            line.push(' ');
            line.push_str(&quote(if secret { REDACTED } else { args.get(i) }));
        }
        let monitors = std::mem::take(&mut self.monitors);
        for id in &monitors {
            self.deliver(*id, &mut |_, out| out.simple(line.as_bytes()));
        }
        self.monitors = monitors;
    }

    /// Who runs a command, as MONITOR shows it.
    fn caller_of(&self, session: &Session) -> String {
        if matches!(session.origin, Origin::Script(_)) {
            return "lua".to_owned();
        }
        let peer = session.origin.client().and_then(|id| self.client(id)).map(|c| &c.peer);
        match peer {
            Some(peer) if peer.unix => format!("unix:{}", peer.addr.trim_end_matches(":0")),
            Some(peer) => peer.addr.clone(),
            None => String::new(),
        }
    }
}
