//! Consumer groups: delivery, acknowledgement, claims, lag, and readers that wait.

use super::stream::{asks, fill, gets, shown, waits};
use crate::support::Client;

/// What XPENDING shows without times, which move.
#[track_caller]
fn pending(c: &mut Client, answer: &str) {
    let rows = c.node(&["XPENDING", "s", "g", "-", "+", "100"]);
    let rows: Vec<String> = rows
        .list()
        .expect("an array")
        .iter()
        .map(|row| {
            let row = row.list().expect("an array of four");
            let text = |i: usize| String::from_utf8_lossy(&row[i].text()).into_owned();
            format!("{} {} {}", text(0), text(1), text(3))
        })
        .collect();
    assert_eq!(rows.join(", "), answer);
}

fn group(c: &mut Client, entries: usize) {
    fill(c, entries);
    asks(c, "XGROUP CREATE s g 0", "OK");
}

case!(groups_are_made_and_removed, |c| {
    const NO_KEY: &str = "ERR The XGROUP subcommand requires the key to exist. Note that for \
        CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
    asks(c, "XGROUP CREATE s g 0", NO_KEY);
    asks(
        c,
        "XGROUP CREATE s g 1-x MKSTREAM",
        "ERR Invalid stream ID specified as stream command argument",
    );
    asks(c, "EXISTS s", "0");
    asks(c, "XGROUP CREATE s g $ MKSTREAM", "OK");
    asks(c, "XLEN s", "0");
    asks(c, "TYPE s", "stream");
    asks(c, "XGROUP CREATE s g 0 MKSTREAM", "BUSYGROUP Consumer Group name already exists");
    asks(
        c,
        "XGROUP CREATE s h 0 ENTRIESREAD -2",
        "ERR value for ENTRIESREAD must be positive or -1",
    );
    asks(
        c,
        "XGROUP CREATE s h 0 ENTRIESREAD 1 MKSTREAM MKSTREAM",
        "ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.",
    );
    asks(c, "XGROUP SETID s h 0", "NOGROUP No such consumer group 'h' for key name 's'");
    asks(c, "XGROUP SETID s g + ENTRIESREAD 5", "OK");
    asks(c, "XGROUP SETID s g 3-3", "OK");
    asks(c, "XGROUP CREATECONSUMER s g a", "1");
    asks(c, "XGROUP CREATECONSUMER s g a", "0");
    asks(
        c,
        "XINFO GROUPS s",
        "[[name g consumers 1 pending 0 last-delivered-id 3-3 entries-read nil lag 0]]",
    );
    asks(c, "XGROUP DELCONSUMER s g a", "0");
    asks(c, "XINFO CONSUMERS s g", "[]");
    asks(c, "XGROUP DESTROY s g", "1");
    asks(c, "XGROUP DESTROY s g", "0");
    asks(c, "XGROUP DESTROY missing g", NO_KEY);
    asks(c, "SET string x", "OK");
    asks(
        c,
        "XGROUP CREATE string g 0",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
    );
});

case!(entries_go_to_one_consumer_each, |c| {
    group(c, 3);
    asks(c, "XREADGROUP GROUP g a COUNT 1 STREAMS s >", "[[s [[1-1 [f 1]]]]]");
    asks(c, "XREADGROUP GROUP g b STREAMS s >", "[[s [[2-1 [f 2]] [3-1 [f 3]]]]]");
    asks(c, "XREADGROUP GROUP g a STREAMS s >", "nil");
    asks(c, "XPENDING s g", "[3 1-1 3-1 [[a 1] [b 2]]]");
    pending(c, "1-1 a 1, 2-1 b 1, 3-1 b 1");
    asks(c, "XREADGROUP GROUP g b COUNT 1 STREAMS s 0", "[[s [[2-1 [f 2]]]]]");
    pending(c, "1-1 a 1, 2-1 b 2, 3-1 b 1");
    asks(c, "XDEL s 3-1", "1");
    asks(c, "XREADGROUP GROUP g b STREAMS s 2-1", "[[s [[3-1 nil]]]]");
    asks(c, "XACK s g 2-1 3-1 9-9", "2");
    asks(c, "XREADGROUP GROUP g b STREAMS s 0", "[[s []]]");
    asks(c, "XGROUP DELCONSUMER s g a", "1");
    asks(c, "XPENDING s g", "[0 nil nil nil]");
});

case!(without_acknowledgement_nothing_is_pending, |c| {
    group(c, 2);
    asks(c, "XREADGROUP GROUP g a NOACK STREAMS s >", "[[s [[1-1 [f 1]] [2-1 [f 2]]]]]");
    pending(c, "");
    asks(
        c,
        "XINFO GROUPS s",
        "[[name g consumers 1 pending 0 last-delivered-id 2-1 entries-read 2 lag 0]]",
    );
});

