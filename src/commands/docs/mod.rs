//! The documentation of commands: what COMMAND tells beyond the spec, one text file a group.
//!
//! The texts cover every command of Redis 7.2, declared here or not, and are parsed when somebody
//! first asks. A block begins with the full name; each line below says one thing:
//!
//! ```text
//! zadd
//!   summary One sentence, for a command whose spec has none.
//!   complexity O(log(N)) a member, N members in the sorted set
//!   flag syscmd
//!   deprecated 6.2.0 what to use instead
//!   history 6.2.0 What changed.
//!   tip request_policy:all_shards
//!   note 0 Something about the first key specification.
//!   - condition oneof since=3.0.2 optional
//!     - nx pure-token token=NX
//! ```
//!
//! Lines with a dash are the arguments in their order, indented below the one they are part of:
//! name, type, then `display=`, `key=` (which key specification), `token=`, `since=`, `until=`
//! (deprecated) and flags. A line that begins with `#` is a comment.

use std::sync::LazyLock;

/// The documentation of one command or subcommand.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Doc {
    /// Full name: `config|get`.
    pub name: &'static str,
    /// One sentence, when the spec leaves it to us.
    pub summary: Option<&'static str>,
    /// How its cost grows.
    pub complexity: Option<&'static str>,
    /// Documentation flags, `deprecated` included.
    pub flags: Vec<&'static str>,
    /// Version since which it is deprecated, and what replaces it.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Versions and what changed in them.
    pub history: Vec<(&'static str, &'static str)>,
    /// Hints for clients and proxies.
    pub tips: Vec<&'static str>,
    /// Places of key specifications and what to say about them.
    pub notes: Vec<(&'static str, &'static str)>,
    /// The arguments, each followed by its parts.
    pub arguments: Vec<Argument>,
}

/// One argument, or a part of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Argument {
    /// How deep it stands: 0 is an argument of the command itself.
    pub depth: usize,
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// What to show for it; parts-only arguments show nothing.
    pub display: Option<&'static str>,
    /// Which key specification finds it.
    pub key: Option<i64>,
    /// The word that introduces it.
    pub token: Option<&'static str>,
    /// First version that has it, when younger than the command.
    pub since: Option<&'static str>,
    /// Version since which it is deprecated.
    pub until: Option<&'static str>,
    /// `optional`, `multiple`, `multiple_token`.
    pub flags: Vec<&'static str>,
}

/// All texts.
const TEXTS: &[&str] = &[
    include_str!("bitmap.txt"),
    include_str!("cluster.txt"),
    include_str!("connection.txt"),
    include_str!("generic.txt"),
    include_str!("geo.txt"),
    include_str!("hash.txt"),
    include_str!("hyperloglog.txt"),
    include_str!("list.txt"),
    include_str!("pubsub.txt"),
    include_str!("scripting.txt"),
    include_str!("server.txt"),
    include_str!("set.txt"),
    include_str!("sorted-set.txt"),
    include_str!("stream.txt"),
    include_str!("string.txt"),
    include_str!("transactions.txt"),
];

static DOCS: LazyLock<Vec<Doc>> = LazyLock::new(|| {
    let mut docs: Vec<Doc> = TEXTS.iter().flat_map(|text| parse(text)).collect();
    docs.sort_by_key(|doc| doc.name);
    docs
});

/// The documentation of every command, by name.
pub fn all() -> &'static [Doc] {
    &DOCS
}

/// The documentation of a command by its full name.
pub fn find(name: &str) -> Option<&'static Doc> {
    let docs = all();
    docs.binary_search_by_key(&name, |doc| doc.name).ok().map(|place| &docs[place])
}

impl Doc {
    /// The parts of a list of arguments that stand directly in it: `list` are the arguments that
    /// follow one of depth `depth - 1`, or all of them with depth 0.
    pub fn children(list: &[Argument], depth: usize) -> impl Iterator<Item = usize> + '_ {
        list.iter()
            .take_while(move |argument| argument.depth >= depth)
            .enumerate()
            .filter(move |(_, argument)| argument.depth == depth)
            .map(|(place, _)| place)
    }
}

