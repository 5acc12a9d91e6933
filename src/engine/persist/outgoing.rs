//! A file that comes to be off the loop, piece by piece: a snapshot, or the base of a log.
//!
//! One piece is on its way at a time, and while it is, its maker makes no further one: a slow disk
//! slows the maker down, not the clients.

use crate::env::{Job, Jobs, NewFile, SharedFile};
use std::path::{Path, PathBuf};
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
    /// Its new name is being made to last.
    settling: bool,
}

/// What a job has brought about.
pub(super) enum Stage {
    /// There is more to write.
    Partial,
    /// All is written and lasts.
    Whole,
    /// Its new name lasts, too.
    Settled,
}

impl Outgoing {
    /// A file that is empty.
    pub(super) fn new(id: u64, file: Box<dyn NewFile>) -> Outgoing {
        let file: SharedFile = Arc::new(Mutex::new(file));
        let (piece, complete, busy) = (Vec::new(), false, false);
        Outgoing { id, file, piece, complete, busy, unsynced: 0, len: 0, settling: false }
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
        self.send(bytes, sync, None, jobs);
    }

    /// The whole file got another name, which is to last.
    pub(super) fn settle(&mut self, dir: &Path, jobs: &mut dyn Jobs) {
        self.settling = true;
        self.send(Vec::new(), false, Some(dir.to_path_buf()), jobs);
    }

    fn send(&mut self, bytes: Vec<u8>, sync: bool, dir: Option<PathBuf>, jobs: &mut dyn Jobs) {
        self.busy = true;
        let (id, file) = (self.id, Arc::clone(&self.file));
        jobs.submit(Job::Write { id, file, bytes, sync, dir });
    }

    /// A job has ended well.
    pub(super) fn written(&mut self) -> Stage {
        self.busy = false;
        match (self.complete, self.settling) {
            (false, _) => Stage::Partial,
            (true, false) => Stage::Whole,
            (true, true) => Stage::Settled,
        }
    }
}
