//! Plays one scenario against a fresh server and collects where it differs.

// Transcripts hold real pauses and measured times.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::judge::{Vars, judge};
use super::script::{Action, Arg, Expect, Matcher, Scenario, Step};
use crate::support::frames::{Node, encode, parse_all, show};
use crate::support::server::Server;
use crate::support::tcp::{Failure, TcpLink};

/// How long one reply may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a server gets to act on what was sent before silence counts as silence.
const PAUSE: Duration = Duration::from_millis(15);

/// An iteration that takes more rounds than this never ends.
const MAX_SCAN_ROUNDS: usize = 20_000;

/// One difference: where, what was asked, and both sides.
#[derive(Clone, Debug)]
pub struct Fault {
    pub step: usize,
    pub conn: usize,
    pub request: String,
    pub why: String,
    pub expected: String,
    pub got: String,
}

/// What a step found wrong: why, expected, got.
struct Difference {
    why: String,
    expected: String,
    got: String,
}

/// A step ends well, or with a difference after which the scenario goes on, or breaks off.
enum Trouble {
    Differs(Difference),
    Broken(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Broken(failure)
    }
}

fn differs(
    why: impl Into<String>,
    expected: impl Into<String>,
    got: impl Into<String>,
) -> Result<(), Trouble> {
    Err(Trouble::Differs(Difference {
        why: why.into(),
        expected: expected.into(),
        got: got.into(),
    }))
}

/// Plays the scenario; an empty list means that everything came as recorded.
pub fn run(scenario: &Scenario) -> Vec<Fault> {
    let server = Server::start::<&str>(&[]);
    let mut player = Player {
        scenario,
        admin: TcpLink::connect(server.addr()).expect("a server that is ready accepts"),
        server: &server,
        conns: BTreeMap::new(),
        vars: Vars::new(),
    };
    player.configure();
    player.play()
}

struct Player<'a> {
    scenario: &'a Scenario,
    server: &'a Server,
    admin: TcpLink,
    conns: BTreeMap<usize, TcpLink>,
    vars: Vars,
}

