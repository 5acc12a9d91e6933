//! INFO: sections of `field:value` lines. Every value is read where it lives.

use super::Engine;
use super::config::REDIS_VERSION;
use super::pubsub::Kind;
use std::fmt::Write;

type Section = (&'static str, &'static str, fn(&Engine, &mut String));

/// Name as asked for, heading, content.
const SECTIONS: &[Section] = &[
    ("server", "Server", server),
    ("clients", "Clients", clients),
    ("memory", "Memory", memory),
    ("stats", "Stats", stats),
    ("replication", "Replication", replication),
    ("errorstats", "Errorstats", errorstats),
    ("keyspace", "Keyspace", keyspace),
];

/// The sections that were asked for, or all.
pub fn render(engine: &Engine, wanted: &[String]) -> String {
    let all = wanted.is_empty()
        || wanted.iter().any(|w| matches!(w.as_str(), "all" | "default" | "everything"));
    let mut text = String::new();
    for (name, heading, content) in SECTIONS {
        if all || wanted.iter().any(|w| w == name) {
            if !text.is_empty() {
                text += "\r\n";
            }
            let _ = write!(text, "# {heading}\r\n");
            content(engine, &mut text);
        }
    }
    text
}

fn line(text: &mut String, field: &str, value: impl std::fmt::Display) {
    let _ = write!(text, "{field}:{value}\r\n");
}

fn server(engine: &Engine, text: &mut String) {
    let up = (engine.now_us() - engine.started_us) / 1_000_000;
    line(text, "redis_version", REDIS_VERSION);
    line(text, "redstart_version", env!("CARGO_PKG_VERSION"));
    line(text, "redis_mode", "standalone");
    line(text, "arch_bits", usize::BITS);
    line(text, "multiplexing_api", "mio");
    line(text, "process_id", crate::sys::pid());
    line(text, "run_id", &engine.run_id);
    line(text, "tcp_port", engine.config.port);
    line(text, "server_time_usec", engine.env.clock.wall_us());
    line(text, "uptime_in_seconds", up);
    line(text, "uptime_in_days", up / 86_400);
    line(text, "hz", engine.config.hz);
    let file = engine.config_file.as_ref().map(|p| p.display().to_string());
    line(text, "config_file", file.unwrap_or_default());
}

fn clients(engine: &Engine, text: &mut String) {
    line(text, "connected_clients", engine.clients.len());
    line(text, "maxclients", engine.config.maxclients);
    line(text, "blocked_clients", engine.blocking.clients());
    let listening = engine.pubsub.clients();
    line(text, "pubsub_clients", listening);
}

fn memory(engine: &Engine, text: &mut String) {
    line(text, "used_memory", engine.env.memory.used());
    line(text, "used_memory_rss", engine.env.memory.rss());
    let keys: usize = engine.keyspace.dbs.iter().map(|db| db.bytes).sum();
    line(text, "used_memory_dataset", keys);
    line(text, "maxmemory", engine.config.maxmemory);
    line(text, "mem_allocator", "jemalloc-5.3.0");
    line(text, "lazyfree_pending_bytes", engine.freeing);
}

fn stats(engine: &Engine, text: &mut String) {
    let (stats, keys) = (&engine.stats, &engine.keyspace.counters);
    line(text, "total_connections_received", stats.connections);
    line(text, "total_commands_processed", stats.commands);
    line(text, "total_net_input_bytes", stats.net_input);
    line(text, "total_net_output_bytes", stats.net_output);
    line(text, "rejected_connections", stats.rejected);
    line(text, "expired_keys", keys.expired);
    line(text, "keyspace_hits", keys.hits);
    line(text, "keyspace_misses", keys.misses);
    line(text, "pubsub_channels", engine.pubsub.count(Kind::Channel));
    line(text, "pubsub_patterns", engine.pubsub.count(Kind::Pattern));
    line(text, "lazyfreed_objects", stats.lazyfreed);
    line(text, "total_error_replies", stats.errors);
    line(text, "client_output_buffer_limit_disconnections", stats.output_limit_hits);
}

fn replication(engine: &Engine, text: &mut String) {
    line(text, "role", "master");
    line(text, "connected_slaves", 0);
    line(text, "master_repl_offset", engine.repl_offset);
}

fn errorstats(engine: &Engine, text: &mut String) {
    for (code, count) in &engine.stats.error_codes {
        line(text, &format!("errorstat_{code}"), format!("count={count}"));
    }
}

fn keyspace(engine: &Engine, text: &mut String) {
    for (number, db) in engine.keyspace.dbs.iter().enumerate() {
        if !db.dict.is_empty() {
            let (keys, expires) = (db.dict.len(), db.deadlines.len());
            let ttl = db.average_ttl(engine.now_ms());
            let value = format!("keys={keys},expires={expires},avg_ttl={ttl}");
            line(text, &format!("db{number}"), value);
        }
    }
}
