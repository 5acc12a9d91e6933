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
pub mod lua;
pub mod random;
pub mod run;
pub mod sandbox;
pub mod shared;

use super::Engine;
use super::config::LogLevel;
use crate::base::error::Error;
use cache::{Cache, Compiled, Sha};
use functions::Functions;
use lua::Ended;
use lua::machine::{Machine, Which};
use sha1::{Digest, Sha1};
use shared::Shared;

/// All that scripts need between two of them.
#[derive(Default)]
pub struct Scripts {
    machine: Option<Box<Machine>>,
    cache: Cache,
    functions: Functions,
    running: Option<Box<run::Running>>,
    runs: u32,
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

/// Every so many scripts the collector makes a step.
const COLLECT_EVERY: u32 = 50;

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

    /// The libraries.
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Whether a script is in the cache.
    pub fn is_cached(&self, name: &[u8]) -> bool {
        cache::parse(name).is_some_and(|sha| self.cache.get(&sha).is_some())
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
        let sha: Sha = Sha1::digest(text).into();
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
    pub fn cached_script(&self, name: &[u8]) -> Result<(Sha, Compiled), Error> {
        const NO_SCRIPT: Error = Error::fixed("NOSCRIPT No matching script. Please use EVAL.");
        let sha = cache::parse(name).ok_or(NO_SCRIPT)?;
        Ok((sha, self.scripts.cache.get(&sha).ok_or(NO_SCRIPT)?))
    }

    /// Forgets all scripts of EVAL and the interpreter that held them.
    pub fn flush_scripts(&mut self) {
        if let Some(machine) = &mut self.scripts.machine {
            machine.forget(Which::Eval);
        }
        self.scripts.cache.clear();
    }
}

#[cfg(test)]
mod tests;
