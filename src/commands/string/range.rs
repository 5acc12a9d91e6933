//! Parts of strings.

use super::{check_length, store, verbatim};
use crate::base::error::Error;
use crate::commands::growth;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::{Ttl, make_room};
use crate::value::string::{LENT_MIN, SHARED_MIN, Str, StrRef};
use std::ops::{Range, RangeBounds};

pub(super) fn strlen(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let len = cx.keys.read::<Str>(args.get(1))?.map_or(0, |value| value.len());
    cx.out.int(len as i64);
    Ok(Outcome::Unchanged)
}

pub(super) fn append(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const APPEND: Event = Event::new(class::STRING, "append");
    let old_len = cx.keys.for_write::<Str>(args.get(1))?.map(|value| value.len());
    let Some(old_len) = old_len else {
        // A new string is encoded as SET would.
        let len = args.get(2).len();
        let taken = store(&mut cx.keys, args, 1, 2, Ttl::Clear);
        cx.keys.touch(args.get(1), APPEND);
        cx.out.int(len as i64);
        return Ok(Outcome::Changed(verbatim(&mut cx.keys, args, taken.as_slice())));
    };
    let (key, tail) = (args.get(1), args.get(2));
    check_length(cx.limits, old_len, tail.len())?;
    if old_len >= growth::LARGE {
        let end = old_len + tail.len();
        let boxed = || -> growth::Patch {
            let tail = tail.to_vec();
            Box::new(move |bytes| bytes[old_len..].copy_from_slice(&tail))
        };
        if let Some(work) = growth::in_slices(cx, (key, end), boxed, APPEND, end as i64) {
            return Ok(work);
        }
    }
    let len = cx.keys.edit_string(key, |bytes| {
        make_room(bytes, old_len + tail.len());
        bytes.extend_from_slice(tail);
        bytes.len()
    });
    cx.keys.touch(key, APPEND);
    cx.out.int(len as i64);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

/// GETRANGE and SUBSTR.
pub(super) fn getrange(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (start, end) = (args.int(2)?, args.int(3)?);
    let Some(value) = cx.keys.read::<Str>(args.get(1))? else {
        cx.out.bulk(b"");
        return Ok(Outcome::Unchanged);
    };
    let part = clamp(start, end, value.len());
    match value {
        StrRef::Shared(bytes) if part.len() >= SHARED_MIN => cx.out.bulk_shared(bytes.slice(part)),
        StrRef::Bytes(_) if part.len() >= LENT_MIN => lend(cx, args.get(1), part),
        value => value.with_bytes(|bytes| cx.out.bulk(&bytes[part])),
    }
    Ok(Outcome::Unchanged)
}

/// Replies with a part of a string that is too long to be copied: the reply shares it.
#[cold]
pub(super) fn lend(cx: &mut DataCx<'_>, key: &[u8], part: impl RangeBounds<usize>) {
    cx.keys.share_string(key);
    if let Some(StrRef::Shared(bytes)) = cx.keys.again::<Str>(key) {
        cx.out.bulk_shared(bytes.slice(part));
    }
}

/// The bytes meant by two inclusive places, negative ones counted from the end.
fn clamp(start: i64, end: i64, len: usize) -> Range<usize> {
    // Both behind the start and the wrong way round: not to be pulled to the first byte.
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let len = len as i64;
    let place = |i: i64| if i < 0 { i.saturating_add(len).max(0) } else { i };
    let (start, end) = (place(start), place(end).min(len - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

pub(super) fn setrange(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let offset = args.int(2)?;
    let Ok(offset) = usize::try_from(offset) else {
        return Err(Error::fixed("ERR offset is out of range"));
    };
    let (key, patch) = (args.get(1), args.get(3));
    let old_len = cx.keys.for_write::<Str>(key)?.map_or(0, |value| value.len());
    if patch.is_empty() {
        cx.out.int(old_len as i64);
        return Ok(Outcome::Unchanged);
    }
    check_length(cx.limits, offset, patch.len())?;
    let end = offset + patch.len();
    const SETRANGE: Event = Event::new(class::STRING, "setrange");
    if old_len >= growth::LARGE {
        let (whole, reply) = (end.max(old_len), end.max(old_len) as i64);
        let boxed = || -> growth::Patch {
            let patch = patch.to_vec();
            Box::new(move |bytes| bytes[offset..end].copy_from_slice(&patch))
        };
        if let Some(work) = growth::in_slices(cx, (key, whole), boxed, SETRANGE, reply) {
            return Ok(work);
        }
    }
    cx.keys.patch_string(key, end, |bytes| bytes[offset..end].copy_from_slice(patch));
    cx.keys.touch(key, SETRANGE);
    cx.out.int(end.max(old_len) as i64);
    Ok(Outcome::Changed(Propagate::Verbatim))
}

#[cfg(test)]
mod tests {
    use super::clamp;

    #[test]
    fn places_are_clamped() {
        assert_eq!(clamp(0, -1, 5), 0..5);
        assert_eq!(clamp(-3, -2, 5), 2..4);
        assert_eq!(clamp(-2, -3, 5), 0..0);
        assert_eq!(clamp(-100, -50, 5), 0..1);
        assert_eq!(clamp(3, 1, 5), 0..0);
        assert_eq!(clamp(5, 9, 5), 0..0);
        assert_eq!(clamp(0, i64::MAX, 5), 0..5);
        assert_eq!(clamp(i64::MIN, i64::MAX, 5), 0..5);
        assert_eq!(clamp(0, 0, 0), 0..0);
        assert_eq!(clamp(-1, -1, 0), 0..0);
    }
}
