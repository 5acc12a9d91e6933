//! What happens by itself: expiry, idle clients, output limits, buffers of the idle.

use super::Engine;
use super::budget::{Budget, SLICE_US};
use super::client::{ClientId, CloseWish};
use super::limits;

/// When the slow round was last made.
#[derive(Default)]
pub struct Cron {
    next_round_us: u64,
    next_peak_reset_us: u64,
}

/// Milliseconds after which the peak of a reply buffer is forgotten, unless DEBUG says otherwise.
pub const PEAK_RESET_MS: Option<u64> = Some(5000);

/// Between two looks at all clients, microseconds.
const ROUND_US: u64 = 1_000_000;
/// A client's buffers are let go after this long without a request, microseconds.
const SHRINK_AFTER_US: u64 = 2_000_000;

impl Engine {
    /// Does what is due; returns the microseconds until something is due again, `None` for never.
    pub fn tick(&mut self) -> Option<u64> {
        let began_ns = self.refresh_clock();
        if self.scripts.suspended() {
            // The keyspace stands still, and nobody stops waiting.
            self.round_of_clients();
            return Some(0);
        }
        self.end_pause_in_time();
        let more = self.expire_due() | self.go_on_making_room();
        self.time_out_blocked();
        self.serve_ready();
        self.broadcast_invalid();
        self.round_of_clients();
        self.save_in_background();
        let clock = self.env.clock.as_ref();
        let mut budget = None;
        let restamping = self.keyspace.restamp(&mut || {
            budget.get_or_insert_with(|| Budget::slice(clock, self.now_ms, SLICE_US)).more()
        });
        if self.keyspace.has_garbage() {
            self.free_garbage();
        }
        let littered = self.scripts.tidy_up();
        let log = self.tick_log();
        let backlog = self.watch_backlog();
        let now_ns = self.env.clock.mono_ns();
        self.now_us = now_ns / 1000;
        self.cycle.cron_us += (now_ns - began_ns) / 1000;
        if more || restamping || littered || self.has_ready() {
            return Some(0);
        }
        let expiry = self.active_expiry().then(|| self.keyspace.next_deadline()).flatten();
        // A key is expired only once the clock is beyond its deadline.
        let expiry = expiry.map(|at| {
            let wall_us = self.env.clock.wall_us();
            at.saturating_add(1).saturating_mul(1000).saturating_sub(wall_us).max(0) as u64
        });
        let watched = !self.clients.is_empty() || self.env.links.kept() > 0;
        let round = (watched && !self.rounds_paused)
            .then(|| self.cron.next_round_us.saturating_sub(self.now_us).max(1));
        let timed = [self.blocking.first_deadline_us(), self.pausing.deadline_us()];
        let timed = timed.into_iter().flatten().min();
        let timed = timed.map(|at| at.saturating_sub(self.now_us));
        let files = [log, backlog, self.next_save_us(), self.next_load_us()];
        [expiry, round, timed].into_iter().chain(files).flatten().min()
    }

    fn active_expiry(&self) -> bool {
        let stopped = self.cron_paused || self.rounds_paused || self.is_loading();
        !stopped && !self.pausing.is_on()
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
        let began = self.env.clock.mono_us();
        let more = self.expire_slice(began + SLICE_US);
        self.stats.expiry_us += self.env.clock.mono_us() - began;
        self.stats.expiry_cut_short += u64::from(more);
        more
    }

    /// The same until `end`, monotonic microseconds.
    fn expire_slice(&mut self, end: u64) -> bool {
        let mut steps = 0;
        for db in 0..self.keyspace.dbs.len() {
            while self.keyspace.expire_next(db, self.now_ms) {
                self.unit_end();
                steps += 1;
                if steps % 16 == 0 && (steps >= 4096 || self.env.clock.mono_us() >= end) {
                    let next = self.keyspace.next_deadline();
                    return next.is_some_and(|at| at < self.now_ms);
                }
            }
        }
        false
    }

    /// Once a second: closes the idle and the overfull, takes unused buffers back, and sums up what
    /// clients take.
    fn round_of_clients(&mut self) {
        if self.now_us < self.cron.next_round_us || self.rounds_paused {
            return;
        }
        self.cron.next_round_us = self.now_us + ROUND_US;
        self.limit_tracked_keys();
        self.env.links.close_idle();
        let idle_us = u64::from(self.config.timeout) * 1_000_000;
        let limits = &self.config.client_output_buffer_limit;
        let now = self.now_us;
        let mut close: Vec<ClientId> = Vec::new();
        let forget = self.peak_reset_ms.is_some() && now >= self.cron.next_peak_reset_us;
        if let (true, Some(after_ms)) = (forget, self.peak_reset_ms) {
            self.cron.next_peak_reset_us = now + after_ms * 1000;
        }
        let (mut bytes, mut input, mut output) = (0, 0, 0);
        for client in self.clients.values_mut() {
            bytes += client.bytes();
            let quiet_us = now.saturating_sub(client.active_us);
            let subscribed = !client.subscriptions.is_empty();
            let Some(mut live) = client.live.take() else { continue };
            input = client.inbuf.capacity_bytes().max(input);
            output = live.out.len().max(output);
            if quiet_us >= SHRINK_AFTER_US && !self.buffers_kept {
                client.inbuf.shrink_if_idle();
                self.stats.buffer_shrinks += u64::from(live.out.out().shrink_if_idle());
            }
            if forget {
                client.output_peak = live.out.tail_len();
            }
            if limits::is_over(limits, client, &mut live.out, now) {
                limits::cut_off(client, &live.session, &mut self.stats);
            }
            client.live = Some(live);
            if idle_us > 0 && quiet_us > idle_us && !subscribed && !client.parked {
                tracing::debug!("Closing idle client");
                client.close = CloseWish::Now;
            }
            if client.close == CloseWish::Now {
                close.push(client.id);
            }
        }
        self.gauges.clients = bytes;
        self.recount_clients();
        let slot = (now / ROUND_US % 8) as usize;
        self.gauges.input_peaks[slot] = input;
        self.gauges.output_peaks[slot] = output;
        for id in close {
            self.mark_dirty(id);
        }
        self.keep_facts();
    }

    /// What a report of a crash will say about the state of the server.
    fn keep_facts(&self) {
        let keys: usize = self.keyspace.dbs.iter().map(|db| db.dict.len()).sum();
        crate::sys::crash::facts([
            (self.now_us - self.started_us) / 1_000_000,
            self.clients.len() as u64,
            self.stats.commands,
            self.env.memory.used() as u64,
            keys as u64,
        ]);
    }
}
