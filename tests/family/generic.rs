//! Commands on keys of any type and on whole databases.

const SAME: &str = "-ERR source and destination objects are the same\r\n";
const NO_KEY: &str = "-ERR no such key\r\n";
const NO_DB: &str = "-ERR DB index is out of range\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NOT_32_BIT: &str =
    "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";

fn arity(command: &str) -> String {
    format!("-ERR wrong number of arguments for '{command}' command\r\n")
}

case!(del_unlink_exists_touch, |c| {
    c.expect(&["MSET", "a", "1", "b", "2", "c", "3", "d", "4"], "+OK\r\n");
    c.expect(&["EXISTS", "a", "none", "b"], ":2\r\n");
    c.expect(&["EXISTS", "a", "a", "a"], ":3\r\n");
    c.expect(&["TOUCH", "a", "a", "none"], ":2\r\n");
    c.expect(&["DEL", "a", "a", "none"], ":1\r\n");
    c.expect(&["UNLINK", "b", "none", "c"], ":2\r\n");
    c.expect(&["DEL", "a"], ":0\r\n");
    c.expect(&["DEL", ""], ":0\r\n");
    c.expect(&["DBSIZE"], ":1\r\n");
    for command in ["DEL", "UNLINK", "EXISTS", "TOUCH"] {
        c.expect(&[command], arity(&command.to_lowercase()));
    }
});

case!(type_of_a_key, |c| {
    c.expect(&["TYPE", "k"], "+none\r\n");
    c.expect(&["SET", "k", "1"], "+OK\r\n");
    c.expect(&["TYPE", "k"], "+string\r\n");
    c.expect(&["TYPE"], arity("type"));
});

case!(rename, |c| {
    c.expect(&["RENAME", "none", "x"], NO_KEY);
    c.expect(&["RENAME", "none", "none"], NO_KEY);
    c.expect(&["SET", "a", "1", "PXAT", "9999999999999"], "+OK\r\n");
    c.expect(&["SET", "b", "2"], "+OK\r\n");
    c.expect(&["RENAME", "a", "b"], "+OK\r\n");
    c.expect(&["EXISTS", "a"], ":0\r\n");
    c.expect(&["GET", "b"], "$1\r\n1\r\n");
    c.expect(&["PEXPIRETIME", "b"], ":9999999999999\r\n");
    c.expect(&["RENAME", "b", "b"], "+OK\r\n");
    c.expect(&["GET", "b"], "$1\r\n1\r\n");
    c.expect(&["SET", "a", "plain"], "+OK\r\n");
    c.expect(&["RENAME", "a", "b"], "+OK\r\n");
    c.expect(&["TTL", "b"], ":-1\r\n");
    c.expect(&["DBSIZE"], ":1\r\n");
    c.expect(&["RENAME", "b"], arity("rename"));
});

case!(renamenx, |c| {
    c.expect(&["RENAMENX", "none", "x"], NO_KEY);
    c.expect(&["MSET", "a", "1", "b", "2"], "+OK\r\n");
    c.expect(&["RENAMENX", "a", "b"], ":0\r\n");
    c.expect(&["RENAMENX", "a", "a"], ":0\r\n");
    c.expect(&["RENAMENX", "a", "c"], ":1\r\n");
    c.expect(&["MGET", "a", "b", "c"], "*3\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n");
});

case!(names_of_every_length, |c| {
    for len in [1, 254, 255, 256, 1000, 70_000] {
        let long = "n".repeat(len);
        c.expect(&["SET", &long, "v", "EX", "1000"], "+OK\r\n");
        c.expect(&["RENAME", &long, "short"], "+OK\r\n");
        c.expect(&["RENAME", "short", &long], "+OK\r\n");
        c.expect(&["COPY", &long, "copy", "REPLACE"], ":1\r\n");
        c.expect(&["GET", &long], "$1\r\nv\r\n");
        c.expect(&["PERSIST", &long], ":1\r\n");
        c.expect(&["APPEND", &long, "w"], ":2\r\n");
        c.expect(&["DEL", &long], ":1\r\n");
    }
});

case!(move_between_databases, |c| {
    c.expect(&["SET", "k", "v", "PXAT", "9999999999999"], "+OK\r\n");
    c.expect(&["MOVE", "k", "0"], SAME);
    c.expect(&["MOVE", "k", "16"], NO_DB);
    c.expect(&["MOVE", "k", "-1"], NO_DB);
    c.expect(&["MOVE", "k", "abc"], NOT_INTEGER);
    c.expect(&["MOVE", "k", "99999999999"], NOT_32_BIT);
    c.expect(&["MOVE", "none", "1"], ":0\r\n");
    c.expect(&["MOVE", "k", "1"], ":1\r\n");
    c.expect(&["MOVE", "k", "1"], ":0\r\n");
    c.expect(&["SET", "k", "other"], "+OK\r\n");
    c.expect(&["MOVE", "k", "1"], ":0\r\n");
    c.expect(&["SELECT", "1"], "+OK\r\n");
    c.expect(&["GET", "k"], "$1\r\nv\r\n");
    c.expect(&["PEXPIRETIME", "k"], ":9999999999999\r\n");
    c.expect(&["MOVE", "k"], arity("move"));
});

