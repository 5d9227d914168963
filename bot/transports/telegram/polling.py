"""The loop that asks Telegram for updates, and how it is doing."""

import random
from collections.abc import Mapping
from typing import Any

import structlog

from bot.domain import IncomingEvent
from bot.errors import StoreError
from bot.ports import Clock, Handler
from bot.transports.telegram.client import Client
from bot.transports.telegram.faults import PLATFORM, Fault, TelegramFault
from bot.transports.telegram.inbound import Account, events

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 20.0
"""Between two attempts in a long outage: the bot answers at most this long after the network is back."""
CONFLICT_PAUSE_SECONDS = 30.0
UNAUTHORIZED_PAUSE_SECONDS = 300.0
"""A wrong token gets no better; a Bot API server of one's own that is being restarted does."""
SILENCE_SECONDS = 90.0
"""A poll that ended well is at most this old when all is well, beside the time that a poll stays open."""


class Vitals:
    """How the way to Telegram is doing."""

    def __init__(self, clock: Clock, poll_seconds: float) -> None:
        self._clock = clock
        self._patience = poll_seconds + SILENCE_SECONDS
        self._well_at = clock.monotonic()
        self._failure: TelegramFault | None = None

    def well(self) -> None:
        """Telegram has answered."""
        if self._failure is not None:
            log.info("telegram is back")
        self._failure = None
        self._well_at = self._clock.monotonic()

    def failed(self, fault: TelegramFault) -> None:
        """Telegram has not answered, or refused."""
        if self._failure is None or self._failure.fault is not fault.fault:
            log.error("telegram cannot be asked", error=str(fault))
        self._failure = fault

    def check(self) -> None:
        """Raises TransportError when no messages arrive."""
        if self._failure is not None:
            raise self._failure
        silent = self._clock.monotonic() - self._well_at
        if silent > self._patience:
            raise TelegramFault(Fault.UNANSWERED, f"nothing was received for {silent:.0f} s")


class Pause:
    """How long to wait after a failure: longer each time, a little different each time."""

    def __init__(self) -> None:
        self._seconds = FIRST_PAUSE_SECONDS

    def reset(self) -> None:
        """After a success."""
        self._seconds = FIRST_PAUSE_SECONDS

    def after(self, fault: TelegramFault) -> float:
        """Seconds until the next attempt."""
        match fault.fault:
            case Fault.UNAUTHORIZED:
                return UNAUTHORIZED_PAUSE_SECONDS
            case Fault.CONFLICT:
                return CONFLICT_PAUSE_SECONDS
            case Fault.FLOOD:
                return fault.retry_seconds
        seconds = self._seconds
        self._seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)
        return seconds * random.uniform(0.75, 1.0)  # noqa: S311 - not a secret


async def poll(
    client: Client, handler: Handler, account: Account, clock: Clock, vitals: Vitals, *, cursor: str, seconds: int
) -> None:
    """Hands in updates until cancelled. A batch is acknowledged by the next poll, thus after it was stored."""
    offset = int(cursor) if cursor else None
    pause = Pause()
    while True:
        try:
            updates = await client.updates(offset, seconds)
            vitals.well()
            if updates:
                upcoming = str(updates[-1]["update_id"] + 1)
                await handler(*read_all(updates, account), cursor=upcoming)
                offset = int(upcoming)
            pause.reset()
        except TelegramFault as fault:
            vitals.failed(fault)
            await clock.sleep(pause.after(fault))
        except StoreError as error:
            # Nothing was taken and nothing is acknowledged: the same updates come again.
            log.error("updates not stored", error=str(error))  # noqa: TRY400 - the sentence says it
            await clock.sleep(LONGEST_PAUSE_SECONDS)


def read_all(updates: list[dict[str, Any]], account: Account) -> list[IncomingEvent]:
    """What happened, in order. An update that cannot be read is left out: it would come again for ever."""
    return [event for update in updates for event in _read(update, account)]


def _read(update: Mapping[str, Any], account: Account) -> tuple[IncomingEvent, ...]:
    try:
        return events(update, account)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.exception("update not understood", platform=PLATFORM, update_id=update.get("update_id"))
        return ()
