//! `cmsgpack`: MessagePack without binary and extension types.

use super::super::api::fields;
use super::super::convert::to_integer;
use super::super::lua::{Kind, Lua, Native, Raise, guard};
use super::{Output, Pace, check_integer, check_string, optional_integer};

const FUNCTIONS: &[(&str, Native)] = &[
    ("pack", pack),
    ("unpack", unpack),
    ("unpack_one", unpack_one),
    ("unpack_limit", unpack_limit),
];

/// Tables nested deeper are written as nil.
const NESTING_MAX: usize = 16;

/// Pushes the library.
pub fn open(lua: &mut Lua) {
    lua.new_table(0, 8);
    fields(lua, FUNCTIONS);
    for (name, text) in [
        ("_NAME", "cmsgpack"),
        ("_VERSION", "lua-cmsgpack 0.4.0"),
        ("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
        ("_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        lua.push(text.as_bytes());
        lua.set_field(-2, name);
    }
}

fn pack(lua: &mut Lua) -> Result<i32, Raise> {
    let count = lua.top();
    if count == 0 {
        return Err(Raise::arg(0, "MessagePack pack needs input."));
    }
    let mut packed = Output::new(lua);
    for n in 1..=count {
        lua.push_value(n);
        pack_value(lua, &mut packed, 0)?;
        lua.pop(1);
    }
    lua.push(&packed.bytes);
    Ok(1)
}

/// Appends a tag and a big-endian number behind it.
fn tagged(packed: &mut Vec<u8>, tag: u8, rest: &[u8]) {
    packed.push(tag);
    packed.extend_from_slice(rest);
}

fn pack_value(lua: &mut Lua, out: &mut Output, level: usize) -> Result<(), Raise> {
    out.next(lua)?;
    let packed = &mut out.bytes;
    match lua.kind(-1) {
        Kind::String => pack_string(lua.bytes(-1).unwrap_or(b""), packed),
        Kind::Boolean => packed.push(if lua.truth(-1) { 0xC3 } else { 0xC2 }),
        Kind::Number => pack_number(lua.number(-1).unwrap_or(0.0), packed),
        Kind::Table if level < NESTING_MAX => return pack_table(lua, out, level),
        _ => packed.push(0xC0),
    }
    Ok(())
}

fn pack_string(text: &[u8], packed: &mut Vec<u8>) {
    match text.len() {
        len @ 0..=31 => packed.push(0xA0 | len as u8),
        len @ 32..=0xFF => tagged(packed, 0xD9, &[len as u8]),
        len @ 0x100..=0xFFFF => tagged(packed, 0xDA, &(len as u16).to_be_bytes()),
        len => tagged(packed, 0xDB, &(len as u32).to_be_bytes()),
    }
    packed.extend_from_slice(text);
}

fn pack_number(value: f64, packed: &mut Vec<u8>) {
    let whole = to_integer(value);
    if whole as f64 == value {
        return pack_integer(whole, packed);
    }
    let short = value as f32;
    if f64::from(short) == value {
        tagged(packed, 0xCA, &short.to_be_bytes());
    } else {
        tagged(packed, 0xCB, &value.to_be_bytes());
    }
}

fn pack_integer(value: i64, packed: &mut Vec<u8>) {
    match value {
        0..=0x7F => packed.push(value as u8),
        0x80..=0xFF => tagged(packed, 0xCC, &[value as u8]),
        0x100..=0xFFFF => tagged(packed, 0xCD, &(value as u16).to_be_bytes()),
        0x1_0000..=0xFFFF_FFFF => tagged(packed, 0xCE, &(value as u32).to_be_bytes()),
        0x1_0000_0000.. => tagged(packed, 0xCF, &value.to_be_bytes()),
        -32..=-1 => packed.push(value as u8),
        -0x80..=-33 => tagged(packed, 0xD0, &[value as u8]),
        -0x8000..=-0x81 => tagged(packed, 0xD1, &(value as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => tagged(packed, 0xD2, &(value as i32).to_be_bytes()),
        _ => tagged(packed, 0xD3, &value.to_be_bytes()),
    }
}

fn pack_table(lua: &mut Lua, out: &mut Output, level: usize) -> Result<(), Raise> {
    if !lua.reserve(6) {
        return Err(Raise::text("stack overflow (in function mp_encode_lua_table)"));
    }
    if !guard::real(lua, -1) {
        lua.push_value(-1);
    }
    let (fields, is_list) = shape(lua);
    if is_list {
        let len = lua.len(-1);
        pack_length(&mut out.bytes, len, 0x90, 0xDC);
        for i in 1..=len {
            lua.get_item(-1, i as i32);
            pack_value(lua, out, level + 1)?;
            lua.pop(1);
        }
    } else {
        pack_length(&mut out.bytes, fields, 0x80, 0xDE);
        lua.push_nil();
        while lua.next(-2) {
            lua.push_value(-2);
            pack_value(lua, out, level + 1)?;
            lua.pop(1);
            pack_value(lua, out, level + 1)?;
            lua.pop(1);
        }
    }
    lua.pop(1);
    Ok(())
}

fn pack_length(packed: &mut Vec<u8>, len: usize, short: u8, long: u8) {
    match len {
        0..=15 => packed.push(short | len as u8),
        16..=0xFFFF => tagged(packed, long, &(len as u16).to_be_bytes()),
        _ => tagged(packed, long + 1, &(len as u32).to_be_bytes()),
    }
}

/// How many fields the table on top has, and whether they are exactly the items of a list.
fn shape(lua: &mut Lua) -> (usize, bool) {
    let (mut fields, mut max, mut is_list) = (0, 0.0, true);
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        fields += 1;
        let key = if lua.kind(-1) == Kind::Number { lua.number(-1).unwrap_or(0.0) } else { 0.0 };
        is_list &= key > 0.0 && key <= f64::from(i32::MAX) && key == key.trunc();
        max = key.max(max);
    }
    (fields, is_list && max == fields as f64)
}

fn unpack(lua: &mut Lua) -> Result<i32, Raise> {
    unpack_some(lua, 0, 0)
}

fn unpack_one(lua: &mut Lua) -> Result<i32, Raise> {
    let offset = optional_integer(lua, 2, 0)?;
    lua.set_top(lua.top().min(1));
    unpack_some(lua, 1, offset)
}

fn unpack_limit(lua: &mut Lua) -> Result<i32, Raise> {
    let limit = check_integer(lua, 2)?;
    let offset = optional_integer(lua, 3, 0)?;
    lua.set_top(1);
    unpack_some(lua, limit, offset)
}

/// Pushes the values of a stream, at most so many from an offset on, behind the offset to go on
/// from; with neither limit nor offset all values and nothing else.
fn unpack_some(lua: &mut Lua, limit: i64, offset: i64) -> Result<i32, Raise> {
    check_string(lua, 1)?;
    let len = lua.len(1);
    if offset < 0 || limit < 0 {
        return Err(Raise::texts(format!(
            "Invalid request to unpack with offset of {offset} and limit of {len}."
        )));
    }
    if offset as usize > len {
        return Err(Raise::texts(format!(
            "Start offset {offset} greater than input length {len}."
        )));
    }
    let data = lua.bytes(1).unwrap_or(b"").to_vec();
    let mut rest = &data[offset as usize..];
    let all = limit == 0 && offset == 0;
    let most = if all { i64::from(i32::MAX) } else { limit };
    let before = lua.top();
    let mut count = 0;
    let pace = Pace::of(lua);
    while !rest.is_empty() && i64::from(count) < most {
        unpack_value(lua, &mut rest, &pace)?;
        count += 1;
    }
    if !all {
        let next = if rest.is_empty() { -1.0 } else { (len - rest.len()) as f64 };
        lua.reserve(1);
        lua.push_number(next);
        lua.insert(before + 1);
        count += 1;
    }
    Ok(count)
}

fn missing() -> Raise {
    Raise::text("Missing bytes in input.")
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Raise> {
    let (taken, left) = rest.split_at_checked(len).ok_or_else(missing)?;
    *rest = left;
    Ok(taken)
}

/// A big-endian number of up to eight bytes.
fn number(rest: &mut &[u8], len: usize) -> Result<u64, Raise> {
    Ok(take(rest, len)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// A table being filled, which is on the stack; in a map, perhaps with a key above it.
enum Open {
    List { left: u64, i: i32 },
    Map { left: u64, key: bool },
}

/// Pushes one value. Nesting is kept on a stack of our own: the depth is the sender's choice.
fn unpack_value(lua: &mut Lua, rest: &mut &[u8], pace: &Pace) -> Result<(), Raise> {
    let mut open: Vec<Open> = Vec::new();
    loop {
        pace.part(lua, 0, 0)?;
        if !lua.reserve(4) {
            let text = if open.is_empty() {
                "stack overflow (too many return values at once; use unpack_one or unpack_limit \
                 instead.)"
            } else {
                "stack overflow (in function mp_decode_to_lua_array)"
            };
            return Err(Raise::text(text));
        }
        if let Some(table) = unpack_scalar(lua, rest)? {
            lua.new_table(0, 0);
            open.push(table);
        } else if !put(lua, &mut open)? {
            return Ok(());
        }
        // What is full becomes a value of the table around it.
        while let Some(Open::List { left: 0, .. } | Open::Map { left: 0, .. }) = open.last() {
            open.pop();
            if !put(lua, &mut open)? {
                return Ok(());
            }
        }
    }
}

/// Puts the value on top into the innermost open table; false when there is none.
fn put(lua: &mut Lua, open: &mut [Open]) -> Result<bool, Raise> {
    match open.last_mut() {
        None => return Ok(false),
        Some(Open::List { left, i }) => {
            *left -= 1;
            *i += 1;
            lua.set_item(-2, *i);
        }
        Some(Open::Map { key: key @ false, .. }) => *key = true,
        Some(Open::Map { left, key }) => {
            *left -= 1;
            *key = false;
            match lua.kind(-2) {
                Kind::Nil => return Err(Raise::Bare(b"table index is nil".as_slice().into())),
                Kind::Number if lua.number(-2).is_some_and(f64::is_nan) => {
                    return Err(Raise::Bare(b"table index is NaN".as_slice().into()));
                }
                _ => lua.set(-3),
            }
        }
    }
    Ok(true)
}

/// Pushes the value at the start of `rest`, or tells which table begins there.
fn unpack_scalar(lua: &mut Lua, rest: &mut &[u8]) -> Result<Option<Open>, Raise> {
    let tag = take(rest, 1)?[0];
    let list = |left| Ok(Some(Open::List { left, i: 0 }));
    let map = |left| Ok(Some(Open::Map { left, key: false }));
    match tag {
        0x00..=0x7F => lua.push_number(f64::from(tag)),
        0xE0..=0xFF => lua.push_number(f64::from(tag as i8)),
        0x80..=0x8F => return map(u64::from(tag & 15)),
        0x90..=0x9F => return list(u64::from(tag & 15)),
        0xA0..=0xBF => lua.push(take(rest, usize::from(tag & 31))?),
        0xC0 => lua.push_nil(),
        0xC2 | 0xC3 => lua.push_bool(tag == 0xC3),
        0xCA => {
            let bits = number(rest, 4)? as u32;
            lua.push_number(f64::from(f32::from_bits(bits)));
        }
        0xCB => {
            let bits = number(rest, 8)?;
            lua.push_number(f64::from_bits(bits));
        }
        0xCC..=0xCF => {
            let value = number(rest, 1 << (tag - 0xCC))?;
            // The widest ones are taken for signed.
            lua.push_number(if tag == 0xCF { value as i64 as f64 } else { value as f64 });
        }
        0xD0..=0xD3 => {
            let bytes = 1 << (tag - 0xD0);
            let unused = 64 - 8 * bytes as u32;
            let value = (number(rest, bytes)? << unused) as i64 >> unused;
            lua.push_number(value as f64);
        }
        0xD9..=0xDB => {
            let len = number(rest, 1 << (tag - 0xD9))? as usize;
            lua.push(take(rest, len)?);
        }
        0xDC => return list(number(rest, 2)?),
        0xDD => return list(number(rest, 4)?),
        0xDE => return map(number(rest, 2)?),
        0xDF => return map(number(rest, 4)?),
        _ => return Err(Raise::text("Bad data format in input.")),
    }
    Ok(None)
}
