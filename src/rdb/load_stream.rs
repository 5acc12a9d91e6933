//! A stream out of bytes that nobody trusts, part by part: its nodes are looked at by `Restoring`,
//! groups and their lists of pending entries here.

use super::{Error, Reader, kind};
use crate::value::stream::restore::{Counters, Restoring, Unsound};
use crate::value::stream::{ConsumerId, Pending, Stream, StreamId};
use std::collections::BTreeMap;
use std::io::Read;

fn id_of(bytes: [u8; 16]) -> StreamId {
    let both = u128::from_be_bytes(bytes);
    StreamId { ms: (both >> 64) as u64, seq: both as u64 }
}

fn id<R: Read>(from: &mut Reader<R>) -> Result<StreamId, Error> {
    Ok(StreamId { ms: from.length()?, seq: from.length()? })
}

/// A stream and what of it is still to come.
pub(super) struct GrowingStream {
    kind: u8,
    stream: Stream,
    nodes: Restoring,
    stage: Stage,
}

/// What comes next, and how many of them.
enum Stage {
    Nodes(u64),
    Groups(u64),
    /// Of a group, before its consumers.
    Pending(u64, Box<GrowingGroup>),
    Consumers(u64, Box<GrowingGroup>),
    /// Of a consumer, before the other consumers.
    Owned(u64, ConsumerId, u64, Box<GrowingGroup>),
    /// Nothing: it was taken.
    Done,
}

/// A group, and how many come after it.
struct GrowingGroup {
    name: Vec<u8>,
    groups_left: u64,
    /// What was delivered and is not known to be a consumer's yet.
    unowned: BTreeMap<StreamId, (i64, u64)>,
}

impl GrowingStream {
    /// Begins with a stream in the form of this kind.
    pub(super) fn begin<R: Read>(from: &mut Reader<R>, kind: u8) -> Result<GrowingStream, Error> {
        let stage = Stage::Nodes(from.length()?);
        Ok(GrowingStream { kind, stream: Stream::default(), nodes: Restoring::default(), stage })
    }

    /// Reads so many parts at most; gives the stream at its end.
    pub(super) fn grow<R: Read>(
        &mut self,
        from: &mut Reader<R>,
        most: usize,
    ) -> Result<Option<Stream>, Error> {
        for _ in 0..most {
            self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
                Stage::Nodes(0) => self.end_of_nodes(from)?,
                Stage::Nodes(left) => {
                    self.node(from)?;
                    Stage::Nodes(left - 1)
                }
                Stage::Groups(0) | Stage::Done => {
                    return Ok(Some(std::mem::take(&mut self.stream)));
                }
                Stage::Groups(left) => self.group(from, left - 1)?,
                Stage::Pending(0, group) => Stage::Consumers(from.length()?, group),
                Stage::Pending(left, mut group) => {
                    pending(from, &mut group.unowned)?;
                    Stage::Pending(left - 1, group)
                }
                Stage::Consumers(0, group) if group.unowned.is_empty() => {
                    Stage::Groups(group.groups_left)
                }
                Stage::Consumers(0, _) => {
                    return Err(from.damaged("NACK entry without consumer in the stream"));
                }
                Stage::Consumers(left, group) => {
                    let consumer = self.consumer(from, &group.name)?;
                    Stage::Owned(from.length()?, consumer, left - 1, group)
                }
                Stage::Owned(0, _, left, group) => Stage::Consumers(left, group),
                Stage::Owned(owned, consumer, left, mut group) => {
                    self.owned(from, consumer, &mut group)?;
                    Stage::Owned(owned - 1, consumer, left, group)
                }
            };
        }
        Ok(None)
    }

    fn node<R: Read>(&mut self, from: &mut Reader<R>) -> Result<(), Error> {
        let Ok(key) = <[u8; 16]>::try_from(from.text()?) else {
            return Err(from.damaged("Stream node key entry is not the size of a stream ID"));
        };
        let bytes = from.string()?;
        self.nodes.node(id_of(key), bytes).map_err(|fault| unsound(from, fault))
    }

    fn end_of_nodes<R: Read>(&mut self, from: &mut Reader<R>) -> Result<Stage, Error> {
        let length = from.length()?;
        let mut counters =
            Counters { last_id: id(from)?, max_deleted_id: StreamId::MIN, entries_added: length };
        if self.kind != kind::STREAM_1 {
            // The first id is told by the nodes too.
            id(from)?;
            counters.max_deleted_id = id(from)?;
            counters.entries_added = from.length()?;
        }
        let restored = std::mem::take(&mut self.nodes).finish(counters);
        self.stream = restored.map_err(|fault| unsound(from, fault))?;
        if self.stream.log.len() != length {
            return Err(from.damaged("Stream length inconsistent with rax node elements"));
        }
        Ok(Stage::Groups(from.length()?))
    }

    fn group<R: Read>(&mut self, from: &mut Reader<R>, left: u64) -> Result<Stage, Error> {
        let name = from.string()?;
        let last_id = id(from)?;
        let entries_read = match self.kind {
            kind::STREAM_1 => self.stream.log.count_up_to(last_id),
            // What is not known is written as -1.
            _ => Some(from.length()?).filter(|n| i64::try_from(*n).is_ok()),
        };
        if !self.stream.groups.create(&name, last_id, entries_read) {
            return Err(from.damaged("Duplicated consumer group name loading stream"));
        }
        let group = GrowingGroup { name, groups_left: left, unowned: BTreeMap::new() };
        Ok(Stage::Pending(from.length()?, Box::new(group)))
    }

    fn consumer<R: Read>(
        &mut self,
        from: &mut Reader<R>,
        group: &[u8],
    ) -> Result<ConsumerId, Error> {
        let name = from.string()?;
        let seen = from.millis()?;
        let active = if self.kind == kind::STREAM_3 { from.millis()? } else { seen };
        let mut group = self.stream.groups.edit(group).expect("it was just made");
        if group.find(&name).is_some() {
            return Err(from.damaged("Duplicate stream consumer detected"));
        }
        let consumer = group.create(&name, seen);
        group.consumer_mut(consumer).active = (active != -1).then_some(active);
        Ok(consumer)
    }

    /// A consumer takes what it has out of what nobody has.
    fn owned<R: Read>(
        &mut self,
        from: &mut Reader<R>,
        consumer: ConsumerId,
        growing: &mut GrowingGroup,
    ) -> Result<(), Error> {
        let id = id_of(from.array()?);
        let Some((time, count)) = growing.unowned.remove(&id) else {
            return Err(from.damaged("Consumer entry not found in group global PEL"));
        };
        let mut group = self.stream.groups.edit(&growing.name).expect("it was just made");
        group.assign(id, Pending { consumer, time, count });
        Ok(())
    }
}

fn pending<R: Read>(
    from: &mut Reader<R>,
    unowned: &mut BTreeMap<StreamId, (i64, u64)>,
) -> Result<(), Error> {
    let (id, time) = (id_of(from.array()?), from.millis()?);
    match unowned.insert(id, (time, from.length()?)) {
        None => Ok(()),
        Some(_) => Err(from.damaged("Duplicated global PEL entry loading stream consumer group")),
    }
}

fn unsound<R: Read>(from: &Reader<R>, fault: Unsound) -> Error {
    from.damaged(match fault {
        Unsound::Node => "Stream listpack integrity check failed.",
        Unsound::Order => "Listpack re-added with existing key",
        Unsound::LastId => "Stream has an entry above its last ID",
    })
}
