//! Commands that wait for a list: who is served, in what order, with what, and how waiting ends.

use crate::support::Client;

const OK: &str = "+OK\r\n";
const NIL_ARRAY: &str = "*-1\r\n";
const QUEUED: &str = "+QUEUED\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn served(key: &str, text: &str) -> String {
    format!("*2\r\n{}{}", bulk(key), bulk(text))
}

/// Sends a request that is not answered yet.
#[track_caller]
fn wait(c: &mut Client, args: &[&str]) {
    c.send_raw(&crate::support::frames::encode(args));
    c.expect_silence();
}

/// A connection that waits.
#[track_caller]
fn waiter(c: &Client, args: &[&str]) -> Client {
    let mut other = c.client();
    wait(&mut other, args);
    other
}

case!(clients_are_served_in_the_order_they_came, |c| {
    let mut first = waiter(c, &["BLPOP", "q", "0"]);
    let mut second = waiter(c, &["BRPOP", "q", "0"]);
    let mut third = waiter(c, &["BLPOP", "other", "q", "0"]);
    c.expect(&["RPUSH", "q", "a"], ":1\r\n");
    first.expect_frame(served("q", "a"));
    second.expect_silence();
    c.expect(&["RPUSH", "q", "b", "c", "d"], ":3\r\n");
    second.expect_frame(served("q", "d"));
    third.expect_frame(served("q", "b"));
    c.expect(&["LRANGE", "q", "0", "-1"], "*1\r\n$1\r\nc\r\n");
});

case!(the_first_key_with_a_list_is_taken, |c| {
    let mut w = waiter(c, &["BLPOP", "a", "b", "c", "0"]);
    c.expect(&["MULTI"], OK);
    c.expect(&["RPUSH", "c", "3"], QUEUED);
    c.expect(&["RPUSH", "b", "2"], QUEUED);
    c.expect(&["EXEC"], "*2\r\n:1\r\n:1\r\n");
    w.expect_frame(served("b", "2"));
    c.expect(&["EXISTS", "a", "b", "c"], ":1\r\n");
    // Without waiting the order is that of the call, too.
    c.expect(&["RPUSH", "b", "2"], ":1\r\n");
    c.expect(&["BRPOP", "a", "b", "c", "0"], served("b", "2"));
    c.expect(&["BRPOP", "a", "b", "c", "0"], served("c", "3"));
});

case!(waiting_ends_with_time, |c| {
    for args in [
        &["BLPOP", "q", "0.05"][..],
        &["BRPOP", "q", "r", "0.05"],
        &["BLMOVE", "q", "r", "LEFT", "LEFT", "0.05"],
        &["BRPOPLPUSH", "q", "r", "0.05"],
        &["BLMPOP", "0.05", "1", "q", "LEFT"],
    ] {
        let mut w = c.client();
        w.send_raw(&crate::support::frames::encode(args));
        c.advance_ms(60);
        w.expect_frame(NIL_ARRAY);
        w.expect(&["PING"], "+PONG\r\n");
    }
    c.expect(&["RPUSH", "q", "late"], ":1\r\n");
    c.expect(&["LLEN", "q"], ":1\r\n");
});

case!(a_deadline_is_not_moved_by_a_vain_wake_up, |c| {
    if !c.is_in_process() {
        return;
    }
    let mut w = waiter(c, &["BLPOP", "q", "1"]);
    c.advance_ms(900);
    c.expect(&["MULTI"], OK);
    c.expect(&["RPUSH", "q", "a"], QUEUED);
    c.expect(&["LPOP", "q"], QUEUED);
    c.expect(&["EXEC"], "*2\r\n:1\r\n$1\r\na\r\n");
    w.expect_silence();
    c.advance_ms(101);
    w.expect_frame(NIL_ARRAY);
    // Without a timeout nothing ends it.
    wait(&mut w, &["BLPOP", "q", "0"]);
    c.advance_ms(100_000_000);
    w.expect_silence();
    c.expect(&["RPUSH", "q", "b"], ":1\r\n");
    w.expect_frame(served("q", "b"));
});

