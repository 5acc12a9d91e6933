//! EVAL and its variants, and the cache of scripts.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::keyspec::KeySpec;
use crate::engine::script::run::{Name, Start};
use crate::engine::spec::{Spec, cat, flag};
use flag::{ALLOW_BUSY, LOADING, MAY_REPLICATE, NOSCRIPT, READONLY, SKIP_MONITOR, STALE};

const CALL: u32 = NOSCRIPT | SKIP_MONITOR | STALE | flag::NO_MANDATORY_KEYS | flag::MOVABLEKEYS;
const KEYS: &[KeySpec] = &[KeySpec::counted(2).rw().access().update()];
const KEYS_RO: &[KeySpec] = &[KeySpec::counted(2).ro().access()];

/// A command that runs a script.
pub(super) const fn calls(
    name: &'static str,
    run: fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult,
    read_only: bool,
) -> Spec {
    Spec::engine(name, -3, run)
        .flags(if read_only { CALL | READONLY } else { CALL | MAY_REPLICATE })
        .acl(cat::SCRIPTING)
        .keys(if read_only { KEYS_RO } else { KEYS })
        .group("scripting")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    calls("eval", |cx, args| eval(cx, args, false), false)
        .since("2.6.0")
        .summary("Runs a Lua script."),
    calls("evalsha", |cx, args| evalsha(cx, args, false), false)
        .since("2.6.0")
        .summary("Runs a Lua script that the server knows, by its digest."),
    calls("eval_ro", |cx, args| eval(cx, args, true), true)
        .since("7.0.0")
        .summary("Runs a Lua script that may only read."),
    calls("evalsha_ro", |cx, args| evalsha(cx, args, true), true)
        .since("7.0.0")
        .summary("Runs a Lua script that the server knows and that may only read."),
    Spec::container("script", SUBCOMMANDS)
        .since("2.6.0")
        .group("scripting")
        .summary("Manages the scripts the server knows."),
];

const SUBCOMMANDS: &[Spec] = &[
    Spec::engine("load", 3, load)
        .flags(NOSCRIPT | STALE)
        .acl(cat::SCRIPTING)
        .since("2.6.0")
        .group("scripting")
        .summary("Compiles a script and remembers it by its digest."),
    Spec::engine("exists", -3, exists)
        .flags(NOSCRIPT)
        .acl(cat::SCRIPTING)
        .since("2.6.0")
        .group("scripting")
        .summary("Tells which of these scripts the server knows."),
    Spec::engine("flush", -2, flush)
        .flags(NOSCRIPT)
        .acl(cat::SCRIPTING)
        .since("2.6.0")
        .group("scripting")
        .summary("Forgets all scripts."),
    Spec::engine("kill", 2, kill)
        .flags(NOSCRIPT | ALLOW_BUSY)
        .acl(cat::SCRIPTING)
        .since("2.6.0")
        .group("scripting")
        .summary("Stops the running script if it has changed nothing."),
    Spec::engine("debug", 3, debug)
        .flags(NOSCRIPT)
        .acl(cat::SCRIPTING)
        .since("3.2.0")
        .group("scripting")
        .summary("Sets the debugging of scripts, which this server does not have."),
    Spec::engine("help", 2, help)
        .flags(LOADING | STALE)
        .acl(cat::SCRIPTING)
        .since("5.0.0")
        .group("scripting")
        .summary("Shows what SCRIPT can do."),
];

/// The number of keys in a call, which is its third word.
pub(super) fn count_keys(args: &Args<'_>, no_number: Error) -> Result<usize, Error> {
    let keys = match args.get(2) {
        [digit @ b'0'..=b'9'] => i64::from(digit - b'0'),
        _ => args.int(2).map_err(|_| no_number)?,
    };
    if keys > args.len() as i64 - 3 {
        return Err(Error::fixed("ERR Number of keys can't be greater than number of args"));
    }
    usize::try_from(keys).map_err(|_| Error::fixed("ERR Number of keys can't be negative"))
}

fn eval(cx: &mut EngineCx<'_>, args: &mut Args<'_>, read_only: bool) -> CmdResult {
    let keys = count_keys(args, Error::NotInteger)?;
    let compiled = cx.engine.script_of(args.get(1))?;
    let name = Name::Script(compiled.function);
    let start = Start { name, function: compiled.function, flags: compiled.flags, read_only, keys };
    cx.engine.run_script(cx.session, cx.out, args, start)
}

fn evalsha(cx: &mut EngineCx<'_>, args: &mut Args<'_>, read_only: bool) -> CmdResult {
    // A name that is no digest is unknown, whatever follows it.
    if args.get(1).len() != 40 {
        cx.engine.cached_script(args.get(1))?;
    }
    let keys = count_keys(args, Error::NotInteger)?;
    let compiled = cx.engine.cached_script(args.get(1))?;
    let name = Name::Script(compiled.function);
    let start = Start { name, function: compiled.function, flags: compiled.flags, read_only, keys };
    cx.engine.run_script(cx.session, cx.out, args, start)
}

fn load(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (sha, _) = cx.engine.load_script(args.get(2))?;
    cx.out.bulk(&sha);
    Ok(Outcome::Unchanged)
}

fn exists(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.out.array(args.len() - 2);
    for name in args.iter().skip(2) {
        cx.out.int(i64::from(cx.engine.scripts().is_cached(name)));
    }
    Ok(Outcome::Unchanged)
}

fn flush(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() > 3 || args.len() == 3 && !args.is(2, "sync") && !args.is(2, "async") {
        return Err(Error::fixed("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    cx.engine.flush_scripts(args.len() == 3 && args.is(2, "async"));
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn kill(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.kill_script(false)?;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn debug(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.is(2, "no") {
        cx.out.ok();
        return Ok(Outcome::Unchanged);
    }
    if args.is(2, "yes") || args.is(2, "sync") {
        return Err(Error::fixed("ERR This server has no debugger of scripts"));
    }
    Err(Error::fixed("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
}

fn help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    super::help(
        cx.out,
        "SCRIPT",
        &[
            "DEBUG (YES|SYNC|NO)",
            "    Set the debugging of scripts; this server has none to set.",
            "EXISTS <sha1> [<sha1> ...]",
            "    Tell which of these scripts are known.",
            "FLUSH [ASYNC|SYNC]",
            "    Forget all scripts.",
            "KILL",
            "    Stop the running script, if it has changed nothing.",
            "LOAD <script>",
            "    Compile a script and remember it.",
        ],
    );
    Ok(Outcome::Unchanged)
}
