//! Strings of bits: single bits, counts, searches, combinations, fields.

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const OFFSET: &str = "-ERR bit offset is not an integer or out of range\r\n";
const OK: &str = "+OK\r\n";

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

case!(bits_are_set_and_read, |c| {
    c.expect(&["SETBIT", "k", "1", "1"], ":0\r\n");
    c.expect(&["SETBIT", "k", "7", "1"], ":0\r\n");
    c.expect(&["GET", "k"], bulk("A"));
    c.expect(&["OBJECT", "ENCODING", "k"], bulk("raw"));
    c.expect(&["SETBIT", "k", "7", "0"], ":1\r\n");
    c.expect(&["GET", "k"], bulk("@"));
    c.expect(&["GETBIT", "k", "1"], ":1\r\n");
    c.expect(&["GETBIT", "k", "100"], ":0\r\n");
    c.expect(&["GETBIT", "none", "0"], ":0\r\n");
    c.expect(&["SETBIT", "k", "23", "0"], ":0\r\n");
    c.expect(&["GET", "k"], bulk("@\0\0"));
    // A short string as SET made it, and a number.
    c.expect(&["SET", "s", "abc", "EX", "100"], OK);
    c.expect(&["SETBIT", "s", "14", "0"], ":1\r\n");
    c.expect(&["GET", "s"], bulk("a`c"));
    assert!(c.int(&["TTL", "s"]) > 90);
    c.expect(&["SET", "n", "30"], OK);
    c.expect(&["SETBIT", "n", "7", "0"], ":1\r\n");
    c.expect(&["INCR", "n"], ":21\r\n");
    c.expect(&["SETBIT", "n", "0", "0"], ":0\r\n");
    c.expect(&["OBJECT", "ENCODING", "n"], bulk("raw"));
    c.expect(&["SET", "long", &"x".repeat(100_000)], OK);
    c.expect(&["SETBIT", "long", "799999", "1"], ":0\r\n");
    c.expect(&["GETRANGE", "long", "-2", "-1"], bulk("xy"));
    for offset in ["-1", "4294967296", "x", "", "#1", "1.5"] {
        c.expect(&["SETBIT", "k", offset, "1"], OFFSET);
        c.expect(&["GETBIT", "k", offset], OFFSET);
    }
    for bit in ["2", "-1", "x", ""] {
        c.expect(&["SETBIT", "k", "0", bit], "-ERR bit is not an integer or out of range\r\n");
    }
});

