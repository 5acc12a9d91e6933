//! The entries of a stream and the counters that go with them.
//!
//! Invariants: nodes are in the order of their ids and no node is without a live entry; `length` is
//! the sum of their counts; no entry has an id above `last_id`.

use super::capture::Capture;
use super::id::{Seq, StreamId};
use super::node::{self, Entries, Entry, Master};
use super::nodes::Nodes;
use super::range::Range;
use super::trim::{Strategy, Trim};
use crate::ds::listpack::{Listpack, Packed};
use crate::value::limits::Limits;

/// What a node takes in its run beside its listpack, bytes.
const NODE_COST: usize = 42;

/// The entries of a stream.
#[derive(Debug, Default)]
pub struct Log {
    pub(super) nodes: Nodes,
    length: u64,
    /// The greatest id ever given, or what XSETID made of it.
    pub last_id: StreamId,
    first_id: StreamId,
    /// The greatest id ever deleted by XDEL.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
    bytes: usize,
    /// What is still to be told of an earlier moment.
    pub(super) capture: Option<Box<Capture>>,
}

/// Why an entry was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its id is not above the last one.
    SmallId,
    /// It is too large for a node.
    TooLarge,
}

/// The id asked for a new entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The server chooses.
    Auto,
    /// The server chooses the sequence number.
    Ms(u64),
    /// This one.
    Id(StreamId),
}

impl Wanted {
    /// What a parsed id asks for.
    pub fn of(ms: u64, seq: Seq) -> Wanted {
        match seq {
            Seq::Given(seq) => Wanted::Id(StreamId { ms, seq }),
            Seq::Missing => Wanted::Id(StreamId { ms, seq: 0 }),
            Seq::Auto => Wanted::Ms(ms),
        }
    }
}

impl Log {
    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Asks for what a new entry touches.
    #[inline]
    pub fn fetch(&self) {
        if let Some((_, node)) = self.nodes.last() {
            node.fetch();
        }
    }

    /// How many nodes hold them.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes: id of the first entry and the listpack.
    pub fn nodes(&self) -> impl Iterator<Item = (StreamId, Packed<'_>)> {
        self.nodes.iter().map(|(id, node)| (*id, node.as_packed()))
    }

    /// The first node behind that of this id, or the first one.
    pub fn node_after(&self, id: Option<StreamId>) -> Option<(StreamId, Packed<'_>)> {
        let behind = id.map_or_else(|| self.nodes.first(), |id| self.nodes.after(id));
        behind.map(|(id, node)| (*id, node.as_packed()))
    }

