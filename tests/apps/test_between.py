"""What lies between clients, as redis-py sees it: transactions, channels, notifications, monitor."""

import threading

import pytest
import redis

from test_redis_py import connect, eventually, r, server  # noqa: F401  (fixtures)


def waits_for(pubsub, kind, seconds=10):
    """The next message of a kind; others are passed over."""
    found = []

    def look():
        message = pubsub.get_message(timeout=0.05)
        if message and message["type"] == kind:
            found.append(message)
        return found

    eventually(look, seconds)
    return found[0]


def test_transaction(r):
    pipe = r.pipeline()
    pipe.set("a", 1)
    pipe.incr("a").incr("a")
    pipe.lpush("a", "x")
    pipe.get("a")
    first, *counts, error, last = pipe.execute(raise_on_error=False)
    assert (first, counts, last) == (True, [2, 3], "3")
    assert isinstance(error, redis.ResponseError) and "WRONGTYPE" in str(error)
    pipe.set("a", 5)
    pipe.execute_command("NOSUCH")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        pipe.execute()
    assert r.get("a") == "3"


def test_watch(connect, r):  # noqa: F811
    other = connect()
    r.set("stock", 10)
    pipe = r.pipeline()
    pipe.watch("stock")
    stock = int(pipe.get("stock"))
    other.set("stock", 99)
    pipe.multi()
    pipe.set("stock", stock - 1)
    with pytest.raises(redis.WatchError):
        pipe.execute()
    assert r.get("stock") == "99"
    pipe.watch("stock")
    pipe.unwatch()
    pipe.multi()
    pipe.decr("stock")
    assert pipe.execute() == [98]


def test_many_buyers_sell_no_more_than_there_is(server):  # noqa: F811
    """Optimistic locking as it is meant to be used, by eight threads at once."""
    shop = redis.Redis(port=server.port, decode_responses=True)
    shop.flushall()
    shop.set("left", 60)
    sold = []

    def buy(name):
        own = redis.Redis(port=server.port, decode_responses=True)

        def take(pipe):
            left = int(pipe.get("left"))
            pipe.multi()
            if left > 0:
                pipe.decr("left")
                pipe.rpush("sold", name)

        for _ in range(10):
            if own.transaction(take, "left"):
                sold.append(name)
        own.close()

    buyers = [threading.Thread(target=buy, args=(f"b{i}",)) for i in range(8)]
    [buyer.start() for buyer in buyers]
    [buyer.join() for buyer in buyers]
    assert shop.get("left") == "0"
    assert shop.llen("sold") == len(sold) == 60
    shop.close()


def test_channels_and_patterns(connect, r):  # noqa: F811
    pubsub = r.pubsub()
    for subscribe, name in ((pubsub.subscribe, "news"), (pubsub.psubscribe, "n?ws*")):
        subscribe(name)
    assert waits_for(pubsub, "subscribe")["data"] == 1
    assert waits_for(pubsub, "psubscribe")["data"] == 2
    assert r.publish("news", "hello") == 2
    assert waits_for(pubsub, "message")["data"] == "hello"
    message = waits_for(pubsub, "pmessage")
    assert (message["pattern"], message["channel"]) == ("n?ws*", "news")
    assert r.pubsub_channels() == ["news"]
    assert r.pubsub_numsub("news", "none") == [("news", 1), ("none", 0)]
    assert r.pubsub_numpat() == 1
    pubsub.unsubscribe()
    assert waits_for(pubsub, "unsubscribe")["data"] == 1
    assert r.publish("news", "again") == 1
    assert waits_for(pubsub, "pmessage")["data"] == "again"
    pubsub.punsubscribe()
    waits_for(pubsub, "punsubscribe")
    eventually(lambda: r.publish("news", "nobody") == 0)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_thread_that_listens(server, protocol):  # noqa: F811
    client = redis.Redis(port=server.port, decode_responses=True, protocol=protocol)
    heard, notified = [], []
    client.config_set("notify-keyspace-events", "KEA")
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(work=lambda message: heard.append(message["data"]))
    pubsub.psubscribe(**{"__keyspace@0__:job:*": lambda m: notified.append(m["data"])})
    thread = pubsub.run_in_thread(sleep_time=0.01, daemon=True)
    try:
        eventually(lambda: client.pubsub_numsub("work") == [("work", 1)])
        eventually(lambda: client.pubsub_numpat() == 1)
        for i in range(3000):
            client.publish("work", i)
        client.set("job:1", "x", px=20)
        eventually(lambda: len(heard) >= 3000)
        assert heard == [str(i) for i in range(3000)]
        eventually(lambda: notified == ["set", "expire", "expired"])
    finally:
        thread.stop()
        thread.join(10)
        client.config_set("notify-keyspace-events", "")
        client.close()
    assert not thread.is_alive()


def test_shard_channels(r):
    pubsub = r.pubsub()
    pubsub.execute_command("SSUBSCRIBE", "orders")
    eventually(lambda: r.execute_command("SPUBLISH", "orders", "x") == 1)
    assert r.execute_command("PUBSUB", "SHARDCHANNELS") == ["orders"]
    pubsub.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_monitor(server, protocol):  # noqa: F811
    client = redis.Redis(port=server.port, decode_responses=True, protocol=protocol)
    with client.monitor() as monitor:
        client.set("spaced key", 'quo"ted\r\n\x01')
        client.eval("return redis.call('GET', KEYS[1])", 1, "spaced key")
        said = []
        for line in monitor.listen():
            said.append(line)
            if line["client_type"] == "lua":
                break
        own = [line for line in said if line["command"].startswith("SET")]
        assert own[0]["command"] == 'SET spaced key quo"ted\\r\\n\\x01'
        assert (own[0]["db"], own[0]["client_type"]) == (0, "tcp")
        assert said[-1]["command"] == "GET spaced key"
        assert said[-2]["command"].startswith("EVAL return redis.call")
    client.close()


def test_slow_commands_and_clients(r):
    r.config_set("slowlog-log-slower-than", 0)
    r.slowlog_reset()
    r.set("slow", "x" * 200)
    r.config_set("slowlog-log-slower-than", 10_000)
    logged = [entry["command"] for entry in r.slowlog_get(10)]
    assert any(command.startswith(b"SET slow xxx") for command in logged), logged
    assert r.client_setname("me") is True
    me = r.client_info()
    assert (me["name"], me["multi"], me["sub"]) == ("me", -1, 0)
    assert str(r.client_id()) in {client["id"] for client in r.client_list()}
    assert r.client_kill_filter(_id=10**9) == 0
    assert r.client_pause(20, all=False) is True
    assert r.set("after", "pause") is True
