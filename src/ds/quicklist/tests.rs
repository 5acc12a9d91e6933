//! Tests of quicklists: a model over random edits, node borders, compression, memory.

use super::*;
use crate::base::rng::Rng;

type Model = VecDeque<Vec<u8>>;

fn contents(list: &Quicklist, from: usize, n: usize, forward: bool) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let end = list.visit(from, n, forward, &mut |item| {
        all.push(item.to_vec());
        ControlFlow::Continue(())
    });
    assert!(end.is_continue());
    all
}

#[track_caller]
fn same(list: &Quicklist, model: &Model) {
    list.check();
    assert!(
        list.nodes
            .iter()
            .all(|node| { node.len() == 1 || !list.fill.exceeded(node.raw_bytes(), node.len()) })
    );
    assert_eq!(list.len(), model.len());
    assert_eq!(contents(list, 0, usize::MAX, true), Vec::from(model.clone()));
    let backward: Vec<Vec<u8>> = model.iter().rev().cloned().collect();
    assert_eq!(contents(list, model.len().wrapping_sub(1), usize::MAX, false), backward);
}

fn text(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => (rng.next_u64() as i64 >> rng.below(60)).to_string().into_bytes(),
        1 => vec![b'z'; rng.below(6000) as usize],
        2 if rng.below(4) == 0 => vec![b'p'; 4097 + rng.below(9000) as usize],
        3 | 4 => (0..rng.below(200)).map(|_| rng.next_u64() as u8).collect(),
        _ => (0..rng.below(4)).map(|_| b"ab"[rng.below(2) as usize]).collect(),
    }
}

fn remove_matching(model: &mut Model, text: &[u8], from: End, limit: usize) -> usize {
    let mut left = limit;
    let mut keep = |t: &Vec<u8>| {
        let gone = left > 0 && t == text;
        left -= usize::from(gone);
        !gone
    };
    let kept: Model = match from {
        End::Head => model.iter().filter(|t| keep(t)).cloned().collect(),
        End::Tail => {
            let mut kept: Vec<_> = model.iter().rev().filter(|t| keep(t)).cloned().collect();
            kept.reverse();
            kept.into()
        }
    };
    let removed = model.len() - kept.len();
    *model = kept;
    removed
}

fn step(rng: &mut Rng, list: &mut Quicklist, model: &mut Model) {
    let len = model.len() as u64;
    let end = if rng.below(2) == 0 { End::Head } else { End::Tail };
    let text = text(rng);
    match rng.below(if len > 300 { 17 } else { 11 }) {
        0..=4 => {
            list.push(end, &text);
            match end {
                End::Head => model.push_front(text),
                End::Tail => model.push_back(text),
            }
        }
        5..=7 => {
            let at = rng.below(len + 1) as usize;
            list.insert(at, &text);
            model.insert(at, text);
        }
        8 | 9 if len > 0 => {
            let at = rng.below(len) as usize;
            list.set(at, &text);
            model[at] = text;
        }
        10 | 11 => {
            let want = if end == End::Head { model.pop_front() } else { model.pop_back() };
            assert_eq!(list.pop(end, |item| item.to_vec()), want);
        }
        12 | 13 => {
            let (start, n) = (rng.below(len) as usize, rng.below(len / 2 + 2) as usize);
            list.remove_range(start, n);
            model.drain(start..(start + n).min(model.len()));
        }
        14 if len.is_multiple_of(2) => {
            let n = rng.below(len / 2 + 2) as usize;
            let part = list.detach(end, n);
            let gone: Model = match end {
                End::Head => model.drain(..n).collect(),
                End::Tail => model.split_off(model.len() - n),
            };
            same(&part, &gone);
        }
        15 if len.is_multiple_of(2) => {
            let limit = [1, 3, 20, usize::MAX][rng.below(4) as usize];
            let mut pruned = Pruned::default();
            while !list.prune(&mut pruned, &text, end, limit) {}
            let gone = pruned.removed;
            list.adopt(pruned);
            assert_eq!(gone, remove_matching(model, &text, end, limit));
        }
        14 => {
            let limit = [1, 3, 20, usize::MAX][rng.below(4) as usize];
            let gone = list.remove_matching(&text, end, limit);
            assert_eq!(gone, remove_matching(model, &text, end, limit));
        }
        _ => {
            let (from, n) = (rng.below(len.max(1)) as usize, rng.below(50) as usize);
            let want: Vec<_> = model.iter().skip(from).take(n).cloned().collect();
            assert_eq!(contents(list, from, n, true), want);
            assert_eq!(list.get(from, |item| item.to_vec()), model.get(from).cloned());
        }
    }
}

#[test]
fn behaves_like_a_deque() {
    for (seed, (fill, depth)) in
        [(-1, 0), (-1, 1), (-2, 2), (4, 0), (4, 1), (1, 1), (60, 3), (0, 0)].into_iter().enumerate()
    {
        let mut rng = Rng::seeded(seed as u64);
        let plain_from = if seed % 2 == 0 { 4097 } else { usize::MAX };
        let mut list = Quicklist::new(Fill::of(fill).plain_from(plain_from), depth);
        let mut model = Model::new();
        for round in 0..900 {
            step(&mut rng, &mut list, &mut model);
            if round % 50 == 0 {
                same(&list, &model);
            }
        }
        same(&list, &model);
        let copy = list.duplicate();
        same(&copy, &model);
        list.remove_range(0, usize::MAX);
        same(&list, &Model::new());
        same(&copy, &model);
    }
}

