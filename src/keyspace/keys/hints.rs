//! Hashes that were computed before the command that needs them ran.

/// Hashes computed ahead of their use, by the address of the key they belong to: one for the first
/// argument of the running command, and those of a command with many keys. Only ever a hint: the
/// argument buffers do not move while a command runs, and all are dropped after it.
#[derive(Default)]
pub struct Hints {
    first: (usize, usize, u64),
    list: Vec<(usize, usize, u64)>,
    next: usize,
}

impl Hints {
    /// Forgets all.
    #[inline]
    pub fn clear(&mut self) {
        self.first = (0, 0, 0);
        self.list.clear();
        self.next = 0;
    }

    /// Remembers the hash of the running command's first argument, if it was computed.
    #[inline]
    pub fn expect_first(&mut self, key: &[u8], hash: Option<u64>) {
        self.first = hash.map_or((0, 0, 0), |hash| (key.as_ptr().addr(), key.len(), hash));
    }

    /// Adds the hash of one of many keys, in the order they will be asked for.
    pub(super) fn expect_next(&mut self, key: &[u8], hash: u64) {
        self.list.push((key.as_ptr().addr(), key.len(), hash));
    }

    /// The hashes added so.
    pub(super) fn expected(&self) -> impl Iterator<Item = u64> {
        self.list.iter().map(|(_, _, hash)| *hash)
    }

    #[inline]
    pub(super) fn find(&mut self, key: &[u8]) -> Option<u64> {
        let (addr, len) = (key.as_ptr().addr(), key.len());
        if (self.first.0, self.first.1) == (addr, len) {
            return Some(self.first.2);
        }
        let known = self.list.get(self.next)?;
        if (known.0, known.1) != (addr, len) {
            return None;
        }
        self.next += 1;
        Some(known.2)
    }
}
