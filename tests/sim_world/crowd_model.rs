//! The naive twin of everything between clients: strings and lists, transactions, WATCH, channels,
//! notifications, tracking and waiting. It knows each byte that each client must read, in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::support::frames::encode;

/// A request, word by word.
pub type Call = Vec<String>;

const NO_MULTI: &str = "-ERR EXEC without MULTI\r\n";
const ALLOWED: &str = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
                       this context";

enum Value {
    Text(String),
    List(VecDeque<String>),
}

struct Entry {
    value: Value,
    deadline: Option<i64>,
}

#[derive(Default)]
struct Tracking {
    bcast: bool,
    noloop: bool,
}

/// One connection.
#[derive(Default)]
pub struct Client {
    resp3: bool,
    /// Channels, patterns, shard channels.
    names: [BTreeSet<String>; 3],
    txn: Option<Vec<Call>>,
    aborted: bool,
    watched: BTreeSet<String>,
    failed: bool,
    tracking: Option<Tracking>,
    blocked: Option<Vec<String>>,
    /// Frames it has not read.
    pub expected: VecDeque<Vec<u8>>,
    /// What waits for the end of its own request: messages, then keys.
    behind: Vec<Vec<u8>>,
    own: Vec<String>,
}

/// The server as it should be.
#[derive(Default)]
pub struct Model {
    pub clients: BTreeMap<u64, Client>,
    entries: BTreeMap<String, Entry>,
    /// Who was given which key.
    given: BTreeMap<String, BTreeSet<u64>>,
    /// Who waits, in the order of arrival.
    line: Vec<u64>,
    ready: Vec<String>,
    /// Changed keys that broadcasting clients have not heard of, and who changed them.
    pending: BTreeMap<String, Option<u64>>,
    running: Option<u64>,
    now_ms: i64,
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn kind(name: &str) -> usize {
    match name.as_bytes()[0] {
        b'p' => 1,
        b's' if name.starts_with("ss") => 2,
        _ => 0,
    }
}

impl Client {
    fn null(&self, of: char) -> String {
        if self.resp3 { "_\r\n".into() } else { format!("{of}-1\r\n") }
    }

    fn push(&self, words: &[&str], tail: &str) -> Vec<u8> {
        let count = words.len() + usize::from(!tail.is_empty());
        let mut frame = format!("{}{count}\r\n", if self.resp3 { '>' } else { '*' });
        words.iter().for_each(|word| frame += &bulk(word));
        (frame + tail).into_bytes()
    }

    fn subscribed(&self) -> bool {
        self.names.iter().any(|names| !names.is_empty())
    }

    /// Whether it may be sent something: nobody waits for it.
    pub fn is_free(&self) -> bool {
        self.blocked.is_none()
    }

    fn count(&self, kind: usize) -> usize {
        if kind == 2 { self.names[2].len() } else { self.names[0].len() + self.names[1].len() }
    }
}

impl Model {
    pub fn connect(&mut self, id: u64) {
        self.clients.insert(id, Client::default());
    }

    pub fn gone(&mut self, id: u64) {
        self.clients.remove(&id);
        self.line.retain(|other| *other != id);
        self.forget_given();
    }

    /// Runs one request; its answer and what follows from it is expected from now on.
    pub fn request(&mut self, id: u64, call: &Call, now_ms: i64) {
        self.now_ms = now_ms;
        self.running = Some(id);
        if let Some(reply) = self.admit(id, call) {
            self.expect(id, reply.into_bytes());
        }
        self.end_of_unit(id);
        for key in std::mem::take(&mut self.ready) {
            self.serve(&key);
        }
        self.running = None;
    }

    /// All who had something to say have said it.
    pub fn end_of_pass(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        for (id, client) in &mut self.clients {
            let Some(how) = client.tracking.as_ref().filter(|how| how.bcast) else { continue };
            let told: Vec<&String> = pending
                .iter()
                .filter(|(_, by)| !how.noloop || **by != Some(*id))
                .map(|(key, _)| key)
                .collect();
            if client.resp3 && !told.is_empty() {
                let frame = client.push(&["invalidate"], &keys(&told));
                client.expected.push_back(frame);
            }
        }
    }

