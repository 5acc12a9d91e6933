//! A world that stands still until a test moves it.
//!
//! Invariant: the same seed and the same calls give the same bytes, the same order of finished
//! jobs and the same files. [`Sim`] is the test's hand on it and may be cloned freely; the
//! [`Env`] made by [`Sim::env`] sees every change at once.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::rng::Rng;
use crate::env::sim_links::LinkState;
use crate::env::{
    Appender, Clock, Disk, Done, Entropy, Env, Job, Jobs, Memory, NewFile, Ports, Process, Syncer,
};

/// Where wall time starts: some day that is not zero, so that a forgotten unit shows.
const START_WALL_US: i64 = 1_700_000_000_000_000;

/// A port on which somebody else listens.
pub const TAKEN_PORT: u16 = 1;

/// When a submitted job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobMode {
    /// At once; its end waits in `finished`.
    #[default]
    Prompt,
    /// When the test calls [`Sim::finish_one`], in an order drawn by the seed.
    Held,
}

/// The test's handle on a simulated world.
#[derive(Clone)]
pub struct Sim {
    world: Arc<World>,
}

struct World {
    wall_us: AtomicI64,
    mono_us: AtomicU64,
    /// What each look at the monotonic clock adds to it.
    haste_us: AtomicU64,
    used: AtomicUsize,
    rss: AtomicUsize,
    container: AtomicUsize,
    state: Mutex<State>,
}

pub(super) struct State {
    rng: Rng,
    mode: JobMode,
    pending: Vec<Job>,
    pub(super) finished: VecDeque<Done>,
    files: Files,
    disk_fault: Option<io::ErrorKind>,
    disk_room: Option<u64>,
    open_files_max: u64,
    taken_ports: Vec<u16>,
    /// Changes to the disk until the power fails, and what it held then.
    power_left: Option<u64>,
    left_behind: Option<Files>,
    pub(super) links: LinkState,
}

/// What lies on the disk, and what of it would survive a power cut.
#[derive(Clone, Default)]
struct Files {
    /// Contents, by the number that names and open files share.
    bodies: Vec<Body>,
    /// The names now.
    names: BTreeMap<PathBuf, usize>,
    /// The names after each change since the directory was synced, oldest first: a power cut goes
    /// back to one of them.
    past: Vec<BTreeMap<PathBuf, usize>>,
}

#[derive(Clone, Default)]
struct Body {
    bytes: Vec<u8>,
    /// So many of them are sure to survive.
    synced: usize,
}

impl Files {
    fn get(&self, path: &Path) -> Option<&Vec<u8>> {
        self.names.get(path).map(|body| &self.bodies[*body].bytes)
    }

    /// The names are about to change.
    fn note(&mut self) {
        self.past.push(self.names.clone());
    }

    /// A new empty file, in the place of whatever has the name.
    fn create(&mut self, path: &Path) -> usize {
        self.note();
        self.bodies.push(Body::default());
        self.names.insert(path.to_path_buf(), self.bodies.len() - 1);
        self.bodies.len() - 1
    }

    fn open(&mut self, path: &Path) -> usize {
        match self.names.get(path) {
            Some(body) => *body,
            None => self.create(path),
        }
    }

    /// A power cut: names go back to one of their states since the last sync of the directory, and
    /// of what was not synced to a file only a part is left.
    fn crash(&mut self, rng: &mut Rng) {
        self.past.push(std::mem::take(&mut self.names));
        let pick = rng.below(self.past.len() as u64) as usize;
        self.names = self.past.swap_remove(pick);
        self.past.clear();
        for body in &mut self.bodies {
            let loose = body.bytes.len() - body.synced;
            let kept = body.synced + rng.below(loose as u64 + 1) as usize;
            body.bytes.truncate(kept);
            body.synced = kept;
        }
    }
}

/// Physical memory of the simulated machine, bytes.
const MACHINE_BYTES: usize = 8 << 30;
/// Open files a simulated process may have until a test says otherwise.
const OPEN_FILES_MAX: u64 = 100_000;

