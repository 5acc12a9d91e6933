//! Errors of scripts: where they began, and what of their texts reaches the client. The answers
//! were taken from a running Redis.

use crate::support::Client;

/// What a script answers; its name left out.
fn outcome(c: &mut Client, script: &str) -> String {
    let reply = String::from_utf8_lossy(&c.cmd(&["EVAL", script, "0"])).into_owned();
    match reply.split_once(" script: ") {
        Some((text, place)) if reply.starts_with('-') => {
            let on = place.split_once(", on ").map_or("", |(_, on)| on);
            format!("{text} on {on}")
        }
        _ => reply,
    }
}

fn outcomes(c: &mut Client, all: &[(&str, &str)]) {
    for (script, expected) in all {
        assert_eq!(outcome(c, script).trim_end(), *expected, "{script}");
    }
}

case!(errors_pass_through_gsub_with_their_place, |c| {
    outcomes(
        c,
        &[
            (
                "string.gsub('ab','b',function()\n return redis.call('nosuch')\n end)",
                "-ERR Unknown Redis command called from script on @user_script:2.",
            ),
            (
                "string.gsub('ab','b',redis.call)",
                "-ERR Unknown Redis command called from script on =[C]:-1.",
            ),
            (
                "string.gsub('ab','b',function()\n error('oh')\n end)",
                "-ERR user_script:2: oh on @user_script:2.",
            ),
            (
                "string.gsub('ab','b',function()\n error({err='MINE x'})\n end)",
                "-MINE x on @user_script:2.",
            ),
            (
                "string.gsub('ab','b',setmetatable({},{__index=function()\n return nil+1 end}))",
                "-ERR user_script:2: attempt to perform arithmetic on a nil value \
                 on @user_script:2.",
            ),
            (
                "string.gsub('a','a',function()\n string.gsub('x','x',function()\n error('in') \
                 end) end)",
                "-ERR user_script:3: in on @user_script:3.",
            ),
            (
                "local ok,e=pcall(string.gsub,'a','a',function() error('x',0) end)\n\n error(e,0)",
                "-ERR x on @user_script:3.",
            ),
            (
                "xpcall(function() string.gsub('a','a',function() error('x') end) end,tostring)\n \
                 error('y',0)",
                "-ERR y on @user_script:2.",
            ),
        ],
    );
});

case!(what_is_no_text_stays_behind_an_error, |c| {
    outcomes(
        c,
        &[
            ("return select('#',pcall(error,{}))", ":3"),
            ("return select('#',pcall(error,{err={}}))", ":3"),
            ("return select('#',pcall(error,{err=5}))", ":2"),
            ("return select('#',pcall(error,'x'))", ":2"),
            ("redis.setresp(3.5) return 1", ":1"),
            ("redis.setresp(4)", "-ERR RESP version must be 2 or 3. on @user_script:1."),
            ("return select('#',pcall(error))", ":2"),
            ("local ok,e,more=pcall(error,{err={1}}) return more[1]", ":1"),
        ],
    );
});

case!(arguments_are_looked_at_in_order, |c| {
    outcomes(
        c,
        &[
            (
                "table.insert(redis,{},1)",
                "-ERR user_script:1: bad argument #2 to 'insert' (number expected, got table) \
                 on @user_script:1.",
            ),
            ("table.insert(redis,1)", "-ERR Attempt to modify a readonly table on @user_script:1."),
            (
                "rawset(redis,nil)",
                "-ERR user_script:1: bad argument #3 to 'rawset' (value expected) \
                 on @user_script:1.",
            ),
            (
                "setmetatable(redis,1)",
                "-ERR user_script:1: bad argument #2 to 'setmetatable' (nil or table expected) \
                 on @user_script:1.",
            ),
            (
                "loadstring('x',{})",
                "-ERR user_script:1: bad argument #2 to 'loadstring' (string expected, got table) \
                 on @user_script:1.",
            ),
            (
                "collectgarbage('count','x')",
                "-ERR user_script:1: bad argument #2 to 'collectgarbage' (number expected, got \
                 string) on @user_script:1.",
            ),
            (
                "return struct.unpack('b','x',-1)",
                "-ERR user_script:1: bad argument #2 to 'unpack' (data string too short) \
                 on @user_script:1.",
            ),
            (
                "return struct.unpack('b','x',0)",
                "-ERR user_script:1: bad argument #3 to 'unpack' (offset must be 1 or greater) \
                 on @user_script:1.",
            ),
            (
                "cmsgpack.unpack_one()",
                "-ERR user_script:1: bad argument #1 to 'unpack_one' (string expected, got no \
                 value) on @user_script:1.",
            ),
        ],
    );
});

case!(texts_end_at_a_zero_byte, |c| {
    outcomes(
        c,
        &[
            ("return redis.error_reply('a\\0b c')", "-ERR a"),
            ("return redis.error_reply('a b\\0c')", "-a b"),
            ("return redis.error_reply('\\0')", "-ERR"),
            ("return #redis.status_reply('a\\0b').ok", ":3"),
            ("return redis.status_reply('a\\0b')", "+a"),
            ("return {ok='a\\0b'}", "+a"),
            ("return {err='a\\0b'}", "-a"),
            ("error('a\\0b',0)", "-ERR a on @user_script:1."),
            ("error({err='X a\\0b'})", "-X a on @user_script:1."),
            (
                "collectgarbage('a\\0b')",
                "-ERR user_script:1: bad argument #1 to 'collectgarbage' (invalid option 'a') \
                 on @user_script:1.",
            ),
            (
                "collectgarbage({})",
                "-ERR user_script:1: bad argument #1 to 'collectgarbage' (string expected, got \
                 table) on @user_script:1.",
            ),
            (
                "return cjson.encode_keep_buffer('a\\0b')",
                "-ERR user_script:1: bad argument #1 to 'encode_keep_buffer' (invalid option 'a') \
                 on @user_script:1.",
            ),
        ],
    );
});

case!(bytes_of_replies_are_those_of_the_script, |c| {
    let big = "return {big_number='1\\0\\255'}";
    let short = "return {verbatim_string={format='a\\0b',string='x'}}";
    let odd = "return {verbatim_string={format='\\255\\254b',string='x'}}";
    c.expect(&["EVAL", big, "0"], b"$3\r\n1\x00\xff\r\n");
    c.expect(&["EVAL", short, "0"], "$1\r\nx\r\n");
    c.cmd(&["HELLO", "3"]);
    c.expect(&["EVAL", big, "0"], b"(1\x00\xff\r\n");
    c.expect(&["EVAL", short, "0"], "=5\r\na  :x\r\n");
    c.expect(&["EVAL", odd, "0"], b"=5\r\n\xff\xfeb:x\r\n");
    // Read-only tables are tables like others.
    let fields = String::from_utf8_lossy(&c.cmd(&["EVAL", "return {map=cjson}", "0"])).into_owned();
    assert!(fields.starts_with('%') && fields.contains("$5\r\n_NAME\r\n$5\r\ncjson\r\n"));
    let set = String::from_utf8_lossy(&c.cmd(&["EVAL", "return {set=cjson}", "0"])).into_owned();
    assert!(set.starts_with('~') && set.contains("$6\r\nencode\r\n"));
});
