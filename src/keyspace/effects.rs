//! The effect log: what a unit changed, in order, for whoever has to hear of it.
//!
//! It costs a counter when nobody watches, listens, replicates or logs.

use crate::resp::argv::{Argv, encode};
use bytes::Bytes;

/// Notification classes, the bits of `notify-keyspace-events`.
pub mod class {
    /// `K`: publish on the key's channel.
    pub const KEYSPACE: u32 = 1 << 0;
    /// `E`: publish on the event's channel.
    pub const KEYEVENT: u32 = 1 << 1;
    /// `g`
    pub const GENERIC: u32 = 1 << 2;
    /// `$`
    pub const STRING: u32 = 1 << 3;
    /// `l`
    pub const LIST: u32 = 1 << 4;
    /// `s`
    pub const SET: u32 = 1 << 5;
    /// `h`
    pub const HASH: u32 = 1 << 6;
    /// `z`
    pub const ZSET: u32 = 1 << 7;
    /// `x`
    pub const EXPIRED: u32 = 1 << 8;
    /// `e`
    pub const EVICTED: u32 = 1 << 9;
    /// `t`
    pub const STREAM: u32 = 1 << 10;
    /// `m`
    pub const KEY_MISS: u32 = 1 << 11;
    /// `d`
    pub const MODULE: u32 = 1 << 13;
    /// `n`
    pub const NEW: u32 = 1 << 14;
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// One bit of [`class`], or 0 for a change nobody is notified of.
    pub class: u32,
    /// The event's name.
    pub name: &'static str,
}

impl Event {
    /// A named event.
    pub const fn new(class: u32, name: &'static str) -> Event {
        Event { class, name }
    }

    /// A change without a notification; WATCH and tracking still see it.
    pub const fn silent() -> Event {
        Event { class: 0, name: "" }
    }
}

/// One entry of the log.
#[derive(Debug)]
pub enum Effect {
    /// A command for the propagation stream, where it stands behind those before it.
    Propagate {
        /// Database it runs in.
        db: usize,
        /// Its length there, bytes.
        len: usize,
        /// It is a unit of its own, such as the deletion of an expired key, and does not count
        /// towards the commands that are wrapped together.
        alone: bool,
    },
    /// A key changed, or an event without a change happened to it.
    Touched {
        /// Its database.
        db: usize,
        /// The key.
        key: Bytes,
        /// What happened.
        event: Event,
        /// The key itself changed, rather than an event being told about it.
        changed: bool,
    },
    /// A key under WATCH was in a database that was emptied or swapped, or is in the one that took
    /// its place. Tracking hears of whole databases only.
    Swept {
        /// Its database.
        db: usize,
        /// The key.
        key: Bytes,
        /// It was there before.
        existed: bool,
    },
    /// A database was emptied.
    Emptied,
    /// A key that a blocked client waits for may serve it now.
    Ready {
        /// Its database.
        db: usize,
        /// The key.
        key: Bytes,
    },
}

/// Who reads the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest {
    /// Somebody takes the propagation stream.
    pub propagate: bool,
    /// Classes of notification that are wanted.
    pub notify: u32,
    /// Somebody wants every changed key: WATCH or tracking.
    pub changes: bool,
}

/// The log of the running unit, and the counter of changes.
#[derive(Debug, Default)]
pub struct Effects {
    /// Changes since the start; the save points count by it.
    pub dirty: u64,
    /// Who reads.
    pub interest: Interest,
    log: Vec<Effect>,
    /// The commands of the log in the form of requests.
    stream: Vec<u8>,
}

/// Rooms for effects and for bytes of commands beyond this are not kept.
const LOG_KEPT: usize = 64;
const STREAM_KEPT: usize = 64 * 1024;

impl Effects {
    /// A key changed.
    #[inline]
    pub fn touched(&mut self, db: usize, key: &[u8], event: Event) {
        self.touched_n(db, key, event, 1);
    }

    /// A key went through `n` changes that are told as one event.
    #[inline]
    pub fn touched_n(&mut self, db: usize, key: &[u8], event: Event, n: u64) {
        self.dirty += n;
        if self.interest.changes || self.interest.notify & event.class != 0 {
            self.record(db, key, event, true);
        }
    }

