"""Celery with the server as broker and result backend, and with real workers."""

import os
import shutil
import signal
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone

import pytest
from celery import chain, chord, group
from celery.exceptions import ChordError, TaskRevokedError

import celery_app as tasks
from celery_app import BROKER_DB, DATA_DB, RESULT_DB, app
from support import end, eventually, raw, spawn

HERE = os.path.dirname(os.path.abspath(__file__))

WORK = tempfile.mkdtemp(prefix="apps-celery-")
LOG = open(os.path.join(WORK, "worker.log"), "ab")
WAIT = 25


def worker(name, *options, **env):
    return spawn(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "celery_app",
            "worker",
            "-n",
            f"{name}@local",
            "-l",
            "warning",
            *options,
        ],
        cwd=HERE,
        stdout=LOG,
        stderr=LOG,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **env),
    )


def answers(name):
    return bool(app.control.ping(destination=[f"{name}@local"], timeout=1))


@pytest.fixture(scope="module", autouse=True)
def main_worker(clean_server):
    main = worker("main", "-c", "2", "-Q", "celery")
    eventually(lambda: answers("main"), timeout=60, what="the worker to answer a ping")
    yield
    end(main, grace=10)
    LOG.close()
    shutil.rmtree(WORK, ignore_errors=True)


def test_delay_and_get():
    result = tasks.add.delay(2, 3)
    assert result.get(timeout=WAIT) == 5
    assert (result.state, result.successful()) == ("SUCCESS", True)
    key = f"celery-task-meta-{result.id}"
    assert 86300 <= raw("TTL", key, db=RESULT_DB) <= 86400
    assert '"status": "SUCCESS"' in raw("GET", key, db=RESULT_DB)
    result.forget()
    assert raw("EXISTS", key, db=RESULT_DB) == 0


def test_many_tasks_all_come_back():
    results = [tasks.add.delay(n, n) for n in range(100)]
    assert [r.get(timeout=WAIT) for r in results] == [2 * n for n in range(100)]


def test_failure_is_raised_at_the_caller():
    result = tasks.fail.delay("broken on purpose")
    with pytest.raises(ValueError, match="broken on purpose"):
        result.get(timeout=WAIT)
    assert result.state == "FAILURE"


def test_retry_with_countdown():
    assert tasks.flaky.delay("flaky:1").get(timeout=WAIT) == "3"


def test_progress_state():
    result = tasks.slow.delay(2)
    eventually(lambda: result.state == "PROGRESS", timeout=15, what="state PROGRESS")
    assert result.info == {"done": 1, "of": 2}
    assert result.get(timeout=WAIT) == "slept"


def test_group_of_tasks():
    job = group(tasks.add.s(n, 10) for n in range(12)).apply_async()
    assert job.get(timeout=WAIT) == [n + 10 for n in range(12)]
    assert job.completed_count() == 12
    job.save()
    assert app.GroupResult.restore(job.id).get(timeout=WAIT) == [n + 10 for n in range(12)]
    job.delete()
    assert app.GroupResult.restore(job.id) is None


def test_chain_of_tasks():
    assert (
        chain(tasks.add.s(1, 2), tasks.add.s(10), tasks.add.s(100)).apply_async().get(timeout=WAIT)
        == 113
    )


def test_chord_joins_its_header():
    assert chord([tasks.add.s(n, n) for n in range(20)])(tasks.total.s()).get(timeout=WAIT) == 380
    assert chord([tasks.add.s(n, 1) for n in range(5)])(tasks.collect.s("got")).get(
        timeout=WAIT
    ) == {"got": [1, 2, 3, 4, 5]}
    eventually(
        lambda: not [k for k in raw("KEYS", "*", db=RESULT_DB) if k.endswith((".j", ".t", ".s"))],
        timeout=5,
        what="the chord to remove its counters",
    )


def test_chain_with_a_chord_inside():
    flow = chain(
        tasks.add.s(1, 1),
        group(tasks.add.s(n) for n in range(4)),
        tasks.total.s(),
        tasks.add.s(1000),
    )
    assert flow.apply_async().get(timeout=WAIT) == 1000 + sum(2 + n for n in range(4))


def test_chord_with_a_failing_part():
    result = chord([tasks.add.s(1, 1), tasks.fail.s("part")])(tasks.total.s())
    with pytest.raises((ChordError, ValueError), match="part"):
        result.get(timeout=WAIT)


def test_chunks_and_starmap():
    assert tasks.add.chunks([(n, n) for n in range(10)], 4).apply_async().get(timeout=WAIT) == [
        [0, 2, 4, 6],
        [8, 10, 12, 14],
        [16, 18],
    ]
    assert tasks.add.starmap([(1, 2), (3, 4)]).apply_async().get(timeout=WAIT) == [3, 7]


def test_countdown_and_eta():
    began = time.time()
    ran = tasks.stamp.apply_async(countdown=1.5).get(timeout=WAIT)
    assert 1.3 <= ran - began <= 10
    began = time.time()
    ran = tasks.stamp.apply_async(eta=datetime.now(timezone.utc) + timedelta(seconds=1)).get(
        timeout=WAIT
    )
    assert 0.8 <= ran - began <= 10


def test_expired_task_is_revoked():
    result = tasks.stamp.apply_async(expires=datetime.now(timezone.utc) - timedelta(seconds=5))
    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT)


def test_revoke_before_its_time():
    result = tasks.stamp.apply_async(countdown=3)
    time.sleep(0.5)
    result.revoke()
    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT)
    assert result.state == "REVOKED"


