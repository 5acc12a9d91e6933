//! Strings: SET and its forms, counters, parts, several at once, LCS.

use crate::support::Client;
use crate::support::frames::encode;

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NOT_FLOAT: &str = "-ERR value is not a valid float\r\n";
const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
const NIL: &str = "$-1\r\n";
const OK: &str = "+OK\r\n";

fn arity(command: &str) -> String {
    format!("-ERR wrong number of arguments for '{command}' command\r\n")
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// The time left lies within two seconds of `seconds`: over TCP the clock goes on.
#[track_caller]
fn lives(c: &mut Client, key: &str, seconds: i64) {
    let left = c.int(&["TTL", key]);
    assert!((seconds - 2..=seconds).contains(&left), "{key} lives {left} s, not {seconds}");
}

case!(set_and_get, |c| {
    c.expect(&["GET", "k"], NIL);
    c.expect(&["SET", "k", "v"], OK);
    c.expect(&["get", "k"], "$1\r\nv\r\n");
    c.expect(&["SET", "k", ""], OK);
    c.expect(&["GET", "k"], "$0\r\n\r\n");
    c.expect(&["SET", "", "of the empty name"], OK);
    c.expect(&["GET", ""], bulk("of the empty name"));
    c.expect(&[&b"SET"[..], b"\x00\r\n\xff", b"\xfe\x00\r\n"], OK);
    c.expect(&[&b"GET"[..], b"\x00\r\n\xff"], b"$4\r\n\xfe\x00\r\n\r\n");
    c.expect(&["SET"], arity("set"));
    c.expect(&["SET", "k"], arity("set"));
    c.expect(&["GET"], arity("get"));
    c.expect(&["GET", "a", "b"], arity("get"));
});

case!(integers_come_back_as_they_were_written, |c| {
    for text in [
        "0",
        "-0",
        "00",
        "7",
        "-7",
        "+7",
        " 7",
        "7 ",
        "1e3",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "99999999999999999999",
    ] {
        c.expect(&["SET", "k", text], OK);
        c.expect(&["GET", "k"], bulk(text));
        c.expect(&["STRLEN", "k"], format!(":{}\r\n", text.len()));
    }
});

case!(values_of_every_size_survive, |c| {
    for len in [43, 44, 45, 255, 256, 8191, 8192, 8193, 32_767, 32_768, 32_769, 200_000] {
        let text: String = ('a'..='z').cycle().take(len).collect();
        c.expect(&["SET", "k", &text], OK);
        c.expect(&["GET", "k"], bulk(&text));
        c.expect(&["STRLEN", "k"], format!(":{len}\r\n"));
        c.expect(&["GETSET", "k", "small"], bulk(&text));
        c.expect(&["APPEND", "k", &text], format!(":{}\r\n", len + 5));
        c.expect(&["GET", "k"], bulk(&format!("small{text}")));
        c.expect(&["MSET", "m", &text, "n", &text], OK);
        c.expect(&["APPEND", "m", "!"], format!(":{}\r\n", len + 1));
        c.expect(&["GET", "n"], bulk(&text));
    }
});

case!(a_large_value_is_shared_and_not_changed_under_a_copy, |c| {
    let text = "x".repeat(100_000);
    c.expect(&["SET", "a", &text, "EX", "100"], OK);
    c.expect(&["COPY", "a", "b"], ":1\r\n");
    c.expect(&["SETRANGE", "a", "0", "y"], ":100000\r\n");
    c.expect(&["GETRANGE", "a", "0", "1"], "$2\r\nyx\r\n");
    c.expect(&["GET", "b"], bulk(&text));
    c.expect(&["GETRANGE", "b", "10", "50009"], bulk(&text[..50_000]));
    c.expect(&["INCR", "b"], NOT_INTEGER);
    lives(c, "a", 100);
    lives(c, "b", 100);
});

case!(set_options, |c| {
    c.expect(&["SET", "k", "a", "XX"], NIL);
    c.expect(&["SET", "k", "a", "nx"], OK);
    c.expect(&["SET", "k", "b", "NX"], NIL);
    c.expect(&["SET", "k", "b", "XX", "XX"], OK);
    c.expect(&["SET", "k", "c", "GET"], "$1\r\nb\r\n");
    c.expect(&["SET", "k", "d", "NX", "GET"], "$1\r\nc\r\n");
    c.expect(&["SET", "k", "d", "XX", "GET", "GET"], "$1\r\nc\r\n");
    c.expect(&["SET", "none", "d", "XX", "GET"], NIL);
    c.expect(&["EXISTS", "none"], ":0\r\n");
    c.expect(&["SET", "none", "d", "NX", "GET"], NIL);
    c.expect(&["GET", "none"], "$1\r\nd\r\n");
    c.expect(&["SET", "k", "v", "EX", "100"], OK);
    lives(c, "k", 100);
    c.expect(&["SET", "k", "v2", "KEEPTTL", "GET"], "$1\r\nv\r\n");
    lives(c, "k", 100);
    c.expect(&["SET", "k", "v", "EX", "10", "EX", "50"], OK);
    lives(c, "k", 50);
    c.expect(&["SET", "k", "v"], OK);
    c.expect(&["TTL", "k"], ":-1\r\n");
    c.expect(&["SET", "k", "v", "pxat", "9999999999999"], OK);
    c.expect(&["PEXPIRETIME", "k"], ":9999999999999\r\n");
    c.expect(&["SET", "k", "v", "EXAT", "8888888888", "GET"], "$1\r\nv\r\n");
    c.expect(&["EXPIRETIME", "k"], ":8888888888\r\n");
    c.expect(&["SET", "k", "v", "XX", "KEEPTTL"], OK);
    c.expect(&["EXPIRETIME", "k"], ":8888888888\r\n");
});

case!(set_refuses, |c| {
    let bad_time = "-ERR invalid expire time in 'set' command\r\n";
    c.expect(&["SET", "k", "was", "EX", "500"], OK);
    for (options, error) in [
        (&["EX"][..], SYNTAX),
        (&["EX", "0"], bad_time),
        (&["PX", "-1"], bad_time),
        (&["EXAT", "0"], bad_time),
        (&["EX", "9223372036854775807"], bad_time),
        (&["EX", "9223372036854775"], bad_time),
        (&["PX", "9223372036854775807"], bad_time),
        (&["EXAT", "9223372036854776"], bad_time),
        (&["EX", "abc"], NOT_INTEGER),
        (&["EX", "1.5"], NOT_INTEGER),
        (&["EX", ""], NOT_INTEGER),
        (&["PX", "99999999999999999999"], NOT_INTEGER),
        (&["EX", "NX"], NOT_INTEGER),
        (&["NX", "XX"], SYNTAX),
        (&["XX", "GET", "NX"], SYNTAX),
        (&["EX", "10", "PX", "10"], SYNTAX),
        (&["EX", "10", "KEEPTTL"], SYNTAX),
        (&["KEEPTTL", "PXAT", "10"], SYNTAX),
        (&["PERSIST"], SYNTAX),
        (&["GT"], SYNTAX),
        (&[""], SYNTAX),
        (&["NX", "EX"], SYNTAX),
        (&["EX", "10", "junk"], SYNTAX),
    ] {
        let words = [&["SET", "k", "v"], options].concat();
        c.expect(&words, error);
        c.expect(&["GET", "k"], "$3\r\nwas\r\n");
    }
    lives(c, "k", 500);
});

case!(set_expires, |c| {
    c.expect(&["SET", "k", "v", "PX", "30"], OK);
    c.expect(&["SET", "kept", "v", "PX", "30"], OK);
    c.expect(&["SET", "kept", "w", "KEEPTTL"], OK);
    c.expect(&["SET", "cleared", "v", "PX", "30"], OK);
    c.expect(&["SET", "cleared", "w"], OK);
    c.expect(&["PSETEX", "p", "30", "v"], OK);
    c.expect(&["SETEX", "s", "1", "v"], OK);
    c.advance_ms(60);
    c.expect(&["MGET", "k", "kept", "p"], "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
    c.expect(&["MGET", "cleared", "s"], "*2\r\n$1\r\nw\r\n$1\r\nv\r\n");
    c.advance_ms(1000);
    c.expect(&["GET", "s"], NIL);
    c.expect(&["SET", "past", "v", "PXAT", "1"], OK);
    c.expect(&["GET", "past"], NIL);
    c.expect(&["SET", "past", "v", "EXAT", "1", "GET"], NIL);
    c.expect(&["EXISTS", "past"], ":0\r\n");
});

case!(the_old_forms_of_set, |c| {
    c.expect(&["SETNX", "k", "a"], ":1\r\n");
    c.expect(&["SETNX", "k", "b"], ":0\r\n");
    c.expect(&["SETEX", "k", "100", "55"], OK);
    lives(c, "k", 100);
    c.expect(&["SETNX", "k", "b"], ":0\r\n");
    c.expect(&["PSETEX", "k", "200000", "56"], OK);
    lives(c, "k", 200);
    c.expect(&["GETSET", "k", "x"], "$2\r\n56\r\n");
    c.expect(&["TTL", "k"], ":-1\r\n");
    c.expect(&["GETSET", "fresh", "x"], NIL);
    c.expect(&["GET", "fresh"], "$1\r\nx\r\n");
    for (command, word) in [("SETEX", "setex"), ("PSETEX", "psetex")] {
        let bad_time = format!("-ERR invalid expire time in '{word}' command\r\n");
        c.expect(&[command, "k", "0", "v"], &bad_time);
        c.expect(&[command, "k", "-1", "v"], &bad_time);
        c.expect(&[command, "k", "9223372036854775807", "v"], &bad_time);
        c.expect(&[command, "k", "abc", "v"], NOT_INTEGER);
        c.expect(&[command, "k", "10"], arity(word));
    }
    c.expect(&["GET", "k"], "$1\r\nx\r\n");
});

case!(getdel, |c| {
    c.expect(&["SET", "k", "5", "EX", "100"], OK);
    c.expect(&["GETDEL", "k"], "$1\r\n5\r\n");
    c.expect(&["GETDEL", "k"], NIL);
    c.expect(&["TTL", "k"], ":-2\r\n");
    c.expect(&["GETDEL"], arity("getdel"));
    let text = "x".repeat(50_000);
    c.expect(&["SET", "k", &text], OK);
    c.expect(&["GETDEL", "k"], bulk(&text));
});

case!(getex, |c| {
    c.expect(&["SET", "k", "77"], OK);
    c.expect(&["GETEX", "k"], "$2\r\n77\r\n");
    c.expect(&["TTL", "k"], ":-1\r\n");
    c.expect(&["GETEX", "k", "ex", "100"], "$2\r\n77\r\n");
    lives(c, "k", 100);
    c.expect(&["GETEX", "k", "PX", "50000"], "$2\r\n77\r\n");
    lives(c, "k", 50);
    c.expect(&["GETEX", "k", "EXAT", "9999999999"], "$2\r\n77\r\n");
    c.expect(&["EXPIRETIME", "k"], ":9999999999\r\n");
    c.expect(&["GETEX", "k", "PERSIST", "PERSIST"], "$2\r\n77\r\n");
    c.expect(&["TTL", "k"], ":-1\r\n");
    c.expect(&["GETEX", "k", "EX", "10", "EX", "20"], "$2\r\n77\r\n");
    lives(c, "k", 20);
    for bad in ["NX", "GET", "KEEPTTL", "", "EX"] {
        c.expect(&["GETEX", "k", bad], SYNTAX);
    }
    c.expect(&["GETEX", "k", "PERSIST", "EX", "10"], SYNTAX);
    c.expect(&["GETEX", "k", "EX", "10", "PERSIST"], SYNTAX);
    c.expect(&["GETEX", "k", "EX", "10", "PX", "10"], SYNTAX);
    c.expect(&["GETEX", "k", "EX", "0"], "-ERR invalid expire time in 'getex' command\r\n");
    c.expect(&["GETEX", "k", "EX", "abc"], NOT_INTEGER);
    lives(c, "k", 20);
    // A missing key is answered before the time is looked at.
    c.expect(&["GETEX", "none", "EX", "abc"], NIL);
    c.expect(&["GETEX", "k", "PXAT", "1"], "$2\r\n77\r\n");
    c.expect(&["EXISTS", "k"], ":0\r\n");
    c.expect(&["GETEX"], arity("getex"));
});

case!(counters, |c| {
    c.expect(&["INCR", "n"], ":1\r\n");
    c.expect(&["INCRBY", "n", "41"], ":42\r\n");
    c.expect(&["DECR", "n"], ":41\r\n");
    c.expect(&["DECRBY", "n", "-9"], ":50\r\n");
    c.expect(&["INCRBY", "n", "0"], ":50\r\n");
    c.expect(&["EXPIRE", "n", "100"], ":1\r\n");
    c.expect(&["INCR", "n"], ":51\r\n");
    lives(c, "n", 100);
    c.expect(&["SET", "n", "9223372036854775806"], OK);
    c.expect(&["INCR", "n"], ":9223372036854775807\r\n");
    let overflow = "-ERR increment or decrement would overflow\r\n";
    c.expect(&["INCR", "n"], overflow);
    c.expect(&["INCRBY", "n", "9223372036854775807"], overflow);
    c.expect(&["SET", "n", "-9223372036854775808"], OK);
    c.expect(&["DECR", "n"], overflow);
    c.expect(&["INCRBY", "n", "-1"], overflow);
    c.expect(&["DECRBY", "n", "-9223372036854775808"], "-ERR decrement would overflow\r\n");
    c.expect(&["GET", "n"], bulk("-9223372036854775808"));
    for by in ["+1", " 1", "1 ", "1.0", "", "abc", "0x10", "--1", "9223372036854775808"] {
        c.expect(&["INCRBY", "n", by], NOT_INTEGER);
        c.expect(&["DECRBY", "n", by], NOT_INTEGER);
    }
    for value in ["", "a", "1.0", " 1", "01", "9223372036854775808", "-"] {
        c.expect(&["SET", "n", value], OK);
        c.expect(&["INCR", "n"], NOT_INTEGER);
        c.expect(&["GET", "n"], bulk(value));
    }
    // Whatever an edit left counts when it reads as an integer.
    c.expect(&["SET", "n", "1"], OK);
    c.expect(&["APPEND", "n", "0"], ":2\r\n");
    c.expect(&["INCR", "n"], ":11\r\n");
    c.expect(&["INCR"], arity("incr"));
    c.expect(&["DECRBY", "n"], arity("decrby"));
});

case!(float_counters, |c| {
    c.expect(&["INCRBYFLOAT", "f", "0.1"], "$3\r\n0.1\r\n");
    c.expect(&["INCRBYFLOAT", "f", "0.2"], "$3\r\n0.3\r\n");
    c.expect(&["INCRBYFLOAT", "f", "-0.3"], "$1\r\n0\r\n");
    c.expect(&["SET", "f", "5.0e3"], OK);
    c.expect(&["EXPIRE", "f", "100"], ":1\r\n");
    c.expect(&["INCRBYFLOAT", "f", "2.0e2"], "$4\r\n5200\r\n");
    lives(c, "f", 100);
    c.expect(&["INCR", "f"], ":5201\r\n");
    c.expect(&["SET", "f", "3"], OK);
    c.expect(&["INCRBYFLOAT", "f", "1.000000000000000005"], bulk("4.00000000000000001"));
    c.expect(&["SET", "f", "9007199254740993"], OK);
    c.expect(&["INCRBYFLOAT", "f", "0"], bulk("9007199254740993"));
    c.expect(&["INCRBYFLOAT", "f", "0x10"], bulk("9007199254741009"));
    for by in ["", "abc", "nan", " 1", "1 ", "1,5", "1e5000"] {
        c.expect(&["INCRBYFLOAT", "f", by], NOT_FLOAT);
    }
    let not_finite = "-ERR increment would produce NaN or Infinity\r\n";
    c.expect(&["INCRBYFLOAT", "f", "inf"], not_finite);
    c.expect(&["SET", "f", "-inf"], OK);
    c.expect(&["INCRBYFLOAT", "f", "inf"], not_finite);
    c.expect(&["SET", "f", "word"], OK);
    c.expect(&["INCRBYFLOAT", "f", "1"], NOT_FLOAT);
    c.expect(&["GET", "f"], "$4\r\nword\r\n");
    c.expect(&["INCRBYFLOAT", "f"], arity("incrbyfloat"));
});

case!(append_and_strlen, |c| {
    c.expect(&["APPEND", "k", ""], ":0\r\n");
    c.expect(&["EXISTS", "k"], ":1\r\n");
    c.expect(&["APPEND", "k", "abc"], ":3\r\n");
    c.expect(&["APPEND", "k", ""], ":3\r\n");
    c.expect(&["STRLEN", "k"], ":3\r\n");
    c.expect(&["SET", "n", "12", "EX", "100"], OK);
    c.expect(&["APPEND", "n", "3"], ":3\r\n");
    c.expect(&["GET", "n"], "$3\r\n123\r\n");
    lives(c, "n", 100);
    c.expect(&["STRLEN", "none"], ":0\r\n");
    c.expect(&["APPEND", "k"], arity("append"));
    c.expect(&["STRLEN"], arity("strlen"));
});

case!(getrange_and_substr, |c| {
    c.expect(&["SET", "k", "hello"], OK);
    for (start, end, part) in [
        ("0", "-1", "hello"),
        ("1", "3", "ell"),
        ("-3", "-2", "ll"),
        ("-2", "-3", ""),
        ("-100", "1", "he"),
        ("-100", "-50", "h"),
        ("3", "1", ""),
        ("5", "9", ""),
        ("4", "9223372036854775807", "o"),
        ("-9223372036854775808", "0", "h"),
    ] {
        c.expect(&["GETRANGE", "k", start, end], bulk(part));
        c.expect(&["SUBSTR", "k", start, end], bulk(part));
    }
    c.expect(&["GETRANGE", "none", "0", "-1"], bulk(""));
    c.expect(&["GETRANGE", "none", "a", "b"], NOT_INTEGER);
    c.expect(&["SET", "n", "-123456"], OK);
    c.expect(&["GETRANGE", "n", "0", "2"], "$3\r\n-12\r\n");
    c.expect(&["SET", "k", ""], OK);
    c.expect(&["GETRANGE", "k", "0", "-1"], bulk(""));
    c.expect(&["SUBSTR", "k", "0"], arity("substr"));
});

case!(setrange, |c| {
    c.expect(&["SETRANGE", "k", "3", "abc"], ":6\r\n");
    c.expect(&["GET", "k"], "$6\r\n\0\0\0abc\r\n");
    c.expect(&["SETRANGE", "k", "0", "xy"], ":6\r\n");
    c.expect(&["GET", "k"], "$6\r\nxy\0abc\r\n");
    c.expect(&["SETRANGE", "none", "10", ""], ":0\r\n");
    c.expect(&["EXISTS", "none"], ":0\r\n");
    c.expect(&["SETRANGE", "k", "100", ""], ":6\r\n");
    c.expect(&["SETRANGE", "k", "-1", "x"], "-ERR offset is out of range\r\n");
    c.expect(&["SETRANGE", "k", "1.5", "x"], NOT_INTEGER);
    c.expect(&["SETRANGE", "k", "536870911", "xx"], TOO_LONG);
    c.expect(&["SETRANGE", "none", "9223372036854775807", "x"], TOO_LONG);
    c.expect(&["EXISTS", "none"], ":0\r\n");
    c.expect(&["SET", "n", "12345", "EX", "100"], OK);
    c.expect(&["SETRANGE", "n", "1", "9"], ":5\r\n");
    c.expect(&["INCR", "n"], ":19346\r\n");
    lives(c, "n", 100);
});

case!(a_shorter_limit, ["--proto-max-bulk-len", "1mb"], |c| {
    c.expect(&["SETRANGE", "k", "1048575", "x"], ":1048576\r\n");
    c.expect(&["SETRANGE", "k", "1048576", "x"], TOO_LONG);
    c.expect(&["APPEND", "k", "y"], TOO_LONG);
    c.expect(&["APPEND", "k", ""], ":1048576\r\n");
    c.expect(&["STRLEN", "k"], ":1048576\r\n");
    let memory = "-ERR Insufficient memory, transient memory for LCS exceeds \
                  proto-max-bulk-len\r\n";
    // 512 times 512 cells of four bytes are the limit; one column more is not.
    c.expect(&["MSET", "a", &"x".repeat(511), "b", &"x".repeat(511)], OK);
    c.expect(&["LCS", "a", "b", "LEN"], ":511\r\n");
    c.expect(&["APPEND", "b", "x"], ":512\r\n");
    c.expect(&["LCS", "a", "b", "LEN"], memory);
    c.expect(&["LCS", "a", "b", "LEN", "IDX", "junk"], SYNTAX);
});

case!(mset_and_mget, |c| {
    c.expect(&["MSET", "a", "1", "b", "two", "c", ""], OK);
    c.expect(&["MGET", "a", "b", "c", "none"], "*4\r\n$1\r\n1\r\n$3\r\ntwo\r\n$0\r\n\r\n$-1\r\n");
    c.expect(&["MGET", "a", "a"], "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
    c.expect(&["EXPIRE", "a", "100"], ":1\r\n");
    c.expect(&["MSET", "a", "10", "a", "20"], OK);
    c.expect(&["GET", "a"], "$2\r\n20\r\n");
    c.expect(&["TTL", "a"], ":-1\r\n");
    c.expect(&["MSET", "a"], arity("mset"));
    c.expect(&["MSET", "x", "1", "y"], arity("mset"));
    c.expect(&["EXISTS", "x"], ":0\r\n");
    c.expect(&["MGET"], arity("mget"));
});

case!(msetnx, |c| {
    c.expect(&["MSETNX", "a", "1", "b", "2"], ":1\r\n");
    c.expect(&["MSETNX", "c", "3", "b", "4"], ":0\r\n");
    c.expect(&["MGET", "a", "b", "c"], "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n");
    c.expect(&["MSETNX", "c", "1", "c", "2"], ":1\r\n");
    c.expect(&["GET", "c"], "$1\r\n2\r\n");
    c.expect(&["MSETNX", "d", "1", "e"], arity("msetnx"));
});

case!(many_keys_at_once, |c| {
    let mut set = vec!["MSET".to_owned()];
    let mut get = vec!["MGET".to_owned()];
    let mut want = "*5000\r\n".to_owned();
    for i in 0..5000 {
        set.extend([format!("key:{i}"), format!("value:{i}")]);
        get.push(format!("key:{i}"));
        want += &bulk(&format!("value:{i}"));
    }
    c.expect(&set, OK);
    c.expect(&get, want);
    c.expect(&["DBSIZE"], ":5000\r\n");
    get[0] = "EXISTS".to_owned();
    c.expect(&get, ":5000\r\n");
    get[0] = "DEL".to_owned();
    c.expect(&get, ":5000\r\n");
    c.expect(&["DBSIZE"], ":0\r\n");
});

case!(lcs, |c| {
    c.expect(&["MSET", "a", "ohmytext", "b", "mynewtext"], OK);
    c.expect(&["LCS", "a", "b"], "$6\r\nmytext\r\n");
    c.expect(&["LCS", "a", "b", "LEN"], ":6\r\n");
    c.expect(
        &["LCS", "a", "b", "IDX", "MINMATCHLEN", "4", "WITHMATCHLEN"],
        "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n\
         $3\r\nlen\r\n:6\r\n",
    );
    c.expect(
        &["LCS", "a", "b", "idx", "minmatchlen", "-1"],
        "*4\r\n$7\r\nmatches\r\n*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n\
         *2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n",
    );
    c.expect(&["LCS", "a", "none"], "$0\r\n\r\n");
    c.expect(&["LCS", "none", "none", "LEN"], ":0\r\n");
    c.expect(&["LCS", "a", "none", "IDX"], "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
    c.expect(&["SET", "n", "123456"], OK);
    c.expect(&["LCS", "n", "n", "MINMATCHLEN", "3"], "$6\r\n123456\r\n");
    let both = "-ERR If you want both the length and indexes, please just use IDX.\r\n";
    c.expect(&["LCS", "a", "b", "LEN", "IDX"], both);
    c.expect(&["LCS", "a", "b", "FOO"], SYNTAX);
    c.expect(&["LCS", "a", "b", "IDX", "MINMATCHLEN"], SYNTAX);
    c.expect(&["LCS", "a", "b", "MINMATCHLEN", "x"], NOT_INTEGER);
    c.expect(&["LCS", "a"], arity("lcs"));
    c.cmd(&["HELLO", "3"]);
    c.expect(
        &["LCS", "n", "n", "IDX"],
        "%2\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:0\r\n:5\r\n*2\r\n:0\r\n:5\r\n\
         $3\r\nlen\r\n:6\r\n",
    );
});

case!(a_pipeline_is_answered_in_order, |c| {
    let mut bytes = Vec::new();
    let mut want = String::new();
    for i in 0..300 {
        bytes.extend(encode(&["SET", &format!("k{i}"), &i.to_string()]));
        bytes.extend(encode(&["INCR", &format!("k{i}")]));
        bytes.extend(encode(&["GET", &format!("k{i}")]));
        want += &format!("+OK\r\n:{}\r\n{}", i + 1, bulk(&(i + 1).to_string()));
    }
    c.send_raw(&bytes);
    let mut got = Vec::new();
    for _ in 0..900 {
        got.extend(c.read_frame());
    }
    assert_eq!(String::from_utf8_lossy(&got), want);
});
