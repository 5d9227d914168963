"""Which session's tokens are in which llama.cpp sequence: pure book-keeping.

A Session is what one conversation has in the KV cache; it outlives a Sequence, which is one answer being produced.
A Session is in at most one Slot, which is one llama.cpp sequence id.
A Slot runs at most one Sequence.

The positions of one slot:

    0                      len(resident)                    cells
    |----------------------|--------------------------------|
     the session's tokens   left over; to be cut before the
                            next decode
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from engines.llm.overlap import common_prefix


@dataclass(slots=True)
class Slot:
    """One llama.cpp sequence id."""

    index: int
    session_id: str | None = None
    resident: list[int] = field(default_factory=list)
    """The tokens, by position, whose keys and values are in the cache and belong to the session."""
    cells: int = 0
    """Positions that the runner holds."""
    busy: bool = False
    """Whether a sequence runs in it."""
    last_used: int = 0
    """Rises with every release."""
    shared: int = 0
    """Leading positions whose cells other sequences may hold too: they must not be moved."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot for a session."""

    slot: int
    reused: int
    """Leading tokens that are already in it."""
    evicted: str | None
    """The session that lost its tokens for this."""
    left: tuple[int, ...] = ()
    """The session's own tokens behind the reused ones, which could still be moved before the slot is cut."""


@dataclass(frozen=True, slots=True)
class Residence:
    """Where a session's tokens are; of one that lost its slot, where they still are until the slot is cut."""

    slot: int
    session_id: str
    tokens: tuple[int, ...]


class SlotTable:
    """Every slot, and whose tokens it holds."""

    def __init__(self, slots: int) -> None:
        self._slots = [Slot(index) for index in range(slots)]
        self._releases = count(1)
        self._departures: list[Residence] = []

    def claim(self, session_id: str, tokens: Sequence[int]) -> Claim | None:
        """A slot for these tokens, or none while all are busy.

        The session's own slot if it has one, else an empty one, else the one that was idle for longest. Only the
        session's own tokens count as reused, and never the last one: its logits are wanted.
        """
        slot = self._home(session_id) or self._spare()
        if slot is None:
            return None
        assert not slot.busy, f"session {session_id} already runs"
        evicted = slot.session_id if slot.session_id != session_id else None
        if evicted:
            self.evict(slot.index)
        reused = min(common_prefix(slot.resident, tokens), len(tokens) - 1)
        left = () if slot.shared > reused else tuple(slot.resident[reused:])
        del slot.resident[reused:]
        slot.session_id, slot.busy = session_id, True
        return Claim(slot.index, reused, evicted, left)

    def resume(self, index: int, tokens: Sequence[int], cells: int) -> None:
        """The slot was filled with `cells` positions, of which the session uses the leading `tokens`."""
        slot = self._slots[index]
        slot.resident, slot.cells = list(tokens), cells

    def share(self, index: int, tokens: int) -> None:
        """Other sequences hold the cells of this many leading tokens too."""
        slot = self._slots[index]
        slot.shared = max(slot.shared, tokens)

    def append(self, index: int, tokens: Sequence[int]) -> None:
        """These tokens were decoded into the slot."""
        slot = self._slots[index]
        slot.resident.extend(tokens)
        slot.cells = len(slot.resident)

    def release(self, index: int) -> None:
        """The sequence ended; the session keeps its tokens there until the slot is needed."""
        slot = self._slots[index]
        slot.busy, slot.last_used = False, next(self._releases)

    def lose(self, index: int) -> None:
        """The tokens in the slot are gone or must go; whoever runs in it starts again from nothing."""
        slot = self._slots[index]
        slot.resident, slot.shared = [], 0

    def vacate(self, index: int) -> None:
        """The slot is nobody's."""
        slot = self._slots[index]
        self.lose(index)
        slot.session_id, slot.busy, slot.last_used = None, False, 0

    def evict(self, index: int) -> None:
        """The slot is nobody's any more, and its session may be parked elsewhere."""
        slot = self._slots[index]
        if slot.session_id is not None and slot.resident:
            self._departures.append(Residence(index, slot.session_id, tuple(slot.resident)))
        self.vacate(index)

    def take_departures(self) -> list[Residence]:
        """Who lost a slot since the last call; to be asked before the slots are cut."""
        departures, self._departures = self._departures, []
        return departures

    def drop(self, session_id: str) -> None:
        """Forgets an idle session."""
        self._departures = [each for each in self._departures if each.session_id != session_id]
        if slot := self._home(session_id):
            assert not slot.busy, f"session {session_id} still runs"
            self.vacate(slot.index)

    def evict_idle(self) -> bool:
        """Empties the slot that was idle for longest; False when no idle slot holds anything."""
        idle = [slot for slot in self._slots if not slot.busy and slot.session_id is not None]
        if not idle:
            return False
        self.evict(min(idle, key=lambda slot: slot.last_used).index)
        return True

    def suspect(self, index: int, cells: int) -> None:
        """The slot may hold up to `cells` positions after an interrupted decode."""
        self._slots[index].cells = cells

    def cuts(self) -> list[tuple[int, int]]:
        """Slots that hold more than their session's tokens, and how many to keep."""
        return [(slot.index, len(slot.resident)) for slot in self._slots if slot.cells > len(slot.resident)]

    def cut(self, index: int) -> None:
        """The runner has cut the slot to its resident tokens."""
        slot = self._slots[index]
        slot.cells = len(slot.resident)

    def clear(self) -> None:
        """The cache is new and empty."""
        self._departures = []
        for slot in self._slots:
            self.vacate(slot.index)
            slot.cells = 0

    @property
    def cells(self) -> list[int]:
        """Positions that the runner should hold, by slot."""
        return [slot.cells for slot in self._slots]

    @property
    def sessions(self) -> dict[str, list[int]]:
        """The tokens of every session that is in a slot."""
        return {slot.session_id: list(slot.resident) for slot in self._slots if slot.session_id is not None}

    def holds(self, session_id: str) -> bool:
        """Whether the session is in a slot; may be asked from any thread."""
        return self._home(session_id) is not None

    def idle(self, session_id: str) -> Residence | None:
        """Where the session's tokens are, if it is in a slot and nothing runs in it."""
        slot = self._home(session_id)
        return None if slot is None or slot.busy else Residence(slot.index, session_id, tuple(slot.resident))

    def check(self) -> None:
        """Asserts what the drawing and the three sentences say."""
        owners = [slot.session_id for slot in self._slots if slot.session_id is not None]
        assert len(owners) == len(set(owners)), f"a session in two slots: {owners}"
        for slot in self._slots:
            assert len(slot.resident) <= slot.cells, f"slot {slot.index} lacks tokens it should hold"
            assert slot.session_id is not None or not (slot.busy or slot.resident), f"slot {slot.index} is nobody's"

    def _home(self, session_id: str) -> Slot | None:
        return next((slot for slot in self._slots if slot.session_id == session_id), None)

    def _spare(self) -> Slot | None:
        idle = (slot for slot in self._slots if not slot.busy)
        return min(idle, key=lambda slot: (slot.session_id is not None, slot.last_used), default=None)
