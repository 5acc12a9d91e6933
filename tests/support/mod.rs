//! What every integration test starts from: `case!` runs one body twice, against the engine in
//! this process and against a server process over TCP; `Client` is the same thing in both.
//!
//! ```ignore
//! case!(append_makes_a_key, |c| {
//!     c.expect(&["APPEND", "k", "abc"], ":3\r\n");
//!     assert_eq!(c.cmd(&["GET", "k"]), b"$3\r\nabc\r\n");
//! });
//! case!(asks_for_a_password, ["--requirepass", "secret"], |c| { … });
//! ```
//!
//! Every case has a server and a folder of its own: nothing is shared, nothing is cleaned up
//! between cases, and all of them run at the same time.

// Each test binary uses its own part of this.
#![allow(dead_code)]
// A harness starts processes, makes folders and waits with a deadline.
#![allow(clippy::disallowed_methods)]

pub mod contents;
pub mod frames;
pub mod local;
pub mod server;
pub mod tcp;

use std::rc::Rc;
use std::time::{Duration, Instant};

use frames::{Node, encode, show};
use local::{LocalLink, World};
use server::{PATIENCE, Server};
use tcp::{Failure, TcpLink};

/// Declares a test that runs in process and over TCP. The optional list holds further options
/// in the form of the command line.
#[macro_export]
macro_rules! case {
    ($name:ident, |$c:ident| $body:expr) => {
        case!($name, [], |$c| $body);
    };
    ($name:ident, [$($option:expr),* $(,)?], |$c:ident| $body:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn run($c: &mut $crate::support::Client) {
                $body
            }

            #[test]
            fn in_process() {
                $crate::support::in_process(&[$($option),*], run);
            }

            #[test]
            fn over_tcp() {
                $crate::support::over_tcp(&[$($option),*], run);
            }
        }
    };
}

/// Runs a case against an engine in this process, under a clock that only the case moves.
pub fn in_process(options: &[&str], run: fn(&mut Client)) {
    let world = World::new(options);
    run(&mut Client { link: Link::Local(LocalLink::connect(&world)), host: Host::Local(world) });
}

/// Runs a case against a server process.
pub fn over_tcp(options: &[&str], run: fn(&mut Client)) {
    let server = Rc::new(Server::start(options));
    let link = TcpLink::connect(server.addr()).expect("a server that is ready accepts");
    run(&mut Client { link: Link::Tcp(link), host: Host::Tcp(server) });
}

#[derive(Clone)]
enum Host {
    Local(World),
    Tcp(Rc<Server>),
}

enum Link {
    Local(LocalLink),
    Tcp(TcpLink),
}

/// A connection to the server under test.
pub struct Client {
    link: Link,
    host: Host,
}

impl Client {
    /// Another connection to the same server.
    pub fn client(&self) -> Client {
        let link = match &self.host {
            Host::Local(world) => Link::Local(LocalLink::connect(world)),
            Host::Tcp(server) => {
                Link::Tcp(TcpLink::connect(server.addr()).expect("the server accepts"))
            }
        };
        Client { link, host: self.host.clone() }
    }

    /// Sends one request and gives its reply as it came.
    pub fn cmd<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Vec<u8> {
        self.send_raw(&encode(args));
        self.try_frame().unwrap_or_else(|why| panic!("{}: {why:?}", request_text(args)))
    }

    /// Sends one request and parses its reply.
    pub fn node<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Node {
        let raw = self.cmd(args);
        frames::parse(&raw).expect("what came is RESP").0
    }

    /// Sends one request whose reply must be exactly `want`.
    #[track_caller]
    pub fn expect<A: AsRef<[u8]>, R: AsRef<[u8]>>(&mut self, args: &[A], want: R) {
        let got = self.cmd(args);
        let want = want.as_ref();
        assert!(
            got == want,
            "{}\n  expected {}\n  got      {}",
            request_text(args),
            show(want),
            show(&got)
        );
    }

    /// Sends one request whose reply must be an integer, and gives it.
    #[track_caller]
    pub fn int<A: AsRef<[u8]>>(&mut self, args: &[A]) -> i64 {
        match self.node(args) {
            Node { kind: b':', value: frames::Value::Int(n) } => n,
            other => panic!("{}: not an integer: {other:?}", request_text(args)),
        }
    }

