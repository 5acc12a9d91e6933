//! Random work under a limit and each policy: what counts never exceeds the limit by more than the
//! last command brought, and nobody is refused while something may be deleted.
//!
//! That it is the last command's own growth shows in the next one: before it begins all that is
//! above the limit is gone, as far as anything may be deleted.

mod support;

use redstart::base::rng::Rng;
use redstart::engine::client::ClientId;
use redstart::env::sim::JobMode;
use support::frames::encode;
use support::local::Inner;

const COMMANDS: usize = 2500;
/// Bytes that the limit leaves for the data.
const ROOM: usize = 300_000;
/// What a command may bring beyond its words: a segment of the table, a conversion.
const SLACK: usize = 24_000;

const POLICIES: &[&str] = &[
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

fn ask(inner: &mut Inner, id: ClientId, words: &[String]) -> String {
    inner.feed(id, &encode(words));
    String::from_utf8_lossy(&inner.take_output(id)).into_owned()
}

fn command(rng: &mut Rng, n: usize) -> Vec<String> {
    let key = format!("key:{}", rng.below(3000));
    let longest = if rng.below(20) == 0 { 40_000 } else { 400 };
    let value = "v".repeat(rng.below(longest) as usize);
    let words: &[&str] = match rng.below(10) {
        0 | 1 => &["SET", &key, &value],
        2 | 3 => &["SET", &key, &value, "EX", "1000"],
        4 => &["RPUSH", &format!("l{key}"), &value, "x"],
        5 => &["HSET", &format!("h{}", n % 5), &key, &value],
        6 => &["SADD", &format!("s{}", n % 7), &key],
        7 => &["ZADD", &format!("z{}", n % 7), &n.to_string(), &key],
        8 => &["EXPIRE", &key, "500"],
        _ => &["GET", &key],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether there is a key that the policy may delete.
fn may_go(inner: &Inner, policy: &str) -> bool {
    inner.engine.keyspace.dbs.iter().any(|db| match policy {
        "noeviction" => false,
        _ if policy.starts_with("volatile") => !db.deadlines.is_empty(),
        _ => !db.dict.is_empty(),
    })
}

fn work(policy: &str, seed: u64) {
    let mut inner = Inner::new(&["--maxmemory-policy", policy], seed);
    let id = inner.connect();
    let limit = inner.engine.used_memory() + ROOM;
    let set = ["CONFIG", "SET", "maxmemory", &limit.to_string()].map(str::to_owned);
    assert_eq!(ask(&mut inner, id, &set), "+OK\r\n");
    let (mut rng, mut refused, mut reached) = (Rng::seeded(seed), 0, 0);
    for n in 0..COMMANDS {
        let words = command(&mut rng, n);
        let brought: usize = words.iter().map(String::len).sum();
        let reply = ask(&mut inner, id, &words);
        if reply.starts_with("-OOM") {
            refused += 1;
            assert!(!may_go(&inner, policy), "{policy}: refused too early");
        } else {
            assert!(!reply.starts_with('-'), "{policy}: {words:?}: {reply}");
        }
        let used = inner.engine.counted_memory();
        reached = reached.max(used);
        let bound = limit + 3 * brought + SLACK;
        assert!(used <= bound, "{policy}: {used} used, {limit} allowed after {}", words[0]);
        if used > limit {
            assert_eq!(ask(&mut inner, id, &["PING".to_owned()]), "+PONG\r\n");
            let left = inner.engine.counted_memory();
            let any = may_go(&inner, policy);
            assert!(left <= limit || !any, "{policy}: {left} left, {limit} allowed");
        }
        inner.advance_us(20_000);
    }
    inner.engine.check();
    assert!(reached > limit - ROOM / 10, "{policy}: the limit was never near");
    let evicted = inner.engine.keyspace.counters.evicted;
    assert_eq!(policy == "noeviction", evicted == 0, "{policy}: {evicted} evicted");
    assert!(!policy.starts_with("allkeys") || refused == 0);
}

#[test]
fn what_counts_stays_below_the_limit() {
    for policy in POLICIES {
        work(policy, 1);
        work(policy, 2);
    }
}

/// What waits to be freed does not count: deleting one large value is enough.
#[test]
fn garbage_does_not_count() {
    let mut inner = Inner::new(&["--maxmemory-policy", "volatile-ttl"], 1);
    inner.sim.set_job_mode(JobMode::Held);
    let id = inner.connect();
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|w| w.to_string()).collect() };
    ask(&mut inner, id, &words(&["SET", "large", &"x".repeat(1 << 20), "EX", "10"]));
    for i in 0..50 {
        ask(&mut inner, id, &words(&["SET", &format!("small{i}"), "v", "EX", "99"]));
    }
    let limit = (inner.engine.used_memory() - 1000).to_string();
    ask(&mut inner, id, &words(&["CONFIG", "SET", "maxmemory", &limit]));
    assert_eq!(ask(&mut inner, id, &words(&["SET", "new", "v"])), "+OK\r\n");
    assert_eq!(inner.engine.keyspace.counters.evicted, 1);
    assert_eq!(inner.sim.pending_jobs(), 1);
    let done = inner.sim.finish_one().expect("it was held");
    inner.engine.job_done(done);
    assert_eq!(ask(&mut inner, id, &words(&["EXISTS", "large"])), ":0\r\n");
    assert_eq!(ask(&mut inner, id, &words(&["DBSIZE"])), ":51\r\n");
}

/// Each eviction is a DEL of its own in the stream, in front of what made it necessary.
#[test]
fn the_stream_tells_what_went() {
    let mut inner = Inner::new(&["--maxmemory-policy", "allkeys-lru"], 1);
    inner.engine.keep_stream();
    let id = inner.connect();
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|w| w.to_string()).collect() };
    ask(&mut inner, id, &words(&["SET", "old", &"x".repeat(4000)]));
    inner.advance_us(5_000_000);
    let limit = (inner.engine.used_memory() + 100).to_string();
    ask(&mut inner, id, &words(&["CONFIG", "SET", "maxmemory", &limit]));
    ask(&mut inner, id, &words(&["SET", "a", &"x".repeat(4000)]));
    ask(&mut inner, id, &words(&["MULTI"]));
    ask(&mut inner, id, &words(&["SET", "b", "1"]));
    ask(&mut inner, id, &words(&["SET", "c", "1"]));
    ask(&mut inner, id, &words(&["EXEC"]));
    let stream = String::from_utf8(inner.engine.take_stream()).expect("plain text");
    let commands =
        ["SET\r\n$3\r\nold", "SET\r\n$1\r\na", "DEL\r\n$3\r\nold", "MULTI", "SET\r\n$1\r\nb"];
    let places: Vec<Option<usize>> = commands.iter().map(|part| stream.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{stream}");
}

