//! The table of a large set: members in hash order, and the sum of their sizes.

use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::ds::capture::Capture;
use crate::ds::dict::{Dict, Fetch, Thin, Trace, Traced};
use crate::ds::listpack::Item;
use crate::ds::member::{Member, item_of};

/// Members by hash.
pub struct Table {
    seed: Seed,
    dict: Dict<Member>,
    /// Memory of all members.
    members_bytes: usize,
    /// What is still to be told of an earlier moment.
    pub(in crate::value) capture: Option<Box<Capture>>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} members)", self.len())
    }
}

/// The members of a table.
pub struct Members<'a>(Traced<'a, Member>);

impl<'a> Iterator for Members<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.next_traced().map(|(item, _)| item)
    }
}

impl<'a> Members<'a> {
    /// The next member and what its slot tells of its hash.
    #[inline]
    pub(super) fn next_traced(&mut self) -> Option<(Item<'a>, Trace)> {
        self.0.next().map(|(member, trace)| (item_of(&member), trace))
    }
}

impl Table {
    /// An empty table.
    pub fn new(seed: Seed) -> Table {
        Table { seed, dict: Dict::new(seed), members_bytes: 0, capture: None }
    }

    /// Makes room in an empty one for so many members.
    pub fn reserve(&mut self, members: usize) {
        self.dict.reserve(members);
    }

    /// An empty table with the same seed.
    pub fn like(&self) -> Table {
        Table::new(self.seed)
    }

    /// How many members there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.dict.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.dict.is_empty()
    }

    /// Memory of the table and its members.
    pub fn bytes(&self) -> usize {
        size_of::<Table>() - size_of::<Dict<Member>>() + self.dict.bytes() + self.members_bytes
    }

    /// Asks for the cache lines that a search for this hash touches.
    #[inline]
    pub fn fetch(&self, hash: u64, what: Fetch) {
        self.dict.fetch(hash, what);
    }

    /// Whether a text is a member.
    #[inline]
    pub fn contains(&self, text: &[u8]) -> bool {
        self.dict.find(self.dict.hash(text), text).is_some()
    }

    /// Whether a member of another table, whose slot told this of its hash, is one of this. All
    /// tables have the same seed.
    #[inline]
    pub(super) fn holds(&self, item: Item<'_>, trace: Trace) -> bool {
        // A member is kept as a number wherever it can be, so equal ones are kept alike.
        let held = self.dict.holds(trace, |member| member.item() == item);
        held.unwrap_or_else(|| item.with_text(|text| self.contains(text)))
    }

    /// Adds a text; false when it is there.
    #[inline]
    pub fn insert(&mut self, text: &[u8]) -> bool {
        let hash = self.dict.hash(text);
        self.before_change(hash);
        let (_, new) = self.dict.find_or_insert_with(hash, text, || Member::new(text));
        if new {
            self.members_bytes += Member::footprint(text);
        }
        new
    }

    /// Takes a text out; false when it is not there.
    #[inline]
    pub fn remove(&mut self, text: &[u8]) -> bool {
        let hash = self.dict.hash(text);
        self.before_change(hash);
        let found = self.dict.remove(hash, text).is_some();
        if found {
            self.members_bytes -= Member::footprint(text);
        }
        found
    }

    /// Whoever tells of an earlier moment keeps what has this hash.
    #[inline]
    fn before_change(&mut self, hash: u64) {
        if let Some(capture) = &mut self.capture {
            capture.before_change(&self.dict, hash, |member, kept| {
                member.with_key(|text| kept.push(text));
            });
        }
    }

    /// Tells some members more of the moment the capture began at; true when that was all.
    pub(in crate::value) fn tell(&mut self, f: &mut dyn FnMut(&[u8])) -> bool {
        let Some(capture) = &mut self.capture else { return true };
        capture.take_kept().iter().for_each(&mut *f);
        capture.step(&self.dict, |member| member.with_key(|text| f(text)))
    }

    /// A member, each equally likely.
    pub fn random(&self, rng: &mut Rng) -> Option<Item<'_>> {
        self.dict.random(rng).map(|member| item_of(&member))
    }

    /// The members in no useful order.
    pub fn iter(&self) -> Members<'_> {
        Members(self.dict.iter_traced())
    }

    /// One step of a scan in hash order.
    pub fn scan(&self, cursor: u64, f: &mut impl FnMut(Item<'_>)) -> u64 {
        self.dict.scan(cursor, &mut |member| f(member.item()))
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Table {
        let mut copy = Table::new(self.seed);
        for item in self.iter() {
            item.with_text(|text| copy.insert(text));
        }
        copy
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        self.dict.check();
        let sum: usize = self.iter().map(|item| item.with_text(Member::footprint)).sum();
        assert_eq!(self.members_bytes, sum, "the sum of the members' sizes");
    }
}
