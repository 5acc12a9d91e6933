//! MIGRATE as far as one server alone shows it; `tests/migrate.rs` has the others.

const TO_NOBODY: [&str; 3] = ["MIGRATE", "127.0.0.1", "1"];

case!(its_words_are_looked_at_in_order, |c| {
    let mut expect = |words: &[&str], reply: &str| {
        c.expect(&[&TO_NOBODY, words].concat(), format!("{reply}\r\n"));
    };
    let keys = "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty \
                string";
    expect(&["k"], "-ERR wrong number of arguments for 'migrate' command");
    expect(&["k", "abc", "100"], "-ERR value is not an integer or out of range");
    expect(&["k", "0", "abc"], "-ERR value is not an integer or out of range");
    expect(&["k", "0", "abc", "FOO"], "-ERR syntax error");
    expect(&["k", "0", "abc", "KEYS", "a"], keys);
    expect(&["k", "0", "100", "AUTH"], "-ERR syntax error");
    expect(&["k", "0", "100", "AUTH2", "u"], "-ERR syntax error");
    expect(&["k", "0", "100", "COPY", "REPLACE", "AUTH", "pw"], "+NOKEY");
    expect(&["", "0", "100", "KEYS"], "+NOKEY");
    expect(&["", "0", "100", "AUTH", "keys", "KEYS", "a", "b"], "+NOKEY");
});

case!(who_cannot_be_reached_gets_nothing, |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    let call = [&TO_NOBODY[..], &["k", "0", "1000"]].concat();
    let refused = "-IOERR error or timeout writing to target instance\r\n";
    c.expect(&call, refused);
    c.expect(&["GET", "k"], "$1\r\nv\r\n");
    c.expect(&["MULTI"], "+OK\r\n");
    c.expect(&call, "+QUEUED\r\n");
    c.expect(&["EXEC"], format!("*1\r\n{refused}"));
    c.expect(&["EXISTS", "k"], ":1\r\n");
    let stats = String::from_utf8(c.cmd(&["INFO", "errorstats"])).expect("text");
    assert!(stats.contains("errorstat_IOERR:count=2"), "{stats}");
});
