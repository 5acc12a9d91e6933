//! The loop: wait, accept, read every ready socket, run what came, write every answer.
//!
//! One pass reads all ready sockets before anything runs, so that the engine can look ahead over
//! all of them, and writes each client once after everything ran. Readiness comes as edges and is
//! kept in lists until it is used up. Invariant: the loop sleeps only when no list holds work and
//! the engine has none ready, and never longer than the engine's next deadline.
// Socket files belong to the network layer.
#![allow(clippy::disallowed_methods)]

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::ds::id_map::IdMap;
use crate::engine::client::{ClientId, CloseWish};
use crate::engine::{Engine, NetRequest};
use crate::env::Ports;
use crate::env::real::{Finished, Wake};
use crate::net::Signals;
use crate::net::conn::{Conn, Filled, Flushed, Sink, fill, flush};
use crate::net::listen::{self, ListenError, Listener};
use crate::sys::{error_text, fetch_code};

const SIGNALS: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
/// Listeners count down from here; clients count up from 1 and never get near.
const FIRST_LISTENER: usize = usize::MAX - 2;
const LAST_LISTENER: usize = usize::MAX / 2;

/// Events taken from the kernel in one pass.
const EVENTS_MAX: usize = 1024;
/// Connections one listener hands out in a pass.
const ACCEPT_MAX: usize = 1000;
/// Bytes one client may bring in a pass; the rest waits for its next turn. What is read should
/// still be in the cache when it is parsed, and buffers grow to no more than this needs.
const READ_MAX: usize = 32 * 1024;
/// Bytes one client may take in a pass.
const WRITE_MAX: usize = 1024 * 1024;
/// Clients with paused reading that are looked at in a pass.
const HELD_MAX: usize = 64;
/// How often paused clients and full descriptor tables are looked at when nothing else happens.
const RETRY: Duration = Duration::from_millis(100);

/// What becomes of connections for which there is no place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Full {
    /// They wait: somebody may be about to go.
    Wait,
    /// They are told.
    Refuse,
}

/// Whether a listener has connections that were not taken yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backlog {
    None,
    /// The pass had its fill.
    Waiting,
    /// The process is out of descriptors; time may bring some.
    Starved,
}

struct Door {
    token: Token,
    listener: Listener,
    backlog: Backlog,
}

/// The listeners: the loop takes connections from them, CONFIG SET replaces them.
struct Doors {
    list: Vec<Door>,
    next: usize,
    registry: Registry,
    /// `bind` and `port` as they are in force.
    bound: (Vec<String>, u16),
}

impl Doors {
    fn add(&mut self, mut listener: Listener) {
        let token = Token(self.next);
        self.next -= 1;
        match self.registry.register(&mut listener, token, Interest::READABLE) {
            Ok(()) => self.list.push(Door { token, listener, backlog: Backlog::None }),
            Err(error) => tracing::error!("Can't watch a listener: {}", error_text(&error)),
        }
    }
}

/// The hand of the engine on the listeners.
struct DoorKeeper(Arc<Mutex<Doors>>);

impl Ports for DoorKeeper {
    /// Closes the TCP listeners first, as a new list may name addresses of the old one, and goes
    /// back to the old list if the new one fails.
    fn listen_on(&mut self, bind: &[String], port: u16, backlog: i32) -> bool {
        let mut doors = lock(&self.0);
        doors.list.retain(|door| !matches!(door.listener, Listener::Tcp(_)));
        let opened = listen::open_tcp(bind, port, backlog);
        let done = opened.is_ok();
        let (old_bind, old_port) = doors.bound.clone();
        let opened = opened.or_else(|error| {
            tracing::warn!("{error}");
            listen::open_tcp(&old_bind, old_port, backlog)
        });
        match opened {
            Ok(listeners) => listeners.into_iter().for_each(|listener| doors.add(listener)),
            Err(error) => tracing::error!("{error}"),
        }
        if done {
            doors.bound = (bind.to_vec(), port);
        }
        done
    }
}

fn lock(doors: &Mutex<Doors>) -> MutexGuard<'_, Doors> {
    doors.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All sockets of the server.
