//! Text forms of the configuration language: memory sizes, quoted argument lines, quoted strings.
//!
//! `split_args` undoes `quote`: what one prints, the other reads back to the same bytes.

/// Reads a memory size: digits and a unit in any case. `k` is a thousand, `kb` is 1024.
///
/// Two oddities of Redis are kept: no digits count as zero, and a number too large is the largest
/// one, whose product with the unit wraps around.
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits_len);
    if digits.len() >= 128 {
        return None;
    }
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1000 * 1000,
        "mb" => 1 << 20,
        "g" => 1000 * 1000 * 1000,
        "gb" => 1 << 30,
        _ => return None,
    };
    let add = |sum: u64, digit: u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.bytes().fold(0, add).wrapping_mul(factor))
}

/// Splits a line into arguments as a shell would: blanks separate, `"..."` understands escapes
/// (`\n \r \t \b \a \xHH`, any other byte after `\` is itself), `'...'` only `\'`.
///
/// `None` when a quote is left open, or closed with no blank behind it. A NUL ends the line.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let end = line.iter().position(|&byte| byte == 0).unwrap_or(line.len());
    let mut line = &line[..end];
    let mut args = Vec::new();
    loop {
        let blanks = line.iter().take_while(|byte| is_space(**byte)).count();
        line = &line[blanks..];
        if line.is_empty() {
            return Some(args);
        }
        let mut arg = Vec::new();
        line = read_arg(line, &mut arg)?;
        args.push(arg);
    }
}

/// Reads one argument from the front of a line, gives the rest.
fn read_arg<'a>(mut line: &'a [u8], arg: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let Some((&byte, rest)) = line.split_first() else { return Some(line) };
        match byte {
            // Vertical tab and form feed are skipped before an argument but do not end one.
            b' ' | b'\n' | b'\r' | b'\t' => return Some(rest),
            // Quotes may open in the middle of an argument, but closing them ends it.
            b'"' => return read_double_quoted(rest, arg),
            b'\'' => return read_single_quoted(rest, arg),
            _ => arg.push(byte),
        }
        line = rest;
    }
}

fn read_double_quoted<'a>(mut line: &'a [u8], arg: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        line = match *line {
            [b'\\', b'x', high, low, ref rest @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                arg.push(hex_digit(high) << 4 | hex_digit(low));
                rest
            }
            [b'\\', escaped, ref rest @ ..] => {
                arg.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => other,
                });
                rest
            }
            [b'"', ref rest @ ..] => return closed(rest),
            [byte, ref rest @ ..] => {
                arg.push(byte);
                rest
            }
            [] => return None,
        };
    }
}

fn read_single_quoted<'a>(mut line: &'a [u8], arg: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        line = match *line {
            [b'\\', b'\'', ref rest @ ..] => {
                arg.push(b'\'');
                rest
            }
            [b'\'', ref rest @ ..] => return closed(rest),
            [byte, ref rest @ ..] => {
                arg.push(byte);
                rest
            }
            [] => return None,
        };
    }
}

/// A closing quote is followed by a blank or by nothing.
fn closed(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|byte| is_space(*byte)).then_some(rest)
}

/// `isspace` of C: the blanks of ASCII and the vertical tab.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// The value of a byte known to be a hexadecimal digit.
fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.to_ascii_lowercase() - b'a' + 10,
    }
}

/// The bytes in double quotes, all that is not printable ASCII as an escape.
pub fn quote(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'"' => text.push_str("\\\""),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                text.push_str("\\x");
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("12B", 12),
            ("1k", 1000),
            ("1Kb", 1024),
            ("3m", 3_000_000),
            ("3MB", 3 << 20),
            ("2g", 2_000_000_000),
            ("2gB", 2 << 30),
            ("", 0),
            ("mb", 0),
            ("0007", 7),
            ("18446744073709551615", u64::MAX),
            ("99999999999999999999999", u64::MAX),
            ("18446744073709551615kb", u64::MAX - 1023),
        ] {
            assert_eq!(parse_memory(text), Some(bytes), "{text:?}");
        }
        for text in ["-1", " 1", "1 ", "1 kb", "1t", "1kbb", "1.5g", "+1", "0x10", "é"] {
            assert_eq!(parse_memory(text), None, "{text:?}");
        }
        assert_eq!(parse_memory(&"0".repeat(127)), Some(0));
        assert_eq!(parse_memory(&"0".repeat(128)), None);
    }

    fn split(line: &str) -> Option<Vec<String>> {
        let args = split_args(line.as_bytes())?;
        Some(args.into_iter().map(|arg| String::from_utf8(arg).unwrap()).collect())
    }

    #[test]
    fn lines() {
        let some = |args: &[&str]| Some(args.iter().map(|arg| arg.to_string()).collect());
        assert_eq!(split(""), some(&[]));
        assert_eq!(split(" \t\r\n\x0b\x0c"), some(&[]));
        assert_eq!(split("set  a b\r\n"), some(&["set", "a", "b"]));
        assert_eq!(split(r#"a "" ''"#), some(&["a", "", ""]));
        assert_eq!(split(r#""\x41\n\q\"" 'it\'s \n'"#), some(&["A\nq\"", "it's \\n"]));
        assert_eq!(split(r#""\x4g""#), some(&["x4g"]));
        assert_eq!(split(r#"ab"c d""#), some(&["abc d"]));
        assert_eq!(split("a\x0bb"), some(&["a\x0bb"]));
        assert_eq!(split("a\0b"), some(&["a"]));
        assert_eq!(split("a \\n"), some(&["a", "\\n"]));
        for open in ["\"", "'", "\"a\"b", "'a'b", "\"\\\"", "'\\'", "a \"b", "\"a\0\""] {
            assert_eq!(split(open), None, "{open:?}");
        }
    }

    #[test]
    fn quotes() {
        let text = quote(b"a \"\\\n\r\t\x07\x08\x00\xff~\x7f");
        assert_eq!(text, r#""a \"\\\n\r\t\a\b\x00\xff~\x7f""#);
    }

    proptest! {
        #[test]
        fn split_undoes_quote(args: Vec<Vec<u8>>) {
            let line = args.iter().map(|arg| quote(arg)).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split_args(line.as_bytes()), Some(args));
        }

        #[test]
        fn any_line_is_safe(line: Vec<u8>) {
            let _ = split_args(&line);
        }
    }
}
