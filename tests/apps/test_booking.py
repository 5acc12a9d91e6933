"""A booking platform on redis.asyncio: one-time passwords, profiles, locks, limits."""

import asyncio
import json
import os
import re
import time
from datetime import datetime
from typing import Any

import httpx
import redis.asyncio as aioredis
import redis.exceptions
from fastapi import Depends, FastAPI
from support import PROTOCOL, T, free_port, raw

REDIS_URL = T.url(**PROTOCOL)
MAX_REQUESTS = 5


class HTTPException(Exception):
    def __init__(self, status_code, detail):
        super().__init__(detail)
        self.status_code = status_code


class RedisClient:
    """The application's own client: JSON in and out."""

    def __init__(self, url=REDIS_URL):
        self.url = url
        self.redis = None

    async def connect(self):
        self.redis = await aioredis.from_url(
            self.url,
            max_connections=20,  # Connection pool size
            encoding="utf-8",
            decode_responses=True,
        )

    async def disconnect(self):
        await self.redis.close()
        await self.redis.connection_pool.disconnect()

    async def get(self, key: str) -> Any:
        value = await self.redis.get(key)
        if value is None:
            return None
        try:
            return json.loads(value)
        except ValueError:
            return value

    async def set(self, key: str, value: Any, expire: int = 3600, nx: bool = False) -> bool:
        if not isinstance(value, str):
            value = json.dumps(value)
        return bool(await self.redis.set(key, value, ex=expire, nx=nx))

    async def delete(self, *keys) -> bool:
        return await self.redis.delete(*keys) > 0

    async def exists(self, key: str) -> bool:
        return await self.redis.exists(key) > 0

    async def set_hash(self, key: str, mapping: dict, expire: int = 3600):
        await self.redis.hset(key, mapping=mapping)
        await self.redis.expire(key, expire)

    async def get_hash(self, key: str) -> dict:
        return await self.redis.hgetall(key)

    async def increment(self, key: str, amount: int = 1) -> int:
        return await self.redis.incrby(key, amount)


class connected:
    async def __aenter__(self):
        self.client = RedisClient()
        await self.client.connect()
        return self.client

    async def __aexit__(self, *exc):
        await self.client.disconnect()


class Db:
    """Counts what the cache let through."""

    def __init__(self):
        self.calls = 0
        self.profiles = {42: {"name": "Asha", "city": "Bengaluru"}}

    async def get_profile(self, user_id):
        self.calls += 1
        return dict(self.profiles[user_id])

    async def update_profile(self, user_id, data):
        self.profiles[user_id].update(data)

    async def search_vendors(self, *args):
        self.calls += 1
        return [{"id": 1, "name": "Spa"}, {"id": 2, "name": "Salon"}]


async def test_otp():
    async with connected() as redis_client:
        mobile, otp_code = "+919876543210", "004217"
        await redis_client.redis.set(f"salon:otp:{mobile}", otp_code, ex=300)
        assert 295 <= await redis_client.redis.ttl(f"salon:otp:{mobile}") <= 300
        stored_otp = await redis_client.redis.get(f"salon:otp:{mobile}")
        assert stored_otp == otp_code
        assert await redis_client.delete(f"salon:otp:{mobile}") is True
        assert await redis_client.get(f"salon:otp:{mobile}") is None
        assert await redis_client.delete(f"salon:otp:{mobile}") is False


async def test_otp_expires():
    async with connected() as redis_client:
        await redis_client.redis.set("salon:otp:1", "123456", px=250)
        assert await redis_client.redis.get("salon:otp:1") == "123456"
        assert 1 <= await redis_client.redis.pttl("salon:otp:1") <= 250
        await asyncio.sleep(0.45)
        assert await redis_client.redis.get("salon:otp:1") is None
        assert await redis_client.exists("salon:otp:1") is False


async def test_profile_cache_and_invalidation():
    async with connected() as redis_client:
        db = Db()

        async def get_profile(user_id):
            cache_key = f"salon:profile:customer:{user_id}"
            cached_profile = await redis_client.get(cache_key)
            if cached_profile:
                return cached_profile
            profile = await db.get_profile(user_id)
            await redis_client.set(cache_key, profile, expire=300)
            return profile

        async def update_profile(user_id, data):
            await db.update_profile(user_id, data)
            await redis_client.delete(f"salon:profile:customer:{user_id}")

        assert await get_profile(42) == {"name": "Asha", "city": "Bengaluru"}
        assert await get_profile(42) == {"name": "Asha", "city": "Bengaluru"}
        assert db.calls == 1
        await update_profile(42, {"city": "Mysuru"})
        assert (await get_profile(42))["city"] == "Mysuru"
        assert db.calls == 2
        assert 295 <= await redis_client.redis.ttl("salon:profile:customer:42") <= 300


