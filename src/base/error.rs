//! Every error a client can be answered with: its code (the first word) and its text.
//!
//! Handlers return these as values; `engine::exec` alone writes them to a client, counts them and
//! decides what they abort. The texts are those of Redis 7.2.

use std::borrow::Cow;

/// A reply error. `text()` is the whole line after the leading `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The key holds another type than the command works on.
    WrongType,
    /// The arguments do not form a valid call.
    Syntax,
    /// An argument or a value is not a 64-bit integer.
    NotInteger,
    /// An argument or a value is not a finite-or-infinite float.
    NotFloat,
    /// A command that needs an existing key did not find it.
    NoSuchKey,
    /// An index lies outside the value.
    IndexOutOfRange,
    /// The argument count does not fit; carries the command's full name (`client|kill`).
    WrongArity(String),
    /// A write that would exceed `maxmemory`.
    Oom,
    /// The client has not authenticated.
    NoAuth,
    /// The data set is being loaded, and the command needs it.
    Loading,
    /// A database number outside `databases`.
    DbIndex,
    /// An error that quotes a client's bytes, which need not be text.
    Quoting(Vec<u8>),
    /// Any other error: the whole text, code first.
    Other(Cow<'static, str>),
}

impl Error {
    /// An error with the code `ERR` and the text after it.
    pub fn err(text: impl AsRef<str>) -> Self {
        Error::Other(Cow::Owned(format!("ERR {}", text.as_ref())))
    }

    /// An error whose text, code included, is known at compile time.
    pub const fn fixed(text: &'static str) -> Self {
        Error::Other(Cow::Borrowed(text))
    }

    /// `value is not an integer` and friends name the command in a few places: this is
    /// `ERR invalid expire time in 'x' command`.
    pub fn invalid_expire(command: &str) -> Self {
        Error::Other(Cow::Owned(format!("ERR invalid expire time in '{command}' command")))
    }

    /// The whole line after `-`.
    pub fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Error::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Error::Syntax => "ERR syntax error",
            Error::NotInteger => "ERR value is not an integer or out of range",
            Error::NotFloat => "ERR value is not a valid float",
            Error::NoSuchKey => "ERR no such key",
            Error::IndexOutOfRange => "ERR index out of range",
            Error::Oom => "OOM command not allowed when used memory > 'maxmemory'.",
            Error::NoAuth => "NOAUTH Authentication required.",
            Error::Loading => "LOADING Redis is loading the dataset in memory",
            Error::DbIndex => "ERR DB index is out of range",
            Error::WrongArity(name) => {
                return Cow::Owned(format!("ERR wrong number of arguments for '{name}' command"));
            }
            Error::Quoting(bytes) => return String::from_utf8_lossy(bytes),
            Error::Other(text) => return Cow::Borrowed(text),
        })
    }

    /// The first word, which INFO errorstats counts by.
    pub fn code(&self) -> String {
        let text = self.text();
        text.split(' ').next().unwrap_or("ERR").to_owned()
    }
}
