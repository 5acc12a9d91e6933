//! Transactions: what is kept, what is run, and what makes EXEC fail.

use crate::support::Client;

const QUEUED: &str = "+QUEUED\r\n";
const OK: &str = "+OK\r\n";
const FAILED: &str = "*-1\r\n";

/// Another connection to the same server.
fn other(c: &Client) -> Client {
    c.client()
}

case!(commands_are_kept_and_run_together, |c| {
    c.expect(&["MULTI"], OK);
    c.expect(&["SET", "a", "1"], QUEUED);
    c.expect(&["INCR", "a"], QUEUED);
    c.expect(&["NOSUCH"], "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    c.expect(&["EXEC"], "-EXECABORT Transaction discarded because of previous errors.\r\n");
    c.expect(&["EXISTS", "a"], ":0\r\n");
    c.expect(&["MULTI"], OK);
    c.expect(&["SET", "a", "1"], QUEUED);
    c.expect(&["INCR", "a"], QUEUED);
    c.expect(&["INCR", "a", "b"], "-ERR wrong number of arguments for 'incr' command\r\n");
    c.expect(&["EXEC"], "-EXECABORT Transaction discarded because of previous errors.\r\n");
    c.expect(&["MULTI"], OK);
    c.expect(&["SET", "a", "x"], QUEUED);
    c.expect(&["INCR", "a"], QUEUED);
    c.expect(&["GET", "a"], QUEUED);
    c.expect(&["EXEC"], "*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n$1\r\nx\r\n");
});

case!(the_edges_of_a_transaction, |c| {
    c.expect(&["EXEC"], "-ERR EXEC without MULTI\r\n");
    c.expect(&["DISCARD"], "-ERR DISCARD without MULTI\r\n");
    c.expect(&["MULTI"], OK);
    c.expect(&["MULTI"], "-ERR MULTI calls can not be nested\r\n");
    c.expect(&["WATCH", "a"], "-ERR WATCH inside MULTI is not allowed\r\n");
    c.expect(&["DISCARD"], OK);
    c.expect(&["MULTI"], OK);
    c.expect(&["EXEC"], "*0\r\n");
    c.expect(&["MULTI"], OK);
    c.expect(&["SELECT", "3"], QUEUED);
    c.expect(&["SET", "in3", "1"], QUEUED);
    c.expect(&["EXEC"], "*2\r\n+OK\r\n+OK\r\n");
    c.expect(&["EXISTS", "in3"], ":1\r\n");
    c.expect(&["SELECT", "0"], OK);
    c.expect(&["EXISTS", "in3"], ":0\r\n");
    c.expect(&["MULTI"], OK);
    c.expect(&["RESET"], "+RESET\r\n");
    c.expect(&["EXEC"], "-ERR EXEC without MULTI\r\n");
});

case!(any_change_of_a_watched_key_fails_exec, |c| {
    let mut o = other(c);
    let changes: &[&[&str]] = &[
        &["SET", "k", "2"],
        &["APPEND", "k", "x"],
        &["DEL", "k"],
        &["PEXPIRE", "k", "100000"],
        &["PERSIST", "k"],
        &["RENAME", "k", "k2"],
        &["MOVE", "k", "5"],
        &["FLUSHDB"],
        &["FLUSHALL"],
        &["SWAPDB", "0", "1"],
    ];
    for change in changes {
        c.expect(&["FLUSHALL"], OK);
        c.expect(&["SET", "k", "1", "PX", "500000"], OK);
        c.expect(&["WATCH", "k", "other"], OK);
        o.cmd(change);
        c.expect(&["MULTI"], OK);
        c.expect(&["SET", "done", "1"], QUEUED);
        c.expect(&["EXEC"], FAILED);
        // The watch ends with EXEC.
        o.cmd(&["SET", "k", "3"]);
        c.expect(&["MULTI"], OK);
        c.expect(&["EXEC"], "*0\r\n");
    }
});

case!(what_changes_nothing_lets_exec_run, |c| {
    let mut o = other(c);
    c.expect(&["SET", "k", "1"], OK);
    for harmless in [
        &["GET", "k"][..],
        &["SET", "elsewhere", "1"],
        &["DEL", "missing"],
        &["SET", "k", "2", "NX"],
        &["SELECT", "1"],
        &["FLUSHDB"],
    ] {
        c.expect(&["WATCH", "k", "missing"], OK);
        o.cmd(harmless);
        c.expect(&["MULTI"], OK);
        c.expect(&["PING"], QUEUED);
        c.expect(&["EXEC"], "*1\r\n+PONG\r\n");
    }
    c.expect(&["WATCH", "k"], OK);
    c.expect(&["UNWATCH"], OK);
    c.expect(&["SET", "k", "9"], OK);
    c.expect(&["MULTI"], OK);
    c.expect(&["EXEC"], "*0\r\n");
});

case!(a_watched_key_that_expires_fails_exec, |c| {
    c.expect(&["SET", "k", "1", "PX", "50"], OK);
    c.expect(&["WATCH", "k"], OK);
    c.advance_ms(120);
    c.expect(&["MULTI"], OK);
    c.expect(&["PING"], QUEUED);
    c.expect(&["EXEC"], FAILED);
    c.expect(&["EXISTS", "k"], ":0\r\n");
});

case!(a_refused_exec_ends_its_transaction, |c| {
    let why = "wrong number of arguments for 'exec' command";
    let refused = format!("-EXECABORT Transaction discarded because of: {why}\r\n");
    c.expect(&["EXEC", "now"], &refused);
    c.expect(&["WATCH", "k"], OK);
    c.expect(&["MULTI"], OK);
    c.expect(&["PING"], QUEUED);
    c.expect(&["EXEC", "now"], &refused);
    c.expect(&["PING"], "+PONG\r\n");
    c.expect(&["EXEC"], "-ERR EXEC without MULTI\r\n");
});

case!(a_long_transaction_is_kept_as_it_came, |c| {
    let big = "b".repeat(40_000);
    for _ in 0..2 {
        c.expect(&["MULTI"], OK);
        for n in 0..200 {
            c.expect(&["SET", &format!("k{n}"), &n.to_string()], QUEUED);
        }
        c.send_raw(b"SET \"in line\" 'quoted \\' words'\r\n");
        c.expect_frame(QUEUED);
        c.expect(&["SET", "big", &big], QUEUED);
        c.expect(&["APPEND", "big", "."], QUEUED);
        c.expect(&["GET", "in line"], QUEUED);
        c.expect(&["MGET", "k0", "k199", "none"], QUEUED);
        let tail = ":40001\r\n$14\r\nquoted ' words\r\n*3\r\n$1\r\n0\r\n$3\r\n199\r\n$-1\r\n";
        c.expect(&["EXEC"], format!("*205\r\n{}{tail}", OK.repeat(202)));
    }
    assert_eq!(c.int(&["STRLEN", "big"]), 40_001);
});

case!(a_key_that_was_over_is_no_change_when_its_database_goes, |c| {
    c.expect(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], OK);
    for sweep in [&["FLUSHALL"][..], &["SWAPDB", "0", "1"], &["DEL", "k"]] {
        c.expect(&["SET", "k", "1", "PX", "5"], OK);
        c.advance_ms(20);
        c.expect(&["WATCH", "k"], OK);
        other(c).cmd(sweep);
        c.expect(&["MULTI"], OK);
        c.expect(&["PING"], QUEUED);
        c.expect(&["EXEC"], "*1\r\n+PONG\r\n");
        c.expect(&["FLUSHALL"], OK);
    }
});
