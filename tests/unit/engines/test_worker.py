"""One thread for one native library."""

import asyncio
import threading

import pytest

from engines.errors import EngineClosed, EngineOverloaded
from engines.worker import SerialWorker


@pytest.fixture
async def worker():
    worker = SerialWorker("test", capacity=2)
    yield worker
    await worker.close()


class Gate:
    """A job that runs until it is opened."""

    def __init__(self):
        self.started = threading.Event()
        self.opened = threading.Event()

    def __call__(self):
        self.started.set()
        assert self.opened.wait(10)


async def occupied(worker):
    """A gate that the worker is standing at, and the call that waits for it."""
    gate = Gate()
    call = asyncio.create_task(worker.run(gate))
    await asyncio.to_thread(gate.started.wait, 10)
    return gate, call


async def test_runs_in_a_thread_of_its_own(worker):
    """Every call runs in the worker's one thread and returns its result."""
    first, second = await worker.run(threading.get_ident), await worker.run(threading.get_ident)
    assert first == second != threading.get_ident()


async def test_passes_arguments(worker):
    """Positional and named arguments reach the function."""
    assert await worker.run(int, "ff", base=16) == 255


async def test_hands_errors_to_the_caller(worker):
    """An exception belongs to whoever awaits the call, and the next call works."""
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: 1) == 1


async def test_keeps_the_order(worker):
    """Calls run one after the other, first come first served."""
    gate, occupant = await occupied(worker)
    seen = []
    calls = [asyncio.create_task(worker.run(seen.append, number)) for number in range(2)]
    await asyncio.sleep(0)
    assert worker.waiting == 2
    gate.opened.set()
    await asyncio.gather(occupant, *calls)
    assert seen == [0, 1]


async def test_refuses_when_full(worker):
    """A call that finds the queue full is refused at once and says how many wait."""
    gate, occupant = await occupied(worker)
    calls = [asyncio.create_task(worker.run(int)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(EngineOverloaded) as refusal:
        await worker.run(int)
    assert refusal.value.arguments == {"waiting": 2}
    gate.opened.set()
    await asyncio.gather(occupant, *calls)


async def test_cancelling_takes_a_call_out_of_the_queue(worker):
    """A call cancelled before it started never runs."""
    gate, occupant = await occupied(worker)
    seen = []
    call = asyncio.create_task(worker.run(seen.append, "ran"))
    await asyncio.sleep(0)
    call.cancel()
    gate.opened.set()
    await occupant
    await worker.run(int)
    assert call.cancelled()
    assert seen == []


async def test_cancelling_a_running_call_drops_its_result(worker):
    """A call cancelled while it runs ends in the background and does no harm."""
    gate, call = await occupied(worker)
    call.cancel()
    gate.opened.set()
    assert await worker.run(lambda: "next") == "next"
    assert call.cancelled()


async def test_closing_refuses_what_waits():
    """Closing lets the running call end; queued and later calls are told that the engine is closed."""
    worker = SerialWorker("test")
    gate, occupant = await occupied(worker)
    queued = asyncio.create_task(worker.run(int))
    await asyncio.sleep(0)
    closing = asyncio.create_task(worker.close())
    await asyncio.sleep(0)
    gate.opened.set()
    await closing
    await occupant
    with pytest.raises(EngineClosed):
        await queued
    with pytest.raises(EngineClosed):
        await worker.run(int)
