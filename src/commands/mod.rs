//! One family a file: specs on top, handlers below. Nothing here touches a socket.

mod bit_long;
pub mod bitfield;
pub mod bitmap;
mod bitop;
pub mod client;
pub mod cluster;
pub mod command;
pub mod config;
pub mod connection;
mod copy;
pub mod debug;
pub mod docs;
pub mod dump;
pub mod expire;
pub mod function;
pub mod generic;
pub mod geo;
mod growth;
pub mod hash;
pub mod hll;
pub mod list;
pub mod lolwut;
pub mod memory;
mod merge;
mod migrate;
pub mod module;
pub mod object;
pub mod pubsub;
pub mod replication;
pub mod scan;
pub mod script;
pub mod server;
pub mod set;
pub mod slowlog;
pub mod sort;
pub mod stream;
pub mod string;
pub mod tracking;
pub mod transaction;
pub mod zset;

use crate::base::error::Error;
use crate::engine::config::types::Allow;
use crate::engine::cx::EngineCx;
use crate::engine::families::{self, Families, Sizes};
use crate::engine::spec::Spec;
use crate::engine::table::Table;

const FAMILIES: &Families = &[
    string::SPECS,
    list::SPECS,
    set::SPECS,
    bitmap::SPECS,
    bitfield::SPECS,
    hll::SPECS,
    hash::SPECS,
    stream::SPECS,
    sort::SPECS,
    zset::SPECS,
    geo::SPECS,
    generic::SPECS,
    expire::SPECS,
    dump::SPECS,
    scan::SPECS,
    object::SPECS,
    connection::SPECS,
    client::SPECS,
    pubsub::SPECS,
    transaction::SPECS,
    script::SPECS,
    function::SPECS,
    server::SPECS,
    memory::SPECS,
    migrate::SPECS,
    config::SPECS,
    debug::SPECS,
    slowlog::SPECS,
    command::SPECS,
    cluster::SPECS,
    module::SPECS,
    replication::SPECS,
    lolwut::SPECS,
];

const SIZES: Sizes = families::sizes(FAMILIES);
static NAMES: [u8; SIZES.names] = families::names(FAMILIES);
static SUBCOMMANDS: [Spec; SIZES.subcommands] =
    families::subcommands(FAMILIES, SIZES.commands, &NAMES);
static COMMANDS: [Spec; SIZES.commands] = families::commands(FAMILIES, &SUBCOMMANDS);
static TABLE: Table = Table::new(&COMMANDS, SIZES.commands + SIZES.subcommands);

/// The families joined, with some commands under other names, or none.
pub fn renamed_table(renames: &[(String, String)]) -> &'static Table {
    if renames.is_empty() {
        return table();
    }
    let mut table = Box::new(TABLE.clone());
    for (from, to) in renames {
        table.rename(from.as_bytes(), to);
    }
    // It lives as long as the process, as the usual one does.
    Box::leak(table)
}

/// The families joined.
pub fn table() -> &'static Table {
    &TABLE
}

/// Answers HELP of a container with these lines.
pub(crate) fn help(out: &mut crate::resp::reply::Reply, command: &str, lines: &[&str]) {
    out.array(lines.len() + 3);
    let head = format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    out.simple(head.as_bytes());
    for line in lines {
        out.simple(line.as_bytes());
    }
    out.simple(b"HELP");
    out.simple(b"    Print this help.");
}

/// Refuses a guarded command unless `directive` allows it: never, always, or from this machine.
pub(crate) fn refuse_strangers(
    cx: &EngineCx<'_>,
    allow: Allow,
    command: &str,
    directive: &str,
) -> Result<(), Error> {
    let client = cx.session.origin.client().and_then(|id| cx.engine.client(id));
    let local = client.is_none_or(|c| c.peer.loopback || c.peer.unix);
    if allow == Allow::Yes || allow == Allow::Local && local {
        return Ok(());
    }
    Err(Error::err(format!(
        "{command} command not allowed. If the {directive} option is set to \"local\", you can run \
         it from a local connection, otherwise you need to set this option in the configuration \
         file, and then restart the server."
    )))
}
