//! The log: `<pid>:<role> <dd Mon yyyy hh:mm:ss.mmm> <.-*#> <text>`, one line an event.
//!
//! Events are made with `tracing`. Its levels stand for Redis's: TRACE is debug, DEBUG is verbose,
//! INFO is notice, WARN and ERROR are warning. Invariant: a line has left the process when the
//! event's macro returns, and a log file is opened anew for each line, so that a rotated file is
//! noticed and a supervisor sees every line at once.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::env::Disk;
use crate::env::real::{RealDisk, wall_us};
use crate::sys::syslog::{self, Weight};
use crate::sys::{self, LocalTime};

/// Events of this target are written in the form Redis uses inside a signal handler.
pub const SIGNAL: &str = "signal-handler";

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Identity of this build: a number made of its versions.
pub const BUILD: u64 = build(env!("CARGO_PKG_VERSION").as_bytes());

/// Position in `FILTERS`.
static LEVEL: AtomicU8 = AtomicU8::new(2);
/// `C` before the server is configured, then `M` or `S`.
static ROLE: AtomicU8 = AtomicU8::new(b'C');
/// `None`: standard output.
static FILE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Lines go to the system log too.
static SYSLOG: AtomicBool = AtomicBool::new(false);

const FILTERS: [(&str, LevelFilter); 5] = [
    ("debug", LevelFilter::TRACE),
    ("verbose", LevelFilter::DEBUG),
    ("notice", LevelFilter::INFO),
    ("warning", LevelFilter::WARN),
    ("nothing", LevelFilter::OFF),
];

/// Makes this the process's log. Later calls change only level and file.
pub fn init(loglevel: &str, logfile: &str) {
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) =
        (!logfile.is_empty()).then(|| PathBuf::from(logfile));
    // Fails when a subscriber is set already, which is this one or a test's own.
    let _ = tracing::subscriber::set_global_default(Lines);
    set_level(loglevel);
}

/// From now on lines go to the system log too, under this name and facility.
pub fn to_syslog(name: &str, facility: &str) {
    syslog::open(name, facility);
    SYSLOG.store(true, Ordering::Relaxed);
}

/// Sets the lowest level that is logged, by its name in the configuration. An unknown name
/// changes nothing.
pub fn set_level(loglevel: &str) {
    let known = FILTERS.iter().position(|(name, _)| name.eq_ignore_ascii_case(loglevel));
    if let Some(index) = known {
        LEVEL.store(index as u8, Ordering::Relaxed);
        // Call sites remember whether they are wanted.
        tracing::callsite::rebuild_interest_cache();
    }
}

/// Sets the letter after the process id: `M` for a primary, `S` for a replica.
pub fn set_role(role: char) {
    ROLE.store(u8::try_from(role).unwrap_or(b'M'), Ordering::Relaxed);
}

/// Writes text as it is, at the level of a notice: for the start-up drawing.
pub fn raw(text: &str) {
    if filter() >= LevelFilter::INFO {
        write_out(text);
    }
}

