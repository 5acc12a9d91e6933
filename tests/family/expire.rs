//! Deadlines: setting them on conditions, reading them, losing them, and what they do.

use crate::support::Client;

const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NX_AND: &str = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
const GT_AND_LT: &str = "-ERR GT and LT options at the same time are not compatible\r\n";

/// The four commands, and how each says "in `seconds` from now" to a clock at `now_ms`.
fn forms(seconds: i64, now_ms: i64) -> [(&'static str, String); 4] {
    [
        ("EXPIRE", seconds.to_string()),
        ("PEXPIRE", (seconds * 1000).to_string()),
        ("EXPIREAT", (now_ms / 1000 + seconds).to_string()),
        ("PEXPIREAT", (now_ms + seconds * 1000).to_string()),
    ]
}

/// The server's wall clock, read off a deadline.
fn now_ms(c: &mut Client) -> i64 {
    c.expect(&["SET", "clock", "x", "EX", "1000"], "+OK\r\n");
    c.int(&["PEXPIRETIME", "clock"]) - 1_000_000
}

#[track_caller]
fn lives(c: &mut Client, key: &str, seconds: i64) {
    let left = c.int(&["TTL", key]);
    assert!((seconds - 2..=seconds).contains(&left), "{key} lives {left} s, not {seconds}");
}

case!(conditions_without_a_deadline, |c| {
    let now = now_ms(c);
    for (command, time) in forms(500, now) {
        for (options, set) in [
            (&[][..], 1),
            (&["NX"], 1),
            (&["LT"], 1),
            (&["nx", "NX"], 1),
            (&["XX"], 0),
            (&["GT"], 0),
            (&["XX", "LT"], 0),
            (&["GT", "XX"], 0),
        ] {
            c.expect(&["SET", "k", "v"], "+OK\r\n");
            let words = [&[command, "k", time.as_str()], options].concat();
            c.expect(&words, format!(":{set}\r\n"));
            if set == 1 {
                lives(c, "k", 500);
            } else {
                c.expect(&["TTL", "k"], ":-1\r\n");
            }
        }
    }
});

case!(conditions_with_a_deadline, |c| {
    let now = now_ms(c);
    for (command, time) in forms(500, now) {
        for (was, options, set) in [
            (100, &[][..], 1),
            (100, &["NX"], 0),
            (100, &["XX"], 1),
            (100, &["GT"], 1),
            (100, &["LT"], 0),
            (100, &["XX", "GT"], 1),
            (100, &["XX", "LT"], 0),
            (1000, &["GT"], 0),
            (1000, &["LT"], 1),
            (1000, &["LT", "xx"], 1),
        ] {
            c.expect(&["SET", "k", "v", "EX", &was.to_string()], "+OK\r\n");
            let words = [&[command, "k", time.as_str()], options].concat();
            c.expect(&words, format!(":{set}\r\n"));
            lives(c, "k", if set == 1 { 500 } else { was });
        }
    }
});

case!(an_equal_deadline_is_neither_greater_nor_less, |c| {
    c.expect(&["SET", "k", "v", "PXAT", "9999999999999"], "+OK\r\n");
    c.expect(&["PEXPIREAT", "k", "9999999999999", "GT"], ":0\r\n");
    c.expect(&["PEXPIREAT", "k", "9999999999999", "LT"], ":0\r\n");
    c.expect(&["PEXPIREAT", "k", "9999999999999"], ":1\r\n");
});

case!(options_are_checked_first, |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    for key in ["k", "none"] {
        for (options, error) in [
            (&["FOO"][..], "-ERR Unsupported option FOO\r\n"),
            (&[""], "-ERR Unsupported option \r\n"),
            (&["NX", "XX"], NX_AND),
            (&["GT", "NX"], NX_AND),
            (&["NX", "LT"], NX_AND),
            (&["GT", "LT"], GT_AND_LT),
            (&["XX", "LT", "GT"], GT_AND_LT),
        ] {
            c.expect(&[&["EXPIRE", key, "abc"], options].concat(), error);
            c.expect(&[&["PEXPIREAT", key, "1"], options].concat(), error);
        }
    }
    c.expect(&["TTL", "k"], ":-1\r\n");
});

case!(times_that_are_none, |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    for command in ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"] {
        for time in ["", "abc", "1.5", "1e3", " 1", "+1", "9223372036854775808"] {
            c.expect(&[command, "k", time], NOT_INTEGER);
            c.expect(&[command, "none", time], NOT_INTEGER);
        }
        let word = command.to_lowercase();
        let arity = format!("-ERR wrong number of arguments for '{word}' command\r\n");
        c.expect(&[command, "k"], arity);
    }
    for (command, time) in [
        ("EXPIRE", "9223372036854775807"),
        ("EXPIRE", "-9223372036854775808"),
        ("EXPIRE", "9223372036854775"),
        ("PEXPIRE", "9223372036854775807"),
        ("EXPIREAT", "9223372036854775807"),
        ("EXPIREAT", "9223372036854776"),
        ("EXPIREAT", "-9223372036854776"),
    ] {
        let word = command.to_lowercase();
        let error = format!("-ERR invalid expire time in '{word}' command\r\n");
        c.expect(&[command, "k", time], &error);
        c.expect(&[command, "none", time], &error);
    }
    c.expect(&["PEXPIREAT", "none", "9223372036854775807"], ":0\r\n");
    c.expect(&["PEXPIREAT", "k", "9223372036854775807"], ":1\r\n");
    c.expect(&["PEXPIRETIME", "k"], ":9223372036854775807\r\n");
});

