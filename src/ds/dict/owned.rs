//! An ordinary object with a key, boxed so that a table can keep it: for objects whose layout is
//! not worth making by hand.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::Thin;

/// What a table finds an object by.
pub trait Keyed {
    /// The same bytes for as long as the object is in a table.
    fn key(&self) -> &[u8];
}

/// The owner of one boxed object.
pub struct Owned<T>(NonNull<T>, PhantomData<T>);

// SAFETY: it owns its object alone, as a `Box` does.
unsafe impl<T: Send> Send for Owned<T> {}

// SAFETY: the pointer comes from the global allocator, so it fits 48 bits on the targets we build
// for; `from_raw` is the inverse of `into_raw`; the object stays where it is until it is dropped.
unsafe impl<T: Keyed> Thin for Owned<T> {
    fn into_raw(self) -> NonNull<u8> {
        let raw = self.0.cast();
        std::mem::forget(self);
        raw
    }

    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Owned(raw.cast(), PhantomData)
    }

    #[inline]
    fn with_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f((**self).key())
    }
}

impl<T> Owned<T> {
    /// Boxes an object.
    pub fn new(object: T) -> Owned<T> {
        Owned(NonNull::from(Box::leak(Box::new(object))), PhantomData)
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the object lives until `self` is dropped; only `&mut self` changes it.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Owned<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `new` got the pointer from a box, and nobody else drops it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dict;
    use super::*;
    use crate::base::hash::Seed;
    use crate::base::rng::Rng;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    struct Counter {
        name: String,
        count: u64,
        /// Tells whether every object is dropped, and once.
        _alive: Rc<()>,
    }

    impl Keyed for Counter {
        fn key(&self) -> &[u8] {
            self.name.as_bytes()
        }
    }

    #[test]
    fn a_table_of_objects_is_a_map() {
        let alive = Rc::new(());
        let mut rng = Rng::seeded(11);
        let mut table = Dict::new(Seed { k0: 5, k1: 6 });
        let mut model: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..6_000 {
            let name = format!("name:{}", rng.below(700));
            let hash = table.hash(name.as_bytes());
            if rng.below(3) > 0 {
                let make =
                    || Owned::new(Counter { name: name.clone(), count: 0, _alive: alive.clone() });
                let (mut found, _) = table.find_or_insert_with(hash, name.as_bytes(), make);
                found.count += 1;
                drop(found);
                *model.entry(name).or_default() += 1;
            } else {
                let removed = table.remove(hash, name.as_bytes()).map(|counter| counter.count);
                assert_eq!(removed, model.remove(&name));
            }
            assert_eq!(Rc::strong_count(&alive), 1 + model.len());
        }
        table.check();
        let held: BTreeMap<String, u64> =
            table.iter().map(|counter| (counter.name.clone(), counter.count)).collect();
        assert_eq!(held, model);
        drop(table);
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}
