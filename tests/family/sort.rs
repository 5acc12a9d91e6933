//! SORT and SORT_RO over lists, sets and sorted sets.

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NOT_DOUBLE: &str = "-ERR One or more scores can't be converted into double\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NONE: &str = "*0\r\n";

fn bulks(texts: &[&str]) -> String {
    let items: String = texts
        .iter()
        .map(|text| match *text {
            "nil" => "$-1\r\n".to_owned(),
            text => format!("${}\r\n{text}\r\n", text.len()),
        })
        .collect();
    format!("*{}\r\n{items}", texts.len())
}

case!(numbers_and_texts_have_their_order, |c| {
    c.cmd(&["RPUSH", "n", "3", "-1.5", "10", "0x10", "inf", "-inf", "1e1", "", "-0"]);
    let up = ["-inf", "-1.5", "", "-0", "3", "10", "1e1", "0x10", "inf"];
    c.expect(&["SORT", "n"], bulks(&up));
    c.expect(&["SORT_RO", "n", "asc"], bulks(&up));
    let down: Vec<&str> = up.iter().rev().copied().collect();
    c.expect(&["SORT", "n", "DESC"], bulks(&down));
    c.expect(&["SORT", "n", "DESC", "ASC", "LIMIT", "1", "2"], bulks(&["-1.5", ""]));
    c.cmd(&["RPUSH", "t", "b", "a", "B", "10", "9", "ab"]);
    c.expect(&["SORT", "t"], NOT_DOUBLE);
    c.expect(&["SORT", "t", "ALPHA"], bulks(&["10", "9", "B", "a", "ab", "b"]));
    c.expect(&["SORT", "t", "alpha", "desc", "limit", "4", "-1"], bulks(&["9", "10"]));
    c.expect(&["SORT", "none"], NONE);
});

case!(limits_may_be_anything, |c| {
    c.cmd(&["RPUSH", "l", "3", "1", "2"]);
    for (start, count, want) in [
        ("0", "-1", &["1", "2", "3"][..]),
        ("-5", "2", &["1", "2"]),
        ("2", "9", &["3"]),
        ("3", "1", &[]),
        ("0", "0", &[]),
        ("1", "-9223372036854775808", &["2", "3"]),
        ("9223372036854775807", "9223372036854775807", &[]),
    ] {
        c.expect(&["SORT", "l", "LIMIT", start, count], bulks(want));
    }
    c.expect(&["SORT", "l", "LIMIT", "x", "1"], NOT_INTEGER);
    c.expect(&["SORT", "l", "LIMIT", "1"], SYNTAX);
});

case!(other_keys_give_order_and_results, |c| {
    c.cmd(&["RPUSH", "l", "1", "2", "3"]);
    c.cmd(&["MSET", "w_1", "30", "w_2", "10", "n_1", "ann", "n_2", "bob", "n_3", "cid"]);
    c.cmd(&["HSET", "h_1", "f", "9", "g", "x"]);
    c.cmd(&["HSET", "h_3", "f", "5"]);
    c.cmd(&["RPUSH", "n_x", "no string"]);
    c.expect(&["SORT", "l", "BY", "w_*"], bulks(&["3", "2", "1"]));
    c.expect(&["SORT", "l", "BY", "h_*->f", "GET", "#"], bulks(&["2", "3", "1"]));
    c.expect(&["SORT", "l", "BY", "n_*"], NOT_DOUBLE);
    c.expect(&["SORT", "l", "BY", "n_*", "ALPHA", "DESC"], bulks(&["3", "2", "1"]));
    c.expect(&["SORT", "l", "BY", "h_*->g", "ALPHA"], bulks(&["2", "3", "1"]));
    let got = ["1", "x", "nil", "2", "nil", "nil", "3", "nil", "nil"];
    c.expect(&["SORT", "l", "GET", "#", "GET", "h_*->g", "GET", "w_*->f"], bulks(&got));
    c.expect(&["SORT", "l", "GET", "nothing", "LIMIT", "0", "1"], bulks(&["nil"]));
    c.expect(&["SORT", "l", "BY", "nosort", "DESC"], bulks(&["3", "2", "1"]));
    c.expect(&["SORT", "l", "BY", "nosort", "GET", "n_*"], bulks(&["ann", "bob", "cid"]));
    c.expect(&["SORT", "l", "BY"], SYNTAX);
    c.expect(&["SORT", "l", "GET"], SYNTAX);
    c.cmd(&["HELLO", "3"]);
    c.expect(&["SORT", "l", "GET", "w_*", "LIMIT", "2", "1"], "*1\r\n_\r\n");
});

