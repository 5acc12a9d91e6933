//! Client-side caching: who was given which key, and is told when it changes.
//!
//! In default mode the keys of every reading command are remembered for its client and forgotten
//! when they are invalidated. In broadcasting mode nothing is remembered: the client hears of every
//! changed key with one of its prefixes, once for each pass of the loop. Key names stand for all
//! databases, as in Redis.

use super::Engine;
use super::args::Args;
use super::client::{Client, ClientId};
use super::key_search::{Words, keys_of};
use super::session::Session;
use super::spec::{Spec, cat, flag};
use crate::resp::reply::{Proto, Reply};
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// The channel on which clients of RESP2 hear of invalid keys.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// How one client tracks.
#[derive(Debug, Default, Clone)]
pub struct Tracking {
    /// Another client that gets the messages.
    pub redirect: Option<ClientId>,
    /// It hears of all keys with its prefixes.
    pub bcast: bool,
    /// Only what follows CLIENT CACHING YES is remembered.
    pub optin: bool,
    /// What follows CLIENT CACHING NO is not remembered.
    pub optout: bool,
    /// Its own changes are not told.
    pub noloop: bool,
    /// CLIENT CACHING was called for the next command.
    pub caching: bool,
    /// The client that was to get the messages has gone.
    pub broken: bool,
    /// Prefixes of broadcasting mode.
    pub prefixes: Vec<Bytes>,
}

impl Tracking {
    fn remembers(&self) -> bool {
        match (self.bcast, self.optin, self.optout) {
            (true, ..) => false,
            (_, true, _) => self.caching,
            (_, _, true) => !self.caching,
            _ => true,
        }
    }
}

/// Clients of one prefix, and the keys they have not heard of yet, with who changed them.
#[derive(Default)]
struct Prefix {
    clients: SmallVec<[ClientId; 2]>,
    pending: BTreeMap<Bytes, Option<ClientId>>,
}

/// What is tracked.
#[derive(Default)]
pub struct Trackers {
    clients: usize,
    keys: BTreeMap<Bytes, SmallVec<[ClientId; 2]>>,
    items: usize,
    prefixes: BTreeMap<Bytes, Prefix>,
    pending: bool,
    /// What the running client's own commands made invalid, to be told when its unit has ended;
    /// `None` means everything.
    own: Vec<Option<Bytes>>,
}

impl Trackers {
    /// Clients that track.
    #[inline]
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// Keys remembered.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Pairs of key and client remembered.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Prefixes of broadcasting mode.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }
}

impl Engine {
    /// What is tracked.
    pub fn trackers(&self) -> &Trackers {
        &self.trackers
    }

