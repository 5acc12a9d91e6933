// Process managers speak through the environment and a socket.
#![allow(clippy::disallowed_methods)]
#![allow(unsafe_code)]
//! What a process manager is told: that the server is ready, that it stops.
//!
//! systemd names a datagram socket in NOTIFY_SOCKET and reads `NAME=value` lines from it; a name
//! that begins with `@` is one without a file. upstart waits until the process stops itself.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::OnceLock;

/// Where systemd listens, once it is known that it does.
static SOCKET: OnceLock<OsString> = OnceLock::new();

/// Who watches over the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// It waits for the process to stop itself once.
    Upstart,
    /// It reads messages from a socket.
    Systemd,
}

/// The manager that `supervised` asks for and the environment confirms.
pub fn detect(wanted: &str) -> Option<Manager> {
    let upstart = std::env::var_os("UPSTART_JOB").is_some();
    let socket = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
    match wanted {
        "upstart" if !upstart => {
            tracing::warn!(
                "upstart supervision requested, but UPSTART_JOB is not set: is the job declared \
                 with `expect stop`?"
            );
            None
        }
        "upstart" => Some(Manager::Upstart),
        "auto" if upstart => Some(Manager::Upstart),
        "systemd" | "auto" => match socket {
            Some(socket) => {
                let _ = SOCKET.set(socket);
                Some(Manager::Systemd)
            }
            None if wanted == "systemd" => {
                tracing::warn!("systemd supervision requested, but NOTIFY_SOCKET is not set");
                None
            }
            None => None,
        },
        _ => None,
    }
}

impl Manager {
    /// Says at the start what is going to happen; upstart is answered here already.
    pub fn greet(self) {
        match self {
            Manager::Upstart => {
                tracing::info!("supervised by upstart, will stop to signal readiness");
                // SAFETY: the calls touch no memory of ours; SIGCONT lets the process go on.
                unsafe {
                    libc::raise(libc::SIGSTOP);
                }
            }
            Manager::Systemd => tracing::info!(
                "supervised by systemd. Please make sure you set appropriate values for \
                 TimeoutStartSec and TimeoutStopSec in your service unit."
            ),
        }
    }

    /// Clients are served from now on.
    pub fn ready(self) {
        if self == Manager::Systemd {
            tell("STATUS=Ready to accept connections\n");
            tell("READY=1\n");
        }
    }
}

/// The server is about to end; nothing happens without systemd.
pub fn stopping() {
    tell("STOPPING=1\n");
}

/// Sends one message to systemd, if it is there.
fn tell(message: &str) {
    let Some(name) = SOCKET.get() else { return };
    if let Err(error) = send(name, message) {
        tracing::warn!("Can't send to systemd's socket: {}", super::error_text(&error));
    }
}

fn send(name: &OsString, message: &str) -> io::Result<()> {
    let addr = match name.as_bytes() {
        [b'@', hidden @ ..] => SocketAddr::from_abstract_name(hidden)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &addr).map(|_| ())
}
