//! Walks: a look at a whole database as of one moment, taken in slices while others change it.
//!
//! *Visited* is a function of position in hash order; *born or imaged* is the entry's epoch. An
//! entry belongs to a walk iff its epoch is not later than the walk's and its position has not been
//! visited. Whoever is about to remove such an entry hands it over first. A walk follows a table,
//! not a database number: FLUSH gives it the whole old table, SWAPDB takes nothing from it.
//!
//! The epoch is one byte and is compared within half its range, so it may not run away from the
//! oldest stamp in a table: it moves only when a walk outlives its first slice, and `Keyspace`
//! stamps all entries anew before it comes round.

use super::db::Contents;
use super::entry::Entry;
use super::images::Images;
use crate::base::glob;
use crate::ds::dict::{Dict, Thin};

/// Names a walk found, back to back.
#[derive(Debug, Default)]
pub struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, to)| &self.bytes[from..*to])
    }
}

/// What a walk collects.
enum Wanted {
    /// Names that match a pattern, of keys that are not past their deadline.
    Names { pattern: Vec<u8>, found: Names },
    /// Whole entries, into a collection that several walks share.
    Images { into: u64, db: usize },
}

/// A walk over one table.
pub struct Walk {
    /// Its handle.
    pub id: u64,
    table: u64,
    epoch: u8,
    cursor: u64,
    finished: bool,
    now: i64,
    wanted: Wanted,
}

/// Collections of images, by their handle.
type Collections = Vec<(u64, Images)>;

fn collection(all: &mut Collections, id: u64) -> Option<&mut Images> {
    all.iter_mut().find(|(known, _)| *known == id).map(|(_, images)| images)
}

impl Walk {
    fn belongs(&self, entry: &Entry, position: u64) -> bool {
        !self.finished && position >= self.cursor && not_later(entry.epoch(), self.epoch)
    }

    fn collect(&mut self, entry: &Entry, collections: &mut Collections) {
        match &mut self.wanted {
            Wanted::Names { pattern, found } => {
                let key = entry.key();
                let all = pattern == b"*";
                if !entry.expired(self.now) && (all || glob::matches(pattern, key, false)) {
                    found.push(key);
                }
            }
            Wanted::Images { into, db } => {
                if let Some(images) = collection(collections, *into) {
                    images.take(*db, entry);
                }
            }
        }
    }

    /// Visits home buckets of `dict` until `more` says stop; true at the end.
    fn advance(
        &mut self,
        dict: &Dict<Entry>,
        collections: &mut Collections,
        more: &mut dyn FnMut() -> bool,
    ) -> bool {
        while !self.finished {
            let (epoch, from) = (self.epoch, self.cursor);
            let next = dict.scan(from, &mut |entry: &Entry| {
                if not_later(entry.epoch(), epoch) {
                    self.collect(entry, collections);
                }
            });
            self.cursor = next;
            self.finished = next == 0;
            if !self.finished && (self.is_full(collections) || !more()) {
                return false;
            }
        }
        true
    }

    fn is_full(&self, collections: &mut Collections) -> bool {
        match &self.wanted {
            Wanted::Names { .. } => false,
            Wanted::Images { into, .. } => {
                collection(collections, *into).is_some_and(Images::is_full)
            }
        }
    }
}

/// Whether epoch `a` is not later than `b`, within half the range.
fn not_later(a: u8, b: u8) -> bool {
    (a.wrapping_sub(b) as i8) <= 0
}

/// The walks under way, and the tables that only they still need.
#[derive(Default)]
pub struct Walks {
    walks: Vec<Walk>,
    collections: Collections,
    orphans: Vec<(u64, Contents)>,
    next_id: u64,
    /// The epoch new entries are born in.
    pub epoch: u8,
    stamped: u8,
}

/// How far the epoch may run ahead of the oldest stamp before walks stop outliving a slice.
const EPOCH_ROOM: u8 = 120;
/// How far it may run before all entries are stamped anew.
const EPOCH_RESTAMP: u8 = 60;

