//! How requests run: a client's turn, one request, one command.

use super::Engine;
use super::args::Args;
use super::client::{Client, ClientId, CloseWish, Live, ReplyMode};
use super::cx::{Called, CmdResult, DataCx, EngineCx, Outcome, Propagate};
use super::gate;
use super::limits;
use super::session::{Origin, Session};
use super::spec::{Run, Spec};
use crate::base::error::Error;
use crate::keyspace::BEFORE_ALL_DEADLINES;
use crate::keyspace::keys::Hint;
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::{InBuf, Limits, Parsed};

/// Requests of one client in one pass; the rest waits for the others' turn.
const TURN_REQUESTS: usize = 512;
/// Requests between two looks at the clock.
const CLOCK_EVERY: usize = 64;
/// How long one client's turn may take, microseconds.
const TURN_US: u64 = 1000;

/// Why a command of a log had no effect.
#[derive(Debug)]
pub enum NotReplayed {
    /// It is no command, or its words do not fit.
    NoCommand(Error),
    /// It ran and ended in an error.
    Failed(Error),
}

impl Engine {
    /// Runs what has arrived, a bounded turn for each client.
    pub fn run_ready(&mut self) {
        let began_ns = self.refresh_clock();
        self.calls.restart(began_ns);
        self.sample();
        if self.scripts.suspended() {
            self.resume_script();
            // The others are held until the script has taken too long.
            if self.scripts.suspended() && self.scripts.busy().is_none() {
                return self.end_of_pass(began_ns);
            }
        }
        if self.flights.any_over() && !self.scripts.suspended() {
            self.land_flights();
        }
        self.room_pass();
        let mut left = self.ready.len();
        let answered = left > 0;
        while left > 0 {
            let group = self.plan_ahead().min(left).max(1);
            for _ in 0..group {
                if let Some(id) = self.ready.pop_front() {
                    self.turn(id);
                }
            }
            left -= group;
        }
        self.end_of_pass(began_ns);
        self.resume();
        self.load_on(answered);
        self.broadcast_invalid();
        self.evict_clients();
        if self.keyspace.has_garbage() {
            self.free_garbage();
        }
    }

    /// Runs a client's requests until none is complete or its turn is over.
    fn turn(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.queued = false;
        let Some(mut live) = client.live.take() else { return };
        let mut inbuf = std::mem::take(&mut client.inbuf);
        client.input_seen = (inbuf.len(), inbuf.capacity_bytes());
        self.speaks(id, live.out.proto);
        let more = self.requests_of(id, &mut live, &mut inbuf);
        self.running = None;
        self.turn_of = None;
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.inbuf = inbuf;
        let output = !live.out.is_empty();
        let limits = &self.config.client_output_buffer_limit;
        let overflow = limits::is_over(limits, client, &mut live.out, self.now_us);
        if client.read_closed && !more && !client.parked && client.close == CloseWish::No {
            client.close = CloseWish::AfterReply;
        }
        if overflow {
            limits::cut_off(client, &live.session, &mut self.stats);
        }
        client.live = Some(live);
        if (output || client.close != CloseWish::No) && !client.dirty {
            client.dirty = true;
            self.dirty.push(id);
        }
        if more {
            self.make_ready(id);
        }
        self.count_client(id);
    }

    /// A client has its turn, and what it is told out of turn has this form from here on.
    pub fn speaks(&mut self, id: ClientId, proto: Proto) {
        self.running = Some((id, proto));
        self.turn_of = self.running;
    }

