//! The ranked set against a sorted vector, across splits, merges and range removals.
// The naive twin is an ordinary vector.

use super::*;

/// The oracle: pairs in order, everything by linear or binary search.
#[derive(Default)]
struct Naive(Vec<(f64, Vec<u8>)>);

impl Naive {
    fn place(&self, score: f64, member: &[u8]) -> usize {
        self.0.partition_point(|(s, m)| *s < score || (*s == score && m.as_slice() < member))
    }

    fn rank(&self, member: &[u8]) -> Option<usize> {
        self.0.iter().position(|(_, m)| m == member)
    }

    fn remove(&mut self, member: &[u8]) -> Option<f64> {
        self.rank(member).map(|at| self.0.remove(at).0)
    }

    fn insert(&mut self, member: &[u8], score: f64) -> bool {
        let old = self.remove(member);
        self.0.insert(self.place(score, member), (score, member.to_vec()));
        old.is_none()
    }
}

const SEED: Seed = Seed { k0: 11, k1: 13 };

fn same(set: &Ranked, naive: &Naive) {
    set.check();
    assert_eq!(set.len(), naive.0.len());
    let forth: Vec<(f64, Vec<u8>)> = set.iter().map(|(m, s)| (s, m.to_vec())).collect();
    assert_eq!(forth, naive.0);
    let mut back: Vec<(f64, Vec<u8>)> = set.iter().rev().map(|(m, s)| (s, m.to_vec())).collect();
    back.reverse();
    assert_eq!(back, naive.0);
}

fn member(n: u64) -> Vec<u8> {
    format!("member:{n:06}").into_bytes()
}

/// `scores` distinct scores: 1 makes everything a tie, many make none.
fn random_walk(seed: u64, members: u64, scores: u64, steps: usize) {
    let mut rng = Rng::seeded(seed);
    let (mut set, mut naive) = (Ranked::new(SEED), Naive::default());
    // Growing, shrinking and growing again crosses every split and merge.
    for step in 0..steps {
        let growing = (step * 4 / steps).is_multiple_of(2);
        let m = member(rng.below(members));
        let score = rng.below(scores) as f64 - 3.0;
        match rng.below(10) {
            0..=5 if growing => assert_eq!(set.insert(&m, score), naive.insert(&m, score)),
            0..=6 => assert_eq!(set.remove(&m), naive.remove(&m)),
            7 => assert_eq!(set.rank(&m).map(|(rank, _)| rank), naive.rank(&m)),
            8 => {
                let at = naive.0.partition_point(|(s, _)| *s < score);
                assert_eq!(set.count_scores(|s| s < score), at);
                let at = naive.place(score, &m);
                let before = |s: f64, b: &[u8]| s < score || (s == score && b < &m[..]);
                assert_eq!(set.count_where(before), at);
            }
            _ => nudge(&mut rng, &mut set, &mut naive),
        }
        if step % 797 == 0 {
            same(&set, &naive);
        }
    }
    same(&set, &naive);
    while !naive.0.is_empty() {
        let from = rng.below(naive.0.len() as u64) as usize;
        let to = from + rng.below((naive.0.len() - from) as u64 + 1) as usize;
        set.remove_range(from..to);
        naive.0.drain(from..to);
        same(&set, &naive);
        if naive.0.len() < 10 {
            set.remove_range(0..naive.0.len());
            naive.0.clear();
        }
    }
    assert_eq!((set.len(), set.tree.bytes()), (0, size_of::<Leaf>()));
}

/// Moves a member by a little, which mostly keeps its place.
fn nudge(rng: &mut Rng, set: &mut Ranked, naive: &mut Naive) {
    if naive.0.is_empty() {
        return;
    }
    let (score, m) = naive.0[rng.below(naive.0.len() as u64) as usize].clone();
    let by = [0.25, -0.25, 0.0][rng.below(3) as usize];
    set.update(&m, |old| old.map(|s| s + by));
    naive.insert(&m, score + by);
    assert_eq!(set.score(&m), Some(score + by));
}

#[test]
fn agrees_with_a_sorted_vector() {
    for (seed, scores) in [(1, 1), (2, 5), (3, 1000), (4, 1 << 40)] {
        random_walk(seed, 2000, scores, 6000);
    }
}

#[test]
fn ranges_start_and_end_anywhere() {
    let members: Vec<Vec<u8>> = (0..1500).map(member).collect();
    let pairs = || members.iter().enumerate().map(|(i, m)| (&m[..], (i / 3) as f64));
    let set = Ranked::from_sorted(SEED, pairs());
    set.check();
    let all: Vec<(&[u8], f64)> = pairs().collect();
    for from in (0..1500).step_by(97) {
        for to in (from..1501).step_by(131) {
            assert_eq!(set.range(from..to).collect::<Vec<_>>(), all[from..to]);
            let back: Vec<_> = set.range(from..to).rev().collect();
            assert_eq!(back, all[from..to].iter().rev().copied().collect::<Vec<_>>());
        }
        assert_eq!(set.nth(from), Some(all[from]));
        assert_eq!(set.iter().nth(from), Some(all[from]));
        assert_eq!(set.iter().rev().nth(from), Some(all[1499 - from]));
        let mut both = set.range(from..1500);
        let mut ends = Vec::new();
        while let Some(first) = both.next() {
            ends.push(first);
            ends.extend(both.next_back());
        }
        assert_eq!(ends.len(), 1500 - from);
    }
    assert_eq!(set.nth(1500), None);
    assert_eq!(set.range(2000..3000).count(), 0);
}

