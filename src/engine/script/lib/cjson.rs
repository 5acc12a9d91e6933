//! `cjson`: JSON text of Lua values. Reading is in `cjson_decode`.
//!
//! A library's settings live in a table that its functions keep; the next number is the index.

use super::super::convert::c_text;
use super::super::lua::number::general;
use super::super::lua::{Kind, Lua, Native, Raise};
use super::cjson_decode::decode;
use super::{Output, check_integer};

/// Whether too sparse a list is written as an object rather than refused.
const SPARSE_CONVERT: i32 = 1;
/// From which ratio of length to items on a list is too sparse.
const SPARSE_RATIO: i32 = 2;
/// Up to which length no list is.
const SPARSE_SAFE: i32 = 3;
const ENCODE_DEPTH: i32 = 4;
/// Depth of reading.
pub const DECODE_DEPTH: i32 = 5;
const PRECISION: i32 = 6;
const KEEP_BUFFER: i32 = 7;
/// How infinite numbers are written: refused, as they are, or as null.
const ENCODE_INVALID: i32 = 8;
/// Whether numbers that JSON does not know are read.
pub const DECODE_INVALID: i32 = 9;

const DEFAULTS: [f64; 9] = [0.0, 2.0, 10.0, 1000.0, 1000.0, 14.0, 1.0, 0.0, 1.0];

const FUNCTIONS: &[(&str, Native)] = &[
    ("encode", encode),
    ("decode", decode),
    ("encode_sparse_array", encode_sparse_array),
    ("encode_max_depth", |lua| depth(lua, ENCODE_DEPTH)),
    ("decode_max_depth", |lua| depth(lua, DECODE_DEPTH)),
    ("encode_number_precision", encode_number_precision),
    ("encode_keep_buffer", |lua| only_switch(lua, KEEP_BUFFER)),
    ("encode_invalid_numbers", encode_invalid_numbers),
    ("decode_invalid_numbers", |lua| only_switch(lua, DECODE_INVALID)),
    ("new", new),
];

/// Pushes the library with settings of its own.
pub fn open(lua: &mut Lua) {
    lua.new_table(0, 13);
    lua.new_table(DEFAULTS.len(), 0);
    for (i, value) in (1..).zip(DEFAULTS) {
        lua.push_number(value);
        lua.set_item(-2, i);
    }
    for (name, native) in FUNCTIONS {
        lua.push_value(-1);
        lua.push_native(*native, 1);
        lua.set_field(-3, name);
    }
    lua.pop(1);
    lua.push_pointer(0);
    lua.set_field(-2, "null");
    lua.push(b"cjson");
    lua.set_field(-2, "_NAME");
    lua.push(b"2.1.0");
    lua.set_field(-2, "_VERSION");
}

fn new(lua: &mut Lua) -> Result<i32, Raise> {
    open(lua);
    Ok(1)
}

/// A setting of the running function's library.
pub fn setting(lua: &mut Lua, which: i32) -> i64 {
    lua.get_item(Lua::upvalue(1), which);
    let value = lua.number(-1).unwrap_or(0.0) as i64;
    lua.pop(1);
    value
}

fn set(lua: &mut Lua, which: i32, value: i64) {
    lua.push_number(value as f64);
    lua.set_item(Lua::upvalue(1), which);
}

fn at_most(lua: &mut Lua, arguments: i32) -> Result<(), Raise> {
    if lua.top() > arguments {
        return Err(Raise::arg(arguments + 1, "found too many arguments"));
    }
    lua.set_top(arguments);
    Ok(())
}

/// Reads and shows an integer setting.
fn integer(lua: &mut Lua, n: i32, which: i32, min: i64, max: i64) -> Result<(), Raise> {
    if lua.kind(n) != Kind::Nil {
        let value = check_integer(lua, n)?;
        if !(min..=max).contains(&value) {
            let text = format!("expected integer between {min} and {max}");
            return Err(Raise::Arg(1, text.into_bytes().into()));
        }
        set(lua, which, value);
    }
    let value = setting(lua, which);
    lua.push_number(value as f64);
    Ok(())
}

