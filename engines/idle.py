"""Something heavy that is only there while it is used."""

import asyncio
import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, Generic, ParamSpec, TypeVar

from engines.errors import EngineError
from engines.worker import SerialWorker

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class IdleResource(Generic[T]):
    """A resource of a worker's thread: loaded there at its first use, dropped there after a time without use.

    A failed load is an answer to the call that needed it; the next call tries again.
    """

    def __init__(self, worker: SerialWorker, load: Callable[[], T], *, idle_seconds: float) -> None:
        self._worker = worker
        self._load = load
        self._idle_seconds = idle_seconds
        self._resource: T | None = None
        self._users = 0
        self._timer: asyncio.TimerHandle | None = None
        self._dropping: asyncio.Task[None] | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether it takes memory now."""
        return self._resource is not None

    async def run(self, function: Callable[Concatenate[T, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of `function(resource, *args, **kwargs)` in the worker's thread. Raises like SerialWorker.run."""
        self._users += 1
        self._stop_timer()
        try:
            return await self._worker.run(lambda: function(self._loaded(), *args, **kwargs))
        finally:
            self._users -= 1
            if not self._users:
                self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._expire)

    def close(self) -> None:
        """Drops the resource; to be called after the worker has ended."""
        self._stop_timer()
        self._drop()

    def _loaded(self) -> T:
        if self._resource is None:
            self._resource = self._load()
        return self._resource

    def _drop(self) -> None:
        if self._resource is not None:
            self._resource = None
            _return_memory()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._dropping = asyncio.get_running_loop().create_task(self._drop_on_worker())

    async def _drop_on_worker(self) -> None:
        try:
            await self._worker.run(self._drop)
        except EngineError:
            # The worker is closing or has more to do than to be idle; either way the next use sets a new timer.
            return


def _return_memory() -> None:
    """Gives what was freed back to the system: glibc alone keeps half of what a model had."""
    gc.collect()
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
