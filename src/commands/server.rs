//! The server as a whole: INFO, MONITOR and SHUTDOWN.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::info;
use crate::engine::spec::{Spec, cat, flag::*};

/// The family.
pub const SPECS: &[Spec] = &[
    Spec::engine("info", -1, info_command)
        .flags(LOADING | STALE)
        .acl(cat::DANGEROUS)
        .group("server")
        .summary("Tells the server's state, by sections."),
    Spec::engine("lastsave", 1, lastsave)
        .flags(LOADING | STALE | FAST)
        .acl(cat::ADMIN | cat::DANGEROUS)
        .group("server")
        .summary("Tells when the data set was last saved."),
    Spec::engine("monitor", 1, monitor)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .group("server")
        .summary("Shows every command the server runs."),
    Spec::engine("shutdown", -1, shutdown)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY)
        .group("server")
        .summary("Ends the server."),
];

fn info_command(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let wanted: Vec<String> =
        args.iter().skip(1).map(|w| String::from_utf8_lossy(w).to_lowercase()).collect();
    let text = info::render(cx.engine, &wanted);
    cx.out.verbatim("txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

fn lastsave(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.int(cx.engine.started_ms / 1000);
    Ok(Outcome::Unchanged)
}

fn monitor(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let Some(id) = cx.session.may_wait() else {
        return Err(Error::fixed("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    };
    if cx.engine.monitor(id) {
        cx.out.ok();
    }
    Ok(Outcome::Unchanged)
}

fn shutdown(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (mut save, mut nosave, mut abort) = (false, false, false);
    while args.remaining() > 0 {
        if args.accept("save") {
            save = true;
        } else if args.accept("nosave") {
            nosave = true;
        } else if args.accept("abort") {
            abort = true;
        } else if !args.accept("now") && !args.accept("force") {
            return Err(Error::Syntax);
        }
    }
    if save && nosave || abort && args.len() > 2 {
        return Err(Error::Syntax);
    }
    if abort {
        return Err(Error::err("No shutdown in progress."));
    }
    // Saving in the middle of a script would save half of what it does.
    if let Some(error) = cx.engine.scripts().busy().filter(|_| !nosave) {
        return Err(error);
    }
    cx.engine.shut_down("User requested shutdown...");
    if let Some(id) = cx.session.origin.client() {
        cx.engine.close_after_reply(id);
    }
    Ok(Outcome::Unchanged)
}
