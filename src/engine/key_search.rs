//! The keys of one call: found by the command's key specs, or by a finder of its own where those
//! cannot tell.
//!
//! The specs win when they are complete and their flags are true for every call. Otherwise the
//! finder decides; what neither finds is no key.

use super::args::Args;
use super::keyspec::{Begin, Find, KeySpec, kflag};
use super::spec::Spec;
use crate::base::num::parse_i64;

/// A key among the words of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which word it is; the command's name is word 0.
    pub place: usize,
    /// What becomes of it, bits of [`kflag`].
    pub flags: u16,
}

/// Finds the keys of a call by knowing the command.
pub type Finder = fn(&Words<'_, '_>, &mut Vec<Found>);

/// The words of a call, which may stand behind others: COMMAND GETKEYS is asked about one.
#[derive(Clone, Copy)]
pub struct Words<'w, 'a> {
    args: &'w Args<'a>,
    skip: usize,
}

impl<'w, 'a> Words<'w, 'a> {
    /// The call behind the first `skip` words.
    pub fn new(args: &'w Args<'a>, skip: usize) -> Words<'w, 'a> {
        Words { args, skip }
    }

    /// How many words the call has, its name included.
    pub fn len(&self) -> usize {
        self.args.len().saturating_sub(self.skip)
    }

    /// Whether there is no call at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Word `i` of the call.
    pub fn get(&self, i: usize) -> &'w [u8] {
        self.args.get(self.skip + i)
    }

    fn is(&self, i: usize, word: &str) -> bool {
        self.get(i).eq_ignore_ascii_case(word.as_bytes())
    }
}

/// Whether calls of this command can have keys.
pub fn has_keys(spec: &Spec) -> bool {
    spec.finder.is_some() || spec.keys.iter().any(is_key)
}

/// The keys of a call, in the order of the specs.
pub fn keys_of(spec: &Spec, words: &Words<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    let variable = spec.keys.iter().any(|key| key.flags & kflag::VARIABLE_FLAGS != 0);
    if spec.keys.iter().any(is_key) && !variable && by_specs(spec.keys, words, &mut found) {
        return found;
    }
    found.clear();
    if let Some(finder) = spec.finder {
        finder(words, &mut found);
    }
    found
}

fn is_key(key: &KeySpec) -> bool {
    key.flags & kflag::NOT_KEY == 0
}

/// False when a spec does not fit the call or does not find all.
fn by_specs(keys: &[KeySpec], words: &Words<'_, '_>, found: &mut Vec<Found>) -> bool {
    keys.iter().filter(|key| is_key(key)).all(|key| {
        let first = match key.begin {
            Begin::Index(place) => place,
            Begin::Keyword(word, from) => match after_keyword(words, word, from) {
                Some(place) => place,
                // What an absent keyword introduces is absent, too.
                None => return true,
            },
            Begin::Unknown => return false,
        };
        let Some((first, last, step)) = run_from(key.find, first, words) else { return false };
        let places = (first..=last).step_by(step.max(1));
        found.extend(places.map(|place| Found { place, flags: key.flags }));
        key.flags & kflag::INCOMPLETE == 0
    })
}

/// The place behind a keyword. The last word of a call is never one: nothing follows it; nor is
/// the first argument when the search goes backwards.
fn after_keyword(words: &Words<'_, '_>, word: &str, from: i32) -> Option<usize> {
    let argc = words.len();
    let hit = |i: &usize| words.is(*i, word);
    let place = if from > 0 {
        (from as usize..argc.saturating_sub(1)).find(hit)
    } else {
        let start = argc.checked_sub(from.unsigned_abs() as usize)?;
        (2..=start.min(argc.checked_sub(1)?)).rev().find(hit)
    };
    place.map(|place| place + 1)
}

/// First key, last key and step, when they are all words of the call.
fn run_from(find: Find, start: usize, words: &Words<'_, '_>) -> Option<(usize, usize, usize)> {
    let argc = words.len() as i64;
    let (first, last, step) = match find {
        Find::Range { last, step, limit } => {
            let (first, last) = (start as i64, i64::from(last));
            let end = match (last, limit) {
                (0.., _) => first + last,
                (_, 0) => argc + last,
                (_, limit) => first + (argc - first) / limit as i64 + last,
            };
            (first, end, step)
        }
        Find::KeyNum { num, first, step } => {
            let place = start + num;
            let count = (place < words.len()).then(|| parse_i64(words.get(place)))??;
            let first = (start + first) as i64;
            let run = count.checked_sub(1)?.checked_mul(step as i64)?;
            (first, first.checked_add(run)?, step)
        }
        Find::Unknown => return None,
    };
    let inside = first <= last && last < argc;
    inside.then_some((first as usize, last as usize, step))
}

const READS: u16 = kflag::RO | kflag::ACCESS;

/// SET: with GET it reads the old value, otherwise it only overwrites.
pub fn set(words: &Words<'_, '_>, found: &mut Vec<Found>) {
    let reads = (3..words.len()).any(|i| words.is(i, "get"));
    let flags = if reads { kflag::RW | kflag::ACCESS } else { kflag::OW };
    found.push(Found { place: 1, flags: flags | kflag::UPDATE });
}

/// BITFIELD: with GET alone it only reads.
pub fn bitfield(words: &Words<'_, '_>, found: &mut Vec<Found>) {
    const CHANGES: u16 = kflag::RW | kflag::ACCESS | kflag::UPDATE;
    let changes = (2..words.len()).any(|i| words.is(i, "set") || words.is(i, "incrby"));
    found.push(Found { place: 1, flags: if changes { CHANGES } else { READS } });
}

