//! Our snapshots in version 10 through Debian's redis-server 7.0 and back, and what its checker
//! says of them. Both programs are looked up in PATH.

// A harness starts programs and writes files.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::rdb::Options;
use std::path::Path;
use std::process::Command;
use support::frames::encode;
use support::local::Inner;
use support::server::{OURS, PATIENCE, Server, TempDir};
use support::tcp::TcpLink;

/// Values of all types and encodings, as a server of another version wrote them.
const OTHERS: &[u8] = include_bytes!("files/rdb/redis-7.2.rdb");

fn loaded(bytes: &[u8]) -> Inner {
    let mut inner = Inner::new(&[], 3);
    inner.sim.put_file("dump.rdb", bytes);
    inner.engine.load_at_start().expect("the file is sound");
    inner.engine.check();
    inner
}

/// A data set with something of everything.
fn everything() -> Inner {
    let mut inner = loaded(OTHERS);
    let id = inner.connect();
    let long = "x".repeat(100);
    let calls: &[&[&str]] = &[
        &["SET", "with a time", "v", "PXAT", "4102444800123"],
        &["SET", "long", &"abcdefgh".repeat(9000)],
        &["RPUSH", "few", "a", "-1", "127", "128", "-4097", "70000", "1099511627776", &long],
        &["SADD", "short members", "a", "b", "77"],
        &["SADD", "a long member", &long, "1"],
        &["ZADD", "few scores", "-inf", "a", "0.1", "b", "3", "c", "+inf", "d"],
        &["ZADD", "long name", "1e300", &long, "-0", "zero"],
        &["HSET", "long value", "f", &long, "g", ""],
        &["XGROUP", "CREATE", "made", "g", "$", "MKSTREAM"],
        &["XADD", "made", "5-1", "a", "1", "b", "2"],
        &["XADD", "made", "5-2", "a", "1", "b", "2"],
        &["XADD", "made", "6-0", "c", &long],
        &["XREADGROUP", "GROUP", "g", "one", "COUNT", "2", "STREAMS", "made", ">"],
        &["XREADGROUP", "GROUP", "g", "two", "STREAMS", "made", ">"],
        &["XGROUP", "CREATECONSUMER", "made", "g", "idle"],
        &["XDEL", "made", "5-2"],
        &["SELECT", "15"],
        &["SET", "elsewhere", "1"],
    ];
    for call in calls {
        inner.feed(id, &encode(call));
        let reply = inner.take_output(id);
        assert_ne!(reply[0], b'-', "{call:?}: {}", String::from_utf8_lossy(&reply));
    }
    inner
}

fn saved(inner: &mut Inner, version: u16) -> Vec<u8> {
    let options = Options { version, ..Options::default() };
    inner.engine.save_to(Path::new("out.rdb"), options, false).expect("it is saved");
    inner.sim.file("out.rdb").expect("it is there")
}

/// The same, with collections written in pieces and changed while that goes on.
fn saved_in_pieces(inner: &mut Inner) -> Vec<u8> {
    let id = inner.connect();
    for call in [&["CONFIG", "SET", "rdb-write-version", "10"][..], &["BGSAVE"]] {
        inner.put(id, &encode(call));
        inner.pass();
    }
    inner.take_output(id);
    assert!(inner.engine.persist.is_saving(), "it has begun");
    for n in 0..300 {
        let (a, b) = (format!("{n}"), format!("{}", n * 7 % 300));
        let calls: [&[&str]; 6] = [
            &["HSET", "large:h", &a, "new", &b, "new"],
            &["SREM", "large:m", &a, &b],
            &["ZINCRBY", "large:z", "1000", &b],
            &["LSET", "large:l", &b, "new"],
            &["LPUSH", "large:l", &a],
            &["XDEL", "large:x", &format!("{}-1", n + 1)],
        ];
        calls.iter().for_each(|call| inner.put(id, &encode(call)));
        inner.pass();
    }
    inner.settle();
    assert!(!inner.engine.persist.is_saving(), "it has ended");
    inner.sim.file("dump.rdb").expect("it is there")
}