impl Walks {
    /// Whether nobody walks.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.walks.is_empty()
    }

    /// Starts a walk over the table.
    pub fn start(&mut self, table: u64, pattern: Vec<u8>, now: i64) -> u64 {
        self.next_id += 1;
        self.walks.push(Walk {
            id: self.next_id,
            table,
            epoch: self.epoch,
            cursor: 0,
            finished: false,
            now,
            wanted: Wanted::Names { pattern, found: Names::default() },
        });
        self.next_id
    }

    /// Whether a walk that lasts may begin; if not, it has to come to its end at once.
    pub fn may_last(&self) -> bool {
        self.epoch.wrapping_sub(self.stamped) < EPOCH_ROOM
    }

    /// Starts walks over tables, each with its database's number, that collect all entries as they
    /// are at this moment; gives the handle of the collection. Unless they `may_last` the caller
    /// has to come to their end before anything changes.
    pub fn start_images(&mut self, tables: &[(usize, u64)], images: Images) -> u64 {
        self.next_id += 1;
        let into = self.next_id;
        self.collections.push((into, images));
        for (db, table) in tables {
            self.next_id += 1;
            self.walks.push(Walk {
                id: self.next_id,
                table: *table,
                epoch: self.epoch,
                cursor: 0,
                finished: false,
                now: 0,
                wanted: Wanted::Images { into, db: *db },
            });
        }
        if self.may_last() {
            self.epoch = self.epoch.wrapping_add(1);
        }
        into
    }

    /// The collection of images with this handle.
    pub fn images(&mut self, id: u64) -> Option<&mut Images> {
        collection(&mut self.collections, id)
    }

    /// The first walk for a collection that is not at its end.
    pub fn unfinished(&self, images: u64) -> Option<u64> {
        let of = |walk: &&Walk| {
            matches!(walk.wanted, Wanted::Images { into, .. } if into == images) && !walk.finished
        };
        self.walks.iter().find(of).map(|walk| walk.id)
    }

    /// Ends all walks for a collection, finished or not; gives the collection and tables that
    /// nobody needs any more.
    pub fn end_images(&mut self, images: u64) -> (Option<Images>, Vec<Contents>) {
        let place = self.collections.iter().position(|(id, _)| *id == images);
        let collected = place.map(|at| self.collections.swap_remove(at).1);
        let into_it =
            |walk: &Walk| matches!(walk.wanted, Wanted::Images { into, .. } if into == images);
        self.walks.retain(|walk| !into_it(walk));
        (collected, self.drop_orphans())
    }

    /// Goes on with a walk; `live` finds the table it follows among the databases. Returns what
    /// was found since the last call and whether that was all.
    pub fn step<'d>(
        &mut self,
        id: u64,
        live: impl FnOnce(u64) -> Option<&'d Dict<Entry>>,
        more: &mut dyn FnMut() -> bool,
    ) -> (Names, bool) {
        let Some(i) = self.walks.iter().position(|w| w.id == id) else {
            return (Names::default(), true);
        };
        let walk = &mut self.walks[i];
        let first_slice = walk.cursor == 0;
        let exhausted = self.epoch.wrapping_sub(self.stamped) >= EPOCH_ROOM;
        let orphan = self.orphans.iter().find(|(table, _)| *table == walk.table);
        let dict = match orphan {
            Some((_, contents)) => Some(&contents.dict),
            None => live(walk.table),
        };
        let done = match dict {
            Some(dict) if exhausted && first_slice => {
                walk.advance(dict, &mut self.collections, &mut || true)
            }
            Some(dict) => walk.advance(dict, &mut self.collections, more),
            None => true,
        };
        walk.finished = done;
        let found = match &mut walk.wanted {
            Wanted::Names { found, .. } => std::mem::take(found),
            Wanted::Images { .. } => Names::default(),
        };
        if first_slice && !done && !exhausted && walk.epoch == self.epoch {
            self.epoch = self.epoch.wrapping_add(1);
        }
        (found, done)
    }

    /// Ends a walk; returns tables that nobody needs any more.
    pub fn end(&mut self, id: u64) -> Vec<Contents> {
        self.walks.retain(|w| w.id != id);
        self.drop_orphans()
    }

    fn drop_orphans(&mut self) -> Vec<Contents> {
        let walks = &self.walks;
        let (keep, free): (Vec<_>, Vec<_>) = std::mem::take(&mut self.orphans)
            .into_iter()
            .partition(|(table, _)| walks.iter().any(|w| w.table == *table));
        self.orphans = keep;
        free.into_iter().map(|(_, contents)| contents).collect()
    }

    /// An entry is about to leave its table.
    #[inline]
    pub fn before_removal(&mut self, table: u64, position: u64, entry: &Entry) {
        for walk in &mut self.walks {
            if walk.table == table && walk.belongs(entry, position) {
                walk.collect(entry, &mut self.collections);
            }
        }
    }

    /// An entry is about to change where it is: walks get it as it is, and it is theirs no more.
    pub fn before_change(&mut self, table: u64, position: u64, entry: &Entry) {
        self.before_removal(table, position, entry);
        entry.set_epoch(self.epoch);
    }

    /// A whole table left its database: it is kept for the walks that follow it, or handed back.
    pub fn adopt(&mut self, table: u64, contents: Contents) -> Option<Contents> {
        if self.walks.iter().any(|w| w.table == table && !w.finished) {
            self.orphans.push((table, contents));
            return None;
        }
        Some(contents)
    }

    /// Whether all entries should be stamped anew now; only while nobody walks.
    pub fn wants_restamp(&self) -> bool {
        self.walks.is_empty() && self.epoch.wrapping_sub(self.stamped) >= EPOCH_RESTAMP
    }

    /// All entries carry an epoch of at least `epoch`.
    pub fn restamped(&mut self, epoch: u8) {
        self.stamped = epoch;
    }
}
