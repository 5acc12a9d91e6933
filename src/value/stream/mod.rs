//! Streams: a log of entries, each with an id and fields, and groups of consumers that read it.
//!
//! [`log`] has the entries in nodes (`node`), which are listpacks laid out as Redis does it;
//! [`group`] has the consumer groups. The two parts are separate fields, so that a reader can walk
//! the log while it books deliveries.

mod capture;
mod count;
pub mod group;
pub mod id;
pub mod log;
pub mod node;
mod nodes;
pub mod range;
pub mod restore;
pub mod trim;

pub use group::{Consumer, ConsumerId, Group, Groups, Pending};
pub use id::StreamId;
pub use log::Log;

use super::{Collection, PackedKind, Value};
use crate::base::error::Error;

/// A stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// The entries.
    pub log: Log,
    /// The consumer groups.
    pub groups: Groups,
    /// A stream that was made on purpose stays, also without entries.
    made: bool,
    /// Something came or went that a blocked reader waits for.
    news: bool,
}

impl Stream {
    /// What was cut off a stream and is to be freed.
    pub fn remains(log: Log, groups: Groups) -> Stream {
        Stream { log, groups, ..Stream::default() }
    }

    /// The stream is to exist from now on.
    pub fn make(&mut self) {
        self.made = true;
    }

    /// What was done is to be seen by blocked readers: an entry came, a group went.
    pub fn wake(&mut self) {
        self.news = true;
    }

    /// An empty one, to take a copy of the entries and groups.
    pub fn like(&self) -> Stream {
        let (log, groups) = (Log::default(), Groups::default());
        Stream { log, groups, made: self.made, news: false }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Stream {
        let (log, groups) = (self.log.duplicate(), self.groups.clone());
        Stream { log, groups, made: self.made, news: false }
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Stream>() + self.log.bytes() + self.groups.bytes()
    }

    /// Hands out everything that makes two streams the same, part by part: entries, counters,
    /// groups with who has what. Times and delivery counts are not part of it.
    pub fn content(&self, part: &mut dyn FnMut(&[u8])) {
        let log = &self.log;
        for id in [log.last_id, log.max_deleted_id] {
            id.with_text(|text| part(text));
        }
        part(&log.entries_added.to_le_bytes());
        for entry in log.range(StreamId::MIN, StreamId::MAX) {
            entry.id.with_text(|text| part(text));
            part(&(entry.len() as u64).to_le_bytes());
            for word in entry.fields().flat_map(|(name, value)| [name, value]) {
                part(&(word.len() as u64).to_le_bytes());
                word.with_text(|text| part(text));
            }
        }
        for (name, group) in self.groups.iter() {
            part(name);
            group.last_id.with_text(|text| part(text));
            part(&group.entries_read.map_or(-1, |n| n as i64).to_le_bytes());
            for consumer in group.consumers() {
                part(consumer.name());
                consumer.pending().iter().for_each(|id| id.with_text(|text| part(text)));
            }
        }
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        self.log.check();
        self.groups.check();
    }
}

impl Value {
    /// The stream it is.
    pub fn as_stream(&self) -> Result<&Stream, Error> {
        match self {
            Value::Stream(stream) => Ok(stream),
            _ => Err(Error::WrongType),
        }
    }
}

/// In its box: it is large to be moved about.
impl Collection for Box<Stream> {
    fn of(value: &mut Value) -> Option<&mut Box<Stream>> {
        match value {
            Value::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::Stream(self)
    }

    fn of_packed(_: PackedKind, bytes: Vec<u8>) -> Result<Box<Stream>, Vec<u8>> {
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

    fn serves(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }
}

#[cfg(test)]
mod tests;
