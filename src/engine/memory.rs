//! `maxmemory`: what counts against it, how room is made before a command, and who is refused.
//!
//! What counts is what the allocator has handed out, less what only waits to be freed or written
//! to a file. Room is
//! made by deleting keys one by one, each deletion a unit of its own, for as long as
//! `maxmemory-eviction-tenacity` allows in one pass of the loop; what is left to do goes on
//! between requests. While that goes on nobody is refused: a write is only when nothing may be
//! deleted, and then long works and garbage are waited for first.
//!
//! Where the process runs in a container with a memory limit and nobody chose a `maxmemory`, the
//! container's limit less a reserve is the limit: an error for a write is better than the kernel's
//! end of the process. The kernel counts pages, also those the allocator keeps for later: from
//! a quarter of the reserve on they are given back.

use super::Engine;
use super::args::Args;
use super::budget::SLICE_US;
use super::config::{Config, MaxMemory, MaxmemoryPolicy};
use super::session::Session;
use super::spec::{Spec, flag};
use crate::env::Job;
use crate::keyspace::evict::{Choice, Measure};

/// Evictions between two looks at the clock.
const LOOK_EVERY: u32 = 8;
/// Garbage in flight from which on the loop helps to free it, bytes.
const GARBAGE_MAX: usize = 64 << 20;
/// The same as a part of the limit, where that is less.
const GARBAGE_PART: usize = 16;
/// The largest single piece the loop frees itself, bytes.
const OWN_PIECE_MAX: usize = 1 << 20;
/// Bytes in use from which on the allocator purges from a thread of its own: there is little to
/// purge below, and a start is to cost nothing.
const PURGE_ASIDE_FROM: usize = 32 << 20;
/// Longest wait for garbage before a write is refused, microseconds.
const WAIT_US: u64 = 1000;

/// The limit, and how it is kept.
#[derive(Debug, Default)]
pub struct MemoryLimit {
    /// Bytes that may be used; 0 is no limit.
    pub bytes: usize,
    /// The limit of the container the process runs in, bytes.
    pub container: Option<usize>,
    /// The running command finds memory short, and nothing could be done about it.
    pub(super) tight: bool,
    /// The running command is refused for it.
    pub(super) refuses: bool,
    /// Making room goes on between requests.
    pub(super) busy: bool,
    /// Microseconds spent on it in this pass.
    spent_us: u64,
    /// Since when more is used than may be, monotonic microseconds.
    pub(super) exceeded_since_us: Option<u64>,
    /// The allocator purges from a thread of its own.
    purges_aside: bool,
    /// Bytes all clients together may take; 0 is no limit.
    pub(super) clients_max: usize,
    /// Bytes they take, counted while there is that limit.
    pub(super) clients: usize,
}

/// How making room ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// There is enough.
    Enough,
    /// There will be: it goes on between requests.
    Soon,
    /// Nothing can be deleted.
    Never,
}

/// What a container's limit leaves for the data: the rest is for buffers, the allocator's own
/// needs and the system's.
pub fn container_share(limit: usize) -> usize {
    const RESERVE_MIN: usize = 32 << 20;
    limit - (limit / 5).max(RESERVE_MIN).min(limit / 2)
}

