//! Where a command's keys are among its arguments (Redis key specifications, `COMMAND INFO`).

/// Where the first key is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At a fixed place.
    Index(usize),
    /// After a keyword; searched from this place, backwards from the end when negative.
    Keyword(&'static str, i32),
    /// The specs do not tell.
    Unknown,
}

/// How the other keys follow from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// Up to `last` (counted from the first key, or from the end when negative), each `step`;
    /// `limit` divides what remains.
    Range {
        /// Place of the last key, relative to the first, or from the end when negative.
        last: i32,
        /// Distance between keys.
        step: usize,
        /// With `last` of -1: only 1/limit of the rest holds keys.
        limit: usize,
    },
    /// A count of keys stands at `num`, the first key at `first`, both relative to the start.
    KeyNum {
        /// Offset of the count.
        num: usize,
        /// Offset of the first key.
        first: usize,
        /// Distance between keys.
        step: usize,
    },
    /// The specs do not tell.
    Unknown,
}

/// Flags of a key spec, as bits; the names are those of `COMMAND INFO`.
pub mod kflag {
    /// Read only.
    pub const RO: u16 = 1 << 0;
    /// Read and written.
    pub const RW: u16 = 1 << 1;
    /// Overwritten.
    pub const OW: u16 = 1 << 2;
    /// Removed.
    pub const RM: u16 = 1 << 3;
    /// The value is returned, copied or compared.
    pub const ACCESS: u16 = 1 << 4;
    /// The value is changed depending on itself.
    pub const UPDATE: u16 = 1 << 5;
    /// Data is added.
    pub const INSERT: u16 = 1 << 6;
    /// Content is deleted.
    pub const DELETE: u16 = 1 << 7;
    /// Not a key, only routed like one.
    pub const NOT_KEY: u16 = 1 << 8;
    /// There may be more keys than the spec finds.
    pub const INCOMPLETE: u16 = 1 << 9;
    /// The flags depend on the arguments.
    pub const VARIABLE_FLAGS: u16 = 1 << 10;

    /// All of them, named as `COMMAND INFO` does and in its order.
    pub const NAMES: &[(u16, &str)] = &[
        (RO, "RO"),
        (RW, "RW"),
        (OW, "OW"),
        (RM, "RM"),
        (ACCESS, "access"),
        (UPDATE, "update"),
        (INSERT, "insert"),
        (DELETE, "delete"),
        (NOT_KEY, "not_key"),
        (INCOMPLETE, "incomplete"),
        (VARIABLE_FLAGS, "variable_flags"),
    ];
}

/// One key specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// Where the first key is.
    pub begin: Begin,
    /// Where the rest is.
    pub find: Find,
    /// Bits of [`kflag`].
    pub flags: u16,
}

impl KeySpec {
    /// One key at a fixed place.
    pub const fn at(index: usize) -> KeySpec {
        KeySpec {
            begin: Begin::Index(index),
            find: Find::Range { last: 0, step: 1, limit: 0 },
            flags: 0,
        }
    }

    /// Keys from a fixed place to `last` (negative: from the end), each `step` arguments.
    pub const fn range(index: usize, last: i32, step: usize) -> KeySpec {
        KeySpec { begin: Begin::Index(index), find: Find::Range { last, step, limit: 0 }, flags: 0 }
    }

    /// Keys after a keyword, which is looked for from place `from`, or backwards from the end when
    /// that is negative.
    pub const fn keyword(word: &'static str, from: i32, find: Find) -> KeySpec {
        KeySpec { begin: Begin::Keyword(word, from), find, flags: 0 }
    }

    /// Keys that no rule finds.
    pub const fn unknown() -> KeySpec {
        KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags: 0 }
    }

    /// A counted run of keys: the count stands at `index`, the keys follow.
    pub const fn counted(index: usize) -> KeySpec {
        KeySpec {
            begin: Begin::Index(index),
            find: Find::KeyNum { num: 0, first: 1, step: 1 },
            flags: 0,
        }
    }

    const fn with(mut self, flags: u16) -> KeySpec {
        self.flags |= flags;
        self
    }

    /// Read only.
    pub const fn ro(self) -> KeySpec {
        self.with(kflag::RO)
    }
    /// Read and written.
    pub const fn rw(self) -> KeySpec {
        self.with(kflag::RW)
    }
    /// Overwritten.
    pub const fn ow(self) -> KeySpec {
        self.with(kflag::OW)
    }
    /// Removed.
    pub const fn rm(self) -> KeySpec {
        self.with(kflag::RM)
    }
    /// The value is looked at.
    pub const fn access(self) -> KeySpec {
        self.with(kflag::ACCESS)
    }
    /// The value is updated.
    pub const fn update(self) -> KeySpec {
        self.with(kflag::UPDATE)
    }
    /// Data is added.
    pub const fn insert(self) -> KeySpec {
        self.with(kflag::INSERT)
    }
    /// Content is deleted.
    pub const fn delete(self) -> KeySpec {
        self.with(kflag::DELETE)
    }
    /// Not a key, but what leads a cluster to the node, as a shard channel does.
    pub const fn not_key(self) -> KeySpec {
        self.with(kflag::NOT_KEY)
    }
    /// The flags above depend on the arguments.
    pub const fn variable(self) -> KeySpec {
        self.with(kflag::VARIABLE_FLAGS)
    }
    /// There may be keys that the spec does not find.
    pub const fn incomplete(self) -> KeySpec {
        self.with(kflag::INCOMPLETE)
    }

    /// Whether it says only that there are keys, not where.
    pub fn is_unknown(&self) -> bool {
        matches!(self.begin, Begin::Unknown)
    }
}

/// First key, last key and step as clients of old take them: of all ranges at fixed places that
/// join, zeros when there is none.
pub fn legacy_range(keys: &[KeySpec]) -> (i64, i64, i64) {
    let ranges = || keys.iter().filter_map(fixed_range);
    if let (1, Some((first, last, step))) = (keys.len(), ranges().next()) {
        return (first, last, step);
    }
    let mut joined: Option<(i64, i64)> = None;
    for (first, last, _) in ranges().filter(|(.., step)| *step == 1) {
        joined = match joined {
            None => Some((first, last)),
            Some((from, to)) if to >= 0 && first == to + 1 => Some((from, last)),
            joined => joined,
        };
    }
    joined.map_or((0, 0, 0), |(first, last)| (first, last, 1))
}

/// Places of the first and the last key (from the end when negative), and the step.
fn fixed_range(key: &KeySpec) -> Option<(i64, i64, i64)> {
    match (key.begin, key.find) {
        (Begin::Index(first), Find::Range { last, step, .. }) => {
            let first = first as i64;
            let last = i64::from(last);
            Some((first, if last >= 0 { first + last } else { last }, step as i64))
        }
        _ => None,
    }
}
