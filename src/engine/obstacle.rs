//! What long work stands in the way of: a request that would disturb it stays parsed in its
//! client's buffer until that work is done, and everybody else is served meanwhile.
//!
//! A request waits for the works that are there when it comes. One that may take long itself, on a
//! key for which somebody waits, waits behind that one: so readers that follow each other closely
//! do not keep a writer waiting for ever. A request that asks for all keys waits once; what is in
//! its way then is brought to its end at once. So it is for what cannot wait: a command of a script
//! on a key that the script did not declare.

use super::Engine;
use super::args::Args;
use super::client::ClientId;
use super::key_search::{Found, Words, keys_of};
use super::keyspec::kflag;
use super::session::Session;
use super::spec::{Run, Spec, cat, flag};
use crate::keyspace::lease::Touch;

/// Tells works and waiting requests apart; one counter for both.
pub(super) type Ticket = u64;

/// A request that waits.
struct Waiter {
    id: ClientId,
    ticket: Ticket,
    /// The keys it names.
    keys: Vec<Box<[u8]>>,
    /// Works that are not done and requests that have not had their turn.
    behind: Vec<Ticket>,
}

/// Requests that wait for long work.
#[derive(Default)]
pub(super) struct Waiting {
    waiters: Vec<Waiter>,
    /// Clients whose request waited and is about to be tried again.
    woken: Vec<ClientId>,
    last: Ticket,
}

impl Waiting {
    /// A ticket that nobody had.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.last += 1;
        self.last
    }

    /// Whether this client's request has waited before.
    pub(super) fn has_waited(&self, id: ClientId) -> bool {
        self.woken.contains(&id)
    }
}

/// What is in the way of a request.
#[derive(Default)]
struct Obstacles {
    works: Vec<Ticket>,
    keys: Vec<Box<[u8]>>,
    /// It may take long itself.
    long: bool,
    /// It asks for all keys.
    everywhere: bool,
}

impl Obstacles {
    fn add(&mut self, tickets: impl Iterator<Item = Ticket>) {
        for ticket in tickets {
            if !self.works.contains(&ticket) {
                self.works.push(ticket);
            }
        }
    }
}

/// The database a call names keys in; a transaction may select others on its way.
#[derive(Clone, Copy)]
enum Place {
    Db(usize),
    Anywhere,
}

impl Engine {
    /// Whether the running request has to wait for long work; then it is put back.
    #[inline]
    pub(super) fn waits_for_work(
        &mut self,
        spec: &'static Spec,
        session: &mut Session,
        args: &Args<'_>,
    ) -> bool {
        if self.keyspace.leases.is_empty() && self.waiting.woken.is_empty() {
            return false;
        }
        self.must_wait(spec, session, args)
    }

    #[cold]
    fn must_wait(&mut self, spec: &'static Spec, session: &mut Session, args: &Args<'_>) -> bool {
        let Some(id) = session.may_wait() else { return false };
        let waited = self.waiting.has_waited(id);
        self.waiting.woken.retain(|woken| *woken != id);
        let mut found = Obstacles::default();
        match session.txn.as_mut().filter(|_| spec.name == "exec") {
            Some(txn) => {
                for at in 0..txn.len() {
                    let (spec, raw) = txn.call(at);
                    self.look(spec, Place::Anywhere, &Args::new(raw), &mut found);
                }
            }
            None => self.look(spec, Place::Db(session.db), args, &mut found),
        }
        if found.everywhere && waited {
            found.works.into_iter().for_each(|ticket| self.finish_work(ticket));
            return false;
        }
        if found.long {
            let ahead = |keys: &[Box<[u8]>]| keys.iter().any(|key| found.keys.contains(key));
            let ahead = self.waiting.waiters.iter().rev().find(|waiter| ahead(&waiter.keys));
            found.works.extend(ahead.map(|waiter| waiter.ticket));
        }
        if found.works.is_empty() {
            return false;
        }
        self.put_back(id, found.works, found.keys);
        true
    }

    /// The running request waits until all works that there are now are done.
    pub(super) fn wait_for_works(&mut self, id: ClientId) {
        let works = self.works.iter().map(|held| held.ticket).collect();
        self.put_back(id, works, Vec::new());
    }

    fn put_back(&mut self, id: ClientId, behind: Vec<Ticket>, keys: Vec<Box<[u8]>>) {
        let ticket = self.waiting.ticket();
        self.waiting.waiters.push(Waiter { id, ticket, keys, behind });
        if let Some(client) = self.clients.get_mut(&id) {
            client.parked = true;
        }
        self.pausing.keep_request();
    }

