//! How the text of a parameter becomes a field and a field becomes text, by [`Kind`].
//!
//! The error texts are those Redis gives after `CONFIG SET failed (… 'x') - ` and in the start-up
//! error block. `show` gives what CONFIG GET answers; assigning what `show` gave changes nothing.

use crate::base::{num, units};

use super::types::{Choice, LIMIT_CLASSES, Limit, MaxMemory, event_flags, event_text, shutdown};

/// What a parameter's value looks like.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A decimal integer within bounds.
    Int(i128, i128),
    /// Bytes, with an optional unit, within bounds.
    Memory(i128, i128),
    /// Bytes, or a percentage of `maxmemory`, which is stored as a negative number.
    MemoryOrPercent,
    /// File permission bits, in octal.
    Octal,
    /// Letters of event classes.
    Events,
    /// A set of words from `shutdown::NAMES`.
    ShutdownFlags,
    /// One of the names of the field's enum.
    Choice,
    /// Text, if the function finds no fault with it.
    Text(fn(&str) -> Result<(), &'static str>),
    /// Pairs of seconds and changes.
    Save,
    /// Addresses to listen on.
    Bind,
    /// Classes with three numbers each.
    OutputLimits,
    /// Percentages.
    Percentiles,
    /// Three scores.
    OomValues,
    /// Host and port, or `no one`.
    ReplicaOf,
}

const BINDINGS_MAX: usize = 16;
const WRONG_COUNT: &str = "wrong number of arguments";

/// A type that a parameter can have.
pub trait Field {
    /// Takes the value from the words after the parameter's name; on an error `self` is unchanged.
    fn assign(&mut self, kind: &Kind, words: &[&str]) -> Result<(), String>;
    /// The value as CONFIG GET shows it.
    fn show(&self, kind: &Kind) -> String;
}

fn only<'a>(words: &[&'a str]) -> Result<&'a str, String> {
    match words {
        [word] => Ok(word),
        _ => Err(WRONG_COUNT.to_owned()),
    }
}

impl Field for bool {
    fn assign(&mut self, _: &Kind, words: &[&str]) -> Result<(), String> {
        let word = only(words)?;
        *self = if word.eq_ignore_ascii_case("yes") {
            true
        } else if word.eq_ignore_ascii_case("no") {
            false
        } else {
            return Err("argument must be 'yes' or 'no'".to_owned());
        };
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

/// The number a numeric kind's words stand for, within its bounds.
fn number(kind: &Kind, words: &[&str]) -> Result<i128, String> {
    let between = |value: i128, min: i128, max: i128| {
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(format!("argument must be between {min} and {max} inclusive"))
        }
    };
    match kind {
        Kind::Int(min, max) => {
            let value = num::parse_i64(only(words)?.as_bytes())
                .ok_or("argument couldn't be parsed into an integer")?;
            between(i128::from(value), *min, *max)
        }
        Kind::Memory(min, max) => {
            let value = memory(only(words)?).ok_or("argument must be a memory value")?;
            between(i128::from(value), *min, *max)
        }
        Kind::MemoryOrPercent => memory_or_percent(only(words)?),
        Kind::Octal => {
            let value = i64::from_str_radix(only(words)?, 8)
                .map_err(|_| "argument couldn't be parsed as an octal number")?;
            if (0..=0o777).contains(&value) {
                return Ok(i128::from(value));
            }
            Err("argument must be between 0 and 777 inclusive".to_owned())
        }
        Kind::Events => event_flags(only(words)?)
            .map(i128::from)
            .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned()),
        Kind::ShutdownFlags => shutdown_flags(words).map(i128::from),
        _ => unreachable!("a numeric field is declared with a numeric kind"),
    }
}

/// Bytes of `10mb` and the like; nothing at all is 0, as in Redis.
fn memory(word: &str) -> Option<u64> {
    if word.is_empty() { Some(0) } else { units::parse_memory(word) }
}

fn memory_or_percent(word: &str) -> Result<i128, String> {
    if let Some(bytes) = memory(word) {
        return match i64::try_from(bytes) {
            Ok(bytes) => Ok(i128::from(bytes)),
            Err(_) => Err(format!("argument must be between 0 and {} inclusive", i64::MAX)),
        };
    }
    let percent = word.strip_suffix('%').and_then(|digits| num::parse_i64(digits.as_bytes()));
    match percent {
        Some(percent @ 0..=100) => Ok(-i128::from(percent)),
        Some(101..) => Err("percentage argument must be less or equal to 100".to_owned()),
        _ => Err("argument must be a memory or percent value".to_owned()),
    }
}

