//! maxmemory: who is refused, what goes, and what is told of it.

use crate::support::frames::encode;

case!(nothing_is_evicted_under_noeviction, ["--maxmemory", "1"], |c| {
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    c.expect(&["SET", "a", "1"], refused);
    c.expect(&["GET", "a"], "$-1\r\n");
    c.expect(&["DEL", "a"], ":0\r\n");
    c.expect(&["CONFIG", "SET", "maxmemory", "0"], "+OK\r\n");
    c.expect(&["SET", "a", "1"], "+OK\r\n");
});

case!(what_is_queued_is_refused_and_aborts, ["--maxmemory", "1"], |c| {
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    c.expect(&["MULTI"], "+OK\r\n");
    c.expect(&["GET", "a"], refused);
    c.expect(&["EXEC"], "-EXECABORT Transaction discarded because of previous errors.\r\n");
    c.expect(&["EXEC"], "-ERR EXEC without MULTI\r\n");
});

case!(exec_looks_again, |c| {
    c.expect(&["MULTI"], "+OK\r\n");
    c.expect(&["SET", "a", "1"], "+QUEUED\r\n");
    let mut other = c.client();
    other.expect(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    c.expect(
        &["EXEC"],
        "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > \
         'maxmemory'.\r\n",
    );
    c.expect(&["EXEC"], "-ERR EXEC without MULTI\r\n");
    c.expect(&["MULTI"], "+OK\r\n");
    other.expect(&["CONFIG", "SET", "maxmemory", "0"], "+OK\r\n");
    c.expect(&["GET", "a"], "+QUEUED\r\n");
    other.expect(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    c.expect(&["EXEC"], "*1\r\n$-1\r\n");
});

case!(scripts_are_refused_before_they_write, |c| {
    let refused = |c: &mut crate::support::Client, script: &str, error: &str| {
        let got = c.cmd(&["EVAL", script, "1", "k"]);
        let got = String::from_utf8_lossy(&got);
        assert!(got.starts_with(error), "{script}: {got}");
    };
    c.expect(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    refused(
        c,
        "redis.call('SET', KEYS[1], 'v')",
        "-OOM command not allowed when used memory > 'maxmemory'.",
    );
    refused(c, "#!lua\nreturn 1", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    c.expect(&["EVAL", "return redis.call('GET', KEYS[1])", "1", "k"], "$-1\r\n");
    c.expect(&["EVAL", "#!lua flags=no-writes\nreturn 1", "1", "k"], ":1\r\n");
    let allowed = "#!lua flags=allow-oom\nreturn redis.call('INCR', KEYS[1])";
    c.expect(&["EVAL", allowed, "1", "k"], ":1\r\n");
    let begun = "redis.call('DEL', KEYS[1]) return redis.call('INCR', KEYS[1])";
    c.expect(&["EVAL", begun, "1", "k"], ":1\r\n");
});

case!(exec_looks_at_the_scripts_it_keeps, |c| {
    c.expect(&["MULTI"], "+OK\r\n");
    c.expect(&["EVAL", "#!lua\nreturn 1", "0"], "+QUEUED\r\n");
    c.client().expect(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    c.expect(
        &["EXEC"],
        "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > \
         'maxmemory'.\r\n",
    );
});

case!(evicted_keys_are_told, ["--maxmemory-policy", "allkeys-random"], |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.expect(&["CONFIG", "SET", "notify-keyspace-events", "Ee"], "+OK\r\n");
    let mut listener = c.client();
    listener.expect(
        &["SUBSCRIBE", "__keyevent@0__:evicted"],
        "*3\r\n$9\r\nsubscribe\r\n$22\r\n__keyevent@0__:evicted\r\n:1\r\n",
    );
    c.expect(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    listener.expect_frame("*3\r\n$7\r\nmessage\r\n$22\r\n__keyevent@0__:evicted\r\n$1\r\nk\r\n");
    c.expect(&["DBSIZE"], ":0\r\n");
    assert!(info(c, "stats").contains("\r\nevicted_keys:1\r\n"));
});

case!(an_evicted_key_breaks_a_watch, ["--maxmemory-policy", "volatile-ttl"], |c| {
    c.expect(&["SET", "k", "v", "EX", "100"], "+OK\r\n");
    c.expect(&["WATCH", "k"], "+OK\r\n");
    c.expect(&["MULTI"], "+OK\r\n");
    let mut other = c.client();
    other.expect(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    other.expect(&["DBSIZE"], ":0\r\n");
    other.expect(&["CONFIG", "SET", "maxmemory", "0"], "+OK\r\n");
    c.expect(&["PING"], "+QUEUED\r\n");
    c.expect(&["EXEC"], "*-1\r\n");
});

case!(the_next_to_expire_goes_first, ["--maxmemory-policy", "volatile-ttl"], |c| {
    if !c.is_in_process() {
        // Only there is the memory in use what the keys take.
        return;
    }
    for (key, ttl) in [("late", "3000"), ("soon", "1000"), ("between", "2000")] {
        c.expect(&["SET", key, &"x".repeat(1000), "EX", ttl], "+OK\r\n");
    }
    let limit = (used(c) - 500).to_string();
    c.expect(&["CONFIG", "SET", "maxmemory", &limit], "+OK\r\n");
    c.expect(&["EXISTS", "soon"], ":0\r\n");
    c.expect(&["EXISTS", "late", "between"], ":2\r\n");
});

case!(shares_of_memory_may_be_given, |c| {
    c.expect(&["CONFIG", "SET", "maxmemory", "80%"], "+OK\r\n");
    c.expect(&["CONFIG", "GET", "maxmemory"], "*2\r\n$9\r\nmaxmemory\r\n$3\r\n80%\r\n");
    for wrong in ["0%", "101%", "%", "x%", "-5%"] {
        c.expect(
            &["CONFIG", "SET", "maxmemory", wrong],
            "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be \
             a memory value\r\n",
        );
    }
    let text = info(c, "memory");
    assert!(!text.contains("\r\nmaxmemory:0\r\n"), "{text}");
    assert!(text.contains("\r\nmaxmemory_source:configuration\r\n"), "{text}");
});

case!(the_largest_client_goes, ["--maxmemory-clients", "200kb"], |c| {
    let mut large = c.client();
    large.expect(&["CLIENT", "SETNAME", "large"], "+OK\r\n");
    let mut kept = c.client();
    kept.expect(&["CLIENT", "NO-EVICT", "ON"], "+OK\r\n");
    kept.expect(&["MULTI"], "+OK\r\n");
    for _ in 0..4 {
        kept.expect(&["SET", "k", &"x".repeat(20_000)], "+QUEUED\r\n");
    }
    large.expect(&["MULTI"], "+OK\r\n");
    large.send_raw(&encode(&["SET", "k", &"x".repeat(150_000)]));
    large.expect_close("");
    kept.expect(&["DISCARD"], "+OK\r\n");
    assert!(info(c, "stats").contains("\r\nevicted_clients:1\r\n"));
});

/// A section of INFO.
fn info(c: &mut crate::support::Client, section: &str) -> String {
    String::from_utf8_lossy(&c.cmd(&["INFO", section])).into_owned()
}

/// Bytes in use.
fn used(c: &mut crate::support::Client) -> usize {
    let text = info(c, "memory");
    let line = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|n| n.parse().ok()).expect("INFO tells it")
}
