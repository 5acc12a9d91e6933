"""The commands of a quick reference, each group once, on synchronous redis-py."""

import pytest
import redis
from support import PROTOCOL, T, raw

redis_client = redis.Redis(port=T.port, decode_responses=True, **PROTOCOL)


def test_reference_strings_and_counters():
    c = redis_client
    c.flushdb()
    assert [
        c.set("key", "value"),
        c.get("key"),
        c.exists("key"),
        c.exists("key", "key", "nokey"),
    ] == [True, "value", 1, 2]
    assert c.expire("key", 100) is True
    assert 98 <= c.ttl("key") <= 100
    assert (c.ttl("nokey"), c.expire("nokey", 1)) == (-2, False)
    c.set("key", "again")
    assert c.ttl("key") == (-1)
    assert c.keys("k?y") == ["key"]
    assert c.keys("k[a-f]y") == ["key"]
    assert c.keys("k[^a-f]y") == []
    assert [c.delete("key"), c.delete("key")] == [1, 0]
    assert [
        c.incr("counter"),
        c.decr("counter"),
        c.incrby("counter", 10),
        c.decrby("counter", 3),
    ] == [1, 0, 10, 7]
    assert c.incrbyfloat("ratio", 0.1) == 0.1
    c.set("text", "abc")
    with pytest.raises(
        redis.exceptions.ResponseError, match="value is not an integer or out of range"
    ):
        c.incr("text")
    c.set("counter", 2**63 - 1)
    with pytest.raises(
        redis.exceptions.ResponseError, match="increment or decrement would overflow"
    ):
        c.incr("counter")


def test_reference_lists():
    c = redis_client
    assert [c.lpush("list", "b", "a"), c.rpush("list", "c"), c.lrange("list", 0, -1)] == [
        2,
        3,
        ["a", "b", "c"],
    ]
    assert [c.lrange("list", -2, -1), c.lrange("list", 5, 9), c.llen("list")] == [["b", "c"], [], 3]
    assert [c.lpop("list"), c.rpop("list"), c.lrange("list", 0, -1)] == ["a", "c", ["b"]]
    assert [c.lpop("list"), c.lpop("list"), c.exists("list")] == ["b", None, 0]
    c.set("text", "abc")
    with pytest.raises(
        redis.exceptions.ResponseError,
        match="WRONGTYPE|Operation against a key holding the wrong kind of value",
    ):
        c.lpush("text", "x")


def test_reference_hashes():
    c = redis_client
    assert [
        c.hset("hash", "field", "value"),
        c.hset("hash", mapping={"f2": "v2", "field": "new"}),
    ] == [1, 1]
    assert [c.hget("hash", "field"), c.hget("hash", "none"), c.hgetall("hash")] == [
        "new",
        None,
        {"field": "new", "f2": "v2"},
    ]
    assert [
        c.hexists("hash", "f2"),
        c.hlen("hash"),
        c.hincrby("hash", "n", 5),
        c.hmget("hash", "n", "zz"),
    ] == [True, 2, 5, ["5", None]]
    assert [c.hdel("hash", "field", "none"), c.hdel("hash", "f2", "n"), c.exists("hash")] == [
        1,
        2,
        0,
    ]


def test_reference_sets():
    c = redis_client
    assert [c.sadd("set", "a", "b", "a"), c.sadd("set", "a"), set(c.smembers("set"))] == [
        2,
        0,
        {"a", "b"},
    ]
    assert [bool(c.sismember("set", "a")), bool(c.sismember("set", "z")), c.scard("set")] == [
        True,
        False,
        2,
    ]
    assert [c.srem("set", "a", "z"), c.srem("set", "b"), c.exists("set")] == [1, 1, 0]
    assert [c.sadd("ints", 3, 1, 2), set(c.smembers("ints"))] == [3, {"1", "2", "3"}]


def test_reference_sorted_sets():
    c = redis_client
    assert c.zadd("zset", {"ann": 30, "bob": 10.5, "cid": 20}) == 3
    assert c.zrange("zset", 0, -1) == ["bob", "cid", "ann"]
    assert [tuple(x) for x in c.zrange("zset", 0, -1, withscores=True)] == [
        ("bob", 10.5),
        ("cid", 20.0),
        ("ann", 30.0),
    ]
    assert [c.zrank("zset", "ann"), c.zrank("zset", "none"), c.zrevrank("zset", "ann")] == [
        2,
        None,
        0,
    ]
    assert [c.zadd("zset", {"bob": 40}), c.zscore("zset", "bob"), c.zincrby("zset", 5, "cid")] == [
        0,
        40.0,
        25.0,
    ]
    assert c.zrevrange("zset", 0, 1) == ["bob", "ann"]
    assert c.zrangebyscore("zset", 20, "(40") == ["cid", "ann"]
    assert [c.zrem("zset", "bob"), c.zcard("zset")] == [1, 2]


def test_reference_info_and_dbsize():
    c = redis_client
    c.flushdb()
    c.mset({"a": 1, "b": 2})
    assert c.dbsize() == 2
    sections = c.execute_command("INFO")
    text = sections if isinstance(sections, str) else str(sections)
    assert "redis_version" in text
    for name in (
        "server",
        "clients",
        "memory",
        "persistence",
        "stats",
        "replication",
        "cpu",
        "keyspace",
    ):
        assert bool(c.info(name)), f"INFO {name}"
    assert c.info("server")["tcp_port"] == int(raw("CONFIG", "GET", "port")[1])
    assert c.info("keyspace")[f"db{T.db}"]["keys"] == 2
