//! DEBUG PROTOCOL: one reply of each type, for clients to try themselves on.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::resp::reply::Proto;

pub(super) fn protocol(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let name = args.get(2).to_ascii_lowercase();
    if name == b"push" {
        return push(cx);
    }
    let out = &mut *cx.out;
    match &name[..] {
        b"string" => out.bulk(b"Hello World"),
        b"integer" => out.int(12345),
        b"double" => out.double_text(b"3.141"),
        b"null" => out.null(),
        b"array" => {
            out.array(3);
            (0..3).for_each(|n| out.int(n));
        }
        b"set" => {
            out.set(3);
            (0..3).for_each(|n| out.int(n));
        }
        b"map" => {
            out.map(3);
            for n in 0..3 {
                out.int(n);
                out.bool(n == 1);
            }
        }
        b"attrib" => {
            if out.attribute(1) {
                out.bulk(b"key-popularity");
                out.array(2);
                out.bulk(b"key:123");
                out.int(90);
            }
            // Attributes belong to a reply, so one must follow.
            out.bulk(b"Some real reply following the attribute");
        }
        b"bignum" => out.big_number(b"1234567999999999999999999999999999999"),
        b"verbatim" => out.verbatim(*b"txt", b"This is a verbatim\nstring"),
        b"true" => out.bool(true),
        b"false" => out.bool(false),
        _ => {
            return Err(Error::fixed(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Outcome::Unchanged)
}

/// A message out of turn, and a reply for clients that wait for one.
fn push(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.out.proto == Proto::V2 {
        return Err(Error::fixed("ERR RESP2 is not supported by this command"));
    }
    cx.out.bulk(b"Some real reply following the push reply");
    if let Some(id) = cx.session.origin.client() {
        cx.engine.deliver(id, &mut |_, out| {
            out.push(2);
            out.bulk(b"server-cpu-usage");
            out.int(42);
        });
    }
    Ok(Outcome::Unchanged)
}
