//! What scripts and the engine tell each other while one of them waits for the other.

use super::super::spec::Spec;
use super::functions::Registered;
use super::lists::Lists;
use super::lua::Place;
use super::random::Random;
use crate::keyspace::keys::Hint;
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::Argv;

/// What a script wants of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That the command is run.
    Run,
    /// To know whether its user may run the command.
    MayRun,
}

/// Why a command of a script did not answer.
pub struct Failure {
    /// The whole text, code first.
    pub text: Vec<u8>,
    /// It has been counted as an error already.
    pub counted: bool,
}

/// A command of a script, and the engine's answer. Its buffers serve one command after the other.
pub struct Call {
    /// What is wanted.
    pub wish: Wish,
    /// The command.
    pub argv: Argv,
    /// Its answer, unless it failed. It is out while a script is given what it says.
    pub reply: Option<Box<Reply>>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The command before it: mostly it is the same again.
    pub known: Option<Known>,
}

/// A command without subcommands, by the name that a script called it.
#[derive(Clone, Copy)]
pub struct Known {
    name: [u8; 16],
    len: usize,
    spec: &'static Spec,
}

impl Known {
    /// Remembers a command, unless its name is long.
    pub fn of(name: &[u8], spec: &'static Spec) -> Option<Known> {
        let mut known = Known { name: [0; 16], len: name.len(), spec };
        known.name.get_mut(..name.len())?.copy_from_slice(name);
        spec.subcommands.is_empty().then_some(known)
    }

    /// The command, if it is called by this very name.
    #[inline]
    pub fn spec(&self, name: &[u8]) -> Option<&'static Spec> {
        (self.name[..self.len] == *name).then_some(self.spec)
    }
}

/// A short key whose hash was computed before the script ran. It is written where it stays: to move
/// it right after would stall.
pub struct FirstKey {
    bytes: [u8; 40],
    /// Beyond the room when there is none.
    len: usize,
    hash: u64,
}

impl FirstKey {
    const NONE: FirstKey = FirstKey { bytes: [0; 40], len: usize::MAX, hash: 0 };

    /// Remembers a key whose hash is known, unless it is long.
    #[inline]
    pub fn set(&mut self, key: &[u8], hash: Option<u64>) {
        self.len = usize::MAX;
        if let (Some(hash), Some(room)) = (hash, self.bytes.get_mut(..key.len())) {
            room.copy_from_slice(key);
            (self.len, self.hash) = (key.len(), hash);
        }
    }

    /// The hash for the word of a command, if it is this key.
    #[inline]
    pub fn hint_for(&self, word: &[u8]) -> Option<Hint> {
        (self.bytes.get(..self.len)? == word).then(|| Hint::of(word, self.hash))
    }
}

/// An error on its way through native functions of ours.
pub struct Raised {
    /// Which value it is.
    pub value: usize,
    /// Where it began.
    pub place: Option<Place>,
}

/// Both sides' common ground.
pub struct Shared {
    /// Bytes the interpreters hold.
    pub used_bytes: usize,
    /// Bytes they may hold while scripts run; 0 is no limit.
    pub limit_bytes: usize,
    /// How deep native code is nested; none while a script's own code runs.
    pub native: u32,
    /// The way off the script's stack.
    pub door: *const (),
    /// Why the script is to stop, when it is.
    pub stop: Option<&'static str>,
    /// The command at hand.
    pub call: Call,
    /// The first key of the script, if its hash is known.
    pub first_key: FirstKey,
    /// The protocol that answers come to the script in: RESP3 after `setresp(3)`.
    pub resp3: bool,
    /// What `set_repl` said: whom the script's changes are told to.
    pub repl: i32,
    /// The numbers of `math.random`.
    pub random: Random,
    /// The least important level that is logged.
    pub log_level: i32,
    /// The functions that the library being loaded has registered.
    pub registered: Option<Vec<Registered>>,
    /// The error that a native function passes on.
    pub raised: Option<Raised>,
    /// The tables that the last script of EVAL was given.
    pub lists: Option<Lists>,
    /// A script of EVAL may have kept such a table beyond its end.
    pub lists_escape: bool,
}

/// `set_repl`: append-only file and replicas.
pub const REPL_ALL: i32 = 3;

impl Shared {
    /// At the start, with this limit on memory.
    pub fn new(limit_bytes: usize) -> Shared {
        Shared {
            used_bytes: 0,
            limit_bytes,
            native: 1,
            door: std::ptr::null(),
            stop: None,
            call: Call {
                wish: Wish::Run,
                argv: Argv::new(),
                reply: Some(Box::new(Reply::new(Proto::V2))),
                failure: None,
                known: None,
            },
            first_key: FirstKey::NONE,
            resp3: false,
            repl: REPL_ALL,
            random: Random::default(),
            log_level: 0,
            registered: None,
            raised: None,
            lists: None,
            lists_escape: false,
        }
    }

    /// Before a script starts.
    pub fn start(&mut self) {
        self.stop = None;
        self.raised = None;
        self.resp3 = false;
        self.repl = REPL_ALL;
    }

    /// Whether so many bytes more are too many for a script.
    #[inline]
    pub fn refuses(&self, more: usize) -> bool {
        self.native == 0 && self.exceeds(more)
    }

    /// Whether so many bytes more exceed the limit.
    pub fn exceeds(&self, more: usize) -> bool {
        self.limit_bytes > 0 && self.used_bytes.saturating_add(more) > self.limit_bytes
    }
}
