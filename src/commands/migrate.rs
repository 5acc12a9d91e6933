//! MIGRATE: keys to another server.

use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx};
use crate::engine::key_search;
use crate::engine::keyspec::{Find, KeySpec};
use crate::engine::migrate::Transfer;
use crate::engine::spec::{Spec, cat, flag};

/// The keys behind the word KEYS, to the end.
const LISTED: Find = Find::Range { last: -1, step: 1, limit: 0 };
const MOVED: &[KeySpec] = &[
    KeySpec::at(3).rw().access().delete(),
    KeySpec::keyword("KEYS", -2, LISTED).rw().access().delete().incomplete(),
];

/// The family.
pub const SPECS: &[Spec] = &[MIGRATE];

const MIGRATE: Spec = Spec::engine("migrate", -6, migrate)
    .flags(flag::WRITE | flag::MOVABLEKEYS)
    .acl(cat::KEYSPACE | cat::DANGEROUS)
    .keys(MOVED)
    .finder(key_search::migrate)
    .secrets(is_secret)
    .group("generic")
    .since("2.6.0")
    .summary("Moves keys to another server.");

/// Milliseconds where none are given.
const TIMEOUT_MS: u64 = 1000;

/// What follows AUTH and AUTH2.
fn is_secret(args: &Args<'_>, at: usize) -> bool {
    at > 6 && args.is(at - 1, "auth") || at > 7 && args.is(at - 2, "auth2")
}

fn migrate(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (mut copy, mut replace, mut auth, mut listed) = (false, false, Vec::new(), None);
    args.seek(6);
    while args.remaining() > 0 {
        if args.accept("copy") {
            copy = true;
        } else if args.accept("replace") {
            replace = true;
        } else if args.accept("auth") {
            auth = vec![args.word()?.to_vec()];
        } else if args.accept("auth2") {
            auth = vec![args.word()?.to_vec(), args.word()?.to_vec()];
        } else if args.accept("keys") {
            if !args.get(3).is_empty() {
                return Err(Error::err(
                    "When using MIGRATE KEYS option, the key argument must be set to the empty \
                     string",
                ));
            }
            listed = Some(args.position());
            break;
        } else {
            return Err(Error::Syntax);
        }
    }
    let timeout = args.int(5)?;
    let db = args.int(4)?;
    let keys = match listed {
        Some(first) => args.iter().skip(first).map(<[u8]>::to_vec).collect(),
        None => vec![args.get(3).to_vec()],
    };
    let transfer = Transfer {
        host: String::from_utf8_lossy(args.get(1)).into_owned(),
        port: port(args.get(2)),
        timeout_ms: u64::try_from(timeout).ok().filter(|ms| *ms > 0).unwrap_or(TIMEOUT_MS),
        db,
        auth,
        copy,
        replace,
        keys,
    };
    cx.engine.migrate(transfer, cx.session, cx.out)
}

/// As `atoi` reads it; nobody listens on port 0, which stands for what is no port.
fn port(word: &[u8]) -> u16 {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    parse_i64(&word[..digits]).and_then(|port| u16::try_from(port).ok()).unwrap_or(0)
}
