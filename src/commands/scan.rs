//! SCAN and KEYS: walking over the names of a database.
//!
//! A SCAN cursor is a position in hash order: a key that is there from the first call to the last
//! is returned, and returned once, whatever the table does in between.

use crate::base::error::Error;
use crate::base::glob;
use crate::engine::args::Args;
use crate::engine::budget::Budget;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::spec::{Spec, cat, flag};
use crate::engine::work::{LONG, Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::keys::Keys;
use crate::keyspace::lease::Lease;
use crate::resp::reply::{Proto, Reply};
use std::borrow::Cow;

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    Spec::data("scan", -2, scan)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE)
        .since("2.8.0")
        .summary("Walks over the keys of the database, some at a time."),
    Spec::data("keys", 2, keys)
        .flags(flag::READONLY)
        .acl(cat::KEYSPACE | cat::DANGEROUS)
        .since("1.0.0")
        .summary("Names all keys that match a pattern."),
];

/// A call looks at no more than this many places for each element asked for, so that an almost
/// empty table does not make it run for long.
const PLACES_PER_ELEMENT: u64 = 10;

/// What SCAN and its relatives are asked for.
pub(crate) struct ScanOptions<'a> {
    count: u64,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

/// Reads the options from place `first` on. Only SCAN itself may choose by type.
pub(crate) fn scan_options<'a>(
    args: &'a Args<'_>,
    first: usize,
    by_type: bool,
) -> Result<ScanOptions<'a>, Error> {
    let mut options = ScanOptions { count: 10, pattern: None, type_name: None };
    let mut i = first;
    while i < args.len() {
        // Every option has a value; the last word cannot be one.
        if i + 1 == args.len() {
            return Err(Error::Syntax);
        }
        if args.is(i, "count") {
            let count = args.int(i + 1)?;
            options.count = u64::try_from(count).ok().filter(|n| *n > 0).ok_or(Error::Syntax)?;
        } else if args.is(i, "match") {
            options.pattern = Some(args.get(i + 1)).filter(|p| *p != b"*");
        } else if by_type && args.is(i, "type") {
            options.type_name = Some(args.get(i + 1));
        } else {
            return Err(Error::Syntax);
        }
        i += 2;
    }
    Ok(options)
}

impl ScanOptions<'_> {
    /// Whether so many elements are wanted in one call that looking for them is long work.
    pub(crate) fn is_long(&self) -> bool {
        self.count >= LONG as u64
    }

    /// `run` in slices.
    pub(crate) fn run_long(&self, cursor: u64, source: impl ScanSource + 'static) -> Outcome {
        let pattern = self.pattern.map(|pattern| Cow::Owned(pattern.to_vec()));
        let hunt = Hunt::new(self.count, cursor, pattern);
        Outcome::Enter(Box::new(LongScan { hunt, source }))
    }

    /// Takes steps from `cursor` on until enough elements were seen, and answers with the next
    /// cursor and those that match. A step shows its elements to `Found` and returns the cursor
    /// behind it, 0 at the end.
    pub(crate) fn run(
        &self,
        out: &mut Reply,
        cursor: u64,
        mut step: impl FnMut(u64, &mut Found<'_>) -> u64,
    ) {
        let mut hunt = Hunt::new(self.count, cursor, self.pattern.map(Cow::Borrowed));
        while hunt.goes_on(&mut step) {}
        hunt.answer(out);
    }
}

/// One call of a scan on its way.
struct Hunt<'a> {
    count: u64,
    cursor: u64,
    places: u64,
    found: Found<'a>,
}

impl<'a> Hunt<'a> {
    fn new(count: u64, cursor: u64, pattern: Option<Cow<'a, [u8]>>) -> Hunt<'a> {
        let found = Found { pattern, seen: 0, hits: 0, body: Reply::new(Proto::V2) };
        Hunt { count, cursor, places: count.saturating_mul(PLACES_PER_ELEMENT), found }
    }

    /// Takes one step; whether another one is to follow.
    #[inline]
    fn goes_on(&mut self, step: impl FnOnce(u64, &mut Found<'_>) -> u64) -> bool {
        self.cursor = step(self.cursor, &mut self.found);
        self.places -= 1;
        self.cursor != 0 && self.places != 0 && self.found.seen < self.count
    }

    fn answer(&mut self, out: &mut Reply) {
        out.array(2);
        out.bulk(itoa::Buffer::new().format(self.cursor).as_bytes());
        out.array(self.found.hits);
        out.out().append(self.found.body.out());
    }
}

/// What a long scan walks over: a leased collection, or the keys themselves.
pub(crate) trait ScanSource {
    /// Shows the elements of one step and returns the cursor behind it, 0 at the end.
    fn step(&mut self, keys: &mut Keys<'_>, cursor: u64, found: &mut Found<'_>) -> u64;

    /// The lease, to be given back.
    fn lease(&self) -> Option<Lease>;
}

struct LongScan<S> {
    hunt: Hunt<'static>,
    source: S,
}

impl<S: ScanSource> Work for LongScan<S> {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let LongScan { hunt, source } = self;
        while hunt.goes_on(|cursor, found| source.step(&mut cx.keys, cursor, found)) {
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        hunt.answer(cx.out);
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        if let Some(lease) = self.source.lease() {
            space.release(lease);
        }
    }
}

/// What the steps of a scan came upon. The cursor stands before it in the reply and is known after
/// it, so this is written aside.
pub(crate) struct Found<'a> {
    pattern: Option<Cow<'a, [u8]>>,
    seen: u64,
    hits: usize,
    body: Reply,
}

impl Found<'_> {
    /// An element was seen: part of the reply when it matches, which is returned.
    pub(crate) fn offer(&mut self, name: &[u8]) -> bool {
        self.pass();
        let pattern = self.pattern.as_deref();
        let hit = pattern.is_none_or(|pattern| glob::matches(pattern, name, false));
        if hit {
            self.push(name);
        }
        hit
    }

