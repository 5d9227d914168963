"""The values that cross the engine's seam: plain, frozen, without callbacks or live objects."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Interval

Role = Literal["system", "user", "assistant"]

SessionTier = Literal["none", "hot", "warm", "cold", "shared"]
"""Where the reused tokens of a prompt were: nowhere, in the session's slot, in memory, on the disk, or in the beginning
that sessions with the same system text share."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the prompt."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How the next token is drawn."""

    temperature: Annotated[float, Interval(ge=0, le=2)] = 0.3
    """0 is greedy: always the likeliest token. Higher is more varied and more often wrong."""
    top_k: Annotated[int, Ge(0)] = 40
    """Only the k likeliest tokens; 0 is all of them."""
    top_p: Annotated[float, Interval(gt=0, le=1)] = 0.9
    """Only the likeliest tokens that together have this probability; 1 is all of them."""
    min_p: Annotated[float, Interval(ge=0, le=1)] = 0.05
    """Only tokens at least this fraction as likely as the likeliest; 0 is all of them."""
    repeat_penalty: Annotated[float, Interval(gt=0, le=2)] = 1.1
    """Logits of the last tokens are divided by this; 1 is off. Keeps small models from repeating themselves."""
    repeat_last_tokens: Annotated[int, Ge(0)] = 64
    """How many last tokens the penalty looks at."""
    seed: int | None = None
    """None draws a fresh seed."""
    max_tokens: Annotated[int, Ge(1)] = 1024
    """Tokens of an answer at most; a longer one is cut, and says so."""
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these; the string itself is not part of it."""
    grammar: str | None = None
    """The answer has this form: a grammar in llama.cpp's notation, GBNF, whose first rule is `root`."""
    json_schema: str | None = None
    """The answer is JSON of this form: a JSON schema as text. Not together with a grammar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One answer to produce. The full message list is always sent; the engine finds what it already knows."""

    session_id: str
    messages: tuple[ChatMessage, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    deadline_seconds: float | None = None
    """Given up with reason FAILED and code engine.timeout when it takes longer than this; None waits."""


class FinishReason(StrEnum):
    STOP = "stop"  # the model ended, or a stop string came
    LENGTH = "length"  # max_tokens or the end of the context
    ABORTED = "aborted"  # the reader closed the stream
    FAILED = "failed"  # see the error code


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer cost. Tokens are counted from the rows really decoded."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    """Prompt tokens that were in the KV cache and were not decoded again."""
    evaluated_tokens: int = 0
    """Prompt tokens that were decoded for this answer."""
    tier: SessionTier = "none"
    """Where the reused tokens were."""
    completion_tokens: int = 0
    queued_seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting; `ahead` requests come first."""

    ahead: int


@dataclass(frozen=True, slots=True)
class Prefilling:
    """Reading the prompt: `done` of `total` tokens that were not in the cache."""

    done: int
    total: int
    seconds_left: float | None
    """None while there is nothing to estimate from."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next words; whole characters only."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last event of every stream, exactly once."""

    reason: FinishReason
    usage: Usage
    error_code: str | None = None
    """A code of `engines.errors` when the reason is FAILED."""


GenerationEvent = Queued | Prefilling | TextDelta | Finished
