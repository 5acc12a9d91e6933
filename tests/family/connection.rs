//! PING to SHUTDOWN: what belongs to a connection rather than to keys.

use crate::support::frames::encode;
use crate::support::server::Server;

const NO_PASSWORD: &str = "-ERR AUTH <password> called without any password configured for the \
                           default user. Are you sure your configuration is correct?\r\n";
const WRONG_PASS: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const NO_AUTH: &str = "-NOAUTH Authentication required.\r\n";
const BAD_NAME: &str =
    "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";

case!(ping_and_echo, |c| {
    c.expect(&["PING"], "+PONG\r\n");
    c.expect(&["ping", "hello"], "$5\r\nhello\r\n");
    c.expect(&["PING", ""], "$0\r\n\r\n");
    c.expect(&["PING", "a", "b"], "-ERR wrong number of arguments for 'ping' command\r\n");
    c.expect(&["ECHO", "a\r\nb"], "$4\r\na\r\nb\r\n");
    c.expect(&["ECHO"], "-ERR wrong number of arguments for 'echo' command\r\n");
});

case!(select_belongs_to_the_connection, |c| {
    let mut other = c.client();
    c.expect(&["SELECT", "15"], "+OK\r\n");
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    other.expect(&["EXISTS", "k"], ":0\r\n");
    c.expect(&["SELECT", "16"], "-ERR DB index is out of range\r\n");
    c.expect(&["SELECT", "-1"], "-ERR DB index is out of range\r\n");
    c.expect(&["SELECT", "1.0"], "-ERR value is not an integer or out of range\r\n");
    c.expect(
        &["SELECT", "2147483648"],
        "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n",
    );
    c.expect(&["GET", "k"], "$1\r\nv\r\n");
});

case!(fewer_databases, ["--databases", "2"], |c| {
    c.expect(&["SELECT", "1"], "+OK\r\n");
    c.expect(&["SELECT", "2"], "-ERR DB index is out of range\r\n");
});

case!(auth_without_a_password, |c| {
    c.expect(&["AUTH", "x"], NO_PASSWORD);
    c.expect(&["AUTH", "default", "anything"], "+OK\r\n");
    c.expect(&["AUTH", "nobody", "x"], WRONG_PASS);
    c.expect(&["AUTH", "a", "b", "c"], "-ERR syntax error\r\n");
});