#[test]
fn limits_are_those_of_the_setting() {
    for (setting, bytes) in [(-1, 4096), (-2, 8192), (-3, 16384), (-4, 32768), (-5, 65536)] {
        let fill = Fill::of(setting);
        assert!(!fill.exceeded(bytes, 1_000_000) && fill.exceeded(bytes + 1, 1));
        assert!(fill.fits(bytes, 1_000_000) && !fill.fits(bytes + 1, 1));
        assert!(fill.fits_half(bytes / 2, 9) && !fill.fits_half(bytes / 2 + 1, 9));
    }
    assert_eq!(Fill::of(-9), Fill::of(-5));
    assert_eq!(Fill::of(0), Fill::of(1));
    let fill = Fill::of(10);
    assert!(!fill.exceeded(8192, 10) && fill.exceeded(100, 11) && fill.exceeded(8193, 1));
    // A list shrinks to one listpack by its count alone.
    assert!(fill.fits(100_000, 10) && fill.fits_half(100_000, 5) && !fill.fits_half(9, 6));
}

#[test]
fn large_elements_live_alone() {
    let mut list = Quicklist::new(Fill::of(-1).plain_from(5000), 0);
    list.push(End::Tail, b"a");
    list.push(End::Tail, &[b'x'; 5000]);
    list.push(End::Tail, b"b");
    let shape: Vec<bool> = list.nodes().map(|n| matches!(n, NodeRef::Plain(_))).collect();
    assert_eq!(shape, [false, true, false]);
    // Small again, it is an ordinary node.
    list.set(1, b"c");
    assert!(list.nodes().all(|n| matches!(n, NodeRef::Packed(_))));
    list.check();
}

#[test]
fn inner_nodes_are_compressed_and_outer_ones_are_not() {
    let mut list = Quicklist::new(Fill::of(8), 2);
    let long = "the same words again and again ".repeat(4);
    for i in 0..800 {
        list.push(End::Tail, format!("{i} {long}").as_bytes());
    }
    list.check();
    let squeezed = |list: &Quicklist| -> Vec<bool> {
        list.nodes().map(|n| matches!(n, NodeRef::Squeezed { .. })).collect()
    };
    let shape = squeezed(&list);
    assert_eq!(shape.len(), 100);
    assert!(shape.iter().enumerate().all(|(i, s)| *s == (2..98).contains(&i)));
    assert!(list.bytes() < 800 * long.len() / 3);
    for node in list.nodes() {
        if let NodeRef::Squeezed { lzf, len } = node {
            let raw = crate::ds::lzf::decompress(lzf, len).expect("it is whole");
            assert!(Packed::validate(&raw));
        }
    }
    list.set(400, b"short");
    assert_eq!(list.get(400, |item| item.to_vec()).as_deref(), Some(&b"short"[..]));
    assert!(squeezed(&list)[50]);
    list.remove_range(0, 780);
    assert!(squeezed(&list).iter().all(|s| !s));
    list.check();
}

#[test]
fn removals_that_hit_everywhere_take_linear_time() {
    let mut list = Quicklist::new(Fill::of(-5), 0);
    for i in 0..60_000 {
        list.push(End::Tail, if i % 3 == 0 { b"7" } else { b"x" });
    }
    assert_eq!(list.remove_matching(b"x", End::Tail, usize::MAX), 40_000);
    assert_eq!(list.len(), 20_000);
    list.check();
    // Each node one element: taking nodes out one by one would be quadratic.
    let mut list = Quicklist::new(Fill::of(1), 0);
    for _ in 0..50_000 {
        list.push(End::Tail, b"x");
    }
    assert_eq!(list.remove_matching(b"x", End::Head, 49_999), 49_999);
    assert_eq!(list.remove_matching(b"y", End::Head, 1), 0);
    assert_eq!(list.len(), 1);
    list.check();
}

#[test]
fn a_long_list_of_short_elements_is_small() {
    let mut list = Quicklist::new(Fill::of(-2), 0);
    let n = 100_000;
    for i in 0..n {
        list.push(End::Tail, format!("element-{i:08}").as_bytes());
    }
    // Sixteen bytes of text need one byte before them and one behind.
    assert!(list.bytes() <= n * 18 + n / 2, "{} bytes", list.bytes() as f64 / n as f64);
}

#[test]
fn nodes_from_a_file_are_taken_as_they_are() {
    let mut list = Quicklist::new(Fill::of(2), 0);
    let mut pack = Listpack::new();
    (0..9).for_each(|i| pack.push_int(i));
    list.append_packed(pack.clone());
    list.append_packed(Listpack::new());
    list.append_plain(b"large".to_vec());
    assert_eq!(list.nodes().len(), 2);
    assert_eq!(list.len(), 10);
    list.check();
    assert!(list.only_packed().is_none());
    list.remove_range(9, 1);
    assert_eq!(list.only_packed().map(Packed::len), Some(9));
    assert_eq!(list.into_only_packed().as_packed().bytes(), pack.as_packed().bytes());
}
