//! Hashes: fields set, read, counted, deleted, picked and walked over, in both encodings.

use crate::support::Client;
use crate::support::frames::{self, Node, Value, encode};
use std::collections::{BTreeMap, BTreeSet};

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const OVERFLOW: &str = "-ERR increment or decrement would overflow\r\n";
const NIL: &str = "$-1\r\n";
const NONE: &str = "*0\r\n";
const OK: &str = "+OK\r\n";

fn arity(command: &str) -> String {
    format!("-ERR wrong number of arguments for '{command}' command\r\n")
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn bulks(texts: &[&str]) -> String {
    let items: String = texts.iter().map(|text| bulk(text)).collect();
    format!("*{}\r\n{items}", texts.len())
}

fn encoding(c: &mut Client, key: &str, want: &str) {
    c.expect(&["OBJECT", "ENCODING", key], bulk(want));
}

/// A hash of `f0` to `f<count - 1>` with values `v0` and so on.
fn fill(c: &mut Client, key: &str, count: usize) {
    for n in 0..count {
        c.expect(&["HSET", key, &format!("f{n}"), &format!("v{n}")], ":1\r\n");
    }
}

fn texts(node: &Node) -> Vec<String> {
    let text = |node: &Node| String::from_utf8(node.text()).expect("plain texts");
    node.list().expect("an array").iter().map(text).collect()
}

/// Fields and values in turn as a map; no field may come twice.
fn pairs(flat: &[String]) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for pair in flat.chunks(2) {
        assert!(map.insert(pair[0].clone(), pair[1].clone()).is_none(), "{} twice", pair[0]);
    }
    map
}

case!(fields_are_set_and_read, |c| {
    c.expect(&["HGET", "h", "a"], NIL);
    c.expect(&["HSET", "h", "a", "1", "b", "2", "a", "3"], ":2\r\n");
    c.expect(&["HSET", "h", "a", "4", "", ""], ":1\r\n");
    c.expect(&["HGETALL", "h"], bulks(&["a", "4", "b", "2", "", ""]));
    c.expect(&["HKEYS", "h"], bulks(&["a", "b", ""]));
    c.expect(&["HVALS", "h"], bulks(&["4", "2", ""]));
    c.expect(&["HMGET", "h", "b", "x", "a", "b"], "*4\r\n$1\r\n2\r\n$-1\r\n$1\r\n4\r\n$1\r\n2\r\n");
    c.expect(&["HMGET", "none", "b", "x"], "*2\r\n$-1\r\n$-1\r\n");
    c.expect(&["HLEN", "h"], ":3\r\n");
    c.expect(&["HMSET", "h", "c", "-007", "d", "-7"], OK);
    c.expect(&["HGET", "h", "c"], bulk("-007"));
    for (field, there, len) in [("a", 1, 1), ("", 1, 0), ("c", 1, 4), ("d", 1, 2), ("x", 0, 0)] {
        c.expect(&["HEXISTS", "h", field], format!(":{there}\r\n"));
        c.expect(&["HSTRLEN", "h", field], format!(":{len}\r\n"));
    }
    c.expect(&["TYPE", "h"], "+hash\r\n");
    for (command, missing) in [("HGETALL", NONE), ("HKEYS", NONE), ("HVALS", NONE)] {
        c.expect(&[command, "none"], missing);
    }
    for command in ["HLEN", "EXISTS"] {
        c.expect(&[command, "none"], ":0\r\n");
    }
});

case!(resp3_has_maps_and_pairs, |c| {
    c.cmd(&["HELLO", "3"]);
    c.expect(&["HGETALL", "h"], "%0\r\n");
    c.expect(&["HGET", "h", "f"], "_\r\n");
    c.expect(&["HRANDFIELD", "h"], "_\r\n");
    c.expect(&["HSET", "h", "f", "v"], ":1\r\n");
    c.expect(&["HGETALL", "h"], "%1\r\n$1\r\nf\r\n$1\r\nv\r\n");
    c.expect(&["HMGET", "h", "x"], "*1\r\n_\r\n");
    c.expect(&["HKEYS", "h"], bulks(&["f"]));
    let pair = "*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    c.expect(&["HRANDFIELD", "h", "1", "WITHVALUES"], format!("*1\r\n{pair}"));
    c.expect(&["HRANDFIELD", "h", "5", "WITHVALUES"], format!("*1\r\n{pair}"));
    c.expect(&["HRANDFIELD", "h", "-2", "WITHVALUES"], format!("*2\r\n{pair}{pair}"));
});

