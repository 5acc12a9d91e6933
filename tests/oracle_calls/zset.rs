//! Calls of the commands of sorted sets for the random streams.
//!
//! Few members and a low limit for listpacks, so that a stream crosses from one encoding to the
//! other and back to nothing again and again. Ranges by text are asked only of keys whose scores
//! are all equal: elsewhere the answer depends on the dice in a skip list. Numbers out of range are
//! left out: after them 7.0 takes the weights of a SORT in the same batch for wrong.

use crate::{Call, Compare, Stream, bytes};

/// What both servers are told before the first call.
pub const SETUP: &[&str] = &["CONFIG", "SET", "zset-max-listpack-entries", "8"];

/// What must be the same of a key at the end.
pub fn contents(key: &[u8]) -> Call {
    bytes(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]).compared(Compare::Numbers)
}

impl Stream {
    fn zset_key(&mut self) -> String {
        match self.rng.below(8) {
            0 => self.key(),
            1 => format!("set:{}", self.rng.below(2)),
            _ => format!("z:{}", self.rng.below(5)),
        }
    }

    fn member(&mut self) -> Vec<u8> {
        match self.rng.below(24) {
            0 => self.odd_integer().into(),
            1 => vec![b'm'; [63, 64, 65, 300][self.rng.below(4) as usize]],
            n => format!("{}{n}", ["", "m"][n as usize % 2]).into_bytes(),
        }
    }

    fn score(&mut self) -> String {
        match self.rng.below(12) {
            0 => Some(self.float()).filter(|f| f != "1e400").unwrap_or_default(),
            1 => self.pick(&["inf", "-inf", "+inf", "1e17", "-1e300", "0.1", "-0"]).to_owned(),
            2 => format!("{}.5", self.rng.below(5)),
            _ => (self.rng.below(12) as i64 - 4).to_string(),
        }
    }

    fn score_bound(&mut self) -> String {
        let open = self.pick(&["", "", "("]);
        let odd = self.pick(&["-inf", "+inf", "inf", "x", "", "nan", " 1", "0x2"]);
        match self.rng.below(4) {
            0 => format!("{open}{odd}"),
            _ => format!("{open}{}", self.rng.below(14) as i64 - 5),
        }
    }

    fn text_bound(&mut self) -> String {
        match self.rng.below(5) {
            0 => self.pick(&["-", "+", "[", "(", "x", "", "++"]).to_owned(),
            1 => self.pick(&["-", "+"]).to_owned(),
            _ => format!("{}m{}", self.pick(&["[", "("]), self.rng.below(24)),
        }
    }

