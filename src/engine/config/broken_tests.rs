//! Configuration files that must not start a server: each names its line, what stands there and
//! why it will not do.

use super::tests::refused;

const INTEGER: &str = "argument couldn't be parsed into an integer";
const YES_NO: &str = "argument must be 'yes' or 'no'";
const MEMORY: &str = "argument must be a memory value";
const COUNT: &str = "wrong number of arguments";
const BAD: &str = "Bad directive or wrong number of arguments";
const BOUNDS: &str = "argument must be between";
const CHOICE: &str = "argument(s) must be one of the following: ";

/// The line at fault, and how the reason begins.
const BROKEN: &[(&str, &str)] = &[
    ("nosuch 1", BAD),
    ("nosuch", BAD),
    ("--port 1", BAD),
    ("port:1", BAD),
    ("port=1", BAD),
    ("port", COUNT),
    ("port 1 2", COUNT),
    ("port x", INTEGER),
    ("port 1x", INTEGER),
    ("port +1", INTEGER),
    ("port 01", INTEGER),
    ("port 1.0", INTEGER),
    ("port \"\"", INTEGER),
    ("port 99999999999999999999", INTEGER),
    ("port 65536", BOUNDS),
    ("port -1", BOUNDS),
    ("timeout -1", BOUNDS),
    ("timeout 2147483648", BOUNDS),
    ("timeout 1s", INTEGER),
    ("tcp-keepalive -1", BOUNDS),
    ("tcp-backlog x", INTEGER),
    ("tcp-backlog -1", BOUNDS),
    ("databases 0", BOUNDS),
    ("databases -5", BOUNDS),
    ("databases sixteen", INTEGER),
    ("maxclients 0", BOUNDS),
    ("maxclients many", INTEGER),
    ("hz x", INTEGER),
    ("io-threads 0", BOUNDS),
    ("io-threads 129", BOUNDS),
    ("active-expire-effort 0", BOUNDS),
    ("active-expire-effort 11", BOUNDS),
    ("maxmemory-samples 0", BOUNDS),
    ("maxmemory-eviction-tenacity 101", BOUNDS),
    ("lfu-log-factor -1", BOUNDS),
    ("slowlog-log-slower-than -2", BOUNDS),
    ("slowlog-max-len -1", BOUNDS),
    ("latency-monitor-threshold -1", BOUNDS),
    ("busy-reply-threshold -1", BOUNDS),
    ("lua-time-limit x", INTEGER),
    ("hash-max-listpack-entries -1", BOUNDS),
    ("hash-max-ziplist-entries x", INTEGER),
    ("list-compress-depth -1", BOUNDS),
    ("set-max-intset-entries 1kb", INTEGER),
    ("zset-max-listpack-value -1", MEMORY),
    ("repl-timeout 0", BOUNDS),
    ("repl-ping-replica-period 0", BOUNDS),
    ("min-replicas-max-lag -1", BOUNDS),
    ("cluster-node-timeout -1", BOUNDS),
    ("replica-priority -1", BOUNDS),
    ("maxmemory 1x", MEMORY),
    ("maxmemory -1", MEMORY),
    ("maxmemory 1.5gb", MEMORY),
    ("proto-max-bulk-len 1kb", BOUNDS),
    ("proto-max-bulk-len x", MEMORY),
    ("client-query-buffer-limit 1kb", BOUNDS),
    ("client-query-buffer-limit \"1 mb\"", MEMORY),
    ("repl-backlog-size 0", BOUNDS),
    ("auto-aof-rewrite-min-size x", MEMORY),
    ("maxmemory-clients 101%", "percentage argument must be less or equal to 100"),
    ("maxmemory-clients x", "argument must be a memory or percent value"),
    ("daemonize maybe", YES_NO),
    ("daemonize 1", YES_NO),
    ("daemonize", COUNT),
    ("daemonize yes yes", COUNT),
    ("protected-mode true", YES_NO),
    ("dynamic-hz on", YES_NO),
    ("appendonly maybe", YES_NO),
    ("rdbcompression \"\"", YES_NO),
    ("slave-read-only 0", YES_NO),
    ("lazyfree-lazy-expire oui", YES_NO),
    ("loglevel loud", CHOICE),
    ("loglevel", COUNT),
    ("loglevel debug verbose", COUNT),
    ("maxmemory-policy lru", CHOICE),
    ("appendfsync sometimes", CHOICE),
    ("supervised nobody", CHOICE),
    ("syslog-facility local8", CHOICE),
    ("repl-diskless-load maybe", CHOICE),
    ("oom-score-adj maybe", CHOICE),
    ("acl-pubsub-default all", CHOICE),
    ("sanitize-dump-payload maybe", CHOICE),
    ("enable-debug-command maybe", CHOICE),
    ("enable-protected-configs remote", CHOICE),
    ("propagation-error-behavior shrug", CHOICE),
    ("tls-auth-clients maybe", CHOICE),
    ("shutdown-on-sigterm later", CHOICE),
    ("shutdown-on-sigint save nosave", "shutdown options SAVE and NOSAVE"),
    ("unixsocketperm 888", "argument couldn't be parsed as an octal number"),
    ("unixsocketperm 1777", BOUNDS),
    ("notify-keyspace-events KEQ", "Invalid event class character."),
    ("save 1", "Invalid save parameters"),
    ("save x y", "Invalid save parameters"),
    ("save 0 1", "Invalid save parameters"),
    ("save 60 -1", "Invalid save parameters"),
    ("save 60 1 300", "Invalid save parameters"),
    ("bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "Too many bind addresses specified."),
    ("client-output-buffer-limit normal 0 0", "Wrong number of arguments in buffer limit"),
    ("client-output-buffer-limit other 0 0 0", "Invalid client class specified in buffer limit"),
    ("client-output-buffer-limit normal x 0 0", "Error in hard, soft or soft_seconds setting"),
    ("client-output-buffer-limit normal 0 0 -1", "Error in hard, soft or soft_seconds setting"),
    ("oom-score-adj-values 0 1", COUNT),
    ("oom-score-adj-values 0 1 3000", "Invalid oom-score-adj-values"),
    ("latency-tracking-info-percentiles x", "Invalid latency-tracking-info-percentiles"),
    ("latency-tracking-info-percentiles 101", "latency-tracking-info-percentiles parameters"),
    ("dbfilename a/b", "dbfilename can't be a path, just a filename"),
    ("appendfilename a/b", "appendfilename can't be a path, just a filename"),
    ("appendfilename \"\"", "appendfilename can't be empty"),
    ("appenddirname a/b", "appenddirname can't be a path, just a dirname"),
    ("appenddirname \"\"", "appenddirname can't be empty"),
    ("cluster-announce-hostname a_b", "Hostnames may only contain"),
    ("proc-title-template {nope}", "template format is invalid"),
    ("requirepass \"unbalanced", "Unbalanced quotes in configuration line"),
    ("requirepass 'unbalanced", "Unbalanced quotes in configuration line"),
    ("requirepass \"a\"b", "Unbalanced quotes in configuration line"),
    ("timeout 5 # seconds", COUNT),
    ("save 60 1 # often", COUNT),
    ("include", BAD),
    ("include a b", BAD),
    ("rename-command", "Bad directive or wrong number of arguments"),
    ("rename-command NOSUCH x", "No such command in rename-command"),
    ("rename-command GET config", "Target command name already exists"),
    ("loadmodule /x.so", "'loadmodule' is not supported"),
    ("sentinel monitor m 1 2 3", "'sentinel' is not supported"),
    ("replicaof 1.2.3.4", COUNT),
];

#[test]
fn each_names_line_directive_and_reason() {
    assert!(BROKEN.len() >= 100);
    for (line, reason) in BROKEN {
        let text = format!("# a comment\n\nhz 20\n  {line}  \nhz 30\n");
        let error = refused(&[("/w/a", &text)], &["a"]);
        assert!(error.reason().starts_with(reason), "{line}: {}", error.reason());
        let shown = error.to_string();
        assert!(shown.starts_with("\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n"), "{shown}");
        assert!(shown.contains("Reading the configuration file, at line 4\n"), "{shown}");
        assert!(shown.contains(&format!(">>> '{line}'\n")), "{shown}");
        assert!(shown.contains("This line is in /w/a\n"), "{shown}");
    }
}
