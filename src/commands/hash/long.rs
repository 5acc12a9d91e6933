//! Replies about large hashes, made in slices: the hash is leased meanwhile, so that all of them
//! see it as it was when the command came.

use super::Form;
use crate::base::error::Error;
use crate::base::rng::Rng;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome};
use crate::engine::work::{Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::lease::Lease;
use crate::value::hash::{Field, Hash, HashRef};

/// Some of all things, every set of so many as likely as any other: shown one by one, each is
/// taken with the share of what is still wanted in what is still to come.
pub(super) struct Sample {
    wanted: u64,
    left: u64,
}

impl Sample {
    pub(super) fn new(wanted: usize, of: usize) -> Sample {
        Sample { wanted: wanted as u64, left: of as u64 }
    }

    /// Whether the next one is taken.
    #[inline]
    pub(super) fn takes(&mut self, rng: &mut Rng) -> bool {
        let taken = self.wanted >= self.left || rng.below(self.left) < self.wanted;
        self.wanted -= u64::from(taken);
        self.left -= 1;
        taken
    }
}

/// All fields of a table, or some that differ. The start of the array is written.
pub(super) struct Listing {
    lease: Lease,
    form: Form,
    cursor: u64,
    sample: Sample,
}

impl Listing {
    pub(super) fn new(lease: Lease, form: Form, wanted: usize, of: usize) -> Listing {
        Listing { lease, form, cursor: 0, sample: Sample::new(wanted, of) }
    }
}

impl Work for Listing {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let (sample, form) = (&mut self.sample, self.form);
        let hash = cx.keys.leased::<Hash>(self.lease).expect("it was there when it was leased");
        loop {
            self.cursor = hash.scan(self.cursor, &mut |name, value| {
                if sample.takes(cx.rng) {
                    form.add(cx.out, (name, value));
                }
            });
            // What is past the limit of the client's output is not listed in vain.
            if self.cursor == 0 || cx.out.overflowed() {
                return Ok(Progress::Done(Outcome::Unchanged));
            }
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}

/// Many picks that know nothing of each other. The start of the array is written.
pub(super) struct Picks {
    lease: Lease,
    form: Form,
    left: usize,
}

impl Picks {
    pub(super) fn new(lease: Lease, form: Form, picks: usize) -> Picks {
        Picks { lease, form, left: picks }
    }
}

impl Work for Picks {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let hash = cx.keys.leased::<Hash>(self.lease).expect("it was there when it was leased");
        // In a listpack each pick would walk; those of a slice share one walk.
        let fields: Vec<Field<'_>> = match hash {
            HashRef::Packed(_) => hash.iter().collect(),
            HashRef::Table(_) => Vec::new(),
        };
        while self.left > 0 && !cx.out.overflowed() {
            let picked = match fields.len() as u64 {
                0 => hash.random(cx.rng),
                len => Some(fields[cx.rng.below(len) as usize]),
            };
            self.form.add(cx.out, picked.expect("a hash that exists has fields"));
            self.left -= 1;
            if !budget.more() {
                return Ok(Progress::Pending);
            }
        }
        Ok(Progress::Done(Outcome::Unchanged))
    }

    fn changes(&self) -> bool {
        false
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}
