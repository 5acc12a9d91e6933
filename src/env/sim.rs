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
use crate::env::{Clock, Disk, Done, Entropy, Env, Job, Jobs, Memory, NewFile, Ports, Process};

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
    used: AtomicUsize,
    rss: AtomicUsize,
    container: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    mode: JobMode,
    pending: Vec<Job>,
    finished: VecDeque<Done>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    disk_fault: Option<io::ErrorKind>,
    open_files_max: u64,
    taken_ports: Vec<u16>,
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
            files: BTreeMap::new(),
            disk_fault: None,
            open_files_max: OPEN_FILES_MAX,
            taken_ports: vec![TAKEN_PORT],
        };
        let world = World {
            wall_us: AtomicI64::new(START_WALL_US),
            mono_us: AtomicU64::new(0),
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

    /// Puts a file on the disk.
    pub fn put_file(&self, path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) {
        self.state().files.insert(path.as_ref().to_path_buf(), bytes.into());
    }

    /// The contents of a file.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.state().files.get(path.as_ref()).cloned()
    }

    /// From now on every change to the disk fails like this; `None` heals it.
    pub fn set_disk_fault(&self, fault: Option<io::ErrorKind>) {
        self.state().disk_fault = fault;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.world.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a change of the disk.
    fn writable(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.disk_fault {
            Some(kind) => Err(kind.into()),
            None => Ok(state),
        }
    }
}

impl Clock for Sim {
    fn wall_us(&self) -> i64 {
        self.world.wall_us.load(Ordering::Relaxed)
    }

    fn mono_us(&self) -> u64 {
        self.world.mono_us.load(Ordering::Relaxed)
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
            || self.state().files.keys().any(|file| file != &path && file.starts_with(&path));
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

/// A file of a simulated disk that is being written.
struct SimFile {
    sim: Sim,
    path: PathBuf,
}

impl io::Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.sim.writable()?;
        state.files.entry(self.path.clone()).or_default().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for SimFile {
    fn sync(&mut self) -> io::Result<()> {
        self.sim.writable().map(drop)
    }
}

impl Disk for Sim {
    fn open_file(&self, path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.read(path)?)))
    }

    fn create_file(&mut self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.write(path, b"")?;
        Ok(Box::new(SimFile { sim: self.clone(), path: path.to_path_buf() }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.file(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.writable()?.files.insert(path.to_path_buf(), bytes.to_vec());
        Ok(())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.writable()?.files.entry(path.to_path_buf()).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        let bytes = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_path_buf(), bytes);
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match self.writable()?.files.remove(path) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.state().files.contains_key(path)
    }

    fn sync_dir(&mut self, _dir: &Path) -> io::Result<()> {
        self.writable().map(drop)
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
