//! The packed forms of old versions: ziplists, which became listpacks, and zipmaps.
//!
//! ```text
//!  ziplist   bytes(4)  offset of the last entry(4)  entries(2)  entry...  255
//!  entry     length of the entry before, 1 byte or 254 and 4 bytes
//!            00llllll  text                 up to 63 bytes
//!            01llllll l  text               high bits first
//!            10______ l l l l  text         high bytes first
//!            C0 / D0 / E0 / F0 / FE         integer of 16 / 32 / 64 / 24 / 8 bits, low byte first
//!            F1 to FD                       0 to 12
//!  zipmap    pairs(1)  pair...  255
//!  pair      length  field  length  spare(1)  value  spare bytes
//! ```
//!
//! Whatever does not fit to the byte is refused.

use crate::ds::listpack::Listpack;

/// Bytes before the first entry.
const HEADER: usize = 10;
const END: u8 = 255;
/// A count that does not fit its field.
const MANY: u16 = u16::MAX;

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

fn take_text<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (text, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(text)
}

/// The listpack of the same elements; `None` when the bytes are no ziplist.
pub(super) fn ziplist(bytes: &[u8]) -> Option<Listpack> {
    let mut rest = bytes;
    let told_bytes = u32::from_le_bytes(take(&mut rest)?);
    let told_tail = u32::from_le_bytes(take(&mut rest)?);
    let told_count = u16::from_le_bytes(take(&mut rest)?);
    let (mut list, mut count) = (Listpack::new(), 0usize);
    let (mut before, mut tail) = (0, HEADER);
    while *rest.first()? != END {
        let start = bytes.len() - rest.len();
        let [short] = take(&mut rest)?;
        let told = match short {
            254 => u32::from_le_bytes(take(&mut rest)?) as usize,
            short => usize::from(short),
        };
        if told != before {
            return None;
        }
        entry(&mut rest, &mut list)?;
        (before, tail) = (bytes.len() - rest.len() - start, start);
        count += 1;
    }
    let whole = rest.len() == 1
        && told_bytes as usize == bytes.len()
        && told_tail as usize == tail
        && (told_count == MANY || usize::from(told_count) == count);
    whole.then_some(list)
}

fn entry(rest: &mut &[u8], list: &mut Listpack) -> Option<()> {
    let [first] = take(rest)?;
    let len = match first >> 6 {
        0 => usize::from(first & 0x3F),
        1 => usize::from(first & 0x3F) << 8 | usize::from(take::<1>(rest)?[0]),
        2 => u32::from_be_bytes(take(rest)?) as usize,
        _ => {
            list.push_int(integer(rest, first)?);
            return Some(());
        }
    };
    list.push(take_text(rest, len)?);
    Some(())
}

fn integer(rest: &mut &[u8], form: u8) -> Option<i64> {
    Some(match form {
        0xC0 => i64::from(i16::from_le_bytes(take(rest)?)),
        0xD0 => i64::from(i32::from_le_bytes(take(rest)?)),
        0xE0 => i64::from_le_bytes(take(rest)?),
        0xF0 => {
            let [low, middle, high] = take(rest)?;
            i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)
        }
        0xFE => i64::from(take::<1>(rest)?[0] as i8),
        0xF1..=0xFD => i64::from(form & 0x0F) - 1,
        _ => return None,
    })
}

/// The fields and values of a zipmap; `None` when the bytes are none.
pub(super) fn zipmap(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut rest = bytes;
    let [told] = take(&mut rest)?;
    let mut pairs = Vec::new();
    while *rest.first()? != END {
        let len = zipmap_length(&mut rest)?;
        let field = take_text(&mut rest, len)?;
        let len = zipmap_length(&mut rest)?;
        let [spare] = take(&mut rest)?;
        let value = take_text(&mut rest, len)?;
        take_text(&mut rest, usize::from(spare))?;
        pairs.push((field, value));
    }
    let counted = told >= 254 || usize::from(told) == pairs.len();
    (rest.len() == 1 && counted).then_some(pairs)
}

fn zipmap_length(rest: &mut &[u8]) -> Option<usize> {
    match take::<1>(rest)?[0] {
        254 => Some(u32::from_le_bytes(take(rest)?) as usize),
        255 => None,
        short => Some(usize::from(short)),
    }
}
