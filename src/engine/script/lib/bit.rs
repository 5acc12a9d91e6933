//! `bit`: operations on 32 bits. Results are signed; a fraction is rounded, to even when in doubt.

use super::super::api::fields;
use super::super::lua::{Kind, Lua, Native, Raise};
use super::check_number;

const FUNCTIONS: &[(&str, Native)] = &[
    ("tobit", tobit),
    ("bnot", bnot),
    ("band", |lua| fold(lua, |a, b| a & b)),
    ("bor", |lua| fold(lua, |a, b| a | b)),
    ("bxor", |lua| fold(lua, |a, b| a ^ b)),
    ("lshift", |lua| shift(lua, |a, n| a << n)),
    ("rshift", |lua| shift(lua, |a, n| a >> n)),
    ("arshift", |lua| shift(lua, |a, n| ((a as i32) >> n) as u32)),
    ("rol", |lua| shift(lua, u32::rotate_left)),
    ("ror", |lua| shift(lua, u32::rotate_right)),
    ("bswap", bswap),
    ("tohex", tohex),
];

/// Pushes the library.
pub fn open(lua: &mut Lua) {
    lua.new_table(0, FUNCTIONS.len());
    fields(lua, FUNCTIONS);
}

fn argument(lua: &mut Lua, n: i32) -> Result<u32, Raise> {
    /// Added to a double, it leaves the integer in the low bits of the mantissa.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    Ok((check_number(lua, n)? + SHIFT).to_bits() as u32)
}

fn result(lua: &mut Lua, bits: u32) -> Result<i32, Raise> {
    lua.push_number(f64::from(bits as i32));
    Ok(1)
}

fn tobit(lua: &mut Lua) -> Result<i32, Raise> {
    let bits = argument(lua, 1)?;
    result(lua, bits)
}

fn bnot(lua: &mut Lua) -> Result<i32, Raise> {
    let bits = argument(lua, 1)?;
    result(lua, !bits)
}

fn bswap(lua: &mut Lua) -> Result<i32, Raise> {
    let bits = argument(lua, 1)?;
    result(lua, bits.swap_bytes())
}

fn fold(lua: &mut Lua, join: fn(u32, u32) -> u32) -> Result<i32, Raise> {
    let mut bits = argument(lua, 1)?;
    for n in 2..=lua.top() {
        bits = join(bits, argument(lua, n)?);
    }
    result(lua, bits)
}

fn shift(lua: &mut Lua, shift: fn(u32, u32) -> u32) -> Result<i32, Raise> {
    let bits = argument(lua, 1)?;
    let by = argument(lua, 2)? & 31;
    result(lua, shift(bits, by))
}

/// The lowest digits in hexadecimal; upper case for a negative number of them.
fn tohex(lua: &mut Lua) -> Result<i32, Raise> {
    let bits = argument(lua, 1)?;
    let wanted = if lua.kind(2) == Kind::None { 8 } else { argument(lua, 2)? as i32 };
    let digits = wanted.unsigned_abs().min(8) as usize;
    let all = if wanted < 0 { format!("{bits:08X}") } else { format!("{bits:08x}") };
    lua.push(&all.as_bytes()[8 - digits..]);
    Ok(1)
}
