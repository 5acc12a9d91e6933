//! Float text against a live Redis: sums of INCRBYFLOAT and scores as read by ZADD.
//!
//! Ignored by default, since it needs a `redis-server` in PATH, on x86-64 with its 80-bit long
//! double. `REDSTART_ORACLE_PAIRS` sets how many pairs are compared, `REDSTART_ORACLE_SEED` which.

// A live server is reached through the environment, a process and a socket.
#![allow(clippy::disallowed_methods)]

use redstart::base::double::{LongDouble, parse_f64};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const BATCH: u64 = 500;
const NOT_A_FLOAT: &str = "-ERR value is not a valid float";

/// A real server on a port of its own, ended with this value.
struct Oracle {
    child: Child,
    replies: BufReader<TcpStream>,
    requests: Vec<u8>,
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Oracle {
    fn start() -> Self {
        // The port is free once the listener is dropped; nobody else asks for it that fast.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        drop(listener);
        let mut child = Command::new("redis-server")
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--daemonize", "no"])
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("this test compares with a real server: redis-server not in PATH ({error})")
            });
        for _ in 0..200 {
            if let Ok(stream) = TcpStream::connect(address) {
                let replies = BufReader::new(stream);
                return Oracle { child, replies, requests: Vec::new() };
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("redis-server was started and never listened on {address}");
    }

    fn queue(&mut self, args: &[&str]) {
        self.requests.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
        for arg in args {
            self.requests.extend_from_slice(format!("${}\r\n{arg}\r\n", arg.len()).as_bytes());
        }
    }

    fn send(&mut self) {
        self.replies.get_mut().write_all(&self.requests).expect("the server reads");
        self.requests.clear();
    }

    /// A reply without its framing; `None` for a null.
    fn reply(&mut self) -> Option<String> {
        let mut line = String::new();
        self.replies.read_line(&mut line).expect("the server answers");
        let line = line.trim_end().to_owned();
        let Some(len) = line.strip_prefix('$') else { return Some(line) };
        let len: usize = len.parse().ok()?;
        let mut text = vec![0; len + 2];
        self.replies.read_exact(&mut text).expect("a whole bulk");
        text.truncate(len);
        Some(String::from_utf8(text).expect("numbers are ASCII"))
    }
}

/// Texts of numbers: plain, scientific, extreme, long, halfway between two floats, hex, broken.
struct Numbers(u64);

impl Numbers {
    fn from_env() -> Self {
        Numbers(setting("REDSTART_ORACLE_SEED", 1))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn digits(&mut self, count: u64) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    /// Digits with a point somewhere, or none.
    fn pointed(&mut self, count: u64) -> String {
        let mut digits = self.digits(count);
        if self.below(4) > 0 {
            let at = self.below(count + 1) as usize;
            digits.insert(at, '.');
        }
        digits
    }

    fn exponent(&mut self, limit: u64) -> String {
        let marker = if self.below(8) == 0 { "E" } else { "e" };
        let sign = ["", "-", "+", "-"][self.below(4) as usize];
        format!("{marker}{sign}{}", self.below(limit))
    }

    /// A fraction that is exact in binary with up to 80 bits, so that ties occur.
    fn dyadic(&mut self) -> String {
        let (shift, width) = (self.below(63) as u32 + 1, self.below(20) as u32);
        let whole = self.next() >> self.below(64);
        let mut part = u128::from(self.next()) & ((1 << shift) - 1);
        part |= u128::from(self.below(4) == 0) << (shift - 1);
        let mut text = format!("{whole}.");
        for _ in 0..shift + width {
            part *= 10;
            text.push(char::from(b'0' + (part >> shift) as u8));
            part &= (1 << shift) - 1;
        }
        text
    }

    fn hex(&mut self) -> String {
        let mut digits = format!("{:x}", self.next() >> self.below(64));
        if self.below(3) == 0 {
            digits += &format!("{:x}", self.next());
        }
        if self.below(2) == 0 {
            let at = self.below(digits.len() as u64 + 1) as usize;
            digits.insert(at, '.');
        }
        let limit = if self.below(4) == 0 { 17_000 } else { 100 };
        match self.below(4) {
            0 => format!("0x{digits}"),
            1 => format!("0X{digits}P{}", self.below(limit)),
            _ => format!("0x{digits}p-{}", self.below(limit)),
        }
    }

    fn unsigned(&mut self) -> String {
        match self.below(64) {
            0..14 => {
                let decimals = self.below(7);
                format!("{}.{}", self.below(100_000), self.digits(decimals))
            }
            14..22 => {
                let count = self.below(24) + 1;
                self.pointed(count)
            }
            22..32 => {
                let count = self.below(22) + 1;
                self.pointed(count) + &self.exponent(40)
            }
            32..37 => {
                let count = self.below(30) + 1;
                self.pointed(count) + &self.exponent(5100)
            }
            37..41 => (self.next() >> self.below(64)).to_string(),
            41..43 => (u128::from(self.next()) << self.below(64)).to_string(),
            43..53 => self.dyadic(),
            53 => {
                let count = self.below(120) + 1;
                self.pointed(count) + &self.exponent(200)
            }
            54 if self.below(8) == 0 => {
                let limit = if self.below(16) == 0 { 5_300 } else { 500 };
                let count = self.below(limit) + 1;
                self.pointed(count)
            }
            54..57 => format!("0.{}{}", "0".repeat(self.below(20) as usize), self.next()),
            57..62 => self.hex(),
            62 => ["inf", "Infinity", "nan", "0", "1e4932", "1.18e4932", "3.6e-4951", "1e309"]
                [self.below(8) as usize]
                .to_owned(),
            _ => self.broken(),
        }
    }

    /// A number with one byte put in or taken out.
    fn broken(&mut self) -> String {
        let count = self.below(8) + 1;
        let mut text = self.pointed(count) + &self.exponent(20);
        let at = self.below(text.len() as u64) as usize;
        if self.below(3) == 0 {
            text.remove(at);
        } else {
            let odd = b" .+-exXpPinfabN_,0"[self.below(18) as usize];
            text.insert(at, char::from(odd));
        }
        text
    }

    fn text(&mut self) -> String {
        let sign = ["", "", "", "-", "-", "-", "+"][self.below(7) as usize];
        format!("{sign}{}", self.unsigned())
    }

    /// A second summand, at times so that almost nothing is left of the first.
    fn partner(&mut self, first: &str) -> String {
        if self.below(5) > 0 {
            return self.text();
        }
        let mut text = match first.strip_prefix('-') {
            Some(positive) => positive.to_owned(),
            None => format!("-{}", first.trim_start_matches('+')),
        };
        if self.below(2) == 0 && text.ends_with(|last: char| last.is_ascii_digit()) {
            text.pop();
            text.push(char::from(b'0' + self.below(10) as u8));
        }
        text
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number in the environment"))
}

/// Compares the second reply to each pair with `ours`, given the pair and that reply, and shows
/// the first few that differ.
fn compare(ask: impl Fn(&mut Oracle, &str, &str), ours: impl Fn(&str, &str, &str) -> String) {
    let pairs = setting("REDSTART_ORACLE_PAIRS", 20_000);
    let (mut oracle, mut numbers) = (Oracle::start(), Numbers::from_env());
    let (mut done, mut refused, mut wrong) = (0, 0, Vec::new());
    while done < pairs {
        let batch: Vec<_> = (0..BATCH.min(pairs - done))
            .map(|_| {
                let first = numbers.text();
                let second = numbers.partner(&first);
                (first, second)
            })
            .collect();
        for (first, second) in &batch {
            ask(&mut oracle, first, second);
        }
        oracle.send();
        for (first, second) in &batch {
            let _ = oracle.reply();
            let theirs = oracle.reply().unwrap_or_else(|| "null".to_owned());
            refused += u64::from(theirs.starts_with("-ERR"));
            let ours = ours(first, second, &theirs);
            if ours != theirs && wrong.len() < 50 {
                wrong.push(format!("{first} and {second}: {ours} instead of {theirs}"));
            }
        }
        done += batch.len() as u64;
    }
    println!("{done} pairs compared, {refused} of them refused");
    assert!(wrong.is_empty(), "of {done} pairs differ:\n{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs a redis-server in PATH"]
fn sums_are_those_of_redis() {
    let ask = |oracle: &mut Oracle, first: &str, second: &str| {
        oracle.queue(&["SET", "key", first]);
        oracle.queue(&["INCRBYFLOAT", "key", second]);
    };
    compare(ask, |first, second, _| {
        let parse = |text: &str| LongDouble::parse(text.as_bytes());
        let (Some(first), Some(second)) = (parse(first), parse(second)) else {
            return NOT_A_FLOAT.to_owned();
        };
        let sum = first.add(second);
        if !sum.is_finite() {
            return "-ERR increment would produce NaN or Infinity".to_owned();
        }
        sum.format_human()
    });
}

#[test]
#[ignore = "needs a redis-server in PATH"]
fn scores_are_read_like_redis() {
    let ask = |oracle: &mut Oracle, first: &str, _: &str| {
        oracle.queue(&["DEL", "key"]);
        oracle.queue(&["ZADD", "key", "INCR", first, "member"]);
    };
    compare(ask, |first, _, theirs| {
        // Digits of a score depend on the server's version, the score itself does not.
        let bits = |text: &str| parse_f64(text.as_bytes()).map(f64::to_bits);
        match bits(first) {
            None => NOT_A_FLOAT.to_owned(),
            score if score == bits(theirs) => theirs.to_owned(),
            Some(score) => format!("{:?}", f64::from_bits(score)),
        }
    });
}
