"""A cache class for FastAPI, through real endpoints.

redis.asyncio with a pool of 50, orjson, TTLs, batches (MGET; a pipeline of SET EX), deletion by
pattern over SCAN, a context manager.
"""

import asyncio
import re
from functools import wraps
from typing import List

import httpx
import orjson
import redis.asyncio as redis
from fastapi import APIRouter, Depends, FastAPI, Query
from support import PROTOCOL, T, raw


class RedisCache:
    def __init__(
        self,
        host=T.host,
        port=T.port,
        password=None,
        db=T.db,
        max_connections=50,
    ):
        self._pool = None
        self._args = dict(
            host=host,
            port=port,
            password=password,
            db=db,
            max_connections=max_connections,
            **PROTOCOL,
        )
        self._client = None

    async def connect(self):
        self._pool = redis.ConnectionPool(**self._args)
        self._client = redis.Redis(connection_pool=self._pool)
        return await self._client.ping()

    async def close(self):
        if self._client:
            await self._client.close()
            await self._pool.disconnect()

    async def __aenter__(self):
        await self.connect()
        return self

    async def __aexit__(self, *exc):
        await self.close()

    async def get(self, key):
        data = await self._client.get(key)
        return None if data is None else orjson.loads(data)

    async def set(self, key, value, ttl=None):
        return await self._client.set(key, orjson.dumps(value), ex=ttl)

    async def delete(self, key):
        return await self._client.delete(key)

    async def exists(self, key):
        return bool(await self._client.exists(key))

    async def expire(self, key, ttl):
        return await self._client.expire(key, ttl)

    async def ttl(self, key):
        return await self._client.ttl(key)

    async def get_many(self, keys):
        values = await self._client.mget(keys)
        return {k: orjson.loads(v) for k, v in zip(keys, values) if v is not None}

    async def set_many(self, data, ttl=None):
        async with self._client.pipeline(transaction=True) as pipe:
            for key, value in data.items():
                pipe.set(key, orjson.dumps(value), ex=ttl)
            return await pipe.execute()

    async def delete_many(self, keys):
        return await self._client.delete(*keys)

    async def clear_pattern(self, pattern):
        deleted = 0
        batch = []
        async for key in self._client.scan_iter(match=pattern, count=100):
            batch.append(key)
            if len(batch) >= 100:
                deleted += await self._client.delete(*batch)
                batch = []
        if batch:
            deleted += await self._client.delete(*batch)
        return deleted

    async def ping(self):
        return await self._client.ping()


# --- the application of the examples --------------------------------------------------------


class Mongo:
    """Stands where the application has its database; counts the queries."""

    def __init__(self):
        self.queries = 0
        self.users = {"1": {"id": "1", "name": "Ann"}, "2": {"id": "2", "name": "Bob"}}

    def user(self, user_id):
        self.queries += 1
        return dict(self.users[user_id])

    def products(self, category):
        self.queries += 1
        return [
            {"name": f"{category}-{n}", "price": n * 1.5, "tags": ["ü", None, True]}
            for n in range(3)
        ]


router = APIRouter()
state = {}


async def get_redis_cache() -> RedisCache:
    return state["cache"]


async def get_mongo_db() -> Mongo:
    return state["db"]


@router.post("/users/bulk")
async def create_users_bulk(users: List[dict], cache: RedisCache = Depends(get_redis_cache)):
    await cache.set_many({f"user:{user['id']}": user for user in users}, ttl=3600)
    return {"cached": len(users)}


@router.get("/users/bulk")
async def get_users_bulk(
    user_ids: List[str] = Query(), cache: RedisCache = Depends(get_redis_cache)
):
    return await cache.get_many([f"user:{uid}" for uid in user_ids])


@router.get("/users/{user_id}")
async def get_user(
    user_id: str, cache: RedisCache = Depends(get_redis_cache), db: Mongo = Depends(get_mongo_db)
):
    cached_user = await cache.get(f"user:{user_id}")
    if cached_user:
        return {"source": "cache", "data": cached_user}
    user = db.user(user_id)
    await cache.set(f"user:{user_id}", user, ttl=3600)
    return {"source": "database", "data": user}


@router.put("/users/{user_id}")
async def update_user(
    user_id: str,
    user_data: dict,
    cache: RedisCache = Depends(get_redis_cache),
    db: Mongo = Depends(get_mongo_db),
):
    db.users[user_id].update(user_data)
    await cache.delete(f"user:{user_id}")
    return {"updated": 1}


