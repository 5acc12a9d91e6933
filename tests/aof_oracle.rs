//! Our append-only files through Debian's redis-server 7.0 and back, what its checker says of them,
//! and processes that are killed while they write. The programs are looked up in PATH.

// A harness starts programs, ends them, and writes files.
#![allow(clippy::disallowed_methods)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use redstart::env::sim::Sim;
use support::contents::Session;
use support::frames::encode;
use support::server::{OURS, PATIENCE, Server, TempDir};
use support::tcp::TcpLink;

const DIR: &str = "appendonlydir";

/// Changes of all kinds, as a server of version 7.2 logged them.
const CHANGES: &[u8] = include_bytes!("files/aof/redis-7.2.incr.aof");

/// The files of a log, from a folder into a simulated world.
fn carry_in(dir: &Path) -> Sim {
    let sim = Sim::new(7);
    for entry in std::fs::read_dir(dir.join(DIR)).expect("there is a log") {
        let entry = entry.expect("a folder can be read");
        let name = format!("{DIR}/{}", entry.file_name().to_string_lossy());
        sim.put_file(name, std::fs::read(entry.path()).expect("a file can be read"));
    }
    sim
}

fn carry_out(sim: &Sim, dir: &Path) {
    std::fs::create_dir(dir.join(DIR)).expect("the folder is writable");
    for path in sim.file_names() {
        let bytes = sim.file(&path).expect("it is there");
        std::fs::write(dir.join(&path), bytes).expect("the folder is writable");
    }
}

fn session(sim: &Sim, options: &[&str]) -> Session {
    let options = [&["--appendonly", "yes"], options].concat();
    let mut session = Session::in_world(&options, sim);
    session.engine().load_at_start().expect("the log is sound");
    session.engine().check();
    session
}

/// A server with something of everything in its log.
fn everything(options: &[&str]) -> Session {
    let sim = Sim::new(3);
    sim.put_file("appendonly.aof", CHANGES);
    let mut session = session(&sim, options);
    let calls: &[&[&str]] = &[
        &["SET", "late", "v", "PXAT", "4102444800123"],
        &["ZADD", "scores", "-inf", "a", "0.1", "b", "3", "c", "+inf", "d"],
        &["XGROUP", "CREATE", "made", "g", "$", "MKSTREAM"],
        &["XADD", "made", "5-1", "a", "1", "b", "2"],
        &["XADD", "made", "MAXLEN", "~", "10", "6-0", "c", "2"],
        &["XREADGROUP", "GROUP", "g", "one", "STREAMS", "made", ">"],
        &["MULTI"],
        &["INCR", "counter"],
        &["INCRBYFLOAT", "float", "0.1"],
        &["EXEC"],
        &["SPOP", "set:small"],
        &["SELECT", "15"],
        &["SET", "elsewhere", "1"],
    ];
    for call in calls {
        let reply = session.ask(call);
        let error = reply.as_str().is_some_and(|text| text.starts_with("ERR"));
        assert!(!error, "{call:?}: {reply}");
    }
    session
}

#[test]
fn another_server_replays_our_log_and_we_its_rewrite() {
    let forms: &[&[&str]] = &[&["--aof-use-rdb-preamble", "no"], &["--rdb-write-version", "10"]];
    for (options, rewritten) in [(forms[0], false), (forms[0], true), (forms[1], true)] {
        let mut ours = everything(options);
        if rewritten {
            ours.ask(&["BGREWRITEAOF"]);
            ours.ask(&["INCR", "counter"]);
        }
        let before = ours.engine().keyspace.digest();
        let dir = TempDir::new();
        carry_out(&ours.inner.sim, dir.path());
        let path = dir.path().to_str().expect("a plain name");
        let theirs = Server::start_program("redis-server", &["--dir", path, "--appendonly", "yes"]);
        let mut link = TcpLink::connect(theirs.addr()).expect("it listens");
        link.send(&encode(&["BGREWRITEAOF"]), PATIENCE).expect("it reads");
        assert!(link.frame(PATIENCE).expect("it answers").starts_with(b"+Background"));
        while !theirs.log().contains("Background AOF rewrite finished successfully") {
            std::thread::yield_now();
        }
        drop(theirs);
        let back = carry_in(dir.path());
        assert_eq!(session(&back, &[]).engine().keyspace.digest(), before, "{options:?}");
    }
}

