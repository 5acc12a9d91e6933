//! `struct`: values to bytes and back by a format, as C lays structures out.

use super::super::api::fields;
use super::super::convert::to_unsigned;
use super::super::lua::{Lua, Native, Raise};
use super::{check_number, check_string, optional_integer, out_of_memory};

const FUNCTIONS: &[(&str, Native)] = &[("pack", pack), ("unpack", unpack), ("size", size)];

/// Pushes the library.
pub fn open(lua: &mut Lua) {
    lua.new_table(0, FUNCTIONS.len());
    fields(lua, FUNCTIONS);
}

/// Bytes of the widest integer.
const INTEGER_MAX: usize = 32;
/// What `!` without a number aligns to.
const ALIGN_DEFAULT: usize = 8;

/// A format being read.
struct Format {
    text: Vec<u8>,
    at: usize,
    little: bool,
    align: usize,
}

/// One item of a format.
struct Item {
    option: u8,
    size: usize,
}

impl Format {
    fn of(lua: &mut Lua) -> Result<Format, Raise> {
        check_string(lua, 1)?;
        let text = lua.bytes(1).unwrap_or(b"");
        let end = memchr::memchr(0, text).unwrap_or(text.len());
        let text = text[..end].to_vec();
        Ok(Format { text, at: 0, little: cfg!(target_endian = "little"), align: 1 })
    }

    fn number(&mut self, default: usize) -> Result<usize, Raise> {
        let start = self.at;
        let mut value: usize = 0;
        while let Some(digit) = self.text.get(self.at).filter(|c| c.is_ascii_digit()) {
            value = value * 10 + usize::from(digit - b'0');
            if value > i32::MAX as usize {
                return Err(Raise::text("integral size overflow"));
            }
            self.at += 1;
        }
        Ok(if self.at == start { default } else { value })
    }

    /// The next item and its size; what takes no bytes by itself has size 0.
    fn next(&mut self) -> Result<Option<Item>, Raise> {
        let Some(&option) = self.text.get(self.at) else { return Ok(None) };
        self.at += 1;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_MAX {
                    return Err(Raise::texts(format!(
                        "integral size {size} is larger than limit of {INTEGER_MAX}"
                    )));
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { option, size }))
    }

    /// Bytes to skip so that the item lies where it should.
    fn padding(&self, at: usize, item: &Item) -> usize {
        if item.size == 0 || item.option == b'c' {
            return 0;
        }
        let size = item.size.min(self.align);
        (size - (at & (size - 1))) & (size - 1)
    }

    /// Takes an option that only steers.
    fn steer(&mut self, option: u8) -> Result<(), Raise> {
        match option {
            b' ' => {}
            b'>' => self.little = false,
            b'<' => self.little = true,
            b'!' => {
                let align = self.number(ALIGN_DEFAULT)?;
                if !align.is_power_of_two() {
                    let text = format!("alignment {align} is not a power of 2");
                    return Err(Raise::texts(text));
                }
                self.align = align;
            }
            _ => {
                let text = [b"invalid format option '".as_slice(), &[option], b"'"].concat();
                return Err(Raise::Arg(1, text.into()));
            }
        }
        Ok(())
    }
}

fn pack(lua: &mut Lua) -> Result<i32, Raise> {
    let mut format = Format::of(lua)?;
    // What is missing reads as nil.
    lua.push_nil();
    let mut packed: Vec<u8> = Vec::new();
    let mut argument = 1;
    while let Some(item) = format.next()? {
        let pad = format.padding(packed.len(), &item);
        packed.resize(packed.len() + pad, 0);
        match item.option {
            b'x' => packed.push(0),
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                argument += 1;
                let value = check_number(lua, argument)?;
                push_integer(&mut packed, value, item.size, format.little);
            }
            b'f' | b'd' => {
                argument += 1;
                let value = check_number(lua, argument)?;
                push_float(&mut packed, value, item.size, format.little);
            }
            b'c' | b's' => {
                argument += 1;
                check_string(lua, argument)?;
                let text = lua.bytes(argument).unwrap_or(b"");
                let size = if item.size == 0 { text.len() } else { item.size };
                let Some(part) = text.get(..size) else {
                    return Err(Raise::arg(argument + 1, "string too short"));
                };
                packed.extend_from_slice(part);
                if item.option == b's' {
                    packed.push(0);
                }
            }
            option => format.steer(option)?,
        }
        if lua.shared().exceeds(packed.len()) {
            return Err(out_of_memory());
        }
    }
    lua.push(&packed);
    Ok(1)
}

