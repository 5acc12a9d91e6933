// Lua is C: this folder is its only door.
#![allow(unsafe_code)]
//! Lua's C interface behind methods that cannot be held wrong by accident.
//!
//! Invariants, which the SAFETY notes of this folder rely on:
//! - a `Lua` exists only while its `State` does, and one thread uses both;
//! - whoever calls a method keeps its indices acceptable and asks for stack space (`reserve`)
//!   before it pushes more than the 20 slots every native function is given;
//! - nothing here calls a part of the C interface that may raise an error while Rust values with
//!   destructors are alive: values are reached raw, without metamethods, code runs under `pcall`,
//!   and an allocation is never refused while native code runs (`Shared::native`). Errors leave a
//!   native function as [`Raise`] values, and are raised once everything of it has been dropped.

pub mod guard;
pub mod machine;
pub mod number;
pub mod stack;
pub mod state;
pub mod watch;

use super::shared::Shared;
use mlua_sys as ffi;
use std::borrow::Cow;
use std::ffi::{CStr, c_int, c_void};

/// Virtual index of the table where only native code keeps things.
pub const REGISTRY: i32 = ffi::LUA_REGISTRYINDEX;
/// Virtual index of the global table of the running thread.
pub const GLOBALS: i32 = ffi::LUA_GLOBALSINDEX;

/// Place in the registry of the function that notes where errors began (`Shared::raised`).
pub const NOTE_ERROR: i32 = 6;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no value at that place.
    None,
    /// `nil`
    Nil,
    /// `true` and `false`
    Boolean,
    /// A bare pointer.
    Pointer,
    /// A number.
    Number,
    /// A string of bytes.
    String,
    /// A table.
    Table,
    /// A function.
    Function,
    /// A block of memory.
    Userdata,
    /// A coroutine.
    Thread,
}

impl Kind {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::None => "no value",
            Kind::Nil => "nil",
            Kind::Boolean => "boolean",
            Kind::Pointer | Kind::Userdata => "userdata",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Table => "table",
            Kind::Function => "function",
            Kind::Thread => "thread",
        }
    }
}

/// An error on its way out of a native function.
pub enum Raise {
    /// A text that the place in the script is put in front of.
    Text(Cow<'static, [u8]>),
    /// A text as it is.
    Bare(Cow<'static, [u8]>),
    /// A complaint about an argument, counted from 1.
    Arg(i32, Cow<'static, [u8]>),
    /// The value on top of the stack.
    Top,
    /// The script is to stop, as `Shared::stop` says.
    Stop,
}

impl Raise {
    /// A known text behind the place in the script.
    pub fn text(text: &'static str) -> Raise {
        Raise::Text(Cow::Borrowed(text.as_bytes()))
    }

    /// A composed text behind the place in the script.
    pub fn texts(text: String) -> Raise {
        Raise::Text(Cow::Owned(text.into_bytes()))
    }

    /// A complaint about an argument.
    pub fn arg(number: i32, text: &'static str) -> Raise {
        Raise::Arg(number, Cow::Borrowed(text.as_bytes()))
    }
}

/// A function of ours that scripts call: it finds its arguments from index 1 on and returns how
/// many results it left on top.
pub type Native = fn(&mut Lua) -> Result<i32, Raise>;

/// A native function as a type, which Lua enters a little faster.
pub trait Known {
    /// As a `Native`.
    fn run(lua: &mut Lua) -> Result<i32, Raise>;
}

/// How code under `pcall` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its results are on top.
    Well,
    /// The error value is on top.
    Failed,
    /// There was no memory; a text is on top.
    OutOfMemory,
}

/// A value kept in the registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept(c_int);

impl Kept {
    /// A small number that no other kept value of the interpreter has meanwhile.
    pub fn number(self) -> usize {
        self.0.max(0) as usize
    }

    /// Whether it is this item of the registry.
    pub fn is_at(self, place: i32) -> bool {
        self.0 == place
    }
}

/// Where a function on the call stack stands.
pub struct Place {
    /// The chunk's name, `@` in front.
    pub source: Vec<u8>,
    /// The line, or -1.
    pub line: i32,
    /// Whether it is native code.
    pub native: bool,
}

/// A thread of the interpreter, as native code sees it.
pub struct Lua {
    l: *mut ffi::lua_State,
    shared: *mut Shared,
}

impl Lua {
    /// # Safety
    /// `l` belongs to a `State` that outlives the result.
    unsafe fn of(l: *mut ffi::lua_State) -> Lua {
        // SAFETY: the caller's.
        Lua { l, shared: unsafe { state::shared_of(l) } }
    }

    /// What the engine and its scripts share.
    #[inline]
    pub fn shared(&mut self) -> &mut Shared {
        // SAFETY: `State` gave the allocator a pointer to the `Shared` that outlives the
        // interpreter; the borrow ends before anything else can reach it.
        unsafe { &mut *self.shared }
    }

    /// How many values the current function has on its stack.
    #[inline]
    pub fn top(&self) -> i32 {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_gettop(self.l) }
    }

    /// Grows or shrinks the stack to `n` values.
    #[inline]
    pub fn set_top(&mut self, n: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_settop(self.l, n) }
    }

