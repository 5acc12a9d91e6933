//! Strings through the door: created, overwritten in place where they fit, edited.

use super::{Keys, Seen, ValueType};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::ds::dict::Place;
use crate::keyspace::Keyspace;
use crate::keyspace::entry::{Entry, New, SHORT_MAX, View};
use crate::value::Value;
use crate::value::string::{BigStr, EMBSTR_MAX, SHARED_MIN, Str, StrRef};
use bytes::Bytes;

impl ValueType for Str {
    type Ref<'a> = StrRef<'a>;

    #[inline]
    fn view(view: View<'_>) -> Result<StrRef<'_>, Error> {
        match view {
            View::Int(n) => Ok(StrRef::Int(n)),
            View::Short(bytes, _) => Ok(StrRef::Bytes(bytes)),
            View::Boxed(value) => value.as_string(),
            View::Packed(..) => Err(Error::WrongType),
        }
    }
}

/// A deadline that lies further back than this, milliseconds, was never meant to come.
const LONG_PAST_MS: i64 = 1000;
/// A key that is written with such a deadline is left to whoever asks for it for so long,
/// milliseconds: its writer mostly looks at it next, and Redis would still have it.
const REST_MS: i64 = 25;

/// Strings of up to this size, bytes, stay inside their entry also when they were made to be
/// changed: most of them never grow.
const RAW_INSIDE_MAX: usize = 512;

/// A string to be stored.
pub enum NewStr<'v> {
    /// These bytes, in the encoding Redis would choose.
    Bytes(&'v [u8]),
    /// These bytes as text, also when they read as an integer.
    Text(&'v [u8]),
    /// An integer.
    Int(i64),
    /// A large buffer, adopted as it is.
    Taken(Bytes),
    /// Bytes that keep the encoding `raw`.
    Raw(Vec<u8>),
}

/// What came of changing a string where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched<R> {
    /// It was changed.
    Done(R),
    /// The key has something else, which was left as it is.
    Other,
    /// There is no such key.
    Absent,
}

/// What becomes of the deadline of an overwritten key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// It goes.
    Clear,
    /// It stays.
    Keep,
    /// It becomes this one, milliseconds since 1970.
    At(i64),
}