impl Player<'_> {
    fn configure(&mut self) {
        for (name, value) in &self.scenario.config {
            self.admin_does(&["CONFIG", "SET", name, value]);
        }
        if !self.scenario.config.is_empty() {
            self.admin_does(&["CONFIG", "RESETSTAT"]);
        }
    }

    /// The administrator's replies do not matter, only that the server had its turn.
    fn admin_does(&mut self, args: &[&str]) {
        let sent = self.admin.send(&encode(args), PATIENCE);
        if sent.and_then(|()| self.admin.frame(PATIENCE)).is_err() {
            if let Ok(again) = TcpLink::connect(self.server.addr()) {
                self.admin = again;
            }
        }
    }

    fn play(&mut self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let opened = (0..self.scenario.conns).try_for_each(|conn| self.open(conn).map(drop));
        if let Err(failure) = opened {
            faults.push(self.fault(0, Trouble::Broken(failure)));
            return faults;
        }
        for (at, step) in self.scenario.steps.iter().enumerate() {
            match self.step(step) {
                Ok(()) => {}
                Err(differs @ Trouble::Differs(_)) => faults.push(self.fault(at, differs)),
                Err(broken) => {
                    faults.push(self.fault(at, broken));
                    return faults;
                }
            }
        }
        self.settle(Duration::from_millis(1));
        let last = self.scenario.steps.len() - 1;
        let extra: Vec<Vec<u8>> = self
            .conns
            .values_mut()
            .filter_map(|link| (!link.is_idle()).then(|| link.take_pending()))
            .collect();
        for bytes in extra {
            let trouble = differs("bytes nobody asked for", "", show(&bytes));
            faults.extend(trouble.err().map(|t| self.fault(last, t)));
        }
        faults
    }

    fn fault(&self, at: usize, trouble: Trouble) -> Fault {
        let step = &self.scenario.steps[at];
        let (why, expected, got) = match trouble {
            Trouble::Differs(d) => (d.why, d.expected, d.got),
            Trouble::Broken(Failure::Closed) => {
                ("closed by the server".into(), expected(&step.expect), "-".into())
            }
            Trouble::Broken(Failure::Late) => {
                ("no reply in time".into(), expected(&step.expect), "-".into())
            }
            Trouble::Broken(Failure::Malformed(what)) => {
                ("not RESP".into(), expected(&step.expect), what)
            }
        };
        Fault { step: at, conn: step.conn, request: request(&step.action), why, expected, got }
    }

    /// The connection of that number, opened when it is first used.
    fn open(&mut self, conn: usize) -> Result<&mut TcpLink, Failure> {
        if let std::collections::btree_map::Entry::Vacant(free) = self.conns.entry(conn) {
            let mut link = TcpLink::connect(self.server.addr())?;
            if self.scenario.proto == 3 {
                link.send(&encode(&["HELLO", "3"]), PATIENCE)?;
                let hello = link.frame(PATIENCE)?;
                if !hello.starts_with(b"%") {
                    return Err(Failure::Malformed(format!("HELLO 3: {}", show(&hello))));
                }
            }
            free.insert(link);
        }
        Ok(self.conns.get_mut(&conn).expect("it was opened just now"))
    }

    /// Gives the server the time to act on what was sent to it.
    fn settle(&mut self, pause: Duration) {
        std::thread::sleep(pause);
        if !self.scenario.nosync {
            self.admin_does(&["PING"]);
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), Trouble> {
        match &step.action {
            Action::SleepMs(ms) => {
                std::thread::sleep(Duration::from_millis(*ms));
                return Ok(());
            }
            Action::Close => {
                if self.conns.remove(&step.conn).is_some() {
                    self.settle(PAUSE);
                }
                return Ok(());
            }
            _ => {}
        }
        self.open(step.conn)?;
        match &step.action {
            Action::Quiet(ms) => self.quiet(step.conn, Duration::from_millis(*ms)),
            Action::Scan { args, width, elements } => self.scan(step.conn, args, *width, elements),
            _ => self.exchange(step),
        }
    }

    fn quiet(&mut self, conn: usize, span: Duration) -> Result<(), Trouble> {
        self.settle(span);
        let link = self.open(conn)?;
        if link.is_idle() {
            return Ok(());
        }
        differs("expected silence", "", show(link.pending()))
    }

    fn exchange(&mut self, step: &Step) -> Result<(), Trouble> {
        let expect = &step.expect;
        let began = Instant::now();
        self.send(step)?;
        if expect.block {
            self.settle(PAUSE);
            let link = self.open(step.conn)?;
            if link.is_idle() {
                return Ok(());
            }
            return differs("expected it to block", "(blocks)", show(link.pending()));
        }
        let patience = match expect.took_ms {
            Some((_, most)) => PATIENCE.max(Duration::from_millis(most)),
            None => PATIENCE,
        };
        let mut raw = Vec::new();
        for _ in 0..expect.frames {
            raw.extend(self.open(step.conn)?.frame(patience)?);
        }
        let took_ms = began.elapsed().as_millis() as u64;
        if expect.closed {
            self.must_close(step, &raw)?;
        }
        self.keep(expect, &raw)?;
        if expect.frames > 0 || expect.closed {
            if let Err(why) = judge(expect, &raw, &self.vars) {
                return differs(why, expected(expect), show(&raw));
            }
        }
        match expect.took_ms {
            Some((low, high)) if !(low..=high).contains(&took_ms) => {
                differs("time", format!("{low} to {high} ms"), format!("{took_ms} ms"))
            }
            _ => Ok(()),
        }
    }

    fn send(&mut self, step: &Step) -> Result<(), Trouble> {
        match &step.action {
            Action::Send(args) => {
                let args = args.iter().map(|a| self.bytes(a)).collect::<Result<Vec<_>, _>>()?;
                self.open(step.conn)?.send(&encode(&args), PATIENCE)?;
            }
            Action::Raw(pieces) => {
                for (at, piece) in pieces.iter().enumerate() {
                    if at > 0 {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    let bytes = self.bytes(piece)?;
                    // The server may have had enough; its last words count.
                    if self.open(step.conn)?.send(&bytes, PATIENCE) == Err(Failure::Closed) {
                        break;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn must_close(&mut self, step: &Step, raw: &[u8]) -> Result<(), Trouble> {
        let wanted = expected(&step.expect);
        match self.open(step.conn)?.until_closed(PATIENCE) {
            None => differs("the connection stayed open", wanted, show(raw)),
            Some(rest) => {
                self.conns.remove(&step.conn);
                if rest.is_empty() {
                    return Ok(());
                }
                let all = [raw, &rest].concat();
                differs("more than expected before the end", wanted, show(&all))
            }
        }
    }

    fn keep(&mut self, expect: &Expect, raw: &[u8]) -> Result<(), Trouble> {
        for (name, path) in &expect.save {
            let frames = parse_all(raw).unwrap_or_default();
            match frames.first().and_then(|frame| pick(frame, path)) {
                Some(part) => drop(self.vars.insert(name.clone(), part.text())),
                None => {
                    let why = format!("nothing to keep at {path:?}");
                    return differs(why, expected(expect), show(raw));
                }
            }
        }
        Ok(())
    }

    fn scan(
        &mut self,
        conn: usize,
        args: &[Option<Arg>],
        width: usize,
        elements: &[Vec<Vec<u8>>],
    ) -> Result<(), Trouble> {
        let mut cursor = b"0".to_vec();
        let mut seen: Vec<Vec<Vec<u8>>> = Vec::new();
        for _ in 0..MAX_SCAN_ROUNDS {
            let words = args
                .iter()
                .map(|arg| arg.as_ref().map_or(Ok(cursor.clone()), |a| self.bytes(a)))
                .collect::<Result<Vec<_>, _>>()?;
            let link = self.open(conn)?;
            link.send(&encode(&words), PATIENCE)?;
            let raw = link.frame(PATIENCE)?;
            let Some((next, found)) = scan_reply(&raw) else {
                return differs("not a scan reply", "a cursor and an array", show(&raw));
            };
            seen.extend(found.chunks(width).map(<[_]>::to_vec));
            cursor = next;
            if cursor == b"0" {
                seen.sort();
                seen.dedup();
                if seen == elements {
                    return Ok(());
                }
                return differs("not the same elements", text_of(elements), text_of(&seen));
            }
        }
        differs("never ends", "a cursor of 0", format!("{MAX_SCAN_ROUNDS} rounds"))
    }

    fn bytes(&self, arg: &Arg) -> Result<Vec<u8>, Trouble> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        Ok(match arg {
            Arg::Bytes(bytes) => bytes.clone(),
            Arg::NowSeconds(offset) => (now.as_secs() as i64 + offset).to_string().into_bytes(),
            Arg::NowMs(offset) => (now.as_millis() as i64 + offset).to_string().into_bytes(),
            Arg::Var(name) => match self.vars.get(name) {
                Some(value) => value.clone(),
                None => {
                    differs(format!("variable {name} was never set"), "", "")?;
                    Vec::new()
                }
            },
        })
    }
}

fn pick<'a>(frame: &'a Node, path: &str) -> Option<&'a Node> {
    path.split('.')
        .filter(|step| !step.is_empty())
        .try_fold(frame, |node, step| node.list()?.get(step.parse::<usize>().ok()?))
}

/// The cursor and the elements of one round.
fn scan_reply(raw: &[u8]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let frames = parse_all(raw).ok()?;
    let [frame] = frames.as_slice() else { return None };
    let [cursor, found] = frame.list()? else { return None };
    Some((cursor.text(), found.list()?.iter().map(Node::text).collect()))
}

fn text_of(groups: &[Vec<Vec<u8>>]) -> String {
    let groups: Vec<String> = groups
        .iter()
        .map(|group| group.iter().map(|item| show(item)).collect::<Vec<_>>().join(" "))
        .collect();
    groups.join(", ")
}

fn expected(expect: &Expect) -> String {
    match &expect.matcher {
        Matcher::Exact => show(&expect.reply),
        other if expect.reply.is_empty() => format!("{other:?}"),
        other => format!("{other:?} {}", show(&expect.reply)),
    }
}

fn request(action: &Action) -> String {
    let words = |args: &[Arg]| {
        let words: Vec<String> = args
            .iter()
            .map(|arg| match arg {
                Arg::Bytes(bytes) => bytes.escape_ascii().to_string(),
                other => format!("<{other:?}>"),
            })
            .collect();
        words.join(" ")
    };
    match action {
        Action::Send(args) => words(args),
        Action::Raw(pieces) => format!("raw {}", words(pieces)),
        Action::Scan { args, .. } => {
            let args: Vec<Arg> = args
                .iter()
                .map(|arg| arg.clone().unwrap_or_else(|| Arg::Bytes(b"{cursor}".to_vec())))
                .collect();
            format!("scan {}", words(&args))
        }
        other => format!("{other:?}"),
    }
}
