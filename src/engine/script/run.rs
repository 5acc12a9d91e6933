//! One run of a script, from its arguments to its answer.

use super::super::Engine;
use super::super::args::Args;
use super::super::client::{ClientId, Live};
use super::super::cx::{CmdResult, Outcome, Propagate};
use super::super::session::{Origin, Session, Txn};
use super::super::spec::Spec;
use super::convert;
use super::flags;
use super::lua::machine::{Machine, Which};
use super::lua::{Ended, Kept, Lua};
use super::{lists, sandbox};
use crate::base::error::Error;
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::Argv;
use bytes::Bytes;

/// What a script is called.
#[derive(Clone)]
pub enum Name {
    /// A script of EVAL, by its function: the cache knows its digest.
    Script(Kept),
    /// A function of a library.
    Function(Bytes),
}

impl Name {
    fn which(&self) -> Which {
        match self {
            Name::Script(_) => Which::Eval,
            Name::Function(_) => Which::Functions,
        }
    }
}

/// What is to be run.
pub struct Start {
    /// Its name.
    pub name: Name,
    /// Its function.
    pub function: Kept,
    /// What it declares.
    pub flags: u32,
    /// It was called by a command that promises not to write.
    pub read_only: bool,
    /// How many of the arguments are keys.
    pub keys: usize,
}

/// A script in the middle of its work.
pub struct Running {
    /// Its name.
    pub name: Name,
    /// Bytes of the words it was given.
    pub given_bytes: usize,
    /// What its commands run as.
    pub session: Session,
    /// Whom it answers.
    pub owner: Option<ClientId>,
    /// It may not write.
    pub read_only: bool,
    /// It may take memory although there is none left.
    pub allow_oom: bool,
    /// Memory was short when it started.
    pub tight: bool,
    /// It has written: from here on it cannot be stopped without a trace.
    pub wrote: bool,
    /// Others are answered BUSY.
    pub busy: bool,
    /// Monotonic microseconds of its start.
    pub started_us: u64,
    /// The time it is for its commands.
    pub now_ms: i64,
    /// The call, once it is suspended.
    pub command: Option<Argv>,
    /// What it has cost so far, nanoseconds, and whose call that is.
    pub cost: Option<(&'static Spec, u64)>,
    /// What follows it in its transaction.
    pub rest: Option<(Box<Txn>, usize)>,
    /// Microseconds of the slice's end.
    pub slice_end_us: u64,
    /// Looks around in this slice.
    pub pauses: u32,
}

impl Running {
    /// What others are answered with while it takes long.
    pub fn busy_error(&self) -> Error {
        Error::fixed(match self.name {
            Name::Script(_) => {
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN \
                 NOSAVE."
            }
            Name::Function(_) => {
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN \
                 NOSAVE."
            }
        })
    }
}

impl Engine {
    /// Runs a script whose keys and arguments follow the third word. It may be suspended: then it
    /// answers later.
    pub fn run_script(
        &mut self,
        session: &Session,
        out: &mut Reply,
        args: &mut Args<'_>,
        start: Start,
    ) -> CmdResult {
        self.admit_declared(&start)?;
        self.feed_monitors(session, args);
        let mut machine = self.take_machine();
        let which = start.name.which();
        let Some(mut lua) = machine.existing(which) else {
            self.scripts.machine = Some(machine);
            return Err(Error::err("the script is gone"));
        };
        self.scripts.make_room(&mut lua);
        let given = [start.keys, args.len() - FIRST_WORD - start.keys];
        let arguments = push_call(&mut lua, args, &start, given);
        machine.shared().start();
        let may_suspend = matches!(session.origin, Origin::Client(_));
        let declared_reader =
            start.flags & (flags::UNDECLARED | flags::NO_WRITES) == flags::NO_WRITES;
        let first_key = if start.keys > 0 { args.get(FIRST_WORD) } else { b"" };
        machine.shared().first_key.set(first_key, self.keyspace.hints().first_of(first_key));
        let mut run = Running {
            given_bytes: (FIRST_WORD..args.len()).map(|i| args.get(i).len()).sum(),
            session: Session::of_script(session),
            owner: session.origin.client(),
            read_only: start.read_only || declared_reader,
            allow_oom: start.flags & flags::ALLOW_OOM != 0,
            tight: self.memory.tight,
            wrote: false,
            busy: false,
            started_us: self.now_us,
            now_ms: self.now_ms,
            command: None,
            cost: None,
            rest: None,
            slice_end_us: 0,
            pauses: 0,
            name: start.name,
        };
        self.begin_slice(&mut run, may_suspend);
        let left = machine.run(which, arguments, 1, true);
        match self.drive(&mut machine, &mut run, left) {
            Some(ended) => {
                if self.finish_script(machine, &run, ended, out) {
                    if let Some(spec) = self.table.find(args.get(0)) {
                        self.calls.failed(spec);
                    }
                }
            }
            None => {
                run.command = Some(args.to_argv());
                self.suspend_script(machine, run);
            }
        }
        Ok(Outcome::Changed(Propagate::Nothing))
    }

