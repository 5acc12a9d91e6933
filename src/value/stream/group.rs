//! Consumer groups: how far a group has read, who its consumers are, and what was delivered to
//! them and not acknowledged yet.
//!
//! Invariant: an id is in the group's pending list exactly when it is in the list of the one
//! consumer that the entry names.

use super::id::StreamId;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

/// What one pending entry takes in both lists, tree overhead included, bytes.
const PENDING_COST: usize = 88;
/// What a consumer takes beside its name, bytes.
const CONSUMER_COST: usize = 128;
/// What a group takes beside its name, bytes.
const GROUP_COST: usize = 192;

/// A consumer within its group; valid until the consumer is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// A delivery that waits to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Who has it.
    pub consumer: ConsumerId,
    /// When it was delivered last, milliseconds since 1970.
    pub time: i64,
    /// How often it was delivered.
    pub count: u64,
}

/// One reader of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Bytes,
    /// When it last asked for anything, milliseconds since 1970.
    pub seen: i64,
    /// When it last got something.
    pub active: Option<i64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Ids delivered to it and not acknowledged.
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }
}

/// A group of consumers.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last entry that was delivered to anyone.
    pub last_id: StreamId,
    /// How many entries had ever been added up to that one, when it is known.
    pub entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Pending>,
    names: BTreeMap<Bytes, ConsumerId>,
    consumers: Vec<Option<Consumer>>,
    free: Vec<ConsumerId>,
    name_bytes: usize,
}

impl Group {
    /// Deliveries that wait to be acknowledged, by id.
    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    /// How many consumers there are.
    pub fn consumer_count(&self) -> usize {
        self.names.len()
    }

    /// The consumers, by name.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.names.values().map(|id| self.consumer(*id))
    }

    /// The consumer of this name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied()
    }

    /// A consumer.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect("ids go with their consumers")
    }

    /// A consumer, to set its times.
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect("ids go with their consumers")
    }

    /// Adds a consumer whose name is not taken.
    pub fn create(&mut self, name: &[u8], now: i64) -> ConsumerId {
        let name = Bytes::copy_from_slice(name);
        let id = self.free.pop().unwrap_or_else(|| {
            self.consumers.push(None);
            let place = self.consumers.len() - 1;
            ConsumerId(u32::try_from(place).expect("memory ends first"))
        });
        self.name_bytes += name.len();
        let consumer =
            Consumer { name: name.clone(), seen: now, active: None, pending: BTreeSet::new() };
        self.consumers[id.0 as usize] = Some(consumer);
        let taken = self.names.insert(name, id);
        assert!(taken.is_none(), "the caller looked first");
        id
    }

    /// Removes a consumer and what it had; tells how much that was.
    pub fn remove(&mut self, name: &[u8]) -> Option<usize> {
        let id = self.names.remove(name)?;
        let consumer = self.consumers[id.0 as usize].take().expect("ids go with their consumers");
        self.free.push(id);
        self.name_bytes -= consumer.name.len();
        for entry in &consumer.pending {
            self.pending.remove(entry);
        }
        Some(consumer.pending.len())
    }

    /// Gives an entry to a consumer, whoever had it before.
    pub fn assign(&mut self, entry: StreamId, to: Pending) {
        let old = self.pending.insert(entry, to);
        if old.is_some_and(|old| old.consumer == to.consumer) {
            return;
        }
        if let Some(old) = old {
            self.consumer_mut(old.consumer).pending.remove(&entry);
        }
        self.consumer_mut(to.consumer).pending.insert(entry);
    }

    /// One more delivery of a pending entry to the consumer that has it.
    pub fn delivered_again(&mut self, entry: StreamId, now: i64) {
        if let Some(pending) = self.pending.get_mut(&entry) {
            pending.time = now;
            pending.count += 1;
        }
    }

    /// Takes an entry out of the pending lists.
    pub fn release(&mut self, entry: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&entry)?;
        self.consumer_mut(pending.consumer).pending.remove(&entry);
        Some(pending)
    }

    /// Bytes on the heap, about.
    pub fn bytes(&self) -> usize {
        self.pending.len() * PENDING_COST + self.names.len() * CONSUMER_COST + self.name_bytes
    }

    /// Asserts the invariant.
    pub fn check(&self) {
        let mut name_bytes = 0;
        for (name, id) in &self.names {
            assert_eq!(self.consumer(*id).name, name);
            name_bytes += name.len();
        }
        assert_eq!(self.name_bytes, name_bytes);
        assert_eq!(self.consumers.iter().flatten().count(), self.names.len());
        assert_eq!(self.names.len() + self.free.len(), self.consumers.len());
        let listed: usize = self.consumers().map(|consumer| consumer.pending.len()).sum();
        assert_eq!(listed, self.pending.len());
        for (entry, pending) in &self.pending {
            assert!(self.consumer(pending.consumer).pending.contains(entry));
        }
    }
}

