//! A whole file, record by record.

use super::{Hint, Options, Record, Writer, opcode, save_piece, save_value};
use crate::value::capture::Piece;
use std::io::{self, Write};

/// What stands at the begin of a file.
#[derive(Clone, Debug, Default)]
pub struct Start<'a> {
    /// Names and values that tell about the file.
    pub aux: &'a [(&'a str, String)],
    /// Libraries of functions, as their source.
    pub functions: &'a [Vec<u8>],
}

/// Writes what stands before the kind of a value: when it ends, and how it was used.
pub fn save_properties<W: Write>(
    out: &mut Writer<W>,
    deadline: Option<i64>,
    hint: Option<Hint>,
) -> io::Result<()> {
    if let Some(at) = deadline {
        out.byte(opcode::DEADLINE_MS)?;
        out.millis(at)?;
    }
    match hint {
        Some(Hint::IdleSeconds(idle)) => {
            out.byte(opcode::IDLE)?;
            out.length(idle)
        }
        Some(Hint::Frequency(frequency)) => out.raw(&[opcode::FREQ, frequency]),
        None => Ok(()),
    }
}

/// Writes a file: `new`, then `database` before the records of each database, then `finish`.
pub struct Saver<W> {
    out: Writer<W>,
}

impl<W: Write> Saver<W> {
    /// Begins a file.
    pub fn new(out: W, options: Options, start: &Start<'_>) -> io::Result<Saver<W>> {
        let mut out = match options.checksum {
            true => Writer::new(out, options),
            false => Writer::unsummed(out, options),
        };
        out.raw(format!("REDIS{:04}", options.version).as_bytes())?;
        for (name, value) in start.aux {
            out.byte(opcode::AUX)?;
            out.string(name.as_bytes())?;
            out.string(value.as_bytes())?;
        }
        for library in start.functions {
            out.byte(opcode::FUNCTION)?;
            out.string(library)?;
        }
        Ok(Saver { out })
    }

    /// Begins a part of a file, which somebody puts into a whole one with `raw`.
    pub fn part(out: W, options: Options) -> Saver<W> {
        Saver { out: Writer::unsummed(out, options) }
    }

    /// Ends a part and gives back what was written to.
    pub fn end_part(self) -> io::Result<W> {
        self.out.finish()
    }

    /// The records to come belong to this database. `sizes` tells, at its first mention, how many
    /// keys it has, and how many of them have a deadline.
    pub fn database(&mut self, number: u64, sizes: Option<(u64, u64)>) -> io::Result<()> {
        self.out.byte(opcode::DATABASE)?;
        self.out.length(number)?;
        let Some((keys, timed)) = sizes else { return Ok(()) };
        self.out.byte(opcode::SIZES)?;
        self.out.length(keys)?;
        self.out.length(timed)
    }

    /// One key.
    pub fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        save_properties(&mut self.out, record.deadline, record.hint)?;
        save_value(&mut self.out, Some(record.key), record.value)
    }

    /// A piece of a value that was begun with `raw`.
    pub fn piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        save_piece(&mut self.out, piece)
    }

    /// How it is written.
    pub fn options(&self) -> Options {
        self.out.options()
    }

    /// Bytes that were made elsewhere.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.raw(bytes)
    }

    /// What is written to. Not all that was saved may have reached it.
    pub fn target(&mut self) -> &mut W {
        self.out.target()
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.out.position()
    }

    /// Ends the file and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.byte(opcode::END)?;
        let checksum = self.out.checksum()?;
        self.out.raw(&checksum.to_le_bytes())?;
        self.out.finish()
    }
}
