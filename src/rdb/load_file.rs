//! A whole file, one part at a call, so that whoever loads it can do other things in between.

use super::load_growing::{Begun, Growing};
use super::load_value::begin_value;
use super::{Error, Hint, Loaded, Reader, Reason, VERSION, opcode};
use crate::value::Value;
use crate::value::limits::Limits;
use crate::value::string::BigStr;
use std::io::Read;

/// From this version on a file ends in a checksum.
const CHECKSUM_SINCE: u16 = 5;

/// A part of a file.
#[derive(Debug)]
pub enum Part<'a> {
    /// A key that holds a short string.
    Text(ShortText<'a>),
    /// A name and a value that tell about the file.
    Aux(Vec<u8>, Vec<u8>),
    /// The records to come belong to this database.
    Database(u64),
    /// How many keys the database has, and how many of them have a deadline: a hint.
    Sizes {
        /// Keys.
        keys: u64,
        /// Keys with a deadline.
        timed: u64,
    },
    /// A library of functions, as its source.
    Function(Vec<u8>),
    /// Data of a module that is not here, by the name of its type; it was passed over.
    ModuleAux(String),
    /// A key.
    Record(Loaded),
    /// Some elements of a key that has many; more is to come.
    Elements,
    /// A key without elements, which old versions could leave behind.
    EmptyRecord(Vec<u8>),
    /// The file is at its end and its checksum is right.
    End {
        /// The file was saved without one.
        unchecked: bool,
    },
}

impl Part<'_> {
    /// The same without the reader.
    pub fn into_owned(self) -> Part<'static> {
        match self {
            Part::Text(ShortText { key, deadline, hint, text }) => {
                let value = Value::Str(BigStr::Owned(text.to_vec()));
                Part::Record(Loaded { key: key.to_vec(), deadline, hint, value })
            }
            Part::Aux(name, value) => Part::Aux(name, value),
            Part::Database(number) => Part::Database(number),
            Part::Sizes { keys, timed } => Part::Sizes { keys, timed },
            Part::Function(source) => Part::Function(source),
            Part::ModuleAux(name) => Part::ModuleAux(name),
            Part::Record(record) => Part::Record(record),
            Part::Elements => Part::Elements,
            Part::EmptyRecord(key) => Part::EmptyRecord(key),
            Part::End { unchecked } => Part::End { unchecked },
        }
    }
}

/// A key that holds a short string, as it lies in the reader.
#[derive(Debug)]
pub struct ShortText<'a> {
    /// Its name.
    pub key: &'a [u8],
    /// When it ends, milliseconds since 1970.
    pub deadline: Option<i64>,
    /// How it was used.
    pub hint: Option<Hint>,
    /// The string.
    pub text: &'a [u8],
}

/// Reads a file.
pub struct Loader<R> {
    from: Reader<R>,
    version: u16,
    /// The key that is being read, for whoever reports an error.
    key: Option<Vec<u8>>,
    kind: Option<u8>,
    doing: &'static str,
    checked: bool,
    growing: Option<Grown>,
    /// Room for names.
    name: Vec<u8>,
}

/// A key with many elements, between two calls.
struct Grown {
    deadline: Option<i64>,
    hint: Option<Hint>,
    value: Box<Growing>,
}

/// Elements read at a call.
const ELEMENTS: usize = 64;

impl<R: Read> Loader<R> {
    /// Begins with a file. `checked` tells whether its checksum matters.
    pub fn new(source: R, checked: bool) -> Result<Loader<R>, Error> {
        Loader::begin(Reader::new(source), checked).map_err(|failed| failed.0)
    }

    /// The same; with an error the reader comes back.
    pub(super) fn begin(
        mut from: Reader<R>,
        checked: bool,
    ) -> Result<Loader<R>, Box<(Error, Reader<R>)>> {
        match version(&mut from) {
            Ok(version) => {
                let (key, kind, growing) = (None, None, None);
                let (doing, name) = ("start", Vec::new());
                Ok(Loader { from, version, key, kind, doing, checked, growing, name })
            }
            Err(error) => Err(Box::new((error, from))),
        }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.from.position()
    }

    /// The version of the file.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The kind of the value that was read last or is being read.
    pub fn kind(&self) -> Option<u8> {
        self.kind
    }

