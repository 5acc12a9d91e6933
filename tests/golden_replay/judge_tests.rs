//! Each form of `match` accepts what it should and refuses a near miss.

use super::judge::{Vars, judge};
use super::script::{Expect, Matcher};

fn with(matcher: Matcher, reply: &str, kind: Option<u8>) -> Expect {
    Expect {
        frames: 1,
        block: false,
        closed: false,
        took_ms: None,
        save: Vec::new(),
        matcher,
        reply: reply.as_bytes().to_vec(),
        kind,
    }
}

#[track_caller]
fn check(expect: &Expect, good: &[&str], bad: &[&str]) {
    let vars = Vars::from([("v".to_owned(), b"7".to_vec())]);
    for reply in good {
        assert_eq!(judge(expect, reply.as_bytes(), &vars), Ok(()), "refuses {reply:?}");
    }
    for reply in bad {
        assert!(judge(expect, reply.as_bytes(), &vars).is_err(), "accepts {reply:?}");
    }
}

fn texts(items: &[&str]) -> Vec<Vec<u8>> {
    items.iter().map(|item| item.as_bytes().to_vec()).collect()
}

fn tree(ignore: &[&str], wild: &[&str], unordered: bool, deep: bool) -> Matcher {
    let wild = wild.iter().map(|w| w.split('.').map(str::to_owned).collect()).collect();
    Matcher::Tree { ignore: texts(ignore), wild, unordered, deep }
}

#[test]
fn whole_replies() {
    check(&with(Matcher::Exact, "+OK\r\n", None), &["+OK\r\n"], &["+ok\r\n", "+OK\r\n+OK\r\n"]);
    check(&with(Matcher::Any, "", None), &["+x\r\n", "*0\r\n"], &[]);
    check(&with(Matcher::TypeOnly, "", Some(b':')), &[":1\r\n"], &["+1\r\n"]);
    check(&with(Matcher::Prefix(b"-ERR".to_vec()), "", None), &["-ERR x\r\n"], &["-WRONG\r\n"]);
    check(&with(Matcher::OneOf(texts(&[":1\r\n", ":2\r\n"])), "", None), &[":2\r\n"], &[":3\r\n"]);
    let regex = Matcher::Regex("\\$\\d+\r\nid=\\d+ .*\n\r\n".into());
    check(&with(regex, "", None), &["$5\r\nid=1 a\nb\n\r\n"], &["$5\r\nid=x a\n\r\n"]);
}

#[test]
fn numbers() {
    let range = with(Matcher::IntRange(1, 3), "", Some(b':'));
    check(&range, &[":1\r\n", ":3\r\n"], &[":4\r\n", "$1\r\n2\r\n", "+x\r\n"]);
    let float = with(Matcher::Float(0.5, 0.01), "", None);
    check(&float, &["$5\r\n0.509\r\n", ",0.5\r\n"], &["$3\r\n0.6\r\n", "$-1\r\n"]);
    check(&with(Matcher::SameAs("v".into()), "", None), &[":7\r\n", "$1\r\n7\r\n"], &[":8\r\n"]);
    check(&with(Matcher::DiffersFrom("v".into()), "", None), &[":8\r\n"], &[":7\r\n"]);
    check(&with(Matcher::SameAs("unset".into()), "", None), &[], &[":7\r\n"]);
}

#[test]
fn orders() {
    let list = "*2\r\n:1\r\n:2\r\n";
    let turned = "*2\r\n:2\r\n:1\r\n";
    check(&with(Matcher::Unordered, list, None), &[list, turned], &["*2\r\n:2\r\n:2\r\n"]);
    let map = "%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n";
    let turned_map = "%2\r\n+b\r\n:2\r\n+a\r\n:1\r\n";
    let crossed = "%2\r\n+b\r\n:1\r\n+a\r\n:2\r\n";
    check(&with(Matcher::Unordered, map, None), &[turned_map], &[crossed]);
    let flat = "*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n";
    let turned_flat = "*4\r\n+b\r\n:2\r\n+a\r\n:1\r\n";
    let crossed_flat = "*4\r\n+b\r\n:1\r\n+a\r\n:2\r\n";
    check(&with(Matcher::PairsUnordered, flat, None), &[turned_flat], &[crossed_flat, map]);
    let nested = "*2\r\n*2\r\n:1\r\n:2\r\n:3\r\n";
    let shuffled = "*2\r\n:3\r\n*2\r\n:2\r\n:1\r\n";
    check(&with(Matcher::DeepUnordered, nested, None), &[shuffled], &["*1\r\n:3\r\n"]);
    check(&with(Matcher::Unordered, nested, None), &[nested], &[shuffled]);
    let frames = with(Matcher::FramesUnordered, ":1\r\n:2\r\n", None);
    check(&frames, &[":2\r\n:1\r\n"], &[":1\r\n:1\r\n", ":1\r\n"]);
}

