//! When a reply counts as the recorded one: every form of `match` a transcript may use.

use std::collections::BTreeMap;

use regex::Regex;

use super::script::{Expect, Matcher};
use crate::support::frames::{Node, Value, parse_all, show};

/// Values kept from earlier replies, by name.
pub type Vars = BTreeMap<String, Vec<u8>>;

type Verdict = Result<(), String>;

fn holds(condition: bool, otherwise: impl Into<String>) -> Verdict {
    if condition { Ok(()) } else { Err(otherwise.into()) }
}

/// Does `raw` satisfy what the step says? Otherwise the reason.
pub fn judge(expect: &Expect, raw: &[u8], vars: &Vars) -> Verdict {
    match &expect.matcher {
        Matcher::Exact => return holds(raw == expect.reply, "differs"),
        Matcher::Any => return Ok(()),
        Matcher::TypeOnly => {
            return holds(raw.first().copied() == expect.kind, "not the expected type");
        }
        Matcher::Regex(pattern) => return matches_pattern(pattern, raw),
        Matcher::Prefix(start) => {
            return holds(raw.starts_with(start), "does not begin as expected");
        }
        Matcher::OneOf(allowed) => {
            return holds(allowed.iter().any(|a| a == raw), "none of the allowed replies");
        }
        _ => {}
    }
    let got = parse_all(raw)?;
    if is_order_free(&expect.matcher) {
        return without_order(&expect.matcher, &parse_all(&expect.reply)?, &got);
    }
    let [node] = got.as_slice() else { return Err(format!("{} frames", got.len())) };
    judge_one(expect, node, vars)
}

fn matches_pattern(pattern: &str, raw: &[u8]) -> Verdict {
    // Bytes as characters of the same number, as the pattern was written; all of it must match,
    // and a dot matches line ends too.
    let text: String = raw.iter().map(|&b| char::from(b)).collect();
    let whole = Regex::new(&format!(r"(?s)\A(?:{pattern})\z")).map_err(|e| e.to_string())?;
    holds(whole.is_match(&text), "does not match the pattern")
}

fn is_order_free(matcher: &Matcher) -> bool {
    use Matcher::{DeepUnordered, FramesUnordered, PairsUnordered, Unordered};
    matches!(matcher, Unordered | PairsUnordered | DeepUnordered | FramesUnordered)
}

fn without_order(matcher: &Matcher, want: &[Node], got: &[Node]) -> Verdict {
    let frames = format!("{} frames expected, got {}", want.len(), got.len());
    holds(want.len() == got.len(), frames)?;
    match matcher {
        Matcher::DeepUnordered => {
            let same = want.iter().zip(got).all(|(a, b)| orderless(a) == orderless(b));
            holds(same, "not the same elements")
        }
        Matcher::FramesUnordered => holds(bag(want) == bag(got), "not the same frames"),
        _ => want.iter().zip(got).try_for_each(|(a, b)| {
            let pairs = matches!(matcher, Matcher::PairsUnordered) || a.is_map();
            same_top_level(a, b, pairs)
        }),
    }
}

fn same_top_level(want: &Node, got: &Node, pairs: bool) -> Verdict {
    same_kind(want, got)?;
    match (want.list(), got.list()) {
        (Some(a), Some(b)) if pairs => {
            let same = a.len() == b.len() && b.len() % 2 == 0 && pair_bag(a) == pair_bag(b);
            holds(same, "not the same pairs")
        }
        (Some(a), Some(b)) => holds(bag(a) == bag(b), "not the same elements"),
        _ => holds(want == got, "differs"),
    }
}

fn same_kind(want: &Node, got: &Node) -> Verdict {
    expected_kind(Some(want.kind), got)
}

fn expected_kind(kind: Option<u8>, got: &Node) -> Verdict {
    match kind {
        Some(kind) if kind != got.kind => {
            Err(format!("type {}, expected {}", char::from(got.kind), char::from(kind)))
        }
        _ => Ok(()),
    }
}

fn bag<T: Clone + Ord>(items: &[T]) -> Vec<T> {
    let mut sorted = items.to_vec();
    sorted.sort();
    sorted
}