/// How long one pass may make room, microseconds.
fn tenacity_us(tenacity: u32) -> u64 {
    const STEP_US: u64 = 50;
    match tenacity {
        0..=10 => STEP_US * u64::from(tenacity),
        // 15 % more with each point.
        11..=99 => (500.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    }
}

fn choice(config: &Config) -> Choice {
    use MaxmemoryPolicy as P;
    let (measure, volatile) = match config.maxmemory_policy {
        P::AllkeysLru | P::Noeviction => (Measure::Idle, false),
        P::AllkeysLfu => (Measure::Uses, false),
        P::AllkeysRandom => (Measure::Chance, false),
        P::VolatileLru => (Measure::Idle, true),
        P::VolatileLfu => (Measure::Uses, true),
        P::VolatileRandom => (Measure::Chance, true),
        P::VolatileTtl => (Measure::Due, true),
    };
    Choice { measure, volatile, samples: config.maxmemory_samples as usize }
}

impl MemoryLimit {
    /// No limit yet, in a process whose container has this one.
    pub(super) fn new(container: Option<usize>) -> MemoryLimit {
        MemoryLimit { container, ..MemoryLimit::default() }
    }
}

impl Engine {
    /// Takes the limit and the policy over from the configuration.
    pub(super) fn configure_memory(&mut self) {
        let container = self.memory.container;
        if let (MaxMemory::Unset, Some(limit)) = (self.config.maxmemory, container) {
            let share = container_share(limit);
            self.config.maxmemory = MaxMemory::Derived(share as u64);
            tracing::info!(
                "maxmemory is {share} bytes: the container's limit of {limit} bytes less a reserve"
            );
        }
        let bytes = match self.config.maxmemory {
            MaxMemory::Blank | MaxMemory::Unset => 0,
            MaxMemory::Derived(bytes) | MaxMemory::Bytes(bytes) => bytes,
            MaxMemory::Percent(percent) => {
                let whole = container.unwrap_or_else(|| self.env.memory.machine());
                (whole as u64 / 100).saturating_mul(percent).max(1)
            }
        };
        let before = std::mem::replace(&mut self.memory.bytes, bytes as usize);
        self.keyspace.eviction.choose(choice(&self.config));
        let by_stamp = matches!(choice(&self.config).measure, Measure::Idle | Measure::Uses)
            && self.config.maxmemory_policy != MaxmemoryPolicy::Noeviction;
        self.limits.shared_integers = bytes == 0 || !by_stamp;
        if self.memory.bytes == before {
            return;
        }
        if let (true, Some(limit)) = (self.is_above_container(), container) {
            tracing::warn!(
                "WARNING: maxmemory ({bytes}) leaves too little of the container's memory limit \
                 ({limit}) for buffers and the system; the kernel may end the process."
            );
        }
        self.memory.tight = false;
        self.memory.refuses = false;
        if self.memory.bytes == 0 {
            self.end_of_excess();
        } else if self.excess().is_some() {
            tracing::warn!(
                "WARNING: the new maxmemory value ({bytes}) is smaller than the memory in use \
                 ({}). Keys will be evicted or writes refused, as maxmemory-policy says.",
                self.used_memory()
            );
            self.memory.busy = true;
        }
    }

    /// Gives the pages that the allocator keeps for later to the system, off the loop, when the
    /// process comes near the container's limit.
    pub(super) fn keep_clear_of_the_container(&mut self) {
        let Some(limit) = self.memory.container else { return };
        let reserve = limit - container_share(limit);
        let pages = self.gauges.pages;
        let spare = pages.resident.saturating_sub(pages.active);
        if self.gauges.rss > limit - reserve / 4 * 3 && spare > reserve / 16 {
            self.env.jobs.submit(Job::Free(self.env.memory.spare_pages()));
        }
    }

    /// Has the allocator give pages back from a thread of its own, if that is wanted: hundreds of
    /// calls to the kernel in a row are no matter there.
    pub(super) fn purge_aside(&mut self) {
        let large = self.memory.purges_aside || self.used_memory() >= PURGE_ASIDE_FROM;
        let wanted = self.config.jemalloc_bg_thread && large;
        if wanted != self.memory.purges_aside {
            self.memory.purges_aside = wanted;
            self.env.memory.purge_aside(wanted);
        }
    }

    /// Whether the limit is more than the container's limit leaves.
    pub(crate) fn is_above_container(&self) -> bool {
        let share = self.memory.container.map(container_share);
        share.is_some_and(|share| self.memory.bytes == 0 || self.memory.bytes > share)
    }

    /// Bytes in use, whatever for.
    pub fn used_memory(&self) -> usize {
        let data = || self.keyspace.bytes() + self.keyspace.garbage_bytes() + self.freeing;
        self.env.memory.used_with(&data)
    }

    /// Bytes in use that do not count against the limit.
    pub(crate) fn not_counted(&self) -> usize {
        let waste = self.freeing + self.keyspace.garbage_bytes();
        // What a save or the log holds is there because of the writes, and soon gone: evicting for
        // it would only make more of it.
        waste + self.keyspace.image_bytes() + self.aof.buffer_bytes()
    }

    /// Bytes that count against the limit.
    pub fn counted_memory(&self) -> usize {
        self.used_memory().saturating_sub(self.not_counted())
    }

    /// How many bytes more than the limit allows are in use.
    #[inline]
    fn excess(&self) -> Option<usize> {
        if self.used_memory() <= self.memory.bytes {
            return None;
        }
        self.counted_memory().checked_sub(self.memory.bytes).filter(|over| *over > 0)
    }

    /// Makes room before a command of a client. `MemoryLimit::tight` is set when there is none.
    /// True when the request is put back until the long works under way are done.
    #[inline]
    pub(super) fn room_for(&mut self, session: &Session, spec: &Spec, args: &Args<'_>) -> bool {
        if self.memory.bytes != 0 {
            self.memory.refuses = false;
            // A suspended script sees nothing change, and what is being loaded is not all there.
            let counts = session.authenticated && session.origin.client().is_some();
            if counts && !self.scripts.suspended() && !self.is_loading() {
                return self.room_for_it(session, spec, args);
            }
        }
        false
    }

    fn room_for_it(&mut self, session: &Session, spec: &Spec, args: &Args<'_>) -> bool {
        if self.excess().is_none() {
            self.memory.tight = false;
            self.end_of_excess();
            return false;
        }
        let mut room = self.evict();
        let needed = room == Room::Never && self.needs_room(session, spec, args);
        if needed {
            // What they have made so far goes with them, or it is what there is no room for.
            let client = session.may_wait().filter(|id| !self.waiting.has_waited(*id));
            if let (Some(id), false) = (client, self.works.is_empty()) {
                self.wait_for_works(id);
                return true;
            }
            if room == Room::Never && self.wait_for_garbage() {
                room = self.evict();
            }
        }
        self.memory.tight = room == Room::Never;
        self.memory.refuses = self.memory.tight && needed;
        false
    }

    /// Whether a command is refused when there is no room: those that would take more of it, what
    /// a transaction keeps, and scripts that declare what they do but not that they may run then.
    fn needs_room(&self, session: &Session, spec: &Spec, args: &Args<'_>) -> bool {
        let takes = |spec: &Spec, which: Option<&[u8]>| {
            spec.has(flag::DENYOOM) || self.needs_room_to_run(spec, which)
        };
        let queued = session.txn.as_ref().filter(|_| spec.name == "exec");
        takes(spec, args.iter().nth(1))
            || Engine::is_kept(session, spec)
            || queued.is_some_and(|txn| txn.iter().any(|(spec, first)| takes(spec, first)))
    }

    /// Deletes keys until there is room or this pass has spent enough time on it.
    fn evict(&mut self) -> Room {
        let evicts = self.config.maxmemory_policy != MaxmemoryPolicy::Noeviction;
        if self.pausing.is_on() || self.excess().is_none() {
            return self.ended(Room::Enough);
        }
        if !evicts {
            return self.ended(Room::Never);
        }
        let allowed_us = tenacity_us(self.config.maxmemory_eviction_tenacity);
        let left_us = allowed_us.saturating_sub(self.memory.spent_us);
        let mut room = Room::Enough;
        // A write that pushes out a key or two, the usual case, is not worth a look at the clock.
        let mut began_us = None;
        for n in 1u32.. {
            if !self.keyspace.evict_next(self.now_ms) {
                room = Room::Never;
                break;
            }
            self.unit_end();
            if self.excess().is_none() {
                break;
            }
            if n.is_multiple_of(LOOK_EVERY) {
                let now_us = self.env.clock.mono_us();
                if now_us - *began_us.get_or_insert(now_us) >= left_us {
                    room = Room::Soon;
                    break;
                }
            }
        }
        if let Some(began_us) = began_us {
            let spent = self.env.clock.mono_us() - began_us;
            self.memory.spent_us = self.memory.spent_us.saturating_add(spent);
        }
        self.ended(room)
    }

    fn ended(&mut self, room: Room) -> Room {
        self.memory.busy = room == Room::Soon;
        if room == Room::Enough {
            self.end_of_excess();
        } else if self.memory.exceeded_since_us.is_none() {
            self.memory.exceeded_since_us = Some(self.now_us);
        }
        room
    }

    fn end_of_excess(&mut self) {
        self.memory.busy = false;
        if let Some(since) = self.memory.exceeded_since_us.take() {
            self.stats.eviction_exceeded_us += self.now_us.saturating_sub(since);
        }
    }

    /// A pass of the loop begins: time may be spent on making room again.
    #[inline]
    pub(super) fn room_pass(&mut self) {
        self.memory.spent_us = 0;
    }

    /// Goes on making room between requests; true when there is more to do.
    pub(super) fn go_on_making_room(&mut self) -> bool {
        if self.memory.busy && !self.rounds_paused && !self.scripts.suspended() {
            self.evict();
        }
        self.memory.busy && !self.rounds_paused && !self.scripts.suspended()
    }

    /// Waits a moment for what is being freed; false when nothing is.
    fn wait_for_garbage(&mut self) -> bool {
        self.free_garbage();
        let end_us = self.env.clock.mono_us() + WAIT_US;
        let mut any = false;
        while self.freeing > 0 {
            let Some(done) = self.env.jobs.wait(WAIT_US / 10) else {
                if self.env.clock.mono_us() >= end_us || !self.env.jobs.may_wait() {
                    break;
                }
                continue;
            };
            self.job_done(done);
            any = true;
        }
        any
    }

    /// Hands what is to be freed to the job thread. When that cannot keep up, the loop frees
    /// smaller pieces itself, for a moment.
    pub(super) fn free_garbage(&mut self) {
        let end_us = self.env.clock.mono_us() + SLICE_US;
        let most = match self.memory.bytes {
            0 => GARBAGE_MAX,
            // It is there, though it does not count.
            limit => GARBAGE_MAX.min(limit / GARBAGE_PART),
        };
        for garbage in self.keyspace.take_garbage() {
            let (bytes, objects) = (garbage.bytes(), garbage.objects());
            let own = self.freeing > most && bytes <= OWN_PIECE_MAX;
            if own && self.env.clock.mono_us() < end_us {
                drop(garbage);
                self.stats.lazyfreed += objects as u64;
                continue;
            }
            self.freeing += bytes;
            self.freeing_objects += objects;
            self.env.jobs.submit(Job::Free(garbage));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_grows_as_in_redis() {
        assert_eq!([0, 1, 10].map(tenacity_us), [0, 50, 500]);
        assert_eq!(tenacity_us(11), 575);
        assert_eq!(tenacity_us(99) / 1_000_000, 126);
        assert_eq!(tenacity_us(100), u64::MAX);
    }

    #[test]
    fn a_container_keeps_a_reserve() {
        assert_eq!(container_share(1000 << 20), 800 << 20);
        assert_eq!(container_share(128 << 20), 96 << 20);
        assert_eq!(container_share(40 << 20), 20 << 20);
    }
}
