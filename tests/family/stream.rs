//! Streams: adding, trimming, deleting, ranges, counters, reading with and without waiting.

use crate::support::Client;
use crate::support::frames::{self, Node, Value, encode};

/// A reply in a form that a test can spell: `[a 1 [b nil]]`, maps as `{key value}`, errors and
/// everything else as their text.
pub fn shown(node: &Node) -> String {
    match &node.value {
        Value::Null => "nil".to_owned(),
        Value::List(items) => {
            let words: Vec<String> = items.iter().map(shown).collect();
            let (open, close) = if node.is_map() { ('{', '}') } else { ('[', ']') };
            format!("{open}{}{close}", words.join(" "))
        }
        _ => String::from_utf8_lossy(&node.text()).into_owned(),
    }
}

/// Asks a question of words without spaces.
#[track_caller]
pub fn asks(c: &mut Client, question: &str, answer: &str) {
    let words: Vec<&str> = question.split(' ').collect();
    let got = shown(&c.node(&words));
    assert!(got == answer, "{question}\n  expected {answer}\n  got      {got}");
}

/// Sends a request whose reply comes later.
pub fn waits(c: &mut Client, request: &str) {
    let words: Vec<&str> = request.split(' ').collect();
    c.send_raw(&encode(&words));
    c.expect_silence();
}

/// The reply of a request that waited.
#[track_caller]
pub fn gets(c: &mut Client, answer: &str) {
    let frame = c.read_frame();
    let got = shown(&frames::parse(&frame).expect("what came is RESP").0);
    assert!(got == answer, "expected {answer}, got {got}");
}

/// Entries 1-1 to n-1 of stream `s`, with the number as value of `f`.
pub fn fill(c: &mut Client, n: usize) {
    for i in 1..=n {
        asks(c, &format!("XADD s {i}-1 f {i}"), &format!("{i}-1"));
    }
}

const SMALL: &str =
    "ERR The ID specified in XADD is equal or smaller than the target stream top item";
const BAD_ID: &str = "ERR Invalid stream ID specified as stream command argument";

case!(ids_are_given_and_chosen, |c| {
    asks(c, "XADD s 5-* f v", "5-0");
    asks(c, "XADD s 5-* f v", "5-1");
    asks(c, "XADD s 5 f v", SMALL);
    asks(c, "XADD s 4-* f v", SMALL);
    asks(c, "XADD s 6 f v", "6-0");
    asks(c, "XADD s 0-0 f v", "ERR The ID specified in XADD must be greater than 0-0");
    asks(c, "XADD t 0-* f v", "0-1");
    for bad in ["-", "+", "$", ">", "1-", "1-a", "*-1"] {
        asks(c, &format!("XADD s {bad} f v"), BAD_ID);
    }
    let now = c.int(&["XLEN", "s"]);
    assert_eq!(now, 3);
    let id = c.node(&["XADD", "s", "*", "f", "v"]);
    let ms: u64 = shown(&id).split('-').next().and_then(|ms| ms.parse().ok()).expect("an id");
    assert!(ms > 1_000_000_000_000, "{ms} is no time of this century");
    asks(
        c,
        "XADD s 18446744073709551615-18446744073709551615 f v",
        "18446744073709551615-18446744073709551615",
    );
    let full = "ERR The stream has exhausted the last possible ID, unable to add more items";
    asks(c, "XADD s * f v", full);
    asks(c, "TYPE s", "stream");
    asks(c, "OBJECT ENCODING s", "stream");
});

case!(a_stream_is_not_made_when_it_is_not_to_be, |c| {
    asks(c, "XADD s NOMKSTREAM 1-1 f v", "nil");
    asks(c, "XADD s 0-0 f v", "ERR The ID specified in XADD must be greater than 0-0");
    asks(c, "XDEL s 1-1", "0");
    asks(c, "XTRIM s MAXLEN 0", "0");
    asks(c, "XSETID s 1-1", "ERR no such key");
    asks(c, "EXISTS s", "0");
    asks(c, "XADD s 1-1 f v", "1-1");
    asks(c, "XADD s NOMKSTREAM 2-1 f v", "2-1");
    asks(c, "XDEL s 1-1 2-1", "2");
    asks(c, "EXISTS s", "1");
    asks(c, "XADD s 2-1 f v", SMALL);
    asks(c, "DEL s", "1");
    asks(c, "XADD s 1-1 f v", "1-1");
});

case!(ranges_run_both_ways, ["--stream-node-max-entries", "3"], |c| {
    fill(c, 8);
    asks(c, "XRANGE s (2-1 4-0", "[[3-1 [f 3]]]");
    asks(c, "XRANGE s (2-1 3", "[[3-1 [f 3]]]");
    asks(c, "XRANGE s 2 (4-1", "[[2-1 [f 2]] [3-1 [f 3]]]");
    asks(c, "XREVRANGE s 4-1 3", "[[4-1 [f 4]] [3-1 [f 3]]]");
    asks(c, "XREVRANGE s + - COUNT 2", "[[8-1 [f 8]] [7-1 [f 7]]]");
    asks(c, "XRANGE s - + COUNT 0", "nil");
    asks(c, "XRANGE s 5 4", "[]");
    asks(
        c,
        "XRANGE s (18446744073709551615-18446744073709551615 +",
        "ERR invalid start ID for the interval",
    );
    asks(c, "XRANGE s - (0-0", "ERR invalid end ID for the interval");
    asks(c, "XDEL s 3-1 4-1 5-1 6-1 9-9", "4");
    asks(c, "XRANGE s 2 7-1", "[[2-1 [f 2]] [7-1 [f 7]]]");
    asks(c, "XREVRANGE s 7-1 2", "[[7-1 [f 7]] [2-1 [f 2]]]");
});

