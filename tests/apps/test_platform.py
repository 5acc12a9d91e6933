"""An application platform on synchronous redis-py.

Connect, cache, rate limit, session, lock, queue, pub/sub, pool, pipeline, monitoring.
"""

import json
import re
import threading
import time
from datetime import timedelta

import pytest
import redis
from redis.backoff import NoBackoff
from redis.lock import Lock
from redis.retry import Retry
from support import PROTOCOL, T, eventually, raw


def connect(**more):
    where = dict(host=T.host, port=T.port, db=T.db)
    return redis.Redis(**{**where, "decode_responses": True, **PROTOCOL, **more})


redis_client = connect()


def test_connect_set_get_setex_incr():
    client = connect()
    assert client.set("key", "value") is True
    assert client.get("key") == "value"
    assert client.setex("session:123", 30, "user_data") is True
    assert 28 <= client.ttl("session:123") <= 30
    assert client.incr("page_views") == 1
    assert client.incr("page_views") == 2
    assert client.get("page_views") == "2"


def test_cached_query():
    queries = []

    def get_user(user_id):
        cache_key = f"user:{user_id}"
        cached = redis_client.get(cache_key)
        if cached:
            return json.loads(cached)
        queries.append(user_id)
        user = {"id": user_id, "name": "Ann"}
        redis_client.setex(cache_key, 300, json.dumps(user))
        return user

    assert [get_user(1), get_user(1), get_user(1)] == [{"id": 1, "name": "Ann"}] * 3
    assert queries == [1]
    assert 297 <= redis_client.ttl("user:1") <= 300


def test_sixty_requests_a_minute():
    def check_rate_limit(user_id, limit=60):
        key = f"rate_limit:{user_id}:minute"
        current = redis_client.incr(key)
        if current == 1:
            redis_client.expire(key, 60)
        return current <= limit

    allowed = [check_rate_limit(8) for _ in range(65)]
    assert allowed == [True] * 60 + [False] * 5
    assert 55 <= redis_client.ttl("rate_limit:8:minute") <= 60


def test_session_of_one_hour():
    def create_session(session_id, user_data):
        redis_client.setex(f"session:{session_id}", timedelta(hours=1), json.dumps(user_data))

    def get_session(session_id):
        data = redis_client.get(f"session:{session_id}")
        return json.loads(data) if data else None

    create_session("s1", {"user": "ann", "cart": [1, 2]})
    assert get_session("s1") == {"user": "ann", "cart": [1, 2]}
    assert 3595 <= redis_client.ttl("session:s1") <= 3600
    assert redis_client.delete("session:s1") == 1
    assert get_session("s1") is None
    with pytest.raises(redis.exceptions.ResponseError, match="invalid expire time"):
        redis_client.setex("session:bad", 0, "x")


# --- distributed lock -----------------------------------------------------------------------


