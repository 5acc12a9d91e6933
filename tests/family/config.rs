//! CONFIG: GET, SET, RESETSTAT, and what a change does to the running server.

use crate::support::Client;
use crate::support::frames::encode;
use crate::support::server::{PATIENCE, Server};
use crate::support::tcp::TcpLink;

/// The value CONFIG GET shows.
#[track_caller]
fn value(c: &mut Client, name: &str) -> String {
    let node = c.node(&["CONFIG", "GET", name]);
    let pair = node.list().expect("an array");
    assert_eq!(pair.len(), 2, "{name}: {node:?}");
    String::from_utf8(pair[1].text()).expect("text")
}

#[track_caller]
fn set(c: &mut Client, pairs: &[&str]) -> String {
    let call = [&["CONFIG", "SET"], pairs].concat();
    String::from_utf8(c.cmd(&call)).expect("text").trim_end().to_owned()
}

case!(several_patterns_name_each_parameter_once, |c| {
    let node = c.node(&["CONFIG", "GET", "hz", "h[z]", "MAXMEMORY-s*", "hz"]);
    let words: Vec<Vec<u8>> = node.list().expect("an array").iter().map(|n| n.text()).collect();
    assert_eq!(words, [&b"hz"[..], b"10", b"maxmemory-samples", b"5"]);
    assert_eq!(c.node(&["CONFIG", "GET", "nosuch"]).list().map(<[_]>::len), Some(0));
    c.cmd(&["HELLO", "3"]);
    c.expect(&["CONFIG", "GET", "hz"], "%1\r\n$2\r\nhz\r\n$2\r\n10\r\n");
});

case!(all_or_nothing, |c| {
    assert_eq!(set(c, &["hz", "20", "timeout", "5"]), "+OK");
    assert_eq!([value(c, "hz"), value(c, "timeout")], ["20", "5"]);
    let failed = "-ERR CONFIG SET failed (possibly related to argument";
    assert_eq!(
        set(c, &["hz", "30", "timeout", "x"]),
        format!("{failed} 'timeout') - argument couldn't be parsed into an integer")
    );
    assert_eq!(
        set(c, &["hz", "30", "databases", "3"]),
        format!("{failed} 'databases') - can't set immutable config")
    );
    assert_eq!(
        set(c, &["hz", "30", "dir", "/"]),
        format!("{failed} 'dir') - can't set protected config")
    );
    assert_eq!(set(c, &["hz", "30", "hz", "40"]), format!("{failed} 'hz') - duplicate parameter"));
    assert_eq!(
        set(c, &["hz", "30", "nosuch", "1"]),
        "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"
    );
    assert_eq!(
        set(c, &["hz", "30", "timeout"]),
        "-ERR wrong number of arguments for 'config|set' command"
    );
    assert_eq!([value(c, "hz"), value(c, "timeout")], ["20", "5"]);
});

case!(the_directory_must_be_there, ["--enable-protected-configs", "yes"], |c| {
    let before = value(c, "dir");
    assert_eq!(
        set(c, &["hz", "20", "dir", "/no/such/place"]),
        "-ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or directory"
    );
    assert_eq!([value(c, "dir"), value(c, "hz")], [before, "10".to_owned()]);
    assert_eq!(set(c, &["dir", "/"]), "+OK");
    assert_eq!(value(c, "dir"), "/");
});

case!(a_port_that_is_taken_changes_nothing, ["--enable-protected-configs", "yes"], |c| {
    // Nobody but the administrator may have port 1, and the simulation keeps it taken.
    let (before, dir) = (value(c, "port"), value(c, "dir"));
    let answer = set(c, &["port", "1", "dir", "/"]);
    if answer == "+OK" {
        return;
    }
    assert_eq!(
        answer,
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this \
         port. Check server logs."
    );
    assert_eq!([value(c, "port"), value(c, "dir")], [before, dir]);
    c.client().expect(&["PING"], "+PONG\r\n");
});

case!(more_clients_than_files_are_refused, |c| {
    let before = value(c, "maxclients");
    let answer = set(c, &["maxclients", "4294967295"]);
    assert!(
        answer.starts_with(
            "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating \
             system is not able to handle the specified number of clients, try with "
        ),
        "{answer}"
    );
    assert_eq!(value(c, "maxclients"), before);
    assert_eq!(set(c, &["maxclients", "100"]), "+OK");
    assert_eq!(set(c, &["maxclients", "120"]), "+OK");
});

case!(rewrite_needs_a_file, |c| {
    c.expect(&["CONFIG", "REWRITE"], "-ERR The server is running without a config file\r\n");
    let help = c.node(&["CONFIG", "HELP"]);
    assert!(help.list().is_some_and(|lines| lines.len() > 8));
});

fn ask(link: &mut TcpLink, words: &[&str]) -> Vec<u8> {
    link.send(&encode(words), PATIENCE).expect("it reads");
    link.frame(PATIENCE).expect("it answers")
}

/// The old listeners stay when the new ones cannot be had, and go when they can.
#[test]
fn listeners_follow_the_port() {
    let server = Server::start::<&str>(&[]);
    let other = Server::start::<&str>(&[]);
    let mut link = TcpLink::connect(server.addr()).expect("it accepts");
    let taken = other.addr().port().to_string();
    let answer = ask(&mut link, &["CONFIG", "SET", "port", &taken]);
    assert!(answer.starts_with(b"-ERR CONFIG SET failed (possibly related to argument 'port')"));
    let mut again = TcpLink::connect(server.addr()).expect("it still accepts");
    assert_eq!(ask(&mut again, &["PING"]), b"+PONG\r\n");
    let answer = ask(&mut link, &["CONFIG", "SET", "bind", "203.0.113.77"]);
    assert!(answer.starts_with(b"-ERR CONFIG SET failed (possibly related to argument 'bind')"));
    assert_eq!(
        ask(&mut link, &["CONFIG", "GET", "bind"]),
        b"*2\r\n$4\r\nbind\r\n$9\r\n127.0.0.1\r\n"
    );
    TcpLink::connect(server.addr()).expect("it still accepts");
    assert_eq!(ask(&mut link, &["CONFIG", "SET", "port", "0"]), b"+OK\r\n");
    assert!(TcpLink::connect(server.addr()).is_err());
    let port = server.addr().port().to_string();
    assert_eq!(ask(&mut link, &["CONFIG", "SET", "port", &port]), b"+OK\r\n");
    let mut last = TcpLink::connect(server.addr()).expect("it accepts again");
    assert_eq!(ask(&mut last, &["PING"]), b"+PONG\r\n");
}

case!(
    commands_can_be_renamed_and_taken_away,
    [
        "--rename-command",
        "FLUSHALL",
        "",
        "--rename-command",
        "FLUSHDB",
        "",
        "--rename-command",
        "KEYS",
        "listkeys"
    ],
    |c| {
        c.expect(&["SET", "a", "1"], "+OK\r\n");
        let unknown = "-ERR unknown command 'FLUSHALL', with args beginning with: \r\n";
        c.expect(&["FLUSHALL"], unknown);
        c.expect(&["ListKeys", "*"], "*1\r\n$1\r\na\r\n");
        c.expect(&["KEYS", "*"], "-ERR unknown command 'KEYS', with args beginning with: '*' \r\n");
    }
);
