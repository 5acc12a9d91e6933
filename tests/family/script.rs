//! EVAL: values both ways, what scripts may do, what they may not, and what programs do with them.

use crate::support::Client;
use crate::support::frames::encode;
use crate::support::local::Inner;

const OK: &str = "+OK\r\n";

/// Runs a script without keys.
fn eval(c: &mut Client, script: &str) -> String {
    String::from_utf8_lossy(&c.cmd(&["EVAL", script, "0"])).into_owned()
}

/// The script answers exactly this.
fn says(c: &mut Client, script: &str, reply: &str) {
    assert_eq!(eval(c, script), reply, "{script}");
}

/// The script ends in an error with this text, the place left out.
fn fails(c: &mut Client, script: &str, text: &str) {
    let reply = eval(c, script);
    assert!(reply.starts_with(&format!("-{text} script: ")), "{script}: {reply}");
}

case!(keys_and_arguments_reach_the_script, |c| {
    c.expect(
        &["EVAL", "return {KEYS[1],ARGV[1],#KEYS,#ARGV}", "1", "k", "v", "w"],
        "*4\r\n$1\r\nk\r\n$1\r\nv\r\n:1\r\n:2\r\n",
    );
    c.expect(&["EVAL", "return 1", "x"], "-ERR value is not an integer or out of range\r\n");
    c.expect(&["EVAL", "return 1", "-1"], "-ERR Number of keys can't be negative\r\n");
    let too_many = "-ERR Number of keys can't be greater than number of args\r\n";
    c.expect(&["EVAL", "return 1", "2", "a"], too_many);
});