    /// The loop of `turn`; true when complete requests may be left.
    fn requests_of(&mut self, id: ClientId, live: &mut Live, inbuf: &mut InBuf) -> bool {
        let turn_end = self.now_us + TURN_US;
        for n in 1..TURN_REQUESTS + 1 {
            // Most clients send a request and wait.
            if n > 1 && inbuf.is_empty() {
                return false;
            }
            let Some(client) = self.clients.get(&id) else { return false };
            if client.parked || client.close != CloseWish::No {
                return false;
            }
            let silenced = client.reply_mode != ReplyMode::On;
            // What a transaction keeps looks at no key before EXEC.
            if n > 1 && !self.ahead.pending() && live.session.txn.is_none() {
                self.plan_more(id, inbuf, live.session.db);
            }
            // What a pause held back was parsed before it.
            let held = inbuf.has_request();
            let planned = if held { None } else { self.ahead.take(inbuf.next_address()) };
            let item = planned.unwrap_or_default();
            if let Some(raw) = inbuf.seen_args(&item.seen, &self.limits_of(live)) {
                self.request_of(id, live, &mut Args::new(raw), &item.hint, silenced);
                if self.pausing.take_postponed() {
                    inbuf.parse(&self.limits_of(live));
                    return false;
                }
                inbuf.skip_seen(&item.seen);
            } else {
                match if held { Parsed::Request } else { inbuf.parse(&self.limits_of(live)) } {
                    Parsed::Incomplete => return false,
                    Parsed::Error(error) => {
                        error.write(&mut live.out);
                        self.refuse_protocol(id, error.is_silent());
                        return false;
                    }
                    Parsed::Request => {}
                }
                let mut args = Args::new(inbuf.raw_args());
                self.request_of(id, live, &mut args, &item.hint, silenced);
                if self.pausing.take_postponed() {
                    return false;
                }
                inbuf.finish_request();
            }
            if n % CLOCK_EVERY == 0 {
                let now_ns = self.refresh_clock();
                self.calls.close_row(now_ns);
                if self.now_us >= turn_end {
                    return true;
                }
            }
        }
        true
    }

    /// What a request of a client may be like now.
    #[inline]
    fn limits_of(&self, live: &Live) -> Limits {
        Limits {
            max_bulk_len: self.config.proto_max_bulk_len,
            max_query: self.config.client_query_buffer_limit as usize,
            authenticated: live.session.authenticated,
        }
    }

