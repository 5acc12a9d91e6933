//! `redis-check-aof`: reads an append-only file as the server would, tells where it stops making
//! sense, and cuts it there when asked to, or where a moment had passed.

use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::engine::persist::manifest::{Manifest, Part};
use crate::env::Disk;
use crate::env::real::{RealDisk, wall_us};
use crate::rdb::check::check as check_rdb;
use crate::rdb::{Loader, Part as RdbPart};
use crate::resp::log::{LogError, LogReader, Record};
use crate::sys;
use crate::value::limits::Limits;

/// What to do about a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Look,
    Fix,
    /// Cut where this second had passed.
    Until(i64),
}

/// The end of the program before its time: a code, the reason is said already.
struct Ended(i32);

type Checked = Result<(), Ended>;

/// How far a file makes sense.
struct Findings {
    size: u64,
    sound: u64,
    lines: u64,
    /// What is wrong, and where it was seen.
    fault: Option<(u64, String)>,
    /// The first note of a time behind the wanted one.
    late: Option<u64>,
}

fn usage(program: &str) -> i32 {
    println!(
        "Usage: {program} [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>"
    );
    1
}

/// Runs with the arguments of the process, of which the first is the program; gives the exit code.
pub fn run(args: &[OsString]) -> i32 {
    sys::default_pipe();
    let program = args.first().map_or("redis-check-aof".into(), |name| name.to_string_lossy());
    let words: Vec<&[u8]> = args.iter().skip(1).map(|arg| arg.as_bytes()).collect();
    let (mode, name) = match words.as_slice() {
        [b"-v" | b"--version"] => {
            println!("redis-check-aof {}", crate::engine::config::REDIS_VERSION);
            return 0;
        }
        [name] => (Mode::Look, *name),
        [b"--fix", name] => (Mode::Fix, *name),
        [b"--truncate-to-timestamp", seconds, name] => {
            let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse().ok());
            match seconds {
                Some(seconds) => (Mode::Until(seconds), *name),
                None => {
                    println!("Invalid timestamp, aborting...");
                    return 1;
                }
            }
        }
        _ => return usage(&program),
    };
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(name));
    match check(&path, mode) {
        Ok(()) => 0,
        Err(Ended(code)) => code,
    }
}

fn check(path: &Path, mode: Mode) -> Checked {
    let manifest = is_manifest(path)?;
    if manifest {
        return check_parts(path, mode);
    }
    println!("Start checking Old-Style AOF");
    judge("AOF", path, mode, true)
}

fn cannot_open(path: &Path, error: &io::Error) -> Ended {
    println!("Cannot open file {}: {}", path.display(), sys::error_text(error));
    Ended(1)
}

fn cannot_read(path: &Path, error: &io::Error) -> Ended {
    println!("Cannot read file {}: {}", path.display(), sys::error_text(error));
    Ended(1)
}

/// Whether the first line that is no comment is one of a manifest.
fn is_manifest(path: &Path) -> Result<bool, Ended> {
    const LOOK_AT: u64 = 4096;
    let file = RealDisk.open_file(path).map_err(|error| cannot_open(path, &error))?;
    let mut begin = Vec::new();
    file.take(LOOK_AT).read_to_end(&mut begin).map_err(|error| cannot_read(path, &error))?;
    let mut lines = begin.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    Ok(lines.next().is_some_and(|line| line.starts_with(b"file ")))
}