case!(sets_and_sorted_sets_are_sorted_too, |c| {
    c.cmd(&["SADD", "s", "3", "1", "2"]);
    c.expect(&["SORT", "s", "DESC"], bulks(&["3", "2", "1"]));
    c.cmd(&["SADD", "t", "c", "a", "b"]);
    c.expect(&["SORT", "t", "ALPHA", "LIMIT", "1", "9"], bulks(&["b", "c"]));
    // What is stored must not depend on the order inside a set.
    c.expect(&["SORT", "t", "BY", "nosort", "STORE", "d"], ":3\r\n");
    c.expect(&["LRANGE", "d", "0", "-1"], bulks(&["a", "b", "c"]));
    c.cmd(&["ZADD", "z", "3", "a", "2", "b", "1", "c"]);
    c.expect(&["SORT", "z", "ALPHA"], bulks(&["a", "b", "c"]));
    c.expect(&["SORT", "z", "BY", "nosort"], bulks(&["c", "b", "a"]));
    c.expect(&["SORT", "z", "BY", "nosort", "DESC", "LIMIT", "0", "2"], bulks(&["a", "b"]));
    c.expect(&["SORT", "z", "BY", "nosort", "LIMIT", "1", "9"], bulks(&["b", "a"]));
    c.expect(&["SORT", "z", "BY", "nosort", "LIMIT", "9", "9"], NONE);
    c.cmd(&["SET", "str", "x"]);
    c.expect(&["SORT", "str"], WRONG_TYPE);
    c.cmd(&["HSET", "h", "f", "v"]);
    c.expect(&["SORT_RO", "h"], WRONG_TYPE);
});

case!(results_are_stored_as_a_list, |c| {
    c.cmd(&["RPUSH", "l", "3", "1", "2"]);
    c.cmd(&["SET", "d", "was a string", "EX", "1000"]);
    c.expect(&["SORT", "l", "STORE", "d"], ":3\r\n");
    c.expect(&["LRANGE", "d", "0", "-1"], bulks(&["1", "2", "3"]));
    c.expect(&["OBJECT", "ENCODING", "d"], "$8\r\nlistpack\r\n");
    c.expect(&["TTL", "d"], ":-1\r\n");
    c.expect(&["SORT", "l", "GET", "none_*", "GET", "#", "STORE", "d"], ":6\r\n");
    c.expect(&["LRANGE", "d", "0", "-1"], bulks(&["", "1", "", "2", "", "3"]));
    c.expect(&["SORT", "l", "DESC", "STORE", "l"], ":3\r\n");
    c.expect(&["LRANGE", "l", "0", "-1"], bulks(&["3", "2", "1"]));
    c.expect(&["SORT", "none", "STORE", "d"], ":0\r\n");
    c.expect(&["EXISTS", "d"], ":0\r\n");
    c.expect(&["SORT", "none", "STORE", "d"], ":0\r\n");
    c.expect(&["SORT_RO", "l", "STORE", "d"], SYNTAX);
    c.expect(&["SORT", "l", "STORE"], SYNTAX);
    let many: Vec<String> = (0..4000).map(|i| (i * 7919 % 10007).to_string()).collect();
    for part in many.chunks(500) {
        let words: Vec<&str> =
            ["RPUSH", "m"].into_iter().chain(part.iter().map(|s| &**s)).collect();
        c.cmd(&words);
    }
    c.expect(&["SORT", "m", "STORE", "d"], ":4000\r\n");
    c.expect(&["OBJECT", "ENCODING", "d"], "$9\r\nquicklist\r\n");
    let mut sorted: Vec<u32> = many.iter().map(|n| n.parse().expect("a number")).collect();
    sorted.sort_unstable();
    let words: Vec<String> = sorted.iter().map(u32::to_string).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    c.expect(&["LRANGE", "d", "0", "-1"], bulks(&words));
});
