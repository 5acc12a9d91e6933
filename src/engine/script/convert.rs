//! Values of scripts to replies and back.
//!
//! A reply read by a script: RESP2 has integers, strings, lists, `{ok=…}`, `{err=…}` and `false`
//! for null; RESP3 adds `nil`, booleans and tables with one of the fields `double`, `map`, `set`,
//! `big_number`, `verbatim_string`. The other way round the same tables are understood.

use super::lua::{Kind, Lua};
use crate::base::{double, num};
use crate::resp::reply::{Reply, Slot};

/// Pushes the value of the reply at the start of `data`, which the engine wrote, and says how many
/// bytes it took.
pub fn push_reply(lua: &mut Lua, data: &[u8]) -> usize {
    if let Some((len, at)) = short_bulk(data) {
        lua.push(&data[at..at + len]);
        return at + len + 2;
    }
    let end = memchr::memchr(b'\n', data).map_or(data.len(), |at| at + 1);
    let line = data.get(1..end.saturating_sub(2)).unwrap_or(b"");
    let Some(tag) = data.first() else {
        lua.push_nil();
        return 0;
    };
    match tag {
        b':' => lua.push_number(num::parse_i64(line).unwrap_or(0) as f64),
        b'$' => return push_bulk(lua, line, data, end),
        b'*' | b'>' => return push_list(lua, line, data, end),
        b'+' => push_single(lua, "ok", line),
        b'-' => push_error(lua, line, true),
        b'%' => return push_fields(lua, line, data, end, "map"),
        b'~' => return push_fields(lua, line, data, end, "set"),
        b'#' => lua.push_bool(line == b"t"),
        b',' => {
            lua.new_table(0, 1);
            let value = double::parse_f64(line).unwrap_or(f64::NAN);
            lua.push_number(value);
            lua.set_field(-2, "double");
        }
        b'(' => push_single(lua, "big_number", line),
        b'=' => return push_verbatim(lua, line, data, end),
        b'|' => {
            let mut at = end;
            for _ in 0..2 * length(line).unwrap_or(0) {
                at += push_reply(lua, &data[at..]);
                lua.pop(1);
            }
            return at + push_reply(lua, &data[at..]);
        }
        _ => lua.push_nil(),
    }
    end
}

/// Length and place of a string of less than a thousand bytes.
#[inline]
fn short_bulk(data: &[u8]) -> Option<(usize, usize)> {
    let digits = data.strip_prefix(b"$")?;
    let mut len = 0;
    for (at, byte) in digits.iter().enumerate().take(4) {
        match byte {
            b'0'..=b'9' => len = 10 * len + usize::from(byte - b'0'),
            b'\r' if at > 0 => return Some((len, at + 3)),
            _ => return None,
        }
    }
    None
}

