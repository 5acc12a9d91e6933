//! Who listens to which channel, pattern and shard channel, and how a message reaches them.
//!
//! ```text
//!  topics, by name:  name ──┐            client:  its names ──┐
//!                    listeners: (client, place) ────────────▶ at this place
//! ```
//!
//! A name is kept once, with the topic; the clients that listen to it share it. A topic's listeners
//! are in the order of their ids, and each knows the place of the name in its client's list: so
//! to subscribe and to leave takes one look-up and a search among the listeners, however many names
//! the client listens to. Invariant: both directions say the same (`check`).
//!
//! A message is encoded once for each protocol and appended to every listener's output, a long one
//! without being copied. Messages of the same channel reach one listener in the order they were
//! published.

use super::Engine;
use super::client::{Client, ClientId, Clients, CloseWish};
use super::limits;
use crate::base::glob;
use crate::base::hash::Seed;
use crate::ds::dict::owned::{Keyed, Owned};
use crate::ds::dict::{Dict, Ref, SlotMut};
use crate::resp::reply::{Encoded, Proto, Reply};
use smallvec::SmallVec;
use std::rc::Rc;

/// A name, shared by its topic and all who listen to it.
pub type Name = Rc<[u8]>;

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

/// One who listens, and where the name stands in its own list.
#[derive(Debug, Clone, Copy)]
struct Listener {
    id: ClientId,
    place: u32,
}

/// Listeners of one name, by id; most names have one.
type Listeners = SmallVec<[Listener; 1]>;

/// A name that somebody listens to.
struct Topic {
    name: Name,
    listeners: Listeners,
}

impl Keyed for Topic {
    fn key(&self) -> &[u8] {
        &self.name
    }
}

impl Topic {
    fn new(name: &[u8]) -> Owned<Topic> {
        Owned::new(Topic { name: name.into(), listeners: Listeners::new() })
    }

    fn find(&self, id: ClientId) -> Result<usize, usize> {
        self.listeners.binary_search_by_key(&id, |listener| listener.id)
    }
}

/// The register of subscriptions; each client also knows its own.
pub struct PubSub {
    topics: [Dict<Owned<Topic>>; 3],
    /// Clients with a subscription of any kind.
    clients: usize,
}

/// What one client listens to, by kind, in no useful order.
#[derive(Debug, Default)]
pub struct Subscriptions {
    names: [Vec<Name>; 3],
    /// Bytes of all names.
    names_bytes: usize,
}

impl Subscriptions {
    /// How many there are of this kind.
    pub fn of(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// Channels and patterns: what replies count. Shard channels are counted apart.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.of(Kind::Shard),
            Kind::Channel | Kind::Pattern => self.of(Kind::Channel) + self.of(Kind::Pattern),
        }
    }

    /// Memory they take, their part of the register included as if nobody shared it.
    pub fn bytes(&self) -> usize {
        /// A place in the table and a topic with its counted name.
        const TOPIC: usize = 11 + size_of::<Topic>() + 2 * size_of::<usize>();
        let lists: usize = self.names.iter().map(|list| list.capacity() * size_of::<Name>()).sum();
        let count: usize = self.names.iter().map(Vec::len).sum();
        lists + count * TOPIC + self.names_bytes
    }

    /// Whether there is none of any kind.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(Vec::is_empty)
    }

    fn add(&mut self, kind: Kind, name: Name) -> u32 {
        let list = &mut self.names[kind as usize];
        self.names_bytes += name.len();
        list.push(name);
        u32::try_from(list.len() - 1).expect("memory holds fewer names")
    }

    /// Takes the name at a place out; the last one takes its place, and is returned.
    fn remove(&mut self, kind: Kind, place: u32) -> Option<Name> {
        let list = &mut self.names[kind as usize];
        self.names_bytes -= list.swap_remove(place as usize).len();
        if list.len() < list.capacity() / 4 {
            list.shrink_to(2 * list.len());
        }
        list.get(place as usize).cloned()
    }
}

impl PubSub {
    /// Nobody listens to anything.
    pub fn new(seed: Seed) -> PubSub {
        PubSub { topics: [0; 3].map(|_| Dict::new(seed)), clients: 0 }
    }

