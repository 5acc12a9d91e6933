//! CLUSTER and what a client of a cluster says to a node. There is no cluster here, and every one
//! of them is refused as a stand-alone Redis refuses it: known, counted, and told so.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx};
use crate::engine::spec::{Spec, cat, flag::*};

const CHANGE: u32 = ADMIN | STALE | NO_ASYNC_LOADING;

const SUBCOMMANDS: &[Spec] = &[
    sub("addslots", -3, CHANGE, "3.0.0", "Gives hash slots to the node."),
    sub("addslotsrange", -4, CHANGE, "7.0.0", "Gives ranges of hash slots to the node."),
    sub("bumpepoch", 2, CHANGE, "3.0.0", "Raises the configuration epoch."),
    sub(
        "count-failure-reports",
        3,
        ADMIN | STALE,
        "3.0.0",
        "Counts the reports that a node has failed.",
    ),
    sub("countkeysinslot", 3, STALE, "3.0.0", "Counts the keys of a hash slot."),
    sub("delslots", -3, CHANGE, "3.0.0", "Takes hash slots from the node."),
    sub("delslotsrange", -4, CHANGE, "7.0.0", "Takes ranges of hash slots from the node."),
    sub("failover", -2, CHANGE, "3.0.0", "Makes a replica take over from its primary."),
    sub("flushslots", 2, CHANGE, "3.0.0", "Takes all hash slots from the node."),
    sub("forget", 3, CHANGE, "3.0.0", "Drops a node from the node's view of the cluster."),
    sub("getkeysinslot", 4, STALE, "3.0.0", "Names keys of a hash slot."),
    sub("help", 2, LOADING | STALE, "5.0.0", "Lists the subcommands."),
    sub("info", 2, STALE, "3.0.0", "Describes the state of the cluster."),
    sub("keyslot", 3, STALE, "3.0.0", "Tells the hash slot of a key."),
    sub("links", 2, STALE, "7.0.0", "Lists the connections between this node and the others."),
    sub("meet", -4, CHANGE, "3.0.0", "Joins another node."),
    sub("myid", 2, STALE, "3.0.0", "Tells the node's id."),
    sub("myshardid", 2, STALE, "7.2.0", "Tells the id of the node's shard."),
    sub("nodes", 2, STALE, "3.0.0", "Describes the nodes as the configuration file does."),
    sub("replicas", 3, ADMIN | STALE, "5.0.0", "Lists the replicas of a primary."),
    sub("replicate", 3, CHANGE, "3.0.0", "Makes the node a replica of another."),
    sub("reset", -2, ADMIN | NOSCRIPT | STALE, "3.0.0", "Puts the node back into its first state."),
    sub("saveconfig", 2, CHANGE, "3.0.0", "Writes the node's configuration file."),
    sub("set-config-epoch", 3, CHANGE, "3.0.0", "Sets the configuration epoch of a new node."),
    sub("setslot", -4, CHANGE, "3.0.0", "Sets the state of a hash slot."),
    sub("shards", 2, LOADING | STALE, "7.0.0", "Describes the shards and their nodes."),
    sub(
        "slaves",
        3,
        ADMIN | STALE,
        "3.0.0",
        "Lists the replicas of a primary, under its old name.",
    ),
    sub("slots", 2, LOADING | STALE, "3.0.0", "Maps hash slots to nodes."),
];

/// The family.
pub const SPECS: &[Spec] = &[
    Spec::container("cluster", SUBCOMMANDS)
        .since("3.0.0")
        .group("cluster")
        .summary("Groups the commands of a cluster node."),
    connection("asking", FAST, "Follows an ASK redirection of a cluster."),
    connection(
        "readonly",
        FAST | LOADING | STALE,
        "Lets a cluster replica answer reads on this connection.",
    ),
    connection("readwrite", FAST | LOADING | STALE, "Ends what READONLY allowed."),
];

const fn sub(
    name: &'static str,
    arity: i16,
    flags: u32,
    since: &'static str,
    summary: &'static str,
) -> Spec {
    let spec = Spec::engine(name, arity, refuse).flags(flags).since(since);
    spec.group("cluster").summary(summary)
}

const fn connection(name: &'static str, flags: u32, summary: &'static str) -> Spec {
    let spec = Spec::engine(name, 1, refuse).flags(flags).acl(cat::CONNECTION).since("3.0.0");
    spec.group("cluster").summary(summary)
}

fn refuse(_: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    Err(Error::err("This instance has cluster support disabled"))
}
