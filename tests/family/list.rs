//! Lists: elements pushed, popped, read, moved, replaced and dropped, in both encodings.

use crate::support::Client;

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NIL: &str = "$-1\r\n";
const NIL_ARRAY: &str = "*-1\r\n";
const NONE: &str = "*0\r\n";
const OK: &str = "+OK\r\n";

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn bulks(texts: &[&str]) -> String {
    let items: String = texts.iter().map(|text| bulk(text)).collect();
    format!("*{}\r\n{items}", texts.len())
}

fn push(c: &mut Client, key: &str, texts: &[&str]) {
    c.cmd(&[&["RPUSH", key], texts].concat());
}

#[track_caller]
fn holds(c: &mut Client, key: &str, texts: &[&str]) {
    c.expect(&["LRANGE", key, "0", "-1"], bulks(texts));
    c.expect(&["LLEN", key], format!(":{}\r\n", texts.len()));
}

#[track_caller]
fn encoding(c: &mut Client, key: &str, want: &str) {
    c.expect(&["OBJECT", "ENCODING", key], bulk(want));
}

/// Runs a body with lists as listpacks, as quicklists of small nodes, and with compressed ones.
fn in_all_encodings(c: &mut Client, body: fn(&mut Client)) {
    for (size, depth) in [("-2", "0"), ("1", "0"), ("3", "0"), ("2", "1")] {
        c.expect(&["CONFIG", "SET", "list-max-listpack-size", size], OK);
        c.expect(&["CONFIG", "SET", "list-compress-depth", depth], OK);
        c.expect(&["FLUSHALL"], OK);
        body(c);
    }
}

case!(elements_are_pushed_and_popped_at_both_ends, |c| {
    in_all_encodings(c, |c| {
        c.expect(&["LPUSH", "l", "a", "b", "c"], ":3\r\n");
        c.expect(&["RPUSH", "l", "1", "", "x y"], ":6\r\n");
        holds(c, "l", &["c", "b", "a", "1", "", "x y"]);
        c.expect(&["LPOP", "l"], bulk("c"));
        c.expect(&["RPOP", "l"], bulk("x y"));
        c.expect(&["LPOP", "l", "2"], bulks(&["b", "a"]));
        c.expect(&["RPOP", "l", "9"], bulks(&["", "1"]));
        c.expect(&["EXISTS", "l"], ":0\r\n");
        c.expect(&["LPUSHX", "l", "a"], ":0\r\n");
        c.expect(&["RPUSHX", "l", "a"], ":0\r\n");
        c.expect(&["RPUSH", "l", "m"], ":1\r\n");
        c.expect(&["LPUSHX", "l", "a", "b"], ":3\r\n");
        c.expect(&["RPUSHX", "l", "z"], ":4\r\n");
        holds(c, "l", &["b", "a", "m", "z"]);
    });
});

case!(popping_nothing_has_its_own_answers, |c| {
    c.expect(&["LPOP", "l"], NIL);
    c.expect(&["RPOP", "l", "3"], NIL_ARRAY);
    c.expect(&["LPOP", "l", "0"], NIL_ARRAY);
    let range = "-ERR value is out of range, must be positive\r\n";
    for count in ["-1", "x", "", "1.5", "9223372036854775808"] {
        c.expect(&["LPOP", "l", count], range);
    }
    c.expect(&["LPOP", "l", "1", "2"], "-ERR wrong number of arguments for 'lpop' command\r\n");
    push(c, "l", &["a"]);
    c.expect(&["RPOP", "l", "0"], NONE);
    c.cmd(&["HELLO", "3"]);
    c.expect(&["LPOP", "none"], "_\r\n");
    c.expect(&["LPOP", "none", "1"], "_\r\n");
    c.expect(&["LMPOP", "1", "none", "LEFT"], "_\r\n");
    c.expect(&["LINDEX", "l", "9"], "_\r\n");
});

case!(other_types_are_refused, |c| {
    c.expect(&["SET", "s", "x"], OK);
    push(c, "l", &["a"]);
    let calls: &[&[&str]] = &[
        &["LPUSH", "s", "a"],
        &["RPUSHX", "s", "a"],
        &["LPOP", "s"],
        &["RPOP", "s", "2"],
        &["LLEN", "s"],
        &["LINDEX", "s", "x"],
        &["LRANGE", "s", "0", "1"],
        &["LPOS", "s", "a"],
        &["LSET", "s", "x", "a"],
        &["LREM", "s", "0", "a"],
        &["LTRIM", "s", "0", "1"],
        &["LINSERT", "s", "BEFORE", "a", "b"],
        &["LMOVE", "s", "l", "LEFT", "LEFT"],
        &["LMOVE", "l", "s", "LEFT", "LEFT"],
        &["RPOPLPUSH", "l", "s"],
        &["LMPOP", "2", "s", "l", "LEFT"],
        &["BLPOP", "s", "l", "0"],
        &["BLMOVE", "l", "s", "LEFT", "LEFT", "0"],
        &["BLMPOP", "0", "1", "s", "LEFT"],
    ];
    for call in calls {
        c.expect(call, WRONG_TYPE);
    }
    holds(c, "l", &["a"]);
    c.expect(&["INCR", "l"], WRONG_TYPE);
    c.expect(&["TYPE", "l"], "+list\r\n");
});