case!(fields_come_back_as_they_were, |c| {
    c.expect(&[&b"XADD"[..], b"s", b"1-1", b"", b"\x00\r\n", b"007", b"-5"], "$3\r\n1-1\r\n");
    asks(c, "XADD s 2-1 a 1 a 2 b 99999999999999999999", "2-1");
    let fields = "$0\r\n\r\n$3\r\n\x00\r\n\r\n$3\r\n007\r\n$2\r\n-5\r\n";
    c.expect(&["XRANGE", "s", "-", "1"], format!("*1\r\n*2\r\n$3\r\n1-1\r\n*4\r\n{fields}"));
    asks(c, "XRANGE s 2 +", "[[2-1 [a 1 a 2 b 99999999999999999999]]]");
    let long = "x".repeat(70_000);
    asks(c, &format!("XADD s 3-1 f {long}"), "3-1");
    asks(c, "XRANGE s 3-0 3-0", "[]");
    asks(c, "XRANGE s 3 3-1", &format!("[[3-1 [f {long}]]]"));
});

case!(trimming_is_exact_unless_it_need_not_be, ["--stream-node-max-entries", "3"], |c| {
    fill(c, 8);
    asks(c, "XTRIM s MAXLEN 7", "1");
    asks(c, "XTRIM s MAXLEN ~ 3", "2");
    asks(c, "XTRIM s MAXLEN ~ 1 LIMIT 2", "0");
    asks(c, "XTRIM s MINID ~ 6", "0");
    asks(c, "XTRIM s MINID 6", "2");
    asks(c, "XRANGE s - +", "[[6-1 [f 6]] [7-1 [f 7]] [8-1 [f 8]]]");
    asks(c, "XADD s MAXLEN = 2 9-1 f 9", "9-1");
    asks(c, "XLEN s", "2");
    asks(c, "XADD s MINID 100 10-1 f 10", "10-1");
    asks(c, "XLEN s", "0");
    asks(
        c,
        "XADD s MAXLEN 1 MINID 1 11-1 f v",
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
    );
    asks(
        c,
        "XTRIM s LIMIT 1",
        "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
    );
    asks(c, "XTRIM s LIMIT 0", "ERR syntax error, XTRIM must be called with a trimming strategy");
    asks(
        c,
        "XTRIM s MAXLEN 1 LIMIT 0",
        "ERR syntax error, LIMIT cannot be used without the special ~ option",
    );
});

case!(long_ranges_are_whole, |c| {
    const ENTRIES: usize = 12_000;
    let add = |c: &mut Client, from: usize, to: usize| {
        let request: Vec<u8> = (from..to)
            .flat_map(|i| encode(&["XADD", "s", &format!("{i}-1"), "f", &i.to_string()]))
            .collect();
        c.send_raw(&request);
        (from..to).for_each(|_| drop(c.read_frame()));
    };
    add(c, 1, ENTRIES);
    asks(c, "XDEL s 1-1 5000-1 11999-1", "3");
    let ids = |node: Node| -> Vec<String> {
        let entries = node.list().expect("an array").to_vec();
        entries.iter().map(|entry| shown(&entry.list().expect("a pair")[0])).collect()
    };
    let want: Vec<String> =
        (2..ENTRIES - 1).filter(|i| *i != 5000).map(|i| format!("{i}-1")).collect();
    assert_eq!(ids(c.node(&["XRANGE", "s", "-", "+"])), want);
    let part = &want[998..want.len() - 998];
    let (start, end) = (part[0].clone(), part[part.len() - 1].clone());
    assert_eq!(ids(c.node(&["XRANGE", "s", &start, &end])), part);
    assert_eq!(ids(c.node(&["XRANGE", "s", &start, &end, "COUNT", "6000"])), part[..6000]);
    let mut back: Vec<String> = ids(c.node(&["XREVRANGE", "s", &end, &start, "COUNT", "9000"]));
    back.reverse();
    assert_eq!(back, part[part.len() - 9000..]);
    asks(c, "XADD t 1-1 f v", "1-1");
    let both = c.node(&["XREAD", "STREAMS", "t", "s", "0", &start]);
    let both = both.list().expect("two streams");
    assert_eq!(shown(&both[0]), "[t [[1-1 [f v]]]]");
    assert_eq!(ids(both[1].list().expect("a pair")[1].clone()), want[999..]);
    asks(c, "XRANGE s 30000 +", "[]");
    asks(c, "XRANGE s 9 8", "[]");
    // Somebody else's change waits for the whole answer.
    let mut other = c.client();
    c.send_raw(&encode(&["XRANGE", "s", "-", "+"]));
    other.send_raw(&encode(&["XTRIM", "s", "MAXLEN", "5"]));
    let before = ids(frames::parse(&c.read_frame()).expect("what came is RESP").0);
    assert!(before == want || before == want[want.len() - 5..], "{} entries", before.len());
    other.expect_frame(format!(":{}\r\n", want.len() - 5));
});

