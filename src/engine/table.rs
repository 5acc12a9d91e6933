//! Name to `Spec`, in a small open-addressed table over case-folded names, made by the compiler.
//!
//! Every request looks here, so names are compared as two words rather than letter by letter. A
//! start does nothing for it: commands are numbered and put in their slots while the program is
//! built, and only a configuration that renames some makes a table of its own.

use super::spec::Spec;

const SLOTS: usize = 512;

/// The command table.
#[derive(Clone)]
pub struct Table {
    slots: [Option<(Name, &'static Spec)>; SLOTS],
    specs: &'static [Spec],
    /// Commands that were taken their names away, by `Spec::index`.
    nameless: Vec<u16>,
    count: usize,
}

/// A name in lower case: its first and its last eight bytes, which are all of most names.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word {
    head: u64,
    tail: u64,
    len: usize,
}

/// A name as it stands in the table.
#[derive(Clone, Copy)]
struct Name {
    word: Word,
    text: &'static str,
}

impl Name {
    const fn new(text: &'static str) -> Name {
        Name { word: Word::of(text.as_bytes()), text }
    }
}

impl Word {
    #[inline]
    const fn of(name: &[u8]) -> Word {
        let (head, tail) = match (name.first_chunk(), name.last_chunk()) {
            (Some(head), Some(tail)) => {
                (u64::from_le_bytes(*head), lower(u64::from_le_bytes(*tail)))
            }
            _ => (short(name), 0),
        };
        Word { head: lower(head), tail, len: name.len() }
    }

    /// Whether the two words are the whole name.
    #[inline]
    const fn is_whole(self) -> bool {
        self.len <= 16
    }

    #[inline]
    const fn slot(self) -> usize {
        let h = self.head ^ self.tail.rotate_left(23) ^ (self.len as u64) << 57;
        (h.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOTS.ilog2())) as usize
    }
}

/// Fewer than eight bytes as a number; names of the same length get the same number only when they
/// are the same.
#[inline]
const fn short(name: &[u8]) -> u64 {
    match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => {
            u32::from_le_bytes(*head) as u64 | (u32::from_le_bytes(*tail) as u64) << 32
        }
        // Up to three: first, middle and last are all of them.
        _ => match (name.first(), name.last()) {
            (Some(first), Some(last)) => {
                *first as u64 | (name[name.len() / 2] as u64) << 8 | (*last as u64) << 16
            }
            _ => 0,
        },
    }
}

/// Eight bytes with the letters A to Z as small ones, all at once: in each byte the high bit of
/// `from_a` tells that it is at least an A, that of `past_z` that it is beyond a Z.
#[inline]
const fn lower(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let seven = bytes & (EACH * 0x7f);
    let from_a = seven + EACH * (0x80 - b'A' as u64);
    let past_z = seven + EACH * (0x7f - b'Z' as u64);
    let capital = from_a & !past_z & !bytes & (EACH * 0x80);
    bytes | capital >> 2
}

impl Table {
    /// The table of these commands, which `families` numbered; `count` is how many they are with
    /// their subcommands. More than it can hold fail the build.
    pub const fn new(specs: &'static [Spec], count: usize) -> Table {
        // A search ends at an empty slot.
        assert!(specs.len() < SLOTS / 4 * 3);
        let mut table = Table { slots: [None; SLOTS], specs, nameless: Vec::new(), count };
        let mut next = 0;
        while next < specs.len() {
            table.put(Name::new(specs[next].name), &specs[next]);
            next += 1;
        }
        table
    }

    const fn put(&mut self, name: Name, spec: &'static Spec) {
        let mut at = name.word.slot();
        while self.slots[at].is_some() {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = Some((name, spec));
    }

    /// Gives a command another name, or takes its name away when the new one is empty. What it is
    /// called in statistics and logs stays.
    pub fn rename(&mut self, from: &[u8], to: &str) {
        let Some(spec) = self.find(from) else { return };
        let named: Vec<_> = self.slots.iter().flatten().copied().collect();
        self.slots.fill(None);
        for (name, spec) in named {
            if !name.text.as_bytes().eq_ignore_ascii_case(from) {
                self.put(name, spec);
            }
        }
        if to.is_empty() {
            self.nameless.push(spec.index);
        } else {
            self.put(Name::new(String::leak(to.to_ascii_lowercase())), spec);
        }
    }

    /// The command of this name, any case.
    #[inline(always)]
    pub fn find(&self, name: &[u8]) -> Option<&'static Spec> {
        let word = Word::of(name);
        let mut at = word.slot();
        while let Some((here, spec)) = &self.slots[at] {
            if here.word == word {
                return if word.is_whole() { Some(spec) } else { self.find_long(at, name) };
            }
            at = (at + 1) % SLOTS;
        }
        None
    }

    /// The same for a name of which two words are not all, from a place on where they fit.
    #[inline(never)]
    fn find_long(&self, mut at: usize, name: &[u8]) -> Option<&'static Spec> {
        while let Some((here, spec)) = &self.slots[at] {
            if here.text.as_bytes().eq_ignore_ascii_case(name) {
                return Some(spec);
            }
            at = (at + 1) % SLOTS;
        }
        None
    }

    /// Commands and subcommands: every `Spec::index` is below.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All commands, in the order of their declaration.
    pub fn specs(&self) -> impl Iterator<Item = &'static Spec> {
        self.specs.iter().filter(|spec| !self.nameless.contains(&spec.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_equal_when_names_are_in_any_case() {
        let mut rng = crate::base::rng::Rng::seeded(7);
        let letters = b"aAzZ@[`{mM9-_.\x80\xc1\xe1\x00\x10 0Pp";
        let mut equal = 0;
        for _ in 0..200_000 {
            let len = rng.below(18) as usize;
            let pick =
                |rng: &mut crate::base::rng::Rng| letters[rng.below(letters.len() as u64) as usize];
            let one: Vec<u8> = (0..len).map(|_| pick(&mut rng)).collect();
            let mut other = one.clone();
            for byte in &mut other {
                match rng.below(8) {
                    0..4 => *byte = byte.to_ascii_uppercase(),
                    4..7 => *byte = byte.to_ascii_lowercase(),
                    _ => *byte = if rng.below(8) == 0 { pick(&mut rng) } else { *byte },
                }
            }
            let same = one.eq_ignore_ascii_case(&other);
            let words = Word::of(&one) == Word::of(&other);
            // Beyond sixteen bytes those in between do not count.
            assert!(words == same || (len > 16 && words), "{one:?} {other:?}");
            equal += usize::from(same);
        }
        assert!((10_000..190_000).contains(&equal), "both answers come up: {equal}");
    }
}
