"""Socket.IO servers that share rooms through Redis, as python-socketio does it: what one of them
emits reaches the browsers of all, once and in order."""

import itertools
import threading
import wsgiref.simple_server
from socketserver import ThreadingMixIn

import engineio.payload
import pytest
import redis
import socketio

from test_redis_py import eventually, server  # noqa: F401  (fixture)


numbers = itertools.count()
# We send faster than browsers poll; by itself a poll brings no more than 16 packets.
engineio.payload.Payload.max_decode_packets = 10_000


class Listener(ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


class Site:
    """A Socket.IO server on a port of its own; `bus` joins it to the others."""

    def __init__(self, bus, channel):
        manager = socketio.RedisManager(bus, channel)
        self.sio = socketio.Server(client_manager=manager, async_mode="threading")
        self.sio.on("join", lambda sid, room: self.sio.enter_room(sid, room))
        self.sio.on("leave", lambda sid, room: self.sio.leave_room(sid, room))
        self.sio.on("say", lambda sid, room, text: self.sio.emit("said", text, room=room))
        app = socketio.WSGIApp(self.sio)
        self.http = wsgiref.simple_server.make_server("127.0.0.1", 0, app, Listener, Quiet)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def browser(self, *rooms):
        """A client of this server that has joined some rooms."""
        client = socketio.Client(reconnection=False)
        client.heard = []
        client.on("said", client.heard.append)
        client.connect(f"http://127.0.0.1:{self.http.server_port}", transports=["polling"])
        for room in rooms:
            client.call("join", room)
        return client


@pytest.fixture
def sites(server):  # noqa: F811
    bus = f"redis://127.0.0.1:{server.port}/0"
    channel = f"socketio:{next(numbers)}"
    sites = [Site(bus, channel), Site(bus, channel)]
    outside = socketio.RedisManager(bus, channel, write_only=True)
    # A server begins to listen to the bus when its first browser comes.
    probe = redis.Redis(port=server.port, decode_responses=True)
    for site in sites:
        site.browser().disconnect()
    eventually(lambda: probe.pubsub_numsub(channel) == [(channel, 2)])
    probe.close()
    yield (*sites, outside)
    for site in sites:
        site.http.shutdown()


def test_rooms_reach_over_all_servers(sites):
    here, there, outside = sites
    browsers = [here.browser("red"), there.browser("red", "blue"), there.browser("blue")]
    red = [f"red {i}" for i in range(300)]
    for i, text in enumerate(red):
        outside.emit("said", text, room="red")
        if i % 3 == 0:
            outside.emit("said", f"blue {i}", room="blue")
    blue = [f"blue {i}" for i in range(0, 300, 3)]
    eventually(lambda: [len(b.heard) for b in browsers] == [300, 400, 100])
    assert browsers[0].heard == red
    assert [text for text in browsers[1].heard if text.startswith("red")] == red
    assert [text for text in browsers[1].heard if text.startswith("blue")] == blue
    assert browsers[2].heard == blue
    [browser.disconnect() for browser in browsers]


def test_what_a_server_emits_itself(sites):
    here, there, _ = sites
    speaker, listener = here.browser("talk"), there.browser("talk")
    for i in range(50):
        speaker.emit("say", ("talk", i))
    eventually(lambda: len(speaker.heard) == len(listener.heard) == 50)
    assert sorted(listener.heard) == list(range(50))
    listener.call("leave", "talk")
    speaker.emit("say", ("talk", "last"))
    eventually(lambda: speaker.heard[-1] == "last")
    assert "last" not in listener.heard
    # One server ends a connection of the other's.
    here.sio.disconnect(listener.get_sid())
    eventually(lambda: not listener.connected)
    speaker.disconnect()
