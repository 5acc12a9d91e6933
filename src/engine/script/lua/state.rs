// Lua is C: this folder is its only door.
#![allow(unsafe_code)]
//! One interpreter: its memory, the way into native functions, and the hook that interrupts.
//!
//! Invariant: a C frame is only ever left by an error when the Rust frames in between own nothing.

use super::super::shared::Shared;
use super::{Lua, Native, Raise, stack};
use mlua_sys as ffi;
use std::alloc::Layout;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// Instructions between two looks at the budget.
const HOOK_EVERY: c_int = 10_000;

/// A round of the collector begins when so many times as much is there as the last one left, in
/// hundredths. What lives between scripts is little, and most of a round is to look at it.
const PAUSE_PERCENT: c_int = 400;

/// An interpreter. It never runs code by itself; see `stack`.
pub struct State {
    l: NonNull<ffi::lua_State>,
    shared: NonNull<Shared>,
}

impl State {
    /// An interpreter without any library. `shared` outlives it.
    pub fn new(shared: NonNull<Shared>) -> State {
        // SAFETY: `allocate` keeps to the contract of `lua_Alloc`, and reads `shared` only while
        // the interpreter lives.
        let l = unsafe { ffi::lua_newstate(allocate, shared.as_ptr().cast()) };
        let l = NonNull::new(l).expect("the allocator refuses nothing to native code");
        // SAFETY: the state is new and nobody else uses it.
        unsafe {
            ffi::lua_atpanic(l.as_ptr(), unprotected);
            ffi::lua_sethook(l.as_ptr(), Some(hook), ffi::LUA_MASKCOUNT, HOOK_EVERY);
            ffi::lua_gc(l.as_ptr(), ffi::LUA_GCSETPAUSE, PAUSE_PERCENT);
        }
        State { l, shared }
    }

    /// The interpreter's main thread.
    pub fn lua(&mut self) -> Lua {
        Lua { l: self.l.as_ptr(), shared: self.shared.as_ptr() }
    }

    /// Opens the parts of the standard library that need no door to the world.
    pub fn open_libraries(&mut self) {
        let l = self.l.as_ptr();
        let open: [unsafe extern "C-unwind" fn(*mut ffi::lua_State) -> c_int; 4] =
            [ffi::luaopen_base, ffi::luaopen_table, ffi::luaopen_string, ffi::luaopen_math];
        for open in open {
            // SAFETY: the openers raise only for want of memory, which native code does not meet.
            unsafe {
                ffi::lua_pushcclosure(l, open, 0);
                ffi::lua_call(l, 0, 0);
            }
        }
    }

    /// Bytes it holds, as it counts itself.
    pub fn held_bytes(&self) -> usize {
        Lua { l: self.l.as_ptr(), shared: self.shared.as_ptr() }.held_bytes()
    }

    /// From now on its memory is counted in `shared`, which outlives it.
    pub fn belong_to(&mut self, shared: NonNull<Shared>) {
        self.shared = shared;
        // SAFETY: the allocator stays the same; no code runs in the state now.
        unsafe { ffi::lua_setallocf(self.l.as_ptr(), allocate, shared.as_ptr().cast()) };
    }

    /// The hook looks at its usual pace again.
    pub fn calm(&mut self) {
        let l = self.l.as_ptr();
        // SAFETY: the state is alive; setting a hook is allowed at any time.
        unsafe { ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, HOOK_EVERY) };
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: nobody runs in it: whoever holds a stack in the middle of a script forgets the
        // state instead of dropping it. Closing runs no finaliser of a script.
        unsafe { ffi::lua_close(self.l.as_ptr()) }
    }
}

/// What native code of this interpreter shares with the engine.
///
/// # Safety
/// `l` was made by `State::new`.
pub(super) unsafe fn shared_of(l: *mut ffi::lua_State) -> *mut Shared {
    let mut shared: *mut c_void = std::ptr::null_mut();
    // SAFETY: the pointer is written before it is read.
    unsafe { ffi::lua_getallocf(l, &mut shared) };
    shared.cast()
}

/// Memory of the interpreter: counted, and refused beyond the limit while a script's own code runs.
unsafe extern "C" fn allocate(
    shared: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    const ALIGN: usize = 16;
    // SAFETY: `State::new` handed this pointer over; it is not borrowed while C code runs.
    let shared = unsafe { &mut *shared.cast::<Shared>() };
    let old = if block.is_null() { 0 } else { old };
    let layout = |size| Layout::from_size_align(size, ALIGN);
    if new > old && shared.refuses(new - old) {
        return std::ptr::null_mut();
    }
    let Ok(wanted) = layout(new) else { return std::ptr::null_mut() };
    // SAFETY: a block that is not null came from here with the size `old`, and no size is zero.
    let moved = unsafe {
        match (old, new) {
            (0, 0) => std::ptr::null_mut(),
            (0, _) => std::alloc::alloc(wanted),
            (_, 0) => {
                std::alloc::dealloc(block.cast(), Layout::from_size_align_unchecked(old, ALIGN));
                std::ptr::null_mut()
            }
            _ => {
                let had = Layout::from_size_align_unchecked(old, ALIGN);
                std::alloc::realloc(block.cast(), had, new)
            }
        }
    };
    if new == 0 || !moved.is_null() {
        shared.used_bytes = shared.used_bytes + new - old;
    }
    moved.cast()
}

