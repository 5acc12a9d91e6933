//! How often each command ran and how long it took, for INFO commandstats and latencystats.
//!
//! Reading a clock costs as much as a good part of a GET, so brief commands are timed together: a
//! row of them shares the time from its first to its last, in equal parts. Whatever may take long
//! is timed alone. One reading ends a command and starts the next. Invariant: `calls` and the sums
//! of times are exact once `close_row` was called; what is shared is only the part of each.

use super::Engine;
use super::args::Args;
use super::cx::Called;
use super::session::Session;
use super::spec::{Run, Spec, flag};
use crate::base::error::Error;
use crate::ds::histogram::Histogram;
use crate::resp::reply::Reply;

/// Brief commands that share one reading of the clock.
const ROW: usize = 32;
/// With more words than this no command is brief.
const BRIEF_WORDS: usize = 8;

/// What is known of one command.
#[derive(Debug, Clone, Default)]
pub struct CallStats {
    /// Times it ran.
    pub calls: u64,
    /// Nanoseconds it took, all calls together.
    pub nanos: u64,
    /// Times it was not admitted.
    pub rejected: u64,
    /// Times it ran and ended in an error.
    pub failed: u64,
    /// How long its calls took, nanoseconds.
    pub latency: Histogram,
}

/// All commands by `Spec::index`, and the row of brief ones that is not booked yet.
#[derive(Debug, Default)]
pub struct Calls {
    all: Vec<CallStats>,
    row: [u16; ROW],
    len: usize,
    /// When the last booked command ended, monotonic nanoseconds.
    mark_ns: u64,
    /// The running command goes on in slices: it is counted when it is done.
    pub(super) suspended: bool,
    /// Whether histograms are kept (`latency-tracking`).
    pub tracking: bool,
    /// Every command is timed by itself, brief ones too.
    pub alone: bool,
}

impl Calls {
    /// Room for `count` commands.
    pub fn new(count: usize) -> Calls {
        Calls { all: vec![CallStats::default(); count], ..Calls::default() }
    }

    /// What is known of a command.
    pub fn of(&self, spec: &Spec) -> &CallStats {
        &self.all[usize::from(spec.index)]
    }

    /// A command was not admitted.
    #[cold]
    pub fn rejected(&mut self, spec: &Spec) {
        self.all[usize::from(spec.index)].rejected += 1;
    }

    /// A command that ran ended in an error.
    #[cold]
    pub fn failed(&mut self, spec: &Spec) {
        self.all[usize::from(spec.index)].failed += 1;
    }

    /// Forgets everything but what is running.
    pub fn reset(&mut self) {
        self.len = 0;
        self.all.fill(CallStats::default());
    }

    /// Forgets the histograms: they would mix times before and after a pause of tracking.
    pub fn forget_latencies(&mut self) {
        self.all.iter_mut().for_each(|one| one.latency = Histogram::default());
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        self.all.iter().map(|one| size_of::<CallStats>() + one.latency.bytes()).sum()
    }

    /// Nothing ran since the last command; from here on time counts.
    pub(super) fn restart(&mut self, now_ns: u64) {
        self.mark_ns = now_ns;
    }

    /// Books the row, whose last command has just ended.
    pub(super) fn close_row(&mut self, now_ns: u64) {
        let took = now_ns.saturating_sub(self.mark_ns);
        self.mark_ns = now_ns;
        let len = std::mem::take(&mut self.len);
        let Some(&first) = self.row[..len].first() else { return };
        let each = took / len as u64;
        // A pipeline mostly repeats one command.
        if self.row[..len].iter().all(|index| *index == first) {
            return self.book(first, len as u64, took);
        }
        for at in 0..len {
            self.book(self.row[at], 1, each);
        }
    }

    /// Counts calls that took so long together.
    pub(super) fn book(&mut self, index: u16, calls: u64, nanos: u64) {
        let one = &mut self.all[usize::from(index)];
        one.calls += calls;
        one.nanos += nanos;
        if self.tracking {
            one.latency.record(nanos / calls, calls);
        }
    }
}

/// Whether a call ends soon whatever its keys hold.
#[inline]
fn is_brief(spec: &Spec, words: usize) -> bool {
    spec.has(flag::BRIEF) && words <= BRIEF_WORDS
}

/// Whether `spec` is worth the flag `BRIEF`: fast by its own account, and no path out of `Data`.
pub(super) const fn brief_flag(spec: &Spec) -> u32 {
    // These are called slow in Redis's table although they take as long as any other write.
    let fast = spec.has(flag::FAST) || matches!(spec.name.as_bytes(), b"set" | b"setbit");
    let waits = spec.has(flag::BLOCKING);
    if fast && !waits && matches!(spec.run, Run::Data(_)) { flag::BRIEF } else { 0 }
}

impl Engine {
    /// Runs an admitted command and books what it costs. One that blocks is not counted before it
    /// is answered.
    #[inline]
    pub(super) fn timed_call(
        &mut self,
        spec: &'static Spec,
        session: &mut Session,
        out: &mut Reply,
        args: &mut Args<'_>,
    ) -> Result<Called, Error> {
        let words = args.len();
        let began_ns = self.call_begins(spec, words);
        let called = self.call(spec, session, out, args);
        match &called {
            Ok(Called::Done) if std::mem::take(&mut self.calls.suspended) => {
                self.close_row();
                let took = self.calls.mark_ns.saturating_sub(began_ns);
                self.note_cost(spec, took, args.to_argv());
                return called;
            }
            Ok(Called::Done) => {}
            Ok(Called::Blocked(_)) => return called,
            Err(_) => self.calls.failed(spec),
        }
        if let Some(took) = self.call_ends(spec, words, began_ns) {
            self.note_slow(spec, session.origin.client(), args, took);
        }
        called
    }

    /// A blocked command ended without having found anything.
    pub(super) fn gave_up(&mut self, spec: &Spec, failed: bool) {
        self.stats.commands += 1;
        self.calls.book(spec.index, 1, 0);
        if failed {
            self.calls.failed(spec);
        }
    }

    /// All clients had their turn.
    pub(super) fn end_of_pass(&mut self, began_ns: u64) {
        if self.calls.len > 0 {
            self.close_row();
        }
        self.cycle.commands_us += self.calls.mark_ns.saturating_sub(began_ns) / 1000;
    }

    /// A command is about to run; the result goes to `call_ends`.
    #[inline]
    fn call_begins(&mut self, spec: &Spec, words: usize) -> u64 {
        if self.calls.len > 0 && !self.shares_clock(spec, words) {
            self.close_row();
        }
        self.calls.mark_ns
    }

    #[inline]
    fn shares_clock(&self, spec: &Spec, words: usize) -> bool {
        is_brief(spec, words) && !self.calls.alone
    }

    /// The command that began at `began_ns` has ended; tells how many nanoseconds it took, if it
    /// was timed alone.
    #[inline]
    fn call_ends(&mut self, spec: &Spec, words: usize, began_ns: u64) -> Option<u64> {
        self.stats.commands += 1;
        if self.shares_clock(spec, words) {
            let calls = &mut self.calls;
            calls.row[calls.len] = spec.index;
            calls.len += 1;
            if calls.len == ROW {
                self.close_row();
            }
            return None;
        }
        self.close_row();
        let took = self.calls.mark_ns - began_ns;
        self.calls.book(spec.index, 1, took);
        Some(took)
    }

    /// Reads the clock and books the brief commands that ran since the last reading.
    pub(super) fn close_row(&mut self) {
        let now_ns = self.env.clock.mono_ns();
        self.calls.close_row(now_ns);
    }
}
