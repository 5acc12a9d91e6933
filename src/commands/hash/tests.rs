//! What goes to the propagation stream, how much of it counts as change, and what is touched when
//! nothing changed.

use super::*;
use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::engine::args::Args;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::spec::Run;
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Effect, Interest, class};
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
            Interest { propagate: true, notify: !class::KEY_MISS, changes: false };
        let limits = Limits { hash_max_listpack_entries: entries, ..Limits::default() };
        World { space, rng: Rng::seeded(4), limits }
    }

    /// Runs a call; gives what goes to the stream, the names of the events and the changes.
    fn run(&mut self, call: &str) -> (String, String, u64) {
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
        let stream = match handler(&mut cx, &mut args) {
            Ok(Outcome::Changed(Propagate::Verbatim)) => args.to_argv(),
            Ok(Outcome::Changed(Propagate::As(argv))) => argv,
            _ => Argv::new(),
        };
        let stream: Vec<_> = stream.iter().map(String::from_utf8_lossy).collect();
        let mut events = Vec::new();
        for effect in self.space.effects.take() {
            if let Effect::Touched { event, .. } = effect {
                events.push(event.name);
            }
        }
        self.space.check();
        (stream.join(" "), events.join(" "), self.space.effects.dirty - before)
    }

    #[track_caller]
    fn expect(&mut self, call: &str, stream: &str, events: &str, changes: u64) {
        assert_eq!(self.run(call), (stream.to_owned(), events.to_owned(), changes), "{call}");
    }

    #[track_caller]
    fn as_is(&mut self, call: &str, events: &str, changes: u64) {
        self.expect(call, call, events, changes);
    }

    #[track_caller]
    fn nothing(&mut self, call: &str) {
        self.expect(call, "", "", 0);
    }
}

#[test]
fn changes_are_counted_told_and_propagated() {
    for entries in [0, 512] {
        let mut w = World::new(entries);
        w.as_is("HSET h f 1 g 2", "new hset", 2);
        w.as_is("HSET h f 1", "hset", 1);
        w.as_is("HMSET h f 1 f 2 f 3", "hset", 3);
        w.nothing("HSETNX h f 1");
        w.as_is("HSETNX h n 1", "hset", 1);
        w.as_is("HINCRBY h n 0", "hincrby", 1);
        w.expect("HINCRBYFLOAT h n 0.50", "HSET h n 1.5", "hincrbyfloat", 1);
        w.nothing("HDEL h x");
        w.as_is("HDEL h f x f g", "hdel", 2);
        w.as_is("HDEL h n", "hdel del", 1);
        w.nothing("HDEL h n");
        assert_eq!(w.space.dbs[0].dict.len(), 0);
    }
}

#[test]
fn what_fails_or_reads_changes_nothing() {
    for entries in [0, 512] {
        let mut w = World::new(entries);
        w.run("HSET h f text n 9223372036854775807 i inf");
        for call in [
            "HSET h f",
            "HINCRBY h f 1",
            "HINCRBY h n 1",
            "HINCRBY new n x",
            "HINCRBYFLOAT h f 1",
            "HINCRBYFLOAT h i 1",
            "HINCRBYFLOAT new i inf",
            "HGET h f",
            "HGETALL h",
            "HRANDFIELD h",
            "HRANDFIELD h -3 WITHVALUES",
            "HSCAN h 0",
        ] {
            w.nothing(call);
        }
        assert_eq!(w.space.dbs[0].dict.len(), 1);
    }
}
