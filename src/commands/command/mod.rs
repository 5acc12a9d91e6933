//! COMMAND: what the command table says of itself. Everything here is read from the specs and from
//! [`super::docs`]; only commands of the table are told.

mod docs;
mod info;

use crate::base::error::Error;
use crate::base::glob;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::key_search::{Found, Words, has_keys, keys_of};
use crate::engine::keyspec::kflag;
use crate::engine::spec::{Spec, cat, flag::*};
use crate::engine::table::Table;
use crate::resp::reply::Reply;

const SUBCOMMANDS: &[Spec] = &[
    sub("count", 2, count).since("2.8.13").summary("Counts the commands."),
    sub("docs", -2, docs).since("7.0.0").summary("Documents commands."),
    sub("getkeys", -3, getkeys).since("2.8.13").summary("Tells the keys of a call."),
    sub("getkeysandflags", -3, getkeysandflags)
        .since("7.0.0")
        .summary("Tells the keys of a call and how each is used."),
    sub("help", 2, help).since("5.0.0").summary("Lists the subcommands."),
    sub("info", -2, info).since("2.8.13").summary("Describes commands."),
    sub("list", -2, list)
        .since("7.0.0")
        .summary("Names the commands, all or those a filter lets through."),
];

/// The family.
pub const SPECS: &[Spec] = &[Spec::engine("command", -1, command)
    .with_subcommands(SUBCOMMANDS)
    .flags(LOADING | STALE)
    .acl(cat::CONNECTION)
    .since("2.8.13")
    .group("server")
    .summary("Describes all commands.")];

const fn sub(
    name: &'static str,
    arity: i16,
    run: fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult,
) -> Spec {
    Spec::engine(name, arity, run).flags(LOADING | STALE).acl(cat::CONNECTION).group("server")
}

/// A command or subcommand by its full name.
fn lookup(table: &Table, name: &[u8]) -> Option<&'static Spec> {
    match name.iter().position(|byte| *byte == b'|') {
        Some(bar) => table.find(&name[..bar])?.subcommand(&name[bar + 1..]),
        None => table.find(name),
    }
}

fn command(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let table = cx.engine.table;
    cx.out.array(table.specs().count());
    table.specs().for_each(|spec| info::write(cx.out, spec));
    Ok(Outcome::Unchanged)
}

fn count(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.int(cx.engine.table.specs().count() as i64);
    Ok(Outcome::Unchanged)
}

fn info(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() == 2 {
        return command(cx, args);
    }
    cx.out.array(args.len() - 2);
    for name in args.iter().skip(2) {
        match lookup(cx.engine.table, name) {
            Some(spec) => info::write(cx.out, spec),
            None => cx.out.null(),
        }
    }
    Ok(Outcome::Unchanged)
}

fn docs(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let table = cx.engine.table;
    if args.len() == 2 {
        cx.out.map(table.specs().count());
        table.specs().for_each(|spec| docs::write(cx.out, spec));
        return Ok(Outcome::Unchanged);
    }
    let slot = cx.out.open_map();
    let mut known = 0;
    for spec in args.iter().skip(2).filter_map(|name| lookup(table, name)) {
        docs::write(cx.out, spec);
        known += 1;
    }
    cx.out.close(slot, known);
    Ok(Outcome::Unchanged)
}

/// Which names LIST gives.
enum Filter<'a> {
    All,
    /// None: there are no modules.
    Module,
    Category(u32),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn lets_through(&self, spec: &Spec) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(bits) => spec.acl & bits != 0,
            Filter::Pattern(pattern) => glob::matches(pattern, spec.full_name.as_bytes(), true),
        }
    }
}

