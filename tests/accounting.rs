//! Whether the account that values keep of themselves is what the allocator hands out for them, and
//! our count of what it hands out is its own.
//!
//! The allocator counts for the whole process, so this file has one test and runs it alone.

use redstart::alloc;
use redstart::commands;
use redstart::engine::Engine;
use redstart::engine::args::Args;
use redstart::engine::config::Config;
use redstart::engine::session::{Origin, Session};
use redstart::env::sim::Sim;
use redstart::resp::reply::{Proto, Reply};
use redstart::resp::request::Argv;
use redstart::sys;

/// How far the values' account may be off, percent.
const TOLERANCE: f64 = 5.0;
/// How far our count of all blocks may be off from the allocator's, percent.
const COUNT_TOLERANCE: f64 = 1.0;

struct Server {
    engine: Engine,
    session: Session,
}

impl Server {
    fn new() -> Server {
        let engine = Engine::new(Config::default(), Sim::new(1).env(), commands::table());
        Server { engine, session: Session::new(Origin::AofLoad, true) }
    }

    fn run(&mut self, words: &[&str]) {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut argv = Argv::from_slices(&words);
        let (mut out, mut args) = (Reply::new(Proto::V2), Args::new(argv.raw()));
        self.engine.replay(&mut self.session, &mut out, &mut args).expect("it is a command");
    }
}

/// What the kernel says the process holds grows by what the allocator hands out. Comes first: later
/// there are free pages to be used again.
fn pages_are_what_was_handed_out() {
    const STRINGS: usize = 200;
    let mut server = Server::new();
    let (used, rss) = (alloc::used(), sys::resident_bytes());
    for i in 0..STRINGS {
        server.run(&["SET", &i.to_string(), &"v".repeat(450_000)]);
    }
    let (used, rss) = ((alloc::used() - used) as f64, (sys::resident_bytes() - rss) as f64);
    println!("{used} handed out, {rss} held");
    assert!((0.9..1.4).contains(&(rss / used)), "{used} handed out, {rss} held");
}

/// Bytes handed out, by the allocator's own account. What a thread keeps of freed blocks counts as
/// handed out there, so that goes back first.
fn allocated() -> usize {
    alloc::control_text(b"thread.tcache.flush", Some(b"VOID")).expect("every thread has one");
    let [bytes] = alloc::own_figures(["stats.allocated"]).expect("it keeps statistics");
    bytes
}

type Fill = fn(&mut Server, usize);

/// Name, how many steps, and one step.
const DATASETS: &[(&str, usize, Fill)] = &[
    ("integers", 40_000, |s, i| s.run(&["SET", &format!("key:{i:012}"), &i.to_string()])),
    ("short strings", 40_000, |s, i| s.run(&["SET", &format!("k{i}"), &"v".repeat(i % 50)])),
    ("strings of a kilobyte", 6000, |s, i| s.run(&["SET", &i.to_string(), &"v".repeat(1000 + i)])),
    ("large strings", 100, |s, i| s.run(&["SET", &i.to_string(), &"v".repeat(30_000 + i * 999)])),
    ("strings grown by and by", 20_000, |s, i| {
        s.run(&["APPEND", &(i % 20).to_string(), &"v".repeat(i % 90)]);
    }),
    ("keys with deadlines", 40_000, |s, i| {
        s.run(&["SET", &format!("k{i}"), "v", "EX", &(1000 + i * 7919 % 100_000).to_string()]);
    }),
    ("small lists", 60_000, |s, i| s.run(&["RPUSH", &format!("l{}", i / 6), &format!("item{i}")])),
    ("a long list", 100_000, |s, i| s.run(&["RPUSH", "l", &format!("item{i}")])),
    ("small hashes", 60_000, |s, i| {
        s.run(&["HSET", &format!("h{}", i / 6), &format!("field{i}"), "value"]);
    }),
    ("large hashes", 100_000, |s, i| {
        s.run(&["HSET", &format!("h{}", i % 5), &format!("field{i}"), &"v".repeat(i % 40)]);
    }),
    ("sets of integers", 60_000, |s, i| {
        s.run(&["SADD", &format!("s{}", i / 300), &(i * 3).to_string()]);
    }),
    ("large sets", 100_000, |s, i| s.run(&["SADD", &format!("s{}", i % 3), &format!("m{i}")])),
    ("small sorted sets", 60_000, |s, i| {
        s.run(&["ZADD", &format!("z{}", i / 6), &i.to_string(), &format!("m{i}")]);
    }),
    ("large sorted sets", 100_000, |s, i| {
        s.run(&["ZADD", &format!("z{}", i % 3), &(i * 7919 % 5000).to_string(), &format!("m{i}")]);
    }),
    ("streams", 50_000, |s, i| {
        s.run(&["XADD", &format!("x{}", i % 3), &format!("{}-1", i + 1), "field", "value"]);
    }),
];

#[test]
fn values_know_what_they_take() {
    pages_are_what_was_handed_out();
    let mut wrong = Vec::new();
    for (name, steps, fill) in DATASETS {
        let mut server = Server::new();
        // What is made by the first command of a kind is not data.
        fill(&mut server, 1);
        let (real, own) = (alloc::used(), server.engine.keyspace.bytes());
        let theirs = allocated();
        for i in 2..*steps {
            fill(&mut server, i);
        }
        let real = (alloc::used() - real) as f64;
        let own = (server.engine.keyspace.bytes() - own) as f64;
        let off = (own - real) / real * 100.0;
        println!("{name:25} {real:10} allocated, {own:10} by own account, {off:+.1} %");
        if off.abs() > TOLERANCE {
            wrong.push(format!("{name}: {off:+.1} %"));
        }
        let theirs = (allocated() - theirs) as f64;
        println!("{:25} {theirs:10} by the allocator's account", "");
        if (real - theirs).abs() > theirs * COUNT_TOLERANCE / 100.0 {
            wrong.push(format!("the count, {name}: {real} for {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join(", "));
}
