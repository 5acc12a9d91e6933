//! Listening sockets over TCP and Unix, what is set on accepted ones, the limit of open files.
//!
//! Faults are worded as Redis words them, since supervisors and test harnesses look for them.
//! Invariant: after a fault nothing of what was opened here stays open.
// Socket files and kernel limits belong to the network layer.
#![allow(clippy::disallowed_methods)]

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, SockRef, Socket as RawSocket, TcpKeepalive, Type};

use crate::engine::client::Peer;
use crate::engine::config::Config;
use crate::net::conn::Socket;
use crate::sys::{self, error_text};

/// Descriptors the server needs beside those of its clients.
const RESERVED_FILES: u64 = 32;

/// A listening socket.
pub enum Listener {
    /// Over the network.
    Tcp(TcpListener),
    /// Through a file name.
    Unix(UnixListener, String),
}

/// Why the server cannot listen; its text is the line for the log.
#[derive(Debug)]
pub struct ListenError(String);

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Listener {
    /// What `Ready to accept connections` calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Listener::Tcp(_) => "tcp",
            Listener::Unix(..) => "unix",
        }
    }

    /// Takes the next waiting connection, set up for use, and who it is.
    pub fn accept(&self, keepalive_seconds: u32) -> io::Result<(Socket, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, from) = listener.accept()?;
                // None of these can be refused for a reason that would make the connection
                // useless: they only shape its timing.
                let _ = stream.set_nodelay(true);
                if keepalive_seconds > 0 {
                    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive(keepalive_seconds));
                }
                let local = stream.local_addr().map(|addr| addr.to_string()).unwrap_or_default();
                let peer = Peer {
                    addr: from.to_string(),
                    local_addr: local,
                    unix: false,
                    loopback: from.ip().to_canonical().is_loopback(),
                    fd: stream.as_raw_fd(),
                };
                Ok((Socket::Tcp(stream), peer))
            }
            Listener::Unix(listener, path) => {
                let (stream, _) = listener.accept()?;
                let addr = format!("{path}:0");
                let peer = Peer {
                    local_addr: addr.clone(),
                    addr,
                    unix: true,
                    loopback: true,
                    fd: stream.as_raw_fd(),
                };
                Ok((Socket::Unix(stream), peer))
            }
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Listener::Tcp(listener) => listener.as_raw_fd(),
            Listener::Unix(listener, _) => listener.as_raw_fd(),
        }
    }
}

impl Source for Listener {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => listener.register(to, token, interest),
            Listener::Unix(listener, _) => listener.register(to, token, interest),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => listener.reregister(to, token, interest),
            Listener::Unix(listener, _) => listener.reregister(to, token, interest),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => listener.deregister(from),
            Listener::Unix(listener, _) => listener.deregister(from),
        }
    }
}

/// First probe after the given time, then three at a third of it.
fn keepalive(seconds: u32) -> TcpKeepalive {
    let interval = (seconds / 3).max(1);
    TcpKeepalive::new()
        .with_time(Duration::from_secs(u64::from(seconds)))
        .with_interval(Duration::from_secs(u64::from(interval)))
        .with_retries(3)
}

/// Opens every socket the configuration names. At least one, or the server would be deaf.
pub fn open(config: &Config) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = open_tcp(&config.bind, config.port, config.tcp_backlog)?;
    if !config.unixsocket.is_empty() {
        let listener = unix(&config.unixsocket, config.unixsocketperm, config.tcp_backlog)
            .map_err(|text| ListenError(format!("Failed opening Unix socket: {text}")))?;
        listeners.push(listener);
    }
    if listeners.is_empty() {
        return Err(ListenError("Configured to not listen anywhere, exiting.".to_owned()));
    }
    Ok(listeners)
}

/// Opens the TCP sockets alone; none with port 0 or without an address.
pub fn open_tcp(bind: &[String], port: u16, backlog: i32) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    if port == 0 {
        return Ok(listeners);
    }
    for name in bind {
        let (name, optional) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        match tcp(name, port, backlog) {
            Ok(listener) => listeners.push(Listener::Tcp(listener)),
            Err(fault) => {
                tracing::warn!(
                    "Warning: Could not create server TCP listening socket {name}:{port}: {}",
                    fault.text
                );
                let absent = optional && fault.kind == Some(io::ErrorKind::AddrNotAvailable);
                if !absent && !fault.no_such_family {
                    return Err(ListenError(format!(
                        "Failed listening on port {port} (tcp), aborting."
                    )));
                }
            }
        }
    }
    Ok(listeners)
}

/// Why one address could not be listened on.
struct Fault {
    text: String,
    kind: Option<io::ErrorKind>,
    /// The machine has no such protocol, so the address is skipped.
    no_such_family: bool,
}

impl Fault {
    fn new(step: &str, error: &io::Error) -> Self {
        let families =
            [libc::ENOPROTOOPT, libc::EPROTONOSUPPORT, libc::ESOCKTNOSUPPORT, libc::EAFNOSUPPORT];
        let number = error.raw_os_error().unwrap_or(0);
        Fault {
            text: format!("{step}: {}", error_text(error)),
            kind: Some(error.kind()),
            no_such_family: families.contains(&number) || number == libc::EPFNOSUPPORT,
        }
    }
}

