//! Sets: sorted integers, a listpack, or a table of members.
//!
//! ```text
//!  integers only, up to set-max-intset-entries            intset      ascending
//!  up to set-max-listpack-entries of at most
//!  set-max-listpack-value bytes each                      listpack    in order of arrival
//!  everything else                                        hashtable   in hash order
//! ```
//!
//! A set of integers that is told something else becomes a listpack when it is small enough, a
//! table otherwise; one that outgrows its limit becomes a table at once, also where a listpack
//! could still hold it. No set ever goes back, except where a command builds its result anew.

mod algebra;
mod sample;
mod table;
#[cfg(test)]
mod tests;

use crate::base::num::parse_i64;
use crate::ds::intset::{Intset, IntsetRef};
use crate::ds::listpack::{self, Item, Listpack, Packed};
use crate::value::limits::Limits;
use crate::value::{Collection, PackedKind, Value};
pub use algebra::{
    Diff, Inter, difference, empty_intersection, intersect, store_intersection, union,
};
pub use sample::{Share, keeps_place};
pub use table::Table;

/// An owned set.
#[derive(Debug)]
pub enum Set {
    /// Integers alone.
    Ints(Intset),
    /// A few short members.
    Packed(Listpack),
    /// Many members, or long ones.
    Table(Box<Table>),
}