    /// A browser was made to send this: what it means to smuggle in is not run.
    #[cold]
    fn refuse_http(&mut self, session: &Session) {
        tracing::warn!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: \
             commands to Redis. The connection is closed."
        );
        if let Some(client) = session.origin.client().and_then(|id| self.clients.get_mut(&id)) {
            client.close = CloseWish::Now;
        }
    }

    fn refuse_protocol(&mut self, id: ClientId, silent: bool) {
        if !silent {
            self.stats.error(&Error::err("Protocol error"));
        }
        if let Some(client) = self.clients.get_mut(&id) {
            tracing::debug!("Protocol error from client id={}", id.0);
            self.stats.query_limit_hits += u64::from(silent);
            client.close = if silent { CloseWish::Now } else { CloseWish::AfterReply };
        }
    }

    /// One request of a client: what surrounds the command itself. `silenced` tells whether CLIENT
    /// REPLY was anything but on before it.
    #[inline(never)]
    fn request_of(
        &mut self,
        id: ClientId,
        live: &mut Live,
        args: &mut Args<'_>,
        hint: &Hint,
        silenced: bool,
    ) {
        self.keyspace.hints().expect_first(*hint);
        if silenced {
            self.reply_mode_before(id, &mut live.out);
        }
        self.command(&mut live.session, &mut live.out, args);
        self.keyspace.hints().clear();
        if self.pausing.is_postponed() {
            return;
        }
        self.unit_end();
        if self.trackers.clients() > 0 {
            self.end_of_tracking(id, &live.session);
        }
        if !self.deferred.is_empty() {
            self.append_deferred(id, &mut live.out);
        }
        if self.blocking.has_ready() {
            self.serve_ready();
            // Those who were served did something that it hears of, too.
            self.append_deferred(id, &mut live.out);
            self.running = self.turn_of;
        }
        if silenced {
            self.reply_mode_after(id, &mut live.out);
        }
    }

    /// Finds, admits and runs one command and writes its error, if it ends in one.
    pub fn command(&mut self, session: &mut Session, out: &mut Reply, args: &mut Args<'_>) {
        if is_http(args.get(0)) {
            self.refuse_http(session);
            return;
        }
        let mark = out.mark();
        let done = match self.resolve(args) {
            Ok(spec) => self.found(spec, session, out, args),
            Err(error) => Err(match &error {
                Error::WrongArity(name) => self.give_up_txn(&name.clone(), session, error),
                _ => self.give_up_txn("", session, error),
            }),
        };
        if let Err(error) = done {
            out.truncate(mark);
            self.write_error(&error, out);
        }
    }

    /// Admits and runs a command that exists.
    #[inline(always)]
    fn found(
        &mut self,
        spec: &'static Spec,
        session: &mut Session,
        out: &mut Reply,
        args: &mut Args<'_>,
    ) -> Result<(), Error> {
        session.last_command = spec.full_name;
        if self.room_for(session, spec, args) {
            return Ok(());
        }
        let call = gate::Call { engine: self, session, proto: out.proto, spec, args };
        match gate::admit(&call) {
            Ok(gate::Admitted::Go) => {}
            Ok(gate::Admitted::Park(id)) => {
                self.postpone(id);
                return Ok(());
            }
            Err(error) => {
                self.calls.rejected(spec);
                return Err(self.give_up_txn(spec.name, session, error));
            }
        }
        if Engine::is_kept(session, spec) {
            Engine::keep(session, spec, out, args);
            return Ok(());
        }
        if self.waits_for_work(spec, session, args) {
            return Ok(());
        }
        match self.timed_call(spec, session, out, args) {
            Ok(Called::Done) => Ok(()),
            Ok(Called::Blocked(block)) => {
                match session.may_wait() {
                    Some(id) => self.block(id, session.db, spec, (*block, args.to_argv())),
                    None => {
                        block.refuse(out);
                        self.gave_up(spec, false);
                    }
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Answers with an error and counts it.
    pub(super) fn write_error(&mut self, error: &Error, out: &mut Reply) {
        self.stats.error(error);
        match error {
            Error::Quoting(bytes) => out.error_bytes(bytes),
            _ => out.error(&error.text()),
        }
    }

    /// The spec of a call: its name, its subcommand and its arity fit.
    #[inline(always)]
    pub(super) fn resolve(&mut self, args: &Args<'_>) -> Result<&'static Spec, Error> {
        match self.table.find(args.get(0)) {
            Some(spec) if spec.subcommands.is_empty() && spec.fits(args.len()) => Ok(spec),
            found => self.resolve_further(found, args),
        }
    }

    #[inline(never)]
    fn resolve_further(
        &mut self,
        found: Option<&'static Spec>,
        args: &Args<'_>,
    ) -> Result<&'static Spec, Error> {
        let Some(spec) = found else { return Err(unknown_command(args)) };
        let alone = args.len() == 1 && !spec.is_container();
        if spec.subcommands.is_empty() || alone {
            if spec.fits(args.len()) {
                return Ok(spec);
            }
            return Err(self.wrong_arity(spec));
        }
        if args.len() < 2 {
            return Err(self.wrong_arity(spec));
        }
        let sub = args.get(1);
        match spec.subcommand(sub) {
            Some(found) if found.fits(args.len()) => Ok(found),
            Some(found) => Err(self.wrong_arity(found)),
            None => Err(unknown_subcommand(spec.name, sub)),
        }
    }

    #[cold]
    fn wrong_arity(&mut self, spec: &Spec) -> Error {
        self.calls.rejected(spec);
        Error::WrongArity(spec.full_name.to_owned())
    }

    /// Runs an admitted command and books its outcome.
    #[inline(always)]
    pub(super) fn call(
        &mut self,
        spec: &'static Spec,
        session: &mut Session,
        out: &mut Reply,
        args: &mut Args<'_>,
    ) -> Result<Called, Error> {
        // Others have waited.
        if !self.keyspace.leases.is_empty() && session.may_wait().is_none() {
            self.settle_leases(spec, session, args);
        }
        let result = match spec.run {
            Run::Data(run) => self.call_data((run, spec), session, out, args),
            Run::Engine(run) => run(&mut EngineCx { engine: self, session, out }, args),
            Run::Container => Err(Error::Syntax),
        };
        self.show_to_monitors(spec, session, args);
        self.remember_keys(spec, session, args);
        // What a command comes to is large: it is looked at where it is.
        match result {
            Ok(Outcome::Unchanged | Outcome::Changed(Propagate::Nothing)) => {}
            Ok(Outcome::Changed(Propagate::Verbatim)) => {
                let effects = &mut self.keyspace.effects;
                effects.propagate_call(session.db, || args.as_sent(), args.iter());
            }
            Ok(Outcome::Changed(Propagate::As(argv))) => {
                self.keyspace.effects.propagate(session.db, || argv);
            }
            Ok(Outcome::Block(block)) => return Ok(Called::Blocked(Box::new(block))),
            Ok(Outcome::Enter(work)) => {
                let logged = self.keyspace.effects.interest.propagate.then(|| args.to_argv());
                self.enter(work, session, out, logged)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Called::Done)
    }

    #[inline]
    fn call_data(
        &mut self,
        (run, spec): (fn(&mut DataCx<'_>, &mut Args<'_>) -> CmdResult, &Spec),
        session: &Session,
        out: &mut Reply,
        args: &mut Args<'_>,
    ) -> CmdResult {
        // Who asks by name that a key be touched means it.
        let stamp = !session.no_touch || spec.name == "touch";
        let from_log = session.origin == Origin::AofLoad;
        // To what comes from a log no key is past its deadline: the log itself deletes it.
        let now_for_keys = if from_log { BEFORE_ALL_DEADLINES } else { self.now_ms };
        let mut cx = DataCx {
            keys: self.keyspace.keys(session.db, now_for_keys, stamp),
            out,
            rng: &mut self.rng,
            limits: &self.limits,
            now: self.now_ms,
            caller: session.origin.caller(),
        };
        run(&mut cx, args)
    }

    /// Runs a command outside any client, as a log being replayed does: it was admitted and counted
    /// when it first ran.
    pub fn replay(
        &mut self,
        session: &mut Session,
        out: &mut Reply,
        args: &mut Args<'_>,
    ) -> Result<(), NotReplayed> {
        let spec = self.resolve(args).map_err(NotReplayed::NoCommand)?;
        if Engine::is_kept(session, spec) {
            Engine::keep(session, spec, out, args);
            return Ok(());
        }
        if args.len() > 1 {
            let planned = self.ahead.take(args.get(1).as_ptr().addr());
            self.keyspace.hints().expect_first(planned.unwrap_or_default().hint);
        }
        let called = self.call(spec, session, out, args);
        self.keyspace.hints().clear();
        self.unit_end();
        match called {
            Ok(Called::Done) => Ok(()),
            Ok(Called::Blocked(block)) => {
                block.refuse(out);
                Ok(())
            }
            Err(error) => Err(NotReplayed::Failed(error)),
        }
    }

    /// Appends what waits for a client's reply to be complete; others may wait for theirs.
    pub(super) fn append_deferred(&mut self, id: ClientId, out: &mut Reply) {
        for (to, mut message) in std::mem::take(&mut self.deferred) {
            if to == id {
                out.out().append(message.out());
            } else {
                self.deferred.push((to, message));
            }
        }
    }

    fn reply_mode_before(&mut self, id: ClientId, out: &mut Reply) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.reply_mode == ReplyMode::SkipNext {
            client.reply_mode = ReplyMode::Skipping;
        }
        out.set_silent(true);
    }

    /// The one reply to be left out may be yet to come, when the command waits.
    fn reply_mode_after(&mut self, id: ClientId, out: &mut Reply) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.reply_mode == ReplyMode::Skipping && !client.parked {
            client.reply_mode = ReplyMode::On;
            out.set_silent(false);
        }
    }

    /// Closes a client once its output has left.
    pub fn close_after_reply(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.close = CloseWish::AfterReply;
        }
        self.mark_dirty(id);
    }

    /// All clients, by id.
    pub fn clients_by_id(&self) -> Vec<&Client> {
        let mut all: Vec<&Client> = self.clients.values().collect();
        all.sort_by_key(|client| client.id);
        all
    }
}

/// The first word of a line of HTTP that a browser can be made to send.
#[inline]
fn is_http(name: &[u8]) -> bool {
    match name.len() {
        4 => name.eq_ignore_ascii_case(b"post"),
        5 => name.eq_ignore_ascii_case(b"host:"),
        _ => false,
    }
}

/// Bytes of arguments quoted in the error for an unknown command.
const QUOTED_MAX: usize = 128;

fn unknown_command(args: &Args<'_>) -> Error {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(quotable(args.get(0), QUOTED_MAX));
    text.extend_from_slice(b"', with args beginning with: ");
    let mut quoted = 0;
    for word in args.iter().skip(1) {
        if quoted >= QUOTED_MAX {
            break;
        }
        let word = quotable(word, QUOTED_MAX - quoted);
        text.push(b'\'');
        text.extend_from_slice(word);
        text.extend_from_slice(b"' ");
        quoted += word.len() + 3;
    }
    Error::Quoting(text)
}

fn unknown_subcommand(container: &str, sub: &[u8]) -> Error {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(quotable(sub, QUOTED_MAX));
    text.extend_from_slice(format!("'. Try {} HELP.", container.to_uppercase()).as_bytes());
    Error::Quoting(text)
}

/// A word as Redis quotes it: up to a NUL byte, cut at `max`.
fn quotable(word: &[u8], max: usize) -> &[u8] {
    let end = word.iter().position(|b| *b == 0).unwrap_or(word.len());
    &word[..end.min(max)]
}
