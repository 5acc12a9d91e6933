#![allow(unsafe_code)]
//! The global allocator: jemalloc, counted.
//!
//! Invariant: every block counts with the size class jemalloc gives it, computed from the layout
//! alone, so that what an allocation adds is exactly what its release takes away. Counts gather
//! in a cell of the thread and move to the shared counter in batches: the hot path pays a
//! thread-local addition and no atomic operation. [`used`] is exact for the calling thread and
//! at most one batch behind for each other one.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicIsize, Ordering};

use tikv_jemallocator::Jemalloc;

/// A thread's own count moves to the shared one when it is further than this from zero.
const BATCH: isize = 64 * 1024;

/// The allocator and its version.
pub const NAME: &str = "jemalloc-5.3.0";

/// The allocator's settings, which it reads before anything else runs. It would cut pages of 4 KB
/// one by one, and 8 KB two by two, with a record of 128 bytes for each such piece: up to three
/// percent of what lists and streams store, whose nodes have these sizes. Smaller sizes are as they
/// were: with larger pieces of those SET took three percent longer.
#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static SETTINGS: Settings = Settings(c"slab_sizes:4096-4096:4|8192-8192:8".as_ptr());

/// A C text that is always there.
#[repr(transparent)]
struct Settings(*const libc::c_char);

// SAFETY: it points to a constant.
unsafe impl Sync for Settings {}

static SHARED: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static LOCAL: Cell<isize> = const { Cell::new(0) };
}

/// jemalloc that knows how much it has handed out.
pub struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes handed out and not yet given back, in size classes.
pub fn used() -> usize {
    let total = SHARED.load(Ordering::Relaxed) + LOCAL.with(Cell::get);
    usize::try_from(total).unwrap_or(0)
}

/// Moves the calling thread's count to the shared counter. A thread that frees on behalf of
/// others calls this when a job is done, or its last batch would stay invisible.
pub fn flush() {
    LOCAL.with(|local| {
        SHARED.fetch_add(local.take(), Ordering::Relaxed);
    });
}

/// The bytes an allocation of `size` bytes takes.
pub const fn size_class(size: usize) -> usize {
    if size <= 8 {
        return 8;
    }
    if size <= 128 {
        return (size + 15) & !15;
    }
    // Four classes to each doubling. Sizes near the end of the address space never reach the
    // allocator: Layout forbids them.
    let step = 1usize << ((size - 1).ilog2() - 2);
    (size + step - 1) & !(step - 1)
}

#[inline]
fn class_of(size: usize, align: usize) -> isize {
    if align <= 8 {
        return size_class(size) as isize;
    }
    size_class((size + align - 1) & !(align - 1)) as isize
}

#[inline]
fn count(delta: isize) {
    LOCAL.with(|local| {
        let sum = local.get() + delta;
        if (-BATCH..=BATCH).contains(&sum) {
            local.set(sum);
        } else {
            local.set(0);
            SHARED.fetch_add(sum, Ordering::Relaxed);
        }
    });
}

// SAFETY: every call goes to jemalloc unchanged; the count is kept in a thread-local cell without
// a destructor and an atomic, neither of which allocates.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about `layout` are handed on.
        let block = unsafe { Jemalloc.alloc(layout) };
        if !block.is_null() {
            count(class_of(layout.size(), layout.align()));
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about `layout` are handed on.
        let block = unsafe { Jemalloc.alloc_zeroed(layout) };
        if !block.is_null() {
            count(class_of(layout.size(), layout.align()));
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `alloc` above, hence from jemalloc, with this layout.
        unsafe { Jemalloc.dealloc(block, layout) };
        count(-class_of(layout.size(), layout.align()));
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as for `dealloc`; the caller vouches for `size`.
        let moved = unsafe { Jemalloc.realloc(block, layout, size) };
        if !moved.is_null() {
            count(class_of(size, layout.align()) - class_of(layout.size(), layout.align()));
        }
        moved
    }
}

