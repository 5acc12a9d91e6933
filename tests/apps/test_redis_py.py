"""The server as redis-py sees it: RESP2 and RESP3, blocking and asyncio clients.

One body serves both kinds of client: `Waiting` makes an asyncio client look like a blocking one,
so every call below goes through redis-py's asyncio code as well. `run.sh` runs this file with
redis-py 5.0.1 and with the newest release; REDIS_SERVER names the binary.
"""

import asyncio
import inspect
import time

import pytest
import redis
import redis.asyncio
import redis.asyncio.client
import redis.asyncio.retry
import redis.retry
from redis.backoff import NoBackoff
from support import Server, eventually


class Waiting:
    """An asyncio client (or pipeline) whose calls wait for their end."""

    def __init__(self, client, loop):
        self.client, self.loop = client, loop

    def __getattr__(self, name):
        attribute = getattr(self.client, name)
        if not callable(attribute):
            return attribute

        def call(*args, **kwargs):
            return self.resolve(attribute(*args, **kwargs))

        return call

    def resolve(self, result):
        own = (redis.asyncio.Redis, redis.asyncio.client.PubSub)
        if isinstance(result, own):  # pipelines and subscribers, and calls chained on them
            return self if result is self.client else Waiting(result, self.loop)
        if inspect.isasyncgen(result):
            return self.loop.run_until_complete(self.gather(result))
        if inspect.isawaitable(result):
            return self.loop.run_until_complete(result)
        return result

    @staticmethod
    async def gather(items):
        return [item async for item in items]


@pytest.fixture(scope="module")
def server():
    with Server("--save", "") as server:
        yield server
        assert server.stop() == 0


@pytest.fixture(params=[(2, "sync"), (3, "sync"), (2, "asyncio"), (3, "asyncio")],
                ids=lambda p: f"resp{p[0]}-{p[1]}")
def connect(request, server):
    """Makes clients of one kind; all of them are closed at the end."""
    protocol, kind = request.param
    retries = redis.retry if kind == "sync" else redis.asyncio.retry
    loop = asyncio.new_event_loop()
    opened = []

    def make(port=server.port, **options):
        options = {"decode_responses": True, "protocol": protocol} | options
        # What fails once is a finding; newer releases would try again behind our back.
        options |= {"host": "127.0.0.1", "port": port, "retry": retries.Retry(NoBackoff(), 0)}
        if kind == "sync":
            client = redis.Redis(**options)
        else:
            client = Waiting(redis.asyncio.Redis(**options), loop)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close() if kind == "sync" else client.aclose()
    loop.close()


@pytest.fixture
def r(connect):
    client = connect()
    client.flushall()
    return client


def test_set_and_get(r):
    assert r.set("k", "v") is True
    assert r.get("k") == "v"
    assert r.get("missing") is None
    assert r.set("k", "w", nx=True) is None
    assert r.set("new", "w", xx=True) is None
    assert r.set("k", "w", get=True) == "v"
    assert r.getset("k", "x") == "w"
    assert r.getdel("k") == "x"
    assert r.exists("k") == 0


def test_bytes_pass_unchanged(connect, r):
    raw = connect(decode_responses=False)
    every = bytes(range(256)) * 5000
    raw.set(b"bin\r\n\0", every)
    assert raw.get(b"bin\r\n\0") == every
    assert raw.strlen(b"bin\r\n\0") == len(every)
    assert raw.keys() == [b"bin\r\n\0"]


def test_parts_of_strings(r):
    assert r.append("k", "Hello") == 5
    assert r.append("k", " World") == 11
    assert r.strlen("k") == 11
    assert r.getrange("k", -5, -1) == "World"
    assert r.substr("k", 0, 4) == "Hello"
    assert r.setrange("k", 6, "Redis") == 11
    assert r.get("k") == "Hello Redis"
    r.mset({"a": "ohmytext", "b": "mynewtext"})
    assert r.lcs("a", "b") == "mytext"
    assert r.lcs("a", "b", len=True) == 6


