//! What `redis-check-rdb` says about a file, line by line in Redis's form.

use super::{Loaded, Loader, Part, Reader, Reason, kind};
use crate::value::limits::Limits;
use std::io::Read;

/// What was seen so far.
#[derive(Default)]
struct Seen {
    keys: u64,
    timed: u64,
    overdue: u64,
}

/// Reads a whole file and tells what it finds; true when it is sound. `now_ms` is the time by
/// which deadlines have passed.
pub fn check<R: Read>(name: &str, source: R, now_ms: i64, say: &mut dyn FnMut(&str)) -> bool {
    say(&format!("[offset 0] Checking RDB file {name}"));
    let mut seen = Seen::default();
    let sound = match Loader::begin(Reader::new(source), true) {
        Ok(loader) => parts(loader, &mut seen, now_ms, say),
        Err(failed) => {
            let (error, _) = &*failed;
            fault(&error.reason, error.offset, "start", say);
            false
        }
    };
    say(&format!("[info] {} keys read", seen.keys));
    say(&format!("[info] {} expires", seen.timed));
    say(&format!("[info] {} already expired", seen.overdue));
    sound
}

fn parts<R: Read>(
    mut loader: Loader<R>,
    seen: &mut Seen,
    now_ms: i64,
    say: &mut dyn FnMut(&str),
) -> bool {
    let limits = Limits::default();
    loop {
        let part = loader.step(&limits).map(Part::into_owned);
        let at = loader.position();
        match part {
            Ok(Part::Aux(name, value)) => {
                let (name, value) = (shown(&name), shown(&value));
                say(&format!("[offset {at}] AUX FIELD {name} = '{value}'"));
            }
            Ok(Part::Database(number)) => {
                say(&format!("[offset {at}] Selecting DB ID {number}"));
            }
            Ok(Part::ModuleAux(name)) => {
                say(&format!("[offset {at}] MODULE AUX for: {name}"));
            }
            Ok(Part::Record(Loaded { deadline, .. })) => {
                seen.keys += 1;
                seen.timed += u64::from(deadline.is_some());
                seen.overdue += u64::from(deadline.is_some_and(|at| at < now_ms));
            }
            Ok(Part::EmptyRecord(_)) => seen.keys += 1,
            Ok(Part::Sizes { .. } | Part::Function(_) | Part::Elements | Part::Text(_)) => {}
            Ok(Part::End { unchecked }) => {
                say(&match unchecked {
                    true => format!(
                        "[offset {at}] RDB file was saved with checksum disabled: no check \
                         performed."
                    ),
                    false => format!("[offset {at}] Checksum OK"),
                });
                say(&format!("[offset {at}] \\o/ RDB looks OK! \\o/"));
                return true;
            }
            Err(error) => {
                fault(&error.reason, error.offset, loader.doing(), say);
                if let Some(key) = loader.key() {
                    say(&format!("[additional info] Reading key '{}'", shown(key)));
                }
                if let Some(kind) = loader.kind() {
                    let name = kind_name(kind);
                    say(&format!("[additional info] Reading type {kind} ({name})"));
                }
                return false;
            }
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fault(reason: &Reason, at: u64, doing: &str, say: &mut dyn FnMut(&str)) {
    say("--- RDB ERROR DETECTED ---");
    match reason {
        Reason::Checksum { .. } => say(&format!("[offset {at}] RDB CRC error")),
        Reason::Kind(kind) => say(&format!("[offset {at}] Invalid object type: {kind}")),
        reason => say(&format!("[offset {at}] {reason}")),
    }
    say(&format!("[additional info] While doing: {doing}"));
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        kind::STRING => "string",
        kind::LIST => "list-linked",
        kind::SET => "set-hashtable",
        kind::ZSET => "zset-v1",
        kind::HASH => "hash-hashtable",
        kind::ZSET_BINARY => "zset-v2",
        kind::MODULE_OLD => "module-pre-release",
        kind::MODULE => "module-value",
        kind::HASH_ZIPMAP => "hash-zipmap",
        kind::LIST_ZIPLIST => "list-ziplist",
        kind::SET_INTSET => "set-intset",
        kind::ZSET_ZIPLIST => "zset-ziplist",
        kind::HASH_ZIPLIST => "hash-ziplist",
        kind::LIST_ZIPLISTS => "quicklist",
        kind::STREAM_1 => "stream",
        kind::HASH_LISTPACK => "hash-listpack",
        kind::ZSET_LISTPACK => "zset-listpack",
        kind::LIST_LISTPACKS => "quicklist-v2",
        kind::STREAM_2 => "stream-v2",
        kind::SET_LISTPACK => "set-listpack",
        kind::STREAM_3 => "stream-v3",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Record, Saver, Source, Start};
    use super::*;

    fn sample() -> Vec<u8> {
        let aux = [("redis-ver", "7.2.4".to_owned())];
        let start = Start { aux: &aux, functions: &[] };
        let mut saver = Saver::new(Vec::new(), Options::default(), &start).expect("a vector");
        saver.database(3, Some((2, 1))).expect("a vector");
        for (key, deadline) in [(&b"a"[..], None), (b"b", Some(5))] {
            let record = Record { key, deadline, hint: None, value: Source::Text(b"text") };
            saver.record(&record).expect("a vector");
        }
        saver.finish().expect("a vector")
    }

    fn said(bytes: &[u8]) -> (bool, String) {
        let mut lines = String::new();
        let sound = check("x.rdb", bytes, 10, &mut |line| lines += &format!("{line}\n"));
        (sound, lines)
    }

    #[test]
    fn a_sound_file_is_praised() {
        let (sound, lines) = said(&sample());
        assert!(sound);
        assert_eq!(
            lines,
            "[offset 0] Checking RDB file x.rdb\n[offset 26] AUX FIELD redis-ver = '7.2.4'\n\
             [offset 28] Selecting DB ID 3\n[offset 65] Checksum OK\n\
             [offset 65] \\o/ RDB looks OK! \\o/\n[info] 2 keys read\n[info] 1 expires\n\
             [info] 1 already expired\n"
        );
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let (sound, lines) = said(b"REDIS0012");
        assert!(!sound && lines.contains("[offset 9] Can't handle RDB format version 12\n"));
        assert!(lines.contains("While doing: start"));
        assert!(said(b"ROGUE0011").1.contains("Wrong signature trying to load DB from file"));
        let mut bytes = sample();
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
        assert!(said(&bytes).1.contains("[offset 65] RDB CRC error\n"));
        let (sound, lines) = said(&sample()[..35]);
        assert!(!sound && lines.contains("Unexpected EOF reading RDB file"));
        assert!(lines.contains("While doing: read-object-value"));
        assert!(lines.contains("Reading key 'a'\n"));
        assert!(lines.contains("Reading type 0 (string)\n"));
    }
}
