//! The table of commands in docs/COMPATIBILITY.md, and what else of the documentation a test can
//! write. Everything above the marker of that page is written by hand.

use std::collections::{BTreeMap, BTreeSet};

use redstart::engine::spec::Spec;

use super::facts::{all, recorded};
use crate::support::local::table;

/// How to bring the written parts up to date.
pub const HOW: &str = "run REDSTART_WRITE_DOCS=1 cargo test --test table";

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/COMPATIBILITY.md");
const TEXTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands/docs");

/// The line from which on the page is written by the test.
const MARKER: &str = "<!-- From here on the page is written by tests/table.rs. -->\n";

/// Commands that are declared and do less than in Redis.
const PARTIAL: &[(&str, &str)] =
    &[("debug", "the subcommands that DEBUG HELP names"), ("lolwut", "a picture of our own")];

/// Commands that are declared only to be refused.
const REFUSED: &[(&str, &str)] = &[
    ("asking", "as by Redis without cluster support"),
    ("cluster", "as by Redis without cluster support"),
    ("failover", "as by Redis without replicas"),
    ("psync", "there is no replication yet"),
    ("readonly", "as by Redis without cluster support"),
    ("readwrite", "as by Redis without cluster support"),
    ("replconf", "there is no replication yet"),
    ("replicaof", "there is no replication yet; NO ONE is accepted"),
    ("slaveof", "there is no replication yet; NO ONE is accepted"),
    ("sync", "there is no replication yet"),
];

/// Commands with subcommands that are refused, beside others that work.
const REFUSED_PARTS: &[(&str, &str)] =
    &[("module", "LIST is empty; LOAD, LOADEX and UNLOAD fail: there are no modules")];

/// Why commands of a group, or a command, are not there yet.
const MISSING: &[(&str, &str)] = &[
    ("acl", "there are no users beside the default one yet"),
    ("latency", "latencies are not recorded yet"),
];

/// Whether files of the source may be brought up to date.
pub fn may_write() -> bool {
    std::env::var_os("REDSTART_WRITE_DOCS").is_some()
}

/// The page as it is.
pub fn read() -> String {
    std::fs::read_to_string(PAGE).expect("the page is part of the source")
}

/// Replaces the page.
pub fn save(page: &str) {
    std::fs::write(PAGE, page).expect("the source can be written");
}

/// The page as it should be.
pub fn written() -> String {
    let page = read();
    let by_hand = page.split(MARKER).next().unwrap_or_default().trim_end();
    let recorded = recorded();
    let records = recorded.as_object().expect("a table by name");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows = String::new();
    for (name, record) in records {
        let group = record["docs"]["group"].as_str().unwrap_or_default();
        let subcommands = record["subcommands"].as_object().expect("a table by name");
        let (standing, remark) = standing(name, group, subcommands.keys());
        *counts.entry(standing).or_default() += 1;
        rows += &format!("| {} | {standing} | {remark} |\n", name.to_uppercase());
    }
    let counts: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    format!(
        "{by_hand}\n\n{MARKER}\n## Commands\n\nOf the {} commands of Redis 7.2: {}.\n\n\
         | Command | Standing | Remark |\n| --- | --- | --- |\n{rows}",
        records.len(),
        counts.join(", ")
    )
}

/// `full`, `partial`, `refused` or `later`, and why.
fn standing<'n>(
    name: &str,
    group: &str,
    subcommands: impl Iterator<Item = &'n String>,
) -> (&'static str, String) {
    let said = |list: &[(&str, &str)], name: &str| {
        list.iter().find(|(known, _)| *known == name).map(|(_, why)| (*why).to_owned())
    };
    let Some(spec) = table().find(name.as_bytes()) else {
        let why = said(MISSING, name).or_else(|| said(MISSING, group));
        return ("later", why.unwrap_or_else(|| panic!("{name}: why is it missing?")));
    };
    if let Some(why) = said(REFUSED, name) {
        return ("refused", why);
    }
    let missing = missing(spec, subcommands);
    let why = said(PARTIAL, name).or_else(|| said(REFUSED_PARTS, name));
    match (why, missing.is_empty()) {
        (None, true) => ("full", String::new()),
        (Some(why), true) => ("partial", why),
        (why, false) => {
            let why = why.map(|why| format!("{why}; ")).unwrap_or_default();
            ("partial", format!("{why}without {}", missing.join(", ")))
        }
    }
}

/// The subcommands that Redis has and the spec has not.
fn missing<'n>(spec: &Spec, subcommands: impl Iterator<Item = &'n String>) -> Vec<String> {
    let parts = subcommands.filter_map(|name| name.split_once('|').map(|(_, part)| part));
    let missing = parts.filter(|part| spec.subcommand(part.as_bytes()).is_none());
    missing.map(str::to_uppercase).collect()
}

/// Every reason is needed: a command that got its family loses its excuse.
pub fn spent_reasons() -> Vec<&'static str> {
    let declared: BTreeSet<String> = all().into_iter().map(|(name, _)| name).collect();
    let recorded = recorded();
    let groups: BTreeSet<&str> = recorded
        .as_object()
        .expect("a table by name")
        .iter()
        .filter(|(name, _)| !declared.contains(*name))
        .flat_map(|(name, record)| [Some(name.as_str()), record["docs"]["group"].as_str()])
        .flatten()
        .collect();
    let excuses = MISSING.iter().filter(|(name, _)| !groups.contains(name));
    let partial = PARTIAL.iter().chain(REFUSED).chain(REFUSED_PARTS);
    let undeclared = partial.filter(|(name, _)| !declared.contains(*name));
    excuses.chain(undeclared).map(|(name, _)| *name).collect()
}

/// Takes the summaries of these commands out of the texts.
pub fn drop_summaries(spent: &BTreeSet<&str>) {
    let groups: BTreeSet<String> = std::fs::read_dir(TEXTS)
        .expect("the texts are part of the source")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".txt"))
        .collect();
    for group in groups {
        let path = format!("{TEXTS}/{group}");
        let text = std::fs::read_to_string(&path).expect("the texts are part of the source");
        let mut command = "";
        let mut kept = String::new();
        for line in text.lines() {
            if !line.starts_with(' ') {
                command = line;
            }
            if !(line.starts_with("  summary ") && spent.contains(command)) {
                kept += line;
                kept.push('\n');
            }
        }
        std::fs::write(&path, kept).expect("the source can be written");
    }
}
