//! What goes to the propagation stream, and which events are told: the calls as replicas and the
//! log see them.

use super::*;
use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::commands::{expire, generic};
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::spec::Run;
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Effect, Interest};
use crate::resp::reply::{Proto, Reply};

const NOW: i64 = 1_700_000_000_000;

struct World {
    space: Keyspace,
    rng: Rng,
    limits: Limits,
}

impl World {
    fn new() -> World {
        let mut space = Keyspace::new(2, Seed { k0: 1, k1: 2 }, Rng::seeded(3));
        space.effects.interest =
            Interest { propagate: true, notify: !class::KEY_MISS, changes: false };
        World { space, rng: Rng::seeded(4), limits: Limits::default() }
    }

    /// Runs a call; gives what goes to the stream, words joined, and the names of the events.
    fn run_words(&mut self, words: &[&[u8]]) -> (String, String) {
        let name = String::from_utf8_lossy(words[0]).to_lowercase();
        let specs = [SPECS, expire::SPECS, generic::SPECS].concat();
        let spec = specs.iter().find(|spec| spec.name == name).expect("a command of ours");
        let Run::Data(handler) = spec.run else { panic!("a data command") };
        let mut argv = Argv::from_slices(words);
        let mut args = Args::new(argv.raw());
        let mut out = Reply::new(Proto::V2);
        let mut cx = DataCx {
            keys: self.space.keys(0, NOW, true),
            out: &mut out,
            rng: &mut self.rng,
            limits: &self.limits,
            now: NOW,
            caller: crate::engine::cx::Caller::Client,
        };
        let stream = match handler(&mut cx, &mut args).expect("a call that works") {
            Outcome::Changed(Propagate::Verbatim) => args.to_argv(),
            Outcome::Changed(Propagate::As(argv)) => argv,
            Outcome::Changed(Propagate::Nothing) | Outcome::Unchanged => Argv::new(),
            Outcome::Enter(_) | Outcome::Block(_) => panic!("nothing here waits"),
        };
        let stream: Vec<_> = stream.iter().map(String::from_utf8_lossy).collect();
        let mut events = Vec::new();
        for effect in self.space.effects.take() {
            if let Effect::Touched { event, .. } = effect {
                events.push(event.name);
            }
        }
        (stream.join(" "), events.join(" "))
    }

    fn run(&mut self, call: &str) -> (String, String) {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        self.run_words(&words)
    }

    #[track_caller]
    fn expect(&mut self, call: &str, stream: &str, events: &str) {
        assert_eq!(self.run(call), (stream.to_owned(), events.to_owned()), "{call}");
    }

    #[track_caller]
    fn as_is(&mut self, call: &str, events: &str) {
        self.expect(call, call, events);
    }

    #[track_caller]
    fn nothing(&mut self, call: &str) {
        self.expect(call, "", "");
    }
}

#[test]
fn set_and_its_forms() {
    let mut w = World::new();
    w.as_is("SET k v", "new set");
    w.as_is("SET k v XX KEEPTTL", "set");
    w.nothing("SET k v NX");
    w.nothing("SET k v NX GET");
    w.expect("SET k v EX 10", "SET k v PXAT 1700000010000", "set expire");
    w.expect("SET k v px 10 GET XX", "SET k v PXAT 1700000000010", "set expire");
    w.expect("SET k v EXAT 1800000000", "SET k v PXAT 1800000000000", "set expire");
    w.as_is("SET k v PXAT 1800000000000", "set expire");
    w.expect("SET k v GET XX get", "SET k v XX", "set");
    w.expect("SETEX k 10 v", "SET k v PXAT 1700000010000", "set expire");
    w.expect("PSETEX k 10 v", "SET k v PXAT 1700000000010", "set expire");
    w.expect("GETSET k w", "SET k w", "set");
    w.nothing("SETNX k v");
    w.as_is("SETNX n v", "new set");
    w.as_is("MSET k 1 m 2", "set new set");
    w.nothing("MSETNX k 1 o 2");
    w.as_is("MSETNX o 1 p 2", "new set new set");
    w.expect("GETDEL k", "DEL k", "del");
    w.nothing("GETDEL k");
}

#[test]
fn getex() {
    let mut w = World::new();
    w.run("SET k v");
    w.nothing("GETEX k");
    w.nothing("GETEX k PERSIST");
    w.expect("GETEX k EX 10", "PEXPIREAT k 1700000010000", "expire");
    w.expect("GETEX k PXAT 1800000000000", "PEXPIREAT k 1800000000000", "expire");
    w.expect("GETEX k PERSIST", "PERSIST k", "persist");
    w.expect("GETEX k PXAT 1", "DEL k", "del");
    w.nothing("GETEX k EX 10");
}

