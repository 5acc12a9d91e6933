//! Every parameter, declared once: name, old name, field and type, default, kind, flags, standing.
//!
//! Order and grouping follow the order in which an operator meets them; CONFIG REWRITE appends in
//! this order. Defaults are text in the form CONFIG GET shows and are parsed like any other value.

use super::declare::{HIDDEN, IMM, MULTI, MUT, PROT, Param, SECRET, Standing, declare, first};
use super::types::*;
use super::values::{
    Field, Kind, any, append_directory, append_name, dump_name, host_name, title_template,
};

const INT: i128 = i32::MAX as i128;
const UINT: i128 = u32::MAX as i128;
const LONG: i128 = i64::MAX as i128;
const ULONG: i128 = u64::MAX as i128;
const MB: i128 = 1 << 20;

const fn int(min: i128, max: i128) -> Kind {
    Kind::Int(min, max)
}
const fn mem(min: i128, max: i128) -> Kind {
    Kind::Memory(min, max)
}
const BOOL: Kind = Kind::Bool;
const ONE_OF: Kind = Kind::Choice;
const TEXT: Kind = Kind::Text(any);

use Standing::{NoEffect, NotYet, Works};
const LAZY: Standing = NoEffect("memory is always freed beside the main thread");
const NO_REPL: Standing = NoEffect("there is no replication yet");
const NO_CLUSTER: Standing = NoEffect("there is no cluster mode yet");
const NO_TLS: Standing = NoEffect("there is no TLS yet");
const NO_DEFRAG: Standing = NoEffect("values are not moved to pack memory more densely");
const PINNING: Standing = NotYet("pinning threads to processors is not implemented yet");

