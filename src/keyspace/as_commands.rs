//! An entry as the commands that would make it: the form of an append-only file without a snapshot
//! at its begin.

use super::entry::Entry;
use super::keys::ValueType;
use crate::base::double::format_17;
use crate::ds::listpack::Item;
use crate::value::capture::Piece;
use crate::value::hash::Hash;
use crate::value::list::List;
use crate::value::set::Set;
use crate::value::stream::node::Entries;
use crate::value::stream::{self, Group, Stream, StreamId};
use crate::value::string::Str;
use crate::value::zset::ZSet;

/// Elements that one command carries at most.
const GROUP: usize = 64;

/// Writes one command.
pub fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    head(out, words.len());
    words.iter().for_each(|text| word(out, text));
}

fn head(out: &mut Vec<u8>, words: usize) {
    out.push(b'*');
    out.extend_from_slice(itoa::Buffer::new().format(words).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn word(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'$');
    out.extend_from_slice(itoa::Buffer::new().format(text.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn item(out: &mut Vec<u8>, item: Item<'_>) {
    item.with_text(|text| word(out, text));
}

/// Cuts the elements of a collection into commands of a bounded size.
struct Groups<'a> {
    out: &'a mut Vec<u8>,
    name: &'static [u8],
    key: &'a [u8],
    /// Words of one element.
    words: usize,
    left: usize,
    in_group: usize,
}

impl<'a> Groups<'a> {
    fn new(
        out: &'a mut Vec<u8>,
        (name, key): (&'static [u8], &'a [u8]),
        words: usize,
        elements: usize,
    ) -> Groups<'a> {
        Groups { out, name, key, words, left: elements, in_group: 0 }
    }

    /// Where the words of the next element go.
    fn next(&mut self) -> &mut Vec<u8> {
        if self.in_group == 0 {
            self.in_group = self.left.min(GROUP);
            head(self.out, 2 + self.in_group * self.words);
            word(self.out, self.name);
            word(self.out, self.key);
        }
        self.in_group -= 1;
        self.left -= 1;
        self.out
    }
}

/// Writes the commands that make an entry.
pub fn entry(out: &mut Vec<u8>, entry: &Entry) {
    let key = entry.key();
    if let Ok(text) = Str::view(entry.view()) {
        text.with_bytes(|text| command(out, &[b"SET", key, text]));
    } else if let Ok(list) = List::view(entry.view()) {
        let mut groups = Groups::new(out, (b"RPUSH", key), 1, list.len());
        list.each(0, usize::MAX, true, |element| item(groups.next(), element));
    } else if let Ok(set) = Set::view(entry.view()) {
        let mut groups = Groups::new(out, (b"SADD", key), 1, set.len());
        set.iter().for_each(|member| item(groups.next(), member));
    } else if let Ok(set) = ZSet::view(entry.view()) {
        let mut groups = Groups::new(out, (b"ZADD", key), 2, set.len());
        for (member, score) in set.iter() {
            let out = groups.next();
            word(out, format_17(score).as_bytes());
            item(out, member);
        }
    } else if let Ok(hash) = Hash::view(entry.view()) {
        let mut groups = Groups::new(out, (b"HMSET", key), 2, hash.len());
        for (field, value) in hash.iter() {
            let out = groups.next();
            item(out, field);
            item(out, value);
        }
    } else if let Ok(stream) = Stream::view(entry.view()) {
        stream.log.range(StreamId::MIN, StreamId::MAX).for_each(|entry| xadd(out, key, &entry));
    }
    self::end(out, entry);
}

/// Writes the commands that follow the elements of an entry.
pub fn end(out: &mut Vec<u8>, entry: &Entry) {
    let key = entry.key();
    if let Ok(stream) = Stream::view(entry.view()) {
        stream_end(out, key, stream);
    }
    if let Some(at) = entry.deadline() {
        command(out, &[b"PEXPIREAT", key, at.to_string().as_bytes()]);
    }
}

/// A value whose pieces come one after the other: elements gather until they are enough for a
/// command.
#[derive(Default)]
pub struct Gathering {
    name: &'static [u8],
    /// Words of one element.
    width: usize,
    elements: usize,
    words: Vec<u8>,
}

impl Gathering {
    /// Takes a piece, and writes what has become whole.
    pub fn piece(&mut self, out: &mut Vec<u8>, key: &[u8], piece: Piece<'_>) {
        match piece {
            Piece::Member(member) => {
                word(&mut self.words, member);
                self.gathered(out, key, b"SADD", 1);
            }
            Piece::Field(field, value) => {
                word(&mut self.words, field);
                word(&mut self.words, value);
                self.gathered(out, key, b"HMSET", 2);
            }
            Piece::Scored(member, score) => {
                word(&mut self.words, format_17(score).as_bytes());
                word(&mut self.words, member);
                self.gathered(out, key, b"ZADD", 2);
            }
            Piece::Node(node) => node.each(&mut |element| {
                item(&mut self.words, element);
                self.gathered(out, key, b"RPUSH", 1);
            }),
            Piece::Entries(id, node) => {
                let entries = Entries::new(id, node, false);
                let live = entries.filter(|entry| !entry.is_deleted());
                live.for_each(|entry| xadd(out, key, &entry));
            }
        }
    }

    fn gathered(&mut self, out: &mut Vec<u8>, key: &[u8], name: &'static [u8], width: usize) {
        (self.name, self.width) = (name, width);
        self.elements += 1;
        if self.elements == GROUP {
            self.flush(out, key);
        }
    }

    /// Writes what is left.
    pub fn flush(&mut self, out: &mut Vec<u8>, key: &[u8]) {
        if self.elements > 0 {
            head(out, 2 + self.elements * self.width);
            word(out, self.name);
            word(out, key);
            out.append(&mut self.words);
            self.elements = 0;
        }
    }
}

fn xadd(out: &mut Vec<u8>, key: &[u8], entry: &stream::node::Entry<'_>) {
    head(out, 3 + 2 * entry.len());
    word(out, b"XADD");
    word(out, key);
    entry.id.with_text(|id| word(out, id));
    for (name, value) in entry.fields() {
        item(out, name);
        item(out, value);
    }
}

fn stream_end(out: &mut Vec<u8>, key: &[u8], stream: &Stream) {
    let log = &stream.log;
    let id = |id: StreamId| id.with_text(<[u8]>::to_vec);
    if log.is_empty() {
        // An entry that is trimmed at once leaves an empty stream behind.
        let first = log.last_id.max(StreamId { ms: 0, seq: 1 });
        command(out, &[b"XADD", key, b"MAXLEN", b"0", &id(first), b"x", b"y"]);
    }
    let added = log.entries_added.to_string();
    let counters: &[&[u8]] = &[
        b"XSETID",
        key,
        &id(log.last_id),
        b"ENTRIESADDED",
        added.as_bytes(),
        b"MAXDELETEDID",
        &id(log.max_deleted_id),
    ];
    command(out, counters);
    for (name, group) in stream.groups.iter() {
        self::group(out, key, name, group);
    }
}

fn group(out: &mut Vec<u8>, key: &[u8], name: &[u8], group: &Group) {
    let last_id = group.last_id.with_text(<[u8]>::to_vec);
    let read = group.entries_read.map_or("-1".to_owned(), |n| n.to_string());
    let create: &[&[u8]] =
        &[b"XGROUP", b"CREATE", key, name, &last_id, b"ENTRIESREAD", read.as_bytes()];
    command(out, create);
    for consumer in group.consumers() {
        command(out, &[b"XGROUP", b"CREATECONSUMER", key, name, consumer.name()]);
        for entry in consumer.pending() {
            let Some(pending) = group.pending().get(entry) else { continue };
            let id = entry.with_text(<[u8]>::to_vec);
            let (time, count) = (pending.time.to_string(), pending.count.to_string());
            let claim: &[&[u8]] = &[
                b"XCLAIM",
                key,
                name,
                consumer.name(),
                b"0",
                &id,
                b"TIME",
                time.as_bytes(),
                b"RETRYCOUNT",
                count.as_bytes(),
                b"JUSTID",
                b"FORCE",
            ];
            command(out, claim);
        }
    }
}
