//! The nodes of a stream by id, in runs: a tree of single nodes, filled from one end, would be half
//! empty and cost more than it leads to. The last node, where all new entries go, is not among them
//! but at hand.
//!
//! Invariants: ids ascend within a run and from run to run, and the last node has the greatest; no
//! run is empty or longer than `RUN_MAX`; a run's key is at most its first id and above all ids of
//! the run before. Where there is a node there is a last one.

use super::id::StreamId;
use crate::ds::listpack::Listpack;
use std::collections::{BTreeMap, btree_map};
use std::slice;

/// Most nodes in a run.
const RUN_MAX: usize = 64;

type Node = (StreamId, Listpack);

/// Nodes in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    tail: Option<Node>,
    /// All but the last.
    runs: BTreeMap<StreamId, Vec<Node>>,
    len: usize,
}

/// Nodes between two ids, from either end.
#[derive(Clone, Debug, Default)]
pub struct Walk<'a> {
    front: slice::Iter<'a, Node>,
    runs: btree_map::Range<'a, StreamId, Vec<Node>>,
    back: slice::Iter<'a, Node>,
    tail: Option<&'a Node>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = &'a Node;

    fn next(&mut self) -> Option<&'a Node> {
        loop {
            if let Some(node) = self.front.next() {
                return Some(node);
            }
            match self.runs.next() {
                Some((_, run)) => self.front = run.iter(),
                None => return self.back.next().or_else(|| self.tail.take()),
            }
        }
    }
}

impl DoubleEndedIterator for Walk<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if let Some(node) = self.tail.take() {
            return Some(node);
        }
        loop {
            if let Some(node) = self.back.next_back() {
                return Some(node);
            }
            match self.runs.next_back() {
                Some((_, run)) => self.back = run.iter(),
                None => return self.front.next_back(),
            }
        }
    }
}

/// How many nodes of a run have ids up to this one.
fn up_to(run: &[Node], id: StreamId) -> usize {
    run.partition_point(|node| node.0 <= id)
}