case!(bad_timeouts_are_refused_at_once, |c| {
    c.expect(&["BLPOP", "q", "x"], "-ERR timeout is not a float or out of range\r\n");
    c.expect(&["BRPOP", "q", ""], "-ERR timeout is not a float or out of range\r\n");
    c.expect(&["BLPOP", "q", "-1"], "-ERR timeout is negative\r\n");
    c.expect(&["BLMOVE", "q", "r", "LEFT", "LEFT", "inf"], "-ERR timeout is out of range\r\n");
    c.expect(&["BLMOVE", "q", "r", "LEFT", "UP", "inf"], "-ERR syntax error\r\n");
    c.expect(&["BRPOPLPUSH", "q", "r", "-0.5"], "-ERR timeout is negative\r\n");
    c.expect(&["BLMPOP", "-1", "1", "q", "LEFT"], "-ERR timeout is negative\r\n");
});

case!(chains_are_served_in_one_go, |c| {
    let mut mover = waiter(c, &["BLMOVE", "a", "b", "LEFT", "RIGHT", "0"]);
    let mut other = waiter(c, &["BRPOPLPUSH", "b", "c", "0"]);
    let mut last = waiter(c, &["BLPOP", "c", "0"]);
    c.expect(&["RPUSH", "a", "x"], ":1\r\n");
    mover.expect_frame(bulk("x"));
    other.expect_frame(bulk("x"));
    last.expect_frame(served("c", "x"));
    c.expect(&["EXISTS", "a", "b", "c"], ":0\r\n");
});

case!(whatever_makes_a_list_wakes, |c| {
    c.expect(&["SELECT", "1"], OK);
    c.expect(&["RPUSH", "q", "x"], ":1\r\n");
    c.expect(&["SELECT", "0"], OK);
    for (ways, reply) in [
        (&["LPUSH", "q", "x"][..], ":1\r\n"),
        (&["LMOVE", "src", "q", "LEFT", "LEFT"], "$1\r\nx\r\n"),
        (&["RPOPLPUSH", "src", "q"], "$1\r\nx\r\n"),
        (&["RENAME", "src", "q"], OK),
        (&["RENAMENX", "src", "q"], ":1\r\n"),
        (&["COPY", "src", "q"], ":1\r\n"),
        (&["SORT", "src", "ALPHA", "STORE", "q"], ":1\r\n"),
        (&["SWAPDB", "0", "1"], OK),
    ] {
        c.cmd(&["DEL", "src"]);
        c.expect(&["RPUSH", "src", "x"], ":1\r\n");
        let mut w = waiter(c, &["BLPOP", "q", "0"]);
        c.expect(ways, reply);
        w.expect_frame(served("q", "x"));
        c.expect(&["EXISTS", "q"], ":0\r\n");
    }
});

case!(another_type_does_not_wake, |c| {
    let mut w = waiter(c, &["BLPOP", "q", "0"]);
    c.expect(&["SET", "q", "x"], OK);
    w.expect_silence();
    c.expect(&["DEL", "q"], ":1\r\n");
    w.expect_silence();
    c.expect(&["RPUSH", "q", "a"], ":1\r\n");
    w.expect_frame(served("q", "a"));
    // The target's type is looked at when the element is there.
    c.expect(&["SET", "s", "x"], OK);
    let mut w = waiter(c, &["BLMOVE", "q", "s", "LEFT", "LEFT", "0"]);
    c.expect(&["RPUSH", "q", "a"], ":1\r\n");
    w.expect_frame(WRONG_TYPE);
    c.expect(&["LLEN", "q"], ":1\r\n");
});

case!(who_has_gone_takes_nothing, |c| {
    let gone = waiter(c, &["BLPOP", "q", "0"]);
    let mut next = waiter(c, &["BLPOP", "q", "0"]);
    gone.close();
    c.until(1000, |c| {
        c.cmd(&["PING"]);
        true
    });
    c.expect(&["RPUSH", "q", "a", "b"], ":2\r\n");
    next.expect_frame(served("q", "a"));
    c.expect(&["LRANGE", "q", "0", "-1"], "*1\r\n$1\r\nb\r\n");
});

