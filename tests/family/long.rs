//! Commands that go on in slices: their answers, and what happens to them when their client, its
//! memory or the server comes to an end.

use crate::support::Client;
use crate::support::frames::encode;
use crate::support::local::Inner;

/// Elements of the values here.
const MANY: usize = 12_000;

fn fill(c: &mut Client, name: &str, key: &str, element: fn(usize) -> Vec<String>) {
    for chunk in (0..MANY).collect::<Vec<usize>>().chunks(1000) {
        let mut words = vec![name.to_owned(), key.to_owned()];
        words.extend(chunk.iter().flat_map(|n| element(*n)));
        c.node(&words);
    }
}

fn list(c: &mut Client) {
    fill(c, "RPUSH", "l", |n| vec![(n % 100).to_string()]);
}

fn members(node: &crate::support::frames::Node) -> Vec<Vec<u8>> {
    node.list().expect("an array").iter().map(|item| item.text()).collect()
}

case!(lists_are_searched_and_cut, |c| {
    list(c);
    c.expect(&["LPOS", "l", "99", "RANK", "-1"], format!(":{}\r\n", MANY - 1));
    c.expect(&["LPOS", "l", "none"], "$-1\r\n");
    c.expect(&["LPOS", "l", "99", "COUNT", "2", "RANK", "2"], "*2\r\n:199\r\n:299\r\n");
    c.expect(&["LPOS", "l", "99", "COUNT", "0", "MAXLEN", "90"], "*0\r\n");
    c.expect(&["LINSERT", "l", "BEFORE", "none", "x"], ":-1\r\n");
    c.expect(&["LINSERT", "l", "AFTER", "99", "x"], format!(":{}\r\n", MANY + 1));
    c.expect(&["LINDEX", "l", "100"], "$1\r\nx\r\n");
    c.expect(&["LREM", "l", "-1", "x"], ":1\r\n");
    c.expect(&["LREM", "l", "0", "none"], ":0\r\n");
    c.expect(&["LREM", "l", "20", "7"], ":20\r\n");
    c.expect(&["LREM", "l", "-20", "8"], ":20\r\n");
    c.expect(&["LRANGE", "l", "6", "7"], "*2\r\n$1\r\n6\r\n$1\r\n8\r\n");
    c.expect(&["LRANGE", "l", "-92", "-91"], "*2\r\n$1\r\n7\r\n$1\r\n9\r\n");
    c.expect(&["LREM", "l", "0", "7"], format!(":{}\r\n", MANY / 100 - 20));
    let popped = c.node(&["RPOP", "l", "5000"]);
    assert_eq!(members(&popped)[..2], [b"99".to_vec(), b"98".to_vec()]);
    assert_eq!(members(&popped).len(), 5000);
    let left = (MANY - MANY / 100 - 20 - 5000) as i64;
    assert_eq!(c.int(&["LLEN", "l"]), left);
    c.expect(&["LTRIM", "l", "4500", "4501"], "+OK\r\n");
    assert_eq!(c.int(&["LLEN", "l"]), 2);
    c.expect(&["OBJECT", "ENCODING", "l"], "$8\r\nlistpack\r\n");
    list(c);
    c.expect(&["LREM", "l", "0", "5"], format!(":{}\r\n", MANY / 100));
    assert_eq!(members(&c.node(&["LPOP", "l", "99999"])).len(), MANY - MANY / 100 + 2);
    c.expect(&["EXISTS", "l"], ":0\r\n");
    c.expect(&["CONFIG", "SET", "list-compress-depth", "1"], "+OK\r\n");
    list(c);
    c.expect(&["LREM", "l", "0", "5"], format!(":{}\r\n", MANY / 100));
    c.expect(&["COPY", "l", "m"], ":1\r\n");
    assert_eq!(c.cmd(&["LPOP", "l", "9000"]), c.cmd(&["LPOP", "m", "9000"]));
    assert_eq!(c.cmd(&["LRANGE", "l", "0", "-1"]), c.cmd(&["LRANGE", "m", "0", "-1"]));
});

