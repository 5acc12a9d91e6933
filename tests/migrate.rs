//! MIGRATE to another server: while keys are on their way, between two of our own, and to a live
//! `redis-server`.

// Processes are part of what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::env::sim::{JobMode, Sim};
use redstart::env::{Delivery, Errand, LinkFault};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use support::contents::Session;
use support::frames::encode;
use support::server::Server;

/// A session whose errands wait until they are delivered, to a server that answers so.
fn held(answer: fn(&Errand) -> Delivery) -> (Session, Sim) {
    let session = Session::new(&[]);
    let sim = session.inner.sim.clone();
    sim.set_job_mode(JobMode::Held);
    sim.set_other_server(Box::new(answer));
    (session, sim)
}

fn takes_all(errand: &Errand) -> Delivery {
    Delivery { answers: vec![b"+OK".to_vec(); errand.requests.len()], ..Delivery::default() }
}

fn deliver(session: &mut Session, sim: &Sim) {
    let done = sim.deliver_one().expect("something is on its way");
    session.engine().job_done(done);
    session.inner.settle();
}

/// Sends a request and gives what was answered by now.
fn tell(session: &mut Session, words: &[&str]) -> String {
    session.inner.feed(session.id, &encode(words));
    String::from_utf8(session.inner.take_output(session.id)).expect("plain text")
}

const CALL: [&str; 6] = ["MIGRATE", "other", "7000", "", "3", "100"];

fn call<'w>(more: &[&'w str]) -> Vec<&'w str> {
    [&CALL[..], more].concat()
}

#[test]
fn who_changes_a_key_on_its_way_waits_and_nobody_else() {
    let (mut session, sim) = held(takes_all);
    session.ask(&["MSET", "a", "1", "b", "2", "c", "3"]);
    session.engine().keep_stream();
    let other = session.inner.connect();
    let ask_other = |session: &mut Session, words: &[&str]| {
        session.inner.feed(other, &encode(words));
        String::from_utf8(session.inner.take_output(other)).expect("plain text")
    };
    assert_eq!(tell(&mut session, &call(&["KEYS", "a", "missing", "b"])), "", "it is on its way");
    assert_eq!(ask_other(&mut session, &["GET", "a"]), "$1\r\n1\r\n");
    assert_eq!(ask_other(&mut session, &["INCR", "c"]), ":4\r\n");
    assert_eq!(ask_other(&mut session, &["MULTI"]), "+OK\r\n");
    assert_eq!(ask_other(&mut session, &["INCR", "b"]), "+QUEUED\r\n");
    assert_eq!(ask_other(&mut session, &["EXEC"]), "", "it waits");
    deliver(&mut session, &sim);
    assert_eq!(session.inner.take_output(session.id), b"+OK\r\n");
    assert_eq!(session.inner.take_output(other), b"*1\r\n:1\r\n", "the old value has gone");
    assert_eq!(session.ask(&["EXISTS", "a"]), 0);
    assert_eq!(session.ask(&["MGET", "b", "c"]), json!(["1", "4"]));
}

#[test]
fn whoever_may_touch_any_key_waits_too() {
    for words in [
        &["DEL", "a"][..],
        &["FLUSHALL"],
        &["SWAPDB", "0", "1"],
        &["EVAL", "return redis.call('del', 'a')", "0"],
        &["MIGRATE", "other", "7000", "a", "3", "100"],
        &["RESTORE", "a", "0", "x"],
        &["RENAME", "b", "a"],
    ] {
        let (mut session, sim) = held(takes_all);
        session.ask(&["MSET", "a", "1", "b", "2"]);
        let other = session.inner.connect();
        assert_eq!(tell(&mut session, &["MIGRATE", "other", "7000", "a", "3", "100"]), "");
        session.inner.feed(other, &encode(words));
        assert_eq!(session.inner.take_output(other), b"", "{words:?}");
        assert_eq!(session.engine().keyspace.dbs[0].dict.len(), 2);
        deliver(&mut session, &sim);
        assert_eq!(session.inner.take_output(session.id), b"+OK\r\n");
        assert_ne!(session.inner.take_output(other), b"", "{words:?}");
        session.engine().check();
    }
    // A copy stays: nobody has to wait.
    let (mut session, sim) = held(takes_all);
    session.ask(&["SET", "a", "1"]);
    let other = session.inner.connect();
    assert_eq!(tell(&mut session, &["MIGRATE", "other", "7000", "a", "3", "100", "COPY"]), "");
    session.inner.feed(other, &encode(&["INCR", "a"]));
    assert_eq!(session.inner.take_output(other), b":2\r\n");
    deliver(&mut session, &sim);
    assert_eq!(session.inner.take_output(session.id), b"+OK\r\n");
    assert_eq!(session.ask(&["GET", "a"]), "2");
}

