//! BITFIELD: integers of any width at any bit of a string.

use super::bitmap::bit_offset;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::key_search;
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::value::limits::Limits;
use crate::value::string::{Str, StrRef};

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    Spec::data("bitfield", -2, bitfield)
        .flags(flag::WRITE | flag::DENYOOM)
        .acl(cat::BITMAP)
        .group("bitmap")
        .keys(&[KeySpec::at(1).rw().access().update().variable()])
        .finder(key_search::bitfield)
        .since("3.2.0")
        .summary("Reads and changes integers of any width inside a string."),
    Spec::data("bitfield_ro", -2, bitfield_ro)
        .flags(flag::READONLY | flag::FAST)
        .acl(cat::BITMAP)
        .group("bitmap")
        .keys(&[KeySpec::at(1).ro().access()])
        .since("6.0.0")
        .summary("Reads integers of any width inside a string."),
];

/// What becomes of a number that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    /// The higher bits are lost.
    Wrap,
    /// It becomes the nearest number that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

/// Where a field lies and how it reads.
#[derive(Debug, Clone, Copy)]
struct Field {
    offset: u64,
    width: u32,
    signed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Get(Field),
    Set(Field, i64, Overflow),
    Add(Field, i64, Overflow),
}

impl Field {
    fn parse(kind: &[u8], offset: &[u8], limits: &Limits) -> Result<Field, Error> {
        const NO_TYPE: Error = Error::fixed(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported \
             but i64 is.",
        );
        let (signed, digits) = match kind.split_first() {
            Some((b'i', digits)) => (true, digits),
            Some((b'u', digits)) => (false, digits),
            _ => return Err(NO_TYPE),
        };
        let widest = if signed { 64 } else { 63 };
        let width = parse_i64(digits).filter(|n| (1..=widest).contains(n)).ok_or(NO_TYPE)? as u32;
        Ok(Field { offset: bit_offset(offset, width, limits)?, width, signed })
    }

    /// The place behind its last bit.
    fn end(&self) -> u64 {
        self.offset + u64::from(self.width)
    }

    /// Its bytes and the number of bits behind it in the last one: at most nine bytes.
    fn span(&self) -> (usize, usize, u32) {
        let (first, end) = (self.offset / 8, self.end().div_ceil(8));
        (first as usize, (end - first) as usize, (end * 8 - self.end()) as u32)
    }

    /// The number in it; beyond the end of the string there are zeros.
    fn read(&self, bytes: &[u8]) -> i64 {
        let (first, len, behind) = self.span();
        let wide = (first..first + len)
            .fold(0u128, |wide, at| wide << 8 | u128::from(bytes.get(at).copied().unwrap_or(0)));
        let value = (wide >> behind) as u64 & self.mask();
        if self.signed {
            let unused = 64 - self.width;
            (value << unused) as i64 >> unused
        } else {
            value as i64
        }
    }

    /// Puts the lowest bits of a number into it.
    fn write(&self, bytes: &mut [u8], value: i64) {
        let (first, len, behind) = self.span();
        let mut mask = u128::from(self.mask()) << behind;
        let mut wide = u128::from(value as u64 & self.mask()) << behind;
        for byte in bytes[first..first + len].iter_mut().rev() {
            *byte = *byte & !(mask as u8) | wide as u8;
            mask >>= 8;
            wide >>= 8;
        }
    }

    fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.width)
    }

    /// The sum as the field can hold it; none when it cannot and that is a failure.
    fn sum(&self, value: i64, more: i64, overflow: Overflow) -> Option<i64> {
        let (fits, limit) = if self.signed {
            self.signed_fit(value, more)
        } else {
            self.unsigned_fit(value as u64, more)
        };
        let sum = value.wrapping_add(more);
        match (fits, overflow) {
            (true, _) => Some(sum),
            (false, Overflow::Wrap) => Some(self.wrapped(sum)),
            (false, Overflow::Saturate) => Some(limit),
            (false, Overflow::Fail) => None,
        }
    }

    fn wrapped(&self, sum: i64) -> i64 {
        let unused = 64 - self.width;
        if self.signed { sum << unused >> unused } else { sum & self.mask() as i64 }
    }

    /// Whether the sum fits, and the limit it would pass. A number to be set comes as `value`, with
    /// nothing to add: a negative one counts as far too large.
    fn unsigned_fit(&self, value: u64, more: i64) -> (bool, i64) {
        let max = self.mask();
        let sum = i128::from(value) + i128::from(more);
        if sum > i128::from(max) { (false, max as i64) } else { (sum >= 0, 0) }
    }

    /// The room above `value` is computed in 64 bits, as Redis does: where a number to be set is so
    /// far below the field's least that the difference wraps, it saturates at the wrong end.
    fn signed_fit(&self, value: i64, more: i64) -> (bool, i64) {
        let (max, min) = ((self.mask() >> 1) as i64, -((self.mask() >> 1) as i64) - 1);
        let (above, below) = (max.wrapping_sub(value), min.wrapping_sub(value));
        let narrow = self.width < 64;
        if value > max || more > above && (narrow || value >= 0 && more > 0) {
            (false, max)
        } else if value < min || more < below && (narrow || value < 0 && more < 0) {
            (false, min)
        } else {
            (true, 0)
        }
    }
}

fn parse(args: &mut Args<'_>, limits: &Limits) -> Result<Vec<Op>, Error> {
    let (mut ops, mut overflow) = (Vec::new(), Overflow::Wrap);
    let mut i = 2;
    while i < args.len() {
        let rest = args.len() - i - 1;
        if args.is(i, "overflow") && rest >= 1 {
            overflow = overflow_named(args, i + 1)?;
            i += 2;
            continue;
        }
        let get = args.is(i, "get") && rest >= 2;
        let set = args.is(i, "set") && rest >= 3;
        let add = args.is(i, "incrby") && rest >= 3;
        if !get && !set && !add {
            return Err(Error::Syntax);
        }
        let field = Field::parse(args.get(i + 1), args.get(i + 2), limits)?;
        ops.push(match (get, set) {
            (true, _) => Op::Get(field),
            (_, true) => Op::Set(field, args.int(i + 3)?, overflow),
            _ => Op::Add(field, args.int(i + 3)?, overflow),
        });
        i += if get { 3 } else { 4 };
    }
    Ok(ops)
}

fn overflow_named(args: &Args<'_>, i: usize) -> Result<Overflow, Error> {
    if args.is(i, "wrap") {
        Ok(Overflow::Wrap)
    } else if args.is(i, "sat") {
        Ok(Overflow::Saturate)
    } else if args.is(i, "fail") {
        Ok(Overflow::Fail)
    } else {
        Err(Error::fixed("ERR Invalid OVERFLOW type specified"))
    }
}

/// The bits that the operations may write end here; none when all of them only read.
fn written_end(ops: &[Op]) -> Option<u64> {
    let ends = ops.iter().filter_map(|op| match op {
        Op::Get(_) => None,
        Op::Set(field, ..) | Op::Add(field, ..) => Some(field.end()),
    });
    ends.max()
}

fn bitfield(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let ops = parse(args, cx.limits)?;
    match written_end(&ops) {
        Some(end) => change(cx, args, &ops, end.div_ceil(8) as usize),
        None => read(cx, args, &ops),
    }
}

