//! CLIENT: lists, kills, pauses.

use crate::support::Client;
use crate::support::frames::encode;
use crate::support::server::Server;

/// The fields of one line of CLIENT LIST.
#[track_caller]
fn field(line: &str, name: &str) -> String {
    let found = line.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{name} is not in {line}")).to_owned()
}

/// What CLIENT LIST says of a connection.
#[track_caller]
fn line(c: &mut Client, id: i64) -> String {
    let text = String::from_utf8(c.node(&["CLIENT", "LIST", "ID", &id.to_string()]).text());
    text.expect("text").trim_end().to_owned()
}

fn about_me(c: &mut Client) -> String {
    let text = String::from_utf8(c.node(&["CLIENT", "INFO"]).text()).expect("text");
    assert!(text.ends_with('\n'));
    text.trim_end().to_owned()
}

case!(info_has_every_field_in_order, |c| {
    let line = about_me(c);
    let names: Vec<&str> = line.split(' ').map(|p| p.split('=').next().unwrap_or("")).collect();
    assert_eq!(
        names.join(" "),
        "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem \
         multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver"
    );
    for (name, value) in [
        ("flags", "N"),
        ("multi", "-1"),
        ("events", "r"),
        ("cmd", "client|info"),
        ("user", "default"),
        ("resp", "2"),
        ("argv-mem", "10"),
        ("qbuf", "26"),
        ("obl", "0"),
    ] {
        assert_eq!(field(&line, name), value, "{name} in {line}");
    }
    let number = |name: &str| field(&line, name).parse::<i64>().expect("a number");
    assert!(number("qbuf-free") > 1000 && number("tot-mem") > number("qbuf-free"), "{line}");
});

case!(info_follows_the_connection, |c| {
    c.cmd(&["SELECT", "5"]);
    c.cmd(&["CLIENT", "SETNAME", "bob"]);
    c.cmd(&["CLIENT", "SETINFO", "LIB-NAME", "lib"]);
    c.cmd(&["CLIENT", "SETINFO", "LIB-VER", "1.0"]);
    c.advance_ms(1100);
    let line = about_me(c);
    for (name, value) in
        [("db", "5"), ("name", "bob"), ("lib-name", "lib"), ("lib-ver", "1.0"), ("age", "1")]
    {
        assert_eq!(field(&line, name), value);
    }
    for (call, flag) in [(["CLIENT", "NO-EVICT", "ON"], "e"), (["CLIENT", "NO-TOUCH", "ON"], "eT")]
    {
        c.expect(&call, "+OK\r\n");
        assert_eq!(field(&about_me(c), "flags"), flag);
    }
    c.cmd(&["HELLO", "3"]);
    c.cmd(&["SUBSCRIBE", "a", "b"]);
    c.read_frame();
    c.cmd(&["PSUBSCRIBE", "p*"]);
    let line = about_me(c);
    assert_eq!([field(&line, "sub"), field(&line, "psub"), field(&line, "resp")], ["2", "1", "3"]);
    assert_eq!(field(&line, "flags"), "PeT");
});

case!(no_touch_holds_in_scripts_too, |c| {
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.advance_ms(1100);
    let read = ["EVAL", "return redis.call('GET', KEYS[1])", "1", "k"];
    c.expect(&["CLIENT", "NO-TOUCH", "ON"], "+OK\r\n");
    c.expect(&read, "$1\r\nv\r\n");
    assert_ne!(c.int(&["OBJECT", "IDLETIME", "k"]), 0);
    c.expect(&["CLIENT", "NO-TOUCH", "OFF"], "+OK\r\n");
    c.expect(&read, "$1\r\nv\r\n");
    assert_eq!(c.int(&["OBJECT", "IDLETIME", "k"]), 0);
});

case!(list_shows_transactions_and_watches, |c| {
    let mut other = c.client();
    let id = other.int(&["CLIENT", "ID"]);
    other.cmd(&["MULTI"]);
    other.cmd(&["GET", "a"]);
    other.cmd(&["OBJECT", "ENCODING", "a"]);
    let text = line(c, id);
    assert_eq!([field(&text, "multi"), field(&text, "flags")], ["2", "x"]);
    assert_eq!(field(&text, "cmd"), "object|encoding");
    assert_ne!(field(&text, "multi-mem"), "0");
    other.cmd(&["DISCARD"]);
    other.cmd(&["WATCH", "w"]);
    assert_eq!(field(&line(c, id), "flags"), "N");
    c.cmd(&["SET", "w", "1"]);
    assert_eq!(field(&line(c, id), "flags"), "d");
});

