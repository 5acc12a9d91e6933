//! The lines of a configuration file: one directive each, `include`, and the directives that are
//! not parameters.
//!
//! Nothing is skipped silently: a line is blank, a comment, understood, or the start ends with the
//! file, the line and the reason.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::{glob, units};

use super::REDIS_VERSION;
use super::apply::find;
use super::declare::MULTI;
use super::params::Config;
use super::values::Kind;

/// Where configuration text comes from; a test hands in its own.
pub struct Sources<'a> {
    /// Reads a file.
    pub read: &'a mut dyn FnMut(&Path) -> io::Result<Vec<u8>>,
    /// Names in a directory, for patterns in `include`.
    pub list: &'a mut dyn FnMut(&Path) -> io::Result<Vec<String>>,
    /// Reads standard input to its end.
    pub stdin: &'a mut dyn FnMut() -> io::Result<Vec<u8>>,
    /// Directives that come before all others: what the surroundings ask for.
    pub defaults: Vec<u8>,
    /// What relative paths start from.
    pub directory: PathBuf,
    /// Whether there is a command of this name.
    pub is_command: fn(&[u8]) -> bool,
}

/// Why the server does not start; `Display` is what goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    form: Form,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// The reason alone.
    Plain,
    /// Redis's block without a line.
    Block,
    /// Redis's block with the place it happened at.
    Line { source: String, number: usize, text: String },
}

impl StartError {
    /// A reason printed on a line of its own.
    pub fn plain(reason: impl Into<String>) -> Self {
        Self { form: Form::Plain, reason: reason.into() }
    }

    /// A reason printed in Redis's block, for faults found after the files were read
    /// (`Can't open the log file: …`).
    pub fn block(reason: impl Into<String>) -> Self {
        Self { form: Form::Block, reason: reason.into() }
    }

