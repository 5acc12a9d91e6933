//! Sorted sets: members added under conditions, ranges, pops, algebra, picks and waiting, in both
//! encodings.

use crate::support::Client;
use crate::support::frames::{Node, encode};
use std::collections::BTreeMap;

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NOT_FLOAT: &str = "-ERR value is not a valid float\r\n";
const BAD_SCORE: &str = "-ERR min or max is not a float\r\n";
const BAD_TEXT: &str = "-ERR min or max not valid string range item\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NIL: &str = "$-1\r\n";
const NONE: &str = "*0\r\n";
const NO_ARRAY: &str = "*-1\r\n";
const OK: &str = "+OK\r\n";

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

/// Members `m0` to `m<count - 1>` with their numbers as scores.
fn fill(c: &mut Client, key: &str, count: usize) {
    for n in 0..count {
        c.expect(&["ZADD", key, &n.to_string(), &format!("m{n}")], ":1\r\n");
    }
}

fn texts(node: &Node) -> Vec<String> {
    let text = |node: &Node| String::from_utf8(node.text()).expect("plain texts");
    node.list().expect("an array").iter().map(text).collect()
}

/// The same in both encodings: `z` with a few members, and with many more far above them.
fn in_both_encodings(c: &mut Client, members: &[&str], run: fn(&mut Client)) {
    for large in [false, true] {
        c.expect(
            &["CONFIG", "SET", "zset-max-listpack-entries", if large { "0" } else { "128" }],
            OK,
        );
        c.expect(&[&["ZADD", "z"], members].concat(), format!(":{}\r\n", members.len() / 2));
        encoding(c, "z", if large { "skiplist" } else { "listpack" });
        run(c);
        c.cmd(&["FLUSHALL"]);
    }
}

const ABCD: &[&str] = &["1", "a", "2", "b", "2", "c", "3.5", "d"];

case!(conditions_of_zadd, |c| {
    in_both_encodings(c, &["10", "m"], |c| {
        for (flags, score, changed, held) in [
            (&["NX"][..], "20", 0, "10"),
            (&["XX"], "20", 1, "20"),
            (&["GT"], "15", 0, "20"),
            (&["GT"], "25", 1, "25"),
            (&["LT"], "30", 0, "25"),
            (&["LT", "XX"], "5", 1, "5"),
            (&[], "5", 0, "5"),
            (&[], "6", 1, "6"),
        ] {
            let call = [&["ZADD", "z", "CH"], flags, &[score, "m"]].concat();
            assert_eq!(c.int(&call), changed, "{flags:?} {score}");
            c.expect(&["ZSCORE", "z", "m"], bulk(held));
        }
        c.expect(&["ZADD", "z", "7", "m", "8", "new"], ":1\r\n");
        c.expect(&["ZADD", "z", "XX", "1", "newer"], ":0\r\n");
        c.expect(&["ZADD", "z", "GT", "CH", "1", "m", "9", "new", "1", "newer"], ":2\r\n");
        c.expect(&["ZADD", "none", "XX", "1", "m"], ":0\r\n");
        c.expect(&["EXISTS", "none"], ":0\r\n");
        for flags in [["GT", "LT"], ["gt", "Nx"], ["LT", "NX"]] {
            c.expect(&[&["ZADD", "z"], &flags[..], &["1", "m"]].concat(), {
                "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"
            });
        }
    });
});

case!(zadd_refuses_before_it_changes, |c| {
    for (words, error) in [
        (&["1"][..], "-ERR wrong number of arguments for 'zadd' command\r\n"),
        (&["NX", "1"], SYNTAX),
        (&["1", "a", "2"], SYNTAX),
        (&["NX", "XX"], SYNTAX),
        (&["x", "a"], NOT_FLOAT),
        (&["nan", "a"], NOT_FLOAT),
        (&["1", "a", "x", "b"], NOT_FLOAT),
        (&["NX", "XX", "1", "a"], "-ERR XX and NX options at the same time are not compatible\r\n"),
        (
            &["INCR", "1", "a", "2", "b"],
            "-ERR INCR option supports a single increment-element pair\r\n",
        ),
    ] {
        c.expect(&[&["ZADD", "z"], words].concat(), error);
    }
    c.expect(&["EXISTS", "z"], ":0\r\n");
    c.expect(&["ZINCRBY", "z", "NX", "a"], SYNTAX);
});

