"""What users type into Debian's redis-cli, by the command, in a pipe and on a terminal."""

import re
import time
from support import T, Lines, Terminal, end, eventually, free_port, raw, run, spawn, tool


def cli(*args, stdin=None, ok=True, timeout=20, db=None, env=None):
    where = ["-h", T.host, "-p", T.port] + (
        ["-n", T.db if db is None else db] if (db or T.db) else []
    )
    return run(
        [tool("redis-cli"), *where, *args],
        stdin=stdin,
        ok=ok,
        timeout=timeout,
        env=env,
    )


def out(*args, **kwargs):
    """Standard output, without the newline at its end."""
    return cli(*args, **kwargs).stdout.rstrip("\n")


def cases_of(table):
    for line, expected in table:
        assert out(*line.split()) == expected, line


def test_ping():
    assert out("ping") == "PONG"
    assert out("PING") == "PONG"
    assert out("PING", "hello there") == "hello there"


def test_healthcheck_status():
    """docker's healthcheck is the exit status of `redis-cli ping`."""
    assert cli("ping").returncode == 0
    dead = run([tool("redis-cli"), "-p", free_port(), "ping"], ok=False)
    assert dead.returncode == 1
    assert "Connection refused" in dead.stderr


def test_by_the_name_localhost():
    """`redis-cli -h localhost`: the name may mean ::1 first."""
    with open("/proc/net/if_inet6") as interfaces:
        six = "0" * 31 + "1" in interfaces.read()  # this machine has ::1
    for host in ["localhost", "127.0.0.1"] + ["::1"] * six:
        assert run([tool("redis-cli"), "-h", host, "-p", T.port, "ping"]).stdout == "PONG\n", host


def test_reference_keys():
    cases_of(
        [
            ("SET key value", "OK"),
            ("GET key", "value"),
            ("EXISTS key", "1"),
            ("KEYS ke*", "key"),
            ("TTL key", "-1"),
            ("EXPIRE key 100", "1"),
            ("DEL key", "1"),
            ("DEL key", "0"),
            ("GET key", ""),
            ("TTL key", "-2"),
            ("EXISTS key", "0"),
            ("EXPIRE key 100", "0"),
        ]
    )


def test_reference_counters():
    cases_of(
        [
            ("INCR counter", "1"),
            ("DECR counter", "0"),
            ("INCRBY counter 10", "10"),
            ("GET counter", "10"),
        ]
    )


def test_reference_lists():
    cases_of(
        [
            ("LPUSH list value", "1"),
            ("RPUSH list value2", "2"),
            ("LRANGE list 0 -1", "value\nvalue2"),
            ("LPOP list", "value"),
            ("RPOP list", "value2"),
            ("LPOP list", ""),
            ("LRANGE list 0 -1", ""),
        ]
    )


def test_reference_hashes():
    cases_of(
        [
            ("HSET hash field value", "1"),
            ("HGET hash field", "value"),
            ("HGETALL hash", "field\nvalue"),
            ("HDEL hash field", "1"),
            ("HGETALL hash", ""),
        ]
    )


def test_reference_sets():
    cases_of(
        [
            ("SADD set member", "1"),
            ("SMEMBERS set", "member"),
            ("SISMEMBER set member", "1"),
            ("SISMEMBER set other", "0"),
            ("SREM set member", "1"),
        ]
    )


def test_reference_sorted_sets():
    cases_of(
        [
            ("ZADD zset 1 member", "1"),
            ("ZADD zset 2 second", "1"),
            ("ZRANGE zset 0 -1", "member\nsecond"),
            ("ZRANGE zset 0 -1 WITHSCORES", "member\n1\nsecond\n2"),
            ("ZRANK zset second", "1"),
        ]
    )


def test_info():
    text = out("INFO")
    for section in (
        "# Server",
        "# Clients",
        "# Memory",
        "# Persistence",
        "# Stats",
        "# Replication",
        "# CPU",
        "# Keyspace",
    ):
        assert section in text
    assert re.search(r"^redis_version:7\.2\.", text, re.M)
    text = out("INFO", "memory")
    assert re.search(r"^used_memory_human:\d+(\.\d+)?[BKMG]", text, re.M)
    assert re.search(r"^maxmemory_policy:\w", text, re.M)
    assert not ("# Server" in text)
    assert out("info", "memory").split("\n")[0].strip() == "# Memory"
    text = out("INFO", "stats")
    assert re.search(r"^keyspace_hits:\d+", text, re.M)
    assert re.search(r"^instantaneous_ops_per_sec:\d+", text, re.M)


