//! Sets: members put in, taken out, asked for, picked, walked over; algebra; encodings.

use crate::support::Client;
use crate::support::frames::Node;
use std::collections::BTreeSet;

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NIL: &str = "$-1\r\n";
const NONE: &str = "*0\r\n";
const OK: &str = "+OK\r\n";

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn bulks(texts: &[&str]) -> String {
    let items: String = texts.iter().map(|text| bulk(text)).collect();
    format!("*{}\r\n{items}", texts.len())
}

#[track_caller]
fn encoding(c: &mut Client, key: &str, want: &str) {
    c.expect(&["OBJECT", "ENCODING", key], bulk(want));
}

/// A set of `m0` to `m<count - 1>`.
fn fill(c: &mut Client, key: &str, count: usize) {
    let members: Vec<String> = (0..count).map(|n| format!("m{n}")).collect();
    let mut call = vec!["SADD", key];
    call.extend(members.iter().map(String::as_str));
    c.expect(&call, format!(":{count}\r\n"));
}

fn texts(node: &Node) -> Vec<String> {
    let text = |node: &Node| String::from_utf8(node.text()).expect("plain texts");
    node.list().expect("an array").iter().map(text).collect()
}

fn one(c: &mut Client, call: &[&str]) -> String {
    String::from_utf8(c.node(call).text()).expect("a plain text")
}

fn members(c: &mut Client, call: &[&str]) -> BTreeSet<String> {
    let all = texts(&c.node(call));
    let set: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "a member twice in {all:?}");
    set
}

case!(members_come_and_go, |c| {
    c.expect(&["SADD", "s", "b", "a", "b", ""], ":3\r\n");
    c.expect(&["SADD", "s", "a"], ":0\r\n");
    c.expect(&["SMEMBERS", "s"], bulks(&["b", "a", ""]));
    c.expect(&["SCARD", "s"], ":3\r\n");
    c.expect(&["SISMEMBER", "s", "a"], ":1\r\n");
    c.expect(&["SISMEMBER", "s", "x"], ":0\r\n");
    c.expect(&["SMISMEMBER", "s", "a", "x", "", "a"], "*4\r\n:1\r\n:0\r\n:1\r\n:1\r\n");
    c.expect(&["TYPE", "s"], "+set\r\n");
    c.expect(&["SREM", "s", "x", "a", "a"], ":1\r\n");
    c.expect(&["SREM", "s", "", "b", "b", "more"], ":2\r\n");
    c.expect(&["EXISTS", "s"], ":0\r\n");
    c.expect(&["SREM", "s", "a"], ":0\r\n");
    c.expect(&["SMEMBERS", "s"], NONE);
    c.expect(&["SCARD", "s"], ":0\r\n");
    c.expect(&["SISMEMBER", "s", "a"], ":0\r\n");
    c.expect(&["SMISMEMBER", "s", "a", "b"], "*2\r\n:0\r\n:0\r\n");
});

case!(encodings_change_at_their_limits, |c| {
    c.expect(&["SADD", "s", "3", "1", "2"], ":3\r\n");
    encoding(c, "s", "intset");
    c.expect(&["SMEMBERS", "s"], bulks(&["1", "2", "3"]));
    c.expect(&["SADD", "s", "-9223372036854775808", "a", "0"], ":3\r\n");
    encoding(c, "s", "listpack");
    c.expect(&["SMEMBERS", "s"], bulks(&["-9223372036854775808", "1", "2", "3", "a", "0"]));
    c.expect(&["SREM", "s", "a"], ":1\r\n");
    encoding(c, "s", "listpack");
    c.expect(&["SADD", "s", &"x".repeat(64)], ":1\r\n");
    encoding(c, "s", "listpack");
    c.expect(&["SADD", "s", &"x".repeat(65)], ":1\r\n");
    encoding(c, "s", "hashtable");
    fill(c, "l", 128);
    encoding(c, "l", "listpack");
    c.expect(&["SADD", "l", "m5", "new"], ":1\r\n");
    encoding(c, "l", "hashtable");
    c.expect(&["SCARD", "l"], ":129\r\n");
    let many: Vec<String> = (0..512).map(|n| n.to_string()).collect();
    let mut call = vec!["SADD", "i"];
    call.extend(many.iter().map(String::as_str));
    c.expect(&call, ":512\r\n");
    encoding(c, "i", "intset");
    c.expect(&["SADD", "i", "512"], ":1\r\n");
    encoding(c, "i", "hashtable");
    assert_eq!(members(c, &["SMEMBERS", "i"]).len(), 513);
});

