"""Something heavy that is only there while it is used."""

import asyncio
import time

import pytest

from engines.idle import IdleResource
from engines.worker import SerialWorker


@pytest.fixture
async def worker():
    worker = SerialWorker("test")
    yield worker
    await worker.close()


class Loads:
    """Loads numbered resources, after as many failures as wanted."""

    def __init__(self, failures=0):
        self.count = 0
        self._failures = failures

    def __call__(self):
        if self._failures:
            self._failures -= 1
            raise OSError("not yet")
        self.count += 1
        return f"resource {self.count}"


async def unloaded(resource):
    """Waits until the resource is gone."""
    async with asyncio.timeout(10):
        while resource.is_loaded:  # noqa: ASYNC110 - nothing tells when it happens
            await asyncio.sleep(0.01)


async def test_loads_at_the_first_use_and_once(worker):
    """Opening costs nothing; later uses share what the first one loaded."""
    loads = Loads()
    resource = IdleResource(worker, loads, idle_seconds=60)
    assert not resource.is_loaded
    assert await resource.run(str.upper) == "RESOURCE 1"
    assert await resource.run(str.split, "e", maxsplit=1) == ["r", "source 1"]
    assert loads.count == 1
    resource.close()


async def test_leaves_after_an_idle_time(worker):
    """Without use it is dropped, and loaded again when it is wanted again."""
    loads = Loads()
    resource = IdleResource(worker, loads, idle_seconds=0.01)
    await resource.run(str.upper)
    await unloaded(resource)
    assert await resource.run(str.upper) == "RESOURCE 2"
    resource.close()


async def test_stays_while_it_is_used(worker):
    """The idle time starts when the last user is done."""
    loads = Loads()
    resource = IdleResource(worker, loads, idle_seconds=0.01)
    slow = asyncio.create_task(resource.run(lambda _: time.sleep(0.1)))
    await asyncio.sleep(0)
    await resource.run(str.upper)
    await slow
    assert loads.count == 1
    await unloaded(resource)


async def test_a_failed_load_is_tried_again(worker):
    """The call that needed the load gets the error; the next one may succeed."""
    resource = IdleResource(worker, Loads(failures=1), idle_seconds=60)
    with pytest.raises(OSError, match="not yet"):
        await resource.run(str.upper)
    assert await resource.run(str.upper) == "RESOURCE 1"
    resource.close()


async def test_closing_drops_it_at_once(worker):
    """After closing nothing is loaded and no timer is left."""
    resource = IdleResource(worker, Loads(), idle_seconds=60)
    await resource.run(str.upper)
    resource.close()
    assert not resource.is_loaded


async def test_an_idle_time_that_ends_after_the_worker():
    """A worker that has closed in the meantime is no error."""
    own = SerialWorker("own")
    resource = IdleResource(own, Loads(), idle_seconds=0.01)
    await resource.run(str.upper)
    await own.close()
    await asyncio.sleep(0.05)
    resource.close()
    assert not resource.is_loaded
