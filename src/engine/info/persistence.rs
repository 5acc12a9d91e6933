//! INFO persistence: nothing is written to disk, and nothing is being loaded.

use super::{Engine, Text};

pub(super) fn write(engine: &Engine, text: &mut Text) {
    text.flag("loading", false);
    text.flag("async_loading", false);
    text.line("current_cow_peak", 0);
    text.line("current_cow_size", 0);
    text.line("current_cow_size_age", 0);
    text.line("current_fork_perc", "0.00");
    text.line("current_save_keys_processed", 0);
    text.line("current_save_keys_total", 0);
    text.line("rdb_changes_since_last_save", engine.keyspace.effects.dirty);
    text.flag("rdb_bgsave_in_progress", false);
    text.line("rdb_last_save_time", engine.started_ms / 1000);
    text.line("rdb_last_bgsave_status", "ok");
    text.line("rdb_last_bgsave_time_sec", -1);
    text.line("rdb_current_bgsave_time_sec", -1);
    text.line("rdb_saves", 0);
    text.line("rdb_last_cow_size", 0);
    text.line("rdb_last_load_keys_expired", 0);
    text.line("rdb_last_load_keys_loaded", 0);
    text.flag("aof_enabled", engine.config.appendonly);
    text.flag("aof_rewrite_in_progress", false);
    text.flag("aof_rewrite_scheduled", false);
    text.line("aof_last_rewrite_time_sec", -1);
    text.line("aof_current_rewrite_time_sec", -1);
    text.line("aof_last_bgrewrite_status", "ok");
    text.line("aof_rewrites", 0);
    text.line("aof_rewrites_consecutive_failures", 0);
    text.line("aof_last_write_status", "ok");
    text.line("aof_last_cow_size", 0);
    text.flag("module_fork_in_progress", false);
    text.line("module_fork_last_cow_size", 0);
}