fn pair_bag(items: &[Node]) -> Vec<Vec<Node>> {
    bag(&items.chunks(2).map(<[Node]>::to_vec).collect::<Vec<_>>())
}

/// The same node with every level sorted.
fn orderless(node: &Node) -> Node {
    let Some(items) = node.list() else { return node.clone() };
    let items: Vec<Node> = items.iter().map(orderless).collect();
    let sorted = if node.is_map() { pair_bag(&items).concat() } else { bag(&items) };
    Node { kind: node.kind, value: Value::List(sorted) }
}

fn judge_one(expect: &Expect, node: &Node, vars: &Vars) -> Verdict {
    match &expect.matcher {
        Matcher::IntRange(low, high) => {
            let n: i64 = as_number(node).ok_or("not an integer")?;
            expected_kind(expect.kind, node)?;
            holds((*low..=*high).contains(&n), format!("not in {low}..{high}"))
        }
        Matcher::Float(value, epsilon) => {
            expected_kind(expect.kind, node)?;
            let n: f64 = as_number(node).ok_or("not a number")?;
            holds((n - value).abs() <= *epsilon, "not that number")
        }
        Matcher::SameAs(name) => {
            let kept = vars.get(name).ok_or(format!("variable {name} was never set"))?;
            holds(node.text() == *kept, format!("expected {}", show(kept)))
        }
        Matcher::DiffersFrom(name) => {
            let kept = vars.get(name).ok_or(format!("variable {name} was never set"))?;
            holds(node.text() != *kept, "the same as before")
        }
        Matcher::Drawn { from, count, distinct, width } => {
            expected_kind(expect.kind, node)?;
            drawn(node, from, *count, *distinct, *width)
        }
        Matcher::InfoFields(fields) => info_fields(node, fields),
        Matcher::HasKeys(keys) => {
            expected_kind(expect.kind, node)?;
            let pairs = node.list().ok_or("not a map")?;
            missing(keys, pairs.chunks_exact(2).map(|pair| pair[0].text()))
        }
        Matcher::Contains(elements) => {
            expected_kind(expect.kind, node)?;
            let flat = node.list().unwrap_or_default().iter().filter(|n| n.list().is_none());
            missing(elements, flat.map(Node::text))
        }
        Matcher::Tree { ignore, wild, unordered, deep } => {
            let want = parse_all(&expect.reply)?;
            let want = want.first().ok_or("a tree without a recorded reply")?;
            let tree = Tree { ignore, wild, unordered: *unordered, deep: *deep };
            tree.compare(want, node, &mut Vec::new())
        }
        Matcher::Shape(want) => {
            let got = shape(node);
            holds(got == *want, format!("shape {got}"))
        }
        other => Err(format!("{other:?} does not compare single frames")),
    }
}

fn as_number<T: std::str::FromStr>(node: &Node) -> Option<T> {
    match &node.value {
        Value::Int(_) | Value::Text(_) => String::from_utf8(node.text()).ok()?.trim().parse().ok(),
        Value::Null | Value::List(_) => None,
    }
}

fn missing(wanted: &[Vec<u8>], have: impl Iterator<Item = Vec<u8>>) -> Verdict {
    let have: Vec<Vec<u8>> = have.collect();
    let lacks: Vec<String> = wanted.iter().filter(|w| !have.contains(w)).map(|w| show(w)).collect();
    holds(lacks.is_empty(), format!("missing: {}", lacks.join(" ")))
}

fn info_fields(node: &Node, fields: &[Vec<u8>]) -> Verdict {
    let Value::Text(text) = &node.value else { return Err("not a text".into()) };
    holds(matches!(node.kind, b'$' | b'='), "not a text")?;
    let names = text.split(|&b| b == b'\n').map(|line| {
        let name = line.split(|&b| b == b':').next().unwrap_or_default();
        name.trim_ascii_end().to_vec()
    });
    missing(fields, names)
}

fn leaves(node: &Node) -> Vec<Vec<u8>> {
    match node.list() {
        Some(items) => items.iter().flat_map(leaves).collect(),
        None => vec![node.text()],
    }
}

