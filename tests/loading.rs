//! The start while the data set is still being loaded: who is answered what, what INFO tells, how
//! it ends. In process a pass of the loop is a slice; over TCP `key-load-delay` makes it last.

// Processes, files and real time are part of what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::env::Env;
use redstart::env::sim::Sim;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use support::contents::Session;
use support::frames::{encode, show};
use support::server::{OURS, PATIENCE, Server, TempDir};

const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";
/// Slices of a kilobyte.
const SMALL: &[&str] = &["--loading-process-events-interval-bytes", "1024"];

/// A world in which a server left 2000 keys, in a snapshot or in a log.
fn left_behind(log: bool) -> Sim {
    let options: &[&str] = if log { &["--appendonly", "yes"] } else { &[] };
    let mut session = Session::new(options);
    session.engine().load_at_start().expect("there is nothing yet");
    for n in 0..2000 {
        session.ask(&["SET", &format!("key:{n}"), &format!("value:{n}")]);
    }
    session.ask(&["RPUSH", "list", "a", "b"]);
    session.ask(&[
        "FUNCTION",
        "LOAD",
        "#!lua name=l\nredis.register_function('f', function() return 1 end)",
    ]);
    if !log {
        session.ask(&["SAVE"]);
    }
    session.inner.sim.clone()
}

/// A server that has begun to load what is there, a few slices of it.
fn begun(sim: &Sim, log: bool, options: &[&str]) -> Session {
    let log = ["--appendonly", if log { "yes" } else { "no" }];
    let mut session = Session::in_world(&[&log, SMALL, options].concat(), sim);
    session.engine().begin_loading().expect("the begin is sound");
    session.inner.pass();
    assert!(session.engine().is_loading());
    session
}

/// What a request is answered in the next pass.
fn answer(session: &mut Session, words: &[&str]) -> String {
    session.inner.put(session.id, &encode(words));
    session.inner.pass();
    String::from_utf8(session.inner.take_output(session.id)).expect("plain text")
}

fn field(session: &mut Session, name: &str) -> Option<String> {
    let text = answer(session, &["INFO", "persistence"]);
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map(str::to_owned)
}

#[test]
fn who_needs_the_data_is_told_to_wait() {
    for log in [false, true] {
        let sim = left_behind(log);
        let mut session = begun(&sim, log, &[]);
        for words in [
            &["PING"][..],
            &["GET", "key:1"],
            &["SET", "a", "b"],
            &["DBSIZE"],
            &["KEYS", "*"],
            &["FLUSHALL"],
            &["BGSAVE"],
            &["FUNCTION", "LIST"],
            &["DEBUG", "RELOAD"],
            &["DEBUG", "LOADAOF"],
            &["CONFIG", "SET", "appendonly", "yes"],
            &["CONFIG", "SET", "loglevel", "debug", "DIR", "/tmp"],
        ] {
            assert_eq!(answer(&mut session, words), LOADING, "{words:?}");
        }
        for words in [
            &["CONFIG", "SET", "maxclients", "20"][..],
            &["SELECT", "3"],
            &["AUTH", "default", "any"],
            &["CLIENT", "SETNAME", "me"],
            &["WATCH", "key:1"],
            &["MULTI"],
        ] {
            assert_eq!(answer(&mut session, words), "+OK\r\n", "{words:?}");
        }
        assert_eq!(answer(&mut session, &["GET", "key:1"]), LOADING);
        assert_eq!(
            answer(&mut session, &["EXEC"]),
            "-EXECABORT Transaction discarded because of previous errors.\r\n"
        );
        assert!(answer(&mut session, &["HELLO", "2"]).starts_with("*14\r\n"));
        assert!(answer(&mut session, &["SUBSCRIBE", "c"]).starts_with("*3\r\n$9\r\nsubscribe"));
        assert!(answer(&mut session, &["UNSUBSCRIBE"]).starts_with("*3\r\n$11\r\nunsubscribe"));
        assert!(session.engine().is_loading());
        session.inner.settle();
        assert_eq!(answer(&mut session, &["PING"]), "+PONG\r\n");
        session.ask(&["SELECT", "0"]);
        assert_eq!(session.ask(&["DBSIZE"]), 2001);
        assert_eq!(session.ask(&["GET", "key:1999"]), "value:1999");
        assert_eq!(session.ask(&["FUNCTION", "LIST"]).as_array().map(Vec::len), Some(1));
        session.engine().check();
    }
}