/// An error outside any protected call: the interpreter is unusable, which only a fault of ours
/// can bring about.
unsafe extern "C-unwind" fn unprotected(_: *mut ffi::lua_State) -> c_int {
    tracing::error!("an error left a script unprotected");
    // SAFETY: ending the process asks for nothing.
    unsafe { libc::abort() }
}

/// Every so many instructions: lets the engine decide whether the script goes on.
unsafe extern "C-unwind" fn hook(l: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: Lua calls this with a thread of a living state; a hook may be set at any time.
    unsafe {
        if stack::pause(&mut Lua::of(l)) {
            // A coroutine that outlived a script that was stopped goes at its usual pace again.
            if ffi::lua_gethookcount(l) != HOOK_EVERY {
                ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, HOOK_EVERY);
            }
            return;
        }
    }
    // From here on every instruction is stopped, so that no `pcall` of the script goes on.
    // SAFETY: the script is running, so errors are caught further up; `push_stop` has dropped all
    // it owned, and this frame owns nothing.
    unsafe {
        ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, 1);
        push_stop(&mut Lua::of(l));
        ffi::lua_error(l)
    }
}

/// Pushes the error that stops a script.
fn push_stop(lua: &mut Lua) {
    let text = lua.shared().stop.unwrap_or_default();
    lua.reserve(4);
    lua.new_table(0, 1);
    lua.push(text.as_bytes());
    lua.set_field(-2, "err");
}

/// Codes of `run` besides a number of results.
const TOP: c_int = -1;
const PLACED: c_int = -2;
const ARGUMENT: c_int = -1000;

/// Where Lua enters native functions.
pub(super) unsafe extern "C-unwind" fn enter(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls this for closures that `push_native` made: their first upvalue is the
    // address of a native function. `run` has dropped everything when it returns, so that an error
    // may leave this frame.
    unsafe {
        let native: Native = std::mem::transmute(ffi::lua_touserdata(l, ffi::lua_upvalueindex(1)));
        come_back(l, run(l, native))
    }
}

/// Where Lua enters a native function that is known without looking.
pub(super) unsafe extern "C-unwind" fn enter_known<K: super::Known>(
    l: *mut ffi::lua_State,
) -> c_int {
    // SAFETY: as in `enter`.
    unsafe { come_back(l, run(l, K::run)) }
}

/// Returns to Lua with results, or with the error that `run` left on top.
#[inline(always)]
unsafe fn come_back(l: *mut ffi::lua_State, code: c_int) -> c_int {
    // SAFETY: the callers own nothing.
    unsafe {
        if code >= 0 {
            return code;
        }
        if code <= ARGUMENT {
            let text = ffi::lua_tolstring(l, -1, std::ptr::null_mut());
            return ffi::luaL_argerror(l, ARGUMENT - code, text);
        }
        if code == PLACED {
            ffi::luaL_where(l, 1);
            ffi::lua_insert(l, -2);
            ffi::lua_concat(l, 2);
        }
        ffi::lua_error(l)
    }
}

/// Runs a native function and turns its error into a value on top and a code.
#[inline(always)]
unsafe fn run(
    l: *mut ffi::lua_State,
    native: impl FnOnce(&mut Lua) -> Result<i32, Raise>,
) -> c_int {
    // SAFETY: Lua calls native functions with a thread of a living state.
    let mut lua = unsafe { Lua::of(l) };
    lua.shared().native += 1;
    // A panic is a fault of ours; it may not cross frames of C.
    let outcome = catch_unwind(AssertUnwindSafe(|| native(&mut lua)));
    let outcome = outcome.unwrap_or(Err(Raise::text("internal error")));
    let code = match outcome {
        Ok(results) => results,
        Err(Raise::Top) => TOP,
        Err(Raise::Stop) => {
            push_stop(&mut lua);
            TOP
        }
        Err(Raise::Bare(text)) => push_text(&mut lua, &text, TOP),
        Err(Raise::Text(text)) => push_text(&mut lua, &text, PLACED),
        Err(Raise::Arg(number, text)) => push_text(&mut lua, &text, ARGUMENT - number),
    };
    lua.shared().native -= 1;
    code
}

fn push_text(lua: &mut Lua, text: &[u8], code: c_int) -> c_int {
    lua.reserve(2);
    lua.push(text);
    code
}