def test_revoke_while_it_runs():
    result = tasks.slow.delay(40)
    eventually(lambda: result.state == "PROGRESS", timeout=15)
    result.revoke(terminate=True, signal="SIGTERM")
    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT)


def test_ignored_result_leaves_no_key():
    result = tasks.silent.delay("silent:1")
    eventually(lambda: raw("GET", "silent:1", db=DATA_DB) == "ran", timeout=15)
    time.sleep(0.3)
    assert raw("EXISTS", f"celery-task-meta-{result.id}", db=RESULT_DB) == 0


def test_inspect_and_stats():
    def ask():
        return app.control.inspect(destination=["main@local"], timeout=5)

    assert "celery_app.add" in ask().registered()["main@local"]
    stats = ask().stats()["main@local"]
    assert stats["broker"]["transport"] == "redis"
    assert stats["pool"]["max-concurrency"] == 2
    assert ask().active_queues()["main@local"][0]["name"] == "celery"
    later = tasks.stamp.apply_async(countdown=20)
    eventually(
        lambda: any(t["request"]["id"] == later.id for t in ask().scheduled()["main@local"]),
        timeout=15,
        what="the task to be scheduled",
    )
    later.revoke()


def test_events_are_seen():
    seen = []

    def drain(live):
        try:
            live.drain_events(timeout=0.5)
        except OSError:  # nothing came
            pass

    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": lambda event: seen.append(event)})
        with receiver.consumer_context(wakeup=False) as (live, _channel, _consumers):
            eventually(
                lambda: drain(live) or seen, timeout=20, every=0, what="a heartbeat of the worker"
            )
            result = tasks.add.delay(20, 22)
            end_at = time.monotonic() + 15
            wanted = {"task-received", "task-started", "task-succeeded"}
            while time.monotonic() < end_at:
                drain(live)
                got = {e["type"] for e in seen if e.get("uuid") == result.id}
                if wanted <= got:
                    break
            assert wanted <= got, f"events {sorted(got)}"


def test_queue_length_and_purge():
    """Without a consumer tasks wait in a list; purge empties it."""
    for n in range(7):
        tasks.parked.delay(n)
    assert raw("LLEN", "parked", db=BROKER_DB) == 7
    with app.connection_for_write() as connection:
        queue = app.amqp.queues["parked"].bind(connection.default_channel)
        assert queue.queue_declare(passive=True).message_count == 7
        assert queue.purge() == 7
    assert raw("EXISTS", "parked", db=BROKER_DB) == 0


def test_priorities():
    for n, priority in enumerate((9, 3, 6, 0, 9, 0, 3, 6)):
        tasks.ranked.apply_async((f"{priority}-{n}",), priority=priority)
    lists = ["ranked", "ranked\x06\x163", "ranked\x06\x166", "ranked\x06\x169"]
    assert [raw("LLEN", k, db=BROKER_DB) for k in lists] == [2, 2, 2, 2]
    second = worker("ranks", "-c", "1", "-Q", "ranked", "--without-gossip", "--without-mingle")
    try:
        eventually(
            lambda: raw("LLEN", "ranked:order", db=DATA_DB) == 8,
            timeout=60,
            what="all ranked tasks",
        )
    finally:
        end(second, grace=10)
    assert raw("LRANGE", "ranked:order", 0, -1, db=DATA_DB) == [
        "0-3",
        "0-5",
        "3-1",
        "3-6",
        "6-2",
        "6-7",
        "9-0",
        "9-4",
    ]


def test_a_killed_worker_gives_its_task_back():
    """acks_late: the message stays in `unacked` and is restored after the visibility timeout."""
    first = worker(
        "doomed",
        "-c",
        "1",
        "-Q",
        "fragile",
        "--without-gossip",
        "--without-mingle",
        VISIBILITY_SECONDS="3",
    )
    tasks.fragile.delay("fragile:1")
    eventually(lambda: raw("GET", "fragile:1", db=DATA_DB) == "1", timeout=60, what="the first try")
    assert raw("HLEN", "unacked", db=BROKER_DB) >= 1
    assert raw("ZCARD", "unacked_index", db=BROKER_DB) >= 1
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    time.sleep(4)  # a worker looks for lost messages when it starts, then seldom
    second = worker(
        "heir",
        "-c",
        "1",
        "-Q",
        "fragile",
        "--without-gossip",
        "--without-mingle",
        VISIBILITY_SECONDS="3",
    )
    try:
        eventually(
            lambda: raw("EXISTS", "fragile:1:done", db=DATA_DB) == 1,
            timeout=60,
            what="the second try",
        )
    finally:
        end(second, grace=10)
    assert int(raw("GET", "fragile:1", db=DATA_DB)) >= 2


def test_beat_sends_on_schedule():
    beat = spawn(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "celery_app",
            "beat",
            "-l",
            "warning",
            "--max-interval",
            "1",
            "--pidfile=",
        ],
        cwd=HERE,
        stdout=LOG,
        stderr=LOG,
        env=dict(os.environ, BEAT_FILE=os.path.join(WORK, "beat"), PYTHONDONTWRITEBYTECODE="1"),
    )
    try:
        eventually(
            lambda: int(raw("GET", "ticks", db=DATA_DB) or 0) >= 4, timeout=40, what="four ticks"
        )
    finally:
        end(beat, grace=5)


def test_shutdown_by_remote_control():
    third = worker("brief", "-c", "1", "-Q", "brief")
    eventually(lambda: answers("brief"), timeout=45)
    app.control.shutdown(destination=["brief@local"])
    assert third.wait(20) == 0
    assert answers("main") is True
