//! A digest of the whole content that does not depend on the order of keys, so that two keyspaces
//! can be compared: what was replayed, loaded or replicated against what is live. It sees more than
//! Redis's own (`mix_digest.rs`): deadlines, counters of streams, groups and what is pending.

use super::Keyspace;
use super::entry::{Entry, View};
use super::keys::ValueType;
use crate::value::Value;
use crate::value::hash::{Hash, HashRef};
use crate::value::list::{List, ListRef};
use crate::value::set::{Set, SetRef};
use crate::value::zset::{ZSet, ZSetRef};
use sha2::{Digest, Sha256};

impl Keyspace {
    /// XOR over all entries of a SHA-256 of database, key, value and deadline.
    pub fn digest(&self) -> [u8; 32] {
        let mut sum = [0u8; 32];
        for (number, db) in self.dbs.iter().enumerate() {
            let mut cursor = 0;
            loop {
                cursor = db.dict.scan(cursor, &mut |entry: &Entry| {
                    for (s, d) in sum.iter_mut().zip(entry_digest(number, entry)) {
                        *s ^= d;
                    }
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        sum
    }
}

fn entry_digest(db: usize, entry: &Entry) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update((db as u64).to_le_bytes());
    hasher.update((entry.key().len() as u64).to_le_bytes());
    hasher.update(entry.key());
    content_digest(hasher, entry)
}

/// What was hashed so far, with deadline and value.
fn content_digest(mut hasher: Sha256, entry: &Entry) -> [u8; 32] {
    hasher.update(entry.deadline().unwrap_or(-1).to_le_bytes());
    if let Ok(hash) = Hash::view(entry.view()) {
        hasher.update("hash");
        hasher.update(hash_digest(hash));
        return hasher.finalize().into();
    }
    if let Ok(list) = List::view(entry.view()) {
        hasher.update("list");
        hasher.update(list_digest(list));
        return hasher.finalize().into();
    }
    if let Ok(set) = Set::view(entry.view()) {
        hasher.update("set");
        hasher.update(set_digest(set));
        return hasher.finalize().into();
    }
    if let Ok(set) = ZSet::view(entry.view()) {
        hasher.update("zset");
        zset_digest(&mut hasher, set);
        return hasher.finalize().into();
    }
    match entry.view() {
        View::Int(n) => hasher.update(itoa::Buffer::new().format(n)),
        View::Short(bytes, _) => hasher.update(bytes),
        View::Packed(kind, bytes) => {
            hasher.update(kind.type_name());
            hasher.update(bytes);
        }
        View::Boxed(Value::Str(s)) => hasher.update(s.bytes()),
        View::Boxed(Value::Stream(s)) => s.content(&mut |part| hasher.update(part)),
        View::Boxed(Value::Hash(_) | Value::List(_) | Value::Set(_) | Value::ZSet(_)) => {
            unreachable!("seen above")
        }
    }
    hasher.finalize().into()
}

/// The same whatever the encoding.
fn list_digest(list: ListRef<'_>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    list.each(0, usize::MAX, true, |item| {
        hasher.update((item.len() as u64).to_le_bytes());
        item.with_text(|text| hasher.update(text));
    });
    hasher.finalize().into()
}

/// Members in their order, whatever the encoding. A listpack has no negative zero, so neither has
/// the digest.
fn zset_digest(hasher: &mut Sha256, set: ZSetRef<'_>) {
    for (member, score) in set.iter() {
        hasher.update((member.len() as u64).to_le_bytes());
        member.with_text(|text| hasher.update(text));
        hasher.update((score + 0.0).to_le_bytes());
    }
}

/// The same whatever the encoding and the order of the fields.
fn hash_digest(hash: HashRef<'_>) -> [u8; 32] {
    let mut sum = [0u8; 32];
    for (field, value) in hash.iter() {
        let mut hasher = Sha256::new();
        for item in [field, value] {
            hasher.update((item.len() as u64).to_le_bytes());
            item.with_text(|text| hasher.update(text));
        }
        let digest: [u8; 32] = hasher.finalize().into();
        sum.iter_mut().zip(digest).for_each(|(s, d)| *s ^= d);
    }
    sum
}

/// The same whatever the encoding and the order of the members.
fn set_digest(set: SetRef<'_>) -> [u8; 32] {
    let mut sum = [0u8; 32];
    for member in set.iter() {
        let digest: [u8; 32] = member.with_text(|text| Sha256::digest(text)).into();
        sum.iter_mut().zip(digest).for_each(|(s, d)| *s ^= d);
    }
    sum
}
