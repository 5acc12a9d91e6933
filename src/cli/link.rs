// Sockets of the client.
#![allow(clippy::disallowed_methods)]
//! One connection to a server: requests out, replies in.
//!
//! Invariant: each byte of a reply is looked at a bounded number of times, however many reads it
//! took to arrive; so the end of a frame is searched for step by step, and decoded once.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use crate::base::num;
use crate::resp::decode::{DecodeError, Frame, decode};
use crate::sys::error_text;

/// Room for one read.
const READ_BYTES: usize = 64 * 1024;

/// Why a connection is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The server closed it.
    Closed,
    /// The system reports this.
    System(io::ErrorKind, String),
    /// What came is no reply.
    Protocol(String),
}

impl Broken {
    /// The text people see.
    pub fn text(&self) -> &str {
        match self {
            Broken::Closed => "Server closed the connection",
            Broken::System(_, text) | Broken::Protocol(text) => text,
        }
    }

    /// Whether the server went away, so that a new connection may do better.
    pub fn by_peer(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        matches!(self, Broken::Closed | Broken::System(ConnectionReset | BrokenPipe, _))
    }

    fn system(error: &io::Error) -> Broken {
        Broken::System(error.kind(), error_text(error))
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection.
pub struct Link {
    stream: Box<dyn Stream>,
    bytes: Vec<u8>,
    end: End,
}

impl Link {
    /// Connects to a host and port; each address of the name is tried.
    pub fn tcp(host: &str, port: u16) -> Result<Link, String> {
        let stream = TcpStream::connect((host, port)).map_err(|error| reason(&error))?;
        // A request is one write: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        Ok(Link::over(Box::new(stream)))
    }

    /// Connects to a Unix socket.
    pub fn unix(path: &str) -> Result<Link, String> {
        let stream = UnixStream::connect(path).map_err(|error| reason(&error))?;
        Ok(Link::over(Box::new(stream)))
    }

    fn over(stream: Box<dyn Stream>) -> Link {
        Link { stream, bytes: Vec::new(), end: End::default() }
    }

    /// Sends one request.
    pub fn send(&mut self, words: &[impl AsRef<[u8]>]) -> Result<(), Broken> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words.iter().map(AsRef::as_ref) {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&bytes).map_err(|error| Broken::system(&error))
    }

    /// Waits for the next frame.
    pub fn receive(&mut self) -> Result<Frame, Broken> {
        while !self.end.found_in(&self.bytes) {
            let len = self.bytes.len();
            self.bytes.resize(len + READ_BYTES, 0);
            let got = loop {
                match self.stream.read(&mut self.bytes[len..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            self.bytes.truncate(len + got.as_ref().copied().unwrap_or(0));
            match got {
                Ok(0) => return Err(Broken::Closed),
                Ok(_) => {}
                Err(error) => return Err(Broken::system(&error)),
            }
        }
        self.end = End::default();
        match decode(&self.bytes) {
            Ok(Some((frame, len))) => {
                self.bytes.drain(..len);
                Ok(frame)
            }
            Ok(None) | Err(DecodeError::BadLength | DecodeError::BadValue) => {
                Err(Broken::Protocol("Protocol error, bad reply".to_owned()))
            }
            Err(DecodeError::TooDeep) => {
                Err(Broken::Protocol("Protocol error, reply nested too deeply".to_owned()))
            }
            Err(DecodeError::UnknownType(byte)) => {
                let byte = byte.escape_ascii();
                Err(Broken::Protocol(format!("Protocol error, got \"{byte}\" as reply type byte")))
            }
        }
    }
}

/// The system's reason alone: name look-up puts words of its own in front.
fn reason(error: &io::Error) -> String {
    let text = error_text(error);
    match text.strip_prefix("failed to lookup address information: ") {
        Some(reason) => reason.to_owned(),
        None => text,
    }
}

/// How far the search for the end of a frame has come.
struct End {
    at: usize,
    /// Frames still to come before the whole is complete.
    left: usize,
}

impl Default for End {
    fn default() -> Self {
        End { at: 0, left: 1 }
    }
}

impl End {
    /// Goes on with the search; true when the frame is complete or is none, which decoding tells.
    fn found_in(&mut self, bytes: &[u8]) -> bool {
        while self.left > 0 {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(line) = memchr::memchr(b'\n', rest) else {
                // A frame that cannot begin like this will not get better.
                return rest.first().is_some_and(|tag| !b"+-:$*_,#(=%~>|!".contains(tag));
            };
            let header = rest[..line].strip_suffix(b"\r").unwrap_or(&rest[..line]);
            let Some((tag, text)) = header.split_first() else { return true };
            let count = num::parse_i64(text).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            let mut next = self.at + line + 1;
            let more = match tag {
                b'$' | b'=' | b'!' => {
                    if num::parse_i64(text).is_some_and(|n| n >= 0) {
                        next = next.saturating_add(count).saturating_add(2);
                    }
                    0
                }
                b'*' | b'~' | b'>' => count,
                b'%' => count.saturating_mul(2),
                b'|' => count.saturating_mul(2).saturating_add(1),
                b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => 0,
                _ => return true,
            };
            if next > bytes.len() {
                return false;
            }
            self.at = next;
            self.left = (self.left - 1).saturating_add(more);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_where_decoding_finds_it() {
        let wires = [
            "+OK\r\n",
            "$3\r\nabc\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*2\r\n*1\r\n:1\r\n$0\r\n\r\n",
            "%1\r\n+a\r\n~1\r\n#t\r\n",
            "|1\r\n+a\r\n+b\r\n=5\r\ntxt:x\r\n",
            ">2\r\n$1\r\n\n\r\n_\r\n",
        ];
        for wire in wires {
            let bytes = [wire.as_bytes(), b"+next\r\n"].concat();
            let mut end = End::default();
            for cut in 0..wire.len() {
                assert!(!end.found_in(&bytes[..cut]), "{wire:?} cut at {cut}");
            }
            assert!(end.found_in(&bytes[..wire.len()]), "{wire:?}");
            assert_eq!(end.at, wire.len());
        }
        assert!(End::default().found_in(b"HTTP"));
    }
}
