//! The naive twin: strings and deadlines in an ordered map, written for plainness.

use std::collections::BTreeMap;

use redstart::base::rng::Rng;

/// Keys a peer uses, beside its prefix.
const KEYS: u64 = 8;

/// A request and what it means.
#[derive(Clone, Debug)]
pub struct Request {
    pub args: Vec<Vec<u8>>,
}

/// What must come back.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Exact(Vec<u8>),
    /// An array of bulks in any order.
    Unordered(Vec<Vec<u8>>),
}

/// The keys of one peer.
pub struct Model {
    prefix: String,
    entries: BTreeMap<Vec<u8>, Entry>,
}

#[derive(Clone)]
struct Entry {
    value: Vec<u8>,
    deadline: Option<i64>,
}

fn int(n: i64) -> Reply {
    Reply::Exact(format!(":{n}\r\n").into_bytes())
}

fn bulk(value: Option<&[u8]>) -> Reply {
    Reply::Exact(bulk_bytes(value))
}

fn bulk_bytes(value: Option<&[u8]>) -> Vec<u8> {
    match value {
        None => b"$-1\r\n".to_vec(),
        Some(v) => [format!("${}\r\n", v.len()).as_bytes(), v, b"\r\n"].concat(),
    }
}

fn line(text: &str) -> Reply {
    Reply::Exact(format!("{text}\r\n").into_bytes())
}

fn number(bytes: &[u8]) -> i64 {
    String::from_utf8_lossy(bytes).parse().expect("the generator writes numbers")
}

impl Model {
    pub fn new(prefix: String) -> Model {
        Model { prefix, entries: BTreeMap::new() }
    }

    /// A random request on this peer's keys.
    pub fn request(&self, rng: &mut Rng) -> Request {
        let key = |rng: &mut Rng| format!("{}{}", self.prefix, rng.below(KEYS));
        let (a, b) = (key(rng), key(rng));
        let value = value(rng);
        let span = ["1", "3", "10", "100", "2000"][rng.below(5) as usize];
        let small = (rng.below(200) as i64 - 100).to_string();
        let words: Vec<&str> = match rng.below(22) {
            0..=2 => vec!["SET", &a, &value],
            3 => vec!["SET", &a, &value, "PX", span],
            4 => vec!["SET", &a, &value, ["NX", "XX", "KEEPTTL", "GET"][rng.below(4) as usize]],
            5 | 6 => vec!["GET", &a],
            7 => vec!["DEL", &a, &b],
            8 => vec!["UNLINK", &a],
            9 => vec!["EXISTS", &a, &b],
            10 => vec!["APPEND", &a, &value],
            11 => vec!["STRLEN", &a],
            12 => vec!["INCRBY", &a, &small],
            13 | 14 => {
                let option = ["", "NX", "XX", "GT", "LT"][rng.below(5) as usize];
                let words = vec!["PEXPIRE", &a, span, option];
                words.into_iter().filter(|word| !word.is_empty()).collect()
            }
            15 => vec!["PTTL", &a],
            16 => vec!["PERSIST", &a],
            17 => vec!["RENAME", &a, &b],
            18 => vec!["COPY", &a, &b],
            19 => vec!["MGET", &a, &b, &a],
            20 => vec!["GETDEL", &a],
            // Big enough to be a buffer of its own, and to be freed by a job.
            _ if rng.below(3) == 0 => vec!["SETRANGE", &a, "120000", "end"],
            _ => {
                let pattern = format!("{}*", self.prefix);
                return Request { args: vec![b"KEYS".to_vec(), pattern.into_bytes()] };
            }
        };
        Request { args: words.iter().map(|word| word.as_bytes().to_vec()).collect() }
    }

