//! What a command runs as: database, rights, origin. A value that is passed in, never a global:
//! replay and scripts have a session and no client.

use super::client::ClientId;
use super::cx::Caller;
use super::spec::Spec;
use crate::resp::request::Argv;

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
pub struct Queued {
    /// What it is.
    pub spec: &'static Spec,
    /// The call.
    pub argv: Argv,
}

/// An open transaction.
#[derive(Default)]
pub struct Txn {
    /// Its commands so far.
    pub queue: Vec<Queued>,
    /// A command was refused: EXEC will be too.
    pub aborted: bool,
    /// Bytes of the kept calls.
    pub bytes: usize,
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
}

impl Session {
    /// A session on database 0.
    pub fn new(origin: Origin, authenticated: bool) -> Session {
        Session { db: 0, authenticated, origin, txn: None, at_once: false }
    }

    /// The session of a script that this one calls: its SELECT lasts no longer than the script.
    pub fn of_script(caller: &Session) -> Session {
        Session {
            db: caller.db,
            authenticated: true,
            origin: Origin::Script(caller.origin.client()),
            txn: None,
            at_once: true,
        }
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
