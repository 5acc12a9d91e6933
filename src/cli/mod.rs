// The client is a program of its own: it reads its arguments, the terminal and one variable.
#![allow(clippy::disallowed_methods)]
//! redis-cli, one command a run or commands from standard input: the same binary under that name.
//!
//! Its arguments, output forms, error texts and exit codes are those of Redis's own client, since
//! scripts and health checks read them. Invariant: nothing here is reached when the binary runs
//! as the server.
//!
//! | file         | holds                                                     |
//! |--------------|-----------------------------------------------------------|
//! | `args.rs`    | what the command line asks for                            |
//! | `check_aof.rs` | redis-check-aof                                           |
//! | `check_rdb.rs` | redis-check-rdb, another program under another name    |
//! | `help.rs`    | texts for people                                          |
//! | `link.rs`    | the connection: requests out, replies in                  |
//! | `session.rs` | one command after the other over a connection             |
//! | `format.rs`  | replies as text: for a terminal, raw, CSV, JSON           |

pub mod args;
pub mod check_aof;
pub mod check_rdb;
pub mod format;
pub mod help;
pub mod link;
pub mod session;

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::base::units;
use crate::sys;
use args::{Options, Parsed};
use session::{Session, Stop};

/// Plays redis-cli with these arguments (the first is the program) and gives the exit code.
pub fn run(args: Vec<OsString>) -> i32 {
    // A reader that has seen enough ends this program, as it ends any other.
    sys::default_pipe();
    let words: Vec<Vec<u8>> = args.into_iter().skip(1).map(OsString::into_vec).collect();
    // For programs that capture the output but want the form for people.
    let terminal = io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some();
    match args::parse(&words, terminal) {
        Parsed::Run(options, command) => play(*options, command),
        Parsed::Print(text) => {
            print!("{text}");
            0
        }
        Parsed::Refuse(text) => {
            eprintln!("{text}");
            1
        }
    }
}

fn play(mut options: Options, command: Vec<Vec<u8>>) -> i32 {
    if options.auth.is_some() && !options.no_auth_warning {
        eprintln!(
            "Warning: Using a password with '-a' or '-u' option on the command line interface may \
             not be safe."
        );
    }
    if options.auth.is_none() {
        let variable = std::env::var_os("REDISCLI_AUTH");
        options.auth = variable.map(|value| value.as_bytes().to_vec());
    }
    if options.ask_password {
        options.auth = Some(ask_password());
    }
    let outcome = if command.is_empty() {
        if io::stdin().is_terminal() {
            eprintln!("{}", help::NO_PROMPT);
            return 1;
        }
        from_stdin(Session::new(options))
    } else {
        one_command(options, command)
    };
    match outcome {
        Ok(()) => 0,
        Err(Stop::Failed(_)) => 1,
        Err(Stop::Exit(code)) => code,
    }
}

fn one_command(options: Options, mut command: Vec<Vec<u8>>) -> Result<(), Stop> {
    if options.quoted_input {
        for word in &mut command {
            match units::split_args(word) {
                Some(mut parts) if parts.len() == 1 => *word = parts.remove(0),
                _ => {
                    println!("Invalid quoted string");
                    return Err(Stop::Exit(1));
                }
            }
        }
    }
    if options.stdin_last {
        command.push(all_of_stdin());
    } else if let Some(tag) = &options.stdin_tag {
        let Some(place) = command.iter_mut().find(|word| *word == tag) else {
            eprintln!("Using -X option but stdin tag not match.");
            return Err(Stop::Exit(1));
        };
        *place = all_of_stdin();
    }
    let repeat = options.repeat;
    let mut session = Session::new(options);
    // A failure here shows when the command is sent.
    session.connect(true);
    session.issue(&command, repeat)
}

fn all_of_stdin() -> Vec<u8> {
    let mut bytes = Vec::new();
    // What cannot be read is as good as not there.
    let _ = io::stdin().lock().read_to_end(&mut bytes);
    bytes
}

/// Commands line by line, without a prompt, until the input ends or a line says so.
fn from_stdin(mut session: Session) -> Result<(), Stop> {
    session.interactive = true;
    session.connect(false);
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if !input.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let Some(words) = units::split_args(&line) else {
            println!("Invalid argument(s)");
            continue;
        };
        let Some(first) = words.first() else { continue };
        let (repeat, skip) = match repeat_count(first, words.len()) {
            Ok(count) => count,
            Err(()) => {
                println!("Invalid redis-cli repeat command option value.");
                continue;
            }
        };
        if first.eq_ignore_ascii_case(b"quit") || first.eq_ignore_ascii_case(b"exit") {
            return Ok(());
        }
        if words.len() == 3 && first.eq_ignore_ascii_case(b"connect") {
            session.move_to(&words[1], &words[2]);
            continue;
        }
        if words.len() == 1 && first.eq_ignore_ascii_case(b"clear") {
            print!("\x1b[H\x1b[2J");
            continue;
        }
        // Preferences of the prompt mean nothing without one.
        if first.first() == Some(&b':') {
            continue;
        }
        match session.issue(&words[skip..], repeat) {
            Ok(()) | Err(Stop::Failed(_)) => {}
            Err(stop) => return Err(stop),
        }
    }
}

/// A number in front of a command repeats it: how often, and how many words that took.
fn repeat_count(first: &[u8], words: usize) -> Result<(i64, usize), ()> {
    let text = std::str::from_utf8(first).unwrap_or("x");
    let number = text.trim_start();
    let plain = number.strip_prefix(['-', '+']).unwrap_or(number);
    let is_number = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
    if words < 2 || !(is_number || text.is_empty()) {
        return Ok((1, 0));
    }
    match number.parse::<i64>() {
        Ok(count) if count > 0 => Ok((count, 1)),
        _ => Err(()),
    }
}

fn ask_password() -> Vec<u8> {
    print!("Please input password: ");
    // Without a terminal there is nothing to hide, and the line is read all the same.
    let _ = io::stdout().flush();
    let hidden = sys::hide_typing(true);
    let mut line = Vec::new();
    let _ = io::stdin().lock().read_until(b'\n', &mut line);
    if hidden {
        sys::hide_typing(false);
        println!();
    }
    while line.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_repeats() {
        assert_eq!(repeat_count(b"3", 2), Ok((3, 1)));
        assert_eq!(repeat_count(b"3", 1), Ok((1, 0)));
        assert_eq!(repeat_count(b"3x", 2), Ok((1, 0)));
        assert_eq!(repeat_count(b"get", 2), Ok((1, 0)));
        for bad in [&b"0"[..], b"-1", b"", b"99999999999999999999"] {
            assert_eq!(repeat_count(bad, 2), Err(()));
        }
    }
}
