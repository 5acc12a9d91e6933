//! MULTI and EXEC: commands are kept, then run one after the other with nobody in between.

use super::Engine;
use super::args::Args;
use super::cx::{Called, CmdResult, Outcome};
use super::session::{Origin, Session, Txn};
use super::spec::Spec;
use crate::base::error::Error;
use crate::keyspace::keys::Hint;
use crate::resp::reply::Reply;

/// Memory that an ended transaction may leave to the next one, which is counted with it, bytes.
const SPARE_MAX: usize = 4 * 1024;
/// Kept commands whose keys are fetched into the cache together.
const PLAN_MAX: usize = 64;

/// Commands that act on the transaction rather than becoming part of it.
const NEVER_KEPT: &[&str] = &["exec", "discard", "multi", "watch", "quit", "reset"];

#[inline(never)]
fn may_be_kept(spec: &Spec) -> bool {
    !NEVER_KEPT.contains(&spec.name)
}

impl Engine {
    /// Whether an admitted command is to be kept for EXEC.
    #[inline]
    pub(super) fn is_kept(session: &Session, spec: &Spec) -> bool {
        session.txn.is_some() && may_be_kept(spec)
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
            txn.keep(spec, args);
        }
        out.raw(b"+QUEUED\r\n");
    }

    /// A command was refused before it ran: the transaction it was meant for cannot succeed. A
    /// refused EXEC ends its transaction, and says so even if there is none; the code that all
    /// errors have which have no other is left out then.
    #[cold]
    pub(super) fn give_up_txn(&mut self, name: &str, session: &mut Session, error: Error) -> Error {
        session.abort_txn();
        if name != "exec" {
            return error;
        }
        session.txn = None;
        if let Some(id) = session.origin.client() {
            self.unwatch(id);
        }
        let text = error.text();
        let text = text.strip_prefix("ERR ").unwrap_or(&text);
        Error::Other(format!("EXECABORT Transaction discarded because of: {text}").into())
    }

    /// Runs the kept commands.
    pub fn exec(&mut self, session: &mut Session, out: &mut Reply) -> CmdResult {
        let Some(txn) = session.txn.take() else {
            return Err(Error::fixed("ERR EXEC without MULTI"));
        };
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
        out.array(txn.len());
        session.at_once = true;
        self.exec_rest(txn, 0, session, out);
        Ok(Outcome::Unchanged)
    }

    /// A transaction to begin with, in the room of one that has ended.
    pub fn new_txn(&mut self) -> Box<Txn> {
        self.spare_txn.take().unwrap_or_default()
    }

    /// Takes the room of a transaction back.
    pub fn txn_is_over(&mut self, mut txn: Box<Txn>) {
        txn.clear();
        if txn.bytes() <= SPARE_MAX {
            self.spare_txn = Some(txn);
        }
    }

    /// Runs a transaction from command number `next` on. A script in it may be suspended: then the
    /// rest follows when it has ended.
    pub(super) fn exec_rest(
        &mut self,
        mut txn: Box<Txn>,
        mut next: usize,
        session: &mut Session,
        out: &mut Reply,
    ) {
        let mut hashes = [0; PLAN_MAX];
        let first = next;
        while next < txn.len() {
            let planned = (next - first) % PLAN_MAX;
            if planned == 0 {
                self.plan_kept(&mut txn, next, session.db, &mut hashes);
            }
            let (spec, raw) = txn.call(next);
            let mut args = Args::new(raw);
            if args.len() > 1 {
                let hint = Hint::of(args.get(1), hashes[planned]);
                self.keyspace.hints().expect_first(hint);
            }
            self.run_kept(spec, &mut args, session, out);
            // The words may be gone before the next request comes.
            self.keyspace.hints().clear();
            next += 1;
            if self.scripts.suspended() {
                return self.after_script(txn, next);
            }
        }
        session.at_once = false;
        self.txn_is_over(txn);
    }

    /// Hashes what may be keys of the commands from `first` on, and fetches what they lead to:
    /// cache misses overlap as they do for a pipeline.
    fn plan_kept(&mut self, txn: &mut Txn, first: usize, db: usize, to: &mut [u64; PLAN_MAX]) {
        let dict = &self.keyspace.dbs[db].dict;
        let count = (txn.len() - first).min(PLAN_MAX);
        for (at, hash) in (first..).zip(&mut to[..count]) {
            let (_, raw) = txn.call(at);
            if raw.len() > 1 {
                *hash = dict.hash(raw.get(1));
                dict.prefetch_bucket(*hash);
            }
        }
        to[..count].iter().for_each(|hash| dict.prefetch_entry(*hash));
    }

    fn run_kept(
        &mut self,
        spec: &'static Spec,
        args: &mut Args<'_>,
        session: &mut Session,
        out: &mut Reply,
    ) {
        let mark = out.mark();
        let called = match session.origin {
            // It was counted when it first ran.
            Origin::AofLoad => self.call(spec, session, out, args),
            _ => self.timed_call(spec, session, out, args),
        };
        match called {
            Ok(Called::Done) => {}
            Ok(Called::Blocked(block)) => {
                block.refuse(out);
                self.gave_up(spec, false);
            }
            Err(error) => {
                out.truncate(mark);
                self.write_error(&error, out);
            }
        }
        self.call_end();
    }
}
