//! What scripts try in order to get out of the sandbox, to stop the server or to eat its memory.
//! Each trick ends in a value or an error of its script, and the next script finds the world as it
//! should be.

use crate::support::Client;
use crate::support::frames::encode;

const OK: &str = "+OK\r\n";

/// What a script answers, the place of an error left out.
fn outcome(c: &mut Client, script: &str) -> String {
    let reply = String::from_utf8_lossy(&c.cmd(&["EVAL", script, "0"])).into_owned();
    match reply.split_once(" script: ") {
        Some((text, _)) if reply.starts_with('-') => text.to_owned(),
        _ => reply,
    }
}

/// Runs the tricks, each of which ends as told, and sees after each that the sandbox is whole.
fn tricks(c: &mut Client, tricks: &[(&str, &str)]) {
    for (script, ends) in tricks {
        let ended = outcome(c, script);
        assert!(ended.starts_with(ends), "{script}\n  ended {ended:.300}");
        whole(c, script);
    }
}

#[track_caller]
fn whole(c: &mut Client, after: &str) {
    let seen = outcome(
        c,
        "local names = {} for k in pairs(_G) do names[#names+1] = tostring(k) end \
        table.sort(names) \
         return #names .. tostring(rawget(_G,'x')) .. ('%s'):format(string.find('ab','b')) .. \
         tostring(redis.call('ping').ok) .. cjson.encode({1})",
    );
    assert!(seen.contains("nil2PONG[1]"), "after {after}: {seen}");
    let names: String = seen.lines().nth(1).unwrap_or("").split("nil").next().unwrap_or("").into();
    assert_eq!(names, GLOBALS.to_string(), "after {after}: globals");
}

/// How many globals a script sees: KEYS and ARGV among them.
const GLOBALS: usize = 38;

case!(environments_end_with_their_script, |c| {
    let none = "-ERR user_script:1: Script attempted to access nonexistent global variable 'x'";
    let given = "-ERR user_script:1: 'setfenv' cannot change environment of given object";
    tricks(
        c,
        &[
            ("setfenv(1,{}) x=1 return x", ":1\r\n"),
            ("local f=loadstring('x=1') setfenv(f,{}) f() return x", none),
            ("local function f() setfenv(2,{}) end f() x=5 return x", ":5\r\n"),
            ("setfenv(0,{})", given),
            ("setfenv(string.find,{})", given),
            ("setfenv(redis.call,{})", given),
            ("getfenv(0).x=1", "-ERR user_script:1: Attempt to modify a readonly table"),
            ("getfenv(pcall).x=1", "-ERR user_script:1: Attempt to modify a readonly table"),
            ("rawset(getfenv(1),'x',1)", "-ERR Attempt to modify a readonly table"),
            ("loadstring('x=1')()", "-ERR [string \"x=1\"]:1: Attempt to modify a readonly table"),
            ("return coroutine.wrap(function() return getfenv(0)==_G end)()", ":1\r\n"),
        ],
    );
    // Only that script itself finds the environment it gave itself.
    let own = "if rawget(getfenv(1),'mine') then return mine end \
               setfenv(1,setmetatable({mine=KEYS[1]},{__index=_G})) return 0";
    c.expect(&["EVAL", own, "1", "first"], ":0\r\n");
    c.expect(&["EVAL", "return KEYS[1]", "1", "other"], "$5\r\nother\r\n");
    c.expect(&["EVAL", own, "1", "second"], "$5\r\nfirst\r\n");
});

