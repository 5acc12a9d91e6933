//! The libraries of scripts that are ours: those Redis adds to Lua, and the parts of Lua's own that
//! would run long or deep without asking.

pub mod bit;
pub mod cjson;
pub mod cjson_decode;
pub mod cmsgpack;
pub mod pattern;
pub mod random;
pub mod strings;
pub mod structs;

use super::lua::stack::Pauser;
use super::lua::{Kind, Lua, Raise};
use super::sandbox::type_error;

/// Argument `n` as a number.
pub(super) fn check_number(lua: &mut Lua, n: i32) -> Result<f64, Raise> {
    match lua.number(n) {
        Some(value) => Ok(value),
        None => Err(type_error(lua, n, "number")),
    }
}

/// Argument `n` as an integer, the fraction cut off.
pub(super) fn check_integer(lua: &mut Lua, n: i32) -> Result<i64, Raise> {
    check_number(lua, n).map(super::convert::to_integer)
}

/// Argument `n` as an integer, or this when it is missing.
pub(in crate::engine::script) fn optional_integer(
    lua: &mut Lua,
    n: i32,
    default: i64,
) -> Result<i64, Raise> {
    match lua.kind(n) {
        Kind::None | Kind::Nil => Ok(default),
        _ => check_integer(lua, n),
    }
}

/// Makes argument `n` a string where it stands, if it is a number.
pub(super) fn check_string(lua: &mut Lua, n: i32) -> Result<(), Raise> {
    if lua.text(n).is_some() { Ok(()) } else { Err(type_error(lua, n, "string")) }
}

/// What a library makes of values, or values of, part by part. Native code is not interrupted and
/// no memory is refused to it, so it asks here before each part.
pub(super) struct Pace {
    pauser: Pauser,
}

impl Pace {
    /// For the running native function.
    pub(super) fn of(lua: &Lua) -> Pace {
        Pace { pauser: Pauser::of(lua) }
    }

    /// Before a part of so many bytes, when so many were built already outside the interpreter:
    /// fails when they are too many, or when the script is to be stopped.
    pub(super) fn part(&self, lua: &mut Lua, bytes: usize, built: usize) -> Result<(), Raise> {
        if lua.shared().exceeds(built + bytes) {
            return Err(out_of_memory());
        }
        self.pauser.steps(1 + bytes / 16)
    }
}

/// A text that a library builds.
pub(super) struct Output {
    /// What it is so far.
    pub(super) bytes: Vec<u8>,
    pace: Pace,
}

impl Output {
    /// Nothing yet.
    pub(super) fn new(lua: &Lua) -> Output {
        Output { bytes: Vec::new(), pace: Pace::of(lua) }
    }

    /// Before the value on top is added.
    pub(super) fn next(&self, lua: &mut Lua) -> Result<(), Raise> {
        let bytes = lua.bytes(-1).map_or(0, <[u8]>::len);
        self.pace.part(lua, bytes, self.bytes.len())
    }
}

/// The error for results that no memory is there for.
pub(super) fn out_of_memory() -> Raise {
    Raise::Bare(b"not enough memory".as_slice().into())
}