impl Keys<'_> {
    /// Creates or overwrites a key, whatever it held, by a string.
    pub fn set_string(&mut self, key: &[u8], value: NewStr<'_>, ttl: Ttl) {
        let hash = self.hash(key);
        let seen = self.see(hash, key);
        self.space.before_change(self.db, hash, key);
        let place = seen.place();
        if place.is_some_and(|place| self.overwrite_in_place(place, hash, &value, ttl)) {
            return;
        }
        let space = &mut *self.space;
        let target = &mut space.dbs[self.db];
        let old = match seen {
            Seen::Absent => None,
            _ => target.peek(hash, key),
        };
        let (deadline, epoch, stamp) = match old {
            Some(old) => {
                let stamp = space.access.accessed(old.access(), self.now, &mut space.rng);
                (old.deadline(), old.epoch(), stamp)
            }
            None => (None, space.walks.epoch, space.access.born(self.now)),
        };
        let deadline = match ttl {
            Ttl::Clear => None,
            // What is past its deadline has none to hand on.
            Ttl::Keep => deadline.filter(|_| place.is_some()),
            Ttl::At(at) => Some(at),
        };
        let raw;
        let new = match value {
            NewStr::Int(n) => New::Int(n),
            NewStr::Bytes(b) => match parse_i64(b) {
                Some(n) => New::Int(n),
                None => text(b),
            },
            NewStr::Text(b) => text(b),
            NewStr::Taken(b) if b.len() >= SHARED_MIN => boxed(BigStr::Shared(b)),
            NewStr::Taken(b) => boxed(BigStr::Owned(b.to_vec())),
            NewStr::Raw(v) if v.len() <= RAW_INSIDE_MAX => {
                raw = v;
                New::Short(&raw, true)
            }
            NewStr::Raw(v) => boxed(BigStr::Owned(v)),
        };
        let entry = Entry::new(key, new, deadline, epoch, stamp);
        match seen {
            Seen::Absent => self.space.place_new(self.db, hash, entry),
            _ => self.space.place(self.db, hash, entry),
        }
        if let Ttl::At(at) = ttl {
            if at.saturating_add(LONG_PAST_MS) < self.now {
                self.space.dbs[self.db].rest(at, hash, self.now + REST_MS);
            }
        }
    }

    /// The common case of SET on a key of the same kind and size: no allocation.
    #[inline]
    fn overwrite_in_place(&mut self, place: Place, hash: u64, v: &NewStr<'_>, ttl: Ttl) -> bool {
        let space = &mut *self.space;
        let mut slot = space.dbs[self.db].dict.at_mut(place, hash);
        let fits = match (ttl, slot.deadline()) {
            (Ttl::Clear, None) | (Ttl::Keep, _) => true,
            (Ttl::At(at), Some(was)) => at == was,
            _ => false,
        };
        if !fits {
            return false;
        }
        let done = match v {
            NewStr::Int(n) => slot.overwrite_int(*n),
            NewStr::Bytes(b) => match parse_i64(b) {
                Some(n) => slot.overwrite_int(n),
                None => slot.overwrite_short(b, b.len() > EMBSTR_MAX),
            },
            NewStr::Text(b) => slot.overwrite_short(b, b.len() > EMBSTR_MAX),
            NewStr::Taken(_) | NewStr::Raw(_) => false,
        };
        if done {
            let stamp = space.access.accessed(slot.access(), self.now, &mut space.rng);
            slot.set_access(stamp);
        }
        done
    }

    /// Changes the bytes of a string without moving it, after it grew to `end` bytes by zeros if it
    /// was shorter. The caller made sure that the key holds a string or nothing.
    pub fn patch_string<R>(&mut self, key: &[u8], end: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
        let hash = self.hash(key);
        let seen = self.see(hash, key);
        self.space.before_change(self.db, hash, key);
        if let Seen::Live(place) = seen {
            let mut slot = self.space.dbs[self.db].dict.at_mut(place, hash);
            let bytes = match slot.view() {
                View::Boxed(_) => match slot.boxed_mut() {
                    Some(Value::Str(BigStr::Owned(bytes))) => Some(bytes.as_mut_slice()),
                    _ => None,
                },
                _ => slot.short_mut(),
            };
            if let Some(bytes) = bytes.filter(|bytes| bytes.len() >= end) {
                return f(bytes);
            }
        }
        self.edit_string(key, |bytes| {
            if bytes.len() < end {
                grow(bytes, end);
            }
            f(bytes)
        })
    }

    /// Changes the bytes of a string where they are, with a single look-up, if `fits` says that
    /// they are what is to be changed.
    #[inline]
    pub fn patch_held<R>(
        &mut self,
        key: &[u8],
        fits: impl FnOnce(&[u8]) -> bool,
        f: impl FnOnce(&mut [u8]) -> R,
    ) -> Patched<R> {
        let hash = self.hash(key);
        let place = match self.see(hash, key) {
            Seen::Live(place) => place,
            Seen::Hidden => return Patched::Other,
            Seen::Absent => return Patched::Absent,
        };
        self.space.before_change(self.db, hash, key);
        let Keyspace { dbs, access, rng, .. } = &mut *self.space;
        let mut slot = dbs[self.db].dict.at_mut(place, hash);
        let stamp = slot.access();
        let bytes = match slot.boxed_mut() {
            Some(Value::Str(BigStr::Owned(bytes))) => fits(bytes).then_some(bytes.as_mut_slice()),
            Some(_) => None,
            None => match slot.view() {
                View::Short(bytes, _) if fits(bytes) => slot.short_mut(),
                _ => None,
            },
        };
        let Some(bytes) = bytes else { return Patched::Other };
        let result = f(bytes);
        if self.stamp {
            slot.set_access(access.accessed(stamp, self.now, rng));
        }
        Patched::Done(result)
    }

    /// Creates a key, which was just seen to be absent, with a string of `len` zeros that are
    /// changed by `f`.
    pub fn make_string(&mut self, key: &[u8], len: usize, f: impl FnOnce(&mut [u8])) {
        const STACK: usize = 64;
        let (mut few, many);
        let new = if len <= STACK {
            few = [0; STACK];
            f(&mut few[..len]);
            New::Short(&few[..len], true)
        } else {
            let mut bytes = vec![0; len];
            f(&mut bytes);
            many = bytes;
            match len {
                0..=RAW_INSIDE_MAX => New::Short(&many, true),
                _ => boxed(BigStr::Owned(many)),
            }
        };
        let hash = self.hash(key);
        self.space.before_change(self.db, hash, key);
        let (epoch, stamp) = (self.space.walks.epoch, self.space.access.born(self.now));
        self.space.place_new(self.db, hash, Entry::new(key, new, None, epoch, stamp));
    }

    /// Makes a string that was changed in place one that replies can share, without copying it.
    pub fn share_string(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        self.space.dbs[self.db].change(hash, key, |mut entry| {
            if let Some(Value::Str(string)) = entry.boxed_mut() {
                *string = BigStr::Shared(Bytes::from(std::mem::take(string).into_vec()));
            }
            entry
        });
    }

    /// Changes the bytes of a string, which starts empty when the key is missing. The caller made
    /// sure that it holds a string.
    pub fn edit_string<R>(&mut self, key: &[u8], f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let hash = self.hash(key);
        let seen = self.see(hash, key);
        self.space.before_change(self.db, hash, key);
        let Seen::Live(place) = seen else {
            let mut bytes = Vec::new();
            let result = f(&mut bytes);
            let new = match bytes.len() {
                0..=RAW_INSIDE_MAX => New::Short(&bytes, true),
                _ => boxed(BigStr::Owned(bytes)),
            };
            let space = &mut *self.space;
            let (epoch, stamp) = (space.walks.epoch, space.access.born(self.now));
            space.place(self.db, hash, Entry::new(key, new, None, epoch, stamp));
            return result;
        };
        let mut result = None;
        self.space.dbs[self.db].change_at(place, hash, |mut entry| {
            let mut bytes = match entry.boxed_mut() {
                Some(Value::Str(s)) => std::mem::take(s).into_vec(),
                _ => Str::view(entry.view())
                    .map_or_else(|_| Vec::new(), |s| s.with_bytes(<[u8]>::to_vec)),
            };
            result = Some(f(&mut bytes));
            let bytes = BigStr::Owned(bytes);
            if let Some(Value::Str(s)) = entry.boxed_mut() {
                *s = bytes;
                return entry;
            }
            let raw = New::Boxed(Box::new(Value::Str(bytes)));
            Entry::new(entry.key(), raw, entry.deadline(), entry.epoch(), entry.access())
        });
        result.expect("the key was just seen")
    }
}

