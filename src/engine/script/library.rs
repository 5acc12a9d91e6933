//! Function libraries in the engine: loading, deleting, and their form in dumps.
//!
//! A dump is what an RDB file has for libraries: for each the opcode and its text, at the end the
//! version of the format and a CRC64 over all before it, both little-endian.

use super::super::Engine;
use super::convert;
use super::functions::{Functions, Library, Registered, heading};
use super::lua::Ended;
use super::lua::machine::{Machine, Which};
use super::lua::stack::Left;
use super::sandbox;
use crate::base::error::Error;
use crate::rdb::payload::is_whole;
use crate::rdb::{Options, Reader, Writer, opcode};
use bytes::Bytes;

/// What a library may take to be loaded, microseconds.
const LOAD_US: u64 = 500_000;
/// The same for one that a file brings: it was loaded once, and nobody waits for an answer.
const FILE_US: u64 = 60_000_000;
/// The same as a number of looks at the clock, for a clock that stands still.
const LOAD_PAUSES: u32 = 100_000;

/// What becomes of the libraries there are when others are restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They go.
    Flush,
    /// They stay, and a name in both is an error.
    Append,
    /// They stay unless their name comes again.
    Replace,
}

type Named = (Vec<u8>, Library);

fn quote(text: &[u8]) -> Error {
    Error::Quoting([b"ERR ", text].concat())
}

impl Engine {
    /// Loads a library; tells its name.
    pub fn load_library(&mut self, code: Bytes, replace: bool) -> Result<Vec<u8>, Error> {
        let heading = heading(&code).map_err(|text| quote(&text))?;
        let name = heading.name;
        if !replace && self.scripts.functions.library(&name).is_some() {
            return Err(quote(&[b"Library '", name.as_slice(), b"' already exists"].concat()));
        }
        let made = self.create_library(&code, heading.body, LOAD_US);
        let library = made.map_err(|text| quote(&text))?;
        if let Some(taken) = self.scripts.functions.collision(&library, Some(&name)) {
            let text = [b"Function ", taken, b" already exists"].concat();
            self.let_go(library);
            return Err(quote(&text));
        }
        if let Some(old) = self.scripts.functions.remove(&name) {
            self.let_go(old);
        }
        self.scripts.functions.insert(name.clone(), library);
        Ok(name)
    }

    /// Runs a library's text, for so many microseconds, so that it registers its functions.
    fn create_library(&mut self, code: &Bytes, body: usize, us: u64) -> Result<Library, Vec<u8>> {
        let mut machine = self.take_machine();
        let registered = self.run_library(&mut machine, &code[body..], us);
        let functions = machine.shared().registered.take().unwrap_or_default();
        let registered = registered.and_then(|()| match functions.is_empty() {
            true => Err(b"No functions registered".to_vec()),
            false => Ok(()),
        });
        self.scripts.machine = Some(machine);
        let library = Library { code: code.clone(), functions };
        match registered {
            Ok(()) => Ok(library),
            Err(text) => {
                self.let_go(library);
                Err(text)
            }
        }
    }

    fn run_library(&mut self, machine: &mut Machine, body: &[u8], us: u64) -> Result<(), Vec<u8>> {
        let mut lua = machine.lua(Which::Functions, sandbox::build_functions);
        lua.set_top(0);
        lua.reserve(8);
        if lua.load(body, c"@user_function") != Ended::Well {
            let text = [b"Error compiling function: ", lua.text(-1).unwrap_or(b"")].concat();
            lua.set_top(0);
            return Err(text);
        }
        sandbox::set_loading(&mut lua, true);
        machine.shared().start();
        machine.shared().registered = Some(Vec::new());
        let end_us = self.env.clock.mono_us() + us;
        let mut pauses = 0;
        let mut left = machine.run(Which::Functions, 0, 0, false);
        let ended = loop {
            if let Left::Done(ended) = left {
                break ended;
            }
            pauses += 1;
            if pauses > LOAD_PAUSES || self.env.clock.mono_us() >= end_us {
                machine.shared().stop = Some("ERR FUNCTION LOAD timeout");
            }
            left = machine.go_on();
        };
        if machine.shared().stop.take().is_some() {
            machine.calm();
        }
        let mut lua = machine.lua(Which::Functions, sandbox::build_functions);
        sandbox::set_loading(&mut lua, false);
        let outcome = match ended {
            Ended::Well => Ok(()),
            _ => {
                let text = convert::failed(&mut lua).text;
                Err([b"Error registering functions: ", text.as_slice()].concat())
            }
        };
        lua.set_top(0);
        outcome
    }