case!(words_must_come_in_pairs, |c| {
    for command in ["HSET", "HMSET"] {
        for words in [&["h", "f"][..], &["h", "f", "v", "g"], &["h"]] {
            c.expect(&[&[command], words].concat(), arity(&command.to_lowercase()));
        }
    }
    c.expect(&["SET", "s", "x"], OK);
    c.expect(&["HSET", "s", "f", "v", "g"], arity("hset"));
    c.expect(&["EXISTS", "h"], ":0\r\n");
    c.expect(&["HDEL", "h"], arity("hdel"));
    c.expect(&["HSETNX", "h", "f"], arity("hsetnx"));
});

case!(other_types_are_refused, |c| {
    c.expect(&["SET", "s", "x"], OK);
    for call in [
        &["HSET", "s", "f", "v"][..],
        &["HMSET", "s", "f", "v"],
        &["HSETNX", "s", "f", "v"],
        &["HGET", "s", "f"],
        &["HMGET", "s", "f"],
        &["HGETALL", "s"],
        &["HKEYS", "s"],
        &["HVALS", "s"],
        &["HLEN", "s"],
        &["HSTRLEN", "s", "f"],
        &["HEXISTS", "s", "f"],
        &["HDEL", "s", "f"],
        &["HINCRBY", "s", "f", "1"],
        &["HINCRBYFLOAT", "s", "f", "1"],
        &["HRANDFIELD", "s"],
        &["HRANDFIELD", "s", "1"],
        &["HSCAN", "s", "0"],
    ] {
        c.expect(call, WRONG_TYPE);
    }
    c.expect(&["GET", "s"], bulk("x"));
    for count in [2, 600] {
        fill(c, "h", count);
        c.expect(&["GET", "h"], WRONG_TYPE);
        c.expect(&["APPEND", "h", "x"], WRONG_TYPE);
        c.expect(&["SET", "h", "x"], OK);
        c.expect(&["GET", "h"], bulk("x"));
        c.expect(&["DEL", "h"], ":1\r\n");
    }
});

case!(hsetnx_sets_what_is_missing, |c| {
    c.expect(&["HSETNX", "h", "f", "1"], ":1\r\n");
    c.expect(&["HSETNX", "h", "f", "2"], ":0\r\n");
    c.expect(&["HSETNX", "h", "g", &"x".repeat(65)], ":1\r\n");
    c.expect(&["HGET", "h", "f"], bulk("1"));
    encoding(c, "h", "hashtable");
});

case!(the_key_goes_with_its_last_field, |c| {
    for count in [3, 600] {
        fill(c, "h", count);
        c.expect(&["HDEL", "h", "x", "y"], ":0\r\n");
        c.expect(&["HDEL", "h", "f0", "x", "f0", "f1"], ":2\r\n");
        c.expect(&["HLEN", "h"], format!(":{}\r\n", count - 2));
        let rest: Vec<String> = (2..count).map(|n| format!("f{n}")).collect();
        let call: Vec<&str> =
            ["HDEL", "h"].into_iter().chain(rest.iter().map(String::as_str)).collect();
        c.expect(&call, format!(":{}\r\n", count - 2));
        c.expect(&["EXISTS", "h"], ":0\r\n");
        c.expect(&["HDEL", "h", "f"], ":0\r\n");
    }
});

case!(encodings_change_one_past_the_limit, |c| {
    fill(c, "h", 512);
    encoding(c, "h", "listpack");
    c.expect(&["HSET", "h", "f7", "again"], ":0\r\n");
    encoding(c, "h", "listpack");
    c.expect(&["HSET", "h", "one more", ""], ":1\r\n");
    encoding(c, "h", "hashtable");
    let flat = texts(&c.node(&["HGETALL", "h"]));
    let map = pairs(&flat);
    assert_eq!((map.len(), &map["f7"][..], &map["f511"][..]), (513, "again", "v511"));
    for (field, value, want) in [(64, 64, "listpack"), (65, 1, "hashtable"), (1, 65, "hashtable")] {
        c.cmd(&["DEL", "l"]);
        c.expect(&["HSET", "l", &"f".repeat(field), &"v".repeat(value)], ":1\r\n");
        encoding(c, "l", want);
    }
    c.expect(&["CONFIG", "SET", "hash-max-listpack-entries", "1"], OK);
    c.expect(&["CONFIG", "SET", "hash-max-ziplist-value", "3"], OK);
    c.expect(&["HSET", "few", "a", "1"], ":1\r\n");
    encoding(c, "few", "listpack");
    // Two pairs of one field are one field, but the words alone decide.
    c.expect(&["HSET", "few", "a", "1", "a", "2"], ":0\r\n");
    encoding(c, "few", "hashtable");
    c.expect(&["HINCRBY", "n", "a", "999"], ":999\r\n");
    encoding(c, "n", "listpack");
    c.expect(&["HINCRBY", "n", "a", "1"], ":1000\r\n");
    encoding(c, "n", "hashtable");
});

