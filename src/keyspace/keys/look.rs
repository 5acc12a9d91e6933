//! A look at a key whatever its type: what TYPE, TTL and OBJECT tell.

use super::ValueType;
use crate::base::error::Error;
use crate::keyspace::access::{AccessPolicy, idle_ms};
use crate::keyspace::entry::{Entry, View};
use crate::value::Value;

/// The type marker of values outside their entry, whatever they are.
pub struct Boxed;

impl ValueType for Boxed {
    type Ref<'a> = &'a Value;

    fn view(view: View<'_>) -> Result<&Value, Error> {
        match view {
            View::Boxed(value) => Ok(value),
            _ => Err(Error::WrongType),
        }
    }
}

/// A look at one key, whatever its type.
pub struct EntryRef<'a> {
    view: View<'a>,
    deadline: Option<i64>,
    stamp: u32,
    bytes: usize,
    address: usize,
    access: AccessPolicy,
}

impl<'a> EntryRef<'a> {
    pub(super) fn new(view: View<'a>, entry: &Entry, access: AccessPolicy) -> EntryRef<'a> {
        let (deadline, stamp, bytes) = (entry.deadline(), entry.access(), entry.bytes());
        // The key lies in the entry, so it moves when the entry does.
        let address = entry.key().as_ptr().addr();
        EntryRef { view, deadline, stamp, bytes, address, access }
    }

    /// The type's name, as `TYPE` prints it.
    pub fn type_name(&self) -> &'static str {
        match self.view {
            View::Boxed(value) => value.type_name(),
            View::Packed(kind, _) => kind.type_name(),
            View::Int(_) | View::Short(..) => "string",
        }
    }

    /// The encoding's name, as `OBJECT ENCODING` prints it.
    pub fn encoding(&self) -> &'static str {
        match self.view {
            View::Int(_) => "int",
            View::Short(_, false) => "embstr",
            View::Short(_, true) => "raw",
            View::Boxed(value) => value.encoding(),
            View::Packed(kind, _) => kind.encoding(),
        }
    }

    /// Milliseconds since 1970 at which the key is due.
    pub fn deadline(&self) -> Option<i64> {
        self.deadline
    }

    /// Milliseconds since the last access, in steps of the LRU clock.
    pub fn idle_ms(&self, now: i64) -> i64 {
        idle_ms(self.stamp, now)
    }

    /// The LFU counter.
    pub fn freq(&self, now: i64) -> u8 {
        self.access.decayed(self.stamp, now)
    }

    /// Whether accesses are counted (LFU) rather than dated (LRU).
    pub fn counts_accesses(&self) -> bool {
        self.access.lfu
    }

    /// The access stamp as it is kept.
    pub fn stamp(&self) -> u32 {
        self.stamp
    }

    /// A number that changes when the entry moves in memory.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Bytes of the entry and its value.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
