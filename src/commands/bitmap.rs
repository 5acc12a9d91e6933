//! Strings as arrays of bits: single bits, counts, searches, combinations.
//!
//! Bit 0 is the highest bit of the first byte. Beyond the end all bits are zero.

use super::bit_long::{Asked, LONG, Look};
use super::growth;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::ds::bits;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Patched;
use crate::value::limits::Limits;
use crate::value::string::Str;
use std::ops::Range;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];

const fn bitmap(spec: Spec) -> Spec {
    spec.acl(cat::BITMAP).group("bitmap")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    bitmap(Spec::data("setbit", 4, setbit).flags(flag::WRITE | flag::DENYOOM))
        .keys(&[KeySpec::at(1).rw().access().update()])
        .since("2.2.0")
        .summary("Sets or clears one bit of a string and gives what it was."),
    bitmap(Spec::data("getbit", 3, getbit).flags(flag::READONLY | flag::FAST))
        .keys(READ_KEY)
        .since("2.2.0")
        .summary("Gives one bit of a string."),
    bitmap(Spec::data("bitcount", -2, bitcount).flags(flag::READONLY))
        .keys(READ_KEY)
        .since("2.6.0")
        .summary("Counts the ones in a string or in a part of it."),
    bitmap(Spec::data("bitpos", -3, bitpos).flags(flag::READONLY))
        .keys(READ_KEY)
        .since("2.8.7")
        .summary("Finds the first one or zero in a string or in a part of it."),
    bitmap(Spec::data("bitop", -4, super::bitop::bitop).flags(flag::WRITE | flag::DENYOOM))
        .keys(&[KeySpec::at(2).ow().update(), KeySpec::range(3, -1, 1).ro().access()])
        .since("2.6.0")
        .summary("Combines strings bit by bit and keeps the result."),
];

/// A place among bits. `width` above 0 allows `#n`, which counts in fields of that many bits.
pub(super) fn bit_offset(word: &[u8], width: u32, limits: &Limits) -> Result<u64, Error> {
    const OUT_OF_RANGE: Error = Error::fixed("ERR bit offset is not an integer or out of range");
    let (digits, unit) = match word.strip_prefix(b"#") {
        Some(digits) if width > 0 => (digits, i64::from(width)),
        _ => (word, 1),
    };
    let offset = parse_i64(digits).and_then(|n| n.checked_mul(unit));
    let offset = offset.and_then(|n| u64::try_from(n).ok());
    offset.filter(|n| n >> 3 < limits.max_string_len).ok_or(OUT_OF_RANGE)
}

/// Whether the bit at `offset` is set.
fn bit_of(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset >> 3).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte >> (7 - (offset & 7)) & 1 == 1)
}

const SETBIT: Event = Event::new(class::STRING, "setbit");

/// A bit that is to be set or cleared.
#[derive(Clone, Copy)]
struct Bit {
    offset: u64,
    on: bool,
}

impl Bit {
    /// The bytes that a string with this bit has at least.
    fn end(self) -> usize {
        (self.offset >> 3) as usize + 1
    }

    /// Writes it and gives what it was.
    fn put(self, bytes: &mut [u8]) -> bool {
        let mask = 1 << (7 - (self.offset & 7));
        let byte = &mut bytes[self.end() - 1];
        let was = *byte & mask != 0;
        *byte = if self.on { *byte | mask } else { *byte & !mask };
        was
    }
}

fn setbit(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NO_BIT: Error = Error::fixed("ERR bit is not an integer or out of range");
    let offset = bit_offset(args.get(2), 0, cx.limits)?;
    let on = match args.get(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(NO_BIT),
    };
    let (key, bit) = (args.get(1), Bit { offset, on });
    // A bit that is as it should be makes the encoding `raw` all the same.
    let held = cx.keys.patch_held(key, |bytes| bytes.len() >= bit.end(), |bytes| bit.put(bytes));
    let was = match held {
        Patched::Done(was) => was,
        Patched::Absent => {
            cx.keys.make_string(key, bit.end(), |bytes| {
                bit.put(bytes);
            });
            cx.out.int(0);
            return Ok(bit_changed(cx, key));
        }
        Patched::Other => return setbit_in_other(cx, key, bit),
    };
    cx.out.int(i64::from(was));
    if was == on {
        return Ok(Outcome::Unchanged);
    }
    Ok(bit_changed(cx, key))
}

fn bit_changed(cx: &mut DataCx<'_>, key: &[u8]) -> Outcome {
    cx.keys.touch(key, SETBIT);
    Outcome::Changed(Propagate::Verbatim)
}