case!(sets_lose_many_members, |c| {
    for (count, left) in [(5000, MANY - 5000), (7500, 4500), (11_000, 1000)] {
        fill(c, "SADD", "s", |n| vec![format!("m{n}")]);
        let mut all = members(&c.node(&["SPOP", "s", &count.to_string()]));
        assert_eq!((all.len(), c.int(&["SCARD", "s"])), (count, left as i64));
        all.extend(members(&c.node(&["SMEMBERS", "s"])));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), MANY, "no member came twice");
    }
    fill(c, "ZADD", "z", |n| vec![n.to_string(), format!("m{n}")]);
    c.expect(&["ZREMRANGEBYSCORE", "z", "(1", "5001"], ":5000\r\n");
    c.expect(&["ZRANGE", "z", "0", "2"], "*3\r\n$2\r\nm0\r\n$2\r\nm1\r\n$5\r\nm5002\r\n");
    let popped = members(&c.node(&["ZPOPMAX", "z", "6000"]));
    assert_eq!(
        (popped.len(), &popped[0][..], &popped[1][..]),
        (12_000, &b"m11999"[..], &b"11999"[..])
    );
    assert_eq!(c.int(&["ZCARD", "z"]), 1000);
    fill(c, "ZADD", "z", |n| vec![n.to_string(), format!("m{n}")]);
    assert_eq!(members(&c.node(&["ZPOPMIN", "z", "99999"])).len(), 2 * MANY);
    c.expect(&["EXISTS", "z"], ":0\r\n");
});

case!(long_strings_grow, |c| {
    let text = "x".repeat(5_000_000);
    c.expect(&["SET", "s", &text, "EX", "1000"], "+OK\r\n");
    c.expect(&["SETRANGE", "s", "20000000", "end"], ":20000003\r\n");
    c.expect(&["GETRANGE", "s", "4999999", "5000001"], "$3\r\nx\0\0\r\n");
    c.expect(&["GETRANGE", "s", "-4", "-1"], "$4\r\n\0end\r\n");
    c.expect(&["SETBIT", "s", "400000007", "1"], ":0\r\n");
    c.expect(&["STRLEN", "s"], ":50000001\r\n");
    c.expect(&["BITCOUNT", "s", "20000003", "-1"], ":1\r\n");
    c.expect(&["BITOP", "NOT", "n", "s"], ":50000001\r\n");
    c.expect(&["BITOP", "OR", "n", "n", "s", "none"], ":50000001\r\n");
    c.expect(&["BITCOUNT", "n"], ":400000008\r\n");
    c.expect(&["BITCOUNT", "n", "1", "399999999", "BIT"], ":399999999\r\n");
    c.expect(&["BITPOS", "n", "0"], ":400000008\r\n");
    c.expect(&["BITPOS", "n", "0", "0", "-1"], ":-1\r\n");
    c.expect(&["BITPOS", "s", "1", "20000003"], ":400000007\r\n");
    c.expect(&["BITOP", "AND", "n", "n", "none"], ":50000001\r\n");
    c.expect(&["BITCOUNT", "n"], ":0\r\n");
    assert!(c.int(&["TTL", "s"]) > 900, "growing keeps the deadline");
    c.expect(&["SETBIT", "new", "4294967295", "1"], ":0\r\n");
    c.expect(&["STRLEN", "new"], ":536870912\r\n");
});

case!(many_places_are_searched, |c| {
    fill(c, "GEOADD", "g", |n| {
        vec![format!("{}", n % 120), format!("{}", (n / 120) % 80), format!("p{n}")]
    });
    let near = ["GEOSEARCH", "g", "FROMLONLAT", "60", "40", "BYRADIUS", "9000", "km"];
    let some = members(&c.node(&[&near[..], &["COUNT", "3"]].concat()));
    let all = members(&c.node(&near));
    assert!(all.len() > 5000, "{} places are not many", all.len());
    let sorted = members(&c.node(&[&near[..], &["ASC"]].concat()));
    assert_eq!(sorted[..3], some[..]);
    let far = members(&c.node(&[&near[..], &["DESC", "COUNT", "1"]].concat()));
    assert!(far != some[..1] && all.contains(&far[0]));
    let by_text = |mut all: Vec<Vec<u8>>| {
        all.sort();
        all
    };
    let store = [&["GEOSEARCHSTORE", "d"], &near[1..]].concat();
    c.expect(&store, format!(":{}\r\n", all.len()));
    assert_eq!(by_text(members(&c.node(&["ZRANGE", "d", "0", "-1"]))), by_text(all));
});

