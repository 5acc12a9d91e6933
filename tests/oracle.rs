//! Random streams of commands against our server and against Debian's redis-server, reply by
//! reply. Both run over TCP; `redis-server` is looked up in PATH.
//!
//! `REDSTART_ORACLE_COMMANDS` sets how many commands each stream has, `REDSTART_ORACLE_SEED` what
//! they are. A difference is reported with the seed, the place and both replies. Where Redis 7.2
//! is known to differ from 7.0, the oracle does not ask (see `docs/TESTING.md`).

// Length and seed of the streams come from the environment.
#![allow(clippy::disallowed_methods)]

mod support;

/// Streams of one family each.
mod oracle_calls {
    pub mod bits;
    pub mod geo;
    pub mod hash;
    pub mod list;
    pub mod set;
    pub mod zset;
}

use std::process::Command;

use redstart::base::rng::Rng;
use support::frames::{Node, Value, encode, parse, show};
use support::server::{PATIENCE, Server};
use support::tcp::TcpLink;

const DEFAULT_COMMANDS: u64 = 20_000;
const DEFAULT_SEED: u64 = 7;
/// Requests sent in one go.
const BATCH: usize = 16;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    }
}

fn oracle() -> Server {
    let version = Command::new("redis-server").arg("--version").output();
    assert!(
        version.is_ok_and(|output| output.status.success()),
        "These tests need redis-server in PATH (Debian: apt-get install redis-server)."
    );
    Server::start_program::<&str>("redis-server", &[])
}

/// How replies to a request are compared.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Compare {
    Exact,
    /// An array in any order.
    Unordered,
    /// An integer that may have moved on with the clock by this much.
    Near(i64),
    /// Texts that are numbers may be written in different ways.
    Numbers,
    /// A random pick: the same kind of reply.
    Kind,
}

struct Call {
    args: Vec<Vec<u8>>,
    compare: Compare,
}

fn bytes(args: &[&[u8]]) -> Call {
    Call { args: args.iter().map(|arg| arg.to_vec()).collect(), compare: Compare::Exact }
}

fn call(args: &[&str]) -> Call {
    Call { args: Vec::new(), compare: Compare::Exact }.with(args)
}

impl Call {
    fn with(mut self, args: &[&str]) -> Call {
        self.args.extend(args.iter().map(|arg| arg.as_bytes().to_vec()));
        self
    }

    fn compared(mut self, compare: Compare) -> Call {
        self.compare = compare;
        self
    }
}

/// Makes calls: mostly sensible ones, over few keys, with odd values in between.
struct Stream {
    rng: Rng,
}