case!(limits_can_be_set, |c| {
    c.expect(&["CONFIG", "SET", "set-max-intset-entries", "2"], OK);
    c.expect(&["CONFIG", "SET", "set-max-listpack-entries", "3"], OK);
    c.expect(&["CONFIG", "SET", "set-max-listpack-value", "2"], OK);
    c.expect(&["SADD", "s", "1", "2"], ":2\r\n");
    encoding(c, "s", "intset");
    c.expect(&["SADD", "s", "3"], ":1\r\n");
    encoding(c, "s", "hashtable");
    c.expect(&["SADD", "t", "1", "2", "3"], ":3\r\n");
    encoding(c, "t", "listpack");
    c.expect(&["SADD", "u", "a"], ":1\r\n");
    c.expect(&["SADD", "u", "bb"], ":1\r\n");
    encoding(c, "u", "listpack");
    c.expect(&["SADD", "u", "ccc"], ":1\r\n");
    encoding(c, "u", "hashtable");
    // Four words at once, though none of them is new.
    c.expect(&["SADD", "v", "a", "b"], ":2\r\n");
    c.expect(&["SADD", "v", "a", "a", "a", "a"], ":0\r\n");
    encoding(c, "v", "hashtable");
});

case!(members_move, |c| {
    c.expect(&["SADD", "a", "1", "x"], ":2\r\n");
    c.expect(&["SMOVE", "a", "b", "y"], ":0\r\n");
    c.expect(&["EXISTS", "b"], ":0\r\n");
    c.expect(&["SMOVE", "a", "b", "1"], ":1\r\n");
    encoding(c, "b", "intset");
    c.expect(&["SMOVE", "a", "a", "x"], ":1\r\n");
    c.expect(&["SMOVE", "a", "a", "y"], ":0\r\n");
    c.expect(&["SADD", "b", "x"], ":1\r\n");
    c.expect(&["SMOVE", "a", "b", "x"], ":1\r\n");
    c.expect(&["EXISTS", "a"], ":0\r\n");
    c.expect(&["SMEMBERS", "b"], bulks(&["1", "x"]));
    c.expect(&["SET", "s", "v"], OK);
    c.expect(&["SMOVE", "none", "s", "x"], ":0\r\n");
    c.expect(&["SMOVE", "s", "b", "x"], WRONG_TYPE);
    c.expect(&["SMOVE", "b", "s", "no member"], WRONG_TYPE);
});

case!(other_types_are_refused, |c| {
    c.expect(&["SET", "s", "x"], OK);
    c.expect(&["SADD", "t", "x"], ":1\r\n");
    for call in [
        &["SADD", "s", "m"][..],
        &["SREM", "s", "m"],
        &["SCARD", "s"],
        &["SMEMBERS", "s"],
        &["SISMEMBER", "s", "m"],
        &["SMISMEMBER", "s", "m"],
        &["SPOP", "s"],
        &["SPOP", "s", "0"],
        &["SRANDMEMBER", "s"],
        &["SRANDMEMBER", "s", "1"],
        &["SSCAN", "s", "0"],
        &["SINTER", "none", "s"],
        &["SINTERCARD", "2", "none", "s"],
        &["SUNION", "t", "s"],
        &["SDIFF", "none", "s"],
        &["SINTERSTORE", "d", "none", "s"],
        &["SUNIONSTORE", "d", "t", "s"],
        &["SDIFFSTORE", "d", "t", "s"],
    ] {
        c.expect(call, WRONG_TYPE);
    }
    c.expect(&["EXISTS", "d"], ":0\r\n");
    c.expect(&["GET", "t"], WRONG_TYPE);
    c.expect(&["APPEND", "t", "x"], WRONG_TYPE);
    // Over whatever was there, a STORE form puts its result.
    c.expect(&["EXPIRE", "s", "100"], ":1\r\n");
    c.expect(&["SUNIONSTORE", "s", "t"], ":1\r\n");
    c.expect(&["TTL", "s"], ":-1\r\n");
    c.expect(&["SDIFFSTORE", "s", "none"], ":0\r\n");
    c.expect(&["EXISTS", "s"], ":0\r\n");
});

