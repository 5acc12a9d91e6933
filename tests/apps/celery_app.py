"""The Celery application that the test and its worker processes share."""

import os
import time

import redis
from celery import Celery
from support import T

BROKER_DB, RESULT_DB, DATA_DB = 0, 1, 2

app = Celery("celery_app", broker=T.url(db=BROKER_DB), backend=T.url(db=RESULT_DB))
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
    task_send_sent_event=True,
    worker_hijack_root_logger=False,
    broker_transport_options={
        "visibility_timeout": int(os.environ.get("VISIBILITY_SECONDS", "3600")),
        "queue_order_strategy": "priority",
    },
    task_routes={
        "celery_app.ranked": {"queue": "ranked"},
        "celery_app.parked": {"queue": "parked"},
        "celery_app.fragile": {"queue": "fragile"},
    },
    beat_schedule={"tick": {"task": "celery_app.tick", "schedule": 0.5}},
    beat_schedule_filename=os.environ.get("BEAT_FILE", "celerybeat-schedule"),
)


def data():
    """A client of the tasks themselves."""
    return redis.Redis.from_url(T.url(db=DATA_DB), decode_responses=True)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def fail(text):
    raise ValueError(text)


@app.task(bind=True, max_retries=3)
def flaky(self, key):
    if data().incr(key) < 3:
        raise self.retry(countdown=0.3)
    return data().get(key)


@app.task(bind=True)
def slow(self, seconds):
    self.update_state(state="PROGRESS", meta={"done": 1, "of": 2})
    time.sleep(seconds)
    return "slept"


@app.task
def stamp():
    return time.time()


@app.task(ignore_result=True)
def silent(key):
    data().set(key, "ran", ex=60)


@app.task(ignore_result=True)
def ranked(name):
    data().rpush("ranked:order", name)


@app.task
def parked(n):
    return n


@app.task(acks_late=True, ignore_result=True)
def fragile(key):
    if data().incr(key) == 1:
        time.sleep(60)
    data().set(key + ":done", "1")


@app.task(ignore_result=True)
def tick():
    data().incr("ticks")


@app.task
def collect(results, label):
    return {label: sorted(results)}
