// The process looks at itself.
#![allow(clippy::disallowed_methods)]
#![allow(unsafe_code)]
//! What `ps` shows: the process title, written over the memory of the arguments.
//!
//! The kernel keeps arguments and environment in one stretch and shows its beginning. The
//! environment moves away first, so a title may take the whole stretch. Invariant: the stretch
//! always ends in a zero byte.

use std::ops::Range;
use std::sync::OnceLock;

static ROOM: OnceLock<Option<Range<usize>>> = OnceLock::new();

/// Shows this title. The first call must come before any thread is started, and after the last
/// look at the arguments. Where the kernel does not tell the place, nothing happens.
pub fn set(title: &str) {
    let Some(room) = ROOM.get_or_init(find) else { return };
    let len = room.len();
    let text = title.as_bytes();
    let shown = text.len().min(len - 1);
    let start = std::ptr::with_exposed_provenance_mut::<u8>(room.start);
    // SAFETY: the kernel laid this stretch out on the stack for arguments and environment, it
    // stays mapped and writable for the life of the process, and since `find` moved the
    // environment nothing else refers to it.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), start, shown);
        start.add(shown).write_bytes(0, len - shown);
    }
}

/// Where arguments and environment lie; moves the environment away.
fn find() -> Option<Range<usize>> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let room = stretch(&stat)?;
    for (name, value) in std::env::vars_os() {
        // SAFETY: no other thread is running yet, as `set` demands. Setting a variable to its
        // own value makes the C library keep a copy.
        unsafe { std::env::set_var(name, value) };
    }
    Some(room)
}

/// Start of the arguments to end of the environment, when they lie side by side.
fn stretch(stat: &str) -> Option<Range<usize>> {
    // The second field is the program's name in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    // Field 48 and the next three, counted from 1; `rest` begins with the third.
    let mut fields = rest.split_whitespace().skip(45).map(|field| field.parse::<usize>());
    let mut next = || fields.next()?.ok().filter(|address| *address != 0);
    let (arg_start, arg_end, env_start, env_end) = (next()?, next()?, next()?, next()?);
    let side_by_side = arg_start < arg_end && arg_end <= env_start && env_start <= env_end;
    (side_by_side && env_start - arg_end < 8).then_some(arg_start..env_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_is_found_behind_any_program_name() {
        let zeros = "0 ".repeat(44);
        let stat = format!("7 (a) b (c) S {zeros}1000 1050 1050 2000 0\n");
        assert_eq!(stretch(&stat), Some(1000..2000));
        let apart = format!("7 (x) S {zeros}1000 1050 3000 4000 0\n");
        assert_eq!(stretch(&apart), None);
        assert_eq!(stretch("7 (x) S 0 0"), None);
    }
}
