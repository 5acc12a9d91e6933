//! One client of the simulation: what it has yet to send, what it waits for, what it has read.

use std::collections::VecDeque;

use redstart::engine::client::ClientId;

use super::model::{Model, Reply, Request};
use crate::support::frames::{Value, encode, frame_end, parse, show};

pub struct Peer {
    pub id: ClientId,
    pub model: Model,
    /// Bytes not yet handed to the engine.
    pub unsent: VecDeque<u8>,
    /// It will send nothing more.
    pub half_closed: bool,
    sent: usize,
    written: usize,
    /// Requests not yet run, with the place in the stream where each ends.
    waiting: VecDeque<(usize, Request)>,
    expected: VecDeque<(Request, Reply)>,
    unread: Vec<u8>,
}

impl Peer {
    pub fn new(id: ClientId, prefix: String) -> Peer {
        Peer {
            id,
            model: Model::new(prefix),
            unsent: VecDeque::new(),
            half_closed: false,
            sent: 0,
            written: 0,
            waiting: VecDeque::new(),
            expected: VecDeque::new(),
            unread: Vec::new(),
        }
    }

    /// The same user on a new connection: its keys are still there.
    pub fn reconnect(&mut self, id: ClientId) {
        let model = std::mem::replace(&mut self.model, Model::new(String::new()));
        *self = Peer { model, ..Peer::new(id, String::new()) };
    }

    /// Puts a request at the end of what is to be sent.
    pub fn ask(&mut self, request: Request) {
        let bytes = encode(&request.args);
        self.written += bytes.len();
        self.unsent.extend(bytes);
        self.waiting.push_back((self.written, request));
    }

    /// Takes the next bytes to send.
    pub fn take(&mut self, most: usize) -> Vec<u8> {
        let n = most.min(self.unsent.len());
        self.sent += n;
        self.unsent.drain(..n).collect()
    }

    /// The engine has run everything it was given: the model does the same.
    pub fn ran(&mut self, now_ms: i64) {
        self.model.expire_due(now_ms);
        while self.waiting.front().is_some_and(|(end, _)| *end <= self.sent) {
            let (_, request) = self.waiting.pop_front().expect("it was there just now");
            let reply = self.model.run(&request, now_ms);
            self.expected.push_back((request, reply));
        }
    }

    /// Reads bytes the engine wrote and compares every whole reply.
    pub fn read(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while let Some(len) = frame_end(&self.unread).expect("replies are RESP") {
            let frame: Vec<u8> = self.unread.drain(..len).collect();
            let (request, want) = self.expected.pop_front().expect("a reply nobody asked for");
            let fits = match &want {
                Reply::Exact(bytes) => frame == *bytes,
                Reply::Unordered(keys) => {
                    let (node, _) = parse(&frame).expect("replies are RESP");
                    let mut got: Vec<Vec<u8>> = match node.value {
                        Value::List(items) => items.iter().map(|item| item.text()).collect(),
                        _ => panic!("not an array: {}", show(&frame)),
                    };
                    got.sort();
                    got == *keys
                }
            };
            assert!(fits, "{request:?}\n  expected {want:?}\n  got      {}", show(&frame));
        }
    }

    /// Nothing is owed to it.
    pub fn is_content(&self) -> bool {
        self.expected.is_empty() && self.unread.is_empty()
    }
}
