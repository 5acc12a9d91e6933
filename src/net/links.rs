//! The way to other servers: each errand has a thread of its own, as names may take long to be
//! found and servers long to answer, and nobody else is to wait for them.
//!
//! A connection that an errand leaves in good order is kept for the next one to the same place,
//! with the database it has selected. One that turns out to be closed meanwhile is made anew, once,
//! if nothing was answered yet.

// It stands at the network: what it waits for and how long is real.
#![allow(clippy::disallowed_methods)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::ds::id_map::IdMap;
use crate::env::real::Report;
use crate::env::{Delivery, Done, Errand, LinkFault, Links};

/// A connection that nobody used for this long is closed.
const KEPT: Duration = Duration::from_secs(10);
/// Connections kept at most.
const KEPT_MAX: usize = 64;
/// Bytes of an answer at most.
const LINE_MAX: u64 = 1024;

/// An open connection.
struct Link {
    stream: BufReader<TcpStream>,
    /// What it has selected, if that is known.
    db: Option<i64>,
}

struct Idle {
    host: String,
    port: u16,
    link: Link,
    since: Instant,
}

#[derive(Default)]
struct Shared {
    idle: Vec<Idle>,
    over: IdMap<Delivery>,
}

/// The real way.
pub struct TcpLinks {
    shared: Arc<Mutex<Shared>>,
    report: Report,
}

impl TcpLinks {
    /// Ends of errands go to `report`.
    pub fn boxed(report: Report) -> Box<dyn Links> {
        Box::new(TcpLinks { shared: Arc::default(), report })
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Links for TcpLinks {
    fn send(&mut self, errand: Errand) {
        let id = errand.id;
        let (shared, report) = (self.shared.clone(), self.report.clone());
        let work = move || {
            let delivery = run(&shared, &errand);
            lock(&shared).over.insert(errand.id, delivery);
            report(Done::Delivered { id });
        };
        if thread::Builder::new().name("bio_link".to_owned()).spawn(work).is_err() {
            let fault = Some(LinkFault::Connecting);
            lock(&self.shared).over.insert(id, Delivery { fault, ..Delivery::default() });
            (self.report)(Done::Delivered { id });
        }
    }

    fn send_now(&mut self, errand: Errand) -> Delivery {
        run(&self.shared, &errand)
    }

    fn take(&mut self, id: u64) -> Option<Delivery> {
        lock(&self.shared).over.remove(id)
    }

    fn kept(&self) -> usize {
        lock(&self.shared).idle.len()
    }

    fn close_idle(&mut self) {
        lock(&self.shared).idle.retain(|idle| idle.since.elapsed() < KEPT);
    }
}

/// Does an errand; a connection that was good keeps being so.
fn run(shared: &Mutex<Shared>, errand: &Errand) -> Delivery {
    let mut kept = {
        let mut shared = lock(shared);
        let here = |idle: &Idle| idle.host == errand.host && idle.port == errand.port;
        let at = shared.idle.iter().position(here);
        at.map(|at| shared.idle.swap_remove(at).link)
    };
    let mut second = false;
    loop {
        let link = kept.take().map_or_else(|| connect(errand), Ok);
        let mut link = match link {
            Ok(link) => link,
            Err(fault) => return Delivery { fault: Some(fault), ..Delivery::default() },
        };
        let mut delivery = Delivery::default();
        match talk(&mut link, errand, &mut delivery) {
            Ok(()) => {
                if delivery.refused.is_some() || delivery.answers.iter().any(|a| is_error(a)) {
                    link.db = None;
                }
                keep(shared, errand, link);
                return delivery;
            }
            Err((fault, error)) => {
                let late = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
                if second || late.contains(&error.kind()) || !delivery.answers.is_empty() {
                    return Delivery { fault: Some(fault), ..delivery };
                }
                second = true;
            }
        }
    }
}

fn keep(shared: &Mutex<Shared>, errand: &Errand, link: Link) {
    let mut shared = lock(shared);
    if shared.idle.len() < KEPT_MAX {
        let (host, port, since) = (errand.host.clone(), errand.port, Instant::now());
        shared.idle.push(Idle { host, port, link, since });
    }
}

/// As in Redis, a server that cannot be connected to is one that cannot be written to; only a name
/// that leads nowhere is told apart.
fn connect(errand: &Errand) -> Result<Link, LinkFault> {
    let timeout = Duration::from_millis(errand.timeout_ms);
    let addresses = (errand.host.as_str(), errand.port).to_socket_addrs();
    let mut addresses = addresses.map_err(|_| LinkFault::Connecting)?;
    let connected = addresses.find_map(|address| {
        let stream = TcpStream::connect_timeout(&address, timeout).ok()?;
        // It is only slower without.
        let _ = stream.set_nodelay(true);
        Some(Link { stream: BufReader::new(stream), db: None })
    });
    connected.ok_or(LinkFault::Writing)
}

/// Sends all requests, then reads the answers.
fn talk(
    link: &mut Link,
    errand: &Errand,
    delivery: &mut Delivery,
) -> Result<(), (LinkFault, io::Error)> {
    let timeout = Some(Duration::from_millis(errand.timeout_ms));
    let writing = |error| (LinkFault::Writing, error);
    let reading = |error| (LinkFault::Reading, error);
    let stream = link.stream.get_mut();
    stream.set_read_timeout(timeout).map_err(writing)?;
    stream.set_write_timeout(timeout).map_err(writing)?;
    let selects = link.db != Some(errand.db);
    let db = errand.db.to_string();
    let select = format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{db}\r\n", db.len());
    let head = errand.auth.iter().map(Vec::as_slice).chain(selects.then_some(select.as_bytes()));
    for request in head.chain(errand.requests.iter().map(Vec::as_slice)) {
        stream.write_all(request).map_err(writing)?;
    }
    for _ in 0..usize::from(errand.auth.is_some()) + usize::from(selects) {
        let answer = line(&mut link.stream).map_err(reading)?;
        if is_error(&answer) && delivery.refused.is_none() {
            delivery.refused = Some(answer);
        }
    }
    for _ in &errand.requests {
        delivery.answers.push(line(&mut link.stream).map_err(reading)?);
    }
    link.db = Some(errand.db);
    Ok(())
}

/// One line, without its end.
fn line(from: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_ascii_end().to_vec())
}

fn is_error(answer: &[u8]) -> bool {
    answer.first() == Some(&b'-')
}