impl Stream {
    fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.rng.below(items.len() as u64) as usize]
    }

    fn key(&mut self) -> String {
        format!("key:{}", self.rng.below(12))
    }

    fn odd_integer(&mut self) -> &'static str {
        self.pick(&[
            "0",
            "1",
            "-1",
            "7",
            "100",
            "-100",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "4294967296",
            "00",
            "+1",
            "-0",
            " 1",
            "1 ",
            "1.0",
            "",
            "abc",
        ])
    }

    fn integer(&mut self) -> String {
        match self.rng.below(4) {
            0 => self.odd_integer().to_owned(),
            1 => (self.rng.next_u64() as i64).to_string(),
            _ => (self.rng.below(2000) as i64 - 1000).to_string(),
        }
    }

    fn float(&mut self) -> String {
        match self.rng.below(5) {
            0 => self
                .pick(&[
                    "inf", "-inf", "nan", "1e400", "0x10", "1e-5", "3.0e3", ".5", "5.", "", "x",
                ])
                .to_owned(),
            1 => self.integer(),
            2 => format!("{}", self.rng.below(1_000_000) as f64 / 1000.0),
            3 => format!("{:e}", self.rng.next_u64() as f64 / 1e12),
            _ => format!("{}", self.rng.next_u64() as f64 / 1e20 - 0.05),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.below(8) {
            0 => self.integer().into_bytes(),
            1 => self.float().into_bytes(),
            2 => Vec::new(),
            3 => {
                let len = self.rng.below(60);
                (0..len).map(|_| self.rng.next_u64() as u8).collect()
            }
            4 => vec![b'x'; [43, 44, 45, 100, 40_000][self.rng.below(5) as usize]],
            _ => {
                let len = self.rng.below(20);
                (0..len).map(|_| b"abcd"[self.rng.below(4) as usize]).collect()
            }
        }
    }

    /// A span that ends long after the stream, or before it begins.
    fn ttl(&mut self) -> &'static str {
        self.pick(&[
            "1000000",
            "5000000",
            "100000000",
            "-1",
            "0",
            "1.5",
            "x",
            "9223372036854775807",
            "-5",
        ])
    }

    fn maybe(&mut self, word: &'static str) -> Vec<&'static str> {
        if self.rng.below(3) == 0 { vec![word] } else { Vec::new() }
    }

    fn next(&mut self) -> Call {
        match self.rng.below(34) {
            0..=4 => self.string(),
            5 | 6 => self.expire(),
            7 | 8 => self.generic(),
            9..=12 => self.hash(),
            13..=16 => self.list(),
            17..=20 => self.set(),
            21..=23 => self.bits(),
            24 => self.hyperloglog(),
            25..=30 => self.zset(),
            31 | 32 => self.geo(),
            _ => self.wrong(),
        }
    }

    fn string(&mut self) -> Call {
        let (key, other, value) = (self.key(), self.key(), self.value());
        let (n, m) = (self.integer(), self.integer());
        let key = key.as_bytes();
        match self.rng.below(24) {
            0..=2 => bytes(&[b"SET", key, &value]),
            3 => self.set_options(key, &value),
            4 | 5 => bytes(&[b"GET", key]),
            6 => bytes(&[b"APPEND", key, &value]),
            7 => bytes(&[b"STRLEN", key]),
            8 => bytes(&[b"GETRANGE", key]).with(&[&n, &m]),
            9 => bytes(&[b"SUBSTR", key]).with(&[&n, &m]),
            10 => {
                let offset = self.pick(&["0", "1", "5", "50", "-1", "536870912", "x"]);
                bytes(&[b"SETRANGE", key, offset.as_bytes(), &value])
            }
            11 => bytes(&[self.pick(&["INCR", "DECR"]).as_bytes(), key]),
            12 => bytes(&[self.pick(&["INCRBY", "DECRBY"]).as_bytes(), key]).with(&[&n]),
            13 | 14 => {
                let by = self.float();
                bytes(&[b"INCRBYFLOAT", key]).with(&[&by])
            }
            15 => bytes(&[b"MSET", key, &value, other.as_bytes(), b"1"]),
            16 => bytes(&[b"MSETNX", key, &value, other.as_bytes(), b"2"]),
            17 => bytes(&[b"MGET", key, other.as_bytes(), b"none", key]),
            18 => bytes(&[self.pick(&["GETSET", "SETNX"]).as_bytes(), key, &value]),
            19 => bytes(&[b"GETDEL", key]),
            20 => {
                let ttl = self.ttl();
                let name = self.pick(&["SETEX", "PSETEX"]);
                bytes(&[name.as_bytes(), key, ttl.as_bytes(), &value])
            }
            21 => {
                let options: &[&str] = self.pick(&[
                    &[][..],
                    &["PERSIST"],
                    &["EX", "100000"],
                    &["PX", "100000000"],
                    &["EXAT", "x"],
                ]);
                bytes(&[b"GETEX", key]).with(options)
            }
            22 => {
                let options: &[&str] = self.pick(&[
                    &[][..],
                    &["LEN"],
                    &["IDX"],
                    &["IDX", "MINMATCHLEN", "2", "WITHMATCHLEN"],
                    &["LEN", "IDX"],
                ]);
                bytes(&[b"LCS", key, other.as_bytes()]).with(options)
            }
            _ => bytes(&[b"OBJECT", b"ENCODING", key]),
        }
    }

    fn set_options(&mut self, key: &[u8], value: &[u8]) -> Call {
        let mut words: Vec<&str> = Vec::new();
        words.extend(self.maybe("NX"));
        words.extend(self.maybe("XX"));
        words.extend(self.maybe("GET"));
        words.extend(self.maybe("KEEPTTL"));
        if self.rng.below(2) == 0 {
            words.push(self.pick(&["EX", "PX", "ex", "Px"]));
            words.push(self.ttl());
        }
        bytes(&[b"SET", key, value]).with(&words)
    }

    fn expire(&mut self) -> Call {
        let key = self.key();
        let key = key.as_bytes();
        match self.rng.below(8) {
            0..=2 => {
                let name = self.pick(&["EXPIRE", "PEXPIRE"]);
                let ttl = self.ttl();
                let option = self.pick(&["", "NX", "XX", "GT", "LT", "BAD"]);
                let words = [ttl, option];
                let words = if option.is_empty() { &words[..1] } else { &words[..] };
                bytes(&[name.as_bytes(), key]).with(words)
            }
            3 => {
                let at = self.pick(&["1", "0", "-1", "99999999999", "x", "9223372036854775807"]);
                bytes(&[self.pick(&["EXPIREAT", "PEXPIREAT"]).as_bytes(), key]).with(&[at])
            }
            4 => bytes(&[b"TTL", key]).compared(Compare::Near(60)),
            5 => bytes(&[b"PTTL", key]).compared(Compare::Near(60_000)),
            6 => {
                let near = self.rng.below(2) == 0;
                let (name, slack) = if near { ("EXPIRETIME", 60) } else { ("PEXPIRETIME", 60_000) };
                bytes(&[name.as_bytes(), key]).compared(Compare::Near(slack))
            }
            _ => bytes(&[b"PERSIST", key]),
        }
    }

    fn generic(&mut self) -> Call {
        let (key, other) = (self.key(), self.key());
        let db = self.pick(&["0", "1", "2", "16", "-1", "x"]);
        match self.rng.below(18) {
            0 => call(&["DEL", &key, &other]),
            1 => call(&["UNLINK", &key]),
            2 => call(&["EXISTS", &key, &other, &key]),
            3 => call(&["TYPE", &key]),
            4 => call(&["RENAME", &key, &other]),
            5 => call(&["RENAMENX", &key, &other]),
            6 => {
                let replace = self.maybe("REPLACE");
                call(&["COPY", &key, &other]).with(&replace)
            }
            7 => {
                let replace = self.maybe("REPLACE");
                call(&["COPY", &key, &key, "DB", db]).with(&replace)
            }
            8 => call(&["MOVE", &key, db]),
            9 => call(&["TOUCH", &key, &other]),
            10 => call(&["DBSIZE"]),
            11 => call(&["RANDOMKEY"]).compared(Compare::Kind),
            12 => {
                let pattern =
                    self.pick(&["*", "key:?", "key:1*", "key:[0-5]", "key:[^0-5]", "\\*"]);
                call(&["KEYS", pattern]).compared(Compare::Unordered)
            }
            13 => call(&["SELECT", self.pick(&["0", "0", "0", "1", "2", db])]),
            14 if self.rng.below(4) == 0 => {
                call(&["SWAPDB", self.pick(&["0", "1"]), self.pick(&["1", "2", "x"])])
            }
            15 if self.rng.below(10) == 0 => {
                call(&[self.pick(&["FLUSHDB", "FLUSHALL"]), self.pick(&["ASYNC", "SYNC", "BAD"])])
            }
            16 => call(&["OBJECT", "REFCOUNT", &key]).compared(Compare::Kind),
            _ => call(&["ECHO", &key]),
        }
    }

    /// Calls with too few or too many words.
    fn wrong(&mut self) -> Call {
        let mut call = match self.rng.below(10) {
            0 => self.string(),
            1 => self.expire(),
            2 => self.hash(),
            3 => self.list(),
            4 => self.set(),
            5 => self.bits(),
            6 => self.hyperloglog(),
            7 => self.zset(),
            8 => self.geo(),
            _ => self.generic(),
        };
        if self.rng.below(2) == 0 && call.args.len() > 1 {
            call.args.pop();
        } else {
            call.args.push(b"extra".to_vec());
        }
        // What random words do to a picture of the clock is compared by kind alone.
        if call.compare == Compare::Exact && !is_wild(&call) { call } else { self.string() }
    }
}