    /// What the request does and answers at this time.
    pub fn run(&mut self, request: &Request, now_ms: i64) -> Reply {
        self.expire_due(now_ms);
        let args: Vec<&[u8]> = request.args.iter().map(Vec::as_slice).collect();
        match args.as_slice() {
            [b"SET", key, value, options @ ..] => self.set(key, value, options, now_ms),
            [b"GET", key] => bulk(self.value(key)),
            [b"GETDEL", key] => bulk(self.entries.remove(*key).map(|e| e.value).as_deref()),
            [b"DEL" | b"UNLINK", keys @ ..] => {
                int(keys.iter().filter(|key| self.entries.remove(**key).is_some()).count() as i64)
            }
            [b"EXISTS", keys @ ..] => {
                int(keys.iter().filter(|key| self.entries.contains_key(**key)).count() as i64)
            }
            [b"STRLEN", key] => int(self.value(key).map_or(0, <[u8]>::len) as i64),
            [b"APPEND", key, value] => self.edit(key, |old| old.extend_from_slice(value)),
            [b"SETRANGE", key, offset, value] => {
                let start = number(offset) as usize;
                self.edit(key, |old| {
                    old.resize(old.len().max(start + value.len()), 0);
                    old[start..start + value.len()].copy_from_slice(value);
                })
            }
            [b"INCRBY", key, by] => self.add(key, number(by)),
            [b"PEXPIRE", key, span, option @ ..] => self.expire(key, number(span), option, now_ms),
            [b"PTTL", key] => int(match self.entries.get(*key) {
                None => -2,
                Some(entry) => entry.deadline.map_or(-1, |at| at - now_ms),
            }),
            [b"PERSIST", key] => {
                let deadline = self.entries.get_mut(*key).and_then(|entry| entry.deadline.take());
                int(i64::from(deadline.is_some()))
            }
            [b"RENAME", from, to] => match self.entries.remove(*from) {
                None => line("-ERR no such key"),
                Some(entry) => {
                    self.entries.insert(to.to_vec(), entry);
                    line("+OK")
                }
            },
            [b"COPY", from, to] => self.copy(from, to),
            [b"MGET", keys @ ..] => {
                let parts: Vec<u8> =
                    keys.iter().flat_map(|key| bulk_bytes(self.value(key))).collect();
                Reply::Exact([format!("*{}\r\n", keys.len()).as_bytes(), &parts].concat())
            }
            [b"KEYS", _] => Reply::Unordered(self.entries.keys().cloned().collect()),
            other => panic!("the model does not know {other:?}"),
        }
    }

    /// What is over is gone for good, even when the clock is set back.
    pub fn expire_due(&mut self, now_ms: i64) {
        self.entries.retain(|_, entry| entry.deadline.is_none_or(|at| at >= now_ms));
    }

    fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(|entry| entry.value.as_slice())
    }

    fn set(&mut self, key: &[u8], value: &[u8], options: &[&[u8]], now_ms: i64) -> Reply {
        let old = self.entries.get(key).cloned();
        let mut deadline = None;
        let mut answer = line("+OK");
        match options {
            [b"PX", span] => deadline = Some(now_ms + number(span)),
            [b"NX"] if old.is_some() => return bulk(None),
            [b"XX"] if old.is_none() => return bulk(None),
            [b"KEEPTTL"] => deadline = old.as_ref().and_then(|entry| entry.deadline),
            [b"GET"] => answer = bulk(old.as_ref().map(|entry| entry.value.as_slice())),
            _ => {}
        }
        self.entries.insert(key.to_vec(), Entry { value: value.to_vec(), deadline });
        answer
    }

    fn edit(&mut self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Reply {
        let fresh = Entry { value: Vec::new(), deadline: None };
        let entry = self.entries.entry(key.to_vec()).or_insert(fresh);
        change(&mut entry.value);
        int(entry.value.len() as i64)
    }

    fn add(&mut self, key: &[u8], by: i64) -> Reply {
        let old = self.value(key).unwrap_or(b"0");
        let text = std::str::from_utf8(old).unwrap_or("");
        // Numbers as Redis reads them: the shortest text of an integer and nothing else.
        let n = text.parse::<i64>().ok().filter(|n| n.to_string() == text);
        let Some(n) = n else {
            return line("-ERR value is not an integer or out of range");
        };
        let Some(sum) = n.checked_add(by) else {
            return line("-ERR increment or decrement would overflow");
        };
        self.edit(key, |value| *value = sum.to_string().into_bytes());
        int(sum)
    }

    fn expire(&mut self, key: &[u8], span: i64, option: &[&[u8]], now_ms: i64) -> Reply {
        let Some(entry) = self.entries.get_mut(key) else { return int(0) };
        let at = now_ms + span;
        let allowed = match (option, entry.deadline) {
            ([b"NX"], old) => old.is_none(),
            ([b"XX"], old) => old.is_some(),
            ([b"GT"], old) => old.is_some_and(|old| at > old),
            ([b"LT"], old) => old.is_none_or(|old| at < old),
            _ => true,
        };
        if allowed {
            entry.deadline = Some(at);
        }
        int(i64::from(allowed))
    }

    fn copy(&mut self, from: &[u8], to: &[u8]) -> Reply {
        if from == to {
            return line("-ERR source and destination objects are the same");
        }
        match self.entries.get(from).cloned() {
            Some(entry) if !self.entries.contains_key(to) => {
                self.entries.insert(to.to_vec(), entry);
                int(1)
            }
            _ => int(0),
        }
    }
}

fn value(rng: &mut Rng) -> String {
    match rng.below(5) {
        0 => rng.below(100_000).to_string(),
        1 => String::new(),
        2 => "x".repeat(rng.below(60) as usize),
        3 => "big".repeat(rng.below(4) as usize * 8000),
        _ => format!("v{}", rng.below(1000)),
    }
}