/// A text as Redis hands it on in a string of C: up to its first zero byte.
pub fn c_text(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

fn length(line: &[u8]) -> Option<usize> {
    num::parse_i64(line).and_then(|len| usize::try_from(len).ok())
}

fn push_bulk(lua: &mut Lua, line: &[u8], data: &[u8], at: usize) -> usize {
    match length(line) {
        Some(len) => {
            lua.push(&data[at..at + len]);
            at + len + 2
        }
        None => {
            lua.push_bool(false);
            at
        }
    }
}

fn push_list(lua: &mut Lua, line: &[u8], data: &[u8], mut at: usize) -> usize {
    let Some(len) = length(line) else {
        lua.push_bool(false);
        return at;
    };
    // Replies are nested a handful of times at most, so there is always room.
    lua.reserve(6);
    lua.new_table(len, 0);
    for i in 1..=len {
        at += push_reply(lua, &data[at..]);
        lua.set_item(-2, i as i32);
    }
    at
}

/// A map or a set, as a table in the one field of another.
fn push_fields(lua: &mut Lua, line: &[u8], data: &[u8], mut at: usize, name: &str) -> usize {
    let len = length(line).unwrap_or(0);
    lua.reserve(6);
    lua.new_table(0, 1);
    lua.new_table(0, len);
    for _ in 0..len {
        at += push_reply(lua, &data[at..]);
        if name == "map" {
            at += push_reply(lua, &data[at..]);
        } else {
            lua.push_bool(true);
        }
        let key = lua.number(-2).unwrap_or(0.0);
        if lua.kind(-2) == Kind::Nil || key.is_nan() {
            lua.pop(2);
        } else {
            lua.set(-3);
        }
    }
    lua.set_field(-2, name);
    at
}

fn push_verbatim(lua: &mut Lua, line: &[u8], data: &[u8], at: usize) -> usize {
    let len = length(line).unwrap_or(0);
    let body = &data[at..at + len];
    lua.new_table(0, 1);
    lua.new_table(0, 2);
    lua.push(&body[4.min(len)..]);
    lua.set_field(-2, "string");
    lua.push(&body[..3.min(len)]);
    lua.set_field(-2, "format");
    lua.set_field(-2, "verbatim_string");
    at + len + 2
}

fn push_single(lua: &mut Lua, field: &str, text: &[u8]) {
    lua.new_table(0, 1);
    lua.push(text);
    lua.set_field(-2, field);
}

/// Pushes the table that stands for an error: its text with the code in front, and a mark when it
/// has been counted.
pub fn push_error(lua: &mut Lua, text: &[u8], counted: bool) {
    lua.new_table(0, 2);
    lua.push(text);
    lua.set_field(-2, "err");
    if counted {
        lua.push_bool(true);
        lua.set_field(-2, "ignore_error_stats_update");
    }
}

/// An error value that a script ended with or answered.
pub struct Failed {
    /// Its text, code first, without the place.
    pub text: Vec<u8>,
    /// Chunk and line.
    pub place: Option<(Vec<u8>, Vec<u8>)>,
    /// It has been counted already.
    pub counted: bool,
}

/// Reads the error value on top, which stays there.
pub fn failed(lua: &mut Lua) -> Failed {
    lua.reserve(4);
    if let Some(text) = lua.text(-1) {
        return Failed { text: [b"ERR ", c_text(text)].concat(), place: None, counted: false };
    }
    let mut failed = Failed { text: b"ERR unknown error".to_vec(), place: None, counted: false };
    if lua.kind(-1) != Kind::Table {
        return failed;
    }
    if let Some(text) = string_field(lua, "err") {
        failed.text = text;
    }
    if let (Some(source), Some(line)) = (string_field(lua, "source"), string_field(lua, "line")) {
        failed.place = Some((source, line));
    }
    lua.get_field(-1, "ignore_error_stats_update");
    failed.counted = lua.truth(-1);
    lua.pop(1);
    failed
}

/// A field of the table on top that is a string or a number.
fn string_field(lua: &mut Lua, name: &str) -> Option<Vec<u8>> {
    lua.get_field(-1, name);
    let text = lua.text(-1).map(|text| c_text(text).to_vec());
    lua.pop(1);
    text
}

/// An aggregate whose items are being written. Its table is on the stack, in a map or a set with
/// the key the walk stands at above it.
enum Open {
    List { slot: Slot, len: usize },
    Map { slot: Slot, len: usize, value: bool },
    Set { slot: Slot, len: usize },
}

/// Writes the value on top as a reply and drops it. `resp3` is what the script set; `error` hears
/// of every error in it.
pub fn write_reply(lua: &mut Lua, out: &mut Reply, resp3: bool, error: &mut dyn FnMut(&Failed)) {
    if let Kind::String = lua.kind(-1) {
        out.bulk(lua.bytes(-1).unwrap_or(b""));
        return lua.pop(1);
    }
    let Some(outermost) = begin(lua, out, resp3, error) else { return };
    // On a stack of our own: the depth is the script's choice.
    let mut open = vec![outermost];
    while let Some(innermost) = open.last_mut() {
        let more = match innermost {
            Open::List { len, .. } => {
                lua.get_item(-1, *len as i32 + 1);
                let more = lua.kind(-1) != Kind::Nil;
                *len += usize::from(more);
                if !more {
                    lua.pop(1);
                }
                more
            }
            Open::Map { value: value @ true, .. } => {
                *value = false;
                true
            }
            Open::Map { len, value, .. } => {
                let more = lua.next(-2);
                *value = more;
                *len += usize::from(more);
                if more {
                    lua.push_value(-2);
                }
                more
            }
            Open::Set { len, .. } => {
                let more = lua.next(-2);
                *len += usize::from(more);
                if more {
                    lua.pop(1);
                    lua.push_value(-1);
                }
                more
            }
        };
        if more {
            open.extend(begin(lua, out, resp3, error));
            continue;
        }
        lua.pop(1);
        match open.pop().expect("just looked at") {
            Open::List { slot, len } | Open::Map { slot, len, .. } | Open::Set { slot, len } => {
                out.close(slot, len);
            }
        }
    }
}

/// Writes the value on top and drops it, or begins the aggregate it is.
fn begin(
    lua: &mut Lua,
    out: &mut Reply,
    resp3: bool,
    error: &mut dyn FnMut(&Failed),
) -> Option<Open> {
    if !lua.reserve(6) {
        out.error("ERR reached lua stack limit");
        lua.pop(1);
        return None;
    }
    match lua.kind(-1) {
        Kind::String => out.bulk(lua.bytes(-1).unwrap_or(b"")),
        Kind::Number => out.int(to_integer(lua.number(-1).unwrap_or(0.0))),
        Kind::Boolean if resp3 => out.bool(lua.truth(-1)),
        Kind::Boolean if lua.truth(-1) => out.int(1),
        Kind::Table => return begin_table(lua, out, error),
        _ => out.null(),
    }
    lua.pop(1);
    None
}

/// What C makes of a double that becomes a 64-bit integer.
pub fn to_integer(value: f64) -> i64 {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    if fits { value as i64 } else { i64::MIN }
}

/// What C makes of a double that becomes an unsigned 64-bit integer.
pub fn to_unsigned(value: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if value >= HALF { to_integer(value - HALF) as u64 ^ 1 << 63 } else { to_integer(value) as u64 }
}

fn begin_table(lua: &mut Lua, out: &mut Reply, error: &mut dyn FnMut(&Failed)) -> Option<Open> {
    if super::lua::guard::real(lua, -1) {
        lua.replace(-2);
    }
    if field_is(lua, "err", Kind::String) {
        lua.pop(1);
        let failed = failed(lua);
        out.error_bytes(&failed.text);
        error(&failed);
    } else if field_is(lua, "ok", Kind::String) {
        let text = lua.bytes(-1).unwrap_or(b"");
        out.simple(c_text(text));
        lua.pop(1);
    } else if field_is(lua, "double", Kind::Number) {
        out.double(lua.number(-1).unwrap_or(0.0));
        lua.pop(1);
    } else if field_is(lua, "map", Kind::Table) {
        enter_field(lua);
        return Some(Open::Map { slot: out.open_map(), len: 0, value: false });
    } else if field_is(lua, "set", Kind::Table) {
        enter_field(lua);
        return Some(Open::Set { slot: out.open_set(), len: 0 });
    } else if field_is(lua, "big_number", Kind::String) {
        write_big_number(lua, out);
        lua.pop(1);
    } else if field_is(lua, "verbatim_string", Kind::Table) && write_verbatim(lua, out) {
        lua.pop(1);
    } else {
        return Some(Open::List { slot: out.open_array(), len: 0 });
    }
    lua.pop(1);
    None
}

/// Pushes a field of the table on top when it is of that type.
fn field_is(lua: &mut Lua, name: &str, kind: Kind) -> bool {
    if lua.get_field(-1, name) == kind {
        return true;
    }
    lua.pop(1);
    false
}

/// Goes from a table to the table in its field, which is on top, and begins to walk that.
fn enter_field(lua: &mut Lua) {
    lua.replace(-2);
    if super::lua::guard::real(lua, -1) {
        lua.replace(-2);
    }
    lua.push_nil();
}

fn write_big_number(lua: &mut Lua, out: &mut Reply) {
    let digits = lua.bytes(-1).unwrap_or(b"");
    let digits: Vec<u8> =
        digits.iter().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b }).collect();
    out.big_number(&digits);
}

/// Writes the text that the table on top describes; if it does not, drops the table.
fn write_verbatim(lua: &mut Lua, out: &mut Reply) -> bool {
    let table = lua.top();
    let format = lua.get_field(table, "format");
    let string = lua.get_field(table, "string");
    if (format, string) != (Kind::String, Kind::String) {
        lua.set_top(table - 1);
        return false;
    }
    let format = c_text(lua.bytes(-2).unwrap_or(b""));
    let mut ext = [b' '; 3];
    for (to, from) in ext.iter_mut().zip(format) {
        *to = *from;
    }
    out.verbatim(ext, lua.bytes(-1).unwrap_or(b""));
    lua.pop(2);
    true
}
