//! DEBUG: what tests ask of a server.
//!
//! | file          | holds                                                       |
//! |---------------|-------------------------------------------------------------|
//! | `mod.rs`      | who may, which subcommand, and the switches                 |
//! | `protocol.rs` | PROTOCOL: one reply of each type                            |
//! | `inspect.rs`  | OBJECT, SDSLEN, LISTPACK, HTSTATS, STRUCTSIZE, MALLCTL      |

mod inspect;
mod protocol;

use super::help;
use crate::base::double::parse_f64;
use crate::base::error::Error;
use crate::base::units::parse_memory;
use crate::engine::NetRequest;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome, Propagate};
use crate::engine::spec::{Spec, flag::*};
use crate::keyspace::keys::{NewStr, Ttl};
use crate::resp::request::Argv;
use crate::value::limits::Limits;

/// The family.
pub const SPECS: &[Spec] = &[Spec::engine("debug", -2, debug)
    .flags(ADMIN | NOSCRIPT | LOADING | STALE)
    .group("server")
    .summary("Does what only tests need.")];

type Handler = fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult;

/// Name, fewest and most words with `DEBUG` itself, handler.
const SUBCOMMANDS: &[(&str, usize, usize, Handler)] = &[
    ("aof-flush-sleep", 3, 3, aof_flush_sleep),
    ("change-repl-id", 2, 2, change_repl_id),
    ("config-rewrite-force-all", 2, 2, rewrite_all),
    ("digest", 2, 2, digest),
    ("digest-value", 2, usize::MAX, digest_values),
    ("drop-cluster-packet-filter", 3, 3, drop_packets),
    ("error", 3, 3, error),
    ("help", 2, 2, debug_help),
    ("htstats", 3, 4, inspect::htstats),
    ("htstats-key", 3, 4, inspect::htstats_key),
    ("listpack", 3, 3, inspect::listpack),
    ("loadaof", 2, 2, load_aof),
    ("log", 3, 3, log),
    ("mallctl", 3, 4, inspect::mallctl),
    ("mallctl-str", 3, 4, inspect::mallctl_text),
    ("object", 3, 4, inspect::object),
    ("panic", 2, 2, panic),
    ("pause-cron", 3, 3, pause_cron),
    ("populate", 3, 5, populate),
    ("protocol", 3, 3, protocol::protocol),
    ("quicklist-packed-threshold", 3, 3, packed_threshold),
    ("reload", 2, usize::MAX, reload),
    ("replicate", 3, usize::MAX, replicate),
    ("replybuffer", 4, 4, reply_buffer),
    ("sdslen", 3, 3, inspect::sdslen),
    ("segfault", 2, 2, segfault),
    ("set-active-expire", 3, 3, set_active_expire),
    ("set-disable-deny-scripts", 3, 3, accept_number),
    ("sleep", 3, 3, sleep),
    ("structsize", 2, 2, inspect::structsize),
];