case!(kept_arguments_do_not_change, |c| {
    let keeps = "if rawget(getfenv(1),'kept') then return {kept[1],kept.x} end \
                 setfenv(1,setmetatable({kept=KEYS},{__index=_G})) kept.x=7 return 0";
    c.expect(&["EVAL", keeps, "1", "first"], ":0\r\n");
    c.expect(&["EVAL", keeps, "1", "second"], "*2\r\n$5\r\nfirst\r\n:7\r\n");
    for (script, reply) in [
        (
            "KEYS.x=1 KEYS[2]='two' setmetatable(ARGV,{__index=function() return 9 end}) return \
            #KEYS",
            ":2",
        ),
        ("return {tostring(KEYS.x),#KEYS,tostring(ARGV[2])}", "*3\r\n$3\r\nnil\r\n:1\r\n$3\r\nnil"),
        ("KEYS[1]=nil ARGV[1]=nil return {#KEYS,#ARGV}", "*2\r\n:0\r\n:0"),
        ("return {KEYS[1],ARGV[1],#KEYS,#ARGV}", "*4\r\n$1\r\nk\r\n$1\r\na\r\n:1\r\n:1"),
        ("return {KEYS,ARGV}", "*2\r\n*1\r\n$1\r\nk\r\n*1\r\n$1\r\na"),
    ] {
        c.expect(&["EVAL", script, "1", "k", "a"], format!("{reply}\r\n"));
    }
    c.expect(&["EVAL", "return {#KEYS,#ARGV}", "0"], "*2\r\n:0\r\n:0\r\n");
    c.expect(&["EVAL", "return {#KEYS,#ARGV}", "0", "a"], "*2\r\n:0\r\n:1\r\n");
    c.expect(&["EVAL", "return ARGV[1]..#KEYS", "0", "b"], "$2\r\nb0\r\n");
});

case!(compiled_code_stays_out, |c| {
    let refused = "$3\r\nnil\r\n";
    let dumped = "local d=string.dump(function() return 1 end) ";
    tricks(
        c,
        &[
            (&format!("{dumped} return tostring(loadstring(d))"), refused),
            (&format!("{dumped} return tostring(loadstring(d,'=x'))"), refused),
            (&format!("{dumped} return tostring(loadstring('\\27'..d))"), refused),
            (
                &format!(
                    "{dumped} local i=0 return tostring(load(function() i=i+1 local p=d:sub(i,i) \
                     return p~='' and p or nil end))"
                ),
                refused,
            ),
            (
                &format!(
                    "{dumped} local i=0 return tostring(load(function() i=i+1 \
                          return i==2 and d or i==1 and '' or nil end)==nil)"
                ),
                "$5\r\nfalse\r\n",
            ),
            ("return tostring(loadstring('\\27Lua'))", refused),
            ("return tostring(string.dump)", "$"),
            ("string.dump(string.find)", "-ERR"),
        ],
    );
});

case!(coroutines_cross_calls, |c| {
    tricks(
        c,
        &[
            (
                "local co=coroutine.wrap(function() redis.call('set','k','v') \
                 coroutine.yield(redis.call('get','k')) return redis.call('del','k') end) \
                 return {co(),co()}",
                "*2\r\n$1\r\nv\r\n:1\r\n",
            ),
            (
                "local co=coroutine.create(function() redis.call('lpush') end) \
                 local ok,e=coroutine.resume(co) return {tostring(ok),e.err,coroutine.status(co)}",
                "*3\r\n$5\r\nfalse\r\n$",
            ),
            (
                "local co=coroutine.create(function() pcall(coroutine.yield) end) \
                 return tostring((select(2,coroutine.resume(co))))",
                "$3\r\nnil\r\n",
            ),
            (
                "local t={3,2,1} local co=coroutine.create(function() table.sort(t,function() \
                 coroutine.yield() end) end) return select(2,coroutine.resume(co))",
                "$50\r\nattempt to yield across metamethod/C-call boundary",
            ),
            ("coroutine.yield(1)", "-ERR attempt to yield across metamethod/C-call boundary"),
            (
                "coroutine.wrap(redis.call)('ping')",
                "-ERR user_script:1: bad argument #1 to 'wrap' (Lua function expected)",
            ),
            (
                "local co co=coroutine.create(function() coroutine.resume(co) return 1 end) \
                 return select(2,coroutine.resume(co))",
                ":1\r\n",
            ),
            ("return tostring(coroutine.running())", "$3\r\nnil\r\n"),
        ],
    );
});

