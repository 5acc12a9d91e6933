//! Streams: a log of entries, each with an id and fields, and groups of consumers that read it.
//!
//! [`log`] has the entries in nodes (`node`), which are listpacks laid out as Redis does it;
//! [`group`] has the consumer groups. The two parts are separate fields, so that a reader can walk
//! the log while it books deliveries.

pub mod group;
pub mod id;
pub mod log;
pub mod node;
pub mod range;
pub mod trim;

pub use group::{Consumer, ConsumerId, Group, Groups, Pending};
pub use id::StreamId;
pub use log::Log;

use super::{Collection, PackedKind, Value};

/// A stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// The entries.
    pub log: Log,
    /// The consumer groups.
    pub groups: Groups,
    /// A stream that was made on purpose stays, also without entries.
    made: bool,
}

impl Stream {
    /// The stream is to exist from now on.
    pub fn make(&mut self) {
        self.made = true;
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Stream {
        Stream { log: self.log.duplicate(), groups: self.groups.clone(), made: self.made }
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Stream>() + self.log.bytes() + self.groups.bytes()
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        self.log.check();
        self.groups.check();
    }

    /// Whether an entry behind `after` was deleted by XDEL, so that counting is of no use there.
    fn has_holes_after(&self, after: StreamId) -> bool {
        let hole = self.log.max_deleted_id;
        !self.log.is_empty() && hole != StreamId::MIN && after <= hole
    }

    /// How many entries had ever been added up to `id`, when that can be told.
    pub fn count_up_to(&self, id: StreamId) -> Option<u64> {
        let log = &self.log;
        let (added, length) = (log.entries_added, log.len());
        if added == 0 {
            return Some(0);
        }
        if length == 0 && id <= log.last_id {
            return Some(added);
        }
        if id >= log.last_id {
            return (id == log.last_id).then_some(added);
        }
        let (first, hole) = (log.first_id(), log.max_deleted_id);
        if hole != StreamId::MIN && hole >= first {
            return None;
        }
        match id.cmp(&first) {
            std::cmp::Ordering::Less => Some(added - length),
            std::cmp::Ordering::Equal => Some(added - length + 1),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// How far a group is behind, in entries, when that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let added = self.log.entries_added;
        if added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_holes_after(group.last_id) => read,
            _ => self.count_up_to(group.last_id)?,
        };
        Some((added as i64).wrapping_sub(read as i64))
    }

    /// What a group's count of entries becomes when it is given the entry `id`.
    pub fn count_after_reading(&self, entries_read: Option<u64>, id: StreamId) -> Option<u64> {
        match entries_read {
            Some(read) if !self.has_holes_after(id) => Some(read.wrapping_add(1)),
            _ if self.log.entries_added > 0 => self.count_up_to(id),
            _ => entries_read,
        }
    }
}

impl Collection for Stream {
    const SERVES: bool = true;

    fn of(value: &mut Value) -> Option<&mut Stream> {
        match value {
            Value::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::Stream(Box::new(self))
    }

    fn of_packed(_: PackedKind, bytes: Vec<u8>) -> Result<Stream, Vec<u8>> {
        Err(bytes)
    }

    fn as_packed(&self) -> Option<(PackedKind, &[u8])> {
        None
    }

    fn into_packed_bytes(self) -> Vec<u8> {
        Vec::new()
    }

    fn is_empty(&self) -> bool {
        !self.made
    }
}

#[cfg(test)]
mod tests;
