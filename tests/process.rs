//! The server as a process: background, files, supervision, title, and what it leaves behind when
//! it crashes.

// Processes, files and real time are what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use support::server::{OURS, PATIENCE, Server, TempDir};

/// Sends a signal to one process.
fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").arg(name).arg(pid.to_string()).status().expect("kill exists");
    assert!(status.success(), "no process {pid}");
}

/// Asks until there is an answer; what another process does takes a time of its own.
#[track_caller]
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

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn gone(pid: u32) -> Option<()> {
    (!Path::new(&format!("/proc/{pid}/stat")).exists()).then_some(())
}

/// What `ps` shows of a process.
fn title(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).expect("the process runs");
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
}

/// One command to a server, its reply ignored: it may end before it answers.
fn send(server: &Server, command: &str) {
    let mut link = std::net::TcpStream::connect(server.addr()).expect("it listens");
    std::io::Write::write_all(&mut link, command.as_bytes()).expect("it reads");
    let _ = link.read(&mut [0; 64]);
}

#[test]
fn it_goes_to_the_background_and_leaves_when_it_is_told_to() {
    let dir = TempDir::new();
    let (log, pidfile) = (dir.path().join("log"), dir.path().join("pid"));
    let socket = dir.path().join("s");
    let started = Command::new(OURS)
        .args(["--port", "0", "--unixsocket"])
        .arg(&socket)
        .args(["--daemonize", "yes", "--pidfile"])
        .arg(&pidfile)
        .arg("--logfile")
        .arg(&log)
        .arg("--dir")
        .arg(dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("the server can be started");
    assert!(started.status.success(), "the foreground process ends with 0: {started:?}");
    assert!(started.stdout.is_empty() && started.stderr.is_empty(), "{started:?}");
    until("ready", || text(&log).contains("Ready to accept connections unix").then_some(()));
    let pid: u32 = text(&pidfile).trim().parse().expect("the file holds a number");
    assert_ne!(pid, std::process::id());
    assert!(text(&log).contains(&format!("{pid}:M ")), "{}", text(&log));
    let stat = text(Path::new(&format!("/proc/{pid}/stat")));
    let session = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3));
    assert_eq!(session, Some(pid.to_string().as_str()), "a session of its own");
    assert_eq!(
        title(pid),
        format!("{OURS} {}", socket.display()),
        "without a port the socket stands in the title"
    );
    signal("-TERM", pid);
    until("end", || gone(pid));
    assert!(!pidfile.exists() && !socket.exists());
}

#[test]
fn files_it_was_started_without_are_nobodys() {
    let dir = TempDir::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" <&- >&- 2>&-", "sh", OURS, "--port", "0"]);
    shell.args(["--unixsocket", "s", "--logfile", "log", "--dir"]).arg(dir.path());
    let mut child = shell.spawn().expect("there is a shell");
    let log = dir.path().join("log");
    until("ready", || text(&log).contains("Ready to accept connections unix").then_some(()));
    for file in 0..3 {
        let link = std::fs::read_link(format!("/proc/{}/fd/{file}", child.id()));
        assert_eq!(link.expect("it is open"), Path::new("/dev/null"), "file {file}");
    }
    signal("-TERM", child.id());
    assert!(child.wait().expect("it is a child").success());
}

