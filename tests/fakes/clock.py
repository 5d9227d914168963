"""A clock that a test turns by hand, and one that runs fast."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class HandClock:
    """Implements `bot.ports.Clock`. Sleeping passes the time at once."""

    def __init__(self, start=datetime(2026, 3, 14, 9, 26, tzinfo=UTC)):
        self._start = start
        self._seconds = 0.0

    def now(self):
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self):
        return self._seconds

    async def sleep(self, seconds):
        self.advance(seconds)

    def advance(self, seconds):
        self._seconds += seconds


class FastClock:
    """Implements `bot.ports.Clock`. The machine's time, `factor` times as fast: real waiting, only shorter."""

    def __init__(self, factor=20):
        self._factor = factor

    def now(self):
        return datetime.now(UTC)

    def monotonic(self):
        return time.monotonic() * self._factor

    async def sleep(self, seconds):
        await asyncio.sleep(seconds / self._factor)
