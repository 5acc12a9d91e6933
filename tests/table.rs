//! The command table: specs agree with each other and with what Redis 7.2 says of its commands,
//! and a call built from a spec's documentation is accepted.

// The recorded table is read from a file.
#![allow(clippy::disallowed_methods)]

mod support;
mod table_rules;

use std::collections::{BTreeMap, BTreeSet};

use redstart::commands::docs;
use redstart::engine::key_search::has_keys;
use redstart::engine::keyspec::{Begin, Find, kflag, legacy_range};
use redstart::engine::spec::{Spec, cat, flag};
use support::frames::{encode, show};
use support::local::{Inner, table};
use table_rules::facts::{all, document_text, key_text, names, record, recorded, records, words};
use table_rules::facts::{recorded_document_text, recorded_key_text};
use table_rules::{calls, page};

#[test]
fn specs_are_consistent() {
    let mut seen = BTreeSet::new();
    for (name, spec) in all() {
        assert!(seen.insert(name.clone()), "{name} is declared twice");
        assert_eq!(name, name.to_lowercase(), "{name}: names are lower case");
        assert!(!spec.group.is_empty() && !spec.since.is_empty(), "{name}: undocumented");
        assert_eq!(spec.has(flag::FAST), spec.acl & cat::FAST != 0, "{name}: @fast");
        assert_ne!(spec.acl & cat::FAST != 0, spec.acl & cat::SLOW != 0, "{name}: @fast or @slow");
        // WATCH names keys and reads nothing of them; a shard channel is no key; what a script does
        // with its keys is its own affair.
        let no_keys = spec.keys.iter().all(|key| key.flags & kflag::NOT_KEY != 0);
        let touches = spec.flags & (flag::WRITE | flag::READONLY | flag::MAY_REPLICATE) != 0
            || no_keys
            || name == "watch";
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
        if !spec.is_container() {
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
        check("flags", format!("{:?}", names(spec.flags, "", flag::NAMES)), format!("{theirs:?}"));
        let theirs = words(&record["acl"]);
        check(
            "categories",
            format!("{:?}", names(spec.acl, "@", cat::NAMES)),
            format!("{theirs:?}"),
        );
        let ours: Vec<String> = spec.keys.iter().map(key_text).collect();
        let theirs: Vec<String> = record["key_specs"]
            .as_array()
            .map(|specs| specs.iter().map(recorded_key_text).collect())
            .unwrap_or_default();
        check("keys", ours.join("; "), theirs.join("; "));
        let (first, last, step) = legacy_range(spec.keys);
        let theirs = [&record["first_key"], &record["last_key"], &record["key_step"]];
        check(
            "old key range",
            format!("{first} {last} {step}"),
            theirs.map(|n| n.to_string()).join(" "),
        );
        let since = record["docs"]["since"].as_str().unwrap_or_default();
        check("since", spec.since.to_owned(), since.to_owned());
        let group = record["docs"]["group"].as_str().unwrap_or_default();
        check("group", spec.group.to_owned(), group.to_owned());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn who_finds_the_keys_is_declared() {
    for (name, spec) in all() {
        let vague = spec.keys.iter().any(|key| {
            key.flags & (kflag::VARIABLE_FLAGS | kflag::INCOMPLETE) != 0
                || key.begin == Begin::Unknown
                || key.find == Find::Unknown
        });
        assert_eq!(vague, spec.finder.is_some(), "{name}: vague key specs ask for a finder");
    }
}

#[test]
fn every_command_of_redis_is_documented_with_its_facts() {
    let recorded = recorded();
    let mut faults = Vec::new();
    for (name, record) in records(&recorded) {
        let Some(doc) = docs::find(&name) else {
            faults.push(format!("{name}: not documented"));
            continue;
        };
        let (ours, theirs) = (document_text(doc), recorded_document_text(record));
        if ours != theirs {
            faults.push(format!("{name}:\n  ours\n{ours}\n  Redis\n{theirs}"));
        }
        for (place, _) in &doc.notes {
            let place: usize = place.parse().expect("the place of a key specification");
            assert!(record["key_specs"].get(place).is_some(), "{name}: a note on nothing");
        }
    }
    let known: BTreeSet<String> = records(&recorded).into_iter().map(|(name, _)| name).collect();
    let strangers = docs::all().iter().filter(|doc| !known.contains(doc.name));
    faults.extend(strangers.map(|doc| format!("{}: Redis has no such command", doc.name)));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A summary stands in the spec, or in the documentation of a command without one: once. The
/// test takes those that became superfluous out of the texts when `REDSTART_WRITE_DOCS` is set.
#[test]
fn every_command_has_one_summary() {
    let specs: BTreeMap<String, &str> =
        all().into_iter().map(|(name, spec)| (name, spec.summary)).collect();
    let mut spent = BTreeSet::new();
    for doc in docs::all() {
        let own = specs.get(doc.name).copied().unwrap_or_default();
        let summary = if own.is_empty() { doc.summary.unwrap_or_default() } else { own };
        assert!(summary.ends_with('.'), "{}: a summary is a sentence", doc.name);
        assert!(summary.len() <= 90, "{}: a summary is short", doc.name);
        if !own.is_empty() && doc.summary.is_some() {
            spent.insert(doc.name);
        }
    }
    if !spent.is_empty() && page::may_write() {
        page::drop_summaries(&spent);
        return;
    }
    assert!(spent.is_empty(), "said in the spec and in the texts: {spent:?}; {}", page::HOW);
}

#[test]
fn the_page_of_commands_is_current() {
    let spent = page::spent_reasons();
    assert!(spent.is_empty(), "no reason is needed any more in tests/table_rules for {spent:?}");
    let fresh = page::written();
    if page::may_write() {
        page::save(&fresh);
    }
    assert!(page::read() == fresh, "docs/COMPATIBILITY.md is out of date; {}", page::HOW);
}

/// Commands whose plainest call is not meant to succeed, or ends the connection or the process.
const NOT_CALLED: &[&str] = &["quit", "shutdown", "auth", "reset", "debug", "hello"];

/// Commands for which COMMAND GETKEYS finds other keys than the documented ones, as in Redis: the
/// count of keys in the generated call does not fit what follows, there is no source, or an empty
/// word stands where a key may be.
const OTHER_KEYS: &[&str] =
    &["eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro", "migrate", "pfmerge"];

#[test]
fn generated_calls_are_accepted() {
    for (name, spec, call) in generated() {
        let container = name.split('|').next().unwrap_or(&name);
        if NOT_CALLED.contains(&container) {
            continue;
        }
        let mut world = Inner::new(&[], 1);
        let client = world.connect();
        // The key every call names, as a number, so that counters and texts both accept it.
        world.feed(client, &encode(&["SET", calls::KEY, "1"]));
        world.take_output(client);
        world.feed(client, &encode(&call));
        let reply = world.take_output(client);
        let shown = show(&reply);
        let refused = [b"-ERR wrong number".as_slice(), b"-ERR syntax error\r", b"-ERR unknown"];
        assert!(!refused.iter().any(|r| reply.starts_with(r)), "{call:?}: {shown}");
        if spec.arity > 0 {
            let client = world.connect();
            world.feed(client, &encode(&[&call[..], &["surplus".to_owned()]].concat()));
            let longer = world.take_output(client);
            // EXEC alone says that a transaction ended, even where there was none.
            let prefix = match name.as_str() {
                "exec" => "-EXECABORT Transaction discarded because of: w",
                _ => "-ERR w",
            };
            let refused = format!("{prefix}rong number of arguments for '");
            let refused = longer.starts_with(refused.as_bytes());
            assert!(refused, "{call:?} and one more: {}", show(&longer));
        }
    }
}

#[test]
fn keys_of_generated_calls_are_found() {
    for (name, spec, call) in generated() {
        if OTHER_KEYS.contains(&name.as_str()) {
            continue;
        }
        let mut world = Inner::new(&[], 1);
        let client = world.connect();
        let asked = [&["COMMAND".to_owned(), "GETKEYS".to_owned()], &call[..]].concat();
        world.feed(client, &encode(&asked));
        let reply = world.take_output(client);
        let keys = call.iter().filter(|word| *word == calls::KEY).count();
        let expected = match keys {
            0 if !has_keys(spec) => "-ERR The command has no key arguments\r\n".to_owned(),
            0 if spec.has(flag::NO_MANDATORY_KEYS) => "*0\r\n".to_owned(),
            0 => "-ERR Invalid arguments specified for command\r\n".to_owned(),
            keys => format!("*{keys}\r\n{}", "$3\r\nkey\r\n".repeat(keys)),
        };
        assert_eq!(show(&reply), show(expected.as_bytes()), "{call:?}");
    }
}

/// All calls the documentation gives of the commands that are there.
fn generated() -> Vec<(String, &'static Spec, Vec<String>)> {
    let mut all_calls = Vec::new();
    for (name, spec) in all().into_iter().filter(|(_, spec)| !spec.is_container()) {
        let doc = docs::find(&name).expect("another test asks for it");
        let calls = calls::of(&name, spec, doc);
        all_calls.extend(calls.into_iter().map(|call| (name.clone(), spec, call)));
    }
    all_calls
}