    /// What is being read, by the name Redis's checker gives it.
    pub(super) fn doing(&self) -> &'static str {
        self.doing
    }

    /// The key that is being read, when a part ended in an error.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// What has been fetched and not read, and the source behind it.
    pub fn into_rest(self) -> (Vec<u8>, R) {
        self.from.into_rest()
    }

    /// Tells how many bytes the file has.
    pub fn set_total(&mut self, total: u64) {
        self.from.set_total(total);
    }

    /// How many of so many records there may be in what is left.
    pub fn credible(&self, records: u64) -> usize {
        /// A smaller one takes as much room in a table.
        const RECORD_MIN: u64 = 16;
        self.from.credible(records, RECORD_MIN)
    }

    /// The next part. There is none behind the end.
    pub fn step(&mut self, limits: &Limits) -> Result<Part<'_>, Error> {
        if let Some(grown) = self.growing.take() {
            return self.grow(grown, limits);
        }
        let (mut deadline, mut hint) = (None, None);
        (self.key, self.kind, self.doing) = (None, None, "read-type");
        loop {
            let from = &mut self.from;
            let next = from.byte()?;
            self.doing = match next {
                opcode::DEADLINE | opcode::DEADLINE_MS => "read-expire",
                opcode::AUX => "read-aux",
                opcode::MODULE_AUX => "read-module-aux",
                opcode::FUNCTION | opcode::FUNCTION_OLD => "read-function",
                opcode::END => "check-sum",
                opcode::SLOT_INFO..=opcode::DATABASE => "read-len",
                _ => "read-key",
            };
            match next {
                opcode::DEADLINE => {
                    let seconds = i32::from_le_bytes(from.array()?);
                    deadline = Some(i64::from(seconds) * 1000);
                }
                opcode::DEADLINE_MS => deadline = Some(from.millis()?),
                opcode::FREQ => hint = Some(Hint::Frequency(from.byte()?)),
                opcode::IDLE => hint = Some(Hint::IdleSeconds(from.length()?)),
                opcode::SLOT_INFO => {
                    // Sizes of a slot of a cluster: a hint.
                    for _ in 0..3 {
                        from.length()?;
                    }
                }
                opcode::AUX => return Ok(Part::Aux(from.string()?, from.string()?)),
                opcode::DATABASE => return Ok(Part::Database(from.length()?)),
                opcode::SIZES => {
                    return Ok(Part::Sizes { keys: from.length()?, timed: from.length()? });
                }
                opcode::FUNCTION => return Ok(Part::Function(from.string()?)),
                opcode::FUNCTION_OLD => {
                    return Err(from.damaged("Pre-release function format not supported."));
                }
                opcode::MODULE_AUX => return self.module_aux(),
                opcode::END => return self.end(),
                kind => return self.record(kind, deadline, hint, limits),
            }
        }
    }

    fn record(
        &mut self,
        kind: u8,
        deadline: Option<i64>,
        hint: Option<Hint>,
        limits: &Limits,
    ) -> Result<Part<'_>, Error> {
        self.kind = Some(kind);
        if kind > super::kind::STREAM_3 {
            self.doing = "read-type";
            return Err(self.from.error(Reason::Kind(kind)));
        }
        let key = self.from.text()?;
        if kind == super::kind::STRING {
            self.name.clear();
            self.name.extend_from_slice(key);
            if self.from.is_short() {
                // Whatever is wrong is wrong with this key.
                self.doing = "read-object-value";
                let Loader { from, name, key, .. } = self;
                return match from.text() {
                    Ok(text) => Ok(Part::Text(ShortText { key: name, deadline, hint, text })),
                    Err(error) => {
                        *key = Some(name.clone());
                        Err(error)
                    }
                };
            }
            self.key = Some(self.name.clone());
        } else {
            self.key = Some(key.to_vec());
        }
        self.doing = "read-object-value";
        match begin_value(&mut self.from, kind, limits) {
            Ok(Begun::Whole(value)) => Ok(self.whole(deadline, hint, value)),
            Ok(Begun::Part(value)) => self.grow(Grown { deadline, hint, value }, limits),
            Err(error) => self.empty_or(error),
        }
    }

    fn whole(&mut self, deadline: Option<i64>, hint: Option<Hint>, value: Value) -> Part<'static> {
        let key = self.key.take().expect("it was set when the record began");
        Part::Record(Loaded { key, deadline, hint, value })
    }

    /// A value without elements is no fault of the file.
    fn empty_or(&mut self, error: Error) -> Result<Part<'static>, Error> {
        match error.reason {
            Reason::Empty => {
                Ok(Part::EmptyRecord(self.key.take().expect("it was set when the record began")))
            }
            _ => Err(error),
        }
    }

    fn grow(&mut self, mut grown: Grown, limits: &Limits) -> Result<Part<'static>, Error> {
        match grown.value.grow(&mut self.from, limits, ELEMENTS) {
            Ok(Some(value)) => Ok(self.whole(grown.deadline, grown.hint, value)),
            Ok(None) => {
                self.growing = Some(grown);
                Ok(Part::Elements)
            }
            Err(error) => self.empty_or(error),
        }
    }

    /// Passes over the data of a module: values, each behind a number that tells its form.
    fn module_aux(&mut self) -> Result<Part<'static>, Error> {
        let from = &mut self.from;
        let name = module_name(from.length()?);
        // When the module wanted to see it: a form and a number.
        from.length()?;
        from.length()?;
        loop {
            match from.length()? {
                0 => return Ok(Part::ModuleAux(name)),
                1 | 2 => drop(from.length()?),
                3 => drop(from.array::<4>()?),
                4 => drop(from.array::<8>()?),
                5 => drop(from.string()?),
                _ => return Err(from.damaged("Unknown form of module data")),
            }
        }
    }

    fn end(&mut self) -> Result<Part<'static>, Error> {
        if self.version < CHECKSUM_SINCE {
            return Ok(Part::End { unchecked: true });
        }
        let found = self.from.checksum();
        let stored = u64::from_le_bytes(self.from.array()?);
        if self.checked && stored != 0 && stored != found {
            return Err(self.from.error(Reason::Checksum { stored, found }));
        }
        Ok(Part::End { unchecked: stored == 0 })
    }
}

fn version<R: Read>(from: &mut Reader<R>) -> Result<u16, Error> {
    let magic: [u8; 9] = from.array()?;
    let Some(digits) = magic.strip_prefix(b"REDIS") else {
        return Err(from.error(Reason::Signature));
    };
    // As `atoi` reads it.
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let version = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    if !(1..=VERSION).contains(&version) {
        return Err(from.error(Reason::Version(i64::from(version))));
    }
    Ok(version)
}

/// The name of a module's type: nine characters of six bits.
pub(super) fn module_name(id: u64) -> String {
    const CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|at| char::from(CHARS[(id >> (58 - 6 * at) & 63) as usize])).collect()
}