fn check_parts(path: &Path, mode: Mode) -> Checked {
    println!("Start checking Multi Part AOF");
    let text = RealDisk.read(path).map_err(|error| cannot_read(path, &error))?;
    let manifest = Manifest::parse(&text).map_err(|fault| {
        println!(
            "*** FATAL AOF MANIFEST FILE ERROR ***\nReading the manifest file, at line {}\n>>> \
             '{}'\n{}",
            fault.line, fault.text, fault.reason
        );
        Ended(1)
    })?;
    let dir = path.parent().unwrap_or(Path::new(""));
    if let Some(base) = &manifest.base {
        let file = dir.join(&base.name);
        let form = if is_rdb(&file)? { "RDB" } else { "AOF" };
        println!("Start to check BASE AOF ({form} format).");
        judge("BASE AOF", &file, mode, manifest.incr.is_empty())?;
    }
    if let Some((last, others)) = manifest.incr.split_last() {
        println!("Start to check INCR files.");
        for Part { name, .. } in others {
            judge("INCR AOF", &dir.join(name), mode, false)?;
        }
        judge("INCR AOF", &dir.join(&last.name), mode, true)?;
    }
    println!("All AOF files and manifest are valid");
    Ok(())
}

fn is_rdb(path: &Path) -> Result<bool, Ended> {
    let file = RealDisk.open_file(path).map_err(|error| cannot_open(path, &error))?;
    let mut begin = Vec::new();
    file.take(5).read_to_end(&mut begin).map_err(|error| cannot_read(path, &error))?;
    Ok(begin == b"REDIS")
}

/// Checks a file and tells the verdict, unless it was repaired.
fn judge(what: &str, path: &Path, mode: Mode, last: bool) -> Checked {
    if let Some(verdict) = check_file(path, mode, last)? {
        println!("{what} {} is {verdict}", short_name(path));
    }
    Ok(())
}

fn short_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn check_file(path: &Path, mode: Mode, last: bool) -> Result<Option<&'static str>, Ended> {
    let found = look_through(path, mode)?;
    if found.size == 0 {
        return Ok(Some("empty"));
    }
    let name = short_name(path);
    if let (Mode::Until(seconds), Some(at)) = (mode, found.late) {
        return cut_to_time(path, seconds, at, last).map(|()| None);
    }
    if let Some((at, what)) = &found.fault {
        println!("0x{at:16x}: {what}");
    }
    let Findings { size, sound, lines, .. } = found;
    let rest = size - sound;
    if let (Mode::Until(seconds), 0) = (mode, rest) {
        println!("Truncate nothing in AOF {name} to timestamp {seconds}");
        return Ok(Some("valid"));
    }
    println!(
        "AOF analyzed: filename={name}, size={size}, ok_up_to={sound}, ok_up_to_line={lines}, \
         diff={rest}"
    );
    if rest == 0 {
        return Ok(Some("valid"));
    }
    if mode != Mode::Fix {
        println!("AOF {name} is not valid. Use the --fix option to try fixing it.");
        return Err(Ended(1));
    }
    if !last {
        println!("Failed to truncate AOF {name} because it is not the last file");
        return Err(Ended(1));
    }
    println!(
        "This will shrink the AOF {name} from {size} bytes, with {rest} bytes, to {sound} bytes"
    );
    confirm()?;
    cut(path, sound)?;
    println!("Successfully truncated AOF {name}");
    Ok(None)
}

fn cut_to_time(path: &Path, seconds: i64, at: u64, last: bool) -> Checked {
    let name = short_name(path);
    if at == 0 {
        println!("AOF {name} has nothing before timestamp {seconds}, aborting...");
        return Err(Ended(1));
    }
    if !last {
        println!(
            "Failed to truncate AOF {name} to timestamp {seconds} to offset {at} because it is \
             not the last file.\nTake the later files out of the manifest first if that is what \
             you want, then try again."
        );
        return Err(Ended(1));
    }
    cut(path, at)?;
    println!("Successfully truncated AOF {name} to timestamp {seconds}");
    Err(Ended(0))
}

fn confirm() -> Checked {
    print!("Continue? [y/N]: ");
    // Whoever cannot see the question cannot answer it either.
    let _ = io::stdout().flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_err() || !answer.to_ascii_lowercase().starts_with('y') {
        println!("Aborting...");
        return Err(Ended(1));
    }
    Ok(())
}

