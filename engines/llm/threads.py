"""How many threads a step gets while other programs want the same cores: pure policy over step times.

ggml's threads wait for each other after every operation. When another program holds one of their cores, all of them
wait for it, and a thread too many makes a step several times slower. Nothing says beforehand how busy the machine will
be, so other counts are tried while the engine works:

    steps at the settled count   steps at another count   ...   a pause, in seconds of steps
    |---------------------------|------------------------|-----|----------------------------|
                       median           median: kept when it wins, given up as soon as it cannot

A lost trial doubles the pause, a won one or a machine that changed ends it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from engines.llm.batch import BatchPlan

log = logging.getLogger(__name__)

_DECODE_STEPS, _PREFILL_STEPS = 7, 2
"""Steps from which a median is taken, after one that is not counted: new threads start in it."""
_ROWS_AT_ONCE = 32
"""Fewer rows wait for the weights from memory and take about as long as one; more take longer by the row."""
_GAIN = 0.9
"""Fewer threads must bring a step down to this share of its time; more must only not make it longer. Threads that wait
sleep, so one too many costs little beside busy programs, and one too few costs its share of the processor."""
_CHANGED = 2.0
"""A step that takes so many times longer or shorter than in the window before: other programs came or went."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ThreadLimits:
    """Threads that a step may have at most."""

    decode: int = 1
    prefill: int = 1


class AdaptiveThreads:
    """The thread count of one kind of step. `counts` are those to choose from, rising.

    It begins with the most.
    """

    def __init__(self, counts: Sequence[int], window_steps: int = _DECODE_STEPS) -> None:
        self._counts = counts
        self._window_steps = window_steps
        self._settled = len(counts) - 1
        self._trial: int | None = None
        self._direction = -1
        self._size = 0
        self._window: list[float] = []
        self._reference: float | None = None
        self._pause = self._waited = _FIRST_PAUSE_SECONDS

    @property
    def count(self) -> int:
        """Threads for the next step."""
        return self._counts[self._settled if self._trial is None else self._trial]

    def took(self, rows: int, seconds: float) -> None:
        """A step with `count` threads and so many rows is done. Only steps of about the same size are compared."""
        self._waited += seconds
        size = min(rows, _ROWS_AT_ONCE).bit_length()
        if size != self._size:
            self._size, self._trial, self._reference = size, None, None
            self._window.clear()
            return
        self._window.append(seconds / max(1.0, rows / _ROWS_AT_ONCE))
        if self._trial is not None and self._hopeless():
            self._judge(self._trial, won=False)
        elif len(self._window) > self._window_steps:
            self._conclude(median(self._window[1:]))

    def _hopeless(self) -> bool:
        """Whether a trial took as long as the settled count takes for all its steps, before they were done."""
        if self._reference is None or len(self._window) > self._window_steps:
            return False
        return sum(self._window[1:]) > self._window_steps * self._reference

    def _conclude(self, seconds: float) -> None:
        self._window.clear()
        if self._trial is None:
            self._settle(seconds)
        elif self._reference is not None:
            gain = _GAIN if self._trial < self._settled else 1.0
            self._judge(self._trial, won=seconds <= gain * self._reference)

    def _settle(self, seconds: float) -> None:
        before, self._reference = self._reference or seconds, seconds
        if seconds > _CHANGED * before or before > _CHANGED * seconds:
            self._direction = -1 if seconds > before else 1
            self._pause = self._waited = _FIRST_PAUSE_SECONDS
        if self._waited >= self._pause and len(self._counts) > 1:
            self._direction = self._direction if self._possible() else -self._direction
            self._trial = self._settled + self._direction

    def _judge(self, trial: int, *, won: bool) -> None:
        if won:
            log.info("%d threads for a step instead of %d", self._counts[trial], self._counts[self._settled])
            self._settled, self._reference, self._pause = trial, None, _FIRST_PAUSE_SECONDS
        else:
            self._direction, self._pause = -self._direction, min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        self._waited = self._pause if won and self._possible() else 0.0
        self._trial = None
        self._window.clear()

    def _possible(self) -> bool:
        return 0 <= self._settled + self._direction < len(self._counts)


class StepThreads:
    """Reading and speaking are bound by different things, so each has its own count."""

    def __init__(self, limits: ThreadLimits, *, adaptive: bool) -> None:
        counts = [thread_counts(most) if adaptive else (most,) for most in (limits.decode, limits.prefill)]
        self._decode = AdaptiveThreads(counts[0], _DECODE_STEPS)
        self._prefill = AdaptiveThreads(counts[1], _PREFILL_STEPS)

    def of(self, plan: BatchPlan) -> AdaptiveThreads:
        """The count for this plan: a step in which every row is for a next token only speaks."""
        return self._decode if plan.speaks else self._prefill


def thread_counts(most: int) -> tuple[int, ...]:
    """Counts worth telling apart, up to `most`: 1, 2, 3, 4, 6, 8, 12, 16, 24 ..."""
    steps = {1, most} | {base << power for base in (2, 3) for power in range(most.bit_length())}
    return tuple(sorted(count for count in steps if count <= most))
