"""One thread for one native library."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from engines.errors import EngineClosed, EngineOverloaded

P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class SerialWorker:
    """Runs blocking calls one after the other in a thread of its own.

    The queue is bounded: a call that finds it full raises EngineOverloaded at once. Cancelling an awaited call takes
    it out of the queue; one that already runs ends in the background and its result is dropped.
    """

    def __init__(self, name: str, *, capacity: int = 32) -> None:
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._capacity = capacity
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Calls in the queue, the running one not counted."""
        return self._jobs.qsize()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function(*args, **kwargs)`, called in the worker's thread.

        Raises EngineOverloaded when the queue is full, EngineClosed after `close`.
        """
        if self._closed:
            raise EngineClosed("engine.closed")
        if self.waiting >= self._capacity:
            raise EngineOverloaded("engine.overloaded", waiting=self.waiting)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((loop, future, lambda: function(*args, **kwargs)))
        return await future

    async def close(self) -> None:
        """Ends the thread after the running call; queued calls raise EngineClosed."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """Waits for a job and does it; False at the end. What a job held is let go before the next wait."""
        job = self._jobs.get()
        if job is None:
            return False
        loop, future, call = job
        if future.cancelled():
            return True
        try:
            result: Any = EngineClosed("engine.closed") if self._closed else call()
        except Exception as error:  # noqa: BLE001 - handed to the caller, who awaits it
            result = error
        # A loop that is gone has nobody left to wait for the answer.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, future, result)
        return True


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