const HELP: &[&str] = &[
    "AOF-FLUSH-SLEEP <microseconds>",
    "    Wait so long before each write to the append-only file.",
    "CHANGE-REPL-ID",
    "    Begin a new history of the data, as after a failover.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Write a line for every parameter into the configuration file.",
    "DIGEST",
    "    Show a digest of the whole data set.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Show a digest of each value.",
    "DROP-CLUSTER-PACKET-FILTER <packet-type>",
    "    Lose packets of the cluster bus. There is none here.",
    "ERROR <string>",
    "    Answer with <string> as an error.",
    "HTSTATS <dbid> [full]",
    "    Show how the table of a database is filled.",
    "HTSTATS-KEY <key> [full]",
    "    The same for the table that holds the value of <key>.",
    "LISTPACK <key>",
    "    Tell whether the value of <key> is held as a listpack.",
    "LOADAOF",
    "    Throw all data away and load the append-only file.",
    "LOG <message>",
    "    Write <message> to the server's log.",
    "MALLCTL <name> [<value>]",
    "    Read or set a number of the allocator.",
    "MALLCTL-STR <name> [<value>]",
    "    Read or set a text of the allocator.",
    "OBJECT <key> [fast]",
    "    Show how the value of <key> is held.",
    "PANIC",
    "    End the server as a failed check of its own would.",
    "PAUSE-CRON <0|1>",
    "    Stop or go on with periodic work.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> keys <prefix>:<n>, each holding value:<n> in <size> bytes.",
    "PROTOCOL <type>",
    "    Answer with a value of <type>: string, integer, double, bignum, null, array, set, map,",
    "    attrib, push, verbatim, true, false.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Keep list elements of at least <size> bytes in nodes of their own; 0 for the usual size.",
    "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
    "    Save the data set, unless told not to, and load it again: in the place of the data there",
    "    are, or beside them, and with MERGE over keys that are there.",
    "REPLICATE <command>",
    "    Send <command> to replicas without running it.",
    "REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|time>",
    "    Milliseconds after which the peak of a reply buffer is forgotten.",
    "REPLYBUFFER RESIZING <0|1>",
    "    Keep or give back the reply buffers of idle clients.",
    "SDSLEN <key>",
    "    Show the lengths of <key> and of its string.",
    "SEGFAULT",
    "    End the server by touching memory that is not there.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Stop or go on deleting keys that nobody looks at.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Let scripts run what is denied to them.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
    "STRUCTSIZE",
    "    Show the sizes of the server's own structures.",
];

fn debug(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let allow = cx.engine.config.enable_debug_command;
    super::refuse_strangers(cx, allow, "DEBUG", "enable-debug-command")?;
    let found = SUBCOMMANDS
        .iter()
        .find(|(name, least, most, _)| args.is(1, name) && (*least..=*most).contains(&args.len()));
    match found {
        Some((.., run)) => run(cx, args),
        None => {
            let name = String::from_utf8_lossy(args.get(1)).into_owned();
            Err(unknown(&name))
        }
    }
}

fn unknown(name: &str) -> Error {
    Error::err(format!(
        "unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
    ))
}

fn done(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

/// A number as `atoi` reads it: what is none is 0.
fn loose_number(word: &[u8]) -> i64 {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    crate::base::num::parse_i64(&word[..digits]).unwrap_or(0)
}

fn debug_help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    help(cx.out, "DEBUG", HELP);
    Ok(Outcome::Unchanged)
}

fn change_repl_id(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.change_repl_id();
    done(cx)
}

fn rewrite_all(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let written = cx.engine.rewrite_config(true);
    written.map_err(|why| Error::err(format!("CONFIG-REWRITE-FORCE-ALL failed: {why}")))?;
    done(cx)
}

fn drop_packets(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    args.int(2)?;
    done(cx)
}

/// What scripts may not do is no matter where there are none.
fn accept_number(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    done(cx)
}

fn error(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.out.error_bytes(args.get(2));
    Ok(Outcome::Unchanged)
}

fn log(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(args.get(2)));
    done(cx)
}

fn pause_cron(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.engine.rounds_paused = loose_number(args.get(2)) != 0;
    done(cx)
}

fn panic(_: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    panic!("called by DEBUG PANIC");
}

fn segfault(_: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    crate::sys::crash::segfault();
}

fn packed_threshold(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let size = std::str::from_utf8(args.get(2)).ok().and_then(parse_memory);
    /// What a listpack can count, less a little.
    const MOST: u64 = (4 << 30) - (1 << 20);
    let Some(size) = size.filter(|size| *size <= MOST) else {
        return Err(Error::fixed(
            "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
        ));
    };
    let usual = Limits::DEFAULT.list_plain_from;
    cx.engine.limits.list_plain_from = if size == 0 { usual } else { size as usize };
    done(cx)
}

fn digest_text(digest: [u8; 20]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.simple(digest_text(cx.engine.keyspace.mix_digest()).as_bytes());
    Ok(Outcome::Unchanged)
}

fn digest_values(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.out.array(args.len() - 2);
    let now = cx.engine.now_ms();
    for key in args.iter().skip(2) {
        let digest = cx.engine.keyspace.mix_value_digest(cx.session.db, key, now);
        cx.out.simple(digest_text(digest).as_bytes());
    }
    Ok(Outcome::Unchanged)
}

