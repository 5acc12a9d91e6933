//! Who waits for long work, and who does not: only what would disturb it, and nobody for ever.

use crate::support::frames::encode;
use crate::support::local::Inner;
use redstart::engine::client::ClientId;

/// Elements of the values that commands take long for.
const MANY: usize = 12_000;

/// An engine with a list `l` and a sorted set `z`, whose slices are as short as can be.
struct Rig {
    inner: Inner,
    long: ClientId,
    other: ClientId,
    third: ClientId,
}

impl Rig {
    fn new() -> Rig {
        let mut inner = Inner::new(&["--list-max-listpack-size", "4"], 1);
        let [long, other, third] = [inner.connect(), inner.connect(), inner.connect()];
        for from in (0..MANY).step_by(1000) {
            let mut list = vec!["RPUSH".to_owned(), "l".to_owned()];
            list.extend((from..from + 1000).map(|n| (n % 10).to_string()));
            inner.feed(other, &encode(&list));
            let mut set = vec!["ZADD".to_owned(), "z".to_owned()];
            set.extend((from..from + 1000).flat_map(|n| [n.to_string(), format!("m{n}")]));
            inner.feed(other, &encode(&set));
        }
        inner.take_output(other);
        Rig { inner, long, other, third }
    }

    /// Begins a long command, which is not done before `settle`.
    fn start(&mut self, call: &[&str]) {
        self.inner.sim.set_haste_us(1000);
        self.say(self.long, call);
        assert!(self.inner.take_output(self.long).is_empty(), "{call:?} is on its way");
        assert!(!self.inner.engine.keyspace.leases.is_empty());
    }

    fn say(&mut self, id: ClientId, call: &[&str]) {
        self.inner.put(id, &encode(call));
        self.inner.pass();
        self.inner.pass();
    }

    /// The other client is answered at once, while the long command goes on.
    fn answered(&mut self, call: &[&str], want: &str) {
        self.say(self.other, call);
        let got = self.inner.take_output(self.other);
        assert_eq!(String::from_utf8_lossy(&got), want, "{call:?}");
        assert!(!self.inner.engine.keyspace.leases.is_empty(), "{call:?} hurries nobody");
    }

    /// The other client waits, a third one does not.
    fn waits(&mut self, call: &[&str]) {
        self.say(self.other, call);
        assert!(self.inner.take_output(self.other).is_empty(), "{call:?} waits");
        self.say(self.third, &["PING"]);
        assert_eq!(self.inner.take_output(self.third), b"+PONG\r\n");
        assert!(!self.inner.engine.keyspace.leases.is_empty(), "{call:?} hurries nobody");
    }

    fn settle(&mut self) -> [String; 2] {
        self.inner.sim.set_haste_us(0);
        self.inner.settle();
        assert!(self.inner.engine.keyspace.leases.is_empty(), "a lease is left");
        [self.long, self.other]
            .map(|id| String::from_utf8_lossy(&self.inner.take_output(id)).into_owned())
    }
}

const LREM: &[&str] = &["LREM", "l", "0", "7"];
const CUT: &[&str] = &["ZREMRANGEBYRANK", "z", "10", "-11"];

