//! HyperLogLog: how many different texts were seen, within about one percent, in 12 KB or less.
//!
//! The hash of a text chooses one of 16384 registers by its low 14 bits; the register keeps the
//! longest run of zeros seen at the low end of the other 50, plus one. `estimate.rs` turns the
//! registers into a number. The bytes are those Redis stores as a string:
//!
//! ```text
//!  +--------+----------+--------+-------------------------+-----------------------------------+
//!  | "HYLL" | encoding | unused | estimate                | registers                         |
//!  | 4      | 1        | 3      | u64, highest bit: stale | dense: 6 bits each, lowest first  |
//!  |        |          |        |                         | sparse: runs, see `sparse.rs`     |
//!  +--------+----------+--------+-------------------------+-----------------------------------+
//! ```
//!
//! Anybody can SET such a string, so nothing in it is trusted: a look at it may answer [`Corrupt`].

mod dense;
mod estimate;
mod hash;
mod sparse;
#[cfg(test)]
mod tests;

use std::fmt::Write;

/// Registers of each HyperLogLog.
pub const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;
/// Bits of a hash in which a run of zeros is looked for.
const RUN_BITS: u32 = 64 - INDEX_BITS;
/// Bytes before the registers.
const HEADER: usize = 16;
/// Bytes of a dense one.
const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
const STALE: u8 = 0x80;

const DENSE: u8 = 0;
const SPARSE: u8 = 1;

/// The runs do not make up all registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// One byte for each register.
pub type Registers = [u8; REGISTERS];

/// The register a text belongs to, and what it would set it to.
#[inline]
pub fn place_of(text: &[u8]) -> (usize, u8) {
    let hash = hash::murmur64a(text);
    let run = (hash >> INDEX_BITS | 1 << RUN_BITS).trailing_zeros() + 1;
    ((hash & (REGISTERS as u64 - 1)) as usize, run as u8)
}

/// The number of different texts that these registers tell of.
pub fn estimate(registers: &Registers) -> u64 {
    let mut histogram = [0; 64];
    registers.iter().for_each(|value| histogram[usize::from(*value & 63)] += 1);
    estimate::from_histogram(&histogram)
}

/// An empty one.
pub fn empty() -> Vec<u8> {
    let mut bytes = b"HYLL".to_vec();
    bytes.resize(HEADER, 0);
    bytes[4] = SPARSE;
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// Whether a string has the form of a HyperLogLog; its runs may still be corrupt.
pub fn looks_right(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && bytes.starts_with(b"HYLL")
        && (bytes[4] == SPARSE || looks_dense(bytes))
}

/// Whether a string has the dense form, in which nothing can be corrupt.
#[inline]
pub fn looks_dense(bytes: &[u8]) -> bool {
    bytes.len() == DENSE_LEN && bytes.starts_with(b"HYLL") && bytes[4] == DENSE
}

/// Whether it is in the dense form.
pub fn is_dense(bytes: &[u8]) -> bool {
    bytes[4] == DENSE
}

/// The estimate that is stored, unless it is stale.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let stored = bytes[8..].first_chunk().expect("it has a header");
    (stored[7] & STALE == 0).then(|| u64::from_le_bytes(*stored))
}

/// Stores an estimate.
pub fn set_cached(bytes: &mut [u8], estimate: u64) {
    bytes[8..HEADER].copy_from_slice(&estimate.to_le_bytes());
}

/// Says that the stored estimate is stale.
pub fn set_stale(bytes: &mut [u8]) {
    bytes[HEADER - 1] |= STALE;
}

/// The number of different texts that were added.
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let mut registers = [0; REGISTERS];
    merge_into(&mut registers, bytes)?;
    Ok(estimate(&registers))
}

/// Raises registers to those of a HyperLogLog.
pub fn merge_into(registers: &mut Registers, bytes: &[u8]) -> Result<(), Corrupt> {
    let body = &bytes[HEADER..];
    if is_dense(bytes) {
        dense::merge_into(registers, body);
        return Ok(());
    }
    sparse::each_run(body, |first, len, value| {
        for register in &mut registers[first..first + len] {
            *register = value.max(*register);
        }
    })
}

/// Raises a register; true when it was lower. A sparse one becomes dense when the value is too
/// large for it, or when it would grow beyond `sparse_max` bytes.
pub fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max: usize,
) -> Result<bool, Corrupt> {
    if is_dense(bytes) {
        return Ok(raise_dense(bytes, index, value));
    }
    match sparse::raise(bytes, index, value, sparse_max)? {
        sparse::Raised::No => Ok(false),
        sparse::Raised::Yes => Ok(true),
        sparse::Raised::NoRoom => {
            to_dense(bytes)?;
            Ok(raise_dense(bytes, index, value))
        }
    }
}

/// The same for a dense one.
#[inline]
pub fn raise_dense(bytes: &mut [u8], index: usize, value: u8) -> bool {
    dense::raise(&mut bytes[HEADER..], index, value)
}

/// Makes it dense; false when it was.
pub fn to_dense(bytes: &mut Vec<u8>) -> Result<bool, Corrupt> {
    if is_dense(bytes) {
        return Ok(false);
    }
    let mut registers = [0; REGISTERS];
    merge_into(&mut registers, bytes)?;
    bytes.truncate(HEADER);
    bytes.reserve_exact(DENSE_LEN - HEADER);
    bytes[4] = DENSE;
    dense::push_all(bytes, &registers);
    Ok(true)
}

/// The runs of a sparse one in words; none for a dense one.
pub fn describe(bytes: &[u8]) -> Option<Result<String, Corrupt>> {
    if is_dense(bytes) {
        return None;
    }
    let mut text = String::new();
    let written = sparse::each_code(&bytes[HEADER..], |code| {
        let space = if text.is_empty() { "" } else { " " };
        let done = match code {
            sparse::Code::Zero(len) => write!(text, "{space}z:{len}"),
            sparse::Code::XZero(len) => write!(text, "{space}Z:{len}"),
            sparse::Code::Val(value, len) => write!(text, "{space}v:{value},{len}"),
        };
        done.expect("writing to memory");
    });
    Some(written.map(|()| text))
}
