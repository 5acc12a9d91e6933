//! Work over sorted sets that are too large for one slice.

use crate::support::Client;
use crate::support::frames::{self, Node, encode};
use std::collections::BTreeSet;

/// More members than one slice takes.
const MANY: usize = 12_000;

/// Members `m0` to `m<count - 1>` with their numbers as scores.
fn fill(c: &mut Client, key: &str, count: usize) {
    for chunk in (0..count).collect::<Vec<usize>>().chunks(500) {
        let mut words = vec!["ZADD".to_owned(), key.to_owned()];
        words.extend(chunk.iter().flat_map(|n| [n.to_string(), format!("m{n}")]));
        c.expect(&words, format!(":{}\r\n", chunk.len()));
    }
}

fn texts(node: &Node) -> Vec<String> {
    let text = |node: &Node| String::from_utf8(node.text()).expect("plain texts");
    node.list().expect("an array").iter().map(text).collect()
}

fn named(range: impl Iterator<Item = usize>) -> Vec<String> {
    range.map(|n| format!("m{n}")).collect()
}

fn members(c: &mut Client, call: &[&str]) -> Vec<String> {
    texts(&c.node(call))
}

/// The same from a reply with scores, which must be `factor` times the number of the member.
fn scored(c: &mut Client, call: &[&str], factor: usize) -> Vec<String> {
    let flat = members(c, call);
    for pair in flat.chunks(2) {
        let number: usize = pair[0][1..].parse().expect("a number");
        assert_eq!(pair[1], (number * factor).to_string(), "{}", pair[0]);
    }
    flat.into_iter().step_by(2).collect()
}

case!(ranges_and_picks, |c| {
    fill(c, "a", MANY);
    assert_eq!(members(c, &["ZRANGE", "a", "0", "-1"]), named(0..MANY));
    assert_eq!(members(c, &["ZREVRANGE", "a", "10", "-1"]), named((0..MANY - 10).rev()));
    assert_eq!(scored(c, &["ZRANGEBYSCORE", "a", "5", "+inf", "WITHSCORES"], 1), named(5..MANY));
    let by_text = members(c, &["ZRANGE", "a", "9000", "(2", "BYSCORE", "REV"]);
    assert_eq!(by_text, named((3..9001).rev()));
    assert_eq!(members(c, &["ZRANDMEMBER", "a", "99999"]), named((0..MANY).rev()));
    let some = members(c, &["ZRANDMEMBER", "a", "9000"]);
    let differ: BTreeSet<&String> = some.iter().collect();
    let all = named(0..MANY);
    let all: BTreeSet<&String> = all.iter().collect();
    assert!(differ.len() == 9000 && differ.is_subset(&all));
    c.expect(&["ZADD", "b", "1", "m1", "2", "m2"], ":2\r\n");
    assert_eq!(scored(c, &["ZRANDMEMBER", "b", "-9000", "WITHSCORES"], 1).len(), 9000);
    c.expect(&["ZRANDMEMBER", "b", "-2147483648"], "-ERR value is out of range\r\n");
    c.expect(&["ZRANGESTORE", "d", "a", "100", "5099"], ":5000\r\n");
    assert_eq!(scored(c, &["ZRANGE", "d", "0", "-1", "WITHSCORES"], 1), named(100..5100));
    c.expect(&["ZRANGESTORE", "a", "a", "0", "-1", "REV"], format!(":{MANY}\r\n"));
    assert_eq!(members(c, &["ZRANGE", "a", "0", "-1"]), named(0..MANY));
});

case!(algebra, |c| {
    fill(c, "a", MANY);
    fill(c, "b", MANY / 2);
    for chunk in named(0..MANY / 2).chunks(500) {
        let words: Vec<&str> =
            ["SADD", "s"].into_iter().chain(chunk.iter().map(|m| &**m)).collect();
        c.expect(&words, ":500\r\n");
    }
    let (all, half) = (named(0..MANY), named(0..MANY / 2));
    let both = &["2", "a", "b", "WITHSCORES"];
    assert_eq!(scored(c, &[&["ZINTER"], &both[..]].concat(), 2), half);
    assert_eq!(scored(c, &[&["ZDIFF"], &both[..]].concat(), 1), named(MANY / 2..MANY));
    let max = ["ZUNION", "3", "b", "none", "a", "AGGREGATE", "MAX", "WITHSCORES"];
    assert_eq!(scored(c, &max, 1), all);
    let weighed = ["ZINTER", "2", "s", "a", "WEIGHTS", "0", "3", "WITHSCORES"];
    assert_eq!(scored(c, &weighed, 3), half);
    c.expect(&["ZINTERCARD", "2", "a", "b"], format!(":{}\r\n", MANY / 2));
    c.expect(&["ZINTERCARD", "2", "a", "s", "LIMIT", "4500"], ":4500\r\n");
    for (call, len) in [
        (&["ZUNIONSTORE", "d", "2", "a", "s"][..], MANY),
        (&["ZINTERSTORE", "d", "2", "d", "b"], MANY / 2),
        (&["ZDIFFSTORE", "d", "2", "a", "s"], MANY / 2),
        (&["ZDIFFSTORE", "d", "2", "a", "a"], 0),
    ] {
        c.expect(call, format!(":{len}\r\n"));
        c.expect(&["ZCARD", "d"], format!(":{len}\r\n"));
    }
    c.expect(&["EXISTS", "d"], ":0\r\n");
    c.expect(&["ZADD", "few", "1", "m7", "1", "m8"], ":2\r\n");
    c.expect(&["ZDIFFSTORE", "d", "2", "a", "few"], format!(":{}\r\n", MANY - 2));
    c.expect(&["ZDIFFSTORE", "few", "2", "a", "d"], ":2\r\n");
    c.expect(&["OBJECT", "ENCODING", "few"], "$8\r\nlistpack\r\n");
    c.expect(&["ZREMRANGEBYRANK", "a", "0", "-1"], format!(":{MANY}\r\n"));
    c.expect(&["EXISTS", "a"], ":0\r\n");
});

case!(sources_are_seen_as_they_were, |c| {
    fill(c, "a", MANY);
    fill(c, "b", MANY);
    let (mut other, mut third) = (c.client(), c.client());
    for (call, disturb) in [
        (&["ZRANGE", "a", "0", "-1"][..], &["ZADD", "a", "0.5", "new"][..]),
        (&["ZRANGE", "a", "0", "-1"], &["DEL", "a"]),
        (&["ZUNION", "2", "b", "none"], &["ZREM", "b", "m1"]),
        (&["ZUNION", "2", "b", "b"], &["ZUNIONSTORE", "b", "1", "none"]),
    ] {
        let key = if call[1] == "2" { call[2] } else { call[1] };
        let before = members(&mut third, &["ZRANGE", key, "0", "-1"]);
        let mut request = encode(call);
        request.extend(encode(&["PING"]));
        c.send_raw(&request);
        other.cmd(disturb);
        let (node, _) = frames::parse(&c.read_frame()).expect("a frame");
        let seen = texts(&node);
        let after = members(&mut third, &["ZRANGE", key, "0", "-1"]);
        assert!(seen == before || seen == after, "{call:?} saw a mixture");
        c.expect_frame("+PONG\r\n");
    }
});
