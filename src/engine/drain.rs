//! The end of a unit: the effect log becomes the propagation stream and notifications, in order.

use super::Engine;
use super::pubsub::Kind;
use crate::keyspace::effects::{Effect, Event, class};
use crate::resp::argv::encode;

/// What stands around the commands of a unit that has several.
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

impl Engine {
    /// Drains the log; more than one command of a unit is wrapped in MULTI … EXEC.
    #[inline]
    pub(super) fn unit_end(&mut self) {
        // While a script is suspended its unit is open.
        if !self.keyspace.effects.is_empty() && !self.scripts.suspended() {
            self.drain();
        }
    }

    /// Tells of what a command within a longer unit changed: to those who listen, call follows
    /// call; the stream gets the unit as a whole.
    #[inline]
    pub(super) fn call_end(&mut self) {
        if !self.keyspace.effects.is_empty() {
            self.tell();
        }
    }

    #[cold]
    fn tell(&mut self) {
        let log = self.keyspace.effects.take();
        let (told, kept) = log.into_iter().partition(|effect| {
            matches!(effect, Effect::Touched { .. } | Effect::Swept { .. } | Effect::Emptied)
        });
        self.keyspace.effects.put_back(kept);
        let told: Vec<Effect> = told;
        for effect in told {
            self.tell_of(effect);
        }
    }

    fn tell_of(&mut self, effect: Effect) {
        match effect {
            Effect::Touched { db, key, event, changed } => {
                if changed && self.keyspace.effects.interest.changes {
                    self.watched_key_changed(db, &key);
                    self.tracked_key_changed(&key);
                }
                self.notify(db, &key, event);
            }
            Effect::Swept { db, key, existed } => self.watched_key_swept(db, &key, existed),
            Effect::Emptied => self.tracked_all_changed(),
            Effect::Ready { db, key } => self.blocking.mark_ready(db, key),
            Effect::Propagate { .. } => {}
        }
    }

    fn drain(&mut self) {
        let mut log = self.keyspace.effects.take();
        let stream = self.keyspace.effects.take_stream();
        if self.aof.is_logging() && self.config.aof_timestamp_enabled {
            self.aof.note_time(self.now_ms);
        }
        match log[..] {
            // As a rule one command changed something, and nobody listens.
            [Effect::Propagate { db, .. }] => {
                self.select_stream(db);
                self.write_stream(&stream);
            }
            _ => self.drain_all(&mut log, &stream),
        }
        self.keyspace.effects.reuse(log, stream);
        if let Some(client) = self.running.and_then(|(id, _)| self.clients.get_mut(&id)) {
            client.log_mark = self.aof.end();
        }
    }

    fn drain_all(&mut self, log: &mut Vec<Effect>, mut stream: &[u8]) {
        // What expired before the unit's first command stays in front of its MULTI; what expires
        // between its commands keeps its place, since the order of changes to a key must hold.
        let own = |e: &&Effect| matches!(e, Effect::Propagate { alone: false, .. });
        let wrap = log.iter().filter(own).count() > 1;
        let mut first = true;
        for effect in log.drain(..) {
            match effect {
                Effect::Propagate { db, len, alone } => {
                    self.select_stream(db);
                    if wrap && !alone && std::mem::take(&mut first) {
                        self.write_stream(MULTI);
                    }
                    let (command, behind) = stream.split_at(len);
                    stream = behind;
                    self.write_stream(command);
                }
                effect => self.tell_of(effect),
            }
        }
        if wrap {
            self.write_stream(EXEC);
        }
    }

    /// The log has selected its own database: each of its files begins anew.
    fn select_stream(&mut self, db: usize) {
        if self.aof.is_logging() {
            self.aof.select(db);
        }
        if self.stream_db != Some(db) {
            self.stream_db = Some(db);
            let mut command = Vec::new();
            encode([b"SELECT", db.to_string().as_bytes()].into_iter(), &mut command);
            self.pass_on(&command);
        }
    }

    /// Appends one command to the propagation stream and to the log.
    fn write_stream(&mut self, command: &[u8]) {
        if self.aof.is_logging() {
            self.aof.feed(command);
        }
        self.pass_on(command);
    }

    /// Counts the bytes of one command and hands them to whoever reads the stream.
    fn pass_on(&mut self, command: &[u8]) {
        self.repl_offset += command.len() as u64;
        if let Some(tap) = &mut self.tap {
            tap.extend_from_slice(command);
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
            self.publish(Kind::Channel, &channel, event.name.as_bytes());
        }
        if flags & class::KEYEVENT != 0 {
            let channel = format!("__keyevent@{db}__:{}", event.name);
            self.publish(Kind::Channel, channel.as_bytes(), key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::Config;
    use crate::env::sim::Sim;
    use crate::resp::argv::Argv;

    /// What the stream says of these commands of one unit.
    fn stream(commands: &[(&str, bool)]) -> String {
        let mut engine =
            Engine::new(Config::default(), Sim::new(1).env(), crate::engine::tests_table());
        engine.keep_stream();
        for (key, alone) in commands {
            let argv = || Argv::from_slices(&[b"DEL", key.as_bytes()]);
            let effects = &mut engine.keyspace.effects;
            if *alone { effects.propagate_alone(0, argv) } else { effects.propagate(0, argv) }
        }
        engine.unit_end();
        let bytes = engine.take_stream();
        assert_eq!(engine.repl_offset, bytes.len() as u64);
        let text = String::from_utf8(bytes).expect("plain text");
        let words = text.split("\r\n").filter(|w| !w.is_empty() && !w.starts_with(['*', '$']));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_unit_of_several_commands_is_wrapped() {
        assert_eq!(stream(&[("a", false)]), "SELECT 0 DEL a");
        assert_eq!(stream(&[("a", false), ("b", false)]), "SELECT 0 MULTI DEL a DEL b EXEC");
    }

    #[test]
    fn expiry_is_never_counted() {
        assert_eq!(stream(&[("x", true), ("y", true)]), "SELECT 0 DEL x DEL y");
        assert_eq!(stream(&[("x", true), ("a", false)]), "SELECT 0 DEL x DEL a");
        assert_eq!(
            stream(&[("x", true), ("a", false), ("b", false)]),
            "SELECT 0 DEL x MULTI DEL a DEL b EXEC"
        );
    }
}
