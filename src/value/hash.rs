//! Hashes: a listpack of fields and values in turn while small, a table of pairs beyond.
//!
//! A listpack becomes a table when it has too many fields, or one that is too long
//! (`hash-max-listpack-entries`, `hash-max-listpack-value`); a table never goes back. A small
//! listpack lives inside its entry, so readers work on a [`HashRef`], which does not care where
//! the bytes are.
//!
//! Invariant: no field is there twice; a table knows the sum of its pairs' bytes.

use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::ds::capture::Capture;
use crate::ds::dict::{self, Dict, Fetch};
use crate::ds::listpack::{self, Item, Listpack, Packed, Pos};
use crate::ds::pair::{Pair, parts_of};
use crate::value::limits::Limits;
use crate::value::{Collection, PackedKind, Value};

/// A hash outside its entry, or taken out of it to be changed.
#[derive(Debug)]
pub enum Hash {
    /// Fields and values in turn.
    Packed(Listpack),
    /// Fields by their hash.
    Table(Box<HashTable>),
}

/// The fields of a large hash.
pub struct HashTable {
    dict: Dict<Pair>,
    /// Bytes of all pairs.
    pairs: usize,
    /// What is still to be told of an earlier moment.
    pub(super) capture: Option<Box<Capture>>,
}

impl std::fmt::Debug for HashTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HashTable of {} fields", self.dict.len())
    }
}

impl HashTable {
    fn new(seed: Seed) -> HashTable {
        HashTable { dict: Dict::new(seed), pairs: 0, capture: None }
    }

    /// Whoever tells of an earlier moment keeps what has this hash.
    #[inline]
    fn before_change(&mut self, hash: u64) {
        if let Some(capture) = &mut self.capture {
            capture.before_change(&self.dict, hash, |pair, kept| {
                kept.push(pair.key());
                kept.push(pair.value());
            });
        }
    }

    /// Tells some fields more of the moment the capture began at; true when that was all.
    pub(super) fn tell(&mut self, f: &mut dyn FnMut(&[u8], &[u8])) -> bool {
        let Some(capture) = &mut self.capture else { return true };
        let kept = capture.take_kept();
        let mut texts = kept.iter();
        while let (Some(field), Some(value)) = (texts.next(), texts.next()) {
            f(field, value);
        }
        capture.step(&self.dict, |pair| f(pair.key(), pair.value()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.dict.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.dict.is_empty()
    }

    /// An empty one with the same seed.
    pub fn like(&self) -> HashTable {
        HashTable::new(self.dict.seed())
    }

    /// Asks for the cache lines that a search for this hash touches.
    #[inline]
    pub fn fetch(&self, hash: u64, what: Fetch) {
        self.dict.fetch(hash, what);
    }

    /// Sets a field; true when it is new.
    #[inline]
    fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let hash = self.dict.hash(field);
        self.before_change(hash);
        let make = || Pair::new(field, value);
        let (mut pair, made) = self.dict.find_or_insert_with(hash, field, make);
        if made {
            self.pairs += pair.bytes();
        } else {
            self.pairs -= pair.bytes();
            pair.set_value(value);
            self.pairs += pair.bytes();
        }
        made
    }

    fn remove(&mut self, field: &[u8]) -> bool {
        let hash = self.dict.hash(field);
        self.before_change(hash);
        let gone = self.dict.remove(hash, field);
        self.pairs -= gone.as_ref().map_or(0, Pair::bytes);
        gone.is_some()
    }
}

impl Default for Hash {
    fn default() -> Self {
        Hash::Packed(Listpack::new())
    }
}

impl Hash {
    /// The same, borrowed.
    #[inline]
    pub fn as_ref(&self) -> HashRef<'_> {
        match self {
            Hash::Packed(list) => HashRef::Packed(list.as_packed()),
            Hash::Table(table) => HashRef::Table(table),
        }
    }

