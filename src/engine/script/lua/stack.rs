// A script leaves its stack in the middle of C code: this folder is the door to Lua.
#![allow(unsafe_code)]
//! The stack that scripts run on. A script asks the engine for something, or is out of budget, by
//! leaving its stack; the engine answers by entering it again.
//!
//! Invariants: one script at a time; a stack in the middle of a script is never taken down, since
//! frames of C cannot be unwound: at the end of the process it is left as it is.

use super::super::shared::Shared;
use super::state::State;
use super::{Ended, Lua, Raise};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use mlua_sys as ffi;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Bytes of address space; memory is taken as it is touched.
const STACK_BYTES: usize = 4 * 1024 * 1024;

/// What the engine tells the stack.
enum Enter {
    /// Run the function that lies on this interpreter's stack below its arguments.
    Run { l: *mut ffi::lua_State, arguments: i32, results: i32, handler: bool },
    /// Go on.
    Go,
    /// Come to the end.
    Quit,
}

/// Why the stack was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The script wants what `Shared::call` says.
    Call,
    /// It has run for a while and could go on.
    Pause,
    /// It has ended.
    Done(Ended),
}

type Door = Yielder<Enter, Left>;

/// The stack.
pub struct Stack {
    inside: ManuallyDrop<Coroutine<Enter, Left, (), DefaultStack>>,
    amid: bool,
}

impl Stack {
    /// A stack for scripts that share `shared`.
    pub fn new(shared: NonNull<Shared>) -> Stack {
        let stack = DefaultStack::new(STACK_BYTES).expect("address space for a stack");
        let inside = Coroutine::with_stack(stack, move |door: &Door, mut order: Enter| {
            loop {
                match order {
                    Enter::Quit => return,
                    Enter::Go => order = door.suspend(Left::Done(Ended::Failed)),
                    Enter::Run { l, arguments, results, handler } => {
                        let mut shared = shared;
                        // SAFETY: the engine waits in `enter` and holds no borrow of `Shared`.
                        unsafe { shared.as_mut() }.door = (door as *const Door).cast();
                        let ended = run(l, arguments, results, handler);
                        order = door.suspend(Left::Done(ended));
                    }
                }
            }
        });
        Stack { inside: ManuallyDrop::new(inside), amid: false }
    }

    /// Calls the function on top of this interpreter's stack, below its arguments; with `handler`,
    /// the function below it makes errors presentable.
    pub fn run(&mut self, state: &mut State, arguments: i32, results: i32, handler: bool) -> Left {
        assert!(!self.amid, "one script at a time");
        self.enter(Enter::Run { l: state.lua().l, arguments, results, handler })
    }

    /// Lets the script go on.
    pub fn go_on(&mut self) -> Left {
        assert!(self.amid, "a script is there to go on");
        self.enter(Enter::Go)
    }

    fn enter(&mut self, order: Enter) -> Left {
        match self.inside.resume(order) {
            CoroutineResult::Yield(left) => {
                self.amid = !matches!(left, Left::Done(_));
                left
            }
            CoroutineResult::Return(()) => Left::Done(Ended::Failed),
        }
    }

    /// Whether a script is in the middle of something.
    pub fn amid(&self) -> bool {
        self.amid
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.amid {
            return;
        }
        self.enter(Enter::Quit);
        // SAFETY: it has returned, and is not used again.
        unsafe { ManuallyDrop::drop(&mut self.inside) }
    }
}

fn run(l: *mut ffi::lua_State, arguments: i32, results: i32, handler: bool) -> Ended {
    // SAFETY: the engine holds the state until this stack is left for good.
    let mut lua = unsafe { Lua::of(l) };
    lua.shared().native = 0;
    let handler = if handler { lua.top() - arguments - 1 } else { 0 };
    // SAFETY: the engine put function and arguments there; errors end in this call, and this frame
    // owns nothing that would be lost.
    let status = unsafe { ffi::lua_pcall(l, arguments, results, handler) };
    lua.shared().native = 1;
    super::ended(status)
}

/// Leaves the stack for the engine and comes back.
fn leave(lua: &mut Lua, left: Left) {
    let native = lua.shared().native;
    let door: *const Door = lua.shared().door.cast();
    assert!(!door.is_null(), "scripts run on the stack");
    // SAFETY: the door was set by the stack this very code runs on, and lives as long as it.
    unsafe { (*door).suspend(left) };
    lua.shared().native = native;
}

/// Has the engine do what `Shared::call` says.
pub fn ask(lua: &mut Lua) {
    leave(lua, Left::Call);
}

/// Out of budget: lets the engine look around; false when the script is to be stopped.
pub fn pause(lua: &mut Lua) -> bool {
    if lua.shared().door.is_null() {
        return true;
    }
    leave(lua, Left::Pause);
    lua.shared().stop.is_none()
}

/// A way to let the engine look around while strings of the interpreter are borrowed: the engine
/// touches no interpreter while a script is in the middle of something.
pub struct Pauser {
    l: *mut ffi::lua_State,
    shared: *mut Shared,
    left: Cell<usize>,
}

/// Steps of a native function between two looks at the budget. A step is a handful of nanoseconds.
const PAUSE_EVERY: usize = 20_000;

impl Pauser {
    /// That of the running script, for as long as its native function runs.
    pub fn of(lua: &Lua) -> Pauser {
        Pauser { l: lua.l, shared: lua.shared, left: Cell::new(PAUSE_EVERY) }
    }

    /// So many steps were made; lets the engine look around when they are enough, and fails when
    /// the script is to be stopped.
    #[inline]
    pub fn steps(&self, made: usize) -> Result<(), Raise> {
        match self.left.get().checked_sub(made) {
            Some(left) => self.left.set(left),
            None => self.pause()?,
        }
        Ok(())
    }

    #[cold]
    fn pause(&self) -> Result<(), Raise> {
        self.left.set(PAUSE_EVERY);
        let mut lua = Lua { l: self.l, shared: self.shared };
        if pause(&mut lua) { Ok(()) } else { Err(Raise::Stop) }
    }
}
