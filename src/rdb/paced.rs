//! One large value in steps: what DUMP writes, what RESTORE reads, a part at a time.
//!
//! Reading runs on a stack of its own and leaves it whenever it wants more bytes, so that there is
//! one reader of values and not a second one that can stop anywhere.

use super::save_value::{save_beside_entries, save_entries, save_item, save_kind, save_node};
use super::{Error, Options, Reader, Source, VERSION, Writer, load_value};
use crate::value::Value;
use crate::value::hash::Hash;
use crate::value::limits::Limits;
use crate::value::list::List;
use crate::value::set::Set;
use crate::value::stream::StreamId;
use crate::value::zset::ZSet;
use bytes::Bytes;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::io::{self, Read};

const SAFE: &str = "a vector takes everything";
/// Members of a sorted set that are written at once.
const MEMBERS: usize = 16;
/// Bytes that are summed up at once.
const SUMMED: usize = 64 * 1024;
/// Bytes that are read at once.
const READ: usize = 2 * 1024;
/// Bytes of address space for the stack; memory is taken as it is touched.
const STACK_BYTES: usize = 1 << 20;
/// Version and checksum, bytes.
const FOOTER: usize = 10;

/// A payload being written. The value stays as it is meanwhile.
pub struct Dumping {
    out: Writer<Vec<u8>>,
    /// Where to go on: a cursor, or a number of members or nodes.
    at: u64,
    node: Option<StreamId>,
}

impl Dumping {
    /// Of a value that is too large to be written at once; `long` elements are too many.
    pub fn of(value: &Value, long: usize, options: Options) -> Option<Dumping> {
        let len = match value {
            Value::Hash(Hash::Table(table)) => table.len(),
            Value::Set(Set::Table(table)) => table.len(),
            Value::ZSet(ZSet::Ranked(set)) => set.len(),
            Value::List(List::Quick(list)) => list.len(),
            Value::Stream(stream) => stream.log.len() as usize,
            _ => 0,
        };
        if len < long {
            return None;
        }
        let first = match value {
            Value::List(List::Quick(list)) => list.nodes().len(),
            Value::Stream(stream) => stream.log.node_count(),
            _ => len,
        };
        // Packed it is seldom half as long; more would have to be moved at once.
        let room = Vec::with_capacity(value.bytes() / 2);
        let mut out = Writer::new(room, options);
        save_kind(&mut out, Source::Boxed(value)).expect(SAFE);
        out.length(first as u64).expect(SAFE);
        Some(Dumping { out, at: 0, node: None })
    }

    /// Writes some elements more; true when that was all.
    pub fn step(&mut self, value: &Value) -> bool {
        self.elements(value).expect(SAFE)
    }

    fn elements(&mut self, value: &Value) -> io::Result<bool> {
        let Dumping { out, at, node } = self;
        let mut result = Ok(());
        let from = *at as usize;
        *at = match value {
            Value::Hash(hash) => hash.as_ref().scan(*at, &mut |field, value| {
                let pair = save_item(out, field).and_then(|()| save_item(out, value));
                result = pair.and(std::mem::replace(&mut result, Ok(())));
            }),
            Value::Set(set) => set.as_ref().scan(*at, &mut |member| {
                result = save_item(out, member).and(std::mem::replace(&mut result, Ok(())));
            }),
            // From the highest score down.
            Value::ZSet(set) => {
                let set = set.as_ref();
                let left = set.len() - from;
                let now = left.min(MEMBERS);
                for (member, score) in set.range(left - now..left, true) {
                    save_item(out, member)?;
                    out.raw(&score.to_le_bytes())?;
                }
                if now < left { (from + now) as u64 } else { 0 }
            }
            Value::List(List::Quick(list)) => {
                let mut nodes = list.nodes().skip(from);
                if let Some(node) = nodes.next() {
                    save_node(out, node)?;
                }
                if nodes.len() > 0 { (from + 1) as u64 } else { 0 }
            }
            Value::Stream(stream) => match stream.log.node_after(*node) {
                Some((id, entries)) => {
                    *node = Some(id);
                    save_entries(out, id, entries)?;
                    1
                }
                None => {
                    save_beside_entries(out, stream)?;
                    0
                }
            },
            Value::Str(_) | Value::List(_) => unreachable!("it is written at once"),
        };
        result.map(|()| *at == 0)
    }

    /// The payload.
    pub fn finish(mut self) -> Vec<u8> {
        let version = self.out.options().version;
        self.out.raw(&version.to_le_bytes()).expect(SAFE);
        let checksum = self.out.checksum().expect(SAFE);
        let mut payload = self.out.finish().expect(SAFE);
        payload.extend_from_slice(&checksum.to_le_bytes());
        payload
    }
}

/// Why there is no value.
#[derive(Debug)]
pub enum Fault {
    /// Version or checksum are wrong.
    NotWhole,
    /// The content is.
    Damaged(Error),
}

type Door = Yielder<(), ()>;

/// A payload being read.
pub struct Restoring {
    payload: Bytes,
    /// So many bytes are summed up, with this result.
    summed: usize,
    crc: u64,
    limits: Limits,
    reading: Option<Coroutine<(), (), Result<Value, Error>, DefaultStack>>,
}

