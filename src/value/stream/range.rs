//! Walking over the live entries of a stream, from either end.

use super::id::StreamId;
use super::log::Log;
use super::node::{Entries, Entry, Master};
use super::nodes::Walk;

/// Live entries between two ids.
pub struct Range<'a> {
    nodes: Walk<'a>,
    node: Option<Entries<'a>>,
    start: StreamId,
    end: StreamId,
    backwards: bool,
}

impl<'a> Range<'a> {
    pub(super) fn forwards(log: &'a Log, start: StreamId, end: StreamId) -> Range<'a> {
        Range::new(log, start, end, false)
    }

    pub(super) fn backwards(log: &'a Log, start: StreamId, end: StreamId) -> Range<'a> {
        Range::new(log, start, end, true)
    }

    fn new(log: &'a Log, start: StreamId, end: StreamId, backwards: bool) -> Range<'a> {
        // The node that begins before `start` may reach into the range.
        let first = log.nodes.at_or_before(start).map_or(start, |(id, _)| *id);
        let nodes = log.nodes.range(first, end);
        Range { nodes, node: None, start, end, backwards }
    }

    /// Whether an entry lies beyond the far end of the walk.
    fn is_past(&self, id: StreamId) -> bool {
        if self.backwards { id < self.start } else { id > self.end }
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            if self.node.is_none() {
                let next = if self.backwards { self.nodes.next_back() } else { self.nodes.next() };
                let (id, node) = next?;
                self.node = Some(Entries::new(*id, node.as_packed(), self.backwards));
            }
            let Some(entry) = self.node.as_mut().and_then(Iterator::next) else {
                self.node = None;
                continue;
            };
            if self.is_past(entry.id) {
                self.nodes = Walk::default();
                self.node = None;
                return None;
            }
            if !entry.is_deleted() && (self.start..=self.end).contains(&entry.id) {
                return Some(entry);
            }
        }
    }
}

impl Log {
    /// Counts the live entries between two ids, node by node while `more` holds, beginning with the
    /// node `at`. Gives what it counted and the node to go on with.
    pub fn count_between(
        &self,
        (start, end): (StreamId, StreamId),
        at: Option<StreamId>,
        more: &mut dyn FnMut() -> bool,
    ) -> (u64, Option<StreamId>) {
        if start > end {
            return (0, None);
        }
        let before = || self.nodes.at_or_before(start).map_or(start, |(id, _)| *id);
        let mut nodes = self.nodes.range(at.unwrap_or_else(before), end).peekable();
        let mut count = 0;
        while let Some((id, node)) = nodes.next() {
            let next = nodes.peek().map(|(id, _)| *id);
            let packed = node.as_packed();
            count += match next {
                // What lies between two nodes' begins lies in the range with them.
                Some(_) if *id >= start => Master::of(packed).count,
                _ => Entries::new(*id, packed, false)
                    .filter(|entry| !entry.is_deleted() && (start..=end).contains(&entry.id))
                    .count() as u64,
            };
            if next.is_some() && !more() {
                return (count, next);
            }
        }
        (count, None)
    }
}
