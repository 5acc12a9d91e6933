//! Values of any number of elements out of bytes that nobody trusts, so many elements at a call:
//! whoever loads a file can do other things in between.

use super::load_stream::GrowingStream;
use super::load_value::{In, finished_list, load_packed};
use super::save_value::{NODE_PACKED, NODE_PLAIN};
use super::{Error, Reason, kind};
use crate::base::double::parse_c_double;
use crate::ds::quicklist::{End, Quicklist};
use crate::ds::ranked::Ranked;
use crate::value::Value;
use crate::value::hash::Hash;
use crate::value::limits::Limits;
use crate::value::list::List;
use crate::value::set::{Set, Table};
use crate::value::zset::ZSet;
use std::io::Read;

/// Bytes of an element, as far as room is made for it ahead: a table takes less.
const ELEMENT_MIN: u64 = 16;
const NAN: &str = "Zset with NAN score detected";
/// What is said of a sorted set that holds a member twice.
pub(super) const MEMBER_TWICE: &str = "Duplicate zset fields detected";

/// A value whose reading has begun.
pub(super) enum Begun {
    /// It was short, or has to be read in one go.
    Whole(Value),
    /// Its elements are to come.
    Part(Box<Growing>),
}

/// A value and how much of it is still to come.
pub(super) struct Growing {
    left: u64,
    so_far: SoFar,
}

enum SoFar {
    /// Elements.
    List(List),
    /// Nodes, in the old form or the present one.
    Nodes(Quicklist, bool),
    Set(Set),
    Hash(Hash),
    /// Scores are binary, or text.
    ZSet(Ranked, bool),
    /// Nodes, groups, what is pending: counted by itself.
    Stream(Box<GrowingStream>),
}

impl Growing {
    /// Begins with a value of this kind.
    pub(super) fn begin<R: Read>(
        from: In<'_, R>,
        kind: u8,
        limits: &Limits,
    ) -> Result<Growing, Error> {
        if let kind::STREAM_1 | kind::STREAM_2 | kind::STREAM_3 = kind {
            let stream = Box::new(GrowingStream::begin(from, kind)?);
            return Ok(Growing { left: 1, so_far: SoFar::Stream(stream) });
        }
        let known = matches!(
            kind,
            kind::LIST
                | kind::LIST_ZIPLISTS
                | kind::LIST_LISTPACKS
                | kind::SET
                | kind::HASH
                | kind::ZSET
                | kind::ZSET_BINARY
        );
        if !known {
            return Err(from.error(Reason::Kind(kind)));
        }
        let left = from.length()?;
        if left == 0 {
            return Err(from.error(Reason::Empty));
        }
        let count = usize::try_from(left).unwrap_or(usize::MAX);
        let room = from.credible(left, ELEMENT_MIN);
        let so_far = match kind {
            kind::LIST => SoFar::List(List::long(limits)),
            kind::LIST_ZIPLISTS | kind::LIST_LISTPACKS => {
                let list = Quicklist::new(limits.list_fill(), limits.list_compress_depth);
                SoFar::Nodes(list, kind == kind::LIST_ZIPLISTS)
            }
            kind::SET if count <= limits.set_max_intset_entries => SoFar::Set(Set::default()),
            kind::SET => {
                let mut table = Table::new(limits.seed);
                table.reserve(room);
                SoFar::Set(Set::Table(Box::new(table)))
            }
            kind::HASH => {
                let mut hash = Hash::default();
                hash.expect_fields(count, limits);
                hash.reserve(room);
                SoFar::Hash(hash)
            }
            _ => {
                let mut set = Ranked::new(limits.seed);
                set.reserve(room);
                SoFar::ZSet(set, kind == kind::ZSET_BINARY)
            }
        };
        Ok(Growing { left, so_far })
    }

    /// Reads so many elements at most; gives the value at its end.
    pub(super) fn grow<R: Read>(
        &mut self,
        from: In<'_, R>,
        limits: &Limits,
        most: usize,
    ) -> Result<Option<Value>, Error> {
        if let SoFar::Stream(stream) = &mut self.so_far {
            return Ok(stream.grow(from, most)?.map(|stream| Value::Stream(Box::new(stream))));
        }
        let now = self.left.min(most as u64);
        for _ in 0..now {
            self.element(from, limits)?;
        }
        self.left -= now;
        if self.left == 0 { self.finish(from, limits).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn element<R: Read>(&mut self, from: In<'_, R>, limits: &Limits) -> Result<(), Error> {
        match &mut self.so_far {
            SoFar::List(list) => {
                list.push(End::Tail, from.text()?);
            }
            SoFar::Nodes(list, old) => {
                let container = if *old { NODE_PACKED } else { from.length()? };
                match container {
                    // Empty ones are dropped.
                    NODE_PACKED => list.append_packed(load_packed(from, *old)?),
                    NODE_PLAIN => list.append_plain(from.string()?),
                    _ => return Err(from.damaged("Quicklist integrity check failed.")),
                }
            }
            SoFar::Set(set) => {
                if !set.insert(from.text()?, limits) {
                    return Err(from.damaged("Duplicate set members detected"));
                }
            }
            SoFar::Hash(hash) => {
                let (field, value) = from.two_texts()?;
                if !hash.set(field, value, limits) {
                    return Err(from.damaged("Duplicate hash fields detected"));
                }
            }
            SoFar::ZSet(set, binary) => {
                let (member, score) = match binary {
                    true => from.text_and(|from| Ok(f64::from_le_bytes(from.array()?)))?,
                    false => from.text_and(old_double)?,
                };
                if score.is_nan() {
                    return Err(from.damaged(NAN));
                }
                if !set.insert(member, score) {
                    return Err(from.damaged(MEMBER_TWICE));
                }
            }
            SoFar::Stream(_) => {}
        }
        Ok(())
    }

    fn finish<R: Read>(&mut self, from: In<'_, R>, limits: &Limits) -> Result<Value, Error> {
        let nothing = SoFar::Set(Set::default());
        match std::mem::replace(&mut self.so_far, nothing) {
            SoFar::List(list) => finished_list(from, list, limits),
            SoFar::Nodes(list, _) => finished_list(from, List::Quick(Box::new(list)), limits),
            SoFar::Set(set) => Ok(Value::Set(set)),
            SoFar::Hash(hash) => Ok(Value::Hash(hash)),
            SoFar::ZSet(set, _) => {
                let mut set = ZSet::Ranked(Box::new(set));
                set.settle(limits);
                Ok(Value::ZSet(set))
            }
            SoFar::Stream(_) => Err(from.error(Reason::Empty)),
        }
    }
}

/// A double as text behind a byte of length; lengths above 252 stand for what is no number.
fn old_double<R: Read>(from: In<'_, R>) -> Result<f64, Error> {
    match from.byte()? {
        253 => Ok(f64::NAN),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        len => {
            let text = from.bytes(u64::from(len))?;
            parse_c_double(&text).ok_or_else(|| from.damaged("Unreadable double value"))
        }
    }
}