#[test]
fn a_script_waits_for_the_keys_it_declares() {
    let mut rig = Rig::new();
    rig.start(LREM);
    rig.answered(&["EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "k"], "+OK\r\n");
    rig.answered(&["EVAL_RO", "return redis.call('LLEN', KEYS[1])", "1", "l"], ":12000\r\n");
    rig.waits(&["EVAL", "return redis.call('LLEN', KEYS[1])", "1", "l"]);
    assert_eq!(rig.settle(), [":1200\r\n", ":10800\r\n"]);
}

#[test]
fn what_a_script_did_not_declare_is_finished_with_at_once() {
    for (script, want) in [
        ("return redis.call('RPUSH', 'l', 'x')", ":10801\r\n"),
        ("redis.call('SET', 'k', 'v') return redis.call('RPUSH', 'l', 'x')", ":10801\r\n"),
    ] {
        let mut rig = Rig::new();
        rig.inner.engine.keep_stream();
        rig.start(LREM);
        rig.say(rig.other, &["EVAL", script, "0"]);
        assert_eq!(rig.inner.take_output(rig.long), b":1200\r\n");
        assert_eq!(rig.inner.take_output(rig.other), want.as_bytes());
        let stream = String::from_utf8(rig.inner.engine.take_stream()).expect("plain text");
        let at = |word: &str| stream.find(word).unwrap_or_else(|| panic!("{word} in {stream:?}"));
        assert!(at("LREM") < at("RPUSH"), "{stream:?}");
        rig.settle();
    }
}

#[test]
fn a_transaction_waits_for_its_keys() {
    let mut rig = Rig::new();
    rig.start(LREM);
    let queued = "+QUEUED\r\n";
    rig.answered(&["MULTI"], "+OK\r\n");
    rig.answered(&["LLEN", "l"], queued);
    rig.answered(&["SET", "k", "v"], queued);
    rig.answered(&["EXEC"], "*2\r\n:12000\r\n+OK\r\n");
    rig.answered(&["MULTI"], "+OK\r\n");
    rig.answered(&["RPUSH", "l", "x"], queued);
    rig.answered(&["LLEN", "l"], queued);
    rig.waits(&["EXEC"]);
    assert_eq!(rig.settle(), [":1200\r\n", "*2\r\n:10801\r\n:10801\r\n"]);
}

#[test]
fn a_snapshot_waits_for_values_between_two_states_alone() {
    let started = "+Background saving started\r\n";
    let mut rig = Rig::new();
    rig.start(LREM);
    rig.answered(&["BGSAVE"], started);
    assert_eq!(rig.settle()[0], ":1200\r\n");
    let mut rig = Rig::new();
    rig.start(CUT);
    rig.waits(&["BGSAVE"]);
    assert_eq!(rig.settle(), [":11980\r\n", started]);
    let mut rig = Rig::new();
    rig.start(CUT);
    rig.answered(&["MULTI"], "+OK\r\n");
    rig.answered(&["BGSAVE"], "+QUEUED\r\n");
    rig.waits(&["EXEC"]);
    assert_eq!(rig.settle()[1], "*1\r\n+Background saving scheduled\r\n");
}

#[test]
fn flushing_waits_for_what_is_to_be_stored() {
    for call in [&["FLUSHALL"][..], &["FLUSHDB"], &["SWAPDB", "0", "1"]] {
        let mut rig = Rig::new();
        rig.start(&["SORT", "l"]);
        rig.answered(call, "+OK\r\n");
        rig.settle();
        let mut rig = Rig::new();
        rig.start(&["COPY", "l", "m"]);
        rig.waits(call);
        assert_eq!(rig.settle(), [":1\r\n", "+OK\r\n"]);
    }
}

#[test]
fn readers_that_follow_each_other_do_not_starve_a_writer() {
    let mut rig = Rig::new();
    rig.start(&["SORT", "l", "LIMIT", "0", "1"]);
    let more = encode(&["SORT", "l", "LIMIT", "0", "1"]).repeat(3);
    rig.inner.put(rig.long, &more);
    rig.waits(&["RPUSH", "l", "x"]);
    rig.say(rig.third, &["LRANGE", "l", "0", "-1"]);
    assert!(rig.inner.take_output(rig.third).is_empty(), "it comes behind the writer");
    rig.say(rig.third, &["PING"]);
    while rig.inner.take_output(rig.other).is_empty() {
        assert!(rig.inner.pass(), "it is answered some time");
    }
    let answered = rig.inner.take_output(rig.long);
    assert_eq!(answered, b"*1\r\n$1\r\n0\r\n", "the one that was under way is done, no other");
    rig.settle();
    let listed = rig.inner.take_output(rig.third);
    assert!(listed.starts_with(b"*12001\r\n") && listed.ends_with(b"$1\r\nx\r\n+PONG\r\n"));
}

#[test]
fn who_waits_may_leave() {
    let mut rig = Rig::new();
    rig.start(LREM);
    rig.waits(&["RPUSH", "l", "x"]);
    rig.say(rig.third, &["LRANGE", "l", "-1", "-1"]);
    rig.inner.engine.gone(rig.other);
    rig.settle();
    assert_eq!(rig.inner.take_output(rig.third), b"*1\r\n$1\r\n9\r\n");
}

#[test]
fn who_says_no_more_is_still_served() {
    let mut rig = Rig::new();
    rig.start(LREM);
    rig.waits(&["RPUSH", "l", "x"]);
    rig.inner.engine.read_closed(rig.other);
    assert_eq!(rig.settle()[1], ":10801\r\n");
}

#[test]
fn what_is_held_keeps_no_other_key_from_expiring() {
    let mut rig = Rig::new();
    rig.answered_before(&["PEXPIRE", "l", "5"], ":1\r\n");
    rig.answered_before(&["SET", "k", "v", "PX", "8"], "+OK\r\n");
    rig.start(LREM);
    rig.inner.sim.advance_ms(20);
    rig.inner.pass();
    assert_eq!(rig.inner.engine.keyspace.counters.expired, 1, "the list is needed");
    rig.answered(&["DBSIZE"], ":2\r\n");
    rig.waits(&["EXISTS", "l"]);
    assert_eq!(rig.settle(), [":1200\r\n", ":0\r\n"]);
}

#[test]
fn short_of_memory_a_write_waits_for_what_is_under_way() {
    let mut rig = Rig::new();
    rig.start(&["SORT", "l"]);
    rig.answered(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    rig.waits(&["SET", "k", "v"]);
    let [_, refused] = rig.settle();
    assert!(refused.starts_with("-OOM "), "{refused}");
}

impl Rig {
    fn answered_before(&mut self, call: &[&str], want: &str) {
        self.inner.feed(self.other, &encode(call));
        assert_eq!(self.inner.take_output(self.other), want.as_bytes(), "{call:?}");
    }
}