case!(depth_ends_in_an_error, |c| {
    let deep = "-ERR user_script:1: stack overflow";
    tricks(
        c,
        &[
            ("local function f() return 1+f() end return f()", deep),
            (
                "local t={} setmetatable(t,{__index=function(t,k) return t[k] end}) return t.a",
                "-ERR",
            ),
            (
                "local t={} setmetatable(t,{__index=t}) return t.a",
                "-ERR user_script:1: loop in gettable",
            ),
            (
                "local t={} setmetatable(t,{__newindex=t}) t.a=1",
                "-ERR user_script:1: loop in settable",
            ),
            (
                "local t=setmetatable({},{__tostring=function(t) return tostring(t) end}) return \
                tostring(t)",
                "-ERR",
            ),
            ("local function f() return coroutine.wrap(f)() end return f()", "-ERR"),
            (
                "local function f(a,b) table.sort({3,2,1},f) return a<b end table.sort({3,2,1},f)",
                "-ERR",
            ),
            ("local function f() return xpcall(f,f) end f() return 1", ":1\r\n"),
            ("local function f(x) return (x:gsub('.',f)) end return f('a')", "-ERR"),
            ("local function f() return load(f) end return tostring(f())", "$"),
            ("return tostring(loadstring('return '..('{'):rep(9999)))", "$3\r\nnil\r\n"),
            ("return tostring(loadstring(('do '):rep(9999)..('end '):rep(9999)))", "$3\r\nnil\r\n"),
            ("return tostring(loadstring('local a='..('a..'):rep(9999)..'a'))", "$"),
            (
                "return select('#',unpack({},1,1e7))",
                "-ERR user_script:1: too many results to unpack",
            ),
            ("return #{string.byte(('x'):rep(1e6),1,-1)}", "-ERR"),
            ("local t={} for i=1,300000 do t[i]=i end return string.char(unpack(t))", "-ERR"),
            (
                "local s=('x'):rep(300000) return redis.call('ping',unpack({s:byte(1,7000)}))",
                "-ERR",
            ),
            (
                "return ('a'):rep(1e6):find(('a?'):rep(1e5))",
                "-ERR user_script:1: pattern too complex",
            ),
            ("return ('x'):rep(1e5):find(('(x'):rep(33))", "-ERR user_script:1: too many captures"),
        ],
    );
});

case!(comparators_may_be_evil, |c| {
    let invalid = "-ERR user_script:1: invalid order function for sorting";
    let many = "local t={} for i=1,200 do t[i]=i end ";
    tricks(
        c,
        &[
            (&format!("{many} table.sort(t,function() return true end)"), invalid),
            (&format!("{many} table.sort(t,function() t={{}} return true end)"), invalid),
            (&format!("{many} table.sort(t,function() error('no') end)"), "-ERR user_script:1: no"),
            (&format!("{many} table.sort(t,function(a,b) t[a]=nil return a<b end)"), "-ERR"),
            (
                &format!("{many} table.sort(t,redis.call)"),
                "-ERR Unknown Redis command called from script",
            ),
            ("table.sort({1,'a'})", "-ERR attempt to compare"),
            (
                "return table.concat({1,{},3})",
                "-ERR user_script:1: invalid value (table) at index 2",
            ),
            (
                "return table.concat(setmetatable({},{__index=function() return 'x' end}),'',1,3)",
                "-ERR",
            ),
            (
                "return table.concat({},'x',1,1e9)",
                "-ERR user_script:1: invalid value (nil) at index 1",
            ),
            ("return table.maxn({[1e300]=1})", ":-9223372036854775808\r\n"),
            ("table.insert({},1,2,3)", "-ERR user_script:1: wrong number of arguments to 'insert'"),
            (
                "table.foreach(_G,function(k,v) if k=='redis' then v.call=1 end end)",
                "-ERR user_script:1: Attempt to modify",
            ),
            (
                "for k,v in pairs(redis) do rawset(redis,k,nil) end",
                "-ERR Attempt to modify a readonly table",
            ),
            (
                "for k,v in next,_G do if type(v)=='table' then v.x=1 end end",
                "-ERR user_script:1: Attempt to modify",
            ),
        ],
    );
});