#[test]
fn only_what_arrived_goes() {
    let (mut session, sim) = held(|errand| {
        assert_eq!((errand.db, errand.timeout_ms, errand.requests.len()), (3, 100, 3));
        let answers = vec![b"+OK".to_vec(), b"-BUSYKEY Target key name already exists.".to_vec()];
        Delivery { answers, fault: Some(LinkFault::Reading), ..Delivery::default() }
    });
    session.ask(&["MSET", "a", "1", "b", "2", "c", "3"]);
    session.engine().keep_stream();
    session.engine().take_stream();
    tell(&mut session, &call(&["KEYS", "a", "b", "c"]));
    deliver(&mut session, &sim);
    let told = String::from_utf8(session.inner.take_output(session.id)).expect("text");
    assert_eq!(
        told,
        "-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n"
    );
    assert_eq!(session.ask(&["EXISTS", "a", "b", "c"]), 2);
    let stream = String::from_utf8(session.engine().take_stream()).expect("text");
    assert!(stream.ends_with("*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"), "{stream}");
}

#[test]
fn a_refusal_or_a_fault_moves_nothing() {
    for (answer, reply) in [
        (
            (|errand: &Errand| Delivery {
                refused: Some(b"-WRONGPASS no".to_vec()),
                answers: vec![b"-NOAUTH x".to_vec(); errand.requests.len()],
                fault: None,
            }) as fn(&Errand) -> Delivery,
            "-ERR Target instance replied with error: WRONGPASS no\r\n",
        ),
        (
            |_| Delivery { fault: Some(LinkFault::Reading), ..Delivery::default() },
            "-IOERR error or timeout reading to target instance\r\n",
        ),
        (
            |_| Delivery { fault: Some(LinkFault::Connecting), ..Delivery::default() },
            "-IOERR error or timeout connecting to the client\r\n",
        ),
    ] {
        let (mut session, sim) = held(answer);
        session.ask(&["SET", "a", "1"]);
        tell(&mut session, &["MIGRATE", "other", "7000", "a", "3", "100", "AUTH2", "u", "p"]);
        deliver(&mut session, &sim);
        assert_eq!(session.inner.take_output(session.id), reply.as_bytes());
        assert_eq!(session.ask(&["GET", "a"]), "1");
    }
}

#[test]
fn a_client_that_leaves_has_its_keys_moved_all_the_same() {
    let (mut session, sim) = held(takes_all);
    session.ask(&["SET", "a", "1"]);
    let other = session.inner.connect();
    session.inner.feed(other, &encode(&["MIGRATE", "other", "7000", "a", "3", "100"]));
    session.inner.gone(other);
    assert_eq!(session.ask(&["EXISTS", "a"]), 1);
    deliver(&mut session, &sim);
    assert_eq!(session.ask(&["EXISTS", "a"]), 0);
}

/// One request to a server, and all it answers before it is told that there is no more.
fn ask(server: &Server, words: &[&str]) -> String {
    let mut link = TcpStream::connect(server.addr()).expect("it listens");
    link.write_all(&encode(words)).expect("it reads");
    link.shutdown(Shutdown::Write).expect("it is open");
    let mut reply = Vec::new();
    link.read_to_end(&mut reply).expect("it answers");
    String::from_utf8_lossy(&reply).into_owned()
}

fn fill(server: &Server) {
    for words in [
        &["FLUSHALL"][..],
        &["SET", "string", "value"],
        &["SET", "timed", "value", "PX", "100000"],
        &["RPUSH", "list", "a", "b", "3"],
        &["SADD", "set", "a", "b"],
        &["HSET", "hash", "f", "v"],
        &["ZADD", "zset", "1.5", "m"],
        &["XADD", "stream", "1-1", "f", "v"],
    ] {
        assert!(!ask(server, words).starts_with('-'), "{words:?}");
    }
}

