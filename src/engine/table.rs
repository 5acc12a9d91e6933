//! Name to `Spec`, in a small open-addressed table over case-folded names, built once.
//!
//! Every request looks here, so names are compared as two words rather than letter by letter.

use super::spec::Spec;

const SLOTS: usize = 1024;

/// The command table.
pub struct Table {
    slots: Vec<Option<(Name, &'static Spec)>>,
    specs: Vec<&'static Spec>,
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
    fn new(text: &'static str) -> Name {
        Name { word: Word::of(text.as_bytes()), text }
    }
}

impl Word {
    #[inline]
    fn of(name: &[u8]) -> Word {
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
    fn is_whole(self) -> bool {
        self.len <= 16
    }

    #[inline]
    fn slot(self) -> usize {
        let h = self.head ^ self.tail.rotate_left(23) ^ (self.len as u64) << 57;
        (h.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
    }
}

/// Fewer than eight bytes as a number; names of the same length get the same number only when they
/// are the same.
#[inline]
fn short(name: &[u8]) -> u64 {
    match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => {
            u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32
        }
        // Up to three: first, middle and last are all of them.
        _ => match (name.first(), name.get(name.len() / 2), name.last()) {
            (Some(first), Some(middle), Some(last)) => {
                u64::from(*first) | u64::from(*middle) << 8 | u64::from(*last) << 16
            }
            _ => 0,
        },
    }
}

/// Eight bytes with the letters A to Z as small ones, all at once: in each byte the high bit of
/// `from_a` tells that it is at least an A, that of `past_z` that it is beyond a Z.
#[inline]
fn lower(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let seven = bytes & (EACH * 0x7f);
    let from_a = seven + EACH * (0x80 - b'A' as u64);
    let past_z = seven + EACH * (0x7f - b'Z' as u64);
    let capital = from_a & !past_z & !bytes & (EACH * 0x80);
    bytes | capital >> 2
}

impl Table {
    /// Joins the families; panics on a name declared twice or a contradiction, which a test and
    /// every start would show.
    pub fn new(families: &[&'static [Spec]]) -> Table {
        let count = families.iter().map(|family| family.len()).sum();
        let mut table =
            Table { slots: vec![None; SLOTS], specs: Vec::with_capacity(count), count: 0 };
        let mut next = 0;
        // Every start makes a table: room at once, as moving it while it grows would cost more than
        // all the rest.
        let mut specs = Vec::with_capacity(count);
        let declared = families.iter().flat_map(|family| family.iter());
        specs.extend(declared.map(|spec| number(*spec, "", &mut next)));
        table.count = usize::from(next);
        // A table lives as long as the process: every session and statistic refers to its specs.
        let specs: &'static [Spec] = Vec::leak(specs);
        for spec in specs {
            check(spec);
            assert!(table.find(spec.name.as_bytes()).is_none(), "{} is declared twice", spec.name);
            table.put(spec.name, spec);
            table.specs.push(spec);
        }
        assert!(table.specs.len() < SLOTS / 2);
        table
    }

    fn put(&mut self, name: &'static str, spec: &'static Spec) {
        let name = Name::new(name);
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
                self.put(name.text, spec);
            }
        }
        if to.is_empty() {
            self.specs.retain(|known| !std::ptr::eq(*known, spec));
        } else {
            self.put(String::leak(to.to_ascii_lowercase()), spec);
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
        self.specs.iter().copied()
    }
}

/// A copy with its index and its full name, and the same for its subcommands.
fn number(mut spec: Spec, container: &str, next: &mut u16) -> Spec {
    spec.index = *next;
    spec.flags |= super::calls::brief_flag(&spec);
    *next += 1;
    if !container.is_empty() {
        spec.full_name = String::leak([container, spec.name].join("|"));
    }
    if !spec.subcommands.is_empty() {
        let subs = spec.subcommands.iter().map(|sub| number(*sub, spec.name, next));
        spec.subcommands = Vec::leak(subs.collect());
    }
    spec
}

fn check(spec: &Spec) {
    assert!(spec.arity != 0, "{}: arity", spec.name);
    assert!(
        !spec.is_container() || !spec.subcommands.is_empty(),
        "{}: a container without subcommands",
        spec.name
    );
    spec.subcommands.iter().for_each(check);
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
