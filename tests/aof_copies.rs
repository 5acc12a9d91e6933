//! Copies of a data directory that `tar` takes while a server writes to its log and rewrites it: a
//! server starts on each of them, and has at least what was acknowledged before the copy was begun.

// A harness starts programs, ends them, and writes files.
#![allow(clippy::disallowed_methods)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use support::frames::encode;
use support::server::{PATIENCE, Server, TempDir};
use support::tcp::TcpLink;

/// Copies that are taken; a long run takes more.
fn copies() -> u64 {
    let wanted = std::env::var("REDSTART_COPIES").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(12)
}

fn ask(link: &mut TcpLink, words: &[&str]) -> String {
    link.send(&encode(words), PATIENCE).expect("it reads");
    let frame = link.frame(PATIENCE).expect("it answers");
    String::from_utf8_lossy(&frame).trim_end().to_owned()
}

fn length(link: &mut TcpLink) -> u64 {
    ask(link, &["LLEN", "log"])[1..].parse().expect("a length")
}

/// Pushes rising numbers in batches, now and then with a rewrite, until told to stop.
fn write(mut link: TcpLink, acknowledged: &AtomicU64, stop: &AtomicBool) {
    let mut pushed = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let mut batch = Vec::new();
        let rewrites = pushed.is_multiple_of(4000);
        if rewrites {
            batch.extend(encode(&["BGREWRITEAOF"]));
        }
        for _ in 0..100 {
            pushed += 1;
            batch.extend(encode(&["RPUSH", "log", &pushed.to_string()]));
        }
        link.send(&batch, PATIENCE).expect("it reads");
        (0..100 + usize::from(rewrites)).for_each(|_| {
            link.frame(PATIENCE).expect("it answers");
        });
        acknowledged.store(pushed, Ordering::Relaxed);
    }
}

/// What `tar` makes of a folder; that files change or vanish meanwhile is none of its business.
fn copy(from: &Path, to: &Path) {
    let mut reader = Command::new("tar")
        .arg("-C")
        .arg(from)
        .args(["-cf", "-", "appendonlydir"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a tar");
    let archive = reader.stdout.take().expect("it was piped");
    let written = Command::new("tar").arg("-C").arg(to).args(["-xf", "-"]).stdin(archive).status();
    assert!(written.expect("there is a tar").success());
    reader.wait().expect("it ends");
}

#[test]
fn a_copy_taken_at_any_moment_starts() {
    let dir = TempDir::new();
    let path = dir.path().to_str().expect("a plain name");
    let options = ["--dir", path, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];
    let server = Server::start(&options);
    let mut link = TcpLink::connect(server.addr()).expect("it listens");
    // A base that takes a while to write and to copy.
    assert_eq!(ask(&mut link, &["DEBUG", "POPULATE", "20000", "key", "100"]), "+OK");
    let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = std::thread::spawn({
        let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        move || write(link, &acknowledged, &stop)
    });
    let mut healed = 0;
    for n in 0..copies() {
        while acknowledged.load(Ordering::Relaxed) < 1000 * (n + 1) {
            std::thread::yield_now();
        }
        let promised = acknowledged.load(Ordering::Relaxed);
        let target = TempDir::new();
        copy(dir.path(), target.path());
        let path = target.path().to_str().expect("a plain name");
        let second = Server::start(&["--dir", path, "--appendonly", "yes"]);
        healed += u32::from(second.log().contains("this is a copy"));
        let mut link = TcpLink::connect(second.addr()).expect("it listens");
        let length = length(&mut link);
        assert!(length >= promised, "copy {n}: {length} of {promised}");
        let last = ask(&mut link, &["LINDEX", "log", "-1"]);
        assert!(last.ends_with(&format!("\n{length}")), "copy {n}: {last} at the end");
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().expect("it was answered");
    println!("{healed} of {} copies were made good", copies());
}
