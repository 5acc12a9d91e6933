//! The network: sockets, readiness, signals. The only part that touches a socket, and one that
//! never names a command or a data type: bytes go into the engine and come out of it.
//!
//! | file        | holds                                                        |
//! |-------------|--------------------------------------------------------------|
//! | `poll.rs`   | the loop: wait, accept, read, run, write                     |
//! | `conn.rs`   | one connection and its partial reads and writes              |
//! | `links.rs`  | connections to other servers, each errand in a thread        |
//! | `listen.rs` | listening sockets, socket options, limit of open files       |

pub mod conn;
pub mod links;
pub mod listen;
pub mod poll;

use std::io::{self, Read};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::net::UnixStream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::engine::Signal;
use crate::sys;

/// Signals as readiness: a handler sets a flag and writes one byte into a socket pair.
pub struct Signals {
    /// Readable after a signal.
    pub pipe: UnixStream,
    term: Arc<AtomicBool>,
    int: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over SIGTERM and SIGINT and ignores SIGHUP and SIGPIPE. A second SIGINT ends the
    /// process at once: whoever presses the key twice does not want to wait.
    pub fn install() -> io::Result<Self> {
        sys::ignore_hangup_and_pipe();
        let (reader, writer) = StdUnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let (term, int) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let seen = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(SIGINT, 1, seen.clone())?;
        flag::register(SIGINT, seen)?;
        for (signal, caught) in [(SIGTERM, &term), (SIGINT, &int)] {
            flag::register(signal, caught.clone())?;
            low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        Ok(Signals { pipe: UnixStream::from_std(reader), term, int })
    }

    /// What came since the last call.
    pub fn take(&mut self) -> impl Iterator<Item = Signal> + use<> {
        let mut bytes = [0; 64];
        while matches!(self.pipe.read(&mut bytes), Ok(count) if count == bytes.len()) {}
        let term = self.term.swap(false, Ordering::SeqCst).then_some(Signal::Term);
        let int = self.int.swap(false, Ordering::SeqCst).then_some(Signal::Int);
        term.into_iter().chain(int)
    }
}
