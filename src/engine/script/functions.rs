//! Function libraries: what FUNCTION LOAD keeps until it is deleted, whatever is flushed.

use super::convert::push_error;
use super::flags;
use super::lua::{Kept, Kind, Lua, Raise};
use crate::base::units::split_args;
use bytes::Bytes;
use std::collections::BTreeMap;

/// A function as a library registered it.
pub struct Registered {
    /// Its name.
    pub name: Vec<u8>,
    /// What it is for.
    pub description: Option<Vec<u8>>,
    /// What it declares, bits of `flags`.
    pub flags: u32,
    /// The function itself.
    pub callback: Kept,
}

/// A library.
pub struct Library {
    /// Its whole text, first line included.
    pub code: Bytes,
    /// Its functions.
    pub functions: Vec<Registered>,
}

/// All libraries, and their functions by name, which has no case.
#[derive(Default)]
pub struct Functions {
    libraries: BTreeMap<Vec<u8>, Library>,
    names: BTreeMap<Vec<u8>, (Vec<u8>, usize)>,
}

/// What the name of a library or function must be.
pub const BAD_NAME: &str = "Library names can only contain letters, numbers, or underscores(_) and \
                            must be at least one character long";

/// Whether a library or a function may be called this.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'_')
}

impl Functions {
    /// The function of this name.
    pub fn find(&self, name: &[u8]) -> Option<&Registered> {
        let (library, at) = self.names.get(&name.to_ascii_lowercase())?;
        self.libraries.get(library)?.functions.get(*at)
    }

    /// The library of this name.
    pub fn library(&self, name: &[u8]) -> Option<&Library> {
        self.libraries.get(name)
    }

    /// All libraries.
    pub fn libraries(&self) -> impl Iterator<Item = (&[u8], &Library)> {
        self.libraries.iter().map(|(name, library)| (name.as_slice(), library))
    }

    /// The first function of `library` that exists already outside the library called `but`.
    pub fn collision<'a>(&self, library: &'a Library, but: Option<&[u8]>) -> Option<&'a [u8]> {
        let taken = |f: &&Registered| {
            let holder = self.names.get(&f.name.to_ascii_lowercase());
            holder.is_some_and(|(library, _)| Some(library.as_slice()) != but)
        };
        library.functions.iter().find(taken).map(|f| f.name.as_slice())
    }

    /// The library that has a function of this name.
    pub fn holder(&self, function: &[u8]) -> Option<&[u8]> {
        self.names.get(&function.to_ascii_lowercase()).map(|(library, _)| library.as_slice())
    }

    /// Remembers the names of a library's functions, without the library.
    pub fn note(&mut self, name: &[u8], library: &Library) {
        for (at, function) in library.functions.iter().enumerate() {
            self.names.insert(function.name.to_ascii_lowercase(), (name.to_vec(), at));
        }
    }

    /// Adds a library whose names are free.
    pub fn insert(&mut self, name: Vec<u8>, library: Library) {
        self.note(&name, &library);
        self.libraries.insert(name, library);
    }

    /// Takes a library out.
    pub fn remove(&mut self, name: &[u8]) -> Option<Library> {
        let library = self.libraries.remove(name)?;
        for function in &library.functions {
            self.names.remove(&function.name.to_ascii_lowercase());
        }
        Some(library)
    }

    /// Takes all libraries out.
    pub fn take(&mut self) -> Functions {
        std::mem::take(self)
    }

    /// All libraries by value.
    pub fn into_libraries(self) -> impl Iterator<Item = (Vec<u8>, Library)> {
        self.libraries.into_iter()
    }

    /// How many libraries and functions there are.
    pub fn count(&self) -> (usize, usize) {
        (self.libraries.len(), self.names.len())
    }

    /// Bytes beside the interpreter.
    pub fn bytes(&self) -> usize {
        self.libraries.values().map(|library| library.code.len() + size_of::<Library>()).sum()
    }
}

/// What the first line of a library says.
pub struct Heading {
    /// The library's name.
    pub name: Vec<u8>,
    /// Where its text begins: with the end of the first line, so that lines keep their numbers.
    pub body: usize,
}

