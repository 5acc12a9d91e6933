// Starting another program as another user is all this does.
#![allow(clippy::disallowed_methods)]
//! What a container starts: the same binary under the name `docker-entrypoint`.
//!
//! Options alone, or a configuration file, mean the server. A server started by root gets the
//! files of its working directory handed over and runs as the user `redis`; any other command, and
//! any other user, is left as it is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::sys;

const SERVER: &str = "redis-server";
/// The user and group `redis` of the image.
const USER: u32 = 999;
const GROUP: u32 = 1000;

/// Whether the binary was started to play this part.
pub fn is_named(program: &OsStr) -> bool {
    program == "docker-entrypoint" || program == "docker-entrypoint.sh"
}

/// Becomes the command that the arguments (the first is the program) ask for. Gives the exit code
/// if that is not possible.
pub fn run(args: &[OsString]) -> i32 {
    let words = command(args.get(1..).unwrap_or_default());
    let Some((program, rest)) = words.split_first() else { return 0 };
    let mut next = Command::new(program);
    next.args(rest);
    if program == SERVER && sys::user_id() == 0 {
        if let Err(error) = hand_over(Path::new(".")) {
            // A file system without owners, or mounted read-only, may serve all the same.
            eprintln!("docker-entrypoint: can't change owners here: {}", sys::error_text(&error));
        }
        next.uid(USER).gid(GROUP);
    }
    sys::keep_files_private();
    let error = next.exec();
    eprintln!(
        "docker-entrypoint: {}: {}",
        std::path::Path::new(&program).display(),
        sys::error_text(&error)
    );
    // The codes of shells: not found, and found but not to be run.
    if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
}

/// The command: as given, or the server when only its arguments are.
fn command(args: &[OsString]) -> Vec<OsString> {
    let server = match args.first() {
        None => true,
        Some(first) => first.as_bytes().starts_with(b"-") || first.as_bytes().ends_with(b".conf"),
    };
    let name = server.then(|| OsString::from(SERVER));
    name.into_iter().chain(args.iter().cloned()).collect()
}

/// Gives a directory and everything below it to the server's user. Links are given, not followed.
fn hand_over(path: &Path) -> std::io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    if about.uid() != USER {
        lchown(path, Some(USER), Some(GROUP))?;
    }
    if about.is_dir() {
        for entry in fs::read_dir(path)? {
            hand_over(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        command(&words).join(OsStr::new(" ")).into_string().expect("UTF-8")
    }

    #[test]
    fn arguments_alone_mean_the_server() {
        assert_eq!(shown(&[]), "redis-server");
        assert_eq!(shown(&["--port", "7"]), "redis-server --port 7");
        assert_eq!(shown(&["/etc/my.conf"]), "redis-server /etc/my.conf");
        assert_eq!(shown(&["redis-server", "--port", "7"]), "redis-server --port 7");
        assert_eq!(shown(&["sh", "-c", "true"]), "sh -c true");
    }
}
