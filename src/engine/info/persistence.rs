//! INFO persistence: what was saved and loaded, and how that went.

use super::{Engine, Text};
use crate::engine::persist::Progress;
use crate::engine::persist::aof::State;

pub(super) fn write(engine: &Engine, text: &mut Text) {
    let persist = &engine.persist;
    let load = engine.load_progress();
    text.flag("loading", load.is_some());
    text.flag("async_loading", false);
    text.line("current_cow_peak", 0);
    text.line("current_cow_size", 0);
    text.line("current_cow_size_age", 0);
    text.line("current_fork_perc", "0.00");
    let (done, total) = engine.keyspace.image_progress().unwrap_or((0, 0));
    text.line("current_save_keys_processed", done);
    text.line("current_save_keys_total", total);
    text.line("rdb_changes_since_last_save", engine.unsaved_changes());
    text.flag("rdb_bgsave_in_progress", persist.is_saving());
    text.line("rdb_last_save_time", persist.last_save_s);
    text.line("rdb_last_bgsave_status", if persist.failed { "err" } else { "ok" });
    text.line("rdb_last_bgsave_time_sec", persist.last_took_s);
    text.line("rdb_current_bgsave_time_sec", engine.background_seconds().unwrap_or(-1));
    text.line("rdb_saves", persist.saves);
    text.line("rdb_last_cow_size", 0);
    let so_far = load.as_ref().map(|load| load.keys);
    let (loaded, expired) = so_far.unwrap_or((persist.keys_loaded, persist.keys_expired));
    text.line("rdb_last_load_keys_expired", expired);
    text.line("rdb_last_load_keys_loaded", loaded);
    log(engine, text);
    text.flag("module_fork_in_progress", false);
    text.line("module_fork_last_cow_size", 0);
    log_sizes(engine, text);
    if let Some(load) = load {
        progress(&load, engine.now_ms() / 1000, text);
    }
}

/// What only a server has that is loading.
fn progress(load: &Progress, now_s: i64, text: &mut Text) {
    let Progress { began_s, total, done, used_mem, .. } = *load;
    let elapsed = (now_s - began_s).max(0) as u64;
    let left = total.saturating_sub(done);
    // Nothing can be told from less than a second.
    let eta = if elapsed == 0 { 1 } else { elapsed * left / (done + 1) };
    let percent = if total == 0 { 0.0 } else { done as f64 / total as f64 * 100.0 };
    text.line("loading_start_time", began_s);
    text.line("loading_total_bytes", total);
    text.line("loading_rdb_used_mem", used_mem);
    text.line("loading_loaded_bytes", done);
    text.line("loading_loaded_perc", format!("{percent:.2}"));
    text.line("loading_eta_seconds", eta);
}

fn log(engine: &Engine, text: &mut Text) {
    let (aof, rewriting) = (&engine.aof, &engine.aof.rewriting);
    let ok = |ok: bool| if ok { "ok" } else { "err" };
    text.flag("aof_enabled", aof.state != State::Off);
    text.flag("aof_rewrite_in_progress", rewriting.is_running());
    text.flag("aof_rewrite_scheduled", rewriting.is_scheduled());
    let seconds = |seconds: Option<u64>| seconds.map_or(-1, |seconds| seconds as i64);
    text.line("aof_last_rewrite_time_sec", seconds(rewriting.last_seconds));
    let running = rewriting.began_us().map(|began| (engine.now_us() - began) / 1_000_000);
    text.line("aof_current_rewrite_time_sec", seconds(running));
    text.line("aof_last_bgrewrite_status", ok(rewriting.is_well()));
    text.line("aof_rewrites", rewriting.count);
    text.line("aof_rewrites_consecutive_failures", rewriting.failures);
    text.line("aof_last_write_status", ok(aof.is_sound()));
    text.line("aof_last_cow_size", 0);
}

/// What only a server with a log has.
fn log_sizes(engine: &Engine, text: &mut Text) {
    let aof = &engine.aof;
    if aof.state == State::Off {
        return;
    }
    text.line("aof_current_size", aof.size());
    text.line("aof_base_size", aof.base_size());
    text.flag("aof_pending_rewrite", aof.rewriting.is_scheduled());
    text.line("aof_buffer_length", aof.buffer_len());
    text.line("aof_pending_bio_fsync", u8::from(aof.is_syncing()));
    text.line("aof_delayed_fsync", aof.delayed);
}
