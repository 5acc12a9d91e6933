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
use bytes::Bytes;

/// What a library may take to be loaded, microseconds.
const LOAD_US: u64 = 500_000;
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
        let library = self.create_library(&code, heading.body).map_err(|text| quote(&text))?;
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

    /// Runs a library's text, so that it registers its functions.
    fn create_library(&mut self, code: &Bytes, body: usize) -> Result<Library, Vec<u8>> {
        let mut machine = self.take_machine();
        let registered = self.run_library(&mut machine, &code[body..]);
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

    fn run_library(&mut self, machine: &mut Machine, body: &[u8]) -> Result<(), Vec<u8>> {
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
        let end_us = self.env.clock.mono_us() + LOAD_US;
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

    /// Deletes all libraries.
    pub fn flush_libraries(&mut self) {
        for (_, library) in self.scripts.functions.take().into_libraries() {
            self.let_go(library);
        }
    }

    /// All libraries as one payload.
    pub fn dump_libraries(&self) -> Vec<u8> {
        dump::write(self.scripts.functions.libraries().map(|(_, library)| &library.code[..]))
    }

    /// Loads the libraries of a payload; none of them when one cannot be.
    pub fn restore_libraries(&mut self, payload: &[u8], policy: Policy) -> Result<(), Error> {
        let codes = dump::read(payload).map_err(Error::fixed)?;
        let mut fresh: Vec<Named> = Vec::new();
        for code in codes {
            match self.fresh_library(code, &fresh) {
                Ok(named) => fresh.push(named),
                Err(text) => {
                    fresh.into_iter().for_each(|(_, library)| self.let_go(library));
                    return Err(quote(&text));
                }
            }
        }
        if policy == Policy::Flush {
            self.flush_libraries();
        }
        if let Err(text) = self.join(&fresh, policy) {
            fresh.into_iter().for_each(|(_, library)| self.let_go(library));
            return Err(quote(&text));
        }
        for (name, library) in fresh {
            if let Some(old) = self.scripts.functions.remove(&name) {
                self.let_go(old);
            }
            self.scripts.functions.insert(name, library);
        }
        Ok(())
    }

    fn fresh_library(&mut self, code: Vec<u8>, fresh: &[Named]) -> Result<Named, Vec<u8>> {
        let heading = heading(&code)?;
        if fresh.iter().any(|(name, _)| *name == heading.name) {
            return Err([b"Library '", heading.name.as_slice(), b"' already exists"].concat());
        }
        let library = self.create_library(&Bytes::from(code), heading.body)?;
        Ok((heading.name, library))
    }

    /// Whether the libraries may be added to those there are.
    fn join(&self, fresh: &[Named], policy: Policy) -> Result<(), Vec<u8>> {
        let there = &self.scripts.functions;
        let mut among: Functions = Functions::default();
        for (name, library) in fresh {
            if policy != Policy::Replace && there.library(name).is_some() {
                return Err([b"Library ", name.as_slice(), b" already exists"].concat());
            }
            let replaced = |f: &Registered| {
                let holder = there.holder(&f.name);
                holder.is_some_and(|holder| !fresh.iter().any(|(name, _)| name == holder))
            };
            let taken = library.functions.iter().find(|f| replaced(f));
            let taken = taken.map(|f| f.name.as_slice()).or(among.collision(library, None));
            if let Some(taken) = taken {
                return Err([b"Function ", taken, b" already exists"].concat());
            }
            among.note(name, library);
        }
        Ok(())
    }
}

mod dump {
    //! Bytes of a payload.

    /// Opcode of a library.
    const FUNCTION: u8 = 245;
    /// Opcode of a library of the release candidates of 7.0.
    const FUNCTION_OLD: u8 = 246;
    /// Version of the format.
    const VERSION: u16 = 11;
    /// Bytes of version and checksum.
    const FOOTER: usize = 10;

    const WRONG_FOOTER: &str = "ERR DUMP payload version or checksum are wrong";
    const BROKEN: &str = "ERR failed loading the given functions payload";

    /// A payload of these texts.
    pub fn write<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut payload = Vec::new();
        for code in codes {
            payload.push(FUNCTION);
            match code.len() {
                len @ 0..=0x3F => payload.push(len as u8),
                len @ 0x40..=0x3FFF => payload.extend([0x40 | (len >> 8) as u8, len as u8]),
                len => {
                    payload.push(0x80);
                    payload.extend((len as u32).to_be_bytes());
                }
            }
            payload.extend_from_slice(code);
        }
        payload.extend(VERSION.to_le_bytes());
        payload.extend(crc64(&payload).to_le_bytes());
        payload
    }

    /// The texts of a payload.
    pub fn read(payload: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
        let Some(end) = payload.len().checked_sub(FOOTER) else { return Err(WRONG_FOOTER) };
        let version = u16::from_le_bytes([payload[end], payload[end + 1]]);
        let (before, sum) = payload.split_at(end + 2);
        if version > VERSION || sum != crc64(before).to_le_bytes() {
            return Err(WRONG_FOOTER);
        }
        let mut rest = &payload[..end];
        let mut codes = Vec::new();
        while let Some((opcode, after)) = rest.split_first() {
            rest = after;
            match *opcode {
                FUNCTION => codes.push(string(&mut rest).ok_or(BROKEN)?),
                FUNCTION_OLD => return Err("ERR Pre-GA function format not supported"),
                _ => return Err("ERR given type is not a function"),
            }
        }
        Ok(codes)
    }

    fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
        let (taken, left) = rest.split_at_checked(len)?;
        *rest = left;
        Some(taken)
    }

    fn length(rest: &mut &[u8]) -> Option<usize> {
        let first = take(rest, 1)?[0];
        Some(match first >> 6 {
            0 => usize::from(first & 0x3F),
            1 => usize::from(first & 0x3F) << 8 | usize::from(take(rest, 1)?[0]),
            2 if first == 0x80 => u32::from_be_bytes(take(rest, 4)?.try_into().ok()?) as usize,
            _ => return None,
        })
    }

    fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
        /// A compressed string follows.
        const COMPRESSED: u8 = 0xC3;
        if rest.first() != Some(&COMPRESSED) {
            let len = length(rest)?;
            return Some(take(rest, len)?.to_vec());
        }
        take(rest, 1)?;
        let (packed, len) = (length(rest)?, length(rest)?);
        expand(take(rest, packed)?, len)
    }

    /// Expands LZF: runs of literals, and references to what came before.
    fn expand(mut packed: &[u8], len: usize) -> Option<Vec<u8>> {
        // No more than 264 bytes can come of three, so the claim cannot make us allocate ahead.
        let mut out = Vec::with_capacity(len.min(packed.len().saturating_mul(88)));
        while let Some((&control, rest)) = packed.split_first() {
            packed = rest;
            if control < 32 {
                out.extend_from_slice(take(&mut packed, usize::from(control) + 1)?);
                continue;
            }
            let mut count = usize::from(control >> 5);
            if count == 7 {
                count += usize::from(take(&mut packed, 1)?[0]);
            }
            let low = take(&mut packed, 1)?[0];
            let back = (usize::from(control & 31) << 8 | usize::from(low)) + 1;
            let start = out.len().checked_sub(back)?;
            for at in start..start + count + 2 {
                out.push(out[at]);
            }
            if out.len() > len {
                return None;
            }
        }
        (out.len() == len).then_some(out)
    }

    /// The checksum of RDB files: the polynomial of Jones, reflected, nothing inverted.
    fn crc64(bytes: &[u8]) -> u64 {
        const POLYNOMIAL: u64 = 0x95AC_9329_AC4B_C9B5;
        bytes.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 }
            })
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_payload_comes_back() {
            assert_eq!(crc64(b"123456789"), 0xE9C6_D914_C4B8_D9CA);
            let long = vec![b'x'; 20_000];
            let codes: [&[u8]; 3] = [b"a", &long[..100], &long];
            let payload = write(codes.into_iter());
            assert_eq!(read(&payload).expect("whole"), codes.map(<[u8]>::to_vec));
            for at in 0..payload.len().min(300) {
                let mut broken = payload.clone();
                broken[at] ^= 1;
                assert_eq!(read(&broken), Err(WRONG_FOOTER));
            }
            assert_eq!(read(b"short"), Err(WRONG_FOOTER));
        }

        #[test]
        fn compressed_texts_are_read() {
            // One literal, then the same byte eleven times more.
            assert_eq!(expand(&[0, b'a', 0xE0, 2, 0], 12), Some(vec![b'a'; 12]));
            assert_eq!(expand(&[0xE0, 2, 0], 11), None);
            assert_eq!(expand(&[5, b'a'], 6), None);
        }
    }
}
