//! What the table and the documentation say, and what Redis 7.2 says, as text to compare.

use std::collections::BTreeSet;

use redstart::commands::docs::{Argument, Doc};
use redstart::engine::keyspec::{Begin, Find, KeySpec, kflag};
use redstart::engine::spec::Spec;
use serde_json::Value as Json;

use crate::support::local::table;

/// Every spec with its full name (`config|get`), containers before their subcommands.
pub fn all() -> Vec<(String, &'static Spec)> {
    let mut specs = Vec::new();
    for spec in table().specs() {
        specs.push((spec.name.to_owned(), spec));
        for sub in spec.subcommands {
            specs.push((format!("{}|{}", spec.name, sub.name), sub));
        }
    }
    specs
}

/// What Redis 7.2 says of its commands.
pub fn recorded() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/commands-7.2.json");
    let text = std::fs::read_to_string(path).expect("the file is part of the source");
    serde_json::from_str(&text).expect("it is JSON")
}

/// What it says of one.
pub fn record<'a>(recorded: &'a Json, name: &str) -> &'a Json {
    match name.split_once('|') {
        Some((container, _)) => &recorded[container]["subcommands"][name],
        None => &recorded[name],
    }
}

/// The names of bits, each behind `mark`.
pub fn names(bits: u32, mark: &str, table: &[(u32, &str)]) -> BTreeSet<String> {
    let set = table.iter().filter(|(bit, _)| bits & bit != 0);
    set.map(|(_, name)| format!("{mark}{name}")).collect()
}

/// A list of words, in no order.
pub fn words(json: &Json) -> BTreeSet<String> {
    let words = json.as_array().map(Vec::as_slice).unwrap_or_default();
    words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// A key specification of ours.
pub fn key_text(key: &KeySpec) -> String {
    let begin = match key.begin {
        Begin::Index(index) => format!("index {index}"),
        Begin::Keyword(word, from) => format!("keyword {word} from {from}"),
        Begin::Unknown => "unknown".into(),
    };
    let find = match key.find {
        Find::Range { last, step, limit } => format!("last {last} step {step} limit {limit}"),
        Find::KeyNum { num, first, step } => format!("count at {num} first {first} step {step}"),
        Find::Unknown => "unknown".into(),
    };
    let set = kflag::NAMES.iter().filter(|(bit, _)| key.flags & bit != 0);
    let flags: BTreeSet<&str> = set.map(|(_, name)| *name).collect();
    format!("{begin}, {find}, {flags:?}")
}

/// The same of a record.
pub fn recorded_key_text(json: &Json) -> String {
    let spec = &json["begin_search"]["spec"];
    let begin = match json["begin_search"]["type"].as_str() {
        Some("index") => format!("index {}", spec["index"]),
        Some("keyword") => {
            let word = spec["keyword"].as_str().unwrap_or_default();
            format!("keyword {word} from {}", spec["startfrom"])
        }
        _ => "unknown".into(),
    };
    let spec = &json["find_keys"]["spec"];
    let find = match json["find_keys"]["type"].as_str() {
        Some("range") => {
            format!("last {} step {} limit {}", spec["lastkey"], spec["keystep"], spec["limit"])
        }
        Some("keynum") => format!(
            "count at {} first {} step {}",
            spec["keynumidx"], spec["firstkey"], spec["keystep"]
        ),
        _ => "unknown".into(),
    };
    format!("{begin}, {find}, {:?}", words(&json["flags"]))
}

/// Every command and subcommand of Redis 7.2 with its full name.
pub fn records(recorded: &Json) -> Vec<(String, &Json)> {
    let mut records = Vec::new();
    for (name, record) in recorded.as_object().expect("a table by name") {
        records.push((name.clone(), record));
        let subcommands = record["subcommands"].as_object().expect("a table by name");
        records.extend(subcommands.iter().map(|(name, record)| (name.clone(), record)));
    }
    records
}

/// The facts of a documentation, one a line.
pub fn document_text(doc: &Doc) -> String {
    let (since, instead) = doc.deprecated.unwrap_or_default();
    let flags: BTreeSet<&str> = doc.flags.iter().copied().collect();
    let tips: BTreeSet<&str> = doc.tips.iter().copied().collect();
    let mut text = format!("{flags:?} {since:?} {instead:?} {tips:?}\n");
    for argument in &doc.arguments {
        let Argument { depth, name, kind, key, token, since, until, .. } = argument;
        let key = key.map(|key| key.to_string()).unwrap_or_default();
        let flags: BTreeSet<&str> = argument.flags.iter().copied().collect();
        text += &argument_text(*depth, &[name, kind, &key], &[*token, *since, *until]);
        text += &format!(" {flags:?}\n");
    }
    text
}

fn argument_text(depth: usize, words: &[&str], texts: &[Option<&str>]) -> String {
    format!("{}{words:?} {texts:?}", "  ".repeat(depth))
}

/// The same of a record.
pub fn recorded_document_text(record: &Json) -> String {
    let docs = &record["docs"];
    let text = |field: &str| docs[field].as_str().unwrap_or_default().to_owned();
    let (since, instead) = (text("deprecated_since"), text("replaced_by"));
    let (flags, tips) = (words(&docs["doc_flags"]), words(&record["tips"]));
    let mut text = format!("{flags:?} {since:?} {instead:?} {tips:?}\n");
    recorded_arguments(&docs["arguments"], 0, &mut text);
    text
}

fn recorded_arguments(list: &Json, depth: usize, text: &mut String) {
    for argument in list.as_array().map(Vec::as_slice).unwrap_or_default() {
        let field = |name: &str| argument[name].as_str();
        let key = argument["key_spec_index"].as_i64().map(|key| key.to_string());
        let named = ["name", "type"].map(|name| field(name).unwrap_or_default());
        let head = [named[0], named[1], key.as_deref().unwrap_or_default()];
        let texts = [field("token"), field("since"), field("deprecated_since")];
        *text += &argument_text(depth, &head, &texts);
        *text += &format!(" {:?}\n", words(&argument["flags"]));
        recorded_arguments(&argument["arguments"], depth + 1, text);
    }
}
