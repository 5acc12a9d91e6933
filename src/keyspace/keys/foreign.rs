//! Values that leave through the door as bytes, and come in as such.

use super::Keys;
use crate::keyspace::entry::view_of;
use crate::keyspace::saved::{entry_of, source_of};
use crate::rdb::{Hint, payload};
use crate::value::Value;

impl Keys<'_> {
    /// The payload of what a key holds, as a read.
    pub fn dump(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let (stamp, options) = (self.stamp, self.space.saving);
        let entry = self.find_read(key, stamp)?;
        Some(payload::dump(source_of(view_of(&entry)), options))
    }

    /// Makes a key, which does not exist, of a value that came from outside.
    pub fn create(&mut self, key: &[u8], value: Value, deadline: Option<i64>, hint: Option<Hint>) {
        let hash = self.hash(key);
        let access = self.space.access;
        let stamp = access.hinted(hint, self.now).unwrap_or_else(|| access.born(self.now));
        let entry = entry_of(key, value, deadline, self.space.walks.epoch, stamp);
        self.space.place(self.db, hash, entry);
    }
}
