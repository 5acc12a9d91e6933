//! DEBUG: switches, looks inside, and one reply of each type.

case!(protocol_in_resp2, |c| {
    for (kind, reply) in [
        ("string", "$11\r\nHello World\r\n"),
        ("integer", ":12345\r\n"),
        ("double", "$5\r\n3.141\r\n"),
        ("null", "$-1\r\n"),
        ("array", "*3\r\n:0\r\n:1\r\n:2\r\n"),
        ("set", "*3\r\n:0\r\n:1\r\n:2\r\n"),
        ("map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n"),
        ("attrib", "$39\r\nSome real reply following the attribute\r\n"),
        ("push", "-ERR RESP2 is not supported by this command\r\n"),
        ("bignum", "$37\r\n1234567999999999999999999999999999999\r\n"),
        ("verbatim", "$25\r\nThis is a verbatim\nstring\r\n"),
        ("true", ":1\r\n"),
        ("false", ":0\r\n"),
    ] {
        c.expect(&["DEBUG", "PROTOCOL", kind], reply);
    }
});

case!(protocol_in_resp3, |c| {
    c.cmd(&["HELLO", "3"]);
    for (kind, reply) in [
        ("double", ",3.141\r\n"),
        ("null", "_\r\n"),
        ("set", "~3\r\n:0\r\n:1\r\n:2\r\n"),
        ("map", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
        ("bignum", "(1234567999999999999999999999999999999\r\n"),
        ("verbatim", "=29\r\ntxt:This is a verbatim\nstring\r\n"),
        ("true", "#t\r\n"),
    ] {
        c.expect(&["DEBUG", "PROTOCOL", kind], reply);
    }
    c.expect(&["DEBUG", "PROTOCOL", "push"], "$40\r\nSome real reply following the push reply\r\n");
    c.expect_frame(">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n");
    let refused = c.cmd(&["DEBUG", "PROTOCOL", "nosuch"]);
    assert!(refused.starts_with(b"-ERR Wrong protocol type name."));
});

case!(unknown_subcommands, |c| {
    let text = |name: &str| {
        format!(
            "-ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP.\r\n"
        )
    };
    for call in [&["SLEEP"][..], &["NOSUCH"], &["JMAP", "x"], &["STRINGMATCH-LEN", "10", "*a*"]] {
        let words = [&["DEBUG"], call].concat();
        c.expect(&words, text(call[0]));
    }
    c.expect(&["DEBUG", "ERROR", "MYERR some\r\ntext"], "-MYERR some  text\r\n");
    c.expect(&["DEBUG", "ERROR", ""], "-\r\n");
    assert!(c.node(&["DEBUG", "HELP"]).list().is_some_and(|lines| lines.len() > 20));
});

case!(a_look_at_values, |c| {
    c.cmd(&["SET", "a", "hello"]);
    let object = |c: &mut crate::support::Client, key: &str| {
        String::from_utf8(c.cmd(&["DEBUG", "OBJECT", key])).expect("text")
    };
    let text = object(c, "a");
    assert!(text.starts_with("+Value at:0x"), "{text}");
    assert!(text.contains(" refcount:1 encoding:embstr serializedlength:6 lru:"), "{text}");
    c.cmd(&["SET", "b", "12345"]);
    assert!(object(c, "b").contains("encoding:int serializedlength:3 "));
    assert_ne!(text.split(' ').nth(1), object(c, "b").split(' ').nth(1));
    c.expect(&["DEBUG", "OBJECT", "none"], "-ERR no such key\r\n");
    c.expect(
        &["DEBUG", "SDSLEN", "a"],
        "+key_sds_len:1, key_sds_avail:0, key_zmalloc: 8, val_sds_len:5, val_sds_avail:0, \
         val_zmalloc: 8\r\n",
    );
    c.expect(&["DEBUG", "SDSLEN", "b"], "-ERR Not an sds encoded string.\r\n");
    c.expect(&["DEBUG", "LISTPACK", "a"], "-ERR Not a listpack encoded object.\r\n");
    c.cmd(&["HSET", "h", "f", "v"]);
    c.expect(&["DEBUG", "LISTPACK", "h"], "+Listpack structure printed on stdout\r\n");
    c.expect(
        &["DEBUG", "HTSTATS-KEY", "a"],
        "-ERR The value stored at the specified key is not represented using an hash table\r\n",
    );
});

case!(a_look_at_tables, |c| {
    let text = String::from_utf8(c.node(&["DEBUG", "HTSTATS", "0"]).text()).expect("text");
    assert!(text.contains("No stats available for empty dictionaries"), "{text}");
    c.expect(&["DEBUG", "POPULATE", "1000"], "+OK\r\n");
    c.expect(&["GET", "key:999"], "$9\r\nvalue:999\r\n");
    let text = String::from_utf8(c.node(&["DEBUG", "HTSTATS", "0", "full"]).text()).expect("text");
    assert!(text.contains(" number of elements: 1000\n"), "{text}");
    c.expect(&["DEBUG", "HTSTATS", "99"], "-ERR Out of range database\r\n");
    c.expect(&["DEBUG", "POPULATE", "3", "pre", "10"], "+OK\r\n");
    c.expect(&["GET", "pre:2"], "$10\r\nvalue:2\0\0\0\r\n");
    c.expect(&["DBSIZE"], ":1003\r\n");
    c.expect(&["DEBUG", "POPULATE", "x"], "-ERR value is out of range, must be positive\r\n");
    assert!(c.cmd(&["DEBUG", "STRUCTSIZE"]).starts_with(b"+bits:64 "));
});

case!(the_allocator_answers, |c| {
    let version = String::from_utf8(c.node(&["DEBUG", "MALLCTL-STR", "version"]).text());
    assert!(version.expect("text").starts_with("5."));
    assert_eq!(c.int(&["DEBUG", "MALLCTL", "arenas.page"]), 4096);
    c.expect(&["DEBUG", "MALLCTL", "nosuch"], "-ERR No such file or directory\r\n");
    c.expect(&["DEBUG", "MALLCTL-STR", "nosuch"], "-ERR No such file or directory\r\n");
    c.expect(&["DEBUG", "MALLCTL-STR", "arenas.page"], "-ERR Invalid argument\r\n");
    c.expect(
        &["DEBUG", "MALLCTL", "arena.0.extent_hooks", "1"],
        "-ERR Operation not permitted\r\n",
    );
});

case!(switches, |c| {
    for call in [
        &["PAUSE-CRON", "1"][..],
        &["PAUSE-CRON", "0"],
        &["REPLYBUFFER", "PEAK-RESET-TIME", "100"],
        &["REPLYBUFFER", "PEAK-RESET-TIME", "never"],
        &["REPLYBUFFER", "PEAK-RESET-TIME", "reset"],
        &["REPLYBUFFER", "RESIZING", "0"],
        &["REPLYBUFFER", "RESIZING", "1"],
        &["SET-DISABLE-DENY-SCRIPTS", "1"],
        &["QUICKLIST-PACKED-THRESHOLD", "100b"],
        &["QUICKLIST-PACKED-THRESHOLD", "0"],
        &["DROP-CLUSTER-PACKET-FILTER", "1"],
        &["LOG", "hello"],
        &["REPLICATE", "SET", "a", "b"],
        &["SLEEP", "0"],
    ] {
        let words = [&["DEBUG"], call].concat();
        c.expect(&words, "+OK\r\n");
    }
    c.expect(&["EXISTS", "a"], ":0\r\n");
    c.expect(
        &["DEBUG", "QUICKLIST-PACKED-THRESHOLD", "abc"],
        "-ERR argument must be a memory value bigger than 1 and smaller than 4gb\r\n",
    );
    c.expect(
        &["DEBUG", "REPLYBUFFER", "PEAK-RESET-TIME", "x"],
        "-ERR value is not an integer or out of range\r\n",
    );
});

case!(nothing_expires_by_itself_while_cron_is_paused, |c| {
    c.expect(&["DEBUG", "PAUSE-CRON", "1"], "+OK\r\n");
    c.cmd(&["SET", "k", "v", "PX", "5"]);
    c.advance_ms(40);
    c.expect(&["DBSIZE"], ":1\r\n");
    c.expect(&["DEBUG", "PAUSE-CRON", "0"], "+OK\r\n");
    c.until(1000, |c| c.int(&["DBSIZE"]) == 0);
});

case!(debug_must_be_allowed, ["--enable-debug-command", "no"], |c| {
    let refused = c.cmd(&["DEBUG", "SLEEP", "0"]);
    assert!(refused.starts_with(b"-ERR DEBUG command not allowed. If the enable-debug-command"));
});
