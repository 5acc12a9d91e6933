//! What servers held, as JSON, against what an engine in this process holds.

use redstart::engine::Engine;
use redstart::env::sim::Sim;
use serde_json::{Map, Value as Json, json};

use super::frames::{Node, encode, parse, show};
use super::local::Inner;

/// Bytes as characters of Latin-1.
pub fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Characters of Latin-1 as bytes.
pub fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).expect("a character of Latin-1")).collect()
}

fn as_json(node: &Node) -> Json {
    match (node.list(), node.kind) {
        (Some(items), _) => items.iter().map(as_json).collect(),
        (None, b':') => json!(latin(&node.text()).parse::<i64>().expect("an integer")),
        (None, _) => json!(latin(&node.text())),
    }
}

/// A server in this process, and one connection to it.
pub struct Session {
    pub inner: Inner,
    pub id: redstart::engine::client::ClientId,
}

impl Session {
    pub fn new(options: &[&str]) -> Session {
        let mut inner = Inner::new(options, 1);
        let id = inner.connect();
        Session { inner, id }
    }

    /// One in a world that others have left their files in.
    pub fn in_world(options: &[&str], sim: &Sim) -> Session {
        let mut inner = Inner::in_world(options, sim.clone());
        let id = inner.connect();
        Session { inner, id }
    }

    /// One that finds this snapshot when it starts.
    pub fn of_file(bytes: &[u8]) -> Session {
        let mut session = Session::new(&[]);
        session.inner.sim.put_file("dump.rdb", bytes);
        session.engine().load_at_start().expect("the file is sound");
        session.engine().check();
        session
    }

    /// One that finds these files when it starts with a log.
    pub fn of_log(options: &[&str], files: &[(&str, &[u8])]) -> Session {
        let mut session = Session::new(&[&["--appendonly", "yes"], options].concat());
        for (name, bytes) in files {
            session.inner.sim.put_file(name, *bytes);
        }
        session.engine().load_at_start().expect("the log is sound");
        session.engine().check();
        session
    }

    pub fn engine(&mut self) -> &mut Engine {
        &mut self.inner.engine
    }

    /// Puts a request into the client's buffer, to be run in the next pass.
    pub fn send(&mut self, words: &[&str]) {
        let (id, text) = (self.id, encode(words));
        let buffer = self.engine().buffer(id).expect("it is connected");
        buffer.space()[..text.len()].copy_from_slice(&text);
        self.engine().arrived(id, text.len());
    }

    pub fn ask<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Json {
        self.inner.feed(self.id, &encode(words));
        let reply = self.inner.take_output(self.id);
        let (node, len) = parse(&reply).unwrap_or_else(|e| panic!("{e}: {}", show(&reply)));
        assert_eq!(len, reply.len(), "one reply: {}", show(&reply));
        as_json(&node)
    }

    pub fn ask_key(&mut self, before: &[&str], key: &[u8], after: &[&str]) -> Json {
        let mut words: Vec<&[u8]> = before.iter().map(|word| word.as_bytes()).collect();
        words.push(key);
        words.extend(after.iter().map(|word| word.as_bytes()));
        self.ask(&words)
    }

    /// What a key holds, in the form of the expectations.
    pub fn value(&mut self, kind: &str, key: &[u8]) -> Json {
        match kind {
            "string" => self.ask_key(&["GET"], key, &[]),
            "list" => self.ask_key(&["LRANGE"], key, &["0", "-1"]),
            "set" => {
                let mut members = words(&self.ask_key(&["SMEMBERS"], key, &[]));
                members.sort();
                json!(members)
            }
            "hash" => {
                let words = words(&self.ask_key(&["HGETALL"], key, &[]));
                let pairs = words.chunks(2).map(|pair| (pair[0].clone(), json!(pair[1])));
                Json::Object(pairs.collect())
            }
            "zset" => {
                let words = words(&self.ask_key(&["ZRANGE"], key, &["0", "-1", "WITHSCORES"]));
                words.chunks(2).map(|pair| json!([pair[0], pair[1]])).collect()
            }
            "stream" => self.stream(key),
            other => panic!("a value of type {other}"),
        }
    }

    fn stream(&mut self, key: &[u8]) -> Json {
        let entries = self.ask_key(&["XRANGE"], key, &["-", "+"]);
        let groups = self.ask_key(&["XINFO", "GROUPS"], key, &[]);
        let field = |row: &Json, name: &str| {
            let row = row.as_array().expect("a row of fields");
            let at = row.iter().position(|word| word == name).expect("the field is there");
            row[at + 1].clone()
        };
        let mut shown = Vec::new();
        for group in groups.as_array().expect("a list of groups") {
            let name = field(group, "name");
            let name = name.as_str().expect("a name");
            let rows = self.ask_key(&["XPENDING"], key, &[name, "-", "+", "1000"]);
            let rows = rows.as_array().expect("rows").iter();
            let pending: Vec<Json> = rows.map(|row| json!([row[0], row[1], row[3]])).collect();
            let last = field(group, "last-delivered-id");
            shown.push(json!({"last-delivered-id": last, "name": name, "pending": pending}));
        }
        json!({"entries": entries, "groups": shown})
    }
}

/// The words of a list.
pub fn words(list: &Json) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|word| word.as_str().expect("text").to_owned()).collect()
}

/// The encoding after loading: short strings were made anew.
pub fn encoding_now<'a>(told: &'a Json, value: &Json) -> &'a str {
    match told["encoding"].as_str().expect("a name") {
        "raw" if value.as_str().is_some_and(|text| text.chars().count() <= 44) => "embstr",
        told => told,
    }
}

/// Asserts that a server holds exactly what is told, by database: key, type, encoding, whether it
/// has a deadline, value.
pub fn assert_holds(name: &str, server: &mut Session, expected: &Map<String, Json>) {
    for (db, keys) in expected {
        server.ask(&["SELECT", db]);
        let keys = keys.as_object().expect("keys");
        assert_eq!(server.ask(&["DBSIZE"]), json!(keys.len()), "{name}");
        for (key, told) in keys {
            let (bytes, kind) = (bytes_of(key), told["type"].as_str().expect("a type"));
            let value = server.value(kind, &bytes);
            assert_eq!(value, told["value"], "{name}: {key}");
            let encoding = server.ask_key(&["OBJECT", "ENCODING"], &bytes, &[]);
            let allowed = [told["encoding"].as_str(), Some(encoding_now(told, &value))];
            assert!(allowed.contains(&encoding.as_str()), "{name}: {key} is {encoding}");
            let left = server.ask_key(&["TTL"], &bytes, &[]).as_i64().expect("a time");
            assert_eq!(left > 0, told["expiry"] == "volatile", "{name}: {key}");
        }
    }
}

/// How often each of so many inputs is to be damaged: `usual`, unless REDSTART_MUTATIONS says how
/// many damaged ones there are to be.
pub fn mutations(inputs: usize, usual: usize) -> usize {
    let wanted = std::env::var("REDSTART_MUTATIONS").ok();
    let wanted = wanted.map(|text| text.parse::<usize>().expect("REDSTART_MUTATIONS is a number"));
    wanted.map_or(usual, |wanted| wanted.div_ceil(inputs))
}

/// The seed of damage.
pub fn mutation_seed(usual: u64) -> u64 {
    let seed = std::env::var("REDSTART_MUTATION_SEED").ok();
    seed.map_or(usual, |text| text.parse().expect("REDSTART_MUTATION_SEED is a number"))
}
