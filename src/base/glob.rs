//! Patterns of KEYS, SCAN, PSUBSCRIBE, CONFIG GET and ACL, quirks included.
//!
//! `*` any run, `?` one byte, `[a-z]` `[^x]` a class, `\x` the byte itself. A class that is never
//! closed ends with the pattern. Work is bounded by pattern length times text length, whatever the
//! pattern: on a mismatch only the last `*` is retried, never an earlier one, and nothing recurses.

/// Does all of `text` match `pattern`? With `nocase`, ASCII letters match either case.
///
/// As in Redis, an empty text matches an empty pattern only: not even `*`.
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut rest, mut at) = (pattern, 0);
    // What follows the last `*`, and where in the text it was last tried.
    let mut retry: Option<(&[u8], usize)> = None;
    loop {
        if rest.first() == Some(&b'*') {
            rest = skip_stars(rest);
            if rest.is_empty() {
                return true;
            }
            retry = Some((rest, at));
        }
        if let Some(after) = match_one(rest, text[at], nocase) {
            rest = after;
            at += 1;
            if at == text.len() {
                // Every item takes one byte, so starting the last run later cannot help either.
                return skip_stars(rest).is_empty();
            }
            continue;
        }
        let Some((after_star, start)) = &mut retry else { return false };
        *start += 1;
        if *start == text.len() {
            return false;
        }
        (rest, at) = (*after_star, *start);
    }
}

fn skip_stars(mut pattern: &[u8]) -> &[u8] {
    while let Some((b'*', rest)) = pattern.split_first() {
        pattern = rest;
    }
    pattern
}

/// Matches `byte` with the first item of the pattern, which is not a `*`. Gives what follows the
/// item, or nothing when the byte does not fit or no item is left.
#[inline]
fn match_one(pattern: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let (&item, rest) = pattern.split_first()?;
    match (item, rest.split_first()) {
        (b'?', _) => Some(rest),
        (b'[', _) => match_class(rest, byte, nocase),
        (b'\\', Some((&escaped, rest))) => same(escaped, byte, nocase).then_some(rest),
        _ => same(item, byte, nocase).then_some(rest),
    }
}

/// The same for a class, `pattern` being what follows its `[`.
fn match_class(mut pattern: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut found = false;
    loop {
        pattern = match *pattern {
            [] => break,
            // An escaped byte keeps its case even when case is to be ignored.
            [b'\\', escaped, ref rest @ ..] => {
                found |= escaped == byte;
                rest
            }
            [b']', ref rest @ ..] => {
                pattern = rest;
                break;
            }
            [low, b'-', high, ref rest @ ..] => {
                found |= in_range(low, high, byte, nocase);
                rest
            }
            [member, ref rest @ ..] => {
                found |= same(member, byte, nocase);
                rest
            }
        };
    }
    (found != negated).then_some(pattern)
}

/// Bytes compare as signed, and the ends are put in order before they lose their case: both
/// decide which odd ranges (`[a-\xff]`, `[Z-a]`) match, and both are what Redis on x86 does.
fn in_range(low: u8, high: u8, byte: u8, nocase: bool) -> bool {
    let (low, high) = if low as i8 > high as i8 { (high, low) } else { (low, high) };
    let fold = |byte: u8| if nocase { byte.to_ascii_lowercase() as i8 } else { byte as i8 };
    (fold(low)..=fold(high)).contains(&fold(byte))
}

#[inline]
fn same(one: u8, other: u8, nocase: bool) -> bool {
    one == other || (nocase && one.eq_ignore_ascii_case(&other))
}

#[cfg(test)]
#[path = "glob_tests.rs"]
mod tests;
