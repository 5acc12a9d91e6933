//! What happens by itself: expiry, idle clients, output limits, buffers of the idle.

use super::Engine;
use super::budget::{Budget, SLICE_US};
use super::client::{ClientId, CloseWish};

/// When the slow round was last made.
#[derive(Default)]
pub struct Cron {
    next_round_us: u64,
}

/// Between two looks at all clients, microseconds.
const ROUND_US: u64 = 1_000_000;
/// A client's buffers are let go after this long without a request, microseconds.
const SHRINK_AFTER_US: u64 = 2_000_000;

impl Engine {
    /// Does what is due; returns the microseconds until something is due again, `None` for never.
    pub fn tick(&mut self) -> Option<u64> {
        self.refresh_clock();
        if self.scripts.suspended() {
            // The keyspace stands still, and nobody stops waiting.
            self.round_of_clients();
            return Some(0);
        }
        let more = self.expire_due();
        self.time_out_blocked();
        self.serve_ready();
        self.round_of_clients();
        let clock = self.env.clock.as_ref();
        let mut budget = Budget::slice(clock, self.now_ms, SLICE_US);
        let restamping = self.keyspace.restamp(&mut || budget.more());
        if self.keyspace.has_garbage() {
            self.free_garbage();
        }
        if more || restamping || self.has_ready() {
            return Some(0);
        }
        self.refresh_clock();
        let expiry = self.active_expiry().then(|| self.keyspace.next_deadline()).flatten();
        // A key is expired only once the clock is beyond its deadline.
        let wall_us = self.env.clock.wall_us();
        let expiry = expiry.map(|at| {
            at.saturating_add(1).saturating_mul(1000).saturating_sub(wall_us).max(0) as u64
        });
        let round = (!self.clients.is_empty())
            .then(|| self.cron.next_round_us.saturating_sub(self.now_us).max(1));
        let blocked = self.blocking.first_deadline_us();
        let blocked = blocked.map(|at| at.saturating_sub(self.now_us));
        [expiry, round, blocked].into_iter().flatten().min()
    }

    fn active_expiry(&self) -> bool {
        !self.cron_paused
    }

    /// Deletes keys that are due, for one slice; true when more are due.
    fn expire_due(&mut self) -> bool {
        if !self.active_expiry() {
            return false;
        }
        let due =
            |engine: &Engine| engine.keyspace.next_deadline().is_some_and(|at| at < engine.now_ms);
        if !due(self) {
            return false;
        }
        let end = self.env.clock.mono_us() + SLICE_US;
        let mut steps = 0;
        for db in 0..self.keyspace.dbs.len() {
            while self.keyspace.expire_next(db, self.now_ms) {
                self.unit_end();
                steps += 1;
                if steps % 16 == 0 && (steps >= 4096 || self.env.clock.mono_us() >= end) {
                    return due(self);
                }
            }
        }
        false
    }

    /// Once a second: closes the idle and the overfull, takes unused buffers back.
    fn round_of_clients(&mut self) {
        if self.now_us < self.cron.next_round_us {
            return;
        }
        self.cron.next_round_us = self.now_us + ROUND_US;
        let idle_us = u64::from(self.config.timeout) * 1_000_000;
        let [normal, _, pubsub] = self.config.client_output_buffer_limit;
        let now = self.now_us;
        let mut close: Vec<ClientId> = Vec::new();
        for client in self.clients.values_mut() {
            let quiet_us = now.saturating_sub(client.active_us);
            let subscribed = !client.subscriptions.is_empty();
            let Some(live) = &mut client.live else { continue };
            if quiet_us >= SHRINK_AFTER_US {
                client.inbuf.shrink_if_idle();
                live.out.out().shrink_if_idle();
            }
            let limit = if subscribed { pubsub } else { normal };
            let pending = live.out.out().len() as u64;
            let soft = limit.soft_bytes > 0 && pending > limit.soft_bytes;
            client.soft_since_us = if soft { client.soft_since_us.or(Some(now)) } else { None };
            let over_soft = client
                .soft_since_us
                .is_some_and(|since| now - since >= limit.soft_seconds * 1_000_000);
            let over_hard = limit.hard_bytes > 0 && pending > limit.hard_bytes;
            if over_soft || over_hard {
                self.stats.output_limit_hits += 1;
                tracing::warn!(
                    "Client id={} scheduled to be closed ASAP for overcoming of output buffer \
                     limits.",
                    client.id.0
                );
            }
            let idle = idle_us > 0 && quiet_us > idle_us && !subscribed && !client.parked;
            if idle || over_soft || over_hard {
                client.close = CloseWish::Now;
                close.push(client.id);
            }
        }
        for id in close {
            self.mark_dirty(id);
        }
    }
}
