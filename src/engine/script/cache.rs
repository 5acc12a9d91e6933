//! Compiled scripts of EVAL by the SHA-1 of their text.

use super::lua::Kept;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The name of a script.
pub type Sha = [u8; 20];

/// A compiled script.
#[derive(Clone, Copy)]
pub struct Compiled {
    /// Its function in the interpreter.
    pub function: Kept,
    /// What it declares.
    pub flags: u32,
}

/// A digest is spread well enough already; whoever finds two texts whose digests agree in eight
/// bytes gains a slow look-up.
#[derive(Default)]
pub struct ShaHasher(u64);

impl Hasher for ShaHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

/// All of them.
#[derive(Default)]
pub struct Cache {
    scripts: HashMap<Sha, Compiled, BuildHasherDefault<ShaHasher>>,
    /// Bytes of their texts.
    text_bytes: usize,
}

impl Cache {
    /// The script of this name.
    #[inline]
    pub fn get(&self, sha: &Sha) -> Option<Compiled> {
        self.scripts.get(sha).copied()
    }

    /// Adds a script whose text has so many bytes.
    pub fn insert(&mut self, sha: Sha, compiled: Compiled, text_bytes: usize) {
        self.scripts.insert(sha, compiled);
        self.text_bytes += text_bytes;
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Cache::default();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Bytes beside the interpreter: texts' digests and entries.
    pub fn bytes(&self) -> usize {
        self.text_bytes + self.scripts.capacity() * size_of::<(Sha, Compiled)>()
    }
}

/// A digest in hexadecimal.
pub fn hex(sha: &Sha) -> [u8; 40] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(sha) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// The digest that 40 hexadecimal digits name, any case.
#[inline]
pub fn parse(text: &[u8]) -> Option<Sha> {
    let text: &[u8; 40] = text.try_into().ok()?;
    let mut sha = [0; 20];
    for (byte, pair) in sha.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(sha)
}

fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_forty_digits() {
        let sha = [0xAB; 20];
        assert_eq!(parse(&hex(&sha)), Some(sha));
        assert_eq!(parse(&[b'F'; 40]), Some([0xFF; 20]));
        assert_eq!(parse(&[b'g'; 40]), None);
        assert_eq!(parse(&[b'0'; 39]), None);
    }
}