    /// Bytes as they are; nothing is read.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        match &mut self.link {
            Link::Local(link) => link.send(bytes),
            // A server that had enough may close in the middle; what it said still counts.
            Link::Tcp(link) => drop(link.send(bytes, PATIENCE)),
        }
    }

    /// The next frame.
    #[track_caller]
    pub fn read_frame(&mut self) -> Vec<u8> {
        match self.try_frame() {
            Ok(frame) => frame,
            Err(why) => panic!("no frame: {why:?}"),
        }
    }

    /// The next frame, or why there is none.
    pub fn try_frame(&mut self) -> Result<Vec<u8>, Failure> {
        match &mut self.link {
            Link::Local(link) => link.frame(),
            Link::Tcp(link) => link.frame(PATIENCE),
        }
    }

    /// The next frame must be exactly `want`.
    #[track_caller]
    pub fn expect_frame<R: AsRef<[u8]>>(&mut self, want: R) {
        let (got, want) = (self.read_frame(), want.as_ref());
        assert!(got == want, "expected {}\n  got      {}", show(want), show(&got));
    }

    /// The server closes this connection, and says exactly `want` before.
    #[track_caller]
    pub fn expect_close<R: AsRef<[u8]>>(&mut self, want: R) {
        let said = match &mut self.link {
            Link::Local(link) => link.until_closed(),
            Link::Tcp(link) => link.until_closed(PATIENCE),
        };
        let want = want.as_ref();
        match said {
            None => panic!("the connection stays open"),
            Some(got) => {
                assert!(got == want, "expected {}\n  got      {}", show(want), show(&got));
            }
        }
    }

    /// Nothing has come that was not read. Another connection's request is answered in between,
    /// so that the server had its turn.
    #[track_caller]
    pub fn expect_silence(&mut self) {
        self.client().expect(&["PING"], "+PONG\r\n");
        let left = match &mut self.link {
            Link::Local(link) => link.pending(),
            Link::Tcp(link) => {
                link.is_idle();
                link.pending().to_vec()
            }
        };
        assert!(left.is_empty(), "expected silence, got {}", show(&left));
    }

    /// Closes this connection from our side and waits until the server has seen it.
    pub fn close(self) {
        match self.link {
            Link::Local(link) => link.close(),
            Link::Tcp(link) => drop(link),
        }
    }

    /// Says that nothing more will be sent; what comes back can still be read.
    pub fn shut_write(&mut self) {
        match &mut self.link {
            Link::Local(link) => link.shut_write(),
            Link::Tcp(link) => link.shut_write(),
        }
    }

    /// Lets this much time pass for the server. In process the virtual clock moves; over TCP it
    /// is real time, so keep it short.
    pub fn advance_ms(&mut self, ms: u64) {
        match &mut self.link {
            Link::Local(link) => link.advance_ms(ms),
            Link::Tcp(_) => {
                assert!(ms <= 3000, "over TCP this is real time: make it shorter");
                std::thread::sleep(Duration::from_millis(ms));
            }
        }
    }

    /// Asks until `done` holds; fails when it does not within `limit_ms` of the server's time.
    #[track_caller]
    pub fn until(&mut self, limit_ms: u64, mut done: impl FnMut(&mut Client) -> bool) {
        let end = Instant::now() + Duration::from_millis(limit_ms);
        let mut virtual_ms = 0;
        while !done(self) {
            self.advance_ms(1);
            virtual_ms += 1;
            let over = match &self.link {
                Link::Local(_) => virtual_ms > limit_ms,
                Link::Tcp(_) => Instant::now() > end,
            };
            assert!(!over, "did not happen within {limit_ms} ms");
        }
    }

    /// True in process, where time stands still between two `advance_ms`.
    pub fn is_in_process(&self) -> bool {
        matches!(self.host, Host::Local(_))
    }
}

fn request_text<A: AsRef<[u8]>>(args: &[A]) -> String {
    let words: Vec<String> =
        args.iter().map(|arg| arg.as_ref().escape_ascii().to_string()).collect();
    words.join(" ")
}
