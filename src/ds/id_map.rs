//! Values by numbers that count up and are never used again, such as the ids of clients.
//!
//! The home of a number is its low bits, so numbers given out in a row lie side by side and a
//! look-up is one comparison. What finds its home taken lies in the next free place behind it.
//! Invariant: from the home of a number to its place no place is empty, and at least half of all
//! places are.
//!
//! ```text
//! 5 places taken of 16:   | 16 | 1 |   |   | 4 | 5 | 20 |   | ..      (20 found 4 taken, and 5)
//! ```

/// Places of the smallest table that holds anything.
const PLACES_MIN: usize = 16;

/// A map from numbers to values.
#[derive(Debug)]
pub struct IdMap<T> {
    places: Vec<Option<(u64, T)>>,
    len: usize,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        IdMap { places: Vec::new(), len: 0 }
    }
}

impl<T> IdMap<T> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a number.
    #[inline]
    pub fn get(&self, id: u64) -> Option<&T> {
        let place = self.find(id)?;
        self.places[place].as_ref().map(|(_, value)| value)
    }

    /// The value of a number, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let place = self.find(id)?;
        self.places[place].as_mut().map(|(_, value)| value)
    }

    /// Gives a number a value; returns the one it had.
    pub fn insert(&mut self, id: u64, value: T) -> Option<T> {
        if let Some(known) = self.get_mut(id) {
            return Some(std::mem::replace(known, value));
        }
        if (self.len + 1) * 2 > self.places.len() {
            self.resize((self.places.len() * 2).max(PLACES_MIN));
        }
        self.put(id, value);
        self.len += 1;
        None
    }

    /// Takes a number's value out.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        let mut gap = self.find(id)?;
        let (_, value) = self.places[gap].take()?;
        self.len -= 1;
        // Whoever lies behind the gap only because it was taken moves into it.
        let mut at = self.next(gap);
        while let Some((other, _)) = &self.places[at] {
            let home = self.home(*other);
            let mask = self.places.len() - 1;
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.places.swap(at, gap);
                gap = at;
            }
            at = self.next(at);
        }
        if self.places.len() > PLACES_MIN && self.len * 8 < self.places.len() {
            self.resize(self.places.len() / 2);
        }
        Some(value)
    }

    /// All numbers with their values, in no order to rely on.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.places.iter().flatten().map(|(id, value)| (*id, value))
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten().map(|(_, value)| value)
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        assert_eq!(self.places.iter().flatten().count(), self.len);
        assert!(self.len * 2 <= self.places.len());
        assert!(self.places.is_empty() || self.places.len().is_power_of_two());
        for (id, _) in self.iter() {
            assert!(self.find(id).is_some(), "{id} cannot be reached");
        }
    }

    #[inline]
    fn home(&self, id: u64) -> usize {
        id as usize & (self.places.len() - 1)
    }

    #[inline]
    fn next(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    #[inline]
    fn find(&self, id: u64) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let mut place = self.home(id);
        loop {
            match &self.places[place] {
                Some((known, _)) if *known == id => return Some(place),
                Some(_) => place = self.next(place),
                None => return None,
            }
        }
    }

    fn put(&mut self, id: u64, value: T) {
        let mut place = self.home(id);
        while self.places[place].is_some() {
            place = self.next(place);
        }
        self.places[place] = Some((id, value));
    }

    #[cold]
    fn resize(&mut self, places: usize) {
        let empty = std::iter::repeat_with(|| None).take(places).collect();
        for (id, value) in std::mem::replace(&mut self.places, empty).into_iter().flatten() {
            self.put(id, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::BTreeMap;

    /// Random steps against an ordered map; `draw` gives the next number.
    fn compare(seed: u64, steps: u64, mut draw: impl FnMut(&mut Rng, u64) -> u64) {
        let mut rng = Rng::seeded(seed);
        let (mut map, mut model) = (IdMap::default(), BTreeMap::new());
        for step in 0..steps {
            let id = draw(&mut rng, step);
            // Phases of growth and of decline.
            let growing = (step * 6 / steps).is_multiple_of(2);
            if rng.below(10) < if growing { 7 } else { 2 } {
                assert_eq!(map.insert(id, step), model.insert(id, step));
            } else {
                let old = model.keys().nth(rng.below(model.len() as u64 + 1) as usize).copied();
                let id = old.unwrap_or(id);
                assert_eq!(map.get(id), model.get(&id));
                assert_eq!(map.get_mut(id).copied(), model.get(&id).copied());
                assert_eq!(map.remove(id), model.remove(&id));
                assert_eq!(map.get(id), None);
            }
            if step % 61 == 0 {
                map.check();
                let mut all: Vec<(u64, u64)> = map.iter().map(|(id, value)| (id, *value)).collect();
                all.sort_unstable();
                assert!(all.into_iter().eq(model.iter().map(|(id, value)| (*id, *value))));
                assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            }
        }
        map.values_mut().for_each(|value| *value += 1);
        assert!(map.iter().all(|(id, value)| model.get(&id) == Some(&(value - 1))));
    }

    #[test]
    fn behaves_like_a_map() {
        compare(1, 6_000, |_, step| step);
        compare(2, 6_000, |rng, _| rng.below(64));
        compare(3, 6_000, |rng, _| rng.next_u64());
        // All of them want the same place.
        compare(4, 3_000, |rng, _| rng.below(200) << 32);
        // The last places, so that probing comes round.
        compare(5, 6_000, |rng, _| rng.below(40) * 16 + 15);
    }

    #[test]
    fn few_need_little_room() {
        let mut map = IdMap::default();
        assert_eq!((map.remove(0), map.get(0), map.places.len()), (None, None::<&()>, 0));
        (0..10_000).for_each(|id| assert_eq!(map.insert(id, ()), None));
        (0..9_990).for_each(|id| assert_eq!(map.remove(id), Some(())));
        map.check();
        assert!(map.places.len() <= 128, "{}", map.places.len());
    }
}
