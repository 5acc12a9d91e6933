//! Sorted sets in both encodings against a naive list.

use std::sync::LazyLock;

use super::*;

/// Redis's limits, but for a shorter listpack.
static LIMITS: LazyLock<Limits> =
    LazyLock::new(|| Limits { zset_max_listpack_entries: 16, ..Limits::default() });

fn pairs(set: ZSetRef<'_>) -> Vec<(f64, Vec<u8>)> {
    set.iter().map(|(member, score)| (score, member.to_vec())).collect()
}

/// Both encodings of the same content.
fn both(content: &[(f64, &str)]) -> [ZSet; 2] {
    let large = Limits { zset_max_listpack_entries: 1000, ..LIMITS.clone() };
    let none = Limits { zset_max_listpack_entries: 0, ..LIMITS.clone() };
    [large, none].map(|limits| {
        let mut set = ZSet::default();
        for (score, member) in content {
            set.insert(member.as_bytes(), *score, &limits);
        }
        set.check();
        set
    })
}

#[test]
fn agrees_with_a_sorted_list_across_the_conversion() {
    let mut rng = Rng::seeded(9);
    for round in 0..20 {
        let (mut set, mut naive) = (ZSet::default(), Vec::<(f64, Vec<u8>)>::new());
        for _ in 0..200 {
            // Numbers and texts; the members of the listpack are of both kinds.
            let member = match rng.below(2) {
                0 => rng.below(40).to_string().into_bytes(),
                _ => format!("m{}", rng.below(40)).into_bytes(),
            };
            let score = [0.0, 1.0, -2.5, 1e17, f64::INFINITY][rng.below(5) as usize];
            let at = naive.iter().position(|(_, m)| *m == member);
            assert_eq!(set.as_ref().score(&member), at.map(|at| naive[at].0));
            assert_eq!(set.as_ref().rank(&member).map(|(rank, _)| rank), at);
            let gone = at.map(|at| naive.remove(at).0);
            if rng.below(3) == 0 {
                assert_eq!(set.remove(&member), gone);
            } else {
                set.insert(&member, score, &LIMITS);
                naive.push((score, member));
                naive.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
            }
            assert_eq!(pairs(set.as_ref()), naive);
            let most = if round % 2 == 0 { 12 } else { 80 };
            if naive.len() > most {
                let from = rng.below(10) as usize;
                set.remove_ranks(from..from + 2);
                naive.drain(from..from + 2);
            }
        }
        set.check();
        assert_eq!(set.encoding(), if round % 2 == 0 { "listpack" } else { "skiplist" });
        let copy = set.duplicate();
        assert_eq!(pairs(copy.as_ref()), naive);
    }
}

#[test]
fn converts_as_redis_does() {
    let mut set = ZSet::default();
    for n in 0..16 {
        set.insert(format!("m{n}").as_bytes(), 1.0, &LIMITS);
    }
    assert_eq!(set.encoding(), "listpack");
    set.insert(b"m3", 2.0, &LIMITS);
    assert_eq!(set.encoding(), "listpack");
    set.insert(b"one more", 2.0, &LIMITS);
    assert_eq!(set.encoding(), "skiplist");
    set.remove_ranks(0..16);
    assert_eq!((set.len(), set.encoding()), (1, "skiplist"));
    let mut set = ZSet::default();
    set.insert(&[b'x'; 64], 0.0, &LIMITS);
    assert_eq!(set.encoding(), "listpack");
    set.insert(&[b'y'; 65], 0.0, &LIMITS);
    assert_eq!(set.encoding(), "skiplist");
    let mut set = ZSet::default();
    set.expect(16, &LIMITS);
    assert_eq!(set.encoding(), "listpack");
    set.expect(17, &LIMITS);
    assert_eq!(set.encoding(), "skiplist");
}

#[test]
fn scores_in_a_listpack_have_the_form_of_redis() {
    let mut set = ZSet::default();
    for (member, score) in [("a", -0.0), ("b", 3.0), ("c", 0.1), ("d", 1e17), ("e", 1e30)] {
        set.insert(member.as_bytes(), score, &LIMITS);
    }
    let ZSet::Packed(list) = &set else { panic!("it is small") };
    let items: Vec<Item<'_>> = list.as_packed().iter().collect();
    let text = Item::Bytes;
    let int = Item::Int;
    assert_eq!(
        items,
        [
            text(b"a"),
            int(0),
            text(b"c"),
            text(b"0.1"),
            text(b"b"),
            int(3),
            text(b"d"),
            int(100_000_000_000_000_000),
            text(b"e"),
            text(b"1e+30"),
        ]
    );
    assert_eq!(set.as_ref().score(b"a").map(f64::is_sign_negative), Some(false));
}

#[test]
fn score_bounds() {
    let content = [(1.0, "a"), (2.0, "b"), (2.0, "c"), (3.0, "d")];
    for set in both(&content) {
        for (min, max, want) in [
            ("-inf", "+inf", 0..4),
            ("2", "2", 1..3),
            ("(1", "(3", 1..3),
            ("(2", "3", 3..4),
            ("(2", "(2", 3..3),
            ("3", "1", 3..3),
            ("(3", "inf", 4..4),
            ("", "0x2", 0..3),
            (" 1", "1e999", 0..4),
        ] {
            let range = ScoreRange::parse(min.as_bytes(), max.as_bytes()).expect("bounds");
            assert_eq!(set.as_ref().ranks_by_score(&range), want, "{min} {max}");
        }
    }
    for word in ["a", "nan", "(", "((1", "1 ", "[1", " ", "-"] {
        let parsed = ScoreRange::parse(word.as_bytes(), b"1");
        assert_eq!(parsed.is_ok(), word == "(", "{word}");
    }
}

#[test]
fn lex_bounds() {
    let content = [(0.0, "a"), (0.0, "b"), (0.0, "bb"), (0.0, "c")];
    for set in both(&content) {
        for (min, max, want) in [
            ("-", "+", 0..4),
            ("[b", "[bb", 1..3),
            ("(b", "[c", 2..4),
            ("(a", "(c", 1..3),
            ("[", "(a", 0..0),
            ("+", "-", 0..0),
            ("[c", "[a", 0..0),
            ("(b", "(b", 0..0),
            ("[b", "[b", 1..2),
        ] {
            let range = LexRange::parse(min.as_bytes(), max.as_bytes()).expect("bounds");
            for reverse in [false, true] {
                let found = set.as_ref().ranks_by_lex(&range, reverse);
                assert_eq!(found.len(), want.len(), "{min} {max}");
                assert!(found.is_empty() || found == want, "{min} {max}");
            }
        }
    }
    for word in ["a", "", "-x", "++"] {
        assert!(LexRange::parse(word.as_bytes(), b"+").is_err(), "{word}");
    }
    assert!(LexRange::parse(b"-\0x", b"+\0").is_ok());
}

#[test]
fn ranges_from_both_ends() {
    let content: Vec<(f64, String)> = (0..50).map(|n| (f64::from(n / 7), format!("{n}"))).collect();
    let content: Vec<(f64, &str)> = content.iter().map(|(s, m)| (*s, m.as_str())).collect();
    for set in both(&content) {
        let all = pairs(set.as_ref());
        for from in 0..50 {
            for to in from..=50 {
                let found = |reverse| -> Vec<(f64, Vec<u8>)> {
                    let range = set.as_ref().range(from..to, reverse);
                    range.map(|(m, s)| (s, m.to_vec())).collect()
                };
                assert_eq!(found(false), all[from..to]);
                assert_eq!(found(true), all[from..to].iter().rev().cloned().collect::<Vec<_>>());
            }
        }
    }
}