fn with_large_values() -> Inner {
    let mut inner = everything();
    inner.engine.keyspace.long_from = 0;
    let id = inner.connect();
    for n in 0..3000 {
        let (n, id_of) = (n.to_string(), format!("{}-1", n + 1));
        let calls: [&[&str]; 5] = [
            &["HSET", "large:h", &n, "a value"],
            &["SADD", "large:m", &n, "and a text that is long enough"],
            &["ZADD", "large:z", &n, &n],
            &["RPUSH", "large:l", &n, "some more text"],
            &["XADD", "large:x", &id_of, "field", &n],
        ];
        calls.iter().for_each(|call| inner.feed(id, &encode(call)));
    }
    inner.feed(id, &encode(&["PEXPIREAT", "large:h", "4102444800123"]));
    inner.take_output(id);
    // Slices of a few steps.
    inner.sim.set_haste_us(100);
    inner
}

#[test]
fn another_server_reads_what_we_write_and_the_other_way_round() {
    let (mut small, mut large) = (everything(), with_large_values());
    let (before, before_large) = (small.engine.keyspace.digest(), large.engine.keyspace.digest());
    there_and_back(&saved(&mut small, 10), before);
    let file = saved_in_pieces(&mut large);
    assert_eq!(loaded(&file).engine.keyspace.digest(), before_large);
    there_and_back(&file, before_large);
}

/// A file through the other server and back holds what this digest tells of.
fn there_and_back(bytes: &[u8], before: [u8; 32]) {
    let dir = TempDir::new();
    let file = dir.path().join("dump.rdb");
    std::fs::write(&file, bytes).expect("the folder is writable");
    let path = dir.path().to_str().expect("a plain name");
    let theirs = Server::start_program("redis-server", &["--dir", path]);
    std::fs::remove_file(&file).expect("it was just written");
    let mut link = TcpLink::connect(theirs.addr()).expect("it listens");
    link.send(&encode(&["SAVE"]), PATIENCE).expect("it reads");
    assert_eq!(link.frame(PATIENCE).expect("it answers"), b"+OK\r\n");
    let back = std::fs::read(&file).expect("it has saved");
    assert_eq!(loaded(&back).engine.keyspace.digest(), before);
}

fn checked(program: &str, name: &str, file: &Path) -> (bool, String) {
    use std::os::unix::process::CommandExt;
    let output = Command::new(program).arg0(name).arg(file).output().expect("it can be started");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn both_checkers_praise_what_we_write() {
    let mut ours = everything();
    let dir = TempDir::new();
    let file = dir.path().join("ours.rdb");
    std::fs::write(&file, saved(&mut ours, 10)).expect("the folder is writable");
    let theirs = checked("redis-check-rdb", "redis-check-rdb", &file);
    assert!(theirs.0 && theirs.1.contains("RDB looks OK!"), "{}", theirs.1);
    let own = checked(OURS, "redis-check-rdb", &file);
    assert!(own.0, "{}", own.1);
    assert_eq!(own.1, theirs.1, "word for word");
    std::fs::write(&file, saved(&mut ours, 11)).expect("the folder is writable");
    let own = checked(OURS, "redis-check-rdb", &file);
    assert!(own.0 && own.1.contains("RDB looks OK!"), "{}", own.1);
}

#[test]
fn both_checkers_find_the_same_fault() {
    let whole = saved(&mut everything(), 10);
    let dir = TempDir::new();
    let file = dir.path().join("broken.rdb");
    let mut wrong_sum = whole.clone();
    *wrong_sum.last_mut().expect("it is not empty") ^= 1;
    for bytes in [&b"REDIS0099"[..], b"NOREDIS00", &wrong_sum] {
        std::fs::write(&file, bytes).expect("the folder is writable");
        let theirs = checked("redis-check-rdb", "redis-check-rdb", &file);
        let own = checked(OURS, "redis-check-rdb", &file);
        assert!(!theirs.0 && !own.0);
        let told = |text: &str| {
            let mut lines = text.lines().skip_while(|line| !line.starts_with("---"));
            (lines.next().map(str::to_owned), lines.next().map(str::to_owned))
        };
        assert_eq!(told(&own.1), told(&theirs.1));
    }
}