fn cut(path: &Path, at: u64) -> Checked {
    let done = RealDisk.open(path, false).and_then(|mut file| {
        file.cut(at)?;
        file.syncer()?.sync()
    });
    done.map_err(|error| {
        println!("Failed to truncate AOF {}: {}", path.display(), sys::error_text(&error));
        Ended(1)
    })
}

/// Reads a file to its end or to where it stops making sense.
fn look_through(path: &Path, mode: Mode) -> Result<Findings, Ended> {
    let name = short_name(path);
    let size = RealDisk.size(path).map_err(|error| cannot_open(path, &error))?;
    let open = || RealDisk.open_file(path).map_err(|error| cannot_open(path, &error));
    if !is_rdb(path)? {
        return look_through_commands(LogReader::new(open()?, 0), size, mode, path);
    }
    let mut say = |line: &str| println!("{line}");
    if !check_rdb(&name, open()?, wall_us() / 1000, &mut say) {
        println!("RDB preamble of AOF file is not sane, aborting.");
        return Err(Ended(1));
    }
    println!("RDB preamble is OK, proceeding with AOF tail...");
    let again = || -> Result<_, crate::rdb::Error> {
        let source = RealDisk.open_file(path).map_err(|_| ());
        let Ok(source) = source else { return Ok(None) };
        let mut loader = Loader::new(source, false)?;
        while !matches!(loader.step(&Limits::default())?, RdbPart::End { .. }) {}
        Ok(Some((loader.position(), loader.into_rest())))
    };
    let Ok(Some((offset, (begin, rest)))) = again() else {
        println!("RDB preamble of AOF file is not sane, aborting.");
        return Err(Ended(1));
    };
    let reader = LogReader::new(io::Cursor::new(begin).chain(rest), offset);
    look_through_commands(reader, size, mode, path)
}

fn look_through_commands(
    mut reader: LogReader<impl Read>,
    size: u64,
    mode: Mode,
    path: &Path,
) -> Result<Findings, Ended> {
    let mut found = Findings { size, sound: reader.offset(), lines: 1, fault: None, late: None };
    let (mut open, mut lines) = (false, 1);
    loop {
        let at = reader.offset();
        match reader.next_record() {
            Ok(Some(Record::Command(argv))) => {
                let name = argv.get(0);
                lines += 1 + 2 * argv.len() as u64;
                match () {
                    () if name.eq_ignore_ascii_case(b"multi") && open => {
                        found.fault = Some((at, "Unexpected MULTI".to_owned()));
                        return Ok(found);
                    }
                    () if name.eq_ignore_ascii_case(b"multi") => open = true,
                    () if name.eq_ignore_ascii_case(b"exec") && !open => {
                        found.fault = Some((at, "Unexpected EXEC".to_owned()));
                        return Ok(found);
                    }
                    () if name.eq_ignore_ascii_case(b"exec") => open = false,
                    () => {}
                }
            }
            Ok(Some(Record::Note(note))) => {
                lines += 1;
                if let (Mode::Until(wanted), Some(seconds)) = (mode, time_of(note)) {
                    if seconds > wanted {
                        found.late = Some(at);
                        return Ok(found);
                    }
                }
            }
            Ok(None) if open => {
                let what = "Reached EOF before reading EXEC for MULTI".to_owned();
                found.fault = Some((at, what));
                return Ok(found);
            }
            Ok(None) => return Ok(found),
            Err(LogError::Truncated) => {
                found.fault = Some((at, "Reached EOF within a command".to_owned()));
                return Ok(found);
            }
            Err(LogError::Corrupt(what)) => {
                found.fault = Some((at, what.to_owned()));
                return Ok(found);
            }
            Err(LogError::Io(error)) => return Err(cannot_read(path, &error)),
        }
        if !open {
            (found.sound, found.lines) = (reader.offset(), lines);
        }
    }
}

/// The second that an annotation notes.
fn time_of(note: &[u8]) -> Option<i64> {
    std::str::from_utf8(note.strip_prefix(b"TS:")?).ok()?.parse().ok()
}
