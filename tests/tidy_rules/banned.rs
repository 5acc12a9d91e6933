//! Words that may stand only in some files, or in none.

use super::source::Source;

/// The only files with `unsafe`: the allocator, system calls, instructions chosen at run time, the
/// layouts of tables and entries, and the bench that gives the table an entry of its own.
const UNSAFE: &[&str] = &[
    "src/alloc.rs",
    "src/main.rs",
    "src/sys",
    "src/ds/bits.rs",
    "src/ds/dict",
    "src/ds/member.rs",
    "src/ds/pair.rs",
    "src/ds/ranked/member.rs",
    "src/keyspace/entry",
    "src/keyspace/keys/edit",
    "src/engine/script/lua/",
    "benches/ds.rs",
];

/// How many lines above an `unsafe` its SAFETY note may begin.
const NOTE_LINES: usize = 8;

/// What reads the world, and may stand only in `OUTSIDE`.
const WORLD: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "std::fs",
    "std::env",
    "thread::sleep",
    "thread::spawn",
    "std::process",
    "RandomState",
];

/// The outermost files, which are the world's door.
const OUTSIDE: &[&str] = &[
    "src/env/",
    "src/main.rs",
    "src/sys",
    "src/net/",
    "src/log.rs",
    "src/cli/",
    "src/entrypoint.rs",
];

fn under(path: &str, list: &[&str]) -> bool {
    list.iter().any(|allowed| path.starts_with(allowed))
}

/// Is `word` there as a word of its own?
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(part_of_name) && !line[at + word.len()..].starts_with(part_of_name)
    })
}

pub fn unsafe_code(tree: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree {
        let listed = under(&file.path, UNSAFE);
        for (at, line) in file.numbered().filter(|(_, line)| has_word(line, "unsafe")) {
            if !listed {
                faults.push(file.at(at, "unsafe outside the list"));
            } else if line.contains("unsafe {") && !noted(file, at) {
                faults.push(file.at(at, "unsafe without a SAFETY note"));
            }
        }
        for (at, line) in file.numbered().filter(|(_, line)| line.contains("allow(unsafe_code)")) {
            if !listed && line.trim_start().starts_with("#") {
                faults.push(file.at(at, "allows unsafe outside the list"));
            }
        }
    }
    faults
}

/// A note stands above the block, in the same paragraph of code.
fn noted(file: &Source, at: usize) -> bool {
    let first = at.saturating_sub(NOTE_LINES + 1);
    file.lines[first..at].iter().any(|line| line.contains("SAFETY"))
}

pub fn calls(tree: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.iter().filter(|file| !under(&file.path, OUTSIDE) && !file.is_test()) {
        let until = file.tests_from();
        for (at, line) in file.numbered().take_while(|(at, _)| *at < until) {
            for word in WORLD.iter().filter(|word| has_word(line, word)) {
                faults.push(file.at(at, format_args!("`{word}`")));
            }
        }
    }
    faults
}

pub fn leftovers(tree: &[Source]) -> Vec<String> {
    // Put together here, so that this file does not find itself.
    let notes = ["TO", "FIX", "XX"].iter().zip(["DO", "ME", "X"]).map(|(a, b)| format!("{a}{b}"));
    let macros = ["todo", "unimplemented", "dbg"].iter().map(|name| format!("{name}!"));
    let homes = ["work", "home", "root", "Users", "farm"].iter().map(|name| format!("/{name}/"));
    let texts: Vec<String> = notes.chain(macros).chain(homes).collect();
    let mut faults = Vec::new();
    for file in tree {
        for (at, line) in file.lines.iter().enumerate() {
            for text in texts.iter().filter(|text| found(line, text)) {
                faults.push(file.at(at + 1, format_args!("`{text}`")));
            }
        }
    }
    faults
}

/// A path must begin there, a word must stand alone.
fn found(line: &str, text: &str) -> bool {
    if text.starts_with('/') {
        let path_goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '/');
        line.match_indices(text).any(|(at, _)| !line[..at].ends_with(path_goes_on))
    } else {
        has_word(line, text.trim_end_matches('!')) && line.contains(text)
    }
}

#[test]
fn a_banned_word_is_found() {
    let file = |path, text| [Source::new(path, text)];
    let sleepy = "//! x\nfn f() { std::thread::sleep(d) }\n";
    assert_eq!(calls(&file("src/engine/x.rs", sleepy)), ["src/engine/x.rs:2: `thread::sleep`"]);
    assert!(calls(&file("src/net/x.rs", sleepy)).is_empty());
    assert_eq!(unsafe_code(&file("src/ds/listpack.rs", "unsafe { f() }\n")).len(), 1);
    assert_eq!(unsafe_code(&file("src/ds/dict.rs", "unsafe { f() }\n")).len(), 1);
    let noted = "// SAFETY: f asks for nothing.\nunsafe { f() }\n";
    assert!(unsafe_code(&file("src/ds/dict.rs", noted)).is_empty());
    let left = format!("// {}DO: later\nlet x = \"/{}/dir\";\n", "TO", "work");
    assert_eq!(leftovers(&file("src/x.rs", &left)).len(), 2);
}
