"""A clock that a test turns by hand."""

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
