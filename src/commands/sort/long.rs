//! Sorting many elements in slices: they are read, weighed, sorted in runs, merged and answered,
//! some at a time. The value is leased meanwhile.
//!
//! Only where no other keys are looked up: those are not leased and could change between slices.

use super::{Call, Element, Kind, Pattern, Sorted, THERE, compare, store};
use crate::base::error::Error;
use crate::commands::merge::{Merge, RUN, more_after_run};
use crate::ds::quicklist::End;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::keys::Keys;
use crate::keyspace::lease::Lease;
use crate::value::list::List;
use crate::value::set::Set;
use crate::value::zset::ZSet;
use std::borrow::Cow;

/// Elements of one step.
const STEP: usize = 512;
/// Bytes of a text, usually.
const USUAL_TEXT: usize = 16;

/// Whether a call may be cut into slices.
pub(super) fn suits(call: &Call<'_>) -> bool {
    !call.by.iter().chain(&call.get).any(Pattern::looks_up)
}

/// The work of a call that suits, on a value that is there.
pub(super) fn start(
    keys: &mut Keys<'_>,
    (key, kind): (&[u8], Kind),
    call: Call<'_>,
    len: usize,
) -> Outcome {
    let lease = if call.store.is_some() { keys.hold(key) } else { keys.lease(key, false) };
    let stage = Stage::Load { at: 0 };
    let window = if call.limited { call.window(len) } else { 0..len };
    let down = call.limited && call.descending;
    let first = if down { len - 1 - window.start } else { window.start };
    let part = Part { first, count: window.len(), down };
    let len = part.count;
    // Buffers that grow are copied, and for that no slice is short enough.
    let sorted = Sorted {
        texts: Vec::with_capacity(len.saturating_mul(USUAL_TEXT)),
        elements: Vec::with_capacity(len),
        weights: Vec::new(),
    };
    Outcome::Enter(Box::new(LongSort { lease, kind, part, call: detached(call), sorted, stage }))
}

/// The call without the words it came in.
fn detached(call: Call<'_>) -> Call<'static> {
    let itself = |pattern: &Pattern<'_>| match pattern {
        Pattern::Element => Pattern::Element,
        Pattern::Nothing | Pattern::Key { .. } => Pattern::Nothing,
    };
    Call {
        by: None,
        get: call.get.iter().map(itself).collect(),
        store: call.store.map(|target| Cow::Owned(target.into_owned())),
        ..call
    }
}

/// What is read of a value that has an order: from this index on so many elements, up or down.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    count: usize,
    down: bool,
}

struct LongSort {
    lease: Lease,
    kind: Kind,
    part: Part,
    call: Call<'static>,
    sorted: Sorted,
    stage: Stage,
}

/// What comes next.
enum Stage {
    /// Reading, from this place or cursor on.
    Load { at: u64 },
    /// Finding numbers, from this element on.
    Weigh { at: usize },
    /// Sorting runs, from this element on.
    Sort { at: usize },
    /// Merging runs.
    Merge(Merge<Element>),
    /// Answering, from this result on, and storing what there is so far.
    Answer { at: usize, list: Option<List> },
    /// Nothing.
    Over,
}

impl Work for LongSort {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        loop {
            let sorts = matches!(self.stage, Stage::Sort { .. });
            if let Some(outcome) = self.advance(cx)? {
                return Ok(Progress::Done(outcome));
            }
            if !(if sorts { more_after_run(budget) } else { budget.more() }) {
                return Ok(Progress::Pending);
            }
        }
    }

    fn changes(&self) -> bool {
        self.call.store.is_some()
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
        let Sorted { texts, weights, elements } = std::mem::take(&mut self.sorted);
        space.waste_buffer(texts);
        space.waste_buffer(weights);
        space.waste_buffer(elements);
        self.set_stage(Stage::Over, space);
    }
}

