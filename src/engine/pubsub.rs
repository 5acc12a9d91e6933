//! Who listens to which channel and pattern.

use super::Engine;
use super::client::ClientId;
use crate::base::glob;
use crate::resp::reply::{Proto, Reply};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The register of subscriptions; each client also knows its own.
#[derive(Default)]
pub struct PubSub {
    channels: BTreeMap<Bytes, Vec<ClientId>>,
    patterns: BTreeMap<Bytes, Vec<ClientId>>,
}

/// A channel by its name, or all that match a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE
    Pattern,
}

impl PubSub {
    fn map(&mut self, kind: Kind) -> &mut BTreeMap<Bytes, Vec<ClientId>> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
        }
    }

    /// Channels with at least one subscriber that match `pattern`.
    pub fn channels<'a>(&'a self, pattern: Option<&'a [u8]>) -> impl Iterator<Item = &'a Bytes> {
        self.channels.keys().filter(move |c| pattern.is_none_or(|p| glob::matches(p, c, false)))
    }

    /// Subscribers of one channel by its name.
    pub fn count(&self, channel: &[u8]) -> usize {
        self.channels.get(channel).map_or(0, Vec::len)
    }

    /// Patterns somebody listens to.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Whether nobody listens to anything.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty()
    }
}

impl Engine {
    /// Whether anybody listens to anything.
    #[inline]
    pub fn has_subscribers(&self) -> bool {
        !self.pubsub.is_empty()
    }

    /// Adds a subscription; returns how many the client has.
    pub fn subscribe(&mut self, id: ClientId, kind: Kind, name: Bytes) -> usize {
        let Some(client) = self.clients.get_mut(&id) else { return 0 };
        let own = match kind {
            Kind::Channel => &mut client.channels,
            Kind::Pattern => &mut client.patterns,
        };
        if own.insert(name.clone()) {
            self.pubsub.map(kind).entry(name).or_default().push(id);
        }
        client.subscriptions()
    }

    /// Takes a subscription back; returns how many the client has left.
    pub fn unsubscribe(&mut self, id: ClientId, kind: Kind, name: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(&id) else { return 0 };
        let own = match kind {
            Kind::Channel => &mut client.channels,
            Kind::Pattern => &mut client.patterns,
        };
        if own.remove(name) {
            let map = self.pubsub.map(kind);
            if let Some(list) = map.get_mut(name) {
                list.retain(|other| *other != id);
                if list.is_empty() {
                    map.remove(name);
                }
            }
        }
        client.subscriptions()
    }

    /// Takes all subscriptions of a client back.
    pub fn unsubscribe_all(&mut self, id: ClientId) {
        for kind in [Kind::Channel, Kind::Pattern] {
            for name in self.subscriptions_of(id, kind) {
                self.unsubscribe(id, kind, &name);
            }
        }
    }

    /// What a client listens to.
    pub fn subscriptions_of(&self, id: ClientId, kind: Kind) -> Vec<Bytes> {
        self.clients.get(&id).map_or_else(Vec::new, |client| {
            let own = match kind {
                Kind::Channel => &client.channels,
                Kind::Pattern => &client.patterns,
            };
            own.iter().cloned().collect()
        })
    }

    /// Sends a message to all who listen; returns how many deliveries there were.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        if self.pubsub.is_empty() {
            return 0;
        }
        let mut targets: Vec<(ClientId, Option<Bytes>)> = Vec::new();
        if let Some(list) = self.pubsub.channels.get(channel) {
            targets.extend(list.iter().map(|id| (*id, None)));
        }
        for (pattern, list) in &self.pubsub.patterns {
            if glob::matches(pattern, channel, false) {
                targets.extend(list.iter().map(|id| (*id, Some(pattern.clone()))));
            }
        }
        for (id, pattern) in &targets {
            self.deliver(*id, &|out| match pattern {
                None => {
                    out.push(3);
                    out.bulk(b"message");
                    out.bulk(channel);
                    out.bulk(message);
                }
                Some(pattern) => {
                    out.push(4);
                    out.bulk(b"pmessage");
                    out.bulk(pattern);
                    out.bulk(channel);
                    out.bulk(message);
                }
            });
        }
        targets.len()
    }

    /// The one door for what a client did not ask for: behind its running command's reply when it
    /// is the caller, at the end of its output otherwise.
    pub fn deliver(&mut self, id: ClientId, write: &dyn Fn(&mut Reply)) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match &mut client.live {
            Some(live) if client.replying => {
                let proto = live.out.proto;
                write(client.held_back.get_or_insert_with(|| Reply::new(proto)));
            }
            Some(live) => {
                write(&mut live.out);
                self.mark_dirty(id);
            }
            None => {
                let mut out = Reply::new(self.running_proto.unwrap_or(Proto::V2));
                write(&mut out);
                self.deferred.push((id, out));
            }
        }
    }
}
