"""A portal of several services: user cache, sessions, rate limits, a database for each.

Helper classes on redis-py as such a project has them: SETEX of JSON, INCR, EXPIRE and TTL in a
pipeline, SELECT for each service.
"""

import json
import time
import uuid

import pytest
import redis
from support import PROTOCOL, T, eventually, raw

ENV = {"REDIS_HOST": T.host, "REDIS_PORT": str(T.port), "REDIS_PASSWORD": ""}


class RedisClient:
    """What every service of the portal uses."""

    def __init__(self, db):
        # REDIS_PASSWORD= (empty) is what a first .env holds: no AUTH must be needed.
        self.redis = redis.Redis(
            host=ENV["REDIS_HOST"],
            port=int(ENV["REDIS_PORT"]),
            db=db,
            password=ENV["REDIS_PASSWORD"] or None,
            decode_responses=True,
            socket_timeout=5,
            socket_connect_timeout=5,
            retry_on_timeout=True,
            health_check_interval=30,
            **PROTOCOL,
        )

    # basic operations
    def set(self, key, value, ttl=None):
        return self.redis.set(key, value, ex=ttl)

    def get(self, key):
        return self.redis.get(key)

    def delete(self, *keys):
        return self.redis.delete(*keys)

    def exists(self, key):
        return self.redis.exists(key) > 0

    def expire(self, key, ttl):
        return self.redis.expire(key, ttl)

    def ttl(self, key):
        return self.redis.ttl(key)

    def keys(self, pattern):
        return self.redis.keys(pattern)

    # JSON operations
    def set_json(self, key, value, ttl=None):
        return self.set(key, json.dumps(value), ttl)

    def get_json(self, key):
        data = self.get(key)
        return json.loads(data) if data else None

    # sessions
    def create_session(self, session_id, user_id, user_data, ttl=3600):
        data = {"user_id": user_id, "created_at": time.time(), **user_data}
        pipe = self.redis.pipeline()
        pipe.setex(f"session:{session_id}", ttl, json.dumps(data))
        pipe.sadd(f"user:{user_id}:sessions", session_id)
        pipe.expire(f"user:{user_id}:sessions", ttl)
        return all(x is not None for x in pipe.execute())

    def get_session(self, session_id):
        return self.get_json(f"session:{session_id}")

    def delete_session(self, session_id):
        session = self.get_session(session_id)
        if session:
            self.redis.srem(f"user:{session['user_id']}:sessions", session_id)
        return self.delete(f"session:{session_id}")

    # rate limiting
    def check_rate_limit(self, key, limit, window):
        pipe = self.redis.pipeline()
        pipe.incr(f"ratelimit:{key}")
        pipe.ttl(f"ratelimit:{key}")
        count, ttl = pipe.execute()
        if ttl < 0:
            self.redis.expire(f"ratelimit:{key}", window)
        return count <= limit, max(0, limit - count)


class UserManagementRedisHelper(RedisClient):
    def __init__(self):
        super().__init__(db=0)

    def cache_user(self, user_id, user_data, ttl=3600):
        return self.set_json(f"user:{user_id}", user_data, ttl)

    def get_cached_user(self, user_id):
        return self.get_json(f"user:{user_id}")

    def invalidate_user(self, user_id):
        return self.delete(f"user:{user_id}")


class TaskProcessingRedisHelper(RedisClient):
    def __init__(self):
        super().__init__(db=1)

    def cache_booking(self, booking_id, data, ttl=1800):
        return self.set_json(f"booking:{booking_id}", data, ttl)


class NotificationRedisHelper(RedisClient):
    def __init__(self):
        super().__init__(db=2)


def test_ping():
    assert UserManagementRedisHelper().redis.ping() is True


def test_cache_user_and_get_it_back():
    helper = UserManagementRedisHelper()
    assert helper.get_cached_user(123) is None
    assert helper.cache_user(user_id=123, user_data={"name": "John"}, ttl=3600) is True
    assert helper.get_cached_user(123) == {"name": "John"}
    assert 3595 <= helper.ttl("user:123") <= 3600
    assert helper.redis.type("user:123") == "string"
    # overwriting sets the new value and the new time to live
    helper.cache_user(123, {"name": "Jöhn ✓", "roles": ["a", "b"]}, ttl=60)
    assert helper.get_cached_user(123) == {"name": "Jöhn ✓", "roles": ["a", "b"]}
    assert 55 <= helper.ttl("user:123") <= 60
    assert helper.invalidate_user(123) == 1
    assert helper.invalidate_user(123) == 0
    assert helper.get_cached_user(123) is None
    assert helper.ttl("user:123") == (-2)


