"""Takes events from transports: stored first, then handled, each in a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.domain import IncomingEvent
from bot.ports import Handler
from bot.store import InboxStore

log = structlog.get_logger()


class Inbox:
    """Every accepted event is handled, in this run or the next."""

    def __init__(self, store: InboxStore, handle: Callable[[IncomingEvent], Awaitable[object]]) -> None:
        self._store = store
        self._handle = handle
        self._running: set[asyncio.Future[None]] = set()

    def handler(self, transport: str) -> Handler:
        """Where the transport of this name hands in its events."""

        async def accept(*events: IncomingEvent, cursor: str = "") -> "asyncio.Future[None]":
            return await self.accept(*events, transport=transport, cursor=cursor)

        return accept

    async def accept(self, *events: IncomingEvent, transport: str = "", cursor: str = "") -> "asyncio.Future[None]":
        """Stores the events and starts to answer those that were not known already."""
        fresh = await self._store.accept(events, transport, cursor)
        running = [self._start(event) for event in fresh]
        return asyncio.ensure_future(_all(running))

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


async def _all(running: Sequence["asyncio.Future[None]"]) -> None:
    await asyncio.gather(*running)
