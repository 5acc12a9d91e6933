//! DUMP and RESTORE: options, the order of checks, what is told to others.

use crate::support::Client;
use crate::support::frames::{Value, parse};

const OK: &str = "+OK\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const WRONG: &str = "-ERR DUMP payload version or checksum are wrong\r\n";
const BAD: &str = "-ERR Bad data format\r\n";
const BUSY: &str = "-BUSYKEY Target key name already exists.\r\n";

fn dump(c: &mut Client, key: &str) -> Vec<u8> {
    let reply = c.cmd(&["DUMP", key]);
    match parse(&reply).map(|(node, _)| node.value) {
        Ok(Value::Text(payload)) => payload,
        other => panic!("{other:?}"),
    }
}

/// A payload with a right version and checksum around these bytes.
fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&version.to_le_bytes());
    let sum = crc64::crc64(0, &payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

fn restore(key: &str, ttl: &str, payload: &[u8], options: &[&str]) -> Vec<Vec<u8>> {
    let mut words = vec![b"RESTORE".to_vec(), key.into(), ttl.into(), payload.to_vec()];
    words.extend(options.iter().map(|option| option.as_bytes().to_vec()));
    words
}

case!(options_are_checked_before_anything_else, |c| {
    c.expect(&["SET", "k", "v"], OK);
    let p = dump(c, "k");
    c.expect(&restore("k", "x", b"y", &["NOSUCH"]), SYNTAX);
    c.expect(&restore("k", "x", b"y", &["IDLETIME"]), SYNTAX);
    c.expect(&restore("k", "x", b"y", &["FREQ"]), SYNTAX);
    c.expect(&restore("k", "x", b"y", &["FREQ", "1", "IDLETIME", "1"]), SYNTAX);
    c.expect(&restore("k", "x", b"y", &["IDLETIME", "1", "FREQ", "1"]), SYNTAX);
    c.expect(&restore("k", "x", b"y", &["IDLETIME", "a"]), NOT_INTEGER);
    let idle = "-ERR Invalid IDLETIME value, must be >= 0\r\n";
    c.expect(&restore("k", "x", b"y", &["IDLETIME", "-1"]), idle);
    let freq = "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n";
    c.expect(&restore("k", "x", b"y", &["FREQ", "256"]), freq);
    c.expect(&restore("k", "x", b"y", &[]), BUSY);
    c.expect(&restore("n", "x", b"y", &[]), NOT_INTEGER);
    c.expect(&restore("n", "-1", b"y", &[]), "-ERR Invalid TTL value, must be >= 0\r\n");
    c.expect(&restore("n", "0", b"y", &[]), WRONG);
    c.expect(&restore("n", "0", &p, &["IDLETIME", "9", "IDLETIME", "1000"]), OK);
    assert!((1000..1010).contains(&c.int(&["OBJECT", "IDLETIME", "n"])));
});

case!(payloads_are_looked_at, |c| {
    c.expect(&restore("k", "0", &sealed(b"\x00\x03abc", 12), &[]), WRONG);
    c.expect(&restore("k", "0", &sealed(b"\x00\x03abc", 1), &[]), OK);
    c.expect(&["GET", "k"], "$3\r\nabc\r\n");
    for body in [
        &b""[..],
        b"\x00",
        b"\x00\x05abc",
        b"\x63\x00",
        b"\x02\x00",
        b"\x02\x02\x01a\x01a",
        b"\x02\x84\xFF\xFF\xFF\xFF\x01a",
        b"\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xF8\x7F",
        b"\x0B\x0C\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x01\x00",
        b"\x10\x0B\x0B\x00\x00\x00\x01\x00\x81a\x02\xFF\xFF",
        b"\x07\x81\x00\x00\x00\x00\x00\x00\x00\x00",
    ] {
        c.expect(&restore("b", "0", &sealed(body, 11), &["REPLACE"]), BAD);
    }
    c.expect(&["EXISTS", "b"], ":0\r\n");
    // What follows the value is not looked at.
    c.expect(&restore("t", "0", &sealed(b"\x00\xC0\x07more", 11), &[]), OK);
    c.expect(&["OBJECT", "ENCODING", "t"], "$3\r\nint\r\n");
});

case!(a_value_that_cannot_be_read_leaves_the_old_one, |c| {
    c.expect(&["SET", "k", "v"], OK);
    c.expect(&restore("k", "0", &sealed(b"\x02\x00", 11), &["REPLACE"]), BAD);
    c.expect(&["GET", "k"], "$1\r\nv\r\n");
});

case!(deadlines_may_be_times, |c| {
    c.expect(&["SET", "k", "v"], OK);
    let p = dump(c, "k");
    c.expect(&restore("a", "4102444800123", &p, &["ABSTTL"]), OK);
    c.expect(&["PEXPIRETIME", "a"], ":4102444800123\r\n");
    c.expect(&restore("b", "1", &p, &["absttl"]), OK);
    c.expect(&["EXISTS", "b"], ":0\r\n");
    c.expect(&restore("k", "1", &p, &["ABSTTL", "REPLACE"]), OK);
    c.expect(&["EXISTS", "k"], ":0\r\n");
    c.expect(&restore("far", "9223372036854775807", &p, &[]), OK);
    c.expect(&["GET", "far"], "$1\r\nv\r\n");
});

case!(old_kinds_are_understood, |c| {
    // Zipmap, ziplists of a list, a hash and a sorted set, and what was not packed.
    c.expect(&restore("m", "0", &sealed(b"\x09\x0A\x01\x02f1\x02\x01v1x\xFF", 5), &[]), OK);
    c.expect(&["HGETALL", "m"], "*2\r\n$2\r\nf1\r\n$2\r\nv1\r\n");
    let list = b"\x12\x00\x00\x00\x0D\x00\x00\x00\x02\x00\x00\x01a\x03\xFE\x7F\xFF";
    let body = [&[10, list.len() as u8], &list[..]].concat();
    c.expect(&restore("l", "0", &sealed(&body, 5), &[]), BAD);
    let list = b"\x11\x00\x00\x00\x0D\x00\x00\x00\x02\x00\x00\x01a\x03\xFE\x7F\xFF";
    for (kind, key) in [(10, "l"), (13, "h"), (12, "z")] {
        let body = [&[kind, list.len() as u8], &list[..]].concat();
        c.expect(&restore(key, "0", &sealed(&body, 5), &[]), OK);
    }
    c.expect(&["LRANGE", "l", "0", "-1"], "*2\r\n$1\r\na\r\n$3\r\n127\r\n");
    c.expect(&["HGET", "h", "a"], "$3\r\n127\r\n");
    c.expect(&["ZSCORE", "z", "a"], "$3\r\n127\r\n");
    c.expect(&restore("p", "0", &sealed(b"\x01\x02\x01a\xC0\x05", 5), &[]), OK);
    c.expect(&["LRANGE", "p", "0", "-1"], "*2\r\n$1\r\na\r\n$1\r\n5\r\n");
    c.expect(&restore("s", "0", &sealed(b"\x03\x02\x01a\x031.5\x01b\xFF", 5), &[]), OK);
    let pairs = "*4\r\n$1\r\nb\r\n$4\r\n-inf\r\n$1\r\na\r\n$3\r\n1.5\r\n";
    c.expect(&["ZRANGE", "s", "0", "-1", "WITHSCORES"], pairs);
});