def test_checks_cache_first():
    helper = UserManagementRedisHelper()
    fetched = []

    def get_user_from_db(user_id):
        fetched.append(user_id)
        return {"id": user_id, "name": "Ann"}

    def get_user(user_id):
        cached = helper.get_cached_user(user_id)
        if cached:
            return cached
        user = get_user_from_db(user_id)
        helper.cache_user(user_id, user)
        return user

    for _ in range(3):
        assert get_user(7) == {"id": 7, "name": "Ann"}
    assert fetched == [7]


def test_cached_user_expires():
    helper = UserManagementRedisHelper()
    helper.cache_user(9, {"name": "short"}, ttl=1)
    assert helper.exists("user:9") is True
    began = time.monotonic()
    eventually(lambda: helper.get_cached_user(9) is None, timeout=5, what="expiry")
    assert 0.5 <= time.monotonic() - began <= 3.0
    assert helper.exists("user:9") is False
    assert not ("user:9" in helper.redis.keys("*"))


def test_sessions():
    helper = UserManagementRedisHelper()
    session_id = str(uuid.uuid4())
    assert (
        helper.create_session(
            session_id=session_id, user_id=123, user_data={"username": "john"}, ttl=3600
        )
        is True
    )
    session = helper.get_session(session_id)
    assert session["user_id"] == 123
    assert session["username"] == "john"
    assert 3595 <= helper.ttl(f"session:{session_id}") <= 3600
    assert set(helper.redis.smembers("user:123:sessions")) == {session_id}
    assert helper.delete_session(session_id) == 1
    assert helper.get_session(session_id) is None
    assert set(helper.redis.smembers("user:123:sessions")) == set()
    assert helper.exists("user:123:sessions") is False  # an emptied set is gone


def test_rate_limit_ten_a_minute():
    helper = UserManagementRedisHelper()
    seen = [helper.check_rate_limit(key="api:user:5", limit=10, window=60) for _ in range(12)]
    assert seen == [(True, 10 - n) for n in range(1, 11)] + [(False, 0), (False, 0)]
    assert 55 <= helper.ttl("ratelimit:api:user:5") <= 60
    assert helper.check_rate_limit("api:user:6", 10, 60) == (True, 9)


def test_rate_limit_window_passes():
    helper = UserManagementRedisHelper()
    for _ in range(2):
        helper.check_rate_limit("win", 1, 1)
    assert helper.check_rate_limit("win", 1, 1)[0] is False
    eventually(lambda: not helper.exists("ratelimit:win"), timeout=5, what="end of the window")
    assert helper.check_rate_limit("win", 1, 1) == (True, 0)


def test_one_database_per_service():
    users, tasks, notes = (
        UserManagementRedisHelper(),
        TaskProcessingRedisHelper(),
        NotificationRedisHelper(),
    )
    for helper in (users, tasks, notes):
        helper.redis.flushdb()
    users.cache_user(1, {"n": 1})
    users.cache_user(2, {"n": 2})
    tasks.cache_booking(5, {"b": 5})
    notes.set_json("notification:1", {"t": "hi"}, 60)
    assert sorted(users.keys("user:*")) == ["user:1", "user:2"]
    assert users.keys("booking:*") == []
    assert tasks.keys("booking:*") == ["booking:5"]
    assert tasks.keys("user:*") == []
    assert [h.redis.dbsize() for h in (users, tasks, notes)] == [2, 1, 1]
    space = users.redis.info("keyspace")
    assert space["db0"]["keys"] == 2
    assert space["db1"] == {**space["db1"], "keys": 1, "expires": 1}
    assert space["db2"]["keys"] == 1
    assert tasks.redis.flushdb() is True
    assert [h.redis.dbsize() for h in (users, tasks, notes)] == [2, 0, 1]


def test_database_index_out_of_range():
    bad = redis.Redis(host=T.host, port=T.port, db=99, **PROTOCOL)
    with pytest.raises(redis.exceptions.ResponseError, match="DB index is out of range"):
        bad.ping()


def test_default_has_sixteen_databases():
    last = redis.Redis(host=T.host, port=T.port, db=15, decode_responses=True, **PROTOCOL)
    last.set("fifteen", "yes")
    assert last.get("fifteen") == "yes"
    assert raw("GET", "fifteen", db=15) == "yes"
    last.delete("fifteen")


def test_bytes_come_back_without_decoding():
    plain = redis.Redis(host=T.host, port=T.port, **PROTOCOL)
    blob = bytes(range(256)) * 5
    plain.set(b"blob\r\n\x00key", blob)
    assert plain.get(b"blob\r\n\x00key") == blob
    assert plain.strlen(b"blob\r\n\x00key") == len(blob)
    assert plain.delete(b"blob\r\n\x00key") == 1