async def test_profile_endpoint():
    """Usage in Endpoints: GET /profile through FastAPI, the key made of role and user."""
    async with connected() as redis_client:
        db = Db()
        app = FastAPI()

        async def get_current_user():
            return {"role": "customer", "user_id": 42}

        @app.get("/profile")
        async def get_profile(current_user: dict = Depends(get_current_user)):
            cache_key = f"salon:profile:{current_user['role']}:{current_user['user_id']}"
            cached = await redis_client.get(cache_key)
            if cached:
                return cached
            profile = await db.get_profile(current_user["user_id"])
            await redis_client.set(cache_key, profile, expire=300)
            return profile

        await redis_client.delete("salon:profile:customer:42")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://app"
        ) as http:
            for _ in range(3):
                assert (await http.get("/profile")).json() == {"name": "Asha", "city": "Bengaluru"}
        assert db.calls == 1
        assert raw("GET", "salon:profile:customer:42") == '{"name": "Asha", "city": "Bengaluru"}'


async def test_url_of_the_env_file():
    """REDIS_URL=redis://localhost:6379/0"""
    client = aioredis.from_url(REDIS_URL.replace("127.0.0.1", "localhost"), decode_responses=True)
    await client.set("salon:by-name", "yes")
    assert raw("GET", "salon:by-name") == "yes"
    await client.close()


async def test_location_tracking():
    async with connected() as redis_client:
        where = {
            "latitude": 12.9716,
            "longitude": 77.5946,
            "accuracy": 10,
            "timestamp": "2025-01-15T14:30:00Z",
        }
        await redis_client.set("salon:location:therapist:9", where, expire=300)
        assert await redis_client.get("salon:location:therapist:9") == where
        moved = dict(where, latitude=12.98)
        await redis_client.set("salon:location:therapist:9", moved, expire=300)
        assert await redis_client.get("salon:location:therapist:9") == moved
        assert await redis_client.redis.keys("salon:location:*") == ["salon:location:therapist:9"]


async def test_search_results():
    async with connected() as redis_client:
        db = Db()

        async def search(lat, lng, service_type, radius):
            cache_key = f"salon:vendors:{lat}:{lng}:{service_type}:{radius}"
            cached_results = await redis_client.get(cache_key)
            if cached_results:
                return cached_results
            vendors = await db.search_vendors(lat, lng, service_type, radius)
            await redis_client.set(cache_key, vendors, expire=300)
            return vendors

        first = await search(12.97, 77.59, "massage", 5)
        assert await search(12.97, 77.59, "massage", 5) == first
        assert db.calls == 1
        await search(12.97, 77.59, "massage", 10)
        assert db.calls == 2


async def test_hash_session():
    async with connected() as redis_client:
        key = "salon:session:abc"
        login = datetime.now().isoformat()
        await redis_client.set_hash(
            key,
            {"user_id": 7, "role": "customer", "login_time": login, "ip_address": "10.0.0.1"},
            expire=3600,
        )
        session = await redis_client.get_hash(key)
        assert session == {
            "user_id": "7",
            "role": "customer",
            "login_time": login,
            "ip_address": "10.0.0.1",
        }
        assert 3595 <= await redis_client.redis.ttl(key) <= 3600
        assert await redis_client.get_hash("salon:session:none") == {}
        assert await redis_client.redis.hset(key, "role", "admin") == 0
        assert await redis_client.redis.hset(key, "device", "phone") == 1
        assert (
            3595 <= await redis_client.redis.ttl(key) <= 3600
        )  # a field change keeps the time to live
        assert await redis_client.redis.hget(key, "role") == "admin"
        assert raw("TYPE", key) == "hash"


async def test_rate_limit():
    async with connected() as redis_client:

        async def hit(ip, endpoint):
            key = f"salon:ratelimit:{ip}:{endpoint}"
            count = await redis_client.increment(key)
            if count == 1:
                await redis_client.redis.expire(key, 60)
            if count > MAX_REQUESTS:
                raise HTTPException(status_code=429, detail="Too many requests")
            return count

        results = []
        for _ in range(7):
            try:
                results.append(await hit("1.2.3.4", "login"))
            except HTTPException as exc:
                results.append(exc.status_code)
        assert results == [1, 2, 3, 4, 5, 429, 429]
        assert 55 <= await redis_client.redis.ttl("salon:ratelimit:1.2.3.4:login") <= 60
        assert await redis_client.increment("salon:ratelimit:other", 5) == 5


