//! Sets against an ordered set of texts, across every threshold.

use super::*;
use crate::base::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};

type Model = BTreeSet<Vec<u8>>;

fn small() -> Limits {
    Limits {
        set_max_intset_entries: 6,
        set_max_listpack_entries: 5,
        set_max_listpack_value: 8,
        ..Limits::default()
    }
}

fn set_of(texts: &[&str], limits: &Limits) -> Set {
    let mut set = Set::for_first(texts.first().map_or(b"0", |t| t.as_bytes()), texts.len(), limits);
    for text in texts {
        set.insert(text.as_bytes(), limits);
    }
    set.check();
    set
}

fn texts(set: SetRef<'_>) -> Vec<String> {
    set.iter().map(|item| String::from_utf8(item.to_vec()).unwrap()).collect()
}

fn name(set: &Set) -> &'static str {
    set.as_ref().encoding()
}

#[test]
fn encodings_are_chosen_as_in_redis() {
    let l = small();
    assert_eq!(name(&set_of(&["3", "1", "2"], &l)), "intset");
    assert_eq!(texts(set_of(&["3", "1", "2"], &l).as_ref()), ["1", "2", "3"]);
    assert_eq!(texts(set_of(&["b", "3", "a"], &l).as_ref()), ["b", "3", "a"]);
    assert_eq!(name(&set_of(&["b", "3", "a"], &l)), "listpack");
    // A word among integers: the integers first, ascending.
    assert_eq!(texts(set_of(&["3", "1", "a"], &l).as_ref()), ["1", "3", "a"]);
    // Not integers as far as a set is concerned.
    for odd in ["01", "+1", "-0", "1.0", "", " 1", "9223372036854775808"] {
        assert_eq!(name(&set_of(&[odd], &Limits::default())), "listpack", "{odd}");
    }
    // Too many integers become a table, also where a listpack would do.
    let roomy = Limits { set_max_listpack_entries: 100, ..small() };
    let mut ints = set_of(&["1", "2", "3", "4", "5", "6"], &roomy);
    assert_eq!(name(&ints), "intset");
    assert!(!ints.insert(b"6", &roomy) && name(&ints) == "intset");
    assert!(ints.insert(b"7", &roomy));
    assert_eq!(name(&ints), "hashtable");
    // Too many for an intset from the start, but not for a listpack.
    let texts = ["1", "2", "3", "4", "5", "6", "7"];
    assert_eq!(name(&set_of(&texts, &roomy)), "listpack");
    assert_eq!(name(&set_of(&texts, &small())), "hashtable");
}

#[test]
fn listpacks_end_at_their_limits() {
    let l = small();
    let mut set = set_of(&["a", "b", "c", "d", "e"], &l);
    assert!(!set.insert(b"e", &l) && name(&set) == "listpack");
    assert!(set.insert(b"f", &l) && name(&set) == "hashtable");
    let mut set = set_of(&["12345678"], &l);
    assert_eq!(name(&set), "intset");
    assert!(set.insert(b"abcdefgh", &l) && name(&set) == "listpack");
    assert!(set.insert(b"abcdefghi", &l) && name(&set) == "hashtable");
    // The longest integer decides, and it may be the least one.
    let mut set = set_of(&["-12345678", "1"], &l);
    assert!(set.insert(b"a", &l) && name(&set) == "hashtable");
    let mut set = set_of(&["1", "2", "3", "4", "5"], &l);
    assert!(set.insert(b"a", &l) && name(&set) == "hashtable");
    // A call that brings more than fits, even if all of it is there.
    let mut set = set_of(&["a"], &l);
    set.expect(5, &l);
    assert_eq!(name(&set), "listpack");
    set.expect(6, &l);
    assert_eq!(name(&set), "hashtable");
    let mut set = set_of(&["1"], &l);
    set.expect(6, &l);
    assert_eq!(name(&set), "intset");
    set.expect(7, &l);
    assert_eq!(name(&set), "hashtable");
    set.check();
}

fn word(rng: &mut Rng) -> Vec<u8> {
    match rng.below(4) {
        0 => rng.below(8).to_string().into_bytes(),
        1 => (rng.next_u64() as i64 >> rng.below(60)).to_string().into_bytes(),
        2 => format!("w{}", rng.below(12)).into_bytes(),
        _ => vec![b'x'; rng.below(12) as usize],
    }
}

fn assert_same(set: &Set, model: &Model) {
    set.check();
    assert_eq!(set.len(), model.len());
    let held: Model = set.as_ref().iter().map(|item| item.to_vec()).collect();
    assert_eq!(&held, model);
    assert!(model.iter().all(|text| set.as_ref().contains(text)));
    assert!(set.as_ref().iter().all(|item| set.as_ref().contains_item(item)));
}

