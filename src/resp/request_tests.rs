//! Every error text, every cut of the stream, memory bounds, and the look-ahead as parse sees it.

use super::*;
use crate::resp::reply::{Proto, Reply};

/// How far memory may run ahead of the first bytes of a large argument.
const BIG_STEP: usize = 1 << 20;

type Request = Vec<Vec<u8>>;

/// All requests in `stream`, cut into pieces of `step` bytes, and how it ended.
fn run(stream: &[u8], step: usize, limits: &Limits) -> (Vec<Request>, Parsed) {
    let mut inbuf = InBuf::new();
    let mut requests = Vec::new();
    let mut end = Parsed::Incomplete;
    for piece in stream.chunks(step.max(1)) {
        inbuf.feed(piece);
        loop {
            end = inbuf.parse(limits);
            if end != Parsed::Request {
                break;
            }
            requests.push(inbuf.raw_args().iter().map(<[u8]>::to_vec).collect());
            inbuf.finish_request();
        }
        if matches!(end, Parsed::Error(_)) {
            assert_eq!(inbuf.parse(limits), end, "an error stays");
            break;
        }
    }
    (requests, end)
}

/// The same however the stream is cut.
fn requests(stream: &[u8], limits: &Limits) -> (Vec<Request>, Parsed) {
    let whole = run(stream, stream.len(), limits);
    for step in [1, 2, 3, 7, 16_384] {
        if stream.len() / step < 5_000 {
            assert!(run(stream, step, limits) == whole, "cut every {step} bytes");
        }
    }
    whole
}

fn texts(stream: &[u8]) -> Vec<Vec<String>> {
    let (requests, end) = requests(stream, &Limits::default());
    assert_eq!(end, Parsed::Incomplete);
    let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
    requests.iter().map(|request| request.iter().map(text).collect()).collect()
}

fn error_with(stream: &[u8], limits: &Limits) -> String {
    match requests(stream, limits).1 {
        Parsed::Error(error) => error.text().into_owned(),
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(stream)),
    }
}

fn error(stream: &[u8]) -> String {
    error_with(stream, &Limits::default())
}

fn unauthenticated() -> Limits {
    Limits { authenticated: false, ..Limits::default() }
}