def test_counters(r):
    assert r.incr("n") == 1
    assert r.incrby("n", 41) == 42
    assert r.decr("n") == 41
    assert r.decrby("n", 40) == 1
    assert r.incrbyfloat("f", 0.1) == 0.1
    assert r.incrbyfloat("f", 0.2) == 0.3
    r.set("word", "abc")
    with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
        r.incr("word")
    r.set("n", 2**63 - 1)
    with pytest.raises(redis.ResponseError, match="would overflow"):
        r.incr("n")


def test_many_at_once(r):
    assert r.mset({f"k{i}": i for i in range(500)}) is True
    assert r.mget([f"k{i}" for i in range(500)] + ["none"]) == [str(i) for i in range(500)] + [None]
    assert r.msetnx({"k1": "x", "fresh": "y"}) is False
    assert r.exists("fresh") == 0
    assert r.delete(*[f"k{i}" for i in range(400)]) == 400
    assert r.unlink(*[f"k{i}" for i in range(400, 600)]) == 100
    assert r.dbsize() == 0


def test_keys(r):
    r.mset({"a": "1", "b": "text", "hello": "x", "hallo": "x"})
    assert r.exists("a", "a", "none") == 2
    assert r.type("a") == "string"
    assert r.type("none") == "none"
    assert r.touch("a", "none") == 1
    assert sorted(r.keys("h?llo")) == ["hallo", "hello"]
    assert r.randomkey() in {"a", "b", "hello", "hallo"}
    assert r.rename("a", "c") is True
    assert r.renamenx("b", "c") is False
    assert r.copy("c", "d") is True
    assert r.get("d") == "1"
    assert r.object("encoding", "d") == "int"
    assert r.object("encoding", "b") == "embstr"
    assert r.object("refcount", "b") == 1
    with pytest.raises(redis.ResponseError, match="no such key"):
        r.rename("none", "x")


def test_expiry_options(r):
    r.set("k", "v", ex=100)
    assert 99 <= r.ttl("k") <= 100
    assert 99_000 <= r.pttl("k") <= 100_000
    assert r.expire("k", 50, gt=True) == 0
    assert r.expire("k", 500, gt=True) == 1
    assert r.expire("k", 50, lt=True) == 1
    assert r.expire("k", 60, nx=True) == 0
    assert r.persist("k") == 1
    assert r.ttl("k") == -1
    assert r.expire("k", 60, xx=True) == 0
    assert r.ttl("none") == -2
    at = int(time.time()) + 1000
    assert r.expireat("k", at) == 1
    assert r.expiretime("k") == at
    assert r.pexpireat("k", at * 1000 + 5) == 1
    assert r.pexpiretime("k") == at * 1000 + 5
    assert r.getex("k", persist=True) == "v"
    assert r.ttl("k") == -1
    r.set("k", "w", ex=100)
    r.set("k", "x", keepttl=True)
    assert r.ttl("k") > 0
    r.setex("k", 10, "y")
    r.psetex("k", 10_000, "z")
    assert 9_000 <= r.pttl("k") <= 10_000


def test_keys_expire(r):
    r.set("soon", "v", px=30)
    r.set("later", "v", px=60_000)
    eventually(lambda: r.get("soon") is None)
    eventually(lambda: r.dbsize() == 1)
    r.expire("later", -1)
    assert r.exists("later") == 0


def test_scan_sees_everything(r):
    wanted = {f"key:{i}" for i in range(3000)}
    r.mset({key: "v" for key in wanted})
    r.set("other", "v")
    assert set(r.scan_iter(match="key:*", count=100)) == wanted
    assert set(r.scan_iter(_type="string")) == wanted | {"other"}
    cursor, found = r.scan(0, count=10)
    assert int(cursor) != 0 and found


