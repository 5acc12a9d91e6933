//! SLOWLOG: the commands that took longest.

use super::help;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, flag::*};

const ASK: u32 = ADMIN | LOADING | STALE;

/// The family.
pub const SPECS: &[Spec] = &[Spec::container("slowlog", SUBCOMMANDS)
    .since("2.2.12")
    .group("server")
    .summary("Tells of commands that took long.")];

const SUBCOMMANDS: &[Spec] = &[
    Spec::engine("get", -2, get)
        .flags(ASK)
        .since("2.2.12")
        .group("server")
        .summary("Shows entries of the log, the newest first."),
    Spec::engine("help", 2, slowlog_help)
        .flags(LOADING | STALE)
        .since("6.2.0")
        .group("server")
        .summary("Lists the subcommands."),
    Spec::engine("len", 2, len)
        .flags(ASK)
        .since("2.2.12")
        .group("server")
        .summary("Counts the entries of the log."),
    Spec::engine("reset", 2, reset)
        .flags(ASK)
        .since("2.2.12")
        .group("server")
        .summary("Forgets all entries of the log."),
];

const HELP: &[&str] = &[
    "GET [<count>]",
    "    The newest <count> entries (10 by default, all with -1): number, time, microseconds,",
    "    arguments, address and name of the client.",
    "LEN",
    "    How many entries there are.",
    "RESET",
    "    Forget all entries.",
];

/// Entries GET shows when it is not told how many.
const COUNT: usize = 10;

fn get(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let wanted = match args.len() {
        2 => COUNT,
        3 => count(args.get(2))?,
        _ => {
            return Err(Error::fixed(
                "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
            ));
        }
    };
    let entries = cx.engine.slowlog().entries();
    cx.out.array(entries.len().min(wanted));
    for entry in entries.take(wanted) {
        cx.out.array(6);
        cx.out.int(entry.id as i64);
        cx.out.int(entry.time);
        cx.out.int(entry.micros as i64);
        cx.out.array(entry.args.len());
        for word in &entry.args {
            cx.out.bulk(word);
        }
        cx.out.bulk(entry.addr.as_bytes());
        cx.out.bulk(&entry.name);
    }
    Ok(Outcome::Unchanged)
}

fn count(word: &[u8]) -> Result<usize, Error> {
    let count = parse_i64(word).filter(|n| *n >= -1);
    let count = count.ok_or(Error::fixed("ERR count should be greater than or equal to -1"))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn len(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.int(cx.engine.slowlog().entries().len() as i64);
    Ok(Outcome::Unchanged)
}

fn reset(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.slowlog().reset();
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn slowlog_help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    help(cx.out, "SLOWLOG", HELP);
    Ok(Outcome::Unchanged)
}