/// Lets a string grow to `end` bytes by zeros. One that grows by much moves to memory that comes
/// with zeros in it: pages that nobody has written to cost no time.
fn grow(bytes: &mut Vec<u8>, end: usize) {
    const MUCH: usize = 1 << 20;
    if end <= bytes.capacity() || end - bytes.len() < MUCH {
        make_room(bytes, end);
        bytes.resize(end, 0);
        return;
    }
    let mut grown = vec![0; end + end / 8];
    grown.truncate(end);
    grown[..bytes.len()].copy_from_slice(bytes);
    *bytes = grown;
}

/// Room for a string that grows to `end` bytes, and more in advance: as much again while it is
/// small, an eighth of a large one.
pub fn make_room(bytes: &mut Vec<u8>, end: usize) {
    const SMALL: usize = 1 << 20;
    if end > bytes.capacity() {
        let ahead = if end < SMALL { end } else { end / 8 };
        bytes.reserve_exact(end - bytes.len() + ahead);
    }
}

fn text(bytes: &[u8]) -> New<'_> {
    match bytes.len() {
        0..=SHORT_MAX => New::Short(bytes, bytes.len() > EMBSTR_MAX),
        _ => boxed(BigStr::Owned(bytes.to_vec())),
    }
}

fn boxed<'v>(value: BigStr) -> New<'v> {
    New::Boxed(Box::new(Value::Str(value)))
}