case!(nothing_is_finalised, |c| {
    tricks(
        c,
        &[
            ("return tostring(getmetatable(newproxy(true)))", "$3\r\nnil\r\n"),
            (
                "getmetatable(newproxy(true)).__gc=function() x=1 end",
                "-ERR user_script:1: attempt to index a nil",
            ),
            ("return type(newproxy(newproxy(true)))", "$8\r\nuserdata\r\n"),
            (
                "setmetatable({},{__gc=function() redis.call('set','gc',1) end}) collectgarbage() \
                return redis.call('exists','gc')",
                ":0\r\n",
            ),
            (
                "setmetatable({},{__mode='kv'}) collectgarbage() return type(gcinfo())",
                "$6\r\nnumber\r\n",
            ),
            (
                "collectgarbage('stop') collectgarbage('setpause',1e9) return \
                collectgarbage('setstepmul',0)",
                ":200\r\n",
            ),
            ("return type(collectgarbage('count'))", "$6\r\nnumber\r\n"),
            (
                "collectgarbage('nothing')",
                "-ERR user_script:1: bad argument #1 to 'collectgarbage' (invalid option \
                'nothing')",
            ),
        ],
    );
    for name in ["debug", "io", "os", "package", "require", "module", "dofile", "loadfile", "print"]
    {
        let text = format!(
            "-ERR user_script:1: Script attempted to access nonexistent global variable '{name}'"
        );
        tricks(c, &[(&format!("return {name}"), &text)]);
    }
});

case!(errors_may_be_anything, |c| {
    tricks(
        c,
        &[
            ("error({err='MINE x'})", "-MINE x"),
            ("error({})", "-ERR unknown error"),
            ("error()", "-ERR"),
            ("error(nil)", "-ERR"),
            ("error(true)", "-ERR true"),
            ("error(function() end)", "-ERR function"),
            (
                "error(setmetatable({},{__tostring=function() while true do end end}))",
                "-ERR unknown error",
            ),
            (
                "error(setmetatable({},{__index=function() error('again') end}))",
                "-ERR unknown error",
            ),
            ("error({err={}})", "-ERR unknown error"),
            ("error({err='a\\r\\nb'})", "-a"),
            ("error(redis)", "-ERR table"),
            ("error(_G)", "-ERR table"),
            ("return {err={}}", "*0\r\n"),
            ("return setmetatable({},{__index=function() error('no') end})", "*0\r\n"),
            ("local ok,e=pcall(error,{err='E'}) return e", "$1\r\nE\r\n"),
            (
                "return select(2,xpcall(function() error('a',0) end,function(e) return e..'b' \
                end))",
                "$2\r\nab\r\n",
            ),
            ("return select(2,xpcall(function() error('a') end,function() error('b') end))", "+"),
        ]
        .map(|(script, ends)| if ends == "+" { (script, "") } else { (script, ends) }),
    );
});