case!(picks_are_members, |c| {
    for (key, count) in [("l", 20), ("h", 300)] {
        fill(c, key, count);
        let all = members(c, &["SMEMBERS", key]);
        assert!(all.contains(&one(c, &["SRANDMEMBER", key])));
        for n in [1, 5, count - 1, count, count + 5] {
            let some = members(c, &["SRANDMEMBER", key, &n.to_string()]);
            assert_eq!(some.len(), n.min(count));
            assert!(some.is_subset(&all));
            let drawn = texts(&c.node(&["SRANDMEMBER", key, &format!("-{n}")]));
            assert!(drawn.len() == n && drawn.iter().all(|text| all.contains(text)));
        }
        c.expect(&["SRANDMEMBER", key, "0"], NONE);
        c.expect(&["SCARD", key], format!(":{count}\r\n"));
    }
    c.expect(&["SRANDMEMBER", "none"], NIL);
    c.expect(&["SRANDMEMBER", "none", "3"], NONE);
    c.expect(&["SRANDMEMBER", "none", "x"], NOT_INTEGER);
    c.expect(&["SRANDMEMBER", "none", "1", "2"], SYNTAX);
    let range = "-ERR value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807\r\n";
    c.expect(&["SRANDMEMBER", "l", "-9223372036854775808"], range);
    c.expect(&["SRANDMEMBER", "l", "-9223372036854775807"], "-ERR value is out of range\r\n");
});

case!(what_is_popped_is_gone, |c| {
    for (key, count) in [("l", 20), ("h", 300)] {
        fill(c, key, count);
        let mut left = members(c, &["SMEMBERS", key]);
        assert!(left.remove(&one(c, &["SPOP", key])));
        for n in [3, left.len() - 5] {
            let gone = members(c, &["SPOP", key, &n.to_string()]);
            assert!(gone.len() == n && gone.is_subset(&left));
            left = left.difference(&gone).cloned().collect();
            assert_eq!(members(c, &["SMEMBERS", key]), left);
        }
        encoding(c, key, "listpack");
        assert_eq!(members(c, &["SPOP", key, "100"]), left);
        c.expect(&["EXISTS", key], ":0\r\n");
    }
    c.expect(&["SADD", "one", "1"], ":1\r\n");
    c.expect(&["SPOP", "one"], bulk("1"));
    c.expect(&["SPOP", "one"], NIL);
    c.expect(&["SPOP", "one", "1"], NONE);
    c.expect(&["SPOP", "one", "-1"], "-ERR value is out of range, must be positive\r\n");
    c.expect(&["SPOP", "one", "x"], "-ERR value is out of range, must be positive\r\n");
    c.expect(&["SPOP", "one", "1", "1"], SYNTAX);
});

