//! `redis-check-rdb`: reads a snapshot as the server would and tells what is in it.

use std::ffi::OsString;
use std::path::Path;

use crate::env::Disk;
use crate::env::real::{RealDisk, wall_us};
use crate::rdb::check::check;
use crate::sys;

/// Runs with the arguments of the process, of which the first is the program; gives the exit code.
pub fn run(args: &[OsString]) -> i32 {
    sys::default_pipe();
    let [_, name] = args else {
        let program = args.first().map_or("redis-check-rdb".into(), |name| name.to_string_lossy());
        eprintln!("Usage: {program} <rdb-file-name>");
        return 1;
    };
    if name == "-v" || name == "--version" {
        println!("redis-check-rdb {}", crate::engine::config::REDIS_VERSION);
        return 0;
    }
    let file = match RealDisk.open_file(Path::new(name)) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("Can't open {}: {}", name.to_string_lossy(), sys::error_text(&error));
            return 1;
        }
    };
    let mut say = |line: &str| println!("{line}");
    i32::from(!check(&name.to_string_lossy(), file, wall_us() / 1000, &mut say))
}
