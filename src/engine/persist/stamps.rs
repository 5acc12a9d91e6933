//! How much of a client's output may leave: each byte is stamped with the end of the log at the
//! time, and leaves when the log is synced that far.

use std::collections::VecDeque;

/// The stamps of one client's output. Positions count all bytes it was ever sent.
#[derive(Debug, Default)]
pub struct Stamps {
    /// What has left.
    left: u64,
    /// What may leave.
    free: u64,
    /// Up to which position, and how far the log must be synced for it.
    waiting: VecDeque<(u64, u64)>,
    /// The client is on the list of those who wait.
    pub(super) listed: bool,
}

impl Stamps {
    /// So many bytes left.
    #[inline]
    pub(in crate::engine) fn sent(&mut self, n: usize) {
        self.left += n as u64;
    }

    /// Stamps what came since the last call, of `len` bytes that wait to leave; tells how many of
    /// them may.
    pub(super) fn may_leave(&mut self, len: usize, log_end: u64, synced: u64) -> usize {
        let end = self.left + len as u64;
        self.free = self.free.max(self.left);
        let known = self.waiting.back().map_or(self.free, |(upto, _)| *upto);
        if known < end {
            match self.waiting.back_mut() {
                Some((upto, offset)) if *offset == log_end => *upto = end,
                _ => self.waiting.push_back((end, log_end)),
            }
        }
        while let Some((upto, _)) = self.waiting.front().filter(|(_, offset)| *offset <= synced) {
            self.free = self.free.max(*upto);
            self.waiting.pop_front();
        }
        (self.free.min(end) - self.left) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_waits_for_the_log_as_it_was() {
        let mut stamps = Stamps::default();
        assert_eq!(stamps.may_leave(10, 0, 0), 10, "nothing is logged");
        stamps.sent(10);
        assert_eq!(stamps.may_leave(5, 100, 0), 0);
        assert_eq!(stamps.may_leave(8, 200, 0), 0);
        assert_eq!(stamps.may_leave(8, 200, 100), 5, "the first five were stamped with 100");
        stamps.sent(2);
        assert_eq!(stamps.may_leave(6, 300, 100), 3, "what may leave stays free");
        assert_eq!(stamps.may_leave(6, 300, 200), 6);
        stamps.sent(6);
        assert_eq!(stamps.may_leave(0, 300, 200), 0);
        assert_eq!(stamps.may_leave(1, 300, 300), 1);
    }

    #[test]
    fn what_left_unasked_is_no_matter() {
        let mut stamps = Stamps::default();
        stamps.sent(50);
        assert_eq!(stamps.may_leave(5, 100, 0), 0);
        assert_eq!(stamps.may_leave(5, 100, 100), 5);
    }
}
