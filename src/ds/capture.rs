//! What a table held at one moment, told in steps while the table goes on changing.
//!
//! *Told* is a function of position in hash order: all that lies below the cursor, and single
//! positions beyond it. Whoever is about to add, change or remove an entry has everything at its
//! position kept first, and the position counts as told from then on. So each entry of the moment
//! is told once, as it was, and nothing that came later is.

use super::dict::{Dict, Thin};
use std::collections::BTreeSet;

/// Texts that were kept for later, back to back.
#[derive(Debug, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Kept {
    /// Keeps a copy.
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    /// What was kept, in the order it came.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, to)| &self.bytes[from..*to])
    }

    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}

/// Positions that were told before the walk came to them.
#[derive(Debug, Default)]
pub struct Early(BTreeSet<u64>);

impl Early {
    /// Notes a position; false when it was noted before.
    pub fn note(&mut self, position: u64) -> bool {
        self.0.insert(position)
    }

    /// Whether an entry was told early.
    #[inline]
    pub fn has<E: Thin>(&self, table: &Dict<E>, key: &[u8]) -> bool {
        !self.0.is_empty() && self.0.contains(&table.position_of(table.hash(key)))
    }

    /// Forgets what lies below a position.
    fn pass(&mut self, position: u64) {
        if self.0.first().is_some_and(|first| *first < position) {
            self.0 = self.0.split_off(&position);
        }
    }
}

/// Shows `f` the entries of a table at a position.
pub fn at_position<E: Thin>(table: &Dict<E>, position: u64, f: &mut impl FnMut(&E)) {
    table.scan(position, &mut |entry: &E| {
        if table.position_of(entry.with_key(|key| table.hash(key))) == position {
            f(entry);
        }
    });
}

/// The telling of a table.
#[derive(Debug, Default)]
pub struct Capture {
    cursor: u64,
    finished: bool,
    early: Early,
    kept: Kept,
}

impl Capture {
    /// Something at the position of `hash` is about to change: `keep` is shown what is there, as
    /// far as it was not told.
    pub fn before_change<E: Thin>(
        &mut self,
        table: &Dict<E>,
        hash: u64,
        mut keep: impl FnMut(&E, &mut Kept),
    ) {
        let position = table.position_of(hash);
        if self.finished || position < self.cursor || !self.early.note(position) {
            return;
        }
        at_position(table, position, &mut |entry| keep(entry, &mut self.kept));
    }

    /// What was kept since the last time, which is to be told now.
    pub fn take_kept(&mut self) -> Kept {
        std::mem::take(&mut self.kept)
    }

    /// Bytes of what is kept.
    pub fn kept_bytes(&self) -> usize {
        self.kept.bytes()
    }

    /// Shows `f` some entries more; true when all were told.
    pub fn step<E: Thin>(&mut self, table: &Dict<E>, mut f: impl FnMut(&E)) -> bool {
        if self.finished {
            return true;
        }
        self.cursor = table.scan(self.cursor, &mut |entry: &E| {
            if !entry.with_key(|key| self.early.has(table, key)) {
                f(entry);
            }
        });
        self.early.pass(self.cursor);
        self.finished = self.cursor == 0;
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Seed;
    use crate::base::rng::Rng;
    use crate::ds::member::Member;

    fn put(table: &mut Dict<Member>, text: &[u8]) {
        let hash = table.hash(text);
        table.find_or_insert_with(hash, text, || Member::new(text));
    }

    /// Whatever comes, goes, grows and shrinks meanwhile, what is told is what there was.
    #[test]
    fn all_of_the_moment_is_told_once() {
        for seed in 0..20 {
            let mut rng = Rng::seeded(seed);
            let mut table: Dict<Member> = Dict::new(Seed { k0: seed, k1: 1 });
            let n = 50 + rng.below(3000);
            for _ in 0..n {
                put(&mut table, rng.below(2 * n).to_string().as_bytes());
            }
            let mut before: Vec<Vec<u8>> =
                table.iter().map(|m| m.with_key(<[u8]>::to_vec)).collect();
            let grows = rng.below(2) == 0;
            let mut capture = Capture::default();
            let mut told = Vec::new();
            loop {
                let done = capture.step(&table, |m| told.push(m.with_key(<[u8]>::to_vec)));
                told.extend(capture.take_kept().iter().map(<[u8]>::to_vec));
                if done {
                    break;
                }
                for _ in 0..rng.below(20) {
                    let text = rng.below(if grows { 9 * n } else { 2 * n }).to_string();
                    let hash = table.hash(text.as_bytes());
                    capture
                        .before_change(&table, hash, |m, kept| m.with_key(|text| kept.push(text)));
                    if grows || rng.below(8) == 0 {
                        put(&mut table, text.as_bytes());
                    } else {
                        drop(table.remove(hash, text.as_bytes()));
                    }
                }
            }
            before.sort();
            told.sort();
            assert_eq!(told, before, "seed {seed}");
        }
    }
}
