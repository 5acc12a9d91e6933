//! Calls of the list commands and SORT for the random streams.
//!
//! The keys are their own: Redis 7.0 has another encoding for short lists, which other streams ask
//! for. Nodes are small, so that a stream crosses from one to the next all the time. Nothing here
//! waits.

use crate::{Call, Stream, bytes, call};

/// What both servers are told before the first call.
pub const SETUP: &[&str] = &["CONFIG", "SET", "list-max-listpack-size", "5"];

/// What must be the same of a key at the end.
pub fn contents(key: &[u8]) -> Call {
    bytes(&[b"LRANGE", key, b"0", b"-1"])
}

impl Stream {
    fn list_key(&mut self) -> String {
        // Rarely one of another type.
        if self.rng.below(40) == 0 {
            return "not-a-list".to_owned();
        }
        format!("list:{}", self.rng.below(5))
    }

    /// Integers, and texts that are no numbers: SORT of 7.0 takes other numbers for none when a
    /// number was out of range in an earlier command.
    fn element(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0 => self.pick(&["abc", "x y", "-1", "9223372036854775807", "12x"]).into(),
            1 => (self.rng.next_u64() as i64).to_string().into(),
            2 => vec![b'e'; [63, 64, 127, 5000, 9000][self.rng.below(5) as usize]],
            3..=6 => self.rng.below(8).to_string().into(),
            n => format!("e{n}").into(),
        }
    }

    /// Mostly a place in a short list.
    fn place(&mut self) -> String {
        match self.rng.below(8) {
            0 => self.integer(),
            _ => (self.rng.below(24) as i64 - 12).to_string(),
        }
    }

    pub fn list(&mut self) -> Call {
        let (key, other) = (self.list_key(), self.list_key());
        let (key, other) = (key.as_bytes(), other.as_bytes());
        let (text, more, third) = (self.element(), self.element(), self.element());
        let (start, stop) = (self.place(), self.place());
        let end = self.pick(&["LEFT", "RIGHT", "left", "x"]);
        let count = self.pick(&["0", "1", "3", "100", "-1", "x"]);
        match self.rng.below(26) {
            0..=3 => bytes(&[b"RPUSH", key, &text, &more, &third]),
            4 => bytes(&[b"LPUSH", key, &text, &more]),
            5 => bytes(&[self.pick(&["LPUSHX", "RPUSHX"]).as_bytes(), key, &text]),
            6 => bytes(&[self.pick(&["LPOP", "RPOP"]).as_bytes(), key]),
            7 => bytes(&[self.pick(&["LPOP", "RPOP"]).as_bytes(), key, count.as_bytes()]),
            8 => bytes(&[b"LLEN", key]),
            9 | 10 => bytes(&[b"LRANGE", key]).with(&[&start, &stop]),
            11 => bytes(&[b"LINDEX", key]).with(&[&start]),
            12 | 13 => {
                // Redis 7.2 looks at 32 bits of the index, 7.0 at 64.
                let index = self.pick(&["0", "1", "3", "8", "30", "-1", "-4", "-30", "x", ""]);
                bytes(&[b"LSET", key, index.as_bytes(), &text])
            }
            14..=16 => {
                let side = self.pick(&["BEFORE", "AFTER", "after", "x"]);
                bytes(&[b"LINSERT", key, side.as_bytes(), &text, &more])
            }
            17 => {
                let n = self.pick(&["0", "1", "-1", "2", "-2", "x"]);
                bytes(&[b"LREM", key, n.as_bytes(), &text])
            }
            18 if self.rng.below(3) == 0 => bytes(&[b"LTRIM", key]).with(&[&start, &stop]),
            18 | 19 => self.search(key, &text),
            20 => bytes(&[b"RPOPLPUSH", key, other]),
            21 => {
                let to = self.pick(&["LEFT", "RIGHT"]);
                bytes(&[b"LMOVE", key, other]).with(&[end, to])
            }
            22 => {
                let options = ["COUNT", count];
                let options = &options[..self.rng.below(3) as usize];
                bytes(&[b"LMPOP", b"2", key, other]).with(&[end]).with(options)
            }
            23 => bytes(&[self.pick(&["COPY", "RENAMENX"]).as_bytes(), key, other]),
            _ => self.sort(key, other),
        }
    }

    fn search(&mut self, key: &[u8], text: &[u8]) -> Call {
        let options: &[&str] = self.pick(&[
            &[][..],
            &["RANK", "-1"],
            &["RANK", "2", "COUNT", "0"],
            &["COUNT", "2", "MAXLEN", "7"],
            &["RANK", "-2", "COUNT", "1", "MAXLEN", "3"],
            &["RANK", "0"],
            &["COUNT", "-1"],
            &["MAXLEN"],
        ]);
        bytes(&[b"LPOS", key, text]).with(options)
    }

    fn sort(&mut self, key: &[u8], other: &[u8]) -> Call {
        if self.rng.below(8) == 0 {
            return call(&[
                "MSET",
                "not-a-list",
                "x",
                "w:1",
                "5",
                "w:2",
                "-3",
                "w:3",
                "900",
                "w:e7",
                "0",
                "w:e8",
                "x",
            ]);
        }
        let order = self.pick(&["ASC", "DESC"]);
        let mut words = vec![order];
        if self.rng.below(2) == 0 {
            words.push("ALPHA");
        }
        let more: &[&str] = self.pick(&[
            &[][..],
            &["LIMIT", "1", "3"],
            &["LIMIT", "-1", "x"],
            &["BY", "nosort"],
            &["BY", "nosort", "LIMIT", "2", "4"],
            &["GET", "w:*", "GET", "#"],
            &["GET", "w:*->f", "LIMIT", "0", "2"],
            &["BY"],
        ]);
        words.extend(more);
        if self.rng.below(6) == 0 {
            // Equal texts would come in an order of each server's own.
            words = vec![order, "BY", "w:*", "GET", "#"];
        }
        // An empty text, which is what nothing is stored as, is such a number.
        let store = self.rng.below(4) == 0 && !words.contains(&"GET");
        let call = bytes(&[b"SORT", key]).with(&words);
        if store { call.with(&["STORE", &String::from_utf8_lossy(other)]) } else { call }
    }
}