    /// An event without a change of its own, such as a miss.
    #[inline]
    pub fn announce(&mut self, db: usize, key: &[u8], event: Event) {
        if self.interest.notify & event.class != 0 {
            self.record(db, key, event, false);
        }
    }

    #[cold]
    fn record(&mut self, db: usize, key: &[u8], event: Event, changed: bool) {
        self.log.push(Effect::Touched { db, key: Bytes::copy_from_slice(key), event, changed });
    }

    /// A key under WATCH was swept away with its database, or took a place in one.
    pub fn swept(&mut self, db: usize, key: Bytes, existed: bool) {
        self.log.push(Effect::Swept { db, key, existed });
    }

    /// A database was emptied.
    pub fn emptied(&mut self) {
        if self.interest.changes {
            self.log.push(Effect::Emptied);
        }
    }

    /// A key that somebody waits for may serve now.
    pub fn ready(&mut self, db: usize, key: Bytes) {
        self.log.push(Effect::Ready { db, key });
    }

    /// A command for the stream.
    #[inline]
    pub fn propagate(&mut self, db: usize, argv: impl FnOnce() -> Argv) {
        if self.interest.propagate {
            self.append(db, argv().iter(), false);
        }
    }

    /// The same for a command that somebody else keeps: as a request, or at least its words.
    #[inline(always)]
    pub fn propagate_call<'w>(
        &mut self,
        db: usize,
        request: impl FnOnce() -> Option<&'w [u8]>,
        words: impl ExactSizeIterator<Item = &'w [u8]>,
    ) {
        if self.interest.propagate {
            self.append_call(db, request, words);
        }
    }

    #[inline(never)]
    fn append_call<'w>(
        &mut self,
        db: usize,
        request: impl FnOnce() -> Option<&'w [u8]>,
        words: impl ExactSizeIterator<Item = &'w [u8]>,
    ) {
        match request() {
            Some(request) => {
                self.stream.extend_from_slice(request);
                self.log.push(Effect::Propagate { db, len: request.len(), alone: false });
            }
            None => self.append(db, words, false),
        }
    }

    fn append<'w>(
        &mut self,
        db: usize,
        words: impl ExactSizeIterator<Item = &'w [u8]>,
        alone: bool,
    ) {
        let before = self.stream.len();
        encode(words, &mut self.stream);
        self.log.push(Effect::Propagate { db, len: self.stream.len() - before, alone });
    }

    /// A command for the stream that is a unit of its own.
    #[inline]
    pub fn propagate_alone(&mut self, db: usize, argv: impl FnOnce() -> Argv) {
        if self.interest.propagate {
            self.append(db, argv().iter(), true);
        }
    }

    /// Whether there is anything to drain.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Puts back what was taken and is not due yet; nothing was logged meanwhile.
    pub fn put_back(&mut self, kept: Vec<Effect>) {
        debug_assert!(self.log.is_empty(), "the log grew while it was read");
        self.log = kept;
    }

    /// Takes the log; the order is that of the unit.
    pub fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.log)
    }

    /// Takes the commands of a log that was taken, one behind the other.
    pub fn take_stream(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stream)
    }

    /// Gives the room of what was taken back, to be used again.
    #[inline]
    pub fn reuse(&mut self, mut log: Vec<Effect>, mut stream: Vec<u8>) {
        if self.log.is_empty() && log.capacity() <= LOG_KEPT {
            log.clear();
            self.log = log;
        }
        if self.stream.is_empty() && stream.capacity() <= STREAM_KEPT {
            stream.clear();
            self.stream = stream;
        }
    }

    /// Takes the commands of a log that was taken.
    #[cfg(test)]
    pub fn take_commands(&mut self) -> Vec<Argv> {
        use crate::resp::log::{LogReader, Record};
        let stream = self.take_stream();
        let mut reader = LogReader::new(&stream[..], 0);
        let mut commands = Vec::new();
        while let Ok(Some(Record::Command(words))) = reader.next_record() {
            commands.push(words.into());
        }
        commands
    }
}
