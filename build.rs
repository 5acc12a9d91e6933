//! How the program is linked on Linux with the GNU C library: statically, where the machine has the
//! C library in that form, so that nothing is looked up and bound at each start
//! (`docs/decisions/0006-static.md`).
//!
//! The flag of the compiler for this, `crt-static`, would reach the plug-ins of the compiler too,
//! which cannot be static, and Cargo has no way of saying it for one program. So the linker is told:
//! the program is static, and of the folders where libraries are looked for the first one has
//! nothing but static ones.
// Cargo tells a build script about the target in no other way, and the folder is its own.
#![allow(clippy::disallowed_methods)]

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names that the linker is asked for, and whose static form takes their place. The unwinder is
/// called otherwise when it is static.
const LIBRARIES: [(&str, &str); 7] = [
    ("libc.a", "libc.a"),
    ("libm.a", "libm.a"),
    ("libgcc_s.a", "libgcc_eh.a"),
    ("libutil.a", "libutil.a"),
    ("librt.a", "librt.a"),
    ("libpthread.a", "libpthread.a"),
    ("libdl.a", "libdl.a"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_native = env::var("HOST") == env::var("TARGET");
    let is_static = target("FEATURE").split(',').any(|feature| feature == "crt-static");
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native || is_static {
        return;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it")).join("static");
    if gather(&folder).is_some() {
        println!("cargo::rustc-link-arg-bins=-static-pie");
        println!("cargo::rustc-link-arg-bins=-L{}", folder.display());
    }
}

/// Fills the folder; `None` where a library has no static form.
fn gather(folder: &Path) -> Option<()> {
    fs::create_dir_all(folder).ok()?;
    for (name, file) in LIBRARIES {
        let link = folder.join(name);
        // It may be there from an earlier build.
        let _ = fs::remove_file(&link);
        symlink(find(file)?, link).ok()?;
    }
    Some(())
}

/// Where the C compiler has a library.
fn find(file: &str) -> Option<PathBuf> {
    let asked = Command::new("cc").arg(format!("-print-file-name={file}")).output().ok()?;
    let path = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    // What it does not have it answers by the bare name.
    path.is_absolute().then_some(path)
}