/// The groups of a stream.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    map: BTreeMap<Bytes, Group>,
    bytes: usize,
}

impl Groups {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The groups by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.map.iter().map(|(name, group)| (&name[..], group))
    }

    /// The group of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.map.get(name)
    }

    /// The group of this name, to be changed.
    pub fn edit(&mut self, name: &[u8]) -> Option<GroupEdit<'_>> {
        let group = self.map.get_mut(name)?;
        Some(GroupEdit { before: group.bytes(), group, total: &mut self.bytes })
    }

    /// Adds a group; false when the name is taken.
    pub fn create(&mut self, name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> bool {
        if self.map.contains_key(name) {
            return false;
        }
        self.bytes += GROUP_COST + name.len();
        let group = Group { last_id, entries_read, ..Group::default() };
        self.map.insert(Bytes::copy_from_slice(name), group);
        true
    }

    /// Takes a group out, by itself in what is given back; `None` when there is none of this name.
    pub fn destroy(&mut self, name: &[u8]) -> Option<Groups> {
        let (name, group) = self.map.remove_entry(name)?;
        let bytes = GROUP_COST + name.len() + group.bytes();
        self.bytes -= bytes;
        Some(Groups { map: BTreeMap::from([(name, group)]), bytes })
    }

    /// Bytes on the heap, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Asserts every group's invariant, and that the sum is theirs.
    pub fn check(&self) {
        let mut bytes = 0;
        for (name, group) in &self.map {
            group.check();
            bytes += GROUP_COST + name.len() + group.bytes();
        }
        assert_eq!(self.bytes, bytes);
    }
}

/// A group being changed; the bytes of all groups are brought up to date when it ends.
pub struct GroupEdit<'a> {
    group: &'a mut Group,
    total: &'a mut usize,
    before: usize,
}

impl Deref for GroupEdit<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupEdit<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupEdit<'_> {
    fn drop(&mut self) {
        *self.total = *self.total + self.group.bytes() - self.before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(consumer: ConsumerId, count: u64) -> Pending {
        Pending { consumer, time: 5, count }
    }

    #[test]
    fn an_entry_belongs_to_one_consumer() {
        let mut groups = Groups::default();
        assert!(
            groups.create(b"g", StreamId::MIN, None) && !groups.create(b"g", StreamId::MAX, None)
        );
        let mut group = groups.edit(b"g").expect("just made");
        let (a, b) = (group.create(b"a", 1), group.create(b"b", 2));
        let id = StreamId::new(1, 1);
        group.assign(id, pending(a, 1));
        group.assign(StreamId::new(2, 1), pending(a, 1));
        group.assign(id, pending(b, 2));
        group.delivered_again(id, 9);
        assert_eq!(group.pending()[&id], Pending { consumer: b, time: 9, count: 3 });
        assert_eq!(group.consumer(a).pending().len(), 1);
        group.check();
        assert_eq!(group.remove(b"a"), Some(1));
        assert_eq!(group.remove(b"a"), None);
        group.check();
        let c = group.create(b"c", 3);
        assert_eq!(group.consumers().map(|c| c.name()).collect::<Vec<_>>(), [b"b", b"c"]);
        group.assign(StreamId::new(3, 0), pending(c, 1));
        assert_eq!(group.release(id).map(|p| p.consumer), Some(b));
        assert_eq!(group.release(id), None);
        drop(group);
        groups.check();
        groups.destroy(b"g").expect("it is there").check();
        assert!(groups.destroy(b"g").is_none());
        assert_eq!(groups.bytes(), 0);
    }
}