#[test]
fn cuts_of_all_sizes_leave_order() {
    const ALL: u64 = 4000;
    let members: Vec<Vec<u8>> = (0..ALL).map(member).collect();
    for from in [0usize, 1, 62, 63, 64, 1000, 3_999] {
        for len in [0usize, 1, 60, 200, 2900, 3900, 4_000] {
            let to = (from + len).min(ALL as usize);
            let pairs = members.iter().enumerate().map(|(i, m)| (&m[..], i as f64));
            let mut set = Ranked::from_sorted(SEED, pairs);
            set.remove_range(from..to);
            set.tree.check();
            assert_eq!(set.len(), ALL as usize - (to - from));
            assert_eq!(set.table.len(), set.len());
            let next = set.nth(from).map(|(_, score)| score);
            assert_eq!(next, (to < ALL as usize).then_some(to as f64));
        }
    }
}

#[test]
fn a_copy_is_independent() {
    let mut set = Ranked::new(SEED);
    for n in 0..500 {
        set.insert(&member(n * 7919 % 500), (n % 40) as f64);
    }
    let copy = set.duplicate();
    set.remove_range(0..499);
    set.insert(b"other", 1.0);
    copy.check();
    assert_eq!((copy.len(), set.len()), (500, 2));
    assert_eq!(copy.score(b"other"), None);
}

#[test]
fn equal_scores_keep_their_sign_and_place() {
    let mut set = Ranked::new(SEED);
    set.insert(b"m", -0.0);
    set.insert(b"a", 0.0);
    set.insert(b"m", 0.0);
    assert!(set.score(b"m").is_some_and(f64::is_sign_negative), "0 is no change of -0");
    let order: Vec<&[u8]> = set.iter().map(|(m, _)| m).collect();
    assert_eq!(order, [b"a", b"m"]);
}

#[test]
fn ascending_insertion_fills_its_leaves() {
    let mut set = Ranked::new(SEED);
    for n in 0..20_000 {
        set.insert(&member(n), n as f64);
    }
    set.check();
    let a_member = set.tree.bytes() as f64 / 20_000.0;
    assert!(a_member < 17.5, "{a_member} bytes of tree a member");
}

#[test]
fn no_split_leaves_a_lonely_kid() {
    let mut set = Ranked::new(SEED);
    // An inner node of full leaves splits for the first time at some 3100 members.
    for n in 0..3300 {
        set.insert(&member(n), n as f64);
        if n > 3000 {
            set.tree.check();
        }
    }
}

#[test]
fn a_member_costs_little() {
    let mut set = Ranked::new(SEED);
    for n in 0..100_000u64 {
        set.insert(&member(n), (n * 7919 % 1_000_003) as f64);
    }
    // A member of 13 bytes is an object of 24, which the allocator keeps in 32.
    assert_eq!(set.held, 100_000 * 24);
    let table_and_tree = (set.bytes() - set.held) as f64 / 100_000.0;
    assert!(table_and_tree + 32.0 < 69.0, "{table_and_tree} bytes beside the member");
}

#[test]
fn random_members_are_uniform() {
    let mut set = Ranked::new(SEED);
    for n in 0..200 {
        set.insert(&member(n), 0.0);
    }
    let mut rng = Rng::seeded(5);
    let mut hits = [0u32; 200];
    for _ in 0..40_000 {
        let (m, _) = set.random(&mut rng).expect("not empty");
        let n: usize = String::from_utf8_lossy(&m[7..]).parse().expect("a number");
        hits[n] += 1;
    }
    let chi: f64 = hits.iter().map(|&h| (f64::from(h) - 200.0).powi(2) / 200.0).sum();
    // 199 degrees of freedom: 277 is passed once in 5000 seeds.
    assert!(chi < 277.0, "chi-square {chi}");
}

#[test]
fn a_scan_shows_every_member_once() {
    let mut set = Ranked::new(SEED);
    for n in 0..3000 {
        set.insert(&member(n), n as f64);
    }
    let (mut seen, mut cursor) = (Vec::new(), 0);
    loop {
        cursor = set.scan(cursor, &mut |m, score| seen.push((m.to_vec(), score)));
        set.insert(&member(10_000 + seen.len() as u64), 1.0);
        if cursor == 0 {
            break;
        }
    }
    seen.retain(|(m, _)| m < &member(3000));
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let want: Vec<_> = (0..3000).map(|n| (member(n), n as f64)).collect();
    assert_eq!(seen, want);
}
