//! INFO: sections, fields, and what makes each of them move.

use crate::support::Client;
use crate::support::frames::encode;

/// The fields of each section of Redis 7.2 in their order.
const FIELDS: &[(&str, &str)] = &[
    (
        "server",
        "redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os \
         arch_bits monotonic_clock multiplexing_api atomicvar_api gcc_version process_id \
         process_supervised run_id tcp_port server_time_usec uptime_in_seconds \
         uptime_in_days hz configured_hz lru_clock executable config_file \
         io_threads_active listener0",
    ),
    (
        "clients",
        "connected_clients cluster_connections maxclients client_recent_max_input_buffer \
         client_recent_max_output_buffer blocked_clients tracking_clients \
         clients_in_timeout_table total_blocking_keys total_blocking_keys_on_nokey",
    ),
    (
        "memory",
        "used_memory used_memory_human used_memory_rss used_memory_rss_human \
         used_memory_peak used_memory_peak_human used_memory_peak_perc \
         used_memory_overhead used_memory_startup used_memory_dataset \
         used_memory_dataset_perc allocator_allocated allocator_active allocator_resident \
         total_system_memory total_system_memory_human used_memory_lua \
         used_memory_vm_eval used_memory_lua_human used_memory_scripts_eval \
         number_of_cached_scripts number_of_functions number_of_libraries \
         used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human \
         used_memory_functions used_memory_scripts used_memory_scripts_human maxmemory \
         maxmemory_human maxmemory_policy allocator_frag_ratio allocator_frag_bytes \
         allocator_rss_ratio allocator_rss_bytes rss_overhead_ratio rss_overhead_bytes \
         mem_fragmentation_ratio mem_fragmentation_bytes mem_not_counted_for_evict \
         mem_replication_backlog mem_total_replication_buffers mem_clients_slaves \
         mem_clients_normal mem_cluster_links mem_aof_buffer mem_allocator \
         active_defrag_running lazyfree_pending_objects lazyfreed_objects",
    ),
    (
        "persistence",
        "loading async_loading current_cow_peak current_cow_size current_cow_size_age \
         current_fork_perc current_save_keys_processed current_save_keys_total \
         rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time \
         rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec \
         rdb_saves rdb_last_cow_size rdb_last_load_keys_expired rdb_last_load_keys_loaded \
         aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled \
         aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status \
         aof_rewrites aof_rewrites_consecutive_failures aof_last_write_status \
         aof_last_cow_size module_fork_in_progress module_fork_last_cow_size",
    ),
    (
        "stats",
        "total_connections_received total_commands_processed instantaneous_ops_per_sec \
         total_net_input_bytes total_net_output_bytes total_net_repl_input_bytes \
         total_net_repl_output_bytes instantaneous_input_kbps instantaneous_output_kbps \
         instantaneous_input_repl_kbps instantaneous_output_repl_kbps \
         rejected_connections sync_full sync_partial_ok sync_partial_err expired_keys \
         expired_stale_perc expired_time_cap_reached_count expire_cycle_cpu_milliseconds \
         evicted_keys evicted_clients total_eviction_exceeded_time \
         current_eviction_exceeded_time keyspace_hits keyspace_misses pubsub_channels \
         pubsub_patterns pubsubshard_channels latest_fork_usec total_forks \
         migrate_cached_sockets slave_expires_tracked_keys active_defrag_hits \
         active_defrag_misses active_defrag_key_hits active_defrag_key_misses \
         total_active_defrag_time current_active_defrag_time tracking_total_keys \
         tracking_total_items tracking_total_prefixes unexpected_error_replies \
         total_error_replies dump_payload_sanitizations total_reads_processed \
         total_writes_processed io_threaded_reads_processed io_threaded_writes_processed \
         reply_buffer_shrinks reply_buffer_expands eventloop_cycles \
         eventloop_duration_sum eventloop_duration_cmd_sum \
         instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec \
         acl_access_denied_auth acl_access_denied_cmd acl_access_denied_key \
         acl_access_denied_channel",
    ),
    (
        "replication",
        "role connected_slaves master_failover_state master_replid master_replid2 \
         master_repl_offset second_repl_offset repl_backlog_active repl_backlog_size \
         repl_backlog_first_byte_offset repl_backlog_histlen",
    ),
    (
        "cpu",
        "used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children \
         used_cpu_sys_main_thread used_cpu_user_main_thread",
    ),
    ("cluster", "cluster_enabled"),
];

