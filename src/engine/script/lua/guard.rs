// Lua is C: this folder is its only door.
#![allow(unsafe_code)]
//! Tables that scripts may read and not write.
//!
//! A guarded table is an empty one that stands for the real one: reading goes through `__index`,
//! writing meets `__newindex`, and the real one is known to native code alone, under a key that is
//! an address. Whatever reaches a table without metamethods (`rawset`, `table.insert`, `next` …)
//! is replaced by a function that looks for the key first. Lua offers no flag for this; this way
//! costs a read one more lookup and an ordinary table nothing.
//!
//! Invariant: no value that a script can get hold of is a real table behind a guarded one.

use super::{Lua, Raise, state};
use mlua_sys as ffi;
use std::ffi::{CStr, c_int, c_void};

/// What a write to a guarded table is answered with.
pub const READONLY: &str = "Attempt to modify a readonly table";
const READONLY_C: &CStr = c"Attempt to modify a readonly table";

/// Its address is the key of the real table; its value means nothing.
static MARK: u8 = 0;

fn mark() -> usize {
    &raw const MARK as usize
}

/// Replaces the table on top by one that stands for it and is not to be written. Leaves the real
/// one reachable through [`real`].
pub fn guard(lua: &mut Lua) {
    let table = lua.top();
    lua.new_table(0, 0);
    lua.new_table(0, 4);
    lua.push_value(table);
    lua.set_field(-2, "__index");
    lua.push_native(refuse, 0);
    lua.set_field(-2, "__newindex");
    lua.push_pointer(mark());
    lua.push_value(table);
    lua.set(-3);
    lua.set_metatable(-2);
    lua.replace(table);
}

/// Makes the table on top what the guarded table at `at` shows from now on.
pub fn redirect(lua: &mut Lua, at: i32) {
    let at = lua.absolute(at);
    lua.get_metatable(at);
    lua.push_value(-2);
    lua.set_field(-2, "__index");
    lua.push_pointer(mark());
    lua.push_value(-3);
    lua.set(-3);
    lua.pop(2);
}

fn refuse(_: &mut Lua) -> Result<i32, Raise> {
    Err(Raise::text(READONLY))
}

/// Pushes the real table behind the one at `at`, if that is guarded.
pub fn real(lua: &mut Lua, at: i32) -> bool {
    // SAFETY: the head of the folder says why this is sound.
    unsafe { push_real(lua.l, at) }
}

unsafe fn push_real(l: *mut ffi::lua_State, at: c_int) -> bool {
    // SAFETY: raw reads of values that exist; room for two is a native function's by right.
    unsafe {
        if ffi::lua_getmetatable(l, at) == 0 {
            return false;
        }
        ffi::lua_pushlightuserdata(l, mark() as *mut c_void);
        ffi::lua_rawget_(l, -2);
        ffi::lua_remove(l, -2);
        if ffi::lua_type(l, -1) == ffi::LUA_TTABLE {
            return true;
        }
        ffi::lua_settop(l, -2);
        false
    }
}

/// How a wrapped function of the standard library treats its first argument.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It reads: it is given the real table.
    Reads,
    /// It writes: a guarded table is refused.
    Writes,
}

/// Wraps the native function in a field of the table on top.
pub fn wrap(lua: &mut Lua, name: &str, access: Access) {
    lua.get_field(-1, name);
    let wrapper = if access == Access::Reads { reads } else { writes };
    // SAFETY: the wrapper finds the wrapped function as its one upvalue.
    unsafe { ffi::lua_pushcclosure(lua.l, wrapper, 1) };
    lua.set_field(-2, name);
}

/// Puts the protected calls of scripts into the table on top.
pub fn set_protected_calls(lua: &mut Lua) {
    // SAFETY: they need no upvalue.
    unsafe { ffi::lua_pushcclosure(lua.l, pcall, 0) };
    lua.set_field(-2, "pcall");
    // SAFETY: as above.
    unsafe { ffi::lua_pushcclosure(lua.l, xpcall, 0) };
    lua.set_field(-2, "xpcall");
}