    /// Names of a kind with at least one listener that match `pattern`.
    pub fn names<'a>(
        &'a self,
        kind: Kind,
        pattern: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Name> {
        let wanted = move |topic: &Ref<'_, Owned<Topic>>| {
            pattern.is_none_or(|p| p == b"*" || glob::matches(p, &topic.name, false))
        };
        self.topics[kind as usize].iter().filter(wanted).map(|topic| topic.name.clone())
    }

    /// Listeners of one name.
    pub fn listeners(&self, kind: Kind, name: &[u8]) -> usize {
        self.topic(kind, name).map_or(0, |topic| topic.listeners.len())
    }

    /// How many names of a kind somebody listens to.
    pub fn count(&self, kind: Kind) -> usize {
        self.topics[kind as usize].len()
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

    fn topic(&self, kind: Kind, name: &[u8]) -> Option<Ref<'_, Owned<Topic>>> {
        let topics = &self.topics[kind as usize];
        topics.find(topics.hash(name), name)
    }

    fn topic_mut(&mut self, kind: Kind, name: &[u8]) -> Option<SlotMut<'_, Owned<Topic>>> {
        let topics = &mut self.topics[kind as usize];
        topics.find_mut(topics.hash(name), name)
    }

    /// Takes a listener from a name, which goes when it was the last; gives its place in the
    /// client's list.
    fn leave(&mut self, id: ClientId, kind: Kind, name: &[u8]) -> Option<u32> {
        let mut topic = self.topic_mut(kind, name)?;
        let at = topic.find(id).ok()?;
        let listeners = &mut topic.listeners;
        let place = listeners.remove(at).place;
        if listeners.is_empty() {
            topic.remove();
        } else if listeners.len() < listeners.capacity() / 4 {
            listeners.shrink_to_fit();
        }
        Some(place)
    }

    /// Asserts that topics and clients say the same.
    pub(super) fn check(&self, clients: &Clients) {
        let mut listeners = 0;
        for kind in Kind::ALL {
            self.topics[kind as usize].check();
            for topic in self.topics[kind as usize].iter() {
                assert!(!topic.listeners.is_empty(), "a topic without listeners");
                assert!(topic.listeners.is_sorted_by(|a, b| a.id < b.id));
                for Listener { id, place } in &topic.listeners {
                    let own = clients.get(id).map(|client| &client.subscriptions);
                    let name = own.and_then(|own| own.names[kind as usize].get(*place as usize));
                    assert!(name.is_some_and(|name| Rc::ptr_eq(name, &topic.name)), "{id:?}");
                }
                listeners += topic.listeners.len();
            }
        }
        let mut subscribed = 0;
        for own in clients.values().map(|client| &client.subscriptions) {
            let names = || own.names.iter().flatten();
            assert_eq!(own.names_bytes, names().map(|name| name.len()).sum::<usize>());
            subscribed += usize::from(!own.is_empty());
            listeners -= names().count();
        }
        assert_eq!((listeners, self.clients), (0, subscribed));
    }
}

/// A message in both protocols, each encoded when the first listener needs it.
struct Message<'m> {
    kind: Kind,
    pattern: Option<&'m [u8]>,
    channel: &'m [u8],
    text: &'m [u8],
    encoded: [Option<Encoded>; 2],
}

impl<'m> Message<'m> {
    fn new(kind: Kind, pattern: Option<&'m [u8]>, channel: &'m [u8], text: &'m [u8]) -> Self {
        Message { kind, pattern, channel, text, encoded: [None, None] }
    }

    fn write(&self, out: &mut Reply) {
        out.push(3 + usize::from(self.pattern.is_some()));
        out.bulk(match self.kind {
            Kind::Channel => b"message",
            Kind::Pattern => b"pmessage",
            Kind::Shard => b"smessage",
        });
        if let Some(pattern) = self.pattern {
            out.bulk(pattern);
        }
        out.bulk(self.channel);
        out.bulk(self.text);
    }

    fn encoded(&mut self, proto: Proto) -> &Encoded {
        let at = (proto == Proto::V3) as usize;
        if self.encoded[at].is_none() {
            let mut out = Reply::new(proto);
            self.write(&mut out);
            self.encoded[at] = Some(out.into_encoded());
        }
        self.encoded[at].as_ref().expect("it was made just now")
    }
}

impl Engine {
    /// The register of subscriptions.
    pub fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// Adds a subscription; returns how many the client has.
    pub fn subscribe(&mut self, id: ClientId, kind: Kind, name: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(&id) else { return 0 };
        let own = &mut client.subscriptions;
        let topics = &mut self.pubsub.topics[kind as usize];
        let hash = topics.hash(name);
        let (mut topic, _) = topics.find_or_insert_with(hash, name, || Topic::new(name));
        if let Err(at) = topic.find(id) {
            self.pubsub.clients += usize::from(own.is_empty());
            let place = own.add(kind, topic.name.clone());
            topic.listeners.insert(at, Listener { id, place });
        }
        own.count(kind)
    }

