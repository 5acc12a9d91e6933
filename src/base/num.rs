//! Integers as Redis reads them: one text form per number and no other.
//!
//! A string that parses here is exactly the text the number would print as. The keyspace relies on
//! that to store a value as an integer and give back the same bytes. Writing is `itoa::Buffer`.

/// Longest text of a 64-bit integer: `-9223372036854775808` and `18446744073709551615`.
const MAX_LEN: usize = 20;

/// Reads a signed integer. No sign but a leading `-`, no leading zeros, no spaces, no `-0`.
#[inline]
pub fn parse_i64(bytes: &[u8]) -> Option<i64> {
    let Some((b'-', digits)) = bytes.split_first() else {
        return i64::try_from(parse_u64(bytes)?).ok();
    };
    match parse_u64(digits)? {
        0 => None,
        magnitude => 0i64.checked_sub_unsigned(magnitude),
    }
}

/// Reads an unsigned integer under the same rules.
#[inline]
pub fn parse_u64(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [b'0'] => return Some(0),
        [b'1'..=b'9', ..] if bytes.len() <= MAX_LEN => {}
        _ => return None,
    }
    // Nineteen digits cannot overflow, so only a twentieth is added with a check.
    let (head, tail) = bytes.split_at(bytes.len().min(MAX_LEN - 1));
    let mut value = 0u64;
    for &byte in head {
        value = value * 10 + digit(byte)?;
    }
    for &byte in tail {
        value = value.checked_mul(10)?.checked_add(digit(byte)?)?;
    }
    Some(value)
}

#[inline]
fn digit(byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(u64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_the_edges() {
        assert_eq!(parse_i64(b"0"), Some(0));
        assert_eq!(parse_i64(b"-1"), Some(-1));
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
    }

    #[test]
    fn refuses_every_other_spelling() {
        for text in [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x1",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "-99999999999999999999",
            "111111111111111111111",
            "1\0",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
        for text in ["18446744073709551616", "184467440737095516150", "-1", ""] {
            assert_eq!(parse_u64(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(value: i64, unsigned: u64) {
            prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
            prop_assert_eq!(parse_u64(unsigned.to_string().as_bytes()), Some(unsigned));
        }

        #[test]
        fn whatever_parses_prints_the_same(text in "[-+ ]?[0-9]{0,21}") {
            if let Some(value) = parse_i64(text.as_bytes()) {
                prop_assert_eq!(value.to_string(), text);
            } else {
                let canonical = text.parse::<i64>().is_ok_and(|value| value.to_string() == text);
                prop_assert!(!canonical, "{} was refused", text);
            }
        }
    }
}