    fn limit(&mut self) -> Vec<&'static str> {
        let (offset, count) =
            (self.pick(&["0", "1", "3", "-1", "100"]), self.pick(&["1", "3", "-1", "0", "x"]));
        if self.rng.below(2) == 0 { vec!["LIMIT", offset, count] } else { Vec::new() }
    }

    fn rank_bound(&mut self) -> String {
        match self.rng.below(6) {
            0 => self.integer(),
            _ => (self.rng.below(24) as i64 - 12).to_string(),
        }
    }

    pub fn zset(&mut self) -> Call {
        match self.rng.below(10) {
            0..=3 => self.zset_change(),
            4 | 5 => self.zset_look(),
            6 => self.zset_range(),
            7 => self.zset_text(),
            8 => self.zset_algebra(),
            _ => self.zset_shorten(),
        }
        .compared_as_numbers()
    }

    fn zset_change(&mut self) -> Call {
        let (key, member, other) = (self.zset_key(), self.member(), self.member());
        let (score, more) = (self.score(), self.score());
        let key = key.as_bytes();
        match self.rng.below(8) {
            0 | 1 => bytes(&[b"ZADD", key, score.as_bytes(), &member]),
            2 => bytes(&[b"ZADD", key, score.as_bytes(), &member, more.as_bytes(), &other]),
            3 | 4 => {
                let mut call = bytes(&[b"ZADD", key]);
                for word in ["NX", "XX", "GT", "LT", "CH", "INCR"] {
                    if self.rng.below(4) == 0 {
                        call = call.with(&[word]);
                    }
                }
                call.args.extend([score.into_bytes(), member]);
                call
            }
            5 => bytes(&[b"ZINCRBY", key, score.as_bytes(), &member]),
            6 => {
                let set = format!("set:{}", self.rng.below(2));
                bytes(&[self.pick(&["SADD", "SADD", "SREM"]).as_bytes(), set.as_bytes(), &member])
            }
            _ => {
                let mut call = bytes(&[b"ZADD", key]);
                for n in 0..12 {
                    call.args.extend([self.score().into_bytes(), format!("m{n}").into_bytes()]);
                }
                call
            }
        }
    }

    fn zset_shorten(&mut self) -> Call {
        let (key, member, other) = (self.zset_key(), self.member(), self.member());
        let (min, max) = (self.score_bound(), self.score_bound());
        let (from, to) = (self.rank_bound(), self.rank_bound());
        let key = key.as_bytes();
        match self.rng.below(8) {
            0..=2 => bytes(&[b"ZREM", key, &member, &other]),
            3 => bytes(&[b"ZREMRANGEBYSCORE", key, min.as_bytes(), max.as_bytes()]),
            4 => bytes(&[b"ZREMRANGEBYRANK", key, from.as_bytes(), to.as_bytes()]),
            5 => bytes(&[self.pick(&["ZPOPMIN", "ZPOPMAX"]).as_bytes(), key]),
            6 => {
                let count = self.pick(&["0", "1", "3", "100", "-1"]);
                bytes(&[self.pick(&["ZPOPMIN", "ZPOPMAX"]).as_bytes(), key, count.as_bytes()])
            }
            _ => {
                let other = self.zset_key();
                let numkeys = self.pick(&["2", "2", "2", "1", "0", "3", "x"]);
                let end = self.pick(&["MIN", "MAX", "max", "BAD"]);
                let count: &[&str] = self.pick(&[&[][..], &["COUNT", "2"], &["COUNT", "0"]]);
                bytes(&[b"ZMPOP", numkeys.as_bytes(), key, other.as_bytes(), end.as_bytes()])
                    .with(count)
            }
        }
    }

    fn zset_look(&mut self) -> Call {
        let (key, member, other) = (self.zset_key(), self.member(), self.member());
        let (min, max) = (self.score_bound(), self.score_bound());
        let key = key.as_bytes();
        match self.rng.below(9) {
            0 => bytes(&[b"ZSCORE", key, &member]),
            1 => bytes(&[b"ZMSCORE", key, &member, &other, b"none"]),
            2 => bytes(&[b"ZRANK", key, &member]),
            3 => bytes(&[b"ZREVRANK", key, &member]),
            4 => bytes(&[b"ZCARD", key]),
            5 => bytes(&[b"ZCOUNT", key, min.as_bytes(), max.as_bytes()]),
            6 => {
                let count = self.pick(&["x", "0", "1000", "-9223372036854775808"]);
                let call = bytes(&[b"ZRANDMEMBER", key, count.as_bytes()]);
                let scores = self.maybe("WITHSCORES");
                call.with(&scores)
            }
            7 => {
                let cursor = self.pick(&["0", "0", "", "-1", " 5", "x"]);
                let options: &[&str] =
                    self.pick(&[&["COUNT", "100"][..], &["COUNT", "0"], &["BAD", "x"], &["MATCH"]]);
                bytes(&[b"ZSCAN", key, cursor.as_bytes()]).with(options).compared(Compare::Kind)
            }
            _ => bytes(&[b"TYPE", key]),
        }
    }

    fn zset_range(&mut self) -> Call {
        let key = self.zset_key();
        let (from, to) = (self.rank_bound(), self.rank_bound());
        let (min, max) = (self.score_bound(), self.score_bound());
        let (limit, scores) = (self.limit(), self.maybe("WITHSCORES"));
        let key = key.as_bytes();
        match self.rng.below(6) {
            0 => bytes(&[b"ZRANGE", key, from.as_bytes(), to.as_bytes()])
                .with(&self.maybe("REV"))
                .with(&scores),
            1 => bytes(&[b"ZREVRANGE", key, from.as_bytes(), to.as_bytes()]).with(&scores),
            2 => bytes(&[b"ZRANGEBYSCORE", key, min.as_bytes(), max.as_bytes()])
                .with(&scores)
                .with(&limit),
            3 => bytes(&[b"ZREVRANGEBYSCORE", key, max.as_bytes(), min.as_bytes()])
                .with(&limit)
                .with(&scores),
            4 => bytes(&[b"ZRANGE", key, min.as_bytes(), max.as_bytes(), b"BYSCORE"])
                .with(&self.maybe("REV"))
                .with(&scores)
                .with(&limit),
            _ => {
                let target = self.zset_key();
                let by = self.maybe("BYSCORE");
                let (from, to) = if by.is_empty() { (&from, &to) } else { (&min, &max) };
                bytes(&[b"ZRANGESTORE", target.as_bytes(), key, from.as_bytes(), to.as_bytes()])
                    .with(&by)
                    .with(&self.maybe("REV"))
                    .with(&limit)
            }
        }
    }

    fn zset_text(&mut self) -> Call {
        let key = format!("text:{}", self.rng.below(2));
        let (member, other) = (self.member(), self.member());
        let (min, max) = (self.text_bound(), self.text_bound());
        let limit = self.limit();
        let (key, min, max) = (key.as_bytes(), min.as_bytes(), max.as_bytes());
        match self.rng.below(7) {
            0 | 1 => bytes(&[b"ZADD", key, b"0", &member, b"0", &other]),
            2 => bytes(&[b"ZRANGEBYLEX", key, min, max]).with(&limit),
            3 => bytes(&[b"ZREVRANGEBYLEX", key, max, min]).with(&limit),
            4 => bytes(&[b"ZRANGE", key, min, max, b"BYLEX"]).with(&self.maybe("REV")).with(&limit),
            5 => bytes(&[b"ZLEXCOUNT", key, min, max]),
            _ => match self.rng.below(3) {
                0 => bytes(&[b"ZREMRANGEBYLEX", key, min, max]),
                _ => bytes(&[b"ZREM", key, &member]),
            },
        }
    }

    fn zset_algebra(&mut self) -> Call {
        let (key, other, third) = (self.zset_key(), self.zset_key(), self.zset_key());
        let numkeys = self.pick(&["2", "2", "2", "2", "3", "1", "0", "4", "x"]);
        let keys = [numkeys, &key, &other, &third];
        let keys = if numkeys == "2" { &keys[..3] } else { &keys[..] };
        let mut words: Vec<String> = Vec::new();
        if self.rng.below(2) == 0 {
            words.push("WEIGHTS".to_owned());
            words.extend((1..keys.len()).map(|_| self.score()));
        }
        if self.rng.below(2) == 0 {
            words
                .extend(["AGGREGATE", self.pick(&["SUM", "MIN", "max", "BAD"])].map(str::to_owned));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let target = format!("z:{}", self.rng.below(5));
        let call = bytes(&[]);
        match self.rng.below(8) {
            0 => call.with(&["ZUNION"]).with(keys).with(&words).with(&self.maybe("WITHSCORES")),
            1 => call.with(&["ZINTER"]).with(keys).with(&words).with(&self.maybe("WITHSCORES")),
            2 => call.with(&["ZDIFF"]).with(keys).with(&self.maybe("WITHSCORES")),
            3 => {
                let limit: &[&str] =
                    self.pick(&[&[][..], &["LIMIT", "2"], &["LIMIT", "0"], &["LIMIT", "-1"]]);
                call.with(&["ZINTERCARD"]).with(keys).with(limit)
            }
            4 => call.with(&["ZUNIONSTORE", &target]).with(keys).with(&words),
            5 | 6 => call.with(&["ZINTERSTORE", &target]).with(keys).with(&words),
            _ => call.with(&["ZDIFFSTORE", &target]).with(keys),
        }
    }
}

impl Call {
    /// Scores are printed in another way by 7.0.
    pub fn compared_as_numbers(self) -> Call {
        match self.compare {
            Compare::Exact => self.compared(Compare::Numbers),
            _ => self,
        }
    }
}