case!(increments, |c| {
    in_both_encodings(c, &["1", "a"], |c| {
        c.expect(&["ZINCRBY", "z", "2.5", "a"], bulk("3.5"));
        c.expect(&["ZADD", "z", "INCR", "0.1", "b"], bulk("0.1"));
        c.expect(&["ZADD", "z", "INCR", "0.2", "b"], bulk("0.30000000000000004"));
        c.expect(&["ZADD", "z", "NX", "INCR", "1", "b"], NIL);
        c.expect(&["ZADD", "z", "GT", "INCR", "-1", "b"], NIL);
        c.expect(&["ZADD", "none", "XX", "INCR", "1", "b"], NIL);
        c.expect(&["ZINCRBY", "z", "inf", "c"], bulk("inf"));
        c.expect(&["ZINCRBY", "z", "-inf", "c"], "-ERR resulting score is not a number (NaN)\r\n");
        c.expect(&["ZRANGE", "z", "0", "-1"], bulks(&["b", "a", "c"]));
    });
});

case!(encodings_follow_the_limits, |c| {
    fill(c, "z", 128);
    encoding(c, "z", "listpack");
    c.expect(&["ZADD", "z", "1", "one more"], ":1\r\n");
    encoding(c, "z", "skiplist");
    c.expect(&["ZREMRANGEBYRANK", "z", "1", "-1"], ":128\r\n");
    encoding(c, "z", "skiplist");
    c.expect(&["ZADD", "long", "1", &"x".repeat(64)], ":1\r\n");
    encoding(c, "long", "listpack");
    c.expect(&["ZADD", "long", "1", &"x".repeat(65)], ":1\r\n");
    encoding(c, "long", "skiplist");
    // What is stored anew is as small as it can be.
    c.expect(&["ZUNIONSTORE", "u", "1", "z"], ":1\r\n");
    encoding(c, "u", "listpack");
    c.expect(&["ZRANGESTORE", "r", "z", "0", "-1"], ":1\r\n");
    encoding(c, "r", "listpack");
    c.expect(&["COPY", "long", "copy"], ":1\r\n");
    c.expect(&["ZREM", "long", &"x".repeat(65)], ":1\r\n");
    c.expect(&["ZCARD", "copy"], ":2\r\n");
    encoding(c, "copy", "skiplist");
});

case!(ranges_by_rank_and_score, |c| {
    in_both_encodings(c, ABCD, |c| {
        for (words, want) in [
            (&["ZRANGE", "z", "0", "-1"][..], &["a", "b", "c", "d"][..]),
            (&["ZRANGE", "z", "1", "2"], &["b", "c"]),
            (&["ZRANGE", "z", "-2", "9"], &["c", "d"]),
            (&["ZRANGE", "z", "3", "1"], &[]),
            (&["ZRANGE", "z", "0", "1", "REV"], &["d", "c"]),
            (&["ZREVRANGE", "z", "-1", "-1"], &["a"]),
            (&["ZREVRANGE", "z", "0", "0", "WITHSCORES"], &["d", "3.5"]),
            (&["ZRANGEBYSCORE", "z", "(1", "2"], &["b", "c"]),
            (&["ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", "1", "2"], &["b", "c"]),
            (&["ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", "-1", "2"], &[]),
            (&["ZREVRANGEBYSCORE", "z", "2", "1"], &["c", "b", "a"]),
            (&["ZREVRANGEBYSCORE", "z", "+inf", "2", "LIMIT", "1", "1"], &["c"]),
            (&["ZRANGE", "z", "(2", "4", "BYSCORE", "WITHSCORES"], &["d", "3.5"]),
            (&["ZRANGE", "z", "2", "1", "BYSCORE", "REV", "LIMIT", "0", "2"], &["c", "b"]),
        ] {
            c.expect(words, bulks(want));
        }
        c.expect(&["ZCOUNT", "z", "(1", "(3.5"], ":2\r\n");
        c.expect(&["ZRANK", "z", "c"], ":2\r\n");
        c.expect(&["ZREVRANK", "z", "c"], ":1\r\n");
        c.expect(&["ZRANK", "z", "c", "WITHSCORE"], "*2\r\n:2\r\n$1\r\n2\r\n");
        c.expect(&["ZRANK", "z", "x"], NIL);
        c.expect(&["ZREVRANK", "z", "x", "WITHSCORE"], NO_ARRAY);
        c.expect(&["ZMSCORE", "z", "a", "x", "d"], "*3\r\n$1\r\n1\r\n$-1\r\n$3\r\n3.5\r\n");
        c.expect(&["ZRANGESTORE", "r", "z", "0", "1", "REV"], ":2\r\n");
        c.expect(&["ZRANGE", "r", "0", "-1"], bulks(&["c", "d"]));
        c.expect(&["ZRANGESTORE", "r", "z", "9", "9"], ":0\r\n");
        c.expect(&["EXISTS", "r"], ":0\r\n");
    });
});

