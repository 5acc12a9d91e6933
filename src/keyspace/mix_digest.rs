//! The digest that DEBUG shows, bit for bit that of Redis, so that two servers can be compared.
//!
//! ```text
//!  xor(d, x)   d ^ SHA1(x)                  order does not matter
//!  mix(d, x)   SHA1(d ^ SHA1(x))            order matters
//! ```
//!
//! Of a deadline only that there is one counts, and of a stream only the entries.

use super::Keyspace;
use super::entry::{Entry, View};
use super::keys::ValueType;
use crate::base::double::format_17;
use crate::value::Value;
use crate::value::hash::Hash;
use crate::value::list::List;
use crate::value::set::Set;
use crate::value::stream::{Stream, StreamId};
use crate::value::zset::ZSet;
use sha1::{Digest, Sha1};

/// The numbers of the types.
const STRING: u32 = 0;
const LIST: u32 = 1;
const SET: u32 = 2;
const ZSET: u32 = 3;
const HASH: u32 = 4;
const STREAM: u32 = 6;

/// A digest so far.
#[derive(Default)]
struct Mixed([u8; 20]);

impl Mixed {
    fn xor(&mut self, part: &[u8]) {
        let digest: [u8; 20] = Sha1::digest(part).into();
        self.0.iter_mut().zip(digest).for_each(|(sum, byte)| *sum ^= byte);
    }

    fn mix(&mut self, part: &[u8]) {
        self.xor(part);
        self.0 = Sha1::digest(self.0).into();
    }
}

impl Keyspace {
    /// The digest of everything.
    pub fn mix_digest(&self) -> [u8; 20] {
        let mut sum = Mixed::default();
        for (number, db) in self.dbs.iter().enumerate().filter(|(_, db)| !db.dict.is_empty()) {
            sum.mix(&(number as u32).to_be_bytes());
            let mut cursor = 0;
            loop {
                cursor = db.dict.scan(cursor, &mut |entry: &Entry| {
                    let mut digest = Mixed::default();
                    digest.mix(entry.key());
                    mix_entry(&mut digest, entry);
                    sum.xor(&digest.0);
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        sum.0
    }

    /// The digest of what a key holds; zero when there is none. Nothing else notices.
    pub fn mix_value_digest(&self, db: usize, key: &[u8], now: i64) -> [u8; 20] {
        let mut digest = Mixed::default();
        let found = self.dbs[db].peek(self.dbs[db].dict.hash(key), key);
        if let Some(entry) = found.filter(|entry| !entry.expired(now)) {
            mix_entry(&mut digest, &entry);
        }
        digest.0
    }
}

fn mix_entry(digest: &mut Mixed, entry: &Entry) {
    mix_value(digest, entry.view());
    if entry.deadline().is_some() {
        digest.xor(b"!!expire!!");
    }
}

fn mix_value(digest: &mut Mixed, view: View<'_>) {
    let kind = |digest: &mut Mixed, kind: u32| digest.mix(&kind.to_be_bytes());
    if let Ok(hash) = Hash::view(view) {
        kind(digest, HASH);
        for (field, value) in hash.iter() {
            let mut pair = Mixed::default();
            field.with_text(|text| pair.mix(text));
            value.with_text(|text| pair.mix(text));
            digest.xor(&pair.0);
        }
    } else if let Ok(list) = List::view(view) {
        kind(digest, LIST);
        list.each(0, usize::MAX, true, |item| item.with_text(|text| digest.mix(text)));
    } else if let Ok(set) = Set::view(view) {
        kind(digest, SET);
        set.iter().for_each(|member| member.with_text(|text| digest.xor(text)));
    } else if let Ok(set) = ZSet::view(view) {
        kind(digest, ZSET);
        for (member, score) in set.iter() {
            let mut pair = Mixed::default();
            member.with_text(|text| pair.mix(text));
            pair.mix(format_17(score).as_bytes());
            digest.xor(&pair.0);
        }
    } else if let View::Boxed(Value::Stream(stream)) = view {
        kind(digest, STREAM);
        mix_stream(digest, stream);
    } else {
        kind(digest, STRING);
        match view {
            View::Int(n) => digest.mix(itoa::Buffer::new().format(n).as_bytes()),
            View::Short(text, _) => digest.mix(text),
            View::Boxed(Value::Str(text)) => digest.mix(text.bytes()),
            View::Boxed(_) | View::Packed(..) => unreachable!("seen above"),
        }
    }
}

fn mix_stream(digest: &mut Mixed, stream: &Stream) {
    for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
        digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        for word in entry.fields().flat_map(|(name, value)| [name, value]) {
            word.with_text(|text| digest.mix(text));
        }
    }
}
