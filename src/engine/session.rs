//! What a command runs as: database, rights, origin. A value that is passed in, never a global:
//! replay and scripts have a session and no client.

use super::args::Args;
use super::client::ClientId;
use super::cx::Caller;
use super::spec::Spec;
use crate::resp::request::{Argv, RawArgs};

/// Who a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A connected client.
    Client(ClientId),
    /// A script, called by this client.
    Script(Option<ClientId>),
    /// The append-only file, while it is loaded.
    AofLoad,
}

impl Origin {
    /// What kind of caller it is.
    pub fn caller(self) -> Caller {
        match self {
            Origin::Client(_) => Caller::Client,
            Origin::Script(_) => Caller::Script,
            Origin::AofLoad => Caller::Log,
        }
    }

    /// The client whose doing it is, by itself or by a script of its.
    pub fn behind(self) -> Option<ClientId> {
        match self {
            Origin::Client(id) => Some(id),
            Origin::Script(id) => id,
            Origin::AofLoad => None,
        }
    }

    /// The client, when there is one.
    pub fn client(self) -> Option<ClientId> {
        match self {
            Origin::Client(id) => Some(id),
            Origin::Script(_) | Origin::AofLoad => None,
        }
    }
}

/// A command kept by MULTI.
struct Kept {
    spec: &'static Spec,
    /// Where its words end among those of all.
    end: usize,
}

/// An open transaction. The words of all its commands lie behind each other in one buffer, so that
/// keeping a command allocates nothing.
#[derive(Default)]
pub struct Txn {
    kept: Vec<Kept>,
    words: Argv,
    /// A command was refused: EXEC will be too.
    pub aborted: bool,
}

impl Txn {
    /// Keeps a command.
    pub fn keep(&mut self, spec: &'static Spec, args: &Args<'_>) {
        args.append_to(&mut self.words);
        self.kept.push(Kept { spec, end: self.words.len() });
    }

    /// How many commands are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The kept commands, in order, each with its first argument.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Spec, Option<&[u8]>)> {
        let starts = std::iter::once(0).chain(self.kept.iter().map(|kept| kept.end));
        starts.zip(&self.kept).map(|(start, kept)| {
            let first = (kept.end - start > 1).then(|| self.words.get(start + 1));
            (kept.spec, first)
        })
    }

    /// Copies of the kept commands, in order.
    pub fn copies(&self) -> impl Iterator<Item = (&'static Spec, Argv)> {
        let starts = std::iter::once(0).chain(self.kept.iter().map(|kept| kept.end));
        starts.zip(&self.kept).map(|(start, kept)| {
            let words: Vec<&[u8]> = (start..kept.end).map(|at| self.words.get(at)).collect();
            (kept.spec, Argv::from_slices(&words))
        })
    }

    /// Command number `at`, in the form it runs with.
    pub fn call(&mut self, at: usize) -> (&'static Spec, RawArgs<'_>) {
        let start = if at == 0 { 0 } else { self.kept[at - 1].end };
        let Kept { spec, end } = self.kept[at];
        (spec, self.words.part(start..end))
    }

    /// Memory of the kept commands, large arguments included.
    pub fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Kept>() + self.words.heap_bytes()
    }

    /// Forgets the commands and keeps the room for others.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.words.clear();
        self.aborted = false;
    }
}

/// The state a command runs in; the protocol version lives in the reply.
pub struct Session {
    /// Selected database.
    pub db: usize,
    /// Whether it may run commands.
    pub authenticated: bool,
    /// Who it is.
    pub origin: Origin,
    /// MULTI was called and neither EXEC nor DISCARD since.
    pub txn: Option<Box<Txn>>,
    /// EXEC is running its commands: nothing may wait or be cut into slices.
    pub at_once: bool,
    /// CLIENT NO-TOUCH: what it looks at keeps its access stamp.
    pub no_touch: bool,
    /// Full name of its last command.
    pub last_command: &'static str,
}

impl Session {
    /// A session on database 0.
    pub fn new(origin: Origin, authenticated: bool) -> Session {
        Session {
            db: 0,
            authenticated,
            origin,
            txn: None,
            at_once: false,
            no_touch: false,
            last_command: "NULL",
        }
    }

    /// The session of a script that this one calls: its SELECT lasts no longer than the script.
    pub fn of_script(caller: &Session) -> Session {
        let origin = Origin::Script(caller.origin.client());
        let no_touch = caller.no_touch;
        Session { db: caller.db, at_once: true, no_touch, ..Session::new(origin, true) }
    }

    /// A command was refused before it ran: the transaction it was meant for cannot succeed.
    pub fn abort_txn(&mut self) {
        if let Some(txn) = &mut self.txn {
            txn.aborted = true;
        }
    }

    /// The client that may be made to wait for the running command.
    pub fn may_wait(&self) -> Option<ClientId> {
        if self.at_once { None } else { self.origin.client() }
    }
}