fn push_integer(packed: &mut Vec<u8>, value: f64, size: usize, little: bool) {
    let value = to_unsigned(value);
    let byte = |i: usize| if i < 8 { (value >> (8 * i)) as u8 } else { 0 };
    if little {
        packed.extend((0..size).map(byte));
    } else {
        packed.extend((0..size).rev().map(byte));
    }
}

fn push_float(packed: &mut Vec<u8>, value: f64, size: usize, little: bool) {
    match (size, little) {
        (4, true) => packed.extend((value as f32).to_le_bytes()),
        (4, false) => packed.extend((value as f32).to_be_bytes()),
        (_, true) => packed.extend(value.to_le_bytes()),
        (_, false) => packed.extend(value.to_be_bytes()),
    }
}

fn unpack(lua: &mut Lua) -> Result<i32, Raise> {
    let mut format = Format::of(lua)?;
    check_string(lua, 2)?;
    let data = lua.bytes(2).unwrap_or(b"").to_vec();
    let start = optional_integer(lua, 3, 1)?;
    if start == 0 {
        return Err(Raise::arg(3, "offset must be 1 or greater"));
    }
    // A place before the data is taken for one far behind it, as in C.
    let mut at = (start as usize).wrapping_sub(1);
    let mut results = 0;
    let too_short = || Raise::arg(2, "data string too short");
    while let Some(mut item) = format.next()? {
        at = at.saturating_add(format.padding(at, &item));
        let end = at.checked_add(item.size).filter(|end| *end <= data.len());
        let part = end.map(|end| &data[at..end]).ok_or_else(too_short)?;
        if !lua.reserve(4) {
            return Err(Raise::text("stack overflow (too many results)"));
        }
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let signed = item.option.is_ascii_lowercase();
                lua.push_number(integer(part, format.little, signed));
                results += 1;
            }
            b'x' => {}
            b'f' | b'd' => {
                lua.push_number(float(part, format.little));
                results += 1;
            }
            b'c' => {
                if item.size == 0 {
                    let size = if results == 0 { None } else { lua.number(-1) };
                    let Some(size) = size else {
                        return Err(Raise::text("format 'c0' needs a previous size"));
                    };
                    lua.pop(1);
                    results -= 1;
                    item.size = to_unsigned(size) as usize;
                }
                let end = at.checked_add(item.size).filter(|end| *end <= data.len());
                let part = end.map(|end| &data[at..end]).ok_or_else(too_short)?;
                lua.push(part);
                results += 1;
            }
            b's' => {
                let Some(len) = memchr::memchr(0, &data[at..]) else {
                    return Err(Raise::text("unfinished string in data"));
                };
                lua.push(&data[at..at + len]);
                item.size = len + 1;
                results += 1;
            }
            option => format.steer(option)?,
        }
        at += item.size;
    }
    lua.push_number((at + 1) as f64);
    Ok(results + 1)
}

fn integer(bytes: &[u8], little: bool, signed: bool) -> f64 {
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    let value = if little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) };
    if !signed {
        return value as f64;
    }
    let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    ((value << unused) as i64 >> unused) as f64
}

fn float(bytes: &[u8], little: bool) -> f64 {
    let mut bytes = bytes.to_vec();
    if !little {
        bytes.reverse();
    }
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => f64::from(f32::from_le_bytes(bytes)),
        Err(_) => f64::from_le_bytes(bytes.try_into().unwrap_or([0; 8])),
    }
}

fn size(lua: &mut Lua) -> Result<i32, Raise> {
    let mut format = Format::of(lua)?;
    let mut at: usize = 0;
    while let Some(item) = format.next()? {
        at = at.saturating_add(format.padding(at, &item));
        match (item.option, item.size) {
            (b's', _) => return Err(Raise::arg(1, "option 's' has no fixed size")),
            (b'c', 0) => return Err(Raise::arg(1, "option 'c0' has no fixed size")),
            (option, _) if !option.is_ascii_alphanumeric() => format.steer(option)?,
            _ => {}
        }
        at = at.saturating_add(item.size);
    }
    lua.push_number(at as f64);
    Ok(1)
}