impl Nodes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// All of them.
    pub fn iter(&self) -> Walk<'_> {
        Walk { runs: self.runs.range(..), tail: self.tail.as_ref(), ..Walk::default() }
    }

    /// Those from one id to another, both included.
    pub fn range(&self, from: StreamId, to: StreamId) -> Walk<'_> {
        if from > to {
            return Walk::default();
        }
        let key_of = |id| self.runs.range(..=id).next_back().map_or(id, |(key, _)| *key);
        let mut runs = self.runs.range(key_of(from)..=to);
        let mut front = runs.next().map_or([].iter(), |(_, run)| {
            let begin = run.partition_point(|node| node.0 < from);
            run[begin..].iter()
        });
        let back = match runs.next_back() {
            Some((_, run)) => run[..up_to(run, to)].iter(),
            None => {
                let kept = up_to(front.as_slice(), to);
                front = front.as_slice()[..kept].iter();
                [].iter()
            }
        };
        let tail = self.tail.as_ref().filter(|tail| (from..=to).contains(&tail.0));
        Walk { front, runs, back, tail }
    }

    /// The first one.
    pub fn first(&self) -> Option<&Node> {
        self.runs.first_key_value().and_then(|(_, run)| run.first()).or(self.tail.as_ref())
    }

    /// The last one.
    pub fn last(&self) -> Option<&Node> {
        self.tail.as_ref()
    }

    /// The last one, to be changed.
    #[inline]
    pub fn last_mut(&mut self) -> Option<(StreamId, &mut Listpack)> {
        self.tail.as_mut().map(|(id, node)| (*id, node))
    }

    /// The last one that begins at an id or before it.
    pub fn at_or_before(&self, id: StreamId) -> Option<&Node> {
        if self.tail.as_ref().is_some_and(|tail| tail.0 <= id) {
            return self.tail.as_ref();
        }
        // What is left of a run may begin behind its key.
        let mut runs = self.runs.range(..=id).rev().map(|(_, run)| &run[..up_to(run, id)]);
        runs.find_map(<[Node]>::last)
    }

    /// `at_or_before`, to be changed.
    pub fn at_or_before_mut(&mut self, id: StreamId) -> Option<(StreamId, &mut Listpack)> {
        if self.tail.as_ref().is_some_and(|tail| tail.0 <= id) {
            return self.last_mut();
        }
        let mut runs = self.runs.range_mut(..=id).rev();
        runs.find_map(|(_, run)| {
            let end = up_to(run, id);
            run[..end].last_mut().map(|(id, node)| (*id, node))
        })
    }

    /// The first one that begins behind an id.
    pub fn after(&self, id: StreamId) -> Option<&Node> {
        let mut walk = self.range(id, StreamId::MAX);
        walk.find(|node| node.0 > id)
    }

    /// Adds one behind the others.
    pub fn push(&mut self, id: StreamId, node: Listpack) {
        debug_assert!(self.last().is_none_or(|last| last.0 < id), "nodes come in order");
        self.len += 1;
        let Some(before) = self.tail.replace((id, node)) else { return };
        match self.runs.last_entry() {
            Some(mut run) if run.get().len() < RUN_MAX => run.get_mut().push(before),
            _ => {
                self.runs.insert(before.0, vec![before]);
            }
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, id: StreamId) -> Option<Listpack> {
        if let Some((_, node)) = self.tail.take_if(|tail| tail.0 == id) {
            self.len -= 1;
            if let Some(mut run) = self.runs.last_entry() {
                self.tail = run.get_mut().pop();
                if run.get().is_empty() {
                    run.remove();
                }
            }
            return Some(node);
        }
        let (key, run) = self.runs.range_mut(..=id).next_back()?;
        let key = *key;
        let at = run.binary_search_by_key(&id, |node| node.0).ok()?;
        let (_, node) = run.remove(at);
        if run.is_empty() {
            self.runs.remove(&key);
        } else if run.len() < run.capacity() / 4 {
            run.shrink_to(2 * run.len());
        }
        self.len -= 1;
        Some(node)
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        let mut before = None;
        for (key, run) in &self.runs {
            assert!(!run.is_empty() && run.len() <= RUN_MAX, "a run of {}", run.len());
            assert!(before < Some(*key) && *key <= run[0].0, "a key among ids");
            assert!(run.is_sorted_by(|one, next| one.0 < next.0), "ids ascend");
            before = run.last().map(|node| node.0);
        }
        let tail = self.tail.as_ref().map(|node| node.0);
        assert!(tail > before || self.len == 0, "the last node is there and has the greatest id");
        let in_runs = self.runs.values().map(Vec::len).sum::<usize>();
        assert_eq!(self.len, in_runs + usize::from(tail.is_some()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn id(n: u64) -> StreamId {
        StreamId::new(n / 10, n % 10)
    }

    fn ids<'a>(nodes: impl Iterator<Item = &'a Node>) -> Vec<StreamId> {
        nodes.map(|node| node.0).collect()
    }

    #[test]
    fn are_an_ordered_map() {
        let mut rng = Rng::seeded(71);
        for _ in 0..20 {
            let (mut nodes, mut model) = (Nodes::default(), BTreeMap::new());
            let mut next = 0;
            for _ in 0..1500 {
                let some = id(rng.below(next + 3));
                match rng.below(9) {
                    0 | 1 => {
                        assert_eq!(nodes.remove(some).is_some(), model.remove(&some).is_some());
                    }
                    2 => {
                        let to = id(rng.below(next + 3));
                        let wanted: Vec<StreamId> = match some <= to {
                            true => model.range(some..=to).map(|(id, ())| *id).collect(),
                            false => Vec::new(),
                        };
                        assert_eq!(ids(nodes.range(some, to)), wanted);
                        let mut back = ids(nodes.range(some, to).rev());
                        back.reverse();
                        assert_eq!(back, wanted);
                    }
                    3 => {
                        let before = model.range(..=some).next_back().map(|(id, ())| *id);
                        assert_eq!(nodes.at_or_before(some).map(|node| node.0), before);
                        assert_eq!(nodes.at_or_before_mut(some).map(|node| node.0), before);
                        let after = model.keys().find(|id| **id > some).copied();
                        assert_eq!(nodes.after(some).map(|node| node.0), after);
                    }
                    _ => {
                        next += 1 + rng.below(3);
                        nodes.push(id(next), Listpack::new());
                        model.insert(id(next), ());
                        next += 1;
                    }
                }
                let keys: Vec<StreamId> = model.keys().copied().collect();
                assert_eq!(nodes.len(), keys.len());
                assert_eq!(nodes.first().map(|node| node.0), keys.first().copied());
                assert_eq!(nodes.last().map(|node| node.0), keys.last().copied());
                assert_eq!(nodes.last_mut().map(|node| node.0), keys.last().copied());
                assert_eq!(ids(nodes.iter()), keys);
                nodes.check();
            }
            let mut walk = nodes.iter();
            let both: usize = (0..).map_while(|_| walk.next().zip(walk.next_back())).count();
            assert_eq!(both, nodes.len() / 2, "the ends of a walk meet");
        }
    }
}
