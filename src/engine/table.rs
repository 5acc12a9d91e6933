//! Name to `Spec`, in a small open-addressed table over case-folded names, built once.

use super::spec::Spec;

const SLOTS: usize = 1024;

/// The command table.
pub struct Table {
    slots: Vec<Option<Named>>,
    specs: Vec<&'static Spec>,
    count: usize,
}

/// A name that leads to a command.
#[derive(Clone, Copy)]
struct Named {
    ends: Ends,
    name: &'static str,
    spec: &'static Spec,
}

/// The bytes at both ends of a name in lower case, and its length: all of it up to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    head: u64,
    tail: u64,
    len: usize,
}

impl Ends {
    #[inline]
    fn of(name: &[u8]) -> Ends {
        let half = |end: Option<&[u8; 4]>| end.map_or(0, |end| u32::from_le_bytes(*end).into());
        let (head, tail) = match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ if name.len() >= 4 => (half(name.first_chunk()), half(name.last_chunk())),
            _ => (name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        };
        Ends { head: lower(head), tail: lower(tail), len: name.len() }
    }

    /// Whether nothing of the name lies between them.
    #[inline]
    fn are_all(self) -> bool {
        self.len <= 16
    }

    #[inline]
    fn slot(self) -> usize {
        let h = self.head ^ self.tail.rotate_left(23) ^ (self.len as u64) << 57;
        (h.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
    }
}

/// Eight characters at once in lower case: of the bytes only capital letters change.
#[inline]
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = 0x80 * ONES;
    let low = word & !TOP;
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let past_z = low + (0x7F - b'Z' as u64) * ONES;
    word | (from_a & !past_z & !word & TOP) >> 2
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
        let ends = Ends::of(name.as_bytes());
        let mut at = ends.slot();
        while self.slots[at].is_some() {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = Some(Named { ends, name, spec });
    }

    /// Gives a command another name, or takes its name away when the new one is empty. What it is
    /// called in statistics and logs stays.
    pub fn rename(&mut self, from: &[u8], to: &str) {
        let Some(spec) = self.find(from) else { return };
        let named: Vec<_> = self.slots.iter().flatten().copied().collect();
        self.slots.fill(None);
        for Named { name, spec, .. } in named {
            if !name.as_bytes().eq_ignore_ascii_case(from) {
                self.put(name, spec);
            }
        }
        if to.is_empty() {
            self.specs.retain(|known| !std::ptr::eq(*known, spec));
        } else {
            self.put(String::leak(to.to_ascii_lowercase()), spec);
        }
    }

    /// The command of this name, any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&'static Spec> {
        let ends = Ends::of(name);
        let mut at = ends.slot();
        while let Some(here) = &self.slots[at] {
            let whole = || ends.are_all() || here.name.as_bytes().eq_ignore_ascii_case(name);
            if here.ends == ends && whole() {
                return Some(here.spec);
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
    use crate::engine::cx::Outcome;

    #[test]
    fn only_capital_letters_change() {
        for byte in 0..=255_u8 {
            for at in 0..8 {
                let mut word = [byte.wrapping_mul(7).wrapping_add(at); 8];
                word[usize::from(at)] = byte;
                let expected = word.map(|b| b.to_ascii_lowercase());
                assert_eq!(lower(u64::from_le_bytes(word)).to_le_bytes(), expected);
            }
        }
    }

    #[test]
    fn the_ends_tell_names_apart() {
        let letters = b"abcdefghijklmnopqrstuvwxyz";
        for len in 0..=16 {
            let name = &letters[..len];
            assert_eq!(Ends::of(name), Ends::of(&name.to_ascii_uppercase()));
            for at in 0..len {
                for byte in [0, b'A', b'@', b'`', b'{', b'-', letters[at] ^ 0x80] {
                    let mut other = name.to_vec();
                    other[at] = byte;
                    let same = other.eq_ignore_ascii_case(name);
                    assert_eq!(Ends::of(name) == Ends::of(&other), same, "{len} {at} {byte}");
                }
            }
        }
    }

    #[test]
    fn long_names_are_compared_as_a_whole() {
        static SPECS: &[Spec] = &[
            Spec::engine("eighteen-letters-a", 1, |_, _| Ok(Outcome::Unchanged)),
            Spec::engine("eighteen-xxtters-a", 1, |_, _| Ok(Outcome::Unchanged)),
        ];
        let mut table = Table::new(&[SPECS]);
        for spec in SPECS {
            let found = table.find(spec.name.to_ascii_uppercase().as_bytes());
            assert_eq!(found.map(|found| found.name), Some(spec.name));
        }
        assert!(table.find(b"eighteen-yytters-a").is_none() && table.find(b"").is_none());
        table.rename(b"EIGHTEEN-letters-a", "X");
        assert_eq!(table.find(b"x").map(|found| found.name), Some(SPECS[0].name));
        assert!(table.find(b"eighteen-letters-a").is_none());
        assert_eq!(table.specs().count(), 2);
    }
}