async def test_rate_limit_is_atomic_under_concurrency():
    async with connected() as redis_client:
        counts = await asyncio.gather(
            *[redis_client.increment("salon:ratelimit:burst") for _ in range(20)]
        )
        assert sorted(counts) == list(range(1, 21))


async def test_booking_lock():
    async with connected() as redis_client:
        lock_key = "salon:booking:lock:5:2025-01-15:14:00"
        assert await redis_client.set(lock_key, "user-1", expire=30, nx=True) is True
        assert 28 <= await redis_client.redis.ttl(lock_key) <= 30
        assert await redis_client.set(lock_key, "user-2", expire=30, nx=True) is False
        assert await redis_client.get(lock_key) == "user-1"
        assert await redis_client.delete(lock_key) is True
        assert await redis_client.set(lock_key, "user-2", expire=30, nx=True) is True


async def test_double_booking_has_one_winner():
    async with connected() as redis_client:
        won = await asyncio.gather(
            *[
                redis_client.set("salon:booking:lock:race", f"user-{n}", expire=30, nx=True)
                for n in range(20)
            ]
        )
        assert won.count(True) == 1
        assert await redis_client.get("salon:booking:lock:race") == f"user-{won.index(True)}"


async def test_invalidate_all_related():
    async with connected() as redis_client:
        await redis_client.set("salon:profile:customer:3", {"a": 1})
        await redis_client.set("salon:user:3", {"b": 1})
        assert 3595 <= await redis_client.redis.ttl("salon:user:3") <= 3600
        await redis_client.delete("salon:profile:customer:3")
        await redis_client.delete("salon:user:3")
        assert await redis_client.redis.exists("salon:profile:customer:3", "salon:user:3") == 0


async def test_pipeline_of_deletes():
    async with connected() as redis_client:
        user_ids = range(50)
        for user_id in user_ids:
            if user_id % 2:
                await redis_client.set(f"salon:profile:{user_id}", {"id": user_id})
        pipeline = redis_client.redis.pipeline()
        for user_id in user_ids:
            pipeline.delete(f"salon:profile:{user_id}")
        assert await pipeline.execute() == [n % 2 for n in user_ids]
        assert await redis_client.redis.keys("salon:profile:[0-9]*") == []


async def test_pipeline_without_transaction_and_with_an_error():
    async with connected() as redis_client:
        async with redis_client.redis.pipeline(transaction=False) as pipe:
            pipe.set("salon:p1", "x").incr("salon:p1").get("salon:p1")
            got = await pipe.execute(raise_on_error=False)
        assert got[0] is True
        assert type(got[1]).__name__ == "ResponseError"
        assert "value is not an integer or out of range" in str(got[1])
        assert got[2] == "x"
        async with redis_client.redis.pipeline(transaction=True) as pipe:
            pipe.set("salon:p1", "5").hset("salon:p1", "f", "v").incr("salon:p1")
            got = await pipe.execute(raise_on_error=False)
        assert got[0] is True
        assert re.search("WRONGTYPE|wrong kind of value", str(got[1]), re.M)
        assert got[2] == 6  # the rest of a transaction is still carried out


async def test_connection_pool_of_twenty():
    async with connected() as redis_client:
        await redis_client.redis.set("salon:pool", "1")
        before = len(await redis_client.redis.client_list())
        assert before >= 1
        got = await asyncio.gather(*[redis_client.redis.get("salon:pool") for _ in range(20)])
        assert got == ["1"] * 20
        after = len(await redis_client.redis.client_list())
        assert before <= after <= before + 20


async def test_failures_fall_back_to_the_database():
    dead = aioredis.from_url(f"redis://127.0.0.1:{free_port()}/0", socket_connect_timeout=1)

    async def get_data(client):
        try:
            cached = await client.get("salon:fallback")
            if cached:
                return cached
        except Exception as e:
            assert isinstance(e, redis.exceptions.ConnectionError)
        return "from the database"

    assert await get_data(dead) == "from the database"
    async with connected() as redis_client:
        assert await get_data(redis_client) == "from the database"
        await redis_client.set("salon:fallback", "from the cache")
        assert await get_data(redis_client) == "from the cache"


