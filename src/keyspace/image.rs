//! An image of all databases as of one moment, in the RDB format or as commands, made in slices
//! while commands go on.
//!
//! One walk follows the table of each database (see `walk.rs`). Whatever is about to change or go
//! and belongs to a walk that has not come to it yet is written first; that is why every path that
//! changes an entry asks `before_change`. The bytes gather here until somebody takes them; nothing
//! is known of files. Large collections are written in pieces (see `image_long.rs`).

use super::Keyspace;
use super::access::AccessPolicy;
use super::as_commands;
use super::db::Db;
use super::entry::{Entry, View};
use super::image_long::{Found, Long};
use super::saved::{HintKind, record_of};
use crate::rdb::{Hint, Options, Saver, Start};
use std::collections::VecDeque;

const SAFE: &str = "a vector takes everything";

/// Bytes after which a slice ends, however many steps it might still take.
const FULL: usize = 256 * 1024;

/// Collections of so many bytes are written in pieces.
pub(super) const LONG_FROM: usize = 64 * 1024;

/// What an image is written as.
pub enum Form {
    /// A file in the RDB format.
    Rdb(Box<Saver<Vec<u8>>>),
    /// Commands that make the same keys, behind what is there already.
    Commands(Vec<u8>),
}

impl Form {
    /// A file in the RDB format.
    pub fn rdb(options: Options, start: &Start<'_>) -> Form {
        Form::Rdb(Box::new(Saver::new(Vec::new(), options, start).expect(SAFE)))
    }

    /// What is ready.
    fn made(&mut self) -> &mut Vec<u8> {
        match self {
            Form::Rdb(saver) => saver.target(),
            Form::Commands(out) => out,
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Form::Rdb(saver) => saver.finish().expect(SAFE),
            Form::Commands(out) => out,
        }
    }
}

/// An image under way.
pub struct Image {
    pub(super) form: Form,
    /// Walks that have not come to their end.
    walks: Vec<u64>,
    /// The database of the last record.
    selected: Option<u64>,
    /// Keys, and keys with a deadline, of each database, until they were told.
    sizes: Vec<Option<(u64, u64)>>,
    access: AccessPolicy,
    hints: HintKind,
    now: i64,
    pub(super) done: u64,
    total: u64,
    /// Bytes that were taken out.
    taken: u64,
    /// Collections of so many bytes are written in pieces.
    long_from: usize,
    /// Large values that were met and not yet taken up.
    pub(super) found: Vec<Found>,
    /// Large values that are being written, the first one now.
    pub(super) longs: VecDeque<Long>,
    /// The first of them has begun, and its pieces must stand together.
    pub(super) open: bool,
    /// What is to stand behind it.
    pub(super) later: Option<Box<Saver<Vec<u8>>>>,
}

impl Image {
    /// Writes one entry of a database, which has this table, or notes that it is a large one.
    pub(super) fn add(&mut self, table: u64, db: u64, entry: &Entry) {
        match entry.view() {
            View::Boxed(value) if value.is_told_in_pieces(self.long_from) => {
                self.found.push(Found { table, db, key: entry.key().into() });
            }
            _ => self.write(db, entry),
        }
    }

    fn write(&mut self, db: u64, entry: &Entry) {
        if self.open && self.later.is_none() {
            if let Form::Rdb(saver) = &self.form {
                self.later = Some(Box::new(Saver::part(Vec::new(), saver.options())));
            }
        }
        self.select(db);
        let record = record_of(entry, &self.access, self.hints, self.now);
        match (&mut self.later, &mut self.form) {
            (Some(saver), _) => saver.record(&record).expect(SAFE),
            (None, Form::Rdb(saver)) => saver.record(&record).expect(SAFE),
            (None, Form::Commands(out)) => as_commands::entry(out, entry),
        }
        self.done += 1;
    }

    /// What follows belongs to this database.
    pub(super) fn select(&mut self, db: u64) {
        if self.selected == Some(db) {
            return;
        }
        self.selected = Some(db);
        let sizes = self.sizes.get_mut(db as usize).and_then(Option::take);
        match (&mut self.later, &mut self.form) {
            (Some(saver), _) => saver.database(db, sizes).expect(SAFE),
            (None, Form::Rdb(saver)) => saver.database(db, sizes).expect(SAFE),
            (None, Form::Commands(out)) => {
                as_commands::command(out, &[b"SELECT", db.to_string().as_bytes()]);
            }
        }
    }

    /// Bytes that were made elsewhere.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Rdb(saver) => saver.raw(bytes).expect(SAFE),
            Form::Commands(out) => out.extend_from_slice(bytes),
        }
    }

    /// What is saved of the use of a key.
    pub(super) fn hint_of(&self, entry: &Entry) -> Option<Hint> {
        record_of(entry, &self.access, self.hints, self.now).hint
    }

    /// Bytes that wait behind a large value.
    pub(super) fn later_bytes(&self) -> usize {
        self.later.as_ref().map_or(0, |later| later.position() as usize)
    }

    /// Bytes that are ready, or wait behind a large value.
    pub(super) fn made_bytes(&self) -> usize {
        let made = match &self.form {
            Form::Rdb(saver) => saver.position().saturating_sub(self.taken) as usize,
            Form::Commands(out) => out.len(),
        };
        made + self.later_bytes()
    }

    fn waiting(&self) -> usize {
        self.made_bytes() + self.longs.iter().map(Long::bytes).sum::<usize>()
    }

    /// Whether so much is ready that it should be taken before more is made.
    pub(super) fn is_full(&mut self) -> bool {
        self.form.made().len() >= FULL
    }
}

