"""Sessions on their way between the model and everywhere else they are kept."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Items

from engines.llm.beginnings import Beginnings
from engines.llm.config import LlmConfig
from engines.llm.overlap import Overlap, overlap
from engines.llm.request import SessionTier
from engines.llm.runner import ModelRunner
from engines.llm.scheduler import Scheduler, Start
from engines.llm.sequence import Sequence
from engines.llm.session_file import Snapshot
from engines.llm.slots import Residence
from engines.llm.transcript import Transcript
from engines.llm.vault import SessionVault

log = logging.getLogger(__name__)

_LEAST_TAIL_TOKENS = 64
"""Fewer tokens are read again as fast as they are moved."""

_PATIENCE_SECONDS = 60.0
"""A session is saved beside running answers when no quiet moment came for so long."""

_RETRY_SECONDS = 0.1


class SessionKeeper:
    """Parks sessions that leave a slot, brings back those that return, and saves them. For the engine's thread alone.

    `cut` is the only place where tokens leave the cache, so it is also where a session that lost its slot is parked.
    """

    def __init__(
        self,
        runner: ModelRunner,
        scheduler: Scheduler,
        vault: SessionVault,
        config: LlmConfig,
        *,
        known: Callable[[str], Transcript],
    ) -> None:
        self._runner = runner
        self._scheduler = scheduler
        self._vault = vault
        self._known = known
        self._least_tokens = config.park_tokens
        self._least_tail = _LEAST_TAIL_TOKENS if config.shift and runner.can_shift else None
        self._save_after_seconds = config.save_after_seconds
        self._save_seconds = config.save_seconds
        self._beginnings = Beginnings(runner.slots, runner.beginnings)
        self._unsaved: OrderedDict[str, float] = OrderedDict()  # when each was used last; the newest last

    def cut(self) -> None:
        """Takes out of the cache what belongs to nobody any more."""
        table = self._scheduler.table
        for residence in table.take_departures():
            self._park(residence)
        for slot, keep in table.cuts():
            if self._runner.truncate(slot, keep):
                table.cut(slot)
            else:
                self._scheduler.lose(slot)

    def place(self, starts: Items[tuple[Start, Snapshot | None]]) -> None:
        """Fills the slots of those who start with what is known of them: moved, restored or shared.

        The snapshot is what the disk had when the request came.
        """
        for start, _ in starts:
            self._move(start)
        self.cut()
        for start, recalled in starts:
            self._fill(start.sequence, recalled)
        self.cut()

    def make_room(self) -> bool:
        """Lets the idle session go that was not used for longest, then what sessions share; False with nothing left."""
        if self._scheduler.evict_idle():
            self.cut()
            return True
        slot = self._beginnings.drop_oldest()
        if slot is not None:
            self._runner.truncate(slot, 0)
        return slot is not None

    def learn(self, sequence: Sequence) -> None:
        """Keeps the system text of a sequence for all sessions, once it is in the cache."""
        shareable = sequence.shareable
        if not shareable or sequence.slot is None or sequence.computed < shareable:
            return
        sequence.shareable = 0
        slot = self._beginnings.place(sequence.tokens[:shareable])
        if slot is not None:
            self._runner.truncate(slot, 0)
            self._runner.share(sequence.slot, slot, shareable)
            self._scheduler.table.share(sequence.slot, shareable)
            self._beginnings.put(slot, sequence.tokens[:shareable])

    def used(self, session_id: str, now: float) -> None:
        """An answer ended: what is on the disk is old."""
        if self._vault.saves:
            self._unsaved[session_id] = now
            self._unsaved.move_to_end(session_id)

    def seconds_to_save(self, now: float) -> float | None:
        """When `save` has something to do in a quiet engine; None for never."""
        if not self._unsaved:
            return None
        used_at = next(iter(self._unsaved.values()))
        return max(_RETRY_SECONDS, used_at + self._save_after_seconds - now)

    def save(self, now: float, *, busy: bool) -> None:
        """Begins to write the session that has waited for longest, when the time has come."""
        if not self._unsaved or not self._vault.can_save:
            return
        session_id, used_at = next(iter(self._unsaved.items()))
        if now - used_at >= self._save_after_seconds + busy * _PATIENCE_SECONDS:
            self._save(session_id)

    def forget(self, session_id: str) -> None:
        """Drops what is parked in memory."""
        self._unsaved.pop(session_id, None)
        self._vault.drop(session_id)

    def clear(self) -> None:
        """The cache is new and empty."""
        self._beginnings.clear()

    def close(self) -> None:
        """Saves what is not on the disk, the newest first, as long as there is time."""
        end = time.monotonic() + self._save_seconds
        while self._unsaved and self._vault.wait(end - time.monotonic()) and self._vault.can_save:
            if time.monotonic() >= end:
                break
            self._save(next(reversed(self._unsaved)))
        if self._unsaved or not self._vault.wait(end - time.monotonic()):
            log.warning("not all sessions were saved in time; the rest is read again")

    def check(self) -> None:
        """Asserts that what sessions share is in the cache."""
        for slot, cells in self._beginnings.cells.items():
            held = self._runner.held(slot)
            assert held == cells, f"the shared slot {slot} holds {held}, the books say {cells}"

    def _park(self, residence: Residence) -> None:
        if snapshot := self._export(residence):
            self._vault.park(residence.session_id, snapshot)

    def _save(self, session_id: str) -> None:
        del self._unsaved[session_id]
        table = self._scheduler.table
        residence = table.idle(session_id)
        snapshot = self._export(residence) if residence else self._vault.warm(session_id)
        if snapshot and (residence or not table.holds(session_id)):
            self._vault.save(session_id, snapshot)

    def _export(self, residence: Residence) -> Snapshot | None:
        """The session as it stands in its slot; none when it is not worth it or the slot holds something else."""
        count = len(residence.tokens)
        if count < self._least_tokens or self._runner.held(residence.slot) != count:
            return None
        state = self._runner.export(residence.slot)
        return Snapshot(tokens=residence.tokens, transcript=self._known(residence.session_id), state=state)

    def _move(self, start: Start) -> None:
        """Closes the gap that the oldest turns left in the session's own slot."""
        sequence, claim = start.sequence, start.claim
        if not claim.left:
            return
        held = (*sequence.tokens[: claim.reused], *claim.left)
        found = self._overlap(held, sequence.tokens)
        if found.tail:
            self._close_gap(sequence, found, len(held), "hot")

    def _fill(self, sequence: Sequence, recalled: Snapshot | None) -> None:
        """Fills a slot that is empty, or holds less, from where the most is."""
        shared = self._beginnings.find(sequence.tokens)
        for tier, snapshot in self._parked(sequence, recalled):
            found = self._overlap(snapshot.tokens, sequence.tokens)
            enough = found.reused > max(sequence.reused, shared.tokens if shared else 0)
            if enough and self._restore(sequence, snapshot, found, tier):
                return
        self._begin(sequence)

    def _parked(self, sequence: Sequence, recalled: Snapshot | None) -> Iterator[tuple[SessionTier, Snapshot]]:
        if warm := self._vault.warm(sequence.session_id):
            yield "warm", warm
        if recalled:
            yield "cold", recalled

    def _restore(self, sequence: Sequence, snapshot: Snapshot, found: Overlap, tier: SessionTier) -> bool:
        """Puts a parked session into the slot. Only what the cache then says it holds is believed."""
        assert sequence.slot is not None
        self._empty(sequence.slot)
        count = len(snapshot.tokens)
        while not (restored := self._runner.restore(sequence.slot, snapshot.state)):
            if not (self._crowded(count) and self.make_room()):
                break
        if not restored or self._runner.held(sequence.slot) != count:
            log.warning("a %s session of %d tokens could not be restored and is read again", tier, count)
            self._empty(sequence.slot)
            return False
        self._vault.drop(sequence.session_id)
        self._scheduler.resume(sequence, found.head, count, tier)
        if found.tail:
            self._close_gap(sequence, found, count, tier)
        return True

    def _begin(self, sequence: Sequence) -> None:
        """Starts a session with the cells of a system text that is in the cache already."""
        assert sequence.slot is not None
        shared = self._beginnings.find(sequence.tokens)
        if shared and shared.tokens > sequence.reused:
            self._empty(sequence.slot)
            self._runner.share(shared.slot, sequence.slot, shared.tokens)
            self._scheduler.resume(sequence, shared.tokens, shared.tokens, "shared")
            self._scheduler.table.share(sequence.slot, shared.tokens)
            self._beginnings.use(shared.slot)

    def _close_gap(self, sequence: Sequence, found: Overlap, cells: int, tier: SessionTier) -> None:
        assert sequence.slot is not None
        self._runner.shift(sequence.slot, found.head, found.head + found.gap)
        self._scheduler.resume(sequence, found.reused, cells - found.gap, tier)

    def _overlap(self, held: Items[int], wanted: Items[int]) -> Overlap:
        """A slot that cannot be cut is of use as a whole or not at all."""
        found = overlap(held, wanted, least_tail=self._least_tail)
        return found if self._runner.cuttable or found.head == len(held) else Overlap(0)

    def _empty(self, slot: int) -> None:
        self._runner.truncate(slot, 0)
        self._scheduler.lose(slot)

    def _crowded(self, tokens: int) -> bool:
        """Whether so many more may be too many; shared cells count more than once."""
        held = sum(self._scheduler.table.cells) + sum(self._beginnings.cells.values())
        return held + tokens > self._runner.capacity
