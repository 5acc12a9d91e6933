//! A running server whose every changeable parameter was changed, told to write its file and
//! started again from it: what it shows afterwards is what it showed before.

// Processes, files and real time are what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use support::frames::{encode, frame_end, parse};
use support::server::{OURS, PATIENCE, TempDir};

/// A server that reads its file and listens on a socket in the same folder.
struct Running {
    child: Child,
    link: UnixStream,
}

impl Running {
    fn start(dir: &Path) -> Running {
        let mut child = Command::new(OURS)
            .arg(dir.join("redis.conf"))
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server can be started");
        let end = Instant::now() + PATIENCE;
        let link = loop {
            if let Ok(link) = UnixStream::connect(dir.join("s")) {
                break link;
            }
            let ended = child.try_wait().expect("a child can be asked");
            assert_eq!(ended, None, "it reads its file");
            assert!(Instant::now() < end, "it does not come up");
            std::thread::yield_now();
        };
        link.set_read_timeout(Some(PATIENCE)).expect("a socket can have a limit");
        Running { child, link }
    }

    fn raw(&mut self, words: &[&str]) -> Vec<u8> {
        self.link.write_all(&encode(words)).expect("it reads");
        let (mut reply, mut part) = (Vec::new(), [0; 4096]);
        while frame_end(&reply).expect("it answers in its protocol").is_none() {
            let n = self.link.read(&mut part).expect("it answers in time");
            assert!(n > 0, "it hung up after {words:?}: {reply:?}");
            reply.extend_from_slice(&part[..n]);
        }
        reply
    }

    fn ask(&mut self, words: &[&str]) -> String {
        String::from_utf8(self.raw(words)).expect("a reply in letters")
    }

    /// Every parameter and its value.
    fn shown(&mut self) -> BTreeMap<String, String> {
        let (all, _) = parse(&self.raw(&["CONFIG", "GET", "*"])).expect("a reply");
        let letters = |bytes| String::from_utf8(bytes).expect("values are in letters");
        let all: Vec<String> =
            all.list().expect("names and values").iter().map(|item| letters(item.text())).collect();
        all.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    }

    /// Sets a parameter to something else than it is; false when no value of ours is legal.
    fn change(&mut self, name: &str, now: &str) -> bool {
        others(name, now, &self.ask(&["CONFIG", "SET", name, "?"]))
            .iter()
            .any(|value| self.ask(&["CONFIG", "SET", name, value]) == "+OK\r\n")
    }

    fn stop(&mut self) {
        self.link.write_all(&encode(&["SHUTDOWN", "NOSAVE"])).expect("it reads");
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "{status}");
    }
}

/// What may be tried instead of `now`; `error` is what the server says to nonsense, with the
/// words that it would have taken.
fn others(name: &str, now: &str, error: &str) -> Vec<String> {
    let of = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    if let Some((_, words)) = error.split_once("one of the following: ") {
        let words = words.trim_end().split(", ");
        return words.filter(|word| *word != now).map(str::to_owned).collect();
    }
    // A small one would throw this client out.
    if name == "maxmemory-clients" {
        return of(&["5%"]);
    }
    if let Ok(number) = now.parse::<i64>() {
        let near = [number + 1, number - 1, number / 2, number.saturating_mul(2)];
        let near = near.map(|number| number.to_string());
        return near.into_iter().filter(|number| number != now).collect();
    }
    match (name, now) {
        (_, "yes") => of(&["no"]),
        (_, "no") => of(&["yes"]),
        ("save", _) => of(&["77 7 7 777"]),
        ("notify-keyspace-events", _) => of(&["KEA"]),
        ("client-output-buffer-limit", _) => of(&["pubsub 1048576 4096 7"]),
        ("latency-tracking-info-percentiles", _) => of(&["50 90.5"]),
        ("oom-score-adj-values", _) => of(&["0 100 300"]),
        ("dir", _) => of(&["inner"]),
        ("bind", _) => of(&["127.0.0.1"]),
        _ => of(&["some words"]),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_changeable_parameter_survives_a_rewrite_and_a_restart() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.path().join("inner")).expect("the folder is ours");
    let first = "# mine\nport 0\nunixsocket s\n\nmaxmemory 100mb\n# the end\n";
    std::fs::write(dir.path().join("redis.conf"), first).expect("the folder is ours");
    let mut server = Running::start(dir.path());
    let before = server.shown();
    let mut changed = Vec::new();
    for (name, now) in &before {
        // The socket lies in the folder the server started in, and is needed again.
        if name != "dir" && server.change(name, now) {
            changed.push(name.as_str());
        }
    }
    assert!(changed.len() > 130, "{}: {changed:?}", changed.len());
    let after = server.shown();
    for name in &changed {
        assert_ne!(before[*name], after[*name], "{name}");
    }
    assert_eq!(server.ask(&["CONFIG", "REWRITE"]), "+OK\r\n");
    server.stop();

    let file = std::fs::read_to_string(dir.path().join("redis.conf")).expect("it is there");
    assert!(file.starts_with("# mine\nport "), "{file}");
    assert!(file.contains("\n# the end\n"), "{file}");
    let mut again = Running::start(dir.path());
    again.ask(&["AUTH", &after["requirepass"]]);
    let read = again.shown();
    for (name, value) in &after {
        assert_eq!(&read[name], value, "{name}");
    }
    assert_eq!(read.len(), after.len());
    // Nothing was changed since, so the same lines are written; those of the three classes of
    // clients share a name and may change places, as in Redis.
    assert_eq!(again.ask(&["CONFIG", "REWRITE"]), "+OK\r\n");
    let second = std::fs::read_to_string(dir.path().join("redis.conf")).expect("it is there");
    let others = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("client-output-buffer-limit"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(others(&second), others(&file));
    again.stop();
}