async def test_key_table_with_its_ttls():
    table = {
        "salon:otp:+911": 300,
        "salon:user:1": 3600,
        "salon:profile:customer:1": 300,
        "salon:profile:therapist:1": 300,
        "salon:profile:vendor:1": 300,
        "salon:booking:1": 3600,
        "salon:vendor:detail:1": 600,
        "salon:vendors:12.9:77.5:spa:5": 300,
        "salon:location:therapist:1": 300,
        "salon:attendance:1:2025-01-15": 86400,
        "salon:ratelimit:1.1.1.1:login": 60,
    }
    async with connected() as redis_client:
        await redis_client.redis.flushdb()
        for key, ttl in table.items():
            await redis_client.set(key, {"k": key}, expire=ttl)
        for key, ttl in table.items():
            assert ttl - 5 <= await redis_client.redis.ttl(key) <= ttl, key
        assert sorted(await redis_client.redis.keys("salon:*")) == sorted(table)
        assert await redis_client.redis.dbsize() == len(table)
        assert sorted(await redis_client.redis.keys("salon:profile:*:1")) == sorted(
            k for k in table if "profile" in k
        )


async def test_hit_rate_and_connection_count():
    async with connected() as redis_client:
        client = redis_client.redis
        await client.config_resetstat()
        await client.set("salon:hit", "1")
        for _ in range(8):
            await client.get("salon:hit")
        for _ in range(2):
            await client.get("salon:miss")
        stats = await client.info("stats")
        assert (stats["keyspace_hits"], stats["keyspace_misses"]) == (8, 2)
        assert stats["evicted_keys"] == 0
        assert 11 <= stats["total_commands_processed"] <= 60
        clients = await client.info("clients")
        assert 1 <= clients["connected_clients"] <= 500
        assert clients["blocked_clients"] == 0
        everything = await client.info()
        for field in (
            "redis_version",
            "uptime_in_seconds",
            "used_memory",
            "maxmemory_policy",
            "connected_clients",
            "total_connections_received",
            "keyspace_hits",
            "expired_keys",
            "role",
            "aof_enabled",
            "rdb_last_bgsave_status",
            "used_cpu_sys",
        ):
            assert field in everything
        assert str(everything["redis_version"]).startswith("7.2")
        assert everything["role"] == "master"


async def test_expired_keys_are_counted():
    async with connected() as redis_client:
        client = redis_client.redis
        before = (await client.info("stats"))["expired_keys"]
        for n in range(20):
            await client.set(f"salon:gone:{n}", "x", px=50)
        end = time.monotonic() + 5
        while (await client.info("stats"))[
            "expired_keys"
        ] - before < 20:  # nobody reads them: active expiry
            assert time.monotonic() < end, "active expiry within 5s"
            await asyncio.sleep(0.05)
        assert await client.keys("salon:gone:*") == []


async def test_slow_log():
    async with connected() as redis_client:
        client = redis_client.redis
        old = (await client.config_get("slowlog-log-slower-than"))["slowlog-log-slower-than"]
        assert await client.config_set("slowlog-log-slower-than", 10000) is True
        assert await client.config_get("slowlog-log-slower-than") == {
            "slowlog-log-slower-than": "10000"
        }
        try:
            await client.slowlog_reset()
            await client.config_set("slowlog-log-slower-than", 0)
            await client.set("salon:slow", "value")
            await client.config_set("slowlog-log-slower-than", 10000)
            # redis-py 5.0.1 with hiredis cannot parse a decoded slow log: bytes are left alone
            plain = aioredis.from_url(REDIS_URL)
            entries = await plain.slowlog_get(10)
            await plain.connection_pool.disconnect()
            sets = [e for e in entries if "salon:slow" in str(e["command"])]
            assert len(sets) == 1
            assert sets[0]["command"] == b"SET salon:slow value"
            assert int(time.time()) - 20 <= sets[0]["start_time"] <= int(time.time()) + 2
            assert 0 <= sets[0]["duration"] <= 5_000_000
            assert 1 <= await client.slowlog_len() <= 10
            await client.slowlog_reset()
            assert await client.slowlog_len() == 0
        finally:
            await client.config_set("slowlog-log-slower-than", old)


