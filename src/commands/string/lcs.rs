//! LCS: the longest common subsequence of two strings.
//!
//! The usual table of lengths for all pairs of prefixes, of which only two rows are kept; the way
//! back needs one bit a cell: which neighbour was longer. Redis keeps four bytes a cell and refuses
//! a table beyond `proto-max-bulk-len`; the same calls are refused here, so that a client never
//! depends on which server it talks to.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::keyspace::keys::Keys;
use crate::resp::reply::Reply;
use crate::value::string::{Str, StrRef};
use bytes::Bytes;

const NOT_STRINGS: Error = Error::fixed("ERR The specified keys must contain string values");

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: u64,
}

impl Options {
    fn parse(args: &mut Args<'_>) -> Result<Options, Error> {
        let mut o = Options::default();
        args.seek(3);
        while args.remaining() > 0 {
            if args.accept("idx") {
                o.idx = true;
            } else if args.accept("len") {
                o.len = true;
            } else if args.accept("withmatchlen") {
                o.with_match_len = true;
            } else if args.accept("minmatchlen") {
                o.min_match_len = u64::try_from(args.next_int()?).unwrap_or(0);
            } else {
                return Err(Error::Syntax);
            }
        }
        if o.len && o.idx {
            return Err(Error::fixed(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(o)
    }
}

pub(super) fn lcs(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let a = text(&mut cx.keys, args.get(1));
    let b = text(&mut cx.keys, args.get(2));
    let (Ok(a), Ok(b)) = (a, b) else { return Err(NOT_STRINGS) };
    let o = Options::parse(args)?;
    check_size(a.len() as u64, b.len() as u64, cx.limits.max_string_len)?;
    if o.len {
        let length = Table::build(&a, &b, false).length;
        cx.out.int(i64::from(length));
        return Ok(Outcome::Unchanged);
    }
    let table = Table::build(&a, &b, true);
    if o.idx {
        reply_ranges(cx.out, &table, &a, &b, &o);
    } else {
        cx.out.bulk(&table.subsequence(&a, &b));
    }
    Ok(Outcome::Unchanged)
}

/// The string under a key, to be held while the other one is looked up; a missing one is empty.
fn text(keys: &mut Keys<'_>, key: &[u8]) -> Result<Bytes, Error> {
    Ok(match keys.read::<Str>(key)? {
        Some(StrRef::Shared(bytes)) => bytes.clone(),
        Some(value) => value.with_bytes(Bytes::copy_from_slice),
        None => Bytes::new(),
    })
}

fn check_size(a: u64, b: u64, limit: u64) -> Result<(), Error> {
    const LONGEST: u64 = u32::MAX as u64 - 1;
    const CELL_BYTES: u128 = 4;
    if a >= LONGEST || b >= LONGEST {
        return Err(Error::fixed("ERR String too long for LCS"));
    }
    if (u128::from(a) + 1) * (u128::from(b) + 1) * CELL_BYTES > u128::from(limit) {
        return Err(Error::fixed(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

/// The way back through the table.
struct Table {
    /// Length of the subsequence.
    length: u32,
    /// One bit a cell: going back, step in `a` rather than in `b`.
    steps_in_a: Vec<u64>,
    columns: usize,
}

impl Table {
    fn build(a: &[u8], b: &[u8], way_back: bool) -> Table {
        let columns = b.len();
        let cells = if way_back { a.len() * columns } else { 0 };
        let mut steps_in_a = vec![0u64; cells.div_ceil(64)];
        // `row[j]` is the length for the present prefix of `a` and the first `j` bytes of `b`.
        let mut row = vec![0u32; columns + 1];
        let mut cell = 0;
        for &byte in a {
            let mut diagonal = 0;
            let mut left = 0;
            for (j, &other) in b.iter().enumerate() {
                let above = row[j + 1];
                let here = if byte == other { diagonal + 1 } else { above.max(left) };
                if way_back && above > left {
                    steps_in_a[cell / 64] |= 1 << (cell % 64);
                }
                row[j + 1] = here;
                diagonal = above;
                left = here;
                cell += 1;
            }
        }
        Table { length: row[columns], steps_in_a, columns }
    }

    /// Calls `each` with the places of the matches, last one first.
    fn matches(&self, a: &[u8], b: &[u8], mut each: impl FnMut(usize, usize)) {
        let (mut i, mut j) = (a.len(), b.len());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                i -= 1;
                j -= 1;
                each(i, j);
                continue;
            }
            let cell = (i - 1) * self.columns + j - 1;
            if self.steps_in_a[cell / 64] >> (cell % 64) & 1 == 1 {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }

    fn subsequence(&self, a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length as usize);
        self.matches(a, b, |i, _| bytes.push(a[i]));
        bytes.reverse();
        bytes
    }

    /// The matches joined into runs, last one first: where it starts in `a` and in `b`, its length.
    fn runs(&self, a: &[u8], b: &[u8]) -> Vec<(usize, usize, usize)> {
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        self.matches(a, b, |i, j| match runs.last_mut() {
            Some(run) if run.0 == i + 1 && run.1 == j + 1 => *run = (i, j, run.2 + 1),
            _ => runs.push((i, j, 1)),
        });
        runs
    }
}

fn reply_ranges(out: &mut Reply, table: &Table, a: &[u8], b: &[u8], o: &Options) {
    let mut runs = table.runs(a, b);
    runs.retain(|(_, _, len)| *len as u64 >= o.min_match_len);
    out.map(2);
    out.bulk(b"matches");
    out.array(runs.len());
    for (in_a, in_b, len) in runs {
        out.array(if o.with_match_len { 3 } else { 2 });
        for start in [in_a, in_b] {
            out.array(2);
            out.int(start as i64);
            out.int((start + len - 1) as i64);
        }
        if o.with_match_len {
            out.int(len as i64);
        }
    }
    out.bulk(b"len");
    out.int(i64::from(table.length));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(a: &[u8], b: &[u8]) -> usize {
        match (a.split_last(), b.split_last()) {
            (Some((x, a1)), Some((y, b1))) if x == y => naive(a1, b1) + 1,
            (Some((_, a1)), Some((_, b1))) => naive(a1, b).max(naive(a, b1)),
            _ => 0,
        }
    }

    fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
        let mut rest = whole.iter();
        part.iter().all(|byte| rest.any(|other| other == byte))
    }

    #[test]
    fn agrees_with_the_definition() {
        let words: [&[u8]; 8] =
            [b"", b"a", b"abcab", b"bacba", b"aaaa", b"ohmytex", b"mynewte", b"0101010"];
        for a in words {
            for b in words {
                let table = Table::build(a, b, true);
                let found = table.subsequence(a, b);
                assert_eq!(found.len(), naive(a, b));
                assert_eq!(table.length as usize, found.len());
                assert_eq!(Table::build(a, b, false).length, table.length);
                assert!(is_subsequence(&found, a) && is_subsequence(&found, b));
                let joined: usize = table.runs(a, b).iter().map(|run| run.2).sum();
                assert_eq!(joined, found.len());
            }
        }
    }

    #[test]
    fn refuses_what_redis_refuses() {
        assert!(check_size(10, 10, 484).is_ok());
        assert!(check_size(10, 10, 483).is_err());
        let too_long = check_size(u64::from(u32::MAX), 0, u64::MAX).expect_err("too long");
        assert_eq!(too_long.text(), "ERR String too long for LCS");
    }
}
