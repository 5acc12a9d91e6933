//! Calls of the hash commands for the random streams.
//!
//! Few fields and a low limit for listpacks, so that a stream crosses from one encoding to the
//! other and back to nothing again and again. The order within a table is each server's own.

use crate::{Call, Compare, Stream, bytes};

/// What both servers are told before the first call.
pub const SETUP: &[&str] = &["CONFIG", "SET", "hash-max-listpack-entries", "6"];

/// What must be the same of a key at the end.
pub fn contents(key: &[u8]) -> Call {
    bytes(&[b"HGETALL", key]).compared(Compare::Unordered)
}

impl Stream {
    fn field(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0 => self.odd_integer().into(),
            1 => vec![b'f'; [63, 64, 65, 300][self.rng.below(4) as usize]],
            n => format!("f{n}").into_bytes(),
        }
    }

    pub fn hash(&mut self) -> Call {
        let (key, field, other) = (self.key(), self.field(), self.field());
        let (value, more) = (self.value(), self.value());
        let key = key.as_bytes();
        match self.rng.below(24) {
            0..=3 => bytes(&[b"HSET", key, &field, &value]),
            4 => bytes(&[b"HSET", key, &field, &value, &other, &more, &field, &more]),
            5 => bytes(&[b"HMSET", key, &field, &value, &other, &more]),
            6 => bytes(&[b"HSETNX", key, &field, &value]),
            7 | 8 => bytes(&[b"HGET", key, &field]),
            9 => bytes(&[b"HMGET", key, &field, &other, b"none"]),
            10 => {
                let name = self.pick(&["HGETALL", "HKEYS", "HVALS"]);
                bytes(&[name.as_bytes(), key]).compared(Compare::Unordered)
            }
            11 | 12 => bytes(&[b"HDEL", key, &field, &other]),
            13 => bytes(&[b"HDEL", key, b"f2", b"f3", b"f4", b"f5", b"f6", b"f7", b"f8", b"f9"]),
            14 => bytes(&[b"HLEN", key]),
            15 => bytes(&[self.pick(&["HSTRLEN", "HEXISTS"]).as_bytes(), key, &field]),
            16 | 17 => {
                let by = self.integer();
                bytes(&[b"HINCRBY", key, &field]).with(&[&by])
            }
            18 | 19 => {
                let by = self.float();
                bytes(&[b"HINCRBYFLOAT", key, &field]).with(&[&by])
            }
            20 => self.random_fields(key),
            21 => {
                let cursor = self.pick(&["0", "0", "", "-1", " 5", "x"]);
                let options: &[&str] = self.pick(&[
                    &[][..],
                    &["COUNT", "100"],
                    &["COUNT", "0"],
                    &["MATCH", "f*", "COUNT", "100"],
                    &["TYPE", "hash"],
                    &["MATCH"],
                ]);
                bytes(&[b"HSCAN", key, cursor.as_bytes()]).with(options).compared(Compare::Kind)
            }
            22 => bytes(&[b"OBJECT", b"ENCODING", key]),
            _ => bytes(&[b"TYPE", key]),
        }
    }

    fn random_fields(&mut self, key: &[u8]) -> Call {
        let call = bytes(&[b"HRANDFIELD", key]);
        match self.rng.below(5) {
            0 => call.compared(Compare::Kind),
            1 => call.with(&[self.pick(&["x", "-9223372036854775808", "0", "1.5"])]),
            2 => call.with(&["3", "BAD"]),
            3 => call.with(&["-5", "WITHVALUES"]).compared(Compare::Kind),
            // More than there are: all of them.
            _ => call.with(&["1000", "WITHVALUES"]).compared(Compare::Unordered),
        }
    }
}
