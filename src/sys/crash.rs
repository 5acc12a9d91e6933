// Fatal signals and the end of the process are this file's business.
#![allow(clippy::disallowed_methods)]
#![allow(unsafe_code)]
//! The report a crash leaves in the log: what happened, where, registers, call stack, key figures.
//!
//! Two ways lead here: a fatal signal and a panic. A signal handler may not allocate or take a
//! lock, so the report goes straight to the descriptor through a buffer on the stack, and the
//! figures are kept beforehand in atomics (`facts`). Naming the functions of the call stack cannot
//! be done safely: it comes last, and an alarm ends an attempt that hangs. Invariant: after the
//! report the process dies of the signal it got, so that whoever waits for it sees the truth.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fmt::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering::Relaxed};

/// Signals that mean a fault of the program.
const FATAL: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];

/// Room for the handler, names of functions included; touched only when it runs.
const STACK_BYTES: usize = 512 * 1024;

/// Seconds that naming the call stack may take.
const PATIENCE_SECONDS: u32 = 5;

const START: &str = "=== REDIS BUG REPORT START: Cut & paste starting from here ===";
const END: &str = "=== REDIS BUG REPORT END: everything from START on belongs to the report ===";

/// The release this server stands for.
static VERSION: OnceLock<&'static str> = OnceLock::new();
static ENABLED: AtomicBool = AtomicBool::new(true);
static EXIT_ON_PANIC: AtomicBool = AtomicBool::new(false);
/// A report is being written; a fault inside it must not start another.
static BUSY: AtomicBool = AtomicBool::new(false);
/// The signal under report, for the alarm.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Null: standard output.
static LOG_FILE: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());
/// Removed at a crash; null: there is none.
static PID_FILE: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Names of the figures in a report, in the order `facts` takes them.
const FACTS: [&str; 5] = [
    "uptime_in_seconds",
    "connected_clients",
    "total_commands_processed",
    "used_memory",
    "keys_in_all_databases",
];
static VALUES: [AtomicU64; FACTS.len()] = [const { AtomicU64::new(0) }; FACTS.len()];

/// Keeps figures for a report: uptime, clients, commands, memory, keys.
pub fn facts(values: [u64; FACTS.len()]) {
    for (kept, value) in VALUES.iter().zip(values) {
        kept.store(value, Relaxed);
    }
}

/// Whether a crash is reported, and whether a panic ends in exit code 1 in place of an abort.
pub fn configure(enabled: bool, exit_on_panic: bool) {
    ENABLED.store(enabled, Relaxed);
    EXIT_ON_PANIC.store(exit_on_panic, Relaxed);
}

/// From now on fatal signals and panics are reported to the log file (empty: standard output).
pub fn install(version: &'static str, logfile: &str) {
    let _ = VERSION.set(version);
    keep(&LOG_FILE, logfile);
    std::panic::set_hook(Box::new(panicked));
    // SAFETY: the stack is fresh memory of the given size that is never given back; the handler
    // has the signature that SA_SIGINFO asks for, and both structures are fully initialised.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            STACK_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        if memory != libc::MAP_FAILED {
            let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: STACK_BYTES };
            libc::sigaltstack(&stack, std::ptr::null_mut());
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = caught;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for signal in FATAL {
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// The file to remove when the process crashes.
pub fn remove_at_crash(pidfile: &str) {
    keep(&PID_FILE, pidfile);
}

fn version() -> &'static str {
    VERSION.get().copied().unwrap_or_default()
}

/// Stores a name where a signal handler can read it. The few names a process stores are kept for
/// good, since a handler may be reading an older one.
fn keep(place: &AtomicPtr<c_char>, name: &str) {
    let name = CString::new(name).ok().filter(|name| !name.is_empty());
    place.store(name.map_or(std::ptr::null_mut(), CString::into_raw), Relaxed);
}

/// A fault of the processor, for tests of the report.
pub fn segfault() -> ! {
    // SAFETY: nothing is ever mapped at this address, so the write changes no memory: it ends the
    // process, which is what the caller wants.
    unsafe { std::ptr::without_provenance_mut::<u8>(16).write_volatile(0) };
    die_of(libc::SIGSEGV)
}