@router.get("/products")
async def get_products(
    category: str, cache: RedisCache = Depends(get_redis_cache), db: Mongo = Depends(get_mongo_db)
):
    cache_key = f"products:category:{category}"
    cached_products = await cache.get(cache_key)
    if cached_products:
        return cached_products
    products = db.products(category)
    await cache.set(cache_key, products, ttl=600)
    return products


@router.delete("/cache/users")
async def clear_user_cache(cache: RedisCache = Depends(get_redis_cache)):
    return {"deleted_keys": await cache.clear_pattern("user:*")}


@router.delete("/cache/products/{category}")
async def clear_category_cache(category: str, cache: RedisCache = Depends(get_redis_cache)):
    return {"deleted_keys": await cache.clear_pattern(f"products:category:{category}:*")}


def cached(ttl: int = 3600):
    def decorator(func):
        @wraps(func)
        async def wrapper(*args, cache: RedisCache, **kwargs):
            cache_key = f"{func.__name__}:{str(args)}:{str(kwargs)}"
            cached_result = await cache.get(cache_key)
            if cached_result is not None:
                return cached_result
            result = await func(*args, **kwargs)
            await cache.set(cache_key, result, ttl=ttl)
            return result

        return wrapper

    return decorator


class served:
    """The application with a fresh cache connection and a client that speaks to it."""

    async def __aenter__(self):
        self.cache = RedisCache()
        await self.cache.connect()
        await self.cache._client.flushdb()
        state.update(cache=self.cache, db=Mongo())
        app = FastAPI()
        app.include_router(router)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://app")
        return self

    async def __aexit__(self, *exc):
        await self.http.aclose()
        await self.cache.close()


async def test_example_1_endpoint():
    async with served() as s:
        assert (await s.http.get("/users/1")).json() == {
            "source": "database",
            "data": {"id": "1", "name": "Ann"},
        }
        assert (await s.http.get("/users/1")).json() == {
            "source": "cache",
            "data": {"id": "1", "name": "Ann"},
        }
        assert state["db"].queries == 1
        assert 3595 <= await s.cache.ttl("user:1") <= 3600


async def test_example_2_products():
    async with served() as s:
        first = (await s.http.get("/products", params={"category": "toys"})).json()
        assert (await s.http.get("/products", params={"category": "toys"})).json() == first
        assert first[1] == {"name": "toys-1", "price": 1.5, "tags": ["ü", None, True]}
        assert state["db"].queries == 1
        assert 595 <= await s.cache.ttl("products:category:toys") <= 600


async def test_example_3_batches():
    async with served() as s:
        users = [{"id": str(n), "name": f"user {n}"} for n in range(10, 110)]
        assert (await s.http.post("/users/bulk", json=users)).json() == {"cached": 100}
        got = (await s.http.get("/users/bulk", params={"user_ids": ["10", "55", "9999"]})).json()
        assert got == {"user:10": users[0], "user:55": users[45]}
        assert 3595 <= await s.cache.ttl("user:109") <= 3600


async def test_example_4_pattern_deletion():
    async with served() as s:
        await s.cache.set_many({f"user:{n}": n for n in range(1500)}, ttl=3600)
        await s.cache.set_many({f"products:category:toys:{n}": n for n in range(25)}, ttl=600)
        await s.cache.set("products:category:books:1", 1, ttl=600)
        assert (await s.http.delete("/cache/products/toys")).json() == {"deleted_keys": 25}
        assert (await s.http.delete("/cache/users")).json() == {"deleted_keys": 1500}
        assert (await s.http.delete("/cache/users")).json() == {"deleted_keys": 0}
        assert raw("KEYS", "*") == ["products:category:books:1"]


async def test_example_5_invalidation_on_update():
    async with served() as s:
        await s.http.get("/users/2")
        assert (await s.http.put("/users/2", json={"name": "Robert"})).json() == {"updated": 1}
        assert (await s.http.get("/users/2")).json() == {
            "source": "database",
            "data": {"id": "2", "name": "Robert"},
        }


async def test_example_6_context_manager():
    async with RedisCache(host=T.host, port=T.port, password=None) as cache:
        assert await cache.set("key", "value", ttl=3600) is True
        assert await cache.get("key") == "value"


async def test_example_7_decorator():
    async with served() as s:
        calls = []

        @cached(ttl=1800)
        async def do_calculation(param: str):
            calls.append(param)
            return {"result": param * 2}

        assert await do_calculation("ab", cache=s.cache) == {"result": "abab"}
        assert await do_calculation("ab", cache=s.cache) == {"result": "abab"}
        assert await do_calculation("cd", cache=s.cache) == {"result": "cdcd"}
        assert calls == ["ab", "cd"]
        assert 1795 <= await s.cache.ttl("do_calculation:('ab',):{}") <= 1800


