//! The wire: how requests may be cut, what is refused and in which words, what RESP3 changes.

use crate::support::frames::encode;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

case!(a_request_may_come_byte_by_byte, |c| {
    for byte in encode(&["ECHO", "hello"]) {
        c.send_raw(&[byte]);
    }
    c.expect_frame("$5\r\nhello\r\n");
});

case!(a_request_may_be_cut_anywhere, |c| {
    let request = [encode(&["SET", "k", "a\r\nb"]), encode(&["GET", "k"])].concat();
    for cut in 1..request.len() {
        c.send_raw(&request[..cut]);
        c.send_raw(&request[cut..]);
        c.expect_frame("+OK\r\n");
        c.expect_frame("$4\r\na\r\nb\r\n");
    }
});

case!(a_long_pipeline_is_answered_in_order, |c| {
    let mut request = Vec::new();
    for i in 0..5000 {
        request.extend(encode(&["SET", &format!("k{i}"), &format!("v{i}")]));
        request.extend(encode(&["GET", &format!("k{i}")]));
    }
    c.send_raw(&request);
    for i in 0..5000 {
        c.expect_frame("+OK\r\n");
        let value = format!("v{i}");
        c.expect_frame(format!("${}\r\n{value}\r\n", value.len()));
    }
});

case!(empty_requests_are_skipped, |c| {
    c.send_raw(b"*0\r\n*-1\r\n\r\n   \r\n");
    c.expect(&["PING"], "+PONG\r\n");
});

case!(inline_requests, |c| {
    c.send_raw(b"  set\tk  \"a b\\x41\\n\" \r\nGET k\nping 'it\\'s'\r\n");
    c.expect_frame("+OK\r\n");
    c.expect_frame("$5\r\na bA\n\r\n");
    c.expect_frame("$4\r\nit's\r\n");
});

case!(an_inline_nul_does_not_wait, |c| {
    c.send_raw(b"PING a\0b\r\n");
    c.send_raw(PING);
    c.read_frame();
    c.expect_frame("+PONG\r\n");
});

#[track_caller]
fn refused(c: &mut crate::support::Client, request: &[u8], reason: &str) {
    let mut other = c.client();
    other.send_raw(request);
    other.expect_close(format!("-ERR Protocol error: {reason}\r\n"));
}

case!(broken_requests_are_refused_and_closed, |c| {
    refused(c, b"*2147483648\r\n", "invalid multibulk length");
    refused(c, b"*abc\r\n", "invalid multibulk length");
    refused(c, b"*+1\r\n", "invalid multibulk length");
    refused(c, b"*1\r\n:4\r\n", "expected '$', got ':'");
    refused(c, b"*1\r\n$-1\r\n", "invalid bulk length");
    refused(c, b"*1\r\n$04\r\nPING\r\n", "invalid bulk length");
    refused(c, b"*1\r\n$536870913\r\n", "invalid bulk length");
    refused(c, b"ECHO \"a\r\n", "unbalanced quotes in request");
    refused(c, b"\"a\"\"b\"\r\n", "unbalanced quotes in request");
    refused(c, &[b'a'; 70_000], "too big inline request");
    let long_count = [b"*".as_slice(), &[b'1'; 70_000]].concat();
    refused(c, &long_count, "too big mbulk count string");
    c.expect(&["PING"], "+PONG\r\n");
});