case!(an_entry_read_again_changes_hands, |c| {
    group(c, 2);
    asks(c, "XREADGROUP GROUP g a STREAMS s >", "[[s [[1-1 [f 1]] [2-1 [f 2]]]]]");
    asks(c, "XGROUP SETID s g 1-1", "OK");
    asks(c, "XREADGROUP GROUP g b STREAMS s >", "[[s [[2-1 [f 2]]]]]");
    pending(c, "1-1 a 1, 2-1 b 1");
});

case!(claims, |c| {
    group(c, 3);
    asks(c, "XREADGROUP GROUP g a STREAMS s >", "[[s [[1-1 [f 1]] [2-1 [f 2]] [3-1 [f 3]]]]]");
    asks(c, "XCLAIM s g b 0 1-1 9-9", "[[1-1 [f 1]]]");
    asks(c, "XCLAIM s g b 0 1-1 JUSTID", "[1-1]");
    asks(c, "XCLAIM s g b 3600000 2-1", "[]");
    asks(c, "XCLAIM s g b 0 2-1 RETRYCOUNT 7 IDLE 5000", "[[2-1 [f 2]]]");
    pending(c, "1-1 b 2, 2-1 b 7, 3-1 a 1");
    asks(c, "XPENDING s g IDLE 4000 - + 10 a", "[]");
    let idle = c.node(&["XPENDING", "s", "g", "IDLE", "4000", "-", "+", "10", "b"]);
    assert_eq!(idle.list().map(<[_]>::len), Some(1));
    asks(c, "XDEL s 3-1", "1");
    asks(c, "XCLAIM s g b 0 3-1", "[]");
    pending(c, "1-1 b 2, 2-1 b 7");
    asks(c, "XACK s g 1-1", "1");
    asks(c, "XCLAIM s g b 0 1-1", "[]");
    asks(c, "XCLAIM s g b 0 1-1 FORCE LASTID 9-9", "[[1-1 [f 1]]]");
    pending(c, "1-1 b 2, 2-1 b 7");
    asks(
        c,
        "XINFO GROUPS s",
        "[[name g consumers 2 pending 2 last-delivered-id 9-9 entries-read 3 lag 0]]",
    );
    asks(c, "XCLAIM s h b 0 1-1", "NOGROUP No such key 's' or consumer group 'h'");
    asks(c, "XCLAIM s g b x 1-1", "ERR Invalid min-idle-time argument for XCLAIM");
    asks(c, "XCLAIM s g b 0 1-1 NO", "ERR Unrecognized XCLAIM option 'NO'");
});

case!(automatic_claims, |c| {
    group(c, 4);
    asks(
        c,
        "XREADGROUP GROUP g a COUNT 3 STREAMS s >",
        "[[s [[1-1 [f 1]] [2-1 [f 2]] [3-1 [f 3]]]]]",
    );
    asks(c, "XDEL s 1-1", "1");
    asks(c, "XAUTOCLAIM s g b 0 - COUNT 2", "[3-1 [[2-1 [f 2]]] [1-1]]");
    asks(c, "XAUTOCLAIM s g b 0 3-1 JUSTID", "[0-0 [3-1] []]");
    pending(c, "2-1 b 2, 3-1 b 1");
    asks(c, "XAUTOCLAIM s g c 3600000 0", "[0-0 [] []]");
    asks(c, "XAUTOCLAIM s g c 0 (2-1", "[0-0 [[3-1 [f 3]]] []]");
    asks(c, "XAUTOCLAIM s g c 0 0 COUNT 0", "ERR COUNT must be > 0");
    asks(c, "XAUTOCLAIM missing g c 0 0", "NOGROUP No such key 'missing' or consumer group 'g'");
    asks(c, "XAUTOCLAIM missing g c x 0", "ERR Invalid min-idle-time argument for XAUTOCLAIM");
});

case!(what_a_group_is_behind, |c| {
    const GROUP: &str = "name g consumers 0 pending 0";
    group(c, 4);
    asks(c, "XINFO GROUPS s", &format!("[[{GROUP} last-delivered-id 0-0 entries-read nil lag 4]]"));
    asks(c, "XGROUP SETID s g 2-1 ENTRIESREAD 2", "OK");
    asks(c, "XINFO GROUPS s", &format!("[[{GROUP} last-delivered-id 2-1 entries-read 2 lag 2]]"));
    asks(c, "XDEL s 3-1", "1");
    asks(c, "XINFO GROUPS s", &format!("[[{GROUP} last-delivered-id 2-1 entries-read 2 lag nil]]"));
    asks(c, "XTRIM s MAXLEN 1", "2");
    asks(c, "XINFO GROUPS s", &format!("[[{GROUP} last-delivered-id 2-1 entries-read 2 lag 2]]"));
    asks(c, "XGROUP SETID s g $", "OK");
    asks(c, "XINFO GROUPS s", &format!("[[{GROUP} last-delivered-id 4-1 entries-read nil lag 0]]"));
});

