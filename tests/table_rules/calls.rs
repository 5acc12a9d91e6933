//! Calls built from the documented arguments of a command.
//!
//! The plainest call leaves everything optional out and takes the first of alternatives. Every
//! other call deviates from it in one place.

use redstart::commands::docs::{Argument, Doc};
use redstart::engine::spec::Spec;

/// The word that stands for every key.
pub const KEY: &str = "key";

/// The plainest call of a command, and those that deviate from it once.
pub fn of(name: &str, spec: &Spec, doc: &Doc) -> Vec<Vec<String>> {
    let mut calls = Vec::new();
    for deviation in std::iter::once(None).chain((0..).map(Some)) {
        let mut builder = Builder { deviation, call: name.split('|').map(str::to_owned).collect() };
        builder.arguments(&doc.arguments, 0);
        if builder.deviation.is_some() {
            break;
        }
        while !spec.fits(builder.call.len()) && builder.call.len() < 8 {
            builder.call.push("1".into());
        }
        calls.push(builder.call);
    }
    calls
}

struct Builder {
    /// How many more chances to deviate are passed by; nothing when the deviation is done.
    deviation: Option<usize>,
    call: Vec<String>,
}

impl Builder {
    /// Whether to deviate here.
    fn deviates(&mut self) -> bool {
        let here = self.deviation == Some(0);
        self.deviation = if here { None } else { self.deviation.map(|left| left - 1) };
        here
    }

    fn arguments(&mut self, list: &[Argument], depth: usize) {
        for place in Doc::children(list, depth) {
            let optional = list[place].flags.contains(&"optional");
            if !optional || self.deviates() {
                self.argument(&list[place], &list[place + 1..], depth);
            }
        }
    }

    fn argument(&mut self, argument: &Argument, parts: &[Argument], depth: usize) {
        self.call.extend(argument.token.map(str::to_owned));
        match argument.kind {
            "block" => self.arguments(parts, depth + 1),
            "oneof" => {
                let places: Vec<usize> = Doc::children(parts, depth + 1).collect();
                let other = places[1..].iter().copied().find(|_| self.deviates());
                let place = other.unwrap_or(places[0]);
                self.argument(&parts[place], &parts[place + 1..], depth + 1);
            }
            "pure-token" => {}
            "key" => self.call.push(KEY.into()),
            "pattern" => self.call.push("*".into()),
            "integer" | "double" | "unix-time" => self.call.push("1".into()),
            _ => self.call.push("text".into()),
        }
    }
}