fn filter<'a>(args: &'a Args<'_>) -> Result<Filter<'a>, Error> {
    match args.len() {
        2 => Ok(Filter::All),
        5 if args.is(2, "filterby") && args.is(3, "module") => Ok(Filter::Module),
        5 if args.is(2, "filterby") && args.is(3, "aclcat") => {
            let named = |(_, name): &&(u32, &str)| args.is(4, name);
            // A category that nobody knows has no commands.
            Ok(Filter::Category(cat::NAMES.iter().find(named).map_or(0, |(bit, _)| *bit)))
        }
        5 if args.is(2, "filterby") && args.is(3, "pattern") => Ok(Filter::Pattern(args.get(4))),
        _ => Err(Error::Syntax),
    }
}

fn list(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let filter = filter(args)?;
    let slot = cx.out.open_array();
    let mut shown = 0;
    let mut show = |spec: &Spec| {
        if filter.lets_through(spec) {
            cx.out.bulk(spec.full_name.as_bytes());
            shown += 1;
        }
    };
    for spec in cx.engine.table.specs() {
        show(spec);
        spec.subcommands.iter().for_each(&mut show);
    }
    cx.out.close(slot, shown);
    Ok(Outcome::Unchanged)
}

/// The keys of the call behind the first two words.
fn find_keys(table: &Table, args: &Args<'_>) -> Result<Vec<Found>, Error> {
    const INVALID: Error = Error::fixed("ERR Invalid command specified");
    const NO_KEYS: Error = Error::fixed("ERR The command has no key arguments");
    const ARITY: Error = Error::fixed("ERR Invalid number of arguments specified for command");
    const ARGUMENTS: Error = Error::fixed("ERR Invalid arguments specified for command");
    let words = Words::new(args, 2);
    let mut spec = table.find(words.get(0)).ok_or(INVALID)?;
    if !spec.subcommands.is_empty() && words.len() > 1 {
        spec = spec.subcommand(words.get(1)).ok_or(INVALID)?;
    }
    if !has_keys(spec) {
        return Err(NO_KEYS);
    }
    if !spec.fits(words.len()) {
        return Err(ARITY);
    }
    let found = keys_of(spec, &words);
    if found.is_empty() && !spec.has(NO_MANDATORY_KEYS) {
        return Err(ARGUMENTS);
    }
    Ok(found)
}

fn getkeys(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let found = find_keys(cx.engine.table, args)?;
    cx.out.array(found.len());
    found.iter().for_each(|key| cx.out.bulk(args.get(2 + key.place)));
    Ok(Outcome::Unchanged)
}

fn getkeysandflags(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let found = find_keys(cx.engine.table, args)?;
    cx.out.array(found.len());
    for key in found {
        cx.out.array(2);
        cx.out.bulk(args.get(2 + key.place));
        write_flags(cx.out, u32::from(key.flags), kflag::NAMES, "");
    }
    Ok(Outcome::Unchanged)
}

/// A set of the names whose bits are set, each behind `mark`.
fn write_flags<T: Copy + Into<u32>>(out: &mut Reply, bits: u32, names: &[(T, &str)], mark: &str) {
    let set = || names.iter().filter(|(bit, _)| bits & (*bit).into() != 0);
    out.set(set().count());
    for (_, name) in set() {
        out.raw(b"+");
        out.raw(mark.as_bytes());
        out.raw(name.as_bytes());
        out.raw(b"\r\n");
    }
}

fn help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    const LINES: &[&str] = &[
        "(no subcommand)",
        "    Describes all commands.",
        "COUNT",
        "    How many commands there are.",
        "DOCS [<command-name> ...]",
        "    The documentation of these commands, or of all.",
        "GETKEYS <full-command>",
        "    The keys of a call.",
        "GETKEYSANDFLAGS <full-command>",
        "    The keys of a call, each with what becomes of it.",
        "INFO [<command-name> ...]",
        "    Describes these commands, or all.",
        "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
        "    The names of the commands, or of those that pass the filter.",
    ];
    super::help(cx.out, "COMMAND", LINES);
    Ok(Outcome::Unchanged)
}