/// Reads and shows a setting that is on or off, or has one of these names.
fn switch(lua: &mut Lua, which: i32, names: &[&str]) -> Result<(), Raise> {
    match lua.kind(1) {
        Kind::Nil => {}
        Kind::Boolean => {
            let on = lua.truth(1);
            set(lua, which, i64::from(on));
        }
        _ => {
            let Some(name) = lua.text(1).map(<[u8]>::to_vec) else {
                return Err(super::type_error(lua, 1, "string"));
            };
            let Some(value) = names.iter().position(|n| n.as_bytes() == name) else {
                let text = [b"invalid option '", c_text(&name), b"'"].concat();
                return Err(Raise::Arg(1, text.into()));
            };
            set(lua, which, value as i64);
        }
    }
    match setting(lua, which) {
        value @ 0..=1 => lua.push_bool(value == 1),
        value => lua.push(names.get(value as usize).unwrap_or(&"").as_bytes()),
    }
    Ok(())
}

fn only_switch(lua: &mut Lua, which: i32) -> Result<i32, Raise> {
    at_most(lua, 1)?;
    switch(lua, which, &[])?;
    Ok(1)
}

fn encode_invalid_numbers(lua: &mut Lua) -> Result<i32, Raise> {
    at_most(lua, 1)?;
    switch(lua, ENCODE_INVALID, &["off", "on", "null"])?;
    Ok(1)
}

fn encode_sparse_array(lua: &mut Lua) -> Result<i32, Raise> {
    at_most(lua, 3)?;
    switch(lua, SPARSE_CONVERT, &[])?;
    integer(lua, 2, SPARSE_RATIO, 0, i64::from(i32::MAX))?;
    integer(lua, 3, SPARSE_SAFE, 0, i64::from(i32::MAX))?;
    Ok(3)
}

fn depth(lua: &mut Lua, which: i32) -> Result<i32, Raise> {
    at_most(lua, 1)?;
    integer(lua, 1, which, 1, i64::from(i32::MAX))?;
    Ok(1)
}

fn encode_number_precision(lua: &mut Lua) -> Result<i32, Raise> {
    at_most(lua, 1)?;
    integer(lua, 1, PRECISION, 1, 14)?;
    Ok(1)
}

/// What a run of the encoder goes by.
struct Settings {
    sparse_convert: bool,
    sparse_ratio: f64,
    sparse_safe: f64,
    depth: i64,
    precision: i32,
    invalid: i64,
}

/// However deep the setting allows, no deeper than our stack does.
pub const DEPTH_MAX: i64 = 1500;

fn encode(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.top() != 1 {
        return Err(Raise::arg(1, "expected 1 argument"));
    }
    let settings = Settings {
        sparse_convert: setting(lua, SPARSE_CONVERT) == 1,
        sparse_ratio: setting(lua, SPARSE_RATIO) as f64,
        sparse_safe: setting(lua, SPARSE_SAFE) as f64,
        depth: setting(lua, ENCODE_DEPTH).min(DEPTH_MAX),
        precision: setting(lua, PRECISION) as i32,
        invalid: setting(lua, ENCODE_INVALID),
    };
    let mut json = Output::new(lua);
    value(lua, &settings, 0, &mut json)?;
    lua.push(&json.bytes);
    Ok(1)
}

fn refuse(lua: &Lua, at: i32, why: &str) -> Raise {
    Raise::texts(format!("Cannot serialise {}: {why}", lua.kind(at).name()))
}

/// Appends the value on top.
fn value(lua: &mut Lua, settings: &Settings, depth: i64, out: &mut Output) -> Result<(), Raise> {
    out.next(lua)?;
    let json = &mut out.bytes;
    match lua.kind(-1) {
        Kind::String => string(lua.bytes(-1).unwrap_or(b""), json),
        Kind::Number => return number(lua, settings, -1, json),
        Kind::Boolean if lua.truth(-1) => json.extend_from_slice(b"true"),
        Kind::Boolean => json.extend_from_slice(b"false"),
        Kind::Nil => json.extend_from_slice(b"null"),
        Kind::Pointer if lua.pointer(-1) == 0 => json.extend_from_slice(b"null"),
        Kind::Table => return table(lua, settings, depth + 1, out),
        _ => return Err(refuse(lua, -1, "type not supported")),
    }
    Ok(())
}

