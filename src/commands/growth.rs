//! Large strings that are made longer, or changed while replies share them: what there is is copied
//! in slices, and while it is held; the changed string appears when it is complete.

use crate::base::error::Error;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::effects::Event;
use crate::keyspace::keys::{Boxed, NewStr, Ttl};
use crate::keyspace::lease::Lease;
use crate::value::Value;
use crate::value::string::{BigStr, Str};

/// Bytes that take too long to be copied at once.
pub(super) const LARGE: usize = 4 << 20;
/// Bytes that are copied between two looks at the budget.
const STEP: usize = 16 * 1024;

/// A change to the bytes of a string that is long enough for it.
pub(super) type Patch = Box<dyn FnOnce(&mut [u8])>;

/// The string at `key` on its way to `end` bytes, no fewer than it has, which are patched then;
/// `None` when that is nothing to take slices for.
pub(super) fn in_slices(
    cx: &mut DataCx<'_>,
    (key, end): (&[u8], usize),
    patch: impl FnOnce() -> Patch,
    event: Event,
    reply: i64,
) -> Option<Outcome> {
    let Value::Str(string) = cx.keys.again::<Boxed>(key)? else { return None };
    let (len, room, lent) = match string {
        BigStr::Owned(bytes) => (bytes.len(), bytes.capacity(), false),
        BigStr::Shared(bytes) => (bytes.len(), bytes.len(), !bytes.is_unique()),
    };
    let in_place = end <= room && end - len < LARGE && !lent;
    if len < LARGE || in_place {
        return None;
    }
    // As much ahead as a string gets that grows at once.
    let ahead = if end > len { end / 8 } else { 0 };
    let mut made = vec![0; end + ahead];
    made.truncate(end);
    let growth = Growth {
        lease: cx.keys.hold(key),
        key: key.to_vec(),
        made,
        copied: 0,
        patch: Some(patch()),
        event,
        reply,
    };
    Some(Outcome::Enter(Box::new(growth)))
}

struct Growth {
    lease: Lease,
    key: Vec<u8>,
    made: Vec<u8>,
    copied: usize,
    patch: Option<Patch>,
    event: Event,
    reply: i64,
}

impl Work for Growth {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let old = cx.keys.leased::<Str>(self.lease).expect("it is held");
        let (made, copied) = (&mut self.made, &mut self.copied);
        let over = old.with_bytes(|bytes| {
            while *copied < bytes.len() {
                let part = *copied..(*copied + STEP).min(bytes.len());
                *copied = part.end;
                made[part.clone()].copy_from_slice(&bytes[part]);
                if !budget.more() {
                    return *copied == bytes.len();
                }
            }
            true
        });
        if !over {
            return Ok(Progress::Pending);
        }
        let mut made = std::mem::take(&mut self.made);
        if let Some(patch) = self.patch.take() {
            patch(&mut made);
        }
        cx.keys.set_string(&self.key, NewStr::Raw(made), Ttl::Keep);
        cx.keys.touch(&self.key, self.event);
        cx.out.int(self.reply);
        Ok(Progress::Done(Outcome::Changed(Propagate::Verbatim)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
        space.free_value(Value::Str(BigStr::Owned(std::mem::take(&mut self.made))));
    }
}
