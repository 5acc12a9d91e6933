//! Collections through the door: taken out of their entry, changed, put back when the guard ends.
//!
//! A small packed collection lives inside its entry; for an edit its bytes are copied into a
//! scratch buffer that is used again, so an edit allocates only when it grows the collection.

use super::Keys;
use crate::base::error::Error;
use crate::keyspace::Keyspace;
use crate::keyspace::entry::{Entry, New, PACKED_MAX, View, view_of};
use crate::value::Collection;
use std::ops::{Deref, DerefMut};

/// Scratch buffers beyond this size are not kept, bytes.
const SCRATCH_MAX: usize = 64 * 1024;

/// A collection taken out of its key. When the guard ends it goes back: the key is created,
/// changed, or removed when the collection became empty; bytes are booked and whoever waits for
/// the key is told.
pub struct Edit<'a, T: Collection> {
    space: &'a mut Keyspace,
    db: usize,
    hash: u64,
    key: &'a [u8],
    now: i64,
    home: Home,
    value: T,
}

/// Where the collection was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// There was none.
    New,
    /// Inside the entry.
    Entry,
    /// In a box of this many bytes.
    Boxed(usize),
}

impl Keys<'_> {
    /// The collection of type `T` at `key`, to be changed; `None` when there is none.
    pub fn edit<'s, T: Collection>(
        &'s mut self,
        key: &'s [u8],
    ) -> Result<Option<Edit<'s, T>>, Error> {
        let edit = self.check_out(key)?;
        Ok((edit.home != Home::New).then_some(edit))
    }

    /// The collection of type `T` at `key`, a new one when there is none. The key comes to be when
    /// the guard ends with something in it.
    pub fn edit_or_new<'s, T: Collection>(
        &'s mut self,
        key: &'s [u8],
    ) -> Result<Edit<'s, T>, Error> {
        self.check_out(key)
    }

    fn check_out<'s, T: Collection>(&'s mut self, key: &'s [u8]) -> Result<Edit<'s, T>, Error> {
        let hash = self.hash(key);
        let absent = self.gone(hash, key);
        self.space.before_change(self.db, hash, key);
        let (db, now, stamp) = (self.db, self.now, self.stamp);
        let space = &mut *self.space;
        let found = if absent { None } else { space.dbs[db].dict.find(hash, key) };
        let Some(entry) = found else {
            let value = T::growing_in(&mut space.scratch);
            return Ok(Edit { space, db, hash, key, now, home: Home::New, value });
        };
        if stamp {
            entry.set_access(space.access.accessed(entry.access(), now, &mut space.rng));
        }
        let scratch = &mut space.scratch;
        let (home, value) = match view_of(&entry) {
            View::Packed(kind, bytes) => {
                let mut buffer = std::mem::take(scratch);
                buffer.clear();
                buffer.extend_from_slice(bytes);
                match T::of_packed(kind, buffer) {
                    Ok(value) => (Home::Entry, value),
                    Err(buffer) => {
                        *scratch = buffer;
                        return Err(Error::WrongType);
                    }
                }
            }
            View::Boxed(_) => {
                let mut slot = space.dbs[db].dict.find_mut(hash, key).expect("just seen");
                let value = slot.boxed_mut().expect("just seen");
                let bytes = value.bytes();
                let taken = std::mem::take(T::of(value).ok_or(Error::WrongType)?);
                (Home::Boxed(bytes), taken)
            }
            View::Int(_) | View::Short(..) => return Err(Error::WrongType),
        };
        Ok(Edit { space, db, hash, key, now, home, value })
    }

    /// Gives `key` this collection, over whatever it held, without a deadline; an empty one deletes
    /// the key. Tells whether there was a key before.
    pub fn store<T: Collection>(&mut self, key: &[u8], value: T) -> bool {
        let hash = self.hash(key);
        let (now, db) = (self.now, self.db);
        let existed = !self.gone(hash, key) && self.space.dbs[db].peek(hash, key).is_some();
        if existed && value.is_empty() {
            self.space.remove(db, hash, key);
        }
        drop(Edit { space: &mut *self.space, db, hash, key, now, home: Home::New, value });
        existed
    }
}

impl<T: Collection> Edit<'_, T> {
    /// Whether the key did not exist.
    pub fn is_new(&self) -> bool {
        self.home == Home::New
    }

    fn put_back(&mut self) {
        let mut value = std::mem::take(&mut self.value);
        if value.is_empty() {
            return self.put_nothing(value);
        }
        let serves = value.serves();
        match self.home {
            Home::New => self.create(value),
            Home::Entry => self.return_to_entry(value),
            Home::Boxed(bytes) => self.return_to_box(value, bytes),
        }
        if serves && self.home != Home::New {
            self.space.ready(self.db, self.key);
        }
    }

    fn put_nothing(&mut self, value: T) {
        match self.home {
            Home::New => return self.keep_scratch(value),
            Home::Entry => self.keep_scratch(value),
            // What an image still wants to know of it goes with it.
            Home::Boxed(bytes) => self.return_to_box(value, bytes),
        }
        self.space.remove(self.db, self.hash, self.key);
    }

    /// Under a new key, or over what another one held: for walks and LFU that is no new key.
    fn create(&mut self, value: T) {
        let space = &mut *self.space;
        let (epoch, stamp) = match space.dbs[self.db].peek(self.hash, self.key) {
            Some(old) => {
                let stamp = space.access.accessed(old.access(), self.now, &mut space.rng);
                (old.epoch(), stamp)
            }
            None => (space.walks.epoch, space.access.born(self.now)),
        };
        let entry = match value.as_packed() {
            Some((kind, bytes)) if bytes.len() <= PACKED_MAX => {
                let entry = Entry::new(self.key, New::Packed(kind, bytes), None, epoch, stamp);
                self.keep_scratch(value);
                entry
            }
            _ => Entry::new(self.key, boxed(value), None, epoch, stamp),
        };
        self.space.place(self.db, self.hash, entry);
    }

    fn return_to_entry(&mut self, value: T) {
        let db = &mut self.space.dbs[self.db];
        match value.as_packed() {
            Some((kind, bytes)) if bytes.len() <= PACKED_MAX => {
                let fits = db.dict.find_mut(self.hash, self.key);
                if !fits.is_some_and(|mut slot| slot.overwrite_packed(kind, bytes)) {
                    let new = New::Packed(kind, bytes);
                    db.change(self.hash, self.key, |entry| entry.with_value(new));
                }
                self.keep_scratch(value);
            }
            _ => {
                db.change(self.hash, self.key, |entry| entry.with_value(boxed(value)));
            }
        }
    }

    fn return_to_box(&mut self, value: T, bytes: usize) {
        let db = &mut self.space.dbs[self.db];
        let mut slot = db.dict.find_mut(self.hash, self.key).expect("nobody else has the keyspace");
        let home = slot.boxed_mut().expect("it was boxed");
        *T::of(home).expect("it was of this type") = value;
        db.bytes = db.bytes + home.bytes() - bytes;
    }

    fn keep_scratch(&mut self, value: T) {
        let buffer = value.into_packed_bytes();
        if buffer.capacity() <= SCRATCH_MAX && buffer.capacity() > self.space.scratch.capacity() {
            self.space.scratch = buffer;
        }
    }
}

fn boxed<'v, T: Collection>(value: T) -> New<'v> {
    New::Boxed(Box::new(value.into_value()))
}

impl<T: Collection> Deref for Edit<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Collection> DerefMut for Edit<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Collection> Drop for Edit<'_, T> {
    fn drop(&mut self) {
        self.put_back();
    }
}
