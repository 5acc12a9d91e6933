"""One server for the applications, coroutines as tests, and a clean server for each file."""

import asyncio
import gc
import inspect
import os

import pytest
import support


def pytest_sessionstart(session):
    """Before the files are read: applications connect when they are imported."""
    session.shared = support.Server("--save", "", "--bind", "127.0.0.1", "-::1")
    support.T.port = session.shared.port
    os.environ["SHARED_PORT"] = str(session.shared.port)


def pytest_sessionfinish(session):
    shared = getattr(session, "shared", None)
    if shared is not None:
        try:
            status = shared.stop()
            assert status == 0, f"the shared server ended with {status}: {shared.output()[-700:]}"
        finally:
            shared.remove()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """A test that is a coroutine gets an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    asyncio.run(pyfuncitem.obj())
    return True


@pytest.fixture(scope="module", autouse=True)
def clean_server():
    support.raw("FLUSHALL")
    yield
    gc.collect()  # what is collected later would look for a server that is gone
