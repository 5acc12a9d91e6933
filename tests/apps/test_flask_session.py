"""Flask-Session with SESSION_TYPE = redis: the sessions of a real Flask application."""

from datetime import timedelta
from importlib.metadata import version

import redis
from flask import Flask, jsonify, request, session
from flask_session import Session
from support import PROTOCOL, T, Raw, eventually, raw


def make_app(**config):
    app = Flask("shop")
    app.config.update(
        SECRET_KEY="not-a-secret",
        SESSION_TYPE="redis",
        SESSION_REDIS=redis.from_url(T.url(), **PROTOCOL),
        **config,
    )
    Session(app)

    @app.post("/login")
    def login():
        session["user"] = request.json["user"]
        session["cart"] = []
        return jsonify(ok=True)

    @app.post("/cart/<item>")
    def add(item):
        session["cart"] = session.get("cart", []) + [item]
        return jsonify(session["cart"])

    @app.get("/me")
    def me():
        return jsonify(
            user=session.get("user"), cart=session.get("cart"), visits=session.get("visits")
        )

    @app.get("/visit")
    def visit():
        session["visits"] = session.get("visits", 0) + 1
        return jsonify(session["visits"])

    @app.post("/logout")
    def logout():
        session.clear()
        return jsonify(ok=True)

    @app.post("/regenerate")
    def regenerate():
        app.session_interface.regenerate(session)
        return jsonify(ok=True)

    return app


def client_of(app):
    return app.test_client()


def sid(client):
    return client.get_cookie("session").value


def test_login_writes_a_key_with_a_ttl():
    client = client_of(make_app())
    assert client.get("/me").json == {"user": None, "cart": None, "visits": None}
    assert raw("KEYS", "session:*", db=T.db) == []  # an empty session is not stored
    assert client.post("/login", json={"user": "ann"}).json == {"ok": True}
    assert raw("KEYS", "session:*", db=T.db) == [f"session:{sid(client)}"]
    assert 31 * 86400 - 10 <= raw("TTL", f"session:{sid(client)}", db=T.db) <= 31 * 86400
    with Raw() as direct:
        assert b"ann" in direct("GET", f"session:{sid(client)}")
    assert client.get("/me").json["user"] == "ann"


def test_state_is_kept_between_requests():
    client = client_of(make_app())
    client.post("/login", json={"user": "bob"})
    client.post("/cart/shoes")
    assert client.post("/cart/hat").json == ["shoes", "hat"]
    assert [client.get("/visit").json for _ in range(5)] == [1, 2, 3, 4, 5]
    assert client.get("/me").json == {"user": "bob", "cart": ["shoes", "hat"], "visits": 5}


def test_two_visitors_do_not_meet():
    app = make_app()
    one, two = client_of(app), client_of(app)
    one.post("/login", json={"user": "one"})
    two.post("/login", json={"user": "two"})
    assert [one.get("/me").json["user"], two.get("/me").json["user"]] == ["one", "two"]
    assert sid(one) != sid(two)


def test_a_second_server_sees_the_session():
    first, second = client_of(make_app()), client_of(make_app())
    first.post("/login", json={"user": "shared"})
    second.set_cookie("session", sid(first))
    assert second.get("/me").json["user"] == "shared"
    second.post("/cart/book")
    assert first.get("/me").json["cart"] == ["book"]


def test_logout_removes_the_key():
    client = client_of(make_app())
    client.post("/login", json={"user": "gone"})
    key = f"session:{sid(client)}"
    assert raw("EXISTS", key, db=T.db) == 1
    client.post("/logout")
    assert raw("EXISTS", key, db=T.db) == 0
    assert client.get("/me").json["user"] is None


def test_lifetime_runs_out():
    client = client_of(make_app(PERMANENT_SESSION_LIFETIME=timedelta(seconds=1)))
    client.post("/login", json={"user": "brief"})
    key = f"session:{sid(client)}"
    assert 1 <= raw("PTTL", key, db=T.db) <= 1000
    eventually(lambda: raw("EXISTS", key, db=T.db) == 0, timeout=4, what="expiry of the session")
    assert client.get("/me").json["user"] is None


def test_every_request_renews_the_ttl():
    client = client_of(make_app(PERMANENT_SESSION_LIFETIME=timedelta(seconds=100)))
    client.post("/login", json={"user": "r"})
    key = f"session:{sid(client)}"
    assert raw("EXPIRE", key, 5, db=T.db) == 1
    client.get("/visit")
    assert 95 <= raw("TTL", key, db=T.db) <= 100


def test_deleted_on_the_server_means_logged_out():
    client = client_of(make_app())
    client.post("/login", json={"user": "kicked"})
    raw("DEL", f"session:{sid(client)}", db=T.db)
    assert client.get("/me").json["user"] is None


def test_key_prefix_and_json_format():
    client = client_of(
        make_app(SESSION_KEY_PREFIX="portal:sess:", SESSION_SERIALIZATION_FORMAT="json")
    )
    client.post("/login", json={"user": "zoë"})
    key = f"portal:sess:{sid(client)}"
    stored = raw("GET", key, db=T.db)
    assert '"user":"zoë"' in stored
    assert client.get("/me").json["user"] == "zoë"


def test_regenerate_moves_the_session():
    app = make_app()
    client = client_of(app)
    client.post("/login", json={"user": "mover"})
    old = sid(client)
    client.post("/regenerate")
    new = sid(client)
    assert new != old, f"Flask-Session {version('flask-session')}"
    assert [raw("EXISTS", f"session:{old}", db=T.db), raw("EXISTS", f"session:{new}", db=T.db)] == [
        0,
        1,
    ]
    assert client.get("/me").json["user"] == "mover"


def test_large_session():
    client = client_of(make_app())
    client.post("/login", json={"user": "big"})
    for n in range(60):
        client.post("/cart/" + "x" * 1500 + str(n))
    assert len(client.get("/me").json["cart"]) == 60
    assert 60 * 1500 <= raw("STRLEN", f"session:{sid(client)}", db=T.db) <= 60 * 1600
