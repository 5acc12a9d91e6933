// The client waits between repetitions and writes to its own standard output.
#![allow(clippy::disallowed_methods)]
//! Commands over one connection: sign-on, sending, printing what comes back.
//!
//! Invariant: whatever was printed has left the process before the next wait.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::args::{Options, Output, Wish, leading_int};
use super::format;
use super::help;
use super::link::{Broken, Link};
use crate::resp::decode::Frame;

/// Commands that take longer are shown with their time, milliseconds.
const SLOW_MS: u128 = 500;

/// Why a command is over without a reply.
#[derive(Debug)]
pub enum Stop {
    /// It failed; what is lost is the connection.
    Failed(Broken),
    /// The program ends with this code.
    Exit(i32),
}

/// A client's state.
pub struct Session {
    options: Options,
    link: Option<Link>,
    /// The database in force at the server.
    db: i32,
    /// Commands come one after the other: a lost connection is opened again.
    pub interactive: bool,
    /// The server was asked to end: a closed connection is the answer.
    ending: bool,
}

/// Whether a word is this, in any case.
fn is(word: Option<&Vec<u8>>, text: &str) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case(text.as_bytes()))
}

impl Session {
    /// Not yet connected.
    pub fn new(options: Options) -> Session {
        Session { options, link: None, db: 0, interactive: false, ending: false }
    }

    /// Connects and signs on; a fault is printed, unless `quiet` and there is no connection.
    pub fn connect(&mut self, quiet: bool) -> bool {
        let options = &self.options;
        let (place, made) = match &options.socket {
            Some(path) => (path.clone(), Link::unix(path)),
            None => (
                format!("{}:{}", options.host, options.port),
                Link::tcp(&options.host, options.port),
            ),
        };
        self.db = 0;
        match made {
            Ok(link) => self.link = Some(link),
            Err(reason) => {
                if !quiet {
                    eprintln!("Could not connect to Redis at {place}: {reason}");
                }
                self.link = None;
                return false;
            }
        }
        self.sign_on() && self.select() && self.switch()
    }

    /// The command `connect host port`.
    pub fn move_to(&mut self, host: &[u8], port: &[u8]) {
        self.options.host = String::from_utf8_lossy(host).into_owned();
        self.options.port = leading_int(port) as u16;
        self.options.socket = None;
        self.connect(false);
    }

    fn ask(&mut self, words: &[&[u8]]) -> Option<Frame> {
        let link = self.link.as_mut()?;
        let answer = link.send(words).and_then(|()| link.receive());
        if answer.is_err() {
            eprintln!("\nI/O error");
            self.link = None;
        }
        answer.ok()
    }

    fn sign_on(&mut self) -> bool {
        let Some(password) = self.options.auth.clone() else { return true };
        let answer = match self.options.user.clone() {
            Some(user) => self.ask(&[b"AUTH", &user, &password]),
            None => self.ask(&[b"AUTH", &password]),
        };
        match answer {
            Some(Frame::Error(text)) => {
                eprintln!("AUTH failed: {}", String::from_utf8_lossy(&text));
                false
            }
            answer => answer.is_some(),
        }
    }

    fn select(&mut self) -> bool {
        let wanted = self.options.db;
        if wanted == self.db {
            return true;
        }
        match self.ask(&[b"SELECT", wanted.to_string().as_bytes()]) {
            Some(Frame::Error(text)) => {
                eprintln!("SELECT {wanted} failed: {}", String::from_utf8_lossy(&text));
                false
            }
            Some(_) => {
                self.db = wanted;
                true
            }
            None => false,
        }
    }

    fn switch(&mut self) -> bool {
        if self.options.resp3 == Wish::None || self.options.resp2 {
            return true;
        }
        match self.ask(&[b"HELLO", b"3"]) {
            Some(Frame::Error(text)) => {
                eprintln!("HELLO 3 failed: {}", String::from_utf8_lossy(&text));
                self.options.resp3 == Wish::Maybe3
            }
            answer => answer.is_some(),
        }
    }

    /// Runs a command so many times (negative: for ever), connecting first where that is needed.
    pub fn issue(&mut self, words: &[Vec<u8>], repeat: i64) -> Result<(), Stop> {
        if is(words.first(), "help") || is(words.first(), "?") {
            self.print(help::commands().as_bytes());
            return Ok(());
        }
        if self.link.is_none() && !self.connect(false) {
            return Err(Stop::Failed(Broken::Closed));
        }
        let begin = Instant::now();
        let outcome = self.repeat(words, repeat);
        if let Err(Stop::Failed(broken)) = &outcome {
            eprintln!("Error: {}", broken.text());
            self.link = None;
        }
        let took = begin.elapsed().as_millis();
        if self.interactive && took >= SLOW_MS && self.options.output == Output::Standard {
            self.print(format!("({:.2}s)\n", took as f64 / 1000.0).as_bytes());
        }
        outcome
    }