case!(an_answer_past_the_limit_ends_the_client, |c| {
    c.expect(&["CONFIG", "SET", "client-output-buffer-limit", "normal 65536 0 0"], "+OK\r\n");
    let long = "x".repeat(1000);
    for _ in 0..8 {
        let words: Vec<&str> =
            ["RPUSH", "l"].into_iter().chain(std::iter::repeat_n(&*long, 1000)).collect();
        c.node(&words);
    }
    let mut greedy = c.client();
    greedy.send_raw(&encode(&["RPOP", "l", "7000"]));
    c.until(3000, |c| c.int(&["LLEN", "l"]) == 1000);
    c.expect(&["RPUSH", "l", "y"], ":1001\r\n");
    greedy.send_raw(&encode(&["LRANGE", "l", "0", "-1"]));
    c.until(3000, |c| {
        let listed = c.node(&["CLIENT", "LIST"]).text();
        listed.iter().filter(|byte| **byte == b'\n').count() == 1
    });
});

/// An engine with a list, whose slices are as short as can be, and two clients.
fn hasty() -> (Inner, [redstart::engine::client::ClientId; 2]) {
    let mut inner = Inner::new(&["--list-max-listpack-size", "4"], 1);
    let ids = [inner.connect(), inner.connect()];
    for from in (0..MANY).step_by(1000) {
        let mut words = vec!["RPUSH".to_owned(), "l".to_owned()];
        words.extend((from..from + 1000).map(|n| (n % 10).to_string()));
        inner.feed(ids[1], &encode(&words));
    }
    inner.take_output(ids[1]);
    inner.sim.set_haste_us(1000);
    (inner, ids)
}

fn start(inner: &mut Inner, id: redstart::engine::client::ClientId, call: &[&str]) {
    inner.put(id, &encode(call));
    inner.pass();
    assert!(inner.take_output(id).is_empty(), "it is still on its way");
    assert!(!inner.engine.keyspace.leases.is_empty());
}

fn ask(inner: &mut Inner, id: redstart::engine::client::ClientId, call: &[&str]) -> Vec<u8> {
    inner.sim.set_haste_us(0);
    inner.feed(id, &encode(call));
    inner.take_output(id)
}

#[test]
fn who_leaves_takes_reading_along() {
    let (mut inner, [long, other]) = hasty();
    start(&mut inner, long, &["SORT", "l"]);
    inner.engine.gone(long);
    assert!(inner.engine.keyspace.leases.is_empty(), "nobody waits for the answer");
    assert_eq!(ask(&mut inner, other, &["LLEN", "l"]), b":12000\r\n");
}

#[test]
fn who_leaves_lets_writing_go_on() {
    for call in [&["LREM", "l", "0", "7"][..], &["COPY", "l", "m"], &["SORT", "l", "STORE", "m"]] {
        let (mut inner, [long, other]) = hasty();
        start(&mut inner, long, call);
        inner.engine.gone(long);
        assert!(!inner.engine.keyspace.leases.is_empty(), "{call:?} goes on");
        inner.settle();
        assert!(inner.engine.keyspace.leases.is_empty());
        let (key, want) = if call[0] == "LREM" { ("l", ":10800\r\n") } else { ("m", ":12000\r\n") };
        assert_eq!(ask(&mut inner, other, &["LLEN", key]), want.as_bytes(), "{call:?}");
    }
}

#[test]
fn others_are_served_between_slices() {
    let (mut inner, [long, other]) = hasty();
    start(&mut inner, long, &["LREM", "l", "0", "7"]);
    for call in [&["PING"][..], &["LLEN", "l"], &["XREAD", "STREAMS", "x", "0"], &["SCAN", "0"]] {
        inner.put(other, &encode(call));
        inner.pass();
        assert!(!inner.take_output(other).is_empty(), "{call:?} is answered");
        assert!(inner.take_output(long).is_empty(), "{call:?} does not wait for others");
    }
    inner.put(other, &encode(&["RPUSH", "l", "7"]));
    inner.pass();
    inner.pass();
    assert!(inner.take_output(other).is_empty(), "it waits");
    assert!(inner.take_output(long).is_empty(), "and nobody is hurried for it");
    inner.settle();
    assert_eq!(inner.take_output(long), b":1200\r\n");
    assert_eq!(inner.take_output(other), b":10801\r\n");
}

#[test]
fn shutdown_waits_for_writing() {
    let (mut inner, [long, other]) = hasty();
    start(&mut inner, long, &["LREM", "l", "0", "7"]);
    inner.put(other, &encode(&["SHUTDOWN", "NOSAVE"]));
    inner.pass();
    assert_eq!(inner.exit_code, Some(0));
    assert!(inner.engine.keyspace.leases.is_empty());
    assert_eq!(inner.take_output(long), b":1200\r\n");
}