/// Reads the first line: `#!lua name=…`.
pub fn heading(code: &[u8]) -> Result<Heading, Vec<u8>> {
    if !code.starts_with(b"#!") {
        return Err(b"Missing library metadata".to_vec());
    }
    let invalid = || b"Invalid library metadata".to_vec();
    let body = memchr::memchr(b'\n', code).ok_or_else(invalid)?;
    let parts = split_args(&code[..body]).filter(|parts| !parts.is_empty()).ok_or_else(invalid)?;
    let mut name = None;
    for part in &parts[1..] {
        match part.split_at_checked(5) {
            Some((key, _)) if key.eq_ignore_ascii_case(b"name=") && name.is_some() => {
                let text = "Invalid metadata value, name argument was given multiple times";
                return Err(text.as_bytes().to_vec());
            }
            Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => name = Some(value.to_vec()),
            _ => return Err([b"Invalid metadata value given: ", part.as_slice()].concat()),
        }
    }
    let name = name.ok_or_else(|| b"Library name was not given".to_vec())?;
    if !is_name(&name) {
        return Err(BAD_NAME.as_bytes().to_vec());
    }
    let engine = &parts[0][2..];
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err([b"Engine '", engine, b"' not found"].concat());
    }
    Ok(Heading { name, body })
}

/// `redis.register_function`, of libraries while they are loaded.
pub fn register(lua: &mut Lua) -> Result<i32, Raise> {
    let read = match lua.shared().registered.is_some() {
        true => read_registration(lua),
        false => Err("redis.register_function can only be called on FUNCTION LOAD command"),
    };
    let added = read.and_then(|function| {
        let Some(known) = &mut lua.shared().registered else { return Ok(()) };
        if !is_name(&function.name) {
            return Err(BAD_NAME);
        }
        if known.iter().any(|f| f.name.eq_ignore_ascii_case(&function.name)) {
            return Err("Function already exists in the library");
        }
        known.push(function);
        Ok(())
    });
    match added {
        Ok(()) => Ok(0),
        Err(text) => {
            push_error(lua, format!("ERR {text}").as_bytes(), false);
            Err(Raise::Top)
        }
    }
}

fn read_registration(lua: &mut Lua) -> Result<Registered, &'static str> {
    match lua.top() {
        1 => read_named(lua),
        2 => {
            let Some(name) = lua.text(1).map(<[u8]>::to_vec) else {
                return Err("first argument to redis.register_function must be a string");
            };
            if lua.kind(2) != Kind::Function {
                return Err("second argument to redis.register_function must be a function");
            }
            let callback = lua.keep();
            Ok(Registered { name, description: None, flags: 0, callback })
        }
        _ => Err("wrong number of arguments to redis.register_function"),
    }
}

fn read_named(lua: &mut Lua) -> Result<Registered, &'static str> {
    if lua.kind(1) != Kind::Table {
        return Err(
            "calling redis.register_function with a single argument is only applicable to \
                    Lua table (representing named arguments).",
        );
    }
    let (mut name, mut description, mut callback, mut flags) = (None, None, None, 0);
    lua.push_nil();
    while lua.next(1) {
        let key = match lua.kind(-2) {
            Kind::String => lua.bytes(-2).unwrap_or(b"").to_vec(),
            Kind::Number => Vec::new(),
            _ => {
                return Err("named argument key given to redis.register_function is not a string");
            }
        };
        match key.as_slice() {
            b"function_name" => {
                let text = lua.text(-1).map(<[u8]>::to_vec);
                name = Some(text.ok_or(
                    "function_name argument given to redis.register_function must be a string",
                )?);
            }
            b"description" => {
                let text = lua.text(-1).map(<[u8]>::to_vec);
                description = Some(text.ok_or(
                    "description argument given to redis.register_function must be a string",
                )?);
            }
            b"callback" => {
                if lua.kind(-1) != Kind::Function {
                    return Err("callback argument given to redis.register_function must be a \
                                function");
                }
                lua.push_value(-1);
                callback = Some(lua.keep());
            }
            b"flags" => {
                if lua.kind(-1) != Kind::Table {
                    return Err("flags argument to redis.register_function must be a table \
                                representing function flags");
                }
                flags = read_flags(lua)?;
            }
            _ => return Err("unknown argument given to redis.register_function"),
        }
        lua.pop(1);
    }
    let name = name.ok_or("redis.register_function must get a function name argument")?;
    let callback = callback.ok_or("redis.register_function must get a callback argument")?;
    Ok(Registered { name, description, flags, callback })
}

/// The flags in the list on top.
fn read_flags(lua: &mut Lua) -> Result<u32, &'static str> {
    let mut all = 0;
    for i in 1.. {
        lua.get_item(-1, i);
        if lua.kind(-1) == Kind::Nil {
            break;
        }
        let flag = lua.bytes(-1).and_then(flags::find);
        lua.pop(1);
        all |= flag.ok_or("unknown flag given")?;
    }
    lua.pop(1);
    Ok(all)
}