#[test]
fn behaves_as_an_ordered_set_of_texts() {
    for seed in 0..40 {
        let mut rng = Rng::seeded(seed);
        let limits = if seed % 2 == 0 { small() } else { Limits::default() };
        let (mut set, mut model) = (Set::default(), Model::new());
        let only_ints = seed % 5 == 0;
        for _ in 0..120 {
            let text = if only_ints { rng.below(30).to_string().into() } else { word(&mut rng) };
            match rng.below(5) {
                0 => assert_eq!(set.remove(&text), model.remove(&text)),
                1 => set = set.duplicate(),
                _ => assert_eq!(set.insert(&text, &limits), model.insert(text.clone())),
            }
            assert_eq!(set.as_ref().contains(&text), model.contains(&text));
            assert_same(&set, &model);
        }
    }
}

fn random_set(rng: &mut Rng, limits: &Limits) -> (Set, Model) {
    let (mut set, mut model) = (Set::default(), Model::new());
    let ints = rng.below(2) == 0;
    for _ in 0..rng.below(14) {
        let text = if ints { rng.below(10).to_string().into() } else { word(rng) };
        set.insert(&text, limits);
        model.insert(text);
    }
    (set, model)
}

#[test]
fn algebra_is_that_of_sets() {
    let mut rng = Rng::seeded(21);
    let limits = small();
    for _ in 0..600 {
        let made: Vec<(Set, Model)> =
            (0..1 + rng.below(4)).map(|_| random_set(&mut rng, &limits)).collect();
        let sets: Vec<Option<SetRef<'_>>> = made.iter().map(|(s, _)| Some(s.as_ref())).collect();
        let models: Vec<&Model> = made.iter().map(|(_, m)| m).collect();
        let (first, rest) = models.split_first().unwrap();
        let both: Model =
            first.iter().filter(|t| rest.iter().all(|m| m.contains(*t))).cloned().collect();
        let all: Model = models.iter().flat_map(|m| m.iter()).cloned().collect();
        let left: Model =
            first.iter().filter(|t| !rest.iter().any(|m| m.contains(*t))).cloned().collect();

        let inter = intersect(&sets).unwrap();
        assert_eq!(inter.count(0), both.len() as u64);
        assert_eq!(inter.count(2), both.len().min(2) as u64);
        assert_same(&store_intersection(&inter, &limits), &both);
        assert_same(&union(&sets, &limits), &all);
        let diff = difference(&sets, false);
        assert_same(&diff.store(&limits), &left);
        let mut shown = Model::new();
        diff.show(&limits, &mut |item| assert!(shown.insert(item.to_vec())));
        assert_eq!(shown, left);
        assert!(difference(&sets, true).store(&limits).is_empty());
    }
    assert!(intersect(&[None]).is_none());
}

#[test]
fn results_take_the_encoding_redis_gives_them() {
    let l = small();
    let ints = set_of(&["1", "2", "3"], &l);
    let words = set_of(&["a", "1", "2"], &l);
    let table = set_of(&["1", "2", "3", "a", "b", "c", "d"], &l);
    assert_eq!(name(&table), "hashtable");
    let inter = |a: &Set, b: &Set| {
        let sets = [Some(a.as_ref()), Some(b.as_ref())];
        name(&store_intersection(&intersect(&sets).unwrap(), &l))
    };
    assert_eq!(inter(&ints, &words), "intset");
    assert_eq!(inter(&words, &table), "listpack");
    assert_eq!(inter(&words, &ints), "intset");
    // Subtracting much from a table by taking out leaves a table.
    let many = set_of(&["1", "2", "3", "4", "5", "a", "b", "c"], &l);
    let one = set_of(&["1"], &l);
    let sets = [&many, &one, &one, &one].map(|set| Some(set.as_ref()));
    let diff = difference(&sets, false);
    assert!(matches!(diff, Diff::TakeOut(..)));
    assert_eq!(name(&diff.store(&l)), "hashtable");
    let sets = [Some(many.as_ref()), Some(table.as_ref())];
    let diff = difference(&sets, false);
    assert!(matches!(diff, Diff::LookUp(..)));
    assert_eq!(texts(diff.store(&l).as_ref()), ["4", "5"]);
}

/// Chi-square of observed counts against equal shares, in standard deviations from its mean.
fn deviation(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    let square: f64 = counts.iter().map(|n| (*n as f64 - expected).powi(2) / expected).sum();
    let freedom = counts.len() as f64 - 1.0;
    (square - freedom) / (2.0 * freedom).sqrt()
}

