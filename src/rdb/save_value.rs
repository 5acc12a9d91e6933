//! A value of any type and encoding into bytes: the kind that goes before it, and its content.

use super::{Source, Writer, kind};
use crate::ds::intset::IntsetRef;
use crate::ds::listpack::{Item, Packed};
use crate::ds::quicklist::NodeRef;
use crate::value::capture::Piece;
use crate::value::hash::{Hash, HashRef};
use crate::value::list::{List, ListRef};
use crate::value::set::{Set, SetRef};
use crate::value::stream::{Group, Stream, StreamId};
use crate::value::zset::{ZSet, ZSetRef};
use crate::value::{PackedKind, Value};
use std::io::{self, Write};

/// A node of a list: one element.
pub(super) const NODE_PLAIN: u64 = 1;
/// A node of a list: a listpack.
pub(super) const NODE_PACKED: u64 = 2;

/// A list as it is saved: a packed one is a list of one node.
enum View<'a> {
    Int(i64),
    Text(&'a [u8]),
    List(ListRef<'a>),
    Set(SetRef<'a>),
    Hash(HashRef<'a>),
    ZSet(ZSetRef<'a>),
    Stream(&'a Stream),
}

impl<'a> View<'a> {
    fn of(source: Source<'a>) -> View<'a> {
        match source {
            Source::Int(n) => View::Int(n),
            Source::Text(text) => View::Text(text),
            Source::Packed(kind, bytes) => match kind {
                PackedKind::HashListpack => View::Hash(HashRef::Packed(Packed::new(bytes))),
                PackedKind::SetListpack => View::Set(SetRef::Packed(Packed::new(bytes))),
                PackedKind::SetIntset => View::Set(SetRef::Ints(IntsetRef::new(bytes))),
                PackedKind::ZSetListpack => View::ZSet(ZSetRef::Packed(Packed::new(bytes))),
                PackedKind::ListListpack => View::List(ListRef::Packed(Packed::new(bytes))),
            },
            Source::Boxed(value) => match value {
                Value::Str(text) => View::Text(text.bytes()),
                Value::List(list) => View::List(List::as_ref(list)),
                Value::Set(set) => View::Set(Set::as_ref(set)),
                Value::Hash(hash) => View::Hash(Hash::as_ref(hash)),
                Value::ZSet(set) => View::ZSet(ZSet::as_ref(set)),
                Value::Stream(stream) => View::Stream(stream),
            },
        }
    }

    fn kind(&self, version: u16) -> u8 {
        let new = version > 10;
        match self {
            View::Int(_) | View::Text(_) => kind::STRING,
            View::List(_) => kind::LIST_LISTPACKS,
            View::Set(SetRef::Ints(_)) => kind::SET_INTSET,
            View::Set(SetRef::Packed(_)) if new => kind::SET_LISTPACK,
            View::Set(_) => kind::SET,
            View::Hash(HashRef::Packed(_)) => kind::HASH_LISTPACK,
            View::Hash(HashRef::Table(_)) => kind::HASH,
            View::ZSet(ZSetRef::Packed(_)) => kind::ZSET_LISTPACK,
            View::ZSet(ZSetRef::Ranked(_)) => kind::ZSET_BINARY,
            View::Stream(_) if new => kind::STREAM_3,
            View::Stream(_) => kind::STREAM_2,
        }
    }
}

/// Writes the kind of a value, a key if there is one, and the value.
pub fn save_value<W: Write>(
    out: &mut Writer<W>,
    key: Option<&[u8]>,
    source: Source<'_>,
) -> io::Result<()> {
    let view = View::of(source);
    out.byte(view.kind(out.options().version))?;
    if let Some(key) = key {
        out.string(key)?;
    }
    match view {
        View::Int(n) => out.string(itoa::Buffer::new().format(n).as_bytes()),
        View::Text(text) => out.string(text),
        View::List(list) => save_list(out, list),
        View::Set(set) => save_set(out, set),
        View::Hash(hash) => save_hash(out, hash),
        View::ZSet(set) => save_zset(out, set),
        View::Stream(stream) => save_stream(out, stream),
    }
}

/// Begins a value whose pieces follow, like `save_value`: its kind, its key and how many pieces
/// there are.
pub fn begin_value<W: Write>(out: &mut Writer<W>, key: &[u8], value: &Value) -> io::Result<()> {
    let view = View::of(Source::Boxed(value));
    out.byte(view.kind(out.options().version))?;
    out.string(key)?;
    let pieces = match view {
        View::List(ListRef::Quick(list)) => list.nodes().len(),
        View::Set(set) => set.len(),
        View::Hash(hash) => hash.len(),
        View::ZSet(set) => set.len(),
        View::Stream(stream) => stream.log.node_count(),
        View::List(_) | View::Int(_) | View::Text(_) => {
            unreachable!("it is not told in pieces")
        }
    };
    out.length(pieces as u64)
}

/// Writes a piece of a value that was begun.
pub fn save_piece<W: Write>(out: &mut Writer<W>, piece: Piece<'_>) -> io::Result<()> {
    match piece {
        Piece::Member(member) => out.string(member),
        Piece::Field(field, value) => {
            out.string(field)?;
            out.string(value)
        }
        Piece::Scored(member, score) => {
            out.string(member)?;
            out.raw(&score.to_le_bytes())
        }
        Piece::Node(node) => save_node(out, node),
        Piece::Entries(id, node) => save_entries(out, id, node),
    }
}

/// Writes what stands behind the pieces of a value.
pub fn end_value<W: Write>(out: &mut Writer<W>, value: &Value) -> io::Result<()> {
    match value {
        Value::Stream(stream) => save_beside_entries(out, stream),
        _ => Ok(()),
    }
}

/// Writes the kind of a value by itself.
pub(super) fn save_kind<W: Write>(out: &mut Writer<W>, source: Source<'_>) -> io::Result<()> {
    out.byte(View::of(source).kind(out.options().version))
}

pub(super) fn save_item<W: Write>(out: &mut Writer<W>, item: Item<'_>) -> io::Result<()> {
    item.with_text(|text| out.string(text))
}

fn save_list<W: Write>(out: &mut Writer<W>, list: ListRef<'_>) -> io::Result<()> {
    let list = match list {
        ListRef::Packed(packed) => {
            out.length(1)?;
            out.length(NODE_PACKED)?;
            return out.string(packed.bytes());
        }
        ListRef::Quick(list) => list,
    };
    let nodes = list.nodes();
    out.length(nodes.len() as u64)?;
    nodes.into_iter().try_for_each(|node| save_node(out, node))
}

pub(super) fn save_node<W: Write>(out: &mut Writer<W>, node: NodeRef<'_>) -> io::Result<()> {
    match node {
        NodeRef::Packed(bytes) => {
            out.length(NODE_PACKED)?;
            out.string(bytes)
        }
        NodeRef::Plain(text) => {
            out.length(NODE_PLAIN)?;
            out.string(text)
        }
        NodeRef::Squeezed { lzf, len } => {
            out.length(NODE_PACKED)?;
            out.compressed(lzf, len)
        }
    }
}

fn save_set<W: Write>(out: &mut Writer<W>, set: SetRef<'_>) -> io::Result<()> {
    match set {
        SetRef::Ints(ints) => return out.string(ints.bytes()),
        SetRef::Packed(packed) if out.options().version > 10 => return out.string(packed.bytes()),
        SetRef::Packed(_) | SetRef::Table(_) => {}
    }
    out.length(set.len() as u64)?;
    set.iter().try_for_each(|member| save_item(out, member))
}

fn save_hash<W: Write>(out: &mut Writer<W>, hash: HashRef<'_>) -> io::Result<()> {
    if let HashRef::Packed(packed) = hash {
        return out.string(packed.bytes());
    }
    out.length(hash.len() as u64)?;
    for (field, value) in hash.iter() {
        save_item(out, field)?;
        save_item(out, value)?;
    }
    Ok(())
}

/// From the highest score down, so that a reader adds each member at the begin.
fn save_zset<W: Write>(out: &mut Writer<W>, set: ZSetRef<'_>) -> io::Result<()> {
    if let ZSetRef::Packed(packed) = set {
        return out.string(packed.bytes());
    }
    out.length(set.len() as u64)?;
    for (member, score) in set.range(0..set.len(), true) {
        save_item(out, member)?;
        out.raw(&score.to_le_bytes())?;
    }
    Ok(())
}

fn id_bytes(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn save_id<W: Write>(out: &mut Writer<W>, id: StreamId) -> io::Result<()> {
    out.length(id.ms)?;
    out.length(id.seq)
}

fn save_stream<W: Write>(out: &mut Writer<W>, stream: &Stream) -> io::Result<()> {
    let log = &stream.log;
    out.length(log.node_count() as u64)?;
    for (id, node) in log.nodes() {
        save_entries(out, id, node)?;
    }
    save_beside_entries(out, stream)
}

/// A node of a stream.
pub(super) fn save_entries<W: Write>(
    out: &mut Writer<W>,
    id: StreamId,
    node: Packed<'_>,
) -> io::Result<()> {
    out.string(&id_bytes(id))?;
    out.string(node.bytes())
}

/// What stands behind the nodes of a stream.
pub(super) fn save_beside_entries<W: Write>(
    out: &mut Writer<W>,
    stream: &Stream,
) -> io::Result<()> {
    let log = &stream.log;
    out.length(log.len())?;
    save_id(out, log.last_id)?;
    save_id(out, log.first_id())?;
    save_id(out, log.max_deleted_id)?;
    out.length(log.entries_added)?;
    out.length(stream.groups.len() as u64)?;
    for (name, group) in stream.groups.iter() {
        out.string(name)?;
        save_group(out, group)?;
    }
    Ok(())
}

fn save_group<W: Write>(out: &mut Writer<W>, group: &Group) -> io::Result<()> {
    save_id(out, group.last_id)?;
    out.length(group.entries_read.unwrap_or(u64::MAX))?;
    out.length(group.pending().len() as u64)?;
    for (id, pending) in group.pending() {
        out.raw(&id_bytes(*id))?;
        out.millis(pending.time)?;
        out.length(pending.count)?;
    }
    out.length(group.consumer_count() as u64)?;
    for consumer in group.consumers() {
        out.string(consumer.name())?;
        out.millis(consumer.seen)?;
        if out.options().version > 10 {
            out.millis(consumer.active.unwrap_or(-1))?;
        }
        out.length(consumer.pending().len() as u64)?;
        consumer.pending().iter().try_for_each(|id| out.raw(&id_bytes(*id)))?;
    }
    Ok(())
}
