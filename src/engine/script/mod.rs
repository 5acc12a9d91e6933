//! Scripts: EVAL and its cache, function libraries, and the one script that may be running.
//!
//! A script runs on a stack of its own (`lua::stack`). When it calls a command, or has run for a
//! while, it leaves that stack for the engine (`host`), which runs the command like any other or
//! lets the rest of the server breathe, and goes back. Nothing here re-enters the loop, and a
//! script that runs long can be stopped. While one is suspended, the keyspace stands still.
//!
//! Interpreters are made when the first script comes.

pub mod api;
pub mod cache;
pub mod convert;
pub mod flags;
pub mod functions;
pub mod host;
pub mod lib;
pub mod library;
pub mod lists;
pub mod lua;
pub mod random;
pub mod run;
pub mod sandbox;
pub mod shared;

use super::Engine;
use super::config::LogLevel;
use crate::base::error::Error;
use crate::env::Garbage;
use cache::{Cache, Compiled, Sha, hex};
use functions::Functions;
use lua::machine::{Machine, Retired, Which};
use lua::{Ended, Lua};
use run::Name;
use sha1::{Digest, Sha1};
use shared::Shared;

/// Fewer scripts or functions that go aside are not counted as freed objects.
const COUNTED_FROM: usize = 64;

/// An interpreter that is not needed any more, and what belongs to it.
struct Waste<T> {
    _rest: T,
    _state: Option<Retired>,
    bytes: usize,
    counted: usize,
}

impl<T: Send> Garbage for Waste<T> {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn objects(&self) -> usize {
        self.counted
    }
}

/// All that scripts need between two of them.
#[derive(Default)]
pub struct Scripts {
    machine: Option<Box<Machine>>,
    cache: Cache,
    functions: Functions,
    running: Option<Box<run::Running>>,
    /// Bytes of the interpreters for which the collector has done its part.
    settled_bytes: usize,
}

/// What the interpreters and their scripts hold, bytes, and how many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The interpreter of EVAL.
    pub eval_vm_bytes: usize,
    /// Beside it.
    pub eval_bytes: usize,
    /// Scripts in the cache.
    pub eval_scripts: usize,
    /// The interpreter of the libraries.
    pub function_vm_bytes: usize,
    /// Beside it.
    pub function_bytes: usize,
    /// Libraries.
    pub libraries: usize,
    /// Functions.
    pub functions: usize,
}

/// What scripts may add to the interpreters before the collector is asked to work for it, and for
/// how much at a time it is asked then, bytes.
const COLLECT_AFTER: usize = 512 * 1024;
const COLLECT_MOST: usize = 256 * 1024;
/// Beyond this many bytes it works between requests as well.
const LITTER: usize = 2 * 1024 * 1024;

impl Scripts {
    /// Whether a script waits in the middle of its work.
    #[inline]
    pub fn suspended(&self) -> bool {
        self.running.is_some()
    }

    /// What to answer others with while a script takes long.
    pub fn busy(&self) -> Option<Error> {
        let running = self.running.as_ref().filter(|running| running.busy)?;
        Some(running.busy_error())
    }

    /// What a script is called in messages.
    pub fn name_text(&self, name: &Name) -> Vec<u8> {
        match name {
            Name::Script(function) => self.cache.name_of(*function).to_vec(),
            Name::Function(name) => name.to_vec(),
        }
    }

    /// The libraries.
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Whether a script is in the cache.
    pub fn is_cached(&self, name: &[u8]) -> bool {
        self.cache.find(name).is_some()
    }

    /// After a script: has the collector work for what was allocated since it last did, a bounded
    /// part at a time. By itself it would wait until twice as much is there as was after its last
    /// round, which may be far more than is in use.
    fn collect(&mut self, lua: &mut Lua) {
        let grown = self.unsettled(lua.shared().used_bytes);
        if grown >= COLLECT_AFTER {
            let part = grown.min(COLLECT_MOST);
            lua.collect(Some((part / 1024) as i32));
            self.settled_bytes += part;
        }
    }

    /// What was allocated since the collector did its part, of what is in use.
    fn unsettled(&mut self, used_bytes: usize) -> usize {
        self.settled_bytes = self.settled_bytes.min(used_bytes);
        used_bytes - self.settled_bytes
    }

    /// Goes on collecting what large scripts left, between requests; true when there is more.
    pub fn tidy_up(&mut self) -> bool {
        if self.running.is_some() {
            return false;
        }
        let Some(mut machine) = self.machine.take() else { return false };
        let mut more = self.unsettled(machine.shared().used_bytes) > LITTER;
        if more {
            for which in [Which::Eval, Which::Functions] {
                machine.existing(which).iter_mut().for_each(|lua| self.collect(lua));
            }
            more = self.unsettled(machine.shared().used_bytes) > LITTER;
        }
        self.machine = Some(machine);
        more
    }