#[test]
fn changes_in_place() {
    let mut w = World::new();
    w.as_is("INCR n", "new incrby");
    w.as_is("DECRBY n 5", "incrby");
    w.expect("INCRBYFLOAT n 0.5", "SET n -3.5 KEEPTTL", "incrbyfloat");
    w.as_is("APPEND a x", "new append");
    w.as_is("APPEND a y", "append");
    w.as_is("SETRANGE a 1 z", "setrange");
    assert_eq!(w.run_words(&[b"SETRANGE", b"a", b"5", b""]), (String::new(), String::new()));
}

#[test]
fn deadlines() {
    let mut w = World::new();
    w.run("SET k v");
    w.nothing("EXPIRE k 10 XX");
    w.nothing("EXPIRE none 10");
    w.expect("EXPIRE k 10", "PEXPIREAT k 1700000010000", "expire");
    w.expect("PEXPIRE k 20 lt", "PEXPIREAT k 1700000000020 lt", "expire");
    w.expect("EXPIREAT k 1800000000", "PEXPIREAT k 1800000000000", "expire");
    w.as_is("PEXPIREAT k 1800000000001 GT", "expire");
    w.as_is("PERSIST k", "persist");
    w.nothing("PERSIST k");
    w.expect("EXPIREAT k 1", "DEL k", "del");
}

#[test]
fn keys_of_any_type() {
    let mut w = World::new();
    w.run("MSET a 1 b 2 c 3 d 4");
    w.as_is("DEL a none b", "del del");
    w.nothing("UNLINK a b");
    // The key that is renamed over is deleted first: the name is new again.
    w.as_is("RENAME c d", "new rename_from rename_to");
    w.nothing("RENAME d d");
    w.nothing("RENAMENX d d");
    w.as_is("RENAMENX d e", "new rename_from rename_to");
    w.as_is("COPY e f", "new copy_to");
    w.nothing("COPY e f");
    w.as_is("MOVE e 1", "new move_from move_to");
    w.as_is("FLUSHDB", "");
    w.as_is("SWAPDB 0 1", "");
}

/// The stream's counter decides when to save: two keys touched by one RENAME are one change.
#[test]
fn changes_are_counted_once() {
    let mut w = World::new();
    for (call, changes) in [
        ("SET k v EX 10", 1),
        ("MSET a 1 b 2 c 3", 3),
        ("RENAME a d", 1),
        ("MOVE b 1", 1),
        ("COPY c e", 1),
        ("EXPIRE c 10", 1),
        ("EXPIRE c -1", 1),
        ("GETEX d EX 10", 1),
        ("DEL d e none", 2),
        ("GET none", 0),
    ] {
        let before = w.space.effects.dirty;
        w.run(call);
        assert_eq!(w.space.effects.dirty - before, changes, "{call}");
    }
}

#[test]
fn adopted_values_reach_the_stream() {
    let mut w = World::new();
    let big = "b".repeat(100_000);
    let until = format!("SET k {big} PXAT 1700000010000");
    for (call, stream) in [
        (format!("SET k {big}"), format!("SET k {big}")),
        (format!("SET k {big} GET"), format!("SET k {big}")),
        (format!("SET k {big} EX 10"), until.clone()),
        (format!("SETEX k 10 {big}"), until.clone()),
        (until.clone(), until.clone()),
        (format!("GETSET k {big}"), format!("SET k {big}")),
        (format!("MSET k {big} l small m {big}"), format!("MSET k {big} l small m {big}")),
        (format!("APPEND fresh {big}"), format!("APPEND fresh {big}")),
        (format!("APPEND fresh {big}"), format!("APPEND fresh {big}")),
        (format!("SETNX nx {big}"), format!("SETNX nx {big}")),
    ] {
        assert!(w.run(&call).0 == stream, "{}", &call[..12]);
    }
    assert_eq!(w.run("STRLEN fresh").0, "");
    let mut keys = w.space.keys(0, NOW, true);
    let len = keys.read::<crate::value::string::Str>(b"fresh").expect("a string");
    assert_eq!(len.expect("it is there").len(), 200_000);
}

#[test]
fn specs_name_each_command_once() {
    let mut names: Vec<_> = SPECS.iter().map(|spec| spec.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!((names.len(), count), (22, 22));
}
