//! What a server that stands alone answers to questions about cluster, replicas and modules.

const NO_CLUSTER: &str = "-ERR This instance has cluster support disabled\r\n";
const NO_REPLICATION: &str = "-ERR This instance has replication support disabled\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";

case!(cluster_is_refused_after_the_arity, |c| {
    for call in [
        &["CLUSTER", "INFO"][..],
        &["cluster", "myid"],
        &["CLUSTER", "HELP"],
        &["CLUSTER", "KEYSLOT", "a"],
        &["CLUSTER", "SETSLOT", "1", "STABLE"],
        &["ASKING"],
        &["READONLY"],
        &["READWRITE"],
    ] {
        c.expect(call, NO_CLUSTER);
    }
    for (call, name) in [
        (&["CLUSTER", "INFO", "x"][..], "cluster|info"),
        (&["CLUSTER", "ADDSLOTS"], "cluster|addslots"),
        (&["CLUSTER"], "cluster"),
        (&["ASKING", "x"], "asking"),
    ] {
        c.expect(call, format!("-ERR wrong number of arguments for '{name}' command\r\n"));
    }
    c.expect(&["CLUSTER", "x"], "-ERR unknown subcommand 'x'. Try CLUSTER HELP.\r\n");
});

case!(modules, |c| {
    c.expect(&["MODULE", "LIST"], "*0\r\n");
    let refused = "-ERR MODULE command not allowed. If the enable-module-command option is set to \
                   \"local\", you can run it from a local connection, otherwise you need to set \
                   this option in the configuration file, and then restart the server.\r\n";
    for call in [["LOAD", "/m.so"], ["LOADEX", "/m.so"], ["UNLOAD", "m"]] {
        c.expect(&["MODULE", call[0], call[1]], refused);
    }
    assert!(c.cmd(&["MODULE", "HELP"]).starts_with(b"*"));
});

case!(modules_that_may_be_loaded, ["--enable-module-command", "local"], |c| {
    let failed = "-ERR Error loading the extension. Please check the server logs.\r\n";
    c.expect(&["MODULE", "LOAD", "/m.so", "arg"], failed);
    c.expect(&["MODULE", "LOADEX", "/m.so"], failed);
    c.expect(
        &["MODULE", "UNLOAD", "m"],
        "-ERR Error unloading module: no such module with that name\r\n",
    );
});

case!(role_and_replicaof, |c| {
    c.expect(&["ROLE"], "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    for name in ["REPLICAOF", "SLAVEOF"] {
        c.expect(&[name, "no", "ONE"], "+OK\r\n");
        c.expect(&[name, "host", "port"], "-ERR Invalid master port\r\n");
        c.expect(&[name, "host", "65536"], "-ERR Invalid master port\r\n");
        c.expect(&[name, "host", "6379"], NO_REPLICATION);
    }
    c.expect(&["SYNC"], NO_REPLICATION);
    c.expect(&["PSYNC", "?", "-1"], NO_REPLICATION);
    c.expect(&["REPLCONF", "capa", "eof"], NO_REPLICATION);
    c.expect(&["REPLCONF", "capa"], SYNTAX);
});

case!(failover, |c| {
    let no_replicas = "-ERR FAILOVER requires connected replicas.\r\n";
    let no_integer = "-ERR value is not an integer or out of range\r\n";
    for (words, reply) in [
        (&[][..], no_replicas),
        (&["TO", "h", "1", "FORCE", "TIMEOUT", "5"], no_replicas),
        (&["ABORT"], "-ERR No failover in progress.\r\n"),
        (&["ABORT", "FORCE"], SYNTAX),
        (&["TO", "h"], SYNTAX),
        (&["TO", "h", "x"], no_integer),
        (&["TIMEOUT", "0"], "-ERR FAILOVER timeout must be greater than 0\r\n"),
        (&["TIMEOUT", "x"], no_integer),
        (&["FORCE", "FORCE"], SYNTAX),
        (&["x"], SYNTAX),
    ] {
        c.expect(&[&["FAILOVER"], words].concat(), reply);
    }
});

case!(wait_for_nobody, |c| {
    for replicas in ["0", "-1"] {
        c.expect(&["WAIT", replicas, "0"], ":0\r\n");
    }
    c.expect(&["WAIT", "abc", "0"], "-ERR value is not an integer or out of range\r\n");
    c.expect(&["WAIT", "0", "abc"], "-ERR timeout is not an integer or out of range\r\n");
    c.expect(&["WAIT", "0", "-1"], "-ERR timeout is negative\r\n");
    c.expect(&["WAIT", "0", "9223372036854775807"], "-ERR timeout is out of range\r\n");
    c.expect(&["WAITAOF", "0", "0", "0"], "*2\r\n:0\r\n:0\r\n");
    for (words, why) in [
        (["2", "0", "0"], "value is out of range, value must between 0 and 1"),
        (["a", "0", "0"], "value is not an integer or out of range"),
        (["0", "-1", "0"], "value is out of range, must be positive"),
        (["0", "b", "0"], "value is out of range, must be positive"),
        (["0", "0", "c"], "timeout is not an integer or out of range"),
        (
            ["1", "0", "1"],
            "WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ),
    ] {
        c.expect(&[&["WAITAOF"], &words[..]].concat(), format!("-ERR {why}\r\n"));
    }
});

case!(wait_in_vain, |c| {
    c.send_raw(b"WAIT 1 20\r\nWAITAOF 0 1 20\r\nPING\r\n");
    c.expect_silence();
    c.advance_ms(30);
    c.expect_frame(":0\r\n");
    c.advance_ms(30);
    c.expect_frame("*2\r\n:0\r\n:0\r\n");
    c.expect_frame("+PONG\r\n");
});

case!(lolwut_and_lastsave, |c| {
    let ends = b"Redis ver. 7.2.4\n\r\n";
    for words in [&[][..], &["VERSION", "5", "10", "2", "2"], &["VERSION", "6", "1"], &["x", "y"]] {
        assert!(c.cmd(&[&["LOLWUT"], words].concat()).ends_with(ends));
    }
    let no_integer = "-ERR value is not an integer or out of range\r\n";
    c.expect(&["LOLWUT", "VERSION", "x"], no_integer);
    c.expect(&["LOLWUT", "VERSION", "6", "x"], no_integer);
    c.cmd(&["HELLO", "3"]);
    assert!(c.cmd(&["LOLWUT"]).starts_with(b"="));
    let started = c.int(&["LASTSAVE"]);
    c.advance_ms(1100);
    assert_eq!(c.int(&["LASTSAVE"]), started);
});
