//! Append-only files written by Redis 6.2, 7.0 and 7.2 and by Valkey 8 (`tests/files/aof`), and our
//! own: loaded, rewritten, damaged.

mod support;

use redstart::engine::persist::manifest::Manifest;
use redstart::env::sim::Sim;
use serde_json::{Map, Value as Json, json};
use support::contents::{Session, assert_holds, mutation_seed, mutations};

const DIR: &str = "appendonlydir/";
const INCR: &[u8] = include_bytes!("files/aof/preamble.incr.aof");
/// Logs of one file, from before manifests.
const OLD: &[(&str, &[u8])] = &[
    ("6.2", include_bytes!("files/aof/redis-6.2.aof")),
    ("6.2 with a snapshot", include_bytes!("files/aof/redis-6.2-preamble.aof")),
];
/// Logs of a base and a file of changes.
const PAIRS: &[(&str, &[u8], &[u8])] = &[
    ("7.0", include_bytes!("files/aof/redis-7.0.base.rdb"), INCR),
    ("7.2", include_bytes!("files/aof/redis-7.2.base.rdb"), INCR),
    ("valkey", include_bytes!("files/aof/valkey-8.0.base.rdb"), INCR),
    ("7.2 in commands", b"", include_bytes!("files/aof/redis-7.2.incr.aof")),
    ("valkey in commands", b"", include_bytes!("files/aof/valkey-8.0.incr.aof")),
];

/// What all of them hold: what the snapshots hold, and two keys that came later.
fn expected() -> Map<String, Json> {
    let told: Json =
        serde_json::from_str(include_str!("files/rdb/expected.json")).expect("it is JSON");
    let Json::Object(mut databases) = told else { panic!("databases by number") };
    for (key, value, encoding) in [("after:rewrite", "2", "int"), ("tx", "a", "embstr")] {
        databases["0"][key] = json!({
            "type": "string", "value": value, "encoding": encoding, "expiry": "persistent",
        });
    }
    databases
}

fn pair(options: &[&str], base: &[u8], incr: &[u8]) -> Session {
    let form = if base.is_empty() { "aof" } else { "rdb" };
    let base_name = format!("appendonly.aof.2.base.{form}");
    let manifest =
        format!("file {base_name} seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n");
    let base_name = format!("{DIR}{base_name}");
    Session::of_log(
        options,
        &[
            ("appendonlydir/appendonly.aof.manifest", manifest.as_bytes()),
            (&base_name, base),
            ("appendonlydir/appendonly.aof.2.incr.aof", incr),
        ],
    )
}

/// The next server in the same world.
fn restarted(sim: &Sim, options: &[&str]) -> Session {
    let options = [&["--appendonly", "yes"], options].concat();
    let mut session = Session::in_world(&options, sim);
    session.engine().load_at_start().expect("the log is sound");
    session.engine().check();
    session
}

fn manifest(sim: &Sim) -> Manifest {
    let text = sim.file("appendonlydir/appendonly.aof.manifest").expect("there is a manifest");
    Manifest::parse(&text).expect("it is sound")
}

fn names(sim: &Sim) -> Vec<String> {
    let names = sim.file_names();
    let inside = names.iter().filter_map(|path| path.strip_prefix(DIR).ok());
    inside.map(|path| path.display().to_string()).collect()
}

#[test]
fn logs_of_other_servers_hold_what_they_held() {
    for (name, base, incr) in PAIRS {
        assert_holds(name, &mut pair(&[], base, incr), &expected());
    }
}

#[test]
fn a_log_of_one_file_becomes_the_base() {
    for (name, bytes) in OLD {
        let mut session = Session::of_log(&[], &[("appendonly.aof", bytes)]);
        assert_holds(name, &mut session, &expected());
        let sim = session.inner.sim.clone();
        assert!(sim.file("appendonly.aof").is_none(), "it has moved");
        let text = manifest(&sim).text();
        assert_eq!(
            String::from_utf8_lossy(&text),
            "file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
        );
        session.ask(&["SET", "more", "1"]);
        let digest = session.engine().keyspace.digest();
        assert_eq!(restarted(&sim, &[]).engine().keyspace.digest(), digest);
    }
}