case!(integers_are_added, |c| {
    c.expect(&["HINCRBY", "h", "n", "5"], ":5\r\n");
    c.expect(&["HINCRBY", "h", "n", "-7"], ":-2\r\n");
    c.expect(&["HGET", "h", "n"], bulk("-2"));
    c.expect(&["HSET", "h", "n", "9223372036854775807", "t", "1 "], ":1\r\n");
    c.expect(&["HINCRBY", "h", "n", "1"], OVERFLOW);
    c.expect(&["HINCRBY", "h", "n", "-1"], ":9223372036854775806\r\n");
    c.expect(&["HINCRBY", "h", "t", "1"], "-ERR hash value is not an integer\r\n");
    c.expect(&["HINCRBY", "h", "n", "1.0"], NOT_INTEGER);
    c.expect(&["HINCRBY", "none", "n", "x"], NOT_INTEGER);
    c.expect(&["EXISTS", "none"], ":0\r\n");
    c.expect(&["SET", "s", "x"], OK);
    c.expect(&["HINCRBY", "s", "n", "x"], NOT_INTEGER);
});

case!(floats_are_added, |c| {
    c.expect(&["HINCRBYFLOAT", "h", "n", "0.1"], bulk("0.1"));
    c.expect(&["HINCRBYFLOAT", "h", "n", "0.2"], bulk("0.3"));
    c.expect(&["HINCRBYFLOAT", "h", "n", "2.7"], bulk("3"));
    c.expect(&["HINCRBY", "h", "n", "1"], ":4\r\n");
    c.expect(&["HINCRBYFLOAT", "h", "n", "3.0e3"], bulk("3004"));
    c.expect(&["HINCRBYFLOAT", "h", "n", "x"], "-ERR value is not a valid float\r\n");
    c.expect(&["HINCRBYFLOAT", "h", "n", "-inf"], "-ERR value is NaN or Infinity\r\n");
    c.expect(&["HSET", "h", "t", "text", "i", "inf"], ":2\r\n");
    c.expect(&["HINCRBYFLOAT", "h", "t", "1"], "-ERR hash value is not a float\r\n");
    let infinite = "-ERR increment would produce NaN or Infinity\r\n";
    c.expect(&["HINCRBYFLOAT", "h", "i", "1"], infinite);
    c.expect(&["HINCRBYFLOAT", "none", "n", "inf"], "-ERR value is NaN or Infinity\r\n");
    c.expect(&["EXISTS", "none"], ":0\r\n");
});

case!(random_fields_come_in_the_asked_number_and_form, |c| {
    for count in [9, 700] {
        c.cmd(&["DEL", "h"]);
        fill(c, "h", count);
        let all: BTreeSet<String> = (0..count).map(|n| format!("f{n}")).collect();
        let one = String::from_utf8(c.node(&["HRANDFIELD", "h"]).text()).expect("a field");
        assert!(all.contains(&one), "{one}");
        // Few, most and all of them: each way of picking.
        for picks in [1, 3, count - 2, count, count + 5] {
            let picked = texts(&c.node(&["HRANDFIELD", "h", &picks.to_string()]));
            let set: BTreeSet<String> = picked.iter().cloned().collect();
            assert_eq!((set.len(), picked.len()), (picks.min(count), picks.min(count)));
            assert!(set.is_subset(&all));
            let flat = texts(&c.node(&["HRANDFIELD", "h", &picks.to_string(), "withvalues"]));
            let map = pairs(&flat);
            assert_eq!(map.len(), picks.min(count));
            assert!(map.iter().all(|(field, value)| field[1..] == value[1..]));
        }
        let flat = texts(&c.node(&["HRANDFIELD", "h", "-1000", "WITHVALUES"]));
        assert_eq!(flat.len(), 2000);
        assert!(flat.chunks(2).all(|pair| all.contains(&pair[0]) && pair[0][1..] == pair[1][1..]));
        let seen: BTreeSet<&String> = flat.iter().step_by(2).collect();
        assert!(seen.len() > all.len() / 2, "picks differ");
        c.expect(&["HRANDFIELD", "h", "0"], NONE);
    }
    c.expect(&["HRANDFIELD", "none"], NIL);
    c.expect(&["HRANDFIELD", "none", "5"], NONE);
});

