// The process looks at itself.
#![allow(clippy::disallowed_methods)]
#![allow(unsafe_code)]
//! What `ps` shows: the process title, written over the memory of the arguments.
//!
//! The kernel keeps arguments and environment in one stretch and shows its beginning. The
//! environment moves away first, so a title may take the whole stretch. Invariant: the stretch
//! always ends in a zero byte.

use std::ffi::{CStr, c_char};
use std::ops::Range;
use std::sync::{Once, OnceLock};

static ROOM: OnceLock<Range<usize>> = OnceLock::new();

/// Shows this title. The first call must come before any thread is started, and after the last
/// look at the arguments. Where [`keep`] was not told the place, nothing happens.
pub fn set(title: &str) {
    static MOVED: Once = Once::new();
    let Some(room) = ROOM.get().filter(|room| !room.is_empty()) else { return };
    MOVED.call_once(move_environment);
    let len = room.len();
    let text = title.as_bytes();
    let shown = text.len().min(len - 1);
    let start = std::ptr::with_exposed_provenance_mut::<u8>(room.start);
    // SAFETY: the kernel laid this stretch out on the stack for arguments and environment, it
    // stays mapped and writable for the life of the process, and since the environment has moved
    // nothing else refers to it.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), start, shown);
        start.add(shown).write_bytes(0, len - shown);
    }
}

/// Remembers where arguments and environment lie.
///
/// # Safety
/// `words` is what `main` got: pointers to terminated texts, a null, and behind it the environment
/// in the same form.
pub unsafe fn keep(words: *const *const c_char) {
    // SAFETY: as the caller promises.
    let room = unsafe {
        let words_end = stretch(words, None);
        let mut environment = words;
        while !(*environment).is_null() {
            environment = environment.add(1);
        }
        stretch(environment.add(1), Some(words_end))
    };
    // A second call would tell the same.
    let _ = ROOM.set(room);
}

/// From the first of these texts, or what lies before them, to the end of the last one that still
/// lies side by side with its neighbour.
///
/// # Safety
/// `texts` points to pointers to terminated texts that end in a null.
unsafe fn stretch(mut texts: *const *const c_char, before: Option<Range<usize>>) -> Range<usize> {
    let mut room = before.unwrap_or_default();
    // SAFETY: as the caller promises; nothing is read behind the null.
    unsafe {
        while !(*texts).is_null() {
            let start = (*texts).expose_provenance();
            if room.is_empty() {
                room = start..start;
            }
            if start != room.end {
                break;
            }
            room.end += CStr::from_ptr(*texts).count_bytes() + 1;
            texts = texts.add(1);
        }
    }
    room
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_ends_where_texts_are_no_longer_side_by_side() {
        let memory = b"redis-server\0--port\0A=1\0\0elsewhere\0";
        let at = |offset: usize| memory[offset..].as_ptr().cast::<c_char>();
        let start = memory.as_ptr().addr();
        let null = std::ptr::null();
        let room = |words: &[*const c_char], before| {
            // SAFETY: pointers to terminated texts, and a null at the end.
            unsafe { stretch(words.as_ptr(), before) }
        };
        let words = room(&[at(0), at(13), null], None);
        assert_eq!(words, start..start + 20);
        assert_eq!(room(&[at(20), at(25), null], Some(words.clone())), start..start + 24);
        assert_eq!(room(&[at(25), null], Some(words.clone())), words);
        assert_eq!(room(&[null], Some(words.clone())), words);
        assert!(room(&[null], None).is_empty());
    }
}