case!(hyperloglogs_of_many_keys_are_merged, |c| {
    for i in 0..200 {
        let key = format!("p{i}");
        let words: Vec<String> = (0..20).map(|n| format!("{}", i * 15 + n)).collect();
        let mut call = vec!["PFADD", &key];
        call.extend(words.iter().map(String::as_str));
        c.expect(&call, ":1\r\n");
    }
    let keys: Vec<String> = (0..200).map(|i| format!("p{i}")).collect();
    let say = |c: &mut Client, first: &[&str], last: &[&str]| {
        let keys = keys.iter().map(String::as_str);
        let words: Vec<&str> =
            first.iter().copied().chain(keys).chain(last.iter().copied()).collect();
        c.cmd(&words)
    };
    let counted = say(c, &["PFCOUNT"], &["missing"]);
    assert_eq!(say(c, &["PFMERGE", "d"], &["missing"]), b"+OK\r\n");
    assert_eq!(c.cmd(&["PFCOUNT", "d"]), counted);
    // The first fault in the order of the keys is told.
    c.expect(&["SET", "text", "x"], "+OK\r\n");
    c.expect(&["RPUSH", "list", "x"], ":1\r\n");
    let not_one = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
    assert_eq!(say(c, &["PFMERGE", "d"], &["text", "list"]), not_one.as_bytes());
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    assert_eq!(say(c, &["PFCOUNT"], &["list", "text"]), wrong.as_bytes());
    c.expect(&["PFCOUNT", "d"], String::from_utf8(counted).expect("a number"));
});

case!(a_long_scan_finds_all, |c| {
    for from in (0..9000).step_by(1000) {
        let words: Vec<String> = (from..from + 1000).map(|n| format!("k{n}")).collect();
        let mut call = vec!["MSET"];
        call.extend(words.iter().flat_map(|word| [word.as_str(), "v"]));
        c.expect(&call, "+OK\r\n");
    }
    c.expect(&["RPUSH", "l", "x"], ":1\r\n");
    let all = c.cmd(&["SCAN", "0", "COUNT", "100000"]);
    assert!(all.starts_with(b"*2\r\n$1\r\n0\r\n*9001\r\n"), "{:?}", &all[..30]);
    c.expect(&["SCAN", "0", "COUNT", "9999", "TYPE", "LIST"], "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nl\r\n");
    let some = c.cmd(&["SCAN", "0", "COUNT", "5000", "MATCH", "none"]);
    assert!(some.starts_with(b"*2\r\n$") && some.ends_with(b"\r\n*0\r\n"));
    assert!(!some.starts_with(b"*2\r\n$1\r\n0\r\n"), "there is more to come");
});

case!(a_lent_string_stays_as_it_was, |c| {
    let end = 6_000_000;
    c.expect(&["SETRANGE", "s", "5999999", "z"], format!(":{end}\r\n"));
    let mut other = c.client();
    for (call, reply) in [
        (&["SETBIT", "s", "7", "1"][..], ":0\r\n".to_owned()),
        (&["SETRANGE", "s", "9", "abc"], format!(":{end}\r\n")),
        (&["APPEND", "s", "tail"], format!(":{}\r\n", end + 4)),
        (&["GETDEL", "s"], String::new()),
    ] {
        let before = c.cmd(&["GETRANGE", "s", "0", "5999999"]);
        other.send_raw(&encode(&["GETRANGE", "s", "0", "5999999"]));
        c.send_raw(&encode(call));
        let got = c.read_frame();
        assert!(reply.is_empty() || got == reply.as_bytes(), "{call:?}");
        let lent = other.read_frame();
        // It came before the change or behind it.
        let after = c.cmd(&["GETRANGE", "s", "0", "5999999"]);
        assert!(lent == before || lent == after, "{call:?}");
    }
    c.expect(&["EXISTS", "s"], ":0\r\n");
});

/// The payload of a key.
fn dumped(c: &mut Client, key: &str) -> Vec<u8> {
    c.node(&["DUMP", key]).text().to_vec()
}

