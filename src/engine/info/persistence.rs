//! INFO persistence: what was saved and loaded, and how that went.

use super::{Engine, Text};

pub(super) fn write(engine: &Engine, text: &mut Text) {
    let persist = &engine.persist;
    text.flag("loading", false);
    text.flag("async_loading", false);
    text.line("current_cow_peak", 0);
    text.line("current_cow_size", 0);
    text.line("current_cow_size_age", 0);
    text.line("current_fork_perc", "0.00");
    text.line("current_save_keys_processed", 0);
    text.line("current_save_keys_total", 0);
    text.line("rdb_changes_since_last_save", engine.unsaved_changes());
    text.flag("rdb_bgsave_in_progress", persist.is_saving());
    text.line("rdb_last_save_time", persist.last_save_s);
    text.line("rdb_last_bgsave_status", if persist.failed { "err" } else { "ok" });
    text.line("rdb_last_bgsave_time_sec", persist.last_took_s);
    text.line("rdb_current_bgsave_time_sec", -1);
    text.line("rdb_saves", persist.saves);
    text.line("rdb_last_cow_size", 0);
    text.line("rdb_last_load_keys_expired", persist.keys_expired);
    text.line("rdb_last_load_keys_loaded", persist.keys_loaded);
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
