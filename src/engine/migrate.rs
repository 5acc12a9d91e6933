//! MIGRATE: keys on their way to another server.
//!
//! The values are sent as they are now and the loop goes on. Until it is known which of them
//! arrived, nobody here may change those keys: who would is held back at the gate as by a pause,
//! and goes on when the flight has landed. Readers are answered. So the move is atomic as far as
//! writers can tell, and only those who write to the same keys wait for the network. Where nobody
//! may be made to wait, in a transaction or a script, everybody does.

use super::Engine;
use super::args::Args;
use super::client::ClientId;
use super::cx::{CmdResult, Outcome};
use super::key_search::{Words, keys_of};
use super::keyspec::kflag;
use super::session::Session;
use super::spec::{Run, Spec, flag};
use crate::base::error::Error;
use crate::env::{Delivery, Errand, LinkFault};
use crate::keyspace::effects::{Event, class};
use crate::resp::argv::{Argv, encode};
use crate::resp::reply::{Proto, Reply};

/// What is to be sent where.
pub struct Transfer {
    /// Name or address of the other server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How long connecting, and each answer, may take, milliseconds.
    pub timeout_ms: u64,
    /// The database there.
    pub db: i64,
    /// The words of AUTH behind its name; none to go without.
    pub auth: Vec<Vec<u8>>,
    /// The keys stay here.
    pub copy: bool,
    /// Keys of the same name there are replaced.
    pub replace: bool,
    /// The keys.
    pub keys: Vec<Vec<u8>>,
}

/// Keys that are on their way.
struct Flight {
    errand: u64,
    client: ClientId,
    db: usize,
    /// Those that were sent, in order.
    keys: Vec<Vec<u8>>,
    copy: bool,
}

/// All flights.
#[derive(Default)]
pub struct Flights {
    list: Vec<Flight>,
    last: u64,
    /// Errands that are over.
    over: Vec<u64>,
}

impl Flights {
    /// Whether nothing is on its way.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether an errand is over and nobody has looked yet.
    pub(super) fn any_over(&self) -> bool {
        !self.over.is_empty()
    }

    /// An errand is over.
    pub(super) fn note_over(&mut self, errand: u64) {
        self.over.push(errand);
    }

    fn moves(&self, key: &[u8]) -> bool {
        self.list.iter().any(|flight| !flight.copy && flight.keys.iter().any(|k| k == key))
    }

    /// Whether a call may change a key that is on its way.
    pub(super) fn concern(&self, spec: &'static Spec, session: &Session, args: &Args<'_>) -> bool {
        if self.list.iter().all(|flight| flight.copy) || Engine::is_kept(session, spec) {
            return false;
        }
        match session.txn.as_ref().filter(|_| spec.name == "exec") {
            None => self.concern_call(spec, &Words::new(args, 0)),
            Some(txn) => txn.copies().any(|(spec, mut argv)| {
                self.concern_call(spec, &Words::new(&Args::new(argv.raw()), 0))
            }),
        }
    }

    fn concern_call(&self, spec: &'static Spec, words: &Words<'_, '_>) -> bool {
        // A script may do anything.
        let on_data = matches!(spec.run, Run::Data(_));
        if spec.has(flag::MOVABLEKEYS) && !on_data && spec.finder.is_none() {
            return true;
        }
        if !spec.has(flag::WRITE) {
            return false;
        }
        spec.keys.is_empty()
            || keys_of(spec, words)
                .iter()
                .any(|found| found.flags & kflag::RO == 0 && self.moves(words.get(found.place)))
    }
}

impl Engine {
    /// Sends keys to another server; the client is answered when it is known what became of them.
    pub fn migrate(&mut self, transfer: Transfer, session: &Session, out: &mut Reply) -> CmdResult {
        let (errand, keys) = self.pack(&transfer, session.db);
        if keys.is_empty() {
            out.simple(b"NOKEY");
            return Ok(Outcome::Unchanged);
        }
        let Some(id) = session.may_wait() else {
            let delivery = self.env.links.send_now(errand);
            self.land(session.db, &keys, transfer.copy, delivery)?;
            out.ok();
            return Ok(Outcome::Unchanged);
        };
        if let Some(client) = self.clients.get_mut(&id) {
            client.parked = true;
            client.replying = true;
        }
        let (errand_id, copy) = (errand.id, transfer.copy);
        self.flights.list.push(Flight {
            errand: errand_id,
            client: id,
            db: session.db,
            keys,
            copy,
        });
        self.env.links.send(errand);
        Ok(Outcome::Unchanged)
    }

