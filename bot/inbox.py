"""Takes events from transports: stored first, gathered where parts belong together, then handled, each in a task."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.domain import ChatKey, IncomingEvent, IncomingMessage
from bot.gathering import WINDOW_SECONDS, belongs, expects_more, merged
from bot.ports import Clock, Handler
from bot.store import InboxStore

log = structlog.get_logger()


@dataclass(slots=True)
class _Gathering:
    """Parts of one message, until no more of them come."""

    parts: list[IncomingMessage]
    timer: "asyncio.Task[None]"
    answered: "asyncio.Future[None]"


class Inbox:
    """Every accepted event is handled, in this run or the next."""

    def __init__(self, store: InboxStore, handle: Callable[[IncomingEvent], Awaitable[object]], clock: Clock) -> None:
        self._store = store
        self._handle = handle
        self._clock = clock
        self._running: set[asyncio.Future[None]] = set()
        self._gathering: dict[ChatKey, _Gathering] = {}

    def handler(self, transport: str) -> Handler:
        """Where the transport of this name hands in its events."""

        async def accept(*events: IncomingEvent, cursor: str = "") -> "asyncio.Future[None]":
            return await self.accept(*events, transport=transport, cursor=cursor)

        return accept

    async def accept(self, *events: IncomingEvent, transport: str = "", cursor: str = "") -> "asyncio.Future[None]":
        """Stores the events and starts to answer those that were not known already."""
        fresh = await self._store.accept(events, transport, cursor)
        running = [self._take(event) for event in fresh]
        return asyncio.ensure_future(_all(running))

    async def replay(self) -> None:
        """Handles what an earlier run accepted and did not answer."""
        for event in await self._store.unfinished():
            self._take(event)

    async def drain(self, seconds: float) -> None:
        """Waits for running answers; what takes longer is cut off and handled after the next start."""
        for gathering in self._gathering.values():
            gathering.timer.cancel()
            gathering.answered.cancel()
        self._gathering.clear()
        if self._running:
            _done, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _take(self, event: IncomingEvent) -> "asyncio.Future[None]":
        """Starts the event, or puts it to the parts that it belongs to. Whatever else comes ends the waiting, so that
        the order of arrival stays the order of the answers."""
        gathering = self._gathering.get(event.chat)
        if gathering is not None and isinstance(event, IncomingMessage) and belongs(gathering.parts, event):
            gathering.timer.cancel()
            gathering.parts.append(event)
            if expects_more(event):
                gathering.timer = asyncio.create_task(self._close_later(event.chat))
            else:
                self._close(event.chat)
            return gathering.answered
        self._close(event.chat)
        if not isinstance(event, IncomingMessage) or not expects_more(event):
            return self._start(event)
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = asyncio.create_task(self._close_later(event.chat))
        self._gathering[event.chat] = _Gathering([event], timer, answered)
        return answered

    async def _close_later(self, chat: ChatKey) -> None:
        await self._clock.sleep(WINDOW_SECONDS)
        self._close(chat)

    def _close(self, chat: ChatKey) -> None:
        """Starts what has been gathered in this chat."""
        gathering = self._gathering.pop(chat, None)
        if gathering is None:
            return
        answered = gathering.answered
        self._start(merged(gathering.parts)).add_done_callback(lambda task: _pass_on(task, answered))
        if gathering.timer is not asyncio.current_task():
            gathering.timer.cancel()

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


def _pass_on(task: "asyncio.Future[None]", answered: "asyncio.Future[None]") -> None:
    if answered.cancelled():
        return
    if task.cancelled():
        answered.cancel()
    else:
        answered.set_result(None)


async def _all(running: Sequence["asyncio.Future[None]"]) -> None:
    await asyncio.gather(*running)
