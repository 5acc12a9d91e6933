//! Collections through the door: lent by their key, changed, booked when the guard ends.
//!
//! A large collection is changed in its box. A small packed one lives inside its entry; for an edit
//! its bytes are copied into a scratch buffer that is used again, so an edit allocates only when it
//! grows the collection.
#![allow(unsafe_code)]

use super::{Keys, Seen};
use crate::base::error::Error;
use crate::ds::dict::Place;
use crate::keyspace::Keyspace;
use crate::keyspace::entry::{Entry, New, PACKED_MAX, View, view_of};
use crate::value::{Collection, Value};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Scratch buffers beyond this size are not kept, bytes.
const SCRATCH_MAX: usize = 64 * 1024;

/// A collection lent by its key. When the guard ends, the key is created, changed, or removed when
/// the collection became empty; bytes are booked and whoever waits for the key is told.
pub struct Edit<'a, T: Collection> {
    space: &'a mut Keyspace,
    db: usize,
    hash: u64,
    key: &'a [u8],
    now: i64,
    held: Held<T>,
}

/// The collection, and where it belongs.
enum Held<T> {
    /// A new one; `over` if something that does not count has its name, and gives way.
    New { value: T, over: bool },
    /// A copy of what is packed inside the entry here.
    Packed { value: T, place: Place },
    /// The one in a boxed value, which took so many bytes.
    ///
    /// Invariant: both pointers are good, and the only way to the value, for as long as the guard
    /// has the keyspace and does not ask it for the entry. `value` comes from `whole`.
    Boxed { value: NonNull<T>, whole: NonNull<Value>, bytes: usize },
}

impl Keys<'_> {
    /// The collection of type `T` at `key`, to be changed; `None` when there is none.
    pub fn edit<'s, T: Collection>(
        &'s mut self,
        key: &'s [u8],
    ) -> Result<Option<Edit<'s, T>>, Error> {
        let edit = self.check_out::<T>(key)?;
        Ok((!edit.is_new()).then_some(edit))
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
        let seen = self.see(hash, key);
        self.space.before_change(self.db, hash, key);
        let (db, now, stamp) = (self.db, self.now, self.stamp);
        let space = &mut *self.space;
        let Seen::Live(place) = seen else {
            let over = matches!(seen, Seen::Hidden);
            let held = Held::New { value: T::growing_in(&mut space.scratch), over };
            return Ok(Edit { space, db, hash, key, now, held });
        };
        let entry = space.dbs[db].dict.at(place);
        if stamp {
            entry.set_access(space.access.accessed(entry.access(), now, &mut space.rng));
        }
        let held = match view_of(&entry) {
            View::Packed(kind, bytes) => {
                let mut buffer = std::mem::take(&mut space.scratch);
                buffer.clear();
                buffer.extend_from_slice(bytes);
                match T::of_packed(kind, buffer) {
                    Ok(value) => Held::Packed { value, place },
                    Err(buffer) => {
                        space.scratch = buffer;
                        return Err(Error::WrongType);
                    }
                }
            }
            View::Boxed(value) => {
                let bytes = value.bytes();
                let mut whole = entry.boxed_at().expect("just seen");
                // SAFETY: the entry owns the box, the keyspace is borrowed mutably, and what `view`
                // borrowed of it is not used any more.
                let value = T::of(unsafe { whole.as_mut() }).ok_or(Error::WrongType)?;
                Held::Boxed { value: NonNull::from(value), whole, bytes }
            }
            View::Int(_) | View::Short(..) => return Err(Error::WrongType),
        };
        Ok(Edit { space, db, hash, key, now, held })
    }

    /// Gives `key` this collection, over whatever it held, without a deadline; an empty one deletes
    /// the key. Tells whether there was a key before.
    pub fn store<T: Collection>(&mut self, key: &[u8], value: T) -> bool {
        let hash = self.hash(key);
        let (now, db) = (self.now, self.db);
        let seen = self.see(hash, key);
        let existed = matches!(seen, Seen::Live(_));
        if existed && value.is_empty() {
            self.space.remove(db, hash, key);
        }
        let held = Held::New { value, over: !matches!(seen, Seen::Absent) };
        drop(Edit { space: &mut *self.space, db, hash, key, now, held });
        existed
    }
}

impl<T: Collection> Edit<'_, T> {
    /// Whether the key did not exist.
    pub fn is_new(&self) -> bool {
        matches!(self.held, Held::New { .. })
    }

    fn put_back(&mut self) {
        if self.is_empty() {
            return self.put_nothing();
        }
        let serves = self.serves();
        match &mut self.held {
            Held::New { value, over } => {
                let (value, over) = (std::mem::take(value), *over);
                return self.create(value, over);
            }
            Held::Packed { value, place } => {
                let (value, place) = (std::mem::take(value), *place);
                self.return_to_entry(place, value);
            }
            Held::Boxed { .. } => self.book_box(),
        }
        if serves {
            self.space.ready(self.db, self.key);
        }
    }

    fn put_nothing(&mut self) {
        match &mut self.held {
            Held::New { value, .. } => {
                let value = std::mem::take(value);
                return self.keep_scratch(value);
            }
            Held::Packed { value, .. } => {
                let value = std::mem::take(value);
                self.keep_scratch(value);
            }
            // What an image still wants to know of it goes with it.
            Held::Boxed { .. } => self.book_box(),
        }
        self.space.remove(self.db, self.hash, self.key);
    }

    /// What a boxed value takes after the edit is what its database holds.
    fn book_box(&mut self) {
        let Held::Boxed { whole, bytes, .. } = &self.held else { return };
        // SAFETY: the pointer is good as the invariant says, and `value` is not used again.
        let after = unsafe { whole.as_ref() }.bytes();
        let db = &mut self.space.dbs[self.db];
        db.bytes = db.bytes + after - *bytes;
    }

    /// Under a new key, or over what another one held: for walks and LFU that is no new key.
    fn create(&mut self, value: T, over: bool) {
        let space = &mut *self.space;
        let old = match over {
            true => space.dbs[self.db].peek(self.hash, self.key),
            false => None,
        };
        let (epoch, stamp) = match old {
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
        match over {
            true => self.space.place(self.db, self.hash, entry),
            false => self.space.place_new(self.db, self.hash, entry),
        }
    }

    fn return_to_entry(&mut self, place: Place, value: T) {
        let db = &mut self.space.dbs[self.db];
        match value.as_packed() {
            Some((kind, bytes)) if bytes.len() <= PACKED_MAX => {
                if !db.dict.at_mut(place, self.hash).overwrite_packed(kind, bytes) {
                    let new = New::Packed(kind, bytes);
                    db.change_at(place, self.hash, |entry| entry.with_value(new));
                }
                self.keep_scratch(value);
            }
            _ => {
                db.change_at(place, self.hash, |entry| entry.with_value(boxed(value)));
            }
        }
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
        match &self.held {
            Held::New { value, .. } | Held::Packed { value, .. } => value,
            // SAFETY: the pointer is good and the only way, as the invariant says.
            Held::Boxed { value, .. } => unsafe { value.as_ref() },
        }
    }
}

impl<T: Collection> DerefMut for Edit<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.held {
            Held::New { value, .. } | Held::Packed { value, .. } => value,
            // SAFETY: the pointer is good and the only way, as the invariant says.
            Held::Boxed { value, .. } => unsafe { value.as_mut() },
        }
    }
}

impl<T: Collection> Drop for Edit<'_, T> {
    fn drop(&mut self) {
        self.put_back();
    }
}
