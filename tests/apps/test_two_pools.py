"""A manager with one asyncio and one blocking pool, as project generators write it."""

import asyncio
import hashlib
import json
import re
import time
from functools import wraps

import pytest
import redis
import redis.asyncio as aioredis
from support import PROTOCOL, T, raw

REDIS_CONNECTION_URL = T.url()
REDIS_POOL_SIZE = 10
REDIS_SOCKET_TIMEOUT = 5


class RedisManager:
    """app/core/redis.py as generated: one async and one sync pool."""

    def __init__(self):
        self._async = None
        self._sync = None

    async def get_async_client(self):
        if self._async is None:
            pool = aioredis.ConnectionPool.from_url(
                REDIS_CONNECTION_URL,
                max_connections=REDIS_POOL_SIZE,
                socket_timeout=REDIS_SOCKET_TIMEOUT,
                decode_responses=True,
                **PROTOCOL,
            )
            self._async = aioredis.Redis(connection_pool=pool)
        return self._async

    def get_sync_client(self):
        if self._sync is None:
            pool = redis.ConnectionPool.from_url(
                REDIS_CONNECTION_URL,
                max_connections=REDIS_POOL_SIZE,
                socket_timeout=REDIS_SOCKET_TIMEOUT,
                decode_responses=True,
                **PROTOCOL,
            )
            self._sync = redis.Redis(connection_pool=pool)
        return self._sync

    async def set_async(self, key, value, ex=3600):
        return await (await self.get_async_client()).set(key, value, ex=ex)

    async def get_async(self, key):
        return await (await self.get_async_client()).get(key)

    async def delete_async(self, key):
        return await (await self.get_async_client()).delete(key)

    async def delete_pattern_async(self, pattern):
        client = await self.get_async_client()
        cursor, deleted = 0, 0
        while True:
            cursor, keys = await client.scan(cursor=cursor, match=pattern, count=100)
            if keys:
                deleted += await client.delete(*keys)
            if cursor == 0:
                return deleted

    def set_sync(self, key, value, ex=3600):
        return self.get_sync_client().set(key, value, ex=ex)

    def get_sync(self, key):
        return self.get_sync_client().get(key)

    def delete_sync(self, key):
        return self.get_sync_client().delete(key)

    async def async_test_connection(self):
        return await (await self.get_async_client()).ping()

    def sync_test_connection(self):
        return self.get_sync_client().ping()

    async def close(self):
        if self._async is not None:
            await self._async.connection_pool.disconnect()
            self._async = None


redis_manager = RedisManager()


def fresh(func):
    """Every case has its own event loop, so its own async pool."""

    @wraps(func)
    async def wrapper():
        try:
            await func()
        finally:
            await redis_manager.close()

    return wrapper


class HTTPException(Exception):
    def __init__(self, status_code, detail):
        super().__init__(detail)
        self.status_code = status_code


@fresh
async def test_async_and_sync_see_the_same():
    assert await redis_manager.set_async("key", "value", ex=3600) is True
    assert redis_manager.get_sync("key") == "value"
    assert redis_manager.delete_sync("key") == 1
    assert await redis_manager.get_async("key") is None
    redis_manager.set_sync("key", "other", ex=3600)
    assert await redis_manager.get_async("key") == "other"
    assert await redis_manager.delete_async("key") == 1


@fresh
async def test_caching_api_responses():
    fetched = []

    async def get_user(user_id: int):
        cache_key = f"user:{user_id}"
        cached = await redis_manager.get_async(cache_key)
        if cached:
            return json.loads(cached)
        fetched.append(user_id)
        user = {"id": user_id, "email": "a@b.c"}
        await redis_manager.set_async(cache_key, json.dumps(user), ex=3600)
        return user

    assert [await get_user(4), await get_user(4)] == [{"id": 4, "email": "a@b.c"}] * 2
    assert fetched == [4]
    assert 3595 <= raw("TTL", "user:4", db=T.db) <= 3600


@fresh
async def test_session_storage():
    async def get_session(user_id):
        data = await redis_manager.get_async(f"session:{user_id}")
        return json.loads(data) if data else None

    await redis_manager.set_async("session:5", json.dumps({"role": "admin"}), ex=86400)
    assert await get_session(5) == {"role": "admin"}
    assert 86390 <= raw("TTL", "session:5", db=T.db) <= 86400
    await redis_manager.delete_async("session:5")
    assert await get_session(5) is None


@fresh
async def test_rate_limiting():
    async def check_rate_limit(user_id: int, max_requests: int = 100, window: int = 3600):
        key = f"rate_limit:{user_id}"
        current = await redis_manager.get_async(key)
        if current is None:
            await redis_manager.set_async(key, "1", ex=window)
            return True
        if int(current) >= max_requests:
            raise HTTPException(status_code=429, detail="Rate limit exceeded")
        client = await redis_manager.get_async_client()
        await client.incr(key)
        return True

    for _ in range(100):
        assert await check_rate_limit(3) is True
    try:
        await check_rate_limit(3)
        raise AssertionError("request 101 was let through")
    except HTTPException as exc:
        assert exc.status_code == 429
    assert await redis_manager.get_async("rate_limit:3") == "100"
    assert 3590 <= raw("TTL", "rate_limit:3", db=T.db) <= 3600  # INCR keeps the time to live


