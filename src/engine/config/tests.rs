//! Defaults against those recorded from Redis, refusals word for word, every form of the command
//! line, CONFIG REWRITE, and the documents that name each parameter.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::declare::{HIDDEN, MULTI, SECRET};
use super::*;

fn set(config: &mut Config, name: &str, value: &str) -> Result<Vec<&'static str>, String> {
    let pairs = [(name.as_bytes(), value.as_bytes())];
    config.set(&pairs, false).map_err(|error| error.text().into_owned())
}

fn value(config: &Config, name: &str) -> String {
    let found = config.get(name.as_bytes());
    assert_eq!(found.len(), 1, "{name}");
    found[0].1.clone()
}

/// Starts with a file system of names and texts; `/w` is the working directory.
fn start(files: &[(&str, &str)], input: &str, args: &[&str]) -> Result<Startup, StartError> {
    let files: BTreeMap<PathBuf, Vec<u8>> =
        files.iter().map(|(name, text)| (name.into(), text.as_bytes().to_vec())).collect();
    let mut read = |path: &Path| {
        let found = files.get(path).cloned();
        found.ok_or_else(|| io::Error::from_raw_os_error(2))
    };
    let mut list = |path: &Path| {
        let inside = files.keys().filter(|name| name.parent() == Some(path));
        Ok(inside.map(|name| name.file_name().unwrap().to_string_lossy().into_owned()).collect())
    };
    let mut stdin = || Ok(input.as_bytes().to_vec());
    let mut sources = Sources {
        read: &mut read,
        list: &mut list,
        stdin: &mut stdin,
        defaults: Vec::new(),
        directory: PathBuf::from("/w"),
        is_command: |name| {
            ["get", "config"].iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        },
    };
    let args: Vec<OsString> =
        ["redis-server"].iter().chain(args).map(|arg| OsString::from(*arg)).collect();
    from_args(&args, &mut sources)
}

pub(super) fn started(files: &[(&str, &str)], args: &[&str]) -> Config {
    match start(files, "", args) {
        Ok(Startup::Run(config, _)) => *config,
        other => panic!("{args:?}: {other:?}"),
    }
}

pub(super) fn refused(files: &[(&str, &str)], args: &[&str]) -> StartError {
    start(files, "", args).expect_err("the start must be refused")
}