case!(algebra_answers_and_stores, |c| {
    c.expect(&["SADD", "a", "1", "2", "3", "4"], ":4\r\n");
    c.expect(&["SADD", "b", "x", "3", "2"], ":3\r\n");
    c.expect(&["SADD", "c", "2", "9"], ":2\r\n");
    c.expect(&["SINTER", "a", "b"], bulks(&["3", "2"]));
    c.expect(&["SINTER", "a", "b", "c"], bulks(&["2"]));
    c.expect(&["SINTER", "a", "none"], NONE);
    c.expect(&["SUNION", "a", "none", "c"], bulks(&["1", "2", "3", "4", "9"]));
    let all = ["1", "2", "3", "4", "9", "x"].map(str::to_owned);
    assert_eq!(members(c, &["SUNION", "a", "b", "c"]), BTreeSet::from(all));
    c.expect(&["SDIFF", "a", "b", "c"], bulks(&["1", "4"]));
    c.expect(&["SDIFF", "a", "none"], bulks(&["1", "2", "3", "4"]));
    c.expect(&["SDIFF", "a", "b", "a"], NONE);
    c.expect(&["SDIFF", "none", "a"], NONE);
    for (call, len, encoded) in [
        (&["SINTERSTORE", "d", "a", "b"][..], 2, "intset"),
        (&["SUNIONSTORE", "d", "a", "c"], 5, "intset"),
        (&["SUNIONSTORE", "d", "a", "b"], 5, "listpack"),
        (&["SDIFFSTORE", "d", "a", "b"], 2, "intset"),
        (&["SDIFFSTORE", "a", "a", "c"], 3, "intset"),
    ] {
        c.expect(call, format!(":{len}\r\n"));
        encoding(c, call[1], encoded);
    }
    c.expect(&["SMEMBERS", "a"], bulks(&["1", "3", "4"]));
    c.expect(&["SINTERSTORE", "a", "a", "none"], ":0\r\n");
    c.expect(&["EXISTS", "a"], ":0\r\n");
});

case!(intersections_are_counted, |c| {
    fill(c, "a", 10);
    fill(c, "b", 7);
    c.expect(&["SINTERCARD", "2", "a", "b"], ":7\r\n");
    c.expect(&["SINTERCARD", "1", "a"], ":10\r\n");
    c.expect(&["SINTERCARD", "2", "a", "none"], ":0\r\n");
    c.expect(&["SINTERCARD", "2", "a", "b", "LIMIT", "3"], ":3\r\n");
    c.expect(&["SINTERCARD", "2", "a", "b", "limit", "0"], ":7\r\n");
    c.expect(&["SINTERCARD", "2", "a", "b", "LIMIT", "2", "LIMIT", "5"], ":5\r\n");
    let few = "-ERR numkeys should be greater than 0\r\n";
    let many = "-ERR Number of keys can't be greater than number of args\r\n";
    let negative = "-ERR LIMIT can't be negative\r\n";
    for (call, want) in [
        (&["0", "a"][..], few),
        (&["-1", "a"], few),
        (&["x", "a"], few),
        (&["2", "a"], many),
        (&["1", "a", "b"], SYNTAX),
        (&["1", "a", "LIMIT"], SYNTAX),
        (&["1", "a", "LIMIT", "-1"], negative),
        (&["1", "a", "LIMIT", "x"], negative),
    ] {
        c.expect(&[&["SINTERCARD"], call].concat(), want);
    }
});

case!(scans_show_all_members, |c| {
    for (key, count) in [("l", 20), ("h", 500)] {
        fill(c, key, count);
        let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
        loop {
            let reply = c.node(&["SSCAN", key, &cursor, "COUNT", "30"]);
            let parts = reply.list().expect("cursor and members").to_vec();
            for text in texts(&parts[1]) {
                assert!(seen.insert(text));
            }
            cursor = String::from_utf8(parts[0].text()).expect("digits");
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen, members(c, &["SMEMBERS", key]));
    }
    c.expect(&["SADD", "s", "a1", "b1", "a2"], ":3\r\n");
    let found = format!("*2\r\n{}{}", bulk("0"), bulks(&["a1", "a2"]));
    c.expect(&["SSCAN", "s", "0", "MATCH", "a*"], found);
    c.expect(&["SSCAN", "none", "0", "BAD"], "*2\r\n$1\r\n0\r\n*0\r\n");
    c.expect(&["SSCAN", "s", "0", "BAD"], SYNTAX);
    c.expect(&["SSCAN", "s", "0", "TYPE", "set"], SYNTAX);
    c.expect(&["SSCAN", "s", "x"], "-ERR invalid cursor\r\n");
});

