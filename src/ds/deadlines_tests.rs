//! Deadlines against an ordered set that also numbers equal items.

use std::collections::BTreeSet;

use super::*;
use crate::base::rng::Rng;

/// The naive twin: the last part tells equal items apart.
#[derive(Default)]
struct Model(BTreeSet<(i64, u32, u32)>);

impl Model {
    fn insert(&mut self, at_ms: i64, hash: u32) {
        let last = self.0.range((at_ms, hash, 0)..=(at_ms, hash, u32::MAX)).next_back();
        let copy = last.map_or(0, |last| last.2 + 1);
        self.0.insert((at_ms, hash, copy));
    }

    fn remove(&mut self, at_ms: i64, hash: u32) -> bool {
        let last = self.0.range((at_ms, hash, 0)..=(at_ms, hash, u32::MAX)).next_back().copied();
        last.is_some_and(|last| self.0.remove(&last))
    }

    fn pop_due(&mut self, now_ms: i64) -> Option<Item> {
        let first = *self.0.first()?;
        if first.0 > now_ms {
            return None;
        }
        self.0.pop_first();
        Some((first.0, first.1))
    }

    fn assert_same(&self, deadlines: &Deadlines) {
        deadlines.check();
        assert_eq!(deadlines.len(), self.0.len());
        assert!(deadlines.iter().eq(self.0.iter().map(|&(at_ms, hash, _)| (at_ms, hash))));
        assert_eq!(deadlines.first(), deadlines.iter().next());
    }
}

/// Random steps; `at` draws a deadline and `hashes` is how many different ones there are.
fn compare(seed: u64, steps: usize, hashes: u64, mut at: impl FnMut(&mut Rng, usize) -> i64) {
    let mut rng = Rng::seeded(seed);
    let mut deadlines = Deadlines::new();
    let mut model = Model::default();
    let mut known = Vec::new();
    for step in 0..steps {
        // Phases of growth and of decline.
        let growing = (step / (steps / 6).max(1)).is_multiple_of(2);
        let chance = if growing { 7 } else { 3 };
        if rng.below(10) < chance || known.is_empty() {
            let item = (at(&mut rng, step), rng.below(hashes) as u32);
            deadlines.insert(item.0, item.1);
            model.insert(item.0, item.1);
            known.push(item);
        } else if rng.below(4) == 0 {
            let now_ms = at(&mut rng, step);
            assert_eq!(deadlines.pop_due(now_ms), model.pop_due(now_ms));
        } else {
            let pick = rng.below(known.len() as u64) as usize;
            let item = known.swap_remove(pick);
            assert_eq!(deadlines.remove(item.0, item.1), model.remove(item.0, item.1));
            assert!(!deadlines.remove(item.0, u32::MAX));
        }
        if step % 997 == 0 {
            model.assert_same(&deadlines);
        }
    }
    model.assert_same(&deadlines);
    while let Some(item) = model.pop_due(i64::MAX) {
        assert_eq!(deadlines.pop_due(i64::MAX), Some(item));
    }
    assert_eq!((deadlines.pop_due(i64::MAX), deadlines.item_bytes), (None, 0));
    model.assert_same(&deadlines);
}

#[test]
fn behaves_like_an_ordered_set() {
    let now_ms = 1_700_000_000_000;
    compare(1, 30_000, 1 << 32, |rng, _| now_ms + rng.below(3_600_000) as i64);
    compare(2, 30_000, 3, |rng, _| rng.below(5) as i64);
    compare(3, 3_000, 1, |_, _| 7);
    compare(4, 30_000, 1 << 32, |_, step| step as i64);
    compare(5, 30_000, 1 << 32, |_, step| -(step as i64));
    compare(6, 20_000, 9, |rng, _| rng.next_u64() as i64);
    compare(7, 20_000, 9, |rng, _| (rng.next_u64() as i64) >> rng.below(60));
    compare(8, 30_000, 1 << 32, |rng, step| {
        step as i64 + [60, 3_600][rng.below(2) as usize] * 1000
    });
}

