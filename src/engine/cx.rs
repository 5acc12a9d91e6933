//! What a handler is handed, and what it hands back.

use super::Engine;
use super::block::Block;
use super::session::Session;
use super::work::Work;
use crate::base::error::Error;
use crate::base::rng::Rng;
use crate::keyspace::keys::Keys;
use crate::resp::reply::Reply;
use crate::resp::request::Argv;
use crate::value::limits::Limits;

/// What a data command reaches. The fields are disjoint on purpose: a value borrowed from `keys`
/// and the reply can be used together.
pub struct DataCx<'a> {
    /// The selected database behind its lookup policy.
    pub keys: Keys<'a>,
    /// Where the answer goes.
    pub out: &'a mut Reply,
    /// Random numbers, seeded.
    pub rng: &'a mut Rng,
    /// Conversion thresholds.
    pub limits: &'a Limits,
    /// Wall time of this unit, milliseconds since 1970; frozen.
    pub now: i64,
    /// What kind of caller it is.
    pub caller: Caller,
}

/// What kind of caller a command has, for the few whose rules depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A client, directly or by EXEC.
    Client,
    /// A script: what is stored or answered must not depend on the order of a hash table.
    Script,
    /// A log that is replayed: what it says was allowed when it was written.
    Log,
}

/// What an engine command reaches.
pub struct EngineCx<'a> {
    /// Everything but the running session and its reply.
    pub engine: &'a mut Engine,
    /// The session that runs the command.
    pub session: &'a mut Session,
    /// Where the answer goes.
    pub out: &'a mut Reply,
}

/// What every handler returns.
pub type CmdResult = Result<Outcome, Error>;

/// What a command did.
pub enum Outcome {
    /// Nothing that anyone but the caller could notice.
    Unchanged,
    /// The keyspace changed, and this is how to say so to the log.
    Changed(Propagate),
    /// Nothing was found: the client waits for its keys.
    Block(Block),
    /// It takes long and goes on in slices.
    Enter(Box<dyn Work>),
}

/// How a call ended.
pub enum Called {
    /// It is answered, or will be by a frame.
    Done,
    /// It wants to wait.
    Blocked(Box<Block>),
}

/// How a change is written to the propagation stream.
pub enum Propagate {
    /// As the call itself.
    Verbatim,
    /// As another command with the same effect.
    As(Argv),
    /// Not at all, or by `Keys::also` alone.
    Nothing,
}
