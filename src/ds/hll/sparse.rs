//! Sparse registers: runs of equal ones, from the first register to the last.
//!
//! ```text
//!  00llllll            ZERO   l + 1 registers are 0, up to 64
//!  01llllll llllllll   XZERO  l + 1 registers are 0, up to 16384
//!  1vvvvvll            VAL    l + 1 registers, up to 4, are v + 1, up to 32
//! ```

use super::{Corrupt, HEADER, REGISTERS};

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A short run of zeros.
    Zero(usize),
    /// A long run of zeros.
    XZero(usize),
    /// A value, and for how many registers.
    Val(u8, usize),
}

const ZERO_MAX: usize = 64;
const VALUE_MAX: u8 = 32;
const VAL_LEN_MAX: usize = 4;
/// Runs looked at for merging after a change: the one before it, and what it made of its own.
const MERGE_SCAN: usize = 5;

/// What came of raising a register.
#[derive(Debug, PartialEq, Eq)]
pub enum Raised {
    /// It was as high.
    No,
    /// It is now.
    Yes,
    /// This form cannot hold it, or would grow too long.
    NoRoom,
}

impl Code {
    /// The run at the start of the bytes.
    fn read(bytes: &[u8]) -> Option<Code> {
        let first = *bytes.first()?;
        let low = usize::from(first & 0x3f);
        Some(match first >> 6 {
            0 => Code::Zero(low + 1),
            1 => Code::XZero((low << 8 | usize::from(*bytes.get(1)?)) + 1),
            _ => Code::Val((first >> 2 & 0x1f) + 1, usize::from(first & 3) + 1),
        })
    }

    /// Bytes it takes.
    fn size(self) -> usize {
        if matches!(self, Code::XZero(_)) { 2 } else { 1 }
    }

    /// Registers it covers.
    fn registers(self) -> usize {
        match self {
            Code::Zero(len) | Code::XZero(len) | Code::Val(_, len) => len,
        }
    }
}

/// Appends a run of zeros, which may be empty.
pub fn push_zeros(bytes: &mut Vec<u8>, len: usize) {
    match len {
        0 => {}
        1..=ZERO_MAX => bytes.push(len as u8 - 1),
        _ => bytes.extend_from_slice(&[0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]),
    }
}

/// Appends a run of a value, which may be empty.
fn push_value(bytes: &mut Vec<u8>, value: u8, len: usize) {
    if len > 0 {
        bytes.push(0x80 | (value - 1) << 2 | (len - 1) as u8);
    }
}

/// Shows all codes.
pub fn each_code(body: &[u8], mut f: impl FnMut(Code)) -> Result<(), Corrupt> {
    let mut at = 0;
    while at < body.len() {
        let code = Code::read(&body[at..]).ok_or(Corrupt)?;
        f(code);
        at += code.size();
    }
    Ok(())
}

/// Shows the runs that are not zero: first register, length, value. What is shown is in range;
/// in the end it may turn out that registers are missing.
pub fn each_run(body: &[u8], mut f: impl FnMut(usize, usize, u8)) -> Result<(), Corrupt> {
    let mut first = 0;
    each_code(body, |code| {
        match code {
            Code::Val(value, len) if first + len <= REGISTERS => f(first, len, value),
            _ => {}
        }
        first += code.registers();
    })?;
    if first == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// Raises one register in a whole string, header included, that is to stay within `max` bytes.
pub fn raise(bytes: &mut Vec<u8>, index: usize, value: u8, max: usize) -> Result<Raised, Corrupt> {
    if value > VALUE_MAX {
        return Ok(Raised::NoRoom);
    }
    let (mut at, mut first, mut before) = (HEADER, 0, HEADER);
    let code = loop {
        let code = Code::read(&bytes[at..]).ok_or(Corrupt)?;
        if index < first + code.registers() {
            break code;
        }
        before = at;
        at += code.size();
        first += code.registers();
    };
    let (ahead, behind) = (index - first, first + code.registers() - index - 1);
    let mut new = Vec::with_capacity(5);
    match code {
        Code::Val(old, _) if old >= value => return Ok(Raised::No),
        Code::Val(old, _) => {
            push_value(&mut new, old, ahead);
            push_value(&mut new, value, 1);
            push_value(&mut new, old, behind);
        }
        Code::Zero(_) | Code::XZero(_) => {
            push_zeros(&mut new, ahead);
            push_value(&mut new, value, 1);
            push_zeros(&mut new, behind);
        }
    }
    if new.len() > code.size() && bytes.len() + new.len() - code.size() > max {
        return Ok(Raised::NoRoom);
    }
    bytes.splice(at..at + code.size(), new);
    merge_values(bytes, before);
    Ok(Raised::Yes)
}

/// Joins runs of the same value from `at` on, as far as a change can have made neighbours of them.
fn merge_values(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..MERGE_SCAN {
        let Some(code) = bytes.get(at..).and_then(Code::read) else { return };
        let next = bytes.get(at + code.size()..).and_then(Code::read);
        match (code, next) {
            (Code::Val(one, len), Some(Code::Val(other, more)))
                if one == other && len + more <= VAL_LEN_MAX =>
            {
                bytes.remove(at);
                bytes[at] = 0x80 | (one - 1) << 2 | (len + more - 1) as u8;
            }
            _ => at += code.size(),
        }
    }
}
