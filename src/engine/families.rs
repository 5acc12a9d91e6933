//! What the compiler makes of the families' declarations: all commands in one array, all
//! subcommands in another, numbered and with their full names.
//!
//! The arrays are sized by the declarations, so each is made by a function of its own. Invariant: a
//! container's subcommands stand side by side, in the order of the containers; numbers go through
//! the commands first.

use super::calls::brief_flag;
use super::spec::Spec;

/// The declarations, a slice a family.
pub type Families = [&'static [Spec]];

/// Commands, subcommands, and bytes of the full names of subcommands.
pub struct Sizes {
    /// Commands.
    pub commands: usize,
    /// Subcommands of all of them.
    pub subcommands: usize,
    /// Bytes of `container|subcommand` for each.
    pub names: usize,
}

/// Counts what the families declare.
pub const fn sizes(families: &Families) -> Sizes {
    let mut sizes = Sizes { commands: 0, subcommands: 0, names: 0 };
    while command(families, sizes.commands).is_some() {
        sizes.commands += 1;
    }
    while let Some((container, spec)) = subcommand(families, sizes.subcommands) {
        sizes.subcommands += 1;
        sizes.names += container.name.len() + 1 + spec.name.len();
    }
    sizes
}

/// All commands in one row. A contradiction fails the build.
pub const fn commands<const N: usize>(
    families: &Families,
    subcommands: &'static [Spec],
) -> [Spec; N] {
    let mut all = [families[0][0]; N];
    let (mut next, mut rest) = (0, subcommands);
    while let Some(spec) = command(families, next) {
        assert!(!spec.is_container() || !spec.subcommands.is_empty(), "an empty container");
        all[next] = numbered(*spec, next);
        (all[next].subcommands, rest) = rest.split_at(spec.subcommands.len());
        next += 1;
    }
    all
}

/// All subcommands in one row, numbered from `first`; `names` holds their full names in the same
/// order.
pub const fn subcommands<const N: usize>(
    families: &Families,
    first: usize,
    names: &'static [u8],
) -> [Spec; N] {
    let mut all = [families[0][0]; N];
    let (mut next, mut rest) = (0, names);
    while let Some((container, spec)) = subcommand(families, next) {
        assert!(spec.subcommands.is_empty(), "subcommands have none themselves");
        let (name, others) = rest.split_at(container.name.len() + 1 + spec.name.len());
        let Ok(name) = str::from_utf8(name) else { panic!("names are text") };
        all[next] = numbered(*spec, first + next);
        (all[next].full_name, rest) = (name, others);
        next += 1;
    }
    all
}

/// The full names of all subcommands, one behind the other.
pub const fn names<const N: usize>(families: &Families) -> [u8; N] {
    let mut names = [0; N];
    let (mut next, mut end) = (0, 0);
    while let Some((container, spec)) = subcommand(families, next) {
        end = append(&mut names, end, container.name);
        end = append(&mut names, end, "|");
        end = append(&mut names, end, spec.name);
        next += 1;
    }
    names
}

/// The command of this place.
const fn command(families: &Families, mut at: usize) -> Option<&'static Spec> {
    let mut family = 0;
    while family < families.len() {
        let specs = families[family];
        if at < specs.len() {
            return Some(&specs[at]);
        }
        at -= specs.len();
        family += 1;
    }
    None
}

/// The subcommand of this place, behind its container.
const fn subcommand(families: &Families, mut at: usize) -> Option<(&'static Spec, &'static Spec)> {
    let mut next = 0;
    while let Some(container) = command(families, next) {
        let specs = container.subcommands;
        if at < specs.len() {
            return Some((container, &specs[at]));
        }
        at -= specs.len();
        next += 1;
    }
    None
}

const fn append(names: &mut [u8], end: usize, word: &str) -> usize {
    let (_, room) = names.split_at_mut(end);
    let (room, _) = room.split_at_mut(word.len());
    room.copy_from_slice(word.as_bytes());
    end + word.len()
}

const fn numbered(mut spec: Spec, number: usize) -> Spec {
    assert!(spec.arity != 0, "an arity counts the name");
    assert!(number < u16::MAX as usize);
    spec.index = number as u16;
    spec.flags |= brief_flag(&spec);
    spec
}