/// Addresses behind a name in `bind`. A colon makes it IPv6; a star stands for all addresses.
fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    match name {
        "*" => return Ok(vec![(Ipv4Addr::UNSPECIFIED, port).into()]),
        "::*" => return Ok(vec![(Ipv6Addr::UNSPECIFIED, port).into()]),
        _ => {}
    }
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    let unknown = |error: Option<io::Error>| {
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        let reason = text.rsplit(": ").next().filter(|reason| !reason.is_empty());
        let text = reason.unwrap_or("Name or service not known").to_owned();
        Fault { text, kind: None, no_such_family: false }
    };
    let wants_v6 = name.contains(':');
    let found = (name, port).to_socket_addrs().map_err(|error| unknown(Some(error)))?;
    let found: Vec<SocketAddr> = found.filter(|addr| addr.is_ipv6() == wants_v6).collect();
    if found.is_empty() { Err(unknown(None)) } else { Ok(found) }
}

fn tcp(name: &str, port: u16, backlog: i32) -> Result<TcpListener, Fault> {
    let mut fault = None;
    for addr in resolve(name, port)? {
        let socket = match RawSocket::new(Domain::for_address(addr), Type::STREAM, None) {
            Ok(socket) => socket,
            // Another address of the same name may be of a family that there is.
            Err(error) => {
                fault = Some(Fault::new("socket", &error));
                continue;
            }
        };
        if addr.is_ipv6() {
            // The same port is often bound for IPv4 on its own.
            socket.set_only_v6(true).map_err(|error| Fault::new("setsockopt", &error))?;
        }
        socket
            .set_reuse_address(true)
            .map_err(|error| Fault::new("setsockopt SO_REUSEADDR", &error))?;
        socket.bind(&addr.into()).map_err(|error| Fault::new("bind", &error))?;
        socket.listen(backlog).map_err(|error| Fault::new("listen", &error))?;
        socket.set_nonblocking(true).map_err(|error| Fault::new("fcntl", &error))?;
        return Ok(TcpListener::from_std(socket.into()));
    }
    Err(fault.expect("a resolved name has an address, and each one returns or leaves a fault"))
}

fn unix(path: &str, perm: u32, backlog: i32) -> Result<Listener, String> {
    // What is left of an earlier run would make bind fail.
    let _ = std::fs::remove_file(path);
    let step = |step: &str, error: io::Error| format!("{step}: {}", error_text(&error));
    let socket =
        RawSocket::new(Domain::UNIX, Type::STREAM, None).map_err(|error| step("socket", error))?;
    let addr = SockAddr::unix(path).map_err(|error| step("bind", error))?;
    socket.bind(&addr).map_err(|error| step("bind", error))?;
    if perm != 0 {
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(perm));
    }
    socket.listen(backlog).map_err(|error| step("listen", error))?;
    socket.set_nonblocking(true).map_err(|error| step("fcntl", error))?;
    Ok(Listener::Unix(UnixListener::from_std(socket.into()), path.to_owned()))
}

/// Warns when the kernel will not keep the queue of waiting connections as long as configured.
pub fn check_backlog(backlog: i32) {
    let path = Path::new("/proc/sys/net/core/somaxconn");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if let Ok(most) = text.trim().parse::<i32>() {
        if most > 0 && most < backlog {
            tracing::warn!(
                "WARNING: The TCP backlog setting of {backlog} cannot be enforced because \
                 {} is set to the lower value of {most}.",
                path.display()
            );
        }
    }
}

/// Raises the limit of open files so that `maxclients` fit, and gives the number of clients that
/// do fit; an error when not even one does.
pub fn reserve_files(maxclients: u32) -> Result<u32, ListenError> {
    let wanted = u64::from(maxclients) + RESERVED_FILES;
    let (current, maximum) = match sys::open_files_limit() {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(
                "Unable to obtain the current NOFILE limit ({}), assuming 1024 and setting the \
                 max clients configuration accordingly.",
                error_text(&error)
            );
            return Ok(maxclients.min(1024 - RESERVED_FILES as u32));
        }
    };
    if current >= wanted {
        return Ok(maxclients);
    }
    let (reached, refusal) = raise_files(current, maximum, wanted);
    if reached >= wanted {
        tracing::info!(
            "Increased maximum number of open files to {wanted} (it was originally set to \
             {current})."
        );
        return Ok(maxclients);
    }
    if reached <= RESERVED_FILES {
        return Err(ListenError(format!(
            "Your current 'ulimit -n' of {current} is not enough for the server to start. Please \
             increase your open file limit to at least {wanted}. Exiting."
        )));
    }
    let fitting = u32::try_from(reached - RESERVED_FILES).unwrap_or(maxclients);
    tracing::warn!(
        "You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors."
    );
    tracing::warn!(
        "Server can't set maximum open files to {wanted} because of OS error: {refusal}."
    );
    tracing::warn!(
        "Current maximum open files is {reached}. maxclients has been reduced to {fitting} to \
         compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
    );
    Ok(fitting)
}

/// The limit reached: what was wanted if that is allowed, else as far as an ordinary user may go.
/// The second result tells why not further.
fn raise_files(current: u64, maximum: u64, wanted: u64) -> (u64, String) {
    let refusal = match sys::set_open_files_limit(wanted, wanted.max(maximum)) {
        Ok(()) => return (wanted, String::new()),
        Err(error) => error_text(&error),
    };
    let reachable = wanted.min(maximum);
    if reachable > current && sys::set_open_files_limit(reachable, maximum).is_ok() {
        return (reachable, refusal);
    }
    (current, refusal)
}