case!(ranges_and_indexes_count_from_both_ends, |c| {
    in_all_encodings(c, |c| {
        push(c, "l", &["a", "b", "c", "d", "e", "f", "7"]);
        let cases: &[(&str, &str, &[&str])] = &[
            ("0", "2", &["a", "b", "c"]),
            ("-3", "-2", &["e", "f"]),
            ("2", "-4", &["c", "d"]),
            ("5", "99", &["f", "7"]),
            ("-99", "0", &["a"]),
            ("4", "3", &[]),
            ("7", "9", &[]),
            ("-1", "-2", &[]),
            ("9223372036854775807", "9223372036854775807", &[]),
            ("-9223372036854775808", "-9223372036854775808", &[]),
        ];
        for (start, stop, want) in cases {
            c.expect(&["LRANGE", "l", start, stop], bulks(want));
        }
        for (index, want) in [("0", "a"), ("6", "7"), ("-1", "7"), ("-7", "a"), ("3", "d")] {
            c.expect(&["LINDEX", "l", index], bulk(want));
        }
        for index in ["7", "-8", "9223372036854775807", "-9223372036854775808"] {
            c.expect(&["LINDEX", "l", index], NIL);
        }
        c.expect(&["LRANGE", "l", "x", "1"], NOT_INTEGER);
        c.expect(&["LINDEX", "l", "x"], NOT_INTEGER);
        c.expect(&["LINDEX", "none", "x"], NIL);
        c.expect(&["LRANGE", "none", "0", "1"], NONE);
    });
});

case!(elements_are_replaced_and_put_in_between, |c| {
    in_all_encodings(c, |c| {
        push(c, "l", &["a", "b", "c", "b"]);
        c.expect(&["LSET", "l", "0", "first"], OK);
        c.expect(&["LSET", "l", "-1", "12"], OK);
        c.expect(&["LINSERT", "l", "before", "b", "x"], ":5\r\n");
        c.expect(&["LINSERT", "l", "AFTER", "12", "y"], ":6\r\n");
        c.expect(&["LINSERT", "l", "BEFORE", "first", "z"], ":7\r\n");
        c.expect(&["LINSERT", "l", "AFTER", "none", "y"], ":-1\r\n");
        c.expect(&["LINSERT", "none", "AFTER", "a", "y"], ":0\r\n");
        c.expect(&["LINSERT", "none", "BESIDE", "a", "y"], SYNTAX);
        holds(c, "l", &["z", "first", "x", "b", "c", "12", "y"]);
        c.expect(&["LSET", "l", "7", "x"], "-ERR index out of range\r\n");
        c.expect(&["LSET", "l", "-8", "x"], "-ERR index out of range\r\n");
        c.expect(&["LSET", "l", "a", "x"], NOT_INTEGER);
        c.expect(&["LSET", "none", "a", "x"], "-ERR no such key\r\n");
    });
});

case!(elements_are_dropped_by_text_and_by_place, |c| {
    in_all_encodings(c, |c| {
        push(c, "l", &["a", "b", "a", "c", "a", "5", "a"]);
        c.expect(&["LREM", "l", "1", "a"], ":1\r\n");
        c.expect(&["LREM", "l", "-1", "a"], ":1\r\n");
        holds(c, "l", &["b", "a", "c", "a", "5"]);
        c.expect(&["LREM", "l", "0", "a"], ":2\r\n");
        c.expect(&["LREM", "l", "-9", "05"], ":0\r\n");
        c.expect(&["LREM", "l", "-9", "5"], ":1\r\n");
        holds(c, "l", &["b", "c"]);
        c.expect(&["LREM", "l", "x", "a"], NOT_INTEGER);
        c.expect(
            &["LREM", "none", "-9223372036854775808", "a"],
            "-ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807\r\n",
        );
        c.expect(&["LREM", "none", "0", "a"], ":0\r\n");
        push(c, "l", &["d", "e", "f"]);
        c.expect(&["LTRIM", "l", "1", "-2"], OK);
        holds(c, "l", &["c", "d", "e"]);
        c.expect(&["LTRIM", "l", "-2", "9"], OK);
        holds(c, "l", &["d", "e"]);
        c.expect(&["LTRIM", "l", "2", "1"], OK);
        c.expect(&["EXISTS", "l"], ":0\r\n");
        c.expect(&["LTRIM", "l", "0", "1"], OK);
        c.expect(&["LTRIM", "l", "x", "1"], NOT_INTEGER);
        push(c, "l", &["a", "a"]);
        c.expect(&["LREM", "l", "2", "a"], ":2\r\n");
        c.expect(&["EXISTS", "l"], ":0\r\n");
    });
});