async def test_maxmemory_with_allkeys_lru_evicts():
    async with connected() as redis_client:
        client = redis_client.redis
        await client.flushall()
        old = await client.config_get("maxmemory*")
        used = (await client.info("memory"))["used_memory"]
        value = "x" * 1000
        try:
            await client.config_set("maxmemory-policy", "allkeys-lru")
            await client.config_set("maxmemory", used + 3_000_000)
            before = (await client.info("stats"))["evicted_keys"]
            for start in range(0, 10000, 500):
                pipe = client.pipeline(transaction=False)
                for n in range(start, start + 500):
                    pipe.set(f"salon:fill:{n}", value)
                assert all(await pipe.execute()) is True, "every SET is accepted"
            memory = await client.info("memory")
            assert memory["maxmemory"] == used + 3_000_000
            assert memory["maxmemory_policy"] == "allkeys-lru"
            evicted = (await client.info("stats"))["evicted_keys"] - before
            size = await client.dbsize()
            assert evicted + size == 10000
            assert 500 <= size <= 9000, "keys left"
            assert 0 <= memory["used_memory"] <= used + 4_500_000
            # the other policy such users meet: refuse writes, serve reads
            await client.config_set("maxmemory-policy", "noeviction")
            await client.config_set("maxmemory", 1)
            try:
                await client.set("salon:full", value)
                raise AssertionError("a write over maxmemory was accepted")
            except redis.exceptions.ResponseError as exc:
                assert re.search(
                    "OOM|command not allowed when used memory > 'maxmemory'", str(exc), re.M
                )
            assert await client.get("salon:none") is None
            assert await client.delete("salon:fill:9999") in (0, 1)
        finally:
            await client.config_set("maxmemory", old.get("maxmemory", "0"))
            await client.config_set("maxmemory-policy", old.get("maxmemory-policy", "noeviction"))
            await client.flushall()


async def test_maxmemory_accepts_units():
    async with connected() as redis_client:
        client = redis_client.redis
        try:
            for text, amount in (
                ("2gb", 2 << 30),
                ("4gb", 4 << 30),
                ("256mb", 256 << 20),
                ("100k", 100_000),
                ("1kb", 1024),
                ("1000000", 1000000),
            ):
                await client.config_set("maxmemory", "0")
                if amount < (16 << 20):
                    await client.config_set("maxmemory-policy", "noeviction")
                await client.config_set("maxmemory", text)
                assert await client.config_get("maxmemory") == {"maxmemory": str(amount)}
        finally:
            await client.config_set("maxmemory", "0")


async def test_save_points_can_be_read_and_set():
    async with connected() as redis_client:
        client = redis_client.redis
        old = (await client.config_get("save"))["save"]
        try:
            await client.config_set("save", "900 1 300 10 60 10000")
            assert await client.config_get("save") == {"save": "900 1 300 10 60 10000"}
            await client.config_set("save", "")
            assert await client.config_get("save") == {"save": ""}
        finally:
            await client.config_set("save", old)


async def test_bgsave_writes_a_dump():
    async with connected() as redis_client:
        client = redis_client.redis
        await client.set("salon:dumped", "yes")
        before = await client.lastsave()
        for _ in range(100):  # an AOF rewrite of before may still be running
            if not (await client.info("persistence"))["rdb_bgsave_in_progress"]:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.1)
        await client.bgsave()
        for _ in range(200):
            persistence = await client.info("persistence")
            if not persistence["rdb_bgsave_in_progress"] and await client.lastsave() > before:
                break
            await asyncio.sleep(0.1)
        assert await client.lastsave() > before
        assert persistence["rdb_last_bgsave_status"] == "ok"
        assert persistence["rdb_changes_since_last_save"] == 0
        where = await client.config_get("dir")
        name = (await client.config_get("dbfilename"))["dbfilename"]
        path = os.path.join(where["dir"], name)
        if os.path.exists(path):  # the server may be on another machine
            with open(path, "rb") as dump:
                assert dump.read(5) == b"REDIS"


async def test_password_as_in_staging():
    """redis://default:password@host and redis://:password@host."""
    async with connected() as redis_client:
        client = redis_client.redis
        await client.config_set("requirepass", "s3cret-pass")
        try:
            for user in ("default:", ":"):
                url = f"redis://{user}s3cret-pass@{T.host}:{T.port}/0"
                ok = aioredis.from_url(url, **PROTOCOL)
                assert await ok.ping() is True
                await ok.close()
            for url, pattern in (
                (
                    f"redis://{T.host}:{T.port}/0",
                    "Authentication required|NOAUTH|HELLO must be called",
                ),
                (
                    f"redis://:wrong@{T.host}:{T.port}/0",
                    "WRONGPASS|invalid (username-password|password)",
                ),
            ):
                bad = aioredis.from_url(url, **PROTOCOL)
                try:
                    await bad.get("k")
                    raise AssertionError(f"{url} was let in")
                except redis.exceptions.RedisError as exc:
                    assert re.search(pattern, str(exc), re.M)
                await bad.close()
            assert await client.ping() is True  # a connection from before the password stays in
        finally:
            await client.config_set("requirepass", "")
    assert raw("PING") == "PONG"
