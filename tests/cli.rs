//! The client under the name `redis-cli`, compared byte for byte with Redis's own: standard
//! output, standard error, exit code, with and without a terminal.
//!
//! `tests/files/cli.jsonl` holds a case a line: arguments, standard input, environment and what
//! Redis's client made of them. Where that client is installed it is asked again, so the record
//! stays true; `REDSTART_RECORD=1` writes it anew.

// Processes, files and real time are what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};
use support::server::{OURS, Server, TempDir};

const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/cli.jsonl");

/// What is in the server before each case.
const SETUP: &[&[&str]] = &[
    &["FLUSHALL"],
    &["SET", "s", "a\"b\\\n\u{1}é"],
    &["SET", "n", "12"],
    &["MSET", "k1", "v1", "k2", "v2"],
    &["HSET", "h", "f1", "v1", "f2", "v2"],
    &["SET", "empty", ""],
    &["RPUSH", "l", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"],
    &["SADD", "one", "member"],
    &["ZADD", "z", "1.5", "a", "inf", "b"],
    &["XADD", "x", "1-1", "f", "v", "g", "w"],
    &["XADD", "x", "1-2", "h", "u"],
];

/// A case, or what came of it: text with its odd bytes escaped.
#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    out: String,
    err: String,
    code: Option<i32>,
}

/// The world of one run: a server and the two clients.
struct World {
    server: Server,
    dir: TempDir,
    ours: PathBuf,
    theirs: Option<PathBuf>,
}

impl World {
    fn new() -> World {
        let dir = TempDir::new();
        let socket = dir.path().join("s");
        let ours = dir.path().join("redis-cli");
        symlink(OURS, &ours).expect("a link in an empty folder");
        let server = Server::start(&["--unixsocket", socket.to_str().expect("plain path")]);
        World { server, dir, ours, theirs: installed() }
    }

    /// Puts the server into the state every case begins with.
    fn reset(&self) {
        let mut link = std::net::TcpStream::connect(self.server.addr()).expect("it listens");
        let mut bytes = Vec::new();
        for words in SETUP {
            bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
            for word in *words {
                bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
            }
        }
        bytes.extend_from_slice(b"QUIT\r\n");
        link.write_all(&bytes).expect("it reads");
        let mut replies = Vec::new();
        link.read_to_end(&mut replies).expect("it answers");
        let refused = replies.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"-"));
        assert!(!refused, "{}", replies.escape_ascii());
    }

    fn fill(&self, text: &str) -> String {
        let port = self.server.addr().port().to_string();
        text.replace("{port}", &port).replace("{dir}", &self.dir.path().display().to_string())
    }

    /// The other way round: what differs from run to run gets its name back.
    fn strip(&self, bytes: &[u8]) -> String {
        let port = self.server.addr().port().to_string();
        let text = bytes.escape_ascii().to_string();
        text.replace(&self.dir.path().display().to_string(), "{dir}").replace(&port, "{port}")
    }

    fn run(&self, client: &Path, case: &Map<String, Value>) -> Outcome {
        self.reset();
        let text = |value: &Value| self.fill(value.as_str().expect("text"));
        let mut command = if case.contains_key("terminal") {
            // Somebody has to open a terminal; standard error ends up in it too.
            let mut python = Command::new("python3");
            python.args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]);
            python.arg(client);
            python
        } else {
            Command::new(client)
        };
        command.args(case["args"].as_array().expect("a list").iter().map(text));
        command.env_remove("REDISCLI_AUTH").env_remove("FAKETTY");
        for (name, value) in case.get("env").and_then(Value::as_object).into_iter().flatten() {
            command.env(name, text(value));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client can be started");
        let mut stdin = child.stdin.take().expect("it was piped");
        if let Some(input) = case.get("stdin") {
            // It may end before it has read all.
            let _ = stdin.write_all(text(input).as_bytes());
        }
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        Outcome {
            out: self.strip(&output.stdout),
            err: self.strip(&output.stderr),
            code: output.status.code(),
        }
    }
}

/// Redis's own client, when it is there in a release this can be compared with.
fn installed() -> Option<PathBuf> {
    let output = Command::new("redis-cli").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.starts_with("redis-cli 7.0.").then(|| PathBuf::from("redis-cli"))
}

fn recorded(case: &Map<String, Value>) -> Outcome {
    let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let code = case.get("code").and_then(Value::as_i64);
    Outcome { out: text("out"), err: text("err"), code: code.map(|code| code as i32) }
}