case!(list_filters, |c| {
    let mut other = c.client();
    let (me, id) = (c.int(&["CLIENT", "ID"]), other.int(&["CLIENT", "ID"]));
    let count = |c: &mut Client, words: &[&str]| {
        let call = [&["CLIENT", "LIST"], words].concat();
        String::from_utf8(c.node(&call).text()).expect("text").lines().count()
    };
    assert_eq!(count(c, &[]), 2);
    assert_eq!(count(c, &["ID", &me.to_string(), &id.to_string(), "999"]), 2);
    assert_eq!(count(c, &["TYPE", "normal"]), 2);
    other.cmd(&["SUBSCRIBE", "q"]);
    assert_eq!(count(c, &["TYPE", "PUBSUB"]), 1);
    for kind in ["replica", "slave", "master"] {
        assert_eq!(count(c, &["TYPE", kind]), 0);
    }
    c.expect(&["CLIENT", "LIST", "TYPE", "foo"], "-ERR Unknown client type 'foo'\r\n");
    c.expect(&["CLIENT", "LIST", "ID", "abc"], "-ERR Invalid client ID\r\n");
    for wrong in [&["ID"][..], &["TYPE"], &["FOO"], &["TYPE", "normal", "ID", "1"]] {
        let call = [&["CLIENT", "LIST"], wrong].concat();
        c.expect(&call, "-ERR syntax error\r\n");
    }
});

case!(kill_by_filter, |c| {
    let mut one = c.client();
    let id = one.int(&["CLIENT", "ID"]).to_string();
    c.expect(&["CLIENT", "KILL", "ID", &id, "TYPE", "pubsub"], ":0\r\n");
    c.expect(&["CLIENT", "KILL", "ID", &id], ":1\r\n");
    one.expect_close("");
    let mut two = c.client();
    two.cmd(&["SUBSCRIBE", "zz"]);
    c.expect(&["CLIENT", "KILL", "TYPE", "pubsub"], ":1\r\n");
    c.expect(&["PUBSUB", "NUMSUB", "zz"], "*2\r\n$2\r\nzz\r\n:0\r\n");
    two.expect_close("");
    let mut three = c.client();
    three.expect(&["PING"], "+PONG\r\n");
    c.expect(&["CLIENT", "KILL", "USER", "default"], ":1\r\n");
    three.expect_close("");
    c.expect(&["CLIENT", "KILL", "USER", "nobody"], "-ERR No such user 'nobody'\r\n");
    c.expect(&["CLIENT", "KILL", "TYPE", "foo"], "-ERR Unknown client type 'foo'\r\n");
    for id in ["0", "-1", "+5", "00", "x", "9223372036854775808"] {
        c.expect(&["CLIENT", "KILL", "ID", id], "-ERR client-id should be greater than 0\r\n");
    }
    c.expect(&["CLIENT", "KILL", "ID", "9223372036854775807"], ":0\r\n");
    c.expect(&["CLIENT", "KILL", "SKIPME", "maybe"], "-ERR syntax error\r\n");
    c.expect(&["CLIENT", "KILL", "ID", "1", "ADDR"], "-ERR syntax error\r\n");
    c.expect(&["CLIENT", "KILL", "1.2.3.4:5"], "-ERR No such client\r\n");
});

case!(kill_by_address_spares_nobody_in_the_old_form, |c| {
    let addr = field(&about_me(c), "addr");
    let laddr = field(&about_me(c), "laddr");
    c.expect(&["CLIENT", "KILL", "ADDR", "1.2.3.4:5"], ":0\r\n");
    c.expect(&["CLIENT", "KILL", "ADDR", &addr], ":0\r\n");
    c.expect(&["CLIENT", "KILL", "LADDR", &laddr], ":0\r\n");
    c.expect(&["CLIENT", "KILL", &addr], "+OK\r\n");
    c.expect_close("");
});

case!(kill_oneself_after_the_answer, |c| {
    let mut other = c.client();
    let id = other.int(&["CLIENT", "ID"]).to_string();
    other.expect(&["CLIENT", "KILL", "ID", &id, "SKIPME", "no"], ":1\r\n");
    other.expect_close("");
    c.expect(&["PING"], "+PONG\r\n");
});