/// SORT: the source, and the destination of the last STORE. The names that BY and GET build
/// cannot be known.
pub fn sort(words: &Words<'_, '_>, found: &mut Vec<Found>) {
    found.push(Found { place: 1, flags: READS });
    let (mut at, mut store) = (2, None);
    while at < words.len() {
        if words.is(at, "limit") {
            at += 2;
        } else if words.is(at, "get") || words.is(at, "by") {
            at += 1;
        } else if words.is(at, "store") && at + 1 < words.len() {
            store = Some(at + 1);
        }
        at += 1;
    }
    found.extend(store.map(|place| Found { place, flags: kflag::OW | kflag::UPDATE }));
}

/// SORT_RO: the source.
pub fn sort_ro(_: &Words<'_, '_>, found: &mut Vec<Found>) {
    found.push(Found { place: 1, flags: READS });
}

/// MIGRATE: the key at its place, or those behind KEYS when that place is empty.
pub fn migrate(words: &Words<'_, '_>, found: &mut Vec<Found>) {
    const MOVES: u16 = kflag::RW | kflag::ACCESS | kflag::DELETE;
    let mut places = 3..4;
    let mut at = 6;
    while at < words.len() {
        if words.is(at, "keys") {
            // A key at its place as well is a fault that MIGRATE itself will tell.
            places = if words.get(3).is_empty() { at + 1..words.len() } else { 0..0 };
            break;
        }
        // What follows these may look like the keyword.
        at += 1 + usize::from(words.is(at, "auth")) + 2 * usize::from(words.is(at, "auth2"));
    }
    found.extend(places.map(|place| Found { place, flags: MOVES }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::request::Argv;

    fn places(finder: Finder, call: &str) -> Vec<(usize, u16)> {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let mut argv = Argv::from_slices(&words);
        let args = Args::new(argv.raw());
        let mut found = Vec::new();
        finder(&Words::new(&args, 0), &mut found);
        found.iter().map(|f| (f.place, f.flags)).collect()
    }

    fn specs(keys: &[KeySpec], call: &str) -> Option<Vec<usize>> {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let mut argv = Argv::from_slices(&words);
        let args = Args::new(argv.raw());
        let mut found = Vec::new();
        by_specs(keys, &Words::new(&args, 0), &mut found)
            .then(|| found.iter().map(|f| f.place).collect())
    }

    #[test]
    fn specs_find_ranges_counts_and_keywords() {
        assert_eq!(specs(&[KeySpec::at(1).ro()], "get a"), Some(vec![1]));
        assert_eq!(specs(&[KeySpec::range(1, -1, 2).ow()], "mset a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(specs(&[KeySpec::range(1, -2, 1).rw()], "blpop a b 0"), Some(vec![1, 2]));
        assert_eq!(specs(&[KeySpec::counted(2).rw()], "eval x 2 a b c"), Some(vec![3, 4]));
        for bad in ["eval x 0 a", "eval x 4 a b", "eval x -1 a", "eval x y a", "eval x"] {
            assert_eq!(specs(&[KeySpec::counted(2).rw()], bad), None, "{bad}");
        }
        assert_eq!(specs(&[KeySpec::counted(2).rw()], "eval x 9223372036854775807 a"), None);
        let half = Find::Range { last: -1, step: 1, limit: 2 };
        let streams = [KeySpec::keyword("streams", 1, half).ro()];
        assert_eq!(specs(&streams, "xread count 1 STREAMS a b 0 0"), Some(vec![4, 5]));
        assert_eq!(specs(&streams, "xread count 1 streams"), Some(vec![]));
        let last = KeySpec::keyword("keys", -2, Find::Range { last: -1, step: 1, limit: 0 });
        assert_eq!(specs(&[last.rw()], "migrate h 1 x 0 1 keys a b"), Some(vec![7, 8]));
        assert_eq!(specs(&[last.rw()], "x keys"), Some(vec![]));
        assert_eq!(specs(&[KeySpec::at(1).ro(), KeySpec::unknown().ow()], "sort a"), None);
        assert_eq!(specs(&[KeySpec::at(1).rw().incomplete()], "m a"), None);
    }

    #[test]
    fn finders_know_their_commands() {
        let (read, write) = (READS, kflag::OW | kflag::UPDATE);
        let change = kflag::RW | kflag::ACCESS | kflag::UPDATE;
        assert_eq!(places(set, "set k v ex 1"), [(1, write)]);
        assert_eq!(places(set, "set k v GET"), [(1, change)]);
        assert_eq!(places(set, "set k get"), [(1, write)]);
        assert_eq!(places(bitfield, "bitfield k get u8 0"), [(1, read)]);
        assert_eq!(places(bitfield, "bitfield k get u8 0 incrby u8 0 1"), [(1, change)]);
        assert_eq!(places(sort_ro, "sort_ro k by x"), [(1, read)]);
        assert_eq!(places(sort, "sort k by store limit 0 store"), [(1, read)]);
        let two = places(sort, "sort k store a get b store c");
        assert_eq!(two, [(1, read), (7, write)]);
        let moved = kflag::RW | kflag::ACCESS | kflag::DELETE;
        assert_eq!(places(migrate, "migrate h 1 k 0 1 copy"), [(3, moved)]);
        assert_eq!(places(migrate, "migrate h 1 k 0 1 keys a"), []);
        assert_eq!(places(migrate, "migrate h 1  0 1 keys a b"), [(7, moved), (8, moved)]);
        assert_eq!(places(migrate, "migrate h 1  0 1 auth keys keys a"), [(9, moved)]);
    }
}
