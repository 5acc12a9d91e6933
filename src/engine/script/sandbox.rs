//! The world a script sees: the harmless part of Lua's library, our own libraries, and no way to
//! change any of it.
//!
//! The real table of globals is behind a guarded one, and the interpreter's own global table is the
//! guarded one: every chunk gets it as its environment. A global that does not exist is an error.

use super::api;
use super::convert::c_text;
use super::lib;
use super::lua::guard::{self, Access};
use super::lua::state::State;
use super::lua::{Ended, GLOBALS, Kind, Lua, NOTE_ERROR, Native, REGISTRY, Raise};

/// Place of the real globals in the registry. The places of this folder are its first items, which
/// are reached fastest; those of `lua` and values that are kept come behind them.
const REAL: i32 = 1;
/// Place of the globals of a library that is being loaded.
const LOADING: i32 = 2;
/// Place of the handler of errors.
const HANDLER: i32 = 3;
/// What scripts must not see of Lua's library.
const HIDDEN: &[&str] = &["dofile", "loadfile", "print"];

/// What we do ourselves, since the original would show real tables, load compiled code, hand out
/// finalisers, or stop the collector for good.
const BASE: &[(&str, Native)] = &[
    ("getmetatable", getmetatable),
    ("load", load),
    ("loadstring", loadstring),
    ("getfenv", getfenv),
    ("setfenv", setfenv),
    ("newproxy", newproxy),
    ("collectgarbage", collectgarbage),
    ("__redis__err__handler", api::on_error),
];

/// Builds the interpreter of EVAL.
pub fn build_eval(state: &mut State) {
    let mut lua = begin(state);
    api::push_eval_api(&mut lua);
    guard::guard(&mut lua);
    lua.set_field(-2, "redis");
    finish(&mut lua);
}

/// Builds the interpreter of function libraries.
pub fn build_functions(state: &mut State) {
    let mut lua = begin(state);
    api::push_function_api(&mut lua);
    guard::guard(&mut lua);
    lua.set_field(-2, "redis");
    finish(&mut lua);
    lua.new_table(0, 1);
    api::push_load_api(&mut lua);
    complain_of_unknown(&mut lua);
    guard::guard(&mut lua);
    lua.set_field(-2, "redis");
    complain_of_unknown(&mut lua);
    lua.set_item(REGISTRY, LOADING);
}

/// Opens the libraries; the real table of globals is on top.
fn begin(state: &mut State) -> Lua {
    state.open_libraries();
    let mut lua = state.lua();
    lua.reserve(40);
    lua.set_top(0);
    for place in REAL..=NOTE_ERROR {
        lua.push_bool(false);
        let kept = lua.keep();
        assert!(kept.is_at(place), "the registry is new");
    }
    lua.push_value(GLOBALS);
    for name in HIDDEN {
        lua.push_nil();
        lua.set_field(-2, name);
    }
    guard_base(&mut lua);
    open_ours(&mut lua);
    for library in ["string", "table", "math", "coroutine", "cjson", "cmsgpack", "struct", "bit"] {
        lua.get_field(-1, library);
        guard::guard(&mut lua);
        lua.set_field(-2, library);
    }
    lua
}

/// Puts our versions of base functions into the globals on top.
fn guard_base(lua: &mut Lua) {
    let globals = lua.top();
    lua.get_field(globals, "next");
    lua.push_value(globals);
    for (name, access) in [
        ("next", Access::Reads),
        ("rawget", Access::Reads),
        ("rawset", Access::Writes),
        ("setmetatable", Access::Writes),
    ] {
        guard::wrap(lua, name, access);
    }
    guard::set_protected_calls(lua);
    api::fields(lua, BASE);
    // `pairs` hands out the plain `next` for plain tables.
    lua.push_value(globals + 1);
    lua.get_field(globals, "next");
    lua.push_native(pairs, 2);
    lua.set_field(globals, "pairs");
    lua.set_top(globals);
}

/// Our libraries, and our parts of Lua's.
fn open_ours(lua: &mut Lua) {
    lua.get_field(-1, "table");
    for name in ["insert", "setn"] {
        guard::wrap(lua, name, Access::Writes);
    }
    // A guarded table has no items that could be removed or sorted.
    for name in ["foreach", "foreachi", "concat", "getn", "maxn", "remove", "sort"] {
        guard::wrap(lua, name, Access::Reads);
    }
    lua.pop(1);
    lua.get_field(-1, "string");
    api::fields(lua, lib::strings::FUNCTIONS);
    lua.pop(1);
    lua.get_field(-1, "math");
    api::fields(lua, lib::random::FUNCTIONS);
    lua.pop(1);
    lib::bit::open(lua);
    lua.set_field(-2, "bit");
    lib::cjson::open(lua);
    lua.set_field(-2, "cjson");
    lib::cmsgpack::open(lua);
    lua.set_field(-2, "cmsgpack");
    lib::structs::open(lua);
    lua.set_field(-2, "struct");
}

