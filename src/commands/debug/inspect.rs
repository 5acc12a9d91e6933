//! DEBUG subcommands that look inside: values, tables, the allocator.

use crate::alloc;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::ds::dict::Shape;
use crate::engine::args::Args;
use crate::engine::client::Client;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::keyspace::entry::Entry;
use crate::keyspace::keys::Keys;
use crate::value::string::{Str, StrRef};

const NO_SUCH_KEY: Error = Error::fixed("ERR no such key");
const NO_TABLE: Error = Error::fixed(
    "ERR The value stored at the specified key is not represented using an hash table",
);

fn keys<'a>(cx: &'a mut EngineCx<'_>) -> Keys<'a> {
    let now = cx.engine.now_ms();
    cx.engine.keyspace.keys(cx.session.db, now, false)
}

pub(super) fn object(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() == 4 && !args.is(3, "fast") {
        return Err(super::unknown(&String::from_utf8_lossy(args.get(1))));
    }
    let now = cx.engine.now_ms();
    let mut keys = keys(cx);
    let key = args.get(2);
    let serialized = match keys.for_write::<Str>(key) {
        Ok(Some(text)) => Some(serialized_length(&text)),
        _ => None,
    };
    let entry = keys.entry_quiet(key).ok_or(NO_SUCH_KEY)?;
    let text = format!(
        "Value at:0x{:x} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        entry.address(),
        entry.encoding(),
        serialized.unwrap_or(entry.bytes()),
        entry.stamp(),
        entry.idle_ms(now) / 1000
    );
    cx.out.simple(text.as_bytes());
    Ok(Outcome::Unchanged)
}

/// Bytes of a string in a snapshot, uncompressed.
fn serialized_length(text: &StrRef<'_>) -> usize {
    let short = text.as_int().filter(|n| itoa::Buffer::new().format(*n).len() == text.len());
    match short {
        Some(-0x80..=0x7f) => 2,
        Some(-0x8000..=0x7fff) => 3,
        Some(-0x8000_0000..=0x7fff_ffff) => 5,
        _ => match text.len() {
            len @ 0..=63 => len + 1,
            len @ 64..=16_383 => len + 2,
            len => len + 5,
        },
    }
}

pub(super) fn sdslen(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const NOT_TEXT: Error = Error::fixed("ERR Not an sds encoded string.");
    let key = args.get(2);
    let mut keys = keys(cx);
    let encoding = keys.entry_quiet(key).ok_or(NO_SUCH_KEY)?.encoding();
    let text = match keys.for_write::<Str>(key) {
        Ok(Some(text)) if encoding != "int" => text,
        _ => return Err(NOT_TEXT),
    };
    let block = |len: usize| alloc::size_class(len + 2);
    let text = format!(
        "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, \
         val_zmalloc: {}",
        key.len(),
        block(key.len()),
        text.len(),
        block(text.len())
    );
    cx.out.simple(text.as_bytes());
    Ok(Outcome::Unchanged)
}

pub(super) fn listpack(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let encoding = keys(cx).entry_quiet(args.get(2)).ok_or(NO_SUCH_KEY)?.encoding();
    if encoding != "listpack" {
        return Err(Error::fixed("ERR Not a listpack encoded object."));
    }
    cx.out.simple(b"Listpack structure printed on stdout");
    Ok(Outcome::Unchanged)
}

pub(super) fn htstats(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    const OUT_OF_RANGE: Error = Error::fixed("ERR Out of range database");
    let number = args.int(2)?;
    let db = usize::try_from(number).ok().and_then(|n| cx.engine.keyspace.dbs.get(n));
    let db = db.ok_or(OUT_OF_RANGE)?;
    let text = format!(
        "[Dictionary HT]\n{}[Expires HT]\n number of elements: {}\n",
        table_text(&db.dict.shape()),
        db.deadlines.len()
    );
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

/// The large encodings of collections have a table; they tell of it by their size alone.
pub(super) fn htstats_key(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let mut keys = keys(cx);
    let entry = keys.entry_quiet(args.get(2)).ok_or(NO_SUCH_KEY)?;
    if !matches!(entry.encoding(), "hashtable" | "skiplist") {
        return Err(NO_TABLE);
    }
    let text = format!("Hash table 0 stats (main hash table):\n bytes: {}\n", entry.bytes());
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

fn table_text(shape: &Shape) -> String {
    let head = "Hash table 0 stats (main hash table):\n";
    if shape.entries == 0 {
        return format!("{head}No stats available for empty dictionaries\n");
    }
    format!(
        "{head} table size: {}\n number of elements: {}\n segments: {}\n directory: {}\n \
         elements away from home: {}\n max probe length: {}\n",
        shape.slots,
        shape.entries,
        shape.segments,
        shape.directory,
        shape.displaced,
        shape.longest_probe
    )
}

pub(super) fn structsize(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let text =
        format!("bits:{} entry:{} client:{}", usize::BITS, size_of::<Entry>(), size_of::<Client>());
    cx.out.simple(text.as_bytes());
    Ok(Outcome::Unchanged)
}

fn refused(error: std::io::Error) -> Error {
    Error::err(crate::sys::error_text(&error))
}

pub(super) fn mallctl(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let new = match args.len() {
        4 => Some(parse_i64(args.get(3)).ok_or(Error::NotInteger)?),
        _ => None,
    };
    let old = alloc::control_number(args.get(2), new).map_err(refused)?;
    cx.out.int(old);
    Ok(Outcome::Unchanged)
}

pub(super) fn mallctl_text(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let new = (args.len() == 4).then(|| args.get(3));
    match alloc::control_text(args.get(2), new).map_err(refused)? {
        Some(text) => cx.out.bulk(text.as_bytes()),
        None => cx.out.ok(),
    }
    Ok(Outcome::Unchanged)
}
