//! A server process and the memory it really takes: what INFO says against the allocator and the
//! kernel, and a full server in a container of 128 MiB.

// Processes, control groups and real memory are what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use redstart::base::rng::Rng;
use support::frames::encode;
use support::server::{OURS, PATIENCE, Server, TempDir};
use support::tcp::TcpLink;

const MIB: usize = 1 << 20;

/// Sends commands in one go and reads as many replies.
fn pipeline(link: &mut TcpLink, commands: &[Vec<String>]) {
    let bytes: Vec<u8> = commands.iter().flat_map(|words| encode(words)).collect();
    link.send(&bytes, PATIENCE).expect("it reads");
    for _ in commands {
        let reply = link.frame(PATIENCE).expect("it answers");
        assert_ne!(reply[0], b'-', "{}", String::from_utf8_lossy(&reply));
    }
}

/// The numbers of an INFO section.
fn info(link: &mut TcpLink, section: &str) -> HashMap<String, usize> {
    let text = link.ask(&["INFO", section]);
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

/// A figure of the kernel's about a process, bytes.
fn kernel_figure(pid: u32, name: &str) -> usize {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.expect("the kernel tells it").trim().trim_end_matches(" kB");
    number.parse::<usize>().expect("a number") * 1024
}

/// Threads of a process by this name.
fn threads(pid: u32, name: &str) -> usize {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|comm| comm.trim() == name).count()
}

#[test]
fn large_servers_purge_from_a_thread_of_its_own() {
    const NAME: &str = "jemalloc_bg_thd";
    let server = Server::start::<&str>(&["--enable-debug-command", "yes"]);
    let mut link = server.connect();
    let began = Instant::now();
    let until = |link: &mut TcpLink, wanted: usize| {
        while threads(server.id(), NAME) != wanted {
            assert!(began.elapsed() < PATIENCE, "{} threads", threads(server.id(), NAME));
            link.ask(&["PING"]);
        }
    };
    assert_eq!(threads(server.id(), NAME), 0, "there is nothing to purge yet");
    link.ask(&["DEBUG", "POPULATE", "400000", "key", "100"]);
    until(&mut link, 1);
    link.ask(&["CONFIG", "SET", "jemalloc-bg-thread", "no"]);
    until(&mut link, 0);
    link.ask(&["CONFIG", "SET", "jemalloc-bg-thread", "yes"]);
    until(&mut link, 1);
}

fn command(rng: &mut Rng, n: usize) -> Vec<String> {
    let value = |rng: &mut Rng, longest: u64| "v".repeat(rng.below(longest) as usize);
    let words: Vec<String> = match rng.below(8) {
        0..4 => vec!["SET".into(), format!("key:{n}"), value(rng, 6000)],
        // Not many: a page at the end that was never written to takes no physical memory.
        4 if n.is_multiple_of(10) => vec!["SET".into(), format!("large:{n}"), value(rng, 60_000)],
        5 => vec!["HSET".into(), format!("h{}", n % 100), format!("f{n}"), value(rng, 300)],
        6 => vec!["RPUSH".into(), format!("l{}", n % 50), value(rng, 300)],
        _ => vec!["ZADD".into(), format!("z{}", n % 20), n.to_string(), format!("member{n}")],
    };
    words
}

fn percent_off(figure: usize, truth: usize) -> f64 {
    (figure as f64 - truth as f64).abs() / truth as f64 * 100.0
}

#[test]
fn info_agrees_with_the_allocator_and_the_kernel() {
    const DATA: usize = 110 * MIB;
    let server = Server::start::<&str>(&[]);
    let mut link = server.connect();
    let (mut rng, mut n) = (Rng::seeded(1), 0);
    while info(&mut link, "memory")["used_memory"] < DATA {
        let commands: Vec<Vec<String>> = (n..n + 500).map(|n| command(&mut rng, n)).collect();
        pipeline(&mut link, &commands);
        n += 500;
    }
    // INFO's readings are up to a tenth of a second old.
    let end = Instant::now() + PATIENCE;
    loop {
        let told = info(&mut link, "memory");
        let outside = kernel_figure(server.id(), "RssFile") + kernel_figure(server.id(), "VmStk");
        let off = [
            percent_off(told["used_memory"], told["allocator_allocated"]),
            percent_off(told["allocator_resident"] + outside, told["used_memory_rss"]),
            percent_off(told["used_memory_rss"], kernel_figure(server.id(), "VmRSS")),
        ];
        let ordered = told["allocator_allocated"] <= told["allocator_active"]
            && told["allocator_active"] <= told["allocator_resident"];
        if off[0] <= 1.0 && off[1] <= 5.0 && off[2] <= 5.0 && ordered {
            println!("off by {off:.2?} %: {told:?}");
            return;
        }
        assert!(Instant::now() < end, "off by {off:.2?} %: {told:?}");
    }
}