#[test]
fn multibulk() {
    assert_eq!(texts(b"*1\r\n$4\r\nPING\r\n"), [["PING"]]);
    assert_eq!(texts(b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"), [["ECHO", ""]]);
    assert_eq!(texts(b"*1\r\n$10\r\n0123456789\r\n"), [["0123456789"]]);
    let long = "x".repeat(12_345);
    assert_eq!(texts(format!("*1\r\n$12345\r\n{long}\r\n").as_bytes()), [[long]]);
    let many = format!("*150\r\n{}", "$1\r\na\r\n".repeat(150));
    assert_eq!(texts(many.as_bytes())[0].len(), 150);
}

#[test]
fn empty_requests_are_passed_over() {
    let stream = b"*0\r\n*-1\r\n*-10\r\n\r\n\n   \r\n*-99999999999\r\nPING\r\n";
    assert_eq!(texts(stream), [["PING"]]);
    assert_eq!(texts(&b"*0\r\n".repeat(1000)), Vec::<Vec<String>>::new());
}

#[test]
fn line_ends_are_not_looked_at() {
    assert_eq!(texts(b"*1\rX$4\rYPINGZZ*1\r\n$1\r\na\r\n"), [["PING"], ["a"]]);
    assert_eq!(texts(b"*1\rX$11\rYPINGPINGPINZZ"), [["PINGPINGPIN"]]);
}

#[test]
fn inline() {
    assert_eq!(texts(b"PING\n"), [["PING"]]);
    assert_eq!(texts(b"SET a 5\r\nGET a\r\n"), [vec!["SET", "a", "5"], vec!["GET", "a"]]);
    assert_eq!(texts(b"   ECHO\t hello   \r\n"), [["ECHO", "hello"]]);
    assert_eq!(texts(b"ECHO \"a b\" 'c d' \"\"\r\n"), [["ECHO", "a b", "c d", ""]]);
    assert_eq!(texts(b"ECHO \"\\x41\\n\"\r\n"), [["ECHO", "A\n"]]);
    assert_eq!(texts(b" *1\r\n"), [["*1"]]);
    assert_eq!(texts(b"PING\r\n*1\r\n$4\r\nPING\r\nPING\n"), [["PING"], ["PING"], ["PING"]]);
    let (requests, end) = requests(b"ECHO a\0b\r\n\0\r\nPING\r\n", &Limits::default());
    assert_eq!(end, Parsed::Incomplete);
    assert_eq!(requests.last(), Some(&vec![b"PING".to_vec()]), "a NUL holds nothing up");
}

#[test]
fn multibulk_length_errors() {
    for count in ["2147483648", "1.5", " 1", "+1", "01", "00", "-0", "", "a", "1a", "1 "] {
        let text = error(format!("*{count}\r\n").as_bytes());
        assert_eq!(text, "Protocol error: invalid multibulk length", "{count}");
    }
    assert_eq!(error(b"*99999999999999999999\r\n"), "Protocol error: invalid multibulk length");
    assert_eq!(requests(b"*2147483647\r\n", &Limits::default()).1, Parsed::Incomplete);
    let text = error_with(b"*11\r\n", &unauthenticated());
    assert_eq!(text, "Protocol error: unauthenticated multibulk length");
    assert_eq!(requests(b"*10\r\n", &unauthenticated()).1, Parsed::Incomplete);
    let text = error_with(b"*2147483648\r\n", &unauthenticated());
    assert_eq!(text, "Protocol error: invalid multibulk length");
}

#[test]
fn bulk_length_errors() {
    for len in ["-1", "abc", "", "536870913", "04", "00", "+4", " 4", "4 ", "-0", "4a"] {
        let text = error(format!("*1\r\n${len}\r\n").as_bytes());
        assert_eq!(text, "Protocol error: invalid bulk length", "{len}");
    }
    assert_eq!(requests(b"*1\r\n$536870912\r\n", &Limits::default()).1, Parsed::Incomplete);
    let limits = Limits { max_bulk_len: 5, ..Limits::default() };
    assert_eq!(error_with(b"*1\r\n$6\r\n", &limits), "Protocol error: invalid bulk length");
    assert_eq!(requests(b"*1\r\n$5\r\nabcde\r\n", &limits).0.len(), 1);
    let text = error_with(b"*1\r\n$16385\r\n", &unauthenticated());
    assert_eq!(text, "Protocol error: unauthenticated bulk length");
    let text = error_with(b"*1\r\n$536870913\r\n", &unauthenticated());
    assert_eq!(text, "Protocol error: invalid bulk length");
    let whole = [b"*1\r\n$16384\r\n".to_vec(), vec![b'a'; 16_386]].concat();
    assert_eq!(requests(&whole, &unauthenticated()).0.len(), 1);
}

#[test]
fn expected_dollar() {
    assert_eq!(error(b"*1\r\n:4\r\nPING\r\n"), "Protocol error: expected '$', got ':'");
    assert_eq!(error(b"*1\r\n!oops\r\n"), "Protocol error: expected '$', got '!'");
    assert_eq!(error(b"*1\r\n\r\n"), "Protocol error: expected '$', got '\r'");
    assert_eq!(requests(b"*1\r\n:4", &Limits::default()).1, Parsed::Incomplete);
    let answer = |error: ProtocolError| {
        let mut reply = Reply::new(Proto::V2);
        error.write(&mut reply);
        reply.out().to_vec()
    };
    let text = b"-ERR Protocol error: expected '$', got '\xff'\r\n";
    assert_eq!(answer(ProtocolError::ExpectedDollar(0xff)), text);
    let text = b"-ERR Protocol error: expected '$', got ' '\r\n";
    assert_eq!(answer(ProtocolError::ExpectedDollar(b'\r')), text);
    let text = b"-ERR Protocol error: invalid bulk length\r\n";
    assert_eq!(answer(ProtocolError::BulkLength), text);
    assert!(answer(ProtocolError::QueryTooBig).is_empty());
}

#[test]
fn requests_before_an_error_count() {
    let stream = b"*1\r\n$4\r\nPING\r\n*1\r\n!oops\r\n*1\r\n$4\r\nPING\r\n";
    let (found, end) = requests(stream, &Limits::default());
    assert_eq!(found.len(), 1);
    assert_eq!(end, Parsed::Error(ProtocolError::ExpectedDollar(b'!')));
    let (found, end) = requests(b"*1\r\n$4\r\nPING\r\nECHO \"x\r\nPING\r\n", &Limits::default());
    assert_eq!(found.len(), 1);
    assert_eq!(end, Parsed::Error(ProtocolError::UnbalancedQuotes));
}

#[test]
fn unbalanced_quotes() {
    for text in ["ECHO \"abc", "ECHO 'abc", "ECHO \"abc\"d"] {
        let stream = format!("{text}\r\n");
        assert_eq!(error(stream.as_bytes()), "Protocol error: unbalanced quotes in request");
    }
}

#[test]
fn lines_that_do_not_end() {
    let ones = |head: &str, count: usize| [head.as_bytes(), &vec![b'1'; count]].concat();
    let big = "Protocol error: too big ";
    assert_eq!(error(&ones("*", 65_536)), format!("{big}mbulk count string"));
    assert_eq!(error(&ones("*1\r\n$", 65_536)), format!("{big}bulk count string"));
    assert_eq!(error(&ones("*1\r\n", 65_537)), format!("{big}bulk count string"));
    assert_eq!(error(&ones("ECHO ", 65_536 - 4)), format!("{big}inline request"));
    for stream in [ones("*", 65_535), ones("*1\r\n$", 65_535), ones("ECHO ", 65_536 - 5)] {
        assert_eq!(requests(&stream, &Limits::default()).1, Parsed::Incomplete);
    }
    let fits = [ones("ECHO ", 60_000), b"\r\n".to_vec()].concat();
    assert_eq!(texts(&fits)[0][1].len(), 60_000);
    for zero in ["\0", "*\0", "$\0"] {
        assert!(error(&ones(zero, 70_000)).starts_with(big));
    }
}

#[test]
fn query_limit_is_silent() {
    let limits = Limits { max_query: 100, ..Limits::default() };
    let mut inbuf = InBuf::new();
    inbuf.feed(&[b'a'; 100]);
    assert_eq!(inbuf.parse(&limits), Parsed::Incomplete);
    inbuf.feed(b"a");
    let Parsed::Error(error) = inbuf.parse(&limits) else { panic!("over the limit") };
    assert!(error.is_silent());
    // A large argument on its way counts as well; arguments already read do not.
    let mut inbuf = InBuf::new();
    inbuf.feed(b"*3\r\n");
    for _ in 0..2 {
        inbuf.feed(b"$60\r\n");
        inbuf.feed(&[b'a'; 62]);
        assert_eq!(inbuf.parse(&limits), Parsed::Incomplete);
    }
    inbuf.feed(b"$40000\r\n");
    assert_eq!(inbuf.parse(&limits), Parsed::Incomplete);
    inbuf.feed(&[b'a'; 101]);
    assert_eq!(inbuf.parse(&limits), Parsed::Error(ProtocolError::QueryTooBig));
}

fn large(sizes: &[usize]) -> (Vec<u8>, Request) {
    let mut stream = format!("*{}\r\n", sizes.len()).into_bytes();
    let mut request = Vec::new();
    for (index, &size) in sizes.iter().enumerate() {
        let argument: Vec<u8> = (0..size).map(|at| (at * 31 + index * 7) as u8).collect();
        stream.extend_from_slice(format!("${size}\r\n").as_bytes());
        stream.extend_from_slice(&argument);
        stream.extend_from_slice(b"\r\n");
        request.push(argument);
    }
    (stream, request)
}

#[test]
fn large_arguments() {
    let limits = Limits::default();
    for sizes in [
        &[3, 1, 32_767][..],
        &[3, 1, 32_768],
        &[32_769, 1, 40_000, 0, 100_000, 5],
        &[3, 3_000_000, 10],
    ] {
        let (one, request) = large(sizes);
        let stream = [one.clone(), b"PING\r\n".to_vec(), one].concat();
        for step in [997, 16_384, 65_536, stream.len()] {
            let (found, end) = run(&stream, step, &limits);
            assert_eq!(end, Parsed::Incomplete);
            assert_eq!(found.len(), 3);
            assert!(found[0] == request && found[2] == request, "cut every {step} bytes");
        }
    }
}

#[test]
fn very_many_large_arguments_at_once() {
    let (stream, request) = large(&[32_768; 300]);
    assert!(run(&stream, stream.len(), &Limits::default()).0 == [request]);
}

#[test]
fn large_arguments_are_shared() {
    let (stream, request) = large(&[3, 40_000]);
    let mut inbuf = InBuf::new();
    inbuf.feed(&stream);
    assert_eq!(inbuf.parse(&Limits::default()), Parsed::Request);
    let mut args = inbuf.raw_args();
    let place = args.get(1).as_ptr();
    let taken = args.take(1);
    assert_eq!(taken.as_ptr(), place, "no copy");
    assert_eq!(taken, request[1]);
    assert_eq!(args.get(1), taken, "still there for whoever looks later");
    assert_eq!(args.take(0), request[0]);
    assert_eq!(args.get(0), request[0]);
    inbuf.finish_request();
    inbuf.shrink_if_idle();
    assert_eq!(inbuf.capacity_bytes(), 0);
    assert!(taken.try_into_mut().is_ok(), "the only owner");
}

#[test]
fn vectored_reads_take_the_line_end_along() {
    let (stream, request) = large(&[3, 200_000]);
    let stream = [stream, b"PING\r\n".to_vec()].concat();
    let mut inbuf = InBuf::new();
    let mut at = 0;
    let mut reads = 0;
    let mut found: Vec<Request> = Vec::new();
    while at < stream.len() {
        let mut taken = 0;
        for part in &mut inbuf.spaces() {
            let count = part.len().min(stream.len() - at - taken);
            part[..count].copy_from_slice(&stream[at + taken..at + taken + count]);
            taken += count;
        }
        inbuf.advance(taken);
        at += taken;
        reads += 1;
        while inbuf.parse(&Limits::default()) == Parsed::Request {
            found.push(inbuf.raw_args().iter().map(<[u8]>::to_vec).collect());
        }
    }
    assert!(found == [request, vec![b"PING".to_vec()]]);
    assert_eq!(reads, 2);
}

#[test]
fn a_declared_length_reserves_little() {
    let mut inbuf = InBuf::new();
    inbuf.feed(b"*2147483647\r\n$536870912\r\nabc");
    assert_eq!(inbuf.parse(&Limits::default()), Parsed::Incomplete);
    assert!(inbuf.space().len() >= READ_MIN);
    assert!(inbuf.capacity_bytes() < 2 * BIG_STEP);
    for _ in 0..8 {
        inbuf.feed(&vec![0; 1 << 20]);
        assert_eq!(inbuf.parse(&Limits::default()), Parsed::Incomplete);
        assert!(inbuf.capacity_bytes() < 3 * inbuf.len() + 2 * BIG_STEP);
    }
}

#[test]
fn memory_is_given_back() {
    let mut inbuf = InBuf::new();
    assert_eq!(inbuf.capacity_bytes(), 0);
    inbuf.feed(b"PING\r\nPI");
    assert_eq!(inbuf.parse(&Limits::default()), Parsed::Request);
    inbuf.shrink_if_idle();
    assert_eq!(inbuf.raw_args().get(0), b"PING");
    inbuf.finish_request();
    inbuf.shrink_if_idle();
    inbuf.feed(b"NG\r\n");
    assert_eq!(inbuf.parse(&Limits::default()), Parsed::Request);
    inbuf.finish_request();
    assert!(inbuf.is_empty());
    inbuf.shrink_if_idle();
    assert_eq!(inbuf.capacity_bytes(), 0);
    // A backlog of many reads, then a short rest.
    let stream = b"*1\r\n$4\r\nPING\r\n".repeat(100_000);
    inbuf.feed(&stream);
    inbuf.feed(b"*1\r\n$4\r\nPI");
    while inbuf.parse(&Limits::default()) == Parsed::Request {}
    inbuf.shrink_if_idle();
    assert!(inbuf.capacity_bytes() < 3 * READ_MIN);
    inbuf.feed(b"NG\r\n");
    assert_eq!(inbuf.parse(&Limits::default()), Parsed::Request);
    assert_eq!(inbuf.raw_args().get(0), b"PING");
}

#[test]
fn reads_reuse_the_buffer() {
    let mut inbuf = InBuf::new();
    let stream = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n".repeat(10_000);
    for piece in stream.chunks(9973) {
        inbuf.feed(piece);
        while inbuf.parse(&Limits::default()) == Parsed::Request {}
        assert!(inbuf.capacity_bytes() <= 3 * READ_MIN);
    }
    assert!(inbuf.is_empty());
}

#[test]
fn lookahead_is_bounded_and_has_no_effect() {
    let mut inbuf = InBuf::new();
    assert!(inbuf.lookahead().next().is_none());
    inbuf.feed(b"*2\r\n$3\r\nGET\r\n$12\r\nkey:00000001\r\n*1\r\n$4\r\nPING\r\n*5\r\n");
    inbuf.feed(&b"$1\r\na\r\n".repeat(5));
    inbuf.feed(b"PING\r\n*1\r\n$4\r\nPING\r\n");
    assert_eq!(inbuf.lookahead().map(|(_, seen)| seen.argc).collect::<Vec<_>>(), [2, 1, 5]);
    let (bytes, seen) = inbuf.lookahead().next().expect("a request is there");
    assert_eq!(seen.args[0].of(bytes), b"GET");
    assert_eq!(seen.args[1].of(bytes), b"key:00000001");
    assert_eq!(seen.args[2].len, 0);
    assert_eq!(inbuf.parse(&Limits::default()), Parsed::Request);
    let first_name = |inbuf: &InBuf| {
        let (bytes, seen) = inbuf.lookahead().next().expect("a request is there");
        seen.args[0].of(bytes).to_vec()
    };
    assert_eq!(first_name(&inbuf), b"PING", "what is handed out is past");
    inbuf.finish_request();
    assert_eq!(first_name(&inbuf), b"PING");
    assert_eq!(inbuf.lookahead().count(), 2);
}

#[test]
fn what_was_seen_need_not_be_parsed() {
    let mut inbuf = InBuf::new();
    inbuf.feed(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n*5\r\n");
    inbuf.feed(&b"$1\r\na\r\n".repeat(5));
    let ahead: Vec<_> =
        inbuf.lookahead().map(|(bytes, seen)| (bytes.as_ptr().addr(), seen)).collect();
    let limits = Limits::default();
    let seen = ahead[0].1;
    for limits in [
        Limits { authenticated: false, ..limits },
        Limits { max_bulk_len: 1000, ..limits },
        Limits { max_query: 10, ..limits },
    ] {
        assert!(inbuf.seen_args(&seen, &limits).is_none());
    }
    for ((address, seen), words) in ahead.iter().zip([vec!["GET", "k"], vec!["PING"]]) {
        assert_eq!(inbuf.next_address(), *address);
        let raw = inbuf.seen_args(seen, &limits).expect("nothing is in the way");
        assert!(raw.iter().eq(words.iter().map(|word| word.as_bytes())));
        assert!(raw.as_sent().is_some_and(|sent| sent.len() == seen.len as usize));
        assert!(!inbuf.has_request());
        inbuf.skip_seen(seen);
    }
    let (address, seen) = &ahead[2];
    assert!(inbuf.seen_args(seen, &limits).is_none(), "not all of its words are known");
    assert_eq!(inbuf.next_address(), *address);
    assert_eq!(inbuf.parse(&limits), Parsed::Request);
    assert!(inbuf.seen_args(seen, &limits).is_none(), "one request at a time");
    assert_eq!(inbuf.raw_args().len(), 5);
    inbuf.finish_request();
    inbuf.feed(b"*1\r\n$4\r\nPI");
    assert_eq!(inbuf.parse(&limits), Parsed::Incomplete);
    inbuf.feed(b"NG\r\n");
    let (bytes, seen) = inbuf.lookahead().next().expect("all of it is there");
    assert_eq!(inbuf.next_address(), bytes.as_ptr().addr(), "also when some of it was parsed");
    assert!(inbuf.seen_args(&seen, &limits).is_none());
    assert_eq!(inbuf.parse(&limits), Parsed::Request);
}

/// A small generator: the tests need numbers that repeat, not good ones.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % end
    }
}

fn random_stream(dice: &mut Dice) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..1 + dice.below(4) {
        match dice.below(80) {
            0..10 => stream.extend_from_slice(b"SET \"a b\" 'c'\r\n"),
            10..20 => stream.extend_from_slice(b"*0\r\n*-1\r\n\r\n"),
            20 => stream.extend_from_slice(&large(&[3, 33_000][..1 + dice.below(2)]).0),
            _ => {
                let argc = 1 + dice.below(6);
                stream.extend_from_slice(format!("*{argc}\r\n").as_bytes());
                for _ in 0..argc {
                    let len = [0, 1, 3, 9, 10, 40, 99, 100, 150][dice.below(9)];
                    stream.extend_from_slice(format!("${len}\r\n").as_bytes());
                    stream.extend((0..len).map(|at| b'a' + (at % 26) as u8));
                    stream.extend_from_slice(b"\r\n");
                }
            }
        }
    }
    for _ in 0..dice.below(4) {
        let at = dice.below(stream.len());
        match dice.below(3) {
            0 => stream[at] = b"*$\r\n0123456789-+ '\"\0\xff"[dice.below(21)],
            1 => drop(stream.remove(at)),
            _ => stream.insert(at, b"*$\r\n019"[dice.below(7)]),
        }
    }
    stream
}

