//! What stream commands tell: the propagation stream, the events, how much counts as change, and
//! which changes are none of the key's value.

use super::*;
use crate::base::hash::Seed;
use crate::base::rng::Rng;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::spec::Run;
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Effect, Interest};
use crate::value::limits::Limits;

const NOW: i64 = 1_700_000_000_000;

struct World {
    space: Keyspace,
    rng: Rng,
    limits: Limits,
}

impl World {
    fn new() -> World {
        let mut space = Keyspace::new(1, Seed { k0: 1, k1: 2 }, Rng::seeded(3));
        space.effects.interest =
            Interest { propagate: true, notify: !class::KEY_MISS, changes: true };
        let limits = Limits { stream_node_max_entries: 3, ..Limits::default() };
        World { space, rng: Rng::seeded(4), limits }
    }

    /// Runs a call; gives what goes to the stream, the events and the changes. An event with a star
    /// is one that WATCH hears of.
    fn run(&mut self, call: &str) -> (Vec<String>, String, u64) {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let name = |i: usize| String::from_utf8_lossy(words[i]).to_lowercase();
        let spec = SPECS.iter().find(|spec| spec.name == name(0)).expect("a command of ours");
        let sub = spec.subcommands.iter().find(|sub| sub.name == name(1));
        let Run::Data(handler) = sub.unwrap_or(spec).run else { panic!("a data command") };
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
        let own = match handler(&mut cx, &mut args) {
            Ok(Outcome::Changed(Propagate::Verbatim)) => Some(args.to_argv()),
            Ok(Outcome::Changed(Propagate::As(argv))) => Some(argv),
            _ => None,
        };
        let text =
            |argv: &Argv| argv.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
        let (mut stream, mut events) = (Vec::new(), Vec::new());
        for effect in self.space.effects.take() {
            if let Effect::Touched { event, changed, .. } = effect {
                events.push(format!("{}{}", event.name, if changed { "*" } else { "" }));
            }
        }
        stream.extend(self.space.effects.take_commands().iter().map(text));
        stream.extend(own.iter().map(text));
        self.space.check();
        (stream, events.join(" "), self.space.effects.dirty - before)
    }