#[test]
fn defaults_are_those_of_redis() {
    let recorded = include_str!("../../../tests/files/config-defaults-7.2.json");
    let recorded: BTreeMap<String, String> = serde_json::from_str(recorded).unwrap();
    let config = Config::default();
    let ours: BTreeMap<String, String> =
        config.get(b"*").into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
    // The recorded server ran with a port, a directory and save points of its own.
    let own = [("port", "6379"), ("dir", ""), ("save", "3600 1 300 100 60 10000")];
    for (name, theirs) in &recorded {
        let expected = own.iter().find(|(own, _)| own == name).map_or(theirs.as_str(), |own| own.1);
        assert_eq!(ours.get(name).map(String::as_str), Some(expected), "{name}");
    }
    /// What Redis does not have.
    const ADDED: &[&str] = &["lua-memory-limit"];
    for name in ours.keys() {
        // Names with a dash in place of `_` are accepted by Redis too, but were not recorded.
        let known = recorded.contains_key(name) || name.ends_with("-cpulist");
        assert!(known != ADDED.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn declarations_are_consistent() {
    let mut names = BTreeSet::new();
    for param in PARAMS {
        for name in [Some(param.name), param.alias].into_iter().flatten() {
            assert!(names.insert(name), "{name} is declared twice");
            assert_eq!(name, name.to_ascii_lowercase());
        }
        assert!(param.doc.trim().ends_with('.'), "{} has no sentence", param.name);
        assert_eq!((param.show)(&Config::default()), param.default, "{}", param.name);
    }
}

#[test]
fn every_value_shown_is_accepted_back() {
    let mut config = Config::default();
    for param in PARAMS {
        let shown = (param.show)(&config);
        let pairs = [(param.name.as_bytes(), shown.as_bytes())];
        let changed = config.set(&pairs, true).unwrap_or_else(|e| panic!("{}: {e:?}", param.name));
        assert!(changed.is_empty(), "{}", param.name);
    }
}

#[test]
fn the_documents_name_every_parameter() {
    let page = include_str!("../../../docs/CONFIG.md");
    let example = include_str!("../../../redis.conf.example");
    for param in PARAMS {
        let row = format!("| `{}` |", param.name);
        assert!(page.contains(&row), "docs/CONFIG.md lacks {}", param.name);
        if let Some(alias) = param.alias {
            assert!(page.contains(&format!("`{alias}`")), "docs/CONFIG.md lacks {alias}");
        }
        if let Standing::NoEffect(reason) | Standing::NotYet(reason) = param.standing {
            let line = page.lines().find(|line| line.starts_with(&row)).unwrap();
            assert!(line.contains(reason), "docs/CONFIG.md: {}: {reason}", param.name);
        } else if !param.is(HIDDEN) {
            assert!(example.contains(param.name), "redis.conf.example lacks {}", param.name);
        }
    }
}

#[test]
fn the_example_starts_and_changes_nothing() {
    let example = include_str!("../../../redis.conf.example");
    let config = started(&[("/w/redis.conf", example)], &["redis.conf"]);
    let expected = Config { dir: "/w".to_owned(), ..Config::default() };
    assert_eq!(config, expected, "{config:?}");
    // Each directive that is commented out must be legal when the `#` is taken away.
    for line in example.lines().filter_map(|line| line.strip_prefix('#')) {
        if !line.is_empty() && !line.starts_with([' ', '#']) {
            started(&[("/w/a", line)], &["a"]);
        }
    }
}

#[test]
fn get_answers_names_and_patterns() {
    let config = Config::default();
    let names = |pattern: &str| -> Vec<String> {
        config.get(pattern.as_bytes()).into_iter().map(|(name, _)| name.into_owned()).collect()
    };
    assert_eq!(names("MAXMEMORY"), ["MAXMEMORY"]);
    assert_eq!(names("slow?og-max-len"), ["slowlog-max-len"]);
    assert_eq!(names("SLAVE-read-o*"), ["slave-read-only"]);
    assert_eq!(names("hash-max-*-entries").len(), 2);
    assert_eq!(names("maxmemory*").len(), 5);
    assert_eq!(names("*ziplist*").len(), 5);
    assert!(names("").is_empty() && names("nosuch").is_empty());
    assert!(names("*key-load*").is_empty(), "patterns do not find hidden parameters");
    assert_eq!(names("key-load-delay"), ["key-load-delay"]);
    let many = config.get_many(&[b"port", b"po*", b"nosuch", b"hz"]);
    assert_eq!(many.len(), 2);
}

#[test]
fn a_set_is_all_or_nothing_and_tells_what_changed() {
    let mut config = Config::default();
    let pairs: [(&[u8], &[u8]); 3] = [(b"timeout", b"10"), (b"hz", b"10"), (b"maxclients", b"9")];
    assert_eq!(config.set(&pairs, false).unwrap(), ["timeout", "maxclients"]);
    let pairs: [(&[u8], &[u8]); 2] = [(b"timeout", b"20"), (b"maxclients", b"x")];
    assert!(config.set(&pairs, false).is_err());
    assert_eq!(config.timeout, 10);
    assert_eq!(set(&mut config, "hz", "0").unwrap(), ["hz"]);
    assert_eq!(config.hz, 1);
    set(&mut config, "hz", "501").unwrap();
    assert_eq!(config.hz, 500);
    set(&mut config, "repl-backlog-size", "1").unwrap();
    assert_eq!(config.repl_backlog_size, 16384);
    set(&mut config, "SLAVE-READ-ONLY", "No").unwrap();
    assert!(!config.replica_read_only);
}

/// Parameter, value, what CONFIG SET says of it.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("slowlog-max-len", "-1", "argument must be between 0 and 9223372036854775807 inclusive"),
    ("slowlog-max-len", "1mb", "argument couldn't be parsed into an integer"),
    ("timeout", "2147483648", "argument must be between 0 and 2147483647 inclusive"),
    ("maxmemory", "1.5gb", "argument must be a memory value"),
    ("maxmemory", "-1", "argument must be a memory value"),
    ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
    ("maxmemory-clients", "x", "argument must be a memory or percent value"),
    ("activerehashing", "1", "argument must be 'yes' or 'no'"),
    ("databases", "32", "can't set immutable config"),
    ("dir", "/tmp", "can't set protected config"),
    ("save", "900", "Invalid save parameters"),
    ("save", "0 5", "Invalid save parameters"),
    ("save", "900 1 x y", "Invalid save parameters"),
    (
        "client-query-buffer-limit",
        "1kb",
        "argument must be between 1048576 and 9223372036854775807 inclusive",
    ),
    (
        "loglevel",
        "loud",
        "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
    ),
    (
        "shutdown-on-sigint",
        "foo",
        "argument(s) must be one of the following: default, save, nosave, now, force",
    ),
    (
        "shutdown-on-sigterm",
        "save nosave",
        "shutdown options SAVE and NOSAVE can't be used simultaneously",
    ),
    ("notify-keyspace-events", "KX", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
    (
        "client-output-buffer-limit",
        "normal 1",
        "Wrong number of arguments in buffer limit configuration.",
    ),
    (
        "client-output-buffer-limit",
        "master 1 2 3",
        "Invalid client class specified in buffer limit configuration.",
    ),
    (
        "client-output-buffer-limit",
        "normal 1 2 x",
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
    ),
    (
        "latency-tracking-info-percentiles",
        "101",
        "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
    ),
    (
        "latency-tracking-info-percentiles",
        "abc",
        "Invalid latency-tracking-info-percentiles parameters",
    ),
];

#[test]
fn refusals_are_word_for_word() {
    let of = |name: &str, value: &str| {
        set(&mut Config::default(), name, value).expect_err(&format!("{name} {value}"))
    };
    for &(name, value, reason) in REFUSALS {
        let expected =
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}");
        assert_eq!(of(name, value), expected);
    }
    assert_eq!(
        of("maxmemory_policy", "x"),
        "ERR Unknown option or number of arguments for CONFIG SET - 'maxmemory_policy'"
    );
    let twice: [(&[u8], &[u8]); 2] = [(b"port", b"1"), (b"PORT", b"2")];
    assert_eq!(
        Config::default().set(&twice, false).unwrap_err().text(),
        "ERR CONFIG SET failed (possibly related to argument 'PORT') - duplicate parameter"
    );
}

#[test]
fn protected_parameters_follow_their_switch() {
    let dir: [(&[u8], &[u8]); 1] = [(b"dir", b"/tmp")];
    let mut local = started(&[], &["--enable-protected-configs", "local"]);
    assert!(local.set_by(&dir, Setter::Client { local: false }).is_err());
    assert!(local.set_by(&dir, Setter::Client { local: true }).is_ok());
    let mut open = started(&[], &["--enable-protected-configs", "yes"]);
    assert!(open.set(&dir, false).is_ok());
}

#[test]
fn values_of_several_words_are_shown_as_redis_does() {
    let mut config = Config::default();
    for (name, given, shown) in [
        ("save", "60 100 300 10", "60 100 300 10"),
        ("save", "", ""),
        ("shutdown-on-sigint", "force nosave", "nosave force"),
        ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "xKg", "gxK"),
        ("notify-keyspace-events", "g$lshzxetdnmEK", "AnKEm"),
        ("latency-tracking-info-percentiles", "50.0 99.99", "50 99.99"),
        ("latency-tracking-info-percentiles", "", ""),
        ("bind", "127.0.0.1 -::1", "127.0.0.1 -::1"),
        ("bind", "", ""),
        ("oom-score-adj-values", "1 2 -3", "1 2 -3"),
    ] {
        set(&mut config, name, given).unwrap();
        assert_eq!(value(&config, name), shown, "{name} {given}");
    }
    set(&mut config, "client-output-buffer-limit", "replica 1mb 2 3").unwrap();
    assert_eq!(
        value(&config, "client-output-buffer-limit"),
        "normal 0 0 0 slave 1048576 2 3 pubsub 33554432 8388608 60"
    );
    let config = started(&[], &["--unixsocketperm", "770"]);
    assert_eq!((config.unixsocketperm, value(&config, "unixsocketperm")), (0o770, "770".into()));
}

#[test]
fn the_command_line_in_all_its_forms() {
    let file = [("/w/a.conf", "port 1\nsave 900 1\n")];
    assert_eq!(started(&file, &["a.conf"]).port, 1);
    assert_eq!(started(&file, &["/w/a.conf", "--port", "2"]).port, 2);
    assert_eq!(started(&file, &["a.conf", "--port 2"]).port, 2);
    assert_eq!(started(&file, &["a.conf", "port", "2"]).port, 2);
    let config = started(&file, &["a.conf", "--save", "60", "1", "--save", "30 2", "--port", "3"]);
    assert_eq!((config.save, config.port), (vec![(900, 1), (60, 1), (30, 2)], 3));
    assert!(started(&file, &["a.conf", "--save", ""]).save.is_empty());
    assert!(started(&file, &["a.conf", "--save"]).save.is_empty());
    let config = started(&file, &["a.conf", "--save", "--port", "4"]);
    assert_eq!((config.save.len(), config.port), (0, 4));
    // A name without a value takes what follows, whatever it looks like.
    let config = started(&[], &["--requirepass", "--port", "--port", "5"]);
    assert_eq!((config.requirepass.as_str(), config.port), ("--port", 5));
    assert_eq!(started(&[], &["--requirepass", "a b\"c"]).requirepass, "a b\"c");
    assert_eq!(started(&[], &["--bind", "127.0.0.1", "::1"]).bind, ["127.0.0.1", "::1"]);
    assert_eq!(started(&[], &[]).dir, "/w");
    assert_eq!(started(&[], &["--dir", "./data"]).dir, "/w/data");
    assert!(matches!(start(&[], "", &["-v"]), Ok(Startup::Version)));
    assert!(matches!(start(&[], "", &["--help"]), Ok(Startup::Help)));
}

#[test]
fn standard_input_is_read_after_the_file() {
    let run = |args: &[&str]| match start(&[("/w/a", "port 1\nhz 7")], "port 2\n", args) {
        Ok(Startup::Run(config, path)) => (config.port, config.hz, path.is_some()),
        other => panic!("{other:?}"),
    };
    assert_eq!(run(&["-"]), (2, 10, false));
    assert_eq!(run(&["a", "-"]), (2, 7, true));
    assert_eq!(run(&["-", "--port", "3"]), (3, 10, false));
    assert_eq!(run(&["a", "--port", "3", "-"]), (3, 7, true));
}

#[test]
fn a_fault_names_its_line() {
    let block = "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n";
    let text = |files, args: &[&str]| refused(files, args).to_string();
    assert_eq!(
        text(&[], &["--port", "x"]),
        format!(
            "{block}Reading the configuration file, at line 2\n>>> 'port \"x\"'\n\
             argument couldn't be parsed into an integer\nThis line is in the command line\n"
        )
    );
    assert_eq!(
        text(&[("/w/a", "\n# fine\nfoo 1\n")], &["a"]),
        format!(
            "{block}Reading the configuration file, at line 3\n>>> 'foo 1'\n\
             Bad directive or wrong number of arguments\nThis line is in /w/a\n"
        )
    );
    assert_eq!(
        text(&[], &["none"]),
        "Fatal error, can't open config file '/w/none': No such file or directory\n"
    );
    let inner = text(&[("/w/a", "include b\n"), ("/w/b", "hz 1\nhz\n")], &["a"]);
    assert!(inner.contains("at line 2\n>>> 'hz'\nwrong number of arguments\nThis line is in /w/b"));
    let after = text(&[("/w/a", "port 1\n")], &["a", "--hz", "x"]);
    assert!(after.contains("at line 3\n"), "{after}");
}

#[test]
fn a_comment_behind_a_directive_is_explained() {
    for line in [
        "port 1 # the port",
        "save 900 1 # often",
        "timeout #5",
        "port 1 # don't",
        "include x # y",
        "bind 127.0.0.1 #local",
    ] {
        let error = refused(&[("/w/a", line)], &["a"]);
        assert!(
            error.reason().contains("a comment must be on a line of its own"),
            "{line}: {error}"
        );
    }
    assert_eq!(started(&[], &["--requirepass", "#x"]).requirepass, "#x");
}

#[test]
fn what_does_not_exist_ends_the_start() {
    for line in [
        "aclfile /etc/users",
        "user alice on",
        "user default on >secret ~* +@all",
        "tls-port 1",
        "replicaof 1.2.3.4 6379",
        "slaveof 1.2.3.4 6379",
        "cluster-enabled yes",
        "loadmodule /x.so",
        "sentinel monitor x 1 2 3",
    ] {
        let error = refused(&[("/w/a", line)], &["a"]);
        assert!(error.reason().contains("supported"), "{line}: {error}");
    }
    for args in [&["--sentinel"][..], &["a", "--sentinel"], &["--test-memory", "1"]] {
        assert!(refused(&[], args).to_string().contains("not supported"), "{args:?}");
    }
    for line in [
        "maxmemory 0",
        "replicaof no one",
        "tls-port 0",
        "list-max-ziplist-entries 5",
        "user default on nopass sanitize-payload ~* &* +@all",
        "slave-read-only yes\nhash-max-ziplist-entries 5\nnotify-keyspace-events KEA",
    ] {
        started(&[("/w/a", line)], &["a"]);
    }
}

#[test]
fn include_takes_patterns_and_stops_at_a_circle() {
    let files = [
        ("/w/a", "include conf.d/*.conf\ninclude none/*.conf\n"),
        ("/w/conf.d/1.conf", "port 1\ndir sub\n"),
        ("/w/conf.d/2.conf", "port 2\ninclude more\n"),
        ("/w/conf.d/.3.conf", "port 3\n"),
        ("/w/conf.d/4", "port 4\n"),
        ("/w/sub/more", "hz 20\n"),
    ];
    let config = started(&files, &["a"]);
    assert_eq!((config.port, config.hz, config.dir.as_str()), (2, 20, "/w/sub"));
    let error = refused(&[("/w/a", "include a\n")], &["a"]);
    assert!(error.reason().contains("too deeply"));
}

#[test]
fn rewrite_keeps_what_it_can() {
    let old = "# mine\n\n\n\nport 1\nhz 20\nsave 1 1\nsave 2 2\nsave 3 3\ntimeout 5\ntimeout 6\n\
               slave-read-only yes\nnonsense 1\ninclude x.conf\nbind 1.2.3.4\nport \"un\n";
    let mut config = Config { dir: "/w".into(), port: 2, timeout: 7, ..Config::default() };
    config.save = vec![(60, 1)];
    config.requirepass = "a b".into();
    config.proto_max_bulk_len = 1 << 21;
    config.replica_read_only = false;
    let new = config.rewrite(old);
    assert_eq!(
        new,
        "# mine\n\nport 2\nhz 10\nsave 60 1\n\ntimeout 7\n\nreplica-read-only no\n\
         # ??? nonsense 1\ninclude x.conf\n\n# ??? port \"un\n# Generated by CONFIG REWRITE\n\
         proto-max-bulk-len 2mb\ndir \"/w\"\nrequirepass \"a b\"\n"
    );
    assert_eq!(config.rewrite(&new), new, "stable");
}

#[test]
fn what_rewrite_writes_is_read_back() {
    let mut config = Config { dir: "/w".into(), ..Config::default() };
    for (name, value) in [
        ("save", ""),
        ("bind", "1.2.3.4 -::1"),
        ("client-output-buffer-limit", "normal 1gb 3 5 pubsub 0 0 0"),
        ("notify-keyspace-events", "KEA"),
        ("requirepass", "we\"ird \\ pass"),
        ("shutdown-on-sigterm", "nosave force"),
        ("latency-tracking-info-percentiles", ""),
        ("oom-score-adj-values", "1 2 3"),
        ("lua-time-limit", "7"),
        ("rdb-key-save-delay", "-5"),
    ] {
        set(&mut config, name, value).unwrap();
    }
    for old in ["", "rdb-key-save-delay 0\nlua-time-limit 1\nbind 9.9.9.9\nsave 5 5\n"] {
        let new = config.rewrite(old);
        let mut read = started(&[("/w/a", &new)], &["a"]);
        // A test hook is written only into a file that names it.
        read.rdb_key_save_delay = -5;
        assert_eq!(read, config, "{new}");
    }
    config.bind = Vec::new();
    let read = started(&[("/w/a", &config.rewrite(""))], &["a"]);
    assert!(read.bind.is_empty());
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let config = Config { requirepass: "hunter2".into(), ..Config::default() };
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(apply::is_secret(b"RequirePass") && !apply::is_secret(b"port"));
    assert!(PARAMS.iter().filter(|param| param.is(SECRET)).all(|param| !param.is(MULTI)));
}
