//! Large collections in an image: each is written in pieces, while commands go on changing it.
//!
//! A value that is taken up keeps what is about to change by itself (`value/capture.rs`), so all
//! that is to be known here is where it is: under its key, in a table that only walks still need,
//! or here, when its key went. In the RDB format the pieces of a value must stand together; what is
//! handed over meanwhile waits behind it, and who hands much over goes on with the value for as
//! long as it takes to keep that bounded.

use super::Keyspace;
use super::as_commands::{self, Gathering};
use super::db::Db;
use super::entry::Entry;
use super::image::{Form, Image};
use super::lease::Leases;
use super::walk::Walks;
use crate::rdb::{Writer, begin_value, end_value, save_properties};
use crate::value::Value;
use crate::value::capture::Piece;

const SAFE: &str = "a vector takes everything";
const KNOWN: &str = "whoever moves a value under copy tells of it";

/// What one node of a list or a stream counts beside single elements.
const NODE_UNITS: usize = 128;
/// Units that count as one step of a slice.
const STEP_UNITS: usize = 16;
/// Bytes that may wait behind a value before those who hand them over help with it.
const LATER_FREE: usize = 256 * 1024;
/// Steps that whoever hands something over then goes on with it.
const HELP_STEPS: usize = 10;

/// A value that was met, and is to be taken up before anything changes.
pub(super) struct Found {
    pub(super) table: u64,
    pub(super) db: u64,
    pub(super) key: Box<[u8]>,
}

/// A value that is being written, or waits for that.
pub(super) struct Long {
    db: u64,
    /// Its key at the moment of the image.
    name: Box<[u8]>,
    home: Home,
    /// What stands before and behind its pieces.
    head: Vec<u8>,
    tail: Vec<u8>,
    begun: bool,
    gathering: Gathering,
}

/// Where a value is.
enum Home {
    /// Under a key.
    Table { table: u64, hash: u64, key: Box<[u8]> },
    /// Under a lease, its key went.
    Lease { table: u64, key: Box<[u8]> },
    /// Nobody else has it.
    Here(Entry),
}

impl Home {
    fn is(&self, of_table: u64, of_key: &[u8]) -> bool {
        let Home::Table { table, key, .. } = self else { return false };
        *table == of_table && **key == *of_key
    }

    fn is_leased(&self, of_table: u64, of_key: &[u8]) -> bool {
        let Home::Lease { table, key } = self else { return false };
        *table == of_table && **key == *of_key
    }
}

impl Long {
    /// Bytes that are only kept for it.
    pub(super) fn bytes(&self) -> usize {
        let entry = match &self.home {
            Home::Here(entry) => entry.bytes(),
            Home::Table { .. } | Home::Lease { .. } => 0,
        };
        self.head.len() + self.tail.len() + entry
    }
}

/// Runs `f` over a value, wherever it is.
fn at_home<R>(
    (dbs, walks, leases): (&mut [Db], &mut Walks, &mut Leases),
    home: &mut Home,
    f: impl FnOnce(&mut Value) -> R,
) -> R {
    let (table, hash, key) = match home {
        Home::Here(entry) => return f(entry.boxed_mut().expect(KNOWN)),
        Home::Lease { table, key } => return f(leases.captured(*table, key).expect(KNOWN)),
        Home::Table { table, hash, key } => (*table, *hash, key),
    };
    let dict = match dbs.iter_mut().find(|db| db.table == table) {
        Some(db) => &mut db.dict,
        None => walks.orphan(table).expect(KNOWN),
    };
    let mut slot = dict.find_mut(hash, key).expect(KNOWN);
    f(slot.boxed_mut().expect(KNOWN))
}

