//! Compiled scripts of EVAL by the SHA-1 of their text.

use super::lua::Kept;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The name of a script: the digest of its text in hexadecimal, lower case.
pub type Sha = [u8; 40];

/// A compiled script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// Its function in the interpreter.
    pub function: Kept,
    /// What it declares.
    pub flags: u32,
}

/// A digest is spread well enough already, but for the few bits that tell its digits apart from
/// other bytes. Whoever finds two texts whose digests agree in eight digits gains a slow look-up.
#[derive(Default)]
pub struct ShaHasher(u64);

impl Hasher for ShaHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = spread(u64::from_le_bytes(*first));
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

fn spread(word: u64) -> u64 {
    word.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

/// A script that was called by its text a short while ago.
struct Recent {
    text: Box<[u8]>,
    compiled: Compiled,
}

/// Texts that are remembered, and the longest one.
const RECENT: usize = 64;
const RECENT_BYTES: usize = 4096;

/// All of them.
#[derive(Default)]
pub struct Cache {
    scripts: HashMap<Sha, Compiled, BuildHasherDefault<ShaHasher>>,
    /// Their names, by the numbers of their functions.
    names: Vec<Sha>,
    /// Bytes of their texts.
    text_bytes: usize,
    /// Some of those called by their texts, so that no digest is needed; each at the place its
    /// first and last bytes give it.
    recent: Vec<Option<Recent>>,
}

impl Cache {
    /// The script of this name.
    #[inline]
    pub fn get(&self, sha: &Sha) -> Option<Compiled> {
        self.scripts.get(sha).copied()
    }

    /// The script that a client calls so: 40 digits, any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<Compiled> {
        let name: &Sha = name.first_chunk().filter(|_| name.len() == 40)?;
        self.get(name).or_else(|| self.get(&name.to_ascii_lowercase().try_into().ok()?))
    }

    /// The name of the script with this function.
    pub fn name_of(&self, function: Kept) -> Sha {
        self.names.get(function.number()).copied().unwrap_or([b'0'; 40])
    }

    /// The script with this text, if it was called by it lately.
    #[inline]
    pub fn find_text(&self, text: &[u8]) -> Option<Compiled> {
        let recent = self.recent.get(place_of(text))?.as_ref()?;
        (*recent.text == *text).then_some(recent.compiled)
    }

    /// Remembers the text that a script was just called by.
    pub fn remember_text(&mut self, text: &[u8], compiled: Compiled) {
        if text.len() > RECENT_BYTES {
            return;
        }
        self.recent.resize_with(RECENT, || None);
        self.recent[place_of(text)] = Some(Recent { text: text.into(), compiled });
    }

    /// Adds a script whose text has so many bytes.
    pub fn insert(&mut self, sha: Sha, compiled: Compiled, text_bytes: usize) {
        self.scripts.insert(sha, compiled);
        let number = compiled.function.number();
        if self.names.len() <= number {
            self.names.resize(number + 1, [b'0'; 40]);
        }
        self.names[number] = sha;
        self.text_bytes += text_bytes;
    }

    /// Takes all scripts out.
    pub fn take(&mut self) -> Cache {
        std::mem::take(self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Bytes beside the interpreter: texts and entries.
    pub fn bytes(&self) -> usize {
        self.text_bytes
            + self.scripts.capacity() * size_of::<(Sha, Compiled)>()
            + self.names.capacity() * size_of::<Sha>()
    }
}

/// Where a text is remembered.
#[inline]
fn place_of(text: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let ends = word(text.first_chunk()) ^ word(text.last_chunk()).rotate_left(17);
    (spread(ends ^ text.len() as u64) % RECENT as u64) as usize
}

/// A digest in hexadecimal.
pub fn hex(digest: &[u8; 20]) -> Sha {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(n: u32) -> Compiled {
        Compiled { function: Kept::default(), flags: n }
    }

    #[test]
    fn names_are_forty_digits_of_any_case() {
        let mut cache = Cache::default();
        let name = hex(&[0xAB; 20]);
        cache.insert(name, script(1), 5);
        assert_eq!(name, [*b"ab"; 20].concat().as_slice());
        assert_eq!(cache.find(&name), Some(script(1)));
        assert_eq!(cache.find(&name.to_ascii_uppercase()), Some(script(1)));
        assert_eq!(cache.name_of(script(1).function), name);
        assert_eq!(cache.find(&[&name[..], b"0"].concat()), None);
        assert_eq!(cache.find(&name[..39]), None);
        assert_eq!(cache.find(&[b'g'; 40]), None);
    }

    #[test]
    fn texts_are_remembered_as_a_whole() {
        let mut cache = Cache::default();
        assert_eq!(cache.find_text(b"return 1"), None);
        let texts: Vec<Vec<u8>> =
            (0..400).map(|n| format!("return 1 -- {n} the same end").into_bytes()).collect();
        for (n, text) in (0..).zip(&texts) {
            cache.remember_text(text, script(n));
            assert_eq!(cache.find_text(text), Some(script(n)));
        }
        for (n, text) in (0..).zip(&texts) {
            assert!(cache.find_text(text).is_none_or(|found| found == script(n)));
        }
        let long = vec![b'-'; RECENT_BYTES + 1];
        cache.remember_text(&long, script(0));
        assert_eq!(cache.find_text(&long), None);
        assert_eq!(cache.find_text(b""), None);
        cache.remember_text(b"", script(7));
        assert_eq!(cache.find_text(b""), Some(script(7)));
        assert!(cache.take().find_text(b"").is_some() && cache.find_text(b"").is_none());
    }
}