#[test]
fn a_rewrite_holds_the_same_in_either_form() {
    for preamble in ["yes", "no"] {
        for (name, base, incr) in PAIRS {
            let mut session = pair(&["--aof-use-rdb-preamble", preamble], base, incr);
            session.ask(&["SELECT", "1"]);
            session.ask(&["XADD", "s", "5-1", "f", "v"]);
            session.ask(&["XADD", "s", "5-2", "f", "v"]);
            session.ask(&["XGROUP", "CREATE", "s", "g", "0"]);
            session.ask(&["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", ">"]);
            session.ask(&["XGROUP", "CREATE", "empty", "g", "$", "MKSTREAM"]);
            let digest = session.engine().keyspace.digest();
            let functions = session.ask(&["FUNCTION", "LIST", "WITHCODE"]);
            assert!(functions.as_array().is_some_and(|all| all.len() == 1), "{functions}");
            let begun = session.ask(&["BGREWRITEAOF"]);
            assert_eq!(begun, "Background append only file rewriting started");
            session.inner.settle();
            session.ask(&["SET", "later", "1"]);
            let later = session.engine().keyspace.digest();
            let sim = session.inner.sim.clone();
            let form = if preamble == "yes" { "rdb" } else { "aof" };
            let base_name = format!("appendonly.aof.3.base.{form}");
            assert_eq!(names(&sim).len(), 5, "the old files stay for a while");
            session.inner.advance_us(61_000_000);
            assert_eq!(
                names(&sim),
                [&base_name, "appendonly.aof.3.incr.aof", "appendonly.aof.manifest"],
                "{name}"
            );
            let mut second = restarted(&sim, &[]);
            assert_eq!(second.engine().keyspace.digest(), later, "{name} {preamble}");
            assert_eq!(second.ask(&["FUNCTION", "LIST", "WITHCODE"]), functions);
            let select = b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n";
            let incr = sim.file(format!("{DIR}appendonly.aof.3.incr.aof")).expect("it is there");
            assert!(incr.starts_with(select), "each file selects its database");
            second.ask(&["SELECT", "1"]);
            second.ask(&["DEL", "later"]);
            assert_eq!(second.engine().keyspace.digest(), digest, "{name} {preamble}");
        }
    }
}

#[test]
fn a_rewrite_is_of_one_moment_whatever_comes_meanwhile() {
    for (seed, preamble) in [(1, "yes"), (2, "no")] {
        let options = ["--aof-use-rdb-preamble", preamble, "--rdbcompression", "no"];
        let mut session = Session::of_log(&options, &[]);
        let mut rng = redstart::base::rng::Rng::seeded(seed);
        // More keys than one slice visits.
        session.ask(&["DEBUG", "POPULATE", "6000", "key", "100"]);
        session.ask(&["SELECT", "2"]);
        session.ask(&["DEBUG", "POPULATE", "4000", "two", "100"]);
        session.ask(&["SELECT", "0"]);
        session.send(&["BGREWRITEAOF"]);
        session.inner.pass();
        assert!(session.engine().aof.rewriting.is_running(), "it takes more than one slice");
        let mut changes = 0;
        while session.engine().aof.rewriting.is_running() {
            for _ in 0..40 {
                let key = format!("key:{}", rng.below(6_500));
                let other = format!("key:{}", rng.below(6_500));
                let call: Vec<&str> = match rng.below(12) {
                    0 => vec!["DEL", &key],
                    1 => vec!["APPEND", &key, "x"],
                    2 => vec!["SET", &key, "anew"],
                    3 => vec!["PEXPIREAT", &key, "99999999999999"],
                    4 => vec!["RENAME", &key, &other],
                    5 => vec!["SETRANGE", &key, "3", "zzz"],
                    6 => vec!["COPY", &key, &other, "REPLACE"],
                    7 => vec!["RPUSH", &other, "a", "b"],
                    8 => vec!["MOVE", &key, "2"],
                    9 => vec!["PERSIST", &key],
                    10 => vec!["SET", &key, "7", "KEEPTTL"],
                    _ => vec!["INCR", &key],
                };
                session.send(&call);
                changes += 1;
            }
            if rng.below(40) == 0 {
                session.send(&["SWAPDB", "0", "2"]);
            }
            if rng.below(30) == 0 {
                session.send(&["FLUSHDB"]);
            }
            session.inner.pass();
        }
        session.inner.settle();
        assert!(changes > 40, "changes came in between");
        session.engine().check();
        let digest = session.engine().keyspace.digest();
        let sim = session.inner.sim.clone();
        assert!(manifest(&sim).base.expect("a base").seq == 2, "the rewrite is in force");
        assert_eq!(restarted(&sim, &[]).engine().keyspace.digest(), digest, "seed {seed}");
    }
}