/// The text of INFO with these words.
fn info(c: &mut Client, words: &[&str]) -> String {
    let call = [&["INFO"], words].concat();
    String::from_utf8(c.node(&call).text()).expect("INFO is text")
}

/// One field's value.
#[track_caller]
fn field(c: &mut Client, section: &str, name: &str) -> String {
    let text = info(c, &[section]);
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_else(|| panic!("{name} is not in {text}")).to_owned()
}

#[track_caller]
fn number(c: &mut Client, section: &str, name: &str) -> f64 {
    let value = field(c, section, name);
    value.trim_end_matches('%').parse().unwrap_or_else(|_| panic!("{name}:{value}"))
}

/// A field must grow by what `act` does.
#[track_caller]
fn grows(c: &mut Client, section: &str, name: &str, act: impl FnOnce(&mut Client)) {
    let before = number(c, section, name);
    act(c);
    let after = number(c, section, name);
    assert!(after > before, "{name}: {before}, then {after}");
}

case!(every_field_is_there_in_order, |c| {
    for (section, fields) in FIELDS {
        let text = info(c, &[section]);
        let got: Vec<&str> = text.lines().filter_map(|l| Some(l.split_once(':')?.0)).collect();
        let mut rest = got.iter();
        for name in fields.split(' ') {
            assert!(
                rest.any(|field| *field == name),
                "{section}: {name} after its elders: {got:?}"
            );
        }
        assert!(text.lines().all(|line| !line.contains(": ")), "{text}");
    }
});

case!(sections_by_name, |c| {
    let headings = |text: &str| -> Vec<String> {
        text.lines().filter_map(|l| l.strip_prefix("# ")).map(str::to_owned).collect()
    };
    let plain = headings(&info(c, &[]));
    assert_eq!(
        plain.join(" "),
        "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster \
         Keyspace"
    );
    assert_eq!(headings(&info(c, &["DEFAULT"])), plain);
    let all = headings(&info(c, &["all"]));
    assert_eq!(headings(&info(c, &["everything"])), all);
    assert!(all.contains(&"Commandstats".to_owned()) && all.contains(&"Latencystats".to_owned()));
    assert_eq!(headings(&info(c, &["keyspace", "server", "cpu"])).join(" "), "Server CPU Keyspace");
    assert_eq!(headings(&info(c, &["default", "debug"])).last().map(String::as_str), Some("Debug"));
    c.expect(&["INFO", "nosuch"], "$0\r\n\r\n");
    c.expect(&["INFO", "modules"], "$11\r\n# Modules\r\n\r\n");
    assert!(info(c, &["all"]).ends_with("\r\n"));
    c.cmd(&["HELLO", "3"]);
    c.expect(&["INFO", "cluster"], "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n");
});

case!(server_fields, ["--hz", "50"], |c| {
    for (name, value) in [("redis_version", "7.2.4"), ("hz", "50"), ("redis_mode", "standalone")] {
        assert_eq!(field(c, "server", name), value);
    }
    assert_eq!(field(c, "server", "run_id").len(), 40);
    assert_ne!(field(c, "server", "run_id"), field(c, "replication", "master_replid"));
    assert!(field(c, "server", "listener0").starts_with("name=tcp,bind="));
    grows(c, "server", "server_time_usec", |c| c.advance_ms(2));
    grows(c, "server", "uptime_in_seconds", |c| c.advance_ms(1100));
});

case!(clients_come_and_go, ["--maxclients", "4"], |c| {
    assert_eq!(number(c, "clients", "connected_clients"), 1.0);
    let other = c.client();
    assert_eq!(number(c, "clients", "connected_clients"), 2.0);
    other.close();
    c.until(1000, |c| number(c, "clients", "connected_clients") == 1.0);
    assert_eq!(number(c, "clients", "maxclients"), 4.0);
    c.expect(&["CONFIG", "SET", "maxclients", "5"], "+OK\r\n");
    assert_eq!(number(c, "clients", "maxclients"), 5.0);
});

