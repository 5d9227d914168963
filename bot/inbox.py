"""Takes events from transports: stored first, then handled, each in a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.domain import IncomingEvent
from bot.store import InboxStore

log = structlog.get_logger()


class Inbox:
    """Every accepted event is handled, in this run or the next."""

    def __init__(self, store: InboxStore, handle: Callable[[IncomingEvent], Awaitable[object]]) -> None:
        self._store = store
        self._handle = handle
        self._running: set[asyncio.Future[None]] = set()

    async def accept(self, event: IncomingEvent) -> "asyncio.Future[None]":
        """Stores the event and starts to handle it; what it returns is done when the event is answered.

        An event that is known already is not handled again. Raises StoreError; then nothing was accepted.
        """
        if not await self._store.accept(event):
            known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            known.set_result(None)
            return known
        return self._start(event)

    async def replay(self) -> None:
        """Handles what an earlier run accepted and did not answer."""
        for event in await self._store.unfinished():
            self._start(event)

    async def drain(self, seconds: float) -> None:
        """Waits for running answers; what takes longer is cut off and handled after the next start."""
        if self._running:
            _done, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, event: IncomingEvent) -> "asyncio.Future[None]":
        task = asyncio.create_task(self._run(event), name=event.key)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run(self, event: IncomingEvent) -> None:
        try:
            await self._handle(event)
        except Exception:
            # The pipeline answers errors itself; what arrives here stays unfinished and is tried after a restart.
            log.exception("event not handled", key=event.key)
