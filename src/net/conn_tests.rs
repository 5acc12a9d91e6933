//! Partial reads and writes, played by scripted sockets.

use std::collections::VecDeque;

use bytes::Bytes;

use super::*;

/// What a scripted socket does next: moves at most so many bytes, or fails.
type Step = Result<usize, io::ErrorKind>;

struct Script {
    steps: VecDeque<Step>,
    bytes: Vec<u8>,
    calls: usize,
}

fn script(steps: &[Step]) -> Script {
    Script { steps: steps.iter().copied().collect(), bytes: Vec::new(), calls: 0 }
}

impl Script {
    fn next(&mut self) -> io::Result<usize> {
        self.calls += 1;
        self.steps.pop_front().expect("no more calls than scripted").map_err(io::Error::from)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.next()?.min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.write(&all)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Script {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.next()?.min(into.len());
        into[..count].fill(b'x');
        Ok(count)
    }
}

struct Room {
    size: usize,
    buffer: Vec<u8>,
    got: usize,
}

fn room(size: usize) -> Room {
    Room { size, buffer: vec![0; size], got: 0 }
}

impl Sink for Room {
    fn space(&mut self) -> Option<&mut [u8]> {
        (self.size > 0).then(|| &mut self.buffer[..])
    }

    fn filled(&mut self, count: usize) {
        self.got += count;
    }
}

const ALL: Step = Ok(usize::MAX);
const WAIT: Step = Err(io::ErrorKind::WouldBlock);
const AGAIN: Step = Err(io::ErrorKind::Interrupted);
const RESET: Step = Err(io::ErrorKind::ConnectionReset);

/// Output of several chunks and the same bytes flat.
fn output() -> (OutBuf, Vec<u8>) {
    let mut out = OutBuf::new();
    out.push_bytes(b"+OK\r\n$40000\r\n");
    out.push_shared(Bytes::from(vec![b'v'; 40_000]));
    out.push_bytes(b"\r\n:1\r\n");
    let flat = out.to_vec();
    (out, flat)
}

#[test]
fn a_whole_write_is_one_call() {
    let (mut out, flat) = output();
    let mut socket = script(&[ALL]);
    assert_eq!(flush(&mut socket, &mut out, 1 << 20, usize::MAX), (Flushed::All, flat.len()));
    assert_eq!((socket.bytes, socket.calls), (flat, 1));
    assert_eq!(flush(&mut script(&[]), &mut out, 1 << 20, usize::MAX), (Flushed::All, 0));
}

#[test]
fn a_short_write_stops_and_goes_on_where_it_stopped() {
    for cut in [1, 5, 12, 13, 14, 40_012, 40_013, 40_018] {
        let (mut out, flat) = output();
        let mut socket = script(&[Ok(cut)]);
        assert_eq!(flush(&mut socket, &mut out, 1 << 20, usize::MAX), (Flushed::Blocked, cut));
        assert_eq!(out.len(), flat.len() - cut);
        socket.steps.extend([WAIT]);
        assert_eq!(flush(&mut socket, &mut out, 1 << 20, usize::MAX), (Flushed::Blocked, 0));
        socket.steps.extend([AGAIN, ALL]);
        assert_eq!(
            flush(&mut socket, &mut out, 1 << 20, usize::MAX),
            (Flushed::All, flat.len() - cut)
        );
        assert_eq!(socket.bytes, flat);
    }
}

#[test]
fn one_byte_at_a_time_arrives_whole() {
    let (mut out, flat) = output();
    let mut socket = script(&[]);
    while !out.is_empty() {
        socket.steps.push_back(Ok(1));
        flush(&mut socket, &mut out, 1 << 20, usize::MAX);
    }
    assert_eq!(socket.bytes, flat);
}

#[test]
fn more_pieces_than_one_call_takes_go_in_several_calls_within_the_budget() {
    let mut out = OutBuf::new();
    for _ in 0..150 {
        out.push_bytes(b"head");
        out.push_shared(Bytes::from(vec![b's'; 70_000]));
    }
    let flat = out.to_vec();
    let mut socket = script(&[ALL; 10]);
    let (flushed, first) = flush(&mut socket, &mut out, 1 << 20, usize::MAX);
    assert_eq!(flushed, Flushed::More);
    assert_eq!(socket.calls, 1);
    let (flushed, rest) = flush(&mut socket, &mut out, usize::MAX, usize::MAX);
    assert_eq!((flushed, first + rest), (Flushed::All, flat.len()));
    assert_eq!(socket.bytes, flat);
}

#[test]
fn a_dead_peer_is_noticed_when_writing() {
    for step in [RESET, Ok(0), Err(io::ErrorKind::BrokenPipe)] {
        let (mut out, _) = output();
        assert_eq!(
            flush(&mut script(&[step]), &mut out, 1 << 20, usize::MAX),
            (Flushed::Broken, 0)
        );
    }
}

#[test]
fn a_short_read_is_the_last() {
    let mut socket = script(&[Ok(10)]);
    let mut sink = room(64);
    assert_eq!(fill(&mut socket, &mut sink, false, 1000), Filled::Drained);
    assert_eq!(sink.got, 10);
}

#[test]
fn a_full_read_is_followed_by_another_up_to_the_budget() {
    let mut sink = room(64);
    assert_eq!(
        fill(&mut script(&[ALL, AGAIN, ALL, WAIT]), &mut sink, false, 1000),
        Filled::Drained
    );
    assert_eq!(sink.got, 128);
    assert_eq!(fill(&mut script(&[ALL, ALL]), &mut sink, false, 128), Filled::More);
}

#[test]
fn near_the_end_only_nothing_ends_it() {
    let mut sink = room(64);
    assert_eq!(fill(&mut script(&[Ok(3), Ok(2), Ok(0)]), &mut sink, true, 1000), Filled::Ended);
    assert_eq!(sink.got, 5);
    assert_eq!(fill(&mut script(&[Ok(3), RESET]), &mut sink, true, 1000), Filled::Broken);
    assert_eq!(fill(&mut script(&[]), &mut room(0), true, 1000), Filled::Broken);
}

#[test]
fn what_may_not_leave_stays() {
    let mut out = OutBuf::new();
    out.push_bytes(b"0123456789");
    let mut socket = script(&[Ok(100), Ok(100)]);
    assert_eq!(flush(&mut socket, &mut out, 1 << 20, 0), (Flushed::Withheld, 0));
    assert_eq!(flush(&mut socket, &mut out, 1 << 20, 4), (Flushed::Withheld, 4));
    assert_eq!(out.to_vec(), b"456789");
    assert_eq!(flush(&mut socket, &mut out, 1 << 20, 6), (Flushed::All, 6));
}
