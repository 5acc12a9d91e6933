//! Calls of the set commands for the random streams.
//!
//! Redis 7.0 has no listpacks for sets, so ours is told to keep none; integers still cross from
//! intset to table. What is picked at random is not taken out, unless it is everything.

use crate::{Call, Compare, Stream, bytes};

/// What both servers are told before the first call.
pub const SETUP: &[&str] = &["CONFIG", "SET", "set-max-intset-entries", "12"];

/// How ours is started.
pub const OURS: &[&str] = &["--set-max-listpack-entries", "0"];

/// What must be the same of a key at the end.
pub fn contents(key: &[u8]) -> Call {
    bytes(&[b"SMEMBERS", key]).compared(Compare::Unordered)
}

impl Stream {
    fn set_member(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0 => self.value(),
            1 => self.integer().into(),
            2 | 3 => format!("m{}", self.rng.below(10)).into(),
            _ => self.rng.below(20).to_string().into(),
        }
    }

    pub fn set(&mut self) -> Call {
        let (key, other, third) = (self.key(), self.key(), self.key());
        let (a, b, c) = (self.set_member(), self.set_member(), self.set_member());
        let [key, other, third] = [&key, &other, &third].map(|key| key.as_bytes());
        match self.rng.below(22) {
            0..=3 => bytes(&[b"SADD", key, &a, &b, &c]),
            4 => bytes(&[b"SADD", key, &a]),
            5 | 6 => bytes(&[b"SREM", key, &a, &b, &c]),
            7 => bytes(&[b"SISMEMBER", key, &a]),
            8 => bytes(&[b"SMISMEMBER", key, &a, &b, &a]),
            9 => bytes(&[b"SCARD", key]),
            10 => bytes(&[b"SMEMBERS", key]).compared(Compare::Unordered),
            11 | 12 => bytes(&[b"SMOVE", key, other, &a]),
            13 => self.random_members(key),
            14 | 15 => {
                let name = self.pick(&["SINTER", "SUNION", "SDIFF"]);
                bytes(&[name.as_bytes(), key, other, third]).compared(Compare::Unordered)
            }
            16 | 17 => {
                let name = self.pick(&["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]);
                bytes(&[name.as_bytes(), key, other, third])
            }
            18 => bytes(&[b"SDIFFSTORE", key, other]),
            19 => {
                let count = self.pick(&["2", "2", "2", "1", "3", "0", "-1", "x"]);
                let limit: &[&str] =
                    self.pick(&[&[][..], &["LIMIT", "2"], &["LIMIT", "-1"], &["LIMIT"], &["BAD"]]);
                bytes(&[b"SINTERCARD", count.as_bytes(), key, other]).with(limit)
            }
            20 => {
                let cursor = self.pick(&["0", "0", "", "-1", " 5", "x"]);
                let options: &[&str] =
                    self.pick(&[&[][..], &["COUNT", "100"], &["COUNT", "0"], &["TYPE", "set"]]);
                bytes(&[b"SSCAN", key, cursor.as_bytes()]).with(options).compared(Compare::Kind)
            }
            _ => bytes(&[b"OBJECT", b"ENCODING", key]),
        }
    }

    fn random_members(&mut self, key: &[u8]) -> Call {
        let odd = ["x", "-9223372036854775808", "0", "1.5"];
        match self.rng.below(7) {
            0 => bytes(&[b"SRANDMEMBER", key]).compared(Compare::Kind),
            1 => bytes(&[b"SRANDMEMBER", key, b"-5"]).compared(Compare::Kind),
            2 => bytes(&[b"SRANDMEMBER", key, b"1000"]).compared(Compare::Unordered),
            3 => bytes(&[b"SRANDMEMBER", key]).with(&[self.pick(&odd)]),
            4 => bytes(&[b"SPOP", key]).with(&[self.pick(&odd)]),
            5 => bytes(&[b"SPOP", key, b"1", b"2"]),
            _ => bytes(&[b"SPOP", key, b"1000"]).compared(Compare::Unordered),
        }
    }
}
