//! A file that comes to be off the loop, piece by piece: a snapshot, or the base of a log.
//!
//! One piece is on its way at a time, and while it is, its maker makes no further one: a slow disk
//! slows the maker down, not the clients.

use crate::env::{Job, Jobs, NewFile, SharedFile};
use std::sync::{Arc, Mutex};

/// Bytes that are handed to a job together.
const PIECE: usize = 1 << 20;

/// A file on its way.
pub(super) struct Outgoing {
    /// Tells its jobs from those of files that were given up.
    id: u64,
    file: SharedFile,
    /// What is to be written next.
    piece: Vec<u8>,
    /// The piece is the last one.
    complete: bool,
    busy: bool,
    /// Written since the file was last synced.
    unsynced: u64,
    len: u64,
}

impl Outgoing {
    /// A file that is empty.
    pub(super) fn new(id: u64, file: Box<dyn NewFile>) -> Outgoing {
        let file: SharedFile = Arc::new(Mutex::new(file));
        let (piece, complete, busy) = (Vec::new(), false, false);
        Outgoing { id, file, piece, complete, busy, unsynced: 0, len: 0 }
    }

    /// Which one it is.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether a job is writing.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Whether all there is was handed over.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Bytes handed over so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that are still in memory.
    pub(super) fn waiting(&self) -> usize {
        if self.busy { PIECE } else { self.piece.len() }
    }

    /// Takes what was made, and sends a piece off when it is large enough or the `last` one. The
    /// file is synced each time `sync_every` bytes were written, and at its end.
    pub(super) fn add(
        &mut self,
        bytes: Vec<u8>,
        last: bool,
        sync_every: Option<u64>,
        jobs: &mut dyn Jobs,
    ) {
        debug_assert!(!self.busy && !self.complete, "its maker waits");
        self.len += bytes.len() as u64;
        self.complete = last;
        if self.piece.is_empty() {
            self.piece = bytes;
        } else {
            self.piece.extend_from_slice(&bytes);
        }
        if !last && self.piece.len() < PIECE {
            return;
        }
        let bytes = std::mem::take(&mut self.piece);
        self.unsynced += bytes.len() as u64;
        let sync = last || sync_every.is_some_and(|every| self.unsynced >= every);
        if sync {
            self.unsynced = 0;
        }
        self.busy = true;
        jobs.submit(Job::Write { id: self.id, file: Arc::clone(&self.file), bytes, sync });
    }

    /// A job has written a piece; true when the file is whole and lasts.
    pub(super) fn written(&mut self) -> bool {
        self.busy = false;
        self.complete
    }
}
