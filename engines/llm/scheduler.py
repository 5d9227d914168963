"""Which tokens are decoded next: pure policy over integers.

Every step decodes the next token of each running sequence first; what is left of the token budget goes to prompts that
are being read, in equal shares. There is no prefill phase that the others would have to wait for.
"""

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass

from engines.llm.batch import SPOKEN_ROWS, BatchPlan, DecodeOutcome, Draw, Row
from engines.llm.request import FinishReason, SessionTier
from engines.llm.sequence import Sequence, Status
from engines.llm.slots import Claim, SlotTable
from engines.llm.waiting import WaitingLine

_HEADROOM_TOKENS = 32
"""Room for its first words that a sequence must find before it starts; else it would soon be preempted."""

_PROMPT_ROWS, _PROMPT_ROWS_ALONE = 64, 96
"""Prompts get this much of a step at most, so that steps stay short: words keep flowing, and a newcomer is read within
two steps even beside a long prompt. Beside nobody a prompt may take more, but a newcomer must soon come between."""


@dataclass(frozen=True, slots=True)
class Start:
    """A sequence that got a slot."""

    sequence: Sequence
    claim: Claim


@dataclass(frozen=True, slots=True)
class Advance:
    """What one step did to a sequence. Whether it ended, the sequence itself says."""

    sequence: Sequence
    tokens: tuple[int, ...] = ()
    """The tokens drawn for it, without the one that ends the answer."""