#[test]
fn extremes_keep_their_order() {
    let mut deadlines = Deadlines::new();
    for at_ms in [0, i64::MAX, i64::MIN, -1, i64::MAX, i64::MIN + 1] {
        deadlines.insert(at_ms, u32::MAX);
        deadlines.insert(at_ms, 0);
        deadlines.check();
    }
    let times: Vec<i64> = deadlines.iter().map(|item| item.0).step_by(2).collect();
    assert_eq!(times, [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX, i64::MAX]);
    assert_eq!(deadlines.pop_due(i64::MIN), Some((i64::MIN, 0)));
    let taken = deadlines.take_all();
    assert_eq!((taken.len(), deadlines.len(), deadlines.first()), (11, 0, None));
}

#[test]
fn many_equal_items_and_then_others() {
    let mut deadlines = Deadlines::new();
    for _ in 0..1_000 {
        deadlines.insert(5, 5);
    }
    for item in [(5, 4), (5, 6), (4, 9), (5, 5), (6, 0), (5, 5)] {
        deadlines.insert(item.0, item.1);
        deadlines.check();
    }
    for _ in 0..1_002 {
        assert!(deadlines.remove(5, 5));
    }
    assert!(!deadlines.remove(5, 5));
    deadlines.check();
    assert!(deadlines.iter().eq([(4, 9), (5, 4), (5, 6), (6, 0)]));
}

#[test]
fn an_item_takes_little_memory() {
    let mut rng = Rng::seeded(11);
    let (mut random, mut rising) = (Deadlines::new(), Deadlines::new());
    for i in 0..100_000 {
        random.insert(rng.below(86_400_000) as i64, rng.next_u64() as u32);
        rising.insert(i / 3, rng.next_u64() as u32);
    }
    assert!(random.bytes() < 13 * 100_000, "{}", random.bytes());
    assert!(rising.bytes() < 10 * 100_000, "{}", rising.bytes());
    // After most of them have gone, what is left must not hold on to much.
    let items: Vec<Item> = random.iter().collect();
    for (i, item) in items.iter().enumerate() {
        if i % 16 != 0 {
            assert!(random.remove(item.0, item.1));
        }
    }
    random.check();
    assert!(random.bytes() < 20 * random.len(), "{} for {}", random.bytes(), random.len());
}

/// Items that rest count and can be removed like others, but come up only when their rest is over.
#[test]
fn who_rests_is_there_but_not_due() {
    let mut deadlines = Deadlines::new();
    for item in [(1, 7), (1, 8), (1, 8), (50, 9)] {
        deadlines.insert(item.0, item.1);
    }
    for item in [(1, 7), (1, 8), (2, 8)] {
        deadlines.rest(item.0, item.1, 40);
        deadlines.check();
    }
    assert_eq!((deadlines.len(), deadlines.first()), (4, Some((1, 8))));
    assert!(deadlines.iter().eq([(1, 7), (1, 8), (1, 8), (50, 9)]));
    assert!(deadlines.remove(1, 8), "one of two that are the same");
    assert_eq!((deadlines.first(), deadlines.next_ms()), (Some((50, 9)), Some(40)));
    deadlines.wake(40);
    assert_eq!(deadlines.next_ms(), Some(40), "until then, and that long");
    assert!(deadlines.remove(1, 7) && !deadlines.remove(1, 7));
    deadlines.check();
    deadlines.wake(41);
    assert_eq!(
        (deadlines.len(), deadlines.first(), deadlines.next_ms()),
        (2, Some((1, 8)), Some(1))
    );
    deadlines.check();
}

/// Whoever finds no place to rest is due at once.
#[test]
fn not_too_many_rest() {
    let mut deadlines = Deadlines::new();
    for hash in 0..2 * RESTING_MAX as u32 {
        deadlines.insert(3, hash);
        deadlines.rest(3, hash, 90);
        deadlines.check();
    }
    assert_eq!(deadlines.first(), Some((3, RESTING_MAX as u32)));
    deadlines.wake(91);
    assert_eq!((deadlines.len(), deadlines.first()), (2 * RESTING_MAX, Some((3, 0))));
    assert_eq!(deadlines.take_all().len(), 2 * RESTING_MAX);
    assert_eq!((deadlines.len(), deadlines.next_ms()), (0, None));
}