/// Whether a word more or less can make it empty the server or pick at random.
fn is_wild(call: &Call) -> bool {
    let wild = |name: &Vec<u8>| {
        let random: [&[u8]; 4] = [b"HRANDFIELD", b"SRANDMEMBER", b"SPOP", b"ZRANDMEMBER"];
        name.starts_with(b"FLUSH") || random.contains(&name.as_slice())
    };
    call.args.first().is_some_and(wild)
}

fn same(compare: Compare, ours: &[u8], theirs: &[u8]) -> bool {
    if ours == theirs {
        return true;
    }
    let (Ok((a, _)), Ok((b, _))) = (parse(ours), parse(theirs)) else { return false };
    match compare {
        Compare::Exact => false,
        Compare::Kind => a.kind == b.kind,
        Compare::Numbers => same_numbers(&a, &b),
        Compare::Near(slack) => match (&a.value, &b.value) {
            // Negative ones are not times.
            (Value::Int(x), Value::Int(y)) => {
                *x >= 0 && *y >= 0 && x.abs_diff(*y) <= slack.unsigned_abs()
            }
            _ => false,
        },
        Compare::Unordered => {
            let sorted = |node: &Node| {
                let mut items: Vec<Node> = node.list()?.to_vec();
                items.sort();
                Some(items)
            };
            a.kind == b.kind && sorted(&a).is_some() && sorted(&a) == sorted(&b)
        }
    }
}