    /// A work is done, or a waiting request has its turn: who waited for it alone goes on.
    pub(super) fn ticket_ends(&mut self, ticket: Ticket) {
        let mut ended = vec![ticket];
        while let Some(ticket) = ended.pop() {
            let mut free = Vec::new();
            self.waiting.waiters.retain_mut(|waiter| {
                waiter.behind.retain(|other| *other != ticket);
                if waiter.behind.is_empty() {
                    free.push((waiter.id, waiter.ticket));
                }
                !waiter.behind.is_empty()
            });
            for (id, ticket) in free {
                self.waiting.woken.push(id);
                self.unpark(id);
                // Whoever waits behind it comes behind it in the next pass.
                ended.insert(0, ticket);
            }
        }
    }

    /// A client that may wait has gone.
    pub(super) fn forget_waiting(&mut self, id: ClientId) {
        self.waiting.woken.retain(|woken| *woken != id);
        let waits = |waiter: &Waiter| waiter.id == id;
        if let Some(at) = self.waiting.waiters.iter().position(waits) {
            let waiter = self.waiting.waiters.remove(at);
            self.ticket_ends(waiter.ticket);
        }
    }

    /// Brings work to its end before a command that would disturb it and cannot wait.
    #[inline]
    pub(super) fn settle_leases(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        if !self.keyspace.leases.is_empty() {
            self.settle(spec, session, args);
        }
    }

    #[cold]
    fn settle(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        let mut found = Obstacles::default();
        self.look(spec, Place::Db(session.db), args, &mut found);
        found.works.into_iter().for_each(|ticket| self.finish_work(ticket));
    }

    /// Collects the works that a call would disturb.
    fn look(&self, spec: &Spec, place: Place, args: &Args<'_>, found: &mut Obstacles) {
        let on_data = matches!(spec.run, Run::Data(_));
        if spec.name == "debug" {
            // It may throw away and load anew.
            found.everywhere = true;
            found.add(self.works.iter().map(|held| held.ticket));
        }
        if spec.has(flag::WRITE) && spec.keys.is_empty() && spec.acl & cat::KEYSPACE != 0 {
            // What is flushed or exchanged is handed over to whoever reads it.
            found.everywhere = true;
            let changing = self.works.iter().filter(|held| held.work.changes());
            found.add(changing.map(|held| held.ticket));
        }
        let unnamed = on_data && spec.keys.iter().any(|key| key.is_unknown());
        let looks_around = unnamed || spec.has(flag::TOUCHES_ARBITRARY_KEYS) || is_image(spec);
        if looks_around && self.keyspace.leases.any_exclusive() {
            found.everywhere = true;
            let users = self.keyspace.leases.exclusive().collect::<Vec<_>>();
            found.add(self.owners(&users));
        }
        found.long |= !spec.has(flag::BRIEF);
        for key in keys_of(spec, &Words::new(args, 0)) {
            self.look_at_key(place, (args.get(key.place), key), found);
        }
    }

    fn look_at_key(&self, place: Place, (key, named): (&[u8], Found), found: &mut Obstacles) {
        let reads = named.flags & kflag::RO != 0;
        let replaces = named.flags & (kflag::OW | kflag::RM) != 0;
        let dbs = match place {
            Place::Db(db) if !replaces => db..db + 1,
            // What is replaced may be in another database than the selected one.
            Place::Db(_) | Place::Anywhere => 0..self.keyspace.dbs.len(),
        };
        for db in dbs {
            let touch = if reads {
                // Deleting what is overdue is done before it is looked at.
                match self.keyspace.is_overdue(db, key, self.now_ms) {
                    true => Touch::Replaces,
                    false => Touch::Looks,
                }
            } else if replaces {
                Touch::Replaces
            } else {
                Touch::Changes
            };
            found.add(self.owners(self.keyspace.in_the_way(db, key, touch)));
        }
        if !found.works.is_empty() || found.long && !self.waiting.waiters.is_empty() {
            found.keys.push(key.into());
        }
    }

    /// The works that these leases belong to.
    fn owners<'a>(&'a self, leases: &'a [u64]) -> impl Iterator<Item = Ticket> + 'a {
        leases.iter().filter_map(|lease| {
            let owner = self.works.iter().find(|held| held.leases.contains(lease));
            owner.map(|held| held.ticket)
        })
    }
}

/// Whether a command makes, or may make, an image of the whole data set.
fn is_image(spec: &Spec) -> bool {
    matches!(spec.full_name, "save" | "bgsave" | "bgrewriteaof" | "config|set")
}
