//! COPY. A large value is copied in slices while its key is held; the copy appears when it is
//! complete.

use super::generic::{SAME_OBJECT, changed_if, database, generic};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::budget::Budget;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::{LONG, Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::keys::Boxed;
use crate::keyspace::lease::Lease;
use crate::value::copying::Copying;

pub(super) fn copy(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let mut to_db = cx.keys.db_index();
    let mut replace = false;
    args.seek(3);
    while args.remaining() > 0 {
        if args.accept("replace") {
            replace = true;
        } else if args.accept("db") {
            to_db = database(args.word()?, &cx.keys)?;
        } else {
            return Err(Error::Syntax);
        }
    }
    let (from, to) = (args.get(1), args.get(2));
    if from == to && to_db == cx.keys.db_index() {
        return Err(SAME_OBJECT);
    }
    let deadline = match cx.keys.entry(from) {
        Some(entry) => entry.deadline(),
        None => return Ok(copied(cx, to_db, to, false)),
    };
    if cx.keys.exists_in(to_db, to) && !replace {
        return Ok(copied(cx, to_db, to, false));
    }
    if let Some(copying) = cx.keys.again::<Boxed>(from).and_then(|v| Copying::of(v, LONG)) {
        let (lease, to) = (cx.keys.hold(from), to.to_vec());
        let copying = Some(copying);
        let work = LongCopy { lease, copying, deadline, to_db, to, replace };
        return Ok(Outcome::Enter(Box::new(work)));
    }
    cx.keys.copy(from, to_db, to);
    Ok(copied(cx, to_db, to, true))
}

fn copied(cx: &mut DataCx<'_>, to_db: usize, to: &[u8], copied: bool) -> Outcome {
    if copied {
        cx.keys.touch_in(to_db, to, generic("copy_to"), 1);
    }
    cx.out.int(i64::from(copied));
    changed_if(copied)
}

/// A copy on its way.
struct LongCopy {
    lease: Lease,
    copying: Option<Copying>,
    deadline: Option<i64>,
    to_db: usize,
    to: Vec<u8>,
    replace: bool,
}

impl Work for LongCopy {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        if let Some(copying) = &mut self.copying {
            let source = cx.keys.leased::<Boxed>(self.lease).expect("it is held");
            while !copying.step(source, cx.limits) {
                if !budget.more() {
                    return Ok(Progress::Pending);
                }
            }
        }
        // Somebody may have taken the name meanwhile.
        let free = self.replace || !cx.keys.exists_in(self.to_db, &self.to);
        if let (true, Some(copying)) = (free, self.copying.take()) {
            cx.keys.put_copy(self.to_db, &self.to, copying.into_value(), self.deadline);
        }
        Ok(Progress::Done(copied(cx, self.to_db, &self.to, free)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
        if let Some(copying) = self.copying.take() {
            space.free_value(copying.into_value());
        }
    }
}
