//! Replies as text. The forms are those scripts have learned to read.

use crate::base::units::quote;
use crate::resp::decode::Frame;

use super::args::{Options, Output};

/// A reply in the form asked for. `plain` asks for the bytes alone, whatever the form: some
/// commands answer with a page of text.
pub fn reply(frame: &Frame, options: &Options, plain: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if plain {
        raw(&mut out, frame, options);
        return out;
    }
    match options.output {
        Output::Standard => standard(&mut out, frame, ""),
        Output::Raw => {
            raw(&mut out, frame, options);
            out.extend_from_slice(&options.reply_end);
        }
        Output::Csv => {
            csv(&mut out, frame);
            out.push(b'\n');
        }
        Output::Json | Output::QuotedJson => {
            json(&mut out, frame, options.output == Output::QuotedJson);
            out.push(b'\n');
        }
    }
    out
}

/// What a client that tracks keys is told, for people.
pub fn invalidation(frame: &Frame) -> Option<Vec<u8>> {
    let Frame::Push(items) = frame else { return None };
    let [Frame::Bulk(Some(kind)), Frame::Array(Some(keys))] = items.as_slice() else { return None };
    if kind != b"invalidate" {
        return None;
    }
    let names = keys.iter().filter_map(|key| match key {
        Frame::Bulk(Some(name)) => Some(format!("'{}'", String::from_utf8_lossy(name))),
        _ => None,
    });
    Some(format!("-> invalidate: {}\n", names.collect::<Vec<_>>().join(", ")).into_bytes())
}

/// Types, quotes and numbers; `prefix` is the indentation of this level.
fn standard(out: &mut Vec<u8>, frame: &Frame, prefix: &str) {
    let (items, sign, empty) = match frame {
        Frame::Array(Some(items)) => (items, ')', "(empty array)"),
        Frame::Set(items) => (items, '~', "(empty set)"),
        Frame::Push(items) => (items, ')', "(empty push)"),
        Frame::Map(pairs) => return standard_map(out, pairs, prefix),
        Frame::Attribute(_, subject) => return standard(out, subject, prefix),
        scalar => {
            standard_scalar(out, scalar);
            out.push(b'\n');
            return;
        }
    };
    if items.is_empty() {
        out.extend_from_slice(empty.as_bytes());
        out.push(b'\n');
        return;
    }
    let width = digits(items.len());
    let deeper = format!("{prefix}{}", " ".repeat(width + 2));
    for (at, item) in items.iter().enumerate() {
        number(out, if at == 0 { "" } else { prefix }, at + 1, width, sign);
        standard(out, item, &deeper);
    }
}

fn standard_map(out: &mut Vec<u8>, pairs: &[(Frame, Frame)], prefix: &str) {
    if pairs.is_empty() {
        out.extend_from_slice(b"(empty hash)\n");
        return;
    }
    let width = digits(pairs.len());
    let deeper = format!("{prefix}{}", " ".repeat(width + 2));
    for (at, (key, value)) in pairs.iter().enumerate() {
        number(out, if at == 0 { "" } else { prefix }, at + 1, width, '#');
        standard(out, key, &deeper);
        // The value goes on in the key's line.
        out.pop();
        out.extend_from_slice(b" => ");
        standard(out, value, &deeper);
    }
}

fn standard_scalar(out: &mut Vec<u8>, frame: &Frame) {
    match frame {
        Frame::Error(text) => {
            out.extend_from_slice(b"(error) ");
            out.extend_from_slice(text);
        }
        Frame::Simple(text) | Frame::Verbatim { text, .. } | Frame::BigNumber(text) => {
            out.extend_from_slice(text);
        }
        Frame::Int(n) => out.extend_from_slice(format!("(integer) {n}").as_bytes()),
        Frame::Double { text, .. } => {
            out.extend_from_slice(b"(double) ");
            out.extend_from_slice(text);
        }
        Frame::Bulk(Some(bytes)) => out.extend_from_slice(quote(bytes).as_bytes()),
        Frame::Bool(yes) => out.extend_from_slice(if *yes { b"(true)" } else { b"(false)" }),
        _ => out.extend_from_slice(b"(nil)"),
    }
}

/// `prefix`, the item's number in `width` columns, the sign of the aggregate.
fn number(out: &mut Vec<u8>, prefix: &str, n: usize, width: usize, sign: char) {
    out.extend_from_slice(format!("{prefix}{n:>width$}{sign} ").as_bytes());
}

fn digits(n: usize) -> usize {
    n.max(1).ilog10() as usize + 1
}

fn raw(out: &mut Vec<u8>, frame: &Frame, options: &Options) {
    match frame {
        Frame::Error(text) => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        Frame::Simple(text)
        | Frame::Bulk(Some(text))
        | Frame::Verbatim { text, .. }
        | Frame::BigNumber(text)
        | Frame::Double { text, .. } => out.extend_from_slice(text),
        Frame::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Frame::Bool(yes) => out.extend_from_slice(if *yes { b"(true)" } else { b"(false)" }),
        Frame::Null | Frame::Bulk(None) | Frame::Array(None) => {}
        Frame::Array(Some(items)) | Frame::Set(items) | Frame::Push(items) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(&options.item_end);
                }
                raw(out, item, options);
            }
        }
        Frame::Map(pairs) => {
            for (at, (key, value)) in pairs.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(&options.item_end);
                }
                raw(out, key, options);
                out.push(b' ');
                raw(out, value, options);
            }
        }
        Frame::Attribute(_, subject) => raw(out, subject, options),
    }
}