impl Restoring {
    /// Of this payload.
    pub fn new(payload: Bytes, limits: &Limits) -> Restoring {
        Restoring { payload, summed: 0, crc: 0, limits: limits.clone(), reading: None }
    }

    /// Goes on; the value when it is complete.
    pub fn step(&mut self) -> Option<Result<Value, Fault>> {
        let Some((rest, checksum)) = self.payload.split_last_chunk::<8>() else {
            return Some(Err(Fault::NotWhole));
        };
        if self.summed < rest.len() {
            let part = self.summed..(self.summed + SUMMED).min(rest.len());
            self.summed = part.end;
            self.crc = crc64::crc64(self.crc, &rest[part]);
            return None;
        }
        let Some(reading) = &mut self.reading else {
            let version = rest.split_last_chunk::<2>().map(|(_, version)| *version);
            let known = version.is_some_and(|version| u16::from_le_bytes(version) <= VERSION);
            if !known || self.crc != u64::from_le_bytes(*checksum) {
                return Some(Err(Fault::NotWhole));
            }
            self.reading = Some(begin(self.payload.clone(), self.limits.clone()));
            return None;
        };
        match reading.resume(()) {
            CoroutineResult::Yield(()) => None,
            CoroutineResult::Return(result) => {
                self.reading = None;
                Some(result.map_err(Fault::Damaged))
            }
        }
    }
}

fn begin(payload: Bytes, limits: Limits) -> Coroutine<(), (), Result<Value, Error>, DefaultStack> {
    let stack = DefaultStack::new(STACK_BYTES).expect("address space for a stack");
    Coroutine::with_stack(stack, move |door: &Door, ()| {
        let left = &payload[..payload.len().saturating_sub(FOOTER)];
        let mut from = Reader::new(Paced { door, left });
        let kind = from.byte()?;
        load_value(&mut from, kind, &limits)
    })
}

/// Bytes that are given out a few at a time, with a pause before each time.
struct Paced<'a> {
    door: &'a Door,
    left: &'a [u8],
}

impl Read for Paced<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.door.suspend(());
        let n = into.len().min(READ);
        self.left.read(&mut into[..n])
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload;
    use super::*;

    fn table(n: usize, limits: &Limits) -> Value {
        let mut hash = Hash::default();
        for i in 0..n {
            hash.set(format!("field {i}").as_bytes(), format!("value {i}").as_bytes(), limits);
        }
        Value::Hash(hash)
    }

    fn read(payload: Vec<u8>, limits: &Limits) -> (Result<Value, Fault>, usize) {
        let mut restoring = Restoring::new(payload.into(), limits);
        let mut steps = 0;
        loop {
            steps += 1;
            if let Some(result) = restoring.step() {
                return (result, steps);
            }
        }
    }

    #[test]
    fn damage_is_told_as_at_once() {
        let limits = Limits::default();
        let whole = payload::dump(Source::Boxed(&table(5000, &limits)), Options::default());
        let (value, steps) = read(whole.clone(), &limits);
        value.expect("it is whole").check();
        assert!(steps > 50, "{steps} steps");
        for at in [0, 1, 40_000, whole.len() - 9, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert!(matches!(read(damaged, &limits).0, Err(Fault::NotWhole)), "at {at}");
        }
        // One element too few for the count, under a checksum that is right.
        let body = &whole[..whole.len() - 40];
        let mut short = [body, &VERSION.to_le_bytes()].concat();
        short.extend_from_slice(&crc64::crc64(0, &short).to_le_bytes());
        assert!(payload::is_whole(&short) && payload::restore(&short, &limits).is_err());
        assert!(matches!(read(short, &limits).0, Err(Fault::Damaged(_))));
        assert!(matches!(read(b"short".to_vec(), &limits).0, Err(Fault::NotWhole)));
    }

    #[test]
    fn a_reading_may_be_given_up() {
        let limits = Limits::default();
        let whole = payload::dump(Source::Boxed(&table(5000, &limits)), Options::default());
        let mut restoring = Restoring::new(whole.into(), &limits);
        (0..20).for_each(|_| assert!(restoring.step().is_none()));
        assert!(restoring.reading.is_some());
    }

    #[test]
    fn what_is_written_in_steps_is_read_alike() {
        let limits = Limits::default();
        let value = table(5000, &limits);
        let mut dumping = Dumping::of(&value, 5000, Options::default()).expect("it is long");
        let mut steps = 1;
        while !dumping.step(&value) {
            steps += 1;
        }
        assert!(steps > 100);
        let again = payload::restore(&dumping.finish(), &limits).expect("it is sound");
        let (Value::Hash(one), Value::Hash(two)) = (&value, &again) else { panic!("not a hash") };
        assert_eq!(one.as_ref().len(), two.as_ref().len());
        for (field, value) in one.as_ref().iter() {
            let found = two.as_ref().get(&field.to_vec()).expect("it is there");
            assert_eq!(found.to_vec(), value.to_vec());
        }
        assert!(Dumping::of(&value, 5001, Options::default()).is_none());
    }
}