    /// Before a script: makes sure that it does not fail for what others left.
    fn make_room(&mut self, lua: &mut Lua) {
        let shared = lua.shared();
        let (used, limit) = (shared.used_bytes, shared.limit_bytes);
        if limit > 0 && used > limit / 2 && self.unsettled(used) > LITTER {
            lua.collect(None);
            self.settled_bytes = lua.shared().used_bytes;
        }
    }

    /// What scripts cost.
    pub fn usage(&self) -> Usage {
        let held = |which| self.machine.as_ref().map_or(0, |machine| machine.held_bytes(which));
        let (eval_vm_bytes, function_vm_bytes) = (held(Which::Eval), held(Which::Functions));
        let (libraries, functions) = self.functions.count();
        Usage {
            eval_vm_bytes,
            eval_bytes: self.cache.bytes(),
            eval_scripts: self.cache.len(),
            function_vm_bytes,
            function_bytes: self.functions.bytes(),
            libraries,
            functions,
        }
    }
}

impl Engine {
    /// The scripts.
    pub fn scripts(&self) -> &Scripts {
        &self.scripts
    }

    /// The machine, taken out for a while; made at first use.
    fn take_machine(&mut self) -> Box<Machine> {
        let limit = self.config.lua_memory_limit as usize;
        let mut machine = self
            .scripts
            .machine
            .take()
            .unwrap_or_else(|| Box::new(Machine::new(Shared::new(limit))));
        let shared = machine.shared();
        shared.limit_bytes = limit;
        shared.log_level = match self.config.loglevel {
            LogLevel::Debug => 0,
            LogLevel::Verbose => 1,
            LogLevel::Notice => 2,
            _ => 3,
        };
        machine
    }

    /// Puts a script into the cache unless it is there, and tells its name.
    pub fn load_script(&mut self, text: &[u8]) -> Result<(Sha, Compiled), Error> {
        let sha = hex(&Sha1::digest(text).into());
        if let Some(compiled) = self.scripts.cache.get(&sha) {
            return Ok((sha, compiled));
        }
        let quote = |text: Vec<u8>| Error::Quoting([b"ERR ", text.as_slice()].concat());
        let (flags, body) = flags::of_script(text).map_err(quote)?;
        let mut machine = self.take_machine();
        let mut lua = machine.lua(Which::Eval, sandbox::build_eval);
        let compiled = match lua.load(&text[body..], c"@user_script") {
            Ended::Well => Ok(Compiled { function: lua.keep(), flags }),
            _ => {
                let message = lua.text(-1).unwrap_or(b"").to_vec();
                lua.set_top(0);
                let before = b"Error compiling script (new function): ".as_slice();
                Err(quote([before, &message].concat()))
            }
        };
        self.scripts.machine = Some(machine);
        let compiled = compiled?;
        self.scripts.cache.insert(sha, compiled, text.len());
        Ok((sha, compiled))
    }

    /// The script of this name.
    #[inline]
    pub fn cached_script(&self, name: &[u8]) -> Result<Compiled, Error> {
        let Some(compiled) = self.scripts.cache.find(name) else {
            return Err(Error::fixed("NOSCRIPT No matching script. Please use EVAL."));
        };
        Ok(compiled)
    }

    /// The script with this text, which is put into the cache unless it is there.
    #[inline]
    pub fn script_of(&mut self, text: &[u8]) -> Result<Compiled, Error> {
        if let Some(found) = self.scripts.cache.find_text(text) {
            return Ok(found);
        }
        let (_, compiled) = self.load_script(text)?;
        self.scripts.cache.remember_text(text, compiled);
        Ok(compiled)
    }

    /// Forgets all scripts of EVAL and the interpreter that held them, which is freed elsewhere.
    /// `aside` says that this is to be counted.
    pub fn flush_scripts(&mut self, aside: bool) {
        let cache = self.scripts.cache.take();
        let objects = cache.len();
        self.retire(Which::Eval, cache.bytes(), objects, aside, cache);
    }

    /// Has an interpreter, and what belongs to it, freed off the loop.
    fn retire<T: Send + 'static>(
        &mut self,
        which: Which,
        bytes: usize,
        objects: usize,
        aside: bool,
        rest: T,
    ) {
        let state = self.scripts.machine.as_mut().and_then(|machine| machine.retire(which));
        let bytes = bytes + state.as_ref().map_or(0, Retired::bytes);
        let counted = if aside && objects > COUNTED_FROM { objects } else { 0 };
        let waste = Waste { _rest: rest, _state: state, bytes, counted };
        self.keyspace.waste(Box::new(waste));
    }
}

#[cfg(test)]
mod tests;