declare! {
    // Network.
    /// Addresses to listen on; a leading `-` lets the start go on without that address.
    "bind", bind: Vec<String> = "* -::*", Kind::Bind, MUT | MULTI, Works;
    /// TCP port; 0 listens on no port.
    "port", port: u16 = "6379", int(0, 65535), MUT, Works;
    /// Without a password, accept only clients of this host.
    "protected-mode", protected_mode: bool = "yes", BOOL, MUT, Works;
    /// Length of the kernel's queue of connections not yet accepted.
    "tcp-backlog", tcp_backlog: i32 = "511", int(0, INT), IMM, Works;
    /// Path of a Unix socket to listen on.
    "unixsocket", unixsocket: String = "", TEXT, IMM, Works;
    /// Permissions of the Unix socket, in octal; 0 leaves them to the umask.
    "unixsocketperm", unixsocketperm: u32 = "0", Kind::Octal, IMM, Works;
    /// Seconds after which an idle client is closed; 0 never.
    "timeout", timeout: u32 = "0", int(0, INT), MUT, Works;
    /// Seconds between TCP keepalive probes; 0 sends none.
    "tcp-keepalive", tcp_keepalive: u32 = "300", int(0, INT), MUT, Works;
    /// Local address of outgoing connections.
    "bind-source-addr", bind_source_addr: String = "", TEXT, MUT, NO_REPL;
    /// Mark of listening sockets for packet filters.
    "socket-mark-id", socket_mark_id: u32 = "0",
        int(0, UINT), IMM, NotYet("socket marks are not implemented yet");
    /// Clients connected at a time.
    "maxclients", maxclients: u32 = "10000", int(1, UINT), MUT, Works;
    /// Largest unparsed request data of a client.
    "client-query-buffer-limit", client_query_buffer_limit: u64 = "1073741824",
        mem(MB, LONG), MUT, Works;
    /// Hard limit, soft limit and seconds of the output buffer, by class of client.
    "client-output-buffer-limit", client_output_buffer_limit: [Limit; 3] =
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Kind::OutputLimits, MUT | MULTI, Works;
    /// Longest argument of a command.
    "proto-max-bulk-len", proto_max_bulk_len: u64 = "536870912", mem(MB, LONG), MUT, Works;

    // Process.
    /// Detach from the terminal.
    "daemonize", daemonize: bool = "no", BOOL, IMM, Works;
    /// File that holds the process id; with `daemonize` the default is /var/run/redis.pid.
    "pidfile", pidfile: String = "", TEXT, IMM, Works;
    /// Lowest level that is logged.
    "loglevel", loglevel: LogLevel = "notice", ONE_OF, MUT, Works;
    /// Log file; empty is standard output.
    "logfile", logfile: String = "", TEXT, IMM, Works;
    /// Working directory, and where files are written.
    "dir", dir: String = "", TEXT, MUT | PROT, Works;
    /// Number of databases.
    "databases", databases: usize = "16", int(1, INT), IMM, Works;
    /// Draw the logo at the start also when the log is no terminal.
    "always-show-logo", always_show_logo: bool = "no", BOOL, IMM, Works;
    /// What to do on SIGINT.
    "shutdown-on-sigint", shutdown_on_sigint: u32 = "default",
        Kind::ShutdownFlags, MUT | MULTI, Works;
    /// What to do on SIGTERM.
    "shutdown-on-sigterm", shutdown_on_sigterm: u32 = "default",
        Kind::ShutdownFlags, MUT | MULTI, Works;
    /// Seconds a shutdown waits for replicas.
    "shutdown-timeout", shutdown_timeout: u32 = "10", int(0, INT), MUT, NO_REPL;
    /// Process manager to report readiness to.
    "supervised", supervised: Supervised = "no", ONE_OF, IMM, Works;
    /// Log to the system log too.
    "syslog-enabled", syslog_enabled: bool = "no", BOOL, IMM, Works;
    /// Name in the system log.
    "syslog-ident", syslog_ident: String = "redis", TEXT, IMM, Works;
    /// Facility in the system log.
    "syslog-facility", syslog_facility: SyslogFacility = "local0", ONE_OF, IMM, Works;
    /// Show the state in the process title.
    "set-proc-title", set_proc_title: bool = "yes", BOOL, IMM, Works;
    /// Form of the process title.
    "proc-title-template", proc_title_template: String = "{title} {listen-addr} {server-mode}",
        Kind::Text(title_template), MUT, Works;
    /// Collation locale of SORT ALPHA.
    "locale-collate", locale_collate: String = "",
        TEXT, MUT, NoEffect("text is ordered by its bytes");
    /// Write a report on a crash.
    "crash-log-enabled", crash_log_enabled: bool = "yes", BOOL, MUT, Works;
    /// Test the memory after a crash.
    "crash-memcheck-enabled", crash_memcheck_enabled: bool = "yes",
        BOOL, MUT, NoEffect("memory is not tested after a crash");
    /// Exit in place of abort on a failed assertion.
    "use-exit-on-panic", use_exit_on_panic: bool = "no", BOOL, MUT | HIDDEN, Works;
    /// Milliseconds after which a stuck loop is reported.
    "watchdog-period", watchdog_period: u32 = "0",
        int(0, INT), MUT | HIDDEN, NoEffect("no watchdog looks at the loop");
    /// Ask the kernel for no transparent huge pages.
    "disable-thp", disable_thp: bool = "yes",
        BOOL, IMM, NoEffect("memory is never shared with a forked child");
    /// Tell the kernel which process to kill first when memory runs out.
    "oom-score-adj", oom_score_adj: OomScoreAdj = "no",
        ONE_OF, MUT, NotYet("scores are not implemented yet");
    /// Scores of primary, replica and background process.
    "oom-score-adj-values", oom_score_adj_values: [i32; 3] = "0 200 800",
        Kind::OomValues, MUT | MULTI, NoEffect("scores are not implemented yet");
    /// Start-up warnings not to stop for.
    "ignore-warnings", ignore_warnings: String = "",
        TEXT, MUT, NoEffect("no warning stops the start");
    /// Threads that read and write sockets.
    "io-threads", io_threads: u32 = "1",
        int(1, 128), IMM, NoEffect("one thread reads, executes and writes");
    /// Let those threads read too.
    "io-threads-do-reads", io_threads_do_reads: bool = "no",
        BOOL, IMM, NoEffect("one thread reads, executes and writes");
    /// Processors of the main thread.
    "server_cpulist" "server-cpulist", server_cpulist: String = "", TEXT, IMM, PINNING;
    /// Processors of background threads.
    "bio_cpulist" "bio-cpulist", bio_cpulist: String = "", TEXT, IMM, PINNING;
    /// Processors of the process that rewrites the append-only file.
    "aof_rewrite_cpulist" "aof-rewrite-cpulist", aof_rewrite_cpulist: String = "",
        TEXT, IMM, PINNING;
    /// Processors of the process that saves.
    "bgsave_cpulist" "bgsave-cpulist", bgsave_cpulist: String = "", TEXT, IMM, PINNING;

    // Who may do what.
    /// Password of the default user; empty asks for none.
    "requirepass", requirepass: String = "", TEXT, MUT | SECRET, Works;
    /// File of users.
    "aclfile", aclfile: String = "",
        TEXT, IMM, NotYet("users and their rules are not implemented yet");
    /// Entries ACL LOG keeps.
    "acllog-max-len", acllog_max_len: u64 = "128",
        int(0, LONG), MUT, NoEffect("users and their rules are not implemented yet");
    /// Channels a new user may use.
    "acl-pubsub-default", acl_pubsub_default: AclPubsubDefault = "resetchannels",
        ONE_OF, MUT, NoEffect("users and their rules are not implemented yet");
    /// Who may change protected parameters.
    "enable-protected-configs", enable_protected_configs: Allow = "no", ONE_OF, IMM, Works;
    /// Who may use DEBUG.
    "enable-debug-command", enable_debug_command: Allow = "no", ONE_OF, IMM, Works;
    /// Who may use MODULE.
    "enable-module-command", enable_module_command: Allow = "no",
        ONE_OF, IMM, NoEffect("there are no modules");

    // Time.
    /// Rounds of periodic work a second, between 1 and 500.
    "hz", hz: u32 = "10", int(0, INT), MUT, NoEffect("work is done when it is due");
    /// More rounds with more clients.
    "dynamic-hz", dynamic_hz: bool = "yes", BOOL, MUT, NoEffect("work is done when it is due");
    /// Effort spent on finding expired keys, 1 to 10.
    "active-expire-effort", active_expire_effort: u32 = "1",
        int(1, 10), MUT, NoEffect("the next key to expire is always known");
    /// Spend idle time on moving to a larger table.
    "activerehashing", activerehashing: bool = "yes",
        BOOL, MUT, NoEffect("tables grow in small steps");

    // Memory.
    /// Bytes the data may take, or a percentage of the memory there is; 0 is no limit.
    "maxmemory", maxmemory: MaxMemory = "0", mem(0, ULONG), MUT, Works;
    /// Which keys make room.
    "maxmemory-policy", maxmemory_policy: MaxmemoryPolicy = "noeviction", ONE_OF, MUT, Works;
    /// Keys compared for each eviction.
    "maxmemory-samples", maxmemory_samples: u32 = "5", int(1, INT), MUT, Works;
    /// Time spent on eviction before the next command, 0 to 100.
    "maxmemory-eviction-tenacity", maxmemory_eviction_tenacity: u32 = "10",
        int(0, 100), MUT, Works;
    /// Bytes all clients together may take, or a percentage of `maxmemory` (negative in the field).
    "maxmemory-clients", maxmemory_clients: i64 = "0",
        Kind::MemoryOrPercent, MUT, Works;
    /// How much the counter of an access grows more slowly the higher it is.
    "lfu-log-factor", lfu_log_factor: u32 = "10", int(0, INT), MUT, Works;
    /// Minutes until the counter of an access halves.
    "lfu-decay-time", lfu_decay_time: u32 = "1", int(0, INT), MUT, Works;
    /// Free evicted values beside the main thread.
    "lazyfree-lazy-eviction", lazyfree_lazy_eviction: bool = "no", BOOL, MUT, LAZY;
    /// Free expired values beside the main thread.
    "lazyfree-lazy-expire", lazyfree_lazy_expire: bool = "no", BOOL, MUT, LAZY;
    /// Free overwritten values beside the main thread.
    "lazyfree-lazy-server-del", lazyfree_lazy_server_del: bool = "no", BOOL, MUT, LAZY;
    /// Let DEL behave like UNLINK.
    "lazyfree-lazy-user-del", lazyfree_lazy_user_del: bool = "no", BOOL, MUT, LAZY;
    /// Let FLUSHALL behave like FLUSHALL ASYNC.
    "lazyfree-lazy-user-flush", lazyfree_lazy_user_flush: bool = "no", BOOL, MUT, LAZY;
    /// Move values to pack memory more densely.
    "activedefrag", activedefrag: bool = "no", BOOL, MUT, NO_DEFRAG;
    /// Wasted bytes below which nothing is moved.
    "active-defrag-ignore-bytes", active_defrag_ignore_bytes: u64 = "104857600",
        mem(1, LONG), MUT, NO_DEFRAG;
    /// Percentage of waste at which moving begins.
    "active-defrag-threshold-lower", active_defrag_threshold_lower: u32 = "10",
        int(0, 1000), MUT, NO_DEFRAG;
    /// Percentage of waste at which most effort is spent.
    "active-defrag-threshold-upper", active_defrag_threshold_upper: u32 = "100",
        int(0, 1000), MUT, NO_DEFRAG;
    /// Least effort in percent of a processor.
    "active-defrag-cycle-min", active_defrag_cycle_min: u32 = "1", int(1, 99), MUT, NO_DEFRAG;
    /// Most effort in percent of a processor.
    "active-defrag-cycle-max", active_defrag_cycle_max: u32 = "25", int(1, 99), MUT, NO_DEFRAG;
    /// Elements of a collection moved at a time.
    "active-defrag-max-scan-fields", active_defrag_max_scan_fields: u64 = "1000",
        int(1, LONG), MUT, NO_DEFRAG;
    /// Let the allocator purge from a thread of its own.
    "jemalloc-bg-thread", jemalloc_bg_thread: bool = "yes",
        BOOL, MUT, Works;

    // Observation.
    /// Microseconds from which a command is logged as slow; negative logs none.
    "slowlog-log-slower-than", slowlog_log_slower_than: i64 = "10000", int(-1, LONG), MUT, Works;
    /// Slow commands remembered.
    "slowlog-max-len", slowlog_max_len: u64 = "128", int(0, LONG), MUT, Works;
    /// Milliseconds from which an event is recorded by LATENCY; 0 records none.
    "latency-monitor-threshold", latency_monitor_threshold: u64 = "0",
        int(0, LONG), MUT, NoEffect("there is no latency monitor yet");
    /// Keep a histogram of latencies for each command.
    "latency-tracking", latency_tracking: bool = "yes",
        BOOL, MUT, Works;
    /// Percentiles INFO latencystats shows.
    "latency-tracking-info-percentiles", latency_tracking_info_percentiles: Vec<f64> = "50 99 99.9",
        Kind::Percentiles, MUT | MULTI, Works;
    /// Classes of events that are published.
    "notify-keyspace-events", notify_keyspace_events: u32 = "",
        Kind::Events, MUT, Works;
    /// Keys the server remembers for client-side caches.
    "tracking-table-max-keys", tracking_table_max_keys: u64 = "1000000",
        int(0, LONG), MUT, Works;
    /// Milliseconds after which a running script lets other clients be answered BUSY.
    "busy-reply-threshold" "lua-time-limit", busy_reply_threshold: u64 = "5000",
        int(0, LONG), MUT, Works;
    /// Memory that the interpreters of scripts may hold; 0 is no limit.
    "lua-memory-limit", lua_memory_limit: u64 = "1073741824", mem(0, LONG), MUT, Works;

    // Compact encodings.
    /// Fields of a compact hash.
    "hash-max-listpack-entries" "hash-max-ziplist-entries", hash_max_listpack_entries: u64 = "512",
        int(0, LONG), MUT, Works;
    /// Bytes of an element of a compact hash.
    "hash-max-listpack-value" "hash-max-ziplist-value", hash_max_listpack_value: u64 = "64",
        mem(0, LONG), MUT, Works;
    /// Entries (positive) or size class (negative) of a list node.
    "list-max-listpack-size" "list-max-ziplist-size", list_max_listpack_size: i32 = "-2",
        int(i32::MIN as i128, INT), MUT, Works;
    /// Nodes at each end of a list left uncompressed; 0 compresses none.
    "list-compress-depth", list_compress_depth: u32 = "0", int(0, INT), MUT, Works;
    /// Members of a set of integers.
    "set-max-intset-entries", set_max_intset_entries: u64 = "512", int(0, LONG), MUT, Works;
    /// Members of a compact set.
    "set-max-listpack-entries", set_max_listpack_entries: u64 = "128", int(0, LONG), MUT, Works;
    /// Bytes of a member of a compact set.
    "set-max-listpack-value", set_max_listpack_value: u64 = "64", int(0, LONG), MUT, Works;
    /// Members of a compact sorted set.
    "zset-max-listpack-entries" "zset-max-ziplist-entries", zset_max_listpack_entries: u64 = "128",
        int(0, LONG), MUT, Works;
    /// Bytes of a member of a compact sorted set.
    "zset-max-listpack-value" "zset-max-ziplist-value", zset_max_listpack_value: u64 = "64",
        mem(0, LONG), MUT, Works;
    /// Bytes of a sparse HyperLogLog.
    "hll-sparse-max-bytes", hll_sparse_max_bytes: u64 = "3000", mem(0, LONG), MUT, Works;
    /// Bytes of a stream node.
    "stream-node-max-bytes", stream_node_max_bytes: u64 = "4096", mem(0, LONG), MUT, Works;
    /// Entries of a stream node.
    "stream-node-max-entries", stream_node_max_entries: u64 = "100", int(0, LONG), MUT, Works;
    /// How thoroughly RESTORE examines its payload.
    "sanitize-dump-payload", sanitize_dump_payload: Sanitize = "no",
        ONE_OF, MUT, NoEffect("payloads are always examined");

    // Snapshots.
    /// Save after so many seconds if so many changes were made.
    "save", save: Vec<(u64, u64)> = "3600 1 300 100 60 10000", Kind::Save, MUT | MULTI, Works;
    /// Name of the snapshot in `dir`.
    "dbfilename", dbfilename: String = "dump.rdb", Kind::Text(dump_name), MUT | PROT, Works;
    /// Refuse writes after a failed save.
    "stop-writes-on-bgsave-error", stop_writes_on_bgsave_error: bool = "yes", BOOL, MUT, Works;
    /// Compress strings in snapshots.
    "rdbcompression", rdbcompression: bool = "yes", BOOL, MUT, Works;
    /// End snapshots with a checksum.
    "rdbchecksum", rdbchecksum: bool = "yes", BOOL, IMM, Works;
    /// Version of the format snapshots are written in; 10 is for servers of version 7.0.
    "rdb-write-version", rdb_write_version: i32 = "11", int(10, 11), MUT | HIDDEN, Works;
    /// Remove snapshots made only for replicas.
    "rdb-del-sync-files", rdb_del_sync_files: bool = "no", BOOL, MUT, NO_REPL;
    /// Flush a snapshot to disk piece by piece.
    "rdb-save-incremental-fsync", rdb_save_incremental_fsync: bool = "yes", BOOL, MUT, Works;
    /// Microseconds to wait after each key saved, for tests.
    "rdb-key-save-delay", rdb_key_save_delay: i32 = "0",
        int(i32::MIN as i128, INT), MUT | HIDDEN, Works;
    /// Microseconds to wait after each key loaded, for tests.
    "key-load-delay", key_load_delay: i32 = "0", int(i32::MIN as i128, INT), MUT | HIDDEN, Works;
    /// Bytes loaded between two looks at the clients, at most.
    "loading-process-events-interval-bytes", loading_process_events_interval_bytes: u64 = "2097152",
        mem(1024, INT), MUT | HIDDEN, Works;

    // Append-only file.
    /// Log each write to disk.
    "appendonly", appendonly: bool = "no",
        BOOL, MUT, Works;
    /// First part of the names of its files.
    "appendfilename", appendfilename: String = "appendonly.aof",
        Kind::Text(append_name), IMM, Works;
    /// Directory of its files, in `dir`.
    "appenddirname", appenddirname: String = "appendonlydir",
        Kind::Text(append_directory), IMM, Works;
    /// When it is forced to disk.
    "appendfsync", appendfsync: Appendfsync = "everysec", ONE_OF, MUT, Works;
    /// Do not force it to disk while it is rewritten.
    "no-appendfsync-on-rewrite", no_appendfsync_on_rewrite: bool = "no", BOOL, MUT, Works;
    /// Growth in percent at which it is rewritten.
    "auto-aof-rewrite-percentage", auto_aof_rewrite_percentage: u32 = "100",
        int(0, INT), MUT, Works;
    /// Size below which it is not rewritten.
    "auto-aof-rewrite-min-size", auto_aof_rewrite_min_size: u64 = "67108864",
        mem(0, LONG), MUT, Works;
    /// Flush a rewritten file to disk piece by piece.
    "aof-rewrite-incremental-fsync", aof_rewrite_incremental_fsync: bool = "yes", BOOL, MUT, Works;
    /// Start although the end of the file is missing.
    "aof-load-truncated", aof_load_truncated: bool = "yes", BOOL, MUT, Works;
    /// Begin a rewritten file with a snapshot.
    "aof-use-rdb-preamble", aof_use_rdb_preamble: bool = "yes", BOOL, MUT, Works;
    /// Note the time in the file.
    "aof-timestamp-enabled", aof_timestamp_enabled: bool = "no", BOOL, MUT, Works;
    /// Keep files that are no longer needed, for tests.
    "aof-disable-auto-gc", aof_disable_auto_gc: bool = "no", BOOL, MUT | HIDDEN, Works;

    // Replication.
    /// Host and port of the primary.
    "replicaof" "slaveof", replicaof: String = "",
        Kind::ReplicaOf, IMM | MULTI, NotYet("replication is not implemented yet");
    /// Password at the primary.
    "masterauth", masterauth: String = "", TEXT, MUT | SECRET, NO_REPL;
    /// User at the primary.
    "masteruser", masteruser: String = "", TEXT, MUT | SECRET, NO_REPL;
    /// Answer from old data while the primary is out of reach.
    "replica-serve-stale-data" "slave-serve-stale-data", replica_serve_stale_data: bool = "yes",
        BOOL, MUT, NO_REPL;
    /// Refuse writes of clients on a replica.
    "replica-read-only" "slave-read-only", replica_read_only: bool = "yes", BOOL, MUT, NO_REPL;
    /// Leave eviction to the primary.
    "replica-ignore-maxmemory" "slave-ignore-maxmemory", replica_ignore_maxmemory: bool = "yes",
        BOOL, MUT, NO_REPL;
    /// Free the old data beside the main thread before a full synchronisation.
    "replica-lazy-flush" "slave-lazy-flush", replica_lazy_flush: bool = "no", BOOL, MUT, NO_REPL;
    /// Rank when Sentinel chooses a new primary; 0 is never chosen.
    "replica-priority" "slave-priority", replica_priority: u32 = "100", int(0, INT), MUT, NO_REPL;
    /// Show the replica to Sentinel.
    "replica-announced", replica_announced: bool = "yes", BOOL, MUT, NO_REPL;
    /// Address a replica gives its primary.
    "replica-announce-ip" "slave-announce-ip", replica_announce_ip: String = "", TEXT, MUT, NO_REPL;
    /// Port a replica gives its primary.
    "replica-announce-port" "slave-announce-port", replica_announce_port: u16 = "0",
        int(0, 65535), MUT, NO_REPL;
    /// Go on after an error of the disk on a replica.
    "replica-ignore-disk-write-errors", replica_ignore_disk_write_errors: bool = "no",
        BOOL, MUT, NO_REPL;
    /// What to do when a replicated command fails.
    "propagation-error-behavior", propagation_error_behavior: PropagationError = "ignore",
        ONE_OF, MUT, NO_REPL;
    /// Replicas that must be connected for a write to be accepted.
    "min-replicas-to-write" "min-slaves-to-write", min_replicas_to_write: u32 = "0",
        int(0, INT), MUT, NotYet("replication is not implemented yet");
    /// Seconds since their last sign of life.
    "min-replicas-max-lag" "min-slaves-max-lag", min_replicas_max_lag: u32 = "10",
        int(0, INT), MUT, NO_REPL;
    /// Bytes kept for replicas that come back.
    "repl-backlog-size", repl_backlog_size: u64 = "1048576", mem(1, LONG), MUT, NO_REPL;
    /// Seconds until those are freed without replicas.
    "repl-backlog-ttl", repl_backlog_ttl: u64 = "3600", int(0, LONG), MUT, NO_REPL;
    /// Seconds until a silent link is closed.
    "repl-timeout", repl_timeout: u32 = "60", int(1, INT), MUT, NO_REPL;
    /// Seconds between pings to replicas.
    "repl-ping-replica-period" "repl-ping-slave-period", repl_ping_replica_period: u32 = "10",
        int(1, INT), MUT, NO_REPL;
    /// Let the kernel gather small packets to replicas.
    "repl-disable-tcp-nodelay", repl_disable_tcp_nodelay: bool = "no", BOOL, MUT, NO_REPL;
    /// Send snapshots to replicas without a file.
    "repl-diskless-sync", repl_diskless_sync: bool = "yes", BOOL, MUT, NO_REPL;
    /// Seconds to wait for more replicas first.
    "repl-diskless-sync-delay", repl_diskless_sync_delay: u32 = "5", int(0, INT), MUT, NO_REPL;
    /// Replicas after which to wait no longer.
    "repl-diskless-sync-max-replicas", repl_diskless_sync_max_replicas: u32 = "0",
        int(0, INT), MUT, NO_REPL;
    /// Load a snapshot of the primary without a file.
    "repl-diskless-load", repl_diskless_load: DisklessLoad = "disabled", ONE_OF, MUT, NO_REPL;

    // TLS.
    /// Port for TLS connections.
    "tls-port", tls_port: u16 = "0", int(0, 65535), MUT, NotYet("TLS is not implemented yet");
    /// Use TLS between cluster nodes.
    "tls-cluster", tls_cluster: bool = "no", BOOL, MUT, NotYet("TLS is not implemented yet");
    /// Use TLS towards the primary.
    "tls-replication", tls_replication: bool = "no",
        BOOL, MUT, NotYet("TLS is not implemented yet");
    /// Certificate of the server.
    "tls-cert-file", tls_cert_file: String = "", TEXT, MUT, NO_TLS;
    /// Its key.
    "tls-key-file", tls_key_file: String = "", TEXT, MUT, NO_TLS;
    /// Password of that key.
    "tls-key-file-pass", tls_key_file_pass: String = "", TEXT, MUT | SECRET, NO_TLS;
    /// Certificate for outgoing connections.
    "tls-client-cert-file", tls_client_cert_file: String = "", TEXT, MUT, NO_TLS;
    /// Its key.
    "tls-client-key-file", tls_client_key_file: String = "", TEXT, MUT, NO_TLS;
    /// Password of that key.
    "tls-client-key-file-pass", tls_client_key_file_pass: String = "", TEXT, MUT | SECRET, NO_TLS;
    /// Parameters of the key exchange.
    "tls-dh-params-file", tls_dh_params_file: String = "", TEXT, MUT, NO_TLS;
    /// Certificates that are trusted.
    "tls-ca-cert-file", tls_ca_cert_file: String = "", TEXT, MUT, NO_TLS;
    /// Directory of such certificates.
    "tls-ca-cert-dir", tls_ca_cert_dir: String = "", TEXT, MUT, NO_TLS;
    /// Whether clients must show a certificate.
    "tls-auth-clients", tls_auth_clients: TlsAuthClients = "yes", ONE_OF, MUT, NO_TLS;
    /// Versions of the protocol.
    "tls-protocols", tls_protocols: String = "", TEXT, MUT, NO_TLS;
    /// Ciphers up to TLS 1.2.
    "tls-ciphers", tls_ciphers: String = "", TEXT, MUT, NO_TLS;
    /// Ciphers of TLS 1.3.
    "tls-ciphersuites", tls_ciphersuites: String = "", TEXT, MUT, NO_TLS;
    /// Let the server choose the cipher.
    "tls-prefer-server-ciphers", tls_prefer_server_ciphers: bool = "no", BOOL, MUT, NO_TLS;
    /// Resume sessions.
    "tls-session-caching", tls_session_caching: bool = "yes", BOOL, MUT, NO_TLS;
    /// Sessions remembered.
    "tls-session-cache-size", tls_session_cache_size: u32 = "20480", int(0, INT), MUT, NO_TLS;
    /// Seconds they are remembered.
    "tls-session-cache-timeout", tls_session_cache_timeout: u32 = "300", int(0, INT), MUT, NO_TLS;

    // Cluster.
    /// Run as a cluster node.
    "cluster-enabled", cluster_enabled: bool = "no",
        BOOL, IMM, NotYet("cluster mode is not implemented yet");
    /// File of the node's view of the cluster.
    "cluster-config-file", cluster_config_file: String = "nodes.conf", TEXT, IMM, NO_CLUSTER;
    /// Milliseconds until a node counts as failed.
    "cluster-node-timeout", cluster_node_timeout: u64 = "15000", int(0, LONG), MUT, NO_CLUSTER;
    /// Milliseconds between pings of nodes.
    "cluster-ping-interval", cluster_ping_interval: u64 = "1000",
        int(0, INT), MUT | HIDDEN, NO_CLUSTER;
    /// Port of the cluster bus; 0 is the client port plus 10000.
    "cluster-port", cluster_port: u16 = "0", int(0, 65535), IMM, NO_CLUSTER;
    /// Never fail over by itself.
    "cluster-replica-no-failover" "cluster-slave-no-failover", cluster_replica_no_failover: bool =
        "no",
        BOOL, MUT, NO_CLUSTER;
    /// How old a replica's data may be for a failover.
    "cluster-replica-validity-factor" "cluster-slave-validity-factor",
        cluster_replica_validity_factor: u32 =
        "10",
        int(0, INT), MUT, NO_CLUSTER;
    /// Replicas a primary keeps when others need one.
    "cluster-migration-barrier", cluster_migration_barrier: u32 = "1", int(0, INT), MUT, NO_CLUSTER;
    /// Let replicas move to primaries without one.
    "cluster-allow-replica-migration", cluster_allow_replica_migration: bool = "yes",
        BOOL, MUT, NO_CLUSTER;
    /// Refuse queries when slots are not served.
    "cluster-require-full-coverage", cluster_require_full_coverage: bool = "yes",
        BOOL, MUT, NO_CLUSTER;
    /// Answer reads while the cluster is down.
    "cluster-allow-reads-when-down", cluster_allow_reads_when_down: bool = "no",
        BOOL, MUT, NO_CLUSTER;
    /// Deliver shard messages while the cluster is down.
    "cluster-allow-pubsubshard-when-down", cluster_allow_pubsubshard_when_down: bool = "yes",
        BOOL, MUT, NO_CLUSTER;
    /// Bytes waiting for another node until the link is closed.
    "cluster-link-sendbuf-limit", cluster_link_sendbuf_limit: u64 = "0",
        mem(0, ULONG), MUT, NO_CLUSTER;
    /// Address given to other nodes.
    "cluster-announce-ip", cluster_announce_ip: String = "", TEXT, MUT, NO_CLUSTER;
    /// Port given to other nodes.
    "cluster-announce-port", cluster_announce_port: u16 = "0", int(0, 65535), MUT, NO_CLUSTER;
    /// TLS port given to other nodes.
    "cluster-announce-tls-port", cluster_announce_tls_port: u16 = "0",
        int(0, 65535), MUT, NO_CLUSTER;
    /// Bus port given to other nodes.
    "cluster-announce-bus-port", cluster_announce_bus_port: u16 = "0",
        int(0, 65535), MUT, NO_CLUSTER;
    /// Host name given to clients.
    "cluster-announce-hostname", cluster_announce_hostname: String = "",
        Kind::Text(host_name), MUT, NO_CLUSTER;
    /// Name of the node for people.
    "cluster-announce-human-nodename", cluster_announce_human_nodename: String = "",
        TEXT, MUT, NO_CLUSTER;
    /// What clients are redirected to.
    "cluster-preferred-endpoint-type", cluster_preferred_endpoint_type: EndpointType = "ip",
        ONE_OF, MUT, NO_CLUSTER;
}