    /// Converts ahead of a call that sets these fields and values in turn, where it is clear from
    /// the words alone that they do not fit a listpack. As in Redis, fields that come twice, or
    /// are there already, count as new ones.
    pub fn expect<'w>(&mut self, words: impl ExactSizeIterator<Item = &'w [u8]>, limits: &Limits) {
        let Hash::Packed(list) = self else { return };
        let many = words.len() / 2 > limits.hash_max_listpack_entries;
        let mut sum = 0;
        let mut long = false;
        if !many {
            for word in words {
                long |= word.len() > limits.hash_max_listpack_value;
                sum += word.len();
            }
        }
        if many || long || !list.may_grow(sum) {
            self.convert(limits);
        }
    }

    /// Converts ahead of a file that brings so many fields, where that is too many for a listpack.
    pub fn expect_fields(&mut self, fields: usize, limits: &Limits) {
        if fields > limits.hash_max_listpack_entries && matches!(self, Hash::Packed(_)) {
            self.convert(limits);
        }
    }

    /// Converts a listpack that came from a file and has too many fields under these limits.
    pub fn settle(&mut self, limits: &Limits) {
        self.expect_fields(self.as_ref().len(), limits);
    }

    /// Sets a field; true when it is new.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        let longest = field.len().max(value.len());
        if longest > limits.hash_max_listpack_value && matches!(self, Hash::Packed(_)) {
            self.convert(limits);
        }
        let list = match self {
            Hash::Table(table) => return table.set(field, value),
            Hash::Packed(list) => list,
        };
        if let Some(at) = value_of(list.as_packed(), field) {
            list.replace(at, value);
            return false;
        }
        list.push(field);
        list.push(value);
        if list.as_packed().len() / 2 > limits.hash_max_listpack_entries {
            self.convert(limits);
        }
        true
    }

    /// Takes a field out; false when there is none.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self {
            Hash::Table(table) => table.remove(field),
            Hash::Packed(list) => {
                let packed = list.as_packed();
                let Some(at) = packed.find(field, 1, packed.first()) else { return false };
                list.remove_range(at, 2);
                true
            }
        }
    }

    fn convert(&mut self, limits: &Limits) {
        let mut table = HashTable::new(limits.seed);
        for (field, value) in self.as_ref().iter() {
            field.with_text(|field| value.with_text(|value| table.set(field, value)));
        }
        *self = Hash::Table(Box::new(table));
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        self.as_ref().encoding()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Hash::Packed(list) => list.heap_bytes(),
            Hash::Table(table) => 2 * size_of::<usize>() + table.dict.bytes() + table.pairs,
        }
    }

    /// An independent copy.
    pub fn duplicate(&self) -> Hash {
        match self {
            Hash::Packed(list) => Hash::Packed(list.clone()),
            Hash::Table(table) => {
                let mut copy = table.like();
                for pair in table.dict.iter() {
                    copy.set(pair.key(), pair.value());
                }
                Hash::Table(Box::new(copy))
            }
        }
    }

    /// Asserts every invariant.
    pub fn check(&self) {
        match self {
            Hash::Packed(list) => {
                let packed = list.as_packed();
                assert!(Packed::validate(packed.bytes()), "well formed");
                assert!(packed.len() % 2 == 0, "each field has a value");
                for (i, (field, _)) in self.as_ref().iter().enumerate() {
                    let first = field.with_text(|text| packed.find(text, 1, packed.first()));
                    assert_eq!(first, packed.seek(2 * i as i64), "no field is there twice");
                }
            }
            Hash::Table(table) => {
                table.dict.check();
                let sum: usize = table.dict.iter().map(|pair| pair.bytes()).sum();
                assert_eq!(sum, table.pairs, "the sum of the pairs");
            }
        }
    }
}

impl Collection for Hash {
    fn growing_in(buffer: &mut Vec<u8>) -> Self {
        Hash::Packed(Listpack::growing_in(std::mem::take(buffer)))
    }