impl Sim {
    /// A fresh world; everything in it that is random follows from the seed.
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng::seeded(seed),
            mode: JobMode::Prompt,
            pending: Vec::new(),
            finished: VecDeque::new(),
            files: Files::default(),
            disk_fault: None,
            disk_room: None,
            open_files_max: OPEN_FILES_MAX,
            taken_ports: vec![TAKEN_PORT],
            power_left: None,
            left_behind: None,
            links: LinkState::default(),
        };
        let world = World {
            wall_us: AtomicI64::new(START_WALL_US),
            mono_us: AtomicU64::new(0),
            haste_us: AtomicU64::new(0),
            used: AtomicUsize::new(1 << 20),
            rss: AtomicUsize::new(2 << 20),
            container: AtomicUsize::new(0),
            state: Mutex::new(state),
        };
        Sim { world: Arc::new(world) }
    }

    /// An environment for one engine. Several share clock, disk and job queue.
    pub fn env(&self) -> Env {
        Env {
            clock: Box::new(self.clone()),
            disk: Box::new(self.clone()),
            jobs: Box::new(self.clone()),
            memory: Box::new(self.clone()),
            entropy: Box::new(self.clone()),
            process: Box::new(self.clone()),
            ports: Box::new(self.clone()),
            links: Box::new(self.clone()),
        }
    }

    /// Lets time pass on both clocks.
    pub fn advance_us(&self, by: u64) {
        self.world.mono_us.fetch_add(by, Ordering::Relaxed);
        self.world.wall_us.fetch_add(by as i64, Ordering::Relaxed);
    }

    /// Lets milliseconds pass on both clocks.
    pub fn advance_ms(&self, by: u64) {
        self.advance_us(by * 1000);
    }

    /// From now on each look at the monotonic clock moves it on: slices of work become short.
    pub fn set_haste_us(&self, by: u64) {
        self.world.haste_us.store(by, Ordering::Relaxed);
    }

    /// Steps the wall clock alone, as an administrator would.
    pub fn set_wall_us(&self, wall_us: i64) {
        self.world.wall_us.store(wall_us, Ordering::Relaxed);
    }

    /// What [`Memory`] reports from now on.
    pub fn set_memory(&self, used: usize, rss: usize) {
        self.world.used.store(used, Ordering::Relaxed);
        self.world.rss.store(rss, Ordering::Relaxed);
    }

    /// Puts the process into a container with this memory limit, for engines made from now on.
    pub fn set_container(&self, limit: usize) {
        self.world.container.store(limit, Ordering::Relaxed);
    }

    /// Changes when jobs run; those already held stay held.
    pub fn set_job_mode(&self, mode: JobMode) {
        self.state().mode = mode;
    }

    /// When jobs run.
    pub(super) fn job_mode(&self) -> JobMode {
        self.state().mode
    }

    /// How many jobs were submitted and have not run.
    pub fn pending_jobs(&self) -> usize {
        self.state().pending.len()
    }

    /// Runs one held job, whichever the seed draws, and hands its end to the caller, who passes
    /// it to `Engine::job_done`.
    pub fn finish_one(&self) -> Option<Done> {
        let job = {
            let mut state = self.state();
            let count = state.pending.len() as u64;
            if count == 0 {
                return None;
            }
            let pick = state.rng.below(count) as usize;
            state.pending.swap_remove(pick)
        };
        Some(job.run())
    }

    /// The end of a prompt job that nobody has taken yet.
    pub fn take_finished(&self) -> Option<Done> {
        self.state().finished.pop_front()
    }

    /// Whether the end of a prompt job waits to be taken.
    pub fn has_finished(&self) -> bool {
        !self.state().finished.is_empty()
    }

    /// Puts a file on the disk.
    pub fn put_file(&self, path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state();
        let body = state.files.create(path.as_ref());
        let bytes = bytes.into();
        state.files.bodies[body] = Body { synced: bytes.len(), bytes };
        state.files.past.clear();
    }

    /// Names of the files on the disk.
    pub fn file_names(&self) -> Vec<PathBuf> {
        self.state().files.names.keys().cloned().collect()
    }

    /// Cuts the power: what was not synced may be gone, in part or whole, as the seed draws. Jobs
    /// that were held never run.
    pub fn cut_power(&self) {
        let mut state = self.state();
        let state = &mut *state;
        state.power_left = None;
        if let Some(files) = state.left_behind.take() {
            state.files = files;
        }
        state.files.crash(&mut state.rng);
        state.pending.clear();
        state.finished.clear();
    }

    /// The power fails instead of the change to the disk after so many more: whoever goes on does
    /// not notice, but when it is cut, nothing from then on has ever been.
    pub fn fail_power_after(&self, changes: u64) {
        self.state().power_left = Some(changes);
    }

    /// Whether the power has failed.
    pub fn has_power_failed(&self) -> bool {
        self.state().left_behind.is_some()
    }

    /// So many more bytes fit on the disk; `None` for any number.
    pub fn set_disk_room(&self, room: Option<u64>) {
        self.state().disk_room = room;
    }

    /// The contents of a file.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.state().files.get(path.as_ref()).cloned()
    }

    /// From now on every change to the disk fails like this; `None` heals it.
    pub fn set_disk_fault(&self, fault: Option<io::ErrorKind>) {
        self.state().disk_fault = fault;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.world.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a change of the disk.
    fn writable(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if let Some(kind) = state.disk_fault {
            return Err(kind.into());
        }
        match state.power_left {
            Some(0) if state.left_behind.is_none() => state.left_behind = Some(state.files.clone()),
            Some(left) => state.power_left = Some(left.saturating_sub(1)),
            None => {}
        }
        Ok(state)
    }
}

