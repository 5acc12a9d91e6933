//! The operating system behind the traits of [`crate::env`].
//!
//! Invariant: nothing here blocks the caller but file operations; jobs run on threads of their
//! own, one for each kind, which start with the first job so that an idle start costs nothing.
// This is the door itself.
#![allow(clippy::disallowed_methods)]

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use crate::env::{
    AllocatorPages, Appender, Clock, Disk, Done, Entropy, Env, Garbage, Job, Jobs, Links, Memory,
    NewFile, Ports, Process, Syncer,
};
use crate::sys::cgroup;
use crate::{alloc, sys};

/// Called on the worker thread after a job has ended.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What the loop is reached by from other threads.
pub type Report = Arc<dyn Fn(Done) + Send + Sync>;

/// The real world. `wake` interrupts the event loop's sleep; `Finished` is where the loop finds
/// what ended.
pub fn environment(
    wake: Wake,
    ports: Box<dyn Ports>,
    links: impl FnOnce(Report) -> Box<dyn Links>,
) -> (Env, Finished) {
    let finished = Finished::default();
    let (done, roused) = (finished.clone(), wake.clone());
    let report: Report = Arc::new(move |end| {
        done.push(end);
        roused();
    });
    let env = Env {
        clock: Box::new(SystemClock::new()),
        disk: Box::new(RealDisk),
        jobs: Box::new(Workers::new(wake, finished.clone())),
        memory: Box::new(ProcessMemory),
        entropy: Box::new(KernelEntropy),
        process: Box::new(ThisProcess),
        ports,
        links: links(report),
    };
    (env, finished)
}

/// The machine's clocks.
pub struct SystemClock {
    start_ns: u64,
}

impl SystemClock {
    /// Monotonic time counts from here.
    #[expect(clippy::new_without_default, reason = "reading a clock is not a default")]
    pub fn new() -> Self {
        SystemClock { start_ns: sys::monotonic_ns() }
    }
}

impl Clock for SystemClock {
    #[inline]
    fn wall_us(&self) -> i64 {
        wall_us()
    }

    #[inline]
    fn mono_us(&self) -> u64 {
        self.mono_ns() / 1000
    }

    #[inline]
    fn mono_ns(&self) -> u64 {
        sys::monotonic_ns() - self.start_ns
    }
}

/// Microseconds since 1970 by the machine's clock; for the log, which runs before there is an
/// [`Env`].
#[inline]
pub fn wall_us() -> i64 {
    sys::wall_ns().div_euclid(1000)
}

/// All of standard input.
pub fn standard_input() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// Ends of jobs, shared by the worker, the engine's environment and the event loop.
#[derive(Clone, Default)]
pub struct Finished(Arc<Mutex<VecDeque<Done>>>);

impl Finished {
    /// The oldest end that nobody has taken yet.
    pub fn pop(&self) -> Option<Done> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, done: Done) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(done);
    }
}

/// Threads that work off jobs in the order they come, one for each kind of work: what waits for a
/// log to be synced does not wait for anything else.
struct Workers {
    wake: Wake,
    finished: Finished,
    queues: [Option<mpsc::Sender<Job>>; 3],
}

/// Which thread does a job, and the thread's name.
fn worker_for(job: &Job) -> (usize, &'static str) {
    match job {
        Job::Free(_) => (0, "jobs"),
        Job::Sync { .. } => (1, "sync log"),
        Job::Write { .. } => (2, "files"),
    }
}

impl Workers {
    fn new(wake: Wake, finished: Finished) -> Self {
        Workers { wake, finished, queues: [None, None, None] }
    }

    fn start(&self, name: &str) -> io::Result<mpsc::Sender<Job>> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let (wake, finished) = (self.wake.clone(), self.finished.clone());
        thread::Builder::new().name(name.into()).spawn(move || {
            while let Ok(job) = receiver.recv() {
                let done = job.run();
                alloc::flush();
                finished.push(done);
                wake();
            }
        })?;
        Ok(sender)
    }
}

impl Jobs for Workers {
    fn submit(&mut self, job: Job) {
        let (worker, name) = worker_for(&job);
        if self.queues[worker].is_none() {
            match self.start(name) {
                Ok(queue) => self.queues[worker] = Some(queue),
                Err(error) => tracing::warn!("Can't start the thread for {name}: {error}"),
            }
        }
        let refused = match &self.queues[worker] {
            Some(queue) => queue.send(job).err().map(|back| back.0),
            None => Some(job),
        };
        // Without a thread the work is done here: slower, but nothing waits for ever.
        if let Some(job) = refused {
            self.queues[worker] = None;
            self.finished.push(job.run());
            (self.wake)();
        }
    }

    fn finished(&mut self) -> Option<Done> {
        self.finished.pop()
    }

    fn wait(&mut self, us: u64) -> Option<Done> {
        let done = self.finished.pop();
        if done.is_none() {
            sys::sleep_us(us);
        }
        done
    }

    fn may_wait(&self) -> bool {
        true
    }
}

/// The counting allocator and the kernel's view of the process.
struct ProcessMemory;

