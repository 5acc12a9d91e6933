//! HyperLogLogs: elements added, counted and merged; the string they live in.

use crate::support::Client;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NOT_ONE: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
const CORRUPT: &str = "-INVALIDOBJ Corrupted HLL object detected\r\n";
const OK: &str = "+OK\r\n";

/// Adds elements `<prefix>0` to `<prefix><count - 1>`.
fn add(c: &mut Client, key: &str, prefix: &str, count: usize) {
    let elements: Vec<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
    let mut call = vec!["PFADD", key];
    call.extend(elements.iter().map(String::as_str));
    c.cmd(&call);
}

#[track_caller]
fn near(c: &mut Client, call: &[&str], want: i64) {
    let count = c.int(call);
    assert!((count - want).abs() <= want / 25 + 1, "{count}, not about {want}");
}

case!(elements_are_counted, |c| {
    c.expect(&["PFCOUNT", "h"], ":0\r\n");
    c.expect(&["PFADD", "h", "a", "b", "a"], ":1\r\n");
    c.expect(&["PFADD", "h", "b"], ":0\r\n");
    c.expect(&["PFCOUNT", "h"], ":2\r\n");
    c.expect(&["PFADD", "new"], ":1\r\n");
    c.expect(&["PFADD", "new"], ":0\r\n");
    c.expect(&["PFCOUNT", "new"], ":0\r\n");
    c.expect(&["TYPE", "h"], "+string\r\n");
    c.expect(&["OBJECT", "ENCODING", "h"], "$3\r\nraw\r\n");
    add(c, "big", "x", 5000);
    near(c, &["PFCOUNT", "big"], 5000);
    c.expect(&["STRLEN", "big"], ":12304\r\n");
    add(c, "other", "y", 1000);
    near(c, &["PFCOUNT", "big", "none", "other"], 6000);
});

case!(the_string_is_that_of_redis, |c| {
    c.expect(&["PFADD", "h", "a"], ":1\r\n");
    let stale = b"$21\r\nHYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x71\xa6\x84\x4e\x57\r\n";
    c.expect(&["GET", "h"], stale);
    c.expect(&["PFCOUNT", "h"], ":1\r\n");
    let counted = b"$21\r\nHYLL\x01\0\0\0\x01\0\0\0\0\0\0\0\x71\xa6\x84\x4e\x57\r\n";
    c.expect(&["GET", "h"], counted);
    // The stored estimate is believed.
    let told = b"HYLL\x01\0\0\0\x2a\0\0\0\0\0\0\0\x71\xa6\x84\x4e\x57";
    c.expect(&[&b"SET"[..], b"h", told], OK);
    c.expect(&["PFCOUNT", "h"], ":42\r\n");
    c.expect(&["PFADD", "h", "b"], ":1\r\n");
    c.expect(&["PFCOUNT", "h"], ":2\r\n");
});

case!(merging_joins, |c| {
    add(c, "a", "x", 100);
    add(c, "b", "y", 100);
    c.expect(&["PFMERGE", "d", "a", "none", "b"], OK);
    near(c, &["PFCOUNT", "d"], 200);
    c.expect(&["PFDEBUG", "ENCODING", "d"], "+sparse\r\n");
    c.expect(&["PFDEBUG", "TODENSE", "a"], ":1\r\n");
    c.expect(&["PFDEBUG", "TODENSE", "a"], ":0\r\n");
    c.expect(&["PFMERGE", "d", "a"], OK);
    c.expect(&["PFDEBUG", "ENCODING", "d"], "+dense\r\n");
    near(c, &["PFCOUNT", "d"], 200);
    c.expect(&["PFMERGE", "e"], OK);
    c.expect(&["PFCOUNT", "e"], ":0\r\n");
});

case!(the_sparse_form_has_a_limit, |c| {
    c.expect(&["CONFIG", "SET", "hll-sparse-max-bytes", "30"], OK);
    add(c, "h", "x", 2);
    c.expect(&["PFDEBUG", "ENCODING", "h"], "+sparse\r\n");
    add(c, "h", "x", 20);
    c.expect(&["PFDEBUG", "ENCODING", "h"], "+dense\r\n");
    c.expect(&["PFCOUNT", "h"], ":20\r\n");
});

case!(what_is_none_is_refused, |c| {
    c.expect(&["SADD", "set", "x"], ":1\r\n");
    c.expect(&["SET", "n", "12"], OK);
    c.expect(&["SET", "s", "HYLL, it says, and is long enough"], OK);
    c.expect(&[&b"SET"[..], b"short", b"HYLL\x01"], OK);
    c.expect(&[&b"SET"[..], b"thin", b"HYLL\0\0\0\0\0\0\0\0\0\0\0\0\0\0"], OK);
    for command in ["PFADD", "PFCOUNT", "PFMERGE"] {
        c.expect(&[command, "set"], WRONG_TYPE);
        for key in ["n", "s", "short", "thin"] {
            c.expect(&[command, key], NOT_ONE);
        }
    }
    c.expect(&["PFCOUNT", "none", "s"], NOT_ONE);
    c.expect(&["PFDEBUG", "ENCODING", "s"], NOT_ONE);
    c.expect(&["PFDEBUG", "ENCODING", "none"], "-ERR The specified key does not exist\r\n");
    c.expect(&["PFADD", "h", "a"], ":1\r\n");
    c.expect(&["PFDEBUG", "BAD", "h"], "-ERR Unknown PFDEBUG subcommand 'BAD'\r\n");
    c.expect(&["PFSELFTEST"], OK);
});

case!(what_is_corrupt_is_left_alone, |c| {
    // Runs for fewer registers than there are, and no valid estimate.
    let broken = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x40";
    c.expect(&[&b"SET"[..], b"h", broken], OK);
    c.expect(&["PFADD", "sound", "a"], ":1\r\n");
    for call in [
        &["PFCOUNT", "h"][..],
        &["PFCOUNT", "sound", "h"],
        &["PFADD", "h", "a"],
        &["PFADD", "h", "a", "b", "c"],
        &["PFMERGE", "d", "sound", "h"],
        &["PFDEBUG", "TODENSE", "h"],
        &["PFDEBUG", "GETREG", "h"],
    ] {
        c.expect(call, CORRUPT);
    }
    c.expect(&["EXISTS", "d"], ":0\r\n");
    c.expect(&["GET", "h"], b"$17\r\nHYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x40\r\n");
});

case!(registers_are_shown, |c| {
    c.expect(&["PFADD", "h", "a"], ":1\r\n");
    c.expect(&["PFDEBUG", "DECODE", "h"], "$20\r\nZ:12711 v:2,1 Z:3672\r\n");
    let registers = c.node(&["PFDEBUG", "GETREG", "h"]);
    let registers = registers.list().expect("all registers");
    assert_eq!(registers.len(), 16_384);
    c.expect(&["PFDEBUG", "ENCODING", "h"], "+dense\r\n");
    c.expect(&["PFDEBUG", "DECODE", "h"], "-ERR HLL encoding is not sparse\r\n");
});
