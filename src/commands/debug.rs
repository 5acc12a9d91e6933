//! DEBUG: what tests ask of a server.

use super::help;
use crate::base::double::parse_f64;
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::config::types::Allow;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, flag::*};

/// The family.
pub const SPECS: &[Spec] = &[Spec::engine("debug", -2, debug)
    .flags(ADMIN | NOSCRIPT | LOADING | STALE)
    .group("server")
    .summary("Does what only tests need.")];

const HELP: &[&str] = &[
    "PANIC",
    "    End the server as a failed check of its own would.",
    "SEGFAULT",
    "    End the server by touching memory that is not there.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Stop or go on deleting keys that nobody looks at.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
];

fn debug(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    refuse_strangers(cx)?;
    if args.is(1, "help") {
        help(cx.out, "DEBUG", HELP);
    } else if args.is(1, "set-active-expire") && args.len() == 3 {
        cx.engine.cron_paused = args.int(2)? == 0;
        cx.out.ok();
    } else if args.is(1, "panic") && args.len() == 2 {
        panic!("called by DEBUG PANIC");
    } else if args.is(1, "segfault") && args.len() == 2 {
        crate::sys::crash::segfault();
    } else if args.is(1, "sleep") && args.len() == 3 {
        let seconds = parse_f64(args.get(2)).unwrap_or(0.0).clamp(0.0, 3600.0);
        crate::sys::sleep_us((seconds * 1e6) as u64);
        cx.out.ok();
    } else {
        let name = String::from_utf8_lossy(args.get(1)).into_owned();
        return Err(Error::err(format!(
            "unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
        )));
    }
    Ok(Outcome::Unchanged)
}

/// `enable-debug-command`: never, always, or from this machine only.
fn refuse_strangers(cx: &EngineCx<'_>) -> Result<(), Error> {
    let client = cx.session.origin.client().and_then(|id| cx.engine.client(id));
    let local = client.is_none_or(|c| c.peer.loopback || c.peer.unix);
    let allowed = match cx.engine.config.enable_debug_command {
        Allow::Yes => true,
        Allow::Local => local,
        Allow::No => false,
    };
    if allowed {
        return Ok(());
    }
    Err(Error::err(
        "DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you \
         can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server.",
    ))
}
