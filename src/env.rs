//! The only door to the world: clock, disk, background jobs, memory gauge, entropy.
//!
//! Invariant: nothing above this module reads time, randomness, files or memory figures in any
//! other way, so a test that owns an [`Env`] owns every source of nondeterminism. `env/real.rs`
//! is the operating system, `env/sim.rs` a world that a test moves by hand.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub mod real;
pub mod sim;
pub mod sim_links;

/// Two clocks in one: wall time for what users see, monotonic time for what must never jump.
pub trait Clock: Send {
    /// Microseconds since 1970; may step either way when the machine's clock is set.
    fn wall_us(&self) -> i64;
    /// Microseconds since some fixed moment; never goes back.
    fn mono_us(&self) -> u64;
    /// The same in nanoseconds, as fine as the clock is.
    fn mono_ns(&self) -> u64 {
        self.mono_us() * 1000
    }
}

/// Something whose drop takes long enough to be done elsewhere.
pub trait Garbage: Send {
    /// How much memory the drop will give back, as accounted by its former owner.
    fn bytes(&self) -> usize;
    /// How many values it is, for counting.
    fn objects(&self) -> usize {
        1
    }
}

/// A file that jobs write to, one after the other.
pub type SharedFile = Arc<Mutex<Box<dyn NewFile>>>;

/// Work that owns its data and never touches the keyspace.
pub enum Job {
    /// Drop a large value.
    Free(Box<dyn Garbage>),
    /// Make what was written to a file last.
    Sync {
        /// The file.
        file: Box<dyn Syncer>,
        /// How far the file was written when this was asked for, in the submitter's own count.
        upto: u64,
    },
    /// Add to a file.
    Write {
        /// The submitter's own name for the file.
        id: u64,
        /// The file.
        file: SharedFile,
        /// What to add.
        bytes: Vec<u8>,
        /// Whether to wait until it lasts.
        sync: bool,
        /// The directory in which its new name is to last.
        dir: Option<PathBuf>,
    },
}

/// The end of a [`Job`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// A value was dropped.
    Freed {
        /// What [`Garbage::bytes`] said before the drop.
        bytes: usize,
        /// What [`Garbage::objects`] said.
        objects: usize,
    },
    /// A file was synced, or could not be.
    Synced {
        /// As in the job.
        upto: u64,
        /// The system's error number, when it failed.
        error: Option<i32>,
    },
    /// A file was written to.
    Written {
        /// As in the job.
        id: u64,
        /// The system's error number, when it failed.
        error: Option<i32>,
    },
    /// An errand to another server is over; [`Links::take`] tells how it went.
    Delivered {
        /// As in the errand.
        id: u64,
    },
}

impl Job {
    /// Does the work on the calling thread.
    pub fn run(self) -> Done {
        match self {
            Job::Free(garbage) => {
                let (bytes, objects) = (garbage.bytes(), garbage.objects());
                drop(garbage);
                Done::Freed { bytes, objects }
            }
            Job::Sync { mut file, upto } => {
                Done::Synced { upto, error: file.sync().err().map(number_of) }
            }
            Job::Write { id, file, bytes, sync, dir } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let mut written = file.write_all(&bytes);
                if sync {
                    written = written.and_then(|()| file.sync());
                }
                if let Some(dir) = dir {
                    written = written.and_then(|()| file.sync_dir(&dir));
                }
                Done::Written { id, error: written.err().map(number_of) }
            }
        }
    }
}

fn number_of(error: io::Error) -> i32 {
    error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::StorageFull => libc::ENOSPC,
        io::ErrorKind::PermissionDenied => libc::EACCES,
        _ => libc::EIO,
    })
}

/// The one way off the main thread.
pub trait Jobs: Send {
    /// Hands a job over; its end is reported through `finished`, in any order.
    fn submit(&mut self, job: Job);
    /// A job that ended since the last call, if there is one. Never waits.
    fn finished(&mut self) -> Option<Done>;
    /// The same, after waiting for it a moment where jobs run by themselves.
    fn wait(&mut self, _us: u64) -> Option<Done> {
        self.finished()
    }
    /// Whether waiting makes sense: jobs run by themselves.
    fn may_wait(&self) -> bool {
        false
    }
}