/// Puts the guarded table in place of the real globals, which are on top and leave the stack.
fn finish(lua: &mut Lua) {
    complain_of_unknown(lua);
    lua.push_value(-1);
    lua.set_item(REGISTRY, REAL);
    let real = lua.top();
    lua.push_value(real);
    guard::guard(lua);
    lua.push_value(-1);
    lua.set_field(real, "_G");
    lua.push_value(-1);
    lua.replace(GLOBALS);
    lua.pop(2);
    lua.push_native(api::on_error, 0);
    lua.set_item(REGISTRY, HANDLER);
    lua.push_native(api::note_error, 0);
    lua.set_item(REGISTRY, NOTE_ERROR);
}

/// Makes reading a field that the table on top does not have an error.
fn complain_of_unknown(lua: &mut Lua) {
    lua.new_table(0, 1);
    lua.push_native(unknown, 0);
    lua.set_field(-2, "__index");
    lua.set_metatable(-2);
}

fn unknown(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.top() != 2 {
        return Err(Raise::text("Wrong number of arguments to luaProtectedTableError"));
    }
    let Some(name) = lua.text(-1) else {
        return Err(Raise::text(
            "Second argument to luaProtectedTableError must be a string or number",
        ));
    };
    let before: &[u8] = b"Script attempted to access nonexistent global variable '";
    Err(Raise::Text([before, c_text(name), b"'"].concat().into()))
}

/// Pushes the handler of errors.
pub fn push_handler(lua: &mut Lua) {
    lua.get_item(REGISTRY, HANDLER);
}

/// From now on libraries see what they may while they are loaded, or again what functions see.
pub fn set_loading(lua: &mut Lua, loading: bool) {
    lua.push_value(GLOBALS);
    lua.get_item(REGISTRY, if loading { LOADING } else { REAL });
    guard::redirect(lua, -2);
    lua.pop(1);
}

fn getmetatable(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.kind(1) == Kind::None {
        return Err(Raise::arg(1, "value expected"));
    }
    lua.set_top(1);
    if guard::real(lua, 1) {
        // The globals complain of unknown names, and Redis shows how; other guarded tables have no
        // metatable of their own.
        if lua.get_metatable(-1) {
            guard::guard(lua);
        } else {
            lua.push_nil();
        }
        return Ok(1);
    }
    if !lua.get_metatable(1) {
        lua.push_nil();
        return Ok(1);
    }
    if lua.get_field(-1, "__metatable") != Kind::Nil {
        return Ok(1);
    }
    lua.pop(1);
    match lua.kind(1) {
        Kind::Table => {}
        Kind::String => {
            // All strings share it: it may be looked at, and what it leads to is the library.
            lua.new_table(0, 1);
            lua.push_value(GLOBALS);
            guard::real(lua, -1);
            lua.get_field(-1, "string");
            lua.set_field(-4, "__index");
            lua.pop(2);
            guard::guard(lua);
        }
        _ => guard::guard(lua),
    }
    Ok(1)
}

fn pairs(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.kind(1) != Kind::Table {
        return Err(type_error(lua, 1, "table"));
    }
    let guarded = guard::real(lua, 1);
    lua.set_top(1);
    lua.push_value(Lua::upvalue(if guarded { 2 } else { 1 }));
    lua.insert(1);
    lua.push_nil();
    Ok(3)
}

/// The complaint about an argument of the wrong type.
pub fn type_error(lua: &mut Lua, number: i32, wanted: &str) -> Raise {
    let got = lua.kind(number).name();
    Raise::Arg(number, format!("{wanted} expected, got {got}").into_bytes().into())
}

/// Compiles the pieces a function hands out.
fn load(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.kind(1) != Kind::Function {
        return Err(type_error(lua, 1, "function"));
    }
    let name = name_of_chunk(lua, 2, b"=(load)")?;
    let mut text = Vec::new();
    loop {
        lua.set_top(2);
        lua.push_value(1);
        if lua.pcall(0, 1) != Ended::Well {
            lua.push_nil();
            lua.insert(-2);
            return Ok(2);
        }
        match lua.kind(-1) {
            Kind::Nil => break,
            _ => {
                let Some(piece) = lua.text(-1) else {
                    lua.push_nil();
                    lua.push(b"reader function must return a string");
                    return Ok(2);
                };
                if piece.is_empty() {
                    break;
                }
                text.extend_from_slice(piece);
                if lua.shared().exceeds(text.len()) {
                    return Err(Raise::Bare(b"not enough memory".as_slice().into()));
                }
            }
        }
    }
    compile(lua, &text, &name)
}