/// Feeds `stream` in random pieces; at each request the look-ahead made before it must agree.
fn check_pieces(stream: &[u8], dice: &mut Dice, limits: &Limits) -> (Vec<Request>, Parsed) {
    let mut inbuf = InBuf::new();
    let mut found: Vec<Request> = Vec::new();
    let mut at = 0;
    loop {
        let piece = (1 + dice.below(200 + stream.len() / 3)).min(stream.len() - at);
        inbuf.feed(&stream[at..at + piece]);
        at += piece;
        let ahead: Vec<_> =
            inbuf.lookahead().map(|(bytes, seen)| (bytes.to_vec(), seen)).take(8).collect();
        let mut hints = ahead.iter();
        let mut hinted = false;
        let end = loop {
            if let Some((_, seen)) = hints.clone().next().filter(|_| dice.below(2) == 0) {
                if let Some(args) = inbuf.seen_args(seen, limits) {
                    found.push(args.iter().map(<[u8]>::to_vec).collect());
                    inbuf.skip_seen(seen);
                    hinted = hints.next().is_some();
                    continue;
                }
            }
            let end = inbuf.parse(limits);
            if end != Parsed::Request {
                break end;
            }
            let args = inbuf.raw_args();
            if let Some((bytes, seen)) = hints.next() {
                hinted = true;
                assert_eq!(seen.argc as usize, args.len());
                for (index, word) in args.iter().enumerate().take(4) {
                    assert_eq!(seen.args[index].of(bytes), word);
                }
            }
            found.push(args.iter().map(<[u8]>::to_vec).collect());
            if dice.below(2) == 0 {
                inbuf.finish_request();
            }
        };
        assert!(hints.next().is_none() || !hinted && matches!(end, Parsed::Error(_)));
        assert!(inbuf.capacity_bytes() <= 4 * stream.len() + 3 * BIG_STEP);
        if dice.below(4) == 0 {
            inbuf.shrink_if_idle();
        }
        if at == stream.len() || matches!(end, Parsed::Error(_)) {
            return (found, end);
        }
    }
}