case!(ranges_by_text, |c| {
    in_both_encodings(c, &["0", "a", "0", "b", "0", "bb", "0", "c"], |c| {
        for (words, want) in [
            (&["ZRANGEBYLEX", "z", "-", "+"][..], &["a", "b", "bb", "c"][..]),
            (&["ZRANGEBYLEX", "z", "[b", "(c"], &["b", "bb"]),
            (&["ZRANGEBYLEX", "z", "(b", "+", "LIMIT", "1", "-1"], &["c"]),
            (&["ZREVRANGEBYLEX", "z", "(c", "-"], &["bb", "b", "a"]),
            (&["ZRANGE", "z", "+", "[bb", "BYLEX", "REV"], &["c", "bb"]),
            (&["ZRANGEBYLEX", "z", "+", "-"], &[]),
        ] {
            c.expect(words, bulks(want));
        }
        c.expect(&["ZLEXCOUNT", "z", "[b", "+"], ":3\r\n");
        c.expect(&["ZREMRANGEBYLEX", "z", "[b", "(c"], ":2\r\n");
        c.expect(&["ZRANGE", "z", "0", "-1"], bulks(&["a", "c"]));
    });
});

case!(range_errors, |c| {
    c.expect(&["ZADD", "z", "1", "a"], ":1\r\n");
    for (words, error) in [
        (&["ZRANGE", "z", "0", "x"][..], NOT_INTEGER),
        (&["ZRANGE", "z", "0", "1", "BAD"], SYNTAX),
        (&["ZRANGE", "z", "0", "1", "LIMIT", "1"], SYNTAX),
        (&["ZRANGE", "z", "a", "b", "BYSCORE"], BAD_SCORE),
        (&["ZRANGE", "z", "a", "b", "BYLEX"], BAD_TEXT),
        (&["ZRANGE", "none", "a", "b", "BYLEX"], BAD_TEXT),
        (
            &["ZRANGE", "z", "0", "1", "LIMIT", "0", "1"],
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
             BYLEX\r\n",
        ),
        (
            &["ZRANGEBYLEX", "z", "-", "+", "WITHSCORES"],
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n",
        ),
        (&["ZCOUNT", "none", "x", "1"], BAD_SCORE),
        (&["ZLEXCOUNT", "none", "x", "+"], BAD_TEXT),
        (&["ZREMRANGEBYRANK", "none", "x", "1"], NOT_INTEGER),
        (&["ZRANK", "z", "a", "WITHSCORES"], SYNTAX),
        (&["ZRANK", "z", "a", "b", "c"], "-ERR wrong number of arguments for 'zrank' command\r\n"),
        (&["ZRANGESTORE", "d", "z", "0", "1", "WITHSCORES"], SYNTAX),
    ] {
        c.expect(words, error);
    }
    // With ranks a limit of -1 is no limit, whatever the offset.
    c.expect(&["ZRANGE", "z", "0", "-1", "LIMIT", "5", "-1"], bulks(&["a"]));
});

case!(removals, |c| {
    in_both_encodings(c, ABCD, |c| {
        c.expect(&["ZREM", "z", "x", "a", "a"], ":1\r\n");
        c.expect(&["ZREMRANGEBYSCORE", "z", "(2", "9"], ":1\r\n");
        c.expect(&["ZREMRANGEBYRANK", "z", "5", "9"], ":0\r\n");
        c.expect(&["ZREMRANGEBYRANK", "z", "0", "-2"], ":1\r\n");
        c.expect(&["ZRANGE", "z", "0", "-1"], bulks(&["c"]));
        c.expect(&["ZREM", "z", "c"], ":1\r\n");
        c.expect(&["EXISTS", "z"], ":0\r\n");
        c.expect(&["ZREM", "z", "c"], ":0\r\n");
    });
});

