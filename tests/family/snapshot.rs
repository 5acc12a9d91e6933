//! SAVE, BGSAVE, DEBUG RELOAD and what INFO says of them.

use crate::support::Client;

const OK: &str = "+OK\r\n";

fn info(c: &mut Client, field: &str) -> String {
    let text = String::from_utf8(c.cmd(&["INFO", "persistence"])).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

fn saved(c: &mut Client) {
    c.until(5000, |c| info(c, "rdb_bgsave_in_progress") == "0");
}

case!(a_reload_changes_nothing, |c| {
    c.expect(&["SET", "s", "v", "PXAT", "4102444800123"], OK);
    c.expect(&["RPUSH", "l", "a", "1"], ":2\r\n");
    c.expect(&["XADD", "x", "1-1", "f", "v"], "$3\r\n1-1\r\n");
    c.expect(&["SADD", "m", "1", "x"], ":2\r\n");
    let digest = c.cmd(&["DEBUG", "DIGEST"]);
    assert_eq!(info(c, "rdb_changes_since_last_save"), "6");
    c.expect(&["DEBUG", "RELOAD"], OK);
    assert_eq!(c.cmd(&["DEBUG", "DIGEST"]), digest);
    assert_eq!(info(c, "rdb_changes_since_last_save"), "0");
    assert_eq!(info(c, "rdb_last_load_keys_loaded"), "4");
    c.expect(&["SET", "new", "1"], OK);
    c.expect(&["DEBUG", "RELOAD", "NOSAVE"], OK);
    assert_eq!(c.cmd(&["DEBUG", "DIGEST"]), digest);
});

case!(a_save_in_the_background_is_of_its_moment, |c| {
    for n in 0..300 {
        c.expect(&["RPUSH", &format!("k{n}"), "a"], ":1\r\n");
    }
    let digest = c.cmd(&["DEBUG", "DIGEST"]);
    c.expect(&["BGSAVE"], "+Background saving started\r\n");
    for n in 0..300 {
        c.expect(&["RPUSH", &format!("k{n}"), "b"], ":2\r\n");
    }
    saved(c);
    assert_eq!(info(c, "rdb_changes_since_last_save"), "300");
    assert_eq!(info(c, "rdb_last_bgsave_status"), "ok");
    c.expect(&["DEBUG", "RELOAD", "NOSAVE"], OK);
    assert_eq!(c.cmd(&["DEBUG", "DIGEST"]), digest);
});

case!(one_save_at_a_time, ["--rdb-key-save-delay", "100000"], |c| {
    for n in 0..50 {
        c.expect(&["SET", &format!("k{n}"), "a"], OK);
    }
    c.expect(&["BGSAVE", "x"], "-ERR syntax error\r\n");
    c.expect(&["BGSAVE", "SCHEDULE", "x"], "-ERR syntax error\r\n");
    c.expect(&["BGSAVE", "SCHEDULE"], "+Background saving started\r\n");
    let busy = "-ERR Background save already in progress\r\n";
    c.expect(&["BGSAVE"], busy);
    c.expect(&["SAVE"], busy);
    assert_eq!(info(c, "rdb_bgsave_in_progress"), "1");
    assert_eq!(info(c, "current_save_keys_total"), "50");
    c.expect(&["CONFIG", "SET", "rdb-key-save-delay", "0"], OK);
});

case!(a_transaction_is_saved_whole, |c| {
    c.expect(&["MULTI"], OK);
    c.expect(&["SET", "a", "1"], "+QUEUED\r\n");
    c.expect(&["SAVE"], "-ERR Command not allowed inside a transaction\r\n");
    c.expect(&["DISCARD"], OK);
    c.expect(&["MULTI"], OK);
    c.expect(&["SET", "a", "1"], "+QUEUED\r\n");
    c.expect(&["BGSAVE"], "+QUEUED\r\n");
    c.expect(&["SET", "b", "1"], "+QUEUED\r\n");
    c.expect(&["EXEC"], "*3\r\n+OK\r\n+Background saving scheduled\r\n+OK\r\n");
    c.until(5000, |c| info(c, "rdb_saves") == "1");
    saved(c);
    c.expect(&["SET", "c", "1"], OK);
    c.expect(&["DEBUG", "RELOAD", "NOSAVE"], OK);
    c.expect(&["EXISTS", "a", "b", "c"], ":2\r\n");
});

case!(a_reload_is_felt_by_those_who_watch, |c| {
    c.expect(&["SET", "k", "1"], OK);
    c.expect(&["WATCH", "k"], OK);
    let mut other = c.client();
    other.expect(&["DEBUG", "RELOAD"], OK);
    c.expect(&["MULTI"], OK);
    c.expect(&["GET", "k"], "+QUEUED\r\n");
    c.expect(&["EXEC"], "*-1\r\n");
});