    /// Time has passed: keys go in the order of their deadlines.
    pub fn expire(&mut self, now_ms: i64) {
        let due = |entry: &Entry| entry.deadline.filter(|at| *at < now_ms);
        let mut over: Vec<(i64, String)> = self
            .entries
            .iter()
            .filter_map(|(key, entry)| due(entry).map(|at| (at, key.clone())))
            .collect();
        over.sort();
        for (_, key) in over {
            self.entries.remove(&key);
            self.changed(&key, "expired");
        }
        self.end_of_pass();
    }

    fn expect(&mut self, id: u64, frame: Vec<u8>) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.expected.push_back(frame);
        }
    }

    /// What a client did not ask for: behind its own answer when it is the one that runs.
    fn deliver(&mut self, id: u64, frame: Vec<u8>) {
        let own = self.running == Some(id);
        let Some(client) = self.clients.get_mut(&id) else { return };
        if own { client.behind.push(frame) } else { client.expected.push_back(frame) }
    }

    fn end_of_unit(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let behind = std::mem::take(&mut client.behind);
        client.expected.extend(behind);
        for key in std::mem::take(&mut client.own) {
            let frame = client.push(&["invalidate"], &keys(&[&key]));
            if client.resp3 && client.tracking.is_some() {
                client.expected.push_back(frame);
            }
        }
    }

    fn client(&mut self, id: u64) -> &mut Client {
        self.clients.get_mut(&id).expect("it is connected")
    }

    /// What surrounds a command: refusal, keeping, EXEC.
    fn admit(&mut self, id: u64, call: &Call) -> Option<String> {
        let client = self.client(id);
        let name = call[0].to_lowercase();
        let allowed = name.ends_with("subscribe") || name == "ping" || name == "reset";
        if !client.resp3 && client.subscribed() && !allowed {
            let full = if name == "client" { "client|tracking" } else { &name };
            let text = format!("Can't execute '{full}': {ALLOWED}\r\n");
            client.aborted |= client.txn.is_some();
            if name != "exec" {
                return Some(format!("-ERR {text}"));
            }
            self.end_of_txn(id);
            return Some(format!("-EXECABORT Transaction discarded because of: {text}"));
        }
        match (name.as_str(), &mut client.txn) {
            ("multi", None) => {
                client.txn = Some(Vec::new());
                client.aborted = false;
                Some("+OK\r\n".into())
            }
            ("multi", Some(_)) => Some("-ERR MULTI calls can not be nested\r\n".into()),
            ("watch", Some(_)) => Some("-ERR WATCH inside MULTI is not allowed\r\n".into()),
            ("exec", None) => Some(NO_MULTI.into()),
            ("discard", None) => Some("-ERR DISCARD without MULTI\r\n".into()),
            ("discard", Some(_)) => {
                self.end_of_txn(id);
                Some("+OK\r\n".into())
            }
            ("exec", Some(_)) => Some(self.exec(id)),
            ("reset", _) => Some(self.reset(id)),
            (_, Some(kept)) => {
                kept.push(call.clone());
                Some("+QUEUED\r\n".into())
            }
            _ => self.run(id, call, false),
        }
    }

    fn end_of_txn(&mut self, id: u64) {
        let client = self.client(id);
        client.txn = None;
        client.aborted = false;
        client.watched.clear();
        client.failed = false;
    }

    fn exec(&mut self, id: u64) -> String {
        let client = self.client(id);
        let kept = client.txn.take().unwrap_or_default();
        let (aborted, failed, null) = (client.aborted, client.failed, client.null('*'));
        self.end_of_txn(id);
        if aborted {
            return "-EXECABORT Transaction discarded because of previous errors.\r\n".into();
        }
        if failed {
            return null;
        }
        let mut reply = format!("*{}\r\n", kept.len());
        for call in kept {
            reply += &self.run(id, &call, true).expect("nothing waits in a transaction");
        }
        reply
    }

    fn reset(&mut self, id: u64) -> String {
        self.end_of_txn(id);
        let client = self.client(id);
        let expected = std::mem::take(&mut client.expected);
        *client = Client { expected, ..Client::default() };
        self.forget_given();
        "+RESET\r\n".into()
    }

    /// What nobody is left to hear of is forgotten.
    fn forget_given(&mut self) {
        if self.clients.values().all(|client| client.tracking.is_none()) {
            self.given.clear();
        }
        if !self.has_broadcast() {
            self.pending.clear();
        }
    }

    fn has_broadcast(&self) -> bool {
        let mut all = self.clients.values().filter_map(|client| client.tracking.as_ref());
        all.any(|how| how.bcast)
    }

    /// The command itself; `None` when it waits.
    fn run(&mut self, id: u64, call: &Call, at_once: bool) -> Option<String> {
        let words: Vec<&str> = call.iter().map(String::as_str).collect();
        let resp3 = self.client(id).resp3;
        Some(match words[..] {
            ["PING"] if !resp3 && self.client(id).subscribed() => {
                format!("*2\r\n{}{}", bulk("pong"), bulk(""))
            }
            ["PING"] => "+PONG\r\n".into(),
            ["GET", key] => {
                let client = &self.clients[&id];
                if client.tracking.as_ref().is_some_and(|how| !how.bcast) {
                    self.given.entry(key.into()).or_default().insert(id);
                }
                match self.entries.get(key).map(|entry| &entry.value) {
                    Some(Value::Text(text)) => bulk(text),
                    _ => client.null('$'),
                }
            }
            ["SET", key, value, ref options @ ..] => self.set(key, value, options),
            ["INCR", key] => self.incr(key),
            ["DEL", key] => {
                let there = self.entries.remove(key).is_some();
                if there {
                    self.changed(key, "del");
                }
                format!(":{}\r\n", i32::from(there))
            }
            ["RPUSH", key, ref values @ ..] => self.rpush(key, values),
            ["LPOP", key] => {
                let null = self.client(id).null('$');
                self.pop(key).map_or(null, |value| bulk(&value))
            }
            ["BLPOP", ref keys @ .., "0"] => return self.blpop(id, keys, at_once),
            ["WATCH", key] => {
                self.client(id).watched.insert(key.into());
                "+OK\r\n".into()
            }
            ["UNWATCH"] => {
                let client = self.client(id);
                client.watched.clear();
                client.failed = false;
                "+OK\r\n".into()
            }
            ["PUBLISH", channel, text] => format!(":{}\r\n", self.publish(channel, text)),
            ["SPUBLISH", channel, text] => {
                format!(":{}\r\n", self.send(2, channel, &["smessage", channel, text]))
            }
            ["CLIENT", "TRACKING", ref options @ ..] => self.track(id, options),
            [name, channel] => self.subscription(id, name, channel, at_once),
            _ => panic!("the model does not know {call:?}"),
        })
    }

    fn set(&mut self, key: &str, value: &str, options: &[&str]) -> String {
        let number = |span: &&str| span.parse::<i64>().expect("the generator writes numbers");
        let deadline = options.get(1).map(|span| self.now_ms + number(span));
        self.entries.insert(key.into(), Entry { value: Value::Text(value.into()), deadline });
        self.changed(key, "set");
        if deadline.is_some() {
            self.event(key, "expire");
        }
        "+OK\r\n".into()
    }

    fn incr(&mut self, key: &str) -> String {
        let fresh = || Entry { value: Value::Text("0".into()), deadline: None };
        let entry = self.entries.entry(key.into()).or_insert_with(fresh);
        let Value::Text(text) = &mut entry.value else { panic!("{key} is a string") };
        *text = (text.parse::<i64>().expect("only numbers are set") + 1).to_string();
        let reply = format!(":{text}\r\n");
        self.changed(key, "incrby");
        reply
    }

    fn rpush(&mut self, key: &str, values: &[&str]) -> String {
        let fresh = || Entry { value: Value::List(VecDeque::new()), deadline: None };
        let entry = self.entries.entry(key.into()).or_insert_with(fresh);
        let Value::List(list) = &mut entry.value else { panic!("{key} is a list") };
        list.extend(values.iter().map(|value| value.to_string()));
        let reply = format!(":{}\r\n", list.len());
        if !self.ready.iter().any(|known| known == key) {
            self.ready.push(key.into());
        }
        self.changed(key, "rpush");
        reply
    }

    fn pop(&mut self, key: &str) -> Option<String> {
        let Value::List(list) = &mut self.entries.get_mut(key)?.value else { return None };
        let value = list.pop_front();
        let empty = list.is_empty();
        self.changed(key, "lpop");
        if empty {
            self.entries.remove(key);
            self.changed(key, "del");
        }
        value
    }

    fn blpop(&mut self, id: u64, keys: &[&str], at_once: bool) -> Option<String> {
        for key in keys {
            if let Some(value) = self.pop(key) {
                return Some(format!("*2\r\n{}{}", bulk(key), bulk(&value)));
            }
        }
        let client = self.client(id);
        if at_once {
            return Some(client.null('*'));
        }
        client.blocked = Some(keys.iter().map(|key| key.to_string()).collect());
        self.line.push(id);
        None
    }

    /// Those who wait for this key are served in turn.
    fn serve(&mut self, key: &str) {
        for id in self.line.clone() {
            let Some(keys) = self.client(id).blocked.clone() else { continue };
            if !keys.iter().any(|waited| waited == key) || !self.entries.contains_key(key) {
                continue;
            }
            self.running = Some(id);
            let words: Vec<&str> = keys.iter().map(String::as_str).collect();
            let reply = self.blpop(id, &words, true).expect("it answers at once");
            self.client(id).blocked = None;
            self.line.retain(|other| *other != id);
            self.expect(id, reply.into_bytes());
            self.end_of_unit(id);
        }
    }

    fn track(&mut self, id: u64, options: &[&str]) -> String {
        let had = self.client(id).tracking.as_ref().map(|how| how.bcast);
        let bcast = options.contains(&"BCAST");
        if options[0] == "OFF" {
            self.client(id).tracking = None;
            self.forget_given();
        } else if had.is_some_and(|had| had != bcast) {
            return "-ERR You can't switch BCAST mode on/off before disabling tracking for this \
                    client, and then re-enabling it with a different mode.\r\n"
                .into();
        } else {
            let noloop = options.contains(&"NOLOOP");
            self.client(id).tracking = Some(Tracking { bcast, noloop });
        }
        "+OK\r\n".into()
    }

    fn subscription(&mut self, id: u64, name: &str, channel: &str, at_once: bool) -> String {
        let word = name.to_lowercase();
        let enters = !word.contains("un");
        let kind = kind(&word.replace("un", ""));
        if kind == 2 && enters && at_once {
            return "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n".into();
        }
        let client = self.client(id);
        if enters {
            client.names[kind].insert(channel.into());
        } else {
            client.names[kind].remove(channel);
        }
        let count = format!(":{}\r\n", client.count(kind));
        String::from_utf8(client.push(&[&word, channel], &count)).expect("plain text")
    }

    fn send(&mut self, kind: usize, name: &str, words: &[&str]) -> usize {
        let listens = |client: &Client| client.names[kind].contains(name);
        let to: Vec<(u64, Vec<u8>)> = self
            .clients
            .iter()
            .filter(|(_, client)| listens(client))
            .map(|(id, client)| (*id, client.push(words, "")))
            .collect();
        let count = to.len();
        to.into_iter().for_each(|(id, frame)| self.deliver(id, frame));
        count
    }

    fn publish(&mut self, channel: &str, text: &str) -> usize {
        let mut sent = self.send(0, channel, &["message", channel, text]);
        let patterns: BTreeSet<String> =
            self.clients.values().flat_map(|client| client.names[1].iter().cloned()).collect();
        for pattern in patterns {
            // The only patterns there are end in a star.
            if channel.starts_with(pattern.trim_end_matches('*')) {
                sent += self.send(1, &pattern, &["pmessage", &pattern, channel, text]);
            }
        }
        sent
    }

    fn event(&mut self, key: &str, event: &str) {
        self.publish(&format!("__keyspace@0__:{key}"), event);
        self.publish(&format!("__keyevent@0__:{event}"), key);
    }

    /// A key changed: WATCH, tracking and those who listen hear of it, in this order.
    fn changed(&mut self, key: &str, event: &str) {
        for client in self.clients.values_mut() {
            client.failed |= client.watched.contains(key);
        }
        if self.has_broadcast() {
            self.pending.insert(key.into(), self.running);
        }
        for id in self.given.remove(key).unwrap_or_default() {
            let own = self.running == Some(id);
            let Some(client) = self.clients.get_mut(&id) else { continue };
            let Some(how) = &client.tracking else { continue };
            if how.bcast || how.noloop && own {
                continue;
            }
            if own {
                client.own.push(key.into());
            } else if client.resp3 {
                let frame = client.push(&["invalidate"], &keys(&[&key.to_owned()]));
                client.expected.push_back(frame);
            }
        }
        self.event(key, event);
    }

    /// A client says which protocol it speaks; the answer is of no interest.
    pub fn speaks_resp3(&mut self, id: u64) {
        self.client(id).resp3 = true;
    }
}

fn keys(keys: &[&String]) -> String {
    String::from_utf8(encode(keys)).expect("plain text")
}