    /// Drops `n` values.
    #[inline]
    pub fn pop(&mut self, n: i32) {
        self.set_top(-n - 1);
    }

    /// Makes room for `n` more values; false when the stack may not grow that far.
    pub fn reserve(&mut self, n: i32) -> bool {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_checkstack(self.l, n) != 0 }
    }

    /// The type of the value at `at`.
    #[inline]
    pub fn kind(&self, at: i32) -> Kind {
        // SAFETY: see the head of this file.
        match unsafe { ffi::lua_type(self.l, at) } {
            ffi::LUA_TNONE => Kind::None,
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::Pointer,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            ffi::LUA_TTHREAD => Kind::Thread,
            _ => Kind::Userdata,
        }
    }

    /// Whether the function at `at` is native.
    pub fn is_native(&self, at: i32) -> bool {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_iscfunction(self.l, at) != 0 }
    }

    /// The bytes of the string at `at`; `None` for anything else, numbers included.
    #[inline]
    pub fn bytes(&self, at: i32) -> Option<&[u8]> {
        if self.kind(at) != Kind::String {
            return None;
        }
        let mut len = 0;
        // SAFETY: it is a string, so nothing is converted; its bytes stay in place while the stack
        // holds it, and changing the stack needs `&mut self`.
        unsafe {
            let start = ffi::lua_tolstring(self.l, at, &mut len);
            Some(std::slice::from_raw_parts(start.cast(), len))
        }
    }

    /// The same, and what is shared with the engine: the one lies in the interpreter, the other
    /// does not.
    #[inline]
    pub fn bytes_beside_shared(&mut self, at: i32) -> (Option<&[u8]>, &mut Shared) {
        // SAFETY: as in `shared`; the interpreter is not entered while either is borrowed.
        let shared = unsafe { &mut *self.shared };
        (self.bytes(at), shared)
    }

    /// The bytes of a string or a number, which becomes a string where it stands.
    pub fn text(&mut self, at: i32) -> Option<&[u8]> {
        if self.kind(at) == Kind::Number {
            let mut len = 0;
            // SAFETY: see the head of this file; the number is not a key of a walk.
            unsafe { ffi::lua_tolstring(self.l, at, &mut len) };
        }
        self.bytes(at)
    }

    /// The number at `at`, or the one that the string there spells.
    #[inline]
    pub fn number(&self, at: i32) -> Option<f64> {
        // SAFETY: see the head of this file.
        unsafe { (ffi::lua_isnumber(self.l, at) != 0).then(|| ffi::lua_tonumber(self.l, at)) }
    }

    /// Whether the value at `at` counts as true.
    pub fn truth(&self, at: i32) -> bool {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_toboolean(self.l, at) != 0 }
    }

    /// The address in the pointer at `at`.
    pub fn pointer(&self, at: i32) -> usize {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_touserdata(self.l, at) as usize }
    }

    /// Length of a string, or a border of a table.
    pub fn len(&self, at: i32) -> usize {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_objlen(self.l, at) }
    }

    /// Whether two values are the same.
    pub fn same(&self, a: i32, b: i32) -> bool {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_rawequal(self.l, a, b) != 0 }
    }

    /// Pushes `nil`.
    pub fn push_nil(&mut self) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_pushnil(self.l) }
    }

    /// Pushes a truth value.
    pub fn push_bool(&mut self, value: bool) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_pushboolean(self.l, c_int::from(value)) }
    }

    /// Pushes a number.
    #[inline]
    pub fn push_number(&mut self, value: f64) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_pushnumber(self.l, value) }
    }

    /// Pushes a string.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        // SAFETY: see the head of this file; the bytes are copied.
        unsafe { ffi::lua_pushlstring_(self.l, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Pushes a part of the string at `at`.
    pub fn push_part(&mut self, at: i32, range: std::ops::Range<usize>) {
        let part = self.bytes(at).and_then(|all| all.get(range)).unwrap_or(b"");
        let (start, len) = (part.as_ptr(), part.len());
        // SAFETY: the string stays on the stack, so its bytes stay in place.
        unsafe { ffi::lua_pushlstring_(self.l, start.cast(), len) }
    }

    /// Pushes a bare pointer.
    pub fn push_pointer(&mut self, address: usize) {
        // SAFETY: see the head of this file; nobody reads through it.
        unsafe { ffi::lua_pushlightuserdata(self.l, address as *mut c_void) }
    }

    /// Pushes a copy of the value at `at`.
    #[inline]
    pub fn push_value(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_pushvalue(self.l, at) }
    }

    /// Moves the value on top to `at`, those above make room.
    pub fn insert(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_insert(self.l, at) }
    }

    /// Moves the value on top over the one at `at`.
    pub fn replace(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_replace(self.l, at) }
    }

    /// Takes the value at `at` out.
    pub fn remove(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_remove(self.l, at) }
    }

    /// Pushes an empty table with room for so many list items and so many other fields.
    pub fn new_table(&mut self, items: usize, fields: usize) {
        let (items, fields) = (items.min(1 << 20) as c_int, fields.min(1 << 20) as c_int);
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_createtable(self.l, items, fields) }
    }

    /// Replaces the key on top by its value in the table at `at`, without metamethods.
    pub fn get(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_rawget_(self.l, at) }
    }

    /// Pushes item `i` of the table at `at`, without metamethods.
    #[inline]
    pub fn get_item(&mut self, at: i32, i: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_rawgeti_(self.l, at, i) }
    }

    /// Pushes a named field of the table at `at`, without metamethods.
    pub fn get_field(&mut self, at: i32, name: &str) -> Kind {
        let at = self.absolute(at);
        self.push(name.as_bytes());
        self.get(at);
        self.kind(-1)
    }

    /// Stores the value on top under the key below it in the table at `at`, without metamethods.
    /// The key is neither nil nor NaN.
    pub fn set(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_rawset(self.l, at) }
    }

    /// Stores the value on top as item `i` of the table at `at`.
    #[inline]
    pub fn set_item(&mut self, at: i32, i: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_rawseti_(self.l, at, i) }
    }

    /// Stores the value on top as a named field of the table at `at`.
    pub fn set_field(&mut self, at: i32, name: &str) {
        let at = self.absolute(at);
        self.push(name.as_bytes());
        self.insert(-2);
        self.set(at);
    }

    /// Replaces the key on top by the next key and its value in the table at `at`; at the end it
    /// is dropped and this is false. The key came from here.
    pub fn next(&mut self, at: i32) -> bool {
        // SAFETY: see the head of this file; a key that came from the walk is never unknown.
        unsafe { ffi::lua_next(self.l, at) != 0 }
    }

    /// Pushes the metatable of the value at `at`; false when it has none.
    pub fn get_metatable(&mut self, at: i32) -> bool {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_getmetatable(self.l, at) != 0 }
    }

    /// Makes the table (or nil) on top the metatable of the value at `at`.
    pub fn set_metatable(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_setmetatable(self.l, at) };
    }

    /// Pushes the environment of the function at `at`.
    pub fn get_environment(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_getfenv(self.l, at) }
    }

    /// Makes the table on top the environment of the Lua function at `at`.
    pub fn set_environment(&mut self, at: i32) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_setfenv(self.l, at) };
    }

    /// Pushes an empty block of memory without a meaning.
    pub fn push_userdata(&mut self) {
        // SAFETY: see the head of this file; nobody reads it.
        unsafe { ffi::lua_newuserdata(self.l, 0) };
    }

    /// Pushes a native function over the `kept` values on top, which it finds as upvalues 2 on.
    pub fn push_native(&mut self, native: Native, kept: i32) {
        // The first upvalue is the function's own address.
        self.push_pointer(native as usize);
        self.insert(-kept - 1);
        // SAFETY: see the head of this file; `enter` expects what was just pushed.
        unsafe { ffi::lua_pushcclosure(self.l, state::enter, kept + 1) }
    }

    /// Pushes a native function that is a type.
    pub fn push_known<K: Known>(&mut self) {
        // SAFETY: see the head of this file; it finds its arguments and needs no upvalue.
        unsafe { ffi::lua_pushcclosure(self.l, state::enter_known::<K>, 0) }
    }

    /// Index of a native function's kept value number `n`, from 1.
    pub fn upvalue(n: i32) -> i32 {
        ffi::lua_upvalueindex(n + 1)
    }

    /// Compiles a text under a name; what is no text, compiled code above all, is not loaded. The
    /// function, or the message, is on top afterwards.
    pub fn load(&mut self, text: &[u8], name: &CStr) -> Ended {
        // Compiled code is told by its first byte: a space before it makes it the text it is not.
        let spaced: Vec<u8>;
        let text = if text.first() == Some(&0x1b) {
            spaced = [b" ", text].concat();
            &spaced
        } else {
            text
        };
        // SAFETY: see the head of this file; `luaL_loadbuffer` catches its own errors.
        let status = unsafe {
            ffi::luaL_loadbuffer(self.l, text.as_ptr().cast(), text.len(), name.as_ptr())
        };
        ended(status)
    }

    /// Calls the function below its `arguments`. It may leave the stack for long: nothing borrowed
    /// is held meanwhile. Of an error it is remembered where it began.
    pub fn pcall(&mut self, arguments: i32, results: i32) -> Ended {
        let before = self.shared().native;
        self.shared().native = 0;
        let function = self.top() - arguments;
        self.get_item(REGISTRY, NOTE_ERROR);
        self.insert(function);
        // SAFETY: see the head of this file; errors end here.
        let status = unsafe { ffi::lua_pcall(self.l, arguments, results, function) };
        self.remove(function);
        self.shared().native = before;
        ended(status)
    }

    /// Replaces the key on top by its value in the table at `at`, metamethods included. As `pcall`.
    pub fn index(&mut self, at: i32) -> Ended {
        self.push_value(at);
        self.insert(-2);
        // SAFETY: the function finds table and key as its arguments.
        unsafe { ffi::lua_pushcclosure(self.l, guard::index, 0) };
        self.insert(-3);
        self.pcall(2, 1)
    }

    /// Takes the value on top into the registry.
    pub fn keep(&mut self) -> Kept {
        // SAFETY: see the head of this file.
        Kept(unsafe { ffi::luaL_ref(self.l, REGISTRY) })
    }

    /// Pushes a value from the registry.
    pub fn push_kept(&mut self, kept: Kept) {
        // SAFETY: see the head of this file.
        unsafe { ffi::lua_rawgeti_(self.l, REGISTRY, kept.0) }
    }

    /// Lets a value of the registry go.
    pub fn let_go(&mut self, kept: Kept) {
        // SAFETY: see the head of this file.
        unsafe { ffi::luaL_unref(self.l, REGISTRY, kept.0) }
    }

    /// Where the function `level` calls up stands; 0 is the running one.
    pub fn place(&mut self, level: i32) -> Option<Place> {
        // SAFETY: a `lua_Debug` of zeroes is valid, and filled in before its texts are read.
        unsafe {
            let mut record: ffi::lua_Debug = std::mem::zeroed();
            if ffi::lua_getstack(self.l, level, &mut record) == 0 {
                return None;
            }
            ffi::lua_getinfo(self.l, c"nSl".as_ptr(), &mut record);
            Some(Place {
                source: CStr::from_ptr(record.source).to_bytes().to_vec(),
                line: record.currentline,
                native: CStr::from_ptr(record.what) == c"C",
            })
        }
    }

    /// In a handler of errors: where the error began, seen past the native function it began in.
    pub fn place_of_error(&mut self) -> Option<Place> {
        let place = self.place(1);
        match place.as_ref().is_some_and(|place| place.native) {
            true => self.place(2),
            false => place,
        }
    }

    /// A number that tells the table or the string at `at` from others that are there.
    pub fn identity(&self, at: i32) -> usize {
        match self.bytes(at) {
            Some(bytes) => bytes.as_ptr().addr(),
            // SAFETY: see the head of this file; nobody reads through it.
            None => unsafe { ffi::lua_topointer(self.l, at) }.addr(),
        }
    }

    /// Pushes the function `level` calls up; false when there is none.
    pub fn push_caller(&mut self, level: i32) -> bool {
        // SAFETY: as in `place`.
        unsafe {
            let mut record: ffi::lua_Debug = std::mem::zeroed();
            let found = ffi::lua_getstack(self.l, level, &mut record) != 0;
            found && ffi::lua_getinfo(self.l, c"f".as_ptr(), &mut record) != 0
        }
    }

    /// Collects garbage: all of it, or a step.
    pub fn collect(&mut self, step: Option<i32>) {
        let what = if step.is_some() { ffi::LUA_GCSTEP } else { ffi::LUA_GCCOLLECT };
        // SAFETY: scripts have no way to a finaliser, so collecting runs no code.
        unsafe { ffi::lua_gc(self.l, what, step.unwrap_or(0)) };
    }

    /// Bytes the interpreter holds, as it counts itself.
    pub fn held_bytes(&self) -> usize {
        // SAFETY: see the head of this file.
        unsafe {
            let kilobytes = ffi::lua_gc(self.l, ffi::LUA_GCCOUNT, 0) as usize;
            kilobytes * 1024 + ffi::lua_gc(self.l, ffi::LUA_GCCOUNTB, 0) as usize
        }
    }

    /// An index that stays right when values are pushed.
    pub fn absolute(&self, at: i32) -> i32 {
        if at < 0 && at > REGISTRY { self.top() + at + 1 } else { at }
    }
}

fn ended(status: c_int) -> Ended {
    match status {
        0 => Ended::Well,
        ffi::LUA_ERRMEM => Ended::OutOfMemory,
        _ => Ended::Failed,
    }
}