    #[track_caller]
    fn expect(&mut self, call: &str, stream: &[&str], events: &str, changes: u64) {
        let got = self.run(call);
        let stream = stream.iter().map(|call| call.to_string()).collect();
        assert_eq!(got, (stream, events.to_owned(), changes), "{call}");
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
fn ids_and_trimmings_are_spelt_out() {
    let mut w = World::new();
    w.as_is("XADD s 1-1 f v", "new xadd*", 1);
    w.expect("XADD s 1-* f v", &["XADD s 1-2 f v"], "xadd*", 1);
    w.expect("XADD s MAXLEN ~ 2 * f v", &["XADD s MAXLEN = 3 1700000000000-0 f v"], "xadd*", 1);
    w.as_is("XADD s MAXLEN 4 1700000000000-1 f v", "xadd*", 1);
    w.as_is("XADD s MAXLEN 4 1700000000000-2 f v", "xadd* xtrim", 1);
    w.expect(
        "XADD s MINID ~ 1700000000000-1 LIMIT 9 1700000000001 f v",
        &["XADD s MINID = 1700000000000-1 1700000000001 f v"],
        "xadd* xtrim",
        1,
    );
    w.expect("XTRIM s MAXLEN ~ 1 LIMIT 3", &[], "", 0);
    w.expect("XTRIM s MAXLEN ~ 0 LIMIT 3", &["XTRIM s MAXLEN = 0"], "xtrim*", 3);
    w.as_is("XADD s 1700000000002 f v", "xadd*", 1);
    w.as_is("XADD s 1700000000003 f v", "xadd*", 1);
    w.expect(
        "XTRIM s MINID ~ 1700000000009",
        &["XTRIM s MINID = 18446744073709551615-18446744073709551615"],
        "xtrim*",
        2,
    );
    w.as_is("XADD s 1700000000004 f v", "xadd*", 1);
    w.as_is("XADD s 1700000000005 f v", "xadd*", 1);
    w.nothing("XDEL s 1-1");
    w.as_is("XDEL s 1700000000004 1700000000005 7-7", "xdel*", 2);
    w.as_is("XSETID s 1700000000009-0", "xsetid", 1);
    w.nothing("XADD t NOMKSTREAM 1 f v");
    w.nothing("XADD s 5-5 f v");
    w.nothing("XADD t 0-0 f v");
}

#[test]
fn groups_are_no_change_of_the_value() {
    let mut w = World::new();
    w.as_is("XGROUP CREATE s g $ MKSTREAM", "new * xgroup-create", 1);
    w.nothing("XGROUP CREATE s g $");
    w.as_is("XGROUP SETID s g 0 ENTRIESREAD 3", "xgroup-setid", 1);
    w.as_is("XGROUP CREATECONSUMER s g a", "xgroup-createconsumer", 1);
    w.nothing("XGROUP CREATECONSUMER s g a");
    w.as_is("XGROUP DELCONSUMER s g a", "xgroup-delconsumer", 1);
    w.nothing("XGROUP DELCONSUMER s g a");
    w.as_is("XGROUP DESTROY s g", "xgroup-destroy", 1);
    w.nothing("XGROUP DESTROY s g");
}

#[test]
fn deliveries_go_as_claims() {
    const TAIL: &str = "FORCE JUSTID LASTID";
    let claim = |id: &str, consumer: &str, count: u32, last: &str| {
        format!("XCLAIM s g {consumer} 0 {id} TIME {NOW} RETRYCOUNT {count} {TAIL} {last}")
    };
    let mut w = World::new();
    for id in 1..=4 {
        w.run(&format!("XADD s {id}-1 f v"));
    }
    w.run("XGROUP CREATE s g 0");
    let first = [claim("1-1", "a", 1, "1-1"), claim("2-1", "a", 1, "2-1")];
    w.expect(
        "XREADGROUP GROUP g a COUNT 2 STREAMS s >",
        &[&first[0], &first[1], "XGROUP SETID s g 2-1 ENTRIESREAD 2"],
        "xgroup-createconsumer",
        2,
    );
    w.expect(
        "XREADGROUP GROUP g b NOACK COUNT 1 STREAMS s >",
        &["XGROUP CREATECONSUMER s g b", "XGROUP SETID s g 3-1 ENTRIESREAD 3"],
        "xgroup-createconsumer",
        2,
    );
    w.expect("XREADGROUP GROUP g a STREAMS s 0", &[], "", 1);
    w.expect(
        "XREADGROUP GROUP g c STREAMS s 0",
        &["XGROUP CREATECONSUMER s g c"],
        "xgroup-createconsumer",
        2,
    );
    w.expect("XCLAIM s g c 0 1-1", &[&claim("1-1", "c", 3, "3-1")], "", 1);
    w.expect("XCLAIM s g c 0 9-9 LASTID 4-0", &["XGROUP SETID s g 4-0 ENTRIESREAD 3"], "", 1);
    w.as_is("XDEL s 2-1", "xdel*", 1);
    w.expect(
        "XAUTOCLAIM s g d 0 0 JUSTID",
        &[&claim("1-1", "d", 3, "4-0"), &claim("2-1", "a", 2, "4-0")],
        "xgroup-createconsumer",
        3,
    );
    w.as_is("XACK s g 1-1 2-1", "", 1);
    w.nothing("XACK s g 1-1 2-1");
}

/// A random call on two streams with two groups each.
fn some_call(rng: &mut Rng, step: u64) -> String {
    let mut pick = |items: &[&str]| items[rng.below(items.len() as u64) as usize].to_owned();
    let (key, group) = (pick(&["s", "t"]), pick(&["g", "h"]));
    let (consumer, near) = (pick(&["a", "b", "c"]), pick(&["1", "3", "7", "12", "20"]));
    let id = step.saturating_sub(near.parse().expect("a number"));
    match pick(&["add", "add", "add", "add", "read", "read", "group", "claim", "end"]).as_str() {
        "add" => {
            let mut option = pick(&["", "", "", "MAXLEN ~ 9 ", "MAXLEN 7 ", "MINID ~ "]);
            if option.starts_with("MINID") {
                option += &format!("{id} ");
            }
            let seq = pick(&["*", "1", "2"]);
            format!("XADD {key} {option}{step}-{seq} {}", pick(&["f v", "f 1 g 2"]))
        }
        "read" => {
            let (option, from) = (pick(&["", "NOACK ", "COUNT 2 "]), pick(&[">", ">", "0"]));
            format!("XREADGROUP GROUP {group} {consumer} {option}STREAMS {key} {from}")
        }
        "group" => match pick(&["create", "set", "consumer", "gone", "out"]).as_str() {
            "create" => format!("XGROUP CREATE {key} {group} 0 MKSTREAM"),
            "set" => format!("XGROUP SETID {key} {group} {id} ENTRIESREAD {near}"),
            "consumer" => format!("XGROUP CREATECONSUMER {key} {group} {consumer}"),
            "gone" => format!("XGROUP DELCONSUMER {key} {group} {consumer}"),
            _ => format!("XGROUP DESTROY {key} {group}"),
        },
        "claim" => match pick(&["claim", "last", "auto", "ack"]).as_str() {
            "claim" => {
                let option = pick(&["", " FORCE", " JUSTID"]);
                format!("XCLAIM {key} {group} {consumer} 0 {id}-1 {id}-2{option}")
            }
            "last" => format!("XCLAIM {key} {group} {consumer} 0 {id}-1 LASTID {id}-1"),
            "auto" => format!("XAUTOCLAIM {key} {group} {consumer} 0 0 COUNT 3"),
            _ => format!("XACK {key} {group} {id}-0 {id}-1 {id}-2"),
        },
        _ => match pick(&["del", "del", "trim", "setid"]).as_str() {
            "del" => format!("XDEL {key} {id}-0 {id}-1 {id}-2"),
            "trim" => format!("XTRIM {key} {}", pick(&["MAXLEN ~ 4", "MAXLEN 12"])),
            _ => format!("XSETID {key} {step}-0 ENTRIESADDED {}", step + 100),
        },
    }
}

#[test]
fn what_is_propagated_makes_the_same_streams() {
    for seed in 0..4 {
        let (mut live, mut replayed, mut rng) = (World::new(), World::new(), Rng::seeded(seed));
        for step in 1..600 {
            let call = some_call(&mut rng, step);
            for propagated in live.run(&call).0 {
                replayed.run(&propagated);
            }
            assert!(live.space.digest() == replayed.space.digest(), "seed {seed}: {call}");
        }
    }
}
