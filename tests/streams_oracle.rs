//! Random stream commands against our server and against Debian's redis-server, reply by reply.
//! Both run over TCP; `redis-server` is looked up in PATH.
//!
//! `REDSTART_ORACLE_COMMANDS` sets how many commands there are, `REDSTART_ORACLE_SEED` which.
//! Consumers are always made before they read: 7.0 makes them at other moments than 7.2. Times
//! and what Redis tells of its radix tree are left out.

// Length and seed come from the environment.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::base::rng::Rng;
use support::frames::{Node, Value, encode, parse, show};
use support::server::{PATIENCE, Server};
use support::tcp::TcpLink;

const DEFAULT_COMMANDS: u64 = 8_000;
const DEFAULT_SEED: u64 = 3;

/// Fields that tell times, or of the radix tree.
const HIDDEN: &[&str] =
    &["radix-tree-keys", "radix-tree-nodes", "idle", "inactive", "seen-time", "active-time"];
/// Integers from here on are times.
const TIMES: i64 = 1_000_000_000_000;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    }
}

/// A reply without what may differ.
fn comparable(node: &Node, row_of_pending: bool) -> String {
    let Value::List(items) = &node.value else {
        return match node.value {
            Value::Int(n) if n >= TIMES => "time".to_owned(),
            _ => format!("{}{}", node.kind as char, String::from_utf8_lossy(&node.text())),
        };
    };
    let mut words = Vec::new();
    let mut skip = false;
    for (i, item) in items.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        skip = item.kind == b'$' && HIDDEN.iter().any(|field| item.text() == field.as_bytes());
        // The third word of a pending entry is how long it waits.
        let idle = row_of_pending && i == 2 && items.len() == 4 && item.kind == b':';
        if !skip && !idle {
            words.push(comparable(item, row_of_pending));
        }
    }
    format!("[{}]", words.join(" "))
}

struct Caller {
    rng: Rng,
    top: u64,
}

