//! Hashes that were computed before the command that needs them ran.

/// The hash of a key, by the place of the key in an argument buffer.
#[derive(Clone, Copy, Default)]
pub struct Hint {
    addr: usize,
    len: usize,
    hash: u64,
}

impl Hint {
    /// The hash of the key that lies here.
    #[inline]
    pub fn of(key: &[u8], hash: u64) -> Hint {
        Hint { addr: key.as_ptr().addr(), len: key.len(), hash }
    }

    /// The hash.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    #[inline]
    fn is_of(&self, key: &[u8]) -> bool {
        (self.addr, self.len) == (key.as_ptr().addr(), key.len())
    }
}

/// Hashes computed ahead of their use, by the address of the key they belong to: one for the first
/// key of the running command, and those of a command with many keys. Only ever a hint: the
/// argument buffers do not move while a command runs, and all are dropped after it.
#[derive(Default)]
pub struct Hints {
    first: Hint,
    list: Vec<Hint>,
    next: usize,
}

impl Hints {
    /// Forgets all.
    #[inline]
    pub fn clear(&mut self) {
        self.first = Hint::default();
        self.list.clear();
        self.next = 0;
    }

    /// Remembers the hash of the running command's first key; the default says that it was not
    /// computed.
    #[inline]
    pub fn expect_first(&mut self, hint: Hint) {
        self.first = hint;
    }

    /// The hash of the running command's first key, if this is it.
    #[inline]
    pub fn first_of(&self, key: &[u8]) -> Option<u64> {
        self.first.is_of(key).then_some(self.first.hash)
    }

    /// Adds the hash of one of many keys, in the order they will be asked for.
    pub(super) fn expect_next(&mut self, key: &[u8], hash: u64) {
        self.list.push(Hint::of(key, hash));
    }

    /// The hashes added so.
    pub(super) fn expected(&self) -> impl Iterator<Item = u64> {
        self.list.iter().map(Hint::hash)
    }

    #[inline]
    pub(super) fn find(&mut self, key: &[u8]) -> Option<u64> {
        if self.first.is_of(key) {
            return Some(self.first.hash);
        }
        let known = self.list.get(self.next)?;
        if !known.is_of(key) {
            return None;
        }
        self.next += 1;
        Some(known.hash)
    }
}
