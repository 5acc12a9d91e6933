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
        space.effects.interest = Interest {
            propagate: true,
            notify: !(class::KEY_MISS | class::NEW),
            ..Interest::default()
        };
        let limits = Limits { zset_max_listpack_entries: entries, ..Limits::default() };
        World { space, rng: Rng::seeded(4), limits }
    }

    /// Runs a call; gives what goes to the stream, the names of the events and the changes.
    fn run(&mut self, call: &str) -> (String, String, u64) {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let name = String::from_utf8_lossy(words[0]).to_lowercase();
        let mut specs = SPECS.iter().chain(crate::commands::geo::SPECS);
        let spec = specs.find(|spec| spec.name == name).expect("a command of ours");
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
            match effect {
                Effect::Touched { event, .. } => events.push(event.name),
                Effect::Propagate { .. } => panic!("{call}: a further command"),
                _ => {}
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
    for entries in [0, 128] {
        let mut w = World::new(entries);
        w.as_is("ZADD z 1 a 2 b 3 a", "zadd", 3);
        w.nothing("ZADD z 3 a 2 b");
        w.nothing("ZADD z NX 9 a");
        w.nothing("ZADD z XX 9 x");
        w.nothing("ZADD none XX 9 x");
        w.as_is("ZADD z CH GT 4 a 1 b 5 c", "zadd", 2);
        w.as_is("ZINCRBY z 1 a", "zincr", 1);
        w.nothing("ZINCRBY z 0 a");
        w.nothing("ZREM z x");
        w.as_is("ZREM z a x", "zrem", 1);
        w.as_is("ZRANGESTORE d z 0 -1", "zrangestore", 1);
        w.as_is("ZUNIONSTORE d 2 z d", "zunionstore", 1);
        w.nothing("ZINTERSTORE none 1 none");
        w.as_is("ZREMRANGEBYSCORE d (2 9", "zremrangebyscore", 1);
        w.nothing("ZREMRANGEBYRANK d 7 9");
        w.as_is("ZREMRANGEBYLEX d - +", "zremrangebylex del", 1);
        w.as_is("ZDIFFSTORE z 1 none", "del", 1);
        assert_eq!(w.space.dbs[0].dict.len(), 0);
    }
}

#[test]
fn pops_are_told_as_what_they_took() {
    for entries in [0, 128] {
        let mut w = World::new(entries);
        let fill = "ZADD z 1 a 2 b 3 c";
        w.run(fill);
        w.as_is("ZPOPMIN z", "zpopmin", 1);
        w.as_is("ZPOPMAX z 5", "zpopmax del", 2);
        w.nothing("ZPOPMAX z 5");
        w.run(fill);
        w.nothing("ZPOPMAX z 0");
        w.expect("ZMPOP 2 none z MIN COUNT 2", "ZPOPMIN z 2", "zpopmin", 2);
        w.expect("BZMPOP 0 1 z MAX COUNT 9", "ZPOPMAX z 1", "zpopmax del", 1);
        w.run(fill);
        w.expect("BZPOPMIN none z 0", "ZPOPMIN z", "zpopmin", 1);
        w.nothing("BZPOPMIN none 0");
    }
}

#[test]
fn places_are_told_as_scores() {
    let mut w = World::new(128);
    let told = "zadd g CH 3479099956230698 Palermo";
    w.expect("GEOADD g CH 13.361389 38.115556 Palermo", told, "zadd", 1);
    w.nothing("GEOADD g NX 1 1 Palermo");
    let search = "FROMMEMBER Palermo BYRADIUS 1 km";
    w.as_is(&format!("GEOSEARCHSTORE d g {search}"), "geosearchstore", 1);
    w.as_is("GEORADIUS g 0 0 1 m STORE d", "del", 1);
    w.nothing("GEORADIUS g 0 0 1 m STORE d");
    w.as_is("GEORADIUSBYMEMBER g Palermo 1 m STOREDIST d", "georadiusstore", 1);
}
