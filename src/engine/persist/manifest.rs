//! The manifest of the append-only file: which files make up the log, and in which order.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      the state as of the last rewrite
//! file appendonly.aof.1.incr.aof seq 1 type h      not needed any more, to be deleted
//! file appendonly.aof.2.incr.aof seq 2 type i      what came later, in rising order
//! ```
//!
//! A copy of the directory that is taken file by file may hold the manifest of one moment and the
//! files of another. So what a rewrite made superfluous stays for a while, named as history: where
//! the new base is missing, the old one and the changes up to the newest make up the same data.
//!
//! Invariant: the file on the disk is replaced as a whole, and whatever it names exists before it
//! is named: files are created first, deleted last.

use crate::base::units::{quote, split_args};
use std::fmt::Write;

/// What a file of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The state as of a rewrite.
    Base,
    /// Changes since.
    Incr,
    /// Not needed any more.
    History,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Kind::Base => 'b',
            Kind::Incr => 'i',
            Kind::History => 'h',
        }
    }
}

/// One file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name within the directory of the log.
    pub name: String,
    /// Its number among files of its kind.
    pub seq: u64,
}

/// The files of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The state to begin with.
    pub base: Option<Part>,
    /// The changes since, in order.
    pub incr: Vec<Part>,
    /// What can go: the base before the last rewrite, then the changes up to it.
    pub history: Vec<Part>,
    /// The newest file of changes came with a rewrite that has not ended.
    pub rewriting: bool,
    base_seq: u64,
    incr_seq: u64,
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The comment that tells of a rewrite.
const REWRITING: &str = "# a rewrite is under way";

/// Bytes of a line of a manifest at most.
const LINE_MAX: usize = 1024;

impl Manifest {
    /// Reads the text of a manifest.
    pub fn parse(text: &[u8]) -> Result<Manifest, Fault> {
        let mut manifest = Manifest::default();
        let mut lines = 0;
        for (n, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            lines = n + 1;
            let fault = |reason| Fault {
                line: n + 1,
                text: String::from_utf8_lossy(line.trim_ascii_end()).into_owned(),
                reason,
            };
            if line.starts_with(b"#") {
                manifest.rewriting |= line.trim_ascii_end() == REWRITING.as_bytes();
                continue;
            }
            if line.len() > LINE_MAX {
                return Err(fault("The AOF manifest file contains too long line"));
            }
            manifest.line(line).map_err(fault)?;
        }
        if lines == 0 {
            let reason = "Found an empty AOF manifest";
            return Err(Fault { line: 0, text: String::new(), reason });
        }
        Ok(manifest)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const FORMAT: &str = "Invalid AOF manifest file format";
        let words = split_args(line.trim_ascii()).ok_or(FORMAT)?;
        if words.len() < 6 || words.len() % 2 != 0 {
            return Err(FORMAT);
        }
        let (mut name, mut seq, mut kind) = (None, None, None);
        for pair in words.chunks(2) {
            match pair[0].to_ascii_lowercase().as_slice() {
                b"file" => name = Some(String::from_utf8_lossy(&pair[1]).into_owned()),
                b"seq" => {
                    seq = std::str::from_utf8(&pair[1]).ok().and_then(|text| text.parse().ok());
                }
                b"type" => kind = pair[1].first().copied(),
                // Later versions say more about a file.
                _ => {}
            }
        }
        let (Some(name), Some(seq), Some(kind)) = (name, seq, kind) else { return Err(FORMAT) };
        if seq == 0 {
            return Err(FORMAT);
        }
        if name.is_empty() || name.contains('/') || name == ".." {
            return Err("File can't be a path, just a filename");
        }
        self.add(Part { name, seq }, kind)
    }

