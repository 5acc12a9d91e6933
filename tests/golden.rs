//! Replays the transcripts recorded from Redis 7.2.4 (`tests/golden/*.jsonl`) against the built
//! server, byte for byte. Each scenario gets a server of its own.
//!
//! A scenario names the parts it needs; those whose parts are all in `HAVE` run and must pass.
//! `REDSTART_GOLDEN=string/` runs only scenarios with that in `family/name`.

// A name to look for comes from the environment; workers are plain threads.
#![allow(clippy::disallowed_methods)]

mod golden_replay;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use golden_replay::runner::{self, Fault};
use golden_replay::script::{self, Scenario};

/// The parts of the server that exist. A part is added here when its commands are all there.
const HAVE: &[&str] =
    &["foundation", "surface", "types", "between", "memory", "scripts", "persistence"];

/// Scenarios that call commands of other parts than those they name: ACL and LATENCY, from a
/// script. One that passes has to leave this list.
const LATER: &[&str] = &[
    "scripting/call-returns-2",
    "scripting/call-returns-2.resp3",
    "scripting/call-type-2",
    "scripting/call-type-resp3-2",
    "scripting/commands-inside-0",
    "scripting/commands-inside-1",
];

/// Scenarios mostly wait, so more of them than processors may run at a time.
const WORKERS: usize = 4;

#[test]
fn transcripts_replay_exactly() {
    let only = std::env::var("REDSTART_GOLDEN").unwrap_or_default();
    let have: BTreeSet<&str> = HAVE.iter().copied().collect();
    let chosen: Vec<Scenario> = script::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
        .into_iter()
        .filter(|scenario| scenario.needs.iter().all(|part| have.contains(part.as_str())))
        .filter(|scenario| scenario.title().contains(&only))
        .collect();
    assert!(!chosen.is_empty(), "no scenario is left to replay");
    let (later, chosen): (Vec<Scenario>, Vec<Scenario>) =
        chosen.into_iter().partition(|scenario| LATER.contains(&scenario.title().as_str()));
    let results = replay(&chosen);
    let failed = report(&chosen, &results);
    assert!(failed == 0, "{failed} of {} scenarios differ, see above", chosen.len());
    for (scenario, faults) in later.iter().zip(replay(&later)) {
        assert!(!faults.is_empty(), "{} passes: it is not for later any more", scenario.title());
    }
}

/// Runs all of them; the result of each stands at its place.
fn replay(chosen: &[Scenario]) -> Vec<Vec<Fault>> {
    let next = Mutex::new(0..chosen.len());
    let results = Mutex::new(vec![Vec::new(); chosen.len()]);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(at) = next.lock().expect("a worker never panics holding it").next()
                    else {
                        return;
                    };
                    let faults = runner::run(&chosen[at]);
                    results.lock().expect("a worker never panics holding it")[at] = faults;
                }
            });
        }
    });
    results.into_inner().expect("all workers have ended")
}

/// Prints what differs, both sides in full, and a table by family; gives the number that failed.
fn report(chosen: &[Scenario], results: &[Vec<Fault>]) -> usize {
    let mut families: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (scenario, faults) in chosen.iter().zip(results) {
        let (passed, all) = families.entry(&scenario.family).or_default();
        *passed += usize::from(faults.is_empty());
        *all += 1;
        if !faults.is_empty() {
            println!("FAIL {}", scenario.title());
        }
        for fault in faults {
            println!("  step {} c{}: {}   [{}]", fault.step, fault.conn, fault.request, fault.why);
            println!("    expected {}", fault.expected);
            println!("    got      {}", fault.got);
        }
    }
    for (family, (passed, all)) in &families {
        println!("{family:<18}{:>12}", format!("{passed}/{all}"));
    }
    results.iter().filter(|faults| !faults.is_empty()).count()
}
