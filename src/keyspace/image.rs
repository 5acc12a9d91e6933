//! An image of all databases as of one moment, in the RDB format, made in slices while commands
//! go on.
//!
//! One walk follows the table of each database (see `walk.rs`). Whatever is about to change or go
//! and belongs to a walk that has not come to it yet is written first; that is why every path that
//! changes an entry asks `before_change`. The bytes gather here until somebody takes them; nothing
//! is known of files.

use super::Keyspace;
use super::access::AccessPolicy;
use super::entry::Entry;
use super::saved::{HintKind, record_of};
use crate::ds::dict::Thin;
use crate::rdb::{Options, Saver, Start};

const SAFE: &str = "a vector takes everything";

/// An image under way.
pub struct Image {
    saver: Saver<Vec<u8>>,
    /// Walks that have not come to their end.
    walks: Vec<u64>,
    /// The database of the last record.
    selected: Option<u64>,
    /// Keys, and keys with a deadline, of each database, until they were told.
    sizes: Vec<Option<(u64, u64)>>,
    access: AccessPolicy,
    hints: HintKind,
    now: i64,
    done: u64,
    total: u64,
}

impl Image {
    /// Writes one entry of a database.
    pub(super) fn add(&mut self, db: u64, entry: &Entry) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            let sizes = self.sizes.get_mut(db as usize).and_then(Option::take);
            self.saver.database(db, sizes).expect(SAFE);
        }
        let record = record_of(entry, &self.access, self.hints, self.now);
        self.saver.record(&record).expect(SAFE);
        self.done += 1;
    }
}

impl Keyspace {
    /// Begins an image; false when it would have to be made at once.
    pub fn start_image(
        &mut self,
        options: Options,
        start: &Start<'_>,
        hints: HintKind,
        now: i64,
    ) -> bool {
        if self.walks.image.is_some() || !self.walks.has_room() {
            return false;
        }
        let mut walks = Vec::new();
        let mut sizes = Vec::new();
        let mut total = 0;
        for (number, db) in self.dbs.iter().enumerate() {
            sizes.push(Some((db.dict.len() as u64, db.deadlines.len() as u64)));
            if !db.dict.is_empty() {
                total += db.dict.len() as u64;
                walks.push(self.walks.start_image_of(db.table, number as u64, now));
            }
        }
        self.walks.next_epoch();
        let saver = Saver::new(Vec::new(), options, start).expect(SAFE);
        let access = self.access;
        let image =
            Image { saver, walks, selected: None, sizes, access, hints, now, done: 0, total };
        self.walks.image = Some(Box::new(image));
        true
    }

    /// Goes on with the image until `more` says stop. Gives the bytes that were made, and whether
    /// they are the last ones; the image is over then.
    pub fn step_image(&mut self, more: &mut dyn FnMut() -> bool) -> (Vec<u8>, bool) {
        while let Some(walk) = self.walks.image.as_ref().and_then(|image| image.walks.first()) {
            let walk = *walk;
            if !self.step_walk(walk, more).1 {
                break;
            }
            self.end_walk(walk);
            if let Some(image) = &mut self.walks.image {
                image.walks.retain(|id| *id != walk);
            }
        }
        match self.walks.image.take() {
            Some(image) if image.walks.is_empty() => (image.saver.finish().expect(SAFE), true),
            Some(mut image) => {
                let bytes = std::mem::take(image.saver.target());
                self.walks.image = Some(image);
                (bytes, false)
            }
            None => (Vec::new(), true),
        }
    }

    /// Gives the image up.
    pub fn end_image(&mut self) {
        for walk in self.walks.image.take().map(|image| image.walks).unwrap_or_default() {
            self.end_walk(walk);
        }
    }

    /// Keys written so far, and keys in all.
    pub fn image_progress(&self) -> Option<(u64, u64)> {
        self.walks.image.as_ref().map(|image| (image.done, image.total))
    }

    /// A key is about to be changed in place or overwritten.
    #[inline]
    pub(super) fn before_change(&mut self, db: usize, hash: u64, key: &[u8]) {
        if self.walks.image.is_some() {
            self.hand_over_before_change(db, hash, key);
        }
    }

    /// An entry is about to take the place of what has its key, if anything does; walks treat it
    /// as they would the old one from now on.
    #[inline]
    pub(super) fn before_overwrite(&mut self, db: usize, hash: u64, entry: &Entry) {
        if self.walks.image.is_some() {
            if let Some(epoch) = self.hand_over_before_change(db, hash, entry.key()) {
                entry.set_epoch(epoch);
            }
        }
    }

    /// Gives the epoch of the entry.
    #[cold]
    fn hand_over_before_change(&mut self, db: usize, hash: u64, key: &[u8]) -> Option<u8> {
        let target = &self.dbs[db];
        let entry = target.peek(hash, key)?;
        let position = target.dict.position_of(hash);
        self.walks.before_change(target.table, position, &entry);
        Some(entry.epoch())
    }
}
