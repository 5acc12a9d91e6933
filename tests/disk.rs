//! A server process on a real disk where something is in the way: saves that fail and succeed
//! again, starts that cannot be. Read-only folders say nothing to a test that root runs, so names
//! are taken by folders and folders by files. Errors of reads and writes are simulated elsewhere.

// Processes and files are what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::server::{OURS, PATIENCE, Server, TempDir};
use support::tcp::TcpLink;

/// Asks for INFO persistence until this line is in it.
#[track_caller]
fn until_info(link: &mut TcpLink, line: &str) {
    let end = Instant::now() + PATIENCE;
    while !link.ask(&["INFO", "persistence"]).contains(line) {
        assert!(Instant::now() < end, "{line}: did not come");
    }
}

/// Runs a server that must not come up; gives what it said.
fn refused(options: &[&str], dir: &TempDir) -> String {
    let mut command = Command::new(OURS);
    command
        .args(["--port", "0", "--unixsocket", "s", "--dir"])
        .arg(dir.path())
        .args(options)
        .stdin(Stdio::null());
    let ended = command.output().expect("the server can be started");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned()
}

#[test]
fn writes_are_refused_from_a_failed_save_to_the_next_good_one() {
    let server = Server::start(&["--save", "3600 1"]);
    let mut link = server.connect();
    assert_eq!(link.ask(&["SET", "k", "kept"]), "+OK\r\n");
    let dump = server.dir().join("dump.rdb");
    fs::create_dir(&dump).expect("nothing has this name");
    assert!(link.ask(&["SAVE"]).starts_with("-ERR"));
    assert!(link.ask(&["BGSAVE"]).starts_with("+Background saving started"));
    until_info(&mut link, "rdb_last_bgsave_status:err");
    assert!(link.ask(&["SET", "k", "lost"]).starts_with("-MISCONF"));
    assert_eq!(link.ask(&["GET", "k"]), "$4\r\nkept\r\n", "reads go on");
    let left: Vec<_> = fs::read_dir(server.dir()).expect("its folder").collect();
    assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
    fs::remove_dir(&dump).expect("it is empty");
    assert!(link.ask(&["BGSAVE"]).starts_with("+Background saving started"));
    until_info(&mut link, "rdb_last_bgsave_status:ok");
    assert_eq!(link.ask(&["SET", "k", "new"]), "+OK\r\n");
    assert!(dump.is_file());
}

#[test]
fn a_log_that_cannot_be_is_told_at_the_start_and_by_config() {
    let dir = TempDir::new();
    fs::write(dir.path().join("appendonlydir"), "in the way").expect("the folder is new");
    let said = refused(&["--appendonly", "yes"], &dir);
    assert!(said.contains("appendonlydir"), "{said}");
    assert!(!said.contains("Ready to accept"), "{said}");

    let server = Server::start::<&str>(&[]);
    let mut link = server.connect();
    fs::write(server.dir().join("appendonlydir"), "in the way").expect("nothing has this name");
    let said = link.ask(&["CONFIG", "SET", "appendonly", "yes"]);
    assert!(said.starts_with("-ERR CONFIG SET failed"), "{said}");
    assert_eq!(
        link.ask(&["CONFIG", "GET", "appendonly"]),
        "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"
    );
    assert_eq!(link.ask(&["SET", "k", "v"]), "+OK\r\n", "it serves as before");
}

#[test]
fn a_folder_in_place_of_a_snapshot_is_no_empty_data_set() {
    let dir = TempDir::new();
    fs::create_dir(dir.path().join("dump.rdb")).expect("the folder is new");
    let said = refused(&[], &dir);
    assert!(said.contains("dump.rdb") || said.contains("directory"), "{said}");
}
