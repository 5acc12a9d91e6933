//! The command line: `redis-server [FILE | -] [--directive value ...]`.
//!
//! It is a configuration file in disguise: arguments become lines that are read after the file and
//! after standard input, so the last word wins, and a fault is reported in the same way.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::units;

use super::file::{Loader, Sources, StartError};
use super::params::Config;

/// What the command line asks for.
#[derive(Debug)]
pub enum Startup {
    /// Run the server; the absolute path of the configuration file if one was named.
    Run(Box<Config>, Option<PathBuf>),
    /// Print the version and end.
    Version,
    /// Print `USAGE` and end.
    Help,
}

/// What `--help` prints.
pub const USAGE: &str = "\
Usage: redis-server [FILE] [--NAME VALUE ...] [-]
       redis-server -v | --version
       redis-server -h | --help

FILE holds one directive a line; `-` reads directives from standard input.
Each --NAME VALUE is a directive too and wins over FILE and standard input.

Examples:
       redis-server
       redis-server /etc/redis/redis.conf
       redis-server --port 7777
       redis-server /etc/redis/redis.conf --loglevel verbose --save 900 1 --save 300 10
       echo 'maxclients 128' | redis-server -
";

/// Reads the command line (`args[0]` is the program) and the files it names. The world comes in
/// through `sources`, so nothing here knows the disk or the process.
pub fn from_args(args: &[OsString], sources: &mut Sources<'_>) -> Result<Startup, StartError> {
    let args: Vec<&[u8]> = args.iter().skip(1).map(|arg| arg.as_bytes()).collect();
    match args.first().copied() {
        Some(b"-v" | b"--version") => return Ok(Startup::Version),
        Some(b"-h" | b"--help") => return Ok(Startup::Help),
        Some(b"--test-memory") => return Err(unsupported("--test-memory", "memory tests")),
        Some(b"--check-system") => return Err(unsupported("--check-system", "system checks")),
        _ => {}
    }
    if args.iter().any(|arg| arg.eq_ignore_ascii_case(b"--sentinel")) {
        return Err(unsupported("--sentinel", "sentinel mode"));
    }
    let named = args.first().filter(|arg| !arg.starts_with(b"-"));
    let rest = if named.is_some() { &args[1..] } else { &args[..] };
    let last_is_stdin = rest.last() == Some(&&b"-"[..]);
    let first_is_stdin = args.first() == Some(&&b"-"[..]);
    let options = options(rest, first_is_stdin);

    let mut lines = 0;
    let input = if first_is_stdin || last_is_stdin {
        Some((sources.stdin)().map_err(|error| {
            StartError::plain(format!("Fatal error, can't read standard input: {error}"))
        })?)
    } else {
        None
    };
    let defaults = std::mem::take(&mut sources.defaults);
    let mut loader = Loader::new(sources);
    loader.load_text("REDSTART_DEFAULTS", 0, &defaults)?;
    let path = named.map(|arg| loader.absolute(Path::new(std::ffi::OsStr::from_bytes(arg))));
    if let Some(path) = &path {
        lines += loader.load_path(path)?;
    }
    if let Some(input) = input {
        lines += loader.load_text("standard input", lines, &input)?;
    }
    // Redis puts a line end between the file and the arguments; their line numbers show it.
    loader.load_text("the command line", lines + 1, &options)?;

    loader.config.dir =
        loader.absolute(Path::new("")).components().collect::<PathBuf>().display().to_string();
    loader.config.settle();
    Ok(Startup::Run(Box::new(loader.config), path))
}

fn unsupported(option: &str, what: &str) -> StartError {
    StartError::plain(format!("'{option}' is not supported: this server has no {what}"))
}

/// Arguments as lines of a file. Inside, only the first and the last argument may be `-`.
fn options(args: &[&[u8]], first_is_stdin: bool) -> Vec<u8> {
    let mut text = Vec::new();
    // A name without a value takes the next argument as its value, even one that begins with `--`.
    let mut name_complete = true;
    for (index, arg) in args.iter().enumerate() {
        let last = index + 1 == args.len();
        if *arg == b"-" && (last || (index == 0 && first_is_stdin)) {
            continue;
        }
        let Some(name) = arg.strip_prefix(b"--").filter(|_| name_complete) else {
            text.extend_from_slice(units::quote(arg).as_bytes());
            text.push(b' ');
            name_complete = true;
            continue;
        };
        if !text.is_empty() {
            text.push(b'\n');
        }
        text.extend_from_slice(name);
        text.push(b' ');
        let alone = units::split_args(arg).is_some_and(|words| words.len() == 1);
        let next_is_name = args.get(index + 1).is_some_and(|next| next.starts_with(b"--"));
        let no_save = arg.eq_ignore_ascii_case(b"--save") && (last || next_is_name);
        if no_save {
            // Programs that build the command line from an empty list mean "no save points".
            text.extend_from_slice(b"\"\"");
        }
        name_complete = !alone || no_save;
    }
    text
}