/// A control group with a limit of memory, where one may be made.
struct Group(PathBuf);

impl Group {
    fn new(limit: usize) -> Option<Group> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let place = |line: &str| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            match controllers {
                "" => Some((Path::new("/sys/fs/cgroup").join(path), "memory.max")),
                list if list.split(',').any(|name| name == "memory") => {
                    Some((Path::new("/sys/fs/cgroup/memory").join(path), "memory.limit_in_bytes"))
                }
                _ => None,
            }
        };
        own.lines().filter_map(place).find_map(|(parent, file)| {
            // Inside a container only its own part may be mounted.
            let root = match file {
                "memory.max" => PathBuf::from("/sys/fs/cgroup"),
                _ => PathBuf::from("/sys/fs/cgroup/memory"),
            };
            [parent, root].into_iter().find_map(|parent| {
                let group = Group(parent.join(format!("redstart-test-{}", std::process::id())));
                fs::create_dir(&group.0).ok()?;
                // Without this file the memory of the group is not controlled.
                fs::write(group.0.join(file), limit.to_string()).ok().map(|()| group)
            })
        })
    }

    /// A program that moves into the group and becomes the server.
    fn entrance(&self, dir: &Path) -> String {
        let script = dir.join("enter");
        let enter = format!("echo $$ > '{}'", self.0.join("cgroup.procs").display());
        fs::write(&script, format!("#!/bin/sh\n{enter} && exec '{OURS}' \"$@\"\n")).expect("ours");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
        script.to_str().expect("the build's folder has a plain name").to_owned()
    }

    /// How often the kernel ended a process of the group.
    fn ended(&self) -> usize {
        let text = |file: &str| fs::read_to_string(self.0.join(file)).unwrap_or_default();
        let events = text("memory.events") + &text("memory.oom_control");
        let kills = events.lines().filter_map(|line| line.strip_prefix("oom_kill "));
        kills.filter_map(|count| count.parse::<usize>().ok()).sum()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have ended; a group that stays would be empty.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Writes without end, readers that do not read, and snapshots: nobody runs out of memory.
#[test]
fn a_container_of_128_mib_is_not_overrun() {
    const LIMIT: usize = 128 * MIB;
    const WRITTEN: usize = 160 * MIB;
    let group = Group::new(LIMIT);
    let dir = TempDir::new();
    let common = ["--maxmemory-policy", "allkeys-lru", "--maxmemory-clients", "20%"];
    let server = match &group {
        Some(group) => Server::start_program(&group.entrance(dir.path()), &common),
        None => {
            println!("no control group may be made here: the limit is given by hand");
            Server::start(&[&common[..], &["--maxmemory", "96mb"]].concat())
        }
    };
    let mut writer = server.connect();
    assert_eq!(info(&mut writer, "memory")["maxmemory"], 96 * MIB);
    let mut lazy = Vec::new();
    let (mut rng, mut written, mut batches) = (Rng::seeded(2), 0, 0);
    while written < WRITTEN {
        let from = batches * 200;
        let commands: Vec<Vec<String>> = (from..from + 200).map(|n| command(&mut rng, n)).collect();
        written += commands.iter().flatten().map(String::len).sum::<usize>();
        pipeline(&mut writer, &commands);
        batches += 1;
        if batches % 20 == 0 {
            // It asks for 16 MB and reads none of it.
            let mut link = server.connect();
            let request = encode(&["LRANGE", "l1", "0", "-1"]).repeat(16 * MIB / 1000);
            link.send(&request[..request.len().min(100_000)], PATIENCE).expect("it reads");
            lazy.push(link);
        }
        if batches % 60 == 0 {
            writer.ask(&["BGSAVE"]);
        }
    }
    assert_eq!(writer.ask(&["SET", "last", "here"]), "+OK\r\n");
    assert_eq!(writer.ask(&["GET", "last"]), "$4\r\nhere\r\n");
    let (memory, stats) = (info(&mut writer, "memory"), info(&mut writer, "stats"));
    let most = kernel_figure(server.id(), "VmHWM");
    println!("{batches} batches, at most {most} bytes held, {memory:?} {stats:?}");
    assert!(stats["evicted_keys"] > 0, "the limit was never reached");
    assert!(stats["evicted_clients"] > 0, "the readers were no burden");
    assert!(info(&mut writer, "persistence")["rdb_saves"] > 0, "no snapshot was finished");
    assert!(most < LIMIT, "{most} bytes were held");
    drop((lazy, writer, server));
    if let Some(group) = group {
        assert_eq!(group.ended(), 0, "the kernel ended the server");
    }
}
