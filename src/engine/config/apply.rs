//! CONFIG GET and CONFIG SET on the values, and what a change asks of the rest of the server.
//!
//! A set is all or nothing: every pair is tried on a copy, which replaces the values at the end.

use std::borrow::Cow;
use std::fmt;

use crate::base::error::Error;
use crate::base::glob;

use super::declare::{HIDDEN, IMM, MULTI, PROT, Param, SECRET, Standing};
use super::params::{Config, PARAMS};
use super::types::Allow;
use super::values::Kind;

/// Who sets a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setter {
    /// The command line or a file, or the server itself: nothing is immutable or protected.
    Startup,
    /// A client, and whether it is connected from this host.
    Client {
        /// Connected over a Unix socket or the loopback interface.
        local: bool,
    },
}

/// What a change asks of the server beyond the stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the value is read where it is used.
    None,
    /// Listen on other addresses or another port; must be undone when that fails.
    Listen,
    /// Raise the limit of open files, or refuse.
    MaxClients,
    /// The level of the log.
    LogLevel,
    /// The password of the default user.
    Password,
    /// Change the working directory; must be tried before the value is stored.
    Directory,
    /// Cut the log of slow commands to its new length.
    SlowlogLength,
    /// Begin or end the append-only file.
    AppendOnly,
    /// When the append-only file is synced: who waits for that is looked at again.
    Appendfsync,
    /// Idle clients and timers must be looked at again.
    Timers,
}

/// What must follow when the parameter `name` changed.
pub fn effect(name: &str) -> Effect {
    match name {
        "bind" | "port" => Effect::Listen,
        "maxclients" => Effect::MaxClients,
        "loglevel" => Effect::LogLevel,
        "requirepass" => Effect::Password,
        "dir" => Effect::Directory,
        "slowlog-max-len" => Effect::SlowlogLength,
        "appendonly" => Effect::AppendOnly,
        "appendfsync" => Effect::Appendfsync,
        "timeout" | "hz" | "dynamic-hz" => Effect::Timers,
        _ => Effect::None,
    }
}

/// The parameter of this name or old name, in any case, and the name under which it is declared.
pub fn find(name: &[u8]) -> Option<(&'static Param, &'static str)> {
    PARAMS.iter().find_map(|param| {
        let names = [Some(param.name), param.alias];
        let declared = names.into_iter().flatten();
        let mut same = declared.filter(|known| known.as_bytes().eq_ignore_ascii_case(name));
        same.next().map(|known| (param, known))
    })
}

/// Whether the value of this parameter must stay out of logs.
pub fn is_secret(name: &[u8]) -> bool {
    find(name).is_some_and(|(param, _)| param.is(SECRET))
}

