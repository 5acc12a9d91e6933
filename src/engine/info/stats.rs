//! INFO stats and errorstats: counters since the start or the last CONFIG RESETSTAT.

use super::{Engine, Text};
use crate::engine::cycle::Rate;
use crate::engine::pubsub::Kind;

/// Bytes a second as kilobytes.
fn kbps(text: &mut Text, field: &str, bytes: u64) {
    text.line(field, format_args!("{:.2}", bytes as f64 / 1024.0));
}

pub(super) fn write(engine: &Engine, text: &mut Text) {
    traffic(engine, text);
    keys(engine, text);
    let stats = &engine.stats;
    text.line("latest_fork_usec", 0);
    text.line("total_forks", 0);
    text.line("migrate_cached_sockets", engine.env.links.kept());
    for field in [
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ] {
        text.line(field, 0);
    }
    let trackers = engine.trackers();
    text.line("tracking_total_keys", trackers.keys());
    text.line("tracking_total_items", trackers.items());
    text.line("tracking_total_prefixes", trackers.prefixes());
    text.line("unexpected_error_replies", 0);
    text.line("total_error_replies", stats.errors);
    text.line("dump_payload_sanitizations", 0);
    text.line("total_reads_processed", stats.reads);
    text.line("total_writes_processed", stats.writes);
    text.line("io_threaded_reads_processed", 0);
    text.line("io_threaded_writes_processed", 0);
    text.line("reply_buffer_shrinks", stats.buffer_shrinks);
    text.line("reply_buffer_expands", 0);
    let cycle = &engine.cycle;
    text.line("eventloop_cycles", cycle.cycles);
    text.line("eventloop_duration_sum", cycle.busy_us);
    text.line("eventloop_duration_cmd_sum", cycle.commands_us);
    text.line("instantaneous_eventloop_cycles_per_sec", cycle.rate(Rate::Cycles));
    text.line("instantaneous_eventloop_duration_usec", cycle.rate(Rate::CycleUs));
    text.line("acl_access_denied_auth", stats.auth_denied);
    text.line("acl_access_denied_cmd", 0);
    text.line("acl_access_denied_key", 0);
    text.line("acl_access_denied_channel", 0);
    text.line("client_query_buffer_limit_disconnections", stats.query_limit_hits);
    text.line("client_output_buffer_limit_disconnections", stats.output_limit_hits);
}

fn traffic(engine: &Engine, text: &mut Text) {
    let (stats, cycle) = (&engine.stats, &engine.cycle);
    text.line("total_connections_received", stats.connections);
    text.line("total_commands_processed", stats.commands);
    text.line("instantaneous_ops_per_sec", cycle.rate(Rate::Commands));
    text.line("total_net_input_bytes", stats.net_input);
    text.line("total_net_output_bytes", stats.net_output);
    text.line("total_net_repl_input_bytes", 0);
    text.line("total_net_repl_output_bytes", 0);
    kbps(text, "instantaneous_input_kbps", cycle.rate(Rate::Input));
    kbps(text, "instantaneous_output_kbps", cycle.rate(Rate::Output));
    kbps(text, "instantaneous_input_repl_kbps", 0);
    kbps(text, "instantaneous_output_repl_kbps", 0);
    text.line("rejected_connections", stats.rejected);
    text.line("sync_full", 0);
    text.line("sync_partial_ok", 0);
    text.line("sync_partial_err", 0);
}

fn keys(engine: &Engine, text: &mut Text) {
    let keys = &engine.keyspace.counters;
    text.line("expired_keys", keys.expired);
    // The next key to expire is known, so none is stale for want of having been found.
    text.line("expired_stale_perc", "0.00");
    text.line("expired_time_cap_reached_count", engine.stats.expiry_cut_short);
    text.line("expire_cycle_cpu_milliseconds", engine.stats.expiry_us / 1000);
    text.line("evicted_keys", keys.evicted);
    text.line("evicted_clients", engine.stats.evicted_clients);
    let since = engine.memory.exceeded_since_us;
    let exceeded_us = since.map_or(0, |since| engine.now_us().saturating_sub(since));
    let total_us = engine.stats.eviction_exceeded_us + exceeded_us;
    text.line("total_eviction_exceeded_time", total_us / 1000);
    text.line("current_eviction_exceeded_time", exceeded_us / 1000);
    text.line("keyspace_hits", keys.hits);
    text.line("keyspace_misses", keys.misses);
    for (field, kind) in [
        ("pubsub_channels", Kind::Channel),
        ("pubsub_patterns", Kind::Pattern),
        ("pubsubshard_channels", Kind::Shard),
    ] {
        text.line(field, engine.pubsub().count(kind));
    }
}

pub(super) fn write_errors(engine: &Engine, text: &mut Text) {
    for (code, count) in &engine.stats.error_codes {
        text.line(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}
