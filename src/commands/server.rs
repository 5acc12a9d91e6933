//! The server as a whole: INFO, MONITOR, SAVE and SHUTDOWN.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::config::types::shutdown as how;
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
    Spec::engine("save", 1, save)
        .flags(ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI)
        .group("server")
        .since("1.0.0")
        .summary("Saves the data set while everybody waits."),
    Spec::engine("bgrewriteaof", 1, bgrewriteaof)
        .flags(ADMIN | NOSCRIPT | NO_ASYNC_LOADING)
        .group("server")
        .since("1.0.0")
        .summary("Writes the append-only file anew in the background."),
    Spec::engine("bgsave", -1, bgsave)
        .flags(ADMIN | NOSCRIPT | NO_ASYNC_LOADING)
        .group("server")
        .since("1.0.0")
        .summary("Saves the data set in the background."),
    Spec::engine("shutdown", -1, shutdown)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY)
        .group("server")
        .summary("Ends the server."),
];

fn info_command(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let wanted: Vec<String> =
        args.iter().skip(1).map(|w| String::from_utf8_lossy(w).to_lowercase()).collect();
    let text = info::render(cx.engine, &wanted);
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

fn lastsave(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.int(cx.engine.persist.last_save_s);
    Ok(Outcome::Unchanged)
}

fn save(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.save_now()?;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn bgsave(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() > 2 || args.len() == 2 && !args.is(1, "schedule") {
        return Err(Error::Syntax);
    }
    let rewrites = cx.engine.aof.rewriting.is_running() && !cx.engine.persist.is_saving();
    if cx.session.at_once || args.len() == 2 && rewrites {
        cx.engine.save_later()?;
        cx.out.simple(b"Background saving scheduled");
        return Ok(Outcome::Unchanged);
    }
    cx.engine.save_soon()?;
    cx.out.simple(b"Background saving started");
    Ok(Outcome::Unchanged)
}

fn bgrewriteaof(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let begun = cx.engine.rewrite_log()?;
    cx.out.simple(match begun {
        true => b"Background append only file rewriting started",
        false => b"Background append only file rewriting scheduled",
    });
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
    let (mut save, mut nosave, mut abort, mut force) = (false, false, false, false);
    while args.remaining() > 0 {
        if args.accept("save") {
            save = true;
        } else if args.accept("nosave") {
            nosave = true;
        } else if args.accept("abort") {
            abort = true;
        } else if args.accept("force") {
            force = true;
        } else if !args.accept("now") {
            return Err(Error::Syntax);
        }
    }
    if save && nosave || abort && args.len() > 2 {
        return Err(Error::Syntax);
    }
    if abort {
        if !cx.engine.stay_after_all() {
            return Err(Error::err("No shutdown in progress."));
        }
        cx.out.ok();
        return Ok(Outcome::Unchanged);
    }
    // Saving in the middle of a script would save half of what it does.
    if let Some(error) = cx.engine.scripts().busy().filter(|_| !nosave) {
        return Err(error);
    }
    let bits = [(save, how::SAVE), (nosave, how::NOSAVE), (force, how::FORCE)];
    let bits = bits.iter().filter(|(said, _)| *said).fold(0, |sum, (_, bit)| sum | bit);
    if !cx.engine.shut_down(bits) {
        return Err(Error::err("Errors trying to SHUTDOWN. Check logs."));
    }
    if let Some(id) = cx.session.origin.client() {
        cx.engine.close_after_reply(id);
    }
    Ok(Outcome::Unchanged)
}
