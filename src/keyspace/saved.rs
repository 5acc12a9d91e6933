//! Keys between databases and the forms they are saved in.

use super::Keyspace;
use super::access::AccessPolicy;
use super::entry::{Entry, New, PACKED_MAX, SHORT_MAX, View};
use crate::base::num::parse_i64;
use crate::ds::dict::Dict;
use crate::rdb::{Hint, Loaded, Record, Source};
use crate::value::string::EMBSTR_MAX;
use crate::value::{Collection, PackedKind, Value};

/// Which hint about its use is saved with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HintKind {
    /// None: no key is ever evicted for it.
    #[default]
    None,
    /// How long ago it was used.
    Idle,
    /// How often it was used.
    Frequency,
}

/// What an entry holds, for saving.
pub fn source_of(view: View<'_>) -> Source<'_> {
    match view {
        View::Int(n) => Source::Int(n),
        View::Short(text, _) => Source::Text(text),
        View::Packed(kind, bytes) => Source::Packed(kind, bytes),
        View::Boxed(value) => Source::Boxed(value),
    }
}

/// The packed bytes of a value, while it is a small collection.
fn packed(value: &Value) -> Option<(PackedKind, &[u8])> {
    match value {
        Value::Str(_) | Value::Stream(_) => None,
        Value::List(list) => list.as_packed(),
        Value::Hash(hash) => hash.as_packed(),
        Value::Set(set) => set.as_packed(),
        Value::ZSet(set) => set.as_packed(),
    }
}

/// An entry for a value that came from a file, in the form it would have had it grown here.
pub(super) fn entry_of(
    key: &[u8],
    value: Value,
    deadline: Option<i64>,
    epoch: u8,
    stamp: u32,
) -> Entry {
    let new = match (&value, packed(&value)) {
        (Value::Str(text), _) => match text.bytes() {
            bytes if parse_i64(bytes).is_some() => parse_i64(bytes).map(New::Int),
            bytes if bytes.len() <= SHORT_MAX => Some(New::Short(bytes, bytes.len() > EMBSTR_MAX)),
            _ => None,
        },
        (_, Some((kind, bytes))) if bytes.len() <= PACKED_MAX => Some(New::Packed(kind, bytes)),
        _ => None,
    };
    if let Some(new) = new {
        return Entry::new(key, new, deadline, epoch, stamp);
    }
    Entry::new(key, New::Boxed(Box::new(value)), deadline, epoch, stamp)
}

impl AccessPolicy {
    /// The stamp that says what a hint says; `None` when it is of no use under this policy.
    pub fn hinted(&self, hint: Option<Hint>, now_ms: i64) -> Option<u32> {
        /// The clock of stamps has so many seconds.
        const CLOCK: u64 = 1 << 24;
        match hint? {
            Hint::Frequency(frequency) if self.lfu => {
                let fresh = self.born(now_ms) & !0xFF;
                Some(fresh | u32::from(frequency))
            }
            Hint::IdleSeconds(idle) if !self.lfu => {
                let clock = u64::from(super::access::lru_clock(now_ms));
                // What is older than the clock can say is as old as it can say for long.
                let stamp = clock.checked_sub(idle).unwrap_or((clock + CLOCK / 2) % CLOCK);
                Some(stamp as u32)
            }
            _ => None,
        }
    }

    fn hint_of(&self, kind: HintKind, stamp: u32, now_ms: i64) -> Option<Hint> {
        match kind {
            HintKind::None => None,
            HintKind::Idle => {
                let idle = super::access::idle_ms(stamp, now_ms) / 1000;
                Some(Hint::IdleSeconds(idle as u64))
            }
            HintKind::Frequency => Some(Hint::Frequency(self.decayed(stamp, now_ms))),
        }
    }
}

/// An entry in the form it is saved in.
pub fn record_of<'e>(
    entry: &'e Entry,
    access: &AccessPolicy,
    hints: HintKind,
    now: i64,
) -> Record<'e> {
    Record {
        key: entry.key(),
        deadline: entry.deadline(),
        hint: access.hint_of(hints, entry.access(), now),
        value: source_of(entry.view()),
    }
}