impl LongSort {
    /// Goes over to another stage; what the last one needed is let go of.
    fn set_stage(&mut self, stage: Stage, space: &mut Keyspace) {
        if let Stage::Merge(merge) = std::mem::replace(&mut self.stage, stage) {
            merge.end(space);
        }
    }

    fn advance(&mut self, cx: &mut DataCx<'_>) -> Result<Option<Outcome>, Error> {
        let len = self.sorted.elements.len();
        match &mut self.stage {
            Stage::Load { at } => {
                let source = (self.lease, self.kind, self.part);
                match load(&mut self.sorted, cx, source, *at) {
                    Some(next) => *at = next,
                    None if self.call.as_is => self.start_answer(cx),
                    None => self.stage = Stage::Weigh { at: 0 },
                }
            }
            Stage::Weigh { at } => {
                let part = *at..(*at + STEP).min(len);
                *at = part.end;
                self.sorted.weigh(&mut cx.keys, &self.call, part)?;
                if *at == len {
                    self.stage = Stage::Sort { at: 0 };
                }
            }
            Stage::Sort { at } => {
                let part = *at..(*at + RUN).min(len);
                *at = part.end;
                let Sorted { texts, elements, .. } = &mut self.sorted;
                let texts = (&texts[..], &[][..]);
                elements[part].sort_unstable_by(|a, b| compare(texts, &self.call, a, b));
                if *at == len {
                    self.stage = Stage::Merge(Merge::new(RUN, len));
                }
            }
            Stage::Merge(merge) => {
                let Sorted { texts, elements, .. } = &mut self.sorted;
                let texts = (&texts[..], &[][..]);
                if merge.step(elements, &mut |a, b| compare(texts, &self.call, a, b)) {
                    self.start_answer(cx);
                }
            }
            Stage::Answer { .. } | Stage::Over => return Ok(self.answer(cx)),
        }
        Ok(None)
    }

    fn start_answer(&mut self, cx: &mut DataCx<'_>) {
        let list = self.call.store.is_some().then(|| List::long(cx.limits));
        if list.is_none() {
            let per_element = self.call.get.len().max(1);
            cx.out.array(self.sorted.chosen(&self.call).len() * per_element);
        }
        self.set_stage(Stage::Answer { at: 0, list }, cx.keys.space());
    }

    /// Some results; the outcome after the last.
    fn answer(&mut self, cx: &mut DataCx<'_>) -> Option<Outcome> {
        let Stage::Answer { at, list } = &mut self.stage else { return None };
        let (sorted, call) = (&self.sorted, &self.call);
        let len = sorted.chosen(call).len();
        let part = *at..(*at + STEP).min(len);
        *at = part.end;
        let over = *at == len;
        let DataCx { keys, out, .. } = cx;
        match list {
            Some(list) => sorted.each_result(keys, call, part, &mut |text| {
                list.push(End::Tail, text.unwrap_or_default());
            }),
            None => sorted.each_result(keys, call, part, &mut |text| match text {
                Some(text) => out.bulk(text),
                None => out.null(),
            }),
        }
        if !over {
            return None;
        }
        Some(match (list.take(), &call.store) {
            (Some(list), Some(target)) => store(cx, list, target),
            _ => Outcome::Unchanged,
        })
    }
}

