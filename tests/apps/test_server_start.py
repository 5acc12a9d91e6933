"""How the server is started, configured, secured and stopped: the binary itself.

Each test starts servers of its own, in a folder of their own; `docker stop` is SIGTERM.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import pytest
from support import Server, ServerError, eventually, free_port, run, tool

COMPOSE = [
    "--appendonly",
    "yes",
    "--maxmemory",
    "256mb",
    "--maxmemory-policy",
    "allkeys-lru",
    "--save",
    "900",
    "1",
    "--save",
    "300",
    "10",
]

# the directives a stock 7.2 redis.conf has outside its comments
STOCK = """
bind 127.0.0.1 -::1
protected-mode yes
port 6379
tcp-backlog 511
timeout 0
tcp-keepalive 300
daemonize no
loglevel notice
logfile ""
databases 16
always-show-logo no
set-proc-title yes
proc-title-template "{title} {listen-addr} {server-mode}"
locale-collate ""
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
rdb-del-sync-files no
dir ./
replica-serve-stale-data yes
replica-read-only yes
repl-diskless-sync yes
repl-diskless-sync-delay 5
repl-diskless-sync-max-replicas 0
repl-diskless-load disabled
repl-disable-tcp-nodelay no
replica-priority 100
acllog-max-len 128
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
replica-lazy-flush no
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
oom-score-adj no
oom-score-adj-values 0 200 800
disable-thp yes
appendonly no
appendfilename "appendonly.aof"
appenddirname "appendonlydir"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
aof-use-rdb-preamble yes
aof-timestamp-enabled no
slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events ""
hash-max-listpack-entries 512
hash-max-listpack-value 64
list-max-listpack-size -2
list-compress-depth 0
set-max-intset-entries 512
set-max-listpack-entries 128
set-max-listpack-value 64
zset-max-listpack-entries 128
zset-max-listpack-value 64
hll-sparse-max-bytes 3000
stream-node-max-bytes 4096
stream-node-max-entries 100
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
dynamic-hz yes
aof-rewrite-incremental-fsync yes
rdb-save-incremental-fsync yes
jemalloc-bg-thread yes
"""


def fill(server):
    """One key of every type, with and without a time to live, in several databases."""
    with server.connect() as c:
        c("SET", "text", "välue\r\n\x00end".encode())
        c("SET", "number", "12345")
        c("SET", "session", "soon", "EX", "1000")
        c("SET", "gone", "x", "PX", "1")
        c("RPUSH", "list", *range(300))
        c("LPOP", "list")
        c("HSET", "hash", *[x for n in range(200) for x in (f"f{n}", f"v{n}")])
        c("HDEL", "hash", "f7")
        c("SADD", "ints", 1, 2, 3)
        c("SADD", "set", *[f"m{n}" for n in range(300)])
        c("ZADD", "zset", "1.5", "a", "-inf", "b", "3e10", "c")
        c("ZINCRBY", "zset", "0.25", "a")
        c("XADD", "stream", "5-1", "k", "v")
        c("XGROUP", "CREATE", "stream", "workers", "0")
        c("INCR", "counter")
        c("INCR", "counter")
        c("EXPIRE", "counter", "500")
        c("MULTI")
        c("SET", "tx", "1")
        c("INCR", "tx")
        c("EXEC")
        c(
            "EVAL",
            "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('RPUSH', KEYS[2], 'l')",
            "2",
            "lua",
            "lualist",
            "by script",
        )
        c("SELECT", "1")
        c("SET", "booking:1", "b")
        c("SELECT", "2")
        c("SET", "notification:1", "n")


def verify(server):
    with server.connect() as c:
        assert c("GET", "text") == "välue\r\n\x00end".encode()
        assert c("INCR", "number") == 12346
        c("DECR", "number")
        assert c("GET", "session") == b"soon"
        assert 900 <= c("TTL", "session") <= 1000
        assert c("EXISTS", "gone") == 0
        assert c.text("LRANGE", "list", 0, -1) == [str(n) for n in range(1, 300)]
        assert c("HLEN", "hash") == 199
        assert c.text("HMGET", "hash", "f0", "f7", "f199") == ["v0", None, "v199"]
        assert sorted(c.text("SMEMBERS", "ints")) == ["1", "2", "3"]
        assert c("SCARD", "set") == 300
        assert c.text("ZRANGE", "zset", 0, -1, "WITHSCORES") == [
            "b",
            "-inf",
            "a",
            "1.75",
            "c",
            "30000000000",
        ]
        assert c.text("XRANGE", "stream", "-", "+") == [["5-1", ["k", "v"]]]
        assert len(c.text("XINFO", "GROUPS", "stream")) == 1
        assert c("GET", "counter") == b"2"
        assert 400 <= c("TTL", "counter") <= 500
        assert c.text("MGET", "tx", "lua") == ["2", "by script"]
        assert c("LLEN", "lualist") == 1
        assert c("DBSIZE") == 13
        c("SELECT", "1")
        assert c.text("KEYS", "*") == ["booking:1"]
        c("SELECT", "2")
        assert c.text("GET", "notification:1") == "n"


def test_compose_command_line():
    with Server(*COMPOSE) as server:
        assert server.config("appendonly") == {"appendonly": "yes"}
        assert server.config("maxmemory") == {"maxmemory": "268435456"}
        assert server.config("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert server.config("save") == {"save": "900 1 300 10"}
        assert server.info("persistence")["aof_enabled"] == "1"
        assert server.info("memory")["maxmemory_human"] == "256.00M"
        cli = tool("redis-cli")
        assert run([cli, "-p", server.port, "ping"]).stdout == "PONG\n"
        assert server.stop() == 0


def test_appendonly_alone():
    """What a compose file says: redis-server --appendonly yes"""
    with Server("--appendonly", "yes") as server:
        assert server.config("appendonly") == {"appendonly": "yes"}
        assert server.config("appendfsync") == {"appendfsync": "everysec"}
        assert server.config("save") == {"save": "3600 1 300 100 60 10000"}
        assert os.path.isdir(os.path.join(server.folder, "appendonlydir"))


def test_data_survives_docker_stop():
    with Server(*COMPOSE) as server:
        fill(server)
        assert server.stop(signal.SIGTERM) == 0
        again = Server(*COMPOSE, folder=server.folder)
        verify(again)
        assert again.info("persistence")["loading"] == "0"
        assert again.stop(signal.SIGINT) == 0


def test_data_survives_a_crash():
    """SIGKILL: with appendfsync everysec what is older than a second or two is there."""
    with Server(*COMPOSE) as server:
        fill(server)
        time.sleep(2.2)
        assert server.stop(signal.SIGKILL) == (-9)
        again = Server(*COMPOSE, folder=server.folder)
        verify(again)
        again.stop()


def test_a_torn_last_write_does_not_stop_the_start():
    with Server("--appendonly", "yes") as server:
        fill(server)
        server.stop()
        logs = [
            f
            for f in os.listdir(os.path.join(server.folder, "appendonlydir"))
            if f.endswith(".incr.aof")
        ]
        with open(os.path.join(server.folder, "appendonlydir", sorted(logs)[-1]), "ab") as file:
            file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$100\r\nbroken off")
        with Server("--appendonly", "yes", folder=server.folder) as again:
            verify(again)
            assert again.text("EXISTS", "half") == 0


def test_rewritten_log_holds_the_same():
    with Server("--appendonly", "yes") as server:
        fill(server)
        with server.connect() as c:
            for n in range(5000):
                c.send("INCR", "churn")
            for n in range(5000):
                c.read()
            assert c("DEL", "churn") == 1
            assert re.search(
                "Background append only file rewriting (started|scheduled)", c("BGREWRITEAOF"), re.M
            )
        eventually(
            lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0"
            and server.info("persistence")["aof_last_bgrewrite_status"] == "ok",
            timeout=20,
        )
        folder = os.path.join(server.folder, "appendonlydir")
        eventually(
            lambda: sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
            < 60_000,
            timeout=10,
            what="a small log",
        )
        server.text("SET", "after", "rewrite")
        server.text("DEL", "after")
        server.stop()
        with Server("--appendonly", "yes", folder=server.folder) as again:
            verify(again)


def test_snapshot_on_shutdown_and_start():
    """A stop with save points configured writes dump.rdb."""
    with Server("--save", "900", "1") as server:
        fill(server)
        assert server.stop() == 0
        with open(os.path.join(server.folder, "dump.rdb"), "rb") as dump:
            assert re.search(r"^REDIS00(09|1[0-1])$", dump.read(9).decode(), re.M)
        with Server("--save", "900", "1", folder=server.folder) as again:
            verify(again)


def test_save_point_is_reached():
    with Server("--save", "1", "3") as server:
        before = server.text("LASTSAVE")
        time.sleep(1.1)
        for n in range(4):
            server.text("SET", f"k{n}", n)
        eventually(
            lambda: server.text("LASTSAVE") > before
            and server.info("persistence")["rdb_bgsave_in_progress"] == "0",
            timeout=20,
            what="a background save",
        )
        assert os.path.exists(os.path.join(server.folder, "dump.rdb"))


def test_no_save_points_no_snapshot():
    with Server("--save", "") as server:
        assert server.config("save") == {"save": ""}
        server.text("SET", "a", "1")
        assert server.stop() == 0
        assert os.path.exists(os.path.join(server.folder, "dump.rdb")) is False


def test_manual_backup_and_restore():
    """BGSAVE while running, the folder packed with tar, unpacked elsewhere and started."""
    with Server(*COMPOSE) as server:
        fill(server)
        before = server.text("LASTSAVE")
        time.sleep(1.1)
        assert server.text("BGSAVE") == "Background saving started"
        eventually(lambda: server.text("LASTSAVE") > before, timeout=20)
        assert server.info("persistence")["rdb_last_bgsave_status"] == "ok"
        time.sleep(1.5)  # appendfsync everysec
        other = tempfile.mkdtemp(prefix="apps-restored-")
        try:
            with tarfile.open(os.path.join(other, "backup.tar.gz"), "w:gz") as tar:
                tar.add(server.folder, arcname="data")
            with tarfile.open(os.path.join(other, "backup.tar.gz")) as tar:
                tar.extractall(other)
            restored = Server(*COMPOSE, folder=os.path.join(other, "data"))
            verify(restored)
            restored.stop()
            # the snapshot alone, without the log
            lone = os.path.join(other, "lone")
            os.mkdir(lone)
            shutil.copy(os.path.join(server.folder, "dump.rdb"), lone)
            with Server(folder=lone) as again:
                verify(again)
        finally:
            shutil.rmtree(other, ignore_errors=True)


def test_config_file():
    conf = """