fn drawn(
    node: &Node,
    from: &[Vec<Vec<u8>>],
    count: usize,
    distinct: bool,
    width: usize,
) -> Verdict {
    let flat = leaves(node);
    let picks: Vec<Vec<Vec<u8>>> = flat.chunks(width).map(<[_]>::to_vec).collect();
    holds(picks.len() == count, format!("{} elements, expected {count}", picks.len()))?;
    holds(picks.iter().all(|p| from.contains(p)), "an element that was never there")?;
    let mut unique = bag(&picks);
    unique.dedup();
    holds(!distinct || unique.len() == picks.len(), "the same element twice")
}

/// Skeleton of a reply: the type of each node; keys of maps are kept.
fn shape(node: &Node) -> String {
    let kind = char::from(node.kind);
    match &node.value {
        Value::Null => format!("{kind}-"),
        Value::Int(_) | Value::Text(_) => kind.to_string(),
        Value::List(items) if node.is_map() => {
            let pairs: Vec<String> = items
                .chunks_exact(2)
                .map(|p| format!("{}:{}", String::from_utf8_lossy(&p[0].text()), shape(&p[1])))
                .collect();
            format!("{kind}{{{}}}", pairs.join(","))
        }
        Value::List(items) => {
            let inner: Vec<String> = items.iter().map(shape).collect();
            format!("{kind}[{}]", inner.join(","))
        }
    }
}

/// Comparison of two replies node by node, with parts that need only have the same type.
struct Tree<'a> {
    ignore: &'a [Vec<u8>],
    wild: &'a [Vec<String>],
    unordered: bool,
    deep: bool,
}

impl Tree<'_> {
    fn compare(&self, want: &Node, got: &Node, path: &mut Vec<usize>) -> Verdict {
        let at = |what: String| -> String {
            let steps: Vec<String> = path.iter().map(usize::to_string).collect();
            format!("{}: {what}", if steps.is_empty() { "top".into() } else { steps.join(".") })
        };
        same_kind(want, got).map_err(&at)?;
        if self.is_wild(path) {
            return Ok(());
        }
        let (Some(a), Some(b)) = (want.list(), got.list()) else {
            return holds(want.value == got.value, at("another value".into()));
        };
        if self.deep || (self.unordered && path.is_empty()) {
            let (a, b) = (self.blank(want), self.blank(got));
            let same = if self.deep {
                orderless(&a) == orderless(&b)
            } else {
                bag(a.list().unwrap_or_default()) == bag(b.list().unwrap_or_default())
            };
            return holds(same, at("not the same elements".into()));
        }
        holds(a.len() == b.len(), at(format!("length {} / {}", a.len(), b.len())))?;
        for (i, (x, y)) in a.iter().zip(b).enumerate() {
            path.push(i);
            let verdict = if self.is_ignored(want, a, i) && a[i - 1] == b[i - 1] {
                same_kind(x, y)
            } else {
                self.compare(x, y, path)
            };
            path.pop();
            verdict?;
        }
        Ok(())
    }

    fn is_wild(&self, path: &[usize]) -> bool {
        self.wild.iter().any(|wild| {
            wild.len() == path.len()
                && wild.iter().zip(path).all(|(w, p)| w == "*" || *w == p.to_string())
        })
    }

    /// Is item `i` the value after an ignored key?
    fn is_ignored(&self, parent: &Node, items: &[Node], i: usize) -> bool {
        let Some(key) = i.checked_sub(1).map(|k| &items[k]) else { return false };
        matches!(key.kind, b'$' | b'+')
            && self.ignore.contains(&key.text())
            && (!parent.is_map() || i % 2 == 1)
    }

    /// The same node with the values of ignored keys forgotten.
    fn blank(&self, node: &Node) -> Node {
        let Some(items) = node.list() else { return node.clone() };
        let mut items: Vec<Node> = items.iter().map(|item| self.blank(item)).collect();
        for i in 1..items.len() {
            if self.is_ignored(node, &items, i) {
                items[i].value = Value::Text(b"?".to_vec());
            }
        }
        Node { kind: node.kind, value: Value::List(items) }
    }
}