    /// The id of the first entry, 0-0 when there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// Bytes on the heap, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Log {
        let nodes = self.nodes.clone();
        let bytes = nodes.iter().map(|(_, node)| node.heap_bytes() + NODE_COST).sum();
        Log { nodes, bytes, capture: None, ..*self }
    }

    /// Copies the first node of `source` that lies behind those that are here; false after the
    /// last one, when the counters are those of the source, too.
    pub fn append_copy(&mut self, source: &Log) -> bool {
        let behind = match self.nodes.last() {
            Some((last, _)) => source.nodes.after(*last),
            None => source.nodes.first(),
        };
        if let Some((id, node)) = behind {
            let node = node.clone();
            self.bytes += node.heap_bytes() + NODE_COST;
            self.nodes.push(*id, node);
        }
        if self.nodes.len() < source.nodes.len() {
            return true;
        }
        let made = std::mem::take(self);
        *self = Log { nodes: made.nodes, bytes: made.bytes, capture: None, ..*source };
        false
    }

    /// The id a new entry would get.
    pub fn id_for(&self, wanted: Wanted, now_ms: i64) -> Result<StreamId, Refused> {
        let last = self.last_id;
        let id = match wanted {
            Wanted::Id(id) => id,
            Wanted::Ms(ms) if ms == last.ms => {
                StreamId { ms, seq: last.seq.checked_add(1).ok_or(Refused::SmallId)? }
            }
            Wanted::Ms(ms) => StreamId { ms, seq: 0 },
            Wanted::Auto => match u64::try_from(now_ms) {
                Ok(ms) if ms > last.ms => StreamId { ms, seq: 0 },
                _ => last.next().ok_or(Refused::SmallId)?,
            },
        };
        if id > last { Ok(id) } else { Err(Refused::SmallId) }
    }

    /// Adds an entry with an id from `id_for`. `word(2 i)` is the name of a field and
    /// `word(2 i + 1)` its value.
    pub fn append<'w>(
        &mut self,
        id: StreamId,
        fields: usize,
        word: impl Fn(usize) -> &'w [u8] + Copy,
        limits: &Limits,
    ) -> Result<(), Refused> {
        let size: usize = (0..2 * fields).map(|i| word(i).len()).sum();
        if size > node::MAX {
            return Err(Refused::TooLarge);
        }
        let mut added = false;
        self.fetch();
        if let Some((node_id, node)) = self.nodes.last_mut() {
            if let Some(capture) = &mut self.capture {
                capture.before_change(node_id, node);
            }
            let before = node.heap_bytes();
            match node::plan(node.as_packed(), fields, size, word, limits) {
                Some(plan) => {
                    let ms = id.ms.wrapping_sub(node_id.ms) as i64;
                    let seq = id.seq.wrapping_sub(node_id.seq) as i64;
                    node::append(node, plan, (ms, seq), (fields, size), word);
                    added = true;
                }
                None => node.shrink(),
            }
            self.bytes = self.bytes + node.heap_bytes() - before;
        }
        if !added {
            let node = node::create(fields, size, word);
            if let Some(capture) = &mut self.capture {
                capture.before_new(id);
            }
            self.bytes += node.heap_bytes() + NODE_COST;
            self.nodes.push(id, node);
        }
        self.entries_added += 1;
        self.last_id = id;
        self.length += 1;
        if self.length == 1 {
            self.first_id = id;
        }
        Ok(())
    }

    /// The live entry with this id.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let (node_id, node) = self.nodes.at_or_before(id)?;
        find(*node_id, node.as_packed(), id)
    }

    /// Whether the entry is there and alive.
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// The live entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        Range::forwards(self, start, end)
    }

    /// The same from the end.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> Range<'_> {
        Range::backwards(self, start, end)
    }

    /// The greatest id of a live entry; of an empty stream, the last one it ever had.
    pub fn last_live_id(&self) -> StreamId {
        let last = self.range_back(StreamId::MIN, StreamId::MAX).next();
        last.map_or(self.last_id, |entry| entry.id)
    }

    /// Deletes entries and tells how many of these ids were there.
    pub fn delete(&mut self, ids: &[StreamId]) -> u64 {
        let (mut deleted, mut first) = (0, false);
        for id in ids {
            if self.delete_one(*id) {
                deleted += 1;
                first |= *id == self.first_id;
                self.max_deleted_id = self.max_deleted_id.max(*id);
            }
        }
        if first {
            self.find_first();
        }
        deleted
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let Some((node_id, node)) = self.nodes.at_or_before_mut(id) else { return false };
        let Some(at) = find(node_id, node.as_packed(), id).map(|entry| entry.at()) else {
            return false;
        };
        if let Some(capture) = &mut self.capture {
            capture.before_change(node_id, node);
        }
        if Master::of(node.as_packed()).count == 1 {
            self.drop_node(node_id);
        } else {
            node::mark_deleted(node, &[at]);
            self.length -= 1;
        }
        true
    }

    /// Removes a node with all it has; tells how many live entries that were.
    fn drop_node(&mut self, node_id: StreamId) -> u64 {
        Master::of(self.take_node(node_id).as_packed()).count
    }

    /// Takes a node with all it has out.
    fn take_node(&mut self, node_id: StreamId) -> Listpack {
        let node = self.nodes.remove(node_id).expect("the caller saw it");
        if let Some(capture) = &mut self.capture {
            capture.before_change(node_id, &node);
        }
        self.bytes -= node.heap_bytes() + NODE_COST;
        self.length -= Master::of(node.as_packed()).count;
        node
    }

    /// Takes in a node that is known to be sound and to come behind all others.
    pub(super) fn adopt(&mut self, id: StreamId, node: Listpack, live: u64) {
        self.bytes += node.heap_bytes() + NODE_COST;
        self.length += live;
        self.nodes.push(id, node);
    }

    pub(super) fn find_first(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next();
        self.first_id = first.map_or(StreamId::MIN, |entry| entry.id);
    }

    /// The id of the very first entry, deleted or not, which approximate trimming by id is written
    /// to the log with.
    pub fn first_stored_id(&self) -> Option<StreamId> {
        let (node_id, node) = self.nodes.first()?;
        Entries::new(*node_id, node.as_packed(), false).next().map(|entry| entry.id)
    }

    /// Removes entries from the begin; tells how many. Nodes that go as a whole go to `gone`.
    pub fn trim(&mut self, trim: &Trim, gone: &mut Log) -> u64 {
        let mut removed = 0;
        while let Some((node_id, node)) = self.nodes.first() {
            let (node_id, packed) = (*node_id, node.as_packed());
            let count = Master::of(packed).count;
            if self.meets(trim) || trim.limit.is_some_and(|limit| removed + count > limit) {
                break;
            }
            let whole = match trim.strategy {
                Strategy::MaxLen(max) => self.length - count >= max,
                Strategy::MinId(min) => {
                    Entries::new(node_id, packed, true).next().is_some_and(|last| last.id < min)
                }
            };
            if whole {
                removed += count;
                let node = self.take_node(node_id);
                gone.adopt(node_id, node, count);
                continue;
            }
            if !trim.approximate {
                removed += self.trim_in_node(node_id, trim.strategy);
            }
            break;
        }
        if removed > 0 {
            self.find_first();
        }
        removed
    }

    /// Whether a length is reached; for ids the entries tell.
    fn meets(&self, trim: &Trim) -> bool {
        matches!(trim.strategy, Strategy::MaxLen(max) if self.length <= max)
    }

    /// Deletes entries at the begin of a node; at least one stays.
    fn trim_in_node(&mut self, node_id: StreamId, strategy: Strategy) -> u64 {
        let (_, node) = self.nodes.at_or_before_mut(node_id).expect("the caller saw it");
        let mut gone = Vec::new();
        for entry in Entries::new(node_id, node.as_packed(), false) {
            let stop = match strategy {
                Strategy::MaxLen(max) => self.length - gone.len() as u64 <= max,
                Strategy::MinId(min) => entry.id >= min,
            };
            if stop {
                break;
            }
            if !entry.is_deleted() {
                gone.push(entry.at());
            }
        }
        let count = gone.len() as u64;
        if count == Master::of(node.as_packed()).count {
            // The entries that keep the node from going as a whole are deleted ones.
            return self.drop_node(node_id);
        }
        if let Some(capture) = &mut self.capture {
            capture.before_change(node_id, node);
        }
        node::mark_deleted(node, &gone);
        self.length -= count;
        count
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        let (mut length, mut bytes, mut before) = (0, 0, None);
        self.nodes.check();
        for (node_id, node) in self.nodes.iter() {
            let packed = node.as_packed();
            assert!(Packed::validate(packed.bytes()));
            let master = Master::of(packed);
            let (mut live, mut dead) = (0, 0);
            for entry in Entries::new(*node_id, packed, false) {
                assert!(before < Some(entry.id) && entry.id >= *node_id, "entries are in order");
                before = Some(entry.id);
                if entry.is_deleted() { dead += 1 } else { live += 1 }
            }
            assert_eq!((master.count, master.deleted), (live, dead));
            assert!(live > 0, "no node without a live entry");
            length += live;
            bytes += node.heap_bytes() + NODE_COST;
        }
        assert_eq!((self.length, self.bytes), (length, bytes));
        assert!(before <= Some(self.last_id), "no id above the last");
        let first = self.range(StreamId::MIN, StreamId::MAX).next();
        assert_eq!(self.first_id, first.map_or(StreamId::MIN, |entry| entry.id));
    }
}

fn find(node_id: StreamId, node: Packed<'_>, id: StreamId) -> Option<Entry<'_>> {
    Entries::new(node_id, node, false)
        .find(|entry| entry.id >= id)
        .filter(|entry| entry.id == id && !entry.is_deleted())
}
