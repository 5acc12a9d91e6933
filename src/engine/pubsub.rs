//! Who listens to which channel, pattern and shard channel, and how a message reaches them.
//!
//! A message is encoded once for each protocol and appended to every listener's output. Messages
//! of the same channel reach one listener in the order they were published.

use super::Engine;
use super::client::{Client, ClientId};
use crate::base::glob;
use crate::resp::reply::{Proto, Reply};
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Listeners of one name; most names have one.
type Listeners = SmallVec<[ClientId; 2]>;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE: all channels that match.
    Pattern,
    /// SSUBSCRIBE
    Shard,
}

impl Kind {
    /// All of them, each at the place its discriminant names.
    pub const ALL: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Shard];
}

/// The register of subscriptions; each client also knows its own.
#[derive(Default)]
pub struct PubSub {
    names: [BTreeMap<Bytes, Listeners>; 3],
    /// Clients with a subscription of any kind.
    clients: usize,
}

/// What one client listens to, by kind.
#[derive(Debug, Default)]
pub struct Subscriptions([BTreeSet<Bytes>; 3]);

impl Subscriptions {
    /// How many there are of this kind.
    pub fn of(&self, kind: Kind) -> usize {
        self.0[kind as usize].len()
    }

    /// Channels and patterns: what replies count. Shard channels are counted apart.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.of(Kind::Shard),
            Kind::Channel | Kind::Pattern => self.of(Kind::Channel) + self.of(Kind::Pattern),
        }
    }

    /// Memory they take; the part of the trees is an estimate.
    pub fn bytes(&self) -> usize {
        const NODE: usize = 64;
        self.0.iter().flatten().map(|name| NODE + name.len()).sum()
    }

    /// Whether there is none of any kind.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }
}

impl PubSub {
    /// Names of a kind with at least one listener that match `pattern`.
    pub fn names<'a>(
        &'a self,
        kind: Kind,
        pattern: Option<&'a [u8]>,
    ) -> impl Iterator<Item = &'a Bytes> {
        let wanted =
            move |name: &&Bytes| pattern.is_none_or(|p| p == b"*" || glob::matches(p, name, false));
        self.names[kind as usize].keys().filter(wanted)
    }

    /// Listeners of one name.
    pub fn listeners(&self, kind: Kind, name: &[u8]) -> usize {
        self.names[kind as usize].get(name).map_or(0, SmallVec::len)
    }

    /// How many names of a kind somebody listens to.
    pub fn count(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// Clients that listen to anything.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// Whether nobody listens to anything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.clients == 0
    }
}

/// A message in both protocols, each encoded when the first listener needs it.
struct Message<'m> {
    kind: Kind,
    pattern: Option<&'m [u8]>,
    channel: &'m [u8],
    text: &'m [u8],
    encoded: [Option<Vec<u8>>; 2],
}

impl Message<'_> {
    fn bytes(&mut self, proto: Proto) -> &[u8] {
        let (pattern, channel, text) = (self.pattern, self.channel, self.text);
        let word: &[u8] = match self.kind {
            Kind::Channel => b"message",
            Kind::Pattern => b"pmessage",
            Kind::Shard => b"smessage",
        };
        self.encoded[(proto == Proto::V3) as usize].get_or_insert_with(|| {
            let mut out = Reply::new(proto);
            out.push(3 + usize::from(pattern.is_some()));
            out.bulk(word);
            if let Some(pattern) = pattern {
                out.bulk(pattern);
            }
            out.bulk(channel);
            out.bulk(text);
            out.out().to_vec()
        })
    }
}

impl Engine {
    /// The register of subscriptions.
    pub fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// Adds a subscription; returns how many the client has.
    pub fn subscribe(&mut self, id: ClientId, kind: Kind, name: Bytes) -> usize {
        let Some(client) = self.clients.get_mut(&id) else { return 0 };
        let first = client.subscriptions.is_empty();
        if client.subscriptions.0[kind as usize].insert(name.clone()) {
            self.pubsub.clients += usize::from(first);
            self.pubsub.names[kind as usize].entry(name).or_default().push(id);
        }
        client.subscriptions.count(kind)
    }

    /// Takes a subscription back; returns how many the client has left.
    pub fn unsubscribe(&mut self, id: ClientId, kind: Kind, name: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(&id) else { return 0 };
        if client.subscriptions.0[kind as usize].remove(name) {
            self.pubsub.clients -= usize::from(client.subscriptions.is_empty());
            let names = &mut self.pubsub.names[kind as usize];
            if let Some(list) = names.get_mut(name) {
                list.retain(|other| *other != id);
                if list.is_empty() {
                    names.remove(name);
                }
            }
        }
        client.subscriptions.count(kind)
    }

    /// Takes all subscriptions of a client back.
    pub fn unsubscribe_all(&mut self, id: ClientId) {
        for kind in Kind::ALL {
            for name in self.subscriptions_of(id, kind) {
                self.unsubscribe(id, kind, &name);
            }
        }
    }

    /// What a client listens to.
    pub fn subscriptions_of(&self, id: ClientId, kind: Kind) -> Vec<Bytes> {
        let own = |client: &Client| client.subscriptions.0[kind as usize].iter().cloned().collect();
        self.client(id).map_or_else(Vec::new, own)
    }

    /// Sends a message to all who listen; returns how many deliveries there were.
    pub fn publish(&mut self, kind: Kind, channel: &[u8], text: &[u8]) -> usize {
        if self.pubsub.is_empty() {
            return 0;
        }
        let mut sent = 0;
        if let Some(list) = self.pubsub.names[kind as usize].get(channel) {
            let list = list.clone();
            sent += list.len();
            self.send(&list, Message { kind, pattern: None, channel, text, encoded: [None, None] });
        }
        if kind == Kind::Channel && self.pubsub.count(Kind::Pattern) > 0 {
            for (pattern, list) in self.matching(channel) {
                sent += list.len();
                let (kind, pattern) = (Kind::Pattern, Some(&pattern[..]));
                self.send(&list, Message { kind, pattern, channel, text, encoded: [None, None] });
            }
        }
        sent
    }

    fn matching(&self, channel: &[u8]) -> Vec<(Bytes, Listeners)> {
        let patterns = &self.pubsub.names[Kind::Pattern as usize];
        let matching = patterns.iter().filter(|(p, _)| glob::matches(p, channel, false));
        matching.map(|(pattern, list)| (pattern.clone(), list.clone())).collect()
    }

    fn send(&mut self, to: &[ClientId], mut message: Message<'_>) {
        for id in to {
            self.deliver(*id, &mut |proto, out| out.message(message.bytes(proto)));
        }
    }

    /// The one door for what a client did not ask for: behind its running command's reply when it
    /// is the caller, at the end of its output otherwise.
    pub fn deliver(&mut self, id: ClientId, write: &mut dyn FnMut(Proto, &mut Reply)) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match &mut client.live {
            Some(live) if client.replying => {
                let proto = live.out.proto;
                write(proto, client.held_back.get_or_insert_with(|| Reply::new(proto)));
            }
            Some(live) => {
                write(live.out.proto, &mut live.out);
                if !client.dirty {
                    client.dirty = true;
                    self.dirty.push(id);
                }
                self.watch_output(id);
            }
            None => {
                let proto = self.running.map_or(Proto::V2, |(_, proto)| proto);
                let mut out = Reply::new(proto);
                write(proto, &mut out);
                self.deferred.push((id, out));
            }
        }
    }
}