    fn repeat(&mut self, words: &[Vec<u8>], mut left: i64) -> Result<(), Stop> {
        let plain = answers_with_a_page(words);
        self.ending = is(words.first(), "shutdown");
        while left != 0 {
            left = if left < 0 { left } else { left - 1 };
            let Some(link) = self.link.as_mut() else { return Err(Stop::Failed(Broken::Closed)) };
            link.send(words).map_err(Stop::Failed)?;
            if is(words.first(), "monitor") {
                while !matches!(self.answer(plain, false)?, Some(Frame::Error(_))) {}
                return Ok(());
            }
            if ["subscribe", "psubscribe", "ssubscribe"].iter().any(|name| is(words.first(), name))
            {
                if self.options.output != Output::Raw {
                    self.print(b"Reading messages... (press Ctrl-C to quit)\n");
                }
                while !matches!(self.answer(plain, true)?, Some(Frame::Error(_))) {}
                continue;
            }
            match self.answer(plain, false)? {
                Some(Frame::Error(_)) => {}
                Some(_) => self.note(words),
                None => return Ok(()),
            }
            if self.options.interval_us > 0 {
                std::thread::sleep(Duration::from_micros(self.options.interval_us));
            }
        }
        Ok(())
    }

    /// What a command that succeeded changed about the connection.
    fn note(&mut self, words: &[Vec<u8>]) {
        if is(words.first(), "select") && words.len() == 2 {
            self.db = leading_int(&words[1]) as i32;
            self.options.db = self.db;
        } else if is(words.first(), "auth") && (words.len() == 2 || words.len() == 3) {
            self.select();
        } else if is(words.first(), "reset") {
            self.db = 0;
        }
    }

    /// Waits for a reply and prints it; none when the server ended as it was told to. Messages out
    /// of turn are replies where `pushes` says so.
    fn answer(&mut self, plain: bool, pushes: bool) -> Result<Option<Frame>, Stop> {
        let frame = loop {
            let Some(link) = self.link.as_mut() else { return Err(Stop::Failed(Broken::Closed)) };
            match link.receive() {
                Ok(push @ Frame::Push(_)) if !pushes => self.push(&push),
                Ok(frame) => break frame,
                Err(_) if self.ending => {
                    self.link = None;
                    return Ok(None);
                }
                Err(broken) if self.interactive && broken.by_peer() => {
                    return Err(Stop::Failed(broken));
                }
                Err(broken) => {
                    eprintln!("Error: {}", broken.text());
                    return Err(Stop::Exit(1));
                }
            }
        };
        if let (Frame::Error(text), false, true) =
            (&frame, self.interactive, self.options.error_code)
        {
            let text = [text, &b"\n"[..]].concat();
            // Nothing is left to do when standard error is closed.
            let _ = io::stderr().write_all(&text);
            return Err(Stop::Exit(1));
        }
        let text = format::reply(&frame, &self.options, plain);
        self.print(&text);
        Ok(Some(frame))
    }

    fn push(&self, push: &Frame) {
        if !self.options.show_pushes {
            return;
        }
        let people = self.options.output == Output::Standard;
        let text = people.then(|| format::invalidation(push)).flatten();
        self.print(&text.unwrap_or_else(|| format::reply(push, &self.options, false)));
    }

    fn print(&self, text: &[u8]) {
        let mut out = io::stdout().lock();
        // A reader that went away ends the process by its signal.
        let _ = out.write_all(text).and_then(|()| out.flush());
    }
}

/// Commands whose reply is a page of text, shown as it is in every form.
fn answers_with_a_page(words: &[Vec<u8>]) -> bool {
    let pair = |first: &str, seconds: &[&str]| {
        is(words.first(), first) && seconds.iter().any(|second| is(words.get(1), second))
    };
    is(words.first(), "info")
        || is(words.first(), "lolwut")
        || pair("debug", &["htstats", "htstats-key"])
        || pair("memory", &["malloc-stats", "doctor"])
        || (words.len() == 2 && pair("cluster", &["nodes", "info"]))
        || pair("client", &["list", "info"])
        || (words.len() == 3 && pair("latency", &["graph"]))
        || (words.len() == 2 && pair("latency", &["doctor"]))
        || pair("proxy", &["info"])
}