case!(counts_of_random_fields_have_bounds, |c| {
    let range = "-ERR value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807\r\n";
    c.expect(&["HSET", "h", "f", "v"], ":1\r\n");
    c.expect(&["HRANDFIELD", "h", "x"], NOT_INTEGER);
    c.expect(&["HRANDFIELD", "h", "-9223372036854775808"], range);
    c.expect(&["HRANDFIELD", "h", "1", "WITHVALUE"], SYNTAX);
    c.expect(&["HRANDFIELD", "h", "1", "WITHVALUES", "x"], SYNTAX);
    let beyond = "-ERR value is out of range\r\n";
    c.expect(&["HRANDFIELD", "none", "4611686018427387904", "WITHVALUES"], beyond);
    c.expect(&["HRANDFIELD", "none", "-2147483648"], NONE);
    c.expect(&["HRANDFIELD", "h", "-2147483648"], beyond);
    c.expect(&["HRANDFIELD", "h", "-9223372036854775807"], beyond);
    c.expect(&["HRANDFIELD", "h", "9223372036854775807"], bulks(&["f"]));
    c.expect(&["HRANDFIELD", "h", "4611686018427387903", "WITHVALUES"], bulks(&["f", "v"]));
});

/// A whole scan; no field may come twice while nothing changes.
fn scan(c: &mut Client, key: &str, options: &[&str]) -> (BTreeMap<String, String>, usize) {
    let (mut flat, mut cursor, mut steps) = (Vec::new(), "0".to_owned(), 0);
    loop {
        let node = c.node(&[&["HSCAN", key, &cursor], options].concat());
        let [next, found] = node.list().expect("an array of two") else { panic!("{node:?}") };
        flat.extend(texts(found));
        steps += 1;
        cursor = String::from_utf8(next.text()).expect("a cursor");
        if cursor == "0" {
            return (pairs(&flat), steps);
        }
    }
}

case!(a_scan_shows_every_field_once, |c| {
    fill(c, "small", 100);
    fill(c, "large", 1000);
    // A listpack comes as a whole, whatever was asked.
    let (found, steps) = scan(c, "small", &["COUNT", "1"]);
    assert_eq!((found.len(), steps), (100, 1));
    for options in [&[][..], &["COUNT", "1"], &["count", "100000"], &["MATCH", "*"]] {
        let (found, steps) = scan(c, "large", options);
        assert_eq!(found.len(), 1000, "{options:?}");
        assert!(found.iter().all(|(field, value)| field[1..] == value[1..]));
        assert_eq!(steps == 1, options.contains(&"100000"));
    }
    for (key, nines) in [("small", 10), ("large", 100)] {
        assert_eq!(scan(c, key, &["MATCH", "f*9"]).0.len(), nines);
        assert_eq!(scan(c, key, &["match", "v*"]).0.len(), 0, "values are not compared");
    }
});

case!(a_scan_keeps_its_promise_while_fields_come_and_go, |c| {
    fill(c, "h", 1000);
    let (mut seen, mut cursor, mut step) = (BTreeSet::new(), "0".to_owned(), 0);
    loop {
        let node = c.node(&["HSCAN", "h", &cursor]);
        let parts = node.list().expect("an array of two");
        seen.extend(texts(&parts[1]).into_iter().step_by(2));
        cursor = String::from_utf8(parts[0].text()).expect("a cursor");
        if cursor == "0" {
            break;
        }
        c.expect(&["HDEL", "h", &format!("f{}", 999 - step)], ":1\r\n");
        for n in 0..20 {
            c.expect(&["HSET", "h", &format!("new {step} {n}"), "v"], ":1\r\n");
        }
        step += 1;
    }
    assert!(step < 900, "{step} steps");
    assert!((0..1000 - step).all(|n| seen.contains(&format!("f{n}"))));
});

