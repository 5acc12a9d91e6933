//! Snapshots written by Redis 6.2, 7.0 and 7.2 and by Valkey 8, and payloads of DUMP by Redis 7.2,
//! against what the servers said they held (`tests/files/rdb`). Then the same bytes with faults.

mod support;

use redstart::base::rng::Rng;
use redstart::rdb::{Loader, Options, Part, payload};
use redstart::value::limits::Limits;
use serde_json::{Map, Value as Json, json};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use support::contents::{
    Session, assert_holds, bytes_of, encoding_now, mutation_seed, mutations, words,
};
use support::frames::show;

const FILES: &[(&str, &[u8])] = &[
    ("redis-6.2", include_bytes!("files/rdb/redis-6.2.rdb")),
    ("redis-6.2-plain", include_bytes!("files/rdb/redis-6.2-plain.rdb")),
    ("redis-7.0", include_bytes!("files/rdb/redis-7.0.rdb")),
    ("redis-7.2", include_bytes!("files/rdb/redis-7.2.rdb")),
    ("redis-7.2-plain", include_bytes!("files/rdb/redis-7.2-plain.rdb")),
    ("valkey-8.0", include_bytes!("files/rdb/valkey-8.0.rdb")),
];

/// What all of them hold: database, key, type, encoding, whether it has a deadline, value. Bytes
/// are characters of Latin-1.
fn expected() -> Map<String, Json> {
    match serde_json::from_str(include_str!("files/rdb/expected.json")) {
        Ok(Json::Object(databases)) => databases,
        other => panic!("{other:?}"),
    }
}

fn payloads() -> Vec<(String, Vec<u8>)> {
    let all: Map<String, Json> =
        serde_json::from_str(include_str!("files/rdb/dump-7.2.json")).expect("it is JSON");
    let bytes = |hex: &Json| {
        let hex = hex.as_str().expect("hexadecimal text").as_bytes().chunks(2);
        hex.map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal digits")
        })
        .collect()
    };
    all.iter().map(|(key, hex)| (key.clone(), bytes(hex))).collect()
}

#[test]
fn every_file_holds_what_its_server_held() {
    for (name, bytes) in FILES {
        assert_holds(name, &mut Session::of_file(bytes), &expected());
    }
}

#[test]
fn what_is_saved_again_is_the_same() {
    for (name, bytes) in FILES {
        let mut server = Session::of_file(bytes);
        let before = server.engine().keyspace.digest();
        for (version, compress) in [(11, true), (11, false), (10, true)] {
            let options = Options { version, compress, ..Options::default() };
            server.engine().save_to(Path::new("again.rdb"), options, false).expect("it is saved");
            let again = server.inner.sim.file("again.rdb").expect("it is there");
            assert_eq!(&again[..9], format!("REDIS{version:04}").as_bytes());
            let mut second = Session::of_file(&again);
            assert_eq!(second.engine().keyspace.digest(), before, "{name} {options:?}");
        }
    }
}

#[test]
fn payloads_of_another_server_are_restored() {
    let expected = expected();
    let mut server = Session::new(&[]);
    for (key, payload) in payloads() {
        let told = &expected["0"][&key];
        let key = bytes_of(&key);
        let ok = server.ask(&[&b"RESTORE"[..], &key, b"0", &payload]);
        assert_eq!(ok, "OK");
        let value = server.value(told["type"].as_str().expect("a type"), &key);
        assert_eq!(value, told["value"]);
        let encoding = server.ask_key(&["OBJECT", "ENCODING"], &key, &[]);
        assert_eq!(encoding, encoding_now(told, &value));
    }
    server.engine().check();
}

#[test]
fn what_is_dumped_is_restored_alike() {
    let mut server = Session::of_file(FILES[3].1);
    let before = server.engine().keyspace.digest();
    for key in words(&server.ask(&["KEYS", "*"])) {
        let key = bytes_of(&key);
        let kind = server.ask(&[&b"TYPE"[..], &key]);
        let held = server.value(kind.as_str().expect("a type"), &key);
        let encoding = server.ask_key(&["OBJECT", "ENCODING"], &key, &[]);
        let payload = bytes_of(server.ask(&[&b"DUMP"[..], &key]).as_str().expect("a payload"));
        let left = server.ask(&[&b"PEXPIRETIME"[..], &key]).as_i64().expect("a time").max(0);
        let left = left.to_string();
        let call: [&[u8]; 6] = [b"RESTORE", &key, left.as_bytes(), &payload, b"REPLACE", b"ABSTTL"];
        assert_eq!(server.ask(&call), "OK");
        assert_eq!(server.value(kind.as_str().expect("a type"), &key), held);
        assert_eq!(server.ask_key(&["OBJECT", "ENCODING"], &key, &[]), encoding);
    }
    assert_eq!(server.engine().keyspace.digest(), before);
    server.engine().check();
}