/// One set in each encoding, 40 members each.
fn three_encodings() -> Vec<(Set, Limits)> {
    let defaults = Limits::default();
    let ints: Vec<String> = (0..40).map(|n| (n * 7).to_string()).collect();
    let words: Vec<String> = (0..40).map(|n| format!("word:{n}")).collect();
    let ints = set_of(&ints.iter().map(String::as_str).collect::<Vec<_>>(), &defaults);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let table = set_of(&words, &small());
    let sets = [(ints, Limits::default()), (set_of(&words, &defaults), defaults)];
    let sets: Vec<_> = sets.into_iter().chain([(table, small())]).collect();
    let names: Vec<_> = sets.iter().map(|(set, _)| name(set)).collect();
    assert_eq!(names, ["intset", "listpack", "hashtable"]);
    sets
}

#[test]
fn draws_are_uniform_in_every_encoding() {
    let mut rng = Rng::seeded(77);
    for (mut set, limits) in three_encodings() {
        let mut counts: BTreeMap<Vec<u8>, u64> =
            set.as_ref().iter().map(|item| (item.to_vec(), 0)).collect();
        let tell = |what: &str, counts: &mut BTreeMap<Vec<u8>, u64>| {
            let values: Vec<u64> = counts.values().copied().collect();
            let far = deviation(&values);
            assert!(far.abs() < 5.0, "{what}: {far} for {values:?}");
            counts.values_mut().for_each(|n| *n = 0);
        };
        let hit = |counts: &mut BTreeMap<Vec<u8>, u64>, text: &[u8]| {
            *counts.get_mut(text).expect("a member") += 1;
        };
        for _ in 0..8_000 {
            let item = set.as_ref().random(&mut rng).unwrap();
            hit(&mut counts, &item.to_vec());
        }
        tell("single", &mut counts);
        set.as_ref().draw(8_000, &mut rng, &mut |item| hit(&mut counts, &item.to_vec()));
        tell("with repetition", &mut counts);
        for n in [3, 20, 39] {
            for _ in 0..6_000 / n {
                let mut seen = BTreeSet::new();
                set.as_ref().sample(n, &mut rng, &mut |item| {
                    assert!(seen.insert(item.to_vec()));
                });
                assert_eq!(seen.len(), n);
                seen.iter().for_each(|text| hit(&mut counts, text));
            }
            tell("different ones", &mut counts);
            for _ in 0..6_000 / n {
                let mut victim = set.duplicate();
                let mut gone = BTreeSet::new();
                victim.pop(n, &mut rng, &limits, &mut |text| {
                    assert!(gone.insert(text.to_vec()));
                });
                victim.check();
                assert_eq!((gone.len(), victim.len()), (n, 40 - n));
                assert!(gone.iter().all(|text| !victim.as_ref().contains(text)));
                gone.iter().for_each(|text| hit(&mut counts, text));
            }
            tell("taken out", &mut counts);
        }
        set.pop(0, &mut rng, &limits, &mut |_| panic!("none was asked for"));
    }
}

#[test]
fn draws_stay_uniform_right_after_mass_deletion() {
    let mut rng = Rng::seeded(78);
    let limits = small();
    let all: Vec<String> = (0..5_000).map(|n| format!("m{n}")).collect();
    let mut set = set_of(&all.iter().map(String::as_str).collect::<Vec<_>>(), &limits);
    for text in &all[25..] {
        assert!(set.remove(text.as_bytes()));
    }
    let mut counts = [0u64; 25];
    for _ in 0..10_000 {
        let item = set.as_ref().random(&mut rng).unwrap();
        counts[all.iter().position(|text| item.eq_text(text.as_bytes())).unwrap()] += 1;
    }
    assert!(deviation(&counts).abs() < 5.0, "{counts:?}");
    let mut popped = [0u64; 25];
    for _ in 0..2_000 {
        set.duplicate().pop(5, &mut rng, &limits, &mut |text| {
            popped[all.iter().position(|t| t.as_bytes() == text).unwrap()] += 1;
        });
    }
    assert!(deviation(&popped).abs() < 5.0, "{popped:?}");
}

#[test]
fn few_that_stay_are_small_again() {
    let mut rng = Rng::seeded(79);
    let limits = small();
    let all: Vec<String> = (0..60).map(|n| format!("m{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut set = set_of(&all, &limits);
    set.pop(55, &mut rng, &limits, &mut |_| {});
    assert_eq!((name(&set), set.len()), ("listpack", 5));
    let mut set = set_of(&all, &limits);
    set.pop(20, &mut rng, &limits, &mut |_| {});
    assert_eq!((name(&set), set.len()), ("hashtable", 40));
}

#[test]
fn a_scan_shows_every_member_once() {
    for (set, _) in three_encodings() {
        let (mut seen, mut cursor) = (Vec::new(), 0);
        loop {
            cursor = set.as_ref().scan(cursor, &mut |item| seen.push(item.to_vec()));
            if cursor == 0 {
                break;
            }
        }
        seen.sort_unstable();
        let held: Model = set.as_ref().iter().map(|item| item.to_vec()).collect();
        assert!(seen.iter().eq(held.iter()));
    }
}