def test_lock_is_exclusive():
    order = []

    def process_with_lock(resource_id, name):
        client = connect()
        lock = client.lock(f"lock:{resource_id}", timeout=10, blocking_timeout=5)
        if lock.acquire(blocking=True):
            try:
                order.append(("in", name))
                time.sleep(0.15)
                order.append(("out", name))
            finally:
                lock.release()

    threads = [threading.Thread(target=process_with_lock, args=("r1", n)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert len(order) == 8
    for at in range(0, 8, 2):
        assert order[at][0] == "in"
        assert order[at + 1] == ("out", order[at][1])
    assert redis_client.exists("lock:r1") == 0


def test_lock_holds_a_token_and_a_ttl():
    lock = redis_client.lock("lock:r2", timeout=10, blocking_timeout=5)
    assert lock.acquire(blocking=True) is True
    assert 9000 <= redis_client.pttl("lock:r2") <= 10000
    token = raw("GET", "lock:r2")
    assert len(token) == 32
    assert lock.owned() is True
    assert lock.locked() is True
    lock.release()
    assert raw("EXISTS", "lock:r2") == 0
    assert lock.locked() is False
    with pytest.raises(redis.exceptions.LockError):
        lock.release()


def test_lock_gives_up_after_blocking_timeout():
    held = redis_client.lock("lock:r3", timeout=10)
    assert held.acquire() is True
    second = redis_client.lock("lock:r3", timeout=10, blocking_timeout=0.4)
    began = time.monotonic()
    assert second.acquire(blocking=True) is False
    assert 0.2 <= time.monotonic() - began <= 2.0
    assert redis_client.lock("lock:r3", timeout=10).acquire(blocking=False) is False
    held.release()
    assert second.acquire() is True
    second.release()


def test_lock_of_someone_else_is_not_released():
    mine = redis_client.lock("lock:r4", timeout=0.3)
    assert mine.acquire() is True
    eventually(lambda: not redis_client.exists("lock:r4"), timeout=3, what="expiry of the lock")
    theirs = redis_client.lock("lock:r4", timeout=10)
    assert theirs.acquire() is True
    with pytest.raises(redis.exceptions.LockNotOwnedError):
        mine.release()
    assert redis_client.exists("lock:r4") == 1
    assert theirs.owned() is True
    theirs.release()


def test_lock_extend_and_reacquire():
    lock = redis_client.lock("lock:r5", timeout=5)
    lock.acquire()
    lock.extend(10)
    assert 13000 <= redis_client.pttl("lock:r5") <= 15000
    lock.extend(3, replace_ttl=True)
    assert 2000 <= redis_client.pttl("lock:r5") <= 3000
    lock.reacquire()
    assert 4000 <= redis_client.pttl("lock:r5") <= 5000
    raw("SET", "lock:r5", "stolen")
    with pytest.raises(redis.exceptions.LockNotOwnedError):
        lock.extend(10)
    with pytest.raises(redis.exceptions.LockNotOwnedError):
        lock.reacquire()
    raw("DEL", "lock:r5")


def test_lock_survives_a_script_flush():
    """The library runs EVALSHA and falls back on NOSCRIPT: both roads must work."""
    with redis_client.lock("lock:r6", timeout=5):
        pass
    lock = redis_client.lock("lock:r6", timeout=5)
    lock.acquire()
    raw("SCRIPT", "FLUSH")
    lock.release()
    assert redis_client.exists("lock:r6") == 0
    with Lock(redis_client, "lock:r6", timeout=5, sleep=0.05) as held:
        assert held.owned() is True
    assert redis_client.exists("lock:r6") == 0


# --- queue ----------------------------------------------------------------------------------


def test_queue_consumer_blocks_forever_and_keeps_the_order():
    done = []

    def enqueue_task(queue_name, task_data):
        return redis_client.lpush(queue_name, json.dumps(task_data))

    def process_queue(queue_name):
        consumer = connect()
        while True:
            item = consumer.brpop(queue_name, timeout=0)
            if item:
                name, task_json = item
                assert name == queue_name
                task = json.loads(task_json)
                done.append(task["n"])
                if task.get("last"):
                    return

    worker = threading.Thread(target=process_queue, args=("tasks",), daemon=True)
    worker.start()
    eventually(
        lambda: redis_client.info("clients")["blocked_clients"] == 1, what="the consumer to block"
    )
    for n in range(10):
        enqueue_task("tasks", {"n": n})
    enqueue_task("tasks", {"n": 10, "last": True})
    worker.join(10)
    assert worker.is_alive() is False
    assert done == list(range(11))
    assert redis_client.exists("tasks") == 0
    eventually(
        lambda: redis_client.info("clients")["blocked_clients"] == 0, what="no blocked client"
    )


def test_queue_wakes_the_longest_waiting_consumer():
    got = []

    def consume(name):
        item = connect().brpop(["urgent", "normal"], timeout=10)
        got.append((name, item))

    threads = []
    for n in range(2):
        t = threading.Thread(target=consume, args=(n,), daemon=True)
        t.start()
        threads.append(t)
        eventually(lambda n=n: redis_client.info("clients")["blocked_clients"] == n + 1)
    redis_client.lpush("normal", "first")
    threads[0].join(5)
    redis_client.lpush("urgent", "second")
    threads[1].join(5)
    assert got == (
        [(0, ("normal", "first")), (1, ("urgent", "second"))]
        if isinstance(got[0][1], tuple)
        else [(0, ["normal", "first"]), (1, ["urgent", "second"])]
    )


def test_queue_timeout_runs_out():
    began = time.monotonic()
    assert redis_client.brpop("empty-queue", timeout=1) is None
    assert 0.9 <= time.monotonic() - began <= 2.5


def test_queue_priority_is_the_order_of_the_keys():
    redis_client.rpush("low", "l")
    redis_client.rpush("high", "h")
    assert list(redis_client.brpop(["high", "low"], timeout=1)) == ["high", "h"]
    assert list(redis_client.brpop(["high", "low"], timeout=1)) == ["low", "l"]


# --- pub/sub --------------------------------------------------------------------------------


def test_pubsub_listen():
    received = []
    ready = threading.Event()

    def subscribe_to_events(channel):
        pubsub = connect().pubsub()
        pubsub.subscribe(channel)
        for message in pubsub.listen():
            if message["type"] == "subscribe":
                assert (message["channel"], message["data"]) == (channel, 1)
                ready.set()
            if message["type"] == "message":
                received.append(message["data"])
                if message["data"] == "stop":
                    pubsub.close()
                    return

    thread = threading.Thread(target=subscribe_to_events, args=("events",), daemon=True)
    thread.start()
    assert ready.wait(5) is True
    assert redis_client.publish("events", "one") == 1
    assert redis_client.publish("nobody", "x") == 0
    redis_client.publish("events", "zwei ✓")
    redis_client.publish("events", "stop")
    thread.join(5)
    assert received == ["one", "zwei ✓", "stop"]
    eventually(
        lambda: redis_client.pubsub_numsub("events") == [("events", 0)],
        what="the subscription to end",
    )


def test_pubsub_patterns_and_counts():
    pubsub = redis_client.pubsub()
    pubsub.subscribe("news")
    pubsub.psubscribe("user:*")
    kinds = [pubsub.get_message(timeout=3) for _ in range(2)]
    assert [(m["type"], m["channel"], m["data"]) for m in kinds] == [
        ("subscribe", "news", 1),
        ("psubscribe", "user:*", 2),
    ]
    assert redis_client.pubsub_channels() == ["news"]
    assert redis_client.pubsub_numpat() == 1
    assert redis_client.publish("user:7", "hello") == 1
    assert redis_client.publish("news", "n") == 1
    got = [pubsub.get_message(timeout=3) for _ in range(2)]
    assert [(m["type"], m["pattern"], m["channel"], m["data"]) for m in got] == [
        ("pmessage", "user:*", "user:7", "hello"),
        ("message", None, "news", "n"),
    ]
    pubsub.unsubscribe()
    pubsub.punsubscribe()
    kinds = [pubsub.get_message(timeout=3) for _ in range(2)]
    assert sorted((m["type"], m["data"]) for m in kinds) == [
        ("punsubscribe", 0),
        ("unsubscribe", 1),
    ]
    pubsub.close()


def test_pubsub_in_a_thread_with_handlers():
    got = []
    pubsub = redis_client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(**{"handled": lambda m: got.append(m["data"])})
    thread = pubsub.run_in_thread(sleep_time=0.02)
    try:
        eventually(lambda: redis_client.publish("handled", "hi") == 1)
        eventually(lambda: got[:1] == ["hi"])
    finally:
        thread.stop()
        thread.join(5)


def test_pubsub_health_check_ping():
    client = connect(health_check_interval=1)
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("beat")
    assert pubsub.get_message(timeout=1) is None
    time.sleep(1.2)
    for _ in range(3):
        pubsub.get_message(timeout=0.2)  # sends PING while subscribed and reads its answer
    redis_client.publish("beat", "still here")
    message = eventually(lambda: pubsub.get_message(timeout=1), timeout=5)
    assert message["data"] == "still here"
    pubsub.close()


# --- performance tips -----------------------------------------------------------------------


def test_connection_pool_reuses_connections():
    pool = redis.ConnectionPool(
        host=T.host, port=T.port, db=T.db, max_connections=10, decode_responses=True, **PROTOCOL
    )
    client = redis.Redis(connection_pool=pool)
    client.ping()
    before = redis_client.info("stats")["total_connections_received"]
    for n in range(50):
        client.set(f"pool:{n}", n)
    assert redis_client.info("stats")["total_connections_received"] == before
    held = (
        [pool.get_connection("_") for _ in range(9)]
        if redis.__version__.startswith("5")
        else [pool.get_connection() for _ in range(9)]
    )
    last = redis.Redis(connection_pool=pool)
    assert last.ping() is True
    for connection in held:
        pool.release(connection)
    pool.disconnect()


def test_pipeline():
    pipe = redis_client.pipeline()
    pipe.set("key1", "value1")
    pipe.set("key2", "value2")
    assert pipe.execute() == [True, True]
    assert redis_client.mget("key1", "key2", "key3") == ["value1", "value2", None]
    pipe = redis_client.pipeline()
    for n in range(1000):
        pipe.rpush("bulk", n)
    assert pipe.execute() == list(range(1, 1001))


def test_pipeline_watch_sees_a_change():
    redis_client.set("balance", 10)
    with redis_client.pipeline() as pipe:
        pipe.watch("balance")
        current = int(pipe.get("balance"))
        connect().set("balance", 99)
        pipe.multi()
        pipe.set("balance", current + 1)
        with pytest.raises(redis.exceptions.WatchError):
            pipe.execute()
    assert redis_client.get("balance") == "99"

    def add_one(pipe):
        current = int(pipe.get("balance"))
        pipe.multi()
        pipe.set("balance", current + 1)

    assert redis_client.transaction(add_one, "balance") == [True]
    assert redis_client.get("balance") == "100"


# --- security -------------------------------------------------------------------------------


def test_password_as_in_production():
    redis_client.config_set("requirepass", "your-secure-password")
    once = Retry(NoBackoff(), 0)  # later releases of redis-py would try again, with pauses
    try:
        assert connect(password="your-secure-password").ping() is True
        with pytest.raises(
            redis.exceptions.AuthenticationError,
            match="Authentication required|HELLO must be called",
        ):
            connect(retry=once).ping()
        with pytest.raises(redis.exceptions.AuthenticationError, match="invalid|WRONGPASS"):
            connect(password="no", retry=once).ping()
    finally:
        redis_client.config_set("requirepass", "")
    assert connect().ping() is True


# --- monitoring -----------------------------------------------------------------------------


def test_info_memory():
    memory = redis_client.info("memory")
    for field in (
        "used_memory",
        "used_memory_rss",
        "used_memory_peak",
        "maxmemory",
        "used_memory_lua",
        "used_memory_dataset",
        "total_system_memory",
    ):
        assert isinstance(memory[field], int), field
    assert re.search(r"^\d+(\.\d+)?[BKMG]$", memory["used_memory_human"], re.M)
    assert re.search(r"^\d+(\.\d+)?[BKMG]$", memory["maxmemory_human"], re.M)
    assert memory["maxmemory_policy"] in (
        "noeviction",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    )
    assert 0.0 <= float(memory["mem_fragmentation_ratio"]) <= 1e6
    before = memory["used_memory"]
    redis_client.set("big", "x" * 5_000_000)
    assert 4_500_000 <= redis_client.info("memory")["used_memory"] - before <= 24_000_000
    assert before + 4_500_000 <= redis_client.info("memory")["used_memory_peak"] <= 1 << 50
    redis_client.delete("big")
    eventually(
        lambda: redis_client.info("memory")["used_memory"] < before + 2_500_000,
        what="memory to come back",
    )


def test_info_stats():
    before = redis_client.info("stats")
    redis_client.get("none-such")
    after = redis_client.info("stats")
    assert after["keyspace_misses"] - before["keyspace_misses"] == 1
    assert 2 <= after["total_commands_processed"] - before["total_commands_processed"] <= 20
    for field in (
        "instantaneous_ops_per_sec",
        "total_net_input_bytes",
        "total_net_output_bytes",
        "rejected_connections",
        "expired_keys",
        "evicted_keys",
        "pubsub_channels",
        "latest_fork_usec",
    ):
        assert field in after
    assert 20 <= after["total_net_input_bytes"] - before["total_net_input_bytes"] <= 100_000


def test_client_list():
    named = connect(client_name="launchpad-worker")
    named.ping()
    mine = [c for c in redis_client.client_list() if c["name"] == "launchpad-worker"]
    assert len(mine) == 1
    assert int(mine[0]["id"]) == named.client_id()
    assert re.search(r"^127\.0\.0\.1:\d+$|^\[?[0-9a-f:.]+\]?:\d+$", mine[0]["addr"], re.M)
    assert mine[0]["db"] == str(T.db)
    assert 0 <= int(mine[0]["age"]) <= 60
    assert mine[0]["cmd"] in ("ping", "PING", "client|id"), mine[0]["cmd"]
    for field in (
        "idle",
        "flags",
        "sub",
        "psub",
        "multi",
        "qbuf",
        "qbuf-free",
        "obl",
        "oll",
        "omem",
        "tot-mem",
        "events",
        "user",
        "resp",
        "laddr",
        "fd",
        "lib-name",
        "lib-ver",
    ):
        assert field in mine[0]
    assert mine[0]["lib-name"].startswith("redis-py"), mine[0]["lib-name"]
    assert mine[0]["lib-ver"].split(".")[0] == redis.__version__.split(".")[0]
    assert named.client_getname() == "launchpad-worker"
    assert redis_client.client_kill_filter(_id=named.client_id()) == 1
    assert [c for c in redis_client.client_list() if c["id"] == mine[0]["id"]] == []


def test_monitor():
    seen = []
    ready = threading.Event()

    def watch():
        with connect().monitor() as stream:
            ready.set()
            for command in stream.listen():
                seen.append(command)
                if "stop-monitoring" in command["command"]:
                    return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    assert ready.wait(5) is True
    redis_client.set("watched", 'a "quoted" value')
    with redis_client.pipeline() as pipe:
        pipe.incr("watched:n")
        pipe.execute()
    redis_client.get("stop-monitoring")
    thread.join(5)
    assert thread.is_alive() is False
    texts = [c["command"] for c in seen]
    assert "GET stop-monitoring" in texts
    assert any(t.startswith("SET watched") for t in texts), str(texts)
    order = [t.split()[0] for t in texts if t.split()[0] in ("MULTI", "INCRBY", "EXEC")]
    assert order == ["MULTI", "INCRBY", "EXEC"]
    one = [c for c in seen if c["command"] == "GET stop-monitoring"][0]
    assert one["db"] == T.db
    assert one["client_type"] == "tcp"
    assert time.time() - 60 <= one["time"] <= time.time() + 2


def test_flushall_and_flushdb():
    other = connect(db=(T.db + 1) % 16)
    redis_client.set("here", 1)
    other.set("there", 1)
    assert redis_client.flushdb() is True
    assert (redis_client.dbsize(), other.dbsize() > 0) == (0, True)
    assert redis_client.flushall() is True
    assert other.dbsize() == 0
    redis_client.set("here", 1)
    assert redis_client.flushall(asynchronous=True) is True
    assert redis_client.dbsize() == 0
