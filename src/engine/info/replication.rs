//! INFO replication: a primary without replicas.

use super::{Engine, Text};

pub(super) fn write(engine: &Engine, text: &mut Text) {
    text.line("role", "master");
    text.line("connected_slaves", 0);
    text.line("master_failover_state", "no-failover");
    text.line("master_replid", &engine.repl_id);
    text.line("master_replid2", "0000000000000000000000000000000000000000");
    text.line("master_repl_offset", engine.repl_offset);
    text.line("second_repl_offset", -1);
    text.flag("repl_backlog_active", false);
    text.line("repl_backlog_size", engine.config.repl_backlog_size);
    text.line("repl_backlog_first_byte_offset", 0);
    text.line("repl_backlog_histlen", 0);
}
