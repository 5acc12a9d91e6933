// The process looks at itself.
#![allow(clippy::disallowed_methods)]
#![allow(unsafe_code)]
//! What `ps` shows: the process title, written over the memory of the arguments.
//!
//! The kernel keeps arguments and environment in one stretch and shows its beginning. The
//! environment moves away first, so a title may take the whole stretch. Invariant: the stretch
//! always ends in a zero byte.

use std::ffi::CStr;
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
    move_environment();
    Some(room)
}

unsafe extern "C" {
    /// The environment as the C library sees it: pointers to terminated texts, then a null.
    static mut environ: *mut *mut libc::c_char;
}

/// Gives the C library copies of all variables, which stay for good. (Setting each to its own value
/// would do the same in time that grows with the square of their number.)
fn move_environment() {
    let mut moved: Vec<*mut libc::c_char> = Vec::new();
    // SAFETY: no other thread is running yet, as `set` demands, so nobody reads or changes the
    // environment meanwhile. It is a row of pointers to terminated texts that ends in a null, and
    // so is what takes its place.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            moved.push(CStr::from_ptr(*at).to_owned().into_raw());
            at = at.add(1);
        }
        moved.push(std::ptr::null_mut());
        environ = Vec::leak(moved).as_mut_ptr();
    }
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