/// The allocator's own account.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct AllocatorPages {
    /// Bytes handed out.
    pub allocated: usize,
    /// Bytes in pages that hold something.
    pub active: usize,
    /// Bytes in physical memory, unused pages included.
    pub resident: usize,
}

/// Nothing to give back.
struct NoPages;

impl Garbage for NoPages {
    fn bytes(&self) -> usize {
        0
    }

    fn objects(&self) -> usize {
        0
    }
}

/// What the process occupies.
pub trait Memory: Send {
    /// Bytes the allocator has handed out, in size classes.
    fn used(&self) -> usize;
    /// The same where a test has no allocator of its own: then the data count with their own
    /// account.
    fn used_with(&self, _data: &dyn Fn() -> usize) -> usize {
        self.used()
    }
    /// The memory limit of the container the process runs in, bytes.
    fn container_limit(&self) -> Option<usize> {
        None
    }
    /// Bytes of physical memory of the machine.
    fn machine(&self) -> usize;
    /// Bytes of physical memory the process holds.
    fn rss(&self) -> usize;
    /// The unused pages that the allocator keeps for later: the drop gives them to the system.
    /// They are not part of what was handed out.
    fn spare_pages(&self) -> Box<dyn Garbage> {
        Box::new(NoPages)
    }
    /// Whether unused pages are given back by a thread of the allocator's own, rather than by
    /// whoever frees something, in passing.
    fn purge_aside(&mut self, _aside: bool) {}
    /// The allocator's own statistics.
    fn report(&self) -> String {
        String::new()
    }
    /// What the allocator holds for what it has handed out.
    fn pages(&self) -> AllocatorPages {
        AllocatorPages { allocated: self.used(), active: self.used(), resident: self.rss() }
    }
}

/// Bytes nobody can guess: hash seeds, run ids, generated secrets.
pub trait Entropy: Send {
    /// Fills the whole slice.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// A file that is open for writing at its end.
pub trait Appender: Send {
    /// Writes bytes at the end, perhaps only the first of them; tells how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the file to this length.
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// Another hand on the same file, to sync it elsewhere.
    fn syncer(&self) -> io::Result<Box<dyn Syncer>>;
}

/// A hand on an open file that can only make it last.
pub trait Syncer: Send {
    /// Waits until all that was written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that is being written.
pub trait NewFile: io::Write + Send {
    /// Waits until all that was written lasts.
    fn sync(&mut self) -> io::Result<()>;
    /// Waits until its name in this directory lasts.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()>;
}

/// Files. All paths are as the configuration gives them.
pub trait Disk: Send {
    /// Opens a file to be read from its begin.
    fn open_file(&self, path: &Path) -> io::Result<Box<dyn io::Read + Send>>;
    /// Creates or truncates a file to be written piece by piece.
    fn create_file(&mut self, path: &Path) -> io::Result<Box<dyn NewFile>>;
    /// The whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Creates or truncates the file, writes all of it and syncs it.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Adds to the end of a file, creating it when it is missing.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Opens a file for writing at its end, creating it when it is missing; a `fresh` one is empty.
    fn open(&mut self, path: &Path, fresh: bool) -> io::Result<Box<dyn Appender>>;
    /// How long a file is.
    fn size(&self, path: &Path) -> io::Result<u64>;
    /// Creates a directory, if there is none yet.
    fn make_dir(&mut self, path: &Path) -> io::Result<()>;
    /// Puts `from` in the place of `to` in one step.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// Whether there is something of this name.
    fn exists(&self, path: &Path) -> bool;
    /// Makes renames and creations inside the directory last.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()>;

    /// Removes a file; what is to be dropped afterwards, elsewhere, frees the room it takes on the
    /// disk, which may take long.
    fn remove_lightly(&mut self, path: &Path) -> io::Result<Option<Box<dyn Garbage>>> {
        let file = self.open_file(path).ok();
        self.remove(path)?;
        Ok(file.map(|file| Box::new(OldFile { _file: file }) as Box<dyn Garbage>))
    }