pub struct Server {
    poll: Poll,
    waker: Arc<Waker>,
    signals: Signals,
    doors: Arc<Mutex<Doors>>,
    conns: IdMap<Conn>,
    /// To be read in the next pass, and the list under work.
    unread: Vec<ClientId>,
    reading: Vec<ClientId>,
    /// Ready to be read, but the engine wants nothing of them for now.
    held: VecDeque<ClientId>,
    /// Output that may go on: room came, or the pass had its fill.
    unwritten: Vec<ClientId>,
    dirty: Vec<ClientId>,
    /// A client was closed since the last look at the listeners: there may be a descriptor.
    freed: bool,
    /// Some listener has connections that were not taken yet.
    knocking: bool,
}

/// Where a client's bytes go: its buffer in the engine.
struct Inlet<'a> {
    engine: &'a mut Engine,
    id: ClientId,
}

impl Sink for Inlet<'_> {
    fn space(&mut self) -> Option<&mut [u8]> {
        self.engine.buffer(self.id).map(|buffer| buffer.space())
    }

    fn filled(&mut self, count: usize) {
        self.engine.arrived(self.id, count);
    }
}

impl Server {
    /// A server without listeners. From here on signals are received, not deadly.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let mut signals = Signals::install()?;
        poll.registry().register(&mut signals.pipe, SIGNALS, Interest::READABLE)?;
        let doors = Doors {
            list: Vec::new(),
            next: FIRST_LISTENER,
            registry: poll.registry().try_clone()?,
            bound: (Vec::new(), 0),
        };
        Ok(Server {
            poll,
            waker,
            signals,
            doors: Arc::new(Mutex::new(doors)),
            conns: IdMap::default(),
            unread: Vec::new(),
            reading: Vec::new(),
            held: VecDeque::new(),
            unwritten: Vec::new(),
            dirty: Vec::new(),
            freed: false,
            knocking: false,
        })
    }

    /// Interrupts the loop's sleep from another thread.
    pub fn wake(&self) -> Wake {
        let waker = self.waker.clone();
        Arc::new(move || {
            // A loop that cannot be woken finds the result at its next deadline.
            let _ = waker.wake();
        })
    }

    /// Opens what the configuration names.
    pub fn listen(&mut self, config: &crate::engine::config::Config) -> Result<(), ListenError> {
        let mut doors = lock(&self.doors);
        doors.bound = (config.bind.clone(), config.port);
        for listener in listen::open(config)? {
            doors.add(listener);
        }
        Ok(())
    }

    /// What CONFIG SET replaces listeners with.
    pub fn ports(&self) -> Box<dyn Ports> {
        Box::new(DoorKeeper(self.doors.clone()))
    }

    /// Kinds of listeners in the order they were opened, each once.
    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<&'static str> =
            lock(&self.doors).list.iter().map(|door| door.listener.kind()).collect();
        kinds.dedup();
        kinds
    }

    /// Removes the names of Unix sockets from the file system.
    pub fn unlink(&self) {
        for door in &lock(&self.doors).list {
            if let Listener::Unix(_, path) = &door.listener {
                // Somebody may have removed or replaced it; the process ends either way.
                let _ = std::fs::remove_file(path);
            }
        }
    }

    /// Serves until the engine asks for the end; gives the process's exit code. `ready` is called
    /// with the kinds of listeners once the data set is there.
    pub fn run(
        &mut self,
        engine: &mut Engine,
        finished: &Finished,
        ready: &mut dyn FnMut(&[&'static str]),
    ) -> i32 {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut deadline = engine.tick();
        let mut fetched = false;
        loop {
            for request in engine.requests() {
                match request {
                    NetRequest::Ready => ready(&self.kinds()),
                    NetRequest::Shutdown { exit_code } => return exit_code,
                }
            }
            let timeout =
                if fetched { self.timeout(engine, deadline) } else { Some(Duration::ZERO) };
            engine.sleeps();
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                if error.kind() != io::ErrorKind::Interrupted {
                    tracing::error!("Can't wait for events: {}", error_text(&error));
                    return 1;
                }
            }
            engine.wakes();
            for event in &events {
                self.sort(event, engine, finished);
            }
            let idle = events.is_empty();
            // Whoever waits for the start is answered first, and the loop has not slept yet.
            if idle && !fetched {
                fetch_code();
                fetched = true;
            }
            self.accept_waiting(idle, Full::Wait, engine);
            self.release_held(engine);
            self.read_all(engine);
            engine.run_ready();
            deadline = engine.tick();
            self.write_all(engine);
            // Those who go have gone: who finds no place now is told so.
            self.accept_waiting(idle, Full::Refuse, engine);
        }
    }

    /// How long the loop may sleep: not at all while there is work.
    fn timeout(&self, engine: &Engine, deadline: Option<u64>) -> Option<Duration> {
        if engine.has_ready() || !self.unread.is_empty() || !self.unwritten.is_empty() {
            return Some(Duration::ZERO);
        }
        let mut timeout = deadline.map(Duration::from_micros);
        let mut at_most = |limit: Duration| {
            timeout = Some(timeout.map_or(limit, |timeout| timeout.min(limit)));
        };
        if !self.held.is_empty() {
            at_most(RETRY);
        }
        if !self.knocking {
            return timeout;
        }
        for door in &lock(&self.doors).list {
            match door.backlog {
                Backlog::None => {}
                Backlog::Waiting => at_most(Duration::ZERO),
                Backlog::Starved => at_most(RETRY),
            }
        }
        timeout
    }

    /// Notes what an event tells; nothing is read here but signals and results of jobs.
    fn sort(&mut self, event: &Event, engine: &mut Engine, finished: &Finished) {
        match event.token() {
            SIGNALS => self.signals.take().for_each(|signal| engine.signal(signal)),
            WAKER => {
                while let Some(done) = finished.pop() {
                    engine.job_done(done);
                }
            }
            Token(door) if door > LAST_LISTENER => {
                let mut doors = lock(&self.doors);
                let door = doors.list.iter_mut().find(|door| door.token == event.token());
                if let Some(door) = door.filter(|door| door.backlog == Backlog::None) {
                    door.backlog = Backlog::Waiting;
                    self.knocking = true;
                }
            }
            Token(client) => self.sort_client(ClientId(client as u64), event, engine),
        }
    }

    fn sort_client(&mut self, id: ClientId, event: &Event, engine: &mut Engine) {
        let Some(conn) = self.conns.get_mut(id.0) else { return };
        let broken = event.is_error() || (event.is_read_closed() && event.is_write_closed());
        if conn.ended {
            // Both directions are gone, so nothing that waits can ever leave.
            if broken {
                self.close(id, engine);
                return;
            }
        } else if event.is_readable() || event.is_read_closed() || broken {
            conn.unread = true;
            conn.to_end |= event.is_read_closed() || broken;
            if !conn.listed && (!conn.held || conn.to_end) {
                conn.listed = true;
                self.unread.push(id);
            }
        }
        if event.is_writable() && conn.blocked {
            conn.blocked = false;
            self.unwritten.push(id);
        }
    }

    /// A starved listener is tried again when a descriptor may have come free, not in every pass
    /// of a busy server: each failure is a line in the log.
    fn accept_waiting(&mut self, idle: bool, full: Full, engine: &mut Engine) {
        let hope = std::mem::take(&mut self.freed) || idle;
        if !self.knocking {
            return;
        }
        self.knocking = false;
        let doors = self.doors.clone();
        for door in &mut lock(&doors).list {
            let backlog = door.backlog;
            if backlog == Backlog::Waiting || (backlog == Backlog::Starved && hope) {
                door.backlog = self.accept(&door.listener, full, engine);
            }
            self.knocking |= door.backlog != Backlog::None;
        }
    }

    fn accept(&mut self, listener: &Listener, full: Full, engine: &mut Engine) -> Backlog {
        let keepalive = engine.config().tcp_keepalive;
        for _ in 0..ACCEPT_MAX {
            if full == Full::Wait && engine.is_full() {
                return Backlog::Waiting;
            }
            let (mut socket, peer) = match listener.accept(keepalive) {
                Ok(accepted) => accepted,
                Err(error) => match error.raw_os_error() {
                    _ if error.kind() == io::ErrorKind::WouldBlock => return Backlog::None,
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        tracing::warn!("Accepting client connection: {}", error_text(&error));
                        return Backlog::Starved;
                    }
                    // This one connection died in the queue.
                    _ => continue,
                },
            };
            tracing::debug!("Accepted {}", peer.addr);
            let id = engine.connect(peer);
            let token = Token(usize::try_from(id.0).expect("ids count up from one"));
            match self.poll.registry().register(&mut socket, token, Interest::READABLE) {
                Ok(()) => {
                    self.conns.insert(id.0, Conn::new(socket));
                }
                Err(error) => {
                    tracing::warn!("Can't watch a client connection: {}", error_text(&error));
                    engine.gone(id);
                }
            }
        }
        Backlog::Waiting
    }

    /// Puts back clients whose reading goes on. Only some are looked at, in turn: there may be
    /// thousands that wait long.
    fn release_held(&mut self, engine: &Engine) {
        for _ in 0..self.held.len().min(HELD_MAX) {
            let Some(id) = self.held.pop_front() else { return };
            let Some(conn) = self.conns.get_mut(id.0) else { continue };
            if engine.reading_paused(id) {
                self.held.push_back(id);
                continue;
            }
            conn.held = false;
            if conn.unread && !conn.listed {
                conn.listed = true;
                self.unread.push(id);
            }
        }
    }

    fn read_all(&mut self, engine: &mut Engine) {
        std::mem::swap(&mut self.unread, &mut self.reading);
        for index in 0..self.reading.len() {
            self.read(self.reading[index], engine);
        }
        self.reading.clear();
    }

    fn read(&mut self, id: ClientId, engine: &mut Engine) {
        let Some(conn) = self.conns.get_mut(id.0) else { return };
        conn.listed = false;
        // An end must be noticed even while reading is paused. What comes before it is no more
        // than the kernel's own buffer holds.
        if !conn.to_end && engine.reading_paused(id) {
            if !conn.held {
                conn.held = true;
                self.held.push_back(id);
            }
            return;
        }
        let filled = fill(&mut conn.socket, &mut Inlet { engine, id }, conn.to_end, READ_MAX);
        match filled {
            Filled::Drained => conn.unread = false,
            Filled::More => {
                conn.listed = true;
                self.unread.push(id);
            }
            Filled::Ended => {
                conn.unread = false;
                conn.ended = true;
                engine.read_closed(id);
            }
            Filled::Broken => self.close(id, engine),
        }
    }

    fn write_all(&mut self, engine: &mut Engine) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.append(&mut self.unwritten);
        loop {
            engine.take_dirty(&mut dirty);
            if dirty.is_empty() {
                break;
            }
            for id in dirty.drain(..) {
                self.write(id, engine);
            }
        }
        self.dirty = dirty;
    }

    fn write(&mut self, id: ClientId, engine: &mut Engine) {
        let Some(conn) = self.conns.get_mut(id.0) else { return };
        if engine.close_wish(id) == CloseWish::Now {
            return self.close(id, engine);
        }
        if conn.blocked {
            return;
        }
        let limit = engine.may_leave(id);
        let Some(out) = engine.output(id) else { return };
        let (flushed, count) = flush(&mut conn.socket, out, WRITE_MAX, limit);
        let watches_room = conn.watches_room;
        if count > 0 {
            engine.written(id, count);
        }
        match flushed {
            Flushed::All => match engine.close_wish(id) {
                CloseWish::No if watches_room => self.drop_watch(id),
                CloseWish::No => {}
                CloseWish::AfterReply | CloseWish::Now => self.close(id, engine),
            },
            Flushed::More => self.unwritten.push(id),
            // The engine marks it anew when more may leave.
            Flushed::Withheld => {}
            Flushed::Blocked => self.watch_room(id, engine),
            Flushed::Broken => self.close(id, engine),
        }
    }

    /// Asks the kernel to tell when the socket takes bytes again. Asking also reports room that
    /// came since the write, so no edge is lost.
    fn watch_room(&mut self, id: ClientId, engine: &mut Engine) {
        let Some(conn) = self.conns.get_mut(id.0) else { return };
        conn.blocked = true;
        if conn.watches_room {
            return;
        }
        conn.watches_room = true;
        let token = Token(usize::try_from(id.0).expect("ids count up from one"));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().reregister(&mut conn.socket, token, interest).is_err() {
            self.close(id, engine);
        }
    }

    /// A Unix socket reports room each time its peer reads, so it is watched only while needed.
    /// TCP reports it only after a short write: watching on costs nothing.
    fn drop_watch(&mut self, id: ClientId) {
        let Some(conn) = self.conns.get_mut(id.0) else { return };
        if conn.watches_room && conn.socket.is_unix() {
            let token = Token(usize::try_from(id.0).expect("ids count up from one"));
            let registry = self.poll.registry();
            // If it fails, needless wake-ups are all that follows.
            conn.watches_room =
                registry.reregister(&mut conn.socket, token, Interest::READABLE).is_err();
        }
    }

    /// Closing a socket also ends its registration.
    fn close(&mut self, id: ClientId, engine: &mut Engine) {
        if let Some(conn) = self.conns.remove(id.0) {
            tracing::trace!("Closing client {} on descriptor {}", id.0, conn.socket.as_raw_fd());
            drop(conn);
            self.freed = true;
            engine.gone(id);
        }
    }
}