/// A borrowed set.
#[derive(Clone, Copy, Debug)]
pub enum SetRef<'a> {
    /// Integers alone.
    Ints(IntsetRef<'a>),
    /// A few short members.
    Packed(Packed<'a>),
    /// Many members, or long ones.
    Table(&'a Table),
}

/// The members of a set, in the order of its encoding.
pub enum Members<'a> {
    /// Ascending; the place of the next one.
    Ints(IntsetRef<'a>, usize),
    /// In order of arrival.
    Packed(listpack::Iter<'a>),
    /// In hash order.
    Table(table::Members<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Members::Ints(set, at) => {
                let value = (*at < set.len()).then(|| set.get(*at))?;
                *at += 1;
                Some(Item::Int(value))
            }
            Members::Packed(items) => items.next(),
            Members::Table(members) => members.next(),
        }
    }
}

impl<'a> Members<'a> {
    /// The next member that is in all of these sets, or in none of them.
    #[inline]
    fn next_in(&mut self, all: bool, sets: &[SetRef<'a>]) -> Option<Item<'a>> {
        if let Members::Table(members) = self {
            return loop {
                let (item, trace) = members.next_traced()?;
                let held = |set: &SetRef<'_>| match set {
                    SetRef::Table(table) => table.holds(item, trace),
                    small => small.contains_item(item),
                };
                if sets.iter().all(|set| held(set) == all) {
                    break Some(item);
                }
            };
        }
        self.find(|item| sets.iter().all(|set| set.contains_item(*item) == all))
    }
}

impl<'a> SetRef<'a> {
    /// How many members there are.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            SetRef::Ints(set) => set.len(),
            SetRef::Packed(pack) => pack.len(),
            SetRef::Table(table) => table.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(self) -> &'static str {
        match self {
            SetRef::Ints(_) => "intset",
            SetRef::Packed(_) => "listpack",
            SetRef::Table(_) => "hashtable",
        }
    }

    /// Whether a text is a member.
    #[inline]
    pub fn contains(self, text: &[u8]) -> bool {
        match self {
            SetRef::Ints(set) => parse_i64(text).is_some_and(|value| set.contains(value)),
            SetRef::Packed(pack) => pack.find(text, 0, pack.first()).is_some(),
            SetRef::Table(table) => table.contains(text),
        }
    }

    /// Whether a member of another set is one of this.
    #[inline]
    pub fn contains_item(self, item: Item<'_>) -> bool {
        match (self, item) {
            (SetRef::Ints(set), Item::Int(value)) => set.contains(value),
            (set, item) => item.with_text(|text| set.contains(text)),
        }
    }

    /// The members, in the order of the encoding.
    pub fn iter(self) -> Members<'a> {
        match self {
            SetRef::Ints(set) => Members::Ints(set, 0),
            SetRef::Packed(pack) => Members::Packed(pack.iter()),
            SetRef::Table(table) => Members::Table(table.iter()),
        }
    }

    /// One step of a scan: hands members out and returns the cursor to go on with, 0 at the end.
    /// Small encodings are handed out whole, since they may change their order by a conversion.
    pub fn scan(self, cursor: u64, f: &mut impl FnMut(Item<'_>)) -> u64 {
        match self {
            SetRef::Table(table) => table.scan(cursor, f),
            small => {
                small.iter().for_each(f);
                0
            }
        }
    }
}

impl Collection for Set {
    fn growing_in(buffer: &mut Vec<u8>) -> Self {
        Set::Ints(Intset::growing_in(std::mem::take(buffer)))
    }

    fn of(value: &mut Value) -> Option<&mut Self> {
        match value {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }

    fn into_value(mut self) -> Value {
        match &mut self {
            Set::Ints(set) => set.fit(),
            Set::Packed(pack) => pack.fit(),
            Set::Table(_) => {}
        }
        Value::Set(self)
    }

    #[inline]
    fn of_packed(kind: PackedKind, bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        match kind {
            PackedKind::SetIntset => Ok(Set::Ints(Intset::from_trusted(bytes))),
            PackedKind::SetListpack => Ok(Set::Packed(Listpack::from_trusted(bytes))),
            _ => Err(bytes),
        }
    }

    #[inline]
    fn as_packed(&self) -> Option<(PackedKind, &[u8])> {
        match self {
            Set::Ints(set) => Some((PackedKind::SetIntset, set.as_ref().bytes())),
            Set::Packed(pack) => Some((PackedKind::SetListpack, pack.as_packed().bytes())),
            Set::Table(_) => None,
        }
    }

    fn into_packed_bytes(self) -> Vec<u8> {
        match self {
            Set::Ints(set) => set.into_bytes(),
            Set::Packed(pack) => pack.into_bytes(),
            Set::Table(_) => Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        Set::is_empty(self)
    }
}

impl Default for Set {
    fn default() -> Self {
        Set::Ints(Intset::new())
    }
}

impl Set {
    /// An empty set in the encoding that suits `hint` members of which `first` is one.
    pub fn for_first(first: &[u8], hint: usize, limits: &Limits) -> Set {
        if hint <= limits.set_max_intset_entries && parse_i64(first).is_some() {
            Set::Ints(Intset::new())
        } else if hint <= limits.set_max_listpack_entries {
            Set::Packed(Listpack::new())
        } else {
            Set::Table(Box::new(Table::new(limits.seed)))
        }
    }

    /// `for_first`, in the buffer of this set, which is empty.
    pub fn begin(&mut self, first: &[u8], hint: usize, limits: &Limits) {
        let suited = Set::for_first(first, hint, limits);
        let old = std::mem::replace(self, suited);
        let buffer = old.into_packed_bytes();
        match self {
            Set::Ints(set) => *set = Intset::growing_in(buffer),
            Set::Packed(pack) => *pack = Listpack::growing_in(buffer),
            Set::Table(_) => {}
        }
    }

    /// A copy of another set's members, integers kept as such.
    pub fn of_members(set: SetRef<'_>, limits: &Limits) -> Set {
        let mut copy = Set::default();
        for item in set.iter() {
            copy.insert_item(item, limits);
        }
        copy
    }

    /// The set, borrowed.
    #[inline]
    pub fn as_ref(&self) -> SetRef<'_> {
        match self {
            Set::Ints(set) => SetRef::Ints(set.as_ref()),
            Set::Packed(pack) => SetRef::Packed(pack.as_packed()),
            Set::Table(table) => SetRef::Table(table),
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Set::Ints(set) => set.heap_bytes(),
            Set::Packed(pack) => pack.heap_bytes(),
            Set::Table(table) => table.bytes(),
        }
    }

    /// An independent copy in the same encoding.
    pub fn duplicate(&self) -> Set {
        match self {
            Set::Ints(set) => Set::Ints(set.clone()),
            Set::Packed(pack) => Set::Packed(pack.clone()),
            Set::Table(table) => Set::Table(Box::new(table.duplicate())),
        }
    }

    /// Prepares for `more` members at once: a call that brings more of them than a small encoding
    /// may hold leads to a table, whether or not they are new.
    pub fn expect(&mut self, more: usize, limits: &Limits) {
        let limit = match self {
            Set::Ints(_) => limits.set_max_intset_entries,
            Set::Packed(_) => limits.set_max_listpack_entries,
            Set::Table(_) => return,
        };
        if more > limit {
            self.become_table(limits);
        }
    }

    /// Adds a text; false when it is there.
    #[inline]
    pub fn insert(&mut self, text: &[u8], limits: &Limits) -> bool {
        match self {
            Set::Table(table) => table.insert(text),
            Set::Ints(_) => match parse_i64(text) {
                Some(value) => self.insert_int(value, limits),
                None => self.insert_first_text(text, limits),
            },
            Set::Packed(pack) => {
                let packed = pack.as_packed();
                if packed.find(text, 0, packed.first()).is_some() {
                    return false;
                }
                let fits = packed.len() < limits.set_max_listpack_entries
                    && text.len() <= limits.set_max_listpack_value
                    && pack.may_grow(text.len());
                if fits {
                    pack.push(text);
                } else {
                    self.become_table(limits).insert(text);
                }
                true
            }
        }
    }

    /// Adds a member of another set; false when it is there.
    #[inline]
    pub fn insert_item(&mut self, item: Item<'_>, limits: &Limits) -> bool {
        match (&self, item) {
            (Set::Ints(_), Item::Int(value)) => self.insert_int(value, limits),
            _ => item.with_text(|text| self.insert(text, limits)),
        }
    }

    fn insert_int(&mut self, value: i64, limits: &Limits) -> bool {
        let Set::Ints(set) = self else { unreachable!("called for integers alone") };
        if !set.insert(value) {
            return false;
        }
        if set.as_ref().len() > limits.set_max_intset_entries {
            self.become_table(limits);
        }
        true
    }

    /// The first member that is no integer.
    fn insert_first_text(&mut self, text: &[u8], limits: &Limits) -> bool {
        let ints = self.as_ref();
        // The longest text of all lies at one of the ends.
        let SetRef::Ints(set) = ints else { unreachable!("called for integers alone") };
        let ends = [set.iter().next(), set.iter().next_back()];
        let longest = ends.iter().flatten().map(|end| Item::Int(*end).len()).max().unwrap_or(0);
        let mut pack = Listpack::new();
        let fits = set.len() < limits.set_max_listpack_entries
            && text.len().max(longest) <= limits.set_max_listpack_value
            && pack.may_grow(set.len() * (longest + 2) + text.len());
        if fits {
            set.iter().for_each(|value| pack.push_int(value));
            pack.push(text);
            *self = Set::Packed(pack);
        } else {
            self.become_table(limits).insert(text);
        }
        true
    }

    /// Takes a text out; false when it is not there.
    pub fn remove(&mut self, text: &[u8]) -> bool {
        match self {
            Set::Ints(set) => parse_i64(text).is_some_and(|value| set.remove(value)),
            Set::Packed(pack) => {
                let packed = pack.as_packed();
                let found = packed.find(text, 0, packed.first());
                found.map(|pos| pack.remove(pos)).is_some()
            }
            Set::Table(table) => table.remove(text),
        }
    }

    /// Changes the encoding to a table.
    fn become_table(&mut self, limits: &Limits) -> &mut Table {
        if !matches!(self, Set::Table(_)) {
            let mut table = Box::new(Table::new(limits.seed));
            for item in self.as_ref().iter() {
                item.with_text(|text| table.insert(text));
            }
            *self = Set::Table(table);
        }
        let Set::Table(table) = self else { unreachable!("it is a table now") };
        table
    }

    /// Makes a set of which all members are integers an intset, if it may be one.
    pub fn settle_ints(&mut self, limits: &Limits) {
        if matches!(self, Set::Ints(_))
            || self.is_empty()
            || self.len() > limits.set_max_intset_entries
        {
            return;
        }
        let mut ints = Intset::new();
        for item in self.as_ref().iter() {
            ints.insert(item.as_int().expect("all members are integers"));
        }
        *self = Set::Ints(ints);
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        match self {
            Set::Ints(set) => set.check(),
            Set::Packed(pack) => {
                let packed = pack.as_packed();
                assert!(Packed::validate(packed.bytes()), "a malformed listpack");
                let mut seen: Vec<Vec<u8>> = packed.iter().map(|item| item.to_vec()).collect();
                seen.sort_unstable();
                assert!(seen.is_sorted_by(|one, next| one < next), "a member twice");
            }
            Set::Table(table) => table.check(),
        }
    }
}
