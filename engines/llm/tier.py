"""Things of known size under a limit."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Tier(Generic[T]):
    """A byte budget: what was used longest ago goes first. Pure book-keeping, for one thread at a time."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._entries: OrderedDict[str, tuple[int, T]] = OrderedDict()  # the newest last
        self._total_bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def keys(self) -> tuple[str, ...]:
        """What is there, used longest ago first."""
        return tuple(self._entries)

    @property
    def total_bytes(self) -> int:
        """Never above the limit."""
        return self._total_bytes

    def put(self, key: str, size_bytes: int, thing: T) -> list[str]:
        """Takes a thing in place of what had its key, and returns the other keys that had to go.

        A thing that is larger than the limit is not taken, and nobody goes for it.
        """
        self.remove(key)
        if size_bytes > self._limit_bytes:
            return []
        gone = []
        while self._total_bytes + size_bytes > self._limit_bytes:
            gone.append(next(iter(self._entries)))
            self.remove(gone[-1])
        self._entries[key] = (size_bytes, thing)
        self._total_bytes += size_bytes
        return gone

    def use(self, key: str) -> T | None:
        """The thing, which is now the newest."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][1]

    def remove(self, key: str) -> None:
        """Lets a thing go; nothing happens when it is not there."""
        size_bytes, _ = self._entries.pop(key, (0, None))
        self._total_bytes -= size_bytes
