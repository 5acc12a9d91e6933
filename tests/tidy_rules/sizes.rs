//! How long things may be, and what a file begins with.

use super::source::Source;

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 70;
const MAX_COLUMNS: usize = 100;

/// Files that may be longer, each with its reason. None is, so far.
const LONG_FILES: &[&str] = &[];

pub fn long_files(tree: &[Source]) -> Vec<String> {
    tree.iter()
        .filter(|file| file.lines.len() > MAX_FILE_LINES)
        .filter(|file| !LONG_FILES.contains(&file.path.as_str()))
        .map(|file| file.at(file.lines.len(), "too many lines"))
        .collect()
}

pub fn long_lines(tree: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree {
        for (at, line) in file.lines.iter().enumerate() {
            let columns = line.chars().count();
            if columns > MAX_COLUMNS {
                faults.push(file.at(at + 1, format_args!("{columns} columns")));
            }
        }
    }
    faults
}

pub fn without_header(tree: &[Source]) -> Vec<String> {
    tree.iter()
        .filter(|file| {
            // Attributes of the whole file, and why they are there, may stand above.
            let above = |line: &&String| line.starts_with("#![") || line.starts_with("// ");
            let first = file.lines.iter().find(|line| !above(line));
            !first.is_some_and(|line| line.starts_with("//! "))
        })
        .map(|file| file.at(1, "does not open with `//!`"))
        .collect()
}

/// A function runs from its `fn` to the line that closes its body, which rustfmt puts at the
/// same indentation.
pub fn long_functions(tree: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree {
        for (start, line) in file.numbered().filter(|(_, line)| is_function(line)) {
            let indent = indentation(line);
            let end = file
                .numbered()
                .skip(start - 1)
                .find(|(_, l)| {
                    let l_indent = indentation(l);
                    l_indent == indent && (l.trim() == "}" || l.trim_end().ends_with([';', '}']))
                })
                .map_or(start, |(at, _)| at);
            let lines = end + 1 - start;
            if lines > MAX_FUNCTION_LINES {
                faults.push(file.at(start, format_args!("a function of {lines} lines")));
            }
        }
    }
    faults
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || matches!(*word, "const" | "unsafe" | "async" | "extern" | "in")
    });
    words.next() == Some("fn")
}

#[test]
fn a_long_function_is_found() {
    let body = "    x();\n".repeat(MAX_FUNCTION_LINES);
    let text = format!("//! x\npub(crate) const fn f(\n) {{\n{body}}}\nfn g() {{}}\n");
    let faults = long_functions(&[Source::new("x.rs", &text)]);
    assert_eq!(faults, ["x.rs:2: a function of 73 lines"]);
}