fn shutdown_flags(words: &[&str]) -> Result<u32, String> {
    let mut flags = 0;
    for word in words {
        let known = shutdown::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        flags |= known.ok_or_else(|| not_among(shutdown::NAMES.iter().map(|(name, _)| *name)))?.1;
    }
    if flags & shutdown::SAVE != 0 && flags & shutdown::NOSAVE != 0 {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_owned());
    }
    if words.is_empty() {
        return Err(not_among(shutdown::NAMES.iter().map(|(name, _)| *name)));
    }
    Ok(flags)
}

fn not_among<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    format!("argument(s) must be one of the following: {}", names.join(", "))
}

fn show_number(kind: &Kind, value: i128) -> String {
    let bits = || u32::try_from(value).expect("flags are 32 bits wide");
    match kind {
        Kind::Octal => format!("{value:o}"),
        Kind::Events => event_text(bits()),
        Kind::MemoryOrPercent if value < 0 => format!("{}%", -value),
        Kind::ShutdownFlags => {
            let set = shutdown::NAMES.iter().filter(|(_, bit)| bits() & bit != 0);
            let names: Vec<&str> = set.map(|(name, _)| *name).collect();
            if names.is_empty() { "default".to_owned() } else { names.join(" ") }
        }
        _ => value.to_string(),
    }
}

/// Integers of every width go through `i128`; the declared bounds fit the field.
macro_rules! integer_fields {
    ($($ty:ty),+) => {$(
        impl Field for $ty {
            fn assign(&mut self, kind: &Kind, words: &[&str]) -> Result<(), String> {
                let value = number(kind, words)?;
                *self = <$ty>::try_from(value)
                    .map_err(|_| "argument is out of range of this server".to_owned())?;
                Ok(())
            }

            fn show(&self, kind: &Kind) -> String {
                show_number(kind, i128::try_from(*self).expect("128 bits hold every integer"))
            }
        }
    )+};
}

integer_fields!(u16, u32, i32, u64, i64, usize);

/// The default is no choice of anybody, so the first assignment, which sets it, is told from a 0
/// that somebody wrote.
impl Field for MaxMemory {
    fn assign(&mut self, kind: &Kind, words: &[&str]) -> Result<(), String> {
        let percent =
            only(words)?.strip_suffix('%').map(|digits| num::parse_u64(digits.as_bytes()));
        *self = match (percent, *self) {
            (Some(Some(percent @ 1..=100)), _) => MaxMemory::Percent(percent),
            (Some(_), _) => return Err("argument must be a memory value".to_owned()),
            (None, MaxMemory::Blank) => MaxMemory::Unset,
            (None, _) => {
                let bytes = u64::try_from(number(kind, words)?);
                MaxMemory::Bytes(bytes.expect("a memory value is not negative"))
            }
        };
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        match self {
            MaxMemory::Blank | MaxMemory::Unset => "0".to_owned(),
            MaxMemory::Derived(bytes) | MaxMemory::Bytes(bytes) => bytes.to_string(),
            MaxMemory::Percent(percent) => format!("{percent}%"),
        }
    }
}

impl Field for String {
    fn assign(&mut self, kind: &Kind, words: &[&str]) -> Result<(), String> {
        if let Kind::ReplicaOf = kind {
            *self = match words {
                [] | [""] => String::new(),
                [a, b] if a.eq_ignore_ascii_case("no") && b.eq_ignore_ascii_case("one") => {
                    String::new()
                }
                [host, port] => format!("{host} {port}"),
                _ => return Err(WRONG_COUNT.to_owned()),
            };
            return Ok(());
        }
        let word = only(words)?;
        if let Kind::Text(check) = kind {
            check(word)?;
        }
        *self = word.to_owned();
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.clone()
    }
}

impl<C: Choice> Field for C {
    fn assign(&mut self, _: &Kind, words: &[&str]) -> Result<(), String> {
        let word = only(words)?;
        let known = C::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        *self = known.ok_or_else(|| not_among(C::NAMES.iter().map(|(name, _)| *name)))?.1;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        let known = C::NAMES.iter().find(|(_, value)| value == self);
        known.expect("every variant has a name").0.to_owned()
    }
}