def test_keys_and_dbsize_of_each_database():
    raw("FLUSHALL")
    for n in range(3):
        raw("SET", f"user:{n}", n, db=0)
    raw("SET", "booking:1", 1, db=1)
    assert sorted(out("KEYS", "user:*", db=0).split("\n")) == ["user:0", "user:1", "user:2"]
    assert len(out("KEYS", "*", db=0).split("\n")) == 3
    assert (
        run([tool("redis-cli"), "-h", T.host, "-p", T.port, "-n", 1, "KEYS", "booking:*"]).stdout
        == "booking:1\n"
    )
    assert run([tool("redis-cli"), "-h", T.host, "-p", T.port, "-n", 1, "DBSIZE"]).stdout == "1\n"
    assert run([tool("redis-cli"), "-u", T.url(db=1), "GET", "booking:1"]).stdout == "1\n"


def test_otp_key_with_a_plus_sign():
    assert out("SET", "salon:otp:+919876543210", "1234", "EX", "300") == "OK"
    assert out("GET", "salon:otp:+919876543210") == "1234"
    assert 295 <= int(out("TTL", "salon:otp:+919876543210")) <= 300


def test_client_list():
    line = out("CLIENT", "LIST").split("\n")[0]
    for field in (
        "id=",
        "addr=",
        "laddr=",
        "fd=",
        "name=",
        "age=",
        "idle=",
        "flags=",
        "db=",
        "sub=",
        "psub=",
        "multi=-1",
        "qbuf=",
        "obl=",
        "oll=",
        "omem=",
        "tot-mem=",
        "events=",
        "cmd=",
        "user=default",
        "resp=",
    ):
        assert field in line
    assert "cmd=client|list" in out("CLIENT", "LIST")


def test_monitor():
    child = spawn(
        [tool("redis-cli"), "-h", T.host, "-p", T.port, "MONITOR"],
        stdout=__import__("subprocess").PIPE,
    )
    try:
        lines = Lines(child)
        lines.wait("^OK$")
        raw("SET", "seen", 'by "monitor"\n', db=1)
        line = lines.wait("seen")
        assert re.search(
            r'^\d{10}\.\d{6} \[1 127\.0\.0\.1:\d+\] "SET" "seen" "by \\"monitor\\"\\n"$', line, re.M
        )
    finally:
        end(child)


def test_slow_log():
    old = out("CONFIG", "GET", "slowlog-log-slower-than").split("\n")[1]
    assert out("CONFIG", "SET", "slowlog-log-slower-than", "10000") == "OK"
    assert out("SLOWLOG", "RESET") == "OK"
    assert out("SLOWLOG", "GET", "10") == ""
    assert out("CONFIG", "SET", "slowlog-log-slower-than", "0") == "OK"
    raw("SET", "slow:key", "v")
    assert out("CONFIG", "SET", "slowlog-log-slower-than", "10000") == "OK"
    text = out("SLOWLOG", "GET", "10")
    assert "SET\nslow:key\nv\n127.0.0.1:" in text
    assert int(out("SLOWLOG", "LEN")) >= 1
    out("CONFIG", "SET", "slowlog-log-slower-than", old)


def test_memory_limit():
    old = out("CONFIG", "GET", "maxmemory-policy").split("\n")[1]
    try:
        assert out("CONFIG", "SET", "maxmemory", "256mb") == "OK"
        assert out("CONFIG", "GET", "maxmemory") == "maxmemory\n268435456"
        for policy in (
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "noeviction",
        ):
            assert out("CONFIG", "SET", "maxmemory-policy", policy) == "OK"
            assert out("CONFIG", "GET", "maxmemory-policy") == "maxmemory-policy\n" + policy
    finally:
        out("CONFIG", "SET", "maxmemory", "0")
        out("CONFIG", "SET", "maxmemory-policy", old)


def test_latency():
    """--latency: away from a terminal one line `min max avg samples` after a second."""
    got = out("--latency", timeout=20)
    low, high, average, samples = got.split()
    assert 10 <= int(samples) <= 1000
    assert 0 <= float(average) <= 100
    assert 0 <= int(low) <= int(high)


