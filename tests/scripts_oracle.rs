//! Random scripts against our server and against Debian's redis-server, reply by reply, in RESP2
//! and RESP3: conversions both ways, cjson, cmsgpack, struct, bit, and the parts of `string` that
//! are ours. Both run over TCP; `redis-server` is looked up in PATH.
//!
//! `REDSTART_ORACLE_COMMANDS` sets how many scripts there are, `REDSTART_ORACLE_SEED` which.
//! Doubles of commands, and large numbers for them, are left out: 7.0 writes them otherwise.

// Length and seed come from the environment.
#![allow(clippy::disallowed_methods)]

mod support;

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

/// Numbers that conversions are at their limits with.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "31",
    "32",
    "127",
    "128",
    "-32",
    "-33",
    "-128",
    "-129",
    "255",
    "256",
    "65535",
    "65536",
    "-32769",
    "2^31",
    "2^31-1",
    "-2^31",
    "2^32",
    "2^32-1",
    "2^53",
    "2^53+1",
    "-2^53",
    "2^62",
    "2^63",
    "-2^63",
    "2^64",
    "1e15",
    "1e16",
    "1e17",
    "1e20",
    "1e100",
    "1e308",
    "1/3",
    "0.1",
    "-0.5",
    "1.5",
    "2.5",
    "1e-5",
    "1e-7",
    "123456.789",
    "3.0000000000000004",
    "1/0",
    "-1/0",
];

const WORDS: &[&str] = &[
    "",
    "a",
    "key",
    "ok",
    "err",
    "x y",
    "1",
    "1.50",
    "0x10",
    "-7",
    "nan",
    "null",
    "true",
    "a/b",
    "q\\\"q",
    "b\\\\b",
    "\\r\\n",
    "\\t\\8\\12",
    "\\0zero",
    "\\127\\31",
    "\\195\\169",
    "\\240\\159",
    "\\255\\254",
    "[1,2]",
    "{}",
    "%1",
    "long long long long long long",
];

const PATTERNS: &[&str] = &[
    "a",
    ".",
    "%a+",
    "%d*",
    "(%w)(%w)",
    "^a",
    "b$",
    "[^%s]+",
    "[a-c]-x",
    "()",
    "(.-)%s",
    "%b()",
    "%f[%w]",
    "a?b",
    ".-",
    "(a*(.)%w(%s*))",
    "[]]",
    "[%-x]",
    "%%",
    "^",
    "$",
    "[a",
    "%",
    "(",
    ")",
    "%1",
    "(a)%1",
    "[%a_][%w_]*",
    "x*",
    "^(%s*)",
    "%z",
    "\\0",
];

const SUBJECTS: &[&str] =
    &["", "a", "hello world", "aaa bbb", "x=1, y = 22", "(a(b)c)", "  trim  ", "a\\0b", "THE end"];

const JSON: &[&str] = &[
    r#"{"a":[1,2.5e3,true,null,"\u00e9\ud83d\ude00\n"],"b":{"c":-0.1}}"#,
    r#"[[],{},"",0,-1,1e5,"\/\b\f\\\"",false]"#,
    r#"{"k":1,"k":2,"1":"x"," ":[null,null]}"#,
    "[0x1F,nan,-inf,01,1.,.5,+1]",
    r#""text""#,
    "12",
];

