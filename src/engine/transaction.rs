//! MULTI and EXEC: commands are kept, then run one after the other with nobody in between.

use super::Engine;
use super::args::Args;
use super::cx::{Called, CmdResult, Outcome};
use super::session::{Origin, Queued, Session, Txn};
use super::spec::Spec;
use crate::base::error::Error;
use crate::resp::reply::Reply;
use std::collections::VecDeque;

/// Commands that act on the transaction rather than becoming part of it.
const NEVER_KEPT: &[&str] = &["exec", "discard", "multi", "watch", "quit", "reset"];

impl Engine {
    /// Whether an admitted command is to be kept for EXEC.
    #[inline]
    pub(super) fn is_kept(session: &Session, spec: &Spec) -> bool {
        session.txn.is_some() && !NEVER_KEPT.contains(&spec.name)
    }

    /// Keeps a command for EXEC.
    pub(super) fn keep(
        session: &mut Session,
        spec: &'static Spec,
        out: &mut Reply,
        args: &Args<'_>,
    ) {
        let Some(txn) = &mut session.txn else { return };
        // A transaction that cannot succeed keeps nothing: it would be memory for nothing.
        if !txn.aborted {
            let argv = args.to_argv();
            txn.bytes += argv.heap_bytes() + size_of::<Queued>();
            txn.queue.push(Queued { spec, argv });
        }
        out.simple(b"QUEUED");
    }

    /// A command was refused before it ran: the transaction it was meant for cannot succeed, and
    /// one that was to be run is over.
    #[cold]
    pub(super) fn give_up_txn(
        &mut self,
        spec: &Spec,
        session: &mut Session,
        error: Error,
    ) -> Error {
        session.abort_txn();
        if spec.name != "exec" || session.txn.take().is_none() {
            return error;
        }
        if let Some(id) = session.origin.client() {
            self.unwatch(id);
        }
        let text = error.text();
        Error::Other(format!("EXECABORT Transaction discarded because of: {text}").into())
    }

    /// Runs the kept commands.
    pub fn exec(&mut self, session: &mut Session, out: &mut Reply) -> CmdResult {
        let Some(txn) = session.txn.take() else {
            return Err(Error::fixed("ERR EXEC without MULTI"));
        };
        // What still runs comes before: it may change a key that is watched.
        self.finish_works();
        let client = session.origin.client();
        let broken = client.is_some_and(|id| self.watch_broken(id));
        if let Some(id) = client {
            self.unwatch(id);
        }
        if txn.aborted {
            return Err(Error::fixed(
                "EXECABORT Transaction discarded because of previous errors.",
            ));
        }
        if broken {
            out.null_array();
            return Ok(Outcome::Unchanged);
        }
        let Txn { queue, .. } = *txn;
        out.array(queue.len());
        session.at_once = true;
        self.exec_rest(queue.into(), session, out);
        Ok(Outcome::Unchanged)
    }

    /// Runs what is left of a transaction. A script in it may be suspended: then the rest follows
    /// when it has ended.
    pub(super) fn exec_rest(
        &mut self,
        mut queue: VecDeque<Queued>,
        session: &mut Session,
        out: &mut Reply,
    ) {
        while let Some(queued) = queue.pop_front() {
            self.run_kept(queued, session, out);
            if self.scripts.suspended() {
                return self.after_script(queue);
            }
        }
        session.at_once = false;
    }

    fn run_kept(&mut self, mut queued: Queued, session: &mut Session, out: &mut Reply) {
        let mark = out.mark();
        let mut args = Args::new(queued.argv.raw());
        let called = match session.origin {
            // It was counted when it first ran.
            Origin::AofLoad => self.call(queued.spec, session, out, &mut args),
            _ => self.timed_call(queued.spec, session, out, &mut args),
        };
        match called {
            Ok(Called::Done) => {}
            Ok(Called::Blocked(block)) => {
                block.refuse(out);
                self.gave_up(queued.spec, false);
            }
            Err(error) => {
                out.truncate(mark);
                self.write_error(&error, out);
            }
        }
        self.call_end();
    }
}
