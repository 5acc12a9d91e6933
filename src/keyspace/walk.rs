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
use super::image::Image;
use crate::base::glob;
use crate::ds::dict::Dict;

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

/// A walk that collects the names that match a pattern, or whole entries for an image.
pub struct Walk {
    /// Its handle.
    pub id: u64,
    table: u64,
    epoch: u8,
    cursor: u64,
    finished: bool,
    now: i64,
    pattern: Vec<u8>,
    found: Names,
    /// The number of the database whose entries go to the image.
    image_of: Option<u64>,
}

impl Walk {
    fn belongs(&self, entry: &Entry, position: u64) -> bool {
        !self.finished && position >= self.cursor && not_later(entry.epoch(), self.epoch)
    }

    fn collect(&mut self, entry: &Entry, image: Option<&mut Image>) {
        if let (Some(db), Some(image)) = (self.image_of, image) {
            return image.add(self.table, db, entry);
        }
        let key = entry.key();
        let all = self.pattern == b"*";
        if !entry.expired(self.now) && (all || glob::matches(&self.pattern, key, false)) {
            self.found.push(key);
        }
    }

    /// Visits home buckets of `dict` until `more` says stop; true at the end.
    fn advance(
        &mut self,
        dict: &Dict<Entry>,
        image: &mut Option<Box<Image>>,
        more: &mut dyn FnMut() -> bool,
    ) -> bool {
        while !self.finished {
            let epoch = self.epoch;
            let from = self.cursor;
            let mut batch = std::mem::take(&mut self.found);
            let (pattern, now) = (&self.pattern, self.now);
            let next = dict.scan(from, &mut |e: &Entry| {
                let belongs = not_later(e.epoch(), epoch);
                if let (Some(db), Some(image)) = (self.image_of, image.as_deref_mut()) {
                    if belongs {
                        image.add(self.table, db, e);
                    }
                    return;
                }
                let wanted = belongs && !e.expired(now);
                if wanted && (pattern == b"*" || glob::matches(pattern, e.key(), false)) {
                    batch.push(e.key());
                }
            });
            self.found = batch;
            self.cursor = next;
            self.finished = next == 0;
            fetch_ahead(dict, from, next);
            let full = image.as_deref_mut().is_some_and(|i| self.image_of.is_some() && i.is_full());
            let met = image.as_ref().is_some_and(|i| !i.found.is_empty());
            if !self.finished && (met || full || !more()) {
                return false;
            }
        }
        true
    }
}

/// Asks for the entries of the bucket after the next one, and for buckets behind it: entries lie
/// anywhere in memory, and waiting for each would take longer than all the rest. The width of the
/// bucket that was just visited tells where the others are.
#[inline]
fn fetch_ahead(dict: &Dict<Entry>, from: u64, next: u64) {
    /// Buckets between the one that is visited next and the one that is asked for.
    const BUCKETS: u64 = 4;
    let width = next.wrapping_sub(from);
    dict.prefetch_sample(next.wrapping_add(width.wrapping_mul(BUCKETS)));
    dict.prefetch_sampled(next.wrapping_add(width));
}

/// Whether epoch `a` is not later than `b`, within half the range.
fn not_later(a: u8, b: u8) -> bool {
    (a.wrapping_sub(b) as i8) <= 0
}

/// The walks under way, and the tables that only they still need.
#[derive(Default)]
pub struct Walks {
    walks: Vec<Walk>,
    orphans: Vec<(u64, Contents)>,
    next_id: u64,
    /// The image that some of the walks work for.
    pub(super) image: Option<Box<Image>>,
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
        self.begin(table, pattern, None, now)
    }

    /// Starts a walk that writes the entries of the table into the image.
    pub(super) fn start_image_of(&mut self, table: u64, db: u64, now: i64) -> u64 {
        self.begin(table, Vec::new(), Some(db), now)
    }

    fn begin(&mut self, table: u64, pattern: Vec<u8>, image_of: Option<u64>, now: i64) -> u64 {
        self.next_id += 1;
        self.walks.push(Walk {
            id: self.next_id,
            table,
            epoch: self.epoch,
            cursor: 0,
            finished: false,
            now,
            pattern,
            found: Names::default(),
            image_of,
        });
        self.next_id
    }

    /// Whether a walk may outlive a slice.
    pub(super) fn has_room(&self) -> bool {
        self.epoch.wrapping_sub(self.stamped) < EPOCH_ROOM
    }

    /// What is born or handed over from now on belongs to no walk that has begun.
    pub(super) fn next_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
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
        let image = &mut self.image;
        let orphan = self.orphans.iter().find(|(table, _)| *table == walk.table);
        let dict = match orphan {
            Some((_, contents)) => Some(&contents.dict),
            None => live(walk.table),
        };
        let done = match dict {
            Some(dict) if exhausted && first_slice => walk.advance(dict, image, &mut || true),
            Some(dict) => walk.advance(dict, image, more),
            None => true,
        };
        let found = std::mem::take(&mut walk.found);
        if first_slice && !done && walk.epoch == self.epoch {
            self.next_epoch();
        }
        (found, done)
    }

    /// Ends a walk; returns tables that nobody needs any more.
    pub fn end(&mut self, id: u64) -> Vec<Contents> {
        self.walks.retain(|w| w.id != id);
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
                walk.collect(entry, self.image.as_deref_mut());
            }
        }
    }

    /// An entry is about to be changed where it is: it is handed over, and belongs to nobody then.
    pub(super) fn before_change(&mut self, table: u64, position: u64, entry: &Entry) {
        let mut latest = None;
        for walk in &mut self.walks {
            if walk.table == table && walk.belongs(entry, position) {
                walk.collect(entry, self.image.as_deref_mut());
                latest = Some(walk.epoch == self.epoch).max(latest);
            }
        }
        if latest == Some(true) && self.has_room() {
            self.next_epoch();
        }
        if latest.is_some() {
            entry.set_epoch(self.epoch);
        }
    }

    /// A table that only walks still need.
    pub(super) fn orphan(&mut self, table: u64) -> Option<&mut Dict<Entry>> {
        let orphan = self.orphans.iter_mut().find(|(id, _)| *id == table);
        orphan.map(|(_, contents)| &mut contents.dict)
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
