//! What goes to the propagation stream, how much of it counts as change, and in what order the
//! events are told.

use super::*;
use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::engine::args::Args;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::spec::Run;
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Effect, Interest, class};
use crate::keyspace::keys::{NewStr, Ttl};
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
    fn new(nodes: i64) -> World {
        let mut space = Keyspace::new(1, Seed { k0: 1, k1: 2 }, Rng::seeded(3));
        space.effects.interest =
            Interest { propagate: true, notify: !class::KEY_MISS, changes: false };
        let limits = Limits { list_max_listpack_size: nodes, ..Limits::default() };
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
            Ok(Outcome::Block(block)) => {
                let mut argv = Argv::from_slices(&[b"WAIT"]);
                block.keys.iter().for_each(|key| argv.push(key));
                argv
            }
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
    for nodes in [1, -2] {
        let mut w = World::new(nodes);
        w.nothing("LPUSHX l a");
        w.as_is("RPUSH l a b c", "new rpush", 3);
        w.as_is("LPUSHX l x y", "lpush", 2);
        w.as_is("LINSERT l BEFORE b n", "linsert", 1);
        w.nothing("LINSERT l BEFORE none n");
        w.as_is("LSET l 0 z", "lset", 1);
        w.as_is("LPOP l", "lpop", 1);
        w.as_is("RPOP l 2", "rpop", 2);
        w.nothing("RPOP l 0");
        w.as_is("LREM l 0 n", "lrem", 1);
        w.nothing("LREM l 0 n");
        w.as_is("LTRIM l 0 0", "ltrim", 1);
        w.as_is("LPOP l 9", "lpop del", 1);
        assert_eq!(w.space.dbs[0].dict.len(), 0);
    }
}

#[test]
fn the_key_goes_with_the_last_element() {
    for nodes in [1, -2] {
        let mut w = World::new(nodes);
        for (call, events) in
            [("RPOP l 3", "rpop del"), ("LTRIM l 5 9", "ltrim del"), ("LREM l 0 a", "lrem del")]
        {
            w.run("RPUSH l a a a");
            w.as_is(call, events, 3);
        }
        // Told although nothing goes, but no change for the stream.
        w.run("RPUSH l a a a");
        w.expect("LTRIM l 0 -1", "", "ltrim", 0);
    }
}

#[test]
fn moves_are_one_change_told_at_both_ends() {
    for nodes in [1, -2] {
        let mut w = World::new(nodes);
        w.nothing("LMOVE a b LEFT RIGHT");
        w.run("RPUSH a 1 2");
        w.as_is("LMOVE a b LEFT RIGHT", "new rpush lpop", 1);
        w.as_is("RPOPLPUSH a b", "lpush rpop del", 1);
        w.as_is("LMOVE b b LEFT RIGHT", "rpush lpop", 1);
        w.run("LPOP b");
        w.as_is("LMOVE b b LEFT RIGHT", "rpush lpop", 1);
    }
}

#[test]
fn what_waited_is_propagated_as_if_it_had_not() {
    for nodes in [1, -2] {
        let mut w = World::new(nodes);
        w.expect("BLPOP a b 0", "WAIT a b", "", 0);
        w.expect("BLMOVE a b LEFT RIGHT 0", "WAIT a", "", 0);
        w.expect("BLMPOP 0 2 a b LEFT", "WAIT a b", "", 0);
        w.run("RPUSH b 1 2 3 4 5 6 7");
        w.expect("BLPOP a b 0", "LPOP b", "lpop", 1);
        w.expect("BRPOP a b 0", "RPOP b", "rpop", 1);
        w.expect("BLMPOP 0 2 a b RIGHT COUNT 2", "RPOP b 2", "rpop", 2);
        w.expect("LMPOP 2 a b left", "LPOP b 1", "lpop", 1);
        w.expect("BLMOVE b b right LEFT 0", "LMOVE b b right LEFT", "lpush rpop", 1);
        w.expect("BRPOPLPUSH b c 0", "RPOPLPUSH b c", "new lpush rpop", 1);
        w.expect("LMPOP 1 b LEFT COUNT 9", "LPOP b 1", "lpop del", 1);
        w.nothing("LMPOP 1 b LEFT COUNT 9");
    }
}

#[test]
fn what_fails_or_reads_changes_nothing() {
    for nodes in [1, -2] {
        let mut w = World::new(nodes);
        w.run("RPUSH l a b a");
        w.space.keys(0, NOW, true).set_string(b"s", NewStr::Bytes(b"x"), Ttl::Clear);
        w.space.effects.take();
        for call in [
            "LPUSH s a",
            "LPOP s",
            "LPOP l -1",
            "LSET l 3 x",
            "LSET none 0 x",
            "LSET l x x",
            "LMOVE l s LEFT LEFT",
            "LMOVE s l LEFT LEFT",
            "BLMOVE l s LEFT LEFT 0",
            "BLPOP none s l 0",
            "BLPOP l -1",
            "LMPOP 2 s l LEFT",
            "LMPOP 1 l LEFT COUNT 0",
            "LINSERT l NEXT a x",
            "LRANGE l 0 -1",
            "LINDEX l 1",
            "LPOS l a COUNT 0",
            "LLEN l",
        ] {
            w.nothing(call);
        }
        assert_eq!(w.space.dbs[0].dict.len(), 2);
    }
}
