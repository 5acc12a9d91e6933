//! The command table: specs agree with each other and with what Redis 7.2 says of its commands,
//! and a call built from a spec's documentation is accepted.

// The recorded table is read from a file.
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::BTreeSet;

use redstart::engine::keyspec::{Begin, Find, KeySpec, kflag};
use redstart::engine::spec::{Run, Spec, cat, flag};
use serde_json::Value as Json;
use support::frames::{encode, show};
use support::local::{Inner, table};

/// Flags that `COMMAND INFO` shows; the others are for our own use.
const FLAGS: &[(u32, &str)] = &[
    (flag::WRITE, "write"),
    (flag::READONLY, "readonly"),
    (flag::DENYOOM, "denyoom"),
    (flag::ADMIN, "admin"),
    (flag::PUBSUB, "pubsub"),
    (flag::NOSCRIPT, "noscript"),
    (flag::BLOCKING, "blocking"),
    (flag::LOADING, "loading"),
    (flag::STALE, "stale"),
    (flag::SKIP_MONITOR, "skip_monitor"),
    (flag::SKIP_SLOWLOG, "skip_slowlog"),
    (flag::FAST, "fast"),
    (flag::NO_AUTH, "no_auth"),
    (flag::ALLOW_BUSY, "allow_busy"),
    (flag::NO_MULTI, "no_multi"),
    (flag::MOVABLEKEYS, "movablekeys"),
    (flag::NO_ASYNC_LOADING, "no_async_loading"),
    (flag::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (flag::ASKING, "asking"),
];

const CATEGORIES: &[(u32, &str)] = &[
    (cat::KEYSPACE, "@keyspace"),
    (cat::READ, "@read"),
    (cat::WRITE, "@write"),
    (cat::SET, "@set"),
    (cat::SORTEDSET, "@sortedset"),
    (cat::LIST, "@list"),
    (cat::HASH, "@hash"),
    (cat::STRING, "@string"),
    (cat::BITMAP, "@bitmap"),
    (cat::HYPERLOGLOG, "@hyperloglog"),
    (cat::GEO, "@geo"),
    (cat::STREAM, "@stream"),
    (cat::PUBSUB, "@pubsub"),
    (cat::ADMIN, "@admin"),
    (cat::FAST, "@fast"),
    (cat::SLOW, "@slow"),
    (cat::BLOCKING, "@blocking"),
    (cat::DANGEROUS, "@dangerous"),
    (cat::CONNECTION, "@connection"),
    (cat::TRANSACTION, "@transaction"),
    (cat::SCRIPTING, "@scripting"),
];

const KEY_FLAGS: &[(u16, &str)] = &[
    (kflag::RO, "RO"),
    (kflag::RW, "RW"),
    (kflag::OW, "OW"),
    (kflag::RM, "RM"),
    (kflag::ACCESS, "access"),
    (kflag::UPDATE, "update"),
    (kflag::INSERT, "insert"),
    (kflag::DELETE, "delete"),
    (kflag::NOT_KEY, "not_key"),
    (kflag::INCOMPLETE, "incomplete"),
    (kflag::VARIABLE_FLAGS, "variable_flags"),
];

/// Every spec with its full name (`config|get`), containers before their subcommands.
fn all() -> Vec<(String, &'static Spec)> {
    let mut specs = Vec::new();
    for spec in table().specs() {
        specs.push((spec.name.to_owned(), spec));
        for sub in spec.subcommands {
            specs.push((format!("{}|{}", spec.name, sub.name), sub));
        }
    }
    specs
}

fn recorded() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/commands-7.2.json");
    let text = std::fs::read_to_string(path).expect("the file is part of the source");
    serde_json::from_str(&text).expect("it is JSON")
}

fn record<'a>(recorded: &'a Json, name: &str) -> &'a Json {
    match name.split_once('|') {
        Some((container, _)) => &recorded[container]["subcommands"][name],
        None => &recorded[name],
    }
}