case!(pause_of_writes, |c| {
    let mut other = c.client();
    let id = other.int(&["CLIENT", "ID"]);
    c.expect(&["CLIENT", "PAUSE", "10000", "write"], "+OK\r\n");
    other.expect(&["GET", "a"], "$-1\r\n");
    other.send_raw(&[encode(&["SET", "a", "1"]), encode(&["GET", "a"])].concat());
    other.expect_silence();
    assert_eq!(field(&line(c, id), "flags"), "b");
    c.expect(&["CLIENT", "UNBLOCK", &id.to_string()], ":0\r\n");
    c.expect(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    other.expect_frame("+OK\r\n");
    other.expect_frame("$1\r\n1\r\n");
    // Not admitted, so not held either.
    c.expect(&["CLIENT", "PAUSE", "10000", "WRITE"], "+OK\r\n");
    other.expect(&["SET", "a"], "-ERR wrong number of arguments for 'set' command\r\n");
    other.expect(&["MULTI"], "+OK\r\n");
    other.expect(&["GET", "a"], "+QUEUED\r\n");
    other.expect(&["EXEC"], "*1\r\n$1\r\n1\r\n");
    other.send_raw(&encode(&["PUBLISH", "ch", "m"]));
    other.expect_silence();
    c.expect(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    other.expect_frame(":0\r\n");
});

case!(pause_of_everything_ends_by_itself, |c| {
    let mut other = c.client();
    other.expect(&["PING"], "+PONG\r\n");
    c.expect(&["CLIENT", "PAUSE", "80"], "+OK\r\n");
    other.send_raw(&encode(&["PING"]));
    if c.is_in_process() {
        c.advance_ms(79);
        other.advance_ms(0);
    }
    c.advance_ms(200);
    other.expect_frame("+PONG\r\n");
    c.expect(&["CLIENT", "PAUSE", "abc"], "-ERR timeout is not an integer or out of range\r\n");
    c.expect(&["CLIENT", "PAUSE", "-1"], "-ERR timeout is negative\r\n");
    c.expect(&["CLIENT", "PAUSE", "10", "FOO"], "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
});

case!(nothing_expires_during_a_pause, |c| {
    c.expect(&["SET", "k", "v", "PX", "20"], "+OK\r\n");
    c.expect(&["CLIENT", "PAUSE", "10000", "WRITE"], "+OK\r\n");
    c.advance_ms(60);
    c.expect(&["GET", "k"], "$-1\r\n");
    c.expect(&["DBSIZE"], ":1\r\n");
    c.expect(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    c.until(1000, |c| c.int(&["DBSIZE"]) == 0);
});

case!(a_paused_client_may_leave, |c| {
    c.expect(&["CLIENT", "PAUSE", "10000", "WRITE"], "+OK\r\n");
    let mut other = c.client();
    let id = other.int(&["CLIENT", "ID"]);
    other.send_raw(&encode(&["SET", "k", "v"]));
    other.expect_silence();
    other.close();
    c.until(1000, |c| line(c, id).is_empty());
    c.expect(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    c.expect(&["EXISTS", "k"], ":0\r\n");
});

case!(unblock_finds_nobody, |c| {
    c.expect(&["CLIENT", "UNBLOCK", "12345"], ":0\r\n");
    c.expect(&["CLIENT", "UNBLOCK", "abc"], "-ERR value is not an integer or out of range\r\n");
    c.expect(
        &["CLIENT", "UNBLOCK", "1", "FOO"],
        "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n",
    );
    c.expect(&["CLIENT", "FOO"], "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
});

case!(a_reply_over_the_hard_limit_closes, |c| {
    c.expect(&["CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0"], "+OK\r\n");
    let mut other = c.client();
    other.cmd(&["SET", "k", &"x".repeat(90_000)]);
    assert_eq!(other.cmd(&["GET", "k"]).len(), 90_010);
    other.cmd(&["APPEND", "k", &"x".repeat(20_000)]);
    other.send_raw(&encode(&["GET", "k"]));
    other.expect_close("");
    c.expect(&["PING"], "+PONG\r\n");
});

case!(a_subscriber_that_falls_behind_is_cut_off, |c| {
    c.expect(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1000 0 0"], "+OK\r\n");
    let mut other = c.client();
    other.cmd(&["SUBSCRIBE", "ch"]);
    c.expect(&["PUBLISH", "ch", &"x".repeat(2000)], ":1\r\n");
    other.expect_close("");
    c.until(1000, |c| c.int(&["PUBLISH", "ch", "x"]) == 0);
});

case!(an_idle_client_is_closed, ["--timeout", "1"], |c| {
    let mut idle = c.client();
    idle.expect(&["PING"], "+PONG\r\n");
    let mut listener = c.client();
    listener.cmd(&["SUBSCRIBE", "ch"]);
    for _ in 0..35 {
        c.advance_ms(100);
        c.expect(&["PING"], "+PONG\r\n");
    }
    idle.expect_close("");
    c.expect(&["PUBLISH", "ch", "m"], ":1\r\n");
});

/// A reader that never reads: the soft limit, in real time.
#[test]
fn the_soft_limit_is_a_matter_of_time() {
    let mut server = Server::start(&["--client-output-buffer-limit", "normal 0 100kb 1"]);
    let patience = crate::support::server::PATIENCE;
    let connect = |server: &Server| crate::support::tcp::TcpLink::connect(server.addr());
    let mut slow = connect(&server).expect("it accepts");
    let mut quick = connect(&server).expect("it accepts");
    let value = "x".repeat(1 << 20);
    quick.send(&encode(&["SET", "k", &value]), patience).expect("it reads");
    assert_eq!(quick.frame(patience).as_deref(), Ok(&b"+OK\r\n"[..]));
    // More than the kernel's buffers take.
    slow.send(&encode(&["GET", "k"]).repeat(30), patience).expect("it reads");
    let gone = |link: &mut crate::support::tcp::TcpLink| {
        link.send(&encode(&["CLIENT", "LIST"]), patience).expect("it reads");
        let list = link.frame(patience).expect("an answer");
        list.iter().filter(|b| **b == b'\n').count() < 4
    };
    const TRIES: usize = 400;
    for tried in 0.. {
        if gone(&mut quick) {
            break;
        }
        assert!(tried < TRIES, "it stays: {}", server.log());
        quick.fill(std::time::Duration::from_millis(50));
    }
    drop(slow);
    quick.send(&encode(&["SHUTDOWN", "NOSAVE"]), patience).expect("it reads");
    server.wait();
    assert!(server.log().contains("overcoming of output buffer limits"), "{}", server.log());
}

case!(unblock_answers_as_in_time_or_with_an_error, |c| {
    let mut other = c.client();
    let id = other.int(&["CLIENT", "ID"]);
    let blocked = |c: &mut Client, other: &mut Client| {
        other.send_raw(&encode(&["BZPOPMIN", "z", "0"]));
        c.until(2000, |c| field(&line(c, id), "flags") == "b");
        assert_eq!(field(&line(c, id), "cmd"), "bzpopmin");
    };
    c.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    blocked(c, &mut other);
    c.expect(&["CLIENT", "UNBLOCK", &id.to_string()], ":1\r\n");
    other.expect_frame("*-1\r\n");
    blocked(c, &mut other);
    c.expect(&["CLIENT", "UNBLOCK", &id.to_string(), "error"], ":1\r\n");
    other.expect_frame("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    c.expect(&["CLIENT", "UNBLOCK", &id.to_string()], ":0\r\n");
    let info = |c: &mut Client, section: &str| {
        String::from_utf8(c.node(&["INFO", section]).text()).expect("text")
    };
    let calls = info(c, "commandstats");
    let calls = calls.lines().find(|line| line.starts_with("cmdstat_bzpopmin:")).unwrap_or("");
    assert!(calls.contains("calls=2,") && calls.ends_with("failed_calls=1"), "{calls}");
    assert!(info(c, "errorstats").contains("errorstat_UNBLOCKED:count=1"));
    blocked(c, &mut other);
    assert!(info(c, "clients").contains("total_blocking_keys:1\r\n"));
    c.expect(&["ZADD", "z", "1", "a"], ":1\r\n");
    other.expect_frame("*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n");
    let calls = info(c, "commandstats");
    assert!(calls.contains("cmdstat_bzpopmin:calls=3,"), "{calls}");
});

case!(the_reply_to_be_skipped_may_come_late, |c| {
    let mut o = c.client();
    o.send_raw(b"CLIENT REPLY SKIP\r\nBLPOP l 0\r\nPING\r\n");
    let blocked = |c: &mut Client| c.cmd(&["INFO", "clients"]);
    c.until(2000, |c| String::from_utf8_lossy(&blocked(c)).contains("blocked_clients:1"));
    c.expect(&["RPUSH", "l", "x"], ":1\r\n");
    o.expect_frame("+PONG\r\n");
    o.expect_silence();
    // RESET turns answers on again, but is still the one that was to be skipped.
    o.send_raw(b"CLIENT REPLY SKIP\r\nRESET\r\nPING\r\nCLIENT REPLY OFF\r\nRESET\r\n");
    o.expect_frame("+PONG\r\n");
    o.expect_frame("+RESET\r\n");
});