case!(a_script_is_known_by_its_digest, |c| {
    let sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
    c.expect(&["EVALSHA", sha, "0"], "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    c.expect(&["SCRIPT", "LOAD", "return 1"], format!("$40\r\n{sha}\r\n"));
    c.expect(&["EVALSHA", &sha.to_uppercase(), "0"], ":1\r\n");
    c.expect(&["SCRIPT", "EXISTS", sha, "no"], "*2\r\n:1\r\n:0\r\n");
    c.expect(&["FLUSHALL"], OK);
    c.expect(&["EVALSHA_RO", sha, "0"], ":1\r\n");
    c.expect(&["SCRIPT", "FLUSH", "ASYNC"], OK);
    c.expect(&["SCRIPT", "EXISTS", sha], "*1\r\n:0\r\n");
    says(c, "return 1", ":1\r\n");
    c.expect(&["EVALSHA", sha, "0"], ":1\r\n");
    c.expect(&["SCRIPT", "DEBUG", "YES"], "-ERR This server has no debugger of scripts\r\n");
    c.expect(&["SCRIPT", "KILL"], "-NOTBUSY No scripts in execution right now.\r\n");
});

case!(commands_run_in_the_order_of_the_script, |c| {
    says(
        c,
        "redis.call('set','k','1') redis.call('incr','k') return redis.call('get','k')",
        "$1\r\n2\r\n",
    );
    fails(
        c,
        "redis.call('lpush','k','x')",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
    );
    says(
        c,
        "return redis.pcall('lpush','k','x').err",
        "$65\r\nWRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    );
    says(
        c,
        "redis.call('select',3) redis.call('set','in3',1) return redis.call('dbsize')",
        ":1\r\n",
    );
    c.expect(&["EXISTS", "in3"], ":0\r\n");
    says(c, "return redis.call('blpop','nothing',0)", "$-1\r\n");
    fails(c, "return redis.call('multi')", "ERR This Redis command is not allowed from script");
});

case!(readers_may_not_write, |c| {
    let refused = "ERR Write commands are not allowed from read-only scripts.";
    fails(c, "#!lua flags=no-writes\nreturn redis.call('set','k','v')", refused);
    let reply = c.cmd(&["EVAL_RO", "return redis.call('del','k')", "1", "k"]);
    assert!(reply.starts_with(format!("-{refused}").as_bytes()));
    c.expect(
        &["EVAL_RO", "#!lua\nreturn 1", "0"],
        "-ERR Can not execute a script with write flag using *_ro command.\r\n",
    );
    says(c, "#!lua flags=bad\nreturn 1", "-ERR Unexpected flag in script shebang: bad\r\n");
});

case!(the_sandbox_holds, |c| {
    let readonly = "ERR user_script:1: Attempt to modify a readonly table";
    let bare = "ERR Attempt to modify a readonly table";
    for script in [
        "x=1",
        "_G.x=1",
        "redis.call=1",
        "string.find=1",
        "cjson.x=1",
        "_G._G=1",
        "getmetatable(_G).__index=nil",
        "getmetatable('').__index=nil",
        "getmetatable('').__index.find=nil",
        "math.random=nil",
        "coroutine.wrap=nil",
    ] {
        fails(c, script, readonly);
    }
    for script in [
        "rawset(_G,'x',1)",
        "rawset(redis,'call',1)",
        "setmetatable(_G,{})",
        "setmetatable(redis,nil)",
        "table.insert(redis,1)",
        "rawset(getmetatable(''),'__index',1)",
        "rawset(getmetatable(_G),'__index',1)",
        "setmetatable(getmetatable(_G),{})",
    ] {
        fails(c, script, bare);
    }
    for name in ["print", "dofile", "loadfile", "os", "io", "debug", "package", "require"] {
        let text = format!(
            "ERR user_script:1: Script attempted to access nonexistent global variable '{name}'"
        );
        fails(c, &format!("return {name}"), &text);
    }
    // What comes out of the tables' own functions is no way around them either.
    says(
        c,
        "for k,v in pairs(_G) do if k=='redis' then return rawget(v,'foo') end \
     end",
        "$-1\r\n",
    );
    says(c, "local k,v=next(_G) return type(k)", "$6\r\nstring\r\n");
    says(c, "return tostring(getfenv(pcall)==_G)..tostring(getfenv(0)==_G)", "$8\r\ntruetrue\r\n");
    fails(
        c,
        "setfenv(0,{})",
        "ERR user_script:1: 'setfenv' cannot change environment of given object",
    );
    fails(
        c,
        "setfenv(pcall,{})",
        "ERR user_script:1: 'setfenv' cannot change environment of given object",
    );
    says(c, "local f=setfenv(function() return x end,{x=7}) return f()", ":7\r\n");
    says(c, "return type(getmetatable(newproxy(true)))", "$3\r\nnil\r\n");
    says(c, "return ('x'):rep(2)", "$2\r\nxx\r\n");
});

case!(compiled_code_is_not_loaded, |c| {
    says(c, "return tostring(loadstring(string.dump(function() return 1 end)))", "$3\r\nnil\r\n");
    says(
        c,
        "local d=string.dump(function() end) return tostring(load(function() local x=d d=nil \
         return x end))",
        "$3\r\nnil\r\n",
    );
    let reply = eval(c, "\u{1b}LuaQ");
    assert!(reply.starts_with("-ERR Error compiling script"), "{reply}");
});

case!(scripts_leave_nothing_behind, |c| {
    says(c, "redis.setresp(3) return 1", ":1\r\n");
    says(c, "return tostring(redis.call('get','none'))", "$5\r\nfalse\r\n");
    says(c, "KEYS.x=1 ARGV.y=2 return 1", ":1\r\n");
    says(c, "return KEYS.x", "$-1\r\n");
    says(c, "collectgarbage('stop') return 1", ":1\r\n");
});

case!(errors_are_counted_once, |c| {
    c.expect(&["CONFIG", "RESETSTAT"], OK);
    c.expect(&["SET", "k", "v"], OK);
    eval(c, "return redis.call('lpush','k','x')");
    eval(c, "error('x')");
    eval(c, "return redis.error_reply('MINE x')");
    let info = String::from_utf8_lossy(&c.cmd(&["INFO", "commandstats"])).into_owned();
    let line = |name: &str| info.lines().find(|l| l.starts_with(name)).unwrap_or("").to_owned();
    assert!(line("cmdstat_eval:").starts_with("cmdstat_eval:calls=3,"), "{info}");
    assert!(line("cmdstat_eval:").ends_with(",failed_calls=3"), "{info}");
    assert!(line("cmdstat_lpush:").ends_with(",failed_calls=1"), "{info}");
    let info = String::from_utf8_lossy(&c.cmd(&["INFO", "errorstats"])).into_owned();
    for line in ["ERR:count=1", "MINE:count=1", "WRONGTYPE:count=1"] {
        assert!(info.contains(&format!("errorstat_{line}\r\n")), "{info}");
    }
});

case!(a_transaction_holds_scripts, |c| {
    c.expect(&["MULTI"], OK);
    c.expect(&["EVAL", "return redis.call('incr',KEYS[1])", "1", "n"], "+QUEUED\r\n");
    c.expect(&["EVAL", "return redis.call('incr',KEYS[1])", "1", "n"], "+QUEUED\r\n");
    c.expect(&["EXEC"], "*2\r\n:1\r\n:2\r\n");
});

case!(large_values_pass, |c| {
    let big = "x".repeat(200_000);
    c.expect(&["SET", "big", &big], OK);
    says(c, "return #redis.call('get','big')", ":200000\r\n");
    says(
        c,
        "redis.call('set','twice',redis.call('get','big')..redis.call('get','big')) return \
         redis.call('strlen','twice')",
        ":400000\r\n",
    );
    says(
        c,
        "for i=1,3000 do redis.call('rpush','l',i) end return #redis.call('lrange','l',0,-1)",
        ":3000\r\n",
    );
    says(c, "local t={} for i=1,9000 do t={t} end local ok=1 return ok", ":1\r\n");
    let deep = eval(c, "local t={} for i=1,9000 do t={t} end return t");
    assert!(deep.ends_with("-ERR reached lua stack limit\r\n"), "the nesting is cut");
});

case!(memory_is_bounded, ["--lua-memory-limit", "20mb"], |c| {
    let reply = eval(c, "local s='x' for i=1,40 do s=s..s end return #s");
    assert!(
        reply.starts_with("-ERR Error running script ")
            && reply.ends_with(", not enough memory\r\n")
    );
    fails(c, "return string.rep('x',100000000)", "ERR not enough memory");
    says(c, "return 1", ":1\r\n");
});

/// Scripts of a lock that expires, as clients of Redis build it; each answers 1 to its holder.
const RELEASE: &str = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end\n\
                       return redis.call('del', KEYS[1])";
const EXTEND: &str = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end\n\
                      local ms, left = ARGV[2], redis.call('pttl', KEYS[1])\n\
                      if left < 0 then return 0 end\n\
                      if ARGV[3] == '0' then ms = ms + left end\n\
                      return redis.call('pexpire', KEYS[1], ms)";
const REACQUIRE: &str = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end\n\
                         return redis.call('pexpire', KEYS[1], ARGV[2])";

/// The milliseconds a lock has left, as far as a slow machine can tell.
fn left(c: &mut Client, low: i64, high: i64) {
    let left = c.int(&["PTTL", "lock"]);
    assert!((low..=high).contains(&left), "{left} is not in {low}..={high}");
}

case!(a_lock_is_released_by_its_holder_alone, |c| {
    let mut names = Vec::new();
    for script in [RELEASE, EXTEND, REACQUIRE] {
        let reply = String::from_utf8_lossy(&c.cmd(&["SCRIPT", "LOAD", script])).into_owned();
        names.push(reply.lines().nth(1).expect("a digest").to_owned());
    }
    let [release, extend, reacquire] = [&names[0], &names[1], &names[2]].map(String::as_str);
    // Acquire: who comes second does not get it.
    c.expect(&["SET", "lock", "me", "NX", "PX", "100000"], OK);
    c.expect(&["SET", "lock", "other", "NX", "PX", "100000"], "$-1\r\n");
    c.expect(&["EVALSHA", release, "1", "lock", "other"], ":0\r\n");
    c.expect(&["EVALSHA", extend, "1", "lock", "me", "50000", "0"], ":1\r\n");
    left(c, 120_000, 150_000);
    c.expect(&["EVALSHA", extend, "1", "lock", "me", "50000", "1"], ":1\r\n");
    left(c, 30_000, 50_000);
    c.expect(&["EVALSHA", extend, "1", "lock", "other", "1", "0"], ":0\r\n");
    c.expect(&["EVALSHA", reacquire, "1", "lock", "me", "90000"], ":1\r\n");
    left(c, 70_000, 90_000);
    c.expect(&["EVALSHA", reacquire, "1", "lock", "other", "1"], ":0\r\n");
    c.expect(&["EVALSHA", release, "1", "lock", "me"], ":1\r\n");
    // It is anybody's again, and the first holder has lost it for good.
    c.expect(&["EVALSHA", release, "1", "lock", "me"], ":0\r\n");
    c.expect(&["EVALSHA", extend, "1", "lock", "me", "1", "0"], ":0\r\n");
    c.expect(&["SET", "lock", "other", "NX", "PX", "40"], OK);
    c.expect(&["EVALSHA", release, "1", "lock", "me"], ":0\r\n");
    c.until(2000, |c| c.int(&["EXISTS", "lock"]) == 0);
    c.expect(&["EVALSHA", reacquire, "1", "lock", "other", "90000"], ":0\r\n");
});

case!(a_sliding_window_limits_the_rate, |c| {
    let allow = "local key, now, window, limit = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), \
     tonumber(ARGV[3])\n\
                 redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)\n\
                 if redis.call('ZCARD', key) >= limit then return {0, redis.call('ZRANGE', key, \
                        0, 0, 'WITHSCORES')[2]} end\n\
                 redis.call('ZADD', key, now, now) redis.call('PEXPIRE', key, window) return \
                        {1, false}";
    for (now, reply) in [
        ("100", "*2\r\n:1\r\n$-1\r\n"),
        ("200", "*2\r\n:1\r\n$-1\r\n"),
        ("300", "*2\r\n:0\r\n$3\r\n100\r\n"),
        ("1101", "*2\r\n:1\r\n$-1\r\n"),
    ] {
        c.expect(&["EVAL", allow, "1", "rate", now, "1000", "2"], reply);
    }
});

case!(a_queue_packs_its_jobs, |c| {
    let push =
        "return redis.call('LPUSH', KEYS[1], cmsgpack.pack({id=tonumber(ARGV[1]), body=ARGV[2]}))";
    let pop = "local raw = redis.call('RPOP', KEYS[1]) if not raw then return nil end\n\
               local job = cmsgpack.unpack(raw) return cjson.encode({job.id, job.body})";
    c.expect(&["EVAL", push, "1", "q", "1", "first"], ":1\r\n");
    c.expect(&["EVAL", push, "1", "q", "2", "second"], ":2\r\n");
    c.expect(&["EVAL", pop, "1", "q"], "$11\r\n[1,\"first\"]\r\n");
    c.expect(&["EVAL", pop, "1", "q"], "$12\r\n[2,\"second\"]\r\n");
    c.expect(&["EVAL", pop, "1", "q"], "$-1\r\n");
});

// A job that a worker took and did not finish in time goes back to the queue.
case!(a_queue_loses_no_job, |c| {
    // KEYS: waiting, taken, deadlines. What the client packed is opened by the script.
    let push = "local job = cmsgpack.unpack(ARGV[1]) job.tries = 0\n\
                return redis.call('LPUSH', KEYS[1], cmsgpack.pack(job))";
    let take = "local raw = redis.call('RPOP', KEYS[1]) if not raw then return nil end\n\
                local job = cmsgpack.unpack(raw) job.tries = job.tries + 1\n\
                redis.call('HSET', KEYS[2], job.id, cmsgpack.pack(job))\n\
                redis.call('ZADD', KEYS[3], ARGV[1] + ARGV[2], job.id)\n\
                return cjson.encode({job.id, job.body, job.tries})";
    let finish = "redis.call('ZREM', KEYS[3], ARGV[1]) return redis.call('HDEL', KEYS[2], ARGV[1])";
    let recover = "local late = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1])\n\
                   for _, id in ipairs(late) do\n\
                   redis.call('RPUSH', KEYS[1], redis.call('HGET', KEYS[2], id))\n\
                   redis.call('HDEL', KEYS[2], id) redis.call('ZREM', KEYS[3], id) end\n\
                   return #late";
    // {"id": n, "body": text} as a client packs it.
    let packed = |id: u8, body: &str| {
        let text = [b"\x82\xa2id", &[id][..], b"\xa4body", &[0xa0 | body.len() as u8]].concat();
        [&text, body.as_bytes()].concat()
    };
    let call = |c: &mut Client, script: &str, arguments: &[&[u8]]| {
        let mut words: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"3", b"q", b"t", b"d"];
        words.extend(arguments);
        String::from_utf8_lossy(&c.cmd(&words)).into_owned()
    };
    assert_eq!(call(c, push, &[&packed(1, "first")]), ":1\r\n");
    assert_eq!(call(c, push, &[&packed(2, "second")]), ":2\r\n");
    assert_eq!(call(c, take, &[b"1000", b"50"]), "$13\r\n[1,\"first\",1]\r\n");
    assert_eq!(call(c, take, &[b"1010", b"50"]), "$14\r\n[2,\"second\",1]\r\n");
    assert_eq!(call(c, take, &[b"1020", b"50"]), "$-1\r\n");
    assert_eq!(call(c, finish, &[b"2"]), ":1\r\n");
    assert_eq!(call(c, recover, &[b"1049"]), ":0\r\n");
    assert_eq!(call(c, recover, &[b"1100"]), ":1\r\n");
    assert_eq!(call(c, take, &[b"1100", b"50"]), "$13\r\n[1,\"first\",2]\r\n");
    assert_eq!(call(c, finish, &[b"1"]), ":1\r\n");
    assert_eq!(call(c, finish, &[b"1"]), ":0\r\n");
    c.expect(&["EXISTS", "q", "t", "d"], ":0\r\n");
    let broken = call(c, push, &[b"\x82\xa2id"]);
    assert!(broken.starts_with("-ERR user_script:1: Missing bytes in input."), "{broken}");
});

// Points are kept per player; ties go to who had them first.
case!(a_leaderboard_keeps_its_order, |c| {
    let score = "local now, best = tonumber(ARGV[2]), redis.call('ZSCORE', KEYS[1], ARGV[1])\n\
                 local rest = 1 - ARGV[3] / 1000\n\
                 if best and math.floor(best) >= now then return math.floor(best) end\n\
                 redis.call('ZADD', KEYS[1], now + rest, ARGV[1]) return now";
    let around = "local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])\n\
                  if not rank then return redis.error_reply('NOPLAYER no such player') end\n\
                  local first = math.max(rank - 1, 0)\n\
                  local rows = redis.call('ZREVRANGE', KEYS[1], first, rank + 1, 'WITHSCORES')\n\
                  local out = {}\n\
                  for i = 1, #rows, 2 do\n\
                  out[#out + 1] = {first + (i + 1) / 2, rows[i], math.floor(rows[i + 1])} end\n\
                  return out";
    for (player, points, at, best) in [
        ("ann", "10", "1", ":10\r\n"),
        ("bob", "30", "2", ":30\r\n"),
        ("cid", "10", "3", ":10\r\n"),
        ("bob", "20", "4", ":30\r\n"),
        ("dan", "25", "5", ":25\r\n"),
    ] {
        c.expect(&["EVAL", score, "1", "board", player, points, at], best);
    }
    let row = |rank: u32, player: &str, points: u32| {
        format!("*3\r\n:{rank}\r\n$3\r\n{player}\r\n:{points}\r\n")
    };
    let top = ["*2\r\n".to_owned(), row(1, "bob", 30), row(2, "dan", 25)].concat();
    c.expect(&["EVAL", around, "1", "board", "bob"], top);
    let middle = ["*3\r\n".to_owned(), row(2, "dan", 25), row(3, "ann", 10), row(4, "cid", 10)];
    c.expect(&["EVAL", around, "1", "board", "ann"], middle.concat());
    let end = ["*2\r\n".to_owned(), row(3, "ann", 10), row(4, "cid", 10)].concat();
    c.expect(&["EVAL_RO", around, "1", "board", "cid"], end);
    c.expect(&["EVAL", around, "1", "board", "eve"], "-NOPLAYER no such player\r\n");
    c.expect(&["DEL", "board"], ":1\r\n");
});

/// Time must pass by itself here, so this runs against a process only.
fn wrote(c: &mut Client) {
    let mut runner = c.client();
    runner.cmd(&["MULTI"]);
    runner.cmd(&["SET", "before", "1"]);
    runner.cmd(&[
        "EVAL",
        "while redis.call('get','stop') == false do redis.pcall('nothing') end",
        "0",
    ]);
    runner.cmd(&["SET", "after", "1"]);
    runner.send_raw(&encode(&["EXEC"]));
    while !c.cmd(&["PING"]).starts_with(b"-BUSY") {}
    c.expect(&["SCRIPT", "KILL"], OK);
    let reply = String::from_utf8_lossy(&runner.read_frame()).into_owned();
    assert!(
        reply.starts_with(
            "*3\r\n+OK\r\n-ERR Script \
     killed"
        ) && reply.ends_with("\r\n+OK\r\n")
    );
    c.expect(&["MGET", "before", "after"], "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
    runner.send_raw(&encode(&["EVAL", "redis.call('set','w','1') while true do end", "0"]));
    while !c.cmd(&["PING"]).starts_with(b"-BUSY") {}
    let reply = c.cmd(&["SCRIPT", "KILL"]);
    assert!(reply.starts_with(b"-UNKILLABLE Sorry the script already executed write commands"));
    assert!(c.cmd(&["FUNCTION", "KILL"]).starts_with(b"-UNKILLABLE"));
    assert!(c.cmd(&["SHUTDOWN"]).starts_with(b"-BUSY"));
}

#[test]
fn a_script_that_wrote_is_not_killed() {
    crate::support::over_tcp(&["--busy-reply-threshold", "20"], wrote);
}

/// The words of the propagation stream after these requests.
fn stream(requests: &[&[&str]]) -> String {
    let mut world = Inner::new(&[], 1);
    world.engine.keep_stream();
    let client = world.connect();
    for request in requests {
        world.feed(client, &encode(request));
    }
    let text = String::from_utf8(world.engine.take_stream()).expect("plain text");
    let words = text.split("\r\n").filter(|w| !w.is_empty() && !w.starts_with(['*', '$']));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_script_changes_is_one_unit() {
    let two = "redis.call('set','a',1) redis.call('get','a') redis.call('incr','a')";
    assert_eq!(stream(&[&["EVAL", two, "0"]]), "SELECT 0 MULTI set a 1 incr a EXEC");
    assert_eq!(stream(&[&["EVAL", "redis.call('set','a',1)", "0"]]), "SELECT 0 set a 1");
    assert_eq!(stream(&[&["EVAL", "return redis.call('get','a')", "0"]]), "");
    let silent = "redis.set_repl(redis.REPL_NONE) redis.call('set','a',1) \
                  redis.set_repl(redis.REPL_ALL) redis.call('set','b',2)";
    assert_eq!(stream(&[&["EVAL", silent, "0"]]), "SELECT 0 set b 2");
    let failing = "redis.call('set','a',1) error('x')";
    assert_eq!(stream(&[&["EVAL", failing, "0"]]), "SELECT 0 set a 1");
    let in_exec: [&[&str]; 4] = [&["MULTI"], &["EVAL", two, "0"], &["SET", "z", "9"], &["EXEC"]];
    assert_eq!(stream(&in_exec), "SELECT 0 MULTI set a 1 incr a SET z 9 EXEC");
}