case!(a_large_set_stays_in_order, |c| {
    // 7919 has no factor in common with 5000: every number once, in a scattered order.
    let order = |n: usize| n * 7919 % 5000;
    for chunk in (0..5000).collect::<Vec<usize>>().chunks(100) {
        let mut words = vec!["ZADD".to_owned(), "z".to_owned()];
        words.extend(chunk.iter().flat_map(|n| [order(*n).to_string(), format!("m{}", order(*n))]));
        c.expect(&words, ":100\r\n");
    }
    let want: Vec<String> = (0..5000).map(|n| format!("m{n}")).collect();
    assert_eq!(texts(&c.node(&["ZRANGE", "z", "0", "-1"])), want);
    c.expect(&["ZRANK", "z", "m4321"], ":4321\r\n");
    c.expect(&["ZINCRBY", "z", "-4000.5", "m4321"], bulk("320.5"));
    c.expect(&["ZRANK", "z", "m4321"], ":321\r\n");
    c.expect(&["ZREMRANGEBYRANK", "z", "1000", "3999"], ":3000\r\n");
    c.expect(&["ZRANGE", "z", "999", "1000"], bulks(&["m998", "m3999"]));
    c.expect(&["ZREMRANGEBYSCORE", "z", "-inf", "+inf"], ":2000\r\n");
    c.expect(&["EXISTS", "z"], ":0\r\n");
});

case!(pops, |c| {
    in_both_encodings(c, ABCD, |c| {
        c.expect(&["ZPOPMIN", "z"], bulks(&["a", "1"]));
        c.expect(&["ZPOPMAX", "z", "2"], bulks(&["d", "3.5", "c", "2"]));
        c.expect(&["ZPOPMIN", "z", "0"], NONE);
        c.expect(&["ZMPOP", "2", "none", "z", "MIN", "COUNT", "9"], {
            "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"
        });
        c.expect(&["EXISTS", "z"], ":0\r\n");
        c.expect(&["ZPOPMAX", "z"], NONE);
        c.expect(&["ZMPOP", "1", "z", "MAX"], NO_ARRAY);
    });
    let positive = "-ERR value is out of range, must be positive\r\n";
    c.expect(&["ZPOPMIN", "z", "-1"], positive);
    c.expect(&["ZPOPMIN", "z", "x"], positive);
    c.expect(&["ZPOPMIN", "z", "1", "2"], SYNTAX);
    for (words, error) in [
        (&["0", "z", "MIN"][..], "-ERR numkeys should be greater than 0\r\n"),
        (&["x", "z", "MIN"], "-ERR numkeys should be greater than 0\r\n"),
        (&["2", "z", "MIN"], SYNTAX),
        (&["1", "z", "MID"], SYNTAX),
        (&["1", "z", "MIN", "COUNT"], SYNTAX),
        (&["1", "z", "MIN", "COUNT", "0"], "-ERR count should be greater than 0\r\n"),
        (&["1", "z", "MIN", "COUNT", "1", "COUNT", "1"], SYNTAX),
    ] {
        c.expect(&[&["ZMPOP"], words].concat(), error);
        c.expect(&[&["BZMPOP", "1"], words].concat(), error);
    }
});

case!(resp3_nests_pairs, |c| {
    c.cmd(&["HELLO", "3"]);
    c.expect(&["ZADD", "z", "1", "a", "2.5", "b"], ":2\r\n");
    c.expect(&["ZRANGE", "z", "0", "0", "WITHSCORES"], "*1\r\n*2\r\n$1\r\na\r\n,1\r\n");
    c.expect(&["ZSCORE", "z", "b"], ",2.5\r\n");
    c.expect(&["ZINCRBY", "z", "inf", "b"], ",inf\r\n");
    c.expect(&["ZMSCORE", "z", "a", "x"], "*2\r\n,1\r\n_\r\n");
    c.expect(&["ZRANK", "z", "x", "WITHSCORE"], "_\r\n");
    c.expect(&["ZUNION", "1", "z", "WITHSCORES"], {
        "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,inf\r\n"
    });
    c.expect(&["ZRANDMEMBER", "z", "9", "WITHSCORES"], {
        "*2\r\n*2\r\n$1\r\nb\r\n,inf\r\n*2\r\n$1\r\na\r\n,1\r\n"
    });
    c.expect(&["ZPOPMAX", "z", "1"], "*1\r\n*2\r\n$1\r\nb\r\n,inf\r\n");
    c.expect(&["ZPOPMAX", "z"], "*2\r\n$1\r\na\r\n,1\r\n");
    c.expect(&["ZMPOP", "1", "z", "MIN"], "_\r\n");
});

