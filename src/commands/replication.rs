//! Replication as a server without it answers: a primary with no replicas, which no server can
//! follow and which follows none.

use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::block::{Block, Waits, patience_millis};
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, cat, flag::*};
use crate::resp::reply::Reply;

const FOLLOW: u32 = ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING;
const STREAM: u32 = ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI;

/// The family.
pub const SPECS: &[Spec] = &[
    Spec::engine("failover", -1, failover)
        .flags(ADMIN | NOSCRIPT | STALE)
        .since("6.2.0")
        .group("server")
        .summary("Hands the primary's role over to a replica."),
    Spec::engine("psync", -3, refuse)
        .flags(STREAM)
        .since("2.8.0")
        .group("server")
        .summary("Streams changes to a replica."),
    Spec::engine("replconf", -1, replconf)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY)
        .since("3.0.0")
        .group("server")
        .summary("Tells a primary about its replica."),
    Spec::engine("replicaof", 3, replicaof)
        .flags(FOLLOW)
        .since("5.0.0")
        .group("server")
        .summary("Makes the server a replica, or a primary again."),
    Spec::engine("role", 1, role)
        .flags(NOSCRIPT | LOADING | STALE | FAST)
        .acl(cat::ADMIN | cat::DANGEROUS)
        .since("2.8.12")
        .group("server")
        .summary("Tells the server's role in replication."),
    Spec::engine("slaveof", 3, replicaof)
        .flags(FOLLOW)
        .group("server")
        .summary("Makes the server a replica, under its old name."),
    Spec::engine("sync", 1, refuse)
        .flags(STREAM)
        .group("server")
        .summary("Streams changes to a replica, in the old way."),
    Spec::engine("wait", 3, wait)
        .acl(cat::CONNECTION)
        .since("3.0.0")
        .summary("Waits until replicas have taken over the writes so far."),
    Spec::engine("waitaof", 4, waitaof)
        .flags(NOSCRIPT)
        .acl(cat::CONNECTION)
        .since("7.2.0")
        .summary("Waits until the writes so far are safe in append-only files."),
];

const DISABLED: Error = Error::fixed("ERR This instance has replication support disabled");

fn refuse(_: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    Err(DISABLED)
}

fn role(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.array(3);
    cx.out.bulk(b"master");
    cx.out.int(cx.engine.repl_offset as i64);
    cx.out.array(0);
    Ok(Outcome::Unchanged)
}

/// NO ONE is what the server is already; anything else would lose the writes its caller counts on
/// being replicated, so it is told.
fn replicaof(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.is(1, "no") && args.is(2, "one") {
        cx.out.ok();
        return Ok(Outcome::Unchanged);
    }
    match parse_i64(args.get(2)) {
        Some(0..=65535) => Err(DISABLED),
        _ => Err(Error::err("Invalid master port")),
    }
}

fn replconf(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    match args.len() {
        1 => {
            cx.out.ok();
            Ok(Outcome::Unchanged)
        }
        odd if odd % 2 == 1 => Err(DISABLED),
        _ => Err(Error::Syntax),
    }
}

fn failover(_: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NO_TIME: Error = Error::fixed("ERR FAILOVER timeout must be greater than 0");
    let (mut to, mut timeout, mut force) = (false, false, false);
    while args.remaining() > 0 {
        let left = args.remaining();
        if left > 1 && !timeout && args.accept("timeout") {
            timeout = true;
            if args.next_int()? <= 0 {
                return Err(NO_TIME);
            }
        } else if args.len() == 2 && args.accept("abort") {
            return Err(Error::err("No failover in progress."));
        } else if left > 2 && !to && args.accept("to") {
            to = true;
            args.word()?;
            args.next_int()?;
        } else if !force && args.accept("force") {
            force = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    Err(Error::err("FAILOVER requires connected replicas."))
}

/// No replica ever confirms: who asks for none is answered, who asks for some waits in vain.
fn wait(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let replicas = args.int(1)?;
    let patience = patience_millis(args.get(2))?;
    if replicas > 0 {
        return Ok(Outcome::Block(in_vain(patience, |out| out.int(0))));
    }
    cx.out.int(0);
    Ok(Outcome::Unchanged)
}

fn waitaof(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let local = args.int(1)?;
    if !(0..=1).contains(&local) {
        return Err(Error::err("value is out of range, value must between 0 and 1"));
    }
    let replicas = parse_i64(args.get(2)).filter(|n| *n >= 0);
    let replicas = replicas.ok_or(Error::fixed("ERR value is out of range, must be positive"))?;
    let patience = patience_millis(args.get(3))?;
    if local > 0 && !cx.engine.config.appendonly {
        return Err(Error::err(
            "WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    let client = cx.session.origin.client();
    let safe =
        cx.engine.config.appendonly && client.is_some_and(|id| cx.engine.writes_are_safe(id));
    let answer = if safe { safe_here } else { safe_nowhere };
    if replicas > 0 || local > 0 && !safe {
        let waits = if replicas > 0 { Waits::List } else { Waits::Log };
        return Ok(Outcome::Block(Block { waits, ..in_vain(patience, answer) }));
    }
    answer(cx.out);
    Ok(Outcome::Unchanged)
}

/// The writes are in this server's log, and in nobody else's.
fn safe_here(out: &mut Reply) {
    out.array(2);
    out.int(1);
    out.int(0);
}

fn safe_nowhere(out: &mut Reply) {
    out.array(2);
    out.int(0);
    out.int(0);
}

/// Waiting for what only time can end.
fn in_vain(patience: Option<u64>, on_timeout: fn(&mut Reply)) -> Block {
    Block { keys: Vec::new(), waits: Waits::List, patience, on_timeout, rerun_as: None }
}