/// Save points are added to those there are; whoever replaces them clears the list first, since a
/// file names one pair a line.
impl Field for Vec<(u64, u64)> {
    fn assign(&mut self, _: &Kind, words: &[&str]) -> Result<(), String> {
        if words.is_empty() || words == [""] {
            self.clear();
            return Ok(());
        }
        let invalid = || "Invalid save parameters".to_owned();
        let mut points = Vec::new();
        for pair in words.chunks(2) {
            let [seconds, changes] = pair else { return Err(invalid()) };
            let seconds = num::parse_u64(seconds.as_bytes()).filter(|s| *s >= 1);
            let changes = num::parse_u64(changes.as_bytes());
            points.push(seconds.zip(changes).ok_or_else(invalid)?);
        }
        self.extend(points);
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        let pairs: Vec<String> = self.iter().map(|(s, changes)| format!("{s} {changes}")).collect();
        pairs.join(" ")
    }
}

impl Field for Vec<String> {
    fn assign(&mut self, _: &Kind, words: &[&str]) -> Result<(), String> {
        if words.len() > BINDINGS_MAX {
            return Err("Too many bind addresses specified.".to_owned());
        }
        *self = if words == [""] {
            Vec::new()
        } else {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.join(" ")
    }
}

impl Field for [Limit; 3] {
    fn assign(&mut self, _: &Kind, words: &[&str]) -> Result<(), String> {
        if words.is_empty() || !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
        }
        let mut limits = *self;
        for four in words.chunks(4) {
            let name = if four[0].eq_ignore_ascii_case("replica") { "slave" } else { four[0] };
            let class = LIMIT_CLASSES.iter().position(|class| class.eq_ignore_ascii_case(name));
            let class =
                class.ok_or("Invalid client class specified in buffer limit configuration.")?;
            limits[class] = limit(four).ok_or(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            )?;
        }
        *self = limits;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        let one = |(name, l): (&&str, &Limit)| {
            format!("{name} {} {} {}", l.hard_bytes, l.soft_bytes, l.soft_seconds)
        };
        LIMIT_CLASSES.iter().zip(self).map(one).collect::<Vec<_>>().join(" ")
    }
}

fn limit(four: &[&str]) -> Option<Limit> {
    Some(Limit {
        hard_bytes: memory(four[1])?,
        soft_bytes: memory(four[2])?,
        soft_seconds: num::parse_u64(four[3].as_bytes())?,
    })
}

impl Field for Vec<f64> {
    fn assign(&mut self, _: &Kind, words: &[&str]) -> Result<(), String> {
        let name = "latency-tracking-info-percentiles";
        let mut values = Vec::new();
        for word in words.iter().filter(|_| words != [""]) {
            let value = word.parse::<f64>().ok().filter(|value| !value.is_nan());
            let value = value.ok_or_else(|| format!("Invalid {name} parameters"))?;
            if !(0.0..=100.0).contains(&value) {
                return Err(format!("{name} parameters should sit between [0.0,100.0]"));
            }
            values.push(value);
        }
        *self = values;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl Field for [i32; 3] {
    fn assign(&mut self, _: &Kind, words: &[&str]) -> Result<(), String> {
        if words.len() != 3 {
            return Err(WRONG_COUNT.to_owned());
        }
        let mut scores = [0; 3];
        for (score, word) in scores.iter_mut().zip(words) {
            let value = num::parse_i64(word.as_bytes()).and_then(|v| i32::try_from(v).ok());
            *score = value
                .filter(|v| (-2000..=2000).contains(v))
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
        }
        *self = scores;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.iter().map(i32::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// Any text will do.
pub fn any(_: &str) -> Result<(), &'static str> {
    Ok(())
}

fn has_directory(text: &str) -> bool {
    text.contains('/')
}

/// A name of a file in `dir`.
pub fn dump_name(text: &str) -> Result<(), &'static str> {
    if has_directory(text) {
        return Err("dbfilename can't be a path, just a filename");
    }
    Ok(())
}

/// A name of a file in `appenddirname`.
pub fn append_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("appendfilename can't be empty");
    }
    if has_directory(text) {
        return Err("appendfilename can't be a path, just a filename");
    }
    Ok(())
}

/// A name of a directory in `dir`.
pub fn append_directory(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("appenddirname can't be empty");
    }
    if has_directory(text) {
        return Err("appenddirname can't be a path, just a dirname");
    }
    Ok(())
}

/// A host name as cluster nodes announce it.
pub fn host_name(text: &str) -> Result<(), &'static str> {
    if text.len() >= 256 {
        return Err("Hostnames must be less than 256 characters");
    }
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
        return Ok(());
    }
    Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
}

/// A process title: text with known `{variables}`.
pub fn title_template(text: &str) -> Result<(), &'static str> {
    const KNOWN: &[&str] =
        &["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let inside = after.split_once('}');
        let Some((_, next)) = inside.filter(|(name, _)| KNOWN.contains(name)) else {
            return Err("template format is invalid or contains unknown variables");
        };
        rest = next;
    }
    Ok(())
}