case!(algebra, |c| {
    c.expect(&["ZADD", "x", "1", "a", "2", "b", "inf", "c"], ":3\r\n");
    c.expect(&["ZADD", "y", "10", "b", "-inf", "c", "30", "d"], ":3\r\n");
    c.expect(&["SADD", "s", "b", "d"], ":2\r\n");
    let scores = "WITHSCORES";
    for (words, want) in [
        (&["ZUNION", "2", "x", "y", scores][..], &["c", "0", "a", "1", "b", "12", "d", "30"][..]),
        (&["ZINTER", "2", "x", "y", scores], &["c", "0", "b", "12"]),
        (&["ZINTER", "2", "x", "s", scores], &["b", "3"]),
        (&["ZINTER", "2", "x", "y", "AGGREGATE", "MAX", scores], &["b", "10", "c", "inf"]),
        (
            &["ZUNION", "2", "y", "s", "WEIGHTS", "2", "-1", scores],
            &["c", "-inf", "b", "19", "d", "59"],
        ),
        (&["ZUNION", "1", "x", "WEIGHTS", "0", scores], &["a", "0", "b", "0", "c", "0"]),
        (&["ZDIFF", "2", "x", "s", scores], &["a", "1", "c", "inf"]),
        (&["ZDIFF", "2", "x", "x"], &[]),
        (&["ZDIFF", "2", "none", "x"], &[]),
        (&["ZINTER", "2", "x", "none"], &[]),
        (&["ZUNION", "3", "none", "s", "none"], &["b", "d"]),
    ] {
        c.expect(words, bulks(want));
    }
    c.expect(&["ZINTERCARD", "2", "x", "y"], ":2\r\n");
    c.expect(&["ZINTERCARD", "2", "x", "y", "LIMIT", "1"], ":1\r\n");
    c.expect(&["ZUNIONSTORE", "x", "2", "x", "s"], ":4\r\n");
    c.expect(
        &["ZRANGE", "x", "0", "-1", scores],
        bulks(&["a", "1", "d", "1", "b", "3", "c", "inf"]),
    );
    c.expect(&["SET", "text", "x"], OK);
    c.expect(&["ZDIFFSTORE", "text", "1", "s"], ":2\r\n");
    c.expect(&["TYPE", "text"], "+zset\r\n");
    c.expect(&["ZINTERSTORE", "text", "1", "none"], ":0\r\n");
    c.expect(&["EXISTS", "text"], ":0\r\n");
});

case!(algebra_errors, |c| {
    c.expect(&["SET", "text", "x"], OK);
    for (words, error) in [
        (&["ZUNION", "0", "z"][..], "-ERR at least 1 input key is needed for 'zunion' command\r\n"),
        (&["ZDIFFSTORE", "d", "-1", "z"], {
            "-ERR at least 1 input key is needed for 'zdiffstore' command\r\n"
        }),
        (&["ZUNION", "x", "z"], NOT_INTEGER),
        (&["ZUNION", "3", "z", "y"], SYNTAX),
        (&["ZUNION", "1", "text"], WRONG_TYPE),
        (&["ZUNION", "1", "text", "BAD"], WRONG_TYPE),
        (&["ZUNION", "1", "z", "BAD"], SYNTAX),
        (&["ZUNION", "2", "z", "y", "WEIGHTS", "1"], SYNTAX),
        (&["ZUNION", "1", "z", "WEIGHTS", "x"], "-ERR weight value is not a float\r\n"),
        (&["ZUNION", "1", "z", "AGGREGATE", "AVG"], SYNTAX),
        (&["ZUNIONSTORE", "d", "1", "z", "WITHSCORES"], SYNTAX),
        (&["ZDIFF", "1", "z", "WEIGHTS", "1"], SYNTAX),
        (&["ZINTERCARD", "1", "z", "LIMIT", "-1"], "-ERR LIMIT can't be negative\r\n"),
        (&["ZINTERCARD", "1", "z", "WITHSCORES"], SYNTAX),
    ] {
        c.expect(words, error);
    }
});