/// Changes a few bytes, takes some out or puts some in.
fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    const TELLING: &[u8] = &[0, 1, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xC0, 0xC3, 0xFE, 0xFF];
    for _ in 0..=rng.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len() as u64) as usize;
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, rng.next_u64() as u8),
            3 => bytes[at] = TELLING[rng.below(TELLING.len() as u64) as usize],
            4 => bytes[at] = bytes[at].wrapping_add(1),
            _ => bytes[at] ^= 1 << rng.below(8),
        }
    }
}

/// Runs `f`, which must not panic.
fn survives<R>(what: impl Fn() -> String, f: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_| panic!("{}", what()))
}

#[test]
fn damaged_payloads_are_refused_or_harmless() {
    let limits = Limits { list_compress_depth: 1, ..Limits::default() };
    let mut rng = Rng::seeded(mutation_seed(5));
    let payloads = payloads();
    let inputs = payloads.len();
    let (mut refused, mut taken) = (0, 0);
    for (key, payload) in payloads {
        // A long value is damaged as well where it is short.
        let rounds = mutations(inputs, if payload.len() > 10_000 { 30 } else { 200 });
        for round in 0..rounds {
            let mut bytes = payload.clone();
            bytes.truncate(bytes.len() - 10);
            damage(&mut bytes, &mut rng);
            bytes.extend_from_slice(&[0; 10]);
            let what = || format!("{key}, round {round}: {}", show(&bytes[..bytes.len().min(400)]));
            survives(what, || match payload::restore(&bytes, &limits) {
                Ok(value) => {
                    value.check();
                    let again =
                        payload::dump(redstart::rdb::Source::Boxed(&value), Options::default());
                    assert!(payload::is_whole(&again));
                    payload::restore(&again, &limits).expect("it was just written").check();
                    taken += 1;
                }
                Err(_) => refused += 1,
            });
        }
    }
    assert!(refused > 500 && taken > 200, "{refused} refused, {taken} taken");
}

#[test]
fn damaged_files_are_refused_or_harmless() {
    let mut rng = Rng::seeded(mutation_seed(6));
    let limits = Limits::default();
    let (mut refused, mut records) = (0, 0);
    for (name, whole) in FILES {
        for round in 0..mutations(FILES.len(), 12) {
            let mut bytes = whole.to_vec();
            damage(&mut bytes, &mut rng);
            let mut load = || {
                let mut loader = Loader::new(Cursor::new(&bytes), false)?;
                loop {
                    match loader.step(&limits)?.into_owned() {
                        Part::Record(record) => {
                            record.value.check();
                            records += 1;
                        }
                        Part::End { .. } => return Ok::<_, redstart::rdb::Error>(()),
                        _ => {}
                    }
                }
            };
            let what = || format!("{name}, round {round}");
            refused += u32::from(survives(what, &mut load).is_err());
            survives(what, || started_with(&bytes));
        }
    }
    assert!(refused > 20 && records > 200, "{refused} refused, {records} records");
}

/// A server that finds these bytes when it starts serves nothing half, and never takes much more
/// memory than the file explains.
fn started_with(bytes: &[u8]) {
    let mut session = Session::new(&["--rdbchecksum", "no"]);
    session.inner.sim.put_file("dump.rdb", bytes);
    let started = session.engine().load_at_start();
    session.engine().check();
    let space = &session.engine().keyspace;
    let keys: usize = space.dbs.iter().map(|db| db.dict.len()).sum();
    assert!(started.is_ok() || keys == 0);
    assert!(space.bytes() < 64 * bytes.len() + (1 << 20), "{} bytes", space.bytes());
}

#[test]
fn counts_that_lie_take_no_room() {
    // A database that is said to have four billion keys, and values said to have as many elements.
    let head = |kind: u8| {
        let mut bytes = b"REDIS0011\xFE\x00\xFB\x80\xFF\xFF\xFF\xFF\x00".to_vec();
        bytes.extend([kind, 1, b'k', 0x81]);
        bytes.extend((1u64 << 60).to_be_bytes());
        bytes.extend(b"\x01a\x01b\x01c\x01d\x01e\x01f\x01g\x01h");
        bytes
    };
    for kind in 0..=21 {
        started_with(&head(kind));
    }
}

#[test]
fn a_byte_that_is_wrong_ends_the_start() {
    let mut bytes = FILES[3].1.to_vec();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    let mut session = Session::new(&[]);
    session.inner.sim.put_file("dump.rdb", bytes);
    assert!(session.engine().load_at_start().is_err());
    assert_eq!(session.ask(&["DBSIZE"]), json!(0));
}
