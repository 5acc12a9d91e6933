//! Libraries of scripts under damaged input, and the bounds of their depth. Seeded and short.

use super::super::args::Args;
use super::super::client::ClientId;
use super::super::config::Config;
use super::super::session::{Origin, Session};
use super::super::{Engine, tests_table};
use super::Usage;
use super::library::Policy;
use super::run::{Name, Start};
use crate::base::rng::Rng;
use crate::env::sim::Sim;
use crate::resp::reply::{Proto, Reply};
use crate::resp::request::Argv;
use bytes::Bytes;

struct Bench {
    engine: Engine,
}

impl Bench {
    fn new() -> Bench {
        Bench { engine: Engine::new(Config::default(), Sim::new(1).env(), tests_table()) }
    }

    /// The reply to a script with these arguments.
    fn eval(&mut self, script: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
        let mut argv = Argv::from_slices(&[b"EVAL", script, b"0"]);
        arguments.iter().for_each(|argument| argv.push(argument));
        let mut out = Reply::new(Proto::V2);
        let compiled = match self.engine.load_script(script) {
            Ok((_, compiled)) => compiled,
            Err(error) => return error.text().into_owned().into_bytes(),
        };
        let name = Name::Script(compiled.function);
        let (function, flags) = (compiled.function, compiled.flags);
        let start = Start { name, function, flags, read_only: false, keys: 0 };
        let session = Session::new(Origin::AofLoad, true);
        let done = self.engine.run_script(&session, &mut out, &mut Args::new(argv.raw()), start);
        assert!(done.is_ok());
        out.out().to_vec()
    }

    fn text(&mut self, script: &str) -> String {
        String::from_utf8_lossy(&self.eval(script.as_bytes(), &[])).into_owned()
    }
}

/// Damages a text in a few places.
fn damage(rng: &mut Rng, sound: &[u8]) -> Vec<u8> {
    let mut text = sound.to_vec();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(text.len() as u64 + 1) as usize;
        match rng.below(4) {
            0 => text.insert(at.min(text.len()), rng.next_u64() as u8),
            1 if at < text.len() => drop(text.remove(at)),
            2 => text.truncate(at),
            _ if at < text.len() => text[at] ^= 1 << rng.below(8),
            _ => {}
        }
    }
    text
}

#[test]
fn damaged_input_is_refused_or_read() {
    let mut bench = Bench::new();
    let mut rng = Rng::seeded(7);
    let cases: [(&str, &[u8]); 4] = [
        (
            "local ok,v=pcall(cjson.decode,ARGV[1]) if ok then pcall(cjson.encode,v) end return 1",
            br#"{"a":[1,2.5e3,true,null,"\u00e9\ud83d\ude00\n"],"b":{"c":-0.1}}"#,
        ),
        (
            "local r={pcall(cmsgpack.unpack,ARGV[1])} if r[1] then cmsgpack.pack(unpack(r)) end \
             return 1",
            b"\x93\x01\xcd\x01\x00\x82\xa1a\xcb\x3f\xf8\0\0\0\0\0\0\xc0\xc3\
              \xd9\x02xy\xdc\x00\x02\x01\xff",
        ),
        ("pcall(struct.unpack,ARGV[1],('abc\\0\\3xyz'):rep(9)) return 1", b">!4bc0Hi3sxfdL<c2 "),
        (
            "pcall(string.gsub,('a1b c'):rep(9),ARGV[1],'%1') return \
         1",
            b"^([%a_]-)%d*(.?)%b()[^x-z]+$",
        ),
    ];
    for (script, sound) in cases {
        assert_eq!(bench.eval(script.as_bytes(), &[sound]), b":1\r\n", "{script}");
        for _ in 0..1500 {
            let damaged = damage(&mut rng, sound);
            assert_eq!(bench.eval(script.as_bytes(), &[&damaged]), b":1\r\n", "{damaged:?}");
        }
    }
    // Nothing is left over but garbage.
    bench.text("collectgarbage() return 1");
}

