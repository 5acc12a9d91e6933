//! Other servers in the simulation: what a test says they are, or none at all.

use super::sim::{JobMode, Sim};
use super::{Delivery, Done, Errand, LinkFault, Links};
use std::collections::{BTreeMap, VecDeque};

/// How another server answers.
pub type Answering = Box<dyn FnMut(&Errand) -> Delivery + Send>;

/// Errands and their ends.
#[derive(Default)]
pub(super) struct LinkState {
    other: Option<Answering>,
    pending: VecDeque<Errand>,
    over: BTreeMap<u64, Delivery>,
}

impl LinkState {
    fn answer(&mut self, errand: &Errand) -> Delivery {
        match &mut self.other {
            Some(other) => other(errand),
            None => Delivery { fault: Some(LinkFault::Writing), ..Delivery::default() },
        }
    }
}

impl Sim {
    /// From now on there is another server, which answers so.
    pub fn set_other_server(&self, other: Answering) {
        self.state().links.other = Some(other);
    }

    /// Lets the oldest errand that is held arrive; its end is for `Engine::job_done`.
    pub fn deliver_one(&self) -> Option<Done> {
        let mut state = self.state();
        let errand = state.links.pending.pop_front()?;
        let delivery = state.links.answer(&errand);
        state.links.over.insert(errand.id, delivery);
        Some(Done::Delivered { id: errand.id })
    }
}

impl Links for Sim {
    fn send(&mut self, errand: Errand) {
        let held = self.job_mode() == JobMode::Held;
        self.state().links.pending.push_back(errand);
        if !held {
            let done = self.deliver_one();
            self.state().finished.extend(done);
        }
    }

    fn send_now(&mut self, errand: Errand) -> Delivery {
        self.state().links.answer(&errand)
    }

    fn take(&mut self, id: u64) -> Option<Delivery> {
        self.state().links.over.remove(&id)
    }

    fn kept(&self) -> usize {
        0
    }

    fn close_idle(&mut self) {}
}
