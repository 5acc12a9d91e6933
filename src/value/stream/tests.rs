//! Streams against a plain map, under random calls.

use super::id::Seq;
use super::log::{Refused, Wanted};
use super::trim::{Strategy, Trim};
use super::*;
use crate::base::rng::Rng;
use crate::value::limits::Limits;
use std::collections::BTreeMap;

type Fields = Vec<Vec<u8>>;

fn add(stream: &mut Stream, id: StreamId, words: &[Vec<u8>], limits: &Limits) {
    let word = |i: usize| &words[i][..];
    stream.log.append(id, words.len() / 2, word, limits).expect("it is small");
}

fn words(list: &[&str]) -> Fields {
    list.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn read(entries: range::Range<'_>) -> Vec<(StreamId, Fields)> {
    entries
        .map(|entry| {
            let fields = entry.fields().flat_map(|(name, value)| [name, value]);
            (entry.id, fields.map(|item| item.to_vec()).collect())
        })
        .collect()
}

fn some_fields(rng: &mut Rng) -> Fields {
    const NAMES: [&str; 4] = ["a", "bb", "7", ""];
    let count = if rng.below(8) == 0 { 1 + rng.below(5) as usize } else { 2 };
    let odd = rng.below(6) == 0;
    (0..count)
        .flat_map(|i| {
            let name = NAMES[(i + usize::from(odd)) % 4].as_bytes().to_vec();
            let value = match rng.below(4) {
                0 => rng.below(1 << 40).to_string().into_bytes(),
                1 => vec![b'x'; rng.below(200) as usize],
                _ => b"v".to_vec(),
            };
            [name, value]
        })
        .collect()
}

/// An id near those that are there.
fn near(rng: &mut Rng, last: StreamId) -> StreamId {
    StreamId::new(rng.below(last.ms + 3), rng.below(3))
}

fn trim_model(model: &mut BTreeMap<StreamId, Fields>, strategy: Strategy) -> u64 {
    let before = model.len();
    match strategy {
        Strategy::MaxLen(max) => {
            while model.len() as u64 > max {
                model.pop_first();
            }
        }
        Strategy::MinId(min) => *model = model.split_off(&min),
    }
    (before - model.len()) as u64
}

fn some_strategy(rng: &mut Rng, last: StreamId, len: u64) -> Strategy {
    if rng.below(2) == 0 {
        Strategy::MaxLen(len.saturating_sub(rng.below(30)))
    } else {
        Strategy::MinId(StreamId::new((last.ms + 1).saturating_sub(rng.below(100)), 1))
    }
}

fn against_a_map(seed: u64, limits: &Limits) {
    let mut rng = Rng::seeded(seed);
    let (mut stream, mut model) = (Stream::default(), BTreeMap::new());
    for step in 0..2500 {
        let last = stream.log.last_id;
        match rng.below(20) {
            0..12 => {
                let id = StreamId::new(last.ms + rng.below(3), last.seq + 1);
                let fields = some_fields(&mut rng);
                add(&mut stream, id, &fields, limits);
                model.insert(id, fields);
            }
            12..16 => {
                let ids: Vec<_> = (0..1 + rng.below(6)).map(|_| near(&mut rng, last)).collect();
                let gone = ids.iter().filter(|id| model.remove(id).is_some()).count();
                assert_eq!(stream.log.delete(&ids), gone as u64);
            }
            16 => {
                let strategy = some_strategy(&mut rng, last, stream.log.len());
                let trim = Trim { strategy, approximate: false, limit: None };
                let mut cut = Log::default();
                assert_eq!(stream.log.trim(&trim, &mut cut), trim_model(&mut model, strategy));
            }
            17 => approximate_trim(&mut rng, &mut stream, &mut model),
            _ => {
                let (start, end) = (near(&mut rng, last), near(&mut rng, last));
                let mut want = Vec::new();
                if start <= end {
                    want.extend(model.range(start..=end).map(|(id, f)| (*id, f.clone())));
                }
                assert_eq!(read(stream.log.range(start, end)), want);
                assert_eq!(count_in_steps(&stream.log, start, end), want.len() as u64);
                want.reverse();
                assert_eq!(read(stream.log.range_back(start, end)), want);
            }
        }
        if step % 50 == 0 {
            stream.check();
            stream.duplicate().check();
        }
        let first = model.keys().next().copied().unwrap_or_default();
        assert_eq!((stream.log.len() as usize, stream.log.first_id()), (model.len(), first));
        if let Some(id) = model.keys().next_back() {
            assert_eq!(stream.log.last_live_id(), *id);
        }
    }
    stream.check();
    let all: Vec<_> = model.into_iter().collect();
    assert_eq!(read(stream.log.range(StreamId::MIN, StreamId::MAX)), all);
}

/// The count of a range, one node a time.
fn count_in_steps(log: &Log, start: StreamId, end: StreamId) -> u64 {
    let (mut sum, mut at) = log.count_between((start, end), None, &mut || false);
    while at.is_some() {
        let (count, next) = log.count_between((start, end), at, &mut || false);
        (sum, at) = (sum + count, next);
    }
    sum
}

/// What goes is a run of whole nodes, no more than asked for, and is gone from the begin.
fn approximate_trim(rng: &mut Rng, stream: &mut Stream, model: &mut BTreeMap<StreamId, Fields>) {
    let strategy = some_strategy(rng, stream.log.last_id, stream.log.len());
    let limit = (rng.below(2) == 0).then(|| rng.below(200));
    let nodes = stream.log.node_count();
    let (trim, mut cut) = (Trim { strategy, approximate: true, limit }, Log::default());
    let gone = stream.log.trim(&trim, &mut cut);
    assert_eq!(gone > 0, stream.log.node_count() < nodes);
    assert!(limit.is_none_or(|limit| gone <= limit));
    let mut exact = model.clone();
    assert!(gone <= trim_model(&mut exact, strategy));
    (0..gone).for_each(|_| drop(model.pop_first()));
}

#[test]
fn agrees_with_a_map() {
    let small = |bytes, entries| Limits {
        stream_node_max_bytes: bytes,
        stream_node_max_entries: entries,
        ..Limits::default()
    };
    against_a_map(1, &Limits::default());
    against_a_map(2, &small(4096, 3));
    against_a_map(3, &small(120, 0));
    against_a_map(4, &small(0, 1000));
    against_a_map(5, &small(0, 1));
}

#[test]
fn chooses_ids() {
    let mut stream = Stream::default();
    let log = &mut stream.log;
    assert_eq!(log.id_for(Wanted::Auto, 5), Ok(StreamId::new(5, 0)));
    assert_eq!(log.id_for(Wanted::of(0, Seq::Auto), 5), Ok(StreamId::new(0, 1)));
    assert_eq!(log.id_for(Wanted::of(0, Seq::Missing), 5), Err(Refused::SmallId));
    log.last_id = StreamId::new(9, u64::MAX);
    assert_eq!(log.id_for(Wanted::Auto, 5), Ok(StreamId::new(10, 0)));
    assert_eq!(log.id_for(Wanted::Ms(9), 5), Err(Refused::SmallId));
    assert_eq!(log.id_for(Wanted::Ms(8), 5), Err(Refused::SmallId));
    assert_eq!(log.id_for(Wanted::Ms(10), 5), Ok(StreamId::new(10, 0)));
    log.last_id = StreamId::MAX;
    assert_eq!(log.id_for(Wanted::Auto, 5), Err(Refused::SmallId));
}

#[test]
fn sequence_numbers_may_fall_within_a_node() {
    let mut stream = Stream::default();
    let limits = Limits::default();
    for id in [(1, u64::MAX), (2, 0), (u64::MAX, 3)] {
        add(&mut stream, StreamId::new(id.0, id.1), &words(&["f", "v"]), &limits);
    }
    stream.check();
    let ids: Vec<_> = stream.log.range(StreamId::MIN, StreamId::MAX).map(|e| e.id.seq).collect();
    assert_eq!(ids, [u64::MAX, 0, 3]);
}

#[test]
fn the_bytes_of_a_node_are_those_of_redis() {
    let mut stream = Stream::default();
    let limits = Limits::default();
    add(&mut stream, StreamId::new(1, 1), &words(&["f", "v"]), &limits);
    add(&mut stream, StreamId::new(3, 0), &words(&["f", "12"]), &limits);
    add(&mut stream, StreamId::new(4, 1), &words(&["g", "w"]), &limits);
    stream.log.delete(&[StreamId::new(3, 0)]);
    let (_, node) = stream.log.nodes().next().expect("one node");
    let mut want = vec![0, 0, 0, 0, 22, 0];
    want.extend([2, 1, 1, 1, 1, 1, 0x81, b'f', 2, 0, 1]);
    want.extend([2, 1, 0, 1, 0, 1, 0x81, b'v', 2, 4, 1]);
    want.extend([3, 1, 2, 1, 0xDF, 0xFF, 2, 12, 1, 4, 1]);
    want.extend([0, 1, 3, 1, 0, 1, 1, 1, 0x81, b'g', 2, 0x81, b'w', 2, 6, 1, 0xFF]);
    want[0] = want.len() as u8;
    assert_eq!(node.bytes(), want);
}

#[test]
fn small_entries_are_cheap() {
    let mut stream = Stream::default();
    let limits = Limits::default();
    const ENTRIES: u64 = 50_000;
    for i in 0..ENTRIES {
        let id = StreamId::new(1_700_000_000_000 + i / 3, i % 3);
        add(&mut stream, id, &words(&["f", &i.to_string()]), &limits);
    }
    let each = stream.bytes() as f64 / ENTRIES as f64;
    assert!(each <= 16.0, "{each} bytes an entry");
}

#[test]
fn counting_needs_a_log_without_holes() {
    let mut stream = Stream::default();
    let limits = Limits::default();
    let id = |ms| StreamId::new(ms, 1);
    assert_eq!(stream.log.count_up_to(id(1)), Some(0));
    for ms in 1..=4 {
        add(&mut stream, id(ms), &words(&["f", "v"]), &limits);
    }
    let counts = |log: &Log| -> Vec<_> { (0..=5).map(|ms| log.count_up_to(id(ms))).collect() };
    assert_eq!(counts(&stream.log), [Some(0), Some(1), None, None, Some(4), None]);
    stream.log.delete(&[id(1)]);
    assert_eq!(counts(&stream.log)[1..], [Some(1), Some(2), None, Some(4), None]);
    stream.log.delete(&[id(3)]);
    assert_eq!(counts(&stream.log)[1..], [None, None, None, Some(4), None]);
    let group = |last_id, entries_read| {
        let mut group = Group::default();
        (group.last_id, group.entries_read) = (last_id, entries_read);
        group
    };
    assert_eq!(stream.log.lag(&group(id(4), Some(3))), Some(1));
    assert_eq!(stream.log.lag(&group(id(2), Some(2))), None);
    stream.log.delete(&[id(2), id(4)]);
    assert_eq!(counts(&stream.log), [Some(4), Some(4), Some(4), Some(4), Some(4), None]);
}
