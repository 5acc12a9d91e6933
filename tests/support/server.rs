//! A server process of its own: free port, empty folder, ended through its handle.
//! It is ready when it says so in its log; nothing here sleeps or looks for processes by name.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::tcp::TcpLink;

/// The server this crate builds.
pub const OURS: &str = env!("CARGO_BIN_EXE_redis-server");

/// How long a server may take to come up, or a reply to arrive, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// An empty folder that is gone when this is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{serial}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("the build's folder for temporary files is writable");
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // What is left over is swept away with the build folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server.
pub struct Server {
    child: Child,
    follower: Option<JoinHandle<()>>,
    log: Arc<Mutex<String>>,
    addr: SocketAddr,
    dir: TempDir,
}

impl Server {
    /// Our server, with the options every test expects and `extra` ones.
    pub fn start<S: AsRef<str>>(extra: &[S]) -> Server {
        Server::start_program(OURS, extra)
    }

    /// Any program that takes Redis's options. Tries other ports when somebody was faster.
    pub fn start_program<S: AsRef<str>>(program: &str, extra: &[S]) -> Server {
        let mut last_log = String::new();
        for _ in 0..8 {
            match Server::try_start(program, extra) {
                Ok(server) => return server,
                Err(log) => last_log = log,
            }
        }
        panic!("{program} does not come up; its last words:\n{last_log}");
    }

    fn try_start<S: AsRef<str>>(program: &str, extra: &[S]) -> Result<Server, String> {
        let dir = TempDir::new();
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let addr = free.local_addr().expect("a bound listener has an address");
        drop(free);
        let mut child = Command::new(program)
            .args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--enable-debug-command", "yes", "--daemonize", "no"])
            .arg("--dir")
            .arg(dir.path())
            .args(extra.iter().map(AsRef::as_ref))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let log = Arc::new(Mutex::new(String::new()));
        let stdout = child.stdout.take().expect("stdout was piped");
        let (follower, ready) = follow(stdout, Arc::clone(&log));
        let server = Server { child, follower: Some(follower), log, addr, dir };
        match ready.recv_timeout(PATIENCE) {
            Ok(()) => Ok(server),
            Err(RecvTimeoutError::Timeout) => Err(format!("(not ready)\n{}", server.log())),
            Err(RecvTimeoutError::Disconnected) => Err(server.log()),
        }
    }

    /// A connection to it.
    pub fn connect(&self) -> TcpLink {
        TcpLink::connect(self.addr).expect("a server that is ready accepts")
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the log in hand").clone()
    }

    /// The process, for tests that signal it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("a child can be waited for");
        if let Some(follower) = self.follower.take() {
            follower.join().expect("reading the log does not panic");
        }
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nobody to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the server on {}\n{}---", self.addr, self.log());
        }
    }
}

/// Keeps the log flowing (a full pipe would stop the server) and tells when it says it is ready;
/// the channel closes without a word when the process ends first.
fn follow(
    stdout: impl std::io::Read + Send + 'static,
    log: Arc<Mutex<String>>,
) -> (JoinHandle<()>, mpsc::Receiver<()>) {
    let (tell, ready) = mpsc::channel();
    let follower = std::thread::spawn(move || {
        let mut tell = Some(tell);
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            log.lock().expect("nobody panics with the log in hand").push_str(&text);
            if text.contains("Ready to accept connections") {
                if let Some(tell) = tell.take() {
                    // Nobody waits any more: the test is over.
                    let _ = tell.send(());
                }
            }
        }
    });
    (follower, ready)
}