def test_databases(connect, r):
    other = connect(db=3)
    r.set("k", "zero")
    other.set("k", "three")
    assert (r.get("k"), other.get("k")) == ("zero", "three")
    assert r.move("k", 3) in (False, 0)
    r.swapdb(0, 3)
    assert (r.get("k"), other.get("k")) == ("three", "zero")
    assert r.copy("k", "copied", destination_db=3) is True
    assert other.get("copied") == "three"
    other.flushdb()
    assert (r.dbsize(), other.dbsize()) == (1, 0)
    with pytest.raises(redis.ResponseError, match="out of range"):
        connect(db=99).ping()


def test_pipeline_without_transaction(r):
    pipe = r.pipeline(transaction=False)
    for i in range(2000):
        pipe.set(f"p{i}", i)
        pipe.get(f"p{i}")
    replies = pipe.execute()
    assert replies[0::2] == [True] * 2000
    assert replies[1::2] == [str(i) for i in range(2000)]
    pipe.set("word", "abc")
    pipe.incr("word")
    pipe.get("word")
    first, error, last = pipe.execute(raise_on_error=False)
    assert (first, last) == (True, "abc")
    assert isinstance(error, redis.ResponseError)


def test_big_values(r):
    for size in (32 * 1024 - 1, 32 * 1024, 1 << 20, 20 << 20):
        value = "x" * size
        r.set("big", value)
        assert r.get("big") == value
        assert r.append("big", "y") == size + 1
    r.delete("big")


def test_connection_commands(r):
    assert r.ping() is True
    assert r.echo("hello") == "hello"
    assert r.client_id() > 0
    assert r.client_setname("tester") is True
    assert r.client_getname() == "tester"
    seconds, micros = r.time()
    assert abs(seconds - time.time()) < 60 and 0 <= micros < 1_000_000
    assert r.info("server")["redis_version"].startswith("7.2")
    assert r.config_get("databases") == {"databases": "16"}
    assert r.config_set("timeout", 0) is True
    with pytest.raises(redis.ResponseError, match="unknown command"):
        r.execute_command("NOSUCHCOMMAND", "a")
    with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
        r.execute_command("GET")


def test_password(connect):
    with Server("--requirepass", "secret") as guarded:
        assert connect(port=guarded.port, password="secret").ping() is True
        with pytest.raises(redis.AuthenticationError):
            connect(port=guarded.port).ping()
        with pytest.raises(redis.AuthenticationError):
            connect(port=guarded.port, password="wrong").ping()
        known = connect(port=guarded.port, username="default", password="secret")
        assert known.set("k", "v") is True


def test_several_connections_at_once(connect, r):
    clients = [connect() for _ in range(20)]
    for i, client in enumerate(clients):
        assert client.incr("shared") == i + 1
    assert r.get("shared") == "20"


def lock_of(client, name, **options):
    lock = client.lock(name, **options)
    return Waiting(lock, client.loop) if isinstance(client, Waiting) else lock


def script_of(client, text):
    """A script of redis-py, which sends EVALSHA and the text only when it has to."""
    script = client.register_script(text)

    def run(keys=(), args=()):
        answer = script(keys=list(keys), args=list(args))
        return client.resolve(answer) if isinstance(client, Waiting) else answer

    return run


def test_a_lock_has_one_holder(connect, r):
    mine = lock_of(r, "lock", timeout=100)
    other = lock_of(connect(), "lock", timeout=100)
    assert mine.acquire(blocking=False) is True
    assert other.acquire(blocking=False) is False
    assert other.acquire(blocking_timeout=0.05) is False
    assert mine.owned() and mine.locked() and not other.owned()
    assert mine.extend(100) is True
    assert 150 < r.ttl("lock") <= 200
    assert mine.extend(50, replace_ttl=True) is True
    assert 0 < r.ttl("lock") <= 50
    assert mine.reacquire() is True
    assert 50 < r.ttl("lock") <= 100
    with pytest.raises(redis.exceptions.LockError):
        other.release()
    mine.release()
    assert r.exists("lock") == 0
    assert other.acquire(blocking=False) is True
    with pytest.raises(redis.exceptions.LockError):
        mine.release()
    other.release()


