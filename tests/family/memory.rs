//! MEMORY and INFO memory.

case!(usage_of_a_key, |c| {
    c.expect(&["MEMORY", "USAGE", "k"], "$-1\r\n");
    c.expect(&["SET", "k", &"x".repeat(100_000)], "+OK\r\n");
    let bytes = c.int(&["MEMORY", "USAGE", "k"]);
    assert!((100_000..130_000).contains(&bytes), "{bytes}");
    c.expect(&["MEMORY", "USAGE", "k", "SAMPLES", "0"], format!(":{bytes}\r\n"));
    c.expect(&["MEMORY", "USAGE", "k", "samples", "5", "SAMPLES", "3"], format!(":{bytes}\r\n"));
    c.expect(&["MEMORY", "USAGE", "k", "SAMPLES", "-1"], "-ERR syntax error\r\n");
    c.expect(&["MEMORY", "USAGE", "k", "SAMPLES"], "-ERR syntax error\r\n");
    c.expect(
        &["MEMORY", "USAGE", "k", "SAMPLES", "x"],
        "-ERR value is not an integer or out of range\r\n",
    );
});

case!(usage_is_no_use, |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.advance_ms(2000);
    c.int(&["MEMORY", "USAGE", "k"]);
    let idle = c.int(&["OBJECT", "IDLETIME", "k"]);
    assert!((1..=3).contains(&idle), "{idle}");
});

case!(the_statistics_are_a_map, |c| {
    c.expect(&["SET", "k", "v", "EX", "100"], "+OK\r\n");
    let text = String::from_utf8_lossy(&c.cmd(&["MEMORY", "STATS"])).into_owned();
    for name in ["db.0", "overhead.hashtable.expires", "keys.count", "fragmentation.bytes"] {
        assert!(text.contains(&format!("\r\n{name}\r\n")), "{name}: {text}");
    }
    c.expect(&["MEMORY", "PURGE"], "+OK\r\n");
});

case!(garbage_is_counted, |c| {
    c.expect(&["SET", "k", &"x".repeat(1 << 20)], "+OK\r\n");
    c.expect(&["UNLINK", "k"], ":1\r\n");
    c.until(2000, |c| {
        let text = String::from_utf8_lossy(&c.cmd(&["INFO", "memory"])).into_owned();
        text.contains("lazyfree_pending_objects:0\r\n") && text.contains("lazyfreed_objects:1\r\n")
    });
});

case!(a_flushed_database_counts_by_its_keys, |c| {
    c.expect(&["MSET", "a", "1", "b", "2", "c", "3"], "+OK\r\n");
    c.expect(&["FLUSHALL", "ASYNC"], "+OK\r\n");
    c.until(2000, |c| {
        let text = String::from_utf8_lossy(&c.cmd(&["INFO", "memory"])).into_owned();
        text.contains("lazyfree_pending_objects:0\r\n") && text.contains("lazyfreed_objects:3\r\n")
    });
});
