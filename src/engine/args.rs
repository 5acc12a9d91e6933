//! A cursor over the arguments of one call. They are slices of the client's read buffer, or of an
//! owned `Argv` where a command was kept; the handler cannot tell.

use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::resp::request::{Argv, RawArgs};
use bytes::Bytes;

/// The arguments of one call, the command's name at place 0, and a reading position.
pub struct Args<'a> {
    raw: RawArgs<'a>,
    next: usize,
}

impl<'a> Args<'a> {
    /// Starts behind the command's name.
    pub fn new(raw: RawArgs<'a>) -> Self {
        Args { raw, next: 1 }
    }

    /// Number of words, the name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Never: a call has at least its name.
    pub fn is_empty(&self) -> bool {
        self.raw.len() == 0
    }

    /// The word at place `i`; the name is at 0. Panics when out of range, which the arity of the
    /// spec excludes.
    #[inline]
    pub fn get(&self, i: usize) -> &[u8] {
        self.raw.get(i)
    }

    /// The call in the form of a request, if it lies in that form already.
    #[inline]
    pub fn as_sent(&self) -> Option<&[u8]> {
        self.raw.as_sent()
    }

    /// The integer at place `i`.
    pub fn int(&self, i: usize) -> Result<i64, Error> {
        // Written out, so that no error is made and dropped where there is none.
        let Some(value) = parse_i64(self.get(i)) else { return Err(Error::NotInteger) };
        Ok(value)
    }

    /// Whether the word at place `i` is `word`, any case. `word` must be lower case.
    #[inline]
    pub fn is(&self, i: usize, word: &str) -> bool {
        self.get(i).eq_ignore_ascii_case(word.as_bytes())
    }

    /// Takes the word at place `i` over: a large one without copying it.
    pub fn take(&mut self, i: usize) -> Bytes {
        self.raw.take(i)
    }

    /// Whether the word at place `i` is so large that `take` does not copy it.
    #[inline]
    pub fn is_large(&self, i: usize) -> bool {
        self.raw.spans[i].start == u32::MAX
    }

    /// Moves the reading position.
    pub fn seek(&mut self, i: usize) {
        self.next = i;
    }

    /// The reading position.
    pub fn position(&self) -> usize {
        self.next
    }

    /// Words behind the reading position.
    pub fn remaining(&self) -> usize {
        self.raw.len().saturating_sub(self.next)
    }

    /// The next word, or a syntax error at the end.
    pub fn word(&mut self) -> Result<&[u8], Error> {
        if self.next >= self.raw.len() {
            return Err(Error::Syntax);
        }
        self.next += 1;
        Ok(self.raw.get(self.next - 1))
    }

    /// The next word as an integer.
    pub fn next_int(&mut self) -> Result<i64, Error> {
        let Some(value) = parse_i64(self.word()?) else { return Err(Error::NotInteger) };
        Ok(value)
    }

    /// Steps over the next word when it is `word`, any case.
    pub fn accept(&mut self, word: &str) -> bool {
        let hit = self.next < self.raw.len()
            && self.raw.get(self.next).eq_ignore_ascii_case(word.as_bytes());
        if hit {
            self.next += 1;
        }
        hit
    }

    /// All words, the name included.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.raw.len()).map(|i| self.raw.get(i))
    }

    /// An owned copy of the whole call; large arguments are shared, not copied.
    pub fn to_argv(&self) -> Argv {
        let mut argv = Argv::new();
        argv.append(&self.raw);
        argv
    }

    /// Appends an owned copy of the whole call.
    pub fn append_to(&self, argv: &mut Argv) {
        argv.append(&self.raw);
    }
}
