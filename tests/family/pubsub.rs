//! Channels, patterns, shard channels, and the events of the keyspace.

use crate::support::Client;

const OK: &str = "+OK\r\n";
const QUEUED: &str = "+QUEUED\r\n";
const ONLY: &str = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
                    this context";

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A frame of words, as RESP2 sends a message.
fn words(all: &[&str]) -> String {
    let words: String = all.iter().map(|word| bulk(word)).collect();
    format!("*{}\r\n{words}", all.len())
}

fn push(all: &[&str]) -> String {
    words(all).replacen('*', ">", 1)
}

fn confirmed(word: &str, name: &str, count: usize) -> String {
    format!("*3\r\n{}{}:{count}\r\n", bulk(word), bulk(name))
}

fn resp3(c: &Client) -> Client {
    let mut client = c.client();
    client.cmd(&["HELLO", "3"]);
    client
}

case!(names_come_and_go_in_any_order, |c| {
    let mut s = c.client();
    for (count, name) in (1..).zip(["a", "b", "c", "d", "b"]) {
        s.expect(&["SUBSCRIBE", name], confirmed("subscribe", name, count.min(4)));
    }
    for (left, name) in [(3, "b"), (2, "a"), (2, "none"), (1, "d")] {
        s.expect(&["UNSUBSCRIBE", name], confirmed("unsubscribe", name, left));
    }
    for (name, heard) in [("a", 0), ("b", 0), ("c", 1), ("d", 0)] {
        assert_eq!(c.int(&["PUBLISH", name, "x"]), heard, "{name}");
    }
    s.expect_frame(words(&["message", "c", "x"]));
    s.expect(&["SUBSCRIBE", "a"], confirmed("subscribe", "a", 2));
    assert_eq!(c.int(&["PUBLISH", "a", "y"]), 1);
    s.expect_frame(words(&["message", "a", "y"]));
    s.send_raw(b"UNSUBSCRIBE\r\n");
    let (mut last, mut other) = (s.read_frame(), s.read_frame());
    last.append(&mut other);
    assert!(last.ends_with(b":0\r\n"));
    c.expect(&["PUBSUB", "CHANNELS"], "*0\r\n");
});

case!(each_listener_of_many_hears_each_message, |c| {
    let mut all: Vec<Client> = (0..20).map(|_| c.client()).collect();
    for s in &mut all {
        s.cmd(&["SUBSCRIBE", "ch"]);
    }
    // Those in the middle go.
    for s in &mut all[5..15] {
        s.cmd(&["UNSUBSCRIBE", "ch"]);
    }
    let long = "long ".repeat(30_000);
    for text in ["short", &long, "last"] {
        assert_eq!(c.int(&["PUBLISH", "ch", text]), 10);
    }
    for (at, s) in all.iter_mut().enumerate() {
        if (5..15).contains(&at) {
            s.expect_silence();
            continue;
        }
        for text in ["short", &long, "last"] {
            s.expect_frame(words(&["message", "ch", text]));
        }
    }
});

case!(what_a_subscriber_may_not_do_is_named_in_full, |c| {
    c.cmd(&["SUBSCRIBE", "ch"]);
    c.expect(&["GET", "k"], format!("-ERR Can't execute 'get': {ONLY}\r\n"));
    c.expect(&["PUBSUB", "NUMPAT"], format!("-ERR Can't execute 'pubsub|numpat': {ONLY}\r\n"));
    let text = "-EXECABORT Transaction discarded because of: Can't execute 'exec': ";
    c.expect(&["EXEC"], format!("{text}{ONLY}\r\n"));
    c.expect(&["PING"], words(&["pong", ""]));
});

case!(shard_channels_are_not_for_transactions, |c| {
    c.expect(&["MULTI"], OK);
    c.expect(&["SSUBSCRIBE", "a"], QUEUED);
    c.expect(&["SUBSCRIBE", "b"], QUEUED);
    c.expect(
        &["EXEC"],
        format!(
            "*2\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n{}",
            confirmed("subscribe", "b", 1)
        ),
    );
});

case!(one_hears_what_others_do_when_ones_own_command_serves_them, |c| {
    c.expect(&["CONFIG", "SET", "notify-keyspace-events", "El"], OK);
    let (mut own, mut waits) = (resp3(c), c.client());
    own.cmd(&["PSUBSCRIBE", "__keyevent@0__:*"]);
    waits.send_raw(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n");
    c.until(2000, |c| {
        String::from_utf8_lossy(&c.cmd(&["INFO", "clients"])).contains("blocked_clients:1")
    });
    own.expect(&["RPUSH", "l", "x"], ":1\r\n");
    for event in ["rpush", "lpop"] {
        let channel = format!("__keyevent@0__:{event}");
        own.expect_frame(push(&["pmessage", "__keyevent@0__:*", &channel, "l"]));
    }
    waits.expect_frame(words(&["l", "x"]));
});

case!(what_follows_hello_in_a_transaction_speaks_its_protocol, |c| {
    c.expect(&["MULTI"], OK);
    for call in [&["HELLO", "3"][..], &["SUBSCRIBE", "ch"], &["PUBLISH", "ch", "x"]] {
        c.expect(call, QUEUED);
    }
    let reply = c.cmd(&["EXEC"]);
    assert!(reply.ends_with(b":1\r\n") && reply.windows(9).any(|w| w == b"subscribe"));
    c.expect_frame(push(&["message", "ch", "x"]));
});

case!(nobody_hears_what_was_meant_for_one_who_went, |c| {
    for _ in 0..20 {
        let mut goes = resp3(c);
        goes.cmd(&["SUBSCRIBE", "ch"]);
        goes.cmd(&["PSUBSCRIBE", "c*"]);
        goes.cmd(&["SSUBSCRIBE", "ch"]);
        goes.cmd(&["CLIENT", "TRACKING", "ON"]);
        goes.cmd(&["GET", "k"]);
        goes.send_raw(b"MONITOR\r\n");
        goes.close();
        // Over TCP it is likely to be given the number of the socket that went.
        let mut comes = c.client();
        c.until(2000, |c| c.cmd(&["PUBLISH", "ch", "x"]) == b":0\r\n");
        c.expect(&["SPUBLISH", "ch", "x"], ":0\r\n");
        c.expect(&["SET", "k", "1"], OK);
        comes.expect_silence();
    }
});

case!(who_takes_leave_hears_nothing_more, |c| {
    let mut s = c.client();
    s.cmd(&["SUBSCRIBE", "ch"]);
    s.send_raw(b"QUIT\r\n");
    s.expect_close(OK);
    c.until(2000, |c| c.cmd(&["PUBLISH", "ch", "x"]) == b":0\r\n");
});
