"""How fast Telegram may be called: one bucket for each chat and one for all of them.

Telegram publishes rules of thumb: about one message a second to one chat with short bursts, 20 a minute to a group,
about 30 a second over all. Sends and edits count together.
"""

from collections import OrderedDict

from bot.ports import Clock

MAX_CHATS = 1000
"""Buckets kept; the least recently used ones are full again long before they are dropped."""


class Bucket:
    """`burst` calls at once, then one every `seconds`."""

    def __init__(self, seconds: float, burst: int) -> None:
        self._seconds = seconds
        self._slack = seconds * (burst - 1)
        self._free_at = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until a call may go; 0 when it may go now."""
        return max(0.0, self._free_at - now)

    def take(self, now: float) -> float:
        """Books the next call: the seconds that it has to wait."""
        start = max(self._free_at, now - self._slack)
        self._free_at = start + self._seconds
        return max(0.0, start - now)

    def hold(self, until: float) -> None:
        """No call before this moment."""
        self._free_at = max(self._free_at, until)


class Pace:
    """Makes calls wait for their turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._everywhere = Bucket(1 / 25, burst=10)
        self._chats: OrderedDict[str, Bucket] = OrderedDict()

    def wait(self, chat: str) -> float:
        """Seconds until a call to this chat may go."""
        return self._bucket(chat).wait(self._clock.monotonic())

    async def turn(self, chat: str) -> None:
        """Returns when a call to this chat may go."""
        now = self._clock.monotonic()
        seconds = max(self._bucket(chat).take(now), self._everywhere.take(now))
        if seconds > 0:
            await self._clock.sleep(seconds)

    def hold(self, chat: str, seconds: float) -> None:
        """Telegram said how long nothing may go to this chat."""
        self._bucket(chat).hold(self._clock.monotonic() + seconds)

    def _bucket(self, chat: str) -> Bucket:
        bucket = self._chats.pop(chat, None) or (
            Bucket(3.75, burst=4) if chat.startswith("-") else Bucket(1.0, burst=3)
        )
        self._chats[chat] = bucket
        if len(self._chats) > MAX_CHATS:
            self._chats.popitem(last=False)
        return bucket
