"""Final texts reach their chat, today or after the next start."""

from collections.abc import Mapping, Sequence

import structlog

from bot.domain import Button, ChatKey
from bot.errors import TransportError
from bot.ports import ReplySink, Transport
from bot.store import OutboxStore, Undelivered
from bot.texts import say

log = structlog.get_logger()


class Outbox:
    """Delivers what `Store.conclude` wrote down."""

    def __init__(self, store: OutboxStore, transports: Mapping[str, Transport], language: str) -> None:
        self._store = store
        self._transports = transports
        self._language = language
        self._in_hand: set[int] = set()

    async def deliver(self, entry_id: int, sink: ReplySink, parts: list[str], buttons: Sequence[Button] = ()) -> None:
        """Sends a fresh answer; one that the platform does not take now is sent later by `resend`."""
        self._in_hand.add(entry_id)
        try:
            await sink.finish(parts, buttons)
            await self._store.delivered(entry_id)
        except TransportError as error:
            log.warning("answer delayed", entry_id=entry_id, error=str(error))
        finally:
            self._in_hand.discard(entry_id)

    async def resend(self) -> None:
        """Sends what an earlier run or a failing platform left undelivered, with a mark."""
        for entry in await self._store.undelivered():
            if entry.entry_id not in self._in_hand and entry.chat.platform in self._transports:
                await self._send(entry)

    async def _send(self, entry: Undelivered) -> None:
        self._in_hand.add(entry.entry_id)
        try:
            await self._send_parts(entry.chat, entry.parts)
            await self._store.delivered(entry.entry_id)
        except TransportError as error:
            log.warning("answer still delayed", entry_id=entry.entry_id, error=str(error))
        finally:
            self._in_hand.discard(entry.entry_id)

    async def _send_parts(self, chat: ChatKey, parts: tuple[str, ...]) -> None:
        transport = self._transports[chat.platform]
        mark = say("notice.delayed", self._language)
        for index, part in enumerate(parts):
            await transport.send(chat, f"{mark}\n{part}" if index == 0 else part)