impl Image {
    /// A value that was just met; its entry is as it was at the moment of the image.
    fn take_up(&self, found: Found, hash: u64, entry: &mut Entry) -> Long {
        let value = entry.boxed_mut().expect(KNOWN);
        value.begin_capture();
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        match &self.form {
            Form::Commands(_) => as_commands::end(&mut tail, entry),
            Form::Rdb(saver) => {
                let part = || Writer::unsummed(Vec::new(), saver.options());
                let (deadline, hint) = (entry.deadline(), self.hint_of(entry));
                let value = entry.boxed_mut().expect(KNOWN);
                let mut out = part();
                save_properties(&mut out, deadline, hint).expect(SAFE);
                begin_value(&mut out, &found.key, value).expect(SAFE);
                head = out.finish().expect(SAFE);
                let mut out = part();
                end_value(&mut out, value).expect(SAFE);
                tail = out.finish().expect(SAFE);
            }
        }
        let home = Home::Table { table: found.table, hash, key: found.key.clone() };
        let gathering = Gathering::default();
        Long { db: found.db, name: found.key, home, head, tail, begun: false, gathering }
    }

    /// Writes a piece and tells how much that was.
    fn piece(&mut self, long: &mut Long, piece: Piece<'_>) -> usize {
        let units = match piece {
            Piece::Node(_) | Piece::Entries(..) => NODE_UNITS,
            _ => 1,
        };
        match &mut self.form {
            Form::Rdb(saver) => saver.piece(piece).expect(SAFE),
            Form::Commands(out) => long.gathering.piece(out, &long.name, piece),
        }
        units
    }

    fn begin(&mut self, long: &mut Long) {
        // Commands of other keys may have come between.
        self.select(long.db);
        if !long.begun {
            long.begun = true;
            self.raw(&std::mem::take(&mut long.head));
            self.open = matches!(self.form, Form::Rdb(_));
        }
    }

    fn end(&mut self, long: &mut Long) {
        if let Form::Commands(out) = &mut self.form {
            long.gathering.flush(out, &long.name);
        }
        self.raw(&long.tail);
        self.open = false;
        if let Some(later) = self.later.take() {
            self.raw(&later.end_part().expect(SAFE));
        }
        self.done += 1;
    }
}

impl Keyspace {
    /// Takes up the large values that were just met.
    #[inline]
    pub(super) fn take_up_found(&mut self) {
        if self.walks.image.as_ref().is_some_and(|image| !image.found.is_empty()) {
            self.take_up();
        }
    }

    #[cold]
    fn take_up(&mut self) {
        let Some(mut image) = self.walks.image.take() else { return };
        for found in std::mem::take(&mut image.found) {
            let dict = match self.dbs.iter_mut().find(|db| db.table == found.table) {
                Some(db) => &mut db.dict,
                None => self.walks.orphan(found.table).expect(KNOWN),
            };
            let hash = dict.hash(&found.key);
            let mut slot = dict.find_mut(hash, &found.key).expect("it was just met");
            let long = image.take_up(found, hash, &mut slot);
            image.longs.push_back(long);
        }
        self.walks.image = Some(image);
    }

    /// Whether large values wait to be written.
    pub(super) fn has_longs(&self) -> bool {
        self.walks.image.as_ref().is_some_and(|image| !image.longs.is_empty())
    }

    /// Goes on with the large values until `more` says stop; true when none is left.
    pub(super) fn step_longs(&mut self, more: &mut dyn FnMut() -> bool) -> bool {
        let Some(mut image) = self.walks.image.take() else { return true };
        let mut going = true;
        while let Some(mut long) = image.longs.pop_front() {
            image.begin(&mut long);
            let (mut done, mut kept) = (false, Home::Table { table: 0, hash: 0, key: [].into() });
            std::mem::swap(&mut kept, &mut long.home);
            let places = (&mut self.dbs[..], &mut self.walks, &mut self.leases);
            at_home(places, &mut kept, |value| {
                while !done && going {
                    let mut units = 0;
                    done = value.tell(&mut |piece| units += image.piece(&mut long, piece));
                    going = !image.is_full() && (0..=units / STEP_UNITS).all(|_| more());
                }
                if done {
                    value.end_capture();
                }
            });
            long.home = kept;
            if !done {
                image.longs.push_front(long);
                break;
            }
            image.end(&mut long);
            if let Home::Here(entry) = long.home {
                self.free(entry);
            }
        }
        let none = image.longs.is_empty();
        self.walks.image = Some(image);
        none
    }

