// This is the door itself.
#![allow(clippy::disallowed_methods)]
#![allow(unsafe_code)]
//! The system calls that std does not wrap, each behind a safe function.
//!
//! Invariant: no raw pointer and no libc type leaves this file and those below it; those that
//! `main` is given come in.
//!
//! | file               | holds                                                  |
//! |--------------------|--------------------------------------------------------|
//! | `sys/cgroup.rs`    | the container's memory limit                           |
//! | `sys/crash.rs`     | the report of a crash                                  |
//! | `sys/supervise.rs` | what systemd and upstart are told                      |
//! | `sys/syslog.rs`    | the system log                                         |
//! | `sys/title.rs`     | the process title                                      |

pub mod cgroup;
pub mod crash;
pub mod supervise;
pub mod syslog;
pub mod title;

use std::ffi::{CStr, OsString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;

/// The words of the command line, as `main` gets them; remembers the place for the title.
///
/// # Safety
/// `words` points to `count` pointers to terminated texts, a null, and behind it the environment
/// in the same form: what the C library hands to `main`.
pub unsafe fn arguments(count: c_int, words: *const *const c_char) -> Vec<OsString> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: as the caller promises.
    unsafe { title::keep(words) };
    // SAFETY: as the caller promises.
    let word = |at| unsafe { CStr::from_ptr(*words.add(at)) };
    (0..count).map(|at| OsString::from_vec(word(at).to_bytes().to_vec())).collect()
}

/// Opens what the process was started without of its three standard files, as nothing: the next
/// file or socket would take the number otherwise, and be written the log to.
pub fn hold_standard_files() {
    for file in 0..3 {
        // SAFETY: neither call takes memory; the path is terminated. A new file gets the lowest
        // free number, which is this one, since those below are open.
        unsafe {
            if libc::fcntl(file, libc::F_GETFD) == -1 {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            }
        }
    }
}

/// A moment in local time, broken down for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LocalTime {
    /// Full year.
    pub year: i32,
    /// 0 is January.
    pub month: usize,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 60.
    pub second: u32,
}

/// The time zone's view of a moment given in seconds since 1970.
pub fn local_time(unix_seconds: i64) -> LocalTime {
    let seconds = unix_seconds as libc::time_t;
    let mut parts = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call; a `tm` of zeroes is a valid value, so it may
    // be read even when the call fails and leaves it untouched.
    let parts = unsafe {
        libc::localtime_r(&seconds, parts.as_mut_ptr());
        parts.assume_init()
    };
    LocalTime {
        year: parts.tm_year + 1900,
        month: parts.tm_mon.clamp(0, 11) as usize,
        day: parts.tm_mday as u32,
        hour: parts.tm_hour as u32,
        minute: parts.tm_min as u32,
        second: parts.tm_sec as u32,
    }
}

/// Nanoseconds by a clock of the kernel, which has both of those asked for below.
#[inline]
fn clock_ns(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for the call.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Nanoseconds since some fixed moment; never goes back. Asked several times in every pass of the
/// loop, where the arithmetic of `Instant` would cost as much as the reading.
#[inline]
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC) as u64
}

/// Nanoseconds since 1970.
#[inline]
pub fn wall_ns() -> i64 {
    clock_ns(libc::CLOCK_REALTIME)
}

/// Whose processor time is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpuOf {
    /// The process with all its threads.
    Process,
    /// Children that have ended.
    Children,
    /// The calling thread.
    Thread,
}

/// Processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// In the kernel, microseconds.
    pub system_us: u64,
    /// Outside of it, microseconds.
    pub user_us: u64,
}

/// Processor time used so far.
pub fn cpu_time(of: CpuOf) -> CpuTime {
    let who = match of {
        CpuOf::Process => libc::RUSAGE_SELF,
        CpuOf::Children => libc::RUSAGE_CHILDREN,
        CpuOf::Thread => libc::RUSAGE_THREAD,
    };
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for the call; a `rusage` of zeroes is a valid value, so it may
    // be read even when the call fails.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    let us = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    CpuTime { system_us: us(usage.ru_stime), user_us: us(usage.ru_utime) }
}

/// Name, release and machine of the operating system.
pub fn system_name() -> &'static str {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| {
        let mut name = MaybeUninit::<libc::utsname>::zeroed();
        // SAFETY: the pointer is valid for the call; zeroes are empty texts.
        let name = unsafe {
            libc::uname(name.as_mut_ptr());
            name.assume_init()
        };
        let text = |field: &[libc::c_char]| -> String {
            field.iter().take_while(|c| **c != 0).map(|c| *c as u8 as char).collect()
        };
        let (system, release) = (text(&name.sysname), text(&name.release));
        format!("{system} {release} {}", text(&name.machine))
    })
}

/// The file that runs.
pub fn executable() -> &'static str {
    static PATH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PATH.get_or_init(|| {
        std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default()
    })
}

