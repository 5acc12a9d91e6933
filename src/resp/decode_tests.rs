//! Every frame type, every cut, every refusal, and nesting without end.

use super::*;
use crate::resp::reply::{Proto, Reply};

fn whole(data: &[u8]) -> Frame {
    let (frame, used) = decode(data).expect("valid").expect("complete");
    assert_eq!(used, data.len());
    for cut in 0..data.len() {
        assert_eq!(decode(&data[..cut]), Ok(None), "cut at {cut}");
    }
    frame
}

fn bulk(text: &str) -> Frame {
    Frame::Bulk(Some(text.as_bytes().to_vec()))
}

#[test]
fn scalars() {
    assert_eq!(whole(b"+OK\r\n"), Frame::Simple(b"OK".to_vec()));
    assert_eq!(whole(b"-ERR no\r\n"), Frame::Error(b"ERR no".to_vec()));
    assert_eq!(whole(b"!6\r\nERR no\r\n"), Frame::Error(b"ERR no".to_vec()));
    assert_eq!(whole(b":-12\r\n"), Frame::Int(-12));
    assert_eq!(whole(b"$3\r\na\r\n\r\n"), bulk("a\r\n"));
    assert_eq!(whole(b"$0\r\n\r\n"), bulk(""));
    assert_eq!(whole(b"$-1\r\n"), Frame::Bulk(None));
    assert_eq!(whole(b"*-1\r\n"), Frame::Array(None));
    assert_eq!(whole(b"_\r\n"), Frame::Null);
    let double = |value, text: &str| Frame::Double { value, text: text.into() };
    assert_eq!(whole(b",3.50\r\n"), double(3.5, "3.50"));
    assert_eq!(whole(b",-inf\r\n"), double(f64::NEG_INFINITY, "-inf"));
    assert!(matches!(whole(b",nan\r\n"), Frame::Double { value, .. } if value.is_nan()));
    assert_eq!(whole(b"#t\r\n"), Frame::Bool(true));
    assert_eq!(whole(b"#f\r\n"), Frame::Bool(false));
    assert_eq!(whole(b"(123\r\n"), Frame::BigNumber(b"123".to_vec()));
    let text = Frame::Verbatim { ext: *b"txt", text: b"hi".to_vec() };
    assert_eq!(whole(b"=6\r\ntxt:hi\r\n"), text);
}

#[test]
fn aggregates() {
    let one = || Frame::Int(1);
    assert_eq!(whole(b"*0\r\n"), Frame::Array(Some(vec![])));
    assert_eq!(whole(b"%0\r\n"), Frame::Map(vec![]));
    assert_eq!(whole(b"~1\r\n:1\r\n"), Frame::Set(vec![one()]));
    assert_eq!(whole(b">1\r\n:1\r\n"), Frame::Push(vec![one()]));
    assert_eq!(whole(b"%1\r\n$1\r\na\r\n:1\r\n"), Frame::Map(vec![(bulk("a"), one())]));
    let inner = Frame::Array(Some(vec![one(), Frame::Array(Some(vec![]))]));
    assert_eq!(whole(b"*2\r\n*2\r\n:1\r\n*0\r\n:1\r\n"), Frame::Array(Some(vec![inner, one()])));
    let noted = Frame::Attribute(vec![(bulk("a"), one())], Box::new(Frame::Null));
    assert_eq!(whole(b"|1\r\n$1\r\na\r\n:1\r\n_\r\n"), noted);
    assert_eq!(whole(b"*1\r\n|0\r\n:1\r\n").clone(), {
        Frame::Array(Some(vec![Frame::Attribute(vec![], Box::new(one()))]))
    });
}

#[test]
fn refusals() {
    for (data, error) in [
        (&b"x"[..], DecodeError::UnknownType(b'x')),
        (b":x\r\n", DecodeError::BadValue),
        (b":1\n", DecodeError::BadValue),
        (b"#x\r\n", DecodeError::BadValue),
        (b"_x\r\n", DecodeError::BadValue),
        (b",x\r\n", DecodeError::BadValue),
        (b"$x\r\n", DecodeError::BadLength),
        (b"$-2\r\n", DecodeError::BadLength),
        (b"%-1\r\n", DecodeError::BadLength),
        (b"*99999999999\r\n", DecodeError::BadLength),
        (b"$1\r\nabc", DecodeError::BadValue),
        (b"=2\r\nab\r\n", DecodeError::BadValue),
        (b"=4\r\ntxt-\r\n", DecodeError::BadValue),
    ] {
        assert_eq!(decode(data), Err(error), "{data:?}");
    }
}

#[test]
fn nesting_has_an_end() {
    let deep = |levels: usize| [b"*1\r\n".repeat(levels), b":1\r\n".to_vec()].concat();
    assert!(decode(&deep(DEPTH_MAX)).expect("allowed").is_some());
    assert_eq!(decode(&deep(DEPTH_MAX + 1)), Err(DecodeError::TooDeep));
    assert_eq!(decode(&b"*1\r\n".repeat(1_000_000)), Err(DecodeError::TooDeep));
}

#[test]
fn reads_what_the_writer_writes() {
    for proto in [Proto::V2, Proto::V3] {
        let mut reply = Reply::new(proto);
        reply.array(10);
        reply.ok();
        reply.int(i64::MIN);
        reply.null();
        reply.null_array();
        reply.double(0.1);
        reply.bool(true);
        reply.big_number(b"12345678901234567890");
        reply.verbatim(*b"txt", b"some text");
        reply.map(1);
        reply.bulk(b"key");
        reply.bulk(&[b'v'; 100]);
        reply.set(0);
        assert!(matches!(whole(&reply.out().to_vec()), Frame::Array(Some(f)) if f.len() == 10));
    }
}

#[test]
fn mutated_replies_do_no_harm() {
    let base = b"*4\r\n%1\r\n$3\r\nkey\r\n,1.5\r\n~2\r\n:1\r\n#t\r\n=7\r\ntxt:abc\r\n|0\r\n_\r\n";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let mut data = base.to_vec();
        for _ in 0..1 + next(4) {
            let at = next(data.len());
            data[at] = b"*$%~|:+-_,=(#\r\n0123456789a"[next(26)];
        }
        if let Ok(Some((_, used))) = decode(&data) {
            assert!(used <= data.len());
        }
    }
}