case!(positions_are_searched_from_either_end, |c| {
    in_all_encodings(c, |c| {
        push(c, "l", &["a", "b", "c", "1", "c", "c", "b"]);
        c.expect(&["LPOS", "l", "c"], ":2\r\n");
        c.expect(&["LPOS", "l", "c", "RANK", "-1"], ":5\r\n");
        c.expect(&["LPOS", "l", "c", "RANK", "-3"], ":2\r\n");
        c.expect(&["LPOS", "l", "c", "RANK", "4"], NIL);
        c.expect(&["LPOS", "l", "c", "COUNT", "0"], "*3\r\n:2\r\n:4\r\n:5\r\n");
        c.expect(&["LPOS", "l", "c", "COUNT", "2", "rank", "-1"], "*2\r\n:5\r\n:4\r\n");
        c.expect(&["LPOS", "l", "c", "COUNT", "9", "MAXLEN", "4"], "*1\r\n:2\r\n");
        c.expect(&["LPOS", "l", "c", "RANK", "-1", "MAXLEN", "1"], NIL);
        c.expect(&["LPOS", "l", "1"], ":3\r\n");
        c.expect(&["LPOS", "l", "01"], NIL);
        c.expect(&["LPOS", "l", "x", "COUNT", "0"], NONE);
        c.expect(&["LPOS", "none", "x", "COUNT", "0"], NONE);
        c.expect(&["LPOS", "none", "x"], NIL);
        c.expect(&["LPOS", "l", "c", "COUNT"], SYNTAX);
        c.expect(&["LPOS", "l", "c", "COUNT", "-1"], "-ERR COUNT can't be negative\r\n");
        c.expect(&["LPOS", "l", "c", "MAXLEN", "x"], "-ERR MAXLEN can't be negative\r\n");
    });
});

case!(elements_move_between_lists, |c| {
    in_all_encodings(c, |c| {
        push(c, "a", &["1", "2", "3", "4"]);
        c.expect(&["LMOVE", "a", "b", "left", "RIGHT"], bulk("1"));
        c.expect(&["LMOVE", "a", "b", "RIGHT", "right"], bulk("4"));
        c.expect(&["LMOVE", "a", "b", "LEFT", "LEFT"], bulk("2"));
        c.expect(&["RPOPLPUSH", "a", "b"], bulk("3"));
        c.expect(&["EXISTS", "a"], ":0\r\n");
        holds(c, "b", &["3", "2", "1", "4"]);
        c.expect(&["RPOPLPUSH", "b", "b"], bulk("4"));
        c.expect(&["LMOVE", "b", "b", "LEFT", "LEFT"], bulk("4"));
        holds(c, "b", &["4", "3", "2", "1"]);
        c.expect(&["LMOVE", "none", "b", "LEFT", "LEFT"], NIL);
        c.expect(&["LMOVE", "none", "b", "LEFT", "UP"], SYNTAX);
        push(c, "one", &["x"]);
        c.expect(&["LMOVE", "one", "one", "LEFT", "RIGHT"], bulk("x"));
        holds(c, "one", &["x"]);
    });
});

case!(the_first_list_that_exists_is_popped, |c| {
    in_all_encodings(c, |c| {
        push(c, "b", &["1", "2", "3", "4"]);
        let found = |texts: &[&str]| format!("*2\r\n{}{}", bulk("b"), bulks(texts));
        c.expect(&["LMPOP", "2", "a", "b", "left"], found(&["1"]));
        c.expect(&["LMPOP", "2", "a", "b", "RIGHT", "count", "2"], found(&["4", "3"]));
        c.expect(&["BLMPOP", "0", "2", "a", "b", "RIGHT", "COUNT", "9"], found(&["2"]));
        c.expect(&["LMPOP", "2", "a", "b", "LEFT"], NIL_ARRAY);
        push(c, "b", &["1"]);
        c.expect(&["LMPOP", "1", "b", "b", "LEFT"], SYNTAX);
        c.expect(&["LMPOP", "2", "b", "LEFT"], SYNTAX);
        c.expect(&["LMPOP", "0", "b", "LEFT"], "-ERR numkeys should be greater than 0\r\n");
        let count = "-ERR count should be greater than 0\r\n";
        c.expect(&["LMPOP", "1", "b", "LEFT", "COUNT", "0"], count);
        c.expect(&["BLMPOP", "x", "1", "b", "LEFT", "COUNT", "0"], count);
    });
});

