"""System texts that are in the cache once for all sessions: pure book-keeping."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from engines.llm.overlap import common_prefix

_LEAST_TOKENS = 16
"""Shorter ones are read again as fast."""


@dataclass(slots=True)
class _Beginning:
    slot: int
    tokens: tuple[int, ...] = ()
    last_used: int = 0


@dataclass(frozen=True, slots=True)
class SharedPart:
    """The leading tokens of a prompt that are in a slot of beginnings."""

    slot: int
    tokens: int


class Beginnings:
    """What the slots after those of the sessions hold: the tokens of one system text each, and nothing that is private.

    When all are taken, the one used longest ago gives way. Its cells live on in the sessions that began with it.
    """

    def __init__(self, first_slot: int, slots: int) -> None:
        self._beginnings = [_Beginning(first_slot + index) for index in range(slots)]
        self._uses = count(1)

    @property
    def cells(self) -> dict[int, int]:
        """Positions that the runner should hold, by slot."""
        return {each.slot: len(each.tokens) for each in self._beginnings}

    def find(self, prompt: Sequence[int]) -> SharedPart | None:
        """The longest part that a prompt begins with; its last token is always read by itself."""
        lengths = {each.slot: min(common_prefix(each.tokens, prompt), len(prompt) - 1) for each in self._beginnings}
        slot = max(lengths, key=lambda slot: lengths[slot], default=None)
        return SharedPart(slot, lengths[slot]) if slot is not None and lengths[slot] >= _LEAST_TOKENS else None

    def use(self, slot: int) -> None:
        """A session begins with it."""
        self._at(slot).last_used = next(self._uses)

    def place(self, tokens: Sequence[int]) -> int | None:
        """The slot to keep a system text in; none when it is there already or not worth it. It must be emptied."""
        known = any(common_prefix(each.tokens, tokens) == len(tokens) for each in self._beginnings)
        if known or len(tokens) < _LEAST_TOKENS or not self._beginnings:
            return None
        return min(self._beginnings, key=lambda each: each.last_used).slot

    def put(self, slot: int, tokens: Sequence[int]) -> None:
        """The slot holds these now."""
        self._at(slot).tokens = tuple(tokens)
        self.use(slot)

    def drop_oldest(self) -> int | None:
        """The slot to empty when room is needed."""
        held = [each for each in self._beginnings if each.tokens]
        if not held:
            return None
        oldest = min(held, key=lambda each: each.last_used)
        oldest.tokens, oldest.last_used = (), 0
        return oldest.slot

    def clear(self) -> None:
        """The cache is new and empty."""
        while self.drop_oldest() is not None:
            pass

    def _at(self, slot: int) -> _Beginning:
        return next(each for each in self._beginnings if each.slot == slot)