    /// Lets the functions of a library that is gone be collected.
    fn let_go(&mut self, library: Library) {
        let machine = self.scripts.machine.as_mut();
        if let Some(mut lua) = machine.and_then(|machine| machine.existing(Which::Functions)) {
            for Registered { callback, .. } in &library.functions {
                lua.let_go(*callback);
            }
        }
    }

    /// Deletes a library; false when there is none of this name.
    pub fn delete_library(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.scripts.functions.remove(name) else { return false };
        self.let_go(library);
        true
    }

    /// Deletes all libraries and the interpreter that held them, which is freed elsewhere. `aside`
    /// says that this is to be counted.
    pub fn flush_libraries(&mut self, aside: bool) {
        let functions = self.scripts.functions.take();
        let (_, objects) = functions.count();
        self.retire(Which::Functions, functions.bytes(), objects, aside, functions);
    }

    /// Takes all libraries out, and puts these in.
    fn put_libraries(&mut self, fresh: Vec<Named>, flush: bool) {
        if flush {
            for (_, library) in self.scripts.functions.take().into_libraries() {
                self.let_go(library);
            }
        }
        for (name, library) in fresh {
            if let Some(old) = self.scripts.functions.remove(&name) {
                self.let_go(old);
            }
            self.scripts.functions.insert(name, library);
        }
    }

    /// All libraries as one payload.
    pub fn dump_libraries(&self) -> Vec<u8> {
        let texts = self.scripts.functions.libraries().map(|(_, library)| &library.code[..]);
        write_payload(texts, self.keyspace.saving)
    }

    /// The texts of all libraries, as a file keeps them.
    pub fn library_texts(&self) -> Vec<Vec<u8>> {
        self.scripts.functions.libraries().map(|(_, library)| library.code.to_vec()).collect()
    }

    /// Libraries that a file brought take the place of those there are; the text says why they
    /// cannot.
    pub fn replace_libraries(&mut self, texts: Vec<Vec<u8>>) -> Result<(), Vec<u8>> {
        let fresh = self.fresh_libraries(texts, FILE_US)?;
        self.put_libraries(fresh, true);
        Ok(())
    }

    /// Libraries that a file brought join those there are; none of them when one cannot, and the
    /// text says why.
    pub fn join_libraries(&mut self, texts: Vec<Vec<u8>>, policy: Policy) -> Result<(), Vec<u8>> {
        self.join_in(texts, policy, FILE_US)
    }

    /// Loads the libraries of a payload; none of them when one cannot be.
    pub fn restore_libraries(&mut self, payload: &[u8], policy: Policy) -> Result<(), Error> {
        let codes = read_payload(payload).map_err(Error::fixed)?;
        self.join_in(codes, policy, LOAD_US).map_err(|text| quote(&text))
    }

    fn join_in(&mut self, codes: Vec<Vec<u8>>, policy: Policy, us: u64) -> Result<(), Vec<u8>> {
        let fresh = self.fresh_libraries(codes, us)?;
        if let Err(text) = self.join(&fresh, policy) {
            fresh.into_iter().for_each(|(_, library)| self.let_go(library));
            return Err(text);
        }
        self.put_libraries(fresh, policy == Policy::Flush);
        Ok(())
    }