/// Output without allocation: lines gather in a buffer on the stack.
struct Report {
    descriptor: c_int,
    bytes: [u8; 1024],
    len: usize,
}

impl Report {
    fn open() -> Report {
        let path = LOG_FILE.load(Relaxed);
        let mut descriptor = 1;
        if !path.is_null() {
            let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
            // SAFETY: `keep` stored a terminated string that lives for good.
            descriptor = unsafe { libc::open(path, flags, 0o644) };
        }
        Report { descriptor, bytes: [0; 1024], len: 0 }
    }

    fn flush(&mut self) {
        let mut done = 0;
        while done < self.len {
            let rest = &self.bytes[done..self.len];
            // SAFETY: pointer and length describe `rest`.
            let wrote = unsafe { libc::write(self.descriptor, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(wrote) {
                Ok(wrote) if wrote > 0 => done += wrote,
                _ => break,
            }
        }
        self.len = 0;
    }

    /// One line in the form of the log inside a signal handler.
    fn line(&mut self, text: fmt::Arguments<'_>) {
        // SAFETY: time accepts a null pointer.
        let now = unsafe { libc::time(std::ptr::null_mut()) };
        let _ = writeln!(self, "{}:signal-handler ({now}) {text}", super::pid());
        self.flush();
    }

    fn heading(&mut self, text: &str) {
        let _ = writeln!(self, "\n------ {text} ------");
        self.flush();
    }

    fn facts(&mut self) {
        self.heading("INFO OUTPUT");
        let _ = writeln!(self, "redstart_version:{}", env!("CARGO_PKG_VERSION"));
        let _ = writeln!(self, "process_id:{}", super::pid());
        for (name, value) in FACTS.iter().zip(&VALUES) {
            let _ = writeln!(self, "{name}:{}", value.load(Relaxed));
        }
        self.flush();
    }

    fn end(&mut self) {
        let _ = writeln!(self, "\n{END}\n");
        self.flush();
    }
}

impl Write for Report {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if self.len == self.bytes.len() {
                self.flush();
            }
            let count = rest.len().min(self.bytes.len() - self.len);
            self.bytes[self.len..self.len + count].copy_from_slice(&rest[..count]);
            self.len += count;
            rest = &rest[count..];
        }
        Ok(())
    }
}

extern "C" fn caught(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if !ENABLED.load(Relaxed) || BUSY.swap(true, Relaxed) {
        die_of(signal);
    }
    SIGNAL.store(signal, Relaxed);
    let mut report = Report::open();
    let _ = writeln!(report, "\n\n{START}");
    // SAFETY: the kernel hands a handler with SA_SIGINFO a valid description of the signal; which
    // of its fields count is told by the number and the code.
    let (code, address, pid, uid) = unsafe {
        let info = &*info;
        (info.si_code, info.si_addr(), info.si_pid(), info.si_uid())
    };
    report.line(format_args!("Redis {} crashed by signal: {signal}, si_code: {code}", version()));
    // Codes of people and programs are not positive; those of the processor are.
    if code > 0 {
        report.line(format_args!("Accessing address: {address:p}"));
    } else {
        report.line(format_args!("Killed by PID: {pid}, UID: {uid}"));
    }
    registers(&mut report, context);
    report.facts();
    remove_pidfile();
    report.heading("STACK TRACE");
    // SAFETY: getpid and gettid take nothing.
    let main_thread = unsafe { libc::gettid() == libc::getpid() };
    if main_thread {
        call_stack(&mut report);
    } else {
        let _ = writeln!(report, "not taken: the fault is in a thread beside the main one");
    }
    report.end();
    die_of(signal)
}

/// The call stack with names, as far as the binary knows them.
fn call_stack(report: &mut Report) {
    let late: extern "C" fn(c_int) = too_late;
    // SAFETY: the handler's signature is that of a plain signal handler.
    unsafe {
        libc::signal(libc::SIGALRM, late as libc::sighandler_t);
        libc::alarm(PATIENCE_SECONDS);
    }
    let _ = writeln!(report, "{}", std::backtrace::Backtrace::force_capture());
    report.flush();
}

