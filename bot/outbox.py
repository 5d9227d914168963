"""Final texts reach their chat, today or after the next start."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from bot.domain import Button, ChatKey, IncomingMessage, answered_message
from bot.errors import TransportError
from bot.ports import Clock, ReplySink, Transport
from bot.store import Store, Undelivered
from bot.texts import say

log = structlog.get_logger()

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 15.0, 900.0
"""A chat that does not take a text is tried again after a pause that doubles each time."""
LATE = timedelta(minutes=5)
"""A message of its own that arrives later than this says so."""


@dataclass(frozen=True, slots=True)
class _Pause:
    """A chat is left alone for a while."""

    seconds: float
    until: float


class Outbox:
    """Delivers what the store holds for the chats."""

    def __init__(self, store: Store, transports: Mapping[str, Transport], language: str, clock: Clock) -> None:
        self._store = store
        self._transports = transports
        self._language = language
        self._clock = clock
        self._in_hand: set[int] = set()
        self._resending = asyncio.Lock()
        self._pauses: dict[ChatKey, _Pause] = {}

    async def deliver(
        self, entry_id: int, chat: ChatKey, sink: ReplySink, parts: Sequence[str], buttons: Sequence[Button] = ()
    ) -> None:
        """Sends a fresh answer; one that the platform does not take now is sent later by `resend`."""
        self._in_hand.add(entry_id)
        try:
            await sink.finish(parts, buttons)
            await self._store.outbox.delivered(entry_id)
        except TransportError as error:
            await self._failed(entry_id, chat, error)
        finally:
            self._in_hand.discard(entry_id)

    async def post(self, chat: ChatKey, text: str) -> None:
        """Sends a message of its own, now or later; Raises StoreError."""
        entry_id = await self._store.outbox.add(chat, (text,))
        self._in_hand.add(entry_id)
        try:
            await self._transports[chat.platform].send(chat, text)
            await self._store.outbox.delivered(entry_id)
        except TransportError as error:
            await self._failed(entry_id, chat, error)
        finally:
            self._in_hand.discard(entry_id)

    async def resend(self) -> None:
        """Sends what an earlier run or a failing platform left undelivered: in order in each chat, all at once."""
        async with self._resending:
            waiting: defaultdict[ChatKey, list[Undelivered]] = defaultdict(list)
            for entry in await self._store.outbox.undelivered():
                if entry.entry_id not in self._in_hand and entry.chat.platform in self._transports:
                    waiting[entry.chat].append(entry)
            await asyncio.gather(*(self._catch_up(chat, entries) for chat, entries in waiting.items()))

    async def _catch_up(self, chat: ChatKey, entries: Sequence[Undelivered]) -> None:
        for entry in entries:
            pause = self._pauses.get(chat)
            if pause is not None and self._clock.monotonic() < pause.until:
                return
            self._in_hand.add(entry.entry_id)
            try:
                await self._send(entry)
                await self._store.outbox.delivered(entry.entry_id)
                self._pauses.pop(chat, None)
            except TransportError as error:
                await self._failed(entry.entry_id, chat, error)
            finally:
                self._in_hand.discard(entry.entry_id)

    async def _send(self, entry: Undelivered) -> None:
        """An answer goes into the messages of its reply; an edit that was made already changes nothing."""
        transport, final = self._transports[entry.chat.platform], entry.final
        message = await self._message(entry)
        if message is None:
            await self._send_parts(entry)
            return
        replies, key = self._store.replies, entry.event_key or message.key
        keep_sent = partial(replies.keep, key, entry.chat)
        async with transport.open_reply(message, sent=await replies.sent(key), keep_sent=keep_sent) as sink:
            await sink.finish(final.parts, final.buttons)

    async def _message(self, entry: Undelivered) -> IncomingMessage | None:
        found = await self._store.inbox.find([entry.event_key]) if entry.event_key else []
        message = answered_message(found[0]) if found else None
        # A chat that has moved has other message ids.
        return message if message is not None and message.chat == entry.chat else None

    async def _send_parts(self, entry: Undelivered) -> None:
        late = self._clock.now() - entry.created_at > LATE
        for index, part in enumerate(entry.final.parts):
            mark = f"{say('notice.delayed', self._language)}\n" if late and index == 0 else ""
            await self._transports[entry.chat.platform].send(entry.chat, mark + part)

    async def _failed(self, entry_id: int, chat: ChatKey, error: TransportError) -> None:
        """A chat that may not be written to any more gets nothing later either; others are tried again."""
        if error.code == "transport.blocked":
            log.info("chat closed", chat=str(chat), error=str(error))
            await self._store.close_chat(chat)
            return
        log.warning("answer delayed", entry_id=entry_id, error=str(error))
        before = self._pauses.get(chat)
        wanted = float(error.arguments.get("seconds", 0.0))
        seconds = max(wanted, min(before.seconds * 2 if before else FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))
        self._pauses[chat] = _Pause(seconds, self._clock.monotonic() + seconds)
