//! SCAN and KEYS.

use crate::support::Client;
use crate::support::frames::Node;
use std::collections::BTreeSet;

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NOTHING: &str = "*2\r\n$1\r\n0\r\n*0\r\n";

fn names(node: &Node) -> Vec<String> {
    node.list().expect("an array of names").iter().map(text).collect()
}

fn text(node: &Node) -> String {
    String::from_utf8(node.text()).expect("plain names")
}

/// One step: the next cursor and the names it found.
fn step(c: &mut Client, cursor: &str, options: &[&str]) -> (String, Vec<String>) {
    let node = c.node(&[&["SCAN", cursor], options].concat());
    let [cursor, found] = node.list().expect("an array of two") else { panic!("an array of two") };
    (text(cursor), names(found))
}

/// A whole scan; no name may come twice while nothing changes.
fn all(c: &mut Client, options: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let (next, names) = step(c, &cursor, options);
        for name in names {
            assert!(found.insert(name.clone()), "{name} came twice");
        }
        if next == "0" {
            return found;
        }
        cursor = next;
    }
}

fn fill(c: &mut Client, prefix: &str, count: usize) -> BTreeSet<String> {
    let keys: BTreeSet<String> = (0..count).map(|i| format!("{prefix}{i}")).collect();
    let mut words = vec!["MSET"];
    words.extend(keys.iter().flat_map(|key| [key.as_str(), "v"]));
    c.expect(&words, "+OK\r\n");
    keys
}

case!(a_scan_finds_everything_once, |c| {
    c.expect(&["SCAN", "0"], NOTHING);
    let keys = fill(c, "key:", 1000);
    assert_eq!(all(c, &[]), keys);
    assert_eq!(all(c, &["COUNT", "1"]), keys);
    assert_eq!(all(c, &["COUNT", "100000"]), keys);
    assert_eq!(all(c, &["count", "7", "match", "*", "type", "STRING"]), keys);
    assert_eq!(all(c, &["TYPE", "list"]), BTreeSet::new());
    assert_eq!(all(c, &["TYPE", "nonsense"]), BTreeSet::new());
    let tens: BTreeSet<String> = keys.iter().filter(|key| key.ends_with('0')).cloned().collect();
    assert_eq!(all(c, &["MATCH", "*0"]), tens);
    assert_eq!(all(c, &["MATCH", "x*", "MATCH", "*0", "COUNT", "5"]), tens);
    let (cursor, found) = step(c, "0", &["COUNT", "100000"]);
    assert_eq!((cursor.as_str(), found.len()), ("0", 1000));
    c.expect(&["SELECT", "4"], "+OK\r\n");
    c.expect(&["SCAN", "0"], NOTHING);
});

case!(a_step_is_about_as_long_as_asked, |c| {
    fill(c, "key:", 5000);
    for count in [1, 10, 100, 1000] {
        let (cursor, found) = step(c, "0", &["COUNT", &count.to_string()]);
        assert_ne!(cursor, "0");
        assert!((count..count + 16).contains(&found.len()), "{} for {count}", found.len());
    }
});

case!(what_stays_is_found_while_the_table_grows_and_shrinks, |c| {
    let stay = fill(c, "stay:", 300);
    let mut found = BTreeSet::new();
    let mut cursor = "0".to_owned();
    let mut round = 0;
    loop {
        let (next, names) = step(c, &cursor, &["COUNT", "10"]);
        found.extend(names.into_iter().filter(|name| name.starts_with("stay:")));
        if next == "0" {
            break;
        }
        cursor = next;
        if round % 2 == 0 {
            fill(c, &format!("come:{round}:"), 500);
        } else {
            let mut words = vec!["DEL".to_owned()];
            words.extend((0..500).map(|i| format!("come:{}:{i}", round - 1)));
            c.expect(&words, ":500\r\n");
        }
        round += 1;
        assert!(round < 2000, "the scan ends");
    }
    assert_eq!(found, stay);
});

case!(scan_errors, |c| {
    c.expect(&["SCAN"], "-ERR wrong number of arguments for 'scan' command\r\n");
    for cursor in ["abc", "1.5", "18446744073709551616", " 0", "0x0", "-", "0 "] {
        c.expect(&["SCAN", cursor], "-ERR invalid cursor\r\n");
    }
    for cursor in ["", "-1", "00", "+0", "18446744073709551615"] {
        c.expect(&["SCAN", cursor], NOTHING);
    }
    for options in [
        &["COUNT"][..],
        &["COUNT", "0"],
        &["COUNT", "-5"],
        &["MATCH"],
        &["TYPE"],
        &["FOO"],
        &["FOO", "bar"],
        &["MATCH", "*", "FOO"],
    ] {
        c.expect(&[&["SCAN", "0"], options].concat(), SYNTAX);
    }
    c.expect(&["SCAN", "0", "COUNT", "abc"], NOT_INTEGER);
    c.expect(&["SCAN", "0", "COUNT", "9223372036854775808"], NOT_INTEGER);
    c.expect(&["SCAN", "0", "COUNT", "9223372036854775807"], NOTHING);
});

case!(expired_keys_are_not_shown, ["--enable-debug-command", "yes"], |c| {
    c.expect(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
    c.expect(&["SET", "stays", "1"], "+OK\r\n");
    c.expect(&["SET", "goes", "1", "PX", "10"], "+OK\r\n");
    c.advance_ms(30);
    c.expect(&["KEYS", "*"], "*1\r\n$5\r\nstays\r\n");
    assert_eq!(all(c, &[]), BTreeSet::from(["stays".to_owned()]));
    c.expect(&["DBSIZE"], ":1\r\n");
});

case!(keys, |c| {
    c.expect(&["KEYS", "*"], "*0\r\n");
    let keys = fill(c, "key:", 3000);
    let listed = |c: &mut Client, pattern: &str| {
        let found = names(&c.node(&["KEYS", pattern]));
        let count = found.len();
        let found: BTreeSet<String> = found.into_iter().collect();
        assert_eq!(found.len(), count, "each name once");
        found
    };
    assert_eq!(listed(c, "*"), keys);
    assert_eq!(listed(c, "key:7"), BTreeSet::from(["key:7".to_owned()]));
    assert_eq!(listed(c, "key:299[7-9]").len(), 3);
    assert_eq!(listed(c, "k?y:[^1-9]").len(), 1);
    assert_eq!(listed(c, "none*"), BTreeSet::new());
    c.expect(&["KEYS"], "-ERR wrong number of arguments for 'keys' command\r\n");
    // Requests behind it wait for their turn.
    c.send_raw(b"*2\r\n$4\r\nKEYS\r\n$5\r\nkey:7\r\n*1\r\n$4\r\nPING\r\n");
    c.expect_frame("*1\r\n$5\r\nkey:7\r\n");
    c.expect_frame("+PONG\r\n");
});