    /// Bytes that large values keep for the image.
    pub(super) fn kept_bytes(&mut self) -> usize {
        let Some(mut image) = self.walks.image.take() else { return 0 };
        let places = |space: &mut Keyspace, home: &mut Home| {
            let places = (&mut space.dbs[..], &mut space.walks, &mut space.leases);
            at_home(places, home, |value| value.kept_bytes())
        };
        let kept = image.longs.iter_mut().map(|long| places(self, &mut long.home)).sum();
        self.walks.image = Some(image);
        kept
    }

    /// Something was handed over: when much waits behind a large value, that goes on.
    #[inline]
    pub(super) fn help_out(&mut self) {
        if self.walks.image.as_ref().is_some_and(|image| image.later_bytes() > LATER_FREE) {
            let mut left = HELP_STEPS;
            self.step_longs(&mut || {
                left = left.saturating_sub(1);
                left > 0
            });
        }
    }

    /// An entry left its table, or a lease: a large value that is being written stays until it was.
    pub(super) fn keep_long(
        &mut self,
        table: u64,
        mut entry: Entry,
        leased: bool,
    ) -> Option<Entry> {
        let Some(image) = &mut self.walks.image else { return Some(entry) };
        if !entry.boxed_mut().is_some_and(|value| value.is_captured()) {
            return Some(entry);
        }
        let place = if leased { Home::is_leased } else { Home::is };
        match image.longs.iter_mut().find(|long| place(&long.home, table, entry.key())) {
            Some(long) => {
                long.home = Home::Here(entry);
                None
            }
            None => Some(entry),
        }
    }

    /// An entry is about to go from its table to a lease.
    pub(super) fn long_leased(&mut self, table: u64, key: &[u8]) {
        let Some(image) = &mut self.walks.image else { return };
        if let Some(long) = image.longs.iter_mut().find(|long| long.home.is(table, key)) {
            long.home = Home::Lease { table, key: key.into() };
        }
    }

    /// A key got another name, or went to another database, with its value.
    pub(super) fn long_moved(&mut self, from: (u64, &[u8]), to_db: usize, to: &[u8]) {
        let (table, hash) = (self.dbs[to_db].table, self.dbs[to_db].dict.hash(to));
        let Some(image) = &mut self.walks.image else { return };
        if let Some(long) = image.longs.iter_mut().find(|long| long.home.is(from.0, from.1)) {
            long.home = Home::Table { table, hash, key: to.into() };
        }
    }

    /// Writes the value of a key now, if it is a large one that was taken up.
    pub(super) fn finish_long(&mut self, db: usize, key: &[u8]) {
        let table = self.dbs[db].table;
        let is_long = |image: &Image| image.longs.iter().any(|long| long.home.is(table, key));
        if self.walks.image.as_deref().is_some_and(is_long) {
            self.finish_longs();
        }
    }

    /// Writes all large values that were taken up.
    fn finish_longs(&mut self) {
        while !self.step_longs(&mut || true) {
            // A full image is no reason to stop.
        }
    }

    /// A whole table is about to go: what is being written is taken out of it.
    pub(super) fn keep_longs_of(&mut self, db: usize) {
        let Some(mut image) = self.walks.image.take() else { return };
        for long in &mut image.longs {
            let Home::Table { table, hash, key } = &long.home else { continue };
            let target = &mut self.dbs[db];
            if *table != target.table {
                continue;
            }
            if self.leases.holds(*table, *hash, key) {
                long.home = Home::Lease { table: *table, key: key.clone() };
                continue;
            }
            if let Some(entry) = target.peek(*hash, key) {
                let position = target.dict.position_of(*hash);
                self.walks.before_removal(*table, position, &entry);
            }
            let entry = target.take(*hash, key).expect(KNOWN);
            long.home = Home::Here(entry);
        }
        self.walks.image = Some(image);
    }

    /// The image is given up: nothing is kept for it any more.
    pub(super) fn drop_longs(&mut self, image: &mut Image) {
        for mut long in std::mem::take(&mut image.longs) {
            match long.home {
                Home::Here(entry) => self.free(entry),
                Home::Table { .. } | Home::Lease { .. } => {
                    let places = (&mut self.dbs[..], &mut self.walks, &mut self.leases);
                    at_home(places, &mut long.home, Value::end_capture);
                }
            }
        }
    }
}