case!(the_encoding_follows_size_and_count, |c| {
    let large = "x".repeat(5000);
    push(c, "l", &["1", &large]);
    encoding(c, "l", "listpack");
    push(c, "l", &[&large]);
    encoding(c, "l", "quicklist");
    c.expect(&["LTRIM", "l", "0", "0"], OK);
    encoding(c, "l", "listpack");
    c.expect(&["CONFIG", "SET", "list-max-listpack-size", "4"], OK);
    push(c, "n", &["1", "2", "3", "4"]);
    encoding(c, "n", "listpack");
    // As in Redis a search that finds nothing converts as well.
    c.expect(&["LINSERT", "n", "BEFORE", "none", "x"], ":-1\r\n");
    encoding(c, "n", "quicklist");
    c.expect(&["LREM", "n", "0", "1"], ":1\r\n");
    encoding(c, "n", "quicklist");
    c.expect(&["RPOP", "n"], bulk("4"));
    encoding(c, "n", "listpack");
    push(c, "n", &["5", "6", "7"]);
    encoding(c, "n", "quicklist");
    c.expect(&["COPY", "n", "m"], ":1\r\n");
    encoding(c, "m", "quicklist");
    holds(c, "m", &["2", "3", "5", "6", "7"]);
    c.expect(&["RENAME", "m", "k"], OK);
    holds(c, "k", &["2", "3", "5", "6", "7"]);
});

case!(deadlines_survive_edits_and_end_with_the_key, |c| {
    push(c, "l", &["a", "b"]);
    c.expect(&["PEXPIRE", "l", "1000000"], ":1\r\n");
    push(c, "l", &["c"]);
    c.expect(&["LSET", "l", "0", &"x".repeat(2000)], OK);
    assert!(c.int(&["PTTL", "l"]) > 900_000);
    c.expect(&["LPOP", "l", "3"], bulks(&[&"x".repeat(2000), "b", "c"]));
    push(c, "l", &["a"]);
    c.expect(&["PTTL", "l"], ":-1\r\n");
});

case!(long_lists_are_walked_from_the_nearer_end, |c| {
    let texts: Vec<String> = (0..9000).map(|i| format!("element-{i:08}")).collect();
    let words: Vec<&str> = texts.iter().map(String::as_str).collect();
    push(c, "l", &words);
    encoding(c, "l", "quicklist");
    for at in [0, 1, 449, 450, 4499, 4500, 8998, 8999] {
        c.expect(&["LINDEX", "l", &at.to_string()], bulk(&texts[at]));
        let stop = (at + 700).min(8999);
        let range = ["LRANGE", "l", &at.to_string(), &stop.to_string()];
        c.expect(&range, bulks(&words[at..=stop]));
    }
    // So many are answered in slices.
    holds(c, "l", &words);
    c.expect(&["LRANGE", "l", "-5000", "-2"], bulks(&words[4000..8999]));
    c.expect(&["LPOS", "l", "element-00002500", "RANK", "-1"], ":2500\r\n");
    c.expect(&["LTRIM", "l", "1000", "1999"], OK);
    holds(c, "l", &words[1000..2000]);
});

case!(large_elements_may_be_nodes_of_their_own, |c| {
    c.expect(&["DEBUG", "QUICKLIST-PACKED-THRESHOLD", "12b"], OK);
    c.expect(&["CONFIG", "SET", "list-max-listpack-size", "2"], OK);
    let [a, b, d] = ["a", "b", "d"].map(|text| text.repeat(20));
    push(c, "l", &["1", &a, "2", "3", &b, "4"]);
    c.expect(&["LINSERT", "l", "BEFORE", "3", &d], ":7\r\n");
    c.expect(&["LSET", "l", "1", "small"], OK);
    c.expect(&["LSET", "l", "0", &a], OK);
    holds(c, "l", &[&a, "small", "2", &d, "3", &b, "4"]);
    c.expect(&["LREM", "l", "0", &d], ":1\r\n");
    c.expect(&["LPOP", "l"], bulk(&a));
    c.expect(&["LPOS", "l", &b], ":3\r\n");
    c.expect(&["LMOVE", "l", "l", "RIGHT", "LEFT"], bulk("4"));
    c.expect(&["RPOP", "l"], bulk(&b));
    holds(c, "l", &["4", "small", "2", "3"]);
    c.expect(&["DEBUG", "QUICKLIST-PACKED-THRESHOLD", "0"], OK);
});