#[test]
fn info_tells_how_far_it_has_come() {
    for log in [false, true] {
        let sim = left_behind(log);
        let mut session = begun(&sim, log, &[]);
        let number = |session: &mut Session, name: &str| -> f64 {
            field(session, name).expect("it is there").parse().expect("a number")
        };
        assert_eq!(field(&mut session, "loading").as_deref(), Some("1"));
        assert_eq!(field(&mut session, "async_loading").as_deref(), Some("0"));
        let files = match log {
            false => vec![sim.file("dump.rdb").expect("it is there")],
            true => ["1.base.rdb", "1.incr.aof"]
                .map(|name| sim.file(format!("appendonlydir/appendonly.aof.{name}")))
                .map(|file| file.expect("it is there"))
                .to_vec(),
        };
        let total: usize = files.iter().map(Vec::len).sum();
        assert_eq!(number(&mut session, "loading_total_bytes"), total as f64);
        assert!(number(&mut session, "loading_start_time") > 1e9);
        assert_eq!(number(&mut session, "loading_eta_seconds"), 1.0);
        let before = number(&mut session, "loading_loaded_bytes");
        let after = number(&mut session, "loading_loaded_bytes");
        assert!(before < after && after < total as f64, "{before} {after} {total}");
        let percent = number(&mut session, "loading_loaded_perc");
        assert!(percent > after / total as f64 * 100.0 && percent < 100.0);
        if !log {
            assert!(number(&mut session, "loading_rdb_used_mem") > 0.0);
            assert!(number(&mut session, "rdb_last_load_keys_loaded") > 0.0);
        }
        session.inner.settle();
        assert_eq!(field(&mut session, "loading").as_deref(), Some("0"));
        assert_eq!(field(&mut session, "loading_loaded_bytes"), None);
        let calls = answer(&mut session, &["INFO", "commandstats"]);
        assert!(!calls.contains("cmdstat_set:"), "what a log brings is not counted: {calls}");
    }
}

#[test]
fn it_makes_no_difference_in_how_many_slices() {
    for log in [false, true] {
        let sim = left_behind(log);
        let mut sliced = begun(&sim, log, &[]);
        sliced.inner.settle();
        sliced.engine().check();
        let mut whole = Session::in_world(&["--appendonly", if log { "yes" } else { "no" }], &sim);
        whole.engine().load_at_start().expect("it is sound");
        assert_eq!(sliced.engine().keyspace.digest(), whole.engine().keyspace.digest());
    }
}

#[test]
fn a_slice_ends_by_the_clock() {
    const LOOK_US: u64 = 100;
    // The clock is looked at every 32 keys: one slice while nobody asks, one while INFO does.
    let most_keys = 32 * (1500 / LOOK_US + 500 / LOOK_US + 2);
    for (log, key_bytes) in [(false, 25), (true, 50)] {
        let sim = left_behind(log);
        let options = ["--appendonly", if log { "yes" } else { "no" }];
        let mut session = Session::in_world(&options, &sim);
        session.engine().begin_loading().expect("the begin is sound");
        sim.set_haste_us(LOOK_US);
        let mut before = 0;
        let mut passes = 0;
        loop {
            session.inner.pass();
            passes += 1;
            let Some(bytes) = field(&mut session, "loading_loaded_bytes") else { break };
            let bytes = bytes.parse::<u64>().expect("a number");
            let slice = bytes - before;
            assert!(slice > 0 && slice <= most_keys * key_bytes, "{before} and then {bytes}");
            before = bytes;
        }
        assert!(passes > 2, "{passes} passes");
        sim.set_haste_us(0);
        assert_eq!(session.ask(&["DBSIZE"]), 2001);
    }
}