impl Keyspace {
    /// Whether an image can be made in slices now: there is no other one, and walks may last.
    pub fn may_start_image(&self) -> bool {
        self.walks.image.is_none() && self.walks.has_room()
    }

    /// Begins an image; false when it would have to be made at once.
    pub fn start_image(&mut self, form: Form, hints: HintKind, now: i64) -> bool {
        if !self.may_start_image() {
            return false;
        }
        let mut image = self.image(form, hints, now);
        for (number, db) in self.dbs.iter().enumerate() {
            if !db.dict.is_empty() {
                image.walks.push(self.walks.start_image_of(db.table, number as u64, now));
            }
        }
        self.walks.next_epoch();
        self.walks.image = Some(Box::new(image));
        true
    }

    /// An image of what there is, made at once.
    pub fn whole_image(&self, form: Form, hints: HintKind, now: i64) -> Vec<u8> {
        let mut image = self.image(form, hints, now);
        for (number, db) in self.dbs.iter().enumerate() {
            let mut cursor = 0;
            loop {
                cursor =
                    db.dict.scan(cursor, &mut |entry: &Entry| image.write(number as u64, entry));
                if cursor == 0 {
                    break;
                }
            }
        }
        image.form.finish()
    }

    /// An image in which nothing is yet.
    fn image(&self, form: Form, hints: HintKind, now: i64) -> Image {
        let size = |db: &Db| Some((db.dict.len() as u64, db.deadlines.len() as u64));
        Image {
            form,
            walks: Vec::new(),
            selected: None,
            sizes: self.dbs.iter().map(size).collect(),
            access: self.access,
            hints,
            now,
            done: 0,
            taken: 0,
            total: self.dbs.iter().map(|db| db.dict.len() as u64).sum(),
            long_from: self.long_from,
            found: Vec::new(),
            longs: VecDeque::new(),
            open: false,
            later: None,
        }
    }

    /// Goes on with the image until `more` says stop. Gives the bytes that were made, and whether
    /// they are the last ones; the image is over then.
    pub fn step_image(&mut self, more: &mut dyn FnMut() -> bool) -> (Vec<u8>, bool) {
        while self.step_longs(more) {
            let walks = self.walks.image.as_ref().map_or(&[][..], |image| &image.walks);
            let Some(walk) = walks.first().copied() else { break };
            let over = self.step_walk(walk, more).1;
            self.take_up_found();
            // A table that only this walk needs is needed for its large values, too.
            if self.has_longs() {
                if more() { continue } else { break }
            }
            if !over {
                break;
            }
            self.end_walk(walk);
            if let Some(image) = &mut self.walks.image {
                image.walks.retain(|id| *id != walk);
            }
        }
        match self.walks.image.take() {
            Some(image) if image.walks.is_empty() => (image.form.finish(), true),
            Some(mut image) => {
                let bytes = std::mem::take(image.form.made());
                image.taken += bytes.len() as u64;
                self.walks.image = Some(image);
                (bytes, false)
            }
            None => (Vec::new(), true),
        }
    }

    /// Bytes of the image that nobody has taken yet.
    pub fn image_bytes(&self) -> usize {
        self.walks.image.as_ref().map_or(0, |image| image.waiting())
    }

    /// Bytes that were handed over to the image and wait to be taken; it does not count values
    /// that only the image still has.
    pub fn image_backlog(&mut self) -> usize {
        let made = self.walks.image.as_ref().map_or(0, |image| image.made_bytes());
        made + self.kept_bytes()
    }

    /// Gives the image up.
    pub fn end_image(&mut self) {
        let Some(mut image) = self.walks.image.take() else { return };
        self.drop_longs(&mut image);
        for walk in image.walks {
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
        let epoch = entry.epoch();
        self.after_hand_over();
        Some(epoch)
    }

    /// An entry is about to leave its table, to be freed or to go elsewhere.
    #[inline]
    pub(super) fn before_removal(&mut self, db: usize, hash: u64, key: &[u8]) {
        if !self.walks.is_empty() {
            self.hand_over_before_removal(db, hash, key);
        }
    }

    #[cold]
    fn hand_over_before_removal(&mut self, db: usize, hash: u64, key: &[u8]) {
        let target = &self.dbs[db];
        let Some(entry) = target.peek(hash, key) else { return };
        let position = target.dict.position_of(hash);
        self.walks.before_removal(target.table, position, &entry);
        self.after_hand_over();
    }

    fn after_hand_over(&mut self) {
        self.take_up_found();
        self.help_out();
    }
}