    /// Turns tracking on, or changes how it is done; prefixes add to those there are.
    pub fn track(&mut self, id: ClientId, mut how: Tracking) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let had = client.tracking.take();
        self.trackers.clients += usize::from(had.is_none());
        let mut prefixes = had.map_or_else(Vec::new, |had| had.prefixes);
        // Without a prefix all keys are meant, beside those that were named before.
        if how.bcast && how.prefixes.is_empty() && !prefixes.iter().any(Bytes::is_empty) {
            how.prefixes.push(Bytes::new());
        }
        for prefix in std::mem::take(&mut how.prefixes) {
            self.trackers.prefixes.entry(prefix.clone()).or_default().clients.push(id);
            prefixes.push(prefix);
        }
        how.prefixes = prefixes;
        client.tracking = Some(Box::new(how));
        self.note_interest();
    }

    /// Turns tracking off. Remembered keys are forgotten when they change.
    pub fn stop_tracking(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(had) = client.tracking.take() else { return };
        self.trackers.clients -= 1;
        for prefix in had.prefixes {
            if let Some(state) = self.trackers.prefixes.get_mut(&prefix) {
                state.clients.retain(|other| *other != id);
                if state.clients.is_empty() {
                    self.trackers.prefixes.remove(&prefix);
                }
            }
        }
        if self.trackers.clients == 0 {
            self.trackers.keys = BTreeMap::new();
            self.trackers.items = 0;
        }
        self.note_interest();
    }

    /// Remembers the keys of a command that read them, if its client wants that.
    #[inline]
    pub(super) fn remember_keys(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        if self.trackers.clients > 0 && spec.has(flag::READONLY) {
            self.remember(spec, session, args);
        }
    }

    #[cold]
    fn remember(&mut self, spec: &Spec, session: &Session, args: &Args<'_>) {
        // Of a script it is what it reads that counts, not what it was told to read.
        if spec.acl & cat::SCRIPTING != 0 {
            return;
        }
        let Some(id) = session.origin.behind() else { return };
        let tracking = self.clients.get(&id).and_then(|c| c.tracking.as_deref());
        if !tracking.is_some_and(Tracking::remembers) {
            return;
        }
        let Trackers { keys, items, .. } = &mut self.trackers;
        for key in keys_of(spec, &Words::new(args, 0)) {
            let list = keys.entry(Bytes::copy_from_slice(args.get(key.place))).or_default();
            if !list.contains(&id) {
                list.push(id);
                *items += 1;
            }
        }
    }

    /// The unit of a client has ended. CLIENT CACHING counts for one command, or one transaction.
    #[cold]
    pub(super) fn end_of_tracking(&mut self, id: ClientId, session: &Session) {
        self.tell_own_invalid();
        if session.txn.is_some() {
            return;
        }
        if let Some(client) = self.clients.get_mut(&id) {
            if let (Some(tracking), false) = (&mut client.tracking, client.caching_was_called) {
                tracking.caching = false;
            }
            client.caching_was_called = false;
        }
    }

    /// A key changed, by the running client if there is one.
    pub(super) fn tracked_key_changed(&mut self, key: &Bytes) {
        if self.trackers.clients == 0 {
            return;
        }
        let by = self.running.map(|(id, _)| id);
        for (prefix, state) in &mut self.trackers.prefixes {
            if key.starts_with(prefix) {
                state.pending.insert(key.clone(), by);
                self.trackers.pending = true;
            }
        }
        if let Some(clients) = self.trackers.keys.remove(key) {
            self.trackers.items -= clients.len();
            self.invalidate(key, &clients, by);
        }
    }

    fn invalidate(&mut self, key: &Bytes, clients: &[ClientId], by: Option<ClientId>) {
        for id in clients {
            let tracking = self.clients.get(id).and_then(|c| c.tracking.as_deref());
            let wanted = tracking.is_some_and(|t| !(t.bcast || t.noloop && by == Some(*id)));
            if wanted && by == Some(*id) {
                self.trackers.own.push(Some(key.clone()));
            } else if wanted {
                self.tell_invalid(*id, Some(&[key]));
            }
        }
    }

    /// Tells the running client what it made invalid itself: behind all that its unit told others,
    /// wherever its messages go.
    pub(super) fn tell_own_invalid(&mut self) {
        if self.trackers.own.is_empty() || self.scripts.suspended() {
            return;
        }
        let own = std::mem::take(&mut self.trackers.own);
        let Some((id, _)) = self.running else { return };
        for key in own {
            match key {
                Some(key) => self.tell_invalid(id, Some(&[&key])),
                None => self.tell_invalid(id, None),
            }
        }
    }

    /// A whole database was emptied: nobody's keys are valid any more.
    pub(super) fn tracked_all_changed(&mut self) {
        if self.trackers.clients == 0 {
            return;
        }
        self.trackers.keys = BTreeMap::new();
        self.trackers.items = 0;
        let tracks = |client: &&Client| client.tracking.is_some();
        let ids: Vec<ClientId> =
            self.clients_by_id().into_iter().filter(tracks).map(|c| c.id).collect();
        let by = self.running.map(|(id, _)| id);
        for id in ids {
            if by == Some(id) {
                self.trackers.own.push(None);
            } else {
                self.tell_invalid(id, None);
            }
        }
    }

    /// Tells the clients of each prefix what changed since the last time; once for each pass.
    pub(super) fn broadcast_invalid(&mut self) {
        if !std::mem::take(&mut self.trackers.pending) {
            return;
        }
        let mut told: Vec<(ClientId, Vec<Bytes>)> = Vec::new();
        for state in self.trackers.prefixes.values_mut() {
            let pending = std::mem::take(&mut state.pending);
            for id in &state.clients {
                let tracking = self.clients.get(id).and_then(|c| c.tracking.as_deref());
                let noloop = tracking.is_some_and(|t| t.noloop);
                let keys = pending.iter().filter(|(_, by)| !noloop || **by != Some(*id));
                told.push((*id, keys.map(|(key, _)| key.clone()).collect()));
            }
        }
        for (id, keys) in told.iter().filter(|(_, keys)| !keys.is_empty()) {
            self.tell_invalid(*id, Some(&keys.iter().collect::<Vec<_>>()));
        }
    }

    /// Forgets keys beyond `tracking-table-max-keys`, which is told as if they had changed.
    pub(super) fn limit_tracked_keys(&mut self) {
        let max = self.config.tracking_table_max_keys as usize;
        while max > 0 && self.trackers.keys.len() > max {
            let from = Bytes::copy_from_slice(&self.rng.next_u64().to_be_bytes());
            let picked = self.trackers.keys.range(from..).next();
            let picked = picked.or_else(|| self.trackers.keys.first_key_value());
            let Some(key) = picked.map(|(key, _)| key.clone()) else { return };
            if let Some(clients) = self.trackers.keys.remove(&key) {
                self.trackers.items -= clients.len();
                self.invalidate(&key, &clients, None);
            }
        }
    }

    /// One message of invalid keys; `None` means all of them.
    fn tell_invalid(&mut self, id: ClientId, keys: Option<&[&Bytes]>) {
        let Some(tracking) = self.clients.get(&id).and_then(|c| c.tracking.as_deref()) else {
            return;
        };
        let Some(to) = tracking.redirect else {
            return self.deliver(id, &mut |proto, out| {
                if proto == Proto::V3 {
                    write_invalid(out, keys);
                }
            });
        };
        if self.clients.get(&to).is_none() {
            return self.redirect_is_broken(id, to);
        }
        let listens = self.client(to).is_some_and(|c| !c.subscriptions.is_empty());
        self.deliver(to, &mut |proto, out| {
            if proto == Proto::V3 || listens {
                write_invalid(out, keys);
            }
        });
    }

    fn redirect_is_broken(&mut self, id: ClientId, to: ClientId) {
        if let Some(tracking) = self.clients.get_mut(&id).and_then(|c| c.tracking.as_mut()) {
            tracking.broken = true;
        }
        self.deliver(id, &mut |proto, out| {
            if proto == Proto::V3 {
                out.push(2);
                out.bulk(b"tracking-redir-broken");
                out.int(to.0 as i64);
            }
        });
    }
}

fn write_invalid(out: &mut Reply, keys: Option<&[&Bytes]>) {
    out.out_of_turn(|out| write_message(out, keys));
}

fn write_message(out: &mut Reply, keys: Option<&[&Bytes]>) {
    if out.proto == Proto::V3 {
        out.push(2);
        out.bulk(b"invalidate");
    } else {
        out.push(3);
        out.bulk(b"message");
        out.bulk(CHANNEL);
    }
    match keys {
        None => out.null(),
        Some(keys) => {
            out.array(keys.len());
            for key in keys {
                out.bulk(key);
            }
        }
    }
}