#[test]
fn a_delay_after_each_key_makes_it_last() {
    let sim = left_behind(false);
    let mut session = begun(&sim, false, &["--key-load-delay", "100000"]);
    let keys = |session: &mut Session| -> u64 {
        let keys = field(session, "rdb_last_load_keys_loaded");
        keys.expect("it is there").parse().expect("a number")
    };
    session.inner.settle();
    assert_eq!(keys(&mut session), 1, "it rests");
    session.inner.advance_us(99_000);
    assert_eq!(keys(&mut session), 1);
    session.inner.advance_us(1000);
    assert_eq!(keys(&mut session), 2);
    for _ in 0..10 {
        session.inner.advance_us(100_000);
    }
    assert_eq!(keys(&mut session), 12);
    session.inner.pass();
    assert_eq!(answer(&mut session, &["PING"]), LOADING);
}

#[test]
fn nothing_happens_by_itself_meanwhile() {
    let sim = left_behind(true);
    let options = ["--maxmemory", "1", "--maxmemory-policy", "allkeys-lru", "--save", "1 1"];
    let mut session = begun(&sim, true, &options);
    assert_eq!(
        answer(&mut session, &["CONFIG", "SET", "notify-keyspace-events", "KEA"]),
        "+OK\r\n"
    );
    let hello = answer(&mut session, &["PSUBSCRIBE", "*"]);
    assert!(hello.starts_with("*3"), "{hello}");
    sim.advance_us(5_000_000);
    session.inner.pass();
    assert!(session.engine().is_loading());
    assert_eq!(session.engine().keyspace.counters.evicted, 0);
    assert!(!session.engine().persist.is_saving());
    while session.engine().is_loading() {
        session.inner.pass();
    }
    let told = session.inner.take_output(session.id);
    assert!(!show(&told).contains("__:set"), "{}", show(&told));
}

#[test]
fn the_end_comes_at_once_and_saves_nothing() {
    for log in [false, true] {
        let sim = left_behind(log);
        let before: Vec<_> = sim.file_names().iter().map(|name| sim.file(name)).collect();
        let mut session = begun(&sim, log, &["--save", "1 1"]);
        assert_eq!(answer(&mut session, &["SHUTDOWN", "SAVE"]), "");
        assert_eq!(session.inner.exit_code, Some(0));
        let after: Vec<_> = sim.file_names().iter().map(|name| sim.file(name)).collect();
        assert_eq!(before, after);
    }
}

#[test]
fn a_fault_far_inside_ends_the_process() {
    for (log, name) in [(false, "dump.rdb"), (true, "appendonlydir/appendonly.aof.1.incr.aof")] {
        let sim = left_behind(log);
        let mut bytes = sim.file(name).expect("it is there");
        let at = bytes.len() / 2;
        bytes[at..at + 20].fill(b'*');
        let mut env: Env = sim.env();
        env.disk.write(Path::new(name), &bytes).expect("the disk takes it");
        let mut session = begun(&sim, log, &[]);
        session.inner.settle();
        assert_eq!(session.inner.exit_code, Some(1));
        assert_eq!(answer(&mut session, &["GET", "key:1"]), LOADING, "nobody is served");
    }
}