case!(large_values_are_dumped_and_restored, |c| {
    fill(c, "RPUSH", "list", |n| vec![format!("element {n}")]);
    fill(c, "SADD", "set", |n| vec![format!("member {n}")]);
    fill(c, "HSET", "hash", |n| vec![format!("field {n}"), format!("value {n}")]);
    fill(c, "ZADD", "zset", |n| vec![(n % 977).to_string(), format!("member {n}")]);
    for n in 1..=5000 {
        c.node(&["XADD", "stream", &format!("{n}-1"), "field", "value"]);
    }
    c.expect(&["XGROUP", "CREATE", "stream", "g", "0"], "+OK\r\n");
    c.node(&["XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">"]);
    for key in ["list", "set", "hash", "zset", "stream"] {
        let payload = dumped(c, key);
        assert_eq!(c.cmd(&[&b"RESTORE"[..], b"new", b"0", &payload]), b"+OK\r\n", "{key}");
        let digest = |c: &mut Client, key| c.node(&["DEBUG", "DIGEST-VALUE", key]).text();
        assert_eq!(digest(c, key), digest(c, "new"), "{key}");
        let busy = b"-BUSYKEY Target key name already exists.\r\n";
        assert_eq!(c.cmd(&[&b"RESTORE"[..], b"new", b"0", &payload]), busy);
        let replaced = c.cmd(&[&b"RESTORE"[..], b"new", b"60000", &payload, b"REPLACE"]);
        assert_eq!(replaced, b"+OK\r\n", "{key}");
        assert!(c.int(&["TTL", "new"]) >= 59);
        let mut damaged = payload.clone();
        damaged[payload.len() / 2] ^= 1;
        let got = c.cmd(&[&b"RESTORE"[..], b"new", b"0", &damaged, b"REPLACE"]);
        assert_eq!(got, b"-ERR DUMP payload version or checksum are wrong\r\n");
        c.expect(&["DEL", "new"], ":1\r\n");
    }
});

#[test]
fn a_name_may_be_taken_while_its_value_is_read() {
    let (mut inner, [long, other]) = hasty();
    inner.sim.set_haste_us(0);
    let words: Vec<String> = (0..20_000).map(|n| format!("member {n}")).collect();
    let mut call = vec!["SADD", "s"];
    call.extend(words.iter().map(String::as_str));
    inner.feed(other, &encode(&call));
    inner.take_output(other);
    inner.feed(other, &encode(&["DUMP", "s"]));
    let reply = inner.take_output(other);
    let start = reply.iter().position(|b| *b == b'\n').expect("a line") + 1;
    let payload = &reply[start..reply.len() - 2];
    for (replace, want) in
        [(false, &b"-BUSYKEY Target key name already exists.\r\n"[..]), (true, b"+OK\r\n")]
    {
        inner.sim.set_haste_us(1000);
        let mut call: Vec<&[u8]> = vec![b"RESTORE", b"k", b"0", payload];
        if replace {
            call.push(b"REPLACE");
        }
        let call = encode(&call);
        let (most, last) = call.split_at(call.len() - 2);
        inner.feed(long, most);
        inner.put(long, last);
        inner.pass();
        assert!(inner.take_output(long).is_empty(), "it is still on its way");
        inner.put(other, &encode(&["SET", "k", "v"]));
        inner.pass();
        assert_eq!(inner.take_output(other), b"+OK\r\n");
        inner.sim.set_haste_us(0);
        inner.settle();
        assert_eq!(inner.take_output(long), want);
        let is = ask(&mut inner, other, &["TYPE", "k"]);
        assert_eq!(is, if replace { b"+set\r\n".to_vec() } else { b"+string\r\n".to_vec() });
        assert_eq!(ask(&mut inner, other, &["DEL", "k"]), b":1\r\n");
    }
}

case!(noloop_holds_for_a_long_change_of_ones_own, |c| {
    fill(c, "SADD", "s1", |n| vec![format!("one:{n}")]);
    fill(c, "SADD", "s2", |n| vec![format!("two:{n}")]);
    let mut other = c.client();
    for (client, noloop) in [(&mut *c, true), (&mut other, false)] {
        client.node(&["HELLO", "3"]);
        let words = ["CLIENT", "TRACKING", "ON", "NOLOOP"];
        client.expect(&words[..if noloop { 4 } else { 3 }], "+OK\r\n");
        client.expect(&["SCARD", "all"], ":0\r\n");
    }
    c.expect(&["SUNIONSTORE", "all", "s1", "s2"], format!(":{}\r\n", 2 * MANY));
    c.expect(&["PING"], "+PONG\r\n");
    let told = other.node(&["PING"]);
    assert!(told.text() != b"PONG", "the other one hears of it first");
});
