//! CONFIG, over the one table of parameters.

use super::help;
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::config::Setter;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, flag::*};

const ADMINS: u32 = ADMIN | NOSCRIPT | LOADING | STALE;

/// The family.
pub const SPECS: &[Spec] = &[Spec::container("config", SUBCOMMANDS)
    .since("2.0.0")
    .group("server")
    .summary("Reads and changes the configuration.")];

const SUBCOMMANDS: &[Spec] = &[
    Spec::engine("get", -3, get)
        .flags(ADMINS)
        .since("2.0.0")
        .group("server")
        .summary("Tells the values of parameters."),
    Spec::engine("help", 2, config_help)
        .flags(LOADING | STALE)
        .since("5.0.0")
        .group("server")
        .summary("Lists the subcommands."),
    Spec::engine("resetstat", 2, resetstat)
        .flags(ADMINS)
        .since("2.0.0")
        .group("server")
        .summary("Sets the counters of INFO back."),
    Spec::engine("rewrite", 2, rewrite)
        .flags(ADMINS)
        .since("2.8.0")
        .group("server")
        .summary("Writes the values in force into the configuration file."),
    Spec::engine("set", -4, set)
        .flags(ADMINS)
        .secrets(is_password)
        .since("2.0.0")
        .group("server")
        .summary("Changes parameters, all of them or none."),
];

/// The value behind the name of a parameter that holds a secret.
fn is_password(args: &Args<'_>, i: usize) -> bool {
    const SECRET: &[&str] =
        &["requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"];
    i >= 3 && i % 2 == 1 && SECRET.iter().any(|name| args.is(i - 1, name))
}

const HELP: &[&str] = &[
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
];

fn get(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let patterns: Vec<&[u8]> = args.iter().skip(2).collect();
    let found = cx.engine.config.get_many(&patterns);
    cx.out.map(found.len());
    for (name, value) in found {
        cx.out.bulk(name.as_bytes());
        cx.out.bulk(value.as_bytes());
    }
    Ok(Outcome::Unchanged)
}

fn set(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if !args.len().is_multiple_of(2) {
        return Err(Error::WrongArity("config|set".to_owned()));
    }
    let words: Vec<&[u8]> = args.iter().skip(2).collect();
    let pairs: Vec<(&[u8], &[u8])> = words.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let client = cx.session.origin.client().and_then(|id| cx.engine.client(id));
    let local = client.is_some_and(|c| c.peer.loopback || c.peer.unix);
    cx.engine.reconfigure(&pairs, Setter::Client { local })?;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn resetstat(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.reset_stats();
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn rewrite(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    if cx.engine.config_file.is_none() {
        return Err(Error::err("The server is running without a config file"));
    }
    if let Err(reason) = cx.engine.rewrite_config(false) {
        tracing::warn!("CONFIG REWRITE failed: {reason}");
        return Err(Error::err(format!("Rewriting config file: {reason}")));
    }
    tracing::warn!("CONFIG REWRITE executed with success.");
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn config_help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    help(cx.out, "CONFIG", HELP);
    Ok(Outcome::Unchanged)
}
