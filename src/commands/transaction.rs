//! Transactions.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};

const ALWAYS: u32 = flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::ALLOW_BUSY;

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    Spec::engine("multi", 1, multi)
        .flags(ALWAYS | flag::FAST)
        .acl(cat::TRANSACTION)
        .since("1.2.0")
        .group("transactions")
        .summary("Begins a transaction: commands are kept until EXEC."),
    Spec::engine("exec", 1, exec)
        .flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SKIP_SLOWLOG)
        .acl(cat::TRANSACTION)
        .since("1.2.0")
        .group("transactions")
        .summary("Runs the kept commands, with nobody in between."),
    Spec::engine("discard", 1, discard)
        .flags(ALWAYS | flag::FAST)
        .acl(cat::TRANSACTION)
        .since("2.0.0")
        .group("transactions")
        .summary("Forgets the kept commands and the watched keys."),
    Spec::engine("watch", -2, watch)
        .flags(ALWAYS | flag::FAST)
        .acl(cat::TRANSACTION)
        .keys(&[KeySpec::range(1, -1, 1).ro()])
        .since("2.2.0")
        .group("transactions")
        .summary("Makes the next EXEC fail when one of these keys changes before it."),
    Spec::engine("unwatch", 1, unwatch)
        .flags(ALWAYS | flag::FAST)
        .acl(cat::TRANSACTION)
        .since("2.2.0")
        .group("transactions")
        .summary("Forgets the watched keys."),
];

fn multi(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    if cx.session.txn.is_some() {
        return Err(Error::fixed("ERR MULTI calls can not be nested"));
    }
    cx.session.txn = Some(cx.engine.new_txn());
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn exec(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.exec(cx.session, cx.out)
}

fn discard(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let Some(txn) = cx.session.txn.take() else {
        return Err(Error::fixed("ERR DISCARD without MULTI"));
    };
    cx.engine.txn_is_over(txn);
    unwatch(cx, args)
}

fn watch(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if cx.session.txn.is_some() {
        return Err(Error::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    if let Some(id) = cx.session.origin.client() {
        for key in args.iter().skip(1) {
            cx.engine.watch(id, cx.session.db, key);
        }
    }
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn unwatch(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    if let Some(id) = cx.session.origin.client() {
        cx.engine.unwatch(id);
    }
    cx.out.ok();
    Ok(Outcome::Unchanged)
}
