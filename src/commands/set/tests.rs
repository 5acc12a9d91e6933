//! What goes to the propagation stream, how much of it counts as change, and what is touched when
//! nothing changed.

use super::*;
use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::engine::args::Args;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::spec::Run;
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Effect, Interest};
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::Argv;
use crate::value::limits::Limits;

const NOW: i64 = 1_700_000_000_000;

struct World {
    space: Keyspace,
    rng: Rng,
    limits: Limits,
}

impl World {
    fn new(entries: usize) -> World {
        let mut space = Keyspace::new(1, Seed { k0: 1, k1: 2 }, Rng::seeded(3));
        space.effects.interest =
            Interest { propagate: true, notify: !class::KEY_MISS, ..Interest::default() };
        let limits = Limits {
            set_max_listpack_entries: entries,
            set_max_intset_entries: entries,
            ..Limits::default()
        };
        World { space, rng: Rng::seeded(4), limits }
    }

    /// Runs a call; gives what goes to the stream, the names of the events and the changes.
    fn run(&mut self, call: &str) -> (Vec<String>, String, u64) {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let name = String::from_utf8_lossy(words[0]).to_lowercase();
        let spec = SPECS.iter().find(|spec| spec.name == name).expect("a command of ours");
        let Run::Data(handler) = spec.run else { panic!("a data command") };
        let mut argv = Argv::from_slices(&words);
        let mut args = Args::new(argv.raw());
        let mut out = Reply::new(Proto::V2);
        let before = self.space.effects.dirty;
        let mut cx = DataCx {
            keys: self.space.keys(0, NOW, true),
            out: &mut out,
            rng: &mut self.rng,
            limits: &self.limits,
            now: NOW,
            caller: crate::engine::cx::Caller::Client,
        };
        let last = match handler(&mut cx, &mut args) {
            Ok(Outcome::Changed(Propagate::Verbatim)) => args.to_argv(),
            Ok(Outcome::Changed(Propagate::As(argv))) => argv,
            _ => Argv::new(),
        };
        let shown = |argv: &Argv| -> String {
            argv.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
        };
        let (mut stream, mut events) = (Vec::new(), Vec::new());
        for effect in self.space.effects.take() {
            if let Effect::Touched { event, .. } = effect {
                events.push(event.name);
            }
        }
        stream.extend(self.space.effects.take_commands().iter().map(shown));
        if !last.is_empty() {
            stream.push(shown(&last));
        }
        self.space.check();
        (stream, events.join(" "), self.space.effects.dirty - before)
    }

    #[track_caller]
    fn expect(&mut self, call: &str, stream: &[&str], events: &str, changes: u64) {
        let stream = stream.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(self.run(call), (stream, events.to_owned(), changes), "{call}");
    }

    #[track_caller]
    fn as_is(&mut self, call: &str, events: &str, changes: u64) {
        self.expect(call, &[call], events, changes);
    }

    #[track_caller]
    fn nothing(&mut self, call: &str) {
        self.expect(call, &[], "", 0);
    }
}

#[test]
fn changes_are_counted_told_and_propagated() {
    for entries in [0, 128] {
        let mut w = World::new(entries);
        w.as_is("SADD s a b a 7", "new sadd", 3);
        w.nothing("SADD s a b");
        w.nothing("SREM s x");
        w.as_is("SREM s b x", "srem", 1);
        w.nothing("SMOVE s t x");
        w.nothing("SMOVE s s a");
        w.as_is("SMOVE s t a", "srem new sadd", 2);
        w.as_is("SADD t 7", "sadd", 1);
        w.as_is("SMOVE s t 7", "srem del", 1);
        w.as_is("SUNIONSTORE u t none", "new sunionstore", 1);
        w.as_is("SDIFFSTORE u t t", "del", 1);
        w.nothing("SDIFFSTORE u t t");
        w.as_is("SINTERSTORE t t t", "sinterstore", 1);
        w.as_is("SREM t a 7 more", "srem del", 2);
        assert_eq!(w.space.dbs[0].dict.len(), 0);
    }
}

#[test]
fn what_was_popped_is_named() {
    for entries in [0, 128] {
        let mut w = World::new(entries);
        w.run("SADD s a");
        w.expect("SPOP s", &["SREM s a"], "spop del", 1);
        w.run("SADD s a b c");
        w.nothing("SPOP s 0");
        w.nothing("SPOP none 3");
        w.expect("SPOP s 3", &["DEL s"], "spop del", 3);
        w.run("SADD s a b c");
        let (stream, events, changes) = w.run("SPOP s 2");
        assert_eq!((&events[..], changes), ("spop", 2));
        let words: Vec<&str> = stream[0].split(' ').collect();
        assert!(stream.len() == 1 && words.len() == 4 && words[..2] == ["SREM", "s"]);
        w.nothing(&format!("SREM s {} {}", words[2], words[3]));
        // Many are named in several calls.
        let all: Vec<String> = (0..3000).map(|n| format!("m{n}")).collect();
        w.run(&format!("SADD big {}", all.join(" ")));
        for (popped, calls) in [(1500, 2), (1400, 2)] {
            let (stream, _, changes) = w.run(&format!("SPOP big {popped}"));
            let named: usize = stream.iter().map(|call| call.split(' ').count() - 2).sum();
            assert_eq!((stream.len(), named, changes), (calls, popped, popped as u64));
        }
    }
}

#[test]
fn what_fails_or_reads_changes_nothing() {
    for entries in [0, 128] {
        let mut w = World::new(entries);
        w.run("SADD s a b");
        for call in [
            "SMEMBERS s",
            "SRANDMEMBER s",
            "SRANDMEMBER s -3",
            "SSCAN s 0",
            "SINTER s s",
            "SUNION s none",
            "SDIFF s none",
            "SINTERCARD 1 s",
            "SPOP s -1",
            "SPOP s 1 1",
        ] {
            w.nothing(call);
        }
        assert_eq!(w.space.dbs[0].dict.len(), 1);
    }
}