#[test]
fn depth_is_bounded_everywhere() {
    let mut bench = Bench::new();
    for (script, part) in [
        ("local t={} t[1]=t return cjson.encode(t)", "excessive nesting"),
        ("return cjson.decode(('['):rep(100000))", "too many nested"),
        ("cjson.decode_max_depth(1e9) return cjson.decode(('['):rep(100000))", "too many nested"),
        (
            "cjson.encode_max_depth(1e9) local t={} t.x=t return cjson.encode(t)",
            "excessive nesting",
        ),
        ("return cmsgpack.unpack(('\\145'):rep(100000))", "stack overflow"),
        ("return string.find(('a'):rep(9999),('a?'):rep(9999))", "pattern too complex"),
        ("local function f() return f()+1 end return f()", "stack overflow"),
        ("return loadstring('return '..('('):rep(9999))", "$-1"),
        ("local t={} t[1]=t return t", "reached lua stack limit"),
        ("local f f=function() return pcall(f) end return tostring(f())", "true"),
        ("local f f=function(x) return x:gsub('.',f) end return f('a')", "stack overflow"),
    ] {
        let reply = bench.text(script);
        assert!(reply.contains(part), "{script}: {reply:.300}");
    }
    assert_eq!(bench.text("return 1"), ":1\r\n");
}

#[test]
fn numbers_are_those_of_redis() {
    let mut bench = Bench::new();
    for (script, reply) in [
        (
            "return cjson.encode({1/3,2^53,1e20,-0.0})",
            "$46\r\n[0.33333333333333,9.007199254741e+15,1e+20,-0]\r\n",
        ),
        ("return {math.random(1000000),math.random(1000000)}", "*2\r\n:396465\r\n:840486\r\n"),
        ("math.randomseed(1) return math.random(1000000)", ":41631\r\n"),
        ("return bit.bxor(1.5,0)+bit.tobit(2^32+5)", ":7\r\n"),
        ("return {double=0.1}", "$3\r\n0.1\r\n"),
    ] {
        assert_eq!(bench.text(script), reply, "{script}");
    }
}

#[test]
fn a_machine_may_go_in_the_middle_of_a_script() {
    let mut bench = Bench::new();
    let mut argv = Argv::from_slices(&[b"EVAL", b"while true do end", b"0"]);
    let (_, compiled) = bench.engine.load_script(argv.get(1)).expect("it compiles");
    let start = Start {
        name: Name::Script(compiled.function),
        function: compiled.function,
        flags: compiled.flags,
        read_only: false,
        keys: 0,
    };
    let session = Session::new(Origin::Client(ClientId(1)), true);
    let mut out = Reply::new(Proto::V2);
    let done = bench.engine.run_script(&session, &mut out, &mut Args::new(argv.raw()), start);
    assert!(done.is_ok() && bench.engine.scripts().suspended());
    bench.engine.run_ready();
    assert!(bench.engine.scripts().suspended());
    drop(bench);
}

#[test]
fn interpreters_are_made_when_the_first_script_comes() {
    let mut bench = Bench::new();
    let engine = &mut bench.engine;
    assert!(engine.cached_script(&[b'a'; 40]).is_err());
    assert!(engine.scripts.functions().find(b"f").is_none());
    assert!(engine.kill_script(false).is_err() && engine.running_script().is_none());
    assert!(engine.restore_libraries(b"damaged", Policy::Append).is_err());
    assert!(engine.load_library(Bytes::from_static(b"#!lua"), false).is_err());
    assert!(engine.load_script(b"#!python\nreturn 1").is_err());
    let payload = engine.dump_libraries();
    engine.restore_libraries(&payload, Policy::Flush).expect("it holds nothing");
    assert!(!engine.delete_library(b"l") && !engine.scripts.tidy_up());
    engine.flush_scripts(true);
    engine.flush_libraries(true);
    engine.run_ready();
    assert!(engine.scripts.machine.is_none());
    assert_eq!(engine.scripts.usage(), Usage::default());
    assert_eq!(bench.text("return 1"), ":1\r\n");
    let usage = bench.engine.scripts.usage();
    assert!(usage.eval_vm_bytes > 0 && usage.eval_scripts == 1);
    assert_eq!((usage.function_vm_bytes, usage.function_bytes), (0, 0));
    let library = b"#!lua name=l\nredis.register_function('f', function() return 1 end)";
    bench.engine.load_library(Bytes::from_static(library), false).expect("it is a library");
    assert!(bench.engine.scripts.usage().function_vm_bytes > 0);
}
