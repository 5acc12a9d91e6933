#![allow(unsafe_code)]
//! The system log, reached through the C library.
//!
//! Invariant: the name given to `open` lives as long as the process, since the C library keeps
//! the pointer.

use std::ffi::CString;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// For whoever looks for a fault.
    Debug,
    /// Of interest to few.
    Info,
    /// What an operator wants to know.
    Notice,
    /// Something is wrong.
    Warning,
}

/// From now on lines carry this name; the facility is `user` or `local0` to `local7`.
pub fn open(name: &str, facility: &str) {
    let facility = match facility {
        "user" => libc::LOG_USER,
        local => {
            let number = local.strip_prefix("local").and_then(|digit| digit.parse().ok());
            libc::LOG_LOCAL0 + (number.unwrap_or(0) << 3)
        }
    };
    let name = CString::new(name).unwrap_or_default().into_raw();
    // SAFETY: the name is a terminated string that is never given back.
    unsafe { libc::openlog(name, libc::LOG_PID | libc::LOG_NDELAY | libc::LOG_NOWAIT, facility) };
}

/// Adds a line. Without a system log nothing happens.
pub fn write(weight: Weight, text: &str) {
    let priority = match weight {
        Weight::Debug => libc::LOG_DEBUG,
        Weight::Info => libc::LOG_INFO,
        Weight::Notice => libc::LOG_NOTICE,
        Weight::Warning => libc::LOG_WARNING,
    };
    let Ok(text) = CString::new(text) else { return };
    // SAFETY: the format asks for one terminated string, and one is given.
    unsafe { libc::syslog(priority, c"%s".as_ptr(), text.as_ptr()) };
}