/// Starts a server that is told about this socket and gives what the socket was sent until the
/// server ended.
fn notified(name: &str, listen: &UnixDatagram, mode: &str) -> (Vec<String>, String) {
    listen.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let dir = TempDir::new();
    let mut server = Command::new(OURS)
        .args(["--port", "0", "--unixsocket", "s", "--supervised", mode])
        .args(["--daemonize", "yes", "--logfile", "log", "--dir"])
        .arg(dir.path())
        .env("NOTIFY_SOCKET", name)
        .env_remove("UPSTART_JOB")
        .stdin(Stdio::null())
        .spawn()
        .expect("the server can be started");
    let next = || {
        let mut bytes = [0; 256];
        let count = listen.recv(&mut bytes).expect("a message comes");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let mut messages = vec![next(), next()];
    signal("-TERM", server.id());
    messages.push(next());
    assert!(server.wait().expect("supervised, it stays the child it was").success());
    (messages, text(&dir.path().join("log")))
}

#[test]
fn systemd_hears_of_the_start_and_of_the_end() {
    let dir = TempDir::new();
    let path = dir.path().join("notify");
    let listen = UnixDatagram::bind(&path).expect("a socket in an empty folder");
    let hidden = format!("redstart-test-{}", std::process::id());
    let addr = SocketAddr::from_abstract_name(&hidden).expect("a short name");
    let listen_hidden = UnixDatagram::bind_addr(&addr).expect("nobody else has this name");
    let path = path.to_str().expect("plain path").to_owned();
    let hidden = format!("@{hidden}");
    for (name, listen, mode) in
        [(path.as_str(), &listen, "systemd"), (&hidden, &listen_hidden, "auto")]
    {
        let (messages, log) = notified(name, listen, mode);
        assert_eq!(
            messages,
            ["STATUS=Ready to accept connections\n", "READY=1\n", "STOPPING=1\n"],
            "{mode}"
        );
        assert!(log.contains("* supervised by systemd. Please make sure"), "{log}");
    }
}

#[test]
fn upstart_sees_the_process_stop_once() {
    let dir = TempDir::new();
    let mut server = Command::new(OURS)
        .args(["--port", "0", "--unixsocket", "s", "--supervised", "auto", "--logfile", "log"])
        .arg("--dir")
        .arg(dir.path())
        .env("UPSTART_JOB", "redis")
        .stdin(Stdio::null())
        .spawn()
        .expect("the server can be started");
    let stat = format!("/proc/{}/stat", server.id());
    until("stop", || text(Path::new(&stat)).contains(") T ").then_some(()));
    signal("-CONT", server.id());
    let log = dir.path().join("log");
    until("ready", || text(&log).contains("Ready to accept").then_some(()));
    assert!(text(&log).contains("supervised by upstart, will stop to signal readiness"));
    signal("-TERM", server.id());
    assert!(server.wait().expect("a child can be waited for").success());
}

#[test]
fn supervision_without_a_supervisor_is_only_a_warning() {
    let server = Server::start(&["--supervised", "upstart"]);
    assert!(server.log().contains("# upstart supervision requested, but"), "{}", server.log());
}

#[test]
fn the_title_follows_its_template() {
    let server = Server::start(&["--proc-title-template", "{title} on {port}"]);
    let port = server.addr().port();
    assert_eq!(title(server.id()), format!("{OURS} on {port}"));
    send(&server, "config set proc-title-template \"{listen-addr} {server-mode}\"\r\n");
    assert_eq!(title(server.id()), format!("127.0.0.1:{port}"));
    // Longer than the arguments: the room of the environment is used too.
    let long = "x".repeat(400);
    send(&server, &format!("config set proc-title-template {long}\r\n"));
    assert!(title(server.id()).starts_with(&long[..300]), "{}", title(server.id()));
    let plain = Server::start(&["--set-proc-title", "no"]);
    assert!(title(plain.id()).contains(" --set-proc-title no"), "{}", title(plain.id()));
}

#[test]
fn the_logo_is_drawn_when_asked_for() {
    let plain = Server::start(&[] as &[&str]);
    assert!(plain.log().contains("* Running mode=standalone, port="), "{}", plain.log());
    assert!(!plain.log().contains("Running in standalone mode"));
    let drawn = Server::start(&["--always-show-logo", "yes"]);
    let pid = format!("PID: {}\n", drawn.id());
    assert!(drawn.log().contains("Running in standalone mode"), "{}", drawn.log());
    assert!(drawn.log().contains(&pid), "{}", drawn.log());
}

/// Lets a server die, with a log file of its own; gives how it ended and what it wrote.
fn crash(extra: &[&str], cause: impl FnOnce(&Server)) -> (ExitStatus, String, bool) {
    let dir = TempDir::new();
    let pidfile = dir.path().join("pid");
    let mut server =
        Server::start(&[extra, &["--pidfile", pidfile.to_str().expect("plain")]].concat());
    send(&server, "set a 1\r\n");
    cause(&server);
    let status = server.wait();
    (status, server.log(), pidfile.exists())
}

#[test]
fn a_fault_is_reported_and_the_signal_is_the_end() {
    let (status, log, pidfile) = crash(&[], |server| send(server, "debug segfault\r\n"));
    assert_eq!(status.signal(), Some(11));
    assert!(!pidfile, "the file with the process id is gone");
    for part in [
        "=== REDIS BUG REPORT START: Cut & paste starting from here ===",
        "crashed by signal: 11, si_code: 1",
        "Accessing address: 0x10",
        "------ REGISTERS ------",
        "------ INFO OUTPUT ------",
        "process_id:",
        "------ STACK TRACE ------",
        "sys::crash::caught",
        "=== REDIS BUG REPORT END",
    ] {
        assert!(log.contains(part), "no `{part}` in\n{log}");
    }
}

#[test]
fn a_signal_from_outside_names_its_sender() {
    let (status, log, _) = crash(&[], |server| signal("-ABRT", server.id()));
    assert_eq!(status.signal(), Some(6));
    assert!(log.contains("crashed by signal: 6, si_code: 0"), "{log}");
    assert!(log.contains("Killed by PID: "), "{log}");
}

#[test]
fn a_failed_check_is_reported() {
    let panic = |server: &Server| send(server, "debug panic\r\n");
    let (status, log, _) = crash(&[], panic);
    assert_eq!(status.signal(), Some(6));
    assert!(log.contains("called by DEBUG PANIC"), "{log}");
    assert!(log.contains("------ STACK TRACE ------"), "{log}");
    let (status, log, _) = crash(&["--use-exit-on-panic", "yes"], panic);
    assert_eq!(status.code(), Some(1), "{log}");
}

#[test]
fn without_crash_log_the_end_is_silent() {
    let (status, log, _) =
        crash(&["--crash-log-enabled", "no"], |server| signal("-SEGV", server.id()));
    assert_eq!(status.signal(), Some(11));
    assert!(!log.contains("BUG REPORT"), "{log}");
}

#[test]
fn lines_reach_the_system_log() {
    let Ok(listen) = UnixDatagram::bind("/dev/log") else {
        // Somebody else listens there, or this is an ordinary user: only the start is looked at.
        Server::start(&["--syslog-enabled", "yes"]);
        return;
    };
    listen.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let server = Server::start(&[
        "--syslog-enabled",
        "yes",
        "--syslog-ident",
        "warren",
        "--syslog-facility",
        "local3",
    ]);
    let mut bytes = [0; 512];
    let count = listen.recv(&mut bytes);
    // Others who log should find the place as it was.
    std::fs::remove_file("/dev/log").expect("it was just made");
    let line = String::from_utf8_lossy(&bytes[..count.expect("a line comes")]).into_owned();
    // Facility 19 (local3) and severity 5 (notice) in one number.
    assert!(line.starts_with("<157>"), "{line}");
    let tag = format!(" warren[{}]: oO0OoO0OoO0Oo Redis is starting", server.id());
    assert!(line.contains(&tag), "{line}");
}

/// Sends a command whose reply is not waited for.
fn post(link: &mut std::net::TcpStream, words: &[&str]) {
    let request = support::frames::encode(words);
    std::io::Write::write_all(link, &request).expect("the server reads");
}

/// One command and the first bytes of its reply.
fn ask(server: &Server, words: &[&str]) -> String {
    let mut link = std::net::TcpStream::connect(server.addr()).expect("it listens");
    post(&mut link, words);
    let mut reply = [0; 128];
    let len = link.read(&mut reply).expect("it answers");
    String::from_utf8_lossy(&reply[..len]).into_owned()
}

/// A server in the middle of a script that wrote and goes on until somebody sets `stop`.
fn amid_a_script(extra: &[&str]) -> (Server, std::net::TcpStream) {
    let server = Server::start(&[&["--busy-reply-threshold", "20"], extra].concat());
    let mut runner = std::net::TcpStream::connect(server.addr()).expect("it listens");
    let script = "redis.call('set','first',1) \
                  local n=0 while n<tonumber(ARGV[1]) do n=n+1 end redis.call('set','last',n)";
    post(&mut runner, &["EVAL", script, "0", "30000000"]);
    until("busy", || ask(&server, &["PING"]).starts_with("-BUSY").then_some(()));
    (server, runner)
}

#[test]
fn a_signal_waits_for_the_end_of_a_script() {
    let (mut server, _runner) = amid_a_script(&["--save", "3600 1"]);
    signal("-TERM", server.id());
    until("the signal", || server.log().contains("scheduling shutdown").then_some(()));
    assert!(server.wait().success());
    let log = server.log();
    assert!(log.contains("bye bye"), "{log}");
    // All of what the script did was saved.
    let dump = std::fs::read(server.dir().join("dump.rdb")).expect("it was saved");
    for key in [b"first".as_slice(), b"last"] {
        assert!(dump.windows(key.len()).any(|part| part == key), "{key:?}");
    }
}

#[test]
fn what_a_signal_asked_for_can_be_taken_back() {
    let (server, mut runner) = amid_a_script(&[]);
    assert!(ask(&server, &["SHUTDOWN", "ABORT"]).starts_with("-ERR No shutdown in progress."));
    signal("-TERM", server.id());
    until("the signal", || server.log().contains("scheduling shutdown").then_some(()));
    assert_eq!(ask(&server, &["SHUTDOWN", "ABORT"]), "+OK\r\n");
    let mut reply = [0; 16];
    let len = runner.read(&mut reply).expect("the script ends");
    assert_eq!(&reply[..len], b"$-1\r\n");
    assert_eq!(ask(&server, &["PING"]), "+PONG\r\n");
}

#[test]
fn a_killed_script_lets_the_signal_through() {
    let mut server = Server::start(&["--busy-reply-threshold", "20"]);
    let mut runner = std::net::TcpStream::connect(server.addr()).expect("it listens");
    post(&mut runner, &["EVAL", "while true do end", "0"]);
    until("busy", || ask(&server, &["PING"]).starts_with("-BUSY").then_some(()));
    signal("-TERM", server.id());
    until("the signal", || server.log().contains("scheduling shutdown").then_some(()));
    assert!(ask(&server, &["PING"]).starts_with("-BUSY"), "it goes on until then");
    assert_eq!(ask(&server, &["SCRIPT", "KILL"]), "+OK\r\n");
    assert!(server.wait().success());
}
