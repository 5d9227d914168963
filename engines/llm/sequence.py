"""One answer being produced."""

from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from enum import Enum, auto

from engines.llm.lookup import PromptLookup
from engines.llm.request import FinishReason, SessionTier


class Status(Enum):
    WAITING = auto()  # has no slot
    PREFILLING = auto()  # in a slot; tokens before the next one to draw are not in the cache yet
    DECODING = auto()  # in a slot; only the newest token is not in the cache
    FINISHED = auto()  # has a finish reason, and no slot any more


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.PREFILLING, Status.FINISHED}),
    Status.PREFILLING: frozenset({Status.DECODING, Status.WAITING, Status.FINISHED}),
    Status.DECODING: frozenset({Status.WAITING, Status.FINISHED}),
    Status.FINISHED: frozenset(),
}
"""The way back to WAITING is preemption: the cache was full and this sequence was the newest."""


@dataclass(slots=True, kw_only=True, eq=False)
class Sequence:
    """The tokens of a prompt and its answer, and how far the model has read them.

        0          reused            computed       computed + scheduled      len(tokens)
        |----------|-----------------|--------------|-------------------------|
         was there  decoded by now    in this plan   still to be decoded

    The prompt is tokens[:prompt_tokens]; what follows was drawn.
    """

    sequence_id: int
    session_id: str
    tokens: list[int]
    prompt_tokens: int
    max_tokens: int
    status: Status = Status.WAITING
    finish_reason: FinishReason | None = None
    slot: int | None = None
    reused: int = 0
    computed: int = 0
    scheduled: int = 0
    guess: tuple[int, ...] = ()
    """What may follow the tokens; in this plan behind the scheduled ones."""
    lookup: PromptLookup = field(default_factory=PromptLookup)
    tier: SessionTier = "none"
    """Where the reused tokens were."""
    shareable: int = 0
    """Leading tokens that are the system text, which other sessions may begin with; 0 once that is known."""
    evaluated: int = 0
    """Prompt tokens decoded for this answer, counted from plans that succeeded; more than once after preemption."""

    @property
    def remaining(self) -> int:
        """Tokens that must be decoded before the next one can be drawn."""
        return len(self.tokens) - self.computed

    @property
    def completion_tokens(self) -> int:
        """Tokens drawn so far."""
        return len(self.tokens) - self.prompt_tokens

    def enter(self, status: Status) -> None:
        """Changes the status."""
        assert status in TRANSITIONS[self.status], f"{self.status} -> {status}"
        self.status = status

    def start(self, slot: int, reused: int) -> None:
        """Takes its place in a slot that already holds the first `reused` tokens."""
        self.enter(Status.PREFILLING)
        self.slot = slot
        self.resume(reused, "hot")

    def resume(self, reused: int, tier: SessionTier) -> None:
        """Goes on behind the first `reused` tokens, which came into the slot from elsewhere; or went, all of them."""
        self.reused = self.computed = reused
        self.tier = tier if reused else "none"

    def preempt(self) -> None:
        """Gives its slot back and waits to be read again from the start."""
        self.enter(Status.WAITING)
        self.slot = None
        self.withdraw()
        self.resume(0, "none")

    def finish(self, reason: FinishReason) -> None:
        """Ends, once."""
        self.enter(Status.FINISHED)
        self.slot, self.finish_reason = None, reason
        self.withdraw()

    @property
    def end(self) -> int:
        """Where the cache will end after this plan, as far as that is certain."""
        return self.computed + self.scheduled

    def digest(self) -> None:
        """The scheduled tokens are in the cache now."""
        self.evaluated += max(0, min(self.end, self.prompt_tokens) - self.computed)
        self.computed += self.scheduled
        self.withdraw()

    def confirm(self, tokens: Items[int]) -> None:
        """These were guessed, drawn, and are in the cache already."""
        self.tokens += tokens
        self.computed += len(tokens)

    def withdraw(self) -> None:
        """Nothing of it is in a plan."""
        self.scheduled, self.guess = 0, ()
