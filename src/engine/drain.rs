//! The end of a unit: the effect log becomes the propagation stream and notifications, in order.

use super::Engine;
use crate::keyspace::effects::{Effect, Event, class};
use crate::resp::request::Argv;

impl Engine {
    /// Drains the log; more than one command of a unit is wrapped in MULTI … EXEC.
    #[inline]
    pub(super) fn unit_end(&mut self) {
        if !self.keyspace.effects.is_empty() {
            self.drain();
        }
    }

    fn drain(&mut self) {
        let log = self.keyspace.effects.take();
        let commands = log.iter().filter(|e| matches!(e, Effect::Propagate { .. })).count();
        let wrap = commands > 1 && !log.iter().all(is_expiry);
        let mut first = true;
        for effect in log {
            match effect {
                Effect::Propagate { db, mut argv } => {
                    self.select_stream(db);
                    if wrap && std::mem::take(&mut first) {
                        self.write_stream(&mut Argv::from_slices(&[b"MULTI"]));
                    }
                    self.write_stream(&mut argv);
                }
                Effect::Touched { db, key, event } => self.notify(db, &key, event),
            }
        }
        if wrap {
            self.write_stream(&mut Argv::from_slices(&[b"EXEC"]));
        }
    }

    fn select_stream(&mut self, db: usize) {
        if self.stream_db != Some(db) {
            self.stream_db = Some(db);
            let number = db.to_string();
            self.write_stream(&mut Argv::from_slices(&[b"SELECT", number.as_bytes()]));
        }
    }

    /// Appends one command to the propagation stream and counts its bytes.
    fn write_stream(&mut self, argv: &mut Argv) {
        let mut bytes = format!("*{}\r\n", argv.len()).into_bytes();
        for word in argv.iter() {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.repl_offset += bytes.len() as u64;
        if let Some(tap) = &mut self.tap {
            tap.extend_from_slice(&bytes);
        }
    }

    fn notify(&mut self, db: usize, key: &[u8], event: Event) {
        let flags = self.config.notify_keyspace_events;
        if flags & event.class == 0 {
            return;
        }
        if flags & class::KEYSPACE != 0 {
            let mut channel = format!("__keyspace@{db}__:").into_bytes();
            channel.extend_from_slice(key);
            self.publish(&channel, event.name.as_bytes());
        }
        if flags & class::KEYEVENT != 0 {
            let channel = format!("__keyevent@{db}__:{}", event.name);
            self.publish(channel.as_bytes(), key);
        }
    }
}

/// What a lookup or the deadline index deleted is a unit of its own and never wrapped.
fn is_expiry(effect: &Effect) -> bool {
    match effect {
        Effect::Propagate { argv, .. } => argv.len() == 2 && argv.get(0) == b"DEL",
        Effect::Touched { .. } => true,
    }
}