    /// The requests that make the keys anew, and those of the keys that are there.
    fn pack(&mut self, transfer: &Transfer, db: usize) -> (Errand, Vec<Vec<u8>>) {
        let encoded = |words: &[&[u8]]| {
            let mut request = Vec::new();
            encode(words.iter().copied(), &mut request);
            request
        };
        let (mut requests, mut sent) = (Vec::new(), Vec::new());
        let now = self.now_ms;
        let mut keys = self.keyspace.keys(db, now, true);
        for key in &transfer.keys {
            let Some(payload) = keys.dump(key) else { continue };
            let left =
                keys.ask(key).and_then(|entry| entry.deadline()).map_or(0, |at| (at - now).max(1));
            let left = left.to_string();
            let mut words: Vec<&[u8]> = vec![b"RESTORE", key, left.as_bytes(), &payload];
            if transfer.replace {
                words.push(b"REPLACE");
            }
            requests.push(encoded(&words));
            sent.push(key.clone());
        }
        self.flights.last += 1;
        let auth = (!transfer.auth.is_empty()).then(|| {
            let words: Vec<&[u8]> = transfer.auth.iter().map(Vec::as_slice).collect();
            encoded(&[&[&b"AUTH"[..]], &words[..]].concat())
        });
        let errand = Errand {
            id: self.flights.last,
            host: transfer.host.clone(),
            port: transfer.port,
            timeout_ms: transfer.timeout_ms,
            auth,
            db: transfer.db,
            requests,
        };
        (errand, sent)
    }

    /// Answers the clients whose flights have landed, and lets those go on who waited for that.
    pub(super) fn land_flights(&mut self) {
        for errand in std::mem::take(&mut self.flights.over) {
            let Some(delivery) = self.env.links.take(errand) else { continue };
            let at = self.flights.list.iter().position(|flight| flight.errand == errand);
            let Some(at) = at else { continue };
            let flight = self.flights.list.swap_remove(at);
            self.land_flight(flight, delivery);
        }
        self.release_held();
    }

    fn land_flight(&mut self, flight: Flight, delivery: Delivery) {
        let Flight { client: id, db, keys, copy, .. } = flight;
        let mut live = self.clients.get_mut(&id).and_then(|client| client.live.take());
        // Who went away is answered into the void.
        let mut nobody = Reply::new(Proto::V2);
        let outcome = self.land(db, &keys, copy, delivery);
        let out = live.as_mut().map_or(&mut nobody, |live| &mut live.out);
        match outcome {
            Ok(()) => out.ok(),
            Err(error) => {
                if let Some(spec) = self.table.find(b"migrate") {
                    self.calls.failed(spec);
                }
                self.write_error(&error, out);
            }
        }
        if let (Some(live), Some(client)) = (live, self.clients.get_mut(&id)) {
            client.live = Some(live);
        }
        self.unit_end();
        self.serve_ready();
        self.mark_dirty(id);
        self.answered(id);
    }

    /// Takes away what arrived there and is not to be here as well.
    fn land(
        &mut self,
        db: usize,
        keys: &[Vec<u8>],
        copy: bool,
        delivery: Delivery,
    ) -> Result<(), Error> {
        let Delivery { refused, answers, fault } = delivery;
        let mut moved: Vec<&[u8]> = vec![b"DEL"];
        let mut error = None;
        for (key, answer) in keys.iter().zip(answers) {
            let answer = refused.clone().unwrap_or(answer);
            match answer.strip_prefix(b"-") {
                None => moved.push(key),
                Some(text) if error.is_none() => {
                    let mut whole = b"ERR Target instance replied with error: ".to_vec();
                    whole.extend_from_slice(text);
                    error = Some(Error::Quoting(whole));
                }
                Some(_) => {}
            }
        }
        if !copy && moved.len() > 1 {
            let mut keys = self.keyspace.keys(db, self.now_ms, true);
            for key in &moved[1..] {
                if keys.delete(key) {
                    keys.touch(key, Event::new(class::GENERIC, "del"));
                }
            }
            self.keyspace.effects.propagate(db, || Argv::from_slices(&moved));
        }
        let on_the_way = fault.map(|fault| {
            Error::fixed(match fault {
                LinkFault::Connecting => "IOERR error or timeout connecting to the client",
                LinkFault::Writing => "IOERR error or timeout writing to target instance",
                LinkFault::Reading => "IOERR error or timeout reading to target instance",
            })
        });
        error.or(on_the_way).map_or(Ok(()), Err)
    }
}
