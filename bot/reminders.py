"""Reminders reach the chat that they were made in, at their time or as soon after it as the platform allows."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.domain import ChatKey
from bot.errors import StoreError, TransportError
from bot.ports import Clock, Transport
from bot.store import Reminder, Store
from bot.texts import moment, say
from bot.zones import zone_of

log = structlog.get_logger()

LOOK_SECONDS: Final = 5.0
"""How soon a reminder that was just made is noticed; those that are known come on the second."""
LATE: Final = timedelta(minutes=2)
"""From here on a reminder says when it was due."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=15)
"""Between two attempts where a platform fails; they double up to this."""
BLOCKED_PAUSE: Final = timedelta(days=1)
"""Where the assistant may not write any more, until somebody lets it again."""


@dataclass(frozen=True, slots=True)
class _Pause:
    """A chat that cannot be written to now."""

    until: datetime
    length: timedelta


class Reminders:
    """Delivers the rows of the reminders' table. Only what is delivered is deleted, so that no end loses any."""

    def __init__(self, store: Store, transports: Mapping[str, Transport], clock: Clock) -> None:
        self._store = store
        self._transports = transports
        self._clock = clock
        self._pauses: dict[ChatKey, _Pause] = {}

    async def run(self) -> None:
        """Delivers until cancelled."""
        while True:
            try:
                seconds = await self.deliver()
            except StoreError:
                log.exception("reminders wait for the store")
                seconds = LOOK_SECONDS
            await self._clock.sleep(seconds)

    async def deliver(self) -> float:
        """Sends what is due. Returns the seconds after which to look again."""
        for reminder in await self._store.reminders.due(self._clock.now()):
            pause = self._pauses.get(reminder.chat)
            if reminder.chat.platform in self._transports and not (pause and pause.until > self._clock.now()):
                await self._send(reminder)
        now = self._clock.now()
        following = await self._store.reminders.next_due_at(now)
        return min(LOOK_SECONDS, (following - now).total_seconds()) if following else LOOK_SECONDS

    async def _send(self, reminder: Reminder) -> None:
        try:
            await self._transports[reminder.chat.platform].send(reminder.chat, await self._sentence(reminder))
        except TransportError as error:
            self._pause(reminder.chat, error)
            return
        self._pauses.pop(reminder.chat, None)
        await self._store.reminders.remove(reminder.reminder_id)

    async def _sentence(self, reminder: Reminder) -> str:
        if self._clock.now() - reminder.due_at < LATE:
            return say("remind.due", reminder.language, text=reminder.text)
        _, settings = await self._store.chats.load(reminder.chat)
        zone = await asyncio.to_thread(zone_of, settings.time_zone)
        when = moment(reminder.due_at.astimezone(zone), reminder.language)
        return say("remind.late", reminder.language, text=reminder.text, when=when)

    def _pause(self, chat: ChatKey, error: TransportError) -> None:
        before = self._pauses.get(chat)
        if error.code == "transport.blocked":
            length = BLOCKED_PAUSE
        else:
            length = min(before.length * 2, LONGEST_PAUSE) if before else FIRST_PAUSE
        self._pauses[chat] = _Pause(self._clock.now() + length, length)
        log.warning("reminder waits", chat=str(chat), seconds=length.total_seconds(), error=str(error))