    /// What belongs to the element just taken follows it in the reply.
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.body.bulk(text);
        self.hits += 1;
    }

    /// An element was seen that nobody asked for.
    fn pass(&mut self) {
        self.seen += 1;
    }
}

fn scan(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let cursor = parse_cursor(args.get(1))?;
    let options = scan_options(args, 2, true)?;
    if options.is_long() && cx.keys.len() >= LONG {
        let type_name = options.type_name.map(<[u8]>::to_vec);
        return Ok(options.run_long(cursor, AllKeys { type_name }));
    }
    let type_name = options.type_name;
    options.run(cx.out, cursor, |cursor, found| scan_keys(&mut cx.keys, cursor, type_name, found));
    Ok(Outcome::Unchanged)
}

fn scan_keys(
    keys: &mut Keys<'_>,
    cursor: u64,
    type_name: Option<&[u8]>,
    found: &mut Found<'_>,
) -> u64 {
    keys.scan(cursor, &mut |key, entry| {
        let name = entry.type_name().as_bytes();
        if type_name.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name)) {
            found.offer(key);
        } else {
            found.pass();
        }
    })
}

/// The keys as they are when a slice comes to them: what a scan promises holds from slice to slice
/// as it does from call to call.
struct AllKeys {
    type_name: Option<Vec<u8>>,
}

impl ScanSource for AllKeys {
    fn step(&mut self, keys: &mut Keys<'_>, cursor: u64, found: &mut Found<'_>) -> u64 {
        scan_keys(keys, cursor, self.type_name.as_deref(), found)
    }

    fn lease(&self) -> Option<Lease> {
        None
    }
}

/// Reads a cursor as C's `strtoul` does: a sign is allowed and a negative number wraps, nothing at
/// all is 0, leading space is refused.
pub(super) fn parse_cursor(word: &[u8]) -> Result<u64, Error> {
    const INVALID: Error = Error::fixed("ERR invalid cursor");
    if word.is_empty() {
        return Ok(0);
    }
    let (negative, digits) = match word[0] {
        b'-' => (true, &word[1..]),
        b'+' => (false, &word[1..]),
        _ => (false, word),
    };
    if digits.is_empty() {
        return Err(INVALID);
    }
    let mut value: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(INVALID);
        }
        let next = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
        value = next.ok_or(INVALID)?;
    }
    Ok(if negative { value.wrapping_neg() } else { value })
}

fn keys(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let body = Reply::new(Proto::V2);
    let db = cx.keys.db_index();
    let walk = cx.keys.space().start_walk(db, args.get(1).to_vec(), cx.now);
    Ok(Outcome::Enter(Box::new(KeysWalk { walk, count: 0, body })))
}

/// KEYS: names as of the moment the walk started.
struct KeysWalk {
    walk: u64,
    count: usize,
    body: Reply,
}

impl Work for KeysWalk {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let (names, done) = cx.keys.space().step_walk(self.walk, &mut || budget.more());
        for name in names.iter() {
            self.body.bulk(name);
        }
        self.count += names.len();
        if !done {
            return Ok(Progress::Pending);
        }
        cx.out.array(self.count);
        cx.out.out().append(self.body.out());
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.end_walk(self.walk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_strtoul_does() {
        for (text, want) in [
            ("", 0),
            ("0", 0),
            ("00", 0),
            ("+7", 7),
            ("-1", u64::MAX),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_cursor(text.as_bytes()), Ok(want), "{text}");
        }
        for text in ["abc", "1.5", " 0", "0x0", "18446744073709551616", "-", "+", "1 ", "--1"] {
            assert!(parse_cursor(text.as_bytes()).is_err(), "{text}");
        }
    }
}