case!(resp3_has_sets, |c| {
    c.cmd(&["HELLO", "3"]);
    c.expect(&["SADD", "s", "1", "2"], ":2\r\n");
    let both = "~2\r\n$1\r\n1\r\n$1\r\n2\r\n";
    for call in [
        &["SMEMBERS", "s"][..],
        &["SINTER", "s", "s"],
        &["SUNION", "s"],
        &["SDIFF", "s", "none"],
        &["SPOP", "s", "2"],
    ] {
        c.expect(call, both);
    }
    c.expect(&["SPOP", "s"], "_\r\n");
    c.expect(&["SPOP", "s", "1"], "~0\r\n");
    c.expect(&["SRANDMEMBER", "s"], "_\r\n");
    c.expect(&["SRANDMEMBER", "s", "2"], "*0\r\n");
});

/// More members than one slice takes.
const MANY: usize = 12_000;

fn named(range: std::ops::Range<usize>) -> BTreeSet<String> {
    range.map(|n| format!("m{n}")).collect()
}

case!(large_sets_are_worked_over_in_slices, |c| {
    fill(c, "a", MANY);
    fill(c, "b", MANY / 2);
    c.expect(&["SADD", "c", "m1", "m5", "x"], ":3\r\n");
    let (all, half) = (named(0..MANY), named(0..MANY / 2));
    assert_eq!(members(c, &["SMEMBERS", "a"]), all);
    assert_eq!(members(c, &["SINTER", "a", "b"]), half);
    assert_eq!(members(c, &["SUNION", "b", "none", "a"]), all);
    assert_eq!(members(c, &["SDIFF", "a", "b"]), named(MANY / 2..MANY));
    assert!(members(c, &["SDIFF", "b", "none", "a", "c"]).is_empty());
    // The second algorithm, since looking up would take more steps.
    assert_eq!(members(c, &["SDIFF", "a", "c", "c", "c", "c"]).len(), MANY - 2);
    c.expect(&["SINTERCARD", "2", "a", "b"], format!(":{}\r\n", MANY / 2));
    c.expect(&["SINTERCARD", "2", "a", "b", "LIMIT", "4500"], ":4500\r\n");
    let some = members(c, &["SRANDMEMBER", "a", "9000"]);
    assert!(some.len() == 9000 && some.is_subset(&all));
    let drawn = texts(&c.node(&["SRANDMEMBER", "c", "-9000"]));
    assert!(drawn.len() == 9000 && drawn.iter().all(|text| ["m1", "m5", "x"].contains(&&**text)));
    for (call, len) in [
        (&["SINTERSTORE", "d", "a", "b"][..], MANY / 2),
        (&["SUNIONSTORE", "d", "a", "c"], MANY + 1),
        (&["SDIFFSTORE", "a", "a", "b"], MANY / 2),
        (&["SDIFFSTORE", "d", "a", "a"], 0),
        (&["SINTERSTORE", "d", "a", "b"], 0),
    ] {
        c.expect(call, format!(":{len}\r\n"));
        c.expect(&["SCARD", call[1]], format!(":{len}\r\n"));
    }
    c.expect(&["EXISTS", "d"], ":0\r\n");
    assert_eq!(members(c, &["SMEMBERS", "a"]), named(MANY / 2..MANY));
    let scanned = c.node(&["SSCAN", "b", "0", "COUNT", "100000"]);
    let parts = scanned.list().expect("cursor and members");
    assert_eq!(texts(&parts[1]).into_iter().collect::<BTreeSet<_>>(), half);
});

