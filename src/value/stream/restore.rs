//! A stream from its parts, as files hold them: nodes are looked at element by element before they
//! are taken in, since what reads them later trusts them.

use super::Stream;
use super::id::StreamId;
use super::log::Log;
use super::node::{self, Extent};
use crate::ds::listpack::{Listpack, Packed};

/// The counters of a stream that cannot be told from its nodes.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    /// The greatest id ever given.
    pub last_id: StreamId,
    /// The greatest id ever deleted.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
}

/// What is wrong with the parts of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// A node is not laid out as one.
    Node,
    /// A node does not come behind the one before it.
    Order,
    /// An entry has an id above the last one.
    LastId,
}

impl Stream {
    /// A stream of these nodes, each with its id and the bytes of its listpack, in order. Groups
    /// are added by the usual means.
    pub fn restore(
        nodes: impl Iterator<Item = (StreamId, Vec<u8>)>,
        counters: Counters,
    ) -> Result<Stream, Unsound> {
        let mut restoring = Restoring::default();
        nodes.into_iter().try_for_each(|(id, bytes)| restoring.node(id, bytes))?;
        restoring.finish(counters)
    }
}

/// A stream whose nodes come one by one.
#[derive(Default)]
pub struct Restoring {
    log: Log,
    /// The last id so far.
    end: Option<StreamId>,
}

impl Restoring {
    /// Takes in the next node.
    pub fn node(&mut self, id: StreamId, bytes: Vec<u8>) -> Result<(), Unsound> {
        let Extent { live, last } = extent(id, &bytes).ok_or(Unsound::Node)?;
        if self.end.is_some_and(|end| id <= end) {
            return Err(Unsound::Order);
        }
        self.end = Some(last);
        // Redis may keep a node with nothing but deleted entries.
        if live > 0 {
            self.log.adopt(id, Listpack::from_trusted(bytes), live);
        }
        Ok(())
    }

    /// The stream of all nodes.
    pub fn finish(self, counters: Counters) -> Result<Stream, Unsound> {
        let Restoring { mut log, end } = self;
        if end.is_some_and(|end| end > counters.last_id) {
            return Err(Unsound::LastId);
        }
        (log.last_id, log.max_deleted_id) = (counters.last_id, counters.max_deleted_id);
        log.entries_added = counters.entries_added;
        log.find_first();
        let mut stream = Stream { log, ..Stream::default() };
        stream.make();
        Ok(stream)
    }
}

fn extent(id: StreamId, bytes: &[u8]) -> Option<Extent> {
    if !Packed::validate(bytes) {
        return None;
    }
    node::extent(id, Packed::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::limits::Limits;

    fn sample() -> Stream {
        let mut stream = Stream::default();
        let limits = Limits { stream_node_max_entries: 4, ..Limits::default() };
        for ms in 1..=10 {
            let words: &[&[u8]] = match ms % 3 {
                0 => &[b"other", b"12", b"", b"x"],
                _ => &[b"f", b"v"],
            };
            let id = StreamId::new(ms, 7 - ms % 2);
            stream.log.append(id, words.len() / 2, |i| words[i], &limits).expect("it is small");
        }
        stream.log.delete(&[StreamId::new(2, 7), StreamId::new(5, 6)]);
        stream.make();
        stream
    }

    fn parts(stream: &Stream) -> (Vec<(StreamId, Vec<u8>)>, Counters) {
        let nodes = stream.log.nodes().map(|(id, node)| (id, node.bytes().to_vec())).collect();
        let Log { last_id, max_deleted_id, entries_added, .. } = stream.log;
        (nodes, Counters { last_id, max_deleted_id, entries_added })
    }

    fn content(stream: &Stream) -> Vec<u8> {
        let mut bytes = Vec::new();
        stream.content(&mut |part| bytes.extend_from_slice(part));
        bytes
    }

    #[test]
    fn its_own_parts_make_it_again() {
        let stream = sample();
        let (nodes, counters) = parts(&stream);
        let again = Stream::restore(nodes.into_iter(), counters).expect("the parts are sound");
        again.check();
        assert_eq!(content(&again), content(&stream));
        assert_eq!(again.log.first_id(), stream.log.first_id());
    }

    #[test]
    fn order_and_last_id_are_looked_at() {
        let (mut nodes, counters) = parts(&sample());
        let low = Counters { last_id: StreamId::new(10, 6), ..counters };
        let result = Stream::restore(nodes.clone().into_iter(), low);
        assert_eq!(result.err(), Some(Unsound::LastId));
        nodes.swap(0, 1);
        let result = Stream::restore(nodes.into_iter(), counters);
        assert_eq!(result.err(), Some(Unsound::Order));
    }

    #[test]
    fn a_node_without_live_entries_is_left_out() {
        let (mut nodes, counters) = parts(&sample());
        let mut first = Listpack::from_trusted(nodes[0].1.clone());
        let live: Vec<_> = node::Entries::new(nodes[0].0, first.as_packed(), false)
            .filter(|entry| !entry.is_deleted())
            .map(|entry| entry.at())
            .collect();
        node::mark_deleted(&mut first, &live);
        nodes[0].1 = first.into_bytes();
        let stream = Stream::restore(nodes.into_iter(), counters).expect("it is sound");
        stream.check();
        assert_eq!((stream.log.node_count(), stream.log.len()), (2, 5));
    }

    /// Whatever one byte becomes, the node is refused or can be read to its end.
    #[test]
    fn damaged_nodes_are_refused_or_harmless() {
        let (nodes, counters) = parts(&sample());
        let mut refused = 0;
        for at in 0..nodes[0].1.len() {
            for bit in 0..8 {
                let mut damaged = nodes.clone();
                damaged[0].1[at] ^= 1 << bit;
                match Stream::restore(damaged.into_iter(), counters) {
                    Ok(stream) => stream.check(),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > nodes[0].1.len() * 4, "only {refused} were refused");
    }
}
