//! A connection over TCP that reads whole frames.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::frames::{encode, frame_end};
use super::server::PATIENCE;

/// Why a frame did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Closed,
    Late,
    Malformed(String),
}

/// One connection and the bytes that came on it but were not asked for yet.
pub struct TcpLink {
    stream: TcpStream,
    pending: Vec<u8>,
    eof: bool,
}

impl TcpLink {
    pub fn connect(addr: SocketAddr) -> Result<TcpLink, Failure> {
        let stream = TcpStream::connect(addr).map_err(|_| Failure::Closed)?;
        stream.set_nodelay(true).map_err(|_| Failure::Closed)?;
        Ok(TcpLink { stream, pending: Vec::new(), eof: false })
    }

    /// Sends a request and gives its reply as text.
    pub fn ask(&mut self, words: &[&str]) -> String {
        self.send(&encode(words), PATIENCE).expect("it reads");
        let frame = self.frame(PATIENCE).expect("it answers");
        String::from_utf8_lossy(&frame).into_owned()
    }

    pub fn send(&mut self, bytes: &[u8], patience: Duration) -> Result<(), Failure> {
        self.stream.set_write_timeout(Some(patience)).map_err(|_| Failure::Closed)?;
        self.stream.write_all(bytes).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::Late,
            _ => Failure::Closed,
        })
    }

    /// Reads what is there, waiting at most `wait` for it; false when nothing came.
    pub fn fill(&mut self, wait: Duration) -> bool {
        if self.eof {
            return false;
        }
        let mut chunk = [0; 1 << 16];
        let wait = wait.max(Duration::from_micros(1));
        let got =
            self.stream.set_read_timeout(Some(wait)).and_then(|()| self.stream.read(&mut chunk));
        match got {
            Ok(0) => self.eof = true,
            Ok(n) => self.pending.extend_from_slice(&chunk[..n]),
            Err(error) => {
                let nothing_yet = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
                self.eof = !nothing_yet.contains(&error.kind());
                return false;
            }
        }
        !self.eof
    }

    /// The next frame, as it came.
    pub fn frame(&mut self, patience: Duration) -> Result<Vec<u8>, Failure> {
        let end = Instant::now() + patience;
        loop {
            if let Some(len) = frame_end(&self.pending).map_err(Failure::Malformed)? {
                return Ok(self.pending.drain(..len).collect());
            }
            if self.eof {
                return Err(Failure::Closed);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::Late);
            }
            self.fill(left);
        }
    }

    /// Waits for the other side to close; gives what it said before, or `None` if it stays.
    pub fn until_closed(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let end = Instant::now() + patience;
        while !self.eof {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.fill(left);
        }
        Some(std::mem::take(&mut self.pending))
    }

    /// Nothing is waiting to be read.
    pub fn is_idle(&mut self) -> bool {
        while self.fill(Duration::ZERO) {}
        self.pending.is_empty()
    }

    pub fn is_eof(&self) -> bool {
        self.eof
    }

    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    pub fn take_pending(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    /// Sends FIN; what comes back can still be read.
    pub fn shut_write(&mut self) {
        // The peer may be gone already, which is as good.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