fn bitfield_ro(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let ops = parse(args, cx.limits)?;
    if written_end(&ops).is_some() {
        return Err(Error::fixed("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(cx, args, &ops)
}

fn read(cx: &mut DataCx<'_>, args: &Args<'_>, ops: &[Op]) -> CmdResult {
    let value = cx.keys.read::<Str>(args.get(1))?.unwrap_or(StrRef::Bytes(b""));
    cx.out.array(ops.len());
    value.with_bytes(|bytes| {
        for op in ops {
            if let Op::Get(field) = op {
                cx.out.int(field.read(bytes));
            }
        }
    });
    Ok(Outcome::Unchanged)
}

/// The string grows to what the operations may write before it is known whether they will: a key
/// comes to be even when all of them fail.
fn change(cx: &mut DataCx<'_>, args: &Args<'_>, ops: &[Op], end: usize) -> CmdResult {
    let key = args.get(1);
    let old_len = cx.keys.for_write::<Str>(key)?.map(|value| value.len());
    let grown = old_len.is_none_or(|len| len < end);
    let DataCx { keys, out, .. } = cx;
    out.array(ops.len());
    let mut changes = 0;
    keys.patch_string(key, end, |bytes| {
        for op in ops {
            let (field, old, new, shown) = match *op {
                Op::Get(field) => {
                    out.int(field.read(bytes));
                    continue;
                }
                Op::Set(field, value, overflow) => {
                    let old = field.read(bytes);
                    (field, old, field.sum(value, 0, overflow), Some(old))
                }
                Op::Add(field, more, overflow) => {
                    let old = field.read(bytes);
                    (field, old, field.sum(old, more, overflow), None)
                }
            };
            let Some(new) = new else {
                out.null();
                continue;
            };
            out.int(shown.unwrap_or(new));
            field.write(bytes, new);
            changes += u64::from(grown || old != new);
        }
    });
    if changes > 0 {
        keys.touch_n(key, Event::new(class::STRING, "setbit"), changes);
    } else if !grown {
        return Ok(Outcome::Unchanged);
    }
    Ok(Outcome::Changed(Propagate::Verbatim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn field(offset: u64, width: u32, signed: bool) -> Field {
        Field { offset, width, signed }
    }

    #[test]
    fn fields_read_and_write_bit_by_bit() {
        let mut rng = Rng::seeded(9);
        for _ in 0..4_000 {
            let signed = rng.below(2) == 0;
            let width = 1 + rng.below(if signed { 64 } else { 63 }) as u32;
            let f = field(rng.below(40), width, signed);
            let mut bytes: Vec<u8> = (0..16).map(|_| rng.next_u64() as u8).collect();
            let before = bytes.clone();
            let bit = |bytes: &[u8], i: u64| bytes[(i / 8) as usize] >> (7 - i % 8) & 1;
            let naive =
                (f.offset..f.end()).fold(0u64, |value, i| value << 1 | u64::from(bit(&bytes, i)));
            assert_eq!(f.read(&bytes) as u64 & f.mask(), naive);
            assert!(signed || f.read(&bytes) >= 0);
            let value = rng.next_u64() as i64;
            f.write(&mut bytes, value);
            assert_eq!(f.read(&bytes), f.wrapped(value));
            for i in (0..128).filter(|i| !(f.offset..f.end()).contains(i)) {
                assert_eq!(bit(&bytes, i), bit(&before, i), "{f:?} touched bit {i}");
            }
        }
        assert_eq!(field(70, 20, false).read(&[0xff; 9]), 0b11 << 18);
        assert_eq!(field(1 << 30, 8, true).read(b"abc"), 0);
    }

    #[test]
    fn sums_are_exact_where_they_fit() {
        let mut rng = Rng::seeded(10);
        for _ in 0..20_000 {
            let signed = rng.below(2) == 0;
            let width = 1 + rng.below(if signed { 64 } else { 63 }) as u32;
            let f = field(0, width, signed);
            let value = f.wrapped(rng.next_u64() as i64);
            let more = rng.next_u64() as i64 >> rng.below(64);
            let (min, max) = match signed {
                true => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
                false => (0, (1i128 << width) - 1),
            };
            let exact = i128::from(value) + i128::from(more);
            let fits = (min..=max).contains(&exact);
            let wrapped = (exact - min).rem_euclid(max - min + 1) + min;
            let sum = |overflow| f.sum(value, more, overflow).map(i128::from);
            assert_eq!(sum(Overflow::Wrap), Some(wrapped), "{f:?} {value} {more}");
            assert_eq!(sum(Overflow::Fail), fits.then_some(exact));
            assert_eq!(sum(Overflow::Saturate), Some(exact.clamp(min, max)));
        }
    }

    #[test]
    fn numbers_to_be_set_overflow_too() {
        let (u8_, i8_) = (field(0, 8, false), field(0, 8, true));
        assert_eq!(u8_.sum(-1, 0, Overflow::Saturate), Some(255));
        assert_eq!(u8_.sum(-1, 0, Overflow::Wrap), Some(255));
        assert_eq!(u8_.sum(256, 0, Overflow::Fail), None);
        assert_eq!(i8_.sum(-129, 0, Overflow::Saturate), Some(-128));
        assert_eq!(i8_.sum(i64::MAX, 0, Overflow::Saturate), Some(127));
        // The wrong end, as in Redis.
        assert_eq!(i8_.sum(i64::MIN, 0, Overflow::Saturate), Some(127));
    }
}
