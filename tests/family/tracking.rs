//! Client-side caching: who is told that what it was given has changed.

use crate::support::Client;

const OK: &str = "+OK\r\n";

fn resp3(c: &Client) -> Client {
    let mut client = c.client();
    client.cmd(&["HELLO", "3"]);
    client
}

fn invalid(keys: &[&str]) -> String {
    let names: String = keys.iter().map(|key| format!("${}\r\n{key}\r\n", key.len())).collect();
    format!(">2\r\n$10\r\ninvalidate\r\n*{}\r\n{names}", keys.len())
}

const ALL_INVALID: &str = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

case!(caching_is_asked_for_in_the_mode_that_knows_it, |c| {
    let not_at_all = "-ERR CLIENT CACHING can be called only when the client is in tracking mode \
                      with OPTIN or OPTOUT mode enabled\r\n";
    let yes = "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.\r\n";
    let no = "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.\r\n";
    c.expect(&["CLIENT", "CACHING", "YES"], not_at_all);
    c.expect(&["CLIENT", "TRACKING", "ON"], OK);
    c.expect(&["CLIENT", "CACHING", "YES"], yes);
    c.expect(&["CLIENT", "CACHING", "NO"], no);
    c.expect(&["CLIENT", "CACHING", "MAYBE"], "-ERR syntax error\r\n");
});

case!(ones_own_changes_are_told_behind_all_events, |c| {
    c.expect(&["CONFIG", "SET", "notify-keyspace-events", "E$"], OK);
    let mut own = resp3(c);
    own.cmd(&["SUBSCRIBE", "__keyevent@0__:set"]);
    own.expect(&["CLIENT", "TRACKING", "ON"], OK);
    own.cmd(&["MGET", "a", "b"]);
    own.expect(&["MSET", "a", "1", "b", "2"], OK);
    for key in ["a", "b"] {
        let event = "$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n";
        own.expect_frame(format!(">3\r\n{event}$1\r\n{key}\r\n"));
    }
    own.expect_frame(invalid(&["a"]));
    own.expect_frame(invalid(&["b"]));
});

case!(keys_under_watch_are_no_news_when_everything_is, |c| {
    let (mut b, mut w) = (resp3(c), c.client());
    b.expect(&["CLIENT", "TRACKING", "ON", "BCAST"], OK);
    c.expect(&["SET", "k", "1"], OK);
    b.expect_frame(invalid(&["k"]));
    w.expect(&["WATCH", "k", "other"], OK);
    c.expect(&["SWAPDB", "0", "1"], OK);
    b.expect_silence();
    c.expect(&["SWAPDB", "0", "1"], OK);
    c.expect(&["FLUSHALL"], OK);
    b.expect_frame(ALL_INVALID);
    b.expect_silence();
    w.expect(&["MULTI"], OK);
    w.expect(&["EXEC"], "*-1\r\n");
});

case!(without_a_prefix_all_keys_are_meant_beside_the_named_ones, |c| {
    let mut b = resp3(c);
    b.expect(&["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k"], OK);
    b.expect(&["CLIENT", "TRACKING", "ON", "BCAST"], OK);
    b.expect(&["CLIENT", "TRACKING", "ON", "BCAST"], OK);
    c.expect(&["SET", "k", "1"], OK);
    b.expect_frame(invalid(&["k"]));
    b.expect_frame(invalid(&["k"]));
    c.expect(&["SET", "x", "1"], OK);
    b.expect_frame(invalid(&["x"]));
    b.expect_silence();
});

case!(any_subscription_makes_a_target_for_redirection, |c| {
    let mut to = c.client();
    let id = to.int(&["CLIENT", "ID"]).to_string();
    to.cmd(&["SSUBSCRIBE", "shard"]);
    c.expect(&["CLIENT", "TRACKING", "ON", "REDIRECT", &id], OK);
    c.expect(&["GET", "k"], "$-1\r\n");
    c.client().expect(&["SET", "k", "1"], OK);
    to.expect_frame("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
});