    /// The same for `rename`, which removes what had the new name.
    fn rename_lightly(&mut self, from: &Path, to: &Path) -> io::Result<Option<Box<dyn Garbage>>> {
        let file = self.open_file(to).ok();
        self.rename(from, to)?;
        Ok(file.map(|file| Box::new(OldFile { _file: file }) as Box<dyn Garbage>))
    }

    /// Replaces a file so that a crash leaves either the old or the new contents, never a mix:
    /// temporary file beside it, sync, rename, sync of the directory.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".tmp");
        let temp = path.with_file_name(name);
        let written = self.write(&temp, bytes).and_then(|()| self.rename(&temp, path));
        if let Err(error) = written {
            // The temporary file may not exist; the first error is the one that tells why.
            let _ = self.remove(&temp);
            return Err(error);
        }
        self.sync_dir(&parent(path))
    }
}

/// A file that has no name any more.
struct OldFile {
    _file: Box<dyn io::Read + Send>,
}

impl Garbage for OldFile {
    fn bytes(&self) -> usize {
        // It is the disk's room that is given back.
        0
    }

    fn objects(&self) -> usize {
        0
    }
}

/// The directory a path lies in; `.` for a bare name.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The process the server runs in, as far as a change of the configuration reaches it.
pub trait Process: Send {
    /// Makes this the working directory; gives its absolute name.
    fn change_directory(&mut self, path: &Path) -> io::Result<PathBuf>;
    /// Makes room for so many open files; gives how many there may be now.
    fn allow_open_files(&mut self, wanted: u64) -> u64;
}

/// The listening sockets.
pub trait Ports: Send {
    /// Listens on these addresses and this port in place of the present ones; when that fails, goes
    /// on as before and gives false.
    fn listen_on(&mut self, bind: &[String], port: u16, backlog: i32) -> bool;
}

/// Keys for another server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errand {
    /// Tells errands apart.
    pub id: u64,
    /// Name or address of the other server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How long connecting, and each answer, may take, milliseconds.
    pub timeout_ms: u64,
    /// An encoded AUTH, to be sent first.
    pub auth: Option<Vec<u8>>,
    /// The database there.
    pub db: i64,
    /// Encoded requests, each with one line for an answer.
    pub requests: Vec<Vec<u8>>,
}

/// What went wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// The other server could not be reached.
    Connecting,
    /// Not everything could be sent.
    Writing,
    /// An answer did not come.
    Reading,
}

/// How an errand went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// What AUTH and SELECT were refused with, the first refusal alone.
    pub refused: Option<Vec<u8>>,
    /// The answers to the requests that were answered, in order, each one line.
    pub answers: Vec<Vec<u8>>,
    /// Why there are no more.
    pub fault: Option<LinkFault>,
}

/// The way to other servers. Connections are kept for a while for whoever goes there next.
pub trait Links: Send {
    /// Takes an errand on; its end is reported like that of a job.
    fn send(&mut self, errand: Errand);
    /// The same while everybody waits.
    fn send_now(&mut self, errand: Errand) -> Delivery;
    /// How an errand that is over went.
    fn take(&mut self, id: u64) -> Option<Delivery>;
    /// Connections kept open.
    fn kept(&self) -> usize;
    /// Closes those that were not used for a while.
    fn close_idle(&mut self);
}

/// Everything nondeterministic in one value.
pub struct Env {
    /// Wall and monotonic time.
    pub clock: Box<dyn Clock>,
    /// Files.
    pub disk: Box<dyn Disk>,
    /// Work beside the main thread.
    pub jobs: Box<dyn Jobs>,
    /// Allocator and process figures.
    pub memory: Box<dyn Memory>,
    /// Unpredictable bytes.
    pub entropy: Box<dyn Entropy>,
    /// Working directory and limits.
    pub process: Box<dyn Process>,
    /// Listening sockets.
    pub ports: Box<dyn Ports>,
    /// Other servers.
    pub links: Box<dyn Links>,
}
