"""What the tests of applications share: servers, a client of our own, children, waiting.

Applications are written here as their users write them, on the libraries they use. What they left
on the server is looked at through `Raw`, so that no assertion rests on the library it tests.
"""

import fcntl
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time


class Target:
    """Where the server is that most tests share; `conftest.py` starts it before they are read."""

    def __init__(self):
        self.host, self.db = "127.0.0.1", 0
        # A worker process is told by the one that started it.
        self.port = int(os.environ.get("SHARED_PORT", 0))

    def url(self, db=None, **query):
        """The server's address as a redis:// URL, on database `db`."""
        text = f"redis://{self.host}:{self.port}/{self.db if db is None else db}"
        return text + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")


T = Target()

# What clients are made with: a whole run can speak RESP3.
PROTOCOL = {"protocol": int(os.environ["PROTOCOL"])} if os.environ.get("PROTOCOL") else {}


class ServerError(Exception):
    """An error reply."""


class Raw:
    """A minimal RESP2 client over one socket."""

    def __init__(self, db=0, timeout=10, port=None):
        self.sock = socket.create_connection((T.host, port or T.port), timeout=timeout)
        self.file = self.sock.makefile("rb")
        if db:
            self("SELECT", db)

    def send(self, *args):
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        out = b"*%d\r\n" % len(parts)
        self.sock.sendall(out + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ServerError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if int(rest) < 0 else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        raise ValueError(f"unexpected reply line {line!r}")

    def __call__(self, *args):
        self.send(*args)
        reply = self.read()
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def text(self, *args):
        """The reply with every bulk string decoded."""
        return decoded(self(*args))

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def decoded(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return [decoded(v) for v in value] if isinstance(value, list) else value


def raw(*args, db=0):
    """One command on a fresh connection to the shared server, the reply decoded as text."""
    with Raw(db=db) as client:
        return client.text(*args)


def eventually(probe, timeout=10, every=0.05, what="condition"):
    """Asks until `probe()` is truthy; returns that value."""
    end_at = time.monotonic() + timeout
    while not (value := probe()):
        assert time.monotonic() < end_at, f"{what}: not within {timeout} s (last: {value!r})"
        time.sleep(every)
    return value


def spawn(argv, **kwargs):
    """Starts a child that leads a process group of its own; `end` it."""
    kwargs = {"stdin": subprocess.DEVNULL, "start_new_session": True} | kwargs
    return subprocess.Popen([str(a) for a in argv], **kwargs)


def end(child, grace=5):
    """Ends one child and what it left behind in its group."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(grace)
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def tool(name):
    """The path of a program that a test drives; `make tools` installs them."""
    path = shutil.which(name)
    assert path, f"{name} is not installed"
    return path


def run(argv, timeout=30, stdin=None, ok=True, env=None):
    """Runs a program to its end; returns CompletedProcess with text output."""
    done = subprocess.run([str(a) for a in argv], input=stdin, timeout=timeout, text=True,
                          env={**os.environ, **(env or {})}, capture_output=True, errors="replace")
    assert not ok or done.returncode == 0, f"{argv[:4]}: {done.returncode}: {done.stderr[-1500:]}"
    return done


class Terminal:
    """A program on a pseudo-terminal: what a person at a keyboard would see."""

    def __init__(self, argv):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.child = spawn(argv, stdin=slave, stdout=slave, stderr=slave,
                           env={**os.environ, "TERM": "xterm"})
        os.close(slave)
        self.seen, self.mark = "", 0

    def type(self, text):
        """Types a line; what expect() looks at starts here."""
        self.mark = len(self.seen)
        os.write(self.master, text.encode())

    def expect(self, pattern, timeout=10):
        """Waits until the text since the last type() matches; returns that text."""
        end_at = time.monotonic() + timeout
        while True:
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.seen[self.mark:])
            if re.search(pattern, text, re.M):
                return text
            left = end_at - time.monotonic()
            assert left > 0, f"/{pattern}/ is not on the terminal: {text[-700:]!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:  # the other side is closed
                    data = b""
                assert data, f"the program ended; /{pattern}/ is not in {text[-700:]!r}"
                self.seen += data.decode("utf-8", "replace")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        end(self.child, grace=2)
        os.close(self.master)


class Lines:
    """Collects the lines a child writes."""

    def __init__(self, child):
        self.child, self.lines = child, []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def wait(self, pattern, timeout=10):
        found = lambda: [x for x in list(self.lines) if re.search(pattern, x)]
        return eventually(found, timeout, what=f"a line with /{pattern}/ in {self.lines[-5:]}")[0]


class Server:
    """A server of our own, started from the binary in REDIS_SERVER, on a free port."""

    def __init__(self, *options, folder=None, conf=None, wait=True, port=None):
        self.port = port or free_port()
        self.folder = folder or tempfile.mkdtemp(prefix="apps-server-")
        self.log = os.path.join(self.folder, "server.log")
        argv = [os.environ["REDIS_SERVER"]]
        if conf is not None:
            argv.append(os.path.join(self.folder, "redis.conf"))
            with open(argv[-1], "w") as file:
                file.write(conf)
        argv += ["--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, *options]
        with open(self.log, "ab") as log:
            self.child = spawn(argv, stdout=log, stderr=log, cwd=self.folder)
        if wait:
            ready = lambda: self.child.poll() is not None or self.answers()
            eventually(ready, timeout=20, what="the server to answer")
            assert self.child.poll() is None, f"the server ended: {self.output()[-700:]}"

    def output(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def answers(self):
        try:
            with Raw(port=self.port, timeout=2) as client:
                client.send("PING")
                reply = client.read()
            return reply == "PONG" or isinstance(reply, ServerError) and "LOADING" not in str(reply)
        except OSError:
            return False

    def connect(self, db=0, timeout=10):
        return Raw(port=self.port, db=db, timeout=timeout)

    def text(self, *args, db=0):
        with self.connect(db) as client:
            return client.text(*args)

    def config(self, name):
        got = self.text("CONFIG", "GET", name)
        return dict(zip(got[::2], got[1::2]))

    def info(self, section):
        pairs = (line.partition(":") for line in self.text("INFO", section).splitlines())
        return {name: value for name, _, value in pairs if value}

    def stop(self, sig=signal.SIGTERM, timeout=15):
        """Stops it as an operator does; returns the exit status."""
        self.child.send_signal(sig)
        return self.child.wait(timeout)

    def remove(self):
        end(self.child, grace=2)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def free_port():
    """A free port, below the range that outgoing connections get theirs from."""
    for _ in range(200):
        port = random.randrange(15000, 31000)
        with socket.socket() as sock:
            try:
                sock.bind((T.host, port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")
