//! The engine's side of a running script: its commands, its budget, its end by force.

use super::super::Engine;
use super::super::args::Args;
use super::super::cx::Called;
use super::super::session::Session;
use super::super::spec::{Spec, flag};
use super::lua::Ended;
use super::lua::machine::Machine;
use super::lua::stack::Left;
use super::run::{Name, Running};
use super::shared::{Call, Failure, FirstKey, Known, Shared, Wish};
use crate::base::error::Error;
use crate::resp::reply::Proto;

/// How long a script has the server to itself before sockets are looked at again, microseconds.
const SLICE_US: u64 = 10_000;
/// The same once others are answered BUSY: whoever asks then waits for two of them at most.
const BUSY_SLICE_US: u64 = 500;
/// The same as a number of looks at the clock, for a clock that stands still.
const SLICE_PAUSES: u32 = 500;

/// Refusals of a script's commands.
const UNKNOWN: &str = "ERR Unknown Redis command called from script";
const WRONG_ARITY: &str = "ERR Wrong number of args calling Redis command from script";
const FORBIDDEN: &str = "ERR This Redis command is not allowed from script";
const READ_ONLY: &str = "ERR Write commands are not allowed from read-only scripts.";

impl Engine {
    /// From now on the script has a slice of time, or all of it.
    pub(super) fn begin_slice(&mut self, run: &mut Running, may_suspend: bool) {
        run.pauses = if may_suspend { 0 } else { u32::MAX };
        run.slice_end_us = 0;
    }

    /// Serves a script until it ends, or its slice is over (`None`).
    pub(super) fn drive(
        &mut self,
        machine: &mut Machine,
        run: &mut Running,
        mut left: Left,
    ) -> Option<Ended> {
        loop {
            match left {
                Left::Done(ended) => return Some(ended),
                Left::Call => {
                    self.nested(machine, run);
                }
                Left::Pause => {
                    if run.pauses != u32::MAX && self.slice_is_over(run) {
                        return None;
                    }
                }
            }
            left = machine.go_on();
        }
    }

    fn slice_is_over(&mut self, run: &mut Running) -> bool {
        let now = self.env.clock.mono_us();
        if run.slice_end_us == 0 {
            run.slice_end_us = now + if run.busy { BUSY_SLICE_US } else { SLICE_US };
        }
        run.pauses += 1;
        let threshold_us = self.config.busy_reply_threshold.saturating_mul(1000);
        let taken_us = now.saturating_sub(run.started_us);
        if !run.busy && threshold_us > 0 && taken_us >= threshold_us {
            run.busy = true;
            tracing::warn!(
                "Slow script detected: still in execution after {} milliseconds. You can try \
                 killing the script using the {} command. Script name is: {}.",
                taken_us / 1000,
                if matches!(run.name, Name::Script(_)) { "SCRIPT KILL" } else { "FUNCTION KILL" },
                String::from_utf8_lossy(&self.scripts.name_text(&run.name)),
            );
            return true;
        }
        now >= run.slice_end_us || run.pauses >= SLICE_PAUSES
    }

    /// Does what the script asks for.
    fn nested(&mut self, machine: &mut Machine, run: &mut Running) {
        let shared = machine.shared();
        let (propagates, resp3) = (shared.repl != 0, shared.resp3);
        let Shared { call, first_key, .. } = shared;
        let Call { wish, argv, reply, failure, known } = call;
        let reply = reply.as_mut().expect("it comes back before the next call");
        reply.proto = if resp3 { Proto::V3 } else { Proto::V2 };
        let mut args = Args::new(argv.raw());
        *failure = match wish {
            Wish::MayRun => self.may_run(&args).err(),
            Wish::Run => {
                let interest = self.keyspace.effects.interest.propagate;
                self.keyspace.effects.interest.propagate &= propagates;
                let ran = self.nested_command(run, (known, first_key), reply, &mut args).err();
                self.keyspace.effects.interest.propagate = interest;
                ran
            }
        };
        if failure.is_some() {
            let len = reply.out().len();
            reply.out().consume(len);
        }
    }

    /// Whether the command exists and its user may run it.
    fn may_run(&mut self, args: &Args<'_>) -> Result<(), Failure> {
        match self.resolve(args) {
            Ok(_) | Err(Error::WrongArity(_)) => Ok(()),
            Err(_) => {
                let text = b"ERR Invalid command passed to redis.acl_check_cmd()".to_vec();
                Err(Failure { text, counted: false })
            }
        }
    }