case!(scan_options_are_looked_at_last, |c| {
    let nothing = "*2\r\n$1\r\n0\r\n*0\r\n";
    c.expect(&["HSCAN", "none", "0"], nothing);
    c.expect(&["HSCAN", "none", "0", "COUNT", "0"], nothing);
    c.expect(&["HSCAN", "none", "x"], "-ERR invalid cursor\r\n");
    c.expect(&["HSET", "h", "f", "v"], ":1\r\n");
    c.expect(&["HSCAN", "h", "0", "COUNT", "0"], SYNTAX);
    c.expect(&["HSCAN", "h", "0", "COUNT", "x"], NOT_INTEGER);
    c.expect(&["HSCAN", "h", "0", "COUNT"], SYNTAX);
    c.expect(&["HSCAN", "h", "0", "TYPE", "hash"], SYNTAX);
    c.expect(&["HSCAN", "h", "0", "NOVALUES", "x"], SYNTAX);
    c.expect(&["SET", "s", "x"], OK);
    c.expect(&["HSCAN", "s", "x"], "-ERR invalid cursor\r\n");
    c.expect(&["HSCAN", "s", "0", "COUNT", "0"], WRONG_TYPE);
});

case!(copies_are_independent_and_keep_their_encoding, |c| {
    for (count, name) in [(3, "listpack"), (100, "listpack"), (600, "hashtable")] {
        fill(c, "h", count);
        c.expect(&["COPY", "h", "copy"], ":1\r\n");
        encoding(c, "copy", name);
        c.expect(&["HSET", "copy", "f1", "other"], ":0\r\n");
        c.expect(&["HGET", "h", "f1"], bulk("v1"));
        c.expect(&["RENAME", "h", "renamed"], OK);
        c.expect(&["HLEN", "renamed"], format!(":{count}\r\n"));
        c.expect(&["DEL", "renamed", "copy"], ":2\r\n");
    }
});

case!(the_deadline_stays_as_long_as_the_key, |c| {
    fill(c, "h", 2);
    c.expect(&["EXPIRE", "h", "1000"], ":1\r\n");
    c.expect(&["HSET", "h", "f2", &"v".repeat(2000)], ":1\r\n");
    c.expect(&["HDEL", "h", "f0"], ":1\r\n");
    assert!(c.int(&["TTL", "h"]) > 990);
    c.expect(&["HDEL", "h", "f1", "f2"], ":2\r\n");
    c.expect(&["HSET", "h", "f", "v"], ":1\r\n");
    c.expect(&["TTL", "h"], ":-1\r\n");
    c.expect(&["PEXPIRE", "h", "1"], ":1\r\n");
    c.advance_ms(5);
    c.expect(&["HGET", "h", "f"], NIL);
    c.expect(&["HSET", "h", "g", "v"], ":1\r\n");
    c.expect(&["HLEN", "h"], ":1\r\n");
});

case!(changes_are_told, ["--notify-keyspace-events", "Ehg"], |c| {
    let mut ear = c.client();
    ear.cmd(&["PSUBSCRIBE", "*"]);
    for (call, events) in [
        (&["HSET", "h", "f", "1", "g", "2"][..], &["hset"][..]),
        (&["HMSET", "h", "f", "1"], &["hset"]),
        (&["HSETNX", "h", "f", "1"], &[]),
        (&["HSETNX", "h", "n", "1"], &["hset"]),
        (&["HINCRBY", "h", "n", "1"], &["hincrby"]),
        (&["HINCRBYFLOAT", "h", "n", "1"], &["hincrbyfloat"]),
        (&["HDEL", "h", "x"], &[]),
        (&["HDEL", "h", "f", "g"], &["hdel"]),
        (&["HDEL", "h", "n"], &["hdel", "del"]),
    ] {
        c.cmd(call);
        for event in events {
            let channel = format!("__keyevent@0__:{event}");
            let message = bulks(&["pmessage", "*", &channel, "h"]);
            ear.expect_frame(message);
        }
    }
    c.expect(&["PUBLISH", "end", "x"], ":1\r\n");
    ear.expect_frame(bulks(&["pmessage", "*", "end", "x"]));
});