/// Everything goes to disk and comes back.
fn reload(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    not_while_loading(cx)?;
    let (mut saves, mut flushes, mut merges) = (true, true, false);
    for word in args.iter().skip(2) {
        match () {
            () if word.eq_ignore_ascii_case(b"merge") => merges = true,
            () if word.eq_ignore_ascii_case(b"noflush") => flushes = false,
            () if word.eq_ignore_ascii_case(b"nosave") => saves = false,
            () => {
                return Err(Error::err(
                    "DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    if saves {
        cx.engine.save_snapshot().map_err(|_| Error::fixed("ERR"))?;
    }
    let loaded = cx.engine.reload_snapshot(flushes, merges);
    loaded.map_err(|_| Error::err("Error trying to load the RDB dump, check server logs."))?;
    tracing::warn!("DB reloaded by DEBUG RELOAD");
    done(cx)
}

fn not_while_loading(cx: &EngineCx<'_>) -> Result<(), Error> {
    if cx.engine.is_loading() { Err(Error::Loading) } else { Ok(()) }
}

fn aof_flush_sleep(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.engine.aof.flush_sleep_us = loose_number(args.get(2)) as u64;
    done(cx)
}

/// Data that is neither here nor there is no data set to go on with: a failure is the end.
fn load_aof(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    not_while_loading(cx)?;
    if let Err(why) = cx.engine.reload_log() {
        tracing::warn!("{why}");
        cx.engine.request(NetRequest::Shutdown { exit_code: 1 });
        return Err(Error::err("Error trying to load the AOF files, check server logs."));
    }
    tracing::warn!("Append Only File loaded by DEBUG LOADAOF");
    done(cx)
}

/// The stream of changes is what replicas read; the command is not run here.
fn replicate(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let words: Vec<&[u8]> = args.iter().skip(2).collect();
    let argv = Argv::from_slices(&words);
    cx.out.ok();
    Ok(Outcome::Changed(Propagate::As(argv)))
}

fn reply_buffer(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.is(2, "resizing") {
        cx.engine.buffers_kept = loose_number(args.get(3)) == 0;
    } else if args.is(2, "peak-reset-time") {
        cx.engine.peak_reset_ms = match () {
            () if args.is(3, "never") => None,
            () if args.is(3, "reset") => crate::engine::cron::PEAK_RESET_MS,
            () => Some(args.int(3)?.max(0) as u64),
        };
    } else {
        return Err(unknown(&String::from_utf8_lossy(args.get(1))));
    }
    done(cx)
}

fn set_active_expire(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.engine.cron_paused = loose_number(args.get(2)) == 0;
    done(cx)
}

fn sleep(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let seconds = parse_f64(args.get(2)).unwrap_or(0.0).clamp(0.0, 3600.0);
    crate::sys::sleep_us((seconds * 1e6) as u64);
    done(cx)
}

/// Keys that are there already stay as they are.
fn populate(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NOT_A_COUNT: Error = Error::fixed("ERR value is out of range, must be positive");
    let positive = |at: usize| args.int(at).ok().filter(|n| *n >= 0).ok_or(NOT_A_COUNT);
    let count = positive(2)?;
    let prefix = if args.len() > 3 { args.get(3) } else { b"key" };
    let size = if args.len() > 4 { positive(4)? as usize } else { 0 };
    if size as u64 > cx.engine.config.proto_max_bulk_len {
        return Err(NOT_A_COUNT);
    }
    let now = cx.engine.now_ms();
    let mut keys = cx.engine.keyspace.keys(cx.session.db, now, true);
    for n in 0..count {
        let mut key = prefix.to_vec();
        key.extend_from_slice(format!(":{n}").as_bytes());
        if keys.exists_for_write(&key) {
            continue;
        }
        let mut value = format!("value:{n}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        keys.set_string(&key, NewStr::Bytes(&value), Ttl::Clear);
        keys.touch(&key, crate::keyspace::effects::Event::silent());
    }
    cx.out.ok();
    Ok(Outcome::Changed(Propagate::Nothing))
}