/// The same but for the texts of numbers: 7.0 prints scores with 17 digits.
fn same_numbers(a: &Node, b: &Node) -> bool {
    let number = |node: &Node| String::from_utf8(node.text()).ok()?.parse::<f64>().ok();
    match (a.list(), b.list()) {
        (Some(a), Some(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_numbers(a, b))
        }
        (None, None) => a == b || a.kind == b.kind && number(a).is_some() && number(a) == number(b),
        _ => false,
    }
}

struct Pair {
    ours: TcpLink,
    theirs: TcpLink,
}

impl Pair {
    fn replies(&mut self, calls: &[Call]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let request: Vec<u8> = calls.iter().flat_map(|call| encode(&call.args)).collect();
        for link in [&mut self.ours, &mut self.theirs] {
            link.send(&request, PATIENCE).expect("the server reads");
        }
        calls
            .iter()
            .map(|call| {
                let shown = encode(&call.args);
                let ours = self.ours.frame(PATIENCE);
                let ours = ours.unwrap_or_else(|why| panic!("ours: {}: {why:?}", show(&shown)));
                let theirs = self.theirs.frame(PATIENCE);
                (ours, theirs.unwrap_or_else(|why| panic!("theirs: {}: {why:?}", show(&shown))))
            })
            .collect()
    }
}

#[test]
fn random_streams_are_answered_alike() {
    let (theirs, ours) = (oracle(), Server::start(oracle_calls::set::OURS));
    let connect = |server: &Server| TcpLink::connect(server.addr()).expect("the server accepts");
    let mut pair = Pair { ours: connect(&ours), theirs: connect(&theirs) };
    let seed = setting("REDSTART_ORACLE_SEED", DEFAULT_SEED);
    let commands = setting("REDSTART_ORACLE_COMMANDS", DEFAULT_COMMANDS) as usize;
    let mut stream = Stream { rng: Rng::seeded(seed) };
    let mut history: Vec<String> = Vec::new();
    let setup = [
        oracle_calls::hash::SETUP,
        oracle_calls::list::SETUP,
        oracle_calls::set::SETUP,
        oracle_calls::zset::SETUP,
    ]
    .map(call);
    for (ours, theirs) in pair.replies(&setup) {
        assert_eq!((&ours[..], &theirs[..]), (&b"+OK\r\n"[..], &b"+OK\r\n"[..]));
    }
    for at in (0..commands).step_by(BATCH) {
        let calls: Vec<Call> = (0..BATCH).map(|_| stream.next()).collect();
        for (call, (ours, theirs)) in calls.iter().zip(pair.replies(&calls)) {
            let words: Vec<String> =
                call.args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
            history.push(words.join(" "));
            assert!(
                same(call.compare, &ours, &theirs),
                "seed {seed}, batch at {at}:\n  {}\n  ours   {}\n  theirs {}\nbefore it:\n  {}",
                words.join(" "),
                show(&ours),
                show(&theirs),
                history[history.len().saturating_sub(20)..].join("\n  ")
            );
        }
    }
    same_contents(&mut pair);
}

/// At the end both hold the same keys, values and (about) deadlines in every database.
fn same_contents(pair: &mut Pair) {
    for db in 0..3 {
        let keys = pair.replies(&[call(&["SELECT", &db.to_string()]), call(&["KEYS", "*"])]);
        let (ours, theirs) = &keys[1];
        assert!(same(Compare::Unordered, ours, theirs), "database {db} holds other keys");
        let (node, _) = parse(ours).expect("a list of keys");
        for key in node.list().unwrap_or_default() {
            let calls = [
                bytes(&[b"GET".as_slice(), &key.text()]),
                bytes(&[b"PTTL".as_slice(), &key.text()]).compared(Compare::Near(60_000)),
                oracle_calls::hash::contents(&key.text()),
                oracle_calls::zset::contents(&key.text()),
                oracle_calls::list::contents(&key.text()),
                oracle_calls::set::contents(&key.text()),
            ];
            for (call, (ours, theirs)) in calls.iter().zip(pair.replies(&calls)) {
                let equal = same(call.compare, &ours, &theirs);
                assert!(
                    equal,
                    "{call}: {} / {}",
                    show(&ours),
                    show(&theirs),
                    call = show(&key.text())
                );
            }
        }
    }
}