fn csv(out: &mut Vec<u8>, frame: &Frame) {
    match frame {
        Frame::Error(text) => {
            out.extend_from_slice(b"ERROR,");
            out.extend_from_slice(quote(text).as_bytes());
        }
        Frame::Simple(text) | Frame::Bulk(Some(text)) | Frame::Verbatim { text, .. } => {
            out.extend_from_slice(quote(text).as_bytes());
        }
        Frame::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Frame::Double { text, .. } | Frame::BigNumber(text) => out.extend_from_slice(text),
        Frame::Bool(yes) => out.extend_from_slice(yes.to_string().as_bytes()),
        Frame::Null | Frame::Bulk(None) | Frame::Array(None) => out.extend_from_slice(b"NULL"),
        Frame::Array(Some(items)) | Frame::Set(items) | Frame::Push(items) => {
            joined(out, items.iter(), csv);
        }
        Frame::Map(pairs) => {
            joined(out, pairs.iter().flat_map(|(key, value)| [key, value]), csv);
        }
        Frame::Attribute(_, subject) => csv(out, subject),
    }
}

/// Items separated by commas.
fn joined<'a>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = &'a Frame>,
    mut item: impl FnMut(&mut Vec<u8>, &Frame),
) {
    for (at, frame) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        item(out, frame);
    }
}

fn json(out: &mut Vec<u8>, frame: &Frame, ascii: bool) {
    match frame {
        Frame::Error(text) => {
            out.extend_from_slice(b"error:");
            json_string(out, text, ascii);
        }
        Frame::Simple(text) | Frame::Bulk(Some(text)) | Frame::Verbatim { text, .. } => {
            json_string(out, text, ascii);
        }
        Frame::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Frame::Double { text, .. } | Frame::BigNumber(text) => out.extend_from_slice(text),
        Frame::Bool(yes) => out.extend_from_slice(yes.to_string().as_bytes()),
        Frame::Null | Frame::Bulk(None) | Frame::Array(None) => out.extend_from_slice(b"null"),
        Frame::Array(Some(items)) | Frame::Set(items) | Frame::Push(items) => {
            out.push(b'[');
            joined(out, items.iter(), |out, item| json(out, item, ascii));
            out.push(b']');
        }
        Frame::Map(pairs) => {
            out.push(b'{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                json_key(out, key, ascii);
                out.push(b':');
                json(out, value, ascii);
            }
            out.push(b'}');
        }
        Frame::Attribute(_, subject) => json(out, subject, ascii),
    }
}

/// A key must be a string in JSON; other types are put into quotes.
fn json_key(out: &mut Vec<u8>, key: &Frame, ascii: bool) {
    let mut text = Vec::new();
    json(&mut text, key, ascii);
    let quoted = text.first() == Some(&b'"') || matches!(key, Frame::Error(_));
    if !quoted {
        out.push(b'"');
    }
    out.extend_from_slice(&text);
    if !quoted {
        out.push(b'"');
    }
}

fn json_string(out: &mut Vec<u8>, bytes: &[u8], ascii: bool) {
    if ascii {
        // The quoted form with its backslashes doubled, so that a JSON reader gives it back.
        for byte in quote(bytes).bytes() {
            if byte == b'\\' {
                out.push(b'\\');
            }
            out.push(byte);
        }
        return;
    }
    out.push(b'"');
    for &byte in bytes {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..=0x1f => {
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::args::{Parsed, parse};
    use super::*;
    use crate::resp::decode::decode;

    fn shown(wire: &str, option: &str) -> String {
        let words = [option.as_bytes().to_vec(), b"x".to_vec()];
        let Parsed::Run(options, _) = parse(&words, true) else { panic!("{option}") };
        let (frame, _) = decode(wire.as_bytes()).expect("valid").expect("whole");
        String::from_utf8(reply(&frame, &options, false)).expect("UTF-8")
    }

    #[test]
    fn nested_items_are_indented_by_their_numbers() {
        let wire = "*2\r\n*2\r\n:1\r\n*0\r\n*1\r\n$3\r\na\nb\r\n";
        assert_eq!(
            shown(wire, "--no-raw"),
            "1) 1) (integer) 1\n   2) (empty array)\n2) 1) \"a\\nb\"\n"
        );
        assert_eq!(shown(wire, "--raw"), "1\n\na\nb\n");
        assert_eq!(shown(wire, "--csv"), "1,,\"a\\nb\"\n");
        assert_eq!(shown(wire, "--json"), "[[1,[]],[\"a\\nb\"]]\n");
    }

    #[test]
    fn numbers_line_up() {
        let ten = format!("*10\r\n{}", ":7\r\n".repeat(10));
        let text = shown(&ten, "--no-raw");
        assert!(text.starts_with(" 1) (integer) 7\n 2) "), "{text}");
        assert!(text.ends_with("\n10) (integer) 7\n"), "{text}");
    }

    #[test]
    fn maps_show_key_and_value_in_a_line() {
        let wire = "%2\r\n+a\r\n~1\r\n#t\r\n:2\r\n,1.50\r\n";
        assert_eq!(shown(wire, "--no-raw"), "1# a => 1~ (true)\n2# (integer) 2 => (double) 1.50\n");
        assert_eq!(shown(wire, "--raw"), "a (true)\n2 1.50\n");
        assert_eq!(shown(wire, "--json"), "{\"a\":[true],\"2\":1.50}\n");
    }

    #[test]
    fn odd_bytes_in_json() {
        let wire = "$6\r\n\"\\\x01\n\x07z\r\n";
        assert_eq!(shown(wire, "--json"), "\"\\\"\\\\\\u0001\\n\\u0007z\"\n");
        assert_eq!(shown(wire, "--quoted-json"), "\"\\\\\"\\\\\\\\\\\\x01\\\\n\\\\az\"\n");
    }
}