case!(other_types_are_refused, |c| {
    c.expect(&["SET", "s", "x"], OK);
    for words in [
        &["ZADD", "s", "1", "a"][..],
        &["ZADD", "s", "XX", "1", "a"],
        &["ZINCRBY", "s", "1", "a"],
        &["ZREM", "s", "a"],
        &["ZCARD", "s"],
        &["ZSCORE", "s", "a"],
        &["ZMSCORE", "s", "a"],
        &["ZRANK", "s", "a"],
        &["ZRANGE", "s", "0", "1"],
        &["ZRANGESTORE", "d", "s", "0", "1"],
        &["ZREMRANGEBYRANK", "s", "0", "1"],
        &["ZPOPMIN", "s"],
        &["ZMPOP", "1", "s", "MIN"],
        &["BZPOPMIN", "none", "s", "0"],
        &["ZRANDMEMBER", "s"],
        &["ZSCAN", "s", "0"],
        &["ZINTERCARD", "1", "s"],
    ] {
        c.expect(words, WRONG_TYPE);
    }
    c.expect(&["ZADD", "z", "1", "a"], ":1\r\n");
    c.expect(&["GET", "z"], WRONG_TYPE);
    c.expect(&["SADD", "z", "a"], WRONG_TYPE);
});

/// How often each member was picked, from replies to calls with this count.
fn picks(c: &mut Client, count: &str, calls: usize) -> BTreeMap<String, u32> {
    let mut hits = BTreeMap::new();
    for _ in 0..calls {
        for member in texts(&c.node(&["ZRANDMEMBER", "z", count])) {
            *hits.entry(member).or_default() += 1;
        }
    }
    hits
}

fn chi_square(hits: &BTreeMap<String, u32>, members: usize) -> f64 {
    let expected = f64::from(hits.values().sum::<u32>()) / members as f64;
    let missed = (members - hits.len()) as f64 * expected;
    missed + hits.values().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum::<f64>()
}

case!(random_members_are_uniform, |c| {
    // Degrees of freedom 9 and 199: beyond 50 and 330 lies less than one seed in a million.
    fill(c, "z", 10);
    for (count, calls) in [("-100", 20), ("1", 600), ("3", 400), ("9", 200)] {
        let chi = chi_square(&picks(c, count, calls), 10);
        assert!(chi < 50.0, "count {count}: chi-square {chi}");
    }
    c.expect(&["DEL", "z"], ":1\r\n");
    fill(c, "z", 200);
    encoding(c, "z", "skiplist");
    for (count, calls) in [("-1000", 8), ("20", 300), ("150", 40)] {
        let chi = chi_square(&picks(c, count, calls), 200);
        assert!(chi < 330.0, "count {count}: chi-square {chi}");
    }
    for (count, len) in [("20", 20), ("150", 150), ("500", 200)] {
        let mut found = texts(&c.node(&["ZRANDMEMBER", "z", count]));
        found.sort();
        found.dedup();
        assert_eq!(found.len(), len, "members differ");
    }
    c.expect(&["ZRANDMEMBER", "z", "1", "BAD"], SYNTAX);
    c.expect(&["ZRANDMEMBER", "none"], NIL);
    c.expect(&["ZRANDMEMBER", "none", "5"], NONE);
});

case!(zscan_shows_all, |c| {
    in_both_encodings(c, ABCD, |c| {
        let found = c.node(&["ZSCAN", "z", "0", "COUNT", "100"]);
        let mut items = texts(&found.list().expect("two items")[1]);
        items.sort();
        assert_eq!(items, ["1", "2", "2", "3.5", "a", "b", "c", "d"]);
        let found = c.node(&["ZSCAN", "z", "0", "MATCH", "[ab]", "COUNT", "100"]);
        assert_eq!(texts(&found.list().expect("two items")[1]).len(), 4);
    });
    // The options are looked at only where there is something to scan.
    c.expect(&["ZSCAN", "none", "0", "BAD"], "*2\r\n$1\r\n0\r\n*0\r\n");
    c.expect(&["ZSCAN", "none", "x"], "-ERR invalid cursor\r\n");
    fill(c, "z", 6000);
    for count in ["10", "5000"] {
        let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
        loop {
            let node = c.node(&["ZSCAN", "z", &cursor, "COUNT", count]);
            let parts = node.list().expect("a cursor and a list");
            cursor = String::from_utf8(parts[0].text()).expect("digits");
            seen.extend(texts(&parts[1]).chunks(2).map(|pair| pair[0].clone()));
            if cursor == "0" {
                break;
            }
        }
        seen.sort();
        let mut want: Vec<String> = (0..6000).map(|n| format!("m{n}")).collect();
        want.sort();
        assert_eq!(seen, want, "each once");
    }
    c.expect(&["ZADD", "tenth", "0.1", &"x".repeat(65)], ":1\r\n");
    let node = c.node(&["ZSCAN", "tenth", "0"]);
    let shown = texts(&node.list().expect("two items")[1]);
    assert_eq!(shown[1], "0.10000000000000001", "17 digits, as nowhere else");
});

