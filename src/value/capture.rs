//! A large collection as of one moment, told piece by piece while it goes on changing. Each
//! encoding keeps what is about to change until it was told; nothing is ever copied as a whole.

use super::Value;
use super::hash::Hash;
use super::list::List;
use super::set::Set;
use super::stream::StreamId;
use super::zset::ZSet;
use crate::ds::listpack::Packed;
use crate::ds::quicklist::NodeRef;

/// A part of a collection.
pub enum Piece<'a> {
    /// A member of a set.
    Member(&'a [u8]),
    /// A field of a hash and its value.
    Field(&'a [u8], &'a [u8]),
    /// A member of a sorted set and its score; mostly from the highest down.
    Scored(&'a [u8], f64),
    /// A node of a list, from the head on.
    Node(NodeRef<'a>),
    /// A node of a stream and its id, in their order.
    Entries(StreamId, Packed<'a>),
}

impl Value {
    /// Whether it can be told in pieces, and is so large that it should be.
    pub fn is_told_in_pieces(&self, from_bytes: usize) -> bool {
        let divisible = matches!(
            self,
            Value::List(List::Quick(_))
                | Value::Hash(Hash::Table(_))
                | Value::Set(Set::Table(_))
                | Value::ZSet(ZSet::Ranked(_))
                | Value::Stream(_)
        );
        divisible && self.bytes() >= from_bytes
    }

    /// From now on it remembers what it holds at this moment, until it was told; only for one that
    /// is told in pieces.
    pub fn begin_capture(&mut self) {
        match self {
            Value::List(List::Quick(list)) => list.begin_capture(),
            Value::Hash(Hash::Table(table)) => table.capture = Some(Box::default()),
            Value::Set(Set::Table(table)) => table.capture = Some(Box::default()),
            Value::ZSet(ZSet::Ranked(set)) => set.begin_capture(),
            Value::Stream(stream) => stream.log.begin_capture(),
            _ => {}
        }
    }

    /// Forgets the moment.
    pub fn end_capture(&mut self) {
        match self {
            Value::List(List::Quick(list)) => list.end_capture(),
            Value::Hash(Hash::Table(table)) => table.capture = None,
            Value::Set(Set::Table(table)) => table.capture = None,
            Value::ZSet(ZSet::Ranked(set)) => set.end_capture(),
            Value::Stream(stream) => stream.log.end_capture(),
            _ => {}
        }
    }

    /// Whether something of an earlier moment is still to be told.
    pub fn is_captured(&self) -> bool {
        match self {
            Value::List(List::Quick(list)) => list.is_captured(),
            Value::Hash(Hash::Table(table)) => table.capture.is_some(),
            Value::Set(Set::Table(table)) => table.capture.is_some(),
            Value::ZSet(ZSet::Ranked(set)) => set.is_captured(),
            Value::Stream(stream) => stream.log.is_captured(),
            _ => false,
        }
    }

    /// Bytes of what is kept for the telling.
    pub fn kept_bytes(&self) -> usize {
        match self {
            Value::List(List::Quick(list)) => list.kept_bytes(),
            Value::Hash(Hash::Table(table)) => {
                table.capture.as_ref().map_or(0, |capture| capture.kept_bytes())
            }
            Value::Set(Set::Table(table)) => {
                table.capture.as_ref().map_or(0, |capture| capture.kept_bytes())
            }
            Value::ZSet(ZSet::Ranked(set)) => set.kept_bytes(),
            Value::Stream(stream) => stream.log.kept_bytes(),
            _ => 0,
        }
    }

    /// Tells some pieces more of the moment; true when that was all.
    pub fn tell(&mut self, f: &mut dyn FnMut(Piece<'_>)) -> bool {
        match self {
            Value::List(List::Quick(list)) => list.tell(&mut |node| f(Piece::Node(node))),
            Value::Hash(Hash::Table(table)) => {
                table.tell(&mut |field, value| f(Piece::Field(field, value)))
            }
            Value::Set(Set::Table(table)) => table.tell(&mut |member| f(Piece::Member(member))),
            Value::ZSet(ZSet::Ranked(set)) => {
                set.tell(&mut |member, score| f(Piece::Scored(member, score)))
            }
            Value::Stream(stream) => stream.log.tell(&mut |id, node| f(Piece::Entries(id, node))),
            _ => true,
        }
    }
}