case!(formats_are_read_with_care, |c| {
    tricks(
        c,
        &[
            (
                "return struct.unpack('c1000000000','x')",
                "-ERR user_script:1: bad argument #2 to 'unpack' (data string too short)",
            ),
            ("return struct.unpack('c99999999999999999999','x')", "-ERR"),
            ("return struct.unpack('I33','x')", "-ERR"),
            ("return struct.unpack('i','x',2147483647)", "-ERR"),
            ("return struct.unpack('i','x',-5)", "-ERR"),
            ("return struct.pack('c0','x')", "$1\r\nx\r\n"),
            ("return struct.pack('s',{})", "-ERR"),
            ("return struct.size('c2147483647c2147483647c2147483647')", ":6442450941\r\n"),
            ("return struct.size('s')", "-ERR"),
            ("return struct.unpack('!3i','abcdefgh')", "-ERR"),
            ("return select('#',struct.unpack(('s'):rep(300),('\\0'):rep(300)))", ":301\r\n"),
            (
                "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
                "-ERR user_script:1: Missing bytes in input.",
            ),
            (
                "return cmsgpack.unpack('\\223\\255\\255\\255\\255')",
                "-ERR user_script:1: Missing bytes in input.",
            ),
            (
                "return cmsgpack.unpack('\\219\\255\\255\\255\\255')",
                "-ERR user_script:1: Missing bytes in input.",
            ),
            ("return cmsgpack.unpack('\\129\\192\\1')", "-ERR table index is nil"),
            (
                "return cmsgpack.unpack('\\129\\203\\127\\248\\0\\0\\0\\0\\0\\0\\1')",
                "-ERR table index is NaN",
            ),
            ("return cmsgpack.unpack(('\\145'):rep(1e6))", "-ERR user_script:1: stack overflow"),
            ("return cmsgpack.unpack(('\\1'):rep(1e6))", "-ERR user_script:1: stack overflow"),
            ("local t={} for i=1,99 do t={t} end return #cmsgpack.pack(t)", ":17\r\n"),
            ("local t={} t.t=t return #cmsgpack.pack(t)", ":49\r\n"),
            (
                "return cjson.decode(('[1,'):rep(100000))",
                "-ERR user_script:1: Found too many nested",
            ),
            (
                "return cjson.decode(('{\"a\":'):rep(100000))",
                "-ERR user_script:1: Found too many nested",
            ),
            (
                "local t={} for i=1,2000 do t={t} end return cjson.encode(t)",
                "-ERR user_script:1: Cannot serialise, excessive nesting",
            ),
            (
                "local t={} t.t=t return cjson.encode(t)",
                "-ERR user_script:1: Cannot serialise, excessive nesting",
            ),
            (
                "return cjson.encode({[1]=1,[2^31]=2})",
                "-ERR user_script:1: Cannot serialise table: excessively sparse array",
            ),
            ("return bit.lshift(1,1e300)", ":"),
            ("return bit.tohex(1,-2147483648)", "$8\r\n00000001\r\n"),
        ],
    );
});

case!(memory_is_bounded_whatever_asks_for_it, ["--lua-memory-limit", "8mb"], |c| {
    let mb = "local s=('x'):rep(2^18) local t={} for i=1,4000 do t[i]=s end ";
    let out = "-ERR not enough memory";
    let script = format!("-ERR Error running script {}", "");
    let stopped = script.trim_end();
    tricks(
        c,
        &[
            ("return ('x'):rep(2^31)", out),
            ("return ('x'):rep(2^40)", out),
            ("local s='x' while true do s=s..s end", stopped),
            ("local t={} while true do t[#t+1]={} end", stopped),
            ("local t={} while true do t[#t+1]=function() return t end end", stopped),
            ("local t={} while true do t[#t+1]=coroutine.create(function() end) end", stopped),
            ("local t={} while true do t[#t+1]=newproxy() end", stopped),
            ("local t={} while true do t[{}]=#t end", stopped),
            ("return load(function() return ('x '):rep(2^18) end)", out),
            (&format!("{mb} return table.concat(t)"), stopped),
            (&format!("{mb} return cjson.encode(t)"), out),
            (&format!("{mb} return cmsgpack.pack(t)"), out),
            (
                &format!("{mb} return redis.call('rpush','l',unpack(t))"),
                "-ERR not enough memory for the arguments",
            ),
            (&format!("{mb} return s:gsub('.*',('%0'):rep(4000))"), out),
            (&format!("{mb} return s:gsub('(.*)',('%1'):rep(4000))"), out),
            (&format!("{mb} return s:gsub('.',s)"), out),
            (&format!("{mb} return s:gsub('.',function() return s end)"), out),
            (&format!("{mb} return ('%s'):rep(100):format(unpack(t))"), stopped),
            ("local t=('x'):rep(9999) for i=1,40 do t={t,t} end return cjson.encode(t)", out),
            ("local t=('x'):rep(9999) for i=1,15 do t={t,t,t} end return cmsgpack.pack(t)", out),
            (
                "cjson.encode_sparse_array(false,0,0) local ok,e=pcall(cjson.encode,{[2^31-2]=1}) \
                cjson.encode_sparse_array(false,2,10) error(e,0)",
                out,
            ),
            ("return cmsgpack.unpack('\\221\\0\\3\\255\\255'..('\\144'):rep(2^18))", out),
            ("return cjson.decode('['..('[],'):rep(2^18)..'1]')", out),
            ("return cjson.decode('['..('{\"a\":1},'):rep(2^18)..'1]')", out),
        ],
    );
    c.expect(&["EXISTS", "l"], ":0\r\n");
    // What they left is garbage.
    c.expect(&["EVAL", "collectgarbage() return collectgarbage('count') < 2048", "0"], ":1\r\n");
});

