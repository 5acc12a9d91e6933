//! BITOP: strings combined bit by bit. Long ones are combined in slices while they are held; the
//! result appears when it is complete.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::budget::Budget;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::{NewStr, Ttl};
use crate::keyspace::lease::Lease;
use crate::value::Value;
use crate::value::string::{BigStr, Str, StrRef};

/// Bytes of all sources together from which on a call is cut into slices.
const LONG_BYTES: usize = 1 << 20;
/// Bytes of a source that are combined between two looks at the budget.
const STEP: usize = 16 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    And,
    Or,
    Xor,
    Not,
}

pub(super) fn bitop(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let named = [("and", Op::And), ("or", Op::Or), ("xor", Op::Xor), ("not", Op::Not)];
    let op = named.iter().find(|(name, _)| args.is(1, name)).ok_or(Error::Syntax)?.1;
    if op == Op::Not && args.len() != 4 {
        return Err(Error::fixed("ERR BITOP NOT must be called with a single source key."));
    }
    let mut lens = Vec::with_capacity(args.len() - 3);
    for i in 3..args.len() {
        lens.push(cx.keys.read::<Str>(args.get(i))?.map(|value| value.len()));
    }
    let longest = lens.iter().flatten().copied().max().unwrap_or(0);
    let mut combining = Combining { op, result: vec![0; longest], at: 0, source: 0 };
    if lens.iter().flatten().sum::<usize>() >= LONG_BYTES {
        // Missing ones, too: they must not come to be.
        let sources = (3..args.len()).map(|i| cx.keys.hold(args.get(i))).collect();
        let target = args.get(2).to_vec();
        return Ok(Outcome::Enter(Box::new(LongBitop { sources, combining, target })));
    }
    let keys = &cx.keys;
    let source = |i: usize| keys.again::<Str>(args.get(3 + i));
    while combining.step(lens.len(), &source) {}
    Ok(store(cx, args.get(2), combining.result))
}

fn store(cx: &mut DataCx<'_>, target: &[u8], result: Vec<u8>) -> Outcome {
    let len = result.len();
    cx.out.int(len as i64);
    if len > 0 {
        cx.keys.set_string(target, NewStr::Raw(result), Ttl::Clear);
        cx.keys.touch(target, Event::new(class::STRING, "set"));
    } else if cx.keys.delete(target) {
        cx.keys.touch(target, Event::new(class::GENERIC, "del"));
    } else {
        return Outcome::Unchanged;
    }
    Outcome::Changed(Propagate::Verbatim)
}

/// A result on its way: part after part, each from all sources.
struct Combining {
    op: Op,
    result: Vec<u8>,
    /// Where the part begins that is being made.
    at: usize,
    /// The next source for it.
    source: usize,
}

impl Combining {
    /// Takes a part of one source in; false when all is done. A source that is missing is one of
    /// zeros, as is what lies behind the end of one.
    fn step<'k>(&mut self, sources: usize, source: &impl Fn(usize) -> Option<StrRef<'k>>) -> bool {
        if self.at >= self.result.len() {
            return false;
        }
        let end = (self.at + STEP).min(self.result.len());
        let part = &mut self.result[self.at..end];
        let (op, first, at) = (self.op, self.source == 0, self.at);
        source(self.source).unwrap_or(StrRef::Bytes(b"")).with_bytes(|bytes| {
            let bytes = &bytes[at.min(bytes.len())..end.min(bytes.len())];
            if first {
                part[..bytes.len()].copy_from_slice(bytes);
            } else {
                combine(part, bytes, op);
            }
        });
        if op == Op::Not {
            part.iter_mut().for_each(|byte| *byte = !*byte);
        }
        self.source += 1;
        if self.source == sources {
            (self.source, self.at) = (0, end);
        }
        true
    }
}

fn combine(result: &mut [u8], other: &[u8], op: Op) {
    let (both, rest) = result.split_at_mut(other.len());
    let pairs = both.iter_mut().zip(other);
    match op {
        Op::And => {
            pairs.for_each(|(to, from)| *to &= from);
            rest.fill(0);
        }
        Op::Or => pairs.for_each(|(to, from)| *to |= from),
        Op::Xor => pairs.for_each(|(to, from)| *to ^= from),
        Op::Not => {}
    }
}

/// A BITOP on its way.
struct LongBitop {
    sources: Vec<Lease>,
    combining: Combining,
    target: Vec<u8>,
}

impl Work for LongBitop {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let LongBitop { sources, combining, target } = self;
        let keys = &cx.keys;
        let source = |i: usize| keys.leased::<Str>(sources[i]);
        while combining.step(sources.len(), &source) {
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        let result = std::mem::take(&mut combining.result);
        Ok(Progress::Done(store(cx, target, result)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        for lease in std::mem::take(&mut self.sources) {
            space.release(lease);
        }
        let result = std::mem::take(&mut self.combining.result);
        space.free_value(Value::Str(BigStr::Owned(result)));
    }
}
