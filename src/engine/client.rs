//! A connected client as the engine knows it: an id, a read buffer, a session and a reply.
//!
//! Session and reply are one pointer, moved out while a command of the client runs. An id is never
//! used again, so a stale one finds nobody.

use super::pubsub::Subscriptions;
use super::session::{Origin, Session};
use crate::ds::id_map::IdMap;
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::InBuf;
use bytes::Bytes;

/// Identity of a client, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// Where a client comes from.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// `ip:port`, or the socket's path.
    pub addr: String,
    /// The local end, in the same form.
    pub local_addr: String,
    /// It came through the Unix socket.
    pub unix: bool,
    /// It came from this machine.
    pub loopback: bool,
    /// File descriptor, for CLIENT LIST.
    pub fd: i32,
}

/// Whether the network should close a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseWish {
    /// It stays.
    No,
    /// Once its output has left.
    AfterReply,
    /// At once.
    Now,
}

/// What moves out while a command runs.
pub struct Live {
    /// Database, user, origin.
    pub session: Session,
    /// Its answers.
    pub out: Reply,
}

/// How CLIENT REPLY was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// Every command is answered.
    #[default]
    On,
    /// None is.
    Off,
    /// The next one is not.
    SkipNext,
    /// The running one is not.
    Skipping,
}

/// One client.
pub struct Client {
    /// Its identity.
    pub id: ClientId,
    /// Where it comes from.
    pub peer: Peer,
    /// What it sent and has not been run.
    pub inbuf: InBuf,
    /// Out while a command of it runs.
    pub live: Option<Box<Live>>,
    /// CLIENT SETNAME.
    pub name: Bytes,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Bytes,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: Bytes,
    /// Monotonic microseconds of its connection.
    pub since_us: u64,
    /// Monotonic microseconds of its last request.
    pub active_us: u64,
    /// Whether and how it is to be closed.
    pub close: CloseWish,
    /// It was turned away and only waits for its last words to leave.
    pub refused: bool,
    /// A request of it waits for the end of a pause.
    pub postponed: bool,
    /// Unparsed bytes, and the buffer's size, when its turn began.
    pub input_seen: (usize, usize),
    /// Most bytes its reply buffer held lately.
    pub output_peak: usize,
    /// The peer will send nothing more.
    pub read_closed: bool,
    /// A command of it runs in slices; its later requests wait.
    pub parked: bool,
    /// The answer of its long work is being written: nothing may come in between.
    pub replying: bool,
    /// What is delivered behind that answer.
    pub held_back: Option<Reply>,
    /// What it waits with, when a command of it blocks.
    pub blocked: Option<Box<super::block::Blocked>>,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// What it listens to.
    pub subscriptions: Subscriptions,
    /// CLIENT TRACKING.
    pub tracking: Option<Box<super::tracking::Tracking>>,
    /// The running command is CLIENT CACHING, which counts for the next one.
    pub caching_was_called: bool,
    /// Keys under WATCH.
    pub watched: Vec<super::watch::Watched>,
    /// One of them changed: its EXEC will fail.
    pub watch_failed: bool,
    /// Since when its output is over the soft limit, monotonic microseconds.
    pub soft_since_us: Option<u64>,
    /// How much of its output may leave.
    pub stamps: super::persist::stamps::Stamps,
    /// The end of the log after its last write.
    pub log_mark: u64,
    /// Bytes it was counted with last.
    pub(super) counted_bytes: usize,
    pub(super) queued: bool,
    pub(super) dirty: bool,
}

impl Client {
    pub(super) fn new(id: ClientId, peer: Peer, now_us: u64, authenticated: bool) -> Client {
        let session = Session::new(Origin::Client(id), authenticated);
        Client {
            id,
            peer,
            inbuf: InBuf::new(),
            live: Some(Box::new(Live { session, out: Reply::new(Proto::V2) })),
            name: Bytes::new(),
            lib_name: Bytes::new(),
            lib_ver: Bytes::new(),
            since_us: now_us,
            active_us: now_us,
            close: CloseWish::No,
            refused: false,
            postponed: false,
            input_seen: (0, 0),
            output_peak: 0,
            read_closed: false,
            parked: false,
            replying: false,
            held_back: None,
            blocked: None,
            no_evict: false,
            reply_mode: ReplyMode::On,
            subscriptions: Subscriptions::default(),
            tracking: None,
            caching_was_called: false,
            watched: Vec::new(),
            watch_failed: false,
            soft_since_us: None,
            stamps: Default::default(),
            log_mark: 0,
            counted_bytes: 0,
            queued: false,
            dirty: false,
        }
    }

    /// Whether a turn of it may be put in line.
    #[inline]
    pub(super) fn may_queue(&self) -> bool {
        !self.queued && !self.parked && self.close == CloseWish::No
    }

    /// Index of its class in `client-output-buffer-limit`.
    #[inline]
    pub fn class(&self) -> usize {
        const NORMAL: usize = 0;
        const PUBSUB: usize = 2;
        if self.subscriptions.is_empty() { NORMAL } else { PUBSUB }
    }

    /// Memory it takes, buffers and names included.
    pub fn bytes(&self) -> usize {
        let out = self.live.as_ref().map_or(0, |live| live.out.capacity_bytes());
        size_of::<Client>()
            + size_of::<Live>()
            + self.inbuf.capacity_bytes()
            + out
            + self.name.len()
            + self.lib_name.len()
            + self.lib_ver.len()
            + self.subscriptions.bytes()
            + self.watched.capacity() * size_of::<super::watch::Watched>()
            + self.txn_bytes()
            + self.held_back.as_ref().map_or(0, Reply::capacity_bytes)
    }

    /// Memory of what MULTI keeps.
    fn txn_bytes(&self) -> usize {
        let txn = self.live.as_ref().and_then(|live| live.session.txn.as_ref());
        txn.map_or(0, |txn| txn.bytes())
    }

    /// Whether RESP2 allows it only the commands of subscribed mode.
    pub fn in_subscribed_mode(&self) -> bool {
        !self.subscriptions.is_empty()
    }
}

/// All clients by id.
#[derive(Default)]
pub struct Clients(IdMap<Box<Client>>);

impl Clients {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The client of this id.
    #[inline]
    pub fn get(&self, id: &ClientId) -> Option<&Client> {
        self.0.get(id.0).map(Box::as_ref)
    }

    /// The client of this id, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: &ClientId) -> Option<&mut Client> {
        self.0.get_mut(id.0).map(Box::as_mut)
    }

    /// Adds a client.
    pub fn insert(&mut self, client: Box<Client>) {
        self.0.insert(client.id.0, client);
    }

    /// Takes a client out.
    pub fn remove(&mut self, id: &ClientId) -> Option<Box<Client>> {
        self.0.remove(id.0)
    }

    /// All of them, in no order to rely on.
    pub fn values(&self) -> impl Iterator<Item = &Client> {
        self.0.iter().map(|(_, client)| client.as_ref())
    }

    /// All of them, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.0.values_mut().map(Box::as_mut)
    }
}