#[test]
fn parts_of_a_reply() {
    let drawn = |distinct, width| Matcher::Drawn {
        from: if width == 2 {
            vec![texts(&["a", "1"]), texts(&["b", "2"])]
        } else {
            vec![texts(&["a"]), texts(&["b"])]
        },
        count: 2,
        distinct,
        width,
    };
    let (ab, aa) = ("*2\r\n+a\r\n+b\r\n", "*2\r\n+a\r\n+a\r\n");
    check(&with(drawn(true, 1), "", None), &[ab], &[aa, "*2\r\n+a\r\n+c\r\n", "*0\r\n"]);
    check(&with(drawn(false, 1), "", None), &[ab, aa], &[]);
    let pairs = "*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n";
    check(&with(drawn(true, 2), "", None), &[pairs], &["*4\r\n+b\r\n+1\r\n+a\r\n+1\r\n"]);
    let info = with(Matcher::InfoFields(texts(&["used", "# Head"])), "", None);
    check(&info, &["$16\r\n# Head\r\nused:1\r\n\r\n"], &["$8\r\nused:1\r\n\r\n", ":1\r\n"]);
    let keys = with(Matcher::HasKeys(texts(&["a"])), "", None);
    check(&keys, &["%1\r\n+a\r\n:1\r\n"], &["%1\r\n+b\r\n+a\r\n"]);
    let contains = with(Matcher::Contains(texts(&["a"])), "", Some(b'*'));
    check(&contains, &["*1\r\n+a\r\n"], &["*1\r\n*1\r\n+a\r\n", "~1\r\n+a\r\n"]);
    let shape = with(Matcher::Shape("*[:,$-,%{a:+}]".into()), "", None);
    check(&shape, &["*3\r\n:5\r\n$-1\r\n%1\r\n+a\r\n+x\r\n"], &["*1\r\n:5\r\n"]);
}

#[test]
fn trees() {
    let reply = "*4\r\n$2\r\nid\r\n:5\r\n$1\r\nn\r\n*1\r\n:1\r\n";
    let other_id = "*4\r\n$2\r\nid\r\n:6\r\n$1\r\nn\r\n*1\r\n:1\r\n";
    let other_n = "*4\r\n$2\r\nid\r\n:5\r\n$1\r\nn\r\n*1\r\n:2\r\n";
    let text_id = "*4\r\n$2\r\nid\r\n$1\r\n5\r\n$1\r\nn\r\n*1\r\n:1\r\n";
    check(&with(tree(&[], &[], false, false), reply, None), &[reply], &[other_id, other_n]);
    check(&with(tree(&["id"], &[], false, false), reply, None), &[other_id], &[other_n, text_id]);
    check(&with(tree(&[], &["3.*"], false, false), reply, None), &[other_n], &[other_id]);
    check(&with(tree(&[], &["3"], false, false), reply, None), &[other_n], &[other_id, text_id]);
    let rows = "*2\r\n*2\r\n+id\r\n:1\r\n*2\r\n+id\r\n:2\r\n";
    let turned = "*2\r\n*2\r\n+id\r\n:2\r\n*2\r\n+id\r\n:1\r\n";
    let inside = "*2\r\n*2\r\n:1\r\n+id\r\n*2\r\n+id\r\n:2\r\n";
    check(&with(tree(&[], &[], true, false), rows, None), &[turned], &[inside]);
    check(&with(tree(&[], &[], false, true), rows, None), &[turned, inside], &["*0\r\n"]);
}
