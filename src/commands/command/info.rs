//! COMMAND INFO of one command: ten things in a row, old clients' before newer ones'.

use super::write_flags;
use crate::commands::docs::{self, Doc};
use crate::engine::keyspec::{Begin, Find, KeySpec, kflag, legacy_range};
use crate::engine::spec::{Spec, cat, flag};
use crate::resp::reply::Reply;

/// Describes a command, and its subcommands.
pub(super) fn write(out: &mut Reply, spec: &Spec) {
    let doc = docs::find(spec.full_name);
    let (first, last, step) = legacy_range(spec.keys);
    out.array(10);
    out.bulk(spec.full_name.as_bytes());
    out.int(i64::from(spec.arity));
    write_flags(out, spec.flags, flag::NAMES, "");
    out.int(first);
    out.int(last);
    out.int(step);
    write_flags(out, spec.acl, cat::NAMES, "@");
    let tips = doc.map(|doc| doc.tips.as_slice()).unwrap_or_default();
    out.set(tips.len());
    tips.iter().for_each(|tip| out.bulk(tip.as_bytes()));
    out.set(spec.keys.len());
    for (place, key) in spec.keys.iter().enumerate() {
        write_key(out, key, doc.and_then(|doc| note(doc, place)));
    }
    if spec.subcommands.is_empty() {
        out.set(0);
        return;
    }
    out.array(spec.subcommands.len());
    spec.subcommands.iter().for_each(|sub| write(out, sub));
}

fn note(doc: &Doc, place: usize) -> Option<&'static str> {
    let meant = |(at, _): &&(&str, &str)| at.parse() == Ok(place);
    doc.notes.iter().find(meant).map(|(_, text)| *text)
}

fn write_key(out: &mut Reply, key: &KeySpec, note: Option<&str>) {
    out.map(3 + usize::from(note.is_some()));
    if let Some(note) = note {
        out.bulk(b"notes");
        out.bulk(note.as_bytes());
    }
    out.bulk(b"flags");
    write_flags(out, u32::from(key.flags), kflag::NAMES, "");
    out.bulk(b"begin_search");
    match key.begin {
        Begin::Index(place) => {
            write_rule(out, "index", &[("index", place as i64)]);
        }
        Begin::Keyword(word, from) => {
            rule_head(out, "keyword", 2);
            out.bulk(b"keyword");
            out.bulk(word.as_bytes());
            out.bulk(b"startfrom");
            out.int(i64::from(from));
        }
        Begin::Unknown => write_rule(out, "unknown", &[]),
    }
    out.bulk(b"find_keys");
    match key.find {
        Find::Range { last, step, limit } => {
            let last = ("lastkey", i64::from(last));
            write_rule(out, "range", &[last, ("keystep", step as i64), ("limit", limit as i64)]);
        }
        Find::KeyNum { num, first, step } => {
            let (num, first) = (("keynumidx", num as i64), ("firstkey", first as i64));
            write_rule(out, "keynum", &[num, first, ("keystep", step as i64)]);
        }
        Find::Unknown => write_rule(out, "unknown", &[]),
    }
}

/// A rule and its numbers.
fn write_rule(out: &mut Reply, kind: &str, numbers: &[(&str, i64)]) {
    rule_head(out, kind, numbers.len());
    for (name, number) in numbers {
        out.bulk(name.as_bytes());
        out.int(*number);
    }
}

fn rule_head(out: &mut Reply, kind: &str, pairs: usize) {
    out.map(2);
    out.bulk(b"type");
    out.bulk(kind.as_bytes());
    out.bulk(b"spec");
    out.map(pairs);
}