case!(refused_clients_take_no_place, ["--maxclients", "2"], |c| {
    let mut second = c.client();
    second.expect(&["PING"], "+PONG\r\n");
    for _ in 0..3 {
        c.client().expect_close("-ERR max number of clients reached\r\n");
    }
    assert_eq!(number(c, "clients", "connected_clients"), 2.0);
    assert_eq!(number(c, "stats", "rejected_connections"), 3.0);
    second.expect(&["QUIT"], "+OK\r\n");
    second.expect_close("");
    c.client().expect(&["PING"], "+PONG\r\n");
});

case!(recent_peaks_of_buffers, |c| {
    c.cmd(&["SET", "k", &"x".repeat(20_000)]);
    c.until(2500, |c| number(c, "clients", "client_recent_max_input_buffer") > 0.0);
});

case!(a_pause_blocks_clients, |c| {
    let mut other = c.client();
    c.expect(&["CLIENT", "PAUSE", "10000", "WRITE"], "+OK\r\n");
    other.send_raw(&encode(&["SET", "k", "v"]));
    c.until(1000, |c| number(c, "clients", "blocked_clients") == 1.0);
    c.expect(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    other.expect_frame("+OK\r\n");
    assert_eq!(number(c, "clients", "blocked_clients"), 0.0);
});

case!(memory_fields, ["--maxmemory-policy", "noeviction"], |c| {
    assert!(field(c, "memory", "mem_allocator").starts_with("jemalloc-5"));
    assert_eq!(field(c, "memory", "maxmemory_human"), "0B");
    assert!(number(c, "memory", "total_system_memory") > 1e8);
    if c.is_in_process() {
        return;
    }
    let value = "x".repeat(500_000);
    grows(c, "memory", "used_memory", |c| drop(c.cmd(&["SET", "k", &value])));
    grows(c, "memory", "used_memory_dataset", |c| drop(c.cmd(&["SET", "k2", &value])));
    grows(c, "memory", "used_memory_peak", |c| drop(c.cmd(&["SET", "k3", &value])));
    let fields = ["used_memory_rss", "used_memory_startup", "allocator_allocated"];
    assert!(fields.iter().all(|name| number(c, "memory", name) > 10_000.0));
    c.until(3000, |c| number(c, "memory", "mem_clients_normal") > 0.0);
    grows(c, "memory", "used_memory_overhead", |c| {
        for n in 0..2000 {
            c.send_raw(&encode(&["SET", &format!("key:{n}"), "v"]));
            c.expect_frame("+OK\r\n");
        }
    });
    c.cmd(&["CONFIG", "RESETSTAT"]);
    grows(c, "memory", "lazyfreed_objects", |c| {
        c.cmd(&["DEL", "k"]);
        c.until(2000, |c| number(c, "memory", "lazyfreed_objects") > 0.0);
    });
    assert_eq!(number(c, "memory", "lazyfree_pending_objects"), 0.0);
});

case!(changes_since_the_last_save, |c| {
    grows(c, "persistence", "rdb_changes_since_last_save", |c| drop(c.cmd(&["SET", "k", "v"])));
    assert!(number(c, "persistence", "rdb_last_save_time") > 1e9);
});

case!(counters_of_traffic, |c| {
    for name in [
        "total_commands_processed",
        "total_net_input_bytes",
        "total_net_output_bytes",
        "total_reads_processed",
        "total_writes_processed",
    ] {
        grows(c, "stats", name, |c| drop(c.cmd(&["PING"])));
    }
    grows(c, "stats", "total_connections_received", |c| drop(c.client()));
    grows(c, "stats", "total_error_replies", |c| drop(c.cmd(&["NOSUCH"])));
    grows(c, "stats", "eventloop_cycles", |c| drop(c.cmd(&["PING"])));
    assert_eq!(number(c, "debug", "eventloop_cmd_per_cycle_max"), 1.0);
    c.send_raw(&encode(&["PING"]).repeat(5));
    (0..5).for_each(|_| c.expect_frame("+PONG\r\n"));
    assert!(number(c, "debug", "eventloop_cmd_per_cycle_max") > 1.0);
    c.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    for name in ["total_connections_received", "total_error_replies", "rejected_connections"] {
        assert_eq!(number(c, "stats", name), 0.0, "{name}");
    }
    assert_eq!(number(c, "stats", "total_commands_processed"), 4.0);
});

case!(rates_are_sampled, |c| {
    for _ in 0..20 {
        c.send_raw(&encode(&["PING"]).repeat(20));
        (0..20).for_each(|_| c.expect_frame("+PONG\r\n"));
        c.advance_ms(100);
    }
    for name in [
        "instantaneous_ops_per_sec",
        "instantaneous_input_kbps",
        "instantaneous_output_kbps",
        "instantaneous_eventloop_cycles_per_sec",
    ] {
        assert!(number(c, "stats", name) > 0.0, "{name}");
    }
    let ops = number(c, "stats", "instantaneous_ops_per_sec");
    if c.is_in_process() {
        assert!((190.0..=220.0).contains(&ops), "{ops}");
    }
    c.advance_ms(1900);
    assert!(number(c, "stats", "instantaneous_ops_per_sec") < ops / 4.0);
});

case!(counters_of_keys, |c| {
    c.cmd(&["SET", "k", "v"]);
    grows(c, "stats", "keyspace_hits", |c| drop(c.cmd(&["GET", "k"])));
    grows(c, "stats", "keyspace_misses", |c| drop(c.cmd(&["GET", "none"])));
    grows(c, "stats", "expired_keys", |c| {
        c.cmd(&["SET", "k", "v", "PX", "1"]);
        c.until(1000, |c| number(c, "stats", "expired_keys") > 0.0);
    });
    let mut other = c.client();
    grows(c, "stats", "pubsub_channels", |_| drop(other.cmd(&["SUBSCRIBE", "ch"])));
    let mut another = c.client();
    grows(c, "stats", "pubsub_patterns", |_| drop(another.cmd(&["PSUBSCRIBE", "ch*"])));
});

case!(denied_logins_are_counted, ["--requirepass", "secret"], |c| {
    c.cmd(&["AUTH", "secret"]);
    grows(c, "stats", "acl_access_denied_auth", |c| drop(c.cmd(&["AUTH", "wrong"])));
    grows(c, "stats", "acl_access_denied_auth", |c| {
        drop(c.cmd(&["HELLO", "3", "AUTH", "default", "wrong"]));
    });
});

case!(processor_time, |c| {
    let text = info(c, &["cpu"]);
    assert_eq!(text.lines().count(), 7);
    for line in text.lines().skip(1) {
        let (_, value) = line.split_once(':').expect("a field");
        let (seconds, micros) = value.split_once('.').expect("a decimal point");
        assert!(seconds.parse::<u64>().is_ok() && micros.len() == 6, "{line}");
    }
});

case!(replication_identity_changes, |c| {
    let before = field(c, "replication", "master_replid");
    c.expect(&["DEBUG", "CHANGE-REPL-ID"], "+OK\r\n");
    assert_ne!(field(c, "replication", "master_replid"), before);
});

case!(errors_by_code, |c| {
    c.cmd(&["NOSUCH"]);
    c.cmd(&["SET", "k", "v"]);
    c.cmd(&["HSET", "k", "f", "v"]);
    c.expect(
        &["INFO", "errorstats"],
        "$66\r\n# Errorstats\r\nerrorstat_ERR:count=1\r\nerrorstat_WRONGTYPE:count=1\r\n\r\n",
    );
});

/// The line of one command in commandstats, without its times.
#[track_caller]
fn calls(c: &mut Client, name: &str) -> String {
    let line = field(c, "commandstats", &format!("cmdstat_{name}"));
    let parts = line.split(',').filter(|part| !part.starts_with("usec"));
    parts.collect::<Vec<_>>().join(",")
}

case!(calls_by_command, |c| {
    c.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    for _ in 0..40 {
        c.cmd(&["SET", "k", "v"]);
    }
    c.cmd(&["SET", "k"]);
    c.cmd(&["INCR", "k"]);
    c.cmd(&["CLIENT", "ID"]);
    c.cmd(&["CLIENT", "ID", "x"]);
    c.cmd(&["NOSUCH"]);
    assert_eq!(calls(c, "set"), "calls=40,rejected_calls=1,failed_calls=0");
    assert_eq!(calls(c, "incr"), "calls=1,rejected_calls=0,failed_calls=1");
    assert_eq!(calls(c, "client|id"), "calls=1,rejected_calls=1,failed_calls=0");
    assert_eq!(calls(c, "config|resetstat"), "calls=1,rejected_calls=0,failed_calls=0");
    assert!(!info(c, &["commandstats"]).contains("cmdstat_get:"));
});

case!(a_pipeline_of_different_commands_is_counted, |c| {
    c.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    let pair = [encode(&["SET", "k", "1"]), encode(&["GET", "k"]), encode(&["DEL", "k"])].concat();
    c.send_raw(&pair.repeat(50));
    for want in ["+OK\r\n", "$1\r\n1\r\n", ":1\r\n"].repeat(50) {
        c.expect_frame(want);
    }
    for name in ["set", "get", "del"] {
        assert_eq!(calls(c, name), "calls=50,rejected_calls=0,failed_calls=0");
    }
});

case!(a_transaction_counts_its_commands, |c| {
    c.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    c.cmd(&["MULTI"]);
    c.cmd(&["SET", "k", "v"]);
    c.cmd(&["INCR", "k"]);
    c.cmd(&["EXEC"]);
    assert_eq!(calls(c, "set"), "calls=1,rejected_calls=0,failed_calls=0");
    assert_eq!(calls(c, "incr"), "calls=1,rejected_calls=0,failed_calls=1");
    assert_eq!(calls(c, "exec"), "calls=1,rejected_calls=0,failed_calls=0");
});

case!(a_command_in_slices_is_counted_once, |c| {
    c.expect(&["DEBUG", "POPULATE", "30000"], "+OK\r\n");
    c.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    assert!(c.cmd(&["KEYS", "*"]).starts_with(b"*30000\r\n"));
    assert_eq!(calls(c, "keys"), "calls=1,rejected_calls=0,failed_calls=0");
    assert_eq!(number(c, "stats", "total_commands_processed"), 3.0);
});

case!(time_by_command, |c| {
    c.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    c.cmd(&["DEBUG", "SLEEP", "0.01"]);
    c.cmd(&["GET", "k"]);
    let latency = field(c, "latencystats", "latency_percentiles_usec_debug");
    let parts: Vec<&str> = latency.split(',').map(|p| p.split('=').next().unwrap_or("")).collect();
    assert_eq!(parts, ["p50", "p99", "p99.9"]);
    if !c.is_in_process() {
        let p50: f64 = latency.split(['=', ',']).nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0);
        assert!(p50 >= 10_000.0, "{latency}");
        let usec = field(c, "commandstats", "cmdstat_debug");
        assert!(usec.contains("usec_per_call=1"), "{usec}");
    }
    c.cmd(&["CONFIG", "SET", "latency-tracking-info-percentiles", "50 12.5"]);
    let get = field(c, "latencystats", "latency_percentiles_usec_get");
    assert!(get.starts_with("p50=") && get.contains(",p12.5="), "{get}");
    c.cmd(&["CONFIG", "SET", "latency-tracking", "no"]);
    c.expect(&["INFO", "latencystats"], "$16\r\n# Latencystats\r\n\r\n");
});

case!(keys_by_database, |c| {
    c.cmd(&["SET", "a", "1"]);
    c.cmd(&["SET", "b", "1", "EX", "100"]);
    c.cmd(&["SELECT", "9"]);
    c.cmd(&["SET", "c", "1"]);
    let text = info(c, &["keyspace"]);
    assert!(text.contains("db0:keys=2,expires=1,avg_ttl="), "{text}");
    assert!(text.contains("db9:keys=1,expires=0,avg_ttl=0"), "{text}");
    let ttl: i64 =
        text.split("avg_ttl=").nth(1).and_then(|t| t.lines().next()?.parse().ok()).expect("a time");
    assert!((90_000..=100_000).contains(&ttl), "{text}");
});