case!(copy, |c| {
    c.expect(&["SET", "a", "1", "PXAT", "9999999999999"], "+OK\r\n");
    c.expect(&["COPY", "a", "b"], ":1\r\n");
    c.expect(&["PEXPIRETIME", "b"], ":9999999999999\r\n");
    c.expect(&["APPEND", "b", "2"], ":2\r\n");
    c.expect(&["GET", "a"], "$1\r\n1\r\n");
    c.expect(&["COPY", "a", "b"], ":0\r\n");
    c.expect(&["COPY", "a", "b", "replace"], ":1\r\n");
    c.expect(&["GET", "b"], "$1\r\n1\r\n");
    c.expect(&["COPY", "a", "a"], SAME);
    c.expect(&["COPY", "none", "none", "REPLACE"], SAME);
    c.expect(&["COPY", "none", "x"], ":0\r\n");
    c.expect(&["COPY", "a", "a", "DB", "3"], ":1\r\n");
    c.expect(&["COPY", "a", "a", "DB", "3", "DB", "4"], ":1\r\n");
    c.expect(&["COPY", "a", "a", "DB", "3"], ":0\r\n");
    c.expect(&["SELECT", "4"], "+OK\r\n");
    c.expect(&["PEXPIRETIME", "a"], ":9999999999999\r\n");
    c.expect(&["COPY", "a", "a", "DB", "0", "REPLACE"], ":1\r\n");
    c.expect(&["COPY", "a", "b", "DB"], SYNTAX);
    c.expect(&["COPY", "a", "b", "FOO"], SYNTAX);
    c.expect(&["COPY", "a", "b", "DB", "x"], NOT_INTEGER);
    c.expect(&["COPY", "a", "b", "DB", "16"], NO_DB);
    c.expect(&["COPY", "a", "b", "DB", "-1"], NO_DB);
    c.expect(&["COPY", "a", "b", "DB", "99999999999"], NOT_32_BIT);
    c.expect(&["COPY", "a"], arity("copy"));
});

case!(dbsize_and_randomkey, |c| {
    c.expect(&["RANDOMKEY"], "$-1\r\n");
    c.expect(&["DBSIZE"], ":0\r\n");
    c.expect(&["SET", "only", "1"], "+OK\r\n");
    c.expect(&["RANDOMKEY"], "$4\r\nonly\r\n");
    c.expect(&["DBSIZE"], ":1\r\n");
    c.expect(&["SELECT", "9"], "+OK\r\n");
    c.expect(&["DBSIZE"], ":0\r\n");
    c.expect(&["RANDOMKEY"], "$-1\r\n");
    c.expect(&["RANDOMKEY", "x"], arity("randomkey"));
    c.expect(&["DBSIZE", "x"], arity("dbsize"));
});

case!(flush, |c| {
    c.expect(&["SET", "a", "1", "EX", "100"], "+OK\r\n");
    c.expect(&["SELECT", "1"], "+OK\r\n");
    c.expect(&["SET", "b", "1"], "+OK\r\n");
    c.expect(&["FLUSHDB"], "+OK\r\n");
    c.expect(&["DBSIZE"], ":0\r\n");
    c.expect(&["SELECT", "0"], "+OK\r\n");
    c.expect(&["TTL", "a"], ":100\r\n");
    for words in [
        &["FLUSHDB", "ASYNC"][..],
        &["FLUSHDB", "sync"],
        &["FLUSHALL"],
        &["FLUSHALL", "ASYNC"],
        &["FLUSHALL", "SYNC"],
    ] {
        c.expect(&["SET", "a", "1", "EX", "100"], "+OK\r\n");
        c.expect(words, "+OK\r\n");
        c.expect(&["DBSIZE"], ":0\r\n");
        c.expect(words, "+OK\r\n");
    }
    for words in [
        &["FLUSHALL", "FOO"][..],
        &["FLUSHDB", "FOO"],
        &["FLUSHALL", "ASYNC", "SYNC"],
        &["FLUSHDB", "ASYNC", "ASYNC"],
    ] {
        c.expect(words, SYNTAX);
    }
});

case!(swapdb, |c| {
    let mut other = c.client();
    other.expect(&["SELECT", "1"], "+OK\r\n");
    c.expect(&["SET", "a", "1", "PXAT", "9999999999999"], "+OK\r\n");
    c.expect(&["SWAPDB", "0", "1"], "+OK\r\n");
    c.expect(&["EXISTS", "a"], ":0\r\n");
    other.expect(&["PEXPIRETIME", "a"], ":9999999999999\r\n");
    c.expect(&["SWAPDB", "1", "1"], "+OK\r\n");
    c.expect(&["SWAPDB", "1", "0"], "+OK\r\n");
    c.expect(&["GET", "a"], "$1\r\n1\r\n");
    c.expect(&["SWAPDB", "x", "0"], "-ERR invalid first DB index\r\n");
    c.expect(&["SWAPDB", "0", "x"], "-ERR invalid second DB index\r\n");
    c.expect(&["SWAPDB", "0", "99999999999"], "-ERR invalid second DB index\r\n");
    c.expect(&["SWAPDB", "0", "16"], NO_DB);
    c.expect(&["SWAPDB", "-1", "0"], NO_DB);
    c.expect(&["SWAPDB", "0"], arity("swapdb"));
});