impl Keyspace {
    /// Adds a key that was loaded; false, and nothing is changed, when its name is taken. Nobody is
    /// told: a keyspace that is being filled has no audience.
    pub fn load_key(&mut self, db: usize, loaded: Loaded, now: i64) -> bool {
        let Loaded { key, deadline, hint, value } = loaded;
        let hash = self.dbs[db].dict.hash(&key);
        if self.dbs[db].peek(hash, &key).is_some() {
            return false;
        }
        let stamp = self.access.hinted(hint, now).unwrap_or_else(|| self.access.born(now));
        let entry = entry_of(&key, value, deadline, self.walks.epoch, stamp);
        self.dbs[db].insert(hash, entry);
        true
    }

    /// Takes a key out again that was loaded.
    pub fn unload_key(&mut self, db: usize, key: &[u8]) {
        let hash = self.dbs[db].dict.hash(key);
        if let Some(entry) = self.dbs[db].take(hash, key) {
            self.free(entry);
        }
    }

    /// Adds all keys of another keyspace, over those of the same names if `over`; otherwise there
    /// must be none, or nothing is changed and the first such name is given.
    pub fn absorb(&mut self, mut fresh: Keyspace, over: bool) -> Result<(), Vec<u8>> {
        for (number, db) in fresh.dbs.iter().enumerate().filter(|_| !over) {
            let mut taken = None;
            each_entry(&db.dict, &mut |entry| {
                let hash = db.dict.hash(entry.key());
                if self.dbs[number].peek(hash, entry.key()).is_some() {
                    taken = Some(entry.key().to_vec());
                }
            });
            if let Some(name) = taken {
                return Err(name);
            }
        }
        for (number, db) in fresh.dbs.iter_mut().enumerate() {
            let mut names = Vec::with_capacity(db.dict.len());
            each_entry(&db.dict, &mut |entry| names.push(entry.key().to_vec()));
            for name in names {
                let hash = db.dict.hash(&name);
                let entry = db.take(hash, &name).expect("it was just seen");
                self.before_overwrite(number, hash, &entry);
                if let Some(old) = self.dbs[number].put(hash, entry) {
                    self.discard(number, old);
                }
            }
            self.all_ready(number);
        }
        Ok(())
    }
}

/// Calls `f` with every entry of a table that does not change meanwhile.
fn each_entry(table: &Dict<Entry>, f: &mut dyn FnMut(&Entry)) {
    let mut cursor = 0;
    loop {
        cursor = table.scan(cursor, &mut |entry: &Entry| f(entry));
        if cursor == 0 {
            return;
        }
    }
}

/// The bytes of a string that is shared are never copied into an entry.
const _: () = assert!(crate::value::string::SHARED_MIN > SHORT_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::string::BigStr;

    #[test]
    fn hints_become_stamps_and_back() {
        let now = 1_700_000_123_456;
        let lru = AccessPolicy::default();
        let stamp = lru.hinted(Some(Hint::IdleSeconds(77)), now).expect("it is of use");
        assert_eq!(lru.hint_of(HintKind::Idle, stamp, now), Some(Hint::IdleSeconds(77)));
        assert_eq!(lru.hinted(Some(Hint::Frequency(3)), now), None);
        assert_eq!(lru.hinted(None, now), None);
        let lfu = AccessPolicy { lfu: true, ..lru };
        let stamp = lfu.hinted(Some(Hint::Frequency(200)), now).expect("it is of use");
        assert_eq!(lfu.hint_of(HintKind::Frequency, stamp, now), Some(Hint::Frequency(200)));
        assert_eq!(lfu.hinted(Some(Hint::IdleSeconds(3)), now), None);
    }

    #[test]
    fn a_string_takes_the_form_it_would_have_here() {
        let form = |text: &[u8]| {
            let value = Value::Str(BigStr::Owned(text.to_vec()));
            let entry = entry_of(b"k", value, Some(5), 0, 0);
            assert_eq!(entry.deadline(), Some(5));
            match entry.view() {
                View::Int(n) => format!("int {n}"),
                View::Short(_, raw) => format!("short {raw}"),
                View::Packed(..) => "packed".to_owned(),
                View::Boxed(_) => "boxed".to_owned(),
            }
        };
        assert_eq!(form(b"123"), "int 123");
        assert_eq!(form(b"0123"), "short false");
        assert_eq!(form(&[b'x'; 45]), "short true");
        assert_eq!(form(&[b'x'; SHORT_MAX + 1]), "boxed");
    }
}