const fn build(text: &[u8]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < text.len() {
        sum = (sum ^ text[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    sum
}

/// What `--version` prints. Tools read the first fields; our own version comes last.
pub fn version(redis: &str) -> String {
    format!(
        "Redis server v={redis} sha=00000000:0 malloc=jemalloc-5.3.0 bits={} build={BUILD:x} \
         redstart={}",
        usize::BITS,
        env!("CARGO_PKG_VERSION"),
    )
}

/// The first lines of every start.
pub fn starting(version: &str, configured: bool) {
    tracing::info!("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    tracing::info!(
        "Redis version={version}, bits={}, commit=00000000, modified=0, pid={}, just started",
        usize::BITS,
        sys::pid()
    );
    if configured {
        tracing::info!("Configuration loaded");
    } else {
        tracing::warn!(
            "Warning: no config file specified, using the default config. In order to specify a \
             config file use redis-server /path/to/redis.conf"
        );
    }
}

/// Who runs here: a drawing where a person may look, else one line. Harnesses search the drawing
/// for the process id.
pub fn banner(version: &str, port: u16, draw: bool) {
    if !draw {
        tracing::info!("Running mode=standalone, port={port}.");
        return;
    }
    let (bits, own) = (usize::BITS, env!("CARGO_PKG_VERSION"));
    raw(&format!(
        "
        \\  |  /
      '-.;;;.-'    Redis {version} (00000000/0) {bits} bit, by redstart {own}
     -==;;;;;==-
      .-';;;'-.    Running in standalone mode
        /  |  \\     Port: {port}
           '       PID: {}

",
        sys::pid()
    ));
}

fn filter() -> LevelFilter {
    FILTERS[usize::from(LEVEL.load(Ordering::Relaxed)) % FILTERS.len()].1
}

/// A log that cannot be written must not stop the server, so errors end here.
fn write_out(text: &str) {
    let file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*file {
        Some(path) => {
            let _ = RealDisk.append(path, text.as_bytes());
        }
        None => {
            let mut out = io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }
}

/// Whether lines can be appended to this file; it is created when it is missing.
pub fn check_file(logfile: &str) -> io::Result<()> {
    if logfile.is_empty() {
        return Ok(());
    }
    RealDisk.append(Path::new(logfile), b"")
}

/// The subscriber: every event becomes a line. There are no spans, so it keeps none.
struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= filter()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(filter())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let now = wall_us();
        let line = if event.metadata().target() == SIGNAL {
            format!("{}:{SIGNAL} ({}) {}\n", sys::pid(), now / 1_000_000, text.0)
        } else {
            let role = char::from(ROLE.load(Ordering::Relaxed));
            let time = sys::local_time(now.div_euclid(1_000_000));
            let millis = now.rem_euclid(1_000_000) / 1000;
            line(sys::pid(), role, &time, millis, *event.metadata().level(), &text.0)
        };
        write_out(&line);
        if SYSLOG.load(Ordering::Relaxed) {
            syslog::write(weight(*event.metadata().level()), &text.0);
        }
    }
}

fn weight(level: Level) -> Weight {
    match level {
        Level::TRACE => Weight::Debug,
        Level::DEBUG => Weight::Info,
        Level::INFO => Weight::Notice,
        _ => Weight::Warning,
    }
}

fn line(pid: u32, role: char, at: &LocalTime, millis: i64, level: Level, text: &str) -> String {
    let mark = match level {
        Level::TRACE => '.',
        Level::DEBUG => '-',
        Level::INFO => '*',
        _ => '#',
    };
    format!(
        "{pid}:{role} {:02} {} {} {:02}:{:02}:{:02}.{millis:03} {mark} {text}\n",
        at.day, MONTHS[at.month], at.year, at.hour, at.minute, at.second,
    )
}

/// Collects an event's message, then its other fields as `name=value`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: LocalTime = LocalTime { year: 2024, month: 0, day: 9, hour: 4, minute: 5, second: 6 };

    #[test]
    fn lines_look_as_in_redis() {
        assert_eq!(
            line(123, 'M', &AT, 7, Level::INFO, "Server initialized"),
            "123:M 09 Jan 2024 04:05:06.007 * Server initialized\n"
        );
        let marks: Vec<char> = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR]
            .into_iter()
            .map(|level| line(1, 'C', &AT, 0, level, "x").chars().rev().nth(3).expect("mark"))
            .collect();
        assert_eq!(marks, ['.', '-', '*', '#', '#']);
    }

    #[test]
    fn the_file_gets_what_the_level_lets_through() {
        let path = std::env::temp_dir().join(format!("redstart-log-{}", sys::pid()));
        init("notice", path.to_str().expect("UTF-8"));
        let emit = || {
            tracing::trace!("t");
            tracing::debug!("d {}", 1);
            tracing::info!("i {}", 2);
            tracing::warn!("w");
        };
        let texts = |path: &Path| -> Vec<String> {
            let bytes = RealDisk.read(path).unwrap_or_default();
            let _ = RealDisk.remove(path);
            let text = String::from_utf8(bytes).expect("UTF-8");
            let tail = |l: &str| l.splitn(7, ' ').nth(6).expect("text").to_owned();
            text.lines().map(tail).collect()
        };
        emit();
        assert_eq!(texts(&path), ["i 2", "w"]);
        set_level("debug");
        emit();
        assert_eq!(texts(&path), ["t", "d 1", "i 2", "w"]);
        set_level("nothing");
        emit();
        raw("logo");
        assert_eq!(texts(&path), [""; 0]);
        set_level("warning");
        tracing::warn!(target: SIGNAL, "Received SIGTERM scheduling shutdown...");
        let bytes = RealDisk.read(&path).expect("one line");
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(text.starts_with(&format!("{}:signal-handler (", sys::pid())), "{text}");
        assert!(text.ends_with(") Received SIGTERM scheduling shutdown...\n"), "{text}");
        let _ = RealDisk.remove(&path);
        init("notice", "");
    }
}