case!(a_bound_on_strings_is_one_on_bits, |c| {
    c.expect(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"], OK);
    c.expect(&["SETBIT", "k", "8388607", "1"], ":0\r\n");
    c.expect(&["SETBIT", "k", "8388608", "1"], OFFSET);
    c.expect(&["BITFIELD", "k", "GET", "u8", "8388608"], OFFSET);
});

case!(ones_are_counted, |c| {
    c.expect(&["SET", "k", "foobar"], OK);
    for (range, want) in [
        (&[][..], 26),
        (&["0", "0"], 4),
        (&["1", "1"], 6),
        (&["-2", "-1"], 7),
        (&["5", "30", "BIT"], 17),
        (&["0", "-1", "bit"], 26),
        (&["1", "0"], 0),
        (&["-1", "-3"], 0),
        (&["0", "100", "BYTE"], 26),
        (&["-100", "0"], 4),
        (&["3", "3", "BIT"], 0),
    ] {
        let call = [&["BITCOUNT", "k"], range].concat();
        c.expect(&call, format!(":{want}\r\n"));
    }
    c.expect(&["BITCOUNT", "k", "0"], SYNTAX);
    c.expect(&["BITCOUNT", "k", "0", "1", "BAD"], SYNTAX);
    c.expect(&["BITCOUNT", "k", "x", "1"], NOT_INTEGER);
    c.expect(&["BITCOUNT", "none", "x"], ":0\r\n");
    c.expect(&["SET", "big", &"\u{7f}".repeat(131_072)], OK);
    c.expect(&["BITCOUNT", "big"], ":917504\r\n");
    c.expect(&["BITCOUNT", "big", "1", "-2", "BIT"], ":917503\r\n");
});

case!(bits_are_found, |c| {
    c.expect(&[&b"SET"[..], b"ones", b"\xff\xff"], OK);
    c.expect(&[&b"SET"[..], b"mixed", b"\x00\x0f\x00"], OK);
    for (call, want) in [
        (&["ones", "0"][..], 16),
        (&["ones", "0", "1"], 16),
        (&["ones", "0", "0", "-1"], -1),
        (&["ones", "0", "0", "5"], -1),
        (&["ones", "1"], 0),
        (&["ones", "1", "5"], -1),
        (&["ones", "0", "5"], -1),
        (&["mixed", "1"], 12),
        (&["mixed", "1", "2"], -1),
        (&["mixed", "1", "-2", "-1"], 12),
        (&["mixed", "0", "12", "15", "BIT"], -1),
        (&["mixed", "0", "12", "16", "BIT"], 16),
        (&["mixed", "1", "13", "14", "bit"], 13),
        (&["mixed", "1", "16", "-1", "BIT"], -1),
        (&["none", "0"], 0),
        (&["none", "1"], -1),
        (&["none", "0", "x"], 0),
    ] {
        c.expect(&[&["BITPOS"], call].concat(), format!(":{want}\r\n"));
    }
    c.expect(&["SET", "empty", ""], OK);
    c.expect(&["BITPOS", "empty", "0"], ":-1\r\n");
    c.expect(&["BITPOS", "ones", "2"], "-ERR The bit argument must be 1 or 0.\r\n");
    c.expect(&["BITPOS", "ones", "x"], NOT_INTEGER);
    c.expect(&["BITPOS", "ones", "1", "0", "1", "BAD"], SYNTAX);
    c.expect(&["BITPOS", "ones", "1", "0", "1", "BIT", "x"], SYNTAX);
});

case!(strings_are_combined, |c| {
    c.expect(&["SET", "a", "abc"], OK);
    c.expect(&["SET", "b", "a"], OK);
    c.expect(&["SET", "n", "12"], OK);
    for (op, sources, want) in [
        ("AND", &["a", "b"][..], "a\0\0"),
        ("and", &["a", "none"], "\0\0\0"),
        ("OR", &["b", "a"], "abc"),
        ("XOR", &["a", "a", "b"], "a\0\0"),
        ("OR", &["b", "n"], "q2"),
        ("OR", &["a"], "abc"),
    ] {
        let len = want.len();
        c.expect(&[&["BITOP", op, "d"], sources].concat(), format!(":{len}\r\n"));
        c.expect(&["GET", "d"], bulk(want));
    }
    c.expect(&["BITOP", "NOT", "d", "b"], ":1\r\n");
    c.expect(&["GET", "d"], b"$1\r\n\x9e\r\n");
    c.expect(&["EXPIRE", "d", "100"], ":1\r\n");
    c.expect(&["BITOP", "OR", "d", "d"], ":1\r\n");
    c.expect(&["TTL", "d"], ":-1\r\n");
    c.expect(&["BITOP", "OR", "d", "none"], ":0\r\n");
    c.expect(&["EXISTS", "d"], ":0\r\n");
    c.expect(&["BITOP", "BAD", "d", "a"], SYNTAX);
    let lone = "-ERR BITOP NOT must be called with a single source key.\r\n";
    c.expect(&["BITOP", "NOT", "d", "a", "b"], lone);
    c.expect(&["SADD", "set", "x"], ":1\r\n");
    c.expect(&["BITOP", "AND", "d", "a", "set"], WRONG_TYPE);
    c.expect(&["BITOP", "AND", "set", "a"], ":3\r\n");
    c.expect(&["TYPE", "set"], "+string\r\n");
});

case!(fields_are_read_and_written, |c| {
    c.expect(&["BITFIELD", "k", "SET", "u8", "0", "65", "GET", "u4", "4"], "*2\r\n:0\r\n:1\r\n");
    c.expect(
        &["BITFIELD", "k", "SET", "i8", "#1", "-1", "GET", "u8", "#1"],
        "*2\r\n:0\r\n:255\r\n",
    );
    c.expect(&["BITFIELD", "k", "INCRBY", "u2", "100", "1"], "*1\r\n:1\r\n");
    c.expect(&["STRLEN", "k"], ":13\r\n");
    let failing = ["BITFIELD", "k", "OVERFLOW", "FAIL", "INCRBY", "u2", "100", "3"];
    c.expect(&failing, "*1\r\n$-1\r\n");
    let kinds = ["OVERFLOW", "SAT", "INCRBY", "u2", "100", "9", "OVERFLOW", "WRAP"];
    let call = [&["BITFIELD", "k"], &kinds[..], &["INCRBY", "u2", "100", "1"]].concat();
    c.expect(&call, "*2\r\n:3\r\n:0\r\n");
    c.expect(
        &["BITFIELD", "k", "GET", "i64", "3", "GET", "u63", "1000"],
        "*2\r\n:1150669704793161728\r\n:0\r\n",
    );
    c.expect(&["BITFIELD", "k"], "*0\r\n");
    c.expect(&["BITFIELD_RO", "k", "GET", "u8", "0"], "*1\r\n:65\r\n");
    let only = "-ERR BITFIELD_RO only supports the GET subcommand\r\n";
    c.expect(&["BITFIELD_RO", "k", "SET", "u8", "0", "1"], only);
    // The string grows even when nothing is written.
    c.expect(&["BITFIELD", "new", "OVERFLOW", "FAIL", "SET", "u8", "#1", "256"], "*1\r\n$-1\r\n");
    c.expect(&["GET", "new"], bulk("\0\0"));
});

case!(bad_fields_change_nothing, |c| {
    let kind = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
                supported but i64 is.\r\n";
    for (call, want) in [
        (&["GET", "u64", "0"][..], kind),
        (&["GET", "i65", "0"], kind),
        (&["GET", "u0", "0"], kind),
        (&["GET", "8", "0"], kind),
        (&["GET", "", "0"], kind),
        (&["GET", "u8", "-1"], OFFSET),
        (&["GET", "u8", "#x"], OFFSET),
        (&["GET", "u8", "#9223372036854775807"], OFFSET),
        (&["SET", "u8", "0"], SYNTAX),
        (&["SET", "u8", "0", "x"], NOT_INTEGER),
        (&["OVERFLOW", "BAD"], "-ERR Invalid OVERFLOW type specified\r\n"),
        (&["BAD"], SYNTAX),
        (&["SET", "u8", "0", "1", "GET"], SYNTAX),
    ] {
        c.expect(&[&["BITFIELD", "k"], call].concat(), want);
    }
    c.expect(&["EXISTS", "k"], ":0\r\n");
    c.expect(&["SADD", "set", "x"], ":1\r\n");
    for call in [
        &["BITFIELD", "set", "GET", "u8", "0"][..],
        &["BITFIELD", "set", "SET", "u8", "0", "1"],
        &["SETBIT", "set", "0", "1"],
        &["GETBIT", "set", "0"],
        &["BITCOUNT", "set"],
        &["BITPOS", "set", "1"],
    ] {
        c.expect(call, WRONG_TYPE);
    }
});

case!(changes_are_told, ["--notify-keyspace-events", "E$g"], |c| {
    let mut ear = c.client();
    ear.cmd(&["PSUBSCRIBE", "*"]);
    for (call, event) in [
        (&["SETBIT", "k", "0", "1"][..], Some("setbit")),
        (&["SETBIT", "k", "0", "1"], None),
        (&["BITFIELD", "k", "SET", "u8", "0", "1"], Some("setbit")),
        (&["BITFIELD", "k", "SET", "u8", "0", "1"], None),
        (&["BITFIELD", "k", "GET", "u8", "0"], None),
        (&["BITOP", "NOT", "k", "k"], Some("set")),
        (&["BITOP", "NOT", "k", "none"], Some("del")),
    ] {
        c.cmd(call);
        if let Some(event) = event {
            let channel = format!("__keyevent@0__:{event}");
            let parts: String = ["pmessage", "*", &channel, "k"].map(bulk).concat();
            ear.expect_frame(format!("*4\r\n{parts}"));
        }
    }
    c.expect(&["PUBLISH", "end", "x"], ":1\r\n");
    ear.expect_frame(format!("*4\r\n{}", ["pmessage", "*", "end", "x"].map(bulk).concat()));
});
