//! BITCOUNT and BITPOS over long strings: in slices, while the string is leased.

use crate::base::error::Error;
use crate::ds::bits;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
use crate::value::string::Str;
use std::ops::Range;

/// Bits from which on they are looked at in slices: 8 MB of them.
pub(super) const LONG: u64 = 8 * (8 << 20);
/// Bits between two looks at the budget: 32 KB of them.
const STEP: u64 = 8 * (32 << 10);

/// What is asked about the bits of a range.
pub(super) enum Asked {
    /// How many are set; so many were found.
    Ones(u64),
    /// Where the first one or zero is. In an open range zeros follow the string.
    First {
        /// The bit that is looked for.
        bit: bool,
        /// Whether the search may go on behind the string.
        open: bool,
    },
}

/// The answer on its way.
pub(super) struct Look {
    lease: Lease,
    left: Range<u64>,
    asked: Asked,
}

impl Look {
    /// Over bits that are there.
    pub(super) fn new(lease: Lease, range: Range<u64>, asked: Asked) -> Look {
        Look { lease, left: range, asked }
    }

    /// Looks at some bits; the answer at the end.
    fn advance(&mut self, bytes: &[u8]) -> Option<i64> {
        let part = self.left.start..(self.left.start + STEP).min(self.left.end);
        self.left.start = part.end;
        let over = self.left.is_empty();
        match &mut self.asked {
            Asked::Ones(ones) => {
                *ones += bits::count_ones_in(bytes, part);
                over.then_some(*ones as i64)
            }
            Asked::First { bit, open } => match bits::first_bit(bytes, *bit, part) {
                Some(place) => Some(place as i64),
                None if !over => None,
                None if !*bit && *open => Some(self.left.end as i64),
                None => Some(-1),
            },
        }
    }
}

impl Work for Look {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let value = cx.keys.leased::<Str>(self.lease).expect("it was there when it was leased");
        let answer = value.with_bytes(|bytes| {
            loop {
                let answer = self.advance(bytes);
                if answer.is_some() || !budget.more() {
                    return answer;
                }
            }
        });
        let Some(answer) = answer else { return Ok(Progress::Pending) };
        cx.out.int(answer);
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}