    /// Loads libraries that belong together, each of them in so many microseconds, without adding
    /// them to those there are.
    fn fresh_libraries(&mut self, codes: Vec<Vec<u8>>, us: u64) -> Result<Vec<Named>, Vec<u8>> {
        let mut fresh: Vec<Named> = Vec::new();
        let mut among = Functions::default();
        for code in codes {
            match self.fresh_library(code, &fresh, &among, us) {
                Ok((name, library)) => {
                    among.note(&name, &library);
                    fresh.push((name, library));
                }
                Err(text) => {
                    fresh.into_iter().for_each(|(_, library)| self.let_go(library));
                    return Err(text);
                }
            }
        }
        Ok(fresh)
    }

    fn fresh_library(
        &mut self,
        code: Vec<u8>,
        fresh: &[Named],
        among: &Functions,
        us: u64,
    ) -> Result<Named, Vec<u8>> {
        let heading = heading(&code)?;
        if fresh.iter().any(|(name, _)| *name == heading.name) {
            return Err([b"Library '", heading.name.as_slice(), b"' already exists"].concat());
        }
        let library = self.create_library(&Bytes::from(code), heading.body, us)?;
        if let Some(taken) = among.collision(&library, None) {
            let text = [b"Function ", taken, b" already exists"].concat();
            self.let_go(library);
            return Err(text);
        }
        Ok((heading.name, library))
    }

    /// Whether the libraries may be added to those there are.
    fn join(&self, fresh: &[Named], policy: Policy) -> Result<(), Vec<u8>> {
        if policy == Policy::Flush {
            return Ok(());
        }
        let there = &self.scripts.functions;
        for (name, library) in fresh {
            if policy != Policy::Replace && there.library(name).is_some() {
                return Err([b"Library ", name.as_slice(), b" already exists"].concat());
            }
            let stays = |holder: &[u8]| !fresh.iter().any(|(name, _)| name == holder);
            let taken = library.functions.iter().find(|f| there.holder(&f.name).is_some_and(stays));
            if let Some(taken) = taken {
                let name = taken.name.as_slice();
                return Err([b"Function ", name, b" already exists"].concat());
            }
        }
        Ok(())
    }
}

/// Bytes behind the libraries of a payload: version and checksum.
const FOOTER: usize = 10;

/// A payload of these texts.
fn write_payload<'a>(texts: impl Iterator<Item = &'a [u8]>, options: Options) -> Vec<u8> {
    let mut out = Writer::new(Vec::new(), options);
    let mut written = Ok(());
    for text in texts {
        written = written.and_then(|()| out.byte(opcode::FUNCTION)).and_then(|()| out.string(text));
    }
    let checksum = written
        .and_then(|()| out.raw(&options.version.to_le_bytes()))
        .and_then(|()| out.checksum())
        .expect("a vector takes everything");
    let mut payload = out.finish().expect("a vector takes everything");
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// The texts of a payload.
fn read_payload(payload: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    const BROKEN: &str = "ERR failed loading the given functions payload";
    if !is_whole(payload) {
        return Err("ERR DUMP payload version or checksum are wrong");
    }
    let end = payload.len() - FOOTER;
    let mut from = Reader::of(&payload[..end]);
    let mut texts = Vec::new();
    while from.position() < end as u64 {
        match from.byte().map_err(|_| BROKEN)? {
            opcode::FUNCTION => texts.push(from.string().map_err(|_| BROKEN)?),
            opcode::FUNCTION_OLD => return Err("ERR Pre-GA function format not supported"),
            _ => return Err("ERR given type is not a function"),
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_comes_back() {
        let long = vec![b'x'; 20_000];
        let texts: [&[u8]; 3] = [b"a", &long[..100], &long];
        for compress in [false, true] {
            let options = Options { compress, ..Options::default() };
            let payload = write_payload(texts.into_iter(), options);
            assert_eq!(read_payload(&payload).expect("whole"), texts.map(<[u8]>::to_vec));
            for at in 0..payload.len().min(300) {
                let mut broken = payload.clone();
                broken[at] ^= 1;
                assert!(read_payload(&broken).is_err());
            }
        }
        assert!(read_payload(b"short").is_err() && read_payload(b"").is_err());
    }
}