/// A container's limit becomes the default, and a choice by hand wins.
#[test]
fn the_container_has_the_first_word() {
    use redstart::engine::Engine;
    use redstart::engine::config::{Config, Setter};
    use redstart::env::sim::Sim;
    let sim = Sim::new(1);
    sim.set_container(1000 << 20);
    let table = redstart::commands::table();
    let mut engine = Engine::new(Config::default(), sim.env(), table);
    let shown = |engine: &Engine| engine.config.get(b"maxmemory").remove(0).1;
    assert_eq!((engine.memory.bytes, shown(&engine)), (800 << 20, (800u64 << 20).to_string()));
    assert!(!engine.config.rewrite("port 1\n").contains("maxmemory"));
    let set = |engine: &mut Engine, value: &[u8]| {
        let pairs: &[(&[u8], &[u8])] = &[(b"maxmemory", value)];
        engine.reconfigure(pairs, Setter::Client { local: true }).expect("legal");
        engine.memory.bytes
    };
    assert_eq!(set(&mut engine, b"0"), 0);
    // The next start is in a container, too: that there is to be no limit has to be said.
    assert!(engine.config.rewrite("port 1\n").contains("maxmemory 0\n"));
    assert_eq!(set(&mut engine, b"50%"), 500 << 20);
    let mut config = Config::default();
    config.set(&[(b"maxmemory", b"0")], true).expect("legal");
    assert_eq!(Engine::new(config, sim.env(), table).memory.bytes, 0);
}

/// What long work holds on to is not evicted under it, but the work is brought to its end before
/// anybody is refused.
#[test]
fn long_work_ends_before_a_write_is_refused() {
    const MEMBERS: usize = 20_000;
    let mut inner = Inner::new(&["--maxmemory-policy", "allkeys-lru"], 1);
    let (reader, writer) = (inner.connect(), inner.connect());
    let limit = (inner.engine.used_memory() + 10_000).to_string();
    for from in (0..MEMBERS).step_by(1000) {
        let members = (from..from + 1000).map(|i| format!("member{i}"));
        let words: Vec<String> =
            ["SADD", "big"].map(str::to_owned).into_iter().chain(members).collect();
        ask(&mut inner, reader, &words);
    }
    let put = |inner: &mut Inner, id, words: &[&str]| {
        let bytes = encode(words);
        let buffer = inner.engine.buffer(id).expect("it is connected");
        buffer.feed(&bytes);
        inner.engine.arrived(id, 0);
    };
    put(&mut inner, reader, &["SMEMBERS", "big"]);
    put(&mut inner, writer, &["CONFIG", "SET", "maxmemory", &limit]);
    put(&mut inner, writer, &["SET", "new", "v"]);
    inner.engine.run_ready();
    assert_eq!(inner.engine.keyspace.counters.evicted, 1);
    inner.settle();
    assert_eq!(inner.take_output(writer), b"+OK\r\n+OK\r\n");
    let members = inner.take_output(reader);
    assert!(members.starts_with(b"*20000\r\n"));
    assert_eq!(members.windows(2).filter(|pair| pair == b"\r\n").count(), 2 * MEMBERS + 1);
}