impl Caller {
    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.rng.below(items.len() as u64) as usize]
    }

    fn key(&mut self) -> &'static str {
        self.pick(&["s", "s", "t", "missing", "string"])
    }

    fn group(&mut self) -> &'static str {
        self.pick(&["g", "g", "h", "nobody"])
    }

    fn consumer(&mut self) -> &'static str {
        self.pick(&["a", "b", "c"])
    }

    fn id(&mut self) -> String {
        match self.rng.below(12) {
            0 => self.pick(&["-", "+", "$", ">", "x", "1-", "0", "0-0", "1-*"]).to_owned(),
            1 => "18446744073709551615-18446744073709551615".to_owned(),
            2 => self.rng.below(self.top + 2).to_string(),
            _ => {
                let near = self.top.saturating_sub(self.rng.below(25));
                format!("{near}-{}", self.rng.below(3))
            }
        }
    }

    fn bound(&mut self) -> String {
        match self.rng.below(5) {
            0 => "-".to_owned(),
            1 => "+".to_owned(),
            2 => format!("({}", self.id()),
            _ => self.id(),
        }
    }

    fn trimming(&mut self) -> String {
        let how = self.pick(&["", "= ", "~ ", "~ "]);
        let limit = if self.rng.below(4) == 0 {
            format!(" LIMIT {}", self.rng.below(12))
        } else {
            String::new()
        };
        match self.rng.below(2) {
            0 => format!("MAXLEN {how}{}{limit}", self.rng.below(40)),
            _ => format!("MINID {how}{}{limit}", self.id()),
        }
    }

    fn next(&mut self) -> Vec<String> {
        let (key, group) = (self.key(), self.group());
        let call = match self.rng.below(24) {
            0..8 => self.add(key),
            8 => format!("XTRIM {key} {}", self.trimming()),
            9 | 10 => format!("XDEL {key} {} {} {}", self.id(), self.id(), self.id()),
            11 => {
                let count = self.pick(&["", " COUNT 0", " COUNT 3", " COUNT -1"]);
                let name = self.pick(&["XRANGE", "XREVRANGE"]);
                format!("{name} {key} {} {}{count}", self.bound(), self.bound())
            }
            12 => format!("XREAD COUNT 5 STREAMS {key} t {} {}", self.id(), self.id()),
            13 => return self.change_group(key, group),
            14..17 => self.read_group(key, group),
            17 => format!("XACK {key} {group} {} {}", self.id(), self.id()),
            18 => match self.rng.below(2) {
                0 => format!("XPENDING {key} {group}"),
                _ => {
                    let (start, end) = (self.bound(), self.bound());
                    let consumer = self.pick(&["", " a", " z"]);
                    format!("XPENDING {key} {group} {start} {end} 7{consumer}")
                }
            },
            19 => self.claim(key, group),
            20 => {
                let more = self.pick(&["", " COUNT 2", " JUSTID", " COUNT 3 JUSTID"]);
                let (start, consumer) = (self.bound(), self.consumer());
                let idle = self.pick(&["0", "9999999"]);
                format!("XAUTOCLAIM {key} {group} {consumer} {idle} {start}{more}")
            }
            21 => match self.rng.below(4) {
                0 => format!("XINFO STREAM {key}"),
                1 => format!("XINFO STREAM {key} FULL COUNT {}", self.rng.below(6)),
                2 => format!("XINFO GROUPS {key}"),
                _ => format!("XINFO CONSUMERS {key} {group}"),
            },
            22 => format!("XLEN {key}"),
            _ if self.rng.below(30) == 0 => "DEL t".to_owned(),
            _ => format!("XINFO GROUPS {key}"),
        };
        vec![call]
    }

    fn add(&mut self, key: &str) -> String {
        let trimming = match self.rng.below(6) {
            0 => format!("{} ", self.trimming()),
            1 => "NOMKSTREAM ".to_owned(),
            _ => String::new(),
        };
        self.top += self.rng.below(2);
        let id = match self.rng.below(8) {
            0 => self.id(),
            1 | 2 => format!("{}-*", self.top),
            _ => {
                self.top += 1;
                format!("{}-{}", self.top, self.rng.below(2))
            }
        };
        // The greatest id of all would end the story.
        let id = if id.len() > 30 { "5-5".to_owned() } else { id };
        let fields = self.pick(&["f 1", "f 22", "f x g y", "g y f x", "f", "f -70000", "7 7"]);
        format!("XADD {key} {trimming}{id} {fields}")
    }

    fn change_group(&mut self, key: &str, group: &str) -> Vec<String> {
        let made = |group: &str| {
            ["a", "b", "c"].map(|name| format!("XGROUP CREATECONSUMER {key} {group} {name}"))
        };
        match self.rng.below(6) {
            0..3 => {
                let read = self.pick(&["", " ENTRIESREAD 3", " MKSTREAM"]);
                let create = format!("XGROUP CREATE {key} {group} {}{read}", self.id());
                [create].into_iter().chain(made(group)).collect()
            }
            3 => {
                let read = self.pick(&["", " ENTRIESREAD 5", " ENTRIESREAD -1", " MORE"]);
                vec![format!("XGROUP SETID {key} {group} {}{read}", self.id())]
            }
            4 => {
                let consumer = self.consumer();
                let delete = format!("XGROUP DELCONSUMER {key} {group} {consumer}");
                [delete].into_iter().chain(made(group)).collect()
            }
            _ if self.rng.below(4) == 0 => vec![format!("XGROUP DESTROY {key} {group}")],
            _ => made(group).to_vec(),
        }
    }

    fn read_group(&mut self, key: &str, group: &str) -> String {
        let noack = self.pick(&["", "", " NOACK"]);
        let count = 1 + self.rng.below(4);
        let id = if self.rng.below(3) == 0 { self.id() } else { ">".to_owned() };
        let consumer = self.consumer();
        format!("XREADGROUP GROUP {group} {consumer} COUNT {count}{noack} STREAMS {key} {id}")
    }

    fn claim(&mut self, key: &str, group: &str) -> String {
        let options = [
            "",
            " FORCE",
            " JUSTID",
            " RETRYCOUNT 4",
            " FORCE JUSTID",
            " IDLE 5",
            " TIME 77",
            " FORCE LASTID 30-1",
        ];
        let (ids, options) = (format!("{} {}", self.id(), self.id()), self.pick(&options));
        let idle = self.pick(&["0", "0", "9999999"]);
        let consumer = self.consumer();
        format!("XCLAIM {key} {group} {consumer} {idle} {ids}{options}")
    }
}

fn answer(link: &mut TcpLink, words: &[&str]) -> Node {
    link.send(&encode(words), PATIENCE).expect("the server reads");
    let frame = link.frame(PATIENCE).expect("the server answers");
    parse(&frame).unwrap_or_else(|why| panic!("{}: {why}", show(&frame))).0
}

#[test]
fn random_stream_commands_are_answered_alike() {
    let ours = Server::start::<&str>(&[]);
    let theirs = Server::start_program::<&str>("redis-server", &[]);
    let connect = |server: &Server| TcpLink::connect(server.addr()).expect("the server accepts");
    let (mut ours, mut theirs) = (connect(&ours), connect(&theirs));
    let seed = setting("REDSTART_ORACLE_SEED", DEFAULT_SEED);
    let mut caller = Caller { rng: Rng::seeded(seed), top: 5 };
    let mut history = vec![
        "CONFIG SET stream-node-max-entries 5".to_owned(),
        "CONFIG SET stream-node-max-bytes 150".to_owned(),
        "SET string x".to_owned(),
    ];
    let mut at = 0;
    while at < setting("REDSTART_ORACLE_COMMANDS", DEFAULT_COMMANDS) as usize {
        while history.len() <= at {
            history.extend(caller.next());
        }
        let words: Vec<&str> = history[at].split(' ').collect();
        let pending = words[0] == "XPENDING";
        let (a, b) = (answer(&mut ours, &words), answer(&mut theirs, &words));
        let (a, b) = (comparable(&a, pending), comparable(&b, pending));
        assert!(
            a == b,
            "seed {seed}, call {at}: {}\n  ours   {a}\n  theirs {b}\nbefore it:\n  {}",
            history[at],
            history[at.saturating_sub(25)..at].join("\n  ")
        );
        at += 1;
    }
}
