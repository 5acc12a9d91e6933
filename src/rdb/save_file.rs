//! A whole file, record by record.

use super::{Hint, Options, Record, Writer, opcode, save_value};
use std::io::{self, Write};

/// What stands at the begin of a file.
#[derive(Clone, Debug, Default)]
pub struct Start<'a> {
    /// Names and values that tell about the file.
    pub aux: &'a [(&'a str, String)],
    /// Libraries of functions, as their source.
    pub functions: &'a [Vec<u8>],
}

/// Writes a file: `new`, then `database` before the records of each database, then `finish`.
pub struct Saver<W> {
    out: Writer<W>,
}

impl<W: Write> Saver<W> {
    /// Begins a file.
    pub fn new(out: W, options: Options, start: &Start<'_>) -> io::Result<Saver<W>> {
        let mut out = Writer::new(out, options);
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
        if let Some(at) = record.deadline {
            self.out.byte(opcode::DEADLINE_MS)?;
            self.out.millis(at)?;
        }
        match record.hint {
            Some(Hint::IdleSeconds(idle)) => {
                self.out.byte(opcode::IDLE)?;
                self.out.length(idle)?;
            }
            Some(Hint::Frequency(frequency)) => self.out.raw(&[opcode::FREQ, frequency])?,
            None => {}
        }
        save_value(&mut self.out, Some(record.key), record.value)
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
        let wanted = self.out.options().checksum;
        let checksum = self.out.checksum()?;
        self.out.raw(&if wanted { checksum } else { 0 }.to_le_bytes())?;
        self.out.finish()
    }
}