const PACKED: &[&[u8]] = &[
    b"\x93\x01\xcd\x01\x00\x82\xa1a\xcb\x3f\xf8\0\0\0\0\0\0\xc0\xc3",
    b"\xd9\x02xy\xdc\x00\x02\x01\xff\xca\x3f\x80\0\0\xd3\xff\xff\xff\xff\xff\xff\xff\x00",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xd0\x80\xd1\x80\0\xd2\x80\0\0\0\xe0\x7f\x80\x90",
    b"\xde\0\x01\xa1k\xdf\0\0\0\x01\x01\x02\xdb\0\0\0\x01z\xda\0\x01y",
];

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
        let names = [
            "string.byte",
            "string.char",
            "string.find",
            "string.format",
            "string.gsub",
            "string.gmatch",
            "string.len",
            "string.lower",
            "string.match",
            "string.rep",
            "string.reverse",
            "string.sub",
            "string.upper",
            "table.concat",
            "table.getn",
            "table.insert",
            "table.maxn",
            "table.remove",
            "table.sort",
            "math.abs",
            "math.ceil",
            "math.floor",
            "math.fmod",
            "math.frexp",
            "math.ldexp",
            "math.max",
            "math.min",
            "math.modf",
            "math.pow",
            "math.sqrt",
            "tonumber",
            "type",
            "select",
            "rawequal",
            "rawget",
            "rawset",
            "rawlen",
            "next",
            "unpack",
            "ipairs",
            "getmetatable",
            "setmetatable",
            "loadstring",
            "pcall",
            "cjson.encode",
            "cjson.decode",
            "cmsgpack.pack",
            "cmsgpack.unpack",
            "cmsgpack.unpack_one",
            "cmsgpack.unpack_limit",
            "struct.pack",
            "struct.unpack",
            "struct.size",
            "bit.tobit",
            "bit.lshift",
            "bit.tohex",
            "redis.sha1hex",
            "redis.error_reply",
            "redis.status_reply",
            "redis.setresp",
            "redis.set_repl",
            "redis.acl_check_cmd",
            "coroutine.status",
            "coroutine.resume",
            "coroutine.wrap",
            "xpcall",
            "collectgarbage",
        ];
        let name = self.pick(&names);
        let odd = [
            "nil",
            "true",
            "'x'",
            "'3'",
            "''",
            "'%d'",
            "'%s'",
            "0",
            "1",
            "-1",
            "2.5",
            "10",
            "{}",
            "{1,2,3}",
            "{'b','a'}",
            "{a=1}",
            "coroutine",
            "string.upper",
            "function(a) return a end",
            "cjson.null",
            "'i4'",
            "'get'",
            "'a\\0b'",
            "setmetatable({},{__index=function() return \
             1 end})",
        ];
        let odd: Vec<&str> = odd.iter().map(|text| text.trim()).collect();
        let count = self.rng.below(4);
        let arguments: Vec<&str> = (0..count).map(|_| self.pick(&odd)).collect();
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
        let begin = self.pick(&[
            "error('oh')",
            "error('oh',0)",
            "error('oh',2)",
            "error({err='MINE oh'})",
            "error({err=7})",
            "error(redis.error_reply('oh'))",
            "error(nil)",
            "error(true)",
            "redis.call('lpush','s','x')",
            "redis.call('nosuch')",
            "redis.call('get')",
            "redis.call({})",
            "redis.call()",
            "return nil+1",
            "return {}..'x'",
            "return #nil",
            "return nosuch",
            "nosuch=1",
            "redis.call=1",
            "return {}<{}",
            "local a=nil a.b=1",
            "return ('x'):nosuch()",
            "return redis.pcall('lpush','s','x')",
            "assert(false,'oh')",
            "assert(nil)",
            "return cjson.decode('[')",
            "return struct.pack('i')",
        ]);
        let mut text = format!("local function f0()\n {begin}\nend\n");
        let hands = self.rng.below(4);
        for hand in 0..hands {
            let inner = format!("f{hand}");
            let through = self.pick(&[
                "return F()",
                "F() return 1",
                "return pcall(F)",
                "local ok,e=pcall(F) error(type(e)=='table' and 'table' or e,0)",
                "local ok,e=pcall(F) error(type(e)=='table' and 'table' or e)",
                "return xpcall(F,function(e) return e end)",
                "local ok,e=xpcall(F,function(e) return type(e) end) return e",
                "return (string.gsub('a','a',F))",
                "table.sort({2,1},F)",
                "local t=setmetatable({},{__index=F}) return t.x",
                "local ok,e=pcall(F) return {tostring(ok),type(e),e}",
                "return select(2,pcall(F))",
                "local t={} for k in F do t[1]=k break end return t",
            ]);
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