/// Reads some elements; gives where to go on, nothing at the end.
fn load(
    sorted: &mut Sorted,
    cx: &mut DataCx<'_>,
    (lease, kind, part): (Lease, Kind, Part),
    at: u64,
) -> Option<u64> {
    if kind == Kind::Set {
        let set = cx.keys.leased::<Set>(lease).expect(THERE);
        let next = set.scan(at, &mut |item| sorted.add(item));
        return (next != 0).then_some(next);
    }
    let done = at as usize;
    let n = STEP.min(part.count - done);
    let from = if part.down { part.first - done } else { part.first + done };
    if kind == Kind::ZSet {
        let set = cx.keys.leased::<ZSet>(lease).expect(THERE);
        let ranks = if part.down { from + 1 - n..from + 1 } else { from..from + n };
        set.range(ranks, part.down).for_each(|(member, _)| sorted.add(member));
    } else {
        let list = cx.keys.leased::<List>(lease).expect(THERE);
        list.each(from, n, !part.down, |item| sorted.add(item));
    }
    (done + n < part.count).then_some((done + n) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::{sort, sort_ro};
    use super::*;
    use crate::base::hash::Seed;
    use crate::base::rng::Rng;
    use crate::engine::args::Args;
    use crate::engine::cx::CmdResult;
    use crate::env::Clock;
    use crate::resp::reply::{Proto, Reply};
    use crate::resp::request::Argv;
    use crate::value::limits::Limits;
    use std::cell::Cell;

    const N: usize = 20_000;

    /// Each look at it takes a second: every slice is as short as can be.
    struct Hasty(Cell<u64>);

    impl Clock for Hasty {
        fn wall_us(&self) -> i64 {
            0
        }

        fn mono_us(&self) -> u64 {
            self.0.set(self.0.get() + 1_000_000);
            self.0.get()
        }
    }

    struct World {
        space: Keyspace,
        rng: Rng,
        limits: Limits,
        out: Reply,
        slices: usize,
    }

    impl World {
        fn new() -> World {
            World {
                space: Keyspace::new(1, Seed { k0: 1, k1: 2 }, Rng::seeded(3)),
                rng: Rng::seeded(4),
                limits: Limits::default(),
                out: Reply::new(Proto::V2),
                slices: 0,
            }
        }

        fn with<R>(&mut self, f: impl FnOnce(&mut DataCx<'_>) -> R) -> R {
            f(&mut DataCx {
                keys: self.space.keys(0, 0, true),
                out: &mut self.out,
                rng: &mut self.rng,
                limits: &self.limits,
                now: 0,
                caller: crate::engine::cx::Caller::Client,
            })
        }

        fn run(&mut self, words: &[&str], at_once: bool) -> Result<Vec<u8>, Error> {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            let mut argv = Argv::from_slices(&words);
            let run: fn(&mut DataCx<'_>, &mut Args<'_>) -> CmdResult =
                if words[0] == b"SORT" { sort } else { sort_ro };
            let outcome = self.with(|cx| run(cx, &mut Args::new(argv.raw())))?;
            assert_eq!(matches!(outcome, Outcome::Enter(_)), !at_once);
            if let Outcome::Enter(mut work) = outcome {
                let clock = Hasty(Cell::new(0));
                let mut slices = 0;
                let done = loop {
                    let mut budget = Budget::slice(&clock, 0, 1);
                    match self.with(|cx| work.step(cx, &mut budget)) {
                        Ok(Progress::Pending) => slices += 1,
                        Ok(Progress::Done(_)) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                };
                work.end(&mut self.space);
                done?;
                assert!(slices > 1, "{slices} slices are no slices");
                self.slices = slices;
            }
            assert!(self.space.leases.is_empty());
            let reply = self.out.out().to_vec();
            self.out = Reply::new(Proto::V2);
            Ok(reply)
        }

        fn store(&mut self, key: &[u8], texts: impl Iterator<Item = String>) {
            self.with(|cx| {
                let mut list = List::long(cx.limits);
                texts.for_each(|text| list.push(End::Tail, text.as_bytes()));
                cx.keys.store(key, list);
            });
        }

        fn texts(&mut self, key: &[u8]) -> Vec<String> {
            self.with(|cx| {
                let mut all = Vec::new();
                let list = cx.keys.read::<List>(key).expect("a list").expect("it is there");
                list.each(0, usize::MAX, true, |item| {
                    all.push(String::from_utf8(item.to_vec()).expect("digits"));
                });
                all
            })
        }
    }

    fn reply(texts: &[String]) -> String {
        let items: String = texts.iter().map(|t| format!("${}\r\n{t}\r\n", t.len())).collect();
        format!("*{}\r\n{items}", texts.len())
    }

    fn numbers() -> impl Iterator<Item = String> {
        (0..N).map(|i| (i * 7919 % N).to_string())
    }

    #[test]
    fn slices_sort_as_one_go_does() {
        let mut w = World::new();
        w.store(b"l", numbers());
        let by_number: Vec<String> = (0..N).map(|i| i.to_string()).collect();
        let got = w.run(&["SORT", "l"], false).expect("numbers");
        assert_eq!(got, reply(&by_number).as_bytes());
        let mut by_text = by_number.clone();
        by_text.sort();
        by_text.reverse();
        let words = ["SORT_RO", "l", "ALPHA", "DESC", "LIMIT", "5", "9000"];
        let got = w.run(&words, false).expect("texts");
        assert_eq!(got, reply(&by_text[5..9005]).as_bytes());
        let words = ["SORT", "l", "STORE", "d", "GET", "#", "GET", "#", "LIMIT", "0", "3"];
        assert_eq!(w.run(&words, false).expect("numbers"), b":6\r\n");
        assert_eq!(w.texts(b"d"), ["0", "0", "1", "1", "2", "2"]);
        assert_eq!(w.run(&["SORT", "l", "STORE", "l"], false).expect("numbers"), b":20000\r\n");
        assert_eq!(w.texts(b"l"), by_number);
        // This looks at other keys.
        assert!(w.run(&["SORT", "l", "GET", "x*", "LIMIT", "0", "1"], true).is_ok());
        let as_it_is = w.run(&["SORT", "l", "BY", "nosort"], false).expect("anything");
        assert_eq!(as_it_is, reply(&by_number).as_bytes());
        let words = ["SORT", "l", "BY", "nosort", "DESC", "LIMIT", "5", "9000"];
        let back: Vec<String> = by_number.iter().rev().skip(5).take(9000).cloned().collect();
        assert_eq!(w.run(&words, false).expect("anything"), reply(&back).as_bytes());
        assert!(w.run(&["SORT", "l", "BY", "nosort", "LIMIT", "0", "9"], true).is_ok());
    }

    #[test]
    fn no_slice_sorts_two_runs_or_frees_what_is_large() {
        let mut w = World::new();
        w.store(b"l", numbers());
        w.run(&["SORT", "l", "LIMIT", "0", "10"], false).expect("numbers");
        assert!(w.slices > N / RUN + 10, "{} slices", w.slices);
        assert!(w.space.garbage_bytes() >= 2 * N * size_of::<Element>());
    }

    #[test]
    fn sets_are_sorted_in_slices_too() {
        let mut w = World::new();
        w.with(|cx| {
            let (mut set, mut scored) = (Set::default(), ZSet::default());
            for text in numbers() {
                set.insert(text.as_bytes(), cx.limits);
                scored.insert(text.as_bytes(), 1.0, cx.limits);
            }
            cx.keys.store(b"s", set);
            cx.keys.store(b"z", scored);
        });
        let by_number: Vec<String> = (0..N).map(|i| i.to_string()).collect();
        for key in ["s", "z"] {
            let got = w.run(&["SORT", key], false).expect("numbers");
            assert!(got == reply(&by_number).as_bytes(), "{key} is not in order");
        }
        let mut by_text = by_number;
        by_text.sort();
        by_text.reverse();
        let got = w.run(&["SORT", "z", "BY", "nosort", "DESC"], false).expect("texts");
        assert!(got == reply(&by_text).as_bytes(), "the order of the set, backwards");
    }

    #[test]
    fn what_is_no_number_is_found_and_nothing_is_kept() {
        let mut w = World::new();
        w.store(b"l", numbers().chain(std::iter::once("x".to_owned())));
        assert!(w.run(&["SORT", "l", "STORE", "d"], false).is_err());
        assert!(w.out.is_empty() && w.space.leases.is_empty());
    }
}
