//! Function libraries: loading, calling, listing, dumping.

use crate::support::Client;
use crate::support::frames::encode;

const OK: &str = "+OK\r\n";
const LIB: &str = "#!lua name=lib\nlocal n=0\n\
                   redis.register_function('inc', function() n=n+1 return n end)\n\
                   redis.register_function{function_name='get', callback=function(keys, args) \
                   return redis.call('get', keys[1]) end, flags={'no-writes'}}";

fn load(c: &mut Client, code: &str) -> String {
    String::from_utf8_lossy(&c.cmd(&["FUNCTION", "LOAD", code])).into_owned()
}

case!(a_library_keeps_its_state, |c| {
    c.expect(&["FUNCTION", "LOAD", LIB], "$3\r\nlib\r\n");
    c.expect(&["FCALL", "inc", "0"], ":1\r\n");
    c.expect(&["FCALL", "INC", "0"], ":2\r\n");
    c.expect(&["FLUSHALL"], OK);
    c.expect(&["SCRIPT", "FLUSH"], OK);
    c.expect(&["FCALL", "inc", "0"], ":3\r\n");
    c.expect(&["FUNCTION", "LOAD", LIB], "-ERR Library 'lib' already exists\r\n");
    c.expect(&["FUNCTION", "LOAD", "REPLACE", LIB], "$3\r\nlib\r\n");
    c.expect(&["FCALL", "inc", "0"], ":1\r\n");
    c.expect(&["FUNCTION", "DELETE", "lib"], OK);
    c.expect(&["FCALL", "inc", "0"], "-ERR Function not found\r\n");
});

case!(readers_are_called_by_fcall_ro, |c| {
    c.expect(&["FUNCTION", "LOAD", LIB], "$3\r\nlib\r\n");
    c.expect(&["SET", "k", "v"], OK);
    c.expect(&["FCALL_RO", "get", "1", "k"], "$1\r\nv\r\n");
    c.expect(
        &["FCALL_RO", "inc", "0"],
        "-ERR Can not execute a script with write flag using *_ro command.\r\n",
    );
    c.expect(&["FCALL", "inc", "x"], "-ERR Bad number of keys provided\r\n");
});

case!(loading_is_checked, |c| {
    for (code, reply) in [
        ("return 1", "-ERR Missing library metadata\r\n"),
        ("#!lua", "-ERR Invalid library metadata\r\n"),
        ("#!lua\n", "-ERR Library name was not given\r\n"),
        (
            "#!lua name=a-b\n",
            "-ERR Library names can only contain letters, numbers, or underscores(_) and must \
             be at least one character long\r\n",
        ),
        ("#!lua name=a\n", "-ERR No functions registered\r\n"),
        (
            "#!lua name=a\nreturn redis.call('get','x')",
            "-ERR Error registering functions: ERR user_function:2: Script attempted to access \
             nonexistent global variable 'call'\r\n",
        ),
        (
            "#!lua name=a\nreturn math",
            "-ERR Error registering functions: ERR user_function:2: Script attempted to access \
             nonexistent global variable 'math'\r\n",
        ),
        (
            "#!lua name=a\nx=1",
            "-ERR Error registering functions: ERR user_function:2: Attempt to modify a \
             readonly table\r\n",
        ),
        (
            "#!lua name=a\nlocal",
            "-ERR Error compiling function: user_function:2: '<name>' expected near '<eof>'\r\n",
        ),
    ] {
        assert_eq!(load(c, code), reply, "{code}");
    }
    c.expect(&["FUNCTION", "LOAD", LIB], "$3\r\nlib\r\n");
    let other = "#!lua name=other\nredis.register_function('INC', function() end)";
    c.expect(&["FUNCTION", "LOAD", other], "-ERR Function INC already exists\r\n");
    c.expect(&["FCALL", "inc", "0"], ":1\r\n");
});

case!(an_endless_library_is_not_loaded, |c| {
    let reply = load(c, "#!lua name=a\nwhile true do end");
    assert_eq!(reply, "-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n");
    c.expect(&["FUNCTION", "LOAD", LIB], "$3\r\nlib\r\n");
});