case!(a_deadline_in_the_past_deletes, |c| {
    for (command, time) in [
        ("EXPIRE", "0"),
        ("EXPIRE", "-1"),
        ("EXPIRE", "-9223372036854775"),
        ("PEXPIRE", "-9223372036854775808"),
        ("EXPIREAT", "1"),
        ("EXPIREAT", "0"),
        ("PEXPIREAT", "-5"),
    ] {
        c.expect(&["SET", "k", "v"], "+OK\r\n");
        c.expect(&[command, "k", time, "XX"], ":0\r\n");
        c.expect(&[command, "k", time], ":1\r\n");
        c.expect(&["EXISTS", "k"], ":0\r\n");
        c.expect(&["DBSIZE"], ":0\r\n");
        c.expect(&[command, "k", time], ":0\r\n");
    }
});

case!(the_ttl_family, |c| {
    for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
        c.expect(&[command, "none"], ":-2\r\n");
        c.expect(&["SET", "k", "v"], "+OK\r\n");
        c.expect(&[command, "k"], ":-1\r\n");
        let word = command.to_lowercase();
        let arity = format!("-ERR wrong number of arguments for '{word}' command\r\n");
        c.expect(&[command], &arity);
        c.expect(&[command, "a", "b"], &arity);
    }
    c.expect(&["PEXPIREAT", "k", "9999999999500"], ":1\r\n");
    c.expect(&["PEXPIRETIME", "k"], ":9999999999500\r\n");
    c.expect(&["EXPIRETIME", "k"], ":10000000000\r\n");
    c.expect(&["PEXPIREAT", "k", "9999999999499"], ":1\r\n");
    c.expect(&["EXPIRETIME", "k"], ":9999999999\r\n");
    c.expect(&["PEXPIRE", "k", "99999"], ":1\r\n");
    let left = c.int(&["PTTL", "k"]);
    assert!((97_000..=99_999).contains(&left), "{left}");
    if c.is_in_process() {
        c.expect(&["PTTL", "k"], ":99999\r\n");
        c.expect(&["TTL", "k"], ":100\r\n");
        c.advance_ms(500);
        c.expect(&["TTL", "k"], ":99\r\n");
        c.expect(&["PTTL", "k"], ":99499\r\n");
    }
});

case!(persist, |c| {
    c.expect(&["PERSIST", "none"], ":0\r\n");
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.expect(&["PERSIST", "k"], ":0\r\n");
    c.expect(&["EXPIRE", "k", "100"], ":1\r\n");
    c.expect(&["PERSIST", "k"], ":1\r\n");
    c.expect(&["PERSIST", "k"], ":0\r\n");
    c.expect(&["TTL", "k"], ":-1\r\n");
    c.expect(&["PERSIST"], "-ERR wrong number of arguments for 'persist' command\r\n");
});

case!(keys_go_when_their_time_comes, |c| {
    c.expect(&["MSET", "a", "1", "b", "1", "c", "1", "d", "1"], "+OK\r\n");
    c.expect(&["PEXPIRE", "a", "20"], ":1\r\n");
    c.expect(&["PEXPIRE", "b", "40"], ":1\r\n");
    c.expect(&["PEXPIRE", "c", "20"], ":1\r\n");
    c.expect(&["PERSIST", "c"], ":1\r\n");
    c.expect(&["DBSIZE"], ":4\r\n");
    // Nobody asks for them: they go by themselves.
    c.until(1000, |c| c.int(&["DBSIZE"]) == 2);
    c.expect(&["MGET", "a", "b", "c", "d"], "*4\r\n$-1\r\n$-1\r\n$1\r\n1\r\n$1\r\n1\r\n");
});

case!(an_expired_key_is_absent_to_every_write, ["--enable-debug-command", "yes"], |c| {
    c.expect(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
    for key in [
        "incr", "setnx", "app", "rename", "renamenx", "persist", "expire", "copy", "del", "xx",
        "move", "getset", "getdel", "getex", "msetnx", "range", "to",
    ] {
        c.expect(&["SET", key, "5", "PX", "10"], "+OK\r\n");
    }
    c.advance_ms(40);
    c.expect(&["INCR", "incr"], ":1\r\n");
    c.expect(&["TTL", "incr"], ":-1\r\n");
    c.expect(&["SETNX", "setnx", "v"], ":1\r\n");
    c.expect(&["TTL", "setnx"], ":-1\r\n");
    c.expect(&["APPEND", "app", "x"], ":1\r\n");
    c.expect(&["TTL", "app"], ":-1\r\n");
    c.expect(&["RENAME", "rename", "u"], "-ERR no such key\r\n");
    c.expect(&["RENAMENX", "renamenx", "u"], "-ERR no such key\r\n");
    c.expect(&["RENAMENX", "incr", "to"], ":1\r\n");
    c.expect(&["PERSIST", "persist"], ":0\r\n");
    c.expect(&["EXPIRE", "expire", "100"], ":0\r\n");
    c.expect(&["COPY", "copy", "u"], ":0\r\n");
    c.expect(&["DEL", "del"], ":0\r\n");
    c.expect(&["SET", "xx", "v", "XX"], "$-1\r\n");
    c.expect(&["MOVE", "move", "1"], ":0\r\n");
    c.expect(&["GETSET", "getset", "v"], "$-1\r\n");
    c.expect(&["GETDEL", "getdel"], "$-1\r\n");
    c.expect(&["GETEX", "getex", "PERSIST"], "$-1\r\n");
    c.expect(&["MSETNX", "msetnx", "v"], ":1\r\n");
    c.expect(&["SETRANGE", "range", "1", "x"], ":2\r\n");
    c.expect(&["GET", "range"], "$2\r\n\0x\r\n");
    c.expect(&["DBSIZE"], ":6\r\n");
});
