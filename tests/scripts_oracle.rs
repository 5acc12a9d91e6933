//! Random scripts against our server and against Debian's redis-server, reply by reply, in RESP2
//! and RESP3: conversions both ways, cjson, cmsgpack, struct, bit, and the parts of `string` that
//! are ours. Both run over TCP; `redis-server` is looked up in PATH.
//!
//! `REDSTART_ORACLE_COMMANDS` sets how many scripts there are, `REDSTART_ORACLE_SEED` which.
//! Doubles of commands, and large numbers for them, are left out: 7.0 writes them otherwise.

// Length and seed come from the environment.
#![allow(clippy::disallowed_methods)]

mod oracle_scripts;
mod support;

use oracle_scripts::*;
use redstart::base::rng::Rng;
use support::frames::{encode, show};
use support::server::{PATIENCE, Server};
use support::tcp::TcpLink;

const DEFAULT_SCRIPTS: u64 = 6_000;
const DEFAULT_SEED: u64 = 5;
/// Differences that are shown.
const SHOWN: usize = 10;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    }
}

struct Caller {
    rng: Rng,
}

impl Caller {
    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.rng.below(items.len() as u64) as usize]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.rng.below(n) == 0
    }

    fn number(&mut self) -> String {
        match self.rng.below(4) {
            0 => (self.rng.next_u64() as i32 >> self.rng.below(32)).to_string(),
            1 => format!("{}/{}", self.rng.below(100_000), 1 + self.rng.below(1000)),
            _ => self.pick(NUMBERS).to_owned(),
        }
    }

    fn scalar(&mut self) -> String {
        match self.rng.below(8) {
            0 => self.pick(&["true", "false", "nil"]).to_owned(),
            1..4 => self.number(),
            4 => format!("('{}'):rep({})", self.pick(&["a", "xyz"]), self.rng.below(300)),
            _ => format!("\"{}\"", self.pick(WORDS)),
        }
    }

    /// A value as it stands in a script.
    fn value(&mut self, depth: u32) -> String {
        if depth == 0 || self.one_in(3) {
            return self.scalar();
        }
        let items: Vec<String> = (0..self.rng.below(5)).map(|_| self.value(depth - 1)).collect();
        match self.rng.below(4) {
            0 => {
                let fields = items.iter().enumerate().map(|(i, item)| format!("k{i}={item}"));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }
            1 => format!("{{[{}]={}}}", 1 + self.rng.below(12), self.value(depth - 1)),
            _ => format!("{{{}}}", items.join(",")),
        }
    }

    /// A table that replies give a meaning to.
    fn reply(&mut self, depth: u32) -> String {
        match self.rng.below(9) {
            0 => format!("{{ok=\"{}\"}}", self.pick(&["fine", "", "a b", "a\\r\\nb"])),
            1 => format!("{{err=\"{}\"}}", self.pick(&["MINE oh", "ERR x", "plain"])),
            2 => format!("{{double={}}}", self.pick(&["0.5", "1e100", "-3", "10", "1/0", "'x'"])),
            3 => format!("{{map={{[{}]={}}}}}", self.key(), self.reply(depth / 2)),
            4 => format!("{{set={{[{}]=true}}}}", self.key()),
            5 => format!("{{big_number=\"{}\"}}", self.pick(&["123", "-5", "1\\r\\n2", ""])),
            6 => format!(
                "{{verbatim_string={{format=\"{}\",string=\"{}\"}}}}",
                self.pick(&["txt", "mkd", "abc"]),
                self.pick(WORDS)
            ),
            7 if depth > 0 => format!("{{{},{}}}", self.reply(depth - 1), self.reply(depth - 1)),
            _ => self.value(depth),
        }
    }

    fn key(&mut self) -> String {
        match self.rng.below(3) {
            0 => self.rng.below(9).to_string(),
            _ => format!("\"{}\"", self.pick(WORDS)),
        }
    }

    /// Damages a text in a few places.
    fn damaged(&mut self, sound: &[u8]) -> Vec<u8> {
        let mut text = sound.to_vec();
        for _ in 0..self.rng.below(3) {
            let at = self.rng.below(text.len() as u64 + 1) as usize;
            match self.rng.below(4) {
                0 => text.insert(at, self.rng.next_u64() as u8),
                1 if at < text.len() => drop(text.remove(at)),
                2 => text.truncate(at),
                _ if at < text.len() => text[at] ^= 1 << self.rng.below(8),
                _ => {}
            }
        }
        text
    }

    /// What `struct` is told to read or write.
    fn format(&mut self) -> String {
        let parts = [
            "b", "B", "h", "H", "i", "I", "l", "L", "i3", "I2", "i8", "I33", "i0", "f", "d", "s",
            "c0", "c3", "x", ">", "<", "=", "!", "!4", "!3", " ", "z", "T",
        ];
        (0..1 + self.rng.below(5)).map(|_| self.pick(&parts)).collect()
    }

    fn commands(&mut self) -> String {
        let call = self.pick(&[
            "'hgetall','h'",
            "'smembers','set'",
            "'lrange','l',0,-1",
            "'get','none'",
            "'get','s'",
            "'mget','s','s','none'",
            "'type','h'",
            "'exists','h','l'",
            "'lpush','s','x'",
            "'nothing','x'",
            "'get'",
            "'config','get','maxmemory-policy'",
            "'hrandfield','one',5,'withvalues'",
            "'zrange','z',0,-1",
            "'xrange','x','-','+'",
            "'sismember','set','a'",
            "'geopos','z','none'",
            "'set','n',12.5",
            "'set','n',3.0",
            "'set','n',2^40",
            "'set','n',{}",
            "'set','n',true",
            "'get','n'",
            "'incrby','n',1",
            "'debug','protocol','true'",
            "'debug','protocol','null'",
            "'debug','protocol','bignum'",
            "'debug','protocol','verbatim'",
            "'debug','protocol','map'",
            "'debug','protocol','set'",
        ]);
        let how = self.pick(&["redis.call", "redis.pcall"]);
        let show = self.pick(&["r", "type(r)", "cjson.encode(r)", "tostring(r)=='nil'", "#r"]);
        format!("local r={how}({call}) return {show}")
    }

    fn strings(&mut self) -> String {
        let (subject, pattern) = (self.pick(SUBJECTS), self.pick(PATTERNS));
        let (subject, pattern) = (format!("\"{subject}\""), format!("\"{pattern}\""));
        let with = self.pick(&["'<%0>'", "'%1'", "'%2'", "'%'", "{a='A'}", "string.upper", "7"]);
        let n = self.pick(&["", ",0", ",1", ",2", ",-1"]);
        match self.rng.below(5) {
            0 => format!("return {{string.find({subject},{pattern}{n})}}"),
            1 => format!("return {{string.match({subject},{pattern}{n})}}"),
            2 => format!("return {{string.gsub({subject},{pattern},{with}{n})}}"),
            3 => format!(
                "local t={{}} for a,b in string.gmatch({subject},{pattern}) do t[#t+1]=a t[#t+1]=b \
                 if #t>50 then break end end return t"
            ),
            _ => format!("return {{string.rep({subject},{}),#{subject}}}", self.rng.below(4)),
        }
    }

    fn bits(&mut self) -> String {
        let (a, b) = (self.number(), self.number());
        let call = self.pick(&[
            "tobit(A)",
            "bnot(A)",
            "band(A,B)",
            "bor(A,B)",
            "bxor(A,B)",
            "lshift(A,B)",
            "rshift(A,B)",
            "arshift(A,B)",
            "rol(A,B)",
            "ror(A,B)",
            "bswap(A)",
            "tohex(A)",
            "tohex(A,B)",
            "band(A)",
            "bor()",
        ]);
        // Numbers beyond 2^51 or so are rounded by tricks of the C compiler's.
        let small = |text: &str| {
            if text.contains('^') || text.contains('e') || text.contains("/0") {
                "3".to_owned()
            } else {
                text.to_owned()
            }
        };
        format!("return bit.{}", call.replace('A', &small(&a)).replace('B', &small(&b)))
    }

    /// A function of the library with arguments it may not expect.
    fn call(&mut self) -> String {
        let name = self.pick(FUNCTIONS);
        let count = self.rng.below(4);
        let arguments: Vec<&str> = (0..count).map(|_| self.pick(ODD)).collect();
        let arguments = arguments.join(",");
        match self.rng.below(3) {
            0 => format!("return {name}({arguments})"),
            1 => format!("local r={{pcall({name},{arguments})}} return {{#r,type(r[2]),r[2]}}")
                .replace(",)", ")"),
            _ => {
                format!("\n\nlocal function f()\nreturn 1,{name}({arguments}) end\nreturn {{f()}}")
            }
        }
    }

    /// An error that passes through a few hands. Tables without a text are not raised: they crash
    /// the other server.
    fn error(&mut self) -> String {
        let begin = self.pick(BEGINNINGS);
        let mut text = format!("local function f0()\n {begin}\nend\n");
        let hands = self.rng.below(4);
        for hand in 0..hands {
            let inner = format!("f{hand}");
            let through = self.pick(HANDS);
            let through = through.replace('F', &inner);
            text += &format!("local function f{}()\n\n{through} end\n", hand + 1);
        }
        format!("{text}return f{hands}()")
    }

    /// A script and its argument.
    fn next(&mut self) -> (String, Vec<u8>) {
        let resp3 = if self.one_in(4) { "redis.setresp(3) " } else { "" };
        let list = |call: &str| {
            format!(
                "local function show(v) if type(v)=='table' then local t={{}} for i=1,#v do \
                 t[i]=show(v[i]) end return t end return type(v)..':'..tostring(v) end \
                 local r={{{call}}} for i=1,#r do r[i]=show(r[i]) end return r"
            )
        };
        let (body, argument) = match self.rng.below(16) {
            12 | 13 => (self.call(), Vec::new()),
            14 | 15 => (self.error(), Vec::new()),
            0 | 1 => (format!("return {}", self.reply(2)), Vec::new()),
            2 => (self.commands(), Vec::new()),
            3 => (format!("return cjson.encode({})", self.value(3)), Vec::new()),
            4 => (format!("return cmsgpack.pack({},{})", self.value(3), self.scalar()), Vec::new()),
            5 => {
                let sound = self.pick(JSON).as_bytes();
                (list("cjson.decode(ARGV[1])"), self.damaged(sound))
            }
            6 => {
                let sound = PACKED[self.rng.below(PACKED.len() as u64) as usize];
                (list("cmsgpack.unpack(ARGV[1])"), self.damaged(sound))
            }
            7 => {
                let (format, a, b) = (self.format(), self.number(), self.number());
                (format!("return struct.pack('{format}',{a},{b},'abc',{a},'z')"), Vec::new())
            }
            8 => {
                let (format, sound) = (self.format(), b"\x01\x02\xff\xfe abc\0\x80\x7f\0\0\x40");
                (list(&format!("struct.unpack('{format}',ARGV[1])")), self.damaged(sound))
            }
            9 => (self.bits(), Vec::new()),
            10 => {
                let n = self.number();
                let shown = self.pick(&[
                    "tostring(N)",
                    "('%d|%x'):format(N,N)",
                    "('%5.3g'):format(N)",
                    "N..''",
                    "math.floor(N)",
                    "tonumber(tostring(N))",
                ]);
                (format!("return {}", shown.replace('N', &format!("({n})"))), Vec::new())
            }
            _ => (self.strings(), Vec::new()),
        };
        (format!("{resp3}{body}"), argument)
    }
}