    fn nested_command(
        &mut self,
        run: &mut Running,
        (known, first_key): (&mut Option<Known>, &FirstKey),
        reply: &mut crate::resp::reply::Reply,
        args: &mut Args<'_>,
    ) -> Result<(), Failure> {
        let same = known.as_ref().and_then(|known| known.spec(args.get(0)));
        let spec = match same.filter(|spec| spec.fits(args.len())) {
            Some(spec) => spec,
            None => self.command_of_script(known, args)?,
        };
        if spec.has(flag::NOSCRIPT) {
            return Err(self.refuse(Some(spec), FORBIDDEN));
        }
        if run.read_only && spec.flags & (flag::WRITE | flag::MAY_REPLICATE) != 0 {
            return Err(self.refuse(Some(spec), READ_ONLY));
        }
        // In the middle of its changes a script is not stopped by the state of the server.
        if !run.wrote {
            let refusal = if spec.has(flag::WRITE) { self.write_refusal() } else { None };
            if let Some(why) = refusal {
                return Err(self.refuse(Some(spec), &why.text()));
            }
            if run.tight && !run.allow_oom && spec.has(flag::DENYOOM) {
                return Err(self.refuse(Some(spec), &Error::Oom.text()));
            }
        }
        run.wrote |= spec.has(flag::WRITE);
        let hint = if args.len() > 1 { first_key.hint_for(args.get(1)) } else { None };
        self.keyspace.hints().expect_first(hint.unwrap_or_default());
        let called = self.timed_call(spec, &mut run.session, reply, args);
        // The next command finds other words in the same place.
        self.keyspace.hints().clear();
        self.call_end();
        match called {
            Ok(Called::Done) => Ok(()),
            Ok(Called::Blocked(block)) => {
                block.refuse(reply);
                self.gave_up(spec, false);
                Ok(())
            }
            Err(error) => {
                self.stats.error(&error);
                let text = match error {
                    Error::Quoting(text) => text,
                    other => other.text().into_owned().into_bytes(),
                };
                Err(Failure { text, counted: true })
            }
        }
    }

    /// A command that is not run. Whether the script minds or not, it counts as an error.
    #[cold]
    fn refuse(&mut self, spec: Option<&'static Spec>, text: &str) -> Failure {
        let text = text.as_bytes().to_vec();
        self.stats.error(&Error::Quoting(text.clone()));
        if let Some(spec) = spec {
            self.calls.rejected(spec);
        }
        Failure { text, counted: true }
    }

    fn command_of_script(
        &mut self,
        known: &mut Option<Known>,
        args: &Args<'_>,
    ) -> Result<&'static Spec, Failure> {
        match self.resolve(args) {
            Ok(spec) => {
                *known = Known::of(args.get(0), spec);
                Ok(spec)
            }
            Err(Error::WrongArity(_)) => Err(self.refuse(None, WRONG_ARITY)),
            Err(_) => Err(self.refuse(None, UNKNOWN)),
        }
    }

    /// SCRIPT KILL and FUNCTION KILL: has the running script stop at its next instruction.
    pub fn kill_script(&mut self, function: bool) -> Result<(), Error> {
        let Some(running) = &self.scripts.running else {
            return Err(Error::fixed("NOTBUSY No scripts in execution right now."));
        };
        if running.wrote {
            return Err(Error::fixed(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. \
                 You can either wait the script termination or kill the server in a hard way using \
                 the SHUTDOWN NOSAVE command.",
            ));
        }
        if matches!(running.name, Name::Function(_)) != function {
            return Err(running.busy_error());
        }
        if let Some(machine) = &mut self.scripts.machine {
            machine.shared().stop = Some(if function {
                "ERR Script killed by user with FUNCTION KILL."
            } else {
                "ERR Script killed by user with SCRIPT KILL."
            });
        }
        Ok(())
    }

    /// The suspended script: its name, its call, and for how many milliseconds it has run.
    pub fn running_script(&self) -> Option<(Vec<u8>, &crate::resp::request::Argv, u64)> {
        let running = self.scripts.running.as_ref()?;
        let taken_us = self.env.clock.mono_us().saturating_sub(running.started_us);
        let name = self.scripts.name_text(&running.name);
        Some((name, running.command.as_ref()?, taken_us / 1000))
    }

    /// EVAL is shown before its commands, unlike others, which are shown when they are done.
    pub(super) fn feed_monitors(&mut self, session: &Session, args: &Args<'_>) {
        if !self.has_monitors() {
            return;
        }
        if let Some(spec) = self.table.find(args.get(0)) {
            self.show_script_to_monitors(spec, session, args);
        }
    }
}