    /// The reason alone.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn cannot_open(path: &Path, error: &io::Error) -> Self {
        let error = error.to_string();
        let error = error.split(" (os error").next().unwrap_or_default();
        Self::plain(format!("Fatal error, can't open config file '{}': {error}", path.display()))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.form == Form::Plain {
            return writeln!(f, "{}", self.reason);
        }
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***")?;
        if let Form::Line { number, text, .. } = &self.form {
            writeln!(f, "Reading the configuration file, at line {number}")?;
            writeln!(f, ">>> '{text}'")?;
        }
        writeln!(f, "{}", self.reason)?;
        if let Form::Line { source, .. } = &self.form {
            writeln!(f, "This line is in {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StartError {}

const INCLUDE_DEPTH_MAX: usize = 16;
const COMMENT_HINT: &str = "a comment must be on a line of its own that begins with '#'";

/// Directives Redis once had and still skips.
const DROPPED: &[&str] =
    &["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

/// Directives that are not parameters and that this server cannot follow, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("user", "users and their rules are not implemented yet"),
    ("loadmodule", "modules are not supported"),
    ("sentinel", "sentinel mode is not supported"),
];

/// Reads texts one after the other into one configuration.
pub(super) struct Loader<'a, 's> {
    /// What was read so far.
    pub config: Config,
    sources: &'a mut Sources<'s>,
    saw_save: bool,
    depth: usize,
}

impl<'a, 's> Loader<'a, 's> {
    /// Starts from the defaults.
    pub fn new(sources: &'a mut Sources<'s>) -> Self {
        Self { config: Config::default(), sources, saw_save: false, depth: 0 }
    }

    /// Reads the file at `path`, or all files a pattern finds; returns how many lines there were.
    pub fn load_path(&mut self, path: &Path) -> Result<usize, StartError> {
        let path = self.absolute(path);
        let text = path.to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            let bytes = (self.sources.read)(&path)
                .map_err(|error| StartError::cannot_open(&path, &error))?;
            return self.load_text(&path.display().to_string(), 0, &bytes);
        }
        let mut lines = 0;
        for path in self.expand(&text) {
            let bytes = (self.sources.read)(&path)
                .map_err(|error| StartError::cannot_open(&path, &error))?;
            lines += self.load_text(&path.display().to_string(), 0, &bytes)?;
        }
        Ok(lines)
    }

    /// Reads directives; `before` lines of other sources are counted as standing above them.
    /// Returns how many line ends there were.
    pub fn load_text(
        &mut self,
        source: &str,
        before: usize,
        bytes: &[u8],
    ) -> Result<usize, StartError> {
        let mut lines = 0;
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            lines = index;
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            self.line(line).map_err(|fault| match fault {
                Fault::Elsewhere(error) => error,
                Fault::Here(reason) => StartError {
                    form: Form::Line {
                        source: source.to_owned(),
                        number: before + index + 1,
                        text: String::from_utf8_lossy(line).into_owned(),
                    },
                    reason: reason.into_owned(),
                },
            })?;
        }
        Ok(lines)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let Some(words) = units::split_args(line) else {
            let hint = line.windows(2).any(|pair| pair == b" #");
            let reason = "Unbalanced quotes in configuration line";
            return Err(if hint { hinted(reason) } else { reason.into() });
        };
        let words: Option<Vec<&str>> =
            words.iter().map(|word| std::str::from_utf8(word).ok()).collect();
        let words = words.ok_or("the line is not UTF-8 text")?;
        let Some((name, values)) = words.split_first() else { return Ok(()) };
        if find(name.as_bytes()).is_none() {
            return self.directive(&name.to_ascii_lowercase(), values);
        }
        let commented = values.iter().skip(1).any(|word| word.starts_with('#'));
        if commented {
            return Err(hinted("wrong number of arguments"));
        }
        self.parameter(name, values).map_err(|reason| {
            if values.first().is_some_and(|word| word.starts_with('#')) {
                return hinted(&reason);
            }
            Fault::Here(reason.into())
        })
    }

    fn parameter(&mut self, name: &str, values: &[&str]) -> Result<(), String> {
        let (param, _) = find(name.as_bytes()).expect("the caller found it");
        if !param.is(MULTI) && values.len() != 1 {
            return Err("wrong number of arguments".to_owned());
        }
        let words = match values {
            [one] if param.is(MULTI) && !one.is_empty() => one.split_ascii_whitespace().collect(),
            _ => values.to_vec(),
        };
        if let (Kind::Save, false) = (param.kind, self.saw_save) {
            // The default save points hold only as long as nobody names any.
            self.saw_save = true;
            self.config.save.clear();
        }
        param.take(&mut self.config, &words)
    }

    /// What is not a parameter.
    fn directive(&mut self, name: &str, values: &[&str]) -> Result<(), Fault> {
        if DROPPED.contains(&name) && values.len() == 1 {
            return Ok(());
        }
        if name == "include" && values.len() > 1 && values[1].starts_with('#') {
            return Err(hinted("wrong number of arguments"));
        }
        if let ("include", [path]) = (name, values) {
            return self.include(Path::new(path));
        }
        if let ("rename-command", [from, to]) = (name, values) {
            return self.rename(from, to);
        }
        if name == "user" && is_default_user(values) {
            return Ok(());
        }
        if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(Fault::Here(format!("'{name}' is not supported: {reason}").into()));
        }
        Err("Bad directive or wrong number of arguments".into())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Fault> {
        if !self.is_command(from) {
            return Err("No such command in rename-command".into());
        }
        if !to.is_empty() && self.is_command(to) && !from.eq_ignore_ascii_case(to) {
            return Err("Target command name already exists".into());
        }
        self.config.renamed_commands.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// Whether a command has this name after the renames so far.
    fn is_command(&self, name: &str) -> bool {
        let renamed = &self.config.renamed_commands;
        for (from, to) in renamed.iter().rev() {
            if to.eq_ignore_ascii_case(name) {
                return true;
            }
            if from.eq_ignore_ascii_case(name) {
                return false;
            }
        }
        (self.sources.is_command)(name.as_bytes())
    }

    fn include(&mut self, path: &Path) -> Result<(), Fault> {
        if self.depth == INCLUDE_DEPTH_MAX {
            return Err("files include each other too deeply".into());
        }
        self.depth += 1;
        self.load_path(path).map_err(Fault::Elsewhere)?;
        self.depth -= 1;
        Ok(())
    }

    /// `dir` takes effect at once in Redis, so a later relative path starts from there.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.sources.directory.join(&self.config.dir).join(path)
    }

    /// Paths that match a pattern, sorted; none is no fault, so that a directory of
    /// fragments may be empty.
    fn expand(&mut self, pattern: &str) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::from("/")];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = Vec::new();
            for base in &found {
                if !part.contains(['*', '?', '[']) {
                    next.push(base.join(part));
                    continue;
                }
                let mut names = (self.sources.list)(base).unwrap_or_default();
                names.retain(|name| {
                    (part.starts_with('.') || !name.starts_with('.'))
                        && glob::matches(part.as_bytes(), name.as_bytes(), false)
                });
                names.sort();
                next.extend(names.iter().map(|name| base.join(name)));
            }
            found = next;
        }
        found
    }
}

/// What is wrong with a line, or with a file it includes.
enum Fault {
    Here(Cow<'static, str>),
    Elsewhere(StartError),
}

impl From<&'static str> for Fault {
    fn from(reason: &'static str) -> Self {
        Fault::Here(Cow::Borrowed(reason))
    }
}

fn hinted(reason: &str) -> Fault {
    Fault::Here(format!("{reason} ({COMMENT_HINT})").into())
}

/// Redis's CONFIG REWRITE writes the default user out even when nothing about it was changed.
fn is_default_user(values: &[&str]) -> bool {
    const HARMLESS: &[&str] = &[
        "on",
        "nopass",
        "sanitize-payload",
        "~*",
        "allkeys",
        "&*",
        "allchannels",
        "+@all",
        "allcommands",
    ];
    let has = |names: &[&str]| values.iter().any(|value| names.contains(value));
    values.first() == Some(&"default")
        && has(&["on"])
        && has(&["nopass"])
        && has(&["~*", "allkeys"])
        && has(&["+@all", "allcommands"])
        && values[1..].iter().all(|value| HARMLESS.contains(value))
}