fn loadstring(lua: &mut Lua) -> Result<i32, Raise> {
    let Some(text) = lua.text(1).map(<[u8]>::to_vec) else {
        return Err(type_error(lua, 1, "string"));
    };
    let name = name_of_chunk(lua, 2, &text)?;
    compile(lua, &text, &name)
}

fn name_of_chunk(lua: &mut Lua, at: i32, default: &[u8]) -> Result<Vec<u8>, Raise> {
    if matches!(lua.kind(at), Kind::None | Kind::Nil) {
        return Ok(default.to_vec());
    }
    match lua.text(at) {
        Some(name) => Ok(name.to_vec()),
        None => Err(type_error(lua, at, "string")),
    }
}

fn compile(lua: &mut Lua, text: &[u8], name: &[u8]) -> Result<i32, Raise> {
    let name = std::ffi::CString::new(c_text(name)).expect("cut at its first zero byte");
    if lua.load(text, &name) == Ended::Well {
        return Ok(1);
    }
    lua.push_nil();
    lua.insert(-2);
    Ok(2)
}

/// Pushes the function that argument 1 means: itself, or so many calls up; `None` means the thread
/// as a whole.
fn push_function(lua: &mut Lua, level: f64) -> Result<Option<()>, Raise> {
    if lua.kind(1) == Kind::Function {
        lua.push_value(1);
        return Ok(Some(()));
    }
    let level = if lua.kind(1) == Kind::None || lua.kind(1) == Kind::Nil {
        level
    } else {
        match lua.number(1) {
            Some(level) => level,
            None => return Err(type_error(lua, 1, "number")),
        }
    };
    if level < 0.0 {
        return Err(Raise::arg(1, "level must be non-negative"));
    }
    if level < 1.0 {
        return Ok(None);
    }
    if !lua.push_caller(level.min(1e6) as i32) {
        return Err(Raise::arg(1, "invalid level"));
    }
    Ok(Some(()))
}

fn getfenv(lua: &mut Lua) -> Result<i32, Raise> {
    match push_function(lua, 1.0)? {
        Some(()) if !lua.is_native(-1) => lua.get_environment(-1),
        // Native functions may hold a real table as their environment.
        _ => lua.push_value(GLOBALS),
    }
    Ok(1)
}

/// Changes the environment of a function of the script. That of the whole thread stays: the next
/// script would find it changed.
fn setfenv(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.kind(2) != Kind::Table {
        return Err(type_error(lua, 2, "table"));
    }
    lua.set_top(2);
    let found = push_function(lua, -1.0)?;
    if found.is_none() || lua.is_native(-1) {
        return Err(Raise::text("'setfenv' cannot change environment of given object"));
    }
    lua.push_value(2);
    lua.set_environment(-2);
    lua.shared().lists_escape = true;
    Ok(1)
}

/// A value that is equal to itself alone. It gets no metatable to put a finaliser in.
fn newproxy(lua: &mut Lua) -> Result<i32, Raise> {
    lua.push_userdata();
    Ok(1)
}

/// The collector is everybody's: a script may have it run and look at it, not set it.
fn collectgarbage(lua: &mut Lua) -> Result<i32, Raise> {
    let option = match lua.kind(1) {
        Kind::None | Kind::Nil => b"collect".to_vec(),
        _ => match lua.text(1) {
            Some(text) => c_text(text).to_vec(),
            None => return Err(type_error(lua, 1, "string")),
        },
    };
    const OPTIONS: [&[u8]; 7] =
        [b"stop", b"restart", b"collect", b"count", b"step", b"setpause", b"setstepmul"];
    if !OPTIONS.contains(&option.as_slice()) {
        let text = [b"invalid option '", option.as_slice(), b"'"].concat();
        return Err(Raise::Arg(1, text.into()));
    }
    let size = lib::optional_integer(lua, 2, 0)?;
    match option.as_slice() {
        b"count" => {
            let bytes = lua.held_bytes();
            lua.push_number(bytes as f64 / 1024.0);
        }
        b"collect" => {
            lua.collect(None);
            lua.push_number(0.0);
        }
        b"step" => {
            lua.collect(Some(size.clamp(0, 1_000_000) as i32));
            lua.push_bool(false);
        }
        b"setpause" | b"setstepmul" => lua.push_number(200.0),
        _ => lua.push_number(0.0),
    }
    Ok(1)
}

/// Makes the two tables on top the globals KEYS and ARGV, and drops them.
pub fn set_arguments(lua: &mut Lua) {
    lua.get_item(REGISTRY, REAL);
    lua.insert(-3);
    lua.set_field(-3, "ARGV");
    lua.set_field(-2, "KEYS");
    lua.pop(1);
}
