//! Long work: a command over a huge value hands it back instead of running, and the engine takes it
//! in slices between other clients' requests. It stays one atomic command: what it reads is leased,
//! and what it writes appears when it is done.

use super::Engine;
use super::args::Args;
use super::budget::{Budget, SLICE_US};
use super::client::{ClientId, Live};
use super::cx::{Caller, DataCx, Outcome, Propagate};
use super::obstacle::Ticket;
use super::session::Session;
use super::spec::Spec;
use crate::base::error::Error;
use crate::keyspace::{BEFORE_ALL_DEADLINES, Keyspace};
use crate::resp::reply::Reply;
use crate::resp::request::Argv;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// From this many elements on a command over a collection is cut into slices.
pub const LONG: usize = 4096;

/// How far a slice got.
pub enum Progress {
    /// There is more to do.
    Pending,
    /// That was all; the outcome is the command's.
    Done(Outcome),
}

/// A command that goes on in slices.
pub trait Work {
    /// Goes on until the budget is spent. Time, as `cx` tells it, stands still from slice to slice.
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error>;

    /// Whether it goes on to its end when its client goes: it changes something.
    fn changes(&self) -> bool;

    /// Lets go of leases and walks; called once, done or not.
    fn end(&mut self, space: &mut Keyspace);
}

/// What a call that goes on in slices has cost so far.
struct Cost {
    spec: &'static Spec,
    nanos: u64,
    call: Argv,
}

/// Work between two slices.
pub struct Suspended {
    pub(super) ticket: Ticket,
    /// The leases it was begun with.
    pub(super) leases: RangeInclusive<u64>,
    owner: ClientId,
    db: usize,
    now: i64,
    caller: Caller,
    argv: Option<Argv>,
    pub(super) work: Box<dyn Work>,
    /// What is being run, and how long it took so far, once the first slice is over.
    cost: Option<Cost>,
}

impl Engine {
    /// Takes long work on: a first slice at once, the rest between other requests. Where nobody is
    /// there to wait, it runs to its end.
    pub(super) fn enter(
        &mut self,
        work: Box<dyn Work>,
        session: &Session,
        out: &mut Reply,
        argv: Option<Argv>,
    ) -> Result<(), Error> {
        let owner = session.may_wait();
        let id = owner.unwrap_or(ClientId(0));
        let mut held = Suspended {
            ticket: self.waiting.ticket(),
            leases: self.keyspace.leases.taken(),
            owner: id,
            db: session.db,
            now: self.now_ms,
            caller: session.origin.caller(),
            argv,
            work,
            cost: None,
        };
        let slice = owner.map(|_| SLICE_US);
        if self.slice(&mut held, out, slice)? {
            return Ok(());
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.parked = true;
            client.replying = true;
        }
        self.works.push_back(held);
        self.calls.suspended = true;
        Ok(())
    }

    /// The work that was suspended last is a call of `spec`, whose first slice took so long.
    pub(super) fn note_cost(&mut self, spec: &'static Spec, nanos: u64, call: Argv) {
        if self.scripts.suspended() {
            self.note_script_cost(spec, nanos);
        } else if let Some(held) = self.works.back_mut() {
            held.cost = Some(Cost { spec, nanos, call });
        }
    }

    /// One slice, without a bound when `us` is `None`; true when the work is done and booked.
    fn slice(
        &mut self,
        held: &mut Suspended,
        out: &mut Reply,
        us: Option<u64>,
    ) -> Result<bool, Error> {
        let clock = self.env.clock.as_ref();
        let mut budget = match us {
            Some(us) => Budget::slice(clock, held.now, us),
            None => Budget::endless(clock, held.now),
        };
        let now_for_keys = if held.caller == Caller::Log { BEFORE_ALL_DEADLINES } else { held.now };
        let mut cx = DataCx {
            // Many slices are still one access to the key.
            keys: self.keyspace.keys(held.db, now_for_keys, held.cost.is_none()),
            out,
            rng: &mut self.rng,
            limits: &self.limits,
            now: held.now,
            caller: held.caller,
        };
        let progress = held.work.step(&mut cx, &mut budget);
        if matches!(progress, Ok(Progress::Pending)) {
            return Ok(false);
        }
        held.work.end(&mut self.keyspace);
        match progress? {
            Progress::Done(Outcome::Changed(Propagate::As(argv))) => {
                self.keyspace.effects.propagate(held.db, || argv);
            }
            Progress::Done(Outcome::Changed(Propagate::Verbatim)) => {
                if let Some(argv) = held.argv.take() {
                    self.keyspace.effects.propagate(held.db, || argv);
                }
            }
            Progress::Done(_) | Progress::Pending => {}
        }
        Ok(true)
    }