    /// A script that says what it does is refused as a command that does it.
    fn admit_declared(&self, start: &Start) -> Result<(), Error> {
        if start.flags & flags::UNDECLARED != 0 {
            return Ok(());
        }
        let reads = start.flags & flags::NO_WRITES != 0;
        if self.memory.tight && !reads && start.flags & flags::ALLOW_OOM == 0 {
            return Err(Error::Oom);
        }
        if let Some(why) = self.write_refusal().filter(|_| !reads) {
            return Err(why);
        }
        if !reads && start.read_only {
            return Err(Error::err("Can not execute a script with write flag using *_ro command."));
        }
        Ok(())
    }

    /// Writes a script's answer and cleans up after it; true when it is, or has in it, an error.
    fn finish_script(
        &mut self,
        mut machine: Box<Machine>,
        run: &Running,
        ended: Ended,
        out: &mut Reply,
    ) -> bool {
        let mut failed = ended != Ended::Well;
        let resp3 = machine.shared().resp3;
        if machine.shared().stop.take().is_some() {
            machine.calm();
        }
        if let Some(mut lua) = machine.existing(run.name.which()) {
            match ended {
                Ended::Well => {
                    let stats = &mut self.stats;
                    convert::write_reply(&mut lua, out, resp3, &mut |error| {
                        failed = true;
                        if !error.counted {
                            stats.error(&Error::Quoting(error.text.clone()));
                        }
                    });
                }
                Ended::Failed => self.answer_failure(&mut lua, run, out),
                Ended::OutOfMemory => {
                    let before = [
                        b"ERR Error running script ",
                        self.scripts.name_text(&run.name).as_slice(),
                    ]
                    .concat();
                    let text = [&before, b", ".as_slice(), lua.text(-1).unwrap_or(b"")].concat();
                    self.write_error(&Error::Quoting(text), out);
                }
            }
            lua.set_top(0);
            if let Name::Script(_) = run.name {
                lists::keep(&mut lua, run.given_bytes);
            }
            self.scripts.collect(&mut lua);
        }
        self.scripts.machine = Some(machine);
        failed
    }

    #[cold]
    fn answer_failure(&mut self, lua: &mut Lua, run: &Running, out: &mut Reply) {
        let failed = convert::failed(lua);
        let mut text = failed.text;
        if let Some((source, line)) = failed.place {
            let name = self.scripts.name_text(&run.name);
            let place: [&[u8]; 7] = [b" script: ", &name, b", on ", &source, b":", &line, b"."];
            text.extend_from_slice(&place.concat());
        }
        if !failed.counted {
            self.stats.error(&Error::Quoting(text.clone()));
        }
        // Redis writes these as they are. A line feed alone is no end of a line in the protocol,
        // but the pair would be.
        let whole: Vec<u8> = text.iter().map(|b| if *b == b'\r' { b' ' } else { *b }).collect();
        out.raw(b"-");
        out.raw(&whole);
        out.raw(b"\r\n");
    }

