//! Source files as the rules see them: each line whole, and once more with comments and the
//! contents of literals blanked, so that a word in a text is never taken for code.

use std::path::{Path, PathBuf};

/// One file of the tree.
pub struct Source {
    /// Relative to the root of the crate, with `/`.
    pub path: String,
    pub lines: Vec<String>,
    /// The same lines with comments and literals blanked out.
    pub code: Vec<String>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let lines = text.lines().map(str::to_owned).collect();
        Source { path: path.to_owned(), lines, code: blank(text) }
    }

    /// Lines of code with their numbers, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().enumerate().map(|(i, line)| (i + 1, line.as_str()))
    }

    /// A fault at a line.
    pub fn at(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    /// Line number from which the file is a `#[cfg(test)]` module, or one past its end.
    pub fn tests_from(&self) -> usize {
        let end = self.code.len() + 1;
        let inline =
            |i: usize| self.code[i..].iter().take(5).any(|l| l.contains("mod ") && l.contains('{'));
        (0..self.code.len())
            .find(|&i| self.code[i].trim() == "#[cfg(test)]" && inline(i))
            .map_or(end, |i| i + 1)
    }

    /// Is the whole file a test?
    pub fn is_test(&self) -> bool {
        !self.path.starts_with("src/")
            || self.path.ends_with("_tests.rs")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below these folders, in the order of their paths.
pub fn tree(folders: &[&str]) -> Vec<Source> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut files);
    }
    files.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("source files are UTF-8");
        let relative = path.strip_prefix(root()).expect("it was found below the root");
        let name = relative.to_str().expect("plain names").replace('\\', "/");
        Source::new(&name, &text)
    };
    let sources: Vec<Source> = files.iter().map(read).collect();
    assert!(!sources.is_empty(), "nothing to look at in {folders:?}");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is part of the source") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// What the scanner is inside of.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Code,
    LineComment,
    /// Block comments nest.
    BlockComment(usize),
    Text,
    /// A raw string with so many `#`.
    RawText(usize),
}

fn blank(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut inside) = (0, Inside::Code);
    while at < chars.len() {
        let (used, next) = advance(&chars, at, inside);
        for &c in &chars[at..at + used] {
            let keep = c == '\n' || (inside == Inside::Code && next == Inside::Code);
            out.push(if keep { c } else { ' ' });
        }
        (at, inside) = (at + used, next);
    }
    out.lines().map(str::to_owned).collect()
}

/// How many characters belong together at `at`, and what follows them. A quoted character is
/// kept as code: it cannot hold a word.
fn advance(chars: &[char], at: usize, inside: Inside) -> (usize, Inside) {
    let c = chars[at];
    let pair = (c, chars.get(at + 1).copied().unwrap_or('\n'));
    match inside {
        Inside::LineComment => (1, if c == '\n' { Inside::Code } else { inside }),
        Inside::BlockComment(depth) => match pair {
            ('/', '*') => (2, Inside::BlockComment(depth + 1)),
            ('*', '/') if depth == 1 => (2, Inside::Code),
            ('*', '/') => (2, Inside::BlockComment(depth - 1)),
            _ => (1, inside),
        },
        Inside::Text => match c {
            '\\' => (2.min(chars.len() - at), inside),
            '"' => (1, Inside::Code),
            _ => (1, inside),
        },
        Inside::RawText(hashes) => {
            let closes = c == '"' && (1..=hashes).all(|i| chars.get(at + i) == Some(&'#'));
            if closes { (1 + hashes, Inside::Code) } else { (1, inside) }
        }
        Inside::Code => match pair {
            ('/', '/') => (2, Inside::LineComment),
            ('/', '*') => (2, Inside::BlockComment(1)),
            ('"', _) => (1, Inside::Text),
            ('r', '"' | '#') => raw_start(chars, at).unwrap_or((1, inside)),
            ('\'', '\\') => (char_end(chars, at), inside),
            ('\'', _) if chars.get(at + 2) == Some(&'\'') => (3, inside),
            _ => (1, inside),
        },
    }
}

fn raw_start(chars: &[char], at: usize) -> Option<(usize, Inside)> {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some((hashes + 2, Inside::RawText(hashes)))
}

/// Length of an escaped character literal.
fn char_end(chars: &[char], at: usize) -> usize {
    let rest = chars.iter().skip(at + 3).take_while(|&&c| c != '\'' && c != '\n').count();
    (rest + 4).min(chars.len() - at)
}

#[test]
fn words_in_texts_and_comments_are_not_code() {
    let text = "a /* b /* c */ d */ e // f\ng \"h\\\"i\" j r#\"k\"l\"# m 'n' '\\'' 'o\n";
    let source = Source::new("x.rs", text);
    let words: Vec<&str> = source.code.iter().flat_map(|l| l.split_whitespace()).collect();
    assert_eq!(words, ["a", "e", "g", "j", "m", "'n'", "'\\''", "'o"]);
    assert_eq!(source.lines.len(), source.code.len());
}
