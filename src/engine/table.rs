//! Name to `Spec`, in a small open-addressed table over case-folded names, built once.

use super::spec::Spec;

const SLOTS: usize = 1024;

/// The command table.
pub struct Table {
    slots: Vec<Option<(&'static str, &'static Spec)>>,
    specs: Vec<&'static Spec>,
    count: usize,
}

/// Case-folded name to slot: the first and last eight bytes and the length.
#[inline]
fn slot(name: &[u8]) -> usize {
    let mut head = [0u8; 8];
    let n = name.len().min(8);
    head[..n].copy_from_slice(&name[..n]);
    let mut tail = [0u8; 8];
    tail[..n].copy_from_slice(&name[name.len() - n..]);
    const FOLD: u64 = 0x2020_2020_2020_2020;
    let h = (u64::from_le_bytes(head) | FOLD)
        ^ (u64::from_le_bytes(tail) | FOLD).rotate_left(23)
        ^ (name.len() as u64) << 57;
    (h.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
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
        let mut at = slot(name.as_bytes());
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
        let mut at = slot(name);
        while let Some((name_here, spec)) = self.slots[at] {
            if name_here.as_bytes().eq_ignore_ascii_case(name) {
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