/// Bytes of physical memory of the machine.
pub fn physical_memory() -> usize {
    static BYTES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *BYTES.get_or_init(|| {
        // SAFETY: sysconf takes no pointers.
        let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
        usize::try_from(pages).unwrap_or(0) * page_size()
    })
}

/// The process id.
pub fn pid() -> u32 {
    std::process::id()
}

/// The user the process runs as.
pub fn user_id() -> u32 {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// New files are for their owner alone, unless somebody chose another mask than the usual one.
pub fn keep_files_private() {
    // SAFETY: umask takes a plain number and cannot fail.
    unsafe {
        let mask = libc::umask(0o077);
        if mask != 0o022 {
            libc::umask(mask);
        }
    }
}

/// Bytes from the kernel's generator.
pub fn random_bytes(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: the pointer and the length describe `rest`, which is writable.
        let got = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(got) {
            Ok(got) => filled += got,
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// Bytes of physical memory the process holds; 0 where the kernel does not tell.
pub fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = text.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * page_size()
}

/// The size of a page of memory.
pub fn page_size() -> usize {
    // SAFETY: sysconf takes no pointers.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// The limit on open files: what holds now, and how far it may be raised.
pub fn open_files_limit() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is valid for the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((limit.rlim_cur, limit.rlim_max))
}

/// Sets the limit on open files and how far it may be raised later.
pub fn set_open_files_limit(current: u64, maximum: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: current, rlim_max: maximum };
    // SAFETY: the pointer is valid for the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Terminal hang-ups and writes to closed sockets must not end the process.
pub fn ignore_hangup_and_pipe() {
    // SAFETY: SIG_IGN is a valid disposition for both signals; no handler code is installed.
    unsafe {
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

/// A write to a pipe that nobody reads ends the process, as it does any plain program.
pub fn default_pipe() {
    // SAFETY: SIG_DFL is a valid disposition; no handler code is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Stops or goes on showing what is typed on standard input; false when that is no terminal.
pub fn hide_typing(hide: bool) -> bool {
    // SAFETY: a `termios` of zeroes is a valid value, and the pointer to it is valid for both
    // calls.
    unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        if libc::tcgetattr(0, &mut settings) != 0 {
            return false;
        }
        settings.c_lflag =
            if hide { settings.c_lflag & !libc::ECHO } else { settings.c_lflag | libc::ECHO };
        libc::tcsetattr(0, libc::TCSAFLUSH, &settings) == 0
    }
}

/// Goes to the background: the parent exits with 0, the child leads a new session and has its
/// standard streams on `/dev/null`. Must be called before any thread is started.
pub fn daemonize() -> io::Result<()> {
    // SAFETY: the process has one thread, so the child inherits no lock held by another; the
    // calls take no pointers but a terminated string literal.
    unsafe {
        match libc::fork() {
            -1 => return Err(io::Error::last_os_error()),
            0 => {}
            _ => libc::_exit(0),
        }
        libc::setsid();
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        if null >= 0 {
            for stream in 0..=2 {
                libc::dup2(null, stream);
            }
            if null > 2 {
                libc::close(null);
            }
        }
    }
    Ok(())
}

/// Whether standard output is a terminal.
pub fn stdout_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdout())
}

/// The text of an error number alone, without the number that std adds.
pub fn error_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Brings the program's own code into memory, so that no command waits for its first page. What
/// the kernel does not know how to do stays as it was: each page comes when it is needed.
pub fn fetch_code() {
    /// Not in all C libraries' headers yet.
    const MADV_POPULATE_READ: libc::c_int = 22;
    // The linker's names for the begin of the program and the end of its code.
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    let begin = &raw const __executable_start;
    let begin = begin.wrapping_sub(begin.addr() % page_size());
    let len = (&raw const etext).addr().saturating_sub(begin.addr());
    // SAFETY: reading pages ahead changes nothing a program can see; a range that is not mapped
    // is refused.
    unsafe { libc::madvise(begin.cast_mut().cast(), len, MADV_POPULATE_READ) };
}

/// Stops the calling thread: DEBUG SLEEP means the whole server.
pub fn sleep_us(us: u64) {
    std::thread::sleep(std::time::Duration::from_micros(us));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_differ() {
        let (mut a, mut b) = ([0u8; 32], [0u8; 32]);
        random_bytes(&mut a).expect("the kernel has a generator");
        random_bytes(&mut b).expect("the kernel has a generator");
        assert_ne!(a, b);
    }

    #[test]
    fn local_time_counts_seconds() {
        let (a, b) = (local_time(1_700_000_000), local_time(1_700_000_001));
        assert_eq!((a.year, a.month), (2023, 10));
        assert_eq!((a.second + 1) % 60, b.second);
    }

    #[test]
    fn error_text_drops_the_number() {
        let error = io::Error::from_raw_os_error(libc::EADDRINUSE);
        assert_eq!(error_text(&error), "Address already in use");
    }

    #[test]
    fn resident_memory_is_known() {
        assert!(resident_bytes() > 100 * 1024);
    }
}
