//! Long work: a command over a huge value hands it back instead of running, and the engine takes it
//! in slices between other clients' requests. It stays one atomic command: what it reads is leased,
//! and what it writes appears when it is done.

use super::Engine;
use super::args::Args;
use super::budget::{Budget, SLICE_US};
use super::client::{ClientId, Live};
use super::cx::{Caller, DataCx, Outcome, Propagate};
use super::key_search::{Words, keys_of};
use super::keyspec::kflag;
use super::session::Session;
use super::spec::{Run, Spec, flag};
use crate::base::error::Error;
use crate::keyspace::lease::Touch;
use crate::keyspace::{BEFORE_ALL_DEADLINES, Keyspace};
use crate::resp::reply::Reply;
use crate::resp::request::Argv;
use std::collections::VecDeque;

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
    owner: ClientId,
    db: usize,
    now: i64,
    caller: Caller,
    argv: Option<Argv>,
    work: Box<dyn Work>,
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
        if let Some(held) = self.works.pop_front() {
            self.go_on(held, Some(SLICE_US));
        }
    }

    fn go_on(&mut self, mut held: Suspended, us: Option<u64>) {
        let id = held.owner;
        let live = self.clients.get_mut(&id).and_then(|c| c.live.take());
        if live.is_none() && !held.work.changes() {
            held.work.end(&mut self.keyspace);
            return;
        }
        let running = self.running;
        let began_ns = self.env.clock.mono_ns();
        let done = match live {
            Some(mut live) => {
                self.running = Some((id, live.out.proto));
                let done = self.finish_slice(&mut held, &mut live, us);
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
                self.slice(&mut held, &mut out, us).unwrap_or(true)
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
        self.unit_end();
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

    /// Brings work to its end before a command that would disturb it.
    #[inline]
    pub(super) fn settle_leases(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        if !self.keyspace.leases.is_empty() && self.disturbs(spec, session, args) {
            self.finish_works();
        }
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
        self.works.retain_mut(|held| {
            let stays = held.work.changes();
            if !stays {
                held.work.end(&mut self.keyspace);
            }
            stays
        });
        self.finish_works();
    }

    #[cold]
    fn disturbs(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) -> bool {
        let writes = spec.has(flag::WRITE);
        // A script may do anything; SORT looks up names that it makes itself.
        let on_data = matches!(spec.run, Run::Data(_));
        let reaches_all = spec.has(flag::MOVABLEKEYS) && !on_data;
        if reaches_all || writes && spec.keys.is_empty() {
            return true;
        }
        let unnamed = spec.has(flag::MOVABLEKEYS) && spec.keys.iter().any(|key| key.is_unknown());
        let looks_around =
            unnamed || spec.has(flag::ADMIN) || spec.has(flag::TOUCHES_ARBITRARY_KEYS);
        if looks_around && self.keyspace.leases.any_exclusive() {
            return true;
        }
        keys_of(spec, &Words::new(args, 0)).iter().any(|found| {
            let key = args.get(found.place);
            if !writes || found.flags & kflag::RO != 0 {
                // Deleting what is overdue is done before it is looked at.
                let touch = match self.keyspace.is_overdue(session.db, key, self.now_ms) {
                    true => Touch::Replaces,
                    false => Touch::Looks,
                };
                self.keyspace.lease_forbids(session.db, key, touch)
            } else if found.flags & (kflag::OW | kflag::RM) != 0 {
                // The database may be another one than the selected one.
                self.keyspace.lease_forbids_anywhere(key, Touch::Replaces)
            } else {
                self.keyspace.lease_forbids(session.db, key, Touch::Changes)
            }
        })
    }

    /// A client has gone: its reading ends, its writing goes on without it.
    pub(super) fn abandon_works(&mut self, id: ClientId) {
        let (kept, ended) = std::mem::take(&mut self.works)
            .into_iter()
            .partition(|held| held.owner != id || held.work.changes());
        self.works = kept;
        let ended: VecDeque<Suspended> = ended;
        for mut held in ended {
            held.work.end(&mut self.keyspace);
        }
    }
}
