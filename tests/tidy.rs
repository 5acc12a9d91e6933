//! The house rules that a machine can check: sizes, headers, layers, the list of `unsafe`, calls
//! that only the outermost files may make, left-overs, dead files.
//!
//! Each rule gives a list of `file:line: what is wrong`, so one run shows all of them.

// The rules read the source tree.
#![allow(clippy::disallowed_methods)]

mod tidy_rules;

use std::fmt::Write;

use tidy_rules::source::{Source, tree};
use tidy_rules::{banned, layers, sizes};

#[track_caller]
fn clean(rule: &str, faults: Vec<String>) {
    let mut list = String::new();
    for fault in &faults {
        writeln!(list, "  {fault}").expect("writing to memory");
    }
    assert!(faults.is_empty(), "{rule}:\n{list}");
}

fn ours() -> Vec<Source> {
    tree(&["src", "tests", "benches"])
}

#[test]
fn files_functions_and_lines_are_short() {
    clean("at most 600 lines a file", sizes::long_files(&ours()));
    clean("at most 70 lines a function", sizes::long_functions(&ours()));
    clean("at most 100 columns a line", sizes::long_lines(&ours()));
}

#[test]
fn every_file_says_what_it_is() {
    clean("a file opens with `//!`", sizes::without_header(&ours()));
}

#[test]
fn arrows_point_downwards() {
    clean("a layer uses only layers below it", layers::upward(&tree(&["src"])));
}

#[test]
fn every_file_is_reached() {
    clean("each file is declared by its parent", layers::dead(&tree(&["src"])));
}

#[test]
fn unsafe_only_where_it_is_listed() {
    clean("unsafe outside the list, or without a SAFETY note", banned::unsafe_code(&ours()));
}

#[test]
fn the_world_comes_in_through_one_door() {
    clean("time, files, environment and threads belong to env", banned::calls(&tree(&["src"])));
}

#[test]
fn nothing_is_left_over() {
    clean("unfinished work or a path of one machine", banned::leftovers(&ours()));
}