impl Memory for ProcessMemory {
    fn used(&self) -> usize {
        alloc::used()
    }

    fn container_limit(&self) -> Option<usize> {
        cgroup::memory_limit()
    }

    fn machine(&self) -> usize {
        sys::physical_memory()
    }

    fn rss(&self) -> usize {
        sys::resident_bytes()
    }

    fn spare_pages(&self) -> Box<dyn Garbage> {
        Box::new(SparePages)
    }

    fn purge_aside(&mut self, aside: bool) {
        if let Err(error) = alloc::purge_aside(aside) {
            tracing::warn!("The allocator does not purge from a thread of its own: {error}");
        }
    }

    fn report(&self) -> String {
        alloc::statistics()
    }

    fn pages(&self) -> AllocatorPages {
        match alloc::own_figures(["stats.allocated", "stats.active", "stats.resident"]) {
            Ok([allocated, active, resident]) => AllocatorPages { allocated, active, resident },
            Err(error) => {
                tracing::warn!("The allocator does not tell what it holds: {error}");
                AllocatorPages::default()
            }
        }
    }
}

/// The allocator's unused pages.
struct SparePages;

impl Garbage for SparePages {
    fn bytes(&self) -> usize {
        0
    }

    fn objects(&self) -> usize {
        0
    }
}

impl Drop for SparePages {
    fn drop(&mut self) {
        if let Err(error) = alloc::purge() {
            tracing::warn!("The allocator does not give memory back: {error}");
        }
    }
}

/// The process as the kernel sees it.
struct ThisProcess;

impl Process for ThisProcess {
    fn change_directory(&mut self, path: &Path) -> io::Result<PathBuf> {
        std::env::set_current_dir(path)?;
        std::env::current_dir()
    }

    fn allow_open_files(&mut self, wanted: u64) -> u64 {
        let Ok((current, maximum)) = sys::open_files_limit() else { return wanted };
        if current >= wanted || sys::set_open_files_limit(wanted, wanted.max(maximum)).is_ok() {
            return wanted;
        }
        let reachable = wanted.min(maximum);
        let raised = reachable > current && sys::set_open_files_limit(reachable, maximum).is_ok();
        if raised { reachable } else { current }
    }
}

/// The kernel's generator.
struct KernelEntropy;

impl Entropy for KernelEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        // A server with guessable hash seeds and secrets is worse than none.
        sys::random_bytes(bytes).expect("the kernel provides random bytes");
    }
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl RealDisk {
    /// Creates or truncates a file without waiting for the disk: for what need not outlive a
    /// power cut.
    pub fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }

    /// Names in a directory, in no order.
    pub fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

impl NewFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

impl Disk for RealDisk {
    fn open_file(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(path)?))
    }

    fn create_file(&mut self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes)
    }

    fn open(&mut self, path: &Path, fresh: bool) -> io::Result<Box<dyn Appender>> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        if fresh {
            file.set_len(0)?;
        }
        Ok(Box::new(OpenFile(file)))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn exists(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// A file open for appending.
struct OpenFile(File);

impl Appender for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn syncer(&self) -> io::Result<Box<dyn Syncer>> {
        Ok(Box::new(OpenFile(self.0.try_clone()?)))
    }
}

impl Syncer for OpenFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Garbage;

    struct Deaf;

    impl Ports for Deaf {
        fn listen_on(&mut self, _: &[String], _: u16, _: i32) -> bool {
            false
        }
    }

    struct Weight(usize);

    impl Garbage for Weight {
        fn bytes(&self) -> usize {
            self.0
        }
    }

    #[test]
    fn a_job_ends_with_a_wake_and_its_result() {
        let (sender, receiver) = mpsc::channel();
        let (mut env, finished) = environment(
            Arc::new(move || sender.send(()).expect("test waits")),
            Box::new(Deaf),
            |_| Box::new(crate::env::sim::Sim::new(1)),
        );
        env.jobs.submit(Job::Free(Box::new(Weight(77))));
        receiver.recv().expect("the worker wakes the loop");
        assert_eq!(finished.pop(), Some(Done::Freed { bytes: 77, objects: 1 }));
        assert_eq!(env.jobs.finished(), None);
    }

    #[test]
    fn replace_leaves_only_the_new_file() {
        let dir = std::env::temp_dir().join(format!("redstart-real-disk-{}", sys::pid()));
        fs::create_dir_all(&dir).expect("temporary directory");
        let path = dir.join("file");
        let mut disk = RealDisk;
        disk.replace(&path, b"one").expect("first");
        disk.replace(&path, b"two").expect("second");
        assert_eq!(disk.read(&path).expect("readable"), b"two");
        assert_eq!(fs::read_dir(&dir).expect("directory").count(), 1);
        fs::remove_dir_all(&dir).expect("cleanup");
    }

    #[test]
    fn monotonic_time_moves_on() {
        let clock = SystemClock::new();
        let first = clock.mono_us();
        assert!(clock.mono_us() >= first);
        assert!(clock.wall_us() > 1_600_000_000_000_000);
    }
}
