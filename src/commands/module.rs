//! MODULE: there are no modules, and none can be loaded.

use super::{help as write_help, refuse_strangers};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, flag::*};

const LOAD: u32 = ADMIN | NOSCRIPT | NO_ASYNC_LOADING;

const SUBCOMMANDS: &[Spec] = &[
    Spec::engine("help", 2, help)
        .flags(LOADING | STALE)
        .since("5.0.0")
        .group("server")
        .summary("Lists the subcommands."),
    Spec::engine("list", 2, list)
        .flags(ADMIN | NOSCRIPT)
        .since("4.0.0")
        .group("server")
        .summary("Lists the modules."),
    Spec::engine("load", -3, load)
        .flags(LOAD)
        .since("4.0.0")
        .group("server")
        .summary("Loads a module."),
    Spec::engine("loadex", -3, load)
        .flags(LOAD)
        .since("7.0.0")
        .group("server")
        .summary("Loads a module with its configuration."),
    Spec::engine("unload", 3, unload)
        .flags(LOAD)
        .since("4.0.0")
        .group("server")
        .summary("Unloads a module."),
];

/// The family.
pub const SPECS: &[Spec] = &[Spec::container("module", SUBCOMMANDS)
    .since("4.0.0")
    .group("server")
    .summary("Groups the commands that manage modules.")];

fn list(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.array(0);
    Ok(Outcome::Unchanged)
}

/// `enable-module-command` is asked before anything else is said of modules.
fn guard(cx: &EngineCx<'_>) -> Result<(), Error> {
    let allow = cx.engine.config.enable_module_command;
    refuse_strangers(cx, allow, "MODULE", "enable-module-command")
}

fn load(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    guard(cx)?;
    let path = String::from_utf8_lossy(args.get(2)).into_owned();
    tracing::warn!("Module {path} failed to load: this server cannot load modules");
    Err(Error::err("Error loading the extension. Please check the server logs."))
}

fn unload(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    guard(cx)?;
    Err(Error::err("Error unloading module: no such module with that name"))
}

fn help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    const LINES: &[&str] = &[
        "LIST",
        "    The modules: none, always.",
        "LOAD <path> [<arg> ...]",
        "    Refused: this server has no modules.",
        "LOADEX <path> [CONFIG <name> <value>] ... [ARGS <arg> ...]",
        "    Refused: this server has no modules.",
        "UNLOAD <name>",
        "    Refused: there is none to unload.",
    ];
    write_help(cx.out, "MODULE", LINES);
    Ok(Outcome::Unchanged)
}