fn table(lua: &mut Lua, settings: &Settings, depth: i64, out: &mut Output) -> Result<(), Raise> {
    if depth > settings.depth || !lua.reserve(6) {
        return Err(Raise::texts(format!("Cannot serialise, excessive nesting ({depth})")));
    }
    let guarded = super::super::lua::guard::real(lua, -1);
    if !guarded {
        lua.push_value(-1);
    }
    let written = match length(lua, settings)? {
        Some(len) => list(lua, settings, depth, len, out),
        None => object(lua, settings, depth, out),
    };
    lua.pop(1);
    written
}

fn list(
    lua: &mut Lua,
    settings: &Settings,
    depth: i64,
    len: i32,
    out: &mut Output,
) -> Result<(), Raise> {
    out.bytes.push(b'[');
    for i in 1..=len {
        if i > 1 {
            out.bytes.push(b',');
        }
        lua.get_item(-1, i);
        value(lua, settings, depth, out)?;
        lua.pop(1);
    }
    out.bytes.push(b']');
    Ok(())
}

fn object(lua: &mut Lua, settings: &Settings, depth: i64, out: &mut Output) -> Result<(), Raise> {
    out.bytes.push(b'{');
    let mut first = true;
    lua.push_nil();
    while lua.next(-2) {
        let json = &mut out.bytes;
        if !std::mem::take(&mut first) {
            json.push(b',');
        }
        match lua.kind(-2) {
            Kind::String => string(lua.bytes(-2).unwrap_or(b""), json),
            Kind::Number => {
                json.push(b'"');
                number(lua, settings, -2, json)?;
                json.push(b'"');
            }
            _ => return Err(refuse(lua, -2, "table key must be a number or string")),
        }
        json.push(b':');
        value(lua, settings, depth, out)?;
        lua.pop(1);
    }
    out.bytes.push(b'}');
    Ok(())
}

/// The length of the table on top as a list; `None` for what is to be an object.
fn length(lua: &mut Lua, settings: &Settings) -> Result<Option<i32>, Raise> {
    let (mut max, mut items) = (0.0, 0.0);
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        let key = if lua.kind(-1) == Kind::Number { lua.number(-1) } else { None };
        match key {
            Some(key) if key >= 1.0 && key == key.floor() => {
                max = key.max(max);
                items += 1.0;
            }
            _ => {
                lua.pop(1);
                return Ok(None);
            }
        }
    }
    let sparse = settings.sparse_ratio > 0.0
        && max > items * settings.sparse_ratio
        && max > settings.sparse_safe;
    if sparse && !settings.sparse_convert {
        return Err(refuse(lua, -1, "excessively sparse array"));
    }
    Ok((max > 0.0 && !sparse && max < f64::from(i32::MAX)).then_some(max as i32))
}

fn number(lua: &mut Lua, settings: &Settings, at: i32, json: &mut Vec<u8>) -> Result<(), Raise> {
    let value = lua.number(at).unwrap_or(0.0);
    if !value.is_finite() {
        match settings.invalid {
            0 => return Err(refuse(lua, at, "must not be NaN or Inf")),
            1 if value.is_nan() => {
                json.extend_from_slice(b"nan");
                return Ok(());
            }
            1 => {}
            _ => {
                json.extend_from_slice(b"null");
                return Ok(());
            }
        }
    }
    json.extend_from_slice(general(value, settings.precision).as_bytes());
    Ok(())
}

fn string(text: &[u8], json: &mut Vec<u8>) {
    json.reserve(text.len() + 2);
    json.push(b'"');
    for &c in text {
        match c {
            b'"' | b'\\' | b'/' => json.extend_from_slice(&[b'\\', c]),
            0x08 => json.extend_from_slice(b"\\b"),
            b'\t' => json.extend_from_slice(b"\\t"),
            b'\n' => json.extend_from_slice(b"\\n"),
            0x0c => json.extend_from_slice(b"\\f"),
            b'\r' => json.extend_from_slice(b"\\r"),
            0..=0x1f | 0x7f => json.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
            _ => json.push(c),
        }
    }
    json.push(b'"');
}
