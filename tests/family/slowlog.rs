//! SLOWLOG: what is logged, how it is shortened, and what never shows.

use crate::support::Client;

fn all(c: &mut Client) -> String {
    String::from_utf8_lossy(&c.cmd(&["SLOWLOG", "GET", "-1"])).into_owned()
}

case!(every_command_is_logged_under_a_threshold_of_nothing, |c| {
    c.expect(&["CONFIG", "SET", "slowlog-log-slower-than", "0"], "+OK\r\n");
    c.expect(&["SLOWLOG", "RESET"], "+OK\r\n");
    c.expect(&["CLIENT", "SETNAME", "worker"], "+OK\r\n");
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.expect(&["MULTI"], "+OK\r\n");
    c.expect(&["GET", "k"], "+QUEUED\r\n");
    c.expect(&["EXEC"], "*1\r\n$1\r\nv\r\n");
    let log = all(c);
    for logged in ["SET\r\n$1\r\nk\r\n$1\r\nv", "MULTI", "GET\r\n$1\r\nk", "worker"] {
        assert!(log.contains(logged), "{logged} is not in {log}");
    }
    assert!(!log.contains("EXEC"), "what EXEC runs is logged, not EXEC: {log}");
    c.expect(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"], "+OK\r\n");
    c.expect(&["SLOWLOG", "RESET"], "+OK\r\n");
    c.expect(&["PING"], "+PONG\r\n");
    c.expect(&["SLOWLOG", "LEN"], ":0\r\n");
});

case!(long_calls_are_shortened, |c| {
    c.expect(&["CONFIG", "SET", "slowlog-log-slower-than", "0"], "+OK\r\n");
    let long = "x".repeat(300);
    c.expect(&["ECHO", &long], format!("$300\r\n{long}\r\n"));
    assert!(all(c).contains(&format!("{}... (172 more bytes)", "x".repeat(128))));
    let mut del = vec!["DEL"];
    del.extend((0..40).map(|_| "key"));
    c.expect(&del, ":0\r\n");
    assert!(all(c).contains("... (10 more arguments)"), "{}", all(c));
});

case!(secrets_are_never_shown, |c| {
    c.expect(&["CONFIG", "SET", "slowlog-log-slower-than", "0"], "+OK\r\n");
    c.cmd(&["AUTH", "default", "hunter2"]);
    c.cmd(&["AUTH", "hunter2"]);
    c.cmd(&["HELLO", "2", "AUTH", "default", "hunter2"]);
    c.cmd(&["CONFIG", "SET", "masterauth", "hunter2"]);
    let log = all(c);
    assert!(!log.contains("hunter2") && log.contains("(redacted)"), "{log}");
});

case!(the_log_keeps_the_newest, |c| {
    c.expect(&["CONFIG", "SET", "slowlog-log-slower-than", "0"], "+OK\r\n");
    c.expect(&["CONFIG", "SET", "slowlog-max-len", "2"], "+OK\r\n");
    for word in ["one", "two", "three"] {
        c.expect(&["ECHO", word], format!("${}\r\n{word}\r\n", word.len()));
    }
    c.expect(&["SLOWLOG", "LEN"], ":2\r\n");
    c.expect(&["SLOWLOG", "GET", "-2"], "-ERR count should be greater than or equal to -1\r\n");
});