    /// Takes a subscription back; returns how many the client has left.
    pub fn unsubscribe(&mut self, id: ClientId, kind: Kind, name: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(&id) else { return 0 };
        let own = &mut client.subscriptions;
        if let Some(place) = self.pubsub.leave(id, kind, name) {
            if let Some(moved) = own.remove(kind, place) {
                let mut topic = self.pubsub.topic_mut(kind, &moved).expect("it has a listener");
                let at = topic.find(id).expect("the client listens to what it lists");
                topic.listeners[at].place = place;
            }
            self.pubsub.clients -= usize::from(own.is_empty());
        }
        own.count(kind)
    }

    /// Takes all subscriptions of a client back.
    pub fn unsubscribe_all(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let own = std::mem::take(&mut client.subscriptions);
        self.pubsub.clients -= usize::from(!own.is_empty());
        for (kind, names) in Kind::ALL.into_iter().zip(own.names) {
            for name in names {
                self.pubsub.leave(id, kind, &name);
            }
        }
    }

    /// What a client listens to.
    pub fn subscriptions_of(&self, id: ClientId, kind: Kind) -> Vec<Name> {
        let own = |client: &Client| client.subscriptions.names[kind as usize].clone();
        self.client(id).map_or_else(Vec::new, own)
    }

    /// Sends a message to all who listen; returns how many deliveries there were.
    pub fn publish(&mut self, kind: Kind, channel: &[u8], text: &[u8]) -> usize {
        if self.pubsub.is_empty() {
            return 0;
        }
        let mut sent = self.send(kind, channel, Message::new(kind, None, channel, text));
        if kind == Kind::Channel && self.pubsub.count(Kind::Pattern) > 0 {
            let patterns = self.pubsub.topics[Kind::Pattern as usize].iter();
            let matching = patterns.filter(|topic| glob::matches(&topic.name, channel, false));
            let matching: Vec<Name> = matching.map(|topic| topic.name.clone()).collect();
            for pattern in matching {
                let message = Message::new(Kind::Pattern, Some(&pattern), channel, text);
                sent += self.send(Kind::Pattern, &pattern, message);
            }
        }
        sent
    }

    /// Sends a message to the listeners of one name.
    fn send(&mut self, kind: Kind, name: &[u8], mut message: Message<'_>) -> usize {
        let topics = &self.pubsub.topics[kind as usize];
        let hash = topics.hash(name);
        let only = match topics.find(hash, name).as_deref().map(|topic| &topic.listeners[..]) {
            None => return 0,
            Some([only]) => Some(only.id),
            Some(_) => None,
        };
        if let Some(id) = only {
            self.deliver(id, &mut |_, out| out.out_of_turn(|out| message.write(out)));
            return 1;
        }
        let topic = self.pubsub.topics[kind as usize].find_mut(hash, name);
        let mut topic = topic.expect("it was there just now");
        // Nobody comes or leaves while a message is handed out, so the list may be away.
        let listeners = std::mem::take(&mut topic.listeners);
        drop(topic);
        for listener in &listeners {
            self.deliver(listener.id, &mut |proto, out| out.message(message.encoded(proto)));
        }
        let sent = listeners.len();
        let topic = self.pubsub.topics[kind as usize].find_mut(hash, name);
        topic.expect("nobody left").listeners = listeners;
        sent
    }

    /// The one door for what a client did not ask for: behind its running command's reply when it
    /// is the caller, at the end of its output otherwise.
    pub fn deliver(&mut self, id: ClientId, write: &mut dyn FnMut(Proto, &mut Reply)) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.live.take() {
            Some(live) if client.replying => {
                let proto = live.out.proto;
                write(proto, client.held_back.get_or_insert_with(|| Reply::new(proto)));
                client.live = Some(live);
            }
            Some(mut live) => {
                // Whoever is being closed hears nothing more.
                if client.close == CloseWish::No {
                    write(live.out.proto, &mut live.out);
                    let limits = &self.config.client_output_buffer_limit;
                    if limits::is_over(limits, client, &mut live.out, self.now_us) {
                        limits::cut_off(client, &live.session, &mut self.stats);
                    }
                    if !client.dirty {
                        client.dirty = true;
                        self.dirty.push(id);
                    }
                }
                client.live = Some(live);
                self.count_client(id);
            }
            None => {
                let out_now = [self.running, self.turn_of].into_iter().flatten();
                let proto = out_now.into_iter().find(|(one, _)| *one == id);
                let proto = proto.map_or(Proto::V2, |(_, proto)| proto);
                let mut out = Reply::new(proto);
                write(proto, &mut out);
                self.deferred.push((id, out));
            }
        }
    }
}