#[test]
fn a_reload_replaces_joins_or_merges() {
    let mut session = Session::new(&[]);
    session.ask(&["SET", "kept", "1"]);
    session.ask(&["SET", "both", "saved"]);
    session.ask(&["SAVE"]);
    session.ask(&["SET", "both", "now"]);
    session.ask(&["SET", "new", "1"]);
    let merged = session.ask(&["DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"]);
    assert_eq!(merged, "OK");
    assert_eq!(
        session.ask(&["MGET", "kept", "both", "new"]),
        serde_json::json!(["1", "saved", "1"])
    );
    session.ask(&["SET", "both", "now"]);
    let refused = answer(&mut session, &["DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"]);
    assert_eq!(refused, "-ERR Error trying to load the RDB dump, check server logs.\r\n");
    assert_eq!(session.ask(&["MGET", "kept", "both", "new"]), serde_json::json!(["1", "now", "1"]));
    session.ask(&["DEL", "kept", "both"]);
    assert_eq!(session.ask(&["DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"]), "OK");
    assert_eq!(session.ask(&["DBSIZE"]), 3);
    assert_eq!(session.ask(&["DEBUG", "RELOAD", "NOSAVE"]), "OK");
    assert_eq!(session.ask(&["DBSIZE"]), 2);
    session.engine().check();
    assert_eq!(
        answer(&mut session, &["DEBUG", "RELOAD", "SOFTLY"]),
        "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.\r\n"
    );
}

/// A process that may not be ready for long.
struct Started {
    child: Child,
    dir: TempDir,
    port: u16,
}

impl Started {
    /// One in a directory that `fill` has filled, before it says that it is ready.
    fn new(port: u16, options: &[&str], fill: impl FnOnce(&Path)) -> Started {
        let dir = TempDir::new();
        fill(dir.path());
        let child = Command::new(OURS)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--logfile", "log"])
            .arg("--dir")
            .arg(dir.path())
            .args(options)
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        Started { child, dir, port }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn ask(&self, line: &str) -> Option<String> {
        let mut link = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(link, "{line}\r\n").ok()?;
        let mut reply = vec![0; 4096];
        let n = link.read(&mut reply).ok()?;
        Some(String::from_utf8_lossy(&reply[..n]).into_owned())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: did not happen");
        std::thread::yield_now();
    }
}

/// Puts a snapshot of 3000 keys there, made by a server of its own.
fn snapshot_into(dir: &Path) {
    let server = Server::start::<&str>(&[]);
    let mut link = TcpStream::connect(server.addr()).expect("it listens");
    let mut ask = |line: &str| {
        write!(link, "{line}\r\n").expect("it reads");
        let mut reply = [0; 64];
        let n = link.read(&mut reply).expect("it answers");
        assert!(reply[..n].starts_with(b"+OK"), "{line}");
    };
    ask("DEBUG POPULATE 3000");
    ask("SAVE");
    std::fs::copy(server.dir().join("dump.rdb"), dir.join("dump.rdb")).expect("it is there");
}

fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    free.local_addr().expect("a bound listener has an address").port()
}

#[test]
fn a_process_listens_while_it_loads_and_says_when_it_is_ready() {
    // 3000 keys at 300 microseconds take about a second.
    let server = Started::new(free_port(), &["--key-load-delay", "300"], snapshot_into);
    let refused = until("an answer", || server.ask("PING"));
    assert_eq!(refused, LOADING);
    assert!(!server.log().contains("Ready to accept"), "{}", server.log());
    until("it serves", || server.ask("PING").filter(|reply| reply == "+PONG\r\n"));
    let log = server.log();
    let mut rest = log.as_str();
    for line in [
        "Server initialized",
        "Loading RDB produced by version 7.2.4",
        "RDB age ",
        "RDB memory usage when created ",
        "Done loading RDB, keys loaded: 3000, keys expired: 0.",
        "DB loaded from disk: ",
        "Ready to accept connections tcp",
    ] {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line} is not there or late:\n{log}"));
        rest = &rest[at + line.len()..];
    }
    assert!(!rest.contains("Ready"), "it is said once");
}

#[test]
fn a_process_that_loads_can_be_ended() {
    let options = ["--key-load-delay", "100000", "--save", "1 1"];
    let mut server = Started::new(free_port(), &options, snapshot_into);
    until("an answer", || server.ask("PING"));
    let name = server.dir.path().join("dump.rdb");
    let before = std::fs::read(&name).expect("it is there");
    let pid = server.child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().expect("kill exists");
    let status = server.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(!server.log().contains("Saving the final"), "{}", server.log());
    assert_eq!(std::fs::read(&name).expect("it is there"), before);
}