extern "C" fn too_late(_: c_int) {
    let mut report = Report::open();
    let _ = writeln!(report, "given up: the program's state does not allow it");
    report.end();
    die_of(SIGNAL.load(Relaxed))
}

/// Ends the process as if nobody had caught the signal.
fn die_of(signal: c_int) -> ! {
    // SAFETY: the set is initialised by sigemptyset before it is used; SIG_DFL is a valid
    // disposition.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
        libc::raise(signal);
        libc::_exit(1)
    }
}

fn remove_pidfile() {
    let path = PID_FILE.load(Relaxed);
    if !path.is_null() {
        // SAFETY: `keep` stored a terminated string that lives for good.
        unsafe { libc::unlink(path) };
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn registers(report: &mut Report, context: *mut c_void) {
    const NAMES: [(&str, c_int); 18] = [
        ("RIP", libc::REG_RIP),
        ("RSP", libc::REG_RSP),
        ("RBP", libc::REG_RBP),
        ("RAX", libc::REG_RAX),
        ("RBX", libc::REG_RBX),
        ("RCX", libc::REG_RCX),
        ("RDX", libc::REG_RDX),
        ("RSI", libc::REG_RSI),
        ("RDI", libc::REG_RDI),
        ("R8", libc::REG_R8),
        ("R9", libc::REG_R9),
        ("R10", libc::REG_R10),
        ("R11", libc::REG_R11),
        ("R12", libc::REG_R12),
        ("R13", libc::REG_R13),
        ("R14", libc::REG_R14),
        ("R15", libc::REG_R15),
        ("EFL", libc::REG_EFL),
    ];
    // SAFETY: the kernel hands a handler with SA_SIGINFO the interrupted context.
    let values = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    show_registers(report, NAMES.iter().map(|(name, at)| (*name, values[*at as usize] as u64)));
}

#[cfg(all(target_arch = "aarch64", target_os = "linux"))]
fn registers(report: &mut Report, context: *mut c_void) {
    const NAMES: [&str; 31] = [
        "X0", "X1", "X2", "X3", "X4", "X5", "X6", "X7", "X8", "X9", "X10", "X11", "X12", "X13",
        "X14", "X15", "X16", "X17", "X18", "X19", "X20", "X21", "X22", "X23", "X24", "X25", "X26",
        "X27", "X28", "X29", "X30",
    ];
    // SAFETY: the kernel hands a handler with SA_SIGINFO the interrupted context.
    let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    let plain = NAMES.iter().copied().zip(machine.regs);
    show_registers(report, [("PC", machine.pc), ("SP", machine.sp)].into_iter().chain(plain));
}

#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_os = "linux")))]
fn registers(report: &mut Report, _: *mut c_void) {
    show_registers(report, std::iter::empty::<(&str, u64)>());
}

fn show_registers<'a>(report: &mut Report, values: impl Iterator<Item = (&'a str, u64)>) {
    report.heading("REGISTERS");
    for (at, (name, value)) in values.enumerate() {
        let gap = if at % 4 == 3 { '\n' } else { ' ' };
        let _ = write!(report, "{name:>3}:{value:016x}{gap}");
    }
    let _ = writeln!(report);
    report.flush();
}

/// A panic is a fault found by the program itself: reported, and the end.
fn panicked(info: &std::panic::PanicHookInfo<'_>) {
    let mut report = Report::open();
    let enabled = ENABLED.load(Relaxed) && !BUSY.swap(true, Relaxed);
    if enabled {
        let _ = writeln!(report, "\n\n{START}");
    }
    report.line(format_args!("Redis {} stopped by a failed check: {info}", version()));
    if enabled {
        report.facts();
        report.heading("STACK TRACE");
        let _ = writeln!(report, "{}", std::backtrace::Backtrace::force_capture());
        report.end();
    }
    remove_pidfile();
    if EXIT_ON_PANIC.load(Relaxed) {
        std::process::exit(1);
    }
    die_of(libc::SIGABRT)
}