/// Scripts without an end of their own, by what they hide in.
const ENDLESS: &[&str] = &[
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(error) end",
    "while true do redis.pcall('get','k') end",
    "while true do pcall(redis.call,'nothing') end",
    "local function f() return f() end return f()",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "local co=coroutine.wrap(function() while true do coroutine.yield() end end) while true do \
    co() end",
    "return string.find(string.rep('a',3000),string.rep('a*',300)..'b')",
    "return string.match(string.rep('a',3000),string.rep('a-',300)..'b')",
    "for w in string.gmatch(string.rep('a',3000),string.rep('a*',300)..'b') do end",
    "return string.gsub(string.rep('a',3000),string.rep('a*',300)..'b','')",
    "return string.gsub('a','.',function() while true do end end)",
    "return string.gsub('a','.',setmetatable({},{__index=function() while true do end end}))",
    "local s=('a'):rep(1e6) while true do s:gsub('.','%0') end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "xpcall(error, function() while true do end end)",
    "local t={3,2,1} table.sort(t,function() while true do end end)",
    "local m={__lt=function() while true do end end} \
     table.sort({setmetatable({},m),setmetatable({},m)})",
    "table.foreach({1},function() while true do end end)",
    "return tostring(setmetatable({},{__tostring=function() while true do end end}))",
    "return setmetatable({},{__index=function() while true do end end}).x",
    "return setmetatable({},{__concat=function() while true do end end})..'x'",
    "return load(function() while true do end end)",
    "local i=0 return load(function() i=i+1 return ' ' end)",
    "loadstring('while true do end')()",
    "local t={} for i=1,28 do t={t,t} end while true do cjson.encode(t) end",
    "local t={1} for i=1,15 do t={t,t,t,t,t} end while true do cmsgpack.pack(t) end",
    "local j='['..('[],'):rep(2^20)..'1]' while true do cjson.decode(j) end",
    "local m='\\220\\255\\255'..('\\144'):rep(65535) while true do cmsgpack.unpack(m) end",
    "while true do pcall(cjson.encode,{math.huge}) pcall(cjson.decode,'[') end",
    "while true do pcall(string.rep,'x',-1) struct.unpack('i4','abcd') bit.tobit(1) end",
    "while true do collectgarbage('count') math.random() redis.sha1hex('') end",
];

/// Time must pass by itself here, so these run against a process only.
fn killed(c: &mut Client) {
    let busy = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN \
                 NOSAVE.\r\n";
    for script in ENDLESS {
        let mut runner = c.client();
        runner.send_raw(&encode(&["EVAL", script, "0"]));
        // Others are held until the threshold, then answered.
        while c.cmd(&["PING"]) != busy {}
        c.expect(&["SCRIPT", "KILL"], OK);
        let reply = runner.read_frame();
        let text = b"-ERR Script killed by user with SCRIPT KILL. script: ";
        assert!(reply.starts_with(text), "{script}: {:.300}", String::from_utf8_lossy(&reply));
        c.expect(&["PING"], "+PONG\r\n");
        whole(c, script);
    }
}

#[test]
fn whatever_hides_an_endless_script_it_is_killed() {
    crate::support::over_tcp(&["--busy-reply-threshold", "20"], killed);
}
