//! One node of a stream: up to a hundred entries, give or take, in a listpack laid out as Redis
//! does it.
//!
//! ```text
//!  count  deleted  n  field 1 ... field n  0            the master entry
//!  flags  ms  seq  value 1 ... value n  length          an entry with the master's fields
//!  flags  ms  seq  m  field 1  value 1 ...  length      an entry with fields of its own
//! ```
//!
//! `ms` and `seq` are differences to the node's id, which is that of its first entry. `length` is
//! the number of elements of the entry before it, for walking backwards; the master's is 0. A
//! deleted entry stays where it is with a flag set.

use super::id::StreamId;
use crate::ds::listpack::{Appender, Item, Iter, Listpack, Packed, Pos};
use crate::value::limits::Limits;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Most bytes that one element takes beside its text.
const ELEMENT_COST: usize = 10;
/// What is allocated ahead for the node at the end of a stream, bytes.
const AHEAD_MAX: usize = 4096;

/// A node is never to grow beyond this, bytes.
pub const MAX: usize = 1 << 30;

const SOUND: &str = "a node has the elements its counts tell";

/// The first elements of a node.
#[derive(Clone, Debug)]
pub struct Master<'a> {
    /// Entries alive.
    pub count: u64,
    /// Entries deleted.
    pub deleted: u64,
    fields: usize,
    names: Iter<'a>,
}

/// One entry of a node, alive or not.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    flags: i64,
    at: Pos,
    fields: usize,
    /// The names, when they are the master's.
    names: Option<Iter<'a>>,
    body: Iter<'a>,
}

/// The entries of one node, from its begin or from its end.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    node: Packed<'a>,
    id: StreamId,
    master: Master<'a>,
    /// The next entry forwards, or the last element of the next one backwards.
    next: Option<Pos>,
    backwards: bool,
}

#[inline]
fn int(iter: &mut Iter<'_>) -> i64 {
    iter.next_int().expect(SOUND)
}

impl<'a> Master<'a> {
    /// Reads them.
    #[inline]
    pub fn of(node: Packed<'a>) -> Master<'a> {
        let mut iter = node.iter();
        let (count, deleted) = (int(&mut iter) as u64, int(&mut iter) as u64);
        let fields = int(&mut iter) as usize;
        Master { count, deleted, fields, names: iter }
    }

    /// Whether an entry with these field names can leave them out.
    fn has_fields<'w>(&self, fields: usize, word: impl Fn(usize) -> &'w [u8]) -> bool {
        let mut names = self.names.clone();
        fields == self.fields
            && (0..fields).all(|i| names.next().is_some_and(|name| name.eq_text(word(2 * i))))
    }

    fn first_entry(&self) -> Option<Pos> {
        let mut iter = self.names.clone();
        iter.nth(self.fields);
        iter.pos()
    }
}

/// How an entry is to be added to a node.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    count: u64,
    /// Its field names are the master's and left out.
    same: bool,
}

/// How an entry of `size` bytes of text is added behind the others; `None` when the node is full.
pub fn plan<'w>(
    node: Packed<'_>,
    fields: usize,
    size: usize,
    word: impl Fn(usize) -> &'w [u8],
    limits: &Limits,
) -> Option<Plan> {
    let max_bytes = match limits.stream_node_max_bytes {
        0 => MAX,
        max => max.min(MAX),
    };
    if node.bytes().len() + size >= max_bytes {
        return None;
    }
    let master = Master::of(node);
    let max_entries = limits.stream_node_max_entries;
    if max_entries > 0 && master.count + master.deleted >= max_entries {
        return None;
    }
    Some(Plan { count: master.count, same: master.has_fields(fields, word) })
}

/// A node with one entry: `word(2 i)` is the name of a field, `word(2 i + 1)` its value, `size` the
/// bytes of all.
pub fn create<'w>(fields: usize, size: usize, word: impl Fn(usize) -> &'w [u8]) -> Listpack {
    let mut node = Listpack::new();
    node.reserve_total(size + (2 * fields + 9) * ELEMENT_COST);
    let mut out = node.appender();
    out.int(1);
    out.int(0);
    out.int(fields as i64);
    for i in 0..fields {
        out.text(word(2 * i));
    }
    out.int(0);
    put_entry(out, (0, 0), fields, true, word);
    node
}

/// Adds an entry as planned: its id as difference to the node's, its words and their size.
pub fn append<'w>(
    node: &mut Listpack,
    plan: Plan,
    difference: (i64, i64),
    (fields, size): (usize, usize),
    word: impl Fn(usize) -> &'w [u8],
) {
    let first = node.as_packed().first().expect(SOUND);
    node.replace_int(first, plan.count as i64 + 1);
    let len = node.byte_len();
    let needed = len + size + (2 * fields + 5) * ELEMENT_COST;
    if needed > node.heap_bytes() {
        node.reserve_total(needed.max((2 * len).min(AHEAD_MAX)));
    }
    put_entry(node.appender(), difference, fields, plan.same, word);
}

