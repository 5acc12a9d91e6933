//! INFO: sections of `field:value` lines, one file a section. Every value is read where it lives;
//! a field of something that this server does not do says so by its value.

mod calls;
mod clients;
mod cluster;
mod cpu;
mod debug;
mod keyspace;
pub mod memory;
mod persistence;
mod replication;
mod server;
mod stats;

#[cfg(test)]
mod tests;

use super::Engine;
use std::fmt::{Display, Write};

/// Which requests without its name show a section.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// All.
    Default,
    /// Those for `all` and `everything`.
    All,
    /// Only its name.
    Named,
}

struct Section {
    name: &'static str,
    heading: &'static str,
    shown: Shown,
    write: fn(&Engine, &mut Text),
}

const fn section(
    name: &'static str,
    heading: &'static str,
    shown: Shown,
    write: fn(&Engine, &mut Text),
) -> Section {
    Section { name, heading, shown, write }
}

/// The sections in the order in which they are shown, however they are asked for.
const SECTIONS: &[Section] = &[
    section("server", "Server", Shown::Default, server::write),
    section("clients", "Clients", Shown::Default, clients::write),
    section("memory", "Memory", Shown::Default, memory::write),
    section("persistence", "Persistence", Shown::Default, persistence::write),
    section("stats", "Stats", Shown::Default, stats::write),
    section("replication", "Replication", Shown::Default, replication::write),
    section("cpu", "CPU", Shown::Default, cpu::write),
    // There are none, and the heading alone says so.
    section("modules", "Modules", Shown::Default, |_, _| {}),
    section("commandstats", "Commandstats", Shown::All, calls::write_counts),
    section("errorstats", "Errorstats", Shown::Default, stats::write_errors),
    section("latencystats", "Latencystats", Shown::All, calls::write_latencies),
    section("cluster", "Cluster", Shown::Default, cluster::write),
    section("keyspace", "Keyspace", Shown::Default, keyspace::write),
    section("debug", "Debug", Shown::Named, debug::write),
];

/// The text of an answer while it grows.
struct Text(String);

impl Text {
    /// One line.
    fn line(&mut self, field: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{field}:{value}\r\n");
    }

    /// A line with bytes, and one that people can read.
    fn bytes(&mut self, field: &str, bytes: usize) {
        self.line(field, bytes);
        let _ = write!(self.0, "{field}_human:{}\r\n", Human(bytes));
    }

    /// A line that is 1 or 0.
    fn flag(&mut self, field: &str, on: bool) {
        self.line(field, u8::from(on));
    }
}

/// Bytes as `1.50M`.
struct Human(usize);

impl Display for Human {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNITS: &[char] = &['K', 'M', 'G', 'T', 'P', 'E'];
        if self.0 < 1024 {
            return write!(f, "{}B", self.0);
        }
        let mut amount = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while amount >= 1024.0 && unit + 1 < UNITS.len() {
            amount /= 1024.0;
            unit += 1;
        }
        write!(f, "{amount:.2}{}", UNITS[unit])
    }
}

/// The sections that were asked for: by name (lower case), or `default`, `all`, `everything`.
pub fn render(engine: &mut Engine, wanted: &[String]) -> String {
    engine.sample_for_report();
    engine.gauges.note_peak(engine.used_memory());
    let asked = |name: &str| wanted.iter().any(|w| w == name);
    let all = asked("all") || asked("everything");
    let default = wanted.is_empty() || asked("default");
    let mut text = Text(String::with_capacity(8192));
    for section in SECTIONS {
        let shown = match section.shown {
            Shown::Default => all || default,
            Shown::All => all,
            Shown::Named => false,
        };
        if shown || asked(section.name) {
            if !text.0.is_empty() {
                text.0 += "\r\n";
            }
            let _ = write!(text.0, "# {}\r\n", section.heading);
            (section.write)(engine, &mut text);
        }
    }
    text.0
}
