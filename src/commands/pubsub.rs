//! Channels: SUBSCRIBE, PSUBSCRIBE, their opposites, PUBLISH, PUBSUB.

use super::help;
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::client::ClientId;
use crate::engine::cx::{CmdResult, EngineCx, Outcome, Propagate};
use crate::engine::keyspec::KeySpec;
use crate::engine::pubsub::Kind;
use crate::engine::spec::{Spec, flag::*};
use crate::resp::reply::Reply;

const LISTEN: u32 = PUBSUB | NOSCRIPT | LOADING | STALE | IN_SUBSCRIBED;

/// The family.
pub const SPECS: &[Spec] = &[
    Spec::engine("psubscribe", -2, psubscribe)
        .flags(LISTEN)
        .since("2.0.0")
        .group("pubsub")
        .summary("Listens to all channels that match a pattern."),
    Spec::engine("publish", 3, publish)
        .flags(PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE)
        .since("2.0.0")
        .group("pubsub")
        .summary("Sends a message to a channel."),
    Spec::container("pubsub", SUBCOMMANDS)
        .since("2.8.0")
        .group("pubsub")
        .summary("Tells who listens to what."),
    Spec::engine("punsubscribe", -1, punsubscribe)
        .flags(LISTEN)
        .since("2.0.0")
        .group("pubsub")
        .summary("Stops listening to patterns."),
    Spec::engine("spublish", 3, spublish)
        .flags(PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE)
        .keys(CHANNEL)
        .since("7.0.0")
        .group("pubsub")
        .summary("Sends a message to a shard channel."),
    Spec::engine("ssubscribe", -2, ssubscribe)
        .flags(LISTEN)
        .keys(CHANNELS)
        .since("7.0.0")
        .group("pubsub")
        .summary("Listens to shard channels."),
    Spec::engine("subscribe", -2, subscribe)
        .flags(LISTEN)
        .since("2.0.0")
        .group("pubsub")
        .summary("Listens to channels."),
    Spec::engine("sunsubscribe", -1, sunsubscribe)
        .flags(LISTEN)
        .keys(CHANNELS)
        .since("7.0.0")
        .group("pubsub")
        .summary("Stops listening to shard channels."),
    Spec::engine("unsubscribe", -1, unsubscribe)
        .flags(LISTEN)
        .since("2.0.0")
        .group("pubsub")
        .summary("Stops listening to channels."),
];

const ASK: u32 = PUBSUB | LOADING | STALE;

const SUBCOMMANDS: &[Spec] = &[
    Spec::engine("channels", -2, channels)
        .flags(ASK)
        .since("2.8.0")
        .group("pubsub")
        .summary("Lists channels with listeners."),
    Spec::engine("help", 2, pubsub_help)
        .flags(LOADING | STALE)
        .since("6.2.0")
        .group("pubsub")
        .summary("Lists the subcommands."),
    Spec::engine("numpat", 2, numpat)
        .flags(ASK)
        .since("2.8.0")
        .group("pubsub")
        .summary("Counts the patterns that are listened to."),
    Spec::engine("numsub", -2, numsub)
        .flags(ASK)
        .since("2.8.0")
        .group("pubsub")
        .summary("Counts the listeners of channels."),
    Spec::engine("shardchannels", -2, shardchannels)
        .flags(ASK)
        .since("7.0.0")
        .group("pubsub")
        .summary("Lists shard channels with listeners."),
    Spec::engine("shardnumsub", -2, shardnumsub)
        .flags(ASK)
        .since("7.0.0")
        .group("pubsub")
        .summary("Counts the listeners of shard channels."),
];

const CHANNEL: &[KeySpec] = &[KeySpec::at(1).not_key()];
const CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1).not_key()];

const HELP: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    The channels somebody listens to, those matching <pattern> when it is given.",
    "NUMPAT",
    "    How many patterns are listened to.",
    "NUMSUB [<channel> ...]",
    "    How many clients listen to each of the channels by its name.",
    "SHARDCHANNELS [<pattern>]",
    "    The shard channels somebody listens to.",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    How many clients listen to each of the shard channels.",
];

fn caller(cx: &EngineCx<'_>) -> Result<ClientId, Error> {
    cx.session.origin.client().ok_or(Error::err("no client runs this command"))
}

