"""What answers cost: per request, and in total."""

from collections import Counter
from dataclasses import dataclass, field

from engines.llm.request import FinishReason, SessionTier, Usage
from engines.llm.sequence import Sequence


@dataclass(slots=True)
class Stopwatch:
    """When a request passed its three gates; seconds on the engine's monotonic clock."""

    submitted: float
    started: float | None = None
    first_token: float | None = None

    def usage(self, sequence: Sequence, now: float) -> Usage:
        """What the request cost up to now."""
        started = now if self.started is None else self.started
        first_token = now if self.first_token is None else self.first_token
        return Usage(
            prompt_tokens=sequence.prompt_tokens,
            reused_tokens=min(sequence.reused, sequence.prompt_tokens),
            evaluated_tokens=sequence.evaluated,
            tier=sequence.tier,
            completion_tokens=sequence.completion_tokens,
            queued_seconds=started - self.submitted,
            prefill_seconds=max(0.0, first_token - started),
            decode_seconds=now - max(first_token, started),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """The engine since it was opened."""

    finished: dict[FinishReason, int]
    """Requests by how they ended."""
    waiting: int
    running: int
    prompt_tokens: int
    reused_tokens: int
    evaluated_tokens: int
    completion_tokens: int
    tiers: dict[SessionTier, int]
    """Requests by where their session was."""
    steps: int
    evictions: int
    """Idle sessions that lost their slot."""
    preemptions: int
    """Running sequences that lost their slot and were read again."""
    failures: int
    """Failed decodes, each of which emptied the cache."""

    @property
    def reuse_ratio(self) -> float:
        """Share of all prompt tokens that were not decoded again."""
        return self.reused_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


@dataclass(slots=True)
class Totals:
    """Sums over the finished requests, and counts of the loop; written by the engine thread alone."""

    finished: Counter[FinishReason] = field(default_factory=Counter)
    prompt_tokens: int = 0
    reused_tokens: int = 0
    evaluated_tokens: int = 0
    completion_tokens: int = 0
    tiers: Counter[SessionTier] = field(default_factory=Counter)
    steps: int = 0
    failures: int = 0

    def add(self, reason: FinishReason, usage: Usage) -> None:
        """Counts a finished request."""
        self.finished[reason] += 1
        self.prompt_tokens += usage.prompt_tokens
        self.reused_tokens += usage.reused_tokens
        self.evaluated_tokens += usage.evaluated_tokens
        self.completion_tokens += usage.completion_tokens
        self.tiers[usage.tier] += 1

    def snapshot(self, *, running: int, waiting: int, evictions: int, preemptions: int) -> EngineStats:
        """The sums as they are now, from any thread."""
        return EngineStats(
            finished=dict(self.finished),
            waiting=waiting,
            running=running,
            prompt_tokens=self.prompt_tokens,
            reused_tokens=self.reused_tokens,
            evaluated_tokens=self.evaluated_tokens,
            completion_tokens=self.completion_tokens,
            tiers=dict(self.tiers),
            steps=self.steps,
            evictions=evictions,
            preemptions=preemptions,
            failures=self.failures,
        )
