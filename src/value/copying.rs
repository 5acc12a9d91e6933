//! Copies of large values, made some elements at a time. The copy has the encoding of its source.

use super::Value;
use super::hash::Hash;
use super::limits::Limits;
use super::list::List;
use super::set::Set;
use super::stream::Stream;
use super::string::BigStr;
use super::zset::ZSet;

/// Bytes of a string that are copied at once.
const BYTES: usize = 64 * 1024;
/// Members of a sorted set that are copied at once.
const MEMBERS: usize = 16;

/// A copy on its way.
pub struct Copying {
    made: Value,
    /// Where to go on: a cursor, or a number of elements, nodes or bytes.
    at: u64,
}

impl Copying {
    /// The copy of a value that is too large to be copied at once; `long` elements are too many.
    pub fn of(source: &Value, long: usize) -> Option<Copying> {
        let made = match source {
            Value::Str(BigStr::Owned(bytes)) if bytes.len() > 16 * BYTES => {
                Value::Str(BigStr::Owned(Vec::with_capacity(bytes.len())))
            }
            Value::Hash(Hash::Table(table)) if table.len() >= long => {
                Value::Hash(Hash::Table(Box::new(table.like())))
            }
            Value::Set(Set::Table(table)) if table.len() >= long => {
                Value::Set(Set::Table(Box::new(table.like())))
            }
            Value::List(List::Quick(list)) if list.len() >= long => {
                Value::List(List::Quick(Box::new(list.like())))
            }
            Value::ZSet(ZSet::Ranked(set)) if set.len() >= long => {
                Value::ZSet(ZSet::Ranked(Box::new(set.like())))
            }
            Value::Stream(stream) if stream.log.len() >= long as u64 => {
                Value::Stream(Box::new(stream.like()))
            }
            _ => return None,
        };
        Some(Copying { made, at: 0 })
    }

    /// Copies a few elements more of the same source; true when that was all.
    pub fn step(&mut self, source: &Value, limits: &Limits) -> bool {
        let at = self.at;
        self.at = match (&mut self.made, source) {
            (Value::Str(BigStr::Owned(made)), Value::Str(source)) => {
                let rest = &source.bytes()[at as usize..];
                made.extend_from_slice(&rest[..rest.len().min(BYTES)]);
                if made.len() < source.bytes().len() { made.len() as u64 } else { 0 }
            }
            (Value::Hash(made), Value::Hash(source)) => {
                source.as_ref().scan(at, &mut |field, value| {
                    field.with_text(|f| value.with_text(|v| made.set(f, v, limits)));
                })
            }
            (Value::Set(made), Value::Set(source)) => source.as_ref().scan(at, &mut |member| {
                made.insert_item(member, limits);
            }),
            (Value::List(List::Quick(made)), Value::List(List::Quick(source))) => {
                made.append_copy(source, at as usize) as u64
            }
            (Value::ZSet(ZSet::Ranked(made)), Value::ZSet(ZSet::Ranked(source))) => {
                let from = at as usize;
                let to = (from + MEMBERS).min(source.len());
                source.range(from..to).for_each(|(member, score)| {
                    made.insert(member, score);
                });
                if to < source.len() { to as u64 } else { 0 }
            }
            (Value::Stream(made), Value::Stream(source)) => step_stream(made, source),
            _ => unreachable!("a copy is of its source's type and encoding"),
        };
        self.at == 0
    }

    /// The copy as far as it is made.
    pub fn into_value(self) -> Value {
        self.made
    }
}

/// Nodes are found by their ids, so there is no place to remember; the rest comes with the last.
fn step_stream(made: &mut Stream, source: &Stream) -> u64 {
    let more = made.log.append_copy(&source.log);
    if !more {
        made.groups = source.groups.clone();
    }
    u64::from(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ds::quicklist::End;
    use crate::value::stream::StreamId;

    const N: usize = 3000;

    fn values(limits: &Limits) -> Vec<Value> {
        let (mut hash, mut set) = (Hash::default(), Set::default());
        let (mut zset, mut list) = (ZSet::default(), List::long(limits));
        let mut stream = Stream::default();
        for n in 0..N {
            let text = format!("text {n}");
            hash.set(text.as_bytes(), b"value", limits);
            set.insert(text.as_bytes(), limits);
            zset.insert(text.as_bytes(), (n * 7919 % N) as f64, limits);
            list.push(End::Tail, text.as_bytes());
            let id = StreamId { ms: n as u64 + 1, seq: 0 };
            let fields = [b"field".as_slice(), text.as_bytes()];
            assert!(stream.log.append(id, 1, |i| fields[i], limits).is_ok());
        }
        let bytes = (0..3_000_000u32).map(|n| n as u8).collect();
        vec![
            Value::Hash(hash),
            Value::Set(set),
            Value::ZSet(zset),
            Value::List(list),
            Value::Stream(Box::new(stream)),
            Value::Str(BigStr::Owned(bytes)),
        ]
    }

    #[test]
    fn copies_in_steps_are_like_copies_at_once() {
        let limits = Limits::default();
        for value in values(&limits) {
            let mut copying = Copying::of(&value, 1000).expect("it is large");
            let mut steps = 1;
            while !copying.step(&value, &limits) {
                steps += 1;
            }
            let (copy, whole) = (copying.into_value(), value.duplicate());
            assert!(steps > 3, "{} took {steps} steps", value.type_name());
            copy.check();
            assert_eq!(copy.encoding(), whole.encoding());
            assert!(contents(&copy) == contents(&whole), "{} differs", value.type_name());
        }
    }

    fn contents(value: &Value) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        match value {
            Value::Str(s) => all.push(s.bytes().to_vec()),
            Value::Hash(hash) => hash.as_ref().iter().for_each(|(field, value)| {
                all.push([field.to_vec(), value.to_vec()].concat());
            }),
            Value::Set(set) => set.as_ref().iter().for_each(|member| all.push(member.to_vec())),
            Value::ZSet(set) => set.as_ref().iter().for_each(|(member, score)| {
                all.push([member.to_vec(), score.to_le_bytes().to_vec()].concat());
            }),
            Value::List(list) => {
                list.as_ref().each(0, usize::MAX, true, |item| all.push(item.to_vec()));
                return all;
            }
            Value::Stream(stream) => stream.content(&mut |part| all.push(part.to_vec())),
        }
        all.sort();
        all
    }

    #[test]
    fn small_values_are_copied_at_once() {
        let limits = Limits::default();
        let mut set = Set::default();
        set.insert(b"one", &limits);
        assert!(Copying::of(&Value::Set(set), 1).is_none());
        assert!(Copying::of(&Value::Str(BigStr::Owned(vec![0; 1000])), 1).is_none());
    }
}