/// SETBIT where the string has to grow, or is kept in another form.
#[cold]
fn setbit_in_other(cx: &mut DataCx<'_>, key: &[u8], bit: Bit) -> CmdResult {
    let old = cx
        .keys
        .for_write::<Str>(key)?
        .map(|value| (value.len(), value.with_bytes(|bytes| bit_of(bytes, bit.offset))));
    let was = old.is_some_and(|(_, was)| was);
    if let Some((len, _)) = old.filter(|(len, _)| *len >= growth::LARGE) {
        let (whole, reply) = (bit.end().max(len), i64::from(was));
        let patch = || -> growth::Patch {
            Box::new(move |bytes| {
                bit.put(bytes);
            })
        };
        if let Some(work) = growth::in_slices(cx, (key, whole), patch, SETBIT, reply) {
            return Ok(work);
        }
    }
    cx.out.int(i64::from(was));
    cx.keys.patch_string(key, bit.end(), |bytes| bit.put(bytes));
    if was == bit.on && old.is_some_and(|(len, _)| len >= bit.end()) {
        return Ok(Outcome::Unchanged);
    }
    Ok(bit_changed(cx, key))
}

fn getbit(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let offset = bit_offset(args.get(2), 0, cx.limits)?;
    let value = cx.keys.read::<Str>(args.get(1))?;
    let bit = value.is_some_and(|value| value.with_bytes(|bytes| bit_of(bytes, offset)));
    cx.out.int(i64::from(bit));
    Ok(Outcome::Unchanged)
}

/// Whether places count bits and not bytes.
fn unit(word: &[u8]) -> Result<bool, Error> {
    if word.eq_ignore_ascii_case(b"bit") {
        Ok(true)
    } else if word.eq_ignore_ascii_case(b"byte") {
        Ok(false)
    } else {
        Err(Error::Syntax)
    }
}

/// The bits between two inclusive places of a string of `len` bytes, negative places counted from
/// the end.
fn bits_between(start: i64, end: i64, in_bits: bool, len: usize) -> Range<u64> {
    let total = len as i64 * if in_bits { 8 } else { 1 };
    let place = |i: i64| if i < 0 { i.saturating_add(total).max(0) } else { i };
    let (start, end) = (place(start), place(end).min(total - 1));
    if start > end {
        return 0..0;
    }
    let (start, end) = (start as u64, end as u64 + 1);
    if in_bits { start..end } else { start * 8..end * 8 }
}

fn look(cx: &mut DataCx<'_>, key: &[u8], range: Range<u64>, asked: Asked) -> Outcome {
    let lease = cx.keys.lease(key, false);
    Outcome::Enter(Box::new(Look::new(lease, range, asked)))
}

/// A missing key answers before a word behind it can be wrong.
fn bitcount(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let Some(value) = cx.keys.read::<Str>(args.get(1))? else {
        cx.out.int(0);
        return Ok(Outcome::Unchanged);
    };
    let range = match args.len() {
        2 => 0..8 * value.len() as u64,
        4 | 5 => {
            let (start, end) = (args.int(2)?, args.int(3)?);
            // Both behind the start and the wrong way round: not to be pulled to the first bit.
            if start < 0 && end < 0 && start > end {
                0..0
            } else {
                let in_bits = if args.len() == 5 { unit(args.get(4))? } else { false };
                bits_between(start, end, in_bits, value.len())
            }
        }
        _ => return Err(Error::Syntax),
    };
    if range.end - range.start >= LONG {
        return Ok(look(cx, args.get(1), range, Asked::Ones(0)));
    }
    let ones = value.with_bytes(|bytes| bits::count_ones_in(bytes, range));
    cx.out.int(ones as i64);
    Ok(Outcome::Unchanged)
}

/// A missing key answers before a place can be wrong, but not before the bit is.
fn bitpos(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let bit = match args.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(Error::fixed("ERR The bit argument must be 1 or 0.")),
    };
    let Some(value) = cx.keys.read::<Str>(args.get(1))? else {
        cx.out.int(if bit { -1 } else { 0 });
        return Ok(Outcome::Unchanged);
    };
    let (range, open) = searched(args, value.len())?;
    if range.end.saturating_sub(range.start) >= LONG {
        return Ok(look(cx, args.get(1), range, Asked::First { bit, open }));
    }
    let found = value.with_bytes(|bytes| bits::first_bit(bytes, bit, range.clone()));
    cx.out.int(match found {
        Some(place) => place as i64,
        // Zeros follow the string, unless its end was said to be the end of the search.
        None if !bit && open && !range.is_empty() => range.end as i64,
        None => -1,
    });
    Ok(Outcome::Unchanged)
}

/// Where to search, and whether the search may go on behind the string.
fn searched(args: &Args<'_>, len: usize) -> Result<(Range<u64>, bool), Error> {
    match args.len() {
        3 => Ok((0..8 * len as u64, true)),
        4..=6 => {
            let start = args.int(3)?;
            let in_bits = if args.len() == 6 { unit(args.get(5))? } else { false };
            let open = args.len() == 4;
            let end = if open { len as i64 - 1 } else { args.int(4)? };
            Ok((bits_between(start, end, in_bits, len), open))
        }
        _ => Err(Error::Syntax),
    }
}