case!(what_was_sent_behind_waits_as_well, |c| {
    let mut w = c.client();
    w.send_raw(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n");
    w.send_raw(b"*2\r\n$4\r\nLLEN\r\n$1\r\nq\r\n");
    w.expect_silence();
    c.expect(&["RPUSH", "q", "a", "b"], ":2\r\n");
    w.expect_frame(served("q", "a"));
    w.expect_frame("+PONG\r\n");
    w.expect_frame(":1\r\n");
});

case!(nobody_waits_inside_a_transaction, |c| {
    c.expect(&["MULTI"], OK);
    c.expect(&["BLPOP", "q", "0"], QUEUED);
    c.expect(&["BLMPOP", "0", "1", "q", "LEFT"], QUEUED);
    c.expect(&["BLMOVE", "q", "r", "LEFT", "LEFT", "0"], QUEUED);
    c.expect(&["BRPOPLPUSH", "q", "r", "0"], QUEUED);
    c.expect(&["RPUSH", "q", "a"], QUEUED);
    c.expect(&["BRPOP", "q", "0"], QUEUED);
    let vain = "*-1\r\n*-1\r\n$-1\r\n$-1\r\n";
    c.expect(&["EXEC"], format!("*6\r\n{vain}:1\r\n{}", served("q", "a")));
});

case!(several_elements_may_be_waited_for, |c| {
    let mut w = waiter(c, &["BLMPOP", "0", "2", "a", "b", "RIGHT", "COUNT", "2"]);
    c.expect(&["RPUSH", "b", "1", "2", "3"], ":3\r\n");
    w.expect_frame("*2\r\n$1\r\nb\r\n*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
    c.expect(&["LRANGE", "b", "0", "-1"], "*1\r\n$1\r\n1\r\n");
    // A key named twice is still one place in line.
    let mut w = waiter(c, &["BLPOP", "q", "q", "0"]);
    c.expect(&["RPUSH", "q", "a", "b"], ":2\r\n");
    w.expect_frame(served("q", "a"));
    c.expect(&["LLEN", "q"], ":1\r\n");
});

case!(answers_in_resp3, |c| {
    let mut w = c.client();
    w.cmd(&["HELLO", "3"]);
    w.send_raw(&crate::support::frames::encode(&["BLPOP", "q", "0.05"]));
    c.advance_ms(60);
    w.expect_frame("_\r\n");
    wait(&mut w, &["BLMOVE", "q", "r", "LEFT", "LEFT", "0"]);
    c.expect(&["RPUSH", "q", "a"], ":1\r\n");
    w.expect_frame(bulk("a"));
});

case!(waiting_may_be_ended_by_another_client, |c| {
    let mut w = c.client();
    let id = w.int(&["CLIENT", "ID"]).to_string();
    wait(&mut w, &["BLPOP", "q", "0"]);
    c.expect(&["CLIENT", "UNBLOCK", &id], ":1\r\n");
    w.expect_frame(NIL_ARRAY);
    c.expect(&["CLIENT", "UNBLOCK", &id], ":0\r\n");
    wait(&mut w, &["BLMOVE", "q", "r", "LEFT", "LEFT", "0"]);
    c.expect(&["CLIENT", "UNBLOCK", &id, "ERROR"], ":1\r\n");
    w.expect_frame("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    c.expect(&["RPUSH", "q", "a"], ":1\r\n");
    c.expect(&["LLEN", "q"], ":1\r\n");
});

case!(what_comes_from_another_database_wakes, |c| {
    let mut w = waiter(c, &["BLPOP", "q", "0"]);
    c.expect(&["SELECT", "1"], OK);
    c.expect(&["RPUSH", "q", "a"], ":1\r\n");
    w.expect_silence();
    c.expect(&["MOVE", "q", "0"], ":1\r\n");
    w.expect_frame(served("q", "a"));
    wait(&mut w, &["BLPOP", "q", "0"]);
    c.expect(&["RPUSH", "q", "b"], ":1\r\n");
    c.expect(&["COPY", "q", "q", "DB", "0"], ":1\r\n");
    w.expect_frame(served("q", "b"));
    c.expect(&["EXISTS", "q"], ":1\r\n");
});
