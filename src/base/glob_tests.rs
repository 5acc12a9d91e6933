//! Tests of the pattern matcher: a table of quirks and a naive recursive twin.

use super::*;
use proptest::prelude::*;

fn yes(pattern: &str, text: &str) {
    assert!(matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern:?} takes {text:?}");
}

fn no(pattern: &str, text: &str) {
    assert!(!matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern:?} bars {text:?}");
}

#[test]
fn plain_and_wildcards() {
    yes("", "");
    no("*", "");
    no("", "a");
    yes("*", "a");
    yes("***", "abc");
    yes("h?llo", "hello");
    no("h?llo", "hllo");
    yes("h*llo", "heeeello");
    yes("*a*b*c", "xxaxxbxxc");
    no("*a*b*c", "xxaxxbxx");
    yes("a**", "a");
    yes("*aab", "aaaaab");
    no("a?", "a");
    yes("\\*", "*");
    no("\\*", "a");
    yes("a\\", "a\\");
}

#[test]
fn classes() {
    yes("h[ae]llo", "hallo");
    no("h[ae]llo", "hillo");
    yes("h[^e]llo", "hallo");
    no("h[^e]llo", "hello");
    yes("h[b-a]llo", "hallo");
    yes("[\\]]", "]");
    yes("[a-\\]", "\\");
    no("[]", "a");
    no("[", "a");
    yes("[^", "a");
    yes("[^]", "a");
    yes("[a", "a");
    yes("[a-]", "]");
    yes("[a-]", "`");
    no("[a-]", "-");
    yes("[\\", "\\");
}

#[test]
fn bytes_are_signed_in_ranges() {
    assert!(matches(b"[a-\xff]", b"0", false));
    assert!(!matches(b"[a-\xff]", b"b", false));
    assert!(matches(b"[\x80-\xff]", b"\x90", false));
}

#[test]
fn case() {
    assert!(matches(b"MAX*[A-C]", b"maxmemoryb", true));
    assert!(!matches(b"MAX*", b"maxmemory", false));
    assert!(!matches(b"[\\A]", b"a", true));
    assert!(matches(b"\\A", b"a", true));
    assert!(!matches(b"[Z-a]", b"z", true));
}

#[test]
fn hostile_patterns_end_soon() {
    let text = vec![b'a'; 20_000];
    let mut pattern = b"a*".repeat(5_000);
    pattern.push(b'b');
    assert!(!matches(&pattern, &text, false));
    assert!(matches(&b"*".repeat(1_000_000), &text, false));
    assert!(!matches(&b"*?".repeat(20_001), &text, false));
}

/// Backtracks over everything, for short texts only.
fn naive(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            (0..=text.len()).any(|skipped| naive(rest, &text[skipped..], nocase))
        }
        (_, [byte, text @ ..]) => {
            match_one(pattern, *byte, nocase).is_some_and(|rest| naive(rest, text, nocase))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn equals_naive(
        pattern in "[abA*?\\[\\]^\\\\-]{0,10}",
        text in "[abAB\\]-]{1,8}",
        nocase: bool,
    ) {
        let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(matches(pattern, text, nocase), naive(pattern, text, nocase));
    }
}