    /// Goes on with the work that waits longest, for one slice.
    pub fn resume(&mut self) {
        // Nothing comes in between what a script does.
        if self.scripts.suspended() {
            return;
        }
        if let Some(held) = self.works.pop_front() {
            self.go_on(held, Some(SLICE_US));
        }
    }

    fn go_on(&mut self, mut held: Suspended, us: Option<u64>) {
        let id = held.owner;
        let live = self.clients.get_mut(&id).and_then(|c| c.live.take());
        if live.is_none() && !held.work.changes() {
            held.work.end(&mut self.keyspace);
            self.ticket_ends(held.ticket);
            return;
        }
        // A script may be at work that changed something already: its unit goes on.
        let alone = self.keyspace.effects.is_empty();
        let running = self.running;
        let began_ns = self.env.clock.mono_ns();
        let done = match live {
            Some(mut live) => {
                self.running = Some((id, live.out.proto));
                let done = self.finish_slice(&mut held, &mut live, us);
                // It is the owner's own change, whoever else has the turn.
                if alone {
                    self.unit_end();
                }
                self.append_deferred(id, &mut live.out);
                if let Some(client) = self.clients.get_mut(&id) {
                    client.live = Some(live);
                }
                // Whoever has more coming than it may is not served to the end.
                self.watch_output(id);
                self.mark_dirty(id);
                done
            }
            // Nobody reads the answer any more.
            None => {
                let mut out = Reply::new(crate::resp::reply::Proto::V2);
                let done = self.slice(&mut held, &mut out, us).unwrap_or(true);
                if alone {
                    self.unit_end();
                }
                done
            }
        };
        self.running = running;
        if let Some(cost) = &mut held.cost {
            cost.nanos += self.env.clock.mono_ns().saturating_sub(began_ns);
            if done {
                self.stats.commands += 1;
                self.calls.book(cost.spec.index, 1, cost.nanos);
                self.note_slow(cost.spec, Some(id), &Args::new(cost.call.raw()), cost.nanos);
            }
        }
        if !done {
            self.works.push_back(held);
            return;
        }
        // Who waited comes before what this client sends next.
        self.ticket_ends(held.ticket);
        self.answered(id);
    }

    fn finish_slice(&mut self, held: &mut Suspended, live: &mut Live, us: Option<u64>) -> bool {
        match self.slice(held, &mut live.out, us) {
            Ok(done) => done,
            Err(error) => {
                self.write_error(&error, &mut live.out);
                true
            }
        }
    }

    /// The answer of a client's long work is complete: what was held back follows it.
    pub(super) fn answered(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.replying = false;
        if let (Some(mut late), Some(live)) = (client.held_back.take(), &mut client.live) {
            live.out.out().append(late.out());
        }
        self.unpark(id);
    }

    /// Brings one work to its end.
    #[cold]
    pub(super) fn finish_work(&mut self, ticket: Ticket) {
        let at = self.works.iter().position(|held| held.ticket == ticket);
        if let Some(held) = at.and_then(|at| self.works.remove(at)) {
            self.go_on(held, None);
        }
    }

    /// Brings work to its end that changes its value slice by slice: what it has under way is no
    /// state of that value.
    #[cold]
    pub(super) fn finish_exclusive(&mut self) {
        let users: Vec<u64> = self.keyspace.leases.exclusive().collect();
        let owns = |held: &&Suspended| users.iter().any(|user| held.leases.contains(user));
        let tickets: Vec<Ticket> = self.works.iter().filter(owns).map(|held| held.ticket).collect();
        tickets.into_iter().for_each(|ticket| self.finish_work(ticket));
    }

    /// Brings all work to its end.
    #[cold]
    pub(super) fn finish_works(&mut self) {
        while let Some(held) = self.works.pop_front() {
            self.go_on(held, None);
        }
    }

    /// Brings work that changes something to its end: the server is about to go.
    pub(super) fn finish_writes(&mut self) {
        self.end_works(|held| !held.work.changes());
        self.finish_works();
    }

    /// A client has gone: its reading ends, its writing goes on without it.
    pub(super) fn abandon_works(&mut self, id: ClientId) {
        self.end_works(|held| held.owner == id && !held.work.changes());
    }

    /// Ends works without an answer.
    fn end_works(&mut self, ends: impl Fn(&Suspended) -> bool) {
        let works = std::mem::take(&mut self.works).into_iter();
        let (ended, kept): (VecDeque<_>, VecDeque<_>) = works.partition(ends);
        self.works = kept;
        for mut held in ended {
            held.work.end(&mut self.keyspace);
            self.ticket_ends(held.ticket);
        }
    }
}