def test_bgsave():
    assert out("SAVE") == "OK"
    before = int(out("LASTSAVE"))
    time.sleep(1.1)
    assert out("BGSAVE") == "Background saving started"
    eventually(
        lambda: int(out("LASTSAVE")) > before, timeout=30, every=0.2, what="a newer LASTSAVE"
    )
    assert re.search(r"^rdb_last_bgsave_status:ok", out("INFO", "persistence"), re.M)


def test_flushdb_and_flushall():
    raw("SET", "a", 1, db=0)
    raw("SET", "b", 1, db=1)
    assert out("FLUSHDB", db=0) == "OK"
    assert [raw("DBSIZE", db=0), raw("DBSIZE", db=1) > 0] == [0, True]
    assert out("FLUSHALL") == "OK"
    assert raw("DBSIZE", db=1) == 0


def test_errors_are_printed():
    assert "ERR unknown command 'NOSUCH', with args beginning with: 'a'" in out("NOSUCH", "a")
    assert "ERR wrong number of arguments for 'get' command" in out("GET")
    raw("SET", "text", "abc")
    assert "WRONGTYPE Operation against a key holding the wrong kind of value" in out(
        "LPUSH", "text", "x"
    )
    assert "ERR value is not an integer or out of range" in out("INCR", "text")
    assert cli("-e", "INCR", "text", ok=False).returncode == 1


def test_commands_from_standard_input():
    got = out(stdin='SET in "a b\\n"\nGET in\nINCR n\nINCR n\n')
    assert got == "OK\na b\n\n1\n2"
    assert out("-x", "SET", "blob", stdin="from stdin") == "OK"
    assert raw("GET", "blob", db=T.db) == "from stdin"
    assert out("-r", "3", "INCR", "repeated") == "1\n2\n3"


def test_password():
    raw("CONFIG", "SET", "requirepass", "pw")
    try:
        assert "NOAUTH Authentication required." in out("ping")
        assert out("-a", "pw", "--no-auth-warning", "ping") == "PONG"
        assert out("ping", env={"REDISCLI_AUTH": "pw"}) == "PONG"
        assert out("--user", "default", "--pass", "pw", "--no-auth-warning", "ping") == "PONG"
        assert (
            "WRONGPASS"
            in cli("-a", "wrong", "--no-auth-warning", "ping").stdout
            + cli("-a", "wrong", "ping").stderr
        )
    finally:
        cli("-a", "pw", "--no-auth-warning", "CONFIG", "SET", "requirepass", "")
    assert out("ping") == "PONG"


def test_interactive_session():
    """docker-compose exec redis redis-cli, then typing."""
    with Terminal([tool("redis-cli"), "-h", T.host, "-p", T.port]) as term:
        prompt = rf"^{T.host}:{T.port}> $"
        term.expect(prompt)
        for typed, wanted in (
            ("PING", "^PONG$"),
            ('SET typed "a b"', "^OK$"),
            ("GET typed", '^"a b"$'),
            ("KEYS typ*", r'^1\) "typed"$'),
            ("GET nokey", r"^\(nil\)$"),
            ("INCR hits", r"^\(integer\) 1$"),
            ("LRANGE nolist 0 -1", r"^\(empty array\)$"),
            ("NOSUCH", r"^\(error\) ERR unknown command 'NOSUCH'"),
            ("INFO memory", "^used_memory_human:"),
            ("HSET h f v", r"^\(integer\) 1$"),
            ("HGETALL h", r'^1\) "f"\n2\) "v"$'),
        ):
            term.type(typed + "\r")
            term.expect(wanted)
            term.expect(prompt)
        one = rf"^{T.host}:{T.port}\[1\]"
        for typed, wanted, then in (
            ("SELECT 1", "^OK$", one + "> $"),
            ("MULTI", "^OK$", one + r"\(TX\)> $"),
            ("SET tx 1", "^QUEUED$", one + r"\(TX\)> $"),
            ("EXEC", r"^1\) OK$", one + "> $"),
            ("HELLO 3", r'"proto" => \(integer\) 3', one + "> $"),
            ("HGETALL none", r"^\(empty hash\)$", one + "> $"),
            ("help set", "summary: ", one + "> $"),
        ):
            term.type(typed + "\r")
            term.expect(wanted)
            term.expect(then)
        term.type("quit\r")
        eventually(lambda: term.child.poll() is not None, what="the end of redis-cli")
    assert raw("GET", "typed") == "a b"
    assert raw("GET", "tx", db=1) == "1"
