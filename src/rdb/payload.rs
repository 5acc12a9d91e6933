//! One value by itself: what DUMP gives and RESTORE takes.
//!
//! ```text
//!  kind(1)  value  version(2)  checksum of all before(8)      numbers low byte first
//! ```

use super::{Error, Options, Reader, Source, VERSION, Writer, load_value, save_value};
use crate::value::Value;
use crate::value::limits::Limits;

/// Bytes behind the value.
const FOOTER: usize = 10;

/// The payload of a value.
pub fn dump(value: Source<'_>, options: Options) -> Vec<u8> {
    let mut out = Writer::new(Vec::new(), options);
    let written = save_value(&mut out, None, value)
        .and_then(|()| out.raw(&options.version.to_le_bytes()))
        .and_then(|()| out.checksum());
    let checksum = written.expect("a vector takes everything");
    let mut payload = out.finish().expect("a vector takes everything");
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// Whether version and checksum of a payload are right.
pub fn is_whole(payload: &[u8]) -> bool {
    let Some((rest, checksum)) = payload.split_last_chunk::<8>() else { return false };
    let Some((_, version)) = rest.split_last_chunk::<2>() else { return false };
    u16::from_le_bytes(*version) <= VERSION
        && crc64::crc64(0, rest) == u64::from_le_bytes(*checksum)
}

/// The value of a payload that is whole. As in Redis, bytes between value and footer are let pass.
pub fn restore(payload: &[u8], limits: &Limits) -> Result<Value, Error> {
    let body = &payload[..payload.len().saturating_sub(FOOTER)];
    let mut from = Reader::of(body);
    let kind = from.byte()?;
    load_value(&mut from, kind, limits)
}
