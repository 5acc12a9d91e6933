//! RESP as a test sees it: where a frame ends, what it holds, how it is shown.
//! Written apart from the crate's own codec, so that one cannot hide a fault of the other.

/// What a frame holds. Text stays bytes; maps are key, value, key, value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Int(i64),
    Text(Vec<u8>),
    List(Vec<Node>),
}

/// One frame: its type byte and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub kind: u8,
    pub value: Value,
}

impl Node {
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn is_map(&self) -> bool {
        matches!(self.kind, b'%' | b'|')
    }

    /// The value as text, the way a person would write it.
    pub fn text(&self) -> Vec<u8> {
        match &self.value {
            Value::Null => b"None".to_vec(),
            Value::Int(n) => n.to_string().into_bytes(),
            Value::Text(t) => t.clone(),
            Value::List(items) => items.iter().flat_map(Node::text).collect(),
        }
    }
}

/// Why bytes are not RESP.
pub type Malformed = String;

fn line(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].windows(2).position(|w| w == b"\r\n").map(|at| from + at)
}

fn number(head: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(head)
        .ok()
        .and_then(|s| s.parse().ok())
        .ok_or_else(|| format!("not a length: {}", show(head)))
}

/// Index just past the frame that starts at 0, `None` while it is not complete.
pub fn frame_end(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let (mut at, mut todo) = (0, 1_i64);
    while todo > 0 {
        if at >= bytes.len() {
            return Ok(None);
        }
        let Some(end) = line(bytes, at) else { return Ok(None) };
        let (kind, head) = (bytes[at], &bytes[at + 1..end]);
        at = end + 2;
        todo -= 1;
        match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => {}
            b'$' | b'=' | b'!' => {
                if let Ok(len) = usize::try_from(number(head)?) {
                    at += len + 2;
                    if at > bytes.len() {
                        return Ok(None);
                    }
                }
            }
            b'*' | b'~' | b'>' => todo += number(head)?.max(0),
            b'%' => todo += 2 * number(head)?,
            b'|' => todo += 2 * number(head)? + 1,
            _ => return Err(format!("not RESP: {}", show(&bytes[..bytes.len().min(200)]))),
        }
    }
    Ok(Some(at))
}

/// Reads one frame from the front; gives it and its length.
pub fn parse(bytes: &[u8]) -> Result<(Node, usize), Malformed> {
    let end = line(bytes, 0).ok_or("no end of line")?;
    let (kind, head) = (bytes[0], &bytes[1..end]);
    let mut at = end + 2;
    let value = match kind {
        b':' => Value::Int(number(head)?),
        b'+' | b'-' | b',' | b'#' | b'(' => Value::Text(head.to_vec()),
        b'_' => Value::Null,
        _ => {
            let Ok(len) = usize::try_from(number(head)?) else {
                return Ok((Node { kind, value: Value::Null }, at));
            };
            if matches!(kind, b'$' | b'=' | b'!') {
                let text = bytes.get(at..at + len).ok_or("cut short")?.to_vec();
                at += len + 2;
                Value::Text(text)
            } else {
                let mut items = Vec::new();
                for _ in 0..if matches!(kind, b'%' | b'|') { len * 2 } else { len } {
                    let (item, used) = parse(bytes.get(at..).ok_or("cut short")?)?;
                    items.push(item);
                    at += used;
                }
                Value::List(items)
            }
        }
    };
    Ok((Node { kind, value }, at))
}

/// All the frames in `bytes`, which must hold nothing else.
pub fn parse_all(mut bytes: &[u8]) -> Result<Vec<Node>, Malformed> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (frame, used) = parse(bytes)?;
        frames.push(frame);
        bytes = bytes.get(used..).ok_or("cut short")?;
    }
    Ok(frames)
}

/// A request as clients send it.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args.iter().map(AsRef::as_ref) {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Bytes for a person: printable ones as they are, the rest escaped.
pub fn show(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}