case!(large_fields_and_values_are_kept, |c| {
    let (field, value) = ("f".repeat(70_000), "v".repeat(300_000));
    c.expect(&["HSET", "h", &field, &value, "s", "1"], ":2\r\n");
    c.expect(&["HGET", "h", &field], bulk(&value));
    c.expect(&["HSTRLEN", "h", &field], ":300000\r\n");
    c.expect(&["HSET", "h", &field, "now short"], ":0\r\n");
    c.expect(&["HGET", "h", &field], bulk("now short"));
    match c.node(&["HSCAN", "h", "0"]).value {
        Value::List(parts) => assert_eq!(pairs(&texts(&parts[1])).len(), 2),
        other => panic!("{other:?}"),
    }
});

case!(a_scan_of_many_fields_at_once, |c| {
    let all = fill_huge(c, "h");
    let (found, steps) = scan(c, "h", &["COUNT", "100000"]);
    assert_eq!((found == all, steps), (true, 1));
    let (found, steps) = scan(c, "h", &["COUNT", "5000", "MATCH", "f1?"]);
    assert_eq!(
        found.keys().collect::<BTreeSet<_>>(),
        all.keys().filter(|f| f.len() == 3 && f.starts_with("f1")).collect()
    );
    assert!((4..=6).contains(&steps), "{steps}");
});

/// `f0` to `f29999`, more than one slice of work can list.
fn fill_huge(c: &mut Client, key: &str) -> BTreeMap<String, String> {
    let all: BTreeMap<String, String> =
        (0..30_000).map(|n| (format!("f{n}"), format!("v{n}"))).collect();
    let words = all.iter().flat_map(|(field, value)| [field.as_str(), value.as_str()]);
    let call: Vec<&str> = ["HSET", key].into_iter().chain(words).collect();
    c.expect(&call, ":30000\r\n");
    all
}

case!(long_replies_show_the_hash_as_it_was, |c| {
    let all = fill_huge(c, "h");
    let mut other = c.client();
    c.send_raw(&encode(&["HGETALL", "h"]));
    c.send_raw(&encode(&["HDEL", "h", "f29999"]));
    c.send_raw(&encode(&["HKEYS", "h"]));
    other.expect(&["PING"], "+PONG\r\n");
    let read = |c: &mut Client| frames::parse(&c.read_frame()).expect("a reply").0;
    assert_eq!(pairs(&texts(&read(c))), all);
    assert_eq!(read(c).value, Value::Int(1));
    let names: BTreeSet<String> = texts(&read(c)).into_iter().collect();
    assert_eq!(names.len(), 29_999);
    // Whether the deletion or the listing comes first, the listing is whole.
    c.send_raw(&encode(&["HVALS", "h"]));
    other.expect(&["HDEL", "h", "f1", "f2", "f3"], ":3\r\n");
    let values = texts(&read(c)).len();
    assert!(values == 29_999 || values == 29_996, "{values}");
    c.send_raw(&encode(&["HGETALL", "h"]));
    other.expect(&["DEL", "h"], ":1\r\n");
    let fields = texts(&read(c)).len();
    assert!(fields == 2 * 29_996 || fields == 0, "{fields}");
});

case!(many_random_fields_of_a_huge_hash, |c| {
    let all = fill_huge(c, "h");
    let differ = texts(&c.node(&["HRANDFIELD", "h", "20000", "WITHVALUES"]));
    let differ = pairs(&differ);
    assert_eq!(differ.len(), 20_000);
    assert!(differ.iter().all(|(field, value)| all.get(field) == Some(value)));
    let low = all.keys().take(1000).filter(|field| differ.contains_key(*field)).count();
    assert!((500..=850).contains(&low), "{low} of the first thousand");
    assert_eq!(pairs(&texts(&c.node(&["HRANDFIELD", "h", "30001", "WITHVALUES"]))), all);
    let picks = texts(&c.node(&["HRANDFIELD", "h", "-30000"]));
    assert!(picks.iter().all(|field| all.contains_key(field)));
    let seen: BTreeSet<&String> = picks.iter().collect();
    // About 1 - 1/e of all.
    assert!(picks.len() == 30_000 && (18_000..20_000).contains(&seen.len()), "{}", seen.len());
    c.expect(&["HSET", "small", "a", "1"], ":1\r\n");
    let picks = c.node(&["HRANDFIELD", "small", "-10000", "WITHVALUES"]);
    assert_eq!(texts(&picks), ["a", "1"].repeat(10_000));
});
