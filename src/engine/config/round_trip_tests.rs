//! Every parameter that CONFIG SET may change survives CONFIG REWRITE and a restart.

use super::apply::Setter;
use super::declare::{IMM, Param, Standing};
use super::params::{Config, PARAMS};
use super::tests::started;
use super::types::MaxMemory;
use super::values::Kind;

/// Legal values that are not the default.
fn others(param: &Param) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match param.kind {
        Kind::Bool => words(&[if param.default == "yes" { "no" } else { "yes" }]),
        Kind::Int(min, max) => [min, max, min + 1].map(|n| n.to_string()).to_vec(),
        Kind::Memory(min, max) => {
            let max = max.min(i128::from(i64::MAX));
            [min.max(1), max, (3 << 20).max(min), 1 << 30].map(|n| n.to_string()).to_vec()
        }
        Kind::MemoryOrPercent => words(&["0"]),
        Kind::Octal => words(&["700", "0"]),
        Kind::Events => words(&["KEA", "Kxm", ""]),
        Kind::ShutdownFlags => words(&["nosave now", "save force", "default"]),
        Kind::Choice => choices(param),
        Kind::Text(_) => text(param.name),
        Kind::Save => words(&["", "60 1 300 10", "900 1"]),
        Kind::Bind => words(&["127.0.0.1 -::1", ""]),
        Kind::OutputLimits => words(&["normal 1024 2048 5 replica 1gb 0 0", "pubsub 0 0 0"]),
        Kind::Percentiles => words(&["50 12.5", "", "0 100"]),
        Kind::OomValues => words(&["-1 2 3"]),
        Kind::ReplicaOf => Vec::new(),
    }
}

/// The names that the error for a wrong one lists.
fn choices(param: &Param) -> Vec<String> {
    let error = (param.assign)(&mut Config::default(), &["?"]).expect_err("no name is `?`");
    let (_, names) = error.split_once(": ").expect("the error lists the names");
    names.split(", ").map(str::to_owned).collect()
}

fn text(name: &str) -> Vec<String> {
    let legal: &[&str] = match name {
        "dbfilename" | "appendfilename" | "appenddirname" => &["other.rdb", "a b"],
        "cluster-announce-hostname" => &["host.example", ""],
        "proc-title-template" => &["{title} {port}"],
        "dir" => &["/tmp", "/a b"],
        _ => &["plain", "with blanks", "we\"ird \\ one", "\u{e9}", ""],
    };
    legal.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_was_set_holds_after_a_restart() {
    let mut tried = 0;
    for param in PARAMS.iter().filter(|param| !param.is(IMM)) {
        let old_files = [String::new(), format!("# mine\n{} {}\n", param.name, quoted(param))];
        for value in others(param) {
            let mut config = Config { dir: "/w".into(), ..Config::default() };
            let pair = [(param.name.as_bytes(), value.as_bytes())];
            let set = config.set_by(&pair, Setter::Startup);
            if let (Err(error), Standing::NotYet(_)) = (&set, param.standing) {
                assert!(error.text().contains("is supported"), "{}", error.text());
                continue;
            }
            set.unwrap_or_else(|e| panic!("{} {value}: {}", param.name, e.text()));
            let shown = (param.show)(&config);
            for old in &old_files {
                // A hook for tests is written only into a file that names it.
                if param.is(super::declare::HIDDEN) && old.is_empty() {
                    continue;
                }
                let file = config.rewrite(old);
                let read = started(&[("/w/a", &file)], &["a"]);
                assert_eq!((param.show)(&read), shown, "{} {value}:\n{file}", param.name);
                // Classes share one name, so a line may serve another class the second time.
                if !matches!(param.kind, Kind::OutputLimits) {
                    assert_eq!(config.rewrite(&file), file, "{} is stable", param.name);
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn every_parameter_can_be_written_out() {
    // Written out, the default is somebody's choice.
    let maxmemory = MaxMemory::Bytes(0);
    let config = Config { dir: "/w".into(), hz: 20, maxmemory, ..Config::default() };
    let file = config.rewrite_all("hz 10\n");
    let read = started(&[("/w/a", &file)], &["a"]);
    assert_eq!(read, config, "{file}");
    for name in ["hz 20", "timeout 0", "maxmemory 0", "loglevel notice", "appendonly no"] {
        assert_eq!(file.lines().filter(|line| *line == name).count(), 1, "{name}:\n{file}");
    }
    assert_eq!(config.rewrite_all(&file), file);
}

fn quoted(param: &Param) -> String {
    match param.kind {
        Kind::Text(_) | Kind::Events => crate::base::units::quote(param.default.as_bytes()),
        _ => param.default.to_owned(),
    }
}