case!(auth_with_a_password, ["--requirepass", "secret"], |c| {
    c.expect(&["PING"], NO_AUTH);
    c.expect(&["NOSUCH"], "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    c.expect(&["GET"], "-ERR wrong number of arguments for 'get' command\r\n");
    c.expect(&["AUTH", "wrong"], WRONG_PASS);
    c.expect(&["GET", "k"], NO_AUTH);
    c.expect(&["AUTH", "secret"], "+OK\r\n");
    c.expect(&["GET", "k"], "$-1\r\n");
    // A failed attempt takes nothing away.
    c.expect(&["AUTH", "wrong"], WRONG_PASS);
    c.expect(&["GET", "k"], "$-1\r\n");
    let mut other = c.client();
    other.expect(&["AUTH", "default", "secret"], "+OK\r\n");
    other.expect(&["RESET"], "+RESET\r\n");
    other.expect(&["PING"], NO_AUTH);
    other.expect(&["QUIT"], "+OK\r\n");
    other.expect_close("");
});

case!(failed_auth_in_a_pipeline_is_answered, ["--requirepass", "secret"], |c| {
    let pipeline = [encode(&["AUTH", "no"]), encode(&["PING"]), encode(&["AUTH", "secret"])];
    c.send_raw(&[pipeline.concat(), encode(&["PING"])].concat());
    for want in [WRONG_PASS, NO_AUTH, "+OK\r\n", "+PONG\r\n"] {
        c.expect_frame(want);
    }
});

case!(a_password_set_later_spares_who_is_in, |c| {
    c.expect(&["CONFIG", "SET", "requirepass", "late"], "+OK\r\n");
    c.expect(&["PING"], "+PONG\r\n");
    let mut other = c.client();
    other.expect(&["PING"], NO_AUTH);
    c.expect(&["CONFIG", "SET", "requirepass", ""], "+OK\r\n");
    c.client().expect(&["PING"], "+PONG\r\n");
});

case!(hello_options, ["--requirepass", "secret"], |c| {
    let refusal = c.cmd(&["HELLO", "3"]);
    assert!(refusal.starts_with(b"-NOAUTH HELLO must be called with the client already"));
    c.expect(&["HELLO", "3", "AUTH", "default", "no"], WRONG_PASS);
    c.expect(&["HELLO", "4"], "-NOPROTO unsupported protocol version\r\n");
    c.expect(&["HELLO", "x"], "-ERR Protocol version is not an integer or out of range\r\n");
    c.expect(&["HELLO", "3", "AUTH"], "-ERR Syntax error in HELLO option 'AUTH'\r\n");
    let hello = c.cmd(&["HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me"]);
    assert!(hello.starts_with(b"%7\r\n"), "{hello:?}");
    c.expect(&["CLIENT", "GETNAME"], "$2\r\nme\r\n");
    c.expect(&["HELLO", "2", "FOO"], "-ERR Syntax error in HELLO option 'FOO'\r\n");
});

case!(reset_puts_everything_back, |c| {
    c.cmd(&["HELLO", "3", "SETNAME", "me"]);
    c.expect(&["SELECT", "3"], "+OK\r\n");
    c.expect(&["RESET"], "+RESET\r\n");
    c.expect(&["CLIENT", "GETNAME"], "$-1\r\n");
    c.expect(&["SET", "k", "v"], "+OK\r\n");
    c.client().expect(&["GET", "k"], "$1\r\nv\r\n");
});

case!(client_names_and_ids, |c| {
    c.expect(&["CLIENT", "GETNAME"], "$-1\r\n");
    c.expect(&["CLIENT", "SETNAME", "ok!~"], "+OK\r\n");
    c.expect(&["CLIENT", "SETNAME", "a b"], BAD_NAME);
    c.expect(&["CLIENT", "SETNAME", "a\nb"], BAD_NAME);
    c.expect(&["CLIENT", "GETNAME"], "$4\r\nok!~\r\n");
    c.expect(&["CLIENT", "SETNAME", ""], "+OK\r\n");
    c.expect(&["CLIENT", "GETNAME"], "$-1\r\n");
    let (mine, other) = (c.int(&["CLIENT", "ID"]), c.client().int(&["CLIENT", "ID"]));
    assert!(other > mine, "ids grow: {mine}, {other}");
    assert_eq!(c.int(&["CLIENT", "ID"]), mine);
    c.expect(&["CLIENT"], "-ERR wrong number of arguments for 'client' command\r\n");
});

case!(client_setinfo, |c| {
    c.expect(&["CLIENT", "SETINFO", "LIB-NAME", "mylib"], "+OK\r\n");
    c.expect(&["CLIENT", "SETINFO", "lib-ver", "1.2.3"], "+OK\r\n");
    c.expect(
        &["CLIENT", "SETINFO", "LIB-NAME", "bad name"],
        "-ERR LIB-NAME cannot contain spaces, newlines or special characters.\r\n",
    );
    c.expect(&["CLIENT", "SETINFO", "FOO", "x"], "-ERR Unrecognized option 'FOO'\r\n");
});

case!(client_reply_modes, |c| {
    c.send_raw(&encode(&["CLIENT", "REPLY", "OFF"]));
    c.send_raw(&encode(&["SET", "k", "v"]));
    c.send_raw(&encode(&["NOSUCH"]));
    c.expect_silence();
    c.expect(&["CLIENT", "REPLY", "ON"], "+OK\r\n");
    c.expect(&["GET", "k"], "$1\r\nv\r\n");
    c.send_raw(&encode(&["CLIENT", "REPLY", "SKIP"]));
    c.send_raw(&encode(&["GET", "k"]));
    c.expect(&["PING"], "+PONG\r\n");
    c.expect(&["CLIENT", "REPLY", "FOO"], "-ERR syntax error\r\n");
});

case!(quit_answers_then_closes, |c| {
    let mut other = c.client();
    other.send_raw(&encode(&["QUIT", "now"]));
    other.expect_close("+OK\r\n");
});

case!(time_has_seconds_and_microseconds, |c| {
    let read = |c: &mut crate::support::Client| {
        let node = c.node(&["TIME"]);
        let parts: Vec<i64> = node
            .list()
            .expect("an array")
            .iter()
            .map(|n| String::from_utf8(n.text()).expect("digits").parse().expect("a number"))
            .collect();
        assert!(parts.len() == 2 && (0..1_000_000).contains(&parts[1]), "{parts:?}");
        parts[0] * 1_000_000 + parts[1]
    };
    let before = read(c);
    c.advance_ms(5);
    assert!(read(c) >= before + 5000);
});

case!(too_many_clients, ["--maxclients", "2"], |c| {
    let mut second = c.client();
    second.expect(&["PING"], "+PONG\r\n");
    let mut third = c.client();
    third.expect_close("-ERR max number of clients reached\r\n");
    second.expect(&["QUIT"], "+OK\r\n");
    second.expect_close("");
    c.client().expect(&["PING"], "+PONG\r\n");
});

/// In process there is nobody to end; over TCP the process must be gone, without a word.
#[test]
fn shutdown_ends_the_process() {
    let mut server = Server::start::<&str>(&[]);
    let patience = crate::support::server::PATIENCE;
    let mut link = crate::support::tcp::TcpLink::connect(server.addr()).expect("it accepts");
    link.send(&encode(&["SHUTDOWN", "NOSAVE"]), patience).expect("it reads");
    assert_eq!(link.until_closed(patience).as_deref(), Some(&b""[..]));
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log().contains("ready to exit, bye bye"), "{}", server.log());
}