case!(counters_can_be_set, |c| {
    fill(c, 3);
    asks(c, "XDEL s 2-1", "1");
    asks(
        c,
        "XSETID s 2-9",
        "ERR The ID specified in XSETID is smaller than the target stream top item",
    );
    asks(
        c,
        "XSETID s 1-1",
        "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
    );
    asks(
        c,
        "XSETID s 9-9 ENTRIESADDED 1",
        "ERR The entries_added specified in XSETID is smaller than the target stream length",
    );
    asks(
        c,
        "XSETID s 9-9 MAXDELETEDID 10-1",
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
    );
    asks(c, "XSETID s 9-9 ENTRIESADDED -1", "ERR entries_added must be positive");
    asks(c, "XSETID s 9-9 ENTRIESADDED", "ERR syntax error");
    asks(c, "XSETID s 9-9 ENTRIESADDED 77 MAXDELETEDID 8-8", "OK");
    asks(
        c,
        "XINFO STREAM s",
        "[length 2 radix-tree-keys 1 radix-tree-nodes 2 \
         last-generated-id 9-9 max-deleted-entry-id 8-8 entries-added 77 \
         recorded-first-entry-id 1-1 groups 0 first-entry [1-1 [f 1]] last-entry [3-1 [f 3]]]",
    );
    c.cmd(&["HELLO", "3"]);
    asks(c, "XTRIM s MAXLEN 0", "2");
    asks(
        c,
        "XINFO STREAM s",
        "{length 0 radix-tree-keys 0 radix-tree-nodes 1 \
         last-generated-id 9-9 max-deleted-entry-id 8-8 entries-added 77 \
         recorded-first-entry-id 0-0 groups 0 first-entry nil last-entry nil}",
    );
});

case!(a_copy_is_a_stream_of_its_own, |c| {
    fill(c, 2);
    asks(c, "XGROUP CREATE s g 0", "OK");
    asks(c, "XREADGROUP GROUP g a COUNT 1 STREAMS s >", "[[s [[1-1 [f 1]]]]]");
    asks(c, "COPY s t", "1");
    asks(c, "XADD t 3-1 f 3", "3-1");
    asks(c, "XACK t g 1-1", "1");
    asks(c, "XLEN s", "2");
    asks(c, "XPENDING s g", "[1 1-1 1-1 [[a 1]]]");
    asks(c, "XRANGE t - +", "[[1-1 [f 1]] [2-1 [f 2]] [3-1 [f 3]]]");
    asks(c, "RENAME t s", "OK");
    asks(c, "XLEN s", "3");
});

case!(reading_several_streams, |c| {
    fill(c, 3);
    asks(c, "XADD t 9-1 a b", "9-1");
    asks(c, "XREAD STREAMS s t 1-1 9-1", "[[s [[2-1 [f 2]] [3-1 [f 3]]]]]");
    asks(c, "XREAD COUNT 1 STREAMS t s 0 0", "[[t [[9-1 [a b]]]] [s [[1-1 [f 1]]]]]");
    asks(c, "XREAD STREAMS s t $ $", "nil");
    asks(c, "XREAD STREAMS s missing + 0", BAD_ID);
    asks(
        c,
        "XREAD STREAMS s t 0",
        "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be \
         specified.",
    );
    c.cmd(&["HELLO", "3"]);
    asks(c, "XREAD COUNT 1 STREAMS t s 0 0", "{t [[9-1 [a b]]] s [[1-1 [f 1]]]}");
    asks(c, "XREAD STREAMS s 3-1", "nil");
});

case!(a_reader_waits_for_what_comes, |c| {
    fill(c, 1);
    let mut reader = c.client();
    waits(&mut reader, "XREAD BLOCK 0 STREAMS t s $ $");
    asks(c, "XDEL s 1-1", "1");
    reader.expect_silence();
    asks(c, "XADD s 2-1 f 2", "2-1");
    gets(&mut reader, "[[s [[2-1 [f 2]]]]]");
    waits(&mut reader, "XREAD BLOCK 0 COUNT 1 STREAMS t 5-0");
    asks(c, "XADD t 5-0 f v", "5-0");
    reader.expect_silence();
    asks(c, "XADD t 5-1 f v", "5-1");
    gets(&mut reader, "[[t [[5-1 [f v]]]]]");
    waits(&mut reader, "XREAD BLOCK 0 STREAMS new 0");
    asks(c, "RENAME t new", "OK");
    gets(&mut reader, "[[new [[5-0 [f v]] [5-1 [f v]]]]]");
    waits(&mut reader, "XREAD BLOCK 30 STREAMS new $");
    c.advance_ms(40);
    gets(&mut reader, "nil");
});
