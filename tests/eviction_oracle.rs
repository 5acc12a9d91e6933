//! Hit rates against a live `redis-server` (looked up in PATH): the same requests, the same
//! memory, under the policies that may delete any key.

// Processes are what is tested here.
#![allow(clippy::disallowed_methods)]

mod support;

use redstart::base::rng::Rng;
use support::frames::encode;
use support::server::{OURS, PATIENCE, Server};
use support::tcp::TcpLink;

const KEYS: usize = 30_000;
const REQUESTS: usize = 120_000;
const BATCH: usize = 100;

/// Keys as often as words in a text: few are frequent, most are rare.
fn trace(seed: u64) -> Vec<usize> {
    let mut sum = 0.0;
    let weights = (1..=KEYS).map(|rank| (rank as f64).powf(-0.99));
    let sums: Vec<f64> = weights
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    let mut rng = Rng::seeded(seed);
    let draw = |_| {
        let at = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * sum;
        // Frequent keys are not those of small numbers.
        sums.partition_point(|sum| *sum <= at) * 7919 % KEYS
    };
    (0..REQUESTS).map(draw).collect()
}

fn value(key: usize) -> String {
    "v".repeat(100 + key * 7919 % 400)
}

/// Hits in the second half of the trace, percent; what is missed is stored.
fn hit_rate(program: &str, policy: &str, trace: &[usize]) -> f64 {
    let options = ["--maxmemory", "4mb", "--maxmemory-policy", policy];
    let server = Server::start_program(program, &options);
    let mut link = TcpLink::connect(server.addr()).expect("a server that is ready accepts");
    let mut send = |commands: Vec<Vec<String>>| -> Vec<Vec<u8>> {
        let bytes: Vec<u8> = commands.iter().flat_map(|words| encode(words)).collect();
        link.send(&bytes, PATIENCE).expect("it reads");
        commands.iter().map(|_| link.frame(PATIENCE).expect("it answers")).collect()
    };
    let name = |key: usize| format!("key:{key:08}");
    let (mut hits, mut counted) = (0, 0);
    for (n, keys) in trace.chunks(BATCH).enumerate() {
        let replies = send(keys.iter().map(|key| vec!["GET".into(), name(*key)]).collect());
        let missed = keys.iter().zip(&replies).filter(|(_, reply)| reply.starts_with(b"$-1"));
        let sets: Vec<Vec<String>> =
            missed.map(|(key, _)| vec!["SET".into(), name(*key), value(*key)]).collect();
        if n * BATCH >= trace.len() / 2 {
            counted += keys.len();
            hits += keys.len() - sets.len();
        }
        for reply in send(sets) {
            assert_eq!(reply, b"+OK\r\n");
        }
    }
    hits as f64 * 100.0 / counted as f64
}

#[test]
fn more_requests_are_hits_than_with_redis() {
    for seed in [1, 2] {
        let trace = trace(seed);
        for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
            let (ours, theirs) =
                (hit_rate(OURS, policy, &trace), hit_rate("redis-server", policy, &trace));
            println!("seed {seed}, {policy}: {ours:.2} % hits, redis-server has {theirs:.2} %");
            assert!(ours >= theirs + 1.0, "seed {seed}, {policy}: {ours} %, not {theirs} %");
        }
    }
}