    fn suspend_script(&mut self, machine: Box<Machine>, run: Running) {
        self.scripts.machine = Some(machine);
        if let Some(client) = run.owner.and_then(|id| self.clients.get_mut(&id)) {
            client.parked = true;
            client.replying = true;
        }
        self.calls.suspended = true;
        self.scripts.running = Some(Box::new(run));
    }

    /// The call of a suspended script has cost so much until now.
    pub(in crate::engine) fn note_script_cost(&mut self, spec: &'static Spec, nanos: u64) {
        if let Some(running) = &mut self.scripts.running {
            running.cost = Some((spec, nanos));
        }
    }

    /// A transaction whose script is suspended goes on with these when it ends.
    pub(in crate::engine) fn after_script(&mut self, txn: Box<Txn>, next: usize) {
        if let Some(running) = &mut self.scripts.running {
            running.rest = Some((txn, next));
        }
    }

    /// Goes on with the suspended script, for one slice.
    #[cold]
    pub(in crate::engine) fn resume_script(&mut self) {
        let (Some(mut run), Some(mut machine)) =
            (self.scripts.running.take(), self.scripts.machine.take())
        else {
            return;
        };
        let now_ms = std::mem::replace(&mut self.now_ms, run.now_ms);
        self.begin_slice(&mut run, true);
        let began_ns = self.env.clock.mono_ns();
        let left = machine.go_on();
        let ended = self.drive(&mut machine, &mut run, left);
        if let Some((_, nanos)) = &mut run.cost {
            *nanos += self.env.clock.mono_ns().saturating_sub(began_ns);
        }
        match ended {
            None => {
                self.scripts.machine = Some(machine);
                self.scripts.running = Some(run);
            }
            Some(ended) => self.script_ended(machine, *run, ended),
        }
        self.now_ms = now_ms;
    }

    /// A script that was suspended has come to its end: it is answered, and its transaction goes
    /// on.
    fn script_ended(&mut self, machine: Box<Machine>, mut run: Running, ended: Ended) {
        let owner = run.owner.unwrap_or(ClientId(0));
        let live = self.clients.get_mut(&owner).and_then(|client| client.live.take());
        // Nobody may be left to read the answer.
        let mut live = live.unwrap_or_else(|| {
            let session = Session::new(Origin::AofLoad, true);
            Box::new(Live { session, out: Reply::new(Proto::V2) })
        });
        if let Some((spec, nanos)) = run.cost {
            self.stats.commands += 1;
            self.calls.book(spec.index, 1, nanos);
        }
        self.running = Some((owner, live.out.proto));
        let failed = self.finish_script(machine, &run, ended, &mut live.out);
        if let Some((spec, _)) = run.cost.filter(|_| failed) {
            self.calls.failed(spec);
        }
        if let Some((txn, next)) = run.rest.take() {
            live.session.at_once = true;
            self.exec_rest(txn, next, &mut live.session, &mut live.out);
        }
        let suspended = self.scripts.suspended();
        if !suspended {
            self.unit_end();
            self.tell_own_invalid();
        }
        self.append_deferred(owner, &mut live.out);
        self.running = None;
        if let Some(client) = self.clients.get_mut(&owner) {
            client.live = Some(live);
        }
        if !suspended {
            self.answered(owner);
            self.serve_ready();
            self.end_as_asked();
        }
    }
}

/// Where the words of a call begin that the script is given.
const FIRST_WORD: usize = 3;

/// Puts the handler of errors, the function and its arguments on the interpreter's stack; tells how
/// many arguments there are. `given` is the number of keys, and of other words.
fn push_call(lua: &mut Lua, args: &Args<'_>, start: &Start, given: [usize; 2]) -> i32 {
    lua.set_top(0);
    sandbox::push_handler(lua);
    if let Name::Function(_) = start.name {
        lua.push_kept(start.function);
        lists::push_fresh(lua, args, FIRST_WORD, given);
        return 2;
    }
    lists::give(lua, args, FIRST_WORD, given);
    lua.push_kept(start.function);
    0
}