# a comment, and an empty line

maxmemory 2gb
maxmemory-policy allkeys-lru
  save 900 1
save 300 10
save 60 10000
appendonly no
SLOWLOG-LOG-SLOWER-THAN 10000
requirepass "your secure\\x21password"
dbfilename 'my dump.rdb'
"""
    with Server(conf=conf) as server:
        with server.connect() as c:
            with pytest.raises(ServerError, match="NOAUTH"):
                c("CONFIG", "GET", "save")
            assert c("AUTH", "your secure!password") == "OK"
            got = c.text("CONFIG", "GET", "maxmemory", "maxmemory-policy")
            assert dict(zip(got[::2], got[1::2])) == {
                "maxmemory": str(2 << 30),
                "maxmemory-policy": "allkeys-lru",
            }
            assert c.text("CONFIG", "GET", "save") == ["save", "900 1 300 10 60 10000"]
            assert c.text("CONFIG", "GET", "dbfilename") == ["dbfilename", "my dump.rdb"]
            assert c("SAVE") == "OK"
        assert os.path.exists(os.path.join(server.folder, "my dump.rdb"))


def test_stock_config_file():
    """Many start from the stock file: every directive of it must be taken."""
    with Server(conf=STOCK) as server:
        for name, value in (
            ("databases", "16"),
            ("maxmemory-policy", "noeviction"),
            ("hash-max-listpack-entries", "512"),
            (
                "client-output-buffer-limit",
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            ),
            ("save", "3600 1 300 100 60 10000"),
            ("timeout", "0"),
            ("tcp-keepalive", "300"),
            ("auto-aof-rewrite-min-size", "67108864"),
        ):
            assert server.config(name) == {name: value}


def test_a_wrong_directive_is_fatal():
    with Server("--no-such-directive", "yes", wait=False) as server:
        assert server.child.wait(10) != 0
        assert "Bad directive or wrong number of arguments" in server.output()
    with Server(conf="maxmemory-policy sometimes\n", wait=False) as server:
        assert server.child.wait(10) != 0
        assert "FATAL CONFIG FILE ERROR" in server.output()


def test_requirepass():
    with Server("--requirepass", "your-secure-password") as server:
        with server.connect() as c:
            for command in (["GET", "a"], ["SET", "a", "1"], ["INFO"], ["FLUSHALL"], ["PING"]):
                with pytest.raises(ServerError, match="^NOAUTH Authentication required"):
                    c(*command)
            with pytest.raises(
                ServerError, match="^WRONGPASS invalid username-password pair or user is disabled"
            ):
                c("AUTH", "wrong")
            with pytest.raises(ServerError, match="^WRONGPASS"):
                c("AUTH", "someone", "your-secure-password")
            assert c("AUTH", "your-secure-password") == "OK"
            assert c("SET", "a", "1") == "OK"
        with server.connect() as c:
            assert c("AUTH", "default", "your-secure-password") == "OK"
            assert c("GET", "a") == b"1"
        with server.connect() as c:
            with pytest.raises(
                ServerError,
                match="^NOAUTH HELLO must be called with the client already authenticated",
            ):
                c("HELLO", "3")
            assert c("HELLO", "2", "AUTH", "default", "your-secure-password")[:2] == [
                b"server",
                b"redis",
            ]
            assert c("GET", "a") == b"1"
        cli = tool("redis-cli")
        assert (
            run(
                [
                    cli,
                    "-p",
                    server.port,
                    "-a",
                    "your-secure-password",
                    "--no-auth-warning",
                    "GET",
                    "a",
                ]
            ).stdout
            == "1\n"
        )
        assert (
            run(
                [
                    cli,
                    "-u",
                    f"redis://default:your-secure-password@127.0.0.1:{server.port}/0",
                    "--no-auth-warning",
                    "GET",
                    "a",
                ]
            ).stdout
            == "1\n"
        )


def test_renamed_and_removed_commands():
    """Dangerous commands under another name, or under none."""
    conf = 'rename-command FLUSHALL ""\nrename-command FLUSHDB ""\n'
    conf += 'rename-command CONFIG "b840fc02-config"\n'
    with Server(conf=conf) as server:
        with server.connect() as c:
            c("SET", "kept", "1")
            for command in (["FLUSHALL"], ["flushdb"], ["CONFIG", "GET", "save"]):
                with pytest.raises(ServerError, match=f"^ERR unknown command '{command[0]}'"):
                    c(*command)
            assert c.text("b840fc02-config", "GET", "databases") == ["databases", "16"]
            assert c.text("B840FC02-CONFIG", "SET", "maxmemory", "100mb") == "OK"
            assert c("GET", "kept") == b"1"
    with Server(
        "--rename-command", "FLUSHALL", "", "--rename-command", "KEYS", "LISTKEYS"
    ) as server:
        with pytest.raises(ServerError, match="unknown command 'FLUSHALL'"):
            server.text("FLUSHALL")
        server.text("SET", "a", "1")
        assert server.text("LISTKEYS", "*") == ["a"]


def test_daemon_with_pid_and_log_file():
    """What an init script does: daemonize, pidfile, logfile."""
    folder = tempfile.mkdtemp(prefix="apps-daemon-")
    port = free_port()
    pidfile, logfile = os.path.join(folder, "server.pid"), os.path.join(folder, "daemon.log")
    binary = os.environ["REDIS_SERVER"]
    pid = None
    try:
        started = subprocess.run(
            [
                binary,
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--dir",
                folder,
                "--daemonize",
                "yes",
                "--pidfile",
                pidfile,
                "--logfile",
                logfile,
            ],
            timeout=15,
            stdout=subprocess.DEVNULL,
        )
        assert started.returncode == 0
        eventually(
            lambda: os.path.exists(pidfile) and open(pidfile).read().strip(),
            timeout=10,
            what="the pid file",
        )
        pid = int(open(pidfile).read())
        cli = tool("redis-cli")
        eventually(lambda: run([cli, "-p", port, "ping"], ok=False).stdout == "PONG\n", timeout=10)
        assert run([cli, "-p", port, "INFO", "server"]).stdout.count(f"process_id:{pid}") == 1
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not os.path.exists(pidfile), timeout=10, what="the pid file to go")
        pid = None
        assert "Ready to accept connections" in open(logfile).read()
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def test_started_by_systemd():
    """Debian's unit has Type=notify and adds --supervised systemd --daemonize no."""
    folder = tempfile.mkdtemp(prefix="apps-systemd-")
    heard = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(os.path.join(folder, "notify"))
            notify.settimeout(5)

            def told(what):
                try:
                    while not any(what in x for x in heard):
                        heard.append(notify.recv(4096).decode())
                except TimeoutError:
                    raise AssertionError(
                        f"{what} did not come to NOTIFY_SOCKET, but {heard}"
                    ) from None

            os.environ["NOTIFY_SOCKET"] = os.path.join(folder, "notify")
            try:
                server = Server("--supervised", "systemd", "--daemonize", "no")
            finally:
                del os.environ["NOTIFY_SOCKET"]
            with server:
                told("READY=1")
                assert any("STATUS=Ready to accept connections" in x for x in heard), str(heard)
                assert server.stop(signal.SIGTERM) == 0
                told("STOPPING=1")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_shutdown_command():
    with Server("--save", "900", "1") as server:
        server.text("SET", "a", "1")
        with server.connect() as c:
            c.send("SHUTDOWN", "NOSAVE")
            with pytest.raises((ConnectionError, OSError)):
                c.read()
        assert server.child.wait(10) == 0
        assert os.path.exists(os.path.join(server.folder, "dump.rdb")) is False


def test_version_and_log():
    binary = os.environ["REDIS_SERVER"]
    assert re.search(
        r"^Redis server v=7\.2\.\d+ sha=[0-9a-f]{8}:\d malloc=\S+ bits=64 build=[0-9a-f]+",
        run([binary, "--version"]).stdout,
        re.M,
    )
    assert re.search(r"^Redis server v=", run([binary, "-v"]).stdout, re.M)
    with Server() as server:
        assert "Ready to accept connections" in server.output()


def test_port_in_use():
    with Server() as server:
        with Server(port=server.port, wait=False) as second:
            assert second.child.wait(10) != 0
            assert "Address already in use" in second.output()
        assert server.answers() is True


def test_maxclients():
    with Server("--maxclients", "4") as server:
        held = [server.connect() for _ in range(4)]
        for c in held:
            assert c("PING") == "PONG"
        with server.connect() as extra:
            reply = extra.read()
            assert str(reply) == "ERR max number of clients reached"
        held.pop().close()
        eventually(server.answers, timeout=5, what="a place to become free")
        for c in held:
            c.close()
