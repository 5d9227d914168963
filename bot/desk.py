"""One message at a time for each chat.

A message takes a ticket the moment it arrives, before anything is awaited, so that the order of arrival is the order
of the answers. Chats without tickets take no memory.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from bot.domain import ChatKey
from bot.errors import ChatBusy


class Stopped(Exception):
    """The running answer was stopped on request."""


class Ticket:
    """One message's place in the queue of its chat."""

    def __init__(self, queue: "deque[Ticket]", author: str) -> None:
        self._queue = queue
        self.author = author
        """`str()` of the Person whose message it is; empty when it is nobody's."""
        self._called = asyncio.Event()
        self._seen = asyncio.Event()
        self._running: asyncio.Timeout | None = None

    def seen(self) -> None:
        """The reply to this message stands in the chat: those of later ones may follow below it."""
        self._seen.set()

    async def below(self) -> None:
        """Waits until the reply to the message before this one stands in the chat, or never will."""
        place = self._queue.index(self)
        if place:
            await self._queue[place - 1]._seen.wait()  # noqa: SLF001 - tickets of one queue know each other

    @property
    def ahead(self) -> int:
        """Messages of the same chat that come first."""
        return self._queue.index(self)

    async def called(self) -> None:
        """Waits until all earlier messages are done."""
        if self._queue[0] is self:
            self._called.set()
        await self._called.wait()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until all earlier messages are done; raises Stopped inside when `stop` is called meanwhile."""
        await self.called()
        # A timeout without a deadline is the standard library's cancel scope: `stop` moves its deadline to now.
        try:
            async with asyncio.timeout(None) as self._running:
                yield
        except TimeoutError:
            if self._running is not None and self._running.expired():
                raise Stopped from None
            raise
        finally:
            self._running = None

    @property
    def is_running(self) -> bool:
        """Whether it can be stopped."""
        return self._running is not None and not self._running.expired()

    def stop(self) -> bool:
        """Stops the message if its turn has come; whether it had."""
        if self._running is None or self._running.expired():
            return False
        self._running.reschedule(asyncio.get_running_loop().time())
        return True

    def _leave(self) -> None:
        self._queue.remove(self)
        self._seen.set()
        if self._queue:
            self._queue[0]._called.set()  # noqa: SLF001 - tickets of one queue know each other


class ChatDesk:
    """The queues of all chats."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._queues: dict[ChatKey, deque[Ticket]] = {}

    @contextmanager
    def ticket(self, chat: ChatKey, author: str = "") -> Iterator[Ticket]:
        """A place at the end of the chat's queue, given up on leaving."""
        queue = self._queues.setdefault(chat, deque())
        ticket = Ticket(queue, author)
        queue.append(ticket)
        try:
            yield ticket
        finally:
            ticket._leave()  # noqa: SLF001
            if not queue:
                del self._queues[chat]

    def check_room(self, ticket: Ticket) -> None:
        """Raises ChatBusy when more messages are ahead of this one than may wait."""
        if ticket.ahead > self._max_waiting:
            raise ChatBusy("chat.busy", waiting=ticket.ahead)

    def stop(self, chat: ChatKey) -> bool:
        """Stops the chat's running answer; whether there was one."""
        return any(ticket.stop() for ticket in self._queues.get(chat, ()))

    def asker(self, chat: ChatKey) -> str:
        """Whose message is being answered in this chat, by `str()` of the Person; empty when it is nobody's."""
        return next((ticket.author for ticket in self._queues.get(chat, ()) if ticket.is_running), "")

    @property
    def busy_chats(self) -> int:
        """Chats with at least one ticket."""
        return len(self._queues)
