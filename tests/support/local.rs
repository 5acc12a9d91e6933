//! The engine in this process: bytes go into a client's buffer, the engine runs until it has
//! nothing to do, bytes come out. Time stands still unless a case moves it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, IoSlice};
use std::path::PathBuf;
use std::rc::Rc;

use redstart::engine::client::{ClientId, CloseWish, Peer};
use redstart::engine::config::file::Sources;
use redstart::engine::config::{Config, Startup, from_args};
use redstart::engine::table::Table;
use redstart::engine::{Engine, NetRequest};
use redstart::env::sim::Sim;

use super::frames::frame_end;
use super::tcp::Failure;

/// More rounds than this without coming to rest is a loop that spins.
const MAX_ROUNDS: usize = 1_000_000;

/// The command table.
pub fn table() -> &'static Table {
    redstart::commands::table()
}

/// The configuration these options of the command line ask for.
pub fn config(options: &[&str]) -> Config {
    let fixed = ["redis-server", "--save", "", "--enable-debug-command", "yes"];
    let words: Vec<OsString> = fixed.iter().chain(options).map(OsString::from).collect();
    let mut sources = Sources {
        read: &mut |_| Err(ErrorKind::NotFound.into()),
        list: &mut |_| Err(ErrorKind::NotFound.into()),
        stdin: &mut || Err(ErrorKind::NotFound.into()),
        defaults: Vec::new(),
        directory: PathBuf::from("/"),
        is_command: |name| table().find(name).is_some(),
    };
    match from_args(&words, &mut sources) {
        Ok(Startup::Run(config, _)) => *config,
        other => panic!("{options:?}: {other:?}"),
    }
}

/// An engine, the world it lives in, and what it has said to each client.
pub struct Inner {
    pub engine: Engine,
    pub sim: Sim,
    /// Set when the engine asked for the end of the process.
    pub exit_code: Option<i32>,
    outlets: BTreeMap<ClientId, Outlet>,
}

#[derive(Default)]
struct Outlet {
    bytes: Vec<u8>,
    closed: bool,
}

impl Inner {
    pub fn new(options: &[&str], seed: u64) -> Inner {
        Inner::in_world(options, Sim::new(seed))
    }

    /// An engine in a world that may have a history.
    pub fn in_world(options: &[&str], sim: Sim) -> Inner {
        let config = config(options);
        let table = redstart::commands::renamed_table(&config.renamed_commands);
        let engine = Engine::new(config, sim.env(), table);
        Inner { engine, sim, exit_code: None, outlets: BTreeMap::new() }
    }

    /// A new connection, as from this machine.
    pub fn connect(&mut self) -> ClientId {
        let peer = Peer {
            addr: "127.0.0.1:50000".into(),
            local_addr: "127.0.0.1:6379".into(),
            loopback: true,
            ..Peer::default()
        };
        let id = self.engine.connect(peer);
        self.outlets.insert(id, Outlet::default());
        self.settle();
        id
    }