/// The blocks of one text. What is not understood ends the process: the texts are part of the
/// program, and a test reads them all.
fn parse(text: &'static str) -> Vec<Doc> {
    let mut docs: Vec<Doc> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if indent == 0 {
            docs.push(Doc { name: body, ..Doc::default() });
            continue;
        }
        let doc = docs.last_mut().expect("a text begins with the name of a command");
        let (word, rest) = cut(body);
        match word {
            "-" => doc.arguments.push(argument(indent / 2 - 1, rest)),
            "summary" => doc.summary = Some(rest),
            "complexity" => doc.complexity = Some(rest),
            "flag" => doc.flags.push(rest),
            "deprecated" => {
                doc.flags.push("deprecated");
                doc.deprecated = Some(cut(rest));
            }
            "history" => doc.history.push(cut(rest)),
            "tip" => doc.tips.push(rest),
            "note" => doc.notes.push(cut(rest)),
            _ => panic!("{}: {line}: what is that?", doc.name),
        }
    }
    docs
}

/// The first word and the rest.
fn cut(line: &'static str) -> (&'static str, &'static str) {
    line.split_once(' ').unwrap_or((line, ""))
}

fn argument(depth: usize, line: &'static str) -> Argument {
    let (name, rest) = cut(line);
    let mut words = rest.split(' ');
    let kind = words.next().unwrap_or_default();
    let mut argument = Argument { depth, name, kind, ..Argument::default() };
    if !matches!(kind, "block" | "oneof") {
        argument.display = Some(name);
    }
    for word in words {
        match word.split_once('=') {
            Some(("display", value)) => argument.display = Some(value),
            Some(("key", value)) => argument.key = value.parse().ok(),
            Some(("token", value)) => argument.token = Some(value),
            Some(("since", value)) => argument.since = Some(value),
            Some(("until", value)) => argument.until = Some(value),
            _ => argument.flags.push(word),
        }
    }
    argument
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_it_is_meant() {
        let docs = parse(
            "# words\n\nz\n  summary Does it.\n  complexity O(1)\n  deprecated 6.2.0 `Y` now\n  \
             history 3.0.0 Takes more.\n  tip t\n  note 1 Careful.\n  - key key key=0\n  - c oneof \
             since=3.0.2 optional\n    - nx pure-token token=NX\n    - eq pure-token token==\n  - \
             none pure-token token= display=x\n\nz|sub\n",
        );
        assert_eq!(docs.len(), 2);
        let z = &docs[0];
        assert_eq!((z.name, z.summary, z.complexity), ("z", Some("Does it."), Some("O(1)")));
        assert_eq!(z.deprecated, Some(("6.2.0", "`Y` now")));
        assert_eq!((&z.flags[..], &z.tips[..]), (&["deprecated"][..], &["t"][..]));
        assert_eq!(z.history, [("3.0.0", "Takes more.")]);
        assert_eq!(z.notes, [("1", "Careful.")]);
        let depths: Vec<usize> = z.arguments.iter().map(|a| a.depth).collect();
        assert_eq!(depths, [0, 0, 1, 1, 0]);
        let one_of = &z.arguments[1];
        assert_eq!((one_of.display, one_of.since), (None, Some("3.0.2")));
        assert_eq!(one_of.flags, ["optional"]);
        assert_eq!(z.arguments[0].key, Some(0));
        assert_eq!(z.arguments[3].token, Some("="));
        assert_eq!((z.arguments[4].token, z.arguments[4].display), (Some(""), Some("x")));
        assert_eq!(Doc::children(&z.arguments, 0).collect::<Vec<_>>(), [0, 1, 4]);
        assert_eq!(Doc::children(&z.arguments[2..], 1).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(docs[1], Doc { name: "z|sub", ..Doc::default() });
    }

    #[test]
    fn texts_are_in_order_and_found() {
        assert!(all().is_sorted_by(|a, b| a.name < b.name), "a name stands twice");
        assert!(all().iter().all(|doc| find(doc.name) == Some(doc)));
        assert_eq!(find("zadd").map(|doc| doc.arguments.len()), Some(12));
        assert_eq!(find("ZADD"), None);
        assert_eq!(find(""), None);
    }
}
