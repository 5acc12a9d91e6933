//! One family a file: specs on top, handlers below. Nothing here touches a socket.

pub mod client;
pub mod config;
pub mod connection;
pub mod debug;
pub mod expire;
pub mod function;
pub mod generic;
pub mod hash;
pub mod object;
pub mod pubsub;
pub mod scan;
pub mod script;
pub mod server;
pub mod string;
pub mod transaction;

use crate::engine::table::Table;
use std::sync::LazyLock;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::new(&[
        string::SPECS,
        hash::SPECS,
        generic::SPECS,
        expire::SPECS,
        scan::SPECS,
        object::SPECS,
        connection::SPECS,
        client::SPECS,
        pubsub::SPECS,
        transaction::SPECS,
        script::SPECS,
        function::SPECS,
        server::SPECS,
        config::SPECS,
        debug::SPECS,
    ])
});

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