case!(waiting_for_members, |c| {
    let mut other = c.client();
    c.send_raw(&encode(&["BZPOPMIN", "none", "z", "0"]));
    other.expect(&["ZADD", "z", "2", "b", "1", "a"], ":2\r\n");
    c.expect_frame("*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n");
    c.expect(&["BZPOPMAX", "z", "0"], "*3\r\n$1\r\nz\r\n$1\r\nb\r\n$1\r\n2\r\n");
    c.send_raw(&encode(&["BZMPOP", "0", "2", "z", "y", "MAX", "COUNT", "2"]));
    other.expect(&["ZADD", "x", "1", "a", "2", "b", "3", "c"], ":3\r\n");
    other.expect(&["ZRANGESTORE", "y", "x", "0", "-1"], ":3\r\n");
    c.expect_frame({
        "*2\r\n$1\r\ny\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"
    });
    other.expect(&["ZRANGE", "y", "0", "-1"], bulks(&["a"]));
    // A set is not what it waits for.
    c.send_raw(&encode(&["BZPOPMIN", "w", "0.05"]));
    other.expect(&["SADD", "w", "a"], ":1\r\n");
    if c.is_in_process() {
        c.advance_ms(60);
    }
    c.expect_frame(NO_ARRAY);
    c.expect(&["BZPOPMIN", "v", "x"], "-ERR timeout is not a float or out of range\r\n");
    c.expect(&["BZMPOP", "-1", "1", "v", "MIN"], "-ERR timeout is negative\r\n");
});

case!(events_in_the_order_of_redis, ["--notify-keyspace-events", "KEA"], |c| {
    let mut ear = c.client();
    ear.expect(&["PSUBSCRIBE", "__keyevent@0__:*"], {
        "*3\r\n$10\r\npsubscribe\r\n$16\r\n__keyevent@0__:*\r\n:1\r\n"
    });
    for (words, events) in [
        (&["ZADD", "z", "1", "a", "2", "b"][..], &["zadd z"][..]),
        (&["ZADD", "z", "1", "a"], &[]),
        (&["ZINCRBY", "z", "1", "a"], &["zincr z"]),
        (&["ZUNIONSTORE", "u", "1", "z"], &["zunionstore u"]),
        (&["ZINTERSTORE", "u", "1", "none"], &["del u"]),
        (&["ZRANGESTORE", "u", "z", "0", "-1"], &["zrangestore u"]),
        (&["ZPOPMIN", "z"], &["zpopmin z"]),
        (&["ZREM", "z", "b"], &["zrem z", "del z"]),
        (&["ZREMRANGEBYRANK", "u", "0", "0"], &["zremrangebyrank u"]),
        (&["ZMPOP", "1", "u", "MAX"], &["zpopmax u", "del u"]),
        (&["GEOADD", "g", "1", "1", "a"], &["zadd g"]),
        (&["GEOSEARCHSTORE", "h", "g", "FROMLONLAT", "1", "1", "BYRADIUS", "1", "km"], {
            &["geosearchstore h"]
        }),
        (&["GEORADIUS", "g", "9", "9", "1", "m", "STORE", "h"], &["del h"]),
    ] {
        c.cmd(words);
        for event in events {
            let (name, key) = event.split_once(' ').expect("an event and a key");
            let channel = format!("__keyevent@0__:{name}");
            ear.expect_frame(bulks(&["pmessage", "__keyevent@0__:*", &channel, key]));
        }
    }
    ear.expect_silence();
});