case!(popping_a_whole_large_set_is_one_change, ["--notify-keyspace-events", "Esg"], |c| {
    fill(c, "s", MANY);
    let mut ear = c.client();
    ear.cmd(&["PSUBSCRIBE", "*"]);
    assert_eq!(members(c, &["SPOP", "s", "99999"]), named(0..MANY));
    c.expect(&["EXISTS", "s"], ":0\r\n");
    for event in ["spop", "del"] {
        let channel = format!("__keyevent@0__:{event}");
        ear.expect_frame(bulks(&["pmessage", "*", &channel, "s"]));
    }
});

case!(long_work_sees_its_sources_as_they_were, |c| {
    fill(c, "a", MANY);
    fill(c, "b", MANY);
    let (mut other, mut third) = (c.client(), c.client());
    for (call, disturb) in [
        (&["SMEMBERS", "a"][..], &["SADD", "a", "new"][..]),
        (&["SMEMBERS", "a"], &["DEL", "a"]),
        (&["SUNION", "b", "none"], &["SREM", "b", "m1"]),
        (&["SINTER", "b", "b"], &["SUNIONSTORE", "b", "none"]),
    ] {
        let before = members(&mut third, &["SMEMBERS", call[1]]);
        let mut request = crate::support::frames::encode(call);
        request.extend(crate::support::frames::encode(&["PING"]));
        c.send_raw(&request);
        other.cmd(disturb);
        let (node, _) = crate::support::frames::parse(&c.read_frame()).expect("a frame");
        let seen: BTreeSet<String> = texts(&node).into_iter().collect();
        let disturbed_first = members(&mut third, &["SMEMBERS", call[1]]);
        assert!(seen == before || seen == disturbed_first, "{call:?} saw a mixture");
        c.expect_frame("+PONG\r\n");
    }
});

case!(copies_are_independent, |c| {
    for (key, count) in [("l", 10), ("h", 200)] {
        fill(c, key, count);
        c.expect(&["COPY", key, "copy", "REPLACE"], ":1\r\n");
        c.expect(&["SREM", "copy", "m1"], ":1\r\n");
        c.expect(&["SISMEMBER", key, "m1"], ":1\r\n");
        c.expect(&["RENAME", "copy", "other"], OK);
        c.expect(&["SCARD", "other"], format!(":{}\r\n", count - 1));
    }
});

case!(changes_are_told, ["--notify-keyspace-events", "Esg"], |c| {
    let mut ear = c.client();
    ear.cmd(&["PSUBSCRIBE", "*"]);
    for (call, events) in [
        (&["SADD", "s", "a", "b", "c", "d"][..], &[("sadd", "s")][..]),
        (&["SADD", "s", "a"], &[]),
        (&["SREM", "s", "x"], &[]),
        (&["SREM", "s", "a"], &[("srem", "s")]),
        (&["SMOVE", "s", "t", "b"], &[("srem", "s"), ("sadd", "t")]),
        (&["SMOVE", "t", "s", "b"], &[("srem", "t"), ("del", "t"), ("sadd", "s")]),
        (&["SPOP", "s"], &[("spop", "s")]),
        (&["SPOP", "s", "0"], &[]),
        (&["SPOP", "s", "1"], &[("spop", "s")]),
        (&["SUNIONSTORE", "u", "s"], &[("sunionstore", "u")]),
        (&["SDIFFSTORE", "u", "none"], &[("del", "u")]),
        (&["SINTERSTORE", "u", "none"], &[]),
        (&["SPOP", "s", "9"], &[("spop", "s"), ("del", "s")]),
        (&["SADD", "s", "a"], &[("sadd", "s")]),
        (&["SREM", "s", "a"], &[("srem", "s"), ("del", "s")]),
    ] {
        c.cmd(call);
        for (event, key) in events {
            let channel = format!("__keyevent@0__:{event}");
            ear.expect_frame(bulks(&["pmessage", "*", &channel, key]));
        }
    }
    c.expect(&["PUBLISH", "end", "x"], ":1\r\n");
    ear.expect_frame(bulks(&["pmessage", "*", "end", "x"]));
});
