//! A stream out of bytes that nobody trusts: its nodes are looked at by `Stream::restore`, groups
//! and their lists of pending entries here.

use super::{Error, Reader, kind};
use crate::value::Value;
use crate::value::stream::restore::{Counters, Unsound};
use crate::value::stream::{Group, Pending, Stream, StreamId};
use std::collections::BTreeMap;
use std::io::Read;

fn id_of(bytes: [u8; 16]) -> StreamId {
    let both = u128::from_be_bytes(bytes);
    StreamId { ms: (both >> 64) as u64, seq: both as u64 }
}

fn id<R: Read>(from: &mut Reader<R>) -> Result<StreamId, Error> {
    Ok(StreamId { ms: from.length()?, seq: from.length()? })
}

pub(super) fn load_stream<R: Read>(from: &mut Reader<R>, kind: u8) -> Result<Value, Error> {
    let mut nodes = Vec::new();
    for _ in 0..from.length()? {
        let Ok(key) = <[u8; 16]>::try_from(from.string()?) else {
            return Err(from.damaged("Stream node key entry is not the size of a stream ID"));
        };
        nodes.push((id_of(key), from.string()?));
    }
    let length = from.length()?;
    let mut counters =
        Counters { last_id: id(from)?, max_deleted_id: StreamId::MIN, entries_added: length };
    if kind != kind::STREAM_1 {
        // The first id is told by the nodes too.
        id(from)?;
        counters.max_deleted_id = id(from)?;
        counters.entries_added = from.length()?;
    }
    let restored = Stream::restore(nodes.into_iter(), counters);
    let mut stream = restored.map_err(|fault| {
        from.damaged(match fault {
            Unsound::Node => "Stream listpack integrity check failed.",
            Unsound::Order => "Listpack re-added with existing key",
            Unsound::LastId => "Stream has an entry above its last ID",
        })
    })?;
    if stream.log.len() != length {
        return Err(from.damaged("Stream length inconsistent with rax node elements"));
    }
    for _ in 0..from.length()? {
        load_group(from, kind, &mut stream)?;
    }
    Ok(Value::Stream(Box::new(stream)))
}

fn load_group<R: Read>(from: &mut Reader<R>, kind: u8, stream: &mut Stream) -> Result<(), Error> {
    let name = from.string()?;
    let last_id = id(from)?;
    let entries_read = match kind {
        kind::STREAM_1 => stream.log.count_up_to(last_id),
        // What is not known is written as -1.
        _ => Some(from.length()?).filter(|n| i64::try_from(*n).is_ok()),
    };
    if !stream.groups.create(&name, last_id, entries_read) {
        return Err(from.damaged("Duplicated consumer group name loading stream"));
    }
    let mut pending = BTreeMap::new();
    for _ in 0..from.length()? {
        let (id, time) = (id_of(from.array()?), from.millis()?);
        if pending.insert(id, (time, from.length()?)).is_some() {
            return Err(from.damaged("Duplicated global PEL entry loading stream consumer group"));
        }
    }
    let mut group = stream.groups.edit(&name).expect("it was just made");
    for _ in 0..from.length()? {
        load_consumer(from, kind, &mut group, &mut pending)?;
    }
    match pending.is_empty() {
        true => Ok(()),
        false => Err(from.damaged("NACK entry without consumer in the stream")),
    }
}

/// A consumer takes what it has out of `unowned`.
fn load_consumer<R: Read>(
    from: &mut Reader<R>,
    kind: u8,
    group: &mut Group,
    unowned: &mut BTreeMap<StreamId, (i64, u64)>,
) -> Result<(), Error> {
    let name = from.string()?;
    let seen = from.millis()?;
    let active = if kind == kind::STREAM_3 { from.millis()? } else { seen };
    if group.find(&name).is_some() {
        return Err(from.damaged("Duplicate stream consumer detected"));
    }
    let consumer = group.create(&name, seen);
    group.consumer_mut(consumer).active = (active != -1).then_some(active);
    for _ in 0..from.length()? {
        let id = id_of(from.array()?);
        let Some((time, count)) = unowned.remove(&id) else {
            return Err(from.damaged("Consumer entry not found in group global PEL"));
        };
        group.assign(id, Pending { consumer, time, count });
    }
    Ok(())
}