    fn of(value: &mut Value) -> Option<&mut Self> {
        match value {
            Value::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn into_value(mut self) -> Value {
        if let Hash::Packed(list) = &mut self {
            list.fit();
        }
        Value::Hash(self)
    }

    fn of_packed(kind: PackedKind, bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        match kind {
            PackedKind::HashListpack => Ok(Hash::Packed(Listpack::from_trusted(bytes))),
            _ => Err(bytes),
        }
    }

    fn as_packed(&self) -> Option<(PackedKind, &[u8])> {
        match self {
            Hash::Packed(list) => Some((PackedKind::HashListpack, list.as_packed().bytes())),
            Hash::Table(_) => None,
        }
    }

    fn into_packed_bytes(self) -> Vec<u8> {
        match self {
            Hash::Packed(list) => list.into_bytes(),
            Hash::Table(_) => Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }
}

/// Where the value of a field is.
#[inline]
fn value_of(packed: Packed<'_>, field: &[u8]) -> Option<Pos> {
    packed.next(packed.find(field, 1, packed.first())?)
}

/// A hash to be read, wherever it is.
#[derive(Clone, Copy)]
pub enum HashRef<'a> {
    /// Fields and values in turn.
    Packed(Packed<'a>),
    /// Fields by their hash.
    Table(&'a HashTable),
}

/// A field and its value.
pub type Field<'a> = (Item<'a>, Item<'a>);

impl<'a> HashRef<'a> {
    /// Number of fields.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            HashRef::Packed(packed) => packed.len() / 2,
            HashRef::Table(table) => table.dict.len(),
        }
    }

    /// Whether there is no field.
    #[inline]
    pub fn is_empty(self) -> bool {
        match self {
            HashRef::Packed(packed) => packed.is_empty(),
            HashRef::Table(table) => table.dict.is_empty(),
        }
    }

    /// The value of a field.
    #[inline]
    pub fn get(self, field: &[u8]) -> Option<Item<'a>> {
        match self {
            HashRef::Packed(packed) => value_of(packed, field).map(|at| packed.get(at)),
            HashRef::Table(table) => {
                let pair = table.dict.find(table.dict.hash(field), field)?;
                Some(Item::Bytes(parts_of(&pair).1))
            }
        }
    }

    /// All fields with their values: in the order they came while it is a listpack, in no useful
    /// one beyond.
    #[inline]
    pub fn iter(self) -> Fields<'a> {
        match self {
            HashRef::Packed(packed) => Fields::Packed(packed.iter()),
            HashRef::Table(table) => Fields::Table(table.dict.iter()),
        }
    }

    /// A field with its value, each as likely as any other.
    pub fn random(self, rng: &mut Rng) -> Option<Field<'a>> {
        match self {
            HashRef::Packed(packed) if packed.is_empty() => None,
            HashRef::Packed(packed) => {
                let at = packed.seek(2 * rng.below(self.len() as u64) as i64)?;
                Some((packed.get(at), packed.get(packed.next(at)?)))
            }
            HashRef::Table(table) => table.dict.random(rng).map(|pair| items(parts_of(&pair))),
        }
    }

    /// One step of a scan from `cursor`; returns the next cursor, 0 at the end. What is there from
    /// the first call to the last is shown once. A listpack is shown as a whole, whatever the
    /// cursor.
    pub fn scan(self, cursor: u64, f: &mut impl FnMut(Item<'_>, Item<'_>)) -> u64 {
        match self {
            HashRef::Packed(_) => {
                self.iter().for_each(|(field, value)| f(field, value));
                0
            }
            HashRef::Table(table) => table.dict.scan(cursor, &mut |pair: &Pair| {
                f(Item::Bytes(pair.key()), Item::Bytes(pair.value()));
            }),
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(self) -> &'static str {
        match self {
            HashRef::Packed(_) => "listpack",
            HashRef::Table(_) => "hashtable",
        }
    }
}

fn items<'a>((field, value): (&'a [u8], &'a [u8])) -> Field<'a> {
    (Item::Bytes(field), Item::Bytes(value))
}