def test_a_lost_lock_is_not_released(connect, r):
    lost = lock_of(r, "lock", timeout=0.05)
    assert lost.acquire(blocking=False) is True
    eventually(lambda: r.exists("lock") == 0)
    for use in (lost.release, lost.reacquire, lambda: lost.extend(10)):
        with pytest.raises(redis.exceptions.LockError):
            use()
        # release() forgets what it held, whether it succeeds or not.
        lost.local.token = b"held"
    winner = lock_of(connect(), "lock", timeout=100)
    assert winner.acquire(blocking=False) is True
    with pytest.raises(redis.exceptions.LockError):
        lost.release()
    assert winner.owned()


def test_a_rate_is_limited(r):
    allowed = script_of(r, """
        local now, window, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
        if redis.call('ZCARD', KEYS[1]) >= most then return 0 end
        redis.call('ZADD', KEYS[1], now, now) redis.call('PEXPIRE', KEYS[1], window)
        return 1""")
    r.script_flush()
    answers = [allowed(["rate"], [now, 1000, 3]) for now in (0, 10, 20, 30, 999, 1001, 1005)]
    assert answers == [1, 1, 1, 0, 0, 1, 0]
    assert 0 < r.pttl("rate") <= 1000


def test_a_queue_of_packed_jobs(connect, r):
    raw = connect(decode_responses=False)
    take = script_of(raw, """
        local job = redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT')
        if not job then return false end
        local fields = cmsgpack.unpack(job)
        return {job, fields.id, cjson.encode(fields.args), tostring(fields.retry)}""")
    add = script_of(raw, """
        local id = redis.call('INCR', KEYS[2])
        local args = cmsgpack.unpack(ARGV[1])
        local job = cmsgpack.pack({id = id, args = args, retry = #args > 1})
        return redis.call('LPUSH', KEYS[1], job)""")
    assert add(["q", "ids"], [b"\x92\x01\xa1a"]) == 1
    assert add(["q", "ids"], [b"\x91\xcb\x3f\xe0\0\0\0\0\0\0"]) == 2
    first, second = take(["q", "busy"]), take(["q", "busy"])
    assert first[1:] == [1, b'[1,"a"]', b"true"]
    assert second[1:] == [2, b"[0.5]", b"false"]
    assert take(["q", "busy"]) is None
    assert raw.lrem("busy", 1, first[0]) == 1
    assert raw.lrange("busy", 0, -1) == [second[0]]
    with pytest.raises(redis.exceptions.ResponseError, match="Missing bytes in input"):
        add(["q", "ids"], [b"\x92\x01"])


def test_a_leaderboard(r):
    top = script_of(r, """
        local out = {}
        local rows = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
        for i = 1, #rows, 2 do
            out[#out + 1] = {(i + 1) / 2, rows[i], rows[i + 1],
                             redis.call('HGET', KEYS[2], rows[i])}
        end
        return out""")
    for player, points in {"ann": 5, "bob": 7.5, "cid": 1}.items():
        r.zincrby("board", points, player)
    r.hset("names", mapping={"ann": "Ann", "bob": "Bob"})
    assert top(["board", "names"], [2]) == [[1, "bob", "7.5", "Bob"], [2, "ann", "5", "Ann"]]
    assert top(["board", "names"], [9])[2] == [3, "cid", "1", None]


def test_functions(r):
    code = "#!lua name=lib\nredis.register_function('twice', function(keys, args) " \
           "return 2 * args[1] end)"
    assert r.function_load(code, replace=True) == "lib"
    assert r.fcall("twice", 0, 21) == 42
    assert len(r.function_list()) == 1
    assert r.function_delete("lib") in (True, "OK")
    with pytest.raises(redis.exceptions.ResponseError, match="Function not found"):
        r.fcall("twice", 0, 21)
