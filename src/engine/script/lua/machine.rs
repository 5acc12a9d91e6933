// It owns what the interpreters share by a pointer: this folder is the door to Lua.
#![allow(unsafe_code)]
//! The interpreters, their stack and what they share with the engine, as one thing.
//!
//! Invariant: when a script is in the middle of something, nothing of this is ever freed.

use super::super::shared::Shared;
use super::stack::{Left, Stack};
use super::state::State;
use super::{Ended, Lua};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Which of the two interpreters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one of EVAL.
    Eval,
    /// The one of the function libraries.
    Functions,
}

/// Everything scripts run with.
pub struct Machine {
    stack: ManuallyDrop<Stack>,
    states: ManuallyDrop<[Option<State>; 2]>,
    shared: NonNull<Shared>,
}

// SAFETY: all parts are reached through the machine alone, and nothing in it belongs to a thread:
// interpreters and stack are plain memory. It moves only as a whole.
unsafe impl Send for Machine {}

impl Machine {
    /// A stack, and interpreters that are made when they are asked for.
    pub fn new(shared: Shared) -> Machine {
        let shared = NonNull::from(Box::leak(Box::new(shared)));
        Machine {
            stack: ManuallyDrop::new(Stack::new(shared)),
            states: ManuallyDrop::new([None, None]),
            shared,
        }
    }

    /// What scripts and engine share.
    #[inline]
    pub fn shared(&mut self) -> &mut Shared {
        // SAFETY: no script runs while somebody holds the machine, and the borrow ends before one
        // can.
        unsafe { self.shared.as_mut() }
    }

    /// An interpreter; a new one is handed to `build` first.
    pub fn lua(&mut self, which: Which, build: fn(&mut State)) -> Lua {
        self.state(which, build).lua()
    }

    fn state(&mut self, which: Which, build: fn(&mut State)) -> &mut State {
        let shared = self.shared;
        self.states[which as usize].get_or_insert_with(|| {
            let mut state = State::new(shared);
            build(&mut state);
            state
        })
    }

    /// An interpreter that exists already.
    pub fn existing(&mut self, which: Which) -> Option<Lua> {
        self.states[which as usize].as_mut().map(State::lua)
    }

    /// Bytes an interpreter holds.
    pub fn held_bytes(&self, which: Which) -> usize {
        self.states[which as usize].as_ref().map_or(0, State::held_bytes)
    }

    /// Takes an interpreter out with all it holds, to be freed wherever that disturbs nobody.
    pub fn retire(&mut self, which: Which) -> Option<Retired> {
        assert!(!self.stack.amid(), "no script runs");
        let mut state = self.states[which as usize].take()?;
        let bytes = state.held_bytes();
        let own = Shared { used_bytes: bytes, ..Shared::new(0) };
        let shared = NonNull::from(Box::leak(Box::new(own)));
        state.belong_to(shared);
        let common = self.shared();
        common.used_bytes = common.used_bytes.saturating_sub(bytes);
        if which == Which::Eval {
            (common.lists, common.lists_escape) = (None, false);
        }
        Some(Retired { state: ManuallyDrop::new(state), shared, bytes })
    }

    /// Calls the function that lies on an interpreter's stack below its arguments.
    pub fn run(&mut self, which: Which, arguments: i32, results: i32, handler: bool) -> Left {
        let Some(state) = &mut self.states[which as usize] else {
            return Left::Done(Ended::Failed);
        };
        self.stack.run(state, arguments, results, handler)
    }

    /// Lets the script go on.
    pub fn go_on(&mut self) -> Left {
        self.stack.go_on()
    }

    /// After a script that was stopped: the hook looks at its usual pace again.
    pub fn calm(&mut self) {
        for state in self.states.iter_mut().flatten() {
            state.calm();
        }
    }
}

/// An interpreter that runs nothing any more.
pub struct Retired {
    state: ManuallyDrop<State>,
    /// What its allocator counts in until it is gone.
    shared: NonNull<Shared>,
    bytes: usize,
}

impl Retired {
    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

// SAFETY: it is plain memory that nothing else points into, and it goes as a whole.
unsafe impl Send for Retired {}

impl Drop for Retired {
    fn drop(&mut self) {
        // SAFETY: each is dropped once, what points to `shared` before it.
        unsafe {
            ManuallyDrop::drop(&mut self.state);
            drop(Box::from_raw(self.shared.as_ptr()));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.stack.amid() {
            return;
        }
        // SAFETY: each is dropped once, what points to `shared` before it.
        unsafe {
            ManuallyDrop::drop(&mut self.stack);
            ManuallyDrop::drop(&mut self.states);
            drop(Box::from_raw(self.shared.as_ptr()));
        }
    }
}