    fn add(&mut self, part: Part, kind: u8) -> Result<(), &'static str> {
        match kind {
            b'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            b'b' => {
                self.base_seq = part.seq;
                self.base = Some(part);
            }
            b'i' if part.seq <= self.incr_seq => {
                return Err("Found a non-monotonic sequence number");
            }
            b'i' => {
                self.incr_seq = part.seq;
                self.incr.push(part);
            }
            b'h' => self.history.push(part),
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    /// The text of the manifest.
    pub fn text(&self) -> Vec<u8> {
        let mut text = String::new();
        if self.rewriting {
            text = format!("{REWRITING}\n");
        }
        let mut line = |part: &Part, kind: Kind| {
            let name = shown(&part.name);
            // Writing to memory cannot fail.
            let _ = writeln!(text, "file {name} seq {} type {}", part.seq, kind.letter());
        };
        self.base.iter().for_each(|part| line(part, Kind::Base));
        self.history.iter().for_each(|part| line(part, Kind::History));
        self.incr.iter().for_each(|part| line(part, Kind::Incr));
        text.into_bytes()
    }

    /// The files to load, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.incr)
    }

    /// Makes the best of a copy that was taken file by file while a rewrite began or ended, when
    /// files that are named do not exist. Tells whether there was anything to be done.
    pub fn heal(&mut self, exists: impl Fn(&Part) -> bool) -> bool {
        let lost = self.base.as_ref().is_some_and(|base| !exists(base));
        let usable = self.history.first().is_some_and(&exists);
        if lost && usable {
            let mut parts = std::mem::take(&mut self.history).into_iter();
            self.base = parts.next();
            self.incr.splice(0..0, parts);
        }
        let recent = lost && usable || self.rewriting;
        let passed = recent && self.incr.last().is_some_and(|newest| !exists(newest));
        if passed {
            // It came after the copy was begun.
            self.incr.pop();
        }
        lost && usable || passed
    }

    /// Whether nothing is to be loaded.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.incr.is_empty()
    }

    /// A manifest whose base is a file of another name: a log of the time before manifests.
    pub fn of_old_file(name: &str) -> Manifest {
        let base = Some(Part { name: name.to_owned(), seq: 1 });
        Manifest { base, base_seq: 1, ..Manifest::default() }
    }

    /// Opens the next file of changes.
    pub fn next_incr(&mut self, filename: &str) -> Part {
        self.incr_seq += 1;
        let name = format!("{filename}.{}.incr.aof", self.incr_seq);
        let part = Part { name, seq: self.incr_seq };
        self.incr.push(part.clone());
        part
    }

    /// Begins with a new base; the old one becomes history.
    pub fn next_base(&mut self, filename: &str, rdb: bool) -> Part {
        self.base_seq += 1;
        let form = if rdb { "rdb" } else { "aof" };
        let part =
            Part { name: format!("{filename}.{}.base.{form}", self.base_seq), seq: self.base_seq };
        self.history.extend(self.base.replace(part.clone()));
        part
    }

    /// All files of changes but the newest `keep` become history.
    pub fn retire_incr(&mut self, keep: usize) {
        let old = self.incr.len().saturating_sub(keep);
        self.history.extend(self.incr.drain(..old));
    }
}