/// The string in a bulk reply.
fn bulk(reply: &[u8]) -> Vec<u8> {
    let start = reply.iter().position(|b| *b == b'\n').expect("a header") + 1;
    reply[start..reply.len() - 2].to_vec()
}

case!(a_dump_is_restored, |c| {
    c.expect(&["FUNCTION", "LOAD", LIB], "$3\r\nlib\r\n");
    let payload = bulk(&c.cmd(&["FUNCTION", "DUMP"]));
    let restore = |c: &mut Client, payload: &[u8], policy: &str| {
        c.cmd::<&[u8]>(&[b"FUNCTION", b"RESTORE", payload, policy.as_bytes()])
    };
    assert_eq!(restore(c, &payload, "APPEND"), b"-ERR Library lib already exists\r\n");
    assert_eq!(restore(c, &payload, "REPLACE"), b"+OK\r\n");
    c.expect(&["FUNCTION", "FLUSH"], OK);
    c.expect(&["FUNCTION", "LIST"], "*0\r\n");
    let other = "#!lua name=other\nredis.register_function('o', function() return 5 end)";
    c.expect(&["FUNCTION", "LOAD", other], "$5\r\nother\r\n");
    assert_eq!(restore(c, &payload, "FLUSH"), b"+OK\r\n");
    c.expect(&["FCALL", "o", "0"], "-ERR Function not found\r\n");
    c.expect(&["FCALL", "inc", "0"], ":1\r\n");
    let mut broken = payload.clone();
    broken[3] ^= 1;
    let wrong = b"-ERR DUMP payload version or checksum are wrong\r\n";
    assert_eq!(restore(c, &broken, "REPLACE"), wrong);
    assert_eq!(restore(c, b"", "REPLACE"), wrong);
    let policy =
        "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.\r\n";
    assert_eq!(restore(c, &payload, "X"), policy.as_bytes());
});

case!(a_payload_is_restored_as_a_whole, |c| {
    let made = |name: &str, function: &str| {
        format!("#!lua name={name}\nredis.register_function('{function}', function() return 1 end)")
    };
    let mut payloads = Vec::new();
    for (name, function) in [("a", "f"), ("b", "f"), ("c", "g")] {
        c.expect(&["FUNCTION", "FLUSH"], OK);
        c.expect(&["FUNCTION", "LOAD", &made(name, function)], format!("$1\r\n{name}\r\n"));
        payloads.push(bulk(&c.cmd(&["FUNCTION", "DUMP"])));
    }
    // Library c is there.
    let restore = |c: &mut Client, payload: &[u8], policy: &str| {
        c.cmd::<&[u8]>(&[b"FUNCTION", b"RESTORE", payload, policy.as_bytes()])
    };
    assert_eq!(restore(c, &payloads[0], "APPEND"), b"+OK\r\n");
    assert_eq!(restore(c, &payloads[1], "APPEND"), b"-ERR Function f already exists\r\n");
    assert_eq!(restore(c, &payloads[1], "REPLACE"), b"-ERR Function f already exists\r\n");
    c.expect(&["FCALL", "f", "0"], ":1\r\n");
    c.expect(&["FCALL", "g", "0"], ":1\r\n");
    assert_eq!(restore(c, &payloads[1], "FLUSH"), b"+OK\r\n");
    c.expect(&["FCALL", "g", "0"], "-ERR Function not found\r\n");
    c.expect(&["FCALL", "f", "0"], ":1\r\n");
    assert_eq!(restore(c, &payloads[0], "FLUSH"), b"+OK\r\n");
    c.expect(&["FCALL", "f", "0"], ":1\r\n");
    c.expect(&["FUNCTION", "DELETE", "a"], OK);
    c.expect(&["FUNCTION", "LIST"], "*0\r\n");
});

/// The figure of INFO with this name.
fn figure(c: &mut Client, section: &str, name: &str) -> u64 {
    let info = String::from_utf8_lossy(&c.cmd(&["INFO", section])).into_owned();
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
}

