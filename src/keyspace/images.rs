//! Images: entries as they were at one moment, encoded as soon as a walk meets them or somebody is
//! about to change them, in the form of the file they are for.

use super::access::AccessPolicy;
use super::as_commands;
use super::entry::Entry;
use super::saved::{HintKind, source_of};
use crate::ds::dict::Thin;
use crate::rdb::{Options, Record, Saver, Start};

/// A collection of images on its way to a file.
pub struct Images {
    form: Form,
    /// The database of the last one.
    db: Option<usize>,
}

enum Form {
    Rdb { saver: Box<Saver<Vec<u8>>>, access: AccessPolicy, hints: HintKind, now: i64 },
    Commands(Vec<u8>),
}

/// Bytes of images after which a slice ends.
const FULL: usize = 256 * 1024;

/// Writing to memory does not fail.
const TO_MEMORY: &str = "memory takes what is written";

impl Images {
    /// As a file in RDB form. `sizes` tells of each database that has keys its number, keys, and
    /// keys with a deadline.
    pub fn rdb(
        options: Options,
        start: &Start<'_>,
        sizes: &[(usize, usize, usize)],
        (access, hints, now): (AccessPolicy, HintKind, i64),
    ) -> Images {
        let mut saver = Saver::new(Vec::new(), options, start).expect(TO_MEMORY);
        for (db, keys, timed) in sizes {
            saver.database(*db as u64, *keys as u64, *timed as u64).expect(TO_MEMORY);
        }
        let db = sizes.last().map(|(db, ..)| *db);
        Images { form: Form::Rdb { saver: Box::new(saver), access, hints, now }, db }
    }

    /// As commands that make the same keys, behind what is there already.
    pub fn commands(begin: Vec<u8>) -> Images {
        Images { form: Form::Commands(begin), db: None }
    }

    /// Adds an entry.
    pub(super) fn take(&mut self, db: usize, entry: &Entry) {
        let moved = self.db.replace(db) != Some(db);
        match &mut self.form {
            Form::Rdb { saver, access, hints, now } => {
                if moved {
                    saver.select(db as u64).expect(TO_MEMORY);
                }
                let record = Record {
                    key: entry.key(),
                    deadline: entry.deadline(),
                    hint: access.hint_of(*hints, entry.access(), *now),
                    value: source_of(entry.view()),
                };
                saver.record(&record).expect(TO_MEMORY);
            }
            Form::Commands(out) => {
                if moved {
                    as_commands::command(out, &[b"SELECT", db.to_string().as_bytes()]);
                }
                as_commands::entry(out, entry);
            }
        }
    }

    /// Whether so much is ready that it should be written before more is collected.
    pub(super) fn is_full(&mut self) -> bool {
        match &mut self.form {
            Form::Rdb { saver, .. } => saver.target().len() >= FULL,
            Form::Commands(out) => out.len() >= FULL,
        }
    }

    /// Takes what is ready to be written.
    pub fn drain(&mut self) -> Vec<u8> {
        match &mut self.form {
            Form::Rdb { saver, .. } => std::mem::take(saver.target()),
            Form::Commands(out) => std::mem::take(out),
        }
    }

    /// What is left to be written, with what ends the file.
    pub fn finish(self) -> Vec<u8> {
        match self.form {
            Form::Rdb { saver, .. } => saver.finish().expect(TO_MEMORY),
            Form::Commands(out) => out,
        }
    }
}