/// A name as a word of a line.
fn shown(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"'".contains(&byte);
    if name.bytes().all(plain) { name.to_owned() } else { quote(name.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "file appendonly.aof.2.base.rdb seq 2 type b\n\
        file appendonly.aof.1.incr.aof seq 1 type h\n\
        file appendonly.aof.2.incr.aof seq 2 type i\n\
        file appendonly.aof.3.incr.aof seq 3 type i\n";

    fn reason(text: &str) -> &'static str {
        Manifest::parse(text.as_bytes()).expect_err("it must be refused").reason
    }

    #[test]
    fn what_is_read_is_written() {
        let manifest = Manifest::parse(TEXT.as_bytes()).expect("sound");
        assert_eq!(manifest.text(), TEXT.as_bytes());
        let names: Vec<&str> = manifest.parts().map(|part| part.name.as_str()).collect();
        assert_eq!(
            names,
            ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.3.incr.aof"]
        );
        let odd = "file \"a b\\n.1.base.aof\" seq 1 type b\n";
        let manifest = Manifest::parse(odd.as_bytes()).expect("quoted");
        assert_eq!(manifest.base.as_ref().map(|part| part.name.as_str()), Some("a b\n.1.base.aof"));
        assert_eq!(manifest.text(), odd.as_bytes());
    }

    #[test]
    fn comments_and_unknown_words_are_passed_over() {
        let text = "# note\nfile a seq 1 type i startoffset 0\n";
        assert_eq!(Manifest::parse(text.as_bytes()).expect("sound").incr.len(), 1);
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(reason(""), "Found an empty AOF manifest");
        assert_eq!(reason("file a seq 1\n"), "Invalid AOF manifest file format");
        assert_eq!(reason("file a seq 0 type b\n"), "Invalid AOF manifest file format");
        assert_eq!(reason("\n"), "Invalid AOF manifest file format");
        assert_eq!(reason("file ../a seq 1 type b\n"), "File can't be a path, just a filename");
        assert_eq!(reason("file a seq 1 type x\n"), "Unknown AOF file type");
        let twice = "file a seq 1 type b\nfile b seq 2 type b\n";
        assert_eq!(reason(twice), "Found duplicate base file information");
        let back = "file a seq 2 type i\nfile b seq 2 type i\n";
        assert_eq!(reason(back), "Found a non-monotonic sequence number");
        let long = format!("file {} seq 1 type b\n", "a".repeat(2000));
        assert_eq!(reason(&long), "The AOF manifest file contains too long line");
    }

    #[test]
    fn a_copy_taken_during_a_rewrite_is_made_good() {
        const NOW: &str = "file 2.base seq 2 type b\nfile 1.base seq 1 type h\n\
            file 1.incr seq 1 type h\nfile 2.incr seq 2 type i\n";
        const BEGUN: &str = "# a rewrite is under way\nfile 1.base seq 1 type b\n\
            file 1.incr seq 1 type i\nfile 2.incr seq 2 type i\n";
        let cases: &[(&str, &[&str], bool, &[&str])] = &[
            (NOW, &["2.base", "2.incr"], false, &["2.base", "2.incr"]),
            (NOW, &["1.base", "1.incr", "2.incr"], true, &["1.base", "1.incr", "2.incr"]),
            (NOW, &["1.base", "1.incr"], true, &["1.base", "1.incr"]),
            (NOW, &["2.base"], false, &["2.base", "2.incr"]),
            (NOW, &["1.incr", "2.incr"], false, &["2.base", "2.incr"]),
            (BEGUN, &["1.base", "1.incr"], true, &["1.base", "1.incr"]),
            (BEGUN, &["1.base"], true, &["1.base", "1.incr"]),
        ];
        for (text, there, healed, parts) in cases {
            let mut manifest = Manifest::parse(text.as_bytes()).expect("sound");
            assert_eq!(manifest.text(), text.as_bytes());
            assert_eq!(manifest.heal(|part| there.contains(&part.name.as_str())), *healed);
            let names: Vec<&str> = manifest.parts().map(|part| part.name.as_str()).collect();
            assert_eq!(names, *parts, "{there:?} of {text}");
        }
    }

    #[test]
    fn a_rewrite_retires_what_came_before() {
        let mut manifest = Manifest::parse(TEXT.as_bytes()).expect("sound");
        manifest.history.clear();
        assert_eq!(manifest.next_incr("f").name, "f.4.incr.aof");
        assert_eq!(manifest.next_base("f", false).name, "f.3.base.aof");
        manifest.retire_incr(1);
        let text = String::from_utf8(manifest.text()).expect("plain");
        assert_eq!(
            text,
            "file f.3.base.aof seq 3 type b\n\
             file appendonly.aof.2.base.rdb seq 2 type h\n\
             file appendonly.aof.2.incr.aof seq 2 type h\n\
             file appendonly.aof.3.incr.aof seq 3 type h\n\
             file f.4.incr.aof seq 4 type i\n"
        );
    }
}