async def test_every_method():
    async with served() as s:
        c = s.cache
        assert await c.ping() is True
        assert await c.get("m") is None
        assert await c.set("m", {"a": [1, 2.5, None, "ü"]}, ttl=100) is True
        assert await c.get("m") == {"a": [1, 2.5, None, "ü"]}
        assert (await c.exists("m"), await c.exists("n")) == (True, False)
        assert await c.expire("m", 50) is True
        assert await c.expire("n", 50) is False
        assert 48 <= await c.ttl("m") <= 50
        assert await c.ttl("n") == (-2)
        await c.set_many({"m1": 1, "m2": "two", "m3": [3]}, ttl=60)
        assert await c.get_many(["m1", "m2", "none", "m3"]) == {"m1": 1, "m2": "two", "m3": [3]}
        assert await c.delete_many(["m1", "m3", "none"]) == 2
        assert await c.clear_pattern("m*") == 2
        assert await c.delete("m") == 0


async def test_without_ttl_it_stays():
    async with served() as s:
        await s.cache.set("data", "v")
        assert await s.cache.ttl("data") == (-1)
        assert await s.cache.expire("data", 3600) is True
        assert 3595 <= await s.cache.ttl("data") <= 3600
        await s.cache.set("data", "v2")
        assert await s.cache.ttl("data") == (-1)


async def test_namespaces_are_cleared_together():
    async with served() as s:
        for part in ("profile", "settings", "cart"):
            await s.cache.set(f"user:77:{part}", {"p": part}, ttl=3600)
        await s.cache.set("user:78:profile", {}, ttl=3600)
        assert await s.cache.clear_pattern("user:77:*") == 3
        assert await s.cache.exists("user:78:profile") is True


async def test_all_common_ttls():
    async with served() as s:
        for ttl in (60, 300, 600, 1800, 3600, 21600, 43200, 86400, 604800):
            await s.cache.set(f"ttl:{ttl}", ttl, ttl=ttl)
            assert ttl - 5 <= await s.cache.ttl(f"ttl:{ttl}") <= ttl


async def test_scan_iter_for_debugging():
    async with served() as s:
        for n in range(300):
            await s.cache.set(f"user:{n}", n, ttl=60)
            await s.cache.set(f"other:{n}", n, ttl=60)
        r = redis.Redis(host=T.host, port=T.port, **PROTOCOL)
        keys = []
        async for key in r.scan_iter(match="user:*"):
            keys.append(key.decode())
        assert sorted(set(keys)) == sorted(f"user:{n}" for n in range(300))
        typed = [k async for k in r.scan_iter(match="user:1*", count=1000, _type="string")]
        assert len(set(typed)) == 111
        assert [k async for k in r.scan_iter(match="*", _type="hash")] == []
        await r.close()


async def test_scan_returns_every_key_that_stays_while_others_come_and_go():
    async with served() as s:
        await s.cache.set_many({f"stay:{n}": n for n in range(2000)}, ttl=600)
        seen = set()
        extra = 0
        async for key in s.cache._client.scan_iter(match="stay:*", count=50):
            seen.add(key)
            if extra < 3000:
                async with s.cache._client.pipeline(transaction=False) as pipe:
                    for n in range(extra, extra + 30):
                        pipe.set(f"extra:{n}", n)
                        pipe.delete(f"extra:{n - 60}")
                    await pipe.execute()
                extra += 30
        assert len(seen) == 2000


async def test_password_of_the_production_checklist():
    """REDIS_PASSWORD=your_password_here"""
    raw("CONFIG", "SET", "requirepass", "your_password_here")
    try:
        async with RedisCache(password="your_password_here") as cache:
            assert await cache.set("with", "password", ttl=60) is True
            assert await cache.get("with") == "password"
        try:
            async with RedisCache(password="wrong"):
                raise AssertionError("a wrong password was accepted")
        except redis.RedisError as error:
            assert re.search("WRONGPASS|invalid username-password pair", str(error), re.M)
    finally:
        async with RedisCache(password="your_password_here") as cache:
            await cache._client.config_set("requirepass", "")
    assert raw("GET", "with") == '"password"'


async def test_fifty_connections_at_once():
    async with served() as s:
        await s.cache.set("shared", {"n": 1}, ttl=60)
        got = await asyncio.gather(*[s.cache.get("shared") for _ in range(50)])
        assert got == [{"n": 1}] * 50