impl Clock for Sim {
    fn wall_us(&self) -> i64 {
        self.world.wall_us.load(Ordering::Relaxed)
    }

    fn mono_us(&self) -> u64 {
        let haste_us = self.world.haste_us.load(Ordering::Relaxed);
        self.world.mono_us.fetch_add(haste_us, Ordering::Relaxed)
    }
}

impl Jobs for Sim {
    fn submit(&mut self, job: Job) {
        if self.state().mode == JobMode::Held {
            self.state().pending.push(job);
            return;
        }
        // The job runs without the lock: a drop may reach back into the world.
        let done = job.run();
        self.state().finished.push_back(done);
    }

    fn finished(&mut self) -> Option<Done> {
        self.take_finished()
    }
}

impl Memory for Sim {
    fn used(&self) -> usize {
        self.world.used.load(Ordering::Relaxed)
    }

    fn used_with(&self, data: &dyn Fn() -> usize) -> usize {
        self.used() + data()
    }

    fn container_limit(&self) -> Option<usize> {
        Some(self.world.container.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    fn machine(&self) -> usize {
        MACHINE_BYTES
    }

    fn rss(&self) -> usize {
        self.world.rss.load(Ordering::Relaxed)
    }
}

impl Process for Sim {
    /// There are the root, and the directories that files lie in.
    fn change_directory(&mut self, path: &Path) -> io::Result<PathBuf> {
        let path = Path::new("/").join(path);
        let known = path == Path::new("/")
            || self.state().files.names.keys().any(|file| file != &path && file.starts_with(&path));
        if known { Ok(path) } else { Err(io::Error::from_raw_os_error(libc::ENOENT)) }
    }

    fn allow_open_files(&mut self, wanted: u64) -> u64 {
        wanted.min(self.state().open_files_max)
    }
}

impl Ports for Sim {
    fn listen_on(&mut self, _: &[String], port: u16, _: i32) -> bool {
        !self.state().taken_ports.contains(&port)
    }
}

impl Entropy for Sim {
    fn fill(&mut self, bytes: &mut [u8]) {
        let mut state = self.state();
        for chunk in bytes.chunks_mut(8) {
            let word = state.rng.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

impl Disk for Sim {
    fn open_file(&self, path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.read(path)?)))
    }

    fn create_file(&mut self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let body = self.writable()?.files.create(path);
        Ok(Box::new(SimFile { sim: self.clone(), body }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.file(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.writable()?;
        let body = state.files.create(path);
        state.files.bodies[body] = Body { bytes: bytes.to_vec(), synced: bytes.len() };
        Ok(())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.writable()?;
        let body = state.files.open(path);
        state.files.bodies[body].bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn open(&mut self, path: &Path, fresh: bool) -> io::Result<Box<dyn Appender>> {
        let mut state = self.writable()?;
        let body = if fresh { state.files.create(path) } else { state.files.open(path) };
        Ok(Box::new(SimFile { sim: self.clone(), body }))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        let len = self.state().files.get(path).map(|bytes| bytes.len() as u64);
        len.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make_dir(&mut self, _: &Path) -> io::Result<()> {
        self.writable().map(drop)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        let body = *state.files.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.note();
        state.files.names.remove(from);
        state.files.names.insert(to.to_path_buf(), body);
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        state.files.note();
        match state.files.names.remove(path) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.state().files.names.contains_key(path)
    }

    fn sync_dir(&mut self, _dir: &Path) -> io::Result<()> {
        self.writable()?.files.past.clear();
        Ok(())
    }
}

/// An open file of a simulated disk.
struct SimFile {
    sim: Sim,
    body: usize,
}

impl Appender for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.sim.writable()?;
        let fits = match state.disk_room {
            Some(0) => return Err(io::Error::from_raw_os_error(libc::ENOSPC)),
            Some(room) => bytes.len().min(room as usize),
            None => bytes.len(),
        };
        state.disk_room = state.disk_room.map(|room| room - fits as u64);
        state.files.bodies[self.body].bytes.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.sim.writable()?;
        let body = &mut state.files.bodies[self.body];
        body.bytes.truncate(len as usize);
        body.synced = body.synced.min(body.bytes.len());
        Ok(())
    }

    fn syncer(&self) -> io::Result<Box<dyn Syncer>> {
        Ok(Box::new(SimFile { sim: self.sim.clone(), body: self.body }))
    }
}

impl io::Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Appender::write(self, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for SimFile {
    fn sync(&mut self) -> io::Result<()> {
        Syncer::sync(self)
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.sim.sync_dir(dir)
    }
}

impl Syncer for SimFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.sim.writable()?;
        let body = &mut state.files.bodies[self.body];
        body.synced = body.bytes.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Garbage;

    struct Weight(usize);

    impl Garbage for Weight {
        fn bytes(&self) -> usize {
            self.0
        }
    }

    fn order_of_ends(seed: u64) -> Vec<Done> {
        let sim = Sim::new(seed);
        sim.set_job_mode(JobMode::Held);
        let mut env = sim.env();
        for bytes in 0..20 {
            env.jobs.submit(Job::Free(Box::new(Weight(bytes))));
        }
        assert_eq!(env.jobs.finished(), None);
        std::iter::from_fn(|| sim.finish_one()).collect()
    }

    #[test]
    fn same_seed_same_world() {
        assert_eq!(order_of_ends(1), order_of_ends(1));
        assert_ne!(order_of_ends(1), order_of_ends(2));
        let (mut a, mut b) = ([0u8; 21], [0u8; 21]);
        Sim::new(9).env().entropy.fill(&mut a);
        Sim::new(9).env().entropy.fill(&mut b);
        assert_eq!(a, b);
    }

    #[test]
    fn time_moves_only_by_hand() {
        let sim = Sim::new(1);
        let env = sim.env();
        sim.advance_ms(5);
        assert_eq!((env.clock.mono_us(), env.clock.wall_us()), (5000, START_WALL_US + 5000));
        sim.set_wall_us(42);
        assert_eq!((env.clock.mono_us(), env.clock.wall_us()), (5000, 42));
    }

    #[test]
    fn a_failing_disk_keeps_the_old_file() {
        let sim = Sim::new(1);
        let mut env = sim.env();
        env.disk.replace(Path::new("dir/a"), b"one").expect("healthy disk");
        sim.set_disk_fault(Some(io::ErrorKind::StorageFull));
        assert!(env.disk.replace(Path::new("dir/a"), b"two").is_err());
        assert_eq!(sim.file("dir/a").as_deref(), Some(&b"one"[..]));
        assert!(!env.disk.exists(Path::new("dir/a.tmp")));
    }
}