/// The name of a control as the allocator wants it.
fn control_name(name: &[u8]) -> io::Result<CString> {
    CString::new(name).map_err(|_| io::Error::from_raw_os_error(libc::ENOENT))
}

fn outcome(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// Controls whose value is a text. Any other value read as one would be a wild pointer.
const TEXTS: &[&CStr] = &[
    c"version",
    c"config.malloc_conf",
    c"opt.dss",
    c"opt.metadata_thp",
    c"opt.percpu_arena",
    c"opt.thp",
    c"opt.zero_realloc",
];

/// Reads a number of the allocator by its name in jemalloc's manual, and sets it when `new` is
/// given. Fails as the allocator does: no such name, or not a number of this size.
pub fn control_number(name: &[u8], new: Option<i64>) -> io::Result<i64> {
    let name = control_name(name)?;
    if new.is_some() && name.to_bytes().ends_with(b"hooks") {
        // A number from a client is no table of functions.
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    let mut old = 0i64;
    let mut len = size_of::<i64>();
    let mut new = new;
    let (new_at, new_len) = match &mut new {
        Some(new) => (ptr::from_mut(new).cast(), size_of::<i64>()),
        None => (ptr::null_mut(), 0),
    };
    // SAFETY: the name is terminated; each pointer is valid for the length handed over with it.
    let code = unsafe {
        let old_at = ptr::from_mut(&mut old).cast();
        tikv_jemalloc_sys::mallctl(name.as_ptr(), old_at, &mut len, new_at, new_len)
    };
    outcome(code).map(|()| old)
}

/// Reads a text of the allocator; with `new` of `VOID` it runs a control that has no value.
pub fn control_text(name: &[u8], new: Option<&[u8]>) -> io::Result<Option<String>> {
    let name = control_name(name)?;
    if new.is_some() {
        // SAFETY: the name is terminated; no value is read or written.
        let code = unsafe {
            let nothing = ptr::null_mut();
            tikv_jemalloc_sys::mallctl(name.as_ptr(), nothing, ptr::null_mut(), nothing, 0)
        };
        return outcome(code).map(|()| None);
    }
    if !TEXTS.contains(&name.as_c_str()) {
        control_number(name.to_bytes(), None)?;
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let mut old: *const libc::c_char = ptr::null();
    let mut len = size_of_val(&old);
    // SAFETY: the name is terminated; `old` has the size that `len` tells.
    let code = unsafe {
        let old_at = ptr::from_mut(&mut old).cast();
        tikv_jemalloc_sys::mallctl(name.as_ptr(), old_at, &mut len, ptr::null_mut(), 0)
    };
    outcome(code)?;
    if old.is_null() {
        return Ok(Some(String::new()));
    }
    // SAFETY: `TEXTS` are those whose value is a terminated text that lives as long as the process.
    let text = unsafe { CStr::from_ptr(old) };
    Ok(Some(text.to_string_lossy().into_owned()))
}

/// Sets a switch of the allocator.
fn control_switch(name: &CStr, mut new: bool) -> io::Result<()> {
    // SAFETY: the name is terminated; the value has the size that is told.
    let code = unsafe {
        let (nothing, new_at) = (ptr::null_mut(), ptr::from_mut(&mut new).cast());
        tikv_jemalloc_sys::mallctl(name.as_ptr(), nothing, ptr::null_mut(), new_at, 1)
    };
    outcome(code)
}

/// Lets a thread of the allocator's own give unused pages back, or whoever frees them, in passing.
pub fn purge_aside(aside: bool) -> io::Result<()> {
    if aside {
        // Once it runs, the number is fixed; then it is one already.
        let _ = control_number(b"max_background_threads", Some(1));
    }
    control_switch(c"background_thread", aside)
}

/// Gives unused pages back to the system.
pub fn purge() -> io::Result<()> {
    // The number stands for all arenas.
    control_text(b"arena.4096.purge", Some(b"VOID")).map(drop)
}

/// Some of the allocator's own figures, in bytes, by their names in jemalloc's manual. Every call
/// moves its account on to the present, which takes some microseconds.
pub fn own_figures<const N: usize>(names: [&str; N]) -> io::Result<[usize; N]> {
    control_number(b"epoch", Some(1))?;
    let mut figures = [0; N];
    for (figure, name) in figures.iter_mut().zip(names) {
        *figure = usize::try_from(control_number(name.as_bytes(), None)?).unwrap_or(0);
    }
    Ok(figures)
}

/// The allocator's statistics as text.
pub fn statistics() -> String {
    unsafe extern "C" fn append(to: *mut libc::c_void, text: *const libc::c_char) {
        // SAFETY: `to` is the buffer handed over below, which nobody else uses meanwhile; the
        // allocator passes terminated texts.
        unsafe {
            let to = &mut *to.cast::<Vec<u8>>();
            to.extend_from_slice(CStr::from_ptr(text).to_bytes());
        }
    }
    let mut text: Vec<u8> = Vec::new();
    // SAFETY: the callback gets the buffer, which outlives the call; no options is a null pointer.
    unsafe {
        let to = ptr::from_mut(&mut text).cast();
        tikv_jemalloc_sys::malloc_stats_print(Some(append), to, ptr::null());
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
// Counting across threads needs threads.
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_jemalloc() {
        for size in (1..5000).chain([8192, 14336, 14337, 16384, 16385, 20480, 100_000, 5_000_000]) {
            let block = vec![0u8; size].into_boxed_slice();
            // SAFETY: the block is live and came from jemalloc.
            let real = unsafe { tikv_jemallocator::usable_size(block.as_ptr()) };
            assert_eq!(size_class(size), real, "size {size}");
        }
    }

    #[test]
    fn the_allocator_has_its_settings() {
        const BINS: usize = 36;
        let mut seen = Vec::new();
        for bin in 0..BINS {
            let figure = |what: &str| {
                let name = format!("arenas.bin.{bin}.{what}");
                control_number(name.as_bytes(), None).expect("a figure of a bin")
            };
            seen.push((figure("size"), figure("slab_size")));
        }
        for expected in [(16, 4096), (48, 12288), (64, 4096), (4096, 16384), (8192, 32768)] {
            assert!(seen.contains(&expected), "{expected:?} in {seen:?}");
        }
    }

    #[test]
    fn aligned_classes_are_those_of_jemalloc() {
        for align in [1usize, 8, 16, 32, 64, 128] {
            for size in 1..600 {
                let layout = Layout::from_size_align(size, align).expect("valid layout");
                // SAFETY: the layout has a size; the block is freed with the same layout.
                let real = unsafe {
                    let block = ALLOCATOR.alloc(layout);
                    let real = tikv_jemallocator::usable_size(block);
                    ALLOCATOR.dealloc(block, layout);
                    real
                };
                assert_eq!(class_of(size, align), real as isize, "size {size} align {align}");
            }
        }
    }

    #[test]
    fn purging_goes_to_a_thread_and_back() {
        for aside in [true, false, true] {
            purge_aside(aside).expect("it is built in");
            let mut on = false;
            let mut len = 1;
            // SAFETY: the name is terminated; the value has the size that is told.
            let code = unsafe {
                let (on, nothing) = (ptr::from_mut(&mut on).cast(), ptr::null_mut());
                tikv_jemalloc_sys::mallctl(c"background_thread".as_ptr(), on, &mut len, nothing, 0)
            };
            outcome(code).expect("it can be read");
            assert_eq!(on, aside);
        }
    }

    #[test]
    fn own_thread_is_seen_at_once_and_other_threads_after_flush() {
        std::thread::spawn(|| {
            let local = |f: &mut dyn FnMut()| {
                let before = LOCAL.with(Cell::get);
                f();
                LOCAL.with(Cell::get) - before
            };
            let mut kept = Vec::new();
            assert_eq!(local(&mut || kept.reserve_exact(100usize)), 112);
            kept.push(1u8);
            assert_eq!(local(&mut || kept = Vec::new()), -112);
            flush();
            assert_eq!(LOCAL.with(Cell::get), 0);
        })
        .join()
        .expect("the thread asserts");
    }
}
