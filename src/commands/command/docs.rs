//! COMMAND DOCS of one command: a map of what there is to say.

use crate::commands::docs::{self, Argument, Doc};
use crate::engine::spec::Spec;
use crate::resp::reply::Reply;

/// The name of a command and its documentation, subcommands included.
pub(super) fn write(out: &mut Reply, spec: &Spec) {
    // A command of our own that Redis does not have is still documented by its spec.
    let bare = Doc::default();
    let doc = docs::find(spec.full_name).unwrap_or(&bare);
    out.bulk(spec.full_name.as_bytes());
    let present = [
        doc.complexity.is_some(),
        !doc.flags.is_empty(),
        doc.deprecated.is_some(),
        doc.deprecated.is_some(),
        !doc.history.is_empty(),
        !doc.arguments.is_empty(),
        !spec.subcommands.is_empty(),
    ];
    out.map(3 + present.iter().filter(|there| **there).count());
    let summary = if spec.summary.is_empty() { doc.summary } else { Some(spec.summary) };
    pair(out, "summary", summary);
    pair(out, "since", Some(spec.since));
    pair(out, "group", Some(spec.group));
    pair(out, "complexity", doc.complexity);
    write_flags(out, "doc_flags", &doc.flags);
    pair(out, "deprecated_since", doc.deprecated.map(|(since, _)| since));
    pair(out, "replaced_by", doc.deprecated.map(|(_, instead)| instead));
    if !doc.history.is_empty() {
        out.bulk(b"history");
        out.set(doc.history.len());
        for (version, change) in &doc.history {
            out.array(2);
            out.bulk(version.as_bytes());
            out.bulk(change.as_bytes());
        }
    }
    if !doc.arguments.is_empty() {
        out.bulk(b"arguments");
        write_arguments(out, &doc.arguments, 0);
    }
    if !spec.subcommands.is_empty() {
        out.bulk(b"subcommands");
        out.map(spec.subcommands.len());
        spec.subcommands.iter().for_each(|sub| write(out, sub));
    }
}

/// The arguments of depth `depth` at the head of `list`.
fn write_arguments(out: &mut Reply, list: &[Argument], depth: usize) {
    out.array(Doc::children(list, depth).count());
    for place in Doc::children(list, depth) {
        let argument = &list[place];
        let parts = &list[place + 1..];
        let has_parts = parts.first().is_some_and(|part| part.depth > depth);
        let texts = [
            ("display_text", argument.display),
            ("token", argument.token),
            ("since", argument.since),
            ("deprecated_since", argument.until),
        ];
        let optional = [argument.key.is_some(), !argument.flags.is_empty(), has_parts];
        let present = texts.iter().filter(|(_, text)| text.is_some()).count()
            + optional.iter().filter(|there| **there).count();
        out.map(2 + present);
        pair(out, "name", Some(argument.name));
        pair(out, "type", Some(argument.kind));
        pair(out, texts[0].0, texts[0].1);
        if let Some(key) = argument.key {
            out.bulk(b"key_spec_index");
            out.int(key);
        }
        texts[1..].iter().for_each(|(name, text)| pair(out, name, *text));
        write_flags(out, "flags", &argument.flags);
        if has_parts {
            out.bulk(b"arguments");
            write_arguments(out, parts, depth + 1);
        }
    }
}

fn pair(out: &mut Reply, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        out.bulk(name.as_bytes());
        out.bulk(text.as_bytes());
    }
}

fn write_flags(out: &mut Reply, name: &str, flags: &[&str]) {
    if !flags.is_empty() {
        out.bulk(name.as_bytes());
        out.set(flags.len());
        flags.iter().for_each(|flag| out.simple(flag.as_bytes()));
    }
}