fn checked(program: &str, words: &[&str], dir: &Path) -> (bool, String) {
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    let mut child = Command::new(program)
        .arg0("redis-check-aof")
        .args(words)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    // It may end without asking.
    let _ = child.stdin.take().expect("it was piped").write_all(b"y\n");
    let output = child.wait_with_output().expect("it ends");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The lines without those that tell where exactly, and in which words, something is wrong.
fn verdicts(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with("0x"));
    let cut = |line: &str| match (line.find(", ok_up_to_line"), line.find(", diff")) {
        (Some(from), Some(to)) => format!("{}{}", &line[..from], &line[to..]),
        _ => line.to_owned(),
    };
    lines.map(cut).collect()
}

#[test]
fn both_checkers_say_and_do_the_same() {
    let set: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    let timed = [b"#TS:100\r\n", set, b"#TS:200\r\n", set].concat();
    let torn = [set, &set[..17]].concat();
    let open = [set, b"*1\r\n$5\r\nMULTI\r\n", set].concat();
    let odd = [set, b"*1\r\nxx"].concat();
    let files: &[&[u8]] = &[set, b"", &timed, &torn, &open, &odd];
    let modes: &[&[&str]] = &[
        &[],
        &["--fix"],
        &["--truncate-to-timestamp", "150"],
        &["--truncate-to-timestamp", "50"],
        &["--truncate-to-timestamp", "500"],
    ];
    for bytes in files {
        for mode in modes {
            let run = |program: &str| {
                let dir = TempDir::new();
                let file = dir.path().join("a.aof");
                std::fs::write(&file, bytes).expect("the folder is writable");
                let (fine, text) = checked(program, &[mode, &["a.aof"][..]].concat(), dir.path());
                (fine, verdicts(&text), std::fs::read(&file).expect("it is still there"))
            };
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(run(OURS), run("redis-check-aof"), "{mode:?} of {shown}");
        }
    }
}

#[test]
fn both_checkers_praise_a_whole_log() {
    let mut ours = everything(&["--rdb-write-version", "10"]);
    ours.ask(&["BGREWRITEAOF"]);
    ours.ask(&["INCR", "counter"]);
    let dir = TempDir::new();
    carry_out(&ours.inner.sim, dir.path());
    let words = &["appendonly.aof.manifest"];
    let own = checked(OURS, words, &dir.path().join(DIR));
    let theirs = checked("redis-check-aof", words, &dir.path().join(DIR));
    assert!(own.0 && theirs.0, "{}\n{}", own.1, theirs.1);
    assert_eq!(own.1, theirs.1, "word for word");
}

/// Pushes numbers until the server is gone; gives the last length it answered.
fn push_until_killed(server: Server, kill_after: usize) -> u64 {
    let mut link = TcpLink::connect(server.addr()).expect("it listens");
    let (mut heard, mut last) = (0, 0);
    let mut server = Some(server);
    loop {
        let batch: Vec<u8> = (0..20).flat_map(|_| encode(&["RPUSH", "log", "x"])).collect();
        if link.send(&batch, PATIENCE).is_err() {
            return last;
        }
        for _ in 0..20 {
            let Ok(frame) = link.frame(PATIENCE) else { return last };
            let text = String::from_utf8_lossy(&frame[1..]).into_owned();
            last = text.trim_end().parse().expect("a length");
            heard += 1;
            if heard == kill_after {
                // Killed as it is dropped: nothing is flushed, nobody is told.
                server = None;
            }
        }
        assert!(server.is_some() || heard < kill_after + 100_000, "it answers although it is gone");
    }
}

#[test]
fn what_a_killed_process_acknowledged_is_there_at_the_next_start() {
    for policy in ["always", "everysec"] {
        let dir = TempDir::new();
        let path = dir.path().to_str().expect("a plain name").to_owned();
        let options = ["--dir", &path, "--appendonly", "yes", "--appendfsync", policy];
        let mut acknowledged = 0;
        for round in 0..3 {
            let server = Server::start(&options);
            let mut link = TcpLink::connect(server.addr()).expect("it listens");
            link.send(&encode(&["LLEN", "log"]), PATIENCE).expect("it reads");
            let reply = link.frame(PATIENCE).expect("it answers");
            let text = String::from_utf8_lossy(&reply[1..]).into_owned();
            let length: u64 = text.trim_end().parse().expect("a length");
            assert!(length >= acknowledged, "{policy}: {length} of {acknowledged}");
            acknowledged = push_until_killed(server, 50 + 97 * round);
            assert!(acknowledged > length);
        }
    }
}