/// Calls the function a wrapper stands for, in the wrapper's own frame, so that its messages name
/// the place and the arguments as they should.
unsafe fn wrapped(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: `wrap` put a C function there; this frame owns nothing, so errors may leave it.
    unsafe {
        match ffi::lua_tocfunction(l, ffi::lua_upvalueindex(1)) {
            Some(function) => function(l),
            None => 0,
        }
    }
}

unsafe extern "C-unwind" fn writes(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: as in `wrapped`.
    unsafe {
        if push_real(l, 1) {
            // What is wrong with the other arguments is said first: a table of nobody's shows it.
            ffi::lua_settop(l, -2);
            ffi::lua_createtable(l, 0, 0);
            ffi::lua_replace(l, 1);
            wrapped(l);
            ffi::lua_pushstring_(l, READONLY_C.as_ptr());
            ffi::lua_error(l);
        }
        wrapped(l)
    }
}

unsafe extern "C-unwind" fn reads(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: as in `wrapped`.
    unsafe {
        if push_real(l, 1) {
            ffi::lua_replace(l, 1);
        }
        wrapped(l)
    }
}

/// A protected call that hands a script the text of an error of ours instead of its table.
unsafe extern "C-unwind" fn pcall(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: this frame owns nothing, so errors may leave it.
    unsafe {
        if ffi::lua_gettop(l) == 0 {
            // Redis calls a mark of its own in this case.
            ffi::lua_pushboolean(l, 0);
            ffi::lua_pushstring_(l, c"attempt to call a boolean value".as_ptr());
            return 2;
        }
        let arguments = ffi::lua_gettop(l) - 1;
        if ffi::lua_pcall(l, arguments, ffi::LUA_MULTRET, 0) == 0 {
            ffi::lua_checkstack(l, 1);
            ffi::lua_pushboolean(l, 1);
            ffi::lua_insert(l, 1);
            return ffi::lua_gettop(l);
        }
        if ffi::lua_type(l, -1) == ffi::LUA_TTABLE {
            ffi::lua_pushstring_(l, c"err".as_ptr());
            ffi::lua_rawget_(l, -2);
            // What is no text stays behind the table, as one more result.
            if ffi::lua_isstring(l, -1) != 0 {
                ffi::lua_remove(l, -2);
            }
        }
        (*state::shared_of(l)).raised = None;
        ffi::lua_pushboolean(l, 0);
        ffi::lua_insert(l, 1);
        ffi::lua_gettop(l)
    }
}

/// A protected call with a handler of errors.
unsafe extern "C-unwind" fn xpcall(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: this frame owns nothing, so errors may leave it; the wrapped handler finds the
    // script's as its upvalue.
    unsafe {
        ffi::luaL_checkany(l, 2);
        ffi::lua_settop(l, 2);
        ffi::lua_pushcclosure(l, handler, 1);
        ffi::lua_insert(l, 1);
        let status = ffi::lua_pcall(l, 0, ffi::LUA_MULTRET, 1);
        (*state::shared_of(l)).raised = None;
        ffi::lua_checkstack(l, 1);
        ffi::lua_pushboolean(l, c_int::from(status == 0));
        ffi::lua_replace(l, 1);
        ffi::lua_gettop(l)
    }
}

/// Calls a script's handler of errors unless the script is to be stopped: the error that stops it
/// comes from a hook, in which no other hook runs, so that a handler could not be interrupted.
unsafe extern "C-unwind" fn handler(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: as in `xpcall`.
    unsafe {
        if (*state::shared_of(l)).stop.is_none() {
            ffi::lua_settop(l, 1);
            ffi::lua_pushvalue(l, ffi::lua_upvalueindex(1));
            ffi::lua_insert(l, 1);
            ffi::lua_call(l, 1, 1);
        }
    }
    1
}

/// The value of a key, metamethods included.
pub(super) unsafe extern "C-unwind" fn index(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: called with a table and a key; this frame owns nothing, so errors may leave it.
    unsafe { ffi::lua_gettable_(l, 1) };
    1
}