#[test]
fn a_rewrite_within_a_transaction_holds_it_once() {
    let mut session = Session::of_log(&[], &[]);
    for call in [&["MULTI"][..], &["INCR", "a"], &["BGREWRITEAOF"], &["INCR", "a"], &["EXEC"]] {
        session.ask(call);
    }
    session.inner.settle();
    let sim = session.inner.sim.clone();
    assert_eq!(manifest(&sim).base.expect("a base").seq, 2, "it was rewritten");
    assert_eq!(restarted(&sim, &[]).ask(&["GET", "a"]), "2");
}

#[test]
fn a_log_that_ends_early_is_cut_and_the_rest_kept() {
    let whole = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    let open = [&whole[..], b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"].concat();
    let torn = [&whole[..], b"*2\r\n$4\r\nINC"].concat();
    for bytes in [&open, &torn] {
        let mut session = pair(&[], b"", bytes);
        assert_eq!(session.ask(&["GET", "a"]), "1");
        let sim = session.inner.sim.clone();
        let name = "appendonlydir/appendonly.aof.2.incr.aof";
        assert_eq!(sim.file(name).as_deref(), Some(&whole[..]));
        let kept = sim.file(format!("{name}.cut-at-{}", whole.len()));
        assert_eq!(kept.as_deref(), Some(&bytes[whole.len()..]));
        session.ask(&["INCR", "a"]);
        assert_eq!(restarted(&sim, &[]).ask(&["GET", "a"]), "2");
    }
}

fn refused(options: &[&str], files: &[(&str, &[u8])]) -> String {
    let mut session = Session::new(&[&["--appendonly", "yes"], options].concat());
    for (name, bytes) in files {
        session.inner.sim.put_file(name, *bytes);
    }
    session.engine().load_at_start().expect_err("it must not start")
}

#[test]
fn what_is_not_explained_by_a_crash_ends_the_start() {
    const MANIFEST: (&str, &[u8]) = (
        "appendonlydir/appendonly.aof.manifest",
        b"file a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n",
    );
    let set: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    let start = |options: &[&str], first: &[u8], second: &[u8]| {
        let files = [
            MANIFEST,
            ("appendonlydir/a.1.incr.aof", first),
            ("appendonlydir/a.2.incr.aof", second),
        ];
        refused(options, &files)
    };
    let broken = [set, b"GET a\r\n"].concat();
    let why = start(&[], set, &broken);
    assert!(why.contains("a.2.incr.aof at offset 27"), "{why}");
    assert!(why.contains("redis-check-aof --fix appendonlydir/appendonly.aof.manifest"), "{why}");
    let why = start(&[], &set[..20], set);
    assert!(why.contains("a.1.incr.aof is not the last file"), "{why}");
    let why = start(&["--aof-load-truncated", "no"], set, &set[..20]);
    assert!(why.contains("Unexpected end of file") && why.contains("a.2.incr.aof"), "{why}");
    let why = start(&[], set, b"*1\r\n$6\r\nNOTHIS\r\n");
    assert!(why.contains("unknown command 'NOTHIS'"), "{why}");
    let why = start(&[], set, b"*1\r\n$3\r\nSET\r\n");
    assert!(why.contains("wrong number of arguments for 'set' command"), "{why}");
    let why = refused(&[], &[MANIFEST, ("appendonlydir/a.1.incr.aof", set)]);
    assert!(why.contains("a.2.incr.aof of the manifest doesn't exist"), "{why}");
    let why = refused(&[], &[("appendonlydir/appendonly.aof.manifest", b"nonsense\n")]);
    assert!(why.contains("at line 1") && why.contains("nonsense"), "{why}");
}

#[test]
fn no_key_expires_while_the_log_is_replayed() {
    // By now both deadlines are long past; the log deletes one of the keys itself.
    let log: &[u8] = b"*5\r\n$3\r\nSET\r\n$1\r\nn\r\n$1\r\n5\r\n$4\r\nPXAT\r\n$5\r\n10000\r\n\
        *2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$7\r\nPERSIST\r\n$1\r\nn\r\n\
        *5\r\n$3\r\nSET\r\n$1\r\nm\r\n$1\r\n5\r\n$4\r\nPXAT\r\n$5\r\n10000\r\n";
    let mut session = pair(&[], b"", log);
    assert_eq!(session.ask(&["GET", "n"]), "6");
    assert_eq!(session.ask(&["EXISTS", "m"]), 0);
    let sim = session.inner.sim.clone();
    let tail = sim.file("appendonlydir/appendonly.aof.2.incr.aof").expect("it is there");
    assert!(tail.ends_with(b"*2\r\n$3\r\nDEL\r\n$1\r\nm\r\n"), "its deletion is logged");
}

#[test]
fn what_only_a_log_may_say_is_obeyed() {
    let log: &[u8] = b"*9\r\n$4\r\nXADD\r\n$1\r\ns\r\n$6\r\nMAXLEN\r\n$1\r\n=\r\n$1\r\n1\r\n\
        $5\r\nLIMIT\r\n$1\r\n0\r\n$3\r\n1-1\r\n$1\r\nf\r\n$1\r\nv\r\n";
    let log = [&b"*10"[..], &log[2..]].concat();
    let mut session = pair(&[], b"", &log);
    assert_eq!(session.ask(&["XLEN", "s"]), 1);
    let refused = session.ask(&["XADD", "s", "MAXLEN", "=", "1", "LIMIT", "5", "*", "f", "v"]);
    assert!(refused.as_str().is_some_and(|text| text.contains("special ~ option")), "{refused}");
}

#[test]
fn the_time_is_noted_once_a_second() {
    let mut session = Session::of_log(&["--aof-timestamp-enabled", "yes"], &[]);
    for _ in 0..4 {
        session.ask(&["INCR", "a"]);
        session.inner.advance_us(600_000);
    }
    let sim = session.inner.sim.clone();
    let log = sim.file("appendonlydir/appendonly.aof.1.incr.aof").expect("it is there");
    let log = String::from_utf8_lossy(&log).into_owned();
    let lines = log.lines().filter(|line| line.starts_with('#') || *line == "INCR");
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines, ["#TS:1700000000", "INCR", "INCR", "#TS:1700000001", "INCR", "INCR"]);
    assert_eq!(restarted(&sim, &[]).ask(&["GET", "a"]), "4");
}