impl Param {
    /// Assigns words to `config` and refuses what this server cannot do yet.
    pub(super) fn take(&self, config: &mut Config, words: &[&str]) -> Result<(), String> {
        (self.assign)(config, words)?;
        match self.standing {
            Standing::NotYet(reason) if (self.show)(config) != self.default => {
                Err(format!("only '{}' is supported: {reason}", self.default))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Config {
    /// Only what differs from the default, and no secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_map();
        for param in PARAMS {
            let value = (param.show)(self);
            if value != param.default {
                out.entry(&param.name, if param.is(SECRET) { &"(secret)" } else { &value });
            }
        }
        out.finish()
    }
}

impl Config {
    /// Names and values that `pattern` finds. A pattern without wildcards is a name in any case and
    /// is answered as it was written, as in Redis; only such a name finds a hidden parameter.
    pub fn get(&self, pattern: &[u8]) -> Vec<(Cow<'static, str>, String)> {
        if !pattern.iter().any(|byte| b"[*?".contains(byte)) {
            let found = find(pattern).map(|(param, _)| {
                let written = String::from_utf8_lossy(pattern).into_owned();
                (Cow::Owned(written), (param.show)(self))
            });
            return found.into_iter().collect();
        }
        let mut found = Vec::new();
        for param in PARAMS.iter().filter(|param| !param.is(HIDDEN)) {
            for name in [Some(param.name), param.alias].into_iter().flatten() {
                if glob::matches(pattern, name.as_bytes(), true) {
                    found.push((Cow::Borrowed(name), (param.show)(self)));
                }
            }
        }
        found
    }

    /// What any of several patterns finds, each name once.
    pub fn get_many(&self, patterns: &[&[u8]]) -> Vec<(Cow<'static, str>, String)> {
        let mut found: Vec<(Cow<'static, str>, String)> = Vec::new();
        for (name, value) in patterns.iter().flat_map(|pattern| self.get(pattern)) {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                found.push((name, value));
            }
        }
        found
    }

    /// Sets all pairs or none; returns the names whose value changed. Not for clients of this host
    /// while `enable-protected-configs` is `local`: see [`Config::set_by`].
    pub fn set(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        startup: bool,
    ) -> Result<Vec<&'static str>, Error> {
        let setter = if startup { Setter::Startup } else { Setter::Client { local: false } };
        self.set_by(pairs, setter)
    }

    /// Sets all pairs or none, with the rights of `setter`; returns the names whose value changed.
    pub fn set_by(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        setter: Setter,
    ) -> Result<Vec<&'static str>, Error> {
        let params = self.admit(pairs, setter)?;
        let mut changed = self.clone();
        for ((param, name), (_, value)) in params.iter().zip(pairs) {
            changed.take_one(param, value).map_err(|reason| failed(name, &reason))?;
        }
        changed.settle();
        let differs = |param: &&&'static Param| (param.show)(self) != (param.show)(&changed);
        let params: Vec<&'static Param> = params.into_iter().map(|(param, _)| param).collect();
        let mut names: Vec<&'static str> =
            params.iter().filter(differs).map(|param| param.name).collect();
        names.dedup();
        *self = changed;
        Ok(names)
    }

    /// Looks all names up before any value is looked at.
    fn admit(
        &self,
        pairs: &[(&[u8], &[u8])],
        setter: Setter,
    ) -> Result<Vec<(&'static Param, &'static str)>, Error> {
        let mut params: Vec<(&'static Param, &'static str)> = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let written = String::from_utf8_lossy(name);
            let Some((param, declared)) = find(name) else {
                return Err(Error::err(format!(
                    "Unknown option or number of arguments for CONFIG SET - '{written}'"
                )));
            };
            if let Some(reason) = self.forbidden(param, setter) {
                return Err(failed(&written, reason));
            }
            // An old name counts as another parameter here, as it does in Redis.
            if params.iter().any(|(_, known)| *known == declared) {
                return Err(failed(&written, "duplicate parameter"));
            }
            params.push((param, declared));
        }
        Ok(params)
    }

    fn forbidden(&self, param: &Param, setter: Setter) -> Option<&'static str> {
        let Setter::Client { local } = setter else { return None };
        if param.is(IMM) {
            return Some("can't set immutable config");
        }
        let allowed = match self.enable_protected_configs {
            Allow::Yes => true,
            Allow::Local => local,
            Allow::No => false,
        };
        (param.is(PROT) && !allowed).then_some("can't set protected config")
    }

    /// One value as CONFIG SET gives it: words in a single argument.
    fn take_one(&mut self, param: &Param, value: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(value).map_err(|_| "argument must be UTF-8 text")?;
        if text.contains('\0') {
            return Err("argument must not contain a NUL byte".to_owned());
        }
        if !param.is(MULTI) {
            return param.take(self, &[text]);
        }
        let words: Vec<&str> = text.split(' ').collect();
        if let Kind::Save = param.kind {
            // Save points add up within a file; here the new ones replace all others.
            self.save.clear();
        }
        param.take(self, &words)
    }

    /// Values Redis corrects rather than refuses.
    pub(super) fn settle(&mut self) {
        const BACKLOG_MIN: u64 = 16 * 1024;
        self.hz = self.hz.clamp(1, 500);
        self.repl_backlog_size = self.repl_backlog_size.max(BACKLOG_MIN);
    }
}

/// The error of a CONFIG SET that one parameter spoils.
pub fn failed(name: &str, reason: &str) -> Error {
    Error::err(format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
}
