//! OBJECT: encodings, access stamps, owners.

const NIL: &str = "$-1\r\n";

case!(encodings_of_strings, |c| {
    let (a44, a45, a40k) = ("a".repeat(44), "a".repeat(45), "a".repeat(40_000));
    for (value, name) in [
        ("1", "int"),
        ("-9223372036854775808", "int"),
        ("9223372036854775808", "embstr"),
        ("01", "embstr"),
        ("1.5", "embstr"),
        ("", "embstr"),
        (&a44, "embstr"),
        (&a45, "raw"),
        (&a40k, "raw"),
    ] {
        c.expect(&["SET", "k", value], "+OK\r\n");
        c.expect(&["OBJECT", "ENCODING", "k"], format!("${}\r\n{name}\r\n", name.len()));
        c.expect(&["COPY", "k", "copy", "REPLACE"], ":1\r\n");
        c.expect(&["RENAME", "copy", "moved"], "+OK\r\n");
        c.expect(&["OBJECT", "ENCODING", "moved"], format!("${}\r\n{name}\r\n", name.len()));
    }
    c.expect(&["OBJECT", "ENCODING", "none"], NIL);
});

case!(encodings_after_changes, |c| {
    c.expect(&["SET", "k", "10"], "+OK\r\n");
    c.expect(&["APPEND", "k", "1"], ":3\r\n");
    c.expect(&["OBJECT", "ENCODING", "k"], "$3\r\nraw\r\n");
    c.expect(&["INCR", "k"], ":102\r\n");
    c.expect(&["OBJECT", "ENCODING", "k"], "$3\r\nint\r\n");
    c.expect(&["SETRANGE", "k", "0", "9"], ":3\r\n");
    c.expect(&["object", "encoding", "k"], "$3\r\nraw\r\n");
    c.expect(&["APPEND", "fresh", "5"], ":1\r\n");
    c.expect(&["OBJECT", "ENCODING", "fresh"], "$3\r\nint\r\n");
    c.expect(&["SETRANGE", "new", "0", "5"], ":1\r\n");
    c.expect(&["OBJECT", "ENCODING", "new"], "$3\r\nraw\r\n");
    c.expect(&["EXPIRE", "new", "100"], ":1\r\n");
    c.expect(&["OBJECT", "ENCODING", "new"], "$3\r\nraw\r\n");
    c.expect(&["GETSET", "k", "56"], "$3\r\n902\r\n");
    c.expect(&["OBJECT", "ENCODING", "k"], "$3\r\nint\r\n");
    c.expect(&["SET", "k", "12"], "+OK\r\n");
    c.expect(&["INCRBYFLOAT", "k", "0"], "$2\r\n12\r\n");
    c.expect(&["OBJECT", "ENCODING", "k"], "$6\r\nembstr\r\n");
});

case!(refcount, |c| {
    for (value, count) in
        [("0", 2_147_483_647), ("9999", 2_147_483_647), ("10000", 1), ("-1", 1), ("text", 1)]
    {
        c.expect(&["SET", "k", value], "+OK\r\n");
        c.expect(&["OBJECT", "REFCOUNT", "k"], format!(":{count}\r\n"));
    }
    c.expect(&["OBJECT", "REFCOUNT", "none"], NIL);
});

case!(idletime, |c| {
    c.expect(&["SET", "k", "text"], "+OK\r\n");
    c.expect(&["OBJECT", "IDLETIME", "k"], ":0\r\n");
    c.advance_ms(2100);
    // Asking about a key is not using it.
    c.expect(&["EXISTS", "k"], ":1\r\n");
    c.expect(&["TYPE", "k"], "+string\r\n");
    c.expect(&["TTL", "k"], ":-1\r\n");
    c.expect(&["OBJECT", "ENCODING", "k"], "$6\r\nembstr\r\n");
    let idle = c.int(&["OBJECT", "IDLETIME", "k"]);
    assert!((1..=3).contains(&idle), "{idle}");
    c.expect(&["GET", "k"], "$4\r\ntext\r\n");
    c.expect(&["OBJECT", "IDLETIME", "k"], ":0\r\n");
    c.expect(&["OBJECT", "IDLETIME", "none"], NIL);
});

case!(freq_needs_another_policy, |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.expect(&["OBJECT", "FREQ", "none"], NIL);
    c.expect(
        &["OBJECT", "FREQ", "k"],
        "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
         that when switching between policies at runtime LRU and LFU data will take some time to \
         adjust.\r\n",
    );
});

case!(freq, ["--maxmemory-policy", "allkeys-lfu"], |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.expect(&["OBJECT", "FREQ", "k"], ":5\r\n");
    for _ in 0..200 {
        c.expect(&["GET", "k"], "$1\r\nv\r\n");
    }
    let count = c.int(&["OBJECT", "FREQ", "k"]);
    assert!((6..=60).contains(&count), "{count}");
    c.expect(
        &["OBJECT", "IDLETIME", "k"],
        "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
         switching between policies at runtime LRU and LFU data will take some time to adjust.\r\n",
    );
});

case!(object_itself, |c| {
    let arity = |word: &str| format!("-ERR wrong number of arguments for '{word}' command\r\n");
    c.expect(&["OBJECT"], arity("object"));
    c.expect(&["OBJECT", "FOO"], "-ERR unknown subcommand 'FOO'. Try OBJECT HELP.\r\n");
    c.expect(&["OBJECT", "FOO", "k"], "-ERR unknown subcommand 'FOO'. Try OBJECT HELP.\r\n");
    for word in ["encoding", "freq", "idletime", "refcount"] {
        c.expect(&["OBJECT", word], arity(&format!("object|{word}")));
        c.expect(&["OBJECT", word, "a", "b"], arity(&format!("object|{word}")));
    }
    c.expect(&["OBJECT", "HELP", "x"], arity("object|help"));
    let help = c.cmd(&["OBJECT", "HELP"]);
    assert!(help.starts_with(b"*11\r\n+OBJECT <subcommand>"));
});
