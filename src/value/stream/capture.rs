//! What the log of a stream held at one moment, told node by node while it goes on changing.
//!
//! New entries have higher ids than all before them, so the nodes of the moment are those up to
//! the last one there was; who is about to change one has it kept first.

use super::id::StreamId;
use super::log::Log;
use crate::ds::listpack::{Listpack, Packed};
use std::collections::BTreeMap;

/// The telling of a log.
#[derive(Debug)]
pub(super) struct Capture {
    /// The node that was told last, and the last one there is to tell.
    told: Option<StreamId>,
    last: StreamId,
    /// Nodes as they were, or that there was none; what has these ids now is not to be told.
    kept: BTreeMap<StreamId, Option<Listpack>>,
}

impl Capture {
    /// The node with this id is about to change or go.
    pub(super) fn before_change(&mut self, id: StreamId, node: &Listpack) {
        if Some(id) > self.told && id <= self.last && !self.kept.contains_key(&id) {
            self.kept.insert(id, Some(node.clone()));
        }
    }

    /// A node is about to come. XSETID lets ids begin anew once the log is empty.
    pub(super) fn before_new(&mut self, id: StreamId) {
        if Some(id) > self.told && id <= self.last {
            self.kept.entry(id).or_insert(None);
        }
    }
}

impl Log {
    /// From now on the log remembers what it holds at this moment, until it was told.
    pub fn begin_capture(&mut self) {
        let last = self.nodes.last().map_or(StreamId::MIN, |(id, _)| *id);
        self.capture = Some(Box::new(Capture { told: None, last, kept: BTreeMap::new() }));
    }

    /// Whether something of an earlier moment is still to be told.
    pub fn is_captured(&self) -> bool {
        self.capture.is_some()
    }

    /// Forgets the moment.
    pub fn end_capture(&mut self) {
        self.capture = None;
    }

    /// Bytes of what is kept for it.
    pub fn kept_bytes(&self) -> usize {
        let kept =
            |capture: &Capture| capture.kept.values().flatten().map(Listpack::heap_bytes).sum();
        self.capture.as_deref().map_or(0, kept)
    }

    /// Tells one node more of the moment; true when that was all.
    pub fn tell(&mut self, f: &mut dyn FnMut(StreamId, Packed<'_>)) -> bool {
        let Some(capture) = &mut self.capture else { return true };
        let live = match capture.told {
            Some(told) => self.nodes.after(told),
            None => self.nodes.first(),
        };
        let live = live.filter(|(id, _)| *id <= capture.last).map(|(id, node)| (*id, node));
        // What is kept under the id of a node is what that node was.
        let kept = capture.kept.first_key_value().map(|(id, _)| *id);
        match (live, kept) {
            (Some((id, node)), kept) if kept.is_none_or(|kept| id < kept) => {
                f(id, node.as_packed());
                capture.told = Some(id);
            }
            (_, Some(id)) => {
                if let Some(node) = capture.kept.remove(&id).flatten() {
                    f(id, node.as_packed());
                }
                capture.told = Some(id);
            }
            _ => return true,
        }
        capture.told >= Some(capture.last)
    }
}
