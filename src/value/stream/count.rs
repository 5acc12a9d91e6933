//! Counting without walking: how many entries were ever added up to an id, and how far a group is
//! behind. Both can be told only while no entry was deleted from the middle.

use super::group::Group;
use super::id::StreamId;
use super::log::Log;
use std::cmp::Ordering;

impl Log {
    /// Whether an entry from `id` on was deleted by XDEL, so that counting on is of no use.
    fn has_holes_from(&self, id: StreamId) -> bool {
        let hole = self.max_deleted_id;
        !self.is_empty() && hole != StreamId::MIN && self.first_id() <= hole && id <= hole
    }

    /// How many entries had ever been added up to `id`, when that can be told.
    pub fn count_up_to(&self, id: StreamId) -> Option<u64> {
        let (added, length) = (self.entries_added, self.len());
        if added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id {
            return Some(added);
        }
        if id >= self.last_id {
            return (id == self.last_id).then_some(added);
        }
        let (first, hole) = (self.first_id(), self.max_deleted_id);
        if hole != StreamId::MIN && hole >= first {
            return None;
        }
        match id.cmp(&first) {
            Ordering::Less => Some(added.wrapping_sub(length)),
            Ordering::Equal => Some(added.wrapping_sub(length).wrapping_add(1)),
            Ordering::Greater => None,
        }
    }

    /// How far a group is behind, in entries, when that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let added = self.entries_added;
        if added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_holes_from(group.last_id) => read,
            _ => self.count_up_to(group.last_id)?,
        };
        Some(added.wrapping_sub(read) as i64)
    }

    /// What a group's count of entries becomes when it is given the entry `id`.
    pub fn count_after_reading(&self, entries_read: Option<u64>, id: StreamId) -> Option<u64> {
        match entries_read {
            Some(read) if !self.has_holes_from(id) => Some(read.wrapping_add(1)),
            _ if self.entries_added > 0 => self.count_up_to(id),
            _ => entries_read,
        }
    }
}