fn answer(link: &mut TcpLink, words: &[&[u8]]) -> String {
    link.send(&encode(words), PATIENCE).expect("the server reads");
    show(&link.frame(PATIENCE).expect("the server answers"))
}

/// Something of each type to read.
fn prepare(link: &mut TcpLink) {
    for command in [
        "HSET h f 1 g two",
        "HSET one f 1",
        "SADD set a",
        "RPUSH l 1 2 x",
        "SET s text",
        "ZADD z 1 a 2 b",
        "XADD x 1-1 f v",
    ] {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        answer(link, &words);
    }
}

#[test]
fn random_scripts_are_answered_alike() {
    let ours = Server::start::<&str>(&[]);
    let theirs = Server::start_program::<&str>("redis-server", &[]);
    let connect = |server: &Server| TcpLink::connect(server.addr()).expect("the server accepts");
    let (mut ours, mut theirs) = (connect(&ours), connect(&theirs));
    let seed = setting("REDSTART_ORACLE_SEED", DEFAULT_SEED);
    let mut caller = Caller { rng: Rng::seeded(seed) };
    prepare(&mut ours);
    prepare(&mut theirs);
    let scripts = setting("REDSTART_ORACLE_COMMANDS", DEFAULT_SCRIPTS);
    let mut differ = Vec::new();
    for at in 0..scripts {
        if at == scripts / 2 {
            answer(&mut ours, &[b"HELLO", b"3"]);
            answer(&mut theirs, &[b"HELLO", b"3"]);
        }
        let (script, argument) = caller.next();
        let words: [&[u8]; 4] = [b"EVAL", script.as_bytes(), b"0", &argument];
        let (a, b) = (answer(&mut ours, &words), answer(&mut theirs, &words));
        if a != b {
            let argument = show(&argument);
            differ.push(format!("{at}: {script} ({argument})\n  ours   {a}\n  theirs {b}"));
        }
        if differ.len() == SHOWN {
            break;
        }
    }
    assert!(differ.is_empty(), "seed {seed}\n{}", differ.join("\n"));
}