@fresh
async def test_rate_limit_decorator():
    def rate_limit(max_requests, window_seconds):
        def decorator(func):
            @wraps(func)
            async def wrapper(*args, **kwargs):
                client = await redis_manager.get_async_client()
                key = f"rl:{func.__name__}"
                async with client.pipeline(transaction=True) as pipe:
                    pipe.incr(key)
                    pipe.expire(key, window_seconds, nx=True)
                    count, fresh_window = await pipe.execute()
                if count > max_requests:
                    raise HTTPException(429, "Rate limit exceeded")
                return await func(*args, **kwargs), bool(fresh_window)

            return wrapper

        return decorator

    @rate_limit(max_requests=3, window_seconds=100)
    async def get_data():
        return {"data": "value"}

    assert [await get_data() for _ in range(3)] == [
        ({"data": "value"}, True),
        ({"data": "value"}, False),
        ({"data": "value"}, False),
    ]
    try:
        await get_data()
        raise AssertionError("the fourth call was let through")
    except HTTPException as exc:
        assert exc.status_code == 429


@fresh
async def test_caching_decorator():
    calls = []

    def cache_result(ttl: int = 3600, key_prefix: str = "cache"):
        def decorator(func):
            @wraps(func)
            async def wrapper(*args, **kwargs):
                key_parts = [key_prefix, func.__name__]
                key_parts.extend(str(arg) for arg in args)
                key_parts.extend(f"{k}={v}" for k, v in sorted(kwargs.items()))
                cache_key = hashlib.md5(":".join(key_parts).encode()).hexdigest()
                cached = await redis_manager.get_async(cache_key)
                if cached:
                    return json.loads(cached)
                result = await func(*args, **kwargs)
                await redis_manager.set_async(cache_key, json.dumps(result), ex=ttl)
                return result

            return wrapper

        return decorator

    @cache_result(ttl=1800, key_prefix="products")
    async def get_products(category: str):
        calls.append(category)
        return [{"category": category}]

    assert await get_products("toys") == [{"category": "toys"}]
    assert await get_products("toys") == [{"category": "toys"}]
    assert await get_products(category="toys") == [{"category": "toys"}]
    assert calls == ["toys", "toys"]
    key = hashlib.md5(b"products:get_products:toys").hexdigest()
    assert 1790 <= raw("TTL", key, db=T.db) <= 1800


@fresh
async def test_distributed_lock():
    async def acquire_lock(lock_name: str, timeout: int = 10):
        client = await redis_manager.get_async_client()
        return await client.set(f"lock:{lock_name}", "1", ex=timeout, nx=True)

    async def release_lock(lock_name: str):
        await redis_manager.delete_async(f"lock:{lock_name}")

    async def process_payment(order_id, log):
        lock_name = f"payment:{order_id}"
        if not await acquire_lock(lock_name):
            raise Exception("Payment already being processed")
        try:
            log.append(order_id)
            await asyncio.sleep(0.2)
        finally:
            await release_lock(lock_name)

    log = []
    results = await asyncio.gather(
        *[process_payment(9, log) for _ in range(5)], return_exceptions=True
    )
    assert sorted(str(r) for r in results) == ["None"] + ["Payment already being processed"] * 4
    assert log == [9]
    assert await acquire_lock("payment:9") is True
    assert 8 <= raw("TTL", "lock:payment:9", db=T.db) <= 10
    assert await acquire_lock("payment:9") is None


@fresh
async def test_library_lock_async():
    client = await redis_manager.get_async_client()
    inside = []

    async def work(n):
        async with client.lock("lock:async", timeout=10, blocking_timeout=5):
            inside.append(n)
            assert len(inside) == 1
            await asyncio.sleep(0.03)
            inside.remove(n)

    await asyncio.gather(*[work(n) for n in range(5)])
    assert raw("EXISTS", "lock:async", db=T.db) == 0
    lock = client.lock("lock:async", timeout=5)
    await lock.acquire()
    assert await lock.extend(5) is True
    assert 8000 <= raw("PTTL", "lock:async", db=T.db) <= 10000
    raw("DEL", "lock:async", db=T.db)
    try:
        await lock.release()
        raise AssertionError("a lost lock was released")
    except redis.exceptions.LockNotOwnedError:
        pass