    /// Hands bytes to a client's buffer, in as many portions as it has room for.
    pub fn feed(&mut self, id: ClientId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(buffer) = self.engine.buffer(id) else { return };
            let space = buffer.space();
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            self.engine.arrived(id, n);
            bytes = &bytes[n..];
            self.settle();
        }
    }

    /// The client has said its last word.
    pub fn read_closed(&mut self, id: ClientId) {
        self.engine.read_closed(id);
        self.settle();
    }

    /// The client's socket is gone.
    pub fn gone(&mut self, id: ClientId) {
        self.engine.gone(id);
        if let Some(outlet) = self.outlets.get_mut(&id) {
            outlet.closed = true;
        }
        self.settle();
    }

    pub fn advance_us(&mut self, us: u64) {
        self.sim.advance_us(us);
        self.settle();
    }

    /// Runs everything that is ready and collects what it says.
    pub fn settle(&mut self) {
        for _ in 0..MAX_ROUNDS {
            if !self.pass() {
                return;
            }
        }
        panic!("the engine does not come to rest");
    }

    /// One pass of the loop; false when there is nothing left to do.
    pub fn pass(&mut self) -> bool {
        while let Some(done) = self.sim.take_finished() {
            self.engine.job_done(done);
        }
        self.engine.wakes();
        self.engine.run_ready();
        let next = self.engine.tick();
        self.engine.sleeps();
        for request in self.engine.requests() {
            if let NetRequest::Shutdown { exit_code } = request {
                self.exit_code = Some(exit_code);
            }
        }
        let mut dirty = Vec::new();
        self.engine.take_dirty(&mut dirty);
        let more = !dirty.is_empty() || self.engine.has_ready() || next == Some(0);
        for id in dirty {
            self.collect(id);
        }
        // Jobs that ended at once were not looked at yet.
        more || self.sim.has_finished()
    }

    /// Hands bytes to a client's buffer, which has room for them, and runs nothing.
    pub fn put(&mut self, id: ClientId, bytes: &[u8]) {
        let buffer = self.engine.buffer(id).expect("the client is there");
        buffer.space()[..bytes.len()].copy_from_slice(bytes);
        self.engine.arrived(id, bytes.len());
    }

    /// Takes a client's output as the network would, and closes it when that is asked for.
    fn collect(&mut self, id: ClientId) {
        if self.engine.close_wish(id) == CloseWish::Now {
            return self.close(id);
        }
        let outlet = self.outlets.entry(id).or_default();
        loop {
            let limit = self.engine.may_leave(id);
            let Some(output) = self.engine.output(id).filter(|output| !output.is_empty()) else {
                break;
            };
            if limit == 0 {
                // It is marked anew when it may leave.
                return;
            }
            let mut slices = [IoSlice::new(&[]); 16];
            let count = output.slices(&mut slices);
            let before = outlet.bytes.len();
            for slice in &slices[..count] {
                outlet.bytes.extend_from_slice(slice);
            }
            outlet.bytes.truncate(outlet.bytes.len().min(before.saturating_add(limit)));
            let taken = outlet.bytes.len() - before;
            output.consume(taken);
            self.engine.written(id, taken);
        }
        if self.engine.close_wish(id) != CloseWish::No {
            self.close(id);
        }
    }

    fn close(&mut self, id: ClientId) {
        self.outlets.entry(id).or_default().closed = true;
        self.engine.gone(id);
    }

    /// Takes what was said to a client.
    pub fn take_output(&mut self, id: ClientId) -> Vec<u8> {
        self.outlets
            .get_mut(&id)
            .map(|outlet| std::mem::take(&mut outlet.bytes))
            .unwrap_or_default()
    }

    pub fn is_closed(&self, id: ClientId) -> bool {
        self.outlets.get(&id).is_none_or(|outlet| outlet.closed)
    }
}

/// Takes all that an engine has said to a client, as a socket that takes everything would.
pub fn take_all(engine: &mut Engine, id: ClientId) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(output) = engine.output(id).filter(|output| !output.is_empty()) {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = output.slices(&mut slices);
        let before = all.len();
        slices[..count].iter().for_each(|slice| all.extend_from_slice(slice));
        let taken = all.len() - before;
        output.consume(taken);
        engine.written(id, taken);
    }
    all
}

/// One engine and all its clients; a case and its connections share it.
#[derive(Clone)]
pub struct World(Rc<RefCell<Inner>>);

impl World {
    pub fn new(options: &[&str]) -> World {
        World(Rc::new(RefCell::new(Inner::new(options, 1))))
    }
}

/// One connection of a case.
pub struct LocalLink {
    world: World,
    id: ClientId,
    pending: Vec<u8>,
}

impl LocalLink {
    pub fn connect(world: &World) -> LocalLink {
        let id = world.0.borrow_mut().connect();
        LocalLink { world: world.clone(), id, pending: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.world.0.borrow_mut().feed(self.id, bytes);
    }

    /// The next frame. Time stands still, so what is not there now never comes.
    pub fn frame(&mut self) -> Result<Vec<u8>, Failure> {
        self.fill();
        match frame_end(&self.pending).map_err(Failure::Malformed)? {
            Some(len) => Ok(self.pending.drain(..len).collect()),
            None if self.is_closed() => Err(Failure::Closed),
            None => Err(Failure::Late),
        }
    }

    pub fn until_closed(&mut self) -> Option<Vec<u8>> {
        self.fill();
        self.is_closed().then(|| std::mem::take(&mut self.pending))
    }

    pub fn pending(&mut self) -> Vec<u8> {
        self.fill();
        self.pending.clone()
    }

    pub fn close(self) {
        self.world.0.borrow_mut().gone(self.id);
    }

    pub fn shut_write(&mut self) {
        self.world.0.borrow_mut().read_closed(self.id);
    }

    pub fn advance_ms(&mut self, ms: u64) {
        self.world.0.borrow_mut().advance_us(ms * 1000);
    }

    fn is_closed(&self) -> bool {
        self.world.0.borrow().is_closed(self.id)
    }

    fn fill(&mut self) {
        self.pending.extend(self.world.0.borrow_mut().take_output(self.id));
    }
}
