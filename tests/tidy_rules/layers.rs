//! Who may use whom, and whether every file is reached from the root.
//!
//! `main, net` → `commands` → `engine` → `keyspace` → `value` → `ds` → `base, resp, env`

use std::collections::BTreeSet;

use super::source::Source;

/// Height of each layer; a use may go down or stay inside, never up. Layers of one height do not
/// know each other, apart from the pairs in `NEIGHBOURS`.
const LAYERS: &[(&str, u32)] = &[
    ("main", 9),
    ("net", 9),
    ("cli", 9),
    ("entrypoint", 9),
    ("commands", 8),
    ("engine", 7),
    ("keyspace", 6),
    ("rdb", 5),
    ("value", 4),
    ("ds", 3),
    ("base", 2),
    ("resp", 2),
    ("env", 2),
    ("log", 2),
    ("sys", 1),
    ("alloc", 1),
];

/// Uses inside one height: the protocol and the world lean on number text and seeded randomness,
/// and only the outermost files put the layers together.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("resp", "base"),
    ("env", "base"),
    ("log", "base"),
    ("main", "net"),
    ("main", "cli"),
    ("main", "entrypoint"),
    ("log", "env"),
];

fn height(layer: &str) -> Option<u32> {
    LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, height)| *height)
}

/// The layer a file belongs to: its folder below `src/`, or its own name.
fn layer_of(path: &str) -> &str {
    let below = path.trim_start_matches("src/");
    below.split(['/', '.']).next().unwrap_or(below)
}

/// The layers a line of code names.
fn used(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for prefix in ["crate::", "redstart::"] {
        for (at, _) in line.match_indices(prefix) {
            let rest = &line[at + prefix.len()..];
            let names = match rest.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap_or(group),
                None => rest,
            };
            let end = |name: &str| name.find(|c: char| !c.is_alphanumeric() && c != '_');
            for part in names.split(',').take(if rest.starts_with('{') { usize::MAX } else { 1 }) {
                let part = part.trim();
                found.push(&part[..end(part).unwrap_or(part.len())]);
            }
        }
    }
    found
}

pub fn upward(tree: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.iter().filter(|file| file.path != "src/lib.rs" && !file.is_test()) {
        let own = layer_of(&file.path);
        let Some(own_height) = height(own) else {
            faults.push(file.at(1, format_args!("`{own}` is in no layer")));
            continue;
        };
        let until = file.tests_from();
        for (at, line) in file.numbered().take_while(|(at, _)| *at < until) {
            for other in used(line) {
                let Some(other_height) = height(other) else { continue };
                let allowed =
                    other == own || other_height < own_height || NEIGHBOURS.contains(&(own, other));
                if !allowed {
                    faults.push(file.at(at, format_args!("`{own}` uses `{other}`")));
                }
            }
        }
    }
    faults
}

/// Files that no `mod` declaration reaches: nobody compiles them.
pub fn dead(tree: &[Source]) -> Vec<String> {
    let mut reached: BTreeSet<String> =
        ["src/lib.rs", "src/main.rs"].map(str::to_owned).into_iter().collect();
    for file in tree {
        for (i, line) in file.code.iter().enumerate() {
            let Some(name) = declared(line) else { continue };
            let folder = children_folder(&file.path);
            reached.insert(format!("{folder}/{name}.rs"));
            reached.insert(format!("{folder}/{name}/mod.rs"));
            if let Some(path) = i.checked_sub(1).and_then(|above| path_attribute(file, above)) {
                let beside = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                reached.insert(format!("{beside}/{path}"));
            }
        }
    }
    let declared_twice = |path: &str| path == "src/lib.rs" || path == "src/main.rs";
    tree.iter()
        .filter(|file| !reached.contains(&file.path) && !declared_twice(&file.path))
        .map(|file| file.at(1, "no module declares it"))
        .collect()
}

/// The name in `mod name;`.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim().strip_suffix(';')?;
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    (words.next() == Some("mod")).then(|| words.next())?
}

/// Where the children of a file lie.
fn children_folder(path: &str) -> &str {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => stem,
    }
}

/// The file in `#[path = "file.rs"]`, which stands in the line as written.
fn path_attribute(file: &Source, line: usize) -> Option<&str> {
    file.lines[line].trim().strip_prefix("#[path = \"")?.strip_suffix("\"]")
}

#[test]
fn an_upward_arrow_is_found() {
    let up = Source::new("src/ds/x.rs", "//! x\nuse crate::{base::num, engine};\n");
    assert_eq!(upward(&[up]), ["src/ds/x.rs:2: `ds` uses `engine`"]);
    let side = Source::new("src/base/x.rs", "//! x\nfn f(_: crate::resp::reply::Reply) {}\n");
    assert_eq!(upward(&[side]).len(), 1);
    let down = Source::new("src/engine/x.rs", "//! x\nuse crate::keyspace::keys::Keys;\n");
    assert!(upward(&[down]).is_empty());
}

#[test]
fn a_dead_file_is_found() {
    let root = Source::new("src/lib.rs", "//! x\npub mod a;\n");
    let a = Source::new("src/a/mod.rs", "//! x\n#[path = \"b_tests.rs\"]\nmod tests;\nmod c;\n");
    let files = ["src/a/b_tests.rs", "src/a/c.rs", "src/a/d.rs"].map(|p| Source::new(p, "//! x\n"));
    let tree: Vec<Source> = [root, a].into_iter().chain(files).collect();
    assert_eq!(dead(&tree), ["src/a/d.rs:1: no module declares it"]);
}