/// The fields of a hash with their values.
pub enum Fields<'a> {
    /// Of a listpack.
    Packed(listpack::Iter<'a>),
    /// Of a table.
    Table(dict::Iter<'a, Pair>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        match self {
            Fields::Packed(items) => Some((items.next()?, items.next()?)),
            Fields::Table(pairs) => pairs.next().map(|pair| items(parts_of(&pair))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;

    fn contents(hash: HashRef<'_>) -> Model {
        hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
    }

    fn limits(entries: usize) -> Limits {
        Limits { hash_max_listpack_entries: entries, ..Limits::default() }
    }

    fn of(fields: usize, limits: &Limits) -> Hash {
        let mut hash = Hash::default();
        for n in 0..fields {
            assert!(hash.set(format!("f{n}").as_bytes(), n.to_string().as_bytes(), limits));
        }
        hash
    }

    #[test]
    fn random_edits_equal_those_of_a_map() {
        let mut rng = Rng::seeded(21);
        for entries in [0, 4, 60] {
            let limits = limits(entries);
            let (mut hash, mut model) = (Hash::default(), Model::new());
            for step in 0..1500 {
                let field = match rng.below(40) {
                    0 => Vec::new(),
                    1 => vec![b'f'; 60 + rng.below(10) as usize],
                    n if n % 2 == 0 => n.to_string().into_bytes(),
                    n => format!("field {n}").into_bytes(),
                };
                let value = vec![b'v'; rng.below(66) as usize];
                if rng.below(3) > 0 {
                    let new = hash.set(&field, &value, &limits);
                    assert_eq!(new, model.insert(field.clone(), value.clone()).is_none());
                } else {
                    assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                }
                let found = hash.as_ref().get(&field).map(|item| item.to_vec());
                assert_eq!(found.as_ref(), model.get(&field));
                assert_eq!((hash.as_ref().len(), hash.is_empty()), (model.len(), model.is_empty()));
                if step % 50 == 0 {
                    hash.check();
                    assert_eq!(contents(hash.as_ref()), model);
                    let copy = hash.duplicate();
                    copy.check();
                    assert_eq!(copy.encoding(), hash.encoding());
                    assert_eq!(contents(copy.as_ref()), model);
                }
            }
            assert_eq!(hash.encoding(), "hashtable");
        }
    }

    #[test]
    fn becomes_a_table_one_past_each_limit() {
        let mut hash = of(3, &limits(3));
        assert_eq!(hash.encoding(), "listpack");
        hash.set(b"f0", b"again", &limits(3));
        assert_eq!(hash.encoding(), "listpack");
        hash.set(b"f3", b"", &limits(3));
        assert_eq!(hash.encoding(), "hashtable");
        hash.remove(b"f3");
        assert_eq!((hash.encoding(), hash.as_ref().len()), ("hashtable", 3));
        for (field, value, encoding) in
            [(64, 64, "listpack"), (65, 0, "hashtable"), (0, 65, "hashtable")]
        {
            let mut hash = Hash::default();
            hash.set(&vec![b'f'; field], &vec![b'v'; value], &Limits::default());
            assert_eq!(hash.encoding(), encoding, "{field} and {value} bytes");
        }
    }

    #[test]
    fn words_that_cannot_fit_convert_ahead() {
        let expect = |words: &[&[u8]]| {
            let mut hash = Hash::default();
            hash.expect(words.iter().copied(), &limits(2));
            hash.encoding()
        };
        assert_eq!(expect(&[b"a", b"1", b"b", b"2"]), "listpack");
        assert_eq!(expect(&[b"a", b"1", b"a", b"2", b"a", b"3"]), "hashtable");
        assert_eq!(expect(&[b"a", &[b'v'; 65]]), "hashtable");
        assert_eq!(expect(&[&[b'f'; 64], &[b'v'; 64]]), "listpack");
    }

    #[test]
    fn picks_are_uniform() {
        let mut rng = Rng::seeded(22);
        for hash in [of(10, &limits(10)), of(10, &limits(0))] {
            let mut seen = BTreeMap::new();
            for _ in 0..10_000 {
                let (field, value) = hash.as_ref().random(&mut rng).expect("ten fields");
                assert_eq!(field.to_vec()[1..], value.to_vec());
                *seen.entry(field.to_vec()).or_insert(0u64) += 1;
            }
            assert_eq!(seen.len(), 10);
            assert!(seen.values().all(|n| n.abs_diff(1000) < 200), "{seen:?}");
        }
        assert!(Hash::default().as_ref().random(&mut rng).is_none());
    }

    #[test]
    fn a_scan_shows_all_that_stays_once() {
        let mut hash = of(500, &limits(0));
        let (mut cursor, mut seen, mut steps) = (0, Vec::new(), 0);
        loop {
            cursor = hash.as_ref().scan(cursor, &mut |field, _| seen.push(field.to_vec()));
            // Growth and removals meanwhile.
            steps += 1;
            hash.set(format!("new {steps}").as_bytes(), b"", &limits(0));
            hash.remove(format!("f{}", 400 + steps % 100).as_bytes());
            if cursor == 0 {
                break;
            }
        }
        seen.retain(|field| field.starts_with(b"f"));
        seen.sort();
        let all = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), all, "nothing twice");
        assert!((0..400).all(|n| seen.binary_search(&format!("f{n}").into_bytes()).is_ok()));
        let packed = of(5, &limits(9));
        let mut fields = 0;
        assert_eq!(packed.as_ref().scan(77, &mut |_, _| fields += 1), 0);
        assert_eq!(fields, 5);
    }

    #[test]
    fn a_field_of_a_large_hash_costs_little() {
        let mut hash = Hash::default();
        for n in 0..100_000 {
            hash.set(format!("field:{n:06}").as_bytes(), b"0123456789", &Limits::default());
        }
        let each = hash.heap_bytes() / 100_000;
        assert!(each <= 48, "{each} bytes a field");
        for n in 0..99_999 {
            assert!(hash.remove(format!("field:{n:06}").as_bytes()));
        }
        assert!(hash.heap_bytes() < 10_000, "the table shrinks");
    }

    #[test]
    fn the_variant_stays_small() {
        assert!(size_of::<Hash>() <= 32);
    }
}
