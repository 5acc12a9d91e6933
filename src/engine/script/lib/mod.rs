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
pub(super) fn optional_integer(lua: &mut Lua, n: i32, default: i64) -> Result<i64, Raise> {
    match lua.kind(n) {
        Kind::None | Kind::Nil => Ok(default),
        _ => check_integer(lua, n),
    }
}

/// Makes argument `n` a string where it stands, if it is a number.
pub(super) fn check_string(lua: &mut Lua, n: i32) -> Result<(), Raise> {
    if lua.text(n).is_some() { Ok(()) } else { Err(type_error(lua, n, "string")) }
}

/// The error for results that no memory is there for.
pub(super) fn out_of_memory() -> Raise {
    Raise::Bare(b"not enough memory".as_slice().into())
}