fn put_entry<'w>(
    mut out: Appender<'_>,
    difference: (i64, i64),
    fields: usize,
    same: bool,
    word: impl Fn(usize) -> &'w [u8],
) {
    out.int(if same { SAME_FIELDS } else { 0 });
    out.int(difference.0);
    out.int(difference.1);
    if same {
        (0..fields).for_each(|i| out.text(word(2 * i + 1)));
        out.int(fields as i64 + 3);
    } else {
        out.int(fields as i64);
        (0..2 * fields).for_each(|i| out.text(word(i)));
        out.int(2 * fields as i64 + 4);
    }
}

/// Marks entries as deleted, the ones that begin at these places. None of them is deleted yet.
pub fn mark_deleted(node: &mut Listpack, entries: &[Pos]) {
    for at in entries {
        let flags = node.as_packed().get(*at).as_int().expect(SOUND);
        debug_assert!(flags & DELETED == 0, "deleted once");
        node.replace_int(*at, flags | DELETED);
    }
    let Master { count, deleted, .. } = Master::of(node.as_packed());
    let first = node.as_packed().first().expect(SOUND);
    node.replace_int(first, count as i64 - entries.len() as i64);
    let second = node.as_packed().next(first).expect(SOUND);
    node.replace_int(second, deleted as i64 + entries.len() as i64);
}

/// What a node was found to hold.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Entries alive.
    pub live: u64,
    /// The id of the last entry, alive or not.
    pub last: StreamId,
}

/// Looks at every element of a listpack from outside; `None` when it is not laid out as a node
/// with at least one entry.
pub fn extent(node_id: StreamId, node: Packed<'_>) -> Option<Extent> {
    fn int(iter: &mut Iter<'_>) -> Option<i64> {
        match iter.next()? {
            Item::Int(n) => Some(n),
            Item::Bytes(_) => None,
        }
    }
    fn skip(iter: &mut Iter<'_>, count: i64) -> Option<()> {
        (0..count).try_for_each(|_| iter.next().map(drop))
    }
    let mut iter = node.iter();
    let (count, deleted, fields) = (int(&mut iter)?, int(&mut iter)?, int(&mut iter)?);
    skip(&mut iter, fields)?;
    if fields < 0 || int(&mut iter)? != 0 {
        return None;
    }
    let (mut live, mut dead, mut last) = (0, 0, None);
    while iter.pos().is_some() {
        let flags = int(&mut iter)?;
        let ms = node_id.ms.wrapping_add(int(&mut iter)? as u64);
        let seq = node_id.seq.wrapping_add(int(&mut iter)? as u64);
        let length = if flags & SAME_FIELDS != 0 {
            skip(&mut iter, fields)?;
            fields + 3
        } else {
            let own = int(&mut iter).filter(|own| (0..=i64::from(u32::MAX)).contains(own))?;
            skip(&mut iter, 2 * own)?;
            2 * own + 4
        };
        let id = StreamId { ms, seq };
        if int(&mut iter)? != length || last.map_or(id < node_id, |last| id <= last) {
            return None;
        }
        last = Some(id);
        *(if flags & DELETED != 0 { &mut dead } else { &mut live }) += 1;
    }
    ((count, deleted) == (live, dead)).then_some(Extent { live: live as u64, last: last? })
}

impl<'a> Entries<'a> {
    /// The entries of the node with this id, deleted ones included.
    pub fn new(node_id: StreamId, node: Packed<'a>, backwards: bool) -> Entries<'a> {
        let master = Master::of(node);
        let next = if backwards { node.last() } else { master.first_entry() };
        Entries { node, id: node_id, master, next, backwards }
    }

    fn entry(&self, at: Pos) -> Entry<'a> {
        let mut body = self.node.iter_from(at);
        let flags = int(&mut body);
        let ms = self.id.ms.wrapping_add(int(&mut body) as u64);
        let seq = self.id.seq.wrapping_add(int(&mut body) as u64);
        let same = flags & SAME_FIELDS != 0;
        let fields = if same { self.master.fields } else { int(&mut body) as usize };
        let names = same.then(|| self.master.names.clone());
        Entry { id: StreamId { ms, seq }, flags, at, fields, names, body }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let mut at = self.next?;
        if self.backwards {
            let length = self.node.get(at).as_int().expect(SOUND);
            if length == 0 {
                // The master entry.
                self.next = None;
                return None;
            }
            for _ in 0..length {
                at = self.node.prev(at).expect(SOUND);
            }
            self.next = self.node.prev(at);
            return Some(self.entry(at));
        }
        let entry = self.entry(at);
        let elements = if entry.names.is_some() { entry.fields } else { 2 * entry.fields };
        let mut rest = entry.body.clone();
        rest.nth(elements);
        self.next = rest.pos();
        Some(entry)
    }
}

impl<'a> Entry<'a> {
    /// Whether it was deleted.
    #[inline]
    pub fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }

    /// Where it begins.
    #[inline]
    pub fn at(&self) -> Pos {
        self.at
    }

    /// How many fields it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields
    }

    /// Whether it has no field, which commands do not allow.
    pub fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// The fields and their values.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = (Item<'a>, Item<'a>)> {
        let (mut names, mut body) = (self.names.clone(), self.body.clone());
        (0..self.fields).map(move |_| {
            let name = match &mut names {
                Some(names) => names.next(),
                None => body.next(),
            };
            (name.expect(SOUND), body.next().expect(SOUND))
        })
    }
}
