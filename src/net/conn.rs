//! One connection: its socket, what is known about the socket's readiness, and the two transfers.
//!
//! Readiness comes as edges, so it is remembered here until a transfer finds it used up.
//! Invariant: a transfer that came back short has used it up, and no further system call is made
//! to hear `WouldBlock`.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::resp::outbuf::OutBuf;

/// Pieces handed to the kernel in one call.
const SLICES_MAX: usize = 64;

/// Either kind of stream.
pub enum Socket {
    /// Over the network.
    Tcp(TcpStream),
    /// Through a file name.
    Unix(UnixStream),
}

impl Socket {
    /// Whether this is a Unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self, Socket::Unix(_))
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Socket::Tcp(stream) => stream.as_raw_fd(),
            Socket::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(into),
            Socket::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write_vectored(slices),
            Socket::Unix(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Socket {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.register(to, token, interest),
            Socket::Unix(stream) => stream.register(to, token, interest),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.reregister(to, token, interest),
            Socket::Unix(stream) => stream.reregister(to, token, interest),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.deregister(from),
            Socket::Unix(stream) => stream.deregister(from),
        }
    }
}

/// A socket with what is known about it.
pub struct Conn {
    /// The stream.
    pub socket: Socket,
    /// It reported something to read and no read has come back short since.
    pub unread: bool,
    /// The peer closed its side or the connection broke: read until the end shows.
    pub to_end: bool,
    /// The end was read; only writing is left.
    pub ended: bool,
    /// It stands in the list of connections to read in the next pass.
    pub listed: bool,
    /// It stands in the list of connections whose reading the engine has paused.
    pub held: bool,
    /// The last write came short; an event will tell when there is room again.
    pub blocked: bool,
    /// The kernel was asked to report room for writing.
    pub watches_room: bool,
}

impl Conn {
    /// A fresh connection, not yet registered.
    pub fn new(socket: Socket) -> Self {
        Conn {
            socket,
            unread: false,
            to_end: false,
            ended: false,
            listed: false,
            held: false,
            blocked: false,
            watches_room: false,
        }
    }
}

/// Where read bytes go.
pub trait Sink {
    /// Room for the next read, never empty; `None` when nobody wants the bytes any more.
    fn space(&mut self) -> Option<&mut [u8]>;
    /// So many bytes of the room were filled.
    fn filled(&mut self, count: usize);
}

/// How a series of reads ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Nothing is left in the socket; the next edge tells.
    Drained,
    /// The budget is used up and there may be more.
    More,
    /// The peer will send nothing more.
    Ended,
    /// The connection is dead.
    Broken,
}

/// Reads until the socket is drained or more than half of `budget` has come: another read would
/// want a buffer twice as large. A short read drains the socket unless the end is near (`to_end`):
/// then only a read of nothing tells that all has been seen.
pub fn fill(socket: &mut impl Read, sink: &mut impl Sink, to_end: bool, budget: usize) -> Filled {
    let mut total = 0;
    loop {
        let Some(space) = sink.space() else { return Filled::Broken };
        let room = space.len();
        match socket.read(space) {
            Ok(0) => return Filled::Ended,
            Ok(count) => {
                sink.filled(count);
                total += count;
                if count < room && !to_end {
                    return Filled::Drained;
                }
                if total > budget / 2 {
                    return Filled::More;
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Filled::Drained,
                io::ErrorKind::Interrupted => {}
                _ => return Filled::Broken,
            },
        }
    }
}

/// How a series of writes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// All output has left.
    All,
    /// The budget is used up and the socket still takes bytes.
    More,
    /// The socket is full; an event tells when it is not.
    Blocked,
    /// All has left that may for now.
    Withheld,
    /// The connection is dead.
    Broken,
}

/// Writes output until it is gone, the socket is full or `budget` bytes have left, but not more
/// than `limit` bytes. The second result is how many did.
pub fn flush(
    socket: &mut impl Write,
    out: &mut OutBuf,
    budget: usize,
    limit: usize,
) -> (Flushed, usize) {
    let mut total = 0;
    loop {
        let (result, offered) = write_once(socket, out, limit - total);
        if offered == 0 {
            let flushed = if out.is_empty() { Flushed::All } else { Flushed::Withheld };
            return (flushed, total);
        }
        match result {
            Ok(0) => return (Flushed::Broken, total),
            Ok(count) => {
                out.consume(count);
                total += count;
                if count < offered {
                    return (Flushed::Blocked, total);
                }
                if out.is_empty() {
                    return (Flushed::All, total);
                }
                if total >= budget {
                    return (Flushed::More, total);
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return (Flushed::Blocked, total),
                io::ErrorKind::Interrupted => {}
                _ => return (Flushed::Broken, total),
            },
        }
    }
}

/// One system call; also tells how many bytes it was given.
fn write_once(socket: &mut impl Write, out: &OutBuf, limit: usize) -> (io::Result<usize>, usize) {
    if let Some(one) = out.single().filter(|one| one.len() <= limit) {
        let result = if one.is_empty() { Ok(0) } else { socket.write(one) };
        return (result, one.len());
    }
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = out.slices(&mut slices);
    let slices = &slices[..count];
    let offered: usize = slices.iter().map(|slice| slice.len()).sum();
    if offered > limit {
        let first = &slices[0][..limit.min(slices[0].len())];
        return (if first.is_empty() { Ok(0) } else { socket.write(first) }, first.len());
    }
    let result = match slices {
        [] => Ok(0),
        // A plain send is cheaper in the kernel than one with a list of pieces.
        [one] => socket.write(one),
        many => socket.write_vectored(many),
    };
    (result, offered)
}

#[cfg(test)]
#[path = "conn_tests.rs"]
mod tests;