case!(consumers_are_seen_and_active, |c| {
    group(c, 1);
    asks(c, "XGROUP CREATECONSUMER s g a", "1");
    c.advance_ms(30);
    let inactive = |c: &mut Client| {
        let reply = c.node(&["XINFO", "CONSUMERS", "s", "g"]);
        let fields = reply.list().expect("an array")[0].list().expect("pairs").to_vec();
        let int = |i: usize| -> i64 {
            String::from_utf8(fields[i].text()).expect("text").parse().expect("an integer")
        };
        (int(5), int(7))
    };
    let (idle, never) = inactive(c);
    assert!(idle >= 30 && never == -1, "{idle} {never}");
    asks(c, "XREADGROUP GROUP g a STREAMS s 0", "[[s []]]");
    assert_eq!(inactive(c).1, -1);
    asks(c, "XREADGROUP GROUP g a STREAMS s >", "[[s [[1-1 [f 1]]]]]");
    c.advance_ms(30);
    asks(c, "XREADGROUP GROUP g a STREAMS s >", "nil");
    let (idle, active) = inactive(c);
    assert!(idle < 30 && active >= 30, "{idle} {active}");
});

case!(everything_is_told, |c| {
    group(c, 2);
    asks(c, "XREADGROUP GROUP g a COUNT 1 STREAMS s >", "[[s [[1-1 [f 1]]]]]");
    asks(c, "XCLAIM s g a 0 1-1 TIME 1000 RETRYCOUNT 3 JUSTID", "[1-1]");
    c.cmd(&["HELLO", "3"]);
    let told = shown(&c.node(&["XINFO", "STREAM", "s", "FULL", "COUNT", "1"]));
    let begin = "{length 2 radix-tree-keys 1 radix-tree-nodes 2 last-generated-id 2-1 \
         max-deleted-entry-id 0-0 entries-added 2 recorded-first-entry-id 1-1 \
         entries [[1-1 [f 1]]] groups [{name g last-delivered-id 1-1 entries-read 1 lag 1 \
         pel-count 1 pending [[1-1 a 1000 3]] consumers [{name a seen-time ";
    assert!(told.starts_with(begin), "{told}");
    assert!(told.ends_with(" pel-count 1 pending [[1-1 1000 3]]}]}]}"), "{told}");
});

case!(consumers_wait_in_line, |c| {
    group(c, 1);
    asks(c, "XGROUP SETID s g $", "OK");
    let (mut first, mut second) = (c.client(), c.client());
    waits(&mut first, "XREADGROUP GROUP g a COUNT 1 BLOCK 0 STREAMS s >");
    waits(&mut second, "XREADGROUP GROUP g b COUNT 1 BLOCK 0 STREAMS s >");
    asks(c, "XGROUP DELCONSUMER s g a", "0");
    first.expect_silence();
    asks(c, "XADD s 5-1 f v", "5-1");
    gets(&mut first, "[[s [[5-1 [f v]]]]]");
    second.expect_silence();
    asks(c, "XADD s 6-1 f v", "6-1");
    gets(&mut second, "[[s [[6-1 [f v]]]]]");
    pending(c, "5-1 a 1, 6-1 b 1");
});

case!(who_waits_for_a_group_hears_of_its_end, |c| {
    const GONE: &str = "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP \
        option";
    asks(c, "XGROUP CREATE s g 0 MKSTREAM", "OK");
    let mut reader = c.client();
    waits(&mut reader, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    asks(c, "XGROUP DESTROY s g", "1");
    gets(&mut reader, GONE);
    for end in ["DEL s", "RENAME s t", "FLUSHALL"] {
        asks(c, "XGROUP CREATE s g 0 MKSTREAM", "OK");
        waits(&mut reader, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
        c.cmd(&end.split(' ').collect::<Vec<_>>());
        gets(&mut reader, GONE);
    }
    asks(c, "XGROUP CREATE s g 0 MKSTREAM", "OK");
    waits(&mut reader, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    asks(c, "PEXPIRE s 20", "1");
    c.advance_ms(40);
    gets(&mut reader, GONE);
    asks(c, "XGROUP CREATE s g 0 MKSTREAM", "OK");
    waits(&mut reader, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    asks(c, "SET s string", "OK");
    gets(&mut reader, "WRONGTYPE Operation against a key holding the wrong kind of value");
});