#[test]
fn it_says_what_the_client_of_redis_says() {
    let world = World::new();
    let record = std::env::var_os("REDSTART_RECORD").is_some();
    let text = std::fs::read_to_string(RECORD).expect("the record is part of the sources");
    let mut faults = BTreeMap::new();
    let mut written = String::new();
    for (at, line) in text.lines().enumerate() {
        let mut case: Map<String, Value> = serde_json::from_str(line).expect("a case a line");
        let shown = format!("{:?} {:?}", case["args"], case.get("stdin"));
        if let Some(theirs) = &world.theirs {
            let live = world.run(theirs, &case);
            if record {
                case.insert("out".into(), json!(live.out));
                case.insert("err".into(), json!(live.err));
                case.insert("code".into(), json!(live.code));
            } else if live != recorded(&case) {
                faults.insert(
                    at,
                    format!("{shown}\n  recorded {:?}\n  live {live:?}", recorded(&case)),
                );
            }
        }
        let (want, got) = (recorded(&case), world.run(&world.ours, &case));
        if got != want {
            faults.insert(at, format!("{shown}\n  want {want:?}\n  got  {got:?}"));
        }
        written += &format!("{}\n", Value::Object(case));
    }
    if record {
        std::fs::write(RECORD, written).expect("the sources are writable");
    }
    let faults: Vec<String> = faults.into_values().collect();
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

/// A client that goes on printing; each line is read as it comes.
struct Stream {
    child: std::process::Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Stream {
    fn start(world: &World, client: &Path, args: &[&str]) -> Stream {
        let port = world.server.addr().port().to_string();
        let mut child = Command::new(client)
            .args(["-p", &port])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client can be started");
        let lines = BufReader::new(child.stdout.take().expect("it was piped"));
        Stream { child, lines }
    }

    fn lines(&mut self, count: usize) -> Vec<String> {
        let mut next = || {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("text");
            line.trim_end_matches('\n').to_owned()
        };
        (0..count).map(|_| next()).collect()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn messages_are_printed_as_they_come() {
    let world = World::new();
    let plain = ["subscribe", "news", "1", "message", "news", "hello"];
    let people = [
        "Reading messages... (press Ctrl-C to quit)",
        "1) \"subscribe\"",
        "2) \"news\"",
        "3) (integer) 1",
        "1) \"message\"",
        "2) \"news\"",
        "3) \"hello\"",
    ];
    for client in [Some(world.ours.clone()), world.theirs.clone()].into_iter().flatten() {
        for (options, want) in
            [(&[][..], &plain[..]), (&["--no-raw"], &people), (&["-3", "--no-raw"], &people)]
        {
            let args = [options, &["subscribe", "news"]].concat();
            let mut stream = Stream::start(&world, &client, &args);
            let mut got = stream.lines(want.len() / 2 + want.len() % 2);
            let case = json!({"args": ["-p", "{port}", "publish", "news", "hello"]});
            let sent = world.run(&world.ours, case.as_object().expect("a case"));
            assert_eq!(sent.out, "1\\n");
            got.extend(stream.lines(want.len() / 2));
            assert_eq!(got, want, "{args:?}");
        }
    }
}

#[test]
fn commands_of_others_are_printed_as_they_come() {
    let world = World::new();
    for client in [Some(world.ours.clone()), world.theirs.clone()].into_iter().flatten() {
        let mut stream = Stream::start(&world, &client, &["monitor"]);
        assert_eq!(stream.lines(1), ["OK"]);
        let case = json!({"args": ["-p", "{port}", "echo", "a b"]});
        world.run(&world.ours, case.as_object().expect("a case"));
        // What prepares a case comes first, and its QUIT.
        let lines = stream.lines(SETUP.len() + 2);
        assert!(lines[0].ends_with("] \"FLUSHALL\""), "{lines:?}");
        assert!(lines[SETUP.len() + 1].ends_with("] \"echo\" \"a b\""), "{lines:?}");
    }
}

#[test]
fn a_reader_that_has_enough_ends_it() {
    let world = World::new();
    let mut stream = Stream::start(&world, &world.ours, &["-r", "-1", "ping"]);
    assert_eq!(stream.lines(2), ["PONG", "PONG"]);
    let Stream { child, lines } = &mut stream;
    // Closing our end of the pipe.
    let (empty, _) = std::io::pipe().expect("pipes can be made");
    drop(std::mem::replace(lines, BufReader::new(child_stdout(empty))));
    let status = child.wait().expect("it ends by itself");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(13));
}

/// A pipe in the place of a child's output.
fn child_stdout(pipe: std::io::PipeReader) -> std::process::ChildStdout {
    std::process::ChildStdout::from(std::os::fd::OwnedFd::from(pipe))
}

#[test]
fn versions_and_help() {
    let world = World::new();
    let run = |args: &[&str]| {
        let case = json!({ "args": args });
        world.run(&world.ours, case.as_object().expect("a case"))
    };
    for option in ["--version", "-v"] {
        assert_eq!(run(&[option]).out, "redis-cli 7.2.4\\n");
    }
    for args in [&["--help"][..], &["-h"]] {
        let help = run(args);
        assert!(
            help.out.starts_with("redis-cli 7.2.4\\n\\nUsage: redis-cli [OPTIONS]"),
            "{help:?}"
        );
        assert_eq!((help.err.as_str(), help.code), ("", Some(0)));
    }
    let case = json!({"args": [], "terminal": true});
    let prompt = world.run(&world.ours, case.as_object().expect("a case"));
    assert!(prompt.out.contains("there is no interactive mode yet"), "{prompt:?}");
    assert_eq!(prompt.code, Some(1));
    let missing = run(&["--bigkeys"]);
    assert_eq!(missing.err, "redis-cli: \\'--bigkeys\\' is not supported yet\\n");
    assert_eq!(missing.code, Some(1));
    let port = run(&["-p", "99999", "ping"]);
    assert_eq!((port.err.as_str(), port.code), ("Invalid server port.\\n", Some(1)));
}
