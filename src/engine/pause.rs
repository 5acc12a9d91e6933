//! CLIENT PAUSE: requests that must wait stay parsed in their client's buffer, and run when the
//! pause ends, in the order in which they were held. What writes waits in the same way while too
//! much waits for the disk (`persist/backlog.rs`).
//!
//! Invariant: while a pause is on, nothing changes the data by itself: keys past their deadline are
//! hidden, not deleted.

use super::Engine;
use super::client::ClientId;
use super::spec::{Spec, flag};
use crate::keyspace::ExpiryPolicy;
use std::collections::VecDeque;

/// The pause, and who waits for its end.
#[derive(Debug, Default)]
pub struct Pausing {
    on: Option<Pause>,
    held: VecDeque<ClientId>,
    postponed: bool,
    /// Too much waits for the disk: what writes waits, too.
    brimming: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until_ms: u64,
    all: bool,
}

impl Pausing {
    /// Whether a pause is on.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// Whether any command must wait.
    #[inline]
    pub fn holds_any(&self) -> bool {
        self.on.is_some() || self.brimming
    }

    /// Whether a command must wait.
    pub fn holds(&self, spec: &Spec) -> bool {
        let may_change = spec.flags & (flag::WRITE | flag::MAY_REPLICATE) != 0;
        self.on.is_some_and(|pause| pause.all || may_change) || self.is_too_much(spec)
    }

    /// Whether it makes more of what already is too much.
    pub fn is_too_much(&self, spec: &Spec) -> bool {
        self.brimming && spec.has(flag::WRITE)
    }

    /// Whether commands that write wait until there is less that waits for the disk.
    pub(super) fn set_brimming(&mut self, brimming: bool) {
        self.brimming = brimming;
    }

    /// Clients that wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether the running request was held back.
    #[inline]
    pub(super) fn is_postponed(&self) -> bool {
        self.postponed
    }

    /// The same, once.
    #[inline]
    pub(super) fn take_postponed(&mut self) -> bool {
        std::mem::take(&mut self.postponed)
    }

    /// The running request is to stay where it is, to be tried again.
    pub(super) fn keep_request(&mut self) {
        self.postponed = true;
    }

    /// Monotonic microseconds at which the pause ends.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        self.on.map(|pause| pause.until_ms.saturating_mul(1000))
    }
}

impl Engine {
    /// Starts a pause of so many milliseconds, or makes the present one longer and stricter.
    pub fn pause(&mut self, for_ms: u64, all: bool) {
        let until_ms = (self.now_us / 1000).saturating_add(for_ms);
        let before = self.pausing.on;
        self.pausing.on = Some(Pause {
            until_ms: before.map_or(until_ms, |pause| pause.until_ms.max(until_ms)),
            all: all || before.is_some_and(|pause| pause.all),
        });
        self.keyspace.expiry = ExpiryPolicy::Hide;
    }

    /// Ends the pause: who waited goes on.
    pub fn unpause(&mut self) {
        if self.pausing.on.take().is_none() {
            return;
        }
        self.keyspace.expiry = ExpiryPolicy::Delete;
        self.release_held();
    }

    /// Who was held back goes on, or is held back once more.
    pub(super) fn release_held(&mut self) {
        for id in std::mem::take(&mut self.pausing.held) {
            self.unpark(id);
            if let Some(client) = self.clients.get_mut(&id) {
                client.postponed = false;
            }
        }
    }

    /// Holds the running request of a client back.
    pub(super) fn postpone(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.parked = true;
        client.postponed = true;
        self.pausing.held.push_back(id);
        self.pausing.keep_request();
    }

    /// A client that waits has gone.
    pub(super) fn forget_postponed(&mut self, id: ClientId) {
        if self.clients.get(&id).is_some_and(|client| client.postponed) {
            self.pausing.held.retain(|held| *held != id);
        }
    }

    /// Ends the pause when its time has come.
    pub(super) fn end_pause_in_time(&mut self) {
        if self.pausing.deadline_us().is_some_and(|at| at <= self.now_us) {
            self.unpause();
        }
    }
}