/// Changes a byte, takes some out or puts some in.
fn damage(bytes: &mut Vec<u8>, rng: &mut redstart::base::rng::Rng) {
    const TELLING: &[u8] = b"*$#-09\r\n\0\xff";
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() as u64) as usize;
        match rng.below(5) {
            0 => bytes.truncate(at.max(1)),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, TELLING[rng.below(TELLING.len() as u64) as usize]),
            3 => bytes[at] = TELLING[rng.below(TELLING.len() as u64) as usize],
            _ => bytes[at] ^= 1 << rng.below(8),
        }
    }
}

/// Some commands in a row from anywhere in a log. Where there are few, a damaged byte is seldom in
/// the middle of a value.
fn stretch<'a>(log: &'a [u8], rng: &mut redstart::base::rng::Rng) -> &'a [u8] {
    const BYTES: usize = 12_000;
    let from_command = |from: usize| {
        let next = log[from..].windows(3).position(|bytes| bytes == b"\r\n*");
        next.map_or(log.len(), |next| from + next + 2)
    };
    let from = match rng.below(4) {
        0 => 0,
        _ => from_command(rng.below((log.len() - BYTES) as u64) as usize),
    };
    &log[from..from_command((from + BYTES).min(log.len()))]
}

#[test]
fn damaged_logs_are_refused_cut_or_harmless() {
    let mut rng = redstart::base::rng::Rng::seeded(mutation_seed(9));
    let (mut refused, mut loaded) = (0, 0);
    let commands = [PAIRS[3].2, PAIRS[4].2, OLD[0].1];
    for (name, snapshot, rounds) in [("commands", None, 150), ("snapshot", Some(OLD[1].1), 25)] {
        for round in 0..mutations(2, rounds) {
            let mut bytes = match snapshot {
                Some(whole) => whole.to_vec(),
                None => stretch(commands[round % commands.len()], &mut rng).to_vec(),
            };
            damage(&mut bytes, &mut rng);
            let outcome = std::panic::catch_unwind(|| {
                let mut session = Session::new(&["--appendonly", "yes"]);
                session.inner.sim.put_file("appendonly.aof", bytes.clone());
                let outcome = session.engine().load_at_start();
                session.engine().check();
                outcome.is_ok()
            });
            match outcome {
                Ok(true) => loaded += 1,
                Ok(false) => refused += 1,
                Err(_) => panic!("{name}, round {round}"),
            }
        }
    }
    assert!(refused > 40 && loaded > 20, "{refused} refused, {loaded} loaded");
}