case!(what_came_before_the_fault_is_answered, |c| {
    c.send_raw(&[PING, b"*1\r\n!oops\r\n", PING].concat());
    c.expect_close("+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
});

case!(web_requests_are_cut_off, |c| {
    let mut other = c.client();
    other.send_raw(b"POST / HTTP/1.1\r\nHost: here\r\n\r\nSET k v\r\n");
    other.expect_close("");
    c.expect(&["EXISTS", "k"], ":0\r\n");
});

case!(a_fin_with_the_data_loses_nothing, |c| {
    let mut other = c.client();
    other.send_raw(&[encode(&["SET", "k", "v"]), encode(&["GET", "k"])].concat());
    other.shut_write();
    other.expect_close("+OK\r\n$1\r\nv\r\n");
    c.expect(&["GET", "k"], "$1\r\nv\r\n");
});

case!(half_a_request_leaves_no_trace, |c| {
    let mut other = c.client();
    other.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc");
    other.close();
    c.expect(&["EXISTS", "k"], ":0\r\n");
});

case!(quit_drops_what_follows, |c| {
    let mut other = c.client();
    other.send_raw(&[encode(&["QUIT"]), encode(&["SET", "k", "v"])].concat());
    other.expect_close("+OK\r\n");
    c.expect(&["EXISTS", "k"], ":0\r\n");
});

case!(limits_before_authentication, ["--requirepass", "secret"], |c| {
    refused(c, b"*11\r\n$4\r\nPING\r\n", "unauthenticated multibulk length");
    refused(c, b"*2\r\n$4\r\nECHO\r\n$16385\r\n", "unauthenticated bulk length");
    let words: Vec<String> = (0..11).map(|i| format!("k{i}")).collect();
    let mget: Vec<&str> = std::iter::once("MGET").chain(words.iter().map(String::as_str)).collect();
    // AUTH earlier in the same pipeline lifts the limits for what follows.
    c.send_raw(&[encode(&["AUTH", "secret"]), encode(&mget)].concat());
    c.expect_frame("+OK\r\n");
    c.expect_frame(format!("*11\r\n{}", "$-1\r\n".repeat(11)));
    let big = "x".repeat(20_000);
    c.expect(&["ECHO", &big], format!("$20000\r\n{big}\r\n"));
});

case!(config_moves_the_limit_of_a_bulk, |c| {
    c.send_raw(
        &[
            encode(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]),
            b"*2\r\n$4\r\nECHO\r\n$1048577\r\n".to_vec(),
        ]
        .concat(),
    );
    c.expect_close("+OK\r\n-ERR Protocol error: invalid bulk length\r\n");
});

case!(big_bulks_pass_in_pieces, |c| {
    for len in [32 * 1024 - 1, 32 * 1024, 100_000, 3_000_000] {
        let value: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let request = encode(&[b"SET".as_slice(), b"big", &value]);
        for piece in request.chunks(7919) {
            c.send_raw(piece);
        }
        c.expect_frame("+OK\r\n");
        let want = [format!("${len}\r\n").as_bytes(), &value, b"\r\n"].concat();
        c.expect(&["GET", "big"], &want);
        c.expect(&["STRLEN", "big"], format!(":{len}\r\n"));
    }
});

case!(unknown_commands_are_named, |c| {
    c.expect(
        &["NoSuch", "a", "b"],
        "-ERR unknown command 'NoSuch', with args beginning with: 'a' 'b' \r\n",
    );
    c.expect(&["GET"], "-ERR wrong number of arguments for 'get' command\r\n");
    c.expect(&["bad\r\nname"], "-ERR unknown command 'bad  name', with args beginning with: \r\n");
});

case!(resp3_has_other_nulls_and_maps, |c| {
    let hello = c.cmd(&["HELLO", "3"]);
    assert!(hello.starts_with(b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"), "{hello:?}");
    c.expect(&["GET", "none"], "_\r\n");
    c.expect(&["MGET", "none"], "*1\r\n_\r\n");
    c.expect(&["CONFIG", "GET", "databases"], "%1\r\n$9\r\ndatabases\r\n$2\r\n16\r\n");
    let hello = c.cmd(&["HELLO", "2"]);
    assert!(hello.starts_with(b"*14\r\n$6\r\nserver\r\n"), "{hello:?}");
    c.expect(&["GET", "none"], "$-1\r\n");
    c.expect(&["CONFIG", "GET", "databases"], "*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n");
});

case!(select_inside_a_pipeline_takes_effect_at_once, |c| {
    let pipeline = [
        encode(&["SET", "k", "zero"]),
        encode(&["SELECT", "1"]),
        encode(&["GET", "k"]),
        encode(&["SET", "k", "one"]),
        encode(&["SELECT", "0"]),
        encode(&["GET", "k"]),
    ];
    c.send_raw(&pipeline.concat());
    for want in ["+OK\r\n", "+OK\r\n", "$-1\r\n", "+OK\r\n", "+OK\r\n", "$4\r\nzero\r\n"] {
        c.expect_frame(want);
    }
});

case!(a_reader_that_never_reads_stalls_nobody, |c| {
    let value = "x".repeat(100_000);
    c.expect(&["SET", "big", &value], "+OK\r\n");
    let mut lazy = c.client();
    for _ in 0..200 {
        lazy.send_raw(&encode(&["GET", "big"]));
    }
    c.expect(&["PING"], "+PONG\r\n");
    let want = format!("$100000\r\n{value}\r\n");
    for _ in 0..200 {
        lazy.expect_frame(&want);
    }
});