#[test]
fn mutated_streams_do_no_harm_and_cuts_do_not_matter() {
    let limits = Limits::default();
    let mut dice = Dice(0x005e_ed0f_7e57);
    for case in 0..20_000 {
        let stream = random_stream(&mut dice);
        let whole = run(&stream, stream.len(), &limits);
        assert!(check_pieces(&stream, &mut dice, &limits) == whole, "case {case}: {stream:?}");
        if case % 20 == 0 && stream.len() < 2000 {
            assert!(run(&stream, 1, &limits) == whole, "case {case}: {stream:?}");
        }
    }
}

#[test]
fn kept_arguments() {
    let (stream, request) = large(&[3, 40_000, 0, 12]);
    let mut inbuf = InBuf::new();
    inbuf.feed(&stream);
    assert_eq!(inbuf.parse(&Limits::default()), Parsed::Request);
    let mut kept = Argv::from(inbuf.raw_args());
    inbuf.finish_request();
    assert_eq!(kept.iter().collect::<Vec<_>>(), request);
    assert!(kept.heap_bytes() >= 40_015 && kept.heap_bytes() < 40_200);
    let copy = kept.clone();
    let slices: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
    assert_eq!(copy, Argv::from_slices(&slices));
    assert_eq!(kept.raw().take(1).as_ptr(), copy.get(1).as_ptr());
    kept.push(b"more");
    kept.push_bytes(Bytes::from_static(b"small"));
    kept.push_bytes(Bytes::from(vec![b'b'; BIG_ARG]));
    assert_eq!((kept.len(), kept.get(4), kept.get(5)), (7, &b"more"[..], &b"small"[..]));
    assert_eq!(format!("{:?}", Argv::from_slices(&[b"GET", b"k"])), r#"["GET", "k"]"#);
}