/// Moves keys of every type there; the digests of their values are the same on both sides.
fn move_all(from: &Server, to: &Server, more: &[&str]) {
    const NAMES: [&str; 7] = ["string", "timed", "list", "set", "hash", "zset", "stream"];
    fill(from);
    let digests: Vec<String> =
        NAMES.iter().map(|name| ask(from, &["DEBUG", "DIGEST-VALUE", name])).collect();
    let port = to.addr().port().to_string();
    let head = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
    let words = [&head[..], more, &["KEYS", "missing"], &NAMES].concat();
    assert_eq!(ask(from, &words), "+OK\r\n");
    assert_eq!(ask(from, &["DBSIZE"]), ":0\r\n");
    let password = more.iter().position(|word| *word == "AUTH").map(|at| more[at + 1]);
    let there = |words: &[&str]| {
        let Some(password) = password else { return ask(to, words) };
        let mut link = TcpStream::connect(to.addr()).expect("it listens");
        link.write_all(&encode(&["AUTH", password])).expect("it reads");
        link.write_all(&encode(words)).expect("it reads");
        link.shutdown(Shutdown::Write).expect("it is open");
        let mut reply = String::new();
        link.read_to_string(&mut reply).expect("it answers");
        reply.strip_prefix("+OK\r\n").expect("the password is right").to_owned()
    };
    for (name, digest) in NAMES.iter().zip(digests) {
        assert_eq!(there(&["DEBUG", "DIGEST-VALUE", name]), digest, "{name}");
    }
    let left = there(&["PTTL", "timed"]);
    let left: i64 = left[1..].trim_end().parse().expect("a number");
    assert!((50_000..=100_000).contains(&left), "{left}");
}

#[test]
fn keys_move_to_another_of_our_own() {
    let (one, other) = (Server::start::<&str>(&[]), Server::start(&["--requirepass", "pw"]));
    let port = other.addr().port().to_string();
    fill(&one);
    let call = ["MIGRATE", "localhost", &port, "string", "0", "5000"];
    let refused = ask(&one, &call);
    assert!(refused.starts_with("-ERR Target instance replied with error: NOAUTH"), "{refused}");
    move_all(&one, &other, &["AUTH", "pw"]);
    assert!(ask(&one, &["INFO", "stats"]).contains("migrate_cached_sockets:2\r\n"));
    // A connection that was kept is closed by a server that goes; the next one is made anew.
    drop(other);
    fill(&one);
    let gone = ask(&one, &["MIGRATE", "127.0.0.1", &port, "string", "0", "5000"]);
    assert_eq!(gone, "-IOERR error or timeout writing to target instance\r\n");
    assert_eq!(ask(&one, &["EXISTS", "string"]), ":1\r\n");
}

#[test]
fn keys_move_to_redis_and_back() {
    let ours = Server::start(&["--rdb-write-version", "10"]);
    let theirs = Server::start_program("redis-server", &[""; 0]);
    move_all(&ours, &theirs, &[]);
    assert_eq!(ask(&theirs, &["FLUSHALL"]), "+OK\r\n");
    move_all(&theirs, &ours, &["REPLACE"]);
    let port = theirs.addr().port().to_string();
    let busy = |more: &[&str]| {
        assert_eq!(ask(&ours, &["SET", "k", "ours"]), "+OK\r\n");
        assert_eq!(ask(&theirs, &["SET", "k", "theirs"]), "+OK\r\n");
        ask(&ours, &[&["MIGRATE", "127.0.0.1", &port, "k", "0", "5000"], more].concat())
    };
    assert_eq!(
        busy(&[]),
        "-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n"
    );
    assert_eq!(ask(&ours, &["GET", "k"]), "$4\r\nours\r\n");
    assert_eq!(busy(&["COPY", "REPLACE"]), "+OK\r\n");
    assert_eq!(ask(&ours, &["GET", "k"]), "$4\r\nours\r\n");
    assert_eq!(ask(&theirs, &["GET", "k"]), "$4\r\nours\r\n");
    let nowhere = ask(&ours, &["MIGRATE", "127.0.0.1", &port, "k", "99", "5000"]);
    assert_eq!(
        nowhere,
        "-ERR Target instance replied with error: ERR DB index is out of range\r\n"
    );
}