fn names(bits: u32, table: &[(u32, &'static str)]) -> BTreeSet<String> {
    table.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| (*name).to_owned()).collect()
}

fn words(json: &Json) -> BTreeSet<String> {
    let words = json.as_array().map(Vec::as_slice).unwrap_or_default();
    words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

#[test]
fn specs_are_consistent() {
    let mut seen = BTreeSet::new();
    for (name, spec) in all() {
        assert!(seen.insert(name.clone()), "{name} is declared twice");
        assert_eq!(name, name.to_lowercase(), "{name}: names are lower case");
        assert!(spec.summary.ends_with('.'), "{name}: a summary is a sentence");
        assert!(!spec.group.is_empty() && !spec.since.is_empty(), "{name}: undocumented");
        assert_eq!(spec.has(flag::FAST), spec.acl & cat::FAST != 0, "{name}: @fast");
        assert_ne!(spec.acl & cat::FAST != 0, spec.acl & cat::SLOW != 0, "{name}: @fast or @slow");
        // WATCH names keys and reads nothing of them; a shard channel is no key.
        let no_keys = spec.keys.iter().all(|key| key.flags & kflag::NOT_KEY != 0);
        let touches =
            spec.has(flag::WRITE) || spec.has(flag::READONLY) || no_keys || name == "watch";
        assert!(touches || spec.keys.is_empty(), "{name}: has keys but neither reads nor writes");
        assert!(
            no_keys || spec.keys.iter().all(|key| key.flags & 0xF != 0),
            "{name}: key without RO/RW/OW/RM"
        );
        let least = usize::from(spec.arity.unsigned_abs());
        for (key, upper) in spec.keys.iter().zip([name.to_uppercase()]) {
            if let Begin::Index(first) = key.begin {
                assert!(first < least || no_keys, "{upper}: its first key may be missing");
            }
        }
        if !matches!(spec.run, Run::Container) {
            assert!(spec.fits(least), "{name}: does not fit its own arity");
        }
    }
}

#[test]
fn lookup_ignores_case_and_nothing_else() {
    for spec in table().specs() {
        for name in [spec.name.to_owned(), spec.name.to_uppercase()] {
            let found = table().find(name.as_bytes()).expect("it is in the table");
            assert_eq!(found.name, spec.name);
        }
        assert!(table().find(format!("{}!", spec.name).as_bytes()).is_none());
        assert!(table().find(&spec.name.as_bytes()[1..]).is_none_or(|s| s.name != spec.name));
    }
    assert!(table().find(b"").is_none());
    assert!(table().find(&[0xFF; 300]).is_none());
}

#[test]
fn specs_are_those_of_redis() {
    let recorded = recorded();
    let mut faults = Vec::new();
    for (name, spec) in all() {
        let record = record(&recorded, &name);
        if record.is_null() {
            faults.push(format!("{name}: Redis has no such command"));
            continue;
        }
        let mut check = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                faults.push(format!("{name}: {what}\n    ours  {ours}\n    Redis {theirs}"));
            }
        };
        check("arity", spec.arity.to_string(), record["arity"].to_string());
        let theirs = words(&record["flags"]);
        check("flags", format!("{:?}", names(spec.flags, FLAGS)), format!("{theirs:?}"));
        let theirs = words(&record["acl"]);
        check("categories", format!("{:?}", names(spec.acl, CATEGORIES)), format!("{theirs:?}"));
        let ours: Vec<String> = spec.keys.iter().map(key_text).collect();
        let theirs: Vec<String> = record["key_specs"]
            .as_array()
            .map(|specs| specs.iter().map(recorded_key_text).collect())
            .unwrap_or_default();
        check("keys", ours.join("; "), theirs.join("; "));
        let since = record["docs"]["since"].as_str().unwrap_or_default();
        check("since", spec.since.to_owned(), since.to_owned());
        let group = record["docs"]["group"].as_str().unwrap_or_default();
        check("group", spec.group.to_owned(), group.to_owned());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn key_text(key: &KeySpec) -> String {
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
    let flags: BTreeSet<&str> =
        KEY_FLAGS.iter().filter(|(bit, _)| key.flags & bit != 0).map(|(_, name)| *name).collect();
    format!("{begin}, {find}, {flags:?}")
}

fn recorded_key_text(json: &Json) -> String {
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

/// Commands whose plainest call is not meant to succeed, or ends the connection or the process.
const NOT_CALLED: &[&str] = &["quit", "shutdown", "auth", "reset", "debug", "hello"];

#[test]
fn a_generated_call_is_accepted() {
    let recorded = recorded();
    for (name, spec) in all() {
        let container = name.split('|').next().unwrap_or(&name);
        if matches!(spec.run, Run::Container) || NOT_CALLED.contains(&container) {
            continue;
        }
        let call = valid_call(&name, spec, record(&recorded, &name));
        let mut world = Inner::new(&[], 1);
        let client = world.connect();
        // The key every call names, as a number, so that counters and texts both accept it.
        world.feed(client, &encode(&["SET", "key", "1"]));
        world.take_output(client);
        world.feed(client, &encode(&call));
        let reply = world.take_output(client);
        let shown = show(&reply);
        let refused = [b"-ERR wrong number".as_slice(), b"-ERR syntax", b"-ERR unknown"];
        assert!(!refused.iter().any(|r| reply.starts_with(r)), "{call:?}: {shown}");
        if spec.arity > 0 {
            world.feed(client, &encode(&[&call[..], &["surplus".to_owned()]].concat()));
            let longer = world.take_output(client);
            let refused = longer.starts_with(b"-ERR wrong number of arguments for '");
            assert!(refused, "{call:?} and one more: {}", show(&longer));
        }
    }
}

/// The words a command asks for at least, from its documented arguments.
fn valid_call(name: &str, spec: &Spec, record: &Json) -> Vec<String> {
    let mut call: Vec<String> = name.split('|').map(str::to_owned).collect();
    for argument in record["docs"]["arguments"].as_array().map(Vec::as_slice).unwrap_or_default() {
        required(argument, &mut call);
    }
    while !spec.fits(call.len()) && call.len() < 8 {
        call.push("1".into());
    }
    call
}

fn required(argument: &Json, call: &mut Vec<String>) {
    if words(&argument["flags"]).contains("optional") {
        return;
    }
    if let Some(token) = argument["token"].as_str() {
        call.push(token.to_owned());
    }
    let inner = argument["arguments"].as_array().map(Vec::as_slice).unwrap_or_default();
    match argument["type"].as_str().unwrap_or_default() {
        "block" => inner.iter().for_each(|a| required(a, call)),
        "oneof" => inner.iter().take(1).for_each(|a| required(a, call)),
        "pure-token" => {}
        "key" => call.push("key".into()),
        "pattern" => call.push("*".into()),
        "integer" | "double" | "unix-time" => call.push("1".into()),
        _ => call.push("text".into()),
    }
}