case!(what_is_flushed_is_freed_aside, |c| {
    for (count, freed) in [(64, 0), (65, 65)] {
        for n in 0..count {
            c.cmd(&["SCRIPT", "LOAD", &format!("return {n}")]);
        }
        let code = "#!lua name=l\nfor i=1,ARGS do \
                    redis.register_function('f'..i, function() return i end) end";
        c.cmd(&["FUNCTION", "LOAD", &code.replace("ARGS", &count.to_string())]);
        assert_eq!(figure(c, "memory", "number_of_cached_scripts"), count);
        assert!(figure(c, "memory", "used_memory_vm_eval") > 0);
        let before = figure(c, "memory", "lazyfreed_objects");
        c.expect(&["SCRIPT", "FLUSH", "ASYNC"], OK);
        c.until(2000, |c| figure(c, "memory", "lazyfreed_objects") == before + freed);
        c.expect(&["FUNCTION", "FLUSH", "ASYNC"], OK);
        c.until(2000, |c| figure(c, "memory", "lazyfreed_objects") == before + 2 * freed);
        for name in ["number_of_cached_scripts", "used_memory_vm_eval", "used_memory_vm_functions"]
        {
            assert_eq!(figure(c, "memory", name), 0, "{name}");
        }
        c.expect(&["FCALL", "f1", "0"], "-ERR Function not found\r\n");
        c.expect(&["EVAL", "return ARGV[1]", "0", "x"], "$1\r\nx\r\n");
        c.expect(&["SCRIPT", "FLUSH"], OK);
    }
});

case!(libraries_are_saved_with_the_data, |c| {
    c.expect(&["FUNCTION", "LOAD", LIB], "$3\r\nlib\r\n");
    c.expect(&["FCALL", "inc", "0"], ":1\r\n");
    c.expect(&["SET", "k", "v"], OK);
    c.expect(&["DEBUG", "RELOAD"], OK);
    c.expect(&["FCALL", "inc", "0"], ":1\r\n");
    c.expect(&["FCALL_RO", "get", "1", "k"], "$1\r\nv\r\n");
});

fn killed(c: &mut Client) {
    let code = "#!lua name=l\nredis.register_function('loop', function() while true do end end)";
    c.expect(&["FUNCTION", "LOAD", code], "$1\r\nl\r\n");
    let mut runner = c.client();
    runner.send_raw(&encode(&["FCALL", "loop", "0"]));
    let busy = b"-BUSY Redis is busy running a script. You can only call FUNCTION KILL or \
     SHUTDOWN NOSAVE.\r\n";
    while c.cmd(&["PING"]) != busy {}
    assert_eq!(c.cmd(&["SCRIPT", "KILL"]), busy);
    let stats = String::from_utf8_lossy(&c.cmd(&["FUNCTION", "STATS"])).into_owned();
    assert!(stats.contains("$4\r\nname\r\n$4\r\nloop\r\n$7\r\ncommand\r\n*3\r\n$5\r\nFCALL\r\n"));
    c.expect(&["FUNCTION", "KILL"], OK);
    let reply = runner.read_frame();
    assert_eq!(
        String::from_utf8_lossy(&reply),
        "-ERR Script killed by user with FUNCTION KILL. script: loop, on @user_function:2.\r\n"
    );
}

#[test]
fn an_endless_function_is_killed() {
    crate::support::over_tcp(&["--busy-reply-threshold", "20"], killed);
}

fn shut_down(c: &mut Client) {
    let mut runner = c.client();
    runner.send_raw(&encode(&["EVAL", "while true do end", "0"]));
    while !c.cmd(&["PING"]).starts_with(b"-BUSY") {}
    c.send_raw(&encode(&["SHUTDOWN", "NOSAVE"]));
    c.expect_close("");
}

#[test]
fn a_busy_server_can_be_shut_down() {
    crate::support::over_tcp(&["--busy-reply-threshold", "20"], shut_down);
}