@fresh
async def test_invalidation_by_pattern():
    for user in (1, 2):
        for part in ("profile", "settings"):
            await redis_manager.set_async(f"user:{user}:{part}", "x")
    assert await redis_manager.delete_pattern_async("user:1:*") == 2
    assert await redis_manager.get_async("user:2:profile") == "x"
    await redis_manager.delete_pattern_async("user:*")
    assert raw("KEYS", "user:*", db=T.db) == []


@fresh
async def test_connection_tests():
    assert await redis_manager.async_test_connection() is True
    assert redis_manager.sync_test_connection() is True


@fresh
async def test_ttls_short_medium_long():
    for key, ex in (("temp_data", 300), ("user_session", 3600), ("daily_stats", 86400)):
        await redis_manager.set_async(key, "v", ex=ex)
        assert ex - 5 <= raw("TTL", key, db=T.db) <= ex


@fresh
async def test_a_miss_falls_back_to_the_database():
    fetched = []

    async def fetch_from_database(key):
        fetched.append(key)
        return {"key": key}

    async def get_data(key: str):
        cached = await redis_manager.get_async(key)
        if cached:
            return json.loads(cached)
        data = await fetch_from_database(key)
        await redis_manager.set_async(key, json.dumps(data), ex=3600)
        return data

    assert [await get_data("cache:api:users:list") for _ in range(2)] == [
        {"key": "cache:api:users:list"}
    ] * 2
    assert fetched == ["cache:api:users:list"]
    redis_manager.delete_sync("cache:api:users:list")
    await get_data("cache:api:users:list")
    assert len(fetched) == 2


@fresh
async def test_stampede_is_held_back_by_a_lock():
    made = []

    async def expensive_operation():
        made.append(1)
        await asyncio.sleep(0.25)
        return {"report": 42}

    async def get_expensive_data(key):
        cached = await redis_manager.get_async(key)
        if cached:
            return json.loads(cached)
        lock_key = f"lock:{key}"
        client = await redis_manager.get_async_client()
        if await client.set(lock_key, "1", ex=10, nx=True):
            try:
                data = await expensive_operation()
                await redis_manager.set_async(key, json.dumps(data), ex=3600)
                return data
            finally:
                await redis_manager.delete_async(lock_key)
        else:
            await asyncio.sleep(0.1)
            return await get_expensive_data(key)

    got = await asyncio.gather(*[get_expensive_data("report") for _ in range(8)])
    assert got == [{"report": 42}] * 8
    assert made == [1]


@fresh
async def test_redis_info():
    client = await redis_manager.get_async_client()
    info = await client.info("memory")
    picked = {
        "used_memory": info["used_memory_human"],
        "used_memory_peak": info["used_memory_peak_human"],
        "mem_fragmentation_ratio": info["mem_fragmentation_ratio"],
    }
    assert re.search(r"^\d+(\.\d+)?[BKMG]$", str(picked["used_memory"]), re.M)
    assert re.search(r"^\d+(\.\d+)?[BKMG]$", str(picked["used_memory_peak"]), re.M)
    assert isinstance(picked["mem_fragmentation_ratio"], (int, float))
    assert 1 <= info["used_memory"] <= info["used_memory_peak"]


@fresh
async def test_memory_limit_at_run_time():
    client = await redis_manager.get_async_client()
    old = await client.config_get("maxmemory-policy")
    try:
        assert await client.config_set("maxmemory", "256mb") is True
        assert await client.config_set("maxmemory-policy", "allkeys-lru") is True
        assert await client.config_get("maxmemory") == {"maxmemory": str(256 << 20)}
        assert await client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert (await client.info("memory"))["maxmemory_human"] == "256.00M"
        try:
            await client.config_set("maxmemory-policy", "no-such-policy")
            raise AssertionError("an unknown policy was accepted")
        except redis.exceptions.ResponseError as exc:
            assert "argument(s) must be one of the following" in str(exc)
    finally:
        await client.config_set("maxmemory", "0")
        await client.config_set("maxmemory-policy", old["maxmemory-policy"])


def test_socket_timeout_does_not_cut_short_a_quick_answer_but_a_long_block():
    client = redis.Redis.from_url(REDIS_CONNECTION_URL, socket_timeout=1, **PROTOCOL)
    assert client.ping() is True
    began = time.monotonic()
    with pytest.raises(redis.exceptions.TimeoutError):
        client.blpop("nothing-here", timeout=20)
    assert 0.8 <= time.monotonic() - began <= 8
    assert client.ping() is True  # a new connection takes over


@fresh
async def test_password_in_the_url():
    client = await redis_manager.get_async_client()
    await client.config_set("requirepass", "your-strong-password")
    try:
        ok = aioredis.Redis.from_url(
            f"redis://:your-strong-password@{T.host}:{T.port}/0", decode_responses=True, **PROTOCOL
        )
        assert await ok.set("in", "yes") is True
        await ok.connection_pool.disconnect()
    finally:
        await client.config_set("requirepass", "")
    assert raw("GET", "in") == "yes"