class Scheduler:
    """Waiting and running sequences, and the slots they run in."""

    def __init__(
        self,
        *,
        slots: int,
        capacity: int,
        context_tokens: int,
        batch_tokens: int,
        ends: Callable[[int], bool],
        guesses: bool = False,
    ) -> None:
        self.table = SlotTable(slots)
        self.preemptions = 0
        self.evictions = 0
        self._capacity = capacity
        self._context_tokens = min(context_tokens, capacity)
        self._batch_tokens = batch_tokens
        self._ends = ends
        self._guesses = guesses
        self._waiting = WaitingLine()
        self._running: dict[int, Sequence] = {}  # the newest last

    @property
    def waiting(self) -> tuple[Sequence, ...]:
        """Those without a slot, the next one first."""
        return tuple(self._waiting)

    @property
    def running(self) -> tuple[Sequence, ...]:
        """Those in a slot, the newest last."""
        return tuple(self._running.values())

    @property
    def running_count(self) -> int:
        """How many run; may be asked from any thread."""
        return len(self._running)

    @property
    def has_work(self) -> bool:
        """Whether anybody waits or runs."""
        return bool(self._running or len(self._waiting))

    def add(self, sequence: Sequence) -> None:
        """Takes a new sequence."""
        self._waiting.append(sequence)

    def finish(self, sequence: Sequence, reason: FinishReason) -> None:
        """Ends a sequence, wherever it is; its session keeps what was decoded."""
        if sequence.status is Status.WAITING:
            self._waiting.remove(sequence)
        elif sequence.slot is not None:
            del self._running[sequence.sequence_id]
            self.table.release(sequence.slot)
        sequence.finish(reason)

    def admit(self) -> list[Start]:
        """Gives free slots to those who wait, as long as the cache has room for all that run."""
        started = []
        while (sequence := self._next_in_line()) and (claim := self.table.claim(sequence.session_id, sequence.tokens)):
            self._waiting.remove(sequence)
            self._running[sequence.sequence_id] = sequence
            self.evictions += claim.evicted is not None
            sequence.start(claim.slot, claim.reused)
            started.append(Start(sequence, claim))
        return started

    def schedule(self) -> BatchPlan | None:
        """The next decode call, or none when nobody runs."""
        decoding = [sequence for sequence in self._running.values() if sequence.status is Status.DECODING]
        reading = [sequence for sequence in self._running.values() if sequence.status is Status.PREFILLING]
        most = _PROMPT_ROWS if decoding or len(reading) > 1 or self._waiting else _PROMPT_ROWS_ALONE
        budget = min(most, self._batch_tokens - len(decoding))
        for sequence in decoding:
            sequence.scheduled = 1
        if self._guesses and not reading:
            self._guess(decoding)
        for sequence, share in zip(reading, fair_shares([each.remaining for each in reading], budget), strict=True):
            sequence.scheduled = share
        return _plan(decoding + reading) if self._running else None

    def update(self, outcome: DecodeOutcome, drawn: Mapping[int, Items[int]]) -> list[Advance]:
        """Digests the last plan's result; `drawn` has for each of its draws, when it went well, the right guesses and a
        token more. Only the last of them may end the answer."""
        scheduled = [sequence for sequence in self._running.values() if sequence.scheduled]
        match outcome:
            case DecodeOutcome.OK:
                return [self._advance(sequence, drawn.get(sequence.sequence_id, ())) for sequence in scheduled]
            case DecodeOutcome.NO_ROOM:
                return self._preempt_newest()
            case DecodeOutcome.ABORTED:
                return self._retract(scheduled)
            case DecodeOutcome.FAILED:
                return self.fail_running()

    def evict_idle(self) -> bool:
        """Empties the slot that was idle for longest; False when there is none."""
        evicted = self.table.evict_idle()
        self.evictions += evicted
        return evicted

    def lose(self, slot: int) -> None:
        """The model could not be cut in this slot, which is now empty: its sequence reads everything again."""
        self.table.lose(slot)
        self.table.cut(slot)
        for sequence in self._running.values():
            if sequence.slot == slot:
                sequence.resume(0, "none")

    def resume(self, sequence: Sequence, reused: int, cells: int, tier: SessionTier) -> None:
        """The slot of a sequence that has just started was filled: `cells` positions, of which `reused` serve it."""
        assert sequence.slot is not None
        self.table.resume(sequence.slot, sequence.tokens[:reused], cells)
        sequence.resume(reused, tier)

    def forget(self, session_id: str) -> list[Sequence]:
        """Drops a session; ends what waits or runs for it and returns that."""
        ended = [sequence for sequence in (*self.running, *self.waiting) if sequence.session_id == session_id]
        for sequence in ended:
            self.finish(sequence, FinishReason.ABORTED)
        self.table.drop(session_id)
        return ended

    def fail_running(self) -> list[Advance]:
        """Ends everything that runs, and forgets all slots: what is in the cache cannot be trusted."""
        failed = self.running
        for sequence in failed:
            self.finish(sequence, FinishReason.FAILED)
        self.table.clear()
        return [Advance(sequence) for sequence in failed]

    def _next_in_line(self) -> Sequence | None:
        sequence = self._waiting.first({running.session_id for running in self._running.values()})
        return sequence if sequence and (not self._running or self._fits(sequence)) else None

    def _fits(self, newcomer: Sequence) -> bool:
        return sum(self._reserve(sequence) for sequence in (*self._running.values(), newcomer)) <= self._capacity

    def _reserve(self, sequence: Sequence) -> int:
        to_come = min(sequence.max_tokens - sequence.completion_tokens, _HEADROOM_TOKENS)
        return min(len(sequence.tokens) + to_come, self._context_tokens)

    def _guess(self, decoding: Items[Sequence]) -> None:
        free = SPOKEN_ROWS - len(decoding)
        for sequence in decoding:
            room = (
                min(sequence.max_tokens - sequence.completion_tokens, self._context_tokens - len(sequence.tokens)) - 1
            )
            sequence.guess = sequence.lookup.guess(sequence.tokens, sequence.prompt_tokens, min(free, room))
            free -= len(sequence.guess)

    def _advance(self, sequence: Sequence, drawn: Items[int]) -> Advance:
        assert sequence.slot is not None
        right = drawn[:-1]
        self.table.append(sequence.slot, [*sequence.tokens[sequence.computed : sequence.end], *right])
        if sequence.guess:
            sequence.lookup.judge(len(sequence.guess), len(right))
            self.table.suspect(sequence.slot, sequence.end + len(sequence.guess))
        sequence.digest()
        sequence.confirm(right)
        if not drawn:
            return Advance(sequence)
        token = drawn[-1]
        if self._ends(token):
            self.finish(sequence, FinishReason.STOP)
            return Advance(sequence, tuple(right))
        if sequence.status is Status.PREFILLING:
            sequence.enter(Status.DECODING)
        sequence.tokens.append(token)
        if sequence.completion_tokens >= sequence.max_tokens or len(sequence.tokens) >= self._context_tokens:
            self.finish(sequence, FinishReason.LENGTH)
        return Advance(sequence, tuple(drawn))

    def _preempt_newest(self) -> list[Advance]:
        *others, newest = self._running.values()
        self._withdraw([*others, newest])
        if not others:  # alone in the whole cache and still too long
            self.finish(newest, FinishReason.LENGTH)
            return [Advance(newest)]
        assert newest.slot is not None
        self.table.evict(newest.slot)
        del self._running[newest.sequence_id]
        newest.preempt()
        self._waiting.put_back(newest)
        self.preemptions += 1
        return []

    def _retract(self, scheduled: Items[Sequence]) -> list[Advance]:
        for sequence in scheduled:
            assert sequence.slot is not None
            self.table.suspect(sequence.slot, sequence.end + len(sequence.guess))
        self._withdraw(scheduled)
        return []

    @staticmethod
    def _withdraw(sequences: Items[Sequence]) -> None:
        for sequence in sequences:
            sequence.withdraw()


def fair_shares(wanted: Items[int], budget: int) -> list[int]:
    """Max-min fair division: nobody gets more than wanted, and what one leaves goes to the others."""
    shares = [0] * len(wanted)
    by_size = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for place, index in enumerate(by_size):
        shares[index] = min(wanted[index], budget // (len(wanted) - place))
        budget -= shares[index]
    return shares


def _plan(sequences: Items[Sequence]) -> BatchPlan:
    rows: list[Row] = []
    draws: list[Draw] = []
    for sequence in sequences:
        assert sequence.slot is not None
        start, end = sequence.computed, sequence.end
        tokens = enumerate(sequence.tokens[start:end], start)
        rows.extend(Row(token, position, sequence.slot, wants_logits=False) for position, token in tokens)
        if sequence.scheduled and end == len(sequence.tokens):
            rows[-1] = rows[-1]._replace(wants_logits=True)
            draws.append(Draw(len(rows) - 1, sequence.sequence_id, sequence.guess))
            guesses = enumerate(sequence.guess, end)
            rows.extend(Row(token, position, sequence.slot, wants_logits=True) for position, token in guesses)
    return BatchPlan(tuple(rows), tuple(draws))