fn confirm(out: &mut Reply, word: &[u8], name: Option<&[u8]>, count: usize) {
    out.out_of_turn(|out| {
        out.push(3);
        out.bulk(word);
        match name {
            Some(name) => out.bulk(name),
            None => out.null(),
        }
        out.int(count as i64);
    });
}

fn listen(cx: &mut EngineCx<'_>, args: &mut Args<'_>, kind: Kind, word: &[u8]) -> CmdResult {
    let id = caller(cx)?;
    for name in args.iter().skip(1) {
        let count = cx.engine.subscribe(id, kind, name);
        confirm(cx.out, word, Some(name), count);
    }
    Ok(Outcome::Unchanged)
}

fn leave(cx: &mut EngineCx<'_>, args: &mut Args<'_>, kind: Kind, word: &[u8]) -> CmdResult {
    let id = caller(cx)?;
    let all = if args.len() > 1 { Vec::new() } else { cx.engine.subscriptions_of(id, kind) };
    for name in args.iter().skip(1).chain(all.iter().map(|name| &name[..])) {
        let count = cx.engine.unsubscribe(id, kind, name);
        confirm(cx.out, word, Some(name), count);
    }
    if args.len() == 1 && all.is_empty() {
        let count = cx.engine.client(id).map_or(0, |c| c.subscriptions.count(kind));
        confirm(cx.out, word, None, count);
    }
    Ok(Outcome::Unchanged)
}

fn subscribe(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    listen(cx, args, Kind::Channel, b"subscribe")
}

fn psubscribe(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    listen(cx, args, Kind::Pattern, b"psubscribe")
}

fn unsubscribe(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    leave(cx, args, Kind::Channel, b"unsubscribe")
}

fn punsubscribe(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    leave(cx, args, Kind::Pattern, b"punsubscribe")
}

fn ssubscribe(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    // Its confirmations are more than the one reply a transaction has place for. The older forms are
    // let through, as clients came to rely on that.
    if cx.session.at_once {
        return Err(Error::err("SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    listen(cx, args, Kind::Shard, b"ssubscribe")
}

fn sunsubscribe(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    leave(cx, args, Kind::Shard, b"sunsubscribe")
}

fn publish(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    send(cx, args, Kind::Channel)
}

fn spublish(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    send(cx, args, Kind::Shard)
}

fn send(cx: &mut EngineCx<'_>, args: &Args<'_>, kind: Kind) -> CmdResult {
    let count = cx.engine.publish(kind, args.get(1), args.get(2));
    cx.out.int(count as i64);
    Ok(Outcome::Changed(Propagate::Nothing))
}

fn channels(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    list(cx, args, Kind::Channel, "pubsub|channels")
}

fn shardchannels(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    list(cx, args, Kind::Shard, "pubsub|shardchannels")
}

fn list(cx: &mut EngineCx<'_>, args: &Args<'_>, kind: Kind, name: &str) -> CmdResult {
    if args.len() > 3 {
        return Err(Error::WrongArity(name.to_owned()));
    }
    let pattern = (args.len() == 3).then(|| args.get(2));
    let slot = cx.out.open_array();
    let mut count = 0;
    for channel in cx.engine.pubsub().names(kind, pattern) {
        cx.out.bulk(&channel);
        count += 1;
    }
    cx.out.close(slot, count);
    Ok(Outcome::Unchanged)
}

fn numpat(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.int(cx.engine.pubsub().count(Kind::Pattern) as i64);
    Ok(Outcome::Unchanged)
}

fn numsub(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    count_each(cx, args, Kind::Channel)
}

fn shardnumsub(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    count_each(cx, args, Kind::Shard)
}

fn count_each(cx: &mut EngineCx<'_>, args: &Args<'_>, kind: Kind) -> CmdResult {
    cx.out.array((args.len() - 2) * 2);
    for i in 2..args.len() {
        cx.out.bulk(args.get(i));
        cx.out.int(cx.engine.pubsub().listeners(kind, args.get(i)) as i64);
    }
    Ok(Outcome::Unchanged)
}

fn pubsub_help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    help(cx.out, "PUBSUB", HELP);
    Ok(Outcome::Unchanged)
}
